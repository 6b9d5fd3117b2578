/* bench_chart.h - a bench as a drawing: decode over context beside its limit, and the share of the limit of every test. */
#ifndef VL2_CLI_BENCH_CHART_H
#define VL2_CLI_BENCH_CHART_H

#include "bench/measured.h"

/* An SVG of its own colours for light and dark surroundings, without anything from outside. */
void bench_write_chart(const BenchReport *r, Str *out);

#endif
