/* box_match.h - boxes in answers beside boxes in references: RefCOCO as VLMEvalKit reads it, and answers with grounding tags. */
#ifndef VL2_EVAL_BOX_MATCH_H
#define VL2_EVAL_BOX_MATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Four numbers out of a text: the first [a, b, c, d], apart by commas or blanks, else the first four numbers anywhere. */
bool box_from_text(const char *s, size_t n, double box[4]);

/* In pixels of a w x h picture, clipped, corners in order. Numbers up to 1.5 are parts of the picture, up to 1000 parts of `scale`
 * (1000: as VLMEvalKit has it; 999: as DeepSeek-VL2 writes them), above that pixels. False: w or h is not positive. */
bool box_to_pixels(double box[4], double w, double h, int scale);

double box_iou(const double a[4], const double b[4]); /* area of both over area of either; 0 if they do not meet */

/* Both texts have boxes in grounding tags: pairs of one box each with an IoU of 0.5, and with `labels` the same label but for case
 * and an article, over the larger number of boxes. 0 where the answer has none. */
double box_agreement(const char *reference, size_t n_reference, const char *s, size_t n, bool labels);

#endif
