/* feed.c - see feed.h. */
#include "train/feed.h"

#include <assert.h>
#include <stdlib.h>

#include "base/ahead.h"
#include "base/mem.h"

struct Feed {
    FeedOptions o;
    uint32_t *item; /* records for this rank, in order */
    size_t n_items, capacity;
    size_t next_item;  /* the next one to hand out */
    size_t next_group; /* of the epoch: the next one to look at */
    Ahead *ahead;
    size_t faults[FAULT_KINDS];
};

/* What a thread makes. */
typedef struct {
    Sample sample;
    bool ok;
    Fault fault;
    Error error;
} Made;

static void *make(void *context, size_t i)
{
    const Feed *f = context;
    Made *m = xcalloc(1, sizeof *m);
    m->ok = dataset_sample(f->o.dataset, f->item[i], f->o.rules, SAMPLE_WHOLE, &m->sample, &m->fault, &m->error);
    return m;
}

static void drop(void *result)
{
    Made *m = result;
    sample_free(&m->sample);
    free(m);
}

/* Group g is number g % per_step of its step. */
static bool is_mine(const FeedOptions *o, size_t group)
{
    return group % o->per_step % (size_t)o->ranks == (size_t)o->rank;
}

static void list_items(Feed *f)
{
    const Epoch *p = f->o.epoch;
    for (size_t g = f->next_group; g < p->n_groups; g++) {
        if (!is_mine(&f->o, g)) continue;
        for (size_t i = p->begin[g]; i < p->begin[g + 1]; i++) {
            GROW(f->item, f->n_items, f->capacity);
            f->item[f->n_items++] = p->item[i];
        }
    }
}

Feed *feed_open(const FeedOptions *o, Error *e)
{
    assert(o->per_step > 0 && o->rank >= 0 && o->rank < o->ranks && o->ahead > 0);
    Feed *f = xcalloc(1, sizeof *f);
    f->o = *o;
    f->next_group = o->first_step * o->per_step;
    list_items(f);
    f->ahead = ahead_open(o->threads, o->ahead, f->n_items, make, f, e);
    if (f->ahead) return f;
    feed_close(f);
    return NULL;
}

void feed_close(Feed *f)
{
    if (!f) return;
    ahead_close(f->ahead, drop);
    free(f->item);
    free(f);
}

/* Moves the sample into the group, or counts or reports its fault. */
static bool hand_out(Feed *f, Made *m, SampleGroup *out, Error *e)
{
    const uint32_t record = f->item[f->next_item++];
    if (m->ok) {
        out->record[out->n] = record;
        out->sample[out->n++] = m->sample;
        m->sample = (Sample){ 0 };
        return true;
    }
    f->faults[m->fault]++;
    if (f->o.skip_bad && m->fault != FAULT_NONE) return true;
    *e = m->error;
    return false;
}

bool feed_next(Feed *f, SampleGroup *out, Error *e)
{
    const Epoch *p = f->o.epoch;
    *out = (SampleGroup){ 0 };
    while (f->next_group < p->n_groups && !is_mine(&f->o, f->next_group)) f->next_group++;
    out->ends = f->next_group >= p->n_groups;
    if (out->ends) return true;
    const size_t group = f->next_group++, n = p->begin[group + 1] - p->begin[group];
    out->step = group / f->o.per_step;
    out->sample = xcalloc(n, sizeof *out->sample);
    out->record = xcalloc(n, sizeof *out->record);
    for (size_t i = 0; i < n; i++) {
        Made *m = ahead_take(f->ahead);
        const bool ok = hand_out(f, m, out, e);
        drop(m);
        if (ok) continue;
        sample_group_free(out);
        return false;
    }
    return true;
}

void sample_group_free(SampleGroup *g)
{
    for (int i = 0; i < g->n; i++) sample_free(&g->sample[i]);
    free(g->sample);
    free(g->record);
    *g = (SampleGroup){ 0 };
}

const size_t *feed_faults(const Feed *f)
{
    return f->faults;
}
