/* train_options.h - the options of `vl2 train`, by group, and what the train room wants them as. */
#ifndef VL2_CLI_TRAIN_OPTIONS_H
#define VL2_CLI_TRAIN_OPTIONS_H

#include "cli/options.h"
#include "train/trainer.h"

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
    const char *optimizer, *schedule;
    float rate, last_rate, warmup, vision_rate, projector_rate, weight_decay, clip, bias_rate;
    int steps;
    bool no_balance, recompute;
} LearnArgs;
extern const Option LEARN_OPTIONS[];

typedef struct {
    bool vision, projector, language;
    Texts names;
} FreezeArgs;
extern const Option FREEZE_OPTIONS[];

typedef struct {
    int rank;
    float alpha, dropout; /* alpha 0: twice the rank */
    Texts targets;
} LoraTrainArgs;
extern const Option LORA_TRAIN_OPTIONS[];

typedef struct {
    const char *out;
    const char *best_by;
    int save_every, keep, evaluate_every, answers, dashboard;
    Texts held_out;
    bool resume, changed_too;
} KeepArgs;
extern const Option KEEP_OPTIONS[];

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
    LearnArgs learn;
    FreezeArgs freeze;
    LoraTrainArgs lora;
    KeepArgs keep;
    DryRunArgs dry;
    PictureArgs picture;
    NoteArgs notes;
} TrainArgs;
extern const Option TRAIN_OPTIONS[];

/* What the option tables promise as defaults. */
#define TRAIN_DEFAULTS                                                                                                 \
    {                                                                                                                  \
        .data = { .max_length = 4096, .cache_megabytes = 1024 },                                                       \
        .order = { .batch = 1, .accumulate = 16, .epochs = 1 },                                                        \
        .learn = { .optimizer = "adamw",                                                                               \
                   .schedule = "cosine",                                                                               \
                   .rate = 2e-5f,                                                                                      \
                   .warmup = 0.03f,                                                                                    \
                   .vision_rate = 1,                                                                                   \
                   .projector_rate = 1,                                                                                \
                   .weight_decay = 0.01f,                                                                              \
                   .clip = 1 },                                                                                        \
        .keep = { .save_every = 500, .keep = 2, .evaluate_every = 500, .answers = 16, .best_by = "loss" },             \
        .dry = { .show = 2 }, .picture = PICTURE_DEFAULTS                                                              \
    }

/* What one option alone cannot tell. */
bool train_args_check(const TrainArgs *a, Error *e);

DatasetOptions dataset_options_of(const DataArgs *a);
/* Without config, tokenizer and cache. */
SampleRules sample_rules_of(const TrainArgs *a);
EpochRules epoch_rules_of(const OrderArgs *a);
/* Both point into `a`; the options into the targets, too, where adapters are trained. */
LoraTargets lora_targets_of(const TrainArgs *a);
TrainerOptions trainer_options_of(const TrainArgs *a, const LoraTargets *lora);

#endif
