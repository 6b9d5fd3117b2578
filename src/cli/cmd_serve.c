/* cmd_serve.c - `vl2 serve`: the server's options, its life and its signals. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "serve/server.h"

typedef struct {
    const char *host, *socket, *base_path, *tls_cert, *tls_key;
    int port, most_connections, connection_seconds;
    Texts server_name;
} PlaceArgs;

typedef struct {
    Texts key, origin;
    const char *key_file;
    int per_minute;
} AccessArgs;

typedef struct {
    const char *name;
    Texts more, adapter;
    bool any_model;
    int memory;
} NamesArgs;

typedef struct {
    int parallel, cache_tokens, queue, queue_seconds, answer_seconds, body_megabytes, pictures, slice_ms, picture_cache;
} LimitArgs;

typedef struct {
    const char *hosts;
    int seconds;
} RemoteArgs;

typedef struct {
    const char *log_format;
    bool quiet, verbose;
} ServerNoteArgs;

typedef struct {
    PlaceArgs place;
    AccessArgs access;
    NamesArgs names;
    LimitArgs limit;
    RemoteArgs remote;
    SamplingArgs sampling;
    PictureArgs picture;
    EngineArgs engine;
    ServerNoteArgs notes;
} ServeArgs;

#define T PlaceArgs
static const Option PLACE_OPTIONS[] = {
    OPTION_TEXT(T, host, "host", 0, "ADDRESS",
                "Address to listen on; 0.0.0.0 or :: for all, and then give API keys. Default: 127.0.0.1, this machine "
                "alone."),
    OPTION_INTEGER(T, port, "port", 'p', "N", 0, 65535, "Port; 0 takes one that is free. Default: 8080."),
    OPTION_TEXT(T, socket, "unix-socket", 0, "PATH",
                "Listen on a UNIX socket instead, for this user and group. Default: none."),
    OPTION_TEXT(T, base_path, "base-path", 0, "/PATH",
                "Everything is below this path, for a proxy that does not cut it off. Default: none."),
    OPTION_TEXT(T, tls_cert, "tls-cert", 0, "FILE", "Speak HTTPS with this certificate chain, in PEM. Default: HTTP."),
    OPTION_TEXT(T, tls_key, "tls-key", 0, "FILE", "The certificate's private key, in PEM. Required with --tls-cert."),
    OPTION_TEXTS(T, server_name, "server-name", 0, "NAME",
                 "Without API keys a server on this machine alone answers to localhost and its addresses only, so that "
                 "no web page can reach it under a name of its own; this adds a name; repeatable. Default: none."),
    OPTION_INTEGER(T, most_connections, "max-connections", 0, "N", 1, 10000,
                   "Connections that may stand at once; further ones are closed. Default: 512."),
    OPTION_INTEGER(T, connection_seconds, "idle-seconds", 0, "N", 1, 86400,
                   "End a connection whose client neither sends nor reads for so long. Default: 60."),
    OPTIONS_END
};
#undef T

#define T AccessArgs
static const Option ACCESS_OPTIONS[] = {
    OPTION_TEXTS(T, key, "api-key", 0, "KEY",
                 "Who asks has to send it (Authorization: Bearer KEY); repeatable. Others on the machine can see it in "
                 "the list of processes: rather use --api-key-file. Default: none, everybody may ask."),
    OPTION_TEXT(T, key_file, "api-key-file", 0, "FILE",
                "Keys, one in a line; empty lines and those with # in front do not count. Default: none."),
    OPTION_TEXTS(T, origin, "cors", 0, "ORIGIN",
                 "Web pages from there may ask: https://app.example, or * for all; repeatable. Default: none."),
    OPTION_INTEGER(T, per_minute, "rate", 0, "N", 0, 1000000,
                   "Requests in a minute for each key, or without keys for each address. Default: 0, no limit."),
    OPTIONS_END
};
#undef T

#define T NamesArgs
static const Option NAMES_OPTIONS[] = {
    OPTION_TEXT(T, name, "name", 0, "NAME", "What requests call the model of -m. Default: the last part of its path."),
    OPTION_TEXTS(T, more, "add-model", 0, "NAME=MODEL",
                 "One more model, opened when it is first asked for; repeatable. Default: none."),
    OPTION_TEXTS(T, adapter, "add-adapter", 0, "[MODEL:]NAME=DIR[:SCALE]",
                 "An adapter on the model of -m, or on that of --add-model MODEL, which requests call by NAME or "
                 "MODEL:NAME; repeatable. (--lora is for all requests to -m.) Default: none."),
    OPTION_INTEGER(T, memory, "models-memory", 0, "MB", 0, 1 << 30,
                   "Memory that open models may take by their plans (vl2 info); idle ones are closed for others. "
                   "Default: 0, no limit."),
    OPTION_FLAG(T, any_model, "any-model", 0,
                "Requests for models that are not there get the one of -m. Default: error 404."),
    OPTIONS_END
};
#undef T

#define T LimitArgs
static const Option LIMIT_OPTIONS[] = {
    OPTION_INTEGER(T, parallel, "parallel", 'n', "N", 1, 1024,
                   "Answers made at once, if --cache-tokens has room for them. Default: 8."),
    OPTION_INTEGER(
        T, cache_tokens, "cache-tokens", 0, "N", 0, 1 << 30,
        "Tokens that the cache of all answers holds, at least --ctx. An answer is begun once there is room for "
        "its prompt and its max_tokens, so it can be finished; what is left keeps earlier prompts. Default: 0, a "
        "--ctx for each of --parallel."),
    OPTION_INTEGER(
        T, slice_ms, "slice-ms", 0, "MS", 0, 60000,
        "How long a step of running answers may be held up by pictures and prompts of others: they are worked "
        "off in slices. 0: a tile, a chunk at a time. Default: 100."),
    OPTION_INTEGER(T, picture_cache, "picture-cache", 0, "MB", 0, 1 << 20,
                   "Encoded pictures kept for when they come again. Default: 256."),
    OPTION_INTEGER(T, queue, "max-queue", 0, "N", 0, 100000,
                   "Answers that wait for a place; more are refused with 503. Default: 256."),
    OPTION_INTEGER(T, queue_seconds, "queue-seconds", 0, "N", 0, 86400,
                   "Longest wait for a place, then 503. Default: 0, no limit."),
    OPTION_INTEGER(T, answer_seconds, "answer-seconds", 0, "N", 0, 86400,
                   "Longest time for an answer; it then ends as by max_tokens. Default: 0, no limit."),
    OPTION_INTEGER(T, body_megabytes, "max-body", 0, "MB", 1, 2000, "Largest request. Default: 64."),
    OPTION_INTEGER(T, pictures, "max-pictures", 0, "N", 0, 1000, "Pictures in one request. Default: 16."),
    OPTIONS_END
};
#undef T

#define T RemoteArgs
static const Option REMOTE_OPTIONS[] = {
    OPTION_TEXT(
        T, hosts, "image-hosts", 0, "LIST",
        "Hosts from which pictures are fetched when a request has their http(s) URLs, with commas: NAME, *.NAME "
        "for all below it, * for any, each with :PORT or for 80 and 443. They lead to the internet alone, not "
        "into private networks or to this machine, but for addresses that the list has, too: 10.1.2.3, "
        "10.0.0.0/8. Default: none, pictures come as data: URLs."),
    OPTION_INTEGER(T, seconds, "image-seconds", 0, "N", 1, 3600,
                   "Longest time for fetching the pictures of a request; together they may have as many bytes as "
                   "--max-body says. Default: 20."),
    OPTIONS_END
};
#undef T

#define T SamplingArgs
static const Option DEFAULT_OPTIONS[] = {
    OPTION_INTEGER(T, max_tokens, "max-tokens", 0, "N", 0, 1 << 20,
                   "Longest answer in tokens, whatever a request says. Default: 0, as many as --ctx has room for."),
    CHOOSING_OPTIONS(T, 2), OPTIONS_END
};
#undef T

#define T ServerNoteArgs
static const Option SERVER_NOTE_OPTIONS[] = {
    OPTION_CHOICE(T, log_format, "log-format", 0, "FORMAT", "text|json", NULL,
                  "Each request is one line on standard error, never with what was asked or answered. Default: text."),
    OPTION_FLAG(T, quiet, "quiet", 'q', "Nothing on standard error but errors. Default: off."),
    OPTION_FLAG(T, verbose, "verbose", 'v', "Notes of the HTTP library and about loading, too. Default: off."),
    OPTIONS_END
};
#undef T

static const Group GROUPS[] = { { "Where", PLACE_OPTIONS, offsetof(ServeArgs, place) },
                                { "Who", ACCESS_OPTIONS, offsetof(ServeArgs, access) },
                                { "Models", NAMES_OPTIONS, offsetof(ServeArgs, names) },
                                { "Limits", LIMIT_OPTIONS, offsetof(ServeArgs, limit) },
                                { "Pictures from elsewhere", REMOTE_OPTIONS, offsetof(ServeArgs, remote) },
                                { "Answers, where a request says nothing", DEFAULT_OPTIONS,
                                  offsetof(ServeArgs, sampling) },
                                { "Pictures", PICTURE_OPTIONS, offsetof(ServeArgs, picture) },
                                { "Model and machine", ENGINE_OPTIONS, offsetof(ServeArgs, engine) },
                                { "Speed", SPEED_OPTIONS, offsetof(ServeArgs, engine) },
                                { "Notes", SERVER_NOTE_OPTIONS, offsetof(ServeArgs, notes) },
                                { 0 } };

/* ---- what the options make ---- */

