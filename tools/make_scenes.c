/* make_scenes.c - pictures with questions and answers for training a small model, as data for `vl2 train`: scenes of drawn shapes
 * and small pictures with boxes, several scenes, printed words and numbers, bar charts.
 *
 * Record i follows from (seed, split, i) alone. What the held-out split may contain and training never does: ten pairs of colour
 * and shape, and a fifth of all words and numbers; such records say "unseen": true. Boxes are given in pixels, in the form of
 * docs/training.md. The pictures of things are Noto Emoji (SIL OFL 1.1) where the font is installed; everything else is made
 * here. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "scene_draw.h"

static const char USAGE[] =
    "usage: make_scenes [options] -o DIR\n"
    "Writes DIR/data.jsonl and DIR/pictures/*/*.png, for vl2 train --data DIR/data.jsonl.\n\n"
    "  --count N       records. Default: 1000\n"
    "  --first I       number of the first one. Default: 0\n"
    "  --seed N        default: 0\n"
    "  --held-out      the split that training must never see: one question a record, all tasks alike\n"
    "  --tasks LIST    ground,caption,region,what,count,colour,place,read,chart,several,same,\n"
    "                  map,find,find-between,find-ref,find-image,letters; \"ground:5,count\" gives weights.\n"
    "                  Default: the first eleven\n"
    "  --objects A-B   things in a scene, 1 to 16; above 5 each is in a part of its own of 4 x 4. Default: 1-3\n"
    "  --kinds N       only the first N shapes and the first N small pictures. Default: all\n"
    "  --letters N     characters of a printed text, at most; below 5 no words. Default: 5\n"
    "  --rounds K      questions about a picture, at most. Default: 3\n"
    "  --mixed-sizes   some scenes are two tiles wide or high\n"
    "  --emoji-alone   no shapes\n"
    "  --characters N  nothing but the first N of 0-9, a-z and A-Z, printed\n"
    "  --emoji FILE    NotoColorEmoji.ttf; \"none\": shapes alone.\n"
    "                  Default: /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf where it is\n";

static const char DEFAULT_EMOJI[] = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";

enum { SIDE = 112, MAX_THINGS = 16, MAX_SCENES = 3, NAME_BYTES = 32, GAP = 3, PARTS = 4, FEW = 5 };

/* ---- what there is ---- */

static const struct {
    const char *name;
    int rgb[3];
} COLOURS[] = {
    { "red", { 214, 30, 36 } },     { "orange", { 247, 139, 20 } }, { "yellow", { 246, 222, 36 } },
    { "green", { 36, 152, 52 } },   { "cyan", { 28, 206, 214 } },   { "blue", { 32, 72, 216 } },
    { "purple", { 128, 40, 168 } }, { "pink", { 250, 142, 190 } },  { "brown", { 118, 70, 30 } },
    { "black", { 18, 18, 20 } },    { "white", { 252, 252, 252 } },
};
enum { N_COLOURS = sizeof COLOURS / sizeof *COLOURS };

static const struct {
    uint32_t code;
    const char *name;
} EMOJI[] = {
    { 0x1f43c, "panda" },   { 0x1f408, "cat" },    { 0x1f415, "dog" },       { 0x1f418, "elephant" },
    { 0x1f992, "giraffe" }, { 0x1f981, "lion" },   { 0x1f42f, "tiger" },     { 0x1f43b, "bear" },
    { 0x1f428, "koala" },   { 0x1f438, "frog" },   { 0x1f435, "monkey" },    { 0x1f414, "chicken" },
    { 0x1f427, "penguin" }, { 0x1f986, "duck" },   { 0x1f989, "owl" },       { 0x1f41f, "fish" },
    { 0x1f42c, "dolphin" }, { 0x1f422, "turtle" }, { 0x1f40c, "snail" },     { 0x1f98b, "butterfly" },
    { 0x1f41d, "bee" },     { 0x1f437, "pig" },    { 0x1f42e, "cow" },       { 0x1f434, "horse" },
    { 0x1f430, "rabbit" },  { 0x1f98a, "fox" },    { 0x1f33b, "sunflower" }, { 0x1f339, "rose" },
    { 0x1f333, "tree" },    { 0x1f34e, "apple" },  { 0x1f34c, "banana" },    { 0x1f353, "strawberry" },
    { 0x1f355, "pizza" },   { 0x1f354, "burger" }, { 0x1f382, "cake" },      { 0x1f955, "carrot" },
    { 0x1f34b, "lemon" },   { 0x1f697, "car" },    { 0x1f68c, "bus" },       { 0x1f6b2, "bicycle" },
    { 0x1f682, "train" },   { 0x1f680, "rocket" }, { 0x26f5, "boat" },       { 0x1f3e0, "house" },
    { 0x23f0, "clock" },    { 0x1f4d6, "book" },   { 0x1f511, "key" },       { 0x1f388, "balloon" },
    { 0x26bd, "ball" },     { 0x1f3b8, "guitar" }, { 0x1f451, "crown" },     { 0x1f381, "gift" },
    { 0x1f528, "hammer" },
};
enum { N_EMOJI = sizeof EMOJI / sizeof *EMOJI };

static const char *const WORDS[] = {
    "act",  "air",  "arm",   "art",   "bag",  "bed",  "big",  "boat", "bold", "book",  "box",  "bread", "bus",
    "cake", "calm", "camp",  "card",  "cat",  "city", "clay", "cold", "corn", "cup",   "dark", "day",   "deep",
    "desk", "dog",  "door",  "dust",  "east", "egg",  "exit", "face", "farm", "fast",  "fire", "fish",  "flag",
    "fly",  "food", "fox",   "free",  "game", "gift", "go",   "gold", "good", "green", "hand", "hat",   "hello",
    "help", "hill", "home",  "hot",   "ice",  "ink",  "iron", "jam",  "jump", "key",   "kind", "king",  "lake",
    "lamp", "land", "leaf",  "light", "lion", "long", "map",  "milk", "mind", "moon",  "name", "new",   "nine",
    "note", "oak",  "ocean", "oil",   "old",  "open", "page", "park", "pen",  "pink",  "play", "pond",  "quiz",
    "rain", "red",  "rice",  "ring",  "road", "rock", "room", "rose", "salt", "sand",  "sea",  "ship",  "shop",
    "sky",  "snow", "song",  "star",  "stop", "sun",  "tea",  "ten",  "time", "tree",  "two",  "up",    "van",
    "wall", "warm", "water", "west",  "wind", "wolf", "wood", "word", "work", "year",  "yes",  "zero",  "zoo",
};
enum { N_WORDS = sizeof WORDS / sizeof *WORDS };

static const char *const ORDINALS[MAX_SCENES] = { "first", "second", "third" };

static bool is_kept_colour(int colour, Shape s)
{
    return (colour * 7 + (int)s * 3) % N_COLOURS == 0;
}

