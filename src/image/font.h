/* font.h - the bitmap font in the binary: GNU Unifont, all of Unicode's plane 0, 16 pixels high. */
#ifndef VL2_IMAGE_FONT_H
#define VL2_IMAGE_FONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FONT_HEIGHT = 16 };

typedef struct {
    int w;                /* pixels of a row: 8, 16, or 0 for what has no shape */
    int advance;          /* pixels that the pen moves: w, or 0 for a mark over the character before */
    int shift;            /* pixels from the pen to the glyph's left edge, 0 or less */
    const uint64_t *rows; /* w x FONT_HEIGHT bits from the top left, the first in the highest bit */
} FontGlyph;

/* Never fails: what the font lacks looks like U+FFFD, control characters like a blank. */
FontGlyph font_glyph(uint32_t code);

static inline bool font_ink(const FontGlyph *g, int x, int y)
{
    const int bit = y * g->w + x;
    return g->rows[bit / 64] >> (63 - bit % 64) & 1;
}

/* Takes the first character off *s and *n, n > 0; ill-formed UTF-8 gives U+FFFD. */
uint32_t font_next(const char **s, size_t *n);

#endif
