/* model.c - see model.h. */
#include "model/model.h"

#include <stdlib.h>

#include "base/file.h"
#include "format/json.h"
#include "model/projector.h"
#include "model/vision.h"

enum { MAX_TOKENIZER_BYTES = 256 << 20, MAX_SMALL_JSON = 64 << 20 };

/* bos_token and eos_token are strings, or objects with "content". */
static const char *token_text(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
}

/* The end tokens as tokenizer_config.json names them, else special_tokens_map.json. */
static bool set_ends(Tokenizer *t, const char *dir, Error *e)
{
    static const char *const file[] = { "tokenizer_config.json", "special_tokens_map.json" };
    for (size_t i = 0; i < 2; i++) {
        char *path = path_join(dir, file[i]);
        json_t *v = file_exists(path) ? json_parse_file(path, MAX_SMALL_JSON, e) : json_object();
        const char *bos = token_text(v, "bos_token"), *eos = token_text(v, "eos_token");
        const bool found = v && bos && eos;
        const bool ok = v && (!found || tokenizer_set_ends(t, bos, eos, path, e));
        free(path);
        json_decref(v);
        if (!ok || found) return ok;
    }
    return fail(e, ERR_FORMAT,
                "%s: neither tokenizer_config.json nor special_tokens_map.json names bos_token and eos_token", dir);
}

Tokenizer *model_tokenizer(const char *dir, const char *pad_token, Error *e)
{
    char *path = path_join(dir, "tokenizer.json"), *text = NULL;
    size_t n = 0;
    Tokenizer *t = NULL;
    if (file_read(path, MAX_TOKENIZER_BYTES, &text, &n, e)) t = tokenizer_open(text, n, pad_token, path, e);
    free(text);
    free(path);
    if (t && !set_ends(t, dir, e)) {
        tokenizer_close(t);
        t = NULL;
    }
    return t;
}

/* The embedding table may have more rows than the tokenizer has tokens (padding), not fewer. */
static bool check_vocabulary(const Model *m, const char *dir, Error *e)
{
    const int have = m->config.language.vocab_size, need = tokenizer_count(m->tokenizer);
    if (need <= have) return true;
    return fail(e, ERR_FORMAT,
                "%s: tokenizer.json has %d tokens (with those that the processor adds), config.json says "
                "vocab_size %d",
                dir, need, have);
}

bool model_open(Model *m, const char *dir, Error *e)
{
    *m = (Model){ 0 };
    if (config_load(&m->config, dir, e) && (m->tokenizer = model_tokenizer(dir, m->config.processor.pad_token, e)) &&
        check_vocabulary(m, dir, e) && (m->files = tensor_files_open(dir, e)) &&
        arena_open(&m->arena, 2 * tensor_files_bytes(m->files) + (64u << 20), e) && /* all of bf16 as f32, at most */
        weights_bind(&m->weights, m->files, &m->config, &m->arena, e) &&
        (positions_setup(&m->positions, &m->config.language, &m->arena, e) || fail_in(e, "%s: config.json", dir)))
        return true;
    model_close(m);
    return false;
}

void model_close(Model *m)
{
    arena_close(&m->arena);
    tensor_files_close(m->files);
    tokenizer_close(m->tokenizer);
    config_free(&m->config);
    *m = (Model){ 0 };
}

Tensor *model_encode_tile(Run *r, const Model *m, const uint8_t *tile)
{
    const Config *c = &m->config;
    Tensor *x = vision_forward(r, &m->weights.vision, &c->vision, &c->processor, tile, 1);
    return projector_forward(r, &m->weights.projector, &c->projector, &c->vision, x, 1);
}
