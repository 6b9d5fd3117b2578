/* embed.c - into the model and out of it: token rows and image rows in, the rows that want logits out. */
#include <assert.h>
#include <string.h>

#include "nn/ops.h"
#include "nn/tape.h"

typedef struct {
    const Kernels *k;
    const Weight *table;
    const Batch *b;
    const Tensor *x;
    Tensor *y; /* rows_wanted alone */
} Job;

/* A token, newline or separator may stand in several rows: columns are split, rows go in order. */
static void embed_backward_range(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = 0; i < j->b->n; i++) {
        const BatchRow *row = &j->b->row[i];
        float *to = row->image.data  ? row->image.grad
                    : j->table->grad ? j->table->grad + (size_t)row->token * (size_t)j->table->cols
                                     : NULL;
        if (to) j->k->add(to + begin, to + begin, tensor_grad_row(j->x, i) + begin, end - begin);
    }
}

static void embed_backward(Run *r, const void *job)
{
    Job j = *(const Job *)job;
    pool_ranges(r->pool, j.x->cols, 64, embed_backward_range, &j);
}

static bool is_trained(const Weight *table, const Batch *b)
{
    bool any = table->grad != NULL;
    for (int i = 0; i < b->n; i++) any |= b->row[i].image.grad != NULL;
    return any;
}

Tensor *embed(Run *r, const Weight *table, const Batch *b)
{
    Tensor *x = tensor_new(r, b->n, table->cols);
    const size_t stride = weight_stride(table);
    for (int i = 0; i < b->n; i++) {
        const BatchRow *row = &b->row[i];
        assert(row->image.data || (row->token >= 0 && row->token < table->rows));
        if (row->image.data)
            memcpy(tensor_row(x, i), row->image.data, (size_t)x->cols * sizeof(float));
        else
            r->k->to_f32[table->dtype](tensor_row(x, i),
                                       (const unsigned char *)table->data + (size_t)row->token * stride, x->cols);
    }
    if (!r->tape || !is_trained(table, b)) return x;
    tensor_ask_grad(r, x);
    const Job j = { r->k, table, b, x, NULL };
    tape_push(r, embed_backward, &j, sizeof j);
    return x;
}

static void rows_backward(Run *r, const void *job)
{
    const Job *j = job;
    for (int i = 0, from = 0; i < j->b->n; i++)
        if (j->b->row[i].wants_logits) {
            float *to = tensor_grad_row(j->x, i);
            r->k->add(to, to, tensor_grad_row(j->y, from++), j->x->cols);
        }
}

Tensor *rows_wanted(Run *r, const Tensor *x, const Batch *b)
{
    int n = 0;
    for (int i = 0; i < b->n; i++) n += b->row[i].wants_logits;
    Tensor *y = tensor_new(r, n, x->cols);
    for (int i = 0, to = 0; i < b->n; i++)
        if (b->row[i].wants_logits) memcpy(tensor_row(y, to++), tensor_row(x, i), (size_t)x->cols * sizeof(float));
    if (!r->tape || !x->grad) return y;
    tensor_ask_grad(r, y);
    const Job j = { r->k, NULL, b, x, y };
    tape_push(r, rows_backward, &j, sizeof j);
    return y;
}