static bool is_kept_text(const char *text)
{
    uint64_t h = 0;
    for (; *text; text++) h = rng_at(h, (unsigned char)*text);
    return h % 5 == 0;
}

/* ---- options ---- */

typedef enum {
    TASK_GROUND,
    TASK_CAPTION,
    TASK_REGION,
    TASK_WHAT,
    TASK_COUNT,
    TASK_COLOUR,
    TASK_PLACE,
    TASK_READ,
    TASK_CHART,
    TASK_SEVERAL,
    TASK_SAME,
    TASK_MAP,
    TASK_FIND,
    TASK_FIND_REF,
    TASK_FIND_BETWEEN,
    TASK_FIND_IMAGE,
    TASK_LETTERS,
    TASKS
} Task;

static const char *const TASK_NAMES[TASKS] = { "ground", "caption",  "region",       "what",       "count",  "colour",
                                               "place",  "read",     "chart",        "several",    "same",   "map",
                                               "find",   "find-ref", "find-between", "find-image", "letters" };

typedef struct {
    const char *out, *emoji;
    int count, first, least, most, rounds, letters, kinds, characters;
    uint64_t seed;
    bool held_out, mixed_sizes, emoji_alone;
    int weight[TASKS];
} Options;

typedef struct {
    Options o;
    Sprite sprite[N_EMOJI]; /* rgba NULL: the font lacks it */
    int n_sprites;          /* that are there */
} Tool;

/* ---- scenes ---- */

typedef struct {
    char name[NAME_BYTES]; /* "red circle", "panda" */
    const char *kind;      /* "circle", "panda" */
    const char *colour;    /* NULL of a sprite */
    int index;             /* of the shape, or the sprite */
    bool unseen;
    Rect box;
} Thing;

typedef struct {
    Image image;
    Thing thing[MAX_THINGS]; /* from left to right */
    int n;
    const Thing *marked; /* in a red rectangle; NULL: none */
} Scene;

static void new_image(Image *i, int w, int h)
{
    Error e;
    if (image_new(i, w, h, &e)) return;
    fprintf(stderr, "make_scenes: %s\n", e.text);
    exit(1);
}

static bool is_free(const Scene *s, Rect r, int gap)
{
    for (int i = 0; i < s->n; i++) {
        const Rect *b = &s->thing[i].box;
        if (r.x0 < b->x1 + gap && b->x0 < r.x1 + gap && r.y0 < b->y1 + gap && b->y0 < r.y1 + gap) return false;
    }
    return true;
}

/* A free square; false: none was found. */
static bool find_place(const Scene *s, Rng *r, int side, Rect *out)
{
    for (int tries = 0; tries < 60; tries++) {
        const int x = draw_number(r, 1, s->image.w - side - 1), y = draw_number(r, 1, s->image.h - side - 1);
        *out = (Rect){ x, y, x + side, y + side };
        if (is_free(s, *out, GAP)) return true;
    }
    return false;
}

/* The same in a part of the picture that has nothing yet. */
static bool find_part(const Scene *s, Rng *r, int side, Rect *out)
{
    const int w = s->image.w / PARTS, h = s->image.h / PARTS, jitter_x = draw_number(r, 0, w - side),
              jitter_y = draw_number(r, 0, h - side);
    for (int tries = 0; tries < 200; tries++) {
        const int x = draw_number(r, 0, PARTS - 1) * w, y = draw_number(r, 0, PARTS - 1) * h;
        const Rect part = { x, y, x + w, y + h };
        if (is_free(s, part, 0)) {
            *out = (Rect){ x + jitter_x, y + jitter_y, x + jitter_x + side, y + jitter_y + side };
            return true;
        }
    }
    return false;
}

static bool is_named(const Scene *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->thing[i].name, name) == 0) return true;
    return false;
}

static int at_most(int n, int most)
{
    return n < most ? n : most;
}

static int draw_shape_kind(const Tool *t, Rng *r)
{
    return draw_number(r, 0, at_most(t->o.kinds, SHAPE_KINDS) - 1);
}

static void draw_coloured(const Tool *t, Scene *s, Rng *r, Rect place, int only_shape, Thing *out)
{
    int colour, shape;
    do {
        colour = draw_number(r, 0, N_COLOURS - 1);
        shape = only_shape >= 0 ? only_shape : draw_shape_kind(t, r);
        out->unseen = is_kept_colour(colour, (Shape)shape);
        snprintf(out->name, sizeof out->name, "%s %s", COLOURS[colour].name, SHAPE_NAMES[shape]);
    } while (is_named(s, out->name) || (out->unseen && !t->o.held_out));
    int rgb[3];
    for (int k = 0; k < 3; k++) rgb[k] = clip_byte(COLOURS[colour].rgb[k] + draw_number(r, -12, 12));
    out->kind = SHAPE_NAMES[shape];
    out->index = shape;
    out->colour = COLOURS[colour].name;
    out->box = draw_shape(&s->image, (Shape)shape, place.x0, place.y0, place.x1 - place.x0, rgb);
}

static void draw_picture(const Tool *t, Scene *s, Rng *r, Rect place, int only_picture, Thing *out)
{
    int index;
    do index = only_picture >= 0 ? only_picture : draw_number(r, 0, at_most(t->o.kinds, N_EMOJI) - 1);
    while (!t->sprite[index].rgba || is_named(s, EMOJI[index].name));
    snprintf(out->name, sizeof out->name, "%s", EMOJI[index].name);
    out->kind = EMOJI[index].name;
    out->index = index;
    out->box = draw_sprite(&s->image, &t->sprite[index], place.x0, place.y0, place.x1 - place.x0);
}

