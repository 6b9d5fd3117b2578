/* cmd_chat.c - `vl2 chat`: a conversation in the terminal. A line is a message, or a command of the table below when it
 * begins with "/" ("//" begins a message with a slash). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/reader.h"
#include "cli/terminal.h"

typedef struct {
    EngineArgs engine;
    QuestionArgs question;
    PictureArgs picture;
    SamplingArgs sampling;
    NoteArgs notes;
} ChatArgs;

static const Group GROUPS[] = { { "Beginning", QUESTION_OPTIONS, offsetof(ChatArgs, question) },
                                { "Answers", SAMPLING_OPTIONS, offsetof(ChatArgs, sampling) },
                                { "Pictures", PICTURE_OPTIONS, offsetof(ChatArgs, picture) },
                                { "Model and machine", ENGINE_OPTIONS, offsetof(ChatArgs, engine) },
                                { "Speed", SPEED_OPTIONS, offsetof(ChatArgs, engine) },
                                { "Notes", NOTE_OPTIONS, offsetof(ChatArgs, notes) },
                                { 0 } };

/* What /set may change: the rest is fixed once the model is open. */
static const Group SETTABLE[] = { { "Answers", SAMPLING_OPTIONS, offsetof(ChatArgs, sampling) },
                                  { "Pictures", PICTURE_OPTIONS, offsetof(ChatArgs, picture) },
                                  { 0 } };

typedef struct {
    ChatArgs *args;
    Vl2Engine *engine;
    Reader *reader;
    Dialogue dialogue;
    PictureFile *picture; /* of the next message */
    int n_pictures, capacity;
    Vl2Request *last; /* the last answer's, kept for /boxes; NULL: none */
    Words *setting;   /* what /set got: options point at their values */
    int n_settings, setting_capacity;
    bool leave, failed;
} Chat;

/* ---- asking ---- */

static void forget_last(Chat *c)
{
    vl2_release(c->last);
    c->last = NULL;
}

/* Asks the engine to answer the dialogue as it stands, and adds the answer to it. */
static bool answer(Chat *c, Error *e)
{
    const Vl2Sampling sampling = sampling_of(&c->args->sampling);
    forget_last(c);
    c->last = dialogue_submit(&c->dialogue, c->engine, &c->args->question, &c->args->picture, &sampling, e);
    if (!c->last) return false;
    answer_take(c->last, true, &c->args->notes);
    putchar('\n');
    fflush(stdout);
    const Vl2Result *a = vl2_result(c->last);
    dialogue_add(&c->dialogue, ROLE_ASSISTANT, a->text, a->n_text, NULL, 0);
    if (interrupt_seen() && !c->args->notes.quiet) note("stopped; the conversation goes on with what there is");
    if (*a->box_repairs && !c->args->notes.quiet) note("boxes, repaired: %s", a->box_repairs);
    if (c->args->notes.verbose) answer_note_timings(a);
    return true;
}

static void drop_pictures(Chat *c)
{
    for (int i = 0; i < c->n_pictures; i++) picture_free(&c->picture[i]);
    c->n_pictures = 0;
}

/* A message that the engine refused leaves the conversation as it was, its pictures wait again. */
static void take_back(Chat *c)
{
    Turn *t = &c->dialogue.turn[c->dialogue.n - 1];
    for (int i = 0; i < t->n_pictures; i++) {
        GROW(c->picture, c->n_pictures, c->capacity);
        c->picture[c->n_pictures++] = t->picture[i];
    }
    t->n_pictures = 0;
    dialogue_drop_last(&c->dialogue);
}

static bool say(Chat *c, const char *text, size_t n, Error *e)
{
    if (!utf8_is_valid(text, n)) return fail(e, ERR_FORMAT, "the message is not UTF-8 text");
    dialogue_add(&c->dialogue, ROLE_USER, text, n, c->picture, c->n_pictures);
    c->n_pictures = 0;
    if (answer(c, e)) return true;
    take_back(c);
    return false;
}

/* ---- commands ---- */

