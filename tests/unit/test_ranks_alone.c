/* test_ranks_alone.c - a build without MPI: one process works, several are refused with what is missing. */
#include "../../src/train/ranks_alone.c"

#include "support.h"

static void without_mpirun_there_is_one_rank(void **state)
{
    Ranks r;
    Error e;
    (void)state;
    assert_true(ranks_open(&r, &e));
    assert_int_equal(r.n, 1);
    double x = 3;
    ranks_sum(&r, &x, 1);
    assert_true(x == 3);
    ranks_close(&r);
}

static void several_are_refused_with_what_is_missing(void **state)
{
    Ranks r;
    Error e;
    (void)state;
    setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
    assert_false(ranks_open(&r, &e));
    assert_non_null(strstr(e.text, "mpirun started 4 processes"));
    assert_non_null(strstr(e.text, "install libopenmpi-dev"));
    setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
    assert_true(ranks_open(&r, &e));
    unsetenv("OMPI_COMM_WORLD_SIZE");
}

TEST_MAIN(TEST(without_mpirun_there_is_one_rank), TEST(several_are_refused_with_what_is_missing))
