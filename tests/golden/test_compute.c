/* test_compute.c - the fast compute type: as near to the exact one as the official bf16 run is to the official f32 run, and
 * as independent of chunks, threads and company. */
#include "golden_model.h"

typedef struct {
    float *logits; /* [rows][cols]: of every prompt position */
    size_t rows, cols;
} Logits;

static Logits prompt_logits(const char *model, const char *conversation, const Vl2Options *o)
{
    json_t *file = load_case(model);
    Messages m;
    Trace t;
    Vl2Sampling one = VL2_GREEDY;
    one.max_tokens = 1;
    load_messages(&m,
                  json_object_get(json_object_get(json_object_get(file, "conversations"), conversation), "messages"));
    Vl2Engine *e = open_engine(model, o);
    trace_open(&t, "logits");
    engine_trace(e, &t.sink, true);
    run_to_end(submit(e, &m, &one));
    const TracedTensor *x = trace_find(&t, "logits");
    Logits l = { xcalloc(x->rows * x->cols, sizeof(float)), x->rows, x->cols };
    memcpy(l.logits, x->data, x->rows * x->cols * sizeof(float));
    trace_close(&t);
    vl2_close(e);
    free_messages(&m);
    json_decref(file);
    return l;
}

static size_t best_of(const Logits *l, size_t row)
{
    size_t b = 0;
    for (size_t i = 1; i < l->cols; i++)
        if (l->logits[row * l->cols + i] > l->logits[row * l->cols + b]) b = i;
    return b;
}

/* The official bf16 run of these models differs from its f32 run by 0.07 to 0.23 (rms of the logits, which are about 3) and
 * agrees on 87 to 94 % of the best tokens. Ours rounds less (sums, norms and residuals stay f32): it must not be further. */
static void bf16_is_no_further_than_the_official_bf16_run(void **state)
{
    static const char *const model[] = { "micro-mha", "micro-mla" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        Logits exact = prompt_logits(model[i], "single", &(Vl2Options){ .compute = "f32" });
        Logits fast = prompt_logits(model[i], "single", &(Vl2Options){ .compute = "bf16" });
        double squares = 0;
        size_t same = 0;
        for (size_t k = 0; k < exact.rows * exact.cols; k++) squares += pow(exact.logits[k] - fast.logits[k], 2);
        for (size_t row = 0; row < exact.rows; row++) same += best_of(&exact, row) == best_of(&fast, row);
        const double rms = sqrt(squares / (double)(exact.rows * exact.cols));
        assert_true(rms > 1e-4); /* it does round */
        assert_within(model[i], rms, 0.23);
        assert_within("other best tokens", 1 - (double)same / (double)exact.rows, 0.13);
        free(exact.logits);
        free(fast.logits);
    }
}

static void bf16_has_the_same_bits_for_any_chunk_and_threads(void **state)
{
    static const Vl2Options o[] = { { .compute = "bf16", .chunk = 4096, .threads = 1 },
                                    { .compute = "bf16", .chunk = 13, .threads = 1 },
                                    { .compute = "bf16", .chunk = 64, .threads = 3 } };
    (void)state;
    Logits first = prompt_logits("micro-mla", "multi", &o[0]);
    for (int i = 1; i < 3; i++) {
        Logits other = prompt_logits("micro-mla", "multi", &o[i]);
        assert_int_equal(first.rows, other.rows);
        assert_memory_equal(first.logits, other.logits, first.rows * first.cols * sizeof(float));
        free(other.logits);
    }
    free(first.logits);
}

static void bf16_leaves_other_weights_exact(void **state)
{
    (void)state;
    Logits a = prompt_logits("micro-mha-f32", "text", &(Vl2Options){ .compute = "f32" });
    Logits b = prompt_logits("micro-mha-f32", "text", &(Vl2Options){ .compute = "bf16" });
    assert_memory_equal(a.logits, b.logits, a.rows * a.cols * sizeof(float));
    free(a.logits);
    free(b.logits);
}

TEST_MAIN(TEST(bf16_is_no_further_than_the_official_bf16_run), TEST(bf16_has_the_same_bits_for_any_chunk_and_threads),
          TEST(bf16_leaves_other_weights_exact))