static bool add_picture(Chat *c, const char *path, Error *e)
{
    PictureFile p;
    Image image;
    const ImageOptions o = image_options_of(&c->args->picture);
    if (!picture_load(&p, path, e)) return false;
    if (!image_decode(&image, p.bytes, p.n, path, &o, e)) {
        picture_free(&p);
        return false;
    }
    if (!show_picture(&image, p.bytes, p.n) && !c->args->notes.quiet)
        note("%s: %d x %d pixels, goes with the next message", path, image.w, image.h);
    image_free(&image);
    GROW(c->picture, c->n_pictures, c->capacity);
    c->picture[c->n_pictures++] = p;
    return true;
}

static bool on_image(Chat *c, const char *rest, Error *e)
{
    Words w;
    bool ok = words_split(rest, &w);
    if (!ok) return fail(e, ERR_USAGE, "/image: a quote is not closed");
    if (w.n == 0) fail(e, ERR_USAGE, "/image: a file name is missing");
    ok = w.n > 0;
    for (int i = 0; ok && i < w.n; i++) ok = add_picture(c, w.word[i], e);
    words_free(&w);
    return ok;
}

static bool last_is(const Chat *c, Role role)
{
    return c->dialogue.n > 0 && c->dialogue.turn[c->dialogue.n - 1].role == role;
}

static bool on_retry(Chat *c, const char *rest, Error *e)
{
    (void)rest;
    if (!last_is(c, ROLE_ASSISTANT)) return fail(e, ERR_USAGE, "/retry: there is no answer yet");
    dialogue_drop_last(&c->dialogue);
    if (c->args->sampling.temperature > 0)
        c->args->sampling.seed++;
    else if (!c->args->notes.quiet)
        note("temperature is 0: the same answer comes again ('/set temperature 0.7')");
    return answer(c, e);
}

static bool on_undo(Chat *c, const char *rest, Error *e)
{
    (void)rest;
    if (!last_is(c, ROLE_ASSISTANT) && !last_is(c, ROLE_USER)) return fail(e, ERR_USAGE, "/undo: nothing was said yet");
    if (last_is(c, ROLE_ASSISTANT)) dialogue_drop_last(&c->dialogue);
    if (last_is(c, ROLE_USER)) dialogue_drop_last(&c->dialogue);
    forget_last(c);
    return true;
}

static bool on_reset(Chat *c, const char *rest, Error *e)
{
    (void)rest;
    (void)e;
    dialogue_free(&c->dialogue);
    drop_pictures(c);
    forget_last(c);
    return true;
}

/* The one file name that a command takes. */
static bool take_file(const char *command, const char *rest, Words *w, Error *e)
{
    if (!words_split(rest, w)) return fail(e, ERR_USAGE, "/%s: a quote is not closed", command);
    if (w->n == 1) return true;
    fail(e, ERR_USAGE, "/%s: found %d file names, expected one", command, w->n);
    words_free(w);
    return false;
}

static bool on_save(Chat *c, const char *rest, Error *e)
{
    Words w;
    if (!take_file("save", rest, &w, e)) return false;
    const bool ok = dialogue_save(&c->dialogue, w.word[0], e);
    if (ok && !c->args->notes.quiet) note("%s: %d messages", w.word[0], c->dialogue.n);
    words_free(&w);
    return ok;
}

static bool on_load(Chat *c, const char *rest, Error *e)
{
    Words w;
    Dialogue d = { 0 };
    if (!take_file("load", rest, &w, e)) return false;
    const bool ok = dialogue_load(&d, w.word[0], e);
    words_free(&w);
    if (!ok) {
        dialogue_free(&d);
        return false;
    }
    on_reset(c, "", e);
    c->dialogue = d;
    dialogue_drop_blank(&c->dialogue);
    if (last_is(c, ROLE_USER)) return answer(c, e);
    return true;
}

static bool on_system(Chat *c, const char *rest, Error *e)
{
    const size_t n = strlen(rest);
    if (!utf8_is_valid(rest, n)) return fail(e, ERR_FORMAT, "/system: the text is not UTF-8");
    dialogue_set_system(&c->dialogue, rest, n);
    return true;
}

static bool on_boxes(Chat *c, const char *rest, Error *e)
{
    Words w;
    if (!c->last) return fail(e, ERR_USAGE, "/boxes: there is no answer yet");
    if (!take_file("boxes", rest, &w, e)) return false;
    const bool ok = boxes_path_check(w.word[0], e) &&
                    boxes_save(vl2_result(c->last), &c->dialogue, &c->args->picture, w.word[0], &c->args->notes, e);
    words_free(&w);
    return ok;
}

