/* image_support.h - for tests of pictures: files as bytes that can be changed, decoding that must work or must not. */
#ifndef VL2_TESTS_IMAGE_SUPPORT_H
#define VL2_TESTS_IMAGE_SUPPORT_H

#include "base/file.h"
#include "base/str.h"
#include "image/image.h"

#include "support.h"

typedef struct {
    uint8_t *p;
    size_t n;
} Bytes;

/* Of "preprocess/<name>" in the golden data; caller frees p. */
static inline Bytes golden_bytes(const char *name)
{
    char path[300], *text;
    Error e;
    Bytes b = { 0 };
    snprintf(path, sizeof path, "preprocess/%s", name);
    if (!file_read(golden_or_skip(path), 1 << 24, &text, &b.n, &e)) fail_msg("%s", e.text);
    b.p = (uint8_t *)text;
    return b;
}

/* A copy of exactly n bytes in memory of its own, so that the sanitizer sees a read behind the end. */
static inline bool decode_exact(Image *out, const void *bytes, size_t n, const ImageOptions *o, Error *e)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (n) memcpy(copy, bytes, n);
    const bool ok = image_decode(out, copy, n, "x.img", o, e);
    free(copy);
    return ok;
}

static inline Image decode_ok(const void *bytes, size_t n)
{
    Error e;
    Image i;
    if (!decode_exact(&i, bytes, n, &IMAGE_DEFAULTS, &e)) fail_msg("%s", e.text);
    return i;
}

/* The error must have this code, begin with the picture's name and contain `part`; nothing may be left in the Image. */
static inline void assert_rejected_with(const void *bytes, size_t n, const ImageOptions *o, ErrorCode code,
                                        const char *part)
{
    Error e = { 0 };
    Image i;
    if (decode_exact(&i, bytes, n, o, &e)) fail_msg("was accepted, expected an error with \"%s\"", part);
    assert_null(i.rgb);
    if (e.code != code || strncmp(e.text, "x.img: ", 7) != 0 || !strstr(e.text, part))
        fail_msg("code %d \"%s\", expected code %d with \"%s\"", (int)e.code, e.text, (int)code, part);
}

static inline void assert_rejected(const void *bytes, size_t n, ErrorCode code, const char *part)
{
    assert_rejected_with(bytes, n, &IMAGE_DEFAULTS, code, part);
}

static inline void assert_same_image(const Image *a, const Image *b)
{
    assert_int_equal(a->w, b->w);
    assert_int_equal(a->h, b->h);
    assert_memory_equal(a->rgb, b->rgb, (size_t)a->w * (size_t)a->h * 3);
}

static inline const uint8_t *pixel(const Image *i, int x, int y)
{
    return i->rgb + ((size_t)y * (size_t)i->w + (size_t)x) * 3;
}

static inline void assert_pixel(const Image *i, int x, int y, int r, int g, int b)
{
    const uint8_t *p = pixel(i, x, y);
    if (p[0] != r || p[1] != g || p[2] != b)
        fail_msg("pixel (%d, %d) is %d %d %d, expected %d %d %d", x, y, p[0], p[1], p[2], r, g, b);
}

static inline void put_le16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
    put_le16(p, v & 0xffff);
    put_le16(p + 2, v >> 16);
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* PNG's CRC-32, of a chunk's type and data. */
static inline uint32_t png_crc(const uint8_t *p, size_t n)
{
    uint32_t c = UINT32_MAX;
    while (n--) {
        c ^= *p++;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
    }
    return ~c;
}

/* Puts n bytes into *b at `at`. */
static inline void insert_bytes(Bytes *b, size_t at, const void *bytes, size_t n)
{
    b->p = realloc(b->p, b->n + n);
    memmove(b->p + at + n, b->p + at, b->n - at);
    memcpy(b->p + at, bytes, n);
    b->n += n;
}

/* A chunk right after IHDR. */
static inline void insert_png_chunk(Bytes *b, const char type[4], const void *data, size_t n)
{
    uint8_t *chunk = malloc(n + 12);
    put_be32(chunk, (uint32_t)n);
    memcpy(chunk + 4, type, 4);
    if (n) memcpy(chunk + 8, data, n);
    put_be32(chunk + 8 + n, png_crc(chunk + 4, n + 4));
    insert_bytes(b, 33, chunk, n + 12);
    free(chunk);
}

#endif
