/* metric.h - how right one answer is, 0 to 1, as VLMEvalKit counts it. `reference`: the texts of the answer cell. */
#ifndef VL2_EVAL_METRIC_H
#define VL2_EVAL_METRIC_H

#include "eval/python_text.h"

/* 1 - d / length of the nearest reference, 0 below one half: d is the edit distance in code points of both texts in lower case with
 * single blanks, `length` that of the longer text as it was given. Two empty texts are alike. */
double metric_anls(const PythonList *reference, const char *s, size_t n);

/* 1 if one of the references is met: both numbers ("25%" is 0.25) and the reference not 0: within 5 %, else the same in lower case.
 * The answer is stripped, the reference is not. */
double metric_relaxed(const PythonList *reference, const char *s, size_t n);

/* The mean over the references of min(1, others that equal the answer / 3), all cleaned (clean_vqa). A lone reference gives 0. */
double metric_vqa(const PythonList *reference, const char *s, size_t n);

/* 1 if a reference is the answer, both stripped and in lower case. */
double metric_exact(const PythonList *reference, const char *s, size_t n);

/* OCRBench: 1 if a reference is part of the answer, both in lower case, stripped, line ends as blanks. `formula`: case counts, blanks
 * do not. */
double metric_contains(const PythonList *reference, const char *s, size_t n, bool formula);

#endif
