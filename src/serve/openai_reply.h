/* openai_reply.h - answers in the shapes of OpenAI's two calls, whole or as chunks of a stream. */
#ifndef VL2_SERVE_OPENAI_REPLY_H
#define VL2_SERVE_OPENAI_REPLY_H

#include "serve/ask.h"
#include "serve/job.h"

/* What all of an exchange's answers share. */
typedef struct {
    const Ask *ask;
    bool chat;
    char id[48];
    json_int_t created;
    const char *model;
} ReplyHead;

/* One answer of several. */
typedef struct {
    int index;
    Job *job;
    const AskPrompt *prompt; /* of a completion */
    bool timed_out;
} ReplyChoice;

/* Of done jobs. */
json_t *reply_whole(const ReplyHead *h, const ReplyChoice *choice, int n);

/* text[0..n): what is new; tokens [from, to): those whose likelihoods go with it. first: the role, too. */
json_t *reply_chunk(const ReplyHead *h, const ReplyChoice *c, const char *text, size_t n, int from, int to, bool first);
json_t *reply_last_chunk(const ReplyHead *h, const ReplyChoice *c);                /* of a done job: why it ended */
json_t *reply_usage_chunk(const ReplyHead *h, const ReplyChoice *choice, int n);   /* of done jobs */
json_t *reply_progress_chunk(const ReplyHead *h, const ReplyChoice *c, int ahead); /* inside the job's monitor */

const char *reply_finish_reason(const ReplyChoice *c); /* of a done job */

/* Appends text[0..n) without the tags of grounding; what could be the beginning of one is left, if it is not `all`. Returns how
 * much was taken. */
size_t add_without_tags(Str *out, const char *text, size_t n, bool all);

#endif
