/* test_fuzz_eval.c - tables of benchmarks and of answers that chance has changed: every one gives scores or an error of one line, never
 * a crash (run it under the sanitizers). The same numbers at every run; VL2_FUZZ_ROUNDS multiplies them. */
#include "eval/question.h"
#include "eval/report.h"
#include "eval/scores.h"
#include "fuzz_support.h"
#include "temp_folder.h"

static const char *const words[] = { "\t",
                                     "\n",
                                     "\"",
                                     "\"\"",
                                     "\r\n",
                                     "\r",
                                     "['a', 'b']",
                                     "[",
                                     "']",
                                     "<image 1>",
                                     "\xff",
                                     "\xc3\x28",
                                     "NA",
                                     "1000001",
                                     "a_b_c_0_1_2",
                                     "[[1, 2, 3, 4]]",
                                     "<|det|>[[0, 0, 9, 9]]<|/det|>",
                                     "Yes",
                                     "no",
                                     "1e309",
                                     "%",
                                     "\\u12",
                                     "index\t",
                                     "1\t",
                                     "\xf0\x9f\x90\xbc" };
enum { N_WORDS = sizeof words / sizeof *words };

static const char table[] =
    "index\timage\tquestion\tanswer\tcategory\tl2-category\tsplit\tA\tB\tC\thint\timage_path\tquestion_type\tanswer_"
    "type\tchoices\t"
    "answer_option\ttask\tskills\twidth\theight\tbbox_x1\tbbox_y1\tbbox_x2\tbbox_y2\tprediction\n"
    "1\tAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\t\"What\t\"\"is\"\" it <image "
    "1>?\"\t['red', 'blue']\t"
    "color\tkind\tval\tred\tblue\t\tLook.\ta.png\tmulti_choice\tinteger\t['red', "
    "'blue']\tA\tmath\t['algebra']\t100\t50\t1\t2\t30\t40\t"
    "The answer is A. [[10, 20, 300, 400]]\n"
    "1000001\t1\tIs "
    "it?\t['Yes']\tcolor\tkind\tval\tred\tblue\t\t\ta.png\tfree\tfloat\t\t\tmath\tlogic\t100\t50\t1\t2\t30\t40\tYes\n";

static void use_table(const Task *task, const char *path, bool skip_bad)
{
    Scores s;
    Error e = { 0 };
    const ScoreOptions o = { .task = task, .box_scale = 999, .skip_bad = skip_bad };
    if (scores_open(&s, &path, 1, &o, &e)) {
        Str html = { 0 }, markdown = { 0 };
        Comparison c;
        compare_scores(&s, &s, &c);
        require(c.better == 0 && c.worse == 0 && c.n == s.n);
        const Report r = {
            .scores = &s, .data = &s.table[0], .data_name = task->name, .model = "m", .box_scale = 999, .examples = 5
        };
        report_html(&r, &html);
        report_markdown(&r, &markdown);
        require(utf8_is_valid(html.text, html.n) && utf8_is_valid(markdown.text, markdown.n));
        for (int i = 0; i < s.rating.n; i++) require(s.rating.line[i].value == s.rating.line[i].value);
        comparison_free(&c);
        str_free(&html);
        str_free(&markdown);
    } else {
        check_error(&e);
    }
    scores_close(&s);
}

static void use_questions(const Task *task, const char *path)
{
    Tsv t;
    TsvCells c = { 0 };
    Error e = { 0 };
    const Asking a = { task, task->ask == ASK_MMMU };
    if (tsv_open(&t, path, &(TsvOptions){ .keep_bad = true }, &e)) {
        for (size_t i = 0; i < t.n; i++) {
            Question q = { 0 };
            if (t.row[i].bad) continue;
            if (!tsv_read(&t, i, &c, &e) || !question_build(&a, &t, i, &c, i, &q, &e)) check_error(&e);
            question_free(&q);
        }
    } else {
        check_error(&e);
    }
    tsv_cells_free(&c);
    tsv_close(&t);
}

static void tables_that_chance_has_changed(void **state)
{
    Rng r = { .seed = 20 };
    TempFolder f = temp_open();
    int tasks = 0;
    (void)state;
    while (task_at(tasks)) tasks++;
    for (int i = 0; i < 600 * fuzz_rounds(); i++) {
        Str s = { 0 };
        str_add(&s, table, sizeof table - 1);
        if (i > 0) mutate_text(&r, &s, words, N_WORDS, 4);
        temp_write(&f, "t.tsv", s.text, s.n);
        const char *path = temp_path(&f, "t.tsv");
        const Task *task = task_at(i % tasks);
        use_table(task, path, i % 3 == 0);
        use_questions(task, path);
        str_free(&s);
    }
    temp_close(&f);
}

TEST_MAIN(TEST(tables_that_chance_has_changed))
