// page.mjs - the page of `vl2 serve`, driven as people drive it. The model has random weights: what it says is noise, so where a
// promise needs a certain answer, the answer is put in at the HTTP level; all others are the server's own.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessibilityFindings, addPictures, answerEnded, answers, answerWith, ask, expect, expectEqual, metric, openPage,
    picturePath, pictureUrl, plan, promise, screenshot, setControl, startBrowser, startServer, until } from "./support.mjs";

const browser = await startBrowser();
const server = await startServer();

/** A promise about a fresh page; it must not complain, whatever else it does. */
const pagePromise = (name, check, options, on = server) => promise(name, async () => {
    const opened = await openPage(browser, on.url, options);
    try {
        await check(opened.page);
        expectEqual(opened.complaints, [], "complaints of the browser");
    } finally {
        await opened.close();
    }
});

const bodyOf = async (page, act) => {
    const [request] = await Promise.all([page.waitForRequest("**/v1/chat/completions"), act()]);
    return request.postDataJSON();
};

// ---- asking ----

await pagePromise("page_streams_an_answer_about_a_picture", async (page) => {
    await setControl(page, "maxTokens", 1024);
    await addPictures(page, "cat.png");
    const lengths = page.evaluate(() => new Promise((resolve) => {
        const seen = new Set();
        const look = () => {
            const text = document.querySelector(".turn.running .text")?.textContent.length;
            if (text) seen.add(text);
            if (document.querySelector(".turn.assistant:not(.running)")) resolve(seen.size);
            else requestAnimationFrame(look);
        };
        look();
    }));
    await ask(page, "What is this?");
    expect(await lengths > 2, "the text did not grow in steps");
    expect(/\d+ tokens read \(\d+ of pictures, \d+ from cache\), \d+ written/.test(await page.textContent(".statistics")), "statistics");
    expectEqual(await page.locator(".turn.user .thumb img").count(), 1, "pictures of the question");
});

await pagePromise("page_shows_tiles_and_cost_as_the_server_counts", async (page) => {
    await addPictures(page, "cat.png", "camera.png");
    const content = ["cat.png", "camera.png"].map((n) => ({ type: "image_url", image_url: { url: pictureUrl(n) } }));
    const reply = await fetch(`${server.url}/apply-template`, { method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ messages: [{ role: "user", content: [...content, { type: "text", text: "Which?" }] }] }) });
    const told = await reply.json();
    await page.fill("#entry", "Which?");
    await page.waitForFunction((n) => document.querySelector("#cost").textContent.startsWith(`${n} tokens`), told.count);
    const lines = await page.locator("#tray li small").allTextContents();
    told.images.forEach((image, i) => expect(lines[i].includes(`${image.tokens} tokens`), `${lines[i]}: not ${image.tokens} tokens`));
    const cuts = told.images.map((i) => i.across - 1 + i.down - 1).reduce((a, b) => a + b);
    expectEqual(await page.locator("#tray .grid line").count(), cuts, "lines of the tile grids");
    expect(await page.isHidden("#warning"), "a warning with two pictures");
    await addPictures(page, "rocket.png");
    expect(await page.isVisible("#warning"), "no warning with three pictures");
    await screenshot(page, "tray");
});

await pagePromise("pictures_are_numbered_moved_and_taken_out", async (page) => {
    await addPictures(page, "cat.png", "camera.png");
    const order = () => page.locator("#tray img").evaluateAll((list) => list.map((i) => i.alt));
    await page.click('#tray li:nth-child(2) [aria-label="Move picture 2 forward"]');
    expectEqual(await order(), ["Picture 1: camera.png", "Picture 2: cat.png"], "order");
    await page.click('[aria-label="Remove picture 1"]');
    expectEqual(await order(), ["Picture 1: cat.png"], "order");
    await page.click('[aria-label="Enlarge picture 1"]');
    expect(await page.isVisible("#enlarged img"), "not enlarged");
});

