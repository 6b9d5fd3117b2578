/* generate.c - /v1/chat/completions and /v1/completions: from the body to the last byte of the answer.
 *
 *     body --ask.c--> Ask --the model's tokenizer and pictures--> Jobs --the worker--> text --openai_reply.c--> JSON or events
 *
 * Runs on the connection's thread. What it makes belongs to the exchange and goes with it: whatever ends the exchange ends the
 * answers that are still in the making. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "serve/openai_reply.h"
#include "serve/routes.h"

/* How far a stream has come with one answer. */
typedef struct {
    size_t sent;     /* bytes of the answer's text */
    int tokens_sent; /* whose likelihoods were sent */
    unsigned told;   /* Job.news at the last event about progress */
    bool opened, closed;
} Sent;

typedef struct {
    Exchange *x;
    json_t *body;
    Ask ask;
    HostedModel *model;
    Monitor *monitor; /* of all jobs */
    ReplyHead head;
    ReplyChoice choice[MOST_CHOICES];
    Sent sent[MOST_CHOICES];
    int n;
    bool submitted, counted;
    Str out; /* events that are ready */
    size_t out_at;
    bool ended; /* [DONE] is among them */
    double last_out;
    unsigned seen; /* news of all jobs that were gathered */
} Generation;

static const double LOOK = 0.25; /* seconds between looks at whether the client is still there */
static const double PING = 10;   /* most seconds of silence on a stream */

/* ---- the end ---- */

/* Once all are done. Before the last byte of the answers leaves, so that a client that has read it finds them in /metrics. */
static void count(Generation *g)
{
    Metrics *m = g->x->server->metrics;
    if (g->counted) return;
    g->counted = true;
    for (int i = 0; i < g->n; i++) {
        const Job *job = g->choice[i].job;
        const Vl2Request *r = job->request;
        const double begun = job->started_at > 0 ? job->started_at : job->done_at;
        metrics_time(m, TIME_QUEUE, begun - job->queued_at);
        metrics_time(m, TIME_ANSWER, job->done_at - job->queued_at);
        if (r->prompt.n_images) metrics_time(m, TIME_PICTURES, r->seconds_pictures);
        if (r->n_tiles) metrics_time(m, TIME_VISION, r->seconds_vision);
        if (job->first_at > 0) {
            metrics_time(m, TIME_PREFILL, r->seconds_prefill);
            metrics_time(m, TIME_FIRST_TOKEN, job->first_at - job->queued_at);
        }
        if (r->output.n > 1)
            metrics_time(m, TIME_PER_TOKEN, (job->done_at - job->first_at) / (double)(r->output.n - 1));
        if (strcmp(r->finish_reason, "cancelled") == 0) metrics_add(m, COUNT_CANCELLED, 1);
        metrics_add(m, COUNT_PROMPT_TOKENS, (uint64_t)r->prompt.n);
        metrics_add(m, COUNT_IMAGE_TOKENS, (uint64_t)r->prompt.n_image_tokens);
        metrics_add(m, COUNT_CACHED_TOKENS, (uint64_t)r->n_reused);
        metrics_add(m, COUNT_ANSWER_TOKENS, r->output.n);
        metrics_add(m, COUNT_GUESSED_TOKENS, (uint64_t)r->n_guessed);
        metrics_add(m, COUNT_ACCEPTED_TOKENS, (uint64_t)r->n_accepted);
        metrics_add(m, COUNT_PICTURES, (uint64_t)r->prompt.n_images);
        metrics_add(m, COUNT_TILES, (uint64_t)r->n_tiles);
        g->x->tokens.answer += (int)r->output.n;
        if (i % g->ask.n) continue;
        g->x->tokens.prompt += r->prompt.n;
        g->x->tokens.image += r->prompt.n_image_tokens;
        g->x->tokens.cached += r->n_reused;
    }
    const Vl2Request *first = g->choice[0].job->request;
    g->x->tokens.finish = strcmp(first->finish_reason, "cancelled") == 0 && !g->choice[0].timed_out
                              ? "cancelled"
                              : reply_finish_reason(&g->choice[0]);
}

