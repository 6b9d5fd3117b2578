/* engine.c - opening and closing; see engine.h. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "engine/work.h"
#include "model/lora.h"

enum { DEFAULT_CONTEXT = 4096, MOST_GUESSES = 64 };

const char *vl2_version(void)
{
    return "0.1.0";
}

static bool add_adapter(Model *m, const char *text, Error *err)
{
    Adapter a;
    float scale;
    const bool ok = adapter_open_scaled(&a, &scale, text, err) && model_add_adapter(m, &a, scale, err);
    adapter_close(&a);
    return ok;
}

/* How products read their activations, by the type of the weights. */
static bool choose_compute(Vl2Engine *e, const char *name, CpuLevel level, Error *err)
{
    const DType head = e->model.weights.language.head.w.dtype;
    const bool automatic = !name || strcmp(name, "auto") == 0, exact = name && strcmp(name, "f32") == 0;
    if (!automatic && !exact && strcmp(name, "bf16") != 0)
        return fail(err, ERR_USAGE, "compute type \"%s\" is unknown, expected auto, f32 or bf16", name);
    for (int t = 0; t < DT_MATRIX_TYPES; t++) {
        e->run.compute[t] = COMPUTE_F32;
        if (exact) continue;
        if (dtype_is_quantised((DType)t)) e->run.compute[t] = COMPUTE_INT8;
        if (t == DT_BF16 && (!automatic || cpu_multiplies_bf16(level))) e->run.compute[t] = COMPUTE_BF16;
    }
    if (!automatic && !exact && head != DT_BF16)
        log_note(&e->log, LOG_WARNING, "compute bf16 is for bf16 weights; these are %s and are multiplied in %s",
                 dtype_name(head), compute_name(engine_compute(e)));
    return true;
}

Compute engine_compute(const Vl2Engine *e)
{
    return e->run.compute[e->model.weights.language.head.w.dtype];
}

static bool check_limits(const Vl2Options *o, Error *err)
{
    if (o->context < 0 || o->context > 1 << 22)
        return fail(err, ERR_USAGE, "a context of %d tokens, expected 1 to %d", o->context, 1 << 22);
    if (o->sequences < 0 || o->sequences > 4096)
        return fail(err, ERR_USAGE, "%d sequences, expected 1 to 4096", o->sequences);
    if (o->cache_tokens && o->cache_tokens < (o->context ? o->context : DEFAULT_CONTEXT))
        return fail(err, ERR_USAGE, "a cache of %d tokens for all conversations, expected at least a context, %d",
                    o->cache_tokens, o->context ? o->context : DEFAULT_CONTEXT);
    if (o->speculate < 0 || o->speculate > MOST_GUESSES)
        return fail(err, ERR_USAGE, "%d tokens to guess ahead, expected 0 (none) to %d", o->speculate, MOST_GUESSES);
    if (o->slice_ms < 0) return fail(err, ERR_USAGE, "slices of %d ms, expected 0 (none) or more", o->slice_ms);
    if (o->chunk < 0 || o->chunk > 1 << 20)
        return fail(err, ERR_USAGE, "a chunk of %d tokens, expected 1 to %d", o->chunk, 1 << 20);
    return true;
}

/* Pages for all sequences; 0 and *err if they are too many. */
static int count_pages(const Vl2Engine *e, int cache_tokens, Error *err)
{
    size_t n = (size_t)kv_pages(cache_tokens ? cache_tokens : e->context);
    if (cache_tokens || (mul_fits(n, (size_t)e->n_slots, &n) && n <= INT32_MAX / KV_PAGE)) return (int)n;
    fail(err, ERR_LIMIT, "%d sequences of %d tokens are more than the cache can number", e->n_slots, e->context);
    return 0;
}

