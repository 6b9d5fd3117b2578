/* decode_webp.c - WebP through libwebp: lossy, lossless, with alpha (dropped without blending), and the first frame of
 * an animation on its canvas. */
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "image/decode.h"

static void find_orientation(const WebPDemuxer *file, int *orientation)
{
    WebPChunkIterator exif;
    if (!WebPDemuxGetChunk(file, "EXIF", 1, &exif)) return;
    const uint8_t *tiff = exif.chunk.bytes;
    size_t n = exif.chunk.size;
    if (n >= 6 && memcmp(tiff, "Exif\0", 6) == 0) tiff += 6, n -= 6; /* some writers keep JPEG's header */
    *orientation = exif_orientation(tiff, n);
    WebPDemuxReleaseChunkIterator(&exif);
}

static bool decode_frame(const WebPIterator *frame, const Image *out, Error *e)
{
    WebPDecoderConfig config;
    const bool inside = frame->x_offset >= 0 && frame->y_offset >= 0 && frame->width <= out->w - frame->x_offset &&
                        frame->height <= out->h - frame->y_offset;
    if (!inside) return fail(e, ERR_FORMAT, "first frame lies outside of the %d x %d canvas", out->w, out->h);
    if (!WebPInitDecoderConfig(&config)) return fail(e, ERR_SYSTEM, "libwebp is of another version than its headers");
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = image_row(out, frame->y_offset) + (size_t)frame->x_offset * 3;
    config.output.u.RGBA.stride = out->w * 3;
    config.output.u.RGBA.size = (size_t)frame->height * (size_t)out->w * 3 - (size_t)frame->x_offset * 3;
    switch (WebPDecode(frame->fragment.bytes, frame->fragment.size, &config)) {
    case VP8_STATUS_OK: return true;
    case VP8_STATUS_OUT_OF_MEMORY: return fail(e, ERR_MEMORY, "no memory to decode %d x %d pixels", out->w, out->h);
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA: return fail(e, ERR_FORMAT, "cut off before its end");
    case VP8_STATUS_UNSUPPORTED_FEATURE: return fail(e, ERR_UNSUPPORTED, "uses a feature that libwebp does not know");
    case VP8_STATUS_INVALID_PARAM:
    case VP8_STATUS_BITSTREAM_ERROR:
    case VP8_STATUS_USER_ABORT: break;
    }
    return fail(e, ERR_FORMAT, "broken data");
}

static bool decode_demuxed(const Encoded *in, WebPDemuxer *file, Image *out, Error *e)
{
    WebPIterator frame;
    if (!decode_begin(in, WebPDemuxGetI(file, WEBP_FF_CANVAS_WIDTH), WebPDemuxGetI(file, WEBP_FF_CANVAS_HEIGHT), out,
                      e))
        return false;
    if (!WebPDemuxGetFrame(file, 1, &frame)) return fail(e, ERR_FORMAT, "has no frame");
    if (frame.width != out->w || frame.height != out->h) memset(out->rgb, 0, (size_t)out->w * (size_t)out->h * 3);
    const bool ok = decode_frame(&frame, out, e);
    WebPDemuxReleaseIterator(&frame);
    return ok;
}

bool decode_webp(const Encoded *in, Image *out, int *orientation, Error *e)
{
    const WebPData data = { in->bytes, in->n };
    WebPDemuxState state;
    WebPDemuxer *file = WebPDemuxPartial(&data, &state);
    bool ok = false;
    if (state == WEBP_DEMUX_PARSE_ERROR)
        fail(e, ERR_FORMAT, "broken container");
    else if (state != WEBP_DEMUX_DONE || !file)
        fail(e, ERR_FORMAT, "cut off before its end");
    else
        ok = decode_demuxed(in, file, out, e);
    if (ok && in->options->exif_rotate) find_orientation(file, orientation);
    WebPDemuxDelete(file);
    return ok;
}
