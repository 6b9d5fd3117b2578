/* vision.h - the SigLIP vision tower. */
#ifndef VL2_MODEL_VISION_H
#define VL2_MODEL_VISION_H

#include "model/weights.h"

/* tiles: [n][image_size][image_size][3] bytes. Result [n * patches, width]; each tile sees only itself, so a tile's rows do
 * not depend on n. */
Tensor *vision_forward(Run *r, const VisionWeights *w, const VisionConfig *c, const ProcessorConfig *pixels,
                       const uint8_t *tiles, int n);

/* The same in parts, one after the other: patches, blocks [from, to), the last norm. */
Tensor *vision_begin(Run *r, const VisionWeights *w, const VisionConfig *c, const ProcessorConfig *pixels,
                     const uint8_t *tiles, int n);
Tensor *vision_blocks(Run *r, const VisionWeights *w, const VisionConfig *c, Tensor *x, int from, int to);
Tensor *vision_end(Run *r, const VisionWeights *w, Tensor *x);

/* What a byte of each channel becomes: torchvision's ToTensor and Normalize. */
void pixel_table(const ProcessorConfig *c, PixelTable *table);

#endif
