/* sampler.c - repetition penalty, presence and frequency penalties, temperature, top-k, top-p, min-p, softmax, draw.
 *
 * repetition: score < 0 ? score * p : score / p, once for every id of prompt and answer.
 * top-k keeps ties with the k-th value. top-p drops the tail whose ascending cumulative probability is <= 1 - p and always
 * keeps the best. min-p drops what is below p times the best probability. */
#include "engine/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool in_range(double v, double lo, double hi, const char *name, Error *e)
{
    if (v >= lo && v <= hi) return true; /* false for NaN */
    return fail(e, ERR_USAGE, "%s is %g, expected %g to %g", name, v, lo, hi);
}

static bool check_options(const Vl2Sampling *o, Error *e)
{
    if (!in_range(o->temperature, 0, 100, "temperature", e) || !in_range(o->top_p, 0, 1, "top_p", e) ||
        !in_range(o->min_p, 0, 1, "min_p", e) || !in_range(o->repetition_penalty, 0.01, 100, "repetition_penalty", e) ||
        !in_range(o->presence_penalty, -2, 2, "presence_penalty", e) ||
        !in_range(o->frequency_penalty, -2, 2, "frequency_penalty", e))
        return false;
    if (o->top_k < 0) return fail(e, ERR_USAGE, "top_k is %d, expected 0 (off) or more", o->top_k);
    return true;
}

bool sampler_open(Sampler *s, const Vl2Sampling *o, int vocab, const int32_t *prompt, int n, Error *e)
{
    *s = (Sampler){ .options = *o, .vocab = vocab, .rng = { o->seed, 0 } };
    if (!check_options(o, e)) return false;
    s->score = xcalloc((size_t)vocab, sizeof *s->score);
    s->order = xcalloc((size_t)vocab, sizeof *s->order);
    s->count = xcalloc((size_t)vocab, sizeof *s->count);
    s->seen = xcalloc((size_t)vocab, sizeof *s->seen);
    for (int i = 0; i < n; i++) s->seen[prompt[i]] = true;
    return true;
}

void sampler_close(Sampler *s)
{
    free(s->score);
    free(s->order);
    free(s->count);
    free(s->seen);
    *s = (Sampler){ 0 };
}

static void penalise(Sampler *s, const float *logits)
{
    const Vl2Sampling *o = &s->options;
    memcpy(s->score, logits, (size_t)s->vocab * sizeof *s->score);
    for (int i = 0; i < s->vocab; i++) {
        float *v = &s->score[i];
        if (s->seen[i] && o->repetition_penalty != 1) *v = *v < 0 ? *v * o->repetition_penalty : *v / o->repetition_penalty;
        if (s->count[i]) *v -= o->presence_penalty + (float)s->count[i] * o->frequency_penalty;
    }
}

static int32_t best(const float *score, int n)
{
    int32_t b = 0;
    for (int32_t i = 1; i < n; i++)
        if (score[i] > score[b]) b = i;
    return b;
}

static int by_score(const void *a, const void *b, void *context)
{
    const float *score = context;
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    if (score[x] != score[y]) return score[x] > score[y] ? -1 : 1;
    return (x > y) - (x < y);
}

/* Orders the ids by descending score and returns how many of them top-k keeps. */
static int keep_top_k(Sampler *s)
{
    for (int32_t i = 0; i < s->vocab; i++) s->order[i] = i;
    qsort_r(s->order, (size_t)s->vocab, sizeof *s->order, by_score, s->score);
    const int k = s->options.top_k;
    if (k == 0 || k >= s->vocab) return s->vocab;
    int n = k;
    while (n < s->vocab && s->score[s->order[n]] == s->score[s->order[k - 1]]) n++;
    return n;
}

/* Turns the scores of the first n ordered ids to probabilities, in place. */
static void soften(Sampler *s, int n)
{
    const float top = s->score[s->order[0]];
    double sum = 0;
    for (int i = 0; i < n; i++) sum += exp((double)s->score[s->order[i]] - top);
    for (int i = 0; i < n; i++) {
        float *v = &s->score[s->order[i]];
        *v = (float)(exp((double)*v - top) / sum);
    }
}

/* Of n ordered ids with probabilities, how many top-p and min-p keep. */
static int keep_likely(const Sampler *s, int n)
{
    const Vl2Sampling *o = &s->options;
    if (o->top_p < 1) {
        double tail = 0;
        while (n > 1 && (tail += s->score[s->order[n - 1]]) <= 1 - (double)o->top_p) n--;
    }
    while (n > 1 && s->score[s->order[n - 1]] < o->min_p * s->score[s->order[0]]) n--;
    return n;
}

/* The first n ids of s->order are what is left, s->score their probabilities. */
static int distribution(Sampler *s, const float *logits)
{
    penalise(s, logits);
    for (int i = 0; i < s->vocab; i++) s->score[i] /= s->options.temperature;
    int n = keep_top_k(s);
    soften(s, n);
    n = keep_likely(s, n);
    double sum = 0;
    for (int i = 0; i < n; i++) sum += s->score[s->order[i]];
    for (int i = 0; i < n; i++) s->score[s->order[i]] = (float)(s->score[s->order[i]] / sum);
    return n;
}

void sampler_distribution(Sampler *s, const float *logits, float *probability)
{
    const int n = distribution(s, logits);
    memset(probability, 0, (size_t)s->vocab * sizeof *probability);
    for (int i = 0; i < n; i++) probability[s->order[i]] = s->score[s->order[i]];
}

static int32_t draw(Sampler *s, const float *logits)
{
    const int n = distribution(s, logits);
    double left = rng_uniform(&s->rng);
    for (int i = 0; i < n - 1; i++)
        if ((left -= s->score[s->order[i]]) < 0) return s->order[i];
    return s->order[n - 1];
}

int32_t sampler_next(Sampler *s, const float *logits)
{
    int32_t id;
    if (s->options.temperature > 0) id = draw(s, logits);
    else {
        penalise(s, logits);
        id = best(s->score, s->vocab);
    }
    s->seen[id] = true;
    s->count[id]++;
    return id;
}
