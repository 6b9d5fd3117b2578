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
static void ask_all_at_once(const Vl2Options *engine)
{
    json_t *file = load_case(MODEL);
    Messages m[N_QUESTIONS];
    char *alone[N_QUESTIONS];
    ServerOptions o = server_defaults(MODEL);
    o.engine.slice_ms = engine->slice_ms;
    o.engine.picture_cache = engine->picture_cache;
    o.engine.speculate = engine->speculate;
    o.engine.context = engine->context;
    o.engine.cache_tokens = engine->cache_tokens;
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
    if (engine->picture_cache) assert_true(metric(s, "vl2_picture_cache_hits_total") > 0);
    server_close(s);
    for (int i = 0; i < N_QUESTIONS; i++) free_messages(&m[i]), free(alone[i]);
    json_decref(file);
}

static void served_equals_alone(void **state)
{
    (void)state;
    ask_all_at_once(&(Vl2Options){ 0 });
}

/* Pictures and prompts in the smallest slices, tiles from the cache, guesses ahead, and memory for half of what is asked. */
static void served_in_slices_equals_alone(void **state)
{
    (void)state;
    ask_all_at_once(&(Vl2Options){
        .slice_ms = 1, .picture_cache = 64 << 20, .speculate = 8, .context = 2048, .cache_tokens = 2048 });
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
      "the data URL: " },
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

/* ---- what answers have ---- */

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]"

static double number_at(const json_t *v, const char *a, const char *b)
{
    const json_t *inner = json_object_get(v, a);
    return json_number_value(b ? json_object_get(inner, b) : inner);
}

static void answers_have_what_was_asked_for(void **state)
{
    (void)state;
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    json_t *v = ask_json(s, "POST", CHAT,
                         "{" HELLO ",\"max_tokens\":6,\"n\":3,\"logprobs\":true,\"top_logprobs\":2,"
                         "\"temperature\":0,\"ignore_eos\":true}",
                         200);
    assert_int_equal(json_array_size(json_object_get(v, "choices")), 3);
    assert_true(number_at(v, "usage", "completion_tokens") == 18);
    assert_true(number_at(v, "usage", "total_tokens") == 18 + number_at(v, "usage", "prompt_tokens"));
    const json_t *tokens = json_object_get(json_object_get(first_choice(v), "logprobs"), "content");
    assert_int_equal(json_array_size(tokens), 6);
    for (size_t i = 0; i < 6; i++) {
        const json_t *token = json_array_get(tokens, i), *top = json_object_get(token, "top_logprobs");
        const double mine = number_at(token, "logprob", NULL),
                     best = number_at(json_array_get(top, 0), "logprob", NULL);
        assert_int_equal(json_array_size(top), 2);
        assert_true(mine == best && best < 0); /* greedy takes the best one */
        assert_true(best >= number_at(json_array_get(top, 1), "logprob", NULL));
    }
    assert_string_equal(json_string_value(json_object_get(first_choice(v), "finish_reason")), "length");
    json_decref(v);
    server_close(s);
}

/* A token that everything favours and that ends the answer comes at once, but not before the least length. */
static void least_lengths_hold_back_the_end(void **state)
{
    (void)state;
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    json_t *v = ask_json(s, "POST", "/tokenize", "{\"content\":\"a\"}", 200);
    const int a = (int)json_integer_value(json_array_get(json_object_get(v, "tokens"), 0));
    json_decref(v);
    for (int least = 0; least < 4; least += 3) {
        char body[256];
        snprintf(body, sizeof body,
                 "{" HELLO ",\"logit_bias\":{\"%d\":100},\"stop_token_ids\":[%d],\"ignore_eos\":true,"
                 "\"min_tokens\":%d,\"max_tokens\":9}",
                 a, a, least);
        v = ask_json(s, "POST", CHAT, body, 200);
        assert_true(number_at(v, "usage", "completion_tokens") == least + 1);
        json_decref(v);
    }
    server_close(s);
}

