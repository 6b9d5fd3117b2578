/* test_gguf.c - what is written reads back; what is wrong is refused and named; names go there and back. */
#include "base/str.h"
#include "format/gguf.h"
#include "format/gguf_names.h"
#include "format/gguf_writer.h"
#include "format/model_source.h"

#include "temp_folder.h"
#include "support.h"

/* ---- files, byte by byte ---- */

static void put(Str *s, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) str_putc(s, (char)(v >> (8 * i) & 0xff));
}

static void put_text(Str *s, const char *text)
{
    put(s, strlen(text), 8);
    str_puts(s, text);
}

static void put_head(Str *s, uint32_t version, uint64_t tensors, uint64_t values)
{
    str_puts(s, "GGUF");
    put(s, version, 4);
    put(s, tensors, 8);
    put(s, values, 8);
}

/* One dimension; a type's code as in the file. */
static void put_tensor(Str *s, const char *name, uint64_t elements, uint32_t type, uint64_t offset)
{
    put_text(s, name);
    put(s, 1, 4);
    put(s, elements, 8);
    put(s, type, 4);
    put(s, offset, 8);
}

static void put_data(Str *s, size_t n)
{
    while (s->n % 32) str_putc(s, 0);
    for (size_t i = 0; i < n; i++) str_putc(s, (char)i);
}

enum { F32 = 0, Q4_0 = 2, Q4_K = 12, U8_KIND = 0, U32_KIND = 4, BOOL_KIND = 7, STRING_KIND = 8, ARRAY_KIND = 9 };

static Gguf *open_bytes(Str *bytes, Error *e)
{
    TempFolder s = temp_open();
    temp_write(&s, "x.gguf", bytes->text, bytes->n);
    Gguf *g = gguf_open(temp_path(&s, "x.gguf"), e);
    temp_close(&s);
    return g;
}

/* Opening must fail; the message must name the file and hold `expected`. Frees the bytes. */
static void refused(Str *bytes, const char *expected)
{
    Error e = { 0 };
    Gguf *g = open_bytes(bytes, &e);
    if (g) fail_msg("accepted, expected: %s", expected);
    if (!strstr(e.text, "x.gguf")) fail_msg("\"%s\" does not name the file", e.text);
    if (!strstr(e.text, expected)) fail_msg("\"%s\" does not say \"%s\"", e.text, expected);
    str_free(bytes);
}

static Gguf *accepted(Str *bytes)
{
    Error e = { 0 };
    Gguf *g = open_bytes(bytes, &e);
    if (!g) fail_msg("%s", e.text);
    str_free(bytes);
    return g;
}

/* ---- what is written reads back ---- */

static const TensorSpec SPECS[] = {
    { "matrix", DT_F32, 2, { 2, 3 } },
    { "blocks", DT_Q8_0, 3, { 2, 1, 32 } },
    { "vector", DT_BF16, 1, { 5 } },
};
enum { MATRIX_BYTES = 24, BLOCKS_BYTES = 68, VECTOR_BYTES = 10 };

static void write_three(const char *path, const unsigned char *bytes)
{
    Error e = { 0 };
    GgufMetadata m = { 0 };
    gguf_put_word(&m, "general.architecture", "test");
    gguf_put_u32(&m, "a.number", 77);
    gguf_put_bool(&m, "a.bool", true);
    gguf_put_f32(&m, "a.float", 0.5f);
    gguf_begin_array(&m, "strings", GGUF_STRING, 2);
    gguf_add_string(&m, "one", 3);
    gguf_add_string(&m, "", 0);
    gguf_begin_array(&m, "ids", GGUF_I32, 1);
    gguf_add_i32(&m, -1);
    GgufWriter *w = gguf_writer_open(path, &m, SPECS, 3, &e);
    if (!w) fail_msg("%s", e.text);
    assert_true(gguf_writer_add(w, bytes, 5, &e) && gguf_writer_add(w, bytes + 5, MATRIX_BYTES - 5, &e));
    assert_true(gguf_writer_add(w, bytes, BLOCKS_BYTES, &e) && gguf_writer_add(w, bytes, VECTOR_BYTES, &e));
    assert_int_equal(access(path, F_OK), -1); /* not before it is complete */
    if (!gguf_writer_commit(w, &e)) fail_msg("%s", e.text);
    gguf_metadata_free(&m);
}

