/* module_pattern.h - numbers that PEFT gives to some modules of an adapter by name: "rank_pattern" and "alpha_pattern" of
 * adapter_config.json. A key is a regular expression (Python's) for a module's name, or for its end behind a dot; the first key
 * that fits counts. */
#ifndef VL2_FORMAT_MODULE_PATTERN_H
#define VL2_FORMAT_MODULE_PATTERN_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

typedef struct ModulePatterns ModulePatterns;

/* `object` NULL: no keys. Values are numbers in [lo, hi]. NULL and *e otherwise, or for a key that is no regular expression; `where`
 * begins the message. */
ModulePatterns *module_patterns_open(const json_t *object, double lo, double hi, const char *where, Error *e);
void module_patterns_close(ModulePatterns *p); /* of NULL: nothing */

/* *out becomes the value of the first key that fits, and stays as it is if none does. False where a search was given up. */
bool module_patterns_find(const ModulePatterns *p, const char *module, double *out, Error *e);

#endif
