/* rppg_nn.h's kernels against PyTorch: convolutions of every kind, depthwise, dense, activations, pools and
   elementwise ops, on every instruction set of this machine. cc -O2 -I. tests/test_nn_kernels.c -lm */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg_nn.h"
#include "golden/nn.h"
#include <math.h>
#include <stdlib.h>
#include "tap.h"

static uint32_t lcg;
static uint32_t draw(void) { return (lcg = 1664525u * lcg + 1013904223u) >> 16; }
static float draw_float(void) { return (float)draw() / 32768.0f - 1.0f; }

/* Memory that ends where it says: 64-byte aligned, a guard behind. */
enum { GUARD = 64, ROOM = 1 << 22 };
static unsigned char room[5][ROOM + GUARD + 64];
static unsigned char *ask(int i, size_t size)
{
  unsigned char *p = room[i] + ((64 - ((uintptr_t)room[i] & 63)) & 63);
  if (size > ROOM) exit(2);
  memset(p, 0x7f, size + GUARD);
  return p;
}
static int guarded(const unsigned char *p, size_t size)
{
  int i;
  for (i = 0; i < GUARD; i++) if (p[size + (size_t)i] != 0x7f) return 0;
  return 1;
}

static void shape(rppg_nn_tensor *t, int type, int a, int b, int c, int d, void *data)
{
  memset(t, 0, sizeof *t);
  t->type = type;
  t->d[0] = a;
  t->d[1] = b;
  t->d[2] = c;
  t->d[3] = d;
  t->n = (size_t)a * (size_t)b * (size_t)c * (size_t)d;
  t->data = data;
}

/* k / 128 as binary16, exactly; |k| < 128. */
static uint16_t half(int k)
{
  uint16_t sign = (uint16_t)(k < 0 ? 0x8000 : 0), e = 15;
  unsigned m = (unsigned)(k < 0 ? -k : k) << 3; /* 1024: one */
  if (m == 0) return sign;
  while (m < 1024) { m <<= 1; e--; }
  return (uint16_t)(sign | e << 10 | (m & 1023));
}

enum { FLOATS = 1 << 19 };
static float x[FLOATS], more[FLOATS], bias[256], scale[256];
static union { float f[FLOATS]; uint16_t h[FLOATS]; int8_t s[FLOATS]; } weights;
static const char *const types[3] = { "f32", "f16", "s8" };