/* A model that is made to repeat itself is guessed ahead, and what came of it is told. */
static void guesses_ahead_are_counted(void **state)
{
    (void)state;
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    json_t *v =
        ask_json(s, "POST", CHAT, "{" HELLO ",\"frequency_penalty\":-2,\"ignore_eos\":true,\"max_tokens\":40}", 200);
    const double guessed = number_at(v, "timings", "draft_n"), came = number_at(v, "timings", "draft_n_accepted");
    assert_true(came > 0 && came <= guessed);
    assert_true(metric(s, "vl2_guessed_tokens_total") == guessed); /* counted before the reply is out */
    assert_true(metric(s, "vl2_accepted_tokens_total") == came);
    json_decref(v);
    server_close(s);
}

/* The same text, whole, cut before a stop text, and as a continuation of token ids. */
static void stops_and_completions_agree(void **state)
{
    (void)state;
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    char body[512];
    json_t *v = ask_json(s, "POST", "/v1/completions", "{\"prompt\":\"Hello\",\"max_tokens\":12}", 200);
    const char *text = json_string_value(json_object_get(first_choice(v), "text"));
    json_t *tokens = ask_json(s, "POST", "/tokenize", "{\"content\":\"Hello\",\"add_special_tokens\":true}", 200);
    char *ids = json_dumps(json_object_get(tokens, "tokens"), JSON_COMPACT);
    snprintf(body, sizeof body, "{\"prompt\":%s,\"max_tokens\":12}", ids);
    json_t *same = ask_json(s, "POST", "/v1/completions", body, 200);
    assert_string_equal(json_string_value(json_object_get(first_choice(same), "text")), text);
    json_t *echo =
        ask_json(s, "POST", "/v1/completions", "{\"prompt\":\"Hello\",\"max_tokens\":12,\"echo\":true}", 200);
    const char *echoed = json_string_value(json_object_get(first_choice(echo), "text"));
    assert_true(str_starts(echoed, "Hello") && strcmp(echoed + 5, text) == 0);
    size_t last = strlen(text) - 1; /* where its last character begins */
    while (last > 0 && ((unsigned char)text[last] & 0xc0) == 0x80) last--;
    json_t *stop = json_pack("{s:s, s:i, s:[s]}", "prompt", "Hello", "max_tokens", 12, "stop", text + last);
    char *stopping = json_dumps(stop, JSON_COMPACT);
    json_t *cut = ask_json(s, "POST", "/v1/completions", stopping, 200);
    const char *left = json_string_value(json_object_get(first_choice(cut), "text"));
    assert_true(strlen(left) < strlen(text) && str_starts(text, left));
    assert_string_equal(json_string_value(json_object_get(first_choice(cut), "finish_reason")), "stop");
    json_t *const all[] = { v, tokens, same, echo, stop, cut };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) json_decref(all[i]);
    free(ids);
    free(stopping);
    server_close(s);
}

#define SCHEMA                                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"kind\":{\"enum\":[\"cat\",\"dog\"]},\"old\":{\"type\":\"boolean\"}},"      \
    "\"required\":[\"kind\",\"old\"],\"additionalProperties\":false}"

/* A model of random weights speaks JSON. */
static void formats_hold_whatever_the_model_says(void **state)
{
    (void)state;
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    for (int seed = 0; seed < 5; seed++) {
        char body[1024];
        Error e;
        snprintf(body, sizeof body,
                 "{" HELLO ",\"temperature\":1.5,\"seed\":%d,\"max_tokens\":400,\"response_format\":{\"type\":"
                 "\"json_schema\",\"json_schema\":{\"name\":\"pet\",\"schema\":" SCHEMA "}}}",
                 seed);
        json_t *v = ask_json(s, "POST", CHAT, body, 200);
        const char *text = content_of(v);
        json_t *pet = json_parse(text, strlen(text), "answer", &e);
        if (!pet) fail_msg("%s: %s", e.text, text);
        assert_string_equal(json_string_value(json_object_get(first_choice(v), "finish_reason")), "stop");
        const char *kind = json_string_value(json_object_get(pet, "kind"));
        assert_true(strcmp(kind, "cat") == 0 || strcmp(kind, "dog") == 0);
        assert_true(json_is_boolean(json_object_get(pet, "old")) && json_object_size(pet) == 2);
        json_decref(pet);
        json_decref(v);
    }
    json_decref(ask_json(s, "POST", CHAT,
                         "{" HELLO ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
                         "{\"schema\":{\"type\":\"string\",\"pattern\":\"a\"}}}}",
                         400));
    json_decref(ask_json(s, "POST", CHAT, "{" HELLO ",\"response_format\":{\"type\":\"xml\"}}", 400));
    server_close(s);
}

