/* test_remote_picture.c - pictures by URL: from the hosts on the list and nowhere else, whatever a URL, a name or an answer from
 * there tries; nobody waits for them but who asked. The host is a thread of this program that counts who comes. */
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "serve/address.h"
#include "serve/image_hosts.h"
#include "serve_support.h"

static const char MODEL[] = "micro-mla-noaux";

/* ---- a host of pictures ---- */

typedef struct {
    int fd, port;
    pthread_t thread;
    atomic_int visits;
    atomic_bool closing;
    char *picture;
    size_t n_picture;
} PictureHost;

/* What is at a path. */
typedef struct {
    const char *path, *head; /* after the status line's "HTTP/1.1 "; %d is the host's port */
    enum { NOTHING, PICTURE, HELLO, SLOWLY, WITHOUT_END, SILENCE } body;
} Place;

#define OK_PNG "200 OK\r\nContent-Type: image/png\r\n\r\n"
static const Place PLACE[] = {
    { "/cat.png", OK_PNG, PICTURE },
    { "/octets", "200 OK\r\nContent-Type: Application/Octet-Stream\r\n\r\n", PICTURE },
    { "/moved", "302 Found\r\nLocation: /cat.png\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n", HELLO },
    { "/moved-twice", "307 Temporary Redirect\r\nLocation: http://127.0.0.1:%d/moved\r\n\r\n", NOTHING },
    { "/loop", "302 Found\r\nLocation: /loop\r\n\r\n", NOTHING },
    { "/to-neighbour", "302 Found\r\nLocation: http://127.0.0.2:%d/cat.png\r\n\r\n", NOTHING },
    { "/to-metadata", "301 Moved\r\nLocation: http://169.254.169.254/latest/\r\n\r\n", NOTHING },
    { "/to-name", "308 Moved\r\nLocation: //localhost:%d/cat.png\r\n\r\n", NOTHING },
    { "/to-file", "302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", NOTHING },
    { "/to-user", "302 Found\r\nLocation: http://user:word@127.0.0.1:%d/cat.png\r\n\r\n", NOTHING },
    { "/missing", "404 Not Found\r\nContent-Type: image/png\r\n\r\n", HELLO },
    { "/refused", "401 hello-secret\r\nWWW-Authenticate: Basic realm=hello-secret\r\n\r\n", HELLO },
    { "/page", "200 OK\r\nContent-Type: text/html\r\n\r\n", HELLO },
    { "/untyped", "200 OK\r\n\r\n", PICTURE },
    { "/text.png", OK_PNG, HELLO },
    { "/empty", OK_PNG, NOTHING },
    { "/cut", "200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n", HELLO },
    { "/large", "200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000000000000\r\n\r\n", HELLO },
    { "/endless", OK_PNG, WITHOUT_END },
    { "/slow", OK_PNG, SLOWLY },
    { "/silent", "", SILENCE },
    { "/garbage", "\x01\x02\x03 hello-secret \r\n\r\n", HELLO },
};

static bool left(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLRDHUP };
    return poll(&p, 1, 20) > 0;
}

static void send_body(const PictureHost *h, int fd, const Place *p)
{
    static const char zeros[1 << 14];
    switch (p->body) {
    case NOTHING: break;
    case PICTURE: send_bytes(fd, h->picture, h->n_picture); break;
    case HELLO: send_bytes(fd, "hello-secret", 12); break;
    case SLOWLY:
        while (!left(fd) && !h->closing) send_bytes(fd, "a", 1);
        break;
    case WITHOUT_END:
        while (!left(fd) && !h->closing)
            for (int i = 0; i < 64; i++) send_bytes(fd, zeros, sizeof zeros);
        break;
    case SILENCE:
        while (!left(fd) && !h->closing) {}
        break;
    }
}

static void answer_visit(const PictureHost *h, int fd)
{
    char request[4096], path[256] = "";
    const ssize_t got = recv(fd, request, sizeof request - 1, 0);
    request[got > 0 ? got : 0] = 0;
    sscanf(request, "GET %255s", path);
    for (size_t i = 0; i < sizeof PLACE / sizeof *PLACE; i++) {
        if (strcmp(PLACE[i].path, path) != 0) continue;
        char head[512];
        const int n = snprintf(head, sizeof head, PLACE[i].head, h->port);
        if (PLACE[i].head[0] >= '0') send_bytes(fd, "HTTP/1.1 ", 9);
        send_bytes(fd, head, (size_t)n);
        send_body(h, fd, &PLACE[i]);
    }
}

