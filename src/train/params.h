/* params.h - what is trained: f32 masters of parameters, or adapters on top of them, with their gradients.
 *
 * All values stand in one block and all gradients in another of the same layout, so that clipping, the optimizer and sums over
 * machines are loops over one range. Between parameters lie zeros, up to whole lines of 64 bytes. */
#ifndef VL2_TRAIN_PARAMS_H
#define VL2_TRAIN_PARAMS_H

#include "model/lora.h"
#include "train/lora_targets.h"

typedef struct {
    char *name; /* "language.model.norm.weight"; of an adapter "<module>.lora_A.weight" */
    int n_dims;
    int64_t dim[4];
    size_t at, n; /* floats, from the begin of value and grad */
} Param;

typedef struct {
    Param *param; /* in the order of the model's tables */
    int n, capacity;
    size_t n_values; /* with what lies between */
    float *value, *grad;
    Lora *lora; /* the adapters, when it is these that are trained */
    int n_lora;
    Arena arena;
} Params;

/* Parts of the model and names that stay as they are. Patterns are those of a shell: "*.mlp.gate.weight". */
typedef struct {
    bool freeze_vision, freeze_projector, freeze_language;
    const char *const *freeze;
    int n_freeze;
} ParamChoice;

/* Makes the chosen parameters of a model trainable: each gets an f32 copy that takes the place of what was in the file, and a
 * gradient. The model must not be used after params_close(). */
bool params_open(Params *p, Model *m, const ParamChoice *choice, Error *e);

/* Freezes all of the model and puts an adapter on every matrix that the targets name: A random (uniform, within 1 / sqrt(inputs),
 * from the seed), B zero. At most one of the two opens a model. */
bool params_open_lora(Params *p, Model *m, const LoraTargets *targets, uint64_t seed, Error *e);

/* The same with the adapter of a file, to go on with it. */
bool params_open_adapter(Params *p, Model *m, const Adapter *a, Error *e);

/* The adapters as a PEFT directory. */
bool params_save_adapter(const Params *p, const char *path, const char *base, Error *e);

void params_close(Params *p); /* of zeroed Params: nothing */

void params_zero_grad(Params *p);
uint64_t params_count(const Params *p); /* trainable numbers */
const Param *params_find(const Params *p, const char *name);

#endif
