/* test_eval_run.c - every kind of benchmark put to a small model: whole, killed and gone on with, and in shards. */
#include <math.h>
#include <signal.h>
#include <sys/wait.h>

int make_benchmarks_main(int argc, char **argv);
#define main make_benchmarks_main
#include "../../tools/make_benchmarks.c"
#undef main

#include "eval/eval_run.h"
#include "eval/report.h"

#include "eval_support.h"

enum { ROWS = 4 };

typedef struct {
    TempFolder folder;
    Vl2Engine *engine;
} Bench;

/* Of the micro models the one with the smallest tiles, 112 pixels: a picture is 41 tokens. What is proven here is not the model. */
static Vl2Engine *open_engine(void)
{
    Error e;
    const Vl2Options o = {
        .model = golden_or_skip("micro-mla-noaux"), .compute = "f32", .threads = 1, .context = 1024, .sequences = 3
    };
    Vl2Engine *engine = vl2_open(&o, &e);
    if (!engine) fail_msg("%s", e.text);
    return engine;
}

static void make_tables(TempFolder *f, int rows)
{
    char count[16], *argv[] = { (char[]){ "x" }, (char[]){ "--rows" }, count, (char[]){ "-o" }, f->folder };
    snprintf(count, sizeof count, "%d", rows);
    assert_int_equal(make_benchmarks_main(5, argv), 0);
}

static Bench open_bench(void)
{
    Bench b = { .folder = temp_open() };
    make_tables(&b.folder, ROWS);
    b.engine = open_engine();
    return b;
}

static void close_bench(Bench *b)
{
    vl2_close(b->engine);
    temp_close(&b->folder);
}

/* What belongs to one table and one way of running it. */
typedef struct {
    char data[256], base[256], name[64];
    EvalPlan plan;
} Way;

static Way way(const Bench *b, const Task *t, const char *called)
{
    Way w = { .plan = { .task = t, .model = "m", .together = 3, .max_tokens = 4, .box_scale = 999 } };
    snprintf(w.name, sizeof w.name, "%s_SMALL", t->name);
    snprintf(w.data, sizeof w.data, "%s/%s.tsv", b->folder.folder, w.name);
    snprintf(w.base, sizeof w.base, "%s/%s_%s", b->folder.folder, t->name, called);
    return w;
}

static EvalOutcome run_way(Way *w, Vl2Engine *engine, const EvalHooks *hooks)
{
    EvalOutcome out;
    Error e;
    w->plan.data = w->data;
    w->plan.base = w->base;
    w->plan.name = w->name;
    if (!eval_run(&w->plan, engine, hooks, &out, &e)) fail_msg("%s", e.text);
    return out;
}

static char *contents(const Way *w, const char *ending)
{
    char path[300], *text;
    size_t n;
    Error e;
    snprintf(path, sizeof path, "%s%s", w->base, ending);
    if (!file_read(path, 1 << 24, &text, &n, &e)) fail_msg("%s", e.text);
    return text;
}

static void assert_same_files(const Way *a, const Way *b)
{
    static const char *const ENDINGS[] = { ".jsonl", ".tsv" };
    for (int i = 0; i < 2; i++) {
        char *x = contents(a, ENDINGS[i]), *y = contents(b, ENDINGS[i]);
        assert_string_equal(x, y);
        free(x);
        free(y);
    }
}

static void scores_of(const Way *w, int n, Scores *s)
{
    Str path[2] = { 0 };
    const ScoreOptions o = { .task = w[0].plan.task, .box_scale = 999 };
    Error e;
    for (int i = 0; i < n; i++) str_printf(&path[i], "%s.tsv", w[i].base);
    if (!scores_open(s, (const char *const[]){ path[0].text, path[1].text }, n, &o, &e)) fail_msg("%s", e.text);
    str_free(&path[0]);
    str_free(&path[1]);
}

static void killed_at_two(void *context, const EvalProgress *p)
{
    (void)context;
    if (p->done == 2) raise(SIGKILL);
}

/* A process of its own, which dies with two answers on the disk. */
static void run_killed(Way *w)
{
    const pid_t child = fork();
    if (child == 0) {
        Vl2Engine *engine = open_engine();
        run_way(w, engine, &(EvalHooks){ .progress = killed_at_two });
        _exit(0);
    }
    int status = 0;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    char *left = contents(w, ".jsonl");
    size_t lines = 0;
    for (const char *s = left; *s; s++) lines += *s == '\n';
    assert_int_equal(lines, 2);
    free(left);
}

/* The running score after each row; -1: none yet, or not told. */
typedef struct {
    double score[ROWS + 1];
    size_t last;
} Course;

static void follow(void *context, const EvalProgress *p)
{
    Course *c = context;
    assert_true(p->total == ROWS && p->bad == 0 && p->done <= ROWS && (p->done == 0 || p->done == c->last + 1));
    c->last = p->done;
    c->score[p->done] = p->score;
}