/* Texts that were made here and live as long as the server. */
typedef struct {
    char **text;
    int n, capacity;
} Made;

static const char *keep(Made *m, char *text)
{
    GROW(m->text, m->n, m->capacity);
    return m->text[m->n++] = text;
}

static void made_free(Made *m)
{
    for (int i = 0; i < m->n; i++) free(m->text[i]);
    free(m->text);
}

typedef struct {
    Made made;
    Texts key;
    HostedName *name;
    int n_names;
    const char **lora; /* adapters of the names, each after those of --lora */
    NoteArgs notes;
    ServerOptions options;
} Setup;

static bool add_key(Setup *s, const char *key, const char *where, Error *e)
{
    if (!key[0] || strpbrk(key, " \t\r")) return fail(e, ERR_USAGE, "%s: an API key is empty or has spaces", where);
    GROW(s->key.text, s->key.n, s->key.capacity);
    s->key.text[s->key.n++] = key;
    return true;
}

static bool read_key_file(Setup *s, const char *path, Error *e)
{
    enum { MOST = 1 << 20 };
    char *text;
    size_t n;
    if (!file_read(path, MOST, &text, &n, e)) return false;
    keep(&s->made, text);
    const int before = s->key.n;
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n"))
        if (line[0] != '#' && !add_key(s, line, path, e)) return false;
    return s->key.n > before || fail(e, ERR_USAGE, "%s: there is no API key in the file", path);
}

