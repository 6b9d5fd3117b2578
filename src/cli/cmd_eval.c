/* cmd_eval.c - `vl2 eval`: a benchmark put to a model, answers scored, two runs compared. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "eval/eval_run.h"
#include "eval/report.h"

enum { MOST_FILES = 1024 };

typedef struct {
    const char *data, *task, *out, *shard;
    bool score, compare;
} WhatArgs;

typedef struct {
    int limit, together, max_tokens, max_cell;
    bool skip_bad, blind;
} HowArgs;

typedef struct {
    const char *box_scale;
    int examples;
    bool json;
} ScoringArgs;

typedef struct {
    EngineArgs engine;
    WhatArgs what;
    HowArgs how;
    ScoringArgs scoring;
    NoteArgs notes;
} EvalArgs;

#define T WhatArgs
static const Option WHAT_OPTIONS[] = {
    OPTION_TEXT(
        T, data, "data", 0, "FILE.tsv",
        "The benchmark as VLMEvalKit keeps it: columns index, image, question, answer and others. With --score and "
        "--compare it gives the reports their pictures. Default: none."),
    OPTION_TEXT(
        T, task, "task", 0, "NAME",
        "How to ask and score: DocVQA, InfoVQA, ChartQA, TextVQA, OCRVQA, GQA, OCRBench, MME, POPE, HallusionBench, "
        "AI2D, MMBench, CCBench, MMT-Bench, MMStar, MMMU, RealWorldQA, SEEDBench, SEEDBench2, ScienceQA, MathVista, "
        "RefCOCO, "
        "Scenes. Default: what "
        "FILE's name begins with."),
    OPTION_TEXT(T, out, "output", 'o', "DIR",
                "Where the files go; what is there of the same run is gone on with. Default: eval."),
    OPTION_TEXT(T, shard, "shard", 0, "I/N",
                "Only rows I, I + N, ... of the data, I from 1; `auto` asks the launcher (mpirun, srun) for both. "
                "Default: 1/1."),
    OPTION_FLAG(T, score, "score", 0,
                "No model: score the tables of answers that are named, as one run. Default: off."),
    OPTION_FLAG(T, compare, "compare", 0, "No model: compare two tables of answers to the same data. Default: off."),
    OPTIONS_END
};
#undef T

#define T HowArgs
static const Option HOW_OPTIONS[] = {
    OPTION_INTEGER(T, limit, "limit", 0, "N", 0, 1 << 30, "Only the first N rows. Default: 0, all."),
    OPTION_FLAG(T, skip_bad, "skip-bad", 0,
                "Count rows that cannot be asked or scored, and go on. Default: the first one ends the run."),
    OPTION_FLAG(T, blind, "blind", 0,
                "Ask each question about the picture of another row of the same category: what can be told without "
                "seeing. Default: off."),
    OPTION_INTEGER(T, together, "batch", 0, "N", 1, 256,
                   "Rows asked at once; changes memory and time, never the answers. Default: 4."),
    OPTION_INTEGER(T, max_tokens, "max-tokens", 0, "N", 1, 1 << 20,
                   "Longest answer in tokens. Default: 2048, as VLMEvalKit."),
    OPTION_INTEGER(T, max_cell, "max-cell", 0, "MB", 1, 4096, "Refuse tables with a longer cell. Default: 256."),
    OPTIONS_END
};
#undef T

#define T ScoringArgs
static const Option SCORING_OPTIONS[] = {
    OPTION_CHOICE(
        T, box_scale, "box-scale", 0, "N", "999|1000", NULL,
        "What coordinates of RefCOCO answers are parts of: 999 as DeepSeek-VL2 writes them, 1000 as VLMEvalKit reads "
        "them. Default: 999."),
    OPTION_INTEGER(T, examples, "examples", 0, "N", 0, 100000, "Answers shown in the reports. Default: 50."),
    OPTION_FLAG(T, json, "json", 0, "One line of JSON on standard output instead of the table. Default: off."),
    OPTIONS_END
};
#undef T

static const Group GROUPS[] = { { "What", WHAT_OPTIONS, offsetof(EvalArgs, what) },
                                { "How", HOW_OPTIONS, offsetof(EvalArgs, how) },
                                { "Scoring and report", SCORING_OPTIONS, offsetof(EvalArgs, scoring) },
                                { "Model and machine", ENGINE_OPTIONS, offsetof(EvalArgs, engine) },
                                { "Notes", NOTE_OPTIONS, offsetof(EvalArgs, notes) },
                                { 0 } };

/* ---- what is asked for ---- */

