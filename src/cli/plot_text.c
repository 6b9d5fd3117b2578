/* plot_text.c - see plot_text.h. A column stands for a stretch of steps, its height for their mean, in eighths of a line. */
#include "cli/plot_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/curves.h"

enum { ROWS = 10, EIGHTHS = 8, LABEL = 12, NAME = 34, LEAST = 10, WIDEST = 100 };

static const char *const BLOCK[EIGHTHS + 1] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };

/* Fills height[0..n) with 1 to `most`; the axis goes from the lowest to the highest mean. */
static void fill_heights(const Series *s, AxisKind kind, int most, int *height, int n, Axis *axis)
{
    double *mean = xcalloc((size_t)n, sizeof *mean);
    double lo = s->point[0].value, hi = lo;
    for (int i = 0; i < n; i++) {
        const int from = (int)((int64_t)i * s->n / n), to = (int)((int64_t)(i + 1) * s->n / n);
        mean[i] = series_mean(s, from, to > from ? to : from + 1);
        lo = i == 0 || mean[i] < lo ? mean[i] : lo;
        hi = i == 0 || mean[i] > hi ? mean[i] : hi;
    }
    axis_fit(axis, lo, hi, kind);
    for (int i = 0; i < n; i++) height[i] = 1 + (int)(axis_place(axis, mean[i]) * (most - 1) + 0.5);
    free(mean);
}

static void add_field(const Series *s, int columns, Str *out)
{
    int height[WIDEST];
    Axis axis;
    char label[AXIS_LABEL];
    fill_heights(s, AXIS_AUTO, ROWS * EIGHTHS, height, columns, &axis);
    for (int row = ROWS - 1; row >= 0; row--) {
        const bool is_end = row == ROWS - 1 || row == 0;
        if (is_end) snprintf(label, sizeof label, "%.4g", row ? axis.hi : axis.lo);
        str_printf(out, "%*s ", LABEL - 1, is_end ? label : "");
        for (int i = 0; i < columns; i++) {
            const int over = height[i] - row * EIGHTHS;
            str_puts(out, BLOCK[over < 0 ? 0 : over > EIGHTHS ? EIGHTHS : over]);
        }
        str_putc(out, '\n');
    }
    str_printf(out, "%*sstep %-*" PRId64 "%*" PRId64 "\n", LABEL, "", columns / 2 - 5, s->point[0].step,
               columns - columns / 2, s->point[s->n - 1].step);
}

static void add_line(const CurvePanel *panel, const Series *s, int columns, Str *out)
{
    int height[WIDEST];
    Axis axis;
    fill_heights(s, panel->axis, EIGHTHS, height, columns, &axis);
    str_printf(out, "%-*s ", NAME - 1, panel->title);
    for (int i = 0; i < columns; i++) str_puts(out, BLOCK[height[i]]);
    str_printf(out, "  %.4g\n", s->point[s->n - 1].value);
}

/* In one line. */
static void add_flat(const json_t *sample, const char *key, Str *out)
{
    const char *text = json_string_value(json_object_get(sample, key));
    for (; text && *text; text++) str_putc(out, *text == '\n' ? ' ' : *text);
}

/* What the model last said of held-out samples, and what was expected where that is something else. */
static void add_answers(const TrainHistory *h, Str *out)
{
    const json_t *sample;
    size_t i;
    if (json_array_size(h->samples) == 0) return;
    str_printf(out, "\nAnswers to held-out samples after step %" PRId64 "\n", h->shown_at);
    json_array_foreach(h->samples, i, sample)
    {
        const json_t *answer = json_object_get(sample, "answer");
        const bool same = answer && json_equal(answer, json_object_get(sample, "expected"));
        str_puts(out, same ? "  same   " : "  other  ");
        add_flat(sample, "where", out);
        str_puts(out, ": ");
        add_flat(sample, "answer", out);
        if (!same) str_puts(out, "   expected: "), add_flat(sample, "expected", out);
        str_putc(out, '\n');
    }
}

static int clamp_columns(int columns)
{
    return columns < LEAST ? LEAST : columns > WIDEST ? WIDEST : columns;
}

void plot_text(const TrainHistory *h, int columns, Str *out)
{
    str_add_lossy(out, h->path, strlen(h->path));
    str_puts(out, ": ");
    curves_summary(h, out);
    str_putc(out, '\n');
    if (h->series[SERIES_LOSS].n) add_field(&h->series[SERIES_LOSS], clamp_columns(columns - LABEL), out);
    for (int i = 0; i < CURVE_PANELS; i++) {
        const CurvePanel *panel = &CURVE_PANEL[i];
        const Series *s = &h->series[panel->kind];
        if (panel->kind != SERIES_LOSS && s->n) add_line(panel, s, clamp_columns(columns - NAME - LABEL), out);
    }
    add_answers(h, out);
}
