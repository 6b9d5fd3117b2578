/* metrics.h - what a server has done, in the text form of Prometheus. Counting is from any thread. */
#ifndef VL2_SERVE_METRICS_H
#define VL2_SERVE_METRICS_H

#include <stdint.h>

#include "base/str.h"

typedef enum {
    COUNT_PROMPT_TOKENS,
    COUNT_IMAGE_TOKENS,
    COUNT_CACHED_TOKENS,
    COUNT_ANSWER_TOKENS,
    COUNT_GUESSED_TOKENS,
    COUNT_ACCEPTED_TOKENS,
    COUNT_PICTURES,
    COUNT_TILES,
    COUNT_FETCHES_FAILED,
    COUNT_CANCELLED,
    COUNT_REJECTED,
    N_COUNTS
} MetricCount;

typedef enum {
    TIME_QUEUE,
    TIME_FETCH,
    TIME_PICTURES,
    TIME_VISION,
    TIME_PREFILL,
    TIME_FIRST_TOKEN,
    TIME_PER_TOKEN,
    TIME_ANSWER,
    N_TIMES
} MetricTime;

typedef struct Metrics Metrics;

Metrics *metrics_open(void);
void metrics_close(Metrics *m);
void metrics_add(Metrics *m, MetricCount c, uint64_t n);
void metrics_time(Metrics *m, MetricTime t, double seconds);
void metrics_request(Metrics *m, const char *path, unsigned status); /* `path` is one of the routes': lives on */

void metrics_print(Metrics *m, Str *out);
/* One value with its help, as the above prints them. */
void metrics_print_value(Str *out, const char *name, const char *type, const char *help, double value);

#endif
