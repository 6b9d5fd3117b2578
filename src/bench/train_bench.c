/* train_bench.c - see train_bench.h. */
#include "bench/train_bench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "model/convert.h"
#include "train/backprop.h"
#include "train/optimizer.h"

const char *const TRAIN_MODE_NAMES[TRAIN_MODES + 1] = { "full",  "full-recompute",  "lora", "lora-recompute",
                                                        "qlora", "qlora-recompute", NULL };

static bool has_adapters(TrainMode m)
{
    return m >= TRAIN_LORA;
}

static bool has_four_bits(TrainMode m)
{
    return m >= TRAIN_QLORA;
}

static bool recomputes(TrainMode m)
{
    return m % 2 == 1;
}

typedef struct {
    const TrainBenchPlan *plan;
    BenchReport *out;
    Error *e;
    CpuLevel level;
    Pool *pool;
    Sample *sample; /* [plan->samples] */
    bool quantised; /* the model is, as it was given */
    Str folder;     /* of the model in 4 bits that was made here; empty: none */
    int done, planned;
    bool stopped;
} Bench;

static bool tell(Bench *b, const char *what)
{
    const double done = b->planned > 0 ? (double)b->done / b->planned : 0;
    if (!b->plan->watch.go_on(b->plan->watch.context, what, done < 1 ? done : 1)) b->stopped = true;
    return !b->stopped;
}

/* ---- samples ---- */

static void random_sample(Sample *s, const Model *m, int length, uint64_t seed)
{
    const size_t n = (size_t)length;
    s->prompt = (Prompt){ .id = xcalloc(n, sizeof(int32_t)),
                          .is_image = xcalloc(n, sizeof(bool)),
                          .is_answer = xcalloc(n, sizeof(bool)),
                          .n = length };
    s->label = xcalloc(n, sizeof *s->label);
    for (size_t i = 0; i < n; i++)
        s->label[i] = s->prompt.id[i] = (int32_t)(rng_at(seed, i) % (uint64_t)m->config.language.vocab_size);
    s->n_labels = length - 1;
}

static bool picture_sample(Sample *s, const Model *m, const char *image, Error *e)
{
    const SampleRules rules = { .config = &m->config,
                                .tokenizer = m->tokenizer,
                                .mask_prompt = true,
                                .max_length = 1 << 20,
                                .pictures = IMAGE_DEFAULTS };
    const char *slash = strrchr(image, '/');
    char *folder = path_folder(image);
    DataFolders folders = { 0 };
    Record record = { 0 };
    Fault fault;
    json_t *v = json_pack("{s:[{s:s, s:s}, {s:s, s:s}], s:[s]}", "messages", "role", "user", "content",
                          "<image>\nWhat is this?", "role", "assistant", "content", "A picture.", "images",
                          slash ? slash + 1 : image);
    const bool ok = (v || fail(e, ERR_USAGE, "%s: the name is not UTF-8", image)) &&
                    data_folders_add(&folders, folder, e) && record_read(&record, v, image, e) &&
                    sample_build(s, &record, &rules, &folders, SAMPLE_WHOLE, image, &fault, e);
    record_free(&record);
    json_decref(v);
    data_folders_free(&folders);
    free(folder);
    return ok;
}

static bool make_samples(Bench *b, const Model *m)
{
    const TrainBenchPlan *p = b->plan;
    b->sample = xcalloc((size_t)p->samples, sizeof *b->sample);
    for (int i = 0; i < p->samples; i++) {
        if (!p->image)
            random_sample(&b->sample[i], m, p->length, (uint64_t)i);
        else if (!picture_sample(&b->sample[i], m, p->image, b->e))
            return false;
        b->out->training.tokens += b->sample[i].prompt.n;
    }
    return true;
}

/* ---- how much there is to do ---- */

/* Rows that a step sends through the parts of a model; which parts learn. */
typedef struct {
    const Model *m;
    double tokens, labels, tiles;
    bool vision_learns, projector_learns;
    double operations, parameters, met; /* met: weights of the language model that a token meets */
} Work;

static bool begins(const ParameterSlot *s, const char *part)
{
    return str_starts(s->name, part);
}

static bool see_learning(void *context, const ParameterSlot *s)
{
    Work *w = context;
    const bool learns = s->matrix ? s->matrix->grad || s->matrix->lora : s->vector->grad != NULL;
    if (learns && begins(s, "vision.")) w->vision_learns = true;
    if (learns && begins(s, "projector.")) w->projector_learns = true;
    return true;
}

