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

// Takes a question and its answers out. What followed comes in their place, as branches there; where nothing of the shown
// branch did, what came before is its end, or another branch there.
export function takeOut(talk, question) {
  const answers = childrenOf(talk, question.id);
  for (const later of answers.flatMap(answer => childrenOf(talk, answer.id))) later.parent = question.parent;
  for (const turn of [question, ...answers]) delete talk.turns[turn.id];
  talk.changed = Date.now();
  if (talk.turns[talk.last]) return;
  talk.last = question.parent;
  const other = childrenOf(talk, question.parent).at(-1);
  if (other) showBranch(talk, other);
}

// Takes an answer out that nothing follows.
export function takeOutAnswer(talk, answer) {
  delete talk.turns[answer.id];
  talk.last = answer.parent;
}

// Answers that were in the making when the page was closed have ended there.
export function endBrokenOff(talk) {
  for (const turn of Object.values(talk.turns))
    if (turn.role === 'assistant' && !turn.finish && !turn.error) turn.finish = 'cancelled';
}

export const lastQuestion = talk => shownPath(talk).findLast(t => t.role === 'user');

export const picturesOf = talk => [...new Set(Object.values(talk.turns).flatMap(t => [...t.pictures, ...(t.shown ?? [])]))];

const TAG = '<image>', TITLE = 60;
const withoutTags = text => text.replace(/<\|?[^<>]*\|?>/g, '').trim();

// The first line that is not about where a picture stands.
function firstWords(text) {
  const line = text.split('\n').find(l => !l.includes(TAG) && withoutTags(l)) ?? text;
  return withoutTags(line).slice(0, TITLE);
}

export const titleOf = talk => talk.title || firstWords(Object.values(talk.turns)[0]?.text ?? '');

// ---- what the server is sent ----

const count = (text, what) => text.split(what).length - 1;

// As many tags as pictures, as the official demo does it: missing ones are put in front of the text, surplus ones taken out from
// its beginning. Without any, pictures stand before the text.
function withTagsFor(n, text) {
  const tags = count(text, TAG);
  const pieces = text.split(TAG), surplus = Math.max(0, tags - n);
  const kept = [pieces.slice(0, surplus + 1).join('').trimStart(), ...pieces.slice(surplus + 1)].join(TAG);
  return `${TAG}\n`.repeat(tags > 0 ? Math.max(0, n - tags) : 0) + (surplus ? kept : text);
}

function contentOf(turn, urlOf) {
  const text = withTagsFor(turn.pictures.length, turn.text);
  const parts = turn.pictures.map(id => ({ type: 'image_url', image_url: { url: urlOf(id) } }));
  return parts.length ? [...parts, { type: 'text', text }] : text;
}

export function messagesOf(path, system, urlOf) {
  const messages = path.map(turn => turn.role === 'assistant'
    ? { role: 'assistant', content: turn.text }
    : { role: 'user', content: contentOf(turn, urlOf) });
  return system ? [{ role: 'system', content: system }, ...messages] : messages;
}
