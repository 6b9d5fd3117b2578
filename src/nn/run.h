/* run.h - what an operation needs and the model does not own; and the two things that operations work on.
 *
 * A Tensor is rows x cols of f32 in the arena of the current step. A Weight stays where it is: in the mapped file, in the
 * file's own number type. An operation allocates its result in the arena, calls kernels over the pool, and returns. It
 * cannot fail: shapes were checked when the weights were bound, sizes when the arena was planned. */
#ifndef VL2_NN_RUN_H
#define VL2_NN_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/pool.h"
#include "kernels/kernels.h"

typedef struct {
    float *data; /* row i begins at data + i * ld */
    int rows, cols;
    size_t ld;   /* floats from one row to the next; >= cols */
    float *grad; /* laid out as data; NULL: nobody asks for it */
} Tensor;

/* A matrix [rows = outputs][cols = inputs], row-major, at any alignment. Its states are those of training: frozen, of any
 * type (grad == NULL); trained, f32 (grad [rows][cols]); and either one with adapters on top. */
typedef struct {
    const void *data;
    DType dtype;
    int rows, cols;
    float *grad;
    const struct Lora *lora; /* the first of a list, or NULL */
} Weight;

/* Low-rank adapter (Hu et al. 2021): y += scale * b (a x). */
typedef struct Lora {
    Weight a, b;   /* [r, cols], [rows, r]; f32 */
    float scale;   /* alpha / r */
    float dropout; /* share of x that is left out in training, with a tape */
    uint64_t seed; /* of the mask; another one in every step */
    const struct Lora *next;
} Lora;

/* A trainable row of numbers: norms, biases. */
typedef struct {
    const float *data;
    float *grad; /* NULL: frozen */
} Vector;

static inline size_t weight_stride(const Weight *w) /* bytes from one row to the next */
{
    return dtype_row_bytes(w->dtype, (size_t)w->cols);
}

/* y = x W^T + b */
typedef struct {
    Weight w;
    Vector bias; /* [w.rows]; without data: none */
} Linear;

typedef struct {
    Vector w, b; /* [n]; b only for a layer norm */
    float eps;
} Norm;

/* Sees the intermediate tensors of a forward pass under their golden names ("attn_out", 3). For `trace` and tests. */
typedef struct {
    void (*see)(void *context, const char *name, int index, const Tensor *t);
    void *context;
} TraceSink;

/* Sees the rows that go into the product with a weight, before the product. For calibration. */
typedef struct {
    void (*see)(void *context, const Weight *w, const Tensor *x);
    void *context;
} InputSink;

/* How many rows the routers gave to each expert, [layers][experts]: added up by the thread that runs, read by any. */
typedef struct {
    atomic_uint_fast64_t *rows;
    int layers, experts;
} ExpertCount;

typedef struct {
    const Kernels *k;
    Pool *pool;
    Arena *arena;                     /* of this step */
    Compute compute[DT_MATRIX_TYPES]; /* how activations enter a product with weights of each type */
    const TraceSink *trace;           /* NULL: nobody looks */
    const InputSink *inputs;          /* the same */
    const ExpertCount *routed;        /* NULL: nobody counts */
    struct Tape *tape;                /* tape.h; NULL: no gradients */
    bool training; /* adapters drop elements out; true in a block's first pass, too, which has no tape */
} Run;

/* Not cleared. 64-byte aligned rows when cols is a multiple of 16. Lives until the arena is released. */
Tensor *tensor_new(Run *r, int rows, int cols);
Tensor *tensor_zero(Run *r, int rows, int cols);
/* Columns [begin, begin + n) of every row, without a copy. */
Tensor *tensor_cols(Run *r, const Tensor *t, int begin, int n);
Tensor *tensor_rows(Run *r, const Tensor *t, int begin, int n);
static inline float *tensor_row(const Tensor *t, int i)
{
    return t->data + (size_t)i * t->ld;
}
static inline float *tensor_grad_row(const Tensor *t, int i)
{
    return t->grad + (size_t)i * t->ld;
}

static inline void run_trace(const Run *r, const char *name, int index, const Tensor *t)
{
    if (r->trace) r->trace->see(r->trace->context, name, index, t);
}

static inline void run_input(const Run *r, const Weight *w, const Tensor *x)
{
    if (r->inputs) r->inputs->see(r->inputs->context, w, x);
}

/* Gives back everything that was taken from the arena since `mark` but the content of x, which moves to `keep` (of the
 * same shape, taken before the mark). Returns keep. */
Tensor *run_keep(Run *r, ArenaMark mark, Tensor *keep, const Tensor *x);

/* For each thread of the pool `bytes` of scratch, 64-byte aligned; lives as long as the arena's current mark. */
typedef struct {
    unsigned char *base;
    size_t stride;
} Scratch;
Scratch scratch_new(Run *r, size_t bytes);
static inline void *scratch_of(Scratch s, int thread)
{
    return s.base + s.stride * (size_t)thread;
}

#endif
