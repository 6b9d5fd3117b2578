/* error.h - the one way in which a function says what went wrong.
 *
 * A function that can fail for a reason outside the program takes `Error *e`, returns false (or NULL) and has filled
 * *e once, where the cause is known: the thing, what was found, what was expected. Callers pass it up and may put a
 * prefix in front. Contracts between our own functions are assert()s, not Errors. */
#ifndef VL2_BASE_ERROR_H
#define VL2_BASE_ERROR_H

#include <stdbool.h>

typedef enum {
    ERR_NONE,
    ERR_USAGE,       /* the caller asked for something that makes no sense: exit code 2 */
    ERR_FORMAT,      /* a file, a picture or a text is not what it claims to be */
    ERR_UNSUPPORTED, /* well formed, but not something that vl2 does */
    ERR_LIMIT,       /* over a configured limit: context, picture size, body */
    ERR_SYSTEM,      /* the operating system refused: open, map, write */
    ERR_MEMORY,
    ERR_CANCELLED
} ErrorCode;

typedef struct {
    ErrorCode code;
    char text[1024]; /* one line, no newline at its end; UTF-8, control characters replaced */
} Error;

/* Fills *e and returns false. Overwrites what was there. Control characters in the text become '?', so that a name
 * taken from a file cannot speak to a terminal. */
bool fail(Error *e, ErrorCode code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " in front of the text; returns false, so that `return fail_in(e, path)` reads well. */
bool fail_in(Error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
