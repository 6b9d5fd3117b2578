// bench_llama_cpp.mjs - speed of llama.cpp, by node-llama-cpp, with a text-only GGUF file: bench_llama_cpp.mjs FILE THREADS
//
// For tools/bench_peers.sh, which puts it beside node_modules. Prints one line of JSON: the library of the processor that
// was chosen, seconds to load (weights repacked, the context made), and tokens/s: prompts of 421 and 512 random tokens, from
// the call to the first token out; 64 tokens after a prompt of 512. Medians of three; f16 cache, flash attention, steps of
// 512 rows. A token costs the binding well below a millisecond.
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

import { getLlama } from "node-llama-cpp";

const REPEATS = 3;
const GENERATED = 64;
const [modelPath, threads] = [process.argv[2], Number(process.argv[3])];

const seconds = () => performance.now() / 1000;
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

/** n tokens of a vocabulary, always the same for a seed. */
function randomTokens(n, seed, vocabulary) {
    let state = BigInt(seed);
    return Array.from({ length: n }, () => {
        state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
        return 300 + (Number(state >> 33n) % (vocabulary - 300));
    });
}

/** Seconds to the first token of a prompt, and of each of the `after` tokens that follow. */
async function answer(sequence, tokens, after) {
    await sequence.clearHistory();
    const begin = seconds();
    const stream = sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true });
    await stream.next();
    const first = seconds() - begin;
    const then = seconds();
    for (let i = 0; i < after; i++) await stream.next();
    const each = (seconds() - then) / after;
    await stream.return();
    return { first, each };
}

/** The library of instruction sets that was loaded, from the list of mapped files. */
const backend = () => /libggml-cpu[^/\s]*\.so/.exec(readFileSync("/proc/self/maps", "utf8"))?.[0] ?? "unknown";

const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    logLevel: "error",
    maxThreads: threads,
});
const begin = seconds();
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 1024, batchSize: 512, threads, flashAttention: true });
const load = seconds() - begin;
const sequence = context.getSequence();
const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;

await answer(sequence, randomTokens(64, 1, vocabulary), 1); // weights are read for the first time
const prefill = {};
for (const n of [421, 512]) {
    const runs = [];
    for (let i = 0; i < REPEATS; i++) runs.push((await answer(sequence, randomTokens(n, n + i, vocabulary), 1)).first);
    prefill[n] = n / median(runs);
}
const runs = [];
for (let i = 0; i < REPEATS; i++)
    runs.push((await answer(sequence, randomTokens(512, 7 + i, vocabulary), GENERATED)).each);
console.log(JSON.stringify({ backend: backend(), load, prefill, decode: 1 / median(runs) }));
process.exit();
