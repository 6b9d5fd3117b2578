/* tokens_route.c - /tokenize, /detokenize and /apply-template: what the model would get, without asking it. */
#include <string.h>

#include "serve/ask.h"
#include "serve/routes.h"
#include "text/detokenize.h"

/* The body and the model that it names, held. False and *e: nothing is held, *body is to be freed. */
static bool read_body(Exchange *x, json_t **body, HostedModel **m, ApiError *e)
{
    if (!(*body = exchange_json(x, e))) return false;
    if (!json_is_object(*body)) return api_fail(e, 400, NULL, "the body is not an object");
    return (*m = hold_model(x->server, json_string_value(json_object_get(*body, "model")), e)) != NULL;
}

static HttpResult finish(Exchange *x, json_t *body, HostedModel *m, json_t *result, const ApiError *e)
{
    if (m) hosted_release(x->server->models, m);
    json_decref(body);
    return result ? reply_json(x, 200, result) : reply_error(x, e);
}

static json_t *ids_json(const int32_t *id, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_integer(id[i]));
    return list;
}

/* {"content" or "prompt": text, "add_special_tokens": false} */
static json_t *tokenize(const HostedModel *m, const json_t *body, ApiError *e)
{
    const json_t *text = json_object_get(body, "content");
    const Tokenizer *t = m->engine->model.tokenizer;
    Error cause;
    Ids ids = { 0 };
    if (!text) text = json_object_get(body, "prompt");
    if (!json_is_string(text)) return api_bad(e, "content", "content is missing, expected a text"), NULL;
    const bool special = json_is_true(json_object_get(body, "parse_special"));
    if (json_is_true(json_object_get(body, "add_special_tokens"))) ids_add(&ids, tokenizer_special(t)->bos);
    json_t *v = NULL;
    if (tokenizer_encode(t, json_string_value(text), json_string_length(text), special ? ADDED_ALL : ADDED_GROUNDING,
                         &ids, &cause))
        v = json_pack("{s:o, s:I, s:i}", "tokens", ids_json(ids.id, ids.n), "count", (json_int_t)ids.n, "max_model_len",
                      m->engine->context);
    else
        api_fail_as(e, &cause);
    ids_free(&ids);
    return v;
}

typedef json_t *MakeAnswer(const HostedModel *m, const json_t *body, ApiError *e);

static HttpResult answer_by(Exchange *x, MakeAnswer *make)
{
    json_t *body, *v = NULL;
    HostedModel *m = NULL;
    ApiError e;
    if (read_body(x, &body, &m, &e)) v = make(m, body, &e);
    return finish(x, body, m, v, &e);
}

HttpResult answer_tokenize(Exchange *x)
{
    return answer_by(x, tokenize);
}

/* {"tokens": [ids]} */
static json_t *detokenize_body(const HostedModel *m, const json_t *body, ApiError *e)
{
    const json_t *list = json_object_get(body, "tokens");
    if (!json_is_array(list)) return api_bad(e, "tokens", "tokens is missing, expected an array of token ids"), NULL;
    Ids ids = { 0 };
    Str text = { 0 };
    json_t *v = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_int_t id = json_integer_value(json_array_get(list, i));
        if (!json_is_integer(json_array_get(list, i)) || id < 0 || id >= tokenizer_count(m->engine->model.tokenizer)) {
            api_bad(e, "tokens", "tokens[%zu] is not a token id below %d", i,
                    tokenizer_count(m->engine->model.tokenizer));
            ids_free(&ids);
            return NULL;
        }
        ids_add(&ids, (int32_t)id);
    }
    str_add(&text, "", 0);
    detokenize(m->engine->model.tokenizer, ids.id, ids.n, false, &text);
    json_t *content = json_stringn(text.text, text.n);
    v = json_pack("{s:O, s:o}", "content", content, "prompt", content);
    ids_free(&ids);
    str_free(&text);
    return v;
}

HttpResult answer_detokenize(Exchange *x)
{
    return answer_by(x, detokenize_body);
}

/* ---- the prompt of a conversation ---- */

/* What is tokenized, each picture as one tag. */
static json_t *prompt_text(const Tokenizer *t, const Prompt *p)
{
    Str text = { 0 };
    Detokenizer d = { .tokenizer = t };
    int image = 0;
    str_add(&text, "", 0);
    for (int i = 0; i < p->n; i++) {
        detokenize_push(&d, p->id[i], &text);
        if (p->is_image[i]) i += p->image[image++].n_tokens - 1;
    }
    detokenize_flush(&d, &text);
    json_t *v = json_stringn(text.text, text.n);
    str_free(&text);
    return v;
}

static json_t *images_json(const Prompt *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->n_images; i++) {
        const PromptImage *image = &p->image[i];
        json_array_append_new(list,
                              json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "width", image->w, "height", image->h,
                                        "across", image->tiles.across, "down", image->tiles.down, "tiles",
                                        image->tiles.n, "tokens", image->n_tokens, "first", image->first));
    }
    return list;
}

static json_t *template_json(const HostedModel *m, const Ask *a, ApiError *e)
{
    Error cause;
    Vl2Prompt prompt = a->options;
    prompt.message = a->message;
    prompt.n_messages = a->n_messages;
    Vl2Request *r = request_read(m->engine, &prompt, &cause);
    if (!r) return api_fail_as(e, &cause), NULL;
    const Prompt *p = &r->prompt;
    json_t *v =
        json_pack("{s:o, s:s, s:o, s:i, s:i, s:i, s:o}", "prompt", prompt_text(m->engine->model.tokenizer, p),
                  "sft_format", r->sft_format.text, "tokens", ids_json(p->id, (size_t)p->n), "count", p->n,
                  "image_tokens", p->n_image_tokens, "max_model_len", m->engine->context, "images", images_json(p));
    request_free(r);
    return v;
}

HttpResult answer_apply_template(Exchange *x)
{
    json_t *body, *v = NULL;
    HostedModel *m = NULL;
    ApiError e;
    Ask a = { 0 };
    const AskRules rules = ask_rules(x->server);
    if (read_body(x, &body, &m, &e) && ask_read_chat(&a, body, &rules, &e) && get_remote_pictures(x, &a, &e))
        v = template_json(m, &a, &e);
    ask_free(&a);
    return finish(x, body, m, v, &e);
}
