/* test_same_bits_quantised.c - what test_same_bits.c promises, for each quantised type and for both ways in which its products
 * are computed, int8 and exact: the same bits for any number of threads, any prefill chunk, alone or in company. */
#include "golden_model.h"
#include "model/convert.h"

#include "temp_folder.h"

/* The golden models with small tiles: the others would tell nothing else. The first one has strips of 16 rows where it can, the
 * second single rows. Under a sanitizer the first. */
enum { N_SMALL = SANITIZED ? 1 : 2 };
static const char *const ways[] = { "auto", "f32" };
static const char *const spoken[] = { "single", "text" }; /* with a picture and without */
enum { N_WAYS = 2, N_SPOKEN = 2, MOST_ROWS = 1024 };

/* Logits of every row of a conversation's prompt and answer, by position: chunks and company change their order. */
typedef struct {
    float *row[MOST_ROWS]; /* [cols] */
    int n, cols;
} SeenRows;

typedef struct {
    const Vl2Engine *engine;
    SeenRows *of; /* [sequences] */
} Witness;

static void see_logits(void *context, const char *name, int index, const Tensor *t)
{
    const Witness *w = context;
    (void)index;
    if (strcmp(name, "logits") != 0) return;
    for (int i = 0, row = 0; row < t->rows; i++) {
        if (!w->engine->row[i].wants_logits) continue;
        SeenRows *to = &w->of[w->engine->row[i].sequence];
        const int position = w->engine->row[i].position;
        assert_true(position < MOST_ROWS && !to->row[position]);
        to->row[position] = xcalloc((size_t)t->cols, sizeof(float));
        memcpy(to->row[position], tensor_row(t, row++), (size_t)t->cols * sizeof(float));
        to->cols = t->cols;
        if (position >= to->n) to->n = position + 1;
    }
}

static void free_rows(SeenRows *s)
{
    for (int i = 0; i < s->n; i++) free(s->row[i]);
    *s = (SeenRows){ 0 };
}

/* Conversations [first, first + n) at the same time, each in its own sequence. */
static void converse(const char *gguf, const char *model, const Vl2Options *options, int first, int n, SeenRows *out)
{
    Vl2Options o = *options;
    Error e;
    json_t *file = load_case(model);
    Messages m[N_SPOKEN];
    Vl2Request *r[N_SPOKEN];
    Vl2Sampling greedy = VL2_GREEDY;
    greedy.max_tokens = 8;
    greedy.ignore_eos = true;
    o.model = gguf;
    o.cpu = tested_cpu();
    o.sequences = n;
    Vl2Engine *engine = vl2_open(&o, &e);
    if (!engine) fail_msg("%s", e.text);
    Witness w = { engine, out };
    const TraceSink sink = { see_logits, &w };
    engine_trace(engine, &sink, true);
    for (int i = 0; i < n; i++) {
        const json_t *all = json_object_get(file, "conversations");
        load_messages(&m[i], json_object_get(json_object_get(all, spoken[first + i]), "messages"));
        r[i] = submit(engine, &m[i], &greedy);
    }
    for (int i = 0; i < n; i++) run_to_end(r[i]);
    vl2_close(engine);
    for (int i = 0; i < n; i++) free_messages(&m[i]);
    json_decref(file);
}

static void assert_same_rows(const char *what, const SeenRows *a, const SeenRows *b)
{
    assert_true(a->n > 8);
    if (a->n != b->n || a->cols != b->cols) fail_msg("%s: other rows", what);
    for (int i = 0; i < a->n; i++) {
        if (!a->row[i] || !b->row[i]) fail_msg("%s: row %d is not there", what, i);
        if (memcmp(a->row[i], b->row[i], (size_t)a->cols * sizeof(float)) != 0)
            fail_msg("%s: row %d has other bits", what, i);
    }
}

