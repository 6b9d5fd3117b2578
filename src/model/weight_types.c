/* weight_types.c - see weight_types.h. */
#include "model/weight_types.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

static const char *const GROUP_NAMES[WEIGHT_GROUPS] = {
    [GROUP_EXPERTS] = "experts",     [GROUP_SHARED] = "shared",         [GROUP_DENSE] = "dense",
    [GROUP_ATTENTION] = "attention", [GROUP_EMBEDDINGS] = "embeddings", [GROUP_HEAD] = "head",
    [GROUP_VISION] = "vision",
};

/* clang-format off */
const WeightPreset WEIGHT_PRESETS[] = {
    { "q8", "8 bits everywhere: answers like the original's at half of its size",
      { { [GROUP_EXPERTS] = DT_Q8_0, [GROUP_SHARED] = DT_Q8_0, [GROUP_DENSE] = DT_Q8_0, [GROUP_ATTENTION] = DT_Q8_0,
          [GROUP_EMBEDDINGS] = DT_Q8_0, [GROUP_HEAD] = DT_Q8_0, [GROUP_VISION] = DT_Q8_0 } } },
    { "q4", "4 bits (IQ4_NL) where most of the bytes are, in the layers of the language model; 8 where every token or tile "
            "passes and an error is seen at once: embeddings, head, vision",
      { { [GROUP_EXPERTS] = DT_IQ4_NL, [GROUP_SHARED] = DT_IQ4_NL, [GROUP_DENSE] = DT_IQ4_NL, [GROUP_ATTENTION] = DT_IQ4_NL,
          [GROUP_EMBEDDINGS] = DT_Q8_0, [GROUP_HEAD] = DT_Q8_0, [GROUP_VISION] = DT_Q8_0 } } },
    { "q4-small", "4 bits (IQ4_NL) everywhere: the smallest, and the fewest bytes read for a token",
      { { [GROUP_EXPERTS] = DT_IQ4_NL, [GROUP_SHARED] = DT_IQ4_NL, [GROUP_DENSE] = DT_IQ4_NL, [GROUP_ATTENTION] = DT_IQ4_NL,
          [GROUP_EMBEDDINGS] = DT_IQ4_NL, [GROUP_HEAD] = DT_IQ4_NL, [GROUP_VISION] = DT_IQ4_NL } } },
    { NULL, NULL, { { 0 } } },
};
/* clang-format on */

const char *weight_group_name(WeightGroup g)
{
    return GROUP_NAMES[g];
}

WeightGroup weight_group(const ListedTensor *t)
{
    switch (t->part) {
    case PART_EXPERTS: return GROUP_EXPERTS;
    case PART_EMBEDDINGS: return t->kind == LISTED_HEAD ? GROUP_HEAD : GROUP_EMBEDDINGS;
    case PART_LANGUAGE:
        return strstr(t->name, ".self_attn.")        ? GROUP_ATTENTION
               : strstr(t->name, ".shared_experts.") ? GROUP_SHARED
                                                     : GROUP_DENSE;
    case PART_VISION:
    case PART_POOL:
    case PART_PROJECTOR:
    case PART_COUNT: break;
    }
    return GROUP_VISION;
}

bool weight_has_group(const ListedTensor *t)
{
    if (t->kind == LISTED_EMBEDDING) return t->part == PART_EMBEDDINGS;
    return t->kind == LISTED_MATRIX || t->kind == LISTED_ABSORBED || t->kind == LISTED_RESIDUAL ||
           t->kind == LISTED_HEAD;
}

DType weight_type(const WeightTypes *types, const ListedTensor *t, DType source)
{
    if (t->kind == LISTED_ROUTER) return types->of[GROUP_DENSE] == source ? source : DT_F32;
    if (!weight_has_group(t)) return DT_F32;
    const DType type = types->of[weight_group(t)];
    if (!dtype_is_quantised(type)) return type;
    if (t->n_dims != 2) return source < DT_PLAIN_TYPES ? source : DT_F32;
    if (t->kind != LISTED_ABSORBED) return type;
    return source < DT_PLAIN_TYPES && source != DT_F32 ? source : DT_BF16;
}

bool matrix_type_find(const char *name, DType *out)
{
    for (int t = 0; t < DT_ROW_TYPES; t++)
        if (strcasecmp(name, dtype_name((DType)t)) == 0) {
            *out = (DType)t;
            return true;
        }
    return false;
}

bool weight_types_find(const char *name, WeightTypes *out, Error *e)
{
    DType type;
    Str known = { 0 };
    for (const WeightPreset *p = WEIGHT_PRESETS; p->name; p++) {
        if (strcasecmp(name, p->name) == 0) {
            *out = p->types;
            return true;
        }
    }
    if (matrix_type_find(name, &type)) {
        for (int g = 0; g < WEIGHT_GROUPS; g++) out->of[g] = type;
        return true;
    }
    for (const WeightPreset *p = WEIGHT_PRESETS; p->name; p++) str_printf(&known, "%s, ", p->name);
    for (int t = 0; t < DT_ROW_TYPES; t++) str_printf(&known, "%s%s", t ? ", " : "", dtype_name((DType)t));
    fail(e, ERR_USAGE, "the type '%s' is unknown, expected one of %s", name, known.text);
    str_free(&known);
    return false;
}
