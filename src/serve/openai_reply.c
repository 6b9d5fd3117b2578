/* openai_reply.c - see openai_reply.h. */
#include "serve/openai_reply.h"

#include <string.h>

/* ---- text ---- */

static const char *const TAG[] = { "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>" };
enum { N_TAGS = sizeof TAG / sizeof *TAG };

/* Bytes of a tag at s[0..n); 0: none begins here; -1: one may, when more has come. */
static int tag_at(const char *s, size_t n)
{
    int found = 0;
    for (int i = 0; i < N_TAGS; i++) {
        const size_t m = strlen(TAG[i]);
        if (n >= m && memcmp(s, TAG[i], m) == 0) return (int)m;
        if (n < m && memcmp(s, TAG[i], n) == 0) found = -1;
    }
    return found;
}

size_t add_without_tags(Str *out, const char *text, size_t n, bool all)
{
    size_t at = 0;
    str_add(out, "", 0);
    while (at < n) {
        const int tag = tag_at(text + at, n - at);
        if (tag < 0 && !all) break;
        if (tag > 0)
            at += (size_t)tag;
        else
            str_putc(out, text[at++]);
    }
    return at;
}

static json_t *whole_text(const ReplyHead *h, const ReplyChoice *c)
{
    const Job *job = c->job;
    Str text = { 0 };
    if (h->ask->echo && c->prompt && c->prompt->text) str_add(&text, c->prompt->text, c->prompt->n_text);
    if (h->ask->plain_text)
        add_without_tags(&text, job->text.text, job->text.n, true);
    else
        str_add(&text, job->text.text, job->text.n);
    json_t *v = json_stringn(text.text, text.n);
    str_free(&text);
    return v;
}

const char *reply_finish_reason(const ReplyChoice *c)
{
    const char *reason = c->job->request->finish_reason;
    return reason && strcmp(reason, "stop") == 0 ? "stop"
                                                 : "length"; /* cut off by the server's time limit: length, too */
}

/* ---- likelihoods ---- */

static json_t *token_text(const Tokenizer *t, int32_t id)
{
    size_t n;
    Str text = { 0 };
    const char *bytes = tokenizer_bytes(t, id, &n);
    str_add_lossy(&text, bytes ? bytes : "", n);
    str_add(&text, "", 0);
    json_t *v = json_stringn(text.text, text.n);
    str_free(&text);
    return v;
}

static json_t *token_json(const Tokenizer *t, const Vl2Likelihood *l)
{
    size_t n;
    const char *bytes = tokenizer_bytes(t, l->id, &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_integer((unsigned char)bytes[i]));
    /* JSON has no infinity: a token that cannot come at all gets what OpenAI writes for that. */
    return json_pack("{s:o, s:f, s:o}", "token", token_text(t, l->id), "logprob",
                     l->log > -9999 ? (double)l->log : -9999.0, "bytes", list);
}

/* The token that ends an answer is no part of its text. */
static bool ends_answer(const Vl2Request *r, int32_t id)
{
    for (int i = 0; i < r->n_stop_ids; i++)
        if (r->stop_id[i] == id) return true;
    return false;
}

static json_t *chat_logprobs(const Vl2Request *r, int from, int to)
{
    const Tokenizer *t = r->engine->model.tokenizer;
    json_t *content = json_array();
    for (int i = from; i < to; i++) {
        const Vl2Likelihood *l = r->likelihood + (size_t)i * (size_t)r->likelihoods;
        if (ends_answer(r, l->id)) continue;
        json_t *v = token_json(t, l), *top = json_array();
        for (int k = 1; k < r->likelihoods; k++) json_array_append_new(top, token_json(t, &l[k]));
        json_object_set_new(v, "top_logprobs", top);
        json_array_append_new(content, v);
    }
    return json_pack("{s:o, s:n}", "content", content, "refusal");
}

