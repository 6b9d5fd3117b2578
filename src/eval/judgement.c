/* judgement.c - see judgement.h. A missing cell is the text "nan" to the benchmarks' code, and so is an answer that pandas would
 * read as missing: empty, NA, None and their like. */
#include "eval/judgement.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/answer_clean.h"
#include "eval/box_match.h"
#include "eval/choice.h"
#include "eval/metric.h"

typedef struct {
    const char *s;
    size_t n;
} Text;

static Text as_pandas(const char *s, size_t n)
{
    return !s || tsv_is_missing(s, n) ? (Text){ "nan", 3 } : (Text){ s, n };
}

static Text cell(const Tsv *t, const TsvCells *c, const char *column)
{
    size_t n;
    const char *s = tsv_cell(t, c, column, &n);
    return as_pandas(s, n);
}

/* ---- references ---- */

bool reference_list(const char *cell_text, size_t n, bool must, PythonList *out, Error *e)
{
    const char *s = cell_text;
    size_t inner = n;
    if (python_list(cell_text, n, out)) return true;
    strip_space(&s, &inner);
    /* "[unused]" is a text; what begins like a list of texts is one that went wrong. */
    const bool meant = inner > 1 && s[0] == '[' && (s[1] == '\'' || s[1] == '"');
    if (must || meant) {
        if (n > 60) n = 60;
        return fail(e, ERR_FORMAT, "'%.*s' is not a list as Python writes it", (int)n, cell_text);
    }
    python_list_free(out);
    out->text = xcalloc(1, sizeof *out->text);
    out->n_text = xcalloc(1, sizeof *out->n_text);
    out->text[0] = xstrndup(cell_text, n);
    out->n_text[0] = n;
    out->n = out->capacity = 1;
    return true;
}

static double compare(ScoreKind kind, const PythonList *reference, Text said, const char *category)
{
    switch (kind) {
    case SCORE_ANLS: return metric_anls(reference, said.s, said.n);
    case SCORE_RELAXED: return metric_relaxed(reference, said.s, said.n);
    case SCORE_VQA: return metric_vqa(reference, said.s, said.n);
    case SCORE_EXACT: return metric_exact(reference, said.s, said.n);
    case SCORE_CONTAINS:
        return metric_contains(reference, said.s, said.n,
                               category && strcmp(category, "Handwritten Mathematical Expression Recognition") == 0);
    case SCORE_YES_NO:
    case SCORE_CHOICE:
    case SCORE_MATHVISTA:
    case SCORE_BOX:
    case SCORE_SCENES: break;
    }
    return 0;
}

static bool judge_texts(const Judge *j, const Tsv *t, size_t row, const TsvCells *c, Text said, Judged *out, Error *e)
{
    PythonList reference;
    const Text answer = cell(t, c, "answer");
    const bool ok = reference_list(answer.s, answer.n, j->task->score == SCORE_CONTAINS, &reference, e);
    if (ok) out->score = compare(j->task->score, &reference, said, out->category);
    python_list_free(&reference);
    return ok || tsv_fail_in(t, row, "answer", e);
}

/* ---- yes or no ---- */

static void judge_yes_no(const Tsv *t, const TsvCells *c, Text said, Judged *out)
{
    const Text answer = cell(t, c, "answer");
    const char *found = yes_no_name(clean_yes_no(said.s, said.n));
    snprintf(out->said, sizeof out->said, "%s", found);
    out->wants_yes = strcmp(answer.s, "Yes") == 0;
    out->score = strcmp(answer.s, found) == 0;
}

/* ---- choices ---- */

static Choices choices_of_row(const Tsv *t, const TsvCells *c)
{
    Choices choices = { .text = { NULL } };
    for (int i = 0; i < CHOICES; i++) {
        const char name[2] = { (char)('A' + i), 0 };
        choices.text[i] = tsv_cell(t, c, name, &choices.n[i]);
    }
    return choices;
}

/* An open question of MMMU has no options: it gets two, A the answer. */
static void judge_choice(const Judge *j, const Tsv *t, const TsvCells *c, Text said, Judged *out)
{
    static const char OTHER[] = "Other Answers";
    const bool mmmu = j->task->ask == ASK_MMMU;
    Choices choices = choices_of_row(t, c);
    const Text answer = cell(t, c, "answer");
    const bool letter = answer.n == 1 && answer.s[0] >= 'A' && answer.s[0] <= 'Z';
    if (mmmu && !choices.text[0]) {
        choices.text[0] = answer.s, choices.n[0] = answer.n;
        choices.text[1] = OTHER, choices.n[1] = sizeof OTHER - 1;
    }
    const char wanted = letter ? answer.s[0] : mmmu ? 'A' : 0;
    const char found = choice_infer(&choices, said.s, said.n);
    out->said[0] = found ? found : 'Z';
    out->score = wanted && out->said[0] == wanted;
}

