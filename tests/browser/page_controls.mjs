// page_controls.mjs - what can be chosen: settings, models, modes, examples.
import { addPictures, answerEnded, answerWith, ask, bodyOf, expect, expectEqual, lastText, pagePromise, pictureUrl, pressButton,
    screenshot, setControl } from "./support.mjs";

const rangesOf = (page) => page.locator("#settings input[type=range]").evaluateAll((list) =>
    Object.fromEntries(list.map((i) => [i.id.replace("set-", ""), [i.min, i.max, i.step, i.value].map(Number)])));

pagePromise("controls_have_the_ranges_and_defaults_of_the_official_demo", async (page) => {
    await page.click("#settings-button");
    expectEqual(await rangesOf(page), { topP: [0, 1, 0.05, 0.9], temperature: [0, 1, 0.1, 0.1], repetition: [0, 2, 0.1, 1.1],
        maxTokens: [0, 4096, 8, 2048], maxHistory: [0, 8192, 128, 4096] }, "min, max, step, value");
    await screenshot(page, "settings");
});

pagePromise("presets_set_the_controls_and_reset_sets_them_back", async (page) => {
    const values = async () => Object.fromEntries(Object.entries(await rangesOf(page)).map(([name, range]) => [name, range[3]]));
    await page.click("#settings-button");
    const official = await values();
    for (const [name, expected] of [["Precise", [1, 0, 1]], ["Creative", [0.95, 0.7, 1.1]], ["Official demo", [0.9, 0.1, 1.1]]]) {
        await pressButton(page, name);
        const { topP, temperature, repetition } = await values();
        expectEqual([topP, temperature, repetition], expected, name);
        expectEqual(await page.locator('#settings [aria-pressed="true"]').allTextContents(), [name], "shown as chosen");
    }
    await page.locator("#set-maxTokens").fill("64");
    await page.locator("#set-system").fill("Be brief.");
    await page.reload();
    await page.click("#settings-button");
    expectEqual((await values()).maxTokens, 64, "after a reload");
    await pressButton(page, "Reset");
    expectEqual([await values(), await page.inputValue("#set-system")], [official, ""], "after a reset");
});

