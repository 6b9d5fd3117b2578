// dom.js - elements made from script. Text is only ever put in as text; markup comes from markdown.js alone.

export const at = id => document.getElementById(id);

function put(node, name, value) {
  if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
  else if (name === 'value' || name === 'checked') node[name] = value;
  else if (value === true) node.setAttribute(name, '');
  else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
}

function made(node, fields, children) {
  for (const [name, value] of Object.entries(fields)) put(node, name, value);
  node.append(...children.flat().filter(c => c !== null && c !== undefined && c !== false));
  return node;
}

// el('button', { class: 'small', onclick: f }, 'text', otherElement)
export const el = (tag, fields = {}, ...children) => made(document.createElement(tag), fields, children);

const SVG = 'http://www.w3.org/2000/svg';
export const svg = (tag, fields = {}, ...children) => made(document.createElementNS(SVG, tag), fields, children);

// A button that shows a sign; its name is for those who do not see it, and for whoever hovers.
export const iconButton = (sign, name, onclick, fields = {}) =>
  el('button', { type: 'button', class: 'icon', 'aria-label': name, title: name, onclick, ...fields }, sign);

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

export function showStatus(text, isError = false) {
  at('status').textContent = text;
  at('status').classList.toggle('error', isError);
}

export const copyText = text => navigator.clipboard?.writeText(text) ?? copyBySelection(text);

// Where a page has no clipboard of its own: plain HTTP from another machine.
function copyBySelection(text) {
  const area = el('textarea', { value: text, class: 'unseen' });
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
