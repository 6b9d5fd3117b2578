/* answer_format.c - see answer_format.h. White space in JSON: a blank, or a line end with up to 16 blanks, so that an answer
 * cannot go on with nothing else. */
#include "text/answer_format.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"

enum { MOST_ITEMS = 256, MOST_VALUES = 100, MOST_RULES = 20000, MOST_NESTED = 64 };

typedef struct {
    Grammar *g;
    const json_t *root;
    int space, character, text, integer, number, value, object, array;
    struct Referred {
        const json_t *schema;
        int rule;
    } * referred; /* schemas that have a rule: for those that name themselves */
    int n_referred, referred_capacity, nested;
    Error *e;
} Builder;

/* ---- pieces ---- */

static void put(Builder *b, const char *text)
{
    grammar_add_text(b->g, text, strlen(text));
}

/* One alternative of a rule: texts, and rules by pointer. */
static void alternative_text(Builder *b, int rule, const char *text)
{
    grammar_begin(b->g, rule);
    put(b, text);
    grammar_end(b->g);
}

static void alternative_rules(Builder *b, int rule, const int *rules, int n)
{
    grammar_begin(b->g, rule);
    for (int i = 0; i < n; i++) grammar_add_rule(b->g, rules[i]);
    grammar_end(b->g);
}

/* `item` from least to most times (most < 0: any number), with `separator` between them, as a text. */
static int repeated(Builder *b, int item, const char *separator, int space, int least, int most)
{
    Grammar *g = b->g;
    int more = grammar_rule(g); /* what comes after the last one that must be there */
    alternative_text(b, more, "");
    if (most < 0) {
        grammar_begin(g, more);
        put(b, separator);
        if (space >= 0) grammar_add_rule(g, space);
        grammar_add_rule(g, item);
        grammar_add_rule(g, more);
        grammar_end(g);
    }
    for (int i = most < 0 ? least : most; i > 0; i--) {
        const int rule = grammar_rule(g); /* the i-th and what follows */
        if (i > least) alternative_text(b, rule, "");
        grammar_begin(g, rule);
        if (i > 1) {
            put(b, separator);
            if (space >= 0) grammar_add_rule(g, space);
        }
        grammar_add_rule(g, item);
        grammar_add_rule(g, more);
        grammar_end(g);
        more = rule;
    }
    if (most < 0 && least == 0) { /* the first has no separator */
        const int rule = grammar_rule(g), rest = more;
        alternative_text(b, rule, "");
        alternative_rules(b, rule, (const int[]){ item, rest }, 2);
        return rule;
    }
    return more;
}

/* ---- JSON ---- */

static void build_space(Builder *b)
{
    int blanks = grammar_rule(b->g);
    alternative_text(b, blanks, "");
    for (int i = 0; i < 16; i++) {
        const int more = grammar_rule(b->g);
        alternative_text(b, more, "");
        grammar_begin(b->g, more);
        put(b, " ");
        grammar_add_rule(b->g, blanks);
        grammar_end(b->g);
        blanks = more;
    }
    b->space = grammar_rule(b->g);
    alternative_text(b, b->space, "");
    alternative_text(b, b->space, " ");
    grammar_begin(b->g, b->space);
    put(b, "\n");
    grammar_add_rule(b->g, blanks);
    grammar_end(b->g);
}

/* Well-formed UTF-8 of two bytes and more (Unicode, table 3-7): lead, second, then how many of 80..bf. */
static void add_wide(Builder *b, int rule)
{
    static const struct {
        int lead_lo, lead_hi, lo, hi, more;
    } FORM[] = { { 0xc2, 0xdf, 0x80, 0xbf, 0 }, { 0xe0, 0xe0, 0xa0, 0xbf, 1 }, { 0xe1, 0xec, 0x80, 0xbf, 1 },
                 { 0xed, 0xed, 0x80, 0x9f, 1 }, { 0xee, 0xef, 0x80, 0xbf, 1 }, { 0xf0, 0xf0, 0x90, 0xbf, 2 },
                 { 0xf1, 0xf3, 0x80, 0xbf, 2 }, { 0xf4, 0xf4, 0x80, 0x8f, 2 } };
    for (size_t i = 0; i < sizeof FORM / sizeof *FORM; i++) {
        grammar_begin(b->g, rule);
        grammar_add_range(b->g, FORM[i].lead_lo, FORM[i].lead_hi);
        grammar_add_range(b->g, FORM[i].lo, FORM[i].hi);
        for (int k = 0; k < FORM[i].more; k++) grammar_add_range(b->g, 0x80, 0xbf);
        grammar_end(b->g);
    }
}

