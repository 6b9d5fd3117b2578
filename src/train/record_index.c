/* record_index.c - see record_index.h. The scanner knows of JSON no more than strings, brackets and commas: what is inside of
 * a record is the parser's to judge, one record at a time. */
#include "train/record_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { CHUNK = 1 << 20, MAX_LINE = INT32_MAX };

/* A file byte by byte. */
typedef struct {
    const FileIn *f;
    char *chunk;
    size_t begin, n; /* of the chunk in the file */
    size_t at;       /* the next byte in the file */
    size_t line;
    Error *e;
    bool failed;
} Scanner;

/* The next byte, or -1 at the end and on an error. */
static int peek(Scanner *s)
{
    if (s->at >= s->f->n || s->failed) return -1;
    if (s->at >= s->begin + s->n) {
        s->begin = s->at;
        s->n = s->f->n - s->at < CHUNK ? s->f->n - s->at : CHUNK;
        s->failed = !file_read_at(s->f, s->begin, s->chunk, s->n, s->e);
        if (s->failed) return -1;
    }
    return (unsigned char)s->chunk[s->at - s->begin];
}

static void step(Scanner *s)
{
    s->line += peek(s) == '\n';
    s->at++;
}

static bool is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int skip_space(Scanner *s)
{
    while (is_space(peek(s))) step(s);
    return peek(s);
}

static bool add_place(RecordIndex *x, Scanner *s, size_t begin, size_t end, size_t line)
{
    if (end - begin > MAX_RECORD_BYTES)
        return fail(s->e, ERR_LIMIT, "%s:%zu: a record of %zu bytes, at most %d are read", s->f->path, line,
                    end - begin, MAX_RECORD_BYTES);
    if (line > MAX_LINE || x->n == UINT32_MAX)
        return fail(s->e, ERR_LIMIT, "%s: more than %d lines: split the file", s->f->path, MAX_LINE);
    GROW(x->place, x->n, x->capacity);
    x->place[x->n++] = (RecordPlace){ begin, (uint32_t)(end - begin), (uint32_t)line };
    return true;
}

/* ---- lines ---- */

static bool scan_lines(RecordIndex *x, Scanner *s)
{
    while (skip_space(s) >= 0) {
        const size_t begin = s->at, line = s->line;
        size_t end = begin;
        for (int c; (c = peek(s)) >= 0 && c != '\n'; step(s))
            if (!is_space(c)) end = s->at + 1;
        if (!s->failed && !add_place(x, s, begin, end, line)) return false;
    }
    return !s->failed;
}

/* ---- values ---- */

static void skip_string(Scanner *s)
{
    step(s);
    for (int c; (c = peek(s)) >= 0 && c != '"'; step(s))
        if (c == '\\') step(s);
    if (peek(s) >= 0) step(s);
}

/* Up to the comma or bracket behind a value, or the end of the file. `stop_at_end`: up to the end of an object or array. */
static void skip_value(Scanner *s, bool stop_at_end)
{
    size_t depth = 0;
    for (int c; (c = peek(s)) >= 0;) {
        if (depth == 0 && (c == ',' || c == ']' || c == '}')) return;
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
        if (c == '"')
            skip_string(s);
        else
            step(s);
        if (stop_at_end && depth == 0) return;
    }
}

static bool fail_at(Scanner *s, size_t line, const char *what)
{
    return !s->failed && fail(s->e, ERR_FORMAT, "%s:%zu: %s", s->f->path, line, what);
}

static bool scan_element(RecordIndex *x, Scanner *s)
{
    const size_t begin = s->at, line = s->line;
    skip_value(s, false);
    if (s->failed) return false;
    if (s->at >= s->f->n)
        return fail_at(s, line,
                       "the record that begins here does not end before the file does: is the file cut short?");
    return s->at > begin ? add_place(x, s, begin, s->at, line)
                         : fail_at(s, line, "nothing between two commas, expected a record");
}

static bool scan_array(RecordIndex *x, Scanner *s)
{
    const size_t begin = s->at, line = s->line;
    step(s);
    if (skip_space(s) == ']') {
        step(s);
    } else
        for (;;) {
            skip_space(s);
            if (!scan_element(x, s)) return false;
            const int c = peek(s);
            if (c != ',' && c != ']') return fail_at(s, s->line, "'}' without '{'");
            step(s);
            if (c == ']') break;
        }
    if (s->at - begin <= MAX_RECORD_BYTES) x->whole = (RecordPlace){ begin, (uint32_t)(s->at - begin), (uint32_t)line };
    return skip_space(s) < 0 ? !s->failed : fail_at(s, s->line, "something behind the end of the array");
}

/* One object, or many with a line for each. */
static bool scan_objects(RecordIndex *x, Scanner *s)
{
    const size_t begin = s->at, line = s->line;
    skip_value(s, true);
    const size_t end = s->at;
    const bool one_line = s->line == line;
    if (skip_space(s) < 0) return !s->failed && add_place(x, s, begin, end, line);
    if (!one_line) return fail_at(s, s->line, "something behind the end of the object");
    s->at = begin;
    s->line = line;
    s->n = 0;
    return scan_lines(x, s);
}

bool record_index_read(RecordIndex *x, const FileIn *f, Error *e)
{
    Scanner s = { .f = f, .chunk = xmalloc(CHUNK), .line = 1, .e = e };
    static const int BYTE_ORDER_MARK[] = { 0xef, 0xbb, 0xbf };
    *x = (RecordIndex){ 0 };
    for (int i = 0; i < 3 && peek(&s) == BYTE_ORDER_MARK[i]; i++) step(&s);
    const int c = skip_space(&s);
    const bool ok = s.failed ? false
                    : c < 0  ? fail(e, ERR_FORMAT, "%s: is empty, expected records", f->path)
                    : c == '[' && !str_ends(f->path, ".jsonl") ? scan_array(x, &s)
                    : c == '{' && !str_ends(f->path, ".jsonl") ? scan_objects(x, &s)
                                                               : scan_lines(x, &s);
    free(s.chunk);
    if (!ok) record_index_free(x);
    return ok;
}

void record_index_free(RecordIndex *x)
{
    free(x->place);
    *x = (RecordIndex){ 0 };
}

bool record_index_take(const FileIn *f, const RecordPlace *place, char **text, Error *e)
{
    *text = xmalloc(place->n);
    if (file_read_at(f, place->at, *text, place->n, e)) return true;
    free(*text);
    *text = NULL;
    return false;
}
