/* quantize.h - numbers become blocks: rows of f32 to the quantised types of dtype.h. */
#ifndef VL2_FORMAT_QUANTIZE_H
#define VL2_FORMAT_QUANTIZE_H

#include "kernels/dtype.h"

/* Quantises one row of n elements (any n; the last block is filled up with zeros) to out, dtype_row_bytes(t, n) bytes.
 * Of all blocks that it tries it writes the one with the least sum of importance[i] * (x[i] - decoded[i])^2; the plain
 * one, whose scale puts the largest |x| at the end of the codes, is among them.
 *
 * importance: [n], finite and not negative, or NULL for equal weights; a block in which all are 0 counts as NULL. Values
 * that no f16 scale can reach (over 65504 * 127) are cut off there. A block with NaN or infinity decodes to NaN throughout:
 * row_non_finite() finds it first. Deterministic: the same bytes on every processor. */
void quantise_row(DType t, void *out, const float *x, const float *importance, int n);

/* The column of the first NaN or infinity; -1: all are finite. */
int row_non_finite(const float *x, int n);

#endif