static bool read_keys(Setup *s, const AccessArgs *a, Error *e)
{
    for (int i = 0; i < a->key.n; i++)
        if (!add_key(s, a->key.text[i], "--api-key", e)) return false;
    return !a->key_file || read_key_file(s, a->key_file, e);
}

/* NAME=REST. */
static bool split_name(Setup *s, const char *text, const char *option, const char **name, const char **rest, Error *e)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return fail(e, ERR_USAGE, "%s is \"%s\", expected NAME=...", option, text);
    *name = keep(&s->made, xstrndup(text, (size_t)(equals - text)));
    *rest = equals + 1;
    return true;
}

static bool add_name(Setup *s, HostedName name, Error *e)
{
    for (int i = 0; i < s->n_names; i++)
        if (strcmp(s->name[i].name, name.name) == 0)
            return fail(e, ERR_USAGE, "two models are called \"%s\"", name.name);
    s->name[s->n_names++] = name;
    return true;
}

/* The model that an adapter is on: the one in front of the colon, which is cut off, else that of -m. */
static const HostedName *base_of(const Setup *s, const char **name, Error *e)
{
    const char *colon = strrchr(*name, ':');
    const size_t n = colon ? (size_t)(colon - *name) : 0;
    if (!colon) return &s->name[0];
    for (int i = 0; i < s->n_names; i++)
        if (!s->name[i].base && strlen(s->name[i].name) == n && memcmp(s->name[i].name, *name, n) == 0)
            return *name = colon + 1, &s->name[i];
    fail(e, ERR_USAGE, "--add-adapter %s: no model is called \"%.*s\"", *name, (int)n, *name);
    return NULL;
}

/* `lora` has room for those of its model and for this one. */
static bool name_adapter(Setup *s, const char *text, const char **lora, Error *e)
{
    const char *called = NULL, *folder = NULL;
    if (!split_name(s, text, "--add-adapter", &called, &folder, e)) return false;
    const HostedName *base = base_of(s, &called, e);
    if (!base) return false;
    if (!called[0]) return fail(e, ERR_USAGE, "--add-adapter is \"%s\", expected a NAME after the colon", text);
    for (int i = 0; i < base->n_lora; i++) lora[i] = base->lora[i];
    lora[base->n_lora] = folder;
    const HostedName name = {
        .name = called, .path = base->path, .lora = lora, .n_lora = base->n_lora + 1, .base = base->name
    };
    return add_name(s, name, e);
}

