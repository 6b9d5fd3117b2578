/* survey.h - one look at every record before training: how long its sample is, or why there is none. Pictures are opened for
 * their size alone, so that a broken one may still come up later. */
#ifndef VL2_TRAIN_SURVEY_H
#define VL2_TRAIN_SURVEY_H

#include "base/pool.h"
#include "train/dataset.h"

typedef struct {
    int32_t tokens, image_tokens; /* 0: there is no sample */
    int32_t labels, dropped_rounds;
    Fault fault;
} Surveyed;

typedef struct {
    Surveyed *record; /* [n], by the records' numbers */
    size_t n, n_good;
    size_t faults[FAULT_KINDS]; /* how many of each */
    size_t n_cut;               /* samples that lost rounds */
    size_t first_bad;           /* n: none */
} Survey;

/* Called between parts of the work; false ends it with ERR_CANCELLED. May be NULL. */
typedef bool SurveyProgress(void *context, size_t done, size_t total);

/* Without skip_bad the first bad record ends it with that record's error, which says how many there are; none good is an
 * error, too. *s is empty then. */
bool survey_take(Survey *s, const Dataset *d, const SampleRules *rules, bool skip_bad, Pool *pool,
                 SurveyProgress *progress, void *context, Error *e);
void survey_free(Survey *s);

#endif
