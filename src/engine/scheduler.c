/* scheduler.c - one step: a slice of vision for the oldest request that waits for it, then one pass of the language model
 * over a decode row of every running sequence, with those of guesses at its next tokens (speculate.h), and in what room is left
 * prompt rows of those that still read. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "model/projector.h"

/* ---- vision ---- */

/* The pixels of a tile, counted over all pictures of the request; *again if they are those of the tile before it. */
static const uint8_t *tile_pixels(const Vl2Request *r, int tile, bool *again)
{
    for (int i = 0; i < r->prompt.n_images; i++) {
        const Tiles *t = &r->prompt.image[i].tiles;
        *again = tile >= tiles_distinct(t);
        if (tile < t->n) return t->rgb + (size_t)tile * (size_t)t->side * (size_t)t->side * 3;
        tile -= t->n;
    }
    return NULL;
}

static bool somebody_answers(const Vl2Engine *e)
{
    for (const Vl2Request *r = e->first; r; r = r->next)
        if (r->state == REQUEST_DECODE) return true;
    return false;
}

/* What `seconds` allow of work that lately took `each` for one unit; all of it where nobody waits. The first one shows how long
 * it takes. */
static int units_in(double seconds, double each, int all)
{
    if (seconds <= 0) return all;
    const double n = each > 0 ? seconds / each : 1;
    return n >= all ? all : n < 1 ? 1 : (int)n;
}

/* A running mean, of which the last few count. */
static void learn(double *mean, double seconds, int units)
{
    const double each = seconds / units;
    *mean = *mean > 0 ? 0.7 * *mean + 0.3 * each : each;
}

static void tile_is_done(Vl2Request *r)
{
    r->tiles_done++;
    r->blocks_done = 0;
    r->vision_news = true;
    if (r->tiles_done == r->n_tiles) r->state = REQUEST_PREFILL;
}

/* Some blocks of the tower for the tile, and its rows if they were the last. */
static void encode_part(Vl2Engine *e, Vl2Request *r, const uint8_t *pixels, float *rows, int blocks)
{
    const double begin = clock_now();
    const VisionConfig *v = &e->model.config.vision;
    const int from = r->blocks_done, to = from + blocks;
    arena_release(&e->step, 0);
    const Tensor *x = model_tile_part(&e->run, &e->model, pixels, r->half_tile, from, to);
    const size_t floats = (size_t)x->rows * (size_t)x->cols;
    if (to < v->layers && !r->half_tile) r->half_tile = xcalloc(floats, sizeof *r->half_tile);
    memcpy(to < v->layers ? r->half_tile : rows, x->data, floats * sizeof(float));
    r->blocks_done = to;
    learn(&e->block_seconds, clock_now() - begin, blocks);
}

/* Encodes the next tile, or if an answer waits meanwhile as many blocks of it as `seconds` allow. One tile at a time: a picture
 * of ten does not silence the other conversations. */
static void encode_slice(Vl2Engine *e, Vl2Request *r, double seconds)
{
    const double begin = clock_now();
    const size_t grid = (size_t)e->model.config.projector.grid;
    const size_t floats = grid * grid * (size_t)e->model.config.projector.n_embed;
    float *rows = r->projected + (size_t)r->tiles_done * floats;
    bool again = false;
    const uint8_t *pixels = tile_pixels(r, r->tiles_done, &again);
    const float *kept = e->run.trace          ? NULL /* who looks sees every tile encoded */
                        : again               ? rows - floats
                        : r->blocks_done == 0 ? tile_cache_find(e->tiles, pixels)
                                              : NULL;
    if (kept) {
        memcpy(rows, kept, floats * sizeof *rows);
        tile_is_done(r);
    } else {
        const int left = e->model.config.vision.layers - r->blocks_done;
        encode_part(e, r, pixels, rows, units_in(seconds, e->block_seconds, left));
        if (r->blocks_done == e->model.config.vision.layers) {
            tile_cache_keep(e->tiles, pixels, rows);
            tile_is_done(r);
        }
    }
    r->seconds_vision += clock_now() - begin;
}

