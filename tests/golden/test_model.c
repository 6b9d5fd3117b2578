/* test_model.c - every stage of the model against the official implementation, for four micro models and seven
 * conversations: ids, pixels, vision, projector, embeddings, layers, routing, logits, greedy answers. */
#include "golden_model.h"

typedef struct {
    const char *model, *conversation;
} Case;

typedef struct {
    json_t *file, *spec; /* case.json, and the conversation in it */
    TensorFiles *expected;
    Messages messages;
    Vl2Engine *engine;
    Trace trace;
    Vl2Request *r;
} Fixture;

static void open_fixture(Fixture *f, const Case *c)
{
    char expected[64];
    snprintf(expected, sizeof expected, "expected_%s.safetensors", c->conversation);
    f->expected = load_expected(c->model, expected); /* first: a skip leaves nothing behind */
    f->file = load_case(c->model);
    f->spec = json_object_get(json_object_get(f->file, "conversations"), c->conversation);
    assert_non_null(f->spec);
    load_messages(&f->messages, json_object_get(f->spec, "messages"));
    f->engine = open_engine(c->model, NULL);
    trace_open(&f->trace, NULL);
    engine_trace(f->engine, &f->trace.sink, true);
    Vl2Sampling o = VL2_GREEDY;
    o.max_tokens = 24;
    o.show_special = true;
    f->r = submit(f->engine, &f->messages, &o);
    run_to_end(f->r);
}

static void close_fixture(Fixture *f)
{
    trace_close(&f->trace);
    vl2_close(f->engine);
    free_messages(&f->messages);
    tensor_files_close(f->expected);
    json_decref(f->file);
}

static double worse(double worst, double a, double b)
{
    const double d = fabs(a - b);
    return d <= worst ? worst : isnan(d) ? INFINITY : d;
}

/* The largest difference between what was seen, begin + i * step of its elements, and a reference tensor's n elements. */
static double compare(const FileTensor *expected, size_t at, size_t n, const float *seen, size_t step)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) worst = worse(worst, seen[i * step], f32_at(expected, at + i));
    return worst;
}

static const TracedTensor *seen(const Fixture *f, const char *name, int index)
{
    char full[64];
    if (index < 0)
        snprintf(full, sizeof full, "%s", name);
    else
        snprintf(full, sizeof full, "%s.%d", name, index);
    const TracedTensor *t = trace_find(&f->trace, full);
    if (!t) fail_msg("%s was not traced", full);
    return t;
}

static void check_ids(const Fixture *f)
{
    const Prompt *p = &f->r->prompt;
    const FileTensor *ids = want(f->expected, "input_ids"), *mask = want(f->expected, "images_seq_mask");
    const FileTensor *crop = want(f->expected, "images_spatial_crop");
    assert_int_equal(p->n, n_elements(ids));
    for (int i = 0; i < p->n; i++) {
        assert_int_equal(p->id[i], int_at(ids, (size_t)i));
        assert_int_equal(p->is_image[i], mask->data[i]);
    }
    for (int i = 0; i < p->n_images; i++) {
        assert_int_equal(p->image[i].tiles.across, int_at(crop, 2 * (size_t)i));
        assert_int_equal(p->image[i].tiles.down, int_at(crop, 2 * (size_t)i + 1));
        assert_int_equal(p->image[i].n_tokens, int_at(want(f->expected, "num_image_tokens"), (size_t)i));
    }
    int32_t *labels = xcalloc((size_t)p->n, sizeof *labels);
    for (int masked = 0; masked < 2; masked++) {
        const FileTensor *t =
            want(f->expected, masked ? "target_ids_mask_prompt_true" : "target_ids_mask_prompt_false");
        prompt_labels(p, masked, labels);
        for (int i = 0; i < p->n; i++) assert_int_equal(labels[i], int_at(t, (size_t)i));
    }
    free(labels);
    assert_string_equal(f->r->sft_format.text, json_string_value(json_object_get(f->spec, "sft_format")));
}

/* Bytes of every tile: their sum, every 997th float, and the whole first tile. */
static void check_pixels(const Fixture *f)
{
    const FileTensor *sum = want(f->expected, "pixel_u8_sum"), *sub = want(f->expected, "pixel_sub");
    const int side = f->engine->model.config.processor.image_size;
    const size_t area = (size_t)side * (size_t)side, per_tile = n_elements(sub) / (size_t)f->r->n_tiles;
    size_t tile = 0;
    for (int i = 0; i < f->r->prompt.n_images; i++)
        for (int k = 0; k < f->r->prompt.image[i].tiles.n; k++, tile++) {
            const uint8_t *rgb = f->r->prompt.image[i].tiles.rgb + (size_t)k * area * 3;
            int64_t total = 0;
            for (size_t j = 0; j < 3 * area; j++) total += rgb[j];
            assert_int_equal(total, int_at(sum, tile));
            for (size_t j = 0; j < per_tile; j++) {
                const size_t at = 997 * j;
                const float v = ((float)rgb[at % area * 3 + at / area] / 255.0f - 0.5f) / 0.5f;
                assert_true(v == f32_at(sub, tile * per_tile + j));
            }
        }
    const FileTensor *first = tensor_files_find(f->expected, "pixel_tile0_u8");
    for (size_t j = 0; first && j < 3 * area; j++)
        assert_int_equal(first->data[j], f->r->prompt.image[0].tiles.rgb[j % area * 3 + j / area]);
}

