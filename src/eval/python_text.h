/* python_text.h - the few functions of Python on texts that the definitions of the benchmarks rest on. Texts are UTF-8;
 * what is ill-formed passes through unchanged. */
#ifndef VL2_EVAL_PYTHON_TEXT_H
#define VL2_EVAL_PYTHON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* str.lower(), character by character: without the two that become two (U+0130) or ask for the word's end (U+03A3). Appends. */
void python_lower(Str *out, const char *s, size_t n);

/* str.split(): the next word of *s[0..*n) between white space, which moves on behind it. */
bool python_word(const char **s, size_t *n, const char **word, size_t *n_word);

size_t python_length(const char *s, size_t n); /* len(): code points */

/* float(s), int(s): white space around, digits grouped by single underscores; inf and nan for float. False: ValueError. */
bool python_float(const char *s, size_t n, double *out);
bool python_int(const char *s, size_t n, int64_t *out); /* false also beyond 64 bits */

/* A list or tuple of texts and numbers as Python writes it; numbers, True, False and None are kept as they are written. */
typedef struct {
    char **text; /* [n], each ends with NUL */
    size_t *n_text;
    int n, capacity;
} PythonList;

/* False: s[0..n) is not such a literal; nothing is ever evaluated. *out is to be freed in any case. */
bool python_list(const char *s, size_t n, PythonList *out);
void python_list_free(PythonList *l);

#endif
