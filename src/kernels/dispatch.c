/* dispatch.c - the levels of this build: their tables and names. */
#include <assert.h>
#include <string.h>

#include "base/str.h"
#include "kernels/levels.h"

static const Kernels *const LEVEL[CPU_LEVELS] = {
    [CPU_SCALAR] = &kernels_scalar,
#if defined(__x86_64__)
    [CPU_AVX2] = &kernels_avx2,
    [CPU_AVX512] = &kernels_avx512,
    [CPU_AVX512VNNI] = &kernels_avx512vnni,
    [CPU_AVX512BF16] = &kernels_avx512bf16,
#elif defined(__aarch64__)
    [CPU_NEON] = &kernels_neon,
    [CPU_NEON_DOTPROD] = &kernels_neon_dotprod,
#endif
};

const Kernels *kernels_get(CpuLevel l)
{
    assert(l <= cpu_best());
    return LEVEL[l];
}

const char *cpu_level_name(CpuLevel l)
{
    return LEVEL[l]->name;
}

bool cpu_level_find(const char *name, CpuLevel *out, Error *e)
{
    for (int l = 0; l < CPU_LEVELS; l++) {
        if (strcmp(name, cpu_level_name((CpuLevel)l)) != 0) continue;
        if ((CpuLevel)l > cpu_best())
            return fail(e, ERR_USAGE, "--cpu %s: this processor has only %s", name, cpu_level_name(cpu_best()));
        *out = (CpuLevel)l;
        return true;
    }
    Str names = { 0 };
    for (int l = 0; l < CPU_LEVELS; l++) str_printf(&names, "%s%s", l > 0 ? ", " : "", cpu_level_name((CpuLevel)l));
    fail(e, ERR_USAGE, "--cpu %s: not one of %s", name, names.text);
    str_free(&names);
    return false;
}

const char *compute_name(Compute c)
{
    static const char *const NAME[COMPUTE_TYPES] = {
        [COMPUTE_F32] = "f32", [COMPUTE_BF16] = "bf16", [COMPUTE_INT8] = "int8"
    };
    return NAME[c];
}
