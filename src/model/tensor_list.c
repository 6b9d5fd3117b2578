/* tensor_list.c - see tensor_list.h. */
#include "model/tensor_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

TensorPart tensor_part(const char *name)
{
    if (str_starts(name, "vision.attn_pool.")) return PART_POOL;
    if (str_starts(name, "vision.")) return PART_VISION;
    if (!str_starts(name, "language.")) return PART_PROJECTOR; /* with image_newline and view_seperator */
    if (strstr(name, ".embed_tokens.") || strstr(name, ".lm_head.")) return PART_EMBEDDINGS;
    return strstr(name, ".mlp.experts.") ? PART_EXPERTS : PART_LANGUAGE;
}

void tensor_list_add(TensorList *l, const char *name, ListedKind kind, int n_dims, const int64_t *dim)
{
    ListedTensor t = { .part = tensor_part(name), .kind = kind, .n_dims = n_dims };
    snprintf(t.name, sizeof t.name, "%s", name);
    for (int i = 0; i < n_dims; i++) t.dim[i] = dim[i];
    GROW(l->tensor, l->n, l->capacity);
    l->tensor[l->n++] = t;
}

void tensor_list_free(TensorList *l)
{
    free(l->tensor);
    *l = (TensorList){ 0 };
}

uint64_t listed_elements(const ListedTensor *t)
{
    uint64_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= (uint64_t)t->dim[i];
    return n;
}

uint64_t tensor_list_elements(const TensorList *l, TensorPart part)
{
    uint64_t n = 0;
    for (int i = 0; i < l->n; i++)
        if (part == PART_COUNT || l->tensor[i].part == part) n += listed_elements(&l->tensor[i]);
    return n;
}
