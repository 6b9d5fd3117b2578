/* test_http_edges.c - the server and clients that are slow, rude, odd or many: each gets what it may have, holds up nobody
 * else, and leaves nothing behind. */
#include <netinet/tcp.h>
#include <sys/resource.h>

#include "serve_support.h"

static const char MODEL[] = "micro-mla-noaux";

#define CHAT  "/v1/chat/completions"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]"
/* Much is said of each token, so that the system's buffers are soon full. */
#define LONG                                                                                                           \
    "{" HELLO ",\"ignore_eos\":true,\"max_tokens\":100000,\"stream\":true,\"logprobs\":true,\"top_logprobs\":20}"
#define SHORT                                "{" HELLO ",\"ignore_eos\":true,\"max_tokens\":3}"
#define JSON                                 "Content-Type: application/json\r\n"
#define REQUEST(method, path, headers, body) method " " path " HTTP/1.1\r\nHost: localhost\r\n" headers "\r\n" body

static Server *open_with(int places, int connection_seconds)
{
    ServerOptions o = server_defaults(MODEL);
    o.engine.sequences = places;
    o.engine.context = 1 << 20;
    o.connection_seconds = connection_seconds;
    return open_server(&o);
}

/* Everything that comes for these bytes, until the server closes. */
static Str converse(const Server *s, const char *bytes, size_t n)
{
    const int fd = connect_to(s);
    char buffer[1 << 14];
    Str all = { 0 };
    str_add(&all, "", 0);
    send_bytes(fd, bytes, n);
    for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;) str_add(&all, buffer, (size_t)got);
    close(fd);
    return all;
}

static int count_in(const char *text, const char *what)
{
    int n = 0;
    for (; (text = strstr(text, what)) != NULL; text += strlen(what)) n++;
    return n;
}

static void assert_serves(const Server *s)
{
    json_decref(ask_json(s, "GET", "/health", NULL, 200));
    json_decref(ask_json(s, "POST", CHAT, SHORT, 200));
}

/* ---- bytes that are no HTTP, or hardly ---- */

static void no_bytes_stop_the_server(void **state)
{
    static const char *const RAW[] = {
        "",
        "\r\n\r\n",
        "hello\r\n\r\n",
        "GET",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /%00%2e%2e/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    };
    (void)state;
    Server *s = open_with(1, 1);
    for (size_t i = 0; i < sizeof RAW / sizeof *RAW; i++) {
        const int fd = connect_to(s);
        send_bytes(fd, RAW[i], strlen(RAW[i]));
        shutdown(fd, SHUT_WR);
        HttpReply r = read_reply(fd);
        if (r.status >= 500 && r.status != 505) fail_msg("%s: %d", RAW[i], r.status);
        free_reply(&r);
    }
    const int fd = connect_to(s); /* a client that never ends its request is shown out */
    send_bytes(fd, "GET /health HT", 14);
    const double begin = clock_now();
    HttpReply r = read_reply(fd);
    assert_true(r.status != 200 && clock_now() - begin < 15);
    free_reply(&r);
    assert_serves(s);
    server_close(s);
}

