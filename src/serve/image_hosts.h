/* image_hosts.h - from where pictures may be fetched: the list of --image-hosts.
 *
 *     example.com       this name                  10.1.2.3, 10.0.0.0/8, [fd00::1], [fd00::]/8    these addresses
 *     *.example.com     all names below it         *                                             any name
 *
 * each with :PORT behind it, or for the ports 80 and 443. A name leads to addresses of the internet at large alone, unless the
 * list has the address, too: "pictures.intern, 10.1.2.3". */
#ifndef VL2_SERVE_IMAGE_HOSTS_H
#define VL2_SERVE_IMAGE_HOSTS_H

#include "base/error.h"
#include "serve/address.h"

typedef struct ImageHosts ImageHosts;

/* `list` as above, with commas. NULL and *e if it is none. */
ImageHosts *image_hosts_open(const char *list, Error *e);
void image_hosts_close(ImageHosts *h); /* of NULL: nothing */

/* May a URL name this host, a name or an address without brackets, and this port? */
bool image_hosts_allow(const ImageHosts *h, const char *host, int port);
/* May such a host be at this address? */
bool image_hosts_allow_address(const ImageHosts *h, const Address *a, int port);

#endif
