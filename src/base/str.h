/* str.h - a growing byte string, and the few questions about text that several rooms ask. */
#ifndef VL2_BASE_STR_H
#define VL2_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Growing bytes, always ended by a NUL that is not counted (text == NULL only while nothing was ever added). */
typedef struct {
    char *text;
    size_t n, capacity;
} Str;

void str_add(Str *s, const char *bytes, size_t n);
void str_puts(Str *s, const char *text);
void str_putc(Str *s, char c);
void str_printf(Str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_clear(Str *s); /* n = 0, keeps the memory; text is "" afterwards */
void str_free(Str *s);

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* UTF-8. Decodes one code point of s[0..n), n > 0: the length of a valid sequence (1-4) with *cp set, or, for an
 * ill-formed one, minus the length of its maximal ill-formed subpart (WHATWG and Unicode: each becomes one U+FFFD). */
int utf8_decode(const char *s, size_t n, uint32_t *cp);
int utf8_encode(uint32_t cp, char out[4]); /* cp must be a scalar value; the length */
bool utf8_is_valid(const char *s, size_t n);
/* True if s[0..n), n >= 1, is a correct beginning of a sequence that needs more bytes. */
bool utf8_is_partial(const char *s, size_t n);
void str_add_lossy(Str *s, const char *bytes, size_t n); /* ill-formed parts become U+FFFD */

bool is_python_space(
    uint32_t cp); /* Python's str.isspace() of one character: what strip() and split() take as white space */
/* Python's str.strip(): Unicode white space at both ends. Moves *s and *n to the inner part; s must be valid UTF-8. */
void strip_space(const char **s, size_t *n);

/* Bytes for people: "6.74 GB", "512 kB" (powers of 1000). Writes into buf and returns it. */
const char *human_bytes(uint64_t bytes, char buf[32]);

#endif
