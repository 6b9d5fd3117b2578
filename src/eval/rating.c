/* rating.c - see rating.h. Rows come sorted, names of groups in order of their bytes. */
#include "eval/rating.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- lines ---- */

static void add_line(Rating *r, const char *part, const char *name, const char *figure, double value, size_t n,
                     double most)
{
    GROW(r->line, r->n, r->capacity);
    r->line[r->n++] = (RatingLine){ xstrdup(part), xstrdup(name), xstrdup(figure), value, n, most };
}

void rating_free(Rating *r)
{
    for (int i = 0; i < r->n; i++) {
        free(r->line[i].part);
        free(r->line[i].name);
        free(r->line[i].figure);
    }
    free(r->line);
    *r = (Rating){ 0 };
}

void rating_interval(double right, size_t n, double *low, double *high)
{
    const double z = 1.959963984540054, count = (double)n, p = n ? right / count : 0;
    const double middle = p + z * z / (2 * count), reach = z * sqrt(p * (1 - p) / count + z * z / (4 * count * count));
    *low = n ? (middle - reach) / (1 + z * z / count) : 0;
    *high = n ? (middle + reach) / (1 + z * z / count) : 1;
}

/* ---- parts of the rows ---- */

typedef const char *NameOf(const Judged *j);

static const char *category_of(const Judged *j)
{
    return j->category;
}
static const char *l2_of(const Judged *j)
{
    return j->l2;
}
static const char *split_of(const Judged *j)
{
    return j->split;
}

