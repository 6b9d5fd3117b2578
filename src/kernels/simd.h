/* simd.h - inside the room: what the files of the instruction sets share: how they ask for inlining and unrolling,
 * and what a tile of a matrix product is (simd_tiles.inc). */
#ifndef VL2_KERNELS_SIMD_H
#define VL2_KERNELS_SIMD_H

#include <stdbool.h>
#include <stddef.h>

#define INLINE static inline __attribute__((always_inline))

/* In front of a loop whose length is a constant once inlined: the compiler must unroll it all, so that an array of
 * vectors becomes registers. */
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

/* What a tile reads and writes: its first output, row of x and row of w, and the strides in between. */
typedef struct {
    float *y;
    size_t ldy; /* in floats; the other two in bytes */
    const unsigned char *x;
    size_t ldx;
    const unsigned char *w;
    size_t ldw, ahead;         /* w + ahead will be needed soon */
    const unsigned char *soon; /* and so will be what lies here, a line a step */
    bool first;                /* of the parts of k: y is set, and added to by the others */
} Tile;

/* What the tiles to come will read: rows of x, as far apart as in the tile, and rows of w. */
typedef struct {
    const unsigned char *x, *w;
    size_t w_stride;
    int x_rows, w_rows;
} Next;

#endif
