/* draw.h - boxes with their labels, drawn into a picture or written as SVG. The font is in the binary (made from GNU
 * Unifont at build time), so that a label in any script of Unicode's first plane can be drawn everywhere. */
#ifndef VL2_IMAGE_DRAW_H
#define VL2_IMAGE_DRAW_H

#include "image/image.h"

typedef struct {
    const char *label;  /* UTF-8; may be empty */
    int x0, y0, x1, y1; /* pixels; any order and any range: sorted and clipped while drawing */
    int group;          /* boxes of one label share a colour: palette[group % 13] */
} DrawnBox;

void draw_boxes(Image *i, const DrawnBox *boxes, int n);

/* By the ending of `path`: .png or .jpg (the picture with the boxes drawn in) or .svg (the picture embedded as PNG or
 * JPEG data, boxes and escaped labels as SVG elements). */
bool draw_save(const Image *i, const DrawnBox *boxes, int n, const char *path, Error *e);

#endif