static void long_headers_are_refused(void **state)
{
    static const struct {
        const char *first, *each, *last;
        int times;
    } HEAD[] = {
        { "GET /health HTTP/1.1\r\nHost: localhost\r\n", "X: a\r\n", "\r\n", 10000 },
        { "GET /health HTTP/1.1\r\nHost: localhost\r\nX: ", "aaaaaaaa", "\r\n\r\n", 1 << 17 },
        { "GET /", "aaaaaaaa", " HTTP/1.1\r\nHost: localhost\r\n\r\n", 1 << 17 },
        { "", "AAAAAAAA", " /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 1 << 17 },
    };
    (void)state;
    Server *s = open_with(1, 5);
    for (size_t i = 0; i < sizeof HEAD / sizeof *HEAD; i++) {
        Str all = { 0 };
        str_puts(&all, HEAD[i].first);
        for (int k = 0; k < HEAD[i].times; k++) str_puts(&all, HEAD[i].each);
        str_puts(&all, HEAD[i].last);
        const int fd = connect_to(s);
        send_bytes(fd, all.text, all.n);
        HttpReply r = read_reply(fd); /* none, if the server closed before all was sent */
        printf("# head %zu: %d\n", i, r.status);
        if (r.status != 0 && r.status != 400 && r.status != 413 && r.status != 414 && r.status != 431)
            fail_msg("head %zu: %d", i, r.status);
        free_reply(&r);
        str_free(&all);
    }
    assert_serves(s);
    server_close(s);
}

/* What a proxy could take for one request and the server for two. */
static void lengths_of_two_meanings_are_refused(void **state)
{
#define SMUGGLED "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    static const char *const TWOFOLD[] = {
        REQUEST("POST", "/tokenize", JSON "Content-Length: 5\r\nContent-Length: 0\r\n", "{\"a\":" SMUGGLED),
        REQUEST("POST", "/tokenize", JSON "Content-Length: 0\r\nContent-Length: 5\r\n", "{\"a\":" SMUGGLED),
        REQUEST("POST", "/tokenize", JSON "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" SMUGGLED),
        REQUEST("POST", "/tokenize", JSON "Transfer-Encoding: chunked\r\nContent-Length: 40\r\n", "0\r\n\r\n" SMUGGLED),
        REQUEST("POST", "/tokenize", JSON "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
                "0\r\n\r\n" SMUGGLED),
        REQUEST("POST", "/tokenize", JSON "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n" SMUGGLED),
        REQUEST("POST", "/tokenize", JSON "Content-Length: 5 5\r\n", "{\"a\":" SMUGGLED),
        REQUEST("POST", "/tokenize", JSON "Content-Length: +5\r\n", "{\"a\":" SMUGGLED),
        REQUEST("POST", "/tokenize", JSON "Content-Length: 0x5\r\n", "{\"a\":" SMUGGLED),
    };
    (void)state;
    Server *s = open_with(1, 2);
    for (size_t i = 0; i < sizeof TWOFOLD / sizeof *TWOFOLD; i++) {
        Str all = converse(s, TWOFOLD[i], strlen(TWOFOLD[i]));
        if (!str_starts(all.text, "HTTP/1.1 400") || strstr(all.text, "HTTP/1.1 200"))
            fail_msg("%s: %s", TWOFOLD[i], all.text);
        str_free(&all);
    }
    assert_serves(s);
    server_close(s);
}

/* ---- what HTTP has beside one request and its answer ---- */

static void a_connection_serves_one_request_after_another(void **state)
{
    static const char FIVE[] = REQUEST("GET", "/health", "", "")
        REQUEST("POST", "/tokenize", JSON "Content-Length: 15\r\n", "{\"content\":\"a\"}")
            REQUEST("HEAD", "/health", "", "") REQUEST("POST", CHAT, JSON "Content-Length: 2\r\n", "{}")
                REQUEST("GET", "/ready", "Connection: close\r\n", "");
    static const int EXPECTED[] = { 200, 200, 200, 400, 200 };
    (void)state;
    Server *s = open_with(1, 20);
    Str all = converse(s, FIVE, sizeof FIVE - 1);
    const char *at = all.text;
    for (size_t i = 0; i < sizeof EXPECTED / sizeof *EXPECTED; i++, at++) {
        at = strstr(at, "HTTP/1.1 ");
        if (!at || atoi(at + strlen("HTTP/1.1 ")) != EXPECTED[i]) fail_msg("answer %zu: %s", i, all.text);
    }
    assert_null(strstr(at, "HTTP/1.1 "));
    str_free(&all);
    const int fd = connect_to(s); /* the same, each after the answer to the one before */
    for (int i = 0; i < 20; i++) {
        static const char ONE[] = REQUEST("POST", "/tokenize", JSON "Content-Length: 15\r\n", "{\"content\":\"a\"}");
        char buffer[4096];
        ssize_t n = 0;
        send_bytes(fd, ONE, sizeof ONE - 1);
        do {
            const ssize_t got = recv(fd, buffer + n, sizeof buffer - 1 - (size_t)n, 0);
            if (got <= 0) fail_msg("closed after %d requests", i);
            n += got;
            buffer[n] = 0;
        } while (!strstr(buffer, "max_model_len"));
        assert_true(str_starts(buffer, "HTTP/1.1 200"));
    }
    close(fd);
    server_close(s);
}

static void a_body_waits_for_leave_if_it_asks(void **state)
{
    static const char MAY_COME[] = "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
                                   "Expect: 100-continue\r\nContent-Length: 15\r\n\r\n";
    static const char MAY_NOT[] = "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
                                  "Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n";
    (void)state;
    Server *s = open_with(1, 20);
    char buffer[256];
    const int fd = connect_to(s);
    send_bytes(fd, MAY_COME, sizeof MAY_COME - 1);
    const ssize_t got = recv(fd, buffer, sizeof buffer - 1, 0);
    buffer[got > 0 ? got : 0] = 0;
    assert_true(str_starts(buffer, "HTTP/1.1 100"));
    send_bytes(fd, "{\"content\":\"a\"}", 15);
    HttpReply r = read_reply(fd);
    assert_int_equal(r.status, 200);
    free_reply(&r);
    Str all = converse(s, MAY_NOT, sizeof MAY_NOT - 1);
    assert_true(str_starts(all.text, "HTTP/1.1 413"));
    assert_non_null(strstr(all.text, "body_too_large"));
    str_free(&all);
    server_close(s);
}

