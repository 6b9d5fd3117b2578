/* exchange.h - one HTTP request and its answer, for those who answer; over libmicrohttpd. Only for files of this folder. */
#ifndef VL2_SERVE_EXCHANGE_H
#define VL2_SERVE_EXCHANGE_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "serve/api_error.h"
#include "serve/image_hosts.h"
#include "serve/job.h"
#include "serve/keys.h"
#include "serve/metrics.h"
#include "serve/server.h"

typedef enum MHD_Result HttpResult;

struct Server {
    ServerOptions options;
    HostedSet *models;
    Worker *worker;
    Metrics *metrics;
    Keys *keys;
    ImageHosts *image_hosts; /* NULL: no pictures are fetched */
    struct MHD_Daemon *daemon;
    int listening; /* the UNIX socket, or -1 */
    int port;
    atomic_bool draining;
    atomic_uint_fast64_t exchanges;
    uint64_t id_seed;
    double opened_at;
};

typedef struct Exchange Exchange;
typedef HttpResult Handler(Exchange *x);

typedef struct {
    const char *method, *path;
    Handler *answer;
    bool open; /* without a key */
} Route;

/* What the log says about an answer. */
typedef struct {
    int prompt, image, cached, answer;
    const char *finish; /* NULL: no answer was made */
} ExchangeTokens;

struct Exchange {
    Server *server;
    struct MHD_Connection *connection;
    const Route *route;
    const char *url; /* without the base path; for the route of the page's files */
    Str body;
    bool too_large;
    char id[24]; /* of the request, also in the answer's header */
    int who;     /* whose key: 0 without keys */
    double began;
    unsigned status;
    ExchangeTokens tokens;
    void *work; /* of a handler, until the exchange ends */
    void (*end_work)(void *work);
    bool closes; /* the connection ends with this answer */
};

HttpResult reply_text(Exchange *x, unsigned status, const char *type, const char *text, size_t n);
HttpResult reply_json(Exchange *x, unsigned status, json_t *v); /* takes v over */
/* A file of the page: `bytes` stay where they are. */
HttpResult reply_asset(Exchange *x, const char *type, const char *policy, const unsigned char *bytes, size_t n);
HttpResult reply_error(Exchange *x, const ApiError *e);
HttpResult reply_options(Exchange *x); /* to OPTIONS, of any path */
/* An event stream; `read` gives bytes, as libmicrohttpd asks, and may wait. */
HttpResult reply_stream(Exchange *x, MHD_ContentReaderCallback read, void *context);

/* The body as JSON. NULL and *e: 400, 413 or 415. */
json_t *exchange_json(Exchange *x, ApiError *e);
/* The client closed its side: nobody will read the answer. */
bool exchange_is_gone(const Exchange *x);
/* False and *e, 503: the server is about to end. */
bool exchange_may_begin(Exchange *x, ApiError *e);
/* While an answer is made the client need not say anything. */
void exchange_be_patient(Exchange *x);

#endif
