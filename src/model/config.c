/* config.c - see config.h. Three steps for each part of the file: take what is there (tables: key, default, what null
 * means, range), then derive (head size, grids), then check what has to fit together.
 *
 * The ranges are far above any model of this family and low enough that a product of three of them fits in 64 bits and
 * a product of a rank or head size with the number of heads in an int. */
#include "model/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"

#define FILE_LIMIT     ((size_t)16 << 20)
#define MAX_CANDIDATES 1000
#define MAX_TILES      1024      /* of one candidate */
#define MAX_GRID       256       /* patches a side */
#define MAX_EXPERTS    (1 << 16) /* of all layers together; the published base has 2088 */
#define MODEL_TYPE     "deepseek_vl_v2"
#define DEFAULT_PAD    "<\xef\xbd\x9c\xe2\x96\x81pad\xe2\x96\x81\xef\xbd\x9c>" /* <｜▁pad▁｜> */

enum { NO_NULL = -1 }; /* null is an error: the official class has no meaning for it either */

typedef struct {
    const char *key;
    size_t offset;
    int absent, null; /* the value that a missing key and an explicit null stand for */
    int lo, hi;
} IntKey;

typedef struct {
    const char *key;
    size_t offset;
    bool absent;
} BoolKey;

typedef struct {
    const char *key;
    size_t offset;
    double absent, lo, hi;
} NumberKey;

typedef struct {
    const char *name;
    int value;
} Word;

/* ---- taking by table ----------------------------------------------------------------------------------------------- */

/* An int whose key may be missing (keeps *out) or null (takes `null`, or is an error). */
static bool take_int(int *out, const json_t *o, const char *key, int null, int lo, int hi, const char *where, Error *e)
{
    int64_t v = *out;
    if (json_is_null(json_object_get(o, key))) {
        if (null == NO_NULL) return fail(e, ERR_FORMAT, "%s: \"%s\" is null, expected an integer", where, key);
        *out = null;
        return true;
    }
    if (!json_take_int(o, key, lo, hi, &v, where, e)) return false;
    *out = (int)v;
    return true;
}

static bool take_ints(void *to, const IntKey *keys, size_t n, const json_t *o, const char *where, Error *e)
{
    for (size_t i = 0; i < n; i++) {
        int *out = (int *)(void *)((char *)to + keys[i].offset);
        *out = keys[i].absent;
        if (!take_int(out, o, keys[i].key, keys[i].null, keys[i].lo, keys[i].hi, where, e)) return false;
    }
    return true;
}

static bool take_bools(void *to, const BoolKey *keys, size_t n, const json_t *o, const char *where, Error *e)
{
    for (size_t i = 0; i < n; i++) {
        bool *out = (bool *)((char *)to + keys[i].offset);
        *out = keys[i].absent;
        if (!json_take_bool(o, keys[i].key, out, where, e)) return false;
    }
    return true;
}

static bool take_number(double *out, const json_t *o, const char *key, double lo, double hi, const char *where,
                        Error *e)
{
    double v = *out;
    if (!json_take_double(o, key, &v, where, e)) return false;
    if (!(v >= lo && v <= hi)) return fail(e, ERR_FORMAT, "%s: \"%s\" is %g, expected %g to %g", where, key, v, lo, hi);
    *out = v;
    return true;
}

static bool take_numbers(void *to, const NumberKey *keys, size_t n, const json_t *o, const char *where, Error *e)
{
    for (size_t i = 0; i < n; i++) {
        double *out = (double *)(void *)((char *)to + keys[i].offset);
        *out = keys[i].absent;
        if (!take_number(out, o, keys[i].key, keys[i].lo, keys[i].hi, where, e)) return false;
    }
    return true;
}

/* One word out of a list; *out keeps its value where the key is missing. */
static bool take_word(int *out, const json_t *o, const char *key, const Word *words, size_t n, const char *where,
                      Error *e)
{
    const char *text = NULL;
    if (!json_take_string(o, key, &text, where, e)) return false;
    if (!text) return true;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(text, words[i].name) != 0) continue;
        *out = words[i].value;
        return true;
    }
    Str known = { 0 };
    for (size_t i = 0; i < n; i++) str_printf(&known, "%s\"%s\"", i ? ", " : "", words[i].name);
    fail(e, ERR_UNSUPPORTED, "%s: \"%s\" is \"%.64s\", expected one of %s", where, key, text, known.text);
    str_free(&known);
    return false;
}

