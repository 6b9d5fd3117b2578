/* make_benchmarks.c - small tables in the form of every benchmark that `vl2 eval` knows, with pictures: for tests, and to see what
 * the columns are. Same numbers, same bytes. Right answers are what a picture shows, or letters that many answers have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "eval/task.h"
#include "eval/tsv.h"
#include "image/image.h"

static const char USAGE[] =
    "usage: make_benchmarks [--rows N] -o DIR\n"
    "Writes DIR/NAME_SMALL.tsv for every task of vl2 eval, N rows each (default: 6), for vl2 eval --data.\n";

static const char *const COLOURS[] = { "red", "green", "blue", "white" };
static const uint8_t RGB[][3] = { { 210, 30, 30 }, { 30, 150, 40 }, { 30, 60, 210 }, { 250, 250, 250 } };
enum { WIDTH = 64, HEIGHT = 48 };

typedef struct {
    int row, colour;
    int box[4];
    char index[64];
    Str image; /* base64, a list of it, or another row's index */
} Sketch;

static bool draw(Sketch *s, Error *e)
{
    Image i;
    Str png = { 0 };
    if (!image_new(&i, WIDTH, HEIGHT, e)) return false;
    memset(i.rgb, 90, (size_t)WIDTH * HEIGHT * 3);
    for (int y = s->box[1]; y < s->box[3]; y++)
        for (int x = s->box[0]; x < s->box[2]; x++) memcpy(i.rgb + 3 * (y * WIDTH + x), RGB[s->colour], 3);
    const bool ok = image_encode(&i, IMAGE_PNG, &png, e);
    if (ok) base64_add(&s->image, png.text, png.n);
    str_free(&png);
    image_free(&i);
    return ok;
}

/* ---- cells ---- */

static void cell(Str *out, const char *text)
{
    if (out->n && out->text[out->n - 1] != '\n') str_putc(out, '\t');
    tsv_add_cell(out, text, strlen(text));
}

static void number(Str *out, int v)
{
    char text[16];
    snprintf(text, sizeof text, "%d", v);
    cell(out, text);
}

/* Index, picture, and what all have. */
static void add_common(Str *out, const Task *t, const Sketch *s, const char *question, const char *answer)
{
    static const char *const CATEGORIES[] = { "Regular Text Recognition", "Key Information Extraction" };
    static const char *const MME[] = { "color", "code_reasoning" };
    const char *category = t->rate == RATE_OCRBENCH ? CATEGORIES[s->row / 2 % 2]
                           : t->rate == RATE_MME    ? MME[s->row / 2 % 2]
                           : t->rate == RATE_POPE   ? "random,popular"
                           : t->rate == RATE_SCENES ? (s->row % 2 ? "ground" : "colour")
                                                    : "things";
    const char *split = t->rate == RATE_REFCOCO ? (s->row % 2 ? "RefCOCO_val" : "RefCOCOg_test") : "val";
    char l2[16];
    snprintf(l2, sizeof l2, "kind %d", s->row % 3);
    cell(out, s->index);
    cell(out, s->image.text);
    cell(out, question);
    cell(out, answer);
    cell(out, category);
    cell(out, l2);
    cell(out, split);
}

static const char COMMON[] = "index\timage\tquestion\tanswer\tcategory\tl2-category\tsplit";

static const char *more_columns(const Task *t)
{
    if (t->score == SCORE_CHOICE) return "\thint\tA\tB\tC\tD";
    if (t->score == SCORE_MATHVISTA) return "\tquestion_type\tanswer_type\tchoices\tanswer_option\ttask\tskills";
    if (t->score == SCORE_BOX) return "\twidth\theight\tbbox_x1\tbbox_y1\tbbox_x2\tbbox_y2";
    return t->rate == RATE_MME ? "\timage_path" : "";
}

static void add_choice(Str *out, const Task *t, const Sketch *s)
{
    const char letter[2] = { (char)('A' + s->colour), 0 };
    const bool open = t->ask == ASK_MMMU && s->row % 3 == 2;
    add_common(out, t, s, t->ask == ASK_MMMU ? "Which colour has\nthe field in <image 1>?" : "Which \"colour\" is it?",
               open ? COLOURS[s->colour] : letter);
    cell(out, s->row % 2 ? "Look at the middle." : "");
    for (int i = 0; i < 4; i++) cell(out, open ? "" : COLOURS[i]);
}

static void add_mathvista(Str *out, const Task *t, const Sketch *s)
{
    const bool choice = s->row % 2 == 0;
    const char letter[2] = { (char)('A' + s->colour), 0 };
    add_common(out, t, s, "Hint: Answer.\nQuestion: which colour, or how many corners?",
               choice ? COLOURS[s->colour] : "4");
    cell(out, choice ? "multi_choice" : "free_form");
    cell(out, choice ? "text" : "integer");
    cell(out, choice ? "['red', 'green', 'blue', 'white']" : "");
    cell(out, choice ? letter : "");
    cell(out, choice ? "colours" : "shapes");
    cell(out, "['seeing', 'counting']");
}

