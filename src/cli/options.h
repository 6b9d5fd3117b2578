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
    int sequences, cache_tokens; /* 0: one, a context for each; options of `info` and `serve` */
    int speculate;               /* of those who answer people */
} EngineArgs;
extern const Option ENGINE_OPTIONS[];
extern const Option SPEED_OPTIONS[]; /* `speculate` */

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

/* How a token is chosen: the rows that every table of SamplingArgs (T) begins its choosing with. `hottest`: the highest temperature. */
#define CHOOSING_OPTIONS(T, hottest)                                                                                   \
    OPTION_NUMBER(T, temperature, "temperature", 0, "T", 0, hottest,                                                   \
                  "0 takes the best token each time; higher is more varied. Default: 0."),                             \
        OPTION_NUMBER(T, top_p, "top-p", 0, "P", 0, 1,                                                                 \
                      "Sample from the best tokens that together have probability P. Default: 1, off."),               \
        OPTION_INTEGER(T, top_k, "top-k", 0, "K", 0, 1 << 20, "Sample from the K best tokens. Default: 0, off."),      \
        OPTION_NUMBER(T, min_p, "min-p", 0, "P", 0, 1,                                                                 \
                      "Drop tokens less likely than P times the best one. Default: 0, off."),                          \
        OPTION_NUMBER(T, repetition_penalty, "repetition-penalty", 0, "R", 0.01, 100,                                  \
                      "Above 1 disfavours tokens of the prompt and of the answer so far. Default: 1, off.")

typedef struct {
    bool quiet, verbose;
} NoteArgs;
extern const Option NOTE_OPTIONS[];

/* What the option tables promise as defaults. */
#define ENGINE_DEFAULTS                                                                                                \
    {                                                                                                                  \
        .compute = "auto", .context = 4096, .chunk = 512                                                               \
    }
#define ANSWERING_ENGINE_DEFAULTS                                                                                      \
    {                                                                                                                  \
        .compute = "auto", .context = 4096, .chunk = 512, .speculate = 8                                               \
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
/* What files and requests call a model: "tiny" of "models/tiny/" and "models/tiny.gguf", "default" of "vl2:default". Caller frees. */
char *model_name_of(const char *path);

/* The one operand that may be the model, argv[1] of n, takes the place of -m. False: both are given. */
bool engine_operand(EngineArgs *a, int n, char **argv, Error *e);

/* Fills *o, which points into `a`. `n` must stay where it is as long as the engine lives: the engine's notes go through it. */
void engine_options(Vl2Options *o, const EngineArgs *a, NoteArgs *n);
Vl2Engine *open_engine(const EngineArgs *a, NoteArgs *n, Error *e);

/* Points into `a`. */
Vl2Sampling sampling_of(const SamplingArgs *a);
size_t max_pixels_of(const PictureArgs *a);
ImageOptions image_options_of(const PictureArgs *a);

#endif