static ByteSet hex_digits(void)
{
    ByteSet s = { 0 };
    byteset_add(&s, '0', '9');
    byteset_add(&s, 'a', 'f');
    byteset_add(&s, 'A', 'F');
    return s;
}

static void build_character(Builder *b)
{
    ByteSet plain = { 0 }, escape = { 0 };
    const ByteSet hex = hex_digits();
    byteset_add(&plain, 0x20, 0x21);
    byteset_add(&plain, 0x23, 0x5b);
    byteset_add(&plain, 0x5d, 0x7e);
    for (const char *c = "\"\\/bfnrt"; *c; c++) byteset_add(&escape, *c, *c);
    b->character = grammar_rule(b->g);
    grammar_begin(b->g, b->character);
    grammar_add_set(b->g, &plain);
    grammar_end(b->g);
    grammar_begin(b->g, b->character);
    put(b, "\\");
    grammar_add_set(b->g, &escape);
    grammar_end(b->g);
    grammar_begin(b->g, b->character); /* \u0000..\uCFFF: no halves of surrogate pairs */
    put(b, "\\u");
    ByteSet first = { 0 };
    byteset_add(&first, '0', '9');
    byteset_add(&first, 'a', 'c');
    byteset_add(&first, 'A', 'C');
    grammar_add_set(b->g, &first);
    for (int i = 0; i < 3; i++) grammar_add_set(b->g, &hex);
    grammar_end(b->g);
    add_wide(b, b->character);
}

static int text_rule(Builder *b, int least, int most)
{
    const int rule = grammar_rule(b->g), inner = repeated(b, b->character, "", -1, least, most);
    grammar_begin(b->g, rule);
    put(b, "\"");
    grammar_add_rule(b->g, inner);
    put(b, "\"");
    grammar_end(b->g);
    return rule;
}

/* Up to 15 digits, so that every reader has the same number. */
static void build_numbers(Builder *b)
{
    Grammar *g = b->g;
    const int digit = grammar_rule(g), sign = grammar_rule(g);
    grammar_begin(g, digit);
    grammar_add_range(g, '0', '9');
    grammar_end(g);
    alternative_text(b, sign, "");
    alternative_text(b, sign, "-");
    const int rest = repeated(b, digit, "", -1, 0, 14), fraction_digits = repeated(b, digit, "", -1, 1, 15);
    const int whole = grammar_rule(g), fraction = grammar_rule(g), exponent = grammar_rule(g);
    alternative_text(b, whole, "0");
    grammar_begin(g, whole);
    grammar_add_range(g, '1', '9');
    grammar_add_rule(g, rest);
    grammar_end(g);
    alternative_text(b, fraction, "");
    grammar_begin(g, fraction);
    put(b, ".");
    grammar_add_rule(g, fraction_digits);
    grammar_end(g);
    alternative_text(b, exponent, "");
    static const char *const E[] = { "e", "E", "e-", "E-", "e+", "E+" };
    for (size_t i = 0; i < sizeof E / sizeof *E; i++) {
        grammar_begin(g, exponent);
        put(b, E[i]);
        grammar_add_range(g, '0', '9');
        grammar_add_rule(g, repeated(b, digit, "", -1, 0, 1));
        grammar_end(g);
    }
    b->integer = grammar_rule(g);
    alternative_rules(b, b->integer, (const int[]){ sign, whole }, 2);
    b->number = grammar_rule(g);
    alternative_rules(b, b->number, (const int[]){ sign, whole, fraction, exponent }, 4);
}

/* opening, space, content, space, closing */
static int enclosed(Builder *b, const char *opening, int content, const char *closing)
{
    const int rule = grammar_rule(b->g);
    grammar_begin(b->g, rule);
    put(b, opening);
    grammar_add_rule(b->g, b->space);
    grammar_add_rule(b->g, content);
    grammar_add_rule(b->g, b->space);
    put(b, closing);
    grammar_end(b->g);
    return rule;
}

static int member_rule(Builder *b, int value)
{
    const int rule = grammar_rule(b->g);
    grammar_begin(b->g, rule);
    grammar_add_rule(b->g, b->text);
    put(b, ":");
    grammar_add_rule(b->g, b->space);
    grammar_add_rule(b->g, value);
    grammar_end(b->g);
    return rule;
}

static int map_of(Builder *b, int value)
{
    return enclosed(b, "{", repeated(b, member_rule(b, value), ",", b->space, 0, -1), "}");
}

static int list_of(Builder *b, int item, int least, int most)
{
    return enclosed(b, "[", repeated(b, item, ",", b->space, least, most), "]");
}