static bool name_models(Setup *s, const ServeArgs *a, const char *path, Error *e)
{
    const NamesArgs *n = &a->names;
    const Texts *lora = &a->engine.lora;
    s->name = xcalloc((size_t)(1 + n->more.n + n->adapter.n), sizeof *s->name);
    s->lora = xcalloc((size_t)(n->adapter.n * (lora->n + 1)), sizeof *s->lora);
    const char *first = n->name ? n->name : keep(&s->made, model_name_of(path));
    HostedName name = { .name = first, .path = path, .lora = lora->text, .n_lora = lora->n };
    if (!add_name(s, name, e)) return false;
    for (int i = 0; i < n->more.n; i++) {
        name = (HostedName){ 0 };
        if (!split_name(s, n->more.text[i], "--add-model", &name.name, &name.path, e) || !add_name(s, name, e))
            return false;
    }
    for (int i = 0; i < n->adapter.n; i++)
        if (!name_adapter(s, n->adapter.text[i], s->lora + i * (lora->n + 1), e)) return false;
    return true;
}

static void write_line(void *context, int level, const char *text)
{
    const ServerNoteArgs *n = context;
    if (n->quiet || (level > LOG_INFO && !n->verbose)) return;
    if (level == LOG_INFO && text[0] == '{')
        fprintf(stderr, "%s\n", text);
    else
        note("%s%s", level == LOG_WARNING ? "warning: " : "", text);
}

static bool check_place(const PlaceArgs *p, Error *e)
{
    if (!p->tls_cert != !p->tls_key) return fail(e, ERR_USAGE, "--tls-cert and --tls-key go together");
    const size_t n = p->base_path ? strlen(p->base_path) : 0;
    if (n && (p->base_path[0] != '/' || p->base_path[n - 1] == '/'))
        return fail(e, ERR_USAGE, "--base-path is \"%s\", expected one that begins with / and ends without",
                    p->base_path);
    return true;
}

static bool set_up(Setup *s, ServeArgs *a, Error *e)
{
    s->notes = (NoteArgs){ .quiet = a->notes.quiet, .verbose = a->notes.verbose };
    a->engine.sequences = a->limit.parallel;
    a->engine.cache_tokens = a->limit.cache_tokens;
    if (!check_place(&a->place, e) || !read_keys(s, &a->access, e)) return false;
    engine_options(&s->options.engine, &a->engine, &s->notes);
    s->options.engine.slice_ms = a->limit.slice_ms;
    s->options.engine.picture_cache = (size_t)a->limit.picture_cache << 20;
    if (!name_models(s, a, s->options.engine.model, e)) return false;
    ServerOptions *o = &s->options;
    o->host = strcmp(a->place.host, "localhost") == 0 ? "127.0.0.1" : a->place.host;
    o->port = a->place.port;
    o->unix_socket = a->place.socket;
    o->base_path = a->place.base_path ? a->place.base_path : "";
    o->tls_cert = a->place.tls_cert;
    o->tls_key = a->place.tls_key;
    o->server_name = a->place.server_name.text;
    o->n_server_names = a->place.server_name.n;
    o->origin = a->access.origin.text;
    o->n_origins = a->access.origin.n;
    o->key = s->key.text;
    o->n_keys = s->key.n;
    o->requests_per_minute = a->access.per_minute;
    o->most_connections = a->place.most_connections;
    o->connection_seconds = a->place.connection_seconds;
    o->most_body = (size_t)a->limit.body_megabytes << 20;
    o->most_queued = a->limit.queue;
    o->queue_seconds = a->limit.queue_seconds;
    o->answer_seconds = a->limit.answer_seconds;
    o->any_model = a->names.any_model;
    o->model = s->name;
    o->n_models = s->n_names;
    o->most_model_bytes = (uint64_t)a->names.memory << 20;
    o->sampling = sampling_of(&a->sampling);
    o->most_pictures = a->limit.pictures;
    o->most_side = a->picture.max_side;
    o->most_pixels = max_pixels_of(&a->picture);
    o->exif_rotate = a->picture.exif_rotate;
    o->image_hosts = a->remote.hosts;
    o->image_seconds = a->remote.seconds;
    o->log_json = strcmp(a->notes.log_format, "json") == 0;
    o->log = (Log){ LOG_DEBUG, write_line, &a->notes };
    return true;
}

