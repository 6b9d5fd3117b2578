/* server.c - see server.h: listening, who may come in, and what is noted about each request.
 *
 * libmicrohttpd gives every connection a thread and calls on_request() there: once with the headers, then for each piece of the
 * body, then at its end. What can be refused by the headers alone is refused before the body is read. */
#include "serve/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "serve/fetch.h"
#include "serve/routes.h"

/* ---- what is noted ---- */

static const char *path_of(const Exchange *x)
{
    return x->route ? x->route->path : "(unknown)"; /* never what the client wrote */
}

static void note_as_json(const Exchange *x, const char *method, double seconds)
{
    json_t *v = json_pack("{s:I, s:s, s:s, s:s, s:i, s:f}", "time", (json_int_t)time(NULL), "id", x->id, "method",
                          method, "path", path_of(x), "status", (int)x->status, "seconds", seconds);
    if (x->tokens.finish)
        json_object_update_new(v, json_pack("{s:i, s:i, s:i, s:i, s:s}", "prompt_tokens", x->tokens.prompt,
                                            "image_tokens", x->tokens.image, "cached_tokens", x->tokens.cached,
                                            "answer_tokens", x->tokens.answer, "finish_reason", x->tokens.finish));
    char *text = json_dumps(v, JSON_COMPACT);
    log_note(&x->server->options.log, LOG_INFO, "%s", text ? text : "");
    free(text);
    json_decref(v);
}

static void note_exchange(const Exchange *x)
{
    const char *method = x->route ? x->route->method : "-";
    const double seconds = clock_now() - x->began;
    if (x->server->options.log_json) {
        note_as_json(x, method, seconds);
        return;
    }
    char tokens[160] = "";
    if (x->tokens.finish)
        snprintf(tokens, sizeof tokens, ", prompt %d (%d of pictures, %d cached), answer %d, %s", x->tokens.prompt,
                 x->tokens.image, x->tokens.cached, x->tokens.answer, x->tokens.finish);
    log_note(&x->server->options.log, LOG_INFO, "%s %s %s: %u, %.3f s%s", x->id, method, path_of(x), x->status, seconds,
             tokens);
}

/* ---- who may come in ---- */

static bool is_loopback(const char *host)
{
    return str_starts(host, "127.") || strcmp(host, "::1") == 0;
}

/* Does `host`, a Host header, name `name`, with any port? */
static bool names(const char *host, const char *name)
{
    const size_t n = strlen(name);
    return strncasecmp(host, name, n) == 0 && (!host[n] || host[n] == ':');
}

/* A server on this machine alone, without keys, trusts whoever can reach it. A page of another site reaches it through the
 * visitor's browser if it lets its own name point here: then it asks for that name. */
static bool name_is_fine(const Exchange *x)
{
    static const char *const LOCAL[] = { "127.0.0.1", "localhost", "[::1]" };
    const ServerOptions *o = &x->server->options;
    const char *host = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Host");
    if (o->unix_socket || o->n_keys || !is_loopback(o->host) || !host) return true;
    for (size_t i = 0; i < sizeof LOCAL / sizeof *LOCAL; i++)
        if (names(host, LOCAL[i])) return true;
    if (names(host, o->host)) return true;
    for (int i = 0; i < o->n_server_names; i++)
        if (names(host, o->server_name[i])) return true;
    return false;
}

static void address_of(const Exchange *x, char *out, size_t n)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    snprintf(out, n, "local");
    if (!info || !info->client_addr) return;
    const bool six = info->client_addr->sa_family == AF_INET6;
    if (six || info->client_addr->sa_family == AF_INET)
        getnameinfo(info->client_addr, six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in), out,
                    (socklen_t)n, NULL, 0, NI_NUMERICHOST);
}

