/* selftest.c - see selftest.h. What is known of the published models: shapes and the number of parameters (all tensors, the unused
 * pooling head of the vision tower included); checksums of their files are not known here. */
#include "eval/selftest.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/trace.h"
#include "eval/box_match.h"
#include "image/image.h"
#include "model/model.h"
#include "model/tensor_list.h"

static const struct {
    const char *name;
    int hidden_size, n_layers, n_heads, n_routed_experts, vocab_size;
    bool use_mla;
    uint64_t parameters;
} PUBLISHED_SIZES[] = {
    { "DeepSeek-VL2-tiny", 1280, 12, 10, 64, 129280, false, 3370501440 },
    { "DeepSeek-VL2-small", 2048, 27, 16, 64, 102400, true, 16148349504 },
    { "DeepSeek-VL2", 2560, 30, 32, 72, 129280, true, 27480134248 },
};

enum { LONGEST_ANSWER = 128 };

#define THREE_PICTURES                                                                                                 \
    { "multi_image_1.jpeg", "multi_image_2.jpeg", "multi_image_3.jpeg" },                                              \
        "This is image_1: <image>\nThis is image_2: <image>\nThis is image_3: <image>\n Can you tell me what are in "  \
        "the images?"

/* What the official README prints, by the model that its code names beside it. */
static const KnownAnswer README_ANSWERS[] = {
    { .picture = { "visual_grounding_1.jpeg" },
      .prompt = "<image>\n<|ref|>The giraffe at the back.<|/ref|>.",
      .box = { 580, 270, 999, 900 } },
    { "DeepSeek-VL2-tiny", THREE_PICTURES,
      .text =
          "The images show three different types of vegetables. Image_1 features carrots, which are orange with green "
          "tops. Image_2 displays corn cobs, which are yellow with green husks. Image_3 contains raw pork ribs, which "
          "are pinkish-red with some marbling." },
    { "DeepSeek-VL2-small", THREE_PICTURES,
      .text = "The first image contains carrots. The second image contains corn. The third image contains meat." },
};
#undef THREE_PICTURES

