/* question.c - see question.h. */
#include "eval/question.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "eval/python_text.h"
#include "image/image.h"
#include "image/resize.h"

Asking asking_of(const Task *task, const char *data_name)
{
    return (Asking){ task, strcmp(data_name, "MMMU_DEV_VAL") == 0 };
}

void question_free(Question *q)
{
    for (int i = 0; i < q->n_pictures; i++) {
        free((void *)(uintptr_t)q->picture[i].bytes);
        free((void *)(uintptr_t)q->picture[i].name);
    }
    free(q->picture);
    str_free(&q->content);
    *q = (Question){ 0 };
}

/* ---- pictures ---- */

/* Takes the bytes over. The name is for messages about what they hold. */
static void add_picture(Question *q, const char *column, Str *bytes)
{
    Str name = { 0 };
    str_printf(&name, "column %s, picture %d", column, q->n_pictures + 1);
    GROW(q->picture, q->n_pictures, q->capacity);
    q->picture[q->n_pictures++] = (Vl2Picture){ .bytes = bytes->text, .n = bytes->n, .name = name.text };
    *bytes = (Str){ 0 };
}

static bool add_base64(Question *q, const Tsv *t, size_t row, const char *text, size_t n, Error *e)
{
    Str bytes = { 0 };
    const bool ok = base64_decode(text, n, &bytes, e);
    if (ok && bytes.n > 0) {
        add_picture(q, "image", &bytes);
        return true;
    }
    if (ok) fail(e, ERR_FORMAT, "holds no picture");
    str_free(&bytes);
    return tsv_fail_in(t, row, "image", e);
}

static bool is_list(const char *s, size_t n)
{
    return n > 1 && s[0] == '[' && s[n - 1] == ']';
}

static bool add_image_cell(Question *q, const Tsv *t, size_t row, const char *s, size_t n, Error *e)
{
    PythonList list;
    if (!is_list(s, n)) return add_base64(q, t, row, s, n, e);
    bool ok = python_list(s, n, &list);
    if (!ok) {
        fail(e, ERR_FORMAT, "is not a list of pictures as Python writes it");
        tsv_fail_in(t, row, "image", e);
    }
    for (int i = 0; ok && i < list.n; i++) ok = add_base64(q, t, row, list.text[i], list.n_text[i], e);
    python_list_free(&list);
    return ok;
}

enum { LONGEST_REFERENCE = 64 };

/* The cell of another row, which must have a picture itself. */
static bool add_referred(Question *q, const Tsv *t, size_t row, const char *index, Error *e)
{
    TsvCells other = { 0 };
    size_t at, n = 0;
    if (!tsv_find(t, index, &at)) {
        fail(e, ERR_FORMAT, "'%.64s' is neither a picture nor the index of a row", index);
        return tsv_fail_in(t, row, "image", e);
    }
    bool ok = tsv_read(t, at, &other, e);
    const char *s = ok ? tsv_cell(t, &other, "image", &n) : NULL;
    if (ok && python_length(s ? s : "", n) <= LONGEST_REFERENCE) {
        fail(e, ERR_FORMAT, "row '%.64s' has no picture that could be used here", index);
        ok = tsv_fail_in(t, row, "image", e);
    }
    ok = ok && add_image_cell(q, t, row, s, n, e);
    tsv_cells_free(&other);
    return ok;
}

static bool add_file(Question *q, const Tsv *t, size_t row, const char *name, Error *e)
{
    char *folder = path_folder(t->file.path), *path = path_join(folder, name), *bytes;
    Str taken = { 0 };
    const bool ok = file_read(path, IMAGE_DEFAULTS.max_bytes, &bytes, &taken.n, e);
    if (ok) {
        taken.text = bytes;
        add_picture(q, "image_path", &taken);
    }
    free(folder);
    free(path);
    return ok || tsv_fail_in(t, row, "image_path", e);
}

