/* reader.c - see reader.h. libedit calls its splitter of words Tokenizer, as our text room does its own: that is why this
 * file sees neither the text room nor what includes it. */
#include "cli/reader.h"

#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "base/file.h"
#include "base/mem.h"

enum { HISTORY_LINES = 1000 };

struct Reader {
    EditLine *edit; /* NULL: not interactive */
    History *history;
    char *history_path; /* NULL: not kept */
    char prompt[32];
    char *line; /* getline's */
    size_t capacity;
};

/* ---- the history's file ---- */

/* The folder and those above it. */
static bool make_folders(const char *path)
{
    char *copy = xstrdup(path);
    for (char *s = copy + 1; *s; s++) {
        if (*s != '/') continue;
        *s = 0;
        mkdir(copy, 0700);
        *s = '/';
    }
    const bool ok = mkdir(copy, 0700) == 0 || errno == EEXIST;
    free(copy);
    return ok;
}

static char *find_history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *base = NULL, *path = NULL;
    if (state && *state == '/')
        base = xstrdup(state);
    else if (home && *home == '/')
        base = path_join(home, ".local/state");
    if (!base) return NULL;
    char *folder = path_join(base, "vl2");
    if (make_folders(folder)) path = path_join(folder, "history");
    free(folder);
    free(base);
    return path;
}

/* ---- libedit ---- */

static char *current_prompt(EditLine *edit)
{
    Reader *r = NULL;
    el_get(edit, EL_CLIENTDATA, &r);
    return r->prompt;
}

/* Reads one character of UTF-8. libedit's own reader tries again after a signal; this one lets Ctrl-C break off. */
static int read_character(EditLine *edit, wchar_t *out)
{
    mbstate_t state = { 0 };
    char c;
    (void)edit;
    for (;;) {
        const ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n <= 0) return (int)n;
        const size_t length = mbrtowc(out, &c, 1, &state);
        if (length == (size_t)-2) continue;
        if (length != (size_t)-1) return 1;
        memset(&state, 0, sizeof state); /* not UTF-8: dropped */
    }
}

static void start_editing(Reader *r)
{
    HistEvent event;
    r->edit = el_init("vl2", stdin, stdout, stderr);
    if (!r->edit) return;
    el_set(r->edit, EL_CLIENTDATA, r);
    el_set(r->edit, EL_PROMPT, current_prompt);
    el_set(r->edit, EL_EDITOR, "emacs");
    el_set(r->edit, EL_GETCFN, read_character);
    el_set(r->edit, EL_ADDFN, "vl2-complete", "Complete a file name", _el_fn_complete);
    el_set(r->edit, EL_BIND, "^I", "vl2-complete", NULL);
    el_set(r->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(r->edit, NULL);
    r->history = history_init();
    if (!r->history) return;
    history(r->history, &event, H_SETSIZE, HISTORY_LINES);
    history(r->history, &event, H_SETUNIQUE, 1);
    el_set(r->edit, EL_HIST, history, r->history);
    r->history_path = find_history_path();
    if (r->history_path) history(r->history, &event, H_LOAD, r->history_path);
}

Reader *reader_open(void)
{
    Reader *r = xcalloc(1, sizeof *r);
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) start_editing(r);
    return r;
}

void reader_close(Reader *r)
{
    HistEvent event;
    if (r->history_path) history(r->history, &event, H_SAVE, r->history_path);
    if (r->history) history_end(r->history);
    if (r->edit) el_end(r->edit);
    free(r->history_path);
    free(r->line);
    free(r);
}

bool reader_is_interactive(const Reader *r)
{
    return r->edit != NULL;
}

void reader_remember(Reader *r, const char *text)
{
    HistEvent event;
    if (r->history && *text) history(r->history, &event, H_ENTER, text);
}

/* ---- lines ---- */

static void take_line(Str *line, const char *text, size_t n)
{
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
    str_clear(line);
    str_add(line, text, n);
}

static ReadResult edit_line(Reader *r, const char *prompt, Str *line)
{
    int n = 0;
    snprintf(r->prompt, sizeof r->prompt, "%s", prompt);
    el_resize(r->edit);
    errno = 0;
    const char *text = el_gets(r->edit, &n);
    if (!text || n <= 0) {
        const bool broken_off = errno == EINTR;
        putchar('\n');
        return broken_off ? READ_BREAK : READ_END;
    }
    take_line(line, text, (size_t)n);
    return READ_LINE;
}

ReadResult reader_line(Reader *r, const char *prompt, Str *line)
{
    if (r->edit) return edit_line(r, prompt, line);
    errno = 0;
    const ssize_t n = getline(&r->line, &r->capacity, stdin);
    if (n < 0) {
        const bool broken_off = errno == EINTR;
        clearerr(stdin);
        return broken_off ? READ_BREAK : READ_END;
    }
    take_line(line, r->line, (size_t)n);
    return READ_LINE;
}

/* ---- words ---- */

bool words_split(const char *text, Words *out)
{
    Tokenizer *t = tok_init(NULL);
    int n = 0;
    const char **word = NULL;
    *out = (Words){ 0 };
    const bool ok = t && tok_str(t, text, &n, &word) == 0;
    if (ok) {
        out->word = xcalloc((size_t)n + 1, sizeof *out->word);
        for (; out->n < n; out->n++) out->word[out->n] = xstrdup(word[out->n]);
    }
    if (t) tok_end(t);
    return ok;
}

void words_free(Words *w)
{
    for (int i = 0; i < w->n; i++) free(w->word[i]);
    free(w->word);
    *w = (Words){ 0 };
}
