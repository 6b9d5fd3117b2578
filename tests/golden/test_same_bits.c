/* test_same_bits.c - served equals alone, bit for bit: for any number of threads, any prefill chunk, alone or in a ragged
 * batch, from a kept prefix, with and without guesses ahead; and the answers of the official batch, chunked and penalised runs.
 * Compared by memcmp. */
#include "golden_model.h"

/* The logits of the last prompt row and of every generated row, and the tokens. */
typedef struct {
    float *logits;
    size_t rows, cols;
    int32_t id[64];
    size_t n;
} Answer;

typedef struct {
    Vl2Options options;
    Vl2Sampling sampling;
} Setup;

#define GREEDY_24                                                                                                      \
    {                                                                                                                  \
        .top_p = 1, .repetition_penalty = 1, .max_tokens = 24                                                          \
    }
static const Vl2Sampling greedy_24 = GREEDY_24;

static void keep_answer(Answer *a, const Vl2Request *r, const TracedTensor *logits)
{
    a->n = r->output.n;
    memcpy(a->id, r->output.id, a->n * sizeof *a->id);
    a->rows = logits->rows;
    a->cols = logits->cols;
    a->logits = xcalloc(a->rows * a->cols, sizeof *a->logits);
    memcpy(a->logits, logits->data, a->rows * a->cols * sizeof *a->logits);
}

static Answer answer(const char *name, const char *conversation, const Setup *s)
{
    json_t *file = load_case(name);
    Messages m;
    Answer a = { 0 };
    Trace t;
    load_messages(&m,
                  json_object_get(json_object_get(json_object_get(file, "conversations"), conversation), "messages"));
    Vl2Engine *e = open_engine(name, &s->options);
    trace_open(&t, "logits");
    engine_trace(e, &t.sink, false);
    Vl2Request *r = submit(e, &m, &s->sampling);
    run_to_end(r);
    keep_answer(&a, r, trace_find(&t, "logits"));
    trace_close(&t);
    vl2_close(e);
    free_messages(&m);
    json_decref(file);
    return a;
}

static void assert_same(const char *what, const Answer *a, const Answer *b)
{
    if (a->n != b->n || a->rows != b->rows || memcmp(a->id, b->id, a->n * sizeof *a->id) != 0 ||
        memcmp(a->logits, b->logits, a->rows * a->cols * sizeof *a->logits) != 0)
        fail_msg("%s: not the same bits", what);
}

static void for_setups(const char *name, const char *conversation, const Setup *s, int n)
{
    Answer first = answer(name, conversation, &s[0]);
    for (int i = 1; i < n; i++) {
        char what[160];
        Answer other = answer(name, conversation, &s[i]);
        snprintf(what, sizeof what, "%s %s, %d threads, chunk %d", name, conversation, s[i].options.threads,
                 s[i].options.chunk);
        assert_same(what, &first, &other);
        free(other.logits);
    }
    free(first.logits);
}

static void same_for_any_number_of_threads(void **state)
{
    static const Setup s[] = { { { .threads = 1 }, GREEDY_24 },
                               { { .threads = 2 }, GREEDY_24 },
                               { { .threads = 3 }, GREEDY_24 } };
    (void)state;
    for (int i = 0; i < N_TESTED_MODELS; i++) for_setups(golden_models[i], "multi", s, 3);
}

static void same_for_any_chunk(void **state)
{
    static const Setup s[] = { { { .chunk = 4096 }, GREEDY_24 }, { { .chunk = 1 }, GREEDY_24 },
                               { { .chunk = 7 }, GREEDY_24 },    { { .chunk = 16 }, GREEDY_24 },
                               { { .chunk = 64 }, GREEDY_24 },   { { .chunk = 512 }, GREEDY_24 } };
    (void)state;
    for (int i = 0; i < N_TESTED_MODELS; i++) for_setups(golden_models[i], "single", s, 6);
}

