/* trainer.c - see trainer.h. */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/muon.h"

/* Groups in a step of all ranks. */
static size_t step_groups(const Trainer *t)
{
    return t->options.accumulate * (size_t)t->ranks.n;
}

/* ---- opening ---- */

/* The steps of all epochs: where a source is taken in part, epochs differ. */
static bool count_steps(const Trainer *t, int64_t *steps, Error *e)
{
    *steps = 0;
    for (int i = 0; i < t->options.epochs; i++) {
        Epoch p;
        if (!epoch_plan(&p, t->data, t->survey, &t->options.order, (uint64_t)i, e)) return false;
        *steps += (int64_t)epoch_steps(&p, step_groups(t));
        epoch_free(&p);
    }
    return true;
}

static int64_t warmup_steps(const TrainerOptions *o, int64_t steps)
{
    return (int64_t)(o->warmup < 1 ? ceil(o->warmup * (double)steps) : o->warmup);
}

static bool plan(Trainer *t, Error *e)
{
    const TrainerOptions *o = &t->options;
    int64_t steps;
    if (!count_steps(t, &steps, e)) return false;
    t->steps = o->steps > 0 && o->steps < steps ? o->steps : steps;
    t->schedule = (Schedule){ o->schedule, o->rate, o->last_share, warmup_steps(o, t->steps), t->steps };
    return true;
}

static void layer_is_done(void *context, int layer)
{
    const Trainer *t = context;
    if (t->last_group) gradient_sum_reached(t->sum, layer);
}

bool trainer_open(Trainer *t, const TrainerOptions *o, Model *m, const Kernels *k, Pool *pool, const Dataset *d,
                  const Survey *s, const SampleRules *rules, Error *e)
{
    *t = (Trainer){ .options = *o, .model = m, .k = k, .pool = pool, .data = d, .survey = s, .rules = rules };
    t->ranks = o->ranks ? *o->ranks : (Ranks)RANKS_ALONE;
    if (plan(t, e) &&
        (o->lora ? params_open_lora(&t->params, m, o->lora, o->order.seed, e)
                 : params_open(&t->params, m, &o->choice, e)) &&
        adam_open(&t->adam, &o->adam, t->params.n_values, e) &&
        (o->bias_rate == 0 || bias_updates_open(&t->bias, m, o->bias_rate, e)) &&
        backprop_open(&t->backprop, m, k, pool, &o->backprop, e)) {
        t->sum = gradient_sum_open(&t->ranks, &t->params, pool, m->config.language.n_layers);
        if (t->ranks.n > 1) t->backprop.tape.watch = (TapeWatch){ layer_is_done, t };
        return true;
    }
    trainer_close(t);
    return false;
}

static void end_epoch(Trainer *t)
{
    feed_close(t->feed);
    epoch_free(&t->epoch);
    t->feed = NULL;
}

void trainer_close(Trainer *t)
{
    end_epoch(t);
    gradient_sum_close(t->sum);
    if (t->backprop.model) backprop_close(&t->backprop);
    bias_updates_close(&t->bias);
    adam_close(&t->adam);
    params_close(&t->params);
    *t = (Trainer){ 0 };
}

/* ---- the samples of a step ---- */

typedef struct {
    SampleGroup *group; /* of this rank */
    int n, capacity;
    int64_t labels, samples, groups; /* of all ranks */
} Groups;

static void free_groups(Groups *g)
{
    for (int i = 0; i < g->n; i++) sample_group_free(&g->group[i]);
    free(g->group);
    *g = (Groups){ 0 };
}

static bool begin_epoch(Trainer *t, Error *e)
{
    if (!epoch_plan(&t->epoch, t->data, t->survey, &t->options.order, (uint64_t)t->at.epoch, e)) return false;
    const FeedOptions o = { .dataset = t->data,
                            .rules = t->rules,
                            .epoch = &t->epoch,
                            .per_step = step_groups(t),
                            .first_step = (size_t)t->at.epoch_step,
                            .rank = t->ranks.rank,
                            .ranks = t->ranks.n,
                            .threads = t->options.feed_threads,
                            .ahead = 2 * (size_t)t->options.order.batch,
                            .skip_bad = t->options.skip_bad };
    t->feed = feed_open(&o, e);
    return t->feed != NULL;
}

