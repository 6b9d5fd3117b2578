/* bench_report.c - see bench_report.h. */
#include "cli/bench_report.h"

#include <math.h>
#include <string.h>

#include "format/json.h"

/* ---- pieces ---- */

const char *bench_row_label(const BenchRow *r, char buf[64])
{
    if (!r->at_unit[0])
        snprintf(buf, 64, "%s", r->name);
    else if (!strcmp(r->at_unit, "context"))
        snprintf(buf, 64, "%s, context %d", r->name, r->at);
    else
        snprintf(buf, 64, "%s, %d %s", r->name, r->at, r->at_unit);
    return buf;
}

/* Three digits that say something: "0.281", "12.5", "1010". */
static const char *short_number(double v, char buf[32])
{
    const int digits = fabs(v) >= 100 ? 0 : fabs(v) >= 10 ? 1 : fabs(v) >= 1 ? 2 : 3;
    snprintf(buf, 32, "%.*f", digits, v);
    return buf;
}

void bench_machine_line(const BenchReport *r, Str *out)
{
    char memory[32];
    str_printf(out, "vl2 %s, %s, %s, %d processors, %s of memory, level %s", r->version, r->date, r->cpu, r->processors,
               human_bytes(r->memory, memory), r->level);
    if (strcmp(r->level, r->best_level) != 0) str_printf(out, " (best: %s)", r->best_level);
}

/* "2 samples, 1024 tokens, adapters of rank 8" */
static void add_training(const TrainingReport *t, Str *out)
{
    str_printf(out, "%d sample%s with %d tokens in a step, adapters of rank %d", t->samples, t->samples == 1 ? "" : "s",
               t->tokens, t->rank);
    if (t->adapter > 0) str_printf(out, " (%.3g M numbers)", t->adapter / 1e6);
}

void bench_model_line(const BenchReport *r, Str *out)
{
    char bytes[32];
    if (r->training.samples > 0) {
        str_printf(out, "%s: %.1f M parameters, %s (%s), %d threads; ", r->model, r->training.parameters / 1e6,
                   human_bytes(r->bytes, bytes), r->types, r->threads);
        add_training(&r->training, out);
        return;
    }
    str_printf(out, "%s: %d layers of width %d, %s (%s), compute %s, cache %s, %d threads, chunks of %d", r->model,
               r->layers, r->width, human_bytes(r->bytes, bytes), r->types, r->compute, r->cache, r->threads, r->chunk);
}

/* ---- table ---- */

static void add_machine_row(const BenchReport *r, const char *what, size_t field, Str *out)
{
    char number[32];
    str_printf(out, "%-28s", what);
    for (int i = 0; i < r->n_machine; i++) {
        const double v = *(const double *)(const void *)((const char *)&r->machine[i] + field);
        str_printf(out, " %10s", v > 0 ? short_number(v, number) : "-");
    }
    str_putc(out, '\n');
}

static void add_machine_table(const BenchReport *r, Str *out)
{
    str_printf(out, "%-28s", "limits of the machine");
    for (int i = 0; i < r->n_machine; i++)
        str_printf(out, " %3d thread%s", r->machine[i].threads, r->machine[i].threads == 1 ? " " : "s");
    str_putc(out, '\n');
    add_machine_row(r, "read bandwidth, GB/s", offsetof(MachineRow, read), out);
    add_machine_row(r, "f32 peak, GFLOP/s", offsetof(MachineRow, f32), out);
    add_machine_row(r, "bf16 peak, GFLOP/s", offsetof(MachineRow, bf16), out);
    add_machine_row(r, "int8 peak, GOP/s", offsetof(MachineRow, int8), out);
}

static void add_table_row(const BenchRow *r, Str *out)
{
    char label[64], median[32], low[32], high[32], limit[32], spread[80];
    snprintf(spread, sizeof spread, "%s - %s", short_number(r->value.low, low), short_number(r->value.high, high));
    str_printf(out, "%-28s %10s %-8s %15s", bench_row_label(r, label), short_number(r->value.median, median), r->unit,
               r->value.n > 1 ? spread : "");
    if (r->limit_of[0]) {
        snprintf(spread, sizeof spread, "(%.0f - %.0f)", 100 * r->share.low, 100 * r->share.high);
        str_printf(out, "  %4.0f %% %-11s of %s %s by %s", 100 * r->share.median, r->share.n > 1 ? spread : "",
                   short_number(r->limit, limit), r->unit, r->limit_of);
    }
    if (r->times_one > 0 && r->at > 1) str_printf(out, ", %.2f times one", r->times_one);
    str_putc(out, '\n');
}

