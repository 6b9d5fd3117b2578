// app.js - the page: what its controls do. The conversation that is shown, and the one answer that is in the making.
import { addTurn, lastQuestion, newTalk, picturesOf, showBranch, shownPath, takeOut, takeOutAnswer } from './talk.js';
import { at, copyText, el, showStatus, smallButton } from './dom.js';
import { clearComposer, composed, count, setMode, showHint, startComposer, takeExample, takePicturesFromOutside } from './composer.js';
import { drawList, exportTalks, importTalks, keepTalk, showAsCurrent, startList } from './list.js';
import { EXAMPLES, examplePictures } from './examples.js';
import { fillTurn, makeRequest } from './asking.js';
import { language, setLanguage, t, translatePage } from './language.js';
import { models, props } from './server.js';
import { nameOfDataUrl, needPictures } from './pictures.js';
import { openEditor, putText, turnElements } from './turns.js';
import { icon, putIcons } from './icons.js';
import { RECIPES, recipe } from './recipe.js';
import { apiKey } from './store.js';
import { drawSettings } from './settings.js';
import { drawTray, holdSending } from './tray.js';

let talk = newTalk();
let running = null; // { abort, talk, turn }
let lastRequest = null;
let about = { context: 0, tiles: { most_pictures_cut: 2 } }; // what /props tells of the model

// ---- the conversation ----

const NEAR_END = 80; // pixels

let follows = true, readAt = 0; // the page keeps the end in sight; where the reader was

const isAtEnd = () => at('turns').scrollHeight - at('turns').scrollTop - at('turns').clientHeight < NEAR_END;
const offerEnd = () => { at('newest').hidden = !talk.last || isAtEnd(); };
const goToEnd = () => {
  at('turns').scrollTop = at('turns').scrollHeight;
  follows = true;
  readAt = at('turns').scrollTop;
};

// What the reader did counts, not where the end is now: text in the making can become shorter, and all of it would be the end.
function noticeReader() {
  const top = at('turns').scrollTop;
  if (top !== readAt) follows = isAtEnd() || (follows && top > readAt);
  readAt = top;
  offerEnd();
}

// Keeps the end in sight, unless the reader went up.
function changingTurns(change) {
  noticeReader();
  change();
  if (follows && talk.last) goToEnd();
  readAt = at('turns').scrollTop;
  offerEnd();
}

const KIND_OF_EXAMPLE = { ask: 'modeAsk', locate: 'modeLocate', describe: 'modeDescribe', same: 'modeSame' };

const exampleButton = example => {
  const text = example[language()]?.split('\n').at(-1) ?? t('sameHint'); // of several lines the question
  return el('li', {}, el('button', { type: 'button', onclick: () => useExample(example) },
    el('span', { class: 'pictures' }, example.files.map(name => el('img', { src: `examples/${name}`, alt: '' }))),
    el('small', {}, t(KIND_OF_EXAMPLE[example.mode])), el('span', {}, text)));
};

const BUILT_IN = 'default'; // the name of the model that comes with the program

const welcome = () => el('div', { class: 'welcome' },
  el('h2', {}, t('welcome')), el('p', { class: 'dim' }, t('welcomeMore')),
  el('button', { type: 'button', class: 'target', onclick: () => at('pick').click() }, icon('picture'), t('dropOrPick')),
  el('h3', {}, t('examples')), at('model').value === BUILT_IN && el('p', { class: 'dim' }, t('smallModel')),
  el('ul', { class: 'examples' }, EXAMPLES.map(exampleButton)));

function showContext(path) {
  const used = path.findLast(turn => turn.usage)?.usage.total_tokens ?? 0;
  at('context').hidden = !about.context;
  at('context-meter').max = about.context;
  at('context-meter').value = used;
  at('context-text').textContent = `${used} / ${about.context}`;
  at('context-meter').setAttribute('aria-label', t('context', used, about.context));
  at('context').title = t('context', used, about.context);
}

