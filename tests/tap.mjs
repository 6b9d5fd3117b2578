// tap.mjs - what test programs in Node say: a line of TAP for each promise.

let count = 0;

const commented = (text) => text.split("\n").map((line) => `# ${line}\n`).join("");

/** Says whether `check` keeps the promise: what it returns is printed above the line, what it throws fails it. */
export async function promise(name, check) {
    let told = "", verdict = "ok";
    try {
        told = ((await check()) ?? []).map(commented).join("");
    } catch (e) {
        told = commented(String(e.stack ?? e));
        verdict = "not ok";
        process.exitCode = 1;
    }
    console.log(`${told}${verdict} ${++count} - ${name}`);
}

export const plan = () => console.log(`1..${count}`);
