// huggingface_gguf.mjs - @huggingface/gguf, the parser of the Hugging Face hub, reads what `vl2 quantize` writes.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { gguf, GGMLQuantizationType } from "@huggingface/gguf";

import { MODELS, inGolden, plan, promise, quantize, readJson, vl2 } from "./support.mjs";

const TYPES = ["f32", "bf16", "q8_0", "q4_0", "iq4_nl"];
const FILE_TYPE = { f32: 0, bf16: 32, q8_0: 7, q4_0: 2, iq4_nl: 25 }; // general.file_type
const ALIGNMENT = 32;
const TEXT_ONLY = "--text-only";

const parse = (path) => gguf(path, { allowLocalFile: true });
const aligned = (n) => Math.ceil(n / ALIGNMENT) * ALIGNMENT;

/** The tensors that vl2 announces: lines of name, type, shape with the rows first, bytes. */
function announced(model, type, options) {
    const lines = vl2("quantize", inGolden(model), "-o", "none", "--dry-run", "--type", type, ...options).trim();
    return lines
        .split("\n")
        .slice(0, -1) // the sum
        .map((line) => line.match(/^(\S+) +(\S+) +(\d+(?: x \d+)*) +(\d+)$/).slice(1))
        .map(([name, dtype, shape, bytes]) => ({ name, dtype, shape: shape.split(" x "), bytes: Number(bytes) }));
}

/** Types of ours, 16 rows side by side, have a bit more than the type of their blocks. */
const X16 = 1 << 16;
const typeName = (code) => (code & X16 ? `${GGMLQuantizationType[code - X16]}x16` : GGMLQuantizationType[code]);

/** Names, types and shapes as announced; offsets that follow from the sizes, up to the last byte of the file. */
function checkTensors(found, expected, path) {
    const list = found.tensorInfos.map((t) => ({
        name: t.name,
        dtype: typeName(t.dtype),
        shape: t.shape.map(String).reverse(),
        offset: Number(t.offset),
    }));
    let offset = 0;
    const wanted = expected.map(({ bytes, ...t }) => {
        const at = { ...t, offset };
        offset = aligned(offset + bytes);
        return at;
    });
    assert.deepEqual(list, wanted);
    assert.equal(Number(found.metadata.tensor_count), expected.length);
    assert.equal(aligned(statSync(path).size - Number(found.tensorDataOffset)), offset);
}

/** What config.json says, in the keys of the architecture. */
function expectedMetadata(model, type) {
    const c = readJson(inGolden(model), "config.json").language_config;
    const mla = c.use_mla ?? true;
    const a = mla ? "deepseek2" : "deepseek";
    const common = {
        "general.architecture": a,
        "general.type": "model",
        "general.name": model,
        "general.file_type": FILE_TYPE[type],
        [`${a}.block_count`]: c.num_hidden_layers,
        [`${a}.context_length`]: c.max_position_embeddings,
        [`${a}.embedding_length`]: c.hidden_size,
        [`${a}.feed_forward_length`]: c.intermediate_size,
        [`${a}.vocab_size`]: c.vocab_size,
        [`${a}.attention.head_count`]: c.num_attention_heads,
        [`${a}.attention.head_count_kv`]: c.num_key_value_heads,
        [`${a}.rope.dimension_count`]: mla ? c.qk_rope_head_dim : c.hidden_size / c.num_attention_heads,
        [`${a}.leading_dense_block_count`]: c.first_k_dense_replace,
        [`${a}.expert_count`]: c.n_routed_experts,
        [`${a}.expert_used_count`]: c.num_experts_per_tok,
        [`${a}.expert_shared_count`]: c.n_shared_experts,
        [`${a}.expert_feed_forward_length`]: c.moe_intermediate_size,
        [`${a}.expert_weights_scale`]: c.routed_scaling_factor ?? 1,
        [`${a}.expert_weights_norm`]: c.norm_topk_prob ?? false,
        [`${a}.expert_gating_func`]: c.scoring_func === "sigmoid" ? 2 : 1,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.bos_token_id": c.bos_token_id,
        "tokenizer.ggml.eos_token_id": c.eos_token_id,
    };
    if (!mla) return common;
    return {
        ...common,
        [`${a}.attention.kv_lora_rank`]: c.kv_lora_rank,
        [`${a}.attention.key_length`]: c.qk_nope_head_dim + c.qk_rope_head_dim,
        [`${a}.attention.value_length`]: c.v_head_dim,
    };
}

/** Each id of tokenizer.json has its text; the list is as long as the table of embeddings. */
function checkVocabulary(metadata, model) {
    const tokenizer = readJson(inGolden(model), "tokenizer.json");
    const list = metadata["tokenizer.ggml.tokens"];
    assert.equal(list.length, readJson(inGolden(model), "config.json").language_config.vocab_size);
    assert.equal(metadata["tokenizer.ggml.token_type"].length, list.length);
    assert.equal(metadata["tokenizer.ggml.merges"].length, tokenizer.model.merges.length);
    for (const [text, id] of Object.entries(tokenizer.model.vocab)) assert.equal(list[id], text);
    for (const { id, content } of tokenizer.added_tokens) assert.equal(list[id], content);
}

const FILE_OF = {
    "tokenizer.huggingface.json": "tokenizer.json",
    "vl2.config": "config.json",
    "vl2.processor_config": "processor_config.json",
    "vl2.tokenizer_config": "tokenizer_config.json",
    "vl2.special_tokens_map": "special_tokens_map.json",
};

/** The files of the folder are in it byte for byte, but not where only the language part is. */
function checkTexts(metadata, model, whole) {
    for (const [key, file] of Object.entries(FILE_OF)) {
        const text = metadata[key];
        if (whole) assert(Buffer.from(text).equals(readFileSync(join(inGolden(model), file))), key);
        else assert.equal(text, undefined, key);
    }
}

for (const model of MODELS)
    for (const type of TYPES)
        for (const options of [[], [TEXT_ONLY]])
            await promise(`huggingface_gguf reads ${[model, type, ...options].join(" ")}`, async () => {
                const path = quantize(model, type, ...options);
                const found = await parse(path);
                const { metadata } = found;
                assert.equal(metadata.version, 3);
                const wanted = expectedMetadata(model, type);
                assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((key) => [key, metadata[key]])), wanted);
                checkTensors(found, announced(model, type, options), path);
                checkVocabulary(metadata, model);
                checkTexts(metadata, model, options.length === 0);
                const { parameterCount } = await gguf(path, { allowLocalFile: true, computeParametersCount: true });
                return [`${metadata.tensor_count} tensors, ${parameterCount} numbers, ${metadata.kv_count} values`];
            });
plan();