/* Runs one case on the forced instruction set; returns the largest error over the range. */
static double run_conv(const nn_conv *c, int *sound)
{
  const int depthwise = c->groups == 0, gr = depthwise ? 1 : c->groups, ci = c->x[3] / gr;
  const int co = c->y[3] / gr, taps = c->k[0] * c->k[1] * c->k[2];
  const size_t panel = (size_t)taps * (size_t)ci * 16, blocks = (size_t)((co + 15) / 16);
  const size_t n_w = depthwise ? (size_t)taps * (size_t)co : panel * blocks * (size_t)gr;
  rppg_nn_tensor tx, ty, tm, tw, tb, ts;
  rppg_nn_layer l;
  rppg_nn__need need;
  rppg_nn_model m;
  const rppg_nn__op *op;
  const char *wrong;
  unsigned char *scratch, *prep, *out;
  double worst = 0.0, sum[2] = { 0.0, 0.0 };
  size_t i, y_size;
  int o, k, t;
  shape(&tx, RPPG_NN_F32, c->x[0], c->x[1], c->x[2], c->x[3], x);
  shape(&ty, RPPG_NN_F32, c->y[0], c->y[1], c->y[2], c->y[3], NULL);
  shape(&tm, RPPG_NN_F32, c->y[0], c->y[1], c->y[2], c->y[3], more);
  shape(&tw, c->type, 1, 1, 1, (int)n_w, &weights);
  shape(&tb, RPPG_NN_F32, 1, 1, 1, c->y[3], bias);
  shape(&ts, RPPG_NN_F32, 1, 1, 1, c->y[3], scale);
  if (tx.n > FLOATS || ty.n > FLOATS || tw.n > FLOATS || c->y[3] > 256) exit(2);
  lcg = c->seed;
  for (i = 0; i < tx.n; i++) x[i] = draw_float();
  memset(&weights, 0, sizeof weights);
  for (o = 0; o < c->y[3]; o++)
    for (k = 0; k < (depthwise ? 1 : ci); k++)
      for (t = 0; t < taps; t++) {
        const int v = (int)(draw() % 255) - 127;
        const size_t block = (size_t)(o / co) * blocks + (size_t)(o % co / 16);
        const size_t at = depthwise ? (size_t)t * (size_t)co + (size_t)o
                                    : block * panel + ((size_t)t * (size_t)ci + (size_t)k) * 16 + (size_t)(o % co % 16);
        if (c->type == RPPG_NN_F32) weights.f[at] = (float)v / 128.0f;
        else if (c->type == RPPG_NN_F16) weights.h[at] = half(v);
        else weights.s[at] = (int8_t)v;
      }
  for (o = 0; o < c->y[3]; o++) scale[o] = (1.0f + (float)(o % 3) * 0.5f) / 128.0f;
  for (o = 0; c->bias && o < c->y[3]; o++) bias[o] = draw_float();
  for (i = 0; c->more && i < tm.n; i++) more[i] = draw_float();
  memset(&l, 0, sizeof l);
  l.op = depthwise ? RPPG_NN_DEPTHWISE : RPPG_NN_CONV;
  l.act = c->act;
  l.in[0] = &tx;
  if (c->more) l.in[1] = &tm;
  l.out[0] = &ty;
  l.w[0] = &tw;
  if (c->bias) l.w[1] = &tb;
  if (c->type == RPPG_NN_S8) l.w[2] = &ts;
  for (k = 0; k < 3; k++) {
    l.p[k] = c->k[k];
    l.p[3 + k] = c->s[k];
    l.p[6 + k] = c->p[k];
    l.p[9 + k] = c->d[k];
  }
  l.p[12] = c->groups;
  memset(&need, 0, sizeof need);
  op = rppg_nn__find(l.op);
  wrong = op->check(&l, &need);
  if (wrong) { TAP_PRINTF("# refused: %s\n", wrong); *sound = 0; return 1e9; }
  y_size = ty.n * sizeof(float);
  out = ask(0, y_size);
  scratch = ask(1, (size_t)need.scratch);
  prep = ask(2, (size_t)need.prep);
  ty.data = out;
  l.prep = need.prep ? prep : NULL;
  memset(&m, 0, sizeof m);
  m.scratch = scratch;
  m.kernels = &rppg_nn__table[rppg_isa_best()];
  if (op->prepare) op->prepare(&l);
  op->run(&m, &l);
  *sound = guarded(out, y_size) && guarded(scratch, (size_t)need.scratch) && guarded(prep, (size_t)need.prep);
  for (i = 0; i < 12; i++) {
    const double e = fabs((double)((float *)ty.data)[i * ty.n / 12] - c->want[i]);
    if (!(e <= worst)) worst = e;
  }
  for (k = 0; k < 2; k++)
    for (i = 0; i < ty.n; i++) sum[k] += (double)((float *)ty.data)[i] * (draw() & 1 ? -1.0 : 1.0);
  for (k = 0; k < 2; k++) { /* errors of n elements, each with its own sign */
    const double e = fabs(sum[k] - c->want[12 + k]) / (ty.n > 16 ? sqrt((double)ty.n) / 4.0 : 1.0);
    if (!(e <= worst)) worst = e;
  }
  return worst / c->range;
}

static void test_convs(const char *isa)
{
  const int n = (int)(sizeof nn_convs / sizeof *nn_convs);
  double worst[4] = { 0.0, 0.0, 0.0, 0.0 };
  int i, all_sound = 1;
  for (i = 0; i < n; i++) {
    const nn_conv *c = &nn_convs[i];
    int sound = 1, kind = c->groups ? c->type : 3;
    const double e = run_conv(c, &sound);
    if (!(e <= worst[kind])) worst[kind] = e;
    if (!sound || !(e < 1e-5))
      TAP_PRINTF("# %s case %d: error %g, sound %d, x %dx%dx%dx%d k %dx%dx%d groups %d %s\n", isa, i, e, sound,
                 c->x[0], c->x[1], c->x[2], c->x[3], c->k[0], c->k[1], c->k[2], c->groups, types[c->type]);
    all_sound &= sound;
  }
  CHECK(all_sound, "%s: %d convolutions keep to their memory", isa, n);
  for (i = 0; i < 4; i++)
    CHECK(worst[i] < 1e-5, "%s: convolutions, %s: worst %.1e of the range", isa, i < 3 ? types[i] : "depthwise", worst[i]);
}

