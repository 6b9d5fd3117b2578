/* test_safetensors.c - what is written reads back; what is wrong is named; the golden checkpoints open. */
#include "format/safetensors.h"

#include "support.h"

static void golden_checkpoints_open(void **state)
{
    (void)state;
    static const struct {
        const char *folder;
        int tensors;
    } rows[] = { { "micro-mha", 174 }, { "micro-mla", 178 }, { "micro-mla-noaux", 145 }, { "micro-mha-f32", 128 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e = { 0 };
        TensorFiles *t = tensor_files_open(golden_or_skip(rows[i].folder), &e);
        if (!t) fail_msg("%s", e.text);
        assert_int_equal(tensor_files_count(t), rows[i].tensors);
        const FileTensor *x = tensor_files_find(t, "vision.pos_embed");
        assert_non_null(x);
        assert_int_equal(x->n_dims, 3);
        assert_null(tensor_files_find(t, "vision.pos_embe"));
        tensor_files_close(t);
    }
}

static void written_tensors_read_back(void **state)
{
    (void)state;
    Error e = { 0 };
    const TensorSpec specs[] = { { "b", DT_F32, 2, { 2, 3 } },
                                 { "empty", DT_BF16, 2, { 0, 5 } },
                                 { "a", DT_U8, 1, { 3 } } };
    const float b[6] = { 1, 2, 3, 4, 5, 6 };
    char path[] = "/tmp/vl2-safetensors-XXXXXX";
    close(mkstemp(path));
    TensorWriter *w = tensor_writer_open(path, specs, 3, &e);
    if (!w) fail_msg("%s", e.text);
    assert_true(tensor_writer_add(w, b, 5, &e) && tensor_writer_add(w, (const char *)b + 5, sizeof b - 5, &e));
    assert_true(tensor_writer_add(w, "xyz", 3, &e));
    assert_true(tensor_writer_commit(w, &e));
    TensorFiles *t = tensor_files_open(path, &e);
    if (!t) fail_msg("%s", e.text);
    assert_int_equal(tensor_files_count(t), 3);
    assert_memory_equal(tensor_files_find(t, "b")->data, b, sizeof b);
    assert_memory_equal(tensor_files_find(t, "a")->data, "xyz", 3);
    assert_int_equal(tensor_files_find(t, "empty")->bytes, 0);
    tensor_files_close(t);
    unlink(path);
}

TEST_MAIN(TEST(golden_checkpoints_open), TEST(written_tensors_read_back))
