/* data_url.h - pictures that stand in a request: data:image/jpeg;base64,... */
#ifndef VL2_SERVE_DATA_URL_H
#define VL2_SERVE_DATA_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

bool is_data_url(const char *url, size_t n);

/* Appends the bytes. Tolerant as browsers are: upper case, line breaks, no padding, the alphabet of URLs, %-escapes. What
 * kind of picture it is, its bytes say. */
bool data_url_decode(const char *url, size_t n, Str *out, Error *e);

#endif
