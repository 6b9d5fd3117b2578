/* avx_peak.c - see peak.h. In assembly, so that no compiler can move an accumulator out of its register: 12 of 16
 * ymm, 24 of 32 zmm, more than latency times units on any core. All values are zero, which changes no timing. */
#include "kernels/peak_loops.h"

#if defined(__x86_64__)

#define ROUND_512(op)                                                                                                  \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15) op(16)       \
        op(17) op(18) op(19) op(20) op(21) op(22) op(23)
#define ROUND_256(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11)

#define CLEAR_256(r) "vxorps %%ymm" #r ", %%ymm" #r ", %%ymm" #r "\n\t"
#define CLEAR_512(r) "vpxord %%zmm" #r ", %%zmm" #r ", %%zmm" #r "\n\t"
#define F32_256(r)   "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #r "\n\t"
#define F32_512(r)   "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #r "\n\t"
#define BF16_512(r)  "vdpbf16ps %%zmm30, %%zmm31, %%zmm" #r "\n\t"
#define VNNI_512(r)  "vpdpbusd %%zmm30, %%zmm31, %%zmm" #r "\n\t"
#define INT8_256(r)                                                                                                    \
    "vpmaddubsw %%ymm14, %%ymm15, %%ymm12\n\t"                                                                         \
    "vpmaddwd %%ymm12, %%ymm13, %%ymm12\n\t"                                                                           \
    "vpaddd %%ymm12, %%ymm" #r ", %%ymm" #r "\n\t"
#define INT8_512(r)                                                                                                    \
    "vpmaddubsw %%zmm30, %%zmm31, %%zmm28\n\t"                                                                         \
    "vpmaddwd %%zmm28, %%zmm29, %%zmm28\n\t"                                                                           \
    "vpaddd %%zmm28, %%zmm" #r ", %%zmm" #r "\n\t"

#define LOOP(body) "1:\n\t" body "dec %0\n\tjnz 1b\n\tvzeroupper"
#define LOW_REGISTERS                                                                                                  \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
        "xmm13", "xmm14", "xmm15"

void avx_peak_f32_256(long rounds)
{
    __asm__ volatile(ROUND_256(CLEAR_256) CLEAR_256(14) CLEAR_256(15) LOOP(ROUND_256(F32_256))
                     : "+r"(rounds)
                     :
                     : "cc", LOW_REGISTERS);
}

/* Registers above 15 belong to nobody in code for the baseline. */
void avx_peak_f32_512(long rounds)
{
    __asm__ volatile(ROUND_512(CLEAR_512) CLEAR_512(30) CLEAR_512(31) LOOP(ROUND_512(F32_512))
                     : "+r"(rounds)
                     :
                     : "cc", LOW_REGISTERS);
}

void avx_peak_bf16_512(long rounds)
{
    __asm__ volatile(ROUND_512(CLEAR_512) CLEAR_512(30) CLEAR_512(31) LOOP(ROUND_512(BF16_512))
                     : "+r"(rounds)
                     :
                     : "cc", LOW_REGISTERS);
}

void avx_peak_int8_256(long rounds)
{
    __asm__ volatile(ROUND_256(CLEAR_256) CLEAR_256(13) CLEAR_256(14) CLEAR_256(15) LOOP(ROUND_256(INT8_256))
                     : "+r"(rounds)
                     :
                     : "cc", LOW_REGISTERS);
}

void avx_peak_int8_512(long rounds)
{
    __asm__ volatile(ROUND_512(CLEAR_512) CLEAR_512(29) CLEAR_512(30) CLEAR_512(31) LOOP(ROUND_512(INT8_512))
                     : "+r"(rounds)
                     :
                     : "cc", LOW_REGISTERS);
}

void avx_peak_vnni_512(long rounds)
{
    __asm__ volatile(ROUND_512(CLEAR_512) CLEAR_512(30) CLEAR_512(31) LOOP(ROUND_512(VNNI_512))
                     : "+r"(rounds)
                     :
                     : "cc", LOW_REGISTERS);
}
#endif
