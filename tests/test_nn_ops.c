/* Every operator of rppg_nn.h against PyTorch and NumPy, on every instruction set of this machine; and records that
   lie: rppg_nn_open refuses them, or the model they make stays within its memory. cc -O2 -I. tests/test_nn_ops.c -lm */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg_nn.h"
#include "golden/nn_ops.h"
#include "tap.h"

enum { CASES = sizeof ops_cases / sizeof *ops_cases, BLOB = 1 << 14, BLOCK = 1 << 18, FLOATS = 1 << 14, GUARD = 64 };
static unsigned char blob[BLOB], block[BLOCK + GUARD + 64];
static float given[RPPG_NN_MAX_IO][FLOATS], made[RPPG_NN_MAX_IO][FLOATS + GUARD], again[FLOATS];
static rppg_nn_error error;

/* Memory of exactly this size, with a guard behind it. */
static unsigned char *ask(size_t size)
{
  memset(block, 0x7f, size + GUARD);
  return block;
}

static int guarded(size_t size)
{
  size_t i;
  for (i = 0; i < GUARD; i++) if (block[size + i] != 0x7f) return 0;
  return 1;
}

/* Runs a model on the inputs; 0 where something was written beside its outputs. */
static int run(rppg_nn_model *m)
{
  const float *in[RPPG_NN_MAX_IO];
  float *out[RPPG_NN_MAX_IO];
  size_t i, k;
  int sound = 1;
  for (i = 0; i < m->n_inputs; i++) in[i] = given[i];
  for (i = 0; i < m->n_outputs; i++) {
    out[i] = made[i];
    for (k = 0; k < GUARD; k++) made[i][m->outputs[i]->n + k] = -77.0f;
  }
  rppg_nn_run(m, in, out);
  for (i = 0; i < m->n_outputs; i++)
    for (k = 0; k < GUARD; k++) if (made[i][m->outputs[i]->n + k] != -77.0f) sound = 0;
  return sound;
}

static double magnitude(double x) { return x < 0 ? -x : x; }

/* All runs of a case; the largest error over the largest value. */
static double worst_of(const ops_case *c, rppg_nn_model *m, int *sound, float *kept)
{
  const float *in = c->in, *want = c->out;
  const size_t n = m->outputs[0]->n;
  double worst = 0.0, top = 0.0;
  size_t i, k;
  int r;
  for (r = 0; r < c->runs; r++, want += n) {
    for (i = 0; i < m->n_inputs; in += m->inputs[i++]->n) memcpy(given[i], in, m->inputs[i]->n * sizeof *in);
    *sound = run(m) && *sound;
    for (k = 0; k < n; k++) {
      const double e = magnitude((double)made[0][k] - (double)want[k]);
      if (!(e <= worst)) worst = e; /* NaN too */
      if (magnitude((double)want[k]) > top) top = magnitude((double)want[k]);
    }
  }
  memcpy(kept, made[0], n * sizeof *kept);
  return worst / top;
}

static void test_golden(void)
{
  static float first[FLOATS];
  int isa, i;
  TAP_EACH_ISA(isa) {
    for (i = 0; i < CASES; i++) {
      const ops_case *c = &ops_cases[i];
      const size_t need = rppg_nn_mem_size(c->blob, c->size);
      unsigned char *mem = ask(need);
      rppg_nn_model m;
      double worst = 9.0;
      int sound = 1, same = 0;
      if (rppg_nn_open(&m, c->blob, c->size, mem, need, &error) == RPPG_OK) {
        worst = worst_of(c, &m, &sound, first);
        rppg_nn_reset(&m);
        (void)worst_of(c, &m, &sound, again);
        same = memcmp(first, again, m.outputs[0]->n * sizeof *first) == 0;
      } else TAP_PRINTF("# %s: %s\n", error.what, error.field);
      CHECK(worst < 1e-5 && sound && same && guarded(need), "%s: %s within %.1g", rppg_isa_name((rppg_isa)isa), c->name, worst);
    }
  }
}

/* A block of just rppg_nn_mem_size bytes does, wherever it lies; one byte less does not. */
static void test_block(void)
{
  static unsigned char room[BLOCK];
  int i, fits = 1, refuses = 1;
  size_t at;
  for (i = 0; i < CASES; i++) {
    const ops_case *c = &ops_cases[i];
    const size_t need = rppg_nn_mem_size(c->blob, c->size);
    rppg_nn_model m;
    for (at = 0; at < 64; at += 7) {
      memset(room + at + need, 0x7f, GUARD);
      fits &= rppg_nn_open(&m, c->blob, c->size, room + at, need, NULL) == RPPG_OK;
      fits &= memcmp(room + at + need, room + at + need + 1, GUARD - 1) == 0 && room[at + need] == 0x7f;
    }
    refuses &= rppg_nn_open(&m, c->blob, c->size, room, need - 1, NULL) == RPPG_ERR_SPACE;
  }
  CHECK(fits, "a block of rppg_nn_mem_size bytes does at every address");
  CHECK(refuses, "a byte less is refused");
}

