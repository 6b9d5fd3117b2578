// boxes.js - the boxes of an answer on their picture: drawn as SVG over it, as a list, and as files.
//
// A box: { label, group, box: [x1, y1, x2, y2] in 0..999, pixels: the same of the picture, picture: its number in the request }
import { blobOf, canvasOf } from './pictures.js';
import { copyText, download, el, smallButton, svg } from './dom.js';
import { enlarge } from './enlarge.js';
import { iconButton } from './icons.js';
import { t } from './language.js';

const COLOURS = ['#e6194b', '#1a8a35', '#4363d8', '#c25a00', '#911eb4', '#00807a', '#d6249f', '#7a5c00', '#b5483a', '#4b5bd6',
  '#9a1750', '#5c6b00', '#00608f'];
const LINES_A_SIDE = 200, LETTERS_A_SIDE = 28;

export const colourOf = group => COLOURS[group % COLOURS.length];

const sideOf = picture => Math.max(picture.width, picture.height);

function boxShape(b, picture) {
  const [x1, y1, x2, y2] = b.pixels;
  const letters = sideOf(picture) / LETTERS_A_SIDE, colour = colourOf(b.group);
  const base = y1 > letters * 1.3 ? y1 - letters * 0.3 : y1 + letters;
  return svg('g', { class: 'box', 'data-group': b.group },
    svg('rect', { x: x1, y: y1, width: Math.max(x2 - x1, 1), height: Math.max(y2 - y1, 1), fill: colour, 'fill-opacity': 0.08,
      stroke: colour, 'stroke-width': Math.max(sideOf(picture) / LINES_A_SIDE, 0.5) }),
    svg('text', { x: x1, y: base, fill: colour, stroke: '#fff', 'stroke-width': letters / 6, 'paint-order': 'stroke',
      'font-size': letters, 'font-family': 'sans-serif', 'font-weight': 600 }, b.label));
}

// Small pictures are shown larger, so that labels can be read.
const LEAST_SHOWN = 320; // CSS pixels of the longer side
const widthShown = picture => Math.round(picture.width * Math.max(1, LEAST_SHOWN / sideOf(picture)));

const areaOf = ({ pixels: [x1, y1, x2, y2] }) => (x2 - x1) * (y2 - y1);

// Small boxes lie over large ones, so that each can be pointed at.
const layerOf = (picture, boxes, fields) =>
  svg('svg', { viewBox: `0 0 ${picture.width} ${picture.height}`, ...fields },
    boxes.toSorted((a, b) => areaOf(b) - areaOf(a)).map(b => boxShape(b, picture)));

// ---- files ----

function asSvg(picture, boxes) {
  const root = layerOf(picture, boxes, { xmlns: 'http://www.w3.org/2000/svg', width: picture.width, height: picture.height });
  root.prepend(svg('image', { href: picture.dataUrl, width: picture.width, height: picture.height }));
  return new XMLSerializer().serializeToString(root);
}

const asJson = (picture, boxes) => JSON.stringify({
  picture: { name: picture.name, width: picture.width, height: picture.height },
  boxes: boxes.map(({ label, group, box, pixels }) => ({ label, group, box, pixels })),
}, null, 2);

async function asPng(picture, boxes) {
  const canvas = canvasOf(picture.width, picture.height), to = canvas.getContext('2d');
  const letters = sideOf(picture) / LETTERS_A_SIDE;
  to.drawImage(await createImageBitmap(picture.blob), 0, 0);
  to.font = `600 ${letters}px sans-serif`;
  for (const b of boxes) {
    const [x1, y1, x2, y2] = b.pixels;
    to.strokeStyle = to.fillStyle = colourOf(b.group);
    to.lineWidth = Math.max(sideOf(picture) / LINES_A_SIDE, 1);
    to.strokeRect(x1, y1, x2 - x1, y2 - y1);
    to.fillText(b.label, x1, y1 > letters * 1.3 ? y1 - letters * 0.3 : y1 + letters);
  }
  return blobOf(canvas);
}

const FILES = {
  PNG: asPng,
  SVG: (picture, boxes) => new Blob([asSvg(picture, boxes)], { type: 'image/svg+xml' }),
  JSON: (picture, boxes) => new Blob([asJson(picture, boxes)], { type: 'application/json' }),
};

async function saveAs(kind, picture, boxes) {
  const name = picture.name.replace(/\.\w+$/, '');
  download(`${name}-boxes.${kind.toLowerCase()}`, await FILES[kind](picture, boxes));
}

// ---- on the page ----

const lineOf = b => `${b.label}  [${b.box.join(', ')}]  ${b.pixels.join(', ')} px`;

const listItem = b => el('li', { 'data-group': b.group, tabindex: 0, class: 'box-line' },
  el('b', {}, b.label), ` [${b.box.join(', ')}] `, el('span', { class: 'dim' }, `${b.pixels.join(', ')} ${t('pixels')}`));

function tools(layer, picture, boxes, number) {
  const shown = el('input', { type: 'checkbox', checked: true, onchange: e => layer.classList.toggle('off', !e.target.checked) });
  const opacity = el('input', { type: 'range', min: 10, max: 100, value: 100,
    oninput: e => { layer.style.opacity = e.target.value / 100; } });
  return el('div', { class: 'tools' },
    el('label', {}, shown, ' ', t('showBoxes')), el('label', {}, t('opacity'), ' ', opacity),
    iconButton('enlarge', t('enlarge', number), () => enlarge(picture, number, layer.cloneNode(true))),
    Object.keys(FILES).map(kind => smallButton(kind, () => saveAs(kind, picture, boxes), { 'aria-label': t('save', kind) })),
    smallButton(t('copyBoxes'), () => copyText(boxes.map(lineOf).join('\n'))));
}

// The picture with its boxes; `number`: what the conversation calls it.
export function boxedPicture(picture, boxes, number) {
  const layer = layerOf(picture, boxes, { class: 'boxes', 'aria-hidden': 'true' });
  const alt = t('boxesOn', number, boxes.map(b => b.label).join(', '));
  const stage = el('div', { class: 'stage' }, el('img', { src: picture.url, alt }), layer);
  stage.style.setProperty('--shown', `${widthShown(picture)}px`);
  stage.style.setProperty('--ratio', picture.width / picture.height);
  return el('figure', { class: 'boxed', 'data-picture': number }, stage, tools(layer, picture, boxes, number),
    el('ol', { 'aria-label': t('boxes') }, boxes.map(listItem)));
}

// Whatever names a group shows all that belongs to it, within one answer.
export function linkGroups(root) {
  const mark = (event, on) => {
    const group = event.target.closest?.('[data-group]')?.dataset.group;
    if (group === undefined) return;
    for (const node of root.querySelectorAll(`[data-group="${group}"]`)) node.classList.toggle('lit', on);
  };
  for (const [name, on] of [['mouseover', true], ['mouseout', false], ['focusin', true], ['focusout', false]])
    root.addEventListener(name, event => mark(event, on));
}

// Paints phrases and lines in the colours of their boxes.
export function paintGroups(root) {
  for (const node of root.querySelectorAll('.phrase, .box-line'))
    node.style.setProperty('--group', colourOf(Number(node.dataset.group)));
}
