/* quantize.c - a block of 32 numbers x with weights w becomes a scale d, stored in f16, and codes q:
 *
 *     least sum of w (x - d q)^2,  q from the codes of the type
 *
 * For given codes the best scale is sum(w x q) / sum(w q^2), and then the error is sum(w x^2) less what we call their worth,
 * sum(w x q)^2 / sum(w q^2). For a given scale the best codes are those nearest to x / d. As a function of d the error has
 * many hollows, since every element changes its code at scales of its own; following the two rules downhill ends in the
 * nearest one. So with 4 bits a grid of scales is tried, from which the largest |x| lands at 0.65 to 1.4 times either end of
 * the codes (they are not symmetric), each judged by the worth of its codes; then a finer grid around the best; from
 * there the two rules take turns, with d as f16 holds it. With 8 bits the error is so small that the rounding of d
 * matters: there the f16 numbers themselves are tried, each by its error.
 *
 * docs/speed.md compares the errors with the least possible ones and with those of others. */
#include "format/quantize.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    GRID = 8,         /* scales that are tried side by side: the inner loops run over them */
    HALVES = 512,     /* steps of 1/2 from -128 to 128: the nearest code of IQ4_NL changes at some of them */
    TURNS = 4,        /* most often three are enough */
    F16_MOST = 0x7bff /* 65504 */
};

typedef struct {
    float x[QUANT_BLOCK], w[QUANT_BLOCK];
    float peak;    /* the x with the largest |x| among those with weight; its sign counts */
    bool weighted; /* not all w are the same */
    bool finite;
} Block;

/* What a block may become. */
typedef struct {
    uint16_t d; /* f16 */
    float q[QUANT_BLOCK];
    float error;
} Choice;

/* ---- codes ---- */

static inline float clamped(float v, float low, float high)
{
    v = v < low ? low : v;
    return v > high ? high : v;
}

static inline float rounded(float v) /* to the nearest whole number, |v| < 2^22 */
{
    return (v + 0x1.8p23f) - 0x1.8p23f;
}

/* The code of type t nearest to v. `halves`: the answers for IQ4_NL. Where t is constant one branch is left. */
static inline float nearest_code(DType t, const float *halves, float v)
{
    if (t == DT_Q8_0) return rounded(clamped(v, -127, 127));
    if (t == DT_Q4_0) return rounded(clamped(v, -8, 7));
    return halves[(int)(2 * clamped(v, -128, 127.5f) + 256)];
}

static void fill_halves(float *halves)
{
    for (int i = 0, c = 0; i < HALVES; i++) {
        const float middle = (float)i / 2 - 127.75f;
        while (c < 15 && 2 * middle > (float)(iq4_nl[c] + iq4_nl[c + 1])) c++;
        halves[i] = (float)iq4_nl[c];
    }
}

static int iq4_nl_index(float q)
{
    int i = 0;
    for (int c = 0; c < 15; c++) i += q > (float)iq4_nl[c];
    return i;
}

/* ---- one scale ---- */

/* Takes the codes nearest to x / d; keeps them in *best if they beat it. Returns the best scale for these codes. */
static inline float try_scale(DType t, const float *halves, const Block *b, uint16_t d16, Choice *best)
{
    const float d = f16_to_f32(d16), inverse = d != 0 ? 1 / d : 0;
    Choice c = { .d = d16 };
    float e[QUANT_BLOCK], xq[QUANT_BLOCK], qq[QUANT_BLOCK];
    for (int i = 0; i < QUANT_BLOCK; i++) {
        const float x = b->x[i], w = b->w[i], q = nearest_code(t, halves, x * inverse), r = x - d * q;
        c.q[i] = q;
        e[i] = w * r * r;
        xq[i] = w * x * q;
        qq[i] = w * q * q;
    }
    for (int half = QUANT_BLOCK / 2; half > 0; half /= 2) { /* sums in an order that any vector width can take */
        for (int i = 0; i < half; i++) {
            e[i] += e[i + half];
            xq[i] += xq[i + half];
            qq[i] += qq[i + half];
        }
    }
    c.error = e[0];
    if (c.error < best->error) *best = c;
    return qq[0] > 0 ? xq[0] / qq[0] : 0;
}

/* The nearest f16 that is finite. */
static uint16_t scale_f16(float d)
{
    return f32_to_f16(clamped(d, -65504, 65504));
}

/* ---- 4 bits ---- */

typedef struct {
    float inverse;      /* 1 / d of the best point of any grid so far */
    float worth, scale; /* of its codes */
} Best;

/* GRID inverse scales, from `first` on in equal steps. */
static inline void try_grid(DType t, const float *halves, const Block *b, float first, float step, Best *best)
{
    float inverse[GRID], xq[GRID] = { 0 }, qq[GRID] = { 0 };
    for (int c = 0; c < GRID; c++) inverse[c] = first + step * (float)c;
    for (int i = 0; i < QUANT_BLOCK; i++) {
        const float x = b->x[i], w = b->w[i], wx = w * x;
        for (int c = 0; c < GRID; c++) {
            const float q = nearest_code(t, halves, x * inverse[c]);
            xq[c] += wx * q;
            qq[c] += w * q * q;
        }
    }
    for (int c = 0; c < GRID; c++)
        if (xq[c] * xq[c] > best->worth * qq[c]) *best = (Best){ inverse[c], xq[c] * xq[c] / qq[c], xq[c] / qq[c] };
}

