/* measured.h - what a bench found, as a table, a file or a chart take it: rows with their limits of the same moment, and which
 * machine and which model that was. */
#ifndef VL2_BENCH_MEASURED_H
#define VL2_BENCH_MEASURED_H

#include "kernels/machine.h"
#include "model/model.h"

/* Middle and spread of samples: p10 to p90, of fewer than ten samples the smallest and the largest. n = 0: none. */
typedef struct {
    double median, low, high;
    int n;
} Spread;
Spread spread_of(double *sample, int n); /* sorts them */

/* One line of results. */
typedef struct {
    char name[24]; /* "prefill"; with `at` it is unique in a report */
    int at;        /* tokens of the prompt, positions in the cache, sequences; 0 where there is nothing to say */
    char at_unit[16];
    char unit[16];
    bool less_is_better;
    Spread value;
    char limit_of[32]; /* what the share is of: "read bandwidth", "peak"; "" : no limit */
    double limit;      /* in units of the value, median */
    Spread share;
    double times_one; /* batch: against one sequence; 0: not known */
} BenchRow;

typedef struct {
    int threads;
    double read, f32, bf16, int8; /* GB/s, GFLOP/s, GOP/s; 0: none at this level */
} MachineRow;

/* Of a bench of training. */
typedef struct {
    int samples, tokens;        /* of a step */
    int rank;                   /* of adapters */
    double parameters, adapter; /* numbers of the model, and of its adapters */
    char left_out[256];         /* what was not measured, and why; "": nothing */
} TrainingReport;

typedef struct {
    char version[16], date[24]; /* ISO 8601, UTC */
    char cpu[96];
    int processors, threads;
    char level[16], best_level[16];
    uint64_t memory; /* bytes of the machine */
    MachineRow machine[16];
    int n_machine;

    char model[256]; /* the directory's name */
    uint64_t bytes;  /* of its files */
    char types[96];  /* "BF16 100 %": of the parameters */
    char compute[16], cache[16];
    int layers, width, context, chunk;
    double weights_of_token,
        bytes_of_token;      /* what a token needs in decode, without cache; the first in training, too */
    TrainingReport training; /* samples 0: it is not one of training */

    int repeat, tokens;
    bool complete; /* false: ended early */
    BenchRow *row;
    int n_rows, capacity;
} BenchReport;
void bench_report_free(BenchReport *r);

/* Asked again and again; `done` from 0 to 1 is an estimate. False ends the bench with what there is. */
typedef struct {
    bool (*go_on)(void *context, const char *what, double done);
    void *context;
} BenchWatch;

/* ---- filling a report ---- */

typedef struct {
    double *v;
    int n, capacity;
} Samples;

/* What one line of results is made of. */
typedef struct {
    Samples value, limit, share;
} Measured;

/* A share of 0: there is no limit. */
void take_measure(Measured *m, double value, double limit, double share);
/* Fills the statistics of a line and adds it, if anything was measured; frees the samples. */
void report_add(BenchReport *out, BenchRow row, Measured *m);
void report_add_memory(BenchReport *out, const char *name, uint64_t bytes);

/* Version, date, processor, memory, levels. */
void report_machine(BenchReport *out, CpuLevel level);
/* Limits of one thread, of 2, 4 ... and of all (0: one for each processor). Two seconds each. *stopped: `watch` had enough. */
bool report_limits(BenchReport *out, CpuLevel level, int threads, const BenchWatch *watch, bool *stopped, Error *e);
/* Name, size and number types; how it is run is the caller's to say. */
void report_model(BenchReport *out, const Model *m, const char *path);

#endif
