/* test_train_data.c - training data from files: forms, pictures and boxes, what is refused and how it is told. */
#include "base/clock.h"
#include "base/mem.h"
#include "text/detokenize.h"
#include "text/grounding.h"

#include "train_support.h"

static char *text_of(const Sample *s, const Tokenizer *t, bool labels_only)
{
    Str out = { 0 };
    Detokenizer stream = { .tokenizer = t, .skip_special = true };
    for (int i = 0; i < s->prompt.n; i++)
        if (!s->prompt.is_image[i] && (!labels_only || (i > 0 && s->label[i] != LABEL_IGNORE)))
            detokenize_push(&stream, s->prompt.id[i], &out);
    detokenize_flush(&stream, &out);
    str_add(&out, "", 0);
    return out.text;
}

/* The text of a record's sample without special tokens and pictures; caller frees. */
static char *sample_text(const Dataset *d, size_t i, const SampleRules *rules, bool labels_only)
{
    Sample s;
    take_good(&s, d, i, rules, SAMPLE_LENGTH);
    char *text = text_of(&s, rules->tokenizer, labels_only);
    sample_free(&s);
    return text;
}

static void assert_text(const Dataset *d, size_t i, const SampleRules *rules, bool labels_only, const char *expected)
{
    char *text = sample_text(d, i, rules, labels_only);
    assert_string_equal(text, expected);
    free(text);
}

#define TALK                                                                                                           \
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", \"content\": \"Yes\"}]}"
#define TALK_2                                                                                                         \
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", \"content\": \"No\"}]}"

/* ---- forms ---- */

static void every_form_gives_the_same_samples(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        int first_line, second_line;
    } forms[] = {
        { "a.jsonl", TALK "\n\n  \n" TALK_2 "\n", 1, 4 },
        { "crlf.jsonl", "\xef\xbb\xbf" TALK "\r\n" TALK_2, 1, 2 },
        { "lines.json", TALK "\n" TALK_2 "\n", 1, 2 },
        { "array.json", "\n[" TALK ",\n" TALK_2 "\n]\n", 2, 3 },
        { "talks.json",
          "[[{\"role\": \"<|User|>\", \"content\": \"Hi\"},{\"role\": \"<|Assistant|>\", \"content\": \"Yes\"}],\n"
          "[{\"role\": \"User\", \"content\": \"Hi\"},{\"role\": \"Assistant\", \"content\": \"No\"}]]",
          1, 2 },
        { "array.jsonl",
          "[{\"role\": \"user\", \"content\": \"Hi\"},{\"role\": \"assistant\", \"content\": \"Yes\"}]\n" TALK_2, 1,
          2 },
    };
    Rules r;
    open_rules(&r, "micro-mha");
    TempFolder t = temp_open();
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        Dataset d;
        Str where = { 0 };
        char expected[128];
        write_text(&t, forms[i].name, forms[i].text);
        open_good(&d, &t, forms[i].name);
        assert_int_equal(d.n_records, 2);
        assert_text(&d, 0, &r.rules, false, ": Hi\n\n:Yes");
        assert_text(&d, 1, &r.rules, true, "No");
        dataset_where(&d, 0, &where);
        dataset_where(&d, 1, &where);
        snprintf(expected, sizeof expected, "%s:%d%s:%d", temp_path(&t, forms[i].name), forms[i].first_line,
                 temp_path(&t, forms[i].name), forms[i].second_line);
        assert_string_equal(where.text, expected);
        str_free(&where);
        dataset_close(&d);
    }
    temp_close(&t);
    close_rules(&r);
}

static void one_conversation_in_a_file_is_one_record(void **state)
{
    (void)state;
    Rules r;
    Dataset d;
    open_rules(&r, "micro-mha");
    TempFolder t = temp_open();
    write_text(&t, "one.json",
               "\n [{\"role\": \"user\", \"content\": \"Hi\"},\n {\"role\": \"assistant\", \"content\": \"Yes\"}]");
    open_good(&d, &t, "one.json");
    assert_int_equal(d.n_records, 1);
    assert_text(&d, 0, &r.rules, true, "Yes");
    dataset_close(&d);
    write_text(&t, "record.json", TALK);
    open_good(&d, &t, "record.json");
    assert_int_equal(d.n_records, 1);
    dataset_close(&d);
    temp_close(&t);
    close_rules(&r);
}

