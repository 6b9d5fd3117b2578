/* bench.c - see bench.h. Requests are made by vl2_submit() and run by engine_step(), as vl2_next() does. */
#include "bench/bench.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "engine/work.h"

const char *const BENCH_TEST_NAMES[BENCH_TESTS + 1] = { "load",   "vision", "first-token", "prefill",
                                                        "decode", "batch",  NULL };

enum {
    BLOCK = 8,         /* decode steps between two looks at the bandwidth */
    BATCH_PROMPT = 32, /* tokens of each sequence of a batch */
    NOISE_SIDE = 384,  /* pixels of the picture that is made here */
    PAGE = 4096,
};

/* ---- the bench ---- */

typedef struct {
    const Vl2Options *options;
    const BenchPlan *plan;
    BenchReport *out;
    Error *e;
    Vl2Engine *engine;
    CpuLevel level;
    ReadProbe *probe; /* NULL while no bandwidth is looked at */
    double read;      /* bytes a second, and peaks in operations a second, as first measured: for estimates */
    double peak[COMPUTE_TYPES];
    double planned, done, piece; /* estimated seconds: of all, of what is over, of what runs */
    bool stopped;
    uint64_t seed; /* of the next prompt that no cache shall know */
    uint64_t most_resident;
} Bench;

/* `part` of the running piece is over. False once somebody has had enough. */
static bool tell(Bench *b, const char *what, double part)
{
    const double done = b->planned > 0 ? (b->done + part * b->piece) / b->planned : 0;
    if (!b->plan->watch.go_on(b->plan->watch.context, what, done < 1 ? done : 1)) b->stopped = true;
    return !b->stopped;
}

static void end_piece(Bench *b)
{
    b->done += b->piece;
    b->piece = 0;
}

/* One step; what it left in memory is looked at. */
static bool step(Bench *b, const char *what, double part)
{
    engine_step(b->engine);
    const uint64_t probe = b->probe ? read_probe_bytes() : 0, resident = resident_bytes();
    if (resident > probe + b->most_resident) b->most_resident = resident - probe;
    return tell(b, what, part);
}

/* Peaks of this moment, operations a second, of the number types that `o` uses. */
static void look_at_peaks(const Bench *b, const Operations *o, double peak[COMPUTE_TYPES])
{
    for (int t = 0; t < COMPUTE_TYPES; t++)
        peak[t] = t == COMPUTE_F32 || o->operations[t] > 0
                      ? 1e9 * machine_peak_now(b->engine->pool, b->level, (Compute)t)
                      : 0;
}

/* Limit by the mean of two looks. */
static double limit_between(const Operations *o, const double *before, const double *after)
{
    double mean[COMPUTE_TYPES];
    for (int t = 0; t < COMPUTE_TYPES; t++) mean[t] = (before[t] + after[t]) / 2;
    return limit_seconds(o, mean);
}

/* ---- prompts ---- */

/* A request for random text tokens. A prompt with the same seed begins like a shorter one. */
static Vl2Request *submit_random(Bench *b, uint64_t seed, int n, int max_tokens)
{
    const int vocab = tokenizer_count(b->engine->model.tokenizer);
    int32_t *id = xcalloc((size_t)n, sizeof *id);
    for (int i = 0; i < n; i++) id[i] = (int32_t)(rng_at(seed, (uint64_t)i) % (uint64_t)vocab);
    Vl2Sampling o = VL2_GREEDY;
    o.max_tokens = max_tokens;
    o.ignore_eos = true;
    Vl2Request *r = vl2_submit(b->engine, &(Vl2Prompt){ .id = id, .n_ids = n }, &o, b->e);
    free(id);
    return r;
}

/* A picture of noise, as a PPM file. */
static Vl2Picture noise_picture(void)
{
    Str file = { 0 };
    str_printf(&file, "P6 %d %d 255\n", NOISE_SIDE, NOISE_SIDE);
    for (uint64_t i = 0; i < (uint64_t)NOISE_SIDE * NOISE_SIDE * 3; i++) str_putc(&file, (char)(rng_at(1, i) & 0xff));
    return (Vl2Picture){ .bytes = file.text, .n = file.n, .name = "noise" };
}

/* A question about the picture; its number stands before the picture, so that no cache holds the picture's rows. */
static Vl2Request *submit_question(Bench *b, const Vl2Picture *picture)
{
    Str text = { 0 };
    str_printf(&text, "%d. <image>\nDescribe this image.", (int)(b->seed++ % 1000));
    const Vl2Message m = { .role = "user", .content = text.text, .picture = picture, .n_pictures = 1 };
    Vl2Sampling o = VL2_GREEDY;
    o.max_tokens = 1;
    o.ignore_eos = true;
    Vl2Request *r = vl2_submit(b->engine, &(Vl2Prompt){ .message = &m, .n_messages = 1 }, &o, b->e);
    str_free(&text);
    return r;
}

