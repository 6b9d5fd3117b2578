/* model.c - see model.h. */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "model/paddle_layout.h"
#include "model/projector.h"
#include "model/vision.h"

enum { MAX_TOKENIZER_BYTES = 256 << 20, MAX_SMALL_JSON = 64 << 20 };

/* bos_token and eos_token are strings, or objects with "content". */
static const char *token_text(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
}

/* The end tokens as one of the two texts names them; *found tells whether it does. */
static bool take_ends(Tokenizer *t, const ModelSource *source, const char *file, bool *found, Error *e)
{
    char *text, *where = model_source_where(source, file);
    size_t n;
    json_t *v = NULL;
    if (model_source_text(source, file, MAX_SMALL_JSON, &text, &n, e)) {
        v = json_parse(text, n, where, e);
        free(text);
    }
    const char *bos = token_text(v, "bos_token"), *eos = token_text(v, "eos_token");
    *found = bos && eos;
    const bool ok = v && (!*found || tokenizer_set_ends(t, bos, eos, where, e));
    json_decref(v);
    free(where);
    return ok;
}

/* The end tokens as tokenizer_config.json names them, else special_tokens_map.json. */
static bool set_ends(Tokenizer *t, const ModelSource *source, Error *e)
{
    static const char *const file[] = { "tokenizer_config.json", "special_tokens_map.json" };
    for (size_t i = 0; i < 2; i++) {
        bool found = false;
        if (model_source_has(source, file[i]) && !take_ends(t, source, file[i], &found, e)) return false;
        if (found) return true;
    }
    return fail(e, ERR_FORMAT,
                "%s: neither tokenizer_config.json nor special_tokens_map.json names bos_token and eos_token",
                model_source_path(source));
}

Tokenizer *model_tokenizer(const ModelSource *source, const char *pad_token, Error *e)
{
    static const char file[] = "tokenizer.json";
    char *where = model_source_where(source, file), *text = NULL;
    size_t n = 0;
    Tokenizer *t = NULL;
    if (model_source_text(source, file, MAX_TOKENIZER_BYTES, &text, &n, e))
        t = tokenizer_open(text, n, pad_token, where, e);
    free(text);
    free(where);
    if (t && !set_ends(t, source, e)) {
        tokenizer_close(t);
        t = NULL;
    }
    return t;
}

/* The embedding table may have more rows than the tokenizer has tokens (padding), not fewer. */
static bool check_vocabulary(const Model *m, Error *e)
{
    const int have = m->config.language.vocab_size, need = tokenizer_count(m->tokenizer);
    if (need <= have) return true;
    return fail(e, ERR_FORMAT,
                "%s: tokenizer.json has %d tokens (with those that the processor adds), config.json says "
                "vocab_size %d",
                model_source_path(m->source), need, have);
}

static bool set_positions(Model *m, Error *e)
{
    bool pairs;
    return model_source_rotary_pairs(m->source, &pairs, e) &&
           (positions_setup(&m->positions, &m->config.language, pairs, &m->arena, e) ||
            fail_in(e, "%s: config.json", model_source_path(m->source)));
}

bool model_open(Model *m, const char *path, Error *e)
{
    *m = (Model){ 0 };
    if ((m->source = model_source_open(path, e)) && config_read(&m->config, m->source, e) &&
        (m->tokenizer = model_tokenizer(m->source, m->config.processor.pad_token, e)) && check_vocabulary(m, e) &&
        (m->files = model_source_tensors(m->source, e)) &&
        (model_source_is_gguf(m->source) || paddle_layout_turn(m->files, &m->config, e)) &&
        arena_open(&m->arena, 2 * tensor_files_bytes(m->files) + (64u << 20), e) && /* all of bf16 as f32, at most */
        weights_bind(&m->weights, m->files, &m->config, &m->arena, e) && set_positions(m, e))
        return true;
    model_close(m);
    return false;
}

void model_close(Model *m)
{
    arena_close(&m->arena);
    tensor_files_close(m->files);
    model_source_close(m->source);
    tokenizer_close(m->tokenizer);
    config_free(&m->config);
    *m = (Model){ 0 };
}

Tensor *model_tile_part(Run *r, const Model *m, const uint8_t *tile, const float *before, int from, int to)
{
    const VisionConfig *v = &m->config.vision;
    const VisionWeights *w = &m->weights.vision;
    Tensor *x;
    if (from == 0)
        x = vision_begin(r, w, v, &m->config.processor, tile, 1);
    else {
        x = tensor_new(r, v->grid * v->grid, v->width);
        memcpy(x->data, before, (size_t)x->rows * (size_t)x->cols * sizeof *before);
    }
    x = vision_blocks(r, w, v, x, from, to);
    if (to < v->layers) return x;
    return projector_forward(r, &m->weights.projector, &m->config.projector, v, vision_end(r, w, x), 1);
}
