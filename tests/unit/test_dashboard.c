/* test_dashboard.c - the live page over a socket: what it serves, to whom, and what it never does. */
#include "train/dashboard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/str.h"
#include "temp_folder.h"

static const char text[] =
    "{\"run\": {\"steps\": 9, \"model\": \"m\"}}\n{\"step\": 1, \"loss\": 3}\n{\"step\": 2, \"loss\": 2}\n"
    "{\"step\": 2, \"samples_shown\": [{\"picture\": \"a.svg\", \"answer\": \"yes\"}, {\"picture\": \"../a.svg\"}, "
    "{\"picture\": \"/etc/a.svg\"}, {\"picture\": \"x/../../a.svg\"}, {\"picture\": \"a.txt\"}, {\"picture\": "
    "\"no.svg\"}, "
    "7]}\n";

static Dashboard *open_page(TempFolder *t)
{
    Dashboard *d;
    Error e;
    const char *log = temp_path(t, "log.jsonl");
    temp_write(t, "log.jsonl", text, sizeof text - 1);
    temp_write(t, "a.svg", "<svg/>", 6);
    temp_write(t, "a.txt", "secret", 6);
    assert_true(dashboard_open(&d, &log, 1, 0, &e));
    return d;
}

/* The whole answer; "" where the server closed without one. */
static Str ask(const Dashboard *d, const char *line, const char *host)
{
    const struct sockaddr_in at = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)dashboard_port(d)),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    Str request = { 0 }, reply = { 0 };
    char buffer[4096];
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    str_printf(&request, "%s HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n\r\n", line, host, dashboard_port(d));
    assert_int_equal(send(fd, request.text, request.n, 0), request.n);
    for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;) str_add(&reply, buffer, (size_t)got);
    close(fd);
    str_free(&request);
    str_add(&reply, "", 0);
    return reply;
}

static void assert_reply(const Dashboard *d, const char *line, const char *host, const char *status, const char *holds)
{
    Str r = ask(d, line, host);
    if (!str_starts(r.text, status) || !strstr(r.text, holds)) fail_msg("%s of %s: %.300s", line, host, r.text);
    str_free(&r);
}

static void page_shows_the_log_as_it_grows(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    Dashboard *d = open_page(&t);
    Str more = { 0 };
    assert_reply(d, "GET /", "localhost", "HTTP/1.1 200", "/page.js");
    assert_reply(d, "GET /", "localhost", "HTTP/1.1 200", "Content-Security-Policy: default-src 'none'");
    assert_reply(d, "GET /curves.svg", "127.0.0.1", "HTTP/1.1 200", "step 2 of 9, loss 2");
    assert_reply(d, "GET /state.json", "127.0.0.1", "HTTP/1.1 200", "\"answer\":\"yes\"");
    str_printf(&more, "%s{\"step\": 3, \"loss\": 1}\n", text);
    temp_write(&t, "log.jsonl", more.text, more.n);
    assert_reply(d, "GET /curves.svg", "127.0.0.1", "HTTP/1.1 200", "step 3 of 9, loss 1");
    str_free(&more);
    dashboard_close(d);
    temp_close(&t);
}

static void page_shows_only_pictures_beside_the_log(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    Dashboard *d = open_page(&t);
    assert_reply(d, "GET /state.json", "localhost", "HTTP/1.1 200", "shown_at");
    assert_reply(d, "GET /picture/0/0", "localhost", "HTTP/1.1 200", "<svg/>");
    for (int i = 1; i < 9; i++) {
        char line[64];
        snprintf(line, sizeof line, "GET /picture/0/%d", i);
        assert_reply(d, line, "localhost", "HTTP/1.1 404",
                     i == 5 ? "no.svg: cannot open" : "no picture beside its log");
    }
    const char *const bad[] = { "GET /picture/1/0",  "GET /picture/-1/0",
                                "GET /picture/0/-1", "GET /picture/0/0/..",
                                "GET /picture/",     "GET /a.txt",
                                "GET /../a.txt",     "GET /picture/0/99999999999" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_reply(d, bad[i], "localhost", "HTTP/1.1 404", "no such");
    dashboard_close(d);
    temp_close(&t);
}

static void page_answers_nobody_else(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    Dashboard *d = open_page(&t), *second;
    Error e;
    const char *log = "log.jsonl";
    assert_reply(d, "GET /state.json", "evil.example", "HTTP/1.1 403", "ask for 127.0.0.1");
    assert_reply(d, "POST /state.json", "localhost", "HTTP/1.1 405", "GET alone");
    assert_false(dashboard_open(&second, &log, 1, dashboard_port(d), &e));
    assert_non_null(strstr(e.text, "cannot listen: Address already in use"));
    assert_null(second);
    dashboard_close(d);
    temp_close(&t);
}

TEST_MAIN(TEST(page_shows_the_log_as_it_grows), TEST(page_shows_only_pictures_beside_the_log),
          TEST(page_answers_nobody_else))
