/* assets.c - the page: files of web/, which the build puts into the binary. They ask nothing of any other place, and the policy
 * that goes with them does not let them. */
#include <string.h>

#include "serve/routes.h"
#include "web_files.h" /* made by tools/embed_files.c: WEB_FILE[] = { name, type, bytes, n } */

static const char POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const char *name_of(const char *path)
{
    return strcmp(path, "/") == 0 ? "index.html" : path + 1;
}

static const WebFile *find(const char *path)
{
    for (size_t i = 0; i < sizeof WEB_FILE / sizeof *WEB_FILE; i++)
        if (path[0] == '/' && strcmp(WEB_FILE[i].name, name_of(path)) == 0) return &WEB_FILE[i];
    return NULL;
}

bool asset_exists(const char *path)
{
    return find(path) != NULL;
}

HttpResult answer_asset(Exchange *x)
{
    const WebFile *f = find(x->url);
    return reply_asset(x, f->type, POLICY, f->bytes, f->n);
}
