/* routes.c - see routes.h; and the answers that need no file of their own. */
#include "serve/routes.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

/* ---- models ---- */

HostedModel *hold_model(Server *s, const char *name, ApiError *e)
{
    Error cause;
    HostedModel *m = hosted_find(s->models, name);
    if (!m && s->options.any_model) m = hosted_find(s->models, NULL);
    if (!m) {
        api_fail(e, 404, "model_not_found", "there is no model \"%.100s\"; GET /v1/models lists those that there are",
                 name);
        snprintf(e->param, sizeof e->param, "model");
        return NULL;
    }
    if (hosted_hold(s->models, m, &cause)) return m;
    api_fail_as(e, &cause);
    if (e->status < 500) e->status = 500; /* a broken model is not the client's fault */
    return NULL;
}

static json_t *model_json(const Server *s, const HostedModel *m)
{
    json_t *v = json_pack("{s:s, s:s, s:I, s:s, s:{s:b, s:b}, s:b}", "id", m->name, "object", "model", "created",
                          (json_int_t)s->opened_at, "owned_by", "vl2", "capabilities", "vision", 1, "grounding", 1,
                          "loaded", hosted_is_open(s->models, m));
    if (m->base)
        json_object_update_new(v, json_pack("{s:s, s:[s++]}", "parent", m->base, "aliases", m->base, ":", m->name));
    return v;
}

static HttpResult answer_models(Exchange *x)
{
    json_t *list = json_array();
    for (int i = 0; i < hosted_count(x->server->models); i++)
        json_array_append_new(list, model_json(x->server, hosted_at(x->server->models, i)));
    return reply_json(x, 200, json_pack("{s:s, s:o}", "object", "list", "data", list));
}

static const char MODEL_PATH[] = "/models/";

static HttpResult answer_model(Exchange *x)
{
    const char *name = strstr(x->url, MODEL_PATH) + strlen(MODEL_PATH);
    const HostedModel *m = *name ? hosted_find(x->server->models, name) : NULL;
    ApiError e;
    if (m) return reply_json(x, 200, model_json(x->server, m));
    api_fail(&e, 404, "model_not_found", "there is no model \"%.100s\"", name);
    return reply_error(x, &e);
}

/* ---- is it alive? ---- */

static HttpResult answer_health(Exchange *x)
{
    return reply_json(x, 200, json_pack("{s:s}", "status", "ok"));
}

static HttpResult answer_ready(Exchange *x)
{
    const bool drains = atomic_load(&x->server->draining);
    return reply_json(x, drains ? 503 : 200, json_pack("{s:s}", "status", drains ? "draining" : "ready"));
}

/* ---- what it is ---- */

static json_t *json_sizes(const Size *size, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, json_pack("[ii]", size[i].w, size[i].h));
    return list;
}

static json_t *json_sampling(const Vl2Sampling *s)
{
    return json_pack("{s:f, s:f, s:i, s:f, s:f, s:f, s:f, s:i}", "temperature", (double)s->temperature, "top_p",
                     (double)s->top_p, "top_k", s->top_k, "min_p", (double)s->min_p, "repetition_penalty",
                     (double)s->repetition_penalty, "presence_penalty", (double)s->presence_penalty,
                     "frequency_penalty", (double)s->frequency_penalty, "max_tokens", s->max_tokens);
}

/* What a page needs to know before it asks, the cutting of pictures with it. */
static HttpResult answer_props(Exchange *x)
{
    const ServerOptions *o = &x->server->options;
    ApiError e;
    HostedModel *m =
        hold_model(x->server, MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, "model"), &e);
    if (!m) return reply_error(x, &e);
    const Config *c = &m->engine->model.config;
    json_t *v = json_pack(
        "{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:{s:i, s:i, s:i, s:I, s:i}}", "version", vl2_version(), "model",
        m->name, "context", m->engine->context, "total_slots", m->engine->n_slots, "cache_tokens",
        m->engine->cache.n_pages * KV_PAGE, "chunk", m->engine->chunk, "speculate", m->engine->most_guesses,
        "default_sampling", json_sampling(&o->sampling), "tiles",
        json_pack("{s:i, s:i, s:i, s:o}", "side", c->processor.image_size, "tokens_a_side", c->projector.grid,
                  "most_pictures_cut", 2, "candidates", json_sizes(c->processor.candidate, c->processor.n_candidates)),
        "limits", "pictures", o->most_pictures, "queue", o->most_queued, "picture_side", o->most_side, "body_bytes",
        (json_int_t)o->most_body, "picture_megapixels", (int)(o->most_pixels / 1000000));
    hosted_release(x->server->models, m);
    return reply_json(x, 200, v);
}

/* ---- how it does ---- */

typedef struct {
    int open, slots, pages, pages_free;
    uint64_t planned;
    TileCacheStats tiles;
    ExpertLoad experts; /* of the model that uses them least evenly */
} Opened;

