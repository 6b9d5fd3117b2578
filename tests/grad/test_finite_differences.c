/* test_finite_differences.c - the backward of every operation against central differences of its forward.
 *
 * The loss is a fixed random sum over the result. A step of h in one number changes it by 2 h times the gradient, up to h^2 times
 * a third derivative and the rounding of two f32 forwards over 2 h: with numbers near 1 and h = 2^-7 both stay below 1e-4 of
 * the largest gradient, and a wrong term is far above the bound of 1e-3. */
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "format/quantize.h"
#include "nn/ops.h"
#include "nn/tape.h"

#include "support.h" /* last: cmocka has a macro fail() */

enum { ROWS = 9, MAX_INPUTS = 12 };

static const float h = 0x1p-7f;

typedef struct {
    float *value, *grad;
    int n;
} Input;

typedef struct {
    Run run;
    Tape tape;
    Arena arena, kept; /* of a pass; of the test */
    Rng rng;
    Input input[MAX_INPUTS];
    int n_inputs;
    BatchRow row[ROWS];
    Batch batch;
} Bench;

typedef Tensor *Operation(Bench *b);

static float draw(Bench *b)
{
    return (float)(2 * rng_uniform(&b->rng) - 1);
}

/* n numbers near 1 in size, watched: their gradient is compared. */
static Input *add_input(Bench *b, int n)
{
    assert_true(b->n_inputs < MAX_INPUTS);
    Input *in = &b->input[b->n_inputs++];
    *in = (Input){ arena_get(&b->kept, (size_t)n * sizeof(float)),
                   arena_get_zeroed(&b->kept, (size_t)n * sizeof(float)), n };
    for (int i = 0; i < n; i++) in->value[i] = draw(b);
    return in;
}

/* Input i as a tensor; it has a gradient when there is a tape. */
static Tensor *tensor_of(Bench *b, int i, int rows, int cols)
{
    Input *in = &b->input[i];
    assert_int_equal(in->n, rows * cols);
    Tensor *t = arena_get(&b->arena, sizeof *t);
    *t = (Tensor){ in->value, rows, cols, (size_t)cols, b->run.tape ? in->grad : NULL };
    return t;
}

static Weight weight_of(Bench *b, int i, int rows, int cols)
{
    assert_int_equal(b->input[i].n, rows * cols);
    return (Weight){ .data = b->input[i].value, .dtype = DT_F32, .rows = rows, .cols = cols, .grad = b->input[i].grad };
}

static Vector vector_of(Bench *b, int i)
{
    return (Vector){ b->input[i].value, b->input[i].grad };
}

/* What lives as long as the pass: records point to it. */
static void *keep(Bench *b, const void *bytes, size_t n)
{
    return memcpy(arena_get(&b->arena, n), bytes, n);
}
#define KEEP(b, T, ...) ((T *)keep(b, &(T)__VA_ARGS__, sizeof(T)))

static void open_bench(Bench *b, uint64_t seed)
{
    Error e;
    *b = (Bench){ .rng = { seed, 0 } };
    assert_true(arena_open(&b->arena, 64 << 20, &e) && arena_open(&b->kept, 8 << 20, &e));
    b->run = (Run){ .k = kernels_get(cpu_best()), .pool = pool_open(2, &e), .arena = &b->arena };
    for (int i = 0; i < ROWS; i++) /* two sequences: 5 rows and 4 */
        b->row[i] = (BatchRow){ .token = i % 3, .position = i < 5 ? i : i - 5, .sequence = i >= 5, .length = 5 };
    b->batch = (Batch){ b->row, ROWS };
}

static void close_bench(Bench *b)
{
    pool_close(b->run.pool);
    arena_close(&b->arena);
    arena_close(&b->kept);
}

/* The sum of the result times fixed random numbers, in f64. */
static double loss_of(Bench *b, Operation *f, bool backward)
{
    const ArenaMark mark = arena_mark(&b->arena);
    b->tape = (Tape){ 0 };
    b->run.tape = backward ? &b->tape : NULL;
    Tensor *y = f(b);
    double sum = 0;
    for (int i = 0; i < y->rows; i++)
        for (int c = 0; c < y->cols; c++) {
            const float w = (float)(rng_at(77, (uint64_t)(i * y->cols + c)) >> 40) * 0x1p-24f - 0.5f;
            sum += (double)w * (double)tensor_row(y, i)[c];
            if (backward) tensor_grad_row(y, i)[c] = w;
        }
    if (backward) tape_backward(&b->run);
    b->run.tape = NULL;
    arena_release(&b->arena, mark);
    return sum;
}

