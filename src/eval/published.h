/* published.h - what the paper (arXiv 2412.10302) says of the three models, and what VLMEvalKit measured (its pull request 697): to stand
 * beside figures of our own. Differences of 3 points between versions of the tools are common. */
#ifndef VL2_EVAL_PUBLISHED_H
#define VL2_EVAL_PUBLISHED_H

typedef struct {
    const char *data;  /* name of the data set that it was measured on, or the beginning of several names */
    const char *part;  /* split it is about; NULL: the data set's own figure */
    const char *label; /* as the paper calls it */
    double paper[3];   /* tiny, small, base; < 0: not known */
    double again[3];   /* VLMEvalKit's */
} Published;

/* The i-th that is about this data set; NULL behind the last. */
const Published *published_for(const char *data_name, int i);
const Published *published_at(int i); /* of all; NULL behind the last */

#endif
