/* fuzz_support.h - what the fuzz tests of file formats hold: a broken promise ends the program, as libFuzzer wants it. */
#ifndef VL2_TESTS_FUZZ_SUPPORT_H
#define VL2_TESTS_FUZZ_SUPPORT_H

#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

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

#endif
