/* test_figure.c - axes have round ticks, and one figure becomes an SVG and the same picture. */
#include "image/figure.h"
#include "train/axis.h"
#include "train/curves.h"

#include <math.h>

#include "temp_folder.h"

static void assert_ticks(double lo, double hi, AxisKind kind, const char *expected)
{
    Axis a;
    char label[AXIS_LABEL], all[512] = "";
    axis_fit(&a, lo, hi, kind);
    const double rounding = 1e-9 * (a.hi - a.lo);
    assert_true(a.lo < a.hi && a.lo <= lo + rounding && a.hi >= hi - rounding);
    for (int i = 0; i < a.n_ticks; i++) {
        if (i) strcat(all, " ");
        strcat(all, axis_label(a.tick[i], label));
    }
    assert_string_equal(all, expected);
}

static void axes_have_round_ticks(void **state)
{
    (void)state;
    assert_ticks(0.12, 9.7, AXIS_ROUND, "0 2 4 6 8 10");
    assert_ticks(0.12, 9.7, AXIS_AUTO, "0.2 0.5 1 2 5 10");
    assert_ticks(1e-5, 3, AXIS_AUTO, "1e-05 0.0001 0.001 0.01 0.1 1");
    assert_ticks(1.9, 2.3, AXIS_AUTO, "1.9 2 2.1 2.2 2.3");
    assert_ticks(1, 3000, AXIS_TIGHT, "1000 2000 3000");
    assert_ticks(0, 3e-4, AXIS_ROUND, "0 0.0001 0.0002 0.0003");
    assert_ticks(-0.3, 0.3, AXIS_ROUND, "-0.4 -0.2 0 0.2 0.4");
    assert_ticks(0, 0, AXIS_AUTO, "-1 -0.5 0 0.5 1");
    assert_ticks(5, 5, AXIS_TIGHT, "4.9996 4.9998 5 5.0002 5.0004");
}

/* Whatever a file may hold: the ends stand around the values, and both are placed between 0 and 1. */
static void axes_stand_any_numbers(void **state)
{
    (void)state;
    const double value[] = { -1e30, -1, -1e-300, 0, 1e-320, 1e-300, 1e-31, 1e-29, 1, 1 + 1e-15, 1e9, 9e15, 1e30 };
    const int n = sizeof value / sizeof *value;
    for (int i = 0; i < n; i++) {
        for (int k = i; k < n; k++) {
            for (AxisKind kind = AXIS_TIGHT; kind <= AXIS_AUTO; kind++) {
                Axis a;
                axis_fit(&a, value[i], value[k], kind);
                const double lo = axis_place(&a, value[i]), hi = axis_place(&a, value[k]);
                if (!(lo >= -1e-9 && hi >= lo && hi <= 1 + 1e-9))
                    fail_msg("%g to %g, kind %d: at %g and %g", value[i], value[k], (int)kind, lo, hi);
                for (int t = 1; t < a.n_ticks; t++) assert_true(a.tick[t - 1] < a.tick[t]);
            }
        }
    }
}

static void svg_text_is_never_markup(void **state)
{
    (void)state;
    Figure f;
    Str out = { 0 };
    figure_open(&f, 100, 50, (Colour){ 255, 255, 255 });
    figure_text(&f, 1, 2, ALIGN_RIGHT, true, (Colour){ 1, 2, 3 }, "</text><script>\x01\xff\"&");
    figure_svg(&f, &out);
    assert_null(strstr(out.text, "<script"));
    assert_non_null(strstr(out.text,
                           "text-anchor=\"end\" font-weight=\"600\" fill=\"#010203\">&lt;/text&gt;&lt;script&gt; "
                           "\xef\xbf\xbd&quot;&amp;</text>"));
    str_free(&out);
    figure_close(&f);
}

static const uint8_t *pixel_at(const Image *i, int x, int y)
{
    return i->rgb + ((size_t)y * (size_t)i->w + (size_t)x) * 3;
}

