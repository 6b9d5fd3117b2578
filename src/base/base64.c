/* base64.c - see base64.h. */
#include "base/base64.h"

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_add(Str *out, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (; n > 0; p += 3) {
        const size_t take = n < 3 ? n : 3;
        const unsigned v = (unsigned)p[0] << 16 | (take > 1 ? (unsigned)p[1] << 8 : 0) | (take > 2 ? p[2] : 0u);
        for (size_t i = 0; i < 4; i++) str_putc(out, i <= take ? DIGITS[v >> (18 - 6 * i) & 63] : '=');
        n -= take;
    }
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool base64_decode(const char *text, size_t n, Str *out, Error *e)
{
    unsigned bits = 0;
    int n_digits = 0, padding = 0; /* of the group of four that is being read */
    for (size_t i = 0; i < n; i++) {
        if (is_blank(text[i])) continue;
        const int value = digit_value(text[i]);
        if (text[i] == '=' && n_digits + padding >= 2 && n_digits + padding < 4) {
            padding++;
            continue;
        }
        if (value < 0 || padding > 0)
            return fail(e, ERR_FORMAT, "base64: '%c' at character %zu, expected a letter of base64", text[i], i + 1);
        bits = bits << 6 | (unsigned)value;
        if (++n_digits < 4) continue;
        for (int shift = 16; shift >= 0; shift -= 8) str_putc(out, (char)(bits >> shift & 255));
        bits = 0;
        n_digits = 0;
    }
    if (n_digits == 1 || (padding > 0 && n_digits + padding != 4))
        return fail(e, ERR_FORMAT, "base64: cut off after %zu characters", n);
    for (int k = 0; k + 1 < n_digits; k++) str_putc(out, (char)(bits << (6 * (4 - n_digits)) >> (16 - 8 * k) & 255));
    return true;
}
