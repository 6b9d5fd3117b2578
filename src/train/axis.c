/* axis.c - see axis.h. */
#include "train/axis.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

enum { WANTED = 5 };                  /* about so many ticks */
static const double NARROWEST = 1e-4; /* of the larger end: labels of 7 digits must tell ticks apart */
static const double LOG_RATIO = 50;
static const double SMALLEST = 1e-30; /* what is nearer to 0 is 0 to an axis */

static void add_tick(Axis *a, double v)
{
    if (a->n_ticks < AXIS_TICKS) a->tick[a->n_ticks++] = v;
}

/* 1, 2 or 5 times a power of ten: at most WANTED of them reach `width`. */
static double round_step(double width)
{
    const double power = pow(10, floor(log10(width / WANTED)));
    for (int i = 0; i < 3; i++)
        if (power * (double[]){ 1, 2, 5 }[i] * WANTED >= width * (1 - 1e-9)) return power * (double[]){ 1, 2, 5 }[i];
    return 10 * power;
}

static void widen(double *lo, double *hi)
{
    const double size = fmax(fabs(*lo), fabs(*hi)), room = size >= SMALLEST ? size * NARROWEST : 1;
    if (*hi - *lo >= room) return;
    *lo -= room;
    *hi += room;
}

static void fit_linear(Axis *a, double lo, double hi, bool tight)
{
    if (!tight && lo > 0 && lo < hi / 2) lo = 0;
    widen(&lo, &hi);
    const double step = round_step(hi - lo);
    const double first = tight ? ceil(lo / step - 1e-9) : floor(lo / step + 1e-9);
    const double last = tight ? floor(hi / step + 1e-9) : ceil(hi / step - 1e-9);
    a->lo = tight ? lo : first * step;
    a->hi = tight ? hi : last * step;
    for (double i = first; i <= last; i++) add_tick(a, i * step);
}

/* Powers of ten; between them 2 and 5, too, where there are few. */
static void fit_log(Axis *a, double lo, double hi)
{
    const double room = pow(hi / lo, 0.04);
    a->is_log = true;
    a->lo = lo / room;
    a->hi = hi * room;
    const int first = (int)floor(log10(a->lo)), last = (int)ceil(log10(a->hi)), decades = last - first;
    const int step = 1 + (decades - 1) / (WANTED + 2);
    for (int power = first; power <= last; power += step)
        for (int i = 0; i < (decades <= 3 ? 3 : 1); i++) {
            const double v = pow(10, power) * (double[]){ 1, 2, 5 }[i];
            if (v >= a->lo && v <= a->hi) add_tick(a, v);
        }
}

void axis_fit(Axis *a, double lo, double hi, AxisKind kind)
{
    assert(lo <= hi);
    *a = (Axis){ 0 };
    if (kind == AXIS_AUTO && lo >= SMALLEST && hi / lo >= LOG_RATIO)
        fit_log(a, lo, hi);
    else
        fit_linear(a, lo, hi, kind == AXIS_TIGHT);
}

double axis_place(const Axis *a, double v)
{
    return a->is_log ? log(v / a->lo) / log(a->hi / a->lo) : (v - a->lo) / (a->hi - a->lo);
}

const char *axis_label(double v, char out[AXIS_LABEL])
{
    snprintf(out, AXIS_LABEL, "%.7g", v);
    return out;
}
