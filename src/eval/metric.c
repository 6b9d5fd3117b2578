/* metric.c - see metric.h. */
#include "eval/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/answer_clean.h"

/* ---- ANLS ---- */

/* Lower case, single blanks, as code points; caller frees. */
static uint32_t *points_of(const char *s, size_t n, size_t *n_points)
{
    Str lower = { 0 };
    uint32_t *point = xcalloc(2 * n + 1, sizeof *point);
    const char *word;
    size_t n_word, count = 0;
    python_lower(&lower, s, n);
    const char *rest = lower.text;
    size_t n_rest = lower.n;
    while (python_word(&rest, &n_rest, &word, &n_word)) {
        if (count) point[count++] = ' ';
        for (size_t i = 0; i < n_word;) {
            const int k = utf8_decode(word + i, n_word - i, &point[count]);
            if (k < 0) point[count] = 0xfffd;
            i += (size_t)(k > 0 ? k : -k);
            count++;
        }
    }
    str_free(&lower);
    *n_points = count;
    return point;
}

static size_t edit_distance(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b)
{
    size_t *row = xcalloc(n_b + 1, sizeof *row);
    for (size_t j = 0; j <= n_b; j++) row[j] = j;
    for (size_t i = 0; i < n_a; i++) {
        size_t corner = row[0]; /* of the row above, one to the left */
        row[0] = i + 1;
        for (size_t j = 0; j < n_b; j++) {
            const size_t above = row[j + 1], left = row[j];
            const size_t least = above < left ? above : left;
            row[j + 1] = a[i] == b[j] ? corner : 1 + (corner < least ? corner : least);
            corner = above;
        }
    }
    const size_t distance = row[n_b];
    free(row);
    return distance;
}

static double normalised_distance(const char *reference, size_t n_reference, const char *s, size_t n)
{
    size_t n_a, n_b;
    uint32_t *a = points_of(reference, n_reference, &n_a), *b = points_of(s, n, &n_b);
    const size_t distance = edit_distance(a, n_a, b, n_b);
    const size_t raw_a = python_length(reference, n_reference), raw_b = python_length(s, n);
    const size_t length = raw_a > raw_b ? raw_a : raw_b;
    free(a);
    free(b);
    return length ? (double)distance / (double)length : 0;
}

double metric_anls(const PythonList *reference, const char *s, size_t n)
{
    double least = 1;
    for (int i = 0; i < reference->n; i++) {
        const double d = normalised_distance(reference->text[i], reference->n_text[i], s, n);
        if (d < least) least = d;
    }
    return 1 - least < 0.5 ? 0 : 1 - least;
}

/* ---- relaxed accuracy ---- */

static bool same_in_lower(const char *a, size_t n_a, const char *b, size_t n_b)
{
    Str x = { 0 }, y = { 0 };
    python_lower(&x, a, n_a);
    python_lower(&y, b, n_b);
    const bool same = x.n == y.n && memcmp(x.text, y.text, x.n) == 0;
    str_free(&x);
    str_free(&y);
    return same;
}

/* Every percent sign at the end goes, and one of them or more divide by 100. */
static bool to_number(const char *s, size_t n, double *out)
{
    const bool percent = n > 0 && s[n - 1] == '%';
    while (n > 0 && s[n - 1] == '%') n--;
    if (!python_float(s, n, out)) return false;
    if (percent) *out /= 100;
    return true;
}

static bool relaxed(const char *reference, size_t n_reference, const char *s, size_t n)
{
    double given, wanted;
    if (to_number(s, n, &given) && to_number(reference, n_reference, &wanted) && wanted != 0)
        return fabs(given - wanted) / fabs(wanted) <= 0.05;
    return same_in_lower(reference, n_reference, s, n);
}

double metric_relaxed(const PythonList *reference, const char *s, size_t n)
{
    strip_space(&s, &n);
    for (int i = 0; i < reference->n; i++)
        if (relaxed(reference->text[i], reference->n_text[i], s, n)) return 1;
    return 0;
}

/* ---- VQA score ---- */

double metric_vqa(const PythonList *reference, const char *s, size_t n)
{
    Str answer = { 0 };
    int matching = 0;
    clean_vqa(&answer, s, n);
    bool *same = xcalloc((size_t)reference->n, sizeof *same);
    for (int i = 0; i < reference->n; i++) {
        Str cleaned = { 0 };
        clean_vqa(&cleaned, reference->text[i], reference->n_text[i]);
        same[i] = strcmp(cleaned.text, answer.text) == 0;
        matching += same[i];
        str_free(&cleaned);
    }
    double sum = 0;
    for (int i = 0; i < reference->n; i++) sum += fmin(1, (matching - same[i]) / 3.0);
    free(same);
    str_free(&answer);
    return reference->n ? sum / reference->n : 0;
}

/* ---- sameness ---- */

double metric_exact(const PythonList *reference, const char *s, size_t n)
{
    strip_space(&s, &n);
    for (int i = 0; i < reference->n; i++) {
        const char *r = reference->text[i];
        size_t n_r = reference->n_text[i];
        strip_space(&r, &n_r);
        if (same_in_lower(r, n_r, s, n)) return 1;
    }
    return 0;
}

/* What OCRBench compares. Line ends inside become blanks after the ends are stripped. */
static void ocr_text(Str *out, const char *s, size_t n, bool formula)
{
    Str lower = { 0 };
    if (formula)
        str_add(&lower, s, n);
    else
        python_lower(&lower, s, n);
    const char *inner = lower.text;
    size_t n_inner = lower.n;
    strip_space(&inner, &n_inner);
    for (size_t i = 0; i < n_inner; i++) {
        const char c = inner[i] == '\n' ? ' ' : inner[i];
        if (!formula || c != ' ') str_putc(out, c);
    }
    str_add(out, "", 0);
    str_free(&lower);
}

double metric_contains(const PythonList *reference, const char *s, size_t n, bool formula)
{
    Str answer = { 0 };
    bool found = false;
    ocr_text(&answer, s, n, formula);
    for (int i = 0; i < reference->n && !found; i++) {
        Str part = { 0 };
        ocr_text(&part, reference->text[i], reference->n_text[i], formula);
        found = memmem(answer.text, answer.n, part.text, part.n) != NULL;
        str_free(&part);
    }
    str_free(&answer);
    return found;
}
