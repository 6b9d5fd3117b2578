/* gradient_sum.c - see gradient_sum.h. The pieces have one order on all ranks: the layers from the last to the first, then all
 * else. A piece that is not this rank's is sent from where it stands; for those that are, the other ranks' come into one of a few
 * slots and are added when all are there. */
#include "train/gradient_sum.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { PIECE_NUMBERS = 1 << 18, SLOTS = 8, NONE = -1 };

typedef struct {
    size_t at;
    int n, owner;
    RankPost *sent; /* NULL: not under way */
} SumPiece;

/* A piece of this rank's that others send to it. */
typedef struct {
    float *room;     /* [ranks][PIECE_NUMBERS]; this rank's own part is not used */
    RankPost **post; /* [ranks]; NULL: arrived */
} Slot;

struct GradientSum {
    const Ranks *ranks;
    const Params *params;
    Pool *pool;
    size_t *begin; /* [ranks + 1]: where a rank's range begins */
    SumPiece *piece;
    int n, capacity;
    int *layer_end; /* [layers]: pieces up to the end of this layer's */
    int n_layers;
    int *mine; /* the pieces that this rank owns, in order */
    int n_mine, mine_capacity;
    Slot slot[SLOTS];
    int released;         /* pieces of this rank that are complete */
    int expected, summed; /* of `mine`: receiving has begun, all is added */
};

/* ---- who owns what ---- */

/* Whole parameters, in order; a range ends where it comes nearest to its share. */
static void divide(GradientSum *s)
{
    const Params *p = s->params;
    int i = 0;
    s->begin = xcalloc((size_t)s->ranks->n + 1, sizeof *s->begin);
    for (int r = 1; r < s->ranks->n; r++) {
        const size_t want = (size_t)((double)p->n_values * r / s->ranks->n);
        while (i < p->n && p->param[i].at + p->param[i].n / 2 < want) i++;
        s->begin[r] = i < p->n ? p->param[i].at : p->n_values;
    }
    s->begin[s->ranks->n] = p->n_values;
}

void gradient_sum_owned(const GradientSum *s, int rank, size_t *begin, size_t *end)
{
    *begin = s->begin[rank];
    *end = s->begin[rank + 1];
}

static int owner_of(const GradientSum *s, size_t at)
{
    int r = 0;
    while (at >= s->begin[r + 1]) r++;
    return r;
}

int gradient_sum_owner(const GradientSum *s, const Param *p)
{
    return owner_of(s, p->at);
}

/* ---- the order of pieces ---- */

/* The layer of the language model that a parameter belongs to, or NONE. */
static int layer_of(const Param *p)
{
    int layer;
    return sscanf(p->name, "language.model.layers.%d.", &layer) == 1 ? layer : NONE;
}

static void add_pieces(GradientSum *s, size_t begin, size_t end)
{
    while (begin < end) {
        const int owner = owner_of(s, begin);
        const size_t limit = s->begin[owner + 1] < end ? s->begin[owner + 1] : end;
        const int n = (int)(limit - begin < PIECE_NUMBERS ? limit - begin : PIECE_NUMBERS);
        GROW(s->piece, s->n, s->capacity);
        s->piece[s->n] = (SumPiece){ begin, n, owner, NULL };
        if (owner == s->ranks->rank) {
            GROW(s->mine, s->n_mine, s->mine_capacity);
            s->mine[s->n_mine++] = s->n;
        }
        s->n++;
        begin += (size_t)n;
    }
}

/* Parameters of one layer, or of none, that stand together go together. */
static void add_layer(GradientSum *s, int layer)
{
    const Params *p = s->params;
    for (int i = 0, next; i < p->n; i = next) {
        const bool wanted = layer_of(&p->param[i]) == layer;
        for (next = i + 1; next < p->n && (layer_of(&p->param[next]) == layer) == wanted; next++) {}
        if (wanted) add_pieces(s, p->param[i].at, next < p->n ? p->param[next].at : p->n_values);
    }
}

static void order_pieces(GradientSum *s)
{
    s->layer_end = xcalloc((size_t)s->n_layers + 1, sizeof *s->layer_end);
    for (int i = s->n_layers - 1; i >= 0; i--) {
        add_layer(s, i);
        s->layer_end[i] = s->n;
    }
    add_layer(s, NONE);
}

