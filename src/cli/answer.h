/* answer.h - one answer from its request to the person: streamed text, progress, timings, boxes on pictures. */
#ifndef VL2_CLI_ANSWER_H
#define VL2_CLI_ANSWER_H

#include "cli/dialogue.h"
#include "cli/options.h"
#include "vl2.h"

/* Takes all events of the request; prints the text as it comes if `print`. Ctrl-C meanwhile ends the answer. */
void answer_take(Vl2Request *r, bool print, const NoteArgs *notes);

/* One line of timings on standard error. */
void answer_note_timings(const Vl2Result *a);

/* True if draw_save() can write `path`: .png, .jpg, .jpeg or .svg. */
bool boxes_path_check(const char *path, Error *e);

/* Draws every box on the picture that it belongs to. All on one picture: into `path`. On several: picture N, counted
 * from 1 through the conversation, into "<path without ending>-N.<ending>". Without boxes nothing is written. */
bool boxes_save(const Vl2Result *a, const Dialogue *d, const PictureArgs *p, const char *path, const NoteArgs *notes,
                Error *e);

/* Flushes standard output; the exit status. A reader that went away is no news, any other failure is told. */
int finish_output(void);

#endif