/* ---- language ---- */

/* A token that ends the answer needs no row. */
static int before_end(const Vl2Request *r, const int32_t *guess, int n)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < r->n_stop_ids; k++)
            if (guess[i] == r->stop_id[k]) return i;
    return n;
}

/* Guesses at what comes next, into e->guess; none while somebody looks, who is to see each row once. */
static int make_guesses(Vl2Engine *e, Vl2Request *r, StepLoad *load)
{
    const int left = e->most_guesses - load->guesses, useful = r->limit - (int)r->output.n - 1;
    const TokenHistory h = { r->prompt.id, r->output.id, r->prompt.n, (int)r->output.n };
    if (e->run.trace) return 0;
    const int n = guesser_choose(&r->guesser, &e->cost, &h, left < useful ? left : useful, load, e->guess);
    return before_end(r, e->guess, n);
}

static int add_answer_row(const Vl2Engine *e, const Vl2Request *r, int32_t token, int position, int n)
{
    e->row[n] = (BatchRow){
        .token = token, .position = position, .sequence = r->slot, .length = position + 1, .wants_logits = true
    };
    return n + 1;
}

/* The row of the last token, then those of guesses. */
static int add_answer_rows(Vl2Engine *e, Vl2Request *r, StepLoad *load, int n)
{
    const int last = r->prompt.n + (int)r->output.n - 1, n_guesses = make_guesses(e, r, load);
    n = add_answer_row(e, r, r->output.id[r->output.n - 1], last, n);
    for (int i = 0; i < n_guesses; i++) n = add_answer_row(e, r, e->guess[i], last + 1 + i, n);
    r->n_guessed += n_guesses;
    return n;
}

static int add_prompt_rows(const Vl2Engine *e, const Vl2Request *r, int n, int room)
{
    const Prompt *p = &r->prompt;
    int image_row = 0;
    for (int i = 0; i < r->n_cached; i++) image_row += p->is_image[i];
    const int end = p->n - r->n_cached < room ? p->n : r->n_cached + room;
    for (int i = r->n_cached; i < end; i++) {
        e->row[n++] = (BatchRow){ .token = p->id[i],
                                  .image = p->is_image[i] ? r->image_row[image_row] : (Vector){ 0 },
                                  .position = i,
                                  .sequence = r->slot,
                                  .length = p->n,
                                  .wants_logits = i == p->n - 1 || e->wants_all_logits };
        image_row += p->is_image[i];
    }
    return n;
}

/* The request that the rows from `i` on belong to, and how many there are. */
static Vl2Request *owner_of(const Vl2Engine *e, const Batch *b, int i, int *n)
{
    for (*n = 1; i + *n < b->n && b->row[i + *n].sequence == b->row[i].sequence;) ++*n;
    return e->slot[b->row[i].sequence].owner;
}

/* Takes the tokens that rows [0, n) of an answer bring: the row of a guess counts if the token before it was chosen so. What
 * other rows left in the cache is written over. */
static void hand_out_answer(Vl2Engine *e, Vl2Request *r, const BatchRow *row, int n, const Tensor *logits, int first)
{
    Slot *s = &e->slot[r->slot];
    int i = 0;
    do {
        s->key[row[i].position] = (uint64_t)row[i].token;
        s->n = ++r->n_cached;
        request_take_logits(r, tensor_row(logits, first + i));
        i++;
    } while (i < n && r->state == REQUEST_DECODE && r->output.id[r->output.n - 1] == row[i].token);
    r->n_accepted += i - 1;
    if (n > 1) guesser_learn(&r->guesser, n - 1, i - 1);
}

