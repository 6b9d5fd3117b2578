/* test_lora.c - adapters against PEFT on the official implementation: logits of a model with an adapter on it, the sum of a matrix
 * and its adapter, gradients of both matrices; and what must not matter: the batch, how often an adapter is split in two. */
#include "model/lora.h"
#include "trainee.h"

typedef struct {
    const char *model;
    json_t *file, *lora; /* case.json, and "lora" in it */
    TensorFiles *expected;
    char path[512]; /* of the adapter */
} Bench;

static void open_bench(Bench *s, const char *model)
{
    s->model = model;
    s->expected = load_expected(model, "expected_lora.safetensors"); /* first: a skip leaves nothing behind */
    s->file = load_case(model);
    s->lora = json_object_get(s->file, "lora");
    snprintf(s->path, sizeof s->path, "%s", model_file(model, "lora"));
}

static void close_bench(Bench *s)
{
    tensor_files_close(s->expected);
    json_decref(s->file);
}

static double number(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_number(v)) fail_msg("case.json: no number %s", key);
    return json_number_value(v);
}

/* Logits of every position of a conversation, with adapters on; caller frees with close_traced(). */
typedef struct {
    Vl2Engine *engine;
    Trace trace;
    Messages messages;
    Vl2Request *r;
    const TracedTensor *logits;
} Traced;

static void trace_engine(Traced *t, Vl2Engine *engine, const Bench *s, const char *conversation)
{
    Vl2Sampling o = VL2_GREEDY;
    o.max_tokens = 1;
    load_messages(
        &t->messages,
        json_object_get(json_object_get(json_object_get(s->file, "conversations"), conversation), "messages"));
    t->engine = engine;
    trace_open(&t->trace, "logits");
    engine_trace(t->engine, &t->trace.sink, true);
    t->r = submit(t->engine, &t->messages, &o);
    run_to_end(t->r);
    t->logits = trace_find(&t->trace, "logits");
    assert_non_null(t->logits);
}

static void open_traced(Traced *t, const Bench *s, const char *conversation, const char *const *lora, int n, int chunk)
{
    const Vl2Options o = { .lora = lora, .n_lora = n, .chunk = chunk };
    trace_engine(t, open_engine(s->model, &o), s, conversation);
}

static void close_traced(Traced *t)
{
    trace_close(&t->trace);
    vl2_close(t->engine);
    free_messages(&t->messages);
}

