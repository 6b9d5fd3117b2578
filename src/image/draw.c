/* draw.c - boxes and labels as pixels. First all boxes, then all labels, so that no line crosses a text. */
#include "image/draw.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "image/paint.h"
#include "image/svg.h"

/* Lines grow inwards, no farther than the opposite side. */
static void draw_frame(const Image *i, Rect r, int line, Colour c)
{
    const int across = line < r.x1 - r.x0 ? line : r.x1 - r.x0, down = line < r.y1 - r.y0 ? line : r.y1 - r.y0;
    paint_rect(i, (Rect){ r.x0, r.y0, r.x1, r.y0 + down }, c);
    paint_rect(i, (Rect){ r.x0, r.y1 - down, r.x1, r.y1 }, c);
    paint_rect(i, (Rect){ r.x0, r.y0, r.x0 + across, r.y1 }, c);
    paint_rect(i, (Rect){ r.x1 - across, r.y0, r.x1, r.y1 }, c);
}

static void draw_label(const Image *i, const Label *l, const char *text, Colour ground)
{
    const int scale = text_scale(i->w, i->h);
    const Colour ink = text_colour(ground);
    paint_rect(i, l->ground, ground);
    const int x = paint_text(i, text, l->n, l->text_x, l->text_y, scale, ink);
    if (l->is_cut) paint_text(i, ELLIPSIS, strlen(ELLIPSIS), x, l->text_y, scale, ink);
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
    Str text = { 0 };
    const bool ok =
        (svg_write(i, boxes, n, &text, e) || fail_in(e, "%s", path)) && file_save(path, text.text, text.n, e);
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
