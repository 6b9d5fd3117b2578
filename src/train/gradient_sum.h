/* gradient_sum.h - the gradients of all ranks, added up: each rank owns a range of the parameters, and gets the sum there
 * while backward still runs.
 *
 * What is complete goes on its way in pieces, each to its owner, who adds those of all ranks in the order of their numbers: the
 * same bits for a number of ranks, whatever arrives first. A rank sends and receives as much as it has parameters, however many
 * ranks there are. */
#ifndef VL2_TRAIN_GRADIENT_SUM_H
#define VL2_TRAIN_GRADIENT_SUM_H

#include "base/pool.h"
#include "train/params.h"
#include "train/ranks.h"

typedef struct GradientSum GradientSum;

/* Everything that is pointed to outlives it. */
GradientSum *gradient_sum_open(const Ranks *r, const Params *p, Pool *pool, int n_layers);
void gradient_sum_close(GradientSum *s); /* of NULL: nothing */

/* The parameters that a rank owns, whole ones: values [begin, end). */
void gradient_sum_owned(const GradientSum *s, int rank, size_t *begin, size_t *end);
/* Who owns a parameter. */
int gradient_sum_owner(const GradientSum *s, const Param *p);

/* A step: begin; then, as backward goes on, from the language model's last layer to the first: this rank's gradients of `layer`
 * and of those after it are complete; then the end, when all are. The sums stand in Params.grad, in the range that is owned. */
void gradient_sum_begin(GradientSum *s);
void gradient_sum_reached(GradientSum *s, int layer);
void gradient_sum_end(GradientSum *s);

#endif