static void meta_files_name_annotations_pictures_and_repeats(void **state)
{
    (void)state;
    Rules r;
    Dataset d;
    Sample s;
    open_rules(&r, "micro-mla-noaux");
    TempFolder t = temp_open();
    mkdir(temp_path(&t, "notes"), 0777);
    mkdir(temp_path(&t, "pictures"), 0777);
    write_picture(&t, "pictures/p.png", 100, 50);
    write_picture(&t, "notes/q.png", 30, 50);
    write_text(
        &t, "notes/p.json",
        "[{\"messages\": [{\"role\": \"user\", \"content\": \"<image>Hi\"}, {\"role\": \"assistant\", \"content\": "
        "\"Yes\"}], \"images\": [\"p.png\"]}, " TALK "]");
    write_text(&t, "notes/q.jsonl",
               "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", \"content\": "
               "\"Yes\"}], \"images\": [\"q.png\"]}\n");
    write_text(
        &t, "meta.json",
        "{\"charts\": {\"annotation\": \"notes/p.json\", \"root\": \"pictures\", \"repeat_time\": 3, "
        "\"data_augment\": false, \"length\": 2},\n \"other\": {\"file_name\": \"notes/q.jsonl\", \"repeat_time\": "
        "0.5, \"weight\": 2}}");
    open_good(&d, &t, "meta.json");
    assert_int_equal(d.n_sources, 2);
    assert_int_equal(d.n_records, 3);
    assert_string_equal(d.source[0].name, "charts");
    assert_true(d.source[0].repeats == 3 && d.source[1].repeats == 0.5 && d.source[1].weight == 2);
    for (size_t i = 0; i < 3; i++) {
        take_good(&s, &d, i, &r.rules, SAMPLE_WHOLE);
        assert_int_equal(s.prompt.n_images, i != 1);
        if (i == 2) assert_int_equal(s.prompt.image[0].h, 50);
        sample_free(&s);
    }
    assert_ptr_equal(dataset_source_of(&d, 2), &d.source[1]);
    dataset_close(&d);
    temp_close(&t);
    close_rules(&r);
}

/* ---- pictures ---- */

static void pictures_go_to_the_tags_of_all_questions(void **state)
{
    (void)state;
    Rules r;
    Dataset d;
    Sample s;
    open_rules(&r, "micro-mla-noaux");
    TempFolder t = temp_open();
    write_picture(&t, "a.png", 100, 50);
    write_picture(&t, "b.png", 20, 30);
    write_text(&t, "d.jsonl",
               "{\"messages\": [{\"role\": \"user\", \"content\": \"A <image>?\"}, {\"role\": \"assistant\", "
               "\"content\": \"x\"},"
               "{\"role\": \"user\", \"content\": \"B <image>?\"}, {\"role\": \"assistant\", \"content\": \"y\"}], "
               "\"images\": [\"a.png\", \"b.png\"]}\n"
               "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": \"A\"}, "
               "{\"role\": "
               "\"assistant\", \"content\": \"x\"}], \"images\": [\"a.png\", \"b.png\"]}\n");
    open_good(&d, &t, "d.jsonl");
    take_good(&s, &d, 0, &r.rules, SAMPLE_WHOLE);
    assert_int_equal(s.prompt.n_images, 2);
    assert_int_equal(s.prompt.image[0].w, 100);
    assert_int_equal(s.prompt.image[1].w, 20);
    assert_true(s.prompt.image[1].first > s.prompt.image[0].first + s.prompt.image[0].n_tokens);
    assert_non_null(s.prompt.image[1].tiles.rgb);
    sample_free(&s);
    assert_text(&d, 1, &r.rules, false, "S: \n\nA\n\n:x"); /* "<image>\n<image>\nA", as the official demo does */
    dataset_close(&d);
    temp_close(&t);
    close_rules(&r);
}

