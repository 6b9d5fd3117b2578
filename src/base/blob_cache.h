/* blob_cache.h - bytes by name, of which the least lately used go when a limit is reached. From several threads at once:
 * what is taken out is a copy, so that nothing can go while somebody reads it. */
#ifndef VL2_BASE_BLOB_CACHE_H
#define VL2_BASE_BLOB_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct BlobCache BlobCache;

BlobCache *blob_cache_open(size_t limit); /* bytes that names and contents may take together */
void blob_cache_close(BlobCache *c);      /* of NULL: nothing */

/* A copy of what is kept under `name`, caller frees; false if nothing is. A NULL cache keeps nothing. */
bool blob_cache_take(BlobCache *c, const char *name, void **bytes, size_t *n);
/* Keeps a copy, unless there is one of that name already or it alone is over the limit. */
void blob_cache_keep(BlobCache *c, const char *name, const void *bytes, size_t n);

typedef struct {
    size_t bytes, count;    /* kept now */
    uint64_t found, missed; /* takes so far */
} BlobCacheStats;
BlobCacheStats blob_cache_stats(BlobCache *c);

#endif
