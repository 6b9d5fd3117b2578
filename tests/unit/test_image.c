/* test_image.c - pictures that are broken, lie, or are something else; limits; upright turning; extreme shapes; saving. */
#include <stdio.h>

#include <jpeglib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "image/resize.h"
#include "image/tile.h"
#include "image_support.h"

static const char *const FILES[] = {
    "photo420.jpg", "photo422p.jpg",       "restart411.jpg", "gray.jpg",  "cmyk.jpg",
    "rgba.png",     "palette_trns.png",    "gray16.png",     "adam7.png", "gray1.png",
    "lossy.webp",   "lossless_alpha.webp", "anim.gif",       "rgb24.bmp",
};
enum { N_FILES = sizeof FILES / sizeof *FILES };

static void what_is_no_picture_is_named(void **state)
{
    (void)state;
#define ROW(bytes, code, part)                                                                                         \
    {                                                                                                                  \
        bytes, sizeof(bytes) - 1, code, part                                                                           \
    }
    static const struct {
        const char *bytes;
        size_t n;
        ErrorCode code;
        const char *part;
    } ROWS[] = {
        ROW("", ERR_FORMAT, "is empty"),
        ROW("\xff", ERR_FORMAT, "begins with ff"),
        ROW("\0\1\2\3\4", ERR_FORMAT, "begins with 00 01 02 03"),
        ROW("hello, this is not a picture", ERR_UNSUPPORTED, "is text"),
        ROW("\xe4\xbd\xa0\xe5\xa5\xbd", ERR_UNSUPPORTED, "is text"),
        ROW("<!DOCTYPE html><html><body>404</body></html>", ERR_UNSUPPORTED, "HTML"),
        ROW("<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>", ERR_UNSUPPORTED, "SVG"),
        ROW("version https://git-lfs.github.com/spec/v1\noid sha256:00", ERR_UNSUPPORTED, "Git LFS"),
        ROW("\0\0\0\x18"
            "ftypheic\0\0\0\0mif1heic",
            ERR_UNSUPPORTED, "HEIC"),
        ROW("\0\0\0\x18"
            "ftypavif\0\0\0\0avifmif1",
            ERR_UNSUPPORTED, "AVIF"),
        ROW("\0\0\0\x18"
            "ftypisom\0\0\0\0isomiso2",
            ERR_UNSUPPORTED, "video"),
        ROW("II*\0\x08\0\0\0", ERR_UNSUPPORTED, "TIFF"),
        ROW("MM\0*\0\0\0\x08", ERR_UNSUPPORTED, "TIFF"),
        ROW("%PDF-1.7\n", ERR_UNSUPPORTED, "PDF"),
        ROW("PK\3\4\x14\0", ERR_UNSUPPORTED, "ZIP"),
        ROW("\0\0\1\0\1\0", ERR_UNSUPPORTED, "ICO"),
    };
#undef ROW
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        assert_rejected(ROWS[i].bytes, ROWS[i].n, ROWS[i].code, ROWS[i].part);
}

static void kind_is_told_by_bytes_not_by_name(void **state)
{
    (void)state;
    Error e;
    Image a, b;
    char path[] = "/tmp/vl2-test-XXXXXX.png";
    Bytes webp = golden_bytes("lossy.webp");
    const int fd = mkstemps(path, 4);
    assert_true(fd >= 0 && write(fd, webp.p, webp.n) == (ssize_t)webp.n);
    close(fd);
    if (!image_load(&a, path, &IMAGE_DEFAULTS, &e)) fail_msg("%s", e.text);
    b = decode_ok(webp.p, webp.n);
    assert_same_image(&a, &b);
    unlink(path);
    image_free(&a);
    image_free(&b);
    free(webp.p);
}

/* A cut file is an error; only where everything of the first frame is there already may it be the same picture (GIF: later
 * frames; BMP: padding behind the last row). */
