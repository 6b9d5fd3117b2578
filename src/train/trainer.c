/* trainer.c - see trainer.h. */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/muon.h"

/* ---- opening ---- */

/* The steps of all epochs: where a source is taken in part, epochs differ. */
static bool count_steps(const Trainer *t, int64_t *steps, Error *e)
{
    *steps = 0;
    for (int i = 0; i < t->options.epochs; i++) {
        Epoch p;
        if (!epoch_plan(&p, t->data, t->survey, &t->options.order, (uint64_t)i, e)) return false;
        *steps += (int64_t)epoch_steps(&p, t->options.accumulate);
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

bool trainer_open(Trainer *t, const TrainerOptions *o, Model *m, const Kernels *k, Pool *pool, const Dataset *d,
                  const Survey *s, const SampleRules *rules, Error *e)
{
    *t = (Trainer){ .options = *o, .model = m, .k = k, .pool = pool, .data = d, .survey = s, .rules = rules };
    if (plan(t, e) &&
        (o->lora ? params_open_lora(&t->params, m, o->lora, o->order.seed, e)
                 : params_open(&t->params, m, &o->choice, e)) &&
        adam_open(&t->adam, &o->adam, t->params.n_values, e) &&
        backprop_open(&t->backprop, m, k, pool, &o->backprop, e))
        return true;
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
    if (t->backprop.model) backprop_close(&t->backprop);
    adam_close(&t->adam);
    params_close(&t->params);
    *t = (Trainer){ 0 };
}

/* ---- the samples of a step ---- */

typedef struct {
    SampleGroup *group;
    int n, capacity;
    int64_t labels, samples;
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
                            .per_step = t->options.accumulate,
                            .first_step = (size_t)t->at.epoch_step,
                            .ranks = 1,
                            .threads = t->options.feed_threads,
                            .ahead = 2 * (size_t)t->options.order.batch,
                            .skip_bad = t->options.skip_bad };
    t->feed = feed_open(&o, e);
    return t->feed != NULL;
}

static bool epoch_is_over(const Trainer *t)
{
    return t->at.epoch_step >= (int64_t)epoch_steps(&t->epoch, t->options.accumulate);
}

/* The groups of the step where the run is; begins the next epoch where one has ended. */
static bool take_groups(Trainer *t, Groups *g, Error *e)
{
    if (!t->feed && !begin_epoch(t, e)) return false;
    if (epoch_is_over(t)) {
        end_epoch(t);
        t->at.epoch++;
        t->at.epoch_step = 0;
        if (!begin_epoch(t, e)) return false;
    }
    const size_t first = (size_t)t->at.epoch_step * t->options.accumulate, left = t->epoch.n_groups - first;
    const size_t n = left < t->options.accumulate ? left : t->options.accumulate;
    for (size_t i = 0; i < n; i++) {
        SampleGroup next;
        if (!feed_next(t->feed, &next, e)) return false;
        GROW(g->group, g->n, g->capacity);
        g->group[g->n++] = next;
        g->samples += next.n;
        for (int k = 0; k < next.n; k++) g->labels += next.sample[k].n_labels;
    }
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
static void report_experts(const Trainer *t, StepReport *out, double weight)
{
    const LanguageConfig *c = &t->model->config.language;
    double balance = 0;
    int layers = 0;
    for (int i = 0; i < c->n_layers; i++) {
        const ExpertReport *r = backprop_report(&t->backprop, i);
        int64_t sum = 0;
        int most = 0;
        if (!t->model->weights.language.layer[i].is_moe) continue;
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

static bool add_gradients(Trainer *t, const Groups *g, StepReport *out, Error *e)
{
    for (int i = 0; i < g->n; i++) {
        const SampleGroup *group = &g->group[i];
        BackpropResult r;
        if (group->n == 0) continue;
        if (!backprop(&t->backprop, group->sample, group->n, 1 / (float)g->labels, true, &r, e)) return false;
        if (!isfinite(r.loss)) return not_finite(t, g, i, "loss", r.loss, e);
        out->loss += r.loss / (double)g->labels;
        out->tokens += r.n_tokens;
        report_experts(t, out, 1 / (double)g->n);
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
        if (!is_for_muon(&t->options, q)) continue;
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

/* Ranges of parameters with the same rate are updated at once. */
static void update(Trainer *t, double rate, float factor)
{
    const Params *p = &t->params;
    t->adam.step++;
    if (t->options.muon) update_by_muon(t, rate, factor);
    for (int i = 0, next; i < p->n; i = next) {
        const double scale = rate_of(&t->options, &p->param[i]);
        next = i + 1;
        if (is_for_muon(&t->options, &p->param[i])) continue;
        while (next < p->n && updated_together(&t->options, &p->param[i], &p->param[next])) next++;
        const size_t begin = p->param[i].at, end = next < p->n ? p->param[next].at : p->n_values;
        adam_update(&t->adam, t->k, t->pool, p->value, p->grad, begin, end - begin, rate * scale, factor);
    }
}

static bool do_step(Trainer *t, const Groups *g, StepReport *out, Error *e)
{
    params_zero_grad(&t->params);
    set_masks(t);
    if (!add_gradients(t, g, out, e)) return false;
    out->norm = gradient_norm(t->k, t->pool, t->params.grad, t->params.n_values);
    if (!isfinite(out->norm)) return not_finite(t, g, -1, "norm of the gradient", out->norm, e);
    out->rate = schedule_rate(&t->schedule, t->at.step);
    update(t, out->rate, clip_factor(&t->options.adam, out->norm));
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

bool trainer_evaluate(Trainer *t, const Dataset *d, const Survey *s, double *loss, TrainerStopped *stopped,
                      void *context, Error *e)
{
    double sum = 0;
    int64_t labels = 0;
    for (size_t i = 0; i < s->n; i++) {
        Sample sample;
        BackpropResult r;
        Fault fault;
        if (s->record[i].fault != FAULT_NONE) continue;
        if (stopped && stopped(context)) return fail(e, ERR_CANCELLED, "stopped");
        if (!dataset_sample(d, i, t->rules, SAMPLE_WHOLE, &sample, &fault, e)) {
            if (fault == FAULT_NONE || !t->options.skip_bad) return false;
            continue;
        }
        const bool ok = backprop(&t->backprop, &sample, 1, 1, false, &r, e);
        sample_free(&sample);
        if (!ok) return false;
        sum += r.loss;
        labels += r.n_labels;
    }
    if (labels == 0) return fail(e, ERR_FORMAT, "the held-out data have nothing to score");
    *loss = sum / (double)labels;
    return true;
}