static void picture_has_what_was_drawn(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    Figure f;
    Image i;
    Error e;
    const Colour red = { 200, 0, 0 }, blue = { 0, 0, 200 }, green = { 0, 200, 0 };
    figure_open(&f, 100, 50, (Colour){ 255, 255, 255 });
    figure_field(&f, 10, 10, 5, 5, red);
    figure_line(&f, (Spot[]){ { -1e9, 30 }, { 1e9, 30 }, { 50, -1e12 } }, 3, 4, blue);
    figure_line(&f, &(Spot){ 80, 15 }, 1, 6, green);
    figure_text(&f, 99, 49, ALIGN_RIGHT, false, (Colour){ 0 }, "\xe2\x96\x88"); /* a full block: 8 pixels of the font */
    assert_true(figure_save(&f, temp_path(&t, "f.png"), &e));
    assert_true(image_load(&i, temp_path(&t, "f.png"), &IMAGE_DEFAULTS, &e));
    assert_true(i.w == 200 && i.h == 100);
    assert_memory_equal(pixel_at(&i, 0, 0), ((uint8_t[]){ 255, 255, 255 }), 3);
    assert_memory_equal(pixel_at(&i, 20, 29), ((uint8_t[]){ 200, 0, 0 }), 3);
    assert_memory_equal(pixel_at(&i, 19, 29), ((uint8_t[]){ 255, 255, 255 }), 3);
    assert_memory_equal(pixel_at(&i, 0, 60), ((uint8_t[]){ 0, 0, 200 }), 3);
    assert_memory_equal(pixel_at(&i, 199, 57), ((uint8_t[]){ 0, 0, 200 }), 3);
    assert_memory_equal(pixel_at(&i, 0, 70), ((uint8_t[]){ 255, 255, 255 }), 3);
    assert_memory_equal(pixel_at(&i, 160, 30), ((uint8_t[]){ 0, 200, 0 }), 3);
    assert_memory_equal(pixel_at(&i, 160, 34), ((uint8_t[]){ 0, 200, 0 }), 3);
    assert_memory_equal(pixel_at(&i, 160, 38), ((uint8_t[]){ 255, 255, 255 }), 3);
    assert_memory_equal(pixel_at(&i, 190, 90), ((uint8_t[]){ 0, 0, 0 }), 3);
    assert_memory_equal(pixel_at(&i, 180, 90), ((uint8_t[]){ 255, 255, 255 }), 3);
    image_free(&i);
    assert_false(figure_save(&f, temp_path(&t, "none/f.svg"), &e));
    assert_non_null(strstr(e.text, "none/f.svg: cannot create"));
    figure_close(&f);
    temp_close(&t);
}

/* A spike between thousands of steps is in the chart: stretches are drawn by their lowest and highest point. */
static void spikes_are_not_lost(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    TrainHistory h;
    Figure f;
    Error e;
    Str log = { 0 }, svg = { 0 };
    for (int i = 1; i <= 20000; i++) str_printf(&log, "{\"step\": %d, \"rate\": %d}\n", i, i == 7777 ? 10 : 1);
    temp_write(&t, "log", log.text, log.n);
    train_history_open(&h, temp_path(&t, "log"));
    assert_true(train_history_update(&h, &e));
    curves_draw(&h, 1, &f);
    figure_svg(&f, &svg);
    assert_true(svg.n < 60000);
    const char *line = strstr(strstr(svg.text, "<polyline") + 1, "<polyline"); /* behind the legend's */
    double lowest = INFINITY, highest = -INFINITY;
    for (const char *p = strstr(line, "points=\"") + 8; *p != '"'; p = strchr(p, ' ') + 1) {
        const double y = atof(strchr(p, ',') + 1);
        lowest = fmin(lowest, y);
        highest = fmax(highest, y);
    }
    printf("# the line goes from %g down to %g\n", lowest, highest);
    assert_true(highest - lowest > 200); /* of a panel that is 248 high and stands for 0 to 10 */
    str_free(&svg);
    str_free(&log);
    figure_close(&f);
    train_history_close(&h);
    temp_close(&t);
}

TEST_MAIN(TEST(axes_have_round_ticks), TEST(axes_stand_any_numbers), TEST(svg_text_is_never_markup),
          TEST(picture_has_what_was_drawn), TEST(spikes_are_not_lost))
