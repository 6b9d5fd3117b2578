/* fetch.c - see fetch.h.
 *
 * One parser reads the URL, libcurl's, for the check and for the connection. The address is checked where the socket is made,
 * so it is the one that is connected to, whatever the name means a moment later. Redirects are followed here, each checked
 * like the first URL. Proxies, cookies, credentials and compression are not used. */
#include "serve/fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"

enum { MOST_REDIRECTS = 3 };

typedef struct {
    CURL *curl;
    const FetchRules *rules;
    Str *out;
    int port;            /* of this URL */
    bool closed_address; /* one was not connected to */
    bool wrong_type, too_large;
} Fetch;

bool fetch_open(Error *e)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ||
           fail(e, ERR_SYSTEM, "libcurl does not start, so no pictures can be fetched");
}

void fetch_close(void)
{
    curl_global_cleanup();
}

/* ---- the URL ---- */

/* Copies a part of it, "" if there is none. */
static void part_of(CURLU *url, CURLUPart part, unsigned flags, char *out, size_t n)
{
    char *text = NULL;
    out[0] = 0;
    if (curl_url_get(url, part, &text, flags) == CURLUE_OK && strlen(text) < n) strcpy(out, text);
    curl_free(text);
}

/* An address of IPv6 stands in brackets. */
static void drop_host_brackets(char *host)
{
    const size_t n = strlen(host);
    if (host[0] != '[' || n < 2) return;
    memmove(host, host + 1, n - 2);
    host[n - 2] = 0;
}

/* NULL and *e: it is not one to fetch from. */
static CURLU *read_url(const char *text, const ImageHosts *hosts, int *port, Error *e)
{
    char host[256], digits[8], scheme[8];
    CURLU *url = curl_url();
    const CURLUcode parsed = curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER);
    part_of(url, CURLUPART_SCHEME, 0, scheme, sizeof scheme);
    part_of(url, CURLUPART_HOST, 0, host, sizeof host);
    part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, digits, sizeof digits);
    drop_host_brackets(host);
    *port = atoi(digits);
    if (parsed == CURLUE_USER_NOT_ALLOWED)
        fail(e, ERR_USAGE, "a URL with a user's name is not fetched");
    else if (parsed != CURLUE_OK || !host[0])
        fail(e, ERR_USAGE, "it is no URL");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        fail(e, ERR_USAGE, "its scheme is neither http nor https");
    else if (!image_hosts_allow(hosts, host, *port))
        fail(e, ERR_USAGE, "its host and port are not on this server's list (--image-hosts)");
    else
        return url;
    curl_url_cleanup(url);
    return NULL;
}

/* ---- what libcurl asks ---- */

static curl_socket_t open_checked(void *context, curlsocktype purpose, struct curl_sockaddr *at)
{
    Fetch *f = context;
    Address to;
    if (purpose == CURLSOCKTYPE_IPCXN && address_of_socket(&to, &at->addr) &&
        image_hosts_allow_address(f->rules->hosts, &to, f->port))
        return socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);
    f->closed_address = true;
    return CURL_SOCKET_BAD;
}

static int look(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    const Fetch *f = context;
    (void)total, (void)now, (void)up_total, (void)up_now;
    return !f->rules->goes_on(f->rules->context);
}

/* Whatever stores pictures without knowing their type calls them a stream of octets. */
static bool is_picture_type(const char *type)
{
    static const char *const TYPE[] = { "image/", "application/octet-stream", "binary/octet-stream" };
    for (size_t i = 0; i < sizeof TYPE / sizeof *TYPE; i++)
        if (type && strncasecmp(type, TYPE[i], strlen(TYPE[i])) == 0) return true;
    return false;
}

static long status_of(const Fetch *f)
{
    long status = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* Takes the body of a good answer; any other body ends the transfer. */
static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    Fetch *f = context;
    const size_t n = size * count;
    const char *type = NULL;
    curl_easy_getinfo(f->curl, CURLINFO_CONTENT_TYPE, &type);
    f->wrong_type = !is_picture_type(type);
    f->too_large = n > f->rules->most_bytes - f->out->n;
    if (status_of(f) != 200 || f->wrong_type || f->too_large) return 0;
    str_add(f->out, bytes, n);
    return n;
}

