/* model_folder.c - see model_folder.h. */
#include "model/model_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

enum { MAX_TEXT = 256 << 20 };

static bool write_text(const ModelSource *source, const char *file, const char *path, Error *e)
{
    char *text;
    size_t n;
    FileOut out;
    if (!model_source_text(source, file, MAX_TEXT, &text, &n, e)) return false;
    bool ok = file_create(&out, path, e);
    if (ok && !(ok = file_write(&out, text, n, e))) file_abandon(&out);
    ok = ok && file_commit(&out, e);
    free(text);
    return ok;
}

static const char weights_file[] = "model.safetensors";

static bool fill_folder(const char *folder, const ModelSource *texts, FillWeights *fill, void *context, Error *e)
{
    char *weights = path_join(folder, weights_file);
    bool ok = fill(context, weights, e);
    free(weights);
    for (const ModelText *t = MODEL_TEXTS; t->file && ok; t++) {
        if (!model_source_has(texts, t->file)) continue;
        char *path = path_join(folder, t->file);
        ok = write_text(texts, t->file, path, e);
        free(path);
    }
    return ok;
}

bool model_folder_write(const char *folder, const ModelSource *texts, FillWeights *fill, void *context, Error *e)
{
    Str temporary = { 0 };
    if (file_exists(folder)) return fail(e, ERR_SYSTEM, "%s: is there already", folder);
    str_printf(&temporary, "%s.%d.part", folder, (int)getpid());
    bool ok = mkdir(temporary.text, 0777) == 0 || fail(e, ERR_SYSTEM, "%s: cannot create: %s", folder, strerror(errno));
    if (ok) {
        ok = fill_folder(temporary.text, texts, fill, context, e) &&
             (rename(temporary.text, folder) == 0 ||
              fail(e, ERR_SYSTEM, "%s: cannot create: %s", folder, strerror(errno)));
        if (!ok) folder_remove(temporary.text);
    }
    str_free(&temporary);
    return ok;
}
