/* tape.c - see tape.h. */
#include "nn/tape.h"

#include <assert.h>
#include <string.h>

static void *keep(Run *r, const void *bytes, size_t n)
{
    return memcpy(arena_get(r->arena, n), bytes, n);
}

void tape_push(Run *r, Backward *backward, const void *job, size_t bytes)
{
    TapeEntry *entry = arena_get(r->arena, sizeof *entry);
    *entry = (TapeEntry){ backward, keep(r, job, bytes), r->tape->last };
    r->tape->last = entry;
}

void tape_backward(Run *r)
{
    for (const TapeEntry *k = r->tape->last; k; k = k->before) {
        const ArenaMark mark = arena_mark(r->arena);
        k->backward(r, k->job);
        arena_release(r->arena, mark);
    }
    r->tape->last = NULL;
}

static void tell_watcher(Run *r, const void *job)
{
    const TapeWatch *w = &r->tape->watch;
    w->reached(w->context, *(const int *)job);
}

void tape_mark(Run *r, int layer)
{
    if (r->tape && r->tape->watch.reached) tape_push(r, tell_watcher, &layer, sizeof layer);
}

void tensor_ask_grad(Run *r, Tensor *t)
{
    assert(t->rows == 0 || t->ld == (size_t)t->cols);
    t->grad = arena_get_zeroed(r->arena, (size_t)t->rows * t->ld * sizeof(float));
}

typedef struct {
    Block *block;
    const void *context;
    const Tensor *x, *y;
} BlockJob;

/* The block again, with a tape of its own that starts at its input and ends with the gradient of its result. */
static void block_backward(Run *r, const void *job)
{
    const BlockJob *j = job;
    Tape *outer = r->tape, inner = *outer;
    inner.last = NULL;
    r->tape = &inner;
    Tensor *x = keep(r, j->x, sizeof *x);
    Tensor *y = j->block(r, x, j->context);
    assert(y->ld == j->y->ld);
    y->grad = j->y->grad;
    tape_backward(r);
    r->tape = outer;
}

static Tensor *run_to_recompute(Run *r, Tensor *x, Block *block, const void *context, size_t context_bytes)
{
    Tape *tape = r->tape;
    Tensor *y = tensor_new(r, x->rows, x->cols);
    const ArenaMark mark = arena_mark(r->arena);
    r->tape = NULL;
    run_keep(r, mark, y, block(r, x, context));
    r->tape = tape;
    tensor_ask_grad(r, y);
    const BlockJob job = { block, keep(r, context, context_bytes), x, y };
    tape_push(r, block_backward, &job, sizeof job);
    return y;
}

Tensor *run_block(Run *r, Tensor *x, Block *block, const void *context, size_t context_bytes)
{
    if (r->tape && r->tape->recompute) return run_to_recompute(r, x, block, context, context_bytes);
    if (r->tape) return block(r, x, context);
    const ArenaMark mark = arena_mark(r->arena);
    return run_keep(r, mark, x, block(r, x, context));
}