static const char CHARACTERS[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
enum { N_CHARACTERS = sizeof CHARACTERS - 1 };

static const int DARK[] = { 0, 3, 5, 6, 8, 9 }; /* colours that can be read on every background */

static const int *draw_dark(Rng *r)
{
    return COLOURS[DARK[draw_number(r, 0, 5)]].rgb;
}

/* The first row of a character that has ink. */
static int ink_row(char c)
{
    const FontGlyph g = font_glyph((unsigned char)c);
    for (int y = 0; y < FONT_HEIGHT; y++)
        for (int x = 0; x < g.w; x++)
            if (font_ink(&g, x, y)) return y;
    return 0;
}

static void draw_character(const Tool *t, Scene *s, Rng *r, Rect place, Thing *out)
{
    enum { INK_ROWS = 12 }; /* at most */
    const int scale = (place.x1 - place.x0) / INK_ROWS;
    do snprintf(out->name, sizeof out->name, "%c", CHARACTERS[draw_number(r, 0, t->o.characters - 1)]);
    while (is_named(s, out->name));
    out->kind = "character";
    out->box = draw_text(&s->image, out->name, place.x0, place.y0 - ink_row(out->name[0]) * scale, scale, draw_dark(r));
}

static int by_left_side(const void *a, const void *b)
{
    const Rect *x = &((const Thing *)a)->box, *y = &((const Thing *)b)->box;
    return x->x0 != y->x0 ? (x->x0 < y->x0 ? -1 : 1) : x->y0 < y->y0 ? -1 : x->y0 > y->y0;
}

/* A third of the scenes of shapes have one shape in several colours, so that there is something to count. `like`, or NULL: the first
 * thing is of its kind. */
static void make_scene(const Tool *t, Scene *s, Rng *r, const Thing *like)
{
    static const int LARGEST[FEW] = { 72, 56, 48, 40, 34 };
    const int want = draw_number(r, t->o.least, t->o.most), mixed = t->o.mixed_sizes ? draw_number(r, 0, 7) : 7;
    const bool few = want <= FEW;
    const int only = draw_number(r, 0, 2) == 0 && few && !t->o.emoji_alone ? draw_shape_kind(t, r) : -1;
    *s = (Scene){ 0 };
    new_image(&s->image, mixed == 0 ? 2 * SIDE : SIDE, mixed == 1 ? 2 * SIDE : SIDE);
    draw_background(&s->image, r);
    while (s->n < want) {
        Thing thing = { 0 };
        Rect place;
        const int side = draw_number(r, 24, few ? LARGEST[want - 1] : SIDE / PARTS);
        if (!(few ? find_place : find_part)(s, r, side, &place)) break;
        if (t->o.characters)
            draw_character(t, s, r, place, &thing);
        else if (like && s->n == 0)
            (like->colour ? draw_coloured : draw_picture)(t, s, r, place, like->index, &thing);
        else if (only < 0 && t->n_sprites > MAX_THINGS && (t->o.emoji_alone || draw_number(r, 0, 1)))
            draw_picture(t, s, r, place, -1, &thing);
        else
            draw_coloured(t, s, r, place, only, &thing);
        s->thing[s->n++] = thing;
    }
    qsort(s->thing, (size_t)s->n, sizeof *s->thing, by_left_side);
}

/* ---- talks: what becomes a record ---- */

typedef struct {
    Rng rng;
    json_t *messages, *images, *refs, *boxes, *ids, *tasks;
    bool unseen;
    const char *preface; /* before the first question: the pictures */
} Talk;

static void open_talk(Talk *k, Rng r)
{
    *k = (Talk){ .rng = r,
                 .messages = json_array(),
                 .images = json_array(),
                 .refs = json_array(),
                 .boxes = json_array(),
                 .ids = json_array(),
                 .tasks = json_array(),
                 .preface = "<image>\n" };
}

static void add_ref(Talk *k, const char *name)
{
    json_array_append_new(k->refs, json_string(name));
}

static void add_box(Talk *k, Rect b, int picture)
{
    json_array_append_new(k->boxes, json_pack("[iiii]", b.x0, b.y0, b.x1, b.y1));
    json_array_append_new(k->ids, json_integer(picture));
}

static bool is_boxed(const Talk *k, Rect b)
{
    json_t *box = json_pack("[iiii]", b.x0, b.y0, b.x1, b.y1), *other;
    size_t i;
    bool found = false;
    json_array_foreach(k->boxes, i, other) found |= json_equal(box, other);
    json_decref(box);
    return found;
}

static bool is_asked(const Talk *k, const char *question)
{
    size_t i;
    json_t *m;
    json_array_foreach(k->messages, i,
                       m) if (strstr(json_string_value(json_object_get(m, "content")), question)) return true;
    return false;
}

/* Whether an answer has this name in it. */
static bool is_answered(const Talk *k, const char *name)
{
    for (size_t i = 1; i < json_array_size(k->messages); i += 2)
        if (strstr(json_string_value(json_object_get(json_array_get(k->messages, i), "content")), name)) return true;
    return false;
}

/* Takes both texts over. False: that was asked before. */
static bool add_round(Talk *k, Task task, Str *question, Str *answer)
{
    const bool fresh = !is_asked(k, question->text);
    if (fresh) {
        Str first = { 0 };
        str_printf(&first, "%s%s", json_array_size(k->messages) ? "" : k->preface, question->text);
        json_array_append_new(k->messages, json_pack("{s:s, s:s}", "role", "user", "content", first.text));
        json_array_append_new(k->messages, json_pack("{s:s, s:s}", "role", "assistant", "content", answer->text));
        json_array_append_new(k->tasks, json_string(TASK_NAMES[task]));
        str_free(&first);
    }
    str_free(question);
    str_free(answer);
    return fresh;
}

static bool add_texts(Talk *k, Task task, const char *question, const char *answer)
{
    Str q = { 0 }, a = { 0 };
    str_puts(&q, question);
    str_puts(&a, answer);
    return add_round(k, task, &q, &a);
}

static const char *one_of(Talk *k, const char *const *texts, int n)
{
    return texts[draw_number(&k->rng, 0, n - 1)];
}

static const char *article(const char *name)
{
    return strchr("aeiou", name[0]) ? "an" : "a";
}

static int count_kind(const Scene *s, const char *kind)
{
    int n = 0;
    for (int i = 0; i < s->n; i++) n += strcmp(s->thing[i].kind, kind) == 0;
    return n;
}

static const Thing *any_thing(Talk *k, const Scene *s)
{
    return &s->thing[draw_number(&k->rng, 0, s->n - 1)];
}

/* "red circle", or "circle" where there is one of them alone. */
static const char *call(Talk *k, const Scene *s, const Thing *t)
{
    return count_kind(s, t->kind) == 1 && draw_number(&k->rng, 0, 3) == 0 ? t->kind : t->name;
}

/* ---- tasks of scenes ---- */

static const char *const ARTICLES[] = { "The ", "the ", "" };

static bool ask_ground(Talk *k, const Scene *s, int n)
{
    static const char *const FORMS[][2] = { { "<|ref|>", "<|/ref|>." },
                                            { "<|ref|>", "<|/ref|>" },
                                            { "Locate <|ref|>", "<|/ref|> in the given image." } };
    (void)n;
    char phrase[NAME_BYTES + 8], question[128];
    const Thing *t = any_thing(k, s);
    const int form = draw_number(&k->rng, 0, 2);
    if (is_boxed(k, t->box)) return false; /* it stands above, to be copied */
    snprintf(phrase, sizeof phrase, "%s%s", one_of(k, ARTICLES, 3), call(k, s, t));
    snprintf(question, sizeof question, "%s%s%s", FORMS[form][0], phrase, FORMS[form][1]);
    if (!add_texts(k, TASK_GROUND, question, "<ref-object><bbox>")) return false;
    add_ref(k, phrase);
    add_box(k, t->box, 0);
    k->unseen |= t->unseen;
    return true;
}

typedef enum { PLAIN, COLON, TAGS, TAGS_AND_CALLS } FindForm;

/* Things by name in an order by chance, and the part of the picture (A1 to D4) that the middle of each is in, right after the name
 * (the look-up comes sooner so): it teaches to look up a name, which a caption from left to right does not, with a third of the
 * tokens of boxes. */
static bool find_all(Talk *k, Task task, const Scene *s, FindForm form)
{
    const bool tags = form == TAGS || form == TAGS_AND_CALLS;
    int order[MAX_THINGS] = { 0 };
    Str question = { 0 }, answer = { 0 };
    for (int i = 0; i < s->n; i++) {
        const int at = draw_number(&k->rng, 0, i);
        order[i] = order[at];
        order[at] = i;
    }
    str_puts(&question, tags ? "Find " : "Find");
    for (int i = 0; i < s->n; i++) {
        const Thing *t = &s->thing[order[i]];
        char phrase[NAME_BYTES + 24];
        if (form == TAGS_AND_CALLS)
            snprintf(phrase, sizeof phrase, "<|ref|>%s%s<|/ref|>", one_of(k, ARTICLES, 3), call(k, s, t));
        else
            snprintf(phrase, sizeof phrase, tags ? "<|ref|>the %s<|/ref|>" : " the %s", t->name);
        str_puts(&question, phrase);
        str_printf(&answer, "%s%s%c%d", phrase + (!tags && i == 0), form == COLON ? ":" : "",
                   'A' + (t->box.x0 + t->box.x1) * PARTS / 2 / s->image.w,
                   1 + (t->box.y0 + t->box.y1) * PARTS / 2 / s->image.h);
        k->unseen |= t->unseen;
    }
    return add_round(k, task, &question, &answer);
}

static bool ask_find(Talk *k, const Scene *s, int n)
{
    (void)n;
    return find_all(k, TASK_FIND, s, PLAIN);
}

/* Names in tags, as boxes are asked for. */
static bool ask_find_ref(Talk *k, const Scene *s, int n)
{
    (void)n;
    return find_all(k, TASK_FIND_REF, s, TAGS_AND_CALLS);
}

/* Half-way from the one to the other, over which the look-up is carried to tags. */
static bool ask_find_between(Talk *k, const Scene *s, int n)
{
    (void)n;
    return find_all(k, TASK_FIND_BETWEEN, s, draw_number(&k->rng, 0, 1) ? COLON : TAGS);
}

/* "A red circle, a star and a panda."; with marks for their boxes: "A <ref-object><bbox>, ...". */
static void list_things(Str *out, const Scene *s, bool boxes)
{
    for (int i = 0; i < s->n; i++) {
        const char *name = s->thing[i].name;
        str_printf(out, "%s%s %s",
                   i == 0          ? ""
                   : i == s->n - 1 ? " and "
                                   : ", ",
                   article(name), boxes ? "<ref-object><bbox>" : name);
    }
    str_putc(out, '.');
    if (out->text[0] == 'a') out->text[0] = 'A';
}

static bool list_all(Talk *k, Task task, const Scene *s, const char *question, bool boxes)
{
    Str q = { 0 }, a = { 0 };
    str_puts(&q, question);
    list_things(&a, s, boxes);
    if (!add_round(k, task, &q, &a)) return false;
    for (int i = 0; i < s->n; i++) {
        k->unseen |= s->thing[i].unseen;
        if (!boxes) continue;
        add_ref(k, s->thing[i].name);
        add_box(k, s->thing[i].box, 0);
    }
    return true;
}

static bool ask_caption(Talk *k, const Scene *s, int n)
{
    static const char *const FORMS[] = { "<|grounding|>What is in the picture?", "<|grounding|>Describe the image." };
    (void)n;
    return list_all(k, TASK_CAPTION, s, one_of(k, FORMS, 2), true);
}

static bool ask_region(Talk *k, const Scene *s, int n)
{
    Str question = { 0 }, answer = { 0 };
    const Thing *t = any_thing(k, s);
    (void)n;
    str_puts(&question, "What is in <bbox>?");
    str_printf(&answer, "%s %s.", strcmp(article(t->name), "an") == 0 ? "An" : "A", t->name);
    if (!add_round(k, TASK_REGION, &question, &answer)) return false;
    add_box(k, t->box, 0);
    k->unseen |= t->unseen;
    return true;
}

static const Thing *thing_at(const Scene *s, int x, int y)
{
    for (int i = 0; i < s->n; i++) {
        const Rect *b = &s->thing[i].box;
        if (x >= b->x0 && x < b->x1 && y >= b->y0 && y < b->y1) return &s->thing[i];
    }
    return NULL;
}

/* What stands at the middle of each token's part of a tile, row by row: it teaches where tokens are from and what they show,
 * for a beginning. */
static bool ask_map(Talk *k, const Scene *s, int n)
{
    enum { CELL = SIDE / PARTS };
    Str question = { 0 }, answer = { 0 };
    (void)n;
    str_puts(&question, "Draw a map.");
    for (int y = 0; y < PARTS; y++) {
        for (int x = 0; x < PARTS; x++) {
            const Thing *t = thing_at(s, x * CELL + CELL / 2, y * CELL + CELL / 2);
            str_printf(&answer, " %s", t ? t->name : ".");
        }
        if (y + 1 < PARTS) str_putc(&answer, '\n');
    }
    return add_round(k, TASK_MAP, &question, &answer);
}

static bool ask_what(Talk *k, const Scene *s, int n)
{
    static const char *const FORMS[] = { "What is in the picture?", "What do you see?", "Describe the image." };
    (void)n;
    return list_all(k, TASK_WHAT, s, one_of(k, FORMS, 3), false);
}

/* crosses, butterflies, monkeys, fish, stars; into buf, which is returned. */
static const char *plural(const char *kind, char buf[NAME_BYTES + 4])
{
    const size_t n = strlen(kind);
    const char last = kind[n - 1];
    const bool is_ies = last == 'y' && kind[n - 2] != 'e';
    const char *end = strcmp(kind, "fish") == 0 ? "" : is_ies ? "ies" : strchr("sx", last) ? "es" : "s";
    snprintf(buf, NAME_BYTES + 4, "%.*s%s", (int)(n - is_ies), kind, end);
    return buf;
}

static bool ask_count(Talk *k, const Scene *s, int n)
{
    char question[96], answer[16], name[NAME_BYTES + 4];
    (void)n;
    if (draw_number(&k->rng, 0, 2) == 0) {
        snprintf(answer, sizeof answer, "%d", s->n);
        return add_texts(k, TASK_COUNT, "How many things are there?", answer);
    }
    const char *other = SHAPE_NAMES[draw_number(&k->rng, 0, SHAPE_KINDS - 1)];
    const char *kind = draw_number(&k->rng, 0, 4) ? any_thing(k, s)->kind : other; /* the other mostly is not there */
    snprintf(question, sizeof question, "How many %s are there?", plural(kind, name));
    snprintf(answer, sizeof answer, "%d", count_kind(s, kind));
    return add_texts(k, TASK_COUNT, question, answer);
}

static bool ask_colour(Talk *k, const Scene *s, int n)
{
    char question[96];
    const Thing *t = any_thing(k, s);
    (void)n;
    if (!t->colour || count_kind(s, t->kind) != 1) return false;
    snprintf(question, sizeof question, "What colour is the %s?", t->kind);
    if (!add_texts(k, TASK_COLOUR, question, t->colour)) return false;
    k->unseen |= t->unseen;
    return true;
}

/* Twice the distance from the middle of a to that of b. */
static int distance(const Rect *a, const Rect *b, bool across)
{
    return across ? b->x0 + b->x1 - a->x0 - a->x1 : b->y0 + b->y1 - a->y0 - a->y1;
}

/* Yes and no are equally likely: the answer is drawn first. */
static bool ask_place(Talk *k, const Scene *s, int n)
{
    enum { CLEAR = 40 };
    char question[128];
    const Thing *a = any_thing(k, s), *b = any_thing(k, s);
    const bool across = draw_number(&k->rng, 0, 1), yes = draw_number(&k->rng, 0, 1);
    const int d = distance(&a->box, &b->box, across);
    (void)n;
    if (a == b || (d < CLEAR && d > -CLEAR)) return false;
    const bool before = (d > 0) == yes;
    snprintf(question, sizeof question, "Is the %s %s the %s?", a->name,
             across ? (before ? "left of" : "right of") : (before ? "above" : "below"), b->name);
    return add_texts(k, TASK_PLACE, question, yes ? "yes" : "no");
}

/* ---- several scenes ---- */

static bool ask_several(Talk *k, const Scene *s, int n)
{
    char question[128], answer[32];
    const int which = draw_number(&k->rng, 0, n - 1);
    if (draw_number(&k->rng, 0, 1)) {
        snprintf(question, sizeof question, "What is in the %s image?", ORDINALS[which]);
        return list_all(k, TASK_SEVERAL, &s[which], question, false);
    }
    const Thing *t = any_thing(k, &s[which]);
    if (is_answered(k, t->name)) return false; /* "What is in the first image?" told it */
    for (int i = 0; i < n; i++)
        if (i != which && is_named(&s[i], t->name)) return false;
    snprintf(question, sizeof question, "In which image is the %s?", t->name);
    snprintf(answer, sizeof answer, "In the %s.", ORDINALS[which]);
    return add_texts(k, TASK_SEVERAL, question, answer);
}

/* In-context grounding, in the official words: s[0] has a thing in a red rectangle (make_pair()), s[1] another of its kind. */
static bool ask_same(Talk *k, const Scene *s, int n)
{
    (void)n;
    for (int i = 0; i < s[1].n; i++) {
        const Thing *t = &s[1].thing[i];
        if (strcmp(t->kind, s[0].marked->kind) != 0) continue;
        char phrase[NAME_BYTES + 4];
        snprintf(phrase, sizeof phrase, "the %s", t->kind);
        if (!add_texts(k, TASK_SAME,
                       "<|grounding|>In the first image, an object within the red rectangle is marked. "
                       "Locate the object of the same category in the second image.",
                       "<ref-object><bbox>"))
            return false;
        add_ref(k, phrase);
        add_box(k, t->box, 1);
        k->unseen |= t->unseen;
        return true;
    }
    return false;
}

/* Up to eight things of several pictures by name in an order by chance, and which picture each is in, right after the name. A name
 * that two pictures have is left out. */
static bool ask_find_image(Talk *k, const Scene *s, int n)
{
    enum { MOST = 8 };
    struct {
        const Thing *thing;
        int image;
    } found[MAX_SCENES * MAX_THINGS];
    int total = 0;
    for (int i = 0; i < n; i++)
        for (int t = 0; t < s[i].n; t++) {
            bool twice = false;
            for (int other = 0; other < n; other++) twice |= other != i && is_named(&s[other], s[i].thing[t].name);
            if (twice) continue;
            const int at = draw_number(&k->rng, 0, total);
            found[total] = found[at];
            found[at].thing = &s[i].thing[t];
            found[at].image = i;
            total++;
        }
    if (total == 0) return false;
    Str question = { 0 }, answer = { 0 };
    str_puts(&question, "In which image is");
    for (int i = 0; i < total && i < MOST; i++) {
        str_printf(&question, " the %s", found[i].thing->name);
        str_printf(&answer, "%sthe %s %s", i ? " " : "", found[i].thing->name, ORDINALS[found[i].image]);
        k->unseen |= found[i].thing->unseen;
    }
    str_puts(&question, "?");
    return add_round(k, TASK_FIND_IMAGE, &question, &answer);
}

/* ---- printed text ---- */

/* A word, a number, or letters by chance. */
static void make_text(Rng *r, int letters, char out[16])
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const int kind = draw_number(r, letters < 5 ? 2 : 0, 3), n = draw_number(r, 1, letters);
    if (kind == 0)
        snprintf(out, 16, "%s", WORDS[draw_number(r, 0, N_WORDS - 1)]);
    else if (kind == 1) {
        snprintf(out, 16, "%s", WORDS[draw_number(r, 0, N_WORDS - 1)]);
        for (char *c = out; *c; c++) *c = (char)(*c - 'a' + 'A');
    } else {
        for (int i = 0; i < n; i++)
            out[i] = kind == 2 ? (char)('0' + draw_number(r, i == 0 && n > 1, 9))
                               : LETTERS[draw_number(r, 0, (int)sizeof LETTERS - 2)];
        out[n] = 0;
    }
}

