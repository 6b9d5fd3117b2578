/* bpe.c - see bpe.h. A heap holds the merges that are possible; a piece of n bytes takes n log n steps, however long.
 * An entry whose left symbol was joined, or got another neighbour, is stale: its rank is not the symbol's any more. */
#include "text/bpe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const uint32_t no_rank = UINT32_MAX;
static const uint64_t no_pair = UINT64_MAX;

static uint64_t pair_of(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

/* The slot where the pair is, or the free one where it belongs. */
static Merge *merge_slot(const Bpe *b, uint64_t pair)
{
    const uint64_t h = pair * 0x9e3779b97f4a7c15u;
    for (uint32_t i = (uint32_t)(h >> 32) & (b->n_slots - 1);; i = (i + 1) & (b->n_slots - 1))
        if (b->merge[i].pair == pair || b->merge[i].pair == no_pair) return &b->merge[i];
}

static void allocate_slots(Bpe *b, uint32_t n)
{
    b->merge = xmalloc(n * sizeof *b->merge);
    b->n_slots = n;
    for (uint32_t i = 0; i < n; i++) b->merge[i].pair = no_pair;
}

/* At most half of the slots are used. */
static void grow_merges(Bpe *b)
{
    if (2 * (b->n_used + 1) <= b->n_slots) return;
    Merge *old = b->merge;
    const uint32_t n = b->n_slots;
    allocate_slots(b, 2 * n);
    for (uint32_t i = 0; i < n; i++)
        if (old[i].pair != no_pair) *merge_slot(b, old[i].pair) = old[i];
    free(old);
}

void bpe_start(Bpe *b, const Vocab *v)
{
    allocate_slots(b, 1024);
    b->whole = xcalloc((size_t)v->n, sizeof *b->whole);
    for (int i = 0; i < 256; i++) {
        const char c = (char)i;
        b->byte[i] = vocab_find_bytes(v, &c, 1);
    }
}

void bpe_add_merge(Bpe *b, int32_t left, int32_t right, int32_t joined, uint32_t rank)
{
    grow_merges(b);
    Merge *m = merge_slot(b, pair_of(left, right));
    if (m->pair == no_pair) b->n_used++;
    *m = (Merge){ pair_of(left, right), rank, joined }; /* of a pair listed twice the library keeps the second, too */
}

void bpe_free(Bpe *b)
{
    free(b->merge);
    free((void *)b->whole);
    *b = (Bpe){ 0 };
}

/* --- Encoding ---------------------------------------------------------------------------------------------------- */

static void heap_push(BpeWork *w, uint64_t key)
{
    size_t i = w->n_heap++;
    for (size_t up; i > 0 && w->heap[up = (i - 1) / 2] > key; i = up) w->heap[i] = w->heap[up];
    w->heap[i] = key;
}

static uint64_t heap_pop(BpeWork *w)
{
    const uint64_t top = w->heap[0], last = w->heap[--w->n_heap];
    const size_t n = w->n_heap;
    size_t i = 0, child;
    while ((child = 2 * i + 1) < n) {
        if (child + 1 < n && w->heap[child + 1] < w->heap[child]) child++;
        if (w->heap[child] >= last) break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

/* Looks up what symbol i and its neighbour make, and enters it. */
static void consider(const Bpe *b, BpeWork *w, int32_t i)
{
    Symbol *s = &w->symbol[i];
    s->rank = no_rank;
    if (s->next < 0) return;
    const Merge *m = merge_slot(b, pair_of(s->id, w->symbol[s->next].id));
    if (m->pair == no_pair) return;
    s->rank = m->rank;
    s->joined = m->joined;
    heap_push(w, (uint64_t)m->rank << 32 | (uint32_t)i);
}

/* A symbol enters the heap once for itself and at most twice for each merge, of which there are fewer than n. */
static void reserve_work(BpeWork *w, size_t n)
{
    if (n > w->symbol_capacity) {
        w->symbol = xrealloc(w->symbol, n, sizeof *w->symbol);
        w->symbol_capacity = n;
    }
    if (3 * n > w->heap_capacity) {
        w->heap = xrealloc(w->heap, 3 * n, sizeof *w->heap);
        w->heap_capacity = 3 * n;
    }
}

static int32_t start_symbols(const Bpe *b, const char *piece, size_t n, BpeWork *w)
{
    int32_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const int32_t id = b->byte[(unsigned char)piece[i]];
        if (id < 0) continue;
        w->symbol[count] = (Symbol){ id, count - 1, count + 1, no_rank, -1 };
        count++;
    }
    if (count > 0) w->symbol[count - 1].next = -1;
    return count;
}

static void join_with_next(const Bpe *b, BpeWork *w, int32_t i)
{
    Symbol *s = &w->symbol[i], *gone = &w->symbol[s->next];
    s->id = s->joined;
    s->next = gone->next;
    gone->rank = no_rank;
    if (s->next >= 0) w->symbol[s->next].previous = i;
    consider(b, w, i);
    if (s->previous >= 0) consider(b, w, s->previous);
}

static void encode_by_merges(const Bpe *b, const char *piece, size_t n, BpeWork *w, Ids *out)
{
    reserve_work(w, n);
    w->n_heap = 0;
    const int32_t count = start_symbols(b, piece, n, w);
    for (int32_t i = 0; i + 1 < count; i++) consider(b, w, i);
    while (w->n_heap > 0) {
        const uint64_t top = heap_pop(w);
        const int32_t i = (int32_t)(uint32_t)top;
        if (w->symbol[i].rank == (uint32_t)(top >> 32)) join_with_next(b, w, i);
    }
    if (count == 0) return;
    for (int32_t i = 0; i >= 0; i = w->symbol[i].next) ids_add(out, w->symbol[i].id); /* the first one always stays */
}

enum { WHOLE_UNKNOWN, WHOLE_YES, WHOLE_NO };

/* The piece is the token `id`; its ids by merges have been appended from `begin` on. */
static void learn_whole(const Bpe *b, int32_t id, const Ids *out, size_t begin)
{
    const bool is_whole = out->n == begin + 1 && out->id[begin] == id;
    atomic_store_explicit(&b->whole[id], is_whole ? WHOLE_YES : WHOLE_NO, memory_order_relaxed);
}

void bpe_encode(const Bpe *b, const Vocab *v, const char *piece, size_t n, BpeWork *w, Ids *out)
{
    assert(n < INT32_MAX);
    const int32_t id = vocab_find_bytes(v, piece, n);
    if (id < 0) {
        encode_by_merges(b, piece, n, w, out);
        return;
    }
    const unsigned char whole = atomic_load_explicit(&b->whole[id], memory_order_relaxed);
    if (whole == WHOLE_YES || b->ignore_merges) {
        ids_add(out, id);
        return;
    }
    const size_t begin = out->n;
    encode_by_merges(b, piece, n, w, out);
    if (whole == WHOLE_UNKNOWN) learn_whole(b, id, out, begin);
}

void bpe_work_free(BpeWork *w)
{
    free(w->symbol);
    free(w->heap);
    *w = (BpeWork){ 0 };
}
