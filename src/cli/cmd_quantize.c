/* cmd_quantize.c - `vl2 quantize`: a model in other number types, as one GGUF file or back as a folder. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/answer.h"
#include "cli/calibration.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "model/convert.h"
#include "model/gguf_describe.h"

typedef struct {
    const char *out, *to, *calibrate;
    bool text_only, row_types, dry_run;
    int threads, context;
} ResultArgs;

typedef struct {
    const char *type, *importance;
    const char *group[WEIGHT_GROUPS];
} TypeArgs;

typedef struct {
    ResultArgs result;
    TypeArgs types;
    NoteArgs notes;
} QuantizeArgs;

#define T ResultArgs
static const Option RESULT_OPTIONS[] = {
    OPTION_TEXT(T, out, "output", 'o', "OUT", "The file to write, or with --to safetensors the folder. Required."),
    OPTION_CHOICE(T, to, "to", 0, "FORMAT", "gguf|safetensors", NULL,
                  "gguf: one file with weights, configuration and tokenizer. safetensors: a folder as published, with "
                  "plain numbers. Default: gguf."),
    OPTION_FLAG(T, text_only, "text-only", 0,
                "Only the language part, for other programs that read GGUF; vl2 needs the whole. Default: off."),
    OPTION_FLAG(T, row_types, "rows-apart", 0,
                "Quantised rows one after the other, as other programs write them, instead of 16 side by side, which "
                "vl2 reads faster. Default: off; --text-only does so always."),
    OPTION_TEXT(T, calibrate, "calibrate", 0, "TALKS",
                "Write no model, but how much each column of each matrix matters, for --importance: TALKS, a "
                "conversation as `run --conversation` reads it or, in a .jsonl, one in each line, goes through the "
                "model. Default: none."),
    OPTION_INTEGER(T, context, "ctx", 0, "N", 16, 1 << 20,
                   "With --calibrate: tokens that one conversation may have. Default: 4096."),
    OPTION_FLAG(T, dry_run, "dry-run", 0, "List tensors, types and bytes, write nothing. Default: off."),
    OPTION_INTEGER(T, threads, "threads", 0, "N", 0, 1024,
                   "Threads; changes time, never the result. Default: 0, one for each processor."),
    OPTIONS_END
};
#undef T

#define TYPE_NAMES "f32|f16|bf16|q8_0|q4_0|iq4_nl"
#define GROUP_OPTION(g, name, what)                                                                                    \
    {                                                                                                                  \
        name, 0, ARG_CHOICE, offsetof(TypeArgs, group[g]), "TYPE", 0, 0, what " Default: as --type.", TYPE_NAMES, 0    \
    }
static const Option TYPE_OPTIONS[] = {
    OPTION_TEXT(TypeArgs, type, "type", 0, "TYPE",
                "A preset (q8, q4, q4-small) or one type for all matrices: " TYPE_NAMES ". Default: q8; with --to "
                "safetensors the torch_dtype of config.json."),
    OPTION_TEXT(TypeArgs, importance, "importance", 0, "FILE",
                "How much each column of each matrix matters, from a calibration: quantised numbers are chosen for the "
                "least error where it counts. Default: all columns alike."),
    GROUP_OPTION(GROUP_EXPERTS, "experts", "Routed experts."),
    GROUP_OPTION(GROUP_SHARED, "shared", "Shared experts."),
    GROUP_OPTION(GROUP_DENSE, "dense", "The MLP of layers without experts."),
    GROUP_OPTION(GROUP_ATTENTION, "attention", "Attention of the language model; kv_b has 16 bits at least."),
    GROUP_OPTION(GROUP_EMBEDDINGS, "embeddings", "The table of token embeddings."),
    GROUP_OPTION(GROUP_HEAD, "head", "The output head."),
    GROUP_OPTION(GROUP_VISION, "vision", "Vision tower and projector."),
    OPTIONS_END
};

static const Group GROUPS[] = { { "Result", RESULT_OPTIONS, offsetof(QuantizeArgs, result) },
                                { "Types", TYPE_OPTIONS, offsetof(QuantizeArgs, types) },
                                { "Notes", NOTE_OPTIONS, offsetof(QuantizeArgs, notes) },
                                { 0 } };

/* ---- what is asked for ---- */