static void *receive_visits(void *context)
{
    PictureHost *h = context;
    for (int fd; (fd = accept(h->fd, NULL, NULL)) >= 0; close(fd)) {
        if (h->closing) return close(fd), NULL;
        atomic_fetch_add(&h->visits, 1);
        answer_visit(h, fd);
    }
    return NULL;
}

static void open_host(PictureHost *h)
{
    struct sockaddr_in at = { .sin_family = AF_INET }; /* at every address of this machine */
    socklen_t n = sizeof at;
    Error e;
    *h = (PictureHost){ .fd = socket(AF_INET, SOCK_STREAM, 0) };
    if (!file_read(golden_or_skip("images/cat.png"), 1 << 20, &h->picture, &h->n_picture, &e)) fail_msg("%s", e.text);
    assert_int_equal(bind(h->fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(h->fd, 16), 0);
    getsockname(h->fd, (struct sockaddr *)&at, &n);
    h->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&h->thread, NULL, receive_visits, h), 0);
}

static void close_host(PictureHost *h)
{
    h->closing = true;
    shutdown(h->fd, SHUT_RDWR); /* accept() comes back */
    pthread_join(h->thread, NULL);
    close(h->fd);
    free(h->picture);
}

/* ---- a server that fetches ---- */

/* `list` with the host's port for every %d. */
static Server *open_fetching(const PictureHost *h, const char *list, double seconds)
{
    static char hosts[256];
    ServerOptions o = server_defaults(MODEL);
    Error e;
    snprintf(hosts, sizeof hosts, list, h->port, h->port, h->port);
    o.image_hosts = hosts;
    o.image_seconds = seconds;
    o.most_body = 1 << 20;
    Server *s = server_open(&o, &e);
    if (!s && e.code == ERR_UNSUPPORTED) {
        printf("# skip: %s\n", e.text);
        skip();
    }
    if (!s) fail_msg("%s", e.text);
    return s;
}

/* A question about a picture at `url`, where %d is the host's port. */
static char *question(const PictureHost *h, const char *url)
{
    char full[512];
    snprintf(full, sizeof full, url, h->port);
    json_t *v = json_pack("{s:i, s:b, s:[{s:s, s:[{s:s, s:{s:s}}, {s:s, s:s}]}]}", "max_tokens", 6, "ignore_eos", 1,
                          "messages", "role", "user", "content", "type", "image_url", "image_url", "url", full, "type",
                          "text", "text", "What is this?");
    char *text = json_dumps(v, JSON_COMPACT);
    json_decref(v);
    return text;
}

static json_t *ask_about(const Server *s, const PictureHost *h, const char *url, int status)
{
    char *body = question(h, url);
    json_t *v = ask_json(s, "POST", "/v1/chat/completions", body, status);
    free(body);
    return v;
}

static const char *error_text(const json_t *v, const char *field)
{
    const char *text = json_string_value(json_object_get(json_object_get(v, "error"), field));
    return text ? text : "";
}

/* The picture of a URL gives what its bytes in the request give. */
static void a_picture_by_url_is_the_picture(void **state)
{
    static const char *const URL[] = { "http://127.0.0.1:%d/cat.png", "HTTP://127.0.0.1:%d/cat.png#part",
                                       "http://127.0.0.1:%d/octets", "http://127.0.0.1:%d/moved",
                                       "http://127.0.0.1:%d/moved-twice" };
    (void)state;
    PictureHost h;
    open_host(&h);
    Server *s = open_fetching(&h, "127.0.0.1:%d", 20);
    Str url = { 0 };
    str_puts(&url, "data:image/png;base64,");
    base64_add(&url, h.picture, h.n_picture);
    json_t *messages = json_pack("[{s:s, s:[{s:s, s:{s:s}}, {s:s, s:s}]}]", "role", "user", "content", "type",
                                 "image_url", "image_url", "url", url.text, "type", "text", "text", "What is this?");
    json_t *request = json_pack("{s:i, s:b, s:o}", "max_tokens", 6, "ignore_eos", 1, "messages", messages);
    char *body = json_dumps(request, JSON_COMPACT);
    json_t *here = ask_json(s, "POST", "/v1/chat/completions", body, 200);
    for (size_t i = 0; i < sizeof URL / sizeof *URL; i++) {
        json_t *there = ask_about(s, &h, URL[i], 200);
        assert_string_equal(content_of(there), content_of(here));
        json_decref(there);
    }
    char *template = question(&h, URL[0]);
    json_t *v = ask_json(s, "POST", "/apply-template", template, 200);
    assert_int_equal(json_array_size(json_object_get(v, "images")), 1);
    json_decref(v);
    free(template);
    assert_true(metric(s, "vl2_fetch_seconds_count") == 6);
    json_decref(here);
    json_decref(request);
    free(body);
    str_free(&url);
    server_close(s);
    close_host(&h);
}

