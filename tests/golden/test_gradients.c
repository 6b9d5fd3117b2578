/* test_gradients.c - training against the official implementation: loss, balance losses, every stored gradient and the norm of
 * every one, three steps of AdamW; and against itself: blocks computed again and other numbers of threads give the same bits. */
#include "trainee.h"

typedef struct {
    json_t *file, *train; /* case.json, and "train" in it */
    TensorFiles *expected;
    Trainee t;
    Params params;
    Backprop b;
} Bench;

/* The reduced copy in the project holds small gradients, without the ids. */
static TensorFiles *load_gradients(const char *model)
{
    char name[128];
    snprintf(name, sizeof name, "%s/expected_train.safetensors", model);
    return load_expected(model,
                         file_exists(golden_path(name)) ? "expected_train.safetensors" : "train_grads.safetensors");
}

static void open_bench(Bench *s, const char *model, const char *batch, int threads, const BackpropOptions *o)
{
    static const ParamChoice everything;
    Error e;
    s->expected = load_gradients(model); /* first: a skip leaves nothing behind */
    s->file = load_case(model);
    s->train = json_object_get(s->file, "train");
    open_trainee(&s->t, model_file(model, ""), threads);
    load_samples(&s->t, json_object_get(json_object_get(s->train, batch), "messages"));
    if (!params_open(&s->params, &s->t.model, &everything, &e) ||
        !backprop_open(&s->b, &s->t.model, s->t.k, s->t.pool, o, &e))
        fail_msg("%s", e.text);
}

static void close_bench(Bench *s)
{
    backprop_close(&s->b);
    params_close(&s->params);
    close_trainee(&s->t);
    tensor_files_close(s->expected);
    json_decref(s->file);
}

static double learn(Bench *s)
{
    Error e;
    BackpropResult result;
    params_zero_grad(&s->params);
    if (!backprop(&s->b, s->t.sample, s->t.n_samples, 0, true, &result, &e)) fail_msg("%s", e.text);
    return result.loss / (double)result.n_labels;
}

static double norm_of(const Bench *s)
{
    return gradient_norm(s->t.k, s->t.pool, s->params.grad, s->params.n_values);
}

static double number(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_number(v)) fail_msg("case.json: no number %s", key);
    return json_number_value(v);
}

/* 10 x the error of the reference's own f32 run against f64: what another order of summation may cost. The floor is 4 ulp of
 * the largest gradient, for tensors where the reference happens to be exact. */
static double bound_of_grad(const json_t *section, const char *name)
{
    const json_t *v = json_object_get(json_object_get(section, "grad_fp32_vs_fp64"), name);
    if (!v) fail_msg("the reference states no error for %s", name);
    return fmax(10 * number(v, "max_abs_err"), 4 * 0x1p-23 * number(v, "max_abs"));
}

static void compare_gradients(const Bench *s, const json_t *section, const char *prefix)
{
    char what[160] = "none";
    double worst = 0;
    int compared = 0;
    for (int i = 0; i < tensor_files_count(s->expected); i++) {
        const FileTensor *x = tensor_files_at(s->expected, i);
        if (!str_starts(x->name, prefix)) continue;
        const char *name = x->name + strlen(prefix);
        const Param *p = params_find(&s->params, name);
        if (!p) fail_msg("%s is not trained", name);
        assert_int_equal(p->n, n_elements(x));
        const double bound = bound_of_grad(section, name);
        for (size_t k = 0; k < p->n; k++) {
            const double d = fabs((double)s->params.grad[p->at + k] - (double)f32_at(x, k)) / bound;
            if (d > worst || isnan(d)) {
                worst = isnan(d) ? INFINITY : d;
                snprintf(what, sizeof what, "%s", name);
            }
        }
        compared++;
    }
    printf("# %d gradients %s*, the worst is %s\n", compared, prefix, what);
    assert_true(compared > 0);
    assert_within("share of the bound", worst, 1);
}

/* The reference says that a f32 run is 2e-7 of the norm away from f64; norms add up many more roundings than one. */
enum { ULPS_OF_A_NORM = 40 };
static double norm_bound(double norm)
{
    return ULPS_OF_A_NORM * 0x1p-24 * norm;
}

/* Every parameter of the reference that has a gradient is trained here, and has one of the same norm. */
static void compare_norms(const Bench *s, const json_t *section)
{
    const char *name;
    const json_t *v;
    double worst = 0;
    const json_t *norms = json_object_get(section, "grad_norm_per_param");
    assert_int_equal(json_object_size(norms), s->params.n);
    json_object_foreach((json_t *)(uintptr_t)norms, name, v)
    {
        const Param *p = params_find(&s->params, name);
        if (!p) fail_msg("%s is not trained", name);
        const double want_norm = json_number_value(v);
        const double d = fabs(gradient_norm(s->t.k, s->t.pool, s->params.grad + p->at, p->n) - want_norm);
        worst = fmax(worst, d / (1e-4 * want_norm + 1e-7));
    }
    assert_within("norms of all gradients, share of 1e-4", worst, 1);
}

static void compare_reports(const Bench *s, const json_t *section)
{
    const char *layer;
    const json_t *v;
    double worst = 0;
    json_object_foreach(json_object_get(section, "aux_loss_per_moe_layer"), layer, v) if (json_is_number(v)) worst =
        fmax(worst, fabs(backprop_report(&s->b, atoi(layer))->balance - json_number_value(v)));
    assert_within("balance losses", worst, 1e-8); /* of 1e-3: f32 scores, 1000 times 1e-8 */
    json_object_foreach(json_object_get(section, "tokens_per_expert"), layer, v) for (size_t i = 0;
                                                                                      i < json_array_size(v); i++)
        assert_int_equal(backprop_report(&s->b, atoi(layer))->load[i], json_integer_value(json_array_get(v, i)));
}

