/* nn.c - models of rppg_nn.h behind plain functions, for ctypes - MIT */
#include <stdio.h>
#include <stdlib.h>
#define RPPG_STATIC
#define RPPG_TESTING
#define RPPG_IMPLEMENTATION
#include "rppg_nn.h"

#if defined(_WIN32)
#  define SHIM __declspec(dllexport)
#else
#  define SHIM __attribute__((visibility("default")))
#endif
SHIM void *nn_open(const void *blob, size_t size, char *error, size_t error_size);
SHIM void nn_close(void *p);
SHIM size_t nn_io(void *p, int output, size_t i, int32_t d[4]);
SHIM void nn_run(void *p, const float *const *in, float *const *out);
SHIM void nn_reset(void *p);
SHIM void nn_info(void *p, double out[6]);
SHIM size_t nn_layer(void *p, size_t i, char *text, size_t size);
SHIM void nn_cost(void *p, size_t i, double out[3]);
SHIM int nn_isa(int isa);

typedef struct nn { rppg_nn_model m; unsigned char *blob; void *mem; size_t mem_size; } nn;

/* A copy of the blob, opened; NULL with a sentence in error. */
SHIM void *nn_open(const void *blob, size_t size, char *error, size_t error_size)
{
  nn *h = (nn *)calloc(1, sizeof *h);
  rppg_nn_error e = { "no memory", "", -1, -1 };
  if (!h) return NULL;
  h->blob = (unsigned char *)malloc(size + 64);
  h->mem_size = rppg_nn_mem_size(blob, size);
  h->mem = malloc(h->mem_size + 1);
  if (h->blob && h->mem) {
    unsigned char *at = h->blob + (64 - (uintptr_t)h->blob % 64) % 64;
    memcpy(at, blob, size);
    if (rppg_nn_open(&h->m, at, size, h->mem, h->mem_size, &e) == RPPG_OK) return h;
  }
  snprintf(error, error_size, "%s: %s, layer %d, tensor %d", e.what, e.field, e.layer, e.tensor);
  nn_close(h);
  return NULL;
}

SHIM void nn_close(void *p)
{
  nn *h = (nn *)p;
  if (h) { free(h->blob); free(h->mem); }
  free(h);
}

/* Elements of input or output i, and its sizes; 0 beyond the last. */
SHIM size_t nn_io(void *p, int output, size_t i, int32_t d[4])
{
  const nn *h = (const nn *)p;
  const rppg_nn_tensor *t = output ? rppg_nn_output(&h->m, i) : rppg_nn_input(&h->m, i);
  if (t) memcpy(d, t->d, sizeof t->d);
  return t ? t->n : 0;
}

SHIM void nn_run(void *p, const float *const *in, float *const *out) { rppg_nn_run(&((nn *)p)->m, in, out); }
SHIM void nn_reset(void *p) { rppg_nn_reset(&((nn *)p)->m); }

/* Multiply-adds, bytes of the block, of the arena, of the state, layers, tensors. */
SHIM void nn_info(void *p, double out[6])
{
  const nn *h = (const nn *)p;
  out[0] = h->m.macs;
  out[1] = (double)h->mem_size;
  out[2] = (double)h->m.arena_size;
  out[3] = (double)h->m.state_size;
  out[4] = (double)h->m.n_layers;
  out[5] = (double)h->m.n_tensors;
}

/* "op T H W C -> T H W C"; 0 beyond the last. */
SHIM size_t nn_layer(void *p, size_t i, char *text, size_t size)
{
  const nn *h = (const nn *)p;
  const rppg_nn_layer *l = i < h->m.n_layers ? &h->m.layers[i] : NULL;
  if (!l) return 0;
  return (size_t)snprintf(text, size, "%s %ld %ld %ld %ld -> %ld %ld %ld %ld", rppg_nn_op_name(l->op), (long)l->in[0]->d[0],
                          (long)l->in[0]->d[1], (long)l->in[0]->d[2], (long)l->in[0]->d[3], (long)l->out[0]->d[0],
                          (long)l->out[0]->d[1], (long)l->out[0]->d[2], (long)l->out[0]->d[3]);
}

/* Of layer i: multiply-adds, bytes of scratch, bytes that it prepares from its weights. */
SHIM void nn_cost(void *p, size_t i, double out[3])
{
  const rppg_nn_layer *l = &((nn *)p)->m.layers[i];
  rppg_nn__need need = { 0, 0, 0.0 };
  (void)rppg_nn__find(l->op)->check(l, &need); /* it passed when the model was opened */
  out[0] = need.macs;
  out[1] = (double)need.scratch;
  out[2] = (double)need.prep;
}

/* Forces an instruction set, or the best one for -1; models opened afterwards use it. Which one it is now. */
SHIM int nn_isa(int isa)
{
  const rppg_isa best = rppg__isa_detect();
  rppg__isa_force(isa >= 0 && isa < (int)best ? (rppg_isa)isa : best);
  return (int)rppg_isa_best();
}
