// boxed_answer.mjs - an answer with two boxes on the second of two pictures; the label of one is markup.
import { addPictures, answerEnded, answerWith, ask } from "./support.mjs";

export const HOSTILE = '<img src="x" onerror="document.title=1">';

const TWO_CATS = "A <|ref|>grey cat<|/ref|><|det|>[[100, 200, 500, 600]]<|/det|> and " +
    `<|ref|>${HOSTILE}<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>.`;
const boxOn = (picture, label, group, box, pixels) => ({ label, group, box, pixels, picture });

export async function askForBoxes(page) {
    await answerWith(page, TWO_CATS, [boxOn(1, "grey cat", 0, [100, 200, 500, 600], [26, 29, 128, 86]),
        boxOn(1, HOSTILE, 1, [0, 0, 999, 999], [0, 0, 256, 144])]);
    await addPictures(page, "coffee.png", "cat.png");
    await ask(page, "<|grounding|>What is there?");
    await answerEnded(page);
}