static void check_input(Bench *b, const char *name, int which, Operation *f)
{
    const Input *in = &b->input[which];
    double worst = 0, most = 1e-3;
    const int step = in->n > 60 ? in->n / 60 : 1;
    for (int i = 0; i < in->n; i += step) most = fmax(most, fabs((double)in->grad[i]));
    for (int i = 0; i < in->n; i += step) {
        const float at = in->value[i];
        in->value[i] = at + h;
        const double up = loss_of(b, f, false);
        in->value[i] = at - h;
        const double down = loss_of(b, f, false);
        in->value[i] = at;
        const double d = fabs((up - down) / (2 * (double)h) - (double)in->grad[i]) / most;
        if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
    }
    char what[64];
    snprintf(what, sizeof what, "%s, input %d", name, which);
    assert_within(what, worst, 1e-3);
}

static void check(Bench *b, const char *name, Operation *f)
{
    for (int i = 0; i < b->n_inputs; i++) memset(b->input[i].grad, 0, (size_t)b->input[i].n * sizeof(float));
    loss_of(b, f, true);
    for (int i = 0; i < b->n_inputs; i++) check_input(b, name, i, f);
}

/* ---- the operations: input 0 is x, the others what it meets ---- */

enum { IN = 21, OUT = 19, D = 24 };

static Tensor *do_linear(Bench *b)
{
    return linear(&b->run, tensor_of(b, 0, ROWS, IN), KEEP(b, Linear, { weight_of(b, 1, OUT, IN), vector_of(b, 2) }));
}

/* Two matrices at once, on columns of x; the sum of what they give. */
static Tensor *do_linears(Bench *b)
{
    const Linear *both[] = { KEEP(b, Linear, { weight_of(b, 1, OUT, IN - 3), { 0 } }),
                             KEEP(b, Linear, { weight_of(b, 2, OUT, IN - 3), vector_of(b, 3) }) };
    Tensor *y[2];
    linears(&b->run, tensor_cols(&b->run, tensor_of(b, 0, ROWS, IN), 3, IN - 3), both, 2, y);
    return add(&b->run, y[0], y[1]);
}

/* An adapter on a frozen matrix, the same mask of dropout in every pass. */
static Tensor *do_lora(Bench *b)
{
    const Lora *l =
        KEEP(b, Lora,
             { .a = weight_of(b, 1, 4, IN), .b = weight_of(b, 2, OUT, 4), .scale = 0.7f, .dropout = 0.3f, .seed = 5 });
    float *frozen = arena_get_zeroed(&b->arena, OUT * IN * sizeof *frozen);
    b->run.training = true;
    return linear(&b->run, tensor_of(b, 0, ROWS, IN),
                  KEEP(b, Linear, { { .data = frozen, .dtype = DT_F32, .rows = OUT, .cols = IN, .lora = l }, { 0 } }));
}

static Tensor *do_rms_norm(Bench *b)
{
    return rms_norm(&b->run, tensor_of(b, 0, ROWS, D), KEEP(b, Norm, { vector_of(b, 1), { 0 }, 1e-3f }));
}

static Tensor *do_layer_norm(Bench *b)
{
    return layer_norm(&b->run, tensor_of(b, 0, ROWS, D), KEEP(b, Norm, { vector_of(b, 1), vector_of(b, 2), 1e-3f }));
}

static Tensor *do_add(Bench *b)
{
    return add(&b->run, tensor_of(b, 0, ROWS, D), tensor_of(b, 1, ROWS, D));
}

static Tensor *do_add_repeated(Bench *b)
{
    return add_rows_repeated(&b->run, tensor_of(b, 0, ROWS, D), vector_of(b, 1), 4);
}

static Tensor *do_swiglu(Bench *b)
{
    return swiglu(&b->run, tensor_of(b, 0, ROWS, D), tensor_of(b, 1, ROWS, D));
}

/* A copy first: without a tape they write over their input. */
static Tensor *copy_of(Bench *b)
{
    static const float zeros[D];
    return add_rows_repeated(&b->run, tensor_of(b, 0, ROWS, D), (Vector){ zeros, NULL }, 1);
}

static Tensor *do_gelu_tanh(Bench *b)
{
    return gelu_tanh(&b->run, copy_of(b));
}

static Tensor *do_gelu_erf(Bench *b)
{
    return gelu_erf(&b->run, copy_of(b));
}

