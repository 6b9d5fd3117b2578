// bench_tokenizer_hf.js - the same measurement as tools/bench_tokenizer.c with the Hugging Face library itself:
//   npm install --prefix build/testdata @anush008/tokenizers@0.6.0
//   RAYON_NUM_THREADS=1 NODE_PATH=build/testdata/node_modules node tools/bench_tokenizer_hf.js TOKENIZER.json FILE...
// Documents of 4 kB, one call each, processor time, the best of three runs.
"use strict";
const fs = require("fs");
const { Tokenizer } = require("@anush008/tokenizers");

function documents(path) {
    const bytes = fs.readFileSync(path), out = [];
    for (let at = 0, end; at < bytes.length; at = end) {
        end = Math.min(bytes.length, at + 4096);
        while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end--;
        out.push(bytes.subarray(at, end).toString("utf8"));
    }
    return { bytes: bytes.length, texts: out };
}

async function encode(tokenizer, texts) {
    const out = [];
    for (const text of texts) out.push((await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds());
    return out;
}

async function best_seconds(tokenizer, texts) {
    let best = Infinity;
    for (let run = 0; run < 3; run++) {
        const start = process.cpuUsage();
        await encode(tokenizer, texts);
        const used = process.cpuUsage(start);
        best = Math.min(best, (used.user + used.system) / 1e6);
    }
    return best;
}

async function main([file, ...paths]) {
    const tokenizer = await Tokenizer.fromFile(file);
    let bytes = 0, seconds = 0;
    for (const path of paths) {
        const d = documents(path), tokens = (await encode(tokenizer, d.texts)).reduce((n, ids) => n + ids.length, 0);
        const s = await best_seconds(tokenizer, d.texts);
        bytes += d.bytes;
        seconds += s;
        console.log(`| ${path} | ${(d.bytes / 1e6).toFixed(2)} | ${tokens} | ${(d.bytes / 1e6 / s).toFixed(2)} |`);
    }
    console.log(`| all | ${(bytes / 1e6).toFixed(2)} | | ${(bytes / 1e6 / seconds).toFixed(2)} |`);
}
main(process.argv.slice(2));
