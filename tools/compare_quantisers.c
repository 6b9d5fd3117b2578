/* compare_quantisers.c - the error of our blocks beside that of ggml's for the same rows: equal weights and an importance of
 * the columns, rows of several kinds and of models. ggml's is called in its own library (libggml-base.so), its blocks are
 * decoded by our kernels as ours are.
 *
 * Errors are sums of importance * (x - decoded)^2, divided by the same sum of x^2: a noise to signal ratio. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "format/importance.h"
#include "format/quantize.h"
#include "format/safetensors.h"
#include "kernels/kernels.h"

static const char USAGE[] =
    "usage: compare_quantisers [--least] [--importance FILE] LIBGGML_BASE [MODEL]...\n"
    "Prints the errors of quantised rows, ours and those of ggml's ggml_quantize_chunk() in the shared library\n"
    "LIBGGML_BASE; ends with 1 if one of ours is larger.\n\n"
    "  MODEL              a model directory: its matrices with columns in whole blocks are compared, too\n"
    "  --importance FILE  their importance, as `vl2 quantize --calibrate` writes it (default: random)\n"
    "  --least            beside ours the least possible error, of some blocks: every f16 scale is tried, slowly\n";

/* `id` is the type's number in ggml. */
static const struct {
    DType type;
    int id;
    float end[2]; /* the largest codes */
} TYPES[] = { { DT_Q8_0, 8, { 127, -127 } }, { DT_Q4_0, 2, { -8, 7 } }, { DT_IQ4_NL, 20, { -127, 113 } } };
enum { N_TYPES = 3, ROWS = 256, COLS = 1280, LEAST_BLOCKS = 32 };
#define GGML_Q6_K 14

typedef struct {
    size_t (*quantise)(int type, const float *x, void *out, int64_t start, int64_t rows, int64_t cols,
                       const float *importance);
    void (*decode_q6_k)(const void *blocks, float *y, int64_t n);
} Ggml;

typedef struct {
    const char *what;
    float *x; /* [rows][cols] */
    float *importance;
    int rows, cols;
} Sample;

typedef struct {
    double theirs, ours, seconds[2]; /* of processor time: theirs, ours */
    double least, ours_there;        /* on the first blocks of each sample */
    double signal, weights;
    int least_blocks; /* of a sample, to be added */
} Sum;

static bool ggml_open(Ggml *g, const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library) {
        *(void **)&g->quantise = dlsym(library, "ggml_quantize_chunk");
        *(void **)&g->decode_q6_k = dlsym(library, "dequantize_row_q6_K");
    }
    if (library && g->quantise && g->decode_q6_k) return true;
    fprintf(stderr, "compare_quantisers: %s\n", dlerror());
    return false;
}

static double processor_seconds(void) /* of this thread */
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- errors ---- */

static double error_of(const float *x, const float *y, const float *w, int n)
{
    double e = 0;
    for (int i = 0; i < n; i++) {
        const double r = (double)x[i] - (y ? (double)y[i] : 0);
        e += (w ? (double)w[i] : 1) * r * r;
    }
    return e;
}

static double nearest(DType t, double v)
{
    if (t == DT_Q8_0) return fmax(-127, fmin(127, rint(v)));
    if (t == DT_Q4_0) return fmax(-8, fmin(7, rint(v)));
    double q = iq4_nl[0];
    for (int c = 1; c < 16; c++)
        if (fabs(v - iq4_nl[c]) < fabs(v - q)) q = iq4_nl[c];
    return q;
}

/* Every f16 scale for which the largest |x| of weight lands at 0.5 to 6 times one of the ends. */
static double least_error(int type, const float *x, const float *w)
{
    float peak = 0;
    for (int i = 0; i < QUANT_BLOCK; i++)
        if (!w || w[i] > 0) peak = fabsf(x[i]) > fabsf(peak) ? x[i] : peak;
    double least = error_of(x, NULL, w, QUANT_BLOCK);
    for (int s = 0; s < 2; s++) {
        const float plain = peak / TYPES[type].end[s];
        for (int h = f32_to_f16(fabsf(plain) / 6); h <= f32_to_f16(fabsf(plain) * 2); h++) {
            const double d = copysign((double)f16_to_f32((uint16_t)h), (double)plain);
            double e = 0;
            for (int i = 0; i < QUANT_BLOCK && d != 0 && e < least; i++) {
                const double r = (double)x[i] - d * nearest(TYPES[type].type, (double)x[i] / d);
                e += (w ? (double)w[i] : 1) * r * r;
            }
            if (d != 0) least = fmin(least, e);
        }
    }
    return least;
}