static Tensor *rotated(Bench *b, RopePairs pairs)
{
    static const float inv_freq[] = { 1, 0.5f, 0.25f, 0.1f };
    const Rope *rope = KEEP(b, Rope, { .d = 8, .pairs = pairs, .inv_freq = inv_freq, .divisor = 1, .mscale = 1 });
    Tensor *x = copy_of(b); /* 2 heads of 12, the last 8 turned */
    rope_apply(&b->run, rope_angles(&b->run, rope, &b->batch), x, 2, 12, 4);
    return x;
}

static Tensor *do_rope_halves(Bench *b)
{
    return rotated(b, ROPE_PAIRS_HALVES);
}

static Tensor *do_rope_interleaved(Bench *b)
{
    return rotated(b, ROPE_PAIRS_INTERLEAVED);
}

/* Tokens twice, and rows of pictures, one of them twice. */
static Tensor *do_embed(Bench *b)
{
    for (int i = 0; i < ROWS; i++) b->row[i].image = (Vector){ 0 };
    b->row[1].image = b->row[4].image = vector_of(b, 1);
    const Weight *table =
        keep(b, &(Weight){ .data = b->input[0].value, .dtype = DT_F32, .rows = 3, .cols = D, .grad = b->input[0].grad },
             sizeof(Weight));
    return embed(&b->run, table, &b->batch);
}

static Tensor *do_rows_wanted(Bench *b)
{
    for (int i = 0; i < ROWS; i++) b->row[i].wants_logits = i % 3 == 1;
    return rows_wanted(&b->run, tensor_of(b, 0, ROWS, D), &b->batch);
}

static Tensor *do_attend_rows(Bench *b) /* 4 query heads on 2 kv heads */
{
    const HeadShape s = { 4, 2, 6, 5, 5, 0.6f };
    return attend_rows(&b->run, tensor_of(b, 0, ROWS, 24), tensor_of(b, 1, ROWS, 12), tensor_of(b, 2, ROWS, 10), &s,
                       &b->batch);
}

static Tensor *do_attend_tiles(Bench *b) /* 3 tiles of 3 patches, 2 heads */
{
    return attend_tiles(&b->run, tensor_of(b, 0, ROWS, 3 * 10), 3, 2);
}

static Tensor *do_join_keys(Bench *b)
{
    return join_keys(&b->run, tensor_of(b, 0, ROWS, 3 * 7), 7, 4, tensor_of(b, 1, ROWS, 5), 3);
}

static Tensor *do_unfold(Bench *b) /* one tile of 3 x 3, padded to 4 x 4 */
{
    return unfold(&b->run, tensor_of(b, 0, ROWS, 6), 1, 3, 2);
}

/* Router and experts together. The router's logits lie far apart, so that no step changes a choice. */
enum { EXPERTS = 4, TOP = 2, WIDTH = 5 };

static Tensor *mixture(Bench *b, Router m)
{
    Expert e[EXPERTS];
    for (int i = 0; i < EXPERTS; i++) {
        const size_t at = (size_t)i * WIDTH * D;
        Input *in = b->input;
        e[i] = (Expert){ .gate = { in[2].value + at, DT_F32, WIDTH, D, in[2].grad + at, NULL },
                         .up = { in[3].value + at, DT_F32, WIDTH, D, in[3].grad + at, NULL },
                         .down = { in[4].value + at, DT_F32, D, WIDTH, in[4].grad + at, NULL } };
    }
    m.n_experts = EXPERTS;
    m.top_k = TOP;
    const Router *router = keep(b, &m, sizeof m);
    Routing *g = route(&b->run, tensor_of(b, 1, ROWS, EXPERTS), router, &b->batch, 0);
    return experts(&b->run, tensor_of(b, 0, ROWS, D), keep(b, e, sizeof e), g);
}

static Tensor *do_experts_softmax(Bench *b)
{
    return mixture(b, (Router){ .scaling_factor = 1.5f });
}

static Tensor *do_experts_normalised(Bench *b)
{
    return mixture(b, (Router){ .scaling_factor = 2, .norm_topk_prob = true });
}

static Tensor *do_experts_sigmoid(Bench *b)
{
    static const float bias[EXPERTS] = { 0.1f, -0.1f, 0, 0 };
    return mixture(b, (Router){ .scaling_factor = 2,
                                .norm_topk_prob = true,
                                .sigmoid = true,
                                .method = ROUTE_NOAUX,
                                .n_group = 2,
                                .topk_group = 2,
                                .correction_bias = { bias, NULL } });
}

static Tensor *do_experts_grouped(Bench *b)
{
    return mixture(b, (Router){ .scaling_factor = 1, .method = ROUTE_GROUP_LIMITED, .n_group = 2, .topk_group = 1 });
}