static bool check_key(Exchange *x, ApiError *e)
{
    if (x->route->open) return true;
    const char *given = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Authorization");
    x->who = keys_find(x->server->keys, given);
    if (x->who >= 0) return true;
    return api_fail(e, 401, "invalid_api_key",
                    given ? "the API key is not one of this server's"
                          : "an API key is needed: Authorization: Bearer KEY");
}

static bool check_rate(Exchange *x, ApiError *e)
{
    int seconds;
    char address[64];
    if (strcmp(x->route->method, "POST") != 0) return true;
    address_of(x, address, sizeof address);
    if (keys_count_request(x->server->keys, x->who, address, &seconds)) return true;
    metrics_add(x->server->metrics, COUNT_REJECTED, 1);
    api_fail(e, 429, "rate_limit_exceeded", "more than %d requests in a minute; the next one in %d s",
             x->server->options.requests_per_minute, seconds);
    e->retry_after = seconds;
    return false;
}

static HttpResult count_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    int *n = context;
    (void)kind, (void)value;
    *n += strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0;
    return MHD_YES;
}

/* A body of two lengths ends elsewhere for a proxy in front than it does here. */
static bool check_framing(const Exchange *x, ApiError *e)
{
    int lengths = 0;
    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, count_header, &lengths);
    const char *coding = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Transfer-Encoding");
    if (lengths > 1) return api_fail(e, 400, "two_lengths", "the body has more than one length");
    return !coding || strcasecmp(coding, "chunked") == 0 ||
           api_fail(e, 400, "unknown_coding", "the Transfer-Encoding is not chunked");
}

static bool check_length(const Exchange *x, ApiError *e)
{
    const char *length = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Content-Length");
    const size_t most = x->server->options.most_body;
    if (!length || strtoull(length, NULL, 10) <= most) return true;
    return api_fail(e, 413, "body_too_large", "the body has %.20s bytes, expected %zu at most", length, most);
}

/* ---- the path ---- */

/* NULL: not below the base path. */
static const char *below_base(const Server *s, const char *url)
{
    const size_t n = strlen(s->options.base_path);
    if (strncmp(url, s->options.base_path, n) != 0) return NULL;
    return url[n] == '/' ? url + n : NULL;
}

/* /base becomes /base/, so that the page's relative links hold. */
static HttpResult redirect_to_base(Exchange *x)
{
    Str to = { 0 };
    str_printf(&to, "%s/", x->server->options.base_path);
    struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (r) MHD_add_response_header(r, "Location", to.text);
    str_free(&to);
    if (!r) return MHD_NO;
    x->status = 308;
    const HttpResult queued = MHD_queue_response(x->connection, 308, r);
    MHD_destroy_response(r);
    return queued;
}

/* ---- a request ---- */

static Exchange *exchange_open(Server *s, struct MHD_Connection *c)
{
    Exchange *x = xcalloc(1, sizeof *x);
    const uint64_t n = atomic_fetch_add(&s->exchanges, 1);
    *x = (Exchange){ .server = s, .connection = c, .began = clock_now() };
    snprintf(x->id, sizeof x->id, "req-%016llx", (unsigned long long)rng_at(s->id_seed, n));
    return x;
}

/* The headers are here. Answers what can be refused now; MHD_YES without an answer: go on. */
static HttpResult begin(Exchange *x, const char *url, const char *method)
{
    ApiError e;
    x->closes = true; /* a body that is not read would be taken for the next request */
    if (x->server->options.base_path[0] && strcmp(url, x->server->options.base_path) == 0) return redirect_to_base(x);
    x->url = below_base(x->server, url);
    if (!name_is_fine(x)) {
        api_fail(&e, 403, "unknown_host",
                 "this server answers to localhost alone: ask for that, or start it with --server-name or API keys");
        return reply_error(x, &e);
    }
    if (!check_framing(x, &e)) return reply_error(x, &e);
    if (strcmp(method, "OPTIONS") == 0) return reply_options(x);
    if (!x->url) return api_fail(&e, 404, "unknown_path", "there is nothing at this path"), reply_error(x, &e);
    x->route = route_find(method, x->url, &e);
    if (!x->route || !check_key(x, &e) || !check_rate(x, &e) || !check_length(x, &e)) return reply_error(x, &e);
    x->closes = false;
    return MHD_YES;
}

