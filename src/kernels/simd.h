/* simd.h - inside the room: how the files of the instruction sets ask for inlining and unrolling. */
#ifndef VL2_KERNELS_SIMD_H
#define VL2_KERNELS_SIMD_H

#define INLINE static inline __attribute__((always_inline))

/* In front of a loop whose length is a constant once inlined: the compiler must unroll it all, so that an array of
 * vectors becomes registers. */
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#endif
