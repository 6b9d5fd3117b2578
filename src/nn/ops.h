/* ops.h - the operations that the model is written in. Each lives in the file that its heading names.
 *
 * Shapes stand as [rows, cols]. Unless a comment says otherwise the result is new, in the arena of the step. */
#ifndef VL2_NN_OPS_H
#define VL2_NN_OPS_H

#include "nn/batch.h"
#include "nn/kv_cache.h"
#include "nn/run.h"

/* ---- linear.c ---- */
Tensor *linear(Run *r, const Tensor *x, const Linear *l); /* [rows, l.w.rows] */
/* y[i] = linear(x, l[i]) for i < n <= LINEARS_MAX, all in one go. */
enum { LINEARS_MAX = 3 };
void linears(Run *r, const Tensor *x, const Linear *const *l, int n, Tensor **y);
Tensor *linear_f32(Run *r, const Tensor *x,
                   const Linear *l); /* f32 activations whatever the compute type: the router */
void multiply_rows(Run *r, const Tensor *x, const Weight *w, Tensor *y); /* y = x W^T alone; nothing is recorded */

/* ---- norm.c ---- */
Tensor *rms_norm(Run *r, const Tensor *x, const Norm *n);
void rms_norm_in_place(Run *r, Tensor *x, const Norm *n);
Tensor *layer_norm(Run *r, const Tensor *x, const Norm *n);

/* ---- act.c ---- */
Tensor *add(Run *r, const Tensor *a, const Tensor *b);
Tensor *add_rows_repeated(Run *r, const Tensor *x, Vector table, int period); /* row i gets table row i % period */
Tensor *swiglu(Run *r, Tensor *gate, Tensor *up);                             /* silu(gate) * up */
Tensor *gelu_tanh(Run *r, Tensor *x); /* in place where no backward asks for x */
Tensor *gelu_erf(Run *r, Tensor *x);

/* ---- rope.c ---- */
typedef enum { ROPE_PAIRS_HALVES, ROPE_PAIRS_INTERLEAVED } RopePairs;

/* The frequencies of one model, made by model/rope_setup.c. */
typedef struct {
    int d; /* rotated elements of a head */
    RopePairs pairs;
    const float *inv_freq; /* [d / 2] */
    float divisor;         /* angle = position / divisor * inv_freq, each step rounded: "linear" scaling */
    float mscale;          /* yarn: factor on cosine and sine */
    bool dynamic;          /* NTK: the base grows when a sequence is longer than max_position */
    double theta, factor;
    int max_position;
} Rope;

/* Cosines and sines of the batch's positions: the same for all layers of a step. */
typedef struct {
    const Rope *rope;
    Tensor *cosine, *sine; /* [rows, d / 2] */
} RopeAngles;
RopeAngles *rope_angles(Run *r, const Rope *rope, const Batch *b);
/* In place: of every one of the n_heads heads of a row, [n_heads * d_head], the d elements from `offset` on. */
void rope_apply(Run *r, const RopeAngles *a, Tensor *x, int n_heads, int d_head, int offset);

/* ---- attention.c ---- */
/* Causal attention over the cache. q [rows, n_heads * d_k]; head h uses kv head h / (n_heads / n_kv_heads). Keys are walked
 * in blocks of 64 absolute positions with a running maximum. Result [rows, n_heads * d_v]. */
Tensor *attend_cache(Run *r, const Tensor *q, int n_heads, float scale, const Batch *b, const KvCache *c, int layer);

/* ---- attend_dense.c ---- */
/* Full attention inside each tile. qkv [tiles * patches, 3 * width] laid out [3][heads][d]; result [.., width]. */
Tensor *attend_tiles(Run *r, const Tensor *qkv, int patches, int n_heads);
/* Causal attention without a cache, for training: each run of rows of one sequence sees itself alone, from its first row on.
 * q [rows, n_heads * d_k], k [rows, n_kv_heads * d_k]; the values of kv head g are the d_v columns of v from g * v_step on.
 * Result [rows, n_heads * d_v]. */
