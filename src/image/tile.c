/* tile.c - the best resolution for a picture, and its cut into tiles. See tile.h. */
#include "image/tile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "image/decode.h"
#include "image/resize.h"

Size best_resolution(const Size *candidates, int n, int w, int h)
{
    assert(n >= 1);
    Size best = candidates[0];
    int64_t best_area = 0, best_waste = INT64_MAX;
    for (int i = 0; i < n; i++) {
        const Size c = candidates[i];
        const double across = (double)c.w / w, down = (double)c.h / h, scale = across < down ? across : down;
        const int64_t fitted = (int64_t)(w * scale) * (int64_t)(h * scale), own = (int64_t)w * h;
        const int64_t area = fitted < own ? fitted : own, waste = (int64_t)c.w * c.h - area;
        if (area > best_area || (area == best_area && waste < best_waste)) {
            best = c;
            best_area = area;
            best_waste = waste;
        }
    }
    return best;
}

/* Copies the square of t->side whose corner is (x, y). */
static void copy_tile(const Tiles *t, int index, const Image *from, int x, int y)
{
    const size_t row = (size_t)t->side * 3;
    uint8_t *to = t->rgb + (size_t)index * row * (size_t)t->side;
    for (int i = 0; i < t->side; i++) memcpy(to + (size_t)i * row, image_row(from, y + i) + 3 * x, row);
}

static bool cut_local(const Tiles *t, const Image *in, Size best, Colour around, Error *e)
{
    Image local;
    if (!image_pad(in, best.w, best.h, around, &local, e)) return false;
    for (int y = 0; y < t->down; y++)
        for (int x = 0; x < t->across; x++) copy_tile(t, 1 + y * t->across + x, &local, x * t->side, y * t->side);
    image_free(&local);
    return true;
}

static bool cut_global(const Tiles *t, const Image *in, Colour around, Error *e)
{
    Image global;
    if (!image_pad(in, t->side, t->side, around, &global, e)) return false;
    copy_tile(t, 0, &global, 0, 0);
    image_free(&global);
    return true;
}

Tiles tiles_plan(Size picture, const Size *candidates, int n, int side, bool crop)
{
    const Size best = crop ? best_resolution(candidates, n, picture.w, picture.h) : (Size){ side, side };
    assert(side > 0 && best.w % side == 0 && best.h % side == 0);
    const int across = best.w / side, down = best.h / side;
    return (Tiles){ .across = across, .down = down, .side = side, .n = 1 + across * down };
}

bool tiles_cut(Tiles *out, const Image *in, const Size *candidates, int n, int side, bool crop, Colour around, Error *e)
{
    size_t bytes;
    *out = tiles_plan((Size){ in->w, in->h }, candidates, n, side, crop);
    const Size best = { out->across * side, out->down * side };
    if (!mul_fits((size_t)side * (size_t)side * 3, (size_t)out->n, &bytes) || !(out->rgb = malloc(bytes)))
        return fail(e, ERR_MEMORY, "no memory for %d tiles of %d x %d pixels", out->n, side, side);
    if (cut_global(out, in, around, e) && cut_local(out, in, best, around, e)) return true;
    tiles_free(out);
    return false;
}

void tiles_free(Tiles *t)
{
    free(t->rgb);
    *t = (Tiles){ 0 };
}

void byte_to_float(float mean, float std, float table[256])
{
    for (int i = 0; i < 256; i++) {
        const float unit = (float)i / 255.0f, centred = unit - mean;
        table[i] = centred / std;
    }
}
