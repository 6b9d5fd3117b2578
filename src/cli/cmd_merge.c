/* cmd_merge.c - `vl2 merge`: a model with adapters as a model of its own. */
#include <stdlib.h>

#include "base/mem.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "model/merge.h"

typedef struct {
    const char *model, *out;
    Texts lora;
    int threads;
} MergeOwnArgs;

typedef struct {
    MergeOwnArgs own;
    NoteArgs notes;
} MergeArgs;

#define T MergeOwnArgs
static const Option OWN_OPTIONS[] = {
    OPTION_TEXT(T, model, "model", 'm', "MODEL", "The folder of the model that the adapters are for. Required."),
    OPTION_TEXTS(T, lora, "lora", 0, "DIR[:SCALE]",
                 "An adapter: a PEFT directory, its scale times SCALE; repeatable. Required."),
    OPTION_TEXT(T, out, "output", 'o', "DIR", "The folder to write; must not be there. Required."),
    OPTION_INTEGER(T, threads, "threads", 0, "N", 0, 1024,
                   "Threads; changes time, never the result. Default: 0, one for each processor."),
    OPTIONS_END
};
#undef T

static const Group GROUPS[] = { { "Merge", OWN_OPTIONS, offsetof(MergeArgs, own) },
                                { "Notes", NOTE_OPTIONS, offsetof(MergeArgs, notes) },
                                { 0 } };

static bool check(const MergeArgs *a, Error *e)
{
    if (!a->own.model) return fail(e, ERR_USAGE, "-m MODEL is missing");
    if (a->own.lora.n == 0) return fail(e, ERR_USAGE, "--lora DIR is missing");
    return a->own.out || fail(e, ERR_USAGE, "-o DIR is missing");
}

static bool open_adapters(Adapter *adapter, MergeAdapter *out, Model *m, const Texts *lora, Error *e)
{
    for (int i = 0; i < lora->n; i++) {
        out[i].adapter = &adapter[i];
        if (!adapter_open_scaled(&adapter[i], &out[i].scale, lora->text[i], e) || !adapter_belongs(&adapter[i], m, e))
            return false;
    }
    return true;
}

static bool work(const MergeArgs *a, Error *e)
{
    const int n = a->own.lora.n;
    Model m = { 0 };
    Pool *pool = pool_open(a->own.threads, e);
    Adapter *adapter = xcalloc((size_t)n, sizeof *adapter);
    MergeAdapter *use = xcalloc((size_t)n, sizeof *use);
    const bool ok = pool && model_open(&m, a->own.model, e) && open_adapters(adapter, use, &m, &a->own.lora, e) &&
                    model_merge(&m, use, n, a->own.out, pool, e);
    if (ok && !a->notes.quiet) note("%s: %d tensors", a->own.out, tensor_files_count(m.files));
    for (int i = 0; i < n; i++) adapter_close(&adapter[i]);
    free(adapter);
    free(use);
    model_close(&m);
    pool_close(pool);
    return ok;
}

static int merge(const Command *self, int argc, char **argv)
{
    MergeArgs a = { 0 };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    const bool ok = check(&a, &e) && work(&a, &e);
    args_free(self->group, &a);
    return ok ? finish_output() : args_report(self, &e);
}

const Command CMD_MERGE = {
    .name = "merge",
    .summary = "a model with adapters, as a model of its own",
    .usage = (const char *const[]){ "merge -m MODEL --lora DIR[:SCALE]... -o OUT", NULL },
    .about = "Adds the adapters' products to the matrices that they are for, rounds each to the type that it had, and "
             "writes a folder in the published layout. All other tensors are copied byte for byte.",
    .group = GROUPS,
    .example =
        (const char *const[]){ "One adapter", "vl2 merge -m deepseek-vl2-tiny --lora charts -o tiny-charts",
                               "Two, the second by half",
                               "vl2 merge -m deepseek-vl2-tiny --lora charts --lora ocr:0.5 -o tiny-both", NULL },
    .max_operands = 0,
    .run = merge,
};
