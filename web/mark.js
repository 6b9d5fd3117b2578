// mark.js - draw a rectangle around a thing on a picture, which is then burnt in: the model was shown such pictures.
import { blobOf, canvasOf } from './pictures.js';
import { at, svg } from './dom.js';

const RED = '#ff0000', LINES_A_SIDE = 160, STEP = 0.02;

const clip = v => Math.min(1, Math.max(0, v));
const lineWidth = p => Math.max(2, Math.round(Math.max(p.width, p.height) / LINES_A_SIDE));

// `r` in shares of the picture: { x, y, w, h }
export async function burnt(picture, r) {
  const canvas = canvasOf(picture.width, picture.height), to = canvas.getContext('2d');
  to.drawImage(await createImageBitmap(picture.blob), 0, 0);
  to.strokeStyle = RED;
  to.lineWidth = lineWidth(picture);
  to.strokeRect(r.x * picture.width, r.y * picture.height, r.w * picture.width, r.h * picture.height);
  return blobOf(canvas);
}

function place(shape, r) {
  for (const [name, value] of Object.entries({ x: r.x, y: r.y, width: r.w, height: r.h })) shape.setAttribute(name, value);
}

const between = (a, b) => ({ x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), w: Math.abs(a.x - b.x), h: Math.abs(a.y - b.y) });

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function byKey(r, event) {
  const [dx, dy] = KEYS[event.key].map(d => d * STEP);
  return event.shiftKey
    ? { ...r, w: Math.max(STEP, Math.min(1 - r.x, r.w + dx)), h: Math.max(STEP, Math.min(1 - r.y, r.h + dy)) }
    : { ...r, x: Math.max(0, Math.min(1 - r.w, r.x + dx)), y: Math.max(0, Math.min(1 - r.h, r.y + dy)) };
}

const MIDDLE = { x: 0.3, y: 0.3, w: 0.4, h: 0.4 };

// The rectangle that the user draws, or null.
export function askRectangle(picture, begin = MIDDLE) {
  const dialog = at('marking'), area = at('mark-area');
  const shape = svg('rect', { fill: 'none', stroke: RED, 'stroke-width': 3, 'vector-effect': 'non-scaling-stroke' });
  let rectangle = begin, from = null;
  const draw = r => place(shape, rectangle = r);
  const pointOf = e => {
    const b = area.getBoundingClientRect();
    return { x: clip((e.clientX - b.left) / b.width), y: clip((e.clientY - b.top) / b.height) };
  };
  at('mark-picture').src = picture.url;
  at('mark-layer').replaceChildren(shape);
  draw(rectangle);
  area.onpointerdown = e => { from = pointOf(e); area.setPointerCapture(e.pointerId); };
  area.onpointermove = e => { if (from) draw(between(from, pointOf(e))); };
  area.onpointerup = () => { from = null; };
  area.onkeydown = e => {
    if (!KEYS[e.key]) return;
    e.preventDefault();
    draw(byKey(rectangle, e));
  };
  dialog.returnValue = '';
  dialog.showModal();
  area.focus();
  return new Promise(resolve => {
    dialog.onclose = () => resolve(dialog.returnValue === 'use' && rectangle.w > 0 && rectangle.h > 0 ? rectangle : null);
  });
}
