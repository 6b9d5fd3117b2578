/* terminal.h - what the person in front of the screen sees: safe text, notes, a line of progress, pictures.
 *
 * Text that a model or a file wrote is not trusted: on a terminal its control characters are shown, never sent. */
#ifndef VL2_CLI_TERMINAL_H
#define VL2_CLI_TERMINAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/str.h"
#include "image/image.h"

bool is_terminal(FILE *f);
int terminal_columns(void); /* of standard error; 80 when it is not a terminal */

/* Appends text[0..n) with control characters (all but line end and tab) replaced by their symbols: ESC becomes U+241B. */
void add_visible(Str *out, const char *text, size_t n);
/* To standard output: as it is into a file or pipe, visible on a terminal. */
void print_untrusted(const char *text, size_t n);

/* JSON on one line, as print_untrusted() does; takes over `value`. */
void print_json_line(json_t *value);

/* "vl2: ..." as a line on standard error, control characters made visible. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One line on standard error that is drawn over; nothing when `shown` is false. */
typedef struct {
    bool shown;
    bool drawn;         /* there is a line to wipe */
    const char *what;   /* the work that `since` is about */
    double since, last; /* seconds: its beginning, the last drawing */
} Progress;

void progress_show(Progress *p, const char *what, int done, int total);
void progress_wipe(Progress *p);

/* A picture in the conversation: kitty's graphics protocol or iTerm2's, as the environment tells; false when standard
 * output is no terminal that is known to show pictures. `bytes`: the encoded file. */
bool show_picture(const Image *decoded, const void *bytes, size_t n);

#endif
