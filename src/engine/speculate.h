/* speculate.h - guesses at the next tokens of an answer, and how many of them pay.
 *
 * Where the last tokens of an answer stood before, in its prompt or in itself, what followed then may follow again. A step of
 * the model takes rows for such guesses beside the row of the last token. The sampler is asked row after row, as without
 * guesses, and the next row counts only if the sampler chose what had been guessed: so answers are the same, drawn ones, too.
 *
 * A guess pays where it brings more tokens a second. With T tokens expected of a step that takes S seconds, one more row that
 * is right with probability p and takes s seconds pays if (T + p) / (S + s) > T / S. The probability is learnt by each answer,
 * apart for short and for long matches; the seconds by the engine: a row among many costs more than one among few, since
 * a step of few waits for the weights anyway. */
#ifndef VL2_ENGINE_SPECULATE_H
#define VL2_ENGINE_SPECULATE_H

#include <stdint.h>

/* The tokens so far. */
typedef struct {
    const int32_t *prompt, *answer;
    int n_prompt, n_answer;
} TokenHistory;

enum { LONGEST_MATCH = 16 };

/* What followed the last place where at least two of the last tokens stood, the longest match first; after its end the guesses
 * repeat themselves. Returns how many tokens matched; 0: no guess. Else guess[0..n) is filled. */
int guess_tokens(const TokenHistory *h, int32_t *guess, int n);

/* Seconds of a step by its rows: u (1 + row (rows - 1)). */
typedef struct {
    double expected;                                       /* `row` before anything is measured */
    double weight, rows, seconds, rows_rows, rows_seconds; /* sums over the last steps */
} StepCost;

void step_cost_learn(StepCost *c, int rows, double seconds);
double step_cost_of_row(const StepCost *c); /* what each row after the first costs, in steps of one row */

enum { MATCH_CLASSES = 4 };

/* What an answer has learnt about guesses. */
typedef struct {
    float chance[MATCH_CLASSES]; /* that the next guess is right if those before it were, by the length of the match */
    int match;                   /* of this step's guesses */
    int pause, wait;             /* where guesses do not pay: steps between two tries, and until the next one */
} Guesser;

void guesser_open(Guesser *g);

/* What the step holds and is expected to bring so far. */
typedef struct {
    int rows, guesses;
    double tokens;
} StepLoad;

/* Guesses for one answer of the step, at most `most`: as many as pay are put into guess[] and added to the load. */
int guesser_choose(Guesser *g, const StepCost *c, const TokenHistory *h, int most, StepLoad *load, int32_t *guess);
void guesser_learn(Guesser *g, int guessed, int right); /* the first `right` of them were */

#endif
