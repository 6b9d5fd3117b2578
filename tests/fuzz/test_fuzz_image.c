/* test_fuzz_image.c - no bytes whatever make the decoders crash, hang, or return a picture outside of the limits.
 *
 * LLVMFuzzerTestOneInput() is the property; build with -DVL2_LIBFUZZER -fsanitize=fuzzer to let libFuzzer drive it. By
 * default a driver runs all files of tests/fuzz/image (the least set that reaches every branch which libFuzzer found in
 * 150 s, to which an input that fails is added), then mutations of small valid files of every format, from a fixed
 * seed, for at most a few seconds (times VL2_FUZZ_ROUNDS). */
#include <dirent.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/str.h"
#include "image/image.h"

#include "support.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const ImageOptions SMALL = {
        .max_bytes = 1 << 20, .max_side = 2000, .max_pixels = 500000, .exif_rotate = true
    };
    Error e = { 0 };
    Image i;
    if (image_decode(&i, bytes, n, "fuzz", &SMALL, &e)) {
        if (i.w < 1 || i.h < 1 || i.w > SMALL.max_side || i.h > SMALL.max_side || !i.rgb) abort();
        if ((size_t)i.w * (size_t)i.h > SMALL.max_pixels) abort();
        unsigned sum = 0; /* every byte of the result is there */
        for (size_t k = 0; k < (size_t)i.w * (size_t)i.h * 3; k++) sum += i.rgb[k];
        if (sum > 255u * 3 * SMALL.max_pixels) abort();
    } else if (i.rgb || e.code == ERR_NONE || strncmp(e.text, "fuzz: ", 6) != 0) {
        abort();
    }
    image_free(&i);
    return 0;
}

#ifndef VL2_LIBFUZZER

enum { MAX_SEEDS = 64, MUTATIONS = 400 }; /* for each seed */
static const double MAX_SECONDS = 8;

typedef struct {
    uint8_t *p;
    size_t n;
} Seed;

static const char *const GOLDEN[] = {
    "photo444.jpg",     "photo422p.jpg",       "restart411.jpg", "gray.jpg",  "cmyk.jpg",  "exif6.jpg",
    "palette_trns.png", "gray16.png",          "rgb16.png",      "adam7.png", "gray1.png", "graya.png",
    "lossy.webp",       "lossless_alpha.webp", "anim.gif",       "rgb24.bmp",
};
#define TEXT(s) s, sizeof(s) - 1
static const struct {
    const char *bytes;
    size_t n;
} WRITTEN[] = {
    { TEXT("P1\n3 2\n1 0 1\n010") },
    { TEXT("P3 2 2 100\n100 0 0 0 100 0 0 0 100 0 0 0") },
    { TEXT("P5 3 2 255\n\0\xff\0\xff\0\xff") },
    { TEXT("P6 2 1 65535 \xff\xff\0\0\0\0\0\0\xff\xff\0\0") },
    { TEXT("BM\0\0\0\0\0\0\0\0\x42\0\0\0\x28\0\0\0\3\0\0\0\2\0\0\0\1\0\10\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0\0\0"
           "\0\0"
           "\0\0\0\0\0\0\xff\0\0\xff\0\0\3\1\0\0\0\3\0\1\2\0\0\1") }, /* RLE8 */
    { TEXT("BM\0\0\0\0\0\0\0\0\x42\0\0\0\x28\0\0\0\3\0\0\0\2\0\0\0\1\0\x10\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
           "\0\0\0"
           "\0\xf8\0\0\xe0\7\0\0\x1f\0\0\0\0\xf8\xe0\7\x1f\0\0\0\xff\xff\0\0\xe0\xff\0\0") }, /* channel masks */
};
#undef TEXT

static int collect(Seed *seed)
{
    int n = 0;
    for (size_t i = 0; i < sizeof GOLDEN / sizeof *GOLDEN; i++) {
        char name[100], *text;
        Error e;
        snprintf(name, sizeof name, "preprocess/%s", GOLDEN[i]);
        if (!file_read(golden_or_skip(name), 1 << 20, &text, &seed[n].n, &e)) fail_msg("%s", e.text);
        seed[n++].p = (uint8_t *)text;
    }
    for (size_t i = 0; i < sizeof WRITTEN / sizeof *WRITTEN; i++) {
        seed[n] = (Seed){ malloc(WRITTEN[i].n), WRITTEN[i].n };
        memcpy(seed[n++].p, WRITTEN[i].bytes, WRITTEN[i].n);
    }
    return n;
}

