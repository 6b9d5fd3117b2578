/* tsv.c - see tsv.h. One automaton (step) reads the format; opening a file and taking a row apart both run it. */
#include "eval/tsv.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- the format, a byte at a time ---- */

typedef enum { AT_CELL, IN_CELL, IN_QUOTES, AFTER_QUOTE } State;
typedef enum { NOTHING, BYTE, CELL_ENDS, ROW_ENDS } Step;

/* CR LF gives ROW_ENDS twice; a row without bytes and cells is no row. */
static Step step(State *s, char c)
{
    if (*s == IN_QUOTES) {
        if (c != '"') return BYTE;
        *s = AFTER_QUOTE;
        return NOTHING;
    }
    if (*s == AFTER_QUOTE && c == '"') {
        *s = IN_QUOTES;
        return BYTE;
    }
    if (*s == AT_CELL && c == '"') {
        *s = IN_QUOTES;
        return NOTHING;
    }
    const bool ends = c == '\t' || c == '\n' || c == '\r';
    *s = ends ? AT_CELL : IN_CELL;
    return c == '\t' ? CELL_ENDS : ends ? ROW_ENDS : BYTE;
}

/* ---- rows by index ---- */

static size_t hash_of(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return (size_t)(h ^ h >> 29);
}

static size_t slot_of(const Tsv *t, const char *index)
{
    size_t i = hash_of(index) & (t->n_slots - 1);
    while (t->slot[i] && strcmp(t->row[t->slot[i] - 1].index, index) != 0) i = (i + 1) & (t->n_slots - 1);
    return i;
}

static void grow_slots(Tsv *t)
{
    if (t->n_slots > 2 * t->n + 2) return;
    free(t->slot);
    t->n_slots = t->n_slots ? 4 * t->n_slots : 64;
    t->slot = xcalloc(t->n_slots, sizeof *t->slot);
    for (size_t i = 0; i < t->n; i++)
        if (t->row[i].index && !t->row[i].bad) t->slot[slot_of(t, t->row[i].index)] = i + 1;
}

bool tsv_find(const Tsv *t, const char *index, size_t *row)
{
    const size_t found = t->n_slots ? t->slot[slot_of(t, index)] : 0;
    if (found) *row = found - 1;
    return found > 0;
}

/* ---- opening ---- */

typedef struct {
    Tsv *t;
    const TsvOptions *o;
    size_t max_cell;
    State state;
    int64_t line;
    bool after_cr;
    size_t begin, bytes; /* of the row: where it begins, bytes in its cell */
    int64_t first_line;
    int cell;  /* which one of the row */
    bool any;  /* the row has something in it */
    Str index; /* what is kept of a row */
    Str prefix;
    Str header; /* the cell that is being read, of the header */
    int index_at, prefix_at, picture_at;
    bool has_picture;
} Scan;

static bool note_bad(Scan *s, TsvRow *r, Error *e)
{
    if (!s->o->keep_bad) return false;
    r->bad = xstrdup(e->text);
    return true;
}

static bool check_row(Scan *s, TsvRow *r, Error *e)
{
    Tsv *t = s->t;
    size_t other;
    if (s->cell + 1 > t->n_columns) {
        fail(e, ERR_FORMAT, "%d cells, the header has %d", s->cell + 1, t->n_columns);
        return tsv_fail_in(t, t->n - 1, NULL, e);
    }
    if (tsv_is_missing(s->index.text, s->index.n)) {
        fail(e, ERR_FORMAT, "is empty, expected what names the row");
        return tsv_fail_in(t, t->n - 1, "index", e);
    }
    if (!tsv_find(t, r->index, &other)) return true;
    fail(e, ERR_FORMAT, "'%.64s' is also the index of row %zu", r->index, other + 1);
    return tsv_fail_in(t, t->n - 1, "index", e);
}

static bool end_data_row(Scan *s, size_t end, Error *e)
{
    Tsv *t = s->t;
    Str name = { 0 };
    if (s->prefix_at >= 0) str_printf(&name, "%s_", s->prefix.n ? s->prefix.text : "nan");
    str_add(&name, s->index.text, s->index.n);
    GROW(t->row, t->n, t->capacity);
    grow_slots(t);
    t->row[t->n++] = (TsvRow){
        .at = s->begin, .n = end - s->begin, .line = s->first_line, .index = name.text, .has_picture = s->has_picture
    };
    TsvRow *r = &t->row[t->n - 1];
    if (!check_row(s, r, e)) return note_bad(s, r, e);
    t->slot[slot_of(t, r->index)] = t->n;
    return true;
}