/* ---- one URL ---- */

static long milliseconds_left(const FetchRules *r)
{
    const double left = 1e3 * (r->until - clock_now());
    return left < 1 ? 1 : (long)left; /* 0 would be no limit */
}

static void set_options(Fetch *f, CURLU *url)
{
    CURL *c = f->curl;
    curl_easy_setopt(c, CURLOPT_CURLU, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_checked);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, f);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, f);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, milliseconds_left(f->rules));
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->rules->most_bytes);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROXY, ""); /* nor what the environment says */
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "vl2"); /* some refuse those who do not say who they are */
}

static const char *words_for(CURLcode result)
{
    switch ((int)result) {
    case CURLE_COULDNT_RESOLVE_HOST: return "its host's name is not known";
    case CURLE_COULDNT_CONNECT: return "its host cannot be reached";
    case CURLE_OPERATION_TIMEDOUT: return "it did not come in the time that there is for it";
    case CURLE_PEER_FAILED_VERIFICATION: return "its host has no certificate that is trusted";
    case CURLE_OK: return "there are no bytes at its URL";
    default: return "the transfer broke off";
    }
}

/* Why there is no picture. */
static bool say_why(const Fetch *f, CURLcode result, long status, Error *e)
{
    char most[32];
    if (result == CURLE_ABORTED_BY_CALLBACK) return fail(e, ERR_CANCELLED, "nobody waits for it any more");
    if (f->closed_address && result == CURLE_COULDNT_CONNECT)
        return fail(e, ERR_USAGE,
                    "its host's address is none of the internet at large, nor on this server's list "
                    "(--image-hosts)");
    if (status && status != 200) return fail(e, ERR_USAGE, "its host answered with status %ld", status);
    if (f->wrong_type) return fail(e, ERR_USAGE, "what is at its URL is not of a type for pictures");
    if (f->too_large || result == CURLE_FILESIZE_EXCEEDED)
        return fail(e, ERR_LIMIT, "it is larger than the %s that are left for a request's pictures",
                    human_bytes(f->rules->most_bytes, most));
    return fail(e, ERR_USAGE, "%s", words_for(result));
}

/* Where the answer of `url`, which becomes that, sends us; NULL: nowhere. Freed by curl_free(). */
static char *redirect_of(const Fetch *f, CURLU *url, long status)
{
    struct curl_header *location;
    char *next = NULL;
    if (status < 300 || status > 399) return NULL;
    if (curl_easy_header(f->curl, "Location", 0, CURLH_HEADER, -1, &location) != CURLHE_OK) return NULL;
    if (curl_url_set(url, CURLUPART_URL, location->value, 0) == CURLUE_OK) curl_url_get(url, CURLUPART_URL, &next, 0);
    return next;
}

/* True: the picture is there, or *next says where to look. */
static bool fetch_one(Fetch *f, const char *text, char **next, Error *e)
{
    CURLU *url = read_url(text, f->rules->hosts, &f->port, e);
    *next = NULL;
    f->closed_address = f->wrong_type = f->too_large = false;
    if (!url) return false;
    set_options(f, url);
    const CURLcode result = curl_easy_perform(f->curl);
    const long status = status_of(f);
    curl_easy_setopt(f->curl, CURLOPT_CURLU, NULL);
    *next = redirect_of(f, url, status);
    curl_url_cleanup(url);
    if (*next) return true;
    return (result == CURLE_OK && status == 200 && f->out->n > 0) || say_why(f, result, status, e);
}

bool fetch_picture(const char *url, const FetchRules *r, Str *out, Error *e)
{
    Fetch f = { .curl = curl_easy_init(), .rules = r, .out = out };
    char *next = NULL;
    str_clear(out);
    if (!f.curl) return fail(e, ERR_MEMORY, "there is no memory to fetch it");
    bool ok = fetch_one(&f, url, &next, e);
    for (int i = 0; ok && next; i++) {
        char *to = next;
        ok = i < MOST_REDIRECTS
                 ? fetch_one(&f, to, &next, e)
                 : fail(e, ERR_USAGE, "its host sends from one URL to the next, more than %d times", MOST_REDIRECTS);
        if (!ok) next = NULL;
        curl_free(to);
    }
    curl_easy_cleanup(f.curl);
    return ok;
}
