/* test_eval_rating.c - the figures of the benchmarks: small tables of answers, the figures worked out by hand from VLMEvalKit's
 * definitions; shards; comparison. */
#include "eval/comparison.h"
#include "eval/report.h"
#include "eval/scores.h"

#include <math.h>

#include "temp_folder.h"

typedef struct {
    TempFolder folder;
    Scores s;
    Error e;
} Scored;

static bool score(Scored *x, const char *task, const char *table, const ScoreOptions *given)
{
    ScoreOptions o = given ? *given : (ScoreOptions){ .box_scale = 1000 };
    o.task = task_find(task);
    assert_non_null(o.task);
    x->folder = temp_open();
    temp_write(&x->folder, "a.tsv", table, strlen(table));
    const char *path = temp_path(&x->folder, "a.tsv");
    return scores_open(&x->s, &path, 1, &o, &x->e);
}

static void end_scored(Scored *x)
{
    scores_close(&x->s);
    temp_close(&x->folder);
}

typedef struct {
    const char *part, *name, *figure;
    double value;
} Figure;

static void check_figures(const char *task, const char *table, const Figure *f, size_t n)
{
    Scored x;
    double worst = 0;
    if (!score(&x, task, table, NULL)) fail_msg("%s", x.e.text);
    for (size_t i = 0; i < n; i++) {
        const RatingLine *found = NULL;
        for (int k = 0; k < x.s.rating.n && !found; k++) {
            const RatingLine *l = &x.s.rating.line[k];
            if (!strcmp(l->part, f[i].part) && !strcmp(l->name, f[i].name) && !strcmp(l->figure, f[i].figure))
                found = l;
        }
        if (!found) fail_msg("%s: no line %s %s %s", task, f[i].part, f[i].name, f[i].figure);
        if (fabs(found->value - f[i].value) > 1e-9)
            print_message("# %s %s %s: %g, expected %g\n", f[i].part, f[i].name, f[i].figure, found->value, f[i].value);
        worst = fmax(worst, fabs(found->value - f[i].value));
    }
    assert_within(task, worst, 1e-9); /* shares of small whole numbers, times 100 */
    end_scored(&x);
}
#define CHECK(task, table, ...)                                                                                        \
    check_figures(task, table, (const Figure[]){ __VA_ARGS__ },                                                        \
                  sizeof((const Figure[]){ __VA_ARGS__ }) / sizeof(Figure))

static void means_by_split_or_else_by_category(void **state)
{
    (void)state;
    CHECK("ChartQA_TEST",
          "index\tquestion\tanswer\tsplit\tcategory\tprediction\n"
          "1\tq\t10\ttest_human\tx\t10\n2\tq\t10\ttest_human\tx\t20\n3\tq\tyes\ttest_augmented\ty\tYes\n"
          "4\tq\t['a', 'b']\ttest_augmented\ty\tb\n",
          { "Overall", "", "relaxed accuracy", 75 }, { "split", "test_human", "relaxed accuracy", 50 },
          { "split", "test_augmented", "relaxed accuracy", 100 });
    CHECK(
        "DocVQA_VAL",
        "index\tquestion\tanswer\tcategory\tprediction\n1\tq\t['hello']\tx\thallo\n2\tq\tab\ty\txy\n3\tq\tNA\ty\tNA\n",
        { "Overall", "", "ANLS", 60 }, { "category", "x", "ANLS", 80 }, { "category", "y", "ANLS", 50 });
    CHECK("TextVQA_VAL",
          "index\tquestion\tanswer\tprediction\n1\tq\t['cat', 'cat', 'cat', 'cat']\tcat\n2\tq\tdog\tdog\n",
          { "Overall", "", "VQA score", 50 });
    CHECK("GQA_TestDev_Balanced", "index\tquestion\tanswer\tprediction\n1\tq\tYes\tyes\n2\tq\tno\tno!\n",
          { "Overall", "", "accuracy", 50 });
}

static void missing_texts_are_nan_on_both_sides(void **state)
{
    (void)state;
    CHECK("GQA", "index\tquestion\tanswer\tprediction\n1\tq\tNone\t\n2\tq\tn/a\tnan\n3\tq\tnone\t\n",
          { "Overall", "", "accuracy", 200.0 / 3 });
}

