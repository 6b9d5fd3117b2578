/* metrics.c - see metrics.h. Histograms have the same edges for all times, from a millisecond to five minutes. */
#include "serve/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/monitor.h"

static const struct {
    const char *name, *help;
} COUNT[N_COUNTS] = {
    [COUNT_PROMPT_TOKENS] = { "vl2_prompt_tokens_total", "Tokens of prompts, pictures included." },
    [COUNT_IMAGE_TOKENS] = { "vl2_image_tokens_total", "Tokens of pictures in prompts." },
    [COUNT_CACHED_TOKENS] = { "vl2_cached_tokens_total", "Tokens of prompts that were taken from the prefix cache." },
    [COUNT_ANSWER_TOKENS] = { "vl2_answer_tokens_total", "Tokens of answers." },
    [COUNT_GUESSED_TOKENS] = { "vl2_guessed_tokens_total", "Tokens of answers that were guessed ahead." },
    [COUNT_ACCEPTED_TOKENS] = { "vl2_accepted_tokens_total", "Guessed tokens that came." },
    [COUNT_PICTURES] = { "vl2_pictures_total", "Pictures in prompts." },
    [COUNT_TILES] = { "vl2_tiles_total", "Tiles of pictures in prompts." },
    [COUNT_FETCHES_FAILED] = { "vl2_fetches_failed_total", "Pictures that could not be fetched from their URLs." },
    [COUNT_CANCELLED] = { "vl2_cancelled_total", "Answers whose client went away or whose time ran out." },
    [COUNT_REJECTED] = { "vl2_rejected_total", "Requests refused because of a rate or a full queue." },
};

static const struct {
    const char *name, *help;
} TIME[N_TIMES] = {
    [TIME_QUEUE] = { "vl2_queue_seconds", "Time until an answer was begun." },
    [TIME_FETCH] = { "vl2_fetch_seconds", "Time for fetching a picture from its URL." },
    [TIME_PICTURES] = { "vl2_pictures_seconds", "Time for decoding and cutting the pictures of a prompt." },
    [TIME_VISION] = { "vl2_vision_seconds", "Time for encoding the tiles of a prompt." },
    [TIME_PREFILL] = { "vl2_prefill_seconds", "Time of steps that read the prompt." },
    [TIME_FIRST_TOKEN] = { "vl2_first_token_seconds", "Time from the request to the first token." },
    [TIME_PER_TOKEN] = { "vl2_token_seconds", "Mean time of a token after the first, of each answer." },
    [TIME_ANSWER] = { "vl2_answer_seconds", "Time from the request to the end of the answer." },
};

static const double EDGE[] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300
};
enum { N_EDGES = sizeof EDGE / sizeof *EDGE, MOST_ROWS = 256 };

typedef struct {
    uint64_t bucket[N_EDGES], n;
    double sum;
} Histogram;

typedef struct {
    const char *path;
    unsigned status;
    uint64_t n;
} Row;

struct Metrics {
    Monitor *monitor;
    uint64_t count[N_COUNTS];
    Histogram time[N_TIMES];
    Row row[MOST_ROWS];
    int n_rows;
};

Metrics *metrics_open(void)
{
    Metrics *m = xcalloc(1, sizeof *m);
    m->monitor = monitor_open();
    return m;
}

void metrics_close(Metrics *m)
{
    if (!m) return;
    monitor_close(m->monitor);
    free(m);
}

void metrics_add(Metrics *m, MetricCount c, uint64_t n)
{
    monitor_enter(m->monitor);
    m->count[c] += n;
    monitor_leave(m->monitor);
}

void metrics_time(Metrics *m, MetricTime t, double seconds)
{
    monitor_enter(m->monitor);
    Histogram *h = &m->time[t];
    for (int i = 0; i < N_EDGES; i++) h->bucket[i] += seconds <= EDGE[i];
    h->sum += seconds;
    h->n++;
    monitor_leave(m->monitor);
}

void metrics_request(Metrics *m, const char *path, unsigned status)
{
    monitor_enter(m->monitor);
    int i = 0;
    while (i < m->n_rows && (m->row[i].status != status || strcmp(m->row[i].path, path) != 0)) i++;
    if (i == m->n_rows && i < MOST_ROWS) m->row[m->n_rows++] = (Row){ path, status, 0 };
    if (i < MOST_ROWS) m->row[i].n++;
    monitor_leave(m->monitor);
}

static void print_head(Str *out, const char *name, const char *type, const char *help)
{
    str_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_print_value(Str *out, const char *name, const char *type, const char *help, double value)
{
    print_head(out, name, type, help);
    str_printf(out, "%s %.15g\n", name, value);
}

static void print_histogram(Str *out, const char *name, const char *help, const Histogram *h)
{
    print_head(out, name, "histogram", help);
    for (int i = 0; i < N_EDGES; i++)
        str_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name, EDGE[i], (unsigned long long)h->bucket[i]);
    str_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9g\n%s_count %llu\n", name, (unsigned long long)h->n, name,
               h->sum, name, (unsigned long long)h->n);
}

void metrics_print(Metrics *m, Str *out)
{
    monitor_enter(m->monitor);
    print_head(out, "vl2_requests_total", "counter", "HTTP requests by route and status.");
    for (int i = 0; i < m->n_rows; i++)
        str_printf(out, "vl2_requests_total{path=\"%s\",status=\"%u\"} %llu\n", m->row[i].path, m->row[i].status,
                   (unsigned long long)m->row[i].n);
    for (int i = 0; i < N_COUNTS; i++)
        metrics_print_value(out, COUNT[i].name, "counter", COUNT[i].help, (double)m->count[i]);
    for (int i = 0; i < N_TIMES; i++) print_histogram(out, TIME[i].name, TIME[i].help, &m->time[i]);
    monitor_leave(m->monitor);
}