await pagePromise("pictures_come_by_paste_and_drop", async (page) => {
    const give = (type) => page.evaluate(async ([kind, url]) => {
        const data = new DataTransfer();
        data.items.add(new File([await (await fetch("examples/crown.png")).blob()], `${kind}.png`, { type: "image/png" }));
        const make = { paste: () => new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }),
            drop: () => new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }) }[kind];
        const over = new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true });
        if (kind === "drop") document.body.dispatchEvent(over);
        document.body.dispatchEvent(make());
    }, [type]);
    await give("paste");
    await page.locator('#tray img[alt="Picture 1: paste.png"]').waitFor();
    await give("drop");
    await page.locator('#tray img[alt="Picture 2: drop.png"]').waitFor();
});

await pagePromise("a_file_that_is_no_picture_is_named", async (page) => {
    await page.setInputFiles("#files", { name: "notes.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
    await page.waitForFunction(() => document.querySelector("#status.error")?.textContent.includes("notes.png"));
});

await pagePromise("what_happens_before_the_first_token_is_told", async (page) => {
    const at = (state, tiles_done, prompt_done) => ({ state, ahead: 2, tiles_done, tiles: 3, prompt_done, prompt: 1024 });
    await answerWith(page, "Done.", [], [at("queued", 0, 0), at("pictures", 1, 0), at("prompt", 3, 512), at("answer", 3, 1024)]);
    await page.evaluate(() => {
        window.told = [];
        new MutationObserver((list) => list.forEach((m) => m.addedNodes.forEach((n) => window.told.push(n.data))))
            .observe(document.querySelector("#status"), { childList: true });
    });
    await ask(page, "And?");
    await answerEnded(page);
    const told = await page.evaluate(() => window.told);
    for (const text of ["Waiting: 2 ahead", "Encoding pictures: tile 1 of 3", "Reading: 512 of 1024 tokens", "Generate: Success"])
        expect(told.includes(text), `"${text}" is not in ${JSON.stringify(told)}`);
});

await pagePromise("stop_cancels_on_the_server_and_keeps_the_text", async (page) => {
    const before = await metric(server, "vl2_cancelled_total");
    await setControl(page, "maxTokens", 0);
    await page.evaluate(() => { // in the page itself, as the micro model may be through before a click comes from here
        const look = () => {
            if (document.querySelector(".turn.running .text")?.textContent.length > 5) document.querySelector("#stop").click();
            else requestAnimationFrame(look);
        };
        look();
    });
    await ask(page, "Tell me everything");
    await answerEnded(page);
    expect((await answers(page).textContent()).includes("(stopped)"), "the answer is not marked");
    expect((await page.textContent(".turn.assistant .text")).length > 5, "the text is gone");
    await until(async () => await metric(server, "vl2_answers_running") === 0, "the server stops");
    await until(async () => await metric(server, "vl2_cancelled_total") > before, "the server counts a cancelled answer", 5);
    const body = await bodyOf(page, () => page.getByRole("button", { name: "Continue" }).click());
    expectEqual([body.continue_final_message, body.messages.at(-1).role], [true, "assistant"], "continued");
    await page.click("#stop");
});

// ---- controls ----

await pagePromise("controls_have_the_ranges_and_defaults_of_the_official_demo", async (page) => {
    await page.click("#settings-button");
    const found = await page.locator("#settings input[type=range]").evaluateAll((list) =>
        Object.fromEntries(list.map((i) => [i.id, [i.min, i.max, i.step, i.value].map(Number)])));
    expectEqual(found, { "set-topP": [0, 1, 0.05, 0.9], "set-temperature": [0, 1, 0.1, 0.1], "set-repetition": [0, 2, 0.1, 1.1],
        "set-maxTokens": [0, 4096, 8, 2048], "set-maxHistory": [0, 8192, 128, 4096] }, "min, max, step, value");
    await screenshot(page, "settings");
});

await pagePromise("controls_reach_the_request", async (page) => {
    await answerWith(page, "Yes.");
    for (const [name, value] of [["temperature", 0.5], ["topP", 0.75], ["repetition", 1.3], ["maxTokens", 16], ["seed", 7],
        ["stopTexts", "END\nSTOP"], ["system", "Be brief."]]) await setControl(page, name, value);
    const { messages, ...body } = await bodyOf(page, () => ask(page, "Is it?"));
    expectEqual(messages, [{ role: "system", content: "Be brief." }, { role: "user", content: "Is it?" }], "messages");
    const { temperature, top_p, repetition_penalty, max_tokens, seed, stop } = body;
    expectEqual({ temperature, top_p, repetition_penalty, max_tokens, seed, stop }, { temperature: 0.5, top_p: 0.75,
        repetition_penalty: 1.3, max_tokens: 16, seed: 7, stop: ["END", "STOP"] }, "sampling");
    await setControl(page, "temperature", 0);
    await answerEnded(page);
    const greedy = await bodyOf(page, () => ask(page, "Again?"));
    expectEqual([greedy.temperature, greedy.repetition_penalty], [0, 1], "greedy is without repetition penalty");
});

await pagePromise("history_is_cut_at_its_limit", async (page) => {
    await setControl(page, "maxTokens", 8);
    await ask(page, "First question");
    await answerEnded(page, 1);
    const both = await bodyOf(page, () => ask(page, "Second question"));
    expectEqual(both.messages.length, 3, "messages within the limit");
    await answerEnded(page, 2);
    await setControl(page, "maxHistory", 0);
    const alone = await bodyOf(page, () => ask(page, "Third question"));
    expectEqual(alone.messages.map((m) => m.content), ["Third question"], "messages with no history");
});

await pagePromise("modes_make_the_prompts_of_the_model", async (page) => {
    await answerWith(page, "Yes.");
    await page.getByText("Locate", { exact: true }).click();
    const located = await bodyOf(page, () => ask(page, "the giraffe"));
    expectEqual(located.messages[0].content, "<|ref|>the giraffe<|/ref|>.", "locate");
    await answerEnded(page, 1);
    await page.getByText("Describe with boxes", { exact: true }).click();
    const described = await bodyOf(page, () => ask(page, ""));
    expectEqual(described.messages.at(-1).content, "<|grounding|>Describe the image.", "describe");
});

await pagePromise("the_same_object_is_marked_in_red_on_the_first_picture", async (page) => {
    await answerWith(page, "Yes.");
    await addPictures(page, "coffee.png", "cat.png");
    await page.locator("#modes").getByText("Find the same object").click();
    const area = await page.locator("#mark-area").boundingBox();
    await page.mouse.move(area.x + area.width * 0.25, area.y + area.height * 0.25);
    await page.mouse.down();
    await page.mouse.move(area.x + area.width * 0.75, area.y + area.height * 0.5, { steps: 4 });
    await page.mouse.up();
    await page.click("#mark-done");
    await page.locator('#tray img[alt="Picture 1: coffee-marked.png"]').waitFor();
    await page.locator("#entry").press("End"); // the prompt is there, to be sent as it is
    const body = await bodyOf(page, () => page.click("#send"));
    const [first, second, text] = body.messages[0].content;
    expectEqual(text.text, "<|grounding|>In the first image, an object within the red rectangle is marked. Locate the object of " +
        "the same category in the second image.", "prompt");
    expectEqual(second.image_url.url, pictureUrl("cat.png"), "second picture");
    const corner = await page.evaluate(async (url) => {
        const image = new Image();
        image.src = url;
        await image.decode();
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.width, image.height];
        const to = canvas.getContext("2d", { willReadFrequently: true });
        to.drawImage(image, 0, 0);
        const at = (x, y) => [...to.getImageData(x * image.width, y * image.height, 1, 1).data].slice(0, 3);
        return { edge: at(0.5, 0.25), inside: at(0.5, 0.4) };
    }, first.image_url.url);
    expectEqual(corner.edge, [255, 0, 0], "pixel on the rectangle");
    expect(corner.inside.join() !== "255,0,0", "the rectangle is filled");
});

// ---- boxes ----

const HOSTILE = '<img src="x" onerror="document.title=1">';
const TWO_CATS = "A <|ref|>grey cat<|/ref|><|det|>[[100, 200, 500, 600]]<|/det|> and " +
    `<|ref|>${HOSTILE}<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>.`;
const boxOn = (picture, label, group, box, pixels) => ({ label, group, box, pixels, picture });

async function askForBoxes(page) {
    await answerWith(page, TWO_CATS, [boxOn(1, "grey cat", 0, [100, 200, 500, 600], [26, 29, 128, 86]),
        boxOn(1, HOSTILE, 1, [0, 0, 999, 999], [0, 0, 256, 144])]);
    await addPictures(page, "coffee.png", "cat.png");
    await ask(page, "<|grounding|>What is there?");
    await answerEnded(page);
}

await pagePromise("boxes_stand_on_their_picture_and_answer_to_their_phrase", async (page) => {
    await askForBoxes(page);
    expectEqual(await page.locator("figure.boxed").evaluateAll((list) => list.map((f) => f.dataset.picture)), ["2"], "pictures");
    const rect = await page.locator(".boxes [data-group='0'] rect").evaluate((r) =>
        ["x", "y", "width", "height"].map((n) => Number(r.getAttribute(n))));
    expectEqual(rect, [26, 29, 102, 57], "rectangle");
    const image = await page.locator(".boxed img").boundingBox(), layer = await page.locator("svg.boxes").boundingBox();
    const rounded = (b) => [b.x, b.y, b.width, b.height].map(Math.round);
    expectEqual(rounded(image), rounded(layer), "overlay");
    const lit = () => page.locator(".lit").evaluateAll((list) => [...new Set(list.map((n) => n.dataset.group))]);
    await page.hover(".phrase[data-group='0']");
    expectEqual(await lit(), ["0"], "lit by the phrase");
    await page.hover(".box-line[data-group='1']");
    expectEqual(await lit(), ["1"], "lit by the line");
    await page.getByLabel("Show boxes").click();
    expect(await page.isHidden("svg.boxes"), "boxes are still shown");
});

await pagePromise("boxes_are_saved_as_png_svg_and_json", async (page) => {
    await askForBoxes(page);
    const saved = {};
    for (const kind of ["PNG", "SVG", "JSON"]) {
        const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: `Save ${kind}` }).click()]);
        expectEqual(file.suggestedFilename(), `cat-boxes.${kind.toLowerCase()}`, "name");
        saved[kind] = readFileSync(await file.path());
    }
    const { picture, boxes } = JSON.parse(saved.JSON);
    expectEqual([picture.name, boxes[0].pixels], ["cat.png", [26, 29, 128, 86]], "JSON");
    expectEqual(saved.PNG.subarray(1, 4).toString(), "PNG", "PNG");
    const svgText = saved.SVG.toString();
    expect(svgText.includes("&lt;img") && !svgText.includes("<img"), "markup of a label is in the SVG");
});

