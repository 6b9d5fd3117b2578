/* adapter.h - low-rank adapters as a PEFT directory: adapter_config.json and adapter_model.safetensors with the tensors
 * base_model.model.<module>.lora_A.weight [r, in] and .lora_B.weight [out, r];  y = W x + scale B (A x). */
#ifndef VL2_FORMAT_ADAPTER_H
#define VL2_FORMAT_ADAPTER_H

#include "format/tensor_files.h"

typedef struct {
    char *module; /* "language.model.layers.0.self_attn.q_proj" */
    const FileTensor *a, *b;
    float scale; /* alpha / r, with use_rslora alpha / sqrt(r); both may be the module's own */
} AdapterModule;

typedef struct {
    char *path;
    TensorFiles *files;
    AdapterModule *module; /* sorted by name */
    int n;
    float dropout;
} Adapter;

/* False: *a is empty. A kind of adapter other than plain LoRA on linear layers is an error that names the key, and so is a rank that
 * is not the config's. */
bool adapter_open(Adapter *a, const char *path, Error *e);
void adapter_close(Adapter *a); /* of a zeroed Adapter: nothing */
/* "DIR" or "DIR:SCALE", as options say it: what follows the last colon is a scale if it is a number. */
bool adapter_open_scaled(Adapter *a, float *scale, const char *text, Error *e);
const AdapterModule *adapter_find(const Adapter *a, const char *module); /* NULL: it has none */

/* What is written: the two matrices of each module, f32. */
typedef struct {
    const char *module;
    const float *a, *b; /* [rank, in], [out, rank] */
    int rows, cols;     /* out, in */
    int rank;
    float scale; /* alpha / rank */
} AdapterMatrices;

/* Writes a directory, which is made if it is not there; each file appears when it is complete. `base`: what the config names as
 * the base model. Modules with another rank or alpha than most have theirs in the config's patterns. n > 0. */
bool adapter_save(const char *path, const char *base, const AdapterMatrices *m, int n, float dropout, Error *e);

#endif
