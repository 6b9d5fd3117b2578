/* ranks.c - see ranks.h. */
#include "train/ranks.h"

#include <stdlib.h>

#include "base/mem.h"

enum { MOST_AT_ONCE = 1 << 26 }; /* numbers of one message, which counts in int */

void ranks_close(const Ranks *r)
{
    if (r->call) r->call->close();
}

void ranks_abort(const Ranks *r, int status)
{
    if (r->call) r->call->abort(status);
}

void ranks_sum(const Ranks *r, double *x, int n)
{
    if (!r->call) return;
    double *all = xcalloc((size_t)r->n * (size_t)n, sizeof *all);
    r->call->gather(x, all, n);
    for (int i = 0; i < n; i++) {
        x[i] = all[i];
        for (int k = 1; k < r->n; k++) x[i] += all[k * n + i];
    }
    free(all);
}

double ranks_max(const Ranks *r, double x)
{
    if (!r->call) return x;
    double *all = xcalloc((size_t)r->n, sizeof *all);
    r->call->gather(&x, all, 1);
    for (int k = 0; k < r->n; k++)
        if (all[k] > x) x = all[k];
    free(all);
    return x;
}

bool ranks_agree(const Ranks *r, bool ok, Error *e)
{
    const double worst = ranks_max(r, ok ? 0 : r->n - r->rank); /* the first rank has the largest */
    const int first = r->n - (int)worst;
    if (first == r->n) return true;
    return first == r->rank ? false : fail(e, ERR_SYSTEM, "%s", "");
}

static int part_of(size_t n, size_t at)
{
    return (int)(n - at < MOST_AT_ONCE ? n - at : MOST_AT_ONCE);
}

void ranks_share(const Ranks *r, float *x, size_t n, int from)
{
    for (size_t at = 0; r->call && at < n; at += MOST_AT_ONCE) r->call->share(x + at, part_of(n, at), from);
}

void ranks_move(const Ranks *r, const float *x, float *out, size_t n, int from, int to)
{
    for (size_t at = 0; at < n; at += MOST_AT_ONCE) {
        if (r->rank == from) r->call->done(r->call->send(x + at, part_of(n, at), to), true);
        if (r->rank == to) r->call->done(r->call->receive(out + at, part_of(n, at), from), true);
    }
}