await pagePromise("markup_of_a_model_stays_text", async (page) => {
    await answerWith(page, `${HOSTILE}\n\n<script>document.title = 2</script><a href="javascript:alert(1)">go</a>\n\n` +
        '<p style="position:fixed" onclick="alert(1)">p</p>\n\n![remote](https://example.org/x.png) $\\href{javascript:alert(1)}{x}$');
    await ask(page, "Attack");
    await answerEnded(page);
    const text = page.locator(".turn.assistant .text");
    expectEqual(await text.locator("img, script, [style], [onclick], [href^='javascript']").count(), 0, "live markup");
    expect((await text.textContent()).includes(HOSTILE), "markup of the model is not shown as text");
    expectEqual(await page.title(), "vl2", "title");
});

await pagePromise("markdown_tables_code_and_formulas_are_drawn", async (page) => {
    await answerWith(page, "| a | b |\n|---|---|\n| 1 | 2 |\n\n```c\nint x;\n```\n\nThat $x^2$ and\n\n$$\\frac{1}{2}$$\n\ncosts 5$ or 6$.");
    await ask(page, "Show");
    await answerEnded(page);
    const text = page.locator(".turn.assistant .text");
    for (const [what, n] of [["td", 2], ["pre code", 1], ["math", 2], ["mfrac", 1], ["pre .copy", 1]])
        expectEqual(await text.locator(what).count(), n, what);
    expect((await text.textContent()).includes("5$ or 6$"), "prices became a formula");
});

