/* curves.h - logs of training as a chart: loss, held-out loss, learning rate, gradient norm, load of the experts, each in
 * a panel of its own over steps; several runs in one chart. */
#ifndef VL2_TRAIN_CURVES_H
#define VL2_TRAIN_CURVES_H

#include "image/figure.h"
#include "train/axis.h"
#include "train/train_history.h"

typedef struct {
    SeriesKind kind;
    const char *title;
    AxisKind axis;
    bool is_noisy; /* drawn with a mean of the steps around */
} CurvePanel;

enum { CURVE_PANELS = 8 };
extern const CurvePanel CURVE_PANEL[CURVE_PANELS]; /* in the order in which they are shown */

/* Panels without a point are left out. *out: figure_close(). */
void curves_draw(const TrainHistory *h, int n, Figure *out);

/* "step 50 of 100, loss 1.2, held-out loss 1.3, at best 1.1 (step 40)", or that there are no steps yet; appended. */
void curves_summary(const TrainHistory *h, Str *out);

#endif
