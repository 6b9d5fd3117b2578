// talk.js - a conversation: a tree of turns. Each turn knows its parent; an answer made again or a question that was edited is
// a second child. `last` is the end of the branch that is shown.
//
// A turn: { id, parent, role, text, pictures: [picture id], ... }; an answer also what the server told about it.

export const newId = () => [...crypto.getRandomValues(new Uint32Array(3))].map(n => n.toString(36)).join('');

export const newTalk = () =>
  ({ id: newId(), title: '', pinned: false, changed: Date.now(), turns: {}, next: 1, last: null });

export function addTurn(talk, parent, role, fields) {
  const turn = { id: talk.next++, parent, role, text: '', pictures: [], ...fields };
  talk.turns[turn.id] = turn;
  talk.last = turn.id;
  talk.changed = Date.now();
  return turn;
}

// From the first turn to this one.
export function pathTo(talk, id) {
  const path = [];
  for (let turn = talk.turns[id]; turn; turn = talk.turns[turn.parent]) path.unshift(turn);
  return path;
}

export const shownPath = talk => pathTo(talk, talk.last);

const childrenOf = (talk, id) => Object.values(talk.turns).filter(t => t.parent === id).sort((a, b) => a.id - b.id);

// The turn and those that stand in its place on other branches.
export const branchesOf = (talk, turn) => childrenOf(talk, turn.parent);

// Shows the branch of this turn, to its newest end.
export function showBranch(talk, turn) {
  for (let child = turn; child; child = childrenOf(talk, child.id).at(-1)) talk.last = child.id;
}

// Removes a turn with all that follows it; shown is then what came before, or another branch there.
export function removeTurn(talk, turn) {
  const { parent } = turn;
  const remove = t => {
    childrenOf(talk, t.id).forEach(remove);
    delete talk.turns[t.id];
  };
  remove(turn);
  talk.last = parent;
  const other = childrenOf(talk, parent).at(-1);
  if (other) showBranch(talk, other);
  talk.changed = Date.now();
}

export const lastQuestion = talk => shownPath(talk).findLast(t => t.role === 'user');

export const picturesOf = talk => [...new Set(Object.values(talk.turns).flatMap(t => [...t.pictures, ...(t.shown ?? [])]))];

const TITLE = 60;
const withoutTags = text => text.replace(/<\|?[^<>]*\|?>/g, '').trim();

export const titleOf = talk => talk.title || withoutTags(Object.values(talk.turns)[0]?.text ?? '').slice(0, TITLE);

// ---- what the server is sent ----

const TAG = '<image>';
const count = (text, what) => text.split(what).length - 1;

// Tags that the text lacks are put in front of it, as the official demo does; without any, pictures stand before the text.
function contentOf(turn, urlOf) {
  const parts = turn.pictures.map(id => ({ type: 'image_url', image_url: { url: urlOf(id) } }));
  const tags = count(turn.text, TAG);
  const missing = tags > 0 ? Math.max(0, parts.length - tags) : 0;
  return [...parts, { type: 'text', text: `${TAG}\n`.repeat(missing) + turn.text }];
}

export function messagesOf(path, system, urlOf) {
  const messages = path.map(turn => turn.role === 'assistant'
    ? { role: 'assistant', content: turn.text }
    : { role: 'user', content: turn.pictures.length ? contentOf(turn, urlOf) : turn.text });
  return system ? [{ role: 'system', content: system }, ...messages] : messages;
}
