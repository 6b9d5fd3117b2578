/* experts.c - the routed experts: sum over a row's experts of weight * down(silu(gate x) * up x).
 *
 * Rows are grouped by expert (a slot is one row at one expert), so that each expert's weights are read once in a step. Tasks are
 * (expert, block of its weight rows). At the end each row sums its slots in ascending order of experts. */
#include <assert.h>
#include <string.h>

#include "nn/lora.h"
#include "nn/ops.h"
#include "nn/product.h"
#include "nn/tape.h"

/* The gate, up or down matrix of expert e. */
typedef enum { GATE, UP, DOWN } Which;

static const Weight *matrix(const Expert *e, int expert, Which which)
{
    return which == GATE ? &e[expert].gate : which == UP ? &e[expert].up : &e[expert].down;
}

static int slots_of(const Routing *g, int expert)
{
    return g->begin[expert + 1] - g->begin[expert];
}

/* ---- rows by slot ---- */

typedef struct {
    const Kernels *k;
    const Tensor *x, *y;
    const Routing *g;
} SlotJob;

static void gather_range(void *context, int begin, int end, int thread)
{
    const SlotJob *j = context;
    (void)thread;
    for (int s = begin; s < end; s++)
        memcpy(tensor_row(j->y, s), tensor_row(j->x, j->g->row[s]), (size_t)j->y->cols * sizeof(float));
}

static void gather_backward_range(void *context, int begin, int end, int thread)
{
    const SlotJob *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) {
        float *dx = tensor_grad_row(j->x, i);
        for (int p = i * j->g->top_k; p < (i + 1) * j->g->top_k; p++)
            j->k->add(dx, dx, tensor_grad_row(j->y, j->g->slot[p]), j->x->cols);
    }
}

static void gather_backward(Run *r, const void *job)
{
    SlotJob j = *(const SlotJob *)job;
    pool_ranges(r->pool, j.x->rows, 4, gather_backward_range, &j);
}

static Tensor *gather(Run *r, const Tensor *x, const Routing *g)
{
    Tensor *y = tensor_new(r, g->rows * g->top_k, x->cols);
    SlotJob j = { r->k, x, y, g };
    pool_ranges(r->pool, y->rows, 16, gather_range, &j);
    if (!r->tape || !x->grad) return y;
    tensor_ask_grad(r, y);
    tape_push(r, gather_backward, &j, sizeof j);
    return y;
}

/* ---- products, each expert's with its own slots ---- */

typedef struct {
    int expert, begin, n; /* weight rows */
    Which which;
} ExpertTask;

typedef struct {
    const Run *r;
    const Tensor *x;
    const int *row_of_slot; /* NULL: x has a row for every slot */
    const Expert *e;
    const Routing *g;
    const ExpertTask *task;
    Tensor *const *y;  /* by Which */
    unsigned char *xp; /* prepared rows, by slot */
    size_t xp_stride;
    bool widened; /* quantised weights against f32 activations: a block at a time becomes f32 */
    Scratch scratch;
    const Matmul *mm; /* all experts of a layer have one type: checked at binding */
} ProductJob;

static void prepare_slots(void *context, int begin, int end, int thread)
{
    const ProductJob *j = context;
    (void)thread;
    for (int s = begin; s < end; s++)
        j->mm->prepare(j->xp + (size_t)s * j->xp_stride, tensor_row(j->x, j->row_of_slot ? j->row_of_slot[s] : s),
                       j->x->cols);
}

static void multiply_task(void *context, int i, int thread)
{
    const ProductJob *j = context;
    const ExpertTask *t = &j->task[i];
    const Weight *w = matrix(j->e, t->expert, t->which);
    const int first = j->g->begin[t->expert];
    const size_t stride = weight_stride(w);
    Tensor *y = j->y[t->which];
    float *widened = j->widened ? scratch_of(j->scratch, thread) : NULL;
    if (widened) widen_rows(j->r->k, w, t->begin, t->n, widened);
    j->mm->run(tensor_row(y, first) + t->begin, y->ld, j->xp + (size_t)first * j->xp_stride, slots_of(j->g, t->expert),
               widened ? (const void *)widened : (const unsigned char *)w->data + (size_t)t->begin * stride,
               widened ? (size_t)w->cols * sizeof(float) : stride, t->n, w->cols);
}