static void check_vision(const Fixture *f)
{
    const VisionConfig *c = &f->engine->model.config.vision;
    const FileTensor *blocks = want(f->expected, "vision_blocks_tile0_first4"),
                     *sub = want(f->expected, "vision_out_sub");
    const size_t width = (size_t)c->width, tile = (size_t)(c->grid * c->grid) * width;
    double worst = 0;
    for (int i = 0; i <= c->layers; i++)
        worst = fmax(worst, compare(blocks, (size_t)i * 4 * width, 4 * width, seen(f, "vision_block", i)->data, 1));
    assert_within("vision blocks", worst, bound_of(f->spec, "vision_blocks_tile0_first4"));
    const float *out = seen(f, "vision_out", -1)->data;
    const FileTensor *first = tensor_files_find(f->expected, "vision_out_tile0");
    const FileTensor *last = tensor_files_find(f->expected, "vision_out_last_tile");
    worst = first ? compare(first, 0, tile, out, 1) : 0;
    if (last) worst = fmax(worst, compare(last, 0, tile, out + (size_t)(f->r->n_tiles - 1) * tile, 1));
    const size_t per_tile = n_elements(sub) / (size_t)f->r->n_tiles;
    for (size_t i = 0; i < (size_t)f->r->n_tiles; i++)
        worst = fmax(worst, compare(sub, i * per_tile, per_tile, out + i * tile, 61));
    assert_within("vision output", worst, bound_of(f->spec, "vision_out"));
}

static void check_projector(const Fixture *f)
{
    const TracedTensor *out = seen(f, "projector_out", -1);
    const FileTensor *whole = tensor_files_find(f->expected, "projector_out");
    double worst = 0;
    if (whole)
        worst = compare(whole, 0, n_elements(whole), out->data, 1);
    else {
        const FileTensor *sub = want(f->expected, "projector_out_sub");
        const size_t n = (size_t)f->r->n_tiles, per_tile = n_elements(sub) / n, tile = out->rows / n * out->cols;
        for (size_t i = 0; i < n; i++)
            worst = fmax(worst, compare(sub, i * per_tile, per_tile, out->data + i * tile, 29));
    }
    assert_within("projector", worst, bound_of(f->spec, "projector_out"));
}

static void check_embeddings(const Fixture *f)
{
    const TracedTensor *x = seen(f, "inputs_embeds", -1);
    const FileTensor *whole = tensor_files_find(f->expected, "inputs_embeds");
    double worst = 0;
    if (whole)
        worst = compare(whole, 0, n_elements(whole), x->data, 1);
    else {
        const FileTensor *sub = want(f->expected, "inputs_embeds_sub");
        for (size_t i = 0; i < (size_t)sub->dim[0]; i++)
            worst = fmax(worst, compare(sub, i * x->cols, x->cols, x->data + 7 * i * x->cols, 1));
    }
    assert_within("input embeddings", worst, bound_of(f->spec, "inputs_embeds"));
}

static void check_layers(const Fixture *f)
{
    static const char *const name[] = { "attn_out", "mlp_out", "layer_out" };
    const int layers = f->engine->model.config.language.n_layers;
    const size_t n = (size_t)f->r->prompt.n, d = (size_t)f->engine->model.config.language.hidden_size;
    for (int k = 0; k < 3; k++) {
        char full[32];
        double worst = 0;
        snprintf(full, sizeof full, "%s_last4", name[k]);
        for (int i = 0; i < layers; i++)
            worst = fmax(worst, compare(want(f->expected, full), (size_t)i * 4 * d, 4 * d,
                                        seen(f, name[k], i)->data + (n - 4) * d, 1));
        assert_within(full, worst, bound_of(f->spec, full));
    }
    double worst =
        compare(want(f->expected, "final_norm_last4"), 0, 4 * d, seen(f, "final_norm", -1)->data + (n - 4) * d, 1);
    assert_within("final_norm_last4", worst, bound_of(f->spec, "final_norm_last4"));
    worst = 0;
    for (int i = 0; i < layers; i++)
        for (size_t row = 0; row < n; row++) {
            double squares = 0;
            for (size_t c = 0; c < d; c++) squares += pow(seen(f, "layer_out", i)->data[row * d + c], 2);
            worst = worse(worst, sqrt(squares / (double)d),
                          f32_at(want(f->expected, "layer_out_rms_all"), (size_t)i * n + row));
        }
    assert_within("layer_out_rms_all", worst, bound_of(f->spec, "layer_out_all_positions"));
}

