/* ahead.c - see ahead.h. Result i waits in slot i % depth; a thread begins one when its slot is free. */
#include "base/ahead.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct Ahead {
    AheadMake *make;
    void *context;
    size_t n, depth;
    pthread_t *thread;
    int n_threads;

    pthread_mutex_t lock;
    pthread_cond_t made, room;
    void **slot;  /* NULL: empty, or still being made */
    size_t begun; /* results [0, begun) are made or being made */
    size_t taken;
    bool closing;
};

static void *work(void *arg)
{
    Ahead *a = arg;
    pthread_mutex_lock(&a->lock);
    for (;;) {
        while (!a->closing && a->begun < a->n && a->begun >= a->taken + a->depth) pthread_cond_wait(&a->room, &a->lock);
        if (a->closing || a->begun >= a->n) break;
        const size_t i = a->begun++;
        pthread_mutex_unlock(&a->lock);
        void *result = a->make(a->context, i);
        assert(result);
        pthread_mutex_lock(&a->lock);
        a->slot[i % a->depth] = result;
        pthread_cond_signal(&a->made);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

Ahead *ahead_open(int n_threads, size_t depth, size_t n, AheadMake *make, void *context, Error *e)
{
    assert(depth >= 1 && n_threads >= 0);
    Ahead *a = xcalloc(1, sizeof *a);
    *a = (Ahead){ .make = make, .context = context, .n = n, .depth = depth };
    a->slot = xcalloc(depth, sizeof *a->slot);
    a->thread = xcalloc((size_t)n_threads, sizeof *a->thread);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->made, NULL);
    pthread_cond_init(&a->room, NULL);
    for (; a->n_threads < n_threads; a->n_threads++) {
        const int cause = pthread_create(&a->thread[a->n_threads], NULL, work, a);
        if (cause == 0) continue;
        fail(e, ERR_SYSTEM, "cannot start thread %d of %d: %s", a->n_threads + 1, n_threads, strerror(cause));
        ahead_close(a, free);
        return NULL;
    }
    return a;
}

void *ahead_take(Ahead *a)
{
    if (a->taken == a->n) return NULL;
    if (a->n_threads == 0) return a->make(a->context, a->taken++);
    pthread_mutex_lock(&a->lock);
    void **slot = &a->slot[a->taken % a->depth];
    while (!*slot) pthread_cond_wait(&a->made, &a->lock);
    void *result = *slot;
    *slot = NULL;
    a->taken++;
    pthread_cond_broadcast(&a->room);
    pthread_mutex_unlock(&a->lock);
    return result;
}

void ahead_close(Ahead *a, void (*drop)(void *result))
{
    if (!a) return;
    pthread_mutex_lock(&a->lock);
    a->closing = true;
    pthread_cond_broadcast(&a->room);
    pthread_mutex_unlock(&a->lock);
    for (int i = 0; i < a->n_threads; i++) pthread_join(a->thread[i], NULL);
    for (size_t i = 0; i < a->depth; i++)
        if (a->slot[i]) drop(a->slot[i]);
    pthread_cond_destroy(&a->room);
    pthread_cond_destroy(&a->made);
    pthread_mutex_destroy(&a->lock);
    free(a->slot);
    free(a->thread);
    free(a);
}
