/* test_eval_sums.c - how the rows of each benchmark become its figures: tables of cases worked out by hand from VLMEvalKit's
 * definitions, its quirks named. */
#include <math.h>

#include "eval_support.h"

enum { MOST_FIGURES = 6, LEAST_CASES = 15 };
#define NO_LINE (-1) /* where a figure is not to be there */

/* What the cases of a benchmark have in common. Columns stand apart by |, "index" may be the first: else rows are numbered. */
typedef struct {
    const char *task, *columns, *constant_columns, *constant;
    LineName figure[MOST_FIGURES]; /* what the cases state, in their order */
} Benchmark;

/* Rows stand apart by ; and cells by |. */
typedef struct {
    const char *rows;
    double value[MOST_FIGURES];
    const char *why;
} Sum;

static void add_cells(Str *out, const char *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) str_putc(out, cells[i] == '|' ? '\t' : cells[i]);
}

static void add_table(Str *out, const Benchmark *b, const char *rows)
{
    const bool numbered = !str_starts(b->columns, "index");
    if (numbered) str_puts(out, "index\t");
    add_cells(out, b->columns, strlen(b->columns));
    str_puts(out, "\tquestion");
    if (b->constant_columns) str_putc(out, '\t'), add_cells(out, b->constant_columns, strlen(b->constant_columns));
    int row = 1;
    for (const char *s = rows; *s; row++) {
        const size_t n = strcspn(s, ";");
        str_putc(out, '\n');
        if (numbered) str_printf(out, "%d\t", row);
        add_cells(out, s, n);
        str_puts(out, "\tq");
        if (b->constant) str_putc(out, '\t'), add_cells(out, b->constant, strlen(b->constant));
        s += n + (s[n] == ';');
    }
    str_putc(out, '\n');
}

/* How far the figures are from what the case says; a line that is missing, or there against it, is infinitely far. */
static double error_of(const Benchmark *b, const Sum *c, const Rating *r)
{
    double worst = 0;
    for (int i = 0; i < MOST_FIGURES && b->figure[i].part; i++) {
        const LineName *f = &b->figure[i];
        const RatingLine *l = find_line(r, f);
        const bool expected = c->value[i] != NO_LINE;
        const double error = !l && !expected ? 0 : !l || !expected ? INFINITY : fabs(l->value - c->value[i]);
        if (!(error <= 1e-9))
            print_message("# %s: %s %s %s is %g, expected %g: %s\n", b->task, f->part, f->name, f->figure,
                          l ? l->value : NAN, c->value[i], c->why);
        worst = fmax(worst, error);
    }
    return worst;
}

static void check_sums(const Benchmark *b, const Sum *c, size_t n)
{
    double worst = 0;
    assert_true(n >= LEAST_CASES);
    for (size_t i = 0; i < n; i++) {
        Scored x;
        Str table = { 0 };
        add_table(&table, b, c[i].rows);
        if (!score(&x, b->task, table.text, NULL)) fail_msg("%s: %s", c[i].why, x.e.text);
        worst = fmax(worst, error_of(b, &c[i], &x.s.rating));
        end_scored(&x);
        str_free(&table);
    }
    assert_within(b->task, worst, 1e-9); /* shares of small whole numbers, times 100 */
}
#define CHECK(benchmark, cases) check_sums(benchmark, cases, sizeof(cases) / sizeof *(cases))

/* ---- means ---- */

static void means_are_by_split_or_else_by_category(void **state)
{
    static const Benchmark CHARTQA = { "ChartQA_TEST",
                                       "split|category|answer|prediction",
                                       NULL,
                                       NULL,
                                       { { "Overall", "", "relaxed accuracy" },
                                         { "split", "human", "relaxed accuracy" },
                                         { "split", "machine", "relaxed accuracy" },
                                         { "category", "x", "relaxed accuracy" },
                                         { "category", "y", "relaxed accuracy" } } };
    static const Sum CASES[] = {
        { "human|x|10|10", { 100, 100, NO_LINE, NO_LINE, NO_LINE }, "with splits, categories are not told" },
        { "human|x|10|20", { 0, 0, NO_LINE, NO_LINE, NO_LINE }, "none is right" },
        { "human|x|10|10;machine|x|10|20", { 50, 100, 0, NO_LINE, NO_LINE }, "each split by itself" },
        { "human|x|10|10;machine|x|1|2;machine|x|1|1;machine|x|1|1",
          { 75, 100, 200.0 / 3, NO_LINE, NO_LINE },
          "the whole is over the rows, not over the splits" },
        { "|x|10|10;|y|10|20", { 50, NO_LINE, NO_LINE, 100, 0 }, "without splits by category" },
        { "|x|10|10;|x|10|20;|y|10|10", { 200.0 / 3, NO_LINE, NO_LINE, 50, 100 }, "each category by itself" },
        { "||10|10", { 100, NO_LINE, NO_LINE, NO_LINE, NO_LINE }, "without either, the whole alone" },
        { "|x|10|10;||10|20", { 50, NO_LINE, NO_LINE, 100, NO_LINE }, "a row without category is in the whole alone" },
        { "human|x|10|10;|y|10|20", { 50, 100, NO_LINE, NO_LINE, NO_LINE }, "one split is enough for splits" },
        { "human||100|105", { 100, 100, NO_LINE, NO_LINE, NO_LINE }, "5 % are near enough" },
        { "human||100|106", { 0, 0, NO_LINE, NO_LINE, NO_LINE }, "6 % are not" },
        { "human||['a', 'b']|b", { 100, 100, NO_LINE, NO_LINE, NO_LINE }, "one of several references" },
        { "human||yes|Yes;human||yes|no;human||no|No;human||no|no",
          { 75, 75, NO_LINE, NO_LINE, NO_LINE },
          "three of four" },
        { "human||NA|",
          { 0, 0, NO_LINE, NO_LINE, NO_LINE },
          "missing on both sides is nan, a number near to none: a quirk" },
        { "human||10|", { 0, 0, NO_LINE, NO_LINE, NO_LINE }, "nothing said is the text nan" },
        { "human||25%|0.25", { 100, 100, NO_LINE, NO_LINE, NO_LINE }, "percent" },
    };
    (void)state;
    CHECK(&CHARTQA, CASES);
}

