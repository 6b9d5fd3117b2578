/* calibration.c - see calibration.h. Each conversation is read as a prompt, as far as it goes; the one token that a request
 * makes at least is dropped. Pictures are loaded one conversation at a time. */
#include "cli/calibration.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/dialogue.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "engine/calibrate.h"
#include "format/json.h"

enum { FILE_MAX = 256 << 20 };

/* The conversations of a file: its lines, or the whole of it. */
typedef struct {
    char *text;
    size_t n, at; /* bytes; where the next one begins */
    bool by_lines;
    const char *path;
    char *folder;
    int line, total;
} Talks;

typedef struct {
    Vl2Engine *engine;
    Progress bar;
    int done;
    int64_t tokens;
} Work;

static bool is_blank(const char *s, size_t n)
{
    strip_space(&s, &n);
    return n == 0;
}

/* The next line that is not blank; with `by_lines` false all at once. */
static bool next_talk(Talks *t, const char **text, size_t *n)
{
    while (t->at < t->n) {
        const char *begin = t->text + t->at, *end = t->by_lines ? memchr(begin, '\n', t->n - t->at) : NULL;
        *text = begin;
        *n = end ? (size_t)(end - begin) : t->n - t->at;
        t->at += *n + (end != NULL);
        t->line++;
        if (!is_blank(*text, *n)) return true;
    }
    return false;
}

static bool open_talks(Talks *t, const char *path, Error *e)
{
    const char *text;
    size_t n;
    *t = (Talks){ .path = path, .by_lines = str_ends(path, ".jsonl") };
    if (!file_read(path, FILE_MAX, &t->text, &t->n, e)) return false;
    if (!utf8_is_valid(t->text, t->n)) return fail(e, ERR_FORMAT, "%s: not UTF-8", path);
    while (next_talk(t, &text, &n)) t->total++;
    t->at = 0;
    t->line = 0;
    t->folder = path_folder(path);
    return t->total > 0 || fail(e, ERR_FORMAT, "%s: there is no conversation in it", path);
}

static void close_talks(Talks *t)
{
    free(t->text);
    free(t->folder);
}

/* ---- one conversation ---- */

static bool read_prompt(Work *w, const Dialogue *d, const char *where, Error *e)
{
    const QuestionArgs question = { 0 };
    const PictureArgs picture = PICTURE_DEFAULTS;
    Vl2Sampling sampling = VL2_GREEDY;
    sampling.max_tokens = 1;
    Vl2Request *r = dialogue_submit(d, w->engine, &question, &picture, &sampling, e);
    if (!r) return fail_in(e, "%s", where);
    interrupt_ends(r);
    for (Vl2Event event; vl2_next(r, &event);) {}
    interrupt_ends(NULL);
    w->tokens += vl2_result(r)->n_prompt;
    vl2_release(r);
    return true;
}

static bool take_talk(Work *w, const Talks *t, const char *text, size_t n, Error *e)
{
    Dialogue d = { 0 };
    Str where = { 0 };
    str_puts(&where, t->path);
    if (t->by_lines) str_printf(&where, ":%d", t->line);
    json_t *list = json_parse(text, n, where.text, e);
    const bool ok = list && dialogue_from_json(&d, list, t->folder, where.text, e) && read_prompt(w, &d, where.text, e);
    json_decref(list);
    dialogue_free(&d);
    str_free(&where);
    return ok;
}

static bool take_talks(Work *w, Talks *t, Error *e)
{
    const char *text;
    size_t n;
    progress_show(&w->bar, "conversations", 0, t->total);
    while (next_talk(t, &text, &n)) {
        if (!take_talk(w, t, text, n, e)) return false;
        if (interrupt_seen()) return fail(e, ERR_CANCELLED, "ended by Ctrl-C: nothing is written");
        progress_show(&w->bar, "conversations", ++w->done, t->total);
    }
    return true;
}

/* ---- all of them ---- */

static bool learn(Work *w, Talks *t, const char *out, bool quiet, Error *e)
{
    Error none;
    Calibration *c = calibration_begin(w->engine);
    const bool taken = take_talks(w, t, e);
    progress_wipe(&w->bar);
    Importance *importance = calibration_end(c, taken ? e : &none);
    const bool ok = taken && importance && importance_save(importance, out, e);
    if (ok && !quiet)
        note("%s: %d matrices, from %d conversations with %lld tokens", out, importance_count(importance), w->done,
             (long long)w->tokens);
    importance_free(importance);
    return ok;
}

bool calibrate_from_file(const EngineArgs *model, const char *conversations, const char *out, NoteArgs *notes, Error *e)
{
    Talks talks;
    Work w = { .bar.shown = !notes->quiet && is_terminal(stderr) };
    interrupt_install(true);
    const bool ok = open_talks(&talks, conversations, e) && (w.engine = open_engine(model, notes, e)) &&
                    learn(&w, &talks, out, notes->quiet, e);
    vl2_close(w.engine);
    close_talks(&talks);
    return ok;
}