typedef struct {
    const char *url, *says;
} Refused;

/* None of them is even connected to; or all are visited. */
static void assert_refused(const char *list, const Refused *r, size_t n, bool visited)
{
    PictureHost h;
    open_host(&h);
    Server *s = open_fetching(&h, list, 2);
    for (size_t i = 0; i < n; i++) {
        const int before = h.visits;
        json_t *v = ask_about(s, &h, r[i].url, 400);
        if (!strstr(error_text(v, "message"), r[i].says) || strcmp(error_text(v, "code"), "invalid_image_url") != 0)
            fail_msg("%s: %s: %s", r[i].url, error_text(v, "code"), error_text(v, "message"));
        assert_string_equal(error_text(v, "param"), "messages[0].content[0].image_url");
        assert_null(strstr(error_text(v, "message"), "secret"));
        if ((h.visits > before) != visited) fail_msg("%s: %d visits", r[i].url, h.visits - before);
        json_decref(v);
    }
    assert_true(metric(s, "vl2_fetches_failed_total") == (double)n);
    server_close(s);
    close_host(&h);
}
#define ASSERT_REFUSED(list, table, visited) assert_refused(list, table, sizeof(table) / sizeof *(table), visited)

static void what_is_not_on_the_list_is_not_visited(void **state)
{
    static const Refused OTHERS[] = {
        { "http://localhost:%d/cat.png", "not on this server's list" }, /* its address alone is on it */
        { "http://127.0.0.2:%d/cat.png", "not on this server's list" },
        { "http://127.0.0.1/cat.png", "not on this server's list" }, /* another port */
        { "https://127.0.0.1/cat.png", "not on this server's list" },
        { "http://user:word@127.0.0.1:%d/cat.png", "user's name" },
        { "http://user@127.0.0.1:%d/cat.png", "user's name" },
        { "http://a.example\\@127.0.0.1:%d/cat.png", "" },
        { "http://127.0.0.1.:%d/cat.png", "" },
        { "http://:%d/cat.png", "no URL" },
        { "http://", "no URL" },
        { "http://127.0.0.1:99999/cat.png", "no URL" },
        { "http://a b/cat.png", "no URL" },
        { "http://[::1]:%d/cat.png", "not on this server's list" },
        { "http://[fe80::1%%25lo]:%d/cat.png", "not on this server's list" },
    };
    (void)state;
    ASSERT_REFUSED("127.0.0.1:%d, example.com:%d", OTHERS, false);
}

/* Any name at all, but none that leads here, whichever way it is written. */
static void no_name_leads_to_this_machine(void **state)
{
    static const Refused HERE[] = {
        { "http://localhost:%d/cat.png", "none of the internet at large" },
        { "http://a.localhost:%d/cat.png", "none of the internet at large" },
        { "http://127.0.0.1:%d/cat.png", "none of the internet at large" },
        { "http://127.1:%d/cat.png", "none of the internet at large" },
        { "http://0x7f000001:%d/cat.png", "none of the internet at large" },
        { "http://2130706433:%d/cat.png", "none of the internet at large" },
        { "http://0177.0.0.1:%d/cat.png", "none of the internet at large" },
        { "http://0:%d/cat.png", "none of the internet at large" },
        { "http://%%31%%32%%37.0.0.1:%d/cat.png", "" },
        { "http://[::1]:%d/cat.png", "none of the internet at large" },
        { "http://[::]:%d/cat.png", "none of the internet at large" },
        { "http://[::ffff:127.0.0.1]:%d/cat.png", "none of the internet at large" },
        { "http://[::ffff:7f00:1]:%d/cat.png", "none of the internet at large" },
        { "http://[64:ff9b::127.0.0.1]:%d/cat.png", "none of the internet at large" },
    };
    (void)state;
    ASSERT_REFUSED("*:%d", HERE, false);
}

