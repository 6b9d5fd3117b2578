/* test_calibrate.c - calibration against the trace of the same forward pass: what went into a matrix, computed once more from
 * the tensors that the trace shows, in doubles. */
#include "engine/calibrate.h"
#include "format/quantize.h"
#include "golden_model.h"

static const char *const MODELS[] = { "micro-mha", "micro-mla" };

/* An engine that has read one conversation with a picture, its trace and what calibration found. */
typedef struct {
    Vl2Engine *engine;
    Trace trace;
    Importance *importance;
} Seen;

static void look(Seen *s, const char *model)
{
    Error e;
    Messages m;
    json_t *c = load_case(model);
    s->engine = open_engine(model, NULL);
    load_messages(&m, json_object_get(json_object_get(json_object_get(c, "conversations"), "single"), "messages"));
    trace_open(&s->trace, NULL);
    engine_trace(s->engine, &s->trace.sink, true);
    Calibration *calibration = calibration_begin(s->engine);
    Vl2Sampling one = VL2_GREEDY;
    one.max_tokens = 1;
    Vl2Request *r = submit(s->engine, &m, &one);
    run_to_end(r);
    vl2_release(r);
    s->importance = calibration_end(calibration, &e);
    if (!s->importance) fail_msg("%s", e.text);
    free_messages(&m);
    json_decref(c);
}

static void look_away(Seen *s)
{
    engine_trace(s->engine, NULL, false);
    trace_close(&s->trace);
    importance_free(s->importance);
    vl2_close(s->engine);
}

/* ---- what should have been seen ---- */

typedef struct {
    double *v; /* [rows][cols] */
    int rows, cols;
} Rows;

static Rows rows_new(int rows, int cols)
{
    return (Rows){ xcalloc((size_t)rows * (size_t)cols, sizeof(double)), rows, cols };
}

static Rows traced(const Seen *s, const char *name)
{
    const TracedTensor *t = trace_find(&s->trace, name);
    if (!t) fail_msg("there is no %s in the trace", name);
    Rows x = rows_new((int)t->rows, (int)t->cols);
    for (size_t i = 0; i < t->rows * t->cols; i++) x.v[i] = (double)t->data[i];
    return x;
}

static double weight_at(const FileTensor *t, size_t i)
{
    uint16_t b;
    assert_int_equal(t->dtype, DT_BF16);
    memcpy(&b, t->data + 2 * i, 2);
    return (double)bf16_to_f32(b);
}

static void rms_norm_rows(const Seen *s, Rows *x, const char *weight)
{
    const FileTensor *w = want(s->engine->model.files, weight);
    for (int i = 0; i < x->rows; i++) {
        double *row = x->v + i * x->cols, sum = 0;
        for (int k = 0; k < x->cols; k++) sum += row[k] * row[k];
        const double scale = 1 / sqrt(sum / x->cols + s->engine->model.config.language.rms_norm_eps);
        for (int k = 0; k < x->cols; k++) row[k] *= scale * weight_at(w, (size_t)k);
    }
}

static Rows multiplied(const Seen *s, const Rows *x, const char *weight)
{
    const FileTensor *w = want(s->engine->model.files, weight);
    Rows y = rows_new(x->rows, (int)w->dim[0]);
    for (int i = 0; i < x->rows; i++)
        for (int j = 0; j < y.cols; j++)
            for (int k = 0; k < x->cols; k++)
                y.v[i * y.cols + j] += x->v[i * x->cols + k] * weight_at(w, (size_t)(j * x->cols + k));
    return y;
}

/* silu(x gate^T) * (x up^T) */
static Rows activations(const Seen *s, const Rows *x, const char *expert)
{
    char name[128];
    snprintf(name, sizeof name, "%s.gate_proj.weight", expert);
    Rows gate = multiplied(s, x, name);
    snprintf(name, sizeof name, "%s.up_proj.weight", expert);
    Rows up = multiplied(s, x, name);
    for (int i = 0; i < gate.rows * gate.cols; i++) gate.v[i] *= up.v[i] / (1 + exp(-gate.v[i]));
    free(up.v);
    return gate;
}

/* Of x the rows that chose an expert. */
static Rows routed(const Rows *x, const Rows *ids, int expert)
{
    Rows y = rows_new(x->rows, x->cols);
    y.rows = 0;
    for (int i = 0; i < x->rows; i++)
        for (int k = 0; k < ids->cols; k++)
            if ((int)ids->v[i * ids->cols + k] == expert)
                memcpy(y.v + y.rows++ * y.cols, x->v + i * x->cols, (size_t)x->cols * sizeof *x->v);
    return y;
}

