/* dataset.h - all records to learn from: files of records, and meta files that name such files.
 *
 * A file of records is JSON lines, a JSON array of records, one record, or one conversation in the official form. A meta file,
 * as PaddleMIX has it, is an object of
 *
 *   "name": {"annotation": "x.json", "root": "pictures", "repeat_time": 2, "weight": 1.5}
 *
 * with "file_name" as another word for "annotation"; other keys mean nothing. Nothing of a record is held but its place. */
#ifndef VL2_TRAIN_DATASET_H
#define VL2_TRAIN_DATASET_H

#include "train/data_folders.h"
#include "train/record.h"
#include "train/record_index.h"
#include "train/sample.h"

typedef struct {
    char *name;     /* of the meta file, else the path */
    double repeats; /* of each record in an epoch; below 1 a part of them, drawn anew in each */
    double weight;  /* "weight"; 0: none is given */
    size_t first;   /* the number of its first record */
    RecordIndex records;
    FileIn file;
    DataFolders folders; /* of pictures */
} DataSource;

typedef struct {
    DataSource *source;
    int n_sources, capacity;
    size_t n_records;
} Dataset;

typedef struct {
    const char *data_root; /* names that are not beside their file are looked for here; NULL: nowhere else */
    bool allow_outside;    /* names may lead out of these folders */
} DatasetOptions;

/* Records are numbered through all files in order. False: *d is empty. */
bool dataset_open(Dataset *d, const char *const *paths, int n_paths, const DatasetOptions *o, Error *e);
void dataset_close(Dataset *d); /* of a zeroed Dataset: nothing */

const DataSource *dataset_source_of(const Dataset *d, size_t index);
/* "train.jsonl:17"; appends. */
void dataset_where(const Dataset *d, size_t index, Str *out);

/* Record `index` as a sample: sample_build() for it. From several threads at once. */
bool dataset_sample(const Dataset *d, size_t index, const SampleRules *rules, SampleDepth depth, Sample *s,
                    Fault *fault, Error *e);

#endif
