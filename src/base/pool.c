/* pool.c - see pool.h.
 *
 * A job is published by raising `job`; workers that spin see it at once, sleepers are woken by the condition variable.
 * Tasks are taken from an atomic counter. Who takes tasks stands in the `gate`, which is open while there may be any left:
 * pool_run closes it and waits for those who are inside, so no worker can look at a job after its context is gone, and a
 * worker that the system lets run too late (a busy machine) is not waited for at all. Spinning is short (a decode step has
 * some hundred jobs a few microseconds apart), then threads sleep: an idle engine costs nothing. */
#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#if defined(__x86_64__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif

enum { SPINS = 4000, MAX_THREADS = 256, CLOSED = 1 << 20 };

struct Pool {
    int n_threads;
    pthread_t *thread; /* n_threads - 1 */
    pthread_mutex_t lock;
    pthread_cond_t wake, left;

    PoolTask *task; /* the job: written before `job` is raised */
    void *context;
    int n;
    atomic_int next; /* the next task to hand out */
    atomic_int gate; /* how many workers are inside; CLOSED more: nobody may come in */
    atomic_uint job; /* number of jobs so far */
    atomic_int sleepers;
    atomic_bool is_awaited; /* pool_run sleeps until the last worker has left */
    atomic_bool closing;
};

typedef struct {
    Pool *pool;
    int index;
} Worker;

static void take_tasks(Pool *p, int thread)
{
    for (;;) {
        const int i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (i >= p->n) return;
        p->task(p->context, i, thread);
    }
}

/* Waits until a job later than `seen` is there; returns its number. */
static unsigned await_job(Pool *p, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        const unsigned now = atomic_load_explicit(&p->job, memory_order_acquire);
        if (now != seen) return now;
        RELAX();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    unsigned now;
    while ((now = atomic_load(&p->job)) == seen) pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
    return now;
}

static void take_part(Pool *p, int thread)
{
    if (atomic_fetch_add(&p->gate, 1) < CLOSED) take_tasks(p, thread);
    if (atomic_fetch_sub(&p->gate, 1) - 1 != CLOSED || !atomic_load(&p->is_awaited)) return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_signal(&p->left);
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg)
{
    Worker w = *(Worker *)arg;
    free(arg);
    unsigned seen = 0;
    for (;;) {
        seen = await_job(w.pool, seen);
        if (atomic_load(&w.pool->closing)) return NULL;
        take_part(w.pool, w.index);
    }
}

static void publish(Pool *p)
{
    atomic_fetch_add(&p->job, 1);
    if (atomic_load(&p->sleepers) == 0) return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

static int usable_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    const int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n;
}

Pool *pool_open(int n_threads, Error *e)
{
    Pool *p = xcalloc(1, sizeof *p);
    int want = n_threads > 0 ? n_threads : usable_processors();
    if (want > MAX_THREADS) want = MAX_THREADS;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->left, NULL);
    atomic_init(&p->gate, CLOSED);
    p->thread = xcalloc((size_t)want, sizeof *p->thread);
    p->n_threads = 1;
    for (int i = 1; i < want; i++) {
        Worker *w = xmalloc(sizeof *w);
        *w = (Worker){ p, i };
        const int cause = pthread_create(&p->thread[i - 1], NULL, worker_main, w);
        if (cause != 0) {
            free(w);
            fail(e, ERR_SYSTEM, "cannot start thread %d of %d: %s", i + 1, want, strerror(cause));
            pool_close(p);
            return NULL;
        }
        p->n_threads++;
    }
    return p;
}

void pool_close(Pool *p)
{
    if (!p) return;
    atomic_store(&p->closing, true);
    publish(p);
    for (int i = 1; i < p->n_threads; i++) pthread_join(p->thread[i - 1], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->left);
    pthread_mutex_destroy(&p->lock);
    free(p->thread);
    free(p);
}

int pool_threads(const Pool *p)
{
    return p->n_threads;
}

static void await_empty(Pool *p)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->gate, memory_order_acquire) == CLOSED) return;
        RELAX();
    }
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->is_awaited, true);
    while (atomic_load(&p->gate) != CLOSED) pthread_cond_wait(&p->left, &p->lock);
    atomic_store(&p->is_awaited, false);
    pthread_mutex_unlock(&p->lock);
}

void pool_run(Pool *p, int n, PoolTask *task, void *context)
{
    if (n <= 1 || p->n_threads == 1) {
        for (int i = 0; i < n; i++) task(context, i, 0);
        return;
    }
    p->task = task;
    p->context = context;
    p->n = n;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_fetch_sub(&p->gate, CLOSED);
    publish(p);
    take_tasks(p, 0);
    atomic_fetch_add(&p->gate, CLOSED);
    await_empty(p);
}

typedef struct {
    PoolRange *range;
    void *context;
    int n, parts;
} Ranges;

static void run_range(void *context, int i, int thread)
{
    const Ranges *r = context;
    const int begin = (int)((long long)r->n * i / r->parts), end = (int)((long long)r->n * (i + 1) / r->parts);
    r->range(r->context, begin, end, thread);
}

void pool_ranges(Pool *p, int n, int grain, PoolRange *range, void *context)
{
    assert(grain > 0);
    if (n <= 0) return;
    int parts = n / grain;
    const int most = 4 * p->n_threads; /* a few for each thread, so that they balance */
    if (parts > most) parts = most;
    if (parts <= 1 || p->n_threads == 1) {
        range(context, 0, n, 0);
        return;
    }
    Ranges r = { range, context, n, parts };
    pool_run(p, parts, run_range, &r);
}