static void make_printed(const Tool *t, Talk *k, Image *i)
{
    static const char *const FORMS[] = { "What is written in the picture?", "Read the text.", "What does it say?" };
    char text[16];
    Rng *r = &k->rng;
    do make_text(r, t->o.letters, text);
    while (is_kept_text(text) && !t->o.held_out);
    int scale = draw_number(r, 2, 4);
    while (scale > 2 && text_width(text, scale) > SIDE - 4) scale--;
    const int w = text_width(text, scale), *rgb = draw_dark(r);
    new_image(i, SIDE, SIDE);
    draw_background(i, r);
    draw_text(i, text, draw_number(r, 1, SIDE - 1 - w), draw_number(r, 0, SIDE - FONT_HEIGHT * scale), scale, rgb);
    add_texts(k, TASK_READ, one_of(k, FORMS, 3), text);
    k->unseen = is_kept_text(text);
}

/* Characters in up to three rows of four, each in a cell of its own, read row by row: many of them a picture. */
static void make_letters(Talk *k, Image *i)
{
    enum { COLUMNS = 4, ROWS = 3, SCALE = 2 };
    Rng *r = &k->rng;
    Str answer = { 0 };
    const int columns = draw_number(r, 1, COLUMNS), rows = draw_number(r, 1, ROWS), *rgb = draw_dark(r);
    const int w = SIDE / columns, h = SIDE / rows, last = draw_number(r, 0, 1) ? 9 : N_CHARACTERS - 1;
    new_image(i, SIDE, SIDE);
    draw_background(i, r);
    for (int y = 0; y < rows; y++) {
        if (y) str_putc(&answer, ' ');
        for (int x = 0; x < columns; x++) {
            const char text[2] = { CHARACTERS[draw_number(r, 0, last)] };
            draw_text(i, text, x * w + draw_number(r, 0, w - FONT_HEIGHT / 2 * SCALE),
                      y * h + draw_number(r, 0, h - FONT_HEIGHT * SCALE), SCALE, rgb);
            str_putc(&answer, text[0]);
        }
    }
    add_texts(k, TASK_LETTERS, "Read the letters.", answer.text);
    str_free(&answer);
}