/* What a run in one go tells: no score at first, that of all rows at the end. */
static void assert_whole_course(const Course *c, const Scores *all)
{
    double low, high;
    assert_true(c->last == ROWS && c->score[0] < 0 && c->score[1] >= 0);
    assert_true(fabs(c->score[ROWS] - scores_mean(all, &low, &high)) < 1e-9); /* the order of the sum may be another */
}

/* The shards' answers are those of the whole, and so are their figures. */
static void assert_same_scores(const Scores *all, const Scores *both)
{
    TsvCells c = { 0 }, d = { 0 };
    assert_true(all->n == ROWS && both->n == ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        size_t n;
        const char *said = report_cell(all, &all->row[i], &c, "prediction", &n);
        assert_string_equal(said, report_cell(both, &both->row[i], &d, "prediction", &n));
        assert_string_equal(all->row[i].index, both->row[i].index);
    }
    assert_true(all->rating.n > 0 && all->rating.n == both->rating.n);
    for (int i = 0; i < all->rating.n; i++) assert_true(all->rating.line[i].value == both->rating.line[i].value);
    tsv_cells_free(&c);
    tsv_cells_free(&d);
}

static void check_task(Bench *b, const Task *t)
{
    static const EvalHooks NONE = { 0 };
    Way whole = way(b, t, "whole"), killed = way(b, t, "killed"), part[2] = { way(b, t, "1of2"), way(b, t, "2of2") };
    Course once = { .last = 0 }, again = { .last = 1 };
    Scores all, both;
    const EvalOutcome out = run_way(&whole, b->engine, &(EvalHooks){ .progress = follow, .context = &once });
    assert_true(out.done == ROWS && out.bad == 0 && out.has_answers);
    run_killed(&killed);
    killed.plan.together = 1;
    assert_int_equal(run_way(&killed, b->engine, &(EvalHooks){ .progress = follow, .context = &again }).resumed, 2);
    assert_same_files(&whole, &killed);
    assert_memory_equal(again.score + 2, once.score + 2, sizeof once.score - 2 * sizeof once.score[0]);
    for (int i = 0; i < 2; i++) {
        part[i].plan.shard = i + 1;
        part[i].plan.shards = 2;
        assert_int_equal(run_way(&part[i], b->engine, &NONE).total, ROWS / 2);
    }
    scores_of(&whole, 1, &all);
    scores_of(part, 2, &both);
    assert_whole_course(&once, &all);
    assert_same_scores(&all, &both);
    printf("# %-16s %6.2f %s\n", t->name, all.rating.line[0].value, all.rating.line[0].figure);
    scores_close(&all);
    scores_close(&both);
}

static void every_task_runs_killed_resumed_and_in_shards(void **state)
{
    Bench b = open_bench();
    (void)state;
    for (int i = 0; task_at(i); i++) check_task(&b, task_at(i));
    close_bench(&b);
}

/* Two of three rows right: the reference, the first of several, or the box as parts of the picture. */
static void say_what_is_right(Str *out, const Tsv *t, const TsvCells *c, size_t row)
{
    static const char *const BOX[] = { "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2" };
    size_t n = 0;
    const char *answer = tsv_cell(t, c, "answer", &n);
    PythonList references;
    if (row % 3 == 2) {
        str_puts(out, "I do not know");
    } else if (tsv_column(t, BOX[0]) >= 0) {
        for (int k = 0; k < 4; k++)
            str_printf(out, "%g ", atof(tsv_cell(t, c, BOX[k], NULL)) / (k % 2 ? HEIGHT : WIDTH));
    } else {
        const bool several = python_list(answer, n, &references);
        str_puts(out, several ? references.text[0] : answer);
        python_list_free(&references);
    }
}

static void score_answers(TempFolder *f, const Task *t, const Tsv *data, size_t shards, Scores *s)
{
    const char *path[2];
    Error e;
    for (size_t i = 0; i < shards; i++) {
        Str table = { 0 };
        char name[64];
        snprintf(name, sizeof name, "%s_%zuof%zu.tsv", t->name, i + 1, shards);
        add_answer_table(&table, data, say_what_is_right, i, shards);
        temp_write(f, name, table.text, table.n);
        path[i] = temp_path(f, name);
        str_free(&table);
    }
    if (!scores_open(s, path, (int)shards, &(ScoreOptions){ .task = t, .box_scale = 999 }, &e)) fail_msg("%s", e.text);
}