#define COUNT(a)                            (sizeof(a) / sizeof *(a))
#define TAKE(kind, to, keys, o, where, e)   take_##kind(to, keys, COUNT(keys), o, where, e)
#define TAKE_WORD(out, o, key, w, where, e) take_word(out, o, key, w, COUNT(w), where, e)

/* ---- language ------------------------------------------------------------------------------------------------------ */

#define AT(field) offsetof(LanguageConfig, field)

static const IntKey LANGUAGE_INTS[] = {
    /* key                        field                       absent   null     lowest, highest */
    { "vocab_size", AT(vocab_size), 102400, NO_NULL, 1, 1 << 22 },
    { "hidden_size", AT(hidden_size), 4096, NO_NULL, 1, 1 << 16 },
    { "intermediate_size", AT(intermediate_size), 11008, NO_NULL, 1, 1 << 20 },
    { "moe_intermediate_size", AT(moe_intermediate_size), 1407, NO_NULL, 1, 1 << 20 },
    { "num_hidden_layers", AT(n_layers), 30, NO_NULL, 1, 1024 },
    { "num_attention_heads", AT(n_heads), 32, NO_NULL, 1, 1024 },
    { "num_key_value_heads", AT(n_kv_heads), 32, 0, 1, 1024 },
    { "n_shared_experts", AT(n_shared_experts), 0, 0, 0, 256 },
    { "n_routed_experts", AT(n_routed_experts), 0, 0, 0, 4096 },
    { "num_experts_per_tok", AT(top_k), 0, 0, 0, 4096 },
    { "kv_lora_rank", AT(kv_lora_rank), 512, 0, 0, 1 << 16 },
    { "q_lora_rank", AT(q_lora_rank), 1536, 0, 0, 1 << 16 },
    { "qk_rope_head_dim", AT(qk_rope_head_dim), 64, 0, 0, 4096 },
    { "qk_nope_head_dim", AT(qk_nope_head_dim), 128, 0, 0, 4096 },
    { "v_head_dim", AT(v_head_dim), 128, 0, 0, 4096 },
    { "n_group", AT(n_group), 1, 1, 1, 4096 },
    { "topk_group", AT(topk_group), 1, 1, 1, 4096 },
    { "moe_layer_freq", AT(moe_layer_freq), 1, NO_NULL, 1, 1 << 20 },
    { "first_k_dense_replace", AT(first_k_dense_replace), 0, NO_NULL, 0, 1 << 20 },
    { "max_position_embeddings", AT(max_position_embeddings), 2048, NO_NULL, 1, 1 << 30 },
    { "bos_token_id", AT(bos_token_id), 100000, 100000, 0, INT32_MAX },
    { "eos_token_id", AT(eos_token_id), 100001, 100001, 0, INT32_MAX },
};

static const BoolKey LANGUAGE_BOOLS[] = {
    { "use_mla", AT(use_mla), true },
    { "attention_bias", AT(attention_bias), false },
    { "tie_word_embeddings", AT(tie_word_embeddings), false },
    { "norm_topk_prob", AT(norm_topk_prob), false },
    { "seq_aux", AT(seq_aux), true },
};

static const NumberKey LANGUAGE_NUMBERS[] = {
    { "routed_scaling_factor", AT(routed_scaling_factor), 1, -1e4, 1e4 },
    { "aux_loss_alpha", AT(aux_loss_alpha), 0.001, 0, 1e4 },
    { "rms_norm_eps", AT(rms_norm_eps), 1e-6, 0, 1 },
};

#undef AT

/* "gready" is how the official class spells its default. */
static const Word TOPK_WORDS[] = {
    { "greedy", TOPK_GREEDY },
    { "gready", TOPK_GREEDY },
    { "group_limited_greedy", TOPK_GROUP_LIMITED },
    { "noaux_tc", TOPK_NOAUX },
};
static const Word SCORING_WORDS[] = { { "softmax", SCORING_SOFTMAX }, { "sigmoid", SCORING_SIGMOID } };
static const Word SILU_WORDS[] = { { "silu", 0 } };
static const Word ROPE_WORDS[] = {
    { "default", ROPE_PLAIN }, { "linear", ROPE_LINEAR }, { "dynamic", ROPE_DYNAMIC }, { "yarn", ROPE_YARN }
};

