/* eval_run.c - see eval_run.h. Requests wait in a queue in the order of the rows; the oldest is taken when it is done. */
#include "eval/eval_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/answer_clean.h"

typedef struct {
    Vl2Request *request; /* NULL: bad */
    char *bad;
    TsvCells cells;
} Asked;

typedef struct {
    const EvalPlan *plan;
    Vl2Engine *engine;
    const EvalHooks *hooks;
    Tsv table;
    size_t *chosen, n_chosen;
    size_t *blind; /* [table.n]: whose pictures a row gets; NULL: its own */
    Asking asking;
    Judge judge;
    bool judged; /* rows can be scored */
    AnswerLog log;
    Asked *queue; /* [together], a ring */
    size_t first, waiting;
    double score;
    size_t n_scored;
} Run;

TsvOptions eval_tsv_options(const Task *task, bool skip_bad, size_t max_cell)
{
    return (TsvOptions){ .max_cell = max_cell,
                         .keep_bad = skip_bad,
                         .prefix = task->rate == RATE_REFCOCO ? "split" : NULL };
}

/* ---- which rows ---- */

static void choose_rows(Run *r)
{
    const EvalPlan *p = r->plan;
    size_t n = 0;
    r->chosen = xcalloc(r->table.n + 1, sizeof *r->chosen);
    for (size_t i = 0; i < r->table.n && (p->limit == 0 || n < p->limit); i++) {
        const TsvRow *row = &r->table.row[i];
        if (!row->has_picture && !row->bad) continue;
        const bool ours = p->shards == 0 || n % (size_t)p->shards == (size_t)p->shard - 1;
        if (ours) r->chosen[r->n_chosen++] = i;
        n++;
    }
}

/* What rows must have in common to lend each other their pictures. */
typedef struct {
    char *category;
    int n_pictures; /* 0: none that could be lent */
    size_t owner;   /* the row that holds them */
} Lender;

static bool read_lender(const Run *r, size_t row, Lender *out, Error *e)
{
    TsvCells c = { 0 };
    Question q = { 0 };
    *out = (Lender){ .owner = row };
    if (r->table.row[row].bad || !r->table.row[row].has_picture) return true;
    bool ok = tsv_read(&r->table, row, &c, e);
    size_t n = 0, owner;
    const char *category = ok ? tsv_cell(&r->table, &c, "category", &n) : NULL;
    if (category) out->category = xstrndup(category, n);
    const char *image = ok ? tsv_cell(&r->table, &c, "image", NULL) : NULL;
    if (image && tsv_find(&r->table, image, &owner)) out->owner = owner;
    ok = ok && (question_pictures(&r->table, row, &c, &q, e) || r->plan->skip_bad);
    out->n_pictures = q.n_pictures;
    question_free(&q);
    tsv_cells_free(&c);
    return ok;
}

static bool may_lend(const Lender *from, const Lender *to)
{
    return from->owner != to->owner && from->n_pictures == to->n_pictures &&
           strcmp(from->category ? from->category : "", to->category ? to->category : "") == 0;
}

static bool choose_blind(Run *r, Error *e)
{
    const size_t n = r->table.n;
    bool ok = true;
    Lender *lender = xcalloc(n + 1, sizeof *lender);
    r->blind = xcalloc(n + 1, sizeof *r->blind);
    for (size_t i = 0; ok && i < n; i++) ok = read_lender(r, i, &lender[i], e);
    for (size_t i = 0; ok && i < n; i++) {
        size_t step = 1;
        while (step < n && !may_lend(&lender[(i + step) % n], &lender[i])) step++;
        r->blind[i] = (i + step) % n;
        if (step < n || lender[i].n_pictures == 0) continue;
        fail(e, ERR_USAGE, "no other row of its category has as many pictures, one is needed to ask blindly");
        ok = tsv_fail_in(&r->table, i, NULL, e);
    }
    for (size_t i = 0; i < n; i++) free(lender[i].category);
    free(lender);
    return ok;
}

/* ---- asking ---- */

static Vl2Request *submit(const Run *r, size_t row, const TsvCells *c, Error *e)
{
    Question q;
    Vl2Request *request = NULL;
    Vl2Sampling greedy = VL2_GREEDY;
    greedy.max_tokens = r->plan->max_tokens;
    if (question_build(&r->asking, &r->table, row, c, r->blind ? r->blind[row] : row, &q, e)) {
        const Vl2Message m = { .role = "user",
                               .content = q.content.text,
                               .n_content = q.content.n,
                               .picture = q.picture,
                               .n_pictures = q.n_pictures };
        request =
            vl2_submit(r->engine, &(Vl2Prompt){ .message = &m, .n_messages = 1, .raw_special = true }, &greedy, e);
        if (!request) tsv_fail_in(&r->table, row, NULL, e);
    }
    question_free(&q);
    return request;
}

/* The next row into the queue. */
static bool ask_next(Run *r, size_t k, Error *e)
{
    const size_t row = r->chosen[k];
    Asked *a = &r->queue[(r->first + r->waiting) % (size_t)r->plan->together];
    *a = (Asked){ 0 };
    if (r->table.row[row].bad) {
        a->bad = xstrdup(r->table.row[row].bad);
    } else if (tsv_read(&r->table, row, &a->cells, e) && (a->request = submit(r, row, &a->cells, e))) {
        r->waiting++;
        return true;
    } else {
        a->bad = xstrdup(e->text);
    }
    r->waiting++;
    return r->plan->skip_bad;
}

static void free_asked(Asked *a)
{
    vl2_release(a->request);
    free(a->bad);
    tsv_cells_free(&a->cells);
    *a = (Asked){ 0 };
}