static void written_file_reads_back(void **state)
{
    TempFolder s = temp_open();
    unsigned char bytes[BLOCKS_BYTES];
    Error e;
    (void)state;
    for (int i = 0; i < BLOCKS_BYTES; i++) bytes[i] = (unsigned char)(i * 7);
    write_three(temp_path(&s, "x.gguf"), bytes);
    Gguf *g = gguf_open(temp_path(&s, "x.gguf"), &e);
    if (!g) fail_msg("%s", e.text);
    assert_int_equal(gguf_count(g), 3);
    static const size_t n[] = { MATRIX_BYTES, BLOCKS_BYTES, VECTOR_BYTES };
    for (int i = 0; i < 3; i++) {
        const GgufTensor *t = gguf_at(g, i);
        assert_string_equal(t->name, SPECS[i].name);
        assert_int_equal(t->dtype, SPECS[i].dtype);
        assert_int_equal(t->n_dims, SPECS[i].n_dims);
        assert_memory_equal(t->dim, SPECS[i].dim, (size_t)t->n_dims * sizeof *t->dim);
        assert_int_equal(t->bytes, n[i]);
        assert_memory_equal(t->data, bytes, n[i]);
        assert_int_equal((uintptr_t)t->data % 32, 0);
    }
    const char *text = NULL;
    size_t length = 0;
    bool yes = false;
    assert_true(gguf_take_string(g, "general.architecture", &text, &length, &e) && length == 4);
    assert_memory_equal(text, "test", 4);
    assert_true(gguf_take_bool(g, "a.bool", &yes, &e) && yes);
    assert_false(gguf_take_bool(g, "a.number", &yes, &e));
    assert_non_null(strstr(e.text, "a.number is u32, expected a bool"));
    assert_int_equal(gguf_find(g, "strings")->count, 2);
    assert_int_equal(gguf_find(g, "ids")->element, GGUF_I32);
    assert_null(gguf_find(g, "no such key"));
    gguf_close(g);
    temp_close(&s);
}

static void abandoned_file_never_appears(void **state)
{
    TempFolder s = temp_open();
    GgufMetadata m = { 0 };
    Error e;
    (void)state;
    GgufWriter *w = gguf_writer_open(temp_path(&s, "x.gguf"), &m, SPECS, 3, &e);
    assert_true(w && gguf_writer_add(w, "abc", 3, &e));
    gguf_writer_abandon(w);
    assert_int_equal(rmdir(s.folder), 0); /* nothing is left in it */
    assert_null(gguf_writer_open("/nonexistent/x.gguf", &m, SPECS, 3, &e));
    assert_non_null(strstr(e.text, "/nonexistent/x.gguf"));
}

/* ---- bad input ---- */

static void header_that_lies_is_refused(void **state)
{
    Str s = { 0 };
    (void)state;
    str_puts(&s, "GGU");
    refused(&s, "needs 4 bytes where 3 are left");
    str_puts(&s, "GGML0000");
    refused(&s, "not a GGUF file");
    put_head(&s, 1, 0, 0);
    refused(&s, "version 1");
    put_head(&s, 3u << 24, 0, 0);
    refused(&s, "big endian");
    put_head(&s, 3, UINT64_MAX, 0);
    refused(&s, "18446744073709551615 tensors");
    put_head(&s, 3, 0, 1u << 30);
    refused(&s, "1073741824 metadata values");
    put_head(&s, 3, 0, 0);
    str_puts(&s, "more");
    gguf_close(accepted(&s)); /* less than the alignment */
    put_head(&s, 3, 0, 0);
    put_data(&s, 100);
    refused(&s, "bytes after the last tensor");
}

static void metadata_that_lie_are_refused(void **state)
{
    static const struct {
        uint32_t kind, element;
        uint64_t count;
        const char *expected;
    } arrays[] = { { ARRAY_KIND, ARRAY_KIND, 1, "array of arrays" },
                   { ARRAY_KIND, U32_KIND, UINT64_MAX / 2, "more than any memory" },
                   { ARRAY_KIND, U32_KIND, 1000, "needs 4000 bytes" },
                   { ARRAY_KIND, STRING_KIND, UINT64_MAX, "18446744073709551615 strings" },
                   { ARRAY_KIND, 13, 1, "kind 13" },
                   { 99, 0, 0, "kind 99" },
                   { STRING_KIND, 1000, 0, "a string of 1000 bytes" },
                   { BOOL_KIND, 2, 0, "a bool is 2" } };
    (void)state;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        Str s = { 0 };
        put_head(&s, 3, 0, 1);
        put_text(&s, "some.key");
        put(&s, arrays[i].kind, 4);
        put(&s, arrays[i].element, 4);
        put(&s, arrays[i].count, 8);
        refused(&s, arrays[i].expected);
    }
}

