/* emoji_font.h - colour pictures out of NotoColorEmoji.ttf (Debian: fonts-noto-color-emoji, SIL OFL 1.1): an sfnt whose CBDT
 * table holds a PNG for each glyph, found through cmap (format 12) and CBLC (index format 1, image format 17). */
#ifndef VL2_TOOLS_EMOJI_FONT_H
#define VL2_TOOLS_EMOJI_FONT_H

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

typedef struct {
    int w, h;
    unsigned char *rgba; /* [h][w][4], not premultiplied; owned */
} Sprite;

typedef struct {
    const unsigned char *bytes;
    size_t n;
} FontPart;

/* `n` bytes at `at`; NULL bytes where they are not all there. */
static inline FontPart font_part(FontPart p, size_t at, size_t n)
{
    return at <= p.n && n <= p.n - at ? (FontPart){ p.bytes + at, n } : (FontPart){ NULL, 0 };
}

/* A number at `at`, 0 where it is not there. */
static inline uint32_t font_u16(FontPart p, size_t at)
{
    const unsigned char *b = font_part(p, at, 2).bytes;
    return b ? (uint32_t)b[0] << 8 | b[1] : 0;
}

static inline uint32_t font_u32(FontPart p, size_t at)
{
    return font_u16(p, at) << 16 | font_u16(p, at + 2);
}

static inline FontPart font_table(FontPart file, const char *tag)
{
    const uint32_t n = font_u16(file, 4);
    for (uint32_t i = 0; i < n; i++) {
        const FontPart entry = font_part(file, 12 + (size_t)i * 16, 16);
        if (entry.bytes && memcmp(entry.bytes, tag, 4) == 0)
            return font_part(file, font_u32(entry, 8), font_u32(entry, 12));
    }
    return (FontPart){ NULL, 0 };
}

static inline uint32_t font_glyph_of(FontPart cmap, uint32_t code)
{
    for (uint32_t i = 0; i < font_u16(cmap, 2); i++) {
        const size_t at = font_u32(cmap, 4 + (size_t)i * 8 + 4);
        if (font_u16(cmap, at) != 12) continue;
        for (size_t g = 0, n = font_u32(cmap, at + 12); g < n && at + 16 + g * 12 < cmap.n; g++) {
            const size_t group = at + 16 + g * 12;
            const uint32_t first = font_u32(cmap, group), last = font_u32(cmap, group + 4);
            if (code >= first && code <= last) return font_u32(cmap, group + 8) + (code - first);
        }
    }
    return 0;
}

/* The PNG of a glyph in the first size that the font has. */
static inline FontPart font_png(FontPart cblc, FontPart cbdt, uint32_t glyph)
{
    const size_t list = font_u32(cblc, 8), n = font_u32(cblc, 16);
    for (size_t i = 0; i < n && list + i * 8 < cblc.n; i++) {
        const uint32_t first = font_u16(cblc, list + i * 8), last = font_u16(cblc, list + i * 8 + 2);
        const size_t sub = list + font_u32(cblc, list + i * 8 + 4);
        if (glyph < first || glyph > last || font_u16(cblc, sub) != 1 || font_u16(cblc, sub + 2) != 17) continue;
        const size_t data = (size_t)font_u32(cblc, sub + 4) + font_u32(cblc, sub + 8 + (size_t)(glyph - first) * 4);
        return font_part(cbdt, data + 9, font_u32(cbdt, data + 5));
    }
    return (FontPart){ NULL, 0 };
}

static inline bool sprite_decode(FontPart png, Sprite *out)
{
    png_image image = { .version = PNG_IMAGE_VERSION };
    if (!png.bytes || !png_image_begin_read_from_memory(&image, png.bytes, png.n)) return false;
    image.format = PNG_FORMAT_RGBA;
    *out = (Sprite){ (int)image.width, (int)image.height, NULL };
    if (image.width <= 1024 && image.height <= 1024) out->rgba = malloc(PNG_IMAGE_SIZE(image));
    const bool ok = out->rgba && png_image_finish_read(&image, NULL, out->rgba, 0, NULL);
    png_image_free(&image);
    if (ok) return true;
    free(out->rgba);
    out->rgba = NULL;
    return false;
}

/* False: the font has no such picture. Caller frees out->rgba. */
static inline bool emoji_load(const FileMap *font, uint32_t code, Sprite *out)
{
    const FontPart file = { font->bytes, font->n };
    *out = (Sprite){ 0 };
    const uint32_t glyph = font_glyph_of(font_table(file, "cmap"), code);
    return glyph > 0 && sprite_decode(font_png(font_table(file, "CBLC"), font_table(file, "CBDT"), glyph), out);
}

#endif
