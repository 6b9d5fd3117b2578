/* lora_targets.c - see lora_targets.h. */
#include "train/lora_targets.h"

#include <fnmatch.h>
#include <string.h>

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
