// llama_cpp.mjs - llama.cpp, by node-llama-cpp, runs the language part that `vl2 quantize --text-only` writes.
//
// Its cache of keys and values is F32 here, as ours is, so that only the order of sums differs where weights are F32. With
// other weights it rounds activations, too, to bf16 or to 8 bits, and we do not (--compute f32); where that makes it choose
// another expert the logits of one token are far off. Hence the median over the tokens; blocks read wrongly give about 1.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

import { getLlama, NoBinaryFoundError } from "node-llama-cpp";

import { MODELS, makeModel, inGolden, plan, promise, quantize, readSafetensors, scratch, vl2, vl2With } from "./support.mjs";

const PROMPT = "Where are the 3 cats? 在哪里？\nAnswer in 27 words.";

/** Both families of tokenizers, with the size of their table of embeddings and texts of the reference set. */
const TOKENIZERS = {
    deepseek_v2: ["tokenizer/v2-style-tokenizer.json", 102400, ["v2-style-cases", "v2-style-vl2-cases"]],
    deepseek_v3: [resolve("build/testdata/deepseek-v3-tokenizer.json"), 129280, ["deepseek-v3-cases", "vl2-cases"]],
};

/** Of a token's logits the root mean square of the differences, in parts of their own: the median over all tokens. */
const BOUND = { f32: 3e-6, bf16: 1e-2, q8_0: 3e-2, q4_0: 3e-2, iq4_nl: 3e-2 };

/** All rows are whole blocks, so that the text-only file has the same weights as the one that vl2 runs. */
const WHOLE_BLOCKS = { moe_intermediate_size: 64 };
const linear = { type: "linear", factor: 4 };
const yarn = { type: "yarn", factor: 40, original_max_position_embeddings: 32, mscale: 0.707, mscale_all_dim: 0.707 };

/** What a configuration can ask for beyond the published ones: shape of make_model, changes. */
const VARIANTS = {
    mha_linear_gqa: ["micro-mha", { rope_scaling: linear, num_key_value_heads: 2, rope_theta: 5000 }],
    mha_scaled: ["micro-mha", { routed_scaling_factor: 2, first_k_dense_replace: 2, rms_norm_eps: 0.01 }],
    mla_q_lora: ["micro-mla", { q_lora_rank: 32 }],
    mla_yarn: ["micro-mla", { rope_scaling: yarn }],
    mla_normalised: ["micro-mla", { norm_topk_prob: true, routed_scaling_factor: 2, tie_word_embeddings: true }],
    noaux_groups: ["micro-noaux", { n_group: 4, topk_group: 2 }],
    noaux_softmax: ["micro-noaux", { scoring_func: "softmax", norm_topk_prob: false, routed_scaling_factor: 2.5 }],
};

/** Tokens and logits [T][V] of the prompt as vl2 has them. */
function trace(model, type) {
    const whole = join(scratch, `${basename(model)}.${type}.whole.gguf`);
    const out = join(scratch, `${basename(model)}.${type}.safetensors`);
    vl2("quantize", inGolden(model), "-q", "-o", whole, "--type", type);
    vl2("trace", "-q", "-m", whole, "--compute", "f32", "--only", "input_ids,logits", "-o", out, PROMPT);
    const { input_ids: ids, logits } = readSafetensors(out);
    const [rows, columns] = logits.shape;
    assert.equal(logits.dtype, "F32");
    const at = (i) => logits.bytes.readFloatLE(4 * i);
    return {
        ids: Array.from({ length: rows }, (_, i) => Number(ids.bytes.readBigInt64LE(8 * i))),
        logits: Array.from({ length: rows }, (_, t) => Array.from({ length: columns }, (_, v) => at(t * columns + v))),
    };
}

/** llama.cpp's logits [T][V] of these tokens. */
async function evaluate(model, ids) {
    const context = await model.createContext({
        contextSize: 256,
        threads: 1,
        flashAttention: false,
        experimentalKvCacheKeyType: "F32",
        experimentalKvCacheValueType: "F32",
    });
    const steps = await context
        .getSequence()
        .controlledEvaluate(ids.map((id) => [id, { generateNext: { logits: true } }]));
    await context.dispose();
    return steps.map(({ next }) => Array.from({ length: next.logits.size }, (_, v) => next.logits.get(v)));
}

const rms = (list) => Math.sqrt(list.reduce((sum, x) => sum + x * x, 0) / list.length);
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const best = (row) => row.indexOf(Math.max(...row));

/** The library as it was published; where it does not fit the machine there is nothing to test. */
async function loadLibrary() {
    try {
        return await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false, logLevel: "error" });
    } catch (e) {
        if (!(e instanceof NoBinaryFoundError)) throw e;
        console.log("ok 1 - llama_cpp # SKIP no published library of node-llama-cpp runs on this machine\n1..1");
        process.exit();
    }
}

const llama = await loadLibrary();

/** The file loads, and each token of the prompt has our logits. */
async function answers(folder, type) {
    const ours = trace(folder, type);
    const model = await llama.loadModel({ modelPath: quantize(folder, type, "--text-only") });
    const theirs = await evaluate(model, ours.ids);
    await model.dispose();
    assert.equal(theirs.length, ours.ids.length);
    const errors = theirs.map((row, t) => rms(row.map((x, v) => x - ours.logits[t][v])) / rms(ours.logits[t]));
    const same = theirs.filter((row, t) => best(row) === best(ours.logits[t])).length;
    const [error, worst] = [median(errors), Math.max(...errors)].map((x) => x.toExponential(2));
    const said = `error ${error}, bound ${BOUND[type]}; worst token ${worst}; same best next: ${same} of ${theirs.length}`;
    assert(median(errors) <= BOUND[type], said);
    return [said];
}

/** Each text of the reference set becomes the same ids, special tokens in it included. */
async function tokenizes(family) {
    const [tokenizer, rows, sets] = TOKENIZERS[family];
    const folder = makeModel(family, "micro-mha", { vocab_size: rows, num_hidden_layers: 2 }, inGolden(tokenizer));
    const lines = sets.map((set) => readFileSync(inGolden(`tokenizer/${set}.jsonl`), "utf8")).join("");
    const ids = vl2With(lines, "tokenize", "--jsonl", "--raw-special", "-m", folder).trim().split("\n");
    const modelPath = quantize(folder, "q8_0", "--text-only");
    const model = await llama.loadModel({ modelPath, vocabOnly: true });
    const texts = lines.trim().split("\n");
    texts.forEach((line, i) => {
        const { text } = JSON.parse(line);
        assert.deepEqual([...model.tokenize(text, true)], JSON.parse(ids[i]).ids, text);
    });
    await model.dispose();
    assert.equal(ids.length, texts.length);
    return [`${texts.length} texts`];
}

for (const family of Object.keys(TOKENIZERS)) await promise(`llama_cpp tokenizes ${family}`, () => tokenizes(family));
for (const name of MODELS) await promise(`llama_cpp answers ${name} f32`, () => answers(name, "f32"));
for (const shape of ["micro-mha", "micro-mla", "micro-noaux"]) {
    const folder = makeModel(`${shape}-blocks`, shape, WHOLE_BLOCKS);
    for (const type of Object.keys(BOUND))
        await promise(`llama_cpp answers ${shape} ${type}`, () => answers(folder, type));
}
for (const [name, [shape, changes]] of Object.entries(VARIANTS))
    await promise(`llama_cpp answers ${name} f32`, () => answers(makeModel(name, shape, changes), "f32"));
await llama.dispose();
plan();
