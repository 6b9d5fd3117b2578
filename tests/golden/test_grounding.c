/* test_grounding.c - boxes are those of the official parser, to the pixel; repairs are made where it gives up. */
#include "text/grounding.h"

#include <jansson.h>

#include "format/json.h"

#include "support.h"

static json_t *cases_or_skip(void)
{
    Error e;
    json_t *file = json_parse_file(golden_or_skip("grounding/cases.json"), (size_t)1 << 26, &e);
    if (!file) fail_msg("%s", e.text);
    return file;
}

static int number(const json_t *object, const char *key)
{
    return (int)json_integer_value(json_object_get(object, key));
}

static void check_box(const Box *b, const json_t *want, int w, int h, const json_t *c)
{
    const json_t *box = json_object_get(want, "box");
    if (strcmp(b->label, json_string_value(json_object_get(want, "label"))) != 0)
        fail_msg("the label \"%s\" in %s", b->label, json_dumps(c, 0));
    for (int i = 0; i < 4; i++) {
        const int pixel = grounding_pixel(b->norm[i], i % 2 ? h : w);
        if (pixel != json_integer_value(json_array_get(box, (size_t)i)))
            fail_msg("coordinate %d is %d in %s", i, pixel, json_dumps(c, 0));
    }
}

static void strict_boxes_are_the_official_ones(void **state)
{
    (void)state;
    json_t *file = cases_or_skip();
    const json_t *cases = json_object_get(file, "cases");
    size_t boxes = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *text = json_object_get(c, "text"),
                     *want = json_object_get(c, "result");
        Grounding g;
        const bool ok = grounding_parse_strict(json_string_value(text), json_string_length(text), &g);
        if (ok != (json_array_size(want) > 0) || g.n != json_array_size(want))
            fail_msg("%zu boxes in %s", g.n, json_dumps(c, 0));
        for (size_t k = 0; k < g.n; k++)
            check_box(&g.box[k], json_array_get(want, k), number(c, "width"), number(c, "height"), c);
        boxes += g.n;
        grounding_free(&g);
    }
    printf("# %zu answers, %zu boxes\n", json_array_size(cases), boxes);
    assert_int_equal(json_array_size(cases), 112);
    json_decref(file);
}

static void pixels_are_the_official_ones(void **state)
{
    (void)state;
    json_t *file = cases_or_skip();
    const json_t *rows = json_object_get(file, "scaling");
    assert_true(json_array_size(rows) > 0);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_int_t v[3];
        for (size_t k = 0; k < 3; k++) v[k] = json_integer_value(json_array_get(json_array_get(rows, i), k));
        if (grounding_pixel((double)v[0], (int)v[1]) != v[2]) fail_msg("%d of %d", (int)v[0], (int)v[1]);
    }
    json_decref(file);
}

/* Where the strict form holds and nothing is out of range or order, the tolerant one changes nothing. */
static void tolerant_leaves_good_answers_alone(void **state)
{
    (void)state;
    static const char text[] = "A <|ref|>cat<|/ref|><|det|>[[1, 2, 30, 40], [5, 6, 70, 80]]<|/det|> "
                               "and <|ref|>dog<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>";
    static const double want[3][4] = { { 1, 2, 30, 40 }, { 5, 6, 70, 80 }, { 0, 0, 999, 999 } };
    Grounding g;
    assert_true(grounding_parse_tolerant(text, sizeof text - 1, &g));
    assert_int_equal(g.n, 3);
    assert_int_equal(g.repairs.n, 0);
    for (int i = 0; i < 3; i++) assert_memory_equal(g.box[i].norm, want[i], sizeof want[i]);
    assert_ptr_equal(g.box[0].label, g.box[1].label);
    assert_string_equal(g.box[2].label, "dog");
    assert_int_equal(g.box[1].group, 0);
    assert_int_equal(g.box[2].group, 1);
    grounding_free(&g);
}

