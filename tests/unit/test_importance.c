/* test_importance.c - what calibration found is kept in a file and found again; other files are refused. */
#include <math.h>

#include "format/importance.h"
#include "format/safetensors.h"
#include "support.h"
#include "temp_folder.h"

static void saved_vectors_are_found_again(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "m.weight", "z.weight", "a.weight", "layers.10.weight", "layers.9.weight" };
    enum { N = sizeof NAMES / sizeof *NAMES };
    TempFolder s = temp_open();
    Error e;
    Importance *m = importance_new();
    for (int i = 0; i < N; i++) importance_put(m, NAMES[i], (const float[]){ (float)i, 0.5f, 7 }, 1 + i % 3);
    if (!importance_save(m, temp_path(&s, "i.safetensors"), &e)) fail_msg("%s", e.text);
    importance_free(m);
    m = importance_load(temp_path(&s, "i.safetensors"), &e);
    if (!m) fail_msg("%s", e.text);
    assert_int_equal(importance_count(m), N);
    for (int i = 0; i < N; i++) {
        const float *v = importance_find(m, NAMES[i], 1 + i % 3);
        assert_non_null(v);
        assert_true(v[0] == (float)i && (i % 3 < 1 || v[1] == 0.5f) && (i % 3 < 2 || v[2] == 7));
        assert_null(importance_find(m, NAMES[i], 2 + i % 3)); /* of another length: not for this tensor */
    }
    assert_null(importance_find(m, "b.weight", 1));
    importance_free(m);
    temp_close(&s);
}

static void refused(const TensorSpec *spec, const void *bytes, size_t n, const char *expected)
{
    TempFolder s = temp_open();
    Error e;
    TensorWriter *w = tensor_writer_open(temp_path(&s, "i.safetensors"), spec, 1, &e);
    assert_non_null(w);
    assert_true(tensor_writer_add(w, bytes, n, &e) && tensor_writer_commit(w, &e));
    assert_null(importance_load(temp_path(&s, "i.safetensors"), &e));
    assert_int_equal(e.code, ERR_FORMAT);
    if (!strstr(e.text, expected)) fail_msg("'%s' does not say '%s'", e.text, expected);
    temp_close(&s);
}

static void files_that_are_no_importance_are_refused(void **state)
{
    (void)state;
    const float bad[][2] = { { 1, -1 }, { 1, NAN }, { 1, INFINITY } };
    const TensorSpec vector = { .name = "w", .dtype = DT_F32, .n_dims = 1, .dim = { 2 } };
    const TensorSpec matrix = { .name = "w", .dtype = DT_F32, .n_dims = 2, .dim = { 1, 2 } };
    const TensorSpec half = { .name = "w", .dtype = DT_BF16, .n_dims = 1, .dim = { 4 } };
    const TensorSpec empty = { .name = "w", .dtype = DT_F32, .n_dims = 1, .dim = { 0 } };
    for (int i = 0; i < 3; i++) refused(&vector, bad[i], sizeof bad[i], "i.safetensors: w[1] is ");
    refused(&matrix, bad[0], sizeof bad[0], "w is F32 in 2 dimensions with 2 elements, expected a vector of F32");
    refused(&half, bad[0], sizeof bad[0], "w is BF16");
    refused(&empty, bad[0], 0, "with 0 elements");
    Error e;
    assert_null(importance_load("/nowhere.safetensors", &e));
}

TEST_MAIN(TEST(saved_vectors_are_found_again), TEST(files_that_are_no_importance_are_refused))