static bool epoch_is_over(const Trainer *t)
{
    return t->at.epoch_step >= (int64_t)epoch_steps(&t->epoch, step_groups(t));
}

/* This rank's groups of the step where the run is; begins the next epoch where one has ended. */
static bool take_own_groups(Trainer *t, Groups *g, Error *e)
{
    if (!t->feed && !begin_epoch(t, e)) return false;
    if (epoch_is_over(t)) {
        end_epoch(t);
        t->at.epoch++;
        t->at.epoch_step = 0;
        if (!begin_epoch(t, e)) return false;
    }
    const size_t first = (size_t)t->at.epoch_step * step_groups(t), left = t->epoch.n_groups - first;
    const size_t n = left < step_groups(t) ? left : step_groups(t);
    for (size_t i = (size_t)t->ranks.rank; i < n; i += (size_t)t->ranks.n) {
        SampleGroup next;
        if (!feed_next(t->feed, &next, e)) return false;
        GROW(g->group, g->n, g->capacity);
        g->group[g->n++] = next;
        g->samples += next.n;
        for (int k = 0; k < next.n; k++) g->labels += next.sample[k].n_labels;
    }
    g->groups = g->n;
    return true;
}

static bool take_groups(Trainer *t, Groups *g, Error *e)
{
    if (!ranks_agree(&t->ranks, take_own_groups(t, g, e), e)) return false;
    double all[] = { (double)g->labels, (double)g->samples, (double)g->groups };
    ranks_sum(&t->ranks, all, 3);
    g->labels = (int64_t)all[0];
    g->samples = (int64_t)all[1];
    g->groups = (int64_t)all[2];
    return true;
}

/* ---- a step ---- */

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Dropout's masks follow from seed, step and adapter. */
static void set_masks(const Trainer *t)
{
    for (int i = 0; i < t->params.n_lora; i++) {
        t->params.lora[i].seed = rng_at(rng_at(t->options.order.seed, (uint64_t)t->at.step), (uint64_t)i);
    }
}

/* `weight`: the group's share of the step. */
static void report_experts(Trainer *t, StepReport *out, double weight)
{
    const LanguageConfig *c = &t->model->config.language;
    double balance = 0;
    int layers = 0;
    for (int i = 0; i < c->n_layers; i++) {
        const ExpertReport *r = backprop_report(&t->backprop, i);
        int64_t sum = 0;
        int most = 0;
        if (!t->model->weights.language.layer[i].is_moe) continue;
        bias_updates_see(&t->bias, i, r->load);
        for (int k = 0; k < c->n_routed_experts; k++) {
            sum += r->load[k];
            if (r->load[k] > most) most = r->load[k];
        }
        const double share = sum > 0 ? (double)most * c->n_routed_experts / (double)sum : 0;
        if (share > out->busiest) out->busiest = share;
        balance += r->balance;
        layers++;
    }
    if (layers > 0) out->balance += weight * balance / layers;
}

/* Where the samples of a group come from: "train.jsonl:17, train.jsonl:4". */
static void name_samples(const Trainer *t, const SampleGroup *g, Str *out)
{
    for (int i = 0; i < g->n; i++) {
        if (i) str_printf(out, ", ");
        dataset_where(t->data, g->record[i], out);
    }
}

static const Param *first_not_finite(const Params *p, const float *block)
{
    for (int i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->param[i].n; k++)
            if (!isfinite(block[p->param[i].at + k])) return &p->param[i];
    return NULL;
}

/* `group`: the one at work, or -1: all. */
static bool not_finite(const Trainer *t, const Groups *g, int group, const char *what, double value, Error *e)
{
    Str where = { 0 };
    for (int i = 0; i < g->n; i++) {
        if (group >= 0 && i != group) continue;
        if (where.n) str_printf(&where, ", ");
        name_samples(t, &g->group[i], &where);
    }
    const Param *holds = first_not_finite(&t->params, t->params.value);
    const Param *grad = holds ? NULL : first_not_finite(&t->params, t->params.grad);
    fail(e, ERR_FORMAT, "step %lld: the %s is %g, with %s%s%s", (long long)t->at.step, what, value, where.text,
         holds  ? "; it is in the parameter "
         : grad ? "; first met in the gradient of "
                : "",
         holds  ? holds->name
         : grad ? grad->name
                : "");
    str_free(&where);
    return false;
}

