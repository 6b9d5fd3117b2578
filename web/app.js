'use strict';
// One question and its pictures; the answer as it is made.
const at = id => document.getElementById(id);
let running = null;

const dataUrl = file => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(file);
});

async function question() {
  const pictures = await Promise.all([...at('pictures').files].map(dataUrl));
  const parts = pictures.map(url => ({ type: 'image_url', image_url: { url } }));
  return [...parts, { type: 'text', text: at('question').value }];
}

function take(event) {
  const data = event.replace(/^data: /, '');
  if (data === '[DONE]' || !data.startsWith('{')) return;
  const chunk = JSON.parse(data);
  if (chunk.error) throw new Error(chunk.error.message);
  at('answer').textContent += chunk.choices[0]?.delta?.content ?? '';
}

async function ask() {
  running = new AbortController();
  at('answer').textContent = '';
  const reply = await fetch('v1/chat/completions', {
    method: 'POST', signal: running.signal, headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: await question() }] }),
  });
  if (!reply.ok) throw new Error((await reply.json()).error.message);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let part; !(part = await reader.read()).done;) {
    const events = (rest + part.value).split('\n\n');
    rest = events.pop();
    events.forEach(take);
  }
}

at('ask').addEventListener('submit', async e => {
  e.preventDefault();
  at('send').disabled = true;
  at('stop').hidden = false;
  try { await ask(); } catch (error) {
    if (error.name !== 'AbortError') at('answer').textContent += '\n' + error.message;
  }
  at('send').disabled = false;
  at('stop').hidden = true;
});
at('stop').addEventListener('click', () => running?.abort());