static void truncated_is_an_error_at_every_length(void **state)
{
    (void)state;
    for (int f = 0; f < N_FILES; f++) {
        Bytes b = golden_bytes(FILES[f]);
        Image whole = decode_ok(b.p, b.n);
        const size_t stride = b.n / 120 + 1;
        int accepted = 0;
        for (size_t n = b.n - 1; n > 0; n -= n > stride && n + 8 < b.n ? stride : 1) {
            Error e;
            Image cut;
            if (!decode_exact(&cut, b.p, n, &IMAGE_DEFAULTS, &e)) continue;
            assert_same_image(&whole, &cut);
            image_free(&cut);
            accepted++;
        }
        if (accepted && !str_ends(FILES[f], ".gif") && !str_ends(FILES[f], ".bmp"))
            fail_msg("%s: %d cut files were accepted", FILES[f], accepted);
        image_free(&whole);
        free(b.p);
    }
}

static void png_rejects_bad_crc_of_any_chunk(void **state)
{
    (void)state;
    Bytes b = golden_bytes("adam7.png"); /* has gAMA, tRNS, two IDAT */
    int chunks = 0;
    for (size_t at = 8; at + 12 <= b.n; chunks++) {
        const size_t n = (size_t)b.p[at + 2] << 8 | b.p[at + 3], crc = at + 8 + n;
        b.p[crc] ^= 1;
        assert_rejected(b.p, b.n, ERR_FORMAT, "PNG: ");
        b.p[crc] ^= 1;
        at = crc + 4;
    }
    assert_true(chunks >= 6);
    free(b.p);
}

/* Where the width (two or four bytes) of each format stands. */
typedef enum { LE16, LE32, BE16, BE32, LE24_MINUS_1 } Field;
typedef struct {
    const char *file;
    Field field;
    size_t w, h; /* offsets */
} SizeField;

static void put_size(uint8_t *p, Field f, uint32_t v)
{
    if (f == LE16) put_le16(p, v);
    if (f == LE32) put_le32(p, v);
    if (f == BE16) p[0] = (uint8_t)(v >> 8), p[1] = (uint8_t)v;
    if (f == BE32) put_be32(p, v);
    if (f == LE24_MINUS_1) put_le16(p, (v - 1) & 0xffff), p[2] = (uint8_t)((v - 1) >> 16);
}

/* Offset of the height in the JPEG's frame header. */
static size_t jpeg_size_at(const Bytes *b)
{
    for (size_t at = 2; at + 9 < b->n; at += 2 + ((size_t)b->p[at + 2] << 8 | b->p[at + 3]))
        if (b->p[at + 1] == 0xc0 || b->p[at + 1] == 0xc2) return at + 5;
    fail_msg("no frame header");
    return 0;
}

static Bytes with_size(const SizeField *s, uint32_t w, uint32_t h)
{
    Bytes b = golden_bytes(s->file);
    const bool jpeg = str_ends(s->file, ".jpg");
    const size_t at_h = jpeg ? jpeg_size_at(&b) : s->h, at_w = jpeg ? at_h + 2 : s->w;
    put_size(b.p + at_w, s->field, w);
    put_size(b.p + at_h, s->field, h);
    if (str_ends(s->file, ".png")) put_be32(b.p + 29, png_crc(b.p + 12, 17));
    return b;
}

static const SizeField SIZES[] = {
    { "photo420.jpg", BE16, 0, 0 }, { "photo422p.jpg", BE16, 0, 0 }, { "rgba.png", BE32, 16, 20 },
    { "adam7.png", BE32, 16, 20 },  { "gray16.png", BE32, 16, 20 },  { "anim.gif", LE16, 6, 8 },
};

