/* fuzz_nn.c - libFuzzer target: rppg_nn_open on any bytes, rppg_nn_run on what it accepts

   clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I. \
     tests/fuzz/fuzz_nn.c -o fuzz_nn
   ./fuzz_nn -timeout=10 new_corpus tests/fuzz/corpus

   The blob, the model's block, inputs and outputs each end where their heap block ends, so that
   address sanitizer sees the first byte beyond. The checksum is not looked at; its four bytes choose
   alignments, instruction set and what the inputs hold, so that a file alone repeats a run.
   The mutator knows the format: it changes fields of records in place and keeps the rest coherent. */
#define RPPG_NN_FUZZING
#define RPPG_TESTING
#define RPPG_STATIC
#define RPPG_IMPLEMENTATION
#include "rppg_nn.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed);

#define MUST(x)                                                                                    \
  do {                                                                                             \
    if (!(x)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); abort(); }                 \
  } while (0)

/* ---- opening and running --------------------------------------------------------------------- */

enum { MOST_BYTES = 1 << 24, MOST_NUMBERS = 1 << 18, MOST_WORK = 1 << 22 };

/* size bytes that lie `crooked` bytes off a multiple of 16 and end with their heap block. */
static unsigned char *block(size_t size, size_t crooked, void **owner)
{
  *owner = malloc(crooked + size + !(crooked + size));
  MUST(*owner);
  return (unsigned char *)*owner + crooked;
}

static int zeroed(const rppg_nn_model *m)
{
  static const rppg_nn_model none;
  return memcmp(m, &none, sizeof none) == 0;
}

/* About how many steps one run takes. */
static double work(const rppg_nn_model *m)
{
  double sum = m->macs;
  size_t i;
  for (i = 0; i < m->n_layers; i++) {
    const rppg_nn_layer *l = &m->layers[i];
    double cells = 1;
    int k;
    if (l->op == RPPG_NN_POOL)
      for (k = 0; k < 3; k++) {
        const int32_t kernel = l->p[1 + k], in = l->in[0]->d[k];
        cells *= kernel ? (kernel < in ? kernel : in) : 2 + in / l->out[0]->d[k];
      }
    sum += (double)l->in[0]->n + cells * (double)l->out[0]->n;
  }
  return sum;
}

static float sample(uint32_t *state, unsigned how)
{
  static const uint32_t odd[8] = { 0x7f800000u, 0xff800000u, 0x7fc00000u, 0, 0x80000000u, 1, 0x7f7fffffu,
                                   0xff7fffffu };
  float x;
  *state = *state * 1664525u + 1013904223u;
  if (how == 0) return (float)(int32_t)(*state >> 8) / 8388608.0f - 1.0f;
  if (how == 1) memcpy(&x, &odd[*state >> 29], 4);
  else memcpy(&x, state, 4);
  return x;
}

static void run(rppg_nn_model *m, uint32_t options)
{
  const float *in[RPPG_NN_MAX_IO];
  float *out[RPPG_NN_MAX_IO];
  void *owner[3 * RPPG_NN_MAX_IO];
  uint32_t state = options;
  double numbers = 0;
  size_t i, k, owners = 0;
  for (i = 0; i < m->n_inputs; i++) numbers += (double)rppg_nn_input(m, i)->n;
  for (i = 0; i < m->n_outputs; i++) numbers += (double)rppg_nn_output(m, i)->n;
  if (numbers > MOST_NUMBERS || work(m) > MOST_WORK) return;
  for (i = 0; i < m->n_inputs; i++) {
    const size_t n = rppg_nn_input(m, i)->n;
    float *x = (float *)block(n * sizeof *x, options >> 16 & 12, &owner[owners++]);
    for (k = 0; k < n; k++) x[k] = sample(&state, options >> 20 & 3);
    in[i] = x;
  }
  for (i = 0; i < m->n_outputs; i++)
    out[i] = (float *)block(rppg_nn_output(m, i)->n * sizeof(float), options >> 16 & 12, &owner[owners++]);
  rppg_nn_run(m, in, out);
  for (i = 0; i < m->n_outputs; i++) {
    const size_t bytes = rppg_nn_output(m, i)->n * sizeof(float);
    memcpy(block(bytes, 0, &owner[owners++]), out[i], bytes);
  }
  rppg_nn_run(m, in, out);
  rppg_nn_reset(m); /* what earlier runs left in the block must not matter */
  rppg_nn_run(m, in, out);
  for (i = 0; i < m->n_outputs; i++)
    MUST(memcmp(owner[owners - m->n_outputs + i], out[i], rppg_nn_output(m, i)->n * sizeof(float)) == 0);
  while (owners > 0) free(owner[--owners]);
}

