/* answer_clean.h - what the benchmarks do to a text before they compare it, with the quirks of VLMEvalKit. */
#ifndef VL2_EVAL_ANSWER_CLEAN_H
#define VL2_EVAL_ANSWER_CLEAN_H

#include "base/str.h"

/* What the wrapper of DeepSeek-VL2 returns of an answer: special tokens gone, then every full stop at its end. Appends. */
void clean_generated(Str *out, const char *s, size_t n);

/* The punctuation of the VQA evaluation. For each mark of ; / [ ] " { } ( ) = + \ _ - > < @ ` , ? !: where the text has it next to
 * a blank, or has a comma between digits anywhere, the mark is deleted, else it becomes a blank. Then a full stop that no digit
 * follows is deleted, but only the first 32 of them: the original passes a flag where a count belongs. Appends. */
void clean_punctuation(Str *out, const char *s, size_t n);

/* The whole cleaning for the VQA score: line ends and tabs to blanks, strip, punctuation, lower case, number words from none to
 * ten as digits, no articles, contractions with their apostrophe, single blanks. Appends. */
void clean_vqa(Str *out, const char *s, size_t n);

/* Yes or no: the word that stands in a text without the other. */
typedef enum { YES_NO_UNKNOWN, YES_NO_YES, YES_NO_NO } YesNo;
YesNo clean_yes_no(const char *s, size_t n);
const char *yes_no_name(YesNo v); /* "Unknown", "Yes", "No" */

#endif
