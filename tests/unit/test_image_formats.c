/* test_image_formats.c - corners of the formats that the golden pictures leave out, on files written here byte by byte. */
#include <stdio.h>

#include <gif_lib.h>
#include <jpeglib.h>
#include <math.h>
#include <png.h>

#include "image_support.h"

/* Pixels as a string of digits or letters: names of colours in the tests below. */
static void assert_pixels(const Image *i, int w, int h, const char *expected)
{
    static const struct {
        char name;
        uint8_t rgb[3];
    } COLOURS[] = { { 'k', { 0, 0, 0 } },   { 'w', { 255, 255, 255 } }, { 'r', { 255, 0, 0 } },
                    { 'g', { 0, 255, 0 } }, { 'b', { 0, 0, 255 } },     { 'y', { 255, 255, 0 } } };
    assert_int_equal(i->w, w);
    assert_int_equal(i->h, h);
    for (int k = 0; k < w * h; k++)
        for (size_t c = 0; c < sizeof COLOURS / sizeof *COLOURS; c++)
            if (COLOURS[c].name == expected[k])
                assert_pixel(i, k % w, k / w, COLOURS[c].rgb[0], COLOURS[c].rgb[1], COLOURS[c].rgb[2]);
}

/* ---- BMP ---- */

typedef struct {
    const char *what;
    int header, w, h; /* size of the header that follows the first 14 bytes; a negative height stands from the top */
    unsigned bits, compression, colours;
    const char *tables; /* masks and palette */
    size_t n_tables;
    const char *pixels;
    size_t n_pixels;
    const char *expected; /* 3 x 2 pixels; NULL: an error with `error` */
    const char *error;
} BmpCase;

static size_t write_bmp(uint8_t *out, const BmpCase *c)
{
    const size_t head = 14 + (size_t)c->header;
    memset(out, 0, head);
    memcpy(out, "BM", 2);
    put_le32(out + 10, (uint32_t)(head + c->n_tables));
    put_le32(out + 14, (uint32_t)c->header);
    if (c->header == 12) {
        put_le16(out + 18, (unsigned)c->w);
        put_le16(out + 20, (unsigned)c->h);
        put_le16(out + 24, c->bits);
    } else {
        put_le32(out + 18, (uint32_t)c->w);
        put_le32(out + 22, (uint32_t)c->h);
        put_le16(out + 28, c->bits);
        put_le32(out + 30, c->compression);
        put_le32(out + 46, c->colours);
    }
    /* From the 52-byte header on, masks are part of it; here they always follow the first 40 bytes. */
    memcpy(out + head, c->tables, c->n_tables);
    memcpy(out + head + c->n_tables, c->pixels, c->n_pixels);
    return head + c->n_tables + c->n_pixels;
}

#define S(text) text, sizeof(text) - 1
#define KRG                                                                                                            \
    "\0\0\0\0"                                                                                                         \
    "\0\0\xff\0"                                                                                                       \
    "\0\xff\0\0" /* palette: black, red, green */

