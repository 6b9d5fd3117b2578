/* dispatch.c - the table of a level. */
#include <assert.h>

#include "kernels/levels.h"

const Kernels *kernels_get(CpuLevel l)
{
    static const Kernels *const table[CPU_LEVELS] = {
        [CPU_SCALAR] = &kernels_scalar,
#if defined(__x86_64__)
        [CPU_AVX2] = &kernels_avx2,
        [CPU_AVX512] = &kernels_avx512,
        [CPU_AVX512VNNI] = &kernels_avx512vnni,
        [CPU_AVX512BF16] = &kernels_avx512bf16,
#endif
    };
    assert(l <= cpu_best());
    return table[l];
}

const char *compute_name(Compute c)
{
    static const char *const NAME[COMPUTE_TYPES] = {
        [COMPUTE_F32] = "f32", [COMPUTE_BF16] = "bf16", [COMPUTE_INT8] = "int8"
    };
    return NAME[c];
}
