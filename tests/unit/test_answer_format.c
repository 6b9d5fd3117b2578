/* test_answer_format.c - grammars take what they should and nothing else, byte by byte; masks of tokens say the same. */
#include "text/answer_format.h"

#include "golden_model.h"
#include "text/token_mask.h"

/* How many bytes of the text the grammar takes, and whether it may end there. */
static size_t taken(const char *format, const char *text, bool *may_end)
{
    static GrammarState s[2];
    Grammar g;
    Error e;
    int start;
    size_t n = 0;
    if (!answer_format(&g, &start, format, &e)) fail_msg("%s: %s", format, e.text);
    grammar_start(&g, start, &s[0]);
    while (text[n] && grammar_take(&g, &s[n % 2], (unsigned char)text[n], &s[(n + 1) % 2])) n++;
    *may_end = grammar_may_end(&s[n % 2]);
    grammar_free(&g);
    return n;
}

typedef struct {
    const char *format, *text;
    const char *rest; /* what is not taken any more; NULL: the text is whole */
} Case;

#define PERSON                                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"age\":{\"type\":\"integer\"},"              \
    "\"tags\":{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"bc\",7]},\"minItems\":1,\"maxItems\":2}},"              \
    "\"required\":[\"name\"],\"additionalProperties\":false}"
#define TREE                                                                                                           \
    "{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/"  \
    "n\"}}},"                                                                                                          \
    "\"required\":[\"k\"]}},\"$ref\":\"#/$defs/n\"}"

static const Case CASES[] = {
    { "json", "{}", NULL },
    { "json", "{\"a\": [1, -2.5e3, \"x\\n\\u00e9\xc3\xa9\", true, null, {\"b\":{}}]}", NULL },
    { "json", "{\n  \"a\": 1\n}", NULL },
    { "json", "[1]", "[1]" },
    { "json", "{a", "a" },
    { "json", "{\"a\":01", "1" },
    { "json", "{\"a\":1,}", "}" },
    { "json", "{\"a\":\"\n", "\n" },
    { "json", "{\"a\":\"\xc3(", "(" },
    { "json", "{\"a\":\"\xed\xa0", "\xa0" },
    { "json", "{\"a\":\"\\ud800", "d800" },
    { "json", "{\"a\":  1", " 1" },
    { "json", "{} ", " " },
    { PERSON, "{\"name\":\"Ann\"}", NULL },
    { PERSON, "{\"name\": \"Ann\", \"age\": 7, \"tags\": [\"bc\", 7]}", NULL },
    { PERSON, "{\"name\":\"\",\"tags\":[\"a\"]}", NULL },
    { PERSON, "{\"age\"", "age\"" },
    { PERSON, "{}", "}" },
    { PERSON, "{\"name\":7", "7" },
    { PERSON, "{\"name\":\"\",\"age\":1.5", ".5" },
    { PERSON, "{\"name\":\"\",\"tags\":[]", "]" },
    { PERSON, "{\"name\":\"\",\"tags\":[7,7,", "," },
    { PERSON, "{\"name\":\"\",\"tags\":[\"b\"", "\"" },
    { PERSON, "{\"name\":\"\",\"more\"", "more\"" },
    { TREE, "{\"k\":[{\"k\":[]},{\"k\":[{\"k\":[]}]}]}", NULL },
    { TREE, "{\"k\":[7", "7" },
    { "{\"type\":[\"string\",\"null\"]}", "null", NULL },
    { "{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "\"a\xc3\xa9z\"", NULL },
    { "{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "\"a\"", "\"" },
    { "{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "\"abcd", "d" },
    { "{\"anyOf\":[{\"const\":{\"a\":[1]}},{\"type\":\"boolean\"}]}", "{\"a\":[1]}", NULL },
    { "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}", "{\"x\":1,\"y\":2}", NULL },
    { "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}", "{\"x\":true", "true" },
    { "{\"type\":\"object\",\"additionalProperties\":false}", "{}", NULL },
    { "boxes",
      "\xf8"
      "cat\xf9\xfa[[1, 20, 300, 999]]\xfb",
      NULL },
    { "boxes",
      "\xf8"
      "cat\xf9\xfa[[1, 2, 3, 4], [0, 0, 9, 9]]\xfb\xf8\xe7\x8c\xab\xf9\xfa[[1, 2, 3, 4]]\xfb",
      NULL },
    { "boxes", "\xf8\xf9", "\xf9" },
    { "boxes",
      "\xf8"
      "a\xf9\xfa[[1000",
      "0" },
    { "boxes",
      "\xf8"
      "a\xf9\xfa[[01",
      "1" },
    { "boxes",
      "\xf8"
      "a\xf9\xfa[[1, 2, 3]",
      "]" },
    { "boxes", "cat", "cat" },
};

