/* test_fuzz_records.c - files of training data that chance has changed: every one gives samples or errors of one line that name
 * the file, never a crash (run it under the sanitizers). The same numbers at every run; VL2_FUZZ_ROUNDS multiplies them. */
#include "base/rng.h"
#include "fuzz_support.h"
#include "train_support.h"

static const char *const words[] = { "\"",
                                     "{",
                                     "}",
                                     "[",
                                     "]",
                                     ",",
                                     "\n",
                                     "\\",
                                     "\\u0000",
                                     "\xff",
                                     "<image>",
                                     "<bbox>",
                                     "<ref-object>",
                                     "\"images\": [\"a.png\"],",
                                     "\"loss\": false,",
                                     "\"objects\": {\"bbox\": [[0, 0, 1, 1]]},",
                                     "\"bbox_type\": \"norm1\",",
                                     "\"image_id\": [0],",
                                     "-1",
                                     "1e308",
                                     "999999999999999999",
                                     "[[[[[[[[",
                                     "null",
                                     "../",
                                     "/etc/passwd",
                                     "\"annotation\": \"d.jsonl\",",
                                     "\"repeat_time\": 0.5," };
enum { N_WORDS = sizeof words / sizeof *words };

static const char records[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": \"<image> Where is "
    "<ref-object>?\"}, {\"role\": \"assistant\", \"content\": \"<bbox>\"}, {\"role\": \"user\", \"content\": "
    "\"And?\"}, "
    "{\"role\": \"assistant\", \"content\": \"No.\", \"loss\": true}], \"images\": [\"a.png\"], \"objects\": {\"ref\": "
    "[\"cat\"], \"bbox\": [[[1, 2, 3, 4], [2.5, 3, 90, 41]]], \"bbox_type\": \"real\", \"image_id\": [0]}}\n"
    "[{\"role\": \"user\", \"content\": \"<image><image>\", \"images\": [\"a.png\", \"a.png\"]}, {\"role\": "
    "\"assistant\", \"content\": \"x\"}]\n";

static const char talks[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", "
                            "\"content\": \"b\"}]},\n{\"messages\": []}";

static const char meta[] = "{\"x\": {\"annotation\": \"d.jsonl\", \"root\": \".\", \"repeat_time\": 2, \"weight\": 1}}";

static void mutate(Rng *r, Str *s)
{
    mutate_text(r, s, words, N_WORDS, 3);
}

static void assert_error(const Error *e)
{
    assert_true(e->code != ERR_NONE && e->text[0] != 0);
    assert_null(strchr(e->text, '\n'));
    assert_non_null(strstr(e->text, "d.json"));
}

/* Every record of a dataset that opened. Returns how many gave a sample. */
static int use_records(const Dataset *d, const SampleRules *rules)
{
    int good = 0;
    for (size_t i = 0; i < d->n_records; i++) {
        Sample s;
        Fault fault;
        Error e = { 0 };
        if (dataset_sample(d, i, rules, SAMPLE_WHOLE, &s, &fault, &e)) {
            assert_true(s.prompt.n <= rules->max_length && s.n_labels > 0);
            for (int k = 0; k < s.prompt.n; k++)
                assert_true(s.label[k] == LABEL_IGNORE || s.label[k] == s.prompt.id[k]);
            sample_free(&s);
            good++;
        } else {
            assert_error(&e);
            assert_true(fault != FAULT_NONE && fault < FAULT_KINDS);
        }
    }
    return good;
}

typedef struct {
    const char *name;   /* of the file that is changed */
    const char *before; /* and after: what stands around the records there */
    const char *after;
    const char *text;
} Form;

static void changed_files_give_samples_or_say_why(void **state)
{
    (void)state;
    static const Form forms[] = { { "d.jsonl", "", "", records },
                                  { "d.json", "[", "]", talks },
                                  { "d.json", "", "", records },
                                  { "meta.d.json", "", "", meta } };
    Rules r;
    open_rules(&r, "micro-mla-noaux");
    r.rules.max_length = 400;
    r.rules.cache = blob_cache_open(1 << 20);
    TempFolder t = temp_open();
    write_picture(&t, "a.png", 100, 50);
    Rng rng = { .seed = 31 };
    const int n = test_rounds(1500 * fuzz_rounds());
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        int opened = 0, good = 0;
        for (int i = 0; i < n; i++) {
            Dataset d;
            Error e = { 0 };
            Str s = { 0 };
            str_printf(&s, "%s%s%s", forms[f].before, forms[f].text, forms[f].after);
            mutate(&rng, &s);
            if (forms[f].text == meta) write_text(&t, "d.jsonl", records);
            temp_write(&t, forms[f].name, s.text, s.n);
            if (open_dataset(&d, &t, forms[f].name, &e)) {
                opened++;
                good += use_records(&d, &r.rules);
                dataset_close(&d);
            } else
                assert_error(&e);
            str_free(&s);
        }
        printf("# %s: %d of %d opened, %d samples\n", forms[f].name, opened, n, good);
        assert_true(opened > 0);
    }
    blob_cache_close(r.rules.cache);
    temp_close(&t);
    close_rules(&r);
}

TEST_MAIN(TEST(changed_files_give_samples_or_say_why))
