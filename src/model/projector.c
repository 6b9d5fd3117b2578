/* projector.c - downsample_mlp_gelu: pad 27 -> 28, join 2 x 2 patches (F.unfold: channel, then y, x), then linear, gelu,
 * linear. mlp_gelu: the same without joining. linear: one layer. identity: nothing. The gelu is the erf form. */
#include "model/projector.h"

#include <stdint.h>

Tensor *projector_forward(Run *r, const ProjectorWeights *w, const ProjectorConfig *c, const VisionConfig *v,
                          const Tensor *x, int n)
{
    Tensor *h = c->kind == PROJECTOR_DOWNSAMPLE_MLP_GELU ? unfold(r, x, n, v->grid, c->downsample_ratio)
                                                         : tensor_rows(r, x, 0, x->rows);
    for (int i = 0; i < w->n_layers; i++) {
        if (i > 0) h = gelu_erf(r, h);
        h = linear(r, h, &w->layer[i]);
    }
    run_trace(r, "projector_out", 0, h);
    return h;
}

int image_token_count(int g, int across, int down)
{
    return g * (g + 1) + 1 + down * g * (across * g + 1);
}

static Vector *grid_rows(const ProjectorWeights *w, Vector tiles, int g, int d, int across, int down, Vector *row)
{
    for (int y = 0; y < down * g; y++) {
        for (int x = 0; x < across * g; x++) {
            const int tile = y / g * across + x / g, at = y % g * g + x % g;
            *row++ = row_after(tiles, (size_t)tile * (size_t)(g * g) + (size_t)at, d);
        }
        *row++ = w->image_newline;
    }
    return row;
}

void image_layout(const ProjectorWeights *w, Vector global, Vector local, int g, int d, int across, int down,
                  bool global_first, Vector *row)
{
    row = global_first ? grid_rows(w, global, g, d, 1, 1, row) : grid_rows(w, local, g, d, across, down, row);
    *row++ = w->view_seperator;
    if (global_first)
        grid_rows(w, local, g, d, across, down, row);
    else
        grid_rows(w, global, g, d, 1, 1, row);
}
