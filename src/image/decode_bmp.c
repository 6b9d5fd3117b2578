/* decode_bmp.c - BMP: OS/2 and Windows headers; 1, 4, 8 bit palettes, plain or run-length coded; 16, 24, 32 bit, with
 * channel masks too; rows from the bottom up or, with a negative height, from the top down.
 *
 *   0  "BM", file size, reserved   10  offset of the pixels   14  size of the header that follows   18  header
 *
 * No Debian library exists for this format alone. Alpha is dropped; a channel of m bits becomes v * 255 / (2^m - 1). */
#include <string.h>

#include "image/decode.h"

enum { RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, ALPHA_BITFIELDS = 6 };
enum { HEADER_AT = 14, CORE_HEADER = 12, INFO_HEADER = 40, MAX_HEADER = 124 };

typedef struct {
    uint32_t mask, max; /* max: the largest value, mask >> shift */
    int shift;
} Channel;

typedef struct {
    uint64_t w, h;
    bool top_down;
    unsigned bits, compression;
    size_t header, pixels; /* sizes and offsets in bytes */
    size_t colours, colour_bytes;
    Channel channel[3]; /* red, green, blue; for 16, 24 and 32 bit */
    uint8_t palette[256][3];
} Bmp;

static void read_core_header(const uint8_t *p, Bmp *b)
{
    b->w = le16(p + 18);
    b->h = le16(p + 20);
    b->bits = le16(p + 24);
    b->colour_bytes = 3;
}

static void read_info_header(const uint8_t *p, Bmp *b)
{
    const uint32_t h = le32(p + 22);
    b->w = le32(p + 18);
    b->top_down = h >> 31;
    b->h = b->top_down ? (uint64_t)(UINT32_MAX - h) + 1 : h;
    b->bits = le16(p + 28);
    b->compression = le32(p + 30);
    b->colours = le32(p + 46);
    b->colour_bytes = 4;
}

static bool read_header(const Encoded *in, Bmp *b, Error *e)
{
    if (in->n < HEADER_AT + CORE_HEADER) return fail(e, ERR_FORMAT, "cut off after %zu bytes", in->n);
    b->pixels = le32(in->bytes + 10);
    b->header = le32(in->bytes + HEADER_AT);
    const bool known = b->header == CORE_HEADER || (b->header >= INFO_HEADER && b->header <= MAX_HEADER);
    if (!known) return fail(e, ERR_UNSUPPORTED, "header of %zu bytes, expected 12 or 40 to 124", b->header);
    if (b->header > in->n - HEADER_AT) return fail(e, ERR_FORMAT, "cut off in its header");
    if (b->header == CORE_HEADER)
        read_core_header(in->bytes, b);
    else
        read_info_header(in->bytes, b);
    return true;
}

/* Which compressions go with which depths. */
static bool check_coding(const Bmp *b, Error *e)
{
    static const struct {
        unsigned bits, compressions; /* a bit for each */
    } CODINGS[] = {
        { 1, 1 << RAW },
        { 4, 1 << RAW | 1 << RLE4 },
        { 8, 1 << RAW | 1 << RLE8 },
        { 16, 1 << RAW | 1 << BITFIELDS | 1 << ALPHA_BITFIELDS },
        { 24, 1 << RAW | 1 << BITFIELDS },
        { 32, 1 << RAW | 1 << BITFIELDS | 1 << ALPHA_BITFIELDS },
    };
    for (size_t i = 0; i < sizeof CODINGS / sizeof *CODINGS; i++)
        if (CODINGS[i].bits == b->bits && b->compression < 32 && CODINGS[i].compressions >> b->compression & 1)
            return true;
    return fail(e, ERR_UNSUPPORTED, "%u bits a pixel with compression %u is not read", b->bits, b->compression);
}

static bool set_channel(Channel *c, uint32_t mask, Error *e)
{
    *c = (Channel){ .mask = mask };
    if (mask == 0) return true;
    c->shift = __builtin_ctz(mask);
    c->max = mask >> c->shift;
    if ((c->max & (c->max + 1)) == 0) return true;
    return fail(e, ERR_FORMAT, "channel mask %08x has holes", mask);
}

