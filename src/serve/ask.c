/* ask.c - see ask.h. Fields in the order in which OpenAI's reference lists them; the extensions are those of other servers. */
#include "serve/ask.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "format/json.h"
#include "serve/data_url.h"
#include "text/chat.h"

/* ---- one field ---- */

/* NULL: absent or null. */
static json_t *field(const json_t *o, const char *name)
{
    json_t *v = json_object_get(o, name);
    return json_is_null(v) ? NULL : v;
}

static bool read_number(const json_t *o, const char *name, double lo, double hi, double *out, ApiError *e)
{
    const json_t *v = field(o, name);
    if (!v) return true;
    if (!json_is_number(v)) return api_bad(e, name, "%s is %s, expected a number", name, json_type_name(v));
    const double x = json_number_value(v);
    if (!(x >= lo && x <= hi)) return api_bad(e, name, "%s is %g, expected %g to %g", name, x, lo, hi);
    *out = x;
    return true;
}

static bool read_integer(const json_t *o, const char *name, int64_t lo, int64_t hi, int64_t *out, ApiError *e)
{
    double x = 0;
    const json_t *v = field(o, name);
    if (!v) return true;
    if (json_is_integer(v) && (json_integer_value(v) < lo || json_integer_value(v) > hi))
        return api_bad(e, name, "%s is %lld, expected %lld to %lld", name, (long long)json_integer_value(v),
                       (long long)lo, (long long)hi);
    if (json_is_integer(v)) return *out = json_integer_value(v), true;
    if (!read_number(o, name, (double)lo, (double)hi, &x, e)) return false;
    if (x != floor(x) || fabs(x) > 9e15) return api_bad(e, name, "%s is %g, expected an integer", name, x);
    *out = (int64_t)x;
    return true;
}

static bool read_int(const json_t *o, const char *name, int lo, int hi, int *out, ApiError *e)
{
    int64_t v = *out;
    if (!read_integer(o, name, lo, hi, &v, e)) return false;
    *out = (int)v;
    return true;
}

static bool read_bool(const json_t *o, const char *name, bool *out, ApiError *e)
{
    const json_t *v = field(o, name);
    if (!v) return true;
    if (!json_is_boolean(v)) return api_bad(e, name, "%s is %s, expected true or false", name, json_type_name(v));
    *out = json_is_true(v);
    return true;
}

/* ---- texts and pictures that the request owns ---- */

/* The texts move as the list grows, what they hold stays. */
static Str *own(Ask *a)
{
    GROW(a->owned, a->n_owned, a->owned_capacity);
    a->owned[a->n_owned] = (Str){ 0 };
    str_add(&a->owned[a->n_owned], "", 0);
    return &a->owned[a->n_owned++];
}

/* ---- sampling ---- */

static bool read_floats(Vl2Sampling *s, const json_t *o, ApiError *e)
{
    static const struct {
        const char *name;
        size_t offset;
        double lo, hi;
    } FIELD[] = {
        { "temperature", offsetof(Vl2Sampling, temperature), 0, 2 },
        { "top_p", offsetof(Vl2Sampling, top_p), 0, 1 },
        { "min_p", offsetof(Vl2Sampling, min_p), 0, 1 },
        { "repetition_penalty", offsetof(Vl2Sampling, repetition_penalty), 0.01, 100 },
        { "presence_penalty", offsetof(Vl2Sampling, presence_penalty), -2, 2 },
        { "frequency_penalty", offsetof(Vl2Sampling, frequency_penalty), -2, 2 },
    };
    for (size_t i = 0; i < sizeof FIELD / sizeof *FIELD; i++) {
        float *to = (float *)((char *)s + FIELD[i].offset);
        double x = (double)*to;
        if (!read_number(o, FIELD[i].name, FIELD[i].lo, FIELD[i].hi, &x, e)) return false;
        *to = (float)x;
    }
    return true;
}

/* max_completion_tokens wins over max_tokens; neither goes beyond what the server allows. */
static bool read_lengths(Vl2Sampling *s, const json_t *o, ApiError *e)
{
    const int most = s->max_tokens;
    int asked = 0;
    if (!read_int(o, "max_tokens", 1, INT_MAX, &asked, e) ||
        !read_int(o, "max_completion_tokens", 1, INT_MAX, &asked, e))
        return false;
    if (asked && (!most || asked < most)) s->max_tokens = asked;
    return read_int(o, "min_tokens", 0, INT_MAX, &s->min_tokens, e) &&
           (!s->max_tokens || s->min_tokens <= s->max_tokens ||
            api_bad(e, "min_tokens", "min_tokens is %d, more than the %d tokens that the answer may have",
                    s->min_tokens, s->max_tokens));
}