/* All seven conversations at once in one engine, three slots: some wait, prompts and answers share steps. */
static void same_alone_or_together(void **state)
{
    (void)state;
    for (int i = 0; i < N_TESTED_MODELS; i++) {
        json_t *file = load_case(golden_models[i]);
        Messages m[N_GOLDEN_CONVERSATIONS];
        Vl2Request *r[N_GOLDEN_CONVERSATIONS];
        Vl2Engine *e = open_engine(golden_models[i], &(Vl2Options){ .sequences = 3, .chunk = 100 });
        for (int k = 0; k < N_GOLDEN_CONVERSATIONS; k++) {
            load_messages(
                &m[k], json_object_get(json_object_get(json_object_get(file, "conversations"), golden_conversations[k]),
                                       "messages"));
            r[k] = submit(e, &m[k], &greedy_24);
        }
        for (int k = N_GOLDEN_CONVERSATIONS - 1; k >= 0; k--) run_to_end(r[k]);
        for (int k = 0; k < N_GOLDEN_CONVERSATIONS; k++) {
            Answer alone = answer(golden_models[i], golden_conversations[k], &(Setup){ { 0 }, greedy_24 });
            if (alone.n != r[k]->output.n || memcmp(alone.id, r[k]->output.id, alone.n * sizeof *alone.id) != 0)
                fail_msg("%s %s: other tokens in company", golden_models[i], golden_conversations[k]);
            free(alone.logits);
            free_messages(&m[k]);
        }
        vl2_close(e);
        json_decref(file);
    }
}

/* Splits the logits of a mixed run by the sequence they belong to and compares every row's bits with the lone run's. */
typedef struct {
    Vl2Engine *e;
    const Answer *alone; /* [2] */
    size_t next[2];      /* the row of each that comes next */
    int differing, compared;
} Mixed;

static void see_mixed(void *context, const char *name, int index, const Tensor *t)
{
    Mixed *m = context;
    (void)index;
    if (strcmp(name, "logits") != 0) return;
    int row = 0;
    for (int i = 0; row < t->rows; i++) {
        if (!m->e->row[i].wants_logits) continue;
        const Answer *a = &m->alone[m->e->row[i].sequence];
        const size_t at = m->next[m->e->row[i].sequence]++;
        m->compared++;
        if (at >= a->rows || memcmp(tensor_row(t, row), a->logits + at * a->cols, a->cols * sizeof *a->logits) != 0)
            m->differing++;
        row++;
    }
}

static void logits_in_a_ragged_batch_have_the_bits_of_a_lone_run(void **state)
{
    static const char *const pair[] = { "single", "text" };
    (void)state;
    for (int i = 0; i < N_TESTED_MODELS; i++) {
        json_t *file = load_case(golden_models[i]);
        Messages m[2];
        Vl2Request *r[2];
        Answer alone[2];
        for (int k = 0; k < 2; k++) alone[k] = answer(golden_models[i], pair[k], &(Setup){ { 0 }, greedy_24 });
        Mixed mixed = {
            open_engine(golden_models[i], &(Vl2Options){ .sequences = 2, .chunk = 50 }), alone, { 0 }, 0, 0
        };
        engine_trace(mixed.e, &(TraceSink){ see_mixed, &mixed }, false);
        for (int k = 0; k < 2; k++) {
            load_messages(
                &m[k], json_object_get(json_object_get(json_object_get(file, "conversations"), pair[k]), "messages"));
            r[k] = submit(mixed.e, &m[k], &greedy_24);
        }
        run_to_end(r[0]);
        run_to_end(r[1]);
        assert_int_equal(r[0]->prompt.n > r[1]->prompt.n, 1);
        assert_int_equal(mixed.differing, 0);
        assert_true((size_t)mixed.compared == alone[0].rows + alone[1].rows);
        for (int k = 0; k < 2; k++) {
            free(alone[k].logits);
            free_messages(&m[k]);
        }
        vl2_close(mixed.e);
        json_decref(file);
    }
}

