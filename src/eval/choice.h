/* choice.h - which option of a multiple choice question an answer means, without a judge model: the rules that VLMEvalKit calls
 * exact matching. */
#ifndef VL2_EVAL_CHOICE_H
#define VL2_EVAL_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

enum { CHOICES = 26 };

typedef struct {
    const char *text[CHOICES]; /* of A to Z; NULL: no such option */
    size_t n[CHOICES];
} Choices;

/* By a letter: 'A' to 'Z', where 'Z' also says that the answer refuses, or 0. With .()[],:;!*#{} as blanks, exactly one option's
 * letter must stand as a word, first among the last four words; else "answer is X". */
char choice_by_letter(const Choices *c, const char *s, size_t n);
/* By its text: exactly one option's text is part of the answer, in lower case, and the answer is at most twice as long as all
 * options together; else 0. */
char choice_by_text(const Choices *c, const char *s, size_t n);
/* The first, else the second, else 0. */
char choice_infer(const Choices *c, const char *s, size_t n);

#endif
