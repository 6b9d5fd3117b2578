/* test_fuzz_text.c - files and texts that chance has changed: every one gives a result or an error that is one line,
 * never a crash (run it under the sanitizers). The same numbers at every run; VL2_FUZZ_ROUNDS multiplies them. */
#include "text/chat.h"
#include "text/detokenize.h"
#include "text/grounding.h"
#include "text/tokenizer.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/json.h"

#include "support.h"

static void assert_one_line(const Error *e)
{
    assert_true(e->text[0] != 0);
    assert_null(strchr(e->text, '\n'));
    if (!utf8_is_valid(e->text, strlen(e->text))) fail_msg("not UTF-8: %s", e->text);
}

/* Overwrites, removes, repeats or inserts something, mostly once. */
static void mutate(Rng *r, Str *s, const char *const *words, size_t n_words)
{
    for (uint64_t times = rng_next(r) % 3 ? 1 : 1 + rng_next(r) % 4; times > 0 && s->n > 0; times--) {
        const size_t at = rng_next(r) % s->n, length = 1 + rng_next(r) % 8;
        const size_t end = at + length < s->n ? at + length : s->n;
        const char *word = words[rng_next(r) % n_words];
        Str out = { 0 };
        str_add(&out, s->text, at);
        switch (rng_next(r) % 5) {
        case 0: str_putc(&out, (char)rng_next(r)), str_add(&out, s->text + at + 1, s->n - at - 1); break;
        case 1: str_add(&out, s->text + end, s->n - end); break;
        case 2: str_add(&out, s->text + at, end - at), str_add(&out, s->text + at, s->n - at); break;
        case 3: str_puts(&out, word), str_add(&out, s->text + at, s->n - at); break;
        case 4: str_puts(&out, word), str_add(&out, s->text + end, s->n - end); break;
        }
        str_free(s);
        *s = out;
    }
}

/* An exact copy on the heap, so that reading past it shows. */
static char *exact_copy(const Str *s)
{
    char *copy = xmalloc(s->n);
    memcpy(copy, s->text, s->n);
    return copy;
}

static void random_bytes(Rng *r, Str *s)
{
    str_clear(s);
    for (uint64_t n = rng_next(r) % 80; n > 0; n--) str_putc(s, (char)rng_next(r));
}

static void random_utf8(Rng *r, Str *s)
{
    char utf8[4];
    str_clear(s);
    for (uint64_t n = rng_next(r) % 80; n > 0; n--) {
        static const uint32_t limits[] = { 0x80, 0x800, 0xd800, 0x110000 };
        uint32_t cp = (uint32_t)(rng_next(r) % limits[rng_next(r) % 4]);
        if (cp >= 0xd800 && cp < 0xe000) cp -= 0xd800;
        str_add(s, utf8, (size_t)utf8_encode(cp, utf8));
    }
}

/* --- Tokenizers -------------------------------------------------------------------------------------------------- */

static const char small_file[] =
    "{\"added_tokens\": [{\"id\": 300, \"content\": \"<x>\", \"single_word\": false, \"lstrip\": true, \"rstrip\": "
    "true, "
    "\"normalized\": false, \"special\": true}, {\"id\": 301, \"content\": \"<x\", \"normalized\": true}], "
    "\"normalizer\": "
    "{\"type\": \"Sequence\", \"normalizers\": []}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": "
    "[{\"type\": "
    "\"Split\", \"pattern\": {\"Regex\": \"\\\\s?[a-z]+|\\\\p{N}{1,3}|[^\\\\s\\\\p{L}]?x|(a|b)*c\"}, \"behavior\": "
    "\"Isolated\", "
    "\"invert\": false}, {\"type\": \"Split\", \"pattern\": {\"String\": \"-\"}, \"behavior\": \"MergedWithNext\"}, "
    "{\"type\": "
    "\"Digits\", \"individual_digits\": true}, {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"use_regex\": "
    "true}]}, "
    "\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"ignore_merges\": false, \"vocab\": "
    "{\"a\": 0, "
    "\"b\": 1, \"ab\": 2, \"\\u0120\": 3, \"\\u0120ab\": 4, \"<s>\": 5, \"\\u00e9\": 6, \"x\": 7, \"1\": 8}, "
    "\"merges\": [\"a b\", "
    "[\"\\u0120\", \"ab\"]]}}";