/* The worst difference from the means of x, relative to the largest of them. */
static double difference(const Seen *s, const Rows *x, const char *matrix)
{
    const float *found = importance_find(s->importance, matrix, x->cols);
    if (!found) fail_msg("%s was not seen with %d columns", matrix, x->cols);
    double *mean = xcalloc((size_t)x->cols, sizeof *mean), all = 0, worst = 0, largest = 0;
    for (int i = 0; i < x->rows * x->cols; i++) {
        mean[i % x->cols] += x->v[i] * x->v[i];
        all += x->v[i] * x->v[i] / (x->rows * x->cols);
    }
    for (int k = 0; k < x->cols; k++) {
        mean[k] = (mean[k] + CALIBRATION_PRIOR_ROWS * all) / (x->rows + CALIBRATION_PRIOR_ROWS);
        worst = fmax(worst, fabs(mean[k] - (double)found[k]));
        largest = fmax(largest, mean[k]);
    }
    free(mean);
    return worst / largest;
}

static const double BOUND = 1e-5; /* f32 activations against doubles */

static void check_experts(const Seen *s, const Rows *x)
{
    Rows ids = traced(s, "moe_ids.1");
    double worst = 0;
    int chosen = 0;
    for (int e = 0; e < s->engine->model.config.language.n_routed_experts; e++) {
        char expert[64], name[128];
        Rows in = routed(x, &ids, e);
        snprintf(expert, sizeof expert, "language.model.layers.1.mlp.experts.%d", e);
        snprintf(name, sizeof name, "%s.gate_proj.weight", expert);
        assert_int_equal(importance_find(s->importance, name, in.cols) != NULL, in.rows > 0);
        if (in.rows > 0) {
            Rows act = activations(s, &in, expert);
            worst = fmax(worst, difference(s, &in, name));
            snprintf(name, sizeof name, "%s.up_proj.weight", expert);
            worst = fmax(worst, difference(s, &in, name));
            snprintf(name, sizeof name, "%s.down_proj.weight", expert);
            worst = fmax(worst, difference(s, &act, name));
            free(act.v);
            chosen++;
        }
        free(in.v);
    }
    assert_true(chosen > 1);
    assert_within("routed experts", worst, BOUND);
    free(ids.v);
}

static void check_language(const Seen *s, bool latent)
{
    Rows x = traced(s, "inputs_embeds"), y = traced(s, "layer_out.0"), attention = traced(s, "attn_out.1");
    rms_norm_rows(s, &x, "language.model.layers.0.input_layernorm.weight");
    assert_within("attention",
                  difference(s, &x,
                             latent ? "language.model.layers.0.self_attn.kv_a_proj_with_mqa.weight"
                                    : "language.model.layers.0.self_attn.k_proj.weight"),
                  BOUND);
    for (int i = 0; i < y.rows * y.cols; i++) y.v[i] += attention.v[i];
    rms_norm_rows(s, &y, "language.model.layers.1.post_attention_layernorm.weight");
    Rows shared = activations(s, &y, "language.model.layers.1.mlp.shared_experts");
    assert_within("router", difference(s, &y, "language.model.layers.1.mlp.gate.weight"), BOUND);
    assert_within("shared experts",
                  difference(s, &shared, "language.model.layers.1.mlp.shared_experts.down_proj.weight"), BOUND);
    check_experts(s, &y);
    Rows last = traced(s, "final_norm");
    assert_within("head", difference(s, &last, "language.lm_head.weight"), BOUND);
    free(last.v);
    free(shared.v);
    free(attention.v);
    free(y.v);
    free(x.v);
}

/* The latent: the first columns of x W^KV_A, normalised. */
static void check_latent(const Seen *s)
{
    Rows x = traced(s, "inputs_embeds");
    rms_norm_rows(s, &x, "language.model.layers.0.input_layernorm.weight");
    Rows kv = multiplied(s, &x, "language.model.layers.0.self_attn.kv_a_proj_with_mqa.weight");
    Rows latent = rows_new(kv.rows, s->engine->model.config.language.kv_lora_rank);
    for (int i = 0; i < kv.rows; i++)
        memcpy(latent.v + i * latent.cols, kv.v + i * kv.cols, (size_t)latent.cols * sizeof *kv.v);
    rms_norm_rows(s, &latent, "language.model.layers.0.self_attn.kv_a_layernorm.weight");
    assert_within("absorbed kv_b", difference(s, &latent, "language.model.layers.0.self_attn.kv_b_proj.weight"), BOUND);
    free(latent.v);
    free(kv.v);
    free(x.v);
}

static void check_vision(const Seen *s)
{
    Rows x = traced(s, "vision_block.0");
    const FileTensor *w = want(s->engine->model.files, "vision.blocks.0.norm1.weight");
    const FileTensor *b = want(s->engine->model.files, "vision.blocks.0.norm1.bias");
    for (int i = 0; i < x.rows; i++) {
        double *row = x.v + i * x.cols, mean = 0, variance = 0;
        for (int k = 0; k < x.cols; k++) mean += row[k] / x.cols;
        for (int k = 0; k < x.cols; k++) variance += (row[k] - mean) * (row[k] - mean) / x.cols;
        for (int k = 0; k < x.cols; k++)
            row[k] = (row[k] - mean) / sqrt(variance + 1e-6) * weight_at(w, (size_t)k) + weight_at(b, (size_t)k);
    }
    assert_within("vision", difference(s, &x, "vision.blocks.0.attn.qkv.weight"), BOUND);
    free(x.v);
}

