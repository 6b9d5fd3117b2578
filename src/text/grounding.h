/* grounding.h - boxes in an answer: <|ref|>label<|/ref|><|det|>[[x1, y1, x2, y2], ...]<|/det|>, integers 0..999.
 *
 * Strict: exactly what the official parse_ref_bbox() accepts, where the lists hold numbers; it evaluates them as
 * Python, here they are read and nothing is ever evaluated.
 *
 * Tolerant: reads on where that gives up - a tag that is not closed, odd or nested lists, a det without ref, parts
 * of 1, values out of range, corners in the wrong order - and says in `repairs` what it did. */
#ifndef VL2_TEXT_GROUNDING_H
#define VL2_TEXT_GROUNDING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

typedef struct {
    char *label;    /* owned by the Grounding; shared by the boxes of one ref */
    int group;      /* index of the ref/det pair: boxes of one label share it */
    double norm[4]; /* x1, y1, x2, y2 as written, 0..999 */
} Box;

typedef struct {
    Box *box;
    size_t n;
    Str repairs; /* one line each; empty: nothing was repaired */
} Grounding;

/* False: the strict form does not hold (the official function returns None), or there are no boxes at all. */
bool grounding_parse_strict(const char *text, size_t n, Grounding *out);
/* True if at least one box was found; *out is to be freed in any case, for its repairs. */
bool grounding_parse_tolerant(const char *text, size_t n, Grounding *out);
void grounding_free(Grounding *g);

/* Writing: <|ref|>label<|/ref|>, and <|det|>[[x1, y1, x2, y2], ...]<|/det|> for n > 0 boxes in 0..999. Appends. */
void grounding_add_ref(Str *out, const char *label, size_t n);
void grounding_add_det(Str *out, const int (*box)[4], int n);

/* int(v / 999 * size) in double, truncated toward zero, not clamped. */
int grounding_pixel(double v, int size);
/* The nearest of 0..999 for a pixel edge, 0 <= pixel <= size. Back through grounding_pixel() it is off by no more than half
 * a step of size / 999, and the part of a pixel that is cut off there. */
int grounding_norm(double pixel, double size);

#endif