static void ocrbench_has_five_groups(void **state)
{
    (void)state;
    CHECK("OCRBench",
          "index\tquestion\tanswer\tcategory\tprediction\n"
          "1\tq\t['exit']\tRegular Text Recognition\tEXIT\n2\tq\t['a', 'b']\tDigit String Recognition\tc\n"
          "3\tq\t['shop']\tArtistic Text Recognition\tthe shop\n4\tq\t['x']\tScene Text-centric VQA\tx\n"
          "5\tq\t['12']\tDoc-oriented VQA\t1 2\n6\tq\t['y']\tKey Information Extraction\ty\n"
          "7\tq\t['x + y']\tHandwritten Mathematical Expression Recognition\tx+y\n8\tq\t['z']\tsomething else\tz\n",
          { "Overall", "", "Final Score", 5 }, { "Overall", "", "Final Score Norm", 0.5 },
          { "group", "Text Recognition", "points", 2 }, { "group", "Scene Text-centric VQA", "points", 1 },
          { "group", "Doc-oriented VQA", "points", 0 }, { "group", "Key Information Extraction", "points", 1 },
          { "group", "Handwritten Mathematical Expression Recognition", "points", 1 });
}

static void mme_adds_both_right_to_the_share(void **state)
{
    (void)state;
    CHECK("MME",
          "index\tquestion\tanswer\tcategory\timage_path\tprediction\n"
          "1\tq\tYes\tcolor\ta\tyes\n2\tq\tNo\tcolor\ta\tno\n3\tq\tYes\tcolor\tb\tyes\n4\tq\tNo\tcolor\tb\tyes\n"
          "5\tq\tYes\tcode_reasoning\tc\tYes, it is.\n6\tq\tNo\tcode_reasoning\tc\tNo\n"
          "7\tq\tYes\tunknown\td\tyes\n8\tq\tNo\tunknown\td\tno\n",
          { "Overall", "", "points", 125 + 200 }, { "Overall", "perception", "points", 125 },
          { "Overall", "reasoning", "points", 200 }, { "category", "color", "points", 75 + 50 },
          { "category", "unknown", "points", 200 });
}

/* A row of two categories counts twice, in the whole as well. */
static void pope_is_f1(void **state)
{
    (void)state;
    CHECK("POPE",
          "index\tquestion\tanswer\tcategory\tprediction\n"
          "1\tq\tYes\trandom,"
          "popular\tyes\n2\tq\tYes\trandom\tno\n3\tq\tNo\tpopular\tyes\n4\tq\tNo\trandom\tno\n5\tq\tNo\trandom\twell\n",
          { "Overall", "", "precision", 200.0 / 3 }, { "Overall", "", "recall", 200.0 / 3 },
          { "Overall", "", "F1", 200.0 / 3 }, { "Overall", "", "accuracy", 50 },
          { "category", "random", "precision", 100 }, { "category", "random", "recall", 50 },
          { "category", "random", "F1", 200.0 / 3 }, { "category", "random", "accuracy", 50 },
          { "category", "popular", "precision", 50 }, { "category", "popular", "recall", 100 });
}

static void hallusionbench_asks_for_whole_figures_and_questions(void **state)
{
    (void)state;
    CHECK("HallusionBench",
          "index\tquestion\tanswer\tcategory\tl2-category\tprediction\n"
          "a_b_c_0_0_0\tq\tYes\tVD\tchart\tyes\na_b_c_0_0_1\tq\tNo\tVD\tchart\tno\n"
          "a_b_c_0_1_0\tq\tYes\tVD\tchart\tyes\na_b_c_0_1_1\tq\tNo\tVD\tchart\tyes\n"
          "a_b_c_1_0_0\tq\tYes\tVS\tmap\tyes\n",
          { "Overall", "", "aAcc", 80 }, { "Overall", "", "fAcc", 200.0 / 3 }, { "Overall", "", "qAcc", 200.0 / 3 },
          { "Overall", "", "mean of aAcc, fAcc, qAcc", (80 + 400.0 / 3) / 3 }, { "category", "VD", "aAcc", 75 },
          { "category", "VD", "fAcc", 50 }, { "l2-category", "map", "qAcc", 100 });
}

