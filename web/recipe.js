// recipe.js - a request as a program: curl, Python, JavaScript. Pictures are files there, read when it runs.

const PLACE = i => `@picture${i}@`;

// The request with a place holder for each picture, and those pictures.
function takePictures(request, nameOf) {
  const files = [];
  const text = JSON.stringify(request, (key, value) => {
    if (key !== 'url' || !value.startsWith?.('data:')) return value;
    files.push({ name: nameOf(value), type: value.slice('data:'.length, value.indexOf(';')) });
    return PLACE(files.length - 1);
  }, 2);
  return { text, files };
}

const fill = (text, files, put) => files.reduce((all, f, i) => all.replace(`"${PLACE(i)}"`, () => put(f)), text);
const quoted = s => `'${s.replaceAll("'", `'\\''`)}'`;
const inHereDocument = s => s.replace(/[\\$`]/g, '\\$&');
const withKey = (key, make) => (key ? make : '');

function curl({ text, files }, url, key) {
  const body = fill(inHereDocument(text), files, f => `"data:${f.type};base64,$(base64 -w0 ${quoted(f.name)})"`);
  return `curl -N ${quoted(`${url}/v1/chat/completions`)} \\\n  -H 'Content-Type: application/json' \\\n` +
    `${withKey(key, '  -H "Authorization: Bearer $API_KEY" \\\n')}  --data-binary @- <<END\n${body}\nEND\n`;
}

const toPython = text => text.replace(/^(\s*"[^"\n]*": )?(true|false|null)(,?)$/gm,
  (whole, before = '', word, comma) => before + { true: 'True', false: 'False', null: 'None' }[word] + comma);

function python({ text, files }, url, key) {
  const body = fill(toPython(text), files, f => `picture(${JSON.stringify(f.name)}, "${f.type}")`);
  return `import base64, os\nfrom openai import OpenAI\n\ndef picture(name, kind):\n    with open(name, "rb") as f:\n` +
    `        return f"data:{kind};base64,{base64.b64encode(f.read()).decode()}"\n\n` +
    `request = ${body}\nextra = {k: request.pop(k) for k in ("repetition_penalty",) if k in request}\n` +
    `client = OpenAI(base_url=${JSON.stringify(`${url}/v1`)}, api_key=${key ? 'os.environ["API_KEY"]' : '"none"'})\n` +
    `for chunk in client.chat.completions.create(**request, extra_body=extra, stream=True):\n` +
    `    if chunk.choices:\n        print(chunk.choices[0].delta.content or "", end="", flush=True)\nprint()\n`;
}

function javascript({ text, files }, url, key) {
  const body = fill(text, files, f => `await picture(${JSON.stringify(f.name)}, "${f.type}")`);
  return `import { readFile } from 'node:fs/promises';\n\nconst picture = async (name, type) =>\n` +
    "  `data:${type};base64,${(await readFile(name)).toString('base64')}`;\n\n" +
    `const reply = await fetch(${JSON.stringify(`${url}/v1/chat/completions`)}, {\n  method: 'POST',\n  headers: { ` +
    `'Content-Type': 'application/json'${withKey(key, ", Authorization: `Bearer ${process.env.API_KEY}`")} },\n` +
    `  body: JSON.stringify(${body.replaceAll('\n', '\n  ')}),\n});\n` +
    `console.log((await reply.json()).choices[0].message.content);\n`;
}

const KINDS = { curl, Python: python, JavaScript: javascript };
export const RECIPES = Object.keys(KINDS);

// `nameOf`: the file name of a picture's data URL; `key`: whether the server wants one
export const recipe = (kind, request, nameOf, url, key) => KINDS[kind](takePictures(request, nameOf), url, key);