enum { MOST_STOPS = 64, LONGEST_STOP = 4096, MOST_BIASES = 4096 };

static bool add_stop(const char **list, int *n, const json_t *v, ApiError *e)
{
    if (!json_is_string(v)) return api_bad(e, "stop", "stop holds %s, expected texts", json_type_name(v));
    const char *text = json_string_value(v);
    const size_t length = json_string_length(v);
    if (strlen(text) != length) return api_bad(e, "stop", "a stop text has a NUL in it");
    if (length > LONGEST_STOP)
        return api_bad(e, "stop", "a stop text has %zu bytes, expected %d at most", length, LONGEST_STOP);
    list[(*n)++] = text;
    return true;
}

static bool read_stop(Ask *a, const json_t *o, ApiError *e)
{
    const json_t *v = field(o, "stop");
    if (!v) return true;
    const size_t n = json_is_array(v) ? json_array_size(v) : 1;
    if (n > MOST_STOPS) return api_bad(e, "stop", "stop has %zu texts, expected %d at most", n, MOST_STOPS);
    if (n == 0) return true;
    const char **list = xcalloc(n, sizeof *list);
    int count = 0;
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) ok = add_stop(list, &count, json_is_array(v) ? json_array_get(v, i) : v, e);
    a->sampling.stop = list;
    a->sampling.n_stop = count;
    return ok;
}

static bool read_stop_ids(Ask *a, const json_t *o, ApiError *e)
{
    const json_t *v = field(o, "stop_token_ids");
    if (!v) return true;
    const size_t n = json_array_size(v);
    if (!json_is_array(v) || n > MOST_STOPS)
        return api_bad(e, "stop_token_ids", "stop_token_ids is %s%s, expected an array of at most %d token ids",
                       json_type_name(v), json_is_array(v) ? " of more" : "", MOST_STOPS);
    int32_t *id = xcalloc(n, sizeof *id);
    a->sampling.stop_id = id;
    a->sampling.n_stop_ids = (int)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(v, i);
        const json_int_t value = json_integer_value(x);
        if (!json_is_integer(x) || value < 0 || value > INT32_MAX)
            return api_bad(e, "stop_token_ids", "stop_token_ids[%zu] is not a token id", i);
        id[i] = (int32_t)value;
    }
    return true;
}

static bool read_bias(Ask *a, const json_t *o, ApiError *e)
{
    json_t *v = field(o, "logit_bias"), *x;
    const char *key;
    if (!v) return true;
    if (!json_is_object(v) || json_object_size(v) > MOST_BIASES)
        return api_bad(e, "logit_bias", "logit_bias is %s, expected an object of at most %d {\"token id\": number}",
                       json_type_name(v), MOST_BIASES);
    Vl2Bias *bias = xcalloc(json_object_size(v), sizeof *bias);
    a->sampling.bias = bias;
    json_object_foreach(v, key, x)
    {
        char *end;
        const long id = strtol(key, &end, 10);
        if (*end || end == key || id < 0 || id > INT32_MAX || !json_is_number(x) || fabs(json_number_value(x)) > 100)
            return api_bad(e, "logit_bias", "logit_bias holds something else than a token id and -100 to 100");
        bias[a->sampling.n_bias++] = (Vl2Bias){ (int32_t)id, (float)json_number_value(x) };
    }
    return true;
}

static bool read_seed(Ask *a, const json_t *o, ApiError *e)
{
    int64_t seed = 0;
    if (!field(o, "seed")) return true;
    if (!read_integer(o, "seed", INT64_MIN, INT64_MAX, &seed, e)) return false;
    a->sampling.seed = (uint64_t)seed;
    a->has_seed = true;
    return true;
}

static bool read_sampling(Ask *a, const json_t *o, const AskRules *rules, ApiError *e)
{
    Vl2Sampling *s = &a->sampling;
    *s = rules->sampling;
    s->stop = NULL;
    s->stop_id = NULL;
    s->n_stop = s->n_stop_ids = 0;
    int top_k = s->top_k;
    if (!read_floats(s, o, e) || !read_lengths(s, o, e) || !read_int(o, "top_k", -1, INT_MAX, &top_k, e)) return false;
    s->top_k = top_k < 0 ? 0 : top_k; /* -1: off, in other servers */
    return read_stop(a, o, e) && read_stop_ids(a, o, e) && read_bias(a, o, e) && read_seed(a, o, e) &&
           read_bool(o, "ignore_eos", &s->ignore_eos, e);
}

