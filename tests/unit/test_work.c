/* test_work.c - what a model asks of a machine, against numbers added up by hand and against published sums for tiny. */
int make_model_main(int argc, char **argv);
#define main make_model_main
#include "../../tools/make_model.c"
#undef main

#include "engine/work.h"

#include "golden_model.h"
#include "temp_folder.h"

/* micro-mha: width 64, 4 layers, the first dense with 160, the others with 3 of 8 experts of 48 and 2 shared ones, 4 heads
 * of 16, 600 tokens. Attention 4 * 4 * 64 * 64, dense 3 * 64 * 160, router 8 * 64, an expert 3 * 64 * 48. */
enum {
    ATTENTION = 65536,
    DENSE = 30720,
    ROUTER = 512,
    EXPERT = 9216,
    HEAD = 38400,
    ROW = ATTENTION + DENSE + 3 * (ROUTER + (3 + 2) * EXPERT) /* without the head */
};

static void weights_of_a_token_are_those_it_meets(void **state)
{
    (void)state;
    Vl2Engine *mha = open_engine("micro-mha", NULL), *mla = open_engine("micro-mla", NULL);
    assert_int_equal(weights_of_token(mha), 274432);
    assert_int_equal(ROW + HEAD, 274432);
    /* q 4 * 24 * 64, kv_a 40 * 64, kv_b 4 * 32 * 32, o 64 * 64 in the place of attention */
    assert_int_equal(weights_of_token(mla), 274432 - ATTENTION + 4 * (6144 + 2560 + 4096 + 4096));
    vl2_close(mha);
    vl2_close(mla);
}

/* 10 rows after 5: 5 * 10 + 55 pairs of positions, in 4 layers and 4 heads, 2 * 16 products each. */
static void operations_of_a_prompt_add_up(void **state)
{
    (void)state;
    Vl2Engine *e = open_engine("micro-mha", NULL);
    const double attention = 105.0 * 4 * 4 * 32, rows = 10.0 * ROW + HEAD;
    Operations o = operations_of_prompt(e, 10, 5);
    assert_int_equal(o.operations[COMPUTE_F32], 2 * (rows + attention));
    e->run.compute[DT_BF16] = COMPUTE_BF16;
    o = operations_of_prompt(e, 10, 5);
    assert_int_equal(o.operations[COMPUTE_F32], 2 * (attention + 10 * 3 * ROUTER));
    assert_int_equal(o.operations[COMPUTE_BF16], 2 * (rows - 10 * 3 * ROUTER));
    assert_int_equal(o.operations[COMPUTE_INT8], 0);
    vl2_close(e);
}

static void weights_without_room_are_read_again(void **state)
{
    (void)state;
    const MemoryPlan p = { .weights = 1000, .total = 1200 };
    assert_int_equal(plan_read_again(&p, 1200, 500), 0);
    assert_int_equal(plan_read_again(&p, 700, 500), 250); /* room for 500 of the 1000 */
    assert_int_equal(plan_read_again(&p, 100, 500), 500); /* for none */
}

/* MLA counts as the paper writes it: a query and key of 16 + 8, a value of 16. */
static void absorbed_attention_counts_as_written(void **state)
{
    (void)state;
    Vl2Engine *e = open_engine("micro-mla", NULL);
    const Operations one = operations_of_prompt(e, 1, 0), later = operations_of_prompt(e, 1, 100);
    assert_int_equal(later.operations[COMPUTE_F32] - one.operations[COMPUTE_F32], 2 * 100 * 4 * 4 * (24 + 16));
    vl2_close(e);
}

/* 27 x 27 patches of 588 numbers, width 48, 3 blocks with an MLP of 179; 14 x 14 tokens of 4 * 48 numbers, two layers. */
static void operations_of_a_tile_add_up(void **state)
{
    (void)state;
    Vl2Engine *e = open_engine("micro-mha", NULL);
    const double patch = 48 * 588 + 3 * (4 * 48 * 48 + 2 * 48 * 179), attention = 2.0 * 729 * 729 * 48 * 3;
    const double token = 64 * 192 + 64 * 64;
    assert_int_equal(operations_of_tile(e).operations[COMPUTE_F32], 2 * (729 * patch + attention + 196 * token));
    vl2_close(e);
}

/* Of 8 experts one token visits 3; of three tokens at least one does with 1 - (5/8)^3. */
static void bytes_of_a_step_count_visited_experts_once(void **state)
{
    (void)state;
    Vl2Engine *e = open_engine("micro-mha", NULL);
    const double cache = 4 * 2 * 64 * 4; /* of a position: layers, keys and values, f32 */
    assert_int_equal(bytes_of_step(e, 1, 0), 2 * (ROW + HEAD));
    assert_int_equal(bytes_of_step(e, 1, 9) - bytes_of_step(e, 1, 0), 9 * cache);
    const double others = ROW - 3 * 3 * EXPERT + HEAD, visited = 3 * 8 * EXPERT * (1 - 0.244140625);
    assert_int_equal(bytes_of_step(e, 3, 7), 2 * (others + visited) + 3 * 7 * cache);
    vl2_close(e);
}

