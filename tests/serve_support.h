/* serve_support.h - for tests of the server: one in this process on a golden model, and a client of bare sockets that sends
 * exactly what a test says. */
#ifndef VL2_TESTS_SERVE_SUPPORT_H
#define VL2_TESTS_SERVE_SUPPORT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/base64.h"
#include "base/clock.h"
#include "golden_model.h"
#include "serve/server.h"

static inline ServerOptions server_defaults(const char *model)
{
    static HostedName name;
    name = (HostedName){ .name = "micro", .path = model_file(model, "") };
    return (ServerOptions){
        .host = "127.0.0.1",
        .base_path = "",
        .most_connections = 256,
        .connection_seconds = 20,
        .most_body = 16 << 20,
        .most_queued = 64,
        .model = &name,
        .n_models = 1,
        .engine = { .compute = "f32", .threads = 1, .sequences = 4, .speculate = 4, .cpu = tested_cpu() },
        .sampling = VL2_GREEDY,
        .most_pictures = 16,
        .most_side = 16384,
        .most_pixels = 100000000
    };
}

static inline Server *open_server(const ServerOptions *o)
{
    Error e;
    Server *s = server_open(o, &e);
    if (!s) fail_msg("%s", e.text);
    return s;
}

/* ---- the client ---- */

static inline int connect_to(const Server *s)
{
    const struct sockaddr_in at = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)server_port(s)),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct timeval most = { .tv_sec = 120 };
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) fail_msg("connect: %s", strerror(errno));
    return fd;
}

static inline void send_bytes(int fd, const char *bytes, size_t n)
{
    for (ssize_t sent; n > 0; bytes += sent, n -= (size_t)sent)
        if ((sent = send(fd, bytes, n, MSG_NOSIGNAL)) <= 0) return; /* the server may have closed: its answer tells */
}

static inline void send_request(int fd, const char *method, const char *path, const char *headers, const char *body)
{
    Str r = { 0 };
    str_printf(&r, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method, path, headers);
    if (body) str_printf(&r, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    str_puts(&r, "\r\n");
    if (body) str_puts(&r, body);
    send_bytes(fd, r.text, r.n);
    str_free(&r);
}

typedef struct {
    int status; /* 0: no answer */
    Str head, body;
} HttpReply;

/* Chunks in, their content out. */
static inline void join_chunks(Str *body)
{
    Str out = { 0 };
    str_add(&out, "", 0);
    for (char *at = body->text; at < body->text + body->n;) {
        char *end;
        const size_t n = strtoul(at, &end, 16);
        if (n == 0 || end + 2 + n > body->text + body->n) break;
        str_add(&out, end + 2, n);
        at = end + 2 + n + 2;
    }
    str_free(body);
    *body = out;
}

/* All that comes until the server closes; closes the socket. */
static inline HttpReply read_reply(int fd)
{
    HttpReply r = { 0 };
    Str all = { 0 };
    char buffer[1 << 14];
    str_add(&all, "", 0);
    for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;) str_add(&all, buffer, (size_t)got);
    close(fd);
    const char *end = strstr(all.text, "\r\n\r\n");
    if (!end) end = all.text + all.n;
    str_add(&r.head, all.text, (size_t)(end - all.text));
    if (*end) end += 4;
    str_add(&r.body, end, all.n - (size_t)(end - all.text));
    sscanf(r.head.text, "HTTP/1.%*d %d", &r.status);
    if (strcasestr(r.head.text, "Transfer-Encoding: chunked")) join_chunks(&r.body);
    str_free(&all);
    return r;
}

static inline void free_reply(HttpReply *r)
{
    str_free(&r->head);
    str_free(&r->body);
}

static inline HttpReply ask_with(const Server *s, const char *method, const char *path, const char *headers,
                                 const char *body)
{
    const int fd = connect_to(s);
    send_request(fd, method, path, headers, body);
    return read_reply(fd);
}

static inline HttpReply ask(const Server *s, const char *method, const char *path, const char *body)
{
    return ask_with(s, method, path, "", body);
}