typedef struct {
    int n_heads, n_kv_heads, d_k, d_v, v_step;
    float scale;
} HeadShape;
Tensor *attend_rows(Run *r, const Tensor *q, const Tensor *k, const Tensor *v, const HeadShape *s, const Batch *b);
/* Keys of expanded latent attention. kv [rows, n_heads * kv_step]: the first d_nope columns of every head, each followed by the
 * row of k_pe [rows, d_rope] that all heads share. */
Tensor *join_keys(Run *r, const Tensor *kv, int kv_step, int d_nope, const Tensor *k_pe, int n_heads);

/* ---- latent.c: the absorbed form of multi-head latent attention ---- */
/* kv_b is [n_heads * (d_nope + d_v), kv_rank]: per head the rows W^UK [d_nope], then W^UV [d_v].
 * latent_query: q [rows, n_heads * (d_nope + d_rope)] -> [rows, n_heads * (kv_rank + d_rope)], q_nope W^UK | q_pe.
 * latent_value: o [rows, n_heads * kv_rank] -> [rows, n_heads * d_v], o W^UV^T. */
Tensor *latent_query(Run *r, const Tensor *q, const Weight *kv_b, int n_heads, int d_nope, int d_rope);
Tensor *latent_value(Run *r, const Tensor *o, const Weight *kv_b, int n_heads, int d_nope, int d_v);

/* ---- route.c ---- */
typedef enum { ROUTE_GREEDY, ROUTE_GROUP_LIMITED, ROUTE_NOAUX } RouteMethod;

typedef struct {
    int n_experts, top_k, n_group, topk_group;
    RouteMethod method;
    bool sigmoid, norm_topk_prob;
    float scaling_factor;
    float balance_alpha; /* of the balance loss: training */
    bool balance_by_sequence;
    Vector correction_bias; /* [n_experts], ROUTE_NOAUX only */
} Router;

typedef struct {
    Weight gate, up, down; /* [d_expert, d_model] twice, [d_model, d_expert] */
} Expert;

/* Who computes what: top_k experts of every row, and the same grouped by expert. A slot is one (row, expert) pair. */
typedef struct {
    int rows, top_k, n_experts;
    int *expert;        /* [rows][top_k], ascending */
    float *weight;      /* [rows][top_k] */
    float *weight_grad; /* the same; with a tape */
    int *begin;         /* [n_experts + 1]: slots of expert e are begin[e] .. begin[e + 1] - 1 */
    int *row;           /* [slots]: the row of a slot */
    int *slot;          /* [rows][top_k]: the slot of a pair */
} Routing;

/* The batch says which rows are one sequence, for the balance loss; `layer` is where the tape's report goes. */
Routing *route(Run *r, const Tensor *router_logits, const Router *m, const Batch *b, int layer);

/* ---- experts.c ---- */
/* sum over the routed experts of weight * down(silu(gate x) * up x), in ascending order of experts, f32. */
Tensor *experts(Run *r, const Tensor *x, const Expert *e, const Routing *g);

/* ---- loss.c ---- */
/* The sum over rows of -log softmax(logits)[label], and with a tape scale times its gradient. */
double cross_entropy(Run *r, Tensor *logits, const int32_t *label, float scale);

/* ---- embed.c ---- */
Tensor *embed(Run *r, const Weight *table, const Batch *b);   /* rows of the table, or the batch's ready image rows */
Tensor *rows_wanted(Run *r, const Tensor *x, const Batch *b); /* the rows with wants_logits, in order */

/* ---- patch.c ---- */
/* What each byte of each channel becomes: normalised pixels. */
typedef struct {
    float of[3][256];
} PixelTable;
/* Tiles [n][side][side][3] bytes -> [n * grid * grid, 3 * patch * patch] in the order of a convolution's weight, channel,
 * y, x. Pixels beyond grid * patch are not used. */
Tensor *patchify(Run *r, const uint8_t *tiles, int n, int side, int patch, const PixelTable *table);
/* [n * grid * grid, cols] -> [n * down * down, cols * ratio * ratio], down = ceil(grid / ratio): F.unfold after padding the
 * right and bottom with zeros; column c * ratio * ratio + dy * ratio + dx. */
Tensor *unfold(Run *r, const Tensor *x, int n, int grid, int ratio);

#endif
