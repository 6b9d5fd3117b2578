/* sample.c - see sample.h. What can be known without pixels comes first: a record that is too long opens no picture. */
#include "train/sample.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

static const char *const fault_names[FAULT_KINDS] = {
    [FAULT_NONE] = "none",
    [FAULT_JSON] = "not JSON",
    [FAULT_RECORD] = "not a record",
    [FAULT_NO_ANSWER] = "no answer",
    [FAULT_OUTSIDE] = "picture outside the data folder",
    [FAULT_PICTURE] = "picture missing or unreadable",
    [FAULT_BOXES] = "bad boxes",
    [FAULT_TOO_LONG] = "too long",
};

const char *fault_name(Fault f)
{
    return fault_names[f];
}

void sample_free(Sample *s)
{
    prompt_free(&s->prompt);
    free(s->label);
    *s = (Sample){ 0 };
}

/* ---- pictures ---- */

typedef struct {
    char **path; /* of all pictures of the record, in order */
    Size *size;
    int n;
} Pictures;

static void pictures_free(Pictures *p)
{
    for (int i = 0; i < p->n; i++) free(p->path[i]);
    free(p->path);
    free(p->size);
}

static bool find_pictures(Pictures *p, const Conversation *c, const DataFolders *folders, Fault *fault, Error *e)
{
    const int n = conversation_images(c);
    p->path = xcalloc((size_t)n, sizeof *p->path);
    p->size = xcalloc((size_t)n, sizeof *p->size);
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < c->message[i].n_images; k++) {
            bool outside;
            char *path = data_folders_find(folders, c->message[i].image[k], &outside, e);
            *fault = outside ? FAULT_OUTSIDE : FAULT_PICTURE;
            if (!path) return false;
            p->path[p->n++] = path;
        }
    return true;
}

/* What the cache keeps of a picture, under names that no path can have. */
static char *cache_name(const char *kind, const char *path)
{
    Str name = { 0 };
    str_printf(&name, "%s:%s", kind, path);
    return name.text;
}

static bool read_size(Size *size, const char *path, const ImageOptions *o, Error *e)
{
    char *bytes;
    size_t n;
    if (!file_read(path, o->max_bytes, &bytes, &n, e)) return false;
    const bool ok = image_measure(size, bytes, n, path, o, e);
    free(bytes);
    return ok;
}

static bool measure(Size *size, const char *path, const SampleRules *rules, Error *e)
{
    void *kept;
    size_t n;
    char *name = cache_name("size", path);
    bool ok = true;
    if (blob_cache_take(rules->cache, name, &kept, &n)) {
        memcpy(size, kept, sizeof *size);
        free(kept);
    } else if ((ok = read_size(size, path, &rules->pictures, e)))
        blob_cache_keep(rules->cache, name, size, sizeof *size);
    free(name);
    return ok;
}

static bool measure_all(Pictures *p, const SampleRules *rules, Error *e)
{
    for (int i = 0; i < p->n; i++)
        if (!measure(&p->size[i], p->path[i], rules, e)) return false;
    return true;
}

static size_t tile_bytes(const Tiles *t)
{
    return (size_t)t->n * (size_t)t->side * (size_t)t->side * 3;
}

static bool decode_tiles(PromptImage *i, const char *path, int n_pictures, const SampleRules *rules, Error *e)
{
    Image image;
    Tiles tiles;
    if (!image_load(&image, path, &rules->pictures, e)) return false;
    const bool same = image.w == i->w && image.h == i->h;
    const bool ok = same ? prompt_cut(&tiles, rules->config, &image, n_pictures, e)
                         : fail(e, ERR_FORMAT, "%s: has changed while it was read", path);
    image_free(&image);
    if (ok) i->tiles = tiles;
    return ok;
}

/* The tiles of a picture, from the cache or the file. How it is cut is part of the name. */
static bool fill_tiles(PromptImage *i, const char *path, int n_pictures, const SampleRules *rules, Error *e)
{
    void *kept;
    size_t n;
    bool ok = true;
    Str kind = { 0 };
    str_printf(&kind, "%dx%d of %d", i->tiles.across, i->tiles.down, i->tiles.side);
    char *name = cache_name(kind.text, path);
    if (blob_cache_take(rules->cache, name, &kept, &n))
        i->tiles.rgb = kept;
    else if ((ok = decode_tiles(i, path, n_pictures, rules, e)))
        blob_cache_keep(rules->cache, name, i->tiles.rgb, tile_bytes(&i->tiles));
    free(name);
    str_free(&kind);
    return ok;
}