static void build_json(Builder *b)
{
    build_space(b);
    build_character(b);
    build_numbers(b);
    b->text = text_rule(b, 0, -1);
    b->value = grammar_rule(b->g);
    b->object = map_of(b, b->value);
    b->array = list_of(b, b->value, 0, -1);
    const int kind[] = { b->object, b->array, b->text, b->number };
    for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) alternative_rules(b, b->value, &kind[i], 1);
    static const char *const WORD[] = { "true", "false", "null" };
    for (size_t i = 0; i < sizeof WORD / sizeof *WORD; i++) alternative_text(b, b->value, WORD[i]);
}

/* ---- JSON schema ---- */

static int schema_rule(Builder *b, const json_t *schema);

static int refuse(Builder *b, const char *what, const char *name)
{
    fail(b->e, ERR_UNSUPPORTED, "the JSON schema: %s \"%.60s\" is not supported", what, name);
    return -1;
}

/* One to MOST_VALUES of them: more ways at once are more than a grammar's state holds. */
static bool check_choices(Builder *b, const json_t *list, const char *name)
{
    const size_t n = json_array_size(list);
    return (n > 0 && n <= MOST_VALUES) ||
           fail(b->e, ERR_UNSUPPORTED, "the JSON schema: %s has %zu values, expected an array of 1 to %d", name, n,
                MOST_VALUES);
}

static bool check_keywords(Builder *b, const json_t *schema)
{
    static const char *const KNOWN[] = { "type",      "properties", "required",    "additionalProperties",
                                         "items",     "minItems",   "maxItems",    "minLength",
                                         "maxLength", "enum",       "const",       "anyOf",
                                         "oneOf",     "$ref",       "$defs",       "definitions",
                                         "title",     "default",    "description", "examples",
                                         "$schema",   "$id",        "$comment",    "deprecated",
                                         "readOnly",  "writeOnly" };
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)schema, key, v)
    {
        size_t i = 0;
        while (i < sizeof KNOWN / sizeof *KNOWN && strcmp(KNOWN[i], key) != 0) i++;
        if (i == sizeof KNOWN / sizeof *KNOWN) return refuse(b, "the keyword", key) >= 0;
    }
    return true;
}

/* These values, as compact JSON. */
static int constant_rule(Builder *b, const json_t *list, const json_t *one)
{
    const int rule = grammar_rule(b->g);
    for (size_t i = 0; i < (one ? 1 : json_array_size(list)); i++) {
        char *text = json_dumps(one ? one : json_array_get(list, i), JSON_COMPACT | JSON_ENCODE_ANY);
        if (text) alternative_text(b, rule, text);
        free(text);
    }
    return rule;
}

static bool read_count(Builder *b, const json_t *schema, const char *name, int *out)
{
    const json_t *v = json_object_get(schema, name);
    if (!v) return true;
    const json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || n > MOST_ITEMS)
        return fail(b->e, ERR_UNSUPPORTED, "the JSON schema: %s is not 0 to %d", name, MOST_ITEMS);
    *out = (int)n;
    return true;
}

static bool read_counts(Builder *b, const json_t *schema, const char *min, const char *max, int *least, int *most)
{
    *least = 0;
    *most = -1;
    if (!read_count(b, schema, min, least) || !read_count(b, schema, max, most)) return false;
    return *most < 0 || *most >= *least || fail(b->e, ERR_FORMAT, "the JSON schema: %s is less than %s", max, min);
}

static bool is_required(const json_t *schema, const char *name)
{
    const json_t *list = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *v = json_string_value(json_array_get(list, i));
        if (v && strcmp(v, name) == 0) return true;
    }
    return false;
}