static void a_schema_that_is_too_deep_is_no_matter_of_context(void **state)
{
    (void)state;
    enum { DEEP = 100 };
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    Str body = { 0 };
    str_puts(&body,
             "{" HELLO ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"deep\",\"schema\":");
    for (int i = 0; i < DEEP; i++) str_puts(&body, "{\"type\":\"array\",\"items\":");
    str_puts(&body, "{}");
    for (int i = 0; i < DEEP; i++) str_puts(&body, "}");
    str_puts(&body, "}}}");
    json_t *v = ask_json(s, "POST", CHAT, body.text, 400), *error = json_object_get(v, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "unsupported");
    json_decref(v);
    str_free(&body);
    server_close(s);
}

/* The pictures of a conversation's first turn are not looked at again in the second. */
static void second_turns_encode_no_picture(void **state)
{
    (void)state;
    json_t *file = load_case(MODEL);
    Messages m;
    ServerOptions o = server_defaults(MODEL);
    load_question(&m, file, "single");
    Server *s = open_server(&o);
    json_t *messages = chat_of(&m);
    char *body = chat_body(json_incref(messages), &(Vl2Sampling)GREEDY, false);
    json_t *first = ask_json(s, "POST", CHAT, body, 200);
    free(body);
    json_array_append_new(messages, json_pack("{s:s, s:s}", "role", "assistant", "content", content_of(first)));
    json_array_append_new(messages, json_pack("{s:s, s:s}", "role", "user", "content", "And?"));
    body = chat_body(messages, &(Vl2Sampling)GREEDY, false);
    json_t *second = ask_json(s, "POST", CHAT, body, 200);
    const json_t *details = json_object_get(json_object_get(second, "usage"), "prompt_tokens_details");
    assert_true(number_at(second, "timings", "vision_ms") == 0);
    assert_true(number_at(details, "cached_tokens", NULL) >= number_at(details, "image_tokens", NULL));
    assert_true(number_at(details, "image_tokens", NULL) > 0);
    free(body);
    json_decref(first);
    json_decref(second);
    free_messages(&m);
    json_decref(file);
    server_close(s);
}

static void templates_tell_tokens_and_tiles(void **state)
{
    (void)state;
    json_t *file = load_case(MODEL);
    Messages m;
    const ServerOptions o = server_defaults(MODEL);
    load_question(&m, file, "single");
    Server *s = open_server(&o);
    char *body = chat_body(chat_of(&m), &(Vl2Sampling)GREEDY, false);
    json_t *v = ask_json(s, "POST", "/apply-template", body, 200);
    json_t *answer = ask_json(s, "POST", CHAT, body, 200);
    const json_t *image = json_array_get(json_object_get(v, "images"), 0);
    assert_true(number_at(v, "count", NULL) == number_at(answer, "usage", "prompt_tokens"));
    assert_true(number_at(v, "count", NULL) == (double)json_array_size(json_object_get(v, "tokens")));
    assert_true(number_at(image, "tokens", NULL) == number_at(v, "image_tokens", NULL));
    assert_true(number_at(image, "tiles", NULL) ==
                1 + number_at(image, "across", NULL) * number_at(image, "down", NULL));
    json_decref(v);
    json_decref(answer);
    free(body);
    free_messages(&m);
    json_decref(file);
    server_close(s);
}

