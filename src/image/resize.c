/* resize.c - Pillow's bicubic (a = -0.5) and bilinear resampling of 8 bit channels, bit for bit.
 *
 *   f(x) = ((1.5|x| - 2.5)|x|)|x| + 1            for |x| < 1
 *          (((|x| - 5)|x| + 8)|x| - 4) * -0.5    for |x| < 2,      or 1 - |x| for |x| < 1
 *
 * When shrinking, f is stretched by the scale, so that every source pixel counts. For each axis, each output pixel has
 * a range of source pixels and weights that sum to 1, computed in double, kept in fixed point with 22 bits. The
 * horizontal pass comes first and rounds to 8 bits; an axis that keeps its size is not touched. */
#include "image/resize.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "image/decode.h"

enum { FIXED_BITS = 22 };

typedef struct {
    int first, n; /* source pixels */
} Span;

typedef struct {
    int taps;        /* weights stored for each output pixel; span.n of them count */
    Span *span;      /* [out] */
    int32_t *weight; /* [out][taps], fixed point */
} Axis;

static double bicubic(double x)
{
    x = fabs(x);
    if (x < 1) return ((1.5 * x - 2.5) * x) * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * -0.5;
    return 0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

typedef struct {
    double (*weight)(double x);
    double reach; /* it is 0 from there on */
} Filter;
static const Filter BICUBIC = { bicubic, 2 }, BILINEAR = { bilinear, 1 };

static int32_t to_fixed(double w)
{
    return (int32_t)(w * (1 << FIXED_BITS) + (w < 0 ? -0.5 : 0.5));
}

static Span axis_pixel(const Filter *f, double centre, double stretch, int in, double *w)
{
    const double reach = f->reach * stretch;
    const int lo = (int)(centre - reach + 0.5), hi = (int)(centre + reach + 0.5);
    const int first = lo > 0 ? lo : 0, n = (hi < in ? hi : in) - first;
    double sum = 0;
    for (int j = 0; j < n; j++) {
        w[j] = f->weight((j + first - centre + 0.5) * (1 / stretch));
        sum += w[j];
    }
    for (int j = 0; j < n && sum != 0; j++) w[j] /= sum;
    return (Span){ first, n };
}

static void axis_free(Axis *a)
{
    free(a->span);
    free(a->weight);
}

static bool axis_make(Axis *a, const Filter *f, int in, int out, Error *e)
{
    const double scale = (double)in / out, stretch = scale > 1 ? scale : 1;
    size_t bytes = 0;
    a->taps = (int)ceil(f->reach * stretch) * 2 + 1;
    if (mul_fits((size_t)out, (size_t)a->taps, &bytes) && mul_fits(bytes, sizeof *a->weight, &bytes))
        a->weight = malloc(bytes);
    if (!a->weight) return fail(e, ERR_MEMORY, "no memory to resize from %d to %d pixels", in, out);
    a->span = xcalloc((size_t)out, sizeof *a->span);
    double *w = xcalloc((size_t)a->taps, sizeof *w);
    for (int i = 0; i < out; i++) {
        a->span[i] = axis_pixel(f, (i + 0.5) * scale, stretch, in, w);
        int32_t *fixed = a->weight + (size_t)i * (size_t)a->taps;
        for (int j = 0; j < a->span[i].n; j++) fixed[j] = to_fixed(w[j]);
    }
    free(w);
    return true;
}

/* The weights' absolute sum stays below 1.5, so that 255 of it in 22 bits fit into 31. */
static uint8_t from_fixed(int32_t sum)
{
    const int v = sum >> FIXED_BITS;
    return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

static void resize_row(const Axis *a, const uint8_t *in, uint8_t *out, int w)
{
    for (int x = 0; x < w; x++) {
        const Span s = a->span[x];
        const int32_t *weight = a->weight + (size_t)x * (size_t)a->taps;
        const uint8_t *p = in + (size_t)s.first * 3;
        int32_t r = 1 << (FIXED_BITS - 1), g = r, b = r;
        for (int j = 0; j < s.n; j++) {
            r += weight[j] * p[3 * j];
            g += weight[j] * p[3 * j + 1];
            b += weight[j] * p[3 * j + 2];
        }
        out[3 * x] = from_fixed(r);
        out[3 * x + 1] = from_fixed(g);
        out[3 * x + 2] = from_fixed(b);
    }
}

static bool resize_across(const Image *in, const Filter *f, int w, Image *out, Error *e)
{
    Axis a = { 0 };
    if (!axis_make(&a, f, in->w, w, e) || !image_new(out, w, in->h, e)) {
        axis_free(&a);
        return false;
    }
    for (int y = 0; y < in->h; y++) resize_row(&a, image_row(in, y), image_row(out, y), w);
    axis_free(&a);
    return true;
}

static bool resize_down(const Image *in, const Filter *f, int h, Image *out, Error *e)
{
    Axis a = { 0 };
    if (!axis_make(&a, f, in->h, h, e) || !image_new(out, in->w, h, e)) {
        axis_free(&a);
        return false;
    }
    const size_t n = (size_t)in->w * 3;
    int32_t *sum = xcalloc(n, sizeof *sum);
    for (int y = 0; y < h; y++) {
        const int32_t *weight = a.weight + (size_t)y * (size_t)a.taps;
        for (size_t x = 0; x < n; x++) sum[x] = 1 << (FIXED_BITS - 1);
        for (int j = 0; j < a.span[y].n; j++) {
            const uint8_t *row = image_row(in, a.span[y].first + j);
            for (size_t x = 0; x < n; x++) sum[x] += weight[j] * row[x];
        }
        for (size_t x = 0; x < n; x++) image_row(out, y)[x] = from_fixed(sum[x]);
    }
    free(sum);
    axis_free(&a);
    return true;
}

static bool resize(const Image *in, const Filter *f, int w, int h, Image *out, Error *e)
{
    assert(in->w > 0 && in->h > 0 && w > 0 && h > 0);
    *out = (Image){ 0 };
    if (w == in->w && h == in->h) return image_copy(in, out, e);
    if (w == in->w) return resize_down(in, f, h, out, e);
    if (h == in->h) return resize_across(in, f, w, out, e);
    Image wide;
    if (!resize_across(in, f, w, &wide, e)) return false;
    const bool ok = resize_down(&wide, f, h, out, e);
    image_free(&wide);
    return ok;
}

bool image_resize(const Image *in, int w, int h, Image *out, Error *e)
{
    return resize(in, &BICUBIC, w, h, out, e);
}

bool image_resize_bilinear(const Image *in, int w, int h, Image *out, Error *e)
{
    return resize(in, &BILINEAR, w, h, out, e);
}

/* The size that fits into w x h with the ratio of *in; rounds half to even, like Python. */
static Size fitting_size(const Image *in, int w, int h)
{
    const double ratio = (double)in->w / in->h, wanted = (double)w / h;
    Size s = { w, h };
    if (ratio > wanted) s.h = (int)nearbyint((double)in->h / in->w * w);
    if (ratio < wanted) s.w = (int)nearbyint((double)in->w / in->h * h);
    return (Size){ s.w > 0 ? s.w : 1, s.h > 0 ? s.h : 1 };
}

static void fill(Image *out, Colour c)
{
    const size_t n = (size_t)out->w * (size_t)out->h;
    for (size_t i = 0; i < n; i++) memcpy(out->rgb + 3 * i, (uint8_t[]){ c.r, c.g, c.b }, 3);
}

bool image_pad(const Image *in, int w, int h, Colour around, Image *out, Error *e)
{
    Image fitted;
    const Size s = fitting_size(in, w, h);
    if (!image_resize(in, s.w, s.h, &fitted, e)) return false;
    if (s.w == w && s.h == h) {
        *out = fitted;
        return true;
    }
    const bool ok = image_new(out, w, h, e);
    if (ok) {
        const int left = (int)nearbyint((w - s.w) * 0.5), top = (int)nearbyint((h - s.h) * 0.5);
        fill(out, around);
        for (int y = 0; y < s.h; y++)
            memcpy(image_row(out, top + y) + 3 * left, image_row(&fitted, y), (size_t)s.w * 3);
    }
    image_free(&fitted);
    return ok;
}
