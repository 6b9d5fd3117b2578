/* tokenizer.c - tokenizer.json opened, and a text on its way to ids:
 *
 *   added tokens are cut out, in two passes (added.h)
 *   what lies between them is cut into pieces (pretokenize.h)
 *   the bytes of each piece are merged to tokens (bpe.h)
 *
 * Of the file, `normalizer`, `pre_tokenizer`, `model`, `decoder` and `added_tokens` decide about ids and texts. The
 * `post_processor` only adds BOS or the like, which is the caller's business here; `truncation` and `padding` are the
 * caller's too. */
#include "text/tokenizer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"
#include "text/added.h"
#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/shown.h"
#include "text/vocab.h"
#include "text/vocab_json.h"

static const char default_pad_token[] = "<｜▁pad▁｜>";

struct Tokenizer {
    Vocab vocab; /* the model's tokens */
    Bpe bpe;
    Pretokenizer *pretokenizer;
    Added added;
    Vocab added_vocab; /* the added tokens, by id */
    bool *is_special;  /* by id */
    int32_t count;
    SpecialIds special;
};

void ids_add(Ids *ids, int32_t id)
{
    GROW(ids->id, ids->n, ids->capacity);
    ids->id[ids->n++] = id;
}

void ids_free(Ids *ids)
{
    free(ids->id);
    *ids = (Ids){ 0 };
}

/* --- Opening: what the parts of the file must be ------------------------------------------------------------------ */

static bool check_normalizer(const json_t *config, const char *where, Error *e)
{
    const char *type = "";
    json_t *list;
    if (!config || json_is_null(config)) return true;
    if (!json_take_string(config, "type", &type, where, e)) return false;
    if (strcmp(type, "Sequence") != 0)
        return fail(e, ERR_UNSUPPORTED, "%s: the normalizer \"%s\", expected none or an empty Sequence", where, type);
    if (!json_take_node(config, "normalizers", JSON_ARRAY, &list, where, e)) return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!check_normalizer(json_array_get(list, i), where, e)) return false;
    return true;
}

static bool check_decoder(const json_t *config, const char *where, Error *e)
{
    const char *type = "none";
    if (!json_take_string(config, "type", &type, where, e)) return false;
    return strcmp(type, "ByteLevel") == 0 ||
           fail(e, ERR_UNSUPPORTED, "%s: the decoder \"%s\", expected ByteLevel", where, type);
}

/* A string that must not be there, or be empty. */
static bool check_absent(const json_t *model, const char *key, const char *where, Error *e)
{
    const char *value = "";
    if (!json_take_string(model, key, &value, where, e)) return false;
    return !*value || fail(e, ERR_UNSUPPORTED, "%s: \"%s\" is \"%s\", expected null", where, key, value);
}

static bool check_model(const json_t *model, const char *where, Error *e)
{
    const char *type = "BPE";
    double dropout = 0;
    if (!json_take_string(model, "type", &type, where, e) || !json_take_double(model, "dropout", &dropout, where, e))
        return false;
    if (strcmp(type, "BPE") != 0) return fail(e, ERR_UNSUPPORTED, "%s: the model \"%s\", expected BPE", where, type);
    if (dropout != 0) return fail(e, ERR_UNSUPPORTED, "%s: \"dropout\" is %g, expected null", where, dropout);
    return check_absent(model, "continuing_subword_prefix", where, e) &&
           check_absent(model, "end_of_word_suffix", where, e);
}

/* An unknown token and byte_fallback act where a byte has no token. That must not happen to a byte that UTF-8 uses. */
static bool check_unknown(const json_t *model, const Bpe *b, const char *where, Error *e)
{
    const char *unknown = NULL;
    bool byte_fallback = false;
    if (!json_take_string(model, "unk_token", &unknown, where, e) ||
        !json_take_bool(model, "byte_fallback", &byte_fallback, where, e))
        return false;
    if (!unknown && !byte_fallback) return true;
    for (int i = 0; i < 256; i++) {
        const bool in_utf8 = i < 0xc0 || (i >= 0xc2 && i <= 0xf4);
        if (b->byte[i] < 0 && in_utf8)
            return fail(e, ERR_UNSUPPORTED,
                        "%s: \"%s\" is set and the byte 0x%02X has no token: not a byte-level vocabulary", where,
                        unknown ? "unk_token" : "byte_fallback", i);
    }
    return true;
}

