/* tile.h - how a picture is cut: the best of the candidate resolutions, a global view and local tiles. */
#ifndef VL2_IMAGE_TILE_H
#define VL2_IMAGE_TILE_H

#include "image/image.h"

/* The official select_best_resolution(): largest effective area, then least waste, then first in the list. n >= 1. */
Size best_resolution(const Size *candidates, int n, int w, int h);

/* One picture as the vision tower sees it: tile 0 is the global view, then the local tiles row by row. */
typedef struct {
    int across, down; /* local tiles: images_spatial_crop */
    int side;         /* pixels of a tile's side */
    int n;            /* 1 + across * down */
    uint8_t *rgb;     /* [n][side][side][3], owned: tiles_free */
} Tiles;

/* How many have pixels of their own: the one local tile of a picture has those of the global view before it. */
static inline int tiles_distinct(const Tiles *t)
{
    return t->n == 2 ? 1 : t->n;
}

/* How a picture of w x h pixels is cut, without the pixels: rgb is NULL. `crop` false: the local part is the one padded
 * view of side x side (three pictures or more in a conversation). */
Tiles tiles_plan(Size picture, const Size *candidates, int n, int side, bool crop);
/* The same with the pixels. `around`: the colour beside a picture that does not fill its view. */
bool tiles_cut(Tiles *out, const Image *in, const Size *candidates, int n, int side, bool crop, Colour around,
               Error *e);
void tiles_free(Tiles *t);

/* table[b] = (b/255 - mean) / std in fp32, each step rounded: what the vision tower gets for a byte. */
void byte_to_float(float mean, float std, float table[256]);

#endif
