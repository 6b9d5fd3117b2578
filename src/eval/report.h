/* report.h - what a benchmark showed, for people: Markdown, and one HTML file with nothing outside of it. Texts of data and model are
 * written as text, never as markup. */
#ifndef VL2_EVAL_REPORT_H
#define VL2_EVAL_REPORT_H

#include "eval/comparison.h"

typedef struct {
    const Scores *scores;         /* the run; of a comparison the one before */
    const Scores *after;          /* with comparison */
    const Comparison *comparison; /* NULL: of one run */
    const Tsv *data;              /* has the pictures of wrong answers; NULL: none are shown */
    const char *data_name, *model, *model_after;
    int box_scale;
    size_t examples; /* wrong answers that are shown */
} Report;

void report_markdown(const Report *r, Str *out);
void report_html(const Report *r, Str *out);

/* ---- for both ---- */

/* One of the rows that are shown: the answers of one run, or of both. */
typedef struct {
    const Judged *row, *after; /* after: NULL of one run */
} Example;
/* Wrong ones first come; of a comparison those that changed. Caller frees. */
Example *report_examples(const Report *r, size_t *n);

/* The cell of a judged row, "" if it is missing; lives as long as *c. */
const char *report_cell(const Scores *s, const Judged *j, TsvCells *c, const char *column, size_t *n);

/* The figure of our own that belongs to a published one; NULL: none. */
const RatingLine *report_ours(const Scores *s, const char *part);

#endif
