/* test_json.c - what is not JSON is refused with a place; members come with their type or a message that names them. */
#include "base/str.h"
#include "format/json.h"

#include "temp_folder.h"
#include "support.h"

static json_t *parsed(const char *text)
{
    Error e = { 0 };
    json_t *v = json_parse(text, strlen(text), "test", &e);
    if (!v) fail_msg("%s: %s", text, e.text);
    return v;
}

static void rejects_what_is_not_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        { "", "f.json: not valid JSON, line 1 column 0" },
        { "{", "line 1 column 1" },
        { "{\n\"a\":\n}", "line 3 column 1" },
        { "{\"a\":1,}", "not valid JSON" },
        { "[1,]", "not valid JSON" },
        { "{'a':1}", "not valid JSON" },
        { "[1] [2]", "end of file expected" },
        { "nul", "not valid JSON" },
        { "NaN", "not valid JSON" },
        { "[1e999]", "real number overflow" },
        { "[99999999999999999999]", "too big integer" },
        { "[01]", "not valid JSON" },
        { "[\"\xff\"]", "not valid JSON" },
        { "[\"\xed\xa0\x80\"]", "not valid JSON" }, /* a surrogate as UTF-8 */
        { "[\"\\ud800\"]", "not valid JSON" },      /* a surrogate alone */
        { "[\"\x01\"]", "not valid JSON" },         /* a control character */
        { "{\"a\":1,\"b\":2,\"a\":3}", "duplicate object key" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e = { 0 };
        json_t *v = json_parse(rows[i].text, strlen(rows[i].text), "f.json", &e);
        if (v) fail_msg("%s was accepted", rows[i].text);
        if (!strstr(e.text, "f.json") || !strstr(e.text, rows[i].expected))
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].text, e.text, rows[i].expected);
        assert_int_equal(e.code, ERR_FORMAT);
    }
}

static void rejects_depth_100000(void **state)
{
    (void)state;
    static const char *const opening[] = { "[", "{\"a\":", "[{\"b\":" };
    for (size_t k = 0; k < 3; k++) {
        Error e = { 0 };
        Str s = { 0 };
        for (int i = 0; i < 100000; i++) str_puts(&s, opening[k]);
        assert_null(json_parse(s.text, s.n, "deep", &e));
        assert_non_null(strstr(e.text, "deep: not valid JSON"));
        str_free(&s);
    }
}

static void accepts_mark_nul_and_scalars(void **state)
{
    (void)state;
    Error e = { 0 };
    json_t *v = json_parse("\xef\xbb\xbf[1]", 6, "t", &e); /* a byte order mark */
    assert_int_equal(json_array_size(v), 1);
    json_decref(v);
    v = parsed("[\"a\\u0000b\"]");
    assert_int_equal(json_string_length(json_array_get(v, 0)), 3);
    json_decref(v);
    v = parsed("-3");
    assert_int_equal(json_integer_value(v), -3);
    json_decref(v);
}

#define OBJECT                                                                                                         \
    "{\"i\":7,\"whole\":10000.0,\"r\":0.5,\"s\":\"text\",\"t\":true,\"n\":null,\"a\":[1],\"o\":{},\"big\":1e18}"

static void takes_members_by_type(void **state)
{
    (void)state;
    Error e = { 0 };
    json_t *o = parsed(OBJECT), *node = NULL;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    const char *s = NULL;
    assert_true(json_take_int(o, "i", 0, 10, &i, "w", &e) && i == 7);
    assert_true(json_take_int(o, "whole", 0, 10000, &i, "w", &e) && i == 10000);
    assert_true(json_take_double(o, "r", &d, "w", &e) && d == 0.5);
    assert_true(json_take_double(o, "i", &d, "w", &e) && d == 7);
    assert_true(json_take_bool(o, "t", &b, "w", &e) && b);
    assert_true(json_take_string(o, "s", &s, "w", &e) && strcmp(s, "text") == 0);
    assert_true(json_take_node(o, "a", JSON_ARRAY, &node, "w", &e) && json_array_size(node) == 1);
    assert_true(json_take_node(o, "o", JSON_OBJECT, &node, "w", &e) && json_is_object(node));
    json_decref(o);
}