static void add_check(SelfTest *t, const char *name, CheckState state, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void add_check(SelfTest *t, const char *name, CheckState state, const char *fmt, ...)
{
    char text[4096]; /* two answers of LONGEST_ANSWER tokens, and words around them */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    t->check[t->n_checks++] = (SelfCheck){ name, state, xstrdup(text) };
}

/* ---- what it is ---- */

static int published_index(const LanguageConfig *c)
{
    for (int i = 0; i < (int)(sizeof PUBLISHED_SIZES / sizeof *PUBLISHED_SIZES); i++)
        if (c->hidden_size == PUBLISHED_SIZES[i].hidden_size && c->n_layers == PUBLISHED_SIZES[i].n_layers &&
            c->n_heads == PUBLISHED_SIZES[i].n_heads && c->n_routed_experts == PUBLISHED_SIZES[i].n_routed_experts &&
            c->vocab_size == PUBLISHED_SIZES[i].vocab_size && c->use_mla == PUBLISHED_SIZES[i].use_mla)
            return i;
    return -1;
}

static void check_shape(SelfTest *t, const Model *m)
{
    TensorList list;
    Error e;
    uint64_t elements = 0;
    const int which = published_index(&m->config.language);
    if (!tensor_list(&list, &m->config, &e)) {
        add_check(t, "shape", CHECK_FAILED, "%s", e.text);
        return;
    }
    for (int i = 0; i < list.n; i++)
        if (tensor_files_find(m->files, list.tensor[i].name)) elements += listed_elements(&list.tensor[i]);
    tensor_list_free(&list);
    if (which < 0) {
        add_check(t, "shape", CHECK_NOT_DONE, "%llu parameters; none of the published shapes",
                  (unsigned long long)elements);
        return;
    }
    const uint64_t wanted = PUBLISHED_SIZES[which].parameters;
    t->published = PUBLISHED_SIZES[which].name;
    add_check(t, "shape", elements == wanted ? CHECK_PASSED : CHECK_FAILED,
              "that of %s; %llu parameters, expected %llu", t->published, (unsigned long long)elements,
              (unsigned long long)wanted);
}

/* ---- numbers ---- */

/* Bits of an infinity or of no number: the exponent is all ones. */
static bool is_finite16(const unsigned char *p, unsigned exponent)
{
    return (((unsigned)p[1] << 8 | p[0]) & exponent) != exponent;
}

enum { F16_EXPONENT = 0x7c00, BF16_EXPONENT = 0x7f80 };

/* The scales of blocks; x16: of 16 rows side by side in front of their blocks. */
static size_t bad_scales(const FileTensor *t, size_t block, size_t rows)
{
    size_t bad = 0;
    for (size_t at = 0; at + rows * block <= t->bytes; at += rows * block)
        for (size_t r = 0; r < rows; r++) bad += !is_finite16(t->data + at + 2 * r, F16_EXPONENT);
    return bad;
}

static size_t bad_numbers(const FileTensor *t)
{
    enum { BYTE_BLOCK = 2 + QUANT_BLOCK, HALF_BLOCK = 2 + QUANT_BLOCK / 2 };
    size_t bad = 0;
    switch (t->dtype) {
    case DT_F32:
        for (size_t i = 0; i + 4 <= t->bytes; i += 4) bad += !is_finite16(t->data + i + 2, BF16_EXPONENT);
        return bad;
    case DT_BF16:
        for (size_t i = 0; i + 2 <= t->bytes; i += 2) bad += !is_finite16(t->data + i, BF16_EXPONENT);
        return bad;
    case DT_F16:
        for (size_t i = 0; i + 2 <= t->bytes; i += 2) bad += !is_finite16(t->data + i, F16_EXPONENT);
        return bad;
    case DT_Q8_0: return bad_scales(t, BYTE_BLOCK, 1);
    case DT_Q4_0:
    case DT_IQ4_NL: return bad_scales(t, HALF_BLOCK, 1);
    case DT_Q8_0_X16: return bad_scales(t, BYTE_BLOCK, STRIP_ROWS);
    case DT_Q4_0_X16:
    case DT_IQ4_NL_X16: return bad_scales(t, HALF_BLOCK, STRIP_ROWS);
    case DT_F64:
    case DT_I64:
    case DT_I32:
    case DT_U8:
    case DT_BOOL:
    case DT_COUNT: break;
    }
    return 0;
}

static void add_types(Str *out, const Model *m)
{
    size_t n[DT_COUNT] = { 0 };
    for (int i = 0; i < tensor_files_count(m->files); i++) n[tensor_files_at(m->files, i)->dtype]++;
    for (int k = 0; k < DT_COUNT; k++)
        if (n[k]) str_printf(out, "%s%zu %s", out->n ? ", " : "", n[k], dtype_name((DType)k));
}

static void check_numbers(SelfTest *t, const Model *m)
{
    Str types = { 0 };
    add_types(&types, m);
    for (int i = 0; i < tensor_files_count(m->files); i++) {
        const FileTensor *x = tensor_files_at(m->files, i);
        const size_t bad = bad_numbers(x);
        if (!bad) continue;
        add_check(t, "numbers", CHECK_FAILED, "%s: %s has %zu values that are infinite or no numbers", x->file, x->name,
                  bad);
        str_free(&types);
        return;
    }
    add_check(t, "numbers", CHECK_PASSED, "all are finite; tensors: %s", types.text ? types.text : "none");
    str_free(&types);
}

/* ---- stages ---- */

/* Whole numbers alone, so that every machine makes the same picture. */
static bool make_picture(Str *png, Error *e)
{
    enum { W = 300, H = 200 };
    Image i;
    if (!image_new(&i, W, H, e)) return false;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            uint8_t *p = i.rgb + 3 * (y * W + x);
            const bool inside = (x - 190) * (x - 190) + (y - 90) * (y - 90) < 55 * 55;
            p[0] = (uint8_t)(inside ? 220 : x * 255 / W);
            p[1] = (uint8_t)(inside ? 30 : y * 255 / H);
            p[2] = (uint8_t)(inside ? 40 : (x / 20 + y / 20) % 2 * 160);
        }
    const bool ok = image_encode(&i, IMAGE_PNG, png, e);
    image_free(&i);
    return ok;
}

static bool add_stage(SelfTest *t, const char *name, const TracedTensor *x)
{
    Stage s = { .name = name, .checksum = 0xcbf29ce484222325u, .rows = x->rows, .cols = x->cols };
    const size_t n = x->rows * x->cols;
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x->data[i], sizeof bits);
        s.checksum = (s.checksum ^ bits) * 0x100000001b3u;
        s.mean_abs += fabs((double)x->data[i]) / (double)n;
        s.largest = fmax(s.largest, fabs((double)x->data[i]));
        finite = finite && isfinite(x->data[i]);
    }
    t->stage[t->n_stages++] = s;
    return finite;
}

