/* test_pool.c - the threads: every task once, nothing lost between them and the caller (run it under TSan, too). */
#include "base/pool.h"

#include "support.h"

enum { MOST = 1000 };

typedef struct {
    int input;        /* written by the caller before the job */
    int count[MOST];  /* each by the task of its index, read by the caller after the job */
    int thread[MOST]; /* who did it */
} Job;

static void note_task(void *context, int i, int thread)
{
    Job *j = context;
    j->count[i] += j->input;
    j->thread[i] = thread;
}

static Pool *open_pool(int threads)
{
    Error e;
    Pool *p = pool_open(threads, &e);
    if (!p) fail_msg("%s", e.text);
    assert_int_equal(pool_threads(p), threads);
    return p;
}

static void check_job(const Pool *p, const Job *j, int n)
{
    for (int i = 0; i < MOST; i++) {
        assert_int_equal(j->count[i], i < n ? j->input : 0);
        assert_in_range(j->thread[i], 0, pool_threads(p) - 1);
    }
}

static void pool_runs_every_task_once(void **state)
{
    static const int sizes[] = { 0, 1, 2, 3, 17, MOST };
    (void)state;
    for (int threads = 1; threads <= 8; threads++) {
        Pool *p = open_pool(threads);
        for (int round = 0; round < 300; round++) {
            Job j = { .input = round + 1 };
            const int n = sizes[round % 6];
            pool_run(p, n, note_task, &j);
            check_job(p, &j, n);
        }
        pool_close(p);
    }
}

/* After a pause the threads sleep; a job has to wake them, or wait for none of them. */
static void pool_wakes_from_sleep(void **state)
{
    (void)state;
    Pool *p = open_pool(3);
    for (int round = 0; round < 5; round++) {
        Job j = { .input = 1 };
        usleep(20000);
        pool_run(p, MOST, note_task, &j);
        check_job(p, &j, MOST);
    }
    usleep(20000);
    pool_close(p);
}

typedef struct {
    int count[MOST];
    int smallest[64]; /* the smallest range that each thread got */
} Cover;

static void note_range(void *context, int begin, int end, int thread)
{
    Cover *c = context;
    assert_true(thread >= 0 && thread < 64);
    for (int i = begin; i < end; i++) c->count[i]++;
    if (c->smallest[thread] == 0 || end - begin < c->smallest[thread]) c->smallest[thread] = end - begin;
}

static void ranges_cover_all_and_are_no_smaller_than_the_grain(void **state)
{
    static const int grains[] = { 1, 7, 64, 5000 };
    (void)state;
    Pool *p = open_pool(3);
    for (int g = 0; g < 4; g++)
        for (int n = 0; n <= MOST; n += 37) {
            Cover c = { 0 };
            pool_ranges(p, n, grains[g], note_range, &c);
            for (int i = 0; i < MOST; i++) assert_int_equal(c.count[i], i < n);
            for (int t = 0; t < 64; t++)
                if (c.smallest[t]) assert_true(c.smallest[t] >= (grains[g] < n ? grains[g] : n));
        }
    pool_close(p);
}

static void closing_nothing_is_nothing(void **state)
{
    (void)state;
    pool_close(NULL);
    pool_close(open_pool(4)); /* threads that never had a job end, too */
}

TEST_MAIN(TEST(pool_runs_every_task_once), TEST(pool_wakes_from_sleep),
          TEST(ranges_cover_all_and_are_no_smaller_than_the_grain), TEST(closing_nothing_is_nothing))
