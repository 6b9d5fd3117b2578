/* cmd_info.c - `vl2 info`: what a model is and what it needs.
 *
 * Parameters are counted from the tensors of the files. Active for a token: all of the language model but the routed experts
 * that a token does not visit, and of the embedding table one row (all of it where the head is tied to it). Vision and
 * projector run for each tile of a picture, not for each token, and are counted apart. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "engine/work.h"
#include "model/weight_types.h"

typedef struct {
    bool json;
} ReportArgs;

typedef struct {
    EngineArgs engine;
    ReportArgs report;
    NoteArgs notes;
} InfoArgs;

static const Option REPORT_OPTIONS[] = {
    OPTION_FLAG(ReportArgs, json, "json", 0, "One line of JSON instead of the text. Default: off."), OPTIONS_END
};

static const Option PLAN_OPTIONS[] = {
    OPTION_INTEGER(EngineArgs, sequences, "sequences", 0, "N", 1, 4096,
                   "Conversations that run together, for the memory plan. Default: 1."),
    OPTION_INTEGER(EngineArgs, cache_tokens, "cache-tokens", 0, "N", 0, 1 << 30,
                   "Tokens that the cache of all of them holds. Default: 0, a --ctx for each."),
    OPTIONS_END
};

static const Group GROUPS[] = { { "Report", REPORT_OPTIONS, offsetof(InfoArgs, report) },
                                { "Memory plan", PLAN_OPTIONS, offsetof(InfoArgs, engine) },
                                { "Model and machine", ENGINE_OPTIONS, offsetof(InfoArgs, engine) },
                                { "Notes", NOTE_OPTIONS, offsetof(InfoArgs, notes) },
                                { 0 } };

/* ---- which of the published models ---- */

static const struct {
    const char *name;
    int hidden_size, n_layers, n_routed_experts;
    bool use_mla;
} PUBLISHED_MODELS[] = {
    { "DeepSeek-VL2-tiny", 1280, 12, 64, false },
    { "DeepSeek-VL2-small", 2048, 27, 64, true },
    { "DeepSeek-VL2", 2560, 30, 72, true },
};

static const char *variant_name(const LanguageConfig *c)
{
    for (size_t i = 0; i < sizeof PUBLISHED_MODELS / sizeof *PUBLISHED_MODELS; i++)
        if (c->hidden_size == PUBLISHED_MODELS[i].hidden_size && c->n_layers == PUBLISHED_MODELS[i].n_layers &&
            c->n_routed_experts == PUBLISHED_MODELS[i].n_routed_experts && c->use_mla == PUBLISHED_MODELS[i].use_mla)
            return PUBLISHED_MODELS[i].name;
    return "none of the published shapes";
}

/* ---- parameters ---- */

typedef struct {
    uint64_t language, vision, projector, unused; /* unused: the vision tower's pooling head */
    uint64_t embed, routed;                       /* parts of `language` */
    uint64_t total, active;
    uint64_t of_type[DT_COUNT];
    bool group_has[WEIGHT_GROUPS][DT_COUNT];
} Parameters;

static uint64_t *part_of(Parameters *p, const char *name)
{
    switch (tensor_part(name)) {
    case PART_POOL: return &p->unused;
    case PART_VISION: return &p->vision;
    case PART_PROJECTOR: return &p->projector;
    case PART_EMBEDDINGS:
    case PART_LANGUAGE:
    case PART_EXPERTS:
    case PART_COUNT: break;
    }
    return &p->language;
}

static void count_tensor(Parameters *p, const ListedTensor *l, const FileTensor *t)
{
    const uint64_t n = listed_elements(l);
    *part_of(p, l->name) += n;
    p->total += n;
    p->of_type[dtype_of_rows(t->dtype)] += n;
    if (l->part == PART_EXPERTS) p->routed += n;
    if (strstr(l->name, "embed_tokens")) p->embed += n;
    if (weight_has_group(l)) p->group_has[weight_group(l)][dtype_of_rows(t->dtype)] = true;
}

static bool count_parameters(Parameters *p, const Model *m, Error *e)
{
    const LanguageConfig *c = &m->config.language;
    const bool tied = !tensor_files_find(m->files, "language.lm_head.weight");
    TensorList list;
    *p = (Parameters){ 0 };
    if (!tensor_list(&list, &m->config, e)) return false;
    for (int i = 0; i < list.n; i++) {
        const FileTensor *t = tensor_files_find(m->files, list.tensor[i].name);
        if (t) count_tensor(p, &list.tensor[i], t);
    }
    tensor_list_free(&list);
    const uint64_t n_experts = (uint64_t)c->n_routed_experts, visited = (uint64_t)c->top_k;
    p->active = p->language - p->routed + (n_experts ? p->routed / n_experts * visited : 0);
    if (!tied) p->active = p->active - p->embed + (uint64_t)c->hidden_size;
    return true;
}