static void bmp_of_every_kind(void **state)
{
    (void)state;
    static const BmpCase CASES[] = {
        { "24 bit", 40, 3, 2, 24, 0, 0, S(""),
          S("\xff\0\0\0\xff\0\0\0\xff\0\0\0"
            "\0\0\0\xff\xff\xff\0\xff\xff\0\0\0"),
          "kwybgr", 0 },
        { "from the top", 40, 3, -2, 24, 0, 0, S(""),
          S("\xff\0\0\0\xff\0\0\0\xff\0\0\0"
            "\0\0\0\xff\xff\xff\0\xff\xff\0\0\0"),
          "bgrkwy", 0 },
        { "last row without padding", 40, 3, 2, 24, 0, 0, S(""),
          S("\xff\0\0\0\xff\0\0\0\xff\0\0\0"
            "\0\0\0\xff\xff\xff\0\xff\xff"),
          "kwybgr", 0 },
        { "1 bit", 40, 3, 2, 1, 0, 2,
          S("\0\0\xff\0"
            "\0\xff\0\0"),
          S("\xa0\0\0\0"
            "\x40\0\0\0"),
          "rgrgrg", 0 },
        { "4 bit", 40, 3, 2, 4, 0, 3, S(KRG),
          S("\x01\x20\0\0"
            "\x21\0\0\0"),
          "grkkrg", 0 },
        { "8 bit", 40, 3, 2, 8, 0, 3, S(KRG),
          S("\0\1\2\0"
            "\2\1\0\0"),
          "grkkrg", 0 },
        { "8 bit, index without colour: gray", 40, 3, 2, 8, 0, 3, S(KRG),
          S("\0\1\xff\0"
            "\2\1\xff\0"),
          "grwkrw", 0 },
        { "OS/2, 24 bit", 12, 3, 2, 24, 0, 0, S(""),
          S("\xff\0\0\0\xff\0\0\0\xff\0\0\0"
            "\0\0\0\xff\xff\xff\0\xff\xff\0\0\0"),
          "kwybgr", 0 },
        { "OS/2, 1 bit", 12, 3, 2, 1, 0, 0,
          S("\0\0\xff"
            "\0\xff\0"),
          S("\xa0\0\0\0"
            "\x40\0\0\0"),
          "rgrgrg", 0 },
        { "16 bit, 5-5-5", 40, 3, 2, 16, 0, 0, S(""),
          S("\0\x7c\xe0\x03\x1f\0\0\0"
            "\xff\x7f\0\0\xe0\x7f\0\0"),
          "wkyrgb", 0 },
        { "16 bit, 5-6-5", 40, 3, 2, 16, 3, 0, S("\0\xf8\0\0\xe0\7\0\0\x1f\0\0\0"),
          S("\0\xf8\xe0\x07\x1f\0\0\0"
            "\xff\xff\0\0\xe0\xff\0\0"),
          "wkyrgb", 0 },
        { "32 bit", 40, 3, 2, 32, 0, 0, S(""),
          S("\xff\0\0\0"
            "\0\xff\0\0"
            "\0\0\xff\0"
            "\0\0\0\xff"
            "\xff\xff\xff\xff"
            "\0\xff\xff\1"),
          "kwybgr", 0 },
        { "32 bit, red first", 40, 3, 2, 32, 3, 0, S("\xff\0\0\0\0\xff\0\0\0\0\xff\0"),
          S("\xff\0\0\0"
            "\0\xff\0\0"
            "\0\0\xff\0"
            "\0\0\0\xff"
            "\xff\xff\xff\xff"
            "\xff\xff\0\1"),
          "kwyrgb", 0 },
        { "RLE8: run, absolute, end of row", 40, 3, 2, 8, 1, 3, S(KRG),
          S("\3\1\0\0"
            "\0\3\0\1\2\0"
            "\0\1"),
          "krgrrr", 0 },
        { "RLE8: delta, rest untouched", 40, 3, 2, 8, 1, 3, S(KRG),
          S("\0\2\1\1"
            "\1\2"
            "\0\1"),
          "kgkkkk", 0 },
        { "RLE8: run past the row's end", 40, 3, 2, 8, 1, 3, S(KRG),
          S("\xff\1\0\0"
            "\xff\2\0\1"),
          "gggrrr", 0 },
        { "RLE8: rows past the end", 40, 3, 2, 8, 1, 3, S(KRG), S("\3\1\0\0\3\2\0\0\3\1\0\0\3\1\0\1"), "gggrrr", 0 },
        { "RLE4: run of two colours, absolute", 40, 3, 2, 4, 2, 3, S(KRG),
          S("\3\x12\0\0"
            "\0\3\x01\x20"
            "\0\1"),
          "krgrgr", 0 },
        { "RLE8 without an end code", 40, 3, 2, 8, 1, 3, S(KRG), S("\3\1\0\0\3\2"), "gggrrr", 0 },
        { "RLE8 cut off", 40, 3, 2, 8, 1, 3, S(KRG), S("\3\1"), NULL, "cut off in row 0" },
        { "RLE8 cut off in an absolute run", 40, 3, 2, 8, 1, 3, S(KRG), S("\3\1\0\0\0\xff\1"), NULL,
          "cut off in row 1" },
        { "RLE4 with 8 bit", 40, 3, 2, 8, 2, 3, S(KRG), S("\0\1"), NULL, "compression 2" },
        { "embedded JPEG", 40, 3, 2, 24, 4, 0, S(""), S("\xff\xd8"), NULL, "compression 4" },
        { "huge compression", 40, 3, 2, 24, 0xffffffff, 0, S(""), S(""), NULL, "compression 4294967295" },
        { "2 bit", 40, 3, 2, 2, 0, 0, S(""), S(""), NULL, "2 bits" },
        { "mask with holes", 40, 3, 2, 16, 3, 0, S("\1\1\0\0\xe0\7\0\0\x1f\0\0\0"),
          S("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), NULL, "has holes" },
        { "header of 20 bytes", 20, 3, 2, 24, 0, 0, S(""), S(""), NULL, "header of 20 bytes" },
        { "palette longer than the file", 40, 3, 2, 8, 0, 256, S(""), S(KRG), NULL, "palette of 256 colours" },
        { "rows missing", 40, 3, 2, 24, 0, 0, S(""), S("\xff\0\0\0\xff\0\0\0\xff\0\0\0"), NULL, "cut off" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        uint8_t file[512];
        const size_t n = write_bmp(file, &CASES[i]);
        print_message("# %s\n", CASES[i].what);
        if (!CASES[i].expected) {
            Error e;
            Image none;
            assert_false(decode_exact(&none, file, n, &IMAGE_DEFAULTS, &e));
            if (!strstr(e.text, CASES[i].error)) fail_msg("\"%s\", expected \"%s\"", e.text, CASES[i].error);
            continue;
        }
        Image img = decode_ok(file, n);
        assert_pixels(&img, 3, 2, CASES[i].expected);
        image_free(&img);
    }
}

static void bmp_checks_where_the_pixels_are(void **state)
{
    (void)state;
    static const BmpCase C = { "",
                               40,
                               3,
                               2,
                               24,
                               0,
                               0,
                               S(""),
                               S("\xff\0\0\0\xff\0\0\0\xff\0\0\0"
                                 "\0\0\0\xff\xff\xff\0\xff\xff\0\0\0"),
                               "",
                               0 };
    uint8_t file[512];
    const size_t n = write_bmp(file, &C);
    put_le32(file + 10, 20);
    assert_rejected(file, n, ERR_FORMAT, "pixels at byte 20");
    put_le32(file + 10, (uint32_t)n + 1);
    assert_rejected(file, n, ERR_FORMAT, "pixels at byte");
    put_le32(file + 10, UINT32_MAX);
    assert_rejected(file, n, ERR_FORMAT, "pixels at byte");
}

/* ---- PBM, PGM, PPM ---- */

static void pnm_of_every_kind(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t n;
        const char *expected; /* 3 x 2 */
    } CASES[] = {
        { S("P1\n# a comment\n3 2\n1 0 1\n010"), "kwkwkw" },
        { S("P2 3 2 7\n0 7 0 7 0 7\n"), "kwkwkw" },
        { S("P3\n3 # width\n2\n100\n100 0 0  0 100 0  0 0 100  0 0 0  100 100 100  100 100 0"), "rgbkwy" },
        { S("P4 3 2\n\xa0\x40"), "kwkwkw" },
        { S("P5 3 2 255\n\0\xff\0\xff\0\xff"), "kwkwkw" },
        { S("P5 3 2 65535\n\0\0\0\xff\0\0\1\0\0\0\xff\xff"), "kwkwkw" }, /* above 255 all is white, as in Pillow */
        { S("P6 3 2 255\n\xff\0\0\0\xff\0\0\0\xff\0\0\0\xff\xff\xff\xff\xff\0"), "rgbkwy" },
        { S("P6 3 2 65535 \xff\xff\0\0\0\0"
            "\0\0\xff\xff\0\0"
            "\0\0\0\0\xff\xff"
            "\0\0\0\0\0\0"
            "\xff\xff\xff\xff\xff\xff"
            "\xff\xff\xff\xff\0\0"),
          "rgbkwy" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Image img = decode_ok(CASES[i].file, CASES[i].n);
        assert_pixels(&img, 3, 2, CASES[i].expected);
        image_free(&img);
    }
}

/* round(v / 100 * 255), half to even: 10 -> 25.5 -> 26, 30 -> 76.5 -> 76, 50 -> 127.5 -> 128. */
static void pnm_scales_like_python(void **state)
{
    (void)state;
    Image i = decode_ok(S("P2 4 1 100\n10 30 50 70"));
    static const int EXPECTED[] = { 26, 76, 128, 178 };
    for (int x = 0; x < 4; x++) assert_pixel(&i, x, 0, EXPECTED[x], EXPECTED[x], EXPECTED[x]);
    image_free(&i);
}

static void pnm_rejects_broken_headers(void **state)
{
    (void)state;
    static const struct {
        const char *file, *part;
    } CASES[] = {
        { "P6", "cut off before the width" },
        { "P6 # only a comment", "cut off before the width" },
        { "P6 3", "cut off before the height" },
        { "P6 3 2", "cut off before the largest sample" },
        { "P6 3 x 255\n", "byte 78 in place of the height" },
        { "P6 -3 2 255\n", "in place of the width" },
        { "P6 99999999999999999999 2 255\n", "the width is over" },
        { "P6 3 2 65536\n", "the largest sample is over 65535" },
        { "P6 3 2 0\n", "largest sample is 0" },
        { "P6 3 2 255", "white space" },
        { "P2 3 1 7\n0 8 0", "a sample is over 7" },
        { "P1 3 1\n0 2 0", "in place of 0 or 1" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_rejected(CASES[i].file, strlen(CASES[i].file), ERR_FORMAT, CASES[i].part);
}

/* ---- GIF ---- */

static int write_gif(GifFileType *gif, const GifByteType *p, int n)
{
    str_add(gif->UserData, (const char *)p, (size_t)n);
    return n;
}

typedef struct {
    int screen_w, screen_h, left, top, w, h;
    bool interlaced, local_palette;
    int transparent;    /* -1: none */
    const char *pixels; /* palette indices as digits: 0 black, 1 red, 2 green, 3 blue */
} GifCase;

static Str make_gif(const GifCase *c)
{
    static const GifColorType MAIN[4] = { { 0, 0, 0 }, { 255, 0, 0 }, { 0, 255, 0 }, { 0, 0, 255 } };
    static const GifColorType OTHER[4] = { { 255, 255, 255 }, { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } };
    Str out = { 0 };
    int code;
    GifFileType *gif = EGifOpen(&out, write_gif, &code);
    ColorMapObject *map = GifMakeMapObject(4, c->local_palette ? OTHER : MAIN), *local = GifMakeMapObject(4, MAIN);
    EGifSetGifVersion(gif, true);
    EGifPutScreenDesc(gif, c->screen_w, c->screen_h, 2, 0, map);
    if (c->transparent >= 0)
        EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, (uint8_t[]){ 1, 0, 0, (uint8_t)c->transparent });
    EGifPutImageDesc(gif, c->left, c->top, c->w, c->h, c->interlaced, c->local_palette ? local : NULL);
    static const int FIRST[] = { 0, 4, 2, 1 }, STEP[] = { 8, 8, 4, 2 };
    for (int pass = 0; pass < (c->interlaced ? 4 : 1); pass++) {
        for (int y = FIRST[pass]; y < c->h; y += c->interlaced ? STEP[pass] : 1) {
            GifPixelType row[64];
            for (int x = 0; x < c->w; x++) row[x] = (GifPixelType)(c->pixels[y * c->w + x] - '0');
            EGifPutLine(gif, row, c->w);
        }
    }
    EGifCloseFile(gif, &code);
    GifFreeMapObject(map);
    GifFreeMapObject(local);
    return out;
}

static void gif_frame_stands_on_its_screen(void **state)
{
    (void)state;
    static const struct {
        GifCase gif;
        int w, h;
        const char *expected;
    } CASES[] = {
        { { 3, 2, 0, 0, 3, 2, false, false, -1, "123321" }, 3, 2, "rgbbgr" },
        { { 3, 2, 1, 1, 2, 1, false, false, -1, "12" }, 3, 2, "kkkkrg" },
        { { 3, 2, 1, 1, 2, 1, false, false, 3, "12" }, 3, 2, "bbbbrg" },      /* free pixels: transparent colour */
        { { 1, 1, 0, 0, 3, 2, false, false, -1, "123321" }, 3, 2, "rgbbgr" }, /* the screen grows */
        { { 3, 2, 0, 0, 3, 2, false, true, -1, "123321" }, 3, 2, "rgbbgr" },
        { { 1, 9, 0, 0, 1, 9, true, false, -1, "012301231" }, 1, 9, "krgbkrgbr" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Str file = make_gif(&CASES[i].gif);
        Image img = decode_ok(file.text, file.n);
        assert_pixels(&img, CASES[i].w, CASES[i].h, CASES[i].expected);
        image_free(&img);
        str_free(&file);
    }
}

/* Index 3 of a palette that is cut to two colours. */
static void gif_index_without_colour_is_gray(void **state)
{
    (void)state;
    const GifCase c = { 4, 1, 0, 0, 4, 1, false, false, -1, "0133" };
    Str file = make_gif(&c);
    file.text[10] = (char)(file.text[10] & ~7);
    memmove(file.text + 19, file.text + 25, file.n - 25);
    Image i = decode_ok(file.text, file.n - 6);
    assert_pixel(&i, 0, 0, 0, 0, 0);
    assert_pixel(&i, 1, 0, 255, 0, 0);
    assert_pixel(&i, 2, 0, 3, 3, 3);
    image_free(&i);
    str_free(&file);
}

static void gif_without_palette_is_gray(void **state)
{
    (void)state;
    const GifCase c = { 4, 1, 0, 0, 4, 1, false, false, -1, "0123" };
    Str file = make_gif(&c); /* giflib writes no such file: the palette, 4 colours behind the screen, is cut out */
    file.text[10] &= 0x7f;
    memmove(file.text + 13, file.text + 25, file.n - 25);
    file.n -= 12;
    Image i = decode_ok(file.text, file.n);
    for (int x = 0; x < 4; x++) assert_pixel(&i, x, 0, x, x, x);
    image_free(&i);
    str_free(&file);
}

static void gif_without_frame_is_an_error(void **state)
{
    (void)state;
    const uint8_t file[] = "GIF89a\3\0\2\0\0\0\0;";
    assert_rejected(file, sizeof file - 1, ERR_FORMAT, "has no frame");
}

/* ---- PNG ---- */

typedef struct {
    int depth, type;
    bool interlaced;
} PngCase;

static void on_png_write(png_structp png, png_bytep p, size_t n)
{
    str_add(png_get_io_ptr(png), (const char *)p, n);
}

/* `rows`: packed samples, `stride` bytes a row. */
static Str make_png(const PngCase *c, int w, int h, uint8_t *rows, size_t stride)
{
    Str out = { 0 };
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, on_png_write, NULL);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, c->depth, c->type,
                 c->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_color palette[256];
    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){ (png_byte)(i * 3), (png_byte)(255 - i), (png_byte)(i ^ 0x5a) };
    if (c->type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 1 << c->depth);
    png_bytep row[64];
    for (int y = 0; y < h; y++) row[y] = rows + (size_t)y * stride;
    png_write_info(png, info);
    png_write_image(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return out;
}

/* Sample number `i` of a row, from the definition of the format. */
static unsigned sample(const uint8_t *row, int i, int depth)
{
    if (depth == 16) return (unsigned)row[2 * i] << 8 | row[2 * i + 1];
    const int per_byte = 8 / depth;
    return row[i / per_byte] >> ((per_byte - 1 - i % per_byte) * depth) & ((1u << depth) - 1);
}

static void expected_rgb(const PngCase *c, const uint8_t *row, int x, int rgb[3])
{
    static const int CHANNELS[] = { 1, 0, 3, 1, 2, 0, 4 };
    const int n = CHANNELS[c->type];
    for (int k = 0; k < 3; k++) {
        const int v = (int)sample(row, x * n + (n >= 3 ? k : 0), c->depth);
        if (c->type == PNG_COLOR_TYPE_PALETTE)
            rgb[k] = (uint8_t)(k == 0 ? v * 3 : k == 1 ? 255 - v : v ^ 0x5a);
        else if (c->depth == 16 && c->type == PNG_COLOR_TYPE_GRAY)
            rgb[k] = v > 255 ? 255 : v;
        else
            rgb[k] = c->depth == 16 ? v >> 8 : v * 255 / ((1 << c->depth) - 1);
    }
}

static void png_of_every_kind(void **state)
{
    (void)state;
    static const int KINDS[][2] = { { 1, 0 }, { 2, 0 }, { 4, 0 }, { 8, 0 }, { 16, 0 }, { 8, 2 }, { 16, 2 }, { 1, 3 },
                                    { 2, 3 }, { 4, 3 }, { 8, 3 }, { 8, 4 }, { 16, 4 }, { 8, 6 }, { 16, 6 } };
    enum { W = 19, H = 13, STRIDE = W * 8 };
    uint8_t rows[H * STRIDE];
    for (int i = 0; i < H * STRIDE; i++) rows[i] = (uint8_t)(i * 37 + i / 11 + (i % 3 == 0 ? 0 : i % 5 * 50));
    for (int y = 0; y < H; y++) rows[y * STRIDE] = 0; /* some 16 bit gray below 256 */
    for (size_t i = 0; i < 2 * sizeof KINDS / sizeof *KINDS; i++) {
        const PngCase c = { KINDS[i / 2][0], KINDS[i / 2][1], i % 2 };
        Str file = make_png(&c, W, H, rows, STRIDE);
        Image img = decode_ok(file.text, file.n);
        for (int k = 0; k < W * H; k++) {
            int rgb[3];
            expected_rgb(&c, rows + k / W * STRIDE, k % W, rgb);
            assert_pixel(&img, k % W, k / W, rgb[0], rgb[1], rgb[2]);
        }
        image_free(&img);
        str_free(&file);
    }
}

/* Chunks that no pixel depends on: a large text, a broken profile, an animation's header, an unknown one. */
static void png_index_without_colour_is_gray(void **state)
{
    (void)state;
    uint8_t rows[1] = { 0x1b }; /* 0 1 2 3 */
    Str file = make_png(&(PngCase){ 2, PNG_COLOR_TYPE_PALETTE, false }, 4, 1, rows, 1);
    uint8_t *palette = memmem(file.text, file.n, "PLTE", 4);
    assert_non_null(palette);
    Bytes b = { (uint8_t *)file.text, file.n };
    uint8_t shorter[6 + 12];
    memcpy(shorter, "\0\0\0\6PLTE\1\2\3\4\5\6", 14);
    put_be32(shorter + 14, png_crc(shorter + 4, 10));
    const size_t at = (size_t)(palette - 4 - b.p), old = 12 + 12;
    memmove(b.p + at + sizeof shorter, b.p + at + old, b.n - at - old);
    memcpy(b.p + at, shorter, sizeof shorter);
    Image i = decode_ok(b.p, b.n - old + sizeof shorter);
    assert_pixel(&i, 1, 0, 4, 5, 6);
    assert_pixel(&i, 2, 0, 2, 2, 2);
    assert_pixel(&i, 3, 0, 3, 3, 3);
    image_free(&i);
    str_free(&file);
}

static void png_passes_over_other_chunks(void **state)
{
    (void)state;
    Bytes b = golden_bytes("rgba.png");
    Image plain = decode_ok(b.p, b.n);
    const size_t n = 9 << 20;
    uint8_t *zeros = calloc(n, 1);
    insert_png_chunk(&b, "zTXt", zeros, n);
    insert_png_chunk(&b, "iCCP", "broken", 6);
    insert_png_chunk(&b, "acTL", "\0\0\0\2\0\0\0\0", 8);
    insert_png_chunk(&b, "xyZz", "what", 4);
    Image same = decode_ok(b.p, b.n);
    assert_same_image(&plain, &same);
    image_free(&plain);
    image_free(&same);
    free(zeros);
    free(b.p);
}

static void png_rejects_unknown_critical_chunks(void **state)
{
    (void)state;
    Bytes b = golden_bytes("rgba.png");
    insert_png_chunk(&b, "CgBI", "\0\0\0\0", 4);
    assert_rejected(b.p, b.n, ERR_FORMAT, "CgBI");
    free(b.p);
}

/* ---- WebP ---- */

/* An animation on a canvas of w x h whose only frame is the golden picture, at (2 * x, 2 * y). */
static Bytes make_animation(int w, int h, unsigned x, unsigned y, const Image *frame)
{
    Bytes b = golden_bytes("lossy.webp");
    const uint32_t payload = (uint32_t)b.n - 12;
    uint8_t head[18 + 14 + 24] = { 'V', 'P', '8', 'X', 10, 0, 0, 0, 2 };
    put_le16(head + 12, (unsigned)w - 1);
    put_le16(head + 15, (unsigned)h - 1);
    memcpy(head + 18, "ANIM\6\0\0\0\xff\xff\xff\xff", 12);
    memcpy(head + 32, "ANMF", 4);
    put_le32(head + 36, 16 + payload);
    put_le16(head + 40, x);
    put_le16(head + 43, y);
    put_le16(head + 46, (unsigned)frame->w - 1);
    put_le16(head + 49, (unsigned)frame->h - 1);
    insert_bytes(&b, 12, head, sizeof head);
    put_le32(b.p + 4, (uint32_t)b.n - 8);
    return b;
}

static void webp_frame_stands_on_its_canvas(void **state)
{
    (void)state;
    Bytes still = golden_bytes("lossy.webp");
    Image frame = decode_ok(still.p, still.n);
    Bytes b = make_animation(frame.w + 9, frame.h + 7, 3, 2, &frame);
    Image i = decode_ok(b.p, b.n);
    assert_int_equal(i.w, frame.w + 9);
    for (int y = 0; y < i.h; y++) {
        for (int x = 0; x < i.w; x++) {
            const bool inside = x >= 6 && y >= 4 && x - 6 < frame.w && y - 4 < frame.h;
            assert_memory_equal(pixel(&i, x, y), inside ? pixel(&frame, x - 6, y - 4) : (const uint8_t *)"\0\0\0", 3);
        }
    }
    free(b.p);
    b = make_animation(frame.w, frame.h, 3, 2, &frame);
    assert_rejected(b.p, b.n, ERR_FORMAT, "WebP: ");
    free(b.p);
    b = make_animation(65535, 60000, 3, 2, &frame);
    assert_rejected(b.p, b.n, ERR_LIMIT, "65535 x 60000 pixels, the limit is 16384 a side");
    free(b.p);
    image_free(&i);
    image_free(&frame);
    free(still.p);
}

/* ---- JPEG ---- */

typedef struct {
    int components;
    J_COLOR_SPACE in, stored;
    bool arithmetic;
} JpegCase;

static Str make_jpeg(const JpegCase *c, uint8_t *samples, int w, int h)
{
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    j.err = jpeg_std_error(&errors);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &bytes, &n);
    j.image_width = (JDIMENSION)w;
    j.image_height = (JDIMENSION)h;
    j.input_components = c->components;
    j.in_color_space = c->in;
    jpeg_set_defaults(&j);
    jpeg_set_colorspace(&j, c->stored);
    jpeg_set_quality(&j, 100, TRUE);
    j.arith_code = c->arithmetic;
    jpeg_start_compress(&j, TRUE);
    for (int y = 0; y < h; y++) {
        JSAMPROW row = samples + (size_t)y * (size_t)w * (size_t)c->components;
        jpeg_write_scanlines(&j, &row, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    Str out = { 0 };
    str_add(&out, (const char *)bytes, n);
    free(bytes);
    return out;
}

/* Inverted inks 255, 255, 0 and black 200: yellow darkened to 200, 200, 0. */
static void jpeg_cmyk_and_ycck_are_inverted_inks(void **state)
{
    (void)state;
    static const JpegCase CASES[] = { { 4, JCS_CMYK, JCS_CMYK, false }, { 4, JCS_CMYK, JCS_YCCK, false } };
    uint8_t inks[16 * 16 * 4];
    for (int i = 0; i < 16 * 16; i++) memcpy(inks + 4 * i, "\xff\xff\0\xc8", 4);
    for (int k = 0; k < 2; k++) {
        Str file = make_jpeg(&CASES[k], inks, 16, 16);
        Image i = decode_ok(file.text, file.n);
        const uint8_t *p = pixel(&i, 7, 7);
        assert_within("CMYK to RGB", fmax(abs(p[0] - 200), fmax(abs(p[1] - 200), p[2])), 2);
        image_free(&i);
        str_free(&file);
    }
}

static void jpeg_arithmetic_equals_huffman(void **state)
{
    (void)state;
    uint8_t rgb[32 * 24 * 3];
    for (int i = 0; i < 32 * 24 * 3; i++) rgb[i] = (uint8_t)(i * i / 97);
    Str huffman = make_jpeg(&(JpegCase){ 3, JCS_RGB, JCS_YCbCr, false }, rgb, 32, 24);
    Str arithmetic = make_jpeg(&(JpegCase){ 3, JCS_RGB, JCS_YCbCr, true }, rgb, 32, 24);
    assert_true(huffman.n != arithmetic.n);
    Image a = decode_ok(huffman.text, huffman.n), b = decode_ok(arithmetic.text, arithmetic.n);
    assert_same_image(&a, &b);
    image_free(&a);
    image_free(&b);
    str_free(&huffman);
    str_free(&arithmetic);
}

static void jpeg_of_two_components_is_unsupported(void **state)
{
    (void)state;
    uint8_t samples[16 * 16 * 2] = { 0 };
    Str file = make_jpeg(&(JpegCase){ 2, JCS_UNKNOWN, JCS_UNKNOWN, false }, samples, 16, 16);
    assert_rejected(file.text, file.n, ERR_UNSUPPORTED, "2 components");
    str_free(&file);
}

TEST_MAIN(TEST(bmp_of_every_kind), TEST(bmp_checks_where_the_pixels_are), TEST(pnm_of_every_kind),
          TEST(pnm_scales_like_python), TEST(pnm_rejects_broken_headers), TEST(gif_frame_stands_on_its_screen),
          TEST(gif_index_without_colour_is_gray), TEST(gif_without_palette_is_gray),
          TEST(gif_without_frame_is_an_error), TEST(png_of_every_kind), TEST(png_index_without_colour_is_gray),
          TEST(png_passes_over_other_chunks), TEST(png_rejects_unknown_critical_chunks),
          TEST(webp_frame_stands_on_its_canvas), TEST(jpeg_cmyk_and_ycck_are_inverted_inks),
          TEST(jpeg_arithmetic_equals_huffman), TEST(jpeg_of_two_components_is_unsupported))
