/* decode.c - which decoder reads which bytes; limits; what is known and not read. */
#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/str.h"

const ImageOptions IMAGE_DEFAULTS = { .max_bytes = 64u << 20, .max_side = 16384, .max_pixels = 100000000 };

/* A kind of file is known by `magic` at byte `at`. */
typedef struct {
    size_t at;
    const char *magic;
    size_t n_magic;
    const char *name;
    Decoder *decode; /* NULL: known, not read */
} Kind;

#define MAGIC(at, text) at, text, sizeof(text) - 1
static const Kind KINDS[] = {
    { MAGIC(0, "\xff\xd8\xff"), "JPEG", decode_jpeg },
    { MAGIC(0, "\x89PNG\r\n\x1a\n"), "PNG", decode_png },
    { MAGIC(8, "WEBP"), "WebP", decode_webp },
    { MAGIC(0, "GIF87a"), "GIF", decode_gif },
    { MAGIC(0, "GIF89a"), "GIF", decode_gif },
    { MAGIC(0, "P1"), "PBM", decode_pnm },
    { MAGIC(0, "P2"), "PGM", decode_pnm },
    { MAGIC(0, "P3"), "PPM", decode_pnm },
    { MAGIC(0, "P4"), "PBM", decode_pnm },
    { MAGIC(0, "P5"), "PGM", decode_pnm },
    { MAGIC(0, "P6"), "PPM", decode_pnm },
    { MAGIC(0, "BM"), "BMP", decode_bmp },
    { MAGIC(0, "II*\0"), "a TIFF picture", NULL },
    { MAGIC(0, "MM\0*"), "a TIFF picture", NULL },
    { MAGIC(4, "ftypavif"), "an AVIF picture", NULL },
    { MAGIC(4, "ftypavis"), "an AVIF picture", NULL },
    { MAGIC(4, "ftyphei"), "a HEIC picture", NULL },
    { MAGIC(4, "ftyphev"), "a HEIC picture", NULL },
    { MAGIC(4, "ftypmif1"), "a HEIF picture", NULL },
    { MAGIC(4, "ftypmsf1"), "a HEIF picture", NULL },
    { MAGIC(4, "ftyp"), "a video (MP4 family)", NULL },
    { MAGIC(0, "\xff\x0a"), "a JPEG XL picture", NULL },
    { MAGIC(4, "JXL \r\n"), "a JPEG XL picture", NULL },
    { MAGIC(4, "jP  \r\n"), "a JPEG 2000 picture", NULL },
    { MAGIC(0, "\0\0\1\0"), "an ICO picture", NULL },
    { MAGIC(0, "8BPS"), "a Photoshop file", NULL },
    { MAGIC(0, "%PDF-"), "a PDF document", NULL },
    { MAGIC(0, "PK\3\4"), "a ZIP archive", NULL },
    { MAGIC(0, "\x1f\x8b"), "gzip data", NULL },
};
#undef MAGIC

static const Kind *find_kind(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        const Kind *k = &KINDS[i];
        if (n >= k->at + k->n_magic && memcmp(bytes + k->at, k->magic, k->n_magic) == 0) return k;
    }
    return NULL;
}

/* Text has no magic: a name for what its first kilobyte looks like, NULL if that is not text. */
static const char *text_kind(const uint8_t *bytes, size_t n)
{
    char head[1025];
    const size_t n_head = n < sizeof head - 1 ? n : sizeof head - 1;
    for (size_t i = 0; i < n_head; i++) {
        if (bytes[i] == 0 || (bytes[i] < 0x20 && !strchr("\t\n\f\r", bytes[i]))) return NULL;
        head[i] = (char)bytes[i];
    }
    head[n_head] = 0;
    if (strstr(head, "<svg")) return "an SVG drawing";
    if (strcasestr(head, "<html") || strcasestr(head, "<!doctype html")) return "an HTML page";
    if (str_starts(head, "version https://git-lfs")) return "a Git LFS pointer, not the picture itself";
    const size_t whole = n == n_head ? n_head : n_head - 3; /* the cut may go through a character */
    return utf8_is_valid(head, whole) ? "text" : NULL;
}

static const char READABLE[] = "expected JPEG, PNG, WebP, GIF, BMP or PPM";

