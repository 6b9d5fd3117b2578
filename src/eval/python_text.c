/* python_text.c - see python_text.h. */
#include "eval/python_text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "base/mem.h"

void python_lower(Str *out, const char *s, size_t n)
{
    const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    uint32_t c;
    for (size_t i = 0; i < n;) {
        char bytes[4];
        const int k = utf8_decode(s + i, n - i, &c);
        if (k == 1)
            str_putc(out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : s[i]);
        else if (k > 1 && unicode)
            str_add(out, bytes, (size_t)utf8_encode((uint32_t)towlower_l((wint_t)c, unicode), bytes));
        else
            str_add(out, s + i, (size_t)(k > 0 ? k : -k));
        i += (size_t)(k > 0 ? k : -k);
    }
    str_add(out, "", 0);
    if (unicode) freelocale(unicode);
}

bool python_word(const char **s, size_t *n, const char **word, size_t *n_word)
{
    uint32_t c;
    size_t begin = 0;
    bool inside = false;
    for (size_t i = 0; i < *n;) {
        const int k = utf8_decode(*s + i, *n - i, &c);
        const bool space = k > 0 && is_python_space(c);
        if (!space && !inside) begin = i, inside = true;
        if (space && inside) {
            *word = *s + begin;
            *n_word = i - begin;
            *s += i;
            *n -= i;
            return true;
        }
        i += (size_t)(k > 0 ? k : -k);
    }
    *word = *s + begin;
    *n_word = inside ? *n - begin : 0;
    *s += *n;
    *n = 0;
    return inside;
}

size_t python_length(const char *s, size_t n)
{
    size_t length = 0;
    uint32_t c;
    for (size_t i = 0; i < n; length++) {
        const int k = utf8_decode(s + i, n - i, &c);
        i += (size_t)(k > 0 ? k : -k);
    }
    return length;
}

/* ---- numbers ---- */

enum { MOST_DIGITS = 512 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with single underscores between them, copied without these. */
static bool take_digits(const char **p, const char *end, Str *out)
{
    if (*p == end || !is_digit(**p)) return false;
    while (*p < end && (is_digit(**p) || (**p == '_' && *p + 1 < end && is_digit((*p)[1])))) {
        if (**p != '_') str_putc(out, **p);
        ++*p;
    }
    return true;
}

static void take_sign(const char **p, const char *end, Str *out)
{
    if (*p < end && (**p == '+' || **p == '-')) str_putc(out, *(*p)++);
}

static bool is_named(const char *p, size_t n, const char *name)
{
    Str lower = { 0 };
    python_lower(&lower, p, n);
    const bool same = strcmp(lower.text, name) == 0;
    str_free(&lower);
    return same;
}

static bool decimal(const char *p, const char *end, Str *out)
{
    const bool whole = take_digits(&p, end, out);
    bool part = false;
    if (p < end && *p == '.') {
        str_putc(out, *p++);
        part = take_digits(&p, end, out);
    }
    if (!whole && !part) return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        str_putc(out, *p++);
        take_sign(&p, end, out);
        if (!take_digits(&p, end, out)) return false;
    }
    return p == end;
}

bool python_float(const char *s, size_t n, double *out)
{
    Str plain = { 0 };
    strip_space(&s, &n);
    const char *p = s, *const end = s + n;
    take_sign(&p, end, &plain);
    const size_t rest = (size_t)(end - p);
    bool ok = n <= MOST_DIGITS;
    if (ok && (is_named(p, rest, "inf") || is_named(p, rest, "infinity") || is_named(p, rest, "nan")))
        str_add(&plain, p, rest);
    else
        ok = ok && decimal(p, end, &plain);
    if (ok) *out = strtod(plain.text, NULL);
    str_free(&plain);
    return ok;
}

bool python_int(const char *s, size_t n, int64_t *out)
{
    Str plain = { 0 };
    strip_space(&s, &n);
    const char *p = s, *const end = s + n;
    take_sign(&p, end, &plain);
    bool ok = take_digits(&p, end, &plain) && p == end && plain.n <= 19;
    if (ok) *out = strtoll(plain.text, NULL, 10);
    str_free(&plain);
    return ok;
}

/* ---- literals ---- */

typedef struct {
    const char *p, *end;
} Source;

static void skip_space(Source *s)
{
    while (s->p < s->end && (*s->p == ' ' || (*s->p >= '\t' && *s->p <= '\r'))) s->p++;
}

