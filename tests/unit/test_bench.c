/* test_bench.c - what a bench measures, what it says about it, and that it ends when it is told. */
#include "bench/bench.h"

#include "bench_support.h"
#include "golden_model.h"

static BenchPlan plan_of(bool (*go_on)(void *, const char *, double), void *context)
{
    static const int prompts[] = { 8, 40 }, depths[] = { 0, 40 }, batches[] = { 1, 3 };
    BenchPlan p = { .repeat = 2,
                    .tokens = 10,
                    .prefill = { prompts, 2 },
                    .depth = { depths, 2 },
                    .batch = { batches, 2 },
                    .watch = { go_on, context } };
    for (int t = 0; t < BENCH_TESTS; t++) p.test[t] = true;
    return p;
}

static const BenchRow *find_row(const BenchReport *r, const char *name, int at)
{
    for (int i = 0; i < r->n_rows; i++)
        if (!strcmp(r->row[i].name, name) && r->row[i].at == at) return &r->row[i];
    fail_msg("no line of %s at %d", name, at);
    return NULL;
}

static void spread_leaves_out_the_ends_of_many(void **state)
{
    (void)state;
    double few[] = { 3, 1, 2, 9 }, many[20];
    const Spread f = spread_of(few, 4);
    assert_true(f.median == 2.5 && f.low == 1 && f.high == 9 && f.n == 4);
    for (int i = 0; i < 20; i++) many[i] = 20 - i;
    const Spread m = spread_of(many, 20);
    assert_true(m.median == 10.5 && m.low == 3 && m.high == 18 && m.n == 20);
    assert_int_equal(spread_of(few, 0).n, 0);
}

/* Every line is there, with the samples that the plan asks for, and a share that is value and limit of one moment. */
static void all_that_was_asked_for_is_measured(void **state)
{
    static const struct {
        const char *name;
        int at, samples;
    } lines[] = { { "load", 0, 2 },         { "vision tile", 0, 2 },       { "first token", 0, 2 },
                  { "prefill", 8, 2 },      { "prefill", 40, 2 },          { "decode", 0, 4 },
                  { "decode", 40, 4 },      { "memory after load", 0, 1 }, { "memory peak", 0, 1 },
                  { "batch decode", 1, 4 }, { "batch decode", 3, 4 } };
    enum { LINES = sizeof lines / sizeof *lines };
    double last = 0;
    Error e;
    BenchReport r;
    (void)state;
    const BenchPlan p = plan_of(is_patient, &last);
    const Vl2Options o = {
        .model = model_file("micro-mha", ""), .context = 500, .threads = 2, .chunk = 64, .compute = "f32"
    };
    if (!bench_run(&o, &p, &r, &e)) fail_msg("%s", e.text);
    assert_true(r.complete && last > 0.5);
    assert_int_equal(r.n_rows, LINES);
    for (int i = 0; i < LINES; i++) {
        const BenchRow *w = find_row(&r, lines[i].name, lines[i].at);
        assert_int_equal(w->value.n, lines[i].samples);
        assert_true(w->value.low > 0 && w->value.low <= w->value.median && w->value.median <= w->value.high);
        if (w->limit_of[0]) assert_true(w->share.median > 0 && w->share.median < 10 && w->limit > 0);
    }
    assert_true(find_row(&r, "batch decode", 1)->times_one == 1);
    assert_int_equal(r.threads, 2);
    assert_int_equal(r.machine[r.n_machine - 1].threads, 2);
    assert_string_equal(r.model, "micro-mha");
    assert_string_equal(r.types, "BF16 100 %");
    assert_string_equal(r.compute, "f32");
    assert_int_equal(r.weights_of_token, 274432);
    bench_report_free(&r);
}

static void a_bench_that_is_stopped_keeps_what_it_has(void **state)
{
    int left = 40;
    Error e;
    BenchReport r;
    (void)state;
    BenchPlan p = plan_of(is_impatient, &left);
    p.test[BENCH_VISION] = p.test[BENCH_FIRST_TOKEN] = p.test[BENCH_LOAD] = false;
    p.tokens = 10000;
    const Vl2Options o = { .model = model_file("micro-mha", ""), .context = 64, .threads = 1 };
    if (!bench_run(&o, &p, &r, &e)) fail_msg("%s", e.text);
    assert_false(r.complete);
    assert_int_equal(find_row(&r, "prefill", 8)->value.n, 2);
    assert_true(find_row(&r, "decode", 0)->value.n < 40);
    for (int i = 0; i < r.n_rows; i++) assert_string_not_equal(r.row[i].name, "batch decode");
    bench_report_free(&r);
}

static void failures_are_told(void **state)
{
    double last = 0;
    Error e;
    BenchReport r;
    (void)state;
    const BenchPlan p = plan_of(is_patient, &last);
    assert_false(bench_run(&(Vl2Options){ .model = "/nowhere", .context = 64, .threads = 1 }, &p, &r, &e));
    assert_non_null(strstr(e.text, "/nowhere"));
    bench_report_free(&r);
    assert_false(bench_run(&(Vl2Options){ .model = "/nowhere", .context = 64, .cpu = "sse9" }, &p, &r, &e));
    assert_non_null(strstr(e.text, "sse9"));
    bench_report_free(&r);
}

TEST_MAIN(TEST(spread_leaves_out_the_ends_of_many), TEST(all_that_was_asked_for_is_measured),
          TEST(a_bench_that_is_stopped_keeps_what_it_has), TEST(failures_are_told))
