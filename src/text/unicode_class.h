/* unicode_class.h - the general categories that pre-tokenizer patterns name, as of Unicode 16.0.
 *
 * Token ids depend on the Unicode version of \p{L} and its like. The Hugging Face library has 16.0 built in, a packaged
 * Oniguruma has whatever it has: so these classes are ours. */
#ifndef VL2_TEXT_UNICODE_CLASS_H
#define VL2_TEXT_UNICODE_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    CLASS_LETTER,
    CLASS_MARK,
    CLASS_NUMBER,
    CLASS_PUNCTUATION,
    CLASS_SYMBOL,
    N_UNICODE_CLASSES
} UnicodeClass;

typedef struct {
    uint32_t first, last; /* inclusive */
} CodeRange;

bool unicode_class_find(const char *name, size_t n, UnicodeClass *out); /* "L", "M", "N", "P", "S" */
const CodeRange *unicode_class_ranges(UnicodeClass c, size_t *n);
bool unicode_in_class(UnicodeClass c, uint32_t cp);
bool unicode_is_white(uint32_t cp); /* White_Space */

#endif