function showTalk() {
  const path = shownPath(talk), hadFocus = at('turns').contains(document.activeElement);
  changingTurns(() => at('turns').replaceChildren(...(path.length ? turnElements(talk, path, ACTIONS) : [welcome()])));
  if (hadFocus) at('turns').focus({ preventScroll: true }); // what had it was made anew
  showContext(path);
}

async function openTalk(other) {
  talk = other ?? newTalk();
  await needPictures(picturesOf(talk));
  showAsCurrent(talk);
  showTalk();
  if (talk.last) goToEnd();
  else at('turns').scrollTop = 0;
  count();
}

function startOver() {
  openTalk(null);
  clearComposer();
  setMode('ask');
  showStatus(t('resetDone'));
  if (isNarrow()) toggleList(false);
  at('entry').focus();
}

async function useExample(example) {
  const pictures = await holdSending(() => examplePictures(example));
  await takeExample({ ...example, text: example[language()] }, pictures);
}

// ---- an answer in the making ----

const PROGRESS = {
  queued: p => [t('queued', p.ahead)],
  pictures: p => [t('encoding', p.tiles_done, p.tiles), p.tiles_done / p.tiles],
  prompt: p => [t('reading', p.prompt_done, p.prompt), p.prompt_done / p.prompt],
  answer: () => [t('generating')],
};

function showProgress(text, share) {
  showStatus(text);
  at('progress').hidden = share === undefined;
  at('progress').value = share ?? 0;
}

function showRunning(run) {
  running = run;
  at('send').hidden = Boolean(run);
  at('stop').hidden = !run;
  at('progress').hidden = true;
}

function errorText(error) {
  if (error.status === 401) return t('keyNeeded');
  if (error.status === 413) return t('tooLarge', error.message);
  if (error.code === 'context_length_exceeded') return t('tooLong', error.message);
  return error instanceof TypeError ? t('gone') : error.message;
}

// What can be done about an error, as a button.
function wayOutOf(error, tryAgain) {
  if (error.status === 401) return { text: t('openSettings'), act: openSettings };
  if (error.code === 'context_length_exceeded') return { text: t('newTalk'), act: startOver };
  return error instanceof TypeError ? { text: t('tryAgain'), act: tryAgain } : null;
}

const showError = (error, tryAgain) => showStatus(errorText(error), true, wayOutOf(error, tryAgain));

function fail(turn, error) {
  if (error.name === 'AbortError') {
    turn.finish = 'cancelled';
    return showStatus(t('stopDone'));
  }
  turn.error = errorText(error);
  showError(error, () => ACTIONS.again(turn));
}

const PAUSE = 3; // times as long as the painting before

// Markdown is made anew once a frame at most, and for a quarter of the time, however long the answer gets.
function painter(turn) {
  let waits = false, due = false, begun = false;
  const paint = () => {
    const from = performance.now(), root = at('turns').querySelector(`.running[data-turn="${turn.id}"]`);
    due = false;
    if (root && running?.talk === talk) changingTurns(() => putText(root, turn));
    setTimeout(() => { waits = false; if (due) request(); }, PAUSE * (performance.now() - from));
  };
  const request = () => {
    due = true;
    if (!waits) requestAnimationFrame(paint);
    waits = true;
  };
  return () => {
    if (!begun) showProgress(t('generating'));
    begun = true;
    request();
  };
}

// `turn`: the answer, new or to be continued; `end`: the last turn that is sent.
async function makeAnswer(turn, end) {
  const abort = new AbortController(), owner = talk;
  Object.assign(turn, { finish: null, error: null, boxes: null, model: at('model').value });
  showRunning({ abort, talk, turn });
  keepTalk(owner);
  showTalk();
  goToEnd();
  showProgress(t('generating'));
  try {
    const { request, shown, forgotten } = await makeRequest(owner, end, turn.model, end === turn);
    turn.shown = shown;
    lastRequest = request;
    await fillTurn(turn, request, abort.signal, {
      grown: painter(turn),
      progress: p => showProgress(...PROGRESS[p.state](p)),
      wait: n => showProgress(t('waiting', n)),
    });
    showStatus(forgotten ? t('forgot', forgotten) : t('success'));
  } catch (error) {
    fail(turn, error);
  }
  showRunning(null);
  await keepTalk(owner);
  if (owner === talk) showTalk();
}

