/* test_serve.c - the server from a client's side: every answer is that of a lone run, however many ask at once; what goes away
 * is cancelled; what is wrong gets the right status and an error object. */
#include "serve_support.h"

static const char MODEL[] = "micro-mla-noaux"; /* small tiles: fast under the sanitizers, too */

/* What is asked: a golden conversation, and how. */
typedef struct {
    const char *conversation;
    Vl2Sampling sampling;
    bool stream;
} Question;

#define SAMPLED(n)                                                                                                     \
    {                                                                                                                  \
        .temperature = 0.7f, .top_p = 0.9f, .repetition_penalty = 1.1f, .seed = n, .max_tokens = 20                    \
    }
#define GREEDY                                                                                                         \
    {                                                                                                                  \
        .top_p = 1, .repetition_penalty = 1, .max_tokens = 24                                                          \
    }
static const Question QUESTION[] = {
    { "single", GREEDY, true },      { "two", SAMPLED(1), false }, { "multi", GREEDY, false },
    { "text", SAMPLED(2), true },    { "system", GREEDY, false },  { "prefix", GREEDY, true },
    { "single", SAMPLED(3), false }, { "text", GREEDY, false },
};
enum { N_QUESTIONS = sizeof QUESTION / sizeof *QUESTION };

static void load_question(Messages *m, const json_t *file, const char *conversation)
{
    load_messages(m,
                  json_object_get(json_object_get(json_object_get(file, "conversations"), conversation), "messages"));
}

static char *answer_alone(const Messages *m, const Vl2Sampling *o)
{
    Vl2Engine *e = open_engine(MODEL, NULL);
    Vl2Request *r = submit(e, m, o);
    run_to_end(r);
    const Vl2Result *a = vl2_result(r);
    char *text = xstrndup(a->text, a->n_text);
    vl2_close(e);
    return text;
}

static void send_question(int fd, const Messages *m, const Question *q)
{
    json_t *messages = chat_of(m);
    char *body = chat_body(messages, &q->sampling, q->stream);
    send_request(fd, "POST", "/v1/chat/completions", "", body);
    free(body);
}

static Str text_of_reply(const HttpReply *r, bool stream)
{
    int events;
    bool done;
    Error e;
    Str text = { 0 };
    assert_int_equal(r->status, 200);
    if (stream) {
        text = stream_text(&r->body, &events, &done);
        assert_true(done);
        return text;
    }
    json_t *v = json_parse(r->body.text, r->body.n, "reply", &e);
    str_puts(&text, content_of(v));
    json_decref(v);
    return text;
}

/* All questions at once on four places, whole and as streams; asked again, when the prefix cache has them. */
static void served_equals_alone(void **state)
{
    (void)state;
    json_t *file = load_case(MODEL);
    Messages m[N_QUESTIONS];
    char *alone[N_QUESTIONS];
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    for (int i = 0; i < N_QUESTIONS; i++) {
        load_question(&m[i], file, QUESTION[i].conversation);
        alone[i] = answer_alone(&m[i], &QUESTION[i].sampling);
    }
    for (int round = 0; round < 2; round++) {
        int fd[N_QUESTIONS];
        for (int i = 0; i < N_QUESTIONS; i++) send_question(fd[i] = connect_to(s), &m[i], &QUESTION[i]);
        for (int i = 0; i < N_QUESTIONS; i++) {
            HttpReply r = read_reply(fd[i]);
            Str text = text_of_reply(&r, QUESTION[i].stream);
            if (strcmp(text.text, alone[i]) != 0)
                fail_msg("%s, round %d: served \"%s\", alone \"%s\"", QUESTION[i].conversation, round, text.text,
                         alone[i]);
            str_free(&text);
            free_reply(&r);
        }
    }
    assert_true(metric(s, "vl2_cached_tokens_total") > 0);
    server_close(s);
    for (int i = 0; i < N_QUESTIONS; i++) free_messages(&m[i]), free(alone[i]);
    json_decref(file);
}

static const char LONG[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}], \"ignore_eos\": true, "
                           "\"max_tokens\": 100000, \"stream\": %s}";

/* Clients go away in the middle of an answer, of a stream and while they wait for their turn. */
static void a_client_that_leaves_is_cancelled(void **state)
{
    enum { CLIENTS = 7 };
    (void)state;
    ServerOptions o = server_defaults(MODEL);
    o.engine.sequences = 2;
    o.engine.context = 1 << 20;
    Server *s = open_server(&o);
    int fd[CLIENTS];
    char body[256], buffer[512];
    for (int i = 0; i < CLIENTS; i++) {
        snprintf(body, sizeof body, LONG, i % 2 ? "true" : "false");
        send_request(fd[i] = connect_to(s), "POST", "/v1/chat/completions", "", body);
    }
    assert_true(metric_becomes(s, "vl2_answers_running", 2, 20));
    assert_true(metric_becomes(s, "vl2_answers_queued", CLIENTS - 2, 20));
    assert_true(recv(fd[1], buffer, sizeof buffer, 0) > 0); /* a stream begins with its headers, before its turn */
    for (int i = 0; i < CLIENTS; i++) close(fd[i]);
    assert_true(metric_becomes(s, "vl2_answers_queued", 0, 20));
    assert_true(metric_becomes(s, "vl2_answers_running", 0, 20));
    assert_true(metric_becomes(s, "vl2_cancelled_total", CLIENTS, 20));
    server_close(s);
}