/* "name": value, then `rest`; behind a comma unless it is the first. */
static void add_property(Builder *b, int rule, const char *name, int value, int rest, bool first)
{
    json_t *text = json_string(name);
    char *key = json_dumps(text, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(text);
    grammar_begin(b->g, rule);
    if (!first) {
        put(b, ",");
        grammar_add_rule(b->g, b->space);
    }
    put(b, key);
    put(b, ":");
    grammar_add_rule(b->g, b->space);
    grammar_add_rule(b->g, value);
    grammar_add_rule(b->g, rest);
    grammar_end(b->g);
    free(key);
}

/* From the last property to the first: rest[f] is what may follow when f: nothing was written yet. */
static int properties_rule(Builder *b, const json_t *schema, const json_t *properties)
{
    const size_t n = json_object_size(properties);
    const char **name = xcalloc(n, sizeof *name);
    const json_t **of = xcalloc(n, sizeof *of);
    size_t i = 0;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)properties, key, v)
    {
        name[i] = key;
        of[i++] = v;
    }
    int rest[2] = { grammar_rule(b->g), grammar_rule(b->g) };
    alternative_text(b, rest[0], "");
    alternative_text(b, rest[1], "");
    bool ok = true;
    while (i-- > 0 && ok) {
        const int value = schema_rule(b, of[i]);
        const int here[2] = { grammar_rule(b->g), grammar_rule(b->g) };
        ok = value >= 0;
        for (int first = 0; ok && first < 2; first++) {
            add_property(b, here[first], name[i], value, rest[0], first);
            if (!is_required(schema, name[i])) alternative_rules(b, here[first], &rest[first], 1);
        }
        rest[0] = here[0];
        rest[1] = here[1];
    }
    free(name);
    free(of);
    return ok ? rest[1] : -1;
}

static int word_rule(Builder *b, const char *one, const char *other)
{
    const int rule = grammar_rule(b->g);
    alternative_text(b, rule, one);
    if (other) alternative_text(b, rule, other);
    return rule;
}

static int object_rule(Builder *b, const json_t *schema)
{
    const json_t *properties = json_object_get(schema, "properties"),
                 *more = json_object_get(schema, "additionalProperties");
    if (properties && !json_is_object(properties))
        return fail(b->e, ERR_FORMAT, "the JSON schema: properties is %s", json_type_name(properties)), -1;
    if (json_object_size(properties) > 0) {
        if (json_is_object(more)) return refuse(b, "beside properties,", "additionalProperties");
        const int inner = properties_rule(b, schema, properties);
        return inner < 0 ? -1 : enclosed(b, "{", inner, "}");
    }
    if (json_is_false(more)) return enclosed(b, "{", word_rule(b, "", NULL), "}");
    if (!json_is_object(more)) return b->object;
    const int value = schema_rule(b, more);
    return value < 0 ? -1 : map_of(b, value);
}

static int array_rule(Builder *b, const json_t *schema)
{
    int least, most;
    if (!read_counts(b, schema, "minItems", "maxItems", &least, &most)) return -1;
    const json_t *items = json_object_get(schema, "items");
    const int item = items ? schema_rule(b, items) : b->value;
    return item < 0 ? -1 : list_of(b, item, least, most);
}

static int string_rule(Builder *b, const json_t *schema)
{
    int least, most;
    if (!read_counts(b, schema, "minLength", "maxLength", &least, &most)) return -1;
    return least == 0 && most < 0 ? b->text : text_rule(b, least, most);
}

static int typed_rule(Builder *b, const json_t *schema, const char *type)
{
    if (strcmp(type, "object") == 0) return object_rule(b, schema);
    if (strcmp(type, "array") == 0) return array_rule(b, schema);
    if (strcmp(type, "string") == 0) return string_rule(b, schema);
    if (strcmp(type, "number") == 0) return b->number;
    if (strcmp(type, "integer") == 0) return b->integer;
    if (strcmp(type, "boolean") == 0) return word_rule(b, "true", "false");
    if (strcmp(type, "null") == 0) return word_rule(b, "null", NULL);
    return refuse(b, "the type", type);
}

/* Any of several schemas, or types of one. */
static int any_rule(Builder *b, const json_t *list, const json_t *of_types)
{
    const int rule = grammar_rule(b->g);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        if (of_types && !json_is_string(v)) return refuse(b, "the type", json_type_name(v));
        const int one = of_types ? typed_rule(b, of_types, json_string_value(v)) : schema_rule(b, v);
        if (one < 0) return -1;
        alternative_rules(b, rule, &one, 1);
    }
    return rule;
}

/* "#/$defs/name", "#". */
static const json_t *refer(const Builder *b, const char *path)
{
    const json_t *at = b->root;
    if (path[0] != '#') return NULL;
    for (path++; at && *path == '/';) {
        const char *name = path + 1;
        const size_t n = strcspn(name, "/");
        at = json_object_getn(at, name, n);
        path = name + n;
    }
    return *path ? NULL : at;
}

static int referred_rule(Builder *b, const char *path)
{
    const json_t *schema = refer(b, path);
    if (!schema) return fail(b->e, ERR_FORMAT, "the JSON schema: there is no \"%.80s\" in it", path), -1;
    for (int i = 0; i < b->n_referred; i++)
        if (b->referred[i].schema == schema) return b->referred[i].rule;
    const int rule = grammar_rule(b->g);
    GROW(b->referred, b->n_referred, b->referred_capacity);
    b->referred[b->n_referred++] = (struct Referred){ schema, rule };
    const int inner = schema_rule(b, schema);
    if (inner < 0) return -1;
    alternative_rules(b, rule, &inner, 1);
    return rule;
}