/* ---- bar charts ---- */

enum { MAX_BARS = 4, TOP_VALUE = 9, CHART_LEFT = 14, CHART_TOP = 6, CHART_BOTTOM = 94 };

typedef struct {
    int n, value[MAX_BARS]; /* 1 to TOP_VALUE, all different */
} Chart;

static Chart make_chart(Rng *r)
{
    Chart c = { .n = draw_number(r, 2, MAX_BARS) };
    for (int i = 0; i < c.n; i++) {
        bool again;
        do {
            c.value[i] = draw_number(r, 1, TOP_VALUE);
            again = false;
            for (int k = 0; k < i; k++) again |= c.value[k] == c.value[i];
        } while (again);
    }
    return c;
}

static int value_row(int value)
{
    return CHART_BOTTOM - value * (CHART_BOTTOM - CHART_TOP) / TOP_VALUE;
}

/* Bars A, B, ..; lines at 3, 6 and 9 with their numbers. */
static void draw_chart(const Chart *c, Rng *r, Image *i)
{
    static const int PAPER[3] = { 250, 250, 250 }, INK[3] = { 40, 40, 40 }, LINE[3] = { 200, 200, 200 };
    const int room = (SIDE - CHART_LEFT) / c->n, width = room * draw_number(r, 45, 75) / 100;
    const int colour = draw_number(r, 0, 8), step = draw_number(r, 0, 3);
    new_image(i, SIDE, SIDE);
    fill_rect(i, (Rect){ 0, 0, SIDE, SIDE }, PAPER);
    for (int v = 3; v <= TOP_VALUE; v += 3) {
        const char digit[2] = { (char)('0' + v), 0 };
        fill_rect(i, (Rect){ CHART_LEFT, value_row(v), SIDE, value_row(v) + 1 }, LINE);
        draw_text(i, digit, 3, value_row(v) - (v == TOP_VALUE ? 5 : 8), 1, INK);
    }
    for (int b = 0; b < c->n; b++) {
        const char letter[2] = { (char)('A' + b), 0 };
        const int left = CHART_LEFT + b * room + (room - width) / 2;
        fill_rect(i, (Rect){ left, value_row(c->value[b]), left + width, CHART_BOTTOM },
                  COLOURS[(colour + b * step) % 9].rgb);
        draw_text(i, letter, left + width / 2 - 4, CHART_BOTTOM + 1, 1, INK);
    }
    fill_rect(i, (Rect){ CHART_LEFT, CHART_TOP, CHART_LEFT + 1, CHART_BOTTOM }, INK);
    fill_rect(i, (Rect){ CHART_LEFT, CHART_BOTTOM, SIDE, CHART_BOTTOM + 1 }, INK);
}

