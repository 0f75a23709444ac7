/* Our networks of bench/nets.h as a shared library, for bench/peers/nn.py:
   cc -O2 -shared -fPIC -I. bench/peers/nn.c -lm -o build/peer_nn.so */
#define RPPG_IMPLEMENTATION
#define RPPG_STATIC
#define RPPG_TESTING
#include "rppg_nn.h"
#include <stdio.h>
#include "bench/nets.h"

/* which: 0 CL+F, 1 DeepPhys. NULL: this machine has no such instruction set. */
net *nn_make(int which, int type, int isa)
{
  if (isa > (int)rppg__isa_detect()) return NULL;
  rppg__isa_force((rppg_isa)isa);
  return which ? net_deepphys(type) : net_clf(type);
}
void nn_run(net *n, int isa)
{
  rppg__isa_force((rppg_isa)isa);
  net_run(n);
}
/* Weights of convolution k as [co][ci][kt][kh][kw], its bias; returns co, or 0. */
int nn_weights(const net *n, int k, float *w, float *bias, int size[4])
{
  int i, o, c, t;
  for (i = 0; i < n->layers; i++)
    if (n->layer[i].op == RPPG_NN_CONV && k-- == 0) {
      const rppg_nn_layer *l = &n->layer[i];
      const int ci = l->in[0]->d[3], co = l->out[0]->d[3], taps = l->p[0] * l->p[1] * l->p[2];
      size[0] = co;
      size[1] = ci;
      size[2] = l->p[1];
      size[3] = l->p[2];
      for (o = 0; o < co; o++)
        for (c = 0; c < ci; c++)
          for (t = 0; t < taps; t++)
            w[(o * ci + c) * taps + t] =
              ((float *)l->w[0]->data)[((size_t)(o / 16) * (size_t)taps + (size_t)t) * (size_t)ci * 16 + (size_t)(c * 16 + o % 16)];
      memcpy(bias, l->w[1]->data, (size_t)co * sizeof *bias);
      return co;
    }
  return 0;
}
void nn_set(net *n, int input, const float *x) { memcpy(n->in[input]->data, x, n->in[input]->n * sizeof *x); }
int nn_get(const net *n, float *y)
{
  memcpy(y, n->out->data, n->out->n * sizeof *y);
  return (int)n->out->n;
}