/* ---- OCRBench ---- */

#define REGULAR "Regular Text Recognition"
#define DIGITS  "Digit String Recognition"
#define SCENE   "Scene Text-centric VQA"
#define KEYS    "Key Information Extraction"
#define FORMULA "Handwritten Mathematical Expression Recognition"

static void ocrbench_adds_points_of_five_groups(void **state)
{
    static const Benchmark OCRBENCH = { "OCRBench",
                                        "category|answer|prediction",
                                        NULL,
                                        NULL,
                                        { { "Overall", "", "Final Score" },
                                          { "Overall", "", "Final Score Norm" },
                                          { "group", "Text Recognition", "points" },
                                          { "group", SCENE, "points" },
                                          { "group", FORMULA, "points" },
                                          { "category", REGULAR, "share" } } };
    static const Sum CASES[] = {
        { REGULAR "|['exit']|EXIT", { 1, 0.1, 1, 0, 0, 100 }, "a point for a part in any case" },
        { REGULAR "|['exit']|no", { 0, 0, 0, 0, 0, 0 }, "no point" },
        { REGULAR "|['exit']|exit;" DIGITS "|['7']|7", { 2, 0.2, 2, 0, 0, 100 }, "six categories are one group" },
        { DIGITS "|['7']|17", { 1, 0.1, 1, 0, 0, NO_LINE }, "17 has a 7" },
        { SCENE "|['x']|x", { 1, 0.1, 0, 1, 0, NO_LINE }, "a group of one category" },
        { SCENE "|['x', 'y']|y", { 1, 0.1, 0, 1, 0, NO_LINE }, "one of several references" },
        { SCENE "|['x', 'y']|x y", { 1, 0.1, 0, 1, 0, NO_LINE }, "both are one point" },
        { KEYS "|['x']|x;Doc-oriented VQA|['x']|x", { 2, 0.2, 0, 0, 0, NO_LINE }, "two more groups" },
        { FORMULA "|['x + y']|x+y", { 1, 0.1, 0, 0, 1, NO_LINE }, "formulas without blanks" },
        { FORMULA "|['X']|x", { 0, 0, 0, 0, 0, NO_LINE }, "formulas with their case" },
        { SCENE "|['x + y']|x+y", { 0, 0, 0, 0, 0, NO_LINE }, "blanks count elsewhere" },
        { "something else|['x']|x", { 0, 0, 0, 0, 0, NO_LINE }, "a category that is none gives no points" },
        { REGULAR "|['exit']|exit;" REGULAR "|['exit']|no", { 1, 0.1, 1, 0, 0, 50 }, "points add up, shares do not" },
        { "Irregular Text Recognition|['a']|a;Artistic Text Recognition|['a']|a;Handwriting Recognition|['a']|a;"
          "Non-Semantic Text Recognition|['a']|a;" DIGITS "|['1']|1;" REGULAR "|['a']|a",
          { 6, 0.6, 6, 0, 0, 100 },
          "all of the six" },
        { REGULAR "|['exit']|", { 0, 0, 0, 0, 0, 0 }, "nothing said is nan" },
        { REGULAR "|['an']|", { 1, 0.1, 1, 0, 0, 100 }, "and an is part of nan: a quirk" },
    };
    (void)state;
    CHECK(&OCRBENCH, CASES);
}

/* ---- MME ---- */

#define BOTH(category) category "|a|Yes|yes;" category "|a|No|no"

