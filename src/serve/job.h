/* job.h - one answer in the making, and the thread that makes all of them.
 *
 * A connection's thread prepares a request (pictures, prompt), makes a Job of it and gives it to the Worker; the worker's one
 * thread alone runs models, and after each step puts what is new into the job, under the job's monitor. Several jobs of one
 * connection share a monitor.
 *
 *     queued --(a place and memory are free; fair between keys)--> running --> done
 *
 * Until it is submitted and once it is done, a job and its request are the connection's. */
#ifndef VL2_SERVE_JOB_H
#define VL2_SERVE_JOB_H

#include "base/monitor.h"
#include "base/str.h"
#include "serve/hosted.h"

typedef enum { JOB_QUEUED, JOB_RUNNING, JOB_DONE } JobState;

typedef struct Job {
    Vl2Request *request;
    HostedModel *model; /* held as long as the job lives */
    int who;            /* the key that asks, for fair shares */
    Monitor *monitor;   /* guards what follows */
    JobState state;
    Str text;      /* of the answer so far; grows only */
    unsigned news; /* counts whatever changes here */
    int n_output;  /* tokens so far: as many of the request's likelihoods may be read */
    int tiles_done, tiles, prompt_done, prompt;
    double queued_at, started_at, first_at, done_at; /* clock_now() */
    struct Job *next;                                /* the worker's list */
    uint64_t arrival;
} Job;

typedef struct Worker Worker;

typedef struct {
    int running, queued;
    uint64_t steps;
    double seconds_busy;
} WorkerStats;

/* n_who: keys that may ask. most_queued: jobs that wait for a place. NULL and *e if no thread can be started. */
Worker *worker_open(int n_who, int most_queued, Error *e);
void worker_stop(Worker *w);  /* every job is done now, and none is taken any more; of NULL: nothing */
void worker_close(Worker *w); /* a stopped one that nobody asks any more; of NULL: nothing */

/* All n jobs, or none of them: false if there is no room in the queue. */
bool worker_submit(Worker *w, Job *const *job, int n);
/* Ends a job: soon it is done, with what there is. Of a done one: nothing. */
void worker_cancel(Worker *w, Job *job);
int worker_ahead_of(Worker *w, const Job *job); /* jobs that were queued before it and still are */
WorkerStats worker_stats(Worker *w);

void job_wait_done(Job *job);
void job_free(Job *job); /* a done one, or one that was never submitted */

#endif
