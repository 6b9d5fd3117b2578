/* cmd_tiles.c - `vl2 tiles`: how a picture is cut before the vision tower sees it. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "image/resize.h"
#include "image/tile.h"
#include "model/config.h"
#include "model/projector.h"

/* The published models' processor: candidates in the order of the file, which breaks ties. */
static const Size PUBLISHED[] = { { 384, 384 },  { 384, 768 },  { 768, 384 },  { 384, 1152 }, { 1152, 384 },
                                  { 384, 1536 }, { 1536, 384 }, { 768, 768 },  { 384, 1920 }, { 1920, 384 },
                                  { 384, 2304 }, { 2304, 384 }, { 768, 1152 }, { 1152, 768 }, { 384, 2688 },
                                  { 2688, 384 }, { 384, 3072 }, { 3072, 384 }, { 768, 1536 }, { 1536, 768 },
                                  { 384, 3456 }, { 3456, 384 }, { 1152, 1152 } };
enum { PUBLISHED_PATCH = 14, PUBLISHED_RATIO = 2 };
enum { CROPPED_PICTURES = 2 }; /* with more in a conversation the official processor cuts none of them */
enum { GAP = 16, LINE = 2 };   /* of the drawing, pixels */

typedef struct {
    const char *model, *out;
    int pictures;
    bool no_crop, json;
} CutArgs;

typedef struct {
    CutArgs cut;
    PictureArgs picture;
} TilesArgs;

#define T CutArgs
static const Option CUT_OPTIONS[] = {
    OPTION_TEXT(
        T, out, "output", 'o', "OUT",
        "Draw the cut (.png, .jpg): the global view, and beside it the padded picture with the borders of its tiles. "
        "Default: none."),
    OPTION_INTEGER(T, pictures, "pictures", 0, "N", 1, 1000,
                   "Pictures in the whole conversation; with more than 2 none is cut into tiles. Default: 1."),
    OPTION_FLAG(T, no_crop, "no-crop", 0, "As with more than 2 pictures: one padded view. Default: off."),
    OPTION_TEXT(T, model, "model", 'm', "MODEL",
                "Model whose candidate resolutions are used. Default: the 23 of the published models."),
    OPTION_FLAG(T, json, "json", 0, "One line of JSON instead of the text. Default: off."),
    OPTIONS_END
};
#undef T

static const Group GROUPS[] = { { "Cut", CUT_OPTIONS, offsetof(TilesArgs, cut) },
                                { "Pictures", PICTURE_OPTIONS, offsetof(TilesArgs, picture) },
                                { 0 } };

/* What the processor knows. */
typedef struct {
    const Size *candidate;
    int n, side;
    int grid; /* image tokens a side of a tile */
    Colour around;
} Cutter;

static Cutter cutter_of(const Config *c)
{
    if (!c)
        return (Cutter){ PUBLISHED, sizeof PUBLISHED / sizeof *PUBLISHED, PUBLISHED[0].w,
                         (PUBLISHED[0].w / PUBLISHED_PATCH + PUBLISHED_RATIO - 1) / PUBLISHED_RATIO, COLOUR_GRAY };
    const ProcessorConfig *p = &c->processor;
    return (Cutter){ p->candidate, p->n_candidates, p->image_size,
                     (p->image_size / p->patch_size + p->downsample_ratio - 1) / p->downsample_ratio, p->around };
}

static int count_tokens(const Cutter *c, const Tiles *t)
{
    return image_token_count(c->grid, t->across, t->down);
}

/* ---- the drawing ---- */

static void paste_tile(Image *out, const Tiles *t, int index, int x, int y)
{
    const size_t row = (size_t)t->side * 3;
    const uint8_t *from = t->rgb + (size_t)index * (size_t)t->side * row;
    for (int i = 0; i < t->side; i++, from += row)
        memcpy(out->rgb + ((size_t)(y + i) * (size_t)out->w + (size_t)x) * 3, from, row);
}

static void fill(Image *out, int x, int y, int w, int h, const uint8_t rgb[3])
{
    for (int i = 0; i < h; i++)
        for (int k = 0; k < w; k++) memcpy(out->rgb + ((size_t)(y + i) * (size_t)out->w + (size_t)(x + k)) * 3, rgb, 3);
}