static void redirects_are_checked_like_urls(void **state)
{
    static const Refused AWAY[] = {
        { "http://127.0.0.1:%d/to-neighbour", "not on this server's list" },
        { "http://127.0.0.1:%d/to-metadata", "not on this server's list" },
        { "http://127.0.0.1:%d/to-name", "not on this server's list" },
        { "http://127.0.0.1:%d/to-file", "" },
        { "http://127.0.0.1:%d/to-user", "user's name" },
        { "http://127.0.0.1:%d/loop", "more than 3 times" },
    };
    (void)state;
    ASSERT_REFUSED("127.0.0.1:%d", AWAY, true);
}

static void answers_that_are_no_picture_are_refused(void **state)
{
    static const Refused BAD[] = {
        { "http://127.0.0.1:%d/missing", "status 404" },
        { "http://127.0.0.1:%d/nowhere", "broke off" }, /* closed without an answer */
        { "http://127.0.0.1:%d/refused", "status 401" },
        { "http://127.0.0.1:%d/page", "not of a type for pictures" },
        { "http://127.0.0.1:%d/untyped", "not of a type for pictures" },
        { "http://127.0.0.1:%d/empty", "no bytes" },
        { "http://127.0.0.1:%d/cut", "broke off" },
        { "http://127.0.0.1:%d/large", "larger than" },
        { "http://127.0.0.1:%d/endless", "larger than" },
        { "http://127.0.0.1:%d/slow", "in the time" },
        { "http://127.0.0.1:%d/silent", "in the time" },
        { "http://127.0.0.1:%d/garbage", "broke off" },
    };
    (void)state;
    ASSERT_REFUSED("127.0.0.1:%d", BAD, true);
}

/* A name that leads into a private network is fetched from where the list has the address as well. */
static void an_intranet_needs_name_and_address(void **state)
{
    (void)state;
    PictureHost h;
    open_host(&h);
    Server *s = open_fetching(&h, "localhost:%d, 127.0.0.0/8:%d", 20);
    json_decref(ask_about(s, &h, "http://localhost:%d/cat.png", 200));
    json_decref(ask_about(s, &h, "http://127.0.0.3:%d/cat.png", 200));
    json_t *v = ask_about(s, &h, "http://127.0.0.1:%d/text.png", 400); /* fetched, but no picture */
    assert_non_null(strstr(error_text(v, "message"), "picture 1"));
    assert_null(strstr(error_text(v, "message"), "hello"));
    json_decref(v);
    server_close(s);
    close_host(&h);
}

