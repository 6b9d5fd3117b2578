/* measured.c - see measured.h. */
#include "bench/measured.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "vl2.h"

/* ---- samples ---- */

static void take_sample(Samples *s, double v)
{
    GROW(s->v, s->n, s->capacity);
    s->v[s->n++] = v;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

Spread spread_of(double *sample, int n)
{
    if (n == 0) return (Spread){ 0 };
    qsort(sample, (size_t)n, sizeof *sample, ascending);
    const int cut = n < 10 ? 0 : n / 10;
    return (Spread){ (sample[(n - 1) / 2] + sample[n / 2]) / 2, sample[cut], sample[n - 1 - cut], n };
}

void take_measure(Measured *m, double value, double limit, double share)
{
    take_sample(&m->value, value);
    if (share <= 0) return;
    take_sample(&m->limit, limit);
    take_sample(&m->share, share);
}

/* ---- rows ---- */

void bench_report_free(BenchReport *r)
{
    free(r->row);
    r->row = NULL;
    r->n_rows = r->capacity = 0;
}

void report_add(BenchReport *out, BenchRow row, Measured *m)
{
    row.value = spread_of(m->value.v, m->value.n);
    row.share = spread_of(m->share.v, m->share.n);
    row.limit = spread_of(m->limit.v, m->limit.n).median;
    if (row.share.n == 0) row.limit_of[0] = 0;
    if (row.value.n > 0) {
        GROW(out->row, out->n_rows, out->capacity);
        out->row[out->n_rows++] = row;
    }
    free(m->value.v);
    free(m->limit.v);
    free(m->share.v);
    *m = (Measured){ { 0 }, { 0 }, { 0 } };
}

void report_add_memory(BenchReport *out, const char *name, uint64_t bytes)
{
    Measured m = { 0 };
    BenchRow row = { .unit = "GB", .less_is_better = true };
    take_measure(&m, (double)bytes / 1e9, 0, 0);
    snprintf(row.name, sizeof row.name, "%s", name);
    report_add(out, row, &m);
}

/* ---- the machine ---- */

static void find_cpu_name(char *name, size_t size)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(name, size, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (!str_starts(line, "model name") || !colon) continue;
        snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (f) fclose(f);
}

void report_machine(BenchReport *out, CpuLevel level)
{
    const time_t now = time(NULL);
    struct tm t;
    gmtime_r(&now, &t);
    strftime(out->date, sizeof out->date, "%Y-%m-%dT%H:%M:%SZ", &t);
    snprintf(out->version, sizeof out->version, "%s", vl2_version());
    snprintf(out->level, sizeof out->level, "%s", cpu_level_name(level));
    snprintf(out->best_level, sizeof out->best_level, "%s", cpu_level_name(cpu_best()));
    find_cpu_name(out->cpu, sizeof out->cpu);
    out->processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    out->memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add_limits(BenchReport *out, int threads, Rate read, Rate f32, Rate bf16, Rate int8)
{
    const int most = (int)(sizeof out->machine / sizeof *out->machine);
    if (out->n_machine < most)
        out->machine[out->n_machine++] = (MachineRow){ threads, read.median, f32.median, bf16.median, int8.median };
}

static bool measure_pool(MachineLimits *m, CpuLevel level, int threads, int *n, Error *e)
{
    Pool *p = pool_open(threads, e);
    const bool ok = p && machine_measure(p, level, m, e);
    if (p) *n = pool_threads(p);
    pool_close(p);
    return ok;
}

bool report_limits(BenchReport *out, CpuLevel level, int threads, const BenchWatch *watch, bool *stopped, Error *e)
{
    MachineLimits all, m;
    int most, n;
    *stopped |= !watch->go_on(watch->context, "the machine's limits", 0);
    if (!measure_pool(&all, level, threads, &most, e)) return false;
    out->threads = most;
    add_limits(out, 1, all.read_one, all.f32_one, all.bf16_one, all.int8_one);
    for (int some = 2; some < most && !*stopped; some *= 2) {
        *stopped |= !watch->go_on(watch->context, "the machine's limits", 0);
        if (*stopped) break;
        if (!measure_pool(&m, level, some, &n, e)) return false;
        add_limits(out, n, m.read_all, m.f32_all, m.bf16_all, m.int8_all);
    }
    if (most > 1) add_limits(out, most, all.read_all, all.f32_all, all.bf16_all, all.int8_all);
    return true;
}

/* ---- the model ---- */

static void describe_types(const TensorFiles *files, char *out, size_t size)
{
    uint64_t of_type[DT_COUNT] = { 0 }, total = 0;
    size_t n = 0;
    for (int i = 0; i < tensor_files_count(files); i++) {
        const FileTensor *t = tensor_files_at(files, i);
        of_type[dtype_of_rows(t->dtype)] += file_tensor_elements(t);
        total += file_tensor_elements(t);
    }
    for (int t = 0; t < DT_COUNT && n < size; t++)
        if (of_type[t] > 0)
            n += (size_t)snprintf(out + n, size - n, "%s%s %.3g %%", n ? ", " : "", dtype_name((DType)t),
                                  100.0 * (double)of_type[t] / (double)total);
}

void report_model(BenchReport *out, const Model *m, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    size_t begin = n;
    while (begin > 0 && path[begin - 1] != '/') begin--;
    snprintf(out->model, sizeof out->model, "%.*s", (int)(n - begin), path + begin);
    describe_types(m->files, out->types, sizeof out->types);
    out->bytes = tensor_files_bytes(m->files);
    out->layers = m->config.language.n_layers;
    out->width = m->config.language.hidden_size;
}
