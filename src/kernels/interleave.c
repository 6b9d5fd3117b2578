/* interleave.c - see interleave.h. */
#include "kernels/interleave.h"

#include <assert.h>

enum { SCALE = sizeof(uint16_t), GROUP = 4 };

/* Where the group of bytes g of row r is among 16 blocks. */
static size_t group_at(int r, size_t g)
{
    return STRIP_ROWS * SCALE + (g * STRIP_ROWS + (size_t)r) * GROUP;
}

void interleave_rows(DType t, void *strip, const void *rows, size_t n)
{
    const size_t row = dtype_row_bytes(t, n), block = dtype_row_bytes(t, 1);
    unsigned char *to = strip;
    assert(dtype_is_x16(t));
    for (size_t b = 0; b < row; b += block, to += STRIP_ROWS * block)
        for (int r = 0; r < STRIP_ROWS; r++) {
            const unsigned char *from = (const unsigned char *)rows + (size_t)r * row + b;
            memcpy(to + (size_t)r * SCALE, from, SCALE);
            for (size_t g = 0; g < (block - SCALE) / GROUP; g++)
                memcpy(to + group_at(r, g), from + SCALE + g * GROUP, GROUP);
        }
}

void interleaved_block(DType t, void *block, const void *blocks, int r)
{
    const unsigned char *from = blocks;
    unsigned char *to = block;
    memcpy(to, from + (size_t)r * SCALE, SCALE);
    for (size_t g = 0; g < (dtype_row_bytes(t, 1) - SCALE) / GROUP; g++)
        memcpy(to + SCALE + g * GROUP, from + group_at(r, g), GROUP);
}

void interleaved_row(DType t, void *row, const void *strip, int r, size_t n)
{
    const size_t bytes = dtype_row_bytes(t, n), block = dtype_row_bytes(t, 1);
    assert(dtype_is_x16(t) && r >= 0 && r < STRIP_ROWS);
    for (size_t b = 0; b < bytes; b += block)
        interleaved_block(t, (unsigned char *)row + b, (const unsigned char *)strip + b * STRIP_ROWS, r);
}
