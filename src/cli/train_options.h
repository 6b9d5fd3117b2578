/* train_options.h - the options of `vl2 train`, by group, and what the train room wants them as. */
#ifndef VL2_CLI_TRAIN_OPTIONS_H
#define VL2_CLI_TRAIN_OPTIONS_H

#include "cli/options.h"
#include "train/epoch.h"

typedef struct {
    Texts files;
    const char *root;
    bool allow_outside, skip_bad, learn_prompt, raw_special;
    int max_length, cache_megabytes;
} DataArgs;
extern const Option DATA_OPTIONS[];

typedef struct {
    int batch, pack, accumulate, epochs;
    uint64_t seed;
    bool in_order, group_by_length, square_root;
} OrderArgs;
extern const Option ORDER_OPTIONS[];

typedef struct {
    bool dry_run, json;
    int show;
} DryRunArgs;
extern const Option DRY_RUN_OPTIONS[];

typedef struct {
    const char *model;
    int threads;
    DataArgs data;
    OrderArgs order;
    DryRunArgs dry;
    PictureArgs picture;
    NoteArgs notes;
} TrainArgs;
extern const Option TRAIN_OPTIONS[];

/* What the option tables promise as defaults. */
#define TRAIN_DEFAULTS                                                                                                 \
    {                                                                                                                  \
        .data = { .max_length = 4096, .cache_megabytes = 1024 },                                                       \
        .order = { .batch = 1, .accumulate = 16, .epochs = 1 }, .dry = { .show = 2 }, .picture = PICTURE_DEFAULTS      \
    }

/* What one option alone cannot tell. */
bool train_args_check(const TrainArgs *a, Error *e);

DatasetOptions dataset_options_of(const DataArgs *a);
/* Without config, tokenizer and cache. */
SampleRules sample_rules_of(const TrainArgs *a);
EpochRules epoch_rules_of(const OrderArgs *a);

#endif
