// list.js - the conversations that this browser keeps: pinned ones first, then the latest; search, rename, pin, delete, and all
// of them as a file.
import { allTalks, loadPicture, removeTalk, savePicture, saveTalk } from './store.js';
import { at, download, el, showStatus } from './dom.js';
import { endBrokenOff, newId, picturesOf, titleOf } from './talk.js';
import { icon, iconButton } from './icons.js';
import { dataUrlOf, needPictures, pictureFromDataUrl } from './pictures.js';
import { t } from './language.js';

let talks = [];
let current = null;
let renamed = null; // the one whose name is being written
let act = null;
const removed = new Set();

// `actions`: open(talk), of none after the current one was deleted; removed(talk)
export async function startList(actions) {
  act = actions;
  talks = await allTalks();
  talks.forEach(endBrokenOff);
  act.open(talks.find(talk => talk.id === sessionStorage.getItem('vl2.talk')) ?? null);
}

export function showAsCurrent(talk) {
  current = talk;
  sessionStorage.setItem('vl2.talk', talk.id); // a reload comes back to it
  drawList();
}

// Conversations without a turn are not kept, nor those that were deleted while they were answered.
export async function keepTalk(talk) {
  if (!Object.keys(talk.turns).length || removed.has(talk)) return;
  if (!talks.includes(talk)) talks.push(talk);
  await saveTalk(talk);
  drawList();
}

const nameOf = talk => titleOf(talk) || t('untitled');

function rename(talk) {
  renamed = talk;
  drawList();
  at('talks').querySelector('input').select();
}

async function nameWritten(talk, title) {
  if (renamed !== talk) return; // taking the field away tells that it is left
  renamed = null;
  talk.title = title.trim();
  await keepTalk(talk);
}

function nameKey(event, talk) {
  if (event.key === 'Enter') nameWritten(talk, event.target.value);
  if (event.key !== 'Escape') return;
  event.stopPropagation();
  renamed = null;
  drawList();
}

async function pin(talk) {
  talk.pinned = !talk.pinned;
  await keepTalk(talk);
}

async function bringBack(talk, pictures) {
  removed.delete(talk);
  for (const picture of pictures) await savePicture(picture);
  await keepTalk(talk);
  act.open(talk);
}

// Pictures that another conversation has, too, stay: an export that was imported again.
async function remove(talk) {
  talks = talks.filter(other => other !== talk);
  removed.add(talk);
  act.removed(talk);
  const elsewhere = new Set(talks.flatMap(picturesOf)), own = picturesOf(talk).filter(id => !elsewhere.has(id));
  const pictures = (await Promise.all(own.map(loadPicture))).filter(Boolean);
  await removeTalk(talk, own);
  if (talk === current) act.open(null);
  drawList();
  showStatus(t('talkRemoved', nameOf(talk)), false, { text: t('undo'), act: () => bringBack(talk, pictures) });
}

const nameField = talk => el('input', { value: nameOf(talk), 'aria-label': t('rename'), onkeydown: e => nameKey(e, talk),
  onblur: e => nameWritten(talk, e.target.value) });

const item = talk => el('li', { 'data-talk': talk.id, 'aria-current': talk === current ? 'true' : null }, talk === renamed ? nameField(talk) : [
  el('button', { type: 'button', class: 'open', title: nameOf(talk), onclick: () => act.open(talk) },
    talk.pinned && icon('pin'), nameOf(talk)),
  iconButton('edit', `${t('rename')}: ${nameOf(talk)}`, () => rename(talk)),
  iconButton('pin', `${t(talk.pinned ? 'unpin' : 'pin')}: ${nameOf(talk)}`, () => pin(talk)),
  iconButton('remove', `${t('remove')}: ${nameOf(talk)}`, () => remove(talk))]);

const hasText = (talk, text) =>
  [talk.title, ...Object.values(talk.turns).map(turn => turn.text)].some(s => s.toLowerCase().includes(text));

// What is made anew keeps the focus: in its entry, the same button or the first. That shows the others of the entry.
function keepingFocus(change) {
  const focused = document.activeElement, entry = focused.closest('#talks li');
  const index = entry ? [...entry.children].indexOf(focused) : 0;
  change();
  const again = entry && at('talks').querySelector(`[data-talk="${entry.dataset.talk}"]`);
  again?.children[0].focus();
  again?.children[index]?.focus();
}

export function drawList() {
  const wanted = at('search').value.trim().toLowerCase();
  const shown = talks.filter(talk => !wanted || hasText(talk, wanted))
    .sort((a, b) => b.pinned - a.pinned || b.changed - a.changed);
  keepingFocus(() => at('talks').replaceChildren(...shown.map(item)));
  at('no-talks').textContent = shown.length ? '' : t(wanted ? 'noneFound' : 'noTalks');
}

// ---- as a file ----

const FORMAT = 'vl2 conversations 1';

export async function exportTalks() {
  const ids = talks.flatMap(picturesOf), pictures = {};
  await needPictures(ids);
  for (const id of ids) pictures[id] = { name: (await loadPicture(id))?.name ?? '', url: dataUrlOf(id) };
  download('vl2-conversations.json', new Blob([JSON.stringify({ format: FORMAT, talks, pictures })], { type: 'application/json' }));
}

const isToken = ([text, probability, list]) =>
  typeof text === 'string' && typeof probability === 'number' && list.every(([other]) => typeof other === 'string');
const isTurn = turn => ['user', 'assistant'].includes(turn.role) && typeof turn.text === 'string' && Array.isArray(turn.pictures) &&
  (turn.tokens ?? []).every(isToken);
const isTalk = talk => typeof talk.title === 'string' && Object.values(talk.turns ?? {}).every(isTurn);

export async function importTalks(file) {
  try {
    const { format, talks: added, pictures } = JSON.parse(await file.text());
    if (format !== FORMAT || !added.every(isTalk)) throw new SyntaxError(FORMAT);
    for (const [id, { name, url }] of Object.entries(pictures)) await savePicture(await pictureFromDataUrl(id, name, url));
    for (const talk of added) await keepTalk({ ...talk, id: newId() });
    showStatus(t('imported', added.length));
  } catch {
    showStatus(t('importFailed'), true);
  }
}
