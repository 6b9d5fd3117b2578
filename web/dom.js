// dom.js - elements made from script, and what the page says of itself. Text is only ever put in as text; markup comes from
// markdown.js alone.
import { t } from './language.js';

export const at = id => document.getElementById(id);

function put(node, name, value) {
  if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
  else if (name === 'value' || name === 'checked') node[name] = value;
  else if (value === true) node.setAttribute(name, '');
  else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
}

function made(node, fields, children) {
  for (const [name, value] of Object.entries(fields)) put(node, name, value);
  node.append(...children.flat().filter(c => c !== null && c !== undefined && c !== false && c !== ''));
  return node;
}

// el('button', { class: 'small', onclick: f }, 'text', otherElement)
export const el = (tag, fields = {}, ...children) => made(document.createElement(tag), fields, children);

const SVG = 'http://www.w3.org/2000/svg';
export const svg = (tag, fields = {}, ...children) => made(document.createElementNS(SVG, tag), fields, children);

export const smallButton = (text, onclick, fields = {}) =>
  el('button', { type: 'button', class: 'small', onclick, ...fields }, text);

export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// What screen readers say next; the same text twice is said twice.
export function announce(text) {
  at('said').append(el('p', {}, text));
  while (at('said').childElementCount > 20) at('said').firstChild.remove();
}

// `wayOut`: { text, act }, a button behind the text, gone once it is pressed.
export function showStatus(text, isError = false, wayOut = null) {
  const act = () => { showStatus(''); wayOut.act(); };
  at('status').replaceChildren(text, ...(wayOut ? [smallButton(wayOut.text, act)] : []));
  at('status').classList.toggle('error', isError);
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text);
  }
  showStatus(t('copied'));
}

// Where a page has no clipboard of its own, or may not use it: plain HTTP from another machine.
function copyBySelection(text) {
  const area = el('textarea', { value: text, class: 'unseen' });
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
