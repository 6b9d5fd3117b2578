/* cmd_bench.c - `vl2 bench`: how near a model comes to the limits of this machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "bench/bench.h"
#include "bench/train_bench.h"
#include "cli/answer.h"
#include "cli/bench_chart.h"
#include "cli/bench_report.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/terminal.h"

typedef struct {
    const char *only, *prefill, *depth, *batch; /* lists; NULL: the default */
    const char *image;
    int tokens, repeat; /* 0: the default */
    bool quick;
} WorkArgs;

typedef struct {
    bool train;
    int samples, length, rank; /* 0: the default */
} TrainingArgs;

typedef struct {
    bool json;
    const char *csv, *chart, *compare;
} OutputArgs;

typedef struct {
    WorkArgs work;
    TrainingArgs training;
    OutputArgs output;
    EngineArgs engine;
    NoteArgs notes;
} BenchArgs;

#define T WorkArgs
static const Option WORK_OPTIONS[] = {
    OPTION_TEXT(
        T, only, "only", 0, "LIST",
        "What to measure, with commas between: load, vision, first-token, prefill, decode, batch; with --train full, "
        "full-recompute, lora, lora-recompute, qlora, qlora-recompute. Default: all."),
    OPTION_TEXT(T, prefill, "prefill", 0, "LIST",
                "Lengths of prompts, in tokens, up to --ctx. Default: 421,512,1024,2048,4096."),
    OPTION_TEXT(T, depth, "depth", 0, "LIST",
                "Tokens in the cache where decode begins, up to --ctx. Default: 0,512,1024,2048,4096."),
    OPTION_TEXT(T, batch, "batch", 0, "LIST", "Sequences that decode together, up to --chunk-size. Default: 1,2,4,8."),
    OPTION_INTEGER(T, tokens, "tokens", 0, "N", 1, 1 << 16,
                   "Tokens generated in each measurement of decode. Default: 64."),
    OPTION_INTEGER(T, repeat, "repeat", 0, "N", 1, 1000, "How often each measurement is made. Default: 3."),
    OPTION_TEXT(
        T, image, "image", 'i', "FILE",
        "The picture of vision and first-token. Default: noise that is one tile, 384 x 384 pixels. With --train: "
        "learn a question about it instead of random tokens."),
    OPTION_FLAG(T, quick, "quick", 0,
                "Other defaults, for less than a minute with tiny: --prefill 421 --depth 0,512 --batch 1,8 --tokens 16 "
                "--repeat 1; with --train --length 128 --repeat 1. Default: off."),
    OPTIONS_END
};
#undef T

#define T TrainingArgs
static const Option TRAINING_OPTIONS[] = {
    OPTION_FLAG(T, train, "train", 0,
                "Measure steps of training instead: of all parameters, of adapters, of adapters on 4 bits, each with "
                "activations kept and recomputed. Default: off."),
    OPTION_INTEGER(T, samples, "samples", 0, "N", 1, 1024, "Samples of a step. Default: 2; with --image 1."),
    OPTION_INTEGER(T, length, "length", 0, "N", 2, 1 << 20, "Tokens of a sample, random ones. Default: 512."),
    OPTION_INTEGER(T, rank, "lora-rank", 0, "N", 1, 1024,
                   "Rank of the adapters, on the matrices that `vl2 train` chooses. Default: 8."),
    OPTIONS_END
};
#undef T

#define T OutputArgs
static const Option OUTPUT_OPTIONS[] = {
    OPTION_FLAG(T, json, "json", 0, "One line of JSON instead of the table. Default: off."),
    OPTION_TEXT(T, csv, "csv", 0, "FILE",
                "A line of CSV for each result; -: to standard output, instead of the table. Default: none."),
    OPTION_TEXT(T, chart, "chart", 0, "FILE",
                "Draw decode over context and the share of the limit of every test (.svg); of training tokens/s and "
                "memory. Default: none."),
    OPTION_TEXT(T, compare, "compare", 0, "FILE",
                "What 'vl2 bench --json' printed earlier: prints ratios, and what changed by more than the spread. "
                "Default: none."),
    OPTIONS_END
};
#undef T

