/* language.c - DeepSeek-V2 decoder:  x += Attn(RMSNorm(x));  x += FFN(RMSNorm(x)).   x is [rows, d_model].
 *
 * Attention is multi-head (LlamaAttention) or multi-head latent in its absorbed form; the FFN is a SwiGLU MLP in the first
 * layers, then routed experts plus shared experts. Prefill, decode and mixed steps are the same loop over a Batch. */
#include "model/language.h"

#include <math.h>

#include "nn/tape.h"

/* q, k, v = x W;  rotate q and k by halves;  softmax(q k^T / sqrt(d)) v;  W_o */
static Tensor *mha(Run *r, const Mha *m, const Tensor *h, const LanguageConfig *c, const Positions *p,
                   const RopeAngles *angles, const Batch *b, KvCache *cache, int layer)
{
    Tensor *qkv[3]; /* [rows, n_heads * d], then [rows, n_kv_heads * d] twice */
    linears(r, h, (const Linear *const[]){ &m->q, &m->k, &m->v }, 3, qkv);
    Tensor *q = qkv[0], *k = qkv[1], *v = qkv[2];
    rope_apply(r, angles, q, c->n_heads, c->head_dim, 0);
    rope_apply(r, angles, k, c->n_kv_heads, c->head_dim, 0);
    if (!cache) {
        const HeadShape s = { c->n_heads, c->n_kv_heads, c->head_dim, c->head_dim, c->head_dim, p->softmax_scale };
        return linear(r, attend_rows(r, q, k, v, &s, b), &m->o);
    }
    kv_append(r, cache, layer, b, k, v);
    return linear(r, attend_cache(r, q, c->n_heads, p->softmax_scale, b, cache, layer), &m->o);
}

/* Expanded: keys and values of all heads from the latent. Without a cache; differentiable. kv [rows, rank + d_rope]. */
static Tensor *attend_expanded(Run *r, const Mla *m, const Tensor *q, Tensor *kv, const LanguageConfig *c,
                               const Positions *p, const RopeAngles *angles, const Batch *b)
{
    const int d_nope = c->qk_nope_head_dim, d_rope = c->qk_rope_head_dim, d_v = c->v_head_dim, rank = c->kv_lora_rank;
    const HeadShape s = { c->n_heads, c->n_heads, d_nope + d_rope, d_v, d_nope + d_v, p->softmax_scale };
    Tensor *latent = rms_norm(r, tensor_cols(r, kv, 0, rank), &m->kv_norm);
    rope_apply(r, angles, kv, 1, rank + d_rope, rank);
    Tensor *all = linear(r, latent, &m->kv_b); /* [rows, n_heads * (d_nope + d_v)] */
    Tensor *k = join_keys(r, all, d_nope + d_v, d_nope, tensor_cols(r, kv, rank, d_rope), c->n_heads);
    return attend_rows(r, q, k, tensor_cols(r, all, d_nope, all->cols - d_nope), &s, b);
}

/* The cache holds [c^KV | k_pe]: the normalised latent and the one rotated key that all heads share. */
static Tensor *mla(Run *r, const Mla *m, const Tensor *h, const LanguageConfig *c, const Positions *p,
                   const RopeAngles *angles, const Batch *b, KvCache *cache, int layer)
{
    const int d_nope = c->qk_nope_head_dim, d_rope = c->qk_rope_head_dim, rank = c->kv_lora_rank;
    Tensor *down[2]; /* the query or its latent, and [rows, rank + d_rope] */
    linears(r, h, (const Linear *const[]){ c->q_lora_rank ? &m->q_a : &m->q, &m->kv_a }, 2, down);
    Tensor *q = c->q_lora_rank ? linear(r, rms_norm(r, down[0], &m->q_norm), &m->q_b) : down[0];
    Tensor *kv = down[1];
    rope_apply(r, angles, q, c->n_heads, d_nope + d_rope, d_nope);
    if (!cache) return linear(r, attend_expanded(r, m, q, kv, c, p, angles, b), &m->o);

    Tensor *latent = tensor_cols(r, kv, 0, rank);
    rms_norm_in_place(r, latent, &m->kv_norm);
    run_input(r, &m->kv_b.w, latent); /* what it would multiply if it were not absorbed */
    rope_apply(r, angles, kv, 1, rank + d_rope, rank);
    kv_append(r, cache, layer, b, kv, NULL);

    q = latent_query(r, q, &m->kv_b.w, c->n_heads, d_nope, d_rope); /* [rows, n_heads * (rank + d_rope)] */
    Tensor *o = attend_cache(r, q, c->n_heads, p->softmax_scale, b, cache, layer); /* [rows, n_heads * rank] */
    return linear(r, latent_value(r, o, &m->kv_b.w, c->n_heads, d_nope, c->v_head_dim), &m->o);
}

