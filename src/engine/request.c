/* request.c - the life of a request: pictures and prompt at submission, tokens to text while it runs, boxes at the end. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "image/image.h"
#include "model/projector.h"
#include "text/answer_format.h"

const Vl2Sampling VL2_GREEDY = { .top_p = 1, .repetition_penalty = 1 };

/* ---- submission ---- */

static bool find_role(const char *name, Role *role, Error *e)
{
    if (name && role_find(name, role)) return true;
    return fail(e, ERR_USAGE, "role \"%s\" is unknown, expected user, assistant or system", name ? name : "");
}

/* Each message with a tag in front for every picture that has none, under the role's name as it was given. */
static bool take_message(Conversation *c, const Vl2Message *m, Error *e)
{
    Role role;
    Str content = { 0 };
    if (!find_role(m->role, &role, e)) return false;
    if (!conversation_place_images(m->content, m->n_content ? m->n_content : strlen(m->content), m->n_pictures,
                                   &content, "the prompt", e))
        return false;
    const char **name = xcalloc((size_t)m->n_pictures, sizeof *name);
    for (int k = 0; k < m->n_pictures; k++) name[k] = m->picture[k].name ? m->picture[k].name : "picture";
    conversation_add(c, role, m->role, content.text, content.n, name, m->n_pictures);
    free(name);
    str_free(&content);
    return true;
}

static bool take_messages(Conversation *c, const Vl2Prompt *p, Error *e)
{
    for (int i = 0; i < p->n_messages; i++)
        if (!take_message(c, &p->message[i], e)) return fail_in(e, "message %d", i + 1);
    conversation_open_answer(c);
    return conversation_check(c, "the prompt", e);
}

static bool decode_pictures(Image *image, bool *whole, int n_images, const Vl2Prompt *p, Error *e)
{
    ImageOptions o = IMAGE_DEFAULTS;
    o.exif_rotate = p->exif_rotate;
    if (p->max_picture_pixels) o.max_pixels = p->max_picture_pixels;
    if (p->max_picture_side) o.max_side = p->max_picture_side;
    int n = 0;
    for (int i = 0; i < p->n_messages; i++)
        for (int k = 0; k < p->message[i].n_pictures; k++) {
            const Vl2Picture *v = &p->message[i].picture[k];
            whole[n] = v->whole;
            if (!image_decode(&image[n++], v->bytes, v->n, v->name ? v->name : "picture", &o, e)) return false;
        }
    assert(n == n_images);
    (void)n_images;
    return true;
}

/* Pictures are decoded, cut, and no longer needed whole. */
static bool build_prompt(Vl2Request *r, const Conversation *c, const Vl2Prompt *p, Error *e)
{
    const Model *m = &r->engine->model;
    const int n_images = conversation_images(c);
    Image *image = xcalloc((size_t)n_images, sizeof *image);
    bool *whole = xcalloc((size_t)n_images, sizeof *whole);
    const double begin = clock_now();
    const bool ok = decode_pictures(image, whole, n_images, p, e) &&
                    prompt_build(&r->prompt, &m->config, m->tokenizer, c, image, whole,
                                 p->raw_special ? ADDED_ALL : ADDED_GROUNDING, e);
    for (int i = 0; i < n_images; i++) image_free(&image[i]);
    free(image);
    free(whole);
    r->seconds_pictures = clock_now() - begin;
    return ok;
}

/* A prompt that is made of tokens already. */
static bool take_ids(Prompt *out, const Vl2Prompt *p, int vocab_size, Error *e)
{
    if (p->n_messages)
        return fail(e, ERR_USAGE, "a prompt of %d token ids has %d messages, too", p->n_ids, p->n_messages);
    for (int i = 0; i < p->n_ids; i++)
        if (p->id[i] < 0 || p->id[i] >= vocab_size)
            return fail(e, ERR_USAGE, "token id %d of the prompt is %d, expected 0 to %d", i + 1, p->id[i],
                        vocab_size - 1);
    const size_t n = (size_t)p->n_ids;
    *out = (Prompt){ .id = xcalloc(n, sizeof *out->id),
                     .is_image = xcalloc(n, sizeof *out->is_image),
                     .is_answer = xcalloc(n, sizeof *out->is_answer),
                     .n = p->n_ids };
    memcpy(out->id, p->id, n * sizeof *out->id);
    return true;
}

static bool take_prompt(Vl2Request *r, Conversation *c, const Vl2Prompt *p, Error *e)
{
    if (p->n_ids > 0) return take_ids(&r->prompt, p, r->engine->model.config.language.vocab_size, e);
    return take_messages(c, p, e) && build_prompt(r, c, p, e);
}