typedef struct {
    const char *name;
    Operation *f;
    int input[MAX_INPUTS]; /* sizes */
} Case;

static const Case cases[] = {
    { "linear", do_linear, { ROWS * IN, OUT *IN, OUT } },
    { "linears, of columns", do_linears, { ROWS * IN, OUT *(IN - 3), OUT *(IN - 3), OUT } },
    { "adapter", do_lora, { ROWS * IN, 4 * IN, OUT * 4 } },
    { "rms norm", do_rms_norm, { ROWS * D, D } },
    { "layer norm", do_layer_norm, { ROWS * D, D, D } },
    { "add", do_add, { ROWS * D, ROWS *D } },
    { "add rows repeated", do_add_repeated, { ROWS * D, 4 * D } },
    { "swiglu", do_swiglu, { ROWS * D, ROWS *D } },
    { "gelu tanh", do_gelu_tanh, { ROWS * D } },
    { "gelu erf", do_gelu_erf, { ROWS * D } },
    { "rope, halves", do_rope_halves, { ROWS * D } },
    { "rope, interleaved", do_rope_interleaved, { ROWS * D } },
    { "embed", do_embed, { 3 * D, D } },
    { "rows wanted", do_rows_wanted, { ROWS * D } },
    { "attention, rows", do_attend_rows, { ROWS * 24, ROWS * 12, ROWS * 10 } },
    { "attention, tiles", do_attend_tiles, { ROWS * 30 } },
    { "keys joined", do_join_keys, { ROWS * 21, ROWS * 5 } },
    { "unfold", do_unfold, { ROWS * 6 } },
    { "experts, softmax",
      do_experts_softmax,
      { ROWS * D, ROWS *EXPERTS, EXPERTS *WIDTH *D, EXPERTS *WIDTH *D, EXPERTS *WIDTH *D } },
    { "experts, normalised",
      do_experts_normalised,
      { ROWS * D, ROWS *EXPERTS, EXPERTS *WIDTH *D, EXPERTS *WIDTH *D, EXPERTS *WIDTH *D } },
    { "experts, sigmoid",
      do_experts_sigmoid,
      { ROWS * D, ROWS *EXPERTS, EXPERTS *WIDTH *D, EXPERTS *WIDTH *D, EXPERTS *WIDTH *D } },
    { "experts, in groups",
      do_experts_grouped,
      { ROWS * D, ROWS *EXPERTS, EXPERTS *WIDTH *D, EXPERTS *WIDTH *D, EXPERTS *WIDTH *D } },
};

/* The router's logits lie far apart: a permutation of -1.5, -0.5, 0.5, 1.5 in each row. */
static void spread_logits(Input *in)
{
    for (int k = 0; k < ROWS * EXPERTS; k++) in->value[k] = (float)((k % EXPERTS * 3 + k / EXPERTS) % EXPERTS) - 1.5f;
}

static void every_backward_is_the_slope_of_its_forward(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Bench b;
        open_bench(&b, i);
        for (const int *n = cases[i].input; *n; n++) add_input(&b, *n);
        if (strncmp(cases[i].name, "experts", 7) == 0) spread_logits(&b.input[1]);
        check(&b, cases[i].name, cases[i].f);
        close_bench(&b);
    }
}

/* The loss itself, against differences of the number that it returns. */
static void cross_entropy_gives_its_slope(void **state)
{
    (void)state;
    Bench b;
    const int32_t label[ROWS] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
    open_bench(&b, 3);
    Input *in = add_input(&b, ROWS * D);
    Tensor x = { in->value, ROWS, D, D, in->grad };
    cross_entropy(&b.run, &x, label, 0.25f);
    double worst = 0;
    for (int i = 0; i < in->n; i++) {
        const float at = in->value[i];
        Tensor y = { in->value, ROWS, D, D, NULL };
        in->value[i] = at + h;
        const double up = cross_entropy(&b.run, &y, label, 1);
        in->value[i] = at - h;
        const double down = cross_entropy(&b.run, &y, label, 1);
        in->value[i] = at;
        worst = fmax(worst, fabs(0.25 * (up - down) / (2 * (double)h) - (double)in->grad[i]));
    }
    assert_within("cross-entropy", worst, 1e-4); /* of 0.25 */
    close_bench(&b);
}

