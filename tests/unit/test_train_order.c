/* test_train_order.c - the order of an epoch and the samples as they come: what follows from the seed alone, what goes
 * together, which rank gets what, and that threads change none of it. */
#include "base/ahead.h"
#include "base/mem.h"
#include "train/feed.h"

#include <math.h>

#include "train_support.h"

/* ---- an epoch of made-up lengths ---- */

typedef struct {
    Dataset d;
    Survey s;
    DataSource source[3];
    char name[2];
} Made;

/* Sources of the given sizes; the length of record i is 10 + i * 7 % 50. Every 10th is bad if `bad`. */
static void make_data(Made *m, const size_t *sizes, int n, bool bad)
{
    *m = (Made){ .name = "s" };
    for (int i = 0; i < n; i++) {
        m->source[i] = (DataSource){ .name = m->name, .repeats = 1, .first = m->d.n_records, .records.n = sizes[i] };
        m->d.n_records += sizes[i];
    }
    m->d.source = m->source;
    m->d.n_sources = n;
    m->s.n = m->d.n_records;
    m->s.record = xcalloc(m->s.n, sizeof *m->s.record);
    for (size_t i = 0; i < m->s.n; i++) {
        m->s.record[i].tokens = bad && i % 10 == 0 ? 0 : (int)(10 + i * 7 % 50);
        m->s.n_good += m->s.record[i].tokens > 0;
    }
}

static Epoch plan(const Made *m, const EpochRules *rules, uint64_t epoch)
{
    Epoch p;
    Error e;
    if (!epoch_plan(&p, &m->d, &m->s, rules, epoch, &e)) fail_msg("%s", e.text);
    return p;
}

static int *count_items(const Made *m, const Epoch *p)
{
    int *n = xcalloc(m->s.n, sizeof *n);
    for (size_t i = 0; i < p->n_items; i++) n[p->item[i]]++;
    return n;
}

static bool same_order(const Epoch *a, const Epoch *b)
{
    return a->n_items == b->n_items && memcmp(a->item, b->item, a->n_items * sizeof *a->item) == 0;
}

static void an_epoch_has_every_good_record_once_and_follows_from_the_seed(void **state)
{
    (void)state;
    Made m;
    make_data(&m, (size_t[]){ 70, 30 }, 2, true);
    for (int kind = 0; kind < 3; kind++) {
        const EpochRules rules = { .seed = 5, .batch = 4, .pack = kind == 2 ? 100 : 0, .group_by_length = kind == 1 };
        EpochRules other_seed = rules;
        other_seed.seed = 6;
        Epoch a = plan(&m, &rules, 3), b = plan(&m, &rules, 3), c = plan(&m, &rules, 4), d = plan(&m, &other_seed, 3);
        int *n = count_items(&m, &a);
        for (size_t i = 0; i < m.s.n; i++) assert_int_equal(n[i], m.s.record[i].tokens > 0);
        assert_int_equal(a.n_items, 90);
        assert_true(same_order(&a, &b) && !same_order(&a, &c) && !same_order(&a, &d));
        assert_int_equal(a.begin[0], 0);
        assert_int_equal(a.begin[a.n_groups], a.n_items);
        free(n);
        epoch_free(&a), epoch_free(&b), epoch_free(&c), epoch_free(&d);
    }
    free(m.s.record);
}

static void in_order_is_the_order_of_the_files(void **state)
{
    (void)state;
    Made m;
    make_data(&m, (size_t[]){ 5, 4 }, 2, false);
    Epoch p = plan(&m, &(EpochRules){ .batch = 2, .in_order = true }, 0);
    assert_int_equal(p.n_groups, 5);
    for (size_t i = 0; i < 9; i++) assert_int_equal(p.item[i], i);
    epoch_free(&p);
    free(m.s.record);
}

static void records_are_repeated_as_the_meta_file_says(void **state)
{
    (void)state;
    Made m;
    make_data(&m, (size_t[]){ 40, 20, 10 }, 3, false);
    m.source[0].repeats = 0.25;
    m.source[1].repeats = 2.5;
    m.source[2].repeats = 0;
    Epoch a = plan(&m, &(EpochRules){ .batch = 1 }, 0), b = plan(&m, &(EpochRules){ .batch = 1 }, 1);
    int *first = count_items(&m, &a), *second = count_items(&m, &b), differ = 0;
    int parts[3] = { 0 };
    for (int i = 0; i < 70; i++) {
        parts[i < 40 ? 0 : i < 60 ? 1 : 2] += first[i];
        assert_in_range(first[i], i < 40 ? 0 : i < 60 ? 2 : 0, i < 40 ? 1 : i < 60 ? 3 : 0);
        differ += first[i] != second[i];
    }
    assert_true(parts[0] == 10 && parts[1] == 50 && parts[2] == 0);
    assert_true(differ > 0); /* a part is drawn anew in each epoch */
    free(first), free(second);
    epoch_free(&a), epoch_free(&b);
    free(m.s.record);
}

