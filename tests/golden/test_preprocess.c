/* test_preprocess.c - decoding, resizing, padding, tiling and the float table against the official processor's results
 * (golden/README.md section 4), bit for bit. */
#include <jansson.h>
#include <math.h>

#include "image/image.h"
#include "image/resize.h"
#include "image/tile.h"

#include "sha256.h"
#include "support.h"

static json_t *golden_json(const char *name)
{
    json_error_t where;
    json_t *j = json_load_file(golden_or_skip(name), 0, &where);
    if (!j) fail_msg("%s: %s", name, where.text);
    return j;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    if (!s) fail_msg("case.json: no string %s", key);
    return s;
}

static Size size_of(const json_t *o, const char *key)
{
    const json_t *a = json_object_get(o, key);
    assert_int_equal(json_array_size(a), 2);
    return (Size){ (int)json_integer_value(json_array_get(a, 0)), (int)json_integer_value(json_array_get(a, 1)) };
}

static void load(Image *out, const char *name)
{
    Error e;
    char path[300];
    snprintf(path, sizeof path, "preprocess/%s", name);
    if (!image_load(out, golden_path(path), &IMAGE_DEFAULTS, &e)) fail_msg("%s", e.text);
}

static void assert_hash(const void *bytes, size_t n, const char *expected, const char *what, const char *file)
{
    char hex[65];
    sha256_hex(bytes, n, hex);
    if (strcmp(hex, expected) != 0) fail_msg("%s: %s has sha256 %s, expected %s", file, what, hex, expected);
}

/* Reads the list of pictures; those that are not in the reduced data set are passed over and counted. */
static int for_each_picture(void check(const json_t *picture, const Image *decoded))
{
    json_t *root = golden_json("preprocess/case.json");
    const json_t *picture;
    size_t i;
    int n = 0, missing = 0;
    json_array_foreach(json_object_get(root, "images"), i, picture)
    {
        char path[300];
        snprintf(path, sizeof path, "preprocess/%s", text_of(picture, "file"));
        if (access(golden_path(path), F_OK) != 0) {
            missing++;
            continue;
        }
        Image decoded;
        load(&decoded, text_of(picture, "file"));
        check(picture, &decoded);
        image_free(&decoded);
        n++;
    }
    json_decref(root);
    printf("# %d pictures, %d not there\n", n, missing);
    return n;
}

static void check_decoded(const json_t *picture, const Image *i)
{
    const char *file = text_of(picture, "file");
    const Size size = size_of(picture, "size");
    if (i->w != size.w || i->h != size.h) fail_msg("%s: %d x %d, expected %d x %d", file, i->w, i->h, size.w, size.h);
    assert_hash(i->rgb, (size_t)i->w * (size_t)i->h * 3, text_of(picture, "rgb_sha256"), "decoded picture", file);
}

/* JPEG and lossy WebP too: libjpeg-turbo and libwebp are of the versions that made the data, or give the same. */
static void decoding_equals_pillow(void **state)
{
    (void)state;
    assert_true(for_each_picture(check_decoded) > 0);
}

static double tile_sum(const uint8_t *rgb, size_t n, const float table[256], bool absolute)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += absolute ? fabsf(table[rgb[i]]) : table[rgb[i]];
    return sum;
}

static void check_tile(const json_t *view, size_t i, const uint8_t *rgb, int side, const char *file)
{
    const size_t n = (size_t)side * (size_t)side * 3;
    const int at[4][3] = {
        { 0, 0, 0 }, { 1, side / 2, side / 3 }, { 2, side - 1, side - 1 }, { 0, side / 2, side / 2 }
    };
    float table[256];
    byte_to_float(0.5f, 0.5f, table);
    assert_hash(rgb, n, json_string_value(json_array_get(json_object_get(view, "tile_sha256"), i)), "tile", file);
    const double sum = json_real_value(json_array_get(json_object_get(view, "tile_float_sum"), i));
    const double abs_sum = json_real_value(json_array_get(json_object_get(view, "tile_float_abs_sum"), i));
    /* Sums of up to 442368 exact floats in double: only the order of the sum may differ. */
    assert_true(fabs(tile_sum(rgb, n, table, false) - sum) <= 1e-7);
    assert_true(fabs(tile_sum(rgb, n, table, true) - abs_sum) <= 1e-7);
    const json_t *samples = json_array_get(json_object_get(view, "tile_float_samples"), i);
    for (size_t k = 0; k < 4; k++) {
        const uint8_t byte = rgb[((size_t)at[k][1] * (size_t)side + (size_t)at[k][2]) * 3 + (size_t)at[k][0]];
        assert_true(table[byte] == (float)json_real_value(json_array_get(samples, k)));
    }
}