/* `answer` may be NULL. */
static bool ask(Vl2Engine *engine, const Vl2Picture *picture, int n, const char *prompt, int max_tokens, Str *answer,
                Error *e)
{
    const Vl2Message m = { .role = "user", .content = prompt, .picture = picture, .n_pictures = n };
    Vl2Sampling greedy = VL2_GREEDY;
    greedy.max_tokens = max_tokens;
    Vl2Request *r = vl2_submit(engine, &(Vl2Prompt){ .message = &m, .n_messages = 1 }, &greedy, e);
    if (!r) return false;
    for (Vl2Event event; vl2_next(r, &event);) {}
    const Vl2Result *result = vl2_result(r);
    if (answer) str_add(answer, result->text, result->n_text);
    vl2_release(r);
    return true;
}

static void check_stages(SelfTest *t, Vl2Engine *engine)
{
    static const char *const STAGES[] = { "vision_out", "projector_out", "inputs_embeds", "final_norm", "logits" };
    static const char *const ALL = "vision_out,projector_out,inputs_embeds,final_norm,logits";
    Trace trace;
    Str png = { 0 };
    Error e;
    bool finite = true;
    trace_open(&trace, ALL);
    engine_trace(engine, &trace.sink, false);
    const bool made = make_picture(&png, &e);
    const Vl2Picture picture = { .bytes = png.text, .n = png.n, .name = "the test picture" };
    const bool ok = made && ask(engine, &picture, 1, "<image>\nWhat is in the picture?", 1, NULL, &e);
    engine_trace(engine, NULL, false);
    for (int i = 0; ok && i < 5; i++) {
        const TracedTensor *x = trace_find(&trace, STAGES[i]);
        if (x) finite = add_stage(t, STAGES[i], x) && finite;
    }
    trace_close(&trace);
    str_free(&png);
    if (!ok)
        add_check(t, "stages", CHECK_FAILED, "%s", e.text);
    else
        add_check(t, "stages", finite && t->n_stages == 5 ? CHECK_PASSED : CHECK_FAILED,
                  finite ? "%d stages of a picture and a question, all finite" : "of %d stages not all are finite",
                  t->n_stages);
}

/* ---- the README's answers ---- */

/* The next word of *s, in lower case; false: there is none. Underscores are parts of words. */
static bool next_word(const char **s, Str *word)
{
    str_clear(word);
    for (; **s; ++*s) {
        const unsigned char c = (unsigned char)**s;
        const bool inside = c >= 0x80 || isalnum(c) || c == '_';
        if (inside)
            str_putc(word, (char)tolower(c));
        else if (word->n)
            return true;
    }
    return word->n > 0;
}

static int times_in(const char *text, const char *wanted)
{
    Str word = { 0 };
    int n = 0;
    while (next_word(&text, &word)) n += strcmp(word.text, wanted) == 0;
    str_free(&word);
    return n;
}

double text_likeness(const char *a, const char *b)
{
    Str word = { 0 }, seen = { 0 };
    int n_a = 0, n_b = 0, common = 0;
    for (const char *s = b; next_word(&s, &word);) n_b++;
    for (const char *s = a; next_word(&s, &word); n_a++) {
        common += times_in(seen.text ? seen.text : "", word.text) < times_in(b, word.text);
        str_printf(&seen, "%s ", word.text);
    }
    str_free(&word);
    str_free(&seen);
    return n_a + n_b ? 2.0 * common / (n_a + n_b) : 1;
}

static void judge_box(SelfTest *t, const KnownAnswer *known, const char *answer)
{
    double box[4];
    const double *wanted = known->box;
    if (!box_from_text(answer, strlen(answer), box)) {
        add_check(t, "README", CHECK_FAILED, "%s: no box in '%s'", known->picture[0], answer);
        return;
    }
    const double iou = box_iou(box, wanted);
    add_check(t, "README", iou >= SAME_BOX ? CHECK_PASSED : CHECK_FAILED,
              "%s: box [%g, %g, %g, %g], published [%g, %g, %g, %g], IoU %.3f (%g or more is right)", known->picture[0],
              box[0], box[1], box[2], box[3], wanted[0], wanted[1], wanted[2], wanted[3], iou, SAME_BOX);
}

