// server.js - the calls to `vl2 serve`. Paths are relative: the page works below any base path.
import { apiKey } from './store.js';

export class ServerError extends Error {
  constructor(status, error) {
    super(error?.message ?? `HTTP ${status}`);
    this.status = status;
    this.code = error?.code;
  }
}

const headers = () => ({ 'Content-Type': 'application/json', ...(apiKey() && { Authorization: `Bearer ${apiKey()}` }) });

async function checked(reply) {
  if (reply.ok) return reply;
  const body = await reply.json().catch(() => ({}));
  throw new ServerError(reply.status, body.error);
}

const ask = async (path, options = {}) => checked(await fetch(path, { ...options, headers: headers() }));
const post = (path, body, signal) => ask(path, { method: 'POST', body: JSON.stringify(body), signal });

export const models = async () => (await (await ask('v1/models')).json()).data;
export const props = async model => (await ask(`props?model=${encodeURIComponent(model)}`)).json();
export const template = async (body, signal) => (await post('apply-template', body, signal)).json();
export const countTokens = async (body, signal) => (await (await post('tokenize', body, signal)).json()).count;

// ---- the stream ----

function* lines(text) {
  for (const line of text.split('\n'))
    if (line.startsWith('data: ')) yield line.slice('data: '.length);
}

// Each event's object. Ends with [DONE]; a stream that breaks off without it is an error.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let part; !(part = await reader.read()).done;) {
    const blocks = (rest + part.value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks)
      for (const data of lines(block)) {
        if (data === '[DONE]') return;
        yield JSON.parse(data);
      }
  }
  throw new TypeError('the stream ended before the answer did');
}

const TRIES = 4, FIRST_WAIT = 500;

function waitFor(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

const mayPass = error => error instanceof TypeError || error.status === 503 || error.status === 429;

// Begins an answer; while the server is away or full, tries again with longer and longer pauses.
async function begin(request, signal, onWait) {
  for (let tried = 1; ; tried++)
    try {
      return await post('v1/chat/completions', request, signal);
    } catch (error) {
      if (!mayPass(error) || tried === TRIES) throw error;
      onWait(tried);
      await waitFor(FIRST_WAIT * 2 ** tried, signal);
    }
}

// Calls on.text, on.progress, on.end as the server tells. Aborting the signal closes the connection, and the server stops work.
export async function streamChat(request, signal, on) {
  const body = { ...request, stream: true, stream_options: { include_usage: true }, boxes: true, return_progress: true };
  const reply = await begin(body, signal, on.wait);
  for await (const event of events(reply.body)) {
    if (event.error) throw new ServerError(500, event.error);
    const choice = event.choices?.[0];
    if (event.progress) on.progress(event.progress);
    if (choice?.delta?.content || choice?.logprobs) on.text(choice.delta?.content ?? '', choice.logprobs?.content ?? []);
    if (choice?.finish_reason) on.end({ finish: choice.finish_reason, boxes: choice.delta.boxes, timings: event.timings });
    if (event.usage) on.end({ usage: event.usage });
  }
}
