/* rating.h - the figures of a benchmark from its judged rows, as VLMEvalKit adds them up. */
#ifndef VL2_EVAL_RATING_H
#define VL2_EVAL_RATING_H

#include "eval/judgement.h"

typedef struct {
    char *part;   /* "Overall", "split", "category", ...: what kind of part of the data */
    char *name;   /* of the part; "" of the whole */
    char *figure; /* "accuracy", "acc+", "F1", ... */
    double value;
    size_t n;    /* rows, or groups of rows, that it is about */
    double most; /* of the value: 100, or the points there are */
} RatingLine;

typedef struct {
    RatingLine *line; /* the first is the benchmark's own figure */
    int n, capacity;
} Rating;

/* Sorts the rows (judged_sort). Without rows the rating has no lines. */
void rate(const Task *task, Judged *list, size_t n, Rating *out);
void rating_free(Rating *r);

/* Wilson's interval of a share: `right` of n (right may be a sum of parts of 1), 95 %. */
void rating_interval(double right, size_t n, double *low, double *high);

#endif
