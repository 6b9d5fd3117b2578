/* axis.h - one axis of a chart: which values stand at its ends, and at which round values there are ticks. */
#ifndef VL2_TRAIN_AXIS_H
#define VL2_TRAIN_AXIS_H

#include <stdbool.h>

enum { AXIS_TICKS = 16, AXIS_LABEL = 32 };

typedef enum {
    AXIS_TIGHT, /* the ends are the values' own */
    AXIS_ROUND, /* the ends are ticks; 0 is one of them where the values come near it */
    AXIS_AUTO   /* round, or logarithmic where the values are above 0 and the largest is 50 times the smallest */
} AxisKind;

typedef struct {
    double lo, hi; /* at the ends; lo < hi */
    bool is_log;
    double tick[AXIS_TICKS]; /* ascending */
    int n_ticks;
} Axis;

/* For values from `lo` to `hi`, which are finite, in this order, and at most 1e30 from 0. */
void axis_fit(Axis *a, double lo, double hi, AxisKind kind);
/* 0 at the lower end, 1 at the upper one. */
double axis_place(const Axis *a, double v);
/* A tick, or another number in the same style. Returns `out`. */
const char *axis_label(double v, char out[AXIS_LABEL]);

#endif