static int hex_value(char c)
{
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* \xhh, \uhhhh, \Uhhhhhhhh. */
static bool take_hex(Source *s, int digits, Str *out)
{
    uint32_t c = 0;
    char bytes[4];
    for (int i = 0; i < digits; i++) {
        const int v = s->p < s->end ? hex_value(*s->p++) : -1;
        if (v < 0) return false;
        c = c << 4 | (uint32_t)v;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
    str_add(out, bytes, (size_t)utf8_encode(c, bytes));
    return true;
}

static bool take_octal(Source *s, char first, Str *out)
{
    uint32_t c = (uint32_t)(first - '0');
    char bytes[4];
    for (int i = 0; i < 2 && s->p < s->end && *s->p >= '0' && *s->p <= '7'; i++) c = c * 8 + (uint32_t)(*s->p++ - '0');
    str_add(out, bytes, (size_t)utf8_encode(c, bytes));
    return true;
}

/* Behind a backslash. An unknown escape stands for itself, backslash included. */
static bool take_escape(Source *s, Str *out)
{
    static const char NAMES[] = "nrtabfv\\'\"", MEANT[] = "\n\r\t\a\b\f\v\\'\"";
    if (s->p == s->end) return false;
    const char c = *s->p++;
    if (c == 'x') return take_hex(s, 2, out);
    if (c == 'u') return take_hex(s, 4, out);
    if (c == 'U') return take_hex(s, 8, out);
    if (c >= '0' && c <= '7') return take_octal(s, c, out);
    if (c == '\n') return true;
    const char *at = c ? strchr(NAMES, c) : NULL;
    if (!at) str_putc(out, '\\');
    str_putc(out, at ? MEANT[at - NAMES] : c);
    return true;
}

static bool take_string(Source *s, bool raw, Str *out)
{
    const char quote = *s->p++;
    while (s->p < s->end && *s->p != quote) {
        if (*s->p == '\n') return false;
        if (*s->p == '\\' && !raw) {
            s->p++;
            if (!take_escape(s, out)) return false;
            continue;
        }
        if (*s->p == '\\' && s->p + 1 < s->end) str_putc(out, *s->p++);
        str_putc(out, *s->p++);
    }
    if (s->p == s->end) return false;
    s->p++;
    return true;
}

static bool is_quote(const Source *s, size_t ahead)
{
    return (size_t)(s->end - s->p) > ahead && (s->p[ahead] == '\'' || s->p[ahead] == '"');
}

/* One or more strings that stand side by side, each perhaps with r or u in front. */
static bool take_strings(Source *s, Str *out)
{
    bool any = false;
    for (;; any = true) {
        const bool prefixed = s->p < s->end && strchr("rRuU", *s->p) && *s->p && is_quote(s, 1);
        if (!prefixed && !is_quote(s, 0)) return any;
        const bool raw = prefixed && (*s->p == 'r' || *s->p == 'R');
        s->p += prefixed;
        if (!take_string(s, raw, out)) return false;
        skip_space(s);
    }
}

static bool take_atom(Source *s, Str *out)
{
    double number;
    const char *begin = s->p;
    while (s->p < s->end && !strchr(",]) \t\r\n\v\f", *s->p) && *s->p) s->p++;
    const size_t n = (size_t)(s->p - begin);
    const bool is_word = (n == 4 && memcmp(begin, "True", 4) == 0) || (n == 4 && memcmp(begin, "None", 4) == 0) ||
                         (n == 5 && memcmp(begin, "False", 5) == 0);
    if (n == 0 ||
        (!is_word && !(python_float(begin, n, &number) && strpbrk("0123456789", (char[]){ begin[n - 1], 0 }))))
        return false;
    str_add(out, begin, n);
    return true;
}

static void list_add(PythonList *l, Str *taken)
{
    if (l->n == l->capacity) {
        l->capacity = l->capacity ? l->capacity * 2 : 8;
        l->text = xrealloc(l->text, (size_t)l->capacity, sizeof *l->text);
        l->n_text = xrealloc(l->n_text, (size_t)l->capacity, sizeof *l->n_text);
    }
    str_add(taken, "", 0);
    l->n_text[l->n] = taken->n;
    l->text[l->n++] = taken->text;
    *taken = (Str){ 0 };
}

static bool take_items(Source *s, char close, PythonList *out)
{
    for (skip_space(s); s->p < s->end && *s->p != close; skip_space(s)) {
        Str item = { 0 };
        const bool text = is_quote(s, 0) || (is_quote(s, 1) && *s->p && strchr("rRuU", *s->p));
        if (!(text ? take_strings(s, &item) : take_atom(s, &item))) {
            str_free(&item);
            return false;
        }
        list_add(out, &item);
        skip_space(s);
        if (s->p < s->end && *s->p == ',')
            s->p++;
        else if (s->p < s->end && *s->p != close)
            return false;
    }
    return s->p < s->end;
}

bool python_list(const char *s, size_t n, PythonList *out)
{
    *out = (PythonList){ 0 };
    strip_space(&s, &n);
    Source source = { s, s + n };
    if (n < 2 || (*s != '[' && *s != '(')) return false;
    const char close = *source.p++ == '[' ? ']' : ')';
    return take_items(&source, close, out) && ++source.p == source.end;
}

void python_list_free(PythonList *l)
{
    for (int i = 0; i < l->n; i++) free(l->text[i]);
    free(l->text);
    free(l->n_text);
    *l = (PythonList){ 0 };
}