/* Rows that meet a matrix; of an expert the share that is sent to it. */
static double rows_of(const Work *w, const ParameterSlot *s)
{
    const Config *c = &w->m->config;
    if (begins(s, "vision.")) return w->tiles * c->vision.grid * c->vision.grid;
    if (begins(s, "projector.")) return w->tiles * c->projector.grid * c->projector.grid;
    if (str_ends(s->name, ".embed_tokens.weight")) return 0;
    if (str_ends(s->name, "lm_head.weight")) return w->labels;
    if (strstr(s->name, ".mlp.experts.")) return w->tokens * c->language.top_k / c->language.n_routed_experts;
    return w->tokens;
}

static bool add_weight(void *context, const ParameterSlot *s)
{
    Work *w = context;
    double n = 1;
    for (int i = 0; i < s->n_dims; i++) n *= (double)s->dim[i];
    w->parameters += n;
    if (!s->matrix) return true;
    const double rows = rows_of(w, s);
    const bool before_learns = begins(s, "vision.")      ? w->vision_learns
                               : begins(s, "projector.") ? w->vision_learns || w->projector_learns
                                                         : true;
    const Lora *l = s->matrix->lora;
    w->operations += rows * n * (2 + (before_learns ? 2 : 0) + (s->matrix->grad ? 2 : 0));
    if (l) w->operations += rows * 6 * l->a.rows * ((double)l->b.rows + l->a.cols);
    if (begins(s, "language.") && rows > 0) w->met += str_ends(s->name, "lm_head.weight") ? n : n * rows / w->tokens;
    return true;
}

/* Attention within each sample and each tile. */
static void add_attention(Work *w, const Sample *sample, int n)
{
    const LanguageConfig *c = &w->m->config.language;
    const VisionConfig *v = &w->m->config.vision;
    const int d = c->use_mla ? c->qk_nope_head_dim + c->qk_rope_head_dim + c->v_head_dim : 2 * c->head_dim;
    const double patches = (double)v->grid * v->grid;
    for (int i = 0; i < n; i++) {
        const double rows = sample[i].prompt.n, pairs = rows * (rows + 1) / 2;
        w->operations += 3 * 2 * pairs * c->n_layers * c->n_heads * d;
    }
    w->operations += (w->vision_learns ? 3 : 1) * 2 * 2 * w->tiles * patches * patches * v->width * v->layers;
}

static bool add_up(Work *w, const Model *m, const Bench *b)
{
    Weights seen = m->weights; /* visiting changes nothing here, but may */
    *w = (Work){ .m = m };
    for (int i = 0; i < b->plan->samples; i++) {
        const Prompt *p = &b->sample[i].prompt;
        w->tokens += p->n;
        w->labels += b->sample[i].n_labels;
        for (int k = 0; k < p->n_images; k++) w->tiles += tiles_distinct(&p->image[k].tiles);
    }
    if (!weights_visit(&seen, &m->config, see_learning, w, b->e) ||
        !weights_visit(&seen, &m->config, add_weight, w, b->e))
        return false;
    add_attention(w, b->sample, b->plan->samples);
    return true;
}

/* ---- one mode ---- */

typedef struct {
    Model model;
    Params params;
    Backprop backprop;
    Adam adam;
} Subject;

static bool open_subject(Subject *s, const Bench *b, TrainMode mode, const char *model)
{
    static const ParamChoice all = { 0 };
    const AdamOptions adam = ADAM_DEFAULTS;
    const BackpropOptions options = { .recompute = recomputes(mode), .balance = true };
    LoraTargets targets = { .rank = b->plan->rank, .alpha = 2 * (float)b->plan->rank };
    *s = (Subject){ 0 };
    if (!model_open(&s->model, model, b->e)) return false;
    targets.target = lora_preset(lora_preset_for(&s->model.config.language), &targets.n_targets);
    return (has_adapters(mode) ? params_open_lora(&s->params, &s->model, &targets, 1, b->e)
                               : params_open(&s->params, &s->model, &all, b->e)) &&
           backprop_open(&s->backprop, &s->model, kernels_get(b->level), b->pool, &options, b->e) &&
           adam_open(&s->adam, &adam, s->params.n_values, b->e);
}

