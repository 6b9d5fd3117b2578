/* adapter.c - see adapter.h. */
#include "format/adapter.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"
#include "format/module_pattern.h"
#include "format/safetensors.h"

enum { MAX_CONFIG = 16 << 20, MAX_RANK = 4096 };
static const double MAX_ALPHA = 1e6;
static const char prefix[] = "base_model.model.";

/* ---- reading ---- */

/* Weights that these begin with are taken out of the base, which only PEFT's own loader does again. */
static bool check_beginning(const json_t *config, const char *where, Error *e)
{
    static const char *const of_the_base[] = { "pissa", "olora", "corda", "loftq" };
    const char *init = json_string_value(json_object_get(config, "init_lora_weights"));
    for (size_t i = 0; init && i < sizeof of_the_base / sizeof *of_the_base; i++)
        if (str_starts(init, of_the_base[i]))
            return fail(e, ERR_UNSUPPORTED,
                        "%s: \"init_lora_weights\" is \"%s\", which changes the base model: expected an adapter that "
                        "PEFT has converted to plain LoRA (path_initial_model_for_weight_conversion)",
                        where, init);
    return true;
}

/* Keys whose values, other than these, mean something that we do not do. What says where adapters were put (target_modules,
 * exclude_modules, layers_to_transform, layers_pattern) needs no look: the file has the matrices of these modules alone. */
static bool check_kind(const json_t *config, const char *where, Error *e)
{
    static const char *const must_be_off[] = { "use_dora", "fan_in_fan_out", "lora_bias", "use_qalora" };
    static const char *const must_be_empty[] = { "modules_to_save", "layer_replication", "target_parameters",
                                                 "trainable_token_indices", "alora_invocation_tokens" };
    const char *kind = NULL, *bias = "none";
    if (!json_take_string(config, "peft_type", &kind, where, e) || !json_take_string(config, "bias", &bias, where, e))
        return false;
    if (!kind || strcmp(kind, "LORA") != 0)
        return fail(e, ERR_UNSUPPORTED, "%s: \"peft_type\" is %s, expected \"LORA\"", where, kind ? kind : "missing");
    if (strcmp(bias, "none") != 0)
        return fail(e, ERR_UNSUPPORTED, "%s: \"bias\" is \"%s\", expected \"none\"", where, bias);
    for (size_t i = 0; i < sizeof must_be_off / sizeof *must_be_off; i++) {
        bool on = false;
        if (!json_take_bool(config, must_be_off[i], &on, where, e)) return false;
        if (on) return fail(e, ERR_UNSUPPORTED, "%s: \"%s\" is true, expected false", where, must_be_off[i]);
    }
    for (size_t i = 0; i < sizeof must_be_empty / sizeof *must_be_empty; i++) {
        const json_t *v = json_object_get(config, must_be_empty[i]);
        const bool list = json_is_array(v) || json_is_object(v);
        if (v && !json_is_null(v) && !(list && json_array_size(v) + json_object_size(v) == 0))
            return fail(e, ERR_UNSUPPORTED, "%s: \"%s\" is not empty, expected null", where, must_be_empty[i]);
    }
    return check_beginning(config, where, e);
}

/* What the config says of each module. */
typedef struct {
    double rank, alpha;
    bool rslora;
    ModulePatterns *ranks, *alphas; /* of modules with their own */
} Scaling;

static void close_scaling(Scaling *s)
{
    module_patterns_close(s->ranks);
    module_patterns_close(s->alphas);
}

static ModulePatterns *read_patterns(const json_t *config, const char *key, double lo, double hi, const char *where,
                                     Error *e)
{
    json_t *object = NULL;
    if (!json_take_node(config, key, JSON_OBJECT, &object, where, e)) return NULL;
    Str what = { 0 };
    str_printf(&what, "%s: %s", where, key);
    ModulePatterns *p = module_patterns_open(object, lo, hi, what.text, e);
    str_free(&what);
    return p;
}