// ---- turns and history ----

await pagePromise("answers_branch_questions_are_edited_turns_removed", async (page) => {
    await setControl(page, "maxTokens", 8);
    await setControl(page, "temperature", 1);
    await ask(page, "One?");
    await answerEnded(page);
    const first = await page.textContent(".turn.assistant .text");
    await page.getByRole("button", { name: "Regenerate" }).click();
    await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
    await answerEnded(page);
    await page.getByRole("button", { name: "Previous version" }).click();
    expectEqual(await page.textContent(".turn.assistant .text"), first, "first version");
    await page.getByRole("button", { name: "Edit and send again" }).click();
    await page.locator(".editor textarea").fill("Two?");
    const body = await bodyOf(page, () => page.getByRole("button", { name: "Send again" }).click());
    expectEqual(body.messages, [{ role: "user", content: "Two?" }], "the edited question alone");
    await answerEnded(page);
    expectEqual(await page.locator(".turn.user .branches").textContent(), "‹2/2›", "versions of the question");
    await page.getByRole("button", { name: "Remove last turn" }).click();
    expectEqual(await page.textContent(".turn.user .text"), "One?", "the other branch is shown");
});

await pagePromise("history_is_there_after_a_reload", async (page) => {
    await setControl(page, "maxTokens", 8);
    await addPictures(page, "cat.png");
    await ask(page, "Remember this cat");
    await answerEnded(page);
    const text = await page.textContent(".turn.assistant .text");
    await page.reload();
    await answerEnded(page);
    expectEqual(await page.textContent(".turn.assistant .text"), text, "answer");
    await page.waitForFunction(() => document.querySelector(".turn.user img")?.naturalWidth === 256);
    await page.click("#new-talk");
    await page.locator(".welcome").waitFor();
    await page.fill("#search", "nothing like it");
    expectEqual(await page.locator("#talks li").count(), 0, "found by other words");
    await page.fill("#search", "this cat");
    await page.locator("#talks .open").click();
    await answerEnded(page);
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
    page.on("dialog", (d) => d.accept());
    await page.getByRole("button", { name: /^Delete:/ }).click();
    await page.locator(".welcome").waitFor();
    await page.setInputFiles("#import-file", await file.path());
    await page.fill("#search", "");
    await page.locator("#talks .open").click();
    expectEqual(await page.textContent(".turn.assistant .text"), text, "answer of the imported conversation");
});

