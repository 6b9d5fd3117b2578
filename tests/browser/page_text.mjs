// page_text.mjs - an answer as text: markdown, formulas, code, raw, token by token. Nothing of it is live.
import { answerEnded, answerWith, ask, bodyOf, expect, expectEqual, lastText, pagePromise, pressButton,
    screenshot } from "./support.mjs";
import { HOSTILE } from "./boxed_answer.mjs";

pagePromise("markup_of_a_model_stays_text", async (page) => {
    await answerWith(page, `${HOSTILE}\n\n<script>document.title = 2</script><a href="javascript:alert(1)">go</a>\n\n` +
        '<p style="position:fixed" onclick="alert(1)">p</p>\n\n![remote](https://example.org/x.png) $\\href{javascript:alert(1)}{x}$');
    await ask(page, "Attack");
    await answerEnded(page);
    const text = page.locator(".turn.assistant .text");
    expectEqual(await text.locator("img, script, [style], [onclick], [href^='javascript']").count(), 0, "live markup");
    expect((await text.textContent()).includes(HOSTILE), "markup of the model is not shown as text");
    expectEqual(await page.title(), "vl2", "title");
});

pagePromise("markdown_tables_code_and_formulas_are_drawn", async (page) => {
    await answerWith(page, "| a | b |\n|---|---|\n| 1 | 2 |\n\n```c\nint x;\n```\n\nThat $x^2$ and\n\n$$\\frac{1}{2}$$\n\ncosts 5$ or 6$.");
    await ask(page, "Show");
    await answerEnded(page);
    const text = page.locator(".turn.assistant .text");
    for (const [what, n] of [["td", 2], ["pre code", 1], ["math", 2], ["mfrac", 1], ["pre .copy", 1]])
        expectEqual(await text.locator(what).count(), n, what);
    expect((await text.textContent()).includes("5$ or 6$"), "prices became a formula");
    await screenshot(page, "markdown");
});

pagePromise("special_tokens_are_chips_and_the_raw_text_is_there", async (page) => {
    const written = "**A** <|ref|>cat<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>";
    await answerWith(page, written);
    await ask(page, "<|grounding|>What?");
    await answerEnded(page);
    expectEqual(await page.locator(".turn.user .chip").allTextContents(), ["<|grounding|>"], "chips");
    await pressButton(page, "Raw text");
    expectEqual(await lastText(page), written, "raw");
    await pressButton(page, "Raw text");
    expectEqual(await lastText(page), "A cat\n", "as usual again");
});

const DESCRIBED = 3; // the example that is answered with boxes

pagePromise("token_probabilities_are_told_on_hover_and_by_keys", async (page) => {
    await page.selectOption("#model", "default");
    await page.locator(".examples button").nth(DESCRIBED).click();
    await page.locator("#tray li").waitFor();
    await page.click("#send:enabled");
    await page.locator(".turn.assistant").waitFor();
    await answerEnded(page);
    const whole = await lastText(page);
    await pressButton(page, "Raw text");
    const raw = await lastText(page);
    await pressButton(page, "Probabilities");
    const tokens = page.locator(".tokens .token"), tip = page.locator(".tip");
    expectEqual((await tokens.allTextContents()).join(""), raw, "the tokens together");
    expect(await tokens.count() > 8, `${await tokens.count()} tokens`);
    await tokens.nth(3).hover();
    const rows = (await tip.locator("tr").allTextContents()).map((row) => Number(/([\d.]+) %$/.exec(row)[1]));
    expect(rows.length >= 5 && rows.length <= 6, `${rows.length} alternatives`);
    expect(rows.every((share, i) => share >= 0 && share <= 100 && (i === 0 || i === 5 || share <= rows[i - 1])), `shares ${rows}`);
    expectEqual(await tip.locator(".taken").count(), 1, "the one that was taken");
    await screenshot(page, "probabilities");
    await page.mouse.move(0, 0);
    await tip.waitFor({ state: "hidden" });
    await tokens.first().focus();
    await page.keyboard.press("ArrowRight");
    expectEqual(await tokens.nth(1).evaluate((n) => n === document.activeElement), true, "the next one has the focus");
    expect(await tip.isVisible(), "nothing is told");
    await pressButton(page, "Probabilities");
    expectEqual(await lastText(page), whole, "the text again");
    await page.click("#settings-button");
    await page.locator("#set-probabilities").uncheck();
    await page.keyboard.press("Escape");
    const body = await bodyOf(page, () => ask(page, "And now?"));
    expectEqual(body.logprobs, undefined, "asked for although it is switched off");
});
