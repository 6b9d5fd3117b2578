/* test_admission.c - pages of the cache: who is admitted can be finished, nobody is passed for ever, what prompts have in common
 * is read once, also from an answer that still runs; and no answer is another one for that. */
#include "golden_model.h"

static const char MODEL[] = "micro-mla-noaux"; /* small tiles */

static Vl2Sampling of_length(int n)
{
    return (Vl2Sampling){ .top_p = 1, .repetition_penalty = 1, .max_tokens = n, .ignore_eos = true, .likelihoods = 2 };
}

static Vl2Request *ask(Vl2Engine *e, const Vl2Message *m, int max_tokens)
{
    Error err;
    const Vl2Sampling o = of_length(max_tokens);
    Vl2Request *r = vl2_submit(e, &(Vl2Prompt){ .message = m, .n_messages = 1 }, &o, &err);
    if (!r) fail_msg("%s", err.text);
    return r;
}

static Vl2Request *ask_text(Vl2Engine *e, const char *text, int max_tokens)
{
    return ask(e, &(Vl2Message){ .role = "user", .content = text }, max_tokens);
}

/* As a lone run gives it, to the bits of the likelihoods. */
static void assert_as_alone(Vl2Request *r, const Vl2Message *m)
{
    Vl2Engine *e = open_engine(MODEL, NULL);
    Vl2Request *alone = ask(e, m, r->limit);
    run_to_end(alone);
    assert_int_equal(r->output.n, alone->output.n);
    assert_memory_equal(r->output.id, alone->output.id, alone->output.n * sizeof *alone->output.id);
    assert_memory_equal(r->likelihood, alone->likelihood, 2 * alone->output.n * sizeof *alone->likelihood);
    vl2_close(e);
}

static int count_in(Vl2Request *const *r, int n, RequestState state)
{
    int found = 0;
    for (int i = 0; i < n; i++) found += r[i]->state == state;
    return found;
}

/* ---- room ---- */

/* Six places, memory for four: a page each. */
static void many_requests_in_a_small_cache_all_end(void **state)
{
    enum { MANY = 12, PAGES = 4 };
    Vl2Request *r[MANY];
    char text[MANY][32];
    (void)state;
    Vl2Engine *e = open_engine(MODEL, &(Vl2Options){ .context = 256, .cache_tokens = PAGES * KV_PAGE, .sequences = 6 });
    assert_int_equal(e->plan.cache, e->plan.cache_per_token * PAGES * KV_PAGE);
    for (int i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof text[i], "%c is %d", 'a' + i, i);
        r[i] = ask_text(e, text[i], 30);
        assert_true(r[i]->prompt.n + r[i]->limit <= KV_PAGE);
    }
    int most = 0;
    while (count_in(r, MANY, REQUEST_DONE) < MANY) {
        engine_step(e);
        const int running = MANY - count_in(r, MANY, REQUEST_DONE) - count_in(r, MANY, REQUEST_WAITING);
        if (running > most) most = running;
        assert_true(running <= PAGES);
    }
    assert_int_equal(most, PAGES);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(r[i]->output.n, 30);
        assert_as_alone(r[i], &(Vl2Message){ .role = "user", .content = text[i] });
    }
    vl2_close(e);
}

/* The large one needs the whole cache: it waits for the one that runs, and the small one behind it waits, too. */
static void a_large_request_is_not_passed_for_ever(void **state)
{
    (void)state;
    Vl2Engine *e = open_engine(MODEL, &(Vl2Options){ .context = 256, .cache_tokens = 256, .sequences = 4 });
    Vl2Request *running = ask_text(e, "one", 20), *large = ask_text(e, "two", 0), *small = ask_text(e, "three", 20);
    assert_int_equal(kv_pages(large->prompt.n + large->limit), 4);
    while (running->state != REQUEST_DONE) {
        assert_int_equal(large->state, REQUEST_WAITING);
        assert_int_equal(small->state, REQUEST_WAITING);
        assert_false(engine_has_room(e, large));
        engine_step(e);
    }
    while (large->state != REQUEST_DONE) {
        assert_int_equal(small->state, REQUEST_WAITING);
        engine_step(e);
    }
    run_to_end(small);
    assert_int_equal(small->output.n, 20);
    assert_int_equal(large->output.n, large->limit);
    vl2_close(e);
}

