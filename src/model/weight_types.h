/* weight_types.h - which number type each tensor of a converted model has: one choice for each group of matrices, and what never
 * follows it. */
#ifndef VL2_MODEL_WEIGHT_TYPES_H
#define VL2_MODEL_WEIGHT_TYPES_H

#include "kernels/dtype.h"
#include "model/tensor_list.h"

typedef enum {
    GROUP_EXPERTS,    /* routed */
    GROUP_SHARED,     /* shared experts */
    GROUP_DENSE,      /* the MLP of layers without experts */
    GROUP_ATTENTION,  /* of the language model */
    GROUP_EMBEDDINGS, /* embed_tokens */
    GROUP_HEAD,       /* lm_head */
    GROUP_VISION,     /* tower and projector */
    WEIGHT_GROUPS
} WeightGroup;

typedef struct {
    DType of[WEIGHT_GROUPS];
} WeightTypes;

const char *weight_group_name(WeightGroup g); /* "experts", ... */
bool weight_has_group(const ListedTensor *t); /* a matrix whose type is chosen; not a router or vector */
WeightGroup weight_group(const ListedTensor *t);

/* The type of a tensor whose source has type `source`. Norms, biases, position table, newline, separator and correction bias
 * are f32; the router, too, but where dense matrices keep their type: then it keeps its own, and every bit stays. The patch
 * embedding, whose rows lie in four dimensions, is not quantised. kv_b of latent attention is not either, but has 16 bits: an
 * error there reaches keys and values of every head, and its absorbed form multiplies by columns, which blocks along a row
 * do not give one by one. */
DType weight_type(const WeightTypes *types, const ListedTensor *t, DType source);

typedef struct {
    const char *name, *reason;
    WeightTypes types;
} WeightPreset;
extern const WeightPreset WEIGHT_PRESETS[]; /* ended by a NULL name */

/* "q4_0", "bf16", ...: a type that a matrix may have; case does not matter. */
bool matrix_type_find(const char *name, DType *out);
/* A preset or a type for all groups; an error lists the names. */
bool weight_types_find(const char *name, WeightTypes *out, Error *e);

#endif
