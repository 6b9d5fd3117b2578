/* ask.h - what a client asks, read from the JSON of OpenAI's two calls into what the engine takes.
 *
 * Unknown fields are ignored, as clients send many; a known one of the wrong type or out of range is an error that names it. */
#ifndef VL2_SERVE_ASK_H
#define VL2_SERVE_ASK_H

#include "base/str.h"
#include "serve/api_error.h"
#include "text/tokenizer.h"
#include "vl2.h"

enum { MOST_CHOICES = 16 };

/* A prompt of /v1/completions: text, or the tokens of one. */
typedef struct {
    const char *text; /* NULL: ids */
    size_t n_text;
    Ids ids;
} AskPrompt;

/* A picture that stands elsewhere: nothing of it is here yet. */
typedef struct {
    int picture;     /* which of Ask.picture */
    const char *url; /* http:// or https:// */
    char where[128]; /* the field that names it */
} RemotePicture;

typedef struct Ask {
    const char *model;   /* NULL: the first one */
    Vl2Message *message; /* of a chat */
    Vl2Picture *picture; /* of all messages, in order */
    int n_messages, n_pictures;
    RemotePicture *remote; /* those of them whose bytes are to be put in: ask_put_picture() */
    int n_remote, remote_capacity;
    AskPrompt *prompt; /* of a completion */
    int n_prompts;
    Vl2Sampling sampling;
    bool has_seed;
    int n; /* answers to each prompt */
    bool stream, include_usage;
    bool logprobs;
    int top_logprobs;
    bool echo;         /* a completion begins with its prompt */
    bool boxes;        /* extension: boxes of the answer beside its text */
    bool progress;     /* extension: what happens before the first token, as events of the stream */
    bool plain_text;   /* extension skip_special_tokens: grounding tags are left out of the text */
    Vl2Prompt options; /* of the prompts: raw_special and the limits of pictures */
    Str *owned;        /* [n_owned]: texts and pictures that the above point to */
    int n_owned, owned_capacity;
    int last_text; /* which of them is the last message's */
} Ask;

/* What holds where a request says nothing, and what it may not go beyond. */
typedef struct {
    Vl2Sampling sampling; /* defaults; max_tokens is the most, too */
    int most_pictures;
    size_t most_pixels;
    int most_side;
    bool exif_rotate;
    bool remote_pictures; /* may stand in a request */
} AskRules;

/* `body` has to live as long as *a. False and *e: *a is to be freed all the same. */
bool ask_read_chat(Ask *a, const json_t *body, const AskRules *rules, ApiError *e);
bool ask_read_completion(Ask *a, const json_t *body, const AskRules *rules, ApiError *e);
/* The bytes of a->remote[i]; taken over. */
void ask_put_picture(Ask *a, int i, Str *bytes);
void ask_free(Ask *a);

#endif