/* The one local tile of a picture has the pixels of the global view and is not encoded again. */
static int encoded_tiles(const Vl2Request *r)
{
    int n = 0;
    for (int i = 0; i < r->prompt.n_images; i++) n += r->prompt.image[i].tiles.n == 2 ? 1 : r->prompt.image[i].tiles.n;
    return n;
}

/* Steps until the request is over; false if it was stopped before. */
static bool run_through(Bench *b, Vl2Request *r, const char *what)
{
    while (r->state != REQUEST_DONE) {
        const double tiles = r->n_tiles ? (double)r->tiles_done / r->n_tiles : 1,
                     rows = (double)r->n_cached / r->prompt.n;
        if (!step(b, what, r->n_tiles ? 0.7 * tiles + 0.3 * rows : rows)) return r->state == REQUEST_DONE;
    }
    return true;
}

/* ---- load ---- */

static double estimate_load(const Bench *b)
{
    return 0.3 * b->plan->repeat;
}

static bool measure_load(Bench *b)
{
    Measured m = { 0 };
    b->piece = estimate_load(b);
    for (int i = 0; i < b->plan->repeat && tell(b, "opening the model", (double)i / b->plan->repeat); i++) {
        const double begin = clock_now();
        Vl2Engine *second = vl2_open(&(Vl2Options){ .model = b->options->model,
                                                    .compute = b->options->compute,
                                                    .cpu = b->options->cpu,
                                                    .threads = b->options->threads,
                                                    .context = b->engine->context,
                                                    .chunk = b->engine->chunk },
                                     b->e);
        if (!second) return false;
        take_measure(&m, clock_now() - begin, 0, 0);
        vl2_close(second);
    }
    report_add(b->out, (BenchRow){ .name = "load", .unit = "s", .less_is_better = true }, &m);
    end_piece(b);
    return true;
}

/* ---- pictures ---- */

static double estimate_picture(const Bench *b)
{
    const Operations tile = operations_of_tile(b->engine), prompt = operations_of_prompt(b->engine, 430, 0);
    return 2 * b->plan->repeat * (limit_seconds(&tile, b->peak) + limit_seconds(&prompt, b->peak));
}

/* One question: seconds of its tiles, and seconds to its first token. */
static bool question(Bench *b, const Vl2Picture *picture, Measured *vision, Measured *first)
{
    Operations tile = operations_of_tile(b->engine), all = { 0 };
    double before[COMPUTE_TYPES], after[COMPUTE_TYPES];
    look_at_peaks(b, &tile, before);
    const double begin = clock_now();
    Vl2Request *r = submit_question(b, picture);
    if (!r) return false;
    if (run_through(b, r, "a question about a picture")) {
        const double seconds = clock_now() - begin, tiles = encoded_tiles(r);
        look_at_peaks(b, &tile, after);
        const double limit = limit_between(&tile, before, after), tile_seconds = r->seconds_vision / tiles;
        const Operations prompt = operations_of_prompt(b->engine, r->prompt.n - r->n_reused, r->n_reused);
        operations_add(&all, &tile, tiles);
        operations_add(&all, &prompt, 1);
        const double first_limit = limit_between(&all, before, after);
        take_measure(vision, tile_seconds, limit, limit / tile_seconds);
        take_measure(first, seconds, first_limit, first_limit / seconds);
    }
    vl2_release(r);
    return true;
}

static bool measure_picture(Bench *b)
{
    const Vl2Picture noise = noise_picture(), *picture = b->plan->picture ? b->plan->picture : &noise;
    Measured vision = { 0 }, first = { 0 };
    const double seconds = estimate_picture(b) / b->plan->repeat;
    bool ok = true;
    for (int i = 0; ok && !b->stopped && i < b->plan->repeat; i++) {
        b->piece = seconds;
        ok = question(b, picture, &vision, &first);
        end_piece(b);
    }
    BenchRow row = { .name = "vision tile", .unit = "s", .less_is_better = true, .limit_of = "peak" };
    if (!b->plan->test[BENCH_VISION]) vision.value.n = 0;
    if (!b->plan->test[BENCH_FIRST_TOKEN]) first.value.n = 0;
    report_add(b->out, row, &vision);
    snprintf(row.name, sizeof row.name, "first token");
    report_add(b->out, row, &first);
    free((void *)(uintptr_t)noise.bytes);
    return ok;
}