/* Others are answered meanwhile; who leaves ends the fetch, and so does the server's end. */
static void a_fetch_keeps_nobody_else_waiting(void **state)
{
    (void)state;
    PictureHost h;
    open_host(&h);
    Server *s = open_fetching(&h, "127.0.0.1:%d", 60);
    char *body = question(&h, "http://127.0.0.1:%d/silent");
    int fd = connect_to(s);
    send_request(fd, "POST", "/v1/chat/completions", "", body);
    while (h.visits < 1) usleep(2000);
    json_decref(ask_json(s, "POST", "/v1/chat/completions",
                         "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":3}", 200));
    assert_true(metric(s, "vl2_fetches_failed_total") == 0);
    close(fd);
    assert_true(metric_becomes(s, "vl2_fetches_failed_total", 1, 10));
    send_request(fd = connect_to(s), "POST", "/v1/chat/completions", "", body);
    while (h.visits < 2) usleep(2000);
    server_drain(s);
    HttpReply r = read_reply(fd);
    assert_int_equal(r.status, 503);
    free_reply(&r);
    free(body);
    server_close(s);
    close_host(&h);
}

/* ---- the list, and addresses ---- */

static bool allows(const char *list, const char *host, int port)
{
    Error e;
    ImageHosts *h = image_hosts_open(list, &e);
    if (!h) fail_msg("%s: %s", list, e.text);
    const bool yes = image_hosts_allow(h, host, port);
    image_hosts_close(h);
    return yes;
}

static void lists_allow_what_they_name(void **state)
{
    static const struct {
        const char *list, *host;
        int port;
        bool allowed;
    } CASE[] = {
        { "example.com", "example.com", 80, true },
        { "example.com", "EXAMPLE.com", 443, true },
        { "example.com", "example.com", 8080, false },
        { "example.com", "a.example.com", 80, false },
        { "example.com", "example.com.", 80, false },
        { "example.com", "anexample.com", 80, false },
        { "*.example.com", "a.example.com", 443, true },
        { "*.example.com", "a.b.example.com", 443, true },
        { "*.example.com", "example.com", 443, false },
        { "*.example.com", ".example.com", 443, false },
        { "*.example.com", "aexample.com", 443, false },
        { "example.com:8443", "example.com", 8443, true },
        { "example.com:8443", "example.com", 443, false },
        { "a.example, b.example,c.example", "b.example", 80, true },
        { "a.example, b.example,c.example", "c.example", 80, true },
        { "*", "whatever", 80, true },
        { "*", "whatever", 81, false },
        { "10.1.2.3", "10.1.2.3", 80, true },
        { "10.1.2.3", "::ffff:10.1.2.3", 80, true },
        { "10.1.2.3", "10.1.2.4", 80, false },
        { "10.0.0.0/8:90", "10.255.0.1", 90, true },
        { "10.0.0.0/8:90", "11.0.0.1", 90, false },
        { "10.0.0.0/9", "10.128.0.0", 80, false },
        { "[fd00::1]:90", "fd00::1", 90, true },
        { "[fd00::]/8", "fdff::1", 80, true },
        { "fd00::/8", "fdff::1", 80, true },
        { "fd00::/8", "fc00::1", 80, false },
        { "::1", "::1", 80, true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++)
        if (allows(CASE[i].list, CASE[i].host, CASE[i].port) != CASE[i].allowed)
            fail_msg("\"%s\" and %s:%d", CASE[i].list, CASE[i].host, CASE[i].port);
}

static void bad_lists_are_refused(void **state)
{
    static const char *const BAD[] = { "",
                                       " , ",
                                       "http://example.com",
                                       "example.com/x",
                                       "example.com:",
                                       "example.com:0",
                                       "example.com:65536",
                                       "example.com:80a",
                                       "*example.com",
                                       "a.*.com",
                                       "10.0.0.0/33",
                                       "10.0.0.0/",
                                       "10.0.0.0/-1",
                                       "fd00::/129",
                                       ".example.com",
                                       "example..com:x" };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        Error e;
        ImageHosts *h = image_hosts_open(BAD[i], &e);
        if (h) fail_msg("\"%s\" was taken", BAD[i]);
    }
}

static void addresses_of_private_networks_are_known(void **state)
{
    static const char *const CLOSED[] = {
        "0.0.0.0",           "0.1.2.3",      "10.0.0.1",      "10.255.255.255",  "100.64.0.1",      "100.100.100.200",
        "127.0.0.1",         "127.255.0.1",  "168.63.129.16", "169.254.169.254", "172.16.0.1",      "172.31.255.255",
        "192.0.0.192",       "192.168.1.1",  "198.18.0.1",    "224.0.0.1",       "239.255.255.255", "240.0.0.1",
        "255.255.255.255",   "::",           "::1",           "::127.0.0.1",     "::ffff:10.0.0.1", "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1",        "2001::1",         "2001:db8::1",     "2002:7f00:1::",
        "2002:a00:1::1",     "fc00::1",      "fd00:ec2::254", "fe80::1",         "fec0::1",         "ff02::1",
    };
    static const char *const OPEN[] = { "1.1.1.1",        "8.8.8.8",          "100.63.255.255",       "100.128.0.1",
                                        "172.15.0.1",     "172.32.0.1",       "192.167.0.1",          "223.255.255.255",
                                        "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1" };
    (void)state;
    Address a;
    for (size_t i = 0; i < sizeof CLOSED / sizeof *CLOSED; i++)
        if (!address_parse(&a, CLOSED[i]) || address_is_public(&a)) fail_msg("%s is public", CLOSED[i]);
    for (size_t i = 0; i < sizeof OPEN / sizeof *OPEN; i++)
        if (!address_parse(&a, OPEN[i]) || !address_is_public(&a)) fail_msg("%s is not public", OPEN[i]);
    assert_false(address_parse(&a, "1.2.3") || address_parse(&a, "0x7f.0.0.1") || address_parse(&a, "fe80::1%lo"));
}

TEST_MAIN(TEST(lists_allow_what_they_name), TEST(bad_lists_are_refused), TEST(addresses_of_private_networks_are_known),
          TEST(a_picture_by_url_is_the_picture), TEST(what_is_not_on_the_list_is_not_visited),
          TEST(no_name_leads_to_this_machine), TEST(redirects_are_checked_like_urls),
          TEST(answers_that_are_no_picture_are_refused), TEST(an_intranet_needs_name_and_address),
          TEST(a_fetch_keeps_nobody_else_waiting))
