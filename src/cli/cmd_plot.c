/* cmd_plot.c - `vl2 plot`: what the logs of `vl2 train` say, as a chart, in the terminal or for a program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/plot_text.h"
#include "cli/terminal.h"
#include "train/curves.h"
#include "train/dashboard.h"

enum { MOST_LOGS = 16 };

typedef struct {
    const char *out;
    bool json;
    int dashboard;
} PlotArgs;

static const Option OPTIONS[] = {
    OPTION_TEXT(PlotArgs, out, "output", 'o', "OUT",
                "Write a chart: .svg, .png or .jpg. Default: a drawing of blocks on standard output."),
    OPTION_FLAG(PlotArgs, json, "json", 0,
                "One line of JSON for each log: first, last, lowest and highest value of each series with their steps. "
                "Default: off."),
    OPTION_INTEGER(
        PlotArgs, dashboard, "dashboard", 0, "PORT", 1, 65535,
        "Show the curves and the last samples as a page on http://127.0.0.1:PORT/ that follows the logs, until "
        "Ctrl-C. Default: off."),
    OPTIONS_END
};

static const Group GROUPS[] = { { "Plot", OPTIONS, 0 }, { 0 } };

static bool is_chart_name(const char *path)
{
    static const char *const ENDING[] = { ".svg", ".png", ".jpg", ".jpeg" };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof ENDING / sizeof *ENDING; i++)
        if (strcasecmp(dot, ENDING[i]) == 0) return true;
    return false;
}

static bool check(const PlotArgs *a, int n_logs, Error *e)
{
    if (n_logs < 1) return fail(e, ERR_USAGE, "a log of `vl2 train` is missing");
    if (n_logs > MOST_LOGS) return fail(e, ERR_USAGE, "%d logs, one chart takes %d", n_logs, MOST_LOGS);
    if (a->dashboard && (a->out || a->json)) return fail(e, ERR_USAGE, "--dashboard stands alone");
    return !a->out || is_chart_name(a->out) ||
           fail(e, ERR_USAGE, "--output %s does not end with .svg, .png or .jpg", a->out);
}

static bool read_logs(TrainHistory *h, int n, Error *e)
{
    for (int i = 0; i < n; i++) {
        if (!train_history_update(&h[i], e)) return false;
        if (h[i].bad_lines)
            note("%s: %lld lines that are no log lines were passed over", h[i].path, (long long)h[i].bad_lines);
    }
    return true;
}

static bool save_chart(const TrainHistory *h, int n, const char *path, Error *e)
{
    Figure f;
    curves_draw(h, n, &f);
    const bool ok = figure_save(&f, path, e);
    figure_close(&f);
    return ok;
}

static void print_text(const TrainHistory *h)
{
    Str text = { 0 };
    plot_text(h, terminal_columns(), &text);
    print_untrusted(text.text, text.n);
    str_free(&text);
}

static bool show(const PlotArgs *a, const TrainHistory *h, int n, Error *e)
{
    if (a->out && !save_chart(h, n, a->out, e)) return false;
    for (int i = 0; i < n && (a->json || !a->out); i++) {
        if (a->json)
            print_json_line(train_history_summary(&h[i]));
        else
            print_text(&h[i]);
    }
    return true;
}

static bool serve(const PlotArgs *a, const char *const *logs, int n, Error *e)
{
    static const struct timespec MOMENT = { .tv_nsec = 100000000 };
    Dashboard *d;
    interrupt_install_all();
    if (!dashboard_open(&d, logs, n, a->dashboard, e)) return false;
    note("http://127.0.0.1:%d/ shows the curves; Ctrl-C ends it", dashboard_port(d));
    while (!interrupt_seen()) nanosleep(&MOMENT, NULL);
    dashboard_close(d);
    return true;
}

static int plot(const Command *self, int argc, char **argv)
{
    PlotArgs a = { 0 };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    if (!check(&a, n, &e)) return args_report(self, &e);
    if (a.dashboard) return serve(&a, (const char *const *)&argv[1], n, &e) ? EXIT_INTERRUPTED : args_report(self, &e);
    TrainHistory *h = xcalloc((size_t)n, sizeof *h);
    for (int i = 0; i < n; i++) train_history_open(&h[i], argv[i + 1]);
    const bool ok = read_logs(h, n, &e) && show(&a, h, n, &e);
    for (int i = 0; i < n; i++) train_history_close(&h[i]);
    free(h);
    return ok ? finish_output() : args_report(self, &e);
}

const Command CMD_PLOT = {
    .name = "plot",
    .summary = "the curves of training: loss, learning rate, gradients, experts",
    .usage = (const char *const[]){ "plot LOG... [-o OUT]", "plot LOG... --dashboard PORT", NULL },
    .about = "Reads logs of `vl2 train`, also while it runs. Where a run was resumed, the later line of a step counts.",
    .group = GROUPS,
    .example = (const char *const[]){ "How it stands", "vl2 plot run/log.jsonl", "Two runs in one chart",
                                      "vl2 plot a/log.jsonl b/log.jsonl -o curves.svg", "The best step for a script",
                                      "vl2 plot run/log.jsonl --json | jq .series.held_out_loss.lowest", NULL },
    .max_operands = -1,
    .run = plot,
};
