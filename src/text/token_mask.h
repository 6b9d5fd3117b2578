/* token_mask.h - which tokens keep an answer within a grammar.
 *
 * A token is allowed if the grammar takes all its bytes one after the other, the end of the answer if the text may end. The
 * tokens are walked in the order of their bytes, so that those with the same beginning share its way; what a state allows is
 * kept, as most states come again. */
#ifndef VL2_TEXT_TOKEN_MASK_H
#define VL2_TEXT_TOKEN_MASK_H

#include "text/grammar.h"
#include "text/tokenizer.h"

/* The tokens of a tokenizer in the order of their bytes, without those that have no text; made once, then immutable. */
typedef struct TokenOrder TokenOrder;
TokenOrder *token_order_open(const Tokenizer *t);
void token_order_close(TokenOrder *o); /* of NULL: nothing */

typedef struct TokenMask TokenMask;

/* The grammar becomes the mask's; the order has to live as long. */
TokenMask *token_mask_open(Grammar *g, int start, const TokenOrder *o);
void token_mask_close(TokenMask *m); /* of NULL: nothing */

/* A bit for each id: may it come next? Nothing is said about tokens that end an answer: they may come if *may_end. Lives until
 * the next call. */
const uint64_t *token_mask_allowed(TokenMask *m, bool *may_end);
/* One of the allowed tokens came. Another one (the end of the answer) changes nothing. */
void token_mask_take(TokenMask *m, int32_t id);

int32_t token_mask_ids(const TokenMask *m); /* how many bits there are */

static inline bool token_mask_has(const uint64_t *allowed, int32_t id)
{
    return allowed[id >> 6] >> (id & 63) & 1;
}

#endif
