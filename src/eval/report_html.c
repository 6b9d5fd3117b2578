/* report_html.c - the report as one HTML file: pictures inside, boxes as SVG over them, no scripts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "eval/box_match.h"
#include "eval/published.h"
#include "eval/question.h"
#include "eval/report.h"
#include "image/svg.h"
#include "text/grounding.h"

static const char HEAD[] =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta http-equiv=\"Content-Security-Policy\"\n"
    " content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
    "<style>\n"
    ":root{color-scheme:light dark;--bar:#3b82c4;--line:color-mix(in srgb,currentColor 18%,transparent)}\n"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}\n"
    "table{border-collapse:collapse;margin:1rem 0}\n"
    "td,th{padding:.25rem .8rem;border-bottom:1px solid var(--line);text-align:left}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\n"
    "td.bar{width:14rem}\n"
    "td.bar i{display:block;height:.7rem;background:var(--bar);border-radius:2px}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(18rem,1fr));gap:1rem}\n"
    ".card{border:1px solid var(--line);border-radius:8px;padding:.8rem;overflow-wrap:anywhere}\n"
    ".card h3{margin:0 0 .5rem;font-size:.9rem;font-weight:600}\n"
    ".card p{margin:.3rem 0;white-space:pre-wrap}\n"
    ".card b{display:block;font-size:.75rem;font-weight:600;opacity:.7}\n"
    ".shown{position:relative;display:inline-block;max-width:100%}\n"
    ".shown img{display:block;max-width:100%;min-height:9rem;max-height:20rem}\n"
    ".shown svg{position:absolute;inset:0;width:100%;height:100%}\n"
    "rect{fill:none;stroke-width:3;vector-effect:non-scaling-stroke}\n"
    ".right{stroke:#1a9850}.said{stroke:#d7301f}.then{stroke:#6a3d9a}\n"
    ".asked{stroke:#3b82c4;stroke-dasharray:6 4}\n"
    ".key i{font-style:normal;font-weight:600}\n"
    "</style>\n";

/* Line ends stay: paragraphs are shown as they are written. */
static void add_html(Str *out, const char *s, size_t n)
{
    while (n > 0) {
        const char *end = memchr(s, '\n', n);
        const size_t line = end ? (size_t)(end - s) : n;
        svg_add_text(out, s, line);
        if (end) str_putc(out, '\n');
        s += line + (end != NULL);
        n -= line + (end != NULL);
    }
}

static void add_text(Str *out, const char *s)
{
    add_html(out, s, strlen(s));
}

/* ---- tables ---- */

static void add_figures(Str *out, const Scores *s)
{
    str_puts(out,
             "<table><tr><th>part<th><th>figure<th class=\"n\">value<th class=\"n\">of<th class=\"n\">rows<th></tr>\n");
    for (int i = 0; i < s->rating.n; i++) {
        const RatingLine *l = &s->rating.line[i];
        str_printf(out, "<tr><td>%s<td>", l->part);
        add_text(out, l->name);
        str_printf(out, "<td>%s<td class=\"n\">%.2f<td class=\"n\">%g<td class=\"n\">%zu", l->figure, l->value, l->most,
                   l->n);
        str_printf(out, "<td class=\"bar\"><i style=\"width:%.1f%%\"></i></tr>\n",
                   l->most > 0 ? 100 * l->value / l->most : 0);
    }
    str_puts(out, "</table>\n");
}

static void add_value(Str *out, double v)
{
    str_puts(out, "<td class=\"n\">");
    if (v >= 0) str_printf(out, "%g", v);
}

static void add_published(Str *out, const Report *r)
{
    for (int i = 0; published_for(r->data_name, i); i++) {
        const Published *p = published_for(r->data_name, i);
        const RatingLine *ours = report_ours(r->scores, p->part);
        if (i == 0)
            str_puts(out, "<h2>Published</h2><table><tr><th><th class=\"n\">ours<th class=\"n\">tiny<th "
                          "class=\"n\">small<th class=\"n\">base"
                          "<th class=\"n\">tiny, VLMEvalKit<th class=\"n\">small, VLMEvalKit</tr>\n");
        str_printf(out, "<tr><td>%s", p->label);
        add_value(out, ours ? ours->value : -1);
        for (int k = 0; k < 3; k++) add_value(out, p->paper[k]);
        for (int k = 0; k < 2; k++) add_value(out, p->again[k]);
        str_puts(out, "</tr>\n");
        if (!published_for(r->data_name, i + 1)) str_puts(out, "</table>\n");
    }
}

