/* label.c - see label.h. */
#include "image/label.h"

#include <string.h>

#include "image/font.h"

const char ELLIPSIS[] = "\xe2\x80\xa6";

/* The official demo's colours, in its order. */
static const Colour PALETTE[13] = {
    { 255, 0, 0 },     { 0, 255, 0 },     { 0, 0, 255 },     { 0, 255, 255 },   { 255, 255, 0 },
    { 255, 0, 255 },   { 127, 127, 127 }, { 255, 255, 127 }, { 255, 127, 255 }, { 127, 255, 255 },
    { 127, 127, 255 }, { 127, 255, 127 }, { 255, 127, 127 },
};

Colour box_colour(const DrawnBox *b)
{
    return PALETTE[(unsigned)b->group % 13];
}

Colour text_colour(Colour c)
{
    const int light = (299 * c.r + 587 * c.g + 114 * c.b) / 1000;
    return light > 140 ? (Colour){ 0, 0, 0 } : (Colour){ 255, 255, 255 };
}

static int longer_side(int w, int h)
{
    return w > h ? w : h;
}

/* The demo draws 3 pixels, for pictures of about 1000. */
int line_width(int w, int h)
{
    const int side = longer_side(w, h), line = (int)((3LL * side + 500) / 1000);
    return side < 200 ? 1 : line < 2 ? 2 : line;
}

int text_scale(int w, int h)
{
    const int scale = (longer_side(w, h) + 350) / 700, most = (w < h ? w : h) / 120;
    return scale > most ? (most > 1 ? most : 1) : scale > 1 ? scale : 1;
}

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

Rect box_rect(const DrawnBox *b, int w, int h)
{
    const int out = line_width(w, h) + 1;
    const int xa = clamp(b->x0, -out, w + out), xb = clamp(b->x1, -out, w + out);
    const int ya = clamp(b->y0, -out, h + out), yb = clamp(b->y1, -out, h + out);
    return (Rect){ xa < xb ? xa : xb, ya < yb ? ya : yb, (xa < xb ? xb : xa) + 1, (ya < yb ? yb : ya) + 1 };
}

int text_width(const char *s, size_t n)
{
    int w = 0;
    while (n > 0) w += font_glyph(font_next(&s, &n)).advance;
    return w;
}

/* How many bytes of text are at most `room` font pixels wide. */
static size_t fitting_bytes(const char *text, size_t n, int room)
{
    const char *s = text;
    size_t left = n, fit = 0;
    while (left > 0) {
        room -= font_glyph(font_next(&s, &left)).advance;
        if (room < 0) return fit;
        fit = n - left;
    }
    return fit;
}

static bool overlap(Rect a, Rect b)
{
    return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
}

static bool is_free(const Label *label, int n, Rect r)
{
    for (int i = 0; i < n; i++)
        if (overlap(label[i].ground, r)) return false;
    return true;
}

/* Above, inside the top, inside the bottom, below; moved into the picture. The first that is free, else the first that
 * the picture has room for without moving it down or up. */
static Rect find_place(const Label *before, int n, Rect box, int label_w, int label_h, int w, int h)
{
    const int tops[] = { box.y0 - label_h, box.y0, box.y1 - label_h, box.y1 };
    const int left = clamp(box.x0, 0, w > label_w ? w - label_w : 0), lowest = h > label_h ? h - label_h : 0;
    Rect first = { 0 };
    for (int i = 0; i < 4; i++) {
        if (tops[i] != clamp(tops[i], 0, lowest)) continue;
        const Rect r = { left, tops[i], left + label_w, tops[i] + label_h };
        if (is_free(before, n, r)) return r;
        if (first.x1 == 0) first = r;
    }
    const int top = clamp(tops[0], 0, lowest);
    return first.x1 ? first : (Rect){ left, top, left + label_w, top + label_h };
}

static void place(Label *label, int i, const DrawnBox *b, int w, int h)
{
    enum { MARGIN_X = 3, MARGIN_Y = 1, LONGEST = 4096 }; /* font pixels; bytes */
    const int scale = text_scale(w, h), room = w / scale - 2 * MARGIN_X;
    const size_t n = strnlen(b->label, LONGEST);
    Label *l = &label[i];
    *l = (Label){ .n = n };
    if (n == 0) return;
    int text_w = text_width(b->label, n);
    if (text_w > room) {
        const int dots = text_width(ELLIPSIS, strlen(ELLIPSIS));
        l->is_cut = true;
        l->n = fitting_bytes(b->label, n, room - dots);
        text_w = text_width(b->label, l->n) + dots;
    }
    l->text_w = text_w * scale;
    const int label_w = l->text_w + 2 * MARGIN_X * scale, label_h = (FONT_HEIGHT + 2 * MARGIN_Y) * scale;
    l->ground = find_place(label, i, box_rect(b, w, h), label_w, label_h, w, h);
    l->text_x = l->ground.x0 + MARGIN_X * scale;
    l->text_y = l->ground.y0 + MARGIN_Y * scale;
}

void labels_place(Label *label, const DrawnBox *boxes, int n, int w, int h)
{
    for (int i = 0; i < n; i++) place(label, i, &boxes[i], w, h);
}
