/* train_history.h - what a log of training (train_log.h) tells: numbers over steps, the last run, the last samples shown.
 *
 * Nothing in the file is trusted: a line that is not JSON, is too long or is no object is passed over and counted; a
 * member that is no finite number of a sensible size is left out; keys that are not known mean nothing. A last line
 * without its end is one that is still being written: it waits for the next update.
 *
 * A resumed run begins behind its checkpoint, so steps repeat: a step takes away what the file said of it and of all after
 * it. Within a series the steps ascend. */
#ifndef VL2_TRAIN_TRAIN_HISTORY_H
#define VL2_TRAIN_TRAIN_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum {
    SERIES_LOSS,
    SERIES_HELD_OUT,
    SERIES_SCORE, /* of answers to held-out samples: mean, texts alone, boxes alone */
    SERIES_EXACT,
    SERIES_OVERLAP,
    SERIES_RATE,
    SERIES_GRAD_NORM,
    SERIES_BUSIEST,
    SERIES_BALANCE,
    SERIES_TOKENS,
    SERIES_SECONDS,
    SERIES_KINDS
} SeriesKind;

extern const char *const SERIES_KEY[SERIES_KINDS]; /* as the log and --json call it */

typedef struct {
    int64_t step; /* 0 to 2^53 */
    double value; /* finite, |value| <= 1e30 */
} Point;

typedef struct {
    Point *point; /* steps ascend */
    int n, capacity;
} Series;

typedef struct {
    char *path;
    Series series[SERIES_KINDS];
    int runs;         /* lines that begin one */
    int64_t steps;    /* that the last run is to take; 0: not known */
    char *model;      /* of the last run, UTF-8; NULL: not known */
    json_t *samples;  /* the last "samples_shown", an array; NULL: none */
    int64_t shown_at; /* its step */
    int64_t bad_lines;
    size_t read_to; /* bytes of the file that are behind us */
} TrainHistory;

/* Nothing is read yet. */
void train_history_open(TrainHistory *h, const char *path);
/* Reads what was added since; from the beginning if the file has become shorter. False: the file cannot be read or is
 * longer than 1 GiB; what was known stays. */
bool train_history_update(TrainHistory *h, Error *e);
void train_history_close(TrainHistory *h); /* of a zeroed one: nothing */

/* The mean of the points [from, to), not empty. */
double series_mean(const Series *s, int from, int to);
/* NULL if there is none; the first of equals. */
const Point *series_lowest(const Series *s);
const Point *series_highest(const Series *s);

/* {"log", "runs", "steps", "model", "bad_lines", "series": {"loss": {"points", "first": {"step", "value"}, "last",
 * "lowest", "highest"}, ...}}; series without points are left out. Caller: json_decref(). */
json_t *train_history_summary(const TrainHistory *h);

#endif
