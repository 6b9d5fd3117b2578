/* grammar.c - see grammar.h. */
#include "text/grammar.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- building ---- */

void grammar_free(Grammar *g)
{
    free(g->symbol);
    free(g->set);
    free(g->alternative);
    free(g->of_rule);
    *g = (Grammar){ 0 };
}

int grammar_rule(Grammar *g)
{
    return g->n_rules++;
}

static void add_symbol(Grammar *g, SymbolKind kind, int which)
{
    GROW(g->symbol, g->n_symbols, g->symbol_capacity);
    g->symbol[g->n_symbols++] = (Symbol){ kind, which };
}

void grammar_begin(Grammar *g, int rule)
{
    GROW(g->alternative, g->n_alternatives, g->alternative_capacity);
    g->alternative[g->n_alternatives++] = (struct Alternative){ rule, g->n_symbols };
}

void grammar_add_rule(Grammar *g, int rule)
{
    add_symbol(g, SYMBOL_RULE, rule);
}

void grammar_add_set(Grammar *g, const ByteSet *set)
{
    int i = 0;
    while (i < g->n_sets && memcmp(&g->set[i], set, sizeof *set) != 0) i++;
    if (i == g->n_sets) {
        GROW(g->set, g->n_sets, g->set_capacity);
        g->set[g->n_sets++] = *set;
    }
    add_symbol(g, SYMBOL_SET, i);
}

void grammar_add_range(Grammar *g, int lo, int hi)
{
    ByteSet s = { 0 };
    byteset_add(&s, lo, hi);
    grammar_add_set(g, &s);
}

void grammar_add_text(Grammar *g, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) grammar_add_range(g, (unsigned char)text[i], (unsigned char)text[i]);
}

void grammar_end(Grammar *g)
{
    add_symbol(g, SYMBOL_END, 0);
}

static int by_rule(const void *a, const void *b)
{
    const struct Alternative *x = a, *y = b;
    return x->rule != y->rule ? (x->rule > y->rule) - (x->rule < y->rule)
                              : (x->first > y->first) - (x->first < y->first);
}

void grammar_ready(Grammar *g)
{
    qsort(g->alternative, (size_t)g->n_alternatives, sizeof *g->alternative, by_rule);
    g->of_rule = xcalloc((size_t)g->n_rules + 1, sizeof *g->of_rule);
    for (int i = g->n_alternatives - 1, r = g->n_rules; r >= 0; r--) {
        while (i >= 0 && g->alternative[i].rule >= r) i--;
        g->of_rule[r] = i + 1;
    }
}

/* ---- going on ---- */

static bool stack_is_there(const GrammarState *s, const int32_t *at, int n)
{
    for (int i = 0; i < s->n; i++)
        if (s->stack[i].n == n && memcmp(s->stack[i].at, at, (size_t)n * sizeof *at) == 0) return true;
    return false;
}

/* Adds the stack at[0..n) with the rules on its top opened, until each stack has a set of bytes there, or nothing. `at` has room
 * for GRAMMAR_DEPTH and is changed. */
static void add_stack(const Grammar *g, GrammarState *s, int32_t *at, int n, int opened)
{
    enum { MOST_OPENED = 64 }; /* rules that begin with themselves would never end */
    if (opened > MOST_OPENED) return;
    if (n == 0 || g->symbol[at[n - 1]].kind == SYMBOL_SET) {
        if (s->n == GRAMMAR_STACKS || stack_is_there(s, at, n)) return;
        s->stack[s->n].n = n;
        memcpy(s->stack[s->n].at, at, (size_t)n * sizeof *at);
        s->n++;
        return;
    }
    const int32_t call = at[n - 1];
    const int rule = g->symbol[call].which;
    const bool returns = g->symbol[call + 1].kind != SYMBOL_END;
    const int below = returns ? n : n - 1;
    for (int i = g->of_rule[rule]; i < g->of_rule[rule + 1]; i++) {
        int32_t copy[GRAMMAR_DEPTH];
        const int first = g->alternative[i].first;
        const bool is_empty = g->symbol[first].kind == SYMBOL_END;
        if (below + !is_empty > GRAMMAR_DEPTH) continue;
        memcpy(copy, at, (size_t)n * sizeof *at);
        if (returns) copy[n - 1] = call + 1;
        if (!is_empty) copy[below] = first;
        add_stack(g, s, copy, below + !is_empty, opened + 1);
    }
}

void grammar_start(const Grammar *g, int rule, GrammarState *s)
{
    s->n = 0;
    for (int i = g->of_rule[rule]; i < g->of_rule[rule + 1]; i++) {
        int32_t at[GRAMMAR_DEPTH] = { g->alternative[i].first };
        add_stack(g, s, at, g->symbol[at[0]].kind == SYMBOL_END ? 0 : 1, 0);
    }
}

bool grammar_take(const Grammar *g, const GrammarState *in, unsigned char byte, GrammarState *out)
{
    out->n = 0;
    for (int i = 0; i < in->n; i++) {
        const int n = in->stack[i].n;
        if (n == 0) continue;
        const int32_t top = in->stack[i].at[n - 1];
        if (!byteset_has(&g->set[g->symbol[top].which], byte)) continue;
        int32_t at[GRAMMAR_DEPTH];
        const bool more = g->symbol[top + 1].kind != SYMBOL_END;
        memcpy(at, in->stack[i].at, (size_t)n * sizeof *at);
        at[n - 1] = top + 1;
        add_stack(g, out, at, more ? n : n - 1, 0);
    }
    return out->n > 0;
}

bool grammar_may_end(const GrammarState *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->stack[i].n == 0) return true;
    return false;
}

bool grammar_same(const GrammarState *a, const GrammarState *b)
{
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (a->stack[i].n != b->stack[i].n ||
            memcmp(a->stack[i].at, b->stack[i].at, (size_t)a->stack[i].n * sizeof(int32_t)) != 0)
            return false;
    return true;
}

void grammar_copy(GrammarState *to, const GrammarState *from)
{
    to->n = from->n;
    for (int i = 0; i < from->n; i++) {
        to->stack[i].n = from->stack[i].n;
        memcpy(to->stack[i].at, from->stack[i].at, (size_t)from->stack[i].n * sizeof(int32_t));
    }
}
