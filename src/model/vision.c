/* vision.c - SigLIP-SO400M/14 at 384: pre-norm blocks, no class token, no pooling head.
 *     x = patches W + b + pos;   x += Attn(LN(x));   x += fc2(gelu_tanh(fc1(LN(x))));   out = LN(x)
 * 384 = 27 * 14 + 6: the last six pixel rows and columns of a tile are not seen. */
#include "model/vision.h"

#include "nn/tape.h"

void pixel_table(const ProcessorConfig *c, PixelTable *table)
{
    for (int channel = 0; channel < 3; channel++)
        if (c->normalize)
            byte_to_float((float)c->image_mean[channel], (float)c->image_std[channel], table->of[channel]);
        else
            byte_to_float(0, 1, table->of[channel]);
}

typedef struct {
    const VisionBlock *b;
    const VisionConfig *c;
} BlockInput;

static Tensor *block_forward(Run *r, Tensor *x, const void *input)
{
    const BlockInput *in = input;
    const VisionBlock *b = in->b;
    const VisionConfig *c = in->c;
    Tensor *h = layer_norm(r, x, &b->norm1);
    x = add(r, x, linear(r, attend_tiles(r, linear(r, h, &b->qkv), c->grid * c->grid, c->heads), &b->proj));
    h = layer_norm(r, x, &b->norm2);
    return add(r, x, linear(r, gelu_tanh(r, linear(r, h, &b->fc1)), &b->fc2));
}

Tensor *vision_begin(Run *r, const VisionWeights *w, const VisionConfig *c, const ProcessorConfig *pixels,
                     const uint8_t *tiles, int n)
{
    const int patches = c->grid * c->grid;
    PixelTable table;
    pixel_table(pixels, &table);
    Tensor *x = r->tape ? NULL : tensor_new(r, n * patches, c->width);
    const ArenaMark mark = arena_mark(r->arena);
    Tensor *p = patchify(r, tiles, n, c->image_size, c->patch_size, &table);
    Tensor *first = add_rows_repeated(r, linear(r, p, &w->patch_embed), w->pos_embed, patches);
    x = r->tape ? first : run_keep(r, mark, x, first);
    run_trace(r, "vision_block", 0, x);
    return x;
}

Tensor *vision_blocks(Run *r, const VisionWeights *w, const VisionConfig *c, Tensor *x, int from, int to)
{
    for (int i = from; i < to; i++) {
        const BlockInput in = { &w->block[i], c };
        x = run_block(r, x, block_forward, &in, sizeof in);
        run_trace(r, "vision_block", i + 1, x);
    }
    return x;
}

Tensor *vision_end(Run *r, const VisionWeights *w, Tensor *x)
{
    x = layer_norm(r, x, &w->norm);
    run_trace(r, "vision_out", 0, x);
    return x;
}

Tensor *vision_forward(Run *r, const VisionWeights *w, const VisionConfig *c, const ProcessorConfig *pixels,
                       const uint8_t *tiles, int n)
{
    Tensor *x = vision_begin(r, w, c, pixels, tiles, n);
    return vision_end(r, w, vision_blocks(r, w, c, x, 0, c->layers));
}