void bench_write_table(const BenchReport *r, Str *out)
{
    char weights[32];
    bench_machine_line(r, out);
    str_putc(out, '\n');
    if (r->model[0]) {
        bench_model_line(r, out);
        if (r->training.samples > 0)
            str_printf(out, "\na token meets %.1f M weights\n", r->weights_of_token / 1e6);
        else
            str_printf(out, "\na token in decode: %.1f M weights, %s and its cache\n", r->weights_of_token / 1e6,
                       human_bytes((uint64_t)r->bytes_of_token, weights));
    }
    str_putc(out, '\n');
    if (r->n_machine > 0) add_machine_table(r, out);
    str_printf(out, "\n%-28s %10s %-8s %15s  %s\n", "", "median", "", "spread", "share (spread) of the limit");
    for (int i = 0; i < r->n_rows; i++) add_table_row(&r->row[i], out);
    if (r->training.left_out[0]) str_printf(out, "left out: %s\n", r->training.left_out);
}

/* ---- CSV ---- */

static void add_csv_text(Str *out, const char *text)
{
    str_putc(out, '"');
    for (; *text; text++) {
        if (*text == '"') str_putc(out, '"');
        str_putc(out, *text);
    }
    str_putc(out, '"');
}

void bench_write_csv(const BenchReport *r, Str *out)
{
    str_puts(
        out,
        "name,at,unit,median,low,high,samples,share,share_low,share_high,limit,limit_of,times_one,version,date,cpu,"
        "processors,threads,level,model,types,compute,cache\n");
    for (int i = 0; i < r->n_rows; i++) {
        const BenchRow *w = &r->row[i];
        str_printf(out, "%s,%d,%s,%.6g,%.6g,%.6g,%d,", w->name, w->at, w->unit, w->value.median, w->value.low,
                   w->value.high, w->value.n);
        if (w->limit_of[0])
            str_printf(out, "%.4f,%.4f,%.4f,%.6g,%s,", w->share.median, w->share.low, w->share.high, w->limit,
                       w->limit_of);
        else
            str_puts(out, ",,,,,");
        if (w->times_one > 0) str_printf(out, "%.4f", w->times_one);
        str_printf(out, ",%s,%s,", r->version, r->date);
        add_csv_text(out, r->cpu);
        str_printf(out, ",%d,%d,%s,", r->processors, r->threads, r->level);
        add_csv_text(out, r->model);
        str_putc(out, ',');
        add_csv_text(out, r->types);
        str_printf(out, ",%s,%s\n", r->compute, r->cache);
    }
}

/* ---- JSON ---- */

static json_t *rate_or_null(double v)
{
    return v > 0 ? json_real(v) : json_null();
}

static json_t *machine_to_json(const BenchReport *r)
{
    json_t *limits = json_array();
    for (int i = 0; i < r->n_machine; i++) {
        const MachineRow *m = &r->machine[i];
        json_array_append_new(limits,
                              json_pack("{s:i, s:o, s:o, s:o, s:o}", "threads", m->threads, "read_gb_s",
                                        rate_or_null(m->read), "f32_gflop_s", rate_or_null(m->f32), "bf16_gflop_s",
                                        rate_or_null(m->bf16), "int8_gop_s", rate_or_null(m->int8)));
    }
    return json_pack("{s:s, s:i, s:i, s:s, s:s, s:I, s:o}", "cpu", r->cpu, "processors", r->processors, "threads",
                     r->threads, "level", r->level, "best_level", r->best_level, "memory", (json_int_t)r->memory,
                     "limits", limits);
}

static json_t *model_to_json(const BenchReport *r)
{
    return json_pack("{s:o, s:I, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:f, s:f}", "name",
                     json_of_bytes(r->model, strlen(r->model)), "bytes", (json_int_t)r->bytes, "types", r->types,
                     "compute", r->compute, "cache", r->cache, "layers", r->layers, "width", r->width, "context",
                     r->context, "chunk", r->chunk, "weights_of_token", r->weights_of_token, "bytes_of_token",
                     r->bytes_of_token);
}

static json_t *row_to_json(const BenchRow *r)
{
    json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:f, s:f, s:f, s:i}", "name", r->name, "at", r->at, "unit", r->unit,
                          "better", r->less_is_better ? "less" : "more", "median", r->value.median, "low", r->value.low,
                          "high", r->value.high, "samples", r->value.n);
    if (r->limit_of[0]) {
        json_object_set_new(o, "limit", json_real(r->limit));
        json_object_set_new(o, "limit_of", json_string(r->limit_of));
        json_object_set_new(o, "share", json_real(r->share.median));
        json_object_set_new(o, "share_low", json_real(r->share.low));
        json_object_set_new(o, "share_high", json_real(r->share.high));
    }
    if (r->times_one > 0) json_object_set_new(o, "times_one", json_real(r->times_one));
    return o;
}

static json_t *training_to_json(const TrainingReport *t)
{
    return json_pack("{s:i, s:i, s:i, s:f, s:f, s:s}", "samples", t->samples, "tokens", t->tokens, "rank", t->rank,
                     "parameters", t->parameters, "adapter_parameters", t->adapter, "left_out", t->left_out);
}

json_t *bench_to_json(const BenchReport *r)
{
    json_t *results = json_array();
    for (int i = 0; i < r->n_rows; i++) json_array_append_new(results, row_to_json(&r->row[i]));
    json_t *o = json_pack("{s:s, s:s, s:o, s:o, s:i, s:i, s:b, s:o}", "vl2", r->version, "date", r->date, "machine",
                          machine_to_json(r), "model", model_to_json(r), "repeat", r->repeat, "tokens", r->tokens,
                          "complete", r->complete, "results", results);
    if (r->training.samples > 0) json_object_set_new(o, "training", training_to_json(&r->training));
    return o;
}