/* ---- activations ---------------------------------------------------------------------------------- */

/* In double, from libm. */
static double reference(int act, double v)
{
  switch (act) {
  case RPPG_NN_RELU: return v > 0 ? v : 0;
  case RPPG_NN_RELU6: return v > 6 ? 6 : v > 0 ? v : 0;
  case RPPG_NN_ELU: return v > 0 ? v : expm1(v);
  case RPPG_NN_GELU: return v * 0.5 * erfc(-v / sqrt(2.0));
  case RPPG_NN_GELU_TANH: return 0.5 * v * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (v + 0.044715 * v * v * v)));
  case RPPG_NN_SILU: return v / (1 + exp(-v));
  case RPPG_NN_TANH: return tanh(v);
  case RPPG_NN_SIGMOID: return 1 / (1 + exp(-v));
  case RPPG_NN_SOFTPLUS: return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
  case RPPG_NN_EXP: return exp(v);
  case RPPG_NN_SQRT: return v > 0 ? sqrt(v) : 0;
  case RPPG_NN_ABS: return fabs(v);
  case RPPG_NN_NEG: return -v;
  case RPPG_NN_SQUARE: return v * v;
  default: return v;
  }
}

/* Error as rppg_nn.h states it: relative, or over the larger of |x| and 1 where sums cancel. */
static double act_error(int act, double v, double got, double want)
{
  const double e = fabs(got - want);
  if (act == RPPG_NN_GELU || act == RPPG_NN_GELU_TANH) return e / (fabs(v) > 1 ? fabs(v) : 1);
  return want == 0 ? e : e / fabs(want);
}

static const char *const act_names[] = { "linear", "relu", "relu6", "elu", "gelu", "gelu_tanh", "silu", "tanh",
                                         "sigmoid", "softplus", "exp", "sqrt", "abs", "neg", "square" };
static const double act_limits[] = { 0, 0, 0, 1.5e-7, 2.5e-7, 3.5e-7, 4e-7, 3.5e-7, 3e-7, 4e-7, 2e-7, 1e-7, 0, 0, 1e-7 };

static void test_acts(const char *isa)
{
  const int n_x = (int)(sizeof nn_act_x / sizeof *nn_act_x);
  union { uint32_t u; float f; } v;
  double worst, golden;
  int act, i, n;
  for (act = 1; act < RPPG_NN__ACT_END; act++) {
    int bounded = 1, nan = 1;
    uint32_t top = act == RPPG_NN_SQUARE ? 0x5f000000u : 0x7f800000u, low = 0;
    worst = golden = 0.0;
    if (act == RPPG_NN_EXP || act == RPPG_NN_SIGMOID || act == RPPG_NN_SILU || act == RPPG_NN_SOFTPLUS)
      top = 0x42ae0000u; /* 87 */
    if (act == RPPG_NN_GELU_TANH) top = 0x49000000u; /* x^3 overflows later */
    if (act == RPPG_NN_SQUARE || act == RPPG_NN_SQRT) low = 0x20000000u;
    if (act == RPPG_NN_SILU || act == RPPG_NN_ELU) low = 0x01000000u; /* no denormal results */
    for (n = 0, v.u = low; v.u < top; v.u += 100003, n += 2) {
      if (n >= FLOATS - 1) break;
      x[n] = v.f;
      x[n + 1] = -v.f;
    }
    memcpy(more, x, (size_t)n * sizeof *x);
    rppg_nn__activate(act, x, (size_t)n);
    for (i = 0; i < n; i++) {
      const double e = act_error(act, (double)more[i], (double)x[i], reference(act, (double)more[i]));
      if (!(e <= worst)) worst = e;
      if (act == RPPG_NN_TANH) bounded &= fabsf(x[i]) <= 1.0f;
      if (act == RPPG_NN_SIGMOID) bounded &= x[i] >= 0.0f && x[i] <= 1.0f;
    }
    CHECK(worst <= act_limits[act] && bounded, "%s: %s, %d points, worst %.1e", isa, act_names[act], n, worst);
    for (n = 1; n <= n_x; n++) { /* every length, from the end of the list */
      memcpy(x, nn_act_x + n_x - n, (size_t)n * sizeof *x);
      x[n] = 3.0f;
      rppg_nn__activate(act, x, (size_t)n);
      bounded &= x[n] == 3.0f;
      for (i = 0; i < n; i++) {
        const double want = nn_acts[act][n_x - n + i];
        const double e = act_error(act, (double)nn_act_x[n_x - n + i], (double)x[i], want);
        if (fabs(want) < 1e38 && (want == 0 || fabs(want) > 1e-37) && !(e <= golden)) golden = e; /* e^+-88 is held */
      }
    }
    x[0] = (float)NAN;
    x[1] = (float)INFINITY;
    x[2] = -(float)INFINITY;
    rppg_nn__activate(act, x, 3);
    nan = x[0] != x[0] && x[1] == x[1];
    CHECK(golden < 5e-7 && bounded, "%s: %s as PyTorch to %.1e, any length", isa, act_names[act], golden);
    CHECK(nan, "%s: %s of NaN is NaN, of infinity is not", isa, act_names[act]);
  }
}