static bool read_config(Adapter *a, const json_t *config, Scaling *s, const char *where, Error *e)
{
    int64_t rank = 0;
    double dropout = 0;
    s->alpha = 8;
    if (!check_kind(config, where, e) || !json_take_int(config, "r", 1, MAX_RANK, &rank, where, e) ||
        !json_take_double(config, "lora_alpha", &s->alpha, where, e) ||
        !json_take_double(config, "lora_dropout", &dropout, where, e) ||
        !json_take_bool(config, "use_rslora", &s->rslora, where, e) ||
        !(s->ranks = read_patterns(config, "rank_pattern", 1, MAX_RANK, where, e)) ||
        !(s->alphas = read_patterns(config, "alpha_pattern", -MAX_ALPHA, MAX_ALPHA, where, e)))
        return false;
    if (rank == 0) return fail(e, ERR_FORMAT, "%s: \"r\" is missing", where);
    if (!(fabs(s->alpha) <= MAX_ALPHA))
        return fail(e, ERR_FORMAT, "%s: \"lora_alpha\" is %g, expected at most %g", where, s->alpha, MAX_ALPHA);
    if (!(dropout >= 0 && dropout < 1))
        return fail(e, ERR_FORMAT, "%s: \"lora_dropout\" is %g, expected 0 to 1", where, dropout);
    s->rank = (double)rank;
    a->dropout = (float)dropout;
    return true;
}

/* "base_model.model.X.lora_A.weight" -> X and 'A'; NULL for other names. Some writers put the adapter's name, "default", in. */
static char *module_of(const char *name, char *which)
{
    static const char *const ends[] = { ".lora_A.weight", ".lora_B.weight", ".lora_A.default.weight",
                                        ".lora_B.default.weight" };
    for (size_t i = 0; i < 4; i++)
        if (str_starts(name, prefix) && str_ends(name, ends[i]) && strlen(name) > sizeof prefix - 1 + strlen(ends[i])) {
            *which = i % 2 ? 'B' : 'A';
            return xstrndup(name + sizeof prefix - 1, strlen(name) - (sizeof prefix - 1) - strlen(ends[i]));
        }
    return NULL;
}

static int by_module(const void *a, const void *b)
{
    return strcmp(((const AdapterModule *)a)->module, ((const AdapterModule *)b)->module);
}

static bool check_tensor(const FileTensor *t, Error *e)
{
    if (t->dtype >= DT_PLAIN_TYPES)
        return fail(e, ERR_FORMAT, "%s: %s is %s, expected F32, BF16 or F16", t->file, t->name, dtype_name(t->dtype));
    if (t->n_dims != 2 || t->dim[0] < 1 || t->dim[1] < 1 || t->dim[0] > INT32_MAX || t->dim[1] > INT32_MAX)
        return fail(e, ERR_FORMAT, "%s: %s has %d dimensions, expected a matrix", t->file, t->name, t->n_dims);
    return true;
}

static bool scale_module(AdapterModule *m, const Scaling *s, Error *e)
{
    const double rank = (double)m->a->dim[0];
    double said = s->rank, alpha = s->alpha;
    if (!module_patterns_find(s->ranks, m->module, &said, e) || !module_patterns_find(s->alphas, m->module, &alpha, e))
        return false;
    if (said != rank)
        return fail(e, ERR_FORMAT, "%s: %s has rank %g, expected %g, as \"r\" and \"rank_pattern\" of its config say",
                    m->a->file, m->a->name, rank, said);
    m->scale = (float)(s->rslora ? alpha / sqrt(rank) : alpha / rank);
    return true;
}