typedef struct {
    const EvalArgs *a;
    const Task *task;
    char *name; /* of the data set */
    char *base; /* DIR/MODEL_NAME: what the files are called */
    int shard, shards;
} Job;

static void free_job(Job *j)
{
    free(j->name);
    free(j->base);
}

/* The rank that a launcher gave this process; false: there is none. */
static bool launched_as(int *rank, int *size)
{
    static const char *const NAMES[][2] = { { "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE" },
                                            { "PMI_RANK", "PMI_SIZE" },
                                            { "SLURM_PROCID", "SLURM_NTASKS" } };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const char *r = getenv(NAMES[i][0]), *s = getenv(NAMES[i][1]);
        if (!r || !s) continue;
        *rank = atoi(r);
        *size = atoi(s);
        return *size > 0 && *rank >= 0 && *rank < *size;
    }
    return false;
}

static bool take_shard(Job *j, const char *text, Error *e)
{
    char rest;
    int rank, size;
    if (!text) return true;
    if (strcmp(text, "auto") == 0) {
        if (!launched_as(&rank, &size))
            return fail(e, ERR_USAGE, "--shard auto: no rank in OMPI_COMM_WORLD_RANK, PMI_RANK or SLURM_PROCID");
        j->shard = rank + 1;
        j->shards = size;
        return true;
    }
    if (sscanf(text, "%d/%d%c", &j->shard, &j->shards, &rest) == 2 && j->shard >= 1 && j->shard <= j->shards)
        return true;
    return fail(e, ERR_USAGE, "--shard: found '%s', expected I/N with I from 1 to N, or auto", text);
}

static bool take_task(Job *j, const char *named_by, Error *e)
{
    j->task = task_find(j->a->what.task ? j->a->what.task : named_by);
    if (j->task) return true;
    const char *names[64] = { 0 };
    for (int i = 0; task_at(i) && i < 63; i++) names[i] = task_at(i)->name;
    if (j->a->what.task) {
        const char *near = nearest_name(j->a->what.task, names);
        return near ? fail(e, ERR_USAGE, "--task: there is no task '%s'; did you mean '%s'?", j->a->what.task, near)
                    : fail(e, ERR_USAGE, "--task: there is no task '%s'; `vl2 eval -h` lists them", j->a->what.task);
    }
    return fail(e, ERR_USAGE, "%s: the name tells no task, name one with --task", named_by);
}

static bool check(const EvalArgs *a, int n_operands, Error *e)
{
    if (a->what.score && a->what.compare) return fail(e, ERR_USAGE, "--score and --compare exclude each other");
    if (a->what.compare && n_operands != 2)
        return fail(e, ERR_USAGE, "--compare takes two tables of answers, %d are given", n_operands);
    if (a->what.score && n_operands < 1) return fail(e, ERR_USAGE, "--score: a table of answers is missing");
    if (n_operands > MOST_FILES) return fail(e, ERR_USAGE, "%d tables, at most %d", n_operands, MOST_FILES);
    if (a->what.score || a->what.compare) {
        if (a->how.blind || a->what.shard || a->how.limit)
            return fail(e, ERR_USAGE,
                        "--blind, --shard and --limit are for asking a model, not for --score and --compare");
        return true;
    }
    if (n_operands > 0) return fail(e, ERR_USAGE, "tables of answers are for --score and --compare");
    return a->what.data || fail(e, ERR_USAGE, "--data FILE.tsv is missing");
}

static int box_scale_of(const EvalArgs *a)
{
    return strcmp(a->scoring.box_scale, "1000") == 0 ? 1000 : 999;
}

static ScoreOptions score_options(const Job *j)
{
    return (ScoreOptions){ j->task, box_scale_of(j->a), j->a->how.skip_bad, (size_t)j->a->how.max_cell << 20 };
}

/* ---- results ---- */

