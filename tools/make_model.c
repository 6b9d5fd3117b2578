/* make_model.c - makes checkpoints of random weights in the published layout: config.json, processor_config.json,
 * tokenizer files, safetensors shards with their index; or one GGUF file, as `vl2 quantize` would write it from them, without
 * the checkpoint. For tests (micro shapes) and for work on speed and memory (the full shapes of tiny, small and base).
 *
 * draw_weights.h says how weights are drawn: piece by piece, on all threads, in a few MB of memory. Files grow in OUT.part,
 * which takes its name when all are complete. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/str.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "model/convert.h"

#include "byte_tokenizer.h"
#include "draw_weights.h"

#define SHARD_BYTES ((uint64_t)8 << 30) /* the published shards have 8.59 GB */
#define JSON_LIMIT  ((size_t)256 << 20)

enum { MAX_SETS = 64, PIECES = 8, PIECE_BYTES = 512 * 1024 };

static const char USAGE[] =
    "usage: make_model --shape SHAPE [options] -o DIR\n"
    "Writes a checkpoint of random weights in the published layout.\n\n"
    "  --shape SHAPE         default, micro-mha, micro-mla, micro-noaux, tiny-0.1b, tiny, small or base\n"
    "  -o, --output DIR      where; must not exist or be empty\n"
    "  --dtype TYPE          bf16, f16 or f32 (default: bf16)\n"
    "  --gguf TYPE           write a GGUF file, -o FILE, instead of a folder: TYPE as in `vl2 quantize --type TYPE` "
    "from\n"
    "                        such a folder. Same names, types and texts; the numbers of quantised tensors are drawn\n"
    "  --text-only           with --gguf: only the language part, as `vl2 quantize --text-only`\n"
    "  --seed N              of the random numbers (default: 1)\n"
    "  --set KEY=VALUE       change config.json: the path of a key, a JSON value; a word that is not JSON is a "
    "string;\n"
    "                        processor.KEY=VALUE changes processor_config.json. May be repeated\n"
    "  --tokenizer FILE      tokenizer.json to use (default: one token for each byte)\n"
    "  --tokenizer-from DIR  the tokenizer.json of a model directory\n"
    "  --shard-bytes N       largest size of a shard (default: 8589934592)\n"
    "  --threads N           (default: one for each processor)\n"
    "  --list                print names, shapes and sums, write nothing\n";

typedef struct {
    const ModelShape *shape;
    const char *output, *tokenizer, *tokenizer_from;
    DType dtype;
    uint64_t seed, shard_bytes;
    const char *set[MAX_SETS];
    int n_sets, threads;
    bool list;
    const char *gguf; /* the --type of `vl2 quantize`; NULL: a folder */
    WeightTypes gguf_types;
    bool text_only;
} Options;

/* All that a checkpoint consists of. */
typedef struct {
    json_t *config, *processor, *tokenizer, *tokenizer_config, *special_tokens_map;
    Config parsed;
    TensorList list;
} Checkpoint;

/* ---- the configuration --------------------------------------------------------------------------------------------- */

/* Sets "a.b.c=value" in root; objects on the way are made. */
static bool set_key(json_t *root, const char *assignment, Error *e)
{
    const char *const equals = strchr(assignment, '=');
    if (!equals || equals == assignment) return fail(e, ERR_USAGE, "--set %s: expected KEY=VALUE", assignment);
    json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
    if (!value) value = json_string(equals + 1);
    if (!value) return fail(e, ERR_USAGE, "--set %s: the value is not UTF-8", assignment);
    char *path = xstrndup(assignment, (size_t)(equals - assignment)), *rest = path;
    for (char *dot; (dot = strchr(rest, '.')); rest = dot + 1) {
        *dot = 0;
        json_t *next = json_object_get(root, rest);
        if (!json_is_object(next)) json_object_set_new(root, rest, next = json_object());
        root = next;
    }
    const bool ok = json_object_set_new(root, rest, value) == 0;
    if (!ok) fail(e, ERR_USAGE, "--set %s: \"%s\" cannot be a key", assignment, rest);
    free(path);
    return ok;
}