/* ---- what both calls have ---- */

static bool refuse_tools(const json_t *o, ApiError *e)
{
    static const char *const NAME[] = { "tools", "functions" };
    const char *choice = json_string_value(field(o, "tool_choice"));
    for (size_t i = 0; i < sizeof NAME / sizeof *NAME; i++)
        if (json_array_size(field(o, NAME[i])) > 0 && !(choice && strcmp(choice, "none") == 0)) {
            api_bad(e, NAME[i], "%s are not supported: the model was not trained to call any", NAME[i]);
            e->code = "unsupported";
            return false;
        }
    return true;
}

static bool read_stream(Ask *a, const json_t *o, ApiError *e)
{
    const json_t *options = field(o, "stream_options");
    if (!read_bool(o, "stream", &a->stream, e)) return false;
    if (!options) return true;
    if (!json_is_object(options))
        return api_bad(e, "stream_options", "stream_options is %s, expected an object", json_type_name(options));
    if (!a->stream) return api_bad(e, "stream_options", "stream_options are for \"stream\": true");
    return read_bool(options, "include_usage", &a->include_usage, e);
}

static bool read_common(Ask *a, const json_t *o, const AskRules *rules, ApiError *e)
{
    if (!json_is_object(o)) return api_fail(e, 400, NULL, "the body is %s, expected an object", json_type_name(o));
    const json_t *model = field(o, "model");
    if (model && !json_is_string(model))
        return api_bad(e, "model", "model is %s, expected a name", json_type_name(model));
    a->model = json_string_value(model);
    a->n = 1;
    a->options = (Vl2Prompt){ .exif_rotate = rules->exif_rotate,
                              .max_picture_pixels = rules->most_pixels,
                              .max_picture_side = rules->most_side };
    return read_sampling(a, o, rules, e) && read_stream(a, o, e) && read_int(o, "n", 1, 8, &a->n, e) &&
           read_bool(o, "boxes", &a->boxes, e) && read_bool(o, "return_progress", &a->progress, e) &&
           read_bool(o, "skip_special_tokens", &a->plain_text, e);
}

/* ---- content ---- */

/* One message while it is read: its text, with a tag where each picture stands. */
typedef struct {
    Ask *a;
    const AskRules *rules;
    char where[64]; /* "messages[3].content" */
    Str text;
    int first_picture;
    bool has_tags; /* the client wrote <image> itself, and the pictures belong there */
} Content;