/* The body as JSON; fails the test if it is none, or if the status is another one. */
static inline json_t *ask_json(const Server *s, const char *method, const char *path, const char *body, int status)
{
    Error e;
    HttpReply r = ask(s, method, path, body);
    if (r.status != status) fail_msg("%s %s: %d, expected %d: %.500s", method, path, r.status, status, r.body.text);
    json_t *v = json_parse(r.body.text, r.body.n, path, &e);
    if (!v) fail_msg("%s: %.500s", e.text, r.body.text);
    free_reply(&r);
    return v;
}

/* A value of /metrics; -1: it is not there. */
static inline double metric(const Server *s, const char *name)
{
    HttpReply r = ask(s, "GET", "/metrics", NULL);
    char line[128];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(r.body.text, line);
    const double v = at ? atof(at + strlen(line)) : -1;
    free_reply(&r);
    return v;
}

/* True as soon as a metric has a value; false after so many seconds. */
static inline bool metric_becomes(const Server *s, const char *name, double value, double seconds)
{
    for (const double end = clock_now() + seconds; clock_now() < end; usleep(20000))
        if (metric(s, name) == value) return true;
    return false;
}

/* ---- requests ---- */

static inline json_t *data_url_of(const Vl2Picture *p)
{
    Str url = { 0 };
    str_puts(&url, "data:image/png;base64,");
    base64_add(&url, p->bytes, p->n);
    json_t *v = json_stringn(url.text, url.n);
    str_free(&url);
    return v;
}

/* The conversation as a client sends it: the pictures, then the text with its tags. A last, empty answer is left out. */
static inline json_t *chat_of(const Messages *m)
{
    json_t *list = json_array();
    for (int i = 0; i < m->n; i++) {
        const Vl2Message *from = &m->message[i];
        const char *role = strstr(from->role, "ser") ? "user" : strstr(from->role, "ssistant") ? "assistant" : "system";
        if (i == m->n - 1 && strcmp(role, "assistant") == 0 && !from->content[0]) continue;
        json_t *parts = json_array();
        for (int k = 0; k < from->n_pictures; k++)
            json_array_append_new(parts, json_pack("{s:s, s:{s:o}}", "type", "image_url", "image_url", "url",
                                                   data_url_of(&from->picture[k])));
        json_array_append_new(parts, json_pack("{s:s, s:s}", "type", "text", "text", from->content));
        json_array_append_new(list, json_pack("{s:s, s:o}", "role", role, "content", parts));
    }
    return list;
}

/* Takes over `messages`. */
static inline char *chat_body(json_t *messages, const Vl2Sampling *o, bool stream)
{
    json_t *v =
        json_pack("{s:o, s:b, s:i, s:f, s:f, s:I, s:f, s:b}", "messages", messages, "continue_final_message", 1,
                  "max_tokens", o->max_tokens, "temperature", (double)o->temperature, "top_p", (double)o->top_p, "seed",
                  (json_int_t)o->seed, "repetition_penalty", (double)o->repetition_penalty, "stream", stream);
    char *text = json_dumps(v, JSON_COMPACT);
    json_decref(v);
    return text;
}

static inline const json_t *first_choice(const json_t *reply)
{
    return json_array_get(json_object_get(reply, "choices"), 0);
}

static inline const char *content_of(const json_t *reply)
{
    return json_string_value(json_object_get(json_object_get(first_choice(reply), "message"), "content"));
}

/* The text of a stream's events, put together; *events counts them, *done says whether [DONE] came. */
static inline Str stream_text(const Str *body, int *events, bool *done)
{
    Str out = { 0 };
    *events = 0;
    *done = false;
    str_add(&out, "", 0);
    for (const char *at = body->text; (at = strstr(at, "data: ")) != NULL;) {
        const char *end = strstr(at, "\n\n");
        if (!end) break;
        at += 6;
        *done = strncmp(at, "[DONE]", 6) == 0;
        Error e;
        json_t *v = *done ? NULL : json_parse(at, (size_t)(end - at), "event", &e);
        if (!v && !*done) fail_msg("%s: %.*s", e.text, (int)(end - at), at);
        const json_t *delta = json_object_get(first_choice(v), "delta"), *text = json_object_get(delta, "content");
        if (text) str_add(&out, json_string_value(text), json_string_length(text));
        ++*events;
        json_decref(v);
        at = end;
    }
    return out;
}

#endif
