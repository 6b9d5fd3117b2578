/* checkpoint.c - a run's state in one safetensors file: for each parameter "value.NAME", "mean.NAME" and "variance.NAME" (f32),
 * "bias.NAME" of each correction bias that moves (f32), and "run", the bytes of a JSON object that says where the run is and with which settings. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/safetensors.h"
#include "train/trainer.h"

enum { VERSION = 1, PART = 1 << 20 }; /* numbers that one rank hands to another at once */
static const char run_name[] = "run";

/* What a parameter has in a file. */
static const char *const KINDS[] = { "value", "mean", "variance" };
enum { N_KINDS = 3 };

static float *block_of(const Trainer *t, int kind)
{
    return kind == 0 ? t->params.value : kind == 1 ? t->adam.m : t->adam.v;
}

/* ---- settings ---- */

static double adapter_alpha(const LoraTargets *t)
{
    return !t ? 0 : t->alpha > 0 ? (double)t->alpha : 2.0 * t->rank;
}

json_t *trainer_settings(const Trainer *t)
{
    const TrainerOptions *o = &t->options;
    int64_t tokens = 0;
    for (size_t i = 0; i < t->survey->n; i++) tokens += t->survey->record[i].tokens;
    return json_pack(
        "{s:I, s:I, s:I, s:b, s:b, s:b, s:i, s:i, s:I, s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:s, s:f, s:f, s:f, s:f, "
        "s:f, s:b, s:I, s:I, s:I, s:b, s:i, s:b, s:f}",
        "seed", (json_int_t)o->order.seed, "accumulate", (json_int_t)o->accumulate * t->ranks.n, "steps",
        (json_int_t)t->steps, "in_order", o->order.in_order, "resample", o->order.square_root, "group_by_length",
        o->order.group_by_length, "batch_size", o->order.batch, "pack", o->order.pack, "parameters",
        (json_int_t)params_count(&t->params), "adapter_rank", o->lora ? o->lora->rank : 0, "epochs",
        (json_int_t)o->epochs, "adapter_alpha", adapter_alpha(o->lora), "dropout",
        o->lora ? (double)o->lora->dropout : 0, "beta1", (double)o->adam.beta1, "beta2", (double)o->adam.beta2,
        "weight_decay", (double)o->adam.weight_decay, "schedule", schedule_name(o->schedule), "rate", o->rate,
        "last_rate", o->last_share, "warmup", o->warmup, "vision_rate", o->vision_rate, "projector_rate",
        o->projector_rate, "balance_loss", o->backprop.balance, "records", (json_int_t)t->survey->n, "good_records",
        (json_int_t)t->survey->n_good, "tokens", (json_int_t)tokens, "learn_prompt", !t->rules->mask_prompt,
        "max_length", t->rules->max_length, "muon", o->muon, "bias_update", (double)o->bias_rate);
}

/* Settings that differ, as "rate (saved 0.001, now 0.002)". */
static bool compare_settings(const json_t *saved, const json_t *now, const char *path, Error *e)
{
    Str differ = { 0 };
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)now, key, value)
    {
        const json_t *was = json_object_get(saved, key);
        if (json_equal(value, was)) continue;
        char *a = was ? json_dumps(was, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)) : NULL,
             *b = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        str_printf(&differ, "%s%s (saved %s, now %s)", differ.n ? ", " : "", key, a ? a : "nothing", b ? b : "?");
        free(a);
        free(b);
    }
    if (differ.n) fail(e, ERR_USAGE, "%s: the run had other settings: %s", path, differ.text);
    const bool same = differ.n == 0;
    str_free(&differ);
    return same;
}

/* ---- saving ---- */

static int count_tensors(const Trainer *t)
{
    return N_KINDS * t->params.n + t->bias.n + 1;
}

static char *bias_name(const BiasLayer *l)
{
    Str name = { 0 };
    str_printf(&name, "bias.%s", l->name);
    return name.text;
}

static TensorSpec *specs_of(const Trainer *t, size_t run_bytes)
{
    const Params *p = &t->params;
    TensorSpec *s = xcalloc((size_t)count_tensors(t), sizeof *s), *next = s;
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int i = 0; i < p->n; i++, next++) {
            Str name = { 0 };
            str_printf(&name, "%s.%s", KINDS[kind], p->param[i].name);
            *next = (TensorSpec){ .name = name.text, .dtype = DT_F32, .n_dims = p->param[i].n_dims };
            for (int k = 0; k < next->n_dims; k++) next->dim[k] = p->param[i].dim[k];
        }
    for (int i = 0; i < t->bias.n; i++, next++)
        *next = (TensorSpec){
            .name = bias_name(&t->bias.layer[i]), .dtype = DT_F32, .n_dims = 1, .dim = { t->bias.layer[i].n }
        };
    *next = (TensorSpec){ .name = xstrdup(run_name), .dtype = DT_U8, .n_dims = 1, .dim = { (int64_t)run_bytes } };
    return s;
}