static void print_table(const Scores *s)
{
    for (int i = 0; i < s->rating.n; i++) {
        const RatingLine *l = &s->rating.line[i];
        Str name = { 0 };
        str_printf(&name, "%s%s%s", l->part, *l->name ? " " : "", l->name);
        Str line = { 0 };
        str_printf(&line, "%-44s %-28s %9.2f of %-5g %7zu rows\n", name.text, l->figure, l->value, l->most, l->n);
        print_untrusted(line.text, line.n);
        str_free(&line);
        str_free(&name);
    }
    if (s->rating.n == 0) puts("no rows");
    if (s->n_bad) printf("%zu rows could not be judged\n", s->n_bad);
}

static void print_comparison(const Comparison *c)
{
    printf("%.2f, then %.2f: %+.2f points (95 %% from %+.2f to %+.2f, p = %.4f) over %zu rows; %zu better, %zu worse\n",
           c->mean_a, c->mean_b, c->mean_b - c->mean_a, c->low, c->high, c->chance, c->n, c->better, c->worse);
}

static bool save_text(const char *base, const char *ending, const Str *text, Error *e)
{
    Str path = { 0 };
    str_printf(&path, "%s%s", base, ending);
    const bool ok = file_save(path.text, text->text, text->n, e);
    str_free(&path);
    return ok;
}

static bool save_reports(const Job *j, const Report *r, Error *e)
{
    Str html = { 0 }, markdown = { 0 }, json = { 0 };
    json_t *scores = scores_json(r->scores, r->data_name, r->model);
    char *text = json_dumps(scores, JSON_INDENT(1));
    str_printf(&json, "%s\n", text);
    free(text);
    json_decref(scores);
    report_html(r, &html);
    report_markdown(r, &markdown);
    const bool ok = save_text(j->base, ".html", &html, e) && save_text(j->base, ".md", &markdown, e) &&
                    (r->comparison || save_text(j->base, ".json", &json, e));
    str_free(&html);
    str_free(&markdown);
    str_free(&json);
    if (ok && !j->a->notes.quiet) note("%s.html and .md show the answers", j->base);
    return ok;
}

/* Opens the data for its pictures, if there are any; *r->data is then to be closed. */
static bool report_data(const Job *j, Tsv *data, Report *r, Error *e)
{
    const TsvOptions o = eval_tsv_options(j->task, true, (size_t)j->a->how.max_cell << 20);
    if (!j->a->what.data) return true;
    if (!tsv_open(data, j->a->what.data, &o, e)) return false;
    r->data = data;
    return true;
}

static bool report_one(const Job *j, const Scores *s, const char *model, Error *e)
{
    Report r = { .scores = s,
                 .data_name = j->name,
                 .model = model,
                 .box_scale = box_scale_of(j->a),
                 .examples = (size_t)j->a->scoring.examples };
    Tsv data = { 0 };
    const bool ok = report_data(j, &data, &r, e) && save_reports(j, &r, e);
    tsv_close(&data);
    if (!ok) return false;
    if (j->a->scoring.json)
        print_json_line(scores_json(s, j->name, model));
    else
        print_table(s);
    return true;
}

/* ---- without a model ---- */

/* A new file's name out of an old one's: DIR/NAME without ending. */
static bool take_base(Job *j, const char *name, Error *e)
{
    Str base = { 0 };
    if (!folder_make(j->a->what.out, e)) return false;
    str_printf(&base, "%s/%s", j->a->what.out, name);
    j->base = base.text;
    return true;
}

/* Tables of answers are called MODEL_DATA.tsv; the task is in the data's name, which --data or --task tell. */
static bool name_data(Job *j, const char *answers, Error *e)
{
    const char *named_by = j->a->what.data ? j->a->what.data : answers;
    if (!take_task(j, named_by, e)) return false;
    j->name = task_data_name(named_by);
    return true;
}

static bool score_tables(Job *j, const char *const *paths, int n, Error *e)
{
    Scores s = { 0 };
    char *model = task_data_name(paths[0]);
    const ScoreOptions o = name_data(j, paths[0], e) ? score_options(j) : (ScoreOptions){ 0 };
    bool ok = o.task && scores_open(&s, paths, n, &o, e) && take_base(j, model, e);
    if (ok && n > 1) {
        Str merged = { 0 };
        str_printf(&merged, "%s_merged", j->base);
        free(j->base);
        j->base = merged.text;
    }
    ok = ok && report_one(j, &s, model, e);
    scores_close(&s);
    free(model);
    return ok;
}

