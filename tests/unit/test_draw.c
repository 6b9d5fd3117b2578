/* test_draw.c - boxes and labels where they belong, in any script, as pixels and as SVG. */
#include "image/draw.h"
#include "image/font.h"
#include "image_support.h"

static Image gray(int w, int h)
{
    Error e;
    Image i;
    if (!image_new(&i, w, h, &e)) fail_msg("%s", e.text);
    memset(i.rgb, 90, (size_t)w * (size_t)h * 3);
    return i;
}

static int count(const Image *i, int x0, int y0, int x1, int y1, const uint8_t rgb[3])
{
    int n = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) n += memcmp(pixel(i, x, y), rgb, 3) == 0;
    return n;
}

static const uint8_t RED[3] = { 255, 0, 0 }, WHITE[3] = { 255, 255, 255 };

static void box_lines_are_three_pixels_at_1000(void **state)
{
    (void)state;
    Image i = gray(1000, 600);
    const DrawnBox box = { "", 100, 200, 300, 400, 0 };
    draw_boxes(&i, &box, 1);
    static const int ON[][2] = { { 100, 200 }, { 102, 300 }, { 300, 400 }, { 298, 300 }, { 200, 202 }, { 200, 398 } };
    static const int OFF[][2] = { { 99, 200 }, { 103, 300 }, { 301, 400 }, { 297, 300 }, { 200, 203 }, { 200, 199 } };
    for (int k = 0; k < 6; k++) {
        assert_pixel(&i, ON[k][0], ON[k][1], 255, 0, 0);
        assert_pixel(&i, OFF[k][0], OFF[k][1], 90, 90, 90);
    }
    image_free(&i);
}

static void corners_in_any_order_give_the_same_box(void **state)
{
    (void)state;
    static const DrawnBox SAME[] = { { "a", 20, 40, 90, 70, 1 },
                                     { "a", 90, 70, 20, 40, 1 },
                                     { "a", 20, 70, 90, 40, 1 } };
    Image first = gray(120, 100);
    draw_boxes(&first, &SAME[0], 1);
    for (int k = 1; k < 3; k++) {
        Image i = gray(120, 100);
        draw_boxes(&i, &SAME[k], 1);
        assert_same_image(&first, &i);
        image_free(&i);
    }
    image_free(&first);
}

static void colours_are_the_official_thirteen(void **state)
{
    (void)state;
    static const uint8_t PALETTE[13][3] = {
        { 255, 0, 0 },     { 0, 255, 0 },     { 0, 0, 255 },     { 0, 255, 255 },   { 255, 255, 0 },
        { 255, 0, 255 },   { 127, 127, 127 }, { 255, 255, 127 }, { 255, 127, 255 }, { 127, 255, 255 },
        { 127, 127, 255 }, { 127, 255, 127 }, { 255, 127, 127 },
    };
    for (int group = 0; group < 30; group++) {
        Image i = gray(50, 50);
        const DrawnBox box = { "", 10, 10, 40, 40, group };
        draw_boxes(&i, &box, 1);
        assert_memory_equal(pixel(&i, 10, 20), PALETTE[group % 13], 3);
        image_free(&i);
    }
}

static void boxes_anywhere_are_clipped(void **state)
{
    (void)state;
    static const DrawnBox BOXES[] = {
        { "far", -2147483647 - 1, -2147483647 - 1, 2147483647, 2147483647, 0 },
        { "left", -50, 10, 20, 30, 1 },
        { "gone", 500, 500, 900, 900, 2 },
        { "point", 30, 30, 30, 30, 3 },
        { "thin", 5, 40, 70, 40, 4 },
        { "", 79, 59, 79, 59, -1 },
    };
    static const int SIZES[][2] = { { 80, 60 }, { 1, 1 }, { 1, 300 }, { 300, 1 }, { 3, 3 } };
    for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
        Image i = gray(SIZES[s][0], SIZES[s][1]);
        draw_boxes(&i, BOXES, sizeof BOXES / sizeof *BOXES);
        image_free(&i);
    }
    Image i = gray(80, 60);
    draw_boxes(&i, BOXES + 3, 1);
    assert_pixel(&i, 30, 30, 0, 255, 255);
    assert_pixel(&i, 32, 32, 90, 90, 90);
    image_free(&i);
}

/* A label stands above its box: a field of the box's colour with ink in it. */
static void labels_have_ink_in_any_script(void **state)
{
    (void)state;
    static const char *const LABELS[] = { "giraffe", "长颈鹿", "жираф", "キリン", "기린", "ยีราฟ", "😀", "\xff\xfe" };
    for (size_t k = 0; k < sizeof LABELS / sizeof *LABELS; k++) {
        Image i = gray(300, 200);
        const DrawnBox box = { LABELS[k], 50, 100, 250, 180, 0 };
        draw_boxes(&i, &box, 1);
        const int ground = count(&i, 50, 82, 250, 100, RED), ink = count(&i, 50, 82, 250, 100, WHITE);
        if (ground < 100 || ink < 15) fail_msg("\"%s\": %d pixels of ground, %d of ink", LABELS[k], ground, ink);
        image_free(&i);
    }
}

/* U+4E2D as Unifont draws it: a frame crossed by one stroke from top to bottom. */
static void font_knows_chinese(void **state)
{
    (void)state;
    const FontGlyph g = font_glyph(0x4e2d);
    int ink = 0, stroke = 0;
    assert_int_equal(g.w, 16);
    assert_int_equal(g.advance, 16);
    for (int y = 0; y < 16; y++) {
        int column = 0;
        for (int x = 0; x < 16; x++) {
            ink += font_ink(&g, x, y);
            column |= (x == 7 || x == 8) && font_ink(&g, x, y);
        }
        stroke += column;
    }
    assert_true(ink > 40);
    assert_true(stroke >= 14);
}