static bool is_remote_url(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static bool note_remote(Content *c, const char *url, size_t n, const char *where, ApiError *e)
{
    Ask *a = c->a;
    if (!c->rules->remote_pictures) {
        api_bad(e, where, "this server fetches no pictures from elsewhere: send a data: URL");
        e->code = "remote_pictures_are_off";
        return false;
    }
    if (strlen(url) != n) return api_bad(e, where, "the URL of the picture has a NUL in it");
    GROW(a->remote, a->n_remote, a->remote_capacity);
    RemotePicture *r = &a->remote[a->n_remote++];
    *r = (RemotePicture){ .picture = a->n_pictures, .url = url };
    snprintf(r->where, sizeof r->where, "%s", where);
    return true;
}

/* The bytes of a picture that stands in its URL; of another one they come later. */
static bool read_url(Content *c, const char *url, size_t n, const char *where, Str *bytes, ApiError *e)
{
    Error cause;
    if (is_data_url(url, n)) return data_url_decode(url, n, bytes, &cause) || api_bad(e, where, "%s", cause.text);
    if (is_remote_url(url)) return note_remote(c, url, n, where, e);
    return api_bad(e, where, "a picture is neither a data: URL nor an http(s): URL");
}

static bool add_picture(Content *c, const char *url, size_t n, bool whole, const char *where, ApiError *e)
{
    Ask *a = c->a;
    if (a->n_pictures >= c->rules->most_pictures)
        return api_bad(e, where, "more than %d pictures in a request", c->rules->most_pictures);
    Str *bytes = own(a);
    if (!read_url(c, url, n, where, bytes, e)) return false;
    a->picture = xrealloc(a->picture, (size_t)a->n_pictures + 1, sizeof *a->picture);
    Str *name = own(a);
    str_printf(name, "picture %d", a->n_pictures + 1);
    bytes = name - 1; /* own() may have moved it */
    a->picture[a->n_pictures++] =
        (Vl2Picture){ .bytes = bytes->text, .n = bytes->n, .name = name->text, .whole = whole };
    if (!c->has_tags) str_puts(&c->text, "<image>\n");
    return true;
}

static bool read_detail(const json_t *v, const char *where, bool *whole, ApiError *e)
{
    const json_t *detail = field(v, "detail");
    const char *text = json_string_value(detail);
    if (!detail) return true;
    if (!text || (strcmp(text, "low") != 0 && strcmp(text, "high") != 0 && strcmp(text, "auto") != 0))
        return api_bad(e, where, "detail is neither \"low\", \"high\" nor \"auto\"");
    *whole = strcmp(text, "low") == 0;
    return true;
}

/* {"type": "image_url", "image_url": {"url", "detail"} or the URL itself}; so for input_image and image. */
static bool read_image(Content *c, const json_t *part, const char *type, const char *where, ApiError *e)
{
    const json_t *v = field(part, strcmp(type, "image") == 0 && field(part, "image") ? "image" : "image_url");
    bool whole = false;
    char param[128];
    snprintf(param, sizeof param, "%s.image_url", where);
    if (!read_detail(json_is_object(v) ? v : part, param, &whole, e)) return false;
    if (json_is_object(v)) v = field(v, "url");
    if (!json_is_string(v))
        return api_bad(e, param, "the URL of the picture is %s, expected a string", json_type_name(v));
    return add_picture(c, json_string_value(v), json_string_length(v), whole, param, e);
}

static bool read_part(Content *c, const json_t *part, size_t i, bool after_text, ApiError *e)
{
    char where[96], param[112];
    snprintf(where, sizeof where, "%s[%zu]", c->where, i);
    snprintf(param, sizeof param, "%s.type", where);
    const char *type = json_string_value(field(part, "type"));
    if (!type) return api_bad(e, param, "%s has no type, expected text or image_url", where);
    if (strcmp(type, "text") == 0 || strcmp(type, "input_text") == 0) {
        const json_t *text = field(part, "text");
        if (!json_is_string(text))
            return api_bad(e, where, "%s.text is %s, expected a string", where, json_type_name(text));
        if (after_text) str_putc(&c->text, '\n');
        str_add(&c->text, json_string_value(text), json_string_length(text));
        return true;
    }
    if (strcmp(type, "image_url") == 0 || strcmp(type, "input_image") == 0 || strcmp(type, "image") == 0)
        return read_image(c, part, type, where, e);
    api_bad(e, param, "%s is of type \"%.40s\", expected text or image_url", where, type);
    e->code = "unsupported";
    return false;
}

static bool is_text_part(const json_t *part)
{
    return json_is_string(field(part, "text"));
}

static bool has_image_tag(const json_t *text)
{
    const char tag[] = "<image>";
    return json_is_string(text) &&
           memmem(json_string_value(text), json_string_length(text), tag, sizeof tag - 1) != NULL;
}

static bool read_parts(Content *c, const json_t *parts, ApiError *e)
{
    const size_t n = json_array_size(parts);
    for (size_t i = 0; i < n; i++) c->has_tags |= has_image_tag(field(json_array_get(parts, i), "text"));
    for (size_t i = 0; i < n; i++)
        if (!read_part(c, json_array_get(parts, i), i, i > 0 && is_text_part(json_array_get(parts, i - 1)), e))
            return false;
    return true;
}

static bool read_content(Content *c, const json_t *v, bool may_be_missing, ApiError *e)
{
    if (json_is_string(v)) return str_add(&c->text, json_string_value(v), json_string_length(v)), true;
    if (json_is_array(v)) return read_parts(c, v, e);
    if (!v && may_be_missing) return true;
    return api_bad(e, c->where, "%s is %s, expected a text or an array of parts", c->where, json_type_name(v));
}

/* Literal tags take the pictures of their message in order. */
static bool check_tags(const Content *c, ApiError *e)
{
    const int pictures = c->a->n_pictures - c->first_picture;
    const int tags = conversation_count_tags(c->text.text, c->text.n);
    return tags == pictures ||
           api_bad(e, c->where, "%s has %d <image> tag%s and %d picture%s, expected as many of both", c->where, tags,
                   tags == 1 ? "" : "s", pictures, pictures == 1 ? "" : "s");
}

/* ---- messages ---- */

static bool read_role(const json_t *m, size_t i, const char **out, ApiError *e)
{
    char where[64];
    const char *role = json_string_value(field(m, "role"));
    snprintf(where, sizeof where, "messages[%zu].role", i);
    if (!role) return api_bad(e, where, "%s is missing, expected system, user or assistant", where);
    if (strcmp(role, "developer") == 0) role = "system";
    if (strcmp(role, "system") == 0 || strcmp(role, "user") == 0 || strcmp(role, "assistant") == 0)
        return *out = role, true;
    api_bad(e, where, "%s is \"%.40s\", expected system, user or assistant", where, role);
    e->code = "unsupported";
    return false;
}

/* Neighbours of one role become one message, whose text grows. */
static void put_message(Ask *a, const char *role, const Content *c)
{
    const Vl2Message *before = a->n_messages ? &a->message[a->n_messages - 1] : NULL;
    const bool joins = before && strcmp(before->role, role) == 0;
    if (!joins) {
        a->message = xrealloc(a->message, (size_t)a->n_messages + 1, sizeof *a->message);
        a->message[a->n_messages++] = (Vl2Message){ .role = role };
        own(a);
        a->last_text = a->n_owned - 1;
    }
    Vl2Message *last = &a->message[a->n_messages - 1];
    Str *text = &a->owned[a->last_text];
    if (joins) str_puts(text, "\n\n");
    str_add(text, c->text.text, c->text.n);
    last->content = text->text;
    last->n_content = text->n;
    last->n_pictures += a->n_pictures - c->first_picture;
}

static bool read_message(Ask *a, const json_t *m, size_t i, const AskRules *rules, ApiError *e)
{
    Content c = { .a = a, .rules = rules, .first_picture = a->n_pictures };
    const char *role = NULL;
    snprintf(c.where, sizeof c.where, "messages[%zu].content", i);
    if (!read_role(m, i, &role, e)) return false;
    if (strcmp(role, "system") == 0 && a->n_messages > 0 && strcmp(a->message[a->n_messages - 1].role, "system") != 0)
        return api_bad(e, "messages", "messages[%zu] is the system's, expected it before all others", i);
    str_add(&c.text, "", 0);
    const bool is_answer = strcmp(role, "assistant") == 0;
    const bool ok = read_content(&c, field(m, "content"), is_answer, e) && check_tags(&c, e);
    if (ok) put_message(a, role, &c);
    str_free(&c.text);
    return ok;
}

static bool read_messages(Ask *a, const json_t *o, const AskRules *rules, ApiError *e)
{
    const json_t *list = field(o, "messages");
    bool continues = false;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return api_bad(e, "messages", "messages is %s, expected an array of at least one message",
                       json_is_array(list) ? "empty" : json_type_name(list));
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_message(a, json_array_get(list, i), i, rules, e)) return false;
    int first = 0;
    for (int i = 0; i < a->n_messages; i++) { /* the list of pictures has stopped moving */
        a->message[i].picture = a->picture + first;
        first += a->message[i].n_pictures;
    }
    if (!read_bool(o, "continue_final_message", &continues, e)) return false;
    const char *last = a->message[a->n_messages - 1].role;
    if (strcmp(last, "assistant") == 0 && !continues)
        return api_bad(e, "messages",
                       "the last message is the assistant's, expected the user's (or "
                       "\"continue_final_message\": true)");
    if (strcmp(last, "system") == 0) return api_bad(e, "messages", "there is no message by the user");
    return true;
}