static void huge_sizes_meet_the_limit_before_memory_is_taken(void **state)
{
    (void)state;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        static const uint32_t LIES[][2] = { { 60000, 60000 }, { 65500, 1 }, { 1, 65500 }, { 16000, 16000 } };
        for (size_t k = 0; k < sizeof LIES / sizeof *LIES; k++) {
            Bytes b = with_size(&SIZES[i], LIES[k][0], LIES[k][1]);
            char part[64]; /* a GIF's screen grows with its frame */
            snprintf(part, sizeof part, "the limit is %s", LIES[k][0] == 16000 ? "100000000" : "16384 a side");
            assert_rejected(b.p, b.n, ERR_LIMIT, part);
            free(b.p);
        }
    }
    getrusage(RUSAGE_SELF, &after);
    assert_within("memory taken for lying headers, MB", (double)(after.ru_maxrss - before.ru_maxrss) / 1024, 100);
}

/* Within the limits, but with too little data behind the header. */
static void lying_sizes_are_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < sizeof SIZES / sizeof *SIZES; i++) { /* a GIF's screen may be larger than its frame */
        Bytes b = with_size(&SIZES[i], 1000, 1001);
        assert_rejected(b.p, b.n, ERR_FORMAT, "");
        free(b.p);
    }
    const char ppm[] = "P6 5000 5000 255\nabc", text[] = "P3 100 100 255\n1 2 3";
    assert_rejected(ppm, sizeof ppm - 1, ERR_FORMAT, "cut off");
    assert_rejected(text, sizeof text - 1, ERR_FORMAT, "cut off");
    Bytes bmp = golden_bytes("rgb24.bmp");
    put_le32(bmp.p + 18, 4000);
    assert_rejected(bmp.p, bmp.n, ERR_FORMAT, "cut off");
    put_le32(bmp.p + 18, UINT32_MAX);
    put_le32(bmp.p + 22, UINT32_MAX / 2);
    assert_rejected(bmp.p, bmp.n, ERR_FORMAT, "cut off");
    free(bmp.p);
}

static void zero_pixels_are_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < sizeof SIZES / sizeof *SIZES; i++) {
        for (uint32_t zero_w = 0; zero_w < 2; zero_w++) {
            Bytes b = with_size(&SIZES[i], zero_w, 1 - zero_w);
            assert_rejected(b.p, b.n, ERR_FORMAT, "");
            free(b.p);
        }
    }
    assert_rejected("P6 0 5 255\n", 11, ERR_FORMAT, "0 x 5 pixels");
    assert_rejected("P1 5 0\n", 7, ERR_FORMAT, "5 x 0 pixels");
}

static void limits_are_options(void **state)
{
    (void)state;
    Bytes b = golden_bytes("photo420.jpg"); /* 201 x 301 */
    ImageOptions o = IMAGE_DEFAULTS;
    o.max_bytes = b.n - 1;
    assert_rejected_with(b.p, b.n, &o, ERR_LIMIT, "max_bytes");
    o.max_bytes = b.n;
    o.max_side = 300;
    assert_rejected_with(b.p, b.n, &o, ERR_LIMIT, "201 x 301 pixels, the limit is 300 a side");
    o.max_side = 301;
    o.max_pixels = 201 * 301 - 1;
    assert_rejected_with(b.p, b.n, &o, ERR_LIMIT, "60501 pixels, the limit is 60500");
    o.max_pixels++;
    Image i;
    Error e;
    assert_true(decode_exact(&i, b.p, b.n, &o, &e));
    image_free(&i);
    free(b.p);
}

/* Where the pixel (x, y) of a w x h picture stands once it is turned. */
static void turned_place(int orientation, int w, int h, int x, int y, int *tx, int *ty)
{
    switch (orientation) {
    case 1: *tx = x, *ty = y; break;
    case 2: *tx = w - 1 - x, *ty = y; break;
    case 3: *tx = w - 1 - x, *ty = h - 1 - y; break;
    case 4: *tx = x, *ty = h - 1 - y; break;
    case 5: *tx = y, *ty = x; break;
    case 6: *tx = h - 1 - y, *ty = x; break;
    case 7: *tx = h - 1 - y, *ty = w - 1 - x; break;
    default: *tx = y, *ty = w - 1 - x; break;
    }
}