static void close_subject(Subject *s)
{
    adam_close(&s->adam);
    if (s->backprop.model) backprop_close(&s->backprop);
    params_close(&s->params);
    model_close(&s->model);
}

static double peak_now(const Bench *b)
{
    return 1e9 * machine_peak_now(b->pool, b->level, COMPUTE_F32);
}

static bool pass(const Bench *b, Subject *s, double *seconds)
{
    BackpropResult result;
    params_zero_grad(&s->params);
    const double begin = clock_now();
    const bool ok = backprop(&s->backprop, b->sample, b->plan->samples, 0, true, &result, b->e);
    *seconds = clock_now() - begin;
    return ok;
}

static double update(const Bench *b, Subject *s)
{
    static const double RATE = 1e-4;
    const Kernels *k = s->backprop.run.k;
    const size_t n = s->params.n_values;
    const double begin = clock_now(), norm = gradient_norm(k, b->pool, s->params.grad, n);
    s->adam.step++;
    adam_update(&s->adam, k, b->pool, s->params.value, s->params.grad, 0, n, RATE, clip_factor(&s->adam.options, norm));
    return clock_now() - begin;
}

static void add_row(Bench *b, TrainMode mode, const char *what, Measured *m)
{
    BenchRow row = { .unit = "tokens/s", .limit_of = "peak" };
    snprintf(row.name, sizeof row.name, "%s %s", TRAIN_MODE_NAMES[mode], what);
    report_add(b->out, row, m);
}

static bool measure_steps(Bench *b, Subject *s, TrainMode mode, double operations)
{
    const double tokens = b->out->training.tokens;
    Measured steps = { 0 }, passes = { 0 };
    uint64_t most = 0;
    bool ok = true;
    for (int i = -1; i < b->plan->repeat && ok && tell(b, TRAIN_MODE_NAMES[mode]); i++) { /* one to warm up */
        double seconds, peak = peak_now(b);
        ok = pass(b, s, &seconds);
        if (!ok) break;
        peak = (peak + peak_now(b)) / 2;
        const double rest = update(b, s), limit = peak > 0 ? operations / peak : 0;
        const uint64_t resident = resident_bytes();
        if (resident > most) most = resident;
        b->done++;
        if (i < 0) continue;
        take_measure(&steps, tokens / (seconds + rest), 0, 0);
        take_measure(&passes, tokens / seconds, limit > 0 ? tokens / limit : 0, limit / seconds);
    }
    const bool any = steps.value.n > 0;
    char name[sizeof b->out->row->name];
    add_row(b, mode, "step", &steps);
    add_row(b, mode, "pass", &passes);
    snprintf(name, sizeof name, "%s memory", TRAIN_MODE_NAMES[mode]);
    if (any && most > 0) report_add_memory(b->out, name, most);
    return ok;
}

static bool measure_mode(Bench *b, TrainMode mode, const char *model)
{
    Subject s;
    Work w;
    const bool ok =
        open_subject(&s, b, mode, model) && add_up(&w, &s.model, b) && measure_steps(b, &s, mode, w.operations);
    if (has_adapters(mode) && s.params.n > 0) b->out->training.adapter = (double)params_count(&s.params);
    close_subject(&s);
    return ok;
}

/* ---- the model in 4 bits ---- */

static bool make_folder(Bench *b)
{
    const char *top = getenv("TMPDIR");
    str_printf(&b->folder, "%s/vl2-bench-XXXXXX", top && *top ? top : "/tmp");
    if (mkdtemp(b->folder.text)) return true;
    fail(b->e, ERR_SYSTEM, "%s: cannot create: %s", b->folder.text, strerror(errno));
    str_free(&b->folder);
    return false;
}

static bool has_had_enough(void *context)
{
    return !tell(context, "writing the model in 4 bits");
}

/* Path of the model in 4 bits: the given one, or the one that is made when it is first asked for. Caller frees. */
static char *four_bits(Bench *b)
{
    const TrainBenchPlan *p = b->plan;
    ConvertPlan plan = { 0 };
    ConvertOptions o = { .to = CONVERT_GGUF };
    Model m = { 0 };
    if (b->quantised) return xstrdup(p->model);
    const bool there = b->folder.n > 0;
    if (!there && !make_folder(b)) return NULL;
    char *path = path_join(b->folder.text, "model.gguf");
    if (there) return path;
    const ConvertWatch watch = { .stopped = has_had_enough, .context = b };
    const bool ok = weight_types_find("q4_0", &o.types, b->e) && model_open(&m, p->model, b->e) &&
                    convert_plan(&plan, &m, &o, b->e) && convert_run(&plan, &m, &o, path, b->pool, &watch, b->e);
    convert_plan_free(&plan);
    model_close(&m);
    if (ok) return path;
    free(path);
    return NULL;
}