static bool read_logprobs(Ask *a, const json_t *o, ApiError *e)
{
    if (!read_bool(o, "logprobs", &a->logprobs, e) || !read_int(o, "top_logprobs", 0, 20, &a->top_logprobs, e))
        return false;
    if (a->top_logprobs && !a->logprobs) return api_bad(e, "top_logprobs", "top_logprobs are for \"logprobs\": true");
    if (a->logprobs) a->sampling.likelihoods = 1 + a->top_logprobs;
    return true;
}

/* The schema's text, which the engine reads. */
static bool read_schema(Ask *a, const json_t *format, ApiError *e)
{
    const json_t *schema = field(field(format, "json_schema"), "schema");
    if (!json_is_object(schema))
        return api_bad(e, "response_format.json_schema.schema", "the JSON schema is %s, expected an object",
                       json_type_name(schema));
    char *text = json_dumps(schema, JSON_COMPACT);
    Str *kept = own(a);
    str_puts(kept, text ? text : "{}");
    free(text);
    a->sampling.format = kept->text;
    return true;
}

static bool read_format(Ask *a, const json_t *o, ApiError *e)
{
    const json_t *format = field(o, "response_format");
    const char *type = json_string_value(field(format, "type"));
    if (!format || (type && strcmp(type, "text") == 0)) return true;
    if (type && strcmp(type, "json_object") == 0) return a->sampling.format = "json", true;
    if (type && strcmp(type, "boxes") == 0) return a->sampling.format = "boxes", true;
    if (type && strcmp(type, "json_schema") == 0) return read_schema(a, format, e);
    return api_bad(e, "response_format",
                   "response_format is of type \"%.40s\", expected text, json_object, json_schema or boxes",
                   type ? type : "");
}