/* Masks follow the 40-byte header or are its continuation: the same place in the file. */
static bool read_masks(const Encoded *in, Bmp *b, Error *e)
{
    enum { MASKS_AT = HEADER_AT + INFO_HEADER };
    static const uint32_t RGB555[3] = { 0x7c00, 0x3e0, 0x1f }, RGB888[3] = { 0xff0000, 0xff00, 0xff };
    uint32_t mask[3];
    memcpy(mask, b->bits == 16 ? RGB555 : RGB888, sizeof mask);
    if (b->compression != RAW) {
        if (in->n < MASKS_AT + 12) return fail(e, ERR_FORMAT, "cut off in its channel masks");
        const uint8_t *p = in->bytes + MASKS_AT;
        const bool given = le32(p) || le32(p + 4) || le32(p + 8);
        for (int c = 0; given && c < 3; c++) mask[c] = le32(p + 4 * c);
    }
    return set_channel(&b->channel[0], mask[0], e) && set_channel(&b->channel[1], mask[1], e) &&
           set_channel(&b->channel[2], mask[2], e);
}

static bool read_palette(const Encoded *in, Bmp *b, Error *e)
{
    const size_t at = HEADER_AT + b->header, most = (size_t)1 << b->bits;
    const size_t n = b->colours == 0 || b->colours > most ? most : b->colours;
    if (n * b->colour_bytes > in->n - at) return fail(e, ERR_FORMAT, "cut off in its palette of %zu colours", n);
    for (int i = 0; i < 256; i++) memset(b->palette[i], i, 3); /* an index without a colour, as in Pillow */
    for (size_t i = 0; i < n; i++) {
        const uint8_t *bgr = in->bytes + at + i * b->colour_bytes;
        for (int c = 0; c < 3; c++) b->palette[i][c] = bgr[2 - c];
    }
    if (b->pixels == at) b->pixels += n * b->colour_bytes; /* some writers forget the palette in the offset */
    return true;
}

static void palette_row(const Bmp *b, const uint8_t *in, uint8_t *rgb, int w)
{
    const int per_byte = 8 / (int)b->bits, mask = (1 << b->bits) - 1;
    for (int x = 0; x < w; x++) {
        const int shift = (per_byte - 1 - x % per_byte) * (int)b->bits;
        memcpy(rgb + 3 * x, b->palette[in[x / per_byte] >> shift & mask], 3);
    }
}

/* 0..255 from the channel's bits of a pixel; a channel without a mask is 0. */
static uint8_t channel_value(const Channel *c, uint32_t pixel)
{
    if (c->max == 0) return 0;
    const uint64_t v = (pixel & c->mask) >> c->shift;
    return (uint8_t)(v * 255 / c->max);
}

static void masked_row(const Bmp *b, const uint8_t *in, uint8_t *rgb, int w)
{
    const size_t bytes = b->bits / 8;
    for (int x = 0; x < w; x++) {
        uint32_t pixel = 0;
        for (size_t i = 0; i < bytes; i++) pixel |= (uint32_t)in[(size_t)x * bytes + i] << 8 * i;
        for (int c = 0; c < 3; c++) rgb[3 * x + c] = channel_value(&b->channel[c], pixel);
    }
}

static bool decode_raw(const Encoded *in, const Bmp *b, Image *out, Error *e)
{
    /* w and h are below 2^32, bits at most 32: no overflow in 64 bits but in the product with h, so divide. */
    const uint64_t row = (b->w * b->bits + 7) / 8, stride = (b->w * b->bits + 31) / 32 * 4;
    const uint64_t there = in->n - b->pixels;
    if (b->w && b->h && (there < row || (there - row) / stride < b->h - 1)) {
        return fail(e, ERR_FORMAT, "cut off: %llu bytes of pixels for %llu x %llu with %u bits each",
                    (unsigned long long)there, (unsigned long long)b->w, (unsigned long long)b->h, b->bits);
    }
    if (!decode_begin(in, b->w, b->h, out, e)) return false;
    for (int y = 0; y < out->h; y++) {
        const uint8_t *from = in->bytes + b->pixels + (size_t)y * stride;
        (b->bits <= 8 ? palette_row : masked_row)(b, from, image_row(out, b->top_down ? y : out->h - 1 - y), out->w);
    }
    return true;
}