/* The older form: lists beside each other. */
static json_t *completion_logprobs(const Vl2Request *r, int from, int to)
{
    const Tokenizer *t = r->engine->model.tokenizer;
    json_t *tokens = json_array(), *logs = json_array(), *tops = json_array(), *offsets = json_array();
    size_t offset = 0, n;
    for (int i = 0; i < to; i++) {
        const Vl2Likelihood *l = r->likelihood + (size_t)i * (size_t)r->likelihoods;
        if (ends_answer(r, l->id)) continue;
        if (i >= from) {
            json_t *top = json_object();
            for (int k = 1; k < r->likelihoods; k++) {
                json_t *text = token_text(t, l[k].id);
                json_object_setn_new(top, json_string_value(text), json_string_length(text),
                                     json_real((double)l[k].log));
                json_decref(text);
            }
            json_array_append_new(tokens, token_text(t, l->id));
            json_array_append_new(logs, json_real((double)l->log));
            json_array_append_new(tops, top);
            json_array_append_new(offsets, json_integer((json_int_t)offset));
        }
        tokenizer_bytes(t, l->id, &n);
        offset += n;
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "tokens", tokens, "token_logprobs", logs, "top_logprobs", tops,
                     "text_offset", offsets);
}

static json_t *logprobs(const ReplyHead *h, const ReplyChoice *c, int from, int to)
{
    if (!h->ask->logprobs) return json_null();
    return h->chat ? chat_logprobs(c->job->request, from, to) : completion_logprobs(c->job->request, from, to);
}

/* ---- boxes, counts, times ---- */

static json_t *four(const int v[4])
{
    return json_pack("[iiii]", v[0], v[1], v[2], v[3]);
}

static json_t *boxes(const Job *job)
{
    const Vl2Result *a = vl2_result(job->request);
    json_t *list = json_array();
    for (int i = 0; i < a->n_boxes; i++) {
        const Vl2Box *b = &a->box[i];
        json_array_append_new(list, json_pack("{s:s, s:i, s:o, s:o, s:i}", "label", b->label, "group", b->group, "box",
                                              four(b->norm), "pixels", four(b->pixel), "picture", b->picture));
    }
    return list;
}

/* A prompt that has several answers counts once. */
static json_t *usage(const ReplyHead *h, const ReplyChoice *choice, int n)
{
    json_int_t prompt = 0, answer = 0, image = 0, cached = 0;
    for (int i = 0; i < n; i++) {
        const Vl2Request *r = choice[i].job->request;
        answer += (json_int_t)r->output.n;
        if (i % h->ask->n) continue;
        prompt += r->prompt.n;
        image += r->prompt.n_image_tokens;
        cached += r->n_reused;
    }
    return json_pack("{s:I, s:I, s:I, s:{s:I, s:I, s:I}}", "prompt_tokens", prompt, "completion_tokens", answer,
                     "total_tokens", prompt + answer, "prompt_tokens_details", "cached_tokens", cached, "image_tokens",
                     image, "text_tokens", prompt - image);
}

static json_t *timings(const Job *job)
{
    const Vl2Request *r = job->request;
    const double begun = job->started_at > 0 ? job->started_at : job->done_at;
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "prompt_n", r->prompt.n,
                     "cached_n", r->n_reused, "tiles_n", r->n_tiles, "predicted_n", (int)r->output.n, "draft_n",
                     r->n_guessed, "draft_n_accepted", r->n_accepted, "queue_ms", 1e3 * (begun - job->queued_at),
                     "pictures_ms", 1e3 * r->seconds_pictures, "vision_ms", 1e3 * r->seconds_vision, "prompt_ms",
                     1e3 * r->seconds_prefill, "predicted_ms", 1e3 * r->seconds_decode, "first_token_ms",
                     job->first_at > 0 ? 1e3 * (job->first_at - job->queued_at) : 0.0);
}

/* ---- whole ---- */

static json_t *head(const ReplyHead *h, const char *object)
{
    json_t *v =
        json_pack("{s:s, s:s, s:I, s:s}", "id", h->id, "object", object, "created", h->created, "model", h->model);
    json_object_set_new(v, "system_fingerprint", json_sprintf("vl2-%s", vl2_version()));
    return v;
}