/* ---- beside an earlier one ---- */

static bool check_result(const json_t *v, const char *where, Error *e)
{
    const char *name = NULL;
    double number = NAN;
    static const char *const NUMBERS[] = { "at", "median", "low", "high", "samples" };
    if (!json_is_object(v)) return fail(e, ERR_FORMAT, "%s: found %s, expected an object", where, json_type_name(v));
    if (!json_take_string(v, "name", &name, where, e)) return false;
    if (!name) return fail(e, ERR_FORMAT, "%s: \"name\" is missing", where);
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        number = NAN;
        if (!json_take_double(v, NUMBERS[i], &number, where, e)) return false;
        if (isnan(number)) return fail(e, ERR_FORMAT, "%s: \"%s\" is missing", where, NUMBERS[i]);
    }
    return true;
}

json_t *bench_read_json(const char *path, Error *e)
{
    enum { LIMIT = 16 << 20 };
    json_t *o = json_parse_file(path, LIMIT, e), *results = NULL, *v;
    size_t i;
    if (!o) return NULL;
    bool ok = json_is_object(o) ? json_take_node(o, "results", JSON_ARRAY, &results, path, e)
                                : fail(e, ERR_FORMAT, "%s: found %s, expected an object", path, json_type_name(o));
    if (ok && !results)
        ok = fail(e, ERR_FORMAT, "%s: \"results\" is missing: this is not what 'vl2 bench --json' prints", path);
    char where[512];
    json_array_foreach(results, i, v)
    {
        snprintf(where, sizeof where, "%s: results[%zu]", path, i);
        if (!(ok = ok && check_result(v, where, e))) break;
    }
    if (ok) return o;
    json_decref(o);
    return NULL;
}

static double number_of(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "unknown";
}

static const json_t *find_result(const json_t *old, const BenchRow *r)
{
    const json_t *v;
    size_t i;
    json_array_foreach(json_object_get(old, "results"), i, v)
    {
        if (!strcmp(text_of(v, "name"), r->name) && number_of(v, "at") == r->at) return v;
    }
    return NULL;
}

static const char *verdict(const json_t *old, const BenchRow *r)
{
    if (number_of(old, "samples") < 2 || r->value.n < 2) return "spread unknown";
    const bool more = r->value.low > number_of(old, "high"), less = r->value.high < number_of(old, "low");
    if (!more && !less) return "";
    return more == r->less_is_better ? "worse" : "better";
}

static void add_comparison(const json_t *old, const BenchRow *r, Str *out)
{
    char label[64], was[32], is[32];
    const double before = number_of(old, "median");
    str_printf(out, "%-28s %10s %10s %-8s", bench_row_label(r, label), short_number(before, was),
               short_number(r->value.median, is), r->unit);
    if (before > 0) str_printf(out, "  x %.3f", r->value.median / before);
    if (r->limit_of[0] && json_object_get(old, "share"))
        str_printf(out, "  share %3.0f %% -> %3.0f %%", 100 * number_of(old, "share"), 100 * r->share.median);
    const char *what = verdict(old, r);
    str_printf(out, "%s%s\n", what[0] ? "  " : "", what);
}

/* What has to be equal for the two to be comparable. */
static void add_difference(const char *what, const char *was, const char *is, Str *out)
{
    if (strcmp(was, is) != 0) str_printf(out, "not the same %s: %s, now %s\n", what, was, is);
}

static void add_other_training(const json_t *old, const TrainingReport *t, Str *out)
{
    const json_int_t tokens = json_integer_value(json_object_get(old, "tokens"));
    if (t->samples > 0 && tokens != t->tokens)
        str_printf(out, "not the same step: %lld tokens, now %d\n", (long long)tokens, t->tokens);
}

void bench_compare(const json_t *old, const char *path, const BenchReport *r, Str *out)
{
    const json_t *machine = json_object_get(old, "machine"), *model = json_object_get(old, "model");
    str_printf(out, "compared with %s of %s, vl2 %s; better or worse where the spreads do not meet\n", path,
               text_of(old, "date"), text_of(old, "vl2"));
    add_difference("processor", text_of(machine, "cpu"), r->cpu, out);
    add_difference("level", text_of(machine, "level"), r->level, out);
    add_difference("model", text_of(model, "name"), r->model, out);
    add_difference("types", text_of(model, "types"), r->types, out);
    add_difference("compute", text_of(model, "compute"), r->compute, out);
    add_other_training(json_object_get(old, "training"), &r->training, out);
    str_printf(out, "\n%-28s %10s %10s\n", "", "before", "now");
    for (int i = 0; i < r->n_rows; i++) {
        const json_t *before = find_result(old, &r->row[i]);
        if (before) add_comparison(before, &r->row[i], out);
    }
}
