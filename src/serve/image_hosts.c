/* image_hosts.c - see image_hosts.h. */
#include "serve/image_hosts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

typedef struct {
    char *name; /* "*.example.com"; NULL: a net */
    Net net;
    int port; /* 0: those of http and https */
} HostRule;

struct ImageHosts {
    HostRule *rule;
    int n, capacity;
};

/* ---- the list ---- */

static bool is_name(const char *s)
{
    const char *rest = str_starts(s, "*.") ? s + 2 : s;
    if (strcmp(s, "*") == 0) return true;
    const size_t n = strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    return n > 0 && !rest[n] && rest[0] != '.' && rest[n - 1] != '.';
}

/* Cuts ":PORT" off. An address of IPv6 without brackets has no port. False: what follows the colon is none. */
static bool cut_port(char *s, int *port)
{
    char *colon = strrchr(s, ':'), *end;
    *port = 0;
    if (!colon || (s[0] != '[' && strchr(s, ':') != colon)) return true;
    if (strchr(colon, ']')) return true;
    const long v = strtol(colon + 1, &end, 10);
    if (*end || end == colon + 1 || v < 1 || v > 65535) return false;
    *port = (int)v;
    *colon = 0;
    return true;
}

/* "[fd00::]/8" is fd00::/8. */
static void drop_brackets(char *s)
{
    char *to = s;
    for (const char *from = s; *from; from++)
        if (*from != '[' && *from != ']') *to++ = *from;
    *to = 0;
}

static bool read_rule(HostRule *r, const char *s, size_t n, Error *e)
{
    char *text = xstrndup(s, n);
    *r = (HostRule){ 0 };
    bool ok = cut_port(text, &r->port);
    if (ok && text[0] == '[') drop_brackets(text);
    if (ok && !net_parse(&r->net, text)) {
        ok = is_name(text);
        if (ok) r->name = xstrdup(text);
    }
    if (!ok)
        fail(e, ERR_USAGE, "\"%.*s\" is no host, expected a name, *.name, *, or an address, and perhaps :PORT", (int)n,
             s);
    free(text);
    return ok;
}

ImageHosts *image_hosts_open(const char *list, Error *e)
{
    static const char BETWEEN[] = ", ";
    ImageHosts *h = xcalloc(1, sizeof *h);
    for (const char *at = list + strspn(list, BETWEEN); *at; at += strspn(at, BETWEEN)) {
        const size_t n = strcspn(at, BETWEEN);
        GROW(h->rule, h->n, h->capacity);
        if (!read_rule(&h->rule[h->n], at, n, e)) {
            image_hosts_close(h);
            return NULL;
        }
        h->n++;
        at += n;
    }
    if (h->n > 0) return h;
    image_hosts_close(h);
    fail(e, ERR_USAGE, "the list of hosts is empty");
    return NULL;
}

void image_hosts_close(ImageHosts *h)
{
    if (!h) return;
    for (int i = 0; i < h->n; i++) free(h->rule[i].name);
    free(h->rule);
    free(h);
}

/* ---- what it allows ---- */

static bool is_port_of(const HostRule *r, int port)
{
    return r->port ? r->port == port : port == 80 || port == 443;
}

static bool names_host(const char *name, const char *host)
{
    if (name[0] != '*') return strcasecmp(name, host) == 0;
    const size_t n = strlen(host), n_tail = strlen(name + 1); /* ".example.com" */
    return n > n_tail && strcasecmp(host + n - n_tail, name + 1) == 0;
}

static bool any_net_has(const ImageHosts *h, const Address *a, int port)
{
    for (int i = 0; i < h->n; i++)
        if (!h->rule[i].name && is_port_of(&h->rule[i], port) && net_has(&h->rule[i].net, a)) return true;
    return false;
}

bool image_hosts_allow(const ImageHosts *h, const char *host, int port)
{
    Address a;
    if (address_parse(&a, host) && any_net_has(h, &a, port)) return true;
    for (int i = 0; i < h->n; i++)
        if (h->rule[i].name && is_port_of(&h->rule[i], port) && names_host(h->rule[i].name, host)) return true;
    return false;
}

bool image_hosts_allow_address(const ImageHosts *h, const Address *a, int port)
{
    return address_is_public(a) || any_net_has(h, a, port);
}
