/* scene_draw.h - what make_scenes draws with: shapes, sprites, text, backgrounds. Whole numbers and + - * / on doubles alone, so
 * that every machine draws the same bytes. A thing that was drawn is where at least half of a pixel is its own: its box is
 * tight by construction. */
#ifndef VL2_TOOLS_SCENE_DRAW_H
#define VL2_TOOLS_SCENE_DRAW_H

#include <string.h>

#include "base/rng.h"
#include "emoji_font.h"
#include "image/font.h"
#include "image/image.h"

typedef struct {
    int x0, y0, x1, y1; /* pixels; x1 and y1 are behind the last */
} Rect;

static const Rect NOTHING = { 1 << 20, 1 << 20, -1, -1 };

static inline bool is_within(const Image *i, int x, int y)
{
    return x >= 0 && y >= 0 && x < i->w && y < i->h;
}

static inline void rect_add(Rect *r, int x, int y)
{
    if (x < r->x0) r->x0 = x;
    if (y < r->y0) r->y0 = y;
    if (x >= r->x1) r->x1 = x + 1;
    if (y >= r->y1) r->y1 = y + 1;
}

static inline int draw_number(Rng *r, int lo, int hi) /* in [lo, hi] */
{
    return lo + (int)(rng_next(r) % (uint64_t)(hi - lo + 1));
}

static inline uint8_t clip_byte(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* c over the pixel, with `part` of `whole`. */
static inline void blend(Image *i, int x, int y, const int c[3], int part, int whole)
{
    if (!is_within(i, x, y)) return;
    uint8_t *p = i->rgb + ((size_t)y * (size_t)i->w + (size_t)x) * 3;
    for (int k = 0; k < 3; k++) p[k] = (uint8_t)((p[k] * (whole - part) + c[k] * part + whole / 2) / whole);
}

/* ---- shapes ---- */

typedef enum {
    SHAPE_CIRCLE,
    SHAPE_SQUARE,
    SHAPE_TRIANGLE,
    SHAPE_DIAMOND,
    SHAPE_STAR,
    SHAPE_CROSS,
    SHAPE_RING,
    SHAPE_HEART,
    SHAPE_ARROW,
    SHAPE_MOON,
    SHAPE_KINDS
} Shape;

static const char *const SHAPE_NAMES[SHAPE_KINDS] = { "circle", "square", "triangle", "diamond", "star",
                                                      "cross",  "ring",   "heart",    "arrow",   "moon" };

typedef struct {
    int n;
    double x[10], y[10];
} Polygon;

/* In [-1, 1], y downwards. The star: radii 1 and 0.42. */
static const Polygon TRIANGLE = { 3, { 0, 1, -1 }, { -0.95, 0.85, 0.85 } };
static const Polygon STAR = { 10,
                              { 0, 0.247, 0.951, 0.399, 0.588, 0, -0.588, -0.399, -0.951, -0.247 },
                              { -1, -0.340, -0.309, 0.130, 0.809, 0.42, 0.809, 0.130, -0.309, -0.340 } };
static const Polygon ARROW = { 7, { -1, 0.1, 0.1, 1, 0.1, 0.1, -1 }, { -0.3, -0.3, -0.75, 0, 0.75, 0.3, 0.3 } };

static inline bool in_polygon(const Polygon *p, double x, double y)
{
    bool in = false;
    for (int i = 0, k = p->n - 1; i < p->n; k = i++)
        if ((p->y[i] > y) != (p->y[k] > y) && x < (p->x[k] - p->x[i]) * (y - p->y[i]) / (p->y[k] - p->y[i]) + p->x[i])
            in = !in;
    return in;
}

static inline bool in_heart(double x, double y)
{
    const double u = 1.15 * x, v = 0.15 - 1.15 * y, q = u * u + v * v - 1;
    return q * q * q - u * u * v * v * v <= 0;
}

static inline double magnitude(double v)
{
    return v < 0 ? -v : v;
}

static inline bool in_shape(Shape s, double x, double y)
{
    const double square = x * x + y * y, ax = magnitude(x), ay = magnitude(y);
    switch (s) {
    case SHAPE_CIRCLE: return square <= 1;
    case SHAPE_SQUARE: return ax <= 0.88 && ay <= 0.88;
    case SHAPE_TRIANGLE: return in_polygon(&TRIANGLE, x, y);
    case SHAPE_DIAMOND: return ax / 0.8 + ay <= 1;
    case SHAPE_STAR: return in_polygon(&STAR, x, y);
    case SHAPE_CROSS: return (ax <= 0.3 && ay <= 1) || (ay <= 0.3 && ax <= 1);
    case SHAPE_RING: return square <= 1 && square >= 0.3;
    case SHAPE_HEART: return in_heart(x, y);
    case SHAPE_ARROW: return in_polygon(&ARROW, x, y);
    case SHAPE_MOON: return square <= 1 && (x - 0.45) * (x - 0.45) + y * y >= 0.64;
    case SHAPE_KINDS: break;
    }
    return false;
}

/* A shape in the square of `side` pixels at (left, top), with 4 x 4 samples in a pixel. */
static inline Rect draw_shape(Image *i, Shape s, int left, int top, int side, const int c[3])
{
    Rect box = NOTHING;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int part = 0;
            for (int k = 0; k < 16; k++)
                part += in_shape(s, (2 * (x + (k % 4) * 0.25 + 0.125) - side) / side,
                                 (2 * (y + (k / 4) * 0.25 + 0.125) - side) / side);
            blend(i, left + x, top + y, c, part, 16);
            if (part >= 8) rect_add(&box, left + x, top + y);
        }
    return box;
}

