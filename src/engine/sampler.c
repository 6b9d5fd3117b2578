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

enum { MOST_LIKELIHOODS = 101 };

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
    if (o->likelihoods < 0 || o->likelihoods > MOST_LIKELIHOODS)
        return fail(e, ERR_USAGE, "likelihoods is %d, expected 0 to %d", o->likelihoods, MOST_LIKELIHOODS);
    if (o->min_tokens < 0) return fail(e, ERR_USAGE, "min_tokens is %d, expected 0 or more", o->min_tokens);
    return true;
}

static bool check_bias(const Vl2Sampling *o, int vocab, Error *e)
{
    for (int i = 0; i < o->n_bias; i++) {
        if (o->bias[i].id < 0 || o->bias[i].id >= vocab)
            return fail(e, ERR_USAGE, "bias for token id %d, expected 0 to %d", o->bias[i].id, vocab - 1);
        if (!in_range(o->bias[i].bias, -1000, 1000, "bias", e)) return false;
    }
    return true;
}

bool sampler_open(Sampler *s, const Vl2Sampling *o, const Ending *ending, int vocab, const int32_t *prompt, int n,
                  Error *e)
{
    *s = (Sampler){ .options = *o, .vocab = vocab, .rng = { o->seed, 0 } };
    if (ending) s->ending = *ending;
    s->options.stop = NULL; /* the caller's arrays end with this call */
    s->options.stop_id = NULL;
    s->options.bias = NULL;
    s->options.format = NULL;
    if (!check_options(o, e) || !check_bias(o, vocab, e)) return false;
    s->bias = xcalloc((size_t)o->n_bias, sizeof *s->bias);
    if (o->n_bias) memcpy(s->bias, o->bias, (size_t)o->n_bias * sizeof *s->bias);
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
    free(s->bias);
    token_mask_close(s->mask);
    *s = (Sampler){ 0 };
}

static bool is_ending(const Sampler *s, int32_t id)
{
    for (int i = 0; i < s->ending.n; i++)
        if (s->ending.id[i] == id) return true;
    return false;
}

/* Leaves the tokens that the answer's format allows; where it allows nothing more, the end. */
static void keep_format(Sampler *s)
{
    bool may_end;
    const uint64_t *allowed = token_mask_allowed(s->mask, &may_end);
    const int32_t known = token_mask_ids(s->mask);
    bool any = false;
    for (int32_t i = 0; i < s->vocab; i++) {
        const bool keep = is_ending(s, i) ? may_end : i < known && token_mask_has(allowed, i);
        any |= keep;
        if (!keep) s->score[i] = -INFINITY;
    }
    for (int i = 0; !any && i < s->ending.n; i++)
        if (s->ending.id[i] < s->vocab) s->score[s->ending.id[i]] = 0;
}

static void penalise(Sampler *s, const float *logits)
{
    const Vl2Sampling *o = &s->options;
    memcpy(s->score, logits, (size_t)s->vocab * sizeof *s->score);
    for (int i = 0; i < s->vocab; i++) {
        float *v = &s->score[i];
        if (s->seen[i] && o->repetition_penalty != 1)
            *v = *v < 0 ? *v * o->repetition_penalty : *v / o->repetition_penalty;
        if (s->count[i]) *v -= o->presence_penalty + (float)s->count[i] * o->frequency_penalty;
    }
    for (int i = 0; i < o->n_bias; i++) s->score[s->bias[i].id] += s->bias[i].bias;
    for (int i = 0; s->n_taken < s->ending.least && i < s->ending.n; i++)
        if (s->ending.id[i] < s->vocab) s->score[s->ending.id[i]] = -INFINITY;
    if (s->mask) keep_format(s);
}

static int32_t best_of(const float *score, int n)
{
    int32_t b = 0;
    for (int32_t i = 1; i < n; i++)
        if (score[i] > score[b]) b = i;
    return b;
}

/* ---- a heap over the ids: the best comes out first, and only as many as are wanted ---- */

static bool comes_before(const Sampler *s, int32_t a, int32_t b)
{
    return s->score[a] != s->score[b] ? s->score[a] > s->score[b] : a < b;
}

static void sift_down(Sampler *s, int at, int n)
{
    for (int child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && comes_before(s, s->order[child + 1], s->order[child])) child++;
        if (!comes_before(s, s->order[child], s->order[at])) return;
        const int32_t swap = s->order[at];
        s->order[at] = s->order[child];
        s->order[child] = swap;
    }
}

static void build_heap(Sampler *s)
{
    for (int32_t i = 0; i < s->vocab; i++) s->order[i] = i;
    for (int i = s->vocab / 2 - 1; i >= 0; i--) sift_down(s, i, s->vocab);
}

