// vlmevalkit_client.mjs - requests as VLMEvalKit's API class for OpenAI's models sends them, against `vl2 serve`: what it makes of a
// message, what it takes out of a reply, when it tries again. A table asked this way has the answers of `vl2 eval`.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { inGolden, plan, promise, scratch, serveMicro, vl2 } from "./support.mjs";

const FAILED = "Failed to obtain answer via API. ";

/** The class. A message is a list of {type: "text" | "image", value}; pictures are files, here JPEG as it sends them. */
class Api {
    constructor(base, more) {
        Object.assign(this, { model: "micro", key: "sk-any", system: null, maxTokens: 2048, detail: "low", retry: 5, tries: 0 }, more);
        this.address = `${base}v1/chat/completions`;
    }

    parts(message) {
        if (!message.some((part) => part.type === "image"))
            return [{ type: "text", text: message.map((part) => part.value).join("\n") }];
        return message.map(({ type, value }) => {
            if (type === "text") return { type, text: value };
            const url = `data:image/jpeg;base64,${readFileSync(value).toString("base64")}`;
            return { type: "image_url", image_url: { url, detail: this.detail } };
        });
    }

    /** A message, or turns of {role, content: message}. */
    messages(input) {
        const turns = input[0].role ? input : [{ role: "user", content: input }];
        const all = turns.map(({ role, content }) => ({ role, content: this.parts(content) }));
        return this.system === null ? all : [{ role: "system", content: this.system }, ...all];
    }

    async once(input) {
        this.tries++;
        const body = { model: this.model, messages: this.messages(input), n: 1, temperature: 0, max_tokens: this.maxTokens };
        const headers = { "Content-Type": "application/json", Authorization: `Bearer ${this.key}` };
        this.reply = await fetch(this.address, { method: "POST", headers, body: JSON.stringify(body) });
        this.said = await this.reply.json().catch(() => null);
        return this.said?.choices?.[0].message.content.trim() ?? FAILED;
    }

    /** An answer that is empty is as good as none: the class asks again. */
    async generate(input) {
        let answer = "";
        for (let i = 0; i < this.retry; i++) {
            answer = await this.once(input);
            if (this.reply.ok && !answer.includes(FAILED) && answer !== "") return answer;
        }
        return answer === "" ? FAILED : answer;
    }
}

const text = (value) => ({ type: "text", value });
const image = (name) => ({ type: "image", value: inGolden(`preprocess/${name}`) });
const photo = image("photo444.jpg");
const { base, stop } = await serveMicro("--ctx", "1024");
const short = (more) => new Api(base, { maxTokens: 8, ...more });

/** How many tokens a prompt is, and what is said to it. */
async function asked(input, more) {
    const api = short(more);
    return [await api.generate(input), api.said.usage.prompt_tokens];
}

// ---- a table, as its inference loop and its files have it ----

const QUESTIONS = ["Is it a cat?", "Is it a dog?", "What is it?", "Where is it?", "Why?", "Is there\tmore?"];

function writeTable() {
    const picture = readFileSync(photo.value).toString("base64");
    const rows = QUESTIONS.map((q, i) => [i, i % 2 ? i - 1 : picture, `"${q}"`, "['a', 'e', 'o']", "Scene Text-centric VQA"].join("\t"));
    const path = join(scratch, "OCRBench.tsv");
    writeFileSync(path, ["index\timage\tquestion\tanswer\tcategory", ...rows, ""].join("\n"));
    return path;
}