/* With three pictures none is cut into tiles; where the last round goes, two are left and are cut. */
static void long_samples_lose_rounds_and_are_cut_as_the_rest_would_be(void **state)
{
    (void)state;
    Rules r;
    Dataset d;
    Sample whole, less;
    Str text = { 0 };
    open_rules(&r, "micro-mla-noaux");
    TempFolder t = temp_open();
    write_picture(&t, "a.png", 224, 112);
    str_puts(&text, "{\"messages\": [");
    for (int i = 0; i < 3; i++)
        str_printf(
            &text,
            "%s{\"role\": \"user\", \"content\": \"%d <image>\"}, {\"role\": \"assistant\", \"content\": \"%d\"}",
            i ? ", " : "", i, i);
    str_puts(&text, "], \"images\": [\"a.png\", \"a.png\", \"a.png\"]}");
    write_text(&t, "d.jsonl", text.text);
    open_good(&d, &t, "d.jsonl");
    take_good(&whole, &d, 0, &r.rules, SAMPLE_WHOLE);
    assert_int_equal(whole.dropped_rounds, 0);
    assert_int_equal(whole.prompt.image[0].tiles.across, 1);
    r.rules.max_length = whole.prompt.n - 1;
    take_good(&less, &d, 0, &r.rules, SAMPLE_WHOLE);
    assert_true(less.dropped_rounds > 0 && less.prompt.n <= r.rules.max_length);
    assert_int_equal(less.prompt.image[0].tiles.across, 2);
    assert_int_equal(less.prompt.id[less.prompt.n - 1], tokenizer_special(r.tokenizer)->eos);
    r.rules.max_length = 16;
    Fault fault;
    Error e;
    assert_false(dataset_sample(&d, 0, &r.rules, SAMPLE_WHOLE, &(Sample){ 0 }, &fault, &e));
    assert_int_equal(fault, FAULT_TOO_LONG);
    assert_non_null(strstr(e.text, "--max-length allows 16"));
    sample_free(&whole);
    sample_free(&less);
    dataset_close(&d);
    str_free(&text);
    temp_close(&t);
    close_rules(&r);
}

/* Minutes, if what is too long were cut round by round, or marks were looked for through all of the rest. */
static void many_rounds_and_many_marks_take_no_time(void **state)
{
    (void)state;
    enum { N = 100000 };
    Rules r;
    Dataset d;
    Sample s;
    Error e;
    Fault fault;
    Str text = { 0 };
    open_rules(&r, "micro-mha");
    TempFolder t = temp_open();
    str_puts(&text, "{\"messages\": [");
    for (int i = 0; i < N; i++)
        str_printf(&text, "%s{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}",
                   i ? ", " : "");
    str_puts(&text, "]}\n{\"messages\": [{\"role\": \"user\", \"content\": \"");
    for (int i = 0; i < N; i++) str_puts(&text, "<bbox>");
    str_puts(&text, "\"}, {\"role\": \"assistant\", \"content\": \"b\"}], \"objects\": {\"bbox\": []}}");
    temp_write(&t, "d.jsonl", text.text, text.n);
    str_free(&text);
    open_good(&d, &t, "d.jsonl");
    const double begin = clock_now();
    take_good(&s, &d, 0, &r.rules, SAMPLE_WHOLE);
    assert_in_range(s.prompt.n, r.rules.max_length - 20, r.rules.max_length);
    assert_int_equal(s.dropped_rounds, N - s.prompt.n_answers);
    sample_free(&s);
    assert_false(dataset_sample(&d, 1, &r.rules, SAMPLE_WHOLE, &s, &fault, &e));
    assert_int_equal(fault, FAULT_BOXES);
    assert_within("seconds", clock_now() - begin, 20);
    dataset_close(&d);
    temp_close(&t);
    close_rules(&r);
}

static void cached_tiles_are_the_decoded_ones(void **state)
{
    (void)state;
    Rules r;
    Dataset d;
    open_rules(&r, "micro-mla-noaux");
    TempFolder t = temp_open();
    write_picture(&t, "a.png", 150, 112);
    write_text(
        &t, "d.jsonl",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"<image><image>A\"}, {\"role\": \"assistant\", "
        "\"content\": "
        "\"x\"}], \"images\": [\"a.png\", \"a.png\"]}\n"
        "{\"messages\": [{\"role\": \"user\", \"content\": \"<image><image><image>A\"}, {\"role\": \"assistant\", "
        "\"content\": \"x\"}], \"images\": [\"a.png\", \"a.png\", \"a.png\"]}\n");
    open_good(&d, &t, "d.jsonl");
    r.rules.cache = blob_cache_open(1 << 20);
    for (size_t i = 0; i < 2; i++) {
        Sample plain, cached;
        SampleRules without = r.rules;
        without.cache = NULL;
        take_good(&plain, &d, i, &without, SAMPLE_WHOLE);
        take_good(&cached, &d, i, &r.rules, SAMPLE_WHOLE);
        for (int k = 0; k < plain.prompt.n_images; k++) {
            const Tiles *a = &plain.prompt.image[k].tiles, *b = &cached.prompt.image[k].tiles;
            assert_int_equal(a->n, b->n);
            assert_memory_equal(a->rgb, b->rgb, (size_t)a->n * (size_t)a->side * (size_t)a->side * 3);
        }
        sample_free(&plain);
        sample_free(&cached);
    }
    const BlobCacheStats stats = blob_cache_stats(r.rules.cache);
    assert_int_equal(stats.count, 3); /* its size, cut and not cut */
    assert_int_equal(stats.missed, 3);
    blob_cache_close(r.rules.cache);
    dataset_close(&d);
    temp_close(&t);
    close_rules(&r);
}

