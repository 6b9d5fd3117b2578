/* stop.c - see stop.h. */
#include "engine/stop.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void stop_open(StopTexts *s, const char *const *text, int n)
{
    *s = (StopTexts){ xcalloc((size_t)n, sizeof *s->text), 0 };
    for (int i = 0; i < n; i++)
        if (text[i][0]) s->text[s->n++] = xstrdup(text[i]);
}

void stop_close(StopTexts *s)
{
    for (int i = 0; i < s->n; i++) free(s->text[i]);
    free(s->text);
    *s = (StopTexts){ 0 };
}

/* Bytes at the end of text[0..n) that are a true beginning of `stop`. */
static size_t held_for(const char *text, size_t n, const char *stop)
{
    const size_t m = strlen(stop);
    for (size_t k = n < m - 1 ? n : m - 1; k > 0; k--)
        if (memcmp(text + n - k, stop, k) == 0) return k;
    return 0;
}

bool stop_check(const StopTexts *s, Str *answer, size_t released, size_t *safe)
{
    const char *begin = answer->text ? answer->text + released : "", *first = NULL;
    const size_t n = answer->n - released;
    size_t held = 0;
    for (int i = 0; i < s->n; i++) {
        const char *at = memmem(begin, n, s->text[i], strlen(s->text[i]));
        if (at && (!first || at < first)) first = at;
        const size_t h = held_for(begin, n, s->text[i]);
        if (h > held) held = h;
    }
    if (first) {
        answer->n = released + (size_t)(first - begin);
        answer->text[answer->n] = 0;
        *safe = answer->n;
        return true;
    }
    *safe = answer->n - held;
    return false;
}