static void judge_text(SelfTest *t, const KnownAnswer *known, const char *answer)
{
    const double likeness = text_likeness(answer, known->text);
    if (strcmp(answer, known->text) == 0)
        add_check(t, "README", CHECK_PASSED, "%s: the published text, word for word", known->picture[0]);
    else
        add_check(t, "README", likeness >= SAME_TEXT ? CHECK_PASSED : CHECK_FAILED,
                  "%s: '%s', published '%s', likeness of the words %.3f (%g or more is right)", known->picture[0],
                  answer, known->text, likeness, SAME_TEXT);
}

void selftest_ask(SelfTest *t, Vl2Engine *engine, const char *folder, const KnownAnswer *known)
{
    Vl2Picture picture[3];
    char *bytes[3];
    int n = 0;
    bool ok = true;
    Error e;
    Str answer = { 0 };
    for (; ok && n < 3 && known->picture[n]; n += ok) {
        char *path = path_join(folder, known->picture[n]);
        size_t n_bytes;
        ok = file_read(path, IMAGE_DEFAULTS.max_bytes, &bytes[n], &n_bytes, &e);
        if (ok) picture[n] = (Vl2Picture){ .bytes = bytes[n], .n = n_bytes, .name = known->picture[n] };
        free(path);
    }
    if (!ok)
        add_check(t, "README", CHECK_NOT_DONE, "%s", e.text);
    else if (!ask(engine, picture, n, known->prompt, LONGEST_ANSWER, &answer, &e))
        add_check(t, "README", CHECK_FAILED, "%s", e.text);
    else if (known->text)
        judge_text(t, known, answer.text ? answer.text : "");
    else
        judge_box(t, known, answer.text ? answer.text : "");
    while (n > 0) free(bytes[--n]);
    str_free(&answer);
}

static void check_readme(SelfTest *t, Vl2Engine *engine, const char *folder)
{
    if (!t->published)
        add_check(t, "README", CHECK_NOT_DONE, "its answers are those of the published models");
    else if (!folder)
        add_check(t, "README", CHECK_NOT_DONE, "--pictures names the folder `images` of the official repository");
    else
        for (size_t i = 0; i < sizeof README_ANSWERS / sizeof *README_ANSWERS; i++)
            if (!README_ANSWERS[i].by || strcmp(README_ANSWERS[i].by, t->published) == 0)
                selftest_ask(t, engine, folder, &README_ANSWERS[i]);
}

/* ---- all ---- */

static Verdict verdict_of(const SelfTest *t)
{
    bool answered = false;
    for (int i = 0; i < t->n_checks; i++) {
        if (t->check[i].state == CHECK_FAILED) return VERDICT_BROKEN;
        answered |= t->check[i].state == CHECK_PASSED && strcmp(t->check[i].name, "README") == 0;
    }
    return !t->published ? VERDICT_UNPUBLISHED : answered ? VERDICT_WORKS : VERDICT_SEEMS_RIGHT;
}

void selftest_run(const SelfTestOptions *o, SelfTest *out)
{
    Error e;
    *out = (SelfTest){ 0 };
    Vl2Engine *engine = vl2_open(o->engine, &e);
    if (!engine) {
        add_check(out, "files", CHECK_FAILED, "%s", e.text);
    } else {
        const Model *m = &engine->model;
        add_check(out, "files", CHECK_PASSED, "%d tensors with the names and shapes that the configuration says",
                  tensor_files_count(m->files));
        check_shape(out, m);
        check_numbers(out, m);
        check_stages(out, engine);
        check_readme(out, engine, o->pictures);
    }
    vl2_close(engine);
    out->verdict = verdict_of(out);
}

void selftest_free(SelfTest *t)
{
    for (int i = 0; i < t->n_checks; i++) free(t->check[i].text);
    *t = (SelfTest){ 0 };
}

const char *selftest_verdict(const SelfTest *t)
{
    static const char *const SENTENCES[] = {
        [VERDICT_WORKS] = "This model works as the authors' does: files, numbers and the published answers agree.",
        [VERDICT_SEEMS_RIGHT] =
            "This is a published model whose files and numbers are in order; its answers were not compared.",
        [VERDICT_UNPUBLISHED] =
            "This is not a published model: it runs, and there is nothing to compare its answers with.",
        [VERDICT_BROKEN] = "This model does not work as it should."
    };
    return SENTENCES[t->verdict];
}
