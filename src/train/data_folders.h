/* data_folders.h - where the names in training data may lead: files inside of named folders, links followed. */
#ifndef VL2_TRAIN_DATA_FOLDERS_H
#define VL2_TRAIN_DATA_FOLDERS_H

#include <stdbool.h>

#include "base/error.h"

enum { MAX_DATA_FOLDERS = 4 };

typedef struct {
    char *folder[MAX_DATA_FOLDERS]; /* as written; a name is looked for in one after the other */
    char *real[MAX_DATA_FOLDERS];   /* without links */
    int n;
    bool allow_outside;
} DataFolders;

/* Adds a folder, unless it is there already; one that does not exist is an error. */
bool data_folders_add(DataFolders *f, const char *folder, Error *e);
void data_folders_free(DataFolders *f);

/* The path of a file or folder, the folder's as written; caller frees. NULL: *outside tells whether it is there and must not be used. */
char *data_folders_find(const DataFolders *f, const char *name, bool *outside, Error *e);

#endif
