/* result.c - see result.h. */
#include "train/result.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/str.h"
#include "model/convert.h"

/* The parameters under their names, as they stand in memory. */
static TensorFiles *trained_tensors(const Trainer *t)
{
    const Params *p = &t->params;
    TensorFiles *files = tensor_files_new();
    const char *where = tensor_files_borrow(files, "trained parameters", 0);
    for (int i = 0; i < p->n; i++) {
        const Param *q = &p->param[i];
        FileTensor x = { .name = q->name,
                         .file = where,
                         .dtype = DT_F32,
                         .n_dims = q->n_dims,
                         .data = (const unsigned char *)(p->value + q->at),
                         .bytes = q->n * sizeof(float) };
        for (int k = 0; k < q->n_dims; k++) x.dim[k] = q->dim[k];
        tensor_files_add(files, &x);
    }
    for (int i = 0; i < t->bias.n; i++) {
        const BiasLayer *l = &t->bias.layer[i];
        const FileTensor x = { .name = l->name,
                               .file = where,
                               .dtype = DT_F32,
                               .n_dims = 1,
                               .dim = { l->n },
                               .data = (const unsigned char *)l->bias,
                               .bytes = (size_t)l->n * sizeof *l->bias };
        tensor_files_add(files, &x);
    }
    tensor_files_sort(files);
    return files;
}

static bool write_model(const Trainer *t, const char *folder, Error *e)
{
    ConvertPlan plan = { 0 };
    TensorFiles *trained = trained_tensors(t);
    ConvertOptions o = { .to = CONVERT_FOLDER, .replaced = trained };
    for (int g = 0; g < WEIGHT_GROUPS; g++) o.types.of[g] = DT_BF16; /* of what was quantised */
    const bool ok = convert_plan(&plan, t->model, &o, e) && convert_run(&plan, t->model, &o, folder, t->pool, NULL, e);
    convert_plan_free(&plan);
    tensor_files_close(trained);
    return ok;
}

bool trainer_write_result(const Trainer *t, const char *folder, Error *e)
{
    Str fresh = { 0 };
    str_printf(&fresh, "%s.new", folder);
    folder_remove(fresh.text);
    const bool written = t->options.lora
                             ? params_save_adapter(&t->params, fresh.text, model_source_path(t->model->source), e)
                             : write_model(t, fresh.text, e);
    const bool ok = written && folder_replace(folder, fresh.text, e);
    str_free(&fresh);
    return ok;
}