static void equal_batch_equals_official(void **state)
{
    Bench s;
    open_bench(&s, *state, "equal", 2, &(BackpropOptions){ .balance = true });
    const json_t *section = json_object_get(s.train, "equal");
    assert_within("loss", fabs(learn(&s) - number(section, "loss_fp64")), 2e-5);
    compare_reports(&s, section);
    compare_gradients(&s, section, "equal.grad.");
    compare_norms(&s, section);
    const double norm = number(section, "grad_global_norm_fp64");
    assert_within("norm of all", fabs(norm_of(&s) - norm), norm_bound(norm));
    close_bench(&s);
}

static void balance_loss_can_be_left_out(void **state)
{
    Bench s;
    open_bench(&s, *state, "equal", 2, &(BackpropOptions){ .recompute = true });
    const json_t *section = json_object_get(s.train, "equal"); /* states the errors */
    learn(&s);
    if (json_object_get(section, "without_aux")) /* else a model without that loss */
        compare_gradients(&s, section, "equal_noaux.grad.");
    for (int i = 0; i < s.t.model.config.language.n_layers; i++) assert_true(backprop_report(&s.b, i)->balance == 0);
    close_bench(&s);
}

/* Samples of unequal length stand one after the other: what the reference gets without padding. */
static void unequal_batch_equals_clean_official(void **state)
{
    Bench s;
    open_bench(&s, *state, "padded", 2, &(BackpropOptions){ .recompute = true });
    const json_t *section = json_object_get(json_object_get(s.train, "padded"), "clean");
    assert_within("loss", fabs(learn(&s) - number(section, "loss_fp64")), 2e-5);
    compare_gradients(&s, section, "padded_clean.grad.");
    const double norm = number(section, "grad_global_norm_fp64");
    assert_within("norm of all", fabs(norm_of(&s) - norm), norm_bound(norm));
    close_bench(&s);
}

static void step(Bench *s, Adam *a, const json_t *options)
{
    const float factor = clip_factor(&a->options, norm_of(s));
    a->step++;
    adam_update(a, s->t.k, s->t.pool, s->params.value, s->params.grad, 0, s->params.n_values, number(options, "lr"),
                factor);
}

/* ||ours - theirs|| / ||theirs - start||: Adam turns the rounding noise of tiny gradients into whole steps, so the largest
 * difference says nothing. Bound: 10 x the reference's own f32 run against f64, at least 1e-4. */
static void compare_update(const Bench *s, const FileTensor *x, const float *start, const json_t *options)
{
    const char *name = x->name + strlen("equal.after3.");
    const Param *p = params_find(&s->params, name);
    const json_t *v = json_object_get(json_object_get(options, "fp32_vs_fp64"), name);
    assert_true(p && v);
    double far = 0, moved = 0;
    for (size_t k = 0; k < p->n; k++) {
        far += pow((double)s->params.value[p->at + k] - (double)f32_at(x, k), 2);
        moved += pow((double)f32_at(x, k) - (double)start[p->at + k], 2);
    }
    assert_within(name, sqrt(far / moved), fmax(1e-4, 10 * number(v, "rel_l2_err_of_the_update")));
}

static void three_steps_equal_official(void **state)
{
    Bench s;
    Error e;
    Adam a;
    const AdamOptions defaults = ADAM_DEFAULTS;
    open_bench(&s, *state, "equal", 2, &(BackpropOptions){ .balance = true, .recompute = true });
    const json_t *options = json_object_get(s.train, "adamw"),
                 *losses = json_object_get(options, "loss_before_each_step_fp64");
    float *start = xcalloc(s.params.n_values, sizeof *start);
    memcpy(start, s.params.value, s.params.n_values * sizeof *start);
    assert_true(adam_open(&a, &defaults, s.params.n_values, &e));
    for (size_t i = 0; i < json_array_size(losses); i++) {
        assert_within("loss before a step", fabs(learn(&s) - json_number_value(json_array_get(losses, i))), 1e-4);
        step(&s, &a, options);
    }
    assert_within("loss after the last step", fabs(learn(&s) - number(options, "loss_after_last_step_fp64")), 1e-4);
    for (int i = 0; i < tensor_files_count(s.expected); i++)
        if (str_starts(tensor_files_at(s.expected, i)->name, "equal.after3."))
            compare_update(&s, tensor_files_at(s.expected, i), start, options);
    adam_close(&a);
    free(start);
    close_bench(&s);
}

/* Full tape with 2 threads, recomputed with 1: the same bits. */
static void recomputation_and_threads_change_no_bit(void **state)
{
    Bench s;
    open_bench(&s, *state, "equal", 2, &(BackpropOptions){ .balance = true });
    const double loss = learn(&s);
    const size_t n = s.params.n_values;
    float *first = xcalloc(n, sizeof *first);
    memcpy(first, s.params.grad, n * sizeof *first);
    close_bench(&s);
    open_bench(&s, *state, "equal", 1, &(BackpropOptions){ .balance = true, .recompute = true });
    assert_true(learn(&s) == loss);
    assert_int_equal(s.params.n_values, n);
    assert_memory_equal(s.params.grad, first, n * sizeof *first);
    free(first);
    close_bench(&s);
}

int main(void)
{
    static const Promise promises[] = {
        { "equal_batch_equals_official", equal_batch_equals_official },
        { "balance_loss_can_be_left_out", balance_loss_can_be_left_out },
        { "unequal_batch_equals_clean_official", unequal_batch_equals_clean_official },
        { "three_steps_equal_official", three_steps_equal_official },
        { "recomputation_and_threads_change_no_bit", recomputation_and_threads_change_no_bit },
    };
    return run_promises(promises, sizeof promises / sizeof *promises);
}
