/* record.c - see record.h. */
#include "train/record.h"

#include <stdlib.h>
#include <string.h>

#include "format/json.h"

/* "loss": false, beside role and content. */
static bool read_given(Conversation *c, const json_t *messages, const char *where, Error *e)
{
    for (int i = 0; i < c->n; i++) {
        bool loss = true;
        const json_t *message = json_array_get(messages, (size_t)i);
        if (!json_take_bool(message, "loss", &loss, where, e)) return false;
        c->message[i].is_given = !loss;
    }
    return true;
}

static int count_tags(const Conversation *c)
{
    int n = 0;
    for (int i = 0; i < c->n; i++)
        if (c->message[i].role == ROLE_USER)
            n += conversation_count_tags(c->message[i].content, c->message[i].n_content);
    return n;
}

static Message *first_question(const Conversation *c)
{
    int i = 0;
    while (i < c->n && c->message[i].role != ROLE_USER) i++;
    return i < c->n ? &c->message[i] : NULL;
}

static bool put_tags_in_front(Conversation *c, int n, const char *where, Error *e)
{
    Str text = { 0 };
    Message *m = first_question(c);
    if (!m) return fail(e, ERR_FORMAT, "%s: there are \"images\" and no message of the user", where);
    if (!conversation_place_images(m->content, m->n_content, n, &text, where, e)) return false;
    free(m->content);
    m->content = text.text;
    m->n_content = text.n;
    return true;
}

static bool name_is_good(const json_t *name, int i, const char *where, Error *e)
{
    if (!json_is_string(name))
        return fail(e, ERR_FORMAT, "%s: images[%d] is %s, expected the name of a picture", where, i,
                    json_type_name(name));
    const size_t n = json_string_length(name);
    return (n > 0 && strlen(json_string_value(name)) == n) ||
           fail(e, ERR_FORMAT, "%s: images[%d] is empty or has a NUL in it", where, i);
}

/* Gives each message as many of the record's pictures as it has tags. */
static bool share_images(Conversation *c, const json_t *images, const char *where, Error *e)
{
    const int n = (int)json_array_size(images);
    if (n == 0) return true;
    if (conversation_images(c) > 0)
        return fail(e, ERR_FORMAT, "%s: pictures in \"images\" of the record and of its messages, expected one of both",
                    where);
    if (count_tags(c) == 0 && !put_tags_in_front(c, n, where, e)) return false;
    const int tags = count_tags(c);
    if (tags != n)
        return fail(e, ERR_FORMAT, "%s: %d <image> tag%s and %d picture%s, expected as many of both, or no tag", where,
                    tags, tags == 1 ? "" : "s", n, n == 1 ? "" : "s");
    int next = 0;
    for (int i = 0; i < c->n; i++) {
        Message *m = &c->message[i];
        const int own = m->role == ROLE_USER ? conversation_count_tags(m->content, m->n_content) : 0;
        for (int k = 0; k < own; k++, next++) {
            const json_t *name = json_array_get(images, (size_t)next);
            if (!name_is_good(name, next, where, e)) return false;
            conversation_add_image(m, json_string_value(name));
        }
    }
    return true;
}

bool record_read(Record *r, const json_t *v, const char *where, Error *e)
{
    json_t *messages = NULL, *images = NULL, *objects = NULL;
    *r = (Record){ 0 };
    if (json_is_object(v)) {
        if (!json_take_node(v, "messages", JSON_ARRAY, &messages, where, e) ||
            !json_take_node(v, "images", JSON_ARRAY, &images, where, e) ||
            !json_take_node(v, "objects", JSON_OBJECT, &objects, where, e))
            return false;
        if (!messages) return fail(e, ERR_FORMAT, "%s: the record has no \"messages\"", where);
    } else if (!json_is_array(v))
        return fail(e, ERR_FORMAT, "%s: the record is %s, expected an object with \"messages\" or an array of messages",
                    where, json_type_name(v));
    const json_t *list = messages ? messages : v;
    if (conversation_read(&r->conversation, list, where, e) && read_given(&r->conversation, list, where, e) &&
        share_images(&r->conversation, images, where, e) && objects_read(&r->objects, objects, where, e))
        return true;
    record_free(r);
    return false;
}

void record_free(Record *r)
{
    conversation_free(&r->conversation);
    objects_free(&r->objects);
}

static bool is_blank(const Message *m)
{
    const char *s = m->content;
    size_t n = m->n_content;
    strip_space(&s, &n);
    return n == 0;
}

bool record_has_answers(const Record *r, const char *where, Error *e)
{
    const Conversation *c = &r->conversation;
    bool learnt = false;
    for (int i = 0; i < c->n; i++) {
        const Message *m = &c->message[i];
        if (m->role != ROLE_ASSISTANT) continue;
        if (utf8_is_valid(m->content, m->n_content) && is_blank(m))
            return fail(e, ERR_FORMAT, "%s: messages[%d]: the answer is empty", where, i);
        learnt |= !m->is_given;
    }
    if (c->n == 0 || c->message[c->n - 1].role != ROLE_ASSISTANT)
        return fail(e, ERR_FORMAT, "%s: there is no answer at the end to learn from", where);
    return learnt || fail(e, ERR_FORMAT, "%s: nothing to learn from: all answers have \"loss\": false", where);
}