static double distance(const FileTensor *x, const float *seen)
{
    double worst = 0;
    for (size_t i = 0; i < n_elements(x); i++) {
        const double d = fabs((double)seen[i] - (double)f32_at(x, i));
        if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

static void logits_with_adapter_equal_official(void **state)
{
    static const char *const conversations[] = { "single", "text" };
    Bench s;
    open_bench(&s, *state);
    for (int i = 0; i < 2; i++) {
        Traced t;
        char name[64];
        const char *const path = s.path;
        open_traced(&t, &s, conversations[i], &path, 1, 0);
        const size_t n = (size_t)t.r->prompt.n, cols = t.logits->cols;
        /* 10 x the error of the reference's own f32 run against f64: what another order of summation may cost */
        const double bound =
            10 * number(json_object_get(json_object_get(s.lora, "logits"), conversations[i]), "max_abs_err_vs_fp64");
        snprintf(name, sizeof name, "%s.logits_last", conversations[i]);
        assert_within(name, distance(want(s.expected, name), t.logits->data + (n - 1) * cols), bound);
        snprintf(name, sizeof name, "%s.logits_at_half", conversations[i]);
        assert_within(name, distance(want(s.expected, name), t.logits->data + n / 2 * cols), bound);
        close_traced(&t);
    }
    close_bench(&s);
}

/* The chunk changes which rows stand together in a product: not a bit may change. */
static void a_row_with_adapter_does_not_know_its_company(void **state)
{
    Bench s;
    Traced whole, pieces;
    open_bench(&s, *state);
    const char *const path = s.path;
    open_traced(&whole, &s, "text", &path, 1, 0);
    open_traced(&pieces, &s, "text", &path, 1, 3);
    const size_t n = (size_t)whole.r->prompt.n * whole.logits->cols;
    assert_true(pieces.logits->rows >= (size_t)whole.r->prompt.n);
    assert_memory_equal(whole.logits->data, pieces.logits->data, n * sizeof(float));
    close_traced(&whole);
    close_traced(&pieces);
    close_bench(&s);
}

/* Half of an adapter twice is the adapter; scaled by zero it is none. */
static void adapters_add_up(void **state)
{
    Bench s;
    Traced once, twice, none, zero;
    char half[600], nothing[600];
    open_bench(&s, *state);
    snprintf(half, sizeof half, "%s:0.5", s.path);
    snprintf(nothing, sizeof nothing, "%s:0", s.path);
    open_traced(&once, &s, "text", (const char *const[]){ s.path }, 1, 0);
    open_traced(&twice, &s, "text", (const char *const[]){ half, half }, 2, 0);
    open_traced(&none, &s, "text", NULL, 0, 0);
    open_traced(&zero, &s, "text", (const char *const[]){ nothing }, 1, 0);
    const size_t n = (size_t)once.r->prompt.n * once.logits->cols;
    double worst = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)once.logits->data[i] - (double)twice.logits->data[i]));
        most = fmax(most, fabs((double)once.logits->data[i] - (double)none.logits->data[i]));
        assert_true(none.logits->data[i] == zero.logits->data[i]);
    }
    assert_true(most > 1);                                          /* the adapter does something */
    assert_within("half and half against one", worst, 1e-3 * most); /* f32 sums in another order, through all layers */
    close_traced(&once);
    close_traced(&twice);
    close_traced(&none);
    close_traced(&zero);
    close_bench(&s);
}

static void gradients_of_adapters_equal_official(void **state)
{
    Bench s;
    Trainee t;
    Adapter a;
    Params params;
    Backprop b;
    Error e;
    BackpropResult result;
    open_bench(&s, *state);
    open_trainee(&t, model_file(s.model, ""), 2);
    load_samples(&t, json_object_get(json_object_get(json_object_get(s.file, "train"), "equal"), "messages"));
    const BackpropOptions options = { .recompute = true, .balance = true };
    if (!adapter_open(&a, s.path, &e) || !params_open_adapter(&params, &t.model, &a, &e) ||
        !backprop_open(&b, &t.model, t.k, t.pool, &options, &e) ||
        !backprop(&b, t.sample, t.n_samples, 0, true, &result, &e))
        fail_msg("%s", e.text);
    const json_t *train = json_object_get(s.lora, "train");
    assert_within("loss", fabs(result.loss / (double)result.n_labels - number(train, "loss_fp64")), 2e-5);
    const double norm = number(train, "grad_global_norm_fp64");
    assert_within("norm", fabs(gradient_norm(t.k, t.pool, params.grad, params.n_values) - norm), 40 * 0x1p-24 * norm);
    for (int i = 0; i < tensor_files_count(s.expected); i++) {
        const FileTensor *x = tensor_files_at(s.expected, i);
        if (!str_starts(x->name, "grad.")) continue;
        char name[160];
        snprintf(name, sizeof name, "%.*s", (int)(strlen(x->name) - strlen("grad.") - strlen(".weight")), x->name + 5);
        const json_t *v = json_object_get(json_object_get(train, "grad_fp32_vs_fp64"), name);
        const Param *p = params_find(&params, x->name + 5);
        assert_true(p && v);
        assert_int_equal(p->n, n_elements(x));
        assert_within(name, distance(x, params.grad + p->at), 10 * number(v, "max_abs_err"));
    }
    backprop_close(&b);
    params_close(&params);
    adapter_close(&a);
    close_trainee(&t);
    close_bench(&s);
}