/* `pad` is the whole view before it is cut. */
static void check_view(const json_t *view, const Image *in, const char *file)
{
    Error e;
    Image pad, png;
    const Size size = size_of(view, "size");
    if (!image_pad(in, size.w, size.h, COLOUR_GRAY, &pad, &e)) fail_msg("%s", e.text);
    assert_hash(pad.rgb, (size_t)size.w * (size_t)size.h * 3, text_of(view, "sha256"), "padded view", file);
    char path[300];
    snprintf(path, sizeof path, "preprocess/%s", text_of(view, "png"));
    if (access(golden_path(path), F_OK) == 0) {
        load(&png, text_of(view, "png"));
        assert_memory_equal(png.rgb, pad.rgb, (size_t)size.w * (size_t)size.h * 3);
        image_free(&png);
    }
    image_free(&pad);
}

/* The candidates of the real models, scaled to a picture's image_size. */
static int candidates(Size *out, int side)
{
    json_t *root = golden_json("resolution/cases.json");
    const json_t *list = json_object_get(root, "candidate_resolutions"), *pair;
    size_t i;
    json_array_foreach(list, i, pair)
    {
        const int w = (int)json_integer_value(json_array_get(pair, 0)),
                  h = (int)json_integer_value(json_array_get(pair, 1));
        out[i] = (Size){ w / 384 * side, h / 384 * side };
    }
    const int n = (int)json_array_size(list);
    json_decref(root);
    return n;
}

static void check_tiles(const json_t *picture, const Image *in)
{
    Error e;
    Tiles t;
    Size list[32];
    const char *file = text_of(picture, "file");
    const int side = (int)json_integer_value(json_object_get(picture, "image_size"));
    const Size best = size_of(picture, "best_resolution");
    const json_t *global = json_object_get(picture, "global"), *local = json_object_get(picture, "local");
    check_view(global, in, file);
    check_view(local, in, file);
    if (!tiles_cut(&t, in, list, candidates(list, side), side, true, COLOUR_GRAY, &e)) fail_msg("%s", e.text);
    assert_int_equal(t.across * side, best.w);
    assert_int_equal(t.down * side, best.h);
    assert_int_equal(t.n, 1 + json_integer_value(json_object_get(local, "n_tiles")));
    const size_t bytes = (size_t)side * (size_t)side * 3;
    check_tile(global, 0, t.rgb, side, file);
    for (size_t i = 1; i < (size_t)t.n; i++) check_tile(local, i - 1, t.rgb + i * bytes, side, file);
    tiles_free(&t);
}

static void tiles_equal_the_processor(void **state)
{
    (void)state;
    assert_true(for_each_picture(check_tiles) > 0);
}

static void best_resolution_equals_300_cases(void **state)
{
    (void)state;
    Size list[32];
    const int n = candidates(list, 384);
    json_t *root = golden_json("resolution/cases.json");
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(root, "cases"), i, row)
    {
        int v[4];
        for (size_t k = 0; k < 4; k++) v[k] = (int)json_integer_value(json_array_get(row, k));
        const Size best = best_resolution(list, n, v[0], v[1]);
        if (best.w != v[2] || best.h != v[3])
            fail_msg("%d x %d: %d x %d, expected %d x %d", v[0], v[1], best.w, best.h, v[2], v[3]);
    }
    assert_int_equal(i, 300);
    json_decref(root);
}

static void byte_to_float_equals_the_table(void **state)
{
    (void)state;
    float table[256];
    json_t *root = golden_json("preprocess/case.json");
    const json_t *expected = json_object_get(root, "byte_to_float");
    byte_to_float(0.5f, 0.5f, table);
    assert_int_equal(json_array_size(expected), 256);
    for (size_t i = 0; i < 256; i++) assert_true(table[i] == (float)json_real_value(json_array_get(expected, i)));
    json_decref(root);
}

static void without_cropping_the_local_part_is_the_global_view(void **state)
{
    (void)state;
    Error e;
    Image in;
    Tiles t;
    Size list[32];
    golden_or_skip("preprocess/rgba.png");
    load(&in, "rgba.png");
    if (!tiles_cut(&t, &in, list, candidates(list, 112), 112, false, COLOUR_GRAY, &e)) fail_msg("%s", e.text);
    assert_int_equal(t.n, 2);
    assert_memory_equal(t.rgb, t.rgb + 112 * 112 * 3, 112 * 112 * 3);
    tiles_free(&t);
    image_free(&in);
}

/* "abc", the two-block message and the empty one of FIPS 180-4's examples: the oracle is checked first. */
static void sha256_is_right(void **state)
{
    (void)state;
    assert_hash("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc", "");
    assert_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "two blocks", "");
    assert_hash("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "nothing", "");
}

TEST_MAIN(TEST(sha256_is_right), TEST(decoding_equals_pillow), TEST(tiles_equal_the_processor),
          TEST(best_resolution_equals_300_cases), TEST(byte_to_float_equals_the_table),
          TEST(without_cropping_the_local_part_is_the_global_view))
