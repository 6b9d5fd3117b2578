/* ranks_alone.c - see ranks.h: a build without MPI has one rank, and says so where mpirun started several. */
#include <stdlib.h>

#include "train/ranks.h"

bool ranks_open(Ranks *r, Error *e)
{
    static const char *const name[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE" };
    *r = (Ranks)RANKS_ALONE;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        const char *n = getenv(name[i]);
        if (n && atoi(n) > 1)
            return fail(e, ERR_UNSUPPORTED,
                        "mpirun started %d processes, but this program was built without MPI: install libopenmpi-dev "
                        "(`make deps`) and build it again, or start one process",
                        atoi(n));
    }
    return true;
}