static void assert_turned(const Image *plain, const Image *turned, int orientation)
{
    const bool swap = orientation >= 5;
    assert_int_equal(turned->w, swap ? plain->h : plain->w);
    assert_int_equal(turned->h, swap ? plain->w : plain->h);
    for (int y = 0; y < plain->h; y++) {
        for (int x = 0; x < plain->w; x++) {
            int tx, ty;
            turned_place(orientation, plain->w, plain->h, x, y, &tx, &ty);
            assert_memory_equal(pixel(plain, x, y), pixel(turned, tx, ty), 3);
        }
    }
}

static void exif_rotate_turns_jpeg_upright(void **state)
{
    (void)state;
    static const uint8_t TAG_LE[] = { 0x12, 0x01, 3, 0, 1, 0, 0, 0 }, TAG_BE[] = { 0x01, 0x12, 0, 3, 0, 0, 0, 1 };
    ImageOptions turn = IMAGE_DEFAULTS;
    turn.exif_rotate = true;
    Bytes b = golden_bytes("exif6.jpg");
    Image plain = decode_ok(b.p, b.n);
    uint8_t *le = memmem(b.p, b.n, TAG_LE, 8), *be = memmem(b.p, b.n, TAG_BE, 8);
    assert_true(le || be);
    uint8_t *value = le ? le + 8 : be + 9;
    assert_int_equal(*value, 6);
    for (int orientation = 0; orientation <= 9; orientation++) {
        Error e;
        Image turned;
        *value = (uint8_t)orientation;
        if (!decode_exact(&turned, b.p, b.n, &turn, &e)) fail_msg("%s", e.text);
        assert_turned(&plain, &turned, orientation >= 1 && orientation <= 8 ? orientation : 1);
        image_free(&turned);
    }
    image_free(&plain);
    free(b.p);
}

static const uint8_t EXIF_TURN_8[] = { 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                       3,   0,   0, 0,  1, 0, 8, 0, 0, 0, 0, 0,    0 };