/* Those assignments that begin with `prefix` (which is cut off), or, for NULL, those that belong to config.json. */
static bool apply_sets(json_t *root, const Options *o, const char *prefix, Error *e)
{
    static const char processor[] = "processor.";
    for (int i = 0; i < o->n_sets; i++) {
        const bool of_processor = str_starts(o->set[i], processor);
        if (of_processor != (prefix != NULL)) continue;
        if (!set_key(root, o->set[i] + (prefix ? strlen(prefix) : 0), e)) return false;
    }
    return true;
}

static json_int_t int_or(const json_t *object, const char *key, json_int_t otherwise)
{
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

static const char *torch_name(DType t)
{
    return t == DT_F32 ? "float32" : t == DT_F16 ? "float16" : "bfloat16";
}

static bool make_config(Checkpoint *c, const Options *o, Error *e)
{
    c->config = model_shape_config(o->shape);
    json_object_set_new(c->config, "torch_dtype", json_string(torch_name(o->dtype)));
    json_object_set_new(json_object_get(c->config, "language_config"), "torch_dtype",
                        json_string(torch_name(o->dtype)));
    if (!apply_sets(c->config, o, NULL, e)) return false;
    if (!json_object_get(c->config, "candidate_resolutions")) {
        const json_int_t side = int_or(json_object_get(c->config, "vision_config"), "image_size", 384);
        json_object_set_new(c->config, "candidate_resolutions", candidate_resolutions(side));
    }
    if (!config_from_json(&c->parsed, c->config, "config.json", NULL, "", e)) return false;
    c->processor = model_shape_processor(json_object_get(c->config, "candidate_resolutions"),
                                         c->parsed.vision.patch_size, c->parsed.projector.downsample_ratio);
    config_free(&c->parsed);
    return apply_sets(c->processor, o, "processor.", e) &&
           config_from_json(&c->parsed, c->config, "config.json", c->processor, "processor_config.json", e);
}

/* ---- the tokenizer ------------------------------------------------------------------------------------------------- */

/* What the official processor adds if it is missing, in its order. */
static const char *const SPECIALS[] = { PAD,        "<image>",       "<|ref|>",  "<|/ref|>",     "<|det|>",
                                        "<|/det|>", "<|grounding|>", "<|User|>", "<|Assistant|>" };

/* The id of a token, -1 if there is none; *is_added: it stands among the added tokens. */
static json_int_t token_id(const json_t *tokenizer, const char *content, bool *is_added)
{
    size_t i;
    json_t *t;
    json_array_foreach(json_object_get(tokenizer, "added_tokens"), i, t)
    {
        const char *const text = json_string_value(json_object_get(t, "content"));
        *is_added = text && strcmp(text, content) == 0;
        if (*is_added) return int_or(t, "id", -1);
    }
    *is_added = false;
    return int_or(json_object_get(json_object_get(tokenizer, "model"), "vocab"), content, -1);
}

static json_int_t largest_id(const json_t *tokenizer)
{
    json_int_t largest = -1;
    const char *key;
    json_t *v;
    size_t i;
    json_object_foreach(json_object_get(json_object_get(tokenizer, "model"), "vocab"), key,
                        v) if (json_integer_value(v) > largest) largest = json_integer_value(v);
    json_array_foreach(json_object_get(tokenizer, "added_tokens"), i, v) if (int_or(v, "id", -1) > largest) largest =
        int_or(v, "id", -1);
    return largest;
}

static bool check_tokenizer(const json_t *t, const char *where, Error *e)
{
    bool is_added;
    json_t *part;
    if (!json_is_object(t)) return fail(e, ERR_FORMAT, "%s: is %s, expected an object", where, json_type_name(t));
    if (!json_take_node(t, "model", JSON_OBJECT, &part, where, e)) return false;
    if (!json_is_object(json_object_get(part, "vocab")))
        return fail(e, ERR_FORMAT, "%s: no \"model\" with a \"vocab\"", where);
    if (!json_take_node(t, "added_tokens", JSON_ARRAY, &part, where, e)) return false;
    if (!part) return fail(e, ERR_FORMAT, "%s: no \"added_tokens\"", where);
    if (token_id(t, BOS, &is_added) < 0) return fail(e, ERR_FORMAT, "%s: no token " BOS, where);
    if (token_id(t, EOS, &is_added) < 0) return fail(e, ERR_FORMAT, "%s: no token " EOS, where);
    return true;
}

/* What is missing gets the ids after the largest, as the official processor would give them. */
static void add_specials(json_t *tokenizer)
{
    json_t *added = json_object_get(tokenizer, "added_tokens");
    json_int_t next = largest_id(tokenizer) + 1;
    for (size_t i = 0; i < sizeof SPECIALS / sizeof *SPECIALS; i++) {
        bool is_added;
        json_int_t id = token_id(tokenizer, SPECIALS[i], &is_added);
        if (is_added) continue;
        if (id < 0) id = next++;
        json_array_append_new(added, added_token(id, SPECIALS[i]));
    }
}

static json_t *token_flags(const char *content, bool normalized)
{
    return json_pack("{s:s, s:b, s:b, s:b, s:b}", "content", content, "lstrip", 0, "normalized", (int)normalized,
                     "rstrip", 0, "single_word", 0);
}

static json_t *special_tokens_map(void)
{
    return json_pack("{s:[o,o], s:o, s:o, s:o}", "additional_special_tokens", token_flags("<|User|>", false),
                     token_flags("<|Assistant|>", false), "bos_token", token_flags(BOS, true), "eos_token",
                     token_flags(EOS, true), "pad_token", token_flags(PAD, true));
}

static json_t *tokenizer_config(const json_t *tokenizer)
{
    json_t *decoder = json_object(), *t;
    size_t i;
    json_array_foreach(json_object_get(tokenizer, "added_tokens"), i, t)
    {
        char id[32];
        snprintf(id, sizeof id, "%" JSON_INTEGER_FORMAT, int_or(t, "id", 0));
        json_t *flags = json_copy(t);
        json_object_del(flags, "id");
        json_object_set_new(decoder, id, flags);
    }
    return json_pack("{s:b, s:b, s:o, s:[s,s], s:s, s:b, s:s, s:b, s:i, s:s, s:s, s:{}, s:s, s:n, s:b}",
                     "add_bos_token", 1, "add_eos_token", 0, "added_tokens_decoder", decoder,
                     "additional_special_tokens", "<|User|>", "<|Assistant|>", "bos_token", BOS,
                     "clean_up_tokenization_spaces", 0, "eos_token", EOS, "legacy", 1, "model_max_length", 4096,
                     "pad_token", PAD, "processor_class", "DeepseekVLV2Processor", "sp_model_kwargs", "tokenizer_class",
                     "LlamaTokenizerFast", "unk_token", "use_default_system_prompt", 0);
}

static bool make_tokenizer(Checkpoint *c, const Options *o, Error *e)
{
    char *path = o->tokenizer_from ? path_join(o->tokenizer_from, "tokenizer.json")
                 : o->tokenizer    ? xstrdup(o->tokenizer)
                                   : NULL;
    c->tokenizer = path ? json_parse_file(path, JSON_LIMIT, e) : byte_tokenizer();
    const bool ok = c->tokenizer && check_tokenizer(c->tokenizer, path ? path : "tokenizer", e);
    free(path);
    if (!ok) return false;
    add_specials(c->tokenizer);
    c->tokenizer_config = tokenizer_config(c->tokenizer);
    c->special_tokens_map = special_tokens_map();
    const json_int_t largest = largest_id(c->tokenizer);
    if (largest < c->parsed.language.vocab_size) return true;
    return fail(e, ERR_USAGE,
                "the tokenizer's ids go up to %" JSON_INTEGER_FORMAT ", language_config.vocab_size is %d: "
                "--set language_config.vocab_size=%" JSON_INTEGER_FORMAT " or more",
                largest, c->parsed.language.vocab_size, largest + 1);
}

/* The config's ids follow the tokenizer, unless --set said otherwise. */
static void follow_tokenizer(Checkpoint *c, const Options *o)
{
    static const char *const keys[][2] = { { "bos_token_id", BOS }, { "eos_token_id", EOS } };
    for (int i = 0; i < 2; i++) {
        bool is_added, chosen = false;
        char path[64];
        snprintf(path, sizeof path, "language_config.%s=", keys[i][0]);
        for (int j = 0; j < o->n_sets; j++) chosen |= str_starts(o->set[j], path);
        if (!chosen)
            json_object_set_new(json_object_get(c->config, "language_config"), keys[i][0],
                                json_integer(token_id(c->tokenizer, keys[i][1], &is_added)));
    }
}

/* ---- the weights --------------------------------------------------------------------------------------------------- */

typedef struct {
    const Drawing *drawing;
    unsigned char *buffer; /* PIECES * PIECE_BYTES, pieces without gaps */
    uint64_t first, end;   /* units */
} Stretch;

static void draw_piece(void *context, int i, int thread)
{
    const Stretch *b = context;
    const uint64_t per_piece = PIECE_BYTES / b->drawing->unit, begin = b->first + (uint64_t)i * per_piece;
    const uint64_t n = b->end - begin < per_piece ? b->end - begin : per_piece;
    (void)thread;
    draw(b->drawing, begin, (size_t)n, b->buffer + (size_t)i * per_piece * b->drawing->unit);
}

typedef struct {
    const Options *options;
    const Checkpoint *checkpoint;
    Pool *pool;
    Drawing drawing;
    double level[LEVELS];
    unsigned char *buffer;
    uint64_t written, total; /* bytes */
    double started, reported;
} Work;

static void report(Work *w, bool last)
{
    const double now = clock_now(), seconds = now - w->started;
    char done[32], all[32];
    if (!last && now - w->reported < 1) return;
    w->reported = now;
    const bool is_terminal = isatty(STDERR_FILENO) == 1;
    if (!last && !is_terminal) return;
    fprintf(stderr, "%s%s of %s, %.0f MB/s%s", is_terminal ? "\r" : "", human_bytes(w->written, done),
            human_bytes(w->total, all), 1e-6 * (double)w->written / (seconds > 0 ? seconds : 1), last ? "\n" : "   ");
}

/* Where the bytes of tensors go. */
typedef struct {
    bool (*add)(void *writer, const void *bytes, size_t n, Error *e);
    void *writer;
} Target;

static bool write_tensor(Work *w, const Target *to, const ListedTensor *t, DType dtype, Error *e)
{
    Drawing *d = &w->drawing;
    start_drawing(d, t, &w->checkpoint->parsed, w->level, dtype, w->options->seed);
    const uint64_t per_piece = PIECE_BYTES / d->unit, per_batch = PIECES * per_piece;
    for (uint64_t first = 0; first < d->n; first += per_batch) {
        Stretch b = { d, w->buffer, first, first + per_batch < d->n ? first + per_batch : d->n };
        const uint64_t n = b.end - first;
        pool_run(w->pool, (int)((n + per_piece - 1) / per_piece), draw_piece, &b);
        if (!to->add(to->writer, w->buffer, (size_t)n * d->unit, e)) return false;
        w->written += n * d->unit;
        report(w, false);
    }
    return true;
}

static TensorSpec *make_specs(const TensorList *l, DType dtype)
{
    TensorSpec *specs = xcalloc((size_t)l->n, sizeof *specs);
    for (int i = 0; i < l->n; i++) {
        const ListedTensor *t = &l->tensor[i];
        specs[i] = (TensorSpec){ .name = t->name, .dtype = dtype, .n_dims = t->n_dims };
        for (int k = 0; k < t->n_dims; k++) specs[i].dim[k] = t->dim[k];
    }
    return specs;
}

/* shard[i]: the number, from 1, of the shard of tensor i. Returns how many there are. */
static int plan_shards(int *shard, const TensorList *l, size_t element, uint64_t limit)
{
    int n = 1;
    uint64_t used = 0;
    for (int i = 0; i < l->n; i++) {
        const uint64_t bytes = listed_elements(&l->tensor[i]) * element;
        if (used > 0 && used + bytes > limit) n++, used = 0;
        used += bytes;
        shard[i] = n;
    }
    return n;
}

static void shard_name(char name[64], int i, int n)
{
    snprintf(name, 64, "model-%05d-of-%06d.safetensors", i, n); /* six digits: as published */
}

static bool add_to_shard(void *writer, const void *bytes, size_t n, Error *e)
{
    return tensor_writer_add(writer, bytes, n, e);
}

static bool write_shard(Work *w, const char *path, const TensorSpec *specs, int first, int end, Error *e)
{
    TensorWriter *out = tensor_writer_open(path, specs + first, end - first, e);
    if (!out) return false;
    const Target to = { add_to_shard, out };
    for (int i = first; i < end; i++) {
        if (write_tensor(w, &to, &w->checkpoint->list.tensor[i], w->options->dtype, e)) continue;
        tensor_writer_abandon(out);
        return false;
    }
    return tensor_writer_commit(out, e);
}

static bool write_json(const char *folder, const char *name, const json_t *v, size_t flags, Error *e)
{
    char *text = json_dumps(v, JSON_INDENT(2) | JSON_REAL_PRECISION(15) | flags), *path = path_join(folder, name);
    FileOut out = { 0 };
    bool ok = text || fail(e, ERR_MEMORY, "%s: no memory to write it", path);
    if (ok) ok = file_create(&out, path, e) && file_write(&out, text, strlen(text), e) && file_commit(&out, e);
    if (!ok) file_abandon(&out);
    free(text);
    free(path);
    return ok;
}

static bool write_shards(Work *w, const char *folder, const int *shard, int n_shards, Error *e)
{
    const TensorList *l = &w->checkpoint->list;
    TensorSpec *specs = make_specs(l, w->options->dtype);
    json_t *weight_map = json_object();
    char name[64];
    bool ok = true;
    for (int first = 0, end; first < l->n && ok; first = end) {
        shard_name(name, shard[first], n_shards);
        for (end = first; end < l->n && shard[end] == shard[first]; end++)
            json_object_set_new(weight_map, l->tensor[end].name, json_string(name));
        char *path = path_join(folder, name);
        ok = write_shard(w, path, specs, first, end, e);
        free(path);
    }
    json_t *index =
        json_pack("{s:{s:I}, s:o}", "metadata", "total_size", (json_int_t)w->total, "weight_map", weight_map);
    if (ok) ok = write_json(folder, "model.safetensors.index.json", index, JSON_SORT_KEYS, e);
    json_decref(index);
    free(specs);
    return ok;
}

/* ---- the folder ---------------------------------------------------------------------------------------------------- */

static bool check_space(const char *folder, uint64_t bytes, Error *e)
{
    struct statvfs fs;
    char need[32], have[32];
    if (statvfs(folder, &fs) != 0) return fail(e, ERR_SYSTEM, "%s: cannot examine: %s", folder, strerror(errno));
    const uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
    bytes += 64 << 20; /* headers, tokenizer, the file system's own */
    if (bytes <= available) return true;
    return fail(e, ERR_SYSTEM, "%s: %s needed, %s free on this file system", folder, human_bytes(bytes, need),
                human_bytes(available, have));
}

static bool write_texts(const Checkpoint *c, const char *folder, Error *e)
{
    return write_json(folder, "config.json", c->config, JSON_SORT_KEYS, e) &&
           write_json(folder, "processor_config.json", c->processor, JSON_SORT_KEYS, e) &&
           write_json(folder, "tokenizer.json", c->tokenizer, 0, e) &&
           write_json(folder, "tokenizer_config.json", c->tokenizer_config, 0, e) &&
           write_json(folder, "special_tokens_map.json", c->special_tokens_map, 0, e);
}

/* Removes what write_texts() and write_shards() may have made. */
static void remove_folder(const char *folder, int n_shards)
{
    static const char *const names[] = {
        "config.json",           "processor_config.json",   "tokenizer.json",
        "tokenizer_config.json", "special_tokens_map.json", "model.safetensors.index.json"
    };
    char name[64];
    for (int i = 0; i < (int)(sizeof names / sizeof *names) + n_shards; i++) {
        const int past = i - (int)(sizeof names / sizeof *names);
        shard_name(name, past + 1, n_shards);
        char *path = path_join(folder, past < 0 ? names[i] : name);
        unlink(path);
        free(path);
    }
    rmdir(folder);
}

/* Everything goes to OUT.part first; renaming it onto OUT fails where OUT holds anything. */
static bool write_folder(Work *w, Error *e)
{
    const TensorList *l = &w->checkpoint->list;
    const char *const output = w->options->output;
    int *shard = xcalloc((size_t)l->n, sizeof *shard);
    const int n_shards = plan_shards(shard, l, dtype_bytes(w->options->dtype), w->options->shard_bytes);
    Str part = { 0 };
    str_printf(&part, "%s.part", output);
    bool ok = mkdir(part.text, 0777) == 0 || fail(e, ERR_SYSTEM, "%s: cannot make: %s", part.text, strerror(errno));
    if (ok) {
        ok = check_space(part.text, w->total, e) && write_texts(w->checkpoint, part.text, e) &&
             write_shards(w, part.text, shard, n_shards, e) &&
             (rename(part.text, output) == 0 ||
              fail(e, ERR_SYSTEM, "%s: cannot take this name: %s", output, strerror(errno)));
        if (!ok) remove_folder(part.text, n_shards);
    }
    str_free(&part);
    free(shard);
    return ok;
}

/* Said before the work rather than after it. */
static bool check_output(const char *output, Error *e)
{
    if (rmdir(output) == 0 || errno == ENOENT) return true; /* an empty folder may be replaced */
    return fail(e, ERR_SYSTEM, "%s: exists and is not an empty folder: %s", output, strerror(errno));
}

/* ---- one GGUF file ------------------------------------------------------------------------------------------------- */

/* The model that the folder would be, with its tensors named and nothing in them: enough to plan a conversion. */
static bool open_unwritten(Model *m, const Checkpoint *c, DType dtype, const char *folder, Error *e)
{
    *m = (Model){ .source = model_source_open(folder, e) };
    if (!m->source || !config_read(&m->config, m->source, e)) return false;
    if (!(m->tokenizer = model_tokenizer(m->source, m->config.processor.pad_token, e))) return false;
    m->files = tensor_files_new();
    for (int i = 0; i < c->list.n; i++) {
        const ListedTensor *t = &c->list.tensor[i];
        FileTensor f = { .name = t->name, .file = "random", .dtype = dtype, .n_dims = t->n_dims };
        for (int k = 0; k < t->n_dims; k++) f.dim[k] = t->dim[k];
        tensor_files_add(m->files, &f);
    }
    tensor_files_sort(m->files);
    return true;
}

static const ListedTensor *find_listed(const TensorList *l, const char *name)
{
    for (int i = 0; i < l->n; i++)
        if (strcmp(l->tensor[i].name, name) == 0) return &l->tensor[i];
    return NULL;
}

static bool add_to_file(void *writer, const void *bytes, size_t n, Error *e)
{
    return gguf_writer_add(writer, bytes, n, e);
}

static bool draw_plan(Work *w, const ConvertPlan *p, GgufWriter *out, Error *e)
{
    const Target to = { add_to_file, out };
    for (int i = 0; i < p->n; i++) {
        const ConvertedTensor *t = &p->tensor[i];
        for (int k = 0; k < t->n_parts; k++) {
            char name[TENSOR_NAME_SIZE];
            published_name_of(t->name, t->merged ? k : -1, name);
            const ListedTensor *l = find_listed(&w->checkpoint->list, name);
            if (!l) return fail(e, ERR_UNSUPPORTED, "%s is not a tensor of the model", name);
            if (!write_tensor(w, &to, l, t->dtype, e)) return false;
        }
    }
    return true;
}

static bool write_planned(Work *w, const ConvertPlan *p, const Model *m, const ConvertOptions *o, Error *e)
{
    const char *const output = w->options->output;
    w->total = p->bytes;
    GgufWriter *out = convert_open_gguf(p, m, o, output, e);
    if (!out) return false;
    if (draw_plan(w, p, out, e)) return gguf_writer_commit(out, e);
    gguf_writer_abandon(out);
    return false;
}

static bool convert_unwritten(Work *w, const char *folder, Error *e)
{
    Model m;
    ConvertPlan plan = { 0 };
    const ConvertOptions o = { .to = CONVERT_GGUF,
                               .types = w->options->gguf_types,
                               .text_only = w->options->text_only };
    const bool ok = open_unwritten(&m, w->checkpoint, w->options->dtype, folder, e) && convert_plan(&plan, &m, &o, e) &&
                    check_space(folder, plan.bytes, e) && write_planned(w, &plan, &m, &o, e);
    convert_plan_free(&plan);
    model_close(&m);
    return ok;
}

/* The texts of the folder lie in OUT.part/SHAPE as long as it takes. */
static bool write_gguf(Work *w, Error *e)
{
    Str part = { 0 };
    str_printf(&part, "%s.part", w->options->output);
    char *folder = path_join(part.text, w->options->shape->name);
    bool ok = mkdir(part.text, 0777) == 0 || fail(e, ERR_SYSTEM, "%s: cannot make: %s", part.text, strerror(errno));
    if (ok) {
        ok = mkdir(folder, 0777) == 0 || fail(e, ERR_SYSTEM, "%s: cannot make: %s", folder, strerror(errno));
        ok = ok && write_texts(w->checkpoint, folder, e) && convert_unwritten(w, folder, e);
        remove_folder(folder, 0);
        rmdir(part.text);
    }
    free(folder);
    str_free(&part);
    return ok;
}

static bool check_file(const char *output, Error *e)
{
    return !file_exists(output) || fail(e, ERR_SYSTEM, "%s: is there already", output);
}

static bool write_checkpoint(const Checkpoint *c, const Options *o, Error *e)
{
    Work *w = xcalloc(1, sizeof *w);
    *w = (Work){ .options = o, .checkpoint = c, .started = clock_now() };
    w->total = tensor_list_elements(&c->list, PART_COUNT) * dtype_bytes(o->dtype);
    w->buffer = xmalloc((size_t)PIECES * PIECE_BYTES + DRAW_SLACK);
    normal_levels(w->level);
    w->pool = (o->gguf ? check_file(o->output, e) : check_output(o->output, e)) ? pool_open(o->threads, e) : NULL;
    const bool ok = w->pool && (o->gguf ? write_gguf(w, e) : write_folder(w, e));
    if (ok) report(w, true);
    pool_close(w->pool);
    free(w->buffer);
    free(w);
    return ok;
}

static void print_list(const TensorList *l)
{
    static const char *const parts[] = {
        "vision", "vision.attn_pool (unused)", "projector", "embeddings", "language", "routed experts", "all"
    };
    for (int i = 0; i < l->n; i++) {
        const ListedTensor *t = &l->tensor[i];
        printf("%s [", t->name);
        for (int k = 0; k < t->n_dims; k++) printf("%s%" PRId64, k ? ", " : "", t->dim[k]);
        printf("]\n");
    }
    for (int p = 0; p <= PART_COUNT; p++)
        printf("%-26s %15" PRIu64 " parameters\n", parts[p], tensor_list_elements(l, (TensorPart)p));
}

/* ---- the command line ---------------------------------------------------------------------------------------------- */

static bool take_count(uint64_t *out, const char *text, uint64_t lo, uint64_t hi, const char *name, Error *e)
{
    char *end;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || v < lo || v > hi)
        return fail(e, ERR_USAGE, "--%s %s: expected a number from %" PRIu64 " to %" PRIu64, name, text, lo, hi);
    *out = v;
    return true;
}

