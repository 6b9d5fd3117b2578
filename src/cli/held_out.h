/* held_out.h - samples of the held-out data answered by the model that is being trained: compared with what they should be, shown
 * in the log with their boxes drawn. Here training and answering meet: the engine runs on the trainer's own parameters. */
#ifndef VL2_CLI_HELD_OUT_H
#define VL2_CLI_HELD_OUT_H

#include <jansson.h>

#include "model/model.h"
#include "train/dataset.h"
#include "train/ranks.h"
#include "train/survey.h"

typedef struct {
    const Model *model;
    const Dataset *data;
    const Survey *survey;
    const SampleRules *rules;
    const Ranks *ranks; /* share the samples */
    int n;              /* samples to answer, spread evenly over the data */
    int shown;          /* of this rank's, at most so many are shown */
    int threads;
    const char *folder; /* of the log; pictures go to "shown" in it, in the place of those before */
    int64_t step;
    bool (*stopped)(void);
} HeldOutTask;

/* Over all ranks. An answer that should have boxes scores the mean overlap (area of both over area of either) of each box with the
 * one at its place, any other 1 if it is the same text and else 0. */
typedef struct {
    int n, n_texts, n_boxed; /* answers; those without boxes, with boxes */
    double score;            /* the mean */
    double exact;            /* share of the texts that are the same */
    double overlap;          /* mean of those with boxes */
    json_t *shown;           /* as train_log_samples() takes them; NULL: none */
} HeldOutScore;

/* The last answer of each sample, greedily. All ranks; the caller takes over out->shown. */
bool held_out_answer(const HeldOutTask *t, HeldOutScore *out, Error *e);

#endif