static bool open_model(Tokenizer *t, const VocabJson *j, const json_t *model, const char *where, Error *e)
{
    if (!json_is_object(model))
        return fail(e, ERR_FORMAT, "%s: \"model\" is %s, expected an object", where, json_type_name(model));
    if (!check_model(model, where, e)) return false;
    if (j->vocab.n == 0 || j->merges.n == 0)
        return fail(e, ERR_FORMAT, "%s: model.%s is not there", where, j->vocab.n == 0 ? "vocab" : "merges");
    if (!vocab_json_read(j->vocab, &t->vocab, where, e)) return false;
    bpe_start(&t->bpe, &t->vocab);
    if (!json_take_bool(model, "ignore_merges", &t->bpe.ignore_merges, where, e) ||
        !merges_json_read(j->merges, &t->vocab, &t->bpe, where, e) || !check_unknown(model, &t->bpe, where, e))
        return false;
    t->count = t->vocab.n;
    return true;
}

/* --- Opening: added tokens --------------------------------------------------------------------------------------- */

/* Takes token.content over. The id must not belong to another token, nor the content to another id. */
static bool add_token(Tokenizer *t, AddedToken token, const char *where, Error *e)
{
    char buf[SHOWN_BYTES];
    const char *name = shown(token.content, token.n, buf);
    const int32_t in_vocab = vocab_find(&t->vocab, token.content, token.n);
    const AddedToken *known = added_find(&t->added, token.content, token.n);
    bool ok = true;
    if (token.n > MAX_ADDED_BYTES)
        ok = fail(e, ERR_LIMIT, "%s: the added token \"%s\" has %zu bytes, at most %d are taken", where, name, token.n,
                  MAX_ADDED_BYTES);
    else if (token.id >= MAX_TOKENS)
        ok = fail(e, ERR_LIMIT, "%s: no id is left for \"%s\", they go up to %d", where, name, MAX_TOKENS - 1);
    else if (in_vocab >= 0 && in_vocab != token.id)
        ok = fail(e, ERR_FORMAT, "%s: the added token \"%s\" has the id %d, but %d in the vocabulary", where, name,
                  token.id, in_vocab);
    else if (in_vocab < 0 && token.id < t->vocab.n && t->vocab.token[token.id].exists)
        ok = fail(e, ERR_FORMAT, "%s: the added token \"%s\" has the id %d, which is another token's in the vocabulary",
                  where, name, token.id);
    else if (known && known->id == token.id)
        free(token.content); /* said twice: the first one stands */
    else if ((ok = vocab_add(&t->added_vocab, token.content, token.n, token.id, where, e))) {
        added_add(&t->added, token);
        if (token.id >= t->count) t->count = token.id + 1;
    }
    if (!ok) free(token.content);
    return ok;
}

static bool read_added_token(Tokenizer *t, const json_t *config, size_t index, const char *where, Error *e)
{
    int64_t id = -1;
    AddedToken token = { .normalized = true };
    if (!json_is_object(config))
        return fail(e, ERR_FORMAT, "%s: entry %zu of \"added_tokens\" is %s, expected an object", where, index,
                    json_type_name(config));
    const json_t *content = json_object_get(config, "content");
    if (!json_is_string(content) || json_string_length(content) == 0)
        return fail(e, ERR_FORMAT,
                    "%s: entry %zu of \"added_tokens\" has %s as content, expected a string that is not empty", where,
                    index, json_is_string(content) ? "an empty string" : json_type_name(content));
    if (!json_take_int(config, "id", 0, MAX_TOKENS - 1, &id, where, e) ||
        !json_take_bool(config, "special", &token.special, where, e) ||
        !json_take_bool(config, "normalized", &token.normalized, where, e) ||
        !json_take_bool(config, "lstrip", &token.lstrip, where, e) ||
        !json_take_bool(config, "rstrip", &token.rstrip, where, e) ||
        !json_take_bool(config, "single_word", &token.single_word, where, e))
        return false;
    if (id < 0) return fail(e, ERR_FORMAT, "%s: entry %zu of \"added_tokens\" has no id", where, index);
    token.id = (int32_t)id;
    token.n = json_string_length(content);
    token.content = xstrndup(json_string_value(content), token.n);
    return add_token(t, token, where, e);
}