static bool take_dtype(DType *out, const char *text, Error *e)
{
    static const struct {
        const char *name;
        DType dtype;
    } rows[] = { { "bf16", DT_BF16 }, { "f16", DT_F16 }, { "f32", DT_F32 } };
    for (int i = 0; i < 3; i++)
        if (strcmp(text, rows[i].name) == 0) return *out = rows[i].dtype, true;
    return fail(e, ERR_USAGE, "--dtype %s: expected bf16, f16 or f32", text);
}

static bool take_option(Options *o, int option, const char *text, Error *e)
{
    uint64_t threads = 0;
    switch (option) {
    case 'a':
        o->shape = model_shape_find(text);
        return o->shape ||
               fail(e, ERR_USAGE,
                    "--shape %s: expected default, micro-mha, micro-mla, micro-noaux, tiny-0.1b, tiny, small or base",
                    text);
    case 'o': o->output = text; return true;
    case 'd': return take_dtype(&o->dtype, text, e);
    case 'x': o->text_only = true; return true;
    case 'g': o->gguf = text; return weight_types_find(text, &o->gguf_types, e) || fail_in(e, "--gguf");
    case 's': return take_count(&o->seed, text, 0, UINT64_MAX, "seed", e);
    case 'k':
        if (o->n_sets == MAX_SETS) return fail(e, ERR_USAGE, "--set: more than %d", MAX_SETS);
        o->set[o->n_sets++] = text;
        return true;
    case 't': o->tokenizer = text; return true;
    case 'f': o->tokenizer_from = text; return true;
    case 'b': return take_count(&o->shard_bytes, text, 1, UINT64_MAX, "shard-bytes", e);
    case 'n':
        if (!take_count(&threads, text, 1, 1024, "threads", e)) return false;
        o->threads = (int)threads;
        return true;
    case 'l': o->list = true; return true;
    default: return fail(e, ERR_USAGE, "%s", USAGE);
    }
}