static const Group GROUPS[] = { { "Measurements", WORK_OPTIONS, offsetof(BenchArgs, work) },
                                { "Training", TRAINING_OPTIONS, offsetof(BenchArgs, training) },
                                { "Output", OUTPUT_OPTIONS, offsetof(BenchArgs, output) },
                                { "Model and machine", ENGINE_OPTIONS, offsetof(BenchArgs, engine) },
                                { "Notes", NOTE_OPTIONS, offsetof(BenchArgs, notes) },
                                { 0 } };

/* ---- lists ---- */

/* "512,1024" */
static bool parse_list(const char *option, const char *text, int lo, int hi, Integers *out, Error *e)
{
    for (const char *at = text;; at++) {
        char *end;
        errno = 0;
        const long v = strtol(at, &end, 10);
        if (end == at || errno || v < lo || v > hi || (*end && *end != ','))
            return fail(e, ERR_USAGE, "--%s: found '%s', expected whole numbers from %d to %d with commas between",
                        option, text, lo, hi);
        GROW(out->value, out->n, out->capacity);
        out->value[out->n++] = (int)v;
        if (!*end) return true;
        at = end;
    }
}

/* What was asked for has to be within the limit that another option sets; of the defaults those stay that are. */
static bool fit_list(const char *option, bool asked, const char *limit_option, int limit, Integers *list, Error *e)
{
    int n = 0;
    for (int i = 0; i < list->n; i++) {
        if (list->value[i] <= limit)
            list->value[n++] = list->value[i];
        else if (asked)
            return fail(e, ERR_USAGE, "--%s: %d is more than --%s %d", option, list->value[i], limit_option, limit);
    }
    list->n = n;
    return true;
}

/* "a, b or c" */
static void add_choice(Str *out, const char *const *name)
{
    for (int i = 0; name[i]; i++) str_printf(out, "%s%s", i == 0 ? "" : name[i + 1] ? ", " : " or ", name[i]);
}

/* "prefill,decode": which of the names, ended by NULL, are in the text; NULL: all. */
static bool parse_names(const char *text, const char *const *name, bool *on, Error *e)
{
    for (int i = 0; name[i]; i++) on[i] = !text;
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        const size_t n = strcspn(at, ",");
        int i = 0;
        while (name[i] && (strlen(name[i]) != n || strncmp(at, name[i], n) != 0)) i++;
        if (!name[i]) {
            Str known = { 0 };
            add_choice(&known, name);
            fail(e, ERR_USAGE, "--only: found '%.*s', expected %s", (int)n, at, known.text);
            str_free(&known);
            return false;
        }
        on[i] = true;
    }
    return true;
}

/* ---- what there is to do ---- */

typedef struct {
    BenchPlan plan;
    TrainBenchPlan training;
    Integers prefill, depth, batch;
    Vl2Picture picture;
    char *bytes; /* of the picture */
    json_t *old; /* to compare with */
    FileOut csv, chart;
} Task;

static void free_task(Task *t)
{
    free(t->prefill.value);
    free(t->depth.value);
    free(t->batch.value);
    free(t->bytes);
    json_decref(t->old);
    file_abandon(&t->csv);
    file_abandon(&t->chart);
}

static bool plan_lists(Task *t, const WorkArgs *a, const EngineArgs *limits, Error *e)
{
    enum { MOST = 1 << 20, MOST_SEQUENCES = 1024 };
    const char *prefill = a->quick ? "421" : "421,512,1024,2048,4096",
               *depth = a->quick ? "0,512" : "0,512,1024,2048,4096", *batch = a->quick ? "1,8" : "1,2,4,8";
    if (!parse_names(a->only, BENCH_TEST_NAMES, t->plan.test, e) ||
        !parse_list("prefill", a->prefill ? a->prefill : prefill, 1, MOST, &t->prefill, e) ||
        !parse_list("depth", a->depth ? a->depth : depth, 0, MOST, &t->depth, e) ||
        !parse_list("batch", a->batch ? a->batch : batch, 1, MOST_SEQUENCES, &t->batch, e) ||
        !fit_list("prefill", a->prefill, "ctx", limits->context, &t->prefill, e) ||
        !fit_list("depth", a->depth, "ctx", limits->context, &t->depth, e) ||
        !fit_list("batch", a->batch, "chunk-size", limits->chunk, &t->batch, e))
        return false;
    t->plan.prefill = (BenchList){ t->prefill.value, t->prefill.n };
    t->plan.depth = (BenchList){ t->depth.value, t->depth.n };
    t->plan.batch = (BenchList){ t->batch.value, t->batch.n };
    t->plan.tokens = a->tokens ? a->tokens : a->quick ? 16 : 64;
    t->plan.repeat = a->repeat ? a->repeat : a->quick ? 1 : 3;
    return true;
}

