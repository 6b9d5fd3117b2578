/* test_safetensors.c - what is written reads back; what is wrong is refused and named; the golden checkpoints open. */
#include "base/clock.h"
#include "base/str.h"
#include "format/safetensors.h"

#include "temp_folder.h"
#include "support.h"

static void put_u64(Str *s, uint64_t v)
{
    for (int i = 0; i < 8; i++) str_putc(s, (char)(v >> (8 * i) & 0xff));
}

/* A file: the header as given, then `n_data` bytes 0, 1, 2, ... */
static Str file_of(const char *header, size_t n_data)
{
    Str s = { 0 };
    put_u64(&s, strlen(header));
    str_puts(&s, header);
    for (size_t i = 0; i < n_data; i++) str_putc(&s, (char)i);
    return s;
}

/* Opening must fail; the message must name the file and hold `expected`. */
static void refused(const char *path, const char *file, const char *expected)
{
    Error e = { 0 };
    TensorFiles *t = tensor_files_open(path, &e);
    if (t) fail_msg("%s was accepted, expected: %s", path, expected);
    if (!strstr(e.text, file)) fail_msg("\"%s\" does not name %s", e.text, file);
    if (!strstr(e.text, expected)) fail_msg("\"%s\" does not say \"%s\"", e.text, expected);
}

static void refused_bytes(const Str *bytes, const char *expected)
{
    TempFolder s = temp_open();
    temp_write(&s, "x.safetensors", bytes->text, bytes->n);
    refused(temp_path(&s, "x.safetensors"), "x.safetensors", expected);
    temp_close(&s);
}

static TensorFiles *opened(const char *path)
{
    Error e = { 0 };
    TensorFiles *t = tensor_files_open(path, &e);
    if (!t) fail_msg("%s", e.text);
    return t;
}

static void golden_checkpoints_open(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *needs;
        int tensors;
    } rows[] = {
        { "micro-mha", "micro-mha/model.safetensors", 174 },
        { "micro-mla", "micro-mla/model.safetensors.index.json", 178 },
        { "micro-mla-noaux", "micro-mla-noaux/model.safetensors", 145 },
        { "micro-mha-f32", "micro-mha-f32/model.safetensors", 128 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        golden_or_skip(rows[i].needs);
        TensorFiles *t = opened(golden_path(rows[i].folder));
        assert_int_equal(tensor_files_count(t), rows[i].tensors);
        const FileTensor *x = tensor_files_find(t, "vision.pos_embed");
        assert_non_null(x);
        assert_int_equal(x->n_dims, 3);
        assert_int_equal(x->bytes, (size_t)(x->dim[1] * x->dim[2]) * dtype_bytes(x->dtype));
        assert_null(tensor_files_find(t, "vision.pos_embe"));
        for (int k = 1; k < tensor_files_count(t); k++)
            assert_true(strcmp(tensor_files_at(t, k - 1)->name, tensor_files_at(t, k)->name) < 0);
        tensor_files_close(t);
    }
}

static const TensorSpec THREE[] = {
    { "b.\"quoted\"\xc3\xa9", DT_F32, 2, { 2, 3 } },
    { "empty", DT_BF16, 2, { 0, 5 } },
    { "a", DT_U8, 1, { 3 } },
    { "scalar", DT_I64, 0, { 0 } },
};
static const float SIX[6] = { 1, -2, 3, 4, 5, 6 };

static void write_three(const char *path)
{
    Error e = { 0 };
    const int64_t seven = 7;
    TensorWriter *w = tensor_writer_open(path, THREE, 4, &e);
    if (!w) fail_msg("%s", e.text);
    assert_true(tensor_writer_add(w, SIX, 5, &e) && tensor_writer_add(w, (const char *)SIX + 5, sizeof SIX - 5, &e));
    assert_true(tensor_writer_add(w, "xyz", 3, &e) && tensor_writer_add(w, &seven, 8, &e));
    if (!tensor_writer_commit(w, &e)) fail_msg("%s", e.text);
}

