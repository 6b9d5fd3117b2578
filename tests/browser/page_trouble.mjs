// page_trouble.mjs - what goes wrong is said, with a way out.
import { KEY, MOST_MEGABYTES, addPictures, answerEnded, ask, expect, expectEqual, pagePromise, pressButton, screenshot,
    setControl } from "./support.mjs";

const wrong = (page, text) => page.waitForFunction((t) => document.querySelector("#status.error")?.textContent.includes(t), text);

pagePromise("a_file_that_is_no_picture_is_named", async (page) => {
    await page.setInputFiles("#files", { name: "notes.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
    await wrong(page, "notes.png");
});

pagePromise("nothing_to_ask_is_told", async (page) => {
    await page.click("#send");
    await wrong(page, "Empty context.");
});

pagePromise("a_key_is_asked_for_and_used_below_a_base_path", async (page) => {
    await wrong(page, "API key");
    await page.locator("#status").getByRole("button", { name: "Settings" }).click();
    await page.fill("#set-apiKey", KEY);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Escape");
    await page.locator("#model option").first().waitFor({ state: "attached" });
    await page.locator(".examples button").first().click();
    await page.locator("#tray li").waitFor();
    await page.click("#send");
    await answerEnded(page);
    expect(/Written: 8 tokens/.test(await page.textContent(".statistics")), "no answer");
}, { on: "guarded", settings: { maxTokens: 8 } });

pagePromise("pictures_that_are_too_large_for_the_server_are_told", async (page) => {
    await setControl(page, "apiKey", KEY);
    await page.locator("#model option").first().waitFor({ state: "attached" });
    await addPictures(page, ...Array(1 + Math.ceil(MOST_MEGABYTES * 3)).fill("astronaut.png"));
    await ask(page, "Who is it?");
    await wrong(page, "larger than the server takes");
}, { on: "guarded" });

pagePromise("a_question_over_the_context_is_told_with_counts", async (page) => {
    await ask(page, "a b ".repeat(20000));
    await wrong(page, "Too long for the context");
    expect(/\d{4,}/.test(await page.textContent("#status")), "no counts");
    await page.locator("#status").getByRole("button", { name: "New conversation" }).click();
    await page.locator(".welcome").waitFor();
});

pagePromise("a_full_server_is_asked_again", async (page) => {
    let asked = 0;
    await page.route("**/v1/chat/completions", (route) => (++asked === 1
        ? route.fulfill({ status: 503, contentType: "application/json", body: '{"error":{"message":"full","code":"queue_full"}}' })
        : route.fallback()));
    await ask(page, "Are you there?");
    await answerEnded(page);
    expectEqual([asked, await page.locator(".statistics").count()], [2, 1], "requests and answers");
}, { settings: { maxTokens: 8 } });

const TRIES = 4;

pagePromise("a_server_that_is_gone_is_told_and_asked_again", async (page) => {
    let asked = 0;
    await page.clock.install();
    await page.route("**/v1/chat/completions", (route) => (++asked <= TRIES ? route.abort() : route.fallback()));
    await ask(page, "Are you there?");
    for (let i = 1; i < TRIES; i++) {
        await page.waitForFunction((n) => document.querySelector("#status").textContent.includes(`trying again (${n})`), i);
        await page.clock.fastForward(10000);
    }
    await wrong(page, "cannot be reached");
    await screenshot(page, "server_gone");
    await page.locator(".turn.assistant").getByRole("button", { name: "Try again" }).click();
    await page.clock.resume();
    await page.locator(".statistics").waitFor();
    expectEqual([asked, await page.locator(".turn.assistant").count(), await page.locator(".branches").count()], [TRIES + 1, 1, 0],
        "requests, answers, versions");
}, { settings: { maxTokens: 8 } });
