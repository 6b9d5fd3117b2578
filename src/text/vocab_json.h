/* vocab_json.h - the two long lists of tokenizer.json, model.vocab and model.merges, read by hand.
 *
 * They are all but a few kilobytes of the file. As a tree of JSON values they take 0.4 s in the
 * published file, before anything is done with it; read straight into the tables, half of that with all that follows
 * (docs/speed.md). The rest of the file goes to the library. */
#ifndef VL2_TEXT_VOCAB_JSON_H
#define VL2_TEXT_VOCAB_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "text/bpe.h"
#include "text/vocab.h"

/* A stretch of the file, brackets included; n = 0: not there. */
typedef struct {
    const char *text;
    size_t n;
} JsonPart;

typedef struct {
    JsonPart vocab, merges;
    Str rest; /* the file with {} and [] in their places, lines kept, for the library to check and to read */
} VocabJson;

/* Takes the file apart. Never fails: what it cannot follow it leaves in `rest`, where the library will find the
 * error. */
void vocab_json_split(VocabJson *j, const char *json, size_t n);
void vocab_json_free(VocabJson *j);

/* {"spelling": id, ..}; `where` names the file. */
bool vocab_json_read(JsonPart part, Vocab *v, const char *where, Error *e);
/* ["a b", ..] or [["a", "b"], ..], earlier ones first. */
bool merges_json_read(JsonPart part, const Vocab *v, Bpe *b, const char *where, Error *e);

#endif
