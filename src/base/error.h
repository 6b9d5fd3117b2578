/* error.h - the one way in which a function says what went wrong.
 *
 * A function that can fail for a reason outside the program takes `Error *e`, returns false (or NULL) and has filled
 * *e once, where the cause is known: the thing, what was found, what was expected. Callers pass it up and may put a
 * prefix in front. Contracts between our own functions are assert()s, not Errors. */
#ifndef VL2_BASE_ERROR_H
#define VL2_BASE_ERROR_H

#include <stdbool.h>

#include "vl2.h"

/* The codes and the struct are the public ones of vl2.h, under the short names that all rooms use. */
typedef Vl2ErrorCode ErrorCode;
typedef Vl2Error Error;
#define ERR_NONE        VL2_OK
#define ERR_USAGE       VL2_ERR_USAGE /* exit code 2 */
#define ERR_FORMAT      VL2_ERR_FORMAT
#define ERR_UNSUPPORTED VL2_ERR_UNSUPPORTED
#define ERR_LIMIT       VL2_ERR_LIMIT
#define ERR_SYSTEM      VL2_ERR_SYSTEM
#define ERR_MEMORY      VL2_ERR_MEMORY
#define ERR_CANCELLED   VL2_ERR_CANCELLED

/* Fills *e and returns false. Overwrites what was there. Control characters in the text become '?', so that a name
 * taken from a file cannot speak to a terminal. */
bool fail(Error *e, ErrorCode code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " in front of the text; returns false, so that `return fail_in(e, path)` reads well. */
bool fail_in(Error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
