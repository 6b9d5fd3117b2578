/* emulated_bf16.c - src/kernels/avx512bf16.c over an emulation of vdpbf16ps in AVX-512 F, so that its tiles are tested on
 * processors without the instruction: two fused products a lane, the odd element's first. Unlike the instruction, it
 * keeps subnormal numbers. Compiled with the flags of avx512.c; only run where the processor has that level. */
#include "emulated_bf16.h"

#if defined(__x86_64__)
#include "kernels/vector512.h"

INLINE V odd_of(__m512i v)
{
    return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32((int)0xffff0000u)));
}
INLINE V even_of(__m512i v)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
}

INLINE V emulated_dot(V sum, __m512i a, __m512i b)
{
    return v_fma(even_of(a), even_of(b), v_fma(odd_of(a), odd_of(b), sum));
}

#define DOT_BF16                  emulated_dot
#define avx512bf16_prepared_bytes emulated_prepared_bytes
#define avx512bf16_prepare        emulated_prepare
#define avx512bf16_matmul         emulated_matmul
#include "kernels/avx512bf16.c"
#endif
