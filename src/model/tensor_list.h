/* tensor_list.h - every tensor of a checkpoint, as its config says: published name, shape, what it is for. Made without
 * weights, from the tables that bind them (weights.c), for counting parameters and for making models. */
#ifndef VL2_MODEL_TENSOR_LIST_H
#define VL2_MODEL_TENSOR_LIST_H

#include <stdint.h>

#include "model/config.h"

typedef enum {
    PART_VISION,
    PART_POOL, /* vision.attn_pool: in every checkpoint, used by nobody */
    PART_PROJECTOR,
    PART_EMBEDDINGS, /* embed_tokens, lm_head */
    PART_LANGUAGE,   /* attention, dense and shared experts, router, norms */
    PART_EXPERTS,    /* routed experts: top_k of n_routed_experts work on a token */
    PART_COUNT
} TensorPart;

typedef enum {
    LISTED_MATRIX,     /* [out, in...] */
    LISTED_ABSORBED,   /* a matrix that is multiplied head by head, along its rows and along its columns: kv_b */
    LISTED_RESIDUAL,   /* a matrix whose output is added to the residual stream */
    LISTED_ROUTER,     /* mlp.gate.weight */
    LISTED_CORRECTION, /* e_score_correction_bias */
    LISTED_HEAD,       /* lm_head */
    LISTED_EMBEDDING,  /* rows that become activations as they are */
    LISTED_NORM,
    LISTED_BIAS
} ListedKind;

typedef struct {
    char name[96];
    TensorPart part;
    ListedKind kind;
    int n_dims;
    int64_t dim[4];
} ListedTensor;

typedef struct {
    ListedTensor *tensor;
    int n, capacity;
} TensorList;

/* End with tensor_list_free(). In weights.c: the same walk over the same tables as weights_bind(). */
bool tensor_list(TensorList *l, const Config *c, Error *e);
void tensor_list_add(TensorList *l, const char *name, ListedKind kind, int n_dims, const int64_t *dim);
void tensor_list_free(TensorList *l);

TensorPart tensor_part(const char *name); /* of any tensor that a checkpoint may have */

uint64_t listed_elements(const ListedTensor *t);
uint64_t tensor_list_elements(const TensorList *l, TensorPart part); /* PART_COUNT: all parts */

#endif
