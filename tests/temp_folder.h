/* temp_folder.h - a folder of one test's own, gone at its end.
 *
 *   TempFolder s = temp_open();
 *   temp_write(&s, "config.json", text, strlen(text));   ... temp_path(&s, "config.json") ...
 *   temp_close(&s); */
#ifndef VL2_TESTS_TEMP_FOLDER_H
#define VL2_TESTS_TEMP_FOLDER_H

#include <dirent.h>
#include <sys/stat.h>

#include "support.h"

typedef struct {
    char folder[64];
    char path[8][512]; /* a ring for temp_path() */
    int next;
} TempFolder;

static inline TempFolder temp_open(void)
{
    TempFolder s = { .folder = "/tmp/vl2-test-XXXXXX" };
    assert_non_null(mkdtemp(s.folder));
    return s;
}

static inline const char *temp_path(TempFolder *s, const char *name)
{
    char path[sizeof s->path[0]];
    if (snprintf(path, sizeof path, "%s/%s", s->folder, name) >= (int)sizeof path) fail_msg("%s: too long", name);
    return memcpy(s->path[s->next++ % 8], path, sizeof path);
}

static inline void temp_write(TempFolder *s, const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(temp_path(s, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Removes the files of a folder, the folders in it (one level more), and itself. */
static inline void temp_remove(const char *folder, int depth)
{
    DIR *d = opendir(folder);
    if (!d) return;
    for (const struct dirent *f; (f = readdir(d));) {
        char path[512];
        if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0) continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, f->d_name) >= (int)sizeof path) continue;
        if (unlink(path) != 0 && depth > 0) temp_remove(path, depth - 1);
    }
    closedir(d);
    rmdir(folder);
}

static inline void temp_close(TempFolder *s)
{
    temp_remove(s->folder, 2);
}

#endif
