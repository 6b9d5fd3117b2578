/* ahead.h - work done ahead by threads of their own: results are made in any order and taken in theirs. At most `depth` of
 * them are made and not yet taken, so memory is bounded; what they are does not depend on the threads. */
#ifndef VL2_BASE_AHEAD_H
#define VL2_BASE_AHEAD_H

#include <stddef.h>

#include "base/error.h"

typedef struct Ahead Ahead;

/* Makes result i of [0, n): called from several threads at once. Not NULL; owned by who takes it. */
typedef void *AheadMake(void *context, size_t i);

/* n_threads 0: no threads, each result is made when it is taken. depth >= 1. */
Ahead *ahead_open(int n_threads, size_t depth, size_t n, AheadMake *make, void *context, Error *e);
/* The next result, waiting for it; NULL after the last. From one thread. */
void *ahead_take(Ahead *a);
/* Ends the threads, after what they are at; `drop` gets the results that nobody took. Of NULL: nothing. */
void ahead_close(Ahead *a, void (*drop)(void *result));

#endif
