/* test_fuzz_gguf.c - no bytes whatever make the reader of GGUF, or the model that is bound to one, crash or accept what is not
 * there.
 *
 * LLVMFuzzerTestOneInput() is the property. Build with -DVL2_LIBFUZZER -fsanitize=fuzzer to let libFuzzer drive it. By default
 * a driver changes valid files from a fixed seed: numbers where the layout has numbers, and bytes anywhere. */
#include <fcntl.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/str.h"
#include "format/gguf_writer.h"
#include "model/convert.h"

#include "temp_folder.h"
#include "fuzz_support.h"
#include "support.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* What was accepted can be used: every byte of every value and tensor is there. */
static void use_tensors(const TensorFiles *t)
{
    unsigned sum = 0;
    for (int i = 0; i < tensor_files_count(t); i++) {
        const FileTensor *x = tensor_files_at(t, i);
        size_t bytes = dtype_row_bytes(x->dtype, (size_t)x->dim[x->n_dims - 1]);
        for (int k = 0; k < x->n_dims - 1; k++) bytes *= (size_t)x->dim[k];
        require(bytes == x->bytes);
        for (size_t k = 0; k < x->bytes; k++) sum += x->data[k];
    }
    require(sum <= 255 * tensor_files_bytes(t));
}

static bool try_source(const char *path)
{
    Error e = { 0 };
    TensorFiles *t = NULL;
    bool pairs = false;
    ModelSource *s = model_source_open(path, &e);
    if (s && model_source_rotary_pairs(s, &pairs, &e)) t = model_source_tensors(s, &e);
    const bool accepted = t != NULL;
    if (accepted)
        use_tensors(t);
    else
        check_error(&e);
    tensor_files_close(t);
    model_source_close(s);
    return accepted;
}

static bool try_model(const char *path)
{
    Error e = { 0 };
    Model m;
    const bool accepted = model_open(&m, path, &e);
    if (!accepted) check_error(&e);
    model_close(&m);
    return accepted;
}

static bool with_file(bool (*try)(const char *path), const void *bytes, size_t n)
{
    const int fd = memfd_create("fuzz", 0);
    char path[32];
    require(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const bool accepted = try(path);
    close(fd);
    return accepted;
}

/* The reader alone: the bytes have their beginning from here, so that not each of them fails at once. */
static bool try_bytes(const void *bytes, size_t n)
{
    Str s = { 0 };
    str_puts(&s, "GGUF");
    str_add(&s, bytes, n);
    const bool accepted = with_file(try_source, s.text, s.n);
    str_free(&s);
    return accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    try_bytes(bytes, n);
    return 0;
}

#ifndef VL2_LIBFUZZER

static const double MAX_SECONDS = 3; /* of one test; VL2_FUZZ_ROUNDS multiplies it */

/* Numbers at which lengths and products break. */
static const uint64_t NUMBERS[] = { 0,          1,          2,          3,         8,          9,
                                    12,         31,         32,         33,        64,         255,
                                    65535,      65536,      1u << 20,   INT32_MAX, 1u << 31,   UINT32_MAX,
                                    1ull << 32, 1ull << 40, 1ull << 59, INT64_MAX, 1ull << 63, UINT64_MAX };

/* Changes bytes of [begin, end): a bit, or a number of four or eight bytes. */
static void change(Str *s, size_t begin, size_t end, Rng *r)
{
    const size_t at = begin + rng_next(r) % (end - begin), left = end - at, size = rng_next(r) % 2 ? 4 : 8;
    const uint64_t v = NUMBERS[rng_next(r) % (sizeof NUMBERS / sizeof *NUMBERS)];
    if (rng_next(r) % 2)
        s->text[at] ^= (char)(1u << rng_next(r) % 8);
    else
        memcpy(s->text + at, &v, size < left ? size : left);
}

static void run(bool (*try)(const void *bytes, size_t n), const char *bytes, size_t n, size_t head, int changes)
{
    Rng r = { .seed = 20251122u };
    Str s = { 0 };
    const double start = clock_now(), longest = MAX_SECONDS * fuzz_rounds();
    int done = 0, accepted = 0;
    assert_true(try(bytes, n)); /* as it is */
    for (; done < changes * fuzz_rounds() && clock_now() - start < longest; done++) {
        str_clear(&s);
        str_add(&s, bytes, n);
        for (int i = 1 + (int)(rng_next(&r) % 2); i > 0; i--) change(&s, 0, head, &r);
        if (rng_next(&r) % 16 == 0) s.n = rng_next(&r) % s.n;
        accepted += try(s.text, s.n);
    }
    printf("# %d changes, %d still valid, in %.1f s\n", done, accepted, clock_now() - start);
    assert_true(done > accepted && accepted > 0);
    str_free(&s);
}

static char *read_whole(const char *path, size_t *n)
{
    char *bytes;
    Error e;
    if (!file_read(path, 64 << 20, &bytes, n, &e)) fail_msg("%s", e.text);
    return bytes;
}

static void changed_files_never_crash(void **state)
{
    static const TensorSpec specs[] = { { "blk.0.ffn_up_exps.weight", DT_Q4_0, 3, { 2, 2, 32 } },
                                        { "token_embd.weight", DT_BF16, 2, { 3, 2 } },
                                        { "v.image_newline", DT_F32, 1, { 4 } } };
    TempFolder s = temp_open();
    GgufMetadata m = { 0 };
    unsigned char data[72] = { 0 };
    Error e;
    size_t n;
    (void)state;
    gguf_put_word(&m, "general.architecture", "deepseek");
    gguf_put_u32(&m, "general.alignment", 32);
    gguf_put_bool(&m, GGUF_ROTARY_PAIRS_KEY, true);
    gguf_begin_array(&m, "tokens", GGUF_STRING, 2);
    gguf_add_string(&m, "a", 1);
    gguf_add_string(&m, "bc", 2);
    GgufWriter *w = gguf_writer_open(temp_path(&s, "x.gguf"), &m, specs, 3, &e);
    if (!w || !gguf_writer_add(w, data, 72, &e) || !gguf_writer_add(w, data, 12, &e) ||
        !gguf_writer_add(w, data, 16, &e) || !gguf_writer_commit(w, &e))
        fail_msg("%s", e.text);
    char *bytes = read_whole(temp_path(&s, "x.gguf"), &n);
    run(try_bytes, bytes + 4, n - 4, n - 4, 20000);
    free(bytes);
    gguf_metadata_free(&m);
    temp_close(&s);
}

static bool try_model_bytes(const void *bytes, size_t n)
{
    return with_file(try_model, bytes, n);
}

/* A whole model: what stands before its data is changed. */
static void changed_models_never_crash(void **state)
{
    TempFolder s = temp_open();
    Model m;
    ConvertOptions o = { .to = CONVERT_GGUF, .types = WEIGHT_PRESETS[1].types };
    ConvertPlan plan;
    Error e;
    size_t n;
    Pool *pool = pool_open(1, &e);
    (void)state;
    if (!model_open(&m, golden_or_skip("micro-mla-noaux"), &e) || !convert_plan(&plan, &m, &o, &e) ||
        !convert_run(&plan, &m, &o, temp_path(&s, "m.gguf"), pool, NULL, &e))
        fail_msg("%s", e.text);
    char *bytes = read_whole(temp_path(&s, "m.gguf"), &n);
    run(try_model_bytes, bytes, n, n - plan.bytes, 400);
    free(bytes);
    convert_plan_free(&plan);
    model_close(&m);
    pool_close(pool);
    temp_close(&s);
}

TEST_MAIN(TEST(changed_files_never_crash), TEST(changed_models_never_crash))

#endif
