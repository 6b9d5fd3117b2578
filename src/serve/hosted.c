/* hosted.c - see hosted.h. One monitor guards the set; opening happens inside it, so that two never open at once and find
 * too little memory. */
#include "serve/hosted.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/monitor.h"

struct HostedSet {
    Monitor *monitor;
    HostedModel *model;
    int n;
    uint64_t most_bytes, uses;
};

HostedSet *hosted_open(const HostedName *names, int n, const Vl2Options *common, uint64_t most_bytes)
{
    HostedSet *h = xcalloc(1, sizeof *h);
    h->monitor = monitor_open();
    h->model = xcalloc((size_t)n, sizeof *h->model);
    h->n = n;
    h->most_bytes = most_bytes;
    for (int i = 0; i < n; i++) {
        h->model[i] = (HostedModel){ .name = xstrdup(names[i].name), .base = names[i].base, .options = *common };
        h->model[i].options.model = names[i].path;
        h->model[i].options.lora = names[i].lora;
        h->model[i].options.n_lora = names[i].n_lora;
    }
    return h;
}

void hosted_close(HostedSet *h)
{
    if (!h) return;
    for (int i = 0; i < h->n; i++) {
        vl2_close(h->model[i].engine);
        free(h->model[i].name);
    }
    monitor_close(h->monitor);
    free(h->model);
    free(h);
}

int hosted_count(const HostedSet *h)
{
    return h->n;
}

const HostedModel *hosted_at(const HostedSet *h, int i)
{
    return &h->model[i];
}

/* "tiny:charts" */
static bool is_base_and_name(const HostedModel *m, const char *text)
{
    const size_t n = m->base ? strlen(m->base) : 0;
    return n && strncmp(text, m->base, n) == 0 && text[n] == ':' && strcmp(text + n + 1, m->name) == 0;
}

HostedModel *hosted_find(HostedSet *h, const char *name)
{
    if (!name || !name[0]) return &h->model[0];
    for (int i = 0; i < h->n; i++)
        if (strcmp(h->model[i].name, name) == 0) return &h->model[i];
    for (int i = 0; i < h->n; i++)
        if (is_base_and_name(&h->model[i], name)) return &h->model[i];
    return NULL;
}

static uint64_t bytes_open(const HostedSet *h)
{
    uint64_t sum = 0;
    for (int i = 0; i < h->n; i++)
        if (h->model[i].engine) sum += h->model[i].engine->plan.total;
    return sum;
}

/* Closes idle ones until the set, the new one included, is within its limit. False: all that is left is in use. */
static bool make_room(HostedSet *h, uint64_t needed)
{
    while (h->most_bytes && bytes_open(h) + needed > h->most_bytes) {
        HostedModel *oldest = NULL;
        for (int i = 0; i < h->n; i++) {
            HostedModel *m = &h->model[i];
            if (m->engine && m->held == 0 && (!oldest || m->last_used < oldest->last_used)) oldest = m;
        }
        if (!oldest) return bytes_open(h) == 0;
        vl2_close(oldest->engine);
        oldest->engine = NULL;
    }
    return true;
}

static bool open_model(HostedSet *h, HostedModel *m, Error *e)
{
    const double begin = clock_now();
    Vl2Engine *engine = vl2_open(&m->options, e); /* weights are mapped: little memory is touched yet */
    if (!engine) return false;
    if (!make_room(h, engine->plan.total)) {
        char needs[32], most[32];
        fail(e, ERR_MEMORY, "the model %s needs %s, and those in use leave less of the limit of %s", m->name,
             human_bytes(engine->plan.total, needs), human_bytes(h->most_bytes, most));
        vl2_close(engine);
        return false;
    }
    m->engine = engine;
    m->seconds_to_open = clock_now() - begin;
    return true;
}

bool hosted_hold(HostedSet *h, HostedModel *m, Error *e)
{
    monitor_enter(h->monitor);
    const bool ok = m->engine || open_model(h, m, e);
    if (ok) {
        m->held++;
        m->last_used = ++h->uses;
    }
    monitor_leave(h->monitor);
    return ok;
}

void hosted_release(HostedSet *h, HostedModel *m)
{
    monitor_enter(h->monitor);
    m->held--;
    m->last_used = ++h->uses;
    monitor_leave(h->monitor);
}

bool hosted_is_open(HostedSet *h, const HostedModel *m)
{
    monitor_enter(h->monitor);
    const bool is_open = m->engine != NULL;
    monitor_leave(h->monitor);
    return is_open;
}

void hosted_each_open(HostedSet *h, void (*see)(void *context, const HostedModel *m), void *context)
{
    monitor_enter(h->monitor);
    for (int i = 0; i < h->n; i++)
        if (h->model[i].engine) see(context, &h->model[i]);
    monitor_leave(h->monitor);
}
