/* judgement.h - one row of a benchmark with the model's answer: how right it is, and what the benchmark's figures need of it. */
#ifndef VL2_EVAL_JUDGEMENT_H
#define VL2_EVAL_JUDGEMENT_H

#include "eval/python_text.h"
#include "eval/task.h"
#include "eval/tsv.h"

typedef struct {
    char *index;
    bool numbered; /* index is a whole number */
    int64_t number;
    double score;                /* 0 to 1 */
    bool decided;                /* false: only a judge model could say; score is 0 */
    char said[8];                /* the option or yes/no that was understood; "" for other tasks */
    bool wants_yes;              /* of yes/no */
    double iou;                  /* of boxes */
    char *category, *l2, *split; /* NULL: missing */
    char *group;                 /* MME: the picture; HallusionBench: set, figure, question; MathVista: the skills */
    int table;                   /* where it stands, of several */
    size_t row;                  /* in that table */
} Judged;

typedef struct {
    const Task *task;
    int box_scale; /* 999 or 1000 */
} Judge;

/* The columns that scoring needs are there. */
bool judge_check(const Judge *j, const Tsv *t, Error *e);
/* `answer`: what the model said. Errors name row and column. judged_free() in any case. */
bool judge_row(const Judge *j, const Tsv *t, size_t row, const TsvCells *c, const char *answer, size_t n, Judged *out,
               Error *e);
void judged_free(Judged *j);
/* By number where all have one, else by index, so that figures do not depend on the order of files. */
void judged_sort(Judged *list, size_t n);

/* The texts of an answer cell: the list that it is, else itself. False and *e: a list that is none. `must`: only a list will do. */
bool reference_list(const char *cell, size_t n, bool must, PythonList *out, Error *e);
/* The reference box of a RefCOCO row, in pixels. */
bool reference_box(const Judge *j, const Tsv *t, const TsvCells *c, double box[4], double size[2]);

#endif