static bool ask_chart(Talk *k, const Chart *c)
{
    char question[64], answer[16];
    const int form = draw_number(&k->rng, 0, 3), bar = draw_number(&k->rng, 0, c->n - 1);
    int best = 0;
    for (int i = 1; i < c->n; i++)
        if ((c->value[i] > c->value[best]) == (form != 1)) best = i;
    if (form == 0)
        snprintf(question, sizeof question, "Which bar is the highest?");
    else if (form == 1)
        snprintf(question, sizeof question, "Which bar is the lowest?");
    else if (form == 2)
        snprintf(question, sizeof question, "What is the value of %c?", 'A' + bar);
    else
        snprintf(question, sizeof question, "How many bars are there?");
    if (form < 2)
        snprintf(answer, sizeof answer, "%c", 'A' + best);
    else
        snprintf(answer, sizeof answer, "%d", form == 2 ? c->value[bar] : c->n);
    return add_texts(k, TASK_CHART, question, answer);
}

/* ---- a record ---- */

/* A question about scenes: s[0], or s[0, n) for tasks of several. False: it does not suit them, or was asked before. */
typedef bool Ask(Talk *k, const Scene *s, int n);
static Ask *const ASK[TASKS] = {
    [TASK_GROUND] = ask_ground,
    [TASK_CAPTION] = ask_caption,
    [TASK_REGION] = ask_region,
    [TASK_WHAT] = ask_what,
    [TASK_COUNT] = ask_count,
    [TASK_COLOUR] = ask_colour,
    [TASK_PLACE] = ask_place,
    [TASK_SEVERAL] = ask_several,
    [TASK_SAME] = ask_same,
    [TASK_MAP] = ask_map,
    [TASK_FIND] = ask_find,
    [TASK_FIND_REF] = ask_find_ref,
    [TASK_FIND_BETWEEN] = ask_find_between,
    [TASK_FIND_IMAGE] = ask_find_image,
};

static Task draw_task(const Tool *t, Rng *r)
{
    int total = 0, task = 0;
    for (int i = 0; i < TASKS; i++) total += t->o.weight[i];
    for (int at = draw_number(r, 0, total - 1); at >= t->o.weight[task]; task++) at -= t->o.weight[task];
    return (Task)task;
}

/* The next of the tasks that are asked for, so that all are equally many. */
static Task task_of(const Tool *t, int index)
{
    int n = 0, task = 0;
    for (int i = 0; i < TASKS; i++) n += t->o.weight[i] > 0;
    for (int skip = index % n; skip >= 0; task++) skip -= t->o.weight[task] > 0;
    return (Task)(task - 1);
}

static bool is_of_several_scenes(Task task)
{
    return task == TASK_SEVERAL || task == TASK_SAME || task == TASK_FIND_IMAGE;
}

static bool is_of_one_scene(Task task)
{
    return task != TASK_READ && task != TASK_LETTERS && task != TASK_CHART && !is_of_several_scenes(task);
}

