/* data_folders.c - see data_folders.h. A name is judged by where it ends up (realpath), so neither ".." nor a link leads out. */
#include "train/data_folders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

bool data_folders_add(DataFolders *f, const char *folder, Error *e)
{
    char *real = realpath(folder, NULL);
    if (!real) return fail(e, ERR_SYSTEM, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < f->n; i++) {
        if (strcmp(f->real[i], real) != 0) continue;
        free(real);
        return true;
    }
    if (f->n == MAX_DATA_FOLDERS) {
        free(real);
        return fail(e, ERR_LIMIT, "%s: more than %d folders to look in", folder, MAX_DATA_FOLDERS);
    }
    f->folder[f->n] = xstrdup(folder);
    f->real[f->n++] = real;
    return true;
}

void data_folders_free(DataFolders *f)
{
    for (int i = 0; i < f->n; i++) {
        free(f->folder[i]);
        free(f->real[i]);
    }
    *f = (DataFolders){ 0 };
}

static bool is_inside(const DataFolders *f, const char *real)
{
    for (int i = 0; i < f->n; i++) {
        const size_t n = strlen(f->real[i]);
        if (strncmp(real, f->real[i], n) == 0 && (real[n] == '/' || real[n] == 0 || n == 1)) return true;
    }
    return false;
}

/* In the first folder that has it; *real is where it is without links. Caller frees both. */
static char *first_of_name(const DataFolders *f, const char *name, char **real)
{
    for (int i = 0; i < f->n; i++) {
        char *path = strcmp(f->folder[i], ".") != 0 ? path_join(f->folder[i], name) : xstrdup(name);
        *real = realpath(path, NULL);
        if (*real) return path;
        free(path);
    }
    return NULL;
}

static void list_folders(const DataFolders *f, Str *out)
{
    for (int i = 0; i < f->n; i++) str_printf(out, "%s%s", i ? " and " : "", f->folder[i]);
}

char *data_folders_find(const DataFolders *f, const char *name, bool *outside, Error *e)
{
    char *real = NULL, *path = first_of_name(f, name, &real);
    *outside = path && !f->allow_outside && !is_inside(f, real);
    if (!path || *outside) {
        Str folders = { 0 };
        list_folders(f, &folders);
        if (path)
            fail(e, ERR_FORMAT, "%s leads to %s, which is not in %s: --allow-outside lets it", name, real,
                 folders.text);
        else
            fail(e, ERR_SYSTEM, "%s is not in %s: --data-root names another folder", name, folders.text);
        str_free(&folders);
        free(path);
        path = NULL;
    }
    free(real);
    return path;
}
