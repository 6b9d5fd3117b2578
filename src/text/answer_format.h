/* answer_format.h - the grammars that an answer can be held to: any JSON object, the values of a JSON schema, boxes.
 *
 * Of JSON Schema: type (one or several), properties, required, additionalProperties, items, minItems, maxItems, minLength,
 * maxLength, enum, const, anyOf, oneOf, $ref into the schema; titles, descriptions, defaults and the like change nothing. Any
 * other keyword is an error that names it: an answer that merely looks as if it obeyed would be worse. Properties come in the
 * schema's order; without "properties" an object has any, with them no others. */
#ifndef VL2_TEXT_ANSWER_FORMAT_H
#define VL2_TEXT_ANSWER_FORMAT_H

#include "base/error.h"
#include "text/grammar.h"

/* "json": an object; "boxes": <|ref|>label<|/ref|><|det|>[[x1, y1, x2, y2], ...]<|/det|>, once or more; else the text of a JSON
 * schema. *start: the rule to begin with. False and *e: *g is empty. */
bool answer_format(Grammar *g, int *start, const char *format, Error *e);

#endif
