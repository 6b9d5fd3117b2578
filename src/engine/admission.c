/* admission.c - which slot and which pages a request gets, and what of them is filled already.
 *
 * A request is admitted once all pages are its own that its prompt and its longest answer can come to need: what is admitted
 * can be finished. Those who wait are admitted in their order, so that a large one is not passed for ever.
 *
 * What others have filled is not computed again. A slot whose request has ended keeps its pages until somebody needs them; a
 * request whose prompt goes on where it ended gets the slot itself. Else, and from one that still runs, it shares the whole
 * pages of the common beginning and gets a copy of the one in which the prompts part. If another request is reading
 * what both begin with right now, it waits for that rather than read the same beside it. */
#include <assert.h>
#include <limits.h>
#include <string.h>

#include "engine/engine.h"

/* ---- what is there already ---- */

/* How far the first n positions of the slot and the prompt are the same. */
static int common_prefix(const Slot *s, int n, const Vl2Request *r)
{
    int i = 0;
    if (n > r->prompt.n - 1) n = r->prompt.n - 1; /* the last row has to be run for its logits */
    while (i < n && s->key[i] == r->key[i]) i++;
    return i;
}

/* The other slot that holds most of the prompt's beginning, of equals a free one; -1: none holds any. */
static int best_source(const Vl2Engine *e, const Vl2Request *r, int *reused)
{
    int best = -1;
    *reused = 0;
    if (e->model.positions.rope.dynamic) return -1; /* old keys have another base */
    for (int i = 0; i < e->n_slots; i++) {
        const Slot *s = &e->slot[i];
        const int n = i == r->slot ? 0 : common_prefix(s, s->n, r);
        if (n < *reused || n == 0 || (n == *reused && (s->owner || !e->slot[best].owner))) continue;
        best = i;
        *reused = n;
    }
    return best;
}

/* Whether somebody reads what will be at least a page more of the prompt's beginning than there is. */
static bool is_being_read(const Vl2Engine *e, const Vl2Request *r)
{
    int there;
    best_source(e, r, &there);
    if (there < r->n_cached) there = r->n_cached;
    if (e->model.positions.rope.dynamic) return false;
    for (int i = 0; i < e->n_slots; i++) {
        const Vl2Request *o = e->slot[i].owner;
        if (!o || o == r || (o->state != REQUEST_VISION && o->state != REQUEST_PREFILL)) continue;
        if (common_prefix(&e->slot[i], o->prompt.n, r) >= there + KV_PAGE) return true;
    }
    return false;
}

/* ---- room ---- */

/* Where a request would go, and whose beginning it would have: its own slot's, another one's, or (-1) nobody's. */
typedef struct {
    int slot, source, reused;
} Place;

/* The free slot that was used longest ago, leaving out one or two; -1: there is none. */
static int oldest_free(const Vl2Engine *e, int except, int except_too, bool with_pages)
{
    int found = -1;
    for (int i = 0; i < e->n_slots; i++) {
        const Slot *s = &e->slot[i];
        if (s->owner || i == except || i == except_too || (with_pages && e->cache.n_held[i] == 0)) continue;
        if (found < 0 || s->last_used < e->slot[found].last_used) found = i;
    }
    return found;
}

/* Free pages that it takes: what is shared or kept in place is there already. */
static int fresh_pages(const Vl2Engine *e, const Vl2Request *r, const Place *p)
{
    const int whole = p->reused / KV_PAGE, all = kv_pages(r->prompt.n + r->limit);
    const bool keeps_part = p->slot == p->source && p->reused % KV_PAGE && !kv_is_shared(&e->cache, p->slot, whole);
    return all - whole - keeps_part;
}

/* With what free slots would let go of, other than the source's. */
static bool has_pages(Vl2Engine *e, const Vl2Request *r, const Place *p)
{
    for (int i = 0; i < e->n_slots; i++)
        e->keep[i] = e->slot[i].owner ? INT_MAX : i != p->source ? 0 : i == p->slot ? kv_pages(p->reused) : INT_MAX;
    return fresh_pages(e, r, p) <= e->cache.n_free + kv_would_free(&e->cache, e->keep);
}

