/* bench_kernels.h - see bench_kernels.c. */
#ifndef VL2_TESTS_BENCH_KERNELS_H
#define VL2_TESTS_BENCH_KERNELS_H

/* Prints the speed of the matrix products of a level, named or NULL for the best, beside this machine's limits, on one
 * thread. Returns an exit code. */
int bench_kernels(const char *level);

#endif