/* A blob that was refused leaves nothing behind, and the reason is text. */
static void check_refusal(rppg_status status, const rppg_nn_model *m, const rppg_nn_error *e)
{
  MUST(status < RPPG_OK && status >= RPPG_ERR_UNSUPPORTED);
  MUST(zeroed(m));
  MUST(e->what && e->field && strlen(e->what) > 3 && strcmp(e->what, "ok"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  rppg_nn_model m;
  rppg_nn_about about;
  rppg_nn_error e;
  void *blob_owner, *mem_owner;
  uint32_t options = 0;
  uint8_t *blob;
  size_t need, i;
  rppg_status status;
  if (size >= 24) memcpy(&options, data + 20, 4);
  rppg__isa_force((rppg_isa)((options >> 24) % (unsigned)(rppg__isa_detect() + 1)));
  blob = block(size, options & 15, &blob_owner);
  if (size) memcpy(blob, data, size);
  need = rppg_nn_mem_size(blob, size);
  memset(&about, 0xa5, sizeof about);
  if (rppg_nn_read_about(blob, size, &about) == RPPG_OK) MUST(need && about.mem_size == need && about.x.n && about.y.n);
  else MUST(about.mem_size == 0 && about.x.n == 0);
  if (need <= MOST_BYTES) {
    unsigned char *mem = block(need, options >> 8 & 15, &mem_owner);
    memset(mem, 0xa5, need);
    memset(&m, 0xa5, sizeof m);
    if (need) {
      status = rppg_nn_open(&m, blob, size, mem, need - 1, &e);
      MUST(status == RPPG_ERR_SPACE);
      check_refusal(status, &m, &e);
    }
    memset(&m, 0xa5, sizeof m);
    status = rppg_nn_open(&m, blob, size, mem, need, &e);
    if (status != RPPG_OK) check_refusal(status, &m, &e);
    else {
      MUST(need && m.n_inputs && m.n_outputs && m.macs >= 0);
      MUST(about.mem_size == need && memcmp(&about.spec, &m.spec, sizeof m.spec) == 0);
      for (i = 0; i < m.n_layers; i++) MUST(strcmp(rppg_nn_op_name(m.layers[i].op), "?"));
      for (i = 0; i < m.n_inputs; i++) MUST(rppg_nn_input(&m, i)->n);
      for (i = 0; i < m.n_outputs; i++) MUST(rppg_nn_output(&m, i)->n);
      MUST(!rppg_nn_input(&m, i) || i < m.n_inputs);
      for (i = 0; i < m.n_classes + 1; i++) (void)rppg_nn_class_bpm(&m, i);
      for (i = 0; i < m.camera_n; i++) options += (uint8_t)m.camera[i];
      for (i = 0; i < m.note_n; i++) options += (uint8_t)m.note[i];
      run(&m, options);
    }
    free(mem_owner);
  }
  MUST(!size || memcmp(blob, data, size) == 0); /* it is never written */
  free(blob_owner);
  return 0;
}

/* ---- mutations ------------------------------------------------------------------------------- */

static uint32_t dice_state;
static uint32_t dice(uint32_t sides)
{
  dice_state = dice_state * 1664525u + 1013904223u;
  return sides ? (uint32_t)((uint64_t)dice_state * sides >> 32) : 0;
}

static uint32_t get(const uint8_t *p) { return rppg_nn__u32(p); }
static void put(uint8_t *p, uint32_t v)
{
  int i;
  for (i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * i);
}

/* Another value for a field: near the old one, at the edges of a range, or anything. */
static uint32_t other(uint32_t v)
{
  static const uint32_t edges[] = { 0, 1, 2, 3, 4, 15, 16, 17, 63, 64, 65, 127, 128, 255, 4095, 4096, 4097, 0x7fff, 0x8000,
    0xffff, 0x10000, 0x0fffffff, 0x10000000, 0x10000001, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000,
    0x80000001, 0xffffffc0, 0xfffffffe, 0xffffffff, 0x7f800000, 0x7fc00000, 0x3f800000 };
  switch (dice(8)) {
  case 0: return v + 1;
  case 1: return v - 1;
  case 2: return v * 2;
  case 3: return v / 2;
  case 4: return dice(8);
  case 5: return v ^ (uint32_t)1 << dice(32);
  case 6: return v + 64 - 128 * dice(2);
  default: return edges[dice(sizeof edges / sizeof *edges)];
  }
}

/* Records that are there: n of them from *at on. */
static uint32_t records(uint8_t *data, size_t size, int header_at, uint32_t bytes, uint8_t **at)
{
  const uint32_t n = get(data + header_at), offset = get(data + header_at + 4);
  const uint32_t room = offset < size ? (uint32_t)(size - offset) / bytes : 0;
  *at = data + (offset < size ? offset : 0);
  return n < room ? n : room;
}

/* The field "bytes" of every tensor follows its sizes and type. */
static void mend_bytes(uint8_t *tensors, uint32_t n)
{
  uint32_t i;
  for (i = 0; i < n; i++, tensors += RPPG_NN__TENSOR)
    put(tensors + 24, get(tensors + 4) * get(tensors + 8) * get(tensors + 12) * get(tensors + 16) *
                      rppg_nn__bytes_of(tensors[1]));
}

static void swap_bytes(uint8_t *a, uint8_t *b, size_t n)
{
  for (; n-- > 0; a++, b++) { const uint8_t t = *a; *a = *b; *b = t; }
}

static void mutate_tensor(uint8_t *tensors, uint32_t n)
{
  uint8_t *t = tensors + dice(n) * RPPG_NN__TENSOR, *u = tensors + dice(n) * RPPG_NN__TENSOR;
  const uint32_t k = dice(4), j = dice(4);
  switch (dice(9)) {
  case 0: t[0] = (uint8_t)dice(6); break;
  case 1: t[1] = (uint8_t)dice(5); break;
  case 2: put(t + 4 + 4 * k, other(get(t + 4 + 4 * k))); break;
  case 3: swap_bytes(t + 4 + 4 * k, t + 4 + 4 * j, 4); break; /* the same number of elements */
  case 4: memcpy(t + 20, u + 20, 4); break;                   /* the same place */
  case 5: put(t + 20, other(get(t + 20))); break;
  case 6: put(t + 28, dice(2) ? dice(n + 2) : 0); break;
  case 7: memcpy(t + 4, u + 4, 16); break;                    /* the same sizes */
  default: put(t + 32 + 4 * k, other(get(t + 32 + 4 * k))); break;
  }
}

static void mutate_layer(uint8_t *layers, uint32_t n, uint32_t tensors)
{
  uint8_t *l = layers + dice(n) * RPPG_NN__LAYER, *m = layers + dice(n) * RPPG_NN__LAYER;
  const uint32_t id = 8 + 4 * dice(10);
  uint8_t *p = l + 48 + 4 * dice(dice(4) ? 16 : 20);
  switch (dice(10)) {
  case 0: l[0] = (uint8_t)dice(RPPG_NN__OP_END + 2); break;
  case 1: l[2] = (uint8_t)dice(RPPG_NN__ACT_END + 2); break;
  case 2: put(l + 4, other(get(l + 4))); break;
  case 3: put(l + id, dice(tensors + 1)); break;
  case 4: put(l + id, RPPG_NN__ABSENT); break;
  case 5: swap_bytes(l + id, m + 8 + 4 * dice(10), 4); break;
  case 6: swap_bytes(l, m, RPPG_NN__LAYER); break;
  case 7: if (l != m) memcpy(l, m, RPPG_NN__LAYER); break;
  default: put(p, other(get(p))); break;
  }
}

/* A size that several tensors have in common becomes another one in all of them. */
static void mutate_sizes(uint8_t *tensors, uint32_t n)
{
  const uint32_t from = get(tensors + dice(n) * RPPG_NN__TENSOR + 4 + 4 * dice(4));
  const uint32_t to = dice(4) ? 1 + dice(24) : other(from);
  uint32_t i, k;
  for (i = 0; i < n; i++)
    for (k = 0; k < 4; k++) {
      uint8_t *d = tensors + i * RPPG_NN__TENSOR + 4 + 4 * k;
      if (get(d) == from && dice(8)) put(d, to);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed)
{
  uint8_t *tensors, *layers;
  uint32_t n_tensors, n_layers, rounds;
  dice_state = seed * 2654435761u + 1;
  if (size < RPPG_NN__HEADER || dice(20) == 0) return LLVMFuzzerMutate(data, size, room);
  for (rounds = 1 + dice(4); rounds > 0; rounds--) {
    n_tensors = records(data, size, 24, RPPG_NN__TENSOR, &tensors);
    n_layers = records(data, size, 32, RPPG_NN__LAYER, &layers);
    switch (dice(16)) {
    case 0: {
      uint8_t *p = data + 8 + 4 * dice(14);
      put(p, other(get(p)));
      break;
    }
    case 1: put(data + 20, dice(0xffffffffu)); break; /* how it is run */
    case 2: put(data + 56 + 4 * dice(2), 64 * dice(1024)); break;
    case 3: if (n_tensors) mutate_sizes(tensors, n_tensors); break;
    case 4: { /* bytes of weights or chunks */
      const uint32_t at = get(data + 44 + 8 * dice(2));
      if (at < size) data[at + dice((uint32_t)(size - at))] ^= (uint8_t)(1 << dice(8));
      break;
    }
    case 5: case 6: case 7: case 8: if (n_tensors) mutate_tensor(tensors, n_tensors); break;
    default: if (n_layers) mutate_layer(layers, n_layers, n_tensors); break;
    }
  }
  n_tensors = records(data, size, 24, RPPG_NN__TENSOR, &tensors);
  if (n_tensors && dice(16)) mend_bytes(tensors, n_tensors);
  if (dice(16) == 0 && size > RPPG_NN__HEADER) size -= dice((uint32_t)(size - RPPG_NN__HEADER));
  if (dice(16)) put(data + 16, (uint32_t)size);
  return size;
}
