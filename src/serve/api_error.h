/* api_error.h - what a client gets instead of an answer: a status, and the fields of OpenAI's error object. */
#ifndef VL2_SERVE_API_ERROR_H
#define VL2_SERVE_API_ERROR_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

typedef struct {
    unsigned status;
    const char *type, *code; /* code may be NULL */
    char param[128];         /* "" for none: which field of the request */
    char text[1024];
    int retry_after;   /* seconds; 0: trying again does not help */
    const char *allow; /* of 405: the methods that there are; else NULL */
} ApiError;

/* All return false, so that `return api_fail(...)` reads well. */
bool api_fail(ApiError *a, unsigned status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* 400 about one field of the request. */
bool api_bad(ApiError *a, const char *param, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* What the engine said about a request. */
bool api_fail_as(ApiError *a, const Error *e);

json_t *api_error_json(const ApiError *a); /* {"error": {...}} */

#endif
