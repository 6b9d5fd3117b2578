/* trace.h - collects the intermediate tensors of one request that runs through the engine, whole, under the names that the
 * goldens use: vision_block.N and vision_out [n, P, W], projector_out [n, p, D], inputs_embeds, attn_out.N, mlp_out.N,
 * layer_out.N, final_norm [T, D], logits [T, V], moe_ids.N, moe_weights.N [T, k]. Rows of later steps (chunks, the answer)
 * are put below those of earlier ones. */
#ifndef VL2_ENGINE_TRACE_H
#define VL2_ENGINE_TRACE_H

#include "engine/engine.h"
#include "format/safetensors.h"

typedef struct {
    char *name;  /* "layer_out.3" */
    float *data; /* [rows][cols] */
    size_t rows, cols, capacity;
} TracedTensor;

typedef struct {
    TracedTensor *tensor;
    int n, capacity;
    char **only; /* names, or beginnings before a dot, that are kept; NULL: all */
    int n_only;
    TraceSink sink;
} Trace;

/* `only`: comma-separated names ("logits,layer_out,moe_ids.2"), NULL for all. */
void trace_open(Trace *t, const char *only);
void trace_close(Trace *t);
const TracedTensor *trace_find(const Trace *t, const char *name); /* NULL if it was not seen */

/* Writes the request's ids, mask, crops and pixels, and all that was traced of the first prompt.n rows; with `greedy` also
 * gen_ids and gen_logits: the answer and the raw logits before each of its tokens. */
bool trace_save(const Trace *t, const Vl2Request *r, bool greedy, const char *path, Error *e);

#endif
