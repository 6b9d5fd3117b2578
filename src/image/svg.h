/* svg.h - a picture with its boxes as SVG. Only for files of this folder; others call draw_save(). */
#ifndef VL2_IMAGE_SVG_H
#define VL2_IMAGE_SVG_H

#include "image/draw.h"

bool svg_write(const Image *i, const DrawnBox *boxes, int n, Str *out, Error *e);

#endif
