/* test_fuzz_format.c - no bytes whatever make the readers of weights, indexes and configs crash or accept what is not
 * there.
 *
 * LLVMFuzzerTestOneInput() is the property; the first byte chooses what the rest is read as. Build with -DVL2_LIBFUZZER
 * -fsanitize=fuzzer to let libFuzzer drive it. By default a driver mutates small valid files from a fixed seed: bytes,
 * and whole JSON values, since most of what can go wrong is a number in the right place. */
#include <fcntl.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "model/config.h"
#include "model/tensor_list.h"

#include "../../tools/model_shapes.h"
#include "temp_folder.h"
#include "fuzz_support.h"
#include "support.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

typedef enum { AS_SAFETENSORS, AS_INDEX, AS_CONFIG, AS_PROCESSOR, KINDS } Kind;

/* What was accepted can be used: every byte of every tensor is there, and the sizes agree. */
static void use_tensors(const TensorFiles *t)
{
    uint64_t total = 0;
    unsigned sum = 0;
    for (int i = 0; i < tensor_files_count(t); i++) {
        const FileTensor *x = tensor_files_at(t, i);
        size_t bytes = dtype_bytes(x->dtype);
        for (int k = 0; k < x->n_dims; k++) bytes *= (size_t)x->dim[k];
        require(bytes == x->bytes);
        require(tensor_files_find(t, x->name) == x);
        for (size_t k = 0; k < x->bytes; k++) sum += x->data[k];
        total += bytes;
    }
    require(total <= tensor_files_bytes(t) && sum <= 255 * total);
}

static bool try_open(const char *path)
{
    Error e = { 0 };
    TensorFiles *t = tensor_files_open(path, &e);
    const bool accepted = t != NULL;
    if (accepted)
        use_tensors(t);
    else
        check_error(&e);
    tensor_files_close(t);
    return accepted;
}