await pagePromise("code_shown_runs_and_says_the_same", async (page) => {
    await setControl(page, "maxTokens", 12);
    await setControl(page, "temperature", 0);
    await addPictures(page, "cat.png");
    await ask(page, "It's $5 for `this` \"cat\" \\ true, isn't it?");
    await answerEnded(page);
    const said = await page.evaluate(async () => {
        const talks = await new Promise((resolve) => {
            indexedDB.open("vl2", 1).onsuccess = (e) => {
                e.target.result.transaction("talks").objectStore("talks").getAll().onsuccess = (r) => resolve(r.target.result);
            };
        });
        return Object.values(talks[0].turns).at(-1).text;
    });
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
});

// ---- for everybody ----

await pagePromise("the_keyboard_is_enough", async (page) => {
    await setControl(page, "maxTokens", 0);
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
    expect(await page.locator(".editor textarea").evaluate((a) => a === document.activeElement), "no editor");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    expect(await page.locator("#search").evaluate((a) => a === document.activeElement), "no search");
    await page.keyboard.press("Control+b");
    expect(await page.isHidden("#list"), "the list is still there");
    await page.locator("#keys-button").focus();
    await page.keyboard.press("?");
    expect(await page.isVisible("#keys"), "no list of keys");
    await page.keyboard.press("Escape");
    await page.evaluate(() => document.activeElement.blur());
    const reached = new Set();
    for (let i = 0; i < 40; i++) {
        await page.keyboard.press("Tab");
        reached.add(await page.evaluate(() => document.activeElement.id));
    }
    for (const id of ["turns", "entry", "send", "pick", "settings-button", "model", "language", "theme"])
        expect(id === "turns" || reached.has(id), `Tab does not reach ${id}`);
});

