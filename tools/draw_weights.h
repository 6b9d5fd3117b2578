/* draw_weights.h - random weights for make_model: every element, or block of elements, is a function of the seed, the name of
 * its tensor and its place, so that any piece can be made on any thread. Weights are drawn so that activations keep their size
 * through all layers:
 *
 *   matrix               1 / sqrt(fan in)                 outputs as large as inputs
 *   its output is added  1 / sqrt(fan in * 2 * layers)    to the residual stream: two additions a layer
 *   lm_head              3 / sqrt(fan in)                 logits of rms 3, as in trained models
 *   router               1 / sqrt(fan in)                 random directions: tokens spread evenly over the experts
 *   norm                 1 +- 0.1
 *
 * Quantised types are drawn as blocks: the codes nearest to normal numbers, under one scale for the whole tensor. Nothing is
 * quantised, which would take 30 times as long. */
#ifndef VL2_TOOLS_DRAW_WEIGHTS_H
#define VL2_TOOLS_DRAW_WEIGHTS_H

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "kernels/interleave.h"
#include "model/config.h"
#include "model/tensor_list.h"

enum { LEVELS = 4096, DRAW_SLACK = 64 };

/* The middles of LEVELS equally likely slices of the normal distribution, by bisection of its cumulative function. */
static inline void normal_levels(double level[LEVELS])
{
    for (int i = 0; i < LEVELS; i++) {
        const double p = (i + 0.5) / LEVELS;
        double lo = -6, hi = 6;
        for (int step = 0; step < 50; step++) {
            const double x = 0.5 * (lo + hi);
            if (0.5 * erfc(-x / sqrt(2)) < p)
                lo = x;
            else
                hi = x;
        }
        level[i] = 0.5 * (lo + hi);
    }
}

static inline double spread(const ListedTensor *t, const Config *c)
{
    double fan_in = 1;
    for (int i = 1; i < t->n_dims; i++) fan_in *= (double)t->dim[i];
    const int layers = t->part == PART_VISION ? c->vision.layers : c->language.n_layers;
    switch (t->kind) {
    case LISTED_MATRIX:
    case LISTED_ABSORBED:
    case LISTED_ROUTER: return 1 / sqrt(fan_in);
    case LISTED_RESIDUAL: return 1 / sqrt(fan_in * 2 * layers);
    case LISTED_HEAD: return 3 / sqrt(fan_in);
    case LISTED_EMBEDDING: return t->part == PART_VISION ? 0.3 : 1; /* positions must not drown the picture */
    case LISTED_CORRECTION: return 0.05;
    case LISTED_NORM: return 0.1;
    case LISTED_BIAS: return 0.02;
    }
    return 0;
}

/* One tensor, in units: elements, blocks of a quantised type, or the blocks of 16 rows side by side of an x16 type. What level i becomes, and how units are drawn. */
typedef struct {
    uint64_t seed;
    DType dtype;
    size_t unit;           /* bytes */
    uint64_t n;            /* units */
    uint16_t half[LEVELS]; /* bf16 or f16 */
    float single[LEVELS];
    /* blocks */
    uint8_t code[LEVELS];
    uint8_t zero;   /* the code of what fills up a row */
    uint16_t scale; /* f16 */
    uint64_t cols, blocks_of_row;
} Drawing;

