/* test_trainer.c - runs of training on micro models: a resumed run has the bits of one that was not interrupted, what was learnt
 * is a model like any other, data that break a run are named. On the two micro models with small tiles: vision is a tenth of the
 * work there. */
#include <math.h>

#include "model/convert.h"
#include "train/result.h"

#include "train_support.h"
#include "trainee.h"

/* A run on text and pictures of one colour, written to a folder of its own. */
typedef struct {
    TempFolder folder;
    Trainee trainee;
    Dataset data;
    Survey survey;
    SampleRules rules;
    TrainerOptions options;
    Trainer trainer;
} TestRun;

static void write_records(TempFolder *folder, int n)
{
    Str lines = { 0 };
    for (int i = 0; i < n; i++) {
        char name[32];
        const bool picture = i % 3 == 0;
        snprintf(name, sizeof name, "%d.png", i);
        if (picture) write_picture(folder, name, 20 + i, 30);
        str_printf(
            &lines,
            "{\"messages\": [{\"role\": \"user\", \"content\": \"%sWhat is %d plus %d?\"}, {\"role\": \"assistant\", "
            "\"content\": \"%d it is\"}]",
            picture ? "<image>\\n" : "", i, i, 2 * i);
        if (picture) str_printf(&lines, ", \"images\": [\"%s\"]", name);
        str_printf(&lines, "}\n");
    }
    temp_write(folder, "data.jsonl", lines.text, lines.n);
    str_free(&lines);
}

static TrainerOptions small_run(void)
{
    const AdamOptions adam = ADAM_DEFAULTS;
    return (TrainerOptions){ .order = { .seed = 7, .batch = 2 },
                             .accumulate = 2,
                             .epochs = 2,
                             .adam = adam,
                             .schedule = SCHEDULE_COSINE,
                             .rate = 1e-3,
                             .warmup = 2,
                             .vision_rate = 0.5,
                             .projector_rate = 1,
                             .backprop = { .balance = true } };
}

static void open_data(TestRun *r, const char *model, int n, int threads)
{
    Error e;
    const char *path;
    const char *where = model[0] == '/' ? model : golden_or_skip(model);
    r->folder = temp_open();
    write_records(&r->folder, n);
    open_trainee(&r->trainee, where, threads);
    r->rules = (SampleRules){ .config = &r->trainee.model.config,
                              .tokenizer = r->trainee.model.tokenizer,
                              .added = ADDED_GROUNDING,
                              .mask_prompt = true,
                              .max_length = 4096,
                              .pictures = IMAGE_DEFAULTS };
    path = temp_path(&r->folder, "data.jsonl");
    if (!dataset_open(&r->data, &path, 1, &(DatasetOptions){ 0 }, &e) ||
        !survey_take(&r->survey, &r->data, &r->rules, false, r->trainee.pool, NULL, NULL, &e))
        fail_msg("%s", e.text);
}

static void open_run_on(TestRun *r, const char *model, int records, const TrainerOptions *o, int threads)
{
    Error e;
    open_data(r, model, records, threads);
    r->options = *o;
    if (!trainer_open(&r->trainer, o, &r->trainee.model, r->trainee.k, r->trainee.pool, &r->data, &r->survey, &r->rules,
                      &e))
        fail_msg("%s", e.text);
}

static void open_run(TestRun *r, const char *model, const TrainerOptions *o, int threads)
{
    open_run_on(r, model, 10, o, threads);
}

static void close_run(TestRun *r)
{
    trainer_close(&r->trainer);
    survey_free(&r->survey);
    dataset_close(&r->data);
    close_trainee(&r->trainee);
    temp_close(&r->folder);
}

static StepReport step_once(TestRun *r)
{
    Error e;
    StepReport report;
    if (!trainer_step(&r->trainer, &report, &e)) fail_msg("%s", e.text);
    return report;
}

static void run_to(TestRun *r, int64_t step)
{
    while (r->trainer.at.step < step) step_once(r);
}

/* Ten samples, two in a group, two groups in a step: three steps an epoch, the last of one group. */
static void a_resumed_run_has_the_bits_of_a_whole_one(void **state)
{
    TestRun whole, cut, rest;
    const TrainerOptions o = small_run();
    (void)state;
    open_run(&whole, "micro-mla-noaux", &o, 1);
    open_run(&cut, "micro-mla-noaux", &o, 2);
    assert_int_equal(whole.trainer.steps, 6);
    run_to(&whole, 6);
    const char *saved = temp_path(&cut.folder, "run.safetensors");
    for (int at = 0; at <= 6; at += at == 0 ? 1 : at == 1 ? 2 : 3) { /* 3: an epoch ends; 6: the run */
        Error e;
        run_to(&cut, at);
        if (!trainer_save(&cut.trainer, saved, &e)) fail_msg("%s", e.text);
        open_run(&rest, "micro-mla-noaux", &o, 3);
        if (!trainer_resume(&rest.trainer, saved, false, &e)) fail_msg("%s", e.text);
        assert_int_equal(rest.trainer.at.step, at);
        run_to(&rest, at == 0 ? 1 : 6);
        const bool ends = at > 0;
        assert_int_equal(trainer_is_done(&rest.trainer), ends);
        if (ends) {
            assert_int_equal(rest.trainer.at.tokens, whole.trainer.at.tokens);
            assert_memory_equal(rest.trainer.params.value, whole.trainer.params.value,
                                whole.trainer.params.n_values * sizeof(float));
        }
        close_run(&rest);
    }
    close_run(&whole), close_run(&cut);
}

