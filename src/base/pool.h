/* pool.h - the threads. Work is split over outputs, never over a sum, so that the number of threads cannot change a
 * result. The calling thread works too: a pool of 1 has no thread of its own. One job at a time; jobs do not nest. */
#ifndef VL2_BASE_POOL_H
#define VL2_BASE_POOL_H

#include <stdbool.h>

#include "base/error.h"

typedef struct Pool Pool;

/* n_threads <= 0: one for each processor that this process may use. */
Pool *pool_open(int n_threads, Error *e);
void pool_close(Pool *p); /* of NULL: nothing */
int pool_threads(const Pool *p);

/* Calls task(context, i, thread) for every i in [0, n), in any order, thread in [0, pool_threads()). Returns when all
 * are done. Tasks are handed out one by one, so unequal ones balance. */
typedef void PoolTask(void *context, int i, int thread);
void pool_run(Pool *p, int n, PoolTask *task, void *context);

/* Splits [0, n) into ranges of at least `grain` and calls range(context, begin, end, thread) for each. */
typedef void PoolRange(void *context, int begin, int end, int thread);
void pool_ranges(Pool *p, int n, int grain, PoolRange *range, void *context);

#endif
