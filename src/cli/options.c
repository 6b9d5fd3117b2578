/* options.c - see options.h. */
#include "cli/options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/terminal.h"
#include "format/default_model.h"

#define T EngineArgs
const Option ENGINE_OPTIONS[] = {
    OPTION_TEXT(T, model, "model", 'm', "MODEL",
                "A folder as published (Hugging Face layout), or a GGUF file of `vl2 quantize`. Default: the small "
                "model that comes with vl2, trained on drawn scenes."),
    OPTION_TEXTS(T, lora, "lora", 0, "DIR[:SCALE]",
                 "An adapter on top of the model: a PEFT directory, its scale times SCALE; repeatable. Default: none."),
    OPTION_CHOICE(T, compute, "compute", 0, "TYPE", "f32|bf16|auto", "dtype",
                  "Activations: f32 (exact), bf16 (rounded before each product, as in the official bf16 run) or auto "
                  "(bf16 where the processor has bf16 dot products, else f32). Default: auto."),
    OPTION_INTEGER(T, context, "ctx", 0, "N", 16, 1 << 20,
                   "Tokens that a conversation may have, prompt and answer together. Default: 4096, what the models "
                   "were made for."),
    OPTION_INTEGER(T, chunk, "chunk-size", 0, "N", 1, 1 << 20,
                   "Prompt tokens read in one step; changes memory and time, never the answer. Default: 512."),
    OPTION_INTEGER(T, threads, "threads", 0, "N", 0, 1024,
                   "Threads; changes time, never the answer. Default: 0, one for each processor."),
    OPTION_TEXT(T, cpu, "cpu", 0, "LEVEL",
                "Highest instruction set to use: scalar, on x86-64 avx2, avx512, avx512vnni or avx512bf16, on aarch64 "
                "neon or neon-dotprod. "
                "Default: the best that there is."),
    OPTIONS_END
};
#undef T

#define T EngineArgs
const Option SPEED_OPTIONS[] = {
    OPTION_INTEGER(T, speculate, "speculate", 0, "N", 0, 64,
                   "Tokens that a step may guess ahead where an answer repeats its prompt or itself, as many as pay; "
                   "changes time, never the answer. 0: none. Default: 8."),
    OPTIONS_END
};
#undef T

#define T QuestionArgs
const Option QUESTION_OPTIONS[] = {
    OPTION_TEXTS(T, image, "image", 'i', "FILE",
                 "A picture (JPEG, PNG, WebP, GIF, BMP, PPM); repeatable. The prompt places it with <image>; without a "
                 "tag it comes first. Default: none."),
    OPTION_TEXT(T, conversation, "conversation", 0, "FILE",
                "JSON list of {\"role\", \"content\", \"images\"}; picture names are relative to FILE. Default: none."),
    OPTION_TEXT(T, system, "system", 0, "TEXT", "System message in front of everything. Default: none."),
    OPTION_FLAG(T, raw_special, "raw-special", 0,
                "Every special token written in a prompt acts, as in the official code. Default: only <image> and the "
                "grounding tags do; others are plain text."),
    OPTIONS_END
};
#undef T

#define T PictureArgs
const Option PICTURE_OPTIONS[] = {
    OPTION_FLAG(T, exif_rotate, "exif-rotate", 0,
                "Turn pictures upright by their EXIF orientation. Default: off, as the official code."),
    OPTION_INTEGER(T, max_megapixels, "max-megapixels", 0, "N", 1, 2000,
                   "Refuse pictures of more than N million pixels. Default: 100."),
    OPTION_INTEGER(T, max_side, "max-side", 0, "N", 1, 65535,
                   "Refuse pictures with a side of more than N pixels. Default: 16384."),
    OPTIONS_END
};
#undef T