static void generation_end(void *work)
{
    Generation *g = work;
    Server *s = g->x->server;
    for (int i = 0; i < g->n && g->submitted; i++) worker_cancel(s->worker, g->choice[i].job);
    for (int i = 0; i < g->n && g->submitted; i++) job_wait_done(g->choice[i].job);
    if (g->submitted) count(g);
    for (int i = 0; i < g->n; i++) job_free(g->choice[i].job);
    if (g->model) hosted_release(s->models, g->model);
    monitor_close(g->monitor);
    ask_free(&g->ask);
    json_decref(g->body);
    str_free(&g->out);
    free(g);
}

/* ---- the beginning ---- */

static uint64_t random_seed(void)
{
    uint64_t seed;
    return getrandom(&seed, sizeof seed, 0) == sizeof seed ? seed : (uint64_t)time(NULL);
}

/* The text of a completion stands after the beginning of a text, as the model saw texts. */
static bool prompt_ids(const HostedModel *m, const AskPrompt *p, Ids *out, ApiError *e)
{
    Error cause;
    const Tokenizer *t = m->engine->model.tokenizer;
    if (!p->text) {
        for (size_t i = 0; i < p->ids.n; i++) ids_add(out, p->ids.id[i]);
        return true;
    }
    ids_add(out, tokenizer_special(t)->bos);
    return tokenizer_encode(t, p->text, p->n_text, ADDED_GROUNDING, out, &cause) || api_fail_as(e, &cause);
}

static Vl2Request *read_prompt(Generation *g, const AskPrompt *p, ApiError *e)
{
    Error cause;
    Ids ids = { 0 };
    Vl2Prompt prompt = g->ask.options;
    Vl2Request *r = NULL;
    if (p && !prompt_ids(g->model, p, &ids, e)) return ids_free(&ids), NULL;
    if (p) {
        prompt.id = ids.id;
        prompt.n_ids = (int)ids.n;
    } else {
        prompt.message = g->ask.message;
        prompt.n_messages = g->ask.n_messages;
    }
    r = request_read(g->model->engine, &prompt, &cause);
    ids_free(&ids);
    if (!r) api_fail_as(e, &cause);
    return r;
}

static bool add_job(Generation *g, const AskPrompt *p, int number, ApiError *e)
{
    Error cause;
    Vl2Sampling sampling = g->ask.sampling;
    Vl2Request *r = read_prompt(g, p, e);
    if (!r) return false;
    sampling.seed += (uint64_t)number;
    if (!request_prepare(r, &sampling, &cause)) {
        api_fail_as(e, &cause);
        if (cause.code == ERR_LIMIT) e->code = "context_length_exceeded";
        request_free(r);
        return false;
    }
    Job *job = xcalloc(1, sizeof *job);
    *job = (Job){ .request = r,
                  .model = g->model,
                  .who = g->x->who,
                  .monitor = g->monitor,
                  .tiles = r->n_tiles,
                  .prompt = r->prompt.n };
    str_add(&job->text, "", 0);
    g->choice[g->n] = (ReplyChoice){ .index = g->n, .job = job, .prompt = p };
    g->n++;
    return true;
}

static bool add_jobs(Generation *g, ApiError *e)
{
    const int prompts = g->head.chat ? 1 : g->ask.n_prompts;
    for (int p = 0; p < prompts; p++)
        for (int i = 0; i < g->ask.n; i++)
            if (!add_job(g, g->head.chat ? NULL : &g->ask.prompt[p], i, e)) return false;
    return true;
}

static bool submit(Generation *g, ApiError *e)
{
    Job *job[MOST_CHOICES];
    Server *s = g->x->server;
    for (int i = 0; i < g->n; i++) job[i] = g->choice[i].job;
    if (!exchange_may_begin(g->x, e)) return false;
    g->submitted = worker_submit(s->worker, job, g->n);
    if (g->submitted) return true;
    metrics_add(s->metrics, COUNT_REJECTED, 1);
    api_fail(e, 503, "queue_full", "%d answers wait already: try again later", s->options.most_queued);
    e->retry_after = 2;
    return false;
}

AskRules ask_rules(Server *s)
{
    const ServerOptions *o = &s->options;
    return (AskRules){ .sampling = o->sampling,
                       .most_pictures = o->most_pictures,
                       .most_pixels = o->most_pixels,
                       .most_side = o->most_side,
                       .exif_rotate = o->exif_rotate,
                       .remote_pictures = s->image_hosts != NULL };
}