/* "3.37 B", "28.6 M", "650 k" */
static const char *human_count(uint64_t n, char buf[32])
{
    static const struct {
        double unit;
        const char *name;
    } UNITS[] = { { 1e9, " B" }, { 1e6, " M" }, { 1e3, " k" }, { 1, "" } };
    int i = 0;
    while (i < 3 && (double)n < UNITS[i].unit) i++;
    snprintf(buf, 32, "%.3g%s", (double)n / UNITS[i].unit, UNITS[i].name);
    return buf;
}

/* ---- memory ---- */

static uint64_t machine_memory(void)
{
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- the report ---- */

static void print_attention(const LanguageConfig *c)
{
    if (c->use_mla) {
        printf("attention    latent (MLA): %d heads, kv rank %d, rope %d, nope %d, value %d", c->n_heads,
               c->kv_lora_rank, c->qk_rope_head_dim, c->qk_nope_head_dim, c->v_head_dim);
        if (c->q_lora_rank) printf(", q rank %d", c->q_lora_rank);
    } else {
        printf("attention    %s: %d heads of %d", c->n_kv_heads == c->n_heads ? "multi-head" : "grouped", c->n_heads,
               c->head_dim);
        if (c->n_kv_heads != c->n_heads) printf(", %d for keys and values", c->n_kv_heads);
    }
    putchar('\n');
}

static const char *const TOPK_NAMES[] = {
    [TOPK_GREEDY] = "greedy", [TOPK_GROUP_LIMITED] = "group_limited_greedy", [TOPK_NOAUX] = "noaux_tc"
};
static const char *const SCORING_NAMES[] = { [SCORING_SOFTMAX] = "softmax", [SCORING_SIGMOID] = "sigmoid" };
static const char *const ROPE_NAMES[] = {
    [ROPE_PLAIN] = "plain", [ROPE_LINEAR] = "linear", [ROPE_DYNAMIC] = "dynamic", [ROPE_YARN] = "yarn"
};
static const char *const PROJECTOR_NAMES[] = { [PROJECTOR_DOWNSAMPLE_MLP_GELU] = "downsample_mlp_gelu",
                                               [PROJECTOR_MLP_GELU] = "mlp_gelu",
                                               [PROJECTOR_LINEAR] = "linear",
                                               [PROJECTOR_IDENTITY] = "identity" };

static int count_moe_layers(const LanguageConfig *c)
{
    int n = 0;
    for (int i = 0; i < c->n_layers; i++) n += config_layer_is_moe(c, i);
    return n;
}

static void print_language(const LanguageConfig *c)
{
    printf("language     %d layers, width %d, vocabulary %d, rope %s\n", c->n_layers, c->hidden_size, c->vocab_size,
           ROPE_NAMES[c->rope.kind]);
    print_attention(c);
    if (c->n_routed_experts)
        printf("experts      %d of width %d in %d layers, %d for each token, %d shared; scores %s, choice %s, scale "
               "%g%s\n",
               c->n_routed_experts, c->moe_intermediate_size, count_moe_layers(c), c->top_k, c->n_shared_experts,
               SCORING_NAMES[c->scoring], TOPK_NAMES[c->topk_method], c->routed_scaling_factor,
               c->norm_topk_prob ? ", normalised" : "");
}

static void print_vision(const Config *c)
{
    const VisionConfig *v = &c->vision;
    printf("vision       %d layers, width %d, %d heads, tiles of %d pixels in %d x %d patches\n", v->layers, v->width,
           v->heads, v->image_size, v->grid, v->grid);
    printf("projector    %s, depth %d: %d x %d tokens for each tile\n", PROJECTOR_NAMES[c->projector.kind],
           c->projector.depth, c->projector.grid, c->projector.grid);
    printf("pictures     %d candidate resolutions\n", c->processor.n_candidates);
}

static void print_parameters(const Parameters *p)
{
    char total[32], language[32], vision[32], projector[32], unused[32], active[32];
    printf("parameters   %s: language %s, vision %s, projector %s, unused %s\n", human_count(p->total, total),
           human_count(p->language, language), human_count(p->vision, vision), human_count(p->projector, projector),
           human_count(p->unused, unused));
    printf("active       %s for each token (experts visited, one row of the embedding); vision and projector for each "
           "tile\n",
           human_count(p->active, active));
}

static void print_types(const Parameters *p, uint64_t bytes)
{
    char size[32];
    printf("weights      %s:", human_bytes(bytes, size));
    for (int t = 0; t < DT_COUNT; t++)
        if (p->of_type[t])
            printf(" %s %.4g %%", dtype_name((DType)t), 100.0 * (double)p->of_type[t] / (double)p->total);
    putchar('\n');
}

static int count_types(const Parameters *p)
{
    int n = 0;
    for (int t = 0; t < DT_COUNT; t++) n += p->of_type[t] > 0;
    return n;
}

/* Of a model of several types: those of the matrices of each group. */
static void print_groups(const Parameters *p)
{
    const char *apart = "";
    if (count_types(p) < 2) return;
    printf("matrices     ");
    for (int g = 0; g < WEIGHT_GROUPS; g++) {
        bool any = false;
        for (int t = 0; t < DT_COUNT; t++) {
            if (!p->group_has[g][t]) continue;
            if (!any) printf("%s%s", apart, weight_group_name((WeightGroup)g));
            printf(" %s", dtype_name((DType)t));
            any = true;
            apart = ", ";
        }
    }
    putchar('\n');
}

static void print_memory(const Vl2Engine *g)
{
    const MemoryPlan *p = &g->plan;
    const uint64_t machine = machine_memory();
    char one[32], two[32], three[32];
    printf("\nmemory for %d tokens of context, %d at a time, chunks of %d, %s compute, %s\n", g->context, g->n_slots,
           g->chunk, compute_name(engine_compute(g)), g->run.k->name);
    printf("  weights    %-10s mapped from the files\n", human_bytes(p->weights, one));
    printf("  vectors    %-10s norms, biases, tables\n", human_bytes(p->vectors, one));
    printf("  cache      %-10s %s for each token, taken as it fills\n", human_bytes(p->cache, one),
           human_bytes(p->cache_per_token, two));
    printf("  step       %-10s language %s, vision %s, in turns\n", human_bytes(p->step, one),
           human_bytes(p->step_language, two), human_bytes(p->step_vision, three));
    printf("  request    %-10s pictures of each conversation\n", human_bytes(p->request, one));
    printf("  total      %-10s of %s: %s\n", human_bytes(p->total, one), human_bytes(machine, two),
           p->total <= machine ? "fits" : "does not fit");
    if (p->total <= machine) return;
    const double step = bytes_of_step(g, 1, 0);
    printf("  slow       about %s of the %s of weights that a token needs come from the disk each time,\n"
           "             and up to %s for every %d tokens of a prompt\n",
           human_bytes(plan_read_again(p, machine, (uint64_t)step), one), human_bytes((uint64_t)step, two),
           human_bytes(p->weights, three), g->chunk);
}

static void print_text(const Vl2Engine *g, const Parameters *p)
{
    const Config *c = &g->model.config;
    const SpecialIds *s = tokenizer_special(g->model.tokenizer);
    printf("model        %s\n", variant_name(&c->language));
    print_types(p, tensor_files_bytes(g->model.files));
    print_groups(p);
    print_parameters(p);
    print_language(&c->language);
    print_vision(c);
    printf("tokenizer    %d tokens; begin %d, end %d, <image> %d\n", tokenizer_count(g->model.tokenizer), s->bos,
           s->eos, s->image);
    print_memory(g);
}

static json_t *json_memory(const Vl2Engine *g)
{
    const MemoryPlan *p = &g->plan;
    const struct {
        const char *name;
        uint64_t bytes;
    } rows[] = { { "weights", p->weights },
                 { "vectors", p->vectors },
                 { "cache_per_token", p->cache_per_token },
                 { "cache", p->cache },
                 { "step_language", p->step_language },
                 { "step_vision", p->step_vision },
                 { "step", p->step },
                 { "request", p->request },
                 { "total", p->total },
                 { "machine", machine_memory() },
                 { "disk_per_token", plan_read_again(p, machine_memory(), (uint64_t)bytes_of_step(g, 1, 0)) } };
    json_t *o = json_object();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        json_object_set_new(o, rows[i].name, json_integer((json_int_t)rows[i].bytes));
    json_object_set_new(o, "fits", json_boolean(p->total <= machine_memory()));
    json_object_set_new(o, "compute", json_string(compute_name(engine_compute(g))));
    json_object_set_new(o, "cpu", json_string(g->run.k->name));
    return o;
}

static json_t *json_parameters(const Parameters *p)
{
    json_t *types = json_object();
    for (int t = 0; t < DT_COUNT; t++)
        if (p->of_type[t]) json_object_set_new(types, dtype_name((DType)t), json_integer((json_int_t)p->of_type[t]));
    json_t *groups = json_object();
    for (int g = 0; g < WEIGHT_GROUPS; g++) {
        json_t *of_group = json_array();
        for (int t = 0; t < DT_COUNT; t++)
            if (p->group_has[g][t]) json_array_append_new(of_group, json_string(dtype_name((DType)t)));
        json_object_set_new(groups, weight_group_name((WeightGroup)g), of_group);
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "total", (json_int_t)p->total, "active",
                     (json_int_t)p->active, "language", (json_int_t)p->language, "vision", (json_int_t)p->vision,
                     "projector", (json_int_t)p->projector, "unused", (json_int_t)p->unused, "types", types, "matrices",
                     groups);
}

static json_t *json_language(const LanguageConfig *c)
{
    return json_pack("{s:i, s:i, s:i, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:s}", "layers", c->n_layers,
                     "hidden_size", c->hidden_size, "vocab_size", c->vocab_size, "attention",
                     c->use_mla ? "mla" : "mha", "heads", c->n_heads, "kv_heads", c->n_kv_heads, "kv_lora_rank",
                     c->use_mla ? c->kv_lora_rank : 0, "routed_experts", c->n_routed_experts, "experts_per_token",
                     c->top_k, "shared_experts", c->n_shared_experts, "scoring", SCORING_NAMES[c->scoring],
                     "topk_method", TOPK_NAMES[c->topk_method]);
}

static json_t *json_vision(const Config *c)
{
    const VisionConfig *v = &c->vision;
    json_t *candidates = json_array();
    for (int i = 0; i < c->processor.n_candidates; i++)
        json_array_append_new(candidates, json_pack("[ii]", c->processor.candidate[i].w, c->processor.candidate[i].h));
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:s, s:i, s:o}", "layers", v->layers, "width", v->width, "image_size",
                     v->image_size, "patch_size", v->patch_size, "patches", v->grid * v->grid, "projector",
                     PROJECTOR_NAMES[c->projector.kind], "tokens_per_tile", c->projector.grid * c->projector.grid,
                     "candidate_resolutions", candidates);
}

