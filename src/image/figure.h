/* figure.h - a drawing of fields, lines and texts: described once, written as SVG or painted as a picture. */
#ifndef VL2_IMAGE_FIGURE_H
#define VL2_IMAGE_FIGURE_H

#include "image/image.h"

typedef struct {
    double x, y; /* from the top left corner */
} Spot;

typedef enum { ALIGN_LEFT, ALIGN_MIDDLE, ALIGN_RIGHT } Align;

typedef struct Shape Shape;

typedef struct {
    int w, h; /* in units; a unit is a pixel of an SVG at its own size */
    Shape *shape;
    int n, capacity;
} Figure;

enum { FIGURE_LETTER = 8, FIGURE_TEXT_HEIGHT = 16 }; /* about a letter's room, in units */

void figure_open(Figure *f, int w, int h, Colour ground);
void figure_close(Figure *f); /* of a zeroed one: nothing */

/* Shapes lie on each other in the order of these calls; what they are given is copied. Numbers must be finite. */
void figure_field(Figure *f, double x, double y, double w, double h, Colour c);
/* With one spot: a dot. n >= 1. */
void figure_line(Figure *f, const Spot *spots, int n, double width, Colour c);
/* `x`, `y`: the left, middle or right end of the line on which the letters stand. UTF-8 that nobody trusts. */
void figure_text(Figure *f, double x, double y, Align align, bool bold, Colour c, const char *text);

void figure_svg(const Figure *f, Str *out);
/* By the ending of `path`: .svg, or .png and .jpg with two pixels for a unit. Written atomically. */
bool figure_save(const Figure *f, const char *path, Error *e);

#endif
