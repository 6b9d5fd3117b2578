/* tile_cache.c - see tile_cache.h. A fixed number of places, looked through one by one: a tile costs far more to encode. */
#include "engine/tile_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

typedef struct {
    uint64_t hash, last_used;
    uint8_t *pixels; /* NULL: an empty place */
    float *rows;
} Place;

struct TileCache {
    size_t pixels, floats;
    Place *place;
    int n;
    uint64_t uses;
    atomic_uint_fast64_t bytes, found, missed;
};

TileCache *tile_cache_open(size_t pixels, size_t floats, size_t most_bytes)
{
    enum { MOST_PLACES = 1 << 16 };
    const size_t tile = pixels + floats * sizeof(float);
    const size_t n = most_bytes / tile;
    if (n == 0) return NULL;
    TileCache *c = xcalloc(1, sizeof *c);
    c->pixels = pixels;
    c->floats = floats;
    c->n = n < MOST_PLACES ? (int)n : MOST_PLACES;
    c->place = xcalloc((size_t)c->n, sizeof *c->place);
    return c;
}

void tile_cache_close(TileCache *c)
{
    if (!c) return;
    for (int i = 0; i < c->n; i++) {
        free(c->place[i].pixels);
        free(c->place[i].rows);
    }
    free(c->place);
    free(c);
}

static uint64_t hash_of(const uint8_t *bytes, size_t n)
{
    uint64_t h = n, word;
    for (; n >= 8; bytes += 8, n -= 8) {
        memcpy(&word, bytes, 8);
        h = rng_at(h ^ word, 0);
    }
    for (; n > 0; bytes++, n--) h = rng_at(h ^ *bytes, 0);
    return h;
}

const float *tile_cache_find(TileCache *c, const uint8_t *pixels)
{
    if (!c) return NULL;
    const uint64_t hash = hash_of(pixels, c->pixels);
    for (int i = 0; i < c->n && c->place[i].pixels; i++) {
        Place *p = &c->place[i];
        if (p->hash != hash || memcmp(p->pixels, pixels, c->pixels) != 0) continue;
        p->last_used = ++c->uses;
        atomic_fetch_add(&c->found, 1);
        return p->rows;
    }
    atomic_fetch_add(&c->missed, 1);
    return NULL;
}

/* An empty place, or that of the tile which nobody asked for the longest. */
static Place *place_for(TileCache *c)
{
    Place *oldest = &c->place[0];
    for (int i = 0; i < c->n; i++) {
        if (!c->place[i].pixels) return &c->place[i];
        if (c->place[i].last_used < oldest->last_used) oldest = &c->place[i];
    }
    return oldest;
}

void tile_cache_keep(TileCache *c, const uint8_t *pixels, const float *rows)
{
    if (!c) return;
    Place *p = place_for(c);
    if (!p->pixels) {
        p->pixels = xmalloc(c->pixels);
        p->rows = xcalloc(c->floats, sizeof *p->rows);
        atomic_fetch_add(&c->bytes, c->pixels + c->floats * sizeof *p->rows);
    }
    memcpy(p->pixels, pixels, c->pixels);
    memcpy(p->rows, rows, c->floats * sizeof *rows);
    p->hash = hash_of(pixels, c->pixels);
    p->last_used = ++c->uses;
}

TileCacheStats tile_cache_stats(const TileCache *c)
{
    if (!c) return (TileCacheStats){ 0 };
    return (TileCacheStats){ atomic_load(&c->bytes), atomic_load(&c->found), atomic_load(&c->missed) };
}