static const char *const json_words[] = { "\"",  "{",    "}",       "[",         "]",         ",",
                                          ":",   "\\u",  "\\ud83d", "\\udc00",   "-1",        "4194303",
                                          "1e9", "null", "true",    "\"a\": 0,", "\"a b\",",  "[\"a\", \"b\"],",
                                          "(",   "+",    "*",       "|",         "{1,99999}", "\\\\p{L}",
                                          "[^",  "(?!",  "$",       "\xff",      "\xf0\x9f",  "\xef\xbf\xbd" };

/* Encodes texts with a tokenizer that opened, whatever it has become. */
static void use_tokenizer(const Tokenizer *t, Rng *r)
{
    static const char *const texts[] = { "ab <x> ab-1é12x", "", "<x<x>>\n\t  aaab", "- -ab--c x" };
    const char *text = texts[rng_next(r) % 4];
    Error e;
    Ids ids = { 0 };
    Str back = { 0 };
    if (!tokenizer_encode(t, text, strlen(text), (AddedTokens)(rng_next(r) % 2), &ids, &e)) assert_one_line(&e);
    for (size_t i = 0; i < ids.n; i++) assert_true(ids.id[i] >= 0 && ids.id[i] < tokenizer_count(t));
    detokenize(t, ids.id, ids.n, false, &back);
    assert_true(utf8_is_valid(back.n ? back.text : "", back.n));
    str_free(&back);
    ids_free(&ids);
}

static void changed_tokenizer_files_open_or_say_why(void **state)
{
    (void)state;
    Rng r = { .seed = 11 };
    int opened = 0;
    const int n = 4000 * fuzz_rounds();
    for (int i = 0; i < n; i++) {
        Error e = { 0 };
        Str s = { 0 };
        str_add(&s, small_file, sizeof small_file - 1);
        mutate(&r, &s, json_words, sizeof json_words / sizeof *json_words);
        char *copy = exact_copy(&s);
        Tokenizer *t = tokenizer_open(copy, s.n, NULL, "fuzz", &e);
        free(copy);
        if (t)
            use_tokenizer(t, &r), opened++;
        else
            assert_one_line(&e);
        tokenizer_close(t);
        str_free(&s);
    }
    printf("# %d of %d opened\n", opened, n);
    assert_true(opened > n / 50 && opened < n);
}

static void encoded_texts_decode_to_themselves(void **state)
{
    (void)state;
    static const char *const files[] = { "tokenizer/v2-style-tokenizer.json", "micro-mha/tokenizer.json" };
    Rng r = { .seed = 12 };
    Str text = { 0 }, back = { 0 };
    for (int f = 0; f < 2; f++) {
        Error e;
        char *json;
        size_t n;
        if (!file_read(golden_or_skip(files[f]), (size_t)1 << 26, &json, &n, &e)) fail_msg("%s", e.text);
        Tokenizer *t = tokenizer_open(json, n, NULL, files[f], &e);
        free(json);
        if (!t) fail_msg("%s", e.text);
        for (int i = 0; i < 3000 * fuzz_rounds(); i++) {
            Ids ids = { 0 };
            random_utf8(&r, &text);
            assert_true(tokenizer_encode(t, text.text, text.n, ADDED_ALL, &ids, &e));
            str_clear(&back);
            detokenize(t, ids.id, ids.n, false, &back);
            assert_int_equal(back.n, text.n);
            assert_memory_equal(back.text, text.text, text.n);
            ids_free(&ids);
        }
        tokenizer_close(t);
    }
    str_free(&text);
    str_free(&back);
}

static void random_bytes_and_ids_do_no_harm(void **state)
{
    (void)state;
    Error e;
    Rng r = { .seed = 13 };
    Str text = { 0 }, back = { 0 };
    Tokenizer *t = tokenizer_open(small_file, sizeof small_file - 1, NULL, "small", &e);
    if (!t) fail_msg("%s", e.text);
    for (int i = 0; i < 20000 * fuzz_rounds(); i++) {
        Ids ids = { 0 };
        random_bytes(&r, &text);
        char *copy = exact_copy(&text);
        const bool ok = tokenizer_encode(t, copy, text.n, ADDED_ALL, &ids, &e);
        assert_int_equal(ok, utf8_is_valid(text.text, text.n));
        free(copy);
        for (int k = 0; k < 5; k++) ids_add(&ids, (int32_t)rng_next(&r));
        for (int k = 0; k < 5; k++) ids_add(&ids, (int32_t)(rng_next(&r) % 320));
        str_clear(&back);
        detokenize(t, ids.id, ids.n, false, &back);
        assert_true(utf8_is_valid(back.text, back.n));
        ids_free(&ids);
    }
    tokenizer_close(t);
    str_free(&text);
    str_free(&back);
}

