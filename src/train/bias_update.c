/* bias_update.c - see bias_update.h. */
#include "train/bias_update.h"

void bias_update(float *bias, const int *load, int n, float rate)
{
    long long all = 0;
    for (int i = 0; i < n; i++) all += load[i];
    for (int i = 0; i < n; i++) {
        const long long above = (long long)load[i] * n - all; /* n times the distance from the mean: exact */
        bias[i] += above > 0 ? -rate : above < 0 ? rate : 0;
    }
}
