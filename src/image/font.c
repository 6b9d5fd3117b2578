/* font.c - looks characters up in the table that tools/embed_font.c makes at build time. */
#include "image/font.h"

#include "base/str.h"

typedef struct {
    uint16_t code;
    int8_t shift;
} FontMark; /* sorted by code */

#include "font_table.h"

enum { REPLACEMENT = 0xfffd };

/* Joiners, direction marks, variation selectors: they say how to draw others and have no shape themselves. */
static bool is_invisible(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } RANGES[] = { { 0xad, 0xad },     { 0x200b, 0x200f }, { 0x2028, 0x202e },
                   { 0x2060, 0x206f }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff } };
    for (size_t i = 0; i < sizeof RANGES / sizeof *RANGES; i++)
        if (c >= RANGES[i].first && c <= RANGES[i].last) return true;
    return false;
}

static const FontMark *find_mark(uint32_t code)
{
    size_t lo = 0, hi = sizeof FONT_MARKS / sizeof *FONT_MARKS;
    while (lo < hi) {
        const size_t middle = (lo + hi) / 2;
        if (FONT_MARKS[middle].code == code) return &FONT_MARKS[middle];
        if (FONT_MARKS[middle].code < code)
            lo = middle + 1;
        else
            hi = middle;
    }
    return NULL;
}

FontGlyph font_glyph(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) code = ' ';
    if (is_invisible(code)) return (FontGlyph){ 0 };
    if (code >= 0x10000 || FONT_CELLS[code] == 0) code = REPLACEMENT;
    const FontMark *mark = find_mark(code);
    const int w = 8 * FONT_CELLS[code];
    return (FontGlyph){ w, mark ? 0 : w, mark ? mark->shift : 0, FONT_ROWS[code] };
}

uint32_t font_next(const char **s, size_t *n)
{
    uint32_t code = REPLACEMENT;
    const int length = utf8_decode(*s, *n, &code);
    const size_t used = (size_t)(length < 0 ? -length : length);
    *s += used;
    *n -= used;
    return length < 0 ? REPLACEMENT : code;
}