pagePromise("controls_reach_the_request", async (page) => {
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

pagePromise("history_is_cut_at_its_limit", async (page) => {
    await ask(page, "First question");
    await answerEnded(page, 1);
    const both = await bodyOf(page, () => ask(page, "Second question"));
    expectEqual(both.messages.length, 3, "messages within the limit");
    await answerEnded(page, 2);
    await setControl(page, "maxHistory", 0);
    const alone = await bodyOf(page, () => ask(page, "Third question"));
    expectEqual(alone.messages.map((m) => m.content), ["Third question"], "messages with no history");
    await answerEnded(page, 3);
    expect((await page.textContent("#status")).includes("oldest 2 turns were left out"), "it is not told");
}, { settings: { maxTokens: 8 } });

pagePromise("the_model_that_is_chosen_is_asked", async (page) => {
    expectEqual(await page.locator("#model option").allTextContents(), ["micro", "default"], "models");
    await page.selectOption("#model", "default");
    await page.getByText("comes with the program").waitFor();
    const body = await bodyOf(page, () => ask(page, "Hello"));
    expectEqual(body.model, "default", "model");
    await answerEnded(page);
    expect((await page.textContent(".statistics")).includes("Model: default"), "not told under the answer");
});

pagePromise("modes_make_the_prompts_of_the_model", async (page) => {
    await answerWith(page, "Yes.");
    await page.locator("#modes").getByText("Locate").click();
    const located = await bodyOf(page, () => ask(page, "the giraffe"));
    expectEqual(located.messages[0].content, "<|ref|>the giraffe<|/ref|>.", "locate");
    await answerEnded(page, 1);
    await page.locator("#modes").getByText("Describe with boxes").click();
    const described = await bodyOf(page, () => ask(page, ""));
    expectEqual(described.messages.at(-1).content, "<|grounding|>Describe the image.", "describe");
});

const SAME = "<|grounding|>In the first image, an object within the red rectangle is marked. Locate the object of the same " +
    "category in the second image.";

/** Colours at these places of a picture, in shares of its sides. */
const coloursAt = (page, url, places) => page.evaluate(async ([source, list]) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    const to = canvas.getContext("2d", { willReadFrequently: true });
    to.drawImage(image, 0, 0);
    return list.map(([x, y]) => [...to.getImageData(x * image.width, y * image.height, 1, 1).data].slice(0, 3));
}, [url, places]);

pagePromise("the_same_object_is_marked_in_red_on_the_first_picture", async (page) => {
    await answerWith(page, "Yes.");
    await addPictures(page, "coffee.png", "cat.png");
    await page.locator("#modes").getByText("Find the same object").click();
    const area = await page.locator("#mark-area").boundingBox();
    await page.mouse.move(area.x + area.width * 0.25, area.y + area.height * 0.25);
    await page.mouse.down();
    await page.mouse.move(area.x + area.width * 0.75, area.y + area.height * 0.5, { steps: 4 });
    await page.mouse.up();
    await screenshot(page, "marking");
    await page.click("#mark-done");
    await page.locator('#tray img[alt="Picture 1: coffee-marked.png"]').waitFor();
    await page.locator("#entry").press("End"); // the prompt is there, to be sent as it is
    const body = await bodyOf(page, () => page.click("#send"));
    const [first, second, text] = body.messages[0].content;
    expectEqual(text.text, SAME, "prompt");
    expectEqual(second.image_url.url, pictureUrl("cat.png"), "second picture");
    const [edge, inside] = await coloursAt(page, first.image_url.url, [[0.5, 0.25], [0.5, 0.4]]);
    expectEqual(edge, [255, 0, 0], "pixel on the rectangle");
    expect(inside.join() !== "255,0,0", "the rectangle is filled");
});

pagePromise("the_rectangle_obeys_the_arrow_keys", async (page) => {
    await addPictures(page, "coffee.png", "cat.png");
    await page.locator("#modes").getByText("Find the same object").click();
    const rectangle = () => page.locator("#mark-layer rect").evaluate((r) =>
        ["x", "y", "width", "height"].map((name) => Math.round(r.getAttribute(name) * 100)));
    expectEqual(await rectangle(), [30, 30, 40, 40], "at first");
    for (const key of ["ArrowLeft", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowUp"]) await page.keyboard.press(key);
    expectEqual(await rectangle(), [28, 32, 42, 38], "moved and sized");
    await page.keyboard.press("Escape");
    expectEqual(await page.locator("#tray img").first().getAttribute("alt"), "Picture 1: coffee.png", "nothing is marked");
});

// ---- the examples, answered by the model that is built in ----

const EXAMPLES = ["crown", "red heart", "black cross", "dolphin", "the heart", "9", "penguin", "2"]; // what their answers say
const WITH_BOXES = 5; // the first ones ask for boxes

pagePromise("each_example_is_answered_after_one_click", async (page) => {
    await page.selectOption("#model", "default");
    await page.getByText("comes with the program").waitFor();
    const found = [];
    for (let i = 0; i < EXAMPLES.length; i++) {
        await page.click("#new-talk");
        const example = page.locator(".examples button").nth(i);
        const pictures = await example.locator("img").count();
        expectEqual(await example.locator("img").evaluateAll((list) => list.filter((p) => !p.naturalWidth).length), 0, "unseen");
        await example.click();
        await page.waitForFunction(() => document.querySelector("#marking").open || document.querySelector("#entry").value);
        if (await page.isVisible("#mark-done")) await page.click("#mark-done");
        await page.waitForFunction((n) => document.querySelectorAll("#tray li").length === n, pictures);
        await page.click("#send:enabled");
        await page.locator(".turn.assistant").waitFor();
        await answerEnded(page);
        expectEqual(await page.locator(".turn.user .thumb").count(), pictures, "pictures of the question");
        found.push({ text: await lastText(page), boxes: await page.locator("figure.boxed .box").count() });
    }
    await screenshot(page, "example");
    for (const [i, { text, boxes }] of found.entries())
        expect(text.includes(EXAMPLES[i]) && (boxes > 0 || i >= WITH_BOXES), `example ${i + 1} is answered "${text}" with ${boxes} boxes`);
    console.log(found.map((f) => `# ${f.text.trim()}`).join("\n"));
}, { settings: { temperature: 0 } });