/* The second time most of the prompt comes from the cache. */
static void same_from_a_kept_prefix(void **state)
{
    (void)state;
    for (int i = 0; i < N_TESTED_MODELS; i++) {
        json_t *file = load_case(golden_models[i]);
        Messages m;
        Trace t;
        load_messages(&m,
                      json_object_get(json_object_get(json_object_get(file, "conversations"), "multi"), "messages"));
        Vl2Engine *e = open_engine(golden_models[i], NULL);
        Answer first = { 0 };
        for (int round = 0; round < 2; round++) {
            trace_open(&t, "logits");
            engine_trace(e, &t.sink, false);
            Vl2Request *r = submit(e, &m, &greedy_24);
            run_to_end(r);
            Answer a = { 0 };
            keep_answer(&a, r, trace_find(&t, "logits"));
            if (round == 0)
                first = a;
            else {
                assert_int_equal(vl2_result(r)->n_reused, r->prompt.n - 1);
                assert_same("from a kept prefix", &first, &a);
                free(a.logits);
            }
            vl2_release(r);
            trace_close(&t);
        }
        free(first.logits);
        vl2_close(e);
        free_messages(&m);
        json_decref(file);
    }
}

/* ---- guesses ---- */

#define DRAWN(n, more)                                                                                                 \
    {                                                                                                                  \
        .temperature = 0.8f, .top_p = 0.95f, .repetition_penalty = 1, .seed = n, .max_tokens = 80, .likelihoods = 3,   \
        .ignore_eos = true, more                                                                                       \
    }
/* A negative penalty makes a model of random weights repeat itself. */
static const Vl2Sampling guessed_ways[] = {
    { .top_p = 1,
      .repetition_penalty = 1,
      .frequency_penalty = -2,
      .max_tokens = 80,
      .likelihoods = 3,
      .ignore_eos = true },
    { .top_p = 1, .repetition_penalty = 1, .max_tokens = 80, .likelihoods = 3, .ignore_eos = true },
    { .top_p = 1, .repetition_penalty = 1.05f, .frequency_penalty = 0.1f, .max_tokens = 80, .likelihoods = 3 },
    { .top_p = 1, .repetition_penalty = 1, .max_tokens = 80, .likelihoods = 3, .format = "json" },
    { .top_p = 1, .repetition_penalty = 1, .max_tokens = 80, .likelihoods = 3, .format = "boxes", .min_tokens = 9 },
    DRAWN(5, .min_p = 0.01f),
    DRAWN(6, .frequency_penalty = -2),
};
enum { N_WAYS = sizeof guessed_ways / sizeof *guessed_ways };

/* The first n ways at once on three places; a text that goes in circles. */
static Vl2Engine *answer_in_ways(const char *name, int speculate, Vl2Request **r, int n)
{
    Error err;
    const Vl2Message m = { .role = "user", .content = "red green blue red green blue red green blue red green" };
    Vl2Engine *e = open_engine(name, &(Vl2Options){ .sequences = 3, .speculate = speculate });
    for (int i = 0; i < n; i++) {
        r[i] = vl2_submit(e, &(Vl2Prompt){ .message = &m, .n_messages = 1 }, &guessed_ways[i], &err);
        if (!r[i]) fail_msg("%s", err.text);
    }
    for (int i = 0; i < n; i++) run_to_end(r[i]);
    return e;
}

static void assert_same_answer(const char *what, const Vl2Result *a, const Vl2Result *b)
{
    if (a->n_output != b->n_output || a->n_text != b->n_text || a->likelihoods != b->likelihoods ||
        strcmp(a->finish_reason, b->finish_reason) != 0 || memcmp(a->text, b->text, a->n_text) != 0 ||
        memcmp(a->output_id, b->output_id, (size_t)a->n_output * sizeof *a->output_id) != 0 ||
        memcmp(a->likelihood, b->likelihood, (size_t)a->n_output * (size_t)a->likelihoods * sizeof *a->likelihood) != 0)
        fail_msg("%s: not the same answer:\n%s\n%s", what, a->text, b->text);
}