/* ---- labels ---- */

static void given_answers_are_read_and_not_learnt(void **state)
{
    (void)state;
    Rules r;
    Dataset d;
    open_rules(&r, "micro-mha");
    TempFolder t = temp_open();
    write_text(
        &t, "d.jsonl",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"A\"}, {\"role\": \"assistant\", \"content\": \"given\", "
        "\"loss\": false}, {\"role\": \"user\", \"content\": \"B\"}, {\"role\": \"assistant\", \"content\": "
        "\"learnt\"}]}");
    open_good(&d, &t, "d.jsonl");
    assert_text(&d, 0, &r.rules, false, ": A\n\n:given: B\n\n:learnt");
    assert_text(&d, 0, &r.rules, true, "learnt");
    dataset_close(&d);
    temp_close(&t);
    close_rules(&r);
}

static void people_cannot_forge_a_turn_in_the_data(void **state)
{
    (void)state;
    Rules r;
    Dataset d;
    Sample s;
    open_rules(&r, "micro-mha");
    TempFolder t = temp_open();
    write_text(&t, "d.jsonl",
               "{\"messages\": [{\"role\": \"user\", \"content\": \"a <|Assistant|> <|ref|>b<|/ref|>\"}, {\"role\": "
               "\"assistant\", \"content\": \"x\"}]}");
    open_good(&d, &t, "d.jsonl");
    for (int raw = 0; raw < 2; raw++) {
        int assistants = 0, refs = 0;
        r.rules.added = raw ? ADDED_ALL : ADDED_GROUNDING;
        take_good(&s, &d, 0, &r.rules, SAMPLE_LENGTH);
        for (int i = 0; i < s.prompt.n; i++) {
            assistants += s.prompt.id[i] == tokenizer_special(r.tokenizer)->assistant;
            refs += s.prompt.id[i] == tokenizer_special(r.tokenizer)->ref;
        }
        assert_int_equal(assistants, raw ? 2 : 1);
        assert_int_equal(refs, 1);
        sample_free(&s);
    }
    dataset_close(&d);
    temp_close(&t);
    close_rules(&r);
}

/* ---- boxes ---- */

static void boxes_become_the_models(void **state)
{
    (void)state;
    static const struct {
        const char *objects, *answer, *expected;
    } cases[] = {
        { "{\"ref\": [\"cup\"], \"bbox\": [[0, 0, 50, 25]]}", "<ref-object><bbox>", "cup[[0, 0, 500, 500]]" },
        { "{\"bbox\": [[0, 0, 100, 50]]}", "<bbox>", "[[0, 0, 999, 999]]" },
        { "{\"bbox\": [[[0, 0, 100, 50], [1, 1, 2, 2]]]}", "at <bbox>.", "at [[0, 0, 999, 999], [10, 20, 20, 40]]." },
        { "{\"bbox\": [[0, 0, 10, 15]], \"image_id\": [1]}", "<bbox>", "[[0, 0, 500, 500]]" },
        { "{\"bbox\": [[0, 0, 0.5, 1]], \"bbox_type\": \"norm1\"}", "<bbox>", "[[0, 0, 500, 999]]" },
        { "{\"bbox\": [[0, 0, 500, 1000]], \"bbox_type\": \"norm1000\"}", "<bbox>", "[[0, 0, 500, 999]]" },
        { "{\"bbox\": [[7, 8, 9, 999]], \"bbox_type\": \"norm999\"}", "<bbox>", "[[7, 8, 9, 999]]" },
        { "{\"ref\": [\"\xe7\x8c\xab\"]}", "<ref-object>", "\xe7\x8c\xab" },
    };
    Rules r;
    open_rules(&r, "micro-mla-noaux");
    TempFolder t = temp_open();
    write_picture(&t, "a.png", 100, 50);
    write_picture(&t, "b.png", 20, 30);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Dataset d;
        Str text = { 0 };
        str_printf(&text,
                   "{\"messages\": [{\"role\": \"user\", \"content\": \"Q\"}, {\"role\": \"assistant\", \"content\": "
                   "\"%s\"}], \"images\": [\"a.png\", \"b.png\"], \"objects\": %s}",
                   cases[i].answer, cases[i].objects);
        write_text(&t, "d.jsonl", text.text);
        open_good(&d, &t, "d.jsonl");
        assert_text(&d, 0, &r.rules, true, cases[i].expected);
        dataset_close(&d);
        str_free(&text);
    }
    temp_close(&t);
    close_rules(&r);
}

