/* optimizer.c - see optimizer.h. */
#include "train/optimizer.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

enum { PIECE = 4096 }; /* numbers that one task takes and one sum goes over */

bool adam_open(Adam *a, const AdamOptions *o, size_t n, Error *e)
{
    *a = (Adam){ .options = *o, .n = n };
    if (!arena_open(&a->arena, 2 * n * sizeof(float) + 4096, e)) return false;
    a->m = arena_get_zeroed(&a->arena, n * sizeof(float));
    a->v = arena_get_zeroed(&a->arena, n * sizeof(float));
    return true;
}

void adam_close(Adam *a)
{
    arena_close(&a->arena);
    *a = (Adam){ 0 };
}

typedef struct {
    const Kernels *k;
    size_t n;
    const float *grad;
    double *sum; /* [pieces] */
    float *value, *m, *v;
    AdamStep step;
} Job;

static int piece_of(const Job *j, int i, size_t *begin)
{
    *begin = (size_t)i * PIECE;
    return (int)(j->n - *begin < PIECE ? j->n - *begin : PIECE);
}

static int pieces(size_t n)
{
    return (int)((n + PIECE - 1) / PIECE);
}

static void square_piece(void *context, int i, int thread)
{
    const Job *j = context;
    size_t begin;
    const int n = piece_of(j, i, &begin);
    (void)thread;
    j->sum[i] = (double)j->k->back->dot(j->grad + begin, j->grad + begin, n);
}

double gradient_norm(const Kernels *k, Pool *pool, const float *grad, size_t n)
{
    Job j = { .k = k, .n = n, .grad = grad };
    double sum = 0;
    j.sum = xcalloc((size_t)pieces(n), sizeof *j.sum);
    pool_run(pool, pieces(n), square_piece, &j);
    for (int i = 0; i < pieces(n); i++) sum += j.sum[i];
    free(j.sum);
    return sqrt(sum);
}

float clip_factor(const AdamOptions *o, double norm)
{
    const double factor = o->clip_norm > 0 ? o->clip_norm / (norm + 1e-6) : 1;
    return factor < 1 ? (float)factor : 1;
}

static void update_piece(void *context, int i, int thread)
{
    const Job *j = context;
    size_t begin;
    const int n = piece_of(j, i, &begin);
    (void)thread;
    j->k->back->adamw(j->value + begin, j->m + begin, j->v + begin, j->grad + begin, &j->step, n);
}

void adam_update(Adam *a, const Kernels *k, Pool *pool, float *value, const float *grad, size_t begin, size_t n,
                 double rate, float factor)
{
    const AdamOptions *o = &a->options;
    const double t = (double)a->step;
    Job j = { .k = k,
              .n = n,
              .grad = grad + begin,
              .value = value + begin,
              .m = a->m + begin,
              .v = a->v + begin,
              .step = { .step = (float)(rate / (1 - pow((double)o->beta1, t))),
                        .inverse_root = (float)(1 / sqrt(1 - pow((double)o->beta2, t))),
                        .keep = (float)(1 - rate * (double)o->weight_decay),
                        .beta1 = o->beta1,
                        .beta2 = o->beta2,
                        .epsilon = o->epsilon,
                        .gradient = factor } };
    pool_run(pool, pieces(n), update_piece, &j);
}

/* ---- learning rates ---- */

static const char *const names[SCHEDULES] = {
    [SCHEDULE_CONSTANT] = "constant", [SCHEDULE_LINEAR] = "linear", [SCHEDULE_COSINE] = "cosine"
};

const char *schedule_name(ScheduleKind k)
{
    return names[k];
}

double schedule_rate(const Schedule *s, int64_t step)
{
    const double pi = 3.14159265358979323846;
    if (step < s->warmup) return s->rate * (double)(step + 1) / (double)s->warmup;
    const int64_t rest = s->steps - s->warmup;
    const double done = rest > 0 ? fmin(1, (double)(step - s->warmup) / (double)rest) : 1;
    switch (s->kind) {
    case SCHEDULE_CONSTANT: return s->rate;
    case SCHEDULE_LINEAR: return s->rate * (1 - (1 - s->last) * done);
    case SCHEDULE_COSINE: return s->rate * (s->last + (1 - s->last) * 0.5 * (1 + cos(pi * done)));
    case SCHEDULES: break;
    }
    return s->rate;
}