/* What training has no use for is not passed over in silence. */
static bool check_training(const BenchArgs *a, Error *e)
{
    const struct {
        const char *name;
        bool given;
    } other[] = { { "prefill", a->work.prefill },
                  { "depth", a->work.depth },
                  { "batch", a->work.batch },
                  { "tokens", a->work.tokens },
                  { "lora", a->engine.lora.n > 0 } };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (other[i].given) return fail(e, ERR_USAGE, "--%s: means nothing with --train", other[i].name);
    if (a->work.image && a->training.length)
        return fail(e, ERR_USAGE, "--length is of random tokens: give that or --image");
    return true;
}

static bool plan_training(Task *t, const BenchArgs *a, Error *e)
{
    const TrainingArgs *o = &a->training;
    const bool quick = a->work.quick;
    t->training = (TrainBenchPlan){ .model = model_or_default(a->engine.model),
                                    .cpu = a->engine.cpu,
                                    .threads = a->engine.threads,
                                    .asked = a->work.only,
                                    .samples = o->samples      ? o->samples
                                               : a->work.image ? 1
                                                               : 2,
                                    .length = o->length ? o->length
                                              : quick   ? 128
                                                        : 512,
                                    .image = a->work.image,
                                    .rank = o->rank ? o->rank : 8,
                                    .repeat = a->work.repeat ? a->work.repeat
                                              : quick        ? 1
                                                             : 3 };
    return check_training(a, e) && parse_names(a->work.only, TRAIN_MODE_NAMES, t->training.mode, e);
}

static bool check_no_training(const TrainingArgs *a, Error *e)
{
    const char *name = a->samples ? "samples" : a->length ? "length" : a->rank ? "lora-rank" : NULL;
    return !name || fail(e, ERR_USAGE, "--%s: means nothing without --train", name);
}

static bool read_picture(Task *t, const char *path, Error *e)
{
    if (!path) return true;
    if (!file_read(path, IMAGE_DEFAULTS.max_bytes, &t->bytes, &t->picture.n, e)) return false;
    t->picture.bytes = t->bytes;
    t->picture.name = path;
    t->plan.picture = &t->picture;
    return true;
}

/* Files are opened before minutes of work, not after them. */
static bool open_outputs(Task *t, const OutputArgs *a, Error *e)
{
    if (a->json && a->csv && !strcmp(a->csv, "-"))
        return fail(e, ERR_USAGE, "--json and --csv - both want standard output: give one, or a file for --csv");
    if (a->chart && !str_ends(a->chart, ".svg"))
        return fail(e, ERR_USAGE, "--chart: found '%s', expected a name that ends in .svg", a->chart);
    if (a->compare && !(t->old = bench_read_json(a->compare, e))) return false;
    return (!a->csv || !strcmp(a->csv, "-") || file_create(&t->csv, a->csv, e)) &&
           (!a->chart || file_create(&t->chart, a->chart, e));
}

/* ---- while it runs ---- */

typedef struct {
    Progress progress;
    char what[64]; /* one place for all works, so that the time that is left is that of the whole */
} Watch;

static bool go_on(void *context, const char *what, double done)
{
    Watch *w = context;
    snprintf(w->what, sizeof w->what, "%s", what);
    progress_show(&w->progress, w->what, (int)(100 * done), 100);
    return !interrupt_seen();
}

/* ---- output ---- */

static bool write_out(FileOut *f, const Str *text, Error *e)
{
    return file_write(f, text->text, text->n, e) && file_commit(f, e);
}

static void print_report(const OutputArgs *a, const BenchReport *r, const Str *csv)
{
    Str table = { 0 };
    if (a->json)
        print_json_line(bench_to_json(r));
    else if (a->csv && !strcmp(a->csv, "-"))
        print_untrusted(csv->text, csv->n);
    else {
        bench_write_table(r, &table);
        print_untrusted(table.text, table.n);
    }
    str_free(&table);
}

