/* objects.h - boxes that a record gives beside its text, as ms-swift writes them:
 *
 *   "objects": {"ref": ["cat", ...], "bbox": [[x1, y1, x2, y2], ...], "bbox_type": "real", "image_id": [0, ...]}
 *
 * Each <ref-object> in the messages becomes <|ref|>cat<|/ref|> and each <bbox> becomes <|det|>[[..]]<|/det|> in 0..999, in
 * order. An entry of "bbox" may be a list of boxes: one <bbox> with all of them. "bbox_type" says what the numbers are:
 * "real" pixels (default), "norm1" parts of 1, "norm1000", or "norm999", the model's own. "image_id" is the picture that
 * an entry belongs to, counted from 0 through the record (default 0). */
#ifndef VL2_TRAIN_OBJECTS_H
#define VL2_TRAIN_OBJECTS_H

#include <jansson.h>

#include "base/error.h"
#include "image/image.h"
#include "text/chat.h"

typedef struct {
    double v[4]; /* x1, y1, x2, y2 */
} ObjectBox;

typedef struct {
    ObjectBox *box;
    int n, picture;
} ObjectBoxes; /* what one <bbox> stands for */

typedef struct {
    bool given;
    char **ref;
    int n_refs;
    ObjectBoxes *boxes;
    int n_boxes;
    double range; /* what 999 stands for; 0: the side of the picture, in pixels */
} Objects;

/* `v` NULL: there are none. On failure *o is empty. */
bool objects_read(Objects *o, const json_t *v, const char *where, Error *e);
void objects_free(Objects *o);

/* Writes refs and boxes into the messages of c. Boxes that leave their picture, or have no area, are errors. */
bool objects_place(const Objects *o, Conversation *c, const Size *pictures, int n_pictures, const char *where,
                   Error *e);

#endif