/* A finished request keeps what it filled, and not what it had reserved; that goes when it is needed. */
static void what_is_kept_makes_room(void **state)
{
    (void)state;
    Vl2Engine *e = open_engine(MODEL, &(Vl2Options){ .context = 640, .cache_tokens = 640, .sequences = 3 });
    Vl2Request *first = ask_text(e, "one", 600);
    assert_int_equal(e->cache.n_free, 0);
    for (int i = 0; i < 30; i++) engine_step(e);
    vl2_cancel(first);
    run_to_end(first);
    assert_int_equal(e->cache.n_free, 10 - kv_pages(first->n_cached));
    Vl2Request *again = ask_text(e, "one", 5);
    assert_int_equal(again->n_reused, again->prompt.n - 1);
    run_to_end(again);
    run_to_end(ask_text(e, "something else", 5));
    assert_true(e->cache.n_free < 10);
    Vl2Request *large = ask_text(e, "and a third one", 0);
    assert_int_equal(e->cache.n_free, 0);
    run_to_end(large);
    assert_int_equal(large->output.n, large->limit);
    vl2_close(e);
}

static void a_cache_under_a_context_is_refused(void **state)
{
    Error err;
    (void)state;
    const Vl2Options o = { .model = model_file(MODEL, ""), .context = 256, .cache_tokens = 255 };
    assert_null(vl2_open(&o, &err));
    assert_int_equal(err.code, VL2_ERR_USAGE);
    assert_non_null(strstr(err.text, "cache of 255 tokens"));
}

/* ---- what prompts have in common ---- */

#define LONG_TEXT                                                                                                      \
    "The harbour lies under a low grey sky, and the boats that came in with the tide are tied up along the wall. "     \
    "A man in a yellow coat mends a net; two gulls watch him from the roof of the old customs house. "

/* The picture of the golden conversation with a question of our own. */
typedef struct {
    json_t *file;
    Messages golden;
    Vl2Message first, second;
} TwoQuestions;

static void load_questions(TwoQuestions *q)
{
    q->file = load_case(MODEL);
    load_messages(&q->golden,
                  json_object_get(json_object_get(json_object_get(q->file, "conversations"), "single"), "messages"));
    const Vl2Message *m = &q->golden.message[0];
    assert_int_equal(m->n_pictures, 1);
    q->first =
        (Vl2Message){ .role = "user", .content = "<image>\nWhat is this?", .picture = m->picture, .n_pictures = 1 };
    q->second = q->first;
    q->second.content = "<image>\nHow many of them are there?";
}

static void free_questions(TwoQuestions *q)
{
    free_messages(&q->golden);
    json_decref(q->file);
}

static void a_running_answer_shares_its_picture(void **state)
{
    TwoQuestions q;
    (void)state;
    load_questions(&q);
    Vl2Engine *e = open_engine(MODEL, &(Vl2Options){ .sequences = 2 });
    Vl2Request *first = ask(e, &q.first, 40);
    while (first->output.n < 5) engine_step(e);
    const int before = e->cache.n_free;
    Vl2Request *second = ask(e, &q.second, 40);
    assert_true(second->n_reused > second->prompt.n_image_tokens);
    assert_int_equal(second->tiles_done, second->n_tiles);
    assert_true(before - e->cache.n_free <= kv_pages(second->prompt.n + 40) - second->n_reused / KV_PAGE);
    assert_true(kv_is_shared(&e->cache, first->slot, 0));
    vl2_cancel(first); /* the second one is whole without it */
    run_to_end(first);
    run_to_end(second);
    assert_true(second->seconds_vision == 0);
    assert_as_alone(second, &q.second);
    free_questions(&q);
    vl2_close(e);
}

/* Both at once: the picture is encoded and read once, and the one that waited is not another one for it, nor when the other is
 * cancelled half-way. */
static void requests_that_come_together_read_once(void **state)
{
    (void)state;
    for (int cancel = 0; cancel < 2; cancel++) {
        TwoQuestions q;
        load_questions(&q);
        Vl2Engine *e = open_engine(MODEL, &(Vl2Options){ .sequences = 2, .chunk = 64 });
        Vl2Request *first = ask(e, &q.first, 12), *second = ask(e, &q.second, 12);
        assert_int_equal(second->state, REQUEST_FOLLOWING);
        while (cancel && first->n_cached < 100) engine_step(e);
        if (cancel) vl2_cancel(first);
        run_to_end(second);
        run_to_end(first);
        printf("# %d of %d tokens of the prompt (%d of the picture) were there\n", second->n_reused, second->prompt.n,
               second->prompt.n_image_tokens);
        assert_true(second->n_reused >= (cancel ? 100 : second->prompt.n_image_tokens - KV_PAGE));
        assert_as_alone(second, &q.second);
        if (!cancel) assert_as_alone(first, &q.first);
        free_questions(&q);
        vl2_close(e);
    }
}

