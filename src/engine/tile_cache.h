/* tile_cache.h - encoded tiles by their pixels: the picture of another conversation, or of the same one after its pages went to
 * somebody else, is not encoded again. Pixels are compared, not only their hash, so that nobody can make up a picture that is
 * taken for another one. Used by the thread that runs the engine; the figures may be read from any. */
#ifndef VL2_ENGINE_TILE_CACHE_H
#define VL2_ENGINE_TILE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TileCache TileCache;

/* pixels, floats: of each tile; most_bytes: of all that is kept. NULL if not even one tile fits: such a cache keeps nothing. */
TileCache *tile_cache_open(size_t pixels, size_t floats, size_t most_bytes);
void tile_cache_close(TileCache *c); /* of NULL: nothing */

/* The rows of the tile with these pixels; NULL: not kept. Live until the next tile_cache_keep(). */
const float *tile_cache_find(TileCache *c, const uint8_t *pixels);
void tile_cache_keep(TileCache *c, const uint8_t *pixels, const float *rows);

typedef struct {
    uint64_t bytes, found, missed;
} TileCacheStats;
TileCacheStats tile_cache_stats(const TileCache *c);

#endif