/* Half a step of size / 999, and what int() cuts off. */
static void boxes_come_back_to_their_pixels(void **state)
{
    (void)state;
    double worst = 0, bound = 0;
    for (int size = 1; size <= 4000; size += 37)
        for (int pixel = 0; pixel <= size; pixel++) {
            const int norm = grounding_norm(pixel, size);
            assert_true(norm >= 0 && norm <= 999);
            const double off = abs(grounding_pixel(norm, size) - pixel), allowed = size / 1998.0 + 1;
            assert_true(off <= allowed);
            if (off > worst) worst = off, bound = allowed;
        }
    assert_within("pixels to 0..999 and back", worst, bound);
    assert_int_equal(grounding_norm(0, 640), 0);
    assert_int_equal(grounding_norm(640, 640), 999);
}

/* ---- what is refused ---- */

typedef struct {
    const char *text; /* of a line */
    Fault fault;
    const char *says; /* after the name of the file and its line */
} Refused;

#define RECORD(messages, rest) "{\"messages\": [" messages "]" rest "}"
#define USER                   "{\"role\": \"user\", \"content\": \"Q\"}"
#define ASSISTANT              "{\"role\": \"assistant\", \"content\": \"A\"}"
#define BOXES(answer, objects)                                                                                         \
    RECORD(USER ", {\"role\": \"assistant\", \"content\": \"" answer "\"}",                                            \
           ", \"images\": [\"a.png\"], \"objects\": " objects)

