/* peak.c - see peak.h: which loop belongs to which level. */
#include "kernels/peak.h"

#include <stddef.h>

#include "kernels/peak_loops.h"

/* A round of f32: accumulators x lanes x (multiply and add). A lane takes two products of bf16 and four of int8. */
enum { IN_128 = 24 * 4 * 2, IN_256 = 12 * 8 * 2, IN_512 = 24 * 16 * 2 };

static const Peak PEAK[CPU_LEVELS][COMPUTE_TYPES] = {
    [CPU_SCALAR] = { { NULL, 0 } },
#if defined(__x86_64__)
    [CPU_AVX2] = { [COMPUTE_F32] = { avx_peak_f32_256, IN_256 }, [COMPUTE_INT8] = { avx_peak_int8_256, IN_256 * 4 } },
    [CPU_AVX512] = { [COMPUTE_F32] = { avx_peak_f32_512, IN_512 }, [COMPUTE_INT8] = { avx_peak_int8_512, IN_512 * 4 } },
    [CPU_AVX512VNNI] = { [COMPUTE_F32] = { avx_peak_f32_512, IN_512 },
                         [COMPUTE_INT8] = { avx_peak_vnni_512, IN_512 * 4 } },
    [CPU_AVX512BF16] = { [COMPUTE_F32] = { avx_peak_f32_512, IN_512 },
                         [COMPUTE_BF16] = { avx_peak_bf16_512, IN_512 * 2 },
                         [COMPUTE_INT8] = { avx_peak_vnni_512, IN_512 * 4 } },
#elif defined(__aarch64__)
    [CPU_NEON] = { [COMPUTE_F32] = { neon_peak_f32, IN_128 }, [COMPUTE_INT8] = { neon_peak_int8, IN_128 * 4 } },
    [CPU_NEON_DOTPROD] = { [COMPUTE_F32] = { neon_peak_f32, IN_128 }, [COMPUTE_INT8] = { neon_peak_sdot, IN_128 * 4 } },
#endif
};

Peak peak_of(CpuLevel l, Compute c)
{
    return PEAK[l][c];
}