static void missing_and_null_keep_the_default(void **state)
{
    (void)state;
    Error e = { 0 };
    json_t *o = parsed(OBJECT), *node = o;
    static const char *const keys[] = { "n", "absent" };
    for (int k = 0; k < 2; k++) {
        int64_t i = 42;
        double d = 42;
        bool b = true;
        const char *s = "42";
        assert_true(json_take_int(o, keys[k], 0, 1, &i, "w", &e) && i == 42);
        assert_true(json_take_double(o, keys[k], &d, "w", &e) && d == 42);
        assert_true(json_take_bool(o, keys[k], &b, "w", &e) && b);
        assert_true(json_take_string(o, keys[k], &s, "w", &e) && strcmp(s, "42") == 0);
        assert_true(json_take_node(o, keys[k], JSON_ARRAY, &node, "w", &e) && node == NULL);
    }
    json_decref(o);
}

static void wrong_members_are_named(void **state)
{
    (void)state;
    Error e = { 0 };
    json_t *o = parsed(OBJECT), *node;
    int64_t i = 42;
    double d = 42;
    bool b = true;
    const char *s = "42";
    assert_false(json_take_int(o, "s", 0, 9, &i, "c.json: part", &e));
    assert_string_equal(e.text, "c.json: part: \"s\" is a string, expected an integer");
    assert_false(json_take_int(o, "r", 0, 9, &i, "w", &e));
    assert_string_equal(e.text, "w: \"r\" is a number with a fraction, expected an integer");
    assert_false(json_take_int(o, "big", 0, INT64_MAX, &i, "w", &e)); /* past what a double counts exactly */
    assert_false(json_take_int(o, "i", 8, 9, &i, "w", &e));
    assert_string_equal(e.text, "w: \"i\" is 7, expected 8 to 9");
    assert_false(json_take_int(o, "i", 0, 6, &i, "w", &e));
    assert_false(json_take_double(o, "t", &d, "w", &e));
    assert_string_equal(e.text, "w: \"t\" is true, expected a number");
    assert_false(json_take_bool(o, "i", &b, "w", &e));
    assert_string_equal(e.text, "w: \"i\" is an integer, expected true or false");
    assert_false(json_take_string(o, "a", &s, "w", &e));
    assert_string_equal(e.text, "w: \"a\" is an array, expected a string");
    assert_false(json_take_node(o, "o", JSON_ARRAY, &node, "w", &e));
    assert_string_equal(e.text, "w: \"o\" is an object, expected an array");
    assert_true(i == 42 && d == 42 && b && strcmp(s, "42") == 0); /* a failure changes nothing */
    json_decref(o);
}

static void files_have_a_limit(void **state)
{
    (void)state;
    Error e = { 0 };
    TempFolder s = temp_open();
    temp_write(&s, "x.json", "[1, 2]", 6);
    json_t *v = json_parse_file(temp_path(&s, "x.json"), 6, &e);
    assert_int_equal(json_array_size(v), 2);
    json_decref(v);
    assert_null(json_parse_file(temp_path(&s, "x.json"), 5, &e));
    assert_non_null(strstr(e.text, "longer than the limit of 5 bytes"));
    assert_null(json_parse_file(temp_path(&s, "none.json"), 5, &e));
    assert_non_null(strstr(e.text, "none.json: cannot open"));
    assert_null(json_parse_file(s.folder, 5, &e));
    assert_non_null(strstr(e.text, "is a directory"));
    temp_close(&s);
}

TEST_MAIN(TEST(rejects_what_is_not_json), TEST(rejects_depth_100000), TEST(accepts_mark_nul_and_scalars),
          TEST(takes_members_by_type), TEST(missing_and_null_keep_the_default), TEST(wrong_members_are_named),
          TEST(files_have_a_limit))
