/* interrupt.h - Ctrl-C: the first one ends the answer that is being made, with what there is so far. */
#ifndef VL2_CLI_INTERRUPT_H
#define VL2_CLI_INTERRUPT_H

#include <stdbool.h>

#include "vl2.h"

/* `leave`: without an answer in the making, and at the second Ctrl-C, the program ends at once (exit 130). Otherwise
 * Ctrl-C only ever ends answers and breaks off reading from the terminal. */
void interrupt_install(bool leave);
/* For commands that have to clear away what is half written: SIGTERM and SIGHUP count as Ctrl-C, and none of the three ends the
 * program; the command asks interrupt_seen(). */
void interrupt_install_all(void);

void interrupt_ends(Vl2Request *r); /* the answer in the making; NULL: there is none */
bool interrupt_seen(void);          /* since the last interrupt_ends(r) with a request */

#endif
