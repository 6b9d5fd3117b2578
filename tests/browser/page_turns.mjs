// page_turns.mjs - turns made again, edited, taken out.
import { answerAtLength, answerEnded, answerWith, ask, bodyOf, expect, expectEqual, lastText, pagePromise, pressButton, questions,
    screenshot } from "./support.mjs";

pagePromise("answers_branch_questions_are_edited_turns_removed", async (page) => {
    await ask(page, "One?");
    await answerEnded(page);
    const first = await lastText(page);
    await pressButton(page, "Regenerate");
    await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
    await answerEnded(page);
    await pressButton(page, "Previous version");
    expectEqual(await lastText(page), first, "first version");
    await pressButton(page, "Edit and send again");
    await page.locator(".editor textarea").fill("Two?");
    const body = await bodyOf(page, () => pressButton(page, "Send again"));
    expectEqual(body.messages, [{ role: "user", content: "Two?" }], "the edited question alone");
    await answerEnded(page);
    expectEqual(await page.locator(".turn.user .branches").textContent(), "2/2", "versions of the question");
    await pressButton(page, "Remove last turn");
    expectEqual(await questions(page), ["One?"], "the other branch is shown");
}, { settings: { maxTokens: 8, temperature: 1 } });

pagePromise("a_turn_in_the_middle_is_deleted_and_comes_back", async (page) => {
    await answerWith(page, "Yes.");
    for (const [i, text] of ["One?", "Two?", "Three?"].entries()) {
        await ask(page, text);
        await answerEnded(page, i + 1);
    }
    await page.locator(".turn.user").nth(1).getByRole("button", { name: "Delete this turn" }).click();
    expectEqual(await questions(page), ["One?", "Three?"], "questions");
    expectEqual(await page.locator(".turn.assistant").count(), 2, "answers");
    await pressButton(page, "Undo");
    expectEqual(await questions(page), ["One?", "Two?", "Three?"], "after undo");
    await page.locator(".turn.user").first().getByRole("button", { name: "Delete this turn" }).click();
    const body = await bodyOf(page, () => ask(page, "Four?"));
    expectEqual(body.messages.map((m) => m.content), ["Two?", "Yes.", "Three?", "Yes.", "Four?"], "what the server is sent");
    await answerEnded(page, 3);
    await page.reload();
    await answerEnded(page, 3);
    expectEqual(await questions(page), ["Two?", "Three?", "Four?"], "after a reload");
});

pagePromise("an_answer_that_was_broken_off_can_be_continued", async (page) => {
    await answerAtLength(page);
    await ask(page, "Tell me everything");
    await page.waitForFunction(() => document.querySelector(".turn.running .text")?.textContent.length > 5);
    await page.reload();
    await answerEnded(page);
    expect((await page.textContent(".turn.assistant")).includes("(stopped)"), await page.textContent(".turn.assistant"));
    expect((await lastText(page)).length > 5, "what was written is gone");
    const body = await bodyOf(page, () => pressButton(page, "Continue"));
    expectEqual(body.continue_final_message, true, "continued");
    await screenshot(page, "streaming");
    await page.keyboard.press("Escape");
    await answerEnded(page);
}, { settings: { maxTokens: 0 } });
