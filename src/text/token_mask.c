/* token_mask.c - see token_mask.h. */
#include "text/token_mask.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { LONGEST = 128, KEPT = 64 }; /* bytes of a token that can be allowed; states whose answer is kept */

typedef struct {
    const unsigned char *bytes;
    int n, id;
    int shared; /* bytes at the beginning that the token before has, too */
} Entry;

struct TokenOrder {
    Entry *entry;
    int n;
    int32_t n_ids;
    unsigned char tag[4]; /* what stands for the tags */
};

static int by_bytes(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    const int c = memcmp(x->bytes, y->bytes, (size_t)(x->n < y->n ? x->n : y->n));
    return c ? c : x->n != y->n ? (x->n > y->n) - (x->n < y->n) : (x->id > y->id) - (x->id < y->id);
}

/* The byte that stands for a tag of grounding; 0: it is none. */
static unsigned char tag_of(const SpecialIds *s, int32_t id)
{
    return id == s->ref       ? BYTE_REF
           : id == s->ref_end ? BYTE_REF_END
           : id == s->det     ? BYTE_DET
           : id == s->det_end ? BYTE_DET_END
                              : 0;
}

static void add_entry(TokenOrder *o, const Tokenizer *t, int32_t id)
{
    size_t n;
    const unsigned char tag = tag_of(tokenizer_special(t), id);
    const char *bytes = tokenizer_bytes(t, id, &n);
    if (tag) {
        o->tag[tag - BYTE_REF] = tag;
        o->entry[o->n++] = (Entry){ &o->tag[tag - BYTE_REF], 1, id, 0 };
    } else if (n > 0 && n <= LONGEST && !tokenizer_is_special(t, id))
        o->entry[o->n++] = (Entry){ (const unsigned char *)bytes, (int)n, id, 0 };
}

TokenOrder *token_order_open(const Tokenizer *t)
{
    TokenOrder *o = xcalloc(1, sizeof *o);
    o->n_ids = tokenizer_count(t);
    o->entry = xcalloc((size_t)o->n_ids, sizeof *o->entry);
    for (int32_t id = 0; id < o->n_ids; id++) add_entry(o, t, id);
    qsort(o->entry, (size_t)o->n, sizeof *o->entry, by_bytes);
    for (int i = 1; i < o->n; i++) {
        Entry *e = &o->entry[i];
        const Entry *before = e - 1;
        while (e->shared < e->n && e->shared < before->n && e->bytes[e->shared] == before->bytes[e->shared])
            e->shared++;
    }
    return o;
}

void token_order_close(TokenOrder *o)
{
    if (!o) return;
    free(o->entry);
    free(o);
}

typedef struct {
    GrammarState state;
    uint64_t *allowed; /* NULL: an empty place */
    uint64_t last_used;
} Kept;

struct TokenMask {
    Grammar grammar;
    const TokenOrder *order;
    GrammarState *state; /* [LONGEST + 1]: after so many bytes of the token at hand; the first is where the answer is */
    Kept *kept;          /* [KEPT] */
    const Entry **of_token; /* [n_ids]: NULL: has no text */
    uint64_t uses;
};

TokenMask *token_mask_open(Grammar *g, int start, const TokenOrder *o)
{
    TokenMask *m = xcalloc(1, sizeof *m);
    m->grammar = *g;
    *g = (Grammar){ 0 };
    m->order = o;
    m->state = xcalloc(LONGEST + 1, sizeof *m->state);
    m->kept = xcalloc(KEPT, sizeof *m->kept);
    m->of_token = xcalloc((size_t)o->n_ids, sizeof *m->of_token);
    for (int i = 0; i < o->n; i++) m->of_token[o->entry[i].id] = &o->entry[i];
    grammar_start(&m->grammar, start, &m->state[0]);
    return m;
}

void token_mask_close(TokenMask *m)
{
    if (!m) return;
    for (int i = 0; i < KEPT; i++) free(m->kept[i].allowed);
    grammar_free(&m->grammar);
    free(m->state);
    free(m->kept);
    free(m->of_token);
    free(m);
}

/* How many of the token's bytes the grammar takes, of which `known` are behind us. */
static int walk(TokenMask *m, const Entry *e, int known)
{
    int n = known;
    while (n < e->n && grammar_take(&m->grammar, &m->state[n], e->bytes[n], &m->state[n + 1])) n++;
    return n;
}

static void find_allowed(TokenMask *m, uint64_t *allowed)
{
    int taken = 0; /* bytes of the token before that the grammar took */
    memset(allowed, 0, ((size_t)m->order->n_ids + 63) / 64 * sizeof *allowed);
    for (int i = 0; i < m->order->n; i++) {
        const Entry *e = &m->order->entry[i];
        if (e->shared > taken) continue; /* begins with what was refused */
        taken = walk(m, e, e->shared < taken ? e->shared : taken);
        if (taken == e->n) allowed[e->id >> 6] |= (uint64_t)1 << (e->id & 63);
    }
}

const uint64_t *token_mask_allowed(TokenMask *m, bool *may_end)
{
    Kept *oldest = &m->kept[0];
    *may_end = grammar_may_end(&m->state[0]);
    for (int i = 0; i < KEPT; i++) {
        Kept *k = &m->kept[i];
        if (k->last_used < oldest->last_used) oldest = k;
        if (!k->allowed || !grammar_same(&k->state, &m->state[0])) continue;
        k->last_used = ++m->uses;
        return k->allowed;
    }
    if (!oldest->allowed) oldest->allowed = xcalloc(((size_t)m->order->n_ids + 63) / 64, sizeof *oldest->allowed);
    find_allowed(m, oldest->allowed);
    grammar_copy(&oldest->state, &m->state[0]);
    oldest->last_used = ++m->uses;
    return oldest->allowed;
}

void token_mask_take(TokenMask *m, int32_t id)
{
    const Entry *e = id >= 0 && id < m->order->n_ids ? m->of_token[id] : NULL;
    if (e && walk(m, e, 0) == e->n) grammar_copy(&m->state[0], &m->state[e->n]);
}

int32_t token_mask_ids(const TokenMask *m)
{
    return m->order->n_ids;
}
