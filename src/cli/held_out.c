/* held_out.c - see held_out.h. A sample's prompt is cut where its last answer begins, and the engine goes on from there. */
#include "cli/held_out.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "image/draw.h"
#include "text/shown.h"

enum { MORE_TOKENS = 16, SUMS = 5 }; /* an answer may be longer than what is expected, by so much */
static const char shown_folder[] = "shown";

typedef struct {
    const HeldOutTask *t;
    HeldOutScore *out;
    Vl2Engine *engine;
    double sum[SUMS]; /* answers, texts, boxed, exact texts, overlaps */
} Round;

/* ---- what should be ---- */

/* A sample taken apart: the prompt up to the last answer, and that answer. */
typedef struct {
    size_t record;
    Prompt prompt;
    Str expected;
    int n_expected; /* tokens */
} Question;

static void question_free(Question *q)
{
    prompt_free(&q->prompt);
    str_free(&q->expected);
}

static void take_apart(Question *q, Sample *s, const Tokenizer *t)
{
    int end = s->prompt.n, begin;
    while (end > 0 && s->label[end - 1] == LABEL_IGNORE) end--;
    for (begin = end; begin > 1 && s->label[begin - 1] != LABEL_IGNORE;) begin--;
    Detokenizer d = { .tokenizer = t };
    for (int i = begin; i < end; i++)
        if (s->prompt.id[i] != tokenizer_special(t)->eos) detokenize_push(&d, s->prompt.id[i], &q->expected);
    detokenize_flush(&d, &q->expected);
    q->n_expected = end - begin;
    q->prompt = s->prompt;
    q->prompt.n = begin;
    s->prompt = (Prompt){ 0 };
}

/* False without an error: the picture is broken. */
static bool read_question(const HeldOutTask *t, size_t record, Question *q, Error *e)
{
    SampleRules rules = *t->rules;
    Sample s;
    Fault fault;
    rules.mask_prompt = true; /* labels are answers then */
    *q = (Question){ .record = record };
    e->code = ERR_NONE;
    if (!dataset_sample(t->data, record, &rules, SAMPLE_WHOLE, &s, &fault, e)) {
        if (fault != FAULT_NONE) e->code = ERR_NONE;
        return false;
    }
    take_apart(q, &s, rules.tokenizer);
    sample_free(&s);
    return true;
}

/* ---- how right an answer is ---- */

static double overlap(const double a[4], const double b[4])
{
    const double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    const double both = w > 0 && h > 0 ? w * h : 0;
    const double all = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both;
    return all > 0 ? both / all : 0;
}

static double overlap_of_boxes(const Grounding *expected, const Grounding *seen)
{
    double sum = 0;
    for (size_t i = 0; i < expected->n && i < seen->n; i++) sum += overlap(expected->box[i].norm, seen->box[i].norm);
    return sum / (double)expected->n;
}

static void score(Round *r, const Question *q, const Vl2Result *a)
{
    Grounding expected, seen;
    r->sum[0]++;
    if (grounding_parse_tolerant(q->expected.text ? q->expected.text : "", q->expected.n, &expected)) {
        r->sum[2]++;
        if (grounding_parse_tolerant(a->text, a->n_text, &seen)) r->sum[4] += overlap_of_boxes(&expected, &seen);
        grounding_free(&seen);
    } else {
        r->sum[1]++;
        r->sum[3] += a->n_text == q->expected.n && memcmp(a->text, q->expected.text, a->n_text) == 0;
    }
    grounding_free(&expected);
}

/* ---- what is shown ---- */

/* The picture out of the global view, which is padded to a square. */
static bool picture_of(const PromptImage *p, Image *out, Error *e)
{
    const int side = p->tiles.side, most = p->w > p->h ? p->w : p->h;
    int w = (int)lround((double)p->w * side / most), h = (int)lround((double)p->h * side / most);
    if (w < 1) w = 1;
    if (h < 1) h = 1;
    if (!image_new(out, w, h, e)) return false;
    for (int y = 0; y < h; y++)
        memcpy(out->rgb + (size_t)y * (size_t)w * 3,
               p->tiles.rgb + ((size_t)(y + (side - h) / 2) * (size_t)side + (size_t)((side - w) / 2)) * 3,
               (size_t)w * 3);
    return true;
}

static DrawnBox drawn(const Box *b, const Image *i, const char *label, int group)
{
    return (DrawnBox){ .label = label,
                       .x0 = grounding_pixel(b->norm[0], i->w),
                       .y0 = grounding_pixel(b->norm[1], i->h),
                       .x1 = grounding_pixel(b->norm[2], i->w),
                       .y1 = grounding_pixel(b->norm[3], i->h),
                       .group = group };
}

/* The expected boxes in one colour, those of the answer with their names in others. */
static bool draw_answer(const Question *q, const Prompt *p, const Vl2Result *a, const char *path, Error *e)
{
    Image image;
    Grounding expected, seen;
    if (!picture_of(&p->image[p->n_images - 1], &image, e)) return false;
    grounding_parse_tolerant(q->expected.text ? q->expected.text : "", q->expected.n, &expected);
    grounding_parse_tolerant(a->text, a->n_text, &seen);
    DrawnBox *box = xcalloc(expected.n + seen.n, sizeof *box);
    for (size_t i = 0; i < expected.n; i++) box[i] = drawn(&expected.box[i], &image, "expected", 0);
    for (size_t i = 0; i < seen.n; i++)
        box[expected.n + i] = drawn(&seen.box[i], &image, seen.box[i].label, 1 + seen.box[i].group);
    const bool ok = draw_save(&image, box, (int)(expected.n + seen.n), path, e);
    free(box);
    grounding_free(&expected);
    grounding_free(&seen);
    image_free(&image);
    return ok;
}