static void exif_rotate_turns_png_and_webp_upright(void **state)
{
    (void)state;
    ImageOptions turn = IMAGE_DEFAULTS;
    turn.exif_rotate = true;
    Error e;
    Image turned;
    Bytes png = golden_bytes("rgba.png");
    Image plain = decode_ok(png.p, png.n);
    insert_png_chunk(&png, "eXIf", EXIF_TURN_8, sizeof EXIF_TURN_8);
    if (!decode_exact(&turned, png.p, png.n, &turn, &e)) fail_msg("%s", e.text);
    assert_turned(&plain, &turned, 8);
    image_free(&plain);
    image_free(&turned);
    free(png.p);
    /* A WebP with EXIF: "RIFF" size "WEBP", VP8X with its flags and size, the picture, EXIF. */
    Bytes webp = golden_bytes("lossy.webp");
    plain = decode_ok(webp.p, webp.n);
    uint8_t head[18] = { 'V', 'P', '8', 'X', 10, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
            tail[8] = { 'E', 'X', 'I', 'F' };
    put_le16(head + 12, (unsigned)plain.w - 1);
    put_le16(head + 15, (unsigned)plain.h - 1);
    put_le32(tail + 4, sizeof EXIF_TURN_8);
    insert_bytes(&webp, 12, head, sizeof head);
    insert_bytes(&webp, webp.n, tail, sizeof tail);
    insert_bytes(&webp, webp.n, EXIF_TURN_8, sizeof EXIF_TURN_8);
    put_le32(webp.p + 4, (uint32_t)webp.n - 8);
    if (!decode_exact(&turned, webp.p, webp.n, &turn, &e)) fail_msg("%s", e.text);
    assert_turned(&plain, &turned, 8);
    image_free(&plain);
    image_free(&turned);
    free(webp.p);
}

/* Broken EXIF is no reason to refuse a picture: it stays as it is. */
static void broken_exif_is_passed_over(void **state)
{
    (void)state;
    ImageOptions turn = IMAGE_DEFAULTS;
    turn.exif_rotate = true;
    Bytes b = golden_bytes("exif6.jpg");
    Image plain = decode_ok(b.p, b.n);
    uint8_t *exif = memmem(b.p, b.n, "Exif\0\0", 6);
    assert_non_null(exif);
    for (int at = 6; at < 6 + 12; at++) {
        Error e;
        Image i;
        const uint8_t was = exif[at];
        exif[at] = 0xff;
        if (!decode_exact(&i, b.p, b.n, &turn, &e)) fail_msg("%s", e.text);
        image_free(&i);
        exif[at] = was;
    }
    image_free(&plain);
    free(b.p);
}

/* A progressive gray JPEG whose scan of all AC coefficients is there `times` times. */
static Bytes jpeg_with_scans(int times)
{
    static const jpeg_scan_info SCRIPT[] = { { 1, { 0 }, 0, 0, 0, 0 }, { 1, { 0 }, 1, 63, 0, 0 } };
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long n = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &out, &n);
    c.image_width = c.image_height = 16;
    c.input_components = 1;
    c.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&c);
    c.scan_info = SCRIPT;
    c.num_scans = 2;
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < 16; y++) {
        uint8_t row[16], *rows = row;
        for (int x = 0; x < 16; x++) row[x] = (uint8_t)(x * y);
        jpeg_write_scanlines(&c, &rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    Bytes b = { out, n };
    size_t scan = b.n;
    while (!(b.p[scan - 2] == 0xff && b.p[scan - 1] == 0xda)) scan--;
    scan -= 2;
    const size_t length = b.n - 2 - scan;
    uint8_t *copy = malloc(length);
    memcpy(copy, b.p + scan, length);
    for (int i = 1; i < times; i++) insert_bytes(&b, scan, copy, length);
    free(copy);
    return b;
}

static void jpeg_limits_the_number_of_scans(void **state)
{
    (void)state;
    Bytes few = jpeg_with_scans(90), many = jpeg_with_scans(300);
    Image i = decode_ok(few.p, few.n);
    assert_int_equal(i.w, 16);
    assert_rejected(many.p, many.n, ERR_LIMIT, "more than 100 scans");
    image_free(&i);
    free(few.p);
    free(many.p);
}

/* Cameras write a few bytes too many before the end; the picture is whole. */
static void jpeg_accepts_extra_bytes_before_the_end(void **state)
{
    (void)state;
    Bytes b = golden_bytes("photo420.jpg");
    Image plain = decode_ok(b.p, b.n);
    insert_bytes(&b, b.n - 2, "\0\0\0", 3);
    Image same = decode_ok(b.p, b.n);
    assert_same_image(&plain, &same);
    image_free(&plain);
    image_free(&same);
    free(b.p);
}

static void jpeg_rejects_missing_restart_markers(void **state)
{
    (void)state;
    Bytes b = golden_bytes("restart411.jpg");
    for (size_t at = b.n / 2; at + 1 < b.n; at++) {
        if (b.p[at] != 0xff || b.p[at + 1] < 0xd0 || b.p[at + 1] > 0xd7) continue;
        b.p[at + 1] = (uint8_t)(0xd0 + (b.p[at + 1] + 3) % 8);
        break;
    }
    assert_rejected(b.p, b.n, ERR_FORMAT, "JPEG: ");
    free(b.p);
}

static void jpeg_of_12_bits_is_unsupported(void **state)
{
    (void)state;
    Bytes b = golden_bytes("gray.jpg");
    b.p[jpeg_size_at(&b) - 1] = 12;
    assert_rejected(b.p, b.n, ERR_UNSUPPORTED, "precision 12");
    free(b.p);
}

static void broken_pictures_print_nothing(void **state)
{
    (void)state;
    fflush(stderr);
    FILE *caught = tmpfile();
    const int kept = dup(STDERR_FILENO);
    dup2(fileno(caught), STDERR_FILENO);
    for (int f = 0; f < N_FILES; f++) {
        Bytes b = golden_bytes(FILES[f]);
        for (size_t at = 3; at < b.n; at += b.n / 40 + 1) {
            Error e;
            Image i;
            b.p[at] ^= 0x55;
            if (decode_exact(&i, b.p, b.n, &IMAGE_DEFAULTS, &e)) image_free(&i);
            b.p[at] ^= 0x55;
        }
        free(b.p);
    }
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    struct stat st;
    assert_int_equal(fstat(fileno(caught), &st), 0);
    assert_int_equal(st.st_size, 0);
    fclose(caught);
}

static Image filled(int w, int h, uint8_t value)
{
    Error e;
    Image i;
    if (!image_new(&i, w, h, &e)) fail_msg("%s", e.text);
    memset(i.rgb, value, (size_t)w * (size_t)h * 3);
    return i;
}

/* A side that rounds to 0 becomes 1, where the official code stops with an error. */
static void extreme_shapes_are_padded(void **state)
{
    (void)state;
    static const struct {
        int w, h, x, y; /* where a pixel of the picture stands in 384 x 384 */
    } ROWS[] = { { 1, 20000, 192, 100 }, { 20000, 1, 100, 192 }, { 768, 1, 100, 192 }, { 769, 1, 100, 192 },
                 { 1, 1000, 192, 0 },    { 1, 1, 383, 383 },     { 383, 1, 0, 192 } };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        Error e;
        Image in = filled(ROWS[i].w, ROWS[i].h, 200), out;
        if (!image_pad(&in, 384, 384, (Colour){ 122, 116, 104 }, &out, &e)) fail_msg("%s", e.text);
        assert_pixel(&out, ROWS[i].x, ROWS[i].y, 200, 200, 200);
        if (in.w != in.h) assert_pixel(&out, in.w < in.h ? 191 : 0, in.w < in.h ? 0 : 191, 122, 116, 104);
        image_free(&in);
        image_free(&out);
    }
}

