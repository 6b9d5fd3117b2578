/* vl2.h - libvl2: DeepSeek-VL2 (tiny, small, base) in C. The one public header; programs of this project use it too.
 *
 *     Vl2Error e;
 *     Vl2Engine *engine = vl2_open(&(Vl2Options){ .model = "deepseek-vl2-tiny" }, &e);
 *     Vl2Message m = { .role = "user", .content = "What is this?", .picture = &picture, .n_pictures = 1 };
 *     Vl2Request *r = vl2_submit(engine, &(Vl2Prompt){ .message = &m, .n_messages = 1 }, &VL2_GREEDY, &e);
 *     for (Vl2Event event; vl2_next(r, &event);)
 *         if (event.kind == VL2_TEXT) fwrite(event.text, 1, event.n, stdout);
 *     vl2_release(r);
 *     vl2_close(engine);
 *
 * An engine is a loaded model with its threads, cache and running requests; several may live in one process. An engine
 * and its requests are used from one thread at a time. All text is UTF-8. A request's answer has the same bits whatever
 * other requests run beside it, whatever the number of threads and the size of a prefill chunk. */
#ifndef VL2_H
#define VL2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default) /* the library hides all but these names */
#endif

typedef enum {
    VL2_OK,
    VL2_ERR_USAGE,       /* the call asks for something that makes no sense */
    VL2_ERR_FORMAT,      /* a file, a picture or a text is not what it claims to be */
    VL2_ERR_UNSUPPORTED, /* well formed, but not something that vl2 does */
    VL2_ERR_LIMIT,       /* over a limit: context, picture size */
    VL2_ERR_SYSTEM,      /* the operating system refused: open, map, write */
    VL2_ERR_MEMORY,
    VL2_ERR_CANCELLED
} Vl2ErrorCode;

/* Filled by a function that fails; the text is one printable line. */
typedef struct {
    Vl2ErrorCode code;
    char text[1024];
} Vl2Error;

const char *vl2_version(void);

/* ---- engine ---- */

typedef struct Vl2Engine Vl2Engine;

typedef struct {
    const char *model;   /* model directory, Hugging Face layout */
    const char *compute; /* "f32": activations stay f32, exact; "bf16": rounded to bf16 before each product with bf16
                            weights; NULL or "auto": bf16 where the processor has bf16 dot products, else f32 */
    const char *cpu;     /* highest instruction set to use, "scalar" ... ; NULL: the best */
    int threads;         /* 0: one for each processor */
    int context;         /* tokens that one conversation may have, prompt and answer; 0: 4096 */
    int sequences;       /* requests that run together; 0: 1. More wait their turn */
    int cache_tokens; /* positions that the caches of all requests hold together, at least `context`; 0: a context for each
                            sequence. A request runs once there is room for its prompt and its longest answer */
    int speculate; /* tokens that a step may guess ahead where answers repeat their prompt or themselves; changes time,
                            never an answer; 0: none */
    int chunk;     /* prompt tokens in one step; 0: 512 */
    int slice_ms;  /* while an answer is made, other requests' pictures and prompts take about so long in a step, so
                            that it does not fall silent; 0: a tile or a chunk at a time */
    size_t picture_cache;    /* bytes of encoded pictures that are kept for later requests; 0: none */
    const char *const *lora; /* adapters on top of the model: PEFT directories, each "DIR" or "DIR:SCALE" */
    int n_lora;
    void (*log)(void *context, int level, const char *text); /* notes for a person; NULL: none. Level 0 is a warning */
    void *log_context;
} Vl2Options;

/* NULL and *e on failure. */
Vl2Engine *vl2_open(const Vl2Options *options, Vl2Error *e);
void vl2_close(Vl2Engine *engine); /* ends its requests; of NULL: nothing */

/* ---- request ---- */

/* An encoded picture: JPEG, PNG, WebP, GIF, BMP, PPM. `name` is for messages. Copied by vl2_submit(). */
typedef struct {
    const void *bytes;
    size_t n;
    const char *name;
    bool whole; /* seen in one view, not cut into tiles */
} Vl2Picture;

/* Roles "user", "assistant", "system" (or <|User|>, <|Assistant|>, <|System|>). Each <image> in the content stands for
 * one of the pictures, in order; pictures without a tag are put in front of the content. */
typedef struct {
    const char *role;
    const char *content;
    size_t n_content; /* 0: content ends with NUL */
    const Vl2Picture *picture;
    int n_pictures;
} Vl2Message;

typedef struct {
    const Vl2Message *message;
    int n_messages;   /* a last message by the assistant is continued; without one an empty one is added */
    bool raw_special; /* every special token in a user's text acts, as in the official code; else only <image> and the
                          grounding tags */
    bool exif_rotate; /* turn pictures upright by their EXIF orientation; the official code does not */
    size_t max_picture_pixels; /* 0: 100 million */
    int max_picture_side;      /* 0: 16384 */
    const int32_t *id;         /* instead of messages: text tokens as they are, without a chat template; copied */
    int n_ids;
} Vl2Prompt;