/* Sorted names bring A and B of a module together in pairs, A first. */
static bool pair_up(Adapter *a, const Scaling *s, Error *e)
{
    const int n = tensor_files_count(a->files);
    a->module = xcalloc((size_t)n / 2 + 1, sizeof *a->module);
    for (int i = 0; i < n; i += 2) {
        const FileTensor *t[2] = { tensor_files_at(a->files, i), i + 1 < n ? tensor_files_at(a->files, i + 1) : NULL };
        char which = 0, other = 0;
        char *module = module_of(t[0]->name, &which), *second = t[1] ? module_of(t[1]->name, &other) : NULL;
        const bool pair = module && second && which == 'A' && other == 'B' && strcmp(module, second) == 0;
        free(second);
        if (!pair) {
            free(module);
            return fail(e, ERR_FORMAT,
                        "%s: %s has no other half, expected pairs %s<module>.lora_A.weight and .lora_B.weight",
                        t[0]->file, t[0]->name, prefix);
        }
        AdapterModule *m = &a->module[a->n++];
        *m = (AdapterModule){ .module = module, .a = t[0], .b = t[1] };
        if (!check_tensor(t[0], e) || !check_tensor(t[1], e)) return false;
        if (t[0]->dim[0] != t[1]->dim[1] || t[0]->dim[0] > MAX_RANK)
            return fail(e, ERR_FORMAT, "%s: %s has rank %lld, its lora_B %lld, expected the same, at most %d",
                        t[0]->file, t[0]->name, (long long)t[0]->dim[0], (long long)t[1]->dim[1], MAX_RANK);
        if (!scale_module(m, s, e)) return false;
    }
    if (a->n == 0) return fail(e, ERR_FORMAT, "%s: there is no tensor in it", a->path);
    qsort(a->module, (size_t)a->n, sizeof *a->module, by_module);
    return true;
}

bool adapter_open(Adapter *a, const char *path, Error *e)
{
    Scaling s = { 0 };
    *a = (Adapter){ .path = xstrdup(path) };
    char *config_path = path_join(path, "adapter_config.json"), *weights = path_join(path, "adapter_model.safetensors");
    json_t *config = json_parse_file(config_path, MAX_CONFIG, e);
    bool ok = config && (json_is_object(config) ||
                         fail(e, ERR_FORMAT, "%s: it is %s, expected an object", config_path, json_type_name(config)));
    ok = ok && read_config(a, config, &s, config_path, e) && (a->files = tensor_files_open(weights, e)) &&
         pair_up(a, &s, e);
    close_scaling(&s);
    json_decref(config);
    free(config_path);
    free(weights);
    if (!ok) adapter_close(a);
    return ok;
}

bool adapter_open_scaled(Adapter *a, float *scale, const char *text, Error *e)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL, *path = xstrdup(text);
    *scale = 1;
    if (colon && colon[1]) {
        const float number = strtof(colon + 1, &end);
        if (*end == 0) {
            *scale = number;
            path[colon - text] = 0;
        }
    }
    *a = (Adapter){ 0 };
    const bool ok =
        (isfinite(*scale) || fail(e, ERR_USAGE, "%s: the scale is not a number", text)) && adapter_open(a, path, e);
    free(path);
    return ok;
}

void adapter_close(Adapter *a)
{
    for (int i = 0; i < a->n; i++) free(a->module[i].module);
    free(a->module);
    free(a->path);
    tensor_files_close(a->files);
    *a = (Adapter){ 0 };
}

const AdapterModule *adapter_find(const Adapter *a, const char *module)
{
    const AdapterModule key = { .module = (char *)(uintptr_t)module };
    return bsearch(&key, a->module, (size_t)a->n, sizeof key, by_module);
}

/* ---- writing ---- */

/* The last parts of the modules' names, each once: what PEFT finds them by. */
static json_t *target_modules(const AdapterMatrices *m, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(m[i].module, '.'), *last = dot ? dot + 1 : m[i].module;
        bool there = false;
        for (size_t k = 0; k < json_array_size(list); k++)
            there |= strcmp(json_string_value(json_array_get(list, k)), last) == 0;
        if (!there) json_array_append_new(list, json_string(last));
    }
    return list;
}

static double brief(double v)
{
    return round(1e6 * v) / 1e6;
}

/* What reads as this scale: the number that was meant, if a short one does. */
static double alpha_of(const AdapterMatrices *m)
{
    const double exact = (double)m->scale * m->rank;
    return (float)(brief(exact) / m->rank) == m->scale ? brief(exact) : exact;
}