/* ---- who may ask, and how much ---- */

static void assert_status(const Server *s, const char *method, const char *path, const char *headers, const char *body,
                          int status, const char *head_has)
{
    HttpReply r = ask_with(s, method, path, headers, body);
    if (r.status != status || (head_has && !strcasestr(r.head.text, head_has)))
        fail_msg("%s %s: %d, expected %d with %s: %.400s %.400s", method, path, r.status, status,
                 head_has ? head_has : "anything", r.head.text, r.body.text);
    free_reply(&r);
}

static void keys_open_the_door(void **state)
{
    static const char *const KEY[] = { "first-key", "second" };
    (void)state;
    ServerOptions o = server_defaults(MODEL);
    o.key = KEY;
    o.n_keys = 2;
    o.requests_per_minute = 3;
    Server *s = open_server(&o);
    assert_status(s, "GET", "/v1/models", "", NULL, 401, "WWW-Authenticate: Bearer");
    assert_status(s, "GET", "/v1/models", "Authorization: Bearer first-ke\r\n", NULL, 401, NULL);
    assert_status(s, "GET", "/v1/models", "Authorization: Bearer first-key1\r\n", NULL, 401, NULL);
    assert_status(s, "GET", "/v1/models", "Authorization: Bearer \r\n", NULL, 401, NULL);
    assert_status(s, "GET", "/v1/models", "Authorization: Basic first-key\r\n", NULL, 401, NULL);
    assert_status(s, "GET", "/v1/models", "Authorization: Bearer second\r\n", NULL, 200, NULL);
    assert_status(s, "GET", "/health", "", NULL, 200, NULL);
    for (int i = 0; i < 4; i++)
        assert_status(s, "POST", "/tokenize", "Authorization: Bearer second\r\n", "{\"content\":\"a\"}",
                      i < 3 ? 200 : 429, i < 3 ? NULL : "Retry-After: 2");
    assert_status(s, "POST", "/tokenize", "Authorization: Bearer first-key\r\n", "{\"content\":\"a\"}", 200, NULL);
    server_close(s);
}

static void pages_of_others_need_leave(void **state)
{
    static const char *const ORIGIN[] = { "https://a.example" };
    (void)state;
    ServerOptions o = server_defaults(MODEL);
    o.origin = ORIGIN;
    o.n_origins = 1;
    o.base_path = "/vl2";
    Server *s = open_server(&o);
    assert_status(s, "OPTIONS", "/vl2/v1/models", "Origin: https://a.example\r\n", NULL, 204,
                  "Access-Control-Allow-Origin: https://a.example");
    HttpReply r = ask_with(s, "GET", "/vl2/v1/models", "Origin: https://b.example\r\n", NULL);
    assert_int_equal(r.status, 200);
    assert_null(strcasestr(r.head.text, "Allow-Origin"));
    free_reply(&r);
    assert_status(s, "GET", "/v1/models", "", NULL, 404, NULL);
    assert_status(s, "GET", "/vl2", "", NULL, 308, "Location: /vl2/");
    assert_status(s, "GET", "/vl2/", "", NULL, 200, "Content-Security-Policy: default-src 'none'");
    const int fd = connect_to(s); /* a name of its own that points here */
    const char evil[] = "GET /vl2/v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    send_bytes(fd, evil, sizeof evil - 1);
    r = read_reply(fd);
    assert_int_equal(r.status, 403);
    free_reply(&r);
    const int form = connect_to(s); /* what a form on another page can send */
    const char plain[] =
        "POST /vl2/tokenize HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        "Content-Length: 15\r\n\r\n{\"content\":\"a\"}";
    send_bytes(form, plain, sizeof plain - 1);
    r = read_reply(form);
    assert_int_equal(r.status, 415);
    free_reply(&r);
    server_close(s);
}

static void limits_are_kept_and_named(void **state)
{
    (void)state;
    ServerOptions o = server_defaults(MODEL);
    o.engine.sequences = 1;
    o.engine.context = 1 << 20;
    o.most_body = 2000;
    o.most_queued = 1;
    o.most_pictures = 1;
    o.queue_seconds = 0.5;
    o.answer_seconds = 1.5;
    Server *s = open_server(&o);
    assert_status(s, "POST", CHAT, "Content-Length: 99999999999\r\nContent-Type: application/json\r\n", NULL, 413,
                  NULL);
    Str chunked = { 0 };
    str_puts(&chunked,
             "POST " CHAT " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
             "chunked\r\n\r\n1000\r\n");
    for (int i = 0; i < 0x1000; i++) str_putc(&chunked, ' ');
    str_puts(&chunked, "\r\n0\r\n\r\n");
    int fd = connect_to(s);
    send_bytes(fd, chunked.text, chunked.n);
    HttpReply r = read_reply(fd);
    assert_int_equal(r.status, 413);
    free_reply(&r);
    str_free(&chunked);
    json_decref(ask_json(s, "POST", CHAT,
                         PARTS("{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,aGVsbG8=\"},"
                               "{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,aGVsbG8=\"}"),
                         400));
    char body[256];
    snprintf(body, sizeof body, LONG, "false");
    const int running = connect_to(s), waiting = connect_to(s);
    send_request(running, "POST", CHAT, "", body);
    assert_true(metric_becomes(s, "vl2_answers_running", 1, 20));
    send_request(waiting, "POST", CHAT, "", body);
    assert_true(metric_becomes(s, "vl2_answers_queued", 1, 20));
    assert_status(s, "POST", CHAT, "", body, 503, "Retry-After");
    r = read_reply(waiting);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.body.text, "queue_timeout"));
    free_reply(&r);
    r = read_reply(running);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body.text, "\"finish_reason\":\"length\""));
    free_reply(&r);
    server_close(s);
}

