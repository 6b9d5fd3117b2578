/* training.c - see training.h. */
#include "cli/training.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/held_out.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "train/dashboard.h"
#include "train/result.h"
#include "train/train_history.h"
#include "train/train_log.h"

/* What the run leaves in its folder. */
static const char *result_name(const TrainArgs *a)
{
    return a->lora.rank > 0 ? "adapter" : "model";
}

/* Data as training uses them. */
typedef struct {
    Dataset set;
    Survey survey;
} Data;

typedef struct {
    const TrainArgs *a;
    Ranks ranks; /* rank 0 alone writes, and speaks */
    bool quiet;
    Model model;
    Pool *pool;
    SampleRules rules;
    Data data, held_out;
    LoraTargets lora;
    const char *preset; /* its target where none is given */
    Trainer trainer;
    TrainLog *log;
    Dashboard *dashboard; /* NULL: none is asked for */
    Progress bar;
    char status[96]; /* what the bar says */
    double best;     /* of what --best-by says, the greater the better; -INFINITY: nothing yet */
} Session;

static bool is_first(const Session *s)
{
    return s->ranks.rank == 0;
}

static bool best_by_answers(const Session *s)
{
    return strcmp(s->a->keep.best_by, "answers") == 0;
}

/* ---- the folder ---- */

static char *in_folder(const Session *s, const char *name)
{
    return path_join(s->a->keep.out, name);
}

/* The steps of the checkpoints, ascending. Caller frees. */
static long long *list_checkpoints(const Session *s, int *n)
{
    long long *step = NULL;
    int capacity = 0;
    char *folder = in_folder(s, "checkpoints");
    DIR *d = opendir(folder);
    *n = 0;
    for (const struct dirent *f; d && (f = readdir(d));) {
        long long at;
        int end = 0;
        if (sscanf(f->d_name, "step-%lld.safetensors%n", &at, &end) != 1 || f->d_name[end] || !end) continue;
        GROW(step, *n, capacity);
        int i = (*n)++;
        for (; i > 0 && step[i - 1] > at; i--) step[i] = step[i - 1];
        step[i] = at;
    }
    if (d) closedir(d);
    free(folder);
    return step;
}

static char *checkpoint_path(const Session *s, long long step)
{
    Str path = { 0 };
    str_printf(&path, "%s/checkpoints/step-%08lld.safetensors", s->a->keep.out, step);
    return path.text;
}

static void remove_old(const Session *s)
{
    int n;
    long long *step = list_checkpoints(s, &n);
    for (int i = 0; i < n - s->a->keep.keep; i++) {
        char *path = checkpoint_path(s, step[i]);
        unlink(path);
        free(path);
    }
    free(step);
}

static bool save_checkpoint(Session *s, Error *e)
{
    char *path = checkpoint_path(s, s->trainer.at.step);
    const bool ok = trainer_save(&s->trainer, path, e);
    free(path);
    if (ok && is_first(s)) remove_old(s);
    return ok;
}

/* All ranks look before the first one writes: the folder is the same for all of them. */
static bool begin_or_resume(Session *s, Error *e)
{
    const KeepArgs *a = &s->a->keep;
    char *folder = in_folder(s, "checkpoints");
    bool ok = !is_first(s) || folder_make(folder, e);
    free(folder);
    ok = ranks_agree(&s->ranks, ok, e);
    int n;
    long long *step = list_checkpoints(s, &n);
    if (ok && n == 0 && a->resume)
        ok = fail(e, ERR_USAGE, "%s: holds no checkpoint to go on from: leave --resume out", a->out);
    if (ok && n > 0 && !a->resume)
        ok = fail(e, ERR_USAGE, "%s: holds the checkpoint of step %lld: --resume goes on, or give another folder",
                  a->out, step[n - 1]);
    ok = ranks_agree(&s->ranks, ok, e);
    if (ok && a->resume) {
        char *path = checkpoint_path(s, step[n - 1]);
        ok = trainer_resume(&s->trainer, path, a->changed_too, e);
        if (ok && !s->quiet) note("going on from %s", path);
        free(path);
    }
    free(step);
    return ok;
}