static bool is_folder(const QuantizeArgs *a)
{
    return a->result.to && !strcmp(a->result.to, "safetensors");
}

static bool check(const QuantizeArgs *a, int n_operands, Error *e)
{
    if (n_operands != 1) return fail(e, ERR_USAGE, "the model to convert is missing: a folder or a GGUF file");
    if (!a->result.out && !a->result.dry_run) return fail(e, ERR_USAGE, "-o is missing: where to write to");
    if (a->result.calibrate && (a->result.to || a->result.text_only || a->result.dry_run))
        return fail(e, ERR_USAGE, "--calibrate writes no model: --to, --text-only and --dry-run say how to write one");
    if (!is_folder(a)) return true;
    if (a->result.text_only) return fail(e, ERR_USAGE, "--text-only is for GGUF, and --to says safetensors");
    for (int g = 0; g < WEIGHT_GROUPS; g++)
        if (a->types.group[g])
            return fail(e, ERR_USAGE, "--%s is for GGUF: a folder has one type", weight_group_name((WeightGroup)g));
    return true;
}

/* A folder's own type: what config.json calls torch_dtype, as far as safetensors of this family have it. */
static const char *published_type(const Config *c)
{
    if (c->torch_dtype && !strcmp(c->torch_dtype, "float32")) return "f32";
    return c->torch_dtype && !strcmp(c->torch_dtype, "float16") ? "f16" : "bf16";
}

static bool choose(const QuantizeArgs *a, const Config *c, ConvertOptions *o, Error *e)
{
    const char *type = a->types.type ? a->types.type : is_folder(a) ? published_type(c) : "q8";
    *o = (ConvertOptions){ .to = is_folder(a) ? CONVERT_FOLDER : CONVERT_GGUF,
                           .keep_f32 = is_folder(a) && !a->types.type,
                           .text_only = a->result.text_only,
                           .row_types = a->result.row_types };
    if (!weight_types_find(type, &o->types, e)) return fail_in(e, "--type");
    for (int g = 0; g < WEIGHT_GROUPS; g++)
        if (a->types.group[g]) matrix_type_find(a->types.group[g], &o->types.of[g]);
    if (is_folder(a) && dtype_is_quantised(o->types.of[0]))
        return fail(e, ERR_USAGE, "--type %s is for GGUF: a folder holds f32, f16 or bf16", type);
    return true;
}

/* ---- the work ---- */

static void print_plan(const ConvertPlan *p)
{
    char size[32];
    for (int i = 0; i < p->n; i++) {
        const ConvertedTensor *t = &p->tensor[i];
        Str shape = { 0 };
        for (int k = 0; k < t->n_dims; k++) str_printf(&shape, "%s%lld", k ? " x " : "", (long long)t->dim[k]);
        printf("%-40s %-9s %-22s %12llu\n", t->name, dtype_name(t->dtype), shape.text,
               (unsigned long long)converted_bytes(t));
        str_free(&shape);
    }
    printf("%d tensors, %s\n", p->n, human_bytes(p->bytes, size));
}

static void show_progress(void *context, uint64_t done, uint64_t total)
{
    enum { MEGABYTE = 1000000 };
    progress_show(context, "converted, MB", (int)(done / MEGABYTE), (int)(total / MEGABYTE));
}

static bool is_stopped(void *context)
{
    (void)context;
    return interrupt_seen();
}

static bool convert(const QuantizeArgs *a, const Model *m, const ConvertPlan *p, const ConvertOptions *o, Error *e)
{
    Progress bar = { .shown = is_terminal(stderr) && !a->notes.quiet };
    const ConvertWatch watch = { show_progress, is_stopped, &bar };
    Pool *pool = pool_open(a->result.threads, e);
    if (!pool) return false;
    const bool ok = convert_run(p, m, o, a->result.out, pool, &watch, e);
    pool_close(pool);
    progress_wipe(&bar);
    char size[32];
    if (ok && !a->notes.quiet) note("%s: %d tensors, %s", a->result.out, p->n, human_bytes(p->bytes, size));
    if (!ok && e->code == ERR_CANCELLED) fail(e, ERR_CANCELLED, "interrupted: %s is not written", a->result.out);
    return ok;
}

