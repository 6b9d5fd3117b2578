/* encode.c - pictures written as PNG (lossless) or JPEG (quality 92, no chroma subsampling). */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jpeglib.h>
#include <png.h>

#include "base/file.h"
#include "image/decode.h"

typedef struct {
    jmp_buf failed;
    Str *out;
    Error *e;
} PngWriter;

_Noreturn static void on_png_error(png_structp png, png_const_charp text)
{
    PngWriter *w = png_get_error_ptr(png);
    fail(w->e, ERR_SYSTEM, "cannot write PNG: %s", text);
    longjmp(w->failed, 1);
}

static void on_png_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_png_write(png_structp png, png_bytep bytes, size_t n)
{
    PngWriter *w = png_get_io_ptr(png);
    str_add(w->out, (const char *)bytes, n);
}

static void on_png_flush(png_structp png)
{
    (void)png;
}

static bool write_png(png_structp png, png_infop info, PngWriter *w, const Image *i)
{
    png_set_write_fn(png, w, on_png_write, on_png_flush);
    png_set_IHDR(png, info, (png_uint_32)i->w, (png_uint_32)i->h, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int y = 0; y < i->h; y++) png_write_row(png, image_row(i, y));
    png_write_end(png, info);
    return true;
}

static bool encode_png(const Image *i, Str *out, Error *e)
{
    PngWriter w = { .out = out, .e = e };
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, on_png_error, on_png_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    bool ok = false;
    if (!info)
        fail(e, ERR_MEMORY, "no memory to write PNG");
    else if (setjmp(w.failed) == 0) {
        write_png(png, info, &w, i);
        ok = true;
    }
    png_destroy_write_struct(&png, &info);
    return ok;
}

typedef struct {
    struct jpeg_compress_struct info; /* first: callbacks get its address */
    struct jpeg_error_mgr errors;
    jmp_buf failed;
    unsigned char *bytes; /* libjpeg's buffer, from malloc */
    unsigned long n;
    Error *e;
} JpegWriter;

_Noreturn static void on_jpeg_error(j_common_ptr c)
{
    JpegWriter *w = (JpegWriter *)c;
    char text[JMSG_LENGTH_MAX];
    c->err->format_message(c, text);
    fail(w->e, ERR_SYSTEM, "cannot write JPEG: %s", text);
    longjmp(w->failed, 1);
}

static bool write_jpeg(JpegWriter *w, const Image *i)
{
    enum { QUALITY = 92 };
    j_compress_ptr c = &w->info;
    c->err = jpeg_std_error(&w->errors);
    w->errors.error_exit = on_jpeg_error;
    jpeg_create_compress(c);
    jpeg_mem_dest(c, &w->bytes, &w->n);
    c->image_width = (JDIMENSION)i->w;
    c->image_height = (JDIMENSION)i->h;
    c->input_components = 3;
    c->in_color_space = JCS_RGB;
    jpeg_set_defaults(c);
    jpeg_set_quality(c, QUALITY, TRUE);
    c->comp_info[0].h_samp_factor = c->comp_info[0].v_samp_factor = 1;
    c->optimize_coding = TRUE;
    jpeg_start_compress(c, TRUE);
    for (int y = 0; y < i->h; y++) {
        JSAMPROW row = image_row(i, y);
        jpeg_write_scanlines(c, &row, 1);
    }
    jpeg_finish_compress(c);
    return true;
}

static bool encode_jpeg(const Image *i, Str *out, Error *e)
{
    JpegWriter w = { .e = e };
    const bool ok = setjmp(w.failed) == 0 && write_jpeg(&w, i);
    if (ok) str_add(out, (const char *)w.bytes, w.n);
    jpeg_destroy_compress(&w.info);
    free(w.bytes);
    return ok;
}

bool image_encode(const Image *i, ImageKind kind, Str *out, Error *e)
{
    switch (kind) {
    case IMAGE_PNG: return encode_png(i, out, e);
    case IMAGE_JPEG: return encode_jpeg(i, out, e);
    }
    return false;
}

static bool kind_of_path(const char *path, ImageKind *kind, Error *e)
{
    const char *dot = strrchr(path, '.');
    if (dot && strcasecmp(dot, ".png") == 0)
        *kind = IMAGE_PNG;
    else if (dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0))
        *kind = IMAGE_JPEG;
    else
        return fail(e, ERR_USAGE, "%s: does not end with .png, .jpg or .jpeg", path);
    return true;
}

bool image_save(const Image *i, const char *path, Error *e)
{
    ImageKind kind;
    Str bytes = { 0 };
    if (!kind_of_path(path, &kind, e)) return false;
    const bool ok =
        (image_encode(i, kind, &bytes, e) || fail_in(e, "%s", path)) && file_save(path, bytes.text, bytes.n, e);
    str_free(&bytes);
    return ok;
}