/* The balance loss that a pass reports, with its gradient or without. */
static double balance_of(Bench *b, const Router *m, bool backward)
{
    const ArenaMark mark = arena_mark(&b->arena);
    int load[EXPERTS];
    ExpertReport report = { .load = load };
    b->tape = (Tape){ .balance = true, .report = &report };
    b->run.tape = &b->tape;
    route(&b->run, tensor_of(b, 0, ROWS, EXPERTS), m, &b->batch, 0);
    if (backward) tape_backward(&b->run);
    b->run.tape = NULL;
    arena_release(&b->arena, mark);
    return report.balance;
}

/* Of the whole batch and of each sequence, with softmax and sigmoid. The loads are constants, as in the forward's formula. */
static void the_balance_loss_gives_its_slope(void **state)
{
    static const float wide = 0x1p-6f;
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        Bench b;
        const Router m = { .n_experts = EXPERTS,
                           .top_k = TOP,
                           .scaling_factor = 1,
                           .sigmoid = kind >= 2,
                           .balance_alpha = 1,
                           .balance_by_sequence = kind % 2 };
        open_bench(&b, 5);
        Input *in = add_input(&b, ROWS * EXPERTS);
        spread_logits(in);
        balance_of(&b, &m, true);
        double worst = 0, most = 0;
        for (int i = 0; i < in->n; i++) {
            const float at = in->value[i], grad = in->grad[i];
            in->value[i] = at + wide;
            const double up = balance_of(&b, &m, false);
            in->value[i] = at - wide;
            const double down = balance_of(&b, &m, false);
            in->value[i] = at;
            worst = fmax(worst, fabs((up - down) / (2 * (double)wide) - (double)grad));
            most = fmax(most, fabs((double)grad));
        }
        assert_true(most > 1e-3);
        assert_within("balance loss", worst / most,
                      2e-3); /* rounding of f32 scores over 2 * 2^-6, of gradients near 0.02 */
        close_bench(&b);
    }
}

/* dx through frozen blocks is dx through the numbers in them, and so is y. */
static void quantised_weights_are_their_numbers_in_both_directions(void **state)
{
    enum { IN_Q = 96, OUT_Q = 80 };
    (void)state;
    for (int t = DT_PLAIN_TYPES; t < DT_ROW_TYPES; t++) {
        Bench b;
        open_bench(&b, (uint64_t)t);
        Input *x = add_input(&b, ROWS * IN_Q);
        const size_t row = dtype_row_bytes((DType)t, IN_Q);
        unsigned char *blocks = arena_get(&b.kept, OUT_Q * row);
        float *numbers = arena_get(&b.kept, OUT_Q * IN_Q * sizeof *numbers), values[IN_Q];
        for (int i = 0; i < OUT_Q; i++) {
            for (int c = 0; c < IN_Q; c++) values[c] = draw(&b);
            quantise_row((DType)t, blocks + (size_t)i * row, values, NULL, IN_Q);
            b.run.k->to_f32[t](numbers + i * IN_Q, blocks + (size_t)i * row, IN_Q);
        }
        const Linear quantised = { .w = { .data = blocks, .dtype = (DType)t, .rows = OUT_Q, .cols = IN_Q } };
        const Linear plain = { .w = { .data = numbers, .dtype = DT_F32, .rows = OUT_Q, .cols = IN_Q } };
        float *dx[2] = { x->grad, arena_get_zeroed(&b.kept, ROWS * IN_Q * sizeof(float)) };
        Tensor *y[2];
        for (int i = 0; i < 2; i++) {
            Tensor *in = keep(&b, &(Tensor){ x->value, ROWS, IN_Q, IN_Q, dx[i] }, sizeof *in);
            b.tape = (Tape){ 0 };
            b.run.tape = &b.tape;
            y[i] = linear(&b.run, in, i ? &plain : &quantised);
            for (int k = 0; k < ROWS * OUT_Q; k++) y[i]->grad[k] = (float)(k % 7) - 3;
            tape_backward(&b.run);
        }
        double forward = 0, backward = 0;
        for (int k = 0; k < ROWS * OUT_Q; k++)
            forward = fmax(forward, fabs((double)y[0]->data[k] - (double)y[1]->data[k]));
        for (int k = 0; k < ROWS * IN_Q; k++) backward = fmax(backward, fabs((double)dx[0][k] - (double)dx[1][k]));
        assert_within(dtype_name((DType)t), fmax(forward, backward), 2e-5); /* sums of 96 products, in another order */
        close_bench(&b);
    }
}

TEST_MAIN(TEST(every_backward_is_the_slope_of_its_forward), TEST(cross_entropy_gives_its_slope),
          TEST(the_balance_loss_gives_its_slope), TEST(quantised_weights_are_their_numbers_in_both_directions))
