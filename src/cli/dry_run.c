/* dry_run.c - see dry_run.h. Everything is collected as one JSON value; the text for a person is printed from it. Labels stand in
 * ⟦ ⟧ there, on a terminal in green. */
#include "cli/dry_run.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/terminal.h"
#include "text/detokenize.h"

enum { BARS = 12, BAR_COLUMNS = 40, SHOWN_FAULTS = 10 };

typedef struct {
    const TrainArgs *a;
    const Dataset *d;
    const SampleRules *rules;
    Survey survey;
    Epoch epoch;
} Report;

/* ---- samples ---- */

static json_t *string_of(const Str *s)
{
    return json_stringn(s->text ? s->text : "", s->n);
}

static json_t *where_of(const Dataset *d, size_t index)
{
    Str where = { 0 };
    dataset_where(d, index, &where);
    json_t *v = string_of(&where);
    str_free(&where);
    return v;
}

typedef enum { PART_TEXT, PART_LABELS, PART_IMAGE } PartKind;

static PartKind part_at(const Sample *s, int i)
{
    return s->prompt.is_image[i] ? PART_IMAGE : i > 0 && s->label[i] != LABEL_IGNORE ? PART_LABELS : PART_TEXT;
}

/* The ids as text, cut where labels or pictures begin and end. */
static json_t *parts_of(const Sample *s, const Tokenizer *t)
{
    json_t *parts = json_array();
    for (int i = 0, end; i < s->prompt.n; i = end) {
        const PartKind kind = part_at(s, i);
        Str text = { 0 };
        for (end = i; end < s->prompt.n && part_at(s, end) == kind; end++) {}
        if (kind == PART_IMAGE) {
            json_array_append_new(parts, json_pack("{s:i}", "image_tokens", end - i));
            continue;
        }
        detokenize(t, s->prompt.id + i, (size_t)(end - i), false, &text);
        json_array_append_new(parts, json_pack("{s:o, s:b}", "text", string_of(&text), "label", kind == PART_LABELS));
        str_free(&text);
    }
    return parts;
}

static json_t *sample_json(const Report *r, size_t index, const Sample *s)
{
    return json_pack("{s:o, s:i, s:i, s:i, s:i, s:i, s:o}", "where", where_of(r->d, index), "tokens", s->prompt.n,
                     "image_tokens", s->prompt.n_image_tokens, "pictures", s->prompt.n_images, "labels", s->n_labels,
                     "dropped_rounds", s->dropped_rounds, "parts", parts_of(s, r->rules->tokenizer));
}

/* The first ones of the first epoch, whole: pictures that cannot be decoded show here. */
static bool add_samples(json_t *o, const Report *r, Error *e)
{
    json_t *list = json_array();
    json_object_set_new(o, "first", list);
    for (size_t i = 0; i < r->epoch.n_items && i < (size_t)r->a->dry.show; i++) {
        Sample s;
        Fault fault;
        if (dataset_sample(r->d, r->epoch.item[i], r->rules, SAMPLE_WHOLE, &s, &fault, e)) {
            json_array_append_new(list, sample_json(r, r->epoch.item[i], &s));
            sample_free(&s);
        } else if (!r->a->data.skip_bad || fault == FAULT_NONE)
            return false;
    }
    return true;
}

/* ---- sums ---- */

static void add_sources(json_t *o, const Report *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->d->n_sources; i++) {
        const DataSource *s = &r->d->source[i];
        size_t good = 0;
        for (size_t k = s->first; k < s->first + s->records.n; k++) good += r->survey.record[k].tokens > 0;
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:f, s:f}", "name", s->name, "records",
                                              (json_int_t)s->records.n, "good", (json_int_t)good, "repeat_time",
                                              s->repeats, "weight", s->weight));
    }
    json_object_set_new(o, "sources", list);
}

/* How many of each cause, and the first ones in words. */
static void add_faults(json_t *o, const Report *r)
{
    json_t *causes = json_object(), *list = json_array();
    for (int f = FAULT_NONE + 1; f < FAULT_KINDS; f++)
        if (r->survey.faults[f] > 0)
            json_object_set_new(causes, fault_name((Fault)f), json_integer((json_int_t)r->survey.faults[f]));
    for (size_t i = r->survey.first_bad; i < r->survey.n; i++) {
        Sample s;
        Fault fault;
        Error e;
        if (r->survey.record[i].tokens > 0) continue;
        if (!r->a->notes.verbose && json_array_size(list) == SHOWN_FAULTS) break;
        if (dataset_sample(r->d, i, r->rules, SAMPLE_LENGTH, &s, &fault, &e))
            sample_free(&s);
        else
            json_array_append_new(list, json_string(e.text));
    }
    json_object_set_new(o, "skipped", causes);
    json_object_set_new(o, "why", list);
}

