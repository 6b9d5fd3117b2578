/* test_selftest.c - `vl2 selftest` of small models: whole, damaged, missing. */
#include "eval/selftest.h"

#include "base/file.h"
#include "base/mem.h"
#include "temp_folder.h"

static SelfTest test_of(const char *model)
{
    SelfTest t;
    const Vl2Options o = { .model = model, .compute = "f32", .threads = 1, .context = 1024 };
    selftest_run(&(SelfTestOptions){ .engine = &o }, &t);
    return t;
}

static const SelfCheck *check_of(const SelfTest *t, const char *name)
{
    for (int i = 0; i < t->n_checks; i++)
        if (strcmp(t->check[i].name, name) == 0) return &t->check[i];
    fail_msg("there is no check %s", name);
    return NULL;
}

static void a_micro_model_is_not_a_published_one(void **state)
{
    static const char *const MODELS[] = { "micro-mha", "micro-mla", "micro-mla-noaux" };
    (void)state;
    for (int i = 0; i < 3; i++) {
        SelfTest t = test_of(golden_or_skip(MODELS[i]));
        assert_int_equal(t.verdict, VERDICT_UNPUBLISHED);
        assert_non_null(strstr(selftest_verdict(&t), "not a published model"));
        assert_int_equal(check_of(&t, "files")->state, CHECK_PASSED);
        assert_int_equal(check_of(&t, "numbers")->state, CHECK_PASSED);
        assert_int_equal(check_of(&t, "stages")->state, CHECK_PASSED);
        assert_int_equal(check_of(&t, "shape")->state, CHECK_NOT_DONE);
        assert_int_equal(check_of(&t, "README")->state, CHECK_NOT_DONE);
        assert_int_equal(t.n_stages, 5);
        selftest_free(&t);
    }
}

static void checksums_are_the_same_at_every_run(void **state)
{
    SelfTest a = test_of(golden_or_skip("micro-mha")), b = test_of(golden_or_skip("micro-mha"));
    SelfTest other = test_of(golden_or_skip("micro-mla"));
    (void)state;
    for (int i = 0; i < a.n_stages; i++) {
        assert_true(a.stage[i].checksum == b.stage[i].checksum);
        assert_true(a.stage[i].checksum != other.stage[i].checksum);
        assert_true(a.stage[i].mean_abs > 0 && a.stage[i].largest >= a.stage[i].mean_abs);
    }
    selftest_free(&a);
    selftest_free(&b);
    selftest_free(&other);
}

/* A copy of micro-mha with two bytes of its tensors changed, counted from the end. */
static void copy_model(TempFolder *f, size_t from_end, const unsigned char bytes[2])
{
    static const char *const FILES[] = { "config.json",           "processor_config.json",   "tokenizer.json",
                                         "tokenizer_config.json", "special_tokens_map.json", "model.safetensors" };
    Error e;
    for (int i = 0; i < 6; i++) {
        char name[64], *text;
        size_t n;
        snprintf(name, sizeof name, "micro-mha/%s", FILES[i]);
        if (!file_read(golden_or_skip(name), (size_t)1 << 30, &text, &n, &e)) fail_msg("%s", e.text);
        if (i == 5 && bytes) memcpy(text + n - from_end, bytes, 2);
        if (i < 5 || bytes) temp_write(f, FILES[i], text, n);
        free(text);
    }
}

static void numbers_that_are_none_are_found(void **state)
{
    static const unsigned char INFINITE[] = { 0x80, 0x7f };
    TempFolder f = temp_open();
    (void)state;
    copy_model(&f, 64, INFINITE);
    SelfTest t = test_of(f.folder);
    assert_int_equal(t.verdict, VERDICT_BROKEN);
    const SelfCheck *c = check_of(&t, "numbers");
    assert_int_equal(c->state, CHECK_FAILED);
    assert_non_null(strstr(c->text, "has 1 values that are infinite or no numbers"));
    selftest_free(&t);
    temp_close(&f);
}

static void a_model_that_does_not_open_is_broken(void **state)
{
    TempFolder f = temp_open();
    (void)state;
    copy_model(&f, 0, NULL);
    SelfTest t = test_of(f.folder);
    assert_int_equal(t.verdict, VERDICT_BROKEN);
    assert_int_equal(check_of(&t, "files")->state, CHECK_FAILED);
    assert_int_equal(t.n_checks, 1);
    selftest_free(&t);
    temp_close(&f);
}

TEST_MAIN(TEST(a_micro_model_is_not_a_published_one), TEST(checksums_are_the_same_at_every_run),
          TEST(numbers_that_are_none_are_found), TEST(a_model_that_does_not_open_is_broken))