#define AT(field) offsetof(RopeConfig, field)
static const NumberKey ROPE_NUMBERS[] = {
    { "beta_fast", AT(beta_fast), 32, 1e-6, 1e6 },
    { "beta_slow", AT(beta_slow), 1, 1e-6, 1e6 },
    { "mscale", AT(mscale), 1, -1e4, 1e4 },
    { "mscale_all_dim", AT(mscale_all_dim), 0, -1e4, 1e4 },
};
#undef AT

bool config_layer_is_moe(const LanguageConfig *c, int i)
{
    return c->n_routed_experts > 0 && i >= c->first_k_dense_replace && i % c->moe_layer_freq == 0;
}

/* The kind is called "type" by the official files and "rope_type" by newer ones. */
static bool take_rope_kind(RopeConfig *r, const json_t *scaling, const char *where, Error *e)
{
    int kind = -1, newer = -1;
    if (!TAKE_WORD(&kind, scaling, "type", ROPE_WORDS, where, e)) return false;
    if (!TAKE_WORD(&newer, scaling, "rope_type", ROPE_WORDS, where, e)) return false;
    if (kind < 0 && newer < 0) return fail(e, ERR_FORMAT, "%s: no \"type\"", where);
    if (kind >= 0 && newer >= 0 && kind != newer)
        return fail(e, ERR_FORMAT, "%s: \"type\" and \"rope_type\" differ", where);
    r->kind = (RopeKind)(kind >= 0 ? kind : newer);
    return true;
}

static bool take_rope(LanguageConfig *c, const json_t *language, const char *where, Error *e)
{
    RopeConfig *r = &c->rope;
    json_t *scaling;
    *r = (RopeConfig){ .theta = 10000, .factor = 1, .original_max_position_embeddings = 4096 };
    r->max_position_embeddings = c->max_position_embeddings;
    if (!take_number(&r->theta, language, "rope_theta", 1.001, 1e12, where, e)) return false;
    if (!json_take_node(language, "rope_scaling", JSON_OBJECT, &scaling, where, e)) return false;
    char inside[512];
    snprintf(inside, sizeof inside, "%.480s: rope_scaling", where);
    if (!TAKE(numbers, r, ROPE_NUMBERS, scaling, inside, e)) return false; /* of NULL: the defaults */
    if (!scaling) return true;
    if (!take_rope_kind(r, scaling, inside, e)) return false;
    if (r->kind == ROPE_PLAIN) return true;
    if (r->kind == ROPE_YARN && !c->use_mla)
        return fail(e, ERR_UNSUPPORTED,
                    "%s: \"type\" is \"yarn\", with \"use_mla\" false only linear and dynamic exist", inside);
    const json_t *const factor = json_object_get(scaling, "factor");
    if (!factor || json_is_null(factor)) return fail(e, ERR_FORMAT, "%s: no \"factor\"", inside);
    if (!take_number(&r->factor, scaling, "factor", 1e-3, 1e6, inside, e)) return false;
    return take_int(&r->original_max_position_embeddings, scaling, "original_max_position_embeddings", 4096, 1, 1 << 30,
                    inside, e);
}