static bool read_added_tokens(Tokenizer *t, const json_t *file, const char *where, Error *e)
{
    json_t *list;
    if (!json_take_node(file, "added_tokens", JSON_ARRAY, &list, where, e)) return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_added_token(t, json_array_get(list, i), i, where, e)) return false;
    return true;
}

/* What the processor adds, in its order, where it is missing: with the id of the vocabulary if it stands there, else
 * with the next free one. */
static bool add_processor_tokens(Tokenizer *t, const char *pad_token, const char *where, Error *e)
{
    SpecialIds *s = &t->special;
    const struct {
        const char *content;
        int32_t *id;
    } wanted[] = {
        { pad_token, &s->pad },
        { "<image>", &s->image },
        { "<|ref|>", &s->ref },
        { "<|/ref|>", &s->ref_end },
        { "<|det|>", &s->det },
        { "<|/det|>", &s->det_end },
        { "<|grounding|>", &s->grounding },
        { "<|User|>", &s->user },
        { "<|Assistant|>", &s->assistant },
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const char *content = wanted[i].content;
        const AddedToken *known = added_find(&t->added, content, strlen(content));
        const int32_t in_vocab = vocab_find(&t->vocab, content, strlen(content));
        *wanted[i].id = known ? known->id : in_vocab >= 0 ? in_vocab : t->count;
        if (known) continue;
        const AddedToken token = { xstrdup(content), strlen(content), *wanted[i].id, .special = true };
        if (!add_token(t, token, where, e)) return false;
    }
    return true;
}

static void mark_special(Tokenizer *t)
{
    t->is_special = xcalloc((size_t)t->count, sizeof *t->is_special);
    for (int32_t i = 0; i < t->added.n; i++)
        if (t->added.token[i].special) t->is_special[t->added.token[i].id] = true;
}

static bool open_parts(Tokenizer *t, const VocabJson *j, const json_t *file, const char *pad_token, const char *where,
                       Error *e)
{
    if (!json_is_object(file)) return fail(e, ERR_FORMAT, "%s: %s, expected an object", where, json_type_name(file));
    if (!check_normalizer(json_object_get(file, "normalizer"), where, e) ||
        !check_decoder(json_object_get(file, "decoder"), where, e) ||
        !(t->pretokenizer = pretokenizer_open(json_object_get(file, "pre_tokenizer"), false, where, e)) ||
        !open_model(t, j, json_object_get(file, "model"), where, e) || !read_added_tokens(t, file, where, e) ||
        (pad_token && !add_processor_tokens(t, pad_token, where, e)))
        return false;
    added_ready(&t->added);
    mark_special(t);
    return true;
}