static void free_specs(TensorSpec *s, int n)
{
    for (int i = 0; i < n; i++) free((char *)(uintptr_t)s[i].name);
    free(s);
}

static char *describe_run(const Trainer *t)
{
    json_t *run = json_pack(
        "{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "version", VERSION, "step", (json_int_t)t->at.step, "epoch",
        (json_int_t)t->at.epoch, "epoch_step", (json_int_t)t->at.epoch_step, "tokens", (json_int_t)t->at.tokens,
        "samples", (json_int_t)t->at.samples, "updates", (json_int_t)t->adam.step, "settings", trainer_settings(t));
    char *text = json_dumps(run, JSON_COMPACT);
    json_decref(run);
    return text;
}

/* Averages come from the rank that owns their parameter; `part` holds some of them on rank 0. */
static bool write_block(const Trainer *t, TensorWriter *w, int kind, const Param *p, float *part, Error *e)
{
    const int owner = kind == 0 ? 0 : gradient_sum_owner(t->sum, p), rank = t->ranks.rank;
    const float *block = block_of(t, kind) + p->at;
    bool ok = true;
    for (size_t at = 0; at < p->n; at += PART) {
        const size_t n = p->n - at < PART ? p->n - at : PART;
        if (owner != 0 && (rank == 0 || rank == owner)) ranks_move(&t->ranks, block + at, part, n, owner, 0);
        if (rank == 0 && ok) ok = tensor_writer_add(w, owner == 0 ? block + at : part, n * sizeof *part, e);
    }
    return ok;
}

/* All ranks; only rank 0 has a writer, and goes on receiving where writing fails. */
static bool write_blocks(const Trainer *t, TensorWriter *w, Error *e)
{
    float *part = xcalloc(PART, sizeof *part);
    bool ok = true;
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int i = 0; i < t->params.n; i++) {
            Error later;
            const bool written = write_block(t, w, kind, &t->params.param[i], part, ok ? e : &later);
            ok = ok && written;
        }
    free(part);
    return ok;
}

static TensorWriter *open_writer(const Trainer *t, const char *path, const char *run, Error *e)
{
    const int n = count_tensors(t);
    TensorSpec *specs = specs_of(t, strlen(run));
    TensorWriter *w = tensor_writer_open(path, specs, n, e);
    free_specs(specs, n);
    return w;
}

static bool finish_writer(const Trainer *t, TensorWriter *w, const char *run, bool ok, Error *e)
{
    for (int i = 0; i < t->bias.n && ok; i++)
        ok = tensor_writer_add(w, t->bias.layer[i].bias, (size_t)t->bias.layer[i].n * sizeof(float), e);
    if (ok && tensor_writer_add(w, run, strlen(run), e)) return tensor_writer_commit(w, e);
    tensor_writer_abandon(w);
    return false;
}

bool trainer_save(const Trainer *t, const char *path, Error *e)
{
    const bool writes = t->ranks.rank == 0;
    char *run = describe_run(t);
    TensorWriter *w = writes ? open_writer(t, path, run, e) : NULL;
    bool ok = ranks_agree(&t->ranks, w || !writes, e);
    if (ok) {
        ok = write_blocks(t, w, e);
        if (writes) ok = finish_writer(t, w, run, ok, e);
        ok = ranks_agree(&t->ranks, ok, e);
    }
    free(run);
    return ok;
}

/* ---- resuming ---- */

