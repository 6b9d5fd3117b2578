/* ranks.h - the processes of one run that mpirun started, on one machine or several, each with a number from 0. Without mpirun
 * there is one. Sums go in the order of the numbers: the same bits each time.
 *
 * ranks_mpi.c is all that knows MPI; a build without it has ranks_alone.c in its place. */
#ifndef VL2_TRAIN_RANKS_H
#define VL2_TRAIN_RANKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct RankPost RankPost; /* a message under way */

/* What carries messages. Counts are of numbers. Its own errors end all ranks. */
typedef struct {
    void (*gather)(const double *x, double *all, int n); /* all [ranks][n], for every rank */
    void (*share)(float *x, int n, int from);            /* the numbers of one rank for all */
    RankPost *(*send)(const float *x, int n, int to);    /* x stays until it is done; */
    RankPost *(*receive)(float *x, int n, int from);     /* two ranks' messages arrive in the order of both */
    bool (*done)(RankPost *p, bool wait);                /* true: p is gone */
    void (*close)(void);
    void (*abort)(int status);
} RankCalls;

typedef struct {
    int rank, n;           /* this one's number, how many there are */
    const RankCalls *call; /* NULL: there is one */
} Ranks;
#define RANKS_ALONE                                                                                                    \
    {                                                                                                                  \
        0, 1, NULL                                                                                                     \
    }

/* Joins the others, if there are others. Once in a process. */
bool ranks_open(Ranks *r, Error *e);
/* After all have come here. */
void ranks_close(const Ranks *r);
/* Ends all of them at once, for who cannot go on and does not know where the others are. */
void ranks_abort(const Ranks *r, int status);

/* x[i] = the sum of all ranks' x[i]; x = the largest. */
void ranks_sum(const Ranks *r, double *x, int n);
double ranks_max(const Ranks *r, double x);
/* True: all say ok. Else the first rank that does not keeps its error; that of the others is without text, so that
 * it is told once. */
bool ranks_agree(const Ranks *r, bool ok, Error *e);
/* The n numbers of rank `from` for all. */
void ranks_share(const Ranks *r, float *x, size_t n, int from);
/* The n numbers of rank `from` into `out` of rank `to`, another one; both come here, others may. */
void ranks_move(const Ranks *r, const float *x, float *out, size_t n, int from, int to);

#endif
