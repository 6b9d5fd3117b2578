/* bench_chart.c - see bench_chart.h. Everything stands on a card with a ground of its own; viewers that know the colour
 * scheme of their surroundings get the dark one where it fits, all others the light one. */
#include "cli/bench_chart.h"

#include <math.h>
#include <string.h>

#include "bench/bench.h"
#include "cli/bench_report.h"

enum {
    WIDTH = 880,
    MARGIN = 24,
    HEAD = 92, /* of title, machine, model */
    LEFT = 72, /* of the plot: labels of the axis stand beside it */
    RIGHT = 24,
    PLOT_HEIGHT = 220,
    PLOT_FOOT = 64,
    BARS_LEFT = 210,
    BARS_RIGHT = 150,
    BAR_HEIGHT = 16,
    BAR_STEP = 26,
    TICKS = 5,
    NARROWEST = 36 /* pixels between labels of the axis */
};

static const char STYLE[] = "<style>\n"
                            "text { font-family: system-ui, sans-serif; font-size: 12px; fill: #24292f }\n"
                            ".title { font-size: 17px; font-weight: 600 }\n"
                            ".head { font-size: 14px; font-weight: 600 }\n"
                            ".note { fill: #57606a }\n"
                            ".card { fill: #ffffff; stroke: #d0d7de }\n"
                            ".grid { stroke: #d8dee4; stroke-width: 1 }\n"
                            ".line { fill: none; stroke: #0969da; stroke-width: 2.5 }\n"
                            ".dot { fill: #0969da }\n"
                            ".spread { stroke: #0969da; stroke-width: 1.5 }\n"
                            ".limit { fill: none; stroke: #8c959f; stroke-width: 2; stroke-dasharray: 6 4 }\n"
                            ".bar { fill: #0969da }\n"
                            ".track { fill: #eaeef2 }\n"
                            ".whisker { stroke: #24292f; stroke-width: 1.5 }\n"
                            "@media (prefers-color-scheme: dark) {\n"
                            "text { fill: #e6edf3 }\n"
                            ".note { fill: #9198a1 }\n"
                            ".card { fill: #0d1117; stroke: #3d444d }\n"
                            ".grid { stroke: #2a313c }\n"
                            ".line, .spread { stroke: #58a6ff }\n"
                            ".dot, .bar { fill: #58a6ff }\n"
                            ".track { fill: #21262d }\n"
                            ".whisker { stroke: #e6edf3 }\n"
                            "}\n"
                            "</style>\n";

/* ---- pieces ---- */

/* What XML allows of text[], its own signs escaped. */
static void add_xml_text(Str *out, const char *text)
{
    Str valid = { 0 };
    str_add_lossy(&valid, text, strlen(text));
    for (size_t i = 0; i < valid.n; i++) {
        const char c = valid.text[i];
        if (c == '<')
            str_puts(out, "&lt;");
        else if (c == '&')
            str_puts(out, "&amp;");
        else
            str_putc(out, (unsigned char)c < 0x20 ? ' ' : c);
    }
    str_free(&valid);
}

/* `class` may be NULL; anchor: start, middle, end. */
static void add_text(Str *out, double x, double y, const char *class, const char *anchor, const char *text)
{
    str_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"", x, y, anchor);
    if (class) str_printf(out, " class=\"%s\"", class);
    str_putc(out, '>');
    add_xml_text(out, text);
    str_puts(out, "</text>\n");
}

static void add_line(Str *out, const char *class, double x0, double y0, double x1, double y1)
{
    str_printf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x0, y0, x1, y1);
}

static void add_rect(Str *out, const char *class, double x, double y, double w, double h)
{
    str_printf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"3\"/>\n", class, x, y,
               w, h);
}

/* 1, 2 or 5 times a power of ten: at most TICKS of them reach `most`. */
static double tick_step(double most)
{
    const double power = pow(10, floor(log10(most / TICKS)));
    static const double STEPS[] = { 1, 2, 5, 10 };
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++)
        if (power * STEPS[i] * TICKS >= most * (1 - 1e-9)) return power * STEPS[i];
    return 10 * power;
}

/* ---- decode over context ---- */

typedef struct {
    double x0, y0, w, h;         /* pixels: left, bottom, size */
    double most_x, most_y, step; /* what right and top stand for */
} Plot;

static double x_of(const Plot *p, double v)
{
    return p->x0 + p->w * v / p->most_x;
}

static double y_of(const Plot *p, double v)
{
    return p->y0 - p->h * v / p->most_y;
}

static bool is_decode(const BenchRow *r)
{
    return !strcmp(r->name, BENCH_TEST_NAMES[BENCH_DECODE]);
}

