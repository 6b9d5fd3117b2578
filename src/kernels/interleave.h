/* interleave.h - between rows of blocks and strips of 16 rows (dtype.h); exact. */
#ifndef VL2_KERNELS_INTERLEAVE_H
#define VL2_KERNELS_INTERLEAVE_H

#include "kernels/dtype.h"

/* 16 rows of n elements of the row type of t, one after the other, become a strip of as many bytes. */
void interleave_rows(DType t, void *strip, const void *rows, size_t n);

/* Row r of a strip, in the row type of t. */
void interleaved_row(DType t, void *row, const void *strip, int r, size_t n);

/* The block of row r among the 16 blocks that begin at `blocks`. */
void interleaved_block(DType t, void *block, const void *blocks, int r);

#endif
