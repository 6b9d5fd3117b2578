// settings.js - the controls of the official demo, with its ranges and defaults, and a few more.
import { apiKey, loadSettings, saveSettings, setApiKey } from './store.js';
import { at, el, smallButton } from './dom.js';
import { t } from './language.js';

const SLIDERS = [
  { name: 'topP', min: 0, max: 1, step: 0.05 },
  { name: 'temperature', min: 0, max: 1, step: 0.1, help: 'temperatureHelp' },
  { name: 'repetition', min: 0, max: 2, step: 0.1, help: 'repetitionHelp' },
  { name: 'maxTokens', min: 0, max: 4096, step: 8, help: 'maxTokensHelp' },
  { name: 'maxHistory', min: 0, max: 8192, step: 128, help: 'maxHistoryHelp' },
];
const TEXTS = [
  { name: 'seed', type: 'number', help: 'seedHelp' },
  { name: 'stopTexts', lines: 2, help: 'stopTextsHelp' },
  { name: 'system', lines: 3 },
];
const CHECKS = ['greedyBoxes', 'probabilities'];
const OFFICIAL = { topP: 0.9, temperature: 0.1, repetition: 1.1, maxTokens: 2048, maxHistory: 4096 };
const PRESETS = {
  presetPrecise: { topP: 1, temperature: 0, repetition: 1 },
  presetOfficial: OFFICIAL,
  presetCreative: { topP: 0.95, temperature: 0.7, repetition: 1.1 },
};
const DEFAULTS = { ...OFFICIAL, seed: '', stopTexts: '', system: '', greedyBoxes: true, probabilities: true };

let settings = loadSettings(DEFAULTS);

export const settingOf = name => settings[name];

function change(values) {
  settings = { ...settings, ...values };
  saveSettings(settings);
}

function slider({ name, min, max, step, help }) {
  const shown = el('output', { id: `shown-${name}`, for: `set-${name}` }, String(settings[name]));
  const input = el('input', { type: 'range', id: `set-${name}`, min, max, step, value: settings[name],
    oninput: e => {
      change({ [name]: Number(e.target.value) });
      shown.textContent = e.target.value;
    } });
  return field(name, input, help, shown);
}

function field(name, input, help, shown) {
  if (help) input.setAttribute('aria-describedby', `help-${name}`);
  return el('div', { class: 'field' },
    el('label', { for: input.id }, t(name)), shown, input, help && el('small', { id: `help-${name}` }, t(help)));
}

function textField({ name, type, lines, help }) {
  const fields = { id: `set-${name}`, value: settings[name], oninput: e => change({ [name]: e.target.value }) };
  return field(name, lines ? el('textarea', { ...fields, rows: lines }) : el('input', { ...fields, type, step: 1 }), help);
}

const keyField = () => field('apiKey', el('input', { id: 'set-apiKey', type: 'password', value: apiKey(), autocomplete: 'off',
  onchange: e => {
    setApiKey(e.target.value);
    document.dispatchEvent(new Event('keychanged'));
  } }));

const checkField = name => el('label', { class: 'check' }, el('input', { type: 'checkbox', id: `set-${name}`,
  checked: settings[name], onchange: e => change({ [name]: e.target.checked }) }), ' ', t(name));

// The button that was pressed is made anew, and keeps the focus.
function setAll(values) {
  const buttons = () => [...at('settings-fields').querySelectorAll('button')], pressed = buttons().indexOf(document.activeElement);
  change(values);
  drawSettings();
  buttons()[pressed]?.focus();
}

export function drawSettings() {
  const isChosen = values => Object.entries(values).every(([name, value]) => settings[name] === value);
  const presets = Object.entries(PRESETS).map(([name, values]) =>
    smallButton(t(name), () => setAll(values), { 'aria-pressed': String(isChosen(values)) }));
  at('settings-fields').replaceChildren(
    el('div', { class: 'row', role: 'group', 'aria-label': t('presets') }, presets,
      smallButton(t('reset'), () => setAll(DEFAULTS))),
    ...SLIDERS.map(slider), ...CHECKS.map(checkField), ...TEXTS.map(textField), keyField());
}

// As fields of a request. Greedy is without repetition penalty, as in the official demo.
export function samplingFields(wantsBoxes) {
  const greedy = settings.temperature === 0 || (wantsBoxes && settings.greedyBoxes);
  const seed = parseInt(settings.seed, 10), stop = settings.stopTexts.split('\n').filter(s => s);
  return {
    temperature: greedy ? 0 : settings.temperature,
    top_p: settings.topP,
    repetition_penalty: greedy || settings.repetition === 0 ? 1 : settings.repetition,
    ...(settings.maxTokens > 0 && { max_tokens: settings.maxTokens }),
    ...(Number.isSafeInteger(seed) && { seed }),
    ...(stop.length > 0 && { stop }),
  };
}
