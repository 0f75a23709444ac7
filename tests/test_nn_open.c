/* rppg_nn_open against blobs cut off, damaged and forged: each is refused with a reason, or what it
   says is run without a byte touched outside. Oracles: the format in rppg_nn.h, and for the blobs
   that are right, SciPy and NumPy (golden/make_nn_open.py). */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg_nn.h"
#include <math.h>
#include <stdlib.h>
#include "golden/nn_open.h"
#include "tap.h"

enum { RUNS = 5, GUARD = 64, MOST = 1 << 14, ROOM = 1 << 17 };

static const struct { const char *name; const unsigned char *bytes; size_t size; const float *out; int runs; } blobs[] = {
  { "cnn", gold_cnn, sizeof gold_cnn, gold_cnn_out, 1 },
  { "causal", gold_causal, sizeof gold_causal, gold_causal_out, RUNS },
  { "mixed", gold_mixed, sizeof gold_mixed, gold_mixed_out, 1 },
  { "adapted", gold_adapted, sizeof gold_adapted, gold_adapted_out, 1 }
};
enum { CNN, CAUSAL, MIXED, ADAPTED, BLOBS };

/* ---- helpers ----------------------------------------------------------------------------------- */

static uint32_t u32(const unsigned char *p)
{
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static void put(unsigned char *p, int bytes, uint32_t v)
{
  for (; bytes > 0; bytes--, v >>= 8) *p++ = (unsigned char)v;
}

/* CRC-32 as zlib computes it, with a table that is made here. */
static uint32_t crc_table[256];
static void crc_make(void)
{
  uint32_t i, k, c;
  for (i = 0; i < 256; i++) {
    for (c = i, k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    crc_table[i] = c;
  }
}
static void repair(unsigned char *blob, size_t size)
{
  uint32_t c = 0xffffffffu;
  size_t i;
  if (size < 64) return;
  put(blob + 20, 4, 0);
  for (i = 0; i < size; i++) c = crc_table[(c ^ blob[i]) & 255] ^ c >> 8;
  put(blob + 20, 4, ~c);
}

static unsigned char *guarded(unsigned char *room, size_t at, size_t size)
{
  memset(room + at, 0x5a, GUARD);
  memset(room + at + GUARD, 0xa5, size);
  memset(room + at + GUARD + size, 0x5a, GUARD);
  return room + at + GUARD;
}
static int untouched(const unsigned char *p, size_t size)
{
  int i;
  for (i = 0; i < GUARD; i++) if (p[i - GUARD] != 0x5a || p[size + (size_t)i] != 0x5a) return 0;
  return 1;
}

static unsigned char mem_room[ROOM], out_room[2][MOST];
static float input[MOST / 4], first_out[2][MOST / 4];

static void fill(const rppg_nn_model *m, int run)
{
  size_t i, n = rppg_nn_input(m, 0)->n;
  for (i = 0; i < n; i++) input[i] = (float)((int)((37 * i + 11 * (size_t)run) % 101) - 50) / 64.0f;
}

/* Runs a model of at most two small inputs and outputs; 0 when a byte around an output changed. */
static int run(rppg_nn_model *m, int number)
{
  const float *in[RPPG_NN_MAX_IO];
  float *out[RPPG_NN_MAX_IO];
  unsigned char *guard[RPPG_NN_MAX_IO];
  size_t i;
  int good = 1;
  fill(m, number);
  for (i = 0; i < m->n_inputs; i++) in[i] = input;
  for (i = 0; i < m->n_outputs; i++) {
    guard[i] = guarded(out_room[i & 1], 0, rppg_nn_output(m, i)->n * sizeof(float));
    out[i] = (float *)(void *)guard[i];
  }
  rppg_nn_run(m, in, out);
  for (i = 0; i < m->n_outputs; i++) {
    const size_t size = rppg_nn_output(m, i)->n * sizeof(float);
    good &= untouched(guard[i], size);
    memcpy(first_out[i & 1], guard[i], size);
  }
  return good;
}
static int runnable(const rppg_nn_model *m)
{
  size_t i;
  for (i = 0; i < m->n_inputs; i++) if (rppg_nn_input(m, i)->n > MOST / 4) return 0;
  for (i = 0; i < m->n_outputs; i++) if (rppg_nn_output(m, i)->n * 4 + 2 * GUARD > MOST) return 0;
  return m->n_outputs <= 2 && m->macs < 1e6;
}

static int zeroed(const rppg_nn_model *m)
{
  const unsigned char *p = (const unsigned char *)m;
  size_t i;
  for (i = 0; i < sizeof *m; i++) if (p[i]) return 0;
  return 1;
}

/* Opens a copy that ends where its heap block ends, and runs what is accepted. *sound stays as it
   is, or becomes 0 where something went wrong: a byte written outside, a refusal that leaves a half-made model
   or names nothing, a size for what is refused. */
static size_t asked; /* what rppg_nn_mem_size said */
static rppg_status attempt(const unsigned char *bytes, size_t size, rppg_nn_error *e, int *sound)
{
  unsigned char *blob = (unsigned char *)malloc(size + !size), *mem;
  rppg_nn_model m;
  rppg_status status;
  size_t need;
  if (!blob) { *sound = 0; return RPPG_ERR_SPACE; }
  memcpy(blob, bytes, size);
  memset(&m, 0x77, sizeof m);
  asked = need = rppg_nn_mem_size(blob, size);
  if (need + 2 * GUARD > ROOM) { /* an arena of gigabytes, say */
    status = rppg_nn_open(&m, blob, size, mem_room, ROOM, e);
    *sound &= status == RPPG_ERR_SPACE && zeroed(&m);
    free(blob);
    return status;
  }
  mem = guarded(mem_room, 0, need);
  status = rppg_nn_open(&m, blob, size, mem, need, e);
  if (status == RPPG_OK) {
    if (need == 0 || m.n_inputs == 0 || m.n_outputs == 0) *sound = 0;
    else if (runnable(&m)) *sound &= run(&m, 0) && run(&m, 1);
  } else {
    *sound &= zeroed(&m) && e->what && e->field && e->what[0] && strcmp(e->what, "ok") != 0;
    *sound &= e->layer < 4096 && e->tensor < 4096;
  }
  *sound &= untouched(mem, need) && memcmp(blob, bytes, size) == 0;
  free(blob);
  return status;
}

/* ---- blobs that are right ---------------------------------------------------------------------- */

/* Opens at the given distances from a multiple of 64, runs, compares with the golden values. */
static int right(int b, size_t blob_at, size_t mem_at)
{
  static unsigned char blob_room[MOST];
  unsigned char *blob = blob_room + (64 - (uintptr_t)blob_room % 64) % 64 + blob_at, *mem;
  const size_t mem_first = (64 - (uintptr_t)mem_room % 64) % 64 + mem_at;
  rppg_nn_model m;
  rppg_nn_error e;
  int good, i;
  size_t k, n, need;
  memcpy(blob, blobs[b].bytes, blobs[b].size);
  need = rppg_nn_mem_size(blob, blobs[b].size);
  mem = guarded(mem_room, mem_first, need - 1);
  good = rppg_nn_open(&m, blob, blobs[b].size, mem, need - 1, &e) == RPPG_ERR_SPACE && zeroed(&m) &&
         untouched(mem, need - 1);
  mem = guarded(mem_room, mem_first, need);
  if (rppg_nn_open(&m, blob, blobs[b].size, mem, need, &e) != RPPG_OK || strcmp(e.what, "ok")) return 0;
  n = rppg_nn_output(&m, 0)->n;
  for (i = 0; i < blobs[b].runs; i++) {
    good &= run(&m, i);
    for (k = 0; k < n; k++) good &= fabs((double)first_out[0][k] - (double)blobs[b].out[(size_t)i * n + k]) < 2e-5;
  }
  rppg_nn_reset(&m);
  good &= run(&m, 0);
  for (k = 0; k < n; k++) good &= fabs((double)first_out[0][k] - (double)blobs[b].out[k]) < 2e-5;
  return good && untouched(mem, need) && memcmp(blob, blobs[b].bytes, blobs[b].size) == 0;
}

static void test_right(void)
{
  int b, isa, at, good;
  for (b = 0; b < BLOBS; b++) {
    TAP_EACH_ISA(isa) CHECK(right(b, 0, 0), "%s: what SciPy computes, isa %d", blobs[b].name, isa);
    for (good = 1, at = 0; at < 64; at++) good &= right(b, (size_t)at, 0);
    CHECK(good, "%s: a blob at every address", blobs[b].name);
    for (good = 1, at = 0; at < 64; at++) good &= right(b, 0, (size_t)at);
    CHECK(good, "%s: memory at every address, one byte less is refused", blobs[b].name);
  }
}

static void test_contents(void)
{
  rppg_nn_model m;
  rppg_nn_about about;
  rppg_nn_error e;
  const size_t need = rppg_nn_mem_size(gold_cnn, sizeof gold_cnn);
  CHECK(need > 0 && need < ROOM, "a size");
  CHECK(rppg_nn_open(&m, gold_cnn, sizeof gold_cnn, mem_room, need, NULL) == RPPG_OK, "an error that nobody wants");
  CHECK(m.n_layers == 5 && m.n_inputs == 1 && m.n_outputs == 1, "layers, inputs, outputs");
  CHECK(m.macs == 5 * 6 * 2 * 9 + 12 * 4, "multiply-adds");
  CHECK(rppg_nn_input(&m, 1) == NULL && rppg_nn_output(&m, 1) == NULL, "nothing beyond the last one");
  CHECK(rppg_nn_output(&m, 0)->d[3] == 4 && rppg_nn_input(&m, 0)->d[1] == 5, "sizes");
  CHECK(m.spec.task == RPPG_NN_TASK_CLASSES && m.spec.source == RPPG_NN_PATCHES && m.spec.fps == 30.0f &&
        m.spec.w == 6 && m.spec.h == 5 && m.spec.margin == 1.5f && m.spec.norm == RPPG_NN_NORM_UNIT, "specification");
  CHECK(rppg_nn_read_about(gold_cnn, sizeof gold_cnn, &about) == RPPG_OK && about.mem_size == need &&
        memcmp(&about.spec, &m.spec, sizeof m.spec) == 0 && memcmp(about.x.d, m.inputs[0]->d, sizeof about.x.d) == 0 &&
        memcmp(about.y.d, m.outputs[0]->d, sizeof about.y.d) == 0 && about.x.n == 30 && about.y.n == 4,
        "all of it before it is opened");
  CHECK(rppg_nn_read_about(gold_cnn, sizeof gold_cnn - 1, &about) == RPPG_ERR_DATA && about.mem_size == 0 &&
        about.x.n == 0 && about.spec.frames == 0, "... nothing of a blob that is cut off");
  CHECK(m.camera_n == 4 && memcmp(m.camera, "none", 4) == 0, "camera");
  CHECK(m.note_n == 12 && memcmp(m.note, "three layers", 12) == 0, "note");
  CHECK(m.n_classes == 4 && rppg_nn_class_bpm(&m, 3) == 80.0f, "rate of a class that has its own");
  CHECK(rppg_nn_class_bpm(&m, 4) == 60.0f, "... of one that has none");
  CHECK(m.adapter.n == 0, "no adapter");
  CHECK(rppg_nn_open(NULL, gold_cnn, sizeof gold_cnn, mem_room, need, &e) == RPPG_ERR_ARG, "no model");
  CHECK(rppg_nn_open(&m, NULL, 64, mem_room, need, &e) == RPPG_ERR_ARG && zeroed(&m), "no blob");
  CHECK(rppg_nn_open(&m, gold_cnn, sizeof gold_cnn, NULL, need, &e) == RPPG_ERR_ARG && zeroed(&m), "no memory");
  CHECK(rppg_nn_mem_size(NULL, 64) == 0 && rppg_nn_mem_size(gold_cnn, 0) == 0, "no size for nothing");
  CHECK(rppg_nn_open(&m, gold_adapted, sizeof gold_adapted, mem_room, ROOM, &e) == RPPG_OK, "a model with an adapter");
  CHECK(m.adapter.mixes == 2 && m.adapter.channels == 6 && m.adapter.hidden == 2 && m.adapter.taps == 3 && m.adapter.n == 44 &&
        m.adapter.values == gold_adapted + u32(gold_adapted + 44) + 96, "... which says what it is and where");
}

/* The state of one stream, put aside and back. */
static void test_state(void)
{
  unsigned char saved[256];
  rppg_nn_model m;
  const size_t need = rppg_nn_mem_size(gold_causal, sizeof gold_causal);
  int i;
  CHECK(rppg_nn_open(&m, gold_causal, sizeof gold_causal, mem_room, need, NULL) == RPPG_OK, "causal model");
  CHECK(rppg_nn_state_size(&m) == 128, "... size of its state");
  for (i = 0; i < 2; i++) (void)run(&m, i);
  memcpy(saved, rppg_nn_state(&m), rppg_nn_state_size(&m));
  rppg_nn_reset(&m);
  for (i = 3; i >= 0; i--) (void)run(&m, i);
  memcpy(rppg_nn_state(&m), saved, rppg_nn_state_size(&m));
  (void)run(&m, 2);
  CHECK_NEAR(first_out[0][0], gold_causal_out[2], 2e-5, "... goes on where it was");
}

/* ---- damage ------------------------------------------------------------------------------------ */

static void test_truncations(void)
{
  static unsigned char copy[MOST];
  rppg_nn_error e;
  int b;
  for (b = 0; b < BLOBS; b++) {
    int refused = 1, named = 1, sound = 1;
    size_t n;
    for (n = 0; n < blobs[b].size; n++) {
      refused &= attempt(blobs[b].bytes, n, &e, &sound) == RPPG_ERR_DATA && asked == 0;
      named &= strcmp(e.field, n < 64 ? "magic" : "size") == 0;
    }
    CHECK(refused && named && sound, "%s: cut off anywhere", blobs[b].name);
    for (refused = named = 1, n = 64; n < blobs[b].size; n++) {
      memcpy(copy, blobs[b].bytes, n);
      put(copy + 16, 4, (uint32_t)n);
      repair(copy, n);
      refused &= attempt(copy, n, &e, &sound) == RPPG_ERR_DATA && asked == 0;
      named &= e.field[0] != 0;
    }
    CHECK(refused && named && sound, "%s: ... where size and checksum say so, too", blobs[b].name);
    memcpy(copy, blobs[b].bytes, blobs[b].size);
    copy[blobs[b].size] = 0;
    CHECK(attempt(copy, blobs[b].size + 1, &e, &sound) == RPPG_ERR_DATA && sound && strcmp(e.field, "size") == 0,
          "%s: something behind it", blobs[b].name);
  }
}

static void test_changes(void)
{
  static const unsigned char flip[3] = { 0xff, 0x01, 0x80 };
  static unsigned char copy[MOST];
  rppg_nn_error e;
  int b, k;
  for (b = 0; b < BLOBS; b++) {
    const uint32_t weights = u32(blobs[b].bytes + 52);
    int refused = 1, named = 1, sound = 1;
    unsigned accepted = 0, count = 0;
    size_t i;
    memcpy(copy, blobs[b].bytes, blobs[b].size);
    for (i = 0; i < blobs[b].size; i++) {
      copy[i] ^= (unsigned char)(1u << i % 8 | (i * 0x9d & 0x7f));
      refused &= attempt(copy, blobs[b].size, &e, &sound) < RPPG_OK && asked == 0;
      named &= e.field[0] != 0;
      copy[i] = blobs[b].bytes[i];
    }
    CHECK(refused && named && sound, "%s: a byte changed anywhere is noticed", blobs[b].name);
    for (named = 1, i = 0; i < blobs[b].size; i++)
      for (k = 0; k < (i < weights ? 3 : 1); k++) {
        copy[i] ^= flip[k];
        repair(copy, blobs[b].size);
        count++;
        if (attempt(copy, blobs[b].size, &e, &sound) == RPPG_OK) accepted++;
        else named &= e.field[0] != 0 || strcmp(e.what, "the memory block is too small") == 0;
        copy[i] = blobs[b].bytes[i];
      }
    CHECK(named && sound, "%s: ... with a right checksum it is refused by name, or harmless (%u of %u)", blobs[b].name,
          accepted, count);
    CHECK(accepted > 100 && accepted < count / 4 * 3, "%s: ... and both happen", blobs[b].name);
  }
}

/* ---- forgeries --------------------------------------------------------------------------------- */

enum { HEADER = 1, TENSOR, LAYER, CHUNK, WEIGHTS, ADPT = 72 + 8 /* where it begins, behind SPEC */ };
typedef struct change { int part, index, at, bytes; uint32_t value; } change;
typedef struct forgery {
  const char *what;
  int blob;
  change c[3];
  rppg_status status;
  const char *field;
  int layer, tensor; /* as the error says */
} forgery;

#define BAD RPPG_ERR_DATA
#define NEW RPPG_ERR_UNSUPPORTED
#define NONE 0xffffffffu
static const forgery forgeries[] = {
  /* header */
  { "another file", CNN, { { HEADER, 0, 3, 1, 'X' } }, BAD, "magic", -1, -1 },
  { "version 0", CNN, { { HEADER, 0, 8, 2, 0 } }, NEW, "version", -1, -1 },
  { "version 2", CNN, { { HEADER, 0, 8, 2, 2 } }, NEW, "version", -1, -1 },
  { "a later minor version", CNN, { { HEADER, 0, 10, 2, 9 } }, RPPG_OK, "", -1, -1 },
  { "a short header", CNN, { { HEADER, 0, 12, 4, 60 } }, BAD, "header size", -1, -1 },
  { "a long header", CNN, { { HEADER, 0, 12, 4, 0x7fffffff } }, BAD, "header size", -1, -1 },
  { "a header over the tensors", CNN, { { HEADER, 0, 12, 4, 65 } }, BAD, "offset of tensors", -1, -1 },
  { "a size of 4 GiB", CNN, { { HEADER, 0, 16, 4, NONE } }, BAD, "size", -1, -1 },
  { "a size of 0", CNN, { { HEADER, 0, 16, 4, 0 } }, BAD, "size", -1, -1 },
  { "no tensors", CNN, { { HEADER, 0, 24, 4, 0 } }, BAD, "number of tensors", -1, -1 },
  { "-1 tensors", CNN, { { HEADER, 0, 24, 4, NONE } }, BAD, "number of tensors", -1, -1 },
  { "tensors whose bytes wrap", CNN, { { HEADER, 0, 24, 4, 0x05555556 } }, BAD, "number of tensors", -1, -1 },
  { "more tensors than bytes", CNN, { { HEADER, 0, 24, 4, 4096 } }, BAD, "offset of tensors", -1, -1 },
  { "no layers", CNN, { { HEADER, 0, 32, 4, 0 } }, BAD, "number of layers", -1, -1 },
  { "-1 layers", CNN, { { HEADER, 0, 32, 4, NONE } }, BAD, "number of layers", -1, -1 },
  { "layers whose bytes wrap", CNN, { { HEADER, 0, 32, 4, 0x02000001 } }, BAD, "number of layers", -1, -1 },
  { "more layers than bytes", CNN, { { HEADER, 0, 32, 4, 4000 } }, BAD, "offset of layers", -1, -1 },
  { "tensors in the header", CNN, { { HEADER, 0, 28, 4, 60 } }, BAD, "offset of tensors", -1, -1 },
  { "tensors behind the end", CNN, { { HEADER, 0, 28, 4, 0xfffffffc } }, BAD, "offset of tensors", -1, -1 },
  { "tensors at a crooked place", CNN, { { HEADER, 0, 28, 4, 66 } }, BAD, "offset of tensors", -1, -1 },
  { "layers over tensors", CNN, { { HEADER, 0, 36, 4, 500 } }, BAD, "offset of layers", -1, -1 },
  { "chunks over layers", CNN, { { HEADER, 0, 44, 4, 1180 } }, BAD, "offset of chunks", -1, -1 },
  { "chunks larger than the blob", CNN, { { HEADER, 0, 40, 4, 0xfffffff0 } }, BAD, "offset of chunks", -1, -1 },
  { "weights at a crooked place", CNN, { { HEADER, 0, 52, 4, 1348 } }, BAD, "offset of weights", -1, -1 },
  { "weights over chunks", CNN, { { HEADER, 0, 52, 4, 1280 } }, BAD, "offset of weights", -1, -1 },
  { "weights larger than the blob", CNN, { { HEADER, 0, 48, 4, 1425 } }, BAD, "offset of weights", -1, -1 },
  { "weights smaller than the tensors", CNN, { { HEADER, 0, 48, 4, 1423 } }, BAD, "offset", -1, 9 },
  { "an arena of a crooked size", CNN, { { HEADER, 0, 56, 4, 321 } }, BAD, "size of the arena", -1, -1 },
  { "an arena of 4 GiB", CNN, { { HEADER, 0, 56, 4, 0xffffffc0 } }, BAD, "size of the arena", -1, -1 },
  { "an arena too small", CNN, { { HEADER, 0, 56, 4, 256 } }, BAD, "offset", -1, 5 },
  { "a state of 4 GiB", CAUSAL, { { HEADER, 0, 60, 4, 0xffffffc0 } }, BAD, "size of the state", -1, -1 },
  { "a state too small", CAUSAL, { { HEADER, 0, 60, 4, 64 } }, BAD, "offset", -1, 4 },
  /* tensors */
  { "an unknown kind", CNN, { { TENSOR, 2, 0, 1, 5 } }, BAD, "kind", -1, 2 },
  { "kind 255", CNN, { { TENSOR, 2, 0, 1, 255 } }, BAD, "kind", -1, 2 },
  { "an unknown type", CNN, { { TENSOR, 3, 1, 1, 4 } }, NEW, "type", -1, 3 },
  { "an activation of f16", CNN, { { TENSOR, 2, 1, 1, 1 }, { TENSOR, 2, 24, 4, 120 } }, BAD, "type", -1, 2 },
  { "an input of u7", CNN, { { TENSOR, 0, 1, 1, 3 }, { TENSOR, 0, 24, 4, 30 } }, BAD, "type", -1, 0 },
  { "weights of u7", MIXED, { { TENSOR, 5, 1, 1, 3 } }, BAD, "type", -1, 5 },
  { "a reserved field in use", CNN, { { TENSOR, 1, 2, 2, 1 } }, BAD, "reserved", -1, 1 },
  { "another one", CNN, { { TENSOR, 1, 44, 4, 1 } }, BAD, "reserved", -1, 1 },
  { "a size of 0", CNN, { { TENSOR, 2, 8, 4, 0 }, { TENSOR, 2, 24, 4, 0 } }, BAD, "sizes", -1, 2 },
  { "a size of 0 under a large one", CNN, { { TENSOR, 2, 4, 4, 0x94000000 }, { TENSOR, 2, 8, 4, 0 } }, BAD, "sizes", -1, 2 },
  { "a size of -1", CNN, { { TENSOR, 2, 16, 4, NONE } }, BAD, "sizes", -1, 2 },
  { "sizes whose product wraps at 32 bits", CNN, { { TENSOR, 2, 4, 4, 0x10000 }, { TENSOR, 2, 8, 4, 0x10000 } }, BAD,
    "sizes", -1, 2 },
  { "sizes whose product wraps at 64 bits", CNN, { { TENSOR, 2, 4, 4, 0x10000000 }, { TENSOR, 2, 8, 4, 0x10000000 },
    { TENSOR, 2, 12, 4, 0x100 } }, BAD, "sizes", -1, 2 },
  { "bytes that wrap", CNN, { { TENSOR, 2, 8, 4, 0x10000000 }, { TENSOR, 2, 12, 4, 4 }, { TENSOR, 2, 16, 4, 1 } }, BAD,
    "sizes", -1, 2 },
  { "too few bytes", CNN, { { TENSOR, 2, 24, 4, 236 } }, BAD, "bytes", -1, 2 },
  { "too many bytes", CNN, { { TENSOR, 3, 24, 4, 580 } }, BAD, "bytes", -1, 3 },
  { "a crooked place", CNN, { { TENSOR, 5, 20, 4, 252 } }, BAD, "offset", -1, 5 },
  { "a place behind the arena", CNN, { { TENSOR, 5, 20, 4, 384 } }, BAD, "offset", -1, 5 },
  { "a place whose end wraps", CNN, { { TENSOR, 2, 20, 4, 0xffffffc0 } }, BAD, "offset", -1, 2 },
  { "weights over weights", CNN, { { TENSOR, 8, 20, 4, 576 } }, BAD, "offset", -1, 8 },
  { "weights in another order", CNN, { { TENSOR, 3, 20, 4, 640 }, { TENSOR, 8, 20, 4, 0 } }, BAD, "offset", -1, 4 },
  { "states over each other", CAUSAL, { { TENSOR, 4, 20, 4, 0 } }, BAD, "offset", -1, 4 },
  { "a scale of f32", CNN, { { TENSOR, 2, 32, 4, 0x3f800000 } }, BAD, "scale", -1, 2 },
  { "a zero point of f32", CNN, { { TENSOR, 2, 36, 4, 1 } }, BAD, "scale", -1, 2 },
  { "an activation that begins as weights", CNN, { { TENSOR, 2, 28, 4, 4 } }, BAD, "beginning", -1, 2 },
  { "a state that begins as no tensor", CAUSAL, { { TENSOR, 3, 28, 4, 15 } }, BAD, "beginning", -1, 3 },
  { "... as an activation", CAUSAL, { { TENSOR, 3, 28, 4, 6 } }, BAD, "beginning", -1, 3 },
  { "... as smaller weights", CAUSAL, { { TENSOR, 3, 28, 4, 9 } }, BAD, "beginning", -1, 3 },
  { "no inputs", CNN, { { TENSOR, 0, 0, 1, 1 } }, BAD, "inputs", -1, -1 },
  { "no outputs", CNN, { { TENSOR, 1, 0, 1, 1 } }, BAD, "outputs", -1, -1 },
  { "inputs numbered from 1", CNN, { { TENSOR, 0, 20, 4, 1 } }, BAD, "inputs", -1, -1 },
  { "output number 16", CNN, { { TENSOR, 1, 20, 4, 16 } }, BAD, "number", -1, 1 },
  { "a number twice", CNN, { { TENSOR, 7, 0, 1, 4 } }, BAD, "number", -1, 7 },
  /* layers */
  { "op 0", CNN, { { LAYER, 0, 0, 2, 0 } }, NEW, "op", 0, -1 },
  { "an unknown op", CNN, { { LAYER, 4, 0, 2, 0xffff } }, NEW, "op", 4, -1 },
  { "an unknown activation", CNN, { { LAYER, 0, 2, 2, 0x7fff } }, NEW, "activation", 0, -1 },
  { "an activation of an op without", CNN, { { LAYER, 2, 2, 2, 1 } }, BAD, "activation", 2, -1 },
  { "an input that is no tensor", CNN, { { LAYER, 1, 8, 4, 10 } }, BAD, "inputs", 1, -1 },
  { "input -2", CNN, { { LAYER, 1, 8, 4, 0xfffffffe } }, BAD, "inputs", 1, -1 },
  { "no input", CNN, { { LAYER, 1, 8, 4, NONE } }, BAD, "inputs", 1, -1 },
  { "one input too many", CNN, { { LAYER, 1, 12, 4, 2 } }, BAD, "inputs", 1, -1 },
  { "weights as input", CNN, { { LAYER, 1, 8, 4, 3 } }, BAD, "inputs", 1, -1 },
  { "no output", CNN, { { LAYER, 1, 24, 4, NONE } }, BAD, "outputs", 1, -1 },
  { "two outputs", CNN, { { LAYER, 1, 28, 4, 6 } }, BAD, "outputs", 1, -1 },
  { "an input as output", CNN, { { LAYER, 2, 24, 4, 0 } }, BAD, "outputs", 2, -1 },
  { "weights as output", CNN, { { LAYER, 2, 24, 4, 3 } }, BAD, "outputs", 2, -1 },
  { "no weights", CNN, { { LAYER, 0, 32, 4, NONE } }, BAD, "weights", 0, -1 },
  { "an activation as weights", CNN, { { LAYER, 0, 32, 4, 0 } }, BAD, "weights", 0, -1 },
  { "weights of another layer", CNN, { { LAYER, 0, 32, 4, 8 } }, BAD, "weights", 0, -1 },
  { "four weights", CNN, { { LAYER, 0, 44, 4, 9 } }, BAD, "weights", 0, -1 },
  { "a bias of another size", CNN, { { LAYER, 0, 36, 4, 9 } }, BAD, "bias", 0, -1 },
  { "a residual of another size", CNN, { { LAYER, 3, 12, 4, 6 } }, BAD, "residual", 3, -1 },
  { "s8 without a scale", MIXED, { { LAYER, 1, 40, 4, NONE } }, BAD, "weights' type", 1, -1 },
  { "a scale without s8", MIXED, { { LAYER, 0, 40, 4, 4 } }, BAD, "weights' type", 0, -1 },
  { "a scale of another size", MIXED, { { LAYER, 1, 40, 4, 4 } }, BAD, "scale", 1, -1 },
  { "an s8 bias", MIXED, { { LAYER, 1, 36, 4, 5 } }, BAD, "bias", 1, -1 },
  { "a kernel of 0", CNN, { { LAYER, 0, 48, 4, 0 } }, BAD, "kernel", 0, -1 },
  { "a kernel of -3", CNN, { { LAYER, 0, 52, 4, 0xfffffffd } }, BAD, "kernel", 0, -1 },
  { "a kernel whose taps wrap", CNN, { { LAYER, 0, 48, 4, 0x8000 }, { LAYER, 0, 52, 4, 0x8000 }, { LAYER, 0, 56, 4, 0x8000 } },
    BAD, "kernel", 0, -1 },
  { "a stride of 0", CNN, { { LAYER, 0, 64, 4, 0 } }, BAD, "stride", 0, -1 },
  { "a stride of -1", CNN, { { LAYER, 0, 64, 4, NONE } }, BAD, "stride", 0, -1 },
  { "a stride beyond the input", CNN, { { LAYER, 0, 64, 4, 2 } }, BAD, "output size", 0, -1 },
  { "a dilation of 0", CNN, { { LAYER, 0, 92, 4, 0 } }, BAD, "dilation", 0, -1 },
  { "padding of -1", CNN, { { LAYER, 0, 76, 4, NONE } }, BAD, "padding", 0, -1 },
  { "padding wider than the kernel", CNN, { { LAYER, 0, 76, 4, 3 } }, BAD, "padding", 0, -1 },
  { "0 groups", CNN, { { LAYER, 0, 96, 4, 0 } }, BAD, "groups", 0, -1 },
  { "3 groups of 2 channels", CNN, { { LAYER, 0, 96, 4, 3 } }, BAD, "groups", 0, -1 },
  { "-1 groups", CNN, { { LAYER, 0, 96, 4, NONE } }, BAD, "groups", 0, -1 },
  { "a pool of neither kind", CNN, { { LAYER, 1, 48, 4, 2 } }, BAD, "operation", 1, -1 },
  { "a pool whose padding is too wide", CNN, { { LAYER, 1, 80, 4, 2 } }, BAD, "padding", 1, -1 },
  { "a pool of half a kernel", CNN, { { LAYER, 1, 56, 4, 0 } }, BAD, "kernel", 1, -1 },
  { "a reshape to more", CNN, { { LAYER, 2, 24, 4, 7 }, { LAYER, 3, 24, 4, 6 } }, BAD, "output size", 2, -1 },
  { "a softmax of NaN", CNN, { { LAYER, 4, 112, 4, 0x7fc00000 } }, BAD, "scale", 4, -1 },
  { "a softmax of infinity", CNN, { { LAYER, 4, 112, 4, 0xff800000 } }, BAD, "scale", 4, -1 },
  { "a flag without a meaning", CNN, { { LAYER, 0, 4, 4, 2 } }, BAD, "flags", 0, -1 },
  { "a parameter without one", CNN, { { LAYER, 4, 48 + 60, 4, 1 } }, BAD, "unused parameters", 4, -1 },
  { "a number without one", CNN, { { LAYER, 4, 116, 4, 0x7fc00000 } }, BAD, "unused parameters", 4, -1 },
  { "an axis of 4", CAUSAL, { { LAYER, 0, 48, 4, 4 } }, BAD, "axis", 0, -1 },
  { "an axis of -1", CAUSAL, { { LAYER, 0, 48, 4, NONE } }, BAD, "axis", 0, -1 },
  { "a concatenation of too little", CAUSAL, { { LAYER, 0, 12, 4, NONE } }, BAD, "output size", 0, -1 },
  { "a concatenation with a gap", CAUSAL, { { LAYER, 0, 12, 4, NONE }, { LAYER, 0, 16, 4, 0 } }, BAD, "inputs", 0, -1 },
  { "an operation 6", CAUSAL, { { LAYER, 3, 48, 4, 6 } }, BAD, "operation", 3, -1 },
  { "a sum of one", CAUSAL, { { LAYER, 3, 12, 4, NONE } }, BAD, "operand", 3, -1 },
  { "a sum of three", CAUSAL, { { LAYER, 3, 32, 4, 10 } }, BAD, "operand", 3, -1 },
  { "a sum of other sizes", CAUSAL, { { LAYER, 3, 12, 4, 5 } }, BAD, "operand's size", 3, -1 },
  { "a slice from beyond", CAUSAL, { { LAYER, 4, 56, 4, 3 } }, BAD, "start", 4, -1 },
  { "a slice from -1", CAUSAL, { { LAYER, 4, 56, 4, NONE } }, BAD, "start", 4, -1 },
  { "a slice that ends beyond", CAUSAL, { { LAYER, 4, 56, 4, 2 } }, BAD, "output size", 4, -1 },
  { "a slice of step 0", CAUSAL, { { LAYER, 4, 72, 4, 0 } }, BAD, "step", 4, -1 },
  { "a slice of a wide step", CAUSAL, { { LAYER, 4, 64, 4, 0x10000000 } }, BAD, "step", 4, -1 },
  /* the order of things */
  { "read before it is written", CNN, { { LAYER, 0, 8, 4, 2 }, { LAYER, 0, 24, 4, 0 } }, BAD, "outputs", 0, -1 },
  { "layers that feed each other", CAUSAL, { { LAYER, 2, 8, 4, 11 } }, BAD, "inputs", 2, 11 },
  { "written twice", CAUSAL, { { LAYER, 3, 24, 4, 9 }, { LAYER, 3, 12, 4, 4 } }, BAD, "outputs", 3, 9 },
  { "a state written twice", CAUSAL, { { LAYER, 6, 24, 4, 3 }, { LAYER, 6, 8, 4, 12 } }, BAD, "outputs", 6, 3 },
  { "an output that nobody writes", CNN, { { HEADER, 0, 32, 4, 4 } }, BAD, "outputs", -1, 1 },
  { "a convolution over its own input", CNN, { { TENSOR, 5, 20, 4, 0 } }, BAD, "offset", 1, 2 },
  { "one over what is still needed", CAUSAL, { { TENSOR, 6, 20, 4, 0 } }, BAD, "offset", 1, 5 },
  { "one that is read again later", CAUSAL, { { TENSOR, 9, 20, 4, 64 } }, BAD, "offset", 2, 6 },
  /* weights */
  { "NaN", CNN, { { WEIGHTS, 0, 0, 4, 0x7fc00000 } }, BAD, "weights", -1, 3 },
  { "NaN of the other kind", CNN, { { WEIGHTS, 0, 640, 4, 0xff800001 } }, BAD, "weights", -1, 8 },
  { "infinity in a bias", CNN, { { WEIGHTS, 0, 1408 + 12, 4, 0x7f800000 } }, BAD, "weights", -1, 9 },
  { "NaN of f16", MIXED, { { WEIGHTS, 0, 190, 2, 0x7e01 } }, BAD, "weights", -1, 3 },
  { "infinity of f16", MIXED, { { WEIGHTS, 0, 2, 2, 0xfc00 } }, BAD, "weights", -1, 3 },
  { "-128", MIXED, { { WEIGHTS, 0, 256 + 47, 1, 0x80 } }, BAD, "weights", -1, 5 },
  { "a scale of infinity", MIXED, { { WEIGHTS, 0, 320, 4, 0x7f800000 } }, BAD, "weights", -1, 6 },
  /* chunks */
  { "a chunk that does not fit", CNN, { { CHUNK, 0, 132, 4, 9 } }, BAD, "chunks", -1, -1 },
  { "one of 4 GiB", CNN, { { CHUNK, 0, 4, 4, NONE } }, BAD, "chunks", -1, -1 },
  { "one whose end wraps", CNN, { { CHUNK, 0, 132, 4, 0xfffffffd } }, BAD, "chunks", -1, -1 },
  { "one that is unknown", CNN, { { CHUNK, 0, 0, 1, 'X' } }, RPPG_OK, "", -1, -1 },
  { "one twice", CNN, { { CHUNK, 0, 72, 4, 0x45544f4e } }, BAD, "NOTE", -1, -1 },
  { "an unknown task", CNN, { { CHUNK, 0, 8, 4, 99 } }, NEW, "task", -1, -1 },
  { "an unknown source", CNN, { { CHUNK, 0, 12, 4, NONE } }, NEW, "source", -1, -1 },
  { "an unknown norm", CNN, { { CHUNK, 0, 44, 4, 77 } }, NEW, "norm", -1, -1 },
  { "a rate of NaN frames", CNN, { { CHUNK, 0, 24, 4, 0x7fc00000 } }, BAD, "spec", -1, -1 },
  { "a rate of infinite beats", CNN, { { CHUNK, 0, 112, 4, 0x7f800000 } }, BAD, "BPMS", -1, -1 },
  { "an adapter that nobody knows", ADAPTED, { { CHUNK, 0, ADPT - 8, 1, 'X' } }, RPPG_OK, "", -1, -1 },
  { "an adapter twice", ADAPTED, { { CHUNK, 0, ADPT + 192, 4, 0x54504441 } }, BAD, "ADPT", -1, -1 },
  { "an adapter without its head", ADAPTED, { { CHUNK, 0, ADPT - 4, 4, 136 } }, BAD, "chunks", -1, -1 },
  { "an adapter that says less than it holds", ADAPTED, { { CHUNK, 0, ADPT, 4, 1 } }, BAD, "size", -1, -1 },
  { "one that says more", ADAPTED, { { CHUNK, 0, ADPT + 12, 4, 5 } }, BAD, "size", -1, -1 },
  { "as many matrices as colours", ADAPTED, { { CHUNK, 0, ADPT, 4, 6 } }, BAD, "matrices", -1, -1 },
  { "matrices whose bytes wrap", ADAPTED, { { CHUNK, 0, ADPT, 4, 0x1c71c71e } }, BAD, "matrices", -1, -1 },
  { "matrices for no colours", ADAPTED, { { CHUNK, 0, 12, 4, 0 } }, BAD, "matrices", -1, -1 },
  { "matrices for two signals of four", ADAPTED, { { CHUNK, 0, 8 + 24, 4, 4 } }, BAD, "matrices", -1, -1 },
  { "one gain too many", ADAPTED, { { CHUNK, 0, ADPT + 4, 4, 7 } }, BAD, "gains", -1, -1 },
  { "-1 gains", ADAPTED, { { CHUNK, 0, ADPT + 4, 4, NONE } }, BAD, "gains", -1, -1 },
  { "gains for any channels", ADAPTED, { { CHUNK, 0, ADPT, 4, 0 }, { CHUNK, 0, ADPT + 4, 4, NONE }, { CHUNK, 0, 8 + 24, 4, NONE } },
    BAD, "gains", -1, -1 },
  { "no hidden channels", ADAPTED, { { CHUNK, 0, ADPT + 8, 4, 0 } }, BAD, "hidden", -1, -1 },
  { "33 of them", ADAPTED, { { CHUNK, 0, ADPT + 8, 4, 33 } }, BAD, "hidden", -1, -1 },
  { "hidden channels without taps", ADAPTED, { { CHUNK, 0, ADPT + 12, 4, 0 } }, BAD, "hidden", -1, -1 },
  { "hidden channels of a wave", ADAPTED, { { CHUNK, 0, 8, 4, 2 } }, BAD, "hidden", -1, -1 },
  { "an even number of taps", ADAPTED, { { CHUNK, 0, ADPT + 12, 4, 4 } }, BAD, "taps", -1, -1 },
  { "65 taps", ADAPTED, { { CHUNK, 0, ADPT + 12, 4, 65 } }, BAD, "taps", -1, -1 },
  { "a head for a rate", ADAPTED, { { CHUNK, 0, 8, 4, 4 } }, BAD, "taps", -1, -1 },
  { "an adapter with NaN", ADAPTED, { { CHUNK, 0, ADPT + 16, 4, 0x7fc00000 } }, BAD, "values", -1, -1 },
  { "an adapter with infinity", ADAPTED, { { CHUNK, 0, ADPT + 176, 4, 0xff800000 } }, BAD, "values", -1, -1 },
  { "an adapter with 65", ADAPTED, { { CHUNK, 0, ADPT + 100, 4, 0x42820000 } }, BAD, "values", -1, -1 }
};

static void forge(const forgery *f, unsigned char *copy)
{
  size_t k;
  memcpy(copy, blobs[f->blob].bytes, blobs[f->blob].size);
  for (k = 0; k < 3 && f->c[k].part; k++) {
    const change *c = &f->c[k];
    const uint32_t first = c->part == TENSOR ? u32(copy + 28) : c->part == LAYER ? u32(copy + 36)
                         : c->part == CHUNK ? u32(copy + 44) : c->part == WEIGHTS ? u32(copy + 52) : 0;
    const int each = c->part == TENSOR ? 48 : c->part == LAYER ? 128 : 0;
    put(copy + first + (uint32_t)(c->index * each + c->at), c->bytes, c->value);
  }
  repair(copy, blobs[f->blob].size);
}

static void test_forgeries(void)
{
  static unsigned char copy[MOST];
  size_t i;
  for (i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
    const forgery *f = &forgeries[i];
    rppg_nn_error e;
    int sound = 1;
    rppg_status status;
    forge(f, copy);
    status = attempt(copy, blobs[f->blob].size, &e, &sound);
    CHECK(sound && status == f->status && strcmp(e.field, f->field) == 0 && e.layer == f->layer && e.tensor == f->tensor,
          "%s: %s: %d, %s: %s, layer %d, tensor %d", blobs[f->blob].name, f->what, (int)status, e.what, e.field, e.layer,
          e.tensor);
  }
}

int main(void)
{
  crc_make();
  test_right();
  test_contents();
  test_state();
  test_truncations();
  test_changes();
  test_forgeries();
  return tap_end();
}
