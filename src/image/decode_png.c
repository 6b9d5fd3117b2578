/* decode_png.c - PNG through libpng: every colour type, depth and interlacing; of an APNG the default picture.
 *
 * As Pillow: 16 bit RGB and gray + alpha keep the high byte; 16 bit gray alone is clipped to 255, not scaled; 1, 2 and
 * 4 bit gray spread over 0..255; alpha, tRNS and gAMA are ignored; an index without a colour is the gray of its number.
 * Every chunk's CRC counts. */
#include <setjmp.h>
#include <string.h>

#include <png.h>

#include "image/decode.h"

typedef struct {
    png_structp png;
    png_infop info;
    jmp_buf failed;
    Error *e;
    const uint8_t *bytes;
    size_t n, at;
} PngReader;

_Noreturn static void on_error(png_structp png, png_const_charp text)
{
    PngReader *r = png_get_error_ptr(png);
    fail(r->e, ERR_FORMAT, "%s", text);
    longjmp(r->failed, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep out, size_t n)
{
    PngReader *r = png_get_io_ptr(png);
    if (n > r->n - r->at) png_error(png, "cut off before its end");
    memcpy(out, r->bytes + r->at, n);
    r->at += n;
}

/* Into the beginnings of the rows of *out, in every pass. */
static void read_all_rows(PngReader *r, const Image *out)
{
    const int passes = png_set_interlace_handling(r->png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < out->h; y++) png_read_row(r->png, image_row(out, y), NULL);
}

/* Less than three bytes a pixel lie at the start of each row: from the right, so that none is overwritten unread. */
static void clip_gray16(const Image *out)
{
    for (int y = 0; y < out->h; y++) {
        uint8_t *row = image_row(out, y);
        for (int x = out->w - 1; x >= 0; x--) memset(row + 3 * x, row[2 * x] ? 255 : row[2 * x + 1], 3);
    }
}

static void look_up_palette(const PngReader *r, const Image *out)
{
    png_colorp given = NULL;
    int n = 0;
    uint8_t palette[256][3];
    png_get_PLTE(r->png, r->info, &given, &n);
    for (int i = 0; i < 256; i++) {
        const png_color c = i < n ? given[i] : (png_color){ (png_byte)i, (png_byte)i, (png_byte)i };
        memcpy(palette[i], &(uint8_t[3]){ c.red, c.green, c.blue }, 3);
    }
    for (int y = 0; y < out->h; y++) {
        uint8_t *row = image_row(out, y);
        for (int x = out->w - 1; x >= 0; x--) memcpy(row + 3 * x, palette[row[x]], 3);
    }
}

static bool read_pixels(PngReader *r, const Image *out)
{
    const int depth = png_get_bit_depth(r->png, r->info), type = png_get_color_type(r->png, r->info);
    const bool indexed = type == PNG_COLOR_TYPE_PALETTE, gray16 = depth == 16 && type == PNG_COLOR_TYPE_GRAY;
    if (indexed) {
        png_set_packing(r->png); /* a byte for each index */
    } else if (!gray16) {
        png_set_strip_16(r->png);
        png_set_strip_alpha(r->png);
        if (type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(r->png);
    }
    read_all_rows(r, out);
    png_read_end(r->png, NULL);
    if (gray16) clip_gray16(out);
    if (indexed) look_up_palette(r, out);
    return true;
}

/* Finds an eXIf chunk by walking over the chunks; lengths lie about nothing that is read here. */
static void find_orientation(const Encoded *in, int *orientation)
{
    for (size_t at = 8; in->n - at >= 12;) {
        const size_t n = be32(in->bytes + at);
        if (n > in->n - at - 12) return;
        if (memcmp(in->bytes + at + 4, "eXIf", 4) == 0) {
            *orientation = exif_orientation(in->bytes + at + 8, n);
            return;
        }
        at += n + 12;
    }
}

static bool read_picture(PngReader *r, const Encoded *in, Image *out)
{
    enum { IHDR_END = 8 + 8 + 13 + 4 };
    if (in->n < IHDR_END) return fail(r->e, ERR_FORMAT, "cut off after %zu bytes", in->n);
    if (memcmp(in->bytes + 12, "IHDR", 4) != 0) return fail(r->e, ERR_FORMAT, "first chunk is not IHDR");
    if (!decode_begin(in, be32(in->bytes + 16), be32(in->bytes + 20), out, r->e)) return false;
    r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, on_error, on_warning);
    if (r->png) r->info = png_create_info_struct(r->png);
    if (!r->info) return fail(r->e, ERR_MEMORY, "no memory for the decoder");
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, (png_uint_32)out->w, (png_uint_32)out->h); /* a second IHDR cannot be larger */
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    /* Profiles and texts, which may unpack to a lot, are passed over. */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(r->png, r->info);
    return read_pixels(r, out);
}

bool decode_png(const Encoded *in, Image *out, int *orientation, Error *e)
{
    PngReader r = { .e = e, .bytes = in->bytes, .n = in->n };
    const bool ok = setjmp(r.failed) == 0 && read_picture(&r, in, out);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    if (ok && in->options->exif_rotate) find_orientation(in, orientation);
    return ok;
}
