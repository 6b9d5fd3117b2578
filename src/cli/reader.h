/* reader.h - lines from the person: edited with a history on a terminal (libedit), plain from a file or pipe. */
#ifndef VL2_CLI_READER_H
#define VL2_CLI_READER_H

#include <stdbool.h>

#include "base/str.h"

typedef struct Reader Reader;

/* Editing needs standard input and output to be terminals. The history is kept in $XDG_STATE_HOME/vl2/history, or
 * ~/.local/state/vl2/history; where that cannot be written there is none. */
Reader *reader_open(void);
void reader_close(Reader *r); /* writes the history */
bool reader_is_interactive(const Reader *r);

typedef enum { READ_LINE, READ_END, READ_BREAK } ReadResult; /* READ_BREAK: Ctrl-C */

/* One line without its end. `prompt` is shown on a terminal only. */
ReadResult reader_line(Reader *r, const char *prompt, Str *line);
void reader_remember(Reader *r, const char *text); /* into the history */

/* Words apart by blanks; quotes and backslashes as in a shell. Caller: words_free(). False: a quote is not closed. */
typedef struct {
    char **word;
    int n;
} Words;
bool words_split(const char *text, Words *out);
void words_free(Words *w);

#endif