static void warn_of_untold(const LanguageConfig *c)
{
    const char *reason[GGUF_MAX_UNTOLD];
    const int n = gguf_untold(c, reason);
    for (int i = 0; i < n; i++)
        note("other programs will not compute what this model does, and will not say so: %s", reason[i]);
}

static bool plan_and_convert(const QuantizeArgs *a, const Model *m, const Importance *importance, Error *e)
{
    ConvertOptions o;
    ConvertPlan plan = { 0 };
    bool ok = choose(a, &m->config, &o, e);
    o.importance = importance;
    ok = ok && convert_plan(&plan, m, &o, e);
    if (ok && importance && plan.n_weighted == 0)
        ok = fail(e, ERR_FORMAT, "%s: names no matrix of this model that would be quantised", a->types.importance);
    if (ok && a->result.text_only && !a->notes.quiet) warn_of_untold(&m->config.language);
    if (ok && a->result.dry_run)
        print_plan(&plan);
    else if (ok)
        ok = convert(a, m, &plan, &o, e);
    convert_plan_free(&plan);
    return ok;
}

static bool work(const QuantizeArgs *a, const char *source, Error *e)
{
    Model m;
    Importance *importance = NULL;
    interrupt_install_all();
    if (!model_open(&m, source, e)) return false;
    const bool ok = (!a->types.importance || (importance = importance_load(a->types.importance, e))) &&
                    plan_and_convert(a, &m, importance, e);
    importance_free(importance);
    model_close(&m);
    return ok;
}

static bool calibrate(QuantizeArgs *a, const char *source, Error *e)
{
    EngineArgs model = ENGINE_DEFAULTS;
    model.model = source;
    model.threads = a->result.threads;
    if (a->result.context) model.context = a->result.context;
    return calibrate_from_file(&model, a->result.calibrate, a->result.out, &a->notes, e);
}

static int quantize(const Command *self, int argc, char **argv)
{
    QuantizeArgs a = { 0 };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    if (check(&a, n, &e) && (a.result.calibrate ? calibrate(&a, argv[1], &e) : work(&a, argv[1], &e)))
        return finish_output();
    status = args_report(self, &e);
    return e.code == ERR_CANCELLED ? EXIT_INTERRUPTED : status;
}

const Command CMD_QUANTIZE = {
    .name = "quantize",
    .summary = "a model in fewer bits, as one GGUF file; and back",
    .usage = (const char *const[]){ "quantize MODEL -o OUT.gguf [--type TYPE] [options]",
                                    "quantize MODEL -o DIR --to safetensors [options]",
                                    "quantize MODEL -o OUT.safetensors --calibrate TALKS [options]", NULL },
    .about = "MODEL is a folder as published or a GGUF file. Every command takes the result with -m. Router, norms, "
             "biases and tables of vectors are f32.\n"
             "q8: 8 bits everywhere, answers like the original's at half of its size. q4: 4 bits (IQ4_NL) in the "
             "layers of the "
             "language model, where most of the bytes are; 8 in embeddings, head and vision, where an error is seen at "
             "once. "
             "q4-small: 4 bits everywhere, the smallest and the fewest bytes read for a token.",
    .group = GROUPS,
    .example = (const char *const[]){ "Half of the size", "vl2 quantize deepseek-vl2-tiny -o tiny-q8.gguf",
                                      "A third, with a head of 4 bits",
                                      "vl2 quantize deepseek-vl2-small -o small.gguf --type q4 --head iq4_nl",
                                      "Less error where it counts: learn it from conversations, then use it",
                                      "vl2 quantize deepseek-vl2-tiny -o i.safetensors --calibrate talks.jsonl; "
                                      "vl2 quantize deepseek-vl2-tiny -o tiny.gguf --importance i.safetensors",
                                      "The language part for other programs",
                                      "vl2 quantize deepseek-vl2-tiny -o text.gguf --type q4 --text-only",
                                      "Back to a folder", "vl2 quantize tiny-q8.gguf -o tiny --to safetensors", NULL },
    .max_operands = 1,
    .run = quantize,
};
