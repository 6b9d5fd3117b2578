/* dialogue.c - see dialogue.h. */
#include "cli/dialogue.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"

enum { CONVERSATION_MAX = 64 << 20, PROMPT_MAX = 16 << 20 }; /* bytes */

static const char *const ROLE_NAMES[] = {
    [ROLE_SYSTEM] = "system", [ROLE_USER] = "<|User|>", [ROLE_ASSISTANT] = "<|Assistant|>"
};

/* ---- pictures ---- */

bool picture_load(PictureFile *p, const char *path, Error *e)
{
    *p = (PictureFile){ 0 };
    if (!file_read(path, IMAGE_DEFAULTS.max_bytes, &p->bytes, &p->n, e)) return false;
    p->path = xstrdup(path);
    return true;
}

void picture_free(PictureFile *p)
{
    free(p->path);
    free(p->bytes);
    *p = (PictureFile){ 0 };
}

/* ---- messages ---- */

static void turn_free(Turn *t)
{
    for (int i = 0; i < t->n_pictures; i++) picture_free(&t->picture[i]);
    free(t->picture);
    free(t->content);
    free(t->role_name);
}

void dialogue_free(Dialogue *d)
{
    for (int i = 0; i < d->n; i++) turn_free(&d->turn[i]);
    free(d->turn);
    *d = (Dialogue){ 0 };
}

void dialogue_drop_last(Dialogue *d)
{
    assert(d->n > 0);
    turn_free(&d->turn[--d->n]);
}

static bool is_blank(const Turn *t)
{
    const char *s = t->content;
    size_t n = t->n;
    strip_space(&s, &n);
    return n == 0;
}

void dialogue_drop_blank(Dialogue *d)
{
    if (d->n > 0 && d->turn[d->n - 1].role == ROLE_ASSISTANT && is_blank(&d->turn[d->n - 1])) dialogue_drop_last(d);
}

Turn *dialogue_add(Dialogue *d, Role role, const char *content, size_t n, PictureFile *pictures, int n_pictures)
{
    GROW(d->turn, d->n, d->capacity);
    Turn *t = &d->turn[d->n++];
    *t = (Turn){ .role = role, .role_name = xstrdup(ROLE_NAMES[role]), .content = xstrndup(content, n), .n = n };
    for (int i = 0; i < n_pictures; i++) {
        GROW(t->picture, t->n_pictures, t->picture_capacity);
        t->picture[t->n_pictures++] = pictures[i];
        pictures[i] = (PictureFile){ 0 };
    }
    return t;
}

void dialogue_set_system(Dialogue *d, const char *text, size_t n)
{
    if (d->n > 0 && d->turn[0].role == ROLE_SYSTEM) {
        turn_free(&d->turn[0]);
        memmove(d->turn, d->turn + 1, (size_t)--d->n * sizeof *d->turn);
    }
    if (n == 0) return;
    const Turn system = *dialogue_add(d, ROLE_SYSTEM, text, n, NULL, 0);
    memmove(d->turn + 1, d->turn, (size_t)(d->n - 1) * sizeof *d->turn);
    d->turn[0] = system;
}

int dialogue_pictures(const Dialogue *d)
{
    int n = 0;
    for (int i = 0; i < d->n; i++) n += d->turn[i].n_pictures;
    return n;
}

const PictureFile *dialogue_picture(const Dialogue *d, int index)
{
    for (int i = 0; i < d->n; index -= d->turn[i++].n_pictures)
        if (index < d->turn[i].n_pictures) return &d->turn[i].picture[index];
    return NULL;
}

/* ---- files ---- */

static bool load_message(Dialogue *d, const Message *m, const char *folder, const char *where, Error *e)
{
    PictureFile *pictures = xcalloc((size_t)m->n_images + 1, sizeof *pictures);
    bool ok = true;
    for (int i = 0; ok && i < m->n_images; i++) {
        char *path = strcmp(folder, ".") != 0 ? path_join(folder, m->image[i]) : xstrdup(m->image[i]);
        ok = picture_load(&pictures[i], path, e) || fail_in(e, "%s", where);
        free(path);
    }
    if (ok) {
        Turn *t = dialogue_add(d, m->role, m->content, m->n_content, pictures, m->n_images);
        free(t->role_name);
        t->role_name = xstrdup(m->role_name);
    }
    for (int i = 0; i < m->n_images; i++) picture_free(&pictures[i]);
    free(pictures);
    return ok;
}

bool dialogue_from_json(Dialogue *d, const json_t *list, const char *folder, const char *where, Error *e)
{
    Conversation c = { 0 };
    bool ok = conversation_from_json(&c, list, where, e);
    for (int i = 0; ok && i < c.n; i++) ok = load_message(d, &c.message[i], folder, where, e);
    conversation_free(&c);
    return ok;
}

bool dialogue_load(Dialogue *d, const char *path, Error *e)
{
    json_t *list = json_parse_file(path, CONVERSATION_MAX, e);
    if (!list) return false;
    char *folder = path_folder(path);
    const bool ok = dialogue_from_json(d, list, folder, path, e);
    free(folder);
    json_decref(list);
    return ok;
}

/* A name that is found again from the folder of the saved file: absolute, unless it cannot be made so. */
static json_t *saved_name(const char *path)
{
    char absolute[PATH_MAX];
    const char *name = realpath(path, absolute) ? absolute : path;
    return json_string(name);
}

static json_t *saved_message(const char *role, const char *content, size_t n)
{
    json_t *m = json_object();
    json_object_set_new(m, "role", json_string(role));
    json_object_set_new(m, "content", json_stringn(content, n));
    return m;
}