static bool try_safetensors(const uint8_t *bytes, size_t n)
{
    const int fd = memfd_create("fuzz", 0);
    char path[32];
    require(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const bool accepted = try_open(path);
    close(fd);
    return accepted;
}

/* A folder with two good shards; the bytes are its index. */
static bool try_index(const uint8_t *bytes, size_t n)
{
    static const char a[] = "\65\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}xyz";
    static const char b[] = "\65\0\0\0\0\0\0\0{\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}xyz";
    TempFolder s = temp_open();
    temp_write(&s, "a.safetensors", a, sizeof a - 1);
    temp_write(&s, "b.safetensors", b, sizeof b - 1);
    temp_write(&s, "model.safetensors.index.json", bytes, n);
    const bool accepted = try_open(s.folder);
    temp_close(&s);
    return accepted;
}

/* An accepted config makes a list of tensors whose sizes fit in memory's arithmetic. */
static void use_config(const Config *c)
{
    TensorList l;
    Error e;
    require(tensor_list(&l, c, &e));
    require(l.n > 0 && l.n < 1 << 20);
    for (int i = 0; i < l.n; i++)
        for (int k = 0; k < l.tensor[i].n_dims; k++) require(l.tensor[i].dim[k] > 0 && l.tensor[i].dim[k] <= INT32_MAX);
    require(tensor_list_elements(&l, PART_COUNT) < (uint64_t)1 << 56);
    for (int i = 0; i < c->processor.n_candidates; i++) require(c->processor.candidate[i].w > 0);
    tensor_list_free(&l);
}

static bool try_config(Kind kind, const uint8_t *bytes, size_t n)
{
    Error e = { 0 };
    Config c;
    json_t *candidates = candidate_resolutions(384);
    json_t *config = model_shape_config(model_shape_find("micro-mha"));
    json_t *processor = model_shape_processor(candidates, 14, 2), **taken = kind == AS_CONFIG ? &config : &processor;
    json_decref(*taken);
    *taken = json_parse((const char *)bytes, n, "fuzz", &e);
    const bool accepted = *taken && config_from_json(&c, config, "config.json", processor, "processor_config.json", &e);
    if (accepted) {
        use_config(&c);
        config_free(&c);
    } else
        check_error(&e);
    json_decref(config);
    json_decref(processor);
    json_decref(candidates);
    return accepted;
}

/* Whether the reader accepted it. */
static bool try_input(const uint8_t *bytes, size_t n)
{
    if (n == 0) return false;
    const Kind kind = bytes[0] % KINDS;
    switch (kind) {
    case AS_SAFETENSORS: return try_safetensors(bytes + 1, n - 1);
    case AS_INDEX: return try_index(bytes + 1, n - 1);
    case AS_CONFIG:
    case AS_PROCESSOR: return try_config(kind, bytes + 1, n - 1);
    case KINDS: break;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    try_input(bytes, n);
    return 0;
}

#ifndef VL2_LIBFUZZER

static const double MAX_SECONDS = 2; /* of one test; VL2_FUZZ_ROUNDS multiplies it */

static const char SAFETENSORS[] =
    "{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]},\"e\":{\"dtype\":\"U8\",\"shape\":[0,4],"
    "\"data_offsets\":[20,20]},\"s\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[20,28]}}";
static const char WEIGHT_INDEX[] =
    "{\"metadata\":{\"total_size\":6},\"weight_map\":{\"a\":\"a.safetensors\",\"b\":\"b.safetensors\"}}";

/* What may stand where a JSON value stands. */
static const char *const VALUES[] = {
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "13",
    "1.5",
    "1e999",
    "1e18",
    "255",
    "4096",
    "65536",
    "2147483647",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "null",
    "true",
    "\"\"",
    "\"x\"",
    "\"../a.safetensors\"",
    "\"yarn\"",
    "\"noaux_tc\"",
    "\"linear\"",
    "[]",
    "{}",
    "[[0]]",
    "{\"type\":\"yarn\",\"factor\":0}",
};

static void flip_byte(Str *s, Rng *r)
{
    if (s->n) s->text[rng_next(r) % s->n] ^= (char)(1u << rng_next(r) % 8);
}

static void cut_out(Str *s, Rng *r)
{
    const size_t at = rng_next(r) % (s->n + 1), n = rng_next(r) % 16;
    const size_t end = at + n < s->n ? at + n : s->n;
    memmove(s->text + at, s->text + end, s->n - end);
    s->n -= end - at;
}

static void cut_short(Str *s, Rng *r)
{
    s->n = rng_next(r) % (s->n + 1);
}

static void insert(Str *s, size_t at, const char *bytes, size_t n)
{
    Str rest = { 0 };
    str_add(&rest, s->text + at, s->n - at);
    s->n = at;
    str_add(s, bytes, n);
    str_add(s, rest.text, rest.n);
    str_free(&rest);
}

static void repeat_piece(Str *s, Rng *r)
{
    char piece[32];
    const size_t at = rng_next(r) % (s->n + 1), n = s->n - at < sizeof piece ? s->n - at : sizeof piece;
    memcpy(piece, s->text + at, n);
    insert(s, rng_next(r) % (s->n + 1), piece, n);
}

/* The end of the JSON value that begins at `at`: brackets are counted, strings skipped. */
static size_t value_end(const Str *s, size_t at)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = at; i < s->n; i++) {
        const char c = s->text[i];
        if (in_string)
            in_string = c != '"';
        else if (c == '"')
            in_string = true;
        else if (c == '[' || c == '{')
            depth++;
        else if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            return i;
        else if (c == ']' || c == '}')
            depth--;
    }
    return s->n;
}

