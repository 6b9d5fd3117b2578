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

/* Lays out one picture's projected tiles (global view first, [1 + across * down][g * g][d]) as rows of the language model:
 * each row of tokens ends with image_newline, the tiles are one grid, view_seperator stands between the global view and
 * the tiles. row[i] points into `projected` or at one of the two vectors; image_token_count() entries. */
void image_layout(const ProjectorWeights *w, Vector projected, int g, int d, int across, int down, bool global_first,
                  Vector *row);

#endif
