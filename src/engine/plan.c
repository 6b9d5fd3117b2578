/* plan.c - see plan.h. The sums follow language_forward(), vision_forward() and the operations line by line: every tensor
 * that is alive at the same time. A test holds them against the arena's real peak. */
#include "engine/plan.h"

#include "base/arena.h"
#include "model/language.h"
#include "model/projector.h"

typedef struct {
    const Kernels *k;
    uint64_t threads;
} Planner;

static uint64_t tensor(uint64_t rows, uint64_t cols)
{
    return rows * cols * sizeof(float) + 3 * 64 + 128; /* alignment and the struct, red zones in checking builds */
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The widest layout that any weight type asks of prepared rows. */
static uint64_t prepared(const Planner *p, uint64_t rows, int k)
{
    uint64_t most = 0;
    for (int t = 0; t < DT_MATRIX_TYPES; t++)
        for (int c = 0; c < COMPUTE_TYPES; c++)
            if (p->k->matmul[c][t].run) most = larger(most, p->k->matmul[c][t].prepared_bytes(k));
    return rows * most + 256;
}

static uint64_t attention_bytes(const Planner *p, const LanguageConfig *c, uint64_t rows)
{
    const KvShape s = language_kv_shape(c, DT_F32);
    const uint64_t heads = (uint64_t)c->n_heads,
                   q_head = (uint64_t)(c->use_mla ? c->qk_nope_head_dim + c->qk_rope_head_dim : c->head_dim);
    uint64_t n = tensor(rows, heads * q_head) + tensor(rows, heads * (uint64_t)s.d_v); /* q, attention's output */
    if (c->use_mla)
        n +=
            tensor(rows, (uint64_t)c->q_lora_rank) * 2 + tensor(rows, (uint64_t)s.d_k) + tensor(0, 0) +
            tensor(rows, heads * (uint64_t)s.d_k) + tensor(rows, heads * (uint64_t)c->v_head_dim) +
            p->threads * ((uint64_t)c->qk_nope_head_dim * (uint64_t)c->kv_lora_rank * 4 + 64); /* of a quantised kv_b */
    else
        n += 2 * tensor(rows, (uint64_t)s.n_kv_heads * (uint64_t)s.d_k);
    const uint64_t scratch =
        p->threads * (64 * (prepared(p, 1, s.d_k) + (64 + (uint64_t)s.d_v + 2) * 4) + 1024) + rows * heads * 24;
    return n + larger(scratch, prepared(p, rows, c->n_heads * (int)larger(q_head, (uint64_t)s.d_v)));
}

static uint64_t ffn_bytes(const Planner *p, const LanguageConfig *c, uint64_t rows)
{
    const uint64_t d = (uint64_t)c->hidden_size, ff = (uint64_t)c->intermediate_size;
    const uint64_t dense = 3 * tensor(rows, ff) + tensor(rows, d) + prepared(p, rows, c->intermediate_size);
    if (c->n_routed_experts == 0) return dense;
    const uint64_t slots = rows * (uint64_t)c->top_k, e = (uint64_t)c->n_routed_experts;
    const uint64_t de = (uint64_t)c->moe_intermediate_size, ds = de * (uint64_t)c->n_shared_experts;
    const int widest = c->hidden_size > c->moe_intermediate_size ? c->hidden_size : c->moe_intermediate_size;
    const uint64_t routing =
        tensor(rows, e) + slots * 16 + 64 * 8 + e * 8 + p->threads * (12 * e + 64) + 3 * tensor(rows, d);
    const uint64_t routed = 3 * tensor(slots, de) + tensor(slots, d) + prepared(p, slots, widest) + e * 2048;
    const uint64_t shared = 3 * tensor(rows, ds) + tensor(rows, d) + prepared(p, rows, (int)larger(ds, d));
    return larger(dense, routing + larger(routed, shared));
}

static uint64_t language_bytes(const Planner *p, const LanguageConfig *c, uint64_t rows, uint64_t wanted)
{
    const uint64_t d = (uint64_t)c->hidden_size;
    const uint64_t layer = 5 * tensor(rows, d) + attention_bytes(p, c, rows) + ffn_bytes(p, c, rows);
    const uint64_t head =
        2 * tensor(wanted, d) + tensor(wanted, (uint64_t)c->vocab_size) + prepared(p, wanted, c->hidden_size);
    return tensor(rows, d) + 2 * tensor(rows, 256) + larger(layer, head);
}

static uint64_t vision_bytes(const Planner *p, const Config *c)
{
    const VisionConfig *v = &c->vision;
    const ProjectorConfig *j = &c->projector;
    const uint64_t n = (uint64_t)v->grid * (uint64_t)v->grid, w = (uint64_t)v->width, d = w / (uint64_t)v->heads;
    const uint64_t scratch = p->threads * (n * (2 * d + 32) * 4 + 64);
    const uint64_t prepare = prepared(p, n, v->mlp_hidden > v->width ? v->mlp_hidden : v->width);
    const uint64_t patches = tensor(n, 3u * (uint64_t)v->patch_size * (uint64_t)v->patch_size) + 2 * tensor(n, w) +
                             prepared(p, n, 3 * v->patch_size * v->patch_size);
    const uint64_t block =
        tensor(n, 3 * w) + 7 * tensor(n, w) + tensor(n, (uint64_t)v->mlp_hidden) + larger(scratch, prepare);
    const uint64_t g = (uint64_t)j->grid * (uint64_t)j->grid, r = (uint64_t)j->downsample_ratio;
    const uint64_t inner = (uint64_t)j->n_embed * (uint64_t)j->mlp_ratio;
    const uint64_t project = tensor(n, w) + tensor(g, w * r * r) + (uint64_t)(j->depth + 1) * tensor(g, inner) +
                             prepared(p, g, (int)larger(w * r * r, inner));
    return tensor(n, w) + larger(larger(patches, block), project);
}

void memory_plan(MemoryPlan *m, const Config *c, const Kernels *k, const PlanLimits *l)
{
    const Planner p = { k, (uint64_t)l->threads };
    const KvShape s = language_kv_shape(&c->language, l->cache_type);
    const VisionConfig *v = &c->vision;
    const uint64_t tile_rows = (uint64_t)c->projector.grid * (uint64_t)c->projector.grid;
    const uint64_t sequences = (uint64_t)l->sequences, answer_rows = sequences + (uint64_t)l->guesses;
    *m = (MemoryPlan){ .weights = l->weights };
    m->vectors = ((uint64_t)v->layers * 16 + (uint64_t)v->grid * (uint64_t)v->grid) * (uint64_t)v->width * 4 +
                 (uint64_t)c->language.n_layers * (4 * (uint64_t)c->language.hidden_size * 4 +
                                                   (uint64_t)c->language.n_routed_experts * sizeof(Expert));
    m->cache_per_token = kv_bytes_per_token(&s);
    m->cache = m->cache_per_token * l->cache_tokens;
    m->step_language = language_bytes(&p, &c->language, (uint64_t)l->chunk + answer_rows, answer_rows);
    m->step_vision = vision_bytes(&p, c);
    m->step = larger(m->step_language, m->step_vision);
    m->request = 10 * ((uint64_t)v->image_size * (uint64_t)v->image_size * 3 +
                       tile_rows * (uint64_t)c->projector.n_embed * sizeof(float));
    m->total = m->weights + m->vectors + m->cache + m->step + sequences * m->request;
}

/* Which pages the kernel keeps is nobody's choice: each is as likely to be there as any other. */
uint64_t plan_read_again(const MemoryPlan *p, uint64_t machine, uint64_t needed)
{
    if (p->total <= machine || p->weights == 0) return 0;
    const uint64_t others = p->total - p->weights, room = machine > others ? machine - others : 0;
    return (uint64_t)((double)needed * (1 - (double)room / (double)p->weights));
}