static void show_settings(const Chat *c)
{
    Str text = { 0 };
    for (const Group *g = SETTABLE; g->title; g++) args_show(g, c->args, &text);
    print_untrusted(text.text, text.n);
    str_free(&text);
}

static bool on_set(Chat *c, const char *rest, Error *e)
{
    Words w;
    if (!words_split(rest, &w)) return fail(e, ERR_USAGE, "/set: a quote is not closed");
    GROW(c->setting, c->n_settings, c->setting_capacity);
    c->setting[c->n_settings++] = w;
    if (w.n > 2) return fail(e, ERR_USAGE, "/set: found %d words, expected OPTION VALUE", w.n);
    if (w.n > 0) return args_set(SETTABLE, c->args, w.word[0], w.n == 2 ? w.word[1] : NULL, e);
    show_settings(c);
    return true;
}

static bool on_help(Chat *c, const char *rest, Error *e);

static bool on_quit(Chat *c, const char *rest, Error *e)
{
    (void)rest;
    (void)e;
    c->leave = true;
    return true;
}

static const struct {
    const char *name, *value, *help;
    bool (*run)(Chat *c, const char *rest, Error *e); /* `rest` without blanks at its ends */
} CHAT_COMMANDS[] = {
    { "image", "FILE...", "pictures for the next message", on_image },
    { "retry", "", "the last answer once more; with a temperature, another one", on_retry },
    { "undo", "", "takes back the last message and its answer", on_undo },
    { "reset", "", "a new conversation", on_reset },
    { "save", "FILE", "writes the conversation, as 'vl2 run --conversation' reads it", on_save },
    { "load", "FILE", "goes on with a saved conversation", on_load },
    { "system", "TEXT", "the system message; without TEXT: none", on_system },
    { "boxes", "FILE", "draws the last answer's boxes (.png, .jpg, .svg)", on_boxes },
    { "set", "[OPTION VALUE]", "changes an option such as temperature; alone: shows all", on_set },
    { "help", "", "this list", on_help },
    { "quit", "", "leaves, as Ctrl-D", on_quit },
};
enum { N_CHAT_COMMANDS = sizeof CHAT_COMMANDS / sizeof *CHAT_COMMANDS };

static bool on_help(Chat *c, const char *rest, Error *e)
{
    (void)c;
    (void)rest;
    (void)e;
    for (int i = 0; i < N_CHAT_COMMANDS; i++)
        printf("  /%-7s%-15s %s\n", CHAT_COMMANDS[i].name, CHAT_COMMANDS[i].value, CHAT_COMMANDS[i].help);
    puts("  \\ at a line's end, or \"\"\" before and after, for a message of several lines; Ctrl-C stops an answer");
    return true;
}

static bool obey(Chat *c, const char *line, Error *e)
{
    const char *names[N_CHAT_COMMANDS + 1];
    const size_t n = strcspn(line, " \t");
    const char *rest = line + n;
    size_t n_rest = strlen(rest);
    strip_space(&rest, &n_rest);
    char *name = xstrndup(line, n), *argument = xstrndup(rest, n_rest);
    bool found = false, ok = false;
    for (int i = 0; i < N_CHAT_COMMANDS; i++) {
        names[i] = CHAT_COMMANDS[i].name;
        if (strcmp(name, names[i]) != 0) continue;
        found = true;
        ok = CHAT_COMMANDS[i].run(c, argument, e);
    }
    names[N_CHAT_COMMANDS] = NULL;
    const char *near = found ? NULL : nearest_name(name, names);
    if (near)
        fail(e, ERR_USAGE, "there is no command /%s; did you mean /%s?", name, near);
    else if (!found)
        fail(e, ERR_USAGE, "there is no command /%s; /help lists them", name);
    free(argument);
    free(name);
    return ok;
}

/* ---- the conversation ---- */

static bool ends_block(const Str *s)
{
    return s->n >= 3 && !strcmp(s->text + s->n - 3, "\"\"\"");
}

/* The lines up to the one that ends with """. */
static ReadResult read_block(Chat *c, Str *message)
{
    Str line = { 0 };
    ReadResult r = READ_LINE;
    memmove(message->text, message->text + 3, message->n - 2); /* the opening mark */
    message->n -= 3;
    while (!ends_block(message) && (r = reader_line(c->reader, ". ", &line)) == READ_LINE) {
        if (message->n > 0) str_putc(message, '\n');
        str_add(message, line.text, line.n);
    }
    if (ends_block(message)) message->text[message->n -= 3] = 0;
    str_free(&line);
    return r;
}