/* More than the limit is read, as the client sends it before it listens, but not kept; far more is cut off. */
static HttpResult take_body(Exchange *x, const char *bytes, size_t *n)
{
    const size_t most = x->server->options.most_body;
    if (x->body.n + *n > most) {
        x->too_large = true;
        x->closes = true;
    }
    if (!x->too_large) str_add(&x->body, bytes, *n);
    *n = 0;
    return MHD_YES;
}

static HttpResult on_request(void *context, struct MHD_Connection *c, const char *url, const char *method,
                             const char *version, const char *bytes, size_t *n, void **state)
{
    Exchange *x = *state;
    (void)version;
    if (!x) {
        *state = x = exchange_open(context, c);
        return begin(x, url, method);
    }
    if (*n) return take_body(x, bytes, n);
    x->url = below_base(x->server, url);
    return x->route->answer(x);
}

static void on_end(void *context, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how)
{
    Exchange *x = *state;
    (void)context, (void)c, (void)how;
    if (!x) return;
    if (x->end_work) x->end_work(x->work);
    metrics_request(x->server->metrics, path_of(x), x->status);
    note_exchange(x);
    str_free(&x->body);
    free(x);
    *state = NULL;
}

/* ---- opening and closing ---- */

static void on_http_note(void *context, const char *fmt, va_list ap)
{
    const Server *s = context;
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    log_note(&s->options.log, LOG_DEBUG, "http: %s", text);
}

static int unix_listener(const char *path, Error *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct stat there;
    if (strlen(path) >= sizeof at.sun_path)
        return fail(e, ERR_USAGE, "%s: a socket's path has at most %zu bytes", path, sizeof at.sun_path - 1), -1;
    memcpy(at.sun_path, path, strlen(path));
    if (lstat(path, &there) == 0 && S_ISSOCK(there.st_mode)) unlink(path); /* left by one that is gone */
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const mode_t before = umask(0117); /* for this user and group */
    const bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(fd, SOMAXCONN) == 0;
    umask(before);
    if (ok) return fd;
    fail(e, ERR_SYSTEM, "%s: cannot listen: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    return -1;
}

/* An IPv4 or IPv6 address as digits. */
static bool parse_address(const char *host, int port, struct sockaddr_storage *out, Error *e)
{
    char service[16];
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *found;
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, service, &hints, &found) != 0)
        return fail(e, ERR_USAGE, "%s is not an address, expected one like 127.0.0.1, 0.0.0.0 or ::1", host);
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

typedef struct {
    struct MHD_OptionItem item[16];
    int n;
} HttpOptions;

static void add_option(HttpOptions *h, enum MHD_OPTION option, intptr_t value, void *pointer)
{
    h->item[h->n++] = (struct MHD_OptionItem){ option, value, pointer };
}

