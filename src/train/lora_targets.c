/* lora_targets.c - see lora_targets.h. */
#include "train/lora_targets.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define MLP_TARGETS                                                                                                    \
    "*.mlp.experts.*.gate_proj", "*.mlp.experts.*.up_proj", "*.mlp.experts.*.down_proj", "*.mlp.gate_proj",            \
        "*.mlp.up_proj", "*.mlp.down_proj"
static const char *const tiny[] = { "*.self_attn.q_proj", "*.self_attn.k_proj", "*.self_attn.v_proj",
                                    "*.self_attn.o_proj", MLP_TARGETS };
static const char *const small[] = { "*.self_attn.q_proj", "*.self_attn.kv_a_proj_with_mqa", "*.self_attn.kv_b_proj",
                                     "*.self_attn.o_proj", MLP_TARGETS };
#undef MLP_TARGETS

const char *const *lora_preset(const char *name, int *n)
{
    if (strcmp(name, "tiny") == 0) return *n = sizeof tiny / sizeof *tiny, tiny;
    if (strcmp(name, "small") == 0) return *n = sizeof small / sizeof *small, small;
    return NULL;
}

bool lora_targets_match(const LoraTargets *t, const char *module)
{
    const char *dot = strrchr(module, '.'), *last = dot ? dot + 1 : module;
    for (int i = 0; i < t->n_targets; i++) {
        const bool whole = strpbrk(t->target[i], "*?[.") != NULL;
        if (whole ? fnmatch(t->target[i], module, 0) == 0 : strcmp(t->target[i], last) == 0) return true;
    }
    return false;
}

uint64_t lora_targets_count(const LoraTargets *t, const TensorList *shape)
{
    static const char end[] = ".weight";
    uint64_t n = 0;
    for (int i = 0; i < shape->n; i++) {
        const ListedTensor *x = &shape->tensor[i];
        char module[sizeof x->name];
        if (x->n_dims < 2 || !str_ends(x->name, end)) continue;
        snprintf(module, sizeof module, "%.*s", (int)(strlen(x->name) - (sizeof end - 1)), x->name);
        const uint64_t rows = (uint64_t)x->dim[0], cols = listed_elements(x) / rows;
        if (lora_targets_match(t, module)) n += (uint64_t)t->rank * (rows + cols);
    }
    return n;
}