static const Refused refused[] = {
    { "{\"messages\": [", FAULT_JSON, "not valid JSON, column 14" },
    { "{\"messages\": [], \"messages\": []}", FAULT_JSON, "not valid JSON" },
    { "{\"messages\": \"\xff\"}", FAULT_JSON, "not valid JSON" },
    { RECORD(USER "," ASSISTANT, ", \"id\": 1e999"), FAULT_JSON, "not valid JSON" },
    { RECORD(USER "," ASSISTANT, ", \"id\": 99999999999999999999"), FAULT_JSON, "not valid JSON" },
    { "17", FAULT_RECORD, "the record is an integer, expected an object with \"messages\" or an array of messages" },
    { "{\"text\": \"a\"}", FAULT_RECORD, "the record has no \"messages\"" },
    { "{\"messages\": {}}", FAULT_RECORD, "\"messages\" is an object, expected an array" },
    { RECORD("{\"role\": \"gpt\", \"content\": \"Q\"}", ""), FAULT_RECORD, "messages[0]: the role \"gpt\"" },
    { RECORD("{\"role\": \"user\"}", ""), FAULT_RECORD, "messages[0]: \"content\" is nothing, expected a string" },
    { RECORD(ASSISTANT, ""), FAULT_RECORD, "messages[0] is the assistant's, expected the user's" },
    { RECORD(USER "," USER "," ASSISTANT, ""), FAULT_RECORD, "messages[1] is the user's, expected the assistant's" },
    { RECORD("", ""), FAULT_NO_ANSWER, "there is no answer at the end to learn from" },
    { RECORD(USER, ""), FAULT_NO_ANSWER, "there is no answer at the end to learn from" },
    { RECORD(USER "," ASSISTANT "," USER, ""), FAULT_NO_ANSWER, "there is no answer at the end" },
    { RECORD(USER ", {\"role\": \"assistant\", \"content\": \" \\u3000\\n\"}", ""), FAULT_NO_ANSWER,
      "messages[1]: the answer is empty" },
    { RECORD(USER ", {\"role\": \"assistant\", \"content\": \"A\", \"loss\": false}", ""), FAULT_NO_ANSWER,
      "nothing to learn from: all answers have \"loss\": false" },
    { RECORD(USER ", {\"role\": \"assistant\", \"content\": \"A\", \"loss\": 0}", ""), FAULT_RECORD,
      "\"loss\" is an integer, expected true or false" },
    { RECORD(USER ", {\"role\": \"assistant\", \"content\": \"<image>\"}", ""), FAULT_RECORD,
      "messages[1]: <image> tags in an assistant message" },
    { RECORD(USER "," ASSISTANT, ", \"images\": \"a.png\""), FAULT_RECORD, "\"images\" is a string" },
    { RECORD(USER "," ASSISTANT, ", \"images\": [7]"), FAULT_RECORD, "images[0] is an integer" },
    { RECORD(USER "," ASSISTANT, ", \"images\": [\"\"]"), FAULT_RECORD, "images[0] is empty" },
    { RECORD(USER "," ASSISTANT, ", \"images\": [\"a.png\\u0000x\"]"), FAULT_RECORD,
      "images[0] is empty or has a NUL" },
    { RECORD("{\"role\": \"user\", \"content\": \"<image> <image>\"}," ASSISTANT, ", \"images\": [\"a.png\"]"),
      FAULT_RECORD, "2 <image> tags and 1 picture, expected as many of both, or no tag" },
    { RECORD("{\"role\": \"user\", \"content\": \"<image>\"}," ASSISTANT, ""), FAULT_RECORD,
      "messages[0] has 1 <image> tag and 0 pictures" },
    { RECORD("{\"role\": \"user\", \"content\": \"<image>\", \"images\": [\"a.png\"]}," ASSISTANT,
             ", \"images\": [\"a.png\"]"),
      FAULT_RECORD, "pictures in \"images\" of the record and of its messages" },
    { RECORD(ASSISTANT, ", \"images\": [\"a.png\"]"), FAULT_RECORD, "there are \"images\" and no message of the user" },
    { RECORD(USER "," ASSISTANT, ", \"images\": [\"none.png\"]"), FAULT_PICTURE, "none.png is not in " },
    { RECORD(USER "," ASSISTANT, ", \"images\": [\"broken.png\"]"), FAULT_PICTURE, "broken.png: is text" },
    { RECORD(USER "," ASSISTANT, ", \"images\": [\".\"]"), FAULT_PICTURE, "is a directory, expected a file" },
    { RECORD(USER "," ASSISTANT, ", \"images\": [\"/etc/passwd\"]"), FAULT_OUTSIDE,
      "/etc/passwd leads to /etc/passwd" },
    { RECORD(USER "," ASSISTANT, ", \"images\": [\"../../etc/passwd\"]"), FAULT_OUTSIDE, "--allow-outside lets it" },
    { RECORD(USER "," ASSISTANT, ", \"images\": [\"link.png\"]"), FAULT_OUTSIDE, "link.png leads to /etc/passwd" },
    { RECORD(USER "," ASSISTANT, ", \"objects\": []"), FAULT_RECORD, "\"objects\" is an array" },
    { BOXES("<bbox>", "{\"bbox\": [[0, 0, 101, 50]]}"), FAULT_BOXES,
      "bbox[0] is [0, 0, 101, 50], expected x1 < x2 <= 100 and y1 < y2 <= 50" },
    { BOXES("<bbox>", "{\"bbox\": [[-1, 0, 10, 10]]}"), FAULT_BOXES, "bbox[0] is [-1, 0, 10, 10]" },
    { BOXES("<bbox>", "{\"bbox\": [[5, 0, 5, 10]]}"), FAULT_BOXES, "expected x1 < x2" },
    { BOXES("<bbox>", "{\"bbox\": [[1, 2, 3]]}"), FAULT_RECORD, "bbox[0] has 3 numbers, expected x1, y1, x2, y2" },
    { BOXES("<bbox>", "{\"bbox\": [[1, 2, 3, \"4\"]]}"), FAULT_RECORD, "bbox[0] has a string in it" },
    { BOXES("<bbox>", "{\"bbox\": [7]}"), FAULT_RECORD, "bbox[0] is an integer" },
    { BOXES("<bbox>", "{\"bbox\": [[[1, 2, 3, 4], 5]]}"), FAULT_RECORD, "bbox[0] has 0 numbers" },
    { BOXES("<bbox>", "{\"bbox\": [[1, 2, 3, 4]], \"bbox_type\": \"cm\"}"), FAULT_RECORD, "\"bbox_type\" is \"cm\"" },
    { BOXES("<bbox>", "{\"bbox\": [[1, 2, 3, 4]], \"image_id\": [1]}"), FAULT_BOXES, "bbox[0] is of picture 1" },
    { BOXES("<bbox>", "{\"bbox\": [[1, 2, 3, 4]], \"image_id\": [-1]}"), FAULT_RECORD, "image_id[0]" },
    { BOXES("<bbox>", "{\"bbox\": [[1, 2, 3, 4]], \"image_id\": []}"), FAULT_RECORD,
      "0 in \"image_id\" and 1 in \"bbox\"" },
    { BOXES("<bbox><bbox>", "{\"bbox\": [[1, 2, 3, 4]]}"), FAULT_BOXES, "2 <bbox> in the messages and 1 in \"bbox\"" },
    { BOXES("x", "{\"bbox\": [[1, 2, 3, 4]]}"), FAULT_BOXES, "0 <bbox> in the messages and 1 in \"bbox\"" },
    { BOXES("x", "{\"ref\": [\"cup\"]}"), FAULT_BOXES, "0 <ref-object> in the messages and 1 in \"ref\"" },
    { BOXES("x", "{\"ref\": [\"a\\u0000\"]}"), FAULT_RECORD, "ref[0] is a string, expected a name" },
};

