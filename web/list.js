// list.js - the conversations that this browser keeps: pinned ones first, then the latest; search, rename, pin, delete, and all
// of them as a file.
import { allTalks, loadPicture, removeTalk, savePicture, saveTalk } from './store.js';
import { at, download, el, iconButton, showStatus } from './dom.js';
import { dataUrlOf, needPictures, pictureFromDataUrl } from './pictures.js';
import { newId, picturesOf, titleOf } from './talk.js';
import { t } from './language.js';

let talks = [];
let current = null;
let open = () => {}; // of a talk, or of none after the current one was deleted

export async function startList(onOpen) {
  open = onOpen;
  talks = await allTalks();
  open(talks.find(talk => talk.id === sessionStorage.getItem('vl2.talk')) ?? null);
}

export function showAsCurrent(talk) {
  current = talk;
  sessionStorage.setItem('vl2.talk', talk.id); // a reload comes back to it
  drawList();
}

// Conversations without a turn are not kept.
export async function keepTalk(talk) {
  if (!Object.keys(talk.turns).length) return;
  if (!talks.includes(talk)) talks.push(talk);
  await saveTalk(talk);
  drawList();
}

const nameOf = talk => titleOf(talk) || t('untitled');

async function rename(talk) {
  const title = prompt(t('rename'), nameOf(talk));
  if (title === null) return;
  talk.title = title;
  await keepTalk(talk);
}

async function pin(talk) {
  talk.pinned = !talk.pinned;
  await keepTalk(talk);
}

async function remove(talk) {
  if (!confirm(t('removeSure', nameOf(talk)))) return;
  talks = talks.filter(other => other !== talk);
  await removeTalk(talk);
  if (talk === current) open(null);
  drawList();
}

const item = talk => el('li', { 'aria-current': talk === current ? 'true' : null },
  el('button', { type: 'button', class: 'open', onclick: () => open(talk) }, `${talk.pinned ? '📌 ' : ''}${nameOf(talk)}`),
  iconButton('✎', `${t('rename')}: ${nameOf(talk)}`, () => rename(talk)),
  iconButton('📌', `${t(talk.pinned ? 'unpin' : 'pin')}: ${nameOf(talk)}`, () => pin(talk)),
  iconButton('×', `${t('remove')}: ${nameOf(talk)}`, () => remove(talk)));

const hasText = (talk, text) =>
  [talk.title, ...Object.values(talk.turns).map(turn => turn.text)].some(s => s.toLowerCase().includes(text));

export function drawList() {
  const wanted = at('search').value.trim().toLowerCase();
  const shown = talks.filter(talk => !wanted || hasText(talk, wanted))
    .sort((a, b) => b.pinned - a.pinned || b.changed - a.changed);
  at('talks').replaceChildren(...shown.map(item));
}

// ---- as a file ----

const FORMAT = 'vl2 conversations 1';

export async function exportTalks() {
  const ids = talks.flatMap(picturesOf), pictures = {};
  await needPictures(ids);
  for (const id of ids) pictures[id] = { name: (await loadPicture(id))?.name ?? '', url: dataUrlOf(id) };
  download('vl2-conversations.json', new Blob([JSON.stringify({ format: FORMAT, talks, pictures })], { type: 'application/json' }));
}

const isTurn = turn => ['user', 'assistant'].includes(turn.role) && typeof turn.text === 'string' && Array.isArray(turn.pictures);
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
