/* blob_cache.c - see blob_cache.h. A hash table of chains, and through all blobs a ring in the order of their last use. */
#include "base/blob_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef struct Blob {
    struct Blob *chain;         /* of the same bucket */
    struct Blob *newer, *older; /* the ring */
    uint64_t hash;
    char *name;
    void *bytes;
    size_t n, cost;
} Blob;

enum { FIRST_BUCKETS = 1024 }; /* a power of two */

struct BlobCache {
    pthread_mutex_t lock;
    Blob **bucket;
    size_t n_buckets, limit;
    Blob ring; /* ring.older: the newest; ring.newer: the oldest */
    BlobCacheStats stats;
};

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) h = (h ^ *p) * 0x100000001b3u;
    return h;
}

BlobCache *blob_cache_open(size_t limit)
{
    BlobCache *c = xcalloc(1, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    c->n_buckets = FIRST_BUCKETS;
    c->bucket = xcalloc(c->n_buckets, sizeof *c->bucket);
    c->limit = limit;
    c->ring.newer = c->ring.older = &c->ring;
    return c;
}

static Blob **place_of(const BlobCache *c, uint64_t hash, const char *name)
{
    Blob **at = &c->bucket[hash & (c->n_buckets - 1)];
    while (*at && ((*at)->hash != hash || strcmp((*at)->name, name) != 0)) at = &(*at)->chain;
    return at;
}

static void ring_out(Blob *b)
{
    b->newer->older = b->older;
    b->older->newer = b->newer;
}

static void ring_in(BlobCache *c, Blob *b)
{
    b->newer = &c->ring;
    b->older = c->ring.older;
    b->older->newer = b;
    c->ring.older = b;
}

static void drop(BlobCache *c, Blob *b)
{
    *place_of(c, b->hash, b->name) = b->chain;
    ring_out(b);
    c->stats.bytes -= b->cost;
    c->stats.count--;
    free(b->name);
    free(b->bytes);
    free(b);
}

void blob_cache_close(BlobCache *c)
{
    if (!c) return;
    while (c->ring.newer != &c->ring) drop(c, c->ring.newer);
    pthread_mutex_destroy(&c->lock);
    free(c->bucket);
    free(c);
}

/* Twice the buckets, when there are as many blobs. */
static void grow(BlobCache *c)
{
    if (c->stats.count < c->n_buckets) return;
    free(c->bucket);
    c->n_buckets *= 2;
    c->bucket = xcalloc(c->n_buckets, sizeof *c->bucket);
    for (Blob *b = c->ring.older; b != &c->ring; b = b->older) {
        Blob **at = &c->bucket[b->hash & (c->n_buckets - 1)];
        b->chain = *at;
        *at = b;
    }
}

bool blob_cache_take(BlobCache *c, const char *name, void **bytes, size_t *n)
{
    if (!c) return false;
    const uint64_t hash = hash_of(name);
    pthread_mutex_lock(&c->lock);
    Blob *b = *place_of(c, hash, name);
    if (b) {
        ring_out(b);
        ring_in(c, b);
        *bytes = xmalloc(b->n);
        memcpy(*bytes, b->bytes, b->n);
        *n = b->n;
        c->stats.found++;
    } else
        c->stats.missed++;
    pthread_mutex_unlock(&c->lock);
    return b != NULL;
}

void blob_cache_keep(BlobCache *c, const char *name, const void *bytes, size_t n)
{
    const size_t cost = sizeof(Blob) + strlen(name) + 1 + n;
    if (!c || cost > c->limit) return;
    const uint64_t hash = hash_of(name);
    pthread_mutex_lock(&c->lock);
    if (!*place_of(c, hash, name)) {
        while (c->stats.bytes > c->limit - cost) drop(c, c->ring.newer);
        grow(c);
        Blob *b = xmalloc(sizeof *b);
        *b = (Blob){ .hash = hash, .name = xstrdup(name), .bytes = xmalloc(n), .n = n, .cost = cost };
        memcpy(b->bytes, bytes, n);
        *place_of(c, hash, name) = b;
        ring_in(c, b);
        c->stats.bytes += cost;
        c->stats.count++;
    }
    pthread_mutex_unlock(&c->lock);
}

BlobCacheStats blob_cache_stats(BlobCache *c)
{
    pthread_mutex_lock(&c->lock);
    const BlobCacheStats s = c->stats;
    pthread_mutex_unlock(&c->lock);
    return s;
}