static void extreme_shapes_are_cut_into_tiles(void **state)
{
    (void)state;
    static const Size LIST[] = {
        { 384, 384 }, { 384, 768 }, { 768, 384 }, { 384, 3456 }, { 3456, 384 }, { 1152, 1152 }
    };
    static const int SHAPES[][2] = { { 1, 20000 }, { 20000, 1 }, { 1, 1 }, { 2, 1 }, { 5000, 3 } };
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        Error e;
        Tiles t;
        Image in = filled(SHAPES[i][0], SHAPES[i][1], 90);
        if (!tiles_cut(&t, &in, LIST, 6, 384, true, COLOUR_GRAY, &e)) fail_msg("%s", e.text);
        assert_int_equal(t.n, 1 + t.across * t.down);
        int seen = 0;
        for (size_t k = 0; k < (size_t)t.n * 384 * 384 * 3; k++) seen += t.rgb[k] == 90;
        assert_true(seen > 0);
        tiles_free(&t);
        image_free(&in);
    }
}

static Image colourful(int w, int h)
{
    Image i = filled(w, h, 0);
    for (int k = 0; k < w * h * 3; k++) i.rgb[k] = (uint8_t)(k * 7 + k / 50);
    return i;
}

/* Worked out by hand: at twice the size a pixel is three parts of the nearest and one of the next, at the edge of one alone. */
static void bilinear_doubles_by_parts_of_four(void **state)
{
    static const uint8_t ACROSS[] = { 0, 25, 75, 100 }, DOWN[] = { 0, 50, 150, 200 };
    uint8_t pixels[] = { 0, 0, 0, 100, 100, 100 }, column[] = { 0, 0, 0, 200, 200, 200 };
    Image out;
    Error e;
    (void)state;
    assert_true(image_resize_bilinear(&(Image){ 2, 1, pixels }, 4, 2, &out, &e));
    for (int i = 0; i < 8; i++) assert_int_equal(out.rgb[3 * i], ACROSS[i % 4]);
    image_free(&out);
    assert_true(image_resize_bilinear(&(Image){ 1, 2, column }, 1, 4, &out, &e));
    for (int i = 0; i < 4; i++) assert_int_equal(out.rgb[3 * i + 1], DOWN[i]);
    image_free(&out);
    assert_true(image_resize_bilinear(&(Image){ 2, 1, pixels }, 1, 1, &out, &e)); /* shrinking counts both */
    assert_int_equal(out.rgb[0], 50);
    image_free(&out);
}