static void mme_adds_both_right_to_the_share(void **state)
{
    static const Benchmark MME = { "MME",
                                   "category|image_path|answer|prediction",
                                   NULL,
                                   NULL,
                                   { { "Overall", "", "points" },
                                     { "Overall", "perception", "points" },
                                     { "Overall", "reasoning", "points" },
                                     { "category", "color", "points" },
                                     { "category", "jokes", "points" } } };
    static const Sum CASES[] = {
        { BOTH("color"), { 200, 200, 0, 200, NO_LINE }, "100 for the rows, 100 for the picture" },
        { "color|a|Yes|yes;color|a|No|yes", { 50, 50, 0, 50, NO_LINE }, "one of two: nothing for the picture" },
        { "color|a|Yes|no;color|a|No|yes", { 0, 0, 0, 0, NO_LINE }, "none" },
        { BOTH("color") ";color|b|Yes|yes;color|b|No|yes", { 125, 125, 0, 125, NO_LINE }, "75 and 50" },
        { "color|a|Yes|yes;color|b|Yes|yes;color|a|No|no;color|b|No|yes",
          { 125, 125, 0, 125, NO_LINE },
          "a picture's rows need not be neighbours" },
        { BOTH("code_reasoning"), { 200, 0, 200, NO_LINE, NO_LINE }, "four categories are reasoning" },
        { BOTH("color") ";text_translation|a|Yes|yes;text_translation|a|No|yes",
          { 250, 200, 50, 200, NO_LINE },
          "the whole is the sum of both" },
        { BOTH("jokes"), { 0, 0, 0, NO_LINE, 200 }, "other categories are in no sum" },
        { BOTH("Color"), { 0, 0, 0, NO_LINE, NO_LINE }, "nor are those with other case" },
        { "color|a|Yes|yes;count|a|Yes|yes;color|a|No|no;count|a|No|yes",
          { 250, 250, 0, 200, NO_LINE },
          "pictures of two categories with one name are two" },
        { "color|a|Yes|no;color|a|No|no;color|a|Yes|yes",
          { 200.0 / 3, 200.0 / 3, 0, 200.0 / 3, NO_LINE },
          "of three questions the first two make the pair" },
        { "color|a|Yes|yes;color|a|No|no;color|a|Yes|no",
          { 200.0 / 3 + 100, 200.0 / 3 + 100, 0, 200.0 / 3 + 100, NO_LINE },
          "the third does not undo it" },
        { BOTH("color") ";color|b|Yes|no",
          { 200.0 / 3 + 100, 200.0 / 3 + 100, 0, 200.0 / 3 + 100, NO_LINE },
          "a picture with one question is no pair (there it ends the program)" },
        { "color|a|Yes|maybe;color|a|No|no", { 50, 50, 0, 50, NO_LINE }, "neither yes nor no is wrong" },
        { "color|a|Yes|yes and no;color|a|No|no", { 50, 50, 0, 50, NO_LINE }, "and so are both" },
        { "color|a|yes|yes;color|a|No|no", { 50, 50, 0, 50, NO_LINE }, "a reference with a small letter is never met" },
        { "color|a|Unknown|maybe;color|a|No|no", { 200, 200, 0, 200, NO_LINE }, "a reference may be Unknown: a quirk" },
        { BOTH("OCR") ";" BOTH("artwork") ";" BOTH("celebrity") ";" BOTH("color") ";" BOTH("count") ";" BOTH(
              "existenc"
              "e") ";" BOTH("landmark") ";" BOTH("position") ";" BOTH("posters") ";" BOTH("scene") ";" BOTH("code_"
                                                                                                            "reason"
                                                                                                            "ing") ";" BOTH("commonsense_reasoning") ";" BOTH("numer"
                                                                                                                                                              "ical_"
                                                                                                                                                              "calcu"
                                                                                                                                                              "latio"
                                                                                                                                                              "n") ";" BOTH("text_translation"),
          { 2800, 2000, 800, 200, NO_LINE },
          "all that there is" },
    };
    (void)state;
    CHECK(&MME, CASES);
}

/* ---- POPE ---- */

static void pope_is_the_f1_of_yes(void **state)
{
    static const Benchmark POPE = { "POPE",
                                    "category|answer|prediction",
                                    NULL,
                                    NULL,
                                    { { "Overall", "", "F1" },
                                      { "Overall", "", "accuracy" },
                                      { "Overall", "", "precision" },
                                      { "Overall", "", "recall" },
                                      { "category", "random", "F1" },
                                      { "category", "random", "accuracy" } } };
    static const Sum CASES[] = {
        { "random|Yes|yes;random|No|no", { 100, 100, 100, 100, 100, 100 }, "all right" },
        { "random|Yes|yes;random|No|yes", { 200.0 / 3, 50, 50, 100, 200.0 / 3, 50 }, "always yes" },
        { "random|Yes|no;random|No|no", { 0, 50, 0, 0, 0, 50 }, "always no" },
        { "random|No|no;random|No|no", { 0, 100, 0, 0, 0, 100 }, "without a yes F1 is 0, all right or not: a quirk" },
        { "random|Yes|maybe;random|Yes|yes", { 200.0 / 3, 50, 100, 50, 200.0 / 3, 50 }, "unknown is not yes" },
        { "random|No|maybe;random|Yes|yes",
          { 100, 50, 100, 100, 100, 50 },
          "unknown is as good as no for F1, and wrong for accuracy: a quirk" },
        { "random|Yes|;random|Yes|yes", { 200.0 / 3, 50, 100, 50, 200.0 / 3, 50 }, "nothing said is not yes" },
        { "random|Yes|yes;random|Yes|yes;random|Yes|yes;random|Yes|no;random|Yes|no;random|No|yes;random|No|no;"
          "random|No|no;random|No|no;random|No|no",
          { 200.0 / 3, 70, 75, 60, 200.0 / 3, 70 },
          "3 yes of 5, 1 yes too many" },
        { "random,popular|Yes|yes;random|No|yes",
          { 80, 200.0 / 3, 200.0 / 3, 100, 200.0 / 3, 50 },
          "a row of two categories counts twice, in the whole as well" },
        { "random,random|Yes|yes;random|No|yes",
          { 80, 200.0 / 3, 200.0 / 3, 100, 80, 200.0 / 3 },
          "also where they are the same one" },
        { "|Yes|yes;random|No|no", { 100, 100, 100, 100, 0, 100 }, "without a category in the whole alone" },
        { "random, popular|Yes|yes;random|No|no",
          { 100, 100, 100, 100, 100, 100 },
          "commas alone divide, blanks belong to the name" },
        { "popular|Yes|yes", { 100, 100, 100, 100, NO_LINE, NO_LINE }, "a category that is not there" },
        { "random|yes|yes;random|Yes|yes",
          { 200.0 / 3, 50, 50, 100, 200.0 / 3, 50 },
          "a reference with a small letter is a no" },
        { "random|Yes|no;popular|Yes|yes", { 200.0 / 3, 50, 100, 50, 0, 0 }, "each category by itself" },
        { "random|Yes|Yes, there is no doubt;random|No|no",
          { 0, 50, 0, 0, 0, 50 },
          "yes and no in one answer is unknown" },
        { "random,|Yes|yes;random|No|yes",
          { 80, 200.0 / 3, 200.0 / 3, 100, 200.0 / 3, 50 },
          "what is behind a last comma is a category, too" },
    };
    (void)state;
    CHECK(&POPE, CASES);
}

