/* nets.h - networks of the field as layer records made by hand, with random weights, for timing.
   Include after rppg_nn.h with RPPG_IMPLEMENTATION. Nothing is freed: programs that time end soon. */
#ifndef RPPG_BENCH_NETS_H
#define RPPG_BENCH_NETS_H

#include <stdlib.h>

enum { NET_LAYERS = 40 };
typedef struct net {
  rppg_nn_layer layer[NET_LAYERS];
  int layers;
  rppg_nn_tensor *in[2], *out;
  rppg_nn_model model;
  size_t scratch;
  double macs;
  int type; /* of the weights */
} net;

static uint32_t net_seed = 1;
static float net_random(void) { return (float)((net_seed = 1664525u * net_seed + 1013904223u) >> 8) / 8388608.0f - 1.0f; }

static void *net_memory(size_t size)
{
  char *p = (char *)calloc(size + 64, 1);
  if (p == NULL) exit(1);
  return p + ((64 - ((uintptr_t)p & 63)) & 63);
}

static rppg_nn_tensor *net_tensor(int type, int t, int h, int w, int c)
{
  rppg_nn_tensor *x = (rppg_nn_tensor *)net_memory(sizeof *x);
  x->type = type;
  x->d[0] = t;
  x->d[1] = h;
  x->d[2] = w;
  x->d[3] = c;
  x->n = (size_t)t * (size_t)h * (size_t)w * (size_t)c;
  x->data = net_memory(x->n * 4);
  return x;
}

/* n random numbers of a type, of about the size that keeps activations where they were. */
static rppg_nn_tensor *net_weights(int type, size_t n, double inputs)
{
  rppg_nn_tensor *w = net_tensor(type, 1, 1, 1, (int)n);
  double size = 1.0;
  size_t i;
  while (size * size * inputs > 3.0) size *= 0.8;
  for (i = 0; i < n; i++) {
    const float x = net_random() * (float)size;
    uint32_t u;
    memcpy(&u, &x, 4);
    if (type == RPPG_NN_F32) ((float *)w->data)[i] = x;
    else if (type == RPPG_NN_F16) ((uint16_t *)w->data)[i] = (uint16_t)((u >> 16 & 0x8000) | (((u & 0x7fffffff) > 0x38800000 ? (u & 0x7fffffff) - 0x38000000 : 0) >> 13));
    else ((int8_t *)w->data)[i] = (int8_t)(x * 127.0f / (float)size);
  }
  return w;
}

static rppg_nn_layer *net_layer(net *n, int op, int act, rppg_nn_tensor *x, rppg_nn_tensor *other, rppg_nn_tensor *y)
{
  rppg_nn_layer *l = &n->layer[n->layers++];
  if (n->layers > NET_LAYERS) exit(1);
  l->op = op;
  l->act = act;
  l->in[0] = x;
  l->in[1] = other;
  l->out[0] = y;
  return l;
}

/* Checks and prepares the last layer. */
static rppg_nn_tensor *net_done(net *n)
{
  rppg_nn_layer *l = &n->layer[n->layers - 1];
  const rppg_nn__op *op = rppg_nn__find(l->op);
  rppg_nn__need need;
  const char *wrong;
  memset(&need, 0, sizeof need);
  wrong = op->check(l, &need);
  if (wrong) { fprintf(stderr, "layer %d: %s\n", n->layers, wrong); exit(1); }
  if (need.scratch > n->scratch) n->scratch = (size_t)need.scratch;
  if (need.prep) l->prep = net_memory((size_t)need.prep);
  if (op->prepare) op->prepare(l);
  n->macs += need.macs;
  n->out = l->out[0];
  return n->out;
}

static rppg_nn_tensor *net_conv(net *n, rppg_nn_tensor *x, int co, int kt, int kh, int kw, int pad, int act)
{
  const int ci = x->d[3], taps = kt * kh * kw;
  rppg_nn_tensor *y = net_tensor(RPPG_NN_F32, x->d[0], x->d[1] + 2 * pad - kh + 1, x->d[2] + 2 * pad - kw + 1, co);
  rppg_nn_layer *l = net_layer(n, RPPG_NN_CONV, act, x, NULL, y);
  int i;
  if (kt > 1) y->d[0] = x->d[0] + 2 * (kt / 2) - kt + 1;
  y->n = (size_t)y->d[0] * (size_t)y->d[1] * (size_t)y->d[2] * (size_t)co;
  l->w[0] = net_weights(n->type, (size_t)((co + 15) / 16 * 16) * (size_t)taps * (size_t)ci, (double)ci * taps);
  l->w[1] = net_weights(RPPG_NN_F32, (size_t)co, 8.0);
  if (n->type == RPPG_NN_S8) {
    l->w[2] = net_weights(RPPG_NN_F32, (size_t)co, 1.0);
    for (i = 0; i < co; i++) ((float *)l->w[2]->data)[i] = 1.0f / (float)(127 * taps);
  }
  for (i = 0; i < 3; i++) l->p[3 + i] = l->p[9 + i] = 1;
  l->p[0] = kt;
  l->p[1] = kh;
  l->p[2] = kw;
  l->p[6] = kt / 2;
  l->p[7] = l->p[8] = pad;
  l->p[12] = 1;
  return net_done(n);
}

static rppg_nn_tensor *net_shape(net *n, rppg_nn_tensor *x, int h, int w, int c)
{
  net_layer(n, RPPG_NN_RESHAPE, 0, x, NULL, net_tensor(RPPG_NN_F32, 1, h, w, c));
  return net_done(n);
}

