/* mem.c - see mem.h. */
#include "base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *or_end(void *p, size_t n, size_t size)
{
    if (p || n == 0 || size == 0) return p;
    fprintf(stderr, "vl2: out of memory (%zu x %zu bytes)\n", n, size);
    exit(1);
}

void *xmalloc(size_t bytes)
{
    return or_end(malloc(bytes ? bytes : 1), 1, bytes ? bytes : 1);
}

void *xcalloc(size_t n, size_t size)
{
    if (n == 0 || size == 0) n = size = 1;
    return or_end(calloc(n, size), n, size);
}

void *xrealloc(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) return or_end(NULL, n, size);
    return or_end(realloc(p, bytes ? bytes : 1), n, size);
}

char *xstrdup(const char *s)
{
    return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
    char *p = xmalloc(n + 1);
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}

uint64_t resident_bytes(void)
{
    unsigned long long size, resident;
    FILE *f = fopen("/proc/self/statm", "r");
    const bool ok = f && fscanf(f, "%llu %llu", &size, &resident) == 2;
    if (f) fclose(f);
    return ok ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}
