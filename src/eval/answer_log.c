/* answer_log.c - see answer_log.h. */
#include "eval/answer_log.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"
#include "format/json.h"

static json_t *question_of(const AnswerLog *l, const TsvCells *c)
{
    size_t n = 0;
    const char *s = c ? tsv_cell(l->table, c, "question", &n) : NULL;
    return json_of_bytes(s, n);
}

/* ---- what is there already ---- */

static bool same_member(const json_t *line, const char *key, json_t *wanted)
{
    return json_equal(json_object_get(line, key), wanted) != 0;
}

static bool check_line(const AnswerLog *l, const json_t *line, Error *e)
{
    const size_t row = l->chosen[l->n];
    TsvCells c = { 0 };
    const json_t *found = json_object_get(line, "index"), *model = json_object_get(line, "model");
    json_t *index = json_of_bytes(l->table->row[row].index, strlen(l->table->row[row].index));
    bool ok = same_member(line, "index", index);
    json_decref(index);
    if (!ok) {
        fail(e, ERR_FORMAT, "is '%.64s', %s has '%.64s' there: these are answers to other data",
             l->table->row[row].index, l->path, json_is_string(found) ? json_string_value(found) : "nothing");
        return tsv_fail_in(l->table, row, "index", e);
    }
    if (!json_is_string(model) || strcmp(json_string_value(model), l->model) != 0)
        return fail(e, ERR_FORMAT, "%s: line %zu is an answer of '%.64s', expected '%s'", l->path, l->n + 1,
                    json_is_string(model) ? json_string_value(model) : "nobody", l->model);
    if (json_object_get(line, "bad")) return true;
    if (!tsv_read(l->table, row, &c, e)) return false;
    json_t *question = question_of(l, &c);
    ok = same_member(line, "question", question);
    json_decref(question);
    tsv_cells_free(&c);
    if (ok) return true;
    fail(e, ERR_FORMAT, "is another question than the one that %s answers: these are answers to other data", l->path);
    return tsv_fail_in(l->table, row, "question", e);
}

static bool take_line(AnswerLog *l, const char *text, size_t n, Error *e)
{
    if (l->n == l->n_chosen)
        return fail(e, ERR_FORMAT, "%s: has more than the %zu answers of this run", l->path, l->n_chosen);
    json_t *line = json_parse_part(text, n, l->path, (int)l->n + 1, e);
    bool ok = line && check_line(l, line, e);
    const json_t *said = json_object_get(line, "prediction");
    if (ok && !json_is_string(said) && !json_object_get(line, "bad"))
        ok = fail(e, ERR_FORMAT, "%s: line %zu has neither \"prediction\" nor \"bad\"", l->path, l->n + 1);
    if (ok) {
        l->n_bad += !json_is_string(said);
        l->prediction[l->n++] = json_is_string(said) ? xstrdup(json_string_value(said)) : NULL;
    }
    json_decref(line);
    return ok;
}

/* Whole lines; the file is cut behind the last of them. */
static bool take_lines(AnswerLog *l, Error *e)
{
    char *line = NULL;
    size_t capacity = 0;
    long end = 0;
    bool ok = true;
    for (ssize_t n; ok && (n = getline(&line, &capacity, l->f)) > 0;) {
        if (line[n - 1] != '\n') break;
        ok = take_line(l, line, (size_t)n - 1, e);
        end = ftell(l->f);
    }
    free(line);
    if (ok && (fflush(l->f) != 0 || ftruncate(fileno(l->f), end) != 0 || fseek(l->f, end, SEEK_SET) != 0))
        return fail(e, ERR_SYSTEM, "%s: cannot write: %s", l->path, strerror(errno));
    return ok;
}

