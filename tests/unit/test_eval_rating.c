/* test_eval_rating.c - tables of answers become figures: bad cells, shards, comparison, reports. test_eval_sums.c has the sums of each
 * benchmark. */
#include "eval/comparison.h"
#include "eval/report.h"

#include <math.h>

#include "eval_support.h"

typedef struct {
    LineName line;
    double value;
} Figure;

static void check_figures(const char *task, const char *table, const Figure *f, size_t n)
{
    Scored x;
    double worst = 0;
    if (!score(&x, task, table, NULL)) fail_msg("%s", x.e.text);
    for (size_t i = 0; i < n; i++) {
        const LineName *name = &f[i].line;
        const RatingLine *found = find_line(&x.s.rating, name);
        if (!found) fail_msg("%s: no line %s %s %s", task, name->part, name->name, name->figure);
        worst = fmax(worst, fabs(found->value - f[i].value));
    }
    assert_within(task, worst, 1e-9); /* shares of small whole numbers, times 100 */
    end_scored(&x);
}
#define CHECK(task, table, ...)                                                                                        \
    check_figures(task, table, (const Figure[]){ __VA_ARGS__ },                                                        \
                  sizeof((const Figure[]){ __VA_ARGS__ }) / sizeof(Figure))

static void missing_texts_are_nan_on_both_sides(void **state)
{
    (void)state;
    CHECK("GQA", "index\tquestion\tanswer\tprediction\n1\tq\tNone\t\n2\tq\tn/a\tnan\n3\tq\tnone\t\n",
          { { "Overall", "", "accuracy" }, 200.0 / 3 });
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
          "99]]<|/det|>\n"
          "5\tq\t<|ref|>a<|/ref|><|det|>[[0, 0, 99, 99]]<|/det|>\tsame\tseen\t<|ref|>a<|/ref|><|det|>[[0, 0, 99, "
          "60]]<|/det|>\n",
          { { "Overall", "", "accuracy" }, 60 }, { { "task", "same", "accuracy" }, 100 },
          { { "task", "colour", "accuracy" }, 50 }, { { "task", "ground", "accuracy" }, 100 },
          { { "task", "caption", "accuracy" }, 0 }, { { "split", "unseen", "accuracy" }, 50 });
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
    CHECK("DocVQA", "index\tquestion\tanswer\tprediction\n1\tq\t[unused]\t[unused]\n",
          { { "Overall", "", "ANLS" }, 100 });
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

TEST_MAIN(TEST(missing_texts_are_nan_on_both_sides), TEST(the_scale_of_boxes_can_decide),
          TEST(scenes_by_task_and_unseen), TEST(bad_answers_name_row_and_column), TEST(a_text_in_brackets_is_a_text),
          TEST(shards_give_the_figures_of_the_whole), TEST(comparison_tells_better_from_chance), TEST(wilson_interval),
          TEST(reports_are_text_never_markup), TEST(published_figures_stand_beside_ours))
