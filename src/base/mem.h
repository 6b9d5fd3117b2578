/* mem.h - malloc for what grows: a small allocation that fails ends the program with a message, since nothing sensible
 * can follow. Sizes that come from outside are checked against a limit before they get here. */
#ifndef VL2_BASE_MEM_H
#define VL2_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *xmalloc(size_t bytes);                    /* caller frees */
void *xcalloc(size_t n, size_t size);           /* zeroed; n * size is checked */
void *xrealloc(void *p, size_t n, size_t size); /* n * size is checked */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n); /* copies exactly n bytes and ends them with NUL */

uint64_t resident_bytes(void); /* of this process, now; 0: unknown */

/* Makes room for one more element in a growing array: GROW(list, n, capacity); list[n++] = x; */
#define GROW(array, n, capacity)                                                                                       \
    ((n) < (capacity) ? (void)0                                                                                        \
                      : (void)((capacity) = (capacity) ? (capacity)*2 : 16,                                            \
                               (array) = xrealloc((array), (size_t)(capacity), sizeof *(array))))

#endif
