/* resize.h - Pillow's resampling, bit for bit. */
#ifndef VL2_IMAGE_RESIZE_H
#define VL2_IMAGE_RESIZE_H

#include "image/image.h"

/* Image.resize((w, h), BICUBIC): antialiased, a = -0.5, 22-bit fixed point, horizontal pass first. */
bool image_resize(const Image *in, int w, int h, Image *out, Error *e);
/* The same with BILINEAR, a triangle of reach 1. */
bool image_resize_bilinear(const Image *in, int w, int h, Image *out, Error *e);

/* ImageOps.pad(in, (w, h), color=around): resized to fit, centred. Where Pillow would fail because a side
 * rounds to 0 (aspect ratio beyond about 768:1) the side becomes 1: a defined answer, documented in docs/model.md. */
bool image_pad(const Image *in, int w, int h, Colour around, Image *out, Error *e);

#endif