static void chunks_are_a_body(void **state)
{
    static const char CHUNKED[] = "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" JSON
                                  "Transfer-Encoding: chunked\r\n\r\n3;name=value\r\n{\"c\r\nC\r\nontent\":\"a\"}\r\n0"
                                  "\r\nX-After: 1\r\n\r\n";
    (void)state;
    Server *s = open_with(1, 20);
    Str all = converse(s, CHUNKED, sizeof CHUNKED - 1);
    if (!str_starts(all.text, "HTTP/1.1 200") || !strstr(all.text, "\"count\":")) fail_msg("%s", all.text);
    str_free(&all);
    server_close(s);
}

/* What comes behind a body is the next request, and no part of this one. */
static void a_body_ends_where_it_said(void **state)
{
    static const char MORE[] =
        REQUEST("POST", "/tokenize", JSON "Content-Length: 15\r\n", "{\"content\":\"a\"} and more\r\n\r\n");
    (void)state;
    Server *s = open_with(1, 2);
    Str all = converse(s, MORE, sizeof MORE - 1);
    if (!str_starts(all.text, "HTTP/1.1 200") || count_in(all.text, "HTTP/1.1 200") != 1) fail_msg("%s", all.text);
    str_free(&all);
    assert_serves(s);
    server_close(s);
}

static void methods_get_what_they_may_have(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
        const char *head_has;
    } CASE[] = {
        { "DELETE", "/v1/models", 405, "Allow: GET, HEAD, OPTIONS" },
        { "PATCH", CHAT, 405, "Allow: POST, OPTIONS" },
        { "HEAD", CHAT, 405, "Allow: POST, OPTIONS" },
        { "TRACE", "/health", 405, "Allow: GET" },
        { "BREW", "/health", 405, "Allow: GET" },
        { "get", "/health", 405, "Allow: GET" },
        { "DELETE", "/nothing", 404, "application/json" },
        { "HEAD", "/health", 200, "Content-Length: 15" },
        { "HEAD", "/v1/models", 200, "application/json" },
        { "OPTIONS", "/v1/models", 204, "Allow: " },
        { "OPTIONS", "*", 204, "Allow: " },
    };
    (void)state;
    Server *s = open_with(1, 20);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        HttpReply r = ask(s, CASE[i].method, CASE[i].path, NULL);
        if (r.status != CASE[i].status || !strstr(r.head.text, CASE[i].head_has))
            fail_msg("%s %s: %d %s", CASE[i].method, CASE[i].path, r.status, r.head.text);
        const bool has_body = CASE[i].status >= 400 && strcmp(CASE[i].method, "HEAD") != 0;
        if (has_body != (strstr(r.body.text, "\"error\"") != NULL)) fail_msg("%s: \"%s\"", CASE[i].method, r.body.text);
        free_reply(&r);
    }
    server_close(s);
}

/* ---- JSON that is large in one way ---- */

static void assert_bad_json(const Server *s, const char *what, const Str *body, const char *says)
{
    const double begin = clock_now();
    json_t *v = ask_json(s, "POST", CHAT, body->text, 400);
    const char *message = json_string_value(json_object_get(json_object_get(v, "error"), "message"));
    if (!strstr(message, says)) fail_msg("%s: %s", what, message);
    printf("# %s: %.1f MB, %.2f s\n", what, (double)body->n / 1e6, clock_now() - begin);
    json_decref(v);
}

static void repeat(Str *s, const char *text, int n)
{
    for (int i = 0; i < n; i++) str_puts(s, text);
}

static void no_json_is_too_wide_or_deep(void **state)
{
    (void)state;
    Server *s = open_with(1, 20);
    Str body = { 0 };
    str_puts(&body, "{\"a\":0");
    for (int i = 0; i < 1000000; i++) str_printf(&body, ",\"b%x\":0", i);
    str_puts(&body, "}");
    assert_bad_json(s, "a million keys", &body, "messages is nothing");
    str_clear(&body);
    repeat(&body, "[", 1000000);
    assert_bad_json(s, "a million deep", &body, "not valid JSON");
    str_clear(&body);
    repeat(&body, "{\"a\":", 1000000);
    assert_bad_json(s, "a million objects deep", &body, "not valid JSON");
    str_clear(&body);
    str_puts(&body, "{" HELLO ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":");
    repeat(&body, "{\"type\":\"array\",\"items\":", 1000);
    str_puts(&body, "{}");
    repeat(&body, "}", 1000);
    str_puts(&body, "}}}");
    assert_bad_json(s, "a schema a thousand deep", &body, "");
    str_clear(&body);
    str_puts(&body,
             "{\"messages\":["); /* neighbours of one role are one message: it grows, it is not copied each time */
    repeat(&body, "{\"role\":\"user\",\"content\":[]},", 100000);
    str_puts(&body, "{\"role\":\"assistant\",\"content\":\"a\"}]}");
    assert_bad_json(s, "a hundred thousand messages", &body, "the last message is the assistant's");
    assert_true(metric(s, "process_resident_memory_bytes") < 2e9);
    str_free(&body);
    assert_serves(s);
    server_close(s);
}

