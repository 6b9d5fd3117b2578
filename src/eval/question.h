/* question.h - what the model is asked about one row: the text and the pictures, bit for bit as VLMEvalKit's wrapper of DeepSeek-VL2
 * builds them. */
#ifndef VL2_EVAL_QUESTION_H
#define VL2_EVAL_QUESTION_H

#include "eval/task.h"
#include "eval/tsv.h"
#include "vl2.h"

typedef struct {
    Str content;         /* with one <image> for each picture */
    Vl2Picture *picture; /* [n_pictures]; bytes and names are owned */
    int n_pictures, capacity;
} Question;

typedef struct {
    const Task *task;
    bool mmmu_wrapper; /* the wrapper's special case, for the data set MMMU_DEV_VAL alone */
} Asking;

Asking asking_of(const Task *task, const char *data_name);

/* Errors name row and column. `blind_row`: the row whose pictures are put in the place of these; `row` itself: none. question_free()
 * in any case. */
bool question_build(const Asking *a, const Tsv *t, size_t row, const TsvCells *c, size_t blind_row, Question *q,
                    Error *e);
void question_free(Question *q);

/* The pictures of a row, encoded as they are. The cell "image" holds base64, a list of them, or (at most 64 characters) the index of
 * the row that has the picture; without it "image_path" names files, relative to the table. */
bool question_pictures(const Tsv *t, size_t row, const TsvCells *c, Question *q, Error *e);
/* A row has a picture of its own kind; rows without one are no questions. */
bool question_has_picture(const Tsv *t, const TsvCells *c);

#endif
