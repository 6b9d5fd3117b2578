/* avx_peak.h - inside the room: loops that do nothing but add up products in registers. */
#ifndef VL2_KERNELS_AVX_PEAK_H
#define VL2_KERNELS_AVX_PEAK_H

/* Each adds products `rounds` times to all its accumulators. The processor must have the instruction. */
void avx_peak_f32_256(long rounds);
void avx_peak_f32_512(long rounds);
void avx_peak_bf16_512(long rounds);
void avx_peak_int8_256(long rounds); /* by three instructions: pairs, fours, sum */
void avx_peak_int8_512(long rounds);
void avx_peak_vnni_512(long rounds); /* by vpdpbusd */

/* Operations in a round: accumulators x lanes x products x (multiply and add). */
enum {
    PEAK_F32_256_OPERATIONS = 12 * 8 * 2,
    PEAK_F32_512_OPERATIONS = 24 * 16 * 2,
    PEAK_BF16_512_OPERATIONS = 24 * 16 * 2 * 2,
    PEAK_INT8_256_OPERATIONS = 12 * 8 * 4 * 2,
    PEAK_INT8_512_OPERATIONS = 24 * 16 * 4 * 2,
};

#endif