static bool fail_unknown(const uint8_t *bytes, size_t n, const Kind *k, Error *e)
{
    if (n == 0) return fail(e, ERR_FORMAT, "is empty; %s", READABLE);
    const char *name = k ? k->name : text_kind(bytes, n);
    if (name) return fail(e, ERR_UNSUPPORTED, "is %s; %s", name, READABLE);
    Str head = { 0 };
    for (size_t i = 0; i < n && i < 4; i++) str_printf(&head, " %02x", bytes[i]);
    fail(e, ERR_FORMAT, "is no known picture, begins with%s; %s", head.text, READABLE);
    str_free(&head);
    return false;
}

static bool decode_kind(const Kind *k, const Encoded *in, Image *out, Error *e)
{
    int orientation = 1;
    if (!k->decode(in, out, &orientation, e) || !image_turn(out, orientation, e)) return fail_in(e, "%s", k->name);
    return true;
}

static bool decode(const Encoded *in, Image *out, Error *e)
{
    *out = (Image){ 0 };
    if (in->n > in->options->max_bytes)
        return fail(e, ERR_LIMIT, "%zu bytes, the limit is %zu bytes (max_bytes)", in->n, in->options->max_bytes);
    const Kind *k = find_kind(in->bytes, in->n);
    return k && k->decode ? decode_kind(k, in, out, e) : fail_unknown(in->bytes, in->n, k, e);
}

bool image_decode(Image *out, const void *bytes, size_t n, const char *where, const ImageOptions *o, Error *e)
{
    if (decode(&(Encoded){ bytes, n, o, false }, out, e)) return true;
    image_free(out);
    return fail_in(e, "%s", where);
}

bool image_measure(Size *out, const void *bytes, size_t n, const char *where, const ImageOptions *o, Error *e)
{
    Image image;
    const Encoded in = { bytes, n, o, .only_size = !o->exif_rotate };
    const bool decoded = decode(&in, &image, e), ok = decoded || (in.only_size && image.w > 0);
    *out = (Size){ image.w, image.h };
    image_free(&image);
    return ok || fail_in(e, "%s", where);
}

bool image_load(Image *out, const char *path, const ImageOptions *o, Error *e)
{
    char *bytes;
    size_t n;
    *out = (Image){ 0 };
    if (!file_read(path, o->max_bytes, &bytes, &n, e)) return false;
    const char *where = strcmp(path, "-") == 0 ? "standard input" : path;
    const bool ok = image_decode(out, bytes, n, where, o, e);
    free(bytes);
    return ok;
}

bool decode_begin(const Encoded *in, uint64_t w, uint64_t h, Image *out, Error *e)
{
    enum { MOST_SIDE = 1 << 24 }; /* three bytes of each of a row's pixels are counted in int */
    const ImageOptions *o = in->options;
    const int max_side = o->max_side < MOST_SIDE ? o->max_side : MOST_SIDE;
    if (w == 0 || h == 0) {
        return fail(e, ERR_FORMAT, "%llu x %llu pixels, expected at least 1 x 1", (unsigned long long)w,
                    (unsigned long long)h);
    }
    if (w > (uint64_t)max_side || h > (uint64_t)max_side) {
        return fail(e, ERR_LIMIT, "%llu x %llu pixels, the limit is %d a side (max_side)", (unsigned long long)w,
                    (unsigned long long)h, max_side);
    }
    if (w * h > o->max_pixels) { /* both are at most 2^24 */
        return fail(e, ERR_LIMIT, "%llu x %llu = %llu pixels, the limit is %zu (max_pixels)", (unsigned long long)w,
                    (unsigned long long)h, (unsigned long long)(w * h), o->max_pixels);
    }
    if (in->only_size) {
        *out = (Image){ .w = (int)w, .h = (int)h };
        return fail(e, ERR_NONE, "no pixels are wanted");
    }
    return image_new(out, (int)w, (int)h, e);
}

bool image_new(Image *out, int w, int h, Error *e)
{
    size_t bytes = 0;
    *out = (Image){ 0 };
    if (!mul_fits((size_t)w, (size_t)h, &bytes) || !mul_fits(bytes, 3, &bytes) || !(out->rgb = malloc(bytes)))
        return fail(e, ERR_MEMORY, "no memory for a picture of %d x %d pixels", w, h);
    out->w = w;
    out->h = h;
    return true;
}

bool image_copy(const Image *in, Image *out, Error *e)
{
    if (!image_new(out, in->w, in->h, e)) return false;
    memcpy(out->rgb, in->rgb, (size_t)in->w * (size_t)in->h * 3);
    return true;
}

void image_free(Image *i)
{
    free(i->rgb);
    *i = (Image){ 0 };
}