static void written_tensors_read_back(void **state)
{
    (void)state;
    TempFolder s = temp_open();
    write_three(temp_path(&s, "x.safetensors"));
    TensorFiles *t = opened(temp_path(&s, "x.safetensors"));
    assert_int_equal(tensor_files_count(t), 4);
    const FileTensor *b = tensor_files_find(t, THREE[0].name);
    assert_non_null(b);
    assert_string_equal(b->file, "x.safetensors");
    assert_int_equal(b->dtype, DT_F32);
    assert_true(b->n_dims == 2 && b->dim[0] == 2 && b->dim[1] == 3);
    assert_memory_equal(b->data, SIX, sizeof SIX);
    assert_memory_equal(tensor_files_find(t, "a")->data, "xyz", 3);
    assert_int_equal(tensor_files_find(t, "empty")->bytes, 0);
    assert_int_equal(tensor_files_find(t, "scalar")->bytes, 8);
    assert_int_equal(tensor_files_find(t, "scalar")->data[0], 7);
    struct stat st;
    assert_int_equal(stat(temp_path(&s, "x.safetensors"), &st), 0);
    assert_int_equal(tensor_files_bytes(t), st.st_size);
    tensor_files_close(t);
    temp_close(&s);
}

static void data_begin_at_a_multiple_of_8(void **state)
{
    (void)state;
    TempFolder s = temp_open();
    write_three(temp_path(&s, "x.safetensors"));
    unsigned char length[8];
    FILE *f = fopen(temp_path(&s, "x.safetensors"), "rb");
    assert_non_null(f);
    assert_int_equal(fread(length, 1, 8, f), 8);
    assert_int_equal(length[0] % 8, 0);
    fclose(f);
    temp_close(&s);
}

static void unfinished_file_never_appears(void **state)
{
    (void)state;
    Error e = { 0 };
    TempFolder s = temp_open();
    const char *const path = temp_path(&s, "x.safetensors");
    TensorWriter *w = tensor_writer_open(path, THREE, 4, &e);
    assert_non_null(w);
    assert_true(tensor_writer_add(w, SIX, sizeof SIX, &e));
    assert_false(tensor_writer_commit(w, &e)); /* "a" and "scalar" are missing */
    assert_non_null(strstr(e.text, "24 bytes of data written, its header says 35"));
    w = tensor_writer_open(path, THREE, 4, &e);
    assert_non_null(w);
    tensor_writer_abandon(w);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rmdir(s.folder), 0); /* nothing was left behind */
}

static void writer_refuses_bad_specs(void **state)
{
    (void)state;
    static const struct {
        TensorSpec specs[2];
        const char *expected;
    } rows[] = {
        { { { "a", DT_U8, 1, { 1 } }, { "a", DT_U8, 1, { 1 } } }, "two tensors are called a" },
        { { { "a", DT_U8, 1, { 1 } }, { "\xff", DT_U8, 1, { 1 } } }, "not UTF-8" },
        { { { "a", DT_U8, 1, { 1 } }, { "b", DT_F32, 3, { 1 << 30, 1 << 30, 1 << 30 } } }, "b is too large" },
    };
    TempFolder s = temp_open();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e = { 0 };
        assert_null(tensor_writer_open(temp_path(&s, "x.safetensors"), rows[i].specs, 2, &e));
        if (!strstr(e.text, rows[i].expected)) fail_msg("\"%s\" does not say \"%s\"", e.text, rows[i].expected);
    }
    temp_close(&s);
}

#define A                          "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}"
#define ENTRY(dtype, shape, range) "{\"x\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" range "}}"