/* ---- sprites ---- */

/* Made smaller into a square of `side` pixels: each pixel is the mean of what it covers, weighted by alpha. */
static inline Rect draw_sprite(Image *i, const Sprite *s, int left, int top, int side)
{
    Rect box = NOTHING;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int alpha = 0, n = 0, sum[3] = { 0 };
            for (int v = y * s->h / side; v < (y + 1) * s->h / side; v++)
                for (int u = x * s->w / side; u < (x + 1) * s->w / side; u++, n++) {
                    const unsigned char *p = s->rgba + ((size_t)v * (size_t)s->w + (size_t)u) * 4;
                    for (int k = 0; k < 3; k++) sum[k] += p[k] * p[3];
                    alpha += p[3];
                }
            if (alpha == 0) continue;
            const int c[3] = { sum[0] / alpha, sum[1] / alpha, sum[2] / alpha };
            blend(i, left + x, top + y, c, alpha / n, 255);
            if (2 * alpha >= 255 * n) rect_add(&box, left + x, top + y);
        }
    return box;
}

/* ---- text ---- */

/* Glyphs of the program's own font, each pixel `scale` pixels wide and high. */
static inline Rect draw_text(Image *i, const char *text, int left, int top, int scale, const int c[3])
{
    Rect box = NOTHING;
    size_t n = strlen(text);
    for (int pen = left; n > 0;) {
        const FontGlyph g = font_glyph(font_next(&text, &n));
        for (int y = 0; y < FONT_HEIGHT * scale; y++)
            for (int x = 0; x < g.w * scale; x++) {
                if (!font_ink(&g, x / scale, y / scale) || !is_within(i, pen + x, top + y)) continue;
                blend(i, pen + x, top + y, c, 1, 1);
                rect_add(&box, pen + x, top + y);
            }
        pen += g.advance * scale;
    }
    return box;
}

static inline int text_width(const char *text, int scale)
{
    int w = 0;
    for (size_t n = strlen(text); n > 0;) w += font_glyph(font_next(&text, &n)).advance * scale;
    return w;
}

static inline void fill_rect(Image *i, Rect r, const int c[3])
{
    for (int y = r.y0; y < r.y1; y++)
        for (int x = r.x0; x < r.x1; x++) blend(i, x, y, c, 1, 1);
}

/* ---- backgrounds ---- */

/* Plain, a gradient, stripes, or noise, in colours near gray, so that none of them is an object's. */
static inline void draw_background(Image *i, Rng *r)
{
    const int kind = draw_number(r, 0, 3), level = draw_number(r, 130, 215), tilt = draw_number(r, -12, 12);
    const int base[3] = { level + tilt, level, level - tilt }, step = draw_number(r, 6, 14),
              span = draw_number(r, 8, 30);
    for (int y = 0; y < i->h; y++)
        for (int x = 0; x < i->w; x++) {
            const int change = kind == 0   ? 0
                               : kind == 1 ? span * (x + y) / (i->w + i->h) - span / 2
                               : kind == 2 ? ((x + 2 * y) / step % 2 ? 5 : -5)
                                           : draw_number(r, -9, 9);
            uint8_t *p = i->rgb + ((size_t)y * (size_t)i->w + (size_t)x) * 3;
            for (int k = 0; k < 3; k++) p[k] = clip_byte(base[k] + change);
        }
}

#endif