static bool begin_generation(Generation *g, ApiError *e)
{
    const AskRules rules = ask_rules(g->x->server);
    if (!(g->body = exchange_json(g->x, e))) return false;
    if (!(g->head.chat ? ask_read_chat(&g->ask, g->body, &rules, e) : ask_read_completion(&g->ask, g->body, &rules, e)))
        return false;
    if (!(g->model = hold_model(g->x->server, g->ask.model, e))) return false;
    if (!get_remote_pictures(g->x, &g->ask, e)) return false;
    if (!g->ask.has_seed && g->ask.sampling.temperature > 0) g->ask.sampling.seed = random_seed();
    snprintf(g->head.id, sizeof g->head.id, "%s-%s", g->head.chat ? "chatcmpl" : "cmpl", g->x->id + strlen("req-"));
    g->head.ask = &g->ask;
    g->head.created = (json_int_t)time(NULL);
    g->head.model = g->model->name;
    return add_jobs(g, e) && submit(g, e);
}

/* ---- waiting ---- */

/* What went over a time limit is ended. Outside the monitor. */
static void check_times(Generation *g)
{
    const ServerOptions *o = &g->x->server->options;
    const double now = clock_now();
    for (int i = 0; i < g->n; i++) {
        ReplyChoice *c = &g->choice[i];
        monitor_enter(g->monitor);
        const bool over =
            (c->job->state == JOB_QUEUED && o->queue_seconds > 0 && now - c->job->queued_at > o->queue_seconds) ||
            (c->job->state == JOB_RUNNING && o->answer_seconds > 0 && now - c->job->started_at > o->answer_seconds);
        monitor_leave(g->monitor);
        if (!over || c->timed_out) continue;
        c->timed_out = true;
        worker_cancel(g->x->server->worker, c->job);
    }
}

static bool all_done(const Generation *g)
{
    for (int i = 0; i < g->n; i++)
        if (g->choice[i].job->state != JOB_DONE) return false;
    return true;
}

/* False: nobody waits for the answers any more. */
static bool wait_for_all(Generation *g)
{
    for (;;) {
        monitor_enter(g->monitor);
        const bool done = all_done(g) || (monitor_wait(g->monitor, LOOK), all_done(g));
        monitor_leave(g->monitor);
        if (done) return true;
        if (exchange_is_gone(g->x)) return false;
        check_times(g);
    }
}

/* An answer whose time was over before it was begun. */
static bool never_begun(const Generation *g, ApiError *e)
{
    for (int i = 0; i < g->n; i++)
        if (g->choice[i].timed_out && g->choice[i].job->started_at <= 0) {
            api_fail(e, 503, "queue_timeout", "the answer could not be begun in %g s: try again later",
                     g->x->server->options.queue_seconds);
            e->retry_after = 5;
            return true;
        }
    return false;
}

static HttpResult answer_whole(Generation *g)
{
    ApiError e;
    if (!wait_for_all(g)) return MHD_NO;
    if (never_begun(g, &e)) return reply_error(g->x, &e);
    count(g);
    return reply_json(g->x, 200, reply_whole(&g->head, g->choice, g->n));
}

/* ---- the stream ---- */

static void put_event(Generation *g, json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT);
    json_decref(v);
    str_printf(&g->out, "data: %s\n\n", text ? text : "{}");
    free(text);
}

/* Inside the monitor: what is new of one answer's text. */
static void put_text(Generation *g, int i)
{
    const ReplyChoice *c = &g->choice[i];
    const Job *job = c->job;
    Sent *s = &g->sent[i];
    Str shown = { 0 };
    const size_t n = job->text.n - s->sent;
    const char *text = job->text.text + s->sent;
    if (!g->ask.plain_text)
        s->sent += n;
    else {
        s->sent += add_without_tags(&shown, text, n, job->state == JOB_DONE);
        text = shown.text;
    }
    const size_t n_shown = g->ask.plain_text ? shown.n : n;
    const bool has_tokens = g->ask.logprobs && job->state == JOB_DONE && job->n_output > s->tokens_sent;
    if (n_shown > 0 || has_tokens) {
        put_event(g, reply_chunk(&g->head, c, text, n_shown, s->tokens_sent, job->n_output, false));
        s->tokens_sent = job->n_output;
    }
    str_free(&shown);
}

