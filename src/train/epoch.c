/* epoch.c - see epoch.h.
 *
 * Every choice has a stream of random numbers of its own, by seed, epoch and what it is for. Samples of similar length are
 * brought together within a window of the shuffled order, so that an epoch stays mixed; the groups are shuffled again at the
 * end, since windows begin with their longest. */
#include "train/epoch.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

enum { WINDOW_BATCHES = 50, WINDOW_PACKED = 1000 };

/* What a stream of random numbers is for. */
typedef enum { FOR_ITEMS, FOR_GROUPS, FOR_DRAWS, FOR_SOURCES } Purpose;

static Rng stream_of(const EpochRules *rules, uint64_t epoch, Purpose purpose, uint64_t part)
{
    return (Rng){ rng_at(rng_at(rng_at(rules->seed, epoch), purpose), part), 0 };
}

/* A number in [0, n) without bias. */
static size_t draw_below(Rng *r, size_t n)
{
    const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t v;
    do v = rng_next(r);
    while (v >= limit);
    return (size_t)(v % n);
}

static void shuffle(uint32_t *item, size_t n, Rng r)
{
    for (size_t i = n; i > 1; i--) {
        const size_t k = draw_below(&r, i);
        const uint32_t swapped = item[i - 1];
        item[i - 1] = item[k];
        item[k] = swapped;
    }
}

/* ---- which samples ---- */

/* The good records of a source, dealt like cards: in a new order each time through. */
typedef struct {
    uint32_t *item;
    size_t n, next;
    size_t share; /* of the epoch, in samples */
    double weight;
    Rng stream;
} Deck;

typedef struct {
    const EpochRules *rules;
    const Survey *survey;
    uint64_t epoch;
    Deck *deck; /* of each source */
    int n_decks;
    Epoch *p;
    size_t capacity, group_capacity;
} Planner;

static uint32_t deal(const Planner *w, Deck *k)
{
    if (k->next == 0 && !w->rules->in_order) shuffle(k->item, k->n, (Rng){ rng_next(&k->stream), 0 });
    const uint32_t item = k->item[k->next];
    k->next = (k->next + 1) % k->n;
    return item;
}

static void add_item(Planner *w, uint32_t item)
{
    Epoch *p = w->p;
    GROW(p->item, p->n_items, w->capacity);
    p->item[p->n_items++] = item;
    p->tokens += w->survey->record[item].tokens;
}

static void fill_deck(Planner *w, int index, const DataSource *s)
{
    Deck *k = &w->deck[index];
    k->item = xcalloc(s->records.n, sizeof *k->item);
    for (size_t i = s->first; i < s->first + s->records.n; i++)
        if (w->survey->record[i].tokens > 0) k->item[k->n++] = (uint32_t)i;
    k->share = (size_t)llround((double)k->n * s->repeats);
    k->stream = stream_of(w->rules, w->epoch, FOR_SOURCES, (uint64_t)index);
}

/* *drawn: sources are drawn from by weight. */
static bool set_weights(Planner *w, const Dataset *d, bool *drawn, Error *e)
{
    const DataSource *without = NULL;
    *drawn = false;
    for (int i = 0; i < w->n_decks; i++) {
        Deck *k = &w->deck[i];
        k->weight = k->share > 0 ? d->source[i].weight : 0;
        *drawn |= k->weight > 0;
        if (k->share > 0 && d->source[i].weight <= 0) without = &d->source[i];
    }
    if (*drawn && without)
        return fail(e, ERR_FORMAT, "\"%s\" has no \"weight\" above 0, and others have: give all or none",
                    without->name);
    if (*drawn || !w->rules->square_root) return true;
    *drawn = true;
    for (int i = 0; i < w->n_decks; i++) w->deck[i].weight = sqrt((double)w->deck[i].share);
    return true;
}

static Deck *draw_deck(const Planner *w, Rng *r)
{
    double total = 0;
    for (int i = 0; i < w->n_decks; i++) total += w->deck[i].weight;
    double at = rng_uniform(r) * total;
    Deck *last = NULL; /* rounding may leave a little behind the last one */
    for (int i = 0; i < w->n_decks; i++) {
        if (w->deck[i].weight <= 0) continue;
        last = &w->deck[i];
        if (at < last->weight) break;
        at -= last->weight;
    }
    return last;
}

static bool choose_items(Planner *w, const Dataset *d, Error *e)
{
    bool drawn;
    size_t total = 0;
    if (!set_weights(w, d, &drawn, e)) return false;
    for (int i = 0; i < w->n_decks; i++) total += w->deck[i].share;
    if (total == 0) return fail(e, ERR_FORMAT, "nothing to learn from: \"repeat_time\" leaves no record");
    if (total > UINT32_MAX) return fail(e, ERR_LIMIT, "an epoch of %zu samples, at most %u", total, UINT32_MAX);
    Rng r = stream_of(w->rules, w->epoch, FOR_DRAWS, 0);
    for (size_t i = 0; drawn && i < total; i++) add_item(w, deal(w, draw_deck(w, &r)));
    for (int k = 0; !drawn && k < w->n_decks; k++)
        for (size_t i = 0; i < w->deck[k].share; i++) add_item(w, deal(w, &w->deck[k]));
    if (!w->rules->in_order) shuffle(w->p->item, w->p->n_items, stream_of(w->rules, w->epoch, FOR_ITEMS, 0));
    return true;
}

