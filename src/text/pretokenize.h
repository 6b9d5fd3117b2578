/* pretokenize.h - cuts a text into the pieces that byte pairs are merged in, as tokenizer.json's `pre_tokenizer`
 * says. */
#ifndef VL2_TEXT_PRETOKENIZE_H
#define VL2_TEXT_PRETOKENIZE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

typedef struct Pretokenizer Pretokenizer; /* immutable once opened */

/* Bytes [begin, end) of a text. */
typedef struct {
    uint32_t begin, end;
} Span;

typedef struct {
    Span *span;
    size_t n, capacity;
} Spans;

/* The room to work in, kept from text to text; one for each thread. Zeroed at first. */
typedef struct {
    const char *text; /* what `pieces` cuts: the caller's text, or the copy where a step puts spaces in */
    Spans pieces;
    /* of the steps */
    Spans cut, found;
    Str spaced;
    struct OnigMatchParamStruct *limits;
    struct re_registers *region;
} PretokenizeWork;

/* `config` is the member of tokenizer.json. NULL and *e if it is not one that vl2 knows, or a pattern does not compile.
 * `only_oniguruma`: no pattern is matched by class_pattern.h; the same pieces, slowly, for tests to compare with. */
Pretokenizer *pretokenizer_open(const json_t *config, bool only_oniguruma, const char *where, Error *e);
void pretokenizer_close(Pretokenizer *p); /* of NULL: nothing */

/* Fills w->text and w->pieces. The text is valid UTF-8 of less than 2^31 bytes. False: a pattern gave up. */
bool pretokenize(const Pretokenizer *p, const char *text, size_t n, PretokenizeWork *w, Error *e);
void pretokenize_work_free(PretokenizeWork *w);

#endif
