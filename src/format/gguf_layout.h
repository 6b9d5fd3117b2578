/* gguf_layout.h - what reader and writer have to agree on. A file is
 *
 *     "GGUF"  u32 version  u64 tensors  u64 values
 *     values: string key, u32 kind, value;     an array: u32 kind of its elements, u64 count, elements
 *     tensors: string name, u32 dimensions, u64 each (the innermost first), u32 type, u64 offset into the data
 *     zeros up to a multiple of general.alignment, then the data, each tensor padded to such a multiple
 *
 * all little endian; a string is u64 bytes, then the bytes. */
#ifndef VL2_FORMAT_GGUF_LAYOUT_H
#define VL2_FORMAT_GGUF_LAYOUT_H

#define GGUF_MAGIC         "GGUF"
#define GGUF_ALIGNMENT_KEY "general.alignment"

enum { GGUF_VERSION = 3, GGUF_ALIGNMENT = 32, GGUF_MAX_NAME = 63 /* bytes of a tensor's name that readers take */ };

/* The codes of the types that tensors of ours have. */
enum {
    GGUF_TYPE_F32 = 0,
    GGUF_TYPE_F16 = 1,
    GGUF_TYPE_Q4_0 = 2,
    GGUF_TYPE_Q8_0 = 8,
    GGUF_TYPE_IQ4_NL = 20,
    GGUF_TYPE_BF16 = 30,
    GGUF_X16 =
        1 << 16 /* added to a quantised type: 16 rows side by side (dtype.h), a layout of ours that others refuse */
};

#endif