static void font_has_a_shape_for_everything(void **state)
{
    (void)state;
    const FontGlyph unknown = font_glyph(0xfffd);
    for (uint32_t c = 0; c < 0x11000; c++) {
        const FontGlyph g = font_glyph(c);
        assert_true(g.w == 0 || (g.rows && (g.w == 8 || g.w == 16)));
        assert_true(g.advance == g.w || g.advance == 0);
    }
    assert_ptr_equal(font_glyph(0x1f600).rows, unknown.rows); /* beyond plane 0 */
    assert_int_equal(font_glyph('A').advance, 8);
    assert_int_equal(font_glyph(0x301).advance, 0); /* a combining accent */
    assert_true(font_glyph(0x301).shift < 0);
    assert_int_equal(font_glyph(0x200d).w, 0); /* a joiner */
}

static void labels_do_not_cover_each_other(void **state)
{
    (void)state;
    Image i = gray(300, 200);
    const DrawnBox same[] = { { "one", 50, 60, 250, 180, 0 }, { "two", 50, 60, 250, 180, 2 } };
    static const uint8_t BLUE[3] = { 0, 0, 255 };
    draw_boxes(&i, same, 2);
    assert_true(count(&i, 50, 42, 250, 60, RED) > 100); /* above */
    assert_true(count(&i, 50, 62, 90, 78, BLUE) > 100); /* inside */
    image_free(&i);
}

static void long_labels_are_cut_to_the_picture(void **state)
{
    (void)state;
    char label[5001];
    memset(label, 'M', sizeof label - 1);
    label[sizeof label - 1] = 0;
    Image i = gray(200, 100);
    const DrawnBox box = { label, 150, 50, 190, 90, 0 };
    draw_boxes(&i, &box, 1);
    assert_true(count(&i, 0, 32, 200, 50, WHITE) > 500);
    image_free(&i);
}

static char *svg_of(const DrawnBox *boxes, int n)
{
    Error e;
    char path[] = "/tmp/vl2-test-XXXXXX.svg", *text = NULL;
    size_t length;
    close(mkstemps(path, 4));
    Image i = gray(400, 48);
    if (!draw_save(&i, boxes, n, path, &e) || !file_read(path, 1 << 20, &text, &length, &e)) fail_msg("%s", e.text);
    unlink(path);
    image_free(&i);
    return text;
}

static void svg_escapes_labels(void **state)
{
    (void)state;
    const DrawnBox box = { "<script>\"a\"&\x01\x1b[31m", 5, 20, 60, 40, 0 };
    char *text = svg_of(&box, 1);
    assert_null(strstr(text, "<script"));
    assert_null(strchr(text, 0x1b));
    assert_null(strchr(text, 1));
    free(text);
    const DrawnBox wide = { "<b>&\"", 5, 20, 60, 40, 0 };
    text = svg_of(&wide, 1);
    assert_non_null(strstr(text, ">&lt;b&gt;&amp;&quot;</text>"));
    free(text);
}

static int base64_value(char c)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(DIGITS, c) : NULL;
    return at ? (int)(at - DIGITS) : -1;
}

static void svg_embeds_the_picture(void **state)
{
    (void)state;
    char *text = svg_of(NULL, 0);
    const char *p = strstr(text, ";base64,");
    assert_non_null(p);
    Str bytes = { 0 };
    uint32_t bits = 0;
    int n = 0;
    for (p += 8; base64_value(*p) >= 0; p++) {
        bits = bits << 6 | (uint32_t)base64_value(*p);
        n += 6;
        if (n < 8) continue;
        n -= 8;
        str_putc(&bytes, (char)(unsigned char)(bits >> n));
    }
    Image i = decode_ok(bytes.text, bytes.n);
    assert_int_equal(i.w, 400);
    assert_pixel(&i, 30, 30, 90, 90, 90);
    image_free(&i);
    str_free(&bytes);
    free(text);
}

static void drawn_png_is_saved_and_the_picture_kept(void **state)
{
    (void)state;
    Error e;
    char path[] = "/tmp/vl2-test-XXXXXX.png";
    close(mkstemps(path, 4));
    Image i = gray(64, 48), back;
    const DrawnBox box = { "x", 5, 20, 60, 40, 0 };
    if (!draw_save(&i, &box, 1, path, &e) || !image_load(&back, path, &IMAGE_DEFAULTS, &e)) fail_msg("%s", e.text);
    assert_pixel(&back, 5, 20, 255, 0, 0);
    assert_pixel(&i, 5, 20, 90, 90, 90);
    assert_false(draw_save(&i, &box, 1, "x.gif", &e));
    assert_int_equal(e.code, ERR_USAGE);
    unlink(path);
    image_free(&i);
    image_free(&back);
}

TEST_MAIN(TEST(box_lines_are_three_pixels_at_1000), TEST(corners_in_any_order_give_the_same_box),
          TEST(colours_are_the_official_thirteen), TEST(boxes_anywhere_are_clipped),
          TEST(labels_have_ink_in_any_script), TEST(font_knows_chinese), TEST(font_has_a_shape_for_everything),
          TEST(labels_do_not_cover_each_other), TEST(long_labels_are_cut_to_the_picture), TEST(svg_escapes_labels),
          TEST(svg_embeds_the_picture), TEST(drawn_png_is_saved_and_the_picture_kept))
