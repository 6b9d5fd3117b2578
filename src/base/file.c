/* file.c - see file.h. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* Opens a regular file for reading; -1 and *e on anything else. */
static int open_regular(const char *path, size_t *bytes, Error *e)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        fail(e, ERR_SYSTEM, "%s: cannot open: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(fd, &st) != 0)
        fail(e, ERR_SYSTEM, "%s: cannot examine: %s", path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        fail(e, ERR_SYSTEM, "%s: is a directory, expected a file", path);
    else if (!S_ISREG(st.st_mode))
        fail(e, ERR_SYSTEM, "%s: is a device or pipe, expected a regular file", path);
    else {
        *bytes = (size_t)st.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

bool file_map(FileMap *m, const char *path, Error *e)
{
    *m = (FileMap){ 0 };
    size_t n = 0;
    const int fd = open_regular(path, &n, e);
    if (fd < 0) return false;
    void *p = NULL;
    if (n > 0) p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    const int cause = errno;
    close(fd);
    if (p == MAP_FAILED) return fail(e, ERR_SYSTEM, "%s: cannot map %zu bytes: %s", path, n, strerror(cause));
    *m = (FileMap){ p, n };
    return true;
}

unsigned char *file_map_memory(FileMap *m, size_t n, Error *e)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *m = (FileMap){ 0 };
    if (p == MAP_FAILED) return fail(e, ERR_MEMORY, "no room for %zu bytes: %s", n, strerror(errno)), NULL;
    *m = (FileMap){ p, n };
    return p;
}

void file_unmap(FileMap *m)
{
    if (m->bytes) munmap((void *)(uintptr_t)m->bytes, m->n);
    *m = (FileMap){ 0 };
}

void file_forget(const void *bytes, size_t n)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)bytes, begin = at & ~(page - 1);
    if (n) madvise((void *)begin, at + n - begin, MADV_DONTNEED);
}

bool file_read(const char *path, size_t limit, char **out, size_t *n, Error *e)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    const char *const name = is_stdin ? "standard input" : path;
    size_t expect = 0;
    *out = NULL;
    const int fd = is_stdin ? STDIN_FILENO : open_regular(path, &expect, e);
    if (fd < 0) return false;
    Str s = { 0 };
    char chunk[65536];
    bool ok = true;
    for (;;) {
        const ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) ok = fail(e, ERR_SYSTEM, "%s: cannot read: %s", name, strerror(errno));
        if (got <= 0) break;
        if ((size_t)got > limit - s.n) {
            ok = fail(e, ERR_LIMIT, "%s: longer than the limit of %zu bytes", name, limit);
            break;
        }
        str_add(&s, chunk, (size_t)got);
    }
    if (!is_stdin) close(fd);
    if (!ok) {
        str_free(&s);
        return false;
    }
    str_add(&s, "", 0);
    *out = s.text;
    *n = s.n;
    return true;
}

bool file_open(FileIn *f, const char *path, Error *e)
{
    *f = (FileIn){ 0 };
    const int fd = open_regular(path, &f->n, e);
    if (fd < 0) return false;
    f->fd = fd;
    f->path = xstrdup(path);
    return true;
}

bool file_read_at(const FileIn *f, size_t at, void *out, size_t n, Error *e)
{
    unsigned char *to = out;
    while (n > 0) {
        const ssize_t got = pread(f->fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(e, ERR_SYSTEM, "%s: cannot read: %s", f->path, strerror(errno));
        if (got == 0) return fail(e, ERR_SYSTEM, "%s: has become shorter since it was opened", f->path);
        to += got;
        at += (size_t)got;
        n -= (size_t)got;
    }
    return true;
}

void file_close(FileIn *f)
{
    if (f->path) close(f->fd);
    free(f->path);
    *f = (FileIn){ 0 };
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_create(FileOut *o, const char *path, Error *e)
{
    Str t = { 0 };
    *o = (FileOut){ 0 };
    str_printf(&t, "%s.%d.part", path, (int)getpid());
    o->path = xstrdup(path);
    o->temporary = t.text;
    o->f = fopen(o->temporary, "wbe");
    if (o->f) return true;
    fail(e, ERR_SYSTEM, "%s: cannot create: %s", path, strerror(errno));
    free(o->path);
    free(o->temporary);
    *o = (FileOut){ 0 };
    return false;
}

bool file_write(FileOut *o, const void *bytes, size_t n, Error *e)
{
    if (n == 0 || fwrite(bytes, 1, n, o->f) == n) return true;
    return fail(e, ERR_SYSTEM, "%s: cannot write: %s", o->path, strerror(errno));
}

bool file_commit(FileOut *o, Error *e)
{
    bool ok = fflush(o->f) == 0 && fsync(fileno(o->f)) == 0;
    if (fclose(o->f) != 0) ok = false;
    o->f = NULL;
    if (ok) ok = rename(o->temporary, o->path) == 0;
    if (!ok)
        fail(e, ERR_SYSTEM, "%s: cannot write: %s", o->path, strerror(errno));
    else {
        free(o->temporary);
        o->temporary = NULL;
    }
    file_abandon(o);
    return ok;
}

void file_abandon(FileOut *o)
{
    if (o->f) fclose(o->f);
    if (o->temporary) unlink(o->temporary);
    free(o->path);
    free(o->temporary);
    *o = (FileOut){ 0 };
}

bool file_save(const char *path, const void *bytes, size_t n, Error *e)
{
    FileOut o;
    if (!file_create(&o, path, e)) return false;
    const bool ok = file_write(&o, bytes, n, e) && file_commit(&o, e);
    file_abandon(&o);
    return ok;
}

char *path_join(const char *folder, const char *name)
{
    Str s = { 0 };
    if (name[0] != '/' && folder[0]) {
        str_puts(&s, folder);
        if (!str_ends(folder, "/")) str_putc(&s, '/');
    }
    str_puts(&s, name);
    return s.text;
}

char *path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return xstrdup(".");
    return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* ---- folders ---- */

bool folder_make(const char *path, Error *e)
{
    char *part = xstrdup(path);
    bool ok = true;
    for (char *slash = part; ok && slash;) {
        slash = strchr(slash + 1, '/');
        if (slash) *slash = 0;
        if (*part && mkdir(part, 0777) != 0 && errno != EEXIST)
            ok = fail(e, ERR_SYSTEM, "%s: cannot create: %s", part, strerror(errno));
        if (slash) *slash = '/';
    }
    free(part);
    return ok;
}

void folder_remove(const char *path)
{
    DIR *d = opendir(path);
    if (!d) return;
    for (const struct dirent *f; (f = readdir(d));) {
        char *file = path_join(path, f->d_name);
        if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0) unlink(file);
        free(file);
    }
    closedir(d);
    rmdir(path);
}

bool folder_replace(const char *path, const char *with, Error *e)
{
    Str old = { 0 };
    str_printf(&old, "%s.%d.old", path, (int)getpid());
    const bool was = rename(path, old.text) == 0;
    const bool ok = rename(with, path) == 0 || fail(e, ERR_SYSTEM, "%s: cannot create: %s", path, strerror(errno));
    if (was && !ok) (void)rename(old.text, path);
    if (was && ok) folder_remove(old.text);
    str_free(&old);
    return ok;
}
