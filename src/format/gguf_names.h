/* gguf_names.h - what a tensor of a checkpoint is called in GGUF, and back. The language part has the names that GGUF readers
 * know for this architecture, vision and projector those of llama.cpp's multimodal files. */
#ifndef VL2_FORMAT_GGUF_NAMES_H
#define VL2_FORMAT_GGUF_NAMES_H

#include <stdbool.h>

enum { TENSOR_NAME_SIZE = 160 }; /* with NUL; longer names are unknown */

/* The GGUF name of a published one; false if it is unknown. *expert: which of the routed experts, that share one tensor
 * [experts, rows, cols] in GGUF; -1 for all others. */
bool gguf_name_of(const char *published, char out[TENSOR_NAME_SIZE], int *expert);

/* The published name of a GGUF one, for routed experts that of `expert`; false if it is unknown. */
bool published_name_of(const char *gguf, int expert, char out[TENSOR_NAME_SIZE]);
bool gguf_name_is_merged(const char *gguf); /* holds the routed experts of a layer */

#endif
