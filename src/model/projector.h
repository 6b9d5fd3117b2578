/* projector.h - from patches to rows of the language model. */
#ifndef VL2_MODEL_PROJECTOR_H
#define VL2_MODEL_PROJECTOR_H

#include "model/weights.h"

/* x [n * patches, width] of n tiles -> [n * grid * grid, n_embed]. */
Tensor *projector_forward(Run *r, const ProjectorWeights *w, const ProjectorConfig *c, const VisionConfig *v,
                          const Tensor *x, int n);

/* Image tokens of one picture with across x down local tiles, g projected tokens a side:
 * g * (g + 1) for the global view, 1 separator, down * g * (across * g + 1) for the tiles. */
int image_token_count(int g, int across, int down);

/* Lays out one picture's projected tiles as rows of the language model: the global view [g * g][d], and the local tiles
 * [across * down][g * g][d] as one grid (the same numbers where a picture has one local tile: it has the pixels of the global
 * view). Each row of tokens ends with image_newline; view_seperator stands between global view and tiles. row[i] points into
 * `global` or `local` or at one of the two vectors; image_token_count() entries. */
void image_layout(const ProjectorWeights *w, Vector global, Vector local, int g, int d, int across, int down,
                  bool global_first, Vector *row);

/* The vector `rows` rows of d further on. */
static inline Vector row_after(Vector v, size_t rows, int d)
{
    const size_t step = rows * (size_t)d;
    return (Vector){ v.data + step, v.grad ? v.grad + step : NULL };
}

#endif
