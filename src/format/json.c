/* json.c - see json.h. */
#include "format/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"

enum { ACCEPTED = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL };

json_t *json_parse_part(const char *text, size_t n, const char *path, int line, Error *e)
{
    json_error_t je;
    json_t *v = json_loadb(text, n, ACCEPTED, &je);
    if (!v)
        fail(e, ERR_FORMAT, "%s:%d: not valid JSON, column %d: %s", path, line + (je.line > 0 ? je.line - 1 : 0),
             je.column, je.text);
    return v;
}

json_t *json_parse(const char *text, size_t n, const char *where, Error *e)
{
    json_error_t je;
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, n -= 3; /* a byte order mark is harmless */
    json_t *v = json_loadb(text, n, ACCEPTED, &je);
    if (!v) fail(e, ERR_FORMAT, "%s: not valid JSON, line %d column %d: %s", where, je.line, je.column, je.text);
    return v;
}

json_t *json_parse_file(const char *path, size_t limit, Error *e)
{
    char *text;
    size_t n;
    if (!file_read(path, limit, &text, &n, e)) return NULL;
    json_t *v = json_parse(text, n, path, e);
    free(text);
    return v;
}

const char *json_type_name(const json_t *v)
{
    if (!v) return "nothing";
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number with a fraction";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_NULL: return "null";
    }
    return "nothing";
}

/* The member, or NULL where the default holds. */
static const json_t *member(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_null(v) ? NULL : v;
}

static bool wrong_type(Error *e, const char *where, const char *key, const json_t *v, const char *expected)
{
    return fail(e, ERR_FORMAT, "%s: \"%s\" is %s, expected %s", where, key, json_type_name(v), expected);
}

bool json_take_int(const json_t *object, const char *key, int64_t lo, int64_t hi, int64_t *out, const char *where,
                   Error *e)
{
    const json_t *v = member(object, key);
    if (!v) return true;
    int64_t i;
    if (json_is_integer(v))
        i = json_integer_value(v);
    else if (json_is_real(v) && json_real_value(v) >= -9e15 && json_real_value(v) <= 9e15 &&
             json_real_value(v) == (double)(int64_t)json_real_value(v))
        i = (int64_t)json_real_value(v); /* 10000.0 */
    else
        return wrong_type(e, where, key, v, "an integer");
    if (i < lo || i > hi)
        return fail(e, ERR_FORMAT, "%s: \"%s\" is %" PRId64 ", expected %" PRId64 " to %" PRId64, where, key, i, lo,
                    hi);
    *out = i;
    return true;
}

bool json_take_double(const json_t *object, const char *key, double *out, const char *where, Error *e)
{
    const json_t *v = member(object, key);
    if (!v) return true;
    if (!json_is_number(v)) return wrong_type(e, where, key, v, "a number");
    *out = json_number_value(v);
    return true;
}

bool json_take_bool(const json_t *object, const char *key, bool *out, const char *where, Error *e)
{
    const json_t *v = member(object, key);
    if (!v) return true;
    if (!json_is_boolean(v)) return wrong_type(e, where, key, v, "true or false");
    *out = json_is_true(v);
    return true;
}

bool json_take_string(const json_t *object, const char *key, const char **out, const char *where, Error *e)
{
    const json_t *v = member(object, key);
    if (!v) return true;
    if (!json_is_string(v)) return wrong_type(e, where, key, v, "a string");
    *out = json_string_value(v);
    return true;
}

bool json_take_node(const json_t *object, const char *key, json_type type, json_t **out, const char *where, Error *e)
{
    json_t *v = json_object_get(object, key);
    *out = NULL;
    if (!v || json_is_null(v)) return true;
    if (json_typeof(v) != type) return wrong_type(e, where, key, v, type == JSON_OBJECT ? "an object" : "an array");
    *out = v;
    return true;
}

json_t *json_of_bytes(const char *bytes, size_t n)
{
    Str valid = { 0 };
    if (bytes) str_add_lossy(&valid, bytes, n);
    json_t *text = json_stringn(valid.text ? valid.text : "", valid.n);
    str_free(&valid);
    return text;
}
