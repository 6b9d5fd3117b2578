/* bench_train.c - how fast training is: forward, backward and AdamW of random tokens, beside the machine's f32 peak measured
 * between the steps.
 *
 *   bench_train MODEL [--batch N] [--length N] [--steps N] [--rank N] [--recompute] [--image FILE] [--threads N]
 *
 * The model of docs/speed.md, 0.1 B parameters, comes from make_model. --rank N trains adapters of the "tiny" targets and
 * nothing else. The share counts the products that a step needs, 6 operations for each weight and token that it meets (4
 * where the weight itself is frozen), not those that recomputation adds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernels/machine.h"
#include "train/backprop.h"
#include "train/optimizer.h"

typedef struct {
    const char *model, *image;
    int batch, length, steps, rank, threads;
    bool recompute;
} Options;

static int usage(void)
{
    fprintf(stderr, "usage: bench_train MODEL [--batch N] [--length N] [--steps N] [--rank N] [--recompute] "
                    "[--image FILE] [--threads N]\n");
    return 2;
}

static bool parse(Options *o, int argc, char **argv)
{
    *o = (Options){ .batch = 2, .length = 512, .steps = 5 };
    for (int i = 1; i < argc; i++) {
        const struct {
            const char *name;
            int *to;
        } number[] = { { "--batch", &o->batch },
                       { "--length", &o->length },
                       { "--steps", &o->steps },
                       { "--rank", &o->rank },
                       { "--threads", &o->threads } };
        bool known = false;
        for (size_t k = 0; k < sizeof number / sizeof *number && !known; k++)
            if (strcmp(argv[i], number[k].name) == 0 && i + 1 < argc) *number[k].to = atoi(argv[++i]), known = true;
        if (strcmp(argv[i], "--recompute") == 0)
            o->recompute = known = true;
        else if (strcmp(argv[i], "--image") == 0 && i + 1 < argc)
            o->image = argv[++i], known = true;
        else if (!known && argv[i][0] != '-' && !o->model)
            o->model = argv[i], known = true;
        if (!known) return false;
    }
    return o->model && o->batch > 0 && o->length > 1 && o->steps > 0;
}

/* Random tokens, all of them labels; or a picture and a short answer, as the tokenizer cuts them. */
static bool make_sample(Sample *s, const Model *m, const Options *o, uint64_t seed, Error *e)
{
    *s = (Sample){ 0 };
    if (o->image) {
        const SampleRules rules = { .config = &m->config,
                                    .tokenizer = m->tokenizer,
                                    .mask_prompt = true,
                                    .max_length = 1 << 20,
                                    .pictures = IMAGE_DEFAULTS };
        DataFolders folders = { 0 };
        char *folder = path_folder(o->image);
        const char *slash = strrchr(o->image, '/'), *name = slash ? slash + 1 : o->image;
        json_t *v = json_pack("{s:[{s:s, s:s}, {s:s, s:s}], s:[s]}", "messages", "role", "user", "content",
                              "<image>\nWhat is this?", "role", "assistant", "content", "A picture.", "images", name);
        Record record = { 0 };
        Fault fault;
        const bool ok = data_folders_add(&folders, folder, e) && record_read(&record, v, "record", e) &&
                        sample_build(s, &record, &rules, &folders, SAMPLE_WHOLE, "record", &fault, e);
        record_free(&record);
        json_decref(v);
        data_folders_free(&folders);
        free(folder);
        return ok;
    }
    const size_t n = (size_t)o->length;
    s->prompt = (Prompt){ .id = xcalloc(n, sizeof(int32_t)),
                          .is_image = xcalloc(n, sizeof(bool)),
                          .is_answer = xcalloc(n, sizeof(bool)),
                          .n = o->length };
    s->label = xcalloc(n, sizeof *s->label);
    for (size_t i = 0; i < n; i++)
        s->label[i] = s->prompt.id[i] = (int32_t)(rng_at(seed, i) % (uint64_t)m->config.language.vocab_size);
    s->n_labels = o->length - 1;
    return true;
}

typedef struct {
    const LanguageConfig *c;
    double all, met; /* weights; those that a token meets, and of these */
    double trained;  /* those that are trained */
} Count;

static bool count(void *context, const ParameterSlot *s)
{
    Count *k = context;
    double n = 1;
    for (int i = 0; i < s->n_dims; i++) n *= (double)s->dim[i];
    k->all += n;
    if (!s->matrix || !str_starts(s->name, "language.") || str_ends(s->name, "embed_tokens.weight")) return true;
    if (strstr(s->name, ".mlp.experts.")) n *= (double)k->c->top_k / k->c->n_routed_experts;
    k->met += n;
    k->trained += s->matrix->grad ? n : 0;
    return true;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_size);
    return v[n / 2];
}