typedef struct {
    const Bench *s;
    const Kernels *k;
    int compared;
} Merged;

/* Both sides are one f32 product of rank 4 added to a matrix: an ulp or two of its largest element, 0.5. */
static bool compare_merged(void *context, const ParameterSlot *slot)
{
    Merged *m = context;
    char name[160];
    snprintf(name, sizeof name, "merged.%s", slot->name);
    const FileTensor *x = tensor_files_find(m->s->expected, name);
    if (!x) return true;
    const Weight *w = slot->matrix;
    const size_t n = (size_t)w->rows * (size_t)w->cols;
    float *sum = xcalloc(n, sizeof *sum);
    for (int i = 0; i < w->rows; i++)
        m->k->to_f32[w->dtype](sum + (size_t)i * (size_t)w->cols,
                               (const unsigned char *)w->data + (size_t)i * weight_stride(w), w->cols);
    adapter_merge(m->k, w->lora, sum);
    assert_within(name, distance(x, sum), 2.5e-7);
    m->compared++;
    free(sum);
    return true;
}

static void merged_matrices_equal_official(void **state)
{
    Bench s;
    Trainee t;
    Adapter a;
    Error e;
    open_bench(&s, *state);
    open_trainee(&t, model_file(s.model, ""), 1);
    if (!adapter_open(&a, s.path, &e) || !model_add_adapter(&t.model, &a, 1, &e)) fail_msg("%s", e.text);
    Merged m = { &s, t.k, 0 };
    assert_true(weights_visit(&t.model.weights, &t.model.config, compare_merged, &m, &e));
    assert_int_equal(m.compared, 3);
    adapter_close(&a);
    close_trainee(&t);
    close_bench(&s);
}

/* An engine on the model whose adapter is being learnt, that of keys and values of latent attention too, has the logits of one that
 * opened the adapter; and sees what is learnt after. */
static void answering_while_learning_is_answering_with_the_adapter(void **state)
{
    Bench s;
    Error e;
    Trainee learner;
    Params p;
    Adapter a;
    Traced opened, learning;
    open_bench(&s, *state);
    const char *const path = s.path;
    const Vl2Options o = { .compute = "f32", .cpu = tested_cpu(), .threads = 1 };
    open_traced(&opened, &s, "text", &path, 1, 0);
    const size_t n = (size_t)opened.r->prompt.n * opened.logits->cols;
    open_trainee(&learner, model_file(s.model, ""), 1);
    if (!adapter_open(&a, s.path, &e) || !params_open_adapter(&p, &learner.model, &a, &e)) fail_msg("%s", e.text);
    for (int twice = 0; twice < 2; twice++) {
        Vl2Engine *engine = engine_open_on(&learner.model, &o, &e);
        if (!engine) fail_msg("%s", e.text);
        trace_engine(&learning, engine, &s, "text");
        const bool same = memcmp(learning.logits->data, opened.logits->data, n * sizeof(float)) == 0;
        assert_int_equal(same, twice == 0);
        close_traced(&learning);
        for (size_t i = 0; i < p.n_values; i++) p.value[i] *= 1.5f;
    }
    params_close(&p);
    adapter_close(&a);
    close_trainee(&learner);
    close_traced(&opened);
    close_bench(&s);
}

int main(void)
{
    static const Promise promises[] = {
        { "logits_with_adapter_equal_official", logits_with_adapter_equal_official },
        { "a_row_with_adapter_does_not_know_its_company", a_row_with_adapter_does_not_know_its_company },
        { "adapters_add_up", adapters_add_up },
        { "gradients_of_adapters_equal_official", gradients_of_adapters_equal_official },
        { "merged_matrices_equal_official", merged_matrices_equal_official },
        { "answering_while_learning_is_answering_with_the_adapter",
          answering_while_learning_is_answering_with_the_adapter },
    };
    return run_promises(promises, sizeof promises / sizeof *promises);
}
