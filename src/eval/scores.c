/* scores.c - see scores.h. */
#include "eval/scores.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/json.h"

static bool judge_one(Scores *s, const Judge *j, int table, size_t row, TsvCells *c, Error *e)
{
    size_t n;
    const Tsv *t = &s->table[table];
    Judged *out = &s->row[s->n];
    if (t->row[row].bad) return fail(e, ERR_FORMAT, "%s", t->row[row].bad);
    if (!tsv_read(t, row, c, e)) return false;
    const char *said = tsv_cell_at(c, tsv_column(t, "prediction"), &n);
    if (!judge_row(j, t, row, c, said, n, out, e)) {
        judged_free(out);
        return false;
    }
    out->table = table;
    s->n++;
    return true;
}

static bool judge_table(Scores *s, const Judge *j, int table, const ScoreOptions *o, Error *e)
{
    const Tsv *t = &s->table[table];
    TsvCells c = { 0 };
    bool ok = tsv_need_column(t, "prediction", e) && judge_check(j, t, e);
    s->row = xrealloc(s->row, s->n + t->n + 1, sizeof *s->row);
    for (size_t i = 0; ok && i < t->n; i++) {
        ok = judge_one(s, j, table, i, &c, e);
        if (ok || !o->skip_bad) continue;
        s->n_bad++;
        ok = true;
    }
    tsv_cells_free(&c);
    return ok;
}

/* The rows are sorted, so doubles are neighbours. */
static bool check_shards(const Scores *s, Error *e)
{
    for (size_t i = 1; i < s->n; i++) {
        const Judged *a = &s->row[i - 1], *b = &s->row[i];
        if (strcmp(a->index, b->index) != 0) continue;
        fail(e, ERR_FORMAT, "'%.64s' is also an index in %s", b->index, s->table[a->table].file.path);
        return tsv_fail_in(&s->table[b->table], b->row, "index", e);
    }
    return true;
}

bool scores_open(Scores *s, const char *const *paths, int n_paths, const ScoreOptions *o, Error *e)
{
    const Judge j = { o->task, o->box_scale };
    const TsvOptions read = { .max_cell = o->max_cell, .keep_bad = o->skip_bad };
    bool ok = true;
    *s = (Scores){ .task = o->task, .table = xcalloc((size_t)n_paths, sizeof *s->table) };
    for (int i = 0; ok && i < n_paths; i++) {
        s->n_tables++;
        ok = tsv_open(&s->table[i], paths[i], &read, e) && judge_table(s, &j, i, o, e);
    }
    if (!ok) return false;
    rate(o->task, s->row, s->n, &s->rating);
    return check_shards(s, e);
}

void scores_close(Scores *s)
{
    for (size_t i = 0; i < s->n; i++) judged_free(&s->row[i]);
    for (int i = 0; i < s->n_tables; i++) tsv_close(&s->table[i]);
    free(s->row);
    free(s->table);
    rating_free(&s->rating);
    *s = (Scores){ 0 };
}

double scores_mean(const Scores *s, double *low, double *high)
{
    double sum = 0;
    for (size_t i = 0; i < s->n; i++) sum += s->row[i].score;
    rating_interval(sum, s->n, low, high);
    *low *= 100;
    *high *= 100;
    return s->n ? 100 * sum / (double)s->n : 0;
}

json_t *scores_json(const Scores *s, const char *data_name, const char *model)
{
    json_t *lines = json_array();
    for (int i = 0; i < s->rating.n; i++) {
        const RatingLine *l = &s->rating.line[i];
        json_array_append_new(lines, json_pack("{s:s, s:o, s:s, s:f, s:f, s:I}", "part", l->part, "name",
                                               json_of_bytes(l->name, strlen(l->name)), "figure", l->figure, "value",
                                               l->value, "of", l->most, "rows", (json_int_t)l->n));
    }
    return json_pack("{s:s, s:o, s:o, s:s, s:I, s:I, s:o}", "task", s->task->name, "data",
                     json_of_bytes(data_name, strlen(data_name)), "model", json_of_bytes(model, strlen(model)),
                     "metric", s->task->metric, "rows", (json_int_t)s->n, "bad", (json_int_t)s->n_bad, "scores", lines);
}