static void a_limit_takes_each_type_at_its_own_peak(void **state)
{
    (void)state;
    const Operations o = { { [COMPUTE_F32] = 10, [COMPUTE_BF16] = 60, [COMPUTE_INT8] = 400 } };
    assert_true(limit_seconds(&o, (double[COMPUTE_TYPES]){ 10, 20, 100 }) == 1 + 3 + 4);
    assert_true(limit_seconds(&o, (double[COMPUTE_TYPES]){ 10, 0, 100 }) == 1 + 6 + 4); /* no bf16: by f32 */
    assert_true(limit_seconds(&o, (double[COMPUTE_TYPES]){ 0, 0, 0 }) == 0);
}

/* ---- full shapes ---- */

/* A checkpoint of the full shape that takes no room: a header, then a hole in the file. */
static void write_hollow(const char *path, const TensorList *l)
{
    Str header = { 0 };
    uint64_t at = 0;
    for (int i = 0; i < l->n; i++) {
        const ListedTensor *t = &l->tensor[i];
        str_printf(&header, "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[", i ? "," : "{", t->name);
        for (int k = 0; k < t->n_dims; k++) str_printf(&header, "%s%" PRId64, k ? "," : "", t->dim[k]);
        str_printf(&header, "],\"data_offsets\":[%" PRIu64 ",", at);
        at += 2 * listed_elements(t);
        str_printf(&header, "%" PRIu64 "]}", at);
    }
    str_putc(&header, '}');
    const uint64_t n = header.n; /* little-endian, as all processors that this runs on */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fwrite(&n, sizeof n, 1, f) == 1 && fwrite(header.text, 1, header.n, f) == header.n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(truncate(path, (off_t)(8 + n + at)), 0);
    str_free(&header);
}

/* An engine with nothing but configuration and weights, in bf16. */
static void open_hollow(Vl2Engine *e, Checkpoint *c, const char *shape)
{
    Error err = { 0 };
    const Options o = { .shape = model_shape_find(shape), .dtype = DT_BF16 };
    TempFolder s = temp_open();
    const char *path = temp_path(&s, "model.safetensors");
    assert_true(make_config(c, &o, &err));
    assert_true(tensor_list(&c->list, &c->parsed, &err));
    write_hollow(path, &c->list);
    *e = (Vl2Engine){ .model.config = c->parsed };
    e->model.files = tensor_files_open(path, &err);
    if (!e->model.files || !arena_open(&e->model.arena, 64 << 20, &err) ||
        !weights_bind(&e->model.weights, e->model.files, &c->parsed, &e->model.arena, &err))
        fail_msg("%s", err.text);
    e->run.compute[DT_BF16] = COMPUTE_BF16;
    temp_close(&s); /* what is mapped stays */
}

static void close_hollow(Vl2Engine *e, Checkpoint *c)
{
    arena_close(&e->model.arena);
    tensor_files_close(e->model.files);
    tensor_list_free(&c->list);
    config_free(&c->parsed);
    json_decref(c->config);
    json_decref(c->processor);
}

static double all_operations(const Operations *o)
{
    return o->operations[COMPUTE_F32] + o->operations[COMPUTE_BF16];
}

static double off(double found, double expected)
{
    return fabs(found / expected - 1);
}

/* Sums that others give for these shapes, in three digits: 573 million weights a token (with the router: 574), 0.828
 * GFLOP a token in a prompt of 421, 0.878 of 2048, 0.667 TFLOP a tile; 2.45 billion and 4.55 GFLOP for small. */
static void tiny_and_small_ask_what_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        double weights;
        int prompt[2];
        double gflop[2];
    } rows[] = { { "tiny", 573e6, { 421, 2048 }, { 0.828, 0.878 } },
                 { "small", 2.45e9, { 512, 512 }, { 4.55, 4.55 } } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Vl2Engine e;
        Checkpoint c = { 0 };
        open_hollow(&e, &c, rows[i].shape);
        assert_within("weights of a token", off(weights_of_token(&e), rows[i].weights), 0.003);
        for (int k = 0; k < 2; k++) {
            const Operations prompt = operations_of_prompt(&e, rows[i].prompt[k], 0);
            assert_within("GFLOP of a prompt's token",
                          off(all_operations(&prompt) / rows[i].prompt[k] / 1e9, rows[i].gflop[k]), 0.005);
        }
        const Operations tile = operations_of_tile(&e);
        assert_within("TFLOP of a tile", off(all_operations(&tile) / 1e12, 0.667), 0.01);
        close_hollow(&e, &c);
    }
}

TEST_MAIN(TEST(weights_without_room_are_read_again), TEST(weights_of_a_token_are_those_it_meets),
          TEST(operations_of_a_prompt_add_up), TEST(absorbed_attention_counts_as_written),
          TEST(operations_of_a_tile_add_up), TEST(bytes_of_a_step_count_visited_experts_once),
          TEST(a_limit_takes_each_type_at_its_own_peak), TEST(tiny_and_small_ask_what_is_known))
