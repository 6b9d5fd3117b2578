/* support.h - what every test program includes: cmocka, where the data is, and a TAP main().
 *
 *   static void png_rejects_filter_5(void **state) { ... assert_int_equal(...); }
 *   TEST_MAIN(TEST(png_rejects_filter_5), TEST(...))     or, for the rows of a table, a TestList
 *
 * Data: tests/data in the project; the large golden set in ../shared/golden or $VL2_GOLDEN_DIR. A test that needs what
 * is not there calls skip_missing(), which prints what is missing; skips are counted. */
#ifndef VL2_TESTS_SUPPORT_H
#define VL2_TESTS_SUPPORT_H

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TEST(f) cmocka_unit_test(f)

/* Under a sanitizer, which makes code ten to twenty times as slow, loops that show it nothing new may be shorter: every path is
 * met, and the plain build of the same test keeps the whole promise. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* "<golden>/<name>" in a static ring of buffers. The reduced copy in tests/data/golden serves when the large set is
 * not there. */
static inline const char *golden_path(const char *name)
{
    static char ring[8][512];
    static int next;
    char *p = ring[next++ % 8];
    const char *dir = getenv("VL2_GOLDEN_DIR");
    snprintf(p, sizeof ring[0], "%s/%s", dir ? dir : "../shared/golden", name);
    if (!dir && access(p, F_OK) != 0) snprintf(p, sizeof ring[0], "tests/data/golden/%s", name);
    return p;
}

/* The same, but ends the test as skipped, saying what is missing, if the file is not there. */
static inline const char *golden_or_skip(const char *name)
{
    const char *p = golden_path(name);
    if (access(p, F_OK) != 0) {
        printf("# skip: %s is not there (set VL2_GOLDEN_DIR)\n", p);
        skip();
    }
    return p;
}

/* How many times as long as usual fuzzing goes on: `make check` sets VL2_FUZZ_ROUNDS. */
static inline int fuzz_rounds(void)
{
    const char *rounds = getenv("VL2_FUZZ_ROUNDS");
    return rounds && atoi(rounds) > 0 ? atoi(rounds) : 1;
}

/* How many of `n` random rounds to do: where the processor is an emulated one, VL2_TEST_SHARE=N asks for 1/N of them. */
static inline int test_rounds(int n)
{
    const char *share = getenv("VL2_TEST_SHARE");
    const int part = share && atoi(share) > 0 ? n / atoi(share) : n;
    return part > 0 ? part : 1;
}

/* Prints the worst error beside its bound, and fails above it. */
#define assert_within(what, error, bound)                                                                              \
    do {                                                                                                               \
        const double e_ = (error), b_ = (bound);                                                                       \
        printf("# %-44s worst %.3g, bound %.3g\n", what, e_, b_);                                                      \
        if (!(e_ <= b_)) fail_msg("%s: %g is over the bound %g", what, e_, b_);                                        \
    } while (0)

/* Lines of TAP as they come. Returns how many tests failed, the exit status of main(). */
static inline int run_as_tap(const struct CMUnitTest *test, int n)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return _cmocka_run_group_tests("tests", test, (size_t)n, NULL, NULL);
}

#define TEST_MAIN(...)                                                                                                 \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        const struct CMUnitTest tests[] = { __VA_ARGS__ };                                                             \
        return run_as_tap(tests, (int)(sizeof tests / sizeof *tests));                                                 \
    }

/* Tests of a table's rows: each is named after its row, and gets it as its state. { 0 } is none yet. */
typedef struct {
    struct CMUnitTest test[96];
    char name[96][96];
    int n;
} TestList;

/* `row` outlives the run; the name is printed. */
static inline void __attribute__((format(printf, 4, 5)))
add_test(TestList *l, CMUnitTestFunction f, const void *row, const char *name, ...)
{
    va_list v;
    assert(l->n < (int)(sizeof l->test / sizeof *l->test));
    va_start(v, name);
    vsnprintf(l->name[l->n], sizeof l->name[0], name, v);
    va_end(v);
    l->test[l->n] = (struct CMUnitTest){ l->name[l->n], f, NULL, NULL, (void *)(uintptr_t)row };
    l->n++;
}

static inline int run_list(const TestList *l)
{
    return run_as_tap(l->test, l->n);
}

#endif
