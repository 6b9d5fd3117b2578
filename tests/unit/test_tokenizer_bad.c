/* test_tokenizer_bad.c - tokenizer files from outside: what is wrong is named, what the library accepts is accepted;
 * and the rules that the published files do not use, on a vocabulary of a few letters. */
#include "text/detokenize.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"

#include "base/clock.h"
#include "base/mem.h"

#include "support.h"

/* A tokenizer file of seven tokens; a part that is NULL is as here. */
typedef struct {
    const char *vocab, *merges, *added, *pre, *normalizer, *decoder, *model;
} File;

#define BYTE_LEVEL     "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}"
#define SPLIT(pattern) SPLIT_AS(pattern, "Isolated", "false")
#define SPLIT_AS(pattern, behavior, invert)                                                                            \
    "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": " pattern                         \
    ", \"behavior\": \"" behavior "\", \"invert\": " invert "}, " BYTE_LEVEL "]}"

static const File plain = {
    .vocab = "{\"a\": 0, \"b\": 1, \"c\": 2, \"ab\": 3, \"bc\": 4, \"abc\": 5, \"\\u0120\": 6}",
    .merges = "[\"b c\", \"a b\", \"a bc\"]",
    .added = "[]",
    .pre = BYTE_LEVEL,
    .normalizer = "null",
    .decoder = "{\"type\": \"ByteLevel\"}",
    .model = "\"type\": \"BPE\"",
};

static void write_file(const File *f, Str *out)
{
#define PART(name) (f->name ? f->name : plain.name)
    str_clear(out);
    str_printf(out, "{\"added_tokens\": %s, \"normalizer\": %s, \"pre_tokenizer\": %s, \"decoder\": %s, ", PART(added),
               PART(normalizer), PART(pre), PART(decoder));
    str_printf(out, "\"model\": {%s, \"vocab\": %s, \"merges\": %s}}", PART(model), PART(vocab), PART(merges));
#undef PART
}

static Tokenizer *open_text(const char *json, size_t n, Error *e)
{
    char *exact = xmalloc(n); /* on the heap, without an end, so that reading past it shows */
    memcpy(exact, json, n);
    *e = (Error){ 0 };
    Tokenizer *t = tokenizer_open_plain(exact, n, "t.json", e);
    free(exact);
    assert_true(t || e->text[0]);
    return t;
}

static Tokenizer *open_parts(const File *f, Error *e)
{
    Str json = { 0 };
    write_file(f, &json);
    Tokenizer *t = open_text(json.text, json.n, e);
    str_free(&json);
    return t;
}

static Tokenizer *open_good(const File *f)
{
    Error e;
    Tokenizer *t = open_parts(f, &e);
    if (!t) fail_msg("%s", e.text);
    return t;
}

/* Ids as "3 1 2". */
static const char *ids_text(const Tokenizer *t, const char *text, char buf[256])
{
    Error e;
    Ids ids = { 0 };
    buf[0] = 0;
    if (!tokenizer_encode(t, text, strlen(text), ADDED_ALL, &ids, &e)) fail_msg("%s", e.text);
    for (size_t i = 0; i < ids.n; i++) snprintf(buf + strlen(buf), 256 - strlen(buf), i ? " %d" : "%d", ids.id[i]);
    ids_free(&ids);
    return buf;
}

