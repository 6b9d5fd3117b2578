/* svg.h - a picture with its boxes as SVG. For files of this folder, others call draw_save() or figure_save(); svg_add_text() is for
 * all who write markup. */
#ifndef VL2_IMAGE_SVG_H
#define VL2_IMAGE_SVG_H

#include "image/draw.h"

/* Text between tags or in an attribute; UTF-8 that nobody trusts. */
void svg_add_text(Str *out, const char *s, size_t n);
bool svg_write(const Image *i, const DrawnBox *boxes, int n, Str *out, Error *e);

#endif