static rppg_nn_tensor *net_halve(net *n, rppg_nn_tensor *x) /* average of 2 by 2 */
{
  rppg_nn_layer *l = net_layer(n, RPPG_NN_POOL, 0, x, NULL,
    net_tensor(RPPG_NN_F32, x->d[0], x->d[1] / 2, x->d[2] / 2, x->d[3]));
  l->p[1] = l->p[4] = 1;
  l->p[2] = l->p[3] = l->p[5] = l->p[6] = 2;
  return net_done(n);
}

static rppg_nn_tensor *net_binary(net *n, rppg_nn_tensor *x, rppg_nn_tensor *other, int op)
{
  rppg_nn_layer *l = net_layer(n, RPPG_NN_BINARY, 0, x, other,
    net_tensor(RPPG_NN_F32, x->d[0], x->d[1], x->d[2], x->d[3]));
  l->p[0] = op;
  return net_done(n);
}

static net *net_begin(int type)
{
  net *n = (net *)net_memory(sizeof *n);
  n->type = type;
  net_seed = 1;
  return n;
}

static net *net_end(net *n)
{
  size_t i;
  int k;
  n->model.scratch = net_memory(n->scratch);
  n->model.kernels = &rppg_nn__table[rppg_isa_best()];
  for (k = 0; k < 2; k++)
    for (i = 0; n->in[k] && i < n->in[k]->n; i++) ((float *)n->in[k]->data)[i] = net_random();
  return n;
}

static void net_run(net *n)
{
  int i;
  for (i = 0; i < n->layers; i++) rppg_nn__find(n->layer[i].op)->run(&n->model, &n->layer[i]);
}

/* One convolution. */
static net *net_single(int type, int t, int h, int w, int ci, int co, int kt, int kh, int kw, int pad)
{
  net *n = net_begin(type);
  n->in[0] = net_tensor(RPPG_NN_F32, t, h, w, ci);
  net_conv(n, n->in[0], co, kt, kh, kw, pad, RPPG_NN_RELU);
  return net_end(n);
}

/* CL+F [Kopeliovich2019]: 18 signals of 64 samples to 128 rates. */
static net *net_clf(int type)
{
  net *n = net_begin(type);
  rppg_nn_tensor *x = n->in[0] = net_tensor(RPPG_NN_F32, 1, 18, 64, 1);
  int i;
  for (i = 0; i < 4; i++) x = net_conv(n, x, 16, 1, 5, 11, 0, RPPG_NN_RELU);
  x = net_conv(n, x, 16, 1, 2, 11, 0, RPPG_NN_RELU);
  x = net_conv(n, net_shape(n, x, 1, 1, 224), 60, 1, 1, 1, 0, RPPG_NN_RELU);
  x = net_conv(n, x, 134, 1, 1, 1, 0, RPPG_NN_RELU);
  x = net_shape(n, x, 1, 134, 1);
  x = net_conv(n, x, 16, 1, 1, 3, 0, RPPG_NN_RELU);
  x = net_conv(n, x, 16, 1, 1, 3, 0, RPPG_NN_RELU);
  net_conv(n, x, 1, 1, 1, 3, 0, RPPG_NN_RELU);
  return net_end(n);
}

/* Attention of DeepPhys: sigmoid of a 1 x 1 convolution, its mean brought to 1 / 2, times d. */
static rppg_nn_tensor *net_attend(net *n, rppg_nn_tensor *d, rppg_nn_tensor *r)
{
  rppg_nn_tensor *g = net_conv(n, r, 1, 1, 1, 1, 0, RPPG_NN_SIGMOID), *sum = net_tensor(RPPG_NN_F32, 1, 1, 1, 1);
  rppg_nn_tensor *half = net_tensor(RPPG_NN_F32, 1, 1, 1, 1);
  *(float *)half->data = 0.5f * (float)(d->d[1] * d->d[2]);
  net_layer(n, RPPG_NN_REDUCE, 0, g, NULL, sum);
  net_done(n);
  return net_binary(n, d, net_binary(n, net_binary(n, g, sum, 3), half, 2), 2);
}

/* DeepPhys [ChenMcDuff2018] as rPPG-Toolbox has it, one frame of 36 x 36: differences and image. */
static net *net_deepphys(int type)
{
  net *n = net_begin(type);
  rppg_nn_tensor *d = n->in[0] = net_tensor(RPPG_NN_F32, 1, 36, 36, 3);
  rppg_nn_tensor *r = n->in[1] = net_tensor(RPPG_NN_F32, 1, 36, 36, 3);
  int i;
  for (i = 0; i < 2; i++) {
    const int co = i ? 64 : 32;
    d = net_conv(n, d, co, 1, 3, 3, 1, RPPG_NN_TANH);
    d = net_conv(n, d, co, 1, 3, 3, 0, RPPG_NN_TANH);
    r = net_conv(n, r, co, 1, 3, 3, 1, RPPG_NN_TANH);
    r = net_conv(n, r, co, 1, 3, 3, 0, RPPG_NN_TANH);
    d = net_halve(n, net_attend(n, d, r));
    if (i == 0) r = net_halve(n, r);
  }
  d = net_conv(n, net_shape(n, d, 1, 1, 3136), 128, 1, 1, 1, 0, RPPG_NN_TANH);
  net_conv(n, d, 1, 1, 1, 1, 0, RPPG_NN_LINEAR);
  return net_end(n);
}
#endif