static void ask_rounds(const Tool *t, Talk *k, Task first, const Scene *s, int n)
{
    const int most_tries = 4 * t->o.rounds; /* a question may not suit, or have been asked */
    const int rounds = t->o.held_out ? 1 : draw_number(&k->rng, 1, t->o.rounds);
    Task task = first;
    for (int tries = 0; tries < most_tries && json_array_size(k->tasks) < (size_t)rounds; tries++) {
        const bool done = ASK[task](k, s, n);
        if (!done && json_array_size(k->tasks) == 0) continue; /* the first question is of the task that was drawn */
        if (is_of_one_scene(first)) do
                task = draw_task(t, &k->rng);
            while (!is_of_one_scene(task));
    }
}

/* A rectangle around the thing, as a person draws one. */
static void mark(Scene *s, const Thing *t, Rng *r)
{
    static const int RED[3] = { 255, 0, 0 };
    const int gap = draw_number(r, 0, 4), line = draw_number(r, 2, 3);
    const Rect in = { t->box.x0 - gap, t->box.y0 - gap, t->box.x1 + gap, t->box.y1 + gap };
    const Rect out = { in.x0 - line, in.y0 - line, in.x1 + line, in.y1 + line };
    fill_rect(&s->image, (Rect){ out.x0, out.y0, out.x1, in.y0 }, RED);
    fill_rect(&s->image, (Rect){ out.x0, in.y1, out.x1, out.y1 }, RED);
    fill_rect(&s->image, (Rect){ out.x0, in.y0, in.x0, in.y1 }, RED);
    fill_rect(&s->image, (Rect){ in.x1, in.y0, out.x1, in.y1 }, RED);
    s->marked = t;
}

/* A scene with a thing marked, and one with another thing of its kind. */
static void make_pair(const Tool *t, Scene s[2], Rng *r)
{
    make_scene(t, &s[0], r, NULL);
    const Thing *marked = &s[0].thing[draw_number(r, 0, s[0].n - 1)];
    mark(&s[0], marked, r);
    for (int tries = 0; tries < 20; tries++) {
        make_scene(t, &s[1], r, marked);
        if (count_kind(&s[1], marked->kind) == 1) return;
        image_free(&s[1].image);
    }
    make_scene(t, &s[1], r, NULL);
}

/* Pictures of one record, and what is asked about them; *n of them in image. False: the scene does not suit the task. */
static bool make_talk(const Tool *t, Talk *k, Task task, Image image[MAX_SCENES], int *n)
{
    static const char *const PREFACES[] = {
        NULL, "<image>\n", "This is the first image: <image>\nThis is the second image: <image>\n",
        "This is the first image: <image>\nThis is the second image: <image>\nThis is the third image: <image>\n"
    };
    *n = task == TASK_SAME ? 2 : is_of_several_scenes(task) ? draw_number(&k->rng, 2, MAX_SCENES) : 1;
    k->preface = task == TASK_SAME ? "<image>\n<image>\n" : PREFACES[*n];
    if (task == TASK_READ) {
        make_printed(t, k, &image[0]);
    } else if (task == TASK_LETTERS) {
        make_letters(k, &image[0]);
    } else if (task == TASK_CHART) {
        const Chart c = make_chart(&k->rng);
        draw_chart(&c, &k->rng, &image[0]);
        const int rounds = t->o.held_out ? 1 : draw_number(&k->rng, 1, t->o.rounds);
        for (int tries = 0; tries < 8 && json_array_size(k->tasks) < (size_t)rounds; tries++) ask_chart(k, &c);
    } else {
        Scene s[MAX_SCENES];
        if (task == TASK_SAME)
            make_pair(t, s, &k->rng);
        else
            for (int i = 0; i < *n; i++) make_scene(t, &s[i], &k->rng, NULL);
        ask_rounds(t, k, task, s, *n);
        for (int i = 0; i < *n; i++) image[i] = s[i].image;
    }
    return json_array_size(k->tasks) > 0;
}

static void close_talk(Talk *k)
{
    json_decref(k->messages);
    json_decref(k->images);
    json_decref(k->refs);
    json_decref(k->boxes);
    json_decref(k->ids);
    json_decref(k->tasks);
}

/* One line; takes nothing over. */
static char *record_line(const Talk *k, int index)
{
    json_t *o =
        json_pack("{s:i, s:O, s:O, s:O}", "id", index, "tasks", k->tasks, "messages", k->messages, "images", k->images);
    if (json_array_size(k->boxes) > 0)
        json_object_set_new(o, "objects",
                            json_pack("{s:O, s:O, s:O}", "ref", k->refs, "bbox", k->boxes, "image_id", k->ids));
    if (k->unseen) json_object_set_new(o, "unseen", json_true());
    char *line = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return line;
}

/* ---- files ---- */

static bool fail_write(const char *path, Error *e)
{
    return fail(e, ERR_SYSTEM, "%s: cannot write: %s", path, strerror(errno));
}

static bool make_folder(const char *path, Error *e)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST || fail_write(path, e);
}

/* Not synced one by one, as image_save() does: there are many, and they can be made again. */
static bool write_image(const char *path, const Image *i, Error *e)
{
    Str png = { 0 };
    if (!image_encode(i, IMAGE_PNG, &png, e)) return false;
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(png.text, 1, png.n, f) == png.n;
    if (f && fclose(f) != 0) ok = false;
    str_free(&png);
    return ok || fail_write(path, e);
}

static bool write_pictures(const Tool *t, Talk *k, int index, const Image *image, int n, Error *e)
{
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        char name[64];
        Str path = { 0 };
        snprintf(name, sizeof name, "pictures/%03d", index / 1000);
        str_printf(&path, "%s/%s", t->o.out, name);
        ok = index % 1000 > 0 || make_folder(path.text, e);
        snprintf(name, sizeof name, "pictures/%03d/%06d%c.png", index / 1000, index, 'a' + i);
        str_clear(&path);
        str_printf(&path, "%s/%s", t->o.out, name);
        ok = ok && write_image(path.text, &image[i], e);
        json_array_append_new(k->images, json_string(name));
        str_free(&path);
    }
    return ok;
}

/* Tries until the scene suits the task: each try has random numbers of its own. */
static bool make_record(const Tool *t, int index, FILE *f, Error *e)
{
    const uint64_t of_index = rng_at(rng_at(t->o.seed, t->o.held_out), (uint64_t)index);
    bool made = false, ok = true;
    for (uint64_t tries = 0; !made; tries++) {
        Talk k;
        Image image[MAX_SCENES] = { 0 };
        int n;
        open_talk(&k, (Rng){ rng_at(of_index, tries), 0 });
        made = make_talk(t, &k, t->o.held_out ? task_of(t, index) : draw_task(t, &k.rng), image, &n);
        if (made && (ok = write_pictures(t, &k, index, image, n, e))) {
            char *line = record_line(&k, index);
            ok = fprintf(f, "%s\n", line) > 0 || fail_write("data.jsonl", e);
            free(line);
        }
        for (int i = 0; i < n; i++) image_free(&image[i]);
        close_talk(&k);
    }
    return ok;
}

