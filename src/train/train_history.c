/* train_history.c - see train_history.h. The file is read in blocks; what is held is one line and the numbers. */
#include "train/train_history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"

enum { BLOCK = 1 << 16, LONGEST_LINE = 1 << 22 };
static const size_t LONGEST_FILE = (size_t)1 << 30;
static const int64_t LAST_STEP = (int64_t)1 << 53;
static const double LARGEST = 1e30; /* sums and squares of such numbers are numbers still */

const char *const SERIES_KEY[SERIES_KINDS] = {
    [SERIES_LOSS] = "loss",           [SERIES_HELD_OUT] = "held_out_loss", [SERIES_RATE] = "rate",
    [SERIES_GRAD_NORM] = "grad_norm", [SERIES_BUSIEST] = "busiest",        [SERIES_BALANCE] = "balance",
    [SERIES_SCORE] = "score",         [SERIES_EXACT] = "exact_match",      [SERIES_OVERLAP] = "iou",
    [SERIES_TOKENS] = "tokens",       [SERIES_SECONDS] = "seconds",
};

void train_history_open(TrainHistory *h, const char *path)
{
    *h = (TrainHistory){ .path = xstrdup(path) };
}

void train_history_close(TrainHistory *h)
{
    for (int k = 0; k < SERIES_KINDS; k++) free(h->series[k].point);
    free(h->path);
    free(h->model);
    json_decref(h->samples);
    *h = (TrainHistory){ 0 };
}

/* What the series say of `step` and later. */
static void forget_from(Series *s, int64_t step)
{
    while (s->n > 0 && s->point[s->n - 1].step >= step) s->n--;
}

static void add_point(Series *s, int64_t step, double value)
{
    forget_from(s, step);
    GROW(s->point, s->n, s->capacity);
    s->point[s->n++] = (Point){ step, value };
}

static bool is_sensible(const json_t *v)
{
    return json_is_number(v) && fabs(json_number_value(v)) <= LARGEST; /* not so for NaN */
}

static void take_run(TrainHistory *h, const json_t *run)
{
    const json_t *model = json_object_get(run, "model"), *steps = json_object_get(run, "steps");
    h->runs++;
    free(h->model);
    h->model = json_is_string(model) ? xstrdup(json_string_value(model)) : NULL;
    h->steps = json_is_integer(steps) && json_integer_value(steps) > 0 && json_integer_value(steps) <= LAST_STEP
                   ? json_integer_value(steps)
                   : 0;
}

static void take_step(TrainHistory *h, int64_t step, json_t *line)
{
    json_t *samples = json_object_get(line, "samples_shown");
    if (json_object_get(line, SERIES_KEY[SERIES_LOSS]))
        for (int k = 0; k < SERIES_KINDS; k++) forget_from(&h->series[k], step);
    for (int k = 0; k < SERIES_KINDS; k++) {
        const json_t *v = json_object_get(line, SERIES_KEY[k]);
        if (is_sensible(v)) add_point(&h->series[k], step, json_number_value(v));
    }
    if (json_is_array(samples)) {
        json_decref(h->samples);
        h->samples = json_incref(samples);
        h->shown_at = step;
    }
}

static void take_line(TrainHistory *h, const char *text, size_t n)
{
    Error ignored;
    json_t *line = json_parse(text, n, h->path, &ignored);
    const json_t *run = json_object_get(line, "run"), *step = json_object_get(line, "step");
    if (json_is_object(run))
        take_run(h, run);
    else if (json_is_integer(step) && json_integer_value(step) >= 0 && json_integer_value(step) <= LAST_STEP)
        take_step(h, json_integer_value(step), line);
    else if (!json_is_object(line))
        h->bad_lines++;
    json_decref(line);
}

/* Lines of any length go through `line`, which holds no more than the longest that counts. */
typedef struct {
    Str text;
    bool too_long;
} Line;

static void end_line(TrainHistory *h, Line *line)
{
    if (line->too_long)
        h->bad_lines++;
    else if (line->text.n > 0)
        take_line(h, line->text.text, line->text.n);
    str_clear(&line->text);
    line->too_long = false;
}

static void add_block(TrainHistory *h, Line *line, const char *block, size_t n, size_t at)
{
    while (n > 0) {
        const char *end = memchr(block, '\n', n);
        const size_t part = end ? (size_t)(end - block) : n;
        line->too_long = line->too_long || part > LONGEST_LINE - line->text.n;
        if (!line->too_long) str_add(&line->text, block, part);
        if (!end) return;
        end_line(h, line);
        block += part + 1, n -= part + 1, at += part + 1;
        h->read_to = at;
    }
}

static bool read_new(TrainHistory *h, const FileIn *f, Error *e)
{
    char *block = xmalloc(BLOCK);
    Line line = { 0 };
    bool ok = true;
    for (size_t at = h->read_to; ok && at < f->n; at += BLOCK) {
        const size_t n = f->n - at < BLOCK ? f->n - at : BLOCK;
        ok = file_read_at(f, at, block, n, e);
        if (ok) add_block(h, &line, block, n, at);
    }
    str_free(&line.text);
    free(block);
    return ok;
}

static void begin_anew(TrainHistory *h)
{
    char *path = xstrdup(h->path);
    train_history_close(h);
    h->path = path;
}

bool train_history_update(TrainHistory *h, Error *e)
{
    FileIn f;
    if (!file_open(&f, h->path, e)) return false;
    if (f.n < h->read_to) begin_anew(h);
    bool ok = f.n <= LONGEST_FILE ||
              fail(e, ERR_LIMIT, "%s: %zu bytes, the limit of a log is %zu", h->path, f.n, LONGEST_FILE);
    ok = ok && read_new(h, &f, e);
    file_close(&f);
    return ok;
}

/* ---- what it comes to ---- */

double series_mean(const Series *s, int from, int to)
{
    double sum = 0;
    for (int i = from; i < to; i++) sum += s->point[i].value;
    return sum / (to - from);
}

const Point *series_lowest(const Series *s)
{
    const Point *lowest = s->n ? s->point : NULL;
    for (int i = 1; i < s->n; i++)
        if (s->point[i].value < lowest->value) lowest = &s->point[i];
    return lowest;
}

const Point *series_highest(const Series *s)
{
    const Point *highest = s->n ? s->point : NULL;
    for (int i = 1; i < s->n; i++)
        if (s->point[i].value > highest->value) highest = &s->point[i];
    return highest;
}

static json_t *point_json(const Point *p)
{
    return json_pack("{s:I, s:f}", "step", (json_int_t)p->step, "value", p->value);
}

static json_t *series_json(const Series *s)
{
    return json_pack("{s:i, s:o, s:o, s:o, s:o}", "points", s->n, "first", point_json(s->point), "last",
                     point_json(&s->point[s->n - 1]), "lowest", point_json(series_lowest(s)), "highest",
                     point_json(series_highest(s)));
}

json_t *train_history_summary(const TrainHistory *h)
{
    json_t *series = json_object();
    Str path = { 0 };
    str_add_lossy(&path, h->path, strlen(h->path));
    for (int k = 0; k < SERIES_KINDS; k++)
        if (h->series[k].n) json_object_set_new(series, SERIES_KEY[k], series_json(&h->series[k]));
    json_t *o =
        json_pack("{s:s, s:i, s:I, s:s?, s:I, s:o}", "log", path.text, "runs", h->runs, "steps", (json_int_t)h->steps,
                  "model", h->model, "bad_lines", (json_int_t)h->bad_lines, "series", series);
    str_free(&path);
    return o;
}
