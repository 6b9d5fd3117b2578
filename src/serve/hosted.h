/* hosted.h - the models that a server has, by name. Each is opened when it is first asked for, and those that nobody uses are
 * closed, the least lately used first, when another one needs their memory.
 *
 * An adapter is a model of its own, called by its name or as "MODEL:ADAPTER": it maps the files of the model that it is on, so that
 * the weights are in memory once. */
#ifndef VL2_SERVE_HOSTED_H
#define VL2_SERVE_HOSTED_H

#include "base/log.h"
#include "engine/engine.h"

typedef struct {
    const char *name;
    const char *path;
    const char *const *lora; /* adapters of this one */
    int n_lora;
    const char *base; /* of an adapter: the name of the model that it is on; else NULL */
} HostedName;

typedef struct HostedModel {
    char *name;
    const char *base;   /* as above; the text is the caller's */
    Vl2Options options; /* `model` and `lora` belong to who opened the set */
    Vl2Engine *engine;  /* NULL: not open */
    int held;
    uint64_t last_used;
    double seconds_to_open;
    bool is_full; /* the worker's: whose turn it is waits for memory of the cache */
} HostedModel;

typedef struct HostedSet HostedSet;

/* `common`: what all engines share, but model and adapters. most_bytes: that open models may take together (a single one is
 * always opened); 0: no limit. The names' texts stay the caller's. */
HostedSet *hosted_open(const HostedName *names, int n, const Vl2Options *common, uint64_t most_bytes);
void hosted_close(HostedSet *h); /* nobody holds any; of NULL: nothing */

int hosted_count(const HostedSet *h);
const HostedModel *hosted_at(const HostedSet *h, int i); /* its names alone may be read */
/* The one of that name, NULL or "": the first; NULL if there is none. */
HostedModel *hosted_find(HostedSet *h, const char *name);
/* Opens it if need be and keeps it open until it is let go of. From any thread. */
bool hosted_hold(HostedSet *h, HostedModel *m, Error *e);
void hosted_release(HostedSet *h, HostedModel *m);
bool hosted_is_open(HostedSet *h, const HostedModel *m);
/* Calls `see` for every open model, none of which is closed meanwhile. */
void hosted_each_open(HostedSet *h, void (*see)(void *context, const HostedModel *m), void *context);

#endif