static bool listen_and_serve(Server *s, char *cert, char *key, Error *e)
{
    const ServerOptions *o = &s->options;
    enum { HEADER_BYTES = 64 << 10, STACK_BYTES = 8 << 20 }; /* JSON 2000 deep is written by recursion */
    struct sockaddr_storage at = { 0 };
    HttpOptions h = { 0 };
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ERROR_LOG;
    if (o->unix_socket) {
        if ((s->listening = unix_listener(o->unix_socket, e)) < 0) return false;
        add_option(&h, MHD_OPTION_LISTEN_SOCKET, s->listening, NULL);
    } else {
        if (!parse_address(o->host, o->port, &at, e)) return false;
        if (at.ss_family == AF_INET6) flags |= MHD_USE_IPv6;
        add_option(&h, MHD_OPTION_SOCK_ADDR, 0, &at);
    }
    if (cert) {
        flags |= MHD_USE_TLS;
        add_option(&h, MHD_OPTION_HTTPS_MEM_CERT, 0, cert);
        add_option(&h, MHD_OPTION_HTTPS_MEM_KEY, 0, key);
    }
    add_option(&h, MHD_OPTION_END, 0, NULL);
    errno = 0;
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_http_note, s,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)o->most_connections, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)o->connection_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 (size_t)HEADER_BYTES, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
                                 MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, h.item, MHD_OPTION_END);
    if (!s->daemon)
        return o->unix_socket ? fail(e, ERR_SYSTEM, "%s: cannot serve: %s", o->unix_socket,
                                     errno ? strerror(errno) : "no reason given")
                              : fail(e, ERR_SYSTEM, "%s:%d: cannot listen: %s", o->host, o->port,
                                     errno ? strerror(errno) : "no reason given");
    s->port = o->unix_socket ? 0 : MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return true;
}

static bool start_http(Server *s, Error *e)
{
    enum { MOST_PEM = 1 << 20 };
    char *cert = NULL, *key = NULL;
    size_t n;
    const ServerOptions *o = &s->options;
    const bool ok = (!o->tls_cert || (file_read(o->tls_cert, MOST_PEM, &cert, &n, e) &&
                                      file_read(o->tls_key, MOST_PEM, &key, &n, e))) &&
                    listen_and_serve(s, cert, key, e);
    free(cert);
    free(key);
    return ok;
}

/* The first model is opened now, so that a wrong name is an error at once. */
static bool open_first_model(Server *s, Error *e)
{
    HostedModel *first = hosted_find(s->models, NULL);
    if (!hosted_hold(s->models, first, e)) return false;
    hosted_release(s->models, first);
    return true;
}

/* Before anything else is opened: a wrong list is an error at once. */
static bool open_hosts(Server *s, Error *e)
{
    if (!s->options.image_hosts) return true;
    if (!(s->image_hosts = image_hosts_open(s->options.image_hosts, e))) return fail_in(e, "--image-hosts");
    if (fetch_open(e)) return true;
    image_hosts_close(s->image_hosts);
    s->image_hosts = NULL;
    return fail_in(e, "--image-hosts");
}

static void close_hosts(Server *s)
{
    if (!s->image_hosts) return;
    image_hosts_close(s->image_hosts);
    fetch_close();
}

Server *server_open(const ServerOptions *o, Error *e)
{
    Server *s = xcalloc(1, sizeof *s);
    s->options = *o;
    s->listening = -1;
    s->opened_at = (double)time(NULL);
    if (getrandom(&s->id_seed, sizeof s->id_seed, 0) != sizeof s->id_seed) s->id_seed = (uint64_t)time(NULL);
    s->metrics = metrics_open();
    s->keys = keys_open(o->key, o->n_keys, o->requests_per_minute);
    s->models = hosted_open(o->model, o->n_models, &o->engine, o->most_model_bytes);
    if (open_hosts(s, e) && open_first_model(s, e) &&
        (s->worker = worker_open(keys_count(s->keys), o->most_queued, e)) != NULL && start_http(s, e))
        return s;
    server_close(s);
    return NULL;
}

void server_drain(Server *s)
{
    atomic_store(&s->draining, true);
}

int server_busy(Server *s)
{
    const WorkerStats w = worker_stats(s->worker);
    return w.running + w.queued;
}

int server_port(const Server *s)
{
    return s->port;
}

void server_close(Server *s)
{
    if (!s) return;
    server_drain(s);
    worker_stop(s->worker); /* now no connection waits for an answer */
    if (s->daemon) MHD_stop_daemon(s->daemon);
    worker_close(s->worker);
    if (s->options.unix_socket && s->listening >= 0) unlink(s->options.unix_socket);
    hosted_close(s->models);
    keys_close(s->keys);
    close_hosts(s);
    metrics_close(s->metrics);
    free(s);
}