/* ---- MathVista ---- */

/* What can be told without a judge: an option, or a number that is exactly right. The code's integer 0 counts as nothing found, and
 * its answers of other kinds are compared with None: neither is ever right. */
static bool judge_mathvista(const Tsv *t, size_t row, const TsvCells *c, Text said, Judged *out, Error *e)
{
    const Text kind = cell(t, c, "question_type"), type = cell(t, c, "answer_type"), answer = cell(t, c, "answer");
    out->decided = false;
    if (strcmp(kind.s, "multi_choice") == 0) {
        const Text list = cell(t, c, "choices"), wanted = cell(t, c, "answer_option");
        PythonList options;
        Choices choices = { .text = { NULL } };
        const bool ok = python_list(list.s, list.n, &options) && options.n <= CHOICES;
        for (int i = 0; ok && i < options.n; i++) choices.text[i] = options.text[i], choices.n[i] = options.n_text[i];
        const char found = ok ? choice_infer(&choices, said.s, said.n) : 0;
        python_list_free(&options);
        if (!ok) {
            fail(e, ERR_FORMAT, "is not a list of at most %d options as Python writes it", CHOICES);
            return tsv_fail_in(t, row, "choices", e);
        }
        out->decided = found != 0;
        out->said[0] = found;
        out->score = found && wanted.n == 1 && found == wanted.s[0];
    } else if (strcmp(type.s, "integer") == 0) {
        int64_t given, wanted;
        out->decided = python_int(said.s, said.n, &given) && python_int(answer.s, answer.n, &wanted) &&
                       given == wanted && given != 0;
        out->score = out->decided;
    } else if (strcmp(type.s, "float") == 0) {
        double given, wanted;
        out->decided = python_float(said.s, said.n, &given) && python_float(answer.s, answer.n, &wanted) &&
                       given == wanted && given != 0;
        out->score = out->decided;
    }
    return true;
}

/* ---- boxes ---- */

static bool numbers(const Tsv *t, const TsvCells *c, const char *const names[4], double out[4])
{
    for (int i = 0; i < 4; i++) {
        size_t n;
        const char *s = tsv_cell(t, c, names[i], &n);
        if (!s || !python_float(s, n, &out[i]) || out[i] != out[i]) return false;
    }
    return true;
}

/* As the loader fills it: a size that is missing or not positive is 1. */
static double side_of(const Tsv *t, const TsvCells *c, const char *column)
{
    size_t n;
    double v;
    const char *s = tsv_cell(t, c, column, &n);
    return s && python_float(s, n, &v) && v > 0 ? v : 1;
}

bool reference_box(const Judge *j, const Tsv *t, const TsvCells *c, double box[4], double size[2])
{
    static const char *const LONG[] = { "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2" };
    static const char *const SHORT[] = { "x1", "y1", "x2", "y2" };
    static const char *const TEXTS[] = { "answer", "bbox" };
    size[0] = side_of(t, c, "width");
    size[1] = side_of(t, c, "height");
    if (numbers(t, c, LONG, box) || numbers(t, c, SHORT, box)) return true;
    for (int i = 0; i < 2; i++) {
        size_t n;
        const char *s = tsv_cell(t, c, TEXTS[i], &n);
        if (s && box_from_text(s, n, box)) return box_to_pixels(box, size[0], size[1], j->box_scale);
    }
    return false;
}

static void judge_box(const Judge *j, const Tsv *t, const TsvCells *c, Text said, Judged *out)
{
    double wanted[4], given[4], size[2];
    if (!reference_box(j, t, c, wanted, size) || !box_from_text(said.s, said.n, given)) return;
    if (!box_to_pixels(given, size[0], size[1], j->box_scale)) return;
    out->iou = box_iou(given, wanted);
    out->score = out->iou >= 0.5;
}

/* ---- scenes ---- */

static void judge_scene(const Tsv *t, const TsvCells *c, const char *said, size_t n, Judged *out)
{
    size_t n_answer;
    const char *answer = tsv_cell(t, c, "answer", &n_answer), *category = out->category ? out->category : "";
    if (!answer) return;
    const bool caption = strcmp(category, "caption") == 0;
    strip_space(&said, &n);
    strip_space(&answer, &n_answer);
    if (caption || strcmp(category, "ground") == 0 || strcmp(category, "same") == 0)
        out->score = box_agreement(answer, n_answer, said, n, caption);
    else
        out->score = n == n_answer && memcmp(answer, said, n) == 0;
}

