/* decode_gif.c - the first frame of a GIF through giflib, on its screen. As Pillow: a frame that passes the screen's
 * edge makes the screen larger; what the frame leaves free has the transparent colour, else colour 0; an index
 * that the palette lacks is the gray of its number. */
#include <string.h>

#include <gif_lib.h>

#include "image/decode.h"

typedef struct {
    const uint8_t *bytes;
    size_t n, at;
} Stream;

typedef struct {
    uint8_t rgb[256][3];
} Palette;

static int read_stream(GifFileType *gif, GifByteType *out, int want)
{
    Stream *s = gif->UserData;
    const size_t left = s->n - s->at, n = (size_t)want < left ? (size_t)want : left;
    memcpy(out, s->bytes + s->at, n);
    s->at += n;
    return (int)n;
}

static bool fail_gif(int code, Error *e)
{
    const char *text = GifErrorString(code);
    return fail(e, code == D_GIF_ERR_NOT_ENOUGH_MEM ? ERR_MEMORY : ERR_FORMAT, "%s", text ? text : "broken data");
}

/* Goes to the first frame; *transparent: the colour index that its graphics control names, else 0. */
static bool find_frame(GifFileType *gif, int *transparent, Error *e)
{
    for (;;) {
        GifRecordType type;
        GifByteType *block;
        int code;
        if (DGifGetRecordType(gif, &type) != GIF_OK) return fail_gif(gif->Error, e);
        if (type == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) == GIF_OK || fail_gif(gif->Error, e);
        if (type != EXTENSION_RECORD_TYPE) return fail(e, ERR_FORMAT, "has no frame");
        if (DGifGetExtension(gif, &code, &block) != GIF_OK) return fail_gif(gif->Error, e);
        if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4) *transparent = block[1] & 1 ? block[4] : 0;
        while (block)
            if (DGifGetExtensionNext(gif, &block) != GIF_OK) return fail_gif(gif->Error, e);
    }
}

/* An index without a colour is the gray of its number. */
static void fill_palette(const GifFileType *gif, Palette *p)
{
    const ColorMapObject *map = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
    for (int i = 0; i < 256; i++) {
        GifColorType c = { (GifByteType)i, (GifByteType)i, (GifByteType)i };
        if (map && i < map->ColorCount) c = map->Colors[i];
        memcpy(p->rgb[i], &(uint8_t[3]){ c.Red, c.Green, c.Blue }, 3);
    }
}

static bool read_row(GifFileType *gif, uint8_t *rgb, const Palette *p, Error *e)
{
    GifPixelType line[UINT16_MAX];
    const int w = gif->Image.Width;
    if (DGifGetLine(gif, line, w) != GIF_OK) return fail_gif(gif->Error, e);
    for (int x = 0; x < w; x++) memcpy(rgb + 3 * x, p->rgb[line[x]], 3);
    return true;
}

/* Interlaced rows come in four passes. */
static bool read_rows(GifFileType *gif, const Image *out, const Palette *p, Error *e)
{
    static const int FIRST[] = { 0, 4, 2, 1 }, STEP[] = { 8, 8, 4, 2 };
    const GifImageDesc *f = &gif->Image;
    for (int pass = 0; pass < (f->Interlace ? 4 : 1); pass++) {
        for (int y = FIRST[pass]; y < f->Height; y += f->Interlace ? STEP[pass] : 1)
            if (!read_row(gif, image_row(out, f->Top + y) + 3 * f->Left, p, e)) return false;
    }
    return true;
}

static bool decode_frame(const Encoded *in, GifFileType *gif, Image *out, Error *e)
{
    int free_colour = 0;
    Palette p;
    const GifImageDesc *f = &gif->Image;
    if (!find_frame(gif, &free_colour, e)) return false;
    if (f->Width <= 0 || f->Height <= 0)
        return fail(e, ERR_FORMAT, "first frame is %d x %d pixels", f->Width, f->Height);
    const int right = f->Left + f->Width, bottom = f->Top + f->Height; /* each is 16 bits in the file */
    const int w = right > gif->SWidth ? right : gif->SWidth, h = bottom > gif->SHeight ? bottom : gif->SHeight;
    if (!decode_begin(in, (uint64_t)w, (uint64_t)h, out, e)) return false;
    fill_palette(gif, &p);
    if (f->Width < w || f->Height < h)
        for (size_t i = 0; i < (size_t)w * (size_t)h; i++) memcpy(out->rgb + 3 * i, p.rgb[free_colour], 3);
    return read_rows(gif, out, &p, e);
}

bool decode_gif(const Encoded *in, Image *out, int *orientation, Error *e)
{
    (void)orientation; /* the format has none */
    int code = 0;
    Stream s = { in->bytes, in->n, 0 };
    GifFileType *gif = DGifOpen(&s, read_stream, &code);
    if (!gif) return fail_gif(code, e);
    const bool ok = decode_frame(in, gif, out, e);
    DGifCloseFile(gif, NULL);
    return ok;
}