/* ---- which together ---- */

typedef struct {
    uint32_t item;
    int32_t tokens;
    size_t at; /* before sorting: decides between equals */
} Measured;

static int longest_first(const void *a, const void *b)
{
    const Measured *x = a, *y = b;
    if (x->tokens != y->tokens) return x->tokens < y->tokens ? 1 : -1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void sort_by_length(const Survey *s, uint32_t *item, size_t n)
{
    Measured *m = xcalloc(n, sizeof *m);
    for (size_t i = 0; i < n; i++) m[i] = (Measured){ item[i], s->record[item[i]].tokens, i };
    qsort(m, n, sizeof *m, longest_first);
    for (size_t i = 0; i < n; i++) item[i] = m[i].item;
    free(m);
}

static void end_group(Planner *w, size_t end)
{
    Epoch *p = w->p;
    GROW(p->begin, p->n_groups + 1, w->group_capacity);
    p->begin[++p->n_groups] = end;
}

static void group_by_count(Planner *w)
{
    const size_t batch = (size_t)w->rules->batch, window = WINDOW_BATCHES * batch;
    Epoch *p = w->p;
    for (size_t i = 0; w->rules->group_by_length && i < p->n_items; i += window)
        sort_by_length(w->survey, p->item + i, p->n_items - i < window ? p->n_items - i : window);
    for (size_t i = 0; i < p->n_items; i += batch) end_group(w, p->n_items - i < batch ? p->n_items : i + batch);
}

/* First fit, the longest first: each sample goes into the first group that has room for it. */
static void pack_window(Planner *w, size_t first, size_t n)
{
    uint32_t *item = w->p->item + first;
    int *group_of = xcalloc(n, sizeof *group_of), *room = xcalloc(n, sizeof *room), n_groups = 0;
    uint32_t *packed = xcalloc(n, sizeof *packed);
    sort_by_length(w->survey, item, n);
    for (size_t i = 0; i < n; i++) {
        const int tokens = w->survey->record[item[i]].tokens;
        int g = 0;
        while (g < n_groups && room[g] < tokens) g++;
        if (g == n_groups) room[n_groups++] = w->rules->pack;
        assert(tokens <= room[g]);
        room[g] -= tokens;
        group_of[i] = g;
    }
    size_t at = 0;
    for (int g = 0; g < n_groups; g++) {
        for (size_t i = 0; i < n; i++)
            if (group_of[i] == g) packed[at++] = item[i];
        end_group(w, first + at);
    }
    memcpy(item, packed, n * sizeof *item);
    free(packed);
    free(room);
    free(group_of);
}

static void group_by_tokens(Planner *w)
{
    const size_t n = w->p->n_items;
    for (size_t i = 0; i < n; i += WINDOW_PACKED) pack_window(w, i, n - i < WINDOW_PACKED ? n - i : WINDOW_PACKED);
}

static void shuffle_groups(Planner *w)
{
    Epoch *p = w->p;
    uint32_t *order = xcalloc(p->n_groups, sizeof *order), *item = xcalloc(p->n_items, sizeof *item);
    size_t *begin = xcalloc(p->n_groups + 1, sizeof *begin);
    for (size_t g = 0; g < p->n_groups; g++) order[g] = (uint32_t)g;
    shuffle(order, p->n_groups, stream_of(w->rules, w->epoch, FOR_GROUPS, 0));
    for (size_t g = 0; g < p->n_groups; g++) {
        const size_t from = p->begin[order[g]], n = p->begin[order[g] + 1] - from;
        memcpy(item + begin[g], p->item + from, n * sizeof *item);
        begin[g + 1] = begin[g] + n;
    }
    free(order);
    free(p->item);
    free(p->begin);
    p->item = item;
    p->begin = begin;
}

bool epoch_plan(Epoch *p, const Dataset *d, const Survey *s, const EpochRules *rules, uint64_t epoch, Error *e)
{
    Planner w = { .rules = rules, .survey = s, .epoch = epoch, .n_decks = d->n_sources, .p = p };
    *p = (Epoch){ 0 };
    assert(rules->pack > 0 || rules->batch > 0);
    w.deck = xcalloc((size_t)w.n_decks, sizeof *w.deck);
    for (int i = 0; i < w.n_decks; i++) fill_deck(&w, i, &d->source[i]);
    const bool ok = choose_items(&w, d, e);
    for (int i = 0; i < w.n_decks; i++) free(w.deck[i].item);
    free(w.deck);
    if (!ok) {
        epoch_free(p);
        return false;
    }
    GROW(p->begin, 0, w.group_capacity);
    p->begin[0] = 0;
    if (rules->pack > 0)
        group_by_tokens(&w);
    else
        group_by_count(&w);
    if (!rules->in_order && (rules->group_by_length || rules->pack > 0)) shuffle_groups(&w);
    return true;
}

void epoch_free(Epoch *p)
{
    free(p->item);
    free(p->begin);
    *p = (Epoch){ 0 };
}
