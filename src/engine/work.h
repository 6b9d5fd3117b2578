/* work.h - what a model asks of a machine: operations by the number type that they are multiplied in, and bytes that have to
 * be read. The least that the mathematics needs, not what an implementation does: padding, preparation, a second read
 * of anything, all count as lost. So
 *
 *     limit seconds of compute = sum over number types of operations / peak of the type
 *     limit seconds of decode  = bytes of a step / read bandwidth
 *     share of the limit       = limit seconds / measured seconds
 *
 * Operations: a product and a sum are two. Weights count with the type that the engine multiplies them in
 * (Run.compute); attention's own products, of queries, keys and values, with the type of attention_compute(), and MLA's
 * kv_b, which is absorbed into them, too; the router in f32. Norms, activations and softmax are not counted.
 * Prompts: each row goes through every layer and sees the rows before it and itself; only the last row needs the head.
 * Attention counts as the paper writes it, d_nope + d_rope and d_v for each head and pair, although the absorbed form that
 * runs over the cache does more.
 * Decode bytes: each weight that a step needs once (quantised ones with their scales), the cache of every position seen
 * and the new one. Of several sequences' routed experts, those that are visited by at least one: E (1 - (1 - k/E)^n) of E
 * on average when every token takes any k of them. */
#ifndef VL2_ENGINE_WORK_H
#define VL2_ENGINE_WORK_H

#include "engine/engine.h"

typedef struct {
    double operations[COMPUTE_TYPES];
} Operations;

Compute attention_compute(void);

/* n prompt rows after `before` rows that are in the cache; the last one gets logits. */
Operations operations_of_prompt(const Vl2Engine *e, int n, int before);
Operations operations_of_tile(const Vl2Engine *e); /* vision tower and projector */
void operations_add(Operations *sum, const Operations *o, double times);

/* Weights that one token needs in decode (an embedding row is not counted), as numbers. */
double weights_of_token(const Vl2Engine *e);

/* One decode step of n sequences that each see `positions` positions, their own included. */
double bytes_of_step(const Vl2Engine *e, int n, double positions);

/* peak [COMPUTE_TYPES]: operations a second. A type that the processor has no products of (0) counts as f32; 0 if there is
 * no peak of f32 either. */
double limit_seconds(const Operations *o, const double *peak);

#endif