static void rejects_bad_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *expected;
    } rows[] = {
        { "", 0, "does not begin with '{'" },
        { "[]", 0, "does not begin with '{'" },
        { " {}", 0, "does not begin with '{'" },
        { "{", 0, "not valid JSON" },
        { "{}}", 0, "not valid JSON" },
        { "{\"a\":1,}", 0, "not valid JSON" },
        { "{\"\xff\":1}", 0, "not valid JSON" },
        { "{\"a\\u0000b\":1}", 0, "not valid JSON" },
        { "{" A "," A "}", 4, "duplicate" },
        { "{\"a\":7}", 0, "a is an integer, expected an object" },
        { "{\"__metadata__\":[]," A "}", 4, "__metadata__ is an array" },
        { "{\"__metadata__\":{\"k\":1}," A "}", 4, "\"k\" is an integer, expected a string" },
        { ENTRY("\"U8\"", "[4]", "[0,3]"), 3, "U8 [4] needs 4 bytes, its offsets give 3" },
        { ENTRY("\"U8\"", "[4]", "[0,5]"), 5, "U8 [4] needs 4 bytes, its offsets give 5" },
        { ENTRY("\"BF16\"", "[2,2]", "[0,4]"), 4, "BF16 [2, 2] needs 8 bytes" },
        { ENTRY("\"U8\"", "[4]", "[4,0]"), 4, "begins at byte 4 after its end at 0" },
        { ENTRY("\"U8\"", "[4]", "[0,4]"), 3, "x: ends at byte 4 of the data, but the file holds only 3" },
        { ENTRY("\"U8\"", "[4]", "[-4,0]"), 4, "holds -4, expected 0 to" },
        { ENTRY("\"U8\"", "[-4]", "[0,4]"), 4, "\"shape\" holds -4" },
        { ENTRY("\"U8\"", "[4.0]", "[0,4]"), 4, "\"shape\" holds a number with a fraction" },
        { ENTRY("\"U8\"", "[\"4\"]", "[0,4]"), 4, "\"shape\" holds a string" },
        { ENTRY("\"U8\"", "[4]", "[0,4.5]"), 4, "\"data_offsets\" holds a number with a fraction" },
        { ENTRY("\"U8\"", "[4]", "[0,99999999999999999999]"), 4, "not valid JSON" },
        { ENTRY("\"U8\"", "[4]", "[0,1e999]"), 4, "not valid JSON" },
        { ENTRY("\"U8\"", "[4]", "[0]"), 4, "\"data_offsets\" has 1 numbers, expected 2" },
        { ENTRY("\"U8\"", "[4]", "[0,4,4]"), 4, "\"data_offsets\" has 3 numbers" },
        { ENTRY("\"U8\"", "4", "[0,4]"), 4, "\"shape\" is an integer, expected an array" },
        { ENTRY("\"U8\"", "[1,1,1,1,1,1,1,1,4]", "[0,4]"), 4, "\"shape\" has 9 numbers, expected at most 8" },
        { ENTRY("\"U8\"", "[1099511627776,1099511627776]", "[0,4]"), 4, "more than any memory holds" },
        { ENTRY("\"F64\"", "[1099511627776,2097152]", "[0,0]"), 0, "more than any memory holds" },
        { ENTRY("\"U8\"", "[9223372036854775807]", "[0,4]"), 4, "\"shape\" holds 9223372036854775807" },
        { ENTRY("\"F8_E4M3\"", "[4]", "[0,4]"), 4, "dtype is \"F8_E4M3\", expected one of F32, BF16" },
        { ENTRY("1", "[4]", "[0,4]"), 4, "\"dtype\" is an integer, expected a string" },
        { ENTRY("null", "[4]", "[0,4]"), 4, "x: no \"dtype\"" },
        { "{\"x\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", 4, "x: no \"shape\"" },
        { "{\"x\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, "x: no \"data_offsets\"" },
        { "{" A ",\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[3,7]}}", 7, "a and b overlap by 1 bytes" },
        { "{" A ",\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "overlap by 4 bytes" },
        { "{" A ",\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[5,9]}}", 9,
          "1 bytes before b belong to no tensor" },
        { "{\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}", 6, "2 bytes before b" },
        { "{" A "}", 7, "3 bytes after the last tensor" },
        { "{}", 1, "1 bytes after the last tensor" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Str s = file_of(rows[i].header, rows[i].data);
        refused_bytes(&s, rows[i].expected);
        str_free(&s);
    }
}

static void accepts_what_the_format_allows(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        int tensors;
    } rows[] = {
        { "{}", 0, 0 },
        { "{\"__metadata__\":{\"format\":\"pt\"}}   ", 0, 0 },
        { "{" A "}", 4, 1 },
        { "{\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8],\"note\":1}," A "}", 8, 2 }, /* any order */
        { "{" A ",\"z\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[4,4]}}", 4, 2 },
        { "{\"z\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}," A "}", 4, 2 },
        { "{\"u\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[1,3]},"
          "\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
          3, 2 }, /* no alignment is promised */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        TempFolder s = temp_open();
        Str bytes = file_of(rows[i].header, rows[i].data);
        temp_write(&s, "x.safetensors", bytes.text, bytes.n);
        TensorFiles *t = opened(temp_path(&s, "x.safetensors"));
        assert_int_equal(tensor_files_count(t), rows[i].tensors);
        tensor_files_close(t);
        str_free(&bytes);
        temp_close(&s);
    }
}

