// page_everybody.mjs - the page for everybody: keyboard, screen reader, phone, language, colours, any place.
import { BASE_PATH, accessibilityFindings, addPictures, answerAtLength, answerEnded, answerWith, ask, expect, expectEqual, pagePromise,
    screenshot } from "./support.mjs";
import { askForBoxes } from "./boxed_answer.mjs";

const hasFocus = (page, selector) => page.locator(selector).evaluate((node) => node === document.activeElement);

pagePromise("the_keyboard_is_enough", async (page) => {
    await answerAtLength(page);
    await page.keyboard.press("Control+Shift+O");
    await page.keyboard.type("A question");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("of two lines");
    await page.keyboard.press("Enter");
    await page.locator(".turn.running").waitFor();
    expectEqual(await page.textContent(".turn.user .text"), "A question\nof two lines", "question");
    await page.waitForFunction(() => document.querySelector(".turn.running .text")?.textContent.length > 5);
    await page.keyboard.press("Escape");
    await answerEnded(page);
    await page.locator("#entry").focus();
    await page.keyboard.press("ArrowUp");
    expect(await hasFocus(page, ".editor textarea"), "no editor");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+b");
    expect(await page.isHidden("#list"), "the list is still there");
    await page.keyboard.press("Control+k");
    expect(await hasFocus(page, "#search"), "no search");
    await page.locator("#keys-button").focus();
    await page.keyboard.press("?");
    expect(await page.isVisible("#keys"), "no list of keys");
    await page.keyboard.press("Escape");
}, { settings: { maxTokens: 0 } });

pagePromise("tab_reaches_every_control_in_the_order_of_the_page", async (page) => {
    const order = ["list-button", "model", "code-button", "keys-button", "settings-button", "new-talk", "search", "export", "import",
        "language", "theme", "entry", "pick", "send"];
    const reached = [];
    await page.evaluate(() => document.activeElement.blur());
    for (let i = 0; i < 60 && reached.at(-1) !== "send"; i++) {
        await page.keyboard.press("Tab");
        reached.push(await page.evaluate(() => document.activeElement.id));
    }
    expectEqual(reached.filter((id) => order.includes(id)), order, "order");
});

pagePromise("screen_readers_hear_whole_sentences", async (page) => {
    await answerWith(page, "The first sentence. And <|ref|>a cat<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|> sits. The rest");
    await ask(page, "Speak");
    await answerEnded(page);
    expectEqual(await page.locator("#said p").allTextContents(), ["The first sentence.", "And a cat sits.", "The rest"], "said");
});

async function openProbabilities(page) {
    await ask(page, "Say something");
    await answerEnded(page);
    await page.getByRole("button", { name: "Probabilities" }).click();
}

const PHONE = { viewport: { width: 360, height: 720 }, hasTouch: true };

for (const [name, options, prepare] of [
    ["empty_page", {}, async () => {}],
    ["answer_with_boxes", {}, askForBoxes],
    ["dark_page", { colorScheme: "dark" }, askForBoxes],
    ["dark_probabilities", { colorScheme: "dark", settings: { maxTokens: 24, temperature: 1 } }, openProbabilities],
    ["settings_open", {}, (page) => page.click("#settings-button")],
    ["chinese_page", { locale: "zh-CN" }, async () => {}],
    ["phone", PHONE, askForBoxes],
    ["phone_list", PHONE, (page) => page.click("#list-button")],
]) pagePromise(`accessible_${name}`, async (page) => {
    await prepare(page);
    expectEqual(await accessibilityFindings(page), [], "findings of axe-core");
    await screenshot(page, name);
}, options);

pagePromise("a_narrow_phone_shows_all_within_its_width", async (page) => {
    const fits = async () => {
        expectEqual(await page.evaluate(() => document.documentElement.scrollWidth), 320, "width of the content");
        const low = await page.locator("button:visible, select:visible, summary:visible").evaluateAll((list) =>
            list.filter((b) => b.getBoundingClientRect().height < 43.5).map((b) => b.textContent || b.title));
        expectEqual(low, [], "controls lower than 44 pixels");
    };
    expect(await page.isHidden("#newest"), "the newest of nothing is offered");
    await screenshot(page, "narrow_empty");
    await fits();
    await askForBoxes(page);
    await fits();
    await addPictures(page, "cat.png", "camera.png");
    await fits();
    await screenshot(page, "narrow");
    await page.click("#list-button");
    await page.locator("#new-talk").waitFor();
    await fits();
    await page.keyboard.press("Escape");
    expect(await page.isHidden("#new-talk"), "the list still lies over the page");
}, { viewport: { width: 320, height: 640 }, hasTouch: true });

pagePromise("chinese_is_spoken_and_kept", async (page) => {
    expectEqual(await page.textContent("#send"), "发送", "by the browser's language");
    expectEqual(await page.locator(".examples span", { hasText: "王冠" }).count(), 1, "examples");
    await page.selectOption("#language", "en");
    expectEqual(await page.textContent("#send"), "Send", "chosen");
    await page.selectOption("#language", "zh");
    await page.reload();
    expectEqual([await page.textContent("#send"), await page.getAttribute("html", "lang")], ["发送", "zh-Hans"], "after a reload");
    const left = await page.evaluate(() => [...document.querySelectorAll("[data-t]")].filter((n) => !n.textContent).length);
    expectEqual(left, 0, "elements without text");
}, { locale: "zh-CN" });

pagePromise("dark_is_kept_without_a_flash", async (page) => {
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await back();
    await page.selectOption("#theme", "dark");
    const dark = await back();
    expect(light !== dark, `dark is ${dark}, as light is`);
    await page.reload({ waitUntil: "commit" });
    await page.locator("h1").waitFor();
    expectEqual([await page.getAttribute("html", "data-theme"), await back()], ["dark", dark], "after a reload");
});

pagePromise("who_wants_no_motion_sees_none", async (page) => {
    const moving = () => page.evaluate(() => [...document.querySelectorAll("button")].filter((b) =>
        getComputedStyle(b).transitionDuration !== "0s").length);
    expectEqual(await moving(), 0, "buttons that fade");
    await page.emulateMedia({ reducedMotion: "no-preference" });
    expect(await moving() > 0, "nothing moves for others");
}, { reducedMotion: "reduce" });

pagePromise("the_policy_lets_the_page_reach_its_server_alone", async (page, server) => {
    const policy = (await page.request.get(`${server.url}/`)).headers()["content-security-policy"].split("; ");
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"])
        expect(policy.includes(rule), `${rule} is not in ${policy.join("; ")}`);
    const asked = await page.evaluate(() => performance.getEntriesByType("resource").map((e) => e.name));
    expect(asked.length > 10, `${asked.length} files were asked for`);
    expectEqual(asked.filter((url) => !url.startsWith(server.url)), [], `outside ${BASE_PATH}`);
}, { on: "guarded" });
