/* stop.h - stop texts in a stream: what could be the beginning of one is held back until it is known. */
#ifndef VL2_ENGINE_STOP_H
#define VL2_ENGINE_STOP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

typedef struct {
    char **text; /* owned copies; empty ones are left out */
    int n;
} StopTexts;

void stop_open(StopTexts *s, const char *const *text, int n);
void stop_close(StopTexts *s);

/* `answer` holds all text so far, `released` of it may not change any more. Returns true if a stop text stands in it: the
 * answer is cut before the first one. Sets *safe to the length that may be shown now. */
bool stop_check(const StopTexts *s, Str *answer, size_t released, size_t *safe);

#endif