static void keys_are_text_and_stand_once(void **state)
{
    Str s = { 0 };
    (void)state;
    put_head(&s, 3, 0, 2);
    for (int i = 0; i < 2; i++) {
        put_text(&s, "twice");
        put(&s, U8_KIND, 4);
        put(&s, 1, 1);
    }
    refused(&s, "the key twice stands twice");
    put_head(&s, 3, 0, 1);
    put_text(&s, "\xff\xfe");
    put(&s, U8_KIND, 4);
    put(&s, 1, 1);
    refused(&s, "not UTF-8");
    put_head(&s, 3, 0, 1);
    put_text(&s, "");
    put_data(&s, 32);
    refused(&s, "a key of 0 bytes");
    put_head(&s, 3, 0, 1);
    put(&s, UINT64_MAX - 3, 8);
    put_data(&s, 32);
    refused(&s, "metadata value 1 of 1: a string of 18446744073709551612 bytes");
}

static void alignment_is_a_power_of_two(void **state)
{
    static const struct {
        uint32_t kind, value;
        const char *expected; /* NULL: accepted */
    } rows[] = { { U32_KIND, 0, "expected a power of two" },
                 { U32_KIND, 24, "expected a power of two" },
                 { U32_KIND, 1u << 31, "expected a power of two" },
                 { U32_KIND, 64, NULL },
                 { 6, 32, "is f32, expected u32" } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Str s = { 0 };
        put_head(&s, 3, 1, 1);
        put_text(&s, "general.alignment");
        put(&s, rows[i].kind, 4);
        put(&s, rows[i].value, 4);
        put_tensor(&s, "t", 4, F32, 0);
        while (s.n % 64) str_putc(&s, 0);
        put_data(&s, 16);
        if (rows[i].expected)
            refused(&s, rows[i].expected);
        else
            gguf_close(accepted(&s));
    }
}

static void tensors_that_lie_are_refused(void **state)
{
    static const struct {
        uint64_t elements, offset;
        uint32_t type;
        const char *expected;
    } rows[] = { { 8, 64, F32, "t: begins at byte 64 of the data, expected 0" },
                 { 8, 1, F32, "begins at byte 1" },
                 { 9, 0, F32, "t: needs 36 bytes" },
                 { 8, 0, 5, "unknown type 5" },
                 { 8, 0, 1000, "unknown type 1000" },
                 { 8, 0, 0x10000 + F32, "unknown type 65536" },
                 { 32, 0, 0x10000 + Q4_0, "Q4_0x16, which needs a multiple of 16 rows" },
                 { 8, 0, Q4_0, "rows of 8 elements, Q4_0 has blocks of 32" },
                 { 0, 0, F32, "a dimension is 0" },
                 { UINT64_MAX, 0, F32, "a dimension is 18446744073709551615" } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Str s = { 0 };
        put_head(&s, 3, 1, 0);
        put_tensor(&s, "t", rows[i].elements, rows[i].type, rows[i].offset);
        put_data(&s, 32);
        refused(&s, rows[i].expected);
    }
}

static void dimensions_are_one_to_four_and_fit(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= 5; n += 5) {
        Str s = { 0 };
        put_head(&s, 3, 1, 0);
        put_text(&s, "t");
        put(&s, n, 4);
        put_data(&s, 96);
        refused(&s, "dimensions, expected 1 to 4");
    }
    Str s = { 0 };
    put_head(&s, 3, 1, 0);
    put_text(&s, "t");
    put(&s, 4, 4);
    for (int i = 0; i < 4; i++) put(&s, (uint64_t)1 << 30, 8);
    put(&s, F32, 4);
    put(&s, 0, 8);
    put_data(&s, 32);
    refused(&s, "t: is more than any memory holds");
}

static void tensors_do_not_overlap_or_share_a_name(void **state)
{
    Str s = { 0 };
    (void)state;
    put_head(&s, 3, 2, 0);
    put_tensor(&s, "a", 8, F32, 0);
    put_tensor(&s, "b", 8, F32, 0);
    put_data(&s, 64);
    refused(&s, "b: begins at byte 0 of the data, expected 32");
    put_head(&s, 3, 2, 0);
    put_tensor(&s, "a", 8, F32, 0);
    put_tensor(&s, "a", 8, F32, 32);
    put_data(&s, 64);
    refused(&s, "two tensors are called a");
}

static void every_cut_is_refused(void **state)
{
    TempFolder s = temp_open();
    unsigned char bytes[BLOCKS_BYTES] = { 0 }, whole[1024];
    Error e;
    (void)state;
    write_three(temp_path(&s, "x.gguf"), bytes);
    FILE *f = fopen(temp_path(&s, "x.gguf"), "rb");
    const size_t n = fread(whole, 1, sizeof whole, f);
    fclose(f);
    assert_true(n > 300 && n < sizeof whole);
    for (size_t cut = 0; cut < n - 32 + VECTOR_BYTES; cut++) { /* the last bytes fill up and may be missing */
        temp_write(&s, "cut.gguf", whole, cut);
        Gguf *g = gguf_open(temp_path(&s, "cut.gguf"), &e);
        if (g) fail_msg("%zu of %zu bytes were accepted", cut, n);
    }
    temp_close(&s);
}

