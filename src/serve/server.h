/* server.h - vl2 over HTTP: OpenAI's calls, a page, and what operators ask.
 *
 * Each connection has a thread that reads, checks and prepares requests and writes answers; one thread alone runs the models
 * (job.h). Nothing that a client sends is logged. */
#ifndef VL2_SERVE_SERVER_H
#define VL2_SERVE_SERVER_H

#include "serve/hosted.h"

typedef struct {
    const char *host;               /* numeric address to listen on */
    int port;                       /* 0: one that is free */
    const char *unix_socket;        /* instead of host and port: a path; NULL: none */
    const char *base_path;          /* in front of every path, "/vl2"; "" for none */
    const char *tls_cert, *tls_key; /* files in PEM; NULL: plain HTTP */
    const char *const *origin;      /* web pages from there may call ("https://a.example", "*") */
    int n_origins;
    const char *const *server_name; /* names that clients may call this machine beside its addresses; see server.c */
    int n_server_names;
    const char *const *key; /* API keys; none: everybody may ask */
    int n_keys;
    int most_connections, connection_seconds; /* idle, or a client that does not read or write */
    size_t most_body;                         /* bytes */
    int most_queued;
    double queue_seconds, answer_seconds; /* 0: no limit */
    int requests_per_minute;              /* of one key, or of one address where there are no keys; 0: no limit */
    bool any_model;                       /* unknown model names mean the first one */

    const HostedName *model; /* the first is the default */
    int n_models;
    Vl2Options engine; /* what all models share */
    uint64_t most_model_bytes;

    Vl2Sampling sampling; /* where a request says nothing; max_tokens is the most that it may ask, too */
    int most_pictures, most_side;
    size_t most_pixels;
    bool exif_rotate;
    const char *image_hosts; /* from where pictures may be fetched (image_hosts.h); NULL: from nowhere */
    double image_seconds;    /* the most that fetching those of a request may take */

    bool log_json;
    Log log; /* from several threads */
} ServerOptions;

typedef struct Server Server;

/* Opens the first model and listens. What the options point to has to live as long as the server. NULL and *e on failure. */
Server *server_open(const ServerOptions *o, Error *e);
/* No new answers are begun; those that run go on. */
void server_drain(Server *s);
int server_busy(Server *s); /* answers that run or wait */
int server_port(const Server *s);
void server_close(Server *s); /* ends what runs; of NULL: nothing */

#endif
