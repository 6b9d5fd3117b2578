/* shown.h - a piece of a text from outside, fit to stand in a message. */
#ifndef VL2_TEXT_SHOWN_H
#define VL2_TEXT_SHOWN_H

#include <stddef.h>

enum { SHOWN_BYTES = 72 };

/* At most 60 bytes of s, cut between characters, with "..." behind if cut. Control characters become blanks. Returns
 * buf. */
const char *shown(const char *s, size_t n, char buf[SHOWN_BYTES]);

#endif
