// enlarge.js - a picture alone, to look at closely: zoomed by the slider or the wheel about the point under it, moved by
// scrolling or dragging.
import { at, el } from './dom.js';
import { t } from './language.js';

const MOST = 8, WHEEL = 0.3;

function pan(stage) {
  let from = null;
  stage.onpointerdown = e => { from = { x: e.clientX + stage.scrollLeft, y: e.clientY + stage.scrollTop }; e.preventDefault(); };
  stage.onpointermove = e => {
    if (!from) return;
    stage.scrollLeft = from.x - e.clientX;
    stage.scrollTop = from.y - e.clientY;
  };
  stage.onpointerup = stage.onpointerleave = stage.onpointercancel = () => { from = null; };
}

// What lies at (x, y) of the stage stays there.
function zoomTo(stage, paper, factor, x, y) {
  const before = paper.offsetWidth;
  paper.style.setProperty('--zoom', factor);
  const grown = paper.offsetWidth / before;
  stage.scrollLeft = (stage.scrollLeft + x) * grown - x;
  stage.scrollTop = (stage.scrollTop + y) * grown - y;
}

// `layer`: what lies over the picture, if anything
export function enlarge(picture, number, layer = null) {
  const name = t('pictureOf', number, picture.name);
  const paper = el('div', { class: 'paper' }, el('img', { src: picture.url, alt: name }), layer);
  const zoom = el('input', { type: 'range', min: 1, max: MOST, step: 0.1, value: 1, 'aria-label': t('zoom'),
    oninput: () => zoomTo(stage, paper, zoom.value, stage.clientWidth / 2, stage.clientHeight / 2) });
  const stage = el('div', { class: 'stage', tabindex: 0, onwheel: e => {
    const box = stage.getBoundingClientRect();
    e.preventDefault();
    zoom.value = Number(zoom.value) - Math.sign(e.deltaY) * WHEEL;
    zoomTo(stage, paper, zoom.value, e.clientX - box.left, e.clientY - box.top);
  } }, paper);
  pan(stage);
  paper.style.setProperty('--ratio', picture.width / picture.height);
  at('enlarged-title').textContent = `${name} · ${picture.width}×${picture.height}`;
  at('enlarged-body').replaceChildren(zoom, stage);
  at('enlarged').showModal();
}