static int last_with_samples(const Groups *g)
{
    int i = g->n - 1;
    while (i >= 0 && g->group[i].n == 0) i--;
    return i;
}

static bool add_gradients(Trainer *t, const Groups *g, StepReport *out, Error *e)
{
    const int last = last_with_samples(g);
    for (int i = 0; i <= last; i++) {
        const SampleGroup *group = &g->group[i];
        BackpropResult r;
        if (group->n == 0) continue;
        t->last_group = i == last;
        if (!backprop(&t->backprop, group->sample, group->n, 1 / (float)g->labels, true, &r, e)) return false;
        if (!isfinite(r.loss)) return not_finite(t, g, i, "loss", r.loss, e);
        out->loss += r.loss / (double)g->labels;
        out->tokens += r.n_tokens;
        report_experts(t, out, 1 / (double)g->groups);
    }
    return true;
}

static double rate_of(const TrainerOptions *o, const Param *p)
{
    const char *name = p->name;
    return str_starts(name, "vision.") ? o->vision_rate : str_starts(name, "language.") ? 1 : o->projector_rate;
}

/* Not embeddings and head, whose rows are words, nor positions. */
static bool is_for_muon(const TrainerOptions *o, const Param *p)
{
    static const char *const not_inside[] = { "language.model.embed_tokens.weight", "language.lm_head.weight",
                                              "vision.pos_embed" };
    if (!o->muon || p->n_dims != 2 || p->dim[0] < 2 || p->dim[1] < 2) return false;
    for (size_t i = 0; i < sizeof not_inside / sizeof *not_inside; i++)
        if (strcmp(p->name, not_inside[i]) == 0) return false;
    return true;
}

static void update_by_muon(const Trainer *t, double rate, float factor)
{
    const Params *p = &t->params;
    MuonMatrix *m = xcalloc((size_t)p->n, sizeof *m);
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        const Param *q = &p->param[i];
        if (!is_for_muon(&t->options, q) || gradient_sum_owner(t->sum, q) != t->ranks.rank) continue;
        m[n++] = (MuonMatrix){ .value = p->value + q->at,
                               .momentum = t->adam.m + q->at,
                               .grad = p->grad + q->at,
                               .rows = (int)q->dim[0],
                               .cols = (int)q->dim[1],
                               .rate = rate * rate_of(&t->options, q) };
    }
    muon_update(t->k, t->pool, m, n, (double)t->options.adam.weight_decay, factor);
    free(m);
}

static bool updated_together(const TrainerOptions *o, const Param *a, const Param *b)
{
    return !is_for_muon(o, b) && rate_of(o, a) == rate_of(o, b);
}

/* Of the parameters that this rank owns; ranges with the same rate are updated at once. */
static void update(Trainer *t, double rate, float factor)
{
    const Params *p = &t->params;
    size_t first, last;
    gradient_sum_owned(t->sum, t->ranks.rank, &first, &last);
    t->adam.step++;
    if (t->options.muon) update_by_muon(t, rate, factor);
    for (int i = 0, next; i < p->n; i = next) {
        const double scale = rate_of(&t->options, &p->param[i]);
        next = i + 1;
        if (is_for_muon(&t->options, &p->param[i])) continue;
        while (next < p->n && updated_together(&t->options, &p->param[i], &p->param[next])) next++;
        size_t begin = p->param[i].at, end = next < p->n ? p->param[next].at : p->n_values;
        if (begin < first) begin = first;
        if (end > last) end = last;
        if (begin < end)
            adam_update(&t->adam, t->k, t->pool, p->value, p->grad, begin, end - begin, rate * scale, factor);
    }
}

/* Everybody gets what the owners have updated. */
static void share_values(Trainer *t)
{
    for (int r = 0; r < t->ranks.n; r++) {
        size_t begin, end;
        gradient_sum_owned(t->sum, r, &begin, &end);
        ranks_share(&t->ranks, t->params.value + begin, end - begin, r);
    }
}