static bool take_options(Options *o, int argc, char **argv, Error *e)
{
    static const struct option names[] = {
        { "shape", required_argument, NULL, 'a' },
        { "output", required_argument, NULL, 'o' },
        { "dtype", required_argument, NULL, 'd' },
        { "gguf", required_argument, NULL, 'g' },
        { "text-only", no_argument, NULL, 'x' },
        { "seed", required_argument, NULL, 's' },
        { "set", required_argument, NULL, 'k' },
        { "tokenizer", required_argument, NULL, 't' },
        { "tokenizer-from", required_argument, NULL, 'f' },
        { "shard-bytes", required_argument, NULL, 'b' },
        { "threads", required_argument, NULL, 'n' },
        { "list", no_argument, NULL, 'l' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    *o = (Options){ .dtype = DT_BF16, .seed = 1, .shard_bytes = SHARD_BYTES };
    optind = 0; /* begin anew: a test calls main more than once */
    for (int option; (option = getopt_long(argc, argv, "o:h", names, NULL)) != -1;)
        if (!take_option(o, option, optarg, e)) return false;
    if (optind < argc) return fail(e, ERR_USAGE, "unexpected argument %s", argv[optind]);
    if (!o->shape) return fail(e, ERR_USAGE, "--shape is missing");
    if (!o->output && !o->list) return fail(e, ERR_USAGE, "-o DIR is missing");
    if (o->tokenizer && o->tokenizer_from)
        return fail(e, ERR_USAGE, "--tokenizer and --tokenizer-from exclude each other");
    return true;
}

static bool make_model(const Options *o, Error *e)
{
    Checkpoint c = { 0 };
    bool ok = make_config(&c, o, e) && make_tokenizer(&c, o, e);
    if (ok) {
        follow_tokenizer(&c, o);
        ok = tensor_list(&c.list, &c.parsed, e);
        if (ok && o->list)
            print_list(&c.list);
        else
            ok = ok && write_checkpoint(&c, o, e);
    }
    tensor_list_free(&c.list);
    config_free(&c.parsed);
    json_decref(c.config);
    json_decref(c.processor);
    json_decref(c.tokenizer);
    json_decref(c.tokenizer_config);
    json_decref(c.special_tokens_map);
    return ok;
}

int main(int argc, char **argv)
{
    Options o;
    Error e;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return fputs(USAGE, stdout), 0;
    if (take_options(&o, argc, argv, &e) && make_model(&o, &e)) return 0;
    fprintf(stderr, "make_model: %s\n", e.text);
    return e.code == ERR_USAGE ? 2 : 1;
}