/* ---- HallusionBench ---- */

static void hallusionbench_asks_for_whole_figures_and_questions(void **state)
{
    static const Benchmark HALLUSION = { "HallusionBench",
                                         "index|category|l2-category|answer|prediction",
                                         NULL,
                                         NULL,
                                         { { "Overall", "", "mean of aAcc, fAcc, qAcc" },
                                           { "Overall", "", "aAcc" },
                                           { "Overall", "", "fAcc" },
                                           { "Overall", "", "qAcc" },
                                           { "category", "VD", "fAcc" },
                                           { "l2-category", "map", "qAcc" } } };
    static const Sum CASES[] = {
        { "a_b_c_0_0_0|VD|map|Yes|yes", { 100, 100, 100, 100, 100, 100 }, "all right" },
        { "a_b_c_0_0_0|VD|map|Yes|no", { 0, 0, 0, 0, 0, 0 }, "all wrong" },
        { "a_b_c_0_0_0|VD|map|Yes|yes;a_b_c_0_0_1|VD|map|No|yes",
          { 100.0 / 3, 50, 0, 50, 0, 50 },
          "two questions on one figure, one wrong: the figure is lost" },
        { "a_b_c_0_0_0|VD|map|Yes|yes;a_b_c_0_1_0|VD|map|Yes|no",
          { 100.0 / 3, 50, 50, 0, 50, 0 },
          "one question on two figures, one wrong: the question is lost" },
        { "a_b_c_0_0_0|VD|map|Yes|yes;a_b_c_0_0_1|VD|map|No|no;a_b_c_0_1_0|VD|map|Yes|yes;a_b_c_0_1_1|VD|map|No|yes",
          { 175.0 / 3, 75, 50, 50, 50, 50 },
          "two figures, two questions, one wrong" },
        { "a_b_c_0_0_0|VD|map|Yes|yes;a_b_c_1_0_0|VD|map|Yes|no", { 50, 50, 50, 50, 50, 50 }, "sets are apart" },
        { "a_b_c_0_0_0|VD|map|Yes|yes;a_b_c_0_0_0x|VD|map|Yes|no",
          { 100.0 / 3, 50, 0, 50, 0, 50 },
          "numbers are texts: question 0x is another one" },
        { "a_b_c_0_0_0|VD|map|Yes|yes;a_b_c_0_00_0|VD|map|Yes|no",
          { 100.0 / 3, 50, 50, 0, 50, 0 },
          "and figure 00 is not figure 0" },
        { "a_b_c_0_0_0|VD|map|Yes|yes;a_b_d_0_0_0|VD|chart|Yes|no",
          { 50, 50, 50, 50, 50, 100 },
          "kinds of the second level are apart" },
        { "a_b_c_0_0_0|VD|map|Yes|yes;a_b_d_0_0_0|VS|map|Yes|no",
          { 50.0 / 3, 50, 0, 0, 100, 0 },
          "kinds of the first level are not: a quirk" },
        { "a_b_c_0_0_0|VD|map|Yes|yes;x_y_z_0_0_0|VD|map|Yes|no",
          { 50.0 / 3, 50, 0, 0, 0, 0 },
          "nor is what the first three parts of an index say: a quirk" },
        { "a_b_c_0_0_0|VD||Yes|yes;x_y_z_0_0_0|VD||Yes|no",
          { 50.0 / 3, 50, 0, 0, 0, NO_LINE },
          "kinds that are missing are one kind" },
        { "a_b_c_0_0_0_x|VD|map|Yes|yes;a_b_c_0_0_0_y|VD|map|Yes|no",
          { 50.0 / 3, 50, 0, 0, 0, 0 },
          "parts after the sixth tell nothing" },
        { "a_b_c_0_0_0|VD|map|Yes|maybe;a_b_c_0_0_1|VD|map|No|no",
          { 100.0 / 3, 50, 0, 50, 0, 50 },
          "neither yes nor no is wrong" },
        { "a_b_c_0_0_0|VD|map|Yes|yes;a_b_c_0_0_1|VD|map|Yes|yes;a_b_c_0_0_2|VD|map|Yes|yes;a_b_c_1_0_0|VS|map|Yes|no",
          { (75 + 50 + 75) / 3.0, 75, 50, 75, 100, 75 },
          "figures and questions weigh the same, however many rows they have" },
        { "a_b_c_0_0_0|VD|map|yes|yes", { 0, 0, 0, 0, 0, 0 }, "a reference with a small letter is never met" },
    };
    (void)state;
    CHECK(&HALLUSION, CASES);
}