static void add_sample(Sum *sum, const Ggml *g, int type, const Sample *s, bool weighted)
{
    const DType t = TYPES[type].type;
    const float *w = weighted ? s->importance : NULL;
    const size_t row_bytes = dtype_row_bytes(t, (size_t)s->cols);
    unsigned char *blocks = xcalloc((size_t)s->rows, row_bytes);
    float *y = xcalloc((size_t)s->cols, sizeof *y);
    double begin = processor_seconds();
    g->quantise(TYPES[type].id, s->x, blocks, 0, s->rows, s->cols, w);
    sum->seconds[0] += processor_seconds() - begin;
    for (int i = 0; i < s->rows; i++) {
        const float *x = s->x + (size_t)i * (size_t)s->cols;
        kernels_get(CPU_SCALAR)->to_f32[t](y, blocks + (size_t)i * row_bytes, s->cols);
        sum->theirs += error_of(x, y, w, s->cols);
        sum->signal += error_of(x, NULL, w, s->cols);
        begin = processor_seconds();
        quantise_row(t, blocks, x, w, s->cols);
        sum->seconds[1] += processor_seconds() - begin;
        kernels_get(CPU_SCALAR)->to_f32[t](y, blocks, s->cols);
        sum->ours += error_of(x, y, w, s->cols);
        for (int k = 0; k < s->cols && i * s->cols + k < sum->least_blocks * QUANT_BLOCK; k += QUANT_BLOCK) {
            sum->least += least_error(type, x + k, w ? w + k : NULL);
            sum->ours_there += error_of(x + k, y + k, w ? w + k : NULL, QUANT_BLOCK);
        }
    }
    sum->weights += (double)s->rows * s->cols;
    free(y);
    free(blocks);
}

/* ---- rows ---- */