static bool report_two(const Job *j, const Scores *before, const Scores *after, const char *const names[2], Error *e)
{
    Comparison c;
    Tsv data = { 0 };
    compare_scores(before, after, &c);
    Report r = {
        before, after, &c, NULL, j->name, names[0], names[1], box_scale_of(j->a), (size_t)j->a->scoring.examples
    };
    const bool ok = report_data(j, &data, &r, e) && save_reports(j, &r, e);
    if (ok && j->a->scoring.json)
        print_json_line(json_pack("{s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I}", "before", c.mean_a, "after", c.mean_b,
                                  "low", c.low, "high", c.high, "p", c.chance, "rows", (json_int_t)c.n, "better",
                                  (json_int_t)c.better, "worse", (json_int_t)c.worse));
    else if (ok)
        print_comparison(&c);
    comparison_free(&c);
    tsv_close(&data);
    return ok;
}

static bool compare_tables(Job *j, const char *const *paths, Error *e)
{
    Scores s[2] = { 0 };
    char *name[2] = { task_data_name(paths[0]), task_data_name(paths[1]) };
    bool ok = name_data(j, paths[0], e);
    const ScoreOptions o = ok ? score_options(j) : (ScoreOptions){ 0 };
    for (int i = 0; ok && i < 2; i++) ok = scores_open(&s[i], &paths[i], 1, &o, e);
    Str both = { 0 };
    str_printf(&both, "%s-to-%s", name[0], name[1]);
    ok = ok && take_base(j, both.text, e) && report_two(j, &s[0], &s[1], (const char *const[]){ name[0], name[1] }, e);
    str_free(&both);
    for (int i = 0; i < 2; i++) {
        scores_close(&s[i]);
        free(name[i]);
    }
    return ok;
}

/* ---- with a model ---- */

typedef struct {
    Progress progress;
    char what[48];
    const NoteArgs *notes;
} Watch;

static void on_progress(void *context, const EvalProgress *p)
{
    Watch *w = context;
    char what[sizeof w->what];
    snprintf(what, sizeof what, p->score >= 0 ? "asking, %.1f so far" : "asking", p->score);
    strcpy(w->what, what); /* the same place: to the bar it stays one piece of work */
    progress_show(&w->progress, w->what, (int)p->done, (int)p->total);
}

static void on_bad(void *context, const char *text)
{
    Watch *w = context;
    progress_wipe(&w->progress);
    if (!w->notes->quiet) note("passed over: %s", text);
}

static bool on_stop(void *context)
{
    (void)context;
    return interrupt_seen();
}

static bool name_files(Job *j, const char *model, Error *e)
{
    Str name = { 0 };
    str_printf(&name, "%s_%s%s", model, j->name, j->a->how.blind ? "_blind" : "");
    if (j->shards > 1) str_printf(&name, "_%dof%d", j->shard, j->shards);
    const bool ok = take_base(j, name.text, e);
    str_free(&name);
    return ok;
}

static bool score_own(const Job *j, const char *model, Error *e)
{
    Scores s;
    Str path = { 0 };
    const ScoreOptions o = score_options(j);
    str_printf(&path, "%s.tsv", j->base);
    const bool ok = scores_open(&s, (const char *const[]){ path.text }, 1, &o, e) && report_one(j, &s, model, e);
    scores_close(&s);
    str_free(&path);
    return ok;
}

static void note_outcome(const Job *j, const EvalOutcome *o)
{
    if (j->a->notes.quiet) return;
    if (o->resumed) note("%zu answers were there already", o->resumed);
    if (o->bad) note("%zu rows were passed over", o->bad);
    if (o->stopped)
        note("%zu of %zu rows are answered; the same command goes on", o->done, o->total);
    else
        note("%s.tsv and .jsonl have the answers", j->base);
}

