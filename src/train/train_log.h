/* train_log.h - the log of a training run: JSON lines, appended while it runs, read by train_history.h.
 *
 *   {"run": {"steps": 1000, "model": "tiny", "settings": {...}}}     first of a run, and of each resumed one
 *   {"step": 1, "epoch": 0, "loss": 2.31, "grad_norm": 1.2, "rate": 0.0001, "tokens": 8123, "samples": 16,
 *    "labels": 312, "seconds": 3.1, "balance": 0.0012, "busiest": 2.4}
 *   {"step": 100, "held_out_loss": 1.9}
 *   {"step": 100, "score": 0.8, "answers": 16, "exact_match": 0.9, "iou": 0.7}
 *   {"step": 100, "samples_shown": [{"where": "a.jsonl:7", "prompt": "...", "expected": "...", "answer": "...",
 *    "picture": "shown/100-0.svg"}]}
 *
 * A line reaches the file whole before the call returns, in one write: whoever reads while the run goes on sees whole
 * lines, but for the last one after a crash. Numbers that JSON has no word for (NaN, infinities) become null. */
#ifndef VL2_TRAIN_TRAIN_LOG_H
#define VL2_TRAIN_TRAIN_LOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct TrainLog TrainLog;

typedef struct {
    int64_t step;     /* from 1 */
    int epoch;        /* from 0 */
    double loss;      /* mean over the labels */
    double grad_norm; /* before clipping */
    double rate;      /* of learning, without factors of parts */
    int64_t tokens, samples, labels;
    double seconds;
    bool has_experts; /* or else these are not written: */
    double balance;   /* the auxiliary loss */
    double busiest;   /* rows of the busiest expert over an even load */
} LoggedStep;

/* Appends to what is there, after ending a last line that was cut short. Errors of all of these name the file: no such
 * folder, no room left. *log: train_log_close(). After a failed line the next call may try again. */
bool train_log_open(TrainLog **log, const char *path, Error *e);
void train_log_close(TrainLog *log); /* NULL: nothing */

/* `settings` is taken over, also on failure; NULL: {}. */
bool train_log_run(TrainLog *log, int64_t steps, const char *model, json_t *settings, Error *e);
bool train_log_step(TrainLog *log, const LoggedStep *s, Error *e);
/* This and the samples come behind the step's own line. */
bool train_log_held_out(TrainLog *log, int64_t step, double loss, Error *e);
/* An array of objects as above; "picture" is a path relative to the log's folder. Taken over, also on failure. */
bool train_log_samples(TrainLog *log, int64_t step, json_t *samples, Error *e);
/* Any other object; readers pass over what they do not know. Taken over,
 * also on failure. */
bool train_log_line(TrainLog *log, json_t *line, Error *e);

#endif