/* One task for each block of weight rows of each expert that has slots. */
static int cut_tasks(const Routing *g, Which which, int weight_rows, int block, ExpertTask *out)
{
    int n = 0;
    for (int e = 0; e < g->n_experts; e++)
        for (int begin = 0; slots_of(g, e) > 0 && begin < weight_rows; begin += block)
            out[n++] = (ExpertTask){ e, begin, weight_rows - begin < block ? weight_rows - begin : block, which };
    return n;
}

static bool is_widened(const Run *r, const Expert *e)
{
    return dtype_is_quantised(e->gate.dtype) && r->compute[e->gate.dtype] == COMPUTE_F32;
}

/* y[which] = the products of x with matrices first .. last of each expert. */
static void multiply(Run *r, const Tensor *x, const int *row_of_slot, const Expert *e, const Routing *g, Which first,
                     Which last, Tensor *const *y)
{
    const int slots = g->rows * g->top_k, rows = matrix(e, 0, first)->rows;
    const DType type = matrix(e, 0, first)->dtype;
    const bool widened = dtype_is_quantised(type) && r->compute[type] == COMPUTE_F32;
    const int block =
        widened || slots >= 16 * g->n_experts ? 64 : 128; /* few rows an expert: longer streams of weights */
    const ArenaMark mark = arena_mark(r->arena);
    ExpertTask *task = arena_get(r->arena, 2 * (size_t)g->n_experts * (size_t)(rows / block + 1) * sizeof *task);
    ProductJob j = { .r = r, .x = x, .row_of_slot = row_of_slot, .e = e, .g = g, .task = task, .y = y };
    j.widened = widened;
    j.mm = &r->k->matmul[r->compute[type]][widened ? DT_F32 : type];
    if (widened) j.scratch = scratch_new(r, (size_t)block * (size_t)x->cols * sizeof(float));
    j.xp_stride = j.mm->prepared_bytes(x->cols);
    j.xp = arena_get(r->arena, (size_t)slots * j.xp_stride);
    int n = 0;
    for (Which w = first; w <= last; w++) n += cut_tasks(g, w, rows, block, task + n);
    pool_ranges(r->pool, slots, 16, prepare_slots, &j);
    pool_run(r->pool, n, multiply_task, &j);
    arena_release(r->arena, mark);
}

/* What goes into a matrix of each expert, row by row. */
static void show_inputs(const Run *r, const Tensor *x, const int *row_of_slot, const Expert *e, const Routing *g,
                        Which which)
{
    for (int i = 0; r->inputs && i < g->n_experts; i++)
        for (int s = g->begin[i]; s < g->begin[i + 1]; s++) {
            const Tensor row = { tensor_row(x, row_of_slot ? row_of_slot[s] : s), 1, x->cols, x->ld, NULL };
            run_input(r, matrix(e, i, which), &row);
        }
}

/* ---- their backward and adapters ---- */

typedef struct {
    const Tensor *x;
    const Expert *e;
    const Routing *g;
    Which which;
    const Tensor *y;
} Recorded;

static void products_backward(Run *r, const void *job)
{
    const Recorded *j = job;
    ProductAdd *dx = arena_get(r->arena, 2 * (size_t)j->g->n_experts * sizeof *dx), *dw = dx + j->g->n_experts;
    int n_dx = 0, n_dw = 0;
    for (int i = 0; i < j->g->n_experts; i++) {
        const Weight *w = matrix(j->e, i, j->which);
        const int first = j->g->begin[i], m = slots_of(j->g, i);
        if (m == 0) continue;
        const float *dy = tensor_grad_row(j->y, first);
        if (j->x->grad) dx[n_dx++] = product_dx(tensor_grad_row(j->x, first), j->x->ld, dy, j->y->ld, m, w);
        if (w->grad) dw[n_dw++] = product_dw(w, dy, j->y->ld, tensor_row(j->x, first), j->x->ld, m);
    }
    products_add(r, dx, n_dx);
    products_add(r, dw, n_dw);
}

static bool any_trained(const Expert *e, int n, Which which)
{
    bool any = false;
    for (int i = 0; i < n; i++) any |= matrix(e, i, which)->grad || matrix(e, i, which)->lora;
    return any;
}

