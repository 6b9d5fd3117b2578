// turns.js - the turns of a conversation on the page. What its buttons do is app.js's: actions.edit(turn, text), again(turn),
// resume(turn), removeLast(), show(turn).
import { boxedPicture, linkGroups, paintGroups } from './boxes.js';
import { boxesInText, rendered, withChips } from './markdown.js';
import { copyText, el, iconButton } from './dom.js';
import { enlarge } from './enlarge.js';
import { branchesOf } from './talk.js';
import { pictureOf } from './pictures.js';
import { t } from './language.js';

const smallButton = (key, onclick) => el('button', { type: 'button', class: 'small', onclick }, t(key));

// ‹ 2/3 ›
function branchButtons(talk, turn, actions) {
  const branches = branchesOf(talk, turn), i = branches.indexOf(turn);
  if (branches.length < 2) return null;
  return el('span', { class: 'row branches', role: 'group', 'aria-label': t('version', i + 1, branches.length) },
    iconButton('‹', t('previous'), () => actions.show(branches[i - 1]), { disabled: i === 0 }),
    `${i + 1}/${branches.length}`,
    iconButton('›', t('next'), () => actions.show(branches[i + 1]), { disabled: i + 1 === branches.length }));
}

// ---- questions ----

function sentPicture(id, number) {
  const picture = pictureOf(id);
  if (!picture) return null;
  return el('li', {}, el('button', { type: 'button', class: 'thumb', 'aria-label': t('enlarge', number),
    onclick: () => enlarge(picture, number) },
  el('img', { src: picture.url, alt: t('pictureOf', number, picture.name) }),
  el('span', { class: 'number', 'aria-hidden': 'true' }, String(number))));
}

export function openEditor(root, turn, actions) {
  const area = el('textarea', { value: turn.text, rows: 4, 'aria-label': t('edit') });
  const text = root.querySelector('.text'), tools = root.querySelector('.tools');
  const close = () => { form.remove(); text.hidden = tools.hidden = false; };
  const form = el('form', { class: 'editor', onsubmit: e => { e.preventDefault(); actions.edit(turn, area.value); } },
    area, el('div', { class: 'row' }, el('button', { class: 'small' }, t('editSend')), smallButton('cancel', close)));
  form.addEventListener('keydown', e => { if (e.key === 'Escape') { e.stopPropagation(); close(); } });
  text.hidden = tools.hidden = true;
  text.after(form);
  area.focus();
}

function questionElement(talk, turn, firstNumber, actions) {
  const root = el('article', { class: 'turn user', 'data-turn': turn.id }, el('h2', {}, t('you')),
    turn.pictures.length > 0 && el('ul', { class: 'sent' }, turn.pictures.map((id, i) => sentPicture(id, firstNumber + i))),
    el('div', { class: 'text' }, withChips(turn.text)),
    el('div', { class: 'tools row' }, smallButton('copy', () => copyText(turn.text)),
      smallButton('edit', () => openEditor(root, turn, actions)), branchButtons(talk, turn, actions)));
  return root;
}

// ---- answers ----

const perSecond = (n, ms) => (ms > 0 ? (n / ms * 1000).toFixed(1) : '–');

function statistics({ timings: m, usage }) {
  if (!m || !usage) return null;
  const { image_tokens: image, cached_tokens: cached } = usage.prompt_tokens_details;
  return el('small', { class: 'statistics' }, t('stats', usage.prompt_tokens, image, cached, usage.completion_tokens,
    (m.first_token_ms / 1000).toFixed(2), perSecond(m.prompt_n - m.cached_n, m.vision_ms + m.prompt_ms),
    perSecond(m.predicted_n - 1, m.predicted_ms)));
}

// As the server tells; of an answer that was stopped, what its text says, on the last picture.
function boxesOf(turn) {
  const last = (turn.shown?.length ?? 0) - 1, picture = pictureOf(turn.shown?.[last]);
  if (turn.boxes) return turn.boxes;
  if (!picture) return [];
  const scale = [picture.width, picture.height, picture.width, picture.height];
  return boxesInText(turn.text).map(b => ({ ...b, picture: last, pixels: b.box.map((v, k) => Math.round(v / 999 * scale[k])) }));
}

function boxedPictures(turn, numbers) {
  const boxes = boxesOf(turn);
  return (turn.shown ?? []).map((id, i) => {
    const own = boxes.filter(b => b.picture === i), picture = pictureOf(id);
    return own.length && picture ? boxedPicture(picture, own, numbers.get(id)) : null;
  });
}

const ENDINGS = { length: 'cut', cancelled: 'stopped' };

// While an answer is written only its text changes.
export function putText(root, turn) {
  root.querySelector('.text').replaceChildren(rendered(turn.text));
  paintGroups(root);
}

function toggleRaw(root, turn, button) {
  const raw = button.getAttribute('aria-pressed') !== 'true';
  button.setAttribute('aria-pressed', String(raw));
  if (raw) root.querySelector('.text').replaceChildren(el('pre', { class: 'raw', tabindex: 0 }, turn.text));
  else putText(root, turn);
}

function answerTools(root, talk, turn, isLast, actions) {
  const raw = el('button', { type: 'button', class: 'small', 'aria-pressed': 'false',
    onclick: e => toggleRaw(root, turn, e.currentTarget) }, t('raw'));
  return el('div', { class: 'tools row' }, smallButton('copy', () => copyText(turn.text)), raw,
    smallButton('again', () => actions.again(turn)),
    isLast && turn.text && ENDINGS[turn.finish] && smallButton('continue', () => actions.resume(turn)),
    isLast && smallButton('removeLast', actions.removeLast), branchButtons(talk, turn, actions));
}

function answerElement(talk, turn, numbers, isLast, actions) {
  const root = el('article', { class: 'turn assistant', 'data-turn': turn.id }, el('h2', {}, t('assistant')),
    el('div', { class: 'text' }));
  putText(root, turn);
  if (!turn.finish && !turn.error) root.classList.add('running');
  else root.append(...[...boxedPictures(turn, numbers), turn.error && el('p', { class: 'error' }, turn.error),
    ENDINGS[turn.finish] && el('p', { class: 'dim' }, `(${t(ENDINGS[turn.finish])})`), statistics(turn),
    answerTools(root, talk, turn, isLast, actions)].filter(Boolean));
  linkGroups(root);
  paintGroups(root);
  return root;
}

// ---- all ----

export function turnElements(talk, path, actions) {
  const numbers = new Map();
  return path.map(turn => {
    const first = numbers.size + 1, isLast = turn === path.at(-1);
    turn.pictures.forEach(id => numbers.set(id, numbers.size + 1));
    return turn.role === 'user'
      ? questionElement(talk, turn, first, actions)
      : answerElement(talk, turn, numbers, isLast, actions);
  });
}
