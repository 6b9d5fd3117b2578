/* tsv.h - tables as VLMEvalKit keeps its benchmarks: tab separated, a header, read as pandas reads them.
 *
 * A cell that begins with a quote ends at the next single one and may hold tabs and line ends; "" in it is a quote. Lines end
 * with LF, CRLF or CR; empty ones are passed over. The file stays on the disk: opening it notes where each row begins, and a
 * row is read when it is wanted, so memory is that of the longest row. Rows are counted from 1 in messages. */
#ifndef VL2_EVAL_TSV_H
#define VL2_EVAL_TSV_H

#include "base/file.h"
#include "base/str.h"

typedef struct {
    size_t at, n; /* bytes of the row in the file */
    int64_t line; /* in which it begins, from 1 */
    char *index;
    bool has_picture; /* something stands in column image, or image_path where there is no image */
    char *bad;        /* what is wrong with it; NULL: nothing. Only with keep_bad */
} TsvRow;

typedef struct {
    FileIn file;
    char **column; /* [n_columns] */
    int n_columns;
    TsvRow *row;
    size_t n, capacity;
    size_t *slot; /* [n_slots], a hash table of the rows by index: 1 + row, 0 is free */
    size_t n_slots;
} Tsv;

typedef struct {
    size_t max_cell; /* bytes; 0: 256 MiB */
    bool
        keep_bad; /* a row with a wrong number of cells, or an index that is missing or taken, is noted as bad; else an error */
    const char
        *prefix; /* a column put before the index with an underscore, as VLMEvalKit does for RefCOCO; NULL: none */
} TsvOptions;

/* Reads the file once. Needs a column "index". tsv_close() in any case. */
bool tsv_open(Tsv *t, const char *path, const TsvOptions *o, Error *e);
void tsv_close(Tsv *t); /* of a zeroed Tsv: nothing */

int tsv_column(const Tsv *t, const char *name); /* -1: there is none */
bool tsv_need_column(const Tsv *t, const char *name, Error *e);
bool tsv_find(const Tsv *t, const char *index, size_t *row); /* by index; false: no row has it */

/* The cells of one row; used again for the next. tsv_cells_free() at the end. */
typedef struct {
    Str text;     /* all cells, each ended by NUL */
    size_t *at;   /* [n_columns + 1] where each begins */
    int n;        /* cells that the row has; those behind are missing */
    int capacity; /* of at */
} TsvCells;
bool tsv_read(const Tsv *t, size_t row, TsvCells *c, Error *e);
void tsv_cells_free(TsvCells *c);

/* A cell by the name of its column, NULL where pandas sees a missing value: no such column, empty, NA, nan, None and others of that
 * kind. *n may be NULL. */
const char *tsv_cell(const Tsv *t, const TsvCells *c, const char *column, size_t *n);
/* The same by number, as it stands in the file: "" where the row is too short. */
const char *tsv_cell_at(const TsvCells *c, int column, size_t *n);
bool tsv_is_missing(const char *text, size_t n);

/* Writing: a cell, quoted where it must be. */
void tsv_add_cell(Str *out, const char *text, size_t n);

/* Puts "FILE: row R (line L), column C: " in front of *e; returns false. `column` NULL: the row as a whole. */
bool tsv_fail_in(const Tsv *t, size_t row, const char *column, Error *e);

#endif
