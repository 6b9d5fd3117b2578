/* merge.h - a model and adapters become a model: W + scale B A, rounded to the type that W had. */
#ifndef VL2_MODEL_MERGE_H
#define VL2_MODEL_MERGE_H

#include "base/pool.h"
#include "model/lora.h"

typedef struct {
    const Adapter *adapter;
    float scale; /* on top of the adapter's own */
} MergeAdapter;

/* Writes a folder in the published layout, tensor after tensor in strips, so that memory stays small. What no adapter is for is
 * copied byte for byte (so n may be 0). `m` is of a folder: quantised weights cannot take an adapter without loss, and are refused. */
bool model_merge(const Model *m, const MergeAdapter *a, int n, const char *folder, Pool *pool, Error *e);

#endif
