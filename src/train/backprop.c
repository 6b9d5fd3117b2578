/* backprop.c - see backprop.h. */
#include "train/backprop.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/projector.h"
#include "model/vision.h"

/* ---- how much memory ---- */

/* Floats of activations that one block keeps for a row, generously. */
static size_t language_row(const LanguageConfig *c)
{
    const size_t d = (size_t)c->hidden_size, heads = (size_t)c->n_heads;
    const size_t head =
        c->use_mla ? (size_t)(2 * (c->qk_nope_head_dim + c->qk_rope_head_dim) + 3 * c->v_head_dim + c->qk_nope_head_dim)
                   : 4 * (size_t)c->head_dim;
    const size_t expert = (size_t)c->top_k * (3 * (size_t)c->moe_intermediate_size + 2 * d) +
                          3 * (size_t)c->n_routed_experts +
                          3 * (size_t)c->moe_intermediate_size * (size_t)c->n_shared_experts;
    const size_t dense = 3 * (size_t)c->intermediate_size;
    const size_t latent = 2 * (size_t)(c->kv_lora_rank + c->q_lora_rank + c->qk_rope_head_dim);
    return 12 * d + heads * (head + 1) + latent + (expert > dense ? expert : dense) + 256;
}

static size_t vision_row(const VisionConfig *c)
{
    return 14 * (size_t)c->width + 2 * (size_t)c->mlp_hidden + 3 * (size_t)c->patch_size * (size_t)c->patch_size;
}

/* Twice, for gradients; all blocks or one and the inputs of all; and what the backward of one block needs besides. */
static size_t step_bytes(const Backprop *b, size_t rows, size_t labels, size_t tiles, size_t longest)
{
    const Config *c = &b->model->config;
    const size_t layers = (size_t)c->language.n_layers, blocks = (size_t)c->vision.layers;
    const size_t patches = tiles * (size_t)c->vision.grid * (size_t)c->vision.grid;
    const size_t row = language_row(&c->language), patch = vision_row(&c->vision);
    const size_t kept =
        b->options.recompute ? 4 * row + layers * 2 * (size_t)c->language.hidden_size : (layers + 3) * row;
    const size_t kept_patch =
        b->options.recompute ? 4 * patch + blocks * 2 * (size_t)c->vision.width : (blocks + 3) * patch;
    const size_t span = longest > (size_t)c->vision.grid * (size_t)c->vision.grid
                            ? longest
                            : (size_t)c->vision.grid * (size_t)c->vision.grid;
    const size_t scratch = (size_t)pool_threads(b->run.pool) * span * 8 * 1024; /* attention's, heads of up to 512 */
    const size_t adapters = 64 * rows * 3 * (size_t)(c->language.top_k + 4) * layers; /* their narrow middles */
    const size_t pixels = tiles * (size_t)c->vision.image_size * (size_t)c->vision.image_size * 3;
    return 4 * (2 * rows * kept + 2 * patches * kept_patch + 3 * labels * (size_t)c->language.vocab_size + adapters) +
           pixels + scratch + (256u << 20);
}

static bool make_room(Backprop *b, const Sample *samples, int n, Error *e)
{
    size_t rows = 0, labels = 0, tiles = 0, longest = 0;
    for (int i = 0; i < n; i++) {
        const Prompt *p = &samples[i].prompt;
        rows += (size_t)p->n;
        labels += (size_t)samples[i].n_labels;
        if ((size_t)p->n > longest) longest = (size_t)p->n;
        for (int k = 0; k < p->n_images; k++) tiles += (size_t)p->image[k].tiles.n;
    }
    const size_t need = step_bytes(b, rows, labels, tiles, longest);
    if (need <= b->run.arena->capacity) return true;
    arena_close(b->run.arena);
    return arena_open(b->run.arena, need, e);
}

/* ---- forward ---- */

static int distinct_tiles(const Sample *samples, int n)
{
    int tiles = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < samples[i].prompt.n_images; k++) tiles += tiles_distinct(&samples[i].prompt.image[k].tiles);
    return tiles;
}

/* All pictures of the group through vision tower and projector, as rows of projected tiles; parts that are not trained run
 * without the tape. */
static Vector pictures_forward(Backprop *b, const Sample *samples, int n)
{
    const Config *c = &b->model->config;
    const Weights *w = &b->model->weights;
    const size_t tile_bytes = (size_t)c->vision.image_size * (size_t)c->vision.image_size * 3;
    const int n_tiles = distinct_tiles(samples, n);
    Run *r = &b->run;
    Tape *tape = r->tape;
    if (n_tiles == 0) return (Vector){ 0 };
    uint8_t *rgb = arena_get(r->arena, (size_t)n_tiles * tile_bytes), *next = rgb;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < samples[i].prompt.n_images; k++) {
            const Tiles *t = &samples[i].prompt.image[k].tiles;
            memcpy(next, t->rgb, (size_t)tiles_distinct(t) * tile_bytes);
            next += (size_t)tiles_distinct(t) * tile_bytes;
        }
    if (!b->vision_trained) r->tape = NULL;
    Tensor *x = vision_forward(r, &w->vision, &c->vision, &c->processor, rgb, n_tiles);
    r->tape = b->vision_trained || b->projector_trained ? tape : NULL;
    x = projector_forward(r, &w->projector, &c->projector, &c->vision, x, n_tiles);
    r->tape = tape;
    return (Vector){ x->data, x->grad };
}

