/* decode_pnm.c - PBM, PGM, PPM, as text (P1, P2, P3) or bytes (P4, P5, P6).
 *
 *   "P" digit, width, height, and but for PBM the largest sample; white space between, # comments to the end of a line
 *
 * No Debian library exists for these formats alone. As Pillow: samples are scaled by 255 / largest, rounded half to
 * even; gray with a largest sample above 255 is scaled to 0..65535 and then clipped to 255; a PBM's 1 is black. */
#include <math.h>
#include <string.h>

#include "image/decode.h"

typedef struct {
    const uint8_t *p, *end;
    bool is_text, is_bits; /* P1 to P3; P1 and P4 */
    int channels;
    unsigned max;
    uint8_t level[65536]; /* 0..255 for each sample */
} Pnm;

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Moves to the next byte that is neither white space nor comment. */
static void skip_space(Pnm *f)
{
    for (; f->p < f->end && (is_space(*f->p) || *f->p == '#'); f->p++)
        if (*f->p == '#')
            while (f->p < f->end - 1 && *f->p != '\n') f->p++;
}

static bool read_number(Pnm *f, const char *what, unsigned max, unsigned *out, Error *e)
{
    skip_space(f);
    if (f->p == f->end) return fail(e, ERR_FORMAT, "cut off before %s", what);
    if (*f->p < '0' || *f->p > '9') return fail(e, ERR_FORMAT, "byte %02x in place of %s", *f->p, what);
    unsigned v = 0;
    for (; f->p < f->end && *f->p >= '0' && *f->p <= '9'; f->p++) {
        v = v * 10 + (unsigned)(*f->p - '0');
        if (v > max) return fail(e, ERR_FORMAT, "%s is over %u", what, max);
    }
    *out = v;
    return true;
}

static bool read_sample(Pnm *f, unsigned *out, Error *e)
{
    if (!f->is_bits) return read_number(f, "a sample", f->max, out, e);
    skip_space(f); /* bits may stand without space between them */
    if (f->p == f->end) return fail(e, ERR_FORMAT, "cut off before a sample");
    if (*f->p != '0' && *f->p != '1') return fail(e, ERR_FORMAT, "byte %02x in place of 0 or 1", *f->p);
    *out = (unsigned)(*f->p++ - '0');
    return true;
}

static bool read_text_row(Pnm *f, uint8_t *rgb, int w, Error *e)
{
    for (int i = 0; i < w * f->channels; i++) {
        unsigned v;
        if (!read_sample(f, &v, e)) return false;
        if (f->channels == 3)
            rgb[i] = f->level[v];
        else
            memset(rgb + 3 * i, f->level[v], 3);
    }
    return true;
}

static void read_byte_row(const Pnm *f, const uint8_t *in, uint8_t *rgb, int w)
{
    for (int i = 0; i < w * f->channels; i++) {
        const unsigned v = f->is_bits ? in[i / 8] >> (7 - i % 8) & 1u : f->max > 255 ? be16(in + 2 * i) : in[i];
        if (f->channels == 3)
            rgb[i] = f->level[v];
        else
            memset(rgb + 3 * i, f->level[v], 3);
    }
}

static void fill_levels(Pnm *f)
{
    const double top = f->channels == 1 && f->max > 255 ? 65535 : 255;
    for (unsigned v = 0; v < 65536; v++) {
        const double scaled = nearbyint((double)v / f->max * top);
        f->level[v] = scaled > 255 ? 255 : (uint8_t)scaled;
    }
    if (f->is_bits) f->level[0] = 255, f->level[1] = 0;
}

/* One byte of white space ends the header. */
static bool decode_bytes(const Encoded *in, Pnm *f, uint64_t w, uint64_t h, Image *out, Error *e)
{
    const uint64_t row = f->is_bits ? (w + 7) / 8 : w * (uint64_t)f->channels * (f->max > 255 ? 2 : 1);
    if (f->p == f->end || !is_space(*f->p)) return fail(e, ERR_FORMAT, "header does not end with white space");
    f->p++;
    const uint64_t there = (uint64_t)(f->end - f->p);
    if (row > 0 && h > there / row) {
        return fail(e, ERR_FORMAT, "cut off: %llu bytes of pixels, expected %llu rows of %llu",
                    (unsigned long long)there, (unsigned long long)h, (unsigned long long)row);
    }
    if (!decode_begin(in, w, h, out, e)) return false;
    for (int y = 0; y < out->h; y++) read_byte_row(f, f->p + (size_t)y * row, image_row(out, y), out->w);
    return true;
}

static bool decode_text(const Encoded *in, Pnm *f, uint64_t w, uint64_t h, Image *out, Error *e)
{
    if (!decode_begin(in, w, h, out, e)) return false;
    for (int y = 0; y < out->h; y++)
        if (!read_text_row(f, image_row(out, y), out->w, e)) return false;
    return true;
}

bool decode_pnm(const Encoded *in, Image *out, int *orientation, Error *e)
{
    (void)orientation; /* the format has none */
    const int digit = in->bytes[1] - '0';
    Pnm f = { .p = in->bytes + 2, .end = in->bytes + in->n, .max = 1 };
    f.is_text = digit <= 3;
    f.is_bits = digit == 1 || digit == 4;
    f.channels = digit % 3 == 0 ? 3 : 1;
    unsigned w, h;
    if (!read_number(&f, "the width", 999999999, &w, e) || !read_number(&f, "the height", 999999999, &h, e))
        return false;
    if (!f.is_bits && !read_number(&f, "the largest sample", 65535, &f.max, e)) return false;
    if (f.max == 0) return fail(e, ERR_FORMAT, "largest sample is 0");
    fill_levels(&f);
    return (f.is_text ? decode_text : decode_bytes)(in, &f, w, h, out, e);
}
