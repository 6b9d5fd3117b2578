/* curves.c - see curves.h. The first panel has the whole width, the others stand side by side below it. */
#include "train/curves.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    WIDTH = 1000,
    MARGIN = 24,
    TITLE = 40,       /* the title's line from the top */
    LEGEND_STEP = 22, /* a log's line in the legend */
    TALL = 320,       /* panels, with title and labels */
    LOW = 230,
    GAP = 24,  /* between panels side by side */
    LEFT = 84, /* of a panel: labels of the axis */
    RIGHT = 8,
    HEAD = 28, /* of a panel: its title */
    FOOT = 44, /* labels of the steps, and what they are */
    LABEL_ROOM = 96,
    NAME_LETTERS = 40
};

static const Colour WHITE = { 255, 255, 255 }, INK = { 36, 41, 47 }, NOTE = { 87, 96, 106 }, GRID = { 222, 226, 230 };

/* Told apart by those who see few colours, too. */
static const Colour PALETTE[] = { { 9, 105, 218 },   { 213, 94, 0 },  { 0, 140, 100 },  { 180, 60, 150 },
                                  { 120, 120, 120 }, { 190, 140, 0 }, { 60, 170, 220 }, { 110, 60, 20 } };
enum { N_COLOURS = sizeof PALETTE / sizeof *PALETTE };

const CurvePanel CURVE_PANEL[CURVE_PANELS] = {
    { SERIES_LOSS, "Loss", AXIS_AUTO, true },
    { SERIES_HELD_OUT, "Held-out loss", AXIS_AUTO, false },
    { SERIES_EXACT, "Answers that are the same text", AXIS_ROUND, false },
    { SERIES_OVERLAP, "Overlap of boxes in answers", AXIS_ROUND, false },
    { SERIES_RATE, "Learning rate", AXIS_ROUND, false },
    { SERIES_GRAD_NORM, "Gradient norm", AXIS_AUTO, true },
    { SERIES_BUSIEST, "Busiest expert, over an even load", AXIS_ROUND, true },
    { SERIES_BALANCE, "Balance loss", AXIS_AUTO, true },
};

static Colour colour_of(int log)
{
    return PALETTE[log % N_COLOURS];
}

static Colour pale(Colour c)
{
    return (Colour){ (uint8_t)(c.r + (255 - c.r) * 2 / 3), (uint8_t)(c.g + (255 - c.g) * 2 / 3),
                     (uint8_t)(c.b + (255 - c.b) * 2 / 3) };
}

/* ---- a panel ---- */

typedef struct {
    double x, y, w, h; /* of the plot */
    Axis step, value;
} Plot;

typedef struct {
    double lo, hi;
} Range;

/* False: there is nothing to show. */
static bool values_of(const TrainHistory *h, int n, SeriesKind kind, Range *r)
{
    *r = (Range){ INFINITY, -INFINITY };
    for (int i = 0; i < n; i++) {
        const Series *s = &h[i].series[kind];
        for (int k = 0; k < s->n; k++) {
            r->lo = fmin(r->lo, s->point[k].value);
            r->hi = fmax(r->hi, s->point[k].value);
        }
    }
    return r->lo <= r->hi;
}

/* Of all panels, so that what happened at once stands at one place in each. */
static Range steps_of(const TrainHistory *h, int n)
{
    Range r = { INFINITY, -INFINITY };
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < CURVE_PANELS; k++) {
            const Series *s = &h[i].series[CURVE_PANEL[k].kind];
            if (s->n) r = (Range){ fmin(r.lo, (double)s->point[0].step), fmax(r.hi, (double)s->point[s->n - 1].step) };
        }
    }
    return r;
}

static Spot spot_of(const Plot *p, double step, double value)
{
    return (Spot){ p->x + p->w * axis_place(&p->step, step), p->y + p->h * (1 - axis_place(&p->value, value)) };
}

