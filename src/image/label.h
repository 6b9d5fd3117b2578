/* label.h - what drawing into pixels and writing SVG share: colours, line width, where the labels stand. Only for files
 * of this folder. */
#ifndef VL2_IMAGE_LABEL_H
#define VL2_IMAGE_LABEL_H

#include "image/draw.h"

typedef struct {
    int x0, y0, x1, y1; /* pixels; x1 and y1 are outside */
} Rect;

typedef struct {
    Rect ground;                /* the coloured field behind the text; empty if there is no label */
    int text_x, text_y, text_w; /* the text's top left corner and width */
    size_t n;                   /* bytes of the label that are shown */
    bool is_cut;                /* an ellipsis follows them */
} Label;

extern const char ELLIPSIS[];

Colour box_colour(const DrawnBox *b);
Colour text_colour(Colour ground); /* black or white */
int line_width(int w, int h);      /* of a box, for a picture of w x h */
int text_scale(int w, int h);      /* picture pixels for one of the font */

int text_width(const char *s, size_t n); /* font pixels of UTF-8, ill-formed parts as U+FFFD */

/* The corners sorted, both included, moved to just outside of the picture where they are farther off. */
Rect box_rect(const DrawnBox *b, int w, int h);

/* Fills label[0..n): above its box where there is room, else inside or below, away from labels before it. */
void labels_place(Label *label, const DrawnBox *boxes, int n, int w, int h);

#endif