/* Prompt rows are in the cache now; the last one, if it is among them, brings the first token. */
static void hand_out_prompt(Vl2Engine *e, Vl2Request *r, const BatchRow *row, int n, const Tensor *logits, int last)
{
    r->n_cached += n;
    e->slot[r->slot].n = r->n_cached;
    r->prefill_news = true;
    if (row[n - 1].position < r->prompt.n - 1) return;
    r->state = REQUEST_DECODE;
    request_take_logits(r, tensor_row(logits, last));
}

/* Hands every request its news. Logits are those of the rows that wanted some, in order. */
static void hand_out(Vl2Engine *e, const Batch *b, const Tensor *logits, double seconds)
{
    for (int i = 0, n = 0, first = 0; i < b->n; i += n) {
        int wanted = 0;
        Vl2Request *r = owner_of(e, b, i, &n);
        for (int k = i; k < i + n; k++) wanted += b->row[k].wants_logits;
        const bool answers = r->state == REQUEST_DECODE;
        *(answers ? &r->seconds_decode : &r->seconds_prefill) += seconds;
        if (answers)
            hand_out_answer(e, r, b->row + i, n, logits, first);
        else
            hand_out_prompt(e, r, b->row + i, n, logits, first + wanted - 1);
        first += wanted;
    }
}

static StepLoad load_of_answers(const Vl2Engine *e)
{
    StepLoad load = { 0 };
    for (const Vl2Request *r = e->first; r; r = r->next) load.rows += r->state == REQUEST_DECODE;
    load.tokens = load.rows;
    return load;
}

/* seconds: what prompt rows may take, if an answer waits meanwhile. */
static void run_language(Vl2Engine *e, double seconds)
{
    const double begin = clock_now();
    StepLoad load = load_of_answers(e);
    int n = 0, room = units_in(seconds, e->row_seconds, e->chunk);
    for (Vl2Request *r = e->first; r; r = r->next)
        if (r->state == REQUEST_DECODE) n = add_answer_rows(e, r, &load, n);
    const int n_answers = n;
    for (const Vl2Request *r = e->first; r && room > 0; r = r->next) {
        if (r->state != REQUEST_PREFILL) continue;
        const int before = n;
        n = add_prompt_rows(e, r, n, room);
        room -= n - before;
    }
    if (n == 0) return;
    const Batch b = { e->row, n };
    arena_release(&e->step, 0);
    const Model *m = &e->model;
    const Tensor *logits =
        language_forward(&e->run, &m->weights.language, &m->config.language, &m->positions, &b, &e->cache);
    run_trace(&e->run, "logits", 0, logits);
    const double took = clock_now() - begin;
    if (n == n_answers) step_cost_learn(&e->cost, n, took);
    hand_out(e, &b, logits, took);
    if (n > n_answers) learn(&e->row_seconds, clock_now() - begin, n - n_answers);
}

/* ---- the step ---- */

static Vl2Request *first_in(const Vl2Engine *e, RequestState state)
{
    Vl2Request *r = e->first;
    while (r && r->state != state) r = r->next;
    return r;
}

void engine_step(Vl2Engine *e)
{
    e->clock++;
    for (Vl2Request *r = e->first; r; r = r->next)
        if (atomic_load(&r->cancelled) && r->state != REQUEST_DONE) engine_finish(r, "cancelled");
    engine_admit(e);
    Vl2Request *seeing = first_in(e, REQUEST_VISION);
    double seconds = somebody_answers(e) ? e->slice : 0; /* of pictures and prompts, in this step */
    if (seeing && first_in(e, REQUEST_PREFILL)) seconds /= 2;
    if (seeing) encode_slice(e, seeing, seconds);
    run_language(e, seconds);
    atomic_store(&e->pages_free, e->cache.n_free);
}

void engine_finish(Vl2Request *r, const char *reason)
{
    if (r->slot >= 0) {
        Slot *s = &r->engine->slot[r->slot];
        s->owner = NULL;
        s->last_used = r->engine->clock;
        kv_release(&r->engine->cache, r->slot, s->n);
        r->slot = -1;
    }
    r->state = REQUEST_DONE;
    r->finish_reason = reason;
    r->done_news = true;
}
