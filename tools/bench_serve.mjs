// bench_serve.mjs - `vl2 serve` under load: bench_serve.mjs VL2 [--model M] [--full M] [--clients 64] [--seconds 600]
//                                                          [--threads 0] [--serve "--speculate 0 ..."] [--short]
//
// Many clients stream at once, pictures and text, whole and sampled, one in ten goes away in the middle; every answer that comes
// to its end is compared with that of a lone `vl2 run`, and every part of the others with its beginning. Then: how much eight
// conversations decode against one, how long a running stream is silent while a picture of nine tiles arrives, what a second turn
// costs, what HTTP adds. --full is a second model, one of full shape, of which the figures of time are measured, too; --serve
// has more options of `vl2 serve`. Prints one line for each figure with its goal; ends with 1 if an answer differed or failed.
// A missed goal does not end with 1: times are those of the machine. Needs Node 20, nothing else.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [vl2, ...rest] = process.argv.slice(2);
if (!vl2) {
    console.error('usage: bench_serve.mjs VL2 [--model M] [--full M] [--clients 64] [--seconds 600] [--threads 0] [--serve "--speculate 0 ..."] [--short]');
    process.exit(2);
}
const option = (name, otherwise) => (rest.includes(name) ? rest[rest.indexOf(name) + 1] : otherwise);
const short = rest.includes("--short");
const CLIENTS = Number(option("--clients", short ? 16 : 64));
const SECONDS = Number(option("--seconds", short ? 10 : 600));
const SLICE_MS = 100; // the server's default
const threads = option("--threads", "0");
const folder = mkdtempSync(join(tmpdir(), "vl2-bench-"));
const now = () => performance.now() / 1000;
const sleep = (s) => new Promise((done) => setTimeout(done, 1000 * s));
const mb = (b) => `${(b / 1e6).toFixed(1)} MB`;
let failures = 0;
const wrong = (text) => (failures++ < 10 ? console.log(`WRONG: ${text}`) : 0);

/** A figure; with a goal, whether it is met. */
function say(what, value, goal, met) {
    const verdict = goal ? ` | ${goal} | ${met ? "met" : "MISSED"}` : "";
    console.log(`${what.padEnd(62)} ${value}${verdict}`);
}

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

function alone(q, model) {
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

/** Starts one; resolves when it listens, with its address and how long that took. */
async function start(model) {
    const begun = now();
    const more = option("--serve", "").split(" ").filter(Boolean);
    const args = ["serve", ...model, "-p", "0", "--threads", threads, "--parallel", "8", "--max-queue", "1000", "--log-format", "json"];
    const process = spawn(vl2, [...args, ...more], { stdio: ["ignore", "ignore", "pipe"] });
    const base = await new Promise((resolve, reject) => {
        let text = "";
        process.stderr.on("data", (part) => {
            if (text !== null && (text += part).includes("listens on")) resolve(text.match(/http:\/\/\S+/)[0]), (text = null);
        });
        process.on("exit", () => reject(new Error(text)));
    });
    return { process, base, seconds: now() - begun };
}

async function stop(server) {
    server.process.kill();
    await new Promise((done) => server.process.once("exit", done));
}

const metrics = async (server) => Object.fromEntries(
    (await (await fetch(`${server.base}metrics`)).text()).split("\n").filter((l) => l && l[0] !== "#").map((l) => {
        const cut = l.lastIndexOf(" ");
        return [l.slice(0, cut), Number(l.slice(cut + 1))];
    }));

/** The parts of a stream with their times. `enough` is asked after each of them: true leaves. */
async function stream(server, json, enough = () => false) {
    const controller = new AbortController();
    const headers = { "Content-Type": "application/json" };
    const reply = await fetch(`${server.base}v1/chat/completions`, { method: "POST", headers, body: json, signal: controller.signal });
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
        if (!done && enough(parts)) {
            controller.abort();
            break;
        }
    }
    return { parts, text: parts.map((p) => p.text).join(""), done, timings };
}

// ---- many clients ----

const tally = { answers: 0, left: 0, number: 0 };

async function client(server, expected, until) {
    while (now() < until) {
        const i = tally.number++ % QUESTIONS.length;
        const leaves = tally.number % 10 === 0;
        try {
            const s = await stream(server, body(QUESTIONS[i]), (parts) => leaves && parts.length >= 2);
            if (!s.done) {
                tally.left++;
                if (!expected[i].startsWith(s.text)) wrong(`${QUESTIONS[i].text}: began "${s.text}"`);
            } else if (++tally.answers && s.text !== expected[i]) wrong(`${QUESTIONS[i].text}: "${s.text}", alone "${expected[i]}"`);
        } catch (e) {
            wrong(`${QUESTIONS[i].text}: ${e.message}`);
        }
    }
}

async function load(server, model) {
    const expected = QUESTIONS.map((q) => alone(q, model));
    const resident = [];
    const until = now() + SECONDS;
    const clients = Array.from({ length: CLIENTS }, () => client(server, expected, until));
    while (now() < until) {
        await sleep(Math.min(SECONDS / 10, 30));
        resident.push((await metrics(server)).process_resident_memory_bytes);
    }
    await Promise.all(clients);
    const after = await metrics(server);
    const half = resident[resident.length >> 1], last = resident.at(-1);
    say(`${CLIENTS} clients, ${SECONDS} s: answers / left in the middle / wrong`,
        `${tally.answers} / ${tally.left} / ${failures}`, "none wrong", failures === 0);
    say("  resident memory after a tenth, half, all of the time", [resident[0], half, last].map(mb).join(", "),
        "flat: the second half adds 5 % at most", last <= 1.05 * half);
    say("  prompt tokens from the cache", `${(100 * after.vl2_cached_tokens_total / after.vl2_prompt_tokens_total).toFixed(0)} %`);
    say("  tokens guessed ahead, those that came", `${after.vl2_guessed_tokens_total}, ${after.vl2_accepted_tokens_total}`);
    if (after.vl2_answers_running !== 0) wrong("answers run for nobody");
}