bool answer_log_open(AnswerLog *l, const char *path, const char *model, const Tsv *table, const size_t *chosen,
                     size_t n_chosen, Error *e)
{
    *l = (AnswerLog){ .path = xstrdup(path), .model = model, .table = table, .chosen = chosen, .n_chosen = n_chosen };
    l->prediction = xcalloc(n_chosen + 1, sizeof *l->prediction);
    l->f = fopen(path, "a+e");
    if (!l->f) return fail(e, ERR_SYSTEM, "%s: cannot open: %s", path, strerror(errno));
    if (flock(fileno(l->f), LOCK_EX | LOCK_NB) != 0) return fail(e, ERR_USAGE, "%s: another run is writing it", path);
    rewind(l->f);
    return take_lines(l, e);
}

void answer_log_close(AnswerLog *l)
{
    if (l->f) fclose(l->f);
    for (size_t i = 0; i < l->n; i++) free(l->prediction[i]);
    free(l->prediction);
    free(l->path);
    *l = (AnswerLog){ 0 };
}

bool answer_log_add(AnswerLog *l, const TsvCells *c, const LoggedAnswer *a, Error *e)
{
    const char *index = l->table->row[l->chosen[l->n]].index;
    json_t *o = json_object();
    json_object_set_new(o, "index", json_of_bytes(index, strlen(index)));
    json_object_set_new(o, "model", json_of_bytes(l->model, strlen(l->model)));
    json_object_set_new(o, "question", question_of(l, c));
    if (a->prediction) {
        json_object_set_new(o, "prediction", json_of_bytes(a->prediction, strlen(a->prediction)));
        json_object_set_new(o, "finish", json_string(a->finish ? a->finish : ""));
        json_object_set_new(o, "tokens", json_integer(a->tokens));
    } else {
        json_object_set_new(o, "bad", json_of_bytes(a->bad, strlen(a->bad)));
    }
    char *line = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(o);
    const bool ok = fprintf(l->f, "%s\n", line) > 0 && fflush(l->f) == 0;
    free(line);
    if (!ok) return fail(e, ERR_SYSTEM, "%s: cannot write: %s", l->path, strerror(errno));
    l->n_bad += !a->prediction;
    l->prediction[l->n++] = a->prediction ? xstrdup(a->prediction) : NULL;
    return true;
}

/* ---- as a table ---- */

static void add_header(Str *out, const Tsv *t, int image)
{
    for (int i = 0; i < t->n_columns; i++) {
        if (i == image) continue;
        tsv_add_cell(out, t->column[i], strlen(t->column[i]));
        str_putc(out, '\t');
    }
    str_puts(out, "prediction\n");
}

static void add_row(Str *out, const Tsv *t, size_t row, const TsvCells *c, int image, const char *prediction)
{
    const int index = tsv_column(t, "index");
    for (int i = 0; i < t->n_columns; i++) {
        size_t n;
        const char *s = tsv_cell_at(c, i, &n);
        if (i == image) continue;
        if (i == index) s = t->row[row].index, n = strlen(s);
        tsv_add_cell(out, s, n);
        str_putc(out, '\t');
    }
    tsv_add_cell(out, prediction, strlen(prediction));
    str_putc(out, '\n');
}

bool answer_log_write_tsv(const AnswerLog *l, const char *path, Error *e)
{
    const Tsv *t = l->table;
    const int image = tsv_column(t, "image");
    TsvCells c = { 0 };
    Str out = { 0 };
    FileOut file;
    if (tsv_column(t, "prediction") >= 0)
        return fail(e, ERR_FORMAT, "%s: has a column 'prediction' already, expected data without answers",
                    t->file.path);
    if (!file_create(&file, path, e)) return false;
    add_header(&out, t, image);
    bool ok = true;
    for (size_t i = 0; ok && i < l->n; i++) {
        if (l->prediction[i]) {
            ok = tsv_read(t, l->chosen[i], &c, e);
            if (ok) add_row(&out, t, l->chosen[i], &c, image, l->prediction[i]);
        }
        ok = ok && file_write(&file, out.text, out.n, e);
        str_clear(&out);
    }
    ok = ok && file_write(&file, out.text, out.n, e);
    ok = ok ? file_commit(&file, e) : (file_abandon(&file), false);
    tsv_cells_free(&c);
    str_free(&out);
    return ok;
}
