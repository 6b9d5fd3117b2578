/* prompt.h - the processor: a conversation and its pictures become token ids, tiles and labels. One code for answering,
 * serving, training and evaluating. */
#ifndef VL2_MODEL_PROMPT_H
#define VL2_MODEL_PROMPT_H

#include "model/config.h"
#include "text/chat.h"
#include "text/tokenizer.h"

typedef struct {
    Tiles tiles;  /* tile 0 is the global view; without pixels after prompt_layout() */
    int w, h;     /* pixels of the picture as it was given: what boxes refer to */
    int n_tokens; /* rows in the prompt, newlines and the separator included */
    int first;    /* position of the first of them */
} PromptImage;

typedef struct {
    int32_t *id;     /* [n]; image positions hold the id of <image> */
    bool *is_image;  /* [n]: images_seq_mask */
    bool *is_answer; /* [n]: assistant text and its end token */
    int n;
    PromptImage *image;
    int n_images, n_image_tokens;
    int *answer_end; /* [n_answers]: how many tokens there are up to the end token of each answer, that included */
    int n_answers;
} Prompt;

/* `pictures`: the decoded pictures of all messages, in order; conversation_images(c) of them. `c` has passed
 * conversation_check(). `added`: which special tokens act in what people wrote. The end token of a last, open assistant
 * message is left out, so that generation continues it. whole: pictures that are not cut into tiles; NULL: none of them. */
bool prompt_build(Prompt *p, const Config *config, const Tokenizer *t, const Conversation *c, const Image *pictures,
                  const bool *whole, AddedTokens added, Error *e);

/* For training. The same from the sizes of the pictures alone, for lengths or to cut them later with prompt_cut(), and with
 * the end token of the last answer. */
bool prompt_layout(Prompt *p, const Config *config, const Tokenizer *t, const Conversation *c, const Size *pictures,
                   AddedTokens added, Error *e);
/* The tiles of one of the n_pictures pictures of a conversation. */
bool prompt_cut(Tiles *out, const Config *config, const Image *picture, int n_pictures, Error *e);
void prompt_free(Prompt *p);

/* Labels for training: image positions -100; with mask_prompt everything but BOS and the answers -100. out [p->n]. */
enum { LABEL_IGNORE = -100 };
void prompt_labels(const Prompt *p, bool mask_prompt, int32_t *out);

#endif
