/* detokenize.h - ids to text, whole or as a stream that emits whole characters only. */
#ifndef VL2_TEXT_DETOKENIZE_H
#define VL2_TEXT_DETOKENIZE_H

#include "base/str.h"
#include "text/tokenizer.h"

typedef struct {
    const Tokenizer *tokenizer;
    bool skip_special;
    char held[4]; /* an incomplete, so far valid UTF-8 sequence */
    int n_held;
} Detokenizer;

/* Appends to *out what id makes certain; ill-formed bytes become U+FFFD as soon as they are known to be. */
void detokenize_push(Detokenizer *d, int32_t id, Str *out);
void detokenize_flush(Detokenizer *d, Str *out); /* the end of the stream: what is held is ill-formed */

void detokenize(const Tokenizer *t, const int32_t *ids, size_t n, bool skip_special, Str *out);

#endif
