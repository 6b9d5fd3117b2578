/* exif.c - the one EXIF tag that matters here: which way is up.
 *
 *   TIFF: "II" or "MM" (byte order), 42, offset of the first directory; there a count and 12-byte entries
 *   entry: tag, type, count, value (a SHORT stands in its first two bytes) */
#include <string.h>

#include "image/decode.h"

int exif_orientation(const uint8_t *tiff, size_t n)
{
    enum { ORIENTATION = 0x112, SHORT = 3, ENTRY = 12 };
    if (n < 8 || (memcmp(tiff, "II", 2) != 0 && memcmp(tiff, "MM", 2) != 0)) return 1;
    const bool little = tiff[0] == 'I';
    const size_t at = little ? le32(tiff + 4) : be32(tiff + 4);
    if (at > n || n - at < 2) return 1;
    const size_t entries = little ? le16(tiff + at) : be16(tiff + at);
    for (size_t i = 0; i < entries && (i + 1) * ENTRY <= n - at - 2; i++) {
        const uint8_t *p = tiff + at + 2 + i * ENTRY;
        const uint32_t tag = little ? le16(p) : be16(p), type = little ? le16(p + 2) : be16(p + 2);
        const uint32_t value = little ? le16(p + 8) : be16(p + 8);
        if (tag == ORIENTATION) return type == SHORT && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* Orientations 5 to 8 exchange the axes; `mirror` and `flip` say which source axis then runs backwards. */
bool image_turn(Image *i, int orientation, Error *e)
{
    const bool swap = orientation >= 5;
    const bool mirror = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool flip = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    Image out;
    if (orientation == 1) return true;
    if (!image_new(&out, swap ? i->h : i->w, swap ? i->w : i->h, e)) return false;
    for (int y = 0; y < out.h; y++) {
        for (int x = 0; x < out.w; x++) {
            const int u = swap ? y : x, v = swap ? x : y;
            const int from_x = mirror ? i->w - 1 - u : u, from_y = flip ? i->h - 1 - v : v;
            memcpy(image_row(&out, y) + 3 * x, image_row(i, from_y) + 3 * from_x, 3);
        }
    }
    image_free(i);
    *i = out;
    return true;
}