static void setup_free(Setup *s)
{
    made_free(&s->made);
    free(s->key.text);
    free(s->name);
    free(s->lora);
}

/* ---- its life ---- */

/* All threads are to leave these signals to the one that waits for them. */
static sigset_t hold_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return set;
}

static void say_where(const ServerOptions *o, const Server *s, bool quiet)
{
    const char *scheme = o->tls_cert ? "https" : "http";
    const bool six = strchr(o->host, ':') != NULL;
    if (quiet) return;
    if (o->unix_socket)
        note("%s listens on %s", o->model[0].name, o->unix_socket);
    else
        note("%s listens on %s://%s%s%s:%d%s/", o->model[0].name, scheme, six ? "[" : "", o->host, six ? "]" : "",
             server_port(s), o->base_path);
    if (!o->unix_socket && !o->n_keys && strncmp(o->host, "127.", 4) != 0 && strcmp(o->host, "::1") != 0)
        note("warning: everybody who reaches %s can use this server: there are no API keys", o->host);
}

/* The first signal lets the answers in the making come to their end, the second one does not wait for them. */
static void wait_for_end(Server *s, const sigset_t *signals, bool quiet)
{
    const struct timespec look = { .tv_nsec = 50000000 };
    int which;
    sigwait(signals, &which);
    server_drain(s);
    const int busy = server_busy(s);
    if (busy && !quiet) note("%d answers come to their end; once more ends at once", busy);
    while (server_busy(s) > 0 && sigtimedwait(signals, NULL, &look) < 0) {}
}

static bool serve_until_told(Setup *setup, ServeArgs *a, Error *e)
{
    const sigset_t signals = hold_signals();
    if (!set_up(setup, a, e)) return false;
    Server *s = server_open(&setup->options, e);
    if (!s) return false;
    say_where(&setup->options, s, a->notes.quiet);
    wait_for_end(s, &signals, a->notes.quiet);
    server_close(s);
    return true;
}

static int serve(const Command *self, int argc, char **argv)
{
    ServeArgs a = { .place = { .host = "127.0.0.1", .port = 8080, .most_connections = 512, .connection_seconds = 60 },
                    .limit = { .slice_ms = 100,
                               .picture_cache = 256,
                               .parallel = 8,
                               .queue = 256,
                               .body_megabytes = 64,
                               .pictures = 16 },
                    .remote = { .seconds = 20 },
                    .sampling = SAMPLING_DEFAULTS,
                    .picture = PICTURE_DEFAULTS,
                    .engine = ANSWERING_ENGINE_DEFAULTS,
                    .notes = { .log_format = "text" } };
    Setup setup = { 0 };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    const bool ok = serve_until_told(&setup, &a, &e);
    setup_free(&setup);
    args_free(self->group, &a);
    return ok ? EXIT_OK : args_report(self, &e);
}

const Command CMD_SERVE = {
    .name = "serve",
    .summary = "a server: OpenAI's API and a web page",
    .usage = (const char *const[]){ "serve [-m MODEL] [options]", NULL },
    .about =
        "Answers many conversations at once over HTTP, each with the same bits as if it were alone: "
        "POST /v1/chat/completions and /v1/completions as OpenAI's clients send them (pictures as data: URLs, or from "
        "--image-hosts), "
        "GET /v1/models, /health, /ready, /props, /metrics, POST /tokenize, /detokenize, /apply-template, and a page "
        "for the browser at /. Listens on this machine alone unless --host says more. SIGTERM or Ctrl-C lets the "
        "answers in the making come to their end, a second one ends at once. docs/serving.md has the whole of it.",
    .group = GROUPS,
    .example =
        (const char *const[]){
            "A model on this machine, its page at http://127.0.0.1:8080/", "vl2 serve -m deepseek-vl2-tiny", "Ask it",
            "curl http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' "
            "-d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'",
            "For others, with keys and HTTPS",
            "vl2 serve -m deepseek-vl2-tiny --host 0.0.0.0 --api-key-file keys.txt --tls-cert cert.pem --tls-key "
            "key.pem",
            "Two models and an adapter",
            "vl2 serve -m tiny --add-model small=models/small.gguf --add-adapter charts=tiny-charts", NULL },
    .max_operands = 0,
    .run = serve,
};