static void add_box(Str *out, const Task *t, const Sketch *s)
{
    add_common(out, t, s, "Locate the field, as [x1, y1, x2, y2].", "");
    number(out, WIDTH);
    number(out, HEIGHT);
    for (int k = 0; k < 4; k++) number(out, s->box[k]);
}

static void add_scene(Str *out, const Task *t, const Sketch *s)
{
    char answer[96];
    snprintf(answer, sizeof answer, "<|ref|>the field<|/ref|><|det|>[[%d, %d, %d, %d]]<|/det|>",
             s->box[0] * 999 / WIDTH, s->box[1] * 999 / HEIGHT, s->box[2] * 999 / WIDTH, s->box[3] * 999 / HEIGHT);
    if (s->row % 2)
        add_common(out, t, s, "<image>\n<|ref|>the field<|/ref|>.", answer);
    else
        add_common(out, t, s, "<image>\nWhat colour is it?", COLOURS[s->colour]);
}

static void add_yes_no(Str *out, const Task *t, const Sketch *s)
{
    char question[64], path[32];
    const bool yes = s->row % 2 == 0;
    snprintf(question, sizeof question, "Is it %s? Please answer yes or no.",
             COLOURS[yes ? s->colour : (s->colour + 1) % 4]);
    snprintf(path, sizeof path, "picture%d.png", s->row / 2);
    add_common(out, t, s, question, yes ? "Yes" : "No");
    if (t->rate == RATE_MME) cell(out, path);
}

static void add_row(Str *out, const Task *t, const Sketch *s)
{
    char answer[64];
    switch (t->score) {
    case SCORE_CHOICE: add_choice(out, t, s); break;
    case SCORE_MATHVISTA: add_mathvista(out, t, s); break;
    case SCORE_BOX: add_box(out, t, s); break;
    case SCORE_SCENES: add_scene(out, t, s); break;
    case SCORE_YES_NO: add_yes_no(out, t, s); break;
    case SCORE_ANLS:
    case SCORE_RELAXED:
    case SCORE_VQA:
    case SCORE_EXACT:
    case SCORE_CONTAINS:
        snprintf(answer, sizeof answer, "['%s', 'e', 'a']", COLOURS[s->colour]);
        add_common(out, t, s, "Which colour\tis it?", answer);
        break;
    }
    str_putc(out, '\n');
}

/* ---- tables ---- */

/* HallusionBench tells sets, figures and questions by its index, MMBench rotations by millions. Every other row asks about the picture
 * of the one before, where that is how it is done. */
static bool sketch(Sketch *s, const Task *t, int row, Error *e)
{
    const int of = row / 2; /* the picture */
    Rng r = { .seed = 7, .counter = (uint64_t)of * 8 };
    *s = (Sketch){ .row = row, .colour = (int)(rng_next(&r) % 4) };
    s->box[0] = (int)(rng_next(&r) % 24);
    s->box[1] = (int)(rng_next(&r) % 16);
    s->box[2] = s->box[0] + 16 + (int)(rng_next(&r) % 24);
    s->box[3] = s->box[1] + 12 + (int)(rng_next(&r) % 20);
    const int id = t->rate == RATE_CIRCULAR ? of + 1 + row % 2 * 1000000 : row;
    if (t->rate == RATE_HALLUSION)
        snprintf(s->index, sizeof s->index, "VD_chart_x_%d_%d_%d", of / 2, of % 2, row % 2);
    else
        snprintf(s->index, sizeof s->index, "%d", id);
    const bool refers = row % 2 == 1 && t->rate != RATE_REFCOCO && t->rate != RATE_HALLUSION;
    if (refers) str_printf(&s->image, "%d", t->rate == RATE_CIRCULAR ? of + 1 : row - 1);
    return refers || draw(s, e);
}

static bool make_table(const Task *t, int rows, const char *folder, Error *e)
{
    Str text = { 0 }, path = { 0 };
    bool ok = true;
    str_printf(&path, "%s/%s_SMALL.tsv", folder, t->name);
    str_printf(&text, "%s%s\n", COMMON, more_columns(t));
    for (int i = 0; ok && i < rows; i++) {
        Sketch s;
        ok = sketch(&s, t, i, e);
        if (ok) add_row(&text, t, &s);
        str_free(&s.image);
    }
    ok = ok && file_save(path.text, text.text, text.n, e);
    str_free(&text);
    str_free(&path);
    return ok;
}

int main(int argc, char **argv)
{
    const char *folder = NULL;
    int rows = 6;
    Error e;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "-o") == 0) folder = argv[i + 1];
        if (strcmp(argv[i], "--rows") == 0) rows = atoi(argv[i + 1]);
    }
    if (argc % 2 == 0 || !folder || rows < 1 || rows > 100000) {
        fputs(USAGE, argc > 1 && argv[1][0] == '-' && argv[1][1] == 'h' ? stdout : stderr);
        return 2;
    }
    bool ok = folder_make(folder, &e);
    for (int i = 0; ok && task_at(i); i++) ok = make_table(task_at(i), rows, folder, &e);
    if (!ok) fprintf(stderr, "make_benchmarks: %s\n", e.text);
    return ok ? 0 : 1;
}