static bool wants_stop(const Run *r)
{
    return r->hooks->stop && r->hooks->stop(r->hooks->context);
}

/* False: asked to stop. */
static bool wait_for(const Run *r, Vl2Request *request)
{
    for (Vl2Event event; vl2_next(request, &event);)
        if (wants_stop(r)) return false;
    return true;
}

static void tell(const Run *r)
{
    const EvalProgress p = { r->log.n, r->n_chosen, r->log.n_bad,
                             r->n_scored ? 100 * r->score / (double)r->n_scored : -1 };
    if (r->hooks->progress) r->hooks->progress(r->hooks->context, &p);
}

static bool judge_answer(Run *r, size_t row, const TsvCells *c, const char *answer, Error *e)
{
    Judged j;
    if (!r->judged) return true;
    const bool ok = judge_row(&r->judge, &r->table, row, c, answer, strlen(answer), &j, e);
    if (ok) r->score += j.score, r->n_scored++;
    judged_free(&j);
    return ok;
}

/* What is answered already counts in the running score. */
static bool judge_answered(Run *r, Error *e)
{
    TsvCells c = { 0 };
    bool ok = true;
    for (size_t i = 0; ok && r->judged && i < r->log.n; i++) {
        const char *answer = r->log.prediction[i];
        ok = !answer || (tsv_read(&r->table, r->chosen[i], &c, e) && judge_answer(r, r->chosen[i], &c, answer, e));
    }
    tsv_cells_free(&c);
    return ok;
}

static bool log_bad(Run *r, const Asked *a, const char *why, Error *e)
{
    if (r->hooks->bad) r->hooks->bad(r->hooks->context, why);
    return answer_log_add(&r->log, a->cells.n ? &a->cells : NULL, &(LoggedAnswer){ .bad = why }, e);
}

/* The oldest of the queue, which is complete. */
static bool take_answer(Run *r, Asked *a, Error *e)
{
    if (!a->request) return log_bad(r, a, a->bad, e);
    const Vl2Result *result = vl2_result(a->request);
    Str answer = { 0 };
    if (r->plan->task->ask == ASK_TAGGED)
        str_add(&answer, result->text, result->n_text);
    else
        clean_generated(&answer, result->text, result->n_text);
    bool ok = judge_answer(r, r->chosen[r->log.n], &a->cells, answer.text, e);
    if (ok)
        ok = answer_log_add(&r->log, &a->cells,
                            &(LoggedAnswer){ answer.text, result->finish_reason, NULL, result->n_output }, e);
    else if (r->plan->skip_bad)
        ok = log_bad(r, a, e->text, e);
    str_free(&answer);
    return ok;
}

static bool ask_all(Run *r, EvalOutcome *out, Error *e)
{
    const size_t together = (size_t)r->plan->together;
    bool ok = true;
    size_t next = r->log.n;
    tell(r);
    while (ok && !out->stopped && r->log.n < r->n_chosen) {
        while (ok && next < r->n_chosen && r->waiting < together) ok = ask_next(r, next++, e);
        if (!ok) break;
        Asked *a = &r->queue[r->first];
        out->stopped = wants_stop(r) || (a->request && !wait_for(r, a->request));
        if (out->stopped) break;
        ok = take_answer(r, a, e);
        free_asked(a);
        r->first = (r->first + 1) % together;
        r->waiting--;
        if (ok) tell(r);
    }
    for (; r->waiting > 0; r->waiting--, r->first = (r->first + 1) % together) free_asked(&r->queue[r->first]);
    return ok;
}

/* ---- a run ---- */

static bool open_all(Run *r, Error *e)
{
    const EvalPlan *p = r->plan;
    const TsvOptions o = eval_tsv_options(p->task, p->skip_bad, p->max_cell);
    Str path = { 0 };
    if (!tsv_open(&r->table, p->data, &o, e) || !tsv_need_column(&r->table, "question", e)) return false;
    if (tsv_column(&r->table, "image") < 0 && tsv_column(&r->table, "image_path") < 0)
        return tsv_need_column(&r->table, "image", e);
    r->judged = tsv_column(&r->table, "answer") >= 0 || p->task->score == SCORE_BOX;
    if (r->judged && !judge_check(&r->judge, &r->table, e)) return false;
    choose_rows(r);
    if (p->blind && !choose_blind(r, e)) return false;
    str_printf(&path, "%s.jsonl", p->base);
    const bool ok = answer_log_open(&r->log, path.text, p->model, &r->table, r->chosen, r->n_chosen, e);
    str_free(&path);
    return ok;
}

static bool write_table(const Run *r, Error *e)
{
    Str path = { 0 };
    str_printf(&path, "%s.tsv", r->plan->base);
    const bool ok = answer_log_write_tsv(&r->log, path.text, e);
    str_free(&path);
    return ok;
}

bool eval_run(const EvalPlan *p, Vl2Engine *engine, const EvalHooks *hooks, EvalOutcome *out, Error *e)
{
    Run r = { .plan = p,
              .engine = engine,
              .hooks = hooks,
              .asking = asking_of(p->task, p->name),
              .judge = { p->task, p->box_scale } };
    *out = (EvalOutcome){ 0 };
    r.queue = xcalloc((size_t)p->together, sizeof *r.queue);
    bool ok = open_all(&r, e);
    out->resumed = r.log.n;
    ok = ok && judge_answered(&r, e) && ask_all(&r, out, e);
    ok = ok && (out->stopped || write_table(&r, e));
    out->done = r.log.n;
    out->total = r.n_chosen;
    out->bad = r.log.n_bad;
    out->has_answers = r.judged;
    answer_log_close(&r.log);
    tsv_close(&r.table);
    free(r.chosen);
    free(r.blind);
    free(r.queue);
    return ok;
}
