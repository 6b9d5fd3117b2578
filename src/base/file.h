/* file.h - files: mapped, read whole, written so that the old one stays until the new one is complete. */
#ifndef VL2_BASE_FILE_H
#define VL2_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

typedef struct {
    const unsigned char *bytes;
    size_t n;
} FileMap;

/* Maps a regular file read-only. An empty file gives n = 0. Only for files that nobody cuts while we run. */
bool file_map(FileMap *m, const char *path, Error *e);
void file_unmap(FileMap *m);
/* The same for memory of n > 0 zeros, which is in no file; the result may be written. */
unsigned char *file_map_memory(FileMap *m, size_t n, Error *e);
/* Gives the memory of mapped bytes back; read again, they come from the disk, or what is in no file from memory. */
void file_forget(const void *bytes, size_t n);

/* Reads a whole file, or standard input for "-", of at most `limit` bytes; NUL added after the end and not counted.
 * *out: caller frees. Directories, devices and pipes named by path are refused. */
bool file_read(const char *path, size_t limit, char **out, size_t *n, Error *e);

/* A file that is read here and there and never held whole; from several threads at once, too. */
typedef struct {
    int fd;
    char *path; /* NULL: not open */
    size_t n;   /* bytes when it was opened */
} FileIn;

bool file_open(FileIn *f, const char *path, Error *e);
/* Exactly n bytes; a file that has become shorter is an error. */
bool file_read_at(const FileIn *f, size_t at, void *out, size_t n, Error *e);
void file_close(FileIn *f); /* of a zeroed FileIn: nothing */

bool file_exists(const char *path);

/* Writing: bytes go to a temporary file beside `path`, which takes its name only in file_commit(). */
typedef struct {
    FILE *f;
    char *path, *temporary;
} FileOut;

bool file_create(FileOut *o, const char *path, Error *e);
bool file_write(FileOut *o, const void *bytes, size_t n, Error *e);
bool file_commit(FileOut *o, Error *e); /* flushes, syncs, renames; closes o in any case */
void file_abandon(FileOut *o);          /* removes the temporary file; of a zeroed or committed FileOut: nothing */
/* All of it at once, for bytes that are in memory. */
bool file_save(const char *path, const void *bytes, size_t n, Error *e);

/* Folders of plain files, as a model is. */
bool folder_make(const char *path, Error *e); /* and those above it; one that is there is fine */
void folder_remove(const char *path);         /* with the files in it */
bool folder_replace(const char *path, const char *with,
                    Error *e); /* `with` takes the name `path`; what had it is removed */

/* Paths. Caller frees. */
char *path_join(const char *folder, const char *name); /* an absolute `name` stands alone */
char *path_folder(const char *path);                   /* "a/b" -> "a", "b" -> "." */

#endif
