/* gradient_trace.c - see gradient_trace.h. */
#include "train/gradient_trace.h"

#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "format/safetensors.h"
#include "train/backprop.h"
#include "train/optimizer.h"

static const double rate = 1e-3;

/* All that one run holds. */
typedef struct {
    const GradientTrace *g;
    Model model;
    Pool *pool;
    const Kernels *k;
    Sample *sample;
    int n_samples;
    Adapter adapter;
    Params params;
    Backprop b;
    double loss, norm; /* of the first pass */
    float *grad;       /* of the first pass: params.grad itself, or a copy where there are steps after it */
} Work;

/* ---- learning ---- */

static bool read_samples(Work *w, const Dataset *d, Error *e)
{
    const SampleRules rules = { .config = &w->model.config,
                                .tokenizer = w->model.tokenizer,
                                .added = w->g->added,
                                .mask_prompt = true,
                                .max_length = INT_MAX,
                                .pictures = w->g->pictures };
    Fault fault;
    w->sample = xcalloc(d->n_records, sizeof *w->sample);
    for (size_t i = 0; i < d->n_records; i++, w->n_samples++)
        if (!dataset_sample(d, i, &rules, SAMPLE_WHOLE, &w->sample[i], &fault, e)) return false;
    return w->n_samples > 0 || fail(e, ERR_FORMAT, "%s: there is no record in it", w->g->data);
}

static bool open_params(Work *w, Error *e)
{
    static const ParamChoice everything = { 0 };
    if (!w->g->lora) return params_open(&w->params, &w->model, &everything, e);
    if (!adapter_open(&w->adapter, w->g->lora, e) || !params_open_adapter(&w->params, &w->model, &w->adapter, e))
        return false;
    for (int i = 0; i < w->params.n_lora; i++) w->params.lora[i].dropout = 0;
    return true;
}

static bool open_work(Work *w, Error *e)
{
    const BackpropOptions options = { .recompute = true, .balance = true };
    const DatasetOptions where = { .allow_outside = true };
    Dataset d = { 0 };
    CpuLevel level = cpu_best();
    if (w->g->cpu && !cpu_level_find(w->g->cpu, &level, e)) return false;
    w->k = kernels_get(level);
    const bool ok = model_open(&w->model, w->g->model, e) && dataset_open(&d, &w->g->data, 1, &where, e) &&
                    read_samples(w, &d, e) && (w->pool = pool_open(w->g->threads, e)) && open_params(w, e) &&
                    backprop_open(&w->b, &w->model, w->k, w->pool, &options, e);
    dataset_close(&d);
    return ok;
}

static void close_work(Work *w)
{
    if (w->grad != w->params.grad) free(w->grad);
    backprop_close(&w->b);
    params_close(&w->params);
    adapter_close(&w->adapter);
    for (int i = 0; i < w->n_samples; i++) sample_free(&w->sample[i]);
    free(w->sample);
    pool_close(w->pool);
    model_close(&w->model);
}

static bool learn(Work *w, double *loss, Error *e)
{
    BackpropResult result;
    params_zero_grad(&w->params);
    if (!backprop(&w->b, w->sample, w->n_samples, 0, true, &result, e)) return false;
    *loss = result.loss / (double)result.n_labels;
    return true;
}

static bool take_steps(Work *w, Error *e)
{
    const AdamOptions options = ADAM_DEFAULTS;
    const size_t n = w->params.n_values;
    Adam a;
    if (!adam_open(&a, &options, n, e)) return false;
    bool ok = true;
    double loss;
    for (int i = 0; i < w->g->adam_steps && ok; i++) {
        ok = i == 0 || learn(w, &loss, e);
        if (!ok) break;
        const double norm = gradient_norm(w->k, w->pool, w->params.grad, n);
        a.step++;
        adam_update(&a, w->k, w->pool, w->params.value, w->params.grad, 0, n, rate, clip_factor(&options, norm));
    }
    adam_close(&a);
    return ok;
}

static bool first_pass(Work *w, Error *e)
{
    const size_t n = w->params.n_values;
    if (!learn(w, &w->loss, e)) return false;
    w->norm = gradient_norm(w->k, w->pool, w->params.grad, n);
    w->grad = w->params.grad;
    if (w->g->adam_steps == 0) return true;
    w->grad = xcalloc(n, sizeof *w->grad);
    memcpy(w->grad, w->params.grad, n * sizeof *w->grad);
    return true;
}

/* ---- the file ---- */

typedef struct {
    TensorSpec *spec;
    const void **bytes;
    size_t *size;
    Str *name;
    float *number; /* what single numbers point to */
    int n;
} Output;