/* pad_token NULL: without the processor's tokens. */
static Tokenizer *open_file(const char *json, size_t n, const char *pad_token, const char *where, Error *e)
{
    Tokenizer *t = xcalloc(1, sizeof *t);
    VocabJson j;
    t->special = (SpecialIds){ -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
    vocab_json_split(&j, json, n);
    json_t *file = json_parse(j.rest.text, j.rest.n, where, e);
    const bool ok = file && open_parts(t, &j, file, pad_token, where, e);
    json_decref(file);
    vocab_json_free(&j);
    if (ok) return t;
    tokenizer_close(t);
    return NULL;
}

Tokenizer *tokenizer_open(const char *json, size_t n, const char *pad_token, const char *where, Error *e)
{
    return open_file(json, n, pad_token && *pad_token ? pad_token : default_pad_token, where, e);
}

Tokenizer *tokenizer_open_plain(const char *json, size_t n, const char *where, Error *e)
{
    return open_file(json, n, NULL, where, e);
}

void tokenizer_close(Tokenizer *t)
{
    if (!t) return;
    pretokenizer_close(t->pretokenizer);
    bpe_free(&t->bpe);
    vocab_free(&t->vocab);
    added_free(&t->added);
    vocab_free(&t->added_vocab);
    free(t->is_special);
    free(t);
}

/* --- Encoding ---------------------------------------------------------------------------------------------------- */

/* One call of tokenizer_encode(). */
typedef struct {
    const Tokenizer *t;
    AddedTokens added;
    PretokenizeWork pieces;
    BpeWork bpe;
    Ids *out;
    Error *e;
} Encoder;

static bool encode_ordinary(Encoder *c, const char *text, size_t n)
{
    if (!pretokenize(c->t->pretokenizer, text, n, &c->pieces, c->e)) return false;
    for (size_t i = 0; i < c->pieces.pieces.n; i++) {
        const Span s = c->pieces.pieces.span[i];
        bpe_encode(&c->t->bpe, &c->t->vocab, c->pieces.text + s.begin, s.end - s.begin, &c->bpe, c->out);
    }
    return true;
}

/* Cuts out the added tokens of this pass; what lies between them goes to the next one. */
static bool encode_pass(Encoder *c, int pass, const char *text, size_t n)
{
    if (pass == N_ADDED_PASSES) return encode_ordinary(c, text, n);
    AddedCursor cursor = { 0 };
    AddedMatch m;
    size_t done = 0;
    while (added_next(&c->t->added, c->added, pass, text, n, &cursor, &m)) {
        if (done < m.begin && !encode_pass(c, pass + 1, text + done, m.begin - done)) return false;
        ids_add(c->out, m.id);
        done = cursor.done;
    }
    return done >= n || encode_pass(c, pass + 1, text + done, n - done);
}

static bool check_utf8(const char *text, size_t n, Error *e)
{
    uint32_t cp;
    for (size_t i = 0; i < n;) {
        const int k = (unsigned char)text[i] < 0x80 ? 1 : utf8_decode(text + i, n - i, &cp);
        if (k < 0)
            return fail(e, ERR_FORMAT, "the text is not UTF-8: byte 0x%02X at offset %zu", (unsigned char)text[i], i);
        i += (size_t)k;
    }
    return true;
}

bool tokenizer_encode(const Tokenizer *t, const char *text, size_t n, AddedTokens added, Ids *out, Error *e)
{
    if (n > INT32_MAX / 2) return fail(e, ERR_LIMIT, "a text of %zu bytes, at most %d are taken", n, INT32_MAX / 2);
    if (!check_utf8(text, n, e)) return false;
    Encoder c = { .t = t, .added = added, .out = out, .e = e };
    const bool ok = encode_pass(&c, 0, text, n);
    pretokenize_work_free(&c.pieces);
    bpe_work_free(&c.bpe);
    return ok;
}

/* --- Tokens ------------------------------------------------------------------------------------------------------ */

static bool has_token(const Vocab *v, int32_t id)
{
    return id >= 0 && id < v->n && v->token[id].exists;
}

const char *tokenizer_bytes(const Tokenizer *t, int32_t id, size_t *n)
{
    const Vocab *v = has_token(&t->added_vocab, id) ? &t->added_vocab : &t->vocab;
    *n = 0;
    if (!has_token(v, id)) return NULL;
    *n = v->token[id].n;
    return vocab_bytes(v, id);
}

bool tokenizer_is_special(const Tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->count && t->is_special[id];
}

int32_t tokenizer_find(const Tokenizer *t, const char *token)
{
    const AddedToken *added = added_find(&t->added, token, strlen(token));
    return added ? added->id : vocab_find(&t->vocab, token, strlen(token));
}

int32_t tokenizer_count(const Tokenizer *t)
{
    return t->count;
}

const SpecialIds *tokenizer_special(const Tokenizer *t)
{
    return &t->special;
}

static bool find_end(const Tokenizer *t, const char *token, const char *name, int32_t *id, const char *where, Error *e)
{
    if (!token) return true;
    if (utf8_is_valid(token, strlen(token))) *id = tokenizer_find(t, token);
    return *id >= 0 ||
           fail(e, ERR_FORMAT, "%s: %s is \"%s\", which is not a token of the tokenizer", where, name, token);
}

bool tokenizer_set_ends(Tokenizer *t, const char *bos_token, const char *eos_token, const char *where, Error *e)
{
    int32_t bos = -1, eos = -1;
    if (!find_end(t, bos_token, "bos_token", &bos, where, e) || !find_end(t, eos_token, "eos_token", &eos, where, e))
        return false;
    t->special.bos = bos;
    t->special.eos = eos;
    return true;
}
