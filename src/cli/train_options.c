/* train_options.c - see train_options.h. */
#include "cli/train_options.h"

#include <string.h>

#define T TrainArgs
const Option TRAIN_OPTIONS[] = {
    OPTION_TEXT(T, model, "model", 'm', "MODEL",
                "A folder as published (Hugging Face layout), or a GGUF file of `vl2 quantize`. Default: the small "
                "model that comes with vl2, trained on drawn scenes."),
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

#define T LearnArgs
const Option LEARN_OPTIONS[] = {
    OPTION_CHOICE(T, optimizer, "optimizer", 0, "KIND", "adamw|muon", NULL,
                  "What a step does with the gradient. muon: momentum made orthogonal for the matrices of the blocks, "
                  "AdamW for the rest; learns in fewer steps from scratch. Default: adamw."),
    OPTION_NUMBER(T, rate, "rate", 0, "X", 0, 10, "The highest learning rate. Default: 2e-5."),
    OPTION_CHOICE(T, schedule, "schedule", 0, "KIND", "constant|linear|cosine", NULL,
                  "How the rate falls after the warm-up. Default: cosine."),
    OPTION_NUMBER(T, last_rate, "last-rate", 0, "X", 0, 1, "The share of --rate that is left at the end. Default: 0."),
    OPTION_NUMBER(T, warmup, "warmup", 0, "X", 0, 1e9,
                  "Steps in which the rate grows from zero; below 1 a share of all steps. Default: 0.03."),
    OPTION_NUMBER(T, vision_rate, "vision-rate", 0, "X", 0, 1000, "Times --rate, for the vision tower. Default: 1."),
    OPTION_NUMBER(T, projector_rate, "projector-rate", 0, "X", 0, 1000,
                  "Times --rate, for projector, newline and separator. Default: 1."),
    OPTION_NUMBER(T, weight_decay, "weight-decay", 0, "X", 0, 10, "Decoupled. Default: 0.01."),
    OPTION_NUMBER(T, clip, "clip", 0, "X", 0, 1e9,
                  "Norm of the whole gradient above which it is scaled down; 0: never. Default: 1."),
    OPTION_INTEGER(T, steps, "steps", 0, "N", 1, 1 << 30, "End after so many steps. Default: when the epochs end."),
    OPTION_NUMBER(
        T, bias_rate, "bias-update", 0, "X", 0, 1,
        "Move the correction bias of a router without balance loss (noaux_tc) by X a step against the load of "
        "each expert, as DeepSeek-V3 does (there 1e-3). Default: 0, it stays."),
    OPTION_FLAG(T, no_balance, "no-balance-loss", 0,
                "Leave out the balance loss of the experts that config.json asks for. Default: it takes part."),
    OPTION_FLAG(T, recompute, "recompute", 0,
                "Keep only the inputs of each layer and compute the rest again: less memory, about a third more time, "
                "the same bits. Default: off."),
    OPTIONS_END
};
#undef T

#define T FreezeArgs
const Option FREEZE_OPTIONS[] = {
    OPTION_FLAG(T, vision, "freeze-vision", 0, "The vision tower stays as it is. Default: it learns."),
    OPTION_FLAG(T, projector, "freeze-projector", 0, "Projector, newline and separator stay. Default: they learn."),
    OPTION_FLAG(T, language, "freeze-language", 0, "The language model stays. Default: it learns."),
    OPTION_TEXTS(T, names, "freeze", 0, "PATTERN",
                 "Parameters that stay, by a shell's pattern such as '*.mlp.gate.weight'; repeatable. Default: none."),
    OPTIONS_END
};
#undef T

#define T LoraTrainArgs
const Option LORA_TRAIN_OPTIONS[] = {
    OPTION_INTEGER(T, rank, "lora-rank", 0, "N", 0, MAX_LORA_RANK,
                   "Train adapters of this rank and leave the model as it is, which may then be quantised. Default: 0, "
                   "parameters are trained."),
    OPTION_NUMBER(T, alpha, "lora-alpha", 0, "X", 0, 1e6,
                  "An adapter's product is scaled by X / rank. Default: twice the rank."),
    OPTION_NUMBER(T, dropout, "lora-dropout", 0, "X", 0, 0.99, "Share of an adapter's input left out. Default: 0."),
    OPTION_TEXTS(
        T, targets, "lora-target", 0, "NAME[:RANK]",
        "Matrices with an adapter: the last part of a name such as q_proj, a shell's pattern of whole names such "
        "as '*.self_attn.*', or PaddleMIX's lists by the name of tiny or small; repeatable, the first that names a "
        "matrix counts. RANK: another than --lora-rank. Default: the list that fits the model."),
    OPTIONS_END
};
#undef T

#define T KeepArgs
const Option KEEP_OPTIONS[] = {
    OPTION_TEXT(T, out, "output", 'o', "DIR",
                "The folder of the run: model/ is what was learnt, best/ what did best on the held-out data, log.jsonl "
                "a line for each step, checkpoints/ what --resume goes on from. Required."),
    OPTION_INTEGER(T, save_every, "save-every", 0, "N", 1, 1 << 30, "Steps between checkpoints. Default: 500."),
    OPTION_INTEGER(T, keep, "keep", 0, "N", 1, 1 << 20, "Checkpoints that are kept, the latest. Default: 2."),
    OPTION_TEXTS(
        T, held_out, "held-out", 0, "FILE",
        "Data that nothing is learnt from, in the forms of --data: the loss on them tells how it goes; repeatable. "
        "Default: none."),
    OPTION_INTEGER(T, evaluate_every, "evaluate-every", 0, "N", 1, 1 << 30,
                   "Steps between looks at the held-out data. Default: 500."),
    OPTION_INTEGER(T, answers, "answers", 0, "N", 0, 1 << 20,
                   "Held-out samples that the model answers at each look, spread over the data: texts count as right "
                   "when they are the same, boxes by their overlap; the first 8 are shown in the log and on the page. "
                   "Default: 16."),
    OPTION_CHOICE(T, best_by, "best-by", 0, "WHAT", "loss|answers", NULL,
                  "What best/ is the best of: the least loss on the held-out data, or the best score of the answers. "
                  "Default: loss."),
    OPTION_INTEGER(T, dashboard, "dashboard", 0, "PORT", 1, 65535,
                   "Show the curves while they grow, as a page on this machine at this port. Default: no page."),
    OPTION_FLAG(T, resume, "resume", 0,
                "Go on from the latest checkpoint of DIR, with the bits that an uninterrupted run would have. Default: "
                "a new run, and DIR holds none yet."),
    OPTION_FLAG(
        T, changed_too, "changed-settings", 0,
        "With --resume: other settings than the run began with are meant. Default: they are listed as an error."),
    OPTIONS_END
};
#undef T

#define T DryRunArgs
const Option DRY_RUN_OPTIONS[] = {
    OPTION_FLAG(T, dry_run, "dry-run", 0,
                "Read all data, show the first samples and what an epoch would be, and learn nothing. Default: off."),
    OPTION_INTEGER(T, show, "show", 0, "N", 0, 1000000, "Samples to show. Default: 2."),
    OPTION_FLAG(T, json, "json", 0, "One line of JSON instead of the text. Default: off."), OPTIONS_END
};
#undef T

bool train_args_check(const TrainArgs *a, Error *e)
{
    if (!a->dry.dry_run && !a->keep.out) return fail(e, ERR_USAGE, "the folder of the run is missing: -o DIR");
    if (a->lora.rank > 0 && (a->freeze.vision || a->freeze.projector || a->freeze.language || a->freeze.names.n))
        return fail(e, ERR_USAGE, "with --lora-rank the model stays as it is: --freeze is for training parameters");
    if (a->lora.rank == 0 && (a->lora.targets.n || a->lora.alpha > 0 || a->lora.dropout > 0))
        return fail(e, ERR_USAGE, "--lora-rank is missing: the rank of the adapters");
    for (int i = 0; i < a->lora.targets.n; i++)
        if (!lora_target_check(a->lora.targets.text[i], e)) return false;
    if (a->lora.rank > 0 && a->learn.bias_rate > 0)
        return fail(e, ERR_USAGE, "--bias-update changes the model, and --lora-rank writes adapters alone");
    if (strcmp(a->keep.best_by, "answers") == 0 && (a->keep.answers == 0 || a->keep.held_out.n == 0))
        return fail(e, ERR_USAGE, "--best-by answers needs --held-out FILE, and --answers of 1 or more");
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

static ScheduleKind schedule_of(const char *name)
{
    int k = 0;
    while (k < SCHEDULES - 1 && strcmp(name, schedule_name((ScheduleKind)k)) != 0) k++;
    return (ScheduleKind)k;
}

LoraTargets lora_targets_of(const TrainArgs *a)
{
    return (LoraTargets){ .target = a->lora.targets.text,
                          .n_targets = a->lora.targets.n,
                          .rank = a->lora.rank,
                          .alpha = a->lora.alpha,
                          .dropout = a->lora.dropout };
}

TrainerOptions trainer_options_of(const TrainArgs *a, const LoraTargets *lora)
{
    const AdamOptions adam = ADAM_DEFAULTS;
    TrainerOptions o = { .lora = lora->rank > 0 ? lora : NULL,
                         .choice = { a->freeze.vision, a->freeze.projector, a->freeze.language, a->freeze.names.text,
                                     a->freeze.names.n },
                         .order = epoch_rules_of(&a->order),
                         .accumulate = (size_t)a->order.accumulate,
                         .epochs = a->order.epochs,
                         .steps = a->learn.steps,
                         .adam = adam,
                         .muon = strcmp(a->learn.optimizer, "muon") == 0,
                         .schedule = schedule_of(a->learn.schedule),
                         .rate = (double)a->learn.rate,
                         .last_share = (double)a->learn.last_rate,
                         .warmup = (double)a->learn.warmup,
                         .vision_rate = (double)a->learn.vision_rate,
                         .projector_rate = (double)a->learn.projector_rate,
                         .bias_rate = a->learn.bias_rate,
                         .backprop = { .recompute = a->learn.recompute, .balance = !a->learn.no_balance },
                         .skip_bad = a->data.skip_bad,
                         .feed_threads = 1 };
    o.adam.weight_decay = a->learn.weight_decay;
    o.adam.clip_norm = (double)a->learn.clip;
    return o;
}
