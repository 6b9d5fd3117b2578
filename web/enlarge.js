// enlarge.js - a picture alone, to look at closely: zoomed by the slider or the wheel, moved by scrolling or dragging.
import { at, el } from './dom.js';
import { t } from './language.js';

const MOST = 8;

function pan(stage) {
  let from = null;
  stage.onpointerdown = e => { from = { x: e.clientX + stage.scrollLeft, y: e.clientY + stage.scrollTop }; e.preventDefault(); };
  stage.onpointermove = e => {
    if (!from) return;
    stage.scrollLeft = from.x - e.clientX;
    stage.scrollTop = from.y - e.clientY;
  };
  stage.onpointerup = stage.onpointerleave = () => { from = null; };
}

export function enlarge(picture, number) {
  const image = el('img', { src: picture.url, alt: t('pictureOf', number, picture.name) });
  const zoom = el('input', { type: 'range', min: 1, max: MOST, step: 0.1, value: 1, 'aria-label': t('zoom'),
    oninput: () => { image.style.width = `${zoom.value * 100}%`; } });
  const stage = el('div', { class: 'stage', tabindex: 0, onwheel: e => {
    e.preventDefault();
    zoom.value = Number(zoom.value) - Math.sign(e.deltaY) * 0.3;
    zoom.dispatchEvent(new Event('input'));
  } }, image);
  pan(stage);
  at('enlarged-title').textContent = `${t('pictureOf', number, picture.name)} · ${picture.width}×${picture.height}`;
  at('enlarged-body').replaceChildren(zoom, stage);
  at('enlarged').showModal();
}