static void choices_by_split_and_ability(void **state)
{
    (void)state;
    CHECK("MMStar",
          "index\tquestion\tA\tB\tanswer\tcategory\tl2-category\tsplit\tprediction\n"
          "1\tq\tcat\tdog\tA\tx\tm\tval\tA\n2\tq\tcat\tdog\tB\tx\tn\tval\tthe dog\n3\tq\tcat\tdog\tB\ty\tn\tval\tcat\n"
          "4\tq\tcat\tdog\tA\ty\tn\tval\tI do not know\n",
          { "Overall", "", "accuracy", 50 }, { "category", "x", "accuracy", 100 }, { "category", "y", "accuracy", 0 },
          { "l2-category", "n", "accuracy", 100.0 / 3 }, { "split", "val", "accuracy", 50 });
}

static void open_questions_of_mmmu_get_two_options(void **state)
{
    (void)state;
    CHECK(
        "MMMU_DEV_VAL",
        "index\tquestion\tA\tB\tanswer\tsplit\tprediction\n"
        "1\tq\tcat\tdog\tB\tvalidation\tB\n2\tq\t\t\t24.5\tvalidation\tIt is 24.5\n3\tq\t\t\t24.5\tdev\tOther Answers\n"
        "4\tq\t\t\t24.5\tdev\tA\n",
        { "Overall", "", "accuracy", 75 }, { "split", "validation", "accuracy", 100 },
        { "split", "dev", "accuracy", 50 });
}

/* Rotations have the question's index plus millions; the last row rotates a question that is not there. */
static void mmbench_wants_all_rotations(void **state)
{
    (void)state;
    CHECK("MMBench_DEV_EN",
          "index\tquestion\tA\tB\tanswer\tcategory\tprediction\n"
          "1\tq\tcat\tdog\tA\tx\tA\n1000001\tq\tdog\tcat\tB\tx\tB\n2\tq\tcat\tdog\tA\tx\tA\n1000002\tq\tdog\tcat\tB\tx"
          "\tA\n"
          "3\tq\tcat\tdog\tA\ty\tB\n1000003\tq\tdog\tcat\tB\ty\tB\n1000009\tq\tdog\tcat\tB\ty\tA\n",
          { "Overall", "", "accuracy, circular", 100.0 / 3 }, { "Overall", "", "accuracy, vanilla", 200.0 / 3 },
          { "category", "x", "accuracy", 50 }, { "category", "y", "accuracy", 0 });
}

static void mathvista_without_a_judge(void **state)
{
    (void)state;
    CHECK("MathVista_MINI",
          "index\tquestion\tquestion_type\tanswer_type\tchoices\tanswer\tanswer_option\ttask\tskills\tprediction\n"
          "1\tq\tmulti_choice\ttext\t['3/11', '8/11']\t8/11\tB\tmath\t['algebra', 'logic']\tB\n"
          "2\tq\tmulti_choice\ttext\t['3/11', '8/11']\t8/11\tB\tmath\t['algebra']\t3/11\n"
          "3\tq\tfree_form\tinteger\t\t14\t\tchart\t['logic']\t14\n"
          "4\tq\tfree_form\tinteger\t\t14\t\tchart\t['logic']\t14.0\n"
          "5\tq\tfree_form\tinteger\t\t0\t\tchart\tcounting\t0\n" /* 0 counts as nothing found: a quirk */
          "6\tq\tfree_form\tfloat\t\t1.50\t\tchart\tcounting\t1.5\n"
          "7\tq\tfree_form\ttext\t\tyes\t\tchart\tcounting\tyes\n", /* never right without a judge: a quirk */
          { "Overall", "", "accuracy, undecided as wrong", 300.0 / 7 },
          { "Overall", "", "decided without a judge", 400.0 / 7 }, { "task", "math", "accuracy", 50 },
          { "task", "chart", "accuracy", 40 }, { "skill", "algebra", "accuracy", 50 },
          { "skill", "logic", "accuracy", 200.0 / 3 }, { "skill", "counting", "accuracy", 100.0 / 3 });
}

