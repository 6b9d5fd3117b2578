/* chat.c - see chat.h. */
#include "text/chat.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/json.h"
#include "text/shown.h"

static const char image_tag[] = "<image>", user_tag[] = "<|User|>", assistant_tag[] = "<|Assistant|>";
enum { IMAGE_TAG_BYTES = sizeof image_tag - 1 };

/* The names that a role may have in a file; conversation_add() writes the first one. */
static const struct {
    const char *name;
    Role role;
} role_names[] = {
    { "system", ROLE_SYSTEM },         { "<|System|>", ROLE_SYSTEM },   { "System", ROLE_SYSTEM },
    { user_tag, ROLE_USER },           { "user", ROLE_USER },           { "User", ROLE_USER },
    { assistant_tag, ROLE_ASSISTANT }, { "assistant", ROLE_ASSISTANT }, { "Assistant", ROLE_ASSISTANT },
};
enum { N_ROLE_NAMES = sizeof role_names / sizeof *role_names };

bool role_find(const char *name, Role *out)
{
    for (int i = 0; i < N_ROLE_NAMES; i++)
        if (strcmp(role_names[i].name, name) == 0) return *out = role_names[i].role, true;
    return false;
}

static const char *role_name(Role role)
{
    int i = 0;
    while (role_names[i].role != role) i++;
    return role_names[i].name;
}

/* Where the next <image> begins in s[0, n); n if there is none. */
static size_t find_image_tag(const char *s, size_t n)
{
    const char *at = memmem(s, n, image_tag, IMAGE_TAG_BYTES);
    return at ? (size_t)(at - s) : n;
}

int conversation_count_tags(const char *s, size_t n)
{
    int count = 0;
    for (size_t at; (at = find_image_tag(s, n)) < n; s += at + IMAGE_TAG_BYTES, n -= at + IMAGE_TAG_BYTES) count++;
    return count;
}

/* --- A conversation ---------------------------------------------------------------------------------------------- */

/* Lists grow to the next power of two, so that a hostile file of many short messages takes no time by its square. */
static size_t room_for(int n)
{
    return (n & (n - 1)) == 0 ? 2 * (size_t)n + (n == 0) : 0; /* 0: there is room for one more */
}

static void add_message(Conversation *c, Role role, const char *name, const char *content, size_t n)
{
    const size_t room = room_for(c->n);
    if (room) c->message = xrealloc(c->message, room, sizeof *c->message);
    c->message[c->n++] =
        (Message){ .role = role, .role_name = xstrdup(name), .content = xstrndup(content, n), .n_content = n };
}

void conversation_add_image(Message *m, const char *name)
{
    const size_t room = room_for(m->n_images);
    if (room) m->image = xrealloc(m->image, room, sizeof *m->image);
    m->image[m->n_images++] = xstrdup(name);
}

void conversation_add(Conversation *c, Role role, const char *name, const char *content, size_t n,
                      const char *const *images, int n_images)
{
    add_message(c, role, name ? name : role_name(role), content, n);
    for (int i = 0; i < n_images; i++) conversation_add_image(&c->message[c->n - 1], images[i]);
}

static bool read_images(Message *m, const json_t *images, const char *where, int index, Error *e)
{
    if (!images || json_is_null(images)) return true;
    if (!json_is_array(images))
        return fail(e, ERR_FORMAT, "%s: messages[%d]: \"images\" is %s, expected an array of names", where, index,
                    json_type_name(images));
    for (size_t i = 0; i < json_array_size(images); i++) {
        const json_t *name = json_array_get(images, i);
        if (!json_is_string(name))
            return fail(e, ERR_FORMAT, "%s: messages[%d]: images[%zu] is %s, expected the name of a picture", where,
                        index, i, json_type_name(name));
        if (strlen(json_string_value(name)) != json_string_length(name) || json_string_length(name) == 0)
            return fail(e, ERR_FORMAT, "%s: messages[%d]: images[%zu] is empty or has a NUL in it", where, index, i);
        conversation_add_image(m, json_string_value(name));
    }
    return true;
}

static bool read_message(Conversation *c, const json_t *message, const char *where, int index, Error *e)
{
    Role role;
    char buf[SHOWN_BYTES];
    if (!json_is_object(message))
        return fail(e, ERR_FORMAT, "%s: messages[%d] is %s, expected an object with role and content", where, index,
                    json_type_name(message));
    const json_t *name = json_object_get(message, "role"), *content = json_object_get(message, "content");
    if (!json_is_string(name) || !json_is_string(content))
        return fail(e, ERR_FORMAT, "%s: messages[%d]: \"%s\" is %s, expected a string", where, index,
                    json_is_string(name) ? "content" : "role", json_type_name(json_is_string(name) ? content : name));
    if (!role_find(json_string_value(name), &role))
        return fail(e, ERR_FORMAT, "%s: messages[%d]: the role \"%s\", expected <|User|>, <|Assistant|> or system",
                    where, index, shown(json_string_value(name), json_string_length(name), buf));
    add_message(c, role, json_string_value(name), json_string_value(content), json_string_length(content));
    return read_images(&c->message[c->n - 1], json_object_get(message, "images"), where, index, e);
}

