/* svg.c - the picture as embedded JPEG, boxes and labels as SVG elements at the places where draw.c would draw them.
 *
 * A label comes from a model and ends in a browser: it is written as text, never as markup. Readers use a font of their
 * own; textLength makes it as wide as the field behind it. */
#include "image/svg.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "image/font.h"
#include "image/label.h"

/* XML 1.0 knows no other control characters than tab and line ends, and neither U+FFFE nor U+FFFF. */
void svg_add_text(Str *out, const char *s, size_t n)
{
    while (n > 0) {
        char bytes[4];
        const uint32_t c = font_next(&s, &n);
        if (c == '&')
            str_puts(out, "&amp;");
        else if (c == '<')
            str_puts(out, "&lt;");
        else if (c == '>')
            str_puts(out, "&gt;");
        else if (c == '"')
            str_puts(out, "&quot;");
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            str_putc(out, ' ');
        else
            str_add(out, bytes, (size_t)utf8_encode(c == 0xfffe || c == 0xffff ? 0xfffd : c, bytes));
    }
}

/* A stroke lies on both sides of its path: half a line inwards, so that the outside is the box. */
static void add_box(Str *out, Rect r, int line, Colour c)
{
    const double half = line / 2.0;
    const int w = r.x1 - r.x0 - line, h = r.y1 - r.y0 - line;
    str_printf(out, "<rect x=\"%g\" y=\"%g\" width=\"%d\" height=\"%d\" stroke=\"#%02x%02x%02x\"/>\n", r.x0 + half,
               r.y0 + half, w > 0 ? w : 0, h > 0 ? h : 0, c.r, c.g, c.b);
}

static void add_label(Str *out, const Label *l, const char *text, int scale, Colour ground)
{
    enum { BASELINE = 13 }; /* font pixels from the top */
    const Colour ink = text_colour(ground);
    if (l->ground.x1 == l->ground.x0) return;
    str_printf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%02x%02x%02x\"/>\n", l->ground.x0,
               l->ground.y0, l->ground.x1 - l->ground.x0, l->ground.y1 - l->ground.y0, ground.r, ground.g, ground.b);
    str_printf(out,
               "<text x=\"%d\" y=\"%d\" textLength=\"%d\" lengthAdjust=\"spacingAndGlyphs\" fill=\"#%02x%02x%02x\">",
               l->text_x, l->text_y + BASELINE * scale, l->text_w, ink.r, ink.g, ink.b);
    svg_add_text(out, text, l->n);
    if (l->is_cut) str_puts(out, ELLIPSIS);
    str_puts(out, "</text>\n");
}

static bool add_picture(const Image *i, Str *out, Error *e)
{
    Str jpeg = { 0 };
    const bool ok = image_encode(i, IMAGE_JPEG, &jpeg, e);
    str_printf(out, "<image width=\"%d\" height=\"%d\" href=\"data:image/jpeg;base64,", i->w, i->h);
    if (ok) base64_add(out, jpeg.text, jpeg.n);
    str_puts(out, "\"/>\n");
    str_free(&jpeg);
    return ok;
}

bool svg_write(const Image *i, const DrawnBox *boxes, int n, Str *out, Error *e)
{
    const int line = line_width(i->w, i->h), scale = text_scale(i->w, i->h);
    str_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n",
               i->w, i->h, i->w, i->h);
    if (!add_picture(i, out, e)) return false;
    Label *label = xcalloc((size_t)n + 1, sizeof *label);
    labels_place(label, boxes, n, i->w, i->h);
    str_printf(out, "<g fill=\"none\" stroke-width=\"%d\">\n", line);
    for (int k = 0; k < n; k++) add_box(out, box_rect(&boxes[k], i->w, i->h), line, box_colour(&boxes[k]));
    str_printf(out, "</g>\n<g font-family=\"sans-serif\" font-size=\"%d\">\n", 14 * scale);
    for (int k = 0; k < n; k++) add_label(out, &label[k], boxes[k].label, scale, box_colour(&boxes[k]));
    str_puts(out, "</g>\n</svg>\n");
    free(label);
    return true;
}