static void tolerant_repairs_and_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t boxes;
        double first[4];
        const char *says;
    } rows[] = {
        { "<|ref|>cat<|/ref|><|det|>[[1, 2, 3, 4]]", 1, { 1, 2, 3, 4 }, "a det is not closed" },
        { "<|ref|>cat<|det|>[[1, 2, 3, 4]]<|/det|>", 1, { 1, 2, 3, 4 }, "a ref is not closed" },
        { "<|ref|>cat<|/ref|><|det|>[[1, 2, 3, 4]]<|det|>[[5, 6, 7, 8", 2, { 1, 2, 3, 4 }, "a det has no ref" },
        { "<|det|>[[1, 2, 3, 4]]<|/det|>", 1, { 1, 2, 3, 4 }, "a det has no ref: its label is empty" },
        { "<|ref|>a<|/ref|><|ref|>b<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>",
          1,
          { 1, 2, 3, 4 },
          "\"a\" has no det: left out" },
        { "<|ref|>cat<|/ref|><|det|>[1, 2, 3, 4]<|/det|>", 1, { 1, 2, 3, 4 }, NULL },
        { "<|ref|>cat<|/ref|><|det|> [[1, 2,\n3, 4]]<|/det|>", 1, { 1, 2, 3, 4 }, NULL },
        { "<|ref|>cat<|/ref|><|det|>1, 2, 3, 4<|/det|>", 1, { 1, 2, 3, 4 }, NULL },
        { "<|ref|>cat<|/ref|><|det|>[[1, 2], [3, 4]]<|/det|>", 1, { 1, 2, 3, 4 }, NULL },
        { "<|ref|>cat<|/ref|><|det|>[[[1, 2, 3, 4]]]<|/det|>", 1, { 1, 2, 3, 4 }, NULL },
        { "<|ref|>cat<|/ref|><|det|>[[1, 2, 3]]<|/det|>",
          0,
          { 0 },
          "box 1 of \"cat\": 3 numbers, expected 4: left out" },
        { "<|ref|>cat<|/ref|><|det|>[[1, 2, 3], [5, 6, 7, 8]]<|/det|>", 1, { 5, 6, 7, 8 }, "3 numbers, expected 4" },
        { "<|ref|>cat<|/ref|><|det|>[[1, 2, 3, 4, 5, 6, 7, 8], [9]]<|/det|>",
          2,
          { 1, 2, 3, 4 },
          "8 numbers in a list" },
        { "<|ref|>cat<|/ref|><|det|>[[1, 2, 3, 4, 5]]", 1, { 1, 2, 3, 4 }, "5 numbers in a list" },
        { "<|ref|>cat<|/ref|><|det|>[[9, 2, 3, 4]]<|/det|>", 1, { 3, 2, 9, 4 }, "x1 = 9 is over x2 = 3, exchanged" },
        { "<|ref|>cat<|/ref|><|det|>[[1, 2, 3, 9999]]<|/det|>",
          1,
          { 1, 2, 3, 999 },
          "box 1 of \"cat\": 9999, taken as 999" },
        { "<|ref|>cat<|/ref|><|det|>[[-7, 2, 3, 4]]<|/det|>", 1, { 0, 2, 3, 4 }, "-7, taken as 0" },
        { "<|ref|>cat<|/ref|><|det|>[[0.5, 0, 1, 1]]<|/det|>", 1, { 499.5, 0, 999, 999 }, "parts of 1" },
        { "<|ref|>cat<|/ref|><|det|>[[1.5, 2.5, 3.5, 4.5]]<|/det|>", 1, { 1.5, 2.5, 3.5, 4.5 }, NULL },
        { "<|ref|>cat<|/ref|><|det|>[[012, 13, 14, 15]]<|/det|>", 1, { 12, 13, 14, 15 }, NULL },
        { "<|ref|>cat<|/ref|><|det|>[[x1=1, y1=2, x2=3, y2=4]]<|/det|>", 1, { 1, 2, 3, 4 }, NULL },
        { "<|ref|>cat<|/ref|><|det|>[[__import__('os'), 1, 2, 3]]<|/det|>", 0, { 0 }, "3 numbers" },
        { "<|/ref|>cat<|ref|><|/det|>[[1, 2, 3, 4]]<|det|>", 0, { 0 }, "no box is given" },
        { "<|ref|><|ref|><|ref|>", 0, { 0 }, "a ref is not closed" },
        { "no boxes here", 0, { 0 }, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Grounding g;
        const bool ok = grounding_parse_tolerant(rows[i].text, strlen(rows[i].text), &g);
        const char *says = g.repairs.n ? g.repairs.text : "";
        if (ok != (rows[i].boxes > 0) || g.n != rows[i].boxes)
            fail_msg("%zu boxes in %s (%s)", g.n, rows[i].text, says);
        for (int k = 0; ok && k < 4; k++)
            if (g.box[0].norm[k] != rows[i].first[k])
                fail_msg("value %d is %g in %s", k, g.box[0].norm[k], rows[i].text);
        if (rows[i].says && !strstr(says, rows[i].says))
            fail_msg("\"%s\" is not said of %s: %s", rows[i].says, rows[i].text, says);
        grounding_free(&g);
    }
}

TEST_MAIN(TEST(strict_boxes_are_the_official_ones), TEST(pixels_are_the_official_ones),
          TEST(tolerant_leaves_good_answers_alone), TEST(tolerant_repairs_and_says_so))
