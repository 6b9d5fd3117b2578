// support.mjs - what the programs of this folder share: vl2 as a command and as a server, safetensors as it writes them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { startServer } from "./live_server.mjs";

export const [vl2Program, golden, scratch] = process.argv.slice(2);
export const MODELS = ["micro-mha-f32", "micro-mla", "micro-mla-noaux"];
export { plan, promise } from "./tap.mjs";

/** What vl2 prints with these arguments, with a text as its standard input or without. */
export const vl2With = (input, ...args) => execFileSync(vl2Program, args, { input, encoding: "utf8", maxBuffer: 1 << 26 });
export const vl2 = (...args) => vl2With("", ...args);

/** A server of a micro model: where it is, without a slash at its end and with, and what ends it. */
export async function serveMicro(...options) {
    const model = ["-m", inGolden("micro-mla-noaux"), "--name", "micro", "--threads", "1"];
    const { url, stop } = await startServer(vl2Program, ...model, ...options);
    return { url, base: `${url}/`, stop };
}

/** Where a model or file of the reference set is; an absolute path stays. */
export const inGolden = (model) => resolve(golden, model);
export const readJson = (...path) => JSON.parse(readFileSync(join(...path), "utf8"));

/** Makes a model of random weights; `changes` to its language_config. */
export function makeModel(name, shape, changes, tokenizer = join(inGolden(MODELS[0]), "tokenizer.json")) {
    const folder = join(scratch, name);
    const setting = ([key, value]) => ["--set", `language_config.${key}=${JSON.stringify(value)}`];
    const set = Object.entries(changes).flatMap(setting);
    const args = ["--shape", shape, "-o", folder, "--tokenizer", tokenizer, ...set];
    execFileSync(join(dirname(vl2Program), "tools/make_model"), args, { stdio: ["ignore", "ignore", "pipe"] });
    return folder;
}

/** The GGUF file of a model, written anew. */
export function quantize(model, type, ...options) {
    const out = join(scratch, `${basename(model)}.${type}.gguf`);
    vl2("quantize", inGolden(model), "-q", "-o", out, "--type", type, ...options);
    return out;
}

/** Tensors of a safetensors file, by name: {shape, dtype, bytes}. */
export function readSafetensors(path) {
    const file = readFileSync(path);
    const begin = 8 + Number(file.readBigUInt64LE(0));
    const header = JSON.parse(file.toString("utf8", 8, begin));
    delete header.__metadata__;
    return Object.fromEntries(
        Object.entries(header).map(([name, { shape, dtype, data_offsets: [from, to] }]) => [
            name,
            { shape, dtype, bytes: file.subarray(begin + from, begin + to) },
        ]),
    );
}