/* ---- pools, softmax, elementwise -------------------------------------------------------------------- */

static void test_ops(const char *isa)
{
  const int n = (int)(sizeof nn_ops / sizeof *nn_ops);
  double worst = 0.0;
  int i, k, sound = 1;
  for (i = 0; i < n; i++) {
    const nn_op_case *c = &nn_ops[i];
    rppg_nn_tensor tx, ty, tb;
    rppg_nn_layer l;
    rppg_nn__need need;
    rppg_nn_model m;
    const rppg_nn__op *op;
    const char *wrong;
    double error = 0.0, sum[2] = { 0.0, 0.0 };
    unsigned char *out;
    size_t j;
    shape(&tx, RPPG_NN_F32, c->x[0], c->x[1], c->x[2], c->x[3], x);
    shape(&tb, RPPG_NN_F32, c->b[0], c->b[1], c->b[2], c->b[3], more);
    shape(&ty, RPPG_NN_F32, c->y[0], c->y[1], c->y[2], c->y[3], NULL);
    lcg = c->seed;
    for (j = 0; j < tx.n; j++) x[j] = 4.0f * draw_float();
    for (j = 0; c->b[0] && j < tb.n; j++) more[j] = draw_float() + 2.0f;
    memset(&l, 0, sizeof l);
    memset(&need, 0, sizeof need);
    memset(&m, 0, sizeof m);
    l.op = c->op;
    l.flags = (uint32_t)c->flags;
    l.act = c->act;
    l.in[0] = &tx;
    if (c->b[0]) l.in[1] = &tb;
    l.out[0] = &ty;
    for (k = 0; k < 10; k++) l.p[k] = c->p[k];
    l.f[0] = 0.75f;
    op = rppg_nn__find(l.op);
    wrong = op->check(&l, &need);
    if (wrong) { TAP_PRINTF("# op case %d: %s\n", i, wrong); sound = 0; continue; }
    ty.data = out = ask(0, ty.n * sizeof(float));
    m.kernels = &rppg_nn__table[rppg_isa_best()];
    op->run(&m, &l);
    sound &= guarded(out, ty.n * sizeof(float));
    for (j = 0; j < 12; j++) error = fmax(error, fabs((double)((float *)ty.data)[j * ty.n / 12] - c->want[j]));
    for (k = 0; k < 2; k++) {
      for (j = 0; j < ty.n; j++) sum[k] += (double)((float *)ty.data)[j] * (draw() & 1 ? -1.0 : 1.0);
      error = fmax(error, fabs(sum[k] - c->want[12 + k]) / (ty.n > 16 ? sqrt((double)ty.n) / 4.0 : 1.0));
    }
    if (!(error < 2e-6 * c->range)) TAP_PRINTF("# %s op case %d: error %g of %g\n", isa, i, error, c->range);
    if (!(error / c->range <= worst)) worst = error / c->range;
  }
  CHECK(sound && worst < 2e-6, "%s: %d pools, softmaxes, elementwise ops: worst %.1e of the range", isa, n, worst);
}

int main(void)
{
  int isa;
  TAP_EACH_ISA(isa) {
    const char *name = rppg_isa_name((rppg_isa)isa);
    test_convs(name);
    test_acts(name);
    test_ops(name);
  }
  return tap_end();
}
