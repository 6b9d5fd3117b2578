/* fetch_nothing.c - see fetch.h: in the place of fetch.c in a program that was built without libcurl. */
#include "serve/fetch.h"

static bool without_libcurl(Error *e)
{
    return fail(e, ERR_UNSUPPORTED,
                "this program was built without libcurl: install libcurl4-gnutls-dev and build it again");
}

bool fetch_open(Error *e)
{
    return without_libcurl(e);
}

void fetch_close(void) {}

bool fetch_picture(const char *url, const FetchRules *r, Str *out, Error *e)
{
    (void)url, (void)r, (void)out;
    return without_libcurl(e);
}
