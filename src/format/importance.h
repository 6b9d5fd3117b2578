/* importance.h - how much the columns of each matrix matter: the mean square of what went into them during calibration.
 *
 * In a file: safetensors with one F32 vector [columns] for each matrix, under the matrix's Hugging Face name. */
#ifndef VL2_FORMAT_IMPORTANCE_H
#define VL2_FORMAT_IMPORTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct Importance Importance;

Importance *importance_new(void);
void importance_free(Importance *m); /* of NULL: nothing */

/* Copies the vector; a name is put once. */
void importance_put(Importance *m, const char *tensor_name, const float *mean_square, int64_t cols);
/* [cols], lives as long as m. NULL if there is none for this tensor, or of another length. */
const float *importance_find(const Importance *m, const char *tensor_name, int64_t cols);
int importance_count(const Importance *m);

/* NULL and *e if a tensor is not a vector of F32 or holds anything but finite numbers from 0 on. */
Importance *importance_load(const char *path, Error *e);
bool importance_save(const Importance *m, const char *path, Error *e);

#endif
