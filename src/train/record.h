/* record.h - one record of training data: a conversation with its pictures, and what of it is learnt.
 *
 *   {"messages": [{"role", "content"}, ...], "images": ["a.png", ...], "objects": {...}}
 *   [{"role", "content", "images": [...]}, ...]                         the official form
 *
 * "images" of a record go to the <image> tags of its user messages in order; when no message has a tag, one for each is
 * put in front of the first. An assistant's message with "loss": false is read and not learnt. Other keys mean nothing. */
#ifndef VL2_TRAIN_RECORD_H
#define VL2_TRAIN_RECORD_H

#include "text/chat.h"
#include "train/objects.h"

typedef struct {
    Conversation conversation; /* of messages that may still be in a wrong order */
    Objects objects;
} Record;

bool record_read(Record *r, const json_t *v, const char *where, Error *e);
void record_free(Record *r); /* of a zeroed Record: nothing */

/* The user has the first word after the system, the assistant the last, every answer says something, and not all of them are
 * given. */
bool record_has_answers(const Record *r, const char *where, Error *e);

#endif
