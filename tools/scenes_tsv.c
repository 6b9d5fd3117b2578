/* scenes_tsv.c - records of make_scenes as a table for `vl2 eval --task Scenes`: index, image (base64; several as a list), question
 * with its <image> tags, answer with its boxes, category (the record's task), split (seen, or unseen where training cannot have met
 * the thing). A record has one question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/mem.h"
#include "eval/tsv.h"
#include "format/json.h"
#include "train/record.h"

static const char USAGE[] = "usage: scenes_tsv DIR OUT.tsv\n"
                            "Writes the records of DIR/data.jsonl (make_scenes --held-out) as a table for vl2 eval.\n";

typedef struct {
    const char *folder;
    FileOut out;
    int n;
} Tool;

static bool add_picture(const Tool *t, const char *name, Str *cell, Size *size, Error *e)
{
    char *path = path_join(t->folder, name), *bytes;
    size_t n;
    bool ok = file_read(path, IMAGE_DEFAULTS.max_bytes, &bytes, &n, e);
    if (ok) {
        ok = image_measure(size, bytes, n, path, &IMAGE_DEFAULTS, e);
        base64_add(cell, bytes, n);
        free(bytes);
    }
    free(path);
    return ok;
}

/* One picture as it is, several as a list of Python texts. */
static bool add_pictures(const Tool *t, const json_t *names, Str *cell, Size *size, Error *e)
{
    const size_t n = json_array_size(names);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        if (n > 1) str_puts(cell, i ? "', '" : "['");
        ok = add_picture(t, json_string_value(json_array_get(names, i)), cell, &size[i], e);
    }
    if (n > 1) str_puts(cell, "']");
    return ok;
}

static bool write_row(Tool *t, const json_t *v, const Conversation *c, const Str *image, Error *e)
{
    Str row = { 0 };
    const char *split = json_is_true(json_object_get(v, "unseen")) ? "unseen" : "seen";
    str_printf(&row, "%lld\t", (long long)json_integer_value(json_object_get(v, "id")));
    str_add(&row, image->text, image->n);
    for (int i = 0; i < 2; i++) {
        str_putc(&row, '\t');
        tsv_add_cell(&row, c->message[i].content, c->message[i].n_content);
    }
    str_printf(&row, "\t%s\t%s\n", json_string_value(json_array_get(json_object_get(v, "tasks"), 0)), split);
    const bool ok = file_write(&t->out, row.text, row.n, e);
    str_free(&row);
    return ok;
}

static bool add_record(Tool *t, const json_t *v, const char *where, Error *e)
{
    enum { MOST = 8 };
    const json_t *names = json_object_get(v, "images");
    const int n = (int)json_array_size(names);
    Size size[MOST];
    Str image = { 0 };
    Record r;
    if (n < 1 || n > MOST) return fail(e, ERR_FORMAT, "%s: %d pictures, expected 1 to %d", where, n, MOST);
    bool ok = record_read(&r, v, where, e);
    if (ok && r.conversation.n != 2)
        ok = fail(e, ERR_FORMAT, "%s: %d messages, expected a question and an answer", where, r.conversation.n);
    ok = ok && add_pictures(t, names, &image, size, e) &&
         objects_place(&r.objects, &r.conversation, size, n, where, e) && write_row(t, v, &r.conversation, &image, e);
    str_free(&image);
    record_free(&r);
    t->n += ok;
    return ok;
}

static bool convert(Tool *t, Error *e)
{
    char *path = path_join(t->folder, "data.jsonl"), *text = NULL;
    size_t n;
    bool ok = file_read(path, (size_t)1 << 30, &text, &n, e);
    ok = ok && file_write(&t->out, "index\timage\tquestion\tanswer\tcategory\tsplit\n", 43, e);
    int line = 0;
    for (char *s = text, *end; ok && s && *s; s = end + (*end == '\n')) {
        char where[64];
        end = s + strcspn(s, "\n");
        snprintf(where, sizeof where, "data.jsonl:%d", ++line);
        json_t *v = json_parse_part(s, (size_t)(end - s), path, line, e);
        ok = v && add_record(t, v, where, e);
        json_decref(v);
    }
    free(text);
    free(path);
    return ok;
}

int main(int argc, char **argv)
{
    Error e;
    if (argc != 3) {
        fputs(USAGE, stderr);
        return 2;
    }
    Tool t = { .folder = argv[1] };
    bool ok = file_create(&t.out, argv[2], &e) && convert(&t, &e);
    if (ok)
        ok = file_commit(&t.out, &e);
    else
        file_abandon(&t.out);
    if (!ok) fprintf(stderr, "scenes_tsv: %s\n", e.text);
    return ok ? 0 : 1;
}