static bool take_run(const Trainer *t, const TensorFiles *files, const char *path, bool changed_too, TrainerState *at,
                     int64_t *updates, Error *e)
{
    const FileTensor *f = tensor_files_find(files, run_name);
    int64_t version = 0;
    json_t *settings = NULL;
    if (!f || f->dtype != DT_U8) return fail(e, ERR_FORMAT, "%s: is no saved run of vl2 train", path);
    json_t *run = json_parse((const char *)f->data, f->bytes, path, e);
    const json_int_t most = INT64_MAX;
    bool ok = run && json_take_int(run, "version", VERSION, VERSION, &version, path, e) &&
              json_take_int(run, "step", 0, most, &at->step, path, e) &&
              json_take_int(run, "epoch", 0, INT32_MAX, &at->epoch, path, e) &&
              json_take_int(run, "epoch_step", 0, most, &at->epoch_step, path, e) &&
              json_take_int(run, "tokens", 0, most, &at->tokens, path, e) &&
              json_take_int(run, "samples", 0, most, &at->samples, path, e) &&
              json_take_int(run, "updates", 0, most, updates, path, e) &&
              json_take_node(run, "settings", JSON_OBJECT, &settings, path, e);
    if (ok && version != VERSION) ok = fail(e, ERR_FORMAT, "%s: is no saved run of vl2 train", path);
    if (ok && !changed_too) {
        json_t *now = trainer_settings(t);
        ok = compare_settings(settings, now, path, e);
        json_decref(now);
    }
    json_decref(run);
    return ok;
}

static const FileTensor *find_block(const TensorFiles *files, int kind, const Param *p, const char *path, Error *e)
{
    Str name = { 0 };
    str_printf(&name, "%s.%s", KINDS[kind], p->name);
    const FileTensor *f = tensor_files_find(files, name.text);
    const bool fits = f && f->dtype == DT_F32 && f->n_dims == p->n_dims &&
                      memcmp(f->dim, p->dim, (size_t)p->n_dims * sizeof *p->dim) == 0;
    if (!fits)
        fail(e, ERR_FORMAT, "%s: %s %s: the run trained other parameters", path, name.text,
             f ? "has another shape" : "is missing");
    str_free(&name);
    return fits ? f : NULL;
}

static const FileTensor *find_bias(const TensorFiles *files, const BiasLayer *l, const char *path, Error *e)
{
    char *name = bias_name(l);
    const FileTensor *f = tensor_files_find(files, name);
    const bool fits = f && f->dtype == DT_F32 && f->n_dims == 1 && f->dim[0] == l->n;
    if (!fits) fail(e, ERR_FORMAT, "%s: %s is missing, or has another shape: the run had no --bias-update", path, name);
    free(name);
    return fits ? f : NULL;
}

static bool check_blocks(const Trainer *t, const TensorFiles *files, const char *path, Error *e)
{
    const Params *p = &t->params;
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int i = 0; i < p->n; i++)
            if (!find_block(files, kind, &p->param[i], path, e)) return false;
    for (int i = 0; i < t->bias.n; i++)
        if (!find_bias(files, &t->bias.layer[i], path, e)) return false;
    if (tensor_files_count(files) == count_tensors(t)) return true;
    return fail(e, ERR_FORMAT, "%s: holds %d tensors, expected %d: the run trained other parameters", path,
                tensor_files_count(files), count_tensors(t));
}

/* All values, and the averages that this rank keeps. */
static void take_blocks(Trainer *t, const TensorFiles *files, const char *path)
{
    Error e;
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int i = 0; i < t->params.n; i++) {
            const Param *p = &t->params.param[i];
            if (kind > 0 && gradient_sum_owner(t->sum, p) != t->ranks.rank) continue;
            memcpy(block_of(t, kind) + p->at, find_block(files, kind, p, path, &e)->data, p->n * sizeof(float));
        }
    for (int i = 0; i < t->bias.n; i++) {
        const BiasLayer *l = &t->bias.layer[i];
        memcpy(l->bias, find_bias(files, l, path, &e)->data, (size_t)l->n * sizeof *l->bias);
    }
}

static bool resume_own(Trainer *t, const char *path, bool changed_too, Error *e)
{
    TrainerState at = { 0 };
    int64_t updates = 0;
    TensorFiles *files = tensor_files_open(path, e);
    if (!files) return false;
    const bool ok = take_run(t, files, path, changed_too, &at, &updates, e) && check_blocks(t, files, path, e);
    if (ok) {
        take_blocks(t, files, path);
        t->at = at;
        t->adam.step = updates;
    }
    tensor_files_close(files);
    return ok;
}

/* Every rank has read the same step. */
static bool same_step(const Trainer *t, const char *path, Error *e)
{
    double sum = (double)t->at.step;
    ranks_sum(&t->ranks, &sum, 1);
    const bool same = sum == (double)t->at.step * t->ranks.n;
    return ranks_agree(&t->ranks,
                       same || fail(e, ERR_FORMAT, "%s: rank %d reads step %lld there and others another", path,
                                    t->ranks.rank, (long long)t->at.step),
                       e);
}

bool trainer_resume(Trainer *t, const char *path, bool changed_too, Error *e)
{
    return ranks_agree(&t->ranks, resume_own(t, path, changed_too, e), e) && same_step(t, path, e);
}