static void formats_take_what_they_should_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const Case *c = &CASES[i];
        bool may_end;
        const size_t n = taken(c->format, c->text, &may_end),
                     expected = strlen(c->text) - (c->rest ? strlen(c->rest) : 0);
        if (n != expected) fail_msg("%s: %s: took %zu bytes, expected %zu", c->format, c->text, n, expected);
        if (!c->rest && !may_end) fail_msg("%s: %s: may not end", c->format, c->text);
    }
}

static void what_a_schema_asks_in_vain_is_named(void **state)
{
    static const char *const BAD[][2] = {
        { "{\"type\":\"string\",\"pattern\":\"a+\"}", "the keyword \"pattern\" is not supported" },
        { "{\"type\":\"integer\",\"minimum\":3}", "the keyword \"minimum\"" },
        { "{\"type\":\"date\"}", "the type \"date\"" },
        { "{\"type\":7}", "a type that is" },
        { "{\"$ref\":\"#/$defs/x\"}", "there is no \"#/$defs/x\"" },
        { "{\"enum\":[]}", "enum has 0 values" },
        { "{\"type\":\"array\",\"minItems\":3,\"maxItems\":2}", "maxItems is less than minItems" },
        { "{\"type\":\"array\",\"maxItems\":-1}", "maxItems is not 0 to" },
        { "{\"items\":7,\"type\":\"array\"}", "a schema is an integer" },
        { "{\"type\":\"object\",\"properties\":[]}", "properties is an array" },
        { "{", "not valid JSON" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        Grammar g;
        Error e;
        int start;
        if (answer_format(&g, &start, BAD[i][0], &e)) fail_msg("%s was taken", BAD[i][0]);
        if (!strstr(e.text, BAD[i][1])) fail_msg("%s: %s", BAD[i][0], e.text);
        assert_null(g.symbol);
    }
}

static void a_schema_that_is_too_deep_is_refused(void **state)
{
    (void)state;
    Str s = { 0 };
    for (int i = 0; i < 1000; i++) str_puts(&s, "{\"type\":\"array\",\"items\":");
    str_puts(&s, "{}");
    for (int i = 0; i < 1000; i++) str_puts(&s, "}");
    Grammar g;
    Error e;
    int start;
    assert_false(answer_format(&g, &start, s.text, &e));
    assert_non_null(strstr(e.text, "too deep"));
    str_free(&s);
}

/* Every token that the mask allows is taken byte by byte, and no other one is. */
static void masks_allow_the_tokens_that_the_grammar_takes(void **state)
{
    static const char *const SO_FAR[] = { "", "{", "{\"a", "{\"a\": ", "{\"a\": 1" };
    static GrammarState s[2], here;
    (void)state;
    Vl2Engine *engine = open_engine("micro-mha", NULL);
    const Tokenizer *t = engine->model.tokenizer;
    TokenOrder *order = token_order_open(t);
    int checked = 0;
    for (size_t i = 0; i < sizeof SO_FAR / sizeof *SO_FAR; i++) {
        Grammar g, again;
        Error e;
        int start;
        assert_true(answer_format(&g, &start, "json", &e) && answer_format(&again, &start, "json", &e));
        TokenMask *m = token_mask_open(&again, start, order);
        grammar_start(&g, start, &here);
        Ids ids = { 0 };
        if (SO_FAR[i][0]) assert_true(tokenizer_encode(t, SO_FAR[i], strlen(SO_FAR[i]), ADDED_GROUNDING, &ids, &e));
        for (size_t k = 0; k < ids.n; k++) token_mask_take(m, ids.id[k]);
        for (const char *c = SO_FAR[i]; *c; c++) {
            assert_true(grammar_take(&g, &here, (unsigned char)*c, &s[0]));
            grammar_copy(&here, &s[0]);
        }
        bool may_end;
        const uint64_t *allowed = token_mask_allowed(m, &may_end);
        assert_int_equal(may_end, grammar_may_end(&here));
        for (int32_t id = 0; id < tokenizer_count(t); id++) {
            size_t n, k = 0;
            const char *bytes = tokenizer_bytes(t, id, &n);
            if (tokenizer_is_special(t, id)) n = 0;
            grammar_copy(&s[0], &here);
            while (k < n && grammar_take(&g, &s[k % 2], (unsigned char)bytes[k], &s[(k + 1) % 2])) k++;
            if (token_mask_has(allowed, id) != (n > 0 && k == n))
                fail_msg("after \"%s\": token %d", SO_FAR[i], (int)id);
            checked += n > 0 && k == n;
        }
        ids_free(&ids);
        token_mask_close(m);
        grammar_free(&g);
    }
    assert_true(checked > 100);
    token_order_close(order);
    vl2_close(engine);
}

TEST_MAIN(TEST(formats_take_what_they_should_and_no_more), TEST(what_a_schema_asks_in_vain_is_named),
          TEST(a_schema_that_is_too_deep_is_refused), TEST(masks_allow_the_tokens_that_the_grammar_takes))
