/* dashboard.c - see dashboard.h. The server has one thread, which alone reads the logs and draws: nothing is shared.
 *
 *   /            the page           /curves.svg     what `vl2 plot -o` would write
 *   /page.js     its script         /state.json     summaries of the logs and the last samples shown
 *   /page.css    its looks          /picture/L/K    the picture of sample K of log L */
#include "train/dashboard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/curves.h"

struct Dashboard {
    struct MHD_Daemon *daemon;
    TrainHistory *history;
    int n, port;
};

typedef enum MHD_Result Result;

enum { LARGEST_PICTURE = 16 << 20 };

static const char PAGE[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>vl2 train</title>\n"
    "<link rel=\"stylesheet\" href=\"/page.css\"><script defer src=\"/page.js\"></script></head>\n"
    "<body><p id=\"note\"></p><img id=\"curves\" alt=\"curves of training\">\n"
    "<h2>Samples</h2><div id=\"samples\"></div></body></html>\n";

static const char STYLE[] =
    "body { font: 14px system-ui, sans-serif; color: #24292f; background: #fff; max-width: 1000px; "
    "margin: 1em auto }\n"
    "#curves { width: 100% }\n"
    "#note { color: #b42318; min-height: 1.3em }\n"
    ".sample { border-top: 1px solid #d0d7de; padding: .6em 0; white-space: pre-wrap; "
    "overflow-wrap: anywhere }\n"
    ".sample img { max-width: 320px; display: block }\n"
    ".sample b { color: #57606a; font-weight: 600 }\n";

static const char SCRIPT[] = "'use strict';\n"
                             "const at = id => document.getElementById(id);\n"
                             "let shown = '';\n"
                             "function part(name, text) {\n"
                             "  const p = document.createElement('div'), b = document.createElement('b');\n"
                             "  b.textContent = name + ': ';\n"
                             "  p.append(b, String(text));\n"
                             "  return p;\n"
                             "}\n"
                             "function sampleOf(log, sample, k, step) {\n"
                             "  const d = document.createElement('div');\n"
                             "  d.className = 'sample';\n"
                             "  d.append(part('step', step));\n"
                             "  for (const name of ['where', 'prompt', 'expected', 'answer'])\n"
                             "    if (sample[name] !== undefined) d.append(part(name, sample[name]));\n"
                             "  if (sample.picture) {\n"
                             "    const i = document.createElement('img');\n"
                             "    i.src = '/picture/' + log + '/' + k + '?' + step;\n"
                             "    d.append(i);\n"
                             "  }\n"
                             "  return d;\n"
                             "}\n"
                             "async function look() {\n"
                             "  try {\n"
                             "    const text = await (await fetch('/state.json')).text();\n"
                             "    if (text !== shown) {\n"
                             "      shown = text;\n"
                             "      at('curves').src = '/curves.svg?' + Date.now();\n"
                             "      at('samples').replaceChildren(...JSON.parse(text).flatMap((l, i) =>\n"
                             "        (l.samples || []).map((s, k) => sampleOf(i, s || {}, k, l.shown_at))));\n"
                             "    }\n"
                             "    at('note').textContent = '';\n"
                             "  } catch (e) {\n"
                             "    at('note').textContent = 'training, or this page\\'s server, has ended';\n"
                             "  }\n"
                             "  setTimeout(look, 2000);\n"
                             "}\n"
                             "look();\n";

/* ---- answers ---- */

static Result answer(struct MHD_Connection *c, unsigned status, const char *type, const char *text, size_t n)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(n, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!r) return MHD_NO;
    MHD_add_response_header(r, "Content-Type", type);
    MHD_add_response_header(r, "Content-Security-Policy",
                            "default-src 'none'; img-src 'self' data:; script-src 'self'; style-src 'self'; "
                            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(r, "Cache-Control", "no-store");
    const Result queued = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return queued;
}

static Result answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
    return answer(c, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* A log that cannot be read now keeps what was known of it. */
static void update(Dashboard *d)
{
    Error ignored;
    for (int i = 0; i < d->n; i++) (void)train_history_update(&d->history[i], &ignored);
}

static Result answer_curves(Dashboard *d, struct MHD_Connection *c)
{
    Figure f;
    Str svg = { 0 };
    update(d);
    curves_draw(d->history, d->n, &f);
    figure_svg(&f, &svg);
    const Result r = answer(c, MHD_HTTP_OK, "image/svg+xml", svg.text, svg.n);
    str_free(&svg);
    figure_close(&f);
    return r;
}

static Result answer_state(Dashboard *d, struct MHD_Connection *c)
{
    json_t *all = json_array();
    update(d);
    for (int i = 0; i < d->n; i++) {
        json_t *log = train_history_summary(&d->history[i]);
        json_object_set_new(log, "shown_at", json_integer(d->history[i].shown_at));
        if (d->history[i].samples) json_object_set(log, "samples", d->history[i].samples);
        json_array_append_new(all, log);
    }
    char *text = json_dumps(all, JSON_COMPACT);
    const Result r = text ? answer(c, MHD_HTTP_OK, "application/json", text, strlen(text)) : MHD_NO;
    free(text);
    json_decref(all);
    return r;
}

/* What a log may name: an SVG below its own folder. */
static bool is_beside(const char *name)
{
    const size_t n = strlen(name);
    return name[0] != '/' && strcmp(name, "..") != 0 && strncmp(name, "../", 3) != 0 && !strstr(name, "/../") &&
           n > 4 && strcmp(name + n - 4, ".svg") == 0;
}

static Result answer_picture(const Dashboard *d, struct MHD_Connection *c, const char *which)
{
    int log, sample, end = 0;
    if (sscanf(which, "%4d/%6d%n", &log, &sample, &end) != 2 || which[end] || log < 0 || log >= d->n || sample < 0)
        return answer_text(c, MHD_HTTP_NOT_FOUND, "there is no such picture\n");
    const json_t *shown = json_array_get(d->history[log].samples, (size_t)sample);
    const char *name = json_string_value(json_object_get(shown, "picture"));
    if (!name || !is_beside(name))
        return answer_text(c, MHD_HTTP_NOT_FOUND, "the sample has no picture beside its log\n");
    Error e;
    char *folder = path_folder(d->history[log].path), *path = path_join(folder, name), *bytes = NULL;
    size_t n;
    const Result r = file_read(path, LARGEST_PICTURE, &bytes, &n, &e)
                         ? answer(c, MHD_HTTP_OK, "image/svg+xml", bytes, n)
                         : answer_text(c, MHD_HTTP_NOT_FOUND, e.text);
    free(bytes);
    free(path);
    free(folder);
    return r;
}

/* ---- requests ---- */

/* A page of another site that had its name point here would ask for that name. */
static bool names_this_machine(const Dashboard *d, struct MHD_Connection *c)
{
    static const char *const NAME[] = { "127.0.0.1", "localhost" };
    const char *host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host");
    char expected[32];
    for (size_t i = 0; host && i < sizeof NAME / sizeof *NAME; i++) {
        snprintf(expected, sizeof expected, "%s:%d", NAME[i], d->port);
        if (strcmp(host, expected) == 0) return true;
    }
    return false;
}

static Result on_request(void *context, struct MHD_Connection *c, const char *url, const char *method,
                         const char *version, const char *body, size_t *n_body, void **state)
{
    Dashboard *const d = context;
    (void)version, (void)body, (void)state;
    if (strcmp(method, "GET") != 0 || *n_body) return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET alone\n");
    if (!names_this_machine(d, c)) return answer_text(c, MHD_HTTP_FORBIDDEN, "ask for 127.0.0.1 or localhost\n");
    if (!strcmp(url, "/")) return answer(c, MHD_HTTP_OK, "text/html; charset=utf-8", PAGE, strlen(PAGE));
    if (!strcmp(url, "/page.js")) return answer(c, MHD_HTTP_OK, "text/javascript", SCRIPT, strlen(SCRIPT));
    if (!strcmp(url, "/page.css")) return answer(c, MHD_HTTP_OK, "text/css", STYLE, strlen(STYLE));
    if (!strcmp(url, "/curves.svg")) return answer_curves(d, c);
    if (!strcmp(url, "/state.json")) return answer_state(d, c);
    if (str_starts(url, "/picture/")) return answer_picture(d, c, url + strlen("/picture/"));
    return answer_text(c, MHD_HTTP_NOT_FOUND, "there is no such page\n");
}

bool dashboard_open(Dashboard **out, const char *const *logs, int n, int port, Error *e)
{
    enum { CONNECTIONS = 32, IDLE_SECONDS = 20 };
    const struct sockaddr_in at = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    Dashboard *d = xcalloc(1, sizeof *d);
    *out = NULL;
    d->n = n;
    d->history = xcalloc((size_t)n, sizeof *d->history);
    for (int i = 0; i < n; i++) train_history_open(&d->history[i], logs[i]);
    errno = 0;
    d->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, d, MHD_OPTION_SOCK_ADDR,
                                 &at, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (!d->daemon) {
        fail(e, ERR_SYSTEM, "127.0.0.1:%d: cannot listen: %s", port, errno ? strerror(errno) : "no reason given");
        dashboard_close(d);
        return false;
    }
    d->port = MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    *out = d;
    return true;
}

int dashboard_port(const Dashboard *d)
{
    return d->port;
}

void dashboard_close(Dashboard *d)
{
    if (!d) return;
    if (d->daemon) MHD_stop_daemon(d->daemon);
    for (int i = 0; i < d->n; i++) train_history_close(&d->history[i]);
    free(d->history);
    free(d);
}