static void bad_records_say_file_line_and_what(void **state)
{
    (void)state;
    enum { N = sizeof refused / sizeof *refused };
    Rules r;
    Dataset d;
    Str text = { 0 };
    open_rules(&r, "micro-mla-noaux");
    TempFolder t = temp_open();
    write_picture(&t, "a.png", 100, 50);
    write_text(&t, "broken.png", "no picture");
    assert_int_equal(symlink("/etc/passwd", temp_path(&t, "link.png")), 0);
    for (int i = 0; i < N; i++) str_printf(&text, "%s\n", refused[i].text);
    write_text(&t, "d.jsonl", text.text);
    open_good(&d, &t, "d.jsonl");
    assert_int_equal(d.n_records, N);
    for (size_t i = 0; i < N; i++) {
        Sample s;
        Fault fault;
        Error e;
        char where[600];
        if (dataset_sample(&d, i, &r.rules, SAMPLE_WHOLE, &s, &fault, &e)) fail_msg("line %zu is taken", i + 1);
        snprintf(where, sizeof where, "%s:%zu: ", temp_path(&t, "d.jsonl"), i + 1);
        if (strncmp(e.text, where, strlen(where)) != 0 || !strstr(e.text, refused[i].says) || fault != refused[i].fault)
            fail_msg("line %zu: %s (%s), expected %s (%s)", i + 1, e.text, fault_name(fault), refused[i].says,
                     fault_name(refused[i].fault));
        assert_null(s.prompt.id);
    }
    dataset_close(&d);
    str_free(&text);
    temp_close(&t);
    close_rules(&r);
}

static void bad_files_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *says;
    } cases[] = {
        { "a.json", "", "a.json: is empty, expected records" },
        { "a.jsonl", " \n\r\n", "a.jsonl: is empty, expected records" },
        { "a.json", "[]", "there are no records" },
        { "a.json", "[\n" TALK ",\n{\"messages\": [", "a.json:3: the record that begins here does not end" },
        { "a.json", "[\n" TALK "\n", "a.json:2: the record that begins here does not end" },
        { "a.json", "[" TALK ",\n,\n" TALK "]", "a.json:2: nothing between two commas" },
        { "a.json", "[" TALK ",\n]", "a.json:2: nothing between two commas" },
        { "a.json", "[" TALK "]\n]", "a.json:2: something behind the end of the array" },
        { "a.json", "[" TALK "}", "a.json:1: '}' without '{'" },
        { "a.json", "{\n}\n" TALK, "a.json:3: something behind the end of the object" },
        { "a.json", "{\"x\": }", "a.json:1: not valid JSON" },
        { "m.json", "{\"x\": 1}", "m.json: \"x\" is an integer, expected an object with \"annotation\"" },
        { "m.json", "{\"x\": {}}", "m.json: \"x\": \"annotation\", the name of a file of records, is missing" },
        { "m.json", "{\"x\": {\"annotation\": 1}}", "m.json: \"x\": \"annotation\" is an integer" },
        { "m.json", "{\"x\": {\"annotation\": \"none.json\"}}", "m.json: \"x\": none.json is not in " },
        { "m.json", "{\"x\": {\"annotation\": \"/etc/passwd\"}}", "--allow-outside lets it" },
        { "m.json", "{\"x\": {\"annotation\": \"t.json\", \"root\": \"/etc\"}}", "--allow-outside lets it" },
        { "m.json", "{\"x\": {\"annotation\": \"t.json\", \"repeat_time\": -1}}",
          "\"repeat_time\" is -1, expected 0 to" },
        { "m.json", "{\"x\": {\"annotation\": \"t.json\", \"repeat_time\": 1e9}}", "\"repeat_time\" is 1e+09" },
        { "m.json", "{\"x\": {\"annotation\": \"t.json\", \"weight\": \"a\"}}", "\"weight\" is a string" },
        { "m.json", "{}", "there are no records" },
    };
    TempFolder t = temp_open();
    write_text(&t, "t.json", "[" TALK "]");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Dataset d;
        Error e;
        write_text(&t, cases[i].name, cases[i].text);
        if (open_dataset(&d, &t, cases[i].name, &e)) fail_msg("case %zu is taken", i);
        if (!strstr(e.text, cases[i].says)) fail_msg("case %zu: %s, expected %s", i, e.text, cases[i].says);
        assert_null(d.source);
    }
    temp_close(&t);
}