/* ---- prefill ---- */

static double estimate_prompt(const Bench *b, int n, int before)
{
    const Operations o = operations_of_prompt(b->engine, n, before);
    return 2 * limit_seconds(&o, b->peak);
}

static double estimate_prefill(const Bench *b)
{
    double seconds = 0;
    for (int i = 0; i < b->plan->prefill.n; i++)
        seconds += b->plan->repeat * estimate_prompt(b, b->plan->prefill.at[i], 0);
    return seconds;
}

static bool prefill_once(Bench *b, int n, const char *what, Measured *m)
{
    double before[COMPUTE_TYPES], after[COMPUTE_TYPES];
    Operations o = operations_of_prompt(b->engine, n, 0);
    look_at_peaks(b, &o, before);
    Vl2Request *r = submit_random(b, b->seed++, n, 1);
    if (!r) return false;
    if (run_through(b, r, what)) {
        look_at_peaks(b, &o, after);
        o = operations_of_prompt(b->engine, n - r->n_reused, r->n_reused); /* by chance a first token is known */
        const double limit = limit_between(&o, before, after);
        take_measure(m, (n - r->n_reused) / r->seconds_prefill, limit > 0 ? (n - r->n_reused) / limit : 0,
                     limit / r->seconds_prefill);
    }
    vl2_release(r);
    return true;
}

static bool measure_prefill(Bench *b)
{
    char what[64];
    bool ok = true;
    for (int i = 0; ok && i < b->plan->prefill.n; i++) {
        Measured m = { 0 };
        const int n = b->plan->prefill.at[i];
        snprintf(what, sizeof what, "prefill of %d tokens", n);
        for (int k = 0; ok && !b->stopped && k < b->plan->repeat; k++) {
            b->piece = estimate_prompt(b, n, 0);
            ok = prefill_once(b, n, what, &m);
            end_piece(b);
        }
        report_add(
            b->out,
            (BenchRow){ .name = "prefill", .at = n, .at_unit = "tokens", .unit = "tokens/s", .limit_of = "peak" }, &m);
    }
    return ok;
}

/* ---- decode ---- */

static double estimate_steps(const Bench *b, int sequences, double positions)
{
    const double bytes = bytes_of_step(b->engine, sequences, positions) / 0.6 + (double)read_probe_bytes() / BLOCK;
    return b->plan->tokens * bytes / b->read;
}

/* Steps of n sequences that all decode; each block of steps is a sample. `positions`: in the cache of each sequence. */
static void measure_blocks(Bench *b, int n, int positions, const char *what, Measured *m)
{
    double before = read_probe_now(b->probe);
    for (int at = 0; at < b->plan->tokens && !b->stopped;) {
        const int end = at + BLOCK < b->plan->tokens ? at + BLOCK : b->plan->tokens, steps = end - at;
        double bytes = 0, seconds = 0;
        for (; at < end; at++) {
            const double begin = clock_now();
            engine_step(b->engine);
            seconds += clock_now() - begin;
            bytes += bytes_of_step(b->engine, n, positions + at + 1);
        }
        const double after = read_probe_now(b->probe), limit = bytes / ((before + after) / 2 * 1e9);
        before = after;
        take_measure(m, n * steps / seconds, n * steps / limit, limit / seconds);
        tell(b, what, (double)at / b->plan->tokens);
    }
}

/* Submits n random prompts and runs them until all of them decode. NULL entries only after a failure or a stop. */
static bool begin_sequences(Bench *b, Vl2Request **r, int n, uint64_t seed, int prompt, const char *what)
{
    for (int i = 0; i < n; i++) {
        r[i] = submit_random(b, seed + (uint64_t)i, prompt, b->plan->tokens + 1);
        if (!r[i]) return false;
    }
    for (int i = 0; i < n; i++)
        while (r[i]->state != REQUEST_DECODE)
            if (!step(b, what, 0)) return true;
    return true;
}

/* One run of n sequences after prompts of `prompt` tokens. */
static bool decode_once(Bench *b, int n, uint64_t seed, int prompt, const char *what, Measured *m)
{
    Vl2Request **r = xcalloc((size_t)n, sizeof *r);
    const bool ok = begin_sequences(b, r, n, seed, prompt, what);
    if (ok && !b->stopped) measure_blocks(b, n, prompt, what, m);
    if (ok) step(b, what, 1); /* nothing is left to do: to look at the memory */
    for (int i = 0; i < n; i++) vl2_release(r[i]);
    free(r);
    return ok;
}

