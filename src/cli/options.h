/* options.h - the groups of options that several commands share, and what they make of them. */
#ifndef VL2_CLI_OPTIONS_H
#define VL2_CLI_OPTIONS_H

#include "cli/args.h"
#include "image/image.h"
#include "vl2.h"

typedef struct {
    const char *model; /* NULL: the default model */
    const char *compute, *cpu;
    Texts lora;
    int threads, context, chunk;
    int sequences; /* 0: one; an option of `info` alone */
} EngineArgs;
extern const Option ENGINE_OPTIONS[];

typedef struct {
    Texts image;
    const char *conversation, *system;
    bool raw_special;
} QuestionArgs;
extern const Option QUESTION_OPTIONS[];

typedef struct {
    bool exif_rotate;
    int max_megapixels, max_side;
} PictureArgs;
extern const Option PICTURE_OPTIONS[];

typedef struct {
    float temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
    int top_k, max_tokens;
    uint64_t seed;
    Texts stop;
    Integers stop_id;
    bool ignore_eos;
} SamplingArgs;
extern const Option SAMPLING_OPTIONS[];

typedef struct {
    bool quiet, verbose;
} NoteArgs;
extern const Option NOTE_OPTIONS[];

/* What the option tables promise as defaults. */
#define ENGINE_DEFAULTS                                                                                                \
    {                                                                                                                  \
        .compute = "auto", .context = 4096, .chunk = 512                                                               \
    }
#define PICTURE_DEFAULTS                                                                                               \
    {                                                                                                                  \
        .max_megapixels = 100, .max_side = 16384                                                                       \
    }
#define SAMPLING_DEFAULTS                                                                                              \
    {                                                                                                                  \
        .top_p = 1, .repetition_penalty = 1                                                                            \
    }

/* What -m names, or the model that comes with vl2. */
const char *model_or_default(const char *model);

/* Fills *o, which points into `a`. `n` must stay where it is as long as the engine lives: the engine's notes go through it. */
void engine_options(Vl2Options *o, const EngineArgs *a, NoteArgs *n);
Vl2Engine *open_engine(const EngineArgs *a, NoteArgs *n, Error *e);

/* Points into `a`. */
Vl2Sampling sampling_of(const SamplingArgs *a);
size_t max_pixels_of(const PictureArgs *a);
ImageOptions image_options_of(const PictureArgs *a);

#endif
