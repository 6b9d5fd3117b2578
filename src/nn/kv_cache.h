/* kv_cache.h - keys and values of all sequences, in pages of 64 positions.
 *
 * A page holds 64 consecutive positions of one sequence in one layer: for every kv head its keys [64][d_k], then for
 * every kv head its values [64][d_v]. Multi-head latent attention keeps one "head" whose key is [latent | k_pe] and
 * whose value is the latent part of the same row (values_in_keys), so nothing is stored twice. Pages start at absolute
 * positions that are multiples of 64, so that attention walks keys in the same blocks whatever the prefill chunk was.
 *
 * A sequence's pages are reserved when it is admitted; appending cannot fail. Sequences that begin alike hold the same pages:
 * one that several hold is not written any more. */
#ifndef VL2_NN_KV_CACHE_H
#define VL2_NN_KV_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/dtype.h"
#include "nn/batch.h"
#include "nn/run.h"

enum { KV_PAGE = 64 };

typedef struct {
    int n_layers, n_kv_heads, d_k, d_v;
    bool values_in_keys; /* the value is the first d_v elements of the key */
    DType dtype;
} KvShape;

typedef struct {
    KvShape shape;
    size_t page_bytes;        /* of one page in one layer */
    int n_pages, n_sequences; /* of the pool */
    int pages_per_sequence;   /* at most */
    unsigned char *base;      /* [layer][page][page_bytes]; committed by the kernel as it is used */
    size_t mapped;            /* bytes */
    int32_t *table;           /* [sequence][pages_per_sequence]: page numbers */
    int *n_held;              /* [sequence]: pages that it holds */
    int32_t *holders;         /* [page]: sequences that hold it */
    int32_t *leaving;         /* [page], of kv_would_free() */
    int32_t *free_page;       /* stack of free pages */
    int n_free;
} KvCache;

static inline int kv_pages(int tokens)
{
    return tokens / KV_PAGE + (tokens % KV_PAGE != 0);
}

size_t kv_bytes_per_token(const KvShape *s); /* all layers */

/* max_tokens: of one sequence; n_pages: of all. */
bool kv_open(KvCache *c, const KvShape *s, int n_sequences, int max_tokens, int n_pages, Error *e);
void kv_close(KvCache *c);

/* Makes the sequence hold pages for `tokens` positions. False if the pool has not enough free ones. */
bool kv_reserve(KvCache *c, int sequence, int tokens);
void kv_release(KvCache *c, int sequence, int keep_tokens); /* lets go of the pages after the first keep_tokens */

/* Gives `to` the first `tokens` positions of `from`: the whole pages are shared, of the last, partial one it has a copy. That
 * takes a free page if `to` does not hold one there. */
void kv_share(KvCache *c, int to, int from, int tokens);
/* Positions from `tokens` on are about to be written: a page that holds earlier ones, too, and that others hold, is copied
 * into a free one. */
void kv_unshare(KvCache *c, int sequence, int tokens);
bool kv_is_shared(const KvCache *c, int sequence, int block);
/* Pages that become free if every sequence lets go of those after its first keep[sequence]. */
int kv_would_free(KvCache *c, const int *keep);

/* Block `block` (positions 64 * block ...) of one kv head: its keys and its values, and the bytes between rows. */
typedef struct {
    const unsigned char *k, *v;
    size_t k_stride, v_stride;
} KvBlock;
KvBlock kv_block(const KvCache *c, int layer, int sequence, int block, int kv_head);

/* Stores the batch's keys [rows, n_kv_heads * d_k] and values [rows, n_kv_heads * d_v] (NULL when values are in keys). */
void kv_append(Run *r, KvCache *c, int layer, const Batch *b, const Tensor *k, const Tensor *v);

#endif
