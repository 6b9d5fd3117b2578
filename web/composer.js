// composer.js - what is about to be asked: the entry, its mode, its pictures, and what all of it costs before it is sent.
import { addFiles, holdSending, onTrayChange, replacePicture, setTray, showCosts, trayIds, trayPictures } from './tray.js';
import { askRectangle, burnt } from './mark.js';
import { at, showStatus } from './dom.js';
import { dataUrlOf, keepPicture, makePicture } from './pictures.js';
import { countTokens, template } from './server.js';
import { t } from './language.js';

const SAME = '<|grounding|>In the first image, an object within the red rectangle is marked. ' +
  'Locate the object of the same category in the second image.';
const DESCRIBE = 'Describe the image.';

// What a mode makes of the words; each is the prompt that the model was trained with.
const MODES = {
  ask: { hint: 'questionHint', make: text => text },
  locate: { hint: 'locateHint', make: text => text && `<|ref|>${text}<|/ref|>.` },
  describe: { hint: 'describeHint', make: text => `<|grounding|>${text || DESCRIBE}` },
  same: { hint: 'questionHint', make: text => text },
};

const mode = () => document.querySelector('[name="mode"]:checked').value;

export function setMode(name) {
  document.querySelector(`[name="mode"][value="${name}"]`).checked = true;
  showHint();
}

export function showHint() {
  const { hint } = MODES[mode()];
  at('entry').dataset.tHint = hint;
  at('entry').placeholder = t(hint);
}

export const composed = () => ({ text: MODES[mode()].make(at('entry').value.trim()), pictures: trayIds() });

export function clearComposer() {
  at('entry').value = '';
  if (mode() === 'same') setMode('ask');
  setTray([]);
}

// ---- the same object ----

async function markFirst(begin) {
  const [first] = trayPictures();
  const rectangle = await askRectangle(first, begin);
  if (!rectangle) return setMode('ask');
  const name = first.name.replace(/(\.\w+)?$/, '-marked.png');
  await holdSending(async () =>
    replacePicture(0, (await keepPicture(await makePicture(await burnt(first, rectangle), name))).id));
  at('entry').value = SAME;
  at('entry').focus();
}

async function modeChosen() {
  showHint();
  count();
  if (mode() !== 'same') return;
  if (trayIds().length >= 2) return markFirst();
  setMode('ask');
  showStatus(t('sameNeedsTwo'), true);
}

export async function takeExample({ mode: name, text, mark }, pictures) {
  setTray((await Promise.all(pictures.map(keepPicture))).map(p => p.id));
  at('entry').value = text ?? '';
  setMode(name);
  if (name === 'same') await markFirst(mark);
  at('entry').focus();
}

// ---- what it costs ----

const PAUSE = 400;
let timer = null, counting = null, about = null;

// `askAbout`: { model, earlier, tilesUpTo }: functions that tell the model's name, the pictures sent before in this conversation
// and how many pictures are cut into tiles.
export function startComposer(askAbout) {
  about = askAbout;
  onTrayChange(count);
  at('modes').addEventListener('change', modeChosen);
  at('entry').addEventListener('input', count);
}

export function count() {
  clearTimeout(timer);
  counting?.abort();
  timer = setTimeout(countNow, PAUSE);
  const pictures = trayIds().length + about.earlier().length;
  at('warning').hidden = pictures <= about.tilesUpTo() || !trayIds().length;
  at('warning').textContent = t('tilesOff', about.tilesUpTo());
}

const partOf = id => ({ type: 'image_url', image_url: { url: dataUrlOf(id) } });

// Tiles depend on all pictures of a conversation: those before are sent along.
async function costOfPictures(text, signal) {
  const ids = trayIds(), content = [...about.earlier(), ...ids].map(partOf);
  const told = await template({ model: about.model(), messages: [{ role: 'user', content: [...content,
    { type: 'text', text: text.replaceAll('<image>', '') }] }] }, signal);
  const own = told.images.slice(told.images.length - ids.length), image = own.reduce((sum, i) => sum + i.tokens, 0);
  showCosts(own);
  return t('cost', told.count - told.image_tokens + image, image, told.count - told.image_tokens);
}

async function countNow() {
  const { text, pictures } = composed();
  counting = new AbortController();
  try {
    if (pictures.length) at('cost').textContent = await costOfPictures(text, counting.signal);
    else if (!text) at('cost').textContent = '';
    else at('cost').textContent = t('textCost', await countTokens({ model: about.model(), content: text }, counting.signal));
  } catch (error) {
    if (error.name !== 'AbortError') at('cost').textContent = error instanceof TypeError ? '' : error.message;
  }
}

// ---- pictures from outside ----

const filesIn = transfer => [...transfer?.files ?? []].filter(f => f.type.startsWith('image/'));

export function takePicturesFromOutside() {
  at('pick').onclick = () => at('files').click();
  at('files').onchange = async e => { await addFiles([...e.target.files]); e.target.value = ''; };
  document.addEventListener('paste', e => {
    const files = filesIn(e.clipboardData);
    if (!files.length) return;
    e.preventDefault();
    addFiles(files);
  });
  document.addEventListener('dragover', e => {
    if (![...e.dataTransfer.types].includes('Files')) return;
    e.preventDefault();
    at('drop').hidden = false;
  });
  document.addEventListener('dragleave', e => { if (!e.relatedTarget) at('drop').hidden = true; });
  document.addEventListener('drop', e => {
    if (at('drop').hidden) return;
    e.preventDefault();
    at('drop').hidden = true;
    addFiles([...e.dataTransfer.files]);
  });
}
