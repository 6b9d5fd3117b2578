/* address.h - addresses of the network, and which of them anybody may be sent to. */
#ifndef VL2_SERVE_ADDRESS_H
#define VL2_SERVE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Of IPv6; one of IPv4 as ::ffff:a.b.c.d, so that its two ways of being written are one address. */
typedef struct {
    uint8_t byte[16];
} Address;

/* All addresses that begin with the same bits. */
typedef struct {
    Address address;
    int bits; /* of 128 */
} Net;

bool address_parse(Address *out, const char *text); /* "10.1.2.3" or "fd00::1", nothing else */
/* False: it is neither of IPv4 nor of IPv6. */
bool address_of_socket(Address *out, const struct sockaddr *at);
bool net_parse(Net *out, const char *text); /* "10.0.0.0/8", "fd00::/8", or one address */
bool net_has(const Net *n, const Address *a);

/* One of the internet at large: not this machine, not a neighbour or a private network, not where clouds keep the secrets of
 * their machines, not a group, not reserved; nor one of those inside an address of IPv6. */
bool address_is_public(const Address *a);

#endif