/* ---- multiple choice ---- */

static void choices_are_by_split_and_both_levels_of_kind(void **state)
{
    static const Benchmark MMSTAR = { "MMStar",
                                      "answer|category|l2-category|split|prediction",
                                      "A|B",
                                      "a cat|a dog",
                                      { { "Overall", "", "accuracy" },
                                        { "split", "val", "accuracy" },
                                        { "split", "test", "accuracy" },
                                        { "category", "x", "accuracy" },
                                        { "l2-category", "m", "accuracy" } } };
    static const Sum CASES[] = {
        { "A|x|m|val|A", { 100, 100, NO_LINE, 100, 100 }, "right" },
        { "A|x|m|val|B", { 0, 0, NO_LINE, 0, 0 }, "wrong" },
        { "A|x|m|val|A;B|x|m|test|A", { 50, 100, 0, 50, 50 }, "by split" },
        { "A|x|m|val|A;A|y|m|val|B", { 50, 50, NO_LINE, 100, 50 }, "by kind" },
        { "A|x|m|val|A;A|x|n|val|B", { 50, 50, NO_LINE, 50, 100 }, "by kind of the second level" },
        { "A|x|m||A", { 100, NO_LINE, NO_LINE, 100, 100 }, "without splits" },
        { "A||m|val|A", { 100, 100, NO_LINE, NO_LINE, 100 }, "without kinds" },
        { "A|x||val|A", { 100, 100, NO_LINE, 100, NO_LINE }, "without those of the second level" },
        { "B|x|m|val|It is a dog", { 100, 100, NO_LINE, 100, 100 }, "an option's text" },
        { "B|x|m|val|a dog or a cat", { 0, 0, NO_LINE, 0, 0 }, "two texts say nothing" },
        { "B|x|m|val|", { 0, 0, NO_LINE, 0, 0 }, "nothing said" },
        { "|x|m|val|A", { 0, 0, NO_LINE, 0, 0 }, "a question without its answer is never right" },
        { "a|x|m|val|A", { 0, 0, NO_LINE, 0, 0 }, "nor is one with a small letter" },
        { "C|x|m|val|C", { 0, 0, NO_LINE, 0, 0 }, "nor one whose answer is no option" },
        { "Z|x|m|val|who knows",
          { 100, 100, NO_LINE, 100, 100 },
          "what says nothing is Z, so a reference of Z is met by it: a quirk" },
        { "A|x|m|val|A;A|x|m|val|A;A|x|m|val|B;A|y|n|test|A",
          { 75, 200.0 / 3, 100, 200.0 / 3, 200.0 / 3 },
          "the whole is over the rows" },
    };
    (void)state;
    CHECK(&MMSTAR, CASES);
}

static void open_questions_of_mmmu_get_two_options(void **state)
{
    static const Benchmark MMMU = {
        "MMMU_DEV_VAL",
        "A|B|answer|split|prediction",
        NULL,
        NULL,
        { { "Overall", "", "accuracy" }, { "split", "validation", "accuracy" }, { "split", "dev", "accuracy" } }
    };
    static const Sum CASES[] = {
        { "cat|dog|B|validation|B", { 100, 100, NO_LINE }, "a choice" },
        { "cat|dog|B|validation|A", { 0, 0, NO_LINE }, "a wrong one" },
        { "||24.5|validation|24.5", { 100, 100, NO_LINE }, "an open question: its answer is option A" },
        { "||24.5|validation|It is 24.5", { 100, 100, NO_LINE }, "and may be part of what is said" },
        { "||24.5|validation|A", { 100, 100, NO_LINE }, "A alone is right: a quirk" },
        { "||24.5|validation|B", { 0, 0, NO_LINE }, "B is all else" },
        { "||24.5|validation|Other Answers", { 0, 0, NO_LINE }, "as its text says" },
        { "||24.5|validation|25", { 0, 0, NO_LINE }, "another number is nothing" },
        { "||24.5|validation|After some thought it is 24.5 cm",
          { 100, 100, NO_LINE },
          "32 characters: at most twice both options' 17" },
        { "||24.5|validation|After a lot of thought it is 24.5 cm",
          { 0, 0, NO_LINE },
          "36 characters are more than that: a quirk" },
        { "||['24.5', '24.50']|validation|24.5", { 0, 0, NO_LINE }, "a list of answers is one text: a quirk" },
        { "||C|validation|C",
          { 0, 0, NO_LINE },
          "an open question whose answer is the letter C is never right: C is the text of A" },
        { "||A|validation|A", { 100, 100, NO_LINE }, "but with A it is" },
        { "|dog|24.5|validation|dog", { 0, 0, NO_LINE }, "without A a question is open, B is lost" },
        { "cat|dog|b|validation|A", { 100, 100, NO_LINE }, "an answer that is no capital letter means A: a quirk" },
        { "||increase|validation|It will INCREASE", { 100, 100, NO_LINE }, "in any case" },
        { "cat|dog|A|validation|A;cat|dog|A|dev|B;||5|dev|5",
          { 200.0 / 3, 100, 50 },
          "by split; the paper's is validation" },
    };
    (void)state;
    CHECK(&MMMU, CASES);
}

