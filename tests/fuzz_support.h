/* fuzz_support.h - what the fuzz tests of file formats hold: a broken promise ends the program, as libFuzzer wants it. */
#ifndef VL2_TESTS_FUZZ_SUPPORT_H
#define VL2_TESTS_FUZZ_SUPPORT_H

#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/str.h"

static inline void require(bool holds)
{
    if (!holds) abort();
}

/* One line of printable text and a code. */
static inline void check_error(const Error *e)
{
    require(e->code != ERR_NONE && e->text[0]);
    for (const char *p = e->text; *p; p++) require((unsigned char)*p >= 0x20);
}

/* Up to `most` times a byte changed, a piece taken out, the end cut off, or one of the words put in or in the place of a piece. */
static inline void mutate_text(Rng *r, Str *s, const char *const *words, size_t n_words, uint64_t most)
{
    for (uint64_t times = 1 + rng_next(r) % most; times > 0 && s->n > 0; times--) {
        const size_t at = rng_next(r) % s->n, length = 1 + rng_next(r) % 12;
        const size_t end = at + length < s->n ? at + length : s->n;
        Str out = { 0 };
        str_add(&out, s->text, at);
        switch (rng_next(r) % 5) {
        case 0: str_putc(&out, (char)rng_next(r)), str_add(&out, s->text + at + 1, s->n - at - 1); break;
        case 1: str_add(&out, s->text + end, s->n - end); break;
        case 2: break; /* cut off */
        case 3: str_puts(&out, words[rng_next(r) % n_words]), str_add(&out, s->text + at, s->n - at); break;
        case 4: str_puts(&out, words[rng_next(r) % n_words]), str_add(&out, s->text + end, s->n - end); break;
        }
        str_free(s);
        *s = out;
    }
    str_add(s, "", 0);
}

#endif
