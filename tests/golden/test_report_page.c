/* test_report_page.c - the report of an evaluation in a real browser: the pictures are seen, and the boxes on them. */
int make_benchmarks_main(int argc, char **argv);
#define main make_benchmarks_main
#include "../../tools/make_benchmarks.c"
#undef main

#include "eval/report.h"
#include "temp_folder.h"

/* Debian's name and that of others; NULL: there is none. */
static const char *browser(void)
{
    static const char *const NAMES[] = { "chromium", "chromium-browser", "google-chrome" };
    for (int i = 0; i < 3; i++) {
        char command[64];
        snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", NAMES[i]);
        if (system(command) == 0) return NAMES[i];
    }
    return NULL;
}

/* RefCOCO's table with answers: a box beside the right one. */
static void add_answers(const char *folder, Str *out)
{
    Str path = { 0 };
    Tsv t;
    TsvCells c = { 0 };
    Error e;
    str_printf(&path, "%s/RefCOCO_SMALL.tsv", folder);
    assert_true(tsv_open(&t, path.text, &(TsvOptions){ 0 }, &e));
    for (int i = 0; i < t.n_columns; i++)
        if (strcmp(t.column[i], "image") != 0) str_printf(out, "%s\t", t.column[i]);
    str_puts(out, "prediction\n");
    for (size_t row = 0; row < t.n; row++) {
        assert_true(tsv_read(&t, row, &c, &e));
        for (int i = 0; i < t.n_columns; i++)
            if (strcmp(t.column[i], "image") != 0) str_printf(out, "%s\t", tsv_cell_at(&c, i, NULL));
        str_puts(out, "the field[[30, 700, 400, 980]]\n");
    }
    tsv_cells_free(&c);
    tsv_close(&t);
    str_free(&path);
}

static void write_report(TempFolder *f)
{
    Str answers = { 0 }, html = { 0 };
    Scores s;
    Tsv data;
    Error e;
    add_answers(f->folder, &answers);
    temp_write(f, "answers.tsv", answers.text, answers.n);
    const char *path = temp_path(f, "answers.tsv");
    assert_true(scores_open(&s, &path, 1, &(ScoreOptions){ .task = task_find("RefCOCO"), .box_scale = 999 }, &e));
    assert_true(tsv_open(&data, temp_path(f, "RefCOCO_SMALL.tsv"), &(TsvOptions){ 0 }, &e));
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

/* Pixels that are nearly of this colour. */
static int count_colour(const Image *i, int r, int g, int b)
{
    int n = 0;
    for (int k = 0; k < i->w * i->h; k++) {
        const uint8_t *p = i->rgb + 3 * k;
        n += abs(p[0] - r) < 6 && abs(p[1] - g) < 6 && abs(p[2] - b) < 6;
    }
    return n;
}

static void pictures_and_boxes_are_seen_in_a_browser(void **state)
{
    TempFolder f = temp_open();
    char rows[] = "6", *argv[] = { (char[]){ "x" }, (char[]){ "--rows" }, rows, (char[]){ "-o" }, f.folder };
    const char *name = browser();
    Str command = { 0 };
    Image i;
    Error e;
    (void)state;
    if (!name) {
        printf("# skip: chromium is not there (docs/dependencies.md)\n");
        temp_close(&f);
        skip();
    }
    assert_int_equal(make_benchmarks_main(5, argv), 0);
    write_report(&f);
    str_printf(
        &command,
        "%s --headless --no-sandbox --disable-gpu --hide-scrollbars --force-color-profile=srgb --window-size=1000,1150 "
        "--user-data-dir=%s/profile --screenshot=%s/page.png file://%s/report.html >/dev/null 2>&1",
        name, f.folder, f.folder, f.folder);
    if (system(command.text) != 0) fail_msg("%s", command.text);
    if (!image_load(&i, temp_path(&f, "page.png"), &IMAGE_DEFAULTS, &e)) fail_msg("%s", e.text);
    const int picture = count_colour(&i, 90, 90, 90), right = count_colour(&i, 0x1a, 0x98, 0x50);
    const int said = count_colour(&i, 0xd7, 0x30, 0x1f);
    printf("# %d pixels of pictures, %d of right boxes, %d of answered boxes\n", picture, right, said);
    assert_true(picture > 5000); /* six pictures of 64 x 48, most of it ground */
    assert_true(right >
                600); /* six boxes with lines of 3 pixels, at least 16 x 12 each: 6 * 2 * 28 * 3, less corners */
    assert_true(said > 600);
    const char *keep = getenv("VL2_KEEP_SCREENSHOT");
    if (keep) assert_true(image_save(&i, keep, &e));
    image_free(&i);
    str_free(&command);
    snprintf(f.path[0], sizeof f.path[0], "rm -rf '%s/profile'", f.folder);
    assert_int_equal(system(f.path[0]), 0);
    temp_close(&f);
}

TEST_MAIN(TEST(pictures_and_boxes_are_seen_in_a_browser))
