/* chat.h - a conversation, and the text pieces that the official processor tokenizes for it.
 *
 * The prompt is exactly what format_messages_v2 makes: BOS; a system message as raw text; per user turn
 * "<|User|>: {content.strip()}\n\n<|Assistant|>:"; per answer "{content.strip()}" and EOS. Each piece between <image>
 * tags is tokenized on its own. */
#ifndef VL2_TEXT_CHAT_H
#define VL2_TEXT_CHAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "text/tokenizer.h"

typedef enum { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT } Role;

typedef struct {
    Role role;
    char *role_name; /* as written: the display form repeats it */
    char *content;
    size_t n_content; /* may contain NUL */
    char **image;     /* names of the pictures, as written */
    int n_images;
    bool is_given; /* training: an answer that is read and not learnt */
} Message;

typedef struct {
    Message *message;
    int n;
} Conversation;

/* From the official form: [{"role", "content", "images": [..]}, ..]; roles <|User|>, user, User, and so for Assistant
 * and System. Messages are counted from 0 in errors. Checks what can be checked without pictures: roles in order, the
 * last one the assistant's (added empty if it is missing), <image> tags equal to the pictures of a message (an error
 * naming both counts). */
bool conversation_from_json(Conversation *c, const json_t *list, const char *where, Error *e);
/* The messages alone, of which nothing is checked but their form: what conversation_check() would say may not hold yet. */
bool conversation_read(Conversation *c, const json_t *list, const char *where, Error *e);
/* One more picture for a message. */
void conversation_add_image(Message *m, const char *name);
/* The <image> tags in a text. */
int conversation_count_tags(const char *content, size_t n);
/* `name`: the role as somebody wrote it, NULL for the official spelling. `images` may be NULL for none. */
void conversation_add(Conversation *c, Role role, const char *name, const char *content, size_t n,
                      const char *const *images, int n_images);
/* After a last message of the user: an empty answer, in the spelling of the user's role. Else nothing. */
void conversation_open_answer(Conversation *c);
bool conversation_check(const Conversation *c, const char *where, Error *e);
int conversation_images(const Conversation *c); /* of all messages */
/* Appends to *out the content with a line "<image>" in front for each of the n_images pictures that it has no tag
 * for, as the official demo does. More tags than pictures are an error that names both counts; `where` names the
 * content. */
bool conversation_place_images(const char *content, size_t n, int n_images, Str *out, const char *where, Error *e);
/* The role that a name stands for: <|User|>, user, User, and so for Assistant and System. */
bool role_find(const char *name, Role *out);
void conversation_free(Conversation *c);
void message_free(Message *m); /* one that is no longer part of a conversation */

/* The official chat templates: how sft_format (the display string, which is never tokenized) is written. `eos_text`
 * is the tokenizer's end of text as a string. Appends to *out. */
typedef enum { CHAT_DEEPSEEK, CHAT_DEEPSEEKV2, CHAT_PLAIN, CHAT_ALIGNMENT } ChatTemplate;
bool chat_template_find(const char *name, ChatTemplate *out); /* "deepseek", "deepseekv2", "plain", "alignment" */
void chat_sft_format(const Conversation *c, ChatTemplate t, const char *eos_text, Str *out);

/* The pieces of the prompt in order. The last one is the end of the last answer, also where that is still to come:
 * who asks for a continuation leaves it out. Texts of PIECE_TEXT are never empty. */
typedef enum { PIECE_BOS, PIECE_TEXT, PIECE_IMAGE, PIECE_EOS } PieceKind;
typedef struct {
    PieceKind kind;
    bool is_answer;   /* a label when mask_prompt is true: assistant text and its EOS */
    bool is_template; /* written by us: all added tokens act */
    const char *text; /* PIECE_TEXT; lives as long as the Pieces */
    size_t n;
} Piece;
typedef struct {
    Piece *piece;
    int n;
    Str store;
} Pieces;
void chat_pieces(const Conversation *c, Pieces *out); /* c has passed conversation_check() */
void pieces_free(Pieces *p);

#endif