static json_t *whole_choice(const ReplyHead *h, const ReplyChoice *c)
{
    json_t *v = json_pack("{s:i}", "index", c->index);
    if (h->chat) {
        json_t *message = json_pack("{s:s, s:o, s:n}", "role", "assistant", "content", whole_text(h, c), "refusal");
        if (h->ask->boxes) json_object_set_new(message, "boxes", boxes(c->job));
        json_object_set_new(v, "message", message);
    } else
        json_object_set_new(v, "text", whole_text(h, c));
    json_object_set_new(v, "logprobs", logprobs(h, c, 0, c->job->n_output));
    json_object_set_new(v, "finish_reason", json_string(reply_finish_reason(c)));
    return v;
}

json_t *reply_whole(const ReplyHead *h, const ReplyChoice *choice, int n)
{
    json_t *v = head(h, h->chat ? "chat.completion" : "text_completion"), *choices = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(choices, whole_choice(h, &choice[i]));
    json_object_set_new(v, "choices", choices);
    json_object_set_new(v, "usage", usage(h, choice, n));
    json_object_set_new(v, "timings", timings(choice[0].job));
    return v;
}

/* ---- chunks ---- */

/* `choice` NULL: none. */
static json_t *chunk(const ReplyHead *h, json_t *choice)
{
    json_t *v = head(h, h->chat ? "chat.completion.chunk" : "text_completion");
    json_object_set_new(v, "choices", choice ? json_pack("[o]", choice) : json_array());
    if (h->ask->include_usage) json_object_set_new(v, "usage", json_null());
    return v;
}

json_t *reply_chunk(const ReplyHead *h, const ReplyChoice *c, const char *text, size_t n, int from, int to, bool first)
{
    json_t *v = json_pack("{s:i}", "index", c->index);
    if (h->chat) {
        json_t *delta = json_object();
        if (first) json_object_set_new(delta, "role", json_string("assistant"));
        json_object_set_new(delta, "content", json_stringn(text, n));
        json_object_set_new(v, "delta", delta);
    } else
        json_object_set_new(v, "text", json_stringn(text, n));
    json_object_set_new(v, "logprobs", from < to ? logprobs(h, c, from, to) : json_null());
    json_object_set_new(v, "finish_reason", json_null());
    return chunk(h, v);
}

json_t *reply_last_chunk(const ReplyHead *h, const ReplyChoice *c)
{
    json_t *v = json_pack("{s:i, s:n, s:s}", "index", c->index, "logprobs", "finish_reason", reply_finish_reason(c));
    if (h->chat) {
        json_t *delta = json_object();
        if (h->ask->boxes) json_object_set_new(delta, "boxes", boxes(c->job));
        json_object_set_new(v, "delta", delta);
    } else
        json_object_set_new(v, "text", json_string(""));
    json_t *last = chunk(h, v);
    json_object_set_new(last, "timings", timings(c->job));
    return last;
}

json_t *reply_usage_chunk(const ReplyHead *h, const ReplyChoice *choice, int n)
{
    json_t *v = chunk(h, NULL);
    json_object_set_new(v, "usage", usage(h, choice, n));
    return v;
}

json_t *reply_progress_chunk(const ReplyHead *h, const ReplyChoice *c, int ahead)
{
    const Job *job = c->job;
    json_t *v = chunk(h, NULL);
    json_object_set_new(v, "progress",
                        json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "state",
                                  job->state == JOB_QUEUED         ? "queued"
                                  : job->tiles_done < job->tiles   ? "pictures"
                                  : job->prompt_done < job->prompt ? "prompt"
                                                                   : "answer",
                                  "ahead", ahead, "tiles_done", job->tiles_done, "tiles", job->tiles, "prompt_done",
                                  job->prompt_done, "prompt", job->prompt));
    return v;
}