static void draw_axes(Figure *f, const Plot *p)
{
    char label[AXIS_LABEL];
    for (int i = 0; i < p->value.n_ticks; i++) {
        const double y = spot_of(p, p->step.lo, p->value.tick[i]).y;
        figure_field(f, p->x, y - 0.5, p->w, 1, GRID);
        figure_text(f, p->x - 8, y + 5, ALIGN_RIGHT, false, NOTE, axis_label(p->value.tick[i], label));
    }
    double last = -LABEL_ROOM;
    for (int i = 0; i < p->step.n_ticks; i++) {
        const double x = spot_of(p, p->step.tick[i], p->value.lo).x;
        if (fabs(p->step.tick[i] - round(p->step.tick[i])) > 1e-6 || x - last < LABEL_ROOM / 2.0) continue;
        last = x;
        figure_field(f, x - 0.5, p->y + p->h, 1, 4, NOTE);
        figure_text(f, x, p->y + p->h + 18, ALIGN_MIDDLE, false, NOTE, axis_label(p->step.tick[i], label));
    }
    figure_field(f, p->x, p->y + p->h - 0.5, p->w, 1, NOTE);
    figure_text(f, p->x + p->w, p->y + p->h + 36, ALIGN_RIGHT, false, NOTE, "step");
}

/* The lowest and the highest point of as many stretches as the plot has columns; all points where they are few. */
static void draw_points(Figure *f, const Plot *p, const Series *s, double width, Colour c)
{
    const int columns = (int)p->w, n = s->n <= 2 * columns ? s->n : 2 * columns;
    Spot *spot = xcalloc((size_t)n + 1, sizeof *spot);
    for (int i = 0; i < n; i += n == s->n ? 1 : 2) {
        const int from = (int)((int64_t)i * s->n / n), to = (int)((int64_t)(i + 2) * s->n / n);
        int low = from, high = from;
        for (int k = from + 1; n < s->n && k < to; k++) {
            if (s->point[k].value < s->point[low].value) low = k;
            if (s->point[k].value > s->point[high].value) high = k;
        }
        const Point *a = &s->point[low < high ? low : high], *b = &s->point[low < high ? high : low];
        spot[i] = spot_of(p, (double)a->step, a->value);
        if (n < s->n) spot[i + 1] = spot_of(p, (double)b->step, b->value);
    }
    figure_line(f, spot, n, width, c);
    free(spot);
}

/* How many steps on each side go into a mean. */
static int reach_of(const Series *s)
{
    return s->n < 10 ? 0 : s->n < 120 ? 2 : s->n / 60;
}

static void draw_means(Figure *f, const Plot *p, const Series *s, double width, Colour c)
{
    const int n = s->n < p->w ? s->n : (int)p->w, reach = reach_of(s);
    Spot *spot = xcalloc((size_t)n, sizeof *spot);
    for (int i = 0; i < n; i++) {
        const int at = n > 1 ? (int)((int64_t)i * (s->n - 1) / (n - 1)) : 0;
        const int from = at > reach ? at - reach : 0, to = at < s->n - reach ? at + reach + 1 : s->n;
        spot[i] = spot_of(p, (double)s->point[at].step, series_mean(s, from, to));
    }
    figure_line(f, spot, n, width, c);
    free(spot);
}

/* So few that each is seen for itself. */
static void draw_dots(Figure *f, const Plot *p, const Series *s, Colour c)
{
    enum { MOST = 30 };
    for (int i = 0; i < s->n && s->n <= MOST; i++) {
        const Spot at = spot_of(p, (double)s->point[i].step, s->point[i].value);
        figure_line(f, &at, 1, 6, c);
    }
}

static void draw_series(Figure *f, const Plot *p, const CurvePanel *panel, const TrainHistory *h, int n)
{
    for (int i = 0; i < n && panel->is_noisy; i++)
        if (reach_of(&h[i].series[panel->kind])) draw_points(f, p, &h[i].series[panel->kind], 1, pale(colour_of(i)));
    for (int i = 0; i < n; i++) {
        const Series *s = &h[i].series[panel->kind];
        if (s->n == 0) continue;
        if (panel->is_noisy)
            draw_means(f, p, s, 2, colour_of(i));
        else
            draw_points(f, p, s, 2, colour_of(i));
        if (!panel->is_noisy || !reach_of(s)) draw_dots(f, p, s, colour_of(i));
    }
}

