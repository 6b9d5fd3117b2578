/* eval_support.h - for tests of the evaluation: a table out of a text, tables of answers scored. */
#ifndef VL2_TESTS_EVAL_SUPPORT_H
#define VL2_TESTS_EVAL_SUPPORT_H

#include "base/base64.h"
#include "eval/scores.h"
#include "image/image.h"
#include "temp_folder.h"

/* ---- tables ---- */

typedef struct {
    TempFolder folder;
    Tsv t;
    TsvCells c;
    Error e;
} Table;

static inline bool open_text(Table *x, const char *text, const TsvOptions *o)
{
    x->folder = temp_open();
    temp_write(&x->folder, "t.tsv", text, strlen(text));
    return tsv_open(&x->t, temp_path(&x->folder, "t.tsv"), o, &x->e);
}

static inline void close_table(Table *x)
{
    tsv_close(&x->t);
    tsv_cells_free(&x->c);
    temp_close(&x->folder);
}

/* A PNG of one colour as base64, long enough not to be taken for a reference. */
static inline void add_png(Str *out, int side, uint8_t gray)
{
    Image i;
    Str png = { 0 };
    Error e;
    assert_true(image_new(&i, side, side, &e));
    memset(i.rgb, gray, (size_t)side * (size_t)side * 3);
    assert_true(image_encode(&i, IMAGE_PNG, &png, &e));
    base64_add(out, png.text, png.n);
    str_free(&png);
    image_free(&i);
}

/* A header and rows, with %P for a picture; the first row is read. */
static inline void open_row(Table *x, const char *text)
{
    Str whole = { 0 };
    for (const char *s = text; *s; s++) {
        if (s[0] == '%' && s[1] == 'P')
            add_png(&whole, 8, 200), s++;
        else
            str_putc(&whole, *s);
    }
    *x = (Table){ 0 };
    if (!open_text(x, whole.text, &(TsvOptions){ 0 })) fail_msg("%s", x->e.text);
    assert_true(tsv_read(&x->t, 0, &x->c, &x->e));
    str_free(&whole);
}

/* ---- answers ---- */

/* Appends what a model might say to a row. */
typedef void AnswerOf(Str *out, const Tsv *t, const TsvCells *c, size_t row);

/* Appends a table of answers as `vl2 eval` writes it: the columns without the picture, and `prediction`; of rows first, first + step, ... */
static inline void add_answer_table(Str *out, const Tsv *t, AnswerOf *answer, size_t first, size_t step)
{
    TsvCells c = { 0 };
    Error e;
    for (int i = 0; i < t->n_columns; i++)
        if (strcmp(t->column[i], "image") != 0) str_printf(out, "%s\t", t->column[i]);
    str_puts(out, "prediction\n");
    for (size_t row = first; row < t->n; row += step) {
        Str said = { 0 };
        assert_true(tsv_read(t, row, &c, &e));
        for (int i = 0; i < t->n_columns; i++) {
            size_t n;
            const char *cell = tsv_cell_at(&c, i, &n);
            if (strcmp(t->column[i], "image") == 0) continue;
            tsv_add_cell(out, cell, n);
            str_putc(out, '\t');
        }
        answer(&said, t, &c, row);
        tsv_add_cell(out, said.text, said.n);
        str_putc(out, '\n');
        str_free(&said);
    }
    tsv_cells_free(&c);
}

typedef struct {
    TempFolder folder;
    Scores s;
    Error e;
} Scored;

/* `given` NULL: VLMEvalKit's scale of boxes. end_scored() in any case. */
static inline bool score(Scored *x, const char *task, const char *table, const ScoreOptions *given)
{
    ScoreOptions o = given ? *given : (ScoreOptions){ .box_scale = 1000 };
    o.task = task_find(task);
    assert_non_null(o.task);
    x->folder = temp_open();
    temp_write(&x->folder, "a.tsv", table, strlen(table));
    const char *path = temp_path(&x->folder, "a.tsv");
    return scores_open(&x->s, &path, 1, &o, &x->e);
}

static inline void end_scored(Scored *x)
{
    scores_close(&x->s);
    temp_close(&x->folder);
}

/* A line of a rating: the part, its name ("" of the whole), the figure. */
typedef struct {
    const char *part, *name, *figure;
} LineName;

static inline const RatingLine *find_line(const Rating *r, const LineName *wanted)
{
    for (int i = 0; i < r->n; i++) {
        const RatingLine *l = &r->line[i];
        if (!strcmp(l->part, wanted->part) && !strcmp(l->name, wanted->name) && !strcmp(l->figure, wanted->figure))
            return l;
    }
    return NULL;
}

#endif