/* The module whose rank and alpha most others share, among the first ones: most are of one kind. */
static int most_common(const AdapterMatrices *m, int n)
{
    enum { LOOKED_AT = 64 };
    int best = 0, most = 0;
    for (int i = 0; i < n && i < LOOKED_AT; i++) {
        int same = 0;
        for (int k = 0; k < n; k++) same += m[k].rank == m[i].rank && m[k].scale == m[i].scale;
        if (same > most) most = same, best = i;
    }
    return best;
}

static bool write_config(const char *path, const char *base, const AdapterMatrices *m, int n, float dropout, Error *e)
{
    const AdapterMatrices *usual = &m[most_common(m, n)];
    const double d = (double)dropout;
    json_t *ranks = json_object(), *alphas = json_object();
    for (int i = 0; i < n; i++) {
        if (m[i].rank != usual->rank) json_object_set_new(ranks, m[i].module, json_integer(m[i].rank));
        if (alpha_of(&m[i]) != alpha_of(usual)) json_object_set_new(alphas, m[i].module, json_real(alpha_of(&m[i])));
    }
    json_t *config =
        json_pack("{s:s, s:s, s:s?, s:i, s:f, s:f, s:o, s:s, s:b, s:b, s:b, s:n, s:o, s:o, s:b}", "peft_type", "LORA",
                  "task_type", "CAUSAL_LM", "base_model_name_or_path", base, "r", usual->rank, "lora_alpha",
                  alpha_of(usual), "lora_dropout", (float)brief(d) == dropout ? brief(d) : d, "target_modules",
                  target_modules(m, n), "bias", "none", "fan_in_fan_out", 0, "use_rslora", 0, "use_dora", 0,
                  "modules_to_save", "rank_pattern", ranks, "alpha_pattern", alphas, "inference_mode", 1);
    char *text = json_dumps(config, JSON_INDENT(2));
    const bool ok = file_save(path, text, strlen(text), e);
    free(text);
    json_decref(config);
    return ok;
}

static bool write_matrices(const char *path, const AdapterMatrices *m, int n, Error *e)
{
    TensorSpec *spec = xcalloc(2 * (size_t)n, sizeof *spec);
    Str *name = xcalloc(2 * (size_t)n, sizeof *name);
    for (int i = 0; i < 2 * n; i++) {
        const AdapterMatrices *x = &m[i / 2];
        str_printf(&name[i], "%s%s.lora_%c.weight", prefix, x->module, i % 2 ? 'B' : 'A');
        spec[i] = (TensorSpec){ .name = name[i].text, .dtype = DT_F32, .n_dims = 2 };
        spec[i].dim[0] = i % 2 ? x->rows : x->rank;
        spec[i].dim[1] = i % 2 ? x->rank : x->cols;
    }
    TensorWriter *w = tensor_writer_open(path, spec, 2 * n, e);
    bool ok = w != NULL;
    for (int i = 0; i < 2 * n && ok; i++)
        ok = tensor_writer_add(w, i % 2 ? m[i / 2].b : m[i / 2].a,
                               (size_t)spec[i].dim[0] * (size_t)spec[i].dim[1] * sizeof(float), e);
    if (w && ok)
        ok = tensor_writer_commit(w, e);
    else if (w)
        tensor_writer_abandon(w);
    for (int i = 0; i < 2 * n; i++) str_free(&name[i]);
    free(name);
    free(spec);
    return ok;
}

bool adapter_save(const char *path, const char *base, const AdapterMatrices *m, int n, float dropout, Error *e)
{
    char *config = path_join(path, "adapter_config.json"), *weights = path_join(path, "adapter_model.safetensors");
    const bool there = mkdir(path, 0777) == 0 || errno == EEXIST ||
                       fail(e, ERR_SYSTEM, "%s: cannot create: %s", path, strerror(errno));
    const bool ok = there && write_matrices(weights, m, n, e) && write_config(config, base, m, n, dropout, e);
    free(config);
    free(weights);
    return ok;
}