/* A slot whose pages another one shares is taken for a prompt that parts from both in the middle of a page. */
static void shared_pages_are_not_written(void **state)
{
    static const char *const text[] = { LONG_TEXT "Who?", LONG_TEXT "Where are the boats?", "The harbour lies open." };
    Vl2Message m[3];
    Vl2Request *r[4];
    (void)state;
    for (int i = 0; i < 3; i++) m[i] = (Vl2Message){ .role = "user", .content = text[i] };
    Vl2Engine *e = open_engine(MODEL, &(Vl2Options){ .sequences = 2 });
    r[0] = ask(e, &m[0], 100);
    const int slot = r[0]->slot;
    run_to_end(r[0]);
    r[1] = ask(e, &m[1], 100);
    assert_true(r[1]->slot != slot && kv_is_shared(&e->cache, slot, 0));
    for (int i = 0; i < 5; i++) engine_step(e);
    r[2] = ask(e, &m[2], 60);
    assert_true(r[2]->slot == slot && r[2]->n_reused > 0 && r[2]->n_reused < KV_PAGE);
    assert_false(kv_is_shared(&e->cache, slot, 0));
    run_to_end(r[2]);
    r[3] = ask(e, &m[0], 60); /* from the one that still runs */
    assert_int_equal(r[1]->state, REQUEST_DECODE);
    assert_true(r[3]->n_reused > KV_PAGE);
    run_to_end(r[3]);
    run_to_end(r[1]);
    for (int i = 1; i < 4; i++) assert_as_alone(r[i], &m[i % 3]);
    vl2_close(e);
}

/* Random arrivals, lengths, cancellations and prompts that begin alike, with guesses, in a cache that is always too small. In the
 * end no page is lost, and each answer that ended by itself is that of a lone run. */
static void no_page_is_lost_in_a_crowd(void **state)
{
    enum { KINDS = 6, PLACES = 3, ROUNDS = 60 };
    static const char *const text[KINDS] = { "a",       LONG_TEXT "Who?",           LONG_TEXT "Where?",
                                             LONG_TEXT, LONG_TEXT LONG_TEXT "Why?", "The harbour lies open." };
    static const int length[KINDS] = { 60, 20, 90, 5, 30, 70 };
    Vl2Request *r[PLACES + 2] = { 0 }, *alone[KINDS];
    Rng rng = { 11, 0 };
    (void)state;
    Vl2Engine *one = open_engine(MODEL, NULL);
    for (int i = 0; i < KINDS; i++) run_to_end(alone[i] = ask_text(one, text[i], length[i]));
    Vl2Engine *e = open_engine(
        MODEL, &(Vl2Options){ .sequences = PLACES, .context = 256, .cache_tokens = 448, .chunk = 32, .speculate = 4 });
    for (int round = 0; round < ROUNDS; round++) {
        const int at = (int)(rng_next(&rng) % (PLACES + 2)), kind = (int)(rng_next(&rng) % KINDS);
        if (r[at] && rng_next(&rng) % 3 == 0) vl2_cancel(r[at]);
        vl2_release(r[at]);
        r[at] = ask_text(e, text[kind], length[kind]);
        for (int i = (int)(rng_next(&rng) % 12); i > 0; i--) engine_step(e);
        for (int i = 0; i < PLACES + 2; i++) {
            if (!r[i] || r[i]->state != REQUEST_DONE || strcmp(r[i]->finish_reason, "cancelled") == 0) continue;
            for (int k = 0; k < KINDS; k++)
                if (alone[k]->prompt.n == r[i]->prompt.n && alone[k]->limit == r[i]->limit)
                    assert_memory_equal(r[i]->likelihood, alone[k]->likelihood,
                                        2 * alone[k]->output.n * sizeof *alone[k]->likelihood);
        }
    }
    for (int i = 0; i < PLACES + 2; i++) vl2_release(r[i]);
    for (int i = 0; i < PLACES; i++) kv_release(&e->cache, i, 0);
    assert_int_equal(e->cache.n_free, e->cache.n_pages);
    for (int i = 0; i < e->cache.n_pages; i++) assert_int_equal(e->cache.holders[i], 0);
    vl2_close(e);
    vl2_close(one);
}

TEST_MAIN(TEST(many_requests_in_a_small_cache_all_end), TEST(a_large_request_is_not_passed_for_ever),
          TEST(what_is_kept_makes_room), TEST(a_cache_under_a_context_is_refused),
          TEST(a_running_answer_shares_its_picture), TEST(requests_that_come_together_read_once),
          TEST(shared_pages_are_not_written), TEST(no_page_is_lost_in_a_crowd))