static bool check_heads(LanguageConfig *c, const char *where, Error *e)
{
    if (c->n_kv_heads == 0) c->n_kv_heads = c->n_heads;
    if (c->use_mla) {
        if (c->kv_lora_rank < 1) return fail(e, ERR_FORMAT, "%s: \"kv_lora_rank\" is missing, MLA needs it", where);
        if (c->qk_nope_head_dim < 1 || c->v_head_dim < 1)
            return fail(e, ERR_FORMAT, "%s: \"qk_nope_head_dim\" is %d and \"v_head_dim\" %d, MLA needs at least 1",
                        where, c->qk_nope_head_dim, c->v_head_dim);
        if (c->qk_rope_head_dim < 2 || c->qk_rope_head_dim % 2)
            return fail(e, ERR_FORMAT, "%s: \"qk_rope_head_dim\" is %d, expected an even number from 2", where,
                        c->qk_rope_head_dim);
        return true;
    }
    if (c->hidden_size % c->n_heads)
        return fail(e, ERR_FORMAT, "%s: \"hidden_size\" %d is not a multiple of \"num_attention_heads\" %d", where,
                    c->hidden_size, c->n_heads);
    if (c->n_heads % c->n_kv_heads)
        return fail(e, ERR_FORMAT, "%s: \"num_attention_heads\" %d is not a multiple of \"num_key_value_heads\" %d",
                    where, c->n_heads, c->n_kv_heads);
    c->head_dim = c->hidden_size / c->n_heads;
    if (c->head_dim % 2)
        return fail(e, ERR_FORMAT,
                    "%s: heads of %d numbers (\"hidden_size\" / \"num_attention_heads\"), expected an even "
                    "number",
                    where, c->head_dim);
    return true;
}

static bool check_routing(const LanguageConfig *c, const char *where, Error *e)
{
    if (c->n_routed_experts == 0) return true;
    if (c->top_k < 1 || c->top_k > c->n_routed_experts)
        return fail(e, ERR_FORMAT, "%s: \"num_experts_per_tok\" is %d, expected 1 to \"n_routed_experts\" %d", where,
                    c->top_k, c->n_routed_experts);
    if (c->n_routed_experts > MAX_EXPERTS / c->n_layers)
        return fail(e, ERR_LIMIT, "%s: %d layers of %d experts: more than %d", where, c->n_layers, c->n_routed_experts,
                    MAX_EXPERTS);
    if (c->topk_method == TOPK_GREEDY) return true;
    if (c->n_routed_experts % c->n_group)
        return fail(e, ERR_FORMAT, "%s: \"n_routed_experts\" %d is not a multiple of \"n_group\" %d", where,
                    c->n_routed_experts, c->n_group);
    if (c->topk_group > c->n_group)
        return fail(e, ERR_FORMAT, "%s: \"topk_group\" is %d, more than \"n_group\" %d", where, c->topk_group,
                    c->n_group);
    /* A group's score is the sum of its two best. */
    if (c->topk_method == TOPK_NOAUX && c->n_routed_experts / c->n_group < 2)
        return fail(e, ERR_FORMAT, "%s: %d experts in %d groups: noaux_tc needs at least 2 in each", where,
                    c->n_routed_experts, c->n_group);
    return true;
}

static bool take_language(LanguageConfig *c, const json_t *o, const char *where, Error *e)
{
    int method = TOPK_GREEDY, scoring = SCORING_SOFTMAX, act = 0;
    if (!TAKE(ints, c, LANGUAGE_INTS, o, where, e) || !TAKE(bools, c, LANGUAGE_BOOLS, o, where, e) ||
        !TAKE(numbers, c, LANGUAGE_NUMBERS, o, where, e))
        return false;
    if (!TAKE_WORD(&method, o, "topk_method", TOPK_WORDS, where, e) ||
        !TAKE_WORD(&scoring, o, "scoring_func", SCORING_WORDS, where, e) ||
        !TAKE_WORD(&act, o, "hidden_act", SILU_WORDS, where, e))
        return false;
    c->topk_method = (TopkMethod)method;
    c->scoring = (Scoring)scoring;
    return take_rope(c, o, where, e) && check_heads(c, where, e) && check_routing(c, where, e);
}

/* ---- vision and projector ------------------------------------------------------------------------------------------ */

#define AT(field) offsetof(VisionConfig, field)
static const IntKey VISION_INTS[] = {
    { "image_size", AT(image_size), 384, NO_NULL, 1, 1 << 14 },
    { "patch_size", AT(patch_size), 16, NO_NULL, 1, 1 << 10 },
    { "width", AT(width), 1024, NO_NULL, 1, 1 << 16 },
    { "layers", AT(layers), 24, NO_NULL, 1, 1024 },
    { "heads", AT(heads), 16, NO_NULL, 1, 1024 },
};
#undef AT