async function answerTo(question) {
  await makeAnswer(addTurn(talk, question.id, 'assistant', {}), question);
}

async function send() {
  const { text, pictures } = composed();
  if (running || at('send').disabled) return;
  if (!text && !pictures.length) return showStatus(t('emptyContext'), true);
  const question = addTurn(talk, talk.last, 'user', { text, pictures });
  clearComposer();
  await keepTalk(talk);
  showAsCurrent(talk);
  await answerTo(question);
}

const stop = () => running?.abort.abort();

const ACTIONS = {
  async edit(turn, text) {
    if (!running) await answerTo(addTurn(talk, turn.parent, 'user', { text, pictures: turn.pictures }));
  },
  async again(turn) {
    if (running) return;
    if (turn.error && turn.id === talk.last) takeOutAnswer(talk, turn);
    await answerTo(talk.turns[turn.parent]);
  },
  async resume(turn) {
    if (!running) await makeAnswer(turn, turn);
  },
  async takeOut(question) {
    if (running) return;
    const owner = talk, before = structuredClone({ turns: talk.turns, last: talk.last });
    takeOut(talk, question);
    await keepTalk(talk);
    showTalk();
    showStatus(t('removeDone'), false, { text: t('undo'), act: () => putBack(owner, before) });
  },
  removeLast: () => ACTIONS.takeOut(lastQuestion(talk)),
  show(turn) {
    showBranch(talk, turn);
    keepTalk(talk);
    showTalk();
  },
};

async function putBack(owner, before) {
  Object.assign(owner, before);
  await keepTalk(owner);
  if (owner === talk) showTalk();
}

function editLast() {
  const question = lastQuestion(talk);
  const root = question && at('turns').querySelector(`[data-turn="${question.id}"]`);
  if (root && !root.querySelector('.editor')) openEditor(root, question, ACTIONS);
}

// ---- the server ----

async function readModel() {
  about = await props(at('model').value);
  showContext(shownPath(talk));
  if (!talk.last) showTalk(); // what is said of the model beside the examples
  count();
}

async function chooseModel() {
  localStorage.setItem('vl2.model', at('model').value);
  await readModel();
}

function showModels(list) {
  const before = localStorage.getItem('vl2.model');
  at('model').replaceChildren(...list.map(m => el('option', { value: m.id }, m.id)));
  if (list.some(m => m.id === before)) at('model').value = before;
}

const AWAY = 5000; // until an absent server is asked again

async function readServer() {
  try {
    showModels(await models());
    await readModel();
    showStatus('');
  } catch (error) {
    showError(error, readServer);
    if (error instanceof TypeError) setTimeout(readServer, AWAY);
  }
}

// ---- dialogs ----

const pageUrl = () => new URL('.', location.href).href.replace(/\/$/, '');

function showCode(kind) {
  const text = lastRequest && recipe(kind, lastRequest, nameOfDataUrl, pageUrl(), apiKey() !== '');
  at('code-text').textContent = text ?? t('noRequest');
  at('code-kinds').replaceChildren(
    ...RECIPES.map(name => smallButton(name, () => showCode(name), { 'aria-pressed': String(name === kind) })),
    smallButton(t('copy'), () => copyText(text), { disabled: !text }));
}

function openCode() {
  showCode(RECIPES[0]);
  at('code').showModal();
}

function openSettings() {
  drawSettings();
  at('settings').showModal();
}

