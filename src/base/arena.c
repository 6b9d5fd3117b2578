/* arena.c - see arena.h. */
#include "base/arena.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"

#if defined(__SANITIZE_ADDRESS__)
#define VL2_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VL2_ASAN 1
#endif
#endif
#ifdef VL2_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
enum { RED_ZONE = 64 };
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
enum { RED_ZONE = 0 };
#endif

enum { ALIGN = 64 };

bool arena_open(Arena *a, size_t capacity, Error *e)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes;
    *a = (Arena){ 0 };
    if (!add_fits(capacity, page - 1, &bytes))
        return fail(e, ERR_MEMORY, "%zu bytes of working memory are more than an address can hold", capacity);
    bytes = bytes / page * page;
    if (bytes == 0) bytes = page;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return fail(e, ERR_MEMORY, "cannot reserve %zu bytes of working memory: %s", bytes, strerror(errno));
    *a = (Arena){ .base = p, .capacity = bytes };
    POISON(a->base, a->capacity);
    return true;
}

void arena_close(Arena *a)
{
    if (a->base) {
        UNPOISON(a->base, a->capacity);
        munmap(a->base, a->capacity);
    }
    *a = (Arena){ 0 };
}

void *arena_try(Arena *a, size_t bytes)
{
    size_t want;
    if (!add_fits(bytes, ALIGN - 1 + RED_ZONE, &want)) return NULL;
    want = want / ALIGN * ALIGN;
    if (want > a->capacity - a->used) return NULL;
    unsigned char *p = a->base + a->used;
    UNPOISON(p, bytes);
    a->used += want;
    if (a->used > a->peak) a->peak = a->used;
    return p;
}

void *arena_get(Arena *a, size_t bytes)
{
    void *p = arena_try(a, bytes);
    if (!p) {
        fprintf(stderr, "vl2: internal error: an arena of %zu bytes was planned too small (%zu used, %zu wanted)\n",
                a->capacity, a->used, bytes);
        abort();
    }
    return p;
}

void *arena_get_zeroed(Arena *a, size_t bytes)
{
    const size_t fresh =
        a->peak; /* from here on pages are still the kernel's zeros, and take no memory until written */
    unsigned char *p = arena_get(a, bytes);
    const size_t at = (size_t)(p - a->base);
    if (at < fresh) memset(p, 0, bytes < fresh - at ? bytes : fresh - at);
    return p;
}

char *arena_strdup(Arena *a, const char *s)
{
    const size_t n = strlen(s) + 1;
    return memcpy(arena_get(a, n), s, n);
}

void arena_release(Arena *a, ArenaMark mark)
{
    assert(mark <= a->used);
    POISON(a->base + mark, a->used - mark);
    a->used = mark;
}
