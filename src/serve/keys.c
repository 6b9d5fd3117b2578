/* keys.c - see keys.h. Rates are token buckets: a minute's worth may come at once, then one by one as they fill again. */
#include "serve/keys.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "base/str.h"

enum { ADDRESSES = 4096 }; /* remembered where there are no keys; others share a place */

typedef struct {
    double left, at; /* requests that may come now, and when that was so */
} Bucket;

struct Keys {
    Monitor *monitor;
    char **key;
    int n, per_minute, n_buckets;
    Bucket *bucket; /* one for each key, or ADDRESSES */
};

Keys *keys_open(const char *const *key, int n, int per_minute)
{
    Keys *k = xcalloc(1, sizeof *k);
    k->monitor = monitor_open();
    k->key = xcalloc((size_t)n, sizeof *k->key);
    for (int i = 0; i < n; i++) k->key[i] = xstrdup(key[i]);
    k->n = n;
    k->per_minute = per_minute;
    k->n_buckets = n ? n : ADDRESSES;
    k->bucket = xcalloc((size_t)k->n_buckets, sizeof *k->bucket);
    return k;
}

void keys_close(Keys *k)
{
    if (!k) return;
    for (int i = 0; i < k->n; i++) free(k->key[i]);
    monitor_close(k->monitor);
    free(k->key);
    free(k->bucket);
    free(k);
}

int keys_count(const Keys *k)
{
    return k->n ? k->n : 1;
}

/* Looks at as many bytes as were given, whatever they are. */
static bool equal_in_constant_time(const char *given, size_t n_given, const char *key)
{
    const size_t n = strlen(key);
    unsigned differs = n != n_given;
    for (size_t i = 0; i < n_given; i++) differs |= (unsigned char)given[i] ^ (unsigned char)key[n ? i % n : 0];
    return differs == 0;
}

int keys_find(const Keys *k, const char *authorization)
{
    static const char BEARER[] = "Bearer ";
    if (k->n == 0) return 0;
    if (!authorization || strncasecmp(authorization, BEARER, sizeof BEARER - 1) != 0) return -1;
    const char *given = authorization + sizeof BEARER - 1;
    const size_t n = strlen(given);
    int found = -1;
    for (int i = 0; i < k->n; i++)
        if (equal_in_constant_time(given, n, k->key[i])) found = i;
    return found;
}

/* FNV-1a. */
static uint32_t hash_of(const char *text)
{
    uint32_t h = 0x811c9dc5u;
    for (; *text; text++) h = (h ^ (unsigned char)*text) * 0x01000193u;
    return h;
}

bool keys_count_request(Keys *k, int who, const char *address, int *seconds)
{
    if (!k->per_minute) return true;
    Bucket *b = &k->bucket[k->n ? (uint32_t)who : hash_of(address) % ADDRESSES];
    const double now = clock_now(), most = k->per_minute, rate = most / 60;
    monitor_enter(k->monitor);
    b->left = b->at == 0 ? most : b->left + (now - b->at) * rate;
    if (b->left > most) b->left = most;
    b->at = now;
    const bool ok = b->left >= 1;
    if (ok) b->left--;
    *seconds = ok ? 0 : 1 + (int)((1 - b->left) / rate);
    monitor_leave(k->monitor);
    return ok;
}