static int prompt_of_depth(int depth)
{
    return depth > 0 ? depth : 1; /* there is no empty prompt */
}

static double estimate_depth(const Bench *b, int i)
{
    const BenchList *l = &b->plan->depth;
    const int from = i > 0 && l->at[i - 1] < l->at[i] ? l->at[i - 1] : 0;
    return estimate_prompt(b, prompt_of_depth(l->at[i] - from), from) +
           b->plan->repeat * estimate_steps(b, 1, l->at[i] + b->plan->tokens / 2.0);
}

static double estimate_decode(const Bench *b)
{
    double seconds = 0;
    for (int i = 0; i < b->plan->depth.n; i++) seconds += estimate_depth(b, i);
    return seconds;
}

/* Every depth begins with the same tokens, so that the cache goes on from the depth before, and a repetition from its own. */
static bool measure_decode(Bench *b)
{
    enum { SEED_OF_DEPTHS = 77 };
    char what[64];
    bool ok = true;
    for (int i = 0; ok && i < b->plan->depth.n; i++) {
        Measured m = { 0 };
        const int depth = b->plan->depth.at[i];
        snprintf(what, sizeof what, "decode after %d tokens", depth);
        for (int k = 0; ok && !b->stopped && k < b->plan->repeat; k++) {
            b->piece = estimate_depth(b, i) / b->plan->repeat;
            ok = decode_once(b, 1, SEED_OF_DEPTHS, prompt_of_depth(depth), what, &m);
            end_piece(b);
        }
        report_add(
            b->out,
            (BenchRow){
                .name = "decode", .at = depth, .at_unit = "context", .unit = "tokens/s", .limit_of = "read bandwidth" },
            &m);
    }
    return ok;
}

/* ---- batch ---- */

/* Short enough for all prompts to be read in one step. */
static int batch_prompt(const Bench *b, int n)
{
    const int room = b->engine->chunk / n;
    return room < 1 ? 1 : room < BATCH_PROMPT ? room : BATCH_PROMPT;
}

static double estimate_batch(const Bench *b)
{
    double seconds = 0;
    for (int i = 0; i < b->plan->batch.n; i++)
        seconds += b->plan->repeat * estimate_steps(b, b->plan->batch.at[i], BATCH_PROMPT);
    return seconds;
}

static bool measure_batch(Bench *b)
{
    char what[64];
    bool ok = true;
    double one = 0;
    for (int i = 0; ok && i < b->plan->batch.n; i++) {
        Measured m = { 0 };
        const int n = b->plan->batch.at[i];
        snprintf(what, sizeof what, "decode of %d at a time", n);
        for (int k = 0; ok && !b->stopped && k < b->plan->repeat; k++) {
            b->piece = estimate_steps(b, n, BATCH_PROMPT);
            ok = decode_once(b, n, b->seed += (uint64_t)n, batch_prompt(b, n), what, &m);
            end_piece(b);
        }
        const int rows = b->out->n_rows;
        report_add(b->out,
                   (BenchRow){ .name = "batch decode",
                               .at = n,
                               .at_unit = "at a time",
                               .unit = "tokens/s",
                               .limit_of = "read bandwidth" },
                   &m);
        if (b->out->n_rows == rows) continue;
        BenchRow *row = &b->out->row[rows];
        if (n == 1) one = row->value.median;
        row->times_one = one > 0 ? row->value.median / one : 0;
    }
    return ok;
}

/* ---- the machine ---- */

static bool measure_machine(Bench *b)
{
    if (!report_limits(b->out, b->level, b->options->threads, &b->plan->watch, &b->stopped, b->e)) return false;
    const MachineRow *all = &b->out->machine[b->out->n_machine - 1];
    b->read = 1e9 * all->read;
    b->peak[COMPUTE_F32] =
        1e9 * (all->f32 > 0 ? all->f32 : b->out->threads); /* the scalar level: a guess will do for estimates */
    b->peak[COMPUTE_BF16] = 1e9 * all->bf16;
    b->peak[COMPUTE_INT8] = 1e9 * all->int8;
    return true;
}

/* ---- the model ---- */

static void describe_model(BenchReport *out, const Vl2Engine *e, const char *path)
{
    report_model(out, &e->model, path);
    snprintf(out->compute, sizeof out->compute, "%s", compute_name(engine_compute(e)));
    snprintf(out->cache, sizeof out->cache, "%s", dtype_name(e->cache.shape.dtype));
    out->context = e->context;
    out->chunk = e->chunk;
    out->weights_of_token = weights_of_token(e);
    out->bytes_of_token = bytes_of_step(e, 1, 0);
}

