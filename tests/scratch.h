/* scratch.h - a folder of one test's own, gone at its end.
 *
 *   Scratch s = scratch_open();
 *   scratch_write(&s, "config.json", text, strlen(text));   ... scratch_path(&s, "config.json") ...
 *   scratch_close(&s); */
#ifndef VL2_TESTS_SCRATCH_H
#define VL2_TESTS_SCRATCH_H

#include <dirent.h>
#include <sys/stat.h>

#include "support.h"

typedef struct {
    char folder[64];
    char path[8][512]; /* a ring for scratch_path() */
    int next;
} Scratch;

static inline Scratch scratch_open(void)
{
    Scratch s = { .folder = "/tmp/vl2-test-XXXXXX" };
    assert_non_null(mkdtemp(s.folder));
    return s;
}

static inline const char *scratch_path(Scratch *s, const char *name)
{
    char path[sizeof s->path[0]];
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    return memcpy(s->path[s->next++ % 8], path, sizeof path);
}

static inline void scratch_write(Scratch *s, const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(scratch_path(s, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Removes the files of a folder, the folders in it (one level more), and itself. */
static inline void scratch_remove(const char *folder, int depth)
{
    DIR *d = opendir(folder);
    if (!d) return;
    for (const struct dirent *f; (f = readdir(d));) {
        char path[512];
        if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0) continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, f->d_name) >= (int)sizeof path) continue;
        if (unlink(path) != 0 && depth > 0) scratch_remove(path, depth - 1);
    }
    closedir(d);
    rmdir(folder);
}

static inline void scratch_close(Scratch *s)
{
    scratch_remove(s->folder, 2);
}

#endif