static void print_json(const Vl2Engine *g, const Parameters *p)
{
    const Model *m = &g->model;
    const SpecialIds *s = tokenizer_special(m->tokenizer);
    json_t *tokenizer = json_pack("{s:i, s:i, s:i, s:i}", "tokens", tokenizer_count(m->tokenizer), "bos", s->bos, "eos",
                                  s->eos, "image", s->image);
    print_json_line(json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "model", variant_name(&m->config.language),
                              "bytes", (json_int_t)tensor_files_bytes(m->files), "parameters", json_parameters(p),
                              "language", json_language(&m->config.language), "vision", json_vision(&m->config),
                              "tokenizer", tokenizer, "memory", json_memory(g)));
}

static bool work(InfoArgs *a, Error *e)
{
    Vl2Engine *engine = open_engine(&a->engine, &a->notes, e);
    if (!engine) return false;
    Parameters p;
    const bool ok = count_parameters(&p, &engine->model, e);
    if (ok && a->report.json)
        print_json(engine, &p);
    else if (ok)
        print_text(engine, &p);
    vl2_close(engine);
    return ok;
}

static int info(const Command *self, int argc, char **argv)
{
    InfoArgs a = { .engine = ENGINE_DEFAULTS };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    status = engine_operand(&a.engine, n, argv, &e) && work(&a, &e) ? finish_output() : args_report(self, &e);
    args_free(self->group, &a);
    return status;
}

const Command CMD_INFO = {
    .name = "info",
    .summary = "what a model is, and the memory that it needs",
    .usage = (const char *const[]){ "info [options] [MODEL]", NULL },
    .about =
        "Opens the model as every other command does, so that a damaged one is named, and adds up the memory for the "
        "given limits.",
    .group = GROUPS,
    .example =
        (const char *const[]){ "A model", "vl2 info deepseek-vl2-small", "Memory for eight conversations at a time",
                               "vl2 info deepseek-vl2-small --sequences 8 --ctx 4096", NULL },
    .max_operands = 1,
    .run = info,
};
