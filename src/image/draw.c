/* draw.c - boxes and labels as pixels. First all boxes, then all labels, so that no line crosses a text. */
#include "image/draw.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "image/decode.h"
#include "image/font.h"
#include "image/label.h"
#include "image/svg.h"

/* What lies outside of the picture is left out. */
static void fill_rect(const Image *i, Rect r, Colour c)
{
    const int x0 = r.x0 < 0 ? 0 : r.x0, x1 = r.x1 > i->w ? i->w : r.x1;
    const int y0 = r.y0 < 0 ? 0 : r.y0, y1 = r.y1 > i->h ? i->h : r.y1;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) memcpy(image_row(i, y) + 3 * x, &(uint8_t[3]){ c.r, c.g, c.b }, 3);
}

/* Lines grow inwards, no farther than the opposite side. */
static void draw_frame(const Image *i, Rect r, int line, Colour c)
{
    const int across = line < r.x1 - r.x0 ? line : r.x1 - r.x0, down = line < r.y1 - r.y0 ? line : r.y1 - r.y0;
    fill_rect(i, (Rect){ r.x0, r.y0, r.x1, r.y0 + down }, c);
    fill_rect(i, (Rect){ r.x0, r.y1 - down, r.x1, r.y1 }, c);
    fill_rect(i, (Rect){ r.x0, r.y0, r.x0 + across, r.y1 }, c);
    fill_rect(i, (Rect){ r.x1 - across, r.y0, r.x1, r.y1 }, c);
}

static void draw_glyph(const Image *i, const FontGlyph *g, int left, int top, int scale, Colour c)
{
    for (int y = 0; y < FONT_HEIGHT; y++) {
        for (int x = 0; x < g->w; x++) {
            const int px = left + x * scale, py = top + y * scale;
            if (font_ink(g, x, y)) fill_rect(i, (Rect){ px, py, px + scale, py + scale }, c);
        }
    }
}

/* Returns where the pen stands after the text. */
static int draw_text(const Image *i, const char *s, size_t n, int x, int y, int scale, Colour c)
{
    while (n > 0) {
        const FontGlyph g = font_glyph(font_next(&s, &n));
        draw_glyph(i, &g, x + g.shift * scale, y, scale, c);
        x += g.advance * scale;
    }
    return x;
}

static void draw_label(const Image *i, const Label *l, const char *text, Colour ground)
{
    const int scale = text_scale(i->w, i->h);
    const Colour ink = text_colour(ground);
    fill_rect(i, l->ground, ground);
    const int x = draw_text(i, text, l->n, l->text_x, l->text_y, scale, ink);
    if (l->is_cut) draw_text(i, ELLIPSIS, strlen(ELLIPSIS), x, l->text_y, scale, ink);
}

void draw_boxes(Image *i, const DrawnBox *boxes, int n)
{
    Label *label = xcalloc((size_t)n + 1, sizeof *label);
    labels_place(label, boxes, n, i->w, i->h);
    for (int k = 0; k < n; k++)
        draw_frame(i, box_rect(&boxes[k], i->w, i->h), line_width(i->w, i->h), box_colour(&boxes[k]));
    for (int k = 0; k < n; k++) draw_label(i, &label[k], boxes[k].label, box_colour(&boxes[k]));
    free(label);
}

static bool save_svg(const Image *i, const DrawnBox *boxes, int n, const char *path, Error *e)
{
    FileOut file = { 0 };
    Str text = { 0 };
    bool ok = svg_write(i, boxes, n, &text, e) || fail_in(e, "%s", path);
    ok = ok && file_create(&file, path, e) && file_write(&file, text.text, text.n, e) && file_commit(&file, e);
    file_abandon(&file);
    str_free(&text);
    return ok;
}

bool draw_save(const Image *i, const DrawnBox *boxes, int n, const char *path, Error *e)
{
    const char *dot = strrchr(path, '.');
    Image drawn;
    if (dot && strcasecmp(dot, ".svg") == 0) return save_svg(i, boxes, n, path, e);
    if (!image_copy(i, &drawn, e)) return fail_in(e, "%s", path);
    draw_boxes(&drawn, boxes, n);
    const bool ok = image_save(&drawn, path, e);
    image_free(&drawn);
    return ok;
}