static void put(Output *o, DType type, int n_dims, const int64_t *dim, const void *bytes, size_t size)
{
    TensorSpec *s = &o->spec[o->n];
    *s = (TensorSpec){ .name = o->name[o->n].text, .dtype = type, .n_dims = n_dims };
    for (int i = 0; i < n_dims; i++) s->dim[i] = dim[i];
    o->bytes[o->n] = bytes;
    o->size[o->n++] = size;
}

static void put_number(Output *o, double v)
{
    o->number[o->n] = (float)v;
    put(o, DT_F32, 0, NULL, &o->number[o->n], sizeof(float));
}

/* [samples][longest] whole numbers; caller frees. */
static int64_t *table_of(const Work *w, bool labels, int64_t dim[2])
{
    dim[0] = w->n_samples;
    dim[1] = 0;
    for (int i = 0; i < w->n_samples; i++)
        if (w->sample[i].prompt.n > dim[1]) dim[1] = w->sample[i].prompt.n;
    const int64_t fill = labels ? LABEL_IGNORE : tokenizer_special(w->model.tokenizer)->pad;
    int64_t *out = xcalloc((size_t)(dim[0] * dim[1]), sizeof *out);
    for (int64_t i = 0; i < dim[0]; i++)
        for (int64_t k = 0; k < dim[1]; k++) {
            const Sample *s = &w->sample[i];
            out[i * dim[1] + k] = k >= s->prompt.n ? fill : labels ? s->label[k] : s->prompt.id[k];
        }
    return out;
}

static void put_params(Output *o, const Params *p, const char *prefix, const float *values)
{
    for (int i = 0; i < p->n; i++) {
        const Param *q = &p->param[i];
        str_printf(&o->name[o->n], "%s.%s", prefix, q->name);
        put(o, DT_F32, q->n_dims, q->dim, values + q->at, q->n * sizeof(float));
    }
}

static void put_balance(Output *o, const Work *w)
{
    const LanguageConfig *c = &w->model.config.language;
    for (int i = 0; i < c->n_layers; i++) {
        if (backprop_report(&w->b, i)->balance <= 0) continue;
        str_printf(&o->name[o->n], "aux_loss.%d", i);
        put_number(o, backprop_report(&w->b, i)->balance);
    }
}

static bool write_all(const Output *o, const char *path, Error *e)
{
    TensorWriter *t = tensor_writer_open(path, o->spec, o->n, e);
    if (!t) return false;
    for (int i = 0; i < o->n; i++)
        if (!tensor_writer_add(t, o->bytes[i], o->size[i], e)) {
            tensor_writer_abandon(t);
            return false;
        }
    return tensor_writer_commit(t, e);
}

static Output output_for(int most)
{
    return (Output){ .spec = xcalloc((size_t)most, sizeof(TensorSpec)),
                     .bytes = xcalloc((size_t)most, sizeof(void *)),
                     .size = xcalloc((size_t)most, sizeof(size_t)),
                     .name = xcalloc((size_t)most, sizeof(Str)),
                     .number = xcalloc((size_t)most, sizeof(float)) };
}

static void output_free(Output *o)
{
    for (int i = 0; i < o->n; i++) str_free(&o->name[i]);
    free(o->spec);
    free(o->bytes);
    free(o->size);
    free(o->name);
    free(o->number);
}

/* The numbers of the first pass; take_steps() comes between them and the values after it. */
static bool trace(Work *w, Error *e)
{
    if (!open_work(w, e) || !first_pass(w, e)) return false;
    Output o = output_for(4 + w->model.config.language.n_layers + 2 * w->params.n);
    int64_t dim[2];
    int64_t *ids = table_of(w, false, dim), *labels = table_of(w, true, dim);
    const size_t bytes = (size_t)(dim[0] * dim[1]) * sizeof *ids;
    str_puts(&o.name[o.n], "input_ids");
    put(&o, DT_I64, 2, dim, ids, bytes);
    str_puts(&o.name[o.n], "labels");
    put(&o, DT_I64, 2, dim, labels, bytes);
    str_puts(&o.name[o.n], "loss");
    put_number(&o, w->loss);
    put_balance(&o, w);
    str_puts(&o.name[o.n], "grad_global_norm");
    put_number(&o, w->norm);
    put_params(&o, &w->params, "grad", w->grad);
    bool ok = w->g->adam_steps == 0 || take_steps(w, e);
    if (w->g->adam_steps > 0) put_params(&o, &w->params, "after", w->params.value);
    ok = ok && write_all(&o, w->g->out, e);
    output_free(&o);
    free(ids);
    free(labels);
    return ok;
}

bool gradient_trace(const GradientTrace *g, Error *e)
{
    Work w = { .g = g };
    const bool ok = trace(&w, e);
    close_work(&w);
    return ok;
}