/* The norm of the whole gradient, of which each rank has its part. */
static bool take_norm(Trainer *t, const Groups *g, double *norm, Error *e)
{
    size_t begin, end;
    gradient_sum_owned(t->sum, t->ranks.rank, &begin, &end);
    *norm = gradient_norm(t->k, t->pool, t->params.grad + begin, end - begin);
    if (!isfinite(*norm)) return not_finite(t, g, -1, "norm of the gradient", *norm, e);
    return true;
}

/* What every rank saw, together. */
static void add_reports(const Trainer *t, StepReport *out)
{
    double all[] = { out->loss, (double)out->tokens, out->balance, out->norm * out->norm };
    if (t->ranks.n == 1) return;
    ranks_sum(&t->ranks, all, 4);
    out->loss = all[0];
    out->tokens = (int64_t)all[1];
    out->balance = all[2];
    out->norm = sqrt(all[3]);
    out->busiest = ranks_max(&t->ranks, out->busiest);
}

/* A rank whose samples break the step takes part in it to its end: the others wait for its gradients. */
static bool do_step(Trainer *t, const Groups *g, StepReport *out, Error *e)
{
    params_zero_grad(&t->params);
    set_masks(t);
    gradient_sum_begin(t->sum);
    bias_updates_begin(&t->bias);
    bool ok = add_gradients(t, g, out, e);
    gradient_sum_end(t->sum);
    ok = ok && take_norm(t, g, &out->norm, e);
    if (!ranks_agree(&t->ranks, ok, e)) return false;
    add_reports(t, out);
    out->rate = schedule_rate(&t->schedule, t->at.step);
    update(t, out->rate, clip_factor(&t->options.adam, out->norm));
    share_values(t);
    bias_updates_step(&t->bias, &t->ranks);
    return true;
}

bool trainer_step(Trainer *t, StepReport *out, Error *e)
{
    const double start = seconds_now();
    Groups g = { 0 };
    *out = (StepReport){ 0 };
    bool ok = take_groups(t, &g, e);
    if (ok && g.labels > 0) ok = do_step(t, &g, out, e); /* else all its samples turned out to be bad */
    if (ok) {
        t->at.step++;
        t->at.epoch_step++;
        t->at.tokens += out->tokens;
        t->at.samples += g.samples;
        out->at = t->at;
        out->labels = g.labels;
        out->samples = g.samples;
        out->seconds = seconds_now() - start;
    }
    free_groups(&g);
    return ok;
}

/* ---- other data ---- */

/* The part of this rank: every so manieth sample. */
static bool evaluate_part(Trainer *t, const Dataset *d, const Survey *s, double *sum, double *labels,
                          TrainerStopped *stopped, void *context, Error *e)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        Sample sample;
        BackpropResult r;
        Fault fault;
        if (s->record[i].fault != FAULT_NONE || n++ % (size_t)t->ranks.n != (size_t)t->ranks.rank) continue;
        if (stopped && stopped(context)) return fail(e, ERR_CANCELLED, "stopped");
        if (!dataset_sample(d, i, t->rules, SAMPLE_WHOLE, &sample, &fault, e)) {
            if (fault == FAULT_NONE || !t->options.skip_bad) return false;
            continue;
        }
        const bool ok = backprop(&t->backprop, &sample, 1, 1, false, &r, e);
        sample_free(&sample);
        if (!ok) return false;
        *sum += r.loss;
        *labels += (double)r.n_labels;
    }
    return true;
}

bool trainer_evaluate(Trainer *t, const Dataset *d, const Survey *s, double *loss, TrainerStopped *stopped,
                      void *context, Error *e)
{
    double all[] = { 0, 0 }; /* loss, labels */
    if (!ranks_agree(&t->ranks, evaluate_part(t, d, s, &all[0], &all[1], stopped, context, e), e)) return false;
    ranks_sum(&t->ranks, all, 2);
    if (all[1] == 0) return fail(e, ERR_FORMAT, "the held-out data have nothing to score");
    *loss = all[0] / all[1];
    return true;
}
