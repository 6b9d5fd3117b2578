/* bench_model.c - how near a model comes to this machine's limits: load, vision, prefill, decode, memory.
 *
 *     bench_model MODEL_DIR [--picture FILE] [--threads N] [--cpu LEVEL] [--tokens N]
 *
 * Decode is held against the measured read bandwidth: the weights that a token needs, each read once, and its share of the
 * cache. Vision and prefill are held against the measured peak of the number type that the engine multiplies in. Bandwidth
 * and peak are measured in the same run, since machines share memory with neighbours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "kernels/machine.h"

static uint64_t weight_bytes(const Weight *w)
{
    return (uint64_t)w->rows * weight_stride(w);
}

/* Multiply-adds of one row through the language model without head and attention's own products, and the bytes read. */
typedef struct {
    double macs, bytes;
} Work;

static void count(Work *t, const Weight *w, double times)
{
    if (!w->data) return;
    t->macs += times * w->rows * (double)w->cols;
    t->bytes += times * (double)weight_bytes(w);
}

static Work work_of_token(const Model *m)
{
    const LanguageConfig *c = &m->config.language;
    Work t = { 0, 0 };
    for (int i = 0; i < c->n_layers; i++) {
        const Layer *l = &m->weights.language.layer[i];
        const Weight *const dense[] = { &l->mha.q.w,         &l->mha.k.w,          &l->mha.v.w,
                                        &l->mha.o.w,         &l->mla.q.w,          &l->mla.q_a.w,
                                        &l->mla.q_b.w,       &l->mla.kv_a.w,       &l->mla.kv_b,
                                        &l->mla.o.w,         &l->mlp.gate.w,       &l->mlp.up.w,
                                        &l->mlp.down.w,      &l->moe.gate.w,       &l->moe.shared.gate.w,
                                        &l->moe.shared.up.w, &l->moe.shared.down.w };
        for (size_t k = 0; k < sizeof dense / sizeof dense[0]; k++) count(&t, dense[k], 1);
        if (!l->is_moe) continue;
        count(&t, &l->moe.expert[0].gate, c->top_k);
        count(&t, &l->moe.expert[0].up, c->top_k);
        count(&t, &l->moe.expert[0].down, c->top_k);
    }
    return t;
}

/* Multiply-adds of a prompt of n rows: its weights, and every row's attention over those before it. */
static double macs_of_prompt(const Model *m, Work w, double n)
{
    const LanguageConfig *c = &m->config.language;
    const KvShape s = language_kv_shape(c, DT_F32);
    return w.macs * n + (double)c->n_layers * c->n_heads * (s.d_k + s.d_v) * n * (n + 1) / 2;
}

/* Multiply-adds of one tile: products of the tower with attention, and the projector. */
static double macs_of_tile(const Model *m)
{
    const VisionConfig *v = &m->config.vision;
    const double n = v->grid * v->grid, w = v->width;
    double macs =
        n * w * 3 * v->patch_size * v->patch_size + v->layers * (n * w * (4 * w + 2 * v->mlp_hidden) + 2 * n * n * w);
    for (int i = 0; i < m->weights.projector.n_layers; i++)
        macs += (double)m->config.projector.grid * m->config.projector.grid * m->weights.projector.layer[i].w.rows *
                m->weights.projector.layer[i].w.cols;
    return macs;
}

static double peak_resident_gb(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss * 1024 / 1e9;
}

static void print_row(const char *what, double value, const char *unit, double share, const char *of)
{
    printf("%-34s %9.2f %-8s", what, value, unit);
    if (share > 0) printf(" %5.1f %% of %s", 100 * share, of);
    printf("\n");
}

typedef struct {
    const char *model, *picture, *cpu;
    int threads, tokens;
} Arguments;

static bool parse(Arguments *a, int argc, char **argv)
{
    *a = (Arguments){ .tokens = 32 };
    for (int i = 1; i < argc; i++) {
        const bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--picture") == 0 && has_value)
            a->picture = argv[++i];
        else if (strcmp(argv[i], "--threads") == 0 && has_value)
            a->threads = atoi(argv[++i]);
        else if (strcmp(argv[i], "--cpu") == 0 && has_value)
            a->cpu = argv[++i];
        else if (strcmp(argv[i], "--tokens") == 0 && has_value)
            a->tokens = atoi(argv[++i]);
        else if (argv[i][0] != '-' && !a->model)
            a->model = argv[i];
        else
            return false;
    }
    return a->model != NULL;
}

static void die(const Error *e)
{
    fprintf(stderr, "bench_model: %s\n", e->text);
    exit(1);
}

/* Answers once; seconds and counts are in the result. */
static const Vl2Result *answer(Vl2Engine *e, const char *text, const Vl2Picture *picture, int tokens, Vl2Request **r)
{
    Error err;
    const Vl2Message m = { .role = "user", .content = text, .picture = picture, .n_pictures = picture != NULL };
    Vl2Sampling o = VL2_GREEDY;
    o.max_tokens = tokens;
    o.ignore_eos = true;
    *r = vl2_submit(e, &(Vl2Prompt){ .message = &m, .n_messages = 1 }, &o, &err);
    if (!*r) die(&err);
    for (Vl2Event event; vl2_next(*r, &event);) {}
    return vl2_result(*r);
}

