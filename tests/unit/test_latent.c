/* test_latent.c - latent attention reads a quantised kv_b, which files of other programs may have, as the numbers in it. */
#include <math.h>

#include "base/rng.h"
#include "format/quantize.h"
#include "nn/ops.h"

#include "support.h" /* last: cmocka has a macro fail() */

enum { HEADS = 3, NOPE = 20, ROPE = 8, VALUE = 12, RANK = 96, ROWS = 70, KV_ROWS = HEADS * (NOPE + VALUE) };

typedef struct {
    Run run;
    Arena arena;
    Tensor *q, *o;
} Bench;

static void open_bench(Bench *b)
{
    Error e;
    *b = (Bench){ 0 };
    assert_true(arena_open(&b->arena, 64 << 20, &e));
    b->run = (Run){ .k = kernels_get(cpu_best()), .pool = pool_open(2, &e), .arena = &b->arena };
    for (int t = DT_PLAIN_TYPES; t < DT_MATRIX_TYPES; t++) b->run.compute[t] = COMPUTE_F32;
    Rng rng = { 7, 0 };
    b->q = tensor_new(&b->run, ROWS, HEADS * (NOPE + ROPE));
    b->o = tensor_new(&b->run, ROWS, HEADS * RANK);
    for (int i = 0; i < ROWS * HEADS * (NOPE + ROPE); i++) b->q->data[i] = (float)(rng_uniform(&rng) - 0.5);
    for (int i = 0; i < ROWS * HEADS * RANK; i++) b->o->data[i] = (float)(rng_uniform(&rng) - 0.5);
}

static void close_bench(Bench *b)
{
    pool_close(b->run.pool);
    arena_close(&b->arena);
}

/* The worst difference of two tensors, relative to the largest value. */
static double difference(const Tensor *a, const Tensor *b)
{
    double worst = 0, most = 0;
    for (int i = 0; i < a->rows; i++)
        for (int j = 0; j < a->cols; j++) {
            const double x = (double)tensor_row(a, i)[j], y = (double)tensor_row(b, i)[j];
            if (!(fabs(x - y) <= worst)) worst = fabs(x - y);
            if (fabs(x) > most) most = fabs(x);
        }
    return worst / most;
}

static void quantised_kv_b_is_read_as_its_numbers(void **state)
{
    (void)state;
    Bench b;
    open_bench(&b);
    for (int t = DT_PLAIN_TYPES; t < DT_ROW_TYPES; t++) {
        unsigned char blocks[KV_ROWS * RANK * 2];
        float row[RANK], decoded[KV_ROWS * RANK];
        Rng rng = { (uint64_t)t, 0 };
        const Weight kv_b = { .data = blocks, .dtype = (DType)t, .rows = KV_ROWS, .cols = RANK };
        const Weight plain = { .data = decoded, .dtype = DT_F32, .rows = KV_ROWS, .cols = RANK };
        for (int i = 0; i < KV_ROWS; i++) {
            for (int j = 0; j < RANK; j++) row[j] = (float)(rng_uniform(&rng) - 0.5);
            quantise_row((DType)t, blocks + (size_t)i * weight_stride(&kv_b), row, NULL, RANK);
            b.run.k->to_f32[t](decoded + i * RANK, blocks + (size_t)i * weight_stride(&kv_b), RANK);
        }
        char what[40];
        snprintf(what, sizeof what, "%s, query", dtype_name((DType)t));
        assert_within(what,
                      difference(latent_query(&b.run, b.q, &plain, HEADS, NOPE, ROPE),
                                 latent_query(&b.run, b.q, &kv_b, HEADS, NOPE, ROPE)),
                      1e-6);
        snprintf(what, sizeof what, "%s, value", dtype_name((DType)t));
        assert_within(what,
                      difference(latent_value(&b.run, b.o, &plain, HEADS, NOPE, VALUE),
                                 latent_value(&b.run, b.o, &kv_b, HEADS, NOPE, VALUE)),
                      1e-6);
    }
    close_bench(&b);
}

TEST_MAIN(TEST(quantised_kv_b_is_read_as_its_numbers))
