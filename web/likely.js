// likely.js - an answer token by token: each shaded by how unlikely it was; what else might have come is told on hover, touch or
// by the arrow keys.
//
// A token as it is kept: [text, probability, [[text, probability], ...]], the most likely ones last.
import { el } from './dom.js';
import { t } from './language.js';

export const OTHERS = 5;

const share = logprob => Math.round(Math.exp(logprob) * 1e4) / 1e4;
const others = list => list.map(o => [o.token, share(o.logprob)]);

// From the server's list. Tokens that only together make a letter become one, as likely as all of them.
export function tokensOf(content) {
  const decoder = new TextDecoder(), tokens = [];
  let sum = 0;
  for (const { bytes, logprob, top_logprobs: top } of content) {
    const text = decoder.decode(Uint8Array.from(bytes), { stream: true }), whole = sum === 0;
    sum += logprob;
    if (!text) continue;
    tokens.push([text, share(sum), whole ? others(top) : []]);
    sum = 0;
  }
  return tokens;
}

const LEVELS = [0.9, 0.6, 0.3, 0.1]; // from level 0 to 3 at least as likely; below all of them is level 4
const levelOf = probability => LEVELS.filter(least => probability < least).length;
const percent = probability => `${(probability * 100).toFixed(1)} %`;
const seen = text => text.replaceAll('\n', '↵').replaceAll(' ', '␣');

const tipLine = ([text, probability], isTaken) =>
  el('tr', { class: isTaken ? 'taken' : null }, el('td', {}, seen(text)), el('td', {}, percent(probability)));

function fillTip(tip, [text, probability, list]) {
  const isListed = list.some(([other]) => other === text);
  tip.replaceChildren(el('table', {}, list.map(o => tipLine(o, o[0] === text)), !isListed && tipLine([text, probability], true)));
}

// Below its token, within the width of the text.
function placeTip(tip, token, root) {
  const left = Math.min(token.offsetLeft, root.clientWidth - tip.offsetWidth);
  tip.style.left = `${Math.max(0, left)}px`;
  tip.style.top = `${token.offsetTop + token.offsetHeight + 4}px`;
}

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

function step(root, event) {
  const by = STEPS[event.key], all = [...root.querySelectorAll('.token')], now = all.indexOf(event.target);
  if (!by || now < 0) return;
  event.preventDefault();
  all[Math.min(all.length - 1, Math.max(0, now + by))].focus();
}

const tokenElement = ([text, probability], i) =>
  el('span', { class: `token level-${levelOf(probability)}`, tabindex: i === 0 ? 0 : -1, 'data-i': i,
    'aria-description': percent(probability) }, text);

const legend = () => el('p', { class: 'legend dim' }, t('likelyHelp'), ' ',
  LEVELS.map((least, i) => el('span', { class: `token level-${i}` }, `≥ ${least * 100} %`)),
  el('span', { class: `token level-${LEVELS.length}` }, t('likelyRest')));

export function likelyText(tokens) {
  const tip = el('div', { class: 'tip', role: 'status', hidden: true });
  const root = el('div', { class: 'likely' }, el('div', { class: 'tokens' }, tokens.map(tokenElement)), tip, legend());
  const show = event => {
    const token = event.target.closest('.tokens .token');
    tip.hidden = !token;
    if (!token) return;
    fillTip(tip, tokens[token.dataset.i]);
    placeTip(tip, token, root);
  };
  root.addEventListener('mouseover', show);
  root.addEventListener('focusin', show);
  root.addEventListener('mouseleave', () => { tip.hidden = true; });
  root.addEventListener('focusout', () => { tip.hidden = true; });
  root.addEventListener('keydown', event => step(root, event));
  return root;
}