static void matrices_saw_what_the_trace_shows(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        Seen s;
        printf("# %s\n", MODELS[i]);
        look(&s, MODELS[i]);
        check_language(&s, i == 1);
        if (i == 1) check_latent(&s);
        check_vision(&s);
        look_away(&s);
    }
}

/* ---- all matrices ---- */

static bool is_matrix(const FileTensor *t)
{
    return t->n_dims >= 2 && !strstr(t->name, "embed_tokens") && !strstr(t->name, "pos_embed") &&
           !strstr(t->name, "attn_pool");
}

static void every_matrix_is_seen(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        Seen s;
        int n = 0;
        look(&s, MODELS[i]);
        const TensorFiles *files = s.engine->model.files;
        for (int k = 0; k < tensor_files_count(files); k++) {
            const FileTensor *t = tensor_files_at(files, k);
            const int64_t cols = t->dim[0] ? (int64_t)file_tensor_elements(t) / t->dim[0] : 0;
            if (!is_matrix(t) || strstr(t->name, ".experts.")) continue;
            if (!importance_find(s.importance, t->name, cols)) fail_msg("%s was not seen", t->name);
            n++;
        }
        assert_true(n > 20);
        look_away(&s);
    }
}

static double weighted_error(const FileTensor *t, int cols, const float *w, const float *importance)
{
    float *x = xcalloc((size_t)cols, sizeof *x), *y = xcalloc((size_t)cols, sizeof *y);
    void *row = xmalloc(dtype_row_bytes(DT_Q4_0, (size_t)cols));
    double error = 0;
    for (int64_t r = 0; r < t->dim[0]; r++) {
        for (int k = 0; k < cols; k++) x[k] = (float)weight_at(t, (size_t)(r * cols + k));
        quantise_row(DT_Q4_0, row, x, importance, cols);
        kernels_get(CPU_SCALAR)->to_f32[DT_Q4_0](y, row, cols);
        for (int k = 0; k < cols; k++) error += (double)w[k] * ((double)x[k] - y[k]) * ((double)x[k] - y[k]);
    }
    free(row);
    free(y);
    free(x);
    return error;
}

/* What importance is for: the error that the products show gets smaller. The search is not exhaustive, so that a matrix
 * whose columns matter alike may come out a little on either side. */
static void quantising_with_importance_lowers_the_weighted_error(void **state)
{
    (void)state;
    Seen s;
    double worst = 0, with = 0, without = 0;
    look(&s, MODELS[0]);
    const TensorFiles *files = s.engine->model.files;
    for (int k = 0; k < tensor_files_count(files); k++) {
        const FileTensor *t = tensor_files_at(files, k);
        const int cols = t->dim[0] ? (int)((int64_t)file_tensor_elements(t) / t->dim[0]) : 0;
        const float *w = is_matrix(t) ? importance_find(s.importance, t->name, cols) : NULL;
        if (!w) continue;
        const double a = weighted_error(t, cols, w, w), b = weighted_error(t, cols, w, NULL);
        worst = fmax(worst, a / b);
        with += a;
        without += b;
    }
    assert_true(with > 0);
    assert_within("with importance / without, a matrix", worst, 1.002);
    assert_within("with importance / without, all", with / without, 0.97);
    look_away(&s);
}

static void nothing_seen_is_an_error(void **state)
{
    (void)state;
    Error e;
    Vl2Engine *engine = open_engine(MODELS[0], NULL);
    assert_null(calibration_end(calibration_begin(engine), &e));
    assert_int_equal(e.code, ERR_USAGE);
    vl2_close(engine);
}

/* Weights that do not lie in the files cannot be named. */
static void a_matrix_from_elsewhere_is_an_error(void **state)
{
    (void)state;
    Error e;
    Vl2Engine *engine = open_engine(MODELS[0], NULL);
    Calibration *c = calibration_begin(engine);
    float data[4] = { 0 };
    const Weight w = { .data = data, .dtype = DT_F32, .rows = 2, .cols = 2 };
    run_input(&engine->run, &w, &(Tensor){ .data = data, .rows = 1, .cols = 2, .ld = 2 });
    assert_null(calibration_end(c, &e));
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "a matrix of 2 x 2 F32 is not in the model's files"));
    vl2_close(engine);
}

TEST_MAIN(TEST(matrices_saw_what_the_trace_shows), TEST(every_matrix_is_seen),
          TEST(quantising_with_importance_lowers_the_weighted_error), TEST(nothing_seen_is_an_error),
          TEST(a_matrix_from_elsewhere_is_an_error))