static void rejects_bad_header_lengths(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        const char *expected;
    } rows[] = {
        { 0, "does not begin with '{'" },
        { 3, "header has 3 bytes, but only 2 follow" },
        { 100000001, "expected at most 100000000" },
        { (uint64_t)1 << 63, "header has 9223372036854775808 bytes, expected at most" },
        { UINT64_MAX, "header has 18446744073709551615 bytes, expected at most" },
        { UINT64_MAX - 7, "expected at most" }, /* 8 + length wraps to 0 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Str s = { 0 };
        put_u64(&s, rows[i].length);
        str_puts(&s, "{}");
        refused_bytes(&s, rows[i].expected);
        str_free(&s);
    }
    Str empty = { 0 };
    str_add(&empty, "", 0);
    refused_bytes(&empty, "0 bytes, too short");
    str_add(&empty, "\0\0\0\0\0\0\0", 7);
    refused_bytes(&empty, "7 bytes, too short");
    str_free(&empty);
}

static void rejects_deep_headers(void **state)
{
    (void)state;
    Str header = { 0 };
    str_puts(&header, "{\"x\":");
    for (int i = 0; i < 100000; i++) str_putc(&header, '[');
    Str s = file_of(header.text, 0);
    refused_bytes(&s, "not valid JSON");
    str_free(&s);
    str_free(&header);
}

static void rejects_every_truncation(void **state)
{
    (void)state;
    TempFolder s = temp_open();
    write_three(temp_path(&s, "whole.safetensors"));
    char bytes[4096];
    FILE *f = fopen(temp_path(&s, "whole.safetensors"), "rb");
    assert_non_null(f);
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_true(n > 100 && n < sizeof bytes);
    for (size_t i = 0; i < n; i++) {
        Error e = { 0 };
        temp_write(&s, "cut.safetensors", bytes, i);
        assert_null(tensor_files_open(temp_path(&s, "cut.safetensors"), &e));
        assert_non_null(strstr(e.text, "cut.safetensors"));
    }
    temp_close(&s);
}

/* ---- folders ---- */

#define SHARD1 "model-00001-of-000002.safetensors"
#define SHARD2 "model-00002-of-000002.safetensors"
#define INDEX  "model.safetensors.index.json"

static void write_one(TempFolder *s, const char *file, const char *tensor)
{
    Error e = { 0 };
    const TensorSpec spec = { tensor, DT_U8, 1, { 4 } };
    TensorWriter *w = tensor_writer_open(temp_path(s, file), &spec, 1, &e);
    assert_non_null(w);
    assert_true(tensor_writer_add(w, tensor, 4, &e));
    assert_true(tensor_writer_commit(w, &e));
}

static void shards_read_as_one(void **state)
{
    (void)state;
    TempFolder s = temp_open();
    write_one(&s, SHARD1, "tom.");
    write_one(&s, SHARD2, "ann.");
    static const char index[] =
        "{\"metadata\":{\"total_size\":8},\"weight_map\":{\"tom.\":\"" SHARD1 "\",\"ann.\":\"" SHARD2 "\"}}";
    temp_write(&s, INDEX, index, strlen(index));
    TensorFiles *t = opened(s.folder);
    assert_int_equal(tensor_files_count(t), 2);
    assert_string_equal(tensor_files_at(t, 0)->name, "ann.");
    assert_string_equal(tensor_files_find(t, "ann.")->file, SHARD2);
    assert_memory_equal(tensor_files_find(t, "tom.")->data, "tom.", 4);
    tensor_files_close(t);
    temp_close(&s);
}

static void rejects_bad_indexes(void **state)
{
    (void)state;
    static const struct {
        const char *index, *expected;
    } rows[] = {
        { "", "not valid JSON" },
        { "[1]", "is an array, expected an object" },
        { "{}", "no \"weight_map\"" },
        { "{\"weight_map\":{}}", "no \"weight_map\", or an empty one" },
        { "{\"weight_map\":[]}", "\"weight_map\" is an array" },
        { "{\"weight_map\":{\"a\":1}}", "\"a\" is an integer, expected a file name" },
        { "{\"weight_map\":{\"a\":\"../x.safetensors\"}}", "\"a\" is in \"../x.safetensors\"" },
        { "{\"weight_map\":{\"a\":\"/tmp/x.safetensors\"}}", "\"a\" is in \"/tmp/x.safetensors\"" },
        { "{\"weight_map\":{\"a\":\"sub/x.safetensors\"}}", "\"a\" is in \"sub/x.safetensors\"" },
        { "{\"weight_map\":{\"a\":\"sub\\\\x.safetensors\"}}", "expected the name of a .safetensors file" },
        { "{\"weight_map\":{\"a\":\".safetensors\"}}", "\"a\" is in \".safetensors\"" },
        { "{\"weight_map\":{\"a\":\"\"}}", "\"a\" is in \"\"" },
        { "{\"weight_map\":{\"a\":\"x.bin\"}}", "\"a\" is in \"x.bin\"" },
        { "{\"weight_map\":{\"a\":\"x\\u0000.safetensors\"}}", "expected the name of a .safetensors file" },
        { "{\"weight_map\":{\"tom.\":\"gone.safetensors\"}}", "gone.safetensors: cannot open" },
        { "{\"weight_map\":{\"tom.\":\"folder.safetensors\"}}", "is a directory" },
        { "{\"weight_map\":{\"tom.\":\"" SHARD1 "\",\"bob.\":\"" SHARD1 "\"}}",
          "names bob. in " SHARD1 ", but that file does not hold it" },
        { "{\"weight_map\":{\"tom.\":\"" SHARD1 "\",\"bob.\":\"" SHARD2 "\"}}",
          SHARD2 " holds ann., which the index does not name" },
        { "{\"weight_map\":{\"tom.\":\"" SHARD1 "\",\"ann.\":\"" SHARD1 "\",\"x\":\"" SHARD2 "\"}}",
          SHARD2 " holds ann., which the index names in " SHARD1 },
        { "{\"weight_map\":{\"tom.\":\"" SHARD1 "\",\"tom.\":\"" SHARD2 "\"}}", "duplicate" },
    };
    TempFolder s = temp_open();
    write_one(&s, SHARD1, "tom.");
    write_one(&s, SHARD2, "ann.");
    assert_int_equal(mkdir(temp_path(&s, "folder.safetensors"), 0700), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        temp_write(&s, INDEX, rows[i].index, strlen(rows[i].index));
        refused(s.folder, s.folder, rows[i].expected);
    }
    temp_close(&s);
}

static void rejects_a_tensor_in_two_shards(void **state)
{
    (void)state;
    TempFolder s = temp_open();
    write_one(&s, SHARD1, "tom.");
    write_one(&s, SHARD2, "tom.");
    const char *index = "{\"weight_map\":{\"tom.\":\"" SHARD1 "\",\"ann.\":\"" SHARD2 "\"}}";
    temp_write(&s, INDEX, index, strlen(index));
    refused(s.folder, INDEX, SHARD2 " holds tom., which the index names in " SHARD1);
    temp_close(&s);
}

static void folders_without_index(void **state)
{
    (void)state;
    TempFolder s = temp_open();
    refused(s.folder, s.folder, "holds no model.safetensors.index.json and no .safetensors file");
    refused(temp_path(&s, "nowhere"), "nowhere", "cannot open");
    refused("/dev/zero", "/dev/zero", "is a device or pipe, expected a regular file");
    write_one(&s, "model-00001-of-000001.safetensors", "tom."); /* the published tiny: six digits */
    tensor_files_close(opened(s.folder));
    write_one(&s, "other.safetensors", "tom.");
    refused(s.folder, s.folder, "holds 2 .safetensors files, but no model.safetensors.index.json");
    write_one(&s, "model.safetensors", "ann.");
    TensorFiles *t = opened(s.folder);
    assert_non_null(tensor_files_find(t, "ann."));
    tensor_files_close(t);
    temp_close(&s);
}

/* Quadratic work on this many would take minutes. */
static void many_tensors_open_fast(void **state)
{
    (void)state;
    enum { MANY = 50000 };
    TempFolder s = temp_open();
    Str header = { 0 };
    for (int i = 0; i < MANY; i++)
        str_printf(&header, "%c\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}", i ? ',' : '{', i,
                   MANY - 1 - i, MANY - i);
    str_putc(&header, '}');
    Str bytes = file_of(header.text, MANY);
    temp_write(&s, "x.safetensors", bytes.text, bytes.n);
    const double start = clock_now();
    TensorFiles *t = opened(temp_path(&s, "x.safetensors"));
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "t%d", i);
        const FileTensor *x = tensor_files_find(t, name);
        assert_true(x && x->data[0] == (unsigned char)(MANY - 1 - i));
    }
    assert_within("seconds to open and look up 50000 tensors", clock_now() - start, 20);
    tensor_files_close(t);
    str_free(&bytes);
    str_free(&header);
    temp_close(&s);
}

TEST_MAIN(TEST(golden_checkpoints_open), TEST(written_tensors_read_back), TEST(data_begin_at_a_multiple_of_8),
          TEST(unfinished_file_never_appears), TEST(writer_refuses_bad_specs), TEST(rejects_bad_headers),
          TEST(accepts_what_the_format_allows), TEST(rejects_bad_header_lengths), TEST(rejects_deep_headers),
          TEST(rejects_every_truncation), TEST(shards_read_as_one), TEST(rejects_bad_indexes),
          TEST(rejects_a_tensor_in_two_shards), TEST(folders_without_index), TEST(many_tensors_open_fast))
