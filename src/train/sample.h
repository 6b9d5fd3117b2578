/* sample.h - what a model learns from: one record as token ids with labels and the tiles of its pictures.
 *
 * The ids are those of the prompt that inference would make (model/prompt.h), with every answer and its end token. Labels are
 * not shifted: row i of the model predicts label[i + 1]; label[0] is BOS, which nobody predicts. */
#ifndef VL2_TRAIN_SAMPLE_H
#define VL2_TRAIN_SAMPLE_H

#include "base/blob_cache.h"
#include "model/prompt.h"
#include "train/data_folders.h"
#include "train/record.h"

typedef struct {
    Prompt prompt;      /* ids, places of image rows, tiles as bytes */
    int32_t *label;     /* [prompt.n]: the id, or LABEL_IGNORE */
    int n_labels;       /* those that count: from label[1] on */
    int dropped_rounds; /* questions with their answers that were cut off at the end, to keep to max_length */
} Sample;

void sample_free(Sample *s); /* of a zeroed Sample: nothing */

/* How samples are made; what it points to stays with its owner and is only read, so threads may share it. */
typedef struct {
    const Config *config;
    const Tokenizer *tokenizer;
    AddedTokens added;     /* which special tokens act in the texts of the data */
    bool mask_prompt;      /* false: questions and the system message are labels, too */
    int max_length;        /* tokens, pictures included */
    ImageOptions pictures; /* limits, rotation */
    BlobCache *cache;      /* of tiles and sizes; may be NULL */
} SampleRules;

/* Why a record gives no sample. */
typedef enum {
    FAULT_NONE,
    FAULT_JSON,      /* not valid JSON */
    FAULT_RECORD,    /* not a record, or a conversation that does not hold together */
    FAULT_NO_ANSWER, /* nothing to learn from */
    FAULT_OUTSIDE,   /* a picture outside of the data folder */
    FAULT_PICTURE,   /* a picture that is missing or cannot be read */
    FAULT_BOXES,
    FAULT_TOO_LONG, /* even its first question and answer */
    FAULT_KINDS
} Fault;
const char *fault_name(Fault f); /* "no answer" */

typedef enum {
    SAMPLE_LENGTH, /* tiles without pixels: pictures are opened for their size alone */
    SAMPLE_WHOLE
} SampleDepth;

/* Takes the record's conversation apart on the way; the caller frees both. `where` ("train.jsonl:17") begins the messages. False:
 * *fault says why, too; *s is empty. A lack of memory is FAULT_NONE: no fault of the record. */
bool sample_build(Sample *s, Record *r, const SampleRules *rules, const DataFolders *folders, SampleDepth depth,
                  const char *where, Fault *fault, Error *e);

#endif
