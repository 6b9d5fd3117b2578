/* published.c - see published.h. Values that could not be traced to a source are not here. */
#include "eval/published.h"

#include <stddef.h>
#include <string.h>

#define NONE                                                                                                           \
    {                                                                                                                  \
        -1, -1, -1                                                                                                     \
    }
static const Published PUBLISHED[] = {
    { "DocVQA_TEST", NULL, "DocVQA test", { 88.9, 92.3, 93.3 }, NONE },
    { "ChartQA_TEST", NULL, "ChartQA test", { 81.0, 84.5, 86.0 }, { 81.2, 84.48, -1 } },
    { "InfoVQA_TEST", NULL, "InfoVQA test", { 66.1, 75.8, 78.1 }, NONE },
    { "TextVQA_VAL", NULL, "TextVQA val", { 80.7, 83.4, 84.2 }, { 80.4, 83.34, -1 } },
    { "OCRBench", NULL, "OCRBench, of 1000", { 809, 834, 811 }, { 804, 835, -1 } },
    { "MMStar", NULL, "MMStar", { 45.9, 57.0, 61.3 }, { 49.3, 57.0, -1 } },
    { "AI2D_TEST", NULL, "AI2D", { 71.6, 80.0, 81.4 }, { 74.8, 79.0, -1 } },
    { "MMMU_DEV_VAL", "validation", "MMMU val", { 40.7, 48.0, 51.1 }, { 40.2, 47.8, -1 } },
    { "MME", NULL, "MME, of 2800", { 1915, 2123, 2253 }, NONE },
    { "MMBench_TEST_EN", NULL, "MMBench test", { 73.3, 82.3, 83.1 }, NONE },
    { "MMBench_TEST_EN_V11", NULL, "MMBench-V1.1", { 68.3, 79.3, 79.2 }, NONE },
    { "MathVista_MINI", NULL, "MathVista testmini, with a judge model", { 53.6, 60.7, 62.8 }, NONE },
    { "RealWorldQA", NULL, "RealWorldQA", { 64.2, 65.4, -1 }, { 65.1, 69.4, -1 } },
    { "RefCOCO", "RefCOCO_val", "RefCOCO val", { 84.7, 93.9, 95.1 }, NONE },
    { "RefCOCO", "RefCOCO_testA", "RefCOCO testA", { -1, -1, 96.7 }, NONE },
    { "RefCOCO", "RefCOCO+_val", "RefCOCO+ val", { 75.9, 89.4, 91.2 }, NONE },
    { "RefCOCO", "RefCOCO+_testA", "RefCOCO+ testA", { -1, -1, 94.9 }, NONE },
    { "RefCOCO", "RefCOCO+_testB", "RefCOCO+ testB", { -1, -1, 87.4 }, NONE },
    { "RefCOCO", "RefCOCOg_val", "RefCOCOg val", { 73.8, 92.6, 92.8 }, NONE },
    { "RefCOCO", "RefCOCOg_test", "RefCOCOg test", { -1, -1, 92.9 }, NONE },
};
#undef NONE
enum { N_PUBLISHED = sizeof PUBLISHED / sizeof *PUBLISHED };

const Published *published_at(int i)
{
    return i < N_PUBLISHED ? &PUBLISHED[i] : NULL;
}

const Published *published_for(const char *data_name, int i)
{
    for (int k = 0; k < N_PUBLISHED; k++)
        if (strcmp(PUBLISHED[k].data, data_name) == 0 && i-- == 0) return &PUBLISHED[k];
    return NULL;
}