/* Takes the best of the n that are left; those taken stand at the end of s->order, the first one last. */
static int32_t take_best(Sampler *s, int n)
{
    const int32_t id = s->order[0];
    s->order[0] = s->order[n - 1];
    s->order[n - 1] = id;
    sift_down(s, 0, n - 1);
    return id;
}

static int32_t taken(const Sampler *s, int i)
{
    return s->order[s->vocab - 1 - i];
}

/* ---- the distribution ---- */

/* Takes the k best and what is as good as the last of them. Returns how many. */
static int take_top_k(Sampler *s, int k)
{
    int n = 0;
    while (n < s->vocab && (n < k || s->score[s->order[0]] == s->score[taken(s, k - 1)])) {
        take_best(s, s->vocab - n);
        n++;
    }
    return n;
}

/* The sum of exp(score - top) of the ids that take part: the n taken, or all of them. */
static double total_weight(const Sampler *s, int n, float top)
{
    double sum = 0;
    if (n > 0)
        for (int i = 0; i < n; i++) sum += exp((double)s->score[taken(s, i)] - top);
    else
        for (int i = 0; i < s->vocab; i++) sum += exp((double)s->score[i] - top);
    return sum;
}

/* Takes (or keeps, of n that are taken) the best until top-p is full or min-p says no. Returns how many. */
static int take_likely(Sampler *s, int n_taken, float top, double sum)
{
    const Vl2Sampling *o = &s->options;
    const int most = n_taken ? n_taken : s->vocab;
    double before = 0; /* probability of those taken so far: a token is dropped once 1 - before <= 1 - top_p */
    int n = 0;
    while (n < most) {
        const int32_t id = n_taken ? taken(s, n) : s->order[0];
        const double weight = exp((double)s->score[id] - top);
        if (n > 0 && ((o->top_p < 1 && before >= (double)o->top_p) || weight < (double)o->min_p)) break;
        if (!n_taken) take_best(s, s->vocab - n);
        before += weight / sum;
        n++;
    }
    return n;
}

/* Leaves s->score as probabilities of the n ids taken(s, 0..n-1), best first. */
static int distribution(Sampler *s, const float *logits)
{
    const Vl2Sampling *o = &s->options;
    penalise(s, logits);
    for (int i = 0; i < s->vocab; i++) s->score[i] /= o->temperature;
    build_heap(s);
    const float top = s->score[s->order[0]];
    int n = o->top_k > 0 && o->top_k < s->vocab ? take_top_k(s, o->top_k) : 0;
    if (o->top_p < 1 || o->min_p > 0) n = take_likely(s, n, top, total_weight(s, n, top));
    const double sum = total_weight(s, n, top);
    if (n == 0) n = s->vocab; /* nothing was cut: every id takes part, in any order */
    for (int i = 0; i < n; i++) {
        float *v = &s->score[taken(s, i)];
        *v = (float)(exp((double)*v - top) / sum);
    }
    return n;
}

void sampler_distribution(Sampler *s, const float *logits, float *probability)
{
    const int n = distribution(s, logits);
    memset(probability, 0, (size_t)s->vocab * sizeof *probability);
    for (int i = 0; i < n; i++) probability[taken(s, i)] = s->score[taken(s, i)];
}

static int32_t draw(Sampler *s, const float *logits)
{
    const int n = distribution(s, logits);
    double left = rng_uniform(&s->rng);
    int last = 0; /* of those that are possible at all: rounding may leave something over */
    for (int i = 0; i < n; i++) {
        if (s->score[taken(s, i)] <= 0) continue;
        if ((left -= s->score[taken(s, i)]) < 0) return taken(s, i);
        last = i;
    }
    return taken(s, last);
}

int32_t sampler_next(Sampler *s, const float *logits)
{
    int32_t id;
    if (s->options.temperature > 0)
        id = draw(s, logits);
    else {
        penalise(s, logits);
        id = best_of(s->score, s->vocab);
    }
    s->seen[id] = true;
    s->count[id]++;
    s->n_taken++;
    if (s->mask) token_mask_take(s->mask, id);
    return id;
}

void sampler_likelihoods(Sampler *s, const float *logits, int32_t id, Vl2Likelihood *out, int n)
{
    memcpy(s->score, logits, (size_t)s->vocab * sizeof *s->score);
    build_heap(s);
    const float top = s->score[s->order[0]];
    const double log_sum = log(total_weight(s, 0, top));
    for (int i = 0; i < n; i++) {
        const int32_t which = i ? take_best(s, s->vocab - i + 1) : id;
        out[i] = (Vl2Likelihood){ which, (float)((double)s->score[which] - top - log_sum) };
    }
}