/* The official form wants an <image> in the text for every picture: the tags are written where the engine puts them. */
static bool add_saved_turn(json_t *list, const Turn *t, const char *where, Error *e)
{
    Str content = { 0 };
    if (t->n_pictures == 0) {
        json_array_append_new(list, saved_message(t->role_name, t->content, t->n));
        return true;
    }
    if (!conversation_place_images(t->content, t->n, t->n_pictures, &content, where, e)) return false;
    json_t *m = saved_message(t->role_name, content.text, content.n), *names = json_array();
    for (int i = 0; i < t->n_pictures; i++) json_array_append_new(names, saved_name(t->picture[i].path));
    json_object_set_new(m, "images", names);
    json_array_append_new(list, m);
    str_free(&content);
    return true;
}

static json_t *saved_list(const Dialogue *d, const char *where, Error *e)
{
    json_t *list = json_array();
    bool ok = true;
    for (int i = 0; ok && i < d->n; i++) ok = add_saved_turn(list, &d->turn[i], where, e);
    if (ok && d->n > 0 && d->turn[d->n - 1].role != ROLE_ASSISTANT)
        json_array_append_new(list, saved_message(ROLE_NAMES[ROLE_ASSISTANT], "", 0));
    if (ok) return list;
    json_decref(list);
    return NULL;
}

static bool write_text(const char *path, const char *text, Error *e)
{
    FileOut out;
    if (!file_create(&out, path, e)) return false;
    if (file_write(&out, text, strlen(text), e) && file_write(&out, "\n", 1, e)) return file_commit(&out, e);
    file_abandon(&out);
    return false;
}

bool dialogue_save(const Dialogue *d, const char *path, Error *e)
{
    json_t *list = saved_list(d, path, e);
    if (!list) return false;
    char *text = json_dumps(list, JSON_INDENT(2));
    json_decref(list);
    const bool ok =
        text ? write_text(path, text, e) : fail(e, ERR_FORMAT, "%s: a message or a file name is not UTF-8 text", path);
    free(text);
    return ok;
}

/* ---- from the command line ---- */

static bool load_pictures(const Texts *paths, PictureFile **out, Error *e)
{
    *out = xcalloc((size_t)paths->n + 1, sizeof **out);
    for (int i = 0; i < paths->n; i++)
        if (!picture_load(&(*out)[i], paths->text[i], e)) return false;
    return true;
}

static bool read_prompt(const char *prompt, char **text, size_t *n, Error *e)
{
    if (!strcmp(prompt, "-")) return file_read("-", PROMPT_MAX, text, n, e) || fail_in(e, "the prompt");
    *text = xstrdup(prompt);
    *n = strlen(prompt);
    return true;
}

static bool check_prompt(const char *text, size_t n, Error *e)
{
    uint32_t cp;
    size_t i = 0;
    for (int length; i < n; i += (size_t)length)
        if ((length = utf8_decode(text + i, n - i, &cp)) < 0)
            return fail(e, ERR_FORMAT, "the prompt: byte %zu (0x%02x) does not belong to a UTF-8 text", i,
                        (unsigned)(unsigned char)text[i]);
    return true;
}

static bool add_question(Dialogue *d, const char *prompt, const Texts *images, Error *e)
{
    PictureFile *pictures = NULL;
    char *text = NULL;
    size_t n = 0;
    const bool ok =
        read_prompt(prompt, &text, &n, e) && check_prompt(text, n, e) && load_pictures(images, &pictures, e);
    if (ok) {
        dialogue_drop_blank(d);
        dialogue_add(d, ROLE_USER, text, n, pictures, images->n);
    }
    for (int i = 0; pictures && i < images->n; i++) picture_free(&pictures[i]);
    free(pictures);
    free(text);
    return ok;
}

bool dialogue_from_args(Dialogue *d, const QuestionArgs *q, const char *prompt, Error *e)
{
    if (q->system) {
        if (!check_prompt(q->system, strlen(q->system), e)) return false;
        dialogue_add(d, ROLE_SYSTEM, q->system, strlen(q->system), NULL, 0);
    }
    if (q->conversation && !dialogue_load(d, q->conversation, e)) return false;
    return !prompt || add_question(d, prompt, &q->image, e);
}

/* ---- to the engine ---- */

Vl2Request *dialogue_submit(const Dialogue *d, Vl2Engine *engine, const QuestionArgs *q, const PictureArgs *p,
                            const Vl2Sampling *s, Error *e)
{
    Vl2Message *message = xcalloc((size_t)d->n + 1, sizeof *message);
    Vl2Picture *picture = xcalloc((size_t)dialogue_pictures(d) + 1, sizeof *picture), *next = picture;
    for (int i = 0; i < d->n; i++) {
        const Turn *t = &d->turn[i];
        message[i] = (Vl2Message){
            .role = t->role_name, .content = t->content, .n_content = t->n, .picture = next, .n_pictures = t->n_pictures
        };
        for (int k = 0; k < t->n_pictures; k++)
            *next++ = (Vl2Picture){ .bytes = t->picture[k].bytes, .n = t->picture[k].n, .name = t->picture[k].path };
    }
    const Vl2Prompt prompt = { .message = message,
                               .n_messages = d->n,
                               .raw_special = q->raw_special,
                               .exif_rotate = p->exif_rotate,
                               .max_picture_pixels = max_pixels_of(p),
                               .max_picture_side = p->max_side };
    Vl2Request *r = vl2_submit(engine, &prompt, s, e);
    free(picture);
    free(message);
    return r;
}