static void wrong_files_are_named(void **state)
{
    (void)state;
    static const struct {
        File file;
        ErrorCode code;
        const char *says;
    } rows[] = {
        /* vocabulary */
        { { .vocab = "{\"a\": 2147483648}" }, ERR_FORMAT, "the token \"a\" has the id 2147483648, expected 0 to" },
        { { .vocab = "{\"a\": 99999999999999999999}" }, ERR_FORMAT, "the token \"a\" has the id" },
        { { .vocab = "{\"a\": 4194304}" }, ERR_FORMAT, "the token \"a\" has the id 4194304, expected 0 to 4194303" },
        { { .vocab = "{\"a\": -1}" }, ERR_FORMAT, "the token \"a\" has the id -1, expected 0 to" },
        { { .vocab = "{\"a\": 01}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "{\"a\": 1.0}" }, ERR_FORMAT, "model.vocab, entry 0: expected \"token\": id" },
        { { .vocab = "{\"a\": \"1\"}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "{\"a\": 0, \"b\": 0}" }, ERR_FORMAT, "the id 0 belongs to two tokens, the second is \"b\"" },
        { { .vocab = "{\"a\": 0, \"b\": 1, \"a\": 2}" }, ERR_FORMAT, "the token \"a\" has two ids, 0 and 2" },
        { { .vocab = "{\"a\": 0, \"\\u0061\": 2}" }, ERR_FORMAT, "the token \"a\" has two ids, 0 and 2" },
        { { .vocab = "{\"a\": 0,}" }, ERR_FORMAT, "model.vocab, entry 1" },
        { { .vocab = "{\"a\": 0 \"b\": 1}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "{\"\\ud800\": 0}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "{\"\\udc00\\ud800\": 0}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "{\"\\ud800\\u0041\": 0}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "{\"\\u12\": 0}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "{\"\\x\": 0}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "{\"\xff\": 0}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "{\"\xed\xa0\x80\": 0}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "{\"a\nb\": 0}" }, ERR_FORMAT, "model.vocab, entry 0" },
        { { .vocab = "[]" }, ERR_FORMAT, "model.vocab is not there" },
        /* merges */
        { { .merges = "[\"a x\"]" }, ERR_FORMAT, "merge 0 needs \"x\", which is not in the vocabulary" },
        { { .merges = "[\"a b\", \"x b\"]" }, ERR_FORMAT, "merge 1 needs \"x\"" },
        { { .merges = "[\"b b\"]" }, ERR_FORMAT, "merge 0 needs \"bb\", which is not in the vocabulary" },
        { { .merges = "[[\"b\", \"b\"]]" }, ERR_FORMAT, "merge 0 needs \"bb\"" },
        { { .merges = "[\"ab\"]" }, ERR_FORMAT, "model.merges, entry 0: expected \"left right\" or" },
        { { .merges = "[\"a b c\"]" }, ERR_FORMAT, "model.merges, entry 0" },
        { { .merges = "[[\"a\", \"b\", \"c\"]]" }, ERR_FORMAT, "model.merges, entry 0" },
        { { .merges = "[[\"a\"]]" }, ERR_FORMAT, "model.merges, entry 0" },
        { { .merges = "[\"a b\", 7]" }, ERR_FORMAT, "model.merges, entry 1" },
        { { .merges = "[\"a b\" \"b c\"]" }, ERR_FORMAT, "model.merges, entry 0" },
        { { .merges = "[\"a b\",]" }, ERR_FORMAT, "model.merges, entry 1" },
        { { .merges = "{}" }, ERR_FORMAT, "model.merges is not there" },
        { { .merges = "null" }, ERR_FORMAT, "model.merges is not there" },
        /* added tokens */
        { { .added = "[{\"id\": 9, \"content\": \"\"}]" },
          ERR_FORMAT,
          "entry 0 of \"added_tokens\" has an empty string as content" },
        { { .added = "[{\"id\": 9}]" }, ERR_FORMAT, "entry 0 of \"added_tokens\" has nothing as content" },
        { { .added = "[{\"content\": \"<x>\"}]" }, ERR_FORMAT, "entry 0 of \"added_tokens\" has no id" },
        { { .added = "[7]" }, ERR_FORMAT, "entry 0 of \"added_tokens\" is an integer" },
        { { .added = "{}" }, ERR_FORMAT, "\"added_tokens\" is an object, expected an array" },
        { { .added = "[{\"id\": 2147483648, \"content\": \"<x>\"}]" },
          ERR_FORMAT,
          "\"id\" is 2147483648, expected 0 to" },
        { { .added = "[{\"id\": -1, \"content\": \"<x>\"}]" }, ERR_FORMAT, "\"id\" is -1, expected 0 to" },
        { { .added = "[{\"id\": 1, \"content\": \"<x>\"}]" },
          ERR_FORMAT,
          "the added token \"<x>\" has the id 1, which is another" },
        { { .added = "[{\"id\": 9, \"content\": \"a\"}]" },
          ERR_FORMAT,
          "the added token \"a\" has the id 9, but 0 in the voc" },
        { { .added = "[{\"id\": 9, \"content\": \"<x>\"}, {\"id\": 10, \"content\": \"<x>\"}]" },
          ERR_FORMAT,
          "\"<x>\" has two ids, 9 and 10" },
        { { .added = "[{\"id\": 9, \"content\": \"<x>\"}, {\"id\": 9, \"content\": \"<y>\"}]" },
          ERR_FORMAT,
          "the id 9 belongs to two" },
        { { .added = "[{\"id\": 9, \"content\": \"<x>\", \"lstrip\": 1}]" },
          ERR_FORMAT,
          "\"lstrip\" is an integer, expected true or" },
        { { .added = "[{\"id\": 9, \"content\": \"\\ud800\"}]" }, ERR_FORMAT, "not valid JSON" },
        /* what is not supported */
        { { .normalizer = "{\"type\": \"NFC\"}" }, ERR_UNSUPPORTED, "the normalizer \"NFC\", expected none or" },
        { { .normalizer = "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKC\"}]}" },
          ERR_UNSUPPORTED,
          "\"NFKC\"" },
        { { .pre = "{\"type\": \"Whitespace\"}" },
          ERR_UNSUPPORTED,
          "the pre-tokenizer \"Whitespace\", expected Split, Digits" },
        { { .pre = "null" }, ERR_UNSUPPORTED, "\"pre_tokenizer\" is null" },
        { { .pre = "{\"type\": \"Digits\"}" }, ERR_UNSUPPORTED, "no ByteLevel" },
        { { .pre = "{\"type\": \"Sequence\", \"pretokenizers\": [" BYTE_LEVEL ", {\"type\": \"Digits\"}]}" },
          ERR_UNSUPPORTED,
          "a pre-tokenizer after ByteLevel" },
        { { .pre = "{\"type\": \"Sequence\", \"pretokenizers\": [" BYTE_LEVEL ", " BYTE_LEVEL "]}" },
          ERR_UNSUPPORTED,
          "ByteLevel twice" },
        { { .pre = SPLIT("{\"Regex\": \"[a\"}") },
          ERR_FORMAT,
          "the pattern \"[a\" does not compile: premature end of char-class" },
        { { .pre = SPLIT("{\"Regex\": \"\\\\p{Nope}\"}") },
          ERR_FORMAT,
          "does not compile: invalid character property name" },
        { { .pre = SPLIT("{}") }, ERR_FORMAT, "the pattern of Split is not one Regex or one String" },
        { { .pre = SPLIT("{\"String\": \"\"}") }, ERR_FORMAT, "the pattern of Split is not one Regex or one String" },
        { { .pre = SPLIT("7") }, ERR_FORMAT, "\"pattern\" is an integer, expected an object" },
        { { .pre = SPLIT_AS("{\"String\": \"a\"}", "Sometimes", "false") },
          ERR_UNSUPPORTED,
          "the behavior \"Sometimes\"" },
        { { .decoder = "{\"type\": \"Metaspace\"}" },
          ERR_UNSUPPORTED,
          "the decoder \"Metaspace\", expected ByteLevel" },
        { { .decoder = "null" }, ERR_UNSUPPORTED, "the decoder \"none\", expected ByteLevel" },
        { { .model = "\"type\": \"Unigram\"" }, ERR_UNSUPPORTED, "the model \"Unigram\", expected BPE" },
        { { .model = "\"type\": \"BPE\", \"dropout\": 0.1" }, ERR_UNSUPPORTED, "\"dropout\" is 0.1" },
        { { .model = "\"end_of_word_suffix\": \"</w>\"" }, ERR_UNSUPPORTED, "\"end_of_word_suffix\" is \"</w>\"" },
        { { .model = "\"continuing_subword_prefix\": \"##\"" },
          ERR_UNSUPPORTED,
          "\"continuing_subword_prefix\" is \"##\"" },
        { { .model = "\"unk_token\": \"<unk>\"" },
          ERR_UNSUPPORTED,
          "\"unk_token\" is set and the byte 0x00 has no token" },
        { { .model = "\"byte_fallback\": true" },
          ERR_UNSUPPORTED,
          "\"byte_fallback\" is set and the byte 0x00 has no" },
        { { .model = "\"ignore_merges\": 3" }, ERR_FORMAT, "\"ignore_merges\" is an integer" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e;
        Tokenizer *t = open_parts(&rows[i].file, &e);
        if (t) fail_msg("accepted, expected: %s", rows[i].says);
        if (!strstr(e.text, rows[i].says) || !str_starts(e.text, "t.json"))
            fail_msg("\"%s\", expected: %s", e.text, rows[i].says);
        if (e.code != rows[i].code) fail_msg("code %d for %s", (int)e.code, e.text);
    }
}

static void texts_that_are_no_tokenizer_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "",
                                         "x",
                                         "[]",
                                         "7",
                                         "\"model\"",
                                         "{",
                                         "{}",
                                         "{\"model\"",
                                         "{\"model\":",
                                         "{\"model\": {",
                                         "{\"model\": {\"vocab\": {",
                                         "{\"model\": {\"vocab\": {\"a\": 1}, \"merges\": [\"",
                                         "{\"model\": 7}",
                                         "{\"model\": {}, \"model\": {}}",
                                         "{\"model\": {\"vocab\": {}, \"vocab\": {}}}",
                                         "\xff\xfe" };
    Error e;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (open_text(texts[i], strlen(texts[i]), &e)) fail_msg("accepted: %s", texts[i]);
    char deep[5000];
    memset(deep, '[', sizeof deep);
    assert_null(open_text(deep, sizeof deep, &e));
}

static void every_cut_of_a_file_is_refused(void **state)
{
    (void)state;
    Error e;
    Str json = { 0 };
    write_file(&plain, &json);
    for (size_t n = 0; n < json.n; n++)
        if (open_text(json.text, n, &e)) fail_msg("accepted: %.*s", (int)n, json.text);
    str_free(&json);
}

/* The long lists are cut out before the library counts. */
static void errors_keep_their_line(void **state)
{
    (void)state;
    Error e;
    const char text[] = "{\"model\": {\"vocab\": {\n\"a\": 0,\n\"b\": 1\n}, \"merges\": [\n\n]},\n \"x\": }";
    assert_null(open_text(text, sizeof text - 1, &e));
    if (!strstr(e.text, "line 7")) fail_msg("%s", e.text);
}

static void a_text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } rows[] = { { "ab\xff", "byte 0xFF at offset 2" },
                 { "a\xc3", "byte 0xC3 at offset 1" },
                 { "\xed\xa0\x80", "byte 0xED at offset 0" },
                 { "\xf4\x90\x80\x80", "byte 0xF4 at offset 0" } };
    Tokenizer *t = open_good(&plain);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e;
        Ids ids = { 0 };
        assert_false(tokenizer_encode(t, rows[i].text, strlen(rows[i].text), ADDED_ALL, &ids, &e));
        if (!strstr(e.text, rows[i].says)) fail_msg("%s", e.text);
        ids_free(&ids);
    }
    tokenizer_close(t);
}

/* --- Patterns that take too long --------------------------------------------------------------------------------- */

static void a_pattern_that_goes_back_for_ever_gives_up(void **state)
{
    (void)state;
    static const char *const patterns[] = { SPLIT("{\"Regex\": \"(a+)+$\"}"), /* Oniguruma */
                                            SPLIT("{\"Regex\": \"a*a*a*a*a*a*a*b\"}") /* ours */ };
    for (int i = 0; i < 2; i++) {
        Error e = { 0 };
        Ids ids = { 0 };
        char text[2001];
        memset(text, 'a', 2000);
        text[2000] = 'c';
        Tokenizer *t = open_good(&(File){ .pre = patterns[i] });
        const double begin = clock_now();
        assert_false(tokenizer_encode(t, text, sizeof text, ADDED_ALL, &ids, &e));
        printf("# %s: gave up after %.1f s\n", patterns[i], clock_now() - begin);
        assert_int_equal(e.code, ERR_LIMIT);
        if (!strstr(e.text, "gave up on 2001 bytes")) fail_msg("%s", e.text);
        ids_free(&ids);
        tokenizer_close(t);
    }
}

/* The published patterns on a long run of white space that something follows: linear, and no giving up. */
static void a_long_run_of_blanks_is_cut_quickly(void **state)
{
    (void)state;
    enum { N = 300000 };
    static const char *const patterns[] = { SPLIT("{\"Regex\": \"\\\\s+$\"}"),
                                            SPLIT("{\"Regex\": \"\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}") };
    char *text = xmalloc(N + 1);
    memset(text, ' ', N);
    text[N] = 'a';
    for (int i = 0; i < 2; i++) {
        Error e;
        Ids ids = { 0 };
        Tokenizer *t = open_good(&(File){ .pre = patterns[i] });
        if (!tokenizer_encode(t, text, N + 1, ADDED_ALL, &ids, &e)) fail_msg("%s", e.text);
        assert_int_equal(ids.n, N + 1);
        ids_free(&ids);
        tokenizer_close(t);
    }
    free(text);
}

/* --- Rules that published files do not use ------------------------------------------------------------------------ */

static void merges_go_by_rank_and_from_the_left(void **state)
{
    (void)state;
    static const struct {
        File file;
        const char *text, *ids;
    } rows[] = {
        { { 0 }, "abc", "5" }, /* b c first, then a bc */
        { { 0 }, "ababc", "3 5" },
        { { 0 }, "", "" },
        { { 0 }, "axb", "3" }, /* a byte without a token is passed over, its neighbours meet */
        { { 0 }, "xyz", "" },
        { { .merges = "[[\"b\", \"c\"], [\"a\", \"b\"], [\"a\", \"bc\"]]" }, "abc", "5" },
        { { .merges = "[\"a b\", \"b c\"]" }, "abc", "3 2" }, /* a token that no merge makes */
        { { .merges = "[\"a b\", \"b c\"]", .model = "\"ignore_merges\": true" }, "abc", "5" },
        { { .merges = "[]" }, "abc", "0 1 2" },
        { { .merges = "[\"b c\", \"a b\", \"b c\"]" }, "abc", "3 2" }, /* listed twice: the later place counts */
        { { .vocab = "{\"a\": 0, \"aa\": 1, \"aaa\": 2}", .merges = "[\"a a\", \"aa a\"]" }, "aaaaa", "1 2" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char got[256];
        Tokenizer *t = open_good(&rows[i].file);
        for (int again = 0; again < 2; again++) assert_string_equal(ids_text(t, rows[i].text, got), rows[i].ids);
        tokenizer_close(t);
    }
}

static void a_long_piece_is_encoded_quickly(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    Error e;
    Ids ids = { 0 };
    char *text = xmalloc(N);
    for (int i = 0; i < N; i++) text[i] = "abc"[i % 3];
    Tokenizer *t = open_good(&plain);
    assert_true(tokenizer_encode(t, text, N, ADDED_ALL, &ids, &e));
    assert_int_equal(ids.n, N / 3 + 1);
    for (size_t i = 0; i + 1 < ids.n; i++) assert_int_equal(ids.id[i], 5);
    ids_free(&ids);
    tokenizer_close(t);
    free(text);
}

static void added_tokens_match_as_the_library_does(void **state)
{
    (void)state;
#define ADDED(content, flags) "[{\"id\": 9, \"content\": \"" content "\"" flags "}]"
    static const struct {
        const char *added, *text, *ids;
    } rows[] = {
        { ADDED("<x>", ""), "a<x>b", "0 9 1" },
        { ADDED("<x>", ""), "<x><x>", "9 9" },
        { ADDED("<x>", ""), " <x> ", "6 9 6" },
        { ADDED("<x>", ", \"lstrip\": true"), "a  <x>  b", "0 9 6 6 1" },
        { ADDED("<x>", ", \"rstrip\": true"), "a  <x>  b", "0 6 6 9 1" },
        { ADDED("<x>", ", \"lstrip\": true, \"rstrip\": true"), "<x> \xe3\x80\x80<x>a", "9 9 0" },
        /* the longest of those that begin at the leftmost place */
        { "[{\"id\": 9, \"content\": \"<\"}, {\"id\": 10, \"content\": \"<<x\"}, {\"id\": 11, \"content\": \"<x\"}]",
          "<<<x", "9 10" },
        { "[{\"id\": 9, \"content\": \"<x\"}, {\"id\": 10, \"content\": \"x<x<\"}]", "<x<x<", "9 9" },
        /* those with normalized = false go first, wherever they are */
        { "[{\"id\": 9, \"content\": \"<x>\", \"normalized\": true}, {\"id\": 10, \"content\": \"x>a\", "
          "\"normalized\": false}]",
          "<x>a<x>", "10 9" },
        { "[{\"id\": 9, \"content\": \"<x>\"}, {\"id\": 9, \"content\": \"<x>\"}]", "<x>", "9" }, /* said twice */
        /* a token of the vocabulary, and ids with holes between them */
        { "[{\"id\": 5, \"content\": \"abc\"}, {\"id\": 4000, \"content\": \"<x>\"}]", "aabcb<x>", "0 5 1 4000" },
    };
#undef ADDED
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char got[256];
        Tokenizer *t = open_good(&(File){ .added = rows[i].added });
        assert_string_equal(ids_text(t, rows[i].text, got), rows[i].ids);
        tokenizer_close(t);
    }
}

static void a_single_word_stands_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text, *ids;
    } rows[] = { { "<x>", "9" },   { "a <x> b", "0 6 9 6 1" }, { "a<x>", "0" },           { "<x>b", "1" },
                 { "(<x>)", "9" }, { "\xc3\xa9<x>", "" },      { "\xcc\x81<x>", "" },     { "1<x>", "" },
                 { "_<x>", "" },   { "-<x>-", "9" },           { "\xe4\xb8\xad<x>", "" }, { "a<x> <x>", "0 6 9" } };
    Tokenizer *t = open_good(&(File){ .added = "[{\"id\": 9, \"content\": \"<x>\", \"single_word\": true}]" });
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char got[256];
        assert_string_equal(ids_text(t, rows[i].text, got), rows[i].ids);
    }
    tokenizer_close(t);
}

/* --- Pre-tokenizers ---------------------------------------------------------------------------------------------- */

/* Pieces as "a|b|c". The expected ones in this file, and the ids above, are what the `tokenizers` library 0.22.2
 * gave. */
static void show_pieces(const char *config, bool only_oniguruma, const char *text, char *buf, size_t size)
{
    Error e;
    PretokenizeWork w = { 0 };
    json_t *j = json_loads(config, 0, NULL);
    Pretokenizer *p = pretokenizer_open(j, only_oniguruma, "t.json", &e);
    if (!p || !pretokenize(p, text, strlen(text), &w, &e)) fail_msg("%s: %s", config, e.text);
    buf[0] = 0;
    for (size_t i = 0; i < w.pieces.n; i++) {
        const Span s = w.pieces.span[i];
        snprintf(buf + strlen(buf), size - strlen(buf), "%s%.*s", i ? "|" : "", (int)(s.end - s.begin),
                 w.text + s.begin);
    }
    pretokenize_work_free(&w);
    pretokenizer_close(p);
    json_decref(j);
}

static void pieces_follow_the_behavior(void **state)
{
    (void)state;
#define DIGITS(individual)                                                                                             \
    "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Digits\", \"individual_digits\": " individual           \
    "}, " BYTE_LEVEL "]}"
    static const struct {
        const char *config, *text, *pieces;
    } rows[] = {
        { SPLIT_AS("{\"String\": \"-\"}", "Isolated", "false"), "-a--b-", "-|a|-|-|b|-" },
        { SPLIT_AS("{\"String\": \"-\"}", "Removed", "false"), "-a--b-", "a|b" },
        { SPLIT_AS("{\"String\": \"-\"}", "Contiguous", "false"), "-a--b-", "-|a|--|b|-" },
        { SPLIT_AS("{\"String\": \"-\"}", "MergedWithPrevious", "false"), "-a--b-", "-|a-|-|b-" },
        { SPLIT_AS("{\"String\": \"-\"}", "MergedWithNext", "false"), "-a--b-", "-a|-|-b|-" },
        { SPLIT_AS("{\"Regex\": \"[a-z]+\"}", "Removed", "true"), "-a--b-", "a|b" },
        { SPLIT_AS("{\"Regex\": \"[a-z]+\"}", "Isolated", "true"), "-a--b-", "-|a|--|b|-" },
        { SPLIT_AS("{\"String\": \".*\"}", "Isolated", "false"), "a.*b..*", "a|.*|b.|.*" },
        { SPLIT_AS("{\"Regex\": \"x*\"}", "Isolated", "false"), "axxb", "a|xx|b" },
        { SPLIT_AS("{\"Regex\": \"x*\"}", "MergedWithNext", "false"), "axxb", "a|xxb" },
        { SPLIT_AS("{\"Regex\": \"(?=b)\"}", "Isolated", "false"), "abab", "a|ba|b" }, /* Oniguruma: a lookahead */
        { SPLIT_AS("{\"Regex\": \"a{2}\"}", "Isolated", "false"), "aaaaa", "aa|aa|a" },
        { SPLIT_AS("{\"Regex\": \"a{2,}\"}", "Isolated", "false"), "abaaa", "ab|aaa" },
        { SPLIT_AS("{\"Regex\": \"a+?\"}", "Isolated", "false"), "aab", "a|a|b" }, /* Oniguruma: lazy */
        { SPLIT_AS("{\"Regex\": \"\\\\P{L}+\"}", "Isolated", "false"), "ab12", "ab|12" },
        { SPLIT_AS("{\"Regex\": \"[^\\\\p{^L}]+\"}", "Isolated", "false"), "ab12",
          "ab|12" }, /* Oniguruma: two negations */
        { SPLIT_AS("{\"Regex\": \"a$\"}", "Isolated", "false"), "aa\na", "a|a|\n|a" },
        { DIGITS("true"), "a12\u0663b", "a|1|2|\u0663|b" },
        { DIGITS("false"), "a12\u0663b", "a|12\u0663|b" },
        { "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"use_regex\": true}", "it's 42 up",
          " it|'s| 42| up" },
        { "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"use_regex\": true}", " it", " it" },
        { SPLIT_AS("{\"String\": \"-\"}", "MergedWithPrevious", "true"), "-a--b-", "-a|-|-b|-" },
        { SPLIT_AS("{\"String\": \"-\"}", "MergedWithNext", "true"), "-a--b-", "-|a-|-|b-" },
        { SPLIT_AS("{\"Regex\": \"x*\"}", "MergedWithPrevious", "false"), "axxb", "axx|b" },
        { SPLIT("{\"String\": \"#(a) [b]&&c~\"}"), "x#(a) [b]&&c~y", "x|#(a) [b]&&c~|y" },
        { "{\"type\": \"ByteLevel\"}", "a", " a" },
        { "{\"type\": \"ByteLevel\"}", "", "" },
    };
#undef DIGITS
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char ours[256], oniguruma[256];
        show_pieces(rows[i].config, false, rows[i].text, ours, sizeof ours);
        show_pieces(rows[i].config, true, rows[i].text, oniguruma, sizeof oniguruma);
        if (strcmp(ours, rows[i].pieces) != 0)
            fail_msg("\"%s\", expected \"%s\" from %s", ours, rows[i].pieces, rows[i].config);
        if (strcmp(oniguruma, rows[i].pieces) != 0) fail_msg("Oniguruma: \"%s\" from %s", oniguruma, rows[i].config);
    }
}

/* --- The processor's tokens -------------------------------------------------------------------------------------- */

static void processor_tokens_are_added_where_missing(void **state)
{
    (void)state;
    Error e;
    Str json = { 0 };
    size_t n;
    write_file(&(File){ .added = "[{\"id\": 20, \"content\": \"<|det|>\", \"special\": true}]",
                        .vocab = "{\"a\": 0, \"b\": 1, \"ab\": 3, \"<|User|>\": 7, \"c\": 2, \"bc\": 4, \"abc\": 5}" },
               &json);
    Tokenizer *t = tokenizer_open(json.text, json.n, "<pad>", "t.json", &e);
    if (!t) fail_msg("%s", e.text);
    const SpecialIds *s = tokenizer_special(t);
    assert_int_equal(s->pad, 21);
    assert_int_equal(s->image, 22);
    assert_int_equal(s->ref, 23);
    assert_int_equal(s->ref_end, 24);
    assert_int_equal(s->det, 20);
    assert_int_equal(s->det_end, 25);
    assert_int_equal(s->grounding, 26);
    assert_int_equal(s->user, 7);
    assert_int_equal(s->assistant, 27);
    assert_int_equal(tokenizer_count(t), 28);
    assert_true(tokenizer_is_special(t, 7));
    assert_false(tokenizer_is_special(t, 0));
    assert_null(tokenizer_bytes(t, 6, &n)); /* a hole */
    assert_null(tokenizer_bytes(t, 28, &n));
    assert_null(tokenizer_bytes(t, -1, &n));
    assert_int_equal(tokenizer_find(t, "<pad>"), 21);
    assert_int_equal(tokenizer_find(t, "abc"), 5);
    assert_int_equal(tokenizer_find(t, "nope"), -1);
    assert_int_equal(s->bos, -1);
    assert_true(tokenizer_set_ends(t, NULL, "<pad>", "c.json", &e));
    assert_int_equal(s->bos, -1);
    assert_int_equal(s->eos, 21);
    assert_false(tokenizer_set_ends(t, "<s>", "<pad>", "c.json", &e));
    assert_string_equal(e.text, "c.json: bos_token is \"<s>\", which is not a token of the tokenizer");
    tokenizer_close(t);
    str_free(&json);
}

static void processor_tokens_without_an_id_left_are_an_error(void **state)
{
    (void)state;
    Error e;
    Str json = { 0 };
    write_file(&(File){ .added = "[{\"id\": 4194303, \"content\": \"<x>\"}]" }, &json);
    assert_null(tokenizer_open(json.text, json.n, NULL, "t.json", &e));
    if (!strstr(e.text, "no id is left for \"<｜▁pad▁｜>\"")) fail_msg("%s", e.text);
    str_free(&json);
}

TEST_MAIN(TEST(wrong_files_are_named), TEST(texts_that_are_no_tokenizer_are_refused),
          TEST(every_cut_of_a_file_is_refused), TEST(errors_keep_their_line), TEST(a_text_that_is_not_utf8_is_refused),
          TEST(a_pattern_that_goes_back_for_ever_gives_up), TEST(a_long_run_of_blanks_is_cut_quickly),
          TEST(merges_go_by_rank_and_from_the_left), TEST(a_long_piece_is_encoded_quickly),
          TEST(added_tokens_match_as_the_library_does), TEST(a_single_word_stands_alone),
          TEST(pieces_follow_the_behavior), TEST(processor_tokens_are_added_where_missing),
          TEST(processor_tokens_without_an_id_left_are_an_error))