static int count_decode(const BenchReport *r)
{
    int n = 0;
    for (int i = 0; i < r->n_rows; i++) n += is_decode(&r->row[i]);
    return n;
}

static Plot plot_of(const BenchReport *r, double top)
{
    Plot p = { LEFT, top + PLOT_HEIGHT, WIDTH - LEFT - RIGHT - MARGIN, PLOT_HEIGHT, 1, 0, 0 };
    for (int i = 0; i < r->n_rows; i++) {
        const BenchRow *w = &r->row[i];
        if (!is_decode(w)) continue;
        p.most_x = fmax(p.most_x, w->at);
        p.most_y = fmax(p.most_y, fmax(w->limit, w->value.high));
    }
    p.step = tick_step(p.most_y > 0 ? p.most_y : 1);
    p.most_y = p.step * ceil(p.most_y / p.step - 1e-9);
    if (p.most_y <= 0) p.most_y = p.step;
    return p;
}

static void add_axes(Str *out, const BenchReport *r, const Plot *p)
{
    char label[32];
    for (double v = 0; v <= p->most_y * (1 + 1e-9); v += p->step) {
        add_line(out, "grid", p->x0, y_of(p, v), p->x0 + p->w, y_of(p, v));
        snprintf(label, sizeof label, "%g", v);
        add_text(out, p->x0 - 8, y_of(p, v) + 4, "note", "end", label);
    }
    double last = -NARROWEST;
    for (int i = 0; i < r->n_rows; i++) {
        if (!is_decode(&r->row[i]) || x_of(p, r->row[i].at) - last < NARROWEST) continue;
        last = x_of(p, r->row[i].at);
        snprintf(label, sizeof label, "%d", r->row[i].at);
        add_text(out, last, p->y0 + 18, "note", "middle", label);
    }
    add_text(out, p->x0 + p->w, p->y0 + 36, "note", "end", "tokens in the cache");
}

/* The line through the medians, or through the limits. */
static void add_curve(Str *out, const BenchReport *r, const Plot *p, bool limit)
{
    str_printf(out, "<polyline class=\"%s\" points=\"", limit ? "limit" : "line");
    for (int i = 0; i < r->n_rows; i++) {
        const BenchRow *w = &r->row[i];
        if (is_decode(w)) str_printf(out, "%.1f,%.1f ", x_of(p, w->at), y_of(p, limit ? w->limit : w->value.median));
    }
    str_puts(out, "\"/>\n");
}

