/* remote_picture.c - pictures whose URLs point elsewhere: fetched before a request's prompt is made, on its connection's own
 * thread, so that neither the models nor other connections wait. */
#include "base/clock.h"
#include "serve/fetch.h"
#include "serve/routes.h"

/* Somebody waits for the answer, and it may still be begun. */
static bool still_asked(void *context)
{
    const Exchange *x = context;
    return !atomic_load(&x->server->draining) && !exchange_is_gone(x);
}

static bool say_why(Exchange *x, const RemotePicture *r, const Error *cause, ApiError *e)
{
    if (!exchange_may_begin(x, e)) return false;
    if (cause->code == ERR_CANCELLED) /* the status, known from nginx, is for the log: nobody reads it */
        return api_fail(e, 499, "cancelled", "the client left");
    api_bad(e, r->where, "picture %d cannot be fetched: %s", r->picture + 1, cause->text);
    e->code = "invalid_image_url";
    return false;
}

static bool get_picture(Exchange *x, Ask *a, int i, FetchRules *rules, ApiError *e)
{
    Error cause;
    Str bytes = { 0 };
    Metrics *m = x->server->metrics;
    const double begin = clock_now();
    const bool ok = fetch_picture(a->remote[i].url, rules, &bytes, &cause);
    metrics_time(m, TIME_FETCH, clock_now() - begin);
    if (ok) {
        rules->most_bytes -= bytes.n;
        ask_put_picture(a, i, &bytes);
        return true;
    }
    metrics_add(m, COUNT_FETCHES_FAILED, 1);
    str_free(&bytes);
    return say_why(x, &a->remote[i], &cause, e);
}

bool get_remote_pictures(Exchange *x, Ask *a, ApiError *e)
{
    const Server *s = x->server;
    FetchRules rules = { .hosts = s->image_hosts,
                         .most_bytes = s->options.most_body,
                         .until = clock_now() + s->options.image_seconds,
                         .goes_on = still_asked,
                         .context = x };
    for (int i = 0; i < a->n_remote; i++)
        if (!get_picture(x, a, i, &rules, e)) return false;
    return true;
}