typedef struct {
    const char **name;
    int n, capacity;
} Names;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The different names, sorted; missing ones are none. Free names.name. */
static Names names_of(const Judged *list, size_t n, NameOf *of)
{
    Names names = { 0 };
    for (size_t i = 0; i < n; i++) {
        const char *name = of(&list[i]);
        int k = 0;
        while (name && k < names.n && strcmp(names.name[k], name) != 0) k++;
        if (!name || k < names.n) continue;
        GROW(names.name, names.n, names.capacity);
        names.name[names.n++] = name;
    }
    if (names.n) qsort(names.name, (size_t)names.n, sizeof *names.name, by_text);
    return names;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

typedef struct {
    double sum;
    size_t n;
} Sum;

static double mean(Sum s)
{
    return s.n ? s.sum / (double)s.n : 0;
}

static double share(Sum s)
{
    return s.n ? 100 * s.sum / (double)s.n : 0;
}

/* Over rows whose `of` is `name`; of NULL: all. */
static Sum sum_of(const Judged *list, size_t n, NameOf *of, const char *name)
{
    Sum s = { 0 };
    for (size_t i = 0; i < n; i++) {
        const char *have = of ? of(&list[i]) : NULL;
        if (of && (!have || strcmp(have, name) != 0)) continue;
        s.sum += list[i].score;
        s.n++;
    }
    return s;
}

static void add_parts(Rating *r, const char *part, const Judged *list, size_t n, NameOf *of, const char *figure)
{
    const Names names = names_of(list, n, of);
    for (int i = 0; i < names.n; i++) {
        const Sum s = sum_of(list, n, of, names.name[i]);
        add_line(r, part, names.name[i], figure, share(s), s.n, 100);
    }
    free(names.name);
}

static void add_all(Rating *r, const Judged *list, size_t n, const char *figure)
{
    add_line(r, "Overall", "", figure, share(sum_of(list, n, NULL, NULL)), n, 100);
}

/* ---- the benchmarks ---- */

static void rate_mean(const char *figure, const Judged *list, size_t n, Rating *r)
{
    add_all(r, list, n, figure);
    const Names splits = names_of(list, n, split_of);
    if (splits.n)
        add_parts(r, "split", list, n, split_of, figure);
    else
        add_parts(r, "category", list, n, category_of, figure);
    free(splits.name);
}

static void rate_choice(const Judged *list, size_t n, Rating *r)
{
    add_parts(r, "split", list, n, split_of, "accuracy");
    add_parts(r, "l2-category", list, n, l2_of, "accuracy");
    add_parts(r, "category", list, n, category_of, "accuracy");
}

static bool is_in_group(const Judged *list, size_t n, const char *category, const char *group)
{
    for (size_t i = 0; i < n; i++)
        if (same_text(list[i].category, category) && same_text(list[i].l2, group)) return true;
    return false;
}

/* A group is the mean of its categories, each as heavy as the others and with all of its rows, whatever group those are in. */
static void rate_mmt(const Judged *list, size_t n, Rating *r)
{
    const Names groups = names_of(list, n, l2_of), categories = names_of(list, n, category_of);
    add_parts(r, "split", list, n, split_of, "accuracy");
    for (int g = 0; g < groups.n; g++) {
        Sum parts = { 0 };
        for (int c = 0; c < categories.n; c++) {
            if (!is_in_group(list, n, categories.name[c], groups.name[g])) continue;
            parts.sum += share(sum_of(list, n, category_of, categories.name[c]));
            parts.n++;
        }
        add_line(r, "l2-category", groups.name[g], "mean of its categories", mean(parts),
                 sum_of(list, n, l2_of, groups.name[g]).n, 100);
    }
    add_parts(r, "category", list, n, category_of, "accuracy");
    free(groups.name);
    free(categories.name);
}

/* The rotations of a question have its index plus millions; it is right where all are. A rotation without its question (index below
 * a million) is left out. */
static void rate_circular(Judged *list, size_t n, Rating *r)
{
    enum { MILLION = 1000000 };
    size_t n_main = 0;
    Judged *question = xcalloc(n + 1, sizeof *question);
    for (size_t i = 0; i < n; i++)
        if (list[i].number < MILLION) question[n_main++] = list[i];
    const Sum vanilla = sum_of(question, n_main, NULL, NULL);
    for (size_t i = n_main; i < n; i++) /* sorted by number: the questions come first */
        for (size_t lo = 0, hi = n_main; lo < hi;) {
            const size_t middle = (lo + hi) / 2;
            const int64_t want = list[i].number % MILLION;
            if (question[middle].number == want && list[i].score == 0) question[middle].score = 0;
            if (question[middle].number == want) break;
            if (question[middle].number < want)
                lo = middle + 1;
            else
                hi = middle;
        }
    add_all(r, question, n_main, "accuracy, circular");
    add_line(r, "Overall", "", "accuracy, vanilla", share(vanilla), n_main, 100);
    rate_choice(question, n_main, r);
    free(question);
}

static const char *const OCR_GROUPS[][2] = {
    { "Regular Text Recognition", "Text Recognition" },
    { "Irregular Text Recognition", "Text Recognition" },
    { "Artistic Text Recognition", "Text Recognition" },
    { "Handwriting Recognition", "Text Recognition" },
    { "Digit String Recognition", "Text Recognition" },
    { "Non-Semantic Text Recognition", "Text Recognition" },
    { "Scene Text-centric VQA", "Scene Text-centric VQA" },
    { "Doc-oriented VQA", "Doc-oriented VQA" },
    { "Key Information Extraction", "Key Information Extraction" },
    { "Handwritten Mathematical Expression Recognition", "Handwritten Mathematical Expression Recognition" },
};
enum { OCR_CATEGORIES = sizeof OCR_GROUPS / sizeof *OCR_GROUPS };

static void rate_ocrbench(const Judged *list, size_t n, Rating *r)
{
    Sum all = { 0 };
    for (int i = 0; i < OCR_CATEGORIES; i++) {
        const Sum s = sum_of(list, n, category_of, OCR_GROUPS[i][0]);
        all.sum += s.sum;
        all.n += s.n;
    }
    add_line(r, "Overall", "", "Final Score", all.sum, all.n, (double)all.n);
    add_line(r, "Overall", "", "Final Score Norm", all.sum / 10, all.n, (double)all.n / 10);
    for (int i = 0; i < OCR_CATEGORIES; i++) {
        if (i > 0 && strcmp(OCR_GROUPS[i][1], OCR_GROUPS[i - 1][1]) == 0) continue;
        Sum group = { 0 };
        for (int k = i; k < OCR_CATEGORIES && strcmp(OCR_GROUPS[k][1], OCR_GROUPS[i][1]) == 0; k++) {
            const Sum s = sum_of(list, n, category_of, OCR_GROUPS[k][0]);
            group.sum += s.sum;
            group.n += s.n;
        }
        add_line(r, "group", OCR_GROUPS[i][1], "points", group.sum, group.n, (double)group.n);
    }
    add_parts(r, "category", list, n, category_of, "share");
}

/* ---- MME ---- */

static const char *const PERCEPTION[] = { "OCR",       "artwork",  "celebrity", "color",   "count",
                                          "existence", "landmark", "position",  "posters", "scene" };
static const char *const REASONING[] = { "code_reasoning", "commonsense_reasoning", "numerical_calculation",
                                         "text_translation" };

static bool is_one_of(const char *name, const char *const *names, int n)
{
    for (int i = 0; name && i < n; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* Pictures of one category whose first two questions are both right; a picture with one question alone is left out. */
static Sum both_right(const Judged *list, size_t n, const char *category)
{
    Sum pairs = { 0 };
    for (size_t i = 0; i < n; i++) {
        size_t before = 0, second = n;
        if (!list[i].category || strcmp(list[i].category, category) != 0) continue;
        for (size_t k = 0; k < i; k++)
            before += same_text(list[k].category, category) && same_text(list[k].group, list[i].group);
        for (size_t k = n; k-- > i + 1;)
            if (same_text(list[k].category, category) && same_text(list[k].group, list[i].group)) second = k;
        if (before > 0 || second == n) continue;
        pairs.sum += list[i].score * list[second].score;
        pairs.n++;
    }
    return pairs;
}

static void rate_mme(const Judged *list, size_t n, Rating *r)
{
    const Names categories = names_of(list, n, category_of);
    double *points = xcalloc((size_t)categories.n + 1, sizeof *points), sum[2] = { 0 };
    int parts[2] = { 0 };
    for (int i = 0; i < categories.n; i++) {
        const char *name = categories.name[i];
        points[i] = share(sum_of(list, n, category_of, name)) + share(both_right(list, n, name));
        const int which = is_one_of(name, PERCEPTION, 10) ? 0 : is_one_of(name, REASONING, 4) ? 1 : -1;
        if (which >= 0) sum[which] += points[i], parts[which]++;
    }
    add_line(r, "Overall", "", "points", sum[0] + sum[1], n, 200 * (parts[0] + parts[1]));
    add_line(r, "Overall", "perception", "points", sum[0], n, 200 * parts[0]);
    add_line(r, "Overall", "reasoning", "points", sum[1], n, 200 * parts[1]);
    for (int i = 0; i < categories.n; i++) {
        const Sum all = sum_of(list, n, category_of, categories.name[i]);
        add_line(r, "category", categories.name[i], "points", points[i], all.n, 200);
    }
    free(points);
    free(categories.name);
}

/* ---- HallusionBench ---- */

/* The number of a field of the index, parts apart by underscores: 3 the set, 4 the figure, 5 the question. */
static void add_field(Str *out, const char *index, int field)
{
    for (; field > 0 && *index; field--) {
        index += strcspn(index, "_");
        index += *index == '_';
    }
    str_putc(out, '_');
    str_add(out, index, strcspn(index, "_"));
}

static char *hallusion_key(const Judged *j, int field)
{
    Str key = { 0 };
    str_puts(&key, j->l2 ? j->l2 : "nan");
    add_field(&key, j->index, 3);
    add_field(&key, j->index, field);
    return key.text;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Share of the groups (figures or questions of a set) whose rows are all right: keys carry the score behind them. */
static Sum all_right(const Judged *list, size_t n, NameOf *of, const char *name, int field)
{
    Sum groups = { 0 };
    size_t n_keys = 0;
    char **key = xcalloc(n + 1, sizeof *key);
    for (size_t i = 0; i < n; i++) {
        const char *have = of ? of(&list[i]) : NULL;
        if (of && (!have || strcmp(have, name) != 0)) continue;
        char *k = hallusion_key(&list[i], field);
        Str scored = { 0 };
        str_printf(&scored, "%s\t%d", k, list[i].score > 0);
        free(k);
        key[n_keys++] = scored.text;
    }
    if (n_keys) qsort(key, n_keys, sizeof *key, by_key);
    for (size_t i = 0; i < n_keys; i++) { /* sorted: of a group's keys the wrong ones come first */
        const size_t length = strcspn(key[i], "\t");
        if (i > 0 && strncmp(key[i - 1], key[i], length + 1) == 0) continue;
        groups.sum += key[i][length + 1] == '1';
        groups.n++;
    }
    for (size_t i = 0; i < n_keys; i++) free(key[i]);
    free(key);
    return groups;
}

static void add_hallusion(Rating *r, const char *part, const char *name, const Judged *list, size_t n, NameOf *of)
{
    const Sum a = sum_of(list, n, of, name), f = all_right(list, n, of, name, 4), q = all_right(list, n, of, name, 5);
    add_line(r, part, name, "aAcc", share(a), a.n, 100);
    add_line(r, part, name, "fAcc", share(f), f.n, 100);
    add_line(r, part, name, "qAcc", share(q), q.n, 100);
}

static void rate_hallusion(const Judged *list, size_t n, Rating *r)
{
    static NameOf *const OF[] = { category_of, l2_of };
    static const char *const PARTS[] = { "category", "l2-category" };
    add_hallusion(r, "Overall", "", list, n, NULL);
    for (int k = 0; k < 2; k++) {
        const Names names = names_of(list, n, OF[k]);
        for (int i = 0; i < names.n; i++) add_hallusion(r, PARTS[k], names.name[i], list, n, OF[k]);
        free(names.name);
    }
    /* The figure that is reported is the mean of the three. */
    add_line(r, "Overall", "", "mean of aAcc, fAcc, qAcc", (r->line[0].value + r->line[1].value + r->line[2].value) / 3,
             n, 100);
    const RatingLine reported = r->line[r->n - 1];
    memmove(r->line + 1, r->line, (size_t)(r->n - 1) * sizeof *r->line);
    r->line[0] = reported;
}

/* ---- POPE ---- */

/* A row counts once for each of its categories, which stand apart by commas; so does the whole. */
static size_t count_category(const char *categories, const char *name)
{
    size_t n = 0;
    for (const char *s = categories; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL)
        n += strcspn(s, ",") == strlen(name) && strncmp(s, name, strlen(name)) == 0;
    return n;
}

static size_t count_categories(const char *categories)
{
    size_t n = 1;
    for (const char *s = categories ? categories : ""; *s; s++) n += *s == ',';
    return n;
}

static void add_pope(Rating *r, const char *part, const char *name, const Judged *list, size_t n)
{
    double yes_yes = 0, no_yes = 0, yes_no = 0, right = 0, rows = 0;
    for (size_t i = 0; i < n; i++) {
        const double times =
            (double)(name ? count_category(list[i].category, name) : count_categories(list[i].category));
        const bool said_yes = strcmp(list[i].said, "Yes") == 0;
        rows += times;
        right += times * list[i].score;
        if (said_yes && list[i].wants_yes) yes_yes += times;
        if (said_yes && !list[i].wants_yes) no_yes += times;
        if (!said_yes && list[i].wants_yes) yes_no += times;
    }
    const double precision = yes_yes + no_yes > 0 ? yes_yes / (yes_yes + no_yes) : 0;
    const double recall = yes_yes + yes_no > 0 ? yes_yes / (yes_yes + yes_no) : 0;
    const double f1 = precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
    const size_t count = (size_t)rows;
    add_line(r, part, name ? name : "", "F1", 100 * f1, count, 100);
    add_line(r, part, name ? name : "", "accuracy", rows > 0 ? 100 * right / rows : 0, count, 100);
    add_line(r, part, name ? name : "", "precision", 100 * precision, count, 100);
    add_line(r, part, name ? name : "", "recall", 100 * recall, count, 100);
}

static void rate_pope(const Judged *list, size_t n, Rating *r)
{
    Names parts = { 0 };
    const Names names = names_of(list, n, category_of);
    Str all = { 0 };
    add_pope(r, "Overall", NULL, list, n);
    for (int i = 0; i < names.n; i++) str_printf(&all, "%s%s", i ? "," : "", names.name[i]);
    for (char *s = all.text, *next; s && *s; s = next) {
        next = s + strcspn(s, ",");
        if (*next) *next++ = 0;
        int k = 0;
        while (k < parts.n && strcmp(parts.name[k], s) != 0) k++;
        if (k < parts.n) continue;
        GROW(parts.name, parts.n, parts.capacity);
        parts.name[parts.n++] = s;
    }
    for (int i = 0; i < parts.n; i++) add_pope(r, "category", parts.name[i], list, n);
    free(parts.name);
    free(names.name);
    str_free(&all);
}

/* ---- MathVista, RefCOCO, scenes ---- */

/* A row has a list of skills, or one that stands without a list. */
static void skills_of(const Judged *j, PythonList *out)
{
    Error ignored;
    *out = (PythonList){ 0 };
    if (j->group && !reference_list(j->group, strlen(j->group), false, out, &ignored)) python_list_free(out);
}

static bool has_text(const PythonList *l, const char *text)
{
    for (int i = 0; i < l->n; i++)
        if (strcmp(l->text[i], text) == 0) return true;
    return false;
}

static void add_skill(Rating *r, const Judged *list, size_t n, const char *skill)
{
    Sum s = { 0 };
    for (size_t i = 0; i < n; i++) {
        PythonList skills;
        skills_of(&list[i], &skills);
        if (has_text(&skills, skill)) s.sum += list[i].score, s.n++;
        python_list_free(&skills);
    }
    add_line(r, "skill", skill, "accuracy", share(s), s.n, 100);
}

static void add_skills(Rating *r, const Judged *list, size_t n)
{
    PythonList known = { 0 };
    for (size_t i = 0; i < n; i++) {
        PythonList skills;
        skills_of(&list[i], &skills);
        for (int k = 0; k < skills.n; k++) {
            if (has_text(&known, skills.text[k])) continue;
            add_skill(r, list, n, skills.text[k]);
            GROW(known.text, known.n, known.capacity);
            known.text[known.n++] = xstrdup(skills.text[k]);
        }
        python_list_free(&skills);
    }
    python_list_free(&known);
}

static void rate_mathvista(const Judged *list, size_t n, Rating *r)
{
    size_t decided = 0;
    for (size_t i = 0; i < n; i++) decided += list[i].decided;
    add_all(r, list, n, "accuracy, undecided as wrong");
    add_line(r, "Overall", "", "decided without a judge", n ? 100 * (double)decided / (double)n : 0, n, 100);
    add_parts(r, "task", list, n, category_of, "accuracy");
    add_skills(r, list, n);
}

static const char *const SPLITS[] = { "RefCOCO_val",    "RefCOCO_testA",  "RefCOCO_testB", "RefCOCO+_val",
                                      "RefCOCO+_testA", "RefCOCO+_testB", "RefCOCOg_val",  "RefCOCOg_test" };

static Sum iou_of(const Judged *list, size_t n, const char *split)
{
    Sum s = { 0 };
    for (size_t i = 0; i < n; i++) {
        if (split && (!list[i].split || strcmp(list[i].split, split) != 0)) continue;
        s.sum += list[i].iou;
        s.n++;
    }
    return s;
}

/* The means over the eight splits, each as heavy as the others; over the rows where none of them is there. */
static void rate_refcoco(const Judged *list, size_t n, Rating *r)
{
    Sum precision = { 0 }, iou = { 0 };
    for (int i = 0; i < 8; i++) {
        const Sum s = sum_of(list, n, split_of, SPLITS[i]);
        if (!s.n) continue;
        precision.sum += share(s), precision.n++;
        iou.sum += mean(iou_of(list, n, SPLITS[i])), iou.n++;
    }
    add_line(r, "Overall", "", "precision at IoU 0.5",
             precision.n ? mean(precision) : share(sum_of(list, n, NULL, NULL)), n, 100);
    add_line(r, "Overall", "", "mean IoU", mean(iou.n ? iou : iou_of(list, n, NULL)), n, 1);
    add_parts(r, "split", list, n, split_of, "precision at IoU 0.5");
    const Names names = names_of(list, n, split_of);
    for (int i = 0; i < names.n; i++) {
        const Sum s = iou_of(list, n, names.name[i]);
        add_line(r, "split", names.name[i], "mean IoU", mean(s), s.n, 1);
    }
    free(names.name);
}

static void rate_scenes(const Judged *list, size_t n, Rating *r)
{
    add_all(r, list, n, "accuracy");
    add_parts(r, "task", list, n, category_of, "accuracy");
    add_parts(r, "split", list, n, split_of, "accuracy");
}

void rate(const Task *task, Judged *list, size_t n, Rating *out)
{
    *out = (Rating){ 0 };
    if (n == 0) return;
    judged_sort(list, n);
    switch (task->rate) {
    case RATE_MEAN: rate_mean(task->metric, list, n, out); break;
    case RATE_OCRBENCH: rate_ocrbench(list, n, out); break;
    case RATE_MME: rate_mme(list, n, out); break;
    case RATE_HALLUSION: rate_hallusion(list, n, out); break;
    case RATE_POPE: rate_pope(list, n, out); break;
    case RATE_CHOICE:
        add_all(out, list, n, "accuracy");
        rate_choice(list, n, out);
        break;
    case RATE_CIRCULAR: rate_circular(list, n, out); break;
    case RATE_MMT:
        add_all(out, list, n, "accuracy");
        rate_mmt(list, n, out);
        break;
    case RATE_MATHVISTA: rate_mathvista(list, n, out); break;
    case RATE_REFCOCO: rate_refcoco(list, n, out); break;
    case RATE_SCENES: rate_scenes(list, n, out); break;
    }
}
