/* patch.c - between pixels, patches and projected tokens: pure movement of elements. */
#include <string.h>

#include "nn/ops.h"
#include "nn/tape.h"

typedef struct {
    const uint8_t *tiles;
    int side, patch, grid;
    const PixelTable *table;
    Tensor *y;
} PatchJob;

static void patch_rows(void *context, int begin, int end, int thread)
{
    const PatchJob *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) {
        const int per_tile = j->grid * j->grid, tile = i / per_tile, at = i % per_tile;
        const int y0 = at / j->grid * j->patch, x0 = at % j->grid * j->patch;
        const uint8_t *pixels = j->tiles + (size_t)tile * (size_t)j->side * (size_t)j->side * 3;
        float *out = tensor_row(j->y, i);
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < j->patch; y++) {
                const uint8_t *from = pixels + ((size_t)(y0 + y) * (size_t)j->side + (size_t)x0) * 3 + c;
                for (int x = 0; x < j->patch; x++) *out++ = j->table->of[c][from[3 * x]];
            }
    }
}

Tensor *patchify(Run *r, const uint8_t *tiles, int n, int side, int patch, const PixelTable *table)
{
    const int grid = side / patch;
    PatchJob j = { tiles, side, patch, grid, table, tensor_new(r, n * grid * grid, 3 * patch * patch) };
    pool_ranges(r->pool, j.y->rows, 32, patch_rows, &j);
    return j.y;
}

typedef struct {
    const Tensor *x;
    int grid, ratio, down;
    Tensor *y;
} UnfoldJob;

static void unfold_rows(void *context, int begin, int end, int thread)
{
    const UnfoldJob *j = context;
    const int area = j->ratio * j->ratio;
    (void)thread;
    for (int i = begin; i < end; i++) {
        const int per_tile = j->down * j->down, tile = i / per_tile, at = i % per_tile;
        float *out = tensor_row(j->y, i);
        memset(out, 0, (size_t)j->y->cols * sizeof(float));
        for (int k = 0; k < area; k++) {
            const int y = at / j->down * j->ratio + k / j->ratio, x = at % j->down * j->ratio + k % j->ratio;
            if (y >= j->grid || x >= j->grid) continue; /* 27 is odd: padded right and bottom with zeros */
            const float *from = tensor_row(j->x, (tile * j->grid + y) * j->grid + x);
            for (int c = 0; c < j->x->cols; c++) out[(size_t)c * (size_t)area + (size_t)k] = from[c];
        }
    }
}

/* Every element of x went to one place: the places are read in the order of x. */
static void unfold_backward_rows(void *context, int begin, int end, int thread)
{
    const UnfoldJob *j = context;
    const int area = j->ratio * j->ratio, per_tile = j->grid * j->grid;
    (void)thread;
    for (int i = begin; i < end; i++) {
        const int tile = i / per_tile, y = i % per_tile / j->grid, x = i % j->grid;
        const int k = y % j->ratio * j->ratio + x % j->ratio;
        const float *from = tensor_grad_row(j->y, (tile * j->down + y / j->ratio) * j->down + x / j->ratio) + k;
        float *to = tensor_grad_row(j->x, i);
        for (int c = 0; c < j->x->cols; c++) to[c] += from[(size_t)c * (size_t)area];
    }
}

static void unfold_backward(Run *r, const void *job)
{
    UnfoldJob j = *(const UnfoldJob *)job;
    pool_ranges(r->pool, j.x->rows, 8, unfold_backward_rows, &j);
}

Tensor *unfold(Run *r, const Tensor *x, int n, int grid, int ratio)
{
    const int down = (grid + ratio - 1) / ratio;
    UnfoldJob j = { x, grid, ratio, down, tensor_new(r, n * down * down, x->cols * ratio * ratio) };
    pool_ranges(r->pool, j.y->rows, 8, unfold_rows, &j);
    if (!r->tape || !x->grad) return j.y;
    tensor_ask_grad(r, j.y);
    tape_push(r, unfold_backward, &j, sizeof j);
    return j.y;
}