static void same_with_and_without_guesses(void **state)
{
    (void)state;
    for (int i = 0; i < N_TESTED_MODELS; i++) {
        Vl2Request *a[N_WAYS], *b[N_WAYS];
        Vl2Engine *with = answer_in_ways(golden_models[i], 8, a, N_WAYS),
                  *without = answer_in_ways(golden_models[i], 0, b, N_WAYS);
        for (int k = 0; k < N_WAYS; k++) {
            char what[64];
            snprintf(what, sizeof what, "%s, way %d", golden_models[i], k);
            assert_same_answer(what, vl2_result(b[k]), vl2_result(a[k]));
            assert_int_equal(b[k]->n_guessed, 0);
        }
        vl2_close(with);
        vl2_close(without);
    }
}

/* Each guess that came is a step less; the first step reads the prompt and brings the first token. */
static void guesses_that_come_save_steps(void **state)
{
    (void)state;
    for (int i = 0; i < N_TESTED_MODELS; i++) {
        Vl2Request *r;
        Vl2Engine *e = answer_in_ways(golden_models[i], 8, &r, 1);
        printf("# %s: %d tokens in %d steps, %d of %d guesses came\n", golden_models[i], (int)r->output.n,
               (int)e->clock, r->n_accepted, r->n_guessed);
        assert_true(r->n_accepted > 0 && r->n_accepted <= r->n_guessed);
        assert_int_equal((int)e->clock + r->n_accepted, r->output.n);
        vl2_close(e);
    }
}

static void assert_tokens(const json_t *expected, const Vl2Request *r)
{
    for (size_t i = 0; i < r->output.n; i++) /* a reference batch goes on with EOS where a row has ended */
        assert_int_equal(r->output.id[i], json_integer_value(json_array_get(expected, i)));
}

/* The official left-padded batch; ours is ragged. */
static void batch_answers_equal_official(void **state)
{
    (void)state;
    for (int i = 0; i < N_TESTED_MODELS; i++) {
        json_t *file = load_case(golden_models[i]), *batch = json_object_get(file, "batch");
        Messages m[2];
        Vl2Request *r[2];
        Vl2Engine *e = open_engine(golden_models[i], &(Vl2Options){ .sequences = 2 });
        for (int k = 0; k < 2; k++) {
            load_messages(&m[k], json_array_get(json_object_get(batch, "messages"), (size_t)k));
            r[k] = submit(e, &m[k], &greedy_24);
        }
        for (int k = 0; k < 2; k++) {
            run_to_end(r[k]);
            assert_true(r[k]->output.n > 0);
            assert_tokens(json_array_get(json_object_get(batch, "greedy_tokens"), (size_t)k), r[k]);
            free_messages(&m[k]);
        }
        vl2_close(e);
        json_decref(file);
    }
}

static void penalised_answers_equal_official(void **state)
{
    Vl2Sampling o = greedy_24;
    (void)state;
    o.repetition_penalty = 1.1f;
    for (int i = 0; i < N_TESTED_MODELS; i++) {
        json_t *file = load_case(golden_models[i]);
        Vl2Engine *e = open_engine(golden_models[i], NULL);
        for (int k = 0; k < N_GOLDEN_CONVERSATIONS; k++) {
            const json_t *spec = json_object_get(json_object_get(file, "conversations"), golden_conversations[k]);
            const json_t *tokens = json_object_get(
                json_object_get(json_object_get(spec, "generation"), "greedy_repetition_penalty_1.1"), "tokens");
            Messages m;
            load_messages(&m, json_object_get(spec, "messages"));
            Vl2Request *r = submit(e, &m, &o);
            run_to_end(r);
            assert_int_equal(r->output.n, json_array_size(tokens));
            assert_tokens(tokens, r);
            vl2_release(r);
            free_messages(&m);
        }
        vl2_close(e);
        json_decref(file);
    }
}

TEST_MAIN(TEST(same_for_any_number_of_threads), TEST(same_for_any_chunk), TEST(same_alone_or_together),
          TEST(logits_in_a_ragged_batch_have_the_bits_of_a_lone_run), TEST(same_from_a_kept_prefix),
          TEST(same_with_and_without_guesses), TEST(guesses_that_come_save_steps), TEST(batch_answers_equal_official),
          TEST(penalised_answers_equal_official))
