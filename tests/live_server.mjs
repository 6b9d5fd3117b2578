// live_server.mjs - a `vl2 serve` of their own for test programs in Node.
import { spawn } from "node:child_process";
import { once } from "node:events";
import assert from "node:assert/strict";

/** `vl2 serve` with these arguments on a free port: { url: where it is, without a slash at the end, stop() }. */
export async function startServer(vl2Program, ...options) {
    const child = spawn(vl2Program, ["serve", "--port", "0", ...options], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    const url = await new Promise((resolve, reject) => {
        child.stderr.on("data", (piece) => {
            said += piece;
            const found = / listens on (\S+)\/\s/.exec(said);
            if (found) resolve(found[1]);
        });
        child.on("exit", () => reject(new Error(`vl2 serve ended: ${said}`)));
    });
    const stop = async () => {
        const ended = once(child, "exit");
        child.kill("SIGTERM");
        await ended;
    };
    return { url, stop };
}

/** The value of a metric, 0 if it is not told. */
export async function metric(server, name) {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1] ?? 0);
}

/** Asks again and again until it is so. */
export async function until(check, what, seconds = 30) {
    const end = Date.now() + seconds * 1000;
    while (!(await check())) {
        assert(Date.now() < end, `${what}: not within ${seconds} s`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}
