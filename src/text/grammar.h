/* grammar.h - what a text may be, byte by byte: a context-free grammar, and all the ways in which a text so far can go on.
 *
 * Rules have alternatives, an alternative is a row of symbols: a set of bytes, or another rule. A GrammarState is a set of
 * stacks, each of symbols that are still to come; a byte keeps the stacks whose top takes it. Rules that end in themselves need
 * no room on a stack. Depth and number of stacks are bounded: what would go beyond is not a way on.
 *
 * Bytes from 0xf8, which UTF-8 does not have, stand for the tags of grounding, so that a grammar can ask for them. */
#ifndef VL2_TEXT_GRAMMAR_H
#define VL2_TEXT_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BYTE_REF = 0xf8, BYTE_REF_END, BYTE_DET, BYTE_DET_END };

typedef struct {
    uint64_t bit[4];
} ByteSet;

typedef enum { SYMBOL_SET, SYMBOL_RULE, SYMBOL_END } SymbolKind;
typedef struct {
    SymbolKind kind;
    int which; /* set or rule */
} Symbol;

/* Built by the functions below, then immutable. */
typedef struct {
    Symbol *symbol; /* of all alternatives, each ended by SYMBOL_END */
    int n_symbols, symbol_capacity;
    ByteSet *set;
    int n_sets, set_capacity;
    struct Alternative {
        int rule, first; /* symbol */
    } * alternative;     /* in any order */
    int n_alternatives, alternative_capacity;
    int *of_rule; /* [n_rules + 1] after grammar_ready(): first of each rule in `alternative`, which is sorted then */
    int n_rules;
} Grammar;

void grammar_free(Grammar *g);

/* Building: a new rule; then alternatives one after the other, each begun, filled and ended before the next. */
int grammar_rule(Grammar *g);
void grammar_begin(Grammar *g, int rule);
void grammar_add_rule(Grammar *g, int rule);
void grammar_add_set(Grammar *g, const ByteSet *set);
void grammar_add_text(Grammar *g, const char *text, size_t n); /* these bytes */
void grammar_add_range(Grammar *g, int lo, int hi);            /* one byte of a range */
void grammar_end(Grammar *g);
/* Checks nothing: rules without alternatives are no way on. */
void grammar_ready(Grammar *g);

static inline void byteset_add(ByteSet *s, int lo, int hi)
{
    for (int b = lo; b <= hi; b++) s->bit[b >> 6] |= (uint64_t)1 << (b & 63);
}
static inline bool byteset_has(const ByteSet *s, unsigned char b)
{
    return s->bit[b >> 6] >> (b & 63) & 1;
}

enum { GRAMMAR_STACKS = 128, GRAMMAR_DEPTH = 96 };
typedef struct {
    int n;
    struct {
        int n;
        int32_t at[GRAMMAR_DEPTH]; /* symbols; the last one is next */
    } stack[GRAMMAR_STACKS];       /* one without symbols: the text may end here */
} GrammarState;

void grammar_start(const Grammar *g, int rule, GrammarState *s);
/* *out: `in` after one more byte. False: there is no way on. in != out. */
bool grammar_take(const Grammar *g, const GrammarState *in, unsigned char byte, GrammarState *out);
bool grammar_may_end(const GrammarState *s);
bool grammar_same(const GrammarState *a, const GrammarState *b);
void grammar_copy(GrammarState *to, const GrammarState *from); /* what is used of it */

#endif
