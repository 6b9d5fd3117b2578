/* figure.c - see figure.h. In an SVG the reader's font is as wide as it is: only alignment keeps texts in their place. */
#include "image/figure.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "image/font.h"
#include "image/paint.h"
#include "image/svg.h"

enum { PIXELS = 2 };    /* of a unit, in a picture */
enum { BASELINE = 13 }; /* of FIGURE_TEXT_HEIGHT, from its top */

typedef enum { SHAPE_FIELD, SHAPE_LINE, SHAPE_TEXT } ShapeKind;

struct Shape {
    ShapeKind kind;
    Colour colour;
    double x, y, w, h; /* of a field; x, y of a text; w of a line: its width */
    Spot *spot;        /* of a line */
    int n;
    char *text;
    Align align;
    bool bold;
};

static void add_shape(Figure *f, Shape s)
{
    GROW(f->shape, f->n, f->capacity);
    f->shape[f->n++] = s;
}

void figure_open(Figure *f, int w, int h, Colour ground)
{
    *f = (Figure){ .w = w, .h = h };
    figure_field(f, 0, 0, w, h, ground);
}

void figure_close(Figure *f)
{
    for (int i = 0; i < f->n; i++) {
        free(f->shape[i].spot);
        free(f->shape[i].text);
    }
    free(f->shape);
    *f = (Figure){ 0 };
}

void figure_field(Figure *f, double x, double y, double w, double h, Colour c)
{
    add_shape(f, (Shape){ .kind = SHAPE_FIELD, .colour = c, .x = x, .y = y, .w = w, .h = h });
}

void figure_line(Figure *f, const Spot *spots, int n, double width, Colour c)
{
    Spot *copy = xcalloc((size_t)n, sizeof *copy);
    memcpy(copy, spots, (size_t)n * sizeof *copy);
    add_shape(f, (Shape){ .kind = SHAPE_LINE, .colour = c, .w = width, .spot = copy, .n = n });
}

void figure_text(Figure *f, double x, double y, Align align, bool bold, Colour c, const char *text)
{
    add_shape(
        f, (Shape){
               .kind = SHAPE_TEXT, .colour = c, .x = x, .y = y, .align = align, .bold = bold, .text = xstrdup(text) });
}

/* ---- as SVG ---- */

static void add_colour(Str *out, const char *attribute, Colour c)
{
    str_printf(out, " %s=\"#%02x%02x%02x\"", attribute, c.r, c.g, c.b);
}

static void add_svg_line(Str *out, const Shape *s)
{
    str_printf(out, "<polyline stroke-width=\"%g\"", s->w);
    add_colour(out, "stroke", s->colour);
    str_puts(out, " points=\"");
    for (int i = 0; i < s->n; i++) str_printf(out, "%.1f,%.1f ", s->spot[i].x, s->spot[i].y);
    if (s->n == 1) str_printf(out, "%.1f,%.1f", s->spot[0].x, s->spot[0].y); /* its round ends are the dot */
    str_puts(out, "\"/>\n");
}

static void add_svg_text(Str *out, const Shape *s)
{
    static const char *const ANCHOR[] = { [ALIGN_LEFT] = "start", [ALIGN_MIDDLE] = "middle", [ALIGN_RIGHT] = "end" };
    str_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"", s->x, s->y, ANCHOR[s->align]);
    if (s->bold) str_puts(out, " font-weight=\"600\"");
    add_colour(out, "fill", s->colour);
    str_putc(out, '>');
    svg_add_text(out, s->text, strlen(s->text));
    str_puts(out, "</text>\n");
}

static void add_svg_shape(Str *out, const Shape *s)
{
    switch (s->kind) {
    case SHAPE_FIELD:
        str_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", s->x, s->y, s->w, s->h);
        add_colour(out, "fill", s->colour);
        str_puts(out, "/>\n");
        return;
    case SHAPE_LINE: add_svg_line(out, s); return;
    case SHAPE_TEXT: add_svg_text(out, s); return;
    }
}

void figure_svg(const Figure *f, Str *out)
{
    str_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
               "font-family=\"system-ui, sans-serif\" font-size=\"13\">\n"
               "<g fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\">\n",
               f->w, f->h, f->w, f->h);
    for (int i = 0; i < f->n; i++) add_svg_shape(out, &f->shape[i]);
    str_puts(out, "</g>\n</svg>\n");
}

/* ---- as pixels ---- */

static int pixel(double units)
{
    return (int)(units * PIXELS + 0.5);
}

static void paint_field(const Image *i, const Shape *s)
{
    paint_rect(i, (Rect){ pixel(s->x), pixel(s->y), pixel(s->x + s->w), pixel(s->y + s->h) }, s->colour);
}

static void paint_curve(const Image *i, const Shape *s)
{
    Spot *at = xcalloc((size_t)s->n, sizeof *at);
    for (int k = 0; k < s->n; k++) at[k] = (Spot){ s->spot[k].x * PIXELS, s->spot[k].y * PIXELS };
    paint_line(i, at, s->n, s->w * PIXELS, s->colour);
    free(at);
}

/* Bold: struck twice, a pixel apart. */
static void paint_words(const Image *i, const Shape *s)
{
    const size_t n = strlen(s->text);
    const int w = text_width(s->text, n) * PIXELS;
    const int x = pixel(s->x) - (s->align == ALIGN_LEFT ? 0 : s->align == ALIGN_MIDDLE ? w / 2 : w);
    const int y = pixel(s->y - BASELINE);
    for (int strike = 0; strike <= s->bold; strike++) paint_text(i, s->text, n, x + strike, y, PIXELS, s->colour);
}

static bool paint_figure(const Figure *f, Image *out, Error *e)
{
    if (!image_new(out, f->w * PIXELS, f->h * PIXELS, e)) return false;
    for (int k = 0; k < f->n; k++) {
        switch (f->shape[k].kind) {
        case SHAPE_FIELD: paint_field(out, &f->shape[k]); break;
        case SHAPE_LINE: paint_curve(out, &f->shape[k]); break;
        case SHAPE_TEXT: paint_words(out, &f->shape[k]); break;
        }
    }
    return true;
}

bool figure_save(const Figure *f, const char *path, Error *e)
{
    const char *dot = strrchr(path, '.');
    if (dot && strcasecmp(dot, ".svg") == 0) {
        Str text = { 0 };
        figure_svg(f, &text);
        const bool ok = file_save(path, text.text, text.n, e);
        str_free(&text);
        return ok;
    }
    Image painted;
    if (!paint_figure(f, &painted, e)) return fail_in(e, "%s", path);
    const bool ok = image_save(&painted, path, e);
    image_free(&painted);
    return ok;
}
