/* cpu.c - what this processor and its operating system can run. x86-64: feature bits by CPUID, and by XGETBV whether the
 * wide registers are saved when threads are switched. aarch64: NEON is part of every processor, the kernel says what there
 * is beside it. */
#include "kernels/kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    uint32_t eax, ebx, ecx, edx;
} Cpuid;

static Cpuid cpuid(uint32_t leaf, uint32_t sub)
{
    Cpuid r = { 0 };
    if (!__get_cpuid_count(leaf, sub, &r.eax, &r.ebx, &r.ecx, &r.edx)) memset(&r, 0, sizeof r);
    return r;
}

/* The register sets that the operating system saves: extended control register 0. */
static uint32_t saved_state(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool has(uint32_t word, uint32_t bits)
{
    return (word & bits) == bits;
}

CpuLevel cpu_best(void)
{
    enum { SAVED_YMM = 0x6, SAVED_ZMM = 0xe6 };
    const Cpuid basic = cpuid(1, 0), wide = cpuid(7, 0), wider = cpuid(7, 1);
    if (!has(basic.ecx, bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C) || !has(wide.ebx, bit_AVX2)) return CPU_SCALAR;
    const uint32_t saved = saved_state();
    if (!has(saved, SAVED_YMM)) return CPU_SCALAR;
    if (!has(saved, SAVED_ZMM) || !has(wide.ebx, bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ))
        return CPU_AVX2;
    if (!has(wide.ecx, bit_AVX512VNNI)) return CPU_AVX512;
    return has(wider.eax, bit_AVX512BF16) ? CPU_AVX512BF16 : CPU_AVX512VNNI;
}

bool cpu_multiplies_bf16(CpuLevel l)
{
    return l >= CPU_AVX512BF16;
}

#else
#if defined(__aarch64__)
#include <sys/auxv.h>

CpuLevel cpu_best(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? CPU_NEON_DOTPROD : CPU_NEON;
}
#else
CpuLevel cpu_best(void)
{
    return CPU_SCALAR;
}
#endif

bool cpu_multiplies_bf16(CpuLevel l)
{
    return (void)l, false;
}
#endif
