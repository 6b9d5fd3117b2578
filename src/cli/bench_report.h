/* bench_report.h - a bench in words and numbers: as a table, as JSON, as CSV, and beside an earlier one. */
#ifndef VL2_CLI_BENCH_REPORT_H
#define VL2_CLI_BENCH_REPORT_H

#include <jansson.h>

#include "bench/measured.h"

/* "prefill, 512 tokens", "decode, context 512", "batch decode, 8 at a time" */
const char *bench_row_label(const BenchRow *r, char buf[64]);
/* "vl2 0.1.0, Intel Xeon, 2 processors, avx512, ...", what every output says of machine and model, in two lines. */
void bench_machine_line(const BenchReport *r, Str *out);
void bench_model_line(const BenchReport *r, Str *out);

void bench_write_table(const BenchReport *r, Str *out);
void bench_write_csv(const BenchReport *r,
                     Str *out);              /* a header, then a line for each result; machine and model in each */
json_t *bench_to_json(const BenchReport *r); /* caller: json_decref() */

/* An earlier bench_to_json() from a file. Caller: json_decref(). NULL and *e if it is something else. */
json_t *bench_read_json(const char *path, Error *e);

/* Ratios new / old of what both have. A change counts where the two spreads do not meet: marked "better" or "worse". */
void bench_compare(const json_t *old, const char *path, const BenchReport *r, Str *out);

#endif