static void refcoco_is_the_mean_of_its_splits(void **state)
{
    (void)state;
    CHECK("RefCOCO",
          "index\tquestion\tanswer\tsplit\twidth\theight\tbbox_x1\tbbox_y1\tbbox_x2\tbbox_y2\tprediction\n"
          "a\tq\t\tRefCOCO_val\t200\t100\t20\t10\t120\t60\t[[100, 100, 600, 600]]\n"
          "b\tq\t\tRefCOCO_val\t200\t100\t20\t10\t120\t60\tno box\n"
          "c\tq\t\tRefCOCOg_test\t200\t100\t20\t10\t120\t60\t[0.1, 0.1, 0.6, 0.6]\n"
          "d\tq\t\tother\t200\t100\t20\t10\t120\t60\t[20, 10, 120, 60]\n",
          { "Overall", "", "precision at IoU 0.5", 75 }, { "split", "RefCOCO_val", "precision at IoU 0.5", 50 },
          { "split", "RefCOCOg_test", "precision at IoU 0.5", 100 }, { "split", "other", "precision at IoU 0.5", 0 });
    CHECK("RefCOCO",
          "index\tquestion\tanswer\tcategory\twidth\theight\tprediction\n"
          "a\tq\t[100, 100, 600, 600]\tRefCOCO+ test A\t200\t100\t100 100 600 600\n",
          { "split", "RefCOCO+_testA", "precision at IoU 0.5", 100 });
}

/* An answer that overlaps by exactly one half of 999: right at scale 999, a hair too small at 1000. */
static void the_scale_of_boxes_can_decide(void **state)
{
    static const char TABLE[] =
        "index\tquestion\tanswer\twidth\theight\tbbox_x1\tbbox_y1\tbbox_x2\tbbox_y2\tprediction\n"
        "a\tq\t\t999\t100\t0\t0\t666\t100\t[0, 0, 333, 999]\n";
    (void)state;
    for (int scale = 999; scale <= 1000; scale++) {
        Scored x;
        assert_true(score(&x, "RefCOCO", TABLE, &(ScoreOptions){ .box_scale = scale }));
        assert_true(x.s.rating.line[0].value == (scale == 999 ? 100 : 0));
        end_scored(&x);
    }
}

static void scenes_by_task_and_unseen(void **state)
{
    (void)state;
    CHECK("Scenes_held_out",
          "index\tquestion\tanswer\tcategory\tsplit\tprediction\n"
          "1\tq\tred\tcolour\tseen\t red \n2\tq\tred\tcolour\tunseen\tRed\n"
          "3\tq\t<|ref|>a<|/ref|><|det|>[[0, 0, 99, 99]]<|/det|>\tground\tunseen\t<|ref|>b<|/ref|><|det|>[[0, 0, 99, "
          "90]]<|/det|>\n"
          "4\tq\t<|ref|>a<|/ref|><|det|>[[0, 0, 99, 99]]<|/det|>\tcaption\tseen\t<|ref|>b<|/ref|><|det|>[[0, 0, 99, "
          "99]]<|/det|>\n",
          { "Overall", "", "accuracy", 50 }, { "task", "colour", "accuracy", 50 },
          { "task", "ground", "accuracy", 100 }, { "task", "caption", "accuracy", 0 },
          { "split", "unseen", "accuracy", 50 });
}