const KEY_LIST = [['Enter', 'keySend'], ['Shift+Enter', 'keyLine'], ['Esc', 'keyStop'], ['↑', 'keyEdit'],
  ['Ctrl+Shift+O', 'keyNew'], ['Ctrl+K', 'keySearch'], ['Ctrl+B', 'keyList'], ['?', 'keyHelp']];

function openKeys() {
  at('keys-list').replaceChildren(...KEY_LIST.flatMap(([key, what]) => [el('dt', {}, el('kbd', {}, key)), el('dd', {}, t(what))]));
  at('keys').showModal();
}

// ---- the list beside ----

const isNarrow = () => matchMedia('(max-width: 48rem)').matches;

function toggleList(on = document.body.classList.contains('no-list')) {
  document.body.classList.toggle('no-list', !on);
  at('list-button').setAttribute('aria-expanded', String(on));
  at('shade').hidden = !on; // seen where the list lies over the page
}

function openSearch() {
  toggleList(true);
  at('search').focus();
}

// ---- keys ----

const isTyping = target => target.matches?.('input, textarea, select');

const WITH_CONTROL = { k: openSearch, b: () => toggleList() };

function pageKey(event) {
  const control = event.ctrlKey || event.metaKey;
  const act = control && event.shiftKey && event.key.toLowerCase() === 'o' ? startOver
    : control && !event.shiftKey ? WITH_CONTROL[event.key]
      : event.key === '?' && !isTyping(event.target) ? openKeys : null;
  if (event.key === 'Escape' && !document.querySelector('dialog[open]')) return running ? stop() : isNarrow() && toggleList(false);
  if (!act) return;
  event.preventDefault();
  act();
}

function entryKey(event) {
  if (event.isComposing) return; // an input method's Enter ends the word
  if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault();
    send();
  } else if (event.key === 'ArrowUp' && !at('entry').value) {
    event.preventDefault();
    editLast();
  }
}

// ---- the beginning ----

function translateAll() {
  translatePage();
  showHint();
  drawTray();
  drawList();
  showTalk();
}

function startChoices() {
  at('language').value = language();
  at('language').onchange = e => { setLanguage(e.target.value); translateAll(); };
  at('theme').value = document.documentElement.dataset.theme;
  at('theme').onchange = e => {
    document.documentElement.dataset.theme = e.target.value;
    localStorage.setItem('vl2.theme', e.target.value);
  };
  at('model').onchange = chooseModel;
  document.addEventListener('keychanged', readServer);
}

function startButtons() {
  const CLICKS = { 'new-talk': startOver, stop, 'code-button': openCode, 'settings-button': openSettings, 'keys-button': openKeys,
    newest: goToEnd, shade: () => toggleList(false), export: exportTalks, import: () => at('import-file').click(), 'list-button': () => toggleList() };
  for (const [id, act] of Object.entries(CLICKS)) at(id).addEventListener('click', () => act());
  at('composer').addEventListener('submit', e => { e.preventDefault(); send(); });
  at('entry').addEventListener('keydown', entryKey);
  at('search').addEventListener('input', drawList);
  at('import-file').onchange = async e => { await importTalks(e.target.files[0]); e.target.value = ''; };
  at('turns').addEventListener('scroll', noticeReader);
  document.addEventListener('keydown', pageKey);
  addEventListener('beforeunload', stop); // what was written so far is kept
  addEventListener('pagehide', () => { if (running) keepTalk(running.talk); }); // where the former is not told, as on phones
}

async function start() {
  putIcons(document);
  startChoices();
  startButtons();
  takePicturesFromOutside();
  startComposer({ model: () => at('model').value, earlier: () => shownPath(talk).flatMap(turn => turn.pictures),
    tilesUpTo: () => about.tiles.most_pictures_cut });
  toggleList(!isNarrow());
  translateAll();
  await startList({
    open(other) {
      openTalk(other);
      if (isNarrow()) toggleList(false);
    },
    removed(other) { if (running?.talk === other) stop(); },
  });
  await readServer();
}

start();
