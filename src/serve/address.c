/* address.c - see address.h; the registries of special addresses that IANA keeps (RFC 6890 and what followed). */
#include "serve/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const Address MAPPED = { { [10] = 0xff, [11] = 0xff } }; /* ::ffff:0:0/96 */

static Address of_ipv4(const void *four)
{
    Address a = MAPPED;
    memcpy(a.byte + 12, four, 4);
    return a;
}

bool address_parse(Address *out, const char *text)
{
    struct in_addr four;
    if (inet_pton(AF_INET6, text, out->byte) == 1) return true;
    if (inet_pton(AF_INET, text, &four) != 1) return false;
    *out = of_ipv4(&four);
    return true;
}

bool address_of_socket(Address *out, const struct sockaddr *at)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    switch (at->sa_family) {
    case AF_INET:
        memcpy(&four, at, sizeof four);
        *out = of_ipv4(&four.sin_addr);
        return true;
    case AF_INET6:
        memcpy(&six, at, sizeof six);
        memcpy(out->byte, &six.sin6_addr, sizeof out->byte);
        return true;
    default: return false;
    }
}

bool net_parse(Net *out, const char *text)
{
    char address[INET6_ADDRSTRLEN], *end = NULL;
    const char *slash = strchr(text, '/');
    const size_t n = slash ? (size_t)(slash - text) : strlen(text);
    if (n >= sizeof address) return false;
    memcpy(address, text, n);
    address[n] = 0;
    if (!address_parse(&out->address, address)) return false;
    const int before = strchr(address, ':') ? 0 : 96; /* bits that an address of IPv4 does not write */
    const long bits = slash ? strtol(slash + 1, &end, 10) : 128 - before;
    if (slash && (*end || slash[1] < '0' || slash[1] > '9' || bits > 128 - before)) return false;
    out->bits = before + (int)bits;
    return true;
}

bool net_has(const Net *n, const Address *a)
{
    const size_t whole = (size_t)n->bits / 8;
    const int rest = n->bits % 8;
    if (memcmp(a->byte, n->address.byte, whole) != 0) return false;
    return rest == 0 || (a->byte[whole] ^ n->address.byte[whole]) >> (8 - rest) == 0;
}

static bool in_any(const char *const *net, size_t n, const Address *a)
{
    Net parsed;
    for (size_t i = 0; i < n; i++)
        if (net_parse(&parsed, net[i]) && net_has(&parsed, a)) return true;
    return false;
}
#define IN_ANY(list, a) in_any(list, sizeof(list) / sizeof *(list), a)

/* What is given out to the internet at large, and what of it is not. */
static const char *const GIVEN_OUT[] = { "0.0.0.0/0", "2000::/3" };
static const char *const SPECIAL[] = {
    "0.0.0.0/8",       /* this machine */
    "10.0.0.0/8",      /* private */
    "100.64.0.0/10",   /* behind a provider's translation; a cloud's metadata, too */
    "127.0.0.0/8",     /* this machine */
    "168.63.129.16",   /* a cloud's metadata */
    "169.254.0.0/16",  /* neighbours; clouds' metadata */
    "172.16.0.0/12",   /* private */
    "192.0.0.0/24",    /* protocols; a cloud's metadata */
    "192.0.2.0/24",    /* documentation */
    "192.88.99.0/24",  /* relays of 6to4 */
    "192.168.0.0/16",  /* private */
    "198.18.0.0/15",   /* measurements */
    "198.51.100.0/24", /* documentation */
    "203.0.113.0/24",  /* documentation */
    "224.0.0.0/4",     /* groups */
    "240.0.0.0/4",     /* reserved; all machines of a network */
    "2001::/23",       /* protocols; Teredo has an address of IPv4 inside */
    "2001:db8::/32",   /* documentation */
    "2002::/16",       /* 6to4: has an address of IPv4 inside */
    "3fff::/20",       /* documentation */
};

bool address_is_public(const Address *a)
{
    static const char *const TRANSLATED[] = { "64:ff9b::/96" }; /* NAT64: an address of IPv4 at the end */
    const Address real = IN_ANY(TRANSLATED, a) ? of_ipv4(a->byte + 12) : *a;
    return IN_ANY(GIVEN_OUT, &real) && !IN_ANY(SPECIAL, &real);
}