static void add_points(Str *out, const BenchReport *r, const Plot *p)
{
    for (int i = 0; i < r->n_rows; i++) {
        const BenchRow *w = &r->row[i];
        if (!is_decode(w)) continue;
        const double x = x_of(p, w->at);
        add_line(out, "spread", x, y_of(p, w->value.low), x, y_of(p, w->value.high));
        str_printf(out, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", x, y_of(p, w->value.median));
    }
}

static void add_legend(Str *out, const Plot *p)
{
    const double y = p->y0 + 32;
    add_line(out, "line", p->x0, y, p->x0 + 26, y);
    add_text(out, p->x0 + 34, y + 4, NULL, "start", "measured, with its spread");
    add_line(out, "limit", p->x0 + 200, y, p->x0 + 226, y);
    add_text(out, p->x0 + 234, y + 4, NULL, "start", "limit: read bandwidth of the same moment");
}

static void add_decode(Str *out, const BenchReport *r, double top)
{
    const Plot p = plot_of(r, top + 24);
    add_text(out, MARGIN, top, "head", "start", "Decode over context, tokens/s");
    add_axes(out, r, &p);
    add_curve(out, r, &p, true);
    add_curve(out, r, &p, false);
    add_points(out, r, &p);
    add_legend(out, &p);
}

/* ---- bars ---- */

/* A bar of `v` where `most` fills the track; `text` behind it. */
static void add_bar(Str *out, const char *label, const Spread *v, double most, double y, const char *text)
{
    const double x = BARS_LEFT, w = WIDTH - BARS_LEFT - BARS_RIGHT, middle = y + BAR_HEIGHT / 2.0;
    add_text(out, x - 10, y + 12.5, NULL, "end", label);
    add_rect(out, "track", x, y, w, BAR_HEIGHT);
    add_rect(out, "bar", x, y, w * v->median / most, BAR_HEIGHT);
    add_line(out, "whisker", x + w * v->low / most, middle, x + w * v->high / most, middle);
    add_text(out, x + w + 10, y + 12.5, NULL, "start", text);
}

/* ---- training: a group of bars for what its rows end with ---- */

static const struct {
    const char *title, *end;
} OF_TRAINING[] = { { "Tokens/s of a step, optimizer included", " step" }, { "Resident memory, GB", " memory" } };
enum { TRAINING_GROUPS = sizeof OF_TRAINING / sizeof *OF_TRAINING };

static int count_ending(const BenchReport *r, const char *end)
{
    int n = 0;
    for (int i = 0; i < r->n_rows; i++) n += str_ends(r->row[i].name, end);
    return n;
}

static int bars_height(int n)
{
    return n ? 20 + n * BAR_STEP + 24 : 0;
}

static int training_height(const BenchReport *r)
{
    int height = 0;
    for (int g = 0; g < TRAINING_GROUPS && r->training.samples > 0; g++)
        height += bars_height(count_ending(r, OF_TRAINING[g].end));
    return height;
}

static void add_training_group(Str *out, const BenchReport *r, int group, double top)
{
    const char *end = OF_TRAINING[group].end;
    double most = 0, y = top + 20;
    for (int i = 0; i < r->n_rows; i++)
        if (str_ends(r->row[i].name, end)) most = fmax(most, r->row[i].value.high);
    add_text(out, MARGIN, top, "head", "start", OF_TRAINING[group].title);
    for (int i = 0; i < r->n_rows; i++) {
        const BenchRow *row = &r->row[i];
        char label[32], text[48];
        if (!str_ends(row->name, end)) continue;
        snprintf(label, sizeof label, "%.*s", (int)(strlen(row->name) - strlen(end)), row->name);
        snprintf(text, sizeof text, "%.3g %s", row->value.median, row->unit);
        add_bar(out, label, &row->value, most, y, text);
        y += BAR_STEP;
    }
}

static void add_training(Str *out, const BenchReport *r, double top)
{
    for (int g = 0; g < TRAINING_GROUPS; g++) {
        const int n = count_ending(r, OF_TRAINING[g].end);
        if (n) add_training_group(out, r, g, top);
        top += bars_height(n);
    }
}

/* ---- share of the limit ---- */

static int count_shares(const BenchReport *r)
{
    int n = 0;
    for (int i = 0; i < r->n_rows; i++) n += r->row[i].limit_of[0] != 0;
    return n;
}

static void add_shares(Str *out, const BenchReport *r, double top)
{
    double most = 1, y = top + 20;
    for (int i = 0; i < r->n_rows; i++)
        if (r->row[i].limit_of[0]) most = fmax(most, r->row[i].share.high);
    add_text(out, MARGIN, top, "head", "start", "Share of the limit");
    for (int i = 0; i < r->n_rows; i++) {
        const BenchRow *row = &r->row[i];
        char label[64], text[96];
        if (!row->limit_of[0]) continue;
        snprintf(text, sizeof text, "%.0f %%  (%.3g %s)", 100 * row->share.median, row->value.median, row->unit);
        add_bar(out, bench_row_label(row, label), &row->share, most, y, text);
        y += BAR_STEP;
    }
    const double x = BARS_LEFT + (WIDTH - BARS_LEFT - BARS_RIGHT) / most;
    add_line(out, "limit", x, top + 14, x, y);
    add_text(out, WIDTH - MARGIN, y + 16, "note", "end",
             "dashed: 100 %, the read bandwidth or the peak of the number types in use; black: spread");
}

/* ---- all of it ---- */

static void add_head(Str *out, const BenchReport *r)
{
    Str line = { 0 };
    add_text(out, MARGIN, 38, "title", "start", "vl2 bench");
    bench_machine_line(r, &line);
    add_text(out, MARGIN, 60, "note", "start", line.text);
    str_clear(&line);
    bench_model_line(r, &line);
    add_text(out, MARGIN, 78, "note", "start", line.text);
    str_free(&line);
}

void bench_write_chart(const BenchReport *r, Str *out)
{
    const int decode = count_decode(r), shares = count_shares(r);
    const int decode_height = decode ? 24 + PLOT_HEIGHT + PLOT_FOOT + 24 : 0;
    const int training = training_height(r), above = decode_height + training;
    const int height = HEAD + 24 + above + (shares ? 20 + shares * BAR_STEP + 40 : 0);
    str_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n",
               WIDTH, height, WIDTH, height);
    str_puts(out, STYLE);
    str_printf(out, "<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", WIDTH - 1,
               height - 1);
    add_head(out, r);
    if (decode) add_decode(out, r, HEAD + 24);
    if (training) add_training(out, r, HEAD + 24);
    if (shares) add_shares(out, r, HEAD + 24 + above);
    str_puts(out, "</svg>\n");
}