static void png_saves_and_loads_the_same_picture(void **state)
{
    (void)state;
    Error e;
    char path[] = "/tmp/vl2-test-XXXXXX.PNG";
    close(mkstemps(path, 4));
    Image a = colourful(37, 21), b;
    if (!image_save(&a, path, &e) || !image_load(&b, path, &IMAGE_DEFAULTS, &e)) fail_msg("%s", e.text);
    assert_same_image(&a, &b);
    unlink(path);
    image_free(&a);
    image_free(&b);
}

static void jpeg_saves_nearly_the_same_picture(void **state)
{
    (void)state;
    Error e;
    Str file = { 0 };
    Image a = filled(40, 30, 100);
    for (int y = 0; y < 30; y++)
        memcpy(a.rgb + (size_t)y * 120, "\xff\0\0\xff\0\0\xff\0\0\xff\0\0\xff\0\0\xff\0\0\xff\0\0\xff\0\0", 24);
    if (!image_encode(&a, IMAGE_JPEG, &file, &e)) fail_msg("%s", e.text);
    Image b = decode_ok(file.text, file.n);
    int worst = 0;
    for (int k = 0; k < 40 * 30 * 3; k++) worst = abs(a.rgb[k] - b.rgb[k]) > worst ? abs(a.rgb[k] - b.rgb[k]) : worst;
    assert_within("JPEG of two flat colours without subsampling", worst, 3); /* colour conversion rounds twice */
    image_free(&a);
    image_free(&b);
    str_free(&file);
}

static void saving_names_what_is_wrong(void **state)
{
    (void)state;
    Error e;
    Image a = colourful(3, 3);
    assert_false(image_save(&a, "x.tiff", &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_non_null(strstr(e.text, "x.tiff"));
    assert_false(image_save(&a, "/nonexistent/x.png", &e));
    assert_int_equal(e.code, ERR_SYSTEM);
    image_free(&a);
}

TEST_MAIN(TEST(what_is_no_picture_is_named), TEST(kind_is_told_by_bytes_not_by_name),
          TEST(truncated_is_an_error_at_every_length), TEST(png_rejects_bad_crc_of_any_chunk),
          TEST(huge_sizes_meet_the_limit_before_memory_is_taken), TEST(lying_sizes_are_errors),
          TEST(zero_pixels_are_an_error), TEST(limits_are_options), TEST(exif_rotate_turns_jpeg_upright),
          TEST(exif_rotate_turns_png_and_webp_upright), TEST(broken_exif_is_passed_over),
          TEST(jpeg_limits_the_number_of_scans), TEST(jpeg_accepts_extra_bytes_before_the_end),
          TEST(jpeg_rejects_missing_restart_markers), TEST(jpeg_of_12_bits_is_unsupported),
          TEST(broken_pictures_print_nothing), TEST(extreme_shapes_are_padded), TEST(extreme_shapes_are_cut_into_tiles),
          TEST(bilinear_doubles_by_parts_of_four), TEST(png_saves_and_loads_the_same_picture),
          TEST(jpeg_saves_nearly_the_same_picture), TEST(saving_names_what_is_wrong))
