// support.mjs - what the programs of this folder share: TAP, vl2 as a command and as a server, safetensors as it writes them.
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

export const [vl2Program, golden, scratch] = process.argv.slice(2);
export const MODELS = ["micro-mha-f32", "micro-mla", "micro-mla-noaux"];

let count = 0;

/** One line of TAP; what `check` returns is printed above it, what it throws fails the promise. */
export async function promise(name, check) {
    count++;
    try {
        for (const line of (await check()) ?? []) console.log(`# ${line}`);
        console.log(`ok ${count} - ${name}`);
    } catch (e) {
        console.log(`# ${String(e.stack ?? e).replaceAll("\n", "\n# ")}`);
        console.log(`not ok ${count} - ${name}`);
        process.exitCode = 1;
    }
}

export const plan = () => console.log(`1..${count}`);

/** What vl2 prints with these arguments, with a text as its standard input or without. */
export const vl2With = (input, ...args) => execFileSync(vl2Program, args, { input, encoding: "utf8", maxBuffer: 1 << 26 });
export const vl2 = (...args) => vl2With("", ...args);

/** A server of a micro model on a free port: where it is, and what ends it. */
export async function serveMicro(...options) {
    const args = ["serve", "-m", inGolden("micro-mla-noaux"), "--name", "micro", "-p", "0", "--threads", "1", ...options];
    const child = spawn(vl2Program, args, { stdio: ["ignore", "ignore", "pipe"] });
    const said = await new Promise((resolve, reject) => {
        let text = "";
        child.stderr.on("data", (part) => ((text += part).includes("listens on") ? resolve(text) : 0));
        child.on("exit", () => reject(new Error(text)));
    });
    const stop = () => new Promise((done) => child.once("exit", done) && child.kill());
    return { base: said.match(/http:\/\/\S+/)[0], stop };
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