/** Four at a time, each with its picture in front. The class does not know of the model's own tags and full stops: the wrapper does. */
async function askTable() {
    const answers = [];
    const worker = async () => {
        for (let i; (i = answers.length) < QUESTIONS.length; ) {
            answers.push(null);
            answers[i] = await short({ detail: "high", retry: 1 }).generate([photo, text(QUESTIONS[i])]);
        }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    return answers.map((answer) => (answer === FAILED ? "" : answer.replace(/<\|[^|]*\|>/g, "").replace(/\.+$/, "").trim()));
}

const PROMISES = [
    ["text_alone_is_a_list_of_one_part", async () => {
        const [answer, tokens] = await asked([text("Hello")]);
        assert.equal(typeof answer, "string");
        assert(tokens > 0);
    }],
    ["texts_are_joined_by_lines", async () =>
        assert.deepEqual(await asked([text("Hello"), text("again")]), await asked([text("Hello\nagain")]))],
    ["a_picture_and_a_question", async () => {
        const [, tokens] = await asked([photo, text("What is it?")]);
        assert(tokens > (await asked([text("What is it?")]))[1]);
    }],
    ["pictures_stand_where_they_are_sent", async () => {
        const first = await asked([photo, text("A"), photo, text("B")]);
        const tags = await asked([photo, photo, text("<image>\nA<image>\nB")]);
        assert.deepEqual(first, tags);
        assert.notDeepEqual(await asked([text("A"), photo, photo, text("B")]), first);
    }],
    ["low_detail_is_one_view", async () => {
        const input = [photo, text("What is it?")];
        assert((await asked(input, { detail: "low" }))[1] < (await asked(input, { detail: "high" }))[1]);
    }],
    ["a_system_prompt", async () => {
        const [, tokens] = await asked([text("Hello")], { system: "You are kind." });
        assert(tokens > (await asked([text("Hello")]))[1]);
    }],
    ["a_conversation_of_lists", async () => {
        const turns = [
            { role: "user", content: [photo, text("What is it?")] },
            { role: "assistant", content: [text("A cat.")] },
            { role: "user", content: [text("Sure?")] },
        ];
        assert.equal(typeof (await asked(turns))[0], "string");
    }],
    ["more_tokens_than_there_is_room_for", async () => {
        const api = new Api(base, { retry: 1 });
        await api.generate([text("Hello")]);
        assert.equal(api.reply.status, 200);
        assert.match(api.said.choices[0].finish_reason, /stop|length/);
    }],
    ["an_unknown_model_fails_after_all_tries", async () => {
        const api = short({ model: "gpt-4o", retry: 3 });
        assert.equal(await api.generate([text("Hello")]), FAILED);
        assert.equal(api.tries, 3);
        assert.match(api.said.error.message, /gpt-4o/);
    }],
    ["a_key", async () => {
        const guarded = await serveMicro("--api-key", "sk-right");
        const of = (key) => new Api(guarded.base, { key, retry: 1, maxTokens: 1 });
        const right = of("sk-right"), wrong = of("sk-wrong");
        await right.generate([text("Hello")]);
        assert.equal(right.reply.status, 200);
        assert.equal(await wrong.generate([text("Hello")]), FAILED);
        assert.equal(wrong.reply.status, 401);
        await guarded.stop();
    }],
    ["a_table_has_the_answers_of_vl2_eval", async () => {
        const data = writeTable(), folder = join(scratch, "eval");
        mkdirSync(folder);
        vl2("eval", "-q", "-m", inGolden("micro-mla-noaux"), "--data", data, "-o", folder, "--max-tokens", "8", "--json");
        const lines = readFileSync(join(folder, "micro-mla-noaux_OCRBench.jsonl"), "utf8").trim().split("\n");
        const own = lines.map((line) => JSON.parse(line).prediction.trim());
        const sent = await askTable();
        assert.deepEqual(sent, own);
        const header = "index\tanswer\tcategory\tprediction";
        const rows = sent.map((answer, i) => [i, "['a', 'e', 'o']", "Scene Text-centric VQA", `"${answer.replaceAll('"', '""')}"`]);
        const table = join(scratch, "http_OCRBench.tsv");
        writeFileSync(table, [header, ...rows.map((row) => row.join("\t")), ""].join("\n"));
        const score = (path) => JSON.parse(vl2("eval", "-q", "--score", "--json", "--task", "OCRBench", "-o", folder, path)).scores;
        const ours = score(join(folder, "micro-mla-noaux_OCRBench.tsv"));
        assert.deepEqual(score(table), ours);
        return [`${ours[0].value} of ${ours[0].rows} answers have an a, e or o`];
    }],
];

for (const [name, check] of PROMISES) await promise(name, check);
await stop();
plan();
