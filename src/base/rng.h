/* rng.h - counter-based random numbers (splitmix64): the i-th number of a seed needs no numbers before it. */
#ifndef VL2_BASE_RNG_H
#define VL2_BASE_RNG_H

#include <stdint.h>

typedef struct {
    uint64_t seed, counter;
} Rng;

/* Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators". */
static inline uint64_t rng_at(uint64_t seed, uint64_t i)
{
    uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t rng_next(Rng *r)
{
    return rng_at(r->seed, r->counter++);
}
static inline double rng_uniform(Rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
} /* [0, 1) */

#endif
