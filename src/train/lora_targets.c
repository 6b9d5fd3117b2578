/* lora_targets.c - see lora_targets.h. */
#include "train/lora_targets.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
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

const char *lora_preset_for(const LanguageConfig *c)
{
    return c->use_mla ? "small" : "tiny";
}

/* A target and the rank behind it, 0: none. */
typedef struct {
    char *name;
    long rank;
    bool wrong; /* what is behind the colon is no rank */
} Target;

static Target target_of(const char *text)
{
    const char *colon = strrchr(text, ':');
    Target t = { .name = xstrndup(text, colon ? (size_t)(colon - text) : strlen(text)) };
    char *end;
    if (!colon) return t;
    t.rank = strtol(colon + 1, &end, 10);
    t.wrong = end == colon + 1 || *end || t.rank < 1 || t.rank > MAX_LORA_RANK;
    return t;
}

bool lora_target_check(const char *target, Error *e)
{
    Target t = target_of(target);
    free(t.name);
    return !t.wrong || fail(e, ERR_USAGE, "--lora-target: found '%s', expected NAME or NAME:RANK, RANK from 1 to %d",
                            target, MAX_LORA_RANK);
}

static bool fits(const char *name, const char *module)
{
    const char *dot = strrchr(module, '.'), *last = dot ? dot + 1 : module;
    const bool whole = strpbrk(name, "*?[.") != NULL;
    return whole ? fnmatch(name, module, 0) == 0 : strcmp(name, last) == 0;
}

static bool names_module(const char *name, const char *module)
{
    int n;
    const char *const *list = lora_preset(name, &n);
    if (!list) return fits(name, module);
    for (int i = 0; i < n; i++)
        if (fits(list[i], module)) return true;
    return false;
}

int lora_targets_rank(const LoraTargets *t, const char *module)
{
    for (int i = 0; i < t->n_targets; i++) {
        Target x = target_of(t->target[i]);
        const bool named = names_module(x.name, module);
        free(x.name);
        if (named) return x.rank > 0 ? (int)x.rank : t->rank;
    }
    return 0;
}

float lora_targets_scale(const LoraTargets *t, int rank)
{
    return t->alpha > 0 ? t->alpha / (float)rank : 2;
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
        n += (uint64_t)lora_targets_rank(t, module) * (rows + cols);
    }
    return n;
}
