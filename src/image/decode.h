/* decode.h - what the decoders of one format each share. Only for files of this folder.
 *
 * A decoder knows its format and nothing of names: image_decode() puts the picture's name and the format's in front of
 * a decoder's message. Each asks decode_begin() for the pixels as soon as it has read the size, before any other memory
 * is taken that grows with it. */
#ifndef VL2_IMAGE_DECODE_H
#define VL2_IMAGE_DECODE_H

#include "image/image.h"

typedef struct {
    const uint8_t *bytes;
    size_t n;
    const ImageOptions *options;
    bool only_size; /* decode_begin() ends the work, with the size in *out and no pixels */
} Encoded;

/* *out is zeroed on entry; what it holds on failure is freed by the caller. *orientation is 1 on entry; a decoder sets
 * it to what EXIF says if options->exif_rotate. */
typedef bool Decoder(const Encoded *in, Image *out, int *orientation, Error *e);
Decoder decode_jpeg, decode_png, decode_webp, decode_gif, decode_bmp, decode_pnm;

/* Checks the size that a header claims against the limits, then allocates *out (not cleared). False: no pixels are
 * wanted. */
bool decode_begin(const Encoded *in, uint64_t w, uint64_t h, Image *out, Error *e);

/* The orientation, 1 to 8, that a TIFF structure of n bytes (the payload of an EXIF block) gives; 1 if it gives none. */
int exif_orientation(const uint8_t *tiff, size_t n);
bool image_turn(Image *i, int orientation, Error *e); /* so that the picture stands upright */

static inline uint8_t *image_row(const Image *i, int y)
{
    return i->rgb + (size_t)y * (size_t)i->w * 3;
}

/* Bytes of a file as numbers; the caller has checked that they are there. */
static inline uint32_t le16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}
static inline uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}
static inline uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}
static inline uint32_t be32(const uint8_t *p)
{
    return be16(p) << 16 | be16(p + 2);
}

#endif