/* How the official code shows the prompt, and what of the answer it holds already. */
static void take_display(Vl2Request *r, const Conversation *c)
{
    const Model *m = &r->engine->model;
    size_t n;
    str_clear(&r->sft_format);
    if (c->n == 0) return;
    const char *bytes = tokenizer_bytes(m->tokenizer, tokenizer_special(m->tokenizer)->eos, &n);
    char *eos = xstrndup(bytes, n);
    chat_sft_format(c, m->config.processor.sft_format, eos, &r->sft_format);
    free(eos);
    const Message *last = &c->message[c->n - 1];
    str_add(&r->begun, last->content, last->n_content);
}

static bool check_context(Vl2Request *r, int max_tokens, Error *e)
{
    const int context = r->engine->context, n = r->prompt.n, images = r->prompt.n_image_tokens;
    if (max_tokens < 0) return fail(e, ERR_USAGE, "max_tokens is %d, expected 0 (no limit) or more", max_tokens);
    if (n >= context)
        return fail(e, ERR_LIMIT,
                    "the prompt has %d tokens (%d of text, %d of pictures), the context holds %d and needs one for the "
                    "answer: shorten the text, give fewer pictures, or raise the context",
                    n, n - images, images, context);
    r->limit = max_tokens && max_tokens < context - n ? max_tokens : context - n;
    return true;
}

/* Enough to tell pictures apart by; pixels are what the model sees, whatever file they came from. */
static uint64_t hash_pixels(const uint8_t *bytes, size_t n, uint64_t h)
{
    uint64_t word;
    for (; n >= 8; bytes += 8, n -= 8) {
        memcpy(&word, bytes, 8);
        h = rng_at(h ^ word, 0);
    }
    for (; n > 0; bytes++, n--) h = rng_at(h ^ *bytes, 0);
    return h;
}

static void make_keys(Vl2Request *r)
{
    const Prompt *p = &r->prompt;
    r->key = xcalloc((size_t)p->n, sizeof *r->key);
    for (int i = 0; i < p->n; i++) r->key[i] = (uint64_t)p->id[i];
    for (int i = 0; i < p->n_images; i++) {
        const Tiles *t = &p->image[i].tiles;
        uint64_t h = rng_at((uint64_t)t->across << 32 | (uint64_t)t->down, (uint64_t)t->side);
        h = hash_pixels(t->rgb, (size_t)t->n * (size_t)t->side * (size_t)t->side * 3, h);
        for (int k = 0; k < p->image[i].n_tokens; k++) r->key[p->image[i].first + k] = rng_at(h, (uint64_t)k);
    }
}

/* Where every image row will stand once its tile is encoded. */
static void lay_out_images(Vl2Request *r)
{
    const Model *m = &r->engine->model;
    const ProjectorConfig *c = &m->config.projector;
    const size_t tile_floats = (size_t)(c->grid * c->grid) * (size_t)c->n_embed;
    for (int i = 0; i < r->prompt.n_images; i++) r->n_tiles += r->prompt.image[i].tiles.n;
    r->projected = xcalloc((size_t)r->n_tiles * tile_floats, sizeof *r->projected);
    r->image_row = xcalloc((size_t)r->prompt.n_image_tokens, sizeof *r->image_row);
    int tile = 0, row = 0;
    for (int i = 0; i < r->prompt.n_images; i++) {
        const PromptImage *image = &r->prompt.image[i];
        const Vector global = { .data = r->projected + (size_t)tile * tile_floats };
        image_layout(&m->weights.projector, global, row_after(global, (size_t)(c->grid * c->grid), c->n_embed), c->grid,
                     c->n_embed, image->tiles.across, image->tiles.down, m->config.global_view_first,
                     r->image_row + row);
        tile += image->tiles.n;
        row += image->n_tokens;
    }
}

Vl2Request *request_read(Vl2Engine *engine, const Vl2Prompt *p, Error *e)
{
    Vl2Request *r = xcalloc(1, sizeof *r);
    Conversation c = { 0 };
    r->engine = engine;
    r->slot = -1;
    const bool ok = take_prompt(r, &c, p, e);
    if (ok) take_display(r, &c);
    conversation_free(&c);
    if (ok) return r;
    request_free(r);
    return NULL;
}

Vl2Request *request_of_prompt(Vl2Engine *engine, Prompt *prompt)
{
    Vl2Request *r = xcalloc(1, sizeof *r);
    r->engine = engine;
    r->slot = -1;
    r->prompt = *prompt;
    *prompt = (Prompt){ 0 };
    str_clear(&r->sft_format);
    return r;
}

