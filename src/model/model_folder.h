/* model_folder.h - a model becomes a folder in the published layout: model.safetensors and the texts of the model that it came
 * from. The folder is filled under another name, beside its own, which it gets when all is there. */
#ifndef VL2_MODEL_MODEL_FOLDER_H
#define VL2_MODEL_MODEL_FOLDER_H

#include "format/model_source.h"

/* Writes the weights to `path`. */
typedef bool FillWeights(void *context, const char *path, Error *e);

/* `folder` must not be there. */
bool model_folder_write(const char *folder, const ModelSource *texts, FillWeights *fill, void *context, Error *e);

#endif