/* ---- a row ---- */

static char *keep(const Tsv *t, const TsvCells *c, const char *column)
{
    size_t n;
    const char *s = tsv_cell(t, c, column, &n);
    return s ? xstrndup(s, n) : NULL;
}

static const char *group_column(const Task *task)
{
    return task->rate == RATE_MME ? "image_path" : task->rate == RATE_MATHVISTA ? "skills" : "l2-category";
}

/* "test A" of "RefCOCO test A" becomes RefCOCO_testA where there is no column of splits. */
static char *split_of_category(const char *category)
{
    static const char *const ENDS[] = { "val", "test", "testA", "testB" };
    const size_t n = strcspn(category, " ");
    Str end = { 0 }, out = { 0 };
    str_add(&out, category, n);
    for (const char *p = category + n; *p; p++)
        if (!strchr(" _-\t", *p)) str_putc(&end, *p);
    if (end.n) {
        const char *as = end.text;
        for (int i = 0; i < 4; i++)
            if (strcasecmp(ENDS[i], as) == 0) as = ENDS[i];
        str_printf(&out, "_%s", as);
    }
    str_free(&end);
    return out.text;
}

static void take_names(const Judge *j, const Tsv *t, size_t row, const TsvCells *c, Judged *out)
{
    *out = (Judged){ .index = xstrdup(t->row[row].index), .decided = true, .row = row };
    out->numbered = python_int(out->index, strlen(out->index), &out->number);
    out->category = keep(t, c, j->task->rate == RATE_MATHVISTA ? "task" : "category");
    out->l2 = keep(t, c, "l2-category");
    out->split = keep(t, c, "split");
    out->group = keep(t, c, group_column(j->task));
    if (j->task->rate == RATE_REFCOCO && !out->split && out->category) out->split = split_of_category(out->category);
}

static int count_char(const char *s, char c)
{
    int n = 0;
    for (; *s; s++) n += *s == c;
    return n;
}

bool judge_row(const Judge *j, const Tsv *t, size_t row, const TsvCells *c, const char *answer, size_t n, Judged *out,
               Error *e)
{
    const Text said = as_pandas(answer, n);
    take_names(j, t, row, c, out);
    if (j->task->rate == RATE_CIRCULAR && (!out->numbered || out->number < 0)) {
        fail(e, ERR_FORMAT, "'%.64s' is not a whole number, which tells the rotations of a question", out->index);
        return tsv_fail_in(t, row, "index", e);
    }
    if (j->task->rate == RATE_HALLUSION && count_char(out->index, '_') < 5) {
        fail(e, ERR_FORMAT, "'%.64s' does not tell set, figure and question, six parts with underscores", out->index);
        return tsv_fail_in(t, row, "index", e);
    }
    switch (j->task->score) {
    case SCORE_ANLS:
    case SCORE_RELAXED:
    case SCORE_VQA:
    case SCORE_EXACT:
    case SCORE_CONTAINS: return judge_texts(j, t, row, c, said, out, e);
    case SCORE_YES_NO: judge_yes_no(t, c, said, out); break;
    case SCORE_CHOICE: judge_choice(j, t, c, said, out); break;
    case SCORE_MATHVISTA: return judge_mathvista(t, row, c, said, out, e);
    case SCORE_BOX: judge_box(j, t, c, said, out); break;
    case SCORE_SCENES: judge_scene(t, c, answer, n, out); break;
    }
    return true;
}

bool judge_check(const Judge *j, const Tsv *t, Error *e)
{
    const bool boxes = j->task->score == SCORE_BOX;
    if (!boxes && !tsv_need_column(t, "answer", e)) return false;
    for (const char *s = j->task->needs; *s;) {
        const size_t n = strcspn(s, " ");
        char *name = xstrndup(s, n);
        const bool there = tsv_need_column(t, name, e);
        free(name);
        if (!there) return false;
        s += n + (s[n] == ' ');
    }
    return true;
}

void judged_free(Judged *j)
{
    free(j->index);
    free(j->category);
    free(j->l2);
    free(j->split);
    free(j->group);
    *j = (Judged){ 0 };
}

static int by_number(const void *a, const void *b)
{
    const Judged *x = a, *y = b;
    return x->number != y->number ? (x->number < y->number ? -1 : 1) : strcmp(x->index, y->index);
}

static int by_index(const void *a, const void *b)
{
    const Judged *x = a, *y = b;
    return strcmp(x->index, y->index);
}

void judged_sort(Judged *list, size_t n)
{
    bool numbered = true;
    for (size_t i = 0; i < n; i++) numbered &= list[i].numbered;
    if (n) qsort(list, n, sizeof *list, numbered ? by_number : by_index);
}
