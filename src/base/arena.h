/* arena.h - memory by lifetime: model, cache, step, request.
 *
 * An arena reserves a range of addresses once and hands out pieces from it; the kernel commits a page when it is
 * first touched. Nothing is freed piece by piece: arena_release() goes back to a mark, arena_close() ends it all.
 * In builds with AddressSanitizer released memory is poisoned and pieces have red zones. Not thread safe. */
#ifndef VL2_BASE_ARENA_H
#define VL2_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct {
    unsigned char *base;
    size_t capacity, used, peak; /* bytes; peak is the highest `used` so far */
} Arena;

typedef size_t ArenaMark;

/* Reserves `capacity` bytes (rounded up to pages). Fails only if the address space or the memory limit says no. */
bool arena_open(Arena *a, size_t capacity, Error *e);
void arena_close(Arena *a); /* of a zeroed Arena: does nothing */

/* 64-byte aligned, not cleared. NULL when the arena is full: for sizes that come from outside. */
void *arena_try(Arena *a, size_t bytes);

/* The same for sizes that were planned: a full arena is a programming error and ends the program with a message. */
void *arena_get(Arena *a, size_t bytes);
void *arena_get_zeroed(Arena *a, size_t bytes);
char *arena_strdup(Arena *a, const char *s);

static inline ArenaMark arena_mark(const Arena *a)
{
    return a->used;
}
void arena_release(Arena *a, ArenaMark mark);

#endif