static void weights_share_an_epoch_among_the_sources(void **state)
{
    (void)state;
    Made m;
    Error e;
    Epoch p;
    make_data(&m, (size_t[]){ 9000, 1000 }, 2, false);
    const EpochRules rules = { .batch = 1, .square_root = true };
    p = plan(&m, &rules, 0); /* 3 to 1, by the square root */
    int *n = count_items(&m, &p), small = 0, least = 1 << 30, most = 0;
    for (int i = 9000; i < 10000; i++) {
        small += n[i];
        least = n[i] < least ? n[i] : least;
        most = n[i] > most ? n[i] : most;
    }
    assert_int_equal(p.n_items, 10000);
    assert_within("share of the small source", fabs(small / 10000.0 - 0.25), 0.02); /* 4 sigma of 10,000 draws */
    assert_int_equal(most - least, 1); /* none a second time before all had their turn */
    free(n);
    epoch_free(&p);
    m.source[0].weight = m.source[1].weight = 1;
    p = plan(&m, &rules, 0);
    n = count_items(&m, &p), small = 0;
    for (int i = 9000; i < 10000; i++) small += n[i];
    assert_within("half by weight", fabs(small / 10000.0 - 0.5), 0.02);
    free(n);
    epoch_free(&p);
    m.source[1].weight = 0;
    assert_false(epoch_plan(&p, &m.d, &m.s, &rules, 0, &e));
    assert_non_null(strstr(e.text, "give all or none"));
    free(m.s.record);
}

static void groups_by_length_are_of_similar_length_and_mixed(void **state)
{
    (void)state;
    Made m;
    make_data(&m, (size_t[]){ 1000 }, 1, false);
    int worst[2] = { 0 };
    for (int by_length = 0; by_length < 2; by_length++) {
        Epoch p = plan(&m, &(EpochRules){ .batch = 8, .group_by_length = by_length }, 0);
        int descents = 0, last = 0;
        for (size_t g = 0; g < p.n_groups; g++) {
            int least = 1 << 30, most = 0;
            for (size_t i = p.begin[g]; i < p.begin[g + 1]; i++) {
                const int tokens = m.s.record[p.item[i]].tokens;
                least = tokens < least ? tokens : least;
                most = tokens > most ? tokens : most;
            }
            worst[by_length] += most - least;
            descents += most < last;
            last = most;
        }
        assert_in_range(descents, p.n_groups / 4, 3 * p.n_groups / 4); /* not from long to short */
        epoch_free(&p);
    }
    printf("# spread of lengths in all groups: %d shuffled, %d by length\n", worst[0], worst[1]);
    assert_true(worst[1] * 8 < worst[0]);
    free(m.s.record);
}

static void packs_are_full_and_never_over(void **state)
{
    (void)state;
    Made m;
    make_data(&m, (size_t[]){ 3000 }, 1, false);
    Epoch p = plan(&m, &(EpochRules){ .pack = 128 }, 0);
    for (size_t g = 0; g < p.n_groups; g++) {
        int tokens = 0;
        for (size_t i = p.begin[g]; i < p.begin[g + 1]; i++) tokens += m.s.record[p.item[i]].tokens;
        assert_in_range(tokens, 1, 128);
    }
    const double full = (double)p.tokens / (128.0 * (double)p.n_groups);
    printf("# packs are %.1f %% full\n", 100 * full);
    assert_true(full > 0.97);
    epoch_free(&p);
    free(m.s.record);
}

/* ---- work ahead ---- */

typedef struct {
    size_t delay_of; /* the result that takes long */
} Slow;

static void *make_number(void *context, size_t i)
{
    const Slow *s = context;
    if (i % 7 == s->delay_of) usleep(2000);
    size_t *v = xmalloc(sizeof *v);
    *v = i;
    return v;
}

static void results_come_in_order_whatever_the_timing(void **state)
{
    (void)state;
    Error e;
    for (int threads = 0; threads <= 4; threads += 2) {
        Slow s = { .delay_of = (size_t)threads };
        Ahead *a = ahead_open(threads, 3, 100, make_number, &s, &e);
        if (!a) fail_msg("%s", e.text);
        for (size_t i = 0; i < 100; i++) {
            size_t *v = ahead_take(a);
            assert_int_equal(*v, i);
            free(v);
        }
        assert_null(ahead_take(a));
        ahead_close(a, free);
        a = ahead_open(threads, 5, 100, make_number, &s, &e); /* most are never taken */
        free(ahead_take(a));
        ahead_close(a, free);
    }
}

