/* paint.c - see paint.h. A line is first a mask of how much of each pixel it covers: one minus how far the pixel's middle
 * is outside of it. */
#include "image/paint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/decode.h"
#include "image/font.h"

void paint_rect(const Image *i, Rect r, Colour c)
{
    const int x0 = r.x0 < 0 ? 0 : r.x0, x1 = r.x1 > i->w ? i->w : r.x1;
    const int y0 = r.y0 < 0 ? 0 : r.y0, y1 = r.y1 > i->h ? i->h : r.y1;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) memcpy(image_row(i, y) + 3 * x, &(uint8_t[3]){ c.r, c.g, c.b }, 3);
}

static void paint_glyph(const Image *i, const FontGlyph *g, int left, int top, int scale, Colour c)
{
    for (int y = 0; y < FONT_HEIGHT; y++) {
        for (int x = 0; x < g->w; x++) {
            const int px = left + x * scale, py = top + y * scale;
            if (font_ink(g, x, y)) paint_rect(i, (Rect){ px, py, px + scale, py + scale }, c);
        }
    }
}

int paint_text(const Image *i, const char *s, size_t n, int x, int y, int scale, Colour c)
{
    while (n > 0) {
        const FontGlyph g = font_glyph(font_next(&s, &n));
        paint_glyph(i, &g, x + g.shift * scale, y, scale, c);
        x += g.advance * scale;
    }
    return x;
}

static double distance(Spot p, Spot a, Spot b)
{
    const double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
    const double along = length2 > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2 : 0;
    const double t = fmin(fmax(along, 0), 1);
    return hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/* The pixels from `lo` to `hi`, moved into 0 to n. */
static int first_pixel(double lo, int n)
{
    return (int)fmin(fmax(floor(lo), 0), n);
}

static int end_pixel(double hi, int n)
{
    return (int)fmin(fmax(ceil(hi), 0), n);
}

static void cover(const Image *i, uint8_t *mask, Spot a, Spot b, double width)
{
    const double reach = width / 2 + 0.5;
    const int x0 = first_pixel(fmin(a.x, b.x) - reach, i->w), x1 = end_pixel(fmax(a.x, b.x) + reach, i->w);
    const int y0 = first_pixel(fmin(a.y, b.y) - reach, i->h), y1 = end_pixel(fmax(a.y, b.y) + reach, i->h);
    for (int y = y0; y < y1; y++) {
        for (int x = x0; x < x1; x++) {
            const double part = fmin(reach - distance((Spot){ x + 0.5, y + 0.5 }, a, b), 1);
            const uint8_t covered = (uint8_t)(255 * fmax(part, 0));
            uint8_t *const m = &mask[(size_t)y * (size_t)i->w + (size_t)x];
            if (covered > *m) *m = covered;
        }
    }
}

static uint8_t blend(uint8_t under, uint8_t over, uint8_t part)
{
    return (uint8_t)((under * (255 - part) + over * part + 127) / 255);
}

void paint_line(const Image *i, const Spot *spots, int n, double width, Colour c)
{
    uint8_t *mask = xcalloc((size_t)i->w, (size_t)i->h);
    for (int k = 0; k + 1 < n; k++) cover(i, mask, spots[k], spots[k + 1], width);
    if (n == 1) cover(i, mask, spots[0], spots[0], width);
    for (int y = 0; y < i->h; y++) {
        for (int x = 0; x < i->w; x++) {
            const uint8_t part = mask[(size_t)y * (size_t)i->w + (size_t)x];
            uint8_t *const p = image_row(i, y) + 3 * x;
            if (part)
                memcpy(p, &(uint8_t[3]){ blend(p[0], c.r, part), blend(p[1], c.g, part), blend(p[2], c.b, part) }, 3);
        }
    }
    free(mask);
}