/* PNG's CRC would stop nearly every mutation at once: makes them right again as far as the chunks can be followed. */
static void mend_png(uint8_t *p, size_t n)
{
    if (n < 8 || memcmp(p, "\x89PNG", 4) != 0) return;
    for (size_t at = 8; n - at >= 12;) {
        const size_t length = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        if (length > n - at - 12) return;
        uint32_t c = UINT32_MAX;
        for (size_t i = at + 4; i < at + 8 + length; i++) {
            c ^= p[i];
            for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
        }
        for (int k = 0; k < 4; k++) p[at + 8 + length + (size_t)k] = (uint8_t)(~c >> (24 - 8 * k));
        at += length + 12;
    }
}

/* One to eight changes: mostly in the first bytes, where the headers are. Returns the new length, at most n + 8. */
static size_t mutate(Rng *r, uint8_t *p, size_t n)
{
    static const uint8_t EXTREME[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff, 0xda, 0xd9 };
    for (int changes = 1 + (int)(rng_next(r) % 8); changes > 0 && n > 0; changes--) {
        const size_t reach = rng_next(r) % 2 && n > 64 ? 64 : n, at = rng_next(r) % reach;
        switch (rng_next(r) % 6) {
        case 0: p[at] ^= (uint8_t)(1u << rng_next(r) % 8); break;
        case 1: p[at] = (uint8_t)rng_next(r); break;
        case 2: p[at] = EXTREME[rng_next(r) % sizeof EXTREME]; break;
        case 3: memset(p + at, EXTREME[rng_next(r) % sizeof EXTREME], n - at < 4 ? n - at : 4); break;
        case 4: memmove(p + at, p + rng_next(r) % n, 1); break;
        case 5:
            if (rng_next(r) % 4 == 0) n = at + 1; /* cut */
            break;
        }
    }
    return n;
}

static void mutated_files_never_crash(void **state)
{
    (void)state;
    Seed seed[MAX_SEEDS];
    const int n_seeds = collect(seed);
    Rng r = { .seed = 20240229 };
    const double end = clock_now() + MAX_SECONDS * fuzz_rounds();
    int runs = 0;
    for (int round = 0; round < MUTATIONS * fuzz_rounds() && clock_now() < end; round++) {
        for (int s = 0; s < n_seeds; s++, runs++) {
            uint8_t *copy = malloc(seed[s].n);
            memcpy(copy, seed[s].p, seed[s].n);
            size_t n = mutate(&r, copy, seed[s].n);
            if (round % 4) mend_png(copy, n);
            if (n < seed[s].n) copy = realloc(copy, n); /* so that the sanitizer sees its end */
            LLVMFuzzerTestOneInput(copy, n);
            free(copy);
        }
    }
    printf("# %d mutations of %d files\n", runs, n_seeds);
    assert_true(runs >= 10 * n_seeds);
    for (int s = 0; s < n_seeds; s++) free(seed[s].p);
}

static void corpus_never_crashes(void **state)
{
    (void)state;
    DIR *dir = opendir("tests/fuzz/image");
    if (!dir) {
        printf("# skip: no tests/fuzz/image here (run from the project's root)\n");
        skip();
    }
    int n = 0;
    for (const struct dirent *d; (d = readdir(dir));) {
        if (d->d_name[0] == '.') continue;
        char *path = path_join("tests/fuzz/image", d->d_name), *text;
        size_t length;
        Error e;
        if (!file_read(path, 1 << 20, &text, &length, &e)) fail_msg("%s", e.text);
        LLVMFuzzerTestOneInput((const uint8_t *)text, length);
        free(text);
        free(path);
        n++;
    }
    closedir(dir);
    printf("# %d files\n", n);
    assert_true(n > 0);
}

TEST_MAIN(TEST(corpus_never_crashes), TEST(mutated_files_never_crash))

#endif