static void mmbench_wants_all_rotations(void **state)
{
    static const Benchmark MMBENCH = { "MMBench_DEV_EN",
                                       "index|A|B|answer|category|split|prediction",
                                       NULL,
                                       NULL,
                                       { { "Overall", "", "accuracy, circular" },
                                         { "Overall", "", "accuracy, vanilla" },
                                         { "category", "x", "accuracy" },
                                         { "category", "y", "accuracy" },
                                         { "split", "dev", "accuracy" } } };
    static const Sum CASES[] = {
        { "1|cat|dog|A|x|dev|A;1000001|dog|cat|B|x|dev|B", { 100, 100, 100, NO_LINE, 100 }, "both" },
        { "1|cat|dog|A|x|dev|A;1000001|dog|cat|B|x|dev|A", { 0, 100, 0, NO_LINE, 0 }, "always A: vanilla alone" },
        { "1|cat|dog|A|x|dev|B;1000001|dog|cat|B|x|dev|B", { 0, 0, 0, NO_LINE, 0 }, "the rotation alone" },
        { "1000001|dog|cat|B|x|dev|B;1|cat|dog|A|x|dev|A", { 100, 100, 100, NO_LINE, 100 }, "in any order" },
        { "1|cat|dog|A|x|dev|A;1000001|a|b|A|x|dev|A;2000001|a|b|B|x|dev|B;3000001|a|b|A|x|dev|B",
          { 0, 100, 0, NO_LINE, 0 },
          "one of four is wrong" },
        { "1|cat|dog|A|x|dev|A;1000001|a|b|A|x|dev|A;2000001|a|b|B|x|dev|B;3000001|a|b|A|x|dev|A",
          { 100, 100, 100, NO_LINE, 100 },
          "all four" },
        { "1|cat|dog|A|x|dev|A", { 100, 100, 100, NO_LINE, 100 }, "a question without rotations" },
        { "1|cat|dog|A|x|dev|A;1000009|dog|cat|B|x|dev|A",
          { 100, 100, 100, NO_LINE, 100 },
          "a rotation without its question is left out" },
        { "1|cat|dog|A|x|dev|A;1000001|dog|cat|B|y|dev|B",
          { 100, 100, 100, NO_LINE, 100 },
          "the question's kind counts, not the rotation's" },
        { "1|cat|dog|A|x|dev|A;1000001|dog|cat|B|x|dev|who knows", { 0, 100, 0, NO_LINE, 0 }, "nothing told is wrong" },
        { "1|cat|dog|A|x|dev|a cat;1000001|dog|cat|B|x|dev|a cat",
          { 100, 100, 100, NO_LINE, 100 },
          "texts rotate with their options" },
        { "1|cat|dog|A|x|dev|A;1000001|dog|cat|B|x|dev|B;2|cat|dog|A|y|dev|A;1000002|dog|cat|B|y|dev|A",
          { 50, 100, 100, 0, 50 },
          "one of two questions" },
        { "11|cat|dog|A|x|dev|A;1|cat|dog|A|x|dev|B;1000011|dog|cat|B|x|dev|B",
          { 50, 50, 50, NO_LINE, 50 },
          "rotations go by the last six digits" },
        { "0|cat|dog|A|x|dev|A;1000000|dog|cat|B|x|dev|A", { 0, 100, 0, NO_LINE, 0 }, "1000000 rotates question 0" },
        { "999999|cat|dog|A|x|dev|A;1999999|dog|cat|B|x|dev|A",
          { 0, 100, 0, NO_LINE, 0 },
          "999999 is a question, 1999999 its rotation" },
        { "1|cat|dog|A|x|dev|A;2|cat|dog|A|x|test|B;1000001|dog|cat|B|x|test|B",
          { 50, 50, 50, NO_LINE, 100 },
          "splits are the questions', too" },
        { "1|cat||A|x|dev|A;1000001||cat|B|x|dev|B", { 100, 100, 100, NO_LINE, 100 }, "missing options" },
    };
    (void)state;
    CHECK(&MMBENCH, CASES);
}

