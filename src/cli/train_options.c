/* train_options.c - see train_options.h. */
#include "cli/train_options.h"

#define T TrainArgs
const Option TRAIN_OPTIONS[] = {
    OPTION_TEXT(T, model, "model", 'm', "MODEL",
                "A folder as published (Hugging Face layout), or a GGUF file of `vl2 quantize`. Default: the small "
                "test model that comes with vl2."),
    OPTION_INTEGER(T, threads, "threads", 0, "N", 0, 1024,
                   "Threads; changes time, never the result. Default: 0, one for each processor."),
    OPTIONS_END
};
#undef T

#define T DataArgs
const Option DATA_OPTIONS[] = {
    OPTION_TEXTS(T, files, "data", 'd', "FILE",
                 "What to learn from: a meta file as PaddleMIX has it, a JSON array of records, JSON lines, or a "
                 "conversation in the official form; repeatable. Required."),
    OPTION_TEXT(T, root, "data-root", 0, "DIR",
                "Where names that are not beside their file are looked for. Default: nowhere else."),
    OPTION_FLAG(T, allow_outside, "allow-outside", 0,
                "Names in the data may lead out of these folders. Default: that is an error."),
    OPTION_FLAG(T, skip_bad, "skip-bad", 0,
                "Leave bad records out and count them by cause. Default: the first one ends it."),
    OPTION_INTEGER(
        T, max_length, "max-length", 0, "N", 16, 1 << 20,
        "Tokens of a sample, pictures included; of a longer one the last rounds are cut off. Default: 4096."),
    OPTION_FLAG(T, learn_prompt, "learn-prompt", 0,
                "Questions and the system message are labels, too. Default: answers and their end only."),
    OPTION_FLAG(T, raw_special, "raw-special", 0,
                "Special tokens written in the data act, as in the official code. Default: only the grounding tags, "
                "as in a user's prompt."),
    OPTION_INTEGER(T, cache_megabytes, "cache", 0, "MB", 0, 1 << 20,
                   "Memory for decoded pictures that come again. Default: 1024."),
    OPTIONS_END
};
#undef T

#define T OrderArgs
const Option ORDER_OPTIONS[] = {
    OPTION_INTEGER(T, batch, "batch-size", 'b', "N", 1, 1 << 20,
                   "Samples that go through the model together. Default: 1."),
    OPTION_INTEGER(T, pack, "pack", 0, "TOKENS", 0, 1 << 26,
                   "Instead of a number of samples as many as have room in so many tokens; none sees another. "
                   "Default: 0, off."),
    OPTION_INTEGER(T, accumulate, "accumulate", 0, "N", 1, 1 << 20,
                   "Batches in one step of the optimizer. Default: 16."),
    OPTION_INTEGER(T, epochs, "epochs", 0, "N", 1, 1 << 20, "Times through the data. Default: 1."),
    OPTION_SEED(T, seed, "seed", 0, "N", "What all choices by chance follow from. Default: 0."),
    OPTION_FLAG(T, in_order, "in-order", 0, "As the files have it. Default: shuffled, anew in each epoch."),
    OPTION_FLAG(T, group_by_length, "group-by-length", 0, "Samples of a batch are of similar length. Default: off."),
    OPTION_FLAG(T, square_root, "resample", 0,
                "Draw from the files of a meta file by the square root of their sizes; a \"weight\" in the meta file "
                "says it otherwise. Default: each record as often as its \"repeat_time\" says."),
    OPTIONS_END
};
#undef T

#define T DryRunArgs
const Option DRY_RUN_OPTIONS[] = {
    OPTION_FLAG(T, dry_run, "dry-run", 0,
                "Read all data, show the first samples and what an epoch would be, and learn nothing. Required: this "
                "build of vl2 has no training beyond it."),
    OPTION_INTEGER(T, show, "show", 0, "N", 0, 1000000, "Samples to show. Default: 2."),
    OPTION_FLAG(T, json, "json", 0, "One line of JSON instead of the text. Default: off."), OPTIONS_END
};
#undef T

bool train_args_check(const TrainArgs *a, Error *e)
{
    if (!a->dry.dry_run)
        return fail(e, ERR_USAGE, "this build of vl2 cannot train yet: --dry-run shows what it would learn from");
    if (a->data.files.n == 0) return fail(e, ERR_USAGE, "the data are missing: --data FILE");
    if (a->order.pack > 0 && a->order.pack < a->data.max_length)
        return fail(e, ERR_USAGE, "--pack %d is less than --max-length %d: a sample would not fit", a->order.pack,
                    a->data.max_length);
    return true;
}

DatasetOptions dataset_options_of(const DataArgs *a)
{
    return (DatasetOptions){ .data_root = a->root, .allow_outside = a->allow_outside };
}

SampleRules sample_rules_of(const TrainArgs *a)
{
    return (SampleRules){ .added = a->data.raw_special ? ADDED_ALL : ADDED_GROUNDING,
                          .mask_prompt = !a->data.learn_prompt,
                          .max_length = a->data.max_length,
                          .pictures = image_options_of(&a->picture) };
}

EpochRules epoch_rules_of(const OrderArgs *a)
{
    return (EpochRules){ .seed = a->seed,
                         .in_order = a->in_order,
                         .square_root = a->square_root,
                         .group_by_length = a->group_by_length,
                         .batch = a->batch,
                         .pack = a->pack };
}
