// bench_serve.mjs - `vl2 serve` under load: bench_serve.mjs VL2 [--model M] [--clients 64] [--seconds 600] [--threads 0] [--short]
//     [--serve "--speculate 0 ..."]: more options of the server
//
// Many clients stream at once, pictures and text, whole and sampled, one in ten goes away in the middle; every answer that comes
// to its end is compared with that of a lone `vl2 run`, and every part of the others with its beginning. Then: how much eight
// conversations decode against one, how long a running stream is silent while a picture of nine tiles arrives, what a second turn
// costs, what HTTP adds. Prints one line for each figure; ends with 1 if an answer differed or failed. Needs Node 20, nothing else.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [vl2, ...rest] = process.argv.slice(2);
if (!vl2) {
    console.error("usage: bench_serve.mjs VL2 [--model M] [--clients 64] [--seconds 600] [--threads 0] [--short] [--serve OPTIONS]");
    process.exit(2);
}
const option = (name, otherwise) => (rest.includes(name) ? rest[rest.indexOf(name) + 1] : otherwise);
const short = rest.includes("--short");
const CLIENTS = Number(option("--clients", short ? 16 : 64));
const SECONDS = Number(option("--seconds", short ? 10 : 600));
const threads = option("--threads", "0");
const model = rest.includes("--model") ? ["-m", option("--model")] : [];
const folder = mkdtempSync(join(tmpdir(), "vl2-bench-"));
const now = () => performance.now() / 1000;
const sleep = (s) => new Promise((done) => setTimeout(done, 1000 * s));
const say = (what, value) => console.log(`${what.padEnd(62)} ${value}`);
let failures = 0;
const wrong = (text) => (failures++ < 10 ? console.log(`WRONG: ${text}`) : 0);

// ---- questions ----

/** A picture of size w x h that no other seed has, as a file of its own. */
function picture(seed, w, h) {
    const head = Buffer.from(`P6\n${w} ${h}\n255\n`);
    const rgb = Buffer.alloc(w * h * 3);
    for (let i = 0; i < rgb.length; i++) rgb[i] = (i * (seed + 3) + (i >> 7) * 31 * seed) & 255;
    const path = join(folder, `${seed}.ppm`);
    const bytes = Buffer.concat([head, rgb]);
    writeFileSync(path, bytes);
    return { path, url: `data:image/x-portable-pixmap;base64,${bytes.toString("base64")}` };
}

const small = [picture(1, 100, 90), picture(2, 200, 60)];
const QUESTIONS = [
    { text: "Hello", tokens: 24 },
    { text: "Tell me about the sea, the wind and the sand.", tokens: 40 },
    { text: "What is this?", pictures: [small[0]], tokens: 16 },
    { text: "Which one is wider?", pictures: small, tokens: 12 },
    { text: "<|ref|>The thing.<|/ref|>", pictures: [small[1]], tokens: 20 },
    { text: "A poem", tokens: 60, temperature: 0.8, seed: 7 },
    { text: "Name it.", pictures: [small[0]], tokens: 16, temperature: 1, seed: 3 },
];

function alone(q) {
    const images = (q.pictures ?? []).flatMap((p) => ["-i", p.path]);
    const sampling = ["--temperature", String(q.temperature ?? 0), "--seed", String(q.seed ?? 0)];
    const args = ["run", ...model, "-q", "--json", "--ignore-eos", "--speculate", "0", "--threads", threads, ...images, ...sampling];
    const out = execFileSync(vl2, [...args, "--max-tokens", String(q.tokens), q.text], { encoding: "utf8", maxBuffer: 1 << 26 });
    return JSON.parse(out).text;
}

const body = (q, more) => JSON.stringify({
    messages: [{ role: "user", content: [
        ...(q.pictures ?? []).map((p) => ({ type: "image_url", image_url: { url: p.url } })),
        { type: "text", text: q.text },
    ] }],
    max_tokens: q.tokens, temperature: q.temperature ?? 0, seed: q.seed ?? 0, ignore_eos: true, stream: true, ...more,
});

// ---- the server ----

const begun = now();
const args = ["serve", ...model, "-p", "0", "--threads", threads, "--parallel", "8", "--max-queue", "1000", "--log-format", "json"]
    .concat(option("--serve", "").split(" ").filter((word) => word));
const server = spawn(vl2, args, { stdio: ["ignore", "ignore", "pipe"] });
const base = await new Promise((resolve, reject) => {
    let text = "";
    server.stderr.on("data", (part) => {
        if (text !== null && (text += part).includes("listens on")) resolve(text.match(/http:\/\/\S+/)[0]), (text = null);
    });
    server.on("exit", () => reject(new Error(text)));
});
say("ready after", `${(now() - begun).toFixed(2)} s`);

const metrics = async () => Object.fromEntries(
    (await (await fetch(`${base}metrics`)).text()).split("\n").filter((l) => l && l[0] !== "#").map((l) => {
        const cut = l.lastIndexOf(" ");
        return [l.slice(0, cut), Number(l.slice(cut + 1))];
    }));

