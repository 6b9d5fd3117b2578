/* kv_cache.c - see kv_cache.h. */
#include "nn/kv_cache.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/mem.h"

static size_t row_elements(const KvShape *s)
{
    return (size_t)s->n_kv_heads * ((size_t)s->d_k + (s->values_in_keys ? 0 : (size_t)s->d_v));
}

size_t kv_bytes_per_token(const KvShape *s)
{
    return (size_t)s->n_layers * row_elements(s) * dtype_bytes(s->dtype);
}

bool kv_open(KvCache *c, const KvShape *s, int n_sequences, int max_tokens, int n_pages, Error *e)
{
    size_t table;
    *c = (KvCache){ .shape = *s, .n_sequences = n_sequences, .n_pages = n_pages };
    c->page_bytes = KV_PAGE * row_elements(s) * dtype_bytes(s->dtype);
    c->pages_per_sequence = kv_pages(max_tokens);
    if (!mul_fits((size_t)c->pages_per_sequence, (size_t)n_sequences, &table) || table > INT32_MAX)
        return fail(e, ERR_LIMIT, "%d sequences of %d tokens are more than the cache can number", n_sequences,
                    max_tokens);
    if (!mul_fits((size_t)n_pages, c->page_bytes, &c->mapped) || !mul_fits(c->mapped, (size_t)s->n_layers, &c->mapped))
        return fail(e, ERR_LIMIT, "a cache of %d pages of %d tokens is too large", n_pages, KV_PAGE);
    void *p = mmap(NULL, c->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return fail(e, ERR_MEMORY, "cannot reserve %zu bytes for the KV cache: %s", c->mapped, strerror(errno));
    c->base = p;
    c->table = xcalloc(table, sizeof *c->table);
    c->n_held = xcalloc((size_t)n_sequences, sizeof *c->n_held);
    c->holders = xcalloc((size_t)n_pages, sizeof *c->holders);
    c->leaving = xcalloc((size_t)n_pages, sizeof *c->leaving);
    c->free_page = xcalloc((size_t)n_pages, sizeof *c->free_page);
    while (c->n_free < n_pages) {
        c->free_page[c->n_free] = n_pages - 1 - c->n_free;
        c->n_free++;
    }
    return true;
}

void kv_close(KvCache *c)
{
    if (c->base) munmap(c->base, c->mapped);
    free(c->table);
    free(c->n_held);
    free(c->holders);
    free(c->leaving);
    free(c->free_page);
    *c = (KvCache){ 0 };
}

/* ---- who holds which pages ---- */

static int32_t *page_at(const KvCache *c, int sequence, int block)
{
    return &c->table[sequence * c->pages_per_sequence + block];
}

static int32_t take_page(KvCache *c)
{
    assert(c->n_free > 0);
    const int32_t page = c->free_page[--c->n_free];
    c->holders[page] = 1;
    return page;
}

static void let_go(KvCache *c, int32_t page)
{
    if (--c->holders[page] == 0) c->free_page[c->n_free++] = page;
}

bool kv_reserve(KvCache *c, int sequence, int tokens)
{
    const int want = kv_pages(tokens);
    assert(want <= c->pages_per_sequence);
    if (want - c->n_held[sequence] > c->n_free) return false;
    while (c->n_held[sequence] < want) *page_at(c, sequence, c->n_held[sequence]++) = take_page(c);
    return true;
}

void kv_release(KvCache *c, int sequence, int keep_tokens)
{
    const int keep = kv_pages(keep_tokens);
    while (c->n_held[sequence] > keep) let_go(c, *page_at(c, sequence, --c->n_held[sequence]));
}

static void copy_page(KvCache *c, int32_t to, int32_t from)
{
    for (int i = 0; i < c->shape.n_layers; i++) {
        unsigned char *layer = c->base + (size_t)i * (size_t)c->n_pages * c->page_bytes;
        memcpy(layer + (size_t)to * c->page_bytes, layer + (size_t)from * c->page_bytes, c->page_bytes);
    }
}

void kv_share(KvCache *c, int to, int from, int tokens)
{
    const int whole = tokens / KV_PAGE;
    assert(to != from && kv_pages(tokens) <= c->n_held[from]);
    for (int i = 0; i < whole; i++) {
        const int32_t page = *page_at(c, from, i);
        c->holders[page]++; /* first: it may be the one that is let go of */
        if (i < c->n_held[to])
            let_go(c, *page_at(c, to, i));
        else
            c->n_held[to]++;
        *page_at(c, to, i) = page;
    }
    if (tokens % KV_PAGE == 0) return;
    if (c->n_held[to] == whole) *page_at(c, to, c->n_held[to]++) = take_page(c);
    assert(!kv_is_shared(c, to, whole));
    copy_page(c, *page_at(c, to, whole), *page_at(c, from, whole));
}

bool kv_is_shared(const KvCache *c, int sequence, int block)
{
    return c->holders[*page_at(c, sequence, block)] > 1;
}

void kv_unshare(KvCache *c, int sequence, int tokens)
{
    if (tokens % KV_PAGE == 0 || !kv_is_shared(c, sequence, tokens / KV_PAGE)) return;
    int32_t *page = page_at(c, sequence, tokens / KV_PAGE);
    const int32_t own = take_page(c);
    copy_page(c, own, *page);
    let_go(c, *page);
    *page = own;
}

int kv_would_free(KvCache *c, const int *keep)
{
    int n = 0;
    memset(c->leaving, 0, (size_t)c->n_pages * sizeof *c->leaving);
    for (int s = 0; s < c->n_sequences; s++)
        for (int i = keep[s]; i < c->n_held[s]; i++) {
            const int32_t page = *page_at(c, s, i);
            n += ++c->leaving[page] == c->holders[page];
        }
    return n;
}

/* ---- what is in them ---- */

static unsigned char *page_of(const KvCache *c, int layer, int sequence, int block)
{
    assert(block < c->n_held[sequence]);
    const int32_t page = *page_at(c, sequence, block);
    return c->base + ((size_t)layer * (size_t)c->n_pages + (size_t)page) * c->page_bytes;
}

KvBlock kv_block(const KvCache *c, int layer, int sequence, int block, int kv_head)
{
    const KvShape *s = &c->shape;
    const size_t element = dtype_bytes(s->dtype), k_row = (size_t)s->d_k * element, v_row = (size_t)s->d_v * element;
    const unsigned char *page = page_of(c, layer, sequence, block);
    const unsigned char *k = page + (size_t)kv_head * KV_PAGE * k_row;
    if (s->values_in_keys) return (KvBlock){ k, k, k_row, k_row };
    const unsigned char *v = page + (size_t)s->n_kv_heads * KV_PAGE * k_row + (size_t)kv_head * KV_PAGE * v_row;
    return (KvBlock){ k, v, k_row, v_row };
}

typedef struct {
    const Run *r;
    KvCache *c;
    int layer;
    const Batch *b;
    const Tensor *k, *v;
} Append;

static void append_rows(void *context, int begin, int end, int thread)
{
    const Append *a = context;
    const KvShape *s = &a->c->shape;
    (void)thread;
    for (int i = begin; i < end; i++) {
        const BatchRow *row = &a->b->row[i];
        const size_t slot = (size_t)(row->position % KV_PAGE);
        assert(!kv_is_shared(a->c, row->sequence, row->position / KV_PAGE));
        for (int h = 0; h < s->n_kv_heads; h++) {
            const KvBlock at = kv_block(a->c, a->layer, row->sequence, row->position / KV_PAGE, h);
            unsigned char *k = (unsigned char *)(uintptr_t)at.k + slot * at.k_stride;
            a->r->k->from_f32[s->dtype](k, tensor_row(a->k, i) + (size_t)h * (size_t)s->d_k, s->d_k);
            if (s->values_in_keys) continue;
            unsigned char *v = (unsigned char *)(uintptr_t)at.v + slot * at.v_stride;
            a->r->k->from_f32[s->dtype](v, tensor_row(a->v, i) + (size_t)h * (size_t)s->d_v, s->d_v);
        }
    }
}

void kv_append(Run *r, KvCache *c, int layer, const Batch *b, const Tensor *k, const Tensor *v)
{
    assert(k->rows == b->n && k->cols == c->shape.n_kv_heads * c->shape.d_k);
    assert(c->shape.values_in_keys ? v == NULL : v->cols == c->shape.n_kv_heads * c->shape.d_v);
    Append a = { r, c, layer, b, k, v };
    pool_ranges(r->pool, b->n, 8, append_rows, &a);
}
