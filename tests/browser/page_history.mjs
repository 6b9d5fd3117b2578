// page_history.mjs - conversations that the browser keeps, and the last request as code.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addPictures, answerEnded, answerWith, ask, expect, expectEqual, lastText, pagePromise, picturePath, pressButton,
    saved } from "./support.mjs";

pagePromise("history_is_there_after_a_reload_and_travels_as_a_file", async (page) => {
    await addPictures(page, "cat.png");
    await ask(page, "Remember this cat");
    await answerEnded(page);
    const text = await lastText(page);
    await page.reload();
    await answerEnded(page);
    expectEqual(await lastText(page), text, "answer");
    await page.waitForFunction(() => document.querySelector(".turn.user img")?.naturalWidth === 256);
    const { path } = await saved(page, () => page.click("#export"));
    await pressButton(page, /^Delete:/);
    await page.locator(".welcome").waitFor();
    await page.setInputFiles("#import-file", path);
    await page.locator("#talks .open").click();
    await answerEnded(page);
    expectEqual(await lastText(page), text, "answer of the imported conversation");
    await page.waitForFunction(() => document.querySelector(".turn.user img")?.naturalWidth === 256);
    await page.setInputFiles("#import-file", { name: "x.json", mimeType: "application/json", buffer: Buffer.from("{}") });
    await page.locator("#status.error").waitFor();
}, { settings: { maxTokens: 8 } });

pagePromise("conversations_are_searched_renamed_pinned_deleted_and_brought_back", async (page) => {
    const names = () => page.locator("#talks .open").allTextContents();
    const onTalk = (name, what) => page.locator("#talks li", { hasText: name }).getByRole("button", { name: what }).click();
    await answerWith(page, "Yes.");
    for (const text of ["About cats", "About dogs"]) {
        await page.click("#new-talk");
        await ask(page, text);
        await page.locator(".turn.user", { hasText: text }).waitFor();
        await answerEnded(page);
    }
    expectEqual(await names(), ["About dogs", "About cats"], "the latest first");
    await page.fill("#search", "cats");
    expectEqual(await names(), ["About cats"], "found");
    await page.fill("#search", "nothing like it");
    expectEqual([await names(), await page.textContent("#no-talks")], [[], "Nothing found"], "found by other words");
    await page.fill("#search", "");
    await page.locator("#talks .open", { hasText: "cats" }).click();
    await onTalk("About cats", /^Pin:/);
    expectEqual(await names(), ["About cats", "About dogs"], "pinned ones first");
    await onTalk("About cats", /^Rename:/);
    await page.locator("#talks input").fill("Whiskers");
    await page.keyboard.press("Enter");
    expectEqual(await names(), ["Whiskers", "About dogs"], "renamed");
    await onTalk("Whiskers", /^Delete:/);
    await page.locator(".welcome").waitFor();
    expectEqual(await names(), ["About dogs"], "deleted");
    await pressButton(page, "Undo");
    await page.locator(".turn.user", { hasText: "About cats" }).waitFor();
    await page.reload();
    await page.locator("#talks .open").nth(1).waitFor();
    expectEqual(await names(), ["Whiskers", "About dogs"], "brought back, after a reload");
});

/** The last answer as it was written, from where the page keeps it. */
const writtenLast = (page) => page.evaluate(async () => {
    const talks = await new Promise((resolve) => {
        indexedDB.open("vl2", 1).onsuccess = (e) => {
            e.target.result.transaction("talks").objectStore("talks").getAll().onsuccess = (r) => resolve(r.target.result);
        };
    });
    return Object.values(talks[0].turns).at(-1).text;
});

pagePromise("code_shown_runs_and_says_the_same", async (page) => {
    await addPictures(page, "cat.png");
    await ask(page, "It's $5 for `this` \"cat\" \\ true, isn't it?");
    await answerEnded(page);
    const said = await writtenLast(page);
    await page.click("#code-button");
    const folder = mkdtempSync(join(tmpdir(), "vl2-code-"));
    copyFileSync(picturePath("cat.png"), join(folder, "cat.png"));
    const codeOf = async (name) => {
        await page.locator("#code-kinds").getByRole("button", { name, exact: true }).click();
        return page.textContent("#code-text");
    };
    const run = (...command) => execFileSync(command[0], command.slice(1), { cwd: folder, encoding: "utf8" });
    try {
        writeFileSync(join(folder, "ask.mjs"), await codeOf("JavaScript"));
        expectEqual(run("node", "ask.mjs").slice(0, -1), said, "JavaScript");
        const curl = run("sh", "-c", (await codeOf("curl")).replace("curl -N", "curl -sN"));
        expectEqual(JSON.parse(curl).choices[0].message.content, said, "curl");
        expect((await codeOf("Python")).includes('picture("cat.png", "image/png")'), "Python reads no picture");
    } finally {
        rmSync(folder, { recursive: true });
    }
}, { settings: { maxTokens: 12, temperature: 0 } });
