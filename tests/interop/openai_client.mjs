// openai_client.mjs - OpenAI's own client against `vl2 serve`: whole answers and streams, pictures, errors, retries, aborts;
// and requests as open-webui sends them.
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import OpenAI from "openai";
import { inGolden, plan, promise, serveMicro } from "./support.mjs";
import { metric, until } from "./live_server.mjs";

/** A server and a client of it; ends with stop(). */
async function serve(...options) {
    const server = await serveMicro(...options);
    return { ...server, client: new OpenAI({ baseURL: `${server.base}v1`, apiKey: "any", maxRetries: 0 }) };
}

const server = await serve();
const { base, client } = server;
const model = "micro";
const user = (content) => [{ role: "user", content }];
const chat = (more, options) =>
    client.chat.completions.create({ model, messages: user("Hello"), max_tokens: 8, ...more }, options);
const text = (answer) => answer.choices[0].message.content;
const picture = (name) => `data:image/png;base64,${readFileSync(inGolden(`images/${name}`)).toString("base64")}`;
const image = (url, detail) => ({ type: "image_url", image_url: detail ? { url, detail } : { url } });
const cat = picture("cat.png");
const rejects = (call, kind, message) =>
    assert.rejects(call, (e) => {
        assert(e instanceof kind, `${e.constructor.name}: ${e.message}`);
        assert.match(e.message, message);
        return true;
    });
async function together(stream) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return { chunks, text: chunks.map((c) => c.choices[0]?.delta?.content ?? "").join("") };
}

const { BadRequestError, NotFoundError, AuthenticationError, RateLimitError, APIUserAbortError } = OpenAI;
const bad = (name, more, message) => [name, () => rejects(chat(more), BadRequestError, message)];
const SCHEMA = {
    type: "object",
    properties: { animal: { enum: ["cat", "dog"] }, many: { type: "boolean" } },
    required: ["animal", "many"],
    additionalProperties: false,
};
const long = { max_tokens: 3000, ignore_eos: true };