/** The parts of a stream with their times; `leave` after so many. */
async function stream(json, leave = Infinity) {
    const controller = new AbortController();
    const headers = { "Content-Type": "application/json" };
    const reply = await fetch(`${base}v1/chat/completions`, { method: "POST", headers, body: json, signal: controller.signal });
    if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
    const parts = [];
    let held = "", done = false, timings;
    for await (const bytes of reply.body.pipeThrough(new TextDecoderStream())) {
        const events = (held + bytes).split("\n\n");
        held = events.pop();
        for (const e of events) {
            if (e === "data: [DONE]") done = true;
            if (!e.startsWith("data: {")) continue;
            const chunk = JSON.parse(e.slice(6));
            if (chunk.error) throw new Error(chunk.error.message);
            timings = chunk.timings ?? timings;
            const text = chunk.choices[0]?.delta?.content;
            if (text) parts.push({ at: now(), text });
        }
        if (parts.length >= leave) {
            controller.abort();
            break;
        }
    }
    return { parts, text: parts.map((p) => p.text).join(""), done, timings };
}

// ---- many clients ----

const expected = SECONDS > 0 ? QUESTIONS.map(alone) : [];
let answers = 0, left = 0, number = 0;

async function client(until) {
    while (now() < until) {
        const i = number++ % QUESTIONS.length;
        const leaves = number % 10 === 0;
        try {
            const s = await stream(body(QUESTIONS[i]), leaves ? 2 : Infinity);
            if (leaves && !s.done) {
                left++;
                if (!expected[i].startsWith(s.text)) wrong(`${QUESTIONS[i].text}: began "${s.text}"`);
            } else if (++answers && s.text !== expected[i]) wrong(`${QUESTIONS[i].text}: "${s.text}", alone "${expected[i]}"`);
        } catch (e) {
            wrong(`${QUESTIONS[i].text}: ${e.message}`);
        }
    }
}

async function load() {
    const resident = [];
    const until = now() + SECONDS;
    const clients = Array.from({ length: CLIENTS }, () => client(until));
    while (now() < until) {
        await sleep(Math.min(SECONDS / 10, 30));
        resident.push((await metrics()).process_resident_memory_bytes);
    }
    await Promise.all(clients);
    const after = await metrics();
    const mb = (b) => `${(b / 1e6).toFixed(1)} MB`;
    say(`${CLIENTS} clients, ${SECONDS} s: answers / left in the middle / wrong`, `${answers} / ${left} / ${failures}`);
    say("  resident memory after a tenth, half, all of the time",
        [resident[0], resident[resident.length >> 1], resident.at(-1)].map(mb).join(", "));
    say("  prompt tokens from the cache", `${(100 * after.vl2_cached_tokens_total / after.vl2_prompt_tokens_total).toFixed(0)} %`);
    say("  tokens guessed ahead, those that came", `${after.vl2_guessed_tokens_total}, ${after.vl2_accepted_tokens_total}`);
    if (after.vl2_answers_running !== 0) wrong("answers run for nobody");
}

if (SECONDS > 0) await load(); // 0: only what follows

// ---- one and eight ----

const long = { text: "Go on.", tokens: short ? 60 : 200 };
async function rate(n) {
    const all = await Promise.all(Array.from({ length: n }, (_, i) => stream(body({ ...long, text: `${long.text} ${i}` }, { logprobs: true }))));
    const first = Math.min(...all.map((s) => s.parts[0].at)), last = Math.max(...all.map((s) => s.parts.at(-1).at));
    return (n * long.tokens) / (last - first);
}
await rate(1);
const [one, eight] = [await rate(1), await rate(8)];
say("tokens a second, one conversation, eight together", `${one.toFixed(1)}, ${eight.toFixed(1)} (${(eight / one).toFixed(2)} x)`);

// ---- a picture of nine tiles arrives ----

const nine = picture(9, 1152, 1152);
const running = stream(body({ text: "Long.", tokens: short ? 150 : 600 }));
await sleep(0.05);
const arrived = now();
const seen = await stream(body({ text: "What is this?", pictures: [nine], tokens: 4 }));
const heard = await running;
const gaps = heard.parts.slice(1).map((p, i) => ({ at: p.at, gap: p.at - heard.parts[i].at }));
const during = gaps.filter((g) => g.at >= arrived && g.at <= seen.parts[0].at);
const usual = gaps.map((g) => g.gap).sort((a, b) => a - b)[gaps.length >> 1];
say("longest silence of a stream while nine tiles arrive",
    `${(1e3 * Math.max(0, ...during.map((g) => g.gap))).toFixed(0)} ms (a token: ${(1e3 * usual).toFixed(1)} ms; the picture: ${seen.timings.vision_ms.toFixed(0)} ms)`);

// ---- a second turn, and HTTP ----

const again = await stream(body({ text: "What is this?", pictures: [nine], tokens: 4 }));
say("the same picture again: vision, prompt tokens read", `${again.timings.vision_ms.toFixed(1)} ms, ${again.timings.prompt_n - again.timings.cached_n} of ${again.timings.prompt_n}`);
const overhead = [];
for (let i = 0; i < 50; i++) {
    const from = now();
    const s = await stream(body({ text: "Hi", tokens: 1 }));
    overhead.push(1e3 * (now() - from) - s.timings.prompt_ms - s.timings.predicted_ms);
}
say("a request beyond the engine's time (median of 50)", `${overhead.sort((a, b) => a - b)[25].toFixed(2)} ms`);

server.kill();
await new Promise((done) => server.once("exit", done));
rmSync(folder, { recursive: true });
process.exit(failures ? 1 : 0);
