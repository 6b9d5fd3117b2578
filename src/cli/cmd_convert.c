/* cmd_convert.c - `vl2 convert`: the weights of another layout as a folder in the published one, number for number. */
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "model/merge.h"

typedef struct {
    const char *out;
    NoteArgs notes;
} ConvertArgs;

static const Option OWN_OPTIONS[] = { OPTION_TEXT(ConvertArgs, out, "output", 'o', "DIR",
                                                  "The folder to write; must not be there. Required."),
                                      OPTIONS_END };

static const Group GROUPS[] = { { "Result", OWN_OPTIONS, 0 },
                                { "Notes", NOTE_OPTIONS, offsetof(ConvertArgs, notes) },
                                { 0 } };

static bool check(const ConvertArgs *a, int n_operands, Error *e)
{
    if (n_operands != 1) return fail(e, ERR_USAGE, "the model to convert is missing: a folder");
    return a->out || fail(e, ERR_USAGE, "-o DIR is missing");
}

/* A model without adapters, merged: every number as it is, in the layout that opening gave it. */
static bool work(const ConvertArgs *a, const char *source, Error *e)
{
    Model m;
    if (!model_open(&m, source, e)) return false;
    Pool *pool = pool_open(1, e);
    const bool folder =
        !model_source_is_gguf(m.source) ||
        fail(e, ERR_UNSUPPORTED, "%s: is a GGUF file: `vl2 quantize %s -o DIR --to safetensors` writes a folder",
             source, source);
    const bool ok = pool && folder && model_merge(&m, NULL, 0, a->out, pool, e);
    if (ok && !a->notes.quiet) note("%s: %d tensors", a->out, tensor_files_count(m.files));
    model_close(&m);
    pool_close(pool);
    return ok;
}

static int convert(const Command *self, int argc, char **argv)
{
    ConvertArgs a = { 0 };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    return check(&a, n, &e) && work(&a, argv[1], &e) ? finish_output() : args_report(self, &e);
}

const Command CMD_CONVERT = {
    .name = "convert",
    .summary = "weights of PaddleMIX as a folder in the published layout",
    .usage = (const char *const[]){ "convert MODEL -o DIR", NULL },
    .about =
        "PaddleMIX stores linears, and the router, with their inputs first. Every command takes such a folder as it "
        "is, and turns them each time, into memory; this does it once. All other tensors are copied byte for byte.",
    .group = GROUPS,
    .example = (const char *const[]){ "Once", "vl2 convert paddle-tiny -o deepseek-vl2-tiny", NULL },
    .max_operands = 1,
    .run = convert,
};
