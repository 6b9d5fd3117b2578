/* lora_targets.h - which matrices get an adapter, and of what kind. */
#ifndef VL2_TRAIN_LORA_TARGETS_H
#define VL2_TRAIN_LORA_TARGETS_H

#include <stdbool.h>

#include "base/error.h"
#include "model/tensor_list.h"

/* A module is named without ".weight": "language.model.layers.3.self_attn.q_proj". A target names modules
 *   by a pattern of a shell that fits the whole name:   *.self_attn.q_proj
 *   or, without a star, by the last part of the name:   q_proj
 *   or with a preset's name by its list:                tiny
 * and may end with a rank of its own:                   q_proj:16
 * The first target that names a module counts. Presets are PaddleMIX's lists: "tiny" for multi-head and "small" for latent attention. */
typedef struct {
    const char *const *target;
    int n_targets;
    int rank;    /* of targets without their own */
    float alpha; /* the product of an adapter is scaled by alpha / rank; 0: by 2, as if alpha were twice the rank */
    float dropout;
} LoraTargets;

/* The targets of a preset; NULL if there is none of that name. */
const char *const *lora_preset(const char *name, int *n);
const char *lora_preset_for(const LanguageConfig *c); /* the name of the one that fits a model */

/* Whether a rank behind a colon is one, from 1 to MAX_LORA_RANK. */
enum { MAX_LORA_RANK = 1024 };
bool lora_target_check(const char *target, Error *e);

int lora_targets_rank(const LoraTargets *t, const char *module); /* of the module's adapter; 0: it gets none */
float lora_targets_scale(const LoraTargets *t, int rank);

/* Trainable numbers of the adapters that a model of this shape would get. */
uint64_t lora_targets_count(const LoraTargets *t, const TensorList *shape);

#endif
