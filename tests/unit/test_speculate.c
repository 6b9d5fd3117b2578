/* test_speculate.c - guesses at the next tokens: what is guessed, and that they are made where they pay and only there. */
#include <string.h>

#include "engine/speculate.h"
#include "support.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static void assert_guess(const int32_t *prompt, int n_prompt, const int32_t *answer, int n_answer, int match,
                         const int32_t *expected, int n)
{
    int32_t guess[8] = { 0 };
    const TokenHistory h = { prompt, answer, n_prompt, n_answer };
    assert_int_equal(guess_tokens(&h, guess, n), match);
    if (match) assert_memory_equal(guess, expected, (size_t)n * sizeof *guess);
}

static void what_followed_the_longest_match_is_guessed(void **state)
{
    /* 7 8 9 stands twice: after 5 as in the answer, and later after something else. */
    static const int32_t prompt[] = { 5, 7, 8, 9, 1, 2, 3, 6, 7, 8, 9, 4, 4, 4 }, answer[] = { 5, 7, 8, 9 };
    (void)state;
    assert_guess(prompt, COUNT(prompt), answer, 4, 4, (const int32_t[]){ 1, 2, 3 }, 3);
    assert_guess(prompt, COUNT(prompt), answer + 1, 3, 3, (const int32_t[]){ 4, 4, 4 },
                 3); /* of equals the later one */
}

static void a_match_spans_prompt_and_answer(void **state)
{
    static const int32_t prompt[] = { 1, 2, 3, 4, 1 }, answer[] = { 2 };
    (void)state;
    assert_guess(prompt, COUNT(prompt), answer, 1, 2, (const int32_t[]){ 3, 4, 1, 2 }, 4);
}

static void guesses_past_the_end_repeat_themselves(void **state)
{
    static const int32_t answer[] = { 9, 1, 2, 1, 2, 1 };
    (void)state;
    assert_guess(NULL, 0, answer, COUNT(answer), 3, (const int32_t[]){ 2, 1, 2, 1, 2, 1, 2 }, 7);
}

static void one_token_alone_is_no_match(void **state)
{
    static const int32_t prompt[] = { 1, 2, 3, 1 };
    (void)state;
    assert_guess(prompt, COUNT(prompt), NULL, 0, 0, NULL, 4);
    assert_guess(prompt, 1, NULL, 0, 0, NULL, 4);
}

/* Steps of 1 to 4 rows, each row after the first `row` times as long as a step of one. */
static StepCost measured(double row)
{
    StepCost c = { .expected = 0.5 };
    for (int i = 0; i < 200; i++) {
        const int rows = 1 + i % 4;
        step_cost_learn(&c, rows, 0.02 * (1 + row * (rows - 1)));
    }
    return c;
}

static void the_cost_of_a_row_is_measured(void **state)
{
    (void)state;
    assert_true(step_cost_of_row(&(StepCost){ .expected = 0.3 }) == 0.3);
    static const double row[] = { 0.05, 0.3, 0.9 };
    for (int i = 0; i < COUNT(row); i++) { /* a tenth of the trust stays with what was expected */
        StepCost c = measured(row[i]);
        const double found = step_cost_of_row(&c);
        printf("# a row of %g: found %g\n", row[i], found);
        assert_true(found > row[i] - 0.15 && found < row[i] + 0.15);
        for (int k = 0; k < 3; k++) step_cost_learn(&c, 1, 0.5); /* the machine was elsewhere */
        assert_true(step_cost_of_row(&c) < row[i] + 0.2);
    }
    StepCost flat = { .expected = 0.3 };
    for (int i = 0; i < 100; i++) step_cost_learn(&flat, 1, 0.01 + 0.0001 * (i % 7));
    assert_true(step_cost_of_row(&flat) > 0.25 && step_cost_of_row(&flat) < 0.35); /* nothing was learnt */
}

/* Guesses over `steps` steps of one answer that always matches, of which `right` of ten come; *accepted counts these. */
static int guesses_in(int steps, int right_of_ten, double row, int others, int *accepted)
{
    static const int32_t same[] = { 1, 1, 1, 1, 1, 1 };
    const TokenHistory h = { same, NULL, COUNT(same), 0 };
    const StepCost cost = measured(row);
    Guesser g;
    int32_t guess[8];
    int all = 0;
    guesser_open(&g);
    *accepted = 0;
    for (int i = 0, number = 0; i < steps; i++) {
        StepLoad load = { .rows = 1 + others, .tokens = 1 + others };
        const int n = guesser_choose(&g, &cost, &h, 8, &load, guess);
        int right = 0;
        assert_int_equal(load.guesses, n);
        assert_int_equal(load.rows, 1 + others + n);
        while (right < n && number++ % 10 < right_of_ten) right++;
        if (n) guesser_learn(&g, n, right);
        all += n;
        *accepted += right;
    }
    return all;
}

static void guesses_grow_where_they_come_true(void **state)
{
    int accepted;
    (void)state;
    const int all = guesses_in(100, 10, 0.3, 0, &accepted);
    assert_int_equal(all, accepted);
    assert_true(all > 700); /* soon all eight in each step */
}

static void guesses_stop_where_they_do_not_pay(void **state)
{
    int accepted;
    (void)state;
    const int never = guesses_in(1000, 0, 0.3, 0, &accepted);
    printf("# none comes: %d guesses in 1000 steps\n", never);
    assert_true(never > 4 && never < 30);
    const int seldom = guesses_in(1000, 2, 0.5, 0, &accepted);
    printf("# two of ten come: %d guesses in 1000 steps\n", seldom);
    assert_true(seldom < 250);
}

/* In a full step rows cost time that the others' tokens wait for. */
static void a_full_step_takes_fewer_guesses(void **state)
{
    int accepted;
    (void)state;
    const int alone = guesses_in(200, 8, 0.3, 0, &accepted), full = guesses_in(200, 8, 0.3, 15, &accepted);
    printf("# alone %d guesses, beside 15 others %d\n", alone, full);
    assert_true(full < alone / 2);
}

TEST_MAIN(TEST(what_followed_the_longest_match_is_guessed), TEST(a_match_spans_prompt_and_answer),
          TEST(guesses_past_the_end_repeat_themselves), TEST(one_token_alone_is_no_match),
          TEST(the_cost_of_a_row_is_measured), TEST(guesses_grow_where_they_come_true),
          TEST(guesses_stop_where_they_do_not_pay), TEST(a_full_step_takes_fewer_guesses))