/* ---- all of it ---- */

static bool is_quantised(const Model *m)
{
    for (int i = 0; i < tensor_files_count(m->files); i++)
        if (dtype_is_quantised(tensor_files_at(m->files, i)->dtype)) return true;
    return false;
}

/* Why a mode cannot be measured; NULL: it can. */
static const char *obstacle(const Bench *b, TrainMode mode, char text[96])
{
    enum { BYTES = 16 }; /* of a trained number: value, gradient, two averages */
    const double need = BYTES * b->out->training.parameters;
    char needed[32], there[32];
    if (mode < TRAIN_QLORA && has_adapters(mode) && b->quantised) return "the model is quantised: that is qlora";
    if (has_adapters(mode) || need <= (double)b->out->memory) return NULL;
    snprintf(text, 96, "its parameters alone take %s, this machine has %s", human_bytes((uint64_t)need, needed),
             human_bytes(b->out->memory, there));
    return text;
}

/* Says it once for a mode with and without recomputation. */
static void leave_out(Bench *b, TrainMode mode, const char *why)
{
    char *text = b->out->training.left_out, line[160];
    const size_t n = strlen(text);
    snprintf(line, sizeof line, "%.*s: %s", (int)strcspn(TRAIN_MODE_NAMES[mode], "-"), TRAIN_MODE_NAMES[mode], why);
    if (!strstr(text, line)) snprintf(text + n, sizeof b->out->training.left_out - n, "%s%s", n ? "; " : "", line);
    b->done += 1 + b->plan->repeat;
}

static bool measure_all(Bench *b)
{
    bool ok = true;
    for (int mode = 0; mode < TRAIN_MODES && ok && !b->stopped; mode++) {
        char text[96];
        const char *why = b->plan->mode[mode] ? obstacle(b, mode, text) : NULL;
        if (!b->plan->mode[mode]) continue;
        if (why && b->plan->asked) return fail(b->e, ERR_USAGE, "%s: %s", TRAIN_MODE_NAMES[mode], why);
        if (why) {
            leave_out(b, mode, why);
            continue;
        }
        char *model = has_four_bits(mode) ? four_bits(b) : xstrdup(b->plan->model);
        if (!model && b->stopped) return true;
        ok = model && measure_mode(b, mode, model);
        free(model);
    }
    return ok;
}

/* What the report says of the model, and the samples: before minutes of work. */
static bool look_at_model(Bench *b)
{
    BenchReport *out = b->out;
    Model m;
    Work w;
    bool ok = model_open(&m, b->plan->model, b->e);
    if (ok && (ok = make_samples(b, &m) && add_up(&w, &m, b))) {
        report_model(out, &m, b->plan->model);
        snprintf(out->compute, sizeof out->compute, "%s", compute_name(COMPUTE_F32));
        out->weights_of_token = w.met;
        out->training.parameters = w.parameters;
        b->quantised = is_quantised(&m);
    }
    model_close(&m);
    return ok;
}

bool train_bench_run(const TrainBenchPlan *plan, BenchReport *out, Error *e)
{
    Bench b = { .plan = plan, .out = out, .e = e, .level = cpu_best() };
    *out = (BenchReport){ .repeat = plan->repeat, .training = { .samples = plan->samples, .rank = plan->rank } };
    if (plan->cpu && !cpu_level_find(plan->cpu, &b.level, e)) return false;
    for (int mode = 0; mode < TRAIN_MODES; mode++) b.planned += plan->mode[mode] ? 1 + plan->repeat : 0;
    report_machine(out, b.level);
    const bool ok = look_at_model(&b) && report_limits(out, b.level, plan->threads, &plan->watch, &b.stopped, e) &&
                    (b.pool = pool_open(plan->threads, e)) && measure_all(&b);
    for (int i = 0; b.sample && i < plan->samples; i++) sample_free(&b.sample[i]);
    free(b.sample);
    pool_close(b.pool);
    if (b.folder.n) folder_remove(b.folder.text);
    str_free(&b.folder);
    out->complete = ok && !b.stopped;
    return ok;
}
