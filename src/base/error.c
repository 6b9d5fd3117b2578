/* error.c - see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Control characters, and what is not UTF-8 (a library may cut its messages anywhere), become '?'. */
static void make_printable(char *s)
{
    for (size_t i = 0, n = strlen(s); i < n;) {
        uint32_t cp = 0;
        const int k = utf8_decode(s + i, n - i, &cp);
        const size_t length = k > 0 ? (size_t)k : 1;
        if (k < 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) memset(s + i, '?', length);
        i += length;
    }
}

/* A cut in the middle of a UTF-8 sequence would make the text invalid: drop the started character. */
static void trim_partial_utf8(char *s, size_t n)
{
    size_t i = n;
    while (i > 0 && n - i < 4 && ((unsigned char)s[i - 1] & 0xc0) == 0x80) i--;
    if (i == 0) return;
    const unsigned char lead = (unsigned char)s[i - 1];
    const size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (n - (i - 1) < want) s[i - 1] = 0;
}

bool fail(Error *e, ErrorCode code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof e->text) trim_partial_utf8(e->text, sizeof e->text - 1);
    make_printable(e->text);
    e->code = code;
    return false;
}

bool fail_in(Error *e, const char *fmt, ...)
{
    char text[sizeof e->text];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > (int)sizeof text - 1) n = (int)sizeof text - 1;
    const int m = snprintf(text + n, sizeof text - (size_t)n, ": %s", e->text);
    if (n + m >= (int)sizeof text) trim_partial_utf8(text, sizeof text - 1);
    make_printable(text);
    memcpy(e->text, text, sizeof text);
    return false;
}