static int longest(const Survey *s)
{
    int most = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->record[i].tokens > most) most = s->record[i].tokens;
    return most;
}

/* 1, 2 or 5 times a power of ten, so that at most BARS of them reach `most`. */
static int bar_width(int most)
{
    for (int ten = 1;; ten *= 10)
        for (int k = 0; k < 3; k++) {
            const int width = ten * (k == 0 ? 1 : k == 1 ? 2 : 5);
            if (most / width < BARS) return width;
        }
}

static void add_histogram(json_t *o, const Survey *s)
{
    const int most = longest(s), width = bar_width(most);
    json_int_t n[BARS] = { 0 };
    json_t *list = json_array();
    for (size_t i = 0; i < s->n; i++)
        if (s->record[i].tokens > 0) n[s->record[i].tokens / width]++;
    for (int i = 0; i <= most / width; i++)
        json_array_append_new(
            list, json_pack("{s:i, s:i, s:I}", "from", i * width, "to", (i + 1) * width - 1, "samples", n[i]));
    json_object_set_new(o, "longest", json_integer(most));
    json_object_set_new(o, "lengths", list);
}

static void add_sums(json_t *o, const Survey *s)
{
    json_int_t tokens = 0, image_tokens = 0, labels = 0;
    for (size_t i = 0; i < s->n; i++) {
        tokens += s->record[i].tokens;
        image_tokens += s->record[i].image_tokens;
        labels += s->record[i].labels;
    }
    json_object_set_new(o, "records", json_integer((json_int_t)s->n));
    json_object_set_new(o, "samples", json_integer((json_int_t)s->n_good));
    json_object_set_new(o, "cut", json_integer((json_int_t)s->n_cut));
    json_object_set_new(o, "tokens", json_integer(tokens));
    json_object_set_new(o, "image_tokens", json_integer(image_tokens));
    json_object_set_new(o, "text_tokens", json_integer(tokens - image_tokens));
    json_object_set_new(o, "labels", json_integer(labels));
}

static void add_epoch(json_t *o, const Report *r)
{
    const size_t steps = epoch_steps(&r->epoch, (size_t)r->a->order.accumulate);
    json_object_set_new(o, "epoch",
                        json_pack("{s:I, s:I, s:I, s:I}", "samples", (json_int_t)r->epoch.n_items, "tokens",
                                  (json_int_t)r->epoch.tokens, "batches", (json_int_t)r->epoch.n_groups, "steps",
                                  (json_int_t)steps));
    json_object_set_new(o, "steps", json_integer((json_int_t)steps * r->a->order.epochs));
}

/* ---- for a person ---- */

