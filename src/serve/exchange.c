/* exchange.c - see exchange.h. */
#include "serve/exchange.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"

/* ---- headers that every answer has ---- */

static bool origin_allowed(const ServerOptions *o, const char *origin, const char **allowed)
{
    for (int i = 0; i < o->n_origins; i++)
        if (strcmp(o->origin[i], "*") == 0 || strcmp(o->origin[i], origin) == 0) return *allowed = o->origin[i], true;
    return false;
}

static void add_cors(const Exchange *x, struct MHD_Response *r)
{
    const char *origin = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Origin"), *allowed;
    if (x->server->options.n_origins == 0) return;
    MHD_add_response_header(r, "Vary", "Origin");
    if (!origin || !origin_allowed(&x->server->options, origin, &allowed)) return;
    MHD_add_response_header(r, "Access-Control-Allow-Origin", allowed);
    MHD_add_response_header(r, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    MHD_add_response_header(r, "Access-Control-Allow-Headers", "*, Authorization, Content-Type");
    MHD_add_response_header(r, "Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
    MHD_add_response_header(r, "Access-Control-Max-Age", "600");
}

static HttpResult send_response(Exchange *x, unsigned status, const char *type, struct MHD_Response *r)
{
    if (!r) return MHD_NO;
    if (type) MHD_add_response_header(r, "Content-Type", type);
    MHD_add_response_header(r, "X-Request-Id", x->id);
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (x->closes) MHD_add_response_header(r, "Connection", "close");
    add_cors(x, r);
    x->status = status;
    /* The clock of idle connections stood still while the answer was made: it begins anew. */
    MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              (unsigned)x->server->options.connection_seconds);
    const HttpResult queued = MHD_queue_response(x->connection, status, r);
    MHD_destroy_response(r);
    return queued;
}

static struct MHD_Response *copied(const char *text, size_t n)
{
    return MHD_create_response_from_buffer(n, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
}

HttpResult reply_text(Exchange *x, unsigned status, const char *type, const char *text, size_t n)
{
    struct MHD_Response *r = copied(text, n);
    if (r) MHD_add_response_header(r, "Cache-Control", "no-store");
    return send_response(x, status, type, r);
}

HttpResult reply_json(Exchange *x, unsigned status, json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT);
    json_decref(v);
    if (!text) return MHD_NO;
    const HttpResult sent = reply_text(x, status, "application/json", text, strlen(text));
    free(text);
    return sent;
}

HttpResult reply_asset(Exchange *x, const char *type, const char *policy, const unsigned char *bytes, size_t n)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(n, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT);
    if (!r) return MHD_NO;
    MHD_add_response_header(r, "Content-Security-Policy", policy);
    MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(r, "Cache-Control", "no-cache");
    return send_response(x, 200, type, r);
}

HttpResult reply_error(Exchange *x, const ApiError *e)
{
    json_t *v = api_error_json(e);
    char *text = json_dumps(v, JSON_COMPACT);
    json_decref(v);
    if (!text) return MHD_NO;
    struct MHD_Response *r = copied(text, strlen(text));
    free(text);
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", e->retry_after);
    if (r && e->retry_after) MHD_add_response_header(r, "Retry-After", seconds);
    if (r && !e->retry_after && e->status >= 500) MHD_add_response_header(r, "X-Should-Retry", "false");
    if (r && e->allow) MHD_add_response_header(r, "Allow", e->allow);
    if (r && e->status == 401) MHD_add_response_header(r, "WWW-Authenticate", "Bearer");
    return send_response(x, e->status, "application/json", r);
}

HttpResult reply_options(Exchange *x)
{
    struct MHD_Response *r = copied("", 0);
    if (r) MHD_add_response_header(r, "Allow", "GET, HEAD, POST, OPTIONS");
    return send_response(x, 204, NULL, r);
}

HttpResult reply_stream(Exchange *x, MHD_ContentReaderCallback read, void *context)
{
    enum { BLOCK = 16 << 10 };
    struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read, context, NULL);
    if (!r) return MHD_NO;
    MHD_add_response_header(r, "Cache-Control", "no-cache");
    MHD_add_response_header(r, "X-Accel-Buffering", "no");
    return send_response(x, 200, "text/event-stream", r);
}

/* ---- the request ---- */

/* Only JSON by name: a form on another site's page cannot send that without being asked first. */
static bool says_json(const Exchange *x)
{
    static const char NAME[] = "application/json";
    const char *type = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Content-Type");
    const size_t n = sizeof NAME - 1;
    return type && strncasecmp(type, NAME, n) == 0 && (!type[n] || type[n] == ';' || type[n] == ' ');
}

json_t *exchange_json(Exchange *x, ApiError *e)
{
    Error cause;
    if (x->too_large) {
        api_fail(e, 413, "body_too_large", "the body is larger than %zu bytes", x->server->options.most_body);
        return NULL;
    }
    if (!says_json(x)) {
        api_fail(e, 415, "unsupported_media_type", "the Content-Type is not application/json");
        return NULL;
    }
    json_t *v = json_parse(x->body.n ? x->body.text : "", x->body.n, "the body", &cause);
    if (!v) api_fail(e, 400, "invalid_json", "%s", cause.text);
    return v;
}

bool exchange_is_gone(const Exchange *x)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!info) return false;
    struct pollfd p = { .fd = info->connect_fd, .events = POLLRDHUP };
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

bool exchange_may_begin(Exchange *x, ApiError *e)
{
    if (!atomic_load(&x->server->draining)) return true;
    api_fail(e, 503, "draining", "the server is about to end and begins no more answers");
    e->retry_after = 5;
    x->closes = true;
    return false;
}

void exchange_be_patient(Exchange *x)
{
    MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
}
