/* comparison.h - two runs over the same rows: what got better, what worse, and whether chance could have done it. */
#ifndef VL2_EVAL_COMPARISON_H
#define VL2_EVAL_COMPARISON_H

#include "eval/scores.h"

typedef struct {
    const Judged *a, *b;
} Pair;

typedef struct {
    Pair *pair; /* [n] rows of both, by index */
    size_t n, only_a, only_b;
    size_t better, worse;  /* rows whose score rose or fell from a to b */
    double mean_a, mean_b; /* percent, over the pairs */
    double low, high;      /* of mean_b - mean_a: the middle 95 % of the resampled differences */
    double chance;         /* two-sided p of no difference */
} Comparison;

enum { BOOTSTRAP_SAMPLES = 10000 };

/* A paired bootstrap: the pairs are drawn again with replacement BOOTSTRAP_SAMPLES times, always with the same random numbers. The
 * scores must outlive it. */
void compare_scores(const Scores *a, const Scores *b, Comparison *out);
void comparison_free(Comparison *c);

#endif
