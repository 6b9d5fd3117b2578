/* test_train_bench.c - what a bench of training measures, what it leaves out, and that it ends when it is told. */
#include "bench/train_bench.h"

#include "model/convert.h"

#include "bench_support.h"
#include "golden_model.h"
#include "temp_folder.h"

static TrainBenchPlan plan_of(const char *model, bool (*go_on)(void *, const char *, double), void *context)
{
    TrainBenchPlan p = {
        .model = model, .threads = 1, .samples = 2, .length = 20, .rank = 4, .repeat = 2, .watch = { go_on, context }
    };
    for (int m = 0; m < TRAIN_MODES; m++) p.mode[m] = true;
    return p;
}

static const BenchRow *find_row(const BenchReport *r, TrainMode mode, const char *what)
{
    char name[32];
    snprintf(name, sizeof name, "%s %s", TRAIN_MODE_NAMES[mode], what);
    for (int i = 0; i < r->n_rows; i++)
        if (strcmp(r->row[i].name, name) == 0) return &r->row[i];
    return NULL;
}

static void check_mode(const BenchReport *r, TrainMode mode)
{
    const BenchRow *step = find_row(r, mode, "step"), *pass = find_row(r, mode, "pass"),
                   *memory = find_row(r, mode, "memory");
    assert_true(step && pass && memory);
    assert_int_equal(step->value.n, 2);
    assert_int_equal(pass->value.n, 2);
    assert_true(pass->value.median >= step->value.median); /* which has the optimizer, too */
    assert_true(pass->share.median > 0 && pass->share.median < 10);
    assert_true(memory->value.median > 0);
}

/* micro-mha: 274432 weights that a token meets (test_work.c), adapters of rank 4 on q, k, v, o, on the dense MLP of 160 and on 8
 * experts of 48 in 3 layers, all of width 64. */
static void every_mode_is_measured(void **state)
{
    enum { ADAPTERS = 4 * (4 * 4 * (64 + 64) + 3 * (64 + 160) + 3 * 8 * 3 * (64 + 48)) };
    double last = 0;
    Error e;
    BenchReport r;
    (void)state;
    const TrainBenchPlan p = plan_of(model_file("micro-mha", ""), is_patient, &last);
    if (!train_bench_run(&p, &r, &e)) fail_msg("%s", e.text);
    assert_true(r.complete && last > 0.5);
    assert_int_equal(r.n_rows, 3 * TRAIN_MODES);
    for (int m = 0; m < TRAIN_MODES; m++) check_mode(&r, m);
    assert_int_equal(r.weights_of_token, 274432);
    assert_int_equal(r.training.adapter, ADAPTERS);
    assert_int_equal(r.training.tokens, 40);
    assert_string_equal(r.training.left_out, "");
    bench_report_free(&r);
}

static void a_picture_is_learnt_where_one_is_given(void **state)
{
    double last = 0;
    Error e;
    BenchReport r;
    (void)state;
    TrainBenchPlan p = plan_of(model_file("micro-mla-noaux", ""), is_patient, &last);
    for (int m = 0; m < TRAIN_MODES; m++) p.mode[m] = m == TRAIN_LORA_RECOMPUTE;
    p.image = golden_or_skip("images/cat.png");
    p.samples = p.repeat = 1;
    if (!train_bench_run(&p, &r, &e)) fail_msg("%s", e.text);
    assert_int_equal(r.n_rows, 3);
    assert_true(r.training.tokens > 30); /* a tile alone has more rows than the question */
    bench_report_free(&r);
    p.image = "/nowhere/cat.png";
    assert_false(train_bench_run(&p, &r, &e));
    assert_non_null(strstr(e.text, "/nowhere"));
    bench_report_free(&r);
}

/* A model that is quantised already has one kind of adapters. */
static void what_cannot_be_is_left_out_or_refused(void **state)
{
    double last = 0;
    Error e;
    BenchReport r;
    Model m;
    ConvertPlan plan;
    ConvertOptions o = { .to = CONVERT_GGUF };
    (void)state;
    Pool *pool = pool_open(1, &e);
    TempFolder folder = temp_open();
    const char *path = temp_path(&folder, "m.gguf");
    if (!weight_types_find("q8_0", &o.types, &e) || !model_open(&m, model_file("micro-mha", ""), &e) ||
        !convert_plan(&plan, &m, &o, &e) || !convert_run(&plan, &m, &o, path, pool, NULL, &e))
        fail_msg("%s", e.text);
    convert_plan_free(&plan);
    model_close(&m);
    TrainBenchPlan p = plan_of(path, is_patient, &last);
    p.repeat = 1;
    if (!train_bench_run(&p, &r, &e)) fail_msg("%s", e.text);
    assert_int_equal(r.n_rows, 3 * (TRAIN_MODES - 2));
    assert_string_equal(r.training.left_out, "lora: the model is quantised: that is qlora");
    bench_report_free(&r);
    p.asked = true;
    assert_false(train_bench_run(&p, &r, &e));
    assert_non_null(strstr(e.text, "lora: the model is quantised"));
    bench_report_free(&r);
    pool_close(pool);
    temp_close(&folder);
}

static void a_bench_that_is_stopped_keeps_what_it_has(void **state)
{
    int left = 4; /* the limits, a step to warm up, one that counts */
    Error e;
    BenchReport r;
    (void)state;
    const TrainBenchPlan p = plan_of(model_file("micro-mha", ""), is_impatient, &left);
    if (!train_bench_run(&p, &r, &e)) fail_msg("%s", e.text);
    assert_false(r.complete);
    assert_int_equal(r.n_rows, 3);
    assert_int_equal(find_row(&r, TRAIN_FULL, "step")->value.n, 1);
    bench_report_free(&r);
}

TEST_MAIN(TEST(every_mode_is_measured), TEST(a_picture_is_learnt_where_one_is_given),
          TEST(what_cannot_be_is_left_out_or_refused), TEST(a_bench_that_is_stopped_keeps_what_it_has))