static void end_header_cell(Scan *s)
{
    Tsv *t = s->t;
    t->column = xrealloc(t->column, (size_t)t->n_columns + 1, sizeof *t->column);
    t->column[t->n_columns++] = xstrndup(s->header.text ? s->header.text : "", s->header.n);
    str_clear(&s->header);
}

static bool end_header(Scan *s, Error *e)
{
    Tsv *t = s->t;
    end_header_cell(s);
    for (int i = 0; i < t->n_columns; i++)
        if (tsv_column(t, t->column[i]) != i)
            return fail(e, ERR_FORMAT, "%s: two columns are called '%s'", t->file.path, t->column[i]);
    s->index_at = tsv_column(t, "index");
    s->prefix_at = s->o->prefix ? tsv_column(t, s->o->prefix) : -1;
    s->picture_at = tsv_column(t, "image");
    if (s->picture_at < 0) s->picture_at = tsv_column(t, "image_path");
    return tsv_need_column(t, "index", e);
}

static bool end_row(Scan *s, size_t end, Error *e)
{
    if (!s->any) return true;
    const bool ok = s->index_at < 0 ? end_header(s, e) : end_data_row(s, end, e);
    s->any = s->has_picture = false;
    s->cell = 0;
    s->bytes = 0;
    str_clear(&s->index);
    str_clear(&s->prefix);
    return ok;
}

static bool take_byte(Scan *s, char c, Error *e)
{
    if (++s->bytes > s->max_cell) {
        fail(e, ERR_LIMIT, "longer than the limit of %zu bytes", s->max_cell);
        if (s->index_at < 0) return fail_in(e, "%s: the header", s->t->file.path);
        return fail_in(e, "%s: row %zu (line %lld), column %s", s->t->file.path, s->t->n + 1, (long long)s->first_line,
                       s->cell < s->t->n_columns ? s->t->column[s->cell] : "?");
    }
    s->has_picture |= s->cell == s->picture_at;
    if (s->index_at < 0)
        str_putc(&s->header, c);
    else if (s->cell == s->index_at)
        str_putc(&s->index, c);
    else if (s->cell == s->prefix_at)
        str_putc(&s->prefix, c);
    return true;
}

static bool scan_byte(Scan *s, char c, size_t at, Error *e)
{
    if (!s->any && s->state == AT_CELL) s->begin = at, s->first_line = s->line;
    const Step what = step(&s->state, c);
    if (c == '\n' ? !s->after_cr : c == '\r') s->line++;
    s->after_cr = c == '\r';
    switch (what) {
    case NOTHING: s->any = true; break;
    case BYTE: s->any = true; return take_byte(s, c, e);
    case CELL_ENDS:
        s->any = true;
        if (s->index_at < 0) end_header_cell(s);
        s->cell++;
        s->bytes = 0;
        break;
    case ROW_ENDS: return end_row(s, at, e);
    }
    return true;
}

