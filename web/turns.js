// turns.js - the turns of a conversation on the page. What its buttons do is app.js's: actions.edit(turn, text), again(turn),
// resume(turn), takeOut(turn), removeLast(), show(turn).
import { boxedPicture, linkGroups, paintGroups } from './boxes.js';
import { boxesInText, rendered, withChips } from './markdown.js';
import { copyText, el, smallButton } from './dom.js';
import { branchesOf } from './talk.js';
import { enlarge } from './enlarge.js';
import { iconButton } from './icons.js';
import { likelyText } from './likely.js';
import { pictureOf } from './pictures.js';
import { t } from './language.js';

// ‹ 2/3 ›
function branchButtons(talk, turn, actions) {
  const branches = branchesOf(talk, turn), i = branches.indexOf(turn);
  if (branches.length < 2) return null;
  return el('span', { class: 'row branches', role: 'group', 'aria-label': t('version', i + 1, branches.length) },
    iconButton('left', t('previous'), () => actions.show(branches[i - 1]), { disabled: i === 0 }),
    `${i + 1}/${branches.length}`,
    iconButton('right', t('next'), () => actions.show(branches[i + 1]), { disabled: i + 1 === branches.length }));
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
    area, el('div', { class: 'row' }, el('button', { class: 'small strong' }, t('editSend')), smallButton(t('cancel'), close)));
  form.addEventListener('keydown', e => { if (e.key === 'Escape') { e.stopPropagation(); close(); } });
  text.hidden = tools.hidden = true;
  text.after(form);
  area.focus();
}

function questionElement(talk, turn, firstNumber, actions) {
  const root = el('article', { class: 'turn user', 'data-turn': turn.id }, el('h2', { class: 'unseen' }, t('you')),
    turn.pictures.length > 0 && el('ul', { class: 'sent' }, turn.pictures.map((id, i) => sentPicture(id, firstNumber + i))),
    el('div', { class: 'text', hidden: !turn.text }, withChips(turn.text)),
    el('div', { class: 'tools row' }, iconButton('copy', t('copy'), () => copyText(turn.text)),
      iconButton('edit', t('edit'), () => openEditor(root, turn, actions)),
      iconButton('remove', t('takeOutTurn'), () => actions.takeOut(turn)), branchButtons(talk, turn, actions)));
  return root;
}

// ---- answers ----

const perSecond = (n, ms) => (ms > 0 ? (n / ms * 1000).toFixed(1) : '–');

const ENDINGS = { stop: 'byItself', length: 'cut', cancelled: 'stopped' };

function statistics({ timings: m, usage, finish, model }) {
  if (!m || !usage) return null;
  const { image_tokens: image, cached_tokens: cached } = usage.prompt_tokens_details;
  const first = (m.first_token_ms / 1000).toFixed(2), writes = perSecond(m.predicted_n - 1, m.predicted_ms);
  const reads = perSecond(m.prompt_n - m.cached_n, m.vision_ms + m.prompt_ms);
  const lines = [t('statsRead', usage.prompt_tokens, image, cached, reads), t('statsWritten', usage.completion_tokens, writes),
    t('statsFirst', first), t('statsEnd', t(ENDINGS[finish] ?? 'byItself')), model && t('statsModel', model)];
  return el('details', { class: 'statistics' },
    el('summary', {}, t('stats', usage.completion_tokens, writes, first)), el('ul', {}, lines.map(line => line && el('li', {}, line))));
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

// While an answer is written only its text changes.
export function putText(root, turn) {
  root.querySelector('.text').replaceChildren(rendered(turn.text));
  paintGroups(root);
}

const VIEWS = {
  raw: turn => el('pre', { class: 'raw', tabindex: 0 }, turn.text),
  likely: turn => likelyText(turn.tokens),
};

// Buttons for other views of the text; a second press shows the usual one.
function viewButtons(root, turn) {
  const names = turn.tokens?.length ? ['raw', 'likely'] : ['raw'];
  const press = name => {
    const off = buttons[names.indexOf(name)].getAttribute('aria-pressed') === 'true';
    names.forEach((other, i) => buttons[i].setAttribute('aria-pressed', String(!off && other === name)));
    if (off) putText(root, turn);
    else root.querySelector('.text').replaceChildren(VIEWS[name](turn));
  };
  const buttons = names.map(name => smallButton(t(name), () => press(name), { 'aria-pressed': 'false' }));
  return buttons;
}

function answerTools(root, talk, turn, isLast, actions) {
  return el('div', { class: 'tools row' }, turn.text && iconButton('copy', t('copy'), () => copyText(turn.text)),
    turn.error ? smallButton(t('tryAgain'), () => actions.again(turn))
      : iconButton('again', t('again'), () => actions.again(turn)),
    isLast && iconButton('remove', t('removeLast'), actions.removeLast), branchButtons(talk, turn, actions),
    turn.text && viewButtons(root, turn),
    isLast && turn.text && turn.finish !== 'stop' && smallButton(t('continue'), () => actions.resume(turn), { class: 'small strong' }));
}

function answerElement(talk, turn, numbers, isLast, actions) {
  const root = el('article', { class: 'turn assistant', 'data-turn': turn.id }, el('h2', { class: 'unseen' }, t('assistant')),
    el('div', { class: 'text' }));
  putText(root, turn);
  if (!turn.finish && !turn.error) root.classList.add('running');
  else root.append(...[...boxedPictures(turn, numbers), turn.error && el('p', { class: 'error' }, turn.error),
    ['length', 'cancelled'].includes(turn.finish) && el('p', { class: 'dim' }, `(${t(ENDINGS[turn.finish])})`),
    answerTools(root, talk, turn, isLast, actions), statistics(turn)].filter(Boolean));
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
