/* survey.c - see survey.h. */
#include "train/survey.h"

#include <stdlib.h>

#include "base/mem.h"

enum { PART = 1024 }; /* records between two reports */

typedef struct {
    Survey *s;
    const Dataset *d;
    const SampleRules *rules;
    size_t first;
} Look;

static void look_at(void *context, int i, int thread)
{
    (void)thread;
    const Look *l = context;
    const size_t index = l->first + (size_t)i;
    Surveyed *to = &l->s->record[index];
    Sample s;
    Error e;
    Fault fault;
    const bool ok = dataset_sample(l->d, index, l->rules, SAMPLE_LENGTH, &s, &fault, &e);
    *to = (Surveyed){ .fault = fault };
    if (!ok) return;
    to->tokens = s.prompt.n;
    to->image_tokens = s.prompt.n_image_tokens;
    to->labels = s.n_labels;
    to->dropped_rounds = s.dropped_rounds;
    sample_free(&s);
}

static void count(Survey *s)
{
    s->first_bad = s->n;
    for (size_t i = s->n; i-- > 0;) {
        const Surveyed *r = &s->record[i];
        s->n_good += r->tokens > 0;
        s->n_cut += r->dropped_rounds > 0;
        if (r->tokens > 0) continue;
        s->faults[r->fault]++;
        s->first_bad = i;
    }
}

/* The error of one bad record, made again. A file that was mended meanwhile is no reason to go on. */
static bool fail_as(const Dataset *d, size_t index, const SampleRules *rules, Error *e)
{
    Sample s;
    Fault fault;
    if (!dataset_sample(d, index, rules, SAMPLE_LENGTH, &s, &fault, e)) return false;
    sample_free(&s);
    return fail(e, ERR_FORMAT, "a record was bad and then was not: do not change the data meanwhile");
}

/* A record without a fault of its own means that something else went wrong. */
static bool judge(const Survey *s, const Dataset *d, const SampleRules *rules, bool skip_bad, Error *e)
{
    for (size_t i = s->first_bad; s->faults[FAULT_NONE] > 0 && i < s->n; i++)
        if (s->record[i].tokens == 0 && s->record[i].fault == FAULT_NONE) return fail_as(d, i, rules, e);
    const size_t n_bad = s->n - s->n_good;
    if (n_bad == 0 || (skip_bad && s->n_good > 0)) return true;
    fail_as(d, s->first_bad, rules, e);
    return skip_bad ? fail_in(e, "no record of %zu is good; the first one", s->n)
           : n_bad > 1
               ? fail_in(e, "%zu of %zu records are bad (--skip-bad leaves them out); the first one", n_bad, s->n)
               : fail_in(e, "1 of %zu records is bad (--skip-bad leaves it out)", s->n);
}

bool survey_take(Survey *s, const Dataset *d, const SampleRules *rules, bool skip_bad, Pool *pool,
                 SurveyProgress *progress, void *context, Error *e)
{
    *s = (Survey){ .record = xcalloc(d->n_records, sizeof *s->record), .n = d->n_records };
    bool ok = true;
    for (size_t first = 0; ok && first < s->n; first += PART) {
        Look l = { s, d, rules, first };
        const size_t n = s->n - first < PART ? s->n - first : PART;
        pool_run(pool, (int)n, look_at, &l);
        if (progress && !progress(context, first + n, s->n))
            ok = fail(e, ERR_CANCELLED, "ended while reading the data");
    }
    if (ok) {
        count(s);
        ok = judge(s, d, rules, skip_bad, e);
    }
    if (!ok) survey_free(s);
    return ok;
}

void survey_free(Survey *s)
{
    free(s->record);
    *s = (Survey){ 0 };
}