static void take_ends(Vl2Request *r, const Vl2Sampling *o)
{
    r->stop_id = xcalloc((size_t)o->n_stop_ids + 1, sizeof *r->stop_id);
    if (!o->ignore_eos) r->stop_id[r->n_stop_ids++] = tokenizer_special(r->engine->model.tokenizer)->eos;
    for (int i = 0; i < o->n_stop_ids; i++) r->stop_id[r->n_stop_ids++] = o->stop_id[i];
    stop_open(&r->stop, o->stop, o->n_stop);
}

/* The mask of the answer's format goes to the sampler. */
static bool take_format(Vl2Request *r, const char *format, Error *e)
{
    Grammar g;
    int start;
    Vl2Engine *engine = r->engine;
    if (!format) return true;
    if (!answer_format(&g, &start, format, e)) return false;
    monitor_enter(engine->making);
    if (!engine->order) engine->order = token_order_open(engine->model.tokenizer);
    monitor_leave(engine->making);
    r->sampler.mask = token_mask_open(&g, start, engine->order);
    return true;
}

bool request_prepare(Vl2Request *r, const Vl2Sampling *o, Error *e)
{
    const Model *m = &r->engine->model;
    if (!check_context(r, o->max_tokens, e)) return false;
    take_ends(r, o);
    const Ending ending = { r->stop_id, r->n_stop_ids, o->min_tokens };
    if (!sampler_open(&r->sampler, o, &ending, m->config.language.vocab_size, r->prompt.id, r->prompt.n, e))
        return false;
    if (!take_format(r, o->format, e)) return false;
    make_keys(r);
    lay_out_images(r);
    r->output = (Ids){ xcalloc((size_t)r->limit, sizeof *r->output.id), 0, (size_t)r->limit };
    r->likelihoods = o->likelihoods;
    if (o->likelihoods) r->likelihood = xcalloc((size_t)r->limit * (size_t)o->likelihoods, sizeof *r->likelihood);
    r->detokenizer = (Detokenizer){ .tokenizer = m->tokenizer };
    guesser_open(&r->guesser);
    str_clear(&r->text);
    return true;
}

void request_start(Vl2Request *r)
{
    Vl2Request **end = &r->engine->first;
    while (*end) end = &(*end)->next;
    *end = r;
    engine_admit(r->engine);
}

Vl2Request *vl2_submit(Vl2Engine *engine, const Vl2Prompt *p, const Vl2Sampling *o, Vl2Error *e)
{
    Vl2Request *r = request_read(engine, p, e);
    if (r && !request_prepare(r, o, e)) {
        request_free(r);
        return NULL;
    }
    if (r) request_start(r);
    return r;
}

void vl2_cancel(Vl2Request *r)
{
    atomic_store(&r->cancelled, true);
}

void request_leave(Vl2Request *r)
{
    if (r->state != REQUEST_DONE) engine_finish(r, "cancelled");
    for (Vl2Request **at = &r->engine->first; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            break;
        }
    r->next = NULL;
}

void vl2_release(Vl2Request *r)
{
    if (r) request_leave(r);
    request_free(r);
}

void request_free(Vl2Request *r)
{
    if (!r) return;
    prompt_free(&r->prompt);
    sampler_close(&r->sampler);
    stop_close(&r->stop);
    grounding_free(&r->grounding);
    ids_free(&r->output);
    str_free(&r->text);
    str_free(&r->sft_format);
    str_free(&r->begun);
    free(r->stop_id);
    free(r->likelihood);
    free(r->key);
    free(r->projected);
    free(r->half_tile);
    free(r->image_row);
    free(r->box);
    free(r);
}

/* ---- tokens to text ---- */

static bool is_grounding_tag(const SpecialIds *s, int32_t id)
{
    return id == s->ref || id == s->ref_end || id == s->det || id == s->det_end || id == s->grounding;
}

static bool ends_at(const Vl2Request *r, int32_t id)
{
    for (int i = 0; i < r->n_stop_ids; i++)
        if (r->stop_id[i] == id) return true;
    return false;
}

static void finish_text(Vl2Request *r, const char *reason)
{
    detokenize_flush(&r->detokenizer, &r->text);
    if (stop_check(&r->stop, &r->text, r->released, &r->safe)) reason = "stop";
    r->safe = r->text.n;
    engine_finish(r, reason);
}