/* ---- opening ---- */

static bool survey_shown(void *context, size_t done, size_t total)
{
    Session *s = context;
    progress_show(&s->bar, "reading the data", (int)done, (int)total);
    return !interrupt_seen();
}

static bool open_data(Session *s, Data *d, const Texts *files, Error *e)
{
    const DatasetOptions o = dataset_options_of(&s->a->data);
    const bool ok = dataset_open(&d->set, files->text, files->n, &o, e) &&
                    survey_take(&d->survey, &d->set, &s->rules, s->a->data.skip_bad, s->pool, survey_shown, s, e);
    progress_wipe(&s->bar);
    if (ok && d->survey.n_good < d->survey.n && !s->quiet)
        note("%zu of %zu records are left out: vl2 train --dry-run says which", d->survey.n - d->survey.n_good,
             d->survey.n);
    return ok;
}

static bool open_dashboard(Session *s, Error *e)
{
    const int port = s->a->keep.dashboard;
    if (port == 0 || !is_first(s)) return true;
    char *path = in_folder(s, "log.jsonl");
    const bool ok = dashboard_open(&s->dashboard, (const char *const[]){ path }, 1, port, e);
    free(path);
    if (ok && !s->quiet) note("the curves are at http://127.0.0.1:%d/", port);
    return ok;
}

/* The best of what a resumed run has seen, so that best/ is not replaced by less. */
static void recall_best(Session *s, const char *log)
{
    Error ignored;
    TrainHistory h;
    train_history_open(&h, log);
    const bool by_answers = best_by_answers(s);
    Series *seen = &h.series[by_answers ? SERIES_SCORE : SERIES_HELD_OUT];
    if (s->a->keep.resume && train_history_update(&h, &ignored)) {
        while (seen->n > 0 && seen->point[seen->n - 1].step > s->trainer.at.step) seen->n--;
        if (seen->n > 0) s->best = by_answers ? series_highest(seen)->value : -series_lowest(seen)->value;
    }
    train_history_close(&h);
}

static bool log_run(Session *s, Error *e)
{
    if (!is_first(s)) return true;
    char *path = in_folder(s, "log.jsonl");
    recall_best(s, path);
    bool ok = train_log_open(&s->log, path, e);
    free(path);
    return ok &&
           train_log_run(s->log, s->trainer.steps, model_or_default(s->a->model), trainer_settings(&s->trainer), e);
}

static bool open_session(Session *s, Error *e)
{
    const TrainArgs *a = s->a;
    TrainerOptions o = trainer_options_of(a, &s->lora);
    o.ranks = &s->ranks;
    const bool ok = model_open(&s->model, model_or_default(a->model), e) && (s->pool = pool_open(a->threads, e));
    if (!ok) return false;
    if (s->lora.n_targets == 0) {
        s->preset = lora_preset_for(&s->model.config.language);
        s->lora.target = &s->preset;
        s->lora.n_targets = 1;
    }
    s->rules = sample_rules_of(a);
    s->rules.config = &s->model.config;
    s->rules.tokenizer = s->model.tokenizer;
    s->rules.cache = blob_cache_open((size_t)a->data.cache_megabytes * 1000000);
    return open_data(s, &s->data, &a->data.files, e) &&
           (a->keep.held_out.n == 0 || open_data(s, &s->held_out, &a->keep.held_out, e)) &&
           trainer_open(&s->trainer, &o, &s->model, kernels_get(cpu_best()), s->pool, &s->data.set, &s->data.survey,
                        &s->rules, e);
}

static bool begin_session(Session *s, Error *e)
{
    return ranks_agree(&s->ranks, open_session(s, e), e) && begin_or_resume(s, e) &&
           ranks_agree(&s->ranks, log_run(s, e) && open_dashboard(s, e), e);
}

static void close_data(Data *d)
{
    survey_free(&d->survey);
    dataset_close(&d->set);
}

