/* test_sampling.c - the distribution after penalty, temperature, top-k and top-p against the official processors. */
#include "golden_model.h"

static void distributions_equal_official(void **state)
{
    (void)state;
    for (int i = 0; i < N_GOLDEN_MODELS; i++) {
        json_t *file = load_case(golden_models[i]), *sampling = json_object_get(file, "sampling"), *row;
        TensorFiles *probs = load_expected(golden_models[i], json_string_value(json_object_get(sampling, "file")));
        size_t k;
        double worst = 0, bound = 0;
        json_array_foreach(json_object_get(sampling, "rows"), k, row)
        {
            const char *conversation = json_string_value(json_object_get(row, "conversation"));
            const json_t *spec = json_object_get(json_object_get(file, "conversations"), conversation);
            TensorFiles *expected =
                load_expected(golden_models[i], json_string_value(json_object_get(spec, "expected_file")));
            const FileTensor *ids = want(expected, "input_ids"), *logits = want(expected, "logits_last");
            const FileTensor *p = want(probs, json_string_value(json_object_get(row, "tensor")));
            const int vocab = (int)n_elements(logits), n = (int)n_elements(ids);
            int32_t *prompt = xcalloc((size_t)n, sizeof *prompt);
            float *l = xcalloc((size_t)vocab, sizeof *l), *ours = xcalloc((size_t)vocab, sizeof *ours);
            for (int j = 0; j < n; j++) prompt[j] = (int32_t)int_at(ids, (size_t)j);
            memcpy(l, logits->data, logits->bytes);
            Vl2Sampling o = VL2_GREEDY;
            o.temperature = (float)json_number_value(json_object_get(row, "temperature"));
            o.top_p = (float)json_number_value(json_object_get(row, "top_p"));
            o.top_k = (int)json_integer_value(json_object_get(row, "top_k"));
            o.repetition_penalty = (float)json_number_value(json_object_get(row, "repetition_penalty"));
            Sampler s;
            Error e;
            assert_true(sampler_open(&s, &o, NULL, vocab, prompt, n, &e));
            sampler_distribution(&s, l, ours);
            int kept = 0;
            for (int j = 0; j < vocab; j++) {
                kept += ours[j] > 0;
                worst = fmax(worst, fabs((double)ours[j] - f32_at(p, (size_t)j)));
            }
            assert_int_equal(kept, json_integer_value(json_object_get(row, "tokens_kept")));
            bound = fmax(bound, 10 * json_number_value(json_object_get(row, "max_abs_err_vs_fp64")));
            sampler_close(&s);
            free(prompt);
            free(l);
            free(ours);
            tensor_files_close(expected);
        }
        assert_within(golden_models[i], worst, fmax(bound, 1e-6)); /* 1e-6: f32 probabilities near 1 */
        tensor_files_close(probs);
        json_decref(file);
    }
}

/* A draw follows the distribution and depends on the seed alone. */
static void draws_follow_the_distribution(void **state)
{
    enum { VOCAB = 5, DRAWS = 20000 };
    static const float logits[VOCAB] = { 0.0f, 1.0f, 2.0f, -1.0f, 0.5f };
    Vl2Sampling o = VL2_GREEDY;
    float p[VOCAB];
    int count[VOCAB] = { 0 };
    Error e;
    (void)state;
    o.temperature = 1;
    Sampler s, again;
    o.seed = 7;
    assert_true(sampler_open(&s, &o, NULL, VOCAB, NULL, 0, &e));
    assert_true(sampler_open(&again, &o, NULL, VOCAB, NULL, 0, &e));
    sampler_distribution(&s, logits, p);
    for (int i = 0; i < DRAWS; i++) {
        const int32_t id = sampler_next(&s, logits);
        assert_int_equal(id, sampler_next(&again, logits));
        count[id]++;
    }
    double worst = 0;
    for (int i = 0; i < VOCAB; i++) worst = fmax(worst, fabs((double)count[i] / DRAWS - p[i]));
    assert_within("frequency of a draw", worst, 4 * sqrt(0.25 / DRAWS)); /* four standard deviations */
    sampler_close(&s);
    sampler_close(&again);
}

static void options_out_of_range_are_named(void **state)
{
    static const struct {
        Vl2Sampling o;
        const char *name;
    } bad[] = { { { .top_p = 1, .repetition_penalty = 1, .temperature = -1 }, "temperature" },
                { { .top_p = 1.5f, .repetition_penalty = 1 }, "top_p" },
                { { .top_p = 1, .repetition_penalty = 0 }, "repetition_penalty" },
                { { .top_p = 1, .repetition_penalty = 1, .top_k = -1 }, "top_k" },
                { { .top_p = 1, .repetition_penalty = 1, .min_p = NAN }, "min_p" },
                { { .top_p = 1, .repetition_penalty = 1, .presence_penalty = 3 }, "presence_penalty" } };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Sampler s;
        Error e;
        assert_false(sampler_open(&s, &bad[i].o, NULL, 4, NULL, 0, &e));
        assert_non_null(strstr(e.text, bad[i].name));
    }
}

TEST_MAIN(TEST(distributions_equal_official), TEST(draws_follow_the_distribution), TEST(options_out_of_range_are_named))
