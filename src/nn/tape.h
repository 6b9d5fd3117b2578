/* tape.h - what training adds to a Run: the list of operations that were done, each with its backward, walked from the last to
 * the first.
 *
 * With a tape an operation whose result depends on something trained gives that result a gradient (Tensor.grad, zero), and
 * pushes a record. What a record points to lives in the step's arena until the backward is done, so no operation overwrites
 * its input then. Every gradient is added to, by operations one after the other; inside of one, threads split what they write,
 * never a sum: the bits do not depend on the number of threads. */
#ifndef VL2_NN_TAPE_H
#define VL2_NN_TAPE_H

#include "nn/run.h"

typedef void Backward(Run *r, const void *job);

typedef struct TapeEntry {
    Backward *backward;
    const void *job;
    struct TapeEntry *before;
} TapeEntry;

/* What a forward pass tells of one layer of experts. */
typedef struct {
    double balance; /* the balance loss; 0 where there is none */
    int *load;      /* [n_experts]: rows that each got */
} ExpertReport;

/* Who is told how far the backward has come: all gradients of the language model's layers from `layer` on are complete. */
typedef struct {
    void (*reached)(void *context, int layer);
    void *context;
} TapeWatch;

typedef struct Tape {
    TapeEntry *last;
    bool recompute;       /* keep only the input of each block and run it again for its backward */
    bool balance;         /* the balance loss of the config takes part in gradients */
    ExpertReport *report; /* [layers], or NULL */
    TapeWatch watch;      /* its function is NULL: nobody */
} Tape;

/* Copies the job to the arena. */
void tape_push(Run *r, Backward *backward, const void *job, size_t bytes);
void tape_backward(Run *r);
/* Before a layer's forward: here the watcher will be told. */
void tape_mark(Run *r, int layer);

/* Gives t a gradient of zeros. */
void tensor_ask_grad(Run *r, Tensor *t);

/* One block of a model: x -> a tensor of the same shape, from x and `context` alone. */
typedef Tensor *Block(Run *r, Tensor *x, const void *context);

/* Runs a block. Without a tape the result takes the place of x and all else is given back to the arena. With one it is
 * recorded: whole, or as a single step that runs the block again (tape->recompute), which gives the same bits. */
Tensor *run_block(Run *r, Tensor *x, Block *block, const void *context, size_t context_bytes);

#endif
