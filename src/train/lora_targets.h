/* lora_targets.h - which matrices get an adapter, and of what kind. */
#ifndef VL2_TRAIN_LORA_TARGETS_H
#define VL2_TRAIN_LORA_TARGETS_H

#include <stdbool.h>

#include "model/tensor_list.h"

/* A module is named without ".weight": "language.model.layers.3.self_attn.q_proj". A target names modules
 *   by a pattern of a shell that fits the whole name:   *.self_attn.q_proj
 *   or, without a star, by the last part of the name:   q_proj
 * Both kinds with a preset's list: PaddleMIX's, "tiny" for multi-head and "small" for latent attention. */
typedef struct {
    const char *const *target;
    int n_targets;
    int rank;
    float alpha, dropout; /* the product of an adapter is scaled by alpha / rank */
} LoraTargets;

/* The targets of a preset; NULL if there is none of that name. */
const char *const *lora_preset(const char *name, int *n);

bool lora_targets_match(const LoraTargets *t, const char *module);

/* Trainable numbers of the adapters that a model of this shape would get. */
uint64_t lora_targets_count(const LoraTargets *t, const TensorList *shape);

#endif
