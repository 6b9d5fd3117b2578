/* tokenizer.h - Hugging Face tokenizer.json: byte-level BPE, exactly as the `tokenizers` library. */
#ifndef VL2_TEXT_TOKENIZER_H
#define VL2_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct Tokenizer Tokenizer; /* immutable once opened; encoding from several threads at once is fine */

/* A growing list of token ids. Caller: ids_free(). */
typedef struct {
    int32_t *id;
    size_t n, capacity;
} Ids;

void ids_add(Ids *ids, int32_t id);
void ids_free(Ids *ids);

/* `json` is the text of tokenizer.json, `where` its name in messages. Adds what the DeepSeek-VL2 processor adds when it
 * is missing, in its order, with ids from the end of the vocabulary: the pad token if there is none, <image>, <|ref|>,
 * <|/ref|>, <|det|>, <|/det|>, <|grounding|>, <|User|>, <|Assistant|>. `pad_token` is the processor's (NULL: the
 * default one). NULL and *e on failure. */
Tokenizer *tokenizer_open(const char *json, size_t n, const char *pad_token, const char *where, Error *e);
/* The file as it stands, without what the processor adds. */
Tokenizer *tokenizer_open_plain(const char *json, size_t n, const char *where, Error *e);
void tokenizer_close(Tokenizer *t); /* of NULL: nothing */

/* Which added tokens are cut out of a text. Those that are not allowed are encoded as ordinary text, so that a user
 * cannot forge a turn or an end of text. */
typedef enum {
    ADDED_ALL,      /* what the official code does */
    ADDED_GROUNDING /* only <|ref|> <|/ref|> <|det|> <|/det|> <|grounding|> */
} AddedTokens;

/* Appends the ids of text[0..n) without BOS. The text must be valid UTF-8 (an error gives the byte's offset). */
bool tokenizer_encode(const Tokenizer *t, const char *text, size_t n, AddedTokens added, Ids *out, Error *e);

/* The raw bytes of a token, not ended by NUL; NULL with *n = 0 for an id without a token. Lives as long as the
 * tokenizer. */
const char *tokenizer_bytes(const Tokenizer *t, int32_t id, size_t *n);
bool tokenizer_is_special(const Tokenizer *t, int32_t id);     /* dropped by skip_special_tokens */
int32_t tokenizer_find(const Tokenizer *t, const char *token); /* by content, added tokens first; -1 if there is none */
int32_t tokenizer_count(const Tokenizer *t);                   /* largest id + 1 */

/* The ids that a conversation needs; bos and eos are -1 until tokenizer_set_ends(), all others after
 * tokenizer_open_plain(). */
typedef struct {
    int32_t bos, eos, pad, image, ref, ref_end, det, det_end, grounding, user, assistant;
} SpecialIds;
const SpecialIds *tokenizer_special(const Tokenizer *t);
/* bos_token and eos_token come from tokenizer_config.json or special_tokens_map.json; unknown content is an error. */
bool tokenizer_set_ends(Tokenizer *t, const char *bos_token, const char *eos_token, const char *where, Error *e);

#endif
