/* fetch.h - one picture from a URL, over HTTP or HTTPS: from hosts on the list, at addresses that it allows, and no more of it
 * and no longer than is allowed. fetch.c does it with libcurl, fetch_nothing.c stands in where that is not installed. */
#ifndef VL2_SERVE_FETCH_H
#define VL2_SERVE_FETCH_H

#include "base/str.h"
#include "serve/image_hosts.h"

typedef struct {
    const ImageHosts *hosts;
    size_t most_bytes;
    double until;                   /* clock_now(): then it is given up */
    bool (*goes_on)(void *context); /* asked at least once a second: does anybody wait for it? */
    void *context;
} FetchRules;

/* Once before all others, and as often fetch_close(). False and *e: this program cannot fetch. */
bool fetch_open(Error *e);
void fetch_close(void);

/* Puts the bytes into *out. Waits; from any thread. The error says nothing of what came; ERR_CANCELLED: nobody waits. */
bool fetch_picture(const char *url, const FetchRules *r, Str *out, Error *e);

#endif
