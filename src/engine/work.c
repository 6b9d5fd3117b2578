/* work.c - see work.h. */
#include "engine/work.h"

#include <math.h>

Compute attention_compute(void)
{
    return COMPUTE_F32;
}

void operations_add(Operations *sum, const Operations *o, double times)
{
    for (int t = 0; t < COMPUTE_TYPES; t++) sum->operations[t] += times * o->operations[t];
}

/* ---- the weights of a layer ---- */

/* What one walk over the weights adds up, for a step of `rows` rows. */
typedef struct {
    const Run *run;
    Operations o;           /* of one row */
    double weights;         /* that one row meets */
    double bytes;           /* that all rows together meet */
    double share_of_expert; /* of the routed experts, how many are visited by some row */
} Walk;

static double bytes_of(const Weight *w)
{
    return (double)w->rows * (double)weight_stride(w);
}

static void meet_in(Walk *t, const Weight *w, Compute c)
{
    if (!w->data) return;
    const double n = (double)w->rows * w->cols;
    t->o.operations[c] += 2 * n;
    t->weights += n;
    t->bytes += bytes_of(w);
}

static void meet(Walk *t, const Weight *w)
{
    if (w->data) meet_in(t, w, t->run->compute[w->dtype]);
}

/* Each row meets top_k of the experts. */
static void meet_experts(Walk *t, const Moe *m, const LanguageConfig *c)
{
    Walk all = { .run = t->run };
    for (int i = 0; i < c->n_routed_experts; i++) {
        meet(&all, &m->expert[i].gate);
        meet(&all, &m->expert[i].up);
        meet(&all, &m->expert[i].down);
    }
    const double visited = (double)c->top_k / c->n_routed_experts;
    operations_add(&t->o, &all.o, visited);
    t->weights += visited * all.weights;
    t->bytes += t->share_of_expert * all.bytes;
}

static void meet_layer(Walk *t, const Layer *l, const LanguageConfig *c)
{
    const Weight *const of_row[] = { &l->mha.q.w,           &l->mha.k.w,         &l->mha.v.w,          &l->mha.o.w,
                                     &l->mla.q.w,           &l->mla.q_a.w,       &l->mla.q_b.w,        &l->mla.kv_a.w,
                                     &l->mla.o.w,           &l->mlp.gate.w,      &l->mlp.up.w,         &l->mlp.down.w,
                                     &l->moe.shared.gate.w, &l->moe.shared.up.w, &l->moe.shared.down.w };
    for (size_t i = 0; i < sizeof of_row / sizeof *of_row; i++) meet(t, of_row[i]);
    meet_in(t, &l->mla.kv_b.w, attention_compute()); /* absorbed: part of attention's products */
    if (!l->is_moe) return;
    meet_in(t, &l->moe.gate.w, COMPUTE_F32);
    meet_experts(t, &l->moe, c);
}

/* All layers, for a step of n rows; without the head. */
static Walk walk_layers(const Vl2Engine *e, int n)
{
    const LanguageConfig *c = &e->model.config.language;
    Walk t = { .run = &e->run };
    if (c->n_routed_experts) t.share_of_expert = 1 - pow(1 - (double)c->top_k / c->n_routed_experts, n);
    for (int i = 0; i < c->n_layers; i++) meet_layer(&t, &e->model.weights.language.layer[i], c);
    return t;
}

/* ---- what is asked ---- */

Operations operations_of_prompt(const Vl2Engine *e, int n, int before)
{
    const LanguageConfig *c = &e->model.config.language;
    const Walk layers = walk_layers(e, 1);
    Walk head = { .run = &e->run };
    Operations o = { 0 };
    meet(&head, &e->model.weights.language.head.w);
    operations_add(&o, &layers.o, n);
    operations_add(&o, &head.o, 1);
    const double pairs = (double)n * before + (double)n * (n + 1) / 2;
    const int d = c->use_mla ? c->qk_nope_head_dim + c->qk_rope_head_dim + c->v_head_dim : 2 * c->head_dim;
    o.operations[attention_compute()] += 2 * pairs * c->n_layers * c->n_heads * d;
    return o;
}

Operations operations_of_tile(const Vl2Engine *e)
{
    const Weights *w = &e->model.weights;
    const VisionConfig *v = &e->model.config.vision;
    const double patches = (double)v->grid * v->grid;
    const double tokens = (double)e->model.config.projector.grid * e->model.config.projector.grid;
    Operations o = { 0 };
    Walk tower = { .run = &e->run }, projector = { .run = &e->run };
    meet(&tower, &w->vision.patch_embed.w);
    for (int i = 0; i < v->layers; i++) {
        const VisionBlock *b = &w->vision.block[i];
        const Weight *const of_patch[] = { &b->qkv.w, &b->proj.w, &b->fc1.w, &b->fc2.w };
        for (size_t k = 0; k < sizeof of_patch / sizeof *of_patch; k++) meet(&tower, of_patch[k]);
    }
    for (int i = 0; i < w->projector.n_layers; i++) meet(&projector, &w->projector.layer[i].w);
    operations_add(&o, &tower.o, patches);
    operations_add(&o, &projector.o, tokens);
    o.operations[attention_compute()] += 2 * 2 * patches * patches * v->width * v->layers;
    return o;
}

double weights_of_token(const Vl2Engine *e)
{
    const Weight *head = &e->model.weights.language.head.w;
    return walk_layers(e, 1).weights + (double)head->rows * head->cols;
}

double bytes_of_step(const Vl2Engine *e, int n, double positions)
{
    return walk_layers(e, n).bytes + bytes_of(&e->model.weights.language.head.w) +
           n * positions * (double)e->plan.cache_per_token;
}

double limit_seconds(const Operations *o, const double *peak)
{
    double seconds = 0;
    if (peak[COMPUTE_F32] <= 0) return 0;
    for (int t = 0; t < COMPUTE_TYPES; t++) seconds += o->operations[t] / (peak[t] > 0 ? peak[t] : peak[COMPUTE_F32]);
    return seconds;
}