static void the_cache_keeps_to_its_limit_and_drops_the_oldest(void **state)
{
    (void)state;
    char name[32];
    void *bytes;
    size_t n;
    BlobCache *c = blob_cache_open(100000);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "%d", i);
        blob_cache_keep(c, name, &i, sizeof i);
        assert_true(blob_cache_take(c, "0", &bytes, &n)); /* in use: stays */
        free(bytes);
        assert_true(blob_cache_stats(c).bytes <= 100000);
    }
    assert_true(blob_cache_take(c, "4999", &bytes, &n));
    assert_int_equal(*(int *)bytes, 4999);
    free(bytes);
    assert_false(blob_cache_take(c, "1", &bytes, &n));
    char *large = xcalloc(1, 200000);
    blob_cache_keep(c, "large", large, 200000);
    assert_false(blob_cache_take(c, "large", &bytes, &n));
    free(large);
    assert_in_range(blob_cache_stats(c).count, 100, 2000);
    blob_cache_close(c);
}

/* ---- the feed ---- */

typedef struct {
    Rules r;
    TempFolder t;
    Dataset d;
    Survey s;
    Epoch p;
} Fed;

/* 40 records with pictures of their own; the picture of record 7 cannot be decoded, which its header does not tell. */
static void open_fed(Fed *f, bool broken)
{
    Error e;
    Str text = { 0 };
    char name[32];
    *f = (Fed){ .t = temp_open() };
    open_rules(&f->r, "micro-mla-noaux");
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "%d.png", i);
        write_picture(&f->t, name, 20 + i, 30);
        if (broken && i == 7) assert_int_equal(truncate(temp_path(&f->t, name), 60), 0);
        str_printf(&text,
                   "{\"messages\": [{\"role\": \"user\", \"content\": \"%d\"}, {\"role\": \"assistant\", \"content\": "
                   "\"%.*s\"}], \"images\": [\"%s\"]}\n",
                   i, 1 + i, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", name);
    }
    write_text(&f->t, "d.jsonl", text.text);
    str_free(&text);
    open_good(&f->d, &f->t, "d.jsonl");
    Pool *pool = pool_open(2, &e);
    if (!survey_take(&f->s, &f->d, &f->r.rules, false, pool, NULL, NULL, &e)) fail_msg("%s", e.text);
    pool_close(pool);
    if (!epoch_plan(&f->p, &f->d, &f->s, &(EpochRules){ .seed = 2, .batch = 3 }, 0, &e)) fail_msg("%s", e.text);
}

static void close_fed(Fed *f)
{
    epoch_free(&f->p);
    survey_free(&f->s);
    dataset_close(&f->d);
    temp_close(&f->t);
    close_rules(&f->r);
}

static FeedOptions feed_options(const Fed *f)
{
    return (
        FeedOptions){ .dataset = &f->d, .rules = &f->r.rules, .epoch = &f->p, .per_step = 4, .ranks = 1, .ahead = 5 };
}

static Feed *open_feed(const FeedOptions *o)
{
    Error e;
    Feed *feed = feed_open(o, &e);
    if (!feed) fail_msg("%s", e.text);
    return feed;
}

static void take_group(Feed *feed, SampleGroup *g)
{
    Error e;
    if (!feed_next(feed, g, &e)) fail_msg("%s", e.text);
}

static void samples_come_in_the_order_of_the_epoch_from_any_number_of_threads(void **state)
{
    (void)state;
    Fed f;
    open_fed(&f, false);
    f.r.rules.cache = blob_cache_open(1 << 20);
    for (int threads = 0; threads <= 3; threads += 3) {
        FeedOptions o = feed_options(&f);
        o.threads = threads;
        Feed *feed = open_feed(&o);
        SampleGroup g;
        size_t at = 0, groups = 0;
        for (take_group(feed, &g); !g.ends; take_group(feed, &g), groups++) {
            assert_int_equal(g.step, groups / 4);
            for (int i = 0; i < g.n; i++, at++) {
                assert_int_equal(g.record[i], f.p.item[at]);
                assert_int_equal(g.sample[i].prompt.image[0].w, 20 + g.record[i]);
                assert_int_equal(g.sample[i].prompt.n, f.s.record[g.record[i]].tokens);
                assert_int_equal(g.sample[i].n_labels, f.s.record[g.record[i]].labels);
            }
            sample_group_free(&g);
        }
        assert_int_equal(at, 40);
        assert_int_equal(groups, f.p.n_groups);
        feed_close(feed);
    }
    blob_cache_close(f.r.rules.cache);
    close_fed(&f);
}