/* The prompt's text without its pictures. */
static void prompt_text(const Prompt *p, const Tokenizer *t, Str *out)
{
    Detokenizer d = { .tokenizer = t };
    for (int i = 1; i < p->n; i++) /* behind BOS */
        if (!p->is_image[i]) detokenize_push(&d, p->id[i], out);
    detokenize_flush(&d, out);
}

static bool show(Round *r, const Question *q, const Prompt *p, const Vl2Result *a, Error *e)
{
    const HeldOutTask *t = r->t;
    Str name = { 0 }, where = { 0 }, prompt = { 0 };
    bool ok = true;
    if (!r->out->shown) r->out->shown = json_array();
    str_printf(&name, "%s/%lld-%zu.svg", shown_folder, (long long)t->step, json_array_size(r->out->shown));
    dataset_where(t->data, q->record, &where);
    prompt_text(p, t->rules->tokenizer, &prompt);
    json_t *o = json_pack("{s:s%, s:s%, s:s%, s:s%}", "where", where.text, where.n, "prompt",
                          prompt.text ? prompt.text : "", prompt.n, "expected",
                          q->expected.text ? q->expected.text : "", q->expected.n, "answer", a->text, a->n_text);
    if (!o) o = json_object(); /* an answer that is no UTF-8 */
    if (p->n_images > 0) {
        char *path = path_join(t->folder, name.text);
        ok = draw_answer(q, p, a, path, e);
        free(path);
        json_object_set_new(o, "picture", json_string(name.text));
    }
    json_array_append_new(r->out->shown, o);
    str_free(&name), str_free(&where), str_free(&prompt);
    return ok;
}

/* ---- answering ---- */

static bool answer(Round *r, Question *q, Error *e)
{
    Vl2Sampling o = VL2_GREEDY;
    o.max_tokens = q->n_expected + MORE_TOKENS;
    Vl2Request *request = request_of_prompt(r->engine, &q->prompt);
    if (!request_prepare(request, &o, e)) {
        request_free(request);
        return false;
    }
    request_start(request);
    while (request->state != REQUEST_DONE) engine_step(r->engine);
    const Vl2Result *a = vl2_result(request);
    score(r, q, a);
    const size_t shown = r->out->shown ? json_array_size(r->out->shown) : 0;
    const bool ok = shown >= (size_t)r->t->shown || show(r, q, &request->prompt, a, e);
    vl2_release(request);
    return ok;
}

static bool answer_record(Round *r, size_t record, Error *e)
{
    Question q;
    if (!read_question(r->t, record, &q, e)) return e->code == ERR_NONE; /* a broken picture scores nothing */
    const bool ok = answer(r, &q, e);
    question_free(&q);
    return ok;
}

/* Every so manieth good record, of which this rank has every so manieth. Caller frees. */
static size_t *choose_records(const HeldOutTask *t, int *n)
{
    const size_t most = t->survey->n_good < (size_t)t->n ? t->survey->n_good : (size_t)t->n;
    size_t *record = xcalloc(most + 1, sizeof *record), good = 0, next = 0;
    *n = 0;
    for (size_t i = 0; i < t->survey->n && next < most; i++) {
        if (t->survey->record[i].fault != FAULT_NONE || good++ != next * t->survey->n_good / most) continue;
        if (next++ % (size_t)t->ranks->n == (size_t)t->ranks->rank) record[(*n)++] = i;
    }
    return record;
}

static Vl2Engine *open_for(const HeldOutTask *t, const size_t *record, int n, Error *e)
{
    int longest = 0;
    for (int i = 0; i < n; i++)
        if (t->survey->record[record[i]].tokens > longest) longest = t->survey->record[record[i]].tokens;
    return engine_open_on(t->model, &(Vl2Options){ .context = longest + MORE_TOKENS, .threads = t->threads }, e);
}

static bool answer_all(Round *r, Error *e)
{
    int n;
    size_t *record = choose_records(r->t, &n);
    bool ok = n == 0 || (r->engine = open_for(r->t, record, n, e)) != NULL;
    for (int i = 0; i < n && ok; i++) {
        const bool stopped = r->t->stopped && r->t->stopped();
        ok = stopped ? fail(e, ERR_CANCELLED, "stopped") : answer_record(r, record[i], e);
    }
    vl2_close(r->engine);
    free(record);
    return ok;
}

static bool prepare_folder(const HeldOutTask *t, Error *e)
{
    if (t->shown == 0) return true;
    char *folder = path_join(t->folder, shown_folder);
    folder_remove(folder);
    const bool ok = folder_make(folder, e);
    free(folder);
    return ok;
}

static double mean(double sum, double n)
{
    return n > 0 ? sum / n : 0;
}

bool held_out_answer(const HeldOutTask *t, HeldOutScore *out, Error *e)
{
    Round r = { .t = t, .out = out };
    *out = (HeldOutScore){ 0 };
    const bool ok = prepare_folder(t, e) && answer_all(&r, e);
    if (!ranks_agree(t->ranks, ok, e)) {
        json_decref(out->shown);
        out->shown = NULL;
        return false;
    }
    ranks_sum(t->ranks, r.sum, SUMS);
    out->n = (int)r.sum[0];
    out->n_texts = (int)r.sum[1];
    out->n_boxed = (int)r.sum[2];
    out->score = mean(r.sum[3] + r.sum[4], r.sum[0]);
    out->exact = mean(r.sum[3], r.sum[1]);
    out->overlap = mean(r.sum[4], r.sum[2]);
    return true;
}
