/* scores.h - tables of answers, ours or VLMEvalKit's, read and judged: the rows and the benchmark's figures. Several tables are the
 * shards of one run. */
#ifndef VL2_EVAL_SCORES_H
#define VL2_EVAL_SCORES_H

#include <jansson.h>

#include "eval/rating.h"

typedef struct {
    const Task *task;
    Tsv *table; /* [n_tables] */
    int n_tables;
    Judged *row; /* [n], sorted */
    size_t n;
    size_t n_bad; /* rows that could not be judged */
    Rating rating;
} Scores;

typedef struct {
    const Task *task;
    int box_scale;
    bool skip_bad;
    size_t max_cell;
} ScoreOptions;

/* Needs a column "prediction"; an index in two tables is an error. scores_close() in any case. */
bool scores_open(Scores *s, const char *const *paths, int n_paths, const ScoreOptions *o, Error *e);
void scores_close(Scores *s);

/* The mean of the rows' scores in percent, with its 95 % interval: what two runs are compared by. */
double scores_mean(const Scores *s, double *low, double *high);

/* {"task", "metric", "rows", "bad", "scores": [{"part", "name", "figure", "value", "of", "rows"}]} */
json_t *scores_json(const Scores *s, const char *data_name, const char *model);

#endif