static int kind_rule(Builder *b, const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type"), *any = json_object_get(schema, "anyOf"),
                 *list = json_object_get(schema, "enum"), *one = json_object_get(schema, "const"),
                 *ref = json_object_get(schema, "$ref");
    if (!any) any = json_object_get(schema, "oneOf");
    if (json_is_string(ref)) return referred_rule(b, json_string_value(ref));
    if (one) return constant_rule(b, NULL, one);
    if (list) return check_choices(b, list, "enum") ? constant_rule(b, list, NULL) : -1;
    if (any) return check_choices(b, any, "anyOf") ? any_rule(b, any, NULL) : -1;
    if (json_is_array(type)) return check_choices(b, type, "type") ? any_rule(b, type, schema) : -1;
    if (json_is_string(type)) return typed_rule(b, schema, json_string_value(type));
    if (json_object_get(schema, "properties")) return object_rule(b, schema);
    return type ? refuse(b, "a type that is", json_type_name(type)) : b->value;
}

static int schema_rule(Builder *b, const json_t *schema)
{
    if (json_is_true(schema)) return b->value;
    if (!json_is_object(schema))
        return fail(b->e, ERR_FORMAT, "the JSON schema: a schema is %s, expected an object", json_type_name(schema)),
               -1;
    if (b->nested == MOST_NESTED || b->g->n_rules > MOST_RULES)
        return fail(b->e, ERR_UNSUPPORTED, "the JSON schema is too %s", b->nested == MOST_NESTED ? "deep" : "large"),
               -1;
    if (!check_keywords(b, schema)) return -1;
    b->nested++;
    const int rule = kind_rule(b, schema);
    b->nested--;
    return rule;
}

/* ---- boxes ---- */

static void put_byte(Builder *b, int byte)
{
    grammar_add_range(b->g, byte, byte);
}

/* 0 to 999. */
static int coordinate_rule(Builder *b)
{
    const int rule = grammar_rule(b->g);
    for (int digits = 1; digits <= 3; digits++) {
        grammar_begin(b->g, rule);
        grammar_add_range(b->g, digits > 1 ? '1' : '0', '9');
        for (int i = 1; i < digits; i++) grammar_add_range(b->g, '0', '9');
        grammar_end(b->g);
    }
    return rule;
}

static int box_rule(Builder *b)
{
    const int box = grammar_rule(b->g), coordinate = coordinate_rule(b);
    grammar_begin(b->g, box);
    put(b, "[");
    for (int i = 0; i < 4; i++) {
        if (i) put(b, ", ");
        grammar_add_rule(b->g, coordinate);
    }
    put(b, "]");
    grammar_end(b->g);
    return box;
}

static int label_rule(Builder *b)
{
    const int character = grammar_rule(b->g);
    grammar_begin(b->g, character);
    grammar_add_range(b->g, 0x20, 0x7e);
    grammar_end(b->g);
    add_wide(b, character);
    return repeated(b, character, "", -1, 1, -1);
}

static int boxes_rule(Builder *b)
{
    const int item = grammar_rule(b->g), label = label_rule(b), boxes = repeated(b, box_rule(b), ", ", -1, 1, -1);
    grammar_begin(b->g, item);
    put_byte(b, BYTE_REF);
    grammar_add_rule(b->g, label);
    put_byte(b, BYTE_REF_END);
    put_byte(b, BYTE_DET);
    put(b, "[");
    grammar_add_rule(b->g, boxes);
    put(b, "]");
    put_byte(b, BYTE_DET_END);
    grammar_end(b->g);
    return repeated(b, item, "", -1, 1, -1);
}

bool answer_format(Grammar *g, int *start, const char *format, Error *e)
{
    Builder b = { .g = g, .e = e };
    json_t *schema = NULL;
    *g = (Grammar){ 0 };
    *start = -1;
    if (strcmp(format, "boxes") == 0)
        *start = boxes_rule(&b);
    else {
        build_json(&b);
        if (strcmp(format, "json") == 0)
            *start = b.object;
        else if ((schema = json_parse(format, strlen(format), "the JSON schema", e)) != NULL) {
            b.root = schema;
            *start = schema_rule(&b, schema);
        }
    }
    json_decref(schema);
    free(b.referred);
    if (*start < 0)
        grammar_free(g);
    else
        grammar_ready(g);
    return *start >= 0;
}
