/* cmd_train.c - `vl2 train`: a model learns from pictures and conversations; or, with --dry-run, shows what it would learn
 * from. */
#include <stdlib.h>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/dry_run.h"
#include "cli/training.h"
#include "model/model.h"

static const Group GROUPS[] = { { "Model", TRAIN_OPTIONS, 0 },
                                { "Data", DATA_OPTIONS, offsetof(TrainArgs, data) },
                                { "Pictures", PICTURE_OPTIONS, offsetof(TrainArgs, picture) },
                                { "Order", ORDER_OPTIONS, offsetof(TrainArgs, order) },
                                { "Learning", LEARN_OPTIONS, offsetof(TrainArgs, learn) },
                                { "What stays as it is", FREEZE_OPTIONS, offsetof(TrainArgs, freeze) },
                                { "Adapters", LORA_TRAIN_OPTIONS, offsetof(TrainArgs, lora) },
                                { "What is kept", KEEP_OPTIONS, offsetof(TrainArgs, keep) },
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
    ModelSource *source = model_source_open(model_or_default(model), e);
    const bool ok = source && config_read(&r->config, source, e) &&
                    (r->tokenizer = model_tokenizer(source, r->config.processor.pad_token, e));
    model_source_close(source);
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

static bool look_only(const TrainArgs *a, Error *e)
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
    const bool ok = train_args_check(&a, &e) && (a.dry.dry_run ? look_only(&a, &e) : training_run(&a, &e));
    args_free(self->group, &a);
    if (ok) return finish_output();
    status = e.text[0] ? args_report(self, &e) : EXIT_WORK_FAILED; /* else another rank tells it */
    return e.code == ERR_CANCELLED ? EXIT_INTERRUPTED : status;
}

const Command CMD_TRAIN = {
    .name = "train",
    .summary = "teaches a model from pictures and conversations",
    .usage = (const char *const[]){ "train [-m MODEL] --data FILE... -o DIR [options]",
                                    "train [-m MODEL] --data FILE... -o DIR --resume [options]",
                                    "train --dry-run [-m MODEL] --data FILE... [options]", NULL },
    .about =
        "A record of the data is a conversation with its pictures and the answers that are wanted: {\"messages\": "
        "[{\"role\": "
        "\"user\", \"content\": \"<image>\\nWhat is it?\"}, {\"role\": \"assistant\", \"content\": \"A cup.\"}], "
        "\"images\": "
        "[\"cup.jpg\"]}, one in each line of a file. docs/training.md begins with twenty pictures of yours.\n"
        "All parameters learn, or those that are not frozen, or with --lora-rank adapters; in f32 with AdamW. Each "
        "record "
        "becomes the prompt of inference with its answers; the loss is the mean over the tokens of the answers of a "
        "step. DIR/model is then a folder as published, which every command takes with -m; DIR/adapter a PEFT folder, "
        "which they take with --lora.\n"
        "Ctrl-C ends the run after the step, with a checkpoint; --resume goes on from it with the same bits. "
        "--dry-run shows the first samples with their labels marked, lengths, bad records and the steps of an epoch.",
    .group = GROUPS,
    .example = (const char *const[]){ "A first run: the model that comes with vl2 learns a few pictures by heart",
                                      "vl2 train --data train.jsonl --held-out held-out.jsonl -b 4 --accumulate 1 "
                                      "--epochs 20 --rate 1e-3 -o run",
                                      "How it went, and what it says of held-out pictures", "vl2 plot run/log.jsonl",
                                      "Teach the language model, in batches of 4 x 8 samples",
                                      "vl2 train -m deepseek-vl2-tiny --data train.jsonl --held-out test.jsonl "
                                      "--freeze-vision -b 4 --accumulate 8 --rate 2e-5 --recompute -o run",
                                      "Adapters on a model of 4 bits",
                                      "vl2 train -m tiny-q4.gguf --data train.jsonl --lora-rank 8 --rate 3e-4 "
                                      "--recompute -o run",
                                      "Go on after Ctrl-C, with the same options",
                                      "vl2 train -m deepseek-vl2-tiny --data train.jsonl --held-out test.jsonl "
                                      "--freeze-vision -b 4 --accumulate 8 --rate 2e-5 --recompute -o run --resume",
                                      "Look at the data", "vl2 train --dry-run -m deepseek-vl2-tiny --data meta.json",
                                      "All that is wrong with it",
                                      "vl2 train --dry-run -m deepseek-vl2-tiny --data train.jsonl --skip-bad -v",
                                      "Batches of 8192 tokens",
                                      "vl2 train --dry-run -m deepseek-vl2-tiny --data train.jsonl --pack 8192", NULL },
    .max_operands = 0,
    .run = train,
};
