/* dialogue.h - a conversation with its pictures loaded: what run, chat and trace put to the engine. */
#ifndef VL2_CLI_DIALOGUE_H
#define VL2_CLI_DIALOGUE_H

#include "cli/options.h"
#include "text/chat.h"

/* A picture as it came: encoded bytes. */
typedef struct {
    char *path, *bytes;
    size_t n;
} PictureFile;

typedef struct {
    Role role;
    char *role_name; /* as written in a file */
    char *content;
    size_t n;
    PictureFile *picture;
    int n_pictures, picture_capacity;
} Turn;

typedef struct {
    Turn *turn;
    int n, capacity;
} Dialogue;

void dialogue_free(Dialogue *d); /* of a zeroed Dialogue: nothing */

bool picture_load(PictureFile *p, const char *path, Error *e);
void picture_free(PictureFile *p);

/* Adds a message. Takes over the pictures and zeroes their list. */
Turn *dialogue_add(Dialogue *d, Role role, const char *content, size_t n, PictureFile *pictures, int n_pictures);
/* Replaces, adds or (n == 0) removes the system message, which is the first one. */
void dialogue_set_system(Dialogue *d, const char *text, size_t n);
void dialogue_drop_last(Dialogue *d);
/* Drops a last answer that is empty: the place where the official form wants the model to begin. */
void dialogue_drop_blank(Dialogue *d);

/* The official form; picture names are relative to the file's folder. Appends to d. */
bool dialogue_from_json(Dialogue *d, const json_t *list, const char *folder, const char *where, Error *e);
bool dialogue_load(Dialogue *d, const char *path, Error *e);
/* Writes the same form; an empty answer is added where the last message is the user's. */
bool dialogue_save(const Dialogue *d, const char *path, Error *e);

/* What --system, --conversation, the prompt and -i say, in this order. `prompt` NULL: none; "-": standard input. */
bool dialogue_from_args(Dialogue *d, const QuestionArgs *q, const char *prompt, Error *e);

int dialogue_pictures(const Dialogue *d);
const PictureFile *dialogue_picture(const Dialogue *d, int index); /* over all messages, in order */

Vl2Request *dialogue_submit(const Dialogue *d, Vl2Engine *engine, const QuestionArgs *q, const PictureArgs *p,
                            const Vl2Sampling *s, Error *e);

#endif