/* A picture with one local tile is encoded once: it has the same pixels as the global view. */
static int encoded_tiles(const Vl2Request *r)
{
    int n = 0;
    for (int i = 0; i < r->prompt.n_images; i++) n += r->prompt.image[i].tiles.n == 2 ? 1 : r->prompt.image[i].tiles.n;
    return n;
}

static MachineLimits measure(const Vl2Engine *e, CpuLevel level)
{
    MachineLimits m;
    Error err;
    if (!machine_measure(e->pool, level, &m, &err)) die(&err);
    return m;
}

int main(int argc, char **argv)
{
    Arguments a;
    Error err;
    if (!parse(&a, argc, argv)) {
        fprintf(stderr, "usage: bench_model MODEL_DIR [--picture FILE] [--threads N] [--cpu LEVEL] [--tokens N]\n");
        return 2;
    }
    double begin = clock_now();
    Vl2Engine *e = vl2_open(&(Vl2Options){ .model = a.model, .threads = a.threads, .cpu = a.cpu }, &err);
    if (!e) die(&err);
    const double open_seconds = clock_now() - begin;
    Vl2Picture picture = { .name = a.picture };
    char *bytes = NULL;
    if (a.picture && !file_read(a.picture, 64 << 20, &bytes, &picture.n, &err)) die(&err);
    picture.bytes = bytes;
    MachineLimits limits;
    CpuLevel level = cpu_best();
    if (a.cpu && !cpu_level_find(a.cpu, &level, &err)) die(&err);
    limits = measure(e, level);
    const double peak = 1e9 * (engine_compute(e) == COMPUTE_BF16 ? limits.bf16_all.median : limits.f32_all.median);
    printf("%s, %d threads, compute %s\n", e->run.k->name, pool_threads(e->pool),
           engine_compute(e) == COMPUTE_BF16 ? "bf16" : "f32");
    print_row("read bandwidth", limits.read_all.median, "GB/s", 0, "");
    print_row("matrix peak", peak / 1e9, "GFLOP/s", 0, "");
    print_row("open", open_seconds, "s", 0, "");

    Vl2Request *r;
    const Work w = work_of_token(&e->model);
    const Weight *head = &e->model.weights.language.head.w;
    if (a.picture) {
        begin = clock_now();
        const Vl2Result *s = answer(e, "Describe this image.", &picture, 1, &r);
        const double tile = s->seconds_vision / encoded_tiles(r);
        print_row("picture decoded and cut", s->seconds_pictures, "s", 0, "");
        print_row("vision, a tile", tile, "s", 2 * macs_of_tile(&e->model) / tile / peak, "the matrix peak");
        print_row("prefill with the picture", s->n_prompt / s->seconds_prefill, "tokens/s",
                  2 * macs_of_prompt(&e->model, w, s->n_prompt) / s->seconds_prefill / peak, "the matrix peak");
        print_row("first token", clock_now() - begin, "s", 0, "");
        vl2_release(r);
    }
    Str text = { 0 };
    for (int i = 0; i < 512; i++) str_puts(&text, i % 3 ? " a" : " b");
    const Vl2Result *s = answer(e, text.text, NULL, 1, &r);
    char label[64];
    snprintf(label, sizeof label, "prefill, %d tokens", s->n_prompt - s->n_reused);
    print_row(label, (s->n_prompt - s->n_reused) / s->seconds_prefill, "tokens/s",
              2 * macs_of_prompt(&e->model, w, s->n_prompt - s->n_reused) / s->seconds_prefill / peak,
              "the matrix peak");
    vl2_release(r);

    const double before = measure(e, level).read_all.median;
    s = answer(e, text.text, NULL, a.tokens + 1, &r);
    const double bandwidth = (before + measure(e, level).read_all.median) / 2, rate = a.tokens / s->seconds_decode;
    const double per_token =
        w.bytes + (double)weight_bytes(head) + (double)(e->plan.cache_per_token * (uint64_t)s->n_prompt);
    print_row("decode", rate, "tokens/s", rate * per_token / 1e9 / bandwidth, "the read bandwidth");
    print_row("bytes a token", per_token / 1e9, "GB", 0, "");
    print_row("bandwidth around decode", bandwidth, "GB/s", 0, "");
    vl2_release(r);
    print_row("peak resident memory", peak_resident_gb(), "GB", 0, "");
    print_row("files", (double)tensor_files_bytes(e->model.files) / 1e9, "GB", 0, "");
    print_row("memory plan", (double)e->plan.total / 1e9, "GB", 0, "");
    str_free(&text);
    free(bytes);
    vl2_close(e);
    return 0;
}
