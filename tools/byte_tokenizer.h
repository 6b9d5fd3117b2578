/* byte_tokenizer.h - a tokenizer.json with one token for each byte: what make_model writes, and what make_tokenizer merges. */
#ifndef VL2_TOOLS_BYTE_TOKENIZER_H
#define VL2_TOOLS_BYTE_TOKENIZER_H

#include "base/str.h"
#include "model_shapes.h"

#define BOS "<｜begin▁of▁sentence｜>"
#define EOS "<｜end▁of▁sentence｜>"
#define PAD "<｜▁pad▁｜>"

static inline json_t *added_token(json_int_t id, const char *content)
{
    return json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", id, "content", content, "single_word", 0, "lstrip", 0,
                     "rstrip", 0, "normalized", 0, "special", 1);
}

/* The printable character that stands for a byte in byte-level vocabularies: itself where it is visible in Latin-1,
 * else the next free one from U+0100. */
static inline uint32_t byte_symbol(int byte)
{
    uint32_t next = 0x100;
    for (int b = 0; b <= byte; b++) {
        const bool visible = (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad);
        if (b == byte) return visible ? (uint32_t)b : next;
        if (!visible) next++;
    }
    return 0;
}

static inline json_t *byte_tokenizer(void)
{
    json_t *t = json_loads(EMPTY_TOKENIZER, 0, NULL), *added = json_object_get(t, "added_tokens");
    json_t *vocab = json_object_get(json_object_get(t, "model"), "vocab");
    static const char *const first[] = { BOS, EOS, PAD };
    for (json_int_t i = 0; i < 3; i++) {
        json_object_set_new(vocab, first[i], json_integer(i));
        json_array_append_new(added, added_token(i, first[i]));
    }
    for (int b = 0; b < 256; b++) {
        char symbol[5] = { 0 };
        utf8_encode(byte_symbol(b), symbol);
        json_object_set_new(vocab, symbol, json_integer(3 + b));
    }
    return t;
}

#endif