static bool take_vision(VisionConfig *c, const json_t *o, const char *where, Error *e)
{
    double mlp_ratio = 4;
    bool ignore_head = true;
    if (!TAKE(ints, c, VISION_INTS, o, where, e) || !take_number(&mlp_ratio, o, "mlp_ratio", 1e-3, 64, where, e) ||
        !json_take_bool(o, "ignore_head", &ignore_head, where, e))
        return false;
    if (!ignore_head)
        return fail(e, ERR_UNSUPPORTED, "%s: \"ignore_head\" is false: a pooled picture has no place in this model",
                    where);
    if (c->width % c->heads)
        return fail(e, ERR_FORMAT, "%s: \"width\" %d is not a multiple of \"heads\" %d", where, c->width, c->heads);
    if (c->image_size < c->patch_size)
        return fail(e, ERR_FORMAT, "%s: \"image_size\" %d is less than \"patch_size\" %d", where, c->image_size,
                    c->patch_size);
    c->grid = c->image_size / c->patch_size;
    if (c->grid > MAX_GRID)
        return fail(e, ERR_LIMIT, "%s: %d patches a side (\"image_size\" / \"patch_size\"), expected at most %d", where,
                    c->grid, MAX_GRID);
    c->mlp_hidden = (int)(c->width * mlp_ratio);
    if (c->mlp_hidden < 1)
        return fail(e, ERR_FORMAT, "%s: \"mlp_ratio\" %g leaves no hidden unit at \"width\" %d", where, mlp_ratio,
                    c->width);
    return true;
}

#define AT(field) offsetof(ProjectorConfig, field)
static const IntKey PROJECTOR_INTS[] = {
    { "input_dim", AT(input_dim), 1152, NO_NULL, 1, 1 << 16 },
    { "n_embed", AT(n_embed), 2048, NO_NULL, 1, 1 << 16 },
    { "depth", AT(depth), 2, NO_NULL, 1, 64 },
    { "mlp_ratio", AT(mlp_ratio), 1, NO_NULL, 1, 64 },
    { "downsample_ratio", AT(downsample_ratio), 2, NO_NULL, 1, 16 },
};
#undef AT

static const Word PROJECTOR_WORDS[] = {
    { "downsample_mlp_gelu", PROJECTOR_DOWNSAMPLE_MLP_GELU },
    { "mlp_gelu", PROJECTOR_MLP_GELU },
    { "linear", PROJECTOR_LINEAR },
    { "identity", PROJECTOR_IDENTITY },
};

/* What a kind does not have reads as if it were 1, so that the rest of the program need not ask for the kind. */
static void normalise_projector(ProjectorConfig *c)
{
    if (c->kind != PROJECTOR_DOWNSAMPLE_MLP_GELU) c->downsample_ratio = c->mlp_ratio = 1;
    if (c->kind == PROJECTOR_LINEAR || c->kind == PROJECTOR_IDENTITY) c->depth = 1;
    /* The official loop makes its first and its last layer whatever the depth says. */
    if (c->kind == PROJECTOR_DOWNSAMPLE_MLP_GELU && c->depth < 2) c->depth = 2;
}

static bool take_projector(ProjectorConfig *c, const json_t *o, const Config *all, const char *where, Error *e)
{
    int kind = PROJECTOR_DOWNSAMPLE_MLP_GELU;
    bool pooling = false;
    if (!TAKE(ints, c, PROJECTOR_INTS, o, where, e) ||
        !TAKE_WORD(&kind, o, "projector_type", PROJECTOR_WORDS, where, e) ||
        !json_take_bool(o, "token_pooling", &pooling, where, e))
        return false;
    if (pooling) return fail(e, ERR_UNSUPPORTED, "%s: \"token_pooling\" is true, expected false", where);
    c->kind = (ProjectorKind)kind;
    if (c->kind == PROJECTOR_IDENTITY) c->input_dim = c->n_embed = all->vision.width;
    normalise_projector(c);
    if (c->input_dim != all->vision.width)
        return fail(e, ERR_FORMAT, "%s: \"input_dim\" is %d, vision_config: \"width\" says %d", where, c->input_dim,
                    all->vision.width);
    if (c->n_embed != all->language.hidden_size)
        return fail(e, ERR_FORMAT, "%s: \"n_embed\" is %d, language_config: \"hidden_size\" says %d", where, c->n_embed,
                    all->language.hidden_size);
    c->grid = (all->vision.grid + c->downsample_ratio - 1) / c->downsample_ratio;
    return true;
}

