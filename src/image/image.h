/* image.h - pictures: decoded from bytes that nobody trusts, written as PNG or JPEG.
 *
 * Decoding gives what Pillow's Image.open(f).convert("RGB") gives: first frame, alpha dropped without blending, palette
 * looked up, no EXIF rotation unless asked for. The kind is told by magic bytes, never by the file's name. */
#ifndef VL2_IMAGE_IMAGE_H
#define VL2_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

typedef struct {
    int w, h;
    uint8_t *rgb; /* [h][w][3], owned: image_free */
} Image;

typedef struct {
    int w, h;
} Size;

typedef struct {
    uint8_t r, g, b;
} Colour;

#define COLOUR_GRAY ((Colour){ 127, 127, 127 }) /* what the published processors pad with: half of 255, cut off */

typedef struct {
    size_t max_bytes;  /* of the encoded file */
    int max_side;      /* pixels */
    size_t max_pixels; /* w * h */
    bool exif_rotate;  /* turn upright as the EXIF orientation says; the official loader does not */
} ImageOptions;

/* 64 MiB, 16384 a side, 100 million pixels, no rotation. */
extern const ImageOptions IMAGE_DEFAULTS;

/* `where` names the picture in messages. On failure *out is zeroed. */
bool image_decode(Image *out, const void *bytes, size_t n, const char *where, const ImageOptions *o, Error *e);
bool image_load(Image *out, const char *path, const ImageOptions *o, Error *e);
/* The size that image_decode() would give, from the header alone where no EXIF rotation is asked for: the pixels behind
 * it may still be broken. */
bool image_measure(Size *out, const void *bytes, size_t n, const char *where, const ImageOptions *o, Error *e);
bool image_new(Image *out, int w, int h, Error *e); /* not cleared */
bool image_copy(const Image *in, Image *out, Error *e);
void image_free(Image *i); /* of a zeroed Image: nothing */

/* Appends the picture to *out as a file of that kind; JPEG with quality 92, 4:4:4. */
typedef enum { IMAGE_PNG, IMAGE_JPEG } ImageKind;
bool image_encode(const Image *i, ImageKind kind, Str *out, Error *e);

/* By the ending of `path`: .png, .jpg or .jpeg. Written atomically. */
bool image_save(const Image *i, const char *path, Error *e);

#endif