/* Three ranks, begun at step 2: together they get the rest of the epoch, each its share of every step. */
static void ranks_share_each_step_and_a_resumed_feed_goes_on(void **state)
{
    (void)state;
    Fed f;
    open_fed(&f, false);
    int *seen = xcalloc(40, sizeof *seen);
    for (int rank = 0; rank < 3; rank++) {
        FeedOptions o = feed_options(&f);
        o.rank = rank;
        o.ranks = 3;
        o.first_step = 2;
        Feed *feed = open_feed(&o);
        SampleGroup g;
        for (take_group(feed, &g); !g.ends; take_group(feed, &g)) {
            for (int i = 0; i < g.n; i++) {
                seen[g.record[i]]++;
                size_t at = 0;
                while (f.p.item[at] != g.record[i]) at++;
                const size_t group = at / 3;
                assert_int_equal(group / 4, g.step);
                assert_int_equal(group % 4 % 3, rank);
            }
            sample_group_free(&g);
        }
        feed_close(feed);
    }
    for (size_t i = 0; i < 40; i++) assert_int_equal(seen[f.p.item[i]], i / 3 >= 8);
    free(seen);
    close_fed(&f);
}

static void a_picture_that_breaks_later_is_an_error_or_counted(void **state)
{
    (void)state;
    Fed f;
    Error e;
    SampleGroup g;
    open_fed(&f, true);
    for (int skip = 0; skip < 2; skip++) {
        FeedOptions o = feed_options(&f);
        o.threads = 2;
        o.skip_bad = skip;
        Feed *feed = open_feed(&o);
        int n = 0;
        bool ok;
        while ((ok = feed_next(feed, &g, &e)) && !g.ends) {
            n += g.n;
            sample_group_free(&g);
        }
        assert_int_equal(ok, skip);
        assert_int_equal(feed_faults(feed)[FAULT_PICTURE], 1);
        if (skip) assert_int_equal(n, 39);
        if (!skip) assert_non_null(strstr(e.text, "d.jsonl:8: "));
        feed_close(feed);
    }
    close_fed(&f);
}

/* ---- the survey ---- */

static void a_survey_counts_by_cause_and_names_the_first(void **state)
{
    (void)state;
    Rules r;
    Dataset d;
    Survey s;
    Error e;
    Pool *pool = pool_open(2, &e);
    open_rules(&r, "micro-mha");
    TempFolder t = temp_open();
    write_text(
        &t, "d.jsonl",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Q\"}, {\"role\": \"assistant\", \"content\": \"A\"}]}\n"
        "{\"messages\": []}\n{\n{\"messages\": 1}\n[]\n");
    open_good(&d, &t, "d.jsonl");
    assert_false(survey_take(&s, &d, &r.rules, false, pool, NULL, NULL, &e));
    assert_non_null(strstr(e.text, "4 of 5 records are bad (--skip-bad leaves them out); the first one: "));
    assert_non_null(strstr(e.text, "d.jsonl:2: there is no answer"));
    if (!survey_take(&s, &d, &r.rules, true, pool, NULL, NULL, &e)) fail_msg("%s", e.text);
    assert_int_equal(s.n_good, 1);
    assert_int_equal(s.first_bad, 1);
    assert_int_equal(s.faults[FAULT_NO_ANSWER], 2);
    assert_int_equal(s.faults[FAULT_JSON], 1);
    assert_int_equal(s.faults[FAULT_RECORD], 1);
    survey_free(&s);
    dataset_close(&d);
    write_text(&t, "d.jsonl", "{}\n");
    open_good(&d, &t, "d.jsonl");
    assert_false(survey_take(&s, &d, &r.rules, true, pool, NULL, NULL, &e));
    assert_non_null(strstr(e.text, "no record of 1 is good"));
    dataset_close(&d);
    temp_close(&t);
    close_rules(&r);
    pool_close(pool);
}

TEST_MAIN(TEST(an_epoch_has_every_good_record_once_and_follows_from_the_seed), TEST(in_order_is_the_order_of_the_files),
          TEST(records_are_repeated_as_the_meta_file_says), TEST(weights_share_an_epoch_among_the_sources),
          TEST(groups_by_length_are_of_similar_length_and_mixed), TEST(packs_are_full_and_never_over),
          TEST(results_come_in_order_whatever_the_timing), TEST(the_cache_keeps_to_its_limit_and_drops_the_oldest),
          TEST(samples_come_in_the_order_of_the_epoch_from_any_number_of_threads),
          TEST(ranks_share_each_step_and_a_resumed_feed_goes_on),
          TEST(a_picture_that_breaks_later_is_an_error_or_counted), TEST(a_survey_counts_by_cause_and_names_the_first))
