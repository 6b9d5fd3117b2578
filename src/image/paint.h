/* paint.h - fields, lines and text into the pixels of a picture; what lies outside of it is left out. Only for files of this
 * folder. */
#ifndef VL2_IMAGE_PAINT_H
#define VL2_IMAGE_PAINT_H

#include "image/figure.h"
#include "image/label.h"

void paint_rect(const Image *i, Rect r, Colour c);
/* `x`, `y`: the text's top left corner. Returns where the pen stands after it. */
int paint_text(const Image *i, const char *s, size_t n, int x, int y, int scale, Colour c);
/* Through n >= 1 points, with round ends and smooth edges, `width` pixels wide; a pixel is painted once however often
 * the line crosses it. Points may lie anywhere, but must be finite. */
void paint_line(const Image *i, const Spot *spots, int n, double width, Colour c);

#endif