static void close_session(Session *s)
{
    dashboard_close(s->dashboard);
    train_log_close(s->log);
    trainer_close(&s->trainer);
    close_data(&s->data);
    close_data(&s->held_out);
    blob_cache_close(s->rules.cache);
    pool_close(s->pool);
    model_close(&s->model);
}

/* ---- the steps ---- */

static bool is_stopped(void *context)
{
    (void)context;
    return interrupt_seen();
}

/* What the model says of some held-out samples. */
static bool ask(Session *s, HeldOutScore *out, Error *e)
{
    enum { SHOWN = 8 };
    const HeldOutTask t = { .model = &s->model,
                            .data = &s->held_out.set,
                            .survey = &s->held_out.survey,
                            .rules = &s->rules,
                            .ranks = &s->ranks,
                            .n = s->a->keep.answers,
                            .shown = is_first(s) ? SHOWN : 0,
                            .threads = s->a->threads,
                            .folder = s->a->keep.out,
                            .step = s->trainer.at.step,
                            .stopped = s->ranks.n == 1 ? interrupt_seen : NULL };
    return held_out_answer(&t, out, e);
}

static bool log_score(Session *s, HeldOutScore *score, Error *e)
{
    const long long step = s->trainer.at.step;
    json_t *line = json_pack("{s:I, s:f, s:i}", "step", (json_int_t)step, "score", score->score, "answers", score->n);
    if (score->n_texts) json_object_set_new(line, "exact_match", json_real(score->exact));
    if (score->n_boxed) json_object_set_new(line, "iou", json_real(score->overlap));
    bool ok = train_log_line(s->log, line, e);
    if (ok && score->shown) ok = train_log_samples(s->log, step, json_incref(score->shown), e);
    return ok;
}

/* `value`: greater is better. */
static bool keep_if_best(Session *s, double value, Error *e)
{
    if (!(value > s->best)) return true;
    char *folder = in_folder(s, "best");
    const bool ok = trainer_write_result(&s->trainer, folder, e);
    if (ok) s->best = value;
    free(folder);
    return ok;
}

static void note_evaluation(Session *s, double loss, const HeldOutScore *score, bool is_best)
{
    char right[64] = "";
    if (s->quiet) return;
    if (score->n) snprintf(right, sizeof right, ", score of %d answers %.3g", score->n, score->score);
    progress_wipe(&s->bar);
    note("step %lld: loss on the held-out data %.4g%s%s", (long long)s->trainer.at.step, loss, right,
         is_best ? ", the best so far" : "");
}

/* Rank 0's part: log, best/, notes. */
static bool take_evaluation(Session *s, double loss, HeldOutScore *score, Error *e)
{
    const double value = best_by_answers(s) ? score->score : -loss, before = s->best;
    const bool ok = train_log_held_out(s->log, s->trainer.at.step, loss, e) &&
                    (score->n == 0 || log_score(s, score, e)) && keep_if_best(s, value, e);
    if (ok) note_evaluation(s, loss, score, s->best > before);
    return ok;
}

static bool evaluate(Session *s, Error *e)
{
    double loss;
    HeldOutScore score = { 0 };
    TrainerStopped *stopped = s->ranks.n == 1 ? is_stopped : NULL; /* several stop together, between steps */
    bool ok = trainer_evaluate(&s->trainer, &s->held_out.set, &s->held_out.survey, &loss, stopped, s, e) &&
              (s->a->keep.answers == 0 || ask(s, &score, e));
    ok = ok && ranks_agree(&s->ranks, !is_first(s) || take_evaluation(s, loss, &score, e), e);
    json_decref(score.shown);
    return ok;
}

/* One rank was interrupted: all stop after the same step. */
static bool stops(const Session *s)
{
    return ranks_max(&s->ranks, interrupt_seen()) > 0;
}

static bool is_due(int64_t step, int every)
{
    return step % every == 0;
}

