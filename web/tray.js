// tray.js - the pictures that wait to be sent: numbered, in an order that can be changed, each with its tiles and its cost as
// the server counts them.
import { at, el, showStatus, svg } from './dom.js';
import { keepPicture, makePicture, pictureOf } from './pictures.js';
import { enlarge } from './enlarge.js';
import { iconButton } from './icons.js';
import { t } from './language.js';

let ids = [];
let costs = []; // of each, as /apply-template tells: { width, height, across, down, tokens }
let changed = () => {};

export const onTrayChange = f => { changed = f; };
export const trayPictures = () => ids.map(pictureOf);
export const trayIds = () => [...ids];

export function setTray(list) {
  ids = [...list];
  costs = [];
  draw();
  changed();
}

export function showCosts(list) {
  costs = list;
  draw();
}

// While pictures are in the making nothing is sent, as it would go without them.
let inTheMaking = 0;

export async function holdSending(work) {
  at('send').disabled = ++inTheMaking > 0;
  try {
    return await work();
  } finally {
    at('send').disabled = --inTheMaking > 0;
  }
}

export const addFiles = files => holdSending(() => addAll(files));

async function addAll(files) {
  const added = [];
  for (const file of files)
    try {
      added.push((await keepPicture(await makePicture(file, file.name || 'picture.png'))).id);
    } catch (error) {
      if (error.name !== 'InvalidStateError' && error.name !== 'EncodingError') throw error;
      showStatus(t('notAPicture', file.name), true);
    }
  if (added.length) setTray([...ids, ...added]);
}

export function replacePicture(index, id) {
  setTray(ids.with(index, id));
}

function move(index, by) {
  const list = [...ids];
  list.splice(index + by, 0, ...list.splice(index, 1));
  setTray(list);
  at('tray').children[index + by]?.querySelector('button').focus();
}

// Where the picture is cut: lines over its thumbnail.
function grid({ across, down }) {
  const line = (x1, y1, x2, y2) => svg('line', { x1, y1, x2, y2, 'vector-effect': 'non-scaling-stroke' });
  const inner = n => Array.from({ length: n - 1 }, (_, i) => (i + 1) / n);
  return svg('svg', { class: 'grid', viewBox: '0 0 1 1', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    inner(across).map(x => line(x, 0, x, 1)), inner(down).map(y => line(0, y, 1, y)));
}

const costText = (picture, c) =>
  t(c.across * c.down > 1 ? 'tiles' : 'onlyWhole', picture.width, picture.height, c.across, c.down, c.tokens);

function item(id, i) {
  const picture = pictureOf(id), cost = costs[i], n = i + 1;
  return el('li', {},
    el('button', { type: 'button', class: 'thumb', 'aria-label': t('enlarge', n), onclick: () => enlarge(picture, n) },
      el('img', { src: picture.url, alt: t('pictureOf', n, picture.name) }), cost && grid(cost),
      el('span', { class: 'number', 'aria-hidden': 'true' }, String(n))),
    el('div', { class: 'row' },
      i > 0 && iconButton('left', t('earlier', n), () => move(i, -1)),
      i + 1 < ids.length && iconButton('right', t('later', n), () => move(i, 1)),
      iconButton('close', t('takeOut', n), () => setTray(ids.toSpliced(i, 1)))),
    el('small', {}, cost ? costText(picture, cost) : `${picture.width}×${picture.height} px`));
}

function draw() {
  at('tray').replaceChildren(...ids.map(item));
  at('tray').hidden = ids.length === 0;
}

export { draw as drawTray };
