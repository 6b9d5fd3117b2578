/* json.h - JSON from outside, thin over jansson: parse with limits, then take members by name and type with errors that
 * name the path. `where` is what the message begins with: a file name, or "config.json: language_config".
 *
 * Duplicate keys are an error (two readers would see different files); depth is limited by jansson (2048); NUL in
 * strings is accepted where the caller takes strings with their length (json_string_length). */
#ifndef VL2_FORMAT_JSON_H
#define VL2_FORMAT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Caller: json_decref(). NULL and *e, with line and column, on anything that is not JSON. */
json_t *json_parse(const char *text, size_t n, const char *where, Error *e);
/* The same for a part of a file that begins in line `line` of it: messages say "path:line", counted in the file. */
json_t *json_parse_part(const char *text, size_t n, const char *path, int line, Error *e);
json_t *json_parse_file(const char *path, size_t limit, Error *e);

/* One member of an object. An absent or null member leaves *out as it is (put the default there before) and returns
 * true; a member of another type is an error that names `where`, the key, what was found and what was expected. */
bool json_take_int(const json_t *object, const char *key, int64_t lo, int64_t hi, int64_t *out, const char *where,
                   Error *e);
bool json_take_double(const json_t *object, const char *key, double *out, const char *where, Error *e);
bool json_take_bool(const json_t *object, const char *key, bool *out, const char *where, Error *e);
/* *out points into the object. */
bool json_take_string(const json_t *object, const char *key, const char **out, const char *where, Error *e);
/* *out is borrowed: NULL if absent or null. `type` JSON_OBJECT or JSON_ARRAY. */
bool json_take_node(const json_t *object, const char *key, json_type type, json_t **out, const char *where, Error *e);

/* A string of any bytes, as names of files and texts of models are: ill-formed parts of UTF-8 become U+FFFD. `bytes` may be NULL: "". */
json_t *json_of_bytes(const char *bytes, size_t n);

const char *json_type_name(const json_t *v); /* "an object", "a string", ... for messages */

#endif