await pagePromise("screen_readers_hear_whole_sentences", async (page) => {
    await answerWith(page, "The first sentence. And <|ref|>a cat<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|> sits. The rest");
    await ask(page, "Speak");
    await answerEnded(page);
    expectEqual(await page.locator("#said p").allTextContents(), ["The first sentence.", "And a cat sits.", "The rest"], "said");
});

for (const [name, options, prepare] of [
    ["empty_page", {}, async () => {}],
    ["answer_with_boxes", {}, askForBoxes],
    ["dark_page", { colorScheme: "dark" }, askForBoxes],
    ["settings_open", {}, (page) => page.click("#settings-button")],
    ["chinese_page", { locale: "zh-CN" }, async () => {}],
    ["phone", { viewport: { width: 360, height: 720 }, hasTouch: true }, askForBoxes],
]) await pagePromise(`accessible_${name}`, async (page) => {
    await prepare(page);
    expectEqual(await accessibilityFindings(page), [], "findings of axe-core");
    await screenshot(page, name);
}, options);

await pagePromise("a_narrow_phone_shows_all_within_its_width", async (page) => {
    await askForBoxes(page);
    expectEqual(await page.evaluate(() => document.documentElement.scrollWidth), 320, "width of the content");
    const low = await page.locator("button:visible").evaluateAll((list) =>
        list.filter((b) => b.getBoundingClientRect().height < 43.5).map((b) => b.textContent || b.title));
    expectEqual(low, [], "buttons lower than 44 pixels");
    await page.click("#list-button");
    expect(await page.isVisible("#new-talk"), "no list");
}, { viewport: { width: 320, height: 640 }, hasTouch: true });

await pagePromise("chinese_is_spoken_and_kept", async (page) => {
    expectEqual(await page.textContent("#send"), "发送", "by the browser's language");
    await page.selectOption("#language", "en");
    expectEqual(await page.textContent("#send"), "Send", "chosen");
    await page.selectOption("#language", "zh");
    await page.reload();
    expectEqual([await page.textContent("#send"), await page.getAttribute("html", "lang")], ["发送", "zh-Hans"], "after a reload");
    const left = await page.evaluate(() => [...document.querySelectorAll("[data-t]")].filter((n) => !n.textContent).length);
    expectEqual(left, 0, "elements without text");
}, { locale: "zh-CN" });

await pagePromise("dark_is_kept_without_a_flash", async (page) => {
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await back();
    await page.selectOption("#theme", "dark");
    const dark = await back();
    expect(light !== dark, `dark is ${dark}, as light is`);
    await page.reload({ waitUntil: "commit" });
    await page.locator("h1").waitFor();
    expectEqual([await page.getAttribute("html", "data-theme"), await back()], ["dark", dark], "after a reload");
});

// ---- places and keys ----

const guarded = await startServer("--base-path", "/team/vl2", "--api-key", "secret");
const below = { url: guarded.url.endsWith("/team/vl2") ? guarded.url : `${guarded.url}/team/vl2`, stop: guarded.stop };

await pagePromise("a_key_is_asked_for_and_used_below_a_base_path", async (page) => {
    await page.waitForFunction(() => document.querySelector("#status").textContent.includes("API key"));
    await page.click("#settings-button");
    await page.fill("#set-apiKey", "secret");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Escape");
    await page.locator("#model option").first().waitFor({ state: "attached" });
    await setControl(page, "maxTokens", 8);
    await page.locator(".examples button").first().click();
    await page.locator("#tray li").waitFor();
    await page.click("#send");
    await answerEnded(page);
    expect(/8 written/.test(await page.textContent(".statistics")), "no answer");
}, {}, below);

await pagePromise("a_full_server_is_asked_again", async (page) => {
    let asked = 0;
    await page.route("**/v1/chat/completions", (route) => (++asked === 1
        ? route.fulfill({ status: 503, contentType: "application/json", body: '{"error":{"message":"full","code":"queue_full"}}' })
        : route.fallback()));
    await setControl(page, "maxTokens", 8);
    await ask(page, "Are you there?");
    await answerEnded(page);
    expectEqual([asked, await page.locator(".statistics").count()], [2, 1], "requests and answers");
});

await browser.close();
await server.stop();
await guarded.stop();
plan();