static void mmt_bench_weighs_kinds_alike(void **state)
{
    static const Benchmark MMT = { "MMT-Bench_VAL",
                                   "answer|category|l2-category|split|prediction",
                                   "A|B",
                                   "a cat|a dog",
                                   { { "Overall", "", "accuracy" },
                                     { "split", "val", "accuracy" },
                                     { "category", "x", "accuracy" },
                                     { "l2-category", "m", "mean of its categories" },
                                     { "l2-category", "n", "mean of its categories" } } };
    static const Sum CASES[] = {
        { "A|x|m|val|A", { 100, 100, 100, 100, NO_LINE }, "right" },
        { "A|x|m|val|B", { 0, 0, 0, 0, NO_LINE }, "wrong" },
        { "A|x|m|val|A;A|x|m|val|B", { 50, 50, 50, 50, NO_LINE }, "one kind" },
        { "A|x|m|val|A;A|y|m|val|B", { 50, 50, 100, 50, NO_LINE }, "two kinds of one group" },
        { "A|x|m|val|A;A|y|m|val|B;A|y|m|val|B;A|y|m|val|B",
          { 25, 25, 100, 50, NO_LINE },
          "a group is the mean of its kinds, however many rows they have" },
        { "A|x|m|val|A;A|y|m|val|A;A|y|m|val|B",
          { 200.0 / 3, 200.0 / 3, 100, 75, NO_LINE },
          "the whole is over the rows" },
        { "A|x|m|val|A;A|y|n|val|B", { 50, 50, 100, 100, 0 }, "two groups" },
        { "A|x|m|val|A;A|x|n|val|B",
          { 50, 50, 50, 50, 50 },
          "a kind in two groups counts in both with all its rows: a quirk" },
        { "A|x|m|val|A;A|x|m|test|B", { 50, 100, 50, 50, NO_LINE }, "kinds and groups are over all splits" },
        { "A|x|m||A", { 100, NO_LINE, 100, 100, NO_LINE }, "without splits" },
        { "A|x||val|A", { 100, 100, 100, NO_LINE, NO_LINE }, "without groups" },
        { "A|x|m|val|who knows", { 0, 0, 0, 0, NO_LINE }, "nothing told is wrong" },
        { "B|x|m|val|a dog", { 100, 100, 100, 100, NO_LINE }, "an option's text" },
        { "A|x|m|val|A;A|y|m|val|B;A|z|m|val|B", { 100.0 / 3, 100.0 / 3, 100, 100.0 / 3, NO_LINE }, "three kinds" },
        { "A|x|m|val|A;A|x|m|val|B;A|y|m|val|A;A|w|n|val|A", { 75, 75, 50, 75, 100 }, "halves of kinds" },
    };
    (void)state;
    CHECK(&MMT, CASES);
}

/* ---- MathVista ---- */

#define CHOOSE(said, skills)  "multi_choice|text|['3/11', '8/11']|8/11|B|math|" skills "|" said
#define COUNT(wanted, said)   "free_form|integer||" wanted "||chart|number sense|" said
#define MEASURE(wanted, said) "free_form|float||" wanted "||chart|number sense|" said

static void mathvista_counts_what_needs_no_judge(void **state)
{
    static const Benchmark MATHVISTA = {
        "MathVista_MINI",
        "question_type|answer_type|choices|answer|answer_option|task|skills|prediction",
        NULL,
        NULL,
        { { "Overall", "", "accuracy, undecided as wrong" },
          { "Overall", "", "decided without a judge" },
          { "task", "math", "accuracy" },
          { "task", "chart", "accuracy" },
          { "skill", "logic", "accuracy" },
          { "skill", "number sense", "accuracy" } }
    };
    static const Sum CASES[] = {
        { CHOOSE("B", "['logic']"), { 100, 100, 100, NO_LINE, 100, NO_LINE }, "an option's letter" },
        { CHOOSE("8/11", "['logic']"), { 100, 100, 100, NO_LINE, 100, NO_LINE }, "an option's text" },
        { CHOOSE("A", "['logic']"), { 0, 100, 0, NO_LINE, 0, NO_LINE }, "a wrong option is decided" },
        { CHOOSE("1/2", "['logic']"), { 0, 0, 0, NO_LINE, 0, NO_LINE }, "no option is not" },
        { CHOOSE("B", "['logic', 'number sense']"), { 100, 100, 100, NO_LINE, 100, 100 }, "a row has several skills" },
        { CHOOSE("B", "number sense"), { 100, 100, 100, NO_LINE, NO_LINE, 100 }, "a skill may stand without a list" },
        { COUNT("14", "14"), { 100, 100, NO_LINE, 100, NO_LINE, 100 }, "a whole number" },
        { COUNT("14", " +14 "), { 100, 100, NO_LINE, 100, NO_LINE, 100 }, "as Python reads it" },
        { COUNT("14", "15"), { 0, 0, NO_LINE, 0, NO_LINE, 0 }, "another number is left to the judge" },
        { COUNT("14", "14.0"), { 0, 0, NO_LINE, 0, NO_LINE, 0 }, "14.0 is no whole number" },
        { COUNT("14", "14 apples"), { 0, 0, NO_LINE, 0, NO_LINE, 0 }, "nor is what has words" },
        { COUNT("0", "0"), { 0, 0, NO_LINE, 0, NO_LINE, 0 }, "0 is as nothing: never found, a quirk" },
        { COUNT("-2", "-2"), { 100, 100, NO_LINE, 100, NO_LINE, 100 }, "below 0 it is something" },
        { MEASURE("1.50", "1.5"), { 100, 100, NO_LINE, 100, NO_LINE, 100 }, "numbers with a point" },
        { MEASURE("1.5", "1.51"), { 0, 0, NO_LINE, 0, NO_LINE, 0 }, "exactly the same, nothing near it" },
        { MEASURE("0.0", "0"), { 0, 0, NO_LINE, 0, NO_LINE, 0 }, "0 again" },
        { "free_form|text||yes||chart|number sense|yes",
          { 0, 0, NO_LINE, 0, NO_LINE, 0 },
          "texts are compared with None: never right without a judge, a quirk" },
        { "free_form|list||[1, 2]||chart|number sense|[1, 2]", { 0, 0, NO_LINE, 0, NO_LINE, 0 }, "and so are lists" },
        { CHOOSE("B", "['logic']") ";" CHOOSE("A", "['logic']") ";" COUNT("14", "14") ";" COUNT("14", "x"),
          { 50, 75, 50, 50, 50, 50 },
          "sums" },
    };
    (void)state;
    CHECK(&MATHVISTA, CASES);
}