typedef struct {
    const TensorFiles *files;
    atomic_uint found; /* so that no load is useless */
} Touch;

static void touch_tensor(void *context, int i, int thread)
{
    Touch *t = context;
    const FileTensor *f = tensor_files_at(t->files, i);
    unsigned sum = 0;
    (void)thread;
    for (size_t at = 0; at < f->bytes; at += PAGE) sum |= f->data[at];
    atomic_fetch_or(&t->found, sum);
}

/* Brings all weights into memory, so that no measurement waits for the disk; unless they do not fit: then waiting is part
 * of what is measured. */
static void touch_weights(Bench *b)
{
    const Vl2Engine *e = b->engine;
    Touch t = { .files = e->model.files };
    if (e->plan.total > b->out->memory || !tell(b, "reading the weights", 0)) return;
    pool_run(e->pool, tensor_files_count(e->model.files), touch_tensor, &t);
}

static bool open_model(Bench *b, int context, int sequences)
{
    Vl2Options o = *b->options;
    o.context = context;
    o.sequences = sequences;
    b->engine = vl2_open(&o, b->e);
    return b->engine != NULL;
}

static void close_model(Bench *b)
{
    read_probe_close(b->probe);
    vl2_close(b->engine);
    b->probe = NULL;
    b->engine = NULL;
}

/* ---- all of it ---- */

static double estimate_all(const Bench *b)
{
    const bool *wants = b->plan->test;
    return (wants[BENCH_LOAD] ? estimate_load(b) : 0) +
           (wants[BENCH_VISION] || wants[BENCH_FIRST_TOKEN] ? estimate_picture(b) : 0) +
           (wants[BENCH_PREFILL] ? estimate_prefill(b) : 0) + (wants[BENCH_DECODE] ? estimate_decode(b) : 0) +
           (wants[BENCH_BATCH] ? estimate_batch(b) : 0);
}

static bool open_probe(Bench *b)
{
    b->probe = read_probe_open(b->engine->pool, b->e);
    return b->probe != NULL;
}

/* What one conversation at a time does. The model is opened before the machine is measured: what is wrong with it is known
 * at once. */
static bool measure_alone(Bench *b)
{
    const bool *wants = b->plan->test;
    if (!open_model(b, b->options->context + b->plan->tokens + 1, 1)) return false;
    const uint64_t loaded = resident_bytes();
    describe_model(b->out, b->engine, b->options->model);
    if (!measure_machine(b)) return false;
    b->planned = estimate_all(b);
    if (wants[BENCH_LOAD] && !b->stopped && !measure_load(b)) return false;
    if (!b->stopped) touch_weights(b);
    if ((wants[BENCH_VISION] || wants[BENCH_FIRST_TOKEN]) && !b->stopped && !measure_picture(b)) return false;
    if (wants[BENCH_PREFILL] && !b->stopped && !measure_prefill(b)) return false;
    if (wants[BENCH_DECODE] && !b->stopped && !(open_probe(b) && measure_decode(b))) return false;
    if (wants[BENCH_LOAD]) report_add_memory(b->out, "memory after load", loaded);
    if (wants[BENCH_LOAD] && b->most_resident > 0) report_add_memory(b->out, "memory peak", b->most_resident);
    return true;
}

/* An engine of its own: its cache has one short sequence for each of the largest batch. */
static bool measure_together(Bench *b)
{
    const BenchList *l = &b->plan->batch;
    int most = 1;
    for (int i = 0; i < l->n; i++)
        if (l->at[i] > most) most = l->at[i];
    if (!open_model(b, BATCH_PROMPT + b->plan->tokens + 1, most)) return false;
    touch_weights(b);
    return b->stopped || (open_probe(b) && measure_batch(b));
}

bool bench_run(const Vl2Options *o, const BenchPlan *plan, BenchReport *out, Error *e)
{
    Bench b = { .options = o, .plan = plan, .out = out, .e = e, .level = cpu_best(), .seed = 1000 };
    *out = (BenchReport){ .repeat = plan->repeat, .tokens = plan->tokens };
    if (o->cpu && !cpu_level_find(o->cpu, &b.level, e)) return false;
    report_machine(out, b.level);
    bool ok = measure_alone(&b);
    close_model(&b);
    if (ok && plan->test[BENCH_BATCH] && !b.stopped) {
        ok = measure_together(&b);
        close_model(&b);
    }
    out->complete = ok && !b.stopped;
    return ok;
}
