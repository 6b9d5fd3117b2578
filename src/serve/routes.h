/* routes.h - what the server answers: one row for each path. */
#ifndef VL2_SERVE_ROUTES_H
#define VL2_SERVE_ROUTES_H

#include "serve/ask.h"
#include "serve/exchange.h"

/* NULL and *e (404 or 405) if there is no such call. `path` is without the base path. */
const Route *route_find(const char *method, const char *path, ApiError *e);

/* generate.c */
Handler answer_chat, answer_completion;
/* tokens_route.c */
Handler answer_tokenize, answer_detokenize, answer_apply_template;
/* assets.c: the page's files; anything that is asked for by GET and is no call. */
Handler answer_asset;
bool asset_exists(const char *path);

/* remote_picture.c: fetches what the request's pictures lack, within the limits of all of them together; waits. */
bool get_remote_pictures(Exchange *x, Ask *a, ApiError *e);

AskRules ask_rules(Server *s);
/* The model that a request names, held. NULL and *e. */
HostedModel *hold_model(Server *s, const char *name, ApiError *e);

#endif