static bool log_step(Session *s, const StepReport *r, Error *e)
{
    if (!is_first(s)) return true;
    const LoggedStep line = { .step = r->at.step,
                              .epoch = (int)r->at.epoch,
                              .loss = r->loss,
                              .grad_norm = r->norm,
                              .rate = r->rate,
                              .tokens = r->tokens,
                              .samples = r->samples,
                              .labels = r->labels,
                              .seconds = r->seconds,
                              .has_experts = s->model.config.language.n_routed_experts > 0,
                              .balance = r->balance,
                              .busiest = r->busiest };
    return train_log_step(s->log, &line, e);
}

static void show_step(Session *s, const StepReport *r)
{
    snprintf(s->status, sizeof s->status, "step, loss %.3g, %.0f tokens/s", r->loss,
             r->seconds > 0 ? (double)r->tokens / r->seconds : 0);
    progress_show(&s->bar, s->status, (int)s->trainer.at.step, (int)s->trainer.steps);
}

/* A checkpoint at the end, too, however the run ends. */
static bool train_steps(Session *s, Error *e)
{
    const KeepArgs *a = &s->a->keep;
    Trainer *t = &s->trainer;
    int64_t saved = t->at.step;
    bool ok = true;
    while (ok && !trainer_is_done(t) && !stops(s)) {
        StepReport r;
        ok = trainer_step(t, &r, e) && ranks_agree(&s->ranks, log_step(s, &r, e), e);
        if (!ok) break;
        show_step(s, &r);
        if (a->held_out.n > 0 && (is_due(t->at.step, a->evaluate_every) || trainer_is_done(t))) ok = evaluate(s, e);
        if (ok && is_due(t->at.step, a->save_every)) {
            ok = save_checkpoint(s, e);
            saved = t->at.step;
        }
    }
    progress_wipe(&s->bar);
    if ((ok || e->code == ERR_CANCELLED) && saved != t->at.step) {
        Error other;
        if (!save_checkpoint(s, &other)) {
            *e = other;
            return false;
        }
    }
    if (ok && !trainer_is_done(t)) ok = fail(e, ERR_CANCELLED, "stopped");
    if (!ok && e->code == ERR_CANCELLED)
        fail(e, ERR_CANCELLED, "ended by Ctrl-C after step %lld of %lld: --resume goes on", (long long)t->at.step,
             (long long)t->steps);
    return ok;
}

static bool write_result(Session *s, Error *e)
{
    if (!is_first(s)) return true;
    char *folder = in_folder(s, result_name(s->a));
    const bool ok = trainer_write_result(&s->trainer, folder, e);
    if (ok && !s->quiet) note("%s: what was learnt in %lld steps", folder, (long long)s->trainer.at.step);
    free(folder);
    return ok;
}

/* Who has few records and leaves the options as they are gets a step or two, and a model that has learnt nothing. */
static void note_few_steps(const Session *s)
{
    enum { FEW = 10 };
    const long long n = s->trainer.steps;
    if (n < FEW && s->a->learn.steps == 0 && !s->quiet)
        note("%lld step%s in all, which teach%s little: --epochs N goes through the data N times, --accumulate 1 makes "
             "a step "
             "of each batch",
             n, n == 1 ? "" : "s", n == 1 ? "es" : "");
}

static bool run(Session *s, Error *e)
{
    if (!begin_session(s, e)) return false;
    note_few_steps(s);
    return train_steps(s, e) && ranks_agree(&s->ranks, write_result(s, e), e);
}

bool training_run(const TrainArgs *a, Error *e)
{
    Session s = { .a = a, .lora = lora_targets_of(a), .best = -INFINITY };
    interrupt_install_all();
    if (!ranks_open(&s.ranks, e)) return false;
    s.quiet = a->notes.quiet || !is_first(&s);
    s.bar.shown = is_terminal(stderr) && !s.quiet;
    const bool ok = run(&s, e);
    if (!ok && e->code == ERR_CANCELLED && !is_first(&s)) fail(e, ERR_CANCELLED, "%s", ""); /* the first one tells it */
    if (!ok && e->text[0] && s.ranks.n > 1) fail_in(e, "rank %d of %d", s.ranks.rank, s.ranks.n);
    close_session(&s);
    ranks_close(&s.ranks);
    return ok;
}
