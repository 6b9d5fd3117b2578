/* eval_run.h - a benchmark put to a model: every row greedily, several at a time, answers on the disk as they come. What a run left
 * is gone on with; since an answer does not depend on what runs beside it, the files are those of a run in one go. */
#ifndef VL2_EVAL_EVAL_RUN_H
#define VL2_EVAL_EVAL_RUN_H

#include "eval/answer_log.h"
#include "eval/judgement.h"
#include "eval/question.h"

typedef struct {
    const Task *task;
    const char *data;  /* the table's path */
    const char *name;  /* of the data set */
    const char *model; /* as it is called in the files */
    const char *base;  /* the files are BASE.jsonl and BASE.tsv */
    size_t limit;      /* rows; 0: all */
    int shard, shards; /* rows shard - 1, + shards, ...; shards 0: all */
    bool skip_bad;     /* rows that cannot be asked are counted; else the first is an error */
    bool blind;        /* the pictures of another row of the same category: what can be told without seeing */
    int together;      /* requests that run at once */
    int max_tokens;
    int box_scale;
    size_t max_cell;
} EvalPlan;

typedef struct {
    size_t done, total, bad;
    double score; /* mean of the rows that are judged, in percent; < 0: none */
} EvalProgress;

typedef struct {
    void (*progress)(void *context, const EvalProgress *p);
    void (*bad)(void *context, const char *text); /* a row was passed over, and why */
    bool (*stop)(void *context);                  /* true: leave, what is there stays */
    void *context;
} EvalHooks;

typedef struct {
    size_t done, total, bad, resumed;
    bool stopped;
    bool has_answers; /* the table says what is right, so the answers can be scored */
} EvalOutcome;

/* Writes BASE.jsonl, and when all rows are done BASE.tsv. */
bool eval_run(const EvalPlan *p, Vl2Engine *engine, const EvalHooks *hooks, EvalOutcome *out, Error *e);

/* How tables of this task are opened. */
TsvOptions eval_tsv_options(const Task *task, bool skip_bad, size_t max_cell);

#endif