/* ---- clients that are slow, break off, or are many ---- */

static int begin_stream(const Server *s)
{
    const int fd = connect_to(s);
    send_request(fd, "POST", CHAT, "", LONG);
    return fd;
}

/* It takes a place until it is shown out; others are answered meanwhile. */
static void a_client_that_does_not_read_is_shown_out(void **state)
{
    (void)state;
    Server *s = open_with(2, 1);
    const int fd = begin_stream(s);
    assert_true(metric_becomes(s, "vl2_answers_running", 1, 20));
    json_decref(ask_json(s, "POST", CHAT, SHORT, 200));
    assert_true(metric_becomes(s, "vl2_cancelled_total", 1, 60));
    assert_true(metric_becomes(s, "vl2_answers_running", 0, 20));
    close(fd);
    assert_serves(s);
    server_close(s);
}

static void a_reset_in_the_middle_frees_the_place(void **state)
{
    enum { CLIENTS = 5 };
    static const struct linger AT_ONCE = { 1, 0 };
    (void)state;
    Server *s = open_with(1, 20);
    for (int i = 0; i < CLIENTS; i++) {
        char buffer[512];
        const int fd = begin_stream(s);
        assert_true(recv(fd, buffer, sizeof buffer, 0) > 0);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &AT_ONCE, sizeof AT_ONCE);
        close(fd); /* sends a reset */
    }
    assert_true(metric_becomes(s, "vl2_cancelled_total", CLIENTS, 20));
    assert_true(metric_becomes(s, "vl2_answers_running", 0, 20));
    assert_serves(s);
    server_close(s);
}

/* Who waits for a place says nothing for longer than idle clients may. */
static void a_stream_may_wait_longer_than_idle_clients(void **state)
{
    (void)state;
    Server *s = open_with(1, 1);
    const int running = begin_stream(s), waiting = connect_to(s);
    assert_true(metric_becomes(s, "vl2_answers_running", 1, 20));
    send_request(waiting, "POST", CHAT, "", "{" HELLO ",\"max_tokens\":3,\"ignore_eos\":true,\"stream\":true}");
    const double until = clock_now() + 3;
    for (char buffer[1 << 16]; clock_now() < until;)
        if (recv(running, buffer, sizeof buffer, 0) <= 0) fail_msg("the running stream broke off");
    close(running);
    HttpReply r = read_reply(waiting);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body.text, "[DONE]"));
    free_reply(&r);
    server_close(s);
}

static void idle_connections_do_not_shut_out_others(void **state)
{
    enum { IDLE = 1000 };
    static int fd[IDLE];
    (void)state;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 3 * IDLE) {
        printf("# skip: only %lu open files are allowed\n", (unsigned long)files.rlim_cur);
        skip();
    }
    Server *s = open_with(1, 2);
    for (int i = 0; i < IDLE; i++) {
        fd[i] = connect_to(s);
        if (i % 2) send_bytes(fd[i], "GET /health HTTP/1.1\r\n", 22);
    }
    const double begin = clock_now();
    int status = 0, closed = -1;
    for (; closed < 100 && status != 200; closed++) {
        HttpReply r = ask(s, "GET", "/health", NULL);
        status = r.status;
        free_reply(&r);
        if (status != 200) usleep(100000);
    }
    printf("# answered after %.2f s, %d closed before\n", clock_now() - begin, closed);
    assert_int_equal(status, 200);
    for (int i = 0; i < IDLE; i++) close(fd[i]);
    assert_serves(s);
    server_close(s);
}

TEST_MAIN(TEST(no_bytes_stop_the_server), TEST(long_headers_are_refused), TEST(lengths_of_two_meanings_are_refused),
          TEST(a_connection_serves_one_request_after_another), TEST(a_body_waits_for_leave_if_it_asks),
          TEST(chunks_are_a_body), TEST(a_body_ends_where_it_said), TEST(methods_get_what_they_may_have),
          TEST(no_json_is_too_wide_or_deep), TEST(a_client_that_does_not_read_is_shown_out),
          TEST(a_reset_in_the_middle_frees_the_place), TEST(a_stream_may_wait_longer_than_idle_clients),
          TEST(idle_connections_do_not_shut_out_others))