static void draining_ends_what_runs_and_begins_nothing(void **state)
{
    (void)state;
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    const int fd = connect_to(s);
    send_request(fd, "POST", CHAT, "", "{" HELLO ",\"ignore_eos\":true,\"max_tokens\":2000}");
    assert_true(metric_becomes(s, "vl2_answers_running", 1, 20));
    server_drain(s);
    assert_status(s, "POST", CHAT, "", "{" HELLO "}", 503, "Retry-After");
    assert_status(s, "GET", "/ready", "", NULL, 503, NULL);
    assert_status(s, "GET", "/health", "", NULL, 200, NULL);
    HttpReply r = read_reply(fd);
    assert_int_equal(r.status, 200);
    free_reply(&r);
    assert_true(metric_becomes(s, "vl2_answers_running", 0, 5));
    assert_int_equal(server_busy(s), 0);
    server_close(s);
}

/* One key that asks a lot does not keep another one from its turn. */
static void keys_take_turns(void **state)
{
    enum { MANY = 6 };
    static const char *const KEY[] = { "many", "few" };
    (void)state;
    ServerOptions o = server_defaults(MODEL);
    o.key = KEY;
    o.n_keys = 2;
    o.engine.sequences = 1;
    Server *s = open_server(&o);
    const char body[] = "{" HELLO ",\"ignore_eos\":true,\"max_tokens\":600}";
    int many[MANY];
    for (int i = 0; i < MANY; i++)
        send_request(many[i] = connect_to(s), "POST", CHAT, "Authorization: Bearer many\r\n", body);
    for (int tries = 0; tries < 500 && server_busy(s) < MANY; tries++) usleep(2000);
    HttpReply few = ask_with(s, "POST", CHAT, "Authorization: Bearer few\r\n", body);
    assert_int_equal(few.status, 200);
    assert_true(server_busy(s) >= MANY - 3); /* at most the one before, its own, and one that began since */
    free_reply(&few);
    for (int i = 0; i < MANY; i++) {
        HttpReply r = read_reply(many[i]);
        assert_int_equal(r.status, 200);
        free_reply(&r);
    }
    server_close(s);
}

