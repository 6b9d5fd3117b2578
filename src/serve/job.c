/* job.c - see job.h. The worker's monitor guards the queue; the list of running jobs is the worker thread's own. */
#include "serve/job.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* What a key has had, so that one who asks a lot does not shut out the others. */
typedef struct {
    int running;
    uint64_t last_begun; /* number of the admission */
} Share;

struct Worker {
    Monitor *monitor;
    pthread_t thread;
    bool started, closing, stopped;
    Job *queued; /* oldest first */
    int n_queued, most_queued;
    uint64_t arrivals, begun;
    Share *share; /* [n_who] */

    Job *running;
    WorkerStats stats; /* guarded */
};

/* ---- what is new goes from the request to the job ---- */

/* Tells whoever waits for the job; *at becomes the time. */
static void enter_state(Job *job, JobState state, double *at)
{
    monitor_enter(job->monitor);
    job->state = state;
    job->news++;
    *at = clock_now();
    monitor_wake(job->monitor);
    monitor_leave(job->monitor);
}

/* The request has ended: it leaves the engine and is the connection's again. */
static void finish_job(Worker *w, Job *job)
{
    request_leave(job->request);
    monitor_enter(w->monitor);
    w->share[job->who].running--;
    w->stats.running--;
    monitor_leave(w->monitor);
    enter_state(job, JOB_DONE, &job->done_at);
}

/* True if the job is done. */
static bool hand_over(Job *job)
{
    Vl2Request *r = job->request;
    bool done = false, news = false;
    monitor_enter(job->monitor);
    for (Vl2Event event; request_take_event(r, &event); news = true) {
        switch (event.kind) {
        case VL2_PROGRESS_VISION: job->tiles_done = event.done; break;
        case VL2_PROGRESS_PREFILL: job->prompt_done = event.done; break;
        case VL2_TEXT: str_add(&job->text, event.text, event.n); break;
        case VL2_DONE: done = true; break;
        }
    }
    if (r->output.n > 0 && job->n_output == 0) job->first_at = clock_now();
    job->n_output = (int)r->output.n;
    if (news) {
        job->news++;
        monitor_wake(job->monitor);
    }
    monitor_leave(job->monitor);
    return done;
}

/* ---- who is next ---- */

static int running_of(const Worker *w, const Vl2Engine *engine)
{
    int n = 0;
    for (const Job *j = w->running; j; j = j->next) n += j->request->engine == engine;
    return n;
}

/* Of the queued jobs whose model may have a place: one of the key with the fewest running, then of the key that has waited
 * longest for its turn, then the oldest. Returns where it hangs, NULL if there is none. */
static Job **choose(Worker *w)
{
    Job **best = NULL;
    for (Job **at = &w->queued; *at; at = &(*at)->next) {
        const Vl2Engine *engine = (*at)->request->engine;
        if ((*at)->model->is_full || running_of(w, engine) >= engine->n_slots) continue;
        if (!best) {
            best = at;
            continue;
        }
        const Share *a = &w->share[(*at)->who], *b = &w->share[(*best)->who];
        if (a->running < b->running || (a->running == b->running && a->last_begun < b->last_begun)) best = at;
    }
    return best;
}

static void begin_job(Worker *w, Job **at)
{
    Job *job = *at;
    *at = job->next;
    w->n_queued--;
    w->stats.running++;
    w->share[job->who].running++;
    w->share[job->who].last_begun = ++w->begun;
    job->next = w->running;
    w->running = job;
    request_start(job->request);
    enter_state(job, JOB_RUNNING, &job->started_at);
}

/* Inside the monitor: queued jobs begin where there are places and memory. Where the memory does not do for the one whose turn it
 * is, none of its model goes before it: it would never have enough. */
static void begin_jobs(Worker *w)
{
    for (Job *job = w->queued; job; job = job->next) job->model->is_full = false;
    for (Job **at; (at = choose(w)) != NULL;) {
        if (engine_has_room((*at)->request->engine, (*at)->request))
            begin_job(w, at);
        else
            (*at)->model->is_full = true;
    }
}

/* ---- the thread ---- */

static void step_engines(const Worker *w)
{
    for (const Job *j = w->running; j; j = j->next) {
        const Job *first = w->running;
        while (first->request->engine != j->request->engine) first = first->next;
        if (first == j) engine_step(j->request->engine); /* each engine once */
    }
}

