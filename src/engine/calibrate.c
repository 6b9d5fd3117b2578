/* calibrate.c - see calibrate.h. A matrix is known by where its data lie: weights are used in place, in the mapped files. */
#include "engine/calibrate.h"

#include <stdlib.h>

#include "base/mem.h"

typedef struct {
    const FileTensor *tensor;
    double *sum; /* of squares, [cols]; NULL: no row yet */
    int cols;
    int64_t rows;
} Matrix;

struct Calibration {
    Vl2Engine *engine;
    InputSink sink;
    Matrix *matrix; /* ascending by tensor->data */
    int n;
    Weight stranger; /* rows > 0: one that is not in the files was seen */
};

static int by_place(const void *a, const void *b)
{
    const unsigned char *x = ((const Matrix *)a)->tensor->data, *y = ((const Matrix *)b)->tensor->data;
    return (x > y) - (x < y);
}

static Matrix *find_matrix(const Calibration *c, const void *data)
{
    const FileTensor key = { .data = data };
    return bsearch(&(Matrix){ .tensor = &key }, c->matrix, (size_t)c->n, sizeof *c->matrix, by_place);
}

static void see(void *context, const Weight *w, const Tensor *x)
{
    Calibration *c = context;
    Matrix *m = find_matrix(c, w->data);
    if (!m) {
        c->stranger = *w;
        return;
    }
    if (!m->sum) m->sum = xcalloc((size_t)x->cols, sizeof *m->sum);
    m->cols = x->cols;
    m->rows += x->rows;
    for (int i = 0; i < x->rows; i++) {
        const float *row = tensor_row(x, i);
        for (int k = 0; k < x->cols; k++) m->sum[k] += (double)row[k] * (double)row[k];
    }
}

Calibration *calibration_begin(Vl2Engine *e)
{
    Calibration *c = xcalloc(1, sizeof *c);
    const TensorFiles *files = e->model.files;
    c->engine = e;
    c->sink = (InputSink){ see, c };
    c->matrix = xcalloc((size_t)tensor_files_count(files), sizeof *c->matrix);
    for (int i = 0; i < tensor_files_count(files); i++)
        if (tensor_files_at(files, i)->bytes > 0) c->matrix[c->n++].tensor = tensor_files_at(files, i);
    qsort(c->matrix, (size_t)c->n, sizeof *c->matrix, by_place);
    e->run.inputs = &c->sink;
    e->wants_all_logits = true; /* the head sees all rows */
    return c;
}

static void put_means(Importance *out, const Matrix *m)
{
    const double prior = CALIBRATION_PRIOR_ROWS;
    float *mean = xcalloc((size_t)m->cols, sizeof *mean);
    double all = 0;
    for (int k = 0; k < m->cols; k++) all += m->sum[k];
    all /= (double)m->rows * m->cols;
    for (int k = 0; k < m->cols; k++) mean[k] = (float)((m->sum[k] + prior * all) / ((double)m->rows + prior));
    importance_put(out, m->tensor->name, mean, m->cols);
    free(mean);
}

static bool check_seen(const Calibration *c, const Importance *out, Error *e)
{
    if (c->stranger.rows > 0)
        return fail(e, ERR_UNSUPPORTED,
                    "calibration: a matrix of %d x %d %s is not in the model's files as it is used; calibrate with a "
                    "model directory in F32, BF16 or F16",
                    c->stranger.rows, c->stranger.cols, dtype_name(c->stranger.dtype));
    return importance_count(out) > 0 || fail(e, ERR_USAGE, "calibration: no prompt went through the model");
}

Importance *calibration_end(Calibration *c, Error *e)
{
    Importance *out = importance_new();
    c->engine->run.inputs = NULL;
    c->engine->wants_all_logits = false;
    for (int i = 0; i < c->n; i++) {
        if (c->matrix[i].rows > 0) put_means(out, &c->matrix[i]);
        free(c->matrix[i].sum);
    }
    const bool ok = check_seen(c, out, e);
    free(c->matrix);
    free(c);
    if (ok) return out;
    importance_free(out);
    return NULL;
}