static void record(Run *r, const Tensor *x, const Expert *e, const Routing *g, Which which, Tensor *y)
{
    if (r->tape && (x->grad || any_trained(e, g->n_experts, which))) {
        tensor_ask_grad(r, y);
        const Recorded j = { x, e, g, which, y };
        tape_push(r, products_backward, &j, sizeof j);
    }
    for (int i = 0; i < g->n_experts; i++) {
        const Lora *lora = matrix(e, i, which)->lora;
        if (lora && slots_of(g, i) > 0)
            lora_add(r, tensor_rows(r, x, g->begin[i], slots_of(g, i)), lora,
                     tensor_rows(r, y, g->begin[i], slots_of(g, i)));
    }
}

/* ---- back to rows ---- */

static void combine_range(void *context, int begin, int end, int thread)
{
    const SlotJob *j = context;
    const Routing *g = j->g;
    (void)thread;
    for (int i = begin; i < end; i++) {
        float *y = tensor_row(j->y, i);
        memset(y, 0, (size_t)j->y->cols * sizeof(float));
        for (int p = i * g->top_k; p < (i + 1) * g->top_k; p++)
            j->k->add_scaled(y, tensor_row(j->x, g->slot[p]), g->weight[p], j->y->cols);
    }
}

static void combine_backward_range(void *context, int begin, int end, int thread)
{
    const SlotJob *j = context;
    const Routing *g = j->g;
    (void)thread;
    for (int i = begin; i < end; i++)
        for (int p = i * g->top_k; p < (i + 1) * g->top_k; p++) {
            const float *dy = tensor_grad_row(j->y, i);
            g->weight_grad[p] += j->k->back->dot(dy, tensor_row(j->x, g->slot[p]), j->y->cols);
            j->k->add_scaled(tensor_grad_row(j->x, g->slot[p]), dy, g->weight[p], j->y->cols);
        }
}

static void combine_backward(Run *r, const void *job)
{
    SlotJob j = *(const SlotJob *)job;
    pool_ranges(r->pool, j.y->rows, 4, combine_backward_range, &j);
}

static void combine(Run *r, const Tensor *x, const Routing *g, Tensor *y)
{
    SlotJob j = { r->k, x, y, g };
    pool_ranges(r->pool, y->rows, 4, combine_range, &j);
    if (!r->tape || !x->grad) return;
    tensor_ask_grad(r, y);
    tape_push(r, combine_backward, &j, sizeof j);
}

static bool any_adapter(const Expert *e, int n)
{
    bool any = false;
    for (int i = 0; i < n; i++) any |= e[i].gate.lora || e[i].up.lora || e[i].down.lora;
    return any;
}

Tensor *experts(Run *r, const Tensor *x, const Expert *e, const Routing *g)
{
    const int slots = g->rows * g->top_k, d_expert = e[0].gate.rows, d_model = e[0].down.rows;
    assert(x->rows == g->rows && x->cols == e[0].gate.cols && e[0].down.cols == d_expert);
    Tensor *y = tensor_new(r, x->rows, d_model);
    const ArenaMark mark = arena_mark(r->arena);
    const bool gathered =
        r->tape || is_widened(r, e) || any_adapter(e, g->n_experts); /* else products find their rows */
    const int *row_of_slot = gathered ? NULL : g->row;
    if (gathered) x = gather(r, x, g);
    Tensor *h[] = { tensor_new(r, slots, d_expert), tensor_new(r, slots, d_expert), tensor_new(r, slots, d_model) };
    multiply(r, x, row_of_slot, e, g, GATE, UP, h);
    for (Which w = GATE; w <= UP; w++) {
        show_inputs(r, x, row_of_slot, e, g, w);
        record(r, x, e, g, w, h[w]);
    }
    Tensor *act = swiglu(r, h[GATE], h[UP]);
    multiply(r, act, NULL, e, g, DOWN, DOWN, h);
    show_inputs(r, act, NULL, e, g, DOWN);
    record(r, act, e, g, DOWN, h[DOWN]);
    combine(r, h[DOWN], g, y);
    if (!r->tape) arena_release(r->arena, mark);
    return y;
}
