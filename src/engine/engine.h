/* engine.h - behind vl2.h: the loaded model, its threads and cache, and the requests that share its steps.
 *
 * request.c makes a request from a prompt and turns tokens into events; admission.c gives it pages of the cache; scheduler.c runs
 * the steps. For `info`, `trace` and tests, which look inside; programs use vl2.h. */
#ifndef VL2_ENGINE_ENGINE_H
#define VL2_ENGINE_ENGINE_H

#include <stdatomic.h>

#include "base/log.h"
#include "base/monitor.h"
#include "engine/expert_load.h"
#include "engine/plan.h"
#include "engine/sampler.h"
#include "engine/speculate.h"
#include "engine/stop.h"
#include "engine/tile_cache.h"
#include "model/model.h"
#include "model/prompt.h"
#include "text/detokenize.h"
#include "text/grounding.h"
#include "vl2.h"

/* What the cache pages of a slot hold: one key for each position, so that a later prompt with the same beginning starts
 * after it. A text token is its id, an image row a hash of the picture's pixels, the grid and the row. */
typedef struct {
    uint64_t *key;     /* [context]; while its owner reads, those of the whole prompt */
    int n;             /* positions that are filled */
    Vl2Request *owner; /* NULL: free, but what it holds may still serve */
    uint64_t last_used;
} Slot;

struct Vl2Engine {
    Model model;
    bool shares_model; /* the model is somebody else's */
    Pool *pool;
    Arena step;
    Run run;
    ExpertCount routed; /* since the engine was opened */
    KvCache cache;
    MemoryPlan plan;
    int context, chunk, n_slots;
    Slot *slot;
    int *keep;            /* [n_slots], of admission */
    uint64_t clock;       /* steps so far */
    BatchRow *row;        /* [chunk + n_slots + most_guesses] of the current step */
    int most_guesses;     /* in a step, of all answers */
    int32_t *guess;       /* [most_guesses] */
    StepCost cost;        /* of steps that only answer */
    TileCache *tiles;     /* NULL: none is kept */
    double slice;         /* seconds, see Vl2Options; 0: no slices */
    double block_seconds; /* of a block of the vision tower, and of a prompt row: what they took lately */
    double row_seconds;
    atomic_int pages_free; /* of the cache; may be read from any thread */
    Vl2Request *first;     /* all requests, oldest first */
    bool wants_all_logits; /* for trace */
    Monitor *making;       /* guards the next: requests are prepared on several threads */
    TokenOrder *order;     /* for answers of a format; NULL until the first one */
    Log log;
};

typedef enum {
    REQUEST_WAITING,   /* for a slot and pages */
    REQUEST_FOLLOWING, /* another one reads the same beginning: for that */
    REQUEST_VISION,
    REQUEST_PREFILL,
    REQUEST_DECODE,
    REQUEST_DONE
} RequestState;

struct Vl2Request {
    Vl2Engine *engine;
    Vl2Request *next;
    RequestState state;
    atomic_bool cancelled;
    int slot; /* -1 while waiting and when done */

    Prompt prompt;
    uint64_t *key;     /* [prompt.n], see Slot */
    int limit;         /* most output tokens */
    float *projected;  /* [n_tiles][grid * grid][d] */
    Vector *image_row; /* [prompt.n_image_tokens] */
    int n_tiles, tiles_done;
    int blocks_done;  /* of the tile that is being encoded */
    float *half_tile; /* its patches between two parts; NULL before the first pause */
    int n_cached;     /* positions whose keys are in the cache */
    int n_reused;
    Ids output; /* room for `limit` is taken at submission */
    int32_t *stop_id;
    int n_stop_ids;

    Vl2Likelihood *likelihood; /* [limit][likelihoods] */
    int likelihoods;

    Guesser guesser;
    int n_guessed, n_accepted; /* tokens of the answer that were guessed, and those of them that came */

    Sampler sampler;
    StopTexts stop;
    Detokenizer detokenizer;
    Str begun;       /* the answer that the prompt ends with, if it is continued: boxes may begin there */
    Str text;        /* the answer so far */
    size_t released; /* bytes of it that were given out as events */
    size_t safe;     /* bytes of it that may be */
    bool vision_news, prefill_news, done_news;
    const char *finish_reason;
    Str sft_format;
    Vl2Result result;
    Vl2Box *box;
    Grounding grounding;
    double seconds_pictures, seconds_vision, seconds_prefill, seconds_decode;
};

/* admission.c: requests that wait get their slots and pages, in their order, as far as there are any. */
void engine_admit(Vl2Engine *e);
bool engine_has_room(Vl2Engine *e, const Vl2Request *r); /* would it be admitted now, if no other one waited? */

/* scheduler.c: one step for all requests. Does nothing if none can go on. */
void engine_step(Vl2Engine *e);
void engine_finish(Vl2Request *r,
                   const char *reason); /* gives the slot back; what it holds may serve the next prompt */

/* request.c: chooses the next token from the scores of the last row; ends the request when it is complete. */
void request_take_logits(Vl2Request *r, const float *logits);

/* The steps of vl2_submit(), for who reads prompts on other threads than the one that runs the engine: the first two work on
 * the request and the immutable model alone. request_read() decodes pictures and builds the prompt; request_prepare()
 * checks it against the context and the sampling's ranges. NULL or false and *e on failure. */
Vl2Request *request_read(Vl2Engine *e, const Vl2Prompt *prompt, Error *err);
/* The same of a prompt that is built already, which is taken over. */
Vl2Request *request_of_prompt(Vl2Engine *e, Prompt *prompt);
bool request_prepare(Vl2Request *r, const Vl2Sampling *sampling, Error *err);
void request_start(Vl2Request *r); /* now engine_step() works for it; it has its pages, if there is room */
void request_leave(Vl2Request *r); /* ends it if it runs; the engine no longer knows it */
void request_free(Vl2Request *r);  /* of one that was not started or has left; of NULL: nothing */

/* The next event if there is one already; no work is done for it. */
bool request_take_event(Vl2Request *r, Vl2Event *event);

/* How activations enter the products with the weights of the head, and of most others. */
Compute engine_compute(const Vl2Engine *e);

/* An engine on a model that another keeps, and may change between answers: what it learns shows in the next engine. Of `o` the
 * model and the adapters are not looked at. Ended by vl2_close(). */
Vl2Engine *engine_open_on(const Model *m, const Vl2Options *o, Error *err);

/* Sees every intermediate tensor from now on; NULL ends it. Logits of all rows are computed while `all_logits`. */
void engine_trace(Vl2Engine *e, const TraceSink *sink, bool all_logits);

#endif