static void draw_panel(Figure *f, const CurvePanel *panel, const TrainHistory *h, int n, Plot p)
{
    const Range steps = steps_of(h, n);
    Range values;
    if (!values_of(h, n, panel->kind, &values)) return;
    axis_fit(&p.step, steps.lo, steps.hi, AXIS_TIGHT);
    axis_fit(&p.value, values.lo, values.hi, panel->axis);
    figure_text(f, p.x, p.y - 12, ALIGN_LEFT, true, INK, panel->title);
    draw_axes(f, &p);
    draw_series(f, &p, panel, h, n);
}

/* ---- all of it ---- */

void curves_summary(const TrainHistory *h, Str *out)
{
    const Series *loss = &h->series[SERIES_LOSS], *held_out = &h->series[SERIES_HELD_OUT];
    const Point *best = series_lowest(held_out);
    if (loss->n == 0) {
        str_puts(out, "no steps yet");
        return;
    }
    str_printf(out, "step %" PRId64, loss->point[loss->n - 1].step);
    if (h->steps) str_printf(out, " of %" PRId64, h->steps);
    str_printf(out, ", loss %.4g", loss->point[loss->n - 1].value);
    if (!best) return;
    str_printf(out, ", held-out loss %.4g", held_out->point[held_out->n - 1].value);
    str_printf(out, ", at best %.4g (step %" PRId64 ")", best->value, best->step);
}

/* The end of a path says more than its beginning. */
static void add_name(Str *out, const char *path)
{
    const size_t n = strlen(path);
    const char *from = n > NAME_LETTERS ? path + n - NAME_LETTERS : path;
    while (((unsigned char)*from & 0xc0) == 0x80) from++;
    if (from > path) str_puts(out, "\xe2\x80\xa6");
    str_add_lossy(out, from, strlen(from));
}

static void draw_legend(Figure *f, const TrainHistory *h, int n)
{
    Str text = { 0 };
    figure_text(f, MARGIN, TITLE, ALIGN_LEFT, true, INK, n > 1 ? "Training runs" : "Training");
    bool has_means = false;
    for (int i = 0; i < n; i++) has_means = has_means || reach_of(&h[i].series[SERIES_LOSS]);
    if (has_means)
        figure_text(f, WIDTH - MARGIN, TITLE, ALIGN_RIGHT, false, NOTE,
                    "thin: each step; thick: mean of the steps around it");
    for (int i = 0; i < n; i++) {
        const double y = TITLE + (i + 1) * LEGEND_STEP + 2;
        str_clear(&text);
        add_name(&text, h[i].path);
        str_puts(&text, ": ");
        curves_summary(&h[i], &text);
        figure_line(f, (Spot[]){ { MARGIN + 2, y - 4 }, { MARGIN + 24, y - 4 } }, 2, 3, colour_of(i));
        figure_text(f, MARGIN + 36, y, ALIGN_LEFT, false, INK, text.text);
    }
    str_free(&text);
}

void curves_draw(const TrainHistory *h, int n, Figure *out)
{
    const CurvePanel *shown[CURVE_PANELS];
    Range ignored;
    int n_shown = 0;
    for (int i = 0; i < CURVE_PANELS; i++)
        if (values_of(h, n, CURVE_PANEL[i].kind, &ignored)) shown[n_shown++] = &CURVE_PANEL[i];
    const int top = TITLE + n * LEGEND_STEP + MARGIN;
    figure_open(out, WIDTH, top + (n_shown > 0) * TALL + n_shown / 2 * LOW + MARGIN / 2, WHITE);
    draw_legend(out, h, n);
    const double half = (WIDTH - 2 * MARGIN - GAP) / 2.0;
    for (int i = 0; i < n_shown; i++) {
        const bool is_first = i == 0;
        const double x = i > 0 && i % 2 == 0 ? MARGIN + half + GAP : MARGIN;
        const double y = is_first ? top : top + TALL + (i - 1) / 2 * LOW;
        draw_panel(out, shown[i], h, n,
                   (Plot){ .x = x + LEFT,
                           .y = y + HEAD,
                           .w = (is_first ? WIDTH - 2 * MARGIN : half) - LEFT - RIGHT,
                           .h = (is_first ? TALL : LOW) - HEAD - FOOT });
    }
}