/* ---- RefCOCO ---- */

/* Of 1000; the box is 20, 10, 120, 60 of 200 x 100 pixels. */
#define WHOLE   "[[100, 100, 600, 600]]"
#define HALF    "[100, 100, 600, 350]"
#define QUARTER "[100, 100, 350, 350]"

static void refcoco_is_the_mean_of_its_splits(void **state)
{
    static const Benchmark REFCOCO = { "RefCOCO",
                                       "split|category|prediction",
                                       "answer|width|height|bbox_x1|bbox_y1|bbox_x2|bbox_y2",
                                       "|200|100|20|10|120|60",
                                       { { "Overall", "", "precision at IoU 0.5" },
                                         { "Overall", "", "mean IoU" },
                                         { "split", "RefCOCO_val", "precision at IoU 0.5" },
                                         { "split", "RefCOCO_val", "mean IoU" },
                                         { "split", "RefCOCO+_testA", "precision at IoU 0.5" },
                                         { "split", "other", "precision at IoU 0.5" } } };
    static const Sum CASES[] = {
        { "RefCOCO_val||" WHOLE, { 100, 1, 100, 1, NO_LINE, NO_LINE }, "the box itself" },
        { "RefCOCO_val||none", { 0, 0, 0, 0, NO_LINE, NO_LINE }, "no box" },
        { "RefCOCO_val||" HALF, { 100, 0.5, 100, 0.5, NO_LINE, NO_LINE }, "one half is enough" },
        { "RefCOCO_val||" QUARTER, { 0, 0.25, 0, 0.25, NO_LINE, NO_LINE }, "a quarter is not" },
        { "RefCOCO_val||" WHOLE ";RefCOCO_val||" QUARTER,
          { 50, 0.625, 50, 0.625, NO_LINE, NO_LINE },
          "the mean of a split's rows" },
        { "RefCOCO_val||" WHOLE ";RefCOCO_val||none;RefCOCO+_testA||" WHOLE,
          { 75, 0.75, 50, 0.5, 100, NO_LINE },
          "splits weigh the same, however many rows they have" },
        { "RefCOCO_val||" WHOLE ";other||none",
          { 100, 1, 100, 1, NO_LINE, 0 },
          "a split that is none of the eight is not in the mean" },
        { "other||" WHOLE ";other||none;another||none",
          { 100.0 / 3, 1.0 / 3, NO_LINE, NO_LINE, NO_LINE, 50 },
          "without any of the eight it is over the rows" },
        { "RefCOCO_val||" WHOLE ";RefCOCO_testA||none;RefCOCO_testB||none;RefCOCO+_val||none;RefCOCO+_testA||none;"
          "RefCOCO+_testB||none;RefCOCOg_val||none;RefCOCOg_test||none",
          { 12.5, 0.125, 100, 1, 0, NO_LINE },
          "all eight" },
        { "|RefCOCO+ test A|" WHOLE, { 100, 1, NO_LINE, NO_LINE, 100, NO_LINE }, "the category tells a missing split" },
        { "RefCOCO_val|RefCOCO+ test A|" WHOLE, { 100, 1, 100, 1, NO_LINE, NO_LINE }, "but not one that is there" },
        { "||" WHOLE ";||none", { 50, 0.5, NO_LINE, NO_LINE, NO_LINE, NO_LINE }, "neither split nor category" },
        { "RefCOCO_val||[0.1, 0.1, 0.6, 0.6]", { 100, 1, 100, 1, NO_LINE, NO_LINE }, "parts of the whole" },
        { "RefCOCO_val||[20, 10, 1200, 60]",
          { 100, 5.0 / 9, 100, 5.0 / 9, NO_LINE, NO_LINE },
          "pixels, cut off at the picture's edge: 5000 of 9000" },
        { "RefCOCO_val||[600, 600, 100, 100]", { 100, 1, 100, 1, NO_LINE, NO_LINE }, "corners in order" },
        { "RefCOCO_val||[20, 10, 120, 60]",
          { 0, 0, 0, 0, NO_LINE, NO_LINE },
          "pixels below 1000 are taken for parts of 1000: 4, 1 to 24, 6, a quirk" },
    };
    (void)state;
    CHECK(&REFCOCO, CASES);
}

TEST_MAIN(TEST(means_are_by_split_or_else_by_category), TEST(ocrbench_adds_points_of_five_groups),
          TEST(mme_adds_both_right_to_the_share), TEST(pope_is_the_f1_of_yes),
          TEST(hallusionbench_asks_for_whole_figures_and_questions), TEST(choices_are_by_split_and_both_levels_of_kind),
          TEST(open_questions_of_mmmu_get_two_options), TEST(mmbench_wants_all_rotations),
          TEST(mmt_bench_weighs_kinds_alike), TEST(mathvista_counts_what_needs_no_judge),
          TEST(refcoco_is_the_mean_of_its_splits))
