/* added.c - see added.h. */
#include "text/added.h"

#include <oniguruma.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "text/unicode_class.h"

/* What acts in a text that a user wrote. */
static const char *const grounding_tokens[] = { "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>" };

/* --- Tries ------------------------------------------------------------------------------------------------------- */

static int32_t add_node(Trie *t, unsigned char byte, int32_t sibling)
{
    GROW(t->node, t->n, t->capacity);
    t->node[t->n] = (TrieNode){ byte, 0, sibling, -1 };
    return t->n++;
}

static void trie_start(Trie *t)
{
    if (t->n == 0) add_node(t, 0, 0);
}

static int32_t child_of(const Trie *t, int32_t node, unsigned char byte)
{
    int32_t c = t->node[node].child;
    while (c && t->node[c].byte != byte) c = t->node[c].sibling;
    return c;
}

static void trie_add(Trie *t, const AddedToken *token, int32_t index)
{
    int32_t at = 0;
    for (size_t i = 0; i < token->n; i++) {
        const unsigned char byte = (unsigned char)token->content[i];
        int32_t c = child_of(t, at, byte);
        if (!c) {
            c = add_node(t, byte, t->node[at].child);
            t->node[at].child = c;
        }
        at = c;
    }
    t->node[at].token = index;
    t->begins[(unsigned char)token->content[0]] = true;
}

void added_add(Added *a, AddedToken token)
{
    trie_start(&a->names);
    GROW(a->token, a->n, a->capacity);
    a->token[a->n] = token;
    trie_add(&a->names, &token, a->n++);
}

const AddedToken *added_find(const Added *a, const char *content, size_t n)
{
    int32_t at = 0;
    if (n == 0 || a->n == 0) return NULL;
    for (size_t i = 0; i < n && (at = child_of(&a->names, at, (unsigned char)content[i])) != 0; i++) {
        if (i + 1 == n && a->names.node[at].token >= 0) return &a->token[a->names.node[at].token];
    }
    return NULL;
}

static bool is_grounding(const AddedToken *token)
{
    for (size_t i = 0; i < sizeof grounding_tokens / sizeof *grounding_tokens; i++)
        if (strcmp(token->content, grounding_tokens[i]) == 0) return true;
    return false;
}

void added_ready(Added *a)
{
    for (int set = 0; set < N_ADDED_SETS; set++)
        for (int pass = 0; pass < N_ADDED_PASSES; pass++) trie_start(&a->trie[set][pass]);
    for (int32_t i = 0; i < a->n; i++) {
        const AddedToken *token = &a->token[i];
        trie_add(&a->trie[ADDED_ALL][token->normalized], token, i);
        if (is_grounding(token)) trie_add(&a->trie[ADDED_GROUNDING][token->normalized], token, i);
    }
}

void added_free(Added *a)
{
    for (int32_t i = 0; i < a->n; i++) free(a->token[i].content);
    free(a->token);
    free(a->names.node);
    for (int set = 0; set < N_ADDED_SETS; set++)
        for (int pass = 0; pass < N_ADDED_PASSES; pass++) free(a->trie[set][pass].node);
    *a = (Added){ 0 };
}

/* The longest token that text[0, n) begins with; -1: none. */
static int32_t longest(const Trie *t, const char *text, size_t n)
{
    int32_t found = -1, at = 0;
    for (size_t i = 0; i < n && (at = child_of(t, at, (unsigned char)text[i])) != 0; i++)
        if (t->node[at].token >= 0) found = t->node[at].token;
    return found;
}

/* --- Around a match ---------------------------------------------------------------------------------------------- */

static size_t character_start(const char *text, size_t end)
{
    do end--;
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80);
    return end;
}

/* \w: letters, marks, decimal digits, connecting punctuation, and what else is alphabetic. Oniguruma knows the whole
 * list, our tables what Unicode 16.0 has added to it. */
static bool is_word(uint32_t cp)
{
    return ONIGENC_IS_CODE_WORD(ONIG_ENCODING_UTF8, cp) || unicode_in_class(CLASS_LETTER, cp) ||
           unicode_in_class(CLASS_MARK, cp) || cp == 0x200c || cp == 0x200d;
}

static bool touches_word(const char *text, size_t n, size_t begin, size_t end)
{
    uint32_t cp;
    if (begin > 0) {
        const size_t before = character_start(text, begin);
        utf8_decode(text + before, begin - before, &cp);
        if (is_word(cp)) return true;
    }
    if (end == n) return false;
    utf8_decode(text + end, n - end, &cp);
    return is_word(cp);
}

static size_t skip_white_left(const char *text, size_t begin, size_t limit)
{
    while (begin > limit) {
        uint32_t cp;
        const size_t before = character_start(text, begin);
        utf8_decode(text + before, begin - before, &cp);
        if (before < limit || !unicode_is_white(cp)) break;
        begin = before;
    }
    return begin;
}

static size_t skip_white_right(const char *text, size_t end, size_t n)
{
    while (end < n) {
        uint32_t cp;
        const int k = utf8_decode(text + end, n - end, &cp);
        if (!unicode_is_white(cp)) break;
        end += (size_t)k;
    }
    return end;
}

bool added_next(const Added *a, AddedTokens set, int pass, const char *text, size_t n, AddedCursor *c, AddedMatch *m)
{
    const Trie *t = &a->trie[set][pass];
    for (; c->scanned < n; c->scanned++) {
        if (!t->begins[(unsigned char)text[c->scanned]]) continue;
        const int32_t i = longest(t, text + c->scanned, n - c->scanned);
        if (i < 0) continue;
        const AddedToken *token = &a->token[i];
        const size_t begin = c->scanned, end = begin + token->n;
        c->scanned = end - 1; /* a dropped match does not overlap the next one either */
        if (token->single_word && touches_word(text, n, begin, end)) continue;
        m->id = token->id;
        m->begin = token->lstrip ? skip_white_left(text, begin, c->done) : begin;
        m->end = token->rstrip ? skip_white_right(text, end, n) : end;
        c->scanned = end;
        c->done = m->end;
        return true;
    }
    return false;
}