static bool scan(Scan *s, Error *e)
{
    enum { CHUNK = 1 << 18 };
    const FileIn *f = &s->t->file;
    char *chunk = xmalloc(CHUNK);
    bool ok = true;
    for (size_t at = 0; ok && at < f->n; at += CHUNK) {
        const size_t n = f->n - at < CHUNK ? f->n - at : CHUNK;
        ok = file_read_at(f, at, chunk, n, e);
        const size_t bom = ok && at == 0 && n >= 3 && memcmp(chunk, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        for (size_t i = bom; ok && i < n; i++) ok = scan_byte(s, chunk[i], at + i, e);
    }
    free(chunk);
    if (ok && s->state == IN_QUOTES)
        return fail(e, ERR_FORMAT, "%s: row %zu (line %lld) begins a quote that is never closed", f->path, s->t->n + 1,
                    (long long)s->first_line);
    ok = ok && end_row(s, f->n, e);
    if (ok && s->index_at < 0) return fail(e, ERR_FORMAT, "%s: is empty, expected a header", f->path);
    return ok;
}

bool tsv_open(Tsv *t, const char *path, const TsvOptions *o, Error *e)
{
    enum { DEFAULT_CELL = 256 << 20 };
    *t = (Tsv){ 0 };
    Scan s = { .t = t,
               .o = o,
               .max_cell = o->max_cell ? o->max_cell : DEFAULT_CELL,
               .line = 1,
               .index_at = -1,
               .prefix_at = -1,
               .picture_at = -1 };
    const bool ok = file_open(&t->file, path, e) && scan(&s, e);
    str_free(&s.index);
    str_free(&s.prefix);
    str_free(&s.header);
    return ok;
}

void tsv_close(Tsv *t)
{
    file_close(&t->file);
    for (int i = 0; i < t->n_columns; i++) free(t->column[i]);
    for (size_t i = 0; i < t->n; i++) {
        free(t->row[i].index);
        free(t->row[i].bad);
    }
    free(t->column);
    free(t->row);
    free(t->slot);
    *t = (Tsv){ 0 };
}

int tsv_column(const Tsv *t, const char *name)
{
    for (int i = 0; i < t->n_columns; i++)
        if (strcmp(t->column[i], name) == 0) return i;
    return -1;
}

bool tsv_need_column(const Tsv *t, const char *name, Error *e)
{
    if (tsv_column(t, name) >= 0) return true;
    Str there = { 0 };
    for (int i = 0; i < t->n_columns; i++) str_printf(&there, "%s%.40s", i ? ", " : "", t->column[i]);
    fail(e, ERR_FORMAT, "%s: the column '%s' is missing; there are %.400s", t->file.path, name, there.text);
    str_free(&there);
    return false;
}

/* ---- rows ---- */

static void begin_cell(TsvCells *c)
{
    if (c->n + 1 >= c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 16;
        c->at = xrealloc(c->at, (size_t)c->capacity, sizeof *c->at);
    }
    c->at[c->n++] = c->text.n;
}

static void end_cell(TsvCells *c)
{
    str_putc(&c->text, 0);
    c->at[c->n] = c->text.n;
}

bool tsv_read(const Tsv *t, size_t row, TsvCells *c, Error *e)
{
    const TsvRow *r = &t->row[row];
    State s = AT_CELL;
    str_clear(&c->text);
    c->n = 0;
    char *bytes = xmalloc(r->n + 1);
    bool ok = file_read_at(&t->file, r->at, bytes, r->n, e);
    begin_cell(c);
    for (size_t i = 0; ok && i < r->n; i++) {
        const Step what = step(&s, bytes[i]);
        if (what == BYTE) str_putc(&c->text, bytes[i]);
        if (what != CELL_ENDS) continue;
        end_cell(c);
        begin_cell(c);
    }
    end_cell(c);
    free(bytes);
    if (!ok) return tsv_fail_in(t, row, NULL, e);
    if (c->n <= t->n_columns && s != IN_QUOTES) return true;
    fail(e, ERR_FORMAT, "is not what it was when the file was opened");
    return tsv_fail_in(t, row, NULL, e);
}

void tsv_cells_free(TsvCells *c)
{
    str_free(&c->text);
    free(c->at);
    *c = (TsvCells){ 0 };
}

const char *tsv_cell_at(const TsvCells *c, int column, size_t *n)
{
    const bool there = column < c->n;
    if (n) *n = there ? c->at[column + 1] - c->at[column] - 1 : 0;
    return there ? c->text.text + c->at[column] : "";
}

const char *tsv_cell(const Tsv *t, const TsvCells *c, const char *column, size_t *n)
{
    size_t length = 0;
    const int i = tsv_column(t, column);
    const char *text = i >= 0 ? tsv_cell_at(c, i, &length) : NULL;
    if (n) *n = length;
    return text && !tsv_is_missing(text, length) ? text : NULL;
}

bool tsv_is_missing(const char *text, size_t n)
{
    static const char *const MISSING[] = { "",     "#N/A",   "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN",
                                           "-nan", "1.#IND", "1.#QNAN",  "<NA>", "N/A",     "NA",       "NULL",
                                           "NaN",  "None",   "n/a",      "nan",  "null" };
    for (size_t i = 0; i < sizeof MISSING / sizeof *MISSING; i++)
        if (strlen(MISSING[i]) == n && (n == 0 || memcmp(MISSING[i], text, n) == 0)) return true;
    return false;
}

void tsv_add_cell(Str *out, const char *text, size_t n)
{
    bool plain = true;
    for (size_t i = 0; i < n && plain; i++)
        plain = text[i] != '\t' && text[i] != '\n' && text[i] != '\r' && text[i] != '"';
    if (plain) {
        str_add(out, text, n);
        return;
    }
    str_putc(out, '"');
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"') str_putc(out, '"');
        str_putc(out, text[i]);
    }
    str_putc(out, '"');
}

bool tsv_fail_in(const Tsv *t, size_t row, const char *column, Error *e)
{
    const long long line = (long long)t->row[row].line;
    if (!column) return fail_in(e, "%s: row %zu (line %lld)", t->file.path, row + 1, line);
    return fail_in(e, "%s: row %zu (line %lld), column %s", t->file.path, row + 1, line, column);
}