/* Seconds of processor time so far, all threads: what others take of a shared machine is not in it. */
static double processor_time(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

typedef struct {
    Model model;
    Pool *pool;
    Params params;
    Backprop b;
    Adam adam;
    Sample *sample;
} Bench;

static bool open_bench(Bench *s, const Options *o, Error *e)
{
    static const ParamChoice all = { 0 };
    const AdamOptions adam = ADAM_DEFAULTS;
    const BackpropOptions options = { .recompute = o->recompute, .balance = true };
    LoraTargets targets = { .rank = o->rank, .alpha = 2 * (float)o->rank };
    targets.target = lora_preset("tiny", &targets.n_targets);
    s->sample = xcalloc((size_t)o->batch, sizeof *s->sample);
    if (!model_open(&s->model, o->model, e) || !(s->pool = pool_open(o->threads, e))) return false;
    for (int i = 0; i < o->batch; i++)
        if (!make_sample(&s->sample[i], &s->model, o, (uint64_t)i, e)) return false;
    return (o->rank ? params_open_lora(&s->params, &s->model, &targets, 1, e)
                    : params_open(&s->params, &s->model, &all, e)) &&
           backprop_open(&s->b, &s->model, kernels_get(cpu_best()), s->pool, &options, e) &&
           adam_open(&s->adam, &adam, s->params.n_values, e);
}

static bool run(Bench *s, const Options *o, Error *e)
{
    double *pass = xcalloc((size_t)o->steps, sizeof *pass), *update = xcalloc((size_t)o->steps, sizeof *update);
    double *share = xcalloc((size_t)o->steps, sizeof *share), *work = xcalloc((size_t)o->steps, sizeof *work), most = 0;
    Count k = { .c = &s->model.config.language };
    BackpropResult result = { 0 };
    bool ok = weights_visit(&s->model.weights, &s->model.config, count, &k, e);
    const size_t n = s->params.n_values;
    printf("%.1f M parameters, %.1f M trainable, %.1f M met by a token\n", k.all / 1e6,
           (double)params_count(&s->params) / 1e6, k.met / 1e6);
    for (int i = -1; i < o->steps && ok; i++) { /* one to warm up */
        const double peak = machine_peak_now(s->pool, cpu_best(), COMPUTE_F32);
        params_zero_grad(&s->params);
        const double begin = clock_now(), work_before = processor_time();
        ok = backprop(&s->b, s->sample, o->batch, 0, true, &result, e);
        const double middle = clock_now(), work_after = processor_time();
        const double norm = gradient_norm(s->b.run.k, s->pool, s->params.grad, n);
        s->adam.step++;
        adam_update(&s->adam, s->b.run.k, s->pool, s->params.value, s->params.grad, 0, n, 1e-4,
                    clip_factor(&s->adam.options, norm));
        if (i < 0) continue;
        const double later = machine_peak_now(s->pool, cpu_best(), COMPUTE_F32);
        pass[i] = middle - begin;
        update[i] = clock_now() - middle;
        work[i] = work_after - work_before;
        most = fmax(most, fmax(peak, later));
        share[i] = (4 * k.met + 2 * k.trained) * (double)result.n_tokens / pass[i] / ((peak + later) / 2 * 1e9);
        printf("step %d: loss %.4f, %.0f ms + %.0f ms, f32 peak %.0f GFLOP/s\n", i + 1,
               result.loss / (double)result.n_labels, 1e3 * pass[i], 1e3 * update[i], (peak + later) / 2);
    }
    if (ok) {
        const double p = median(pass, o->steps), u = median(update, o->steps);
        struct rusage usage_of_self;
        getrusage(RUSAGE_SELF, &usage_of_self);
        const double operations = (4 * k.met + 2 * k.trained) * (double)result.n_tokens;
        printf("of processor time: %.1f s a pass, %.0f GFLOP/s a thread, %.0f %% of the best f32 peak seen, %.0f\n",
               median(work, o->steps), operations / median(work, o->steps) / 1e9,
               100 * operations / median(work, o->steps) / (most * 1e9 / pool_threads(s->pool)),
               most / pool_threads(s->pool));
        printf("median of %d: %.0f tokens/s, forward and backward %.0f ms, %.0f %% of the f32 peak, optimizer %.0f ms; "
               "%.2f GB\n",
               o->steps, (double)result.n_tokens / (p + u), 1e3 * p, 100 * median(share, o->steps), 1e3 * u,
               (double)usage_of_self.ru_maxrss / 1e6);
    }
    free(pass);
    free(update);
    free(share);
    free(work);
    return ok;
}

int main(int argc, char **argv)
{
    Options o;
    Error e;
    Bench s = { 0 };
    if (!parse(&o, argc, argv)) return usage();
    const bool ok = open_bench(&s, &o, &e) && run(&s, &o, &e);
    if (!ok) fprintf(stderr, "bench_train: %s\n", e.text);
    adam_close(&s.adam);
    backprop_close(&s.b);
    params_close(&s.params);
    for (int i = 0; s.sample && i < o.batch; i++) sample_free(&s.sample[i]);
    free(s.sample);
    pool_close(s.pool);
    model_close(&s.model);
    return ok ? 0 : 1;
}
