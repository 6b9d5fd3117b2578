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

bool kv_open(KvCache *c, const KvShape *s, int n_sequences, int max_tokens, Error *e)
{
    *c = (KvCache){ .shape = *s, .n_sequences = n_sequences };
    c->page_bytes = KV_PAGE * row_elements(s) * dtype_bytes(s->dtype);
    c->pages_per_sequence = max_tokens / KV_PAGE + (max_tokens % KV_PAGE != 0);
    if (!mul_fits((size_t)c->pages_per_sequence, (size_t)n_sequences, &c->mapped) || c->mapped > INT32_MAX)
        return fail(e, ERR_LIMIT, "%d sequences of %d tokens are more than the cache can number", n_sequences,
                    max_tokens);
    c->n_pages = (int)c->mapped;
    if (!mul_fits(c->mapped, c->page_bytes, &c->mapped) || !mul_fits(c->mapped, (size_t)s->n_layers, &c->mapped))
        return fail(e, ERR_LIMIT, "a cache of %d sequences of %d tokens is too large", n_sequences, max_tokens);
    void *p = mmap(NULL, c->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return fail(e, ERR_MEMORY, "cannot reserve %zu bytes for the KV cache: %s", c->mapped, strerror(errno));
    c->base = p;
    c->table = xcalloc((size_t)c->n_pages, sizeof *c->table);
    c->n_held = xcalloc((size_t)n_sequences, sizeof *c->n_held);
    c->free_page = xcalloc((size_t)c->n_pages, sizeof *c->free_page);
    while (c->n_free < c->n_pages) {
        c->free_page[c->n_free] = c->n_pages - 1 - c->n_free;
        c->n_free++;
    }
    return true;
}

void kv_close(KvCache *c)
{
    if (c->base) munmap(c->base, c->mapped);
    free(c->table);
    free(c->n_held);
    free(c->free_page);
    *c = (KvCache){ 0 };
}

bool kv_reserve(KvCache *c, int sequence, int tokens)
{
    const int want = tokens / KV_PAGE + (tokens % KV_PAGE != 0);
    assert(want <= c->pages_per_sequence);
    if (want - c->n_held[sequence] > c->n_free) return false;
    while (c->n_held[sequence] < want)
        c->table[sequence * c->pages_per_sequence + c->n_held[sequence]++] = c->free_page[--c->n_free];
    return true;
}

void kv_release(KvCache *c, int sequence, int keep_tokens)
{
    const int keep = keep_tokens / KV_PAGE + (keep_tokens % KV_PAGE != 0);
    while (c->n_held[sequence] > keep)
        c->free_page[c->n_free++] = c->table[sequence * c->pages_per_sequence + --c->n_held[sequence]];
}

static unsigned char *page_of(const KvCache *c, int layer, int sequence, int block)
{
    assert(block < c->n_held[sequence]);
    const int32_t page = c->table[sequence * c->pages_per_sequence + block];
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
