/* shown.c - see shown.h. */
#include "text/shown.h"

#include <string.h>

const char *shown(const char *s, size_t n, char buf[SHOWN_BYTES])
{
    size_t k = n <= 60 ? n : 60;
    while (k < n && k > 0 && ((unsigned char)s[k] & 0xc0) == 0x80) k--;
    for (size_t i = 0; i < k; i++) buf[i] = (unsigned char)s[i] < 0x20 ? ' ' : s[i];
    strcpy(buf + k, k < n ? "..." : "");
    return buf;
}