/* The model in its folder says what the trained one says; of f32 models with the same bits. */
static void what_was_learnt_is_a_model(void **state)
{
    static const struct {
        const char *model;
        double bound; /* on the loss: bf16 parameters are rounded on the way */
    } rows[] = { { "micro-mha-f32", 1e-12 }, { "micro-mla-noaux", 5e-2 } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e;
        TestRun r;
        Trainer again = { 0 };
        Model m;
        double before, after, loss;
        const TrainerOptions o = small_run();
        open_run(&r, rows[i].model, &o, 2);
        if (!trainer_evaluate(&r.trainer, &r.data, &r.survey, &before, NULL, NULL, &e)) fail_msg("%s", e.text);
        run_to(&r, 6);
        if (!trainer_evaluate(&r.trainer, &r.data, &r.survey, &after, NULL, NULL, &e)) fail_msg("%s", e.text);
        assert_true(after < before);
        const char *folder = temp_path(&r.folder, "learnt");
        for (int twice = 0; twice < 2; twice++) /* the second one takes the place of the first */
            if (!trainer_write_result(&r.trainer, folder, &e)) fail_msg("%s", e.text);
        if (!model_open(&m, folder, &e) ||
            !trainer_open(&again, &o, &m, r.trainee.k, r.trainee.pool, &r.data, &r.survey, &r.rules, &e))
            fail_msg("%s", e.text);
        if (!trainer_evaluate(&again, &r.data, &r.survey, &loss, NULL, NULL, &e)) fail_msg("%s", e.text);
        assert_within(rows[i].model, fabs(loss - after), rows[i].bound);
        trainer_close(&again);
        model_close(&m);
        folder_remove(folder);
        close_run(&r);
    }
}

/* A few answers are learnt by heart: by all parameters, by adapters, and by adapters on a base of 4 bits. */
static void learn_by_heart(const char *what, const char *model, const LoraTargets *lora, double rate)
{
    TestRun r;
    TrainerOptions o = small_run();
    StepReport first, last;
    o.epochs = 15;
    o.accumulate = 5;
    o.rate = rate;
    o.lora = lora;
    open_run_on(&r, model, 3, &o, 2);
    first = last = step_once(&r);
    while (!trainer_is_done(&r.trainer)) last = step_once(&r);
    printf("# %s: loss %.3g, after %lld steps %.3g\n", what, first.loss, (long long)r.trainer.steps, last.loss);
    assert_true(last.loss < 0.1);
    close_run(&r);
}

static void a_small_set_is_learnt_by_heart(void **state)
{
    LoraTargets lora = { .rank = 16, .alpha = 32 };
    lora.target = lora_preset("small", &lora.n_targets);
    (void)state;
    learn_by_heart("all parameters", "micro-mha-f32", NULL, 1e-2);
    learn_by_heart("adapters", "micro-mla-noaux", &lora, 1e-2);

    Error e;
    Model m;
    ConvertPlan plan;
    TempFolder folder = temp_open();
    ConvertOptions o = { .to = CONVERT_GGUF };
    Pool *pool = pool_open(2, &e);
    golden_or_skip("micro-mla-noaux");
    if (!pool || !weight_types_find("q4_0", &o.types, &e) || !model_open(&m, golden_path("micro-mla-noaux"), &e) ||
        !convert_plan(&plan, &m, &o, &e) || !convert_run(&plan, &m, &o, temp_path(&folder, "m.gguf"), pool, NULL, &e))
        fail_msg("%s", e.text);
    convert_plan_free(&plan);
    model_close(&m);
    pool_close(pool);
    learn_by_heart("adapters on 4 bits", temp_path(&folder, "m.gguf"), &lora, 1e-2);
    temp_close(&folder);
}

/* The busiest expert's load over an even one, mean over the last steps of a run in which nothing else moves. */
static double settled_load(TestRun *r, float rate)
{
    TrainerOptions o = small_run();
    double sum = 0;
    o.rate = 0;
    o.epochs = 20;
    o.bias_rate = rate;
    open_run(r, "micro-mla-noaux", &o, 1);
    run_to(r, 50);
    for (int i = 0; i < 10; i++) sum += step_once(r).busiest;
    return sum / 10;
}

