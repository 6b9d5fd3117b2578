/* log.c - see log.h. */
#include "base/log.h"

#include <stdio.h>

void log_note(const Log *log, LogLevel level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    if (!log || !log->write || level > log->level) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log->write(log->context, level, text);
}
