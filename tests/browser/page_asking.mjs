// page_asking.mjs - pictures and words on their way to the server, and the answer on its way back.
import { addPictures, answerAtLength, answerEnded, answerPieceByPiece, answerWith, ask, bodyOf, expect, expectEqual, lastText, pagePromise,
    pictureUrl, pressButton, screenshot } from "./support.mjs";
import { metric, until } from "./live_server.mjs";

pagePromise("stop_cancels_on_the_server_and_keeps_the_text", async (page, server) => {
    const before = await metric(server, "vl2_cancelled_total");
    await answerAtLength(page);
    await ask(page, "Tell me everything");
    await page.waitForFunction(() => document.querySelector(".turn.running .text")?.textContent.length > 5);
    await page.click("#stop");
    await answerEnded(page);
    expect((await page.textContent(".turn.assistant")).includes("(stopped)"), "the answer is not marked");
    expect((await lastText(page)).length > 5, "the text is gone");
    await until(async () => await metric(server, "vl2_cancelled_total") > before, "the server counts a cancelled answer", 5);
    const body = await bodyOf(page, () => pressButton(page, "Continue"));
    expectEqual([body.continue_final_message, body.messages.at(-1).role], [true, "assistant"], "continued");
    await page.keyboard.press("Escape");
    await answerEnded(page);
}, { settings: { maxTokens: 0 } });

pagePromise("page_streams_an_answer_about_a_picture", async (page) => {
    await answerAtLength(page);
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
    expectEqual(await page.locator(".turn.user .thumb img").count(), 1, "pictures of the question");
}, { settings: { maxTokens: 1024 } });

pagePromise("what_an_answer_took_is_told", async (page) => {
    await addPictures(page, "cat.png");
    await ask(page, "What is this?");
    await answerEnded(page);
    const told = await page.textContent(".statistics");
    for (const rule of [/Read: \d+ tokens \([1-9]\d* of pictures, \d+ from cache\), [\d.]+ tokens\/s/, /Written: 16 tokens/,
        /First token after \d/, /Ended: cut at the token limit/, /Model: micro/]) expect(rule.test(told), `${told}: not ${rule}`);
    await page.click(".statistics summary");
    expect(await page.isVisible(".statistics li"), "not opened");
    const [used, most] = (await page.textContent("#context-text")).split(" / ").map(Number);
    const meter = await page.locator("#context-meter").evaluate((m) => [m.value, m.max]);
    expectEqual(meter, [used, most], "how full the context is");
    expect(used > 16 && used < most, `${used} of ${most} tokens`);
}, { settings: { maxTokens: 16 } });

pagePromise("page_shows_tiles_and_cost_as_the_server_counts", async (page, server) => {
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
    expect(cuts > 0, "no picture is cut");
    expectEqual(await page.locator("#tray .grid line").count(), cuts, "lines of the tile grids");
    expect(await page.isHidden("#warning"), "a warning with two pictures");
    await addPictures(page, "rocket.png");
    expect(await page.isVisible("#warning"), "no warning with three pictures");
    await screenshot(page, "tray");
});

pagePromise("pictures_are_numbered_moved_taken_out_and_enlarged", async (page) => {
    await addPictures(page, "cat.png", "camera.png");
    const order = () => page.locator("#tray img").evaluateAll((list) => list.map((i) => i.alt));
    await page.click('#tray li:nth-child(2) [aria-label="Move picture 2 forward"]');
    expectEqual(await order(), ["Picture 1: camera.png", "Picture 2: cat.png"], "order");
    await page.click('[aria-label="Remove picture 1"]');
    expectEqual(await order(), ["Picture 1: cat.png"], "order");
    await page.click('[aria-label="Enlarge picture 1"]');
    const width = async () => (await page.locator("#enlarged img").boundingBox()).width;
    const before = await width();
    await page.hover("#enlarged .stage");
    await page.mouse.wheel(0, -100);
    await page.waitForFunction(() => Number(document.querySelector("#enlarged input").value) > 1);
    expect(await width() > before * 1.2, "the wheel does not zoom");
    await page.getByLabel("Zoom").fill("8");
    const stage = page.locator("#enlarged .stage"), at = () => stage.evaluate((s) => s.scrollLeft);
    const middle = await at(), { x, y } = await stage.boundingBox();
    await page.mouse.move(x + 300, y + 200);
    await page.mouse.down();
    await page.mouse.move(x + 200, y + 200);
    await page.mouse.up();
    expectEqual(await at() - middle, 100, "moved by dragging");
});

pagePromise("pictures_come_by_paste_and_drop", async (page) => {
    const give = (type) => page.evaluate(async ([kind, url]) => {
        const data = new DataTransfer();
        data.items.add(new File([await (await fetch("examples/crown.png")).blob()], `${kind}.png`, { type: "image/png" }));
        const make = { paste: () => new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }),
            drop: () => new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }) }[kind];
        const over = new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true });
        if (kind === "drop") document.body.dispatchEvent(over);
        const target = !document.querySelector("#drop").hidden;
        document.body.dispatchEvent(make());
        return target;
    }, [type]);
    await give("paste");
    await page.locator('#tray img[alt="Picture 1: paste.png"]').waitFor();
    expect(await give("drop"), "no target is shown for what is dragged");
    await page.locator('#tray img[alt="Picture 2: drop.png"]').waitFor();
    expectEqual(await page.locator("#files").evaluate((f) => [f.accept, f.multiple]), ["image/*", true], "what can be picked");
});

