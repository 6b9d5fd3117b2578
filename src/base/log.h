/* log.h - notes for a person, on standard error. Nothing below cli/ prints in any other way. Results never go here.
 * A Log is handed in by whoever owns the terminal; NULL is a quiet one. */
#ifndef VL2_BASE_LOG_H
#define VL2_BASE_LOG_H

#include <stdarg.h>

typedef enum { LOG_WARNING, LOG_INFO, LOG_DEBUG } LogLevel;

typedef struct {
    LogLevel level; /* notes above it are dropped */
    void (*write)(void *context, int level, const char *text);
    void *context;
} Log;

void log_note(const Log *log, LogLevel level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