static bool draw_cut(const Tiles *t, const char *path, Error *e)
{
    static const uint8_t WHITE[3] = { 255, 255, 255 }, RED[3] = { 230, 30, 30 };
    Image out;
    const int side = t->side, left = side + GAP;
    if (!image_new(&out, left + t->across * side, t->down * side, e)) return false;
    fill(&out, 0, 0, out.w, out.h, WHITE);
    paste_tile(&out, t, 0, 0, 0);
    for (int y = 0; y < t->down; y++)
        for (int x = 0; x < t->across; x++) paste_tile(&out, t, 1 + y * t->across + x, left + x * side, y * side);
    for (int x = 1; x < t->across; x++) fill(&out, left + x * side - LINE / 2, 0, LINE, out.h, RED);
    for (int y = 1; y < t->down; y++) fill(&out, left, y * side - LINE / 2, t->across * side, LINE, RED);
    const bool ok = image_save(&out, path, e);
    image_free(&out);
    return ok;
}

/* ---- the report ---- */

static void print_text(const char *path, const Image *i, const Cutter *c, const Tiles *t)
{
    print_untrusted(path, strlen(path));
    printf(": %d x %d pixels\n", i->w, i->h);
    printf("resolution  %d x %d: %d across, %d down, tiles of %d x %d\n", t->across * t->side, t->down * t->side,
           t->across, t->down, t->side, t->side);
    if (t->n == 2)
        puts("vision      1 tile: the global view, which is the picture's only tile, too");
    else
        printf("vision      %d tiles: the global view and %d of the picture\n", t->n, t->n - 1);
    printf("tokens      %d\n", count_tokens(c, t));
}

static void print_json(const Image *i, const Cutter *c, const Tiles *t)
{
    json_t *o = json_pack("{s:[ii], s:[ii], s:i, s:i, s:i, s:i, s:i}", "size", i->w, i->h, "resolution",
                          t->across * t->side, t->down * t->side, "across", t->across, "down", t->down, "side", t->side,
                          "tiles", t->n, "tokens", count_tokens(c, t));
    print_json_line(o);
}

static bool report(const TilesArgs *a, const char *path, const Image *i, const Cutter *c, Error *e)
{
    Tiles t;
    const bool crop = !a->cut.no_crop && a->cut.pictures <= CROPPED_PICTURES;
    if (!tiles_cut(&t, i, c->candidate, c->n, c->side, crop, c->around, e)) return fail_in(e, "%s", path);
    const bool ok = !a->cut.out || draw_cut(&t, a->cut.out, e);
    if (ok && a->cut.json)
        print_json(i, c, &t);
    else if (ok)
        print_text(path, i, c, &t);
    tiles_free(&t);
    return ok;
}

static bool work(const TilesArgs *a, const char *path, Error *e)
{
    Image image;
    Config config = { 0 };
    const ImageOptions o = image_options_of(&a->picture);
    if (a->cut.model && !config_load(&config, a->cut.model, e)) return false;
    bool ok = image_load(&image, path, &o, e);
    if (ok) {
        const Cutter c = cutter_of(a->cut.model ? &config : NULL);
        ok = report(a, path, &image, &c, e);
        image_free(&image);
    }
    if (a->cut.model) config_free(&config);
    return ok;
}

static bool check(const CutArgs *a, int n_operands, Error *e)
{
    if (n_operands != 1) return fail(e, ERR_USAGE, "a picture's file name is missing");
    if (!a->out || str_ends(a->out, ".png") || str_ends(a->out, ".jpg") || str_ends(a->out, ".jpeg")) return true;
    return fail(e, ERR_USAGE, "--output: found '%s', expected a name that ends in .png, .jpg or .jpeg", a->out);
}

static int tiles(const Command *self, int argc, char **argv)
{
    TilesArgs a = { .cut = { .pictures = 1 }, .picture = PICTURE_DEFAULTS };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    if (!check(&a.cut, n, &e) || !work(&a, argv[1], &e)) return args_report(self, &e);
    return finish_output();
}

const Command CMD_TILES = {
    .name = "tiles",
    .summary = "how a picture is cut: resolution, tiles, tokens",
    .usage = (const char *const[]){ "tiles [options] PICTURE", NULL },
    .about = "Says which of the candidate resolutions fits the picture best, into how many tiles it is cut and how "
             "many tokens "
             "of the prompt it takes.",
    .group = GROUPS,
    .example = (const char *const[]){ "See the cut", "vl2 tiles cat.jpg -o cut.png",
                                      "The same picture as one of three in a conversation",
                                      "vl2 tiles cat.jpg --pictures 3", NULL },
    .max_operands = 1,
    .run = tiles,
};
