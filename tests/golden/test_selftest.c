/* test_selftest.c - `vl2 selftest` of small models: whole, damaged, missing. */
#include "eval/selftest.h"

#include <math.h>

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

static void words_in_common(void **state)
{
    static const struct {
        const char *a, *b;
        double likeness;
    } CASES[] = {
        { "a cat", "a cat", 1 },
        { "A cat.", "a CAT", 1 }, /* case and marks do not count */
        { "a cat", "cat a", 1 },  /* nor does order */
        { "a cat", "a dog", 0.5 },
        { "cat", "dog", 0 },
        { "", "", 1 },
        { "", "cat", 0 },
        { "cat cat cat", "cat", 0.5 }, /* one of the three is met: 2 * 1 / 4 */
        { "cat", "cat cat cat", 0.5 },
        { "a cat and a dog", "a cat", 4.0 / 7 },
        { "Image_1 is red", "Image_2 is red", 4.0 / 6 }, /* image_1 is one word */
        { "pinkish-red", "red", 2.0 / 3 },
        { "caf\xc3\xa9", "caf", 0 },
        { "  ,. ", "...", 1 }, /* no words at all */
        { "the first image contains carrots the second image contains corn", "the image contains carrots and corn",
          2.0 * 5 / 16 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const double found = text_likeness(CASES[i].a, CASES[i].b);
        if (fabs(found - CASES[i].likeness) > 1e-12) fail_msg("'%s' and '%s': %g", CASES[i].a, CASES[i].b, found);
    }
}

static Vl2Engine *open_micro(void)
{
    Error e;
    const Vl2Options o = {
        .model = golden_or_skip("micro-mla-noaux"), .compute = "f32", .threads = 1, .context = 1024
    };
    Vl2Engine *engine = vl2_open(&o, &e);
    if (!engine) fail_msg("%s", e.text);
    return engine;
}

/* What the model says to a prompt is found out by a published answer that it cannot give: the check quotes it. */
static void known_answers_are_compared(void **state)
{
    SelfTest t = { 0 };
    KnownAnswer known = { .picture = { "cat.png", "coffee.png" },
                          .prompt = "<image>\n<image>\nWhat is it?",
                          .text = "x" };
    Vl2Engine *engine = open_micro();
    const char *folder = golden_or_skip("images");
    (void)state;
    selftest_ask(&t, engine, folder, &known);
    assert_int_equal(t.check[0].state, CHECK_FAILED);
    const char *begin = strchr(t.check[0].text, '\'') + 1, *end = strstr(begin, "', published 'x'");
    assert_non_null(end);
    char *said = xstrndup(begin, (size_t)(end - begin));
    Str longer = { 0 };
    str_printf(&longer, "%s and", said);
    known.text = said;
    selftest_ask(&t, engine, folder, &known); /* its own answer */
    known.text = longer.text;
    selftest_ask(&t, engine, folder, &known); /* nearly its own */
    known.text = NULL;
    known.box[2] = known.box[3] = 999;
    selftest_ask(&t, engine, folder, &known); /* no box to be expected of it */
    known.picture[1] = "nowhere.png";
    selftest_ask(&t, engine, folder, &known);
    assert_int_equal(t.check[1].state, CHECK_PASSED);
    assert_non_null(strstr(t.check[1].text, "word for word"));
    assert_int_equal(t.check[2].state, CHECK_PASSED);
    assert_non_null(strstr(t.check[2].text, "likeness of the words"));
    assert_int_equal(t.check[3].state, CHECK_FAILED);
    assert_int_equal(t.check[4].state, CHECK_NOT_DONE);
    assert_non_null(strstr(t.check[4].text, "nowhere.png"));
    str_free(&longer);
    free(said);
    selftest_free(&t);
    vl2_close(engine);
}

TEST_MAIN(TEST(a_micro_model_is_not_a_published_one), TEST(checksums_are_the_same_at_every_run),
          TEST(numbers_that_are_none_are_found), TEST(a_model_that_does_not_open_is_broken), TEST(words_in_common),
          TEST(known_answers_are_compared))
