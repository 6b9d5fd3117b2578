/* ranks_mpi.c - see ranks.h. MPI's own errors end all ranks with its message, so no call is asked how it went. */
#include <mpi.h>
#include <stdlib.h>

#include "base/mem.h"
#include "train/ranks.h"

struct RankPost {
    MPI_Request request;
};

enum { OF_POSTS = 1 }; /* the tag of all messages */

static void gather(const double *x, double *all, int n)
{
    MPI_Allgather(x, n, MPI_DOUBLE, all, n, MPI_DOUBLE, MPI_COMM_WORLD);
}

static void share(float *x, int n, int from)
{
    MPI_Bcast(x, n, MPI_FLOAT, from, MPI_COMM_WORLD);
}

static RankPost *send(const float *x, int n, int to)
{
    RankPost *p = xcalloc(1, sizeof *p);
    MPI_Isend(x, n, MPI_FLOAT, to, OF_POSTS, MPI_COMM_WORLD, &p->request);
    return p;
}

static RankPost *receive(float *x, int n, int from)
{
    RankPost *p = xcalloc(1, sizeof *p);
    MPI_Irecv(x, n, MPI_FLOAT, from, OF_POSTS, MPI_COMM_WORLD, &p->request);
    return p;
}

static bool done(RankPost *p, bool wait)
{
    int yes = 1;
    if (wait)
        MPI_Wait(&p->request, MPI_STATUS_IGNORE);
    else
        MPI_Test(&p->request, &yes, MPI_STATUS_IGNORE);
    if (yes) free(p);
    return yes;
}

static void finalize(void)
{
    MPI_Finalize();
}

static void end_all(int status)
{
    MPI_Abort(MPI_COMM_WORLD, status);
}

/* What the starters of Open MPI and of others tell the processes that they start. */
static bool is_started(void)
{
    static const char *const name[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK" };
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (getenv(name[i])) return true;
    return false;
}

bool ranks_open(Ranks *r, Error *e)
{
    static const RankCalls calls = { gather, share, send, receive, done, finalize, end_all };
    int level;
    *r = (Ranks)RANKS_ALONE;
    if (!is_started()) return true;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS)
        return fail(e, ERR_SYSTEM, "MPI does not start");
    MPI_Comm_rank(MPI_COMM_WORLD, &r->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &r->n);
    r->call = &calls;
    if (level < MPI_THREAD_FUNNELED)
        return fail(e, ERR_SYSTEM, "this MPI allows no threads beside it (level %d, expected %d)", level,
                    MPI_THREAD_FUNNELED);
    return true;
}