static bool is_loaded(const Server *s, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/v1/models/%s", name);
    json_t *v = ask_json(s, "GET", path, NULL, 200);
    const bool loaded = json_is_true(json_object_get(v, "loaded"));
    json_decref(v);
    return loaded;
}

static void models_are_opened_when_asked_for_within_memory(void **state)
{
    (void)state;
    ServerOptions o = server_defaults(MODEL);
    const HostedName name[] = { { .name = "a", .path = model_file(MODEL, "") },
                                { .name = "b", .path = model_file("micro-mha", "") },
                                { .name = "broken", .path = "/nothing" } };
    o.model = name;
    o.n_models = 3;
    o.most_model_bytes = 1; /* one at a time */
    Server *s = open_server(&o);
    assert_true(is_loaded(s, "a") && !is_loaded(s, "b"));
    json_t *v = ask_json(s, "POST", CHAT, "{" HELLO ",\"model\":\"b\",\"max_tokens\":2}", 200);
    assert_string_equal(json_string_value(json_object_get(v, "model")), "b");
    json_decref(v);
    assert_true(!is_loaded(s, "a") && is_loaded(s, "b"));
    json_decref(ask_json(s, "POST", CHAT, "{" HELLO ",\"model\":\"broken\"}", 500));
    json_decref(ask_json(s, "POST", CHAT, "{" HELLO ",\"max_tokens\":2}", 200));
    assert_true(is_loaded(s, "a") && !is_loaded(s, "b"));
    server_close(s);
}

/* By its own, and with that of its model in front; one name of the list is what an answer calls it. */
static void adapters_have_two_names(void **state)
{
    (void)state;
    ServerOptions o = server_defaults(MODEL);
    static const char *adapter[1];
    adapter[0] = model_file("micro-mha", "lora");
    const HostedName name[] = {
        { .name = "plain", .path = model_file("micro-mha", "") },
        { .name = "tuned", .path = model_file("micro-mha", ""), .lora = adapter, .n_lora = 1, .base = "plain" }
    };
    o.model = name;
    o.n_models = 2;
    Server *s = open_server(&o);
    static const char *const CALLED[] = { "tuned", "plain:tuned" };
    for (int i = 0; i < 2; i++) {
        char body[256];
        snprintf(body, sizeof body, "{" HELLO ",\"max_tokens\":2,\"model\":\"%s\"}", CALLED[i]);
        json_t *v = ask_json(s, "POST", CHAT, body, 200);
        assert_string_equal(json_string_value(json_object_get(v, "model")), "tuned");
        json_decref(v);
    }
    json_t *v = ask_json(s, "GET", "/v1/models/plain:tuned", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(v, "id")), "tuned");
    assert_string_equal(json_string_value(json_object_get(v, "parent")), "plain");
    assert_string_equal(json_string_value(json_array_get(json_object_get(v, "aliases"), 0)), "plain:tuned");
    json_decref(v);
    json_decref(ask_json(s, "POST", CHAT, "{" HELLO ",\"model\":\"tuned:plain\"}", 404));
    json_decref(ask_json(s, "POST", CHAT, "{" HELLO ",\"model\":\"plain:\"}", 404));
    server_close(s);
}

/* ---- what operators see ---- */

/* Every vl2_... and process_... of a text is a name of a line of /metrics. Returns how many there were. */
static int assert_metrics_exist(const char *metrics, const char *file)
{
    char *text, line[128];
    size_t n;
    Error e;
    int count = 0;
    if (!file_read(file, 1 << 20, &text, &n, &e)) fail_msg("%s", e.text);
    for (const char *at = text; *at;) {
        const size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
        if ((str_starts(at, "vl2_") || str_starts(at, "process_")) && length > strlen("vl2_")) {
            snprintf(line, sizeof line, "\n%.*s", (int)length, at);
            const char *found = strstr(metrics, line);
            while (found && !strchr("{ ", found[strlen(line)])) found = strstr(found + 1, line);
            if (!found) fail_msg("%s: there is no metric%s", file, line);
            count++;
        }
        at += length ? length : 1;
    }
    free(text);
    return count;
}

