/* objects.c - see objects.h. */
#include "train/objects.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/json.h"
#include "text/grounding.h"
#include "text/shown.h"

static const struct {
    const char *name;
    double range;
} box_types[] = { { "real", 0 }, { "norm1", 1 }, { "norm1000", 1000 }, { "norm999", 999 } };
enum { N_BOX_TYPES = sizeof box_types / sizeof *box_types };

/* ---- reading ---- */

static bool read_type(Objects *o, const json_t *v, const char *where, Error *e)
{
    const char *name = box_types[0].name;
    char buf[SHOWN_BYTES];
    if (!json_take_string(v, "bbox_type", &name, where, e)) return false;
    for (int i = 0; i < N_BOX_TYPES; i++)
        if (strcmp(box_types[i].name, name) == 0) return o->range = box_types[i].range, true;
    return fail(e, ERR_FORMAT, "%s: objects: \"bbox_type\" is \"%s\", expected real, norm1, norm1000 or norm999", where,
                shown(name, strlen(name), buf));
}

static bool read_refs(Objects *o, const json_t *list, const char *where, Error *e)
{
    size_t i;
    json_t *ref;
    o->ref = xcalloc(json_array_size(list), sizeof *o->ref);
    json_array_foreach(list, i, ref)
    {
        if (!json_is_string(ref) || strlen(json_string_value(ref)) != json_string_length(ref))
            return fail(e, ERR_FORMAT, "%s: objects: ref[%zu] is %s, expected a name", where, i, json_type_name(ref));
        o->ref[o->n_refs++] = xstrdup(json_string_value(ref));
    }
    return true;
}

static bool read_box(ObjectBox *b, const json_t *list, size_t index, const char *where, Error *e)
{
    const size_t n = json_array_size(list);
    if (n != 4)
        return fail(e, ERR_FORMAT, "%s: objects: bbox[%zu] has %zu numbers, expected x1, y1, x2, y2", where, index, n);
    for (size_t k = 0; k < 4; k++) {
        const json_t *v = json_array_get(list, k);
        if (!json_is_number(v))
            return fail(e, ERR_FORMAT, "%s: objects: bbox[%zu] has %s in it, expected four numbers", where, index,
                        json_type_name(v));
        b->v[k] = json_number_value(v);
    }
    return true;
}

/* One box, or a list of them. */
static bool read_entry(ObjectBoxes *b, const json_t *v, size_t index, const char *where, Error *e)
{
    if (!json_is_array(v))
        return fail(e, ERR_FORMAT, "%s: objects: bbox[%zu] is %s, expected [x1, y1, x2, y2]", where, index,
                    json_type_name(v));
    const bool is_list = json_is_array(json_array_get(v, 0));
    const size_t n = is_list ? json_array_size(v) : 1;
    b->box = xcalloc(n, sizeof *b->box);
    b->n = (int)n;
    for (size_t i = 0; i < n; i++)
        if (!read_box(&b->box[i], is_list ? json_array_get(v, i) : v, index, where, e)) return false;
    return true;
}

static bool read_boxes(Objects *o, const json_t *list, const char *where, Error *e)
{
    size_t i;
    json_t *v;
    o->boxes = xcalloc(json_array_size(list), sizeof *o->boxes);
    json_array_foreach(list, i, v)
    {
        if (!read_entry(&o->boxes[o->n_boxes++], v, i, where, e)) return false;
    }
    return true;
}

static bool read_pictures(Objects *o, const json_t *list, const char *where, Error *e)
{
    if (!list) return true;
    if (json_array_size(list) != (size_t)o->n_boxes)
        return fail(e, ERR_FORMAT, "%s: objects: %zu in \"image_id\" and %d in \"bbox\", expected as many of both",
                    where, json_array_size(list), o->n_boxes);
    for (int i = 0; i < o->n_boxes; i++) {
        const json_t *v = json_array_get(list, (size_t)i);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > 1000000)
            return fail(e, ERR_FORMAT, "%s: objects: image_id[%d] is no number of a picture, counted from 0", where, i);
        o->boxes[i].picture = (int)json_integer_value(v);
    }
    return true;
}

bool objects_read(Objects *o, const json_t *v, const char *where, Error *e)
{
    json_t *refs, *boxes, *ids;
    *o = (Objects){ .given = v != NULL };
    if (!v) return true;
    if (json_take_node(v, "ref", JSON_ARRAY, &refs, where, e) &&
        json_take_node(v, "bbox", JSON_ARRAY, &boxes, where, e) &&
        json_take_node(v, "image_id", JSON_ARRAY, &ids, where, e) && read_type(o, v, where, e) &&
        read_refs(o, refs, where, e) && read_boxes(o, boxes, where, e) && read_pictures(o, ids, where, e))
        return true;
    objects_free(o);
    return false;
}

