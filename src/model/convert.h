/* convert.h - a model becomes a model: one GGUF file of any number types, or a folder in the published layout. Tensor after
 * tensor in strips of rows, so that memory stays small whatever the model; nothing appears under its name before it is
 * complete. */
#ifndef VL2_MODEL_CONVERT_H
#define VL2_MODEL_CONVERT_H

#include "base/pool.h"
#include "format/gguf_names.h"
#include "format/gguf_writer.h"
#include "format/importance.h"
#include "model/model.h"
#include "model/weight_types.h"

typedef enum { CONVERT_GGUF, CONVERT_FOLDER } ConvertTo;

typedef struct {
    ConvertTo to;
    WeightTypes types;            /* of a folder: one plain type for all groups */
    bool keep_f32;                /* of a folder: f32 that `types` cannot hold without loss stays f32 */
    bool text_only;               /* of a GGUF: only the language part, for other programs */
    bool row_types;               /* of a GGUF: quantised rows one after the other, as other programs read them */
    const Importance *importance; /* of columns, for quantised types; NULL: all matter alike */
    /* Tensors that take the place of the model's of the same names and shapes, in memory: what training made. Of a folder: plain
     * types stay then as the model has them. NULL: none. */
    const TensorFiles *replaced;
} ConvertOptions;

/* One tensor of the result. It consists of parts, one for each tensor of the source: of routed experts in a GGUF one for each
 * expert, else one. */
typedef struct {
    char name[TENSOR_NAME_SIZE];
    WeightGroup group;
    DType dtype;
    int n_dims;
    int64_t dim[4]; /* rows first; a quantised row counts whole blocks */
    int n_parts;
    bool merged;        /* parts are experts */
    int64_t rows, cols; /* of a part; a vector is one row; cols as the model has them */
    int rotary_head;    /* rows change their order within heads of so many; 0: they do not */
} ConvertedTensor;

typedef struct {
    ConvertedTensor *tensor;
    int n, capacity;
    uint64_t bytes; /* of all data */
    int n_weighted; /* quantised tensors whose columns have an importance */
} ConvertPlan;

uint64_t converted_bytes(const ConvertedTensor *t);

/* What the result will hold. End with convert_plan_free(), in any case. */
bool convert_plan(ConvertPlan *p, const Model *m, const ConvertOptions *o, Error *e);
void convert_plan_free(ConvertPlan *p);

/* The GGUF file of a plan: metadata and list of tensors are written, the data have to follow in the order of the plan. For
 * convert_run(), and for who has the data from elsewhere. */
GgufWriter *convert_open_gguf(const ConvertPlan *p, const Model *m, const ConvertOptions *o, const char *path,
                              Error *e);

/* Who watches: told how many bytes of the result are written, and asked whether to stop. Either may be NULL. */
typedef struct {
    void (*progress)(void *context, uint64_t done, uint64_t total);
    bool (*stopped)(void *context); /* then the work ends with ERR_CANCELLED */
    void *context;
} ConvertWatch;

/* `out`: the file, replaced if it is there; or the folder, which must not be there. */
bool convert_run(const ConvertPlan *p, const Model *m, const ConvertOptions *o, const char *out, Pool *pool,
                 const ConvertWatch *watch, Error *e);

#endif
