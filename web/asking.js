// asking.js - from a conversation to an answer: the request, what of the history it holds, and the turn that grows as the
// server tells.
import { messagesOf, pathTo } from './talk.js';
import { samplingFields, settingOf } from './settings.js';
import { streamChat, template } from './server.js';
import { OTHERS, tokensOf } from './likely.js';
import { announce } from './dom.js';
import { dataUrlOf, needPictures } from './pictures.js';

const MOST_OF_A_PICTURE = 2101; // tokens

const wantsBoxes = text => /<\|(ref|grounding)\|>/.test(text);

// Without its oldest question and what followed up to the next one.
function withoutOldest(path) {
  const next = path.findIndex((turn, i) => i > 0 && turn.role === 'user');
  return next < 0 ? path : path.slice(next);
}

const questionsIn = path => path.filter(turn => turn.role === 'user').length;

// More than this it cannot be: a letter is at most a few tokens, mostly less than one.
function guess(path) {
  const known = path.findLast(turn => turn.usage), rest = known ? path.slice(path.indexOf(known) + 1) : path;
  return rest.reduce((sum, turn) => sum + 8 + turn.text.length + MOST_OF_A_PICTURE * turn.pictures.length,
    known?.usage.total_tokens ?? 0);
}

// The end of the path that fits into `most` tokens by the server's count; the last question always stays.
async function fitting(path, model, most) {
  let kept = path;
  if (guess(path) <= most) return kept;
  while (questionsIn(kept) > 1) {
    const { count } = most > 0 ? await template({ model, messages: questionFirst(kept) }) : { count: Infinity };
    if (count <= most) break;
    kept = withoutOldest(kept);
  }
  return kept;
}

const questionFirst = path => messagesOf(path, settingOf('system'), dataUrlOf);

// { request, shown: the ids of its pictures in order, forgotten: questions that were left out }
export async function makeRequest(talk, end, model, isContinued) {
  const path = pathTo(talk, end.id), question = path.findLast(turn => turn.role === 'user');
  await needPictures(path.flatMap(turn => turn.pictures));
  const kept = await fitting(path, model, settingOf('maxHistory'));
  return {
    request: { model, messages: questionFirst(kept), ...samplingFields(wantsBoxes(question.text)),
      ...(isContinued && { continue_final_message: true }) },
    shown: kept.flatMap(turn => turn.pictures),
    forgotten: questionsIn(path) - questionsIn(kept),
  };
}

const SENTENCE = /[^.!?。！？\n]*[.!?。！？\n]+\s*/y;
const TAGS = /<\|[^|<>]*\|>|\[\[[\d,\s[\]]*\]\]/g;

// Says whole sentences, as they are complete; at the end the rest.
function speaker(turn) {
  let at = turn.text.length;
  const say = text => { if (text.replace(TAGS, '').trim()) announce(text.replace(TAGS, '').trim()); };
  return {
    more() {
      for (SENTENCE.lastIndex = at; SENTENCE.test(turn.text); at = SENTENCE.lastIndex) say(turn.text.slice(at, SENTENCE.lastIndex));
    },
    end() { say(turn.text.slice(at)); },
  };
}

// Fills `turn` until its end; `on` gets told: grown(), progress(p), wait(n).
export async function fillTurn(turn, request, signal, on) {
  const voice = speaker(turn);
  const withLikely = settingOf('probabilities') ? { ...request, logprobs: true, top_logprobs: OTHERS } : request;
  await streamChat(withLikely, signal, {
    text(piece, likely) {
      turn.text += piece;
      if (likely.length) turn.tokens = [...turn.tokens ?? [], ...tokensOf(likely)];
      voice.more();
      on.grown();
    },
    progress: on.progress,
    wait: on.wait,
    end: told => Object.assign(turn, told),
  });
  voice.end();
}