static void see_model(void *context, const HostedModel *m)
{
    Opened *o = context;
    o->open++;
    o->slots += m->engine->n_slots;
    o->planned += m->engine->plan.total;
    o->pages += m->engine->cache.n_pages;
    o->pages_free += atomic_load(&m->engine->pages_free);
    const TileCacheStats t = tile_cache_stats(m->engine->tiles);
    o->tiles.bytes += t.bytes;
    o->tiles.found += t.found;
    o->tiles.missed += t.missed;
    const ExpertLoad l = expert_load(&m->engine->routed);
    o->experts.rows += l.rows;
    if (l.busiest < o->experts.busiest) return;
    o->experts.busiest = l.busiest;
    o->experts.unused = l.unused;
}

static HttpResult answer_metrics(Exchange *x)
{
    Str text = { 0 };
    Opened o = { 0 };
    const WorkerStats w = worker_stats(x->server->worker);
    hosted_each_open(x->server->models, see_model, &o);
    metrics_print(x->server->metrics, &text);
    const struct {
        const char *name, *type, *help;
        double value;
    } VALUE[] = {
        { "vl2_answers_running", "gauge", "Answers in the making.", w.running },
        { "vl2_answers_queued", "gauge", "Answers that wait for a place.", w.queued },
        { "vl2_steps_total", "counter", "Steps of the engines.", (double)w.steps },
        { "vl2_busy_seconds_total", "counter", "Time spent in steps.", w.seconds_busy },
        { "vl2_models_open", "gauge", "Models that are open.", o.open },
        { "vl2_slots", "gauge", "Conversations that open models can run at once.", o.slots },
        { "vl2_planned_bytes", "gauge", "Memory that open models may come to take, mapped weights included.",
          (double)o.planned },
        { "vl2_cache_pages", "gauge", "Pages of 64 positions that the caches of open models have.", o.pages },
        { "vl2_cache_pages_free", "gauge", "Those that neither an answer nor a kept prefix holds.", o.pages_free },
        { "vl2_picture_cache_bytes", "gauge", "Encoded tiles that are kept.", (double)o.tiles.bytes },
        { "vl2_picture_cache_hits_total", "counter", "Tiles that were not encoded again.", (double)o.tiles.found },
        { "vl2_picture_cache_misses_total", "counter", "Tiles that were looked for and encoded.",
          (double)o.tiles.missed },
        { "vl2_expert_rows_total", "counter", "Rows that routers gave to experts, over all layers.",
          (double)o.experts.rows },
        { "vl2_expert_busiest_ratio", "gauge",
          "Rows of a layer's busiest expert over those of its mean one, averaged over layers, since the model was "
          "opened.",
          o.experts.busiest },
        { "vl2_expert_unused_ratio", "gauge", "Share of experts that had no row since the model was opened.",
          o.experts.unused },
        { "process_resident_memory_bytes", "gauge", "Resident memory.", (double)resident_bytes() },
        { "process_uptime_seconds", "gauge", "Time since the start.", (double)time(NULL) - x->server->opened_at },
    };
    for (size_t i = 0; i < sizeof VALUE / sizeof *VALUE; i++)
        metrics_print_value(&text, VALUE[i].name, VALUE[i].type, VALUE[i].help, VALUE[i].value);
    str_printf(&text,
               "# HELP vl2_build_info The program.\n# TYPE vl2_build_info gauge\nvl2_build_info{version=\"%s\"} 1\n",
               vl2_version());
    const HttpResult sent = reply_text(x, 200, "text/plain; version=0.0.4; charset=utf-8", text.text, text.n);
    str_free(&text);
    return sent;
}

/* ---- the table ---- */

/* Each call also without /v1. HEAD is answered as GET, without the content. */
static const Route ROUTE[] = {
    { "POST", "/v1/chat/completions", answer_chat, false },
    { "POST", "/v1/completions", answer_completion, false },
    { "GET", "/v1/models", answer_models, false },
    { "POST", "/tokenize", answer_tokenize, false },
    { "POST", "/detokenize", answer_detokenize, false },
    { "POST", "/apply-template", answer_apply_template, false },
    { "GET", "/props", answer_props, false },
    { "GET", "/metrics", answer_metrics, false },
    { "GET", "/health", answer_health, true },
    { "GET", "/ready", answer_ready, true },
};
static const Route ONE_MODEL = { "GET", "/v1/models/{id}", answer_model, false };
static const Route ASSET = { "GET", "/", answer_asset, true };

static const char *without_version(const char *path)
{
    return str_starts(path, "/v1/") ? path + strlen("/v1") : path;
}

const Route *route_find(const char *method, const char *path, ApiError *e)
{
    const bool head = strcmp(method, "HEAD") == 0, get = head || strcmp(method, "GET") == 0;
    const char *short_path = without_version(path);
    for (size_t i = 0; i < sizeof ROUTE / sizeof *ROUTE; i++) {
        if (strcmp(without_version(ROUTE[i].path), short_path) != 0) continue;
        if (strcmp(ROUTE[i].method, head ? "GET" : method) == 0) return &ROUTE[i];
        api_fail(e, 405, "method_not_allowed", "%s is for %s", ROUTE[i].path, ROUTE[i].method);
        e->allow = strcmp(ROUTE[i].method, "GET") == 0 ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
        return NULL;
    }
    if (get && str_starts(short_path, MODEL_PATH)) return &ONE_MODEL;
    if (get && asset_exists(path)) return &ASSET;
    api_fail(e, 404, "unknown_path", "there is nothing at this path");
    return NULL;
}
