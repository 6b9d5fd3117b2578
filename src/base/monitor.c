/* monitor.c - see monitor.h: a mutex and a condition on the clock that only goes forward. */
#include "base/monitor.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

struct Monitor {
    pthread_mutex_t lock;
    pthread_cond_t news;
};

Monitor *monitor_open(void)
{
    Monitor *m = xcalloc(1, sizeof *m);
    pthread_condattr_t forward;
    pthread_condattr_init(&forward);
    pthread_condattr_setclock(&forward, CLOCK_MONOTONIC);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->news, &forward);
    pthread_condattr_destroy(&forward);
    return m;
}

void monitor_close(Monitor *m)
{
    if (!m) return;
    pthread_cond_destroy(&m->news);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

void monitor_enter(Monitor *m)
{
    pthread_mutex_lock(&m->lock);
}

void monitor_leave(Monitor *m)
{
    pthread_mutex_unlock(&m->lock);
}

bool monitor_wait(Monitor *m, double seconds)
{
    if (seconds < 0) return pthread_cond_wait(&m->news, &m->lock) == 0;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const double whole = (double)(time_t)seconds;
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)((seconds - whole) * 1e9);
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    return pthread_cond_timedwait(&m->news, &m->lock, &until) == 0;
}

void monitor_wake(Monitor *m)
{
    pthread_cond_broadcast(&m->news);
}
