/* task.h - the benchmarks that are known: how each asks, how an answer is scored, how scores become the benchmark's figures. A
 * benchmark is one row of a table; its data file is named as VLMEvalKit names it (DocVQA_VAL.tsv). */
#ifndef VL2_EVAL_TASK_H
#define VL2_EVAL_TASK_H

#include <stdbool.h>

typedef enum {
    ASK_STORED, /* pictures, then the question as it is */
    ASK_SHORT,  /* and the request for a single word or phrase */
    ASK_CHOICE, /* hint, question, options, the request to select */
    ASK_MMMU,   /* the same with pictures where the question names them */
    ASK_TAGGED  /* the question has its own <image> tags */
} AskKind;

typedef enum {
    SCORE_ANLS,
    SCORE_RELAXED,
    SCORE_VQA,
    SCORE_EXACT,
    SCORE_CONTAINS,
    SCORE_YES_NO,
    SCORE_CHOICE,
    SCORE_MATHVISTA,
    SCORE_BOX,
    SCORE_SCENES
} ScoreKind;

typedef enum {
    RATE_MEAN, /* over all, by split, else by category */
    RATE_OCRBENCH,
    RATE_MME,
    RATE_HALLUSION,
    RATE_POPE,
    RATE_CHOICE,   /* over all, by split, l2-category and category */
    RATE_CIRCULAR, /* and all rotations of a question at once */
    RATE_MMT,      /* as choices, l2-category the mean of its categories */
    RATE_MATHVISTA,
    RATE_REFCOCO,
    RATE_SCENES
} RateKind;

typedef struct {
    const char *name; /* data files are called this, or this and "_..." */
    AskKind ask;
    ScoreKind score;
    RateKind rate;
    const char *metric; /* for people */
    const char *needs;  /* columns beside index, question and answer, apart by blanks */
} Task;

/* For a data set's name or path: "DocVQA_VAL", "data/DocVQA_VAL.tsv". NULL: none. */
const Task *task_find(const char *name);
const Task *task_at(int i); /* NULL behind the last */

/* "DocVQA_VAL" of "data/DocVQA_VAL.tsv"; caller frees. */
char *task_data_name(const char *path);

#endif
