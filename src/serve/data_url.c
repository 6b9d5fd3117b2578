/* data_url.c - see data_url.h; RFC 2397, and what differs from it in practice. */
#include "serve/data_url.h"

#include <string.h>
#include <strings.h>

#include "base/base64.h"

bool is_data_url(const char *url, size_t n)
{
    return n >= 5 && strncasecmp(url, "data:", 5) == 0;
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The letters of RFC 4648 section 4, whatever they were written as: %-escapes, the alphabet of URLs. */
static void add_letters(Str *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '%' && n - i > 2 && hex_of(s[i + 1]) >= 0 && hex_of(s[i + 2]) >= 0) {
            c = (char)(hex_of(s[i + 1]) << 4 | hex_of(s[i + 2]));
            i += 2;
        }
        str_putc(out, c == '-' ? '+' : c == '_' ? '/' : c);
    }
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
    Str letters = { 0 };
    str_add(&letters, "", 0);
    add_letters(&letters, comma + 1, n - head - 1);
    const bool ok = base64_decode(letters.text, letters.n, out, e) || fail_in(e, "the data URL");
    str_free(&letters);
    return ok && (out->n > 0 || fail(e, ERR_FORMAT, "the data URL has no bytes after the comma"));
}