static inline void search_4_bits(DType t, const float *halves, const Block *b, Choice *best)
{
    const float end[2] = { (t == DT_Q4_0 ? -8 : iq4_nl[0]) / b->peak, (t == DT_Q4_0 ? 7 : iq4_nl[15]) / b->peak };
    const float step = (1.4f - 0.65f) / (GRID - 1);
    Best found = { 0 };
    for (int s = 0; s < 2; s++) {
        try_scale(t, halves, b, scale_f16(1 / end[s]), best);
        try_grid(t, halves, b, 0.65f * end[s], step * end[s], &found);
        if (b->weighted)
            try_grid(t, halves, b, 1.5f * end[s], 0.4f * end[s], &found); /* a peak of little weight is cut */
    }
    const float fine = 2 * step / GRID * end[0]; /* one step of the grid to both sides */
    try_grid(t, halves, b, found.inverse - fine * (GRID - 1) / 2, fine, &found);
    float d = found.scale;
    for (int i = 0; i < TURNS; i++) d = try_scale(t, halves, b, scale_f16(d), best);
}

static inline void search_q4_0(const float *halves, const Block *b, Choice *best)
{
    search_4_bits(DT_Q4_0, halves, b, best);
}
static inline void search_iq4_nl(const float *halves, const Block *b, Choice *best)
{
    search_4_bits(DT_IQ4_NL, halves, b, best);
}

/* ---- 8 bits ---- */

/* Of 4 * GRID f16 numbers, from `first` on (as bits: they ascend with the numbers), the one with the least error. */
static int best_of_scales(const Block *b, int first, int step)
{
    int best = 0;
    float least = INFINITY;
    for (int k = 0; k < 4 * GRID; k += GRID) {
        float d[GRID], inverse[GRID], e[GRID] = { 0 };
        for (int c = 0; c < GRID; c++) {
            const int bits = first + step * (k + c);
            d[c] = f16_to_f32((uint16_t)(bits < 1 ? 1 : bits > F16_MOST ? F16_MOST : bits));
            inverse[c] = 1 / d[c];
        }
        for (int i = 0; i < QUANT_BLOCK; i++) {
            const float x = b->x[i], w = b->w[i];
            for (int c = 0; c < GRID; c++) {
                const float r = x - d[c] * nearest_code(DT_Q8_0, NULL, x * inverse[c]);
                e[c] += w * r * r;
            }
        }
        for (int c = 0; c < GRID; c++) {
            if (e[c] >= least) continue;
            least = e[c];
            best = f32_to_f16(d[c]);
        }
    }
    return best;
}

static void search_q8_0(const float *halves, const Block *b, Choice *best)
{
    int d = scale_f16(fabsf(b->peak) / 127);
    try_scale(DT_Q8_0, halves, b, (uint16_t)d, best);
    if (b->weighted) d = best_of_scales(b, d - 31 * 64, 64); /* down to a quarter: a peak of little weight is cut */
    d = best_of_scales(b, d - 24, 1);
    try_scale(DT_Q8_0, halves, b, (uint16_t)d, best);
}

/* ---- rows ---- */

/* Elements beyond n are zeros without weight. Weights are divided by the largest. */
static void load_block(Block *b, const float *x, const float *importance, int n)
{
    const float most_x = 65504 * 128.0f;
    float most_w = 0, peak = 0;
    *b = (Block){ .finite = true };
    for (int i = 0; importance && i < n; i++) most_w = importance[i] > most_w ? importance[i] : most_w;
    b->weighted = most_w > 0;
    for (int i = 0; i < n; i++) {
        b->finite &= fabsf(x[i]) <= FLT_MAX;
        b->x[i] = clamped(x[i], -most_x, most_x);
        b->w[i] = b->weighted ? importance[i] / most_w : 1;
        if (b->w[i] > 0 && fabsf(b->x[i]) > peak) {
            b->peak = b->x[i];
            peak = fabsf(b->peak);
        }
    }
}

static void choose(DType t, const float *halves, const Block *b, Choice *out)
{
    *out = (Choice){ .d = 0, .error = INFINITY };
    if (!b->finite) {
        out->d = f32_to_f16(NAN);
        return;
    }
    if (fabsf(b->peak) < 0x1p-25f) return; /* less than half of the smallest f16: zero is nearest */
    if (t == DT_Q8_0) search_q8_0(halves, b, out);
    if (t == DT_Q4_0) search_q4_0(halves, b, out);
    if (t == DT_IQ4_NL) search_iq4_nl(halves, b, out);
}

static int code_of(DType t, float q)
{
    return t == DT_Q8_0 ? (int)q : t == DT_Q4_0 ? (int)q + 8 : iq4_nl_index(q);
}

static void store_block(DType t, unsigned char *out, const Choice *c)
{
    const int half = QUANT_BLOCK / 2;
    memcpy(out, &c->d, sizeof c->d);
    out += sizeof c->d;
    for (int i = 0; t == DT_Q8_0 && i < QUANT_BLOCK; i++) out[i] = (unsigned char)code_of(t, c->q[i]);
    for (int i = 0; t != DT_Q8_0 && i < half; i++)
        out[i] = (unsigned char)(code_of(t, c->q[i]) | code_of(t, c->q[i + half]) << 4);
}

void quantise_row(DType t, void *out, const float *x, const float *importance, int n)
{
    assert(dtype_is_quantised(t));
    float halves[HALVES];
    fill_halves(halves);
    unsigned char *p = out;
    for (int i = 0; i < n; i += QUANT_BLOCK, p += dtype_row_bytes(t, 1)) {
        Block b;
        Choice c;
        load_block(&b, x + i, importance ? importance + i : NULL, n - i < QUANT_BLOCK ? n - i : QUANT_BLOCK);
        choose(t, halves, &b, &c);
        store_block(t, p, &c);
    }
}

int row_non_finite(const float *x, int n)
{
    for (int i = 0; i < n; i++)
        if (!(fabsf(x[i]) <= FLT_MAX)) return i;
    return -1;
}
