/* vocab.h - the tokens of a tokenizer: id to bytes, and back.
 *
 * tokenizer.json spells the tokens of a byte-level vocabulary in an alphabet of 256 printable characters, one for
 * each byte (the one of GPT-2: "Ġ" is the space). Here a token is its bytes. A token with a character outside of that
 * alphabet, as `<｜end▁of▁sentence｜>`, has the bytes of its own UTF-8: `is_literal`. No text is ever cut into literal
 * ones. */
#ifndef VL2_TEXT_VOCAB_H
#define VL2_TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum { MAX_TOKENS = 1 << 22 }; /* ids are below it */

typedef struct {
    uint32_t begin, n; /* in Vocab.bytes */
    bool exists, is_literal;
} Token;

typedef struct {
    uint32_t hash; /* the upper half of the hash */
    int32_t id;    /* -1: free */
} VocabSlot;

typedef struct {
    Str bytes;
    Token *token; /* by id */
    int32_t n, capacity;
    VocabSlot *slot; /* open addressing over all that exist; n_slots is a power of 2 */
    uint32_t n_slots, n_used;
} Vocab;

void vocab_free(Vocab *v);

/* `spelling` is as in tokenizer.json, valid UTF-8; id is below MAX_TOKENS. False: the id is taken, or there is a
 * token of that spelling. */
bool vocab_add(Vocab *v, const char *spelling, size_t n, int32_t id, const char *where, Error *e);

/* -1: no such token. */
int32_t vocab_find(const Vocab *v, const char *spelling, size_t n);
int32_t vocab_find_bytes(const Vocab *v, const char *bytes, size_t n); /* that is not a literal one */

static inline const char *vocab_bytes(const Vocab *v, int32_t id)
{
    return v->bytes.text + v->token[id].begin;
}

#endif