static bool add_files(Question *q, const Tsv *t, size_t row, const char *s, size_t n, Error *e)
{
    PythonList list;
    if (!is_list(s, n)) return add_file(q, t, row, s, e);
    bool ok = python_list(s, n, &list);
    if (!ok) {
        fail(e, ERR_FORMAT, "is not a list of files as Python writes it");
        tsv_fail_in(t, row, "image_path", e);
    }
    for (int i = 0; ok && i < list.n; i++) ok = add_file(q, t, row, list.text[i], e);
    python_list_free(&list);
    return ok;
}

bool question_has_picture(const Tsv *t, const TsvCells *c)
{
    return tsv_cell(t, c, tsv_column(t, "image") >= 0 ? "image" : "image_path", NULL) != NULL;
}

bool question_pictures(const Tsv *t, size_t row, const TsvCells *c, Question *q, Error *e)
{
    size_t n;
    const char *s = tsv_cell(t, c, "image", &n);
    if (s && python_length(s, n) <= LONGEST_REFERENCE) return add_referred(q, t, row, s, e);
    if (s) return add_image_cell(q, t, row, s, n, e);
    s = tsv_cell(t, c, "image_path", &n);
    if (s) return add_files(q, t, row, s, n, e);
    fail(e, ERR_FORMAT, "is empty, expected a picture");
    return tsv_fail_in(t, row, "image", e);
}

/* ---- texts ---- */

static void add_options(Str *out, const Tsv *t, const TsvCells *c)
{
    bool any = false;
    for (char letter = 'A'; letter <= 'Z'; letter++) {
        const char name[2] = { letter, 0 };
        const char *option = tsv_cell(t, c, name, NULL);
        if (!option) continue;
        if (!any) str_puts(out, "Options:\n");
        any = true;
        str_printf(out, "%c. %s\n", letter, option);
    }
    if (any) str_puts(out, "Please select the correct answer from the options above. \n");
}

static void add_text(Str *out, AskKind ask, const Tsv *t, const TsvCells *c, const char *question)
{
    const char *hint = tsv_cell(t, c, "hint", NULL);
    switch (ask) {
    case ASK_STORED:
    case ASK_TAGGED: str_puts(out, question); break;
    case ASK_SHORT: str_printf(out, "%s\nAnswer the question using a single word or phrase.", question); break;
    case ASK_CHOICE:
    case ASK_MMMU:
        if (hint) str_printf(out, "Hint: %s\n", hint);
        str_printf(out, "Question: %s\n", question);
        add_options(out, t, c);
        break;
    }
}

/* ---- MMMU: pictures where the text names them ---- */

static void copy_picture(Question *q, const Vl2Picture *p)
{
    GROW(q->picture, q->n_pictures, q->capacity);
    char *bytes = xstrndup(p->bytes, p->n);
    q->picture[q->n_pictures++] = (Vl2Picture){ .bytes = bytes, .n = p->n, .name = xstrdup(p->name) };
}

/* Cuts the text at each "<image N>", N one digit, and puts picture N there: as a tag, or in the wrapper's case as its number in the
 * order of appearance. Without any the pictures come first. */
static bool place_pictures(Question *q, const char *text, bool numbered, Error *e)
{
    static const char MARK[] = "<image ";
    Question out = { 0 };
    const char *rest = text;
    const bool any = strstr(text, MARK) != NULL;
    for (int i = 0; !any && i < q->n_pictures; i++) {
        copy_picture(&out, &q->picture[i]);
        if (numbered)
            str_printf(&out.content, "<image %d>", i + 1);
        else
            str_puts(&out.content, "<image>\n");
    }
    for (const char *at; (at = strstr(rest, MARK)) != NULL;) {
        const char *digit = at + sizeof MARK - 1;
        const int which = *digit - '1';
        if (*digit < '0' || *digit > '9' || digit[1] != '>' || which < -1 || which >= q->n_pictures ||
            (which < 0 && q->n_pictures == 0)) {
            fail(e, ERR_FORMAT, "names the picture '%.9s', there are %d", at, q->n_pictures);
            question_free(&out);
            return false;
        }
        str_add(&out.content, rest, (size_t)(at - rest));
        copy_picture(&out, &q->picture[which < 0 ? q->n_pictures - 1 : which]); /* 0 is index -1, Python's last */
        if (numbered)
            str_printf(&out.content, "<image %d>", out.n_pictures);
        else
            str_puts(&out.content, "<image>\n");
        rest = digit + 2;
    }
    str_puts(&out.content, rest);
    question_free(q);
    *q = out;
    return true;
}

