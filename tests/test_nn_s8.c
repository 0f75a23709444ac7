/* rppg_nn.h's layers of 8 bits against NumPy's integers, bit for bit, on every instruction set of this machine,
   with and without dot products of bytes. cc -O2 -I. tests/test_nn_s8.c -lm */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg_nn.h"
#include "golden/nn_s8.h"
#include "tap.h"

enum { ROOM = 1 << 17, LONG = 132992 };
static unsigned char room[ROOM + 64];
static float input[1 << 14], output[16][1 << 14];

/* Runs a model in exactly the memory that it asks for; how many outputs differ. */
static int run(const s8_model *c, const char *set)
{
  rppg_nn_model m;
  rppg_nn_error e;
  const float *in[1];
  float *out[16];
  uint32_t seed = c->seed;
  size_t i, need = rppg_nn_mem_size(c->blob, c->size);
  int k, wrong = 0;
  memset(room, 0xa5, sizeof room);
  if (need > ROOM || rppg_nn_open(&m, c->blob, c->size, room, need, &e) != RPPG_OK) {
    TAP_PRINTF("# %s: %s, layer %d, %lu bytes\n", e.what, e.field, e.layer, (unsigned long)need);
    return -1;
  }
  for (i = 0; i < m.inputs[0]->n; i++) {
    seed = 1664525u * seed + 1013904223u;
    input[i] = (float)(seed >> 16) / 32768.0f - 1.0f;
    if (c->input) memcpy(&input[i], &c->input[i], 4);
  }
  in[0] = input;
  for (k = 0; k < 16; k++) out[k] = output[k];
  rppg_nn_run(&m, in, out);
  for (k = 0; k < (int)m.n_outputs; k++)
    if (tap_fnv_f32(TAP_FNV, output[k], m.outputs[k]->n) != c->want[k]) {
      TAP_PRINTF("# %s, %s: output %d differs: %g %g %g\n", c->name, set, k, (double)output[k][0],
                 (double)output[k][1], (double)output[k][2]);
      wrong++;
    }
  for (i = need; i < sizeof room; i++) if (room[i] != 0xa5) return -2;
  return wrong;
}

/* The longest sum that check lets through, of the largest products: it must not overflow. */
static int8_t long_w[LONG * 16];
static uint8_t long_x[LONG];
static void shape(rppg_nn_tensor *t, int type, int32_t c, void *data)
{
  memset(t, 0, sizeof *t);
  t->type = type;
  t->d[0] = t->d[1] = t->d[2] = 1;
  t->d[3] = c;
  t->n = (size_t)c;
  t->data = data;
}

static void test_long(const char *set)
{
  static uint64_t prep[64];
  static float scale[1] = { 1.0f }, result[1];
  rppg_nn_tensor x, w, s, y;
  rppg_nn_layer l;
  rppg_nn_model m;
  rppg_nn__need need;
  int k, z;
  memset(&m, 0, sizeof m);
  memset(&l, 0, sizeof l);
  memset(&need, 0, sizeof need);
  shape(&x, RPPG_NN_U7, LONG, long_x);
  shape(&w, RPPG_NN_S8, LONG * 16, long_w);
  shape(&s, RPPG_NN_F32, 1, scale);
  shape(&y, RPPG_NN_F32, 1, result);
  x.scale = 1.0f;
  for (k = 0; k < 13; k++) l.p[k] = k < 6 || k > 8;
  l.in[0] = &x; l.out[0] = &y; l.w[0] = &w; l.w[2] = &s;
  l.prep = prep;
  memset(long_w, 127, sizeof long_w);
  for (z = 0; z < 2; z++) {
    x.zero = z ? 127 : 0;
    memset(long_x, z ? 0 : 127, sizeof long_x);
    CHECK(rppg_nn__check_conv8(&l, &need) == NULL && need.prep <= sizeof prep, "%s: %d products are allowed", set, (int)LONG);
    rppg_nn__prepare_conv8(&l);
    rppg_nn__run_conv8(&m, &l);
    CHECK(result[0] == (z ? -1.0f : 1.0f) * (float)(LONG * 127 * 127), "%s: the largest sum, zero %d", set, (int)x.zero);
  }
  x.d[3] = 133004;
  CHECK(rppg_nn__check_conv8(&l, &need) != NULL, "%s: more products are refused", set);
}

/* What check must refuse, on a record that is right otherwise. */
static void test_refused(void)
{
  rppg_nn_tensor x, w, s, y;
  rppg_nn_layer l, good;
  rppg_nn__need need;
  int k;
  memset(&good, 0, sizeof good);
  memset(&need, 0, sizeof need);
  shape(&x, RPPG_NN_U7, 8, NULL);
  shape(&w, RPPG_NN_S8, 128, NULL);
  shape(&s, RPPG_NN_F32, 4, NULL);
  shape(&y, RPPG_NN_U7, 4, NULL);
  x.scale = y.scale = 1.0f;
  for (k = 0; k < 13; k++) good.p[k] = k < 6 || k > 8;
  good.in[0] = &x; good.out[0] = &y; good.w[0] = &w; good.w[2] = &s;
  CHECK(rppg_nn__check_conv8(&good, &need) == NULL, "a record that is right");
#define REFUSED(change, name) l = good; change; CHECK(rppg_nn__check_conv8(&l, &need) != NULL, name)
  REFUSED(l.act = RPPG_NN_TANH, "tanh into u7");
  REFUSED(l.p[12] = 3, "groups that do not divide");
  REFUSED(l.p[12] = 0, "no groups");
  REFUSED(l.w[2] = NULL, "no scale");
  REFUSED(l.w[1] = &w, "bias of 8 bits");
  REFUSED(l.in[1] = &x, "a residual of another size");
  REFUSED(l.in[0] = &s, "f32 in");
  REFUSED(l.out[0] = &w, "s8 out");
  REFUSED(l.p[2] = 2, "a kernel beyond the input");
  REFUSED(l.p[2] = 32768; l.p[8] = 32767, "fewer weights than the kernel has");
  w.n = 127;
  REFUSED((void)0, "a weight too few");
#undef REFUSED
}

int main(void)
{
  int isa, vnni;
  size_t i;
  TAP_EACH_ISA(isa) {
    const int has = rppg__isa_now >> 8;
    for (vnni = has; vnni >= 0; vnni--) {
      char set[32];
      memset(set, 0, sizeof set);
      memcpy(set, rppg_isa_name((rppg_isa)isa), strlen(rppg_isa_name((rppg_isa)isa)));
      if (vnni) memcpy(set + strlen(set), " vnni", 5);
      rppg__isa_now = isa + 256 * vnni;
      for (i = 0; i < sizeof s8_models / sizeof *s8_models; i++)
        CHECK(run(&s8_models[i], set) == 0, "%s: %s", set, s8_models[i].name);
      test_long(set);
    }
  }
  test_refused();
  return tap_end();
}