static ReadResult read_continued(Chat *c, Str *message)
{
    Str line = { 0 };
    ReadResult r = READ_LINE;
    while (message->n > 0 && message->text[message->n - 1] == '\\') {
        message->text[message->n - 1] = '\n';
        if ((r = reader_line(c->reader, ". ", &line)) != READ_LINE) break;
        str_add(message, line.text, line.n);
    }
    str_free(&line);
    return r;
}

static ReadResult read_message(Chat *c, Str *message)
{
    const ReadResult r = reader_line(c->reader, "> ", message);
    if (r != READ_LINE) return r;
    if (str_starts(message->text, "\"\"\"")) return read_block(c, message);
    return read_continued(c, message);
}

static bool handle(Chat *c, const Str *message, Error *e)
{
    const char *text = message->text;
    if (text[0] == '/' && text[1] != '/') return obey(c, text + 1, e);
    return text[0] == '/' ? say(c, text + 1, message->n - 1, e) : say(c, text, message->n, e);
}

static void converse(Chat *c)
{
    Str message = { 0 };
    Error e;
    while (!c->leave) {
        const ReadResult r = read_message(c, &message);
        if (r == READ_BREAK && reader_is_interactive(c->reader)) continue;
        if (r == READ_BREAK) break;
        if (r == READ_END && message.n == 0) break;
        if (r == READ_END) c->leave = true;
        if (message.n == 0) continue;
        reader_remember(c->reader, message.text);
        if (!handle(c, &message, &e)) {
            note("%s", e.text);
            c->failed = true;
        }
        str_clear(&message);
    }
    str_free(&message);
}

static bool begin(Chat *c, Error *e)
{
    if (!dialogue_from_args(&c->dialogue, &c->args->question, NULL, e)) return false;
    dialogue_drop_blank(&c->dialogue);
    c->engine = open_engine(&c->args->engine, &c->args->notes, e);
    if (!c->engine) return false;
    for (int i = 0; i < c->args->question.image.n; i++)
        if (!add_picture(c, c->args->question.image.text[i], e)) return false;
    interrupt_install(false);
    c->reader = reader_open();
    if (reader_is_interactive(c->reader)) puts("/help lists the commands; Ctrl-D leaves.");
    return !last_is(c, ROLE_USER) || answer(c, e);
}

static void chat_close(Chat *c)
{
    forget_last(c);
    vl2_close(c->engine);
    drop_pictures(c);
    free(c->picture);
    dialogue_free(&c->dialogue);
    for (int i = 0; i < c->n_settings; i++) words_free(&c->setting[i]);
    free(c->setting);
    if (c->reader) reader_close(c->reader);
}

static int chat(const Command *self, int argc, char **argv)
{
    ChatArgs a = { .engine = ANSWERING_ENGINE_DEFAULTS, .picture = PICTURE_DEFAULTS, .sampling = SAMPLING_DEFAULTS };
    Chat c = { .args = &a };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    const bool ok = begin(&c, &e);
    if (ok) converse(&c);
    status = ok ? finish_output() : args_report(self, &e);
    if (status == EXIT_OK && c.failed && !reader_is_interactive(c.reader)) status = EXIT_WORK_FAILED;
    chat_close(&c);
    args_free(self->group, &a);
    return status;
}

const Command CMD_CHAT = {
    .name = "chat",
    .summary = "a conversation in the terminal",
    .usage = (const char *const[]){ "chat [-m MODEL] [-i FILE]... [options]", NULL },
    .about = "A line is a message; /help lists the commands for pictures, boxes, saving and settings. Ctrl-C stops an "
             "answer, "
             "Ctrl-D leaves. Lines from a file or pipe work the same; the exit status is 1 if one of them failed.",
    .group = GROUPS,
    .example = (const char *const[]){ "About a picture", "vl2 chat -m deepseek-vl2-tiny -i cat.jpg",
                                      "Go on with a saved conversation",
                                      "vl2 chat -m deepseek-vl2-tiny --conversation talk.json", NULL },
    .max_operands = 0,
    .run = chat,
};