/** A JPEG of red above white, with a note that its right side is up: seen, the red is at the right. */
const turnedPhoto = (page) => page.evaluate(async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 32 }), to = canvas.getContext("2d");
    to.fillStyle = "#fff";
    to.fillRect(0, 0, 64, 32);
    to.fillStyle = "#f00";
    to.fillRect(0, 0, 64, 16);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 1));
    const jpeg = new Uint8Array(await blob.arrayBuffer());
    const note = [0xff, 0xe1, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0, // APP1 of 34 bytes, "Exif"
        0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]; // orientation 6
    return [...jpeg.slice(0, 2), ...note, ...jpeg.slice(2)];
});

pagePromise("a_photograph_is_sent_as_it_is_seen", async (page) => {
    const bytes = Buffer.from(await turnedPhoto(page));
    await answerWith(page, "Yes.");
    await page.setInputFiles("#files", { name: "turned.jpg", mimeType: "image/jpeg", buffer: bytes });
    await page.locator("#tray li").waitFor();
    const { messages } = await bodyOf(page, () => ask(page, "Which side is red?"));
    const found = await page.evaluate(async (url) => {
        const image = await createImageBitmap(await (await fetch(url)).blob(), { imageOrientation: "none" });
        const to = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height })
            .getContext("2d", { willReadFrequently: true });
        to.drawImage(image, 0, 0);
        return [image.width, image.height, to.getImageData(4, 30, 1, 1).data[1] > 200, to.getImageData(28, 30, 1, 1).data[1] < 60];
    }, messages[0].content[0].image_url.url);
    expectEqual(found, [32, 64, true, true], "width, height, white at the left, red at the right");
}, { bypassCSP: true }); // to read a data URL here

pagePromise("tags_are_as_many_as_pictures", async (page) => {
    await answerWith(page, "Yes.");
    const textOf = (body) => [body.messages.at(-1).content].flat().at(-1);
    expectEqual(textOf(await bodyOf(page, () => ask(page, "<image> What is <image>?"))), "What is ?", "surplus ones");
    await answerEnded(page);
    await addPictures(page, "cat.png", "camera.png");
    const both = await bodyOf(page, () => ask(page, "Is <image> it?"));
    expectEqual(textOf(both).text, "<image>\nIs <image> it?", "missing ones stand in front");
});

pagePromise("what_happens_before_the_first_token_is_told", async (page) => {
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

pagePromise("the_end_is_followed_until_the_reader_goes_up", async (page) => {
    const turns = page.locator("#turns"), top = () => turns.evaluate((t) => t.scrollTop);
    const fromEnd = () => turns.evaluate((t) => t.scrollHeight - t.scrollTop - t.clientHeight);
    const shows = (text) => page.waitForFunction((t) => document.querySelector(".turn.running .text")?.textContent.includes(t), text);
    const say = await answerPieceByPiece(page);
    await ask(page, "Tell me everything");
    await say("line\n\n".repeat(20) + "first");
    await shows("first");
    expect(await top() > 100 && await fromEnd() < 80, "the end is not followed");
    await turns.evaluate((t) => { t.scrollTop = 0; });
    await page.locator("#newest").waitFor();
    await say("\n\nsecond");
    await shows("second");
    expectEqual(await top(), 0, "the reader was taken away");
    await pressButton(page, "Jump to newest");
    expect(await fromEnd() < 80, "not at the end");
    await page.locator("#newest").waitFor({ state: "hidden" });
    await page.keyboard.press("Escape");
    await answerEnded(page);
}, { viewport: { width: 800, height: 480 } });

pagePromise("text_that_becomes_shorter_takes_no_reader_away", async (page) => {
    const turns = page.locator("#turns");
    const over = (least, most) => page.waitForFunction(([lo, hi]) => {
        const t = document.querySelector("#turns"), n = t.scrollHeight - t.clientHeight;
        return n >= lo && n < hi;
    }, [least, most]);
    const say = await answerPieceByPiece(page);
    await ask(page, "Tell me everything");
    await say(`[Where](https://example.org/${"very-long/".repeat(150)}`);
    await over(100, Infinity);
    await turns.evaluate((t) => { t.scrollTop = 0; });
    await page.locator("#newest").waitFor();
    await say(")"); // a link, of one word
    await over(0, 80);
    await say("\n\nline".repeat(20));
    await over(100, Infinity);
    expectEqual(await turns.evaluate((t) => t.scrollTop), 0, "the reader was taken away");
    await page.keyboard.press("Escape");
    await answerEnded(page);
}, { viewport: { width: 800, height: 480 } });