static void foreign_types_are_named_when_needed(void **state)
{
    TempFolder s = temp_open();
    Str bytes = { 0 };
    Error e;
    (void)state;
    put_head(&bytes, 3, 1, 0);
    put_tensor(&bytes, "output.weight", 256, Q4_K, 0);
    put_data(&bytes, 144);
    temp_write(&s, "x.gguf", bytes.text, bytes.n);
    str_free(&bytes);
    ModelSource *source = model_source_open(temp_path(&s, "x.gguf"), &e);
    assert_non_null(source);
    assert_null(model_source_tensors(source, &e));
    assert_non_null(strstr(e.text, "x.gguf: output.weight is Q4_K, expected F32"));
    char *text;
    size_t n;
    assert_false(model_source_text(source, "config.json", 100, &text, &n, &e));
    assert_non_null(strstr(e.text, "vl2.config"));
    model_source_close(source);
    temp_close(&s);
}

/* ---- names ---- */

static void names_go_there_and_back(void **state)
{
    static const struct {
        const char *published, *gguf;
        int expert;
    } rows[] = { { "language.model.embed_tokens.weight", "token_embd.weight", -1 },
                 { "language.lm_head.weight", "output.weight", -1 },
                 { "language.model.layers.11.self_attn.q_proj.weight", "blk.11.attn_q.weight", -1 },
                 { "language.model.layers.0.self_attn.kv_a_proj_with_mqa.bias", "blk.0.attn_kv_a_mqa.bias", -1 },
                 { "language.model.layers.2.mlp.gate.weight", "blk.2.ffn_gate_inp.weight", -1 },
                 { "language.model.layers.2.mlp.gate.e_score_correction_bias", "blk.2.exp_probs_b.bias", -1 },
                 { "language.model.layers.2.mlp.gate_proj.weight", "blk.2.ffn_gate.weight", -1 },
                 { "language.model.layers.2.mlp.experts.63.down_proj.weight", "blk.2.ffn_down_exps.weight", 63 },
                 { "vision.pos_embed", "v.position_embd.weight", -1 },
                 { "vision.blocks.26.attn.qkv.bias", "v.blk.26.attn_qkv.bias", -1 },
                 { "vision.attn_pool.mlp.fc1.weight", "v.attn_pool.mlp.fc1.weight", -1 },
                 { "projector.layers.2.weight", "mm.2.weight", -1 },
                 { "projector.layers.weight", "mm.model.fc.weight", -1 },
                 { "view_seperator", "v.view_seperator", -1 } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[TENSOR_NAME_SIZE];
        int expert = -2;
        assert_true(gguf_name_of(rows[i].published, name, &expert));
        assert_string_equal(name, rows[i].gguf);
        assert_int_equal(expert, rows[i].expert);
        assert_true(published_name_of(rows[i].gguf, rows[i].expert, name));
        assert_string_equal(name, rows[i].published);
        assert_int_equal(gguf_name_is_merged(rows[i].gguf), rows[i].expert >= 0);
    }
}

static void unknown_names_stay_unknown(void **state)
{
    static const char *const names[] = { "",
                                         "language.model.layers.01.input_layernorm.weight",
                                         "language.model.layers..input_layernorm.weight",
                                         "language.model.layers.99999999999.input_layernorm.weight",
                                         "language.model.norm.",
                                         "language.model.normal.weight",
                                         "vision.pos_embed.weight" };
    char name[TENSOR_NAME_SIZE], long_name[300] = "v.attn_pool.";
    int expert;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) assert_false(gguf_name_of(names[i], name, &expert));
    memset(long_name + 12, 'x', 280);
    assert_false(published_name_of(long_name, -1, name));
}

TEST_MAIN(TEST(written_file_reads_back), TEST(abandoned_file_never_appears), TEST(header_that_lies_is_refused),
          TEST(metadata_that_lie_are_refused), TEST(keys_are_text_and_stand_once), TEST(alignment_is_a_power_of_two),
          TEST(tensors_that_lie_are_refused), TEST(dimensions_are_one_to_four_and_fit),
          TEST(tensors_do_not_overlap_or_share_a_name), TEST(every_cut_is_refused),
          TEST(foreign_types_are_named_when_needed), TEST(names_go_there_and_back), TEST(unknown_names_stay_unknown))
