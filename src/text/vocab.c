/* vocab.c - see vocab.h.
 *
 * The alphabet: the printable bytes 21-7E, A1-AC and AE-FF are the characters of the same number, the 68 others are
 * U+0100 and up, in ascending order. */
#include "text/vocab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/shown.h"

static bool is_printable(uint32_t b)
{
    return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
}

/* The byte that a character of the alphabet stands for; -1: it is none. */
static int byte_of(uint32_t cp)
{
    if (cp < 0x100) return is_printable(cp) ? (int)cp : -1;
    const uint32_t i = cp - 0x100; /* the i-th of 00-20, 7F-A0, AD */
    if (i < 0x21) return (int)i;
    if (i < 0x21 + 0x22) return (int)(0x7f + i - 0x21);
    return i == 0x43 ? 0xad : -1;
}

/* Writes the bytes that a spelling stands for, at most n; how many, or -1 if it is literal. */
static ptrdiff_t unspell(const char *spelling, size_t n, char *out)
{
    ptrdiff_t count = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp = (unsigned char)spelling[i];
        i += cp < 0x80 ? 1 : (size_t)utf8_decode(spelling + i, n - i, &cp);
        const int b = byte_of(cp);
        if (b < 0) return -1;
        out[count++] = (char)b;
    }
    return count;
}

/* Multiplies and folds, 8 bytes at a time. */
static uint64_t hash_bytes(const char *s, size_t n, bool is_literal)
{
    uint64_t h = 0xcbf29ce484222325u ^ n ^ (uint64_t)is_literal << 32, w;
    for (; n >= 8; s += 8, n -= 8) {
        memcpy(&w, s, 8);
        h = (h ^ w) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    w = 0;
    for (size_t i = 0; i < n; i++) w |= (uint64_t)(unsigned char)s[i] << (8 * i);
    h = (h ^ w) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* The slot where the token is, or the free one where it belongs. */
static VocabSlot *slot_for(const Vocab *v, const char *s, size_t n, bool is_literal, uint64_t h)
{
    const uint32_t upper = (uint32_t)(h >> 32);
    for (uint32_t i = (uint32_t)h & (v->n_slots - 1);; i = (i + 1) & (v->n_slots - 1)) {
        VocabSlot *slot = &v->slot[i];
        if (slot->id < 0) return slot;
        if (slot->hash != upper) continue;
        const Token *t = &v->token[slot->id];
        if (t->n == n && t->is_literal == is_literal && memcmp(v->bytes.text + t->begin, s, n) == 0) return slot;
    }
}

static int32_t find(const Vocab *v, const char *s, size_t n, bool is_literal)
{
    return v->n_slots ? slot_for(v, s, n, is_literal, hash_bytes(s, n, is_literal))->id : -1;
}

int32_t vocab_find_bytes(const Vocab *v, const char *bytes, size_t n)
{
    return find(v, bytes, n, false);
}

int32_t vocab_find(const Vocab *v, const char *spelling, size_t n)
{
    char small[256], *bytes = n <= sizeof small ? small : xmalloc(n);
    const ptrdiff_t count = unspell(spelling, n, bytes);
    const int32_t id = count >= 0 ? find(v, bytes, (size_t)count, false) : find(v, spelling, n, true);
    if (bytes != small) free(bytes);
    return id;
}

static void enter(Vocab *v, int32_t id)
{
    const Token *t = &v->token[id];
    const uint64_t h = hash_bytes(v->bytes.text + t->begin, t->n, t->is_literal);
    *slot_for(v, v->bytes.text + t->begin, t->n, t->is_literal, h) = (VocabSlot){ (uint32_t)(h >> 32), id };
    v->n_used++;
}

/* At most half of the slots are used. */
static void grow_slots(Vocab *v)
{
    if (2 * (v->n_used + 1) <= v->n_slots) return;
    free(v->slot);
    v->n_slots = v->n_slots ? 2 * v->n_slots : 1024;
    v->slot = xmalloc(v->n_slots * sizeof *v->slot);
    for (uint32_t i = 0; i < v->n_slots; i++) v->slot[i] = (VocabSlot){ 0, -1 };
    v->n_used = 0;
    for (int32_t id = 0; id < v->n; id++)
        if (v->token[id].exists) enter(v, id);
}

static void make_room(Vocab *v, int32_t id)
{
    if (id >= v->capacity) {
        int32_t capacity = v->capacity ? v->capacity : 1024;
        while (capacity <= id) capacity *= 2; /* ids are below MAX_TOKENS */
        v->token = xrealloc(v->token, (size_t)capacity, sizeof *v->token);
        memset(v->token + v->capacity, 0, (size_t)(capacity - v->capacity) * sizeof *v->token);
        v->capacity = capacity;
    }
    if (id >= v->n) v->n = id + 1;
}

bool vocab_add(Vocab *v, const char *spelling, size_t n, int32_t id, const char *where, Error *e)
{
    char buf[SHOWN_BYTES];
    assert(id >= 0 && id < MAX_TOKENS);
    if (v->bytes.n + n > UINT32_MAX / 2) return fail(e, ERR_LIMIT, "%s: more than 2 GB of tokens", where);
    make_room(v, id);
    if (v->token[id].exists)
        return fail(e, ERR_FORMAT, "%s: the id %d belongs to two tokens, the second is \"%s\"", where, id,
                    shown(spelling, n, buf));
    const uint32_t begin = (uint32_t)v->bytes.n;
    str_add(&v->bytes, spelling, n); /* the bytes go over the spelling, they are never more */
    const ptrdiff_t count = unspell(spelling, n, v->bytes.text + begin);
    const bool is_literal = count < 0;
    if (is_literal) memcpy(v->bytes.text + begin, spelling, n);
    const uint32_t length = is_literal ? (uint32_t)n : (uint32_t)count;
    v->bytes.n = begin + length;
    grow_slots(v);
    const int32_t other = find(v, v->bytes.text + begin, length, is_literal);
    if (other >= 0)
        return fail(e, ERR_FORMAT, "%s: the token \"%s\" has two ids, %d and %d", where, shown(spelling, n, buf), other,
                    id);
    v->token[id] = (Token){ .begin = begin, .n = length, .exists = true, .is_literal = is_literal };
    enter(v, id);
    return true;
}

void vocab_free(Vocab *v)
{
    str_free(&v->bytes);
    free(v->token);
    free(v->slot);
    *v = (Vocab){ 0 };
}