/* ---- processor ----------------------------------------------------------------------------------------------------- */

static bool take_candidate(Size *out, const json_t *pair, int i, int image_size, const char *where, Error *e)
{
    const json_t *w = json_array_get(pair, 0), *h = json_array_get(pair, 1);
    const int64_t limit = (int64_t)1 << 20;
    if (json_array_size(pair) != 2 || !json_is_integer(w) || !json_is_integer(h) || json_integer_value(w) < 1 ||
        json_integer_value(h) < 1 || json_integer_value(w) > limit || json_integer_value(h) > limit)
        return fail(e, ERR_FORMAT, "%s: \"candidate_resolutions\"[%d]: expected [width, height], pixels from 1", where,
                    i);
    *out = (Size){ (int)json_integer_value(w), (int)json_integer_value(h) };
    if (image_size == 0) image_size = out->w; /* the first one sets it */
    if (out->w % image_size || out->h % image_size)
        return fail(e, ERR_FORMAT,
                    "%s: \"candidate_resolutions\"[%d] is [%d, %d], expected multiples of %d, the width of the"
                    " first",
                    where, i, out->w, out->h, image_size);
    if ((int64_t)(out->w / image_size) * (out->h / image_size) > MAX_TILES)
        return fail(e, ERR_LIMIT, "%s: \"candidate_resolutions\"[%d] is [%d, %d]: more than %d tiles", where, i, out->w,
                    out->h, MAX_TILES);
    return true;
}

static bool take_candidates(ProcessorConfig *c, const json_t *list, const char *where, Error *e)
{
    const size_t n = json_array_size(list);
    if (n < 1 || n > MAX_CANDIDATES)
        return fail(e, ERR_FORMAT, "%s: \"candidate_resolutions\" has %zu entries, expected 1 to %d", where, n,
                    MAX_CANDIDATES);
    c->candidate = xcalloc(n, sizeof *c->candidate);
    c->n_candidates = (int)n;
    for (int i = 0; i < c->n_candidates; i++) {
        if (!take_candidate(&c->candidate[i], json_array_get(list, (size_t)i), i, c->image_size, where, e))
            return false;
        c->image_size = c->candidate[0].w;
    }
    return true;
}

/* Three numbers, one for each colour; `out` keeps its defaults where the key is missing. */
static bool take_colours(double out[3], const json_t *o, const char *key, double lo, const char *where, Error *e)
{
    json_t *list;
    if (!json_take_node(o, key, JSON_ARRAY, &list, where, e)) return false;
    if (!list) return true;
    for (size_t i = 0; i < 3; i++) {
        const json_t *v = json_array_get(list, i);
        const double x = json_number_value(v);
        if (json_array_size(list) != 3 || !json_is_number(v) || x < lo || x > 1e3)
            return fail(e, ERR_FORMAT, "%s: \"%s\": expected three numbers, %g to 1000", where, key, lo);
        out[i] = x;
    }
    return true;
}