static Tensor *mlp(Run *r, const Mlp *m, const Tensor *h)
{
    Tensor *y[2];
    linears(r, h, (const Linear *const[]){ &m->gate, &m->up }, 2, y);
    return linear(r, swiglu(r, y[0], y[1]), &m->down);
}

static void trace_routing(Run *r, int layer, const Routing *g)
{
    if (!r->trace) return;
    Tensor *ids = tensor_new(r, g->rows, g->top_k);
    for (int i = 0; i < g->rows * g->top_k; i++) ids->data[i] = (float)g->expert[i];
    run_trace(r, "moe_ids", layer, ids);
    run_trace(r, "moe_weights", layer, &(Tensor){ g->weight, g->rows, g->top_k, (size_t)g->top_k, NULL });
}

static Tensor *moe(Run *r, const Moe *m, const Tensor *h, int n_shared, const Batch *b, int layer)
{
    Routing *g = route(r, linear_f32(r, h, &m->gate), &m->router, b, layer); /* in f32 whatever the compute type */
    trace_routing(r, layer, g);
    Tensor *routed = experts(r, h, m->expert, g);
    return n_shared ? add(r, routed, mlp(r, &m->shared, h)) : routed;
}

/* What a layer reads beside x. */
typedef struct {
    const LanguageWeights *w;
    const LanguageConfig *c;
    const Positions *p;
    const RopeAngles *angles;
    const Batch *b;
    KvCache *cache;
    int i;
} LayerInput;

static Tensor *layer_forward(Run *r, Tensor *x, const void *input)
{
    const LayerInput *in = input;
    const LanguageConfig *c = in->c;
    const Layer *l = &in->w->layer[in->i];
    const int i = in->i;
    Tensor *h = rms_norm(r, x, &l->attn_norm);
    h = c->use_mla ? mla(r, &l->mla, h, c, in->p, in->angles, in->b, in->cache, i)
                   : mha(r, &l->mha, h, c, in->p, in->angles, in->b, in->cache, i);
    run_trace(r, "attn_out", i, h);
    x = add(r, x, h);

    h = rms_norm(r, x, &l->ffn_norm);
    h = l->is_moe ? moe(r, &l->moe, h, c->n_shared_experts, in->b, i) : mlp(r, &l->mlp, h);
    run_trace(r, "mlp_out", i, h);
    return add(r, x, h);
}

Tensor *language_forward(Run *r, const LanguageWeights *w, const LanguageConfig *c, const Positions *p, const Batch *b,
                         KvCache *cache)
{
    const RopeAngles *angles = rope_angles(r, &p->rope, b);
    Tensor *x = embed(r, &w->embed, b);
    run_trace(r, "inputs_embeds", 0, x);
    for (int i = 0; i < c->n_layers; i++) {
        const LayerInput in = { w, c, p, angles, b, cache, i };
        tape_mark(r, i);
        x = run_block(r, x, layer_forward, &in, sizeof in);
        run_trace(r, "layer_out", i, x);
    }
    x = rms_norm(r, r->trace ? x : rows_wanted(r, x, b), &w->norm); /* row by row: whoever looks sees all of them */
    run_trace(r, "final_norm", 0, x);
    return linear(r, r->trace ? rows_wanted(r, x, b) : x, &w->head);
}

