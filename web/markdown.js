// markdown.js - an answer's text as elements: markdown, LaTeX as MathML, grounded phrases. What comes out was through an
// allow-list; nothing of it loads anything or runs.
import { marked } from './vendor/marked.js';
import { copyText, el } from './dom.js';
import { t } from './language.js';

const { DOMPurify, katex } = window; // classic scripts, loaded before

// ---- formulas ----

const formula = (text, displayMode) =>
  katex.renderToString(text, { output: 'mathml', displayMode, throwOnError: false, strict: 'ignore', trust: false, maxExpand: 200, maxSize: 20 });

const FORMULAS = [
  { name: 'display', level: 'block', begin: /\$\$|\\\[/, rule: /^(?:\$\$([^]+?)\$\$|\\\[([^]+?)\\\])/ },
  { name: 'inline', level: 'inline', begin: /\$|\\\(/, rule: /^(?:\$\$?([^\s$](?:[^$\n]*[^\s$])?)\$\$?(?!\d)|\\\(([^\n]+?)\\\))/ },
];

const escaped = text => text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);

marked.use({
  gfm: true,
  renderer: { html: ({ text }) => (/^<br ?\/?>$/i.test(text) ? '<br>' : escaped(text)) }, // tags of a model stay text
  extensions: FORMULAS.map(({ name, level, begin, rule }) => ({
    name,
    level,
    start: text => text.match(begin)?.index,
    tokenizer(text) {
      const found = rule.exec(text);
      return found ? { type: name, raw: found[0], formula: found[1] ?? found[2] } : undefined;
    },
    renderer: token => formula(token.formula, name === 'display'),
  })),
});

// ---- grounded phrases ----

const GROUNDED = /<\|ref\|>([^]*?)<\|\/ref\|>(?:\s*<\|det\|>([^]*?)<\|\/det\|>)?/g;
const PRIVATE = /[\uE000\uE001]/g, PLACE = /\uE000(\d+)\uE001/;

// The text with a place holder for each phrase, and the phrases.
function takePhrases(text) {
  const phrases = [];
  const rest = text.replace(PRIVATE, '').replace(GROUNDED, (whole, label) => {
    phrases.push(label.trim());
    return `\uE000${phrases.length - 1}\uE001`;
  });
  return { rest, phrases };
}

const phraseElement = (label, group) =>
  el('span', { class: 'phrase', 'data-group': group, tabindex: 0, role: 'button', 'aria-label': t('showBox', label) }, label);

function putPhrases(root, phrases) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (PLACE.test(walker.currentNode.data)) texts.push(walker.currentNode);
  for (const node of texts)
    node.replaceWith(...node.data.split(/(\uE000\d+\uE001)/).map(piece => {
      const group = PLACE.exec(piece)?.[1];
      return group === undefined ? piece : phraseElement(phrases[group] ?? '', group);
    }));
}

// Boxes as far as the text itself says, for an answer that the server did not get to the end of. 0 to 999.
export function boxesInText(text) {
  const boxes = [];
  let group = 0;
  for (const [, label, list] of text.matchAll(GROUNDED)) {
    for (const [, inner] of (list ?? '').matchAll(/\[([\d\s,]+)\]/g)) {
      const box = inner.split(',').map(Number);
      if (box.length === 4 && box.every(n => n >= 0 && n <= 999)) boxes.push({ label: label.trim(), group, box });
    }
    group++;
  }
  return boxes;
}

// ---- code ----

function addCopyButtons(root) {
  for (const block of root.querySelectorAll('pre')) {
    const text = block.textContent;
    block.tabIndex = 0; // it can be scrolled
    block.append(el('button', { type: 'button', class: 'copy', onclick: () => copyText(text) }, t('copy')));
  }
}

// ---- all of it ----

const ALLOWED = {
  USE_PROFILES: { html: true, mathMl: true },
  ADD_TAGS: ['semantics', 'annotation'],
  FORBID_TAGS: ['style', 'form', 'input', 'textarea', 'select', 'button', 'dialog', 'img', 'picture', 'video', 'audio', 'source'],
  FORBID_ATTR: ['style', 'id', 'name', 'tabindex', 'popover', 'contenteditable'],
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

function openElsewhere(root) {
  for (const link of root.querySelectorAll('a')) {
    link.target = '_blank';
    link.rel = 'noopener noreferrer';
  }
}

export function rendered(text) {
  const { rest, phrases } = takePhrases(text);
  const root = DOMPurify.sanitize(marked.parse(rest), ALLOWED);
  putPhrases(root, phrases);
  addCopyButtons(root);
  openElsewhere(root);
  return root;
}

// A question as it was written, its special tokens as chips.
export const withChips = text =>
  text.split(/(<\|[^|<>]*\|>|<image>)/).map((piece, i) => (i % 2 ? el('code', { class: 'chip' }, piece) : piece));