static inline uint64_t hash_name(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

/* The code of 4 bits whose value in units of the scale is nearest to x. */
static inline uint8_t nearest_nibble(DType t, double x)
{
    uint8_t best = 0;
    double least = HUGE_VAL;
    for (uint8_t c = 0; c < 16; c++) {
        const double off = fabs((t == DT_Q4_0 ? c - 8.0 : iq4_nl[c]) - x);
        if (off < least) best = c, least = off;
    }
    return best;
}

/* The largest code stands for the outermost level, with 4 bits for 2.5 deviations: that is where the largest of 32 normal
 * numbers lies. */
static inline void start_blocks(Drawing *d, const ListedTensor *t, double s, const double level[LEVELS])
{
    const DType type = dtype_of_rows(d->dtype);
    const uint64_t rows_of_unit = dtype_is_x16(d->dtype) ? STRIP_ROWS : 1;
    const bool has_bytes = type == DT_Q8_0;
    const double end = has_bytes ? level[LEVELS - 1] : 2.5, largest = type == DT_Q4_0 ? 8 : 127;
    const double per_level = largest / end;
    d->scale = f32_to_f16((float)(s / per_level));
    for (int i = 0; i < LEVELS; i++)
        d->code[i] =
            has_bytes ? (uint8_t)(int8_t)lrint(per_level * level[i]) : nearest_nibble(type, per_level * level[i]);
    d->zero = has_bytes ? 0 : nearest_nibble(type, 0);
    d->cols = (uint64_t)t->dim[t->n_dims - 1];
    d->blocks_of_row = (d->cols + QUANT_BLOCK - 1) / QUANT_BLOCK;
    d->unit = rows_of_unit * dtype_row_bytes(type, QUANT_BLOCK);
    d->n = listed_elements(t) / d->cols / rows_of_unit * d->blocks_of_row;
}

static inline void start_drawing(Drawing *d, const ListedTensor *t, const Config *c, const double level[LEVELS],
                                 DType dtype, uint64_t seed)
{
    const double middle = t->kind == LISTED_NORM ? 1 : 0, s = spread(t, c);
    d->seed = rng_at(seed, hash_name(t->name));
    d->dtype = dtype;
    if (dtype_is_quantised(dtype)) {
        start_blocks(d, t, s, level);
        return;
    }
    d->unit = dtype_bytes(dtype);
    d->n = listed_elements(t);
    for (int i = 0; i < LEVELS; i++) {
        const float v = (float)(middle + s * level[i]);
        d->single[i] = v;
        if (dtype != DT_F32) d->half[i] = dtype == DT_F16 ? f32_to_f16(v) : f32_to_bf16(v);
    }
}

/* Four levels from one random number. */
static inline void draw_four(uint64_t seed, uint64_t i, size_t k[4])
{
    const uint64_t r = rng_at(seed, i);
    k[0] = r % LEVELS;
    k[1] = (r >> 16) % LEVELS;
    k[2] = (r >> 32) % LEVELS;
    k[3] = (r >> 48) % LEVELS;
}

static inline void draw_elements(const Drawing *d, uint64_t first, size_t n, unsigned char *out)
{
    const size_t groups = (n + 3) / 4;
    for (size_t g = 0; g < groups; g++) {
        size_t k[4];
        draw_four(d->seed, first / 4 + g, k);
        if (d->unit == 2) {
            const uint16_t four[4] = { d->half[k[0]], d->half[k[1]], d->half[k[2]], d->half[k[3]] };
            memcpy(out + 8 * g, four, sizeof four);
        } else {
            const float four[4] = { d->single[k[0]], d->single[k[1]], d->single[k[2]], d->single[k[3]] };
            memcpy(out + 16 * g, four, sizeof four);
        }
    }
}

static inline void draw_block(const Drawing *d, uint64_t i, unsigned char *out)
{
    uint8_t code[QUANT_BLOCK];
    for (int g = 0; g < QUANT_BLOCK / 4; g++) {
        size_t k[4];
        draw_four(d->seed, i * (QUANT_BLOCK / 4) + (uint64_t)g, k);
        for (int j = 0; j < 4; j++) code[4 * g + j] = d->code[k[j]];
    }
    const uint64_t left = d->cols - i % d->blocks_of_row * QUANT_BLOCK; /* elements of the row from here on */
    for (uint64_t j = left; j < QUANT_BLOCK; j++) code[j] = d->zero;
    memcpy(out, &d->scale, sizeof d->scale);
    out += sizeof d->scale;
    if (dtype_of_rows(d->dtype) == DT_Q8_0)
        memcpy(out, code, sizeof code);
    else
        for (int j = 0; j < QUANT_BLOCK / 2; j++) out[j] = (unsigned char)(code[j] | code[QUANT_BLOCK / 2 + j] << 4);
}

/* The same blocks as in the row type. */
static inline void draw_strip_blocks(const Drawing *d, uint64_t i, unsigned char *out)
{
    enum { MOST_BLOCK_BYTES = 34 };
    unsigned char rows[STRIP_ROWS * MOST_BLOCK_BYTES];
    const uint64_t strip = i / d->blocks_of_row, block = i % d->blocks_of_row;
    for (uint64_t r = 0; r < STRIP_ROWS; r++)
        draw_block(d, (strip * STRIP_ROWS + r) * d->blocks_of_row + block, rows + r * (d->unit / STRIP_ROWS));
    interleave_rows(d->dtype, out, rows, QUANT_BLOCK);
}

/* Units [first, first + n); one random number serves four elements. `first` of plain elements is a multiple of 4, and `out` has
 * room for DRAW_SLACK more bytes. */
static inline void draw(const Drawing *d, uint64_t first, size_t n, unsigned char *out)
{
    if (dtype_is_x16(d->dtype))
        for (size_t i = 0; i < n; i++) draw_strip_blocks(d, first + i, out + i * d->unit);
    else if (dtype_is_quantised(d->dtype))
        for (size_t i = 0; i < n; i++) draw_block(d, first + i, out + i * d->unit);
    else
        draw_elements(d, first, n, out);
}

#endif
