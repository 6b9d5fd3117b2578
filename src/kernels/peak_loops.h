/* peak_loops.h - inside the room: the loops of avx_peak.c and neon_peak.c. Each adds products `rounds` times to all its
 * accumulators. */
#ifndef VL2_KERNELS_PEAK_LOOPS_H
#define VL2_KERNELS_PEAK_LOOPS_H

void avx_peak_f32_256(long rounds);
void avx_peak_f32_512(long rounds);
void avx_peak_bf16_512(long rounds);
void avx_peak_int8_256(long rounds); /* by three instructions: pairs, fours, sum */
void avx_peak_int8_512(long rounds);
void avx_peak_vnni_512(long rounds); /* by vpdpbusd */

void neon_peak_f32(long rounds);
void neon_peak_int8(long rounds); /* by three instructions: eight products, eight more, pairs of them into the sum */
void neon_peak_sdot(long rounds);

#endif
