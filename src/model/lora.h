/* lora.h - adapters of a file on the matrices of a model. */
#ifndef VL2_MODEL_LORA_H
#define VL2_MODEL_LORA_H

#include "format/adapter.h"
#include "model/model.h"

/* Puts an adapter on a model, its scale times `scale`; it may be the next of several. Its numbers are copied to the model's
 * arena; the adapter may be closed. The matrix of keys and values of latent attention, which inference reads inside out, becomes
 * an f32 sum of itself and its adapter. An adapter for a matrix that the model has not, or has in another shape, is an error. */
bool model_add_adapter(Model *m, const Adapter *a, float scale, Error *e);

/* For others who walk over parameters: "<module>.weight" -> its part of the adapter, NULL if it has none. */
const AdapterModule *adapter_for(const Adapter *a, const ParameterSlot *s);
/* Are its matrices of the shape of the parameter's? */
bool adapter_fits(const Adapter *a, const AdapterModule *x, const ParameterSlot *s, Error *e);
/* Every module of the adapter is one of the model's. */
bool adapter_belongs(const Adapter *a, Model *m, Error *e);

/* w [rows][cols] += scale B A */
void adapter_merge(const Kernels *k, const Lora *l, float *w);

/* A model for answering while its parameters or adapters are still learnt: it shares all of `m`, and follows it, but for the matrix
 * of keys and values of latent attention, whose sum with its adapter is made here. `m` outlives it; end with model_unshare(). */
bool model_share(Model *view, const Model *m, Error *e);
void model_unshare(Model *view); /* of a zeroed Model: nothing */

#endif