GradientSum *gradient_sum_open(const Ranks *r, const Params *p, Pool *pool, int n_layers)
{
    GradientSum *s = xcalloc(1, sizeof *s);
    *s = (GradientSum){ .ranks = r, .params = p, .pool = pool, .n_layers = n_layers };
    divide(s);
    order_pieces(s);
    for (int i = 0; i < SLOTS && r->n > 1; i++) {
        s->slot[i].room = xcalloc((size_t)r->n * PIECE_NUMBERS, sizeof(float));
        s->slot[i].post = xcalloc((size_t)r->n, sizeof(RankPost *));
    }
    gradient_sum_begin(s);
    return s;
}

void gradient_sum_close(GradientSum *s)
{
    if (!s) return;
    for (int i = 0; i < SLOTS; i++) {
        free(s->slot[i].room);
        free(s->slot[i].post);
    }
    free(s->begin);
    free(s->piece);
    free(s->layer_end);
    free(s->mine);
    free(s);
}

/* ---- adding ---- */

static void expect(GradientSum *s, int k)
{
    const SumPiece *p = &s->piece[s->mine[k]];
    Slot *slot = &s->slot[k % SLOTS];
    for (int r = 0; r < s->ranks->n; r++)
        if (r != s->ranks->rank)
            slot->post[r] = s->ranks->call->receive(slot->room + (size_t)r * PIECE_NUMBERS, p->n, r);
}

static bool has_arrived(GradientSum *s, Slot *slot, bool wait)
{
    bool all = true;
    for (int r = 0; r < s->ranks->n; r++) {
        if (slot->post[r] && s->ranks->call->done(slot->post[r], wait)) slot->post[r] = NULL;
        all &= !slot->post[r];
    }
    return all;
}

typedef struct {
    const Ranks *ranks;
    const float *others; /* [ranks][PIECE_NUMBERS] */
    float *mine;
} Addends;

static void add_range(void *context, int begin, int end, int thread)
{
    const Addends *a = context;
    (void)thread;
    for (int i = begin; i < end; i++) {
        float sum = a->ranks->rank == 0 ? a->mine[i] : a->others[i];
        for (int r = 1; r < a->ranks->n; r++)
            sum += r == a->ranks->rank ? a->mine[i] : a->others[(size_t)r * PIECE_NUMBERS + (size_t)i];
        a->mine[i] = sum;
    }
}

/* Takes what has come, asks for what may come next; with `wait` it does not return before all is added. */
static void go_on(GradientSum *s, bool wait)
{
    enum { GRAIN = 16384 };
    while (s->summed < s->n_mine) {
        for (; s->expected < s->n_mine && s->expected < s->summed + SLOTS; s->expected++) expect(s, s->expected);
        Slot *slot = &s->slot[s->summed % SLOTS];
        const SumPiece *p = &s->piece[s->mine[s->summed]];
        if (s->mine[s->summed] >= s->released || !has_arrived(s, slot, wait)) return;
        Addends a = { s->ranks, slot->room, s->params->grad + p->at };
        pool_ranges(s->pool, p->n, GRAIN, add_range, &a);
        s->summed++;
    }
}

static void release(GradientSum *s, int end)
{
    for (; s->released < end; s->released++) {
        SumPiece *p = &s->piece[s->released];
        if (p->owner != s->ranks->rank) p->sent = s->ranks->call->send(s->params->grad + p->at, p->n, p->owner);
    }
}

void gradient_sum_begin(GradientSum *s)
{
    s->released = s->expected = s->summed = 0;
}

void gradient_sum_reached(GradientSum *s, int layer)
{
    if (s->ranks->n == 1) return;
    release(s, s->layer_end[layer]);
    go_on(s, false);
}

void gradient_sum_end(GradientSum *s)
{
    if (s->ranks->n == 1) return;
    release(s, s->n);
    go_on(s, true);
    for (int i = 0; i < s->n; i++)
        if (s->piece[i].sent) s->ranks->call->done(s->piece[i].sent, true);
    for (int i = 0; i < s->n; i++) s->piece[i].sent = NULL;
}