// ---- one and eight ----

async function oneAndEight(server) {
    const tokens = short ? 60 : 200;
    const rate = async (n) => {
        const ask = (_, i) => stream(server, body({ text: `Go on. ${i}`, tokens }));
        const all = await Promise.all(Array.from({ length: n }, ask));
        const first = Math.min(...all.map((s) => s.parts[0].at)), last = Math.max(...all.map((s) => s.parts.at(-1).at));
        return (n * tokens) / (last - first);
    };
    await rate(1);
    const [one, eight] = [await rate(1), await rate(8)];
    say("tokens a second, one conversation, eight together", `${one.toFixed(1)}, ${eight.toFixed(1)} (${(eight / one).toFixed(2)} x)`,
        "at least 3 x", eight >= 3 * one);
}

// ---- a picture of nine tiles arrives ----

const nine = picture(9, 1152, 1152);
const WHAT = { text: "What is this?", pictures: [nine], tokens: 4 };

/** A token with a text of its own, so that each token of a stream is heard. */
async function loudToken(server) {
    const headers = { "Content-Type": "application/json" };
    const reply = await fetch(`${server.base}tokenize`, { method: "POST", headers, body: JSON.stringify({ content: "a" }) });
    return (await reply.json()).tokens[0];
}

async function silence(server) {
    let seen = null, begun;
    const heard = new Promise((done) => (begun = done));
    const bias = { logit_bias: { [await loudToken(server)]: 100 } };
    const running = stream(server, body({ text: "Long.", tokens: 3000 }, bias), (parts) => (parts.length >= 20 && begun(), seen !== null));
    await heard;
    const arrived = now();
    seen = await stream(server, body(WHAT));
    const parts = (await running).parts;
    const gaps = parts.slice(1).map((p, i) => ({ at: p.at, gap: 1e3 * (p.at - parts[i].at) }));
    const during = gaps.filter((g) => g.at >= arrived && g.at <= seen.parts[0].at).map((g) => g.gap);
    const before = gaps.filter((g) => g.at < arrived).map((g) => g.gap);
    const token = before.reduce((sum, gap) => sum + gap, 0) / before.length, longest = Math.max(0, ...during), most = 5 * token + SLICE_MS;
    say("longest silence of a stream while nine tiles arrive",
        `${longest.toFixed(0)} ms (a token: ${token.toFixed(1)} ms; the picture: ${seen.timings.vision_ms.toFixed(0)} ms)`,
        `under 5 tokens and a slice: ${most.toFixed(0)} ms`, longest < most);
}

// ---- a second turn ----

async function secondTurn(server) {
    const first = await stream(server, body(WHAT));
    const messages = JSON.parse(body(WHAT)).messages;
    messages.push({ role: "assistant", content: first.text }, { role: "user", content: "And?" });
    const before = await metrics(server);
    const second = await stream(server, body(WHAT, { messages }));
    const after = await metrics(server);
    const added = (name) => after[name] - before[name];
    const read = added("vl2_prompt_tokens_total") - added("vl2_cached_tokens_total");
    const vision = 1e3 * added("vl2_vision_seconds_sum");
    const fresh = second.timings.prompt_n - first.timings.prompt_n;
    say("a second turn: vision, prompt tokens read of those that are new", `${vision.toFixed(1)} ms, ${read} of ${fresh}`,
        "no vision, no old tokens", vision === 0 && read <= fresh);
}

// ---- HTTP ----

/** Milliseconds of a whole request on a connection that stays, and its answer. */
const timed = (server, agent, json) => new Promise((resolve, reject) => {
    const from = now();
    const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(json) };
    const r = request(`${server.base}v1/chat/completions`, { method: "POST", agent, headers }, (reply) => {
        let text = "";
        reply.setEncoding("utf8").on("data", (part) => (text += part)).on("end", () => resolve([1e3 * (now() - from), JSON.parse(text)]));
    });
    r.on("error", reject).end(json);
});

async function overhead(server) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const beyond = [];
    for (let i = 0; i < 60; i++) {
        const [total, reply] = await timed(server, agent, body({ text: "Hi", tokens: 1 }, { stream: false }));
        if (i >= 10) beyond.push(total - reply.timings.prompt_ms - reply.timings.predicted_ms);
    }
    agent.destroy();
    const median = beyond.sort((a, b) => a - b)[beyond.length >> 1];
    say("a request beyond the engine's time (median of 50)", `${median.toFixed(2)} ms`, "under 2 ms", median < 2);
}

// ---- one model, and the other ----

async function measure(name, withLoad) {
    const model = name ? ["-m", name] : [];
    console.log(`\n${name ?? "the default model"}`);
    const first = await start(model);
    await stop(first);
    const server = await start(model); // its file is in memory now
    say("ready after, started for the first time and again", `${first.seconds.toFixed(2)} s, ${server.seconds.toFixed(2)} s`,
        "under 1 s", server.seconds < 1);
    if (withLoad) await load(server, model);
    await oneAndEight(server);
    await silence(server);
    await secondTurn(server);
    await overhead(server);
    await stop(server);
}

await measure(option("--model"), SECONDS > 0);
if (option("--full")) await measure(option("--full"), false);
rmSync(folder, { recursive: true });
process.exit(failures ? 1 : 0);
