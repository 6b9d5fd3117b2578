/* golden_model.h - for tests that hold the engine against the reference data: a micro model's case.json, its conversations as
 * prompts for the engine, its expected tensors. */
#ifndef VL2_TESTS_GOLDEN_MODEL_H
#define VL2_TESTS_GOLDEN_MODEL_H

#include <math.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/trace.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "support.h"

/* The two with small tiles first: with the others vision takes ten times as long. */
static const char *const golden_models[] = { "micro-mla-noaux", "micro-mha-f32", "micro-mha", "micro-mla" };
static const char *const golden_conversations[] = { "single", "text", "two", "three", "multi", "system", "prefix" };
enum { N_GOLDEN_MODELS = 4, N_GOLDEN_CONVERSATIONS = 7 };

/* How many of them are enough for a test that goes through all: a sanitizer sees the same code at work in the first two. */
enum { N_TESTED_MODELS = SANITIZED ? 2 : N_GOLDEN_MODELS };

/* "<golden>/<model>/<file>" */
static inline const char *model_file(const char *model, const char *file)
{
    char name[256];
    snprintf(name, sizeof name, "%s%s%s", model, file[0] ? "/" : "", file);
    return golden_or_skip(name);
}

static inline json_t *load_case(const char *model)
{
    Error e;
    json_t *c = json_parse_file(model_file(model, "case.json"), 64 << 20, &e);
    if (!c) fail_msg("%s", e.text);
    return c;
}

/* The instruction set that `make check` asks for, NULL if none; skips where the processor has less. */
static inline const char *tested_cpu(void)
{
    const char *name = getenv("VL2_TEST_CPU");
    CpuLevel level;
    Error e;
    if (name && !cpu_level_find(name, &level, &e)) {
        printf("# skip: %s\n", e.text);
        skip();
    }
    return name;
}

/* The engine for a model; `o` may be NULL. Exact mode. One thread where the test does not say otherwise: the bits are the
 * same (test_same_bits.c), and test programs run side by side. */
static inline Vl2Engine *open_engine(const char *model, const Vl2Options *o)
{
    Vl2Options options = o ? *o : (Vl2Options){ 0 };
    Error e;
    options.model = model_file(model, "");
    if (!options.compute) options.compute = "f32";
    if (!options.cpu) options.cpu = tested_cpu();
    if (!options.threads) options.threads = 1;
    Vl2Engine *engine = vl2_open(&options, &e);
    if (!engine) fail_msg("%s", e.text);
    return engine;
}

/* The messages of a conversation with their pictures read into memory. */
typedef struct {
    Vl2Message message[8];
    Vl2Picture picture[8][8];
    int n;
} Messages;

static inline void load_messages(Messages *m, const json_t *list)
{
    Error e;
    size_t i, k;
    json_t *v, *name;
    memset(m, 0, sizeof *m);
    json_array_foreach(list, i, v)
    {
        Vl2Message *to = &m->message[i];
        to->role = json_string_value(json_object_get(v, "role"));
        to->content = json_string_value(json_object_get(v, "content"));
        to->picture = m->picture[i];
        json_array_foreach(json_object_get(v, "images"), k, name)
        {
            char path[256], *bytes;
            size_t n;
            snprintf(path, sizeof path, "images/%s", json_string_value(name));
            if (!file_read(golden_or_skip(path), 64 << 20, &bytes, &n, &e)) fail_msg("%s", e.text);
            m->picture[i][k] = (Vl2Picture){ .bytes = bytes, .n = n, .name = json_string_value(name) };
            to->n_pictures = (int)k + 1;
        }
        m->n = (int)i + 1;
    }
}

static inline void free_messages(Messages *m)
{
    for (int i = 0; i < m->n; i++)
        for (int k = 0; k < m->message[i].n_pictures; k++) free((void *)(uintptr_t)m->picture[i][k].bytes);
}

static inline Vl2Request *submit(Vl2Engine *engine, const Messages *m, const Vl2Sampling *o)
{
    Error e;
    Vl2Request *r = vl2_submit(engine, &(Vl2Prompt){ .message = m->message, .n_messages = m->n }, o, &e);
    if (!r) fail_msg("%s", e.text);
    return r;
}

static inline void run_to_end(Vl2Request *r)
{
    for (Vl2Event event; vl2_next(r, &event);) {}
}

/* Expected tensors. */
static inline TensorFiles *load_expected(const char *model, const char *file)
{
    Error e;
    TensorFiles *t = tensor_files_open(model_file(model, file), &e);
    if (!t) fail_msg("%s", e.text);
    return t;
}

static inline const FileTensor *want(const TensorFiles *t, const char *name)
{
    const FileTensor *x = tensor_files_find(t, name);
    if (!x) fail_msg("the reference has no tensor %s", name);
    return x;
}

static inline size_t n_elements(const FileTensor *t)
{
    return file_tensor_elements(t);
}

static inline float f32_at(const FileTensor *t, size_t i)
{
    float v;
    assert_int_equal(t->dtype, DT_F32);
    memcpy(&v, t->data + 4 * i, 4);
    return v;
}

static inline int64_t int_at(const FileTensor *t, size_t i)
{
    int64_t wide;
    int32_t narrow;
    if (t->dtype == DT_I64) return memcpy(&wide, t->data + 8 * i, 8), wide;
    assert_int_equal(t->dtype, DT_I32);
    return memcpy(&narrow, t->data + 4 * i, 4), narrow;
}

/* 10 x the error of the reference's own f32 run against f64, at least 2e-5: what another order of summation may cost. */
static inline double bound_of(const json_t *conversation, const char *name)
{
    const json_t *v =
        json_object_get(json_object_get(json_object_get(conversation, "fp32_vs_fp64"), name), "max_abs_err");
    if (!v) fail_msg("the reference states no error for %s", name);
    const double b = 10 * json_number_value(v);
    return b < 2e-5 ? 2e-5 : b;
}

/* A promise that holds of every golden model: the test gets the model's name as its state. */
typedef struct {
    const char *name;
    CMUnitTestFunction function;
} Promise;

static inline int run_promises(const Promise *promise, int n)
{
    static TestList tests;
    for (int i = 0; i < N_TESTED_MODELS * n; i++)
        add_test(&tests, promise[i % n].function, golden_models[i / n], "%s_%s", golden_models[i / n],
                 promise[i % n].name);
    return run_list(&tests);
}

#endif