void conversation_open_answer(Conversation *c)
{
    if (c->n == 0 || c->message[c->n - 1].role != ROLE_USER) return;
    const char *user = c->message[c->n - 1].role_name;
    add_message(c, ROLE_ASSISTANT,
                strcmp(user, "user") == 0   ? "assistant"
                : strcmp(user, "User") == 0 ? "Assistant"
                                            : assistant_tag,
                "", 0);
}

bool conversation_read(Conversation *c, const json_t *list, const char *where, Error *e)
{
    *c = (Conversation){ 0 };
    if (!json_is_array(list))
        return fail(e, ERR_FORMAT, "%s: the conversation is %s, expected an array of messages", where,
                    json_type_name(list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (read_message(c, json_array_get(list, i), where, (int)i, e)) continue;
        conversation_free(c);
        return false;
    }
    return true;
}

bool conversation_from_json(Conversation *c, const json_t *list, const char *where, Error *e)
{
    if (!conversation_read(c, list, where, e)) return false;
    conversation_open_answer(c);
    if (conversation_check(c, where, e)) return true;
    conversation_free(c);
    return false;
}

static bool check_role(const Conversation *c, int index, const char *where, Error *e)
{
    static const char *const whose[] = {
        [ROLE_SYSTEM] = "the system's", [ROLE_USER] = "the user's", [ROLE_ASSISTANT] = "the assistant's"
    };
    const Role role = c->message[index].role;
    if (index == 0 && role == ROLE_SYSTEM) return true;
    const bool after_user = index > 0 && c->message[index - 1].role == ROLE_USER;
    const Role expected = after_user ? ROLE_ASSISTANT : ROLE_USER;
    return role == expected || fail(e, ERR_FORMAT, "%s: messages[%d] is %s, expected %s%s", where, index, whose[role],
                                    whose[expected], role == ROLE_SYSTEM ? " (a system message comes first)" : "");
}

static bool check_message(const Message *m, int index, const char *where, Error *e)
{
    const int tags = conversation_count_tags(m->content, m->n_content);
    if (!utf8_is_valid(m->content, m->n_content))
        return fail(e, ERR_FORMAT, "%s: messages[%d]: the content is not UTF-8", where, index);
    if (m->role != ROLE_USER && (tags > 0 || m->n_images > 0))
        return fail(e, ERR_FORMAT, "%s: messages[%d]: %s in %s message, expected them in the user's only", where, index,
                    tags > 0 ? "<image> tags" : "pictures", m->role == ROLE_SYSTEM ? "a system" : "an assistant");
    if (tags != m->n_images)
        return fail(e, ERR_FORMAT, "%s: messages[%d] has %d <image> tag%s and %d picture%s, expected as many of both",
                    where, index, tags, tags == 1 ? "" : "s", m->n_images, m->n_images == 1 ? "" : "s");
    return true;
}

bool conversation_check(const Conversation *c, const char *where, Error *e)
{
    if (c->n == 0) return fail(e, ERR_FORMAT, "%s: the conversation has no messages", where);
    for (int i = 0; i < c->n; i++)
        if (!check_role(c, i, where, e) || !check_message(&c->message[i], i, where, e)) return false;
    return c->message[c->n - 1].role == ROLE_ASSISTANT ||
           fail(e, ERR_FORMAT, "%s: the conversation ends with messages[%d], expected the assistant's at the end",
                where, c->n - 1);
}

int conversation_images(const Conversation *c)
{
    int n = 0;
    for (int i = 0; i < c->n; i++) n += c->message[i].n_images;
    return n;
}

bool conversation_place_images(const char *content, size_t n, int n_images, Str *out, const char *where, Error *e)
{
    const int tags = conversation_count_tags(content, n);
    if (tags > n_images)
        return fail(e, ERR_FORMAT, "%s has %d <image> tag%s, but there %s %d picture%s", where, tags,
                    tags == 1 ? "" : "s", n_images == 1 ? "is" : "are", n_images, n_images == 1 ? "" : "s");
    for (int i = tags; i < n_images; i++) {
        str_puts(out, image_tag);
        str_putc(out, '\n');
    }
    str_add(out, content, n);
    return true;
}

void message_free(Message *m)
{
    for (int k = 0; k < m->n_images; k++) free(m->image[k]);
    free(m->image);
    free(m->role_name);
    free(m->content);
}

void conversation_free(Conversation *c)
{
    for (int i = 0; i < c->n; i++) message_free(&c->message[i]);
    free(c->message);
    *c = (Conversation){ 0 };
}

/* --- The display string ------------------------------------------------------------------------------------------ */

static const char *const template_names[] = { [CHAT_DEEPSEEK] = "deepseek",
                                              [CHAT_DEEPSEEKV2] = "deepseekv2",
                                              [CHAT_PLAIN] = "plain",
                                              [CHAT_ALIGNMENT] = "alignment" };

bool chat_template_find(const char *name, ChatTemplate *out)
{
    for (size_t i = 0; i < sizeof template_names / sizeof *template_names; i++)
        if (strcmp(template_names[i], name) == 0) return *out = (ChatTemplate)i, true;
    return false;
}

/* Message `index` as the template shows it; s is stripped. The separators go by the index, not by the role: after a
 * system message they change places. In deepseekv2 only the role name "User" itself is a user's. Both are what the
 * official code does, and this string is what its users compare. */
static void show_message(const Message *m, int index, ChatTemplate t, const char *s, size_t n, const char *eos_text,
                         Str *out)
{
    switch (t) {
    case CHAT_DEEPSEEK:
        str_puts(out, m->role_name);
        str_puts(out, n ? ": " : ":");
        str_add(out, s, n);
        if (n) str_puts(out, index % 2 == 0 ? "\n\n" : eos_text);
        return;
    case CHAT_DEEPSEEKV2: {
        const bool is_user = strcmp(m->role_name, "User") == 0;
        if (n == 0) return;
        if (is_user) str_puts(out, "<｜sft▁begin｜>\n");
        str_add(out, s, n);
        str_puts(out, is_user ? "\n<｜sft▁end｜>" : eos_text);
        return;
    }
    case CHAT_PLAIN: str_add(out, s, n); return;
    case CHAT_ALIGNMENT:
        if (n && index % 2 == 0)
            str_puts(out, "<image>\n");
        else
            str_add(out, s, n);
        return;
    }
}

void chat_sft_format(const Conversation *c, ChatTemplate t, const char *eos_text, Str *out)
{
    str_add(out, "", 0);
    for (int i = 0; i < c->n; i++) {
        const char *s = c->message[i].content;
        size_t n = c->message[i].n_content;
        strip_space(&s, &n);
        show_message(&c->message[i], i, t, s, n, eos_text, out);
    }
}

/* --- What is tokenized ------------------------------------------------------------------------------------------- */

/* While the store grows its texts move: `begin` holds places, pointers are set at the end. */
typedef struct {
    Pieces *out;
    size_t *begin;
    int capacity;
} PieceWriter;

static void put_piece(PieceWriter *w, Piece piece, const char *text)
{
    Pieces *p = w->out;
    if (p->n == w->capacity) {
        w->capacity = w->capacity ? 2 * w->capacity : 16;
        p->piece = xrealloc(p->piece, (size_t)w->capacity, sizeof *p->piece);
        w->begin = xrealloc(w->begin, (size_t)w->capacity, sizeof *w->begin);
    }
    w->begin[p->n] = p->store.n;
    p->piece[p->n++] = piece;
    str_add(&p->store, text, piece.n);
}

static void put_template(PieceWriter *w, const char *text)
{
    put_piece(w, (Piece){ .kind = PIECE_TEXT, .is_template = true, .n = strlen(text) }, text);
}

/* A text by someone, cut at its <image> tags. */
static void put_text(PieceWriter *w, bool is_answer, const char *s, size_t n)
{
    for (;;) {
        const size_t at = find_image_tag(s, n);
        if (at > 0) put_piece(w, (Piece){ .kind = PIECE_TEXT, .is_answer = is_answer, .n = at }, s);
        if (at == n) return;
        put_piece(w, (Piece){ .kind = PIECE_IMAGE }, "");
        s += at + IMAGE_TAG_BYTES;
        n -= at + IMAGE_TAG_BYTES;
    }
}

/* The role tags are added tokens: they are cut out before anything else happens, so that what stands between them may
 * be encoded on its own, with other tokens allowed. */
static void put_user(PieceWriter *w, const char *s, size_t n)
{
    Str text = { 0 };
    str_puts(&text, n ? ": " : ":");
    str_add(&text, s, n);
    if (n) str_puts(&text, "\n\n");
    put_template(w, user_tag);
    put_text(w, false, text.text, text.n);
    put_template(w, assistant_tag);
    put_template(w, ":");
    str_free(&text);
}

static void put_message(PieceWriter *w, const Message *m)
{
    const char *s = m->content;
    size_t n = m->n_content;
    strip_space(&s, &n);
    switch (m->role) {
    case ROLE_SYSTEM: put_text(w, false, s, n); return;
    case ROLE_USER: put_user(w, s, n); return;
    case ROLE_ASSISTANT:
        put_text(w, !m->is_given, s, n);
        put_piece(w, (Piece){ .kind = PIECE_EOS, .is_answer = !m->is_given }, "");
        return;
    }
}

void chat_pieces(const Conversation *c, Pieces *out)
{
    *out = (Pieces){ 0 };
    PieceWriter w = { out, NULL, 0 };
    put_piece(&w, (Piece){ .kind = PIECE_BOS }, "");
    for (int i = 0; i < c->n; i++) put_message(&w, &c->message[i]);
    for (int i = 0; i < out->n; i++) out->piece[i].text = out->store.text + w.begin[i];
    free(w.begin);
}

void pieces_free(Pieces *p)
{
    free(p->piece);
    str_free(&p->store);
    *p = (Pieces){ 0 };
}