static void documented_metrics_exist(void **state)
{
    static const char *const FILES[] = { "docs/serving.md", "packaging/vl2-alerts.yml", "packaging/grafana.json" };
    (void)state;
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    json_decref(ask_json(s, "POST", CHAT, "{" HELLO ",\"max_tokens\":2}", 200));
    HttpReply r = ask(s, "GET", "/metrics", NULL);
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        assert_true(assert_metrics_exist(r.body.text, FILES[i]) >= 7);
    free_reply(&r);
    server_close(s);
}

/* Every row goes to top_k experts in every layer that has some; the busiest expert has at least the mean. */
static void routed_rows_are_counted(void **state)
{
    (void)state;
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    assert_true(metric(s, "vl2_expert_rows_total") == 0);
    json_t *v = ask_json(s, "POST", CHAT, "{" HELLO ",\"ignore_eos\":true,\"max_tokens\":5}", 200);
    const double rows = number_at(v, "usage", "prompt_tokens") + 4, routed = metric(s, "vl2_expert_rows_total");
    assert_true(routed > 0 && fmod(routed, rows) == 0);
    assert_true(metric(s, "vl2_expert_busiest_ratio") >= 1);
    assert_true(metric(s, "vl2_expert_unused_ratio") >= 0 && metric(s, "vl2_expert_unused_ratio") < 1);
    json_decref(v);
    server_close(s);
}

/* Cut, doubled and scrambled bodies of a good request. */
static void broken_bodies_are_refused(void **state)
{
    static const char GOOD[] = "{" HELLO ",\"max_tokens\":2,\"stop\":[\"a\"],\"logit_bias\":{\"5\":1},\"stream\":false,"
                               "\"response_format\":{\"type\":\"json_object\"}}";
    (void)state;
    const ServerOptions o = server_defaults(MODEL);
    Server *s = open_server(&o);
    Rng rng = { 7, 0 };
    for (int i = 0; i < test_rounds(60) * fuzz_rounds(); i++) {
        char body[sizeof GOOD];
        memcpy(body, GOOD, sizeof GOOD);
        const size_t n = sizeof GOOD - 1;
        for (int k = 1 + (int)(rng_next(&rng) % 3); k > 0; k--)
            body[rng_next(&rng) % n] = (char)(1 + rng_next(&rng) % 255);
        if (rng_next(&rng) % 4 == 0) body[rng_next(&rng) % n] = 0;
        HttpReply r = ask(s, "POST", CHAT, body);
        if (r.status != 200 && (r.status < 400 || r.status > 415)) fail_msg("%d for %s", r.status, body);
        if (r.status != 200 && !strstr(r.body.text, "\"error\":{\"message\"")) fail_msg("%s", r.body.text);
        free_reply(&r);
    }
    server_close(s);
}

TEST_MAIN(TEST(served_equals_alone), TEST(served_in_slices_equals_alone), TEST(answers_have_what_was_asked_for),
          TEST(least_lengths_hold_back_the_end), TEST(stops_and_completions_agree), TEST(guesses_ahead_are_counted),
          TEST(formats_hold_whatever_the_model_says), TEST(a_schema_that_is_too_deep_is_no_matter_of_context),
          TEST(second_turns_encode_no_picture), TEST(templates_tell_tokens_and_tiles), TEST(keys_open_the_door),
          TEST(pages_of_others_need_leave), TEST(limits_are_kept_and_named),
          TEST(draining_ends_what_runs_and_begins_nothing), TEST(keys_take_turns),
          TEST(models_are_opened_when_asked_for_within_memory), TEST(adapters_have_two_names),
          TEST(documented_metrics_exist), TEST(routed_rows_are_counted), TEST(broken_bodies_are_refused),
          TEST(a_client_that_leaves_is_cancelled), TEST(wrong_requests_get_the_right_error),
          TEST(a_prompt_over_the_context_names_the_counts))
