/* test_report_page.c - the report of an evaluation in a real browser: the pictures are seen, and the boxes on them. */
int make_benchmarks_main(int argc, char **argv);
#define main make_benchmarks_main
#include "../../tools/make_benchmarks.c"
#undef main

#include "eval/report.h"
#include "browser.h"
#include "eval_support.h"

/* A box beside the right one. */
static void say_a_box(Str *out, const Tsv *t, const TsvCells *c, size_t row)
{
    (void)t, (void)c, (void)row;
    str_puts(out, "the field[[30, 700, 400, 980]]");
}

static void write_report(TempFolder *f)
{
    Str answers = { 0 }, html = { 0 };
    Scores s;
    Tsv data;
    Error e;
    assert_true(tsv_open(&data, temp_path(f, "RefCOCO_SMALL.tsv"), &(TsvOptions){ 0 }, &e));
    add_answer_table(&answers, &data, say_a_box, 0, 1);
    temp_write(f, "answers.tsv", answers.text, answers.n);
    const char *path = temp_path(f, "answers.tsv");
    assert_true(scores_open(&s, &path, 1, &(ScoreOptions){ .task = task_find("RefCOCO"), .box_scale = 999 }, &e));
    const Report r = {
        .scores = &s, .data = &data, .data_name = "RefCOCO", .model = "a model", .box_scale = 999, .examples = 6
    };
    report_html(&r, &html);
    temp_write(f, "report.html", html.text, html.n);
    tsv_close(&data);
    scores_close(&s);
    str_free(&answers);
    str_free(&html);
}

static void pictures_and_boxes_are_seen_in_a_browser(void **state)
{
    TempFolder f = temp_open();
    char rows[] = "6", *argv[] = { (char[]){ "x" }, (char[]){ "--rows" }, rows, (char[]){ "-o" }, f.folder };
    char page[128];
    const char *name = browser_or_skip(&f);
    Image i;
    (void)state;
    assert_int_equal(make_benchmarks_main(5, argv), 0);
    write_report(&f);
    snprintf(page, sizeof page, "file://%s/report.html", f.folder);
    screenshot(&f, name, page, (Size){ 1000, 1500 }, 1000, "evaluation", &i);
    const int picture = count_colour(&i, 90, 90, 90), right = count_colour(&i, 0x1a, 0x98, 0x50);
    const int said = count_colour(&i, 0xd7, 0x30, 0x1f);
    printf("# %d pixels of pictures, %d of right boxes, %d of answered boxes\n", picture, right, said);
    assert_true(picture > 5000); /* six pictures of 64 x 48, most of it ground */
    assert_true(right >
                600); /* six boxes with lines of 3 pixels, at least 16 x 12 each: 6 * 2 * 28 * 3, less corners */
    assert_true(said > 600);
    image_free(&i);
    temp_close(&f);
}

TEST_MAIN(TEST(pictures_and_boxes_are_seen_in_a_browser))