static bool fill_all(Prompt *p, const Pictures *pictures, const SampleRules *rules, Error *e)
{
    for (int i = 0; i < p->n_images; i++)
        if (!fill_tiles(&p->image[i], pictures->path[i], p->n_images, rules, e)) return false;
    return true;
}

/* ---- length ---- */

/* The first `rounds` questions with their answers, and what stands before. */
static void keep_rounds(Conversation *c, int rounds)
{
    int n = 0;
    for (; rounds > 0; n++) rounds -= c->message[n].role == ROLE_ASSISTANT;
    for (int i = n; i < c->n; i++) message_free(&c->message[i]);
    c->n = n;
}

static bool fail_too_long(const Prompt *p, int max_length, Error *e)
{
    const int n = p->answer_end[0];
    int n_image = 0;
    for (int i = 0; i < n; i++) n_image += p->is_image[i];
    return fail(e, ERR_LIMIT,
                "%d tokens (%d of text, %d of pictures) in the first question and its answer, --max-length allows %d",
                n, n - n_image, n_image, max_length);
}

/* Cut behind the last answer that ends in time, and laid out anew: with fewer pictures they may be cut otherwise, into more
 * tokens. */
static bool lay_out(Sample *s, Conversation *c, const Size *sizes, const SampleRules *rules, Fault *fault, Error *e)
{
    Prompt *p = &s->prompt;
    for (;;) {
        *fault = FAULT_RECORD;
        if (!prompt_layout(p, rules->config, rules->tokenizer, c, sizes, rules->added, e)) return false;
        if (p->n <= rules->max_length) return true;
        *fault = FAULT_TOO_LONG;
        int fit = 0;
        while (p->answer_end[fit] <= rules->max_length) fit++;
        if (fit == 0) return fail_too_long(p, rules->max_length, e);
        s->dropped_rounds += p->n_answers - fit;
        keep_rounds(c, fit);
        prompt_free(p);
    }
}

/* ---- all of it ---- */

static bool set_labels(Sample *s, bool mask_prompt, Error *e)
{
    s->label = xcalloc((size_t)s->prompt.n, sizeof *s->label);
    prompt_labels(&s->prompt, mask_prompt, s->label);
    for (int i = 1; i < s->prompt.n; i++) s->n_labels += s->label[i] != LABEL_IGNORE;
    return s->n_labels > 0 ||
           fail(e, ERR_FORMAT, "nothing to learn from: what --max-length leaves has \"loss\": false");
}

/* Every step sets what it would be a fault of before it can fail. */
static bool build(Sample *s, Record *r, Pictures *p, const SampleRules *rules, const DataFolders *folders,
                  SampleDepth depth, const char *where, Fault *fault, Error *e)
{
    Conversation *c = &r->conversation;
    *fault = FAULT_NO_ANSWER;
    if (!record_has_answers(r, where, e)) return false;
    *fault = FAULT_RECORD;
    if (!conversation_check(c, where, e)) return false;
    if (!find_pictures(p, c, folders, fault, e)) return fail_in(e, "%s", where);
    *fault = FAULT_PICTURE;
    if (!measure_all(p, rules, e)) return fail_in(e, "%s", where);
    *fault = FAULT_BOXES;
    if (!objects_place(&r->objects, c, p->size, p->n, where, e)) return false;
    if (!lay_out(s, c, p->size, rules, fault, e)) return fail_in(e, "%s", where);
    *fault = FAULT_NO_ANSWER;
    if (!set_labels(s, rules->mask_prompt, e)) return fail_in(e, "%s", where);
    *fault = FAULT_PICTURE;
    return depth == SAMPLE_LENGTH || fill_all(&s->prompt, p, rules, e) || fail_in(e, "%s", where);
}

bool sample_build(Sample *s, Record *r, const SampleRules *rules, const DataFolders *folders, SampleDepth depth,
                  const char *where, Fault *fault, Error *e)
{
    Pictures p = { 0 };
    *s = (Sample){ 0 };
    const bool ok = build(s, r, &p, rules, folders, depth, where, fault, e);
    pictures_free(&p);
    if (!ok) sample_free(s);
    if (ok || e->code == ERR_MEMORY) *fault = FAULT_NONE;
    return ok;
}
