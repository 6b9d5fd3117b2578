/* expert_load.c - see expert_load.h. */
#include "engine/expert_load.h"

#include <stdlib.h>

#include "base/mem.h"

void expert_count_open(ExpertCount *c, int layers, int experts)
{
    *c = (ExpertCount){ .rows = xcalloc((size_t)layers * (size_t)experts, sizeof *c->rows),
                        .layers = layers,
                        .experts = experts };
}

void expert_count_close(ExpertCount *c)
{
    free(c->rows);
    *c = (ExpertCount){ 0 };
}

typedef struct {
    uint64_t all, most;
    int unused;
} LayerLoad;

static LayerLoad load_of_layer(const ExpertCount *c, int layer)
{
    LayerLoad l = { 0 };
    for (int e = 0; e < c->experts; e++) {
        const uint64_t n = atomic_load_explicit(&c->rows[layer * c->experts + e], memory_order_relaxed);
        l.all += n;
        l.unused += n == 0;
        if (n > l.most) l.most = n;
    }
    return l;
}

/* Layers without routed experts have no rows, and do not count. */
ExpertLoad expert_load(const ExpertCount *c)
{
    ExpertLoad sum = { 0 };
    int layers = 0;
    for (int i = 0; i < c->layers; i++) {
        const LayerLoad l = load_of_layer(c, i);
        if (l.all == 0) continue;
        layers++;
        sum.rows += l.all;
        sum.busiest += (double)l.most * c->experts / (double)l.all;
        sum.unused += (double)l.unused / c->experts;
    }
    if (layers == 0) return sum;
    sum.busiest /= layers;
    sum.unused /= layers;
    return sum;
}
