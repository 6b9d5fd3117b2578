/* bias_update.c - see bias_update.h. */
#include "train/bias_update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void bias_update(float *bias, const double *load, int n, float rate)
{
    double all = 0;
    for (int i = 0; i < n; i++) all += load[i];
    for (int i = 0; i < n; i++) {
        const double above = load[i] * n - all; /* n times the distance from the mean: exact */
        bias[i] += above > 0 ? -rate : above < 0 ? rate : 0;
    }
}

static bool take_bias(void *context, const ParameterSlot *s)
{
    BiasUpdates *b = context;
    int layer;
    if (!s->is_correction || sscanf(s->name, "language.model.layers.%d.", &layer) != 1) return true;
    const size_t n = (size_t)s->dim[0];
    GROW(b->layer, b->n, b->capacity);
    BiasLayer *l = &b->layer[b->n++];
    *l = (BiasLayer){ .name = xstrdup(s->name), .layer = layer, .n = (int)n };
    l->bias = xcalloc(n, sizeof *l->bias);
    l->load = xcalloc(n, sizeof *l->load);
    memcpy(l->bias, s->vector->data, n * sizeof *l->bias);
    *s->vector = (Vector){ .data = l->bias };
    return true;
}

bool bias_updates_open(BiasUpdates *b, Model *m, float rate, Error *e)
{
    *b = (BiasUpdates){ .rate = rate };
    if (!weights_visit(&m->weights, &m->config, take_bias, b, e)) return false;
    return b->n > 0 ||
           fail(e, ERR_USAGE, "the model's router has no correction bias to update: its topk_method is not noaux_tc");
}

void bias_updates_close(BiasUpdates *b)
{
    for (int i = 0; i < b->n; i++) {
        free(b->layer[i].name);
        free(b->layer[i].bias);
        free(b->layer[i].load);
    }
    free(b->layer);
    *b = (BiasUpdates){ 0 };
}

void bias_updates_begin(BiasUpdates *b)
{
    for (int i = 0; i < b->n; i++) memset(b->layer[i].load, 0, (size_t)b->layer[i].n * sizeof *b->layer[i].load);
}

void bias_updates_see(BiasUpdates *b, int layer, const int *load)
{
    for (int i = 0; i < b->n; i++)
        for (int k = 0; b->layer[i].layer == layer && k < b->layer[i].n; k++) b->layer[i].load[k] += load[k];
}

void bias_updates_step(BiasUpdates *b, const Ranks *r)
{
    for (int i = 0; i < b->n; i++) {
        BiasLayer *l = &b->layer[i];
        ranks_sum(r, l->load, l->n);
        bias_update(l->bias, l->load, l->n, b->rate);
    }
}