const PROMISES = [
    ["models_are_listed", async () => assert.deepEqual((await client.models.list()).data.map((m) => m.id), [model])],
    ["a_model_is_found", async () => assert.equal((await client.models.retrieve(model)).object, "model")],
    ["a_model_that_is_not_there", () => rejects(client.models.retrieve("gpt"), NotFoundError, /no model/)],
    ["an_answer", async () => {
        const a = await chat();
        assert.equal(a.object, "chat.completion");
        assert.equal(a.choices[0].message.role, "assistant");
        assert(a.id.startsWith("chatcmpl-") && a.usage.total_tokens === a.usage.prompt_tokens + a.usage.completion_tokens);
    }],
    ["greedy_answers_repeat", async () => assert.equal(text(await chat()), text(await chat()))],
    ["seeds_repeat", async () => {
        const sampled = { temperature: 1.2, seed: 5, max_tokens: 20 };
        assert.equal(text(await chat(sampled)), text(await chat(sampled)));
    }],
    ["other_seeds_differ", async () => {
        const of = async (seed) => text(await chat({ temperature: 1.8, seed, max_tokens: 30 }));
        assert.notEqual(await of(1), await of(2));
    }],
    ["a_stream_is_the_whole_answer", async () => {
        const s = await together(await chat({ stream: true, max_tokens: 30 }));
        assert.equal(s.text, text(await chat({ max_tokens: 30 })));
        assert.equal(s.chunks[0].choices[0].delta.role, "assistant");
        assert.equal(new Set(s.chunks.map((c) => c.id)).size, 1);
        assert.match(s.chunks.at(-1).choices[0].finish_reason, /stop|length/);
    }],
    ["a_stream_counts_at_its_end", async () => {
        const s = await together(await chat({ stream: true, stream_options: { include_usage: true } }));
        assert.equal(s.chunks.at(-1).choices.length, 0);
        assert(s.chunks.at(-1).usage.completion_tokens > 0);
        assert.equal(s.chunks[0].usage, null);
    }],
    ["the_stream_helper", async () => {
        const runner = client.chat.completions.stream({ model, messages: user("Hello"), max_tokens: 8 });
        assert.equal(await runner.finalContent(), text(await chat()));
    }],
    ["a_stream_as_a_readable", async () => {
        const s = await chat({ stream: true });
        assert.equal(s.toReadableStream().constructor.name, "ReadableStream");
        s.controller.abort();
    }],
    ["several_answers", async () => assert.equal((await chat({ n: 3 })).choices.length, 3)],
    ["several_streams", async () => {
        const s = await together(await chat({ n: 2, stream: true }));
        assert.deepEqual([...new Set(s.chunks.flatMap((c) => c.choices.map((x) => x.index)))].sort(), [0, 1]);
    }],
    ["logprobs", async () => {
        const a = await chat({ logprobs: true, top_logprobs: 3, ignore_eos: true });
        const [first] = a.choices[0].logprobs.content;
        assert.equal(first.top_logprobs.length, 3);
        assert.equal(first.logprob, first.top_logprobs[0].logprob);
        assert(Buffer.from(first.bytes).length > 0);
    }],
    ["logprobs_of_a_stream", async () => {
        const s = await together(await chat({ logprobs: true, stream: true, ignore_eos: true }));
        assert.equal(s.chunks.flatMap((c) => c.choices[0]?.logprobs?.content ?? []).length, 8);
    }],
    ["stop", async () => {
        const whole = text(await chat({ max_tokens: 20 }));
        const cut = await chat({ max_tokens: 20, stop: [[...whole].at(-1)] });
        assert(whole.startsWith(text(cut)) && text(cut).length < whole.length);
        assert.equal(cut.choices[0].finish_reason, "stop");
    }],
    ["no_stop_texts", async () => assert.equal(text(await chat({ stop: [] })), text(await chat()))],
    ["max_completion_tokens_wins", async () => {
        const a = await chat({ max_tokens: 2, max_completion_tokens: 5, ignore_eos: true });
        assert.equal(a.usage.completion_tokens, 5);
        assert.equal(a.choices[0].finish_reason, "length");
    }],
    ["bias", async () => {
        const { tokens } = await client.post("/tokenize", { body: { content: "a" } });
        const a = await chat({ max_tokens: 3, logit_bias: { [tokens[0]]: 100 } });
        assert.equal(text(a), "aaa");
    }],
    ["system_and_turns", async () => {
        const messages = [
            { role: "developer", content: "Be brief." },
            { role: "user", content: "Hello" },
            { role: "assistant", content: "Hi" },
            { role: "user", name: "x", content: "And?" },
        ];
        assert(text(await chat({ messages })).length >= 0);
    }],
    ["an_answer_is_continued", async () => {
        const messages = [...user("Hello"), { role: "assistant", content: "Hi" }];
        assert.equal(typeof text(await chat({ messages, continue_final_message: true })), "string");
    }],
    ["a_picture", async () => {
        const a = await chat({ messages: user([image(cat), { type: "text", text: "What is this?" }]) });
        assert(a.usage.prompt_tokens_details.image_tokens > 0);
    }],
    ["a_picture_again_is_cached", async () => {
        const ask = () => chat({ messages: user([image(cat), { type: "text", text: "What is this?" }]) });
        const [one, two] = [await ask(), await ask()];
        assert.equal(text(one), text(two));
        assert(two.usage.prompt_tokens_details.cached_tokens >= two.usage.prompt_tokens_details.image_tokens);
        assert.equal(two.timings.vision_ms, 0);
    }],
    ["a_picture_in_low_detail", async () => {
        const tokens = async (detail) =>
            (await chat({ messages: user([image(cat, detail)]) })).usage.prompt_tokens_details.image_tokens;
        assert((await tokens("low")) <= (await tokens("high")));
        assert.equal(await tokens("auto"), await tokens("high"));
    }],
    ["a_picture_as_a_bare_url", async () => {
        const messages = user([{ type: "image_url", image_url: cat }, { type: "text", text: "?" }]);
        assert((await chat({ messages })).usage.prompt_tokens_details.image_tokens > 0);
    }],
    ["base64_with_line_breaks_and_capitals", async () => {
        const broken = cat.replace("data:", "Data:").replace(/=+$/, "").replace(/.{76}/g, "$&\n");
        assert((await chat({ messages: user([image(broken)]) })).usage.prompt_tokens_details.image_tokens > 0);
    }],
    ["tags_place_pictures", async () => {
        const parts = [image(cat), image(cat), { type: "text", text: "A: <image>\nB: <image>\nWhich?" }];
        assert((await chat({ messages: user(parts) })).usage.prompt_tokens_details.image_tokens > 0);
    }],
    ["boxes_on_request", async () =>
        assert(Array.isArray((await chat({ boxes: true, messages: user([image(cat)]) })).choices[0].message.boxes))],
    ["json_schema", async () => {
        const format = { type: "json_schema", json_schema: { name: "pet", strict: true, schema: SCHEMA } };
        const pet = JSON.parse(text(await chat({ response_format: format, max_tokens: 200, temperature: 1.5 })));
        assert(["cat", "dog"].includes(pet.animal) && typeof pet.many === "boolean");
    }],
    ["json_schema_as_a_stream", async () => {
        const format = { type: "json_schema", json_schema: { name: "pet", schema: SCHEMA } };
        const s = await together(await chat({ response_format: format, max_tokens: 200, stream: true }));
        assert.deepEqual(Object.keys(JSON.parse(s.text)), ["animal", "many"]);
    }],
    ["json_object_begins_as_one", async () =>
        assert.match(text(await chat({ response_format: { type: "json_object" }, max_tokens: 20 })), /^\{/)],
    ["a_completion", async () => {
        const a = await client.completions.create({ model, prompt: "Hello", max_tokens: 5, echo: true });
        assert(a.choices[0].text.startsWith("Hello"));
    }],
    ["completions_of_several_prompts", async () =>
        assert.equal((await client.completions.create({ model, prompt: ["a", "b"], max_tokens: 2 })).choices.length, 2)],
    ["a_completion_as_a_stream", async () => {
        let all = "";
        const ask = { model, prompt: "Hello", max_tokens: 9 };
        for await (const c of await client.completions.create({ ...ask, stream: true })) all += c.choices[0]?.text ?? "";
        assert.equal(all, (await client.completions.create(ask)).choices[0].text);
    }],
    ["completion_logprobs", async () => {
        const a = await client.completions.create({ model, prompt: "Hello", max_tokens: 3, logprobs: 2 });
        assert.equal(a.choices[0].logprobs.tokens.length, a.choices[0].logprobs.token_logprobs.length);
    }],
    bad("no_messages", { messages: [] }, /messages is empty/),
    bad("a_temperature_out_of_range", { temperature: 3 }, /temperature is 3/),
    bad("a_schema_that_is_not_supported",
        { response_format: { type: "json_schema", json_schema: { schema: { type: "string", pattern: "a" } } } }, /pattern/),
    bad("tools", { tools: [{ type: "function", function: { name: "f" } }] }, /tools are not supported/),
    bad("a_remote_picture", { messages: user([image("https://example.com/a.png")]) }, /fetches no pictures/),
    bad("what_is_no_picture", { messages: user([image("data:image/png;base64,aGVsbG8=")]) }, /picture 1/),
    bad("tags_without_pictures", { messages: user("<image>") }, /1 <image> tag and 0 pictures/),
    ["a_prompt_over_the_context", async () => {
        const e = await chat({ messages: user("a b ".repeat(20000)) }).catch((x) => x);
        assert(e instanceof BadRequestError);
        assert.equal(e.code, "context_length_exceeded");
        assert.match(e.requestID, /^req-/);
    }],
    ["an_unknown_model", async () => {
        const e = await client.chat.completions.create({ model: "gpt-4o", messages: user("a") }).catch((x) => x);
        assert(e instanceof NotFoundError);
        assert.equal(e.param, "model");
    }],
    ["an_abort_ends_the_work", async () => {
        const before = await metric(server, "vl2_cancelled_total");
        const controller = new AbortController();
        const answer = chat(long, { signal: controller.signal });
        setTimeout(() => controller.abort(), 100);
        await assert.rejects(answer, APIUserAbortError);
        await until(async () => (await metric(server, "vl2_cancelled_total")) === before + 1, "the server counts it");
    }],
    ["an_aborted_stream_ends_the_work", async () => {
        const before = await metric(server, "vl2_cancelled_total");
        const stream = await chat({ ...long, stream: true });
        let events = 0;
        for await (const _ of stream) if (++events === 3) break;
        await until(async () => (await metric(server, "vl2_cancelled_total")) === before + 1, "the server counts it");
        assert.equal(await metric(server, "vl2_answers_running"), 0);
    }],
    ["twenty_at_once_are_answered_as_one", async () => {
        const alone = text(await chat({ max_tokens: 16 }));
        const all = await Promise.all(Array.from({ length: 20 }, () => chat({ max_tokens: 16 })));
        for (const a of all) assert.equal(text(a), alone);
    }],
    ["keys_and_rates", async () => {
        const guarded = await serve("--api-key", "secret", "--rate", "2");
        const of = (apiKey, maxRetries) => new OpenAI({ baseURL: `${guarded.base}v1`, apiKey, maxRetries });
        const ask = (c) => c.chat.completions.create({ model, messages: user("a"), max_tokens: 1 });
        await rejects(ask(of("wrong", 0)), AuthenticationError, /API key/);
        await ask(of("secret", 0));
        await ask(of("secret", 0));
        await rejects(ask(of("secret", 0)), RateLimitError, /more than 2 requests/);
        await guarded.stop();
    }],
    // What open-webui sends for a chat: a stream with usage, and fields of its own.
    ["a_request_of_open_webui", async () => {
        const models = await (await fetch(`${base}models`)).json();
        const body = {
            stream: true,
            model: models.data[0].id,
            messages: [
                { role: "system", content: "You are kind." },
                { role: "user", content: [{ type: "text", text: "Hello", cache_control: { type: "ephemeral" } }, image(cat)] },
            ],
            stream_options: { include_usage: true },
            chat_id: "c", session_id: "s", max_tokens: 4, metadata: {}, features: { web_search: false },
        };
        const reply = await fetch(`${base}chat/completions`, {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify(body),
        });
        assert.match(reply.headers.get("content-type"), /^text\/event-stream/);
        const events = (await reply.text()).trim().split("\n\n");
        assert.equal(events.at(-1), "data: [DONE]");
        assert(JSON.parse(events.at(-2).slice(6)).usage.total_tokens > 0);
    }],
];

for (const [name, check] of PROMISES) await promise(name, async () => void (await check()));
await server.stop();
plan();
