/* base64.h - bytes as text of 64 letters, RFC 4648 with padding. */
#ifndef VL2_BASE_BASE64_H
#define VL2_BASE_BASE64_H

#include "base/error.h"
#include "base/str.h"

void base64_add(Str *out, const void *bytes, size_t n);

/* Appends the bytes that text[0..n) stands for. White space between letters is passed over, padding at the end may be
 * missing. False, and *e names the place, on anything else; *out then holds what came before it. */
bool base64_decode(const char *text, size_t n, Str *out, Error *e);

#endif