static void bad_answers_name_row_and_column(void **state)
{
    static const char *const CASES[][3] = {
        { "OCRBench", "index\tquestion\tanswer\tcategory\tprediction\n1\tq\texit\tx\ty\n",
          "row 1 (line 2), column answer: 'exit' is not a list as Python writes it" },
        { "DocVQA", "index\tquestion\tanswer\tprediction\n1\tq\t['a', b]\ty\n",
          "column answer: '['a', b]' is not a list" },
        { "MMBench", "index\tquestion\tA\tanswer\tprediction\nx1\tq\ta\tA\tA\n",
          "column index: 'x1' is not a whole number" },
        { "MathVista",
          "index\tquestion\tquestion_type\tanswer_type\tchoices\tanswer\ttask\tprediction\n1\tq\tmulti_"
          "choice\tt\tx\ta\tm\tA\n",
          "column choices: is not a list" },
        { "HallusionBench", "index\tquestion\tanswer\tl2-category\tprediction\na_b_0_1_2\tq\tYes\tx\tyes\n",
          "column index: 'a_b_0_1_2' does not tell set, figure and question" },
        { "MME", "index\tquestion\tanswer\tprediction\n1\tq\tYes\tyes\n", "the column 'category' is missing" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Scored x;
        assert_false(score(&x, CASES[i][0], CASES[i][1], NULL));
        if (!strstr(x.e.text, CASES[i][2])) fail_msg("%s, expected %s", x.e.text, CASES[i][2]);
        end_scored(&x);
        if (i == 5) continue;
        assert_true(score(&x, CASES[i][0], CASES[i][1], &(ScoreOptions){ .skip_bad = true }));
        assert_int_equal(x.s.n_bad, 1);
        end_scored(&x);
    }
}

/* "[unused]" begins no list of texts. */
static void a_text_in_brackets_is_a_text(void **state)
{
    (void)state;
    CHECK("DocVQA", "index\tquestion\tanswer\tprediction\n1\tq\t[unused]\t[unused]\n", { "Overall", "", "ANLS", 100 });
}

static void shards_give_the_figures_of_the_whole(void **state)
{
    enum { ROWS = 101 };
    Str table[3] = { 0 };
    TempFolder f = temp_open();
    static const char *const NAMES[] = { "all.tsv", "b.tsv", "a.tsv" };
    const char *path[3];
    Scores whole, parts;
    Error e;
    const ScoreOptions o = { .task = task_find("DocVQA"), .box_scale = 999 };
    (void)state;
    for (int k = 0; k < 3; k++) str_puts(&table[k], "index\tquestion\tanswer\tcategory\tprediction\n");
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < 2; k++)
            str_printf(&table[k == 0 ? 0 : 1 + i % 2], "%d\tq\tanswer %d\tc%d\tanswr %d\n", i, i * i, i % 3,
                       i * i + i % 7);
    for (int k = 0; k < 3; k++) {
        temp_write(&f, NAMES[k], table[k].text, table[k].n);
        path[k] = temp_path(&f, NAMES[k]);
        str_free(&table[k]);
    }
    assert_true(scores_open(&whole, path, 1, &o, &e));
    assert_true(scores_open(&parts, path + 1, 2, &o, &e));
    assert_int_equal(whole.rating.n, parts.rating.n);
    for (int i = 0; i < whole.rating.n; i++) assert_true(whole.rating.line[i].value == parts.rating.line[i].value);
    scores_close(&whole);
    scores_close(&parts);
    assert_false(scores_open(&parts, path, 2, &o, &e));
    assert_non_null(strstr(e.text, "is also an index in"));
    scores_close(&parts);
    temp_close(&f);
}

/* ---- comparison ---- */

static void make_answers(Str *out, int n, int wrong_every)
{
    str_puts(out, "index\tquestion\tanswer\tprediction\n");
    for (int i = 0; i < n; i++)
        str_printf(out, "%d\tq\tyes\t%s\n", i, wrong_every && i % wrong_every == 0 ? "no" : "yes");
}

static void compare_tables(int n, int wrong_before, int wrong_after, Comparison *out, Scored x[2])
{
    for (int k = 0; k < 2; k++) {
        Str table = { 0 };
        make_answers(&table, n, k ? wrong_after : wrong_before);
        assert_true(score(&x[k], "GQA", table.text, NULL));
        str_free(&table);
    }
    compare_scores(&x[0].s, &x[1].s, out);
}

