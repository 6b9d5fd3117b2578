// support.mjs - servers, a browser, and what the promises of the page_*.mjs are made of.
//
// One browser and two servers serve all promises, a few of them at a time, each on a page with a fresh profile. Nothing sleeps:
// what is waited for is a state of the page or of the server.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { startServer } from "./live_server.mjs";
import { promise } from "./tap.mjs";

const [vl2Program, golden, executablePath, pictures, wanted = ""] = process.argv.slice(2);
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

// ---- the servers ----

export const KEY = "secret", BASE_PATH = "/team/vl2", MOST_MEGABYTES = 1;

const MICRO = ["-m", join(golden, "micro-mla-noaux"), "--name", "micro", "--threads", "1"];
const SERVERS = { // a micro model of random weights, which writes noise for as long as it may; and the model that is built in
    open: [...MICRO, "--add-model", "default=vl2:default"],
    guarded: [...MICRO, "--base-path", BASE_PATH, "--api-key", KEY, "--max-body", String(MOST_MEGABYTES)],
};

// ---- the browser ----

const WIDE = { width: 1280, height: 860 };
const NO_COMPLAINT = [/status of (400|401|413|503)/, /ERR_FAILED/]; // what a promise is about

const keepSettings = (settings) => {
    if (!localStorage.getItem("vl2.settings")) localStorage.setItem("vl2.settings", JSON.stringify(settings));
};

/** A fresh profile with the page open: { page, complaints: errors, refused resources, breaches of the policy, close() }. */
async function openPage(browser, url, { settings, ...options }) {
    const context = await browser.newContext({ viewport: WIDE, locale: "en-GB", acceptDownloads: true, ...options });
    if (settings) await context.addInitScript(keepSettings, settings);
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

// ---- promises ----

const waiting = []; // (browser, servers) => the promise is kept or broken

/** A promise about a fresh page; it must not complain, whatever else it does. `options`: of the browser's context, and
 * `on`: which of the servers, `settings`: what is chosen under Settings. `check` gets the page and { url } of its server. */
export function pagePromise(name, check, { on = "open", ...options } = {}) {
    if (name.includes(wanted)) waiting.push((browser, servers) => promise(name, async () => {
        const server = servers[on], opened = await openPage(browser, server.url, options);
        try {
            await check(opened.page, server);
            expectEqual(opened.complaints, [], "complaints of the browser");
        } finally {
            await opened.close();
        }
    }));
}

async function start() {
    const started = Object.values(SERVERS).map((options) => startServer(vl2Program, ...options));
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
    const [open, guarded] = await Promise.all(started);
    return { browser, servers: { open, guarded } };
}

/** Checks all promises, some at a time. */
export async function checkAll(atOnce) {
    const { browser, servers } = await start(), left = [...waiting];
    const work = async () => { for (let next; (next = left.shift());) await next(browser, servers); };
    await Promise.all(Array.from({ length: atOnce }, work));
    await browser.close();
    for (const server of Object.values(servers)) await server.stop();
}

// ---- on a page ----

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

/** Answers are long enough for whatever is done meanwhile: the built-in model writes on where it would have ended. */
export async function answerAtLength(page) {
    await page.selectOption("#model", "default");
    await page.route("**/v1/chat/completions", (route) =>
        route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), ignore_eos: true }) }));
}

/** Answers are what the test says meanwhile: returns say(text); the answer never ends by itself. */
export async function answerPieceByPiece(page) {
    await page.evaluate(() => {
        const { fetch } = window, bytes = new TextEncoder();
        window.fetch = (path, options) => {
            if (!String(path).endsWith("/chat/completions")) return fetch(path, options);
            const body = new ReadableStream({ start(controller) {
                window.say = (text) => controller.enqueue(
                    bytes.encode(`data: ${JSON.stringify({ choices: [{ delta: { content: text }, finish_reason: null }] })}\n\n`));
                options.signal?.addEventListener("abort", () => controller.error(new DOMException("", "AbortError")));
            } });
            return Promise.resolve(new Response(body, { headers: { "Content-Type": "text/event-stream" } }));
        };
    });
    return async (text) => {
        await page.waitForFunction(() => window.say);
        await page.evaluate((t) => window.say(t), text);
    };
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

/** The body of the request for an answer that `act` leads to. */
export async function bodyOf(page, act) {
    const [request] = await Promise.all([page.waitForRequest("**/v1/chat/completions"), act()]);
    return request.postDataJSON();
}

export const pressButton = (page, name) => page.getByRole("button", { name }).click();
export const lastText = (page) => page.locator(".turn.assistant .text").last().textContent();
export const questions = (page) => page.locator(".turn.user .text").allTextContents();

export const answerEnded = (page, n = 1) =>
    page.waitForFunction((count) => document.querySelectorAll(".turn.assistant").length >= count &&
        !document.querySelector(".turn.running"), n);

export async function addPictures(page, ...names) {
    const before = await page.locator("#tray li").count();
    await page.setInputFiles("#files", names.map(picturePath));
    await page.waitForFunction((n) => document.querySelectorAll("#tray li").length === n, before + names.length);
}

/** The text that the page has put on the clipboard. */
export const copied = async (page, act) => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await act();
    await page.waitForFunction(() => document.querySelector("#status").textContent === "Copied");
    return page.evaluate(() => navigator.clipboard.readText());
};

/** The file that `act` has the page save. */
export async function saved(page, act) {
    const [file] = await Promise.all([page.waitForEvent("download"), act()]);
    return { name: file.suggestedFilename(), path: await file.path() };
}

/** Serious findings of axe-core, one line each. */
export async function accessibilityFindings(page) {
    await page.evaluate(axeSource);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    return violations.filter((v) => ["serious", "critical", "moderate"].includes(v.impact))
        .map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120)).join(" ; ")}`);
}

export const screenshot = (page, name) => page.screenshot({ path: join(pictures, `${name}.png`), animations: "disabled" });
