/* record_index.h - where the records of a file begin and end, found in one pass without holding the file: JSON lines, the
 * elements of a JSON array, or one object as a whole.
 *
 * A file whose name ends in .jsonl is read by lines. Another one is an array if it begins with '[', and read by lines if it
 * begins with an object that ends on its own line with more behind it. Lines of white space count for nothing. */
#ifndef VL2_TRAIN_RECORD_INDEX_H
#define VL2_TRAIN_RECORD_INDEX_H

#include <stdint.h>

#include "base/file.h"

enum { MAX_RECORD_BYTES = 64 << 20 };

typedef struct {
    uint64_t at;
    uint32_t n, line; /* bytes; the line it begins in, counted from 1 */
} RecordPlace;

typedef struct {
    RecordPlace *place;
    size_t n, capacity;
    RecordPlace
        whole; /* of a JSON array, brackets included; n is 0 where there is none or it is over MAX_RECORD_BYTES */
} RecordIndex;

/* Errors name file and line: an array that does not end, what stands between two elements, a record over MAX_RECORD_BYTES. */
bool record_index_read(RecordIndex *x, const FileIn *f, Error *e);
void record_index_free(RecordIndex *x);

/* The bytes of one record; caller frees. */
bool record_index_take(const FileIn *f, const RecordPlace *place, char **text, Error *e);

#endif
