/* scheduler.c - one step: a slice of vision for the oldest request that waits for it, then one pass of the language model
 * over a decode row of every running sequence and, in what room is left, prompt rows of those that still read. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "model/projector.h"

/* ---- admission ---- */

static int common_prefix(const Slot *s, const Vl2Request *r)
{
    int n = 0;
    while (n < s->n && n < r->prompt.n - 1 && s->key[n] == r->key[n])
        n++; /* the last row has to be run for its logits */
    return n;
}

/* The free slot whose pages begin as this prompt does; among equals the one that was used longest ago. */
static int best_slot(const Vl2Engine *e, const Vl2Request *r, int *reused)
{
    int found = -1;
    *reused = 0;
    for (int i = 0; i < e->n_slots; i++) {
        const Slot *s = &e->slot[i];
        if (s->owner) continue;
        const int n =
            e->model.positions.rope.dynamic ? 0 : common_prefix(s, r); /* dynamic: old keys have another base */
        if (found >= 0 && (n < *reused || (n == *reused && s->last_used >= e->slot[found].last_used))) continue;
        found = i;
        *reused = n;
    }
    return found;
}

/* Tiles of pictures that stand wholly in the reused part are not needed. */
static int tiles_in_prefix(const Vl2Request *r)
{
    int tiles = 0;
    for (int i = 0; i < r->prompt.n_images; i++) {
        const PromptImage *image = &r->prompt.image[i];
        if (image->first + image->n_tokens > r->n_reused) break;
        tiles += image->tiles.n;
    }
    return tiles;
}

static void admit(Vl2Engine *e, Vl2Request *r)
{
    int reused;
    const int slot = best_slot(e, r, &reused);
    if (slot < 0) return;
    Slot *s = &e->slot[slot];
    kv_release(&e->cache, slot, reused);
    const bool has_room = kv_reserve(&e->cache, slot, r->prompt.n + r->limit);
    assert(has_room); /* a slot can always hold a whole context */
    (void)has_room;
    memcpy(s->key, r->key, (size_t)r->prompt.n * sizeof *s->key);
    s->n = reused;
    s->owner = r;
    r->slot = slot;
    r->n_cached = r->n_reused = reused;
    r->tiles_done = tiles_in_prefix(r);
    r->state = r->tiles_done < r->n_tiles ? REQUEST_VISION : REQUEST_PREFILL;
}

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

static int add_decode_row(const Vl2Engine *e, const Vl2Request *r, int n)
{
    const int position = r->prompt.n + (int)r->output.n - 1;
    e->row[n] = (BatchRow){ .token = r->output.id[r->output.n - 1],
                            .position = position,
                            .sequence = r->slot,
                            .length = position + 1,
                            .wants_logits = true };
    return n + 1;
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

/* Hands every request its news: rows that are now in the cache, and the logits of its last row. */
static void hand_out(Vl2Engine *e, const Batch *b, const Tensor *logits, double seconds)
{
    for (int i = 0, n = 0, row = 0; i < b->n; i += n) {
        Vl2Request *r = owner_of(e, b, i, &n);
        Slot *s = &e->slot[b->row[i].sequence];
        const bool decodes = r->state == REQUEST_DECODE;
        if (decodes) {
            s->key[b->row[i].position] = (uint64_t)b->row[i].token;
            r->seconds_decode += seconds;
        } else {
            r->seconds_prefill += seconds;
            r->prefill_news = true;
        }
        r->n_cached += n;
        s->n = r->n_cached;
        for (int k = i; k < i + n; k++) {
            if (!b->row[k].wants_logits) continue;
            const float *l = tensor_row(logits, row++);
            if (b->row[k].position < r->prompt.n - 1) continue; /* only somebody who looks wanted it */
            r->state = REQUEST_DECODE;
            request_take_logits(r, l);
        }
    }
}

/* seconds: what prompt rows may take, if an answer waits meanwhile. */
static void run_language(Vl2Engine *e, double seconds)
{
    const double begin = clock_now();
    int n = 0, room = units_in(seconds, e->row_seconds, e->chunk);
    for (const Vl2Request *r = e->first; r; r = r->next)
        if (r->state == REQUEST_DECODE) n = add_decode_row(e, r, n);
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
    hand_out(e, &b, logits, clock_now() - begin);
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
    for (Vl2Request *r = e->first; r; r = r->next)
        if (r->state == REQUEST_WAITING) admit(e, r);
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
        r->slot = -1;
    }
    r->state = REQUEST_DONE;
    r->finish_reason = reason;
    r->done_news = true;
}