static void comparison_tells_better_from_chance(void **state)
{
    Comparison c;
    Scored x[2];
    (void)state;
    compare_tables(400, 4, 0, &c, x); /* 75 %, then all */
    assert_true(c.n == 400 && c.better == 100 && c.worse == 0);
    assert_true(c.mean_a == 75 && c.mean_b == 100);
    assert_true(c.low > 20 && c.low < 25 && c.high > 25 && c.high < 30 && c.chance < 0.001);
    comparison_free(&c);
    end_scored(&x[0]), end_scored(&x[1]);
    compare_tables(400, 20, 21, &c, x); /* 20 wrong, or 20 others: no difference */
    assert_true(c.low < 0 && c.high > 0 && c.chance > 0.5);
    comparison_free(&c);
    end_scored(&x[0]), end_scored(&x[1]);
    compare_tables(50, 5, 5, &c, x);
    assert_true(c.better == 0 && c.worse == 0 && c.low == 0 && c.high == 0 && c.chance == 1);
    comparison_free(&c);
    end_scored(&x[0]), end_scored(&x[1]);
}

static void wilson_interval(void **state)
{
    double low, high;
    (void)state;
    rating_interval(8, 10, &low, &high); /* Wilson 1927: 0.4902, 0.9433 */
    assert_within("Wilson", fmax(fabs(low - 0.4902), fabs(high - 0.9433)), 5e-5);
    rating_interval(0, 0, &low, &high);
    assert_true(low == 0 && high == 1);
}

/* ---- reports ---- */

static void reports_are_text_never_markup(void **state)
{
    Scored x;
    Str html = { 0 }, markdown = { 0 };
    (void)state;
    assert_true(
        score(&x, "GQA",
              "index\tquestion\tanswer\tcategory\tprediction\n"
              "<i>1\t<script>alert(1)</script>\tyes\t<b>c|d\t\"<img src=x onerror=alert(2)>\n| `x` \xff\x1b[31m\"\n",
              NULL));
    const Report r = { .scores = &x.s, .data_name = "GQA</title>", .model = "m<u>", .box_scale = 999, .examples = 9 };
    report_html(&r, &html);
    report_markdown(&r, &markdown);
    assert_null(strstr(html.text, "<script>"));
    assert_null(strstr(html.text, "<img"));
    assert_null(strstr(html.text, "<i>1"));
    assert_null(strstr(html.text, "m<u>"));
    assert_null(strchr(html.text, '\x1b'));
    assert_null(strstr(html.text, "GQA</title>"));
    assert_non_null(strstr(html.text, "&lt;script&gt;alert(1)"));
    assert_null(strchr(markdown.text, '<'));
    assert_null(strchr(markdown.text, '\x1b'));
    assert_true(utf8_is_valid(html.text, html.n) && utf8_is_valid(markdown.text, markdown.n));
    str_free(&html);
    str_free(&markdown);
    end_scored(&x);
}

static void published_figures_stand_beside_ours(void **state)
{
    Scored x;
    Str markdown = { 0 };
    (void)state;
    assert_true(score(&x, "ChartQA_TEST", "index\tquestion\tanswer\tprediction\n1\tq\t10\t10\n2\tq\t1\t2\n", NULL));
    const Report r = { .scores = &x.s, .data_name = "ChartQA_TEST", .model = "m", .box_scale = 999 };
    report_markdown(&r, &markdown);
    assert_non_null(strstr(markdown.text, "| ChartQA test | 50 | 81 | 84.5 | 86 | 81.2 | 84.48 |"));
    str_free(&markdown);
    end_scored(&x);
}

TEST_MAIN(TEST(means_by_split_or_else_by_category), TEST(missing_texts_are_nan_on_both_sides),
          TEST(ocrbench_has_five_groups), TEST(mme_adds_both_right_to_the_share), TEST(pope_is_f1),
          TEST(hallusionbench_asks_for_whole_figures_and_questions), TEST(choices_by_split_and_ability),
          TEST(open_questions_of_mmmu_get_two_options), TEST(mmbench_wants_all_rotations),
          TEST(mathvista_without_a_judge), TEST(refcoco_is_the_mean_of_its_splits), TEST(the_scale_of_boxes_can_decide),
          TEST(scenes_by_task_and_unseen), TEST(bad_answers_name_row_and_column), TEST(a_text_in_brackets_is_a_text),
          TEST(shards_give_the_figures_of_the_whole), TEST(comparison_tells_better_from_chance), TEST(wilson_interval),
          TEST(reports_are_text_never_markup), TEST(published_figures_stand_beside_ours))
