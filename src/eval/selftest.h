/* selftest.h - does a model work as the authors' does? Its files, its numbers, what its stages compute of a picture that is made here,
 * and, with the pictures of the official repository, the answers that its README publishes: boxes by IoU, texts by their words. */
#ifndef VL2_EVAL_SELFTEST_H
#define VL2_EVAL_SELFTEST_H

#include "base/str.h"
#include "vl2.h"

typedef enum { CHECK_PASSED, CHECK_FAILED, CHECK_NOT_DONE } CheckState;

typedef struct {
    const char *name; /* "files", "numbers", ... */
    CheckState state;
    char *text; /* what was found */
} SelfCheck;

/* One stage of the forward pass: the checksum is of the bits, so it is that of this --compute and --cpu alone; size and mean are for
 * comparing with other programs. */
typedef struct {
    const char *name;
    uint64_t checksum;
    double mean_abs, largest; /* of the absolute values */
    size_t rows, cols;
} Stage;

typedef enum { VERDICT_WORKS, VERDICT_SEEMS_RIGHT, VERDICT_UNPUBLISHED, VERDICT_BROKEN } Verdict;

enum { MOST_CHECKS = 16, MOST_STAGES = 8 };

typedef struct {
    SelfCheck check[MOST_CHECKS];
    int n_checks;
    Stage stage[MOST_STAGES];
    int n_stages;
    const char *published; /* which of the published models its shapes are; NULL: none */
    Verdict verdict;
} SelfTest;

typedef struct {
    const Vl2Options *engine; /* the model in it is what is tested */
    const char *pictures;     /* folder `images` of the official repository; NULL: its prompts are not asked */
} SelfTestOptions;

/* An answer that is known: a box, or a text. */
typedef struct {
    const char *by; /* the published model that gave it; NULL: boxes, which all should find */
    const char *picture[3], *prompt;
    double box[4];    /* 0 to 999 */
    const char *text; /* NULL: the box is what counts */
} KnownAnswer;

/* What counts as the same: greedy decoding in other number types goes astray now and then. */
#define SAME_BOX  0.5 /* intersection over union */
#define SAME_TEXT 0.5 /* text_likeness() */

/* Always fills *out; a model that cannot be opened is a check that failed. */
void selftest_run(const SelfTestOptions *o, SelfTest *out);
void selftest_free(SelfTest *t);

const char *selftest_verdict(const SelfTest *t); /* a sentence */

/* ---- its parts ---- */

/* Puts one prompt to the model, with pictures of `folder`, and adds the check "README". */
void selftest_ask(SelfTest *t, Vl2Engine *engine, const char *folder, const KnownAnswer *known);

/* 0 to 1: words that both texts have (each as often as the rarer has it), over the mean of their numbers of words. Case and all that is
 * no letter, digit or part of a word do not count. */
double text_likeness(const char *a, const char *b);

#endif