/* A tree of this would take ten times the file; its index is 16 bytes for each record. Depth is the parser's to refuse. */
static void deep_and_large_files_are_indexed_without_a_tree(void **state)
{
    (void)state;
    enum { DEPTH = 1 << 20, RECORDS = 20000 };
    Rules r;
    Dataset d;
    Sample s;
    Fault fault;
    Error e;
    Str text = { 0 };
    open_rules(&r, "micro-mha");
    TempFolder t = temp_open();
    str_puts(&text, "[");
    for (int i = 0; i < DEPTH; i++) str_putc(&text, '[');
    for (int i = 0; i < DEPTH; i++) str_putc(&text, ']');
    for (int i = 0; i < RECORDS; i++) str_puts(&text, ",\n" TALK);
    str_puts(&text, "]");
    temp_write(&t, "d.json", text.text, text.n);
    open_good(&d, &t, "d.json");
    assert_int_equal(d.n_records, RECORDS + 1);
    assert_false(dataset_sample(&d, 0, &r.rules, SAMPLE_WHOLE, &s, &fault, &e));
    assert_int_equal(fault, FAULT_JSON);
    assert_non_null(strstr(e.text, "d.json:1: not valid JSON"));
    assert_text(&d, RECORDS, &r.rules, true, "Yes");
    dataset_close(&d);
    str_free(&text);
    temp_close(&t);
    close_rules(&r);
}

static void a_file_cut_while_it_is_read_is_an_error_of_the_file(void **state)
{
    (void)state;
    Rules r;
    Dataset d;
    Sample s;
    Fault fault;
    Error e;
    open_rules(&r, "micro-mha");
    TempFolder t = temp_open();
    write_text(&t, "d.jsonl", TALK "\n" TALK);
    open_good(&d, &t, "d.jsonl");
    assert_int_equal(truncate(temp_path(&t, "d.jsonl"), 20), 0);
    assert_false(dataset_sample(&d, 1, &r.rules, SAMPLE_WHOLE, &s, &fault, &e));
    assert_int_equal(fault, FAULT_NONE); /* so that --skip-bad does not hide it */
    assert_non_null(strstr(e.text, "d.jsonl: has become shorter"));
    dataset_close(&d);
    temp_close(&t);
    close_rules(&r);
}

TEST_MAIN(TEST(every_form_gives_the_same_samples), TEST(one_conversation_in_a_file_is_one_record),
          TEST(meta_files_name_annotations_pictures_and_repeats), TEST(pictures_go_to_the_tags_of_all_questions),
          TEST(long_samples_lose_rounds_and_are_cut_as_the_rest_would_be),
          TEST(many_rounds_and_many_marks_take_no_time), TEST(cached_tiles_are_the_decoded_ones),
          TEST(given_answers_are_read_and_not_learnt), TEST(people_cannot_forge_a_turn_in_the_data),
          TEST(boxes_become_the_models), TEST(boxes_come_back_to_their_pixels),
          TEST(bad_records_say_file_line_and_what), TEST(bad_files_say_where),
          TEST(deep_and_large_files_are_indexed_without_a_tree),
          TEST(a_file_cut_while_it_is_read_is_an_error_of_the_file))
