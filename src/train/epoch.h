/* epoch.h - the order of an epoch: which samples, in which order, which together.
 *
 * It follows from the rules, the survey and the number of the epoch alone, so a run is resumed by two numbers, epoch and step.
 * Samples that go through the model at once are a group; a step of the optimizer takes `per_step` groups, of which rank r of n
 * has those with index % n == r: n ranks do the steps of one rank that accumulates n times as much. */
#ifndef VL2_TRAIN_EPOCH_H
#define VL2_TRAIN_EPOCH_H

#include "train/survey.h"

typedef struct {
    uint64_t seed;
    bool in_order;        /* no shuffling */
    bool square_root;     /* draw from sources by the square root of their size, where no weights are given */
    bool group_by_length; /* samples of a group are of similar length */
    int batch;            /* samples in a group */
    int pack;             /* > 0: instead of `batch` as many samples as these tokens hold; not below max_length */
} EpochRules;

typedef struct {
    uint32_t *item; /* [n_items]: numbers of records; those of a group stand together */
    size_t n_items;
    size_t *begin; /* [n_groups + 1]: where a group's items begin */
    size_t n_groups;
    int64_t tokens;
} Epoch;

/* False: only some sources give a weight, or nothing is left to learn from. */
bool epoch_plan(Epoch *p, const Dataset *d, const Survey *s, const EpochRules *rules, uint64_t epoch, Error *e);
void epoch_free(Epoch *p);

/* The last step of an epoch may have fewer groups. */
static inline size_t epoch_steps(const Epoch *p, size_t per_step)
{
    return (p->n_groups + per_step - 1) / per_step;
}

#endif
