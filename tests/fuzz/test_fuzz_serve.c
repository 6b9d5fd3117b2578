/* test_fuzz_serve.c - what clients send, bent in every way: chats, completions, data URLs, JSON schemas. Each is an answer or an
 * error of one printable line with its status; a grammar that comes out of a schema takes any bytes without harm. */
#include "fuzz_support.h"
#include "serve/ask.h"
#include "serve/data_url.h"
#include "serve/image_hosts.h"
#include "support.h"
#include "text/answer_format.h"

static const AskRules RULES = { .sampling = { .top_p = 1, .repetition_penalty = 1 },
                                .most_pictures = 3,
                                .remote_pictures = true };

static const char *const WORDS[] = {
    "null",
    "true",
    "-1",
    "1e308",
    "0.5",
    "[]",
    "{}",
    "\"\"",
    "\"<image>\"",
    "\"user\"",
    "\"assistant\"",
    "\"system\"",
    ",",
    ":",
    "[",
    "]",
    "{",
    "}",
    "\"stop\":",
    "\"n\":",
    "\"content\":",
    "\"role\":",
    "\"stream\":true,",
    "\"type\":",
    "\"items\":",
    "\"$ref\":\"#\"",
    "\"$defs\":",
    "\"enum\":",
    "\"anyOf\":",
    "\"required\":",
    "\"minItems\":",
    "\"maxLength\":",
    "9999999999",
    "data:",
    "\"http://a/\"",
    ";base64,",
    "%41",
    "====",
    "\\u0000",
    "\\ud83d\\ude00",
};
enum { N_WORDS = sizeof WORDS / sizeof *WORDS };

static void check_api_error(const ApiError *e)
{
    require(e->status >= 400 && e->status < 600 && e->type && e->text[0]);
    for (const char *p = e->text; *p; p++) require((unsigned char)*p >= 0x20);
    json_t *v = api_error_json(e);
    require(v != NULL);
    json_decref(v);
}

/* As if what stands elsewhere had come. */
static void put_pictures(Ask *a)
{
    for (int i = 0; i < a->n_remote; i++) {
        Str bytes = { 0 };
        str_puts(&bytes, "picture");
        ask_put_picture(a, i, &bytes);
    }
    for (int i = 0; i < a->n_pictures; i++) require(a->picture[i].n > 0);
}

static void fuzz_asks(const char *good, bool (*read)(Ask *, const json_t *, const AskRules *, ApiError *))
{
    Rng r = { 11, 0 };
    int taken = 0;
    const int rounds = test_rounds(4000) * fuzz_rounds();
    for (int i = 0; i < rounds; i++) {
        Str s = { 0 };
        Ask a = { 0 };
        ApiError e = { 0 };
        json_error_t ignored;
        str_puts(&s, good);
        mutate_text(&r, &s, WORDS, N_WORDS, 3);
        json_t *body = json_loadb(s.text, s.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &ignored);
        if (body && read(&a, body, &RULES, &e)) {
            taken++;
            put_pictures(&a);
        } else if (body)
            check_api_error(&e);
        ask_free(&a);
        json_decref(body);
        str_free(&s);
    }
    assert_true(taken > rounds / 100); /* it is not all refused at the first byte */
}

