/* data_url.c - see data_url.h; RFC 2397 and RFC 4648. */
#include "serve/data_url.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

bool is_data_url(const char *url, size_t n)
{
    return n >= 5 && strncasecmp(url, "data:", 5) == 0;
}

/* 0..63; -1: not of the alphabets; -2: to be skipped; -3: padding. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    if (c == '\r' || c == '\n' || c == ' ' || c == '\t') return -2;
    return c == '=' ? -3 : -1;
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The next character with %-escapes undone; moves *at. */
static char next_char(const char *s, size_t n, size_t *at)
{
    const size_t i = (*at)++;
    if (s[i] != '%' || i + 2 >= n || hex_of(s[i + 1]) < 0 || hex_of(s[i + 2]) < 0) return s[i];
    *at += 2;
    return (char)(hex_of(s[i + 1]) << 4 | hex_of(s[i + 2]));
}

static bool decode_base64(const char *s, size_t n, Str *out, Error *e)
{
    uint32_t bits = 0;
    int held = 0;
    bool padded = false;
    for (size_t at = 0; at < n;) {
        const size_t here = at;
        const int v = value_of(next_char(s, n, &at));
        if (v == -2) continue;
        if (v == -3) {
            padded = true;
            continue;
        }
        if (v < 0 || padded)
            return fail(e, ERR_FORMAT, "the data URL: character %zu after the comma is not base64", here + 1);
        bits = bits << 6 | (uint32_t)v;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        str_putc(out, (char)(bits >> held & 0xff));
    }
    return held < 6 || fail(e, ERR_FORMAT, "the data URL: the base64 ends in the middle of a byte");
}

bool data_url_decode(const char *url, size_t n, Str *out, Error *e)
{
    static const char BASE64[] = ";base64";
    const size_t n_base64 = sizeof BASE64 - 1;
    const char *comma = memchr(url, ',', n);
    if (!comma) return fail(e, ERR_FORMAT, "the data URL has no comma, expected data:image/...;base64,...");
    const size_t head = (size_t)(comma - url);
    if (head < n_base64 || strncasecmp(comma - n_base64, BASE64, n_base64) != 0)
        return fail(e, ERR_FORMAT, "the data URL is not in base64, expected data:image/...;base64,...");
    return decode_base64(comma + 1, n - head - 1, out, e) &&
           (out->n > 0 || fail(e, ERR_FORMAT, "the data URL has no bytes after the comma"));
}