/* A conversation that goes on stays in its slot; one that only begins alike leaves the other as it is, if there is room for
 * both. In place and in whole pages alone anything fits that fits into the cache at all. */
static bool find_place(Vl2Engine *e, const Vl2Request *r, Place *out)
{
    Place possible[3];
    int n = 0, reused;
    const int source = best_source(e, r, &reused), oldest = oldest_free(e, -1, -1, false);
    if (oldest < 0) return false;
    const bool source_is_free = source >= 0 && !e->slot[source].owner;
    const int lost = source_is_free ? e->slot[source].n - reused : INT_MAX; /* in place */
    if (lost >= KV_PAGE || lost > reused) possible[n++] = (Place){ oldest, source, reused };
    if (source_is_free) {
        possible[n++] = (Place){ source, source, reused };
        possible[n++] = (Place){ source, source, reused / KV_PAGE * KV_PAGE };
    }
    for (int i = 0; i < n; i++)
        if (has_pages(e, r, &possible[i])) return *out = possible[i], true;
    return false;
}

bool engine_has_room(Vl2Engine *e, const Vl2Request *r)
{
    Place p;
    return find_place(e, r, &p);
}

/* ---- admission ---- */

static void empty_slot(Vl2Engine *e, int slot)
{
    assert(slot >= 0);
    kv_release(&e->cache, slot, 0);
    e->slot[slot].n = 0;
    e->slot[slot].last_used = 0;
}

/* What the oldest conversations left goes first. */
static void take_pages(Vl2Engine *e, const Vl2Request *r, const Place *p)
{
    KvCache *c = &e->cache;
    const bool stays = p->slot == p->source;
    kv_release(c, p->slot, stays ? p->reused : 0);
    while (fresh_pages(e, r, p) > c->n_free) empty_slot(e, oldest_free(e, p->slot, p->source, true));
    if (stays)
        kv_unshare(c, p->slot, p->reused);
    else if (p->source >= 0)
        kv_share(c, p->slot, p->source, p->reused);
    const bool reserved = kv_reserve(c, p->slot, r->prompt.n + r->limit);
    assert(reserved);
    (void)reserved;
}

/* Tiles of pictures that stand wholly in the reused part are not needed. */
static int tiles_in_prefix(const Vl2Request *r)
{
    int tiles = 0;
    for (int i = 0; i < r->prompt.n_images; i++) {
        const PromptImage *image = &r->prompt.image[i];
        if (image->first + image->n_tokens > r->n_reused) break;
        tiles += image->tiles.n;
    }
    return tiles;
}

static void begin_after(Vl2Engine *e, Vl2Request *r, int reused)
{
    e->slot[r->slot].n = r->n_cached = r->n_reused = reused;
    r->tiles_done = tiles_in_prefix(r);
    r->vision_news = r->tiles_done > 0;
    r->state = is_being_read(e, r) ? REQUEST_FOLLOWING : r->tiles_done < r->n_tiles ? REQUEST_VISION : REQUEST_PREFILL;
}

static bool admit(Vl2Engine *e, Vl2Request *r)
{
    Place p;
    if (!find_place(e, r, &p)) return false;
    take_pages(e, r, &p);
    Slot *s = &e->slot[p.slot];
    memcpy(s->key, r->key, (size_t)r->prompt.n * sizeof *s->key);
    s->owner = r;
    r->slot = p.slot;
    begin_after(e, r, p.reused);
    return true;
}

/* The other one has read far enough, or has gone: what there is now is shared, the rest is this one's to read. */
static void stop_following(Vl2Engine *e, Vl2Request *r)
{
    int reused;
    const int source = best_source(e, r, &reused);
    const bool gains = reused > r->n_reused;
    if (gains) kv_share(&e->cache, r->slot, source, reused);
    begin_after(e, r, gains ? reused : r->n_reused);
}

void engine_admit(Vl2Engine *e)
{
    for (Vl2Request *r = e->first; r; r = r->next)
        if (r->state == REQUEST_FOLLOWING && !is_being_read(e, r)) stop_following(e, r);
    for (Vl2Request *r = e->first; r; r = r->next)
        if (r->state == REQUEST_WAITING && !admit(e, r)) return;
}
