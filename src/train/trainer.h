/* trainer.h - the run: steps of the optimizer through the epochs of a dataset, and its state in a file, from which it goes on
 * with the same bits.
 *
 * A step takes the groups of samples that epoch.h gives it. Its loss is the mean over all labels of the step, however they are
 * cut into groups, so that N groups and one group of the same samples have the same gradient up to rounding.
 *
 * Several ranks (ranks.h) share the groups of a step. Each has all parameters, and updates those that it owns, whose averages it
 * alone keeps; all functions here are for all ranks together, but trainer_write_result(). */
#ifndef VL2_TRAIN_TRAINER_H
#define VL2_TRAIN_TRAINER_H

#include "format/json.h"
#include "train/backprop.h"
#include "train/bias_update.h"
#include "train/feed.h"
#include "train/gradient_sum.h"
#include "train/optimizer.h"

typedef struct {
    const LoraTargets *lora; /* adapters are trained, or NULL: */
    ParamChoice choice;      /* parameters */
    EpochRules order;
    const Ranks *ranks; /* NULL: one */
    size_t accumulate;  /* groups in a step, of each rank */
    int epochs;
    int64_t steps; /* 0: as many as the epochs have; else it ends after so many */
    AdamOptions adam;
    bool muon; /* for the matrices inside of blocks; all else is AdamW's */
    ScheduleKind schedule;
    double rate, last_share;            /* the highest learning rate, the share of it that is left at the end */
    double warmup;                      /* share of the steps below 1, else steps */
    double vision_rate, projector_rate; /* times rate, for these parts; 1: as the rest */
    float bias_rate;                    /* steps of the routers' correction bias; 0: it stays */
    BackpropOptions backprop;
    bool skip_bad;
    int feed_threads;
} TrainerOptions;

/* Where a run is: the next step is `step`, in `epoch`, whose step it is `epoch_step`. */
typedef struct {
    int64_t step;
    int64_t epoch, epoch_step;
    int64_t tokens, samples; /* seen so far */
} TrainerState;

typedef struct {
    TrainerState at; /* after the step */
    double loss;     /* mean over labels */
    double norm;     /* of the gradient, before clipping */
    double rate, seconds;
    int64_t tokens, labels, samples; /* of all ranks */
    double balance;                  /* the experts' balance loss, mean over layers and groups; 0 where there is none */
    double busiest;                  /* rows of a layer's busiest expert over those of an even load, the worst layer */
} StepReport;

typedef struct {
    TrainerOptions options;
    Model *model;
    const Kernels *k;
    Pool *pool;
    const Dataset *data;
    const Survey *survey;
    const SampleRules *rules;
    Params params;
    Adam adam;
    BiasUpdates bias;
    Backprop backprop;
    Ranks ranks;
    GradientSum *sum;
    bool last_group; /* of a step: its gradients go to the other ranks as they are complete */
    Schedule schedule;
    int64_t steps; /* of the whole run */
    TrainerState at;
    Epoch epoch;
    Feed *feed; /* NULL: the epoch is to be planned */
} Trainer;

/* Everything that is pointed to outlives the trainer; the model is changed and of no use after trainer_close(). */
bool trainer_open(Trainer *t, const TrainerOptions *o, Model *m, const Kernels *k, Pool *pool, const Dataset *d,
                  const Survey *s, const SampleRules *rules, Error *e);
void trainer_close(Trainer *t); /* of a zeroed or half-opened Trainer, too */

static inline bool trainer_is_done(const Trainer *t)
{
    return t->at.step >= t->steps;
}

/* A loss or gradient that is not finite ends the run: the error names step, samples and parameter, nothing was updated. */
bool trainer_step(Trainer *t, StepReport *out, Error *e);

/* The mean loss over all labels of other data; changes nothing. */
typedef bool TrainerStopped(void *context);
bool trainer_evaluate(Trainer *t, const Dataset *d, const Survey *s, double *loss, TrainerStopped *stopped,
                      void *context, Error *e);

/* All that the bits of a run follow from, besides model and code; caller: json_decref(). */
json_t *trainer_settings(const Trainer *t);

/* One safetensors file: parameters, their averages, and where the run is; rank 0 writes it. The old file stays until the new one is
 * complete. */
bool trainer_save(const Trainer *t, const char *path, Error *e);
/* Takes up a saved run, also of another number of ranks; every rank reads the file. Other parameters are an error; so are other settings, all of which it lists, unless `changed_too`. */
bool trainer_resume(Trainer *t, const char *path, bool changed_too, Error *e);

#endif
