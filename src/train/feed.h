/* feed.h - the samples of an epoch for one rank, decoded ahead in threads, in the epoch's order whatever the timing. */
#ifndef VL2_TRAIN_FEED_H
#define VL2_TRAIN_FEED_H

#include "train/epoch.h"

typedef struct {
    const Dataset *dataset; /* these three outlive the feed */
    const SampleRules *rules;
    const Epoch *epoch;
    size_t per_step;   /* groups in a step of all ranks together */
    size_t first_step; /* where to begin: 0, or where a run is resumed */
    int rank, ranks;
    int threads;   /* that decode; 0: none, samples are made when they are asked for */
    size_t ahead;  /* samples made before they are asked for, at most */
    bool skip_bad; /* a sample that turns out to be bad is left out and counted; false: an error */
} FeedOptions;

typedef struct Feed Feed;

Feed *feed_open(const FeedOptions *o, Error *e);
void feed_close(Feed *f); /* of NULL: nothing */

/* Samples that go through the model at once. */
typedef struct {
    size_t step; /* of the epoch, from 0 */
    bool ends;   /* the epoch has no more for this rank: n is 0 */
    Sample *sample;
    uint32_t *record; /* their numbers */
    int n;            /* 0, too, where all of the group turned out to be bad */
} SampleGroup;

/* The next group of this rank; caller: sample_group_free(). */
bool feed_next(Feed *f, SampleGroup *out, Error *e);
void sample_group_free(SampleGroup *g);

/* What was left out so far, by cause. */
const size_t *feed_faults(const Feed *f);

#endif
