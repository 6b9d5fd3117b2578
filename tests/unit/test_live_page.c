/* test_live_page.c - the live page of training in a real browser: its script runs, the curves are seen, and samples with the boxes
 * drawn on their pictures. What is served, and to whom, is for test_dashboard.c. */
#include "browser.h"
#include "image/draw.h"
#include "train/dashboard.h"

static void write_log(TempFolder *f)
{
    Str lines = { 0 };
    str_puts(&lines, "{\"run\": {\"steps\": 40, \"model\": \"m\"}}\n");
    for (int i = 1; i <= 40; i++)
        str_printf(&lines, "{\"step\": %d, \"loss\": %g, \"rate\": 0.001, \"grad_norm\": 1}\n", i, 1 + 4.0 / i);
    str_puts(&lines, "{\"step\": 40, \"samples_shown\": [{\"where\": \"d.jsonl:1\", \"prompt\": \"Where is it?\", "
                     "\"expected\": \"there\", \"answer\": \"here\", \"picture\": \"40-0.svg\"}]}\n");
    temp_write(f, "log.jsonl", lines.text, lines.n);
    str_free(&lines);
}

/* A grey picture with one box. */
static void write_picture(TempFolder *f)
{
    const DrawnBox box = { .label = "", .x0 = 40, .y0 = 40, .x1 = 260, .y1 = 160 };
    Image i;
    Error e;
    if (!image_new(&i, 300, 200, &e)) fail_msg("%s", e.text);
    memset(i.rgb, 90, (size_t)i.w * (size_t)i.h * 3);
    if (!draw_save(&i, &box, 1, temp_path(f, "40-0.svg"), &e)) fail_msg("%s", e.text);
    image_free(&i);
}

static void curves_and_samples_with_boxes_are_seen_in_a_browser(void **state)
{
    TempFolder f = temp_open();
    char page[64];
    const char *name = browser_or_skip(&f), *log = temp_path(&f, "log.jsonl");
    Dashboard *d;
    Image i;
    Error e;
    (void)state;
    write_log(&f);
    write_picture(&f);
    if (!dashboard_open(&d, &log, 1, 0, &e)) fail_msg("%s", e.text);
    snprintf(page, sizeof page, "http://127.0.0.1:%d/", dashboard_port(d));
    screenshot(&f, name, page, (Size){ 1200, 1600 }, 5000, "training", &i);
    dashboard_close(d);
    const int curve = count_colour(&i, 9, 105, 218), picture = count_colour(&i, 90, 90, 90);
    const int box = count_colour(&i, 255, 0, 0);
    printf("# %d pixels of curves, %d of the sample's picture, %d of its box\n", curve, picture, box);
    assert_true(curve > 500);    /* lines of the three panels */
    assert_true(picture > 5000); /* 300 x 200, perhaps smaller on the page */
    assert_true(box > 200);      /* 2 (220 + 120) pixels around, some of them mixed with what is beside */
    image_free(&i);
    temp_close(&f);
}

TEST_MAIN(TEST(curves_and_samples_with_boxes_are_seen_in_a_browser))