/* --- Answers and conversations ----------------------------------------------------------------------------------- */

static const char *const answer_words[] = { "<|ref|>",
                                            "<|/ref|>",
                                            "<|det|>",
                                            "<|/det|>",
                                            "[",
                                            "]",
                                            "[[",
                                            "]]",
                                            ",",
                                            "1",
                                            "999",
                                            "-",
                                            ".",
                                            "1e999",
                                            "9999999999999999999999",
                                            "\n",
                                            " ",
                                            "\xe9",
                                            "\xe4\xb8\xad",
                                            "0",
                                            "nan" };

static void changed_answers_give_boxes_in_range(void **state)
{
    (void)state;
    static const char answer[] =
        "A <|ref|>cat<|/ref|><|det|>[[1, 2, 30, 40], [5, 6, 70, 80]]<|/det|> <|ref|>\xe4\xb8\xad<|/ref|>"
        "<|det|>[[0, 0, 999, 999]]<|/det|>";
    Rng r = { .seed = 14 };
    int repaired = 0, strict = 0;
    const int n = 30000 * fuzz_rounds();
    for (int i = 0; i < n; i++) {
        Str s = { 0 };
        Grounding g;
        str_add(&s, answer, sizeof answer - 1);
        mutate(&r, &s, answer_words, sizeof answer_words / sizeof *answer_words);
        char *copy = exact_copy(&s);
        if (grounding_parse_strict(copy, s.n, &g)) strict++;
        for (size_t k = 0; k < g.n; k++) grounding_pixel(g.box[k].norm[0], 1000);
        grounding_free(&g);
        const bool found = grounding_parse_tolerant(copy, s.n, &g);
        assert_int_equal(found, g.n > 0);
        for (size_t k = 0; k < g.n; k++) {
            const double *v = g.box[k].norm;
            assert_true(0 <= v[0] && v[0] <= v[2] && v[2] <= 999 && 0 <= v[1] && v[1] <= v[3] && v[3] <= 999);
            assert_non_null(g.box[k].label);
        }
        repaired += g.repairs.n > 0;
        grounding_free(&g);
        free(copy);
        str_free(&s);
    }
    printf("# %d answers: %d strict, %d repaired\n", n, strict, repaired);
    assert_true(strict > n / 20 && repaired > n / 20);
}

static const char *const talk_words[] = { "\"",
                                          "{",
                                          "}",
                                          "[",
                                          "]",
                                          ",",
                                          "<image>",
                                          "\"images\": [\"x\"],",
                                          "\"role\": \"user\",",
                                          "system",
                                          "assistant",
                                          "\\u0000",
                                          "\\ud800",
                                          "\\u3000",
                                          "\xff" };

static void changed_conversations_are_taken_or_named(void **state)
{
    (void)state;
    static const char talk[] =
        "[{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\", \"content\": \"<image> a\", "
        "\"images\": "
        "[\"x.png\"]}, {\"role\": \"assistant\", \"content\": \"b\"}, {\"role\": \"user\", \"content\": \"c\"}]";
    Rng r = { .seed = 15 };
    int taken = 0;
    const int n = 20000 * fuzz_rounds();
    for (int i = 0; i < n; i++) {
        Error e = { 0 };
        Str s = { 0 };
        Conversation c;
        str_add(&s, talk, sizeof talk - 1);
        mutate(&r, &s, talk_words, sizeof talk_words / sizeof *talk_words);
        json_t *list = json_parse(s.text, s.n, "talk", &e);
        if (list && conversation_from_json(&c, list, "talk", &e)) {
            Pieces p;
            Str shown = { 0 };
            chat_pieces(&c, &p);
            for (int k = 0; k < 4; k++) chat_sft_format(&c, (ChatTemplate)k, "<eos>", &shown);
            assert_true(p.n > 1 && p.piece[0].kind == PIECE_BOS && p.piece[p.n - 1].kind == PIECE_EOS);
            str_free(&shown);
            pieces_free(&p);
            conversation_free(&c);
            taken++;
        } else
            assert_one_line(&e);
        json_decref(list);
        str_free(&s);
    }
    printf("# %d of %d taken\n", taken, n);
    assert_true(taken > n / 50 && taken < n);
}

TEST_MAIN(TEST(changed_tokenizer_files_open_or_say_why), TEST(encoded_texts_decode_to_themselves),
          TEST(random_bytes_and_ids_do_no_harm), TEST(changed_answers_give_boxes_in_range),
          TEST(changed_conversations_are_taken_or_named))
