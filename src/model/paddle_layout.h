/* paddle_layout.h - the weights of PaddleMIX: the published names, but every linear, the router too, is stored as [in, out]. */
#ifndef VL2_MODEL_PADDLE_LAYOUT_H
#define VL2_MODEL_PADDLE_LAYOUT_H

#include "format/tensor_files.h"
#include "model/config.h"

/* Turns all linears of such files into the published [out, in], in memory; of others it changes nothing. Which it is the shapes
 * that are not square say, and the square ones follow; where they contradict each other, that is an error. */
bool paddle_layout_turn(TensorFiles *files, const Config *c, Error *e);

#endif
