/* train_log.c - see train_log.h. */
#include "train/train_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"

struct TrainLog {
    int fd;
    char *path;
    bool is_cut; /* the file ends within a line */
};

/* A reader that polls must not see a line that two writes made, so what is cut gets its end with the next line. */
static bool ends_within_line(int fd)
{
    struct stat st;
    char last;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
           last != '\n';
}

bool train_log_open(TrainLog **log, const char *path, Error *e)
{
    *log = NULL;
    const int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) return fail(e, ERR_SYSTEM, "%s: cannot open the log of training: %s", path, strerror(errno));
    TrainLog *l = xcalloc(1, sizeof *l);
    l->fd = fd;
    l->path = xstrdup(path);
    l->is_cut = ends_within_line(fd);
    *log = l;
    return true;
}

void train_log_close(TrainLog *log)
{
    if (!log) return;
    close(log->fd);
    free(log->path);
    free(log);
}

static bool append(TrainLog *log, const Str *s, Error *e)
{
    for (size_t done = 0; done < s->n;) {
        const ssize_t wrote = write(log->fd, s->text + done, s->n - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) {
            log->is_cut = log->is_cut || done > 0;
            return fail(e, ERR_SYSTEM, "%s: cannot write: %s", log->path, strerror(errno));
        }
        done += (size_t)wrote;
    }
    log->is_cut = false;
    return true;
}

static int add_to_str(const char *bytes, size_t n, void *str)
{
    str_add(str, bytes, n);
    return 0;
}

bool train_log_line(TrainLog *log, json_t *line, Error *e)
{
    enum { DIGITS = 9 }; /* what tells one float from the next */
    Str s = { 0 };
    if (log->is_cut) str_putc(&s, '\n');
    const bool made = json_dump_callback(line, add_to_str, &s, JSON_REAL_PRECISION(DIGITS)) == 0;
    json_decref(line);
    str_putc(&s, '\n');
    const bool ok = made ? append(log, &s, e) : fail(e, ERR_FORMAT, "%s: a line that is no JSON value", log->path);
    str_free(&s);
    return ok;
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

bool train_log_run(TrainLog *log, int64_t steps, const char *model, json_t *settings, Error *e)
{
    json_t *run = json_object(), *line = json_object();
    json_object_set_new(run, "steps", json_integer(steps));
    json_object_set_new(run, "model", json_of_bytes(model, strlen(model)));
    json_object_set_new(run, "settings", settings ? settings : json_object());
    json_object_set_new(line, "run", run);
    return train_log_line(log, line, e);
}

bool train_log_step(TrainLog *log, const LoggedStep *s, Error *e)
{
    json_t *line = json_object();
    json_object_set_new(line, "step", json_integer(s->step));
    json_object_set_new(line, "epoch", json_integer(s->epoch));
    json_object_set_new(line, "loss", number(s->loss));
    json_object_set_new(line, "grad_norm", number(s->grad_norm));
    json_object_set_new(line, "rate", number(s->rate));
    json_object_set_new(line, "tokens", json_integer(s->tokens));
    json_object_set_new(line, "samples", json_integer(s->samples));
    json_object_set_new(line, "labels", json_integer(s->labels));
    json_object_set_new(line, "seconds", number(s->seconds));
    if (s->has_experts) {
        json_object_set_new(line, "balance", number(s->balance));
        json_object_set_new(line, "busiest", number(s->busiest));
    }
    return train_log_line(log, line, e);
}

bool train_log_held_out(TrainLog *log, int64_t step, double loss, Error *e)
{
    json_t *line = json_object();
    json_object_set_new(line, "step", json_integer(step));
    json_object_set_new(line, "held_out_loss", number(loss));
    return train_log_line(log, line, e);
}

bool train_log_samples(TrainLog *log, int64_t step, json_t *samples, Error *e)
{
    json_t *line = json_object();
    json_object_set_new(line, "step", json_integer(step));
    json_object_set_new(line, "samples_shown", samples);
    return train_log_line(log, line, e);
}
