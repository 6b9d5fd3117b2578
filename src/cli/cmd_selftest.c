/* cmd_selftest.c - `vl2 selftest`: whether a model works as the authors' does. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "eval/selftest.h"
#include "format/json.h"

typedef struct {
    const char *pictures;
    bool json;
} WhatArgs;

typedef struct {
    EngineArgs engine;
    WhatArgs what;
    NoteArgs notes;
} SelfTestArgs;

static const Option WHAT_OPTIONS[] = {
    OPTION_TEXT(WhatArgs, pictures, "pictures", 0, "DIR",
                "The folder `images` of the official repository, for the answers that its README publishes. Default: "
                "none; they are not compared."),
    OPTION_FLAG(WhatArgs, json, "json", 0, "One line of JSON instead of the text. Default: off."), OPTIONS_END
};

static const Group GROUPS[] = { { "Test", WHAT_OPTIONS, offsetof(SelfTestArgs, what) },
                                { "Model and machine", ENGINE_OPTIONS, offsetof(SelfTestArgs, engine) },
                                { "Notes", NOTE_OPTIONS, offsetof(SelfTestArgs, notes) },
                                { 0 } };

static const char *const STATES[] = { [CHECK_PASSED] = "ok", [CHECK_FAILED] = "FAILED", [CHECK_NOT_DONE] = "-" };

static void print_text(const SelfTest *t)
{
    Str out = { 0 };
    for (int i = 0; i < t->n_checks; i++)
        str_printf(&out, "%-8s %-6s  %s\n", t->check[i].name, STATES[t->check[i].state], t->check[i].text);
    for (int i = 0; i < t->n_stages; i++) {
        const Stage *s = &t->stage[i];
        str_printf(&out, "  %-14s %5zu x %-6zu mean |x| %-11.5g largest %-11.5g checksum %016" PRIx64 "\n", s->name,
                   s->rows, s->cols, s->mean_abs, s->largest, s->checksum);
    }
    str_printf(&out, "%s\n", selftest_verdict(t));
    print_untrusted(out.text, out.n);
    str_free(&out);
}

static json_t *json_of(const SelfTest *t)
{
    json_t *checks = json_array(), *stages = json_array();
    for (int i = 0; i < t->n_checks; i++)
        json_array_append_new(checks,
                              json_pack("{s:s, s:s, s:o}", "name", t->check[i].name, "state", STATES[t->check[i].state],
                                        "found", json_of_bytes(t->check[i].text, strlen(t->check[i].text))));
    for (int i = 0; i < t->n_stages; i++) {
        char sum[17];
        const Stage *s = &t->stage[i];
        snprintf(sum, sizeof sum, "%016" PRIx64, s->checksum);
        json_array_append_new(stages, json_pack("{s:s, s:I, s:I, s:f, s:f, s:s}", "name", s->name, "rows",
                                                (json_int_t)s->rows, "cols", (json_int_t)s->cols, "mean_abs",
                                                s->mean_abs, "largest", s->largest, "checksum", sum));
    }
    json_t *published = t->published ? json_string(t->published) : json_null();
    return json_pack("{s:o, s:o, s:o, s:s}", "checks", checks, "stages", stages, "published", published, "verdict",
                     selftest_verdict(t));
}

static int selftest(const Command *self, int argc, char **argv)
{
    SelfTestArgs a = { .engine = ENGINE_DEFAULTS };
    Vl2Options o;
    SelfTest t;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    engine_options(&o, &a.engine, &a.notes);
    selftest_run(&(SelfTestOptions){ &o, a.what.pictures }, &t);
    if (a.what.json)
        print_json_line(json_of(&t));
    else
        print_text(&t);
    status = t.verdict == VERDICT_BROKEN ? EXIT_WORK_FAILED : EXIT_OK;
    selftest_free(&t);
    args_free(self->group, &a);
    const int written = finish_output();
    return written != EXIT_OK ? written : status;
}

const Command CMD_SELFTEST = {
    .name = "selftest",
    .summary = "whether a model works as the authors' does",
    .usage = (const char *const[]){ "selftest [-m MODEL] [--pictures DIR] [options]", NULL },
    .about = "Checks the files (names, shapes, number types), that all numbers are finite, and what the stages compute "
             "of a picture "
             "that is made on the spot; with the official repository's pictures the answers that its README publishes, "
             "boxes by an IoU of 0.5, texts by half of their words. The checksums of the stages are those of one "
             "--compute on one --cpu; size and mean are for "
             "comparing with "
             "other programs. Exit status 1: it does not work as it should.",
    .group = GROUPS,
    .example =
        (const char *const[]){ "After a download", "vl2 selftest -m deepseek-vl2-tiny --pictures DeepSeek-VL2/images",
                               "Does a quantised file still find the giraffe?",
                               "vl2 selftest -m tiny.gguf --pictures DeepSeek-VL2/images", NULL },
    .max_operands = 0,
    .run = selftest,
};