static void replace_value(Str *s, Rng *r)
{
    size_t starts = 0, chosen = 0;
    for (size_t i = 0; i < s->n; i++)
        if (strchr(":[,", s->text[i]) && s->text[i] && rng_next(r) % ++starts == 0) chosen = i + 1;
    if (starts == 0) return;
    const char *const value = VALUES[rng_next(r) % (sizeof VALUES / sizeof *VALUES)];
    const size_t end = value_end(s, chosen);
    memmove(s->text + chosen, s->text + end, s->n - end);
    s->n -= end - chosen;
    insert(s, chosen, value, strlen(value));
}

static void mutate(Str *s, Rng *r)
{
    typedef void Mutation(Str * s, Rng * r);
    static Mutation *const mutations[] = { replace_value, replace_value, replace_value, flip_byte,
                                           cut_out,       cut_short,     repeat_piece };
    const int n = 1 + (int)(rng_next(r) % 3);
    for (int i = 0; i < n; i++) mutations[rng_next(r) % (sizeof mutations / sizeof *mutations)](s, r);
}

/* The input for one kind: its byte, for safetensors the length of the header (right, or now and then not), the text, the
 * data. */
static bool run_mutated(Kind kind, const Str *text, Rng *r)
{
    Str input = { 0 };
    str_putc(&input, (char)kind);
    if (kind == AS_SAFETENSORS) {
        uint64_t length = text->n;
        if (r->counter > 0 && rng_next(r) % 16 == 0) length += rng_next(r) % 32 - 16;
        for (int i = 0; i < 8; i++) str_putc(&input, (char)(length >> (8 * i) & 0xff));
    }
    str_add(&input, text->text, text->n);
    if (kind == AS_SAFETENSORS) str_add(&input, "0123456789012345678901234567", 28);
    const bool accepted = try_input((const uint8_t *)input.text, input.n);
    str_free(&input);
    return accepted;
}

static void run_kind(Kind kind, const char *seed_text, int mutations)
{
    Rng r = { .seed = 20250101u + (unsigned)kind };
    Str s = { 0 };
    const double start = clock_now(), longest = MAX_SECONDS * fuzz_rounds();
    int done = 0, accepted = 0;
    str_puts(&s, seed_text);
    assert_true(run_mutated(kind, &s, &r)); /* as it is */
    for (; done < mutations * fuzz_rounds() && clock_now() - start < longest; done++) {
        str_clear(&s);
        str_puts(&s, seed_text);
        mutate(&s, &r);
        accepted += run_mutated(kind, &s, &r);
    }
    printf("# %d mutations, %d still valid, in %.1f s\n", done, accepted, clock_now() - start);
    assert_true(done > accepted && accepted > 0);
    str_free(&s);
}

static void mutated_safetensors_never_crash(void **state)
{
    (void)state;
    run_kind(AS_SAFETENSORS, SAFETENSORS, 12000);
}

static void mutated_indexes_never_crash(void **state)
{
    (void)state;
    run_kind(AS_INDEX, WEIGHT_INDEX, 600);
}

static void mutated_configs_never_crash(void **state)
{
    (void)state;
    for (int i = 0; i < MODEL_SHAPES_COUNT; i++) {
        json_t *config = model_shape_config(&MODEL_SHAPES[i]);
        json_object_del(json_object_get(config, "vision_config"), "image_size"); /* as the processor that it meets */
        json_object_set_new(config, "candidate_resolutions", candidate_resolutions(384));
        char *text = json_dumps(config, JSON_COMPACT);
        run_kind(AS_CONFIG, text, 500);
        free(text);
        json_decref(config);
    }
}

static void mutated_processor_configs_never_crash(void **state)
{
    (void)state;
    json_t *candidates = candidate_resolutions(384), *processor = model_shape_processor(candidates, 14, 2);
    char *text = json_dumps(processor, JSON_COMPACT);
    run_kind(AS_PROCESSOR, text, 2000);
    free(text);
    json_decref(processor);
    json_decref(candidates);
}

TEST_MAIN(TEST(mutated_safetensors_never_crash), TEST(mutated_indexes_never_crash), TEST(mutated_configs_never_crash),
          TEST(mutated_processor_configs_never_crash))

#endif