static long long integer_of(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

/* "1 step", "2 steps", "2 batches"; into buf, which is returned. */
static const char *counted(long long n, const char *what, char buf[48])
{
    snprintf(buf, 48, "%lld %s%s", n, what, n == 1 ? "" : str_ends(what, "ch") ? "es" : "s");
    return buf;
}

static void print_part(const json_t *part, bool colour)
{
    const json_t *text = json_object_get(part, "text");
    const bool label = json_is_true(json_object_get(part, "label"));
    if (!text) {
        printf("<image x %lld>", integer_of(part, "image_tokens"));
        return;
    }
    if (label) fputs(colour ? "\033[32m" : "⟦", stdout);
    print_untrusted(json_string_value(text), json_string_length(text));
    if (label) fputs(colour ? "\033[0m" : "⟧", stdout);
}

static void print_samples(const json_t *list)
{
    size_t i, k;
    json_t *s, *part;
    const bool colour = is_terminal(stdout);
    json_array_foreach(list, i, s)
    {
        char buf[48];
        const long long pictures = integer_of(s, "pictures"), dropped = integer_of(s, "dropped_rounds");
        const json_t *where = json_object_get(s, "where");
        print_untrusted(json_string_value(where), json_string_length(where));
        printf(": %s", counted(integer_of(s, "tokens"), "token", buf));
        if (pictures > 0)
            printf(", %lld of them for %s", integer_of(s, "image_tokens"), counted(pictures, "picture", buf));
        printf(", %s", counted(integer_of(s, "labels"), "label", buf));
        if (dropped > 0) printf(", %s cut off", counted(dropped, "round", buf));
        putchar('\n');
        json_array_foreach(json_object_get(s, "parts"), k, part) print_part(part, colour);
        fputs("\n\n", stdout);
    }
}

static void print_faults(const json_t *o)
{
    const char *cause;
    size_t i;
    json_t *v;
    json_object_foreach(json_object_get(o, "skipped"), cause, v)
        printf("skipped     %lld: %s\n", (long long)json_integer_value(v), cause);
    json_array_foreach(json_object_get(o, "why"), i, v)
    {
        fputs("            ", stdout);
        print_untrusted(json_string_value(v), json_string_length(v));
        putchar('\n');
    }
}

static void print_sources(const json_t *list)
{
    size_t i;
    json_t *s;
    json_array_foreach(list, i, s)
    {
        char buf[48];
        const json_t *name = json_object_get(s, "name");
        const double repeats = json_number_value(json_object_get(s, "repeat_time"));
        const double weight = json_number_value(json_object_get(s, "weight"));
        printf("data        ");
        print_untrusted(json_string_value(name), json_string_length(name));
        printf(": %s, %lld good", counted(integer_of(s, "records"), "record", buf), integer_of(s, "good"));
        if (repeats != 1) printf(", %g times", repeats);
        if (weight > 0) printf(", weight %g", weight);
        putchar('\n');
    }
}

static void print_lengths(const json_t *list)
{
    size_t i;
    json_t *bar;
    long long most = 1;
    json_array_foreach(list, i, bar) if (integer_of(bar, "samples") > most) most = integer_of(bar, "samples");
    json_array_foreach(list, i, bar)
    {
        const long long n = integer_of(bar, "samples"), columns = (n * BAR_COLUMNS + most - 1) / most;
        printf("%11lld  %8lld%s", integer_of(bar, "from"), n, n > 0 ? "  " : "");
        for (long long k = 0; k < columns; k++) putchar('#');
        putchar('\n');
    }
}

static void print_text(const json_t *o, const TrainArgs *a)
{
    char buf[4][48];
    const json_t *epoch = json_object_get(o, "epoch");
    print_samples(json_object_get(o, "first"));
    print_sources(json_object_get(o, "sources"));
    print_faults(o);
    if (integer_of(o, "cut") > 0)
        printf("cut         %s to --max-length\n", counted(integer_of(o, "cut"), "sample", buf[0]));
    printf("tokens      %lld: %lld of text, %lld of pictures; %s\n", integer_of(o, "tokens"),
           integer_of(o, "text_tokens"), integer_of(o, "image_tokens"),
           counted(integer_of(o, "labels"), "label", buf[0]));
    printf("an epoch    %s, %s, %s, %s of %d\n", counted(integer_of(epoch, "samples"), "sample", buf[0]),
           counted(integer_of(epoch, "tokens"), "token", buf[1]),
           counted(integer_of(epoch, "batches"), "batch", buf[2]), counted(integer_of(epoch, "steps"), "step", buf[3]),
           a->order.accumulate);
    printf("lengths     from, samples; the longest has %lld\n", integer_of(o, "longest"));
    print_lengths(json_object_get(o, "lengths"));
}

/* ---- all ---- */

static bool show_progress(void *context, size_t done, size_t total)
{
    progress_show(context, "reading data", (int)done, (int)total);
    return true;
}

static bool report(Report *r, Error *e)
{
    json_t *o = json_object();
    add_sums(o, &r->survey);
    add_sources(o, r);
    add_faults(o, r);
    add_histogram(o, &r->survey);
    add_epoch(o, r);
    const bool ok = add_samples(o, r, e);
    if (ok && r->a->dry.json)
        print_json_line(json_incref(o));
    else if (ok)
        print_text(o, r->a);
    json_decref(o);
    return ok;
}

bool dry_run(const TrainArgs *a, const Dataset *d, const SampleRules *rules, Pool *pool, Error *e)
{
    Report r = { .a = a, .d = d, .rules = rules };
    Progress bar = { .shown = !a->notes.quiet && is_terminal(stderr) };
    const EpochRules order = epoch_rules_of(&a->order);
    const bool surveyed = survey_take(&r.survey, d, rules, a->data.skip_bad, pool, show_progress, &bar, e);
    progress_wipe(&bar);
    const bool ok = surveyed && epoch_plan(&r.epoch, d, &r.survey, &order, 0, e) && report(&r, e);
    epoch_free(&r.epoch);
    survey_free(&r.survey);
    return ok;
}
