/* report.c - what Markdown and HTML share, and the Markdown. */
#include "eval/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/published.h"

/* ---- for both ---- */

static bool is_shown(const Report *r, const Example *x)
{
    return r->comparison ? x->row->score != x->after->score : x->row->score < 1;
}

Example *report_examples(const Report *r, size_t *n)
{
    const size_t rows = r->comparison ? r->comparison->n : r->scores->n;
    Example *shown = xcalloc(rows + 1, sizeof *shown);
    *n = 0;
    for (size_t i = 0; i < rows && *n < r->examples; i++) {
        const Example x = r->comparison ? (Example){ r->comparison->pair[i].a, r->comparison->pair[i].b }
                                        : (Example){ &r->scores->row[i], NULL };
        if (is_shown(r, &x)) shown[(*n)++] = x;
    }
    return shown;
}

const char *report_cell(const Scores *s, const Judged *j, TsvCells *c, const char *column, size_t *n)
{
    Error ignored;
    const char *text = NULL;
    if (tsv_read(&s->table[j->table], j->row, c, &ignored)) text = tsv_cell(&s->table[j->table], c, column, n);
    if (!text) *n = 0;
    return text ? text : "";
}

const RatingLine *report_ours(const Scores *s, const char *part)
{
    for (int i = 0; i < s->rating.n; i++)
        if (!part || strcmp(s->rating.line[i].name, part) == 0) return &s->rating.line[i];
    return NULL;
}

/* ---- Markdown ---- */

/* Text in a table or a line: no line ends, nothing that Markdown or HTML acts on. */
static void add_plain(Str *out, const char *s, size_t n)
{
    Str valid = { 0 };
    str_add_lossy(&valid, s, n);
    for (size_t i = 0; i < valid.n; i++) {
        const char c = valid.text[i];
        if ((unsigned char)c < 0x20 || c == 0x7f)
            str_putc(out, ' ');
        else if (c == '<')
            str_puts(out, "&lt;");
        else if (c == '&')
            str_puts(out, "&amp;");
        else {
            if (strchr("\\`*_[]|#!", c)) str_putc(out, '\\');
            str_putc(out, c);
        }
    }
    str_free(&valid);
}

static void add_text(Str *out, const char *s)
{
    add_plain(out, s, strlen(s));
}

static void add_figures(Str *out, const Scores *s)
{
    str_puts(out, "| part | | figure | value | of | rows |\n|---|---|---|---:|---:|---:|\n");
    for (int i = 0; i < s->rating.n; i++) {
        const RatingLine *l = &s->rating.line[i];
        str_printf(out, "| %s | ", l->part);
        add_text(out, l->name);
        str_printf(out, " | %s | %.2f | %g | %zu |\n", l->figure, l->value, l->most, l->n);
    }
}

static void add_value(Str *out, double v)
{
    if (v < 0)
        str_puts(out, " | ");
    else
        str_printf(out, " | %g", v);
}

static void add_published(Str *out, const Report *r)
{
    for (int i = 0; published_for(r->data_name, i); i++) {
        const Published *p = published_for(r->data_name, i);
        const RatingLine *ours = report_ours(r->scores, p->part);
        if (i == 0)
            str_puts(out, "\n## Published\n\n| | ours | tiny | small | base | tiny, VLMEvalKit | small, VLMEvalKit |\n"
                          "|---|---:|---:|---:|---:|---:|---:|\n");
        str_printf(out, "| %s", p->label);
        add_value(out, ours ? ours->value : -1);
        for (int k = 0; k < 3; k++) add_value(out, p->paper[k]);
        for (int k = 0; k < 2; k++) add_value(out, p->again[k]);
        str_puts(out, " |\n");
    }
}

static void add_comparison(Str *out, const Report *r)
{
    const Comparison *c = r->comparison;
    str_puts(out, "\n## Compared\n\n");
    add_text(out, r->model);
    str_printf(out, " %.2f, then ", c->mean_a);
    add_text(out, r->model_after);
    str_printf(
        out,
        " %.2f: %+.2f points (95 %% from %+.2f to %+.2f, p = %.4f, paired bootstrap of %d samples) over %zu rows.\n",
        c->mean_b, c->mean_b - c->mean_a, c->low, c->high, c->chance, BOOTSTRAP_SAMPLES, c->n);
    str_printf(out, "%zu rows got better, %zu worse; %zu are in the first alone, %zu in the second.\n", c->better,
               c->worse, c->only_a, c->only_b);
}

static void add_line(Str *out, const char *what, const Scores *s, const Judged *j, TsvCells *c, const char *column)
{
    size_t n;
    const char *text = report_cell(s, j, c, column, &n);
    str_printf(out, "  %s: ", what);
    add_plain(out, text, n < 400 ? n : 400);
    str_puts(out, n < 400 ? "\n" : " ...\n");
}

static void add_examples(Str *out, const Report *r)
{
    TsvCells c = { 0 };
    size_t n;
    Example *shown = report_examples(r, &n);
    str_puts(out, r->comparison ? "\n## Answers that changed\n\n" : "\n## Answers that are not right\n\n");
    if (n == 0) str_puts(out, "None.\n");
    for (size_t i = 0; i < n; i++) {
        str_puts(out, "- ");
        add_text(out, shown[i].row->index);
        str_printf(out, " (%.2f", shown[i].row->score);
        if (shown[i].after) str_printf(out, ", then %.2f", shown[i].after->score);
        str_puts(out, ")\n");
        add_line(out, "question", r->scores, shown[i].row, &c, "question");
        add_line(out, "right", r->scores, shown[i].row, &c, "answer");
        add_line(out, "answer", r->scores, shown[i].row, &c, "prediction");
        if (shown[i].after) add_line(out, "then", r->after, shown[i].after, &c, "prediction");
    }
    free(shown);
    tsv_cells_free(&c);
}

void report_markdown(const Report *r, Str *out)
{
    double low, high;
    const double mean = scores_mean(r->scores, &low, &high);
    str_puts(out, "# ");
    add_text(out, r->data_name);
    str_puts(out, ": ");
    add_text(out, r->model);
    str_printf(out, "\n\nTask %s, %s. %zu rows", r->scores->task->name, r->scores->task->metric, r->scores->n);
    if (r->scores->n_bad) str_printf(out, ", %zu more could not be judged", r->scores->n_bad);
    str_printf(out, ". Mean over the rows %.2f (95 %% from %.2f to %.2f).\n\n", mean, low, high);
    add_figures(out, r->scores);
    if (r->comparison) {
        str_puts(out, "\n## ");
        add_text(out, r->model_after);
        str_puts(out, "\n\n");
        add_figures(out, r->after);
        add_comparison(out, r);
    }
    add_published(out, r);
    add_examples(out, r);
}
