/* dispatch.c - the table of a level. */
#include <assert.h>

#include "kernels/levels.h"

const Kernels *kernels_get(CpuLevel l)
{
    static const Kernels *const table[CPU_LEVELS] = {
        [CPU_SCALAR] = &kernels_scalar,
    };
    assert(l <= cpu_best());
    return table[l];
}