/* Cut off, not rounded: 0.5 is 127. */
static uint8_t colour_byte(double unit)
{
    const int v = (int)(unit * 255);
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static bool take_texts(ProcessorConfig *c, const json_t *o, const char *where, Error *e)
{
    const char *image_token = "<image>", *pad = DEFAULT_PAD, *format = "deepseek";
    if (!json_take_string(o, "image_token", &image_token, where, e) ||
        !json_take_string(o, "pad_token", &pad, where, e) || !json_take_string(o, "sft_format", &format, where, e))
        return false;
    if (strcmp(image_token, "<image>") != 0)
        return fail(e, ERR_UNSUPPORTED, "%s: \"image_token\" is \"%.64s\", expected \"<image>\"", where, image_token);
    if (!chat_template_find(format, &c->sft_format))
        return fail(
            e, ERR_UNSUPPORTED,
            "%s: \"sft_format\" is \"%.64s\", expected \"deepseek\", \"deepseekv2\", \"plain\" or \"alignment\"", where,
            format);
    c->pad_token = xstrdup(pad);
    return true;
}

/* The processor cuts pictures into what the vision tower and the projector then count on. */
static bool check_processor(const ProcessorConfig *c, const Config *all, const char *where, Error *e)
{
    if (c->image_size != all->vision.image_size)
        return fail(e, ERR_FORMAT,
                    "%s: \"candidate_resolutions\" begins with width %d, vision_config: \"image_size\" is %d", where,
                    c->image_size, all->vision.image_size);
    if (c->patch_size != all->vision.patch_size)
        return fail(e, ERR_FORMAT, "%s: \"patch_size\" is %d, vision_config: \"patch_size\" %d", where, c->patch_size,
                    all->vision.patch_size);
    if (c->downsample_ratio != all->projector.downsample_ratio)
        return fail(e, ERR_FORMAT, "%s: \"downsample_ratio\" is %d, the projector's %d", where, c->downsample_ratio,
                    all->projector.downsample_ratio);
    return true;
}

/* `o` may be NULL: then all is taken from config.json. */
static bool take_processor(ProcessorConfig *c, const json_t *o, const char *where, const json_t *config,
                           const char *config_where, const Config *all, Error *e)
{
    json_t *list = NULL;
    *c = (ProcessorConfig){ .image_mean = { 0.5, 0.5, 0.5 }, .image_std = { 0.5, 0.5, 0.5 } };
    c->mask_prompt = c->normalize = true;
    c->patch_size = all->vision.patch_size;
    c->downsample_ratio = all->projector.downsample_ratio;
    if (!json_take_node(o, "candidate_resolutions", JSON_ARRAY, &list, where, e)) return false;
    if (!list) {
        where = config_where;
        if (!json_take_node(config, "candidate_resolutions", JSON_ARRAY, &list, where, e)) return false;
        if (!list) return fail(e, ERR_FORMAT, "%s: no \"candidate_resolutions\"", where);
    }
    if (!take_candidates(c, list, where, e) ||
        !take_int(&c->patch_size, o, "patch_size", c->patch_size, 1, 1 << 10, where, e) ||
        !take_int(&c->downsample_ratio, o, "downsample_ratio", c->downsample_ratio, 1, 16, where, e) ||
        !take_colours(c->image_mean, o, "image_mean", -1e3, where, e) ||
        !take_colours(c->image_std, o, "image_std", 1e-6, where, e) ||
        !json_take_bool(o, "mask_prompt", &c->mask_prompt, where, e) ||
        !json_take_bool(o, "normalize", &c->normalize, where, e))
        return false;
    c->around = (Colour){ colour_byte(c->image_mean[0]), colour_byte(c->image_mean[1]), colour_byte(c->image_mean[2]) };
    return take_texts(c, o, where, e) && check_processor(c, all, where, e);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

/* DeepSeek-OCR carries the same model_type: its tower is SAM and CLIP (a table of widths), its projector linear, its
 * only resolution 1024 x 1024. */
static bool is_deepseek_ocr(const json_t *root)
{
    const json_t *const vision = json_object_get(root, "vision_config");
    const char *const class = json_string_value(json_array_get(json_object_get(root, "architectures"), 0));
    const char *const tower = json_string_value(json_object_get(vision, "model_name"));
    const char *const kind =
        json_string_value(json_object_get(json_object_get(root, "projector_config"), "projector_type"));
    const json_t *const list = json_object_get(root, "candidate_resolutions");
    const json_t *const only = json_array_size(list) == 1 ? json_array_get(list, 0) : NULL;
    if (class && strstr(class, "OCR")) return true;
    if (json_is_object(json_object_get(vision, "width"))) return true;
    return json_integer_value(json_array_get(only, 0)) == 1024 && kind && strcmp(kind, "linear") == 0 && tower &&
           !str_starts(tower, "siglip");
}

static bool check_identity(const json_t *root, const char *where, Error *e)
{
    const char *type = NULL;
    if (!json_is_object(root)) return fail(e, ERR_FORMAT, "%s: is %s, expected an object", where, json_type_name(root));
    if (!json_take_string(root, "model_type", &type, where, e)) return false;
    if (!type) return fail(e, ERR_FORMAT, "%s: no \"model_type\", expected \"" MODEL_TYPE "\"", where);
    if (strcmp(type, MODEL_TYPE) != 0)
        return fail(e, ERR_UNSUPPORTED, "%s: \"model_type\" is \"%.64s\", expected \"" MODEL_TYPE "\"", where, type);
    if (is_deepseek_ocr(root))
        return fail(e, ERR_UNSUPPORTED,
                    "%s: this is a DeepSeek-OCR model, which only shares its model_type with "
                    "DeepSeek-VL2",
                    where);
    return true;
}

static const Word TILE_WORDS[] = { { "2D", 0 } };
static const Word VIEW_WORDS[] = { { "head", 1 }, { "tail", 0 } };

static bool take_top(Config *c, const json_t *root, const char *where, Error *e)
{
    int tile = 0, first = 1;
    const char *dtype = NULL;
    if (!TAKE_WORD(&tile, root, "tile_tag", TILE_WORDS, where, e) ||
        !TAKE_WORD(&first, root, "global_view_pos", VIEW_WORDS, where, e) ||
        !json_take_string(root, "torch_dtype", &dtype, where, e))
        return false;
    c->global_view_first = first == 1;
    if (dtype) c->torch_dtype = xstrdup(dtype);
    return true;
}

/* The object under `key`, and the name for messages about what is inside it. */
static bool take_part(const json_t *root, const char *key, json_t **part, char inside[512], const char *where, Error *e)
{
    snprintf(inside, 512, "%.400s: %.100s", where, key);
    return json_take_node(root, key, JSON_OBJECT, part, where, e);
}

bool config_from_json(Config *c, const json_t *root, const char *where, const json_t *processor,
                      const char *processor_where, Error *e)
{
    char inside[512];
    json_t *part;
    *c = (Config){ 0 };
    const bool ok =
        check_identity(root, where, e) && take_top(c, root, where, e) &&
        take_part(root, "language_config", &part, inside, where, e) && take_language(&c->language, part, inside, e) &&
        take_part(root, "vision_config", &part, inside, where, e) && take_vision(&c->vision, part, inside, e) &&
        take_part(root, "projector_config", &part, inside, where, e) &&
        take_projector(&c->projector, part, c, inside, e) &&
        (!processor || json_is_object(processor) ||
         fail(e, ERR_FORMAT, "%s: is %s, expected an object", processor_where, json_type_name(processor))) &&
        take_processor(&c->processor, processor, processor_where, root, where, c, e);
    if (!ok) config_free(c);
    return ok;
}

/* One of the source's texts, parsed; NULL and *e on failure. `where`: what messages call it, caller frees. */
static json_t *read_part(const ModelSource *source, const char *file, char **where, Error *e)
{
    char *text;
    size_t n;
    *where = model_source_where(source, file);
    if (!model_source_text(source, file, FILE_LIMIT, &text, &n, e)) return NULL;
    json_t *v = json_parse(text, n, *where, e);
    free(text);
    return v;
}

bool config_read(Config *c, const ModelSource *source, Error *e)
{
    static const char processor_file[] = "processor_config.json";
    char *where, *processor_where = NULL;
    json_t *processor = NULL, *root = read_part(source, "config.json", &where, e);
    *c = (Config){ 0 };
    bool ok = root != NULL;
    if (ok && model_source_has(source, processor_file))
        ok = (processor = read_part(source, processor_file, &processor_where, e)) != NULL;
    if (ok) ok = config_from_json(c, root, where, processor, processor_where ? processor_where : processor_file, e);
    json_decref(root);
    json_decref(processor);
    free(where);
    free(processor_where);
    return ok;
}

bool config_load(Config *c, const char *path, Error *e)
{
    ModelSource *source = model_source_open(path, e);
    *c = (Config){ 0 };
    const bool ok = source && config_read(c, source, e);
    model_source_close(source);
    return ok;
}

void config_free(Config *c)
{
    free(c->processor.candidate);
    free(c->processor.pad_token);
    free(c->torch_dtype);
    *c = (Config){ 0 };
}