typedef struct {
    int32_t id;
    float bias;
} Vl2Bias;

/* Order and definitions are those of the transformers library: repetition penalty over prompt and answer; presence and
 * frequency penalties over the answer; temperature; top-k; top-p; min-p; softmax. */
typedef struct {
    float temperature;                         /* 0: greedy, the best token after the penalties */
    float top_p;                               /* 1: off */
    int top_k;                                 /* 0: off */
    float min_p;                               /* 0: off */
    float repetition_penalty;                  /* 1: off */
    float presence_penalty, frequency_penalty; /* 0: off */
    uint64_t seed;
    int max_tokens;          /* 0: as many as the context has room for */
    const char *const *stop; /* the answer ends before the first of these texts */
    int n_stop;
    const int32_t *stop_id; /* the answer ends at these tokens, as at the end-of-sentence token */
    int n_stop_ids;
    bool ignore_eos;
    bool show_special;   /* special tokens other than grounding tags appear in the text, too */
    const Vl2Bias *bias; /* added to the scores of tokens after the penalties */
    int n_bias;
    const char
        *format; /* what the answer has to be: "json", an object; "boxes"; or the text of a JSON schema (a subset, see
                           docs/serving.md); tokens that would lead away are left out. NULL: free */
    int min_tokens; /* the answer cannot end by a token before it has so many */
    int likelihoods; /* report for each token of the answer its own likelihood and those of so many - 1 best ones; 0: none */
} Vl2Sampling;

extern const Vl2Sampling VL2_GREEDY; /* everything off: temperature 0, top_p 1, penalties 1 and 0 */

typedef struct Vl2Request Vl2Request;

/* Decodes and cuts the pictures, builds the prompt, checks it against the context. NULL and *e on failure. */
Vl2Request *vl2_submit(Vl2Engine *engine, const Vl2Prompt *prompt, const Vl2Sampling *sampling, Vl2Error *e);

typedef enum {
    VL2_PROGRESS_VISION,  /* `done` of `total` tiles are encoded */
    VL2_PROGRESS_PREFILL, /* `done` of `total` prompt tokens are read */
    VL2_TEXT,             /* text[0..n): whole characters; could not be the beginning of a stop text */
    VL2_DONE              /* the last event of an answer */
} Vl2EventKind;

typedef struct {
    Vl2EventKind kind;
    const char *text; /* lives until the next call for this request */
    size_t n;
    int done, total;
} Vl2Event;

/* Works (for all running requests of the engine) until there is an event for this one. False when its answer is
 * complete and all its events were taken. */
bool vl2_next(Vl2Request *r, Vl2Event *event);

/* Ends the answer where it stands, with finish reason "cancelled". The only call that a signal handler or another thread
 * may make. */
void vl2_cancel(Vl2Request *r);
void vl2_release(Vl2Request *r); /* ends it if it runs; of NULL: nothing */

typedef struct {
    const char *label; /* UTF-8 */
    int group;         /* boxes of one <|ref|> share it */
    int norm[4];       /* x1, y1, x2, y2, 0..999 */
    int pixel[4];      /* of the picture as it was given */
    int picture;       /* index over all pictures of the conversation */
} Vl2Box;

/* The logarithm of a token's probability as the model sees it: before penalties, bias and temperature. */
typedef struct {
    int32_t id;
    float log;
} Vl2Likelihood;

typedef struct {
    const int32_t *prompt_id, *output_id; /* output: the end token included */
    int n_prompt, n_output, n_image_tokens;
    const char *text; /* ends with NUL; special tokens as `show_special` says */
    size_t n_text;
    const char *finish_reason; /* "stop", "length", "cancelled"; NULL while it runs */
    const Vl2Box *box;         /* of the whole answer, with what the prompt began of it */
    int n_boxes;
    const char *box_repairs; /* what the tolerant reading repaired, a line each; "" if nothing */
    const char *sft_format;  /* the official display form of the prompt */
    double seconds_pictures, seconds_vision, seconds_prefill, seconds_decode; /* prefill without vision */
    int n_tiles, n_reused;           /* n_reused: prompt tokens taken from the cache */
    int n_guessed, n_accepted;       /* tokens that were guessed ahead, and those of them that came */
    const Vl2Likelihood *likelihood; /* [n_output][likelihoods]: the token of the answer, then the best ones; or NULL */
    int likelihoods;
} Vl2Result;

/* What there is so far; complete after VL2_DONE. Lives as long as the request; the next call renews it. */
const Vl2Result *vl2_result(Vl2Request *r);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