/* Inside the monitor. The first event says whose turn it is; a completion that echoes begins with its prompt. */
static void put_opening(Generation *g, int i)
{
    const ReplyChoice *c = &g->choice[i];
    const bool echo = g->ask.echo && c->prompt && c->prompt->text;
    g->sent[i].opened = true;
    if (g->head.chat || echo)
        put_event(g, reply_chunk(&g->head, c, echo ? c->prompt->text : "", echo ? c->prompt->n_text : 0, 0, 0, true));
}

static void put_progress(Generation *g, int i, int ahead)
{
    const Job *job = g->choice[i].job;
    if (!g->ask.progress || job->n_output > 0 || job->news == g->sent[i].told) return;
    g->sent[i].told = job->news;
    put_event(g, reply_progress_chunk(&g->head, &g->choice[i], ahead));
}

static void put_failure(Generation *g, const ApiError *e)
{
    put_event(g, api_error_json(e));
    g->ended = true;
}

/* All answers are complete and told. */
static void put_end(Generation *g)
{
    if (g->ask.include_usage) put_event(g, reply_usage_chunk(&g->head, g->choice, g->n));
    count(g);
    str_puts(&g->out, "data: [DONE]\n\n");
    g->ended = true;
}

/* Inside the monitor. */
static unsigned news_of(const Generation *g)
{
    unsigned n = 0;
    for (int i = 0; i < g->n; i++) n += g->choice[i].job->news;
    return n;
}

/* Puts what there is into g->out. */
static void gather(Generation *g)
{
    int ahead[MOST_CHOICES], closed = 0;
    ApiError e;
    for (int i = 0; i < g->n; i++)
        ahead[i] = g->ask.progress ? worker_ahead_of(g->x->server->worker, g->choice[i].job) : 0;
    monitor_enter(g->monitor);
    g->seen = news_of(g);
    const bool failed = all_done(g) && never_begun(g, &e);
    for (int i = 0; i < g->n && !failed; i++) {
        if (!g->sent[i].opened) put_opening(g, i);
        put_progress(g, i, ahead[i]);
        put_text(g, i);
        if (g->choice[i].job->state == JOB_DONE && !g->sent[i].closed) {
            put_event(g, reply_last_chunk(&g->head, &g->choice[i]));
            g->sent[i].closed = true;
        }
        closed += g->sent[i].closed;
    }
    monitor_leave(g->monitor);
    if (failed)
        put_failure(g, &e);
    else if (closed == g->n)
        put_end(g);
}

/* Silence for as long as idle clients may be silent would end the connection. */
static double silence(const Generation *g)
{
    const double idle = g->x->server->options.connection_seconds;
    return idle / 2 < PING ? idle / 2 : PING;
}

/* Waits until there is something to send; false: the client is gone. */
static bool fill(Generation *g)
{
    str_clear(&g->out);
    g->out_at = 0;
    for (;;) {
        gather(g);
        if (g->out.n > 0) return true;
        if (exchange_is_gone(g->x)) return false;
        if (clock_now() - g->last_out > silence(g)) return str_puts(&g->out, ": ping\n\n"), true;
        check_times(g);
        monitor_enter(g->monitor);
        if (news_of(g) == g->seen) monitor_wait(g->monitor, LOOK);
        monitor_leave(g->monitor);
    }
}

static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t most)
{
    Generation *g = context;
    (void)position;
    if (g->out_at == g->out.n) {
        if (g->ended) return MHD_CONTENT_READER_END_OF_STREAM;
        if (!fill(g)) return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    const size_t left = g->out.n - g->out_at, n = left < most ? left : most;
    memcpy(buffer, g->out.text + g->out_at, n);
    g->out_at += n;
    g->last_out = clock_now();
    return (ssize_t)n;
}

/* ---- the two calls ---- */

static HttpResult generate(Exchange *x, bool chat)
{
    ApiError e;
    Generation *g = xcalloc(1, sizeof *g);
    g->x = x;
    g->head.chat = chat;
    g->monitor = monitor_open();
    g->last_out = clock_now();
    x->work = g;
    x->end_work = generation_end;
    exchange_be_patient(x);
    if (!begin_generation(g, &e)) return reply_error(x, &e);
    return g->ask.stream ? reply_stream(x, read_stream, g) : answer_whole(g);
}

HttpResult answer_chat(Exchange *x)
{
    return generate(x, true);
}

HttpResult answer_completion(Exchange *x)
{
    return generate(x, false);
}
