/* speculate.c - see speculate.h. */
#include "engine/speculate.h"

#include <stdbool.h>

/* ---- guesses ---- */

static int32_t token_at(const TokenHistory *h, int i)
{
    return i < h->n_prompt ? h->prompt[i] : h->answer[i - h->n_prompt];
}

/* How many tokens before `at` are those at the end, at most LONGEST_MATCH. */
static int match_before(const TokenHistory *h, int at)
{
    const int n = h->n_prompt + h->n_answer;
    int match = 0;
    while (match < LONGEST_MATCH && match < at && token_at(h, at - 1 - match) == token_at(h, n - 1 - match)) match++;
    return match;
}

int guess_tokens(const TokenHistory *h, int32_t *guess, int n)
{
    const int end = h->n_prompt + h->n_answer;
    int from = end, longest = 1;
    for (int at = end - 1; at > 1 && longest < LONGEST_MATCH; at--) {
        const int match = match_before(h, at);
        if (match <= longest) continue;
        longest = match;
        from = at;
    }
    if (from == end) return 0;
    for (int i = 0; i < n; i++) guess[i] = from + i < end ? token_at(h, from + i) : guess[from + i - end];
    return longest;
}

/* ---- what a row costs ---- */

/* Of the last few dozen steps. A step that took three times the mean was held up by something else. */
void step_cost_learn(StepCost *c, int rows, double seconds)
{
    const double keep = 0.97, x = rows;
    if (c->weight > 4 && seconds > 3 * c->seconds / c->weight) seconds = 3 * c->seconds / c->weight;
    c->weight = keep * c->weight + 1;
    c->rows = keep * c->rows + x;
    c->seconds = keep * c->seconds + seconds;
    c->rows_rows = keep * c->rows_rows + x * x;
    c->rows_seconds = keep * c->rows_seconds + x * seconds;
}

/* The line through the measured steps, drawn towards the expected one while they hardly differ in rows. */
double step_cost_of_row(const StepCost *c)
{
    const double trust = 0.25, least = 0.01, most = 1;
    if (c->weight == 0) return c->expected;
    const double rows = c->rows / c->weight, seconds = c->seconds / c->weight;
    const double variance = c->rows_rows / c->weight - rows * rows;
    const double covariance = c->rows_seconds / c->weight - rows * seconds;
    const double expected = c->expected * seconds / (1 + c->expected * (rows - 1));
    const double slope = (covariance + trust * expected) / (variance + trust);
    const double one = seconds - slope * (rows - 1);
    if (slope <= least * one) return least;
    return slope >= most * one ? most : slope / one;
}

/* ---- how many ---- */

static const struct {
    int match;    /* at least */
    float chance; /* to begin with */
} CLASS[MATCH_CLASSES] = { { 2, 0.3f }, { 3, 0.5f }, { 5, 0.7f }, { 9, 0.9f } };

enum { FIRST_PAUSE = 8, LONGEST_PAUSE = 256 };

void guesser_open(Guesser *g)
{
    *g = (Guesser){ .pause = FIRST_PAUSE };
    for (int i = 0; i < MATCH_CLASSES; i++) g->chance[i] = CLASS[i].chance;
}

static float *chance_of(Guesser *g)
{
    int i = MATCH_CLASSES - 1;
    while (i > 0 && g->match < CLASS[i].match) i--;
    return &g->chance[i];
}

/* Of `most` guesses those that pay. */
static int worth(double chance, double row, int most, StepLoad *load)
{
    double p = 1;
    int n = 0;
    for (; n < most; n++) {
        p *= chance;
        if (p * (1 + row * (load->rows - 1)) <= load->tokens * row) break;
        load->tokens += p;
        load->rows++;
    }
    return n;
}

/* Where none pays, one is tried now and then: texts change. */
static bool tries_again(Guesser *g, StepLoad *load)
{
    if (g->wait-- > 0) return false;
    g->wait = g->pause;
    load->rows++;
    return true;
}

int guesser_choose(Guesser *g, const StepCost *c, const TokenHistory *h, int most, StepLoad *load, int32_t *guess)
{
    if (most <= 0) return 0;
    g->match = guess_tokens(h, guess, most);
    if (g->match == 0) return 0;
    int n = worth((double)*chance_of(g), step_cost_of_row(c), most, load);
    if (n == 0) n = tries_again(g, load);
    load->guesses += n;
    return n;
}

void guesser_learn(Guesser *g, int guessed, int right)
{
    const float rate = 0.15f;
    float *chance = chance_of(g);
    for (int i = 0; i < right; i++) *chance += rate * (1 - *chance);
    if (right < guessed) *chance -= rate * *chance;
    if (right > 0)
        g->pause = FIRST_PAUSE;
    else if (g->pause < LONGEST_PAUSE)
        g->pause *= 2;
}