static void take_news(Worker *w)
{
    for (Job **at = &w->running; *at;) {
        Job *job = *at;
        if (hand_over(job)) {
            *at = job->next;
            finish_job(w, job);
        } else
            at = &job->next;
    }
}

static void *work(void *context)
{
    Worker *w = context;
    for (;;) {
        monitor_enter(w->monitor);
        begin_jobs(w);
        while (!w->running && !w->closing) {
            monitor_wait(w->monitor, -1);
            begin_jobs(w);
        }
        const bool closing = w->closing;
        monitor_leave(w->monitor);
        if (closing && !w->running) return NULL;
        for (Job *j = w->running; closing && j; j = j->next) vl2_cancel(j->request);
        const double begin = clock_now();
        step_engines(w);
        take_news(w);
        monitor_enter(w->monitor);
        w->stats.steps++;
        w->stats.seconds_busy += clock_now() - begin;
        monitor_leave(w->monitor);
    }
}

Worker *worker_open(int n_who, int most_queued, Error *e)
{
    Worker *w = xcalloc(1, sizeof *w);
    w->monitor = monitor_open();
    w->most_queued = most_queued;
    w->share = xcalloc((size_t)n_who, sizeof *w->share);
    const int cause = pthread_create(&w->thread, NULL, work, w);
    w->started = cause == 0;
    if (w->started) return w;
    fail(e, ERR_SYSTEM, "cannot start the thread that runs the model: %s", strerror(cause));
    worker_close(w);
    return NULL;
}

/* It never started: the engine does not know it. */
static void drop_queued(Job *job)
{
    engine_finish(job->request, "cancelled");
    enter_state(job, JOB_DONE, &job->done_at);
}

void worker_stop(Worker *w)
{
    if (!w || w->stopped) return;
    monitor_enter(w->monitor);
    w->closing = true;
    Job *queued = w->queued;
    w->queued = NULL;
    w->n_queued = 0;
    monitor_wake(w->monitor);
    monitor_leave(w->monitor);
    while (queued) {
        Job *next = queued->next;
        drop_queued(queued);
        queued = next;
    }
    if (w->started) pthread_join(w->thread, NULL);
    w->stopped = true;
}

void worker_close(Worker *w)
{
    if (!w) return;
    worker_stop(w);
    monitor_close(w->monitor);
    free(w->share);
    free(w);
}

/* ---- from the connections ---- */

bool worker_submit(Worker *w, Job *const *job, int n)
{
    monitor_enter(w->monitor);
    const bool room = w->n_queued + n <= w->most_queued && !w->closing;
    Job **end = &w->queued;
    while (*end) end = &(*end)->next;
    for (int i = 0; room && i < n; i++) {
        job[i]->arrival = w->arrivals++;
        job[i]->queued_at = clock_now();
        job[i]->state = JOB_QUEUED;
        job[i]->news = 1;
        job[i]->next = NULL;
        *end = job[i];
        end = &job[i]->next;
        w->n_queued++;
    }
    monitor_wake(w->monitor);
    monitor_leave(w->monitor);
    return room;
}

void worker_cancel(Worker *w, Job *job)
{
    bool was_queued = false;
    vl2_cancel(job->request); /* if it runs, the next step ends it */
    monitor_enter(w->monitor);
    for (Job **at = &w->queued; *at && !was_queued; at = was_queued ? at : &(*at)->next)
        if (*at == job) {
            *at = job->next;
            w->n_queued--;
            was_queued = true;
        }
    monitor_leave(w->monitor);
    if (was_queued) drop_queued(job);
}

int worker_ahead_of(Worker *w, const Job *job)
{
    int n = 0;
    monitor_enter(w->monitor);
    for (const Job *j = w->queued; j; j = j->next) n += j->arrival < job->arrival;
    monitor_leave(w->monitor);
    return n;
}

WorkerStats worker_stats(Worker *w)
{
    monitor_enter(w->monitor);
    WorkerStats s = w->stats;
    s.queued = w->n_queued;
    monitor_leave(w->monitor);
    return s;
}

void job_wait_done(Job *job)
{
    monitor_enter(job->monitor);
    while (job->state != JOB_DONE) monitor_wait(job->monitor, -1);
    monitor_leave(job->monitor);
}

void job_free(Job *job)
{
    if (!job) return;
    request_free(job->request);
    str_free(&job->text);
    free(job);
}