/* A random model's answers are seldom right; these are, in part. */
static void merged_shards_score_as_the_whole(void **state)
{
    enum { MANY = 24 };
    TempFolder f = temp_open();
    Error e;
    (void)state;
    make_tables(&f, MANY);
    for (int i = 0; task_at(i); i++) {
        const Task *t = task_at(i);
        char name[64];
        Tsv data;
        Scores whole, parts;
        snprintf(name, sizeof name, "%s_SMALL.tsv", t->name);
        if (!tsv_open(&data, temp_path(&f, name), &(TsvOptions){ 0 }, &e)) fail_msg("%s", e.text);
        score_answers(&f, t, &data, 1, &whole);
        score_answers(&f, t, &data, 2, &parts);
        const RatingLine *l = whole.rating.line;
        printf("# %-16s %6.2f of %g %s\n", t->name, l->value, l->most, l->figure);
        assert_true(l->value > 0 && l->value < l->most);
        assert_true(whole.n == MANY && parts.n == MANY && whole.rating.n == parts.rating.n);
        for (int k = 0; k < whole.rating.n; k++) assert_true(l[k].value == parts.rating.line[k].value);
        scores_close(&whole);
        scores_close(&parts);
        tsv_close(&data);
    }
    temp_close(&f);
}

static void limit_takes_the_first_rows(void **state)
{
    Bench b = open_bench();
    Way w = way(&b, task_find("GQA"), "limit");
    (void)state;
    w.plan.limit = 2;
    w.plan.shard = 2;
    w.plan.shards = 2;
    assert_int_equal(run_way(&w, b.engine, &(EvalHooks){ 0 }).done, 1);
    char *table = contents(&w, ".tsv");
    assert_non_null(strstr(table, "\n1\t"));
    assert_null(strstr(table, "\n3\t"));
    free(table);
    close_bench(&b);
}

static void count_bad(void *context, const char *text)
{
    assert_non_null(strstr(text, "row "));
    ++*(int *)context;
}

static const char BROKEN[] = "index\timage\tquestion\tanswer\n"
                             "0\t!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!\tq\ta\n"
                             "1\tAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\tq\ta\n"
                             "2\t9\tq\ta\n2\t9\tq\ta\n3\t\tq\ta\n4\t2\tq\ta\tb\n";

static void bad_rows_are_counted_or_end_the_run(void **state)
{
    Bench b = open_bench();
    Way w = way(&b, task_find("GQA"), "bad");
    EvalOutcome out;
    Error e;
    int told = 0;
    (void)state;
    temp_write(&b.folder, "GQA_SMALL.tsv", BROKEN, sizeof BROKEN - 1);
    w.plan.data = w.data, w.plan.base = w.base, w.plan.name = w.name;
    assert_false(eval_run(&w.plan, b.engine, &(EvalHooks){ 0 }, &out, &e));
    assert_non_null(strstr(e.text, "row 4 (line 5), column index: '2' is also the index of row 3"));
    w.plan.skip_bad = true;
    assert_true(eval_run(&w.plan, b.engine, &(EvalHooks){ .bad = count_bad, .context = &told }, &out, &e));
    assert_true(out.bad == 5 && told == 5 && out.done == 5); /* the row without a picture is no question */
    char *log = contents(&w, ".jsonl");
    assert_non_null(strstr(log, "row 1 (line 2), column image: base64: '!' at character 1"));
    assert_non_null(strstr(log, "row 2 (line 3): column image, picture 1: "));
    free(log);
    close_bench(&b);
}

/* Longer than the index of a row may be. */
#define PICTURE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void blind_questions_get_the_picture_of_another_row(void **state)
{
    Bench b = open_bench();
    Way seen = way(&b, task_find("GQA"), "seen"), blind = way(&b, task_find("GQA"), "blind");
    Way alone = way(&b, task_find("Scenes"), "alone");
    static const char LONE[] =
        "index\timage\tquestion\tanswer\tcategory\n0\t" PICTURE "\tq\ta\tx\n1\t" PICTURE "\tq\ta\ty\n";
    EvalOutcome out;
    Error e;
    (void)state;
    blind.plan.blind = true;
    assert_int_equal(run_way(&seen, b.engine, &(EvalHooks){ 0 }).done, ROWS);
    assert_int_equal(run_way(&blind, b.engine, &(EvalHooks){ 0 }).done, ROWS);
    char *x = contents(&seen, ".jsonl"), *y = contents(&blind, ".jsonl");
    assert_string_not_equal(x, y);
    free(x);
    free(y);
    alone.plan.blind = true;
    temp_write(&b.folder, "Scenes_SMALL.tsv", LONE, sizeof LONE - 1);
    alone.plan.data = alone.data, alone.plan.base = alone.base, alone.plan.name = alone.name;
    assert_false(eval_run(&alone.plan, b.engine, &(EvalHooks){ 0 }, &out, &e));
    if (!strstr(e.text, "row 1 (line 2): no other row of its category")) fail_msg("%s", e.text);
    close_bench(&b);
}

TEST_MAIN(TEST(every_task_runs_killed_resumed_and_in_shards), TEST(merged_shards_score_as_the_whole),
          TEST(limit_takes_the_first_rows), TEST(bad_rows_are_counted_or_end_the_run),
          TEST(blind_questions_get_the_picture_of_another_row))