/* ---- what is wrong ---- */

typedef struct {
    const char *name, *method, *path, *body;
    int status;
    const char *says; /* part of the error's message */
} Wrong;

#define USER     "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"
#define CHAT     "/v1/chat/completions"
#define PARTS(x) "{\"messages\":[{\"role\":\"user\",\"content\":[" x "]}]}"

static const Wrong WRONG[] = {
    { "no path", "GET", "/nothing", NULL, 404, "nothing at this path" },
    { "path below", "GET", "/v1/../health", NULL, 404, "nothing at this path" },
    { "wrong method", "GET", CHAT, NULL, 405, "is for POST" },
    { "put", "PUT", "/health", "{}", 405, "is for GET" },
    { "no JSON", "POST", CHAT, "hello", 400, "not valid JSON" },
    { "empty", "POST", CHAT, "", 400, "not valid JSON" },
    { "cut", "POST", CHAT, "{\"messages\":[", 400, "not valid JSON" },
    { "no object", "POST", CHAT, "[]", 400, "the body is an array" },
    { "number too large", "POST", CHAT, "{\"temperature\":1e999}", 400, "not valid JSON" },
    { "not a number", "POST", CHAT, "{\"temperature\":NaN}", 400, "not valid JSON" },
    { "lone surrogate", "POST", CHAT, "{\"a\":\"\\ud800\"}", 400, "not valid JSON" },
    { "twice", "POST", CHAT, "{\"n\":1,\"n\":2}", 400, "not valid JSON" },
    { "more behind", "POST", CHAT, "{} {}", 400, "not valid JSON" },
    { "no messages", "POST", CHAT, "{}", 400, "messages is nothing" },
    { "empty messages", "POST", CHAT, "{\"messages\":[]}", 400, "messages is empty" },
    { "role", "POST", CHAT, "{\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}", 400,
      "messages[0].role is \"tool\"" },
    { "no role", "POST", CHAT, "{\"messages\":[{\"content\":\"a\"}]}", 400, "messages[0].role is missing" },
    { "content", "POST", CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":7}]}", 400,
      "messages[0].content is an integer" },
    { "null content", "POST", CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":null}]}", 400,
      "content is nothing" },
    { "late system", "POST", CHAT,
      "{"
      "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"system\",\"content\":\"b\"}]}",
      400, "messages[1] is the system's" },
    { "answer last", "POST", CHAT,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}", 400,
      "continue_final_message" },
    { "part", "POST", CHAT, PARTS("{\"type\":\"audio\"}"), 400, "is of type \"audio\"" },
    { "part without type", "POST", CHAT, PARTS("{}"), 400, "has no type" },
    { "no URL", "POST", CHAT, PARTS("{\"type\":\"image_url\"}"), 400, "URL of the picture is nothing" },
    { "file", "POST", CHAT, PARTS("{\"type\":\"image_url\",\"image_url\":\"file:///etc/passwd\"}"), 400,
      "neither a data: URL" },
    { "remote", "POST", CHAT, PARTS("{\"type\":\"image_url\",\"image_url\":\"http://127.0.0.1/\"}"), 400,
      "fetches no pictures" },
    { "no base64", "POST", CHAT, PARTS("{\"type\":\"image_url\",\"image_url\":\"data:,\"}"), 400, "not in base64" },
    { "bad base64", "POST", CHAT, PARTS("{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,!!\"}"), 400,
      "character 1 after the comma" },
    { "nothing in base64", "POST", CHAT, PARTS("{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,\"}"),
      400, "no bytes" },
    { "no picture", "POST", CHAT, PARTS("{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,aGVsbG8=\"}"),
      400, "picture 1" },
    { "SVG", "POST", CHAT, PARTS("{\"type\":\"image_url\",\"image_url\":\"data:image/svg+xml;base64,PHN2Zy8+\"}"), 400,
      "picture 1" },
    { "detail", "POST", CHAT, PARTS("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:,\",\"detail\":\"x\"}}"),
      400, "detail is neither" },
    { "tag without picture", "POST", CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"<image>\"}]}", 400,
      "1 <image> tag and 0 pictures" },
    { "temperature", "POST", CHAT, "{" USER ",\"temperature\":2.5}", 400, "temperature is 2.5, expected 0 to 2" },
    { "temperature text", "POST", CHAT, "{" USER ",\"temperature\":\"hot\"}", 400, "temperature is a string" },
    { "top_p", "POST", CHAT, "{" USER ",\"top_p\":-1}", 400, "top_p is -1" },
    { "penalty", "POST", CHAT, "{" USER ",\"presence_penalty\":3}", 400, "presence_penalty is 3" },
    { "max_tokens", "POST", CHAT, "{" USER ",\"max_tokens\":-1}", 400, "max_tokens is -1" },
    { "max_tokens part", "POST", CHAT, "{" USER ",\"max_tokens\":1.5}", 400, "expected an integer" },
    { "n", "POST", CHAT, "{" USER ",\"n\":1000000000}", 400, "n is 1000000000, expected 1 to 8" },
    { "stop", "POST", CHAT, "{" USER ",\"stop\":7}", 400, "stop holds an integer" },
    { "stop with NUL", "POST", CHAT, "{" USER ",\"stop\":\"a\\u0000\"}", 400, "NUL" },
    { "stop ids", "POST", CHAT, "{" USER ",\"stop_token_ids\":[-1]}", 400, "stop_token_ids[0]" },
    { "bias", "POST", CHAT, "{" USER ",\"logit_bias\":{\"a\":1}}", 400, "logit_bias" },
    { "bias of no token", "POST", CHAT, "{" USER ",\"logit_bias\":{\"2000000000\":1}}", 400,
      "bias for token id 2000000000" },
    { "top_logprobs", "POST", CHAT, "{" USER ",\"top_logprobs\":2}", 400, "top_logprobs are for" },
    { "many logprobs", "POST", CHAT, "{" USER ",\"logprobs\":true,\"top_logprobs\":21}", 400, "top_logprobs is 21" },
    { "stream options", "POST", CHAT, "{" USER ",\"stream_options\":{}}", 400, "for \"stream\": true" },
    { "tools", "POST", CHAT, "{" USER ",\"tools\":[{}]}", 400, "tools are not supported" },
    { "min tokens", "POST", CHAT, "{" USER ",\"min_tokens\":5,\"max_tokens\":4}", 400, "min_tokens is 5" },
    { "model", "POST", CHAT, "{" USER ",\"model\":\"gpt-4o\"}", 404, "no model \"gpt-4o\"" },
    { "model number", "POST", CHAT, "{" USER ",\"model\":4}", 400, "model is an integer" },
    { "no prompt", "POST", "/v1/completions", "{}", 400, "a prompt is nothing" },
    { "no prompts", "POST", "/v1/completions", "{\"prompt\":[]}", 400, "0 prompts" },
    { "id", "POST", "/v1/completions", "{\"prompt\":[1,-2]}", 400, "item 1 of the prompt" },
    { "large id", "POST", "/v1/completions", "{\"prompt\":[1,2000000000]}", 400, "is 2000000000" },
    { "suffix", "POST", "/v1/completions", "{\"prompt\":\"a\",\"suffix\":\"b\"}", 400, "suffix" },
    { "tokens", "POST", "/detokenize", "{\"tokens\":[-1]}", 400, "tokens[0]" },
    { "text", "POST", "/tokenize", "{}", 400, "content is missing" },
    { "unknown model", "GET", "/v1/models/gpt", NULL, 404, "no model \"gpt\"" },
};

