// page_boxes.mjs - boxes on their pictures.
import { readFileSync } from "node:fs";
import { copied, expect, expectEqual, pagePromise, pressButton, saved } from "./support.mjs";
import { HOSTILE, askForBoxes } from "./boxed_answer.mjs";

pagePromise("boxes_stand_on_their_picture_and_answer_to_their_phrase", async (page) => {
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
    await page.hover(".boxes [data-group='0'] text");
    expectEqual([await lit(), await page.locator(".phrase.lit").textContent()], [["0"], "grey cat"], "lit by the box");
});

pagePromise("boxes_are_faded_hidden_and_enlarged", async (page) => {
    await askForBoxes(page);
    await page.getByLabel("Opacity").fill("40");
    expectEqual(await page.locator("svg.boxes").evaluate((s) => getComputedStyle(s).opacity), "0.4", "opacity");
    await page.locator(".boxed").getByRole("button", { name: "Enlarge picture 2" }).click();
    expectEqual(await page.locator("#enlarged .boxes .box").count(), 2, "boxes of the picture alone");
    await page.keyboard.press("Escape");
    await page.getByLabel("Show boxes").click();
    expect(await page.isHidden("svg.boxes >> nth=0"), "boxes are still shown");
});

pagePromise("boxes_are_saved_as_png_svg_and_json_and_copied", async (page) => {
    await askForBoxes(page);
    const files = {};
    for (const kind of ["PNG", "SVG", "JSON"]) {
        const { name, path } = await saved(page, () => pressButton(page, `Save ${kind}`));
        expectEqual(name, `cat-boxes.${kind.toLowerCase()}`, "name");
        files[kind] = readFileSync(path);
    }
    const { picture, boxes } = JSON.parse(files.JSON);
    expectEqual([picture.name, boxes[0].pixels], ["cat.png", [26, 29, 128, 86]], "JSON");
    expectEqual(files.PNG.subarray(1, 4).toString(), "PNG", "PNG");
    const svgText = files.SVG.toString();
    expect(svgText.includes("&lt;img") && !svgText.includes("<img"), "markup of a label is in the SVG");
    const text = await copied(page, () => pressButton(page, "Copy coordinates"));
    expectEqual(text, "grey cat  [100, 200, 500, 600]  26, 29, 128, 86 px\n" + `${HOSTILE}  [0, 0, 999, 999]  0, 0, 256, 144 px`,
        "coordinates");
});
