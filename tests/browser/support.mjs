// support.mjs - a server, a browser, and what the promises of page.mjs are made of.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [vl2Program, golden, executablePath, pictures] = process.argv.slice(2);
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const picturePath = (name) => join("tests/data/golden/images", name);
export const pictureUrl = (name) => `data:image/png;base64,${readFileSync(picturePath(name)).toString("base64")}`;

export function expect(condition, what) {
    if (!condition) throw new Error(what);
}

export function expectEqual(found, expected, what) {
    const a = JSON.stringify(found), b = JSON.stringify(expected);
    expect(a === b, `${what}: found ${a}, expected ${b}`);
}

// ---- the server ----

/** vl2 serve with a micro model of random weights: { url, stop() }. */
export async function startServer(...options) {
    const args = ["serve", "-m", join(golden, "micro-mla"), "--port", "0", ...options];
    const process_ = spawn(vl2Program, args, { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    const url = await new Promise((resolve, reject) => {
        process_.stderr.on("data", (piece) => {
            said += piece;
            const found = /https?:\/\/[^\s,]+/.exec(said);
            if (found) resolve(found[0].replace(/\/$/, ""));
        });
        process_.on("exit", () => reject(new Error(`vl2 serve ended: ${said}`)));
    });
    const stop = async () => {
        const ended = once(process_, "exit");
        process_.kill("SIGTERM");
        await ended;
    };
    return { url, stop };
}

/** The value of a metric, 0 if it is not told. */
export async function metric(server, name) {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1] ?? 0);
}

export async function until(check, what, seconds = 30) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        if (await check()) return;
        expect(Date.now() < end, `${what}: not within ${seconds} s`);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

// ---- the browser ----

export const startBrowser = () =>
    chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });

const WIDE = { width: 1280, height: 860 };
const NO_COMPLAINT = [/status of (401|503)/]; // answers that the promise is about

/** A fresh profile with the page open: { page, complaints: errors, refused resources, breaches of the policy }. */
export async function openPage(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: WIDE, locale: "en-GB", acceptDownloads: true, ...options });
    const page = await context.newPage(), complaints = [];
    const complain = (text) => { if (!NO_COMPLAINT.some((rule) => rule.test(text))) complaints.push(text); };
    page.setDefaultTimeout(30000);
    page.on("console", (m) => { if (["error", "warning"].includes(m.type())) complain(m.text()); });
    page.on("pageerror", (e) => complain(String(e)));
    page.on("request", (r) => {
        if (/^https?:/.test(r.url()) && !r.url().startsWith(new URL(url).origin)) complain(`asked elsewhere: ${r.url()}`);
    });
    await page.goto(`${url}/`);
    await page.locator("#turns > *").first().waitFor();
    return { page, complaints, close: () => context.close() };
}

/** Answers of the server as the test wants them, for what a model of random weights does not say. */
export async function answerWith(page, text, boxes = [], progress = []) {
    await page.route("**/v1/chat/completions", (route) => {
        const chunk = (choice, more = {}) => `data: ${JSON.stringify({ choices: choice ? [choice] : [], ...more })}\n\n`;
        const usage = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29,
            prompt_tokens_details: { cached_tokens: 0, image_tokens: 0, text_tokens: 20 } };
        const timings = { prompt_n: 20, cached_n: 0, predicted_n: 9, vision_ms: 1, prompt_ms: 10, predicted_ms: 90, first_token_ms: 12 };
        route.fulfill({ contentType: "text/event-stream", body: progress.map((p) => chunk(null, { progress: p })).join("") +
            chunk({ delta: { content: text }, finish_reason: null }) +
            chunk({ delta: { boxes }, finish_reason: "stop" }, { timings }) + chunk(null, { usage }) + "data: [DONE]\n\n" });
    });
}

/** Sets one of the controls under Settings. */
export async function setControl(page, name, value) {
    await page.click("#settings-button");
    await page.locator(`#set-${name}`).fill(String(value));
    await page.keyboard.press("Escape");
    await page.locator("#settings").waitFor({ state: "hidden" });
}

export async function ask(page, text) {
    await page.fill("#entry", text);
    await page.press("#entry", "Enter");
}

export const answers = (page) => page.locator(".turn.assistant");
export const answerEnded = async (page, n = 1) => {
    await page.waitForFunction((count) => document.querySelectorAll(".turn.assistant").length >= count &&
        !document.querySelector(".turn.running"), n);
};

export async function addPictures(page, ...names) {
    const before = await page.locator("#tray li").count();
    await page.setInputFiles("#files", names.map(picturePath));
    await page.waitForFunction((n) => document.querySelectorAll("#tray li").length === n, before + names.length);
}

/** Serious findings of axe-core, one line each. */
export async function accessibilityFindings(page) {
    await page.evaluate(axeSource);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    return violations.filter((v) => ["serious", "critical", "moderate"].includes(v.impact))
        .map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120)).join(" ; ")}`);
}

export const screenshot = (page, name) => page.screenshot({ path: join(pictures, `${name}.png`), animations: "disabled" });

// ---- TAP ----

let count = 0;

/** One line of TAP; what `check` throws fails the promise. */
export async function promise(name, check) {
    count++;
    try {
        await check();
        console.log(`ok ${count} - ${name}`);
    } catch (e) {
        console.log(`# ${String(e.stack ?? e).replaceAll("\n", "\n# ")}`);
        console.log(`not ok ${count} - ${name}`);
        process.exitCode = 1;
    }
}

export const plan = () => console.log(`1..${count}`);