#define T SamplingArgs
const Option SAMPLING_OPTIONS[] = {
    OPTION_INTEGER(T, max_tokens, "max-tokens", 0, "N", 0, 1 << 20,
                   "Longest answer in tokens. Default: 0, as many as --ctx has room for."),
    CHOOSING_OPTIONS(T, 100),
    OPTION_NUMBER(T, presence_penalty, "presence-penalty", 0, "R", -100, 100,
                  "Subtracted once from each token that the answer has. Default: 0, off."),
    OPTION_NUMBER(T, frequency_penalty, "frequency-penalty", 0, "R", -100, 100,
                  "Subtracted from a token for each time that the answer has it. Default: 0, off."),
    OPTION_SEED(T, seed, "seed", 0, "N",
                "Where the random numbers begin: the same seed gives the same answer. Default: 0."),
    OPTION_TEXTS(T, stop, "stop", 0, "TEXT", "End the answer before this text; repeatable. Default: none."),
    OPTION_INTEGERS(T, stop_id, "stop-id", 0, "ID", 0, INT_MAX,
                    "End the answer at this token id; repeatable. Default: none."),
    OPTION_FLAG(T, ignore_eos, "ignore-eos", 0, "Go on past the end-of-sentence token. Default: off."),
    OPTIONS_END
};
#undef T

#define T NoteArgs
const Option NOTE_OPTIONS[] = {
    OPTION_FLAG(T, quiet, "quiet", 'q',
                "Nothing on standard error but errors. Default: warnings, and progress on a terminal."),
    OPTION_FLAG(T, verbose, "verbose", 'v', "Notes about loading, and timings at the end. Default: off."), OPTIONS_END
};
#undef T

const char *model_or_default(const char *model)
{
    return model ? model : DEFAULT_MODEL_PATH;
}

char *model_name_of(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    size_t begin = n;
    while (begin > 0 && path[begin - 1] != '/' && path[begin - 1] != ':') begin--;
    if (n - begin > 5 && memcmp(path + n - 5, ".gguf", 5) == 0) n -= 5;
    return xstrndup(path + begin, n - begin);
}

static void write_note(void *context, int level, const char *text)
{
    const NoteArgs *n = context;
    if (n->quiet || (level > 0 && !n->verbose)) return;
    note("%s%s", level == 0 ? "warning: " : "", text);
}

bool engine_operand(EngineArgs *a, int n, char **argv, Error *e)
{
    if (n == 1 && a->model) return fail(e, ERR_USAGE, "'%s' and -m both name a model: give one", argv[1]);
    if (n == 1) a->model = argv[1];
    return true;
}

void engine_options(Vl2Options *o, const EngineArgs *a, NoteArgs *n)
{
    *o = (Vl2Options){ .model = model_or_default(a->model),
                       .compute = a->compute,
                       .cpu = a->cpu,
                       .threads = a->threads,
                       .context = a->context,
                       .chunk = a->chunk,
                       .sequences = a->sequences,
                       .cache_tokens = a->cache_tokens,
                       .speculate = a->speculate,
                       .lora = a->lora.text,
                       .n_lora = a->lora.n,
                       .log = write_note,
                       .log_context = n };
}

Vl2Engine *open_engine(const EngineArgs *a, NoteArgs *n, Error *e)
{
    Vl2Options o;
    engine_options(&o, a, n);
    return vl2_open(&o, e);
}

Vl2Sampling sampling_of(const SamplingArgs *a)
{
    return (Vl2Sampling){ .temperature = a->temperature,
                          .top_p = a->top_p,
                          .top_k = a->top_k,
                          .min_p = a->min_p,
                          .repetition_penalty = a->repetition_penalty,
                          .presence_penalty = a->presence_penalty,
                          .frequency_penalty = a->frequency_penalty,
                          .seed = a->seed,
                          .max_tokens = a->max_tokens,
                          .stop = a->stop.text,
                          .n_stop = a->stop.n,
                          .stop_id = a->stop_id.value,
                          .n_stop_ids = a->stop_id.n,
                          .ignore_eos = a->ignore_eos };
}

size_t max_pixels_of(const PictureArgs *a)
{
    return (size_t)a->max_megapixels * 1000000;
}

ImageOptions image_options_of(const PictureArgs *a)
{
    ImageOptions o = IMAGE_DEFAULTS;
    o.exif_rotate = a->exif_rotate;
    o.max_pixels = max_pixels_of(a);
    o.max_side = a->max_side;
    return o;
}