static void replace_all(Str *s, const char *what, const char *with)
{
    Str out = { 0 };
    const char *rest = s->text;
    for (const char *at; (at = strstr(rest, what)) != NULL; rest = at + strlen(what)) {
        str_add(&out, rest, (size_t)(at - rest));
        str_puts(&out, with);
    }
    str_puts(&out, rest);
    str_free(s);
    *s = out;
}

/* The first picture twice as large, as the wrapper does. */
static bool enlarge(Vl2Picture *p, Error *e)
{
    Image small, large;
    Str png = { 0 };
    if (!image_decode(&small, p->bytes, p->n, p->name, &IMAGE_DEFAULTS, e)) return false;
    bool ok = image_resize_bilinear(&small, 2 * small.w, 2 * small.h, &large, e);
    image_free(&small);
    if (!ok) return false;
    ok = image_encode(&large, IMAGE_PNG, &png, e);
    image_free(&large);
    if (!ok) return false;
    free((void *)(uintptr_t)p->bytes);
    p->bytes = png.text;
    p->n = png.n;
    return true;
}

static bool wrap_mmmu(Question *q, Error *e)
{
    Str tags = { 0 };
    for (int i = 0; i < q->n_pictures; i++) str_puts(&tags, "<image>");
    str_printf(&tags, "\n%s", q->content.text);
    str_free(&q->content);
    q->content = tags;
    replace_all(
        &q->content, "Please select the correct answer from the options above.",
        "Answer with the option's letter from the given choices directly. Answer the question using a single word "
        "or phrase.\n");
    replace_all(&q->content, "Question:", "");
    replace_all(&q->content, "Options:\n", "");
    return q->n_pictures == 0 || enlarge(&q->picture[0], e);
}

/* ---- a question ---- */

static bool take_pictures(const Tsv *t, size_t row, const TsvCells *c, size_t blind_row, Question *q, Error *e)
{
    TsvCells other = { 0 };
    if (blind_row == row) return question_pictures(t, row, c, q, e);
    const bool ok = tsv_read(t, blind_row, &other, e) && question_pictures(t, blind_row, &other, q, e);
    tsv_cells_free(&other);
    return ok;
}

bool question_build(const Asking *a, const Tsv *t, size_t row, const TsvCells *c, size_t blind_row, Question *q,
                    Error *e)
{
    const char *question = tsv_cell(t, c, "question", NULL);
    *q = (Question){ 0 };
    if (!take_pictures(t, row, c, blind_row, q, e)) return false;
    Str text = { 0 };
    add_text(&text, a->task->ask, t, c, question ? question : "nan");
    bool ok = true;
    if (a->task->ask == ASK_MMMU) {
        ok = place_pictures(q, text.text, a->mmmu_wrapper, e) || tsv_fail_in(t, row, "question", e);
        if (ok && a->mmmu_wrapper) ok = wrap_mmmu(q, e) || tsv_fail_in(t, row, "image", e);
    } else {
        for (int i = 0; a->task->ask != ASK_TAGGED && i < q->n_pictures; i++) str_puts(&q->content, "<image>\n");
        str_add(&q->content, text.text, text.n);
    }
    str_free(&text);
    return ok;
}