static void add_comparison(Str *out, const Report *r)
{
    const Comparison *c = r->comparison;
    str_puts(out, "<h2>Compared</h2><p><strong>");
    add_text(out, r->model);
    str_printf(out, "</strong> %.2f, then <strong>", c->mean_a);
    add_text(out, r->model_after);
    str_printf(out,
               "</strong> %.2f: %+.2f points, 95 %% from %+.2f to %+.2f, p = %.4f (paired bootstrap of %d samples) "
               "over %zu rows.",
               c->mean_b, c->mean_b - c->mean_a, c->low, c->high, c->chance, BOOTSTRAP_SAMPLES, c->n);
    str_printf(out, " %zu got better, %zu worse.</p>\n", c->better, c->worse);
}

/* ---- a picture with its boxes ---- */

static const char *type_of(const unsigned char *p, size_t n)
{
    if (n > 8 && memcmp(p, "\x89PNG", 4) == 0) return "image/png";
    if (n > 3 && p[0] == 0xff && p[1] == 0xd8) return "image/jpeg";
    if (n > 12 && memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0) return "image/webp";
    if (n > 6 && memcmp(p, "GIF8", 4) == 0) return "image/gif";
    return n > 2 && memcmp(p, "BM", 2) == 0 ? "image/bmp" : NULL;
}

/* `box`: in parts of 999. */
static void add_box(Str *out, const double box[4], const char *class)
{
    const double x = fmin(box[0], box[2]), y = fmin(box[1], box[3]);
    str_printf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", class, x, y,
               fabs(box[2] - box[0]), fabs(box[3] - box[1]));
}

static void add_tagged_boxes(Str *out, const char *s, size_t n, const char *class)
{
    Grounding g;
    grounding_parse_tolerant(s, n, &g);
    for (size_t i = 0; i < g.n; i++) add_box(out, g.box[i].norm, class);
    grounding_free(&g);
}

static void add_pixel_box(Str *out, const double box[4], const double size[2], const char *class)
{
    const double part[4] = { box[0] / size[0] * 999, box[1] / size[1] * 999, box[2] / size[0] * 999,
                             box[3] / size[1] * 999 };
    add_box(out, part, class);
}

static void add_said(Str *out, const Report *r, const Scores *s, const Judged *j, const double size[2],
                     const char *class)
{
    TsvCells c = { 0 };
    size_t n;
    double box[4];
    const char *said = report_cell(s, j, &c, "prediction", &n);
    if (s->task->score == SCORE_SCENES)
        add_tagged_boxes(out, said, n, class);
    else if (box_from_text(said, n, box) && box_to_pixels(box, size[0], size[1], r->box_scale))
        add_pixel_box(out, box, size, class);
    tsv_cells_free(&c);
}

static void add_boxes(Str *out, const Report *r, const Example *x)
{
    const Scores *s = r->scores;
    const Judge judge = { s->task, r->box_scale };
    TsvCells c = { 0 };
    size_t n;
    double box[4], size[2] = { 1, 1 };
    if (s->task->score != SCORE_BOX && s->task->score != SCORE_SCENES) return;
    str_puts(out, "<svg viewBox=\"0 0 999 999\" preserveAspectRatio=\"none\">");
    const char *answer = report_cell(s, x->row, &c, "answer", &n);
    if (s->task->score == SCORE_SCENES) {
        add_tagged_boxes(out, answer, n, "right");
        const char *question = report_cell(s, x->row, &c, "question", &n);
        add_tagged_boxes(out, question, n, "asked");
    } else if (reference_box(&judge, &s->table[x->row->table], &c, box, size))
        add_pixel_box(out, box, size, "right");
    tsv_cells_free(&c);
    add_said(out, r, s, x->row, size, "said");
    if (x->after) add_said(out, r, r->after, x->after, size, "then");
    str_puts(out, "</svg>");
}

