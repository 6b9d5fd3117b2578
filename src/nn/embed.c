/* embed.c - into the model and out of it: token rows and image rows in, the rows that want logits out. */
#include <assert.h>
#include <string.h>

#include "nn/ops.h"

Tensor *embed(Run *r, const Weight *table, const Batch *b)
{
    Tensor *x = tensor_new(r, b->n, table->cols);
    const size_t stride = weight_stride(table);
    for (int i = 0; i < b->n; i++) {
        const BatchRow *row = &b->row[i];
        assert(row->image || (row->token >= 0 && row->token < table->rows));
        if (row->image)
            memcpy(tensor_row(x, i), row->image, (size_t)x->cols * sizeof(float));
        else
            r->k->to_f32[table->dtype](tensor_row(x, i),
                                       (const unsigned char *)table->data + (size_t)row->token * stride, x->cols);
    }
    return x;
}

Tensor *rows_wanted(Run *r, const Tensor *x, const Batch *b)
{
    int n = 0;
    for (int i = 0; i < b->n; i++) n += b->row[i].wants_logits;
    Tensor *y = tensor_new(r, n, x->cols);
    for (int i = 0, to = 0; i < b->n; i++)
        if (b->row[i].wants_logits) memcpy(tensor_row(y, to++), tensor_row(x, i), (size_t)x->cols * sizeof(float));
    return y;
}
