/* machine.h - the limits of this machine, measured: how fast memory is read, how fast products are added up. What speed
 * is compared with. */
#ifndef VL2_KERNELS_MACHINE_H
#define VL2_KERNELS_MACHINE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/pool.h"
#include "kernels/kernels.h"

/* Of several runs. All zero where the level has no measurement. */
typedef struct {
    double median, best;
} Rate;

typedef struct {
    int threads;
    Rate read_one, read_all; /* GB/s of a buffer far larger than the caches: one thread, all threads of the pool */
    Rate f32_one, f32_all;   /* GFLOP/s of f32 products and sums that stay in registers; none for CPU_SCALAR */
    Rate bf16_one, bf16_all; /* the same of bf16, if cpu_multiplies_bf16() */
    Rate int8_one, int8_all; /* GOP/s, the same of int8 fours into int32; none for CPU_SCALAR */
} MachineLimits;

/* Takes about two seconds and 256 MiB. ERR_MEMORY if they are not there. l <= cpu_best(). */
bool machine_measure(Pool *p, CpuLevel l, MachineLimits *out, Error *e);

/* What one limit is at this moment, all threads together: for measuring beside something else, since neighbours and heat
 * change it from second to second. A few milliseconds each. */
double machine_peak_now(Pool *p, CpuLevel l, Compute type); /* 0: the level has no such products */

typedef struct ReadProbe ReadProbe;
ReadProbe *read_probe_open(Pool *p,
                           Error *e); /* 256 MiB; NULL and ERR_MEMORY if they are not there. The pool outlives it */
double read_probe_now(ReadProbe *r);  /* reads them once */
void read_probe_close(ReadProbe *r);  /* of NULL: nothing */
size_t read_probe_bytes(void);        /* what an open one takes */

#endif
