/* str.c - see str.h. */
#include "base/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void reserve(Str *s, size_t more)
{
    size_t want = s->n + more + 1;
    if (want <= s->capacity) return;
    if (want < 2 * s->capacity) want = 2 * s->capacity;
    if (want < 64) want = 64;
    s->text = xrealloc(s->text, want, 1);
    s->capacity = want;
}

void str_add(Str *s, const char *bytes, size_t n)
{
    reserve(s, n);
    if (n) memcpy(s->text + s->n, bytes, n);
    s->n += n;
    s->text[s->n] = 0;
}

void str_puts(Str *s, const char *text)
{
    str_add(s, text, strlen(text));
}

void str_putc(Str *s, char c)
{
    str_add(s, &c, 1);
}

void str_printf(Str *s, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    reserve(s, (size_t)n);
    vsnprintf(s->text + s->n, (size_t)n + 1, fmt, again);
    va_end(again);
    s->n += (size_t)n;
}

void str_clear(Str *s)
{
    s->n = 0;
    str_add(s, "", 0);
}

void str_free(Str *s)
{
    free(s->text);
    *s = (Str){ 0 };
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    const size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

/* Number of continuation bytes after `lead` and the range of the first of them (Unicode table 3-7); -1 if no lead. */
static int continuation(unsigned char lead, unsigned char *lo, unsigned char *hi)
{
    *lo = 0x80;
    *hi = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) return 1;
    if (lead == 0xe0) return *lo = 0xa0, 2;
    if (lead == 0xed) return *hi = 0x9f, 2;
    if (lead >= 0xe1 && lead <= 0xef) return 2;
    if (lead == 0xf0) return *lo = 0x90, 3;
    if (lead == 0xf4) return *hi = 0x8f, 3;
    if (lead >= 0xf1 && lead <= 0xf3) return 3;
    return -1;
}

int utf8_decode(const char *s, size_t n, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)s;
    unsigned char lo, hi;
    if (p[0] < 0x80) return *cp = p[0], 1;
    const int more = continuation(p[0], &lo, &hi);
    if (more < 0) return -1;
    uint32_t c = p[0] & (0x3fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((size_t)i >= n || p[i] < lo || p[i] > hi) return -i;
        c = c << 6 | (p[i] & 0x3fu);
        lo = 0x80, hi = 0xbf;
    }
    *cp = c;
    return more + 1;
}

int utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) return out[0] = (char)cp, 1;
    const int more = cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
    out[0] = (char)(lead[more] | cp >> (6 * more));
    for (int i = 1; i <= more; i++) out[i] = (char)(0x80 | (cp >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

bool utf8_is_valid(const char *s, size_t n)
{
    uint32_t cp;
    for (size_t i = 0; i < n;) {
        const int k = utf8_decode(s + i, n - i, &cp);
        if (k < 0) return false;
        i += (size_t)k;
    }
    return true;
}

bool utf8_is_partial(const char *s, size_t n)
{
    unsigned char lo, hi;
    uint32_t cp;
    const int more = continuation((unsigned char)s[0], &lo, &hi);
    return more > 0 && n <= (size_t)more && utf8_decode(s, n, &cp) == -(int)n;
}

void str_add_lossy(Str *s, const char *bytes, size_t n)
{
    uint32_t cp;
    size_t begin = 0; /* of the well-formed part that is not added yet */
    for (size_t i = 0; i < n;) {
        const int k = utf8_decode(bytes + i, n - i, &cp);
        if (k < 0) {
            str_add(s, bytes + begin, i - begin);
            str_add(s, "\xef\xbf\xbd", 3);
            begin = i + (size_t)-k;
        }
        i += (size_t)(k > 0 ? k : -k);
    }
    str_add(s, bytes + begin, n - begin);
}

/* U+001C..1F are among them, unlike White_Space. */
bool is_python_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

void strip_space(const char **s, size_t *n)
{
    uint32_t cp;
    while (*n) {
        const int k = utf8_decode(*s, *n, &cp);
        if (k < 0 || !is_python_space(cp)) break;
        *s += k, *n -= (size_t)k;
    }
    while (*n) {
        size_t i = *n - 1;
        while (i > 0 && ((unsigned char)(*s)[i] & 0xc0) == 0x80) i--;
        if (utf8_decode(*s + i, *n - i, &cp) < 0 || !is_python_space(cp)) break;
        *n = i;
    }
}

const char *human_bytes(uint64_t bytes, char buf[32])
{
    static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
    double v = (double)bytes;
    int i = 0;
    while (v >= 999.5 && i < 6) v /= 1000, i++;
    snprintf(buf, 32, i == 0 ? "%.0f %s" : v < 9.995 ? "%.2f %s" : v < 99.95 ? "%.1f %s" : "%.0f %s", v, unit[i]);
    return buf;
}