void objects_free(Objects *o)
{
    for (int i = 0; i < o->n_refs; i++) free(o->ref[i]);
    for (int i = 0; i < o->n_boxes; i++) free(o->boxes[i].box);
    free(o->ref);
    free(o->boxes);
    *o = (Objects){ 0 };
}

/* ---- placing ---- */

typedef struct {
    const Objects *o;
    const Size *pictures;
    int n_pictures;
    int next_ref, next_boxes;
    const char *where;
} Placer;

/* A box in 0..999 of what its numbers run to. */
static bool norm_box(const ObjectBox *b, double w, double h, int out[4])
{
    for (int k = 0; k < 4; k++) {
        const double size = k % 2 ? h : w;
        if (!(b->v[k] >= 0 && b->v[k] <= size)) return false;
        out[k] = grounding_norm(b->v[k], size);
    }
    return b->v[0] < b->v[2] && b->v[1] < b->v[3];
}

static bool put_boxes(Placer *p, Str *out, Error *e)
{
    const int index = p->next_boxes++;
    const ObjectBoxes *b = &p->o->boxes[index];
    if (b->picture >= p->n_pictures && p->o->range == 0)
        return fail(e, ERR_FORMAT, "%s: objects: bbox[%d] is of picture %d, counted from 0, and there %s %d", p->where,
                    index, b->picture, p->n_pictures == 1 ? "is" : "are", p->n_pictures);
    const bool pixels = p->o->range == 0;
    const double w = pixels ? p->pictures[b->picture].w : p->o->range;
    const double h = pixels ? p->pictures[b->picture].h : p->o->range;
    int(*norm)[4] = xcalloc((size_t)b->n, sizeof *norm);
    bool ok = true;
    for (int i = 0; ok && i < b->n; i++) {
        const double *v = b->box[i].v;
        ok = norm_box(&b->box[i], w, h, norm[i]) ||
             fail(e, ERR_FORMAT, "%s: objects: bbox[%d] is [%g, %g, %g, %g], expected x1 < x2 <= %g and y1 < y2 <= %g",
                  p->where, index, v[0], v[1], v[2], v[3], w, h);
    }
    if (ok) grounding_add_det(out, (const int(*)[4])norm, b->n);
    free(norm);
    return ok;
}

static const char ref_mark[] = "<ref-object>", box_mark[] = "<bbox>";

static bool begins_with(const char *s, size_t n, const char *mark, size_t n_mark)
{
    return n >= n_mark && memcmp(s, mark, n_mark) == 0;
}

/* The next mark in s[0, n): its place, or n. One pass, however many marks there are. */
static size_t find_mark(const char *s, size_t n, bool *is_ref)
{
    for (const char *at = s, *end = s + n; at < end && (at = memchr(at, '<', (size_t)(end - at))); at++) {
        const size_t left = (size_t)(end - at);
        *is_ref = begins_with(at, left, ref_mark, sizeof ref_mark - 1);
        if (*is_ref || begins_with(at, left, box_mark, sizeof box_mark - 1)) return (size_t)(at - s);
    }
    return n;
}

static bool place_in(Placer *p, Message *m, Error *e)
{
    Str out = { 0 };
    const char *s = m->content;
    size_t n = m->n_content;
    bool ok = true, is_ref;
    str_add(&out, "", 0);
    for (size_t at; ok && (at = find_mark(s, n, &is_ref)) < n;) {
        const size_t used = at + (is_ref ? sizeof ref_mark : sizeof box_mark) - 1;
        str_add(&out, s, at);
        s += used;
        n -= used;
        if (is_ref && p->next_ref < p->o->n_refs) {
            const char *ref = p->o->ref[p->next_ref];
            grounding_add_ref(&out, ref, strlen(ref));
        } else if (!is_ref && p->next_boxes < p->o->n_boxes) {
            ok = put_boxes(p, &out, e);
            p->next_boxes--;
        }
        p->next_ref += is_ref;
        p->next_boxes += !is_ref;
    }
    str_add(&out, s, n);
    free(m->content);
    m->content = out.text;
    m->n_content = out.n;
    return ok;
}

static bool check_count(const char *mark, int marks, const char *key, int entries, const char *where, Error *e)
{
    return marks == entries || fail(e, ERR_FORMAT,
                                    "%s: %d %s in the messages and %d in \"%s\" of objects, expected as "
                                    "many of both",
                                    where, marks, mark, entries, key);
}

bool objects_place(const Objects *o, Conversation *c, const Size *pictures, int n_pictures, const char *where, Error *e)
{
    Placer p = { .o = o, .pictures = pictures, .n_pictures = n_pictures, .where = where };
    if (!o->given) return true;
    for (int i = 0; i < c->n; i++)
        if (!place_in(&p, &c->message[i], e)) return false;
    return check_count(ref_mark, p.next_ref, "ref", o->n_refs, where, e) &&
           check_count(box_mark, p.next_boxes, "bbox", o->n_boxes, where, e);
}