/* Lays out the pictures of one sample, whose tiles begin at `tile`; returns where those of the next one begin. */
static Vector lay_out(const Backprop *b, const Prompt *p, Vector tile, Vector *row)
{
    const ProjectorConfig *c = &b->model->config.projector;
    const size_t tile_rows = (size_t)c->grid * (size_t)c->grid;
    for (int i = 0; i < p->n_images; i++) {
        const Tiles *t = &p->image[i].tiles;
        const int distinct = tiles_distinct(t);
        image_layout(&b->model->weights.projector, tile, distinct > 1 ? row_after(tile, tile_rows, c->n_embed) : tile,
                     c->grid, c->n_embed, t->across, t->down, b->model->config.global_view_first, row);
        row += p->image[i].n_tokens;
        tile = row_after(tile, (size_t)distinct * tile_rows, c->n_embed);
    }
    return tile;
}

/* The rows of one sample; `label` gets what each row with logits has to say. Returns how many these are. */
static int sample_rows(const Sample *s, int sequence, const Vector *image, BatchRow *row, int32_t *label)
{
    const Prompt *p = &s->prompt;
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        const bool learns = i + 1 < p->n && s->label[i + 1] != LABEL_IGNORE;
        row[i] = (BatchRow){ .token = p->id[i],
                             .image = p->is_image[i] ? *image++ : (Vector){ 0 },
                             .position = i,
                             .sequence = sequence,
                             .length = p->n,
                             .wants_logits = learns };
        if (learns) label[n++] = s->label[i + 1];
    }
    return n;
}

bool backprop(Backprop *b, const Sample *samples, int n, float scale, bool gradients, BackpropResult *out, Error *e)
{
    if (!make_room(b, samples, n, e)) return false;
    Run *r = &b->run;
    const ArenaMark mark = arena_mark(r->arena);
    int rows = 0, labels = 0;
    for (int i = 0; i < n; i++) rows += samples[i].prompt.n;
    Batch batch = { .n = rows };
    BatchRow *row = arena_get(r->arena, (size_t)rows * sizeof *row);
    int32_t *label = arena_get(r->arena, (size_t)rows * sizeof *label);
    batch.row = row;
    r->tape = gradients ? &b->tape : NULL;
    r->training = gradients;
    Vector tile = pictures_forward(b, samples, n);
    for (int i = 0; i < n; i++) {
        const Prompt *p = &samples[i].prompt;
        Vector *image = arena_get(r->arena, ((size_t)p->n_image_tokens + 1) * sizeof *image);
        tile = lay_out(b, p, tile, image);
        labels += sample_rows(&samples[i], i, image, row, label + labels);
        row += p->n;
    }
    Tensor *logits = language_forward(r, &b->model->weights.language, &b->model->config.language, &b->model->positions,
                                      &batch, NULL);
    *out = (BackpropResult){ .n_labels = labels, .n_tokens = rows };
    out->loss = cross_entropy(r, logits, label, scale != 0 ? scale : 1 / (float)(labels ? labels : 1));
    if (gradients) tape_backward(r);
    r->tape = NULL;
    arena_release(r->arena, mark);
    return true;
}

/* ---- life ---- */

static bool see_trained(void *context, const ParameterSlot *s)
{
    Backprop *b = context;
    const bool trained = s->matrix ? s->matrix->grad || s->matrix->lora : s->vector->grad != NULL;
    if (!trained) return true;
    b->vision_trained |= str_starts(s->name, "vision.");
    b->projector_trained |= str_starts(s->name, "projector.");
    return true;
}

static void make_reports(Backprop *b)
{
    const LanguageConfig *c = &b->model->config.language;
    b->tape.report = xcalloc((size_t)c->n_layers, sizeof *b->tape.report);
    b->load = xcalloc((size_t)c->n_layers * (size_t)(c->n_routed_experts + 1), sizeof *b->load);
    for (int i = 0; i < c->n_layers; i++) b->tape.report[i].load = b->load + (size_t)i * (size_t)c->n_routed_experts;
}

bool backprop_open(Backprop *b, const Model *m, const Kernels *k, Pool *pool, const BackpropOptions *o, Error *e)
{
    *b = (Backprop){ .model = m, .options = *o, .run = { .k = k, .pool = pool } }; /* compute: f32 for all types */
    b->run.arena = xcalloc(1, sizeof *b->run.arena);
    b->tape = (Tape){ .recompute = o->recompute, .balance = o->balance };
    make_reports(b);
    Weights seen = m->weights; /* visiting changes nothing here, but may */
    return weights_visit(&seen, &m->config, see_trained, b, e);
}

void backprop_close(Backprop *b)
{
    if (b->run.arena) arena_close(b->run.arena);
    free(b->run.arena);
    free(b->tape.report);
    free(b->load);
    *b = (Backprop){ 0 };
}

const ExpertReport *backprop_report(const Backprop *b, int layer)
{
    return &b->tape.report[layer];
}
