/* answer_log.h - the answers of a run as JSON lines, one for each row in the order of the run, on the disk as soon as they are there:
 * {"index", "model", "question", "prediction", "finish", "tokens"}, or {"index", "model", "question", "bad"} of a row that was passed over. What a
 * killed run left is read again; a line that was cut off goes. */
#ifndef VL2_EVAL_ANSWER_LOG_H
#define VL2_EVAL_ANSWER_LOG_H

#include <stdio.h>

#include "eval/tsv.h"

typedef struct {
    char *path;
    FILE *f;
    const char *model;
    const Tsv *table;
    const size_t *chosen; /* [n_chosen] rows of the run */
    size_t n_chosen;
    char **prediction; /* [n_chosen]; NULL: bad, or not there yet */
    size_t n;          /* lines that are there */
    size_t n_bad;
} AnswerLog;

/* The pointers must live as long as the log. Lines of another model or other rows are errors, and so is a file that
 * another run has open. answer_log_close() in any case. */
bool answer_log_open(AnswerLog *l, const char *path, const char *model, const Tsv *table, const size_t *chosen,
                     size_t n_chosen, Error *e);
void answer_log_close(AnswerLog *l);

typedef struct {
    const char *prediction; /* NULL: bad */
    const char *finish, *bad;
    int tokens;
} LoggedAnswer;
/* Of the next row, whose cells are in c (NULL: they cannot be read). */
bool answer_log_add(AnswerLog *l, const TsvCells *c, const LoggedAnswer *a, Error *e);

/* The table without column image and with a column prediction, as VLMEvalKit keeps answers; bad rows are left out. */
bool answer_log_write_tsv(const AnswerLog *l, const char *path, Error *e);

#endif