bool ask_read_chat(Ask *a, const json_t *body, const AskRules *rules, ApiError *e)
{
    *a = (Ask){ 0 };
    return read_common(a, body, rules, e) && refuse_tools(body, e) && read_format(a, body, e) &&
           read_logprobs(a, body, e) && read_messages(a, body, rules, e);
}

/* ---- completions ---- */

static bool read_ids(AskPrompt *p, const json_t *list, ApiError *e)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > INT32_MAX)
            return api_bad(e, "prompt", "item %zu of the prompt is not a token id", i);
        ids_add(&p->ids, (int32_t)json_integer_value(v));
    }
    return true;
}

static bool add_prompt(Ask *a, const json_t *v, ApiError *e)
{
    AskPrompt *p = &a->prompt[a->n_prompts++];
    if (json_is_string(v)) {
        p->text = json_string_value(v);
        p->n_text = json_string_length(v);
        return true;
    }
    if (json_is_array(v) && json_array_size(v) > 0) return read_ids(p, v, e);
    return api_bad(e, "prompt", "a prompt is %s, expected a text or an array of token ids", json_type_name(v));
}

static bool read_prompts(Ask *a, const json_t *o, ApiError *e)
{
    const json_t *v = field(o, "prompt");
    const bool several = json_is_array(v) && !json_is_integer(json_array_get(v, 0));
    const size_t n = several ? json_array_size(v) : 1;
    if (n == 0 || n > MOST_CHOICES || n * (size_t)a->n > MOST_CHOICES)
        return api_bad(e, "prompt", "%zu prompts with %d answers each, expected 1 to %d answers in all", n, a->n,
                       MOST_CHOICES);
    a->prompt = xcalloc(n, sizeof *a->prompt);
    for (size_t i = 0; i < n; i++)
        if (!add_prompt(a, several ? json_array_get(v, i) : v, e)) return false;
    return true;
}

bool ask_read_completion(Ask *a, const json_t *body, const AskRules *rules, ApiError *e)
{
    int logprobs = -1, best_of = 0;
    *a = (Ask){ 0 };
    if (!read_common(a, body, rules, e) || !read_bool(body, "echo", &a->echo, e) ||
        !read_int(body, "logprobs", 0, 20, &logprobs, e) || !read_int(body, "best_of", 1, 8, &best_of, e))
        return false;
    if (field(body, "suffix")) return api_bad(e, "suffix", "suffix is not supported");
    if (best_of > a->n) return api_bad(e, "best_of", "best_of is %d, expected n, which is %d", best_of, a->n);
    a->logprobs = logprobs >= 0;
    a->top_logprobs = a->logprobs ? logprobs : 0;
    if (a->logprobs) a->sampling.likelihoods = 1 + a->top_logprobs;
    return read_prompts(a, body, e);
}

void ask_put_picture(Ask *a, int i, Str *bytes)
{
    Str *kept = own(a);
    Vl2Picture *p = &a->picture[a->remote[i].picture];
    str_free(kept);
    *kept = *bytes;
    *bytes = (Str){ 0 };
    p->bytes = kept->text;
    p->n = kept->n;
}

void ask_free(Ask *a)
{
    for (int i = 0; i < a->n_owned; i++) str_free(&a->owned[i]);
    for (int i = 0; i < a->n_prompts; i++) ids_free(&a->prompt[i].ids);
    free(a->owned);
    free(a->message);
    free(a->picture);
    free(a->remote);
    free(a->prompt);
    free((void *)(uintptr_t)a->sampling.stop); /* these three were made here */
    free((void *)(uintptr_t)a->sampling.stop_id);
    free((void *)(uintptr_t)a->sampling.bias);
    *a = (Ask){ 0 };
}
