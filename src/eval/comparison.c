/* comparison.c - see comparison.h. */
#include "eval/comparison.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

static int by_index(const void *a, const void *b)
{
    return strcmp((*(const Judged *const *)a)->index, (*(const Judged *const *)b)->index);
}

static const Judged **sorted(const Scores *s)
{
    const Judged **row = xcalloc(s->n + 1, sizeof *row);
    for (size_t i = 0; i < s->n; i++) row[i] = &s->row[i];
    if (s->n) qsort(row, s->n, sizeof *row, by_index);
    return row;
}

static void pair_rows(const Scores *a, const Scores *b, Comparison *out)
{
    const Judged **x = sorted(a), **y = sorted(b);
    size_t i = 0, k = 0;
    out->pair = xcalloc((a->n < b->n ? a->n : b->n) + 1, sizeof *out->pair);
    while (i < a->n && k < b->n) {
        const int order = strcmp(x[i]->index, y[k]->index);
        if (order == 0) out->pair[out->n++] = (Pair){ x[i], y[k] };
        i += order <= 0;
        k += order >= 0;
    }
    out->only_a = a->n - out->n;
    out->only_b = b->n - out->n;
    free(x);
    free(y);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double resampled(const double *difference, size_t n, Rng *r)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += difference[rng_next(r) % n];
    return sum / (double)n;
}

static void bootstrap(const double *difference, size_t n, Comparison *out)
{
    double *mean = xcalloc(BOOTSTRAP_SAMPLES, sizeof *mean);
    size_t below = 0, above = 0;
    Rng r = { .seed = 0x626f6f74 };
    for (int i = 0; i < BOOTSTRAP_SAMPLES; i++) {
        mean[i] = resampled(difference, n, &r);
        below += mean[i] <= 0;
        above += mean[i] >= 0;
    }
    qsort(mean, BOOTSTRAP_SAMPLES, sizeof *mean, by_value);
    out->low = 100 * mean[BOOTSTRAP_SAMPLES / 40];
    out->high = 100 * mean[BOOTSTRAP_SAMPLES - 1 - BOOTSTRAP_SAMPLES / 40];
    const double tail = (double)(below < above ? below : above) / BOOTSTRAP_SAMPLES;
    out->chance = tail < 0.5 ? 2 * tail : 1;
    free(mean);
}

void compare_scores(const Scores *a, const Scores *b, Comparison *out)
{
    *out = (Comparison){ .chance = 1 };
    pair_rows(a, b, out);
    if (out->n == 0) return;
    double *difference = xcalloc(out->n, sizeof *difference), sum_a = 0, sum_b = 0;
    for (size_t i = 0; i < out->n; i++) {
        const double x = out->pair[i].a->score, y = out->pair[i].b->score;
        difference[i] = y - x;
        sum_a += x;
        sum_b += y;
        out->better += y > x;
        out->worse += y < x;
    }
    out->mean_a = 100 * sum_a / (double)out->n;
    out->mean_b = 100 * sum_b / (double)out->n;
    bootstrap(difference, out->n, out);
    free(difference);
}

void comparison_free(Comparison *c)
{
    free(c->pair);
    *c = (Comparison){ 0 };
}