static void wrong_requests_get_the_right_error(void **state)
{
    (void)state;
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        const Wrong *w = &WRONG[i];
        HttpReply r = ask(s, w->method, w->path, w->body);
        Error e;
        json_t *v = json_parse(r.body.text, r.body.n, w->name, &e);
        const json_t *error = json_object_get(v, "error");
        const char *message = json_string_value(json_object_get(error, "message"));
        if (r.status != w->status || !message || !strstr(message, w->says) ||
            !json_is_string(json_object_get(error, "type")))
            fail_msg("%s: %d %.600s", w->name, r.status, r.body.text);
        assert_non_null(strstr(r.head.text, "X-Request-Id: req-"));
        json_decref(v);
        free_reply(&r);
    }
    json_decref(ask_json(s, "GET", "/health", NULL, 200)); /* and nothing of it stopped it */
    server_close(s);
}

static void a_prompt_over_the_context_names_the_counts(void **state)
{
    (void)state;
    ServerOptions o = server_defaults(MODEL);
    o.engine.context = 64;
    Server *s = open_server(&o);
    Str body = { 0 };
    str_puts(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (int i = 0; i < 100; i++) str_puts(&body, "a b ");
    str_puts(&body, "\"}]}");
    json_t *v = ask_json(s, "POST", CHAT, body.text, 400), *error = json_object_get(v, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "context_length_exceeded");
    assert_non_null(strstr(json_string_value(json_object_get(error, "message")), "the context holds 64"));
    json_decref(v);
    str_free(&body);
    server_close(s);
}

TEST_MAIN(TEST(served_equals_alone), TEST(a_client_that_leaves_is_cancelled), TEST(wrong_requests_get_the_right_error),
          TEST(a_prompt_over_the_context_names_the_counts))
