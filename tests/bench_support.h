/* bench_support.h - for tests of what `vl2 bench` measures: who watches a bench. */
#ifndef VL2_TESTS_BENCH_SUPPORT_H
#define VL2_TESTS_BENCH_SUPPORT_H

#include "support.h"

/* Lets it go on; *context, a double, is how much of it was done when it last asked. */
static inline bool is_patient(void *context, const char *what, double done)
{
    double *last = context;
    assert_non_null(what);
    assert_true(done >= 0 && done <= 1);
    *last = done;
    return true;
}

/* Lets it go on as often as *context, an int, says. */
static inline bool is_impatient(void *context, const char *what, double done)
{
    int *left = context;
    (void)what;
    (void)done;
    return --*left > 0;
}

#endif