void request_take_logits(Vl2Request *r, const float *logits)
{
    const Tokenizer *t = r->engine->model.tokenizer;
    const int32_t id = sampler_next(&r->sampler, logits);
    if (r->likelihoods)
        sampler_likelihoods(&r->sampler, logits, id, r->likelihood + r->output.n * (size_t)r->likelihoods,
                            r->likelihoods);
    ids_add(&r->output, id); /* within the capacity taken at submission */
    const bool hidden = tokenizer_is_special(t, id) && !is_grounding_tag(tokenizer_special(t), id);
    if (!hidden || r->sampler.options.show_special) detokenize_push(&r->detokenizer, id, &r->text);
    if (ends_at(r, id))
        finish_text(r, "stop");
    else if (stop_check(&r->stop, &r->text, r->released, &r->safe))
        engine_finish(r, "stop");
    else if ((int)r->output.n == r->limit)
        finish_text(r, "length");
}

/* ---- events ---- */

bool request_take_event(Vl2Request *r, Vl2Event *event)
{
    *event = (Vl2Event){ 0 };
    if (r->vision_news) {
        r->vision_news = false;
        *event = (Vl2Event){ .kind = VL2_PROGRESS_VISION, .done = r->tiles_done, .total = r->n_tiles };
    } else if (r->prefill_news) {
        r->prefill_news = false;
        const int n = r->n_cached < r->prompt.n ? r->n_cached : r->prompt.n;
        *event = (Vl2Event){ .kind = VL2_PROGRESS_PREFILL, .done = n, .total = r->prompt.n };
    } else if (r->safe > r->released) {
        *event = (Vl2Event){ .kind = VL2_TEXT, .text = r->text.text + r->released, .n = r->safe - r->released };
        r->released = r->safe;
    } else if (r->done_news) {
        r->done_news = false;
        event->kind = VL2_DONE;
    } else
        return false;
    return true;
}

bool vl2_next(Vl2Request *r, Vl2Event *event)
{
    while (!request_take_event(r, event)) {
        if (r->state == REQUEST_DONE) return false;
        engine_step(r->engine);
    }
    return true;
}

/* ---- result ---- */

static int rounded(double v)
{
    return v <= -1e6 ? -1000000 : v >= 1e6 ? 1000000 : (int)(v < 0 ? v - 0.5 : v + 0.5);
}

/* A box belongs to the last picture: the one that is asked about in in-context grounding, and the one that the official
 * demo draws on. What a continued answer began with is part of the answer. */
static void read_boxes(Vl2Request *r)
{
    const Prompt *p = &r->prompt;
    grounding_free(&r->grounding);
    free(r->box);
    r->box = NULL;
    r->result.box = NULL;
    r->result.n_boxes = 0;
    if (p->n_images == 0) return;
    Str answer = { 0 };
    str_add(&answer, r->begun.text, r->begun.n);
    str_add(&answer, r->text.text, r->text.n);
    grounding_parse_tolerant(answer.text, answer.n, &r->grounding);
    str_free(&answer);
    const PromptImage *image = &p->image[p->n_images - 1];
    r->box = xcalloc(r->grounding.n, sizeof *r->box);
    for (size_t i = 0; i < r->grounding.n; i++) {
        const Box *b = &r->grounding.box[i];
        Vl2Box *out = &r->box[i];
        *out = (Vl2Box){ .label = b->label, .group = b->group, .picture = p->n_images - 1 };
        for (int k = 0; k < 4; k++) {
            out->norm[k] = rounded(b->norm[k]);
            out->pixel[k] = grounding_pixel(b->norm[k], k % 2 ? image->h : image->w);
        }
    }
    r->result.box = r->box;
    r->result.n_boxes = (int)r->grounding.n;
}

const Vl2Result *vl2_result(Vl2Request *r)
{
    read_boxes(r);
    const Vl2Box *box = r->result.box;
    const int n_boxes = r->result.n_boxes;
    r->result = (Vl2Result){ .prompt_id = r->prompt.id,
                             .output_id = r->output.id,
                             .n_prompt = r->prompt.n,
                             .n_output = (int)r->output.n,
                             .n_image_tokens = r->prompt.n_image_tokens,
                             .text = r->text.text,
                             .n_text = r->text.n,
                             .finish_reason = r->finish_reason,
                             .box = box,
                             .n_boxes = n_boxes,
                             .box_repairs = r->grounding.repairs.text ? r->grounding.repairs.text : "",
                             .sft_format = r->sft_format.text,
                             .seconds_pictures = r->seconds_pictures,
                             .seconds_vision = r->seconds_vision,
                             .seconds_prefill = r->seconds_prefill,
                             .seconds_decode = r->seconds_decode,
                             .n_tiles = r->n_tiles,
                             .n_reused = r->n_reused,
                             .n_guessed = r->n_guessed,
                             .n_accepted = r->n_accepted,
                             .likelihood = r->likelihood,
                             .likelihoods = r->likelihoods };
    return &r->result;
}