static void check_routing(const Fixture *f)
{
    const LanguageConfig *c = &f->engine->model.config.language;
    double worst = 0, bound = 0;
    for (int i = 0; i < c->n_layers; i++) {
        char name[32];
        if (!config_layer_is_moe(c, i)) continue;
        snprintf(name, sizeof name, "moe_ids_layer%d", i);
        const FileTensor *ids = want(f->expected, name);
        for (size_t k = 0; k < n_elements(ids); k++)
            assert_int_equal((int64_t)seen(f, "moe_ids", i)->data[k], int_at(ids, k));
        snprintf(name, sizeof name, "moe_weights_layer%d", i);
        worst = fmax(worst, compare(want(f->expected, name), 0, n_elements(ids), seen(f, "moe_weights", i)->data, 1));
        bound = fmax(bound, bound_of(f->spec, name));
    }
    assert_within("expert weights (ids identical)", worst, bound);
}

static void check_logits(const Fixture *f)
{
    const TracedTensor *x = seen(f, "logits", -1);
    const FileTensor *at = want(f->expected, "logits_positions"), *best = want(f->expected, "argmax_all_positions");
    const size_t n = (size_t)f->r->prompt.n;
    double worst = compare(want(f->expected, "logits_last"), 0, x->cols, x->data + (n - 1) * x->cols, 1);
    for (size_t i = 0; i < n_elements(at); i++)
        worst = fmax(worst, compare(want(f->expected, "logits_at_positions"), i * x->cols, x->cols,
                                    x->data + (size_t)int_at(at, i) * x->cols, 1));
    assert_within("logits", worst, bound_of(f->spec, "logits_all_positions"));
    for (size_t i = 0; i < n; i++) {
        size_t b = 0;
        for (size_t k = 1; k < x->cols; k++)
            if (x->data[i * x->cols + k] > x->data[i * x->cols + b]) b = k;
        assert_int_equal(b, int_at(best, i));
    }
}

static void check_answer(const Fixture *f)
{
    const json_t *greedy = json_object_get(json_object_get(f->spec, "generation"), "greedy");
    const json_t *tokens = json_object_get(greedy, "tokens");
    const TracedTensor *x = seen(f, "logits", -1);
    const FileTensor *logits = want(f->expected, "gen_logits");
    assert_int_equal(f->r->output.n, json_array_size(tokens));
    for (size_t i = 0; i < f->r->output.n; i++)
        assert_int_equal(f->r->output.id[i], json_integer_value(json_array_get(tokens, i)));
    assert_string_equal(f->r->text.text, json_string_value(json_object_get(greedy, "text")));
    const double worst = compare(logits, 0, n_elements(logits), x->data + (size_t)(f->r->prompt.n - 1) * x->cols, 1);
    assert_within("logits of the answer", worst, bound_of(f->spec, "gen_logits"));
}

static void equals_official(void **state)
{
    const Case *c = *state;
    Fixture f = { 0 };
    open_fixture(&f, c);
    check_ids(&f);
    if (f.r->n_tiles) {
        check_pixels(&f);
        check_vision(&f);
        check_projector(&f);
    }
    check_embeddings(&f);
    check_routing(&f);
    check_layers(&f);
    check_logits(&f);
    check_answer(&f);
    close_fixture(&f);
}

/* One test for each model and conversation, named after them. Under a sanitizer the models with large tiles have one conversation
 * with a picture and one without. */
int main(void)
{
    static Case cases[N_GOLDEN_MODELS * N_GOLDEN_CONVERSATIONS];
    enum { ENOUGH = SANITIZED ? 2 : N_GOLDEN_CONVERSATIONS };
    static TestList tests;
    for (int i = 0; i < N_GOLDEN_MODELS * N_GOLDEN_CONVERSATIONS; i++) {
        if (i / N_GOLDEN_CONVERSATIONS >= N_TESTED_MODELS && i % N_GOLDEN_CONVERSATIONS >= ENOUGH) continue;
        Case *c = &cases[i];
        *c = (Case){ golden_models[i / N_GOLDEN_CONVERSATIONS], golden_conversations[i % N_GOLDEN_CONVERSATIONS] };
        add_test(&tests, equals_official, c, "%s_%s_equals_official", c->model, c->conversation);
    }
    return run_list(&tests);
}
