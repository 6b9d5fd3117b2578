/* cmd_train.c - `vl2 train`: so far what it would learn from, --dry-run. */
#include <stdlib.h>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/dry_run.h"
#include "model/model.h"

static const Group GROUPS[] = { { "Model", TRAIN_OPTIONS, 0 },
                                { "Data", DATA_OPTIONS, offsetof(TrainArgs, data) },
                                { "Pictures", PICTURE_OPTIONS, offsetof(TrainArgs, picture) },
                                { "Order", ORDER_OPTIONS, offsetof(TrainArgs, order) },
                                { "Looking before learning", DRY_RUN_OPTIONS, offsetof(TrainArgs, dry) },
                                { "Notes", NOTE_OPTIONS, offsetof(TrainArgs, notes) },
                                { 0 } };

/* The parts of a model that data are read with: no weights. */
typedef struct {
    Config config;
    Tokenizer *tokenizer;
} Reading;

static bool open_reading(Reading *r, const char *model, Error *e)
{
    char *path = model_path(model, e);
    ModelSource *source = path ? model_source_open(path, e) : NULL;
    const bool ok = source && config_read(&r->config, source, e) &&
                    (r->tokenizer = model_tokenizer(source, r->config.processor.pad_token, e));
    model_source_close(source);
    free(path);
    return ok;
}

static void close_reading(Reading *r)
{
    tokenizer_close(r->tokenizer);
    config_free(&r->config);
}

static bool look(const TrainArgs *a, const SampleRules *rules, Error *e)
{
    Dataset d = { 0 };
    const DatasetOptions o = dataset_options_of(&a->data);
    Pool *pool = pool_open(a->threads, e);
    const bool ok =
        pool && dataset_open(&d, a->data.files.text, a->data.files.n, &o, e) && dry_run(a, &d, rules, pool, e);
    dataset_close(&d);
    pool_close(pool);
    return ok;
}

static bool work(const TrainArgs *a, Error *e)
{
    Reading r = { 0 };
    SampleRules rules = sample_rules_of(a);
    bool ok = open_reading(&r, a->model, e);
    if (ok) {
        rules.config = &r.config;
        rules.tokenizer = r.tokenizer;
        rules.cache = blob_cache_open((size_t)a->data.cache_megabytes * 1000000);
        ok = look(a, &rules, e);
        blob_cache_close(rules.cache);
    }
    close_reading(&r);
    return ok;
}

static int train(const Command *self, int argc, char **argv)
{
    TrainArgs a = TRAIN_DEFAULTS;
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    const bool ok = train_args_check(&a, &e) && work(&a, &e);
    args_free(self->group, &a);
    return ok ? finish_output() : args_report(self, &e);
}

const Command CMD_TRAIN = {
    .name = "train",
    .summary = "what training would learn from (this build: --dry-run only)",
    .usage = (const char *const[]){ "train --dry-run [-m MODEL] --data FILE [options]", NULL },
    .about =
        "Reads all of the data as training would: each record becomes the prompt of inference with its answers, and "
        "labels on the answers. Shows the first samples with their labels marked, lengths, bad records and the steps "
        "of an epoch. This build of vl2 does not train yet.",
    .group = GROUPS,
    .example = (const char *const[]){ "Look at the data", "vl2 train --dry-run -m deepseek-vl2-tiny --data meta.json",
                                      "All that is wrong with it",
                                      "vl2 train --dry-run -m deepseek-vl2-tiny --data train.jsonl --skip-bad -v",
                                      "Batches of 8192 tokens",
                                      "vl2 train --dry-run -m deepseek-vl2-tiny --data train.jsonl --pack 8192", NULL },
    .max_operands = 0,
    .run = train,
};