static void quantise(const char *model, const char *types, bool row_types, const char *out)
{
    Error e;
    Model m;
    ConvertPlan plan;
    ConvertOptions o = { .to = CONVERT_GGUF, .row_types = row_types };
    Pool *pool = pool_open(1, &e);
    if (!pool || !model_open(&m, model_file(model, ""), &e) || !weight_types_find(types, &o.types, &e) ||
        !convert_plan(&plan, &m, &o, &e) || !convert_run(&plan, &m, &o, out, pool, NULL, &e))
        fail_msg("%s", e.text);
    convert_plan_free(&plan);
    model_close(&m);
    pool_close(pool);
}

/* One type of one model, computed one way: alone on one thread in one chunk, then otherwise. */
static void compare_runs(const char *gguf, const char *model, const char *way, const char *what)
{
    const Vl2Options others[] = { { .compute = way, .threads = 2, .chunk = 512 },
                                  { .compute = way, .threads = 3, .chunk = 512 },
                                  { .compute = way, .threads = 1, .chunk = 1 },
                                  { .compute = way, .threads = 1, .chunk = 7 },
                                  { .compute = way, .threads = 2, .chunk = 64 } };
    SeenRows alone[N_SPOKEN] = { 0 }, other[N_SPOKEN] = { 0 };
    for (int i = 0; i < N_SPOKEN; i++)
        converse(gguf, model, &(Vl2Options){ .compute = way, .threads = 1, .chunk = 512 }, i, 1, &alone[i]);
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        char run[128];
        snprintf(run, sizeof run, "%s, %d threads, chunk %d", what, others[k].threads, others[k].chunk);
        converse(gguf, model, &others[k], 0, 1, other);
        assert_same_rows(run, &alone[0], &other[0]);
        free_rows(&other[0]);
    }
    converse(gguf, model, &(Vl2Options){ .compute = way, .threads = 2, .chunk = 50 }, 0, N_SPOKEN, other);
    for (int i = 0; i < N_SPOKEN; i++) {
        char run[128];
        snprintf(run, sizeof run, "%s, in company, %s", what, spoken[i]);
        assert_same_rows(run, &alone[i], &other[i]);
        free_rows(&alone[i]);
        free_rows(&other[i]);
    }
}

static void compare_type(const char *types)
{
    for (int k = 0; k < N_SMALL; k++) {
        TempFolder s = temp_open();
        const char *const gguf = temp_path(&s, "m.gguf");
        quantise(golden_models[k], types, k == 1, gguf);
        for (int way = 0; way < N_WAYS; way++) {
            char what[96];
            snprintf(what, sizeof what, "%s as %s, %s", golden_models[k], types, ways[way]);
            compare_runs(gguf, golden_models[k], ways[way], what);
        }
        temp_close(&s);
    }
}

static void q8_0_has_the_same_bits_however_it_runs(void **state)
{
    (void)state;
    compare_type("q8_0");
}

static void q4_0_has_the_same_bits_however_it_runs(void **state)
{
    (void)state;
    compare_type("q4_0");
}

static void iq4_nl_has_the_same_bits_however_it_runs(void **state)
{
    (void)state;
    compare_type("iq4_nl");
}

/* Else the two ways above would be one, and nothing would have been shown of int8. */
static void auto_computes_quantised_types_in_int8(void **state)
{
    (void)state;
    TempFolder s = temp_open();
    const char *const gguf = temp_path(&s, "m.gguf");
    SeenRows int8 = { 0 }, exact = { 0 };
    quantise(golden_models[0], "q8_0", false, gguf);
    converse(gguf, golden_models[0], &(Vl2Options){ .compute = "auto", .threads = 1 }, 1, 1, &int8);
    converse(gguf, golden_models[0], &(Vl2Options){ .compute = "f32", .threads = 1 }, 1, 1, &exact);
    int differing = 0;
    for (int i = 0; i < int8.n && i < exact.n; i++)
        differing += memcmp(int8.row[i], exact.row[i], (size_t)int8.cols * sizeof(float)) != 0;
    assert_int_not_equal(differing, 0);
    free_rows(&int8);
    free_rows(&exact);
    temp_close(&s);
}

TEST_MAIN(TEST(q8_0_has_the_same_bits_however_it_runs), TEST(q4_0_has_the_same_bits_however_it_runs),
          TEST(iq4_nl_has_the_same_bits_however_it_runs), TEST(auto_computes_quantised_types_in_int8))
