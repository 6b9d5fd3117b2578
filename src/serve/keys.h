/* keys.h - who may ask, and how often. */
#ifndef VL2_SERVE_KEYS_H
#define VL2_SERVE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Keys Keys;

/* The keys are copied. per_minute: requests that one key, or one address if there are no keys, may make; 0: any number. */
Keys *keys_open(const char *const *key, int n, int per_minute);
void keys_close(Keys *k);

int keys_count(const Keys *k); /* who is below it: at least 1 */
/* Which key an Authorization header has, compared in a time that does not tell how much of it is right; 0 if there are none at
 * all; -1: not one of them. `authorization` may be NULL. */
int keys_find(const Keys *k, const char *authorization);
/* Counts a request. False: that was one too many; *seconds: when to come back. `address` as text, for when there are no keys.
 * From any thread. */
bool keys_count_request(Keys *k, int who, const char *address, int *seconds);

#endif
