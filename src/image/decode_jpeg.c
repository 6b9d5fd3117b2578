/* decode_jpeg.c - JPEG through libjpeg-turbo: accurate integer IDCT and smooth chroma upsampling, its defaults and
 * Pillow's. Baseline, progressive, arithmetic; gray, YCbCr, RGB, CMYK, YCCK.
 *
 * libjpeg repairs broken data and goes on with a warning. A picture that is half gray is worse than an error, so
 * warnings are errors, but for those that leave the picture whole. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "image/decode.h"

/* A progressive file may repeat passes over all coefficients at a few bytes each. Encoders write about ten. */
enum { MAX_SCANS = 100 };

typedef struct {
    struct jpeg_decompress_struct info; /* first: callbacks get its address */
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    Error *e;
} JpegReader;

/* Warnings that leave the picture whole. */
static const int HARMLESS[] = { JWRN_EXTRANEOUS_DATA, JWRN_ADOBE_XFORM, JWRN_JFIF_MAJOR, JWRN_BOGUS_ICC,
                                JWRN_NOT_SEQUENTIAL };

/* What libjpeg's errors are to us; all others mean broken data. */
static const struct {
    int jpeg;
    ErrorCode code;
} CODES[] = {
    { JERR_OUT_OF_MEMORY, ERR_MEMORY },           { JERR_IMAGE_TOO_BIG, ERR_LIMIT },
    { JERR_BAD_PRECISION, ERR_UNSUPPORTED },      { JERR_SOF_UNSUPPORTED, ERR_UNSUPPORTED },
    { JERR_CONVERSION_NOTIMPL, ERR_UNSUPPORTED }, { JERR_NOTIMPL, ERR_UNSUPPORTED },
    { JERR_NOT_COMPILED, ERR_UNSUPPORTED },       { JERR_ARITH_NOTIMPL, ERR_UNSUPPORTED },
};

static ErrorCode code_of(int jpeg)
{
    for (size_t i = 0; i < sizeof CODES / sizeof *CODES; i++)
        if (CODES[i].jpeg == jpeg) return CODES[i].code;
    return ERR_FORMAT;
}

static bool is_harmless(int jpeg)
{
    for (size_t i = 0; i < sizeof HARMLESS / sizeof *HARMLESS; i++)
        if (HARMLESS[i] == jpeg) return true;
    return false;
}

_Noreturn static void give_up(j_common_ptr c)
{
    JpegReader *r = (JpegReader *)c;
    char text[JMSG_LENGTH_MAX];
    c->err->format_message(c, text);
    fail(r->e, code_of(c->err->msg_code), "%s", text);
    longjmp(r->failed, 1);
}

static void on_message(j_common_ptr c, int level)
{
    if (level < 0 && !is_harmless(c->err->msg_code)) give_up(c);
}

static void on_progress(j_common_ptr c)
{
    JpegReader *r = (JpegReader *)c;
    if (r->info.input_scan_number <= MAX_SCANS) return;
    fail(r->e, ERR_LIMIT, "more than %d scans", MAX_SCANS);
    longjmp(r->failed, 1);
}

static void silent(j_common_ptr c)
{
    (void)c;
}

static void find_orientation(const JpegReader *r, int *orientation)
{
    static const char ID[6] = "Exif\0";
    for (jpeg_saved_marker_ptr m = r->info.marker_list; m; m = m->next) {
        if (m->data_length < sizeof ID || memcmp(m->data, ID, sizeof ID) != 0) continue;
        *orientation = exif_orientation(m->data + sizeof ID, m->data_length - sizeof ID);
        return;
    }
}

/* a * b / 255, rounded as Pillow does. */
static int mul255(int a, int b)
{
    const int t = a * b + 128;
    return (t + (t >> 8)) >> 8;
}

/* Samples are taken as stored inverted (255 is no ink), as Adobe writes them and Pillow assumes of all CMYK files. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, int w)
{
    for (int x = 0; x < w; x++)
        for (int c = 0; c < 3; c++)
            rgb[3 * x + c] = (uint8_t)(cmyk[4 * x + 3] - mul255(255 - cmyk[4 * x + c], cmyk[4 * x + 3]));
}

static void read_rows(j_decompress_ptr d, const Image *out)
{
    const bool cmyk = d->out_color_space == JCS_CMYK;
    JSAMPROW inks = NULL;
    if (cmyk) inks = d->mem->alloc_small((j_common_ptr)d, JPOOL_IMAGE, (size_t)out->w * 4);
    for (int y = 0; y < out->h; y++) {
        JSAMPROW row = cmyk ? inks : image_row(out, y);
        jpeg_read_scanlines(d, &row, 1);
        if (cmyk) cmyk_to_rgb(inks, image_row(out, y), out->w);
    }
}

static bool read_picture(JpegReader *r, const Encoded *in, Image *out, int *orientation)
{
    j_decompress_ptr d = &r->info;
    d->err = jpeg_std_error(&r->errors);
    r->errors.error_exit = give_up;
    r->errors.emit_message = on_message;
    r->errors.output_message = silent;
    jpeg_create_decompress(d);
    r->progress.progress_monitor = on_progress;
    d->progress = &r->progress;
    jpeg_mem_src(d, in->bytes, in->n);
    if (in->options->exif_rotate) jpeg_save_markers(d, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(d, TRUE);
    find_orientation(r, orientation);
    if (d->num_components != 1 && d->num_components != 3 && d->num_components != 4)
        return fail(r->e, ERR_UNSUPPORTED, "%d components, expected 1, 3 or 4", d->num_components);
    if (!decode_begin(in, d->image_width, d->image_height, out, r->e)) return false;
    d->out_color_space = d->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(d);
    read_rows(d, out);
    jpeg_finish_decompress(d);
    return true;
}

bool decode_jpeg(const Encoded *in, Image *out, int *orientation, Error *e)
{
    JpegReader r = { .e = e };
    const bool ok = setjmp(r.failed) == 0 && read_picture(&r, in, out, orientation);
    jpeg_destroy_decompress(&r.info);
    return ok;
}