static float normal(Rng *r)
{
    const double u = 1 - rng_uniform(r), v = rng_uniform(r);
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

static float *random_importance(Rng *r, int cols)
{
    float *w = xcalloc((size_t)cols, sizeof *w);
    for (int i = 0; i < cols; i++) w[i] = expf(1.5f * normal(r));
    return w;
}

static Sample sample_new(const char *what, int rows, int cols)
{
    return (Sample){ what, xcalloc((size_t)rows * (size_t)cols, sizeof(float)), NULL, rows, cols };
}

static Sample random_rows(int kind)
{
    static const char *const WHAT[] = { "normal", "heavy tails", "outliers" };
    Rng r = { .seed = 1 };
    Sample s = sample_new(WHAT[kind], ROWS, COLS);
    for (int i = 0; i < ROWS * COLS; i++) {
        s.x[i] = 0.02f * normal(&r);
        if (kind == 1) s.x[i] *= normal(&r) * fabsf(normal(&r)); /* kurtosis 250 */
        if (kind == 2 && rng_uniform(&r) < 0.01) s.x[i] *= 10;
    }
    s.importance = random_importance(&r, COLS);
    return s;
}

/* A matrix of a model as rows, at most ROWS of them; false if it is none or its columns are not whole blocks. */
static bool matrix_rows(Sample *s, const char *model, const FileTensor *t, const Importance *importance)
{
    if (t->n_dims < 2 || t->dim[0] == 0 || t->dtype >= DT_PLAIN_TYPES) return false;
    const uint64_t cols = file_tensor_elements(t) / (uint64_t)t->dim[0];
    if (cols == 0 || cols % QUANT_BLOCK != 0 || cols > 1 << 20) return false;
    *s = sample_new(model, t->dim[0] < ROWS ? (int)t->dim[0] : ROWS, (int)cols);
    kernels_get(CPU_SCALAR)->to_f32[t->dtype](s->x, t->data, s->rows * s->cols);
    Rng r = { .seed = (uint64_t)t->bytes };
    s->importance = random_importance(&r, s->cols);
    const float *known = importance ? importance_find(importance, t->name, s->cols) : NULL;
    if (known) memcpy(s->importance, known, (size_t)cols * sizeof *known);
    return true;
}

static void sample_free(Sample *s)
{
    free(s->x);
    free(s->importance);
}

/* ---- tables ---- */

/* True if ours is not larger. */
static bool print_sum(const char *what, DType t, bool weighted, const Sum *s)
{
    printf("%-7s %-22s %-10s %9.3e %9.3e  %6.4f   %5.1f %5.1f", dtype_name(t), what, weighted ? "importance" : "equal",
           s->theirs / s->signal, s->ours / s->signal, s->ours / s->theirs, s->weights / s->seconds[0] / 1e6,
           s->weights / s->seconds[1] / 1e6);
    if (s->least > 0) printf("   %6.4f", s->ours_there / s->least);
    putchar('\n');
    return s->ours <= s->theirs;
}

static bool compare_random(const Ggml *g, int least_blocks)
{
    bool ok = true;
    for (int type = 0; type < N_TYPES; type++)
        for (int kind = 0; kind < 3; kind++)
            for (int weighted = 0; weighted < 2; weighted++) {
                Sum sum = { .least_blocks = least_blocks };
                Sample s = random_rows(kind);
                add_sample(&sum, g, type, &s, weighted);
                ok &= print_sum(s.what, TYPES[type].type, weighted, &sum);
                sample_free(&s);
            }
    return ok;
}

static bool compare_model(const Ggml *g, const char *path, const TensorFiles *files, const Importance *importance,
                          int least_blocks)
{
    const char *slash = strrchr(path, '/');
    bool ok = true;
    for (int type = 0; type < N_TYPES; type++)
        for (int weighted = 0; weighted < 2; weighted++) {
            Sum sum = { .least_blocks = least_blocks };
            Sample s;
            for (int i = 0; i < tensor_files_count(files); i++) {
                if (!matrix_rows(&s, path, tensor_files_at(files, i), importance)) continue;
                add_sample(&sum, g, type, &s, weighted);
                sample_free(&s);
            }
            if (sum.weights > 0) ok &= print_sum(slash ? slash + 1 : path, TYPES[type].type, weighted, &sum);
        }
    return ok;
}

/* Would six bits in blocks of 256 earn a place beside eight in blocks of 32? */
static void compare_q6_k(const Ggml *g)
{
    enum { BLOCK = 256, BLOCK_BYTES = 210 };
    printf("\nQ6_K of ggml, %.4f bits a weight (Q8_0: 8.5, Q4_0 and IQ4_NL: 4.5)\n", 8.0 * BLOCK_BYTES / BLOCK);
    for (int kind = 0; kind < 3; kind++)
        for (int weighted = 0; weighted < 2; weighted++) {
            Sample s = random_rows(kind);
            const float *w = weighted ? s.importance : NULL;
            void *blocks = xcalloc(ROWS * COLS / BLOCK, BLOCK_BYTES);
            float *y = xcalloc((size_t)ROWS * COLS, sizeof *y);
            double error = 0, signal = 0;
            g->quantise(GGML_Q6_K, s.x, blocks, 0, ROWS, COLS, w);
            g->decode_q6_k(blocks, y, (int64_t)ROWS * COLS);
            for (int i = 0; i < ROWS * COLS; i += COLS) {
                error += error_of(s.x + i, y + i, w, COLS);
                signal += error_of(s.x + i, NULL, w, COLS);
            }
            printf("%-7s %-22s %-10s %9.3e\n", "Q6_K", s.what, weighted ? "importance" : "equal", error / signal);
            free(y);
            free(blocks);
            sample_free(&s);
        }
}

static int broken(const Error *e)
{
    fprintf(stderr, "compare_quantisers: %s\n", e->text);
    return 2;
}

int main(int argc, char **argv)
{
    Ggml g;
    Error e;
    Importance *importance = NULL;
    bool ok = true;
    int i = 1, least_blocks = 0;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "--least"))
            least_blocks = LEAST_BLOCKS;
        else if (!strcmp(argv[i], "--importance") && i + 1 < argc && !importance) {
            if (!(importance = importance_load(argv[++i], &e))) return broken(&e);
        } else
            return fputs(USAGE, stderr), 2;
    }
    if (i == argc) return fputs(USAGE, stderr), 2;
    if (!ggml_open(&g, argv[i++])) return 2;
    printf("type    rows                   weights       theirs      ours   ratio  Mweights/s: theirs, ours%s\n",
           least_blocks ? "   ours / least" : "");
    ok &= compare_random(&g, least_blocks);
    for (; i < argc; i++) {
        TensorFiles *files = tensor_files_open(argv[i], &e);
        if (!files) return broken(&e);
        ok &= compare_model(&g, argv[i], files, importance, least_blocks);
        tensor_files_close(files);
    }
    compare_q6_k(&g);
    importance_free(importance);
    return ok ? 0 : 1;
}
