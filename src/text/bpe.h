/* bpe.h - byte-pair encoding of one piece of text: from its bytes on, the neighbouring pair that comes first in the
 * list of merges is joined, the leftmost one if it occurs twice, until no pair is in the list. */
#ifndef VL2_TEXT_BPE_H
#define VL2_TEXT_BPE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"
#include "text/vocab.h"

typedef struct {
    uint64_t pair; /* left id << 32 | right id; UINT64_MAX: free */
    uint32_t rank; /* place in the list */
    int32_t joined;
} Merge;

typedef struct {
    Merge *merge; /* open addressing; n_slots is a power of 2 */
    uint32_t n_slots, n_used;
    int32_t byte[256];  /* the token of a single byte, -1: there is none and the byte is passed over */
    bool ignore_merges; /* a piece that is a token is that token, whatever the merges make of it */
    /* By id: whether the bytes of a token, as a piece, are merged to just this token. That is so for nearly all, and
     * then a piece takes one look-up. Found out when first asked; every thread finds the same, so they may share it. */
    _Atomic unsigned char *whole;
} Bpe;

/* One token of a piece on its way, chained to its neighbours by index. */
typedef struct {
    int32_t id, previous, next; /* -1: none */
    uint32_t rank;              /* of the merge with the next one, UINT32_MAX: there is none */
    int32_t joined;             /* what that merge makes */
} Symbol;

/* The room to work in; one for each thread. Zeroed at first. */
typedef struct {
    Symbol *symbol;
    uint64_t *heap; /* rank << 32 | index of the left symbol, the smallest on top */
    size_t n_heap, symbol_capacity, heap_capacity;
} BpeWork;

/* The vocabulary is complete: looks up the single bytes. */
void bpe_start(Bpe *b, const Vocab *v);
/* The next merge in the list. */
void bpe_add_merge(Bpe *b, int32_t left, int32_t right, int32_t joined, uint32_t rank);
void bpe_free(Bpe *b);

/* Appends the ids of a piece of less than 2^31 bytes. */
void bpe_encode(const Bpe *b, const Vocab *v, const char *piece, size_t n, BpeWork *w, Ids *out);
void bpe_work_free(BpeWork *w);

#endif