static void the_bias_evens_out_the_load(void **state)
{
    TestRun still, moved, resumed;
    Error e;
    (void)state;
    const double before = settled_load(&still, 0), after = settled_load(&moved, 0.01f);
    printf("# busiest expert over an even load: %.2f, with --bias-update %.2f\n", before, after);
    assert_true(after < 0.75 * before);
    const char *saved = temp_path(&moved.folder, "run.safetensors");
    if (!trainer_save(&moved.trainer, saved, &e)) fail_msg("%s", e.text);
    open_run(&resumed, "micro-mla-noaux", &moved.options, 1);
    if (!trainer_resume(&resumed.trainer, saved, false, &e)) fail_msg("%s", e.text);
    step_once(&moved), step_once(&resumed);
    assert_true(moved.trainer.bias.n > 0);
    for (int i = 0; i < moved.trainer.bias.n; i++) {
        const BiasLayer *l = &moved.trainer.bias.layer[i];
        assert_memory_equal(l->bias, resumed.trainer.bias.layer[i].bias, (size_t)l->n * sizeof *l->bias);
    }
    const char *folder = temp_path(&moved.folder, "learnt"); /* what was learnt holds the bias that moved */
    Model m;
    if (!trainer_write_result(&moved.trainer, folder, &e) || !model_open(&m, folder, &e)) fail_msg("%s", e.text);
    const BiasLayer *l = &moved.trainer.bias.layer[0];
    const float *written = m.weights.language.layer[l->layer].moe.router.correction_bias.data;
    for (int i = 0; i < l->n; i++) assert_true(fabs((double)written[i] - (double)l->bias[i]) < 0.01);
    model_close(&m);
    folder_remove(folder);
    close_run(&still), close_run(&moved), close_run(&resumed);
}

static void other_settings_are_listed(void **state)
{
    Error e;
    TestRun first, second;
    TrainerOptions o = small_run();
    (void)state;
    open_run(&first, "micro-mha-f32", &o, 1);
    o.rate = 2e-3;
    o.order.seed = 8;
    open_run(&second, "micro-mha-f32", &o, 1);
    run_to(&first, 1);
    const char *saved = temp_path(&first.folder, "run.safetensors");
    if (!trainer_save(&first.trainer, saved, &e)) fail_msg("%s", e.text);
    assert_false(trainer_resume(&second.trainer, saved, false, &e));
    assert_non_null(strstr(e.text, "seed (saved 7, now 8)"));
    assert_non_null(strstr(e.text, "rate (saved 0.001, now 0.002)"));
    assert_int_equal(second.trainer.at.step, 0);
    assert_true(trainer_resume(&second.trainer, saved, true, &e));
    assert_int_equal(second.trainer.at.step, 1);
    close_run(&first), close_run(&second);
}

static void other_parameters_are_refused(void **state)
{
    Error e;
    TestRun first, second;
    TrainerOptions o = small_run();
    (void)state;
    open_run(&first, "micro-mha-f32", &o, 1);
    o.choice.freeze_vision = true;
    open_run(&second, "micro-mha-f32", &o, 1);
    const char *saved = temp_path(&first.folder, "run.safetensors");
    if (!trainer_save(&first.trainer, saved, &e)) fail_msg("%s", e.text);
    assert_false(trainer_resume(&second.trainer, saved, true, &e));
    assert_non_null(strstr(e.text, "the run trained other parameters"));
    assert_false(trainer_resume(&second.trainer, model_file("micro-mha-f32", "model.safetensors"), true, &e));
    assert_non_null(strstr(e.text, "is no saved run"));
    close_run(&first), close_run(&second);
}

static void numbers_that_are_not_finite_end_the_run(void **state)
{
    Error e;
    TestRun r;
    StepReport report;
    const TrainerOptions o = small_run();
    (void)state;
    open_run(&r, "micro-mha-f32", &o, 1);
    const Param *p = params_find(&r.trainer.params, "language.model.layers.1.input_layernorm.weight");
    assert_non_null(p);
    r.trainer.params.value[p->at + 3] = NAN;
    float *before = xcalloc(r.trainer.params.n_values, sizeof *before);
    memcpy(before, r.trainer.params.value, r.trainer.params.n_values * sizeof *before);
    assert_false(trainer_step(&r.trainer, &report, &e));
    assert_non_null(strstr(e.text, "step 0: the loss is "));
    assert_non_null(strstr(e.text, "data.jsonl:"));
    assert_non_null(strstr(e.text, "it is in the parameter language.model.layers.1.input_layernorm.weight"));
    assert_memory_equal(before, r.trainer.params.value, r.trainer.params.n_values * sizeof *before);
    free(before);
    close_run(&r);
}

TEST_MAIN(TEST(a_resumed_run_has_the_bits_of_a_whole_one), TEST(what_was_learnt_is_a_model),
          TEST(a_small_set_is_learnt_by_heart), TEST(the_bias_evens_out_the_load), TEST(other_settings_are_listed),
          TEST(other_parameters_are_refused), TEST(numbers_that_are_not_finite_end_the_run))