/* The exit status, or -1 with *e. */
static int ask_model(Job *j, EvalArgs *a, Error *e)
{
    EvalOutcome outcome;
    char *model = model_name_of(model_or_default(a->engine.model));
    if (!take_shard(j, a->what.shard, e) || !take_task(j, a->what.data, e)) return free(model), -1;
    j->name = task_data_name(a->what.data);
    Watch w = { .progress = { .shown = !a->notes.quiet && is_terminal(stderr) }, .notes = &a->notes };
    const EvalHooks hooks = { on_progress, on_bad, on_stop, &w };
    bool ok = name_files(j, model, e);
    a->engine.sequences = a->how.together;
    interrupt_install_all();
    Vl2Engine *engine = ok ? open_engine(&a->engine, &a->notes, e) : NULL;
    const EvalPlan plan = { .task = j->task,
                            .data = a->what.data,
                            .name = j->name,
                            .model = model,
                            .base = j->base,
                            .limit = (size_t)a->how.limit,
                            .shard = j->shard,
                            .shards = j->shards,
                            .skip_bad = a->how.skip_bad,
                            .blind = a->how.blind,
                            .together = a->how.together,
                            .max_tokens = a->how.max_tokens,
                            .box_scale = box_scale_of(a),
                            .max_cell = (size_t)a->how.max_cell << 20 };
    ok = engine && eval_run(&plan, engine, &hooks, &outcome, e);
    progress_wipe(&w.progress);
    vl2_close(engine);
    if (ok) note_outcome(j, &outcome);
    if (ok && !outcome.stopped && outcome.has_answers)
        ok = score_own(j, model, e);
    else if (ok && !outcome.has_answers && !a->notes.quiet)
        note("the data does not say what is right: nothing to score");
    free(model);
    return !ok ? -1 : outcome.stopped ? EXIT_INTERRUPTED : EXIT_OK;
}

/* ---- the command ---- */

static int eval(const Command *self, int argc, char **argv)
{
    EvalArgs a = { .engine = ENGINE_DEFAULTS,
                   .what = { .out = "eval" },
                   .how = { .together = 4, .max_tokens = 2048, .max_cell = 256 },
                   .scoring = { .box_scale = "999", .examples = 50 } };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    Job j = { .a = &a };
    const char *const *paths = (const char *const *)&argv[1];
    if (!check(&a, n, &e))
        status = -1;
    else if (a.what.score)
        status = score_tables(&j, paths, n, &e) ? EXIT_OK : -1;
    else if (a.what.compare)
        status = compare_tables(&j, paths, &e) ? EXIT_OK : -1;
    else
        status = ask_model(&j, &a, &e);
    free_job(&j);
    args_free(self->group, &a);
    if (status < 0) return args_report(self, &e);
    const int written = finish_output();
    return written != EXIT_OK ? written : status;
}

const Command CMD_EVAL = {
    .name = "eval",
    .summary = "benchmarks: a model's answers to VLMEvalKit's data, scored",
    .usage = (const char *const[]){ "eval [-m MODEL] --data FILE.tsv [-o DIR] [options]",
                                    "eval --score [--data FILE.tsv] --task NAME ANSWERS.tsv...",
                                    "eval --compare [--data FILE.tsv] --task NAME BEFORE.tsv AFTER.tsv", NULL },
    .about = "Asks every row of a benchmark greedily, with VLMEvalKit's prompts, and scores the answers with its "
             "rules, without a "
             "judge model. DIR gets MODEL_DATA.jsonl (an answer a line, as they come), .tsv (VLMEvalKit's table of "
             "answers), .json "
             "(scores), .md and .html (reports, with the wrong answers' pictures and boxes). A run that was ended goes "
             "on where it "
             "stopped when the same command is given again, and its files are the same. docs/evaluation.md has a "
             "command for each "
             "benchmark of the paper, and the number to expect.",
    .group = GROUPS,
    .example =
        (const char *const[]){
            "Charts, with the paper's figures beside ours", "vl2 eval -m deepseek-vl2-tiny --data ChartQA_TEST.tsv",
            "A look at the first 20 rows", "vl2 eval -m tiny.gguf --data MMStar.tsv --limit 20",
            "One half, on this machine", "vl2 eval -m deepseek-vl2-tiny --data POPE.tsv --shard 1/2",
            "Both halves as one", "vl2 eval --score --data POPE.tsv eval/deepseek-vl2-tiny_POPE_*of2.tsv",
            "What fewer bits cost",
            "vl2 eval --compare --data POPE.tsv eval/deepseek-vl2-tiny_POPE.tsv eval/tiny_POPE.tsv", NULL },
    .max_operands = -1,
    .run = eval,
};