/* ---- positions ---- */

/* The pair at which a wave of `rotations` turns over the original context stands. */
static double yarn_pair(const RopeConfig *c, int d, double rotations)
{
    const double pi = 3.14159265358979323846;
    return d * log(c->original_max_position_embeddings / (rotations * 2 * pi)) / (2 * log(c->theta));
}

static double yarn_mscale(double factor, double s)
{
    return factor <= 1 ? 1 : 0.1 * s * log(factor) + 1;
}

/* YaRN (Peng et al. 2023): fast waves stay, slow ones are stretched by the factor, a ramp between. */
static void yarn_frequencies(const RopeConfig *c, int d, float *f)
{
    double low = floor(yarn_pair(c, d, c->beta_fast)), high = ceil(yarn_pair(c, d, c->beta_slow));
    if (low < 0) low = 0;
    if (high > d - 1) high = d - 1;
    if (low == high) high += 0.001;
    for (int i = 0; i < d / 2; i++) {
        double ramp = (i - low) / (high - low);
        ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
        const float stretched = (float)(1.0 / (c->factor * pow(c->theta, 2.0 * i / d)));
        f[i] = stretched * (float)ramp + f[i] * (float)(1 - ramp);
    }
}

bool positions_setup(Positions *p, const LanguageConfig *c, bool rotary_pairs, Arena *arena, Error *e)
{
    const RopeConfig *rc = &c->rope;
    const int d = c->use_mla ? c->qk_rope_head_dim : c->head_dim;
    const int d_query = c->use_mla ? c->qk_nope_head_dim + c->qk_rope_head_dim : c->head_dim;
    if (d > KERNEL_MAX_ROPE)
        return fail(e, ERR_UNSUPPORTED, "heads with %d rotated elements, at most %d are supported", d, KERNEL_MAX_ROPE);
    float *f = arena_try(arena, (size_t)(d / 2 + 1) * sizeof *f);
    if (!f) return fail(e, ERR_MEMORY, "no room for %d rotary frequencies", d / 2);
    for (int i = 0; i < d / 2; i++) f[i] = (float)(1.0 / pow(rc->theta, 2.0 * i / d));
    *p = (Positions){ .rope = { .d = d,
                                .pairs = c->use_mla || rotary_pairs ? ROPE_PAIRS_INTERLEAVED : ROPE_PAIRS_HALVES,
                                .inv_freq = f,
                                .divisor = 1,
                                .mscale = 1,
                                .theta = rc->theta,
                                .factor = rc->factor,
                                .max_position = rc->max_position_embeddings },
                      .softmax_scale = (float)(1 / sqrt(d_query)) };
    switch (rc->kind) {
    case ROPE_PLAIN: break;
    case ROPE_LINEAR: p->rope.divisor = (float)rc->factor; break;
    case ROPE_DYNAMIC: p->rope.dynamic = true; break;
    case ROPE_YARN:
        yarn_frequencies(rc, d, f);
        p->rope.mscale = (float)(yarn_mscale(rc->factor, rc->mscale) / yarn_mscale(rc->factor, rc->mscale_all_dim));
        break;
    }
    if (c->use_mla && rc->mscale_all_dim != 0) { /* of every kind of scaling, though only yarn turns with it */
        const double m = yarn_mscale(rc->factor, rc->mscale_all_dim);
        p->softmax_scale = (float)(m * m / sqrt(d_query));
    }
    return true;
}

KvShape language_kv_shape(const LanguageConfig *c, DType dtype)
{
    if (c->use_mla)
        return (KvShape){ c->n_layers, 1, c->kv_lora_rank + c->qk_rope_head_dim, c->kv_lora_rank, true, dtype };
    return (KvShape){ c->n_layers, c->n_kv_heads, c->head_dim, c->head_dim, false, dtype };
}