/* Boxes are of the first picture. A picture that a browser does not know is left out. */
static void add_pictures(Str *out, const Report *r, const Example *x)
{
    TsvCells c = { 0 };
    Question q = { 0 };
    Error ignored;
    size_t row;
    if (!r->data || !tsv_find(r->data, x->row->index, &row)) return;
    if (tsv_read(r->data, row, &c, &ignored)) question_pictures(r->data, row, &c, &q, &ignored);
    for (int i = 0; i < q.n_pictures; i++) {
        const char *type = type_of(q.picture[i].bytes, q.picture[i].n);
        if (!type) continue;
        str_printf(out, "<div class=\"shown\"><img alt=\"\" src=\"data:%s;base64,", type);
        base64_add(out, q.picture[i].bytes, q.picture[i].n);
        str_puts(out, "\">");
        if (i == 0) add_boxes(out, r, x);
        str_puts(out, "</div>\n");
    }
    question_free(&q);
    tsv_cells_free(&c);
}

/* ---- wrong answers ---- */

static void add_line(Str *out, const char *what, const Scores *s, const Judged *j, const char *column)
{
    enum { SHOWN = 1500 };
    TsvCells c = { 0 };
    size_t n;
    const char *text = report_cell(s, j, &c, column, &n);
    str_printf(out, "<p><b>%s</b>", what);
    add_html(out, text, n < SHOWN ? n : SHOWN);
    str_puts(out, n < SHOWN ? "</p>" : " ...</p>");
    tsv_cells_free(&c);
}

static void add_card(Str *out, const Report *r, const Example *x)
{
    str_puts(out, "<div class=\"card\"><h3>");
    add_text(out, x->row->index);
    if (x->row->category) {
        str_puts(out, " · ");
        add_text(out, x->row->category);
    }
    str_printf(out, " · %.2f", x->row->score);
    if (x->after) str_printf(out, " → %.2f", x->after->score);
    str_puts(out, "</h3>\n");
    add_pictures(out, r, x);
    add_line(out, "question", r->scores, x->row, "question");
    add_line(out, "right", r->scores, x->row, "answer");
    add_line(out, x->after ? "before" : "answer", r->scores, x->row, "prediction");
    if (x->after) add_line(out, "after", r->after, x->after, "prediction");
    str_puts(out, "</div>\n");
}

static void add_examples(Str *out, const Report *r)
{
    size_t n;
    Example *shown = report_examples(r, &n);
    str_puts(out, r->comparison ? "<h2>Answers that changed</h2>\n" : "<h2>Answers that are not right</h2>\n");
    if (n == 0) str_puts(out, "<p>None.</p>\n");
    if (n > 0 && (r->scores->task->score == SCORE_BOX || r->scores->task->score == SCORE_SCENES))
        str_printf(out,
                   "<p class=\"key\">Boxes: <i style=\"color:#1a9850\">right</i>, <i "
                   "style=\"color:#d7301f\">answered</i>%s.</p>\n",
                   r->after ? ", <i style=\"color:#6a3d9a\">answered then</i>" : "");
    str_puts(out, "<div class=\"cards\">\n");
    for (size_t i = 0; i < n; i++) add_card(out, r, &shown[i]);
    str_puts(out, "</div>\n");
    free(shown);
}

void report_html(const Report *r, Str *out)
{
    double low, high;
    const double mean = scores_mean(r->scores, &low, &high);
    str_puts(out, HEAD);
    str_puts(out, "<title>");
    add_text(out, r->data_name);
    str_puts(out, "</title>\n<h1>");
    add_text(out, r->data_name);
    str_puts(out, ": ");
    add_text(out, r->model);
    str_printf(out, "</h1>\n<p>Task %s, %s. %zu rows", r->scores->task->name, r->scores->task->metric, r->scores->n);
    if (r->scores->n_bad) str_printf(out, ", %zu more could not be judged", r->scores->n_bad);
    str_printf(out, ". Mean over the rows %.2f (95 %% from %.2f to %.2f).</p>\n", mean, low, high);
    add_figures(out, r->scores);
    if (r->comparison) {
        str_puts(out, "<h2>");
        add_text(out, r->model_after);
        str_puts(out, "</h2>\n");
        add_figures(out, r->after);
        add_comparison(out, r);
    }
    add_published(out, r);
    add_examples(out, r);
    str_puts(out, "</html>\n");
}