static int every_op(void) /* of 32-bit floats has a case; test_nn_s8.c has the others */
{
  uint32_t seen[4] = { 0, 0, 0, 0 };
  int i, all = 1;
  size_t k;
  for (i = 0; i < CASES; i++) {
    const unsigned char *b = ops_cases[i].blob;
    for (k = 0; k < rppg_nn__u32(b + 32); k++) {
      const uint32_t op = rppg_nn__u16(b + rppg_nn__u32(b + 36) + k * RPPG_NN__LAYER);
      seen[op / 32 % 4] |= 1u << op % 32;
    }
  }
#define RPPG__X(name, value)                                                                 \
  if (value < RPPG_NN_QUANT && !(seen[value / 32] >> value % 32 & 1)) { TAP_PRINTF("# no case for %s\n", #name); all = 0; }
  RPPG_NN__OPS(RPPG__X)
#undef RPPG__X
  return all;
}

/* ---- wrong records --------------------------------------------------------------------------- */

static size_t size_now;

static void put(size_t at, uint32_t v)
{
  int i;
  for (i = 0; i < 4; i++, v >>= 8) blob[at + (size_t)i] = (unsigned char)v;
}

/* A case's blob, to be changed; then its checksum is made right. */
static void fetch(int i) { memcpy(blob, ops_cases[i].blob, size_now = ops_cases[i].size); }
static void seal(void)
{
  put(20, 0);
  put(20, rppg_nn__crc(0xffffffffu, blob, size_now) ^ 0xffffffffu);
}
static size_t layer_at(size_t k) { return rppg_nn__u32(blob + 36) + k * RPPG_NN__LAYER; }
static size_t tensor_at(size_t k) { return rppg_nn__u32(blob + 28) + k * RPPG_NN__TENSOR; }

/* Opens what is in blob; runs it if it can be. 1 refused, 2 run, 0 something was written where it must not be. */
static int try_it(void)
{
  const size_t need = rppg_nn_mem_size(blob, size_now);
  rppg_nn_model m;
  size_t i;
  if (need == 0 || need > BLOCK) return 1;
  if (rppg_nn_open(&m, blob, size_now, ask(need), need, &error) != RPPG_OK) return guarded(need);
  for (i = 0; i < m.n_inputs; i++) if (m.inputs[i]->n > FLOATS) return 1;
  for (i = 0; i < m.n_outputs; i++) if (m.outputs[i]->n > FLOATS) return 1;
  if (m.macs > 1e6) return 1;
  return run(&m) && guarded(need) ? 2 : 0;
}

/* Word of a layer record: 0 op, 1 flags, 2..5 inputs, 6..7 outputs, 8..11 weights, then p, then f. */
#define P(k) (12 + (k))
#define F(k) (28 + (k))
#define NONE 0xffffffffu
#define NAN32 0x7fc00000u
#define MINUS 0xbf800000u /* -1.0f */

static void test_refused(void)
{
  static const struct { const char *name; int word; uint32_t value; const char *field; } wrong[] = {
    { "upconv", P(0), 0, "kernel" }, { "upconv", P(0), 1 << 20, "kernel" }, { "upconv", P(2), 9, "output size" }, { "upconv", P(2), 5, "weights" },
    { "upconv", P(3), 0, "stride" }, { "upconv", P(6), NONE, "padding" }, { "upconv", P(9), 2, "dilation" },
    { "upconv", P(12), 2, "groups" }, { "upconv", P(5), 7, "output size" }, { "upconv", 6, 0, "outputs" },
    { "norm, layer", P(0), 3, "kind" }, { "norm, layer", P(1), 1, "groups" }, { "norm, layer", P(2), 1, "gate" },
    { "norm, group", P(1), 0, "groups" }, { "norm, group", P(1), 3, "groups" }, { "norm, layer", F(0), NAN32, "epsilon" },
    { "norm, layer", F(0), MINUS, "epsilon" }, { "norm, gated after", P(2), 99, "gate" },
    { "resize", P(0), 2, "kind" }, { "shift", P(0), 0, "segment" }, { "shift", P(0), 4, "segment" },
    { "shift", P(1), 4, "channels" }, { "shift", P(1), NONE, "channels" }, { "diff", P(0), 2, "kind" },
    { "diff", F(0), NAN32, "epsilon" }, { "mask", F(0), NAN32, "scale" }, { "cumsum", P(0), 4, "axis" },
    { "cumsum", P(0), NONE, "axis" }, { "matmul", F(0), NAN32, "scale" }, { "matmul", 1, 1, "inner size" },
    { "matmul, transposed", 1, 0, "inner size" }, { "matmul", 3, NONE, "inputs" }, { "attention", P(0), 0, "heads" },
    { "attention", P(0), 4, "heads" }, { "attention", P(1), 1, "region" }, { "attention", F(0), NAN32, "scale" },
    { "attention", 4, NONE, "inputs" }, { "attention, routed", P(1), 0, "regions seen" },
    { "attention, routed", P(1), 5, "regions seen" }, { "attention, routed", P(2), 0, "region" },
    { "attention, routed", P(3), 3, "region" }, { "attention, routed", P(4), 1, "scores" },
    { "attention, routed", 5, NONE, "region" }, { "scan", P(0), 1, "channels" }, { "scan", P(3), NONE, "channels" },
    { "scan", P(4), 0, "sequences" }, { "scan", P(4), 3, "sequences" }, { "scan", P(5), 0, "states" },
    { "scan", P(5), 17, "weights" }, { "scan", P(5), 19, "channels" }, { "scan", P(6), 0, "steps" },
    { "scan", P(6), 3, "steps" }, { "scan", 7, 0, "outputs" }, { "step", P(4), 2, "sequences" }, { "step", 1, 1, "flags" },
    { "step", 7, NONE, "outputs" }, { "codebook", F(0), MINUS, "scale" }, { "causal", P(0), 1, "kernel" },
    { "causal", P(0), 5, "state" }, { "ema", F(0), MINUS, "epsilon" }, { "ema", F(1), NAN32, "bound" },
    { "ema", 8, NONE, "weights" }, { "nmf", P(0), 0, "steps" }, { "nmf", P(0), 1001, "steps" },
    { "nmf", F(0), MINUS, "epsilon" }, { "fft", P(0), 2, "direction" }, { "fft", P(0), 1, "output size" },
    { "fft", F(0), NAN32, "scale" }, { "mask", 0, 19 | 2u << 16, "activation" }, { "mask", P(5), 0, NULL },
  };
  size_t i;
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    int k = 0, state;
    while (k + 1 < CASES && strcmp(ops_cases[k].name, wrong[i].name)) k++;
    fetch(k);
    put(layer_at(0) + 4 * (size_t)wrong[i].word, wrong[i].value);
    seal();
    state = try_it();
    if (wrong[i].field == NULL) CHECK(state == 2, "%s: %u in word %d is still right", wrong[i].name, (unsigned)wrong[i].value, wrong[i].word);
    else {
      rppg_nn_model m;
      static unsigned char one[1];
      rppg_nn_open(&m, blob, size_now, one, 1, &error);
      CHECK(state == 1 && strcmp(error.field, wrong[i].field) == 0, "%s: %s of %u is refused: %s", wrong[i].name,
            wrong[i].field, (unsigned)wrong[i].value, error.field);
    }
  }
}

/* Each word of each layer, and each size of each tensor, takes values that it should not have. */
static void test_lies(void)
{
  static const uint32_t words[] = { 0, 1, 3, 0x10000, 0x7fffffff, 0xffffffff }, sizes[] = { 1, 2, 5, 1 << 14 };
  int i, bad = 0, refused = 0, ran = 0;
  size_t k, word, v;
  for (i = 0; i < CASES; i++) {
    fetch(i);
    for (k = 0; k < rppg_nn__u32(blob + 32); k++) {
      for (word = 0; word < RPPG_NN__LAYER / 4; word++)
        for (v = 0; v < sizeof words / sizeof *words; v++) {
          int state;
          fetch(i);
          put(layer_at(k) + 4 * word, words[v]);
          seal();
          state = try_it();
          bad += state == 0;
          refused += state == 1;
          ran += state == 2;
        }
      if (k == 2) break; /* the rest of a long model is much the same */
    }
    for (k = 0; k < rppg_nn__u32(ops_cases[i].blob + 24) && k < 8; k++)
      for (word = 0; word < 4; word++)
        for (v = 0; v < sizeof sizes / sizeof *sizes; v++) {
          uint32_t n = 1;
          size_t at, a;
          int state;
          fetch(i);
          at = tensor_at(k);
          put(at + 4 + 4 * word, sizes[v]);
          for (a = 0; a < 4; a++) n *= rppg_nn__u32(blob + at + 4 + 4 * a);
          put(at + 24, n * rppg_nn__bytes_of(blob[at + 1]));
          seal();
          state = try_it();
          bad += state == 0;
          refused += state == 1;
          ran += state == 2;
        }
  }
  TAP_PRINTF("# %d refused, %d run\n", refused, ran);
  CHECK(bad == 0, "no record that lies makes a model write beside its memory");
  CHECK(refused > 5000 && ran > 500, "most lies are refused, some are other models");
}

int main(void)
{
  test_golden();
  CHECK(every_op(), "each op has a case");
  test_block();
  test_refused();
  test_lies();
  return tap_end();
}
