/* test_gradient_sum.c - the order in which gradients go to the other ranks, and what becomes of theirs, over a carrier of messages
 * that is always at once. The real one is met by tests/golden/test_ranks.c. */
#include "train/gradient_sum.h"

#include "support.h"

/* Two parameters of layers and one beside them, 64 numbers each; rank 1 of 2 owns the last ones. */
static char name[][40] = { "language.model.embed_tokens.weight", "language.model.layers.0.a",
                           "language.model.layers.1.a", "language.model.layers.1.b" };
static Param params[] = { { name[0], 1, { 64 }, 0, 64 },
                          { name[1], 1, { 64 }, 64, 64 },
                          { name[2], 1, { 64 }, 128, 64 },
                          { name[3], 1, { 64 }, 192, 64 } };
enum { N_VALUES = 256 };

static struct {
    const float *sent[16];
    int n_sent, counts[16];
} seen;

static void gather(const double *x, double *all, int n)
{
    for (int i = 0; i < 2 * n; i++) all[i] = x[i % n];
}

static void share(float *x, int n, int from)
{
    (void)x;
    (void)n;
    (void)from;
}

static RankPost *send(const float *x, int n, int to)
{
    assert_int_equal(to, 1);
    seen.counts[seen.n_sent] = n;
    seen.sent[seen.n_sent++] = x;
    return (RankPost *)&seen;
}

static RankPost *receive(float *x, int n, int from)
{
    assert_int_equal(from, 1);
    for (int i = 0; i < n; i++) x[i] = 100 + (float)i;
    return (RankPost *)&seen;
}

static bool done(RankPost *p, bool wait)
{
    (void)p;
    (void)wait;
    return true;
}

static void gradients_leave_while_backward_still_runs(void **state)
{
    static const RankCalls calls = { .gather = gather, .share = share, .send = send, .receive = receive, .done = done };
    static float grad[N_VALUES], value[N_VALUES];
    const Ranks r = { 0, 2, &calls };
    const Params p = { .param = params, .n = 4, .n_values = N_VALUES, .value = value, .grad = grad };
    Error e;
    size_t begin, end;
    Pool *pool = pool_open(1, &e);
    (void)state;
    for (int i = 0; i < N_VALUES; i++) grad[i] = (float)i;
    GradientSum *s = gradient_sum_open(&r, &p, pool, 2);
    gradient_sum_owned(s, 0, &begin, &end);
    assert_true(begin == 0 && end == 128);
    gradient_sum_owned(s, 1, &begin, &end);
    assert_true(begin == 128 && end == N_VALUES);
    gradient_sum_begin(s);
    assert_int_equal(seen.n_sent, 0);
    gradient_sum_reached(s, 1); /* all of layer 1 is the other rank's */
    assert_int_equal(seen.n_sent, 1);
    assert_ptr_equal(seen.sent[0], grad + 128);
    assert_int_equal(seen.counts[0], 128);
    assert_true(grad[64] == 64); /* not complete here, so not added to */
    gradient_sum_reached(s, 0);
    assert_int_equal(seen.n_sent, 1);
    for (int i = 0; i < 64; i++) assert_true(grad[64 + i] == (float)(64 + i) + 100 + (float)i);
    assert_true(grad[1] == 1);
    gradient_sum_end(s);
    for (int i = 0; i < 64; i++) assert_true(grad[i] == (float)i + 100 + (float)i);
    assert_true(grad[128] == 128);
    gradient_sum_close(s);
    pool_close(pool);
}

TEST_MAIN(TEST(gradients_leave_while_backward_still_runs))