/* After the table on standard output; beside JSON or CSV there is no room for it. */
static void print_comparison(const Task *t, const OutputArgs *a, const BenchReport *r)
{
    Str text = { 0 };
    if (!t->old) return;
    bench_compare(t->old, a->compare, r, &text);
    if (a->json || (a->csv && !strcmp(a->csv, "-"))) {
        Str visible = { 0 };
        add_visible(&visible, text.text, text.n);
        fwrite(visible.text, 1, visible.n, stderr);
        str_free(&visible);
    } else {
        putchar('\n');
        print_untrusted(text.text, text.n);
    }
    str_free(&text);
}

static bool write_report(Task *t, const OutputArgs *a, const BenchReport *r, Error *e)
{
    Str csv = { 0 }, chart = { 0 };
    bench_write_csv(r, &csv);
    bench_write_chart(r, &chart);
    print_report(a, r, &csv);
    print_comparison(t, a, r);
    const bool ok = (!t->csv.f || write_out(&t->csv, &csv, e)) && (!t->chart.f || write_out(&t->chart, &chart, e));
    str_free(&csv);
    str_free(&chart);
    return ok;
}

/* ---- the command ---- */

static bool run_bench(Task *t, BenchArgs *a, BenchReport *r, Error *e)
{
    Vl2Options o;
    Watch w = { .progress = { .shown = !a->notes.quiet && is_terminal(stderr) } };
    engine_options(&o, &a->engine, &a->notes);
    t->plan.watch = t->training.watch = (BenchWatch){ go_on, &w };
    interrupt_install(false);
    const bool ok = a->training.train ? train_bench_run(&t->training, r, e) : bench_run(&o, &t->plan, r, e);
    progress_wipe(&w.progress);
    return ok;
}

static bool prepare(Task *t, const BenchArgs *a, Error *e)
{
    const bool planned = a->training.train
                             ? plan_training(t, a, e)
                             : check_no_training(&a->training, e) && plan_lists(t, &a->work, &a->engine, e) &&
                                   read_picture(t, a->work.image, e);
    return planned && open_outputs(t, &a->output, e);
}

/* What was measured before a failure is told all the same. */
static bool work(BenchArgs *a, bool *complete, Error *e)
{
    Task t = { 0 };
    BenchReport r = { 0 };
    Error second;
    bool ok = prepare(&t, a, e);
    if (ok) {
        ok = run_bench(&t, a, &r, e);
        if (ok || r.n_rows > 0) ok = write_report(&t, &a->output, &r, ok ? e : &second) && ok;
    }
    *complete = r.complete;
    bench_report_free(&r);
    free_task(&t);
    return ok;
}

static int bench(const Command *self, int argc, char **argv)
{
    BenchArgs a = { .engine = ENGINE_DEFAULTS };
    Error e;
    int n, status;
    bool complete = false;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    if (engine_operand(&a.engine, n, argv, &e) && work(&a, &complete, &e))
        status = finish_output();
    else
        status = args_report(self, &e);
    args_free(self->group, &a);
    if (complete || status != EXIT_OK) return status;
    note("ended by Ctrl-C: this is what there is so far");
    return EXIT_INTERRUPTED;
}

const Command CMD_BENCH = {
    .name = "bench",
    .summary = "how near a model comes to the limits of this machine",
    .usage = (const char *const[]){ "bench [options] [DIR]", "bench --train [options] [DIR]", NULL },
    .about =
        "Measures the machine first (how fast memory is read, how fast products are added up), then loading, vision, "
        "prefill, decode and batches of the model, each beside its limit at the same moment: decode beside the time to "
        "read what a token needs, the others beside the time that the peak of the number types in use would take. "
        "With --train steps of training beside the f32 peak. Ctrl-C ends it with what there is so far.",
    .group = GROUPS,
    .example = (const char *const[]){ "A first look", "vl2 bench deepseek-vl2-tiny --quick", "Everything, for later",
                                      "vl2 bench deepseek-vl2-tiny --csv tiny.csv --chart tiny.svg --json > tiny.json",
                                      "What a change did to decode",
                                      "vl2 bench deepseek-vl2-tiny --only decode --compare tiny.json",
                                      "What adapters take on a picture of yours",
                                      "vl2 bench --train deepseek-vl2-tiny --only lora-recompute,qlora-recompute "
                                      "-i chart.png --repeat 1",
                                      NULL },
    .max_operands = 1,
    .run = bench,
};
