/* neon_peak.c - see peak.h. In assembly, so that no compiler can move an accumulator out of its register: 24 of 32, more
 * than latency times units on any core. All values are zero, which changes no timing. */
#include "kernels/peak_loops.h"

#if defined(__aarch64__)

#define ROUND(op)                                                                                                      \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15) op(16)       \
        op(17) op(18) op(19) op(20) op(21) op(22) op(23)

#define CLEAR(r) "movi v" #r ".4s, #0\n\t"
#define F32(r)   "fmla v" #r ".4s, v30.4s, v31.4s\n\t"
#define INT8(r)                                                                                                        \
    "smull v29.8h, v30.8b, v31.8b\n\t"                                                                                 \
    "smlal2 v29.8h, v30.16b, v31.16b\n\t"                                                                              \
    "sadalp v" #r ".4s, v29.8h\n\t"

/* The assembler may not know the instruction by name. */
#define SDOT(r) ".inst 0x4e9f97c0 + " #r "\n\t" /* sdot v<r>.4s, v30.16b, v31.16b */

#define LOOP(body) "1:\n\t" body "subs %0, %0, #1\n\tb.ne 1b"
#define REGISTERS                                                                                                      \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",       \
        "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v29", "v30", "v31"

void neon_peak_f32(long rounds)
{
    __asm__ volatile(ROUND(CLEAR) CLEAR(30) CLEAR(31) LOOP(ROUND(F32)) : "+r"(rounds) : : "cc", REGISTERS);
}

void neon_peak_int8(long rounds)
{
    __asm__ volatile(ROUND(CLEAR) CLEAR(30) CLEAR(31) LOOP(ROUND(INT8)) : "+r"(rounds) : : "cc", REGISTERS);
}

void neon_peak_sdot(long rounds)
{
    __asm__ volatile(ROUND(CLEAR) CLEAR(30) CLEAR(31) LOOP(ROUND(SDOT)) : "+r"(rounds) : : "cc", REGISTERS);
}
#endif