/* Step arena, cache and rows, all sized by the plan. */
static bool take_memory(Vl2Engine *e, const Vl2Options *o, Error *err)
{
    const int pages = count_pages(e, o->cache_tokens, err);
    if (!pages) return false;
    const LanguageConfig *c = &e->model.config.language;
    const DType cache_type = engine_compute(e) == COMPUTE_F32 ? DT_F32 : DT_BF16;
    const KvShape shape = language_kv_shape(c, cache_type);
    const PlanLimits limits = { .weights = tensor_files_bytes(e->model.files),
                                .sequences = e->n_slots,
                                .chunk = e->chunk,
                                .guesses = e->most_guesses,
                                .threads = pool_threads(e->pool),
                                .cache_tokens = (uint64_t)pages * KV_PAGE,
                                .cache_type = cache_type };
    memory_plan(&e->plan, &e->model.config, e->run.k, &limits);
    /* Reserved, not committed: twice the plan, and what a trace of every position adds. */
    const size_t rows = (size_t)e->chunk + (size_t)e->n_slots + (size_t)e->most_guesses;
    const size_t traced =
        4 * rows * ((size_t)c->vocab_size + 2 * (size_t)c->hidden_size + 64 * (size_t)c->n_layers) + (1u << 20);
    if (!arena_open(&e->step, 2 * e->plan.step + traced, err)) return false;
    if (!kv_open(&e->cache, &shape, e->n_slots, e->context, pages, err)) return false;
    e->run.arena = &e->step;
    expert_count_open(&e->routed, c->n_layers, c->n_routed_experts);
    e->run.routed = &e->routed;
    const ProjectorConfig *j = &e->model.config.projector;
    const size_t side = (size_t)e->model.config.vision.image_size;
    e->tiles = tile_cache_open(side * side * 3, (size_t)(j->grid * j->grid) * (size_t)j->n_embed, o->picture_cache);
    e->row = xcalloc(rows, sizeof *e->row);
    e->guess = xcalloc((size_t)e->most_guesses, sizeof *e->guess);
    e->cost.expected = bytes_of_step(e, 2, 0) / bytes_of_step(e, 1, 0) - 1;
    atomic_store(&e->pages_free, e->cache.n_free);
    e->keep = xcalloc((size_t)e->n_slots, sizeof *e->keep);
    e->slot = xcalloc((size_t)e->n_slots, sizeof *e->slot);
    for (int i = 0; i < e->n_slots; i++) e->slot[i].key = xcalloc((size_t)e->context, sizeof *e->slot[i].key);
    return true;
}

static bool open_model(Model *m, const Vl2Options *o, Error *err)
{
    if (!o->model) return fail(err, ERR_USAGE, "no model directory is given");
    bool ok = model_open(m, o->model, err);
    for (int i = 0; i < o->n_lora && ok; i++) ok = add_adapter(m, o->lora[i], err);
    return ok;
}

/* `shared`: the model is another's; NULL: it is to be opened. */
static Vl2Engine *open_engine(const Model *shared, const Vl2Options *o, Error *err)
{
    Vl2Engine *e = xcalloc(1, sizeof *e);
    CpuLevel level = cpu_best();
    e->making = monitor_open();
    e->log = (Log){ LOG_DEBUG, o->log, o->log_context };
    e->context = o->context ? o->context : DEFAULT_CONTEXT;
    e->n_slots = o->sequences ? o->sequences : 1;
    e->chunk = o->chunk ? o->chunk : 512;
    e->most_guesses = o->speculate;
    e->slice = o->slice_ms / 1e3;
    if (e->chunk > e->context) e->chunk = e->context;
    e->shares_model = shared != NULL;
    bool ok = check_limits(o, err) && (!o->cpu || cpu_level_find(o->cpu, &level, err));
    ok = ok && (shared ? model_share(&e->model, shared, err) : open_model(&e->model, o, err));
    if (ok) {
        e->run.k = kernels_get(level);
        ok = (e->pool = pool_open(o->threads, err)) != NULL;
        e->run.pool = e->pool;
    }
    ok = ok && choose_compute(e, o->compute, level, err) && take_memory(e, o, err);
    if (ok) return e;
    vl2_close(e);
    return NULL;
}

Vl2Engine *vl2_open(const Vl2Options *o, Vl2Error *err)
{
    return open_engine(NULL, o, err);
}

Vl2Engine *engine_open_on(const Model *m, const Vl2Options *o, Error *err)
{
    return open_engine(m, o, err);
}

void vl2_close(Vl2Engine *e)
{
    if (!e) return;
    while (e->first) vl2_release(e->first);
    pool_close(e->pool);
    kv_close(&e->cache);
    arena_close(&e->step);
    expert_count_close(&e->routed);
    tile_cache_close(e->tiles);
    token_order_close(e->order);
    monitor_close(e->making);
    for (int i = 0; e->slot && i < e->n_slots; i++) free(e->slot[i].key);
    free(e->slot);
    free(e->keep);
    free(e->guess);
    free(e->row);
    if (e->shares_model)
        model_unshare(&e->model);
    else
        model_close(&e->model);
    free(e);
}

void engine_trace(Vl2Engine *e, const TraceSink *sink, bool all_logits)
{
    e->run.trace = sink;
    e->wants_all_logits = sink && all_logits;
}
