/* checked.h - sizes that come from outside are multiplied and added through these: true if the result fits. */
#ifndef VL2_BASE_CHECKED_H
#define VL2_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>

static inline bool mul_fits(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool add_fits(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

#endif