static void chats_of_any_form(void **state)
{
    (void)state;
    fuzz_asks("{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":["
              "{\"type\":\"text\",\"text\":\"<image> "
              "a\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,"
              "aGVsbG8=\",\"detail\":\"low\"}}]}],\"temperature\":0.5,\"stop\":[\"a\",\"b\"],\"n\":2,\"logit_bias\":{"
              "\"3\":-1},"
              "\"logprobs\":true,\"top_logprobs\":3,\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_"
              "tokens\":5}",
              ask_read_chat);
}

static void completions_of_any_form(void **state)
{
    (void)state;
    fuzz_asks(
        "{\"prompt\":[[1,2,3],\"text\",[4]],\"n\":2,\"echo\":true,\"logprobs\":2,\"stop_token_ids\":[7],\"seed\":-3}",
        ask_read_completion);
}

static void data_urls_of_any_form(void **state)
{
    (void)state;
    Rng r = { 12, 0 };
    for (int i = 0; i < test_rounds(4000) * fuzz_rounds(); i++) {
        Str s = { 0 }, out = { 0 };
        Error e;
        str_puts(&s, "data:image/png;charset=x;base64,aGVs%62G8gd29ybGQ_-\r\nAA==");
        mutate_text(&r, &s, WORDS, N_WORDS, 3);
        if (data_url_decode(s.text, s.n, &out, &e))
            require(out.n > 0 && out.n <= s.n);
        else
            check_error(&e);
        str_free(&s);
        str_free(&out);
    }
}

/* Of a list that is taken each question has an answer; none of them lets in what is not a host. */
static void host_lists_of_any_form(void **state)
{
    static const char *const HOST_WORDS[] = { "*",  ".",  ":",  "/",   "[",         "]",
                                              ", ", "::", "/8", ":80", "localhost", "10.0.0.1" };
    (void)state;
    Rng r = { 14, 0 };
    int taken = 0;
    const int rounds = test_rounds(4000) * fuzz_rounds();
    for (int i = 0; i < rounds; i++) {
        Str s = { 0 };
        Error e;
        str_puts(&s, "example.com:8443, *.b.example, 10.0.0.0/8:90, [fd00::1]:90, fe80::/10");
        mutate_text(&r, &s, HOST_WORDS, sizeof HOST_WORDS / sizeof *HOST_WORDS, 2);
        ImageHosts *h = image_hosts_open(s.text, &e);
        if (h) {
            taken++;
            require(!image_hosts_allow(h, "", 80));
            image_hosts_allow(h, "10.1.2.3", 90);
            image_hosts_allow(h, s.text, 8443);
        } else
            check_error(&e);
        image_hosts_close(h);
        str_free(&s);
    }
    assert_true(taken > rounds / 100);
}

static void schemas_of_any_form(void **state)
{
    static GrammarState s[2];
    (void)state;
    Rng r = { 13, 0 };
    int taken = 0;
    const int rounds = test_rounds(1500) * fuzz_rounds();
    for (int i = 0; i < rounds; i++) {
        Str text = { 0 };
        Grammar g;
        Error e;
        int start;
        str_puts(&text,
                 "{\"description\":\"What changes here changes nothing, so that some of them are schemas still. It is "
                 "about as "
                 "long as all the rest of it together, and says nothing at all: a word, and another word, and so on.\","
                 "\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/"
                 "x\"},\"minItems\":1},"
                 "\"b\":{\"anyOf\":[{\"enum\":[1,\"x\"]},{\"type\":[\"null\",\"string\"],\"maxLength\":4}]}},"
                 "\"required\":[\"a\"],"
                 "\"$defs\":{\"x\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"}}}}");
        mutate_text(&r, &text, WORDS, N_WORDS, 1);
        if (!memchr(text.text, 0, text.n) && answer_format(&g, &start, text.text, &e)) {
            taken++;
            grammar_start(&g, start, &s[0]);
            for (int k = 0; k < 200 && s[k % 2].n > 0; k++) {
                static const char LIKELY[] = "{\"a\":[]},1xnul-. \n";
                unsigned char byte = (unsigned char)rng_next(&r);
                for (int tries = 0; tries < 60 && !grammar_take(&g, &s[k % 2], byte, &s[(k + 1) % 2]); tries++)
                    byte = (unsigned char)LIKELY[rng_next(&r) % (sizeof LIKELY - 1)];
            }
            grammar_free(&g);
        } else if (!memchr(text.text, 0, text.n))
            check_error(&e);
        str_free(&text);
    }
    printf("# %d of %d schemas taken\n", taken, rounds);
    assert_true(taken > rounds / 100);
}

TEST_MAIN(TEST(chats_of_any_form), TEST(completions_of_any_form), TEST(data_urls_of_any_form),
          TEST(host_lists_of_any_form), TEST(schemas_of_any_form))