/* Run-length codes: (n, v) repeats v; (0, 0) ends the row, (0, 1) the picture; (0, 2) dx dy moves; (0, n) n pixels as
 * they are, padded to 16 bits. In RLE4 a byte holds two pixels. What no code reaches keeps colour 0. */
typedef struct {
    const Bmp *b;
    const Image *out;
    int x, y; /* y counts in the file's order */
} RlePen;

static void put_pixel(RlePen *pen, int colour)
{
    const Image *out = pen->out;
    if (pen->x >= out->w || pen->y >= out->h) return;
    const int y = pen->b->top_down ? pen->y : out->h - 1 - pen->y;
    memcpy(image_row(out, y) + 3 * pen->x++, pen->b->palette[colour], 3);
}

static int rle_colour(const Bmp *b, const uint8_t *bytes, int i)
{
    if (b->compression == RLE8) return bytes[i];
    return bytes[i / 2] >> (i % 2 ? 0 : 4) & 15;
}

static void put_run(RlePen *pen, int n, uint8_t colours)
{
    const uint8_t both[2] = { colours, colours };
    for (int i = 0; i < n; i++) put_pixel(pen, rle_colour(pen->b, both, i % 2));
}

/* Does what the code at p says, with at least 2 bytes left there. Returns the bytes that it takes, 0 if it is cut off. */
static size_t draw_code(RlePen *pen, const uint8_t *p, size_t left)
{
    const int n = p[0], code = p[1], w = pen->out->w;
    if (n > 0) {
        put_run(pen, n, p[1]);
    } else if (code == 0) {
        pen->x = 0;
        pen->y++;
    } else if (code == 1) {
        pen->y = pen->out->h;
    } else if (code == 2) {
        if (left < 4) return 0;
        pen->x = pen->x + p[2] < w ? pen->x + p[2] : w;
        pen->y += p[3];
        return 4;
    } else {
        const size_t bytes = pen->b->compression == RLE8 ? (size_t)code : ((size_t)code + 1) / 2;
        if (left - 2 < bytes) return 0;
        for (int i = 0; i < code; i++) put_pixel(pen, rle_colour(pen->b, p + 2, i));
        return 2 + bytes + bytes % 2;
    }
    return 2;
}

static bool decode_runs(const Encoded *in, const Bmp *b, Image *out, Error *e)
{
    if (!decode_begin(in, b->w, b->h, out, e)) return false;
    for (size_t i = 0; i < (size_t)out->w * (size_t)out->h; i++) memcpy(out->rgb + 3 * i, b->palette[0], 3);
    RlePen pen = { .b = b, .out = out };
    for (size_t at = b->pixels; pen.y < out->h && at < in->n && in->n - at >= 2;) {
        const size_t used = draw_code(&pen, in->bytes + at, in->n - at);
        if (used == 0) break;
        at += used;
    }
    if (pen.y >= out->h || (pen.y == out->h - 1 && pen.x == out->w)) return true; /* the end code may be missing */
    return fail(e, ERR_FORMAT, "cut off in row %d of %d", pen.y, out->h);
}

bool decode_bmp(const Encoded *in, Image *out, int *orientation, Error *e)
{
    (void)orientation; /* the format has none */
    Bmp b = { 0 };
    if (!read_header(in, &b, e) || !check_coding(&b, e)) return false;
    if (!(b.bits <= 8 ? read_palette : read_masks)(in, &b, e)) return false;
    if (b.pixels < HEADER_AT + b.header || b.pixels > in->n)
        return fail(e, ERR_FORMAT, "pixels at byte %zu of %zu", b.pixels, in->n);
    return (b.compression == RLE8 || b.compression == RLE4 ? decode_runs : decode_raw)(in, &b, out, e);
}