static bool make_all(const Tool *t, Error *e)
{
    Str path = { 0 };
    bool ok = make_folder(t->o.out, e);
    str_printf(&path, "%s/pictures", t->o.out);
    ok = ok && make_folder(path.text, e);
    str_printf(&path, "/%03d", t->o.first / 1000);
    ok = ok && make_folder(path.text, e);
    str_clear(&path);
    str_printf(&path, "%s/data.jsonl", t->o.out);
    FILE *f = ok ? fopen(path.text, "wb") : NULL;
    if (ok && !f) ok = fail_write(path.text, e);
    for (int i = 0; ok && i < t->o.count; i++) ok = make_record(t, t->o.first + i, f, e);
    if (f && fclose(f) != 0 && ok) ok = fail_write(path.text, e);
    str_free(&path);
    return ok;
}

/* ---- the command line ---- */

static bool take_tasks(Options *o, const char *list, Error *e)
{
    memset(o->weight, 0, sizeof o->weight);
    while (*list) {
        const size_t n = strcspn(list, ":,");
        int task = 0;
        while (task < TASKS && (strlen(TASK_NAMES[task]) != n || strncmp(TASK_NAMES[task], list, n) != 0)) task++;
        if (task == TASKS) return fail(e, ERR_USAGE, "--tasks: there is no task '%.*s'", (int)n, list);
        list += n;
        o->weight[task] = *list == ':' ? atoi(list + 1) : 1;
        if (o->weight[task] < 1 || o->weight[task] > 1000)
            return fail(e, ERR_USAGE, "--tasks: the weight of %s is not from 1 to 1000", TASK_NAMES[task]);
        list += strcspn(list, ",");
        list += *list == ',';
    }
    return true;
}

static bool take_number(const char *name, const char *text, int lo, int hi, int *out, Error *e)
{
    char *end;
    const long v = strtol(text, &end, 10);
    if (end == text || *end || v < lo || v > hi)
        return fail(e, ERR_USAGE, "%s: found '%s', expected %d to %d", name, text, lo, hi);
    *out = (int)v;
    return true;
}

static bool take_objects(Options *o, const char *text, Error *e)
{
    return (sscanf(text, "%d-%d", &o->least, &o->most) == 2 && o->least >= 1 && o->least <= o->most &&
            o->most <= MAX_THINGS) ||
           fail(e, ERR_USAGE, "--objects: found '%s', expected A-B, 1 to %d", text, MAX_THINGS);
}

static bool take_value(Options *o, const char *name, const char *text, Error *e)
{
    if (strcmp(name, "-o") == 0) return o->out = text, true;
    if (strcmp(name, "--emoji") == 0) return o->emoji = text, true;
    if (strcmp(name, "--tasks") == 0) return take_tasks(o, text, e);
    if (strcmp(name, "--objects") == 0) return take_objects(o, text, e);
    if (strcmp(name, "--count") == 0) return take_number(name, text, 1, 999999, &o->count, e);
    if (strcmp(name, "--first") == 0) return take_number(name, text, 0, 999999, &o->first, e);
    if (strcmp(name, "--rounds") == 0) return take_number(name, text, 1, 20, &o->rounds, e);
    if (strcmp(name, "--characters") == 0) return take_number(name, text, 1, N_CHARACTERS, &o->characters, e);
    if (strcmp(name, "--kinds") == 0) return take_number(name, text, 1, N_EMOJI, &o->kinds, e);
    if (strcmp(name, "--letters") == 0) return take_number(name, text, 1, 5, &o->letters, e);
    if (strcmp(name, "--seed") == 0) return o->seed = strtoull(text, NULL, 10), true;
    return fail(e, ERR_USAGE, "there is no option %s", name);
}

static bool take_options(Options *o, int argc, char **argv, Error *e)
{
    *o = (Options){ .count = 1000, .least = 1, .most = 3, .rounds = 3, .letters = 5, .kinds = N_EMOJI };
    for (int i = 0; i < TASKS; i++) o->weight[i] = 1;
    o->weight[TASK_GROUND] = 3;                              /* the hard one */
    for (int i = TASK_MAP; i < TASKS; i++) o->weight[i] = 0; /* for a beginning */
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--held-out") == 0)
            o->held_out = true;
        else if (strcmp(argv[i], "--mixed-sizes") == 0)
            o->mixed_sizes = true;
        else if (strcmp(argv[i], "--emoji-alone") == 0)
            o->emoji_alone = true;
        else if (i + 1 == argc)
            return fail(e, ERR_USAGE, "%s: there is no such option, or its value is missing", argv[i]);
        else if (!take_value(o, argv[i], argv[i + 1], e))
            return false;
        else
            i++;
    }
    /* Things are drawn until the name is new. */
    if (o->kinds < o->most)
        return fail(e, ERR_USAGE, "--kinds: %d, expected as many as there are things in a scene (%d)", o->kinds,
                    o->most);
    if (o->characters > 0 && o->characters < o->most)
        return fail(e, ERR_USAGE, "--characters: %d, expected as many as there are things in a scene (%d)",
                    o->characters, o->most);
    if (!o->out) return fail(e, ERR_USAGE, "-o DIR is missing");
    if (o->first + o->count > 1000000) return fail(e, ERR_USAGE, "records are numbered to 999999");
    bool fits = false; /* place needs two things */
    for (int i = 0; i < TASKS; i++) fits |= o->weight[i] > 0 && (i != TASK_PLACE || o->most > 1);
    return fits || fail(e, ERR_USAGE, "--tasks place needs --objects with two at least");
}

/* Without --emoji the font may be absent; a font that is named must be there. */
static bool load_emoji(Tool *t, Error *e)
{
    FileMap font;
    const char *path = t->o.emoji ? t->o.emoji : DEFAULT_EMOJI;
    if (strcmp(path, "none") == 0 || (!t->o.emoji && !file_exists(path))) return true;
    if (!file_map(&font, path, e)) return false;
    for (int i = 0; i < N_EMOJI; i++) t->n_sprites += emoji_load(&font, EMOJI[i].code, &t->sprite[i]);
    file_unmap(&font);
    return t->n_sprites == N_EMOJI ||
           fail(e, ERR_FORMAT, "%s: %d of %d pictures found, expected the font of Debian's fonts-noto-color-emoji",
                path, t->n_sprites, N_EMOJI);
}

static void free_tool(Tool *t)
{
    for (int i = 0; i < N_EMOJI; i++) free(t->sprite[i].rgba);
}

int main(int argc, char **argv)
{
    Error e;
    Tool t = { 0 };
    if (argc == 1 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        fputs(USAGE, stdout);
        return 0;
    }
    const bool ok = take_options(&t.o, argc, argv, &e) && load_emoji(&t, &e) && make_all(&t, &e);
    free_tool(&t);
    if (ok) return 0;
    fprintf(stderr, "make_scenes: %s\n", e.text);
    return e.code == ERR_USAGE ? 2 : 1;
}
