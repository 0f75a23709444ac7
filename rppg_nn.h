/* rppg_nn.h - small neural networks from one weight blob - v0.1.0 - MIT

   DO THIS
     #define RPPG_IMPLEMENTATION      in exactly one C or C++ file, before
     #include "rppg_nn.h"             with rppg_dsp.h beside it

   SYNOPSIS
     #define RPPG_IMPLEMENTATION
     #include "rppg_nn.h"
     #include <stdio.h>
     #include <stdlib.h>

     int main(int argc, char **argv)
     {
       static unsigned char blob[1 << 20];
       FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
       const size_t size = f ? fread(blob, 1, sizeof blob, f) : 0;
       const size_t need = rppg_nn_mem_size(blob, size);
       void *mem = malloc(need + 1);
       rppg_nn_model model;
       rppg_nn_error error;
       if (f) fclose(f);
       if (rppg_nn_open(&model, blob, size, mem, need, &error) != RPPG_OK) {
         printf("%s: %s of layer %d\n", error.what, error.field, error.layer);
         return argc > 1;
       }
       printf("%lu layers, %lu numbers in\n", (unsigned long)model.n_layers,
              (unsigned long)rppg_nn_input(&model, 0)->n);
       return 0;
     }

   LIMITS
     Batch 1, static shapes, up to four axes. Blobs below 2 GiB, 4096 tensors, 4096 layers,
     16 inputs and 16 outputs, 2^28 elements in a tensor.

   CONVENTIONS
     Tensors are [T][H][W][C]: time, height, width, channels; the last index runs fastest and
     nothing is padded. A frame is [1][H][W][C], a clip [T][H][W][C], a signal or a list of tokens
     [1][1][L][C], a vector [1][1][1][C]. "Same", "valid" and other paddings are numbers here.

   MEMORY  ERRORS  THREADS
     Nothing is allocated. Weights stay in the blob, which is never written and must outlive the
     model; on a big-endian machine they are copied into the caller's block. The block of
     rppg_nn_mem_size holds the decoded layers, the activations (placed by the packer, checked
     by rppg_nn_open), scratch, and the state of causal models, which lives from run to run.
     rppg_nn_open trusts nothing in the blob: after it, rppg_nn_run cannot fail and reads and
     writes inside the blob, the block and the caller's inputs and outputs alone. The blob must not
     change while the model is in use.
     A model is not shared between threads; several models may share a blob.

   EXACTNESS AND SIMD
     The instruction sets are those of rppg_dsp.h. Sums use fused multiply-add where the machine has
     it, so f32 results differ between machines by rounding: parity with PyTorch in double is tested
     to 1e-4 of the output's range. Layers of 8 bits have the same bits everywhere.

   BUILD OPTIONS, before the include: those of rppg_dsp.h, and
     RPPG_NN_FUZZING      off   rppg_nn_open ignores the checksum, so that a fuzzer gets past it
     RPPG_NN__SELF        "rppg_nn.h": the name of this file, if you rename it

   FORMAT, version 1.0. Little-endian. "At" counts bytes.
     A blob is a header, tensor records, layer records, chunks, weights: each part begins at the
     offset that the header names, a multiple of 4 (weights: of 64), in any order, none overlapping.

     Header      at  0  8 bytes "RPPGNN\x1a\n"
                     8  u16 major, 1: a reader refuses another; u16 minor: it ignores
                    12  u32 size of this header, >= 64; what a later minor adds is ignored
                    16  u32 size of the blob
                    20  u32 CRC-32 (zlib's) of the blob with these four bytes as zeros
                    24  u32 number, u32 offset of tensor records
                    32  u32 number, u32 offset of layer records
                    40  u32 size, u32 offset of the chunks
                    48  u32 size, u32 offset of the weights
                    56  u32 size of the arena, u32 size of the state, in bytes, multiples of 64

     Tensor, 48 bytes
                     0  u8 kind: 0 weight, 1 activation, 2 state, 3 input, 4 output
                     1  u8 type: 0 f32, 1 f16, 2 s8, 3 u7 (0..127)
                     2  u16 zero
                     4  u32 x 4 sizes T, H, W, C, each 1..2^28; their product at most 2^28
                    20  u32 offset in weights, arena or state, a multiple of 64; of an input or
                        output: its number, from 0, without gaps
                    24  u32 bytes: product of the sizes times the type's bytes
                    28  u32 of a state: 1 + number of the f32 weight tensor that it begins as, or 0
                        for zeros; else 0
                    32  f32 scale, s32 zero point: value = scale * (stored - zero); for u7; else 0
                    40  u32 x 2 zero
                 Weights are f32, f16 or s8; activations f32 or u7; all others f32.

     Layer, 128 bytes
                     0  u16 op (rppg_nn_op), u16 activation (rppg_nn_act)
                     4  u32 flags, meaning per op
                     8  u32 x 4 input tensors, 24  u32 x 2 output tensors, 32  u32 x 4 weight
                        tensors; 0xffffffff: none
                    48  s32 x 16 parameters, meaning per op; those without one are 0
                   112  f32 x 4 parameters, likewise
                 Layers run in order. A tensor is written once, before it is read; a state may be
                 read before it is written and then has the value of the run before. Activations
                 may share memory when one is written after the last layer that reads the other, or
                 by that very layer, at the same place and size, where the op is marked "in place".
                 The ops and their parameters stand at rppg_nn_op below.

     Chunks      u32 tag, u32 bytes n, then n bytes, then zeros up to a multiple of 4. Unknown tags
                 are skipped.
                 "SPEC" the input and the task, 64 bytes: see rppg_nn_spec
                 "BPMS" f32 x classes: the rate of each class, instead of SPEC's first and step
                 "CAMR" the camera that the model was trained for, UTF-8
                 "NOTE" text, UTF-8
                 "NAME" a name for each layer, each ended by a zero byte, for people

   SOURCES are named at the ops.

   CHANGES
     0.1.0  first release                                                                         */
#ifndef RPPG_NN_H
#define RPPG_NN_H

#include "rppg_dsp.h"

#define RPPG_NN_VERSION 100 /* major * 10000 + minor * 100 + patch */
#define RPPG_NN_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- ops: what a layer record can say -------------------------------------------------------- */

enum { RPPG_NN_MAX_IO = 16 }; /* inputs, and outputs, of a model */

/* Where a line names no sizes, the output has those of x, which is input 0. "act": the record's
   activation is applied to the result. w0.. are weight tensors, f32 unless said otherwise.

   CONV      Convolution over T, H, W (cross-correlation, as PyTorch): [Ti][Hi][Wi][Ci] to
             [To][Ho][Wo][Co]. p0..2 kernel, p3..5 stride, p6..8 zeros before the first sample,
             p9..11 dilation, along T, H, W; p12 groups. As many zeros follow the last sample as the
             output's size asks for, at most dilation * (kernel - 1). w0 (f32, f16, s8) in blocks of
             16 outputs, [groups][ceil(Co/groups/16)][kt][kh][kw][Ci/groups][16], filled up with
             zeros; w1 bias [Co] or none; w2 for s8: scale [Co]. Input 1, or none, is added before
             act: a residual, of the output's sizes.
   DEPTHWISE The same with one filter for each channel: Co = Ci, p12 = 0, w0 [kt][kh][kw][C].
   AFFINE    x * w0[c] + w1[c]: batch norm at inference. act, in place
   POOL      p0 = 0 average, 1 maximum; p1..3 kernel, p4..6 stride, p7..9 padding before, along T,
             H, W. An average counts real samples alone, or with flag 1 the padding too. Kernel 0, 0,
             0: adaptive, as PyTorch, the output's sizes say how many cells. act
   ACT       act alone. in place
   SOFTMAX   Over C, of f0 * x. in place
   BINARY    p0 = 0 x + y, 1 x - y, 2 x * y, 3 x / y, 4 minimum, 5 maximum; y is input 1 or w0,
             whose sizes are those of x or 1. act, in place
   REDUCE    p0 = 0 sum, 1 mean, 2 maximum, 3 minimum, over the axes whose output size is 1. act
   CONCAT    Inputs 0..3, as many as there are, along axis p0 (0..3: T, H, W, C).
   SLICE     From p0..3 on, every p4..7-th, along T, H, W, C.
   PERMUTE   Axis k of the output is axis p[k] of x.
   RESHAPE   The same numbers under other sizes. in place

   8 bits. A u7 tensor stands for scale * (stored - zero), written s(x) and z(x) here. Sums are
   s32, exact; the rest is f32, each operation rounded by itself in the order written; "stored" is
   round(min(max(v, 0), 127)), to the nearest, halves to even, NaN to the lower bound. So these ops
   have the same bits on every machine.
   QUANT     f32 to u7: v = x * (1 / s(y)) + z(y).
   DEQUANT   u7 to f32: y = (float)(x - z(x)) * s(x).
   CONV_S8   CONV of u7 to u7 or f32: p as there; what lies beside the input is z(x). w0 s8 in
             [groups][ceil(Co/groups/16)][runs][ceil(run/4)][16][4]: a run is what lies together in
             x, for p11 = 1 the p2 * Ci/groups numbers of a row of the kernel [kw][ci], otherwise the
             Ci/groups of a tap; runs are in the order kt, kh, and kw where p11 > 1. Number j of a
             run stands at [j / 4][output][j % 4]; zeros fill up. All runs together have at most
             133000 numbers. w1 bias f32 [Co] or none, w2 scale f32 [Co]. Input 1 u7, or none: r.
             With S the sum of (x - z(x)) * w0:
               to f32  y = act((float)S * (s(x) * w2) + bias + (float)(r - z(r)) * s(r))
               to u7   v = (float)S * (s(x) * w2 / s(y)) + (bias / s(y) + (float)z(y))
                           + (float)(r - z(r)) * (s(r) / s(y)); act none, or ReLU: from z(y) on
   And of those above, u7 to u7:
   ACT       stored as QUANT(act(DEQUANT(x))).
   BINARY    Addition of an input of the same sizes: v = (float)(x - z(x)) * (s(x) / s(y))
             + (float)(y1 - z(y1)) * (s(y1) / s(y)) + (float)z(y); no act.
   POOL      Maximum: s and z as x. Average of n: v = (float)(sum of (x - z(x)))
             * (s(x) / s(y) / (float)n) + (float)z(y); at most 2^23 numbers each. No act.
   CONCAT, RESHAPE  s and z of all alike.                                                         */
#define RPPG_NN__OPS(X) \
  X(CONV, 1) X(DEPTHWISE, 2) X(AFFINE, 4) X(POOL, 6) X(ACT, 7) X(SOFTMAX, 8) X(BINARY, 9) \
  X(REDUCE, 10) X(CONCAT, 11) X(SLICE, 12) X(PERMUTE, 13) X(RESHAPE, 14) \
  X(QUANT, 32) X(DEQUANT, 33) X(CONV_S8, 34)
typedef enum rppg_nn_op {
#define RPPG__X(name, value) RPPG_NN_##name = value,
  RPPG_NN__OPS(RPPG__X)
#undef RPPG__X
  RPPG_NN__OP_END
} rppg_nn_op;

/* Activations, elementwise. GELU is x * Phi(x), GELU_TANH its approximation by tanh. */
typedef enum rppg_nn_act {
  RPPG_NN_LINEAR = 0, RPPG_NN_RELU, RPPG_NN_RELU6, RPPG_NN_ELU, RPPG_NN_GELU, RPPG_NN_GELU_TANH,
  RPPG_NN_SILU, RPPG_NN_TANH, RPPG_NN_SIGMOID, RPPG_NN_SOFTPLUS, RPPG_NN_EXP, RPPG_NN_SQRT,
  RPPG_NN_ABS, RPPG_NN_NEG, RPPG_NN_SQUARE, RPPG_NN__ACT_END
} rppg_nn_act;

typedef enum rppg_nn_kind {
  RPPG_NN_WEIGHT = 0, RPPG_NN_ACTIVATION, RPPG_NN_STATE, RPPG_NN_INPUT, RPPG_NN_OUTPUT
} rppg_nn_kind;
typedef enum rppg_nn_type { RPPG_NN_F32 = 0, RPPG_NN_F16, RPPG_NN_S8, RPPG_NN_U7 } rppg_nn_type;

/* ---- models ---------------------------------------------------------------------------------- */

/* A tensor record as rppg_nn_open decoded it. */
typedef struct rppg_nn_tensor {
  int kind, type;           /* rppg_nn_kind, rppg_nn_type */
  int32_t d[4];             /* T, H, W, C */
  size_t n;                 /* elements */
  uint32_t offset, begins;  /* as in the record */
  float scale;
  int32_t zero;
  void *data;               /* inputs and outputs: the caller's, while a run lasts */
  int written, read;        /* first layer that writes it, last one that reads it; -1: none */
} rppg_nn_tensor;

typedef struct rppg_nn_layer {
  int op, act;
  uint32_t flags;
  rppg_nn_tensor *in[4], *out[2], *w[4]; /* NULL: none */
  int32_t p[16];
  float f[4];
  void *prep;               /* what the op has prepared from the weights, or NULL */
} rppg_nn_layer;

/* What the model wants and gives: the chunk "SPEC", zeros where the blob has none. */
typedef enum rppg_nn_task {
  RPPG_NN_TASK_NONE = 0,
  RPPG_NN_TASK_CLASSES,     /* a score for each rate */
  RPPG_NN_TASK_WAVE,        /* pulse wave */
  RPPG_NN_TASK_SLOPE,       /* its differences */
  RPPG_NN_TASK_RATE         /* beats per minute */
} rppg_nn_task;
typedef enum rppg_nn_source {
  RPPG_NN_RAW = 0,          /* the caller knows */
  RPPG_NN_SIGNALS,          /* mean colours of ROIs: [1][signals][frames][1], ROI by ROI, R, G, B */
  RPPG_NN_PATCHES           /* small images of the face box: [frames][h][w][channels] */
} rppg_nn_source;
typedef enum rppg_nn_norm {
  RPPG_NN_NORM_NONE = 0,    /* patches: 0..255 */
  RPPG_NN_NORM_UNIT,        /* patches: 0..1 */
  RPPG_NN_NORM_RANGE,       /* each signal's minimum to -1, its maximum to 1 */
  RPPG_NN_NORM_STANDARD,    /* (x - mean) / deviation over the whole input */
  RPPG_NN_NORM_DIFF,        /* (next - this) / (next + this), then divided by its deviation */
  RPPG_NN_NORM_DIFF_STANDARD /* six channels: DIFF, then STANDARD */
} rppg_nn_norm;
typedef struct rppg_nn_spec {                 /* all fields are 4 bytes, at 0, 4, 8, ... */
  uint32_t task, source;
  uint32_t frames, hop;     /* of one run; new ones from run to run, equal: clips side by side */
  float fps;
  uint32_t layout;          /* rppg_layout, of signals */
  uint32_t channels, w, h;  /* signals in all; or of a patch */
  uint32_t norm;            /* rppg_nn_norm */
  float bpm_first, bpm_step; /* rate of class 0, and from class to class */
  float margin;             /* patches: the face box times this, about its middle; 0: 1 */
  uint32_t reserved[3];
} rppg_nn_spec;

/* Where and why a blob was refused. Texts are static. */
typedef struct rppg_nn_error {
  const char *what;         /* "ok", or a sentence */
  const char *field;        /* of the record, or "" */
  int layer, tensor;        /* record number, or -1 */
} rppg_nn_error;

typedef struct rppg_nn_model {
  rppg_nn_spec spec;
  size_t n_tensors, n_layers, n_inputs, n_outputs;
  rppg_nn_tensor *tensors;
  rppg_nn_layer *layers;
  rppg_nn_tensor *inputs[RPPG_NN_MAX_IO], *outputs[RPPG_NN_MAX_IO];
  unsigned char *arena, *state;
  size_t arena_size, state_size;
  void *scratch;
  double macs;              /* multiply-adds of one run */
  const char *camera, *note; /* in the blob, of camera_n and note_n bytes, no zero at the end */
  size_t camera_n, note_n;
  const uint8_t *classes;   /* chunk BPMS, or NULL */
  size_t n_classes;
  const void *kernels;
} rppg_nn_model;

/* Bytes of memory that rppg_nn_open needs for this blob.

   blob  in  any bytes, from any source
   size  in  of them

   Returns 0 for a blob that rppg_nn_open refuses on its header, tensors or layers; open says why.
   Depends on the instruction set, so ask on the machine that runs. Cost: O(size of records). */
RPPG_DEF size_t rppg_nn_mem_size(const void *blob, size_t size);

/* Proves a blob and prepares it for running.

   m      out  the model; zeroed when the status is not RPPG_OK
   blob   in   [size] any bytes; any alignment (64 is fastest); stays in use
   mem         [mem_size] of any alignment; stays in use, must not move
   error  out  where and why, or NULL

   Returns RPPG_OK; RPPG_ERR_ARG for NULL; RPPG_ERR_SPACE for too small a block;
   RPPG_ERR_UNSUPPORTED for another major version or an op, type or activation that is not known;
   RPPG_ERR_DATA for everything else that is wrong with the blob.
   The state is that of rppg_nn_reset. Cost: O(size) for checksum and finiteness of the weights.  */
RPPG_DEF rppg_status rppg_nn_open(rppg_nn_model *m, const void *blob, size_t size, void *mem,
                                  size_t mem_size, rppg_nn_error *error);

/* Sets the state of a causal model to what the blob says: as before the first frame. */
RPPG_DEF void rppg_nn_reset(rppg_nn_model *m);

/* Inputs and outputs: their sizes d[4] and n. NULL beyond the last one. */
RPPG_DEF const rppg_nn_tensor *rppg_nn_input(const rppg_nn_model *m, size_t i);
RPPG_DEF const rppg_nn_tensor *rppg_nn_output(const rppg_nn_model *m, size_t i);

/* The state, to save, restore or exchange between frames: bytes of native floats. */
RPPG_DEF size_t rppg_nn_state_size(const rppg_nn_model *m);
RPPG_DEF void *rppg_nn_state(rppg_nn_model *m);

/* Runs the model once.

   in   in   [n_inputs] arrays of rppg_nn_input(m, i)->n floats, any alignment
   out  out  [n_outputs] arrays of rppg_nn_output(m, i)->n floats; must not overlap in or each other

   Cannot fail. NaN and infinity in an input come out as some number, NaN or infinity. Not exact:
   see EXACTNESS. Cost: m->macs multiply-adds.                                                    */
RPPG_DEF void rppg_nn_run(rppg_nn_model *m, const float *const *in, float *const *out);

/* The rate of class i of a classifier, in beats per minute. */
RPPG_DEF float rppg_nn_class_bpm(const rppg_nn_model *m, size_t i);

/* The name of an op, in lower case; "?" for a number that is none. */
RPPG_DEF const char *rppg_nn_op_name(int op);

#ifdef __cplusplus
}
#endif
#endif /* RPPG_NN_H */

/* Stop here if you only want the API. ========================================================== */

#ifdef RPPG_IMPLEMENTATION

#ifndef RPPG_NN__BEGUN
#define RPPG_NN__BEGUN
#include "rppg_dsp.h" /* its implementation, where only its declarations were included so far */

/* ---- platform: rppg_dsp.h has it ------------------------------------------------------------- */

#ifndef RPPG_NN__SELF
#  define RPPG_NN__SELF "rppg_nn.h"
#endif
enum { RPPG_NN__BLOCK = 16 }; /* output channels that lie together in packed weights */
#define RPPG_NN__ELEMENTS ((uint32_t)1 << 28) /* of a tensor, at most */
#if defined(__clang__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#  define RPPG_NN__UNROLL _Pragma("clang loop unroll(full)") /* else sums stay in memory: twice the
                                                               time of the AVX-VNNI kernel */
#else
#  define RPPG_NN__UNROLL RPPG__UNROLL
#endif

/* A block of output channels of a convolution: everything that its kernel reads. */
typedef struct rppg_nn__conv {
  const float *x, *w, *bias, *more; /* input; panel [kt][kh][kw][ci][16]; [16]; residual or NULL */
  float *y;
  const float *zeros;               /* [ci]: what lies beside the input */
  const int32_t *xd, *yd;           /* sizes T, H, W, C */
  const int32_t *k, *stride, *pad, *dilation;
  int x_at, ci, y_at, n;            /* channels: first and number read, first and number written */
  int act;
} rppg_nn__conv;

/* A block of output channels of a convolution of 8 bits. Pixels and runs of x are steps of bytes
   apart, along T, H, W; around every run as many bytes as quads say can be read. */
typedef struct rppg_nn__conv8 {
  const uint8_t *x, *more;          /* residual or NULL */
  const int8_t *w;                  /* [runs][quads][16][4] */
  const int32_t *start;             /* [16] added to the sums: the zero point's part */
  const float *scale, *shift;       /* [16] */
  uint8_t *y8;                      /* one of the two is NULL */
  float *y;
  size_t step[3], tap[3], quads, channels; /* of y, and of more */
  int32_t yd[3], runs[3], more_zero;
  float lo, more_scale;
  int n, act;                       /* channels of the block; of f32 */
} rppg_nn__conv8;

static RPPG__INLINE int32_t rppg_nn__word(const uint8_t *p) /* four bytes as they lie */
{
  int32_t word;
  memcpy(&word, p, 4);
  return word;
}

/* The low seven bits of each float's bits. */
static RPPG__INLINE void rppg_nn__bytes16(uint8_t *p, const float *x)
{
  uint32_t u;
  int i;
  for (i = 0; i < RPPG_NN__BLOCK; i++) { memcpy(&u, x + i, 4); p[i] = (uint8_t)(u & 127); }
}

/* ---- arithmetic: products and sums round separately, but where rppg__vf_fma is written ------- */

#if defined(__clang__)
#  pragma clang fp contract(off)
#elif defined(__GNUC__) && !defined(__TINYC__)
#  pragma GCC push_options
#  pragma GCC optimize("fp-contract=off", "no-tree-slp-vectorize") /* see rppg_dsp.h */
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wmaybe-uninitialized" /* gcc bug 105593: its own intrinsics */
#elif defined(_MSC_VER)
#  pragma fp_contract(off)
#endif

/* ---- activations ----------------------------------------------------------------------------- */

/* e^x, relative error below 2e-7 (measured against double over all floats of -87..88); 0 below
   -87.3, infinity above 88.7: Cody and Waite's reduction by ln 2, then Taylor to x^6. */
static float rppg_nn__exp(float x)
{
  float n, r, p;
  uint32_t bits;
  if (!(x > -87.3f)) return x != x ? x : 0.0f;
  if (x > 88.7f) { bits = 0x7f800000u; memcpy(&p, &bits, 4); return p; }
  n = (float)(int32_t)(x * 1.44269504f + (x < 0 ? -0.5f : 0.5f));
  r = x - n * 0.693359375f;
  r -= n * -2.12194440e-4f;
  p = 1.0f / 720 * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  bits = (uint32_t)((int32_t)n / 2 + 127) << 23; /* in two steps: 2^128 is no float */
  memcpy(&x, &bits, 4);
  p *= x;
  bits = (uint32_t)((int32_t)n - (int32_t)n / 2 + 127) << 23;
  memcpy(&x, &bits, 4);
  return p * x;
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|); the logarithm by 2 atanh(u / (2 + u)), u in 0..1. */
static float rppg_nn__softplus(float x)
{
  const float u = rppg_nn__exp(x < 0 ? x : -x), s = u / (2.0f + u), q = s * s;
  const float l =
      2 * s * (1 + q * (1.0f / 3 + q * (0.2f + q * (1.0f / 7 + q * (1.0f / 9 + q / 11)))));
  return (x > 0 ? x : 0.0f) + l;
}

static float rppg_nn__tanh(float x)
{
  const float a = x < 0 ? -x : x;
  float y;
  if (x != x) return x;
  if (a < 0.25f) { /* 1 - 2/(e+1) would cancel */
    const float q = x * x;
    return x * (1 - q * (1.0f / 3 - q * (2.0f / 15 - q * (17.0f / 315 - q * (62.0f / 2835)))));
  }
  y = a > 9.1f ? 1.0f : 1.0f - 2.0f / (rppg_nn__exp(2 * a) + 1.0f);
  return x < 0 ? -y : y;
}

/* Phi(x) by [AbramowitzStegun] 7.1.26, absolute error below 1e-6. */
static float rppg_nn__phi(float x)
{
  const float a = (x < 0 ? -x : x) * 0.70710678f, t = 1.0f / (1.0f + 0.3275911f * a);
  const float e =
      rppg_nn__exp(-a * a) * t *
      (0.254829592f +
       t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  return 0.5f * (x < 0 ? e : 2.0f - e);
}

static float rppg_nn__sigmoid(float x) { return 1.0f / (1.0f + rppg_nn__exp(-x)); }

static float rppg_nn__activate1(int act, float x)
{
  switch (act) {
  case RPPG_NN_RELU: return x > 0 ? x : 0.0f;
  case RPPG_NN_RELU6: return x > 6 ? 6.0f : x > 0 ? x : 0.0f;
  case RPPG_NN_ELU: return x > 0 ? x : rppg_nn__exp(x) - 1.0f;
  case RPPG_NN_GELU: return x * rppg_nn__phi(x);
  case RPPG_NN_GELU_TANH:
    return 0.5f * x * (1 + rppg_nn__tanh(0.79788456f * (x + 0.044715f * x * x * x)));
  case RPPG_NN_SILU: return x * rppg_nn__sigmoid(x);
  case RPPG_NN_TANH: return rppg_nn__tanh(x);
  case RPPG_NN_SIGMOID: return rppg_nn__sigmoid(x);
  case RPPG_NN_SOFTPLUS: return rppg_nn__softplus(x);
  case RPPG_NN_EXP: return rppg_nn__exp(x);
  case RPPG_NN_SQRT: return x > 0 ? (float)rppg__sqrt((double)x) : 0.0f;
  case RPPG_NN_ABS: return x < 0 ? -x : x;
  case RPPG_NN_NEG: return -x;
  case RPPG_NN_SQUARE: return x * x;
  default: return x;
  }
}

static void rppg_nn__activate(int act, float *x, size_t n)
{
  size_t i;
  if (act == RPPG_NN_LINEAR) return;
  for (i = 0; i < n; i++) x[i] = rppg_nn__activate1(act, x[i]);
}

/* ---- passes: the kernels for AVX-512, for AVX2, then fall through as the baseline ------------ */

#if defined(RPPG__DISPATCH)
#  if (defined(__clang__) && __clang_major__ >= 13) || (!defined(__clang__) && __GNUC__ >= 11)
#    define RPPG_NN__AVXVNNI /* clang 12 has it too, but Apple's 12 is an older one */
#  endif
#  ifdef RPPG__EVEX
#    define RPPG_NN__TARGET_AVXVNNI RPPG__ATTR("avx2,fma,avx512vl,avx512vnni")
#  else
#    define RPPG_NN__TARGET_AVXVNNI RPPG__ATTR("avx2,fma,avxvnni")
#  endif
#  define RPPG_NN__TARGET_AVX512VNNI \
     RPPG__ATTR("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")
#  define RPPG__PASS RPPG__AVX512
#  define RPPG_NN__VNNI
#  define RPPG_NN__S8
#  include RPPG_NN__SELF
#  define RPPG__PASS RPPG__AVX512
#  define RPPG_NN__S8
#  include RPPG_NN__SELF
#  ifdef RPPG_NN__AVXVNNI
#    define RPPG__PASS RPPG__AVX2
#    define RPPG_NN__VNNI
#    define RPPG_NN__S8
#    include RPPG_NN__SELF
#  endif
#  define RPPG__PASS RPPG__AVX2
#  define RPPG_NN__S8
#  include RPPG_NN__SELF
#  define RPPG__PASS RPPG__AVX512
#  define RPPG_NN__KERNELS
#  include RPPG_NN__SELF
#  define RPPG__PASS RPPG__AVX2
#  define RPPG_NN__KERNELS
#  include RPPG_NN__SELF
#endif
#define RPPG__PASS RPPG__BASE
#define RPPG_NN__KERNELS
#define RPPG_NN__LAST
#endif /* RPPG_NN__BEGUN */

#ifdef RPPG_NN__KERNELS
#undef RPPG_NN__KERNELS

/* ---- bindings: those of rppg_dsp.h, and fused multiply-add where the machine has it ---------- */

#define RPPG__BIND
#include "rppg_dsp.h"
#if RPPG__PASS == RPPG__AVX512
#  define rppg__vf_fma(a,b,c) _mm512_fmadd_ps(a, b, c) /* a * b + c */
#elif RPPG__PASS == RPPG__AVX2
#  define rppg__vf_fma(a,b,c) _mm256_fmadd_ps(a, b, c)
#elif RPPG__PASS == RPPG__NEON
#  define rppg__vf_fma(a,b,c) vfmaq_f32(c, a, b)
#else
#  define rppg__vf_fma(a,b,c) rppg__vf_add(rppg__vf_mul(a, b), c)
#endif

/* ---- kernels, written once ------------------------------------------------------------------- */

/* Four positions along W of one output row, 16 channels: n of them from y on. */
RPPG__SUB(void, rppg_nn__conv_tile)(const rppg_nn__conv *c, int t, int h, int w, int n)
{
  enum { PARTS = RPPG_NN__BLOCK / RPPG__VF };
  const size_t pixel = (size_t)c->xd[3];
  const float *wp = c->w, *from[4];
  rppg__vf acc[4][PARTS];
  float tile[4][RPPG_NN__BLOCK];
  int a, b, d, i, j, k;
  RPPG__UNROLL
  for (i = 0; i < 4; i++) {
    RPPG__UNROLL
    for (j = 0; j < PARTS; j++) acc[i][j] = rppg__vf_load(c->bias + j * RPPG__VF);
  }
  for (a = 0; a < c->k[0]; a++) {
    const int64_t ti = (int64_t)t * c->stride[0] - c->pad[0] + (int64_t)a * c->dilation[0];
    for (b = 0; b < c->k[1]; b++) {
      const int64_t hi = (int64_t)h * c->stride[1] - c->pad[1] + (int64_t)b * c->dilation[1];
      if (ti < 0 || ti >= c->xd[0] || hi < 0 || hi >= c->xd[1]) {
        wp += (size_t)c->k[2] * (size_t)c->ci * RPPG_NN__BLOCK;
        continue;
      }
      for (d = 0; d < c->k[2]; d++) {
        const float *row =
            c->x + ((size_t)ti * (size_t)c->xd[1] + (size_t)hi) * (size_t)c->xd[2] * pixel;
        for (i = 0; i < 4; i++) {
          const int64_t wi =
              (int64_t)(w + i) * c->stride[2] - c->pad[2] + (int64_t)d * c->dilation[2];
          from[i] =
              i < n && wi >= 0 && wi < c->xd[2] ? row + (size_t)wi * pixel + c->x_at : c->zeros;
        }
        for (k = 0; k < c->ci; k++, wp += RPPG_NN__BLOCK) {
          RPPG__UNROLL
          for (j = 0; j < PARTS; j++) {
            const rppg__vf v = rppg__vf_load(wp + j * RPPG__VF);
            RPPG__UNROLL
            for (i = 0; i < 4; i++)
              acc[i][j] = rppg__vf_fma(rppg__vf_set1(from[i][k]), v, acc[i][j]);
          }
        }
      }
    }
  }
  for (i = 0; i < n; i++) {
    const size_t at =
        (((size_t)t * (size_t)c->yd[1] + (size_t)h) * (size_t)c->yd[2] + (size_t)(w + i)) *
            (size_t)c->yd[3] +
        (size_t)c->y_at;
    RPPG__UNROLL
    for (j = 0; j < PARTS; j++) rppg__vf_store(tile[i] + j * RPPG__VF, acc[i][j]);
    if (c->more) for (j = 0; j < c->n; j++) tile[i][j] += c->more[at + (size_t)j];
    rppg_nn__activate(c->act, tile[i], (size_t)c->n);
    memcpy(c->y + at, tile[i], (size_t)c->n * sizeof(float));
  }
}

RPPG__FN(void, rppg_nn__conv_run)(const rppg_nn__conv *c)
{
  int t, h, w;
  for (t = 0; t < c->yd[0]; t++)
    for (h = 0; h < c->yd[1]; h++)
      for (w = 0; w < c->yd[2]; w += 4)
        RPPG__CALL(rppg_nn__conv_tile)(c, t, h, w, c->yd[2] - w < 4 ? c->yd[2] - w : 4);
}

/* ---- end of pass ----------------------------------------------------------------------------- */

#undef rppg__vf_fma
#define RPPG__UNBIND
#include "rppg_dsp.h"
#endif /* RPPG_NN__KERNELS */

#ifdef RPPG_NN__LAST
#  define RPPG__PASS RPPG__BASE
#  define RPPG_NN__S8
#endif
#ifdef RPPG_NN__S8
#undef RPPG_NN__S8

/* ---- kernels of 8 bits: the dot product of a quad is the only thing that machines differ in --- */

#define RPPG__BIND
#include "rppg_dsp.h"
#ifdef RPPG_NN__VNNI
#  undef RPPG__SUFFIX
#  undef RPPG__TARGET
#  if RPPG__PASS == RPPG__AVX512
#    define RPPG__SUFFIX _avx512vnni
#    define RPPG__TARGET RPPG_NN__TARGET_AVX512VNNI
#  else
#    define RPPG__SUFFIX _avxvnni
#    define RPPG__TARGET RPPG_NN__TARGET_AVXVNNI
#  endif
#endif

/* rppg__vq: sums of RPPG__VQ outputs; where the machine multiplies 16 bits, two sums for each.
   A tile has PIXELS pixels by PARTS vectors of outputs, SPLIT times over to hide latency.
     vq_x(p)       the quad at p, for each output         vq_w(p)  quads of VQ outputs
     vq_dot(a,x,w) a + x . w                              vq_fold(p,a)  sums to p[VQ]
     vq_float(p,s) p[VF] + s[VF] as floats                vq_max(a,b)   a > b ? a : b
     vq_min(a,b)   a < b ? a : b                          vq_pack(p,t)  t[16 / VF] to bytes: the low
                                                          bytes of the floats' bits, below 128 */
#if RPPG__PASS == RPPG__AVX512
#  define RPPG__VQ        16
#  define RPPG__VQ_PIXELS 8
#  define RPPG__VQ_PARTS  1
#  define rppg__vq        __m512i
#  define rppg__vq_x_t    __m512i
#  define rppg__vq_zero() _mm512_setzero_si512()
#  define rppg__vq_x(p)   _mm512_set1_epi32(rppg_nn__word(p))
#  define rppg__vq_w(p)   _mm512_loadu_si512((const void *)(p))
#  define rppg__vq_add(a,b) _mm512_add_epi32(a, b)
#  ifdef RPPG_NN__VNNI
#    define RPPG__VQ_SPLIT 2
#    define rppg__vq_dot(a,x,w) _mm512_dpbusd_epi32(a, x, w)
#  else
#    define RPPG__VQ_SPLIT 1
#    define rppg__vq_dot(a,x,w) _mm512_add_epi32(a, _mm512_madd_epi16( \
       _mm512_maddubs_epi16(x, w), _mm512_set1_epi16(1)))
#  endif
#  define rppg__vq_fold(p,a)  _mm512_storeu_si512((void *)(p), a)
#  define rppg__vq_float(p,s) _mm512_cvtepi32_ps(_mm512_add_epi32( \
     _mm512_loadu_si512((const void *)(p)), _mm512_loadu_si512((const void *)(s))))
#  define rppg__vq_max(a,b)   _mm512_max_ps(a, b)
#  define rppg__vq_min(a,b)   _mm512_min_ps(a, b)
#  define rppg__vq_pack(p,t)  _mm_storeu_si128((__m128i *)(void *)(p), \
     _mm512_cvtepi32_epi8(_mm512_castps_si512((t)[0])))
#elif RPPG__PASS == RPPG__AVX2
#  define RPPG__VQ        8
#  define RPPG__VQ_PARTS  2
#  define RPPG__VQ_SPLIT  1
#  define rppg__vq        __m256i
#  define rppg__vq_x_t    __m256i
#  define rppg__vq_zero() _mm256_setzero_si256()
#  define rppg__vq_x(p)   _mm256_set1_epi32(rppg_nn__word(p))
#  define rppg__vq_w(p)   _mm256_loadu_si256((const __m256i *)(const void *)(p))
#  define rppg__vq_add(a,b) _mm256_add_epi32(a, b)
#  if defined(RPPG_NN__VNNI) && defined(RPPG__EVEX)
#    define RPPG__VQ_PIXELS 6
#    define rppg__vq_dot(a,x,w) _mm256_dpbusd_epi32(a, x, w)
#  elif defined(RPPG_NN__VNNI)
#    define RPPG__VQ_PIXELS 6
#    define rppg__vq_dot(a,x,w) _mm256_dpbusd_avx_epi32(a, x, w)
#  else
#    define RPPG__VQ_PIXELS 4
#    define rppg__vq_dot(a,x,w) _mm256_add_epi32(a, _mm256_madd_epi16( \
       _mm256_maddubs_epi16(x, w), _mm256_set1_epi16(1)))
#  endif
#  define rppg__vq_fold(p,a)  _mm256_storeu_si256((__m256i *)(void *)(p), a)
#  define rppg__vq_float(p,s) \
     _mm256_cvtepi32_ps(_mm256_add_epi32(rppg__vq_w(p), rppg__vq_w(s)))
#  define rppg__vq_max(a,b)   _mm256_max_ps(a, b)
#  define rppg__vq_min(a,b)   _mm256_min_ps(a, b)
/* The packs work in halves of 128 bits, so outputs 4..7 and 8..11 change places in between. */
#  define rppg__vq_pack(p,t)  _mm_storeu_si128((__m128i *)(void *)(p), _mm256_castsi256_si128( \
     _mm256_permutevar8x32_epi32(_mm256_packus_epi16(_mm256_packs_epi32( \
       rppg_nn__low_byte((t)[0]), rppg_nn__low_byte((t)[1])), _mm256_setzero_si256()), \
       _mm256_setr_epi32(0, 4, 1, 5, 2, 2, 2, 2))))
#  define rppg_nn__low_byte(a) _mm256_and_si256(_mm256_castps_si256(a), _mm256_set1_epi32(127))
#elif RPPG__PASS == RPPG__SSE2
#  define RPPG__VQ        2
#  define RPPG__VQ_PIXELS 2
#  define RPPG__VQ_PARTS  4
#  define RPPG__VQ_SPLIT  1
#  define rppg__vq        __m128i
#  define rppg__vq_x_t    __m128i
#  define rppg__vq_zero() _mm_setzero_si128()
#  define rppg__vq_x(p)   _mm_unpacklo_epi8(_mm_set1_epi32(rppg_nn__word(p)), _mm_setzero_si128())
#  define rppg__vq_w(p)   _mm_srai_epi16(_mm_unpacklo_epi8(_mm_setzero_si128(), \
     _mm_loadl_epi64((const __m128i *)(const void *)(p))), 8)
#  define rppg__vq_add(a,b)     _mm_add_epi32(a, b)
#  define rppg__vq_dot(a,x,w)   _mm_add_epi32(a, _mm_madd_epi16(x, w))
#  define rppg__vq_fold(p,a)    _mm_storel_epi64((__m128i *)(void *)(p), _mm_shuffle_epi32( \
     _mm_add_epi32(a, _mm_shuffle_epi32(a, 0xb1)), 0x08))
#  define rppg__vq_float(p,s)   _mm_cvtepi32_ps(_mm_add_epi32( \
     _mm_loadu_si128((const __m128i *)(const void *)(p)), \
     _mm_loadu_si128((const __m128i *)(const void *)(s))))
#  define rppg__vq_max(a,b)     _mm_max_ps(a, b)
#  define rppg__vq_min(a,b)     _mm_min_ps(a, b)
#  define rppg__vq_pack(p,t)    _mm_storeu_si128((__m128i *)(void *)(p), _mm_packus_epi16( \
     _mm_packs_epi32(rppg_nn__low_byte((t)[0]), rppg_nn__low_byte((t)[1])), \
     _mm_packs_epi32(rppg_nn__low_byte((t)[2]), rppg_nn__low_byte((t)[3]))))
#  define rppg_nn__low_byte(a)  _mm_and_si128(_mm_castps_si128(a), _mm_set1_epi32(127))
#elif RPPG__PASS == RPPG__NEON
#  define rppg__vq        int32x4_t
#  define rppg__vq_zero() vdupq_n_s32(0)
#  if defined(__ARM_FEATURE_DOTPROD)
#    define RPPG__VQ        4
#    define RPPG__VQ_PIXELS 4
#    define RPPG__VQ_PARTS  4
#    define rppg__vq_x_t    int8x16_t
#    define rppg__vq_x(p)   vreinterpretq_s8_s32(vdupq_n_s32(rppg_nn__word(p)))
#    define rppg__vq_w(p)   vld1q_s8(p)
#    define rppg__vq_dot(a,x,w)  vdotq_s32(a, x, w)
#    define rppg__vq_fold(p,a)   vst1q_s32(p, a)
#  else
#    define RPPG__VQ        2
#    define RPPG__VQ_PIXELS 2
#    define RPPG__VQ_PARTS  8
#    define rppg__vq_x_t    int8x8_t
#    define rppg__vq_x(p)   vreinterpret_s8_s32(vdup_n_s32(rppg_nn__word(p)))
#    define rppg__vq_w(p)   vld1_s8(p)
#    define rppg__vq_dot(a,x,w)  vpadalq_s16(a, vmull_s8(x, w))
#    define rppg__vq_fold(p,a)   vst1_s32(p, vpadd_s32(vget_low_s32(a), vget_high_s32(a)))
#  endif
#  define RPPG__VQ_SPLIT      1
#  define rppg__vq_add(a,b)   vaddq_s32(a, b)
#  define rppg__vq_float(p,s) vcvtq_f32_s32(vaddq_s32(vld1q_s32(p), vld1q_s32(s)))
#  define rppg__vq_max(a,b)   vbslq_f32(vcgtq_f32(a, b), a, b)
#  define rppg__vq_min(a,b)   vbslq_f32(vcltq_f32(a, b), a, b)
#  define rppg__vq_pack(p,t)  vst1q_u8(p, vcombine_u8( \
     vmovn_u16(vcombine_u16(rppg_nn__low_half((t)[0]), rppg_nn__low_half((t)[1]))), \
     vmovn_u16(vcombine_u16(rppg_nn__low_half((t)[2]), rppg_nn__low_half((t)[3])))))
#  define rppg_nn__low_half(a) vmovn_u32(vreinterpretq_u32_f32(a))
#elif RPPG__PASS == RPPG__SIMD128
#  define RPPG__VQ        2
#  define RPPG__VQ_PIXELS 2
#  define RPPG__VQ_PARTS  4
#  define RPPG__VQ_SPLIT  1
#  define rppg__vq        v128_t
#  define rppg__vq_x_t    v128_t
#  define rppg__vq_zero() wasm_i32x4_splat(0)
#  define rppg__vq_x(p)   wasm_u16x8_extend_low_u8x16(wasm_v128_load32_splat(p))
#  define rppg__vq_w(p)   wasm_i16x8_load8x8(p)
#  define rppg__vq_add(a,b)    wasm_i32x4_add(a, b)
#  define rppg__vq_dot(a,x,w)  wasm_i32x4_add(a, wasm_i32x4_dot_i16x8(x, w))
#  define rppg__vq_fold(p,a)   ((p)[0] = wasm_i32x4_extract_lane(a, 0) + \
     wasm_i32x4_extract_lane(a, 1), (p)[1] = wasm_i32x4_extract_lane(a, 2) + \
     wasm_i32x4_extract_lane(a, 3))
#  define rppg__vq_float(p,s)  wasm_f32x4_convert_i32x4(wasm_i32x4_add( \
     wasm_v128_load(p), wasm_v128_load(s)))
#  define rppg__vq_max(a,b)    wasm_f32x4_pmax(b, a)
#  define rppg__vq_min(a,b)    wasm_f32x4_pmin(b, a)
#  define rppg__vq_pack(p,t)   wasm_v128_store(p, wasm_u8x16_narrow_i16x8( \
     wasm_i16x8_narrow_i32x4(rppg_nn__low_byte((t)[0]), rppg_nn__low_byte((t)[1])), \
     wasm_i16x8_narrow_i32x4(rppg_nn__low_byte((t)[2]), rppg_nn__low_byte((t)[3]))))
#  define rppg_nn__low_byte(a) wasm_v128_and(a, wasm_i32x4_splat(127))
#else
#  define RPPG__VQ        1
#  define RPPG__VQ_PIXELS 2
#  define RPPG__VQ_PARTS  4
#  define RPPG__VQ_SPLIT  1
#  define rppg__vq        int32_t
#  define rppg__vq_x_t    const uint8_t *
#  define rppg__vq_zero() 0
#  define rppg__vq_x(p)   (p)
#  define rppg__vq_w(p)   (p)
#  define rppg__vq_add(a,b)    ((a) + (b))
#  define rppg__vq_dot(a,x,w)  \
     ((a) + (x)[0] * (w)[0] + (x)[1] * (w)[1] + (x)[2] * (w)[2] + (x)[3] * (w)[3])
#  define rppg__vq_fold(p,a)   ((void)(*(p) = (a)))
#  define rppg__vq_float(p,s)  ((float)(*(p) + *(s)))
#  define rppg__vq_max(a,b)    ((a) > (b) ? (a) : (b))
#  define rppg__vq_min(a,b)    ((a) < (b) ? (a) : (b))
#  define rppg__vq_pack(p,t)   rppg_nn__bytes16(p, t)
#endif

/* Sums of one tile: pixels at from[], a block of outputs. pixels and split are constants. */
RPPG__SUB(void, rppg_nn__sums8)(const rppg_nn__conv8 *c, const uint8_t *const *from, int pixels,
                                int split, int32_t (*sums)[RPPG_NN__BLOCK])
{
  enum { PARTS = RPPG__VQ_PARTS, STEP = 4 * RPPG_NN__BLOCK };
  int part, i, j, s;
  for (part = 0; part < RPPG_NN__BLOCK; part += PARTS * RPPG__VQ) {
    const int8_t *w = c->w + 4 * part;
    rppg__vq acc[4][RPPG__VQ_PIXELS][PARTS];
    int a, b, d;
    RPPG_NN__UNROLL
    for (s = 0; s < split; s++) {
      RPPG_NN__UNROLL
      for (i = 0; i < pixels; i++) {
        RPPG_NN__UNROLL
        for (j = 0; j < PARTS; j++) acc[s][i][j] = rppg__vq_zero();
      }
    }
    for (a = 0; a < c->runs[0]; a++) for (b = 0; b < c->runs[1]; b++)
      for (d = 0; d < c->runs[2]; d++) {
        size_t at = (size_t)a * c->tap[0] + (size_t)b * c->tap[1] + (size_t)d * c->tap[2];
        size_t quads = c->quads;
        for (; quads >= (size_t)split; quads -= (size_t)split, at += 4 * (size_t)split) {
          RPPG_NN__UNROLL
          for (s = 0; s < split; s++, w += STEP) {
            RPPG_NN__UNROLL
            for (i = 0; i < pixels; i++) {
              const rppg__vq_x_t x = rppg__vq_x(from[i] + at + 4 * s);
              RPPG_NN__UNROLL
              for (j = 0; j < PARTS; j++)
                acc[s][i][j] =
                    rppg__vq_dot(acc[s][i][j], x, rppg__vq_w(w + 4 * RPPG__VQ * j));
            }
          }
        }
        for (; quads; quads--, at += 4, w += STEP) {
          RPPG_NN__UNROLL
          for (i = 0; i < pixels; i++) {
            const rppg__vq_x_t x = rppg__vq_x(from[i] + at);
            RPPG_NN__UNROLL
            for (j = 0; j < PARTS; j++)
              acc[0][i][j] = rppg__vq_dot(acc[0][i][j], x, rppg__vq_w(w + 4 * RPPG__VQ * j));
          }
        }
      }
    RPPG_NN__UNROLL
    for (i = 0; i < pixels; i++) {
      RPPG_NN__UNROLL
      for (j = 0; j < PARTS; j++) {
        RPPG_NN__UNROLL
        for (s = 1; s < split; s++) acc[0][i][j] = rppg__vq_add(acc[0][i][j], acc[s][i][j]);
        rppg__vq_fold(sums[i] + part + j * RPPG__VQ, acc[0][i][j]);
      }
    }
  }
}

/* Rounds f[16], held within lo..127, to bytes. */
RPPG__SUB(void, rppg_nn__store8)(const rppg__vf *f, float lo, uint8_t *y)
{
  enum { PARTS = RPPG_NN__BLOCK / RPPG__VF };
  rppg__vf t[PARTS];
  int j;
  RPPG_NN__UNROLL
  for (j = 0; j < PARTS; j++) {
    t[j] = rppg__vq_min(rppg__vq_max(f[j], rppg__vf_set1(lo)), rppg__vf_set1(127.0f));
    t[j] = rppg__vf_add(t[j], rppg__vf_set1(12582912.0f)); /* 1.5 * 2^23: the sum has no fraction */
  }
  rppg__vq_pack(y, t);
}

/* A block's sums at one pixel, made what they stand for; at: of y and of the residual. */
RPPG__SUB(void, rppg_nn__finish8)(const rppg_nn__conv8 *c, const int32_t *sums, size_t at)
{
  enum { PARTS = RPPG_NN__BLOCK / RPPG__VF };
  rppg__vf f[PARTS];
  float more[RPPG_NN__BLOCK];
  uint8_t bytes[RPPG_NN__BLOCK];
  int j;
  RPPG_NN__UNROLL
  for (j = 0; j < PARTS; j++) {
    const int k = j * RPPG__VF;
    f[j] = rppg__vf_mul(rppg__vq_float(sums + k, c->start + k), rppg__vf_load(c->scale + k));
    f[j] = rppg__vf_add(f[j], rppg__vf_load(c->shift + k));
  }
  if (c->more) {
    for (j = 0; j < c->n; j++) more[j] = (float)(c->more[at + (size_t)j] - c->more_zero);
    for (; j < RPPG_NN__BLOCK; j++) more[j] = 0.0f;
    RPPG_NN__UNROLL
    for (j = 0; j < PARTS; j++)
      f[j] = rppg__vf_add(f[j], rppg__vf_mul(rppg__vf_load(more + j * RPPG__VF),
                                             rppg__vf_set1(c->more_scale)));
  }
  if (c->y8) {
    RPPG__CALL(rppg_nn__store8)(f, c->lo, c->n == RPPG_NN__BLOCK ? c->y8 + at : bytes);
    if (c->n < RPPG_NN__BLOCK) memcpy(c->y8 + at, bytes, (size_t)c->n);
  } else {
    RPPG_NN__UNROLL
    for (j = 0; j < PARTS; j++) rppg__vf_store(more + j * RPPG__VF, f[j]);
    rppg_nn__activate(c->act, more, (size_t)c->n);
    memcpy(c->y + at, more, (size_t)c->n * sizeof(float));
  }
}

RPPG__FN(void, rppg_nn__conv8_run)(const rppg_nn__conv8 *c)
{
  enum { PIXELS = RPPG__VQ_PIXELS };
  const uint8_t *from[PIXELS];
  int32_t sums[PIXELS][RPPG_NN__BLOCK], t = 0, h = 0, w = 0;
  size_t left = (size_t)c->yd[0] * (size_t)c->yd[1] * (size_t)c->yd[2], at = 0;
  int i, n;
  for (; left; left -= (size_t)n) {
    n = left < PIXELS ? (int)left : PIXELS;
    for (i = 0; i < n; i++) {
      from[i] = c->x + (size_t)t * c->step[0] + (size_t)h * c->step[1] + (size_t)w * c->step[2];
      if (++w == c->yd[2]) { w = 0; if (++h == c->yd[1]) { h = 0; t++; } }
    }
    if (n > 2 || n == PIXELS) { /* two alone cost less than a tile that is mostly repetition */
      for (; i < PIXELS; i++) from[i] = from[0];
      RPPG__CALL(rppg_nn__sums8)(c, from, PIXELS, RPPG__VQ_SPLIT, sums);
    } else
      for (i = 0; i < n; i++)
        RPPG__CALL(rppg_nn__sums8)(c, from + i, 1, RPPG__VQ_PARTS < 4 ? 4 : 1, sums + i);
    for (i = 0; i < n; i++, at += c->channels) RPPG__CALL(rppg_nn__finish8)(c, sums[i], at);
  }
}

/* y = x * scale + zero, stored. */
RPPG__FN(void, rppg_nn__quant_run)(const float *x, size_t n, float scale, float zero, uint8_t *y)
{
  enum { PARTS = RPPG_NN__BLOCK / RPPG__VF };
  float rest[RPPG_NN__BLOCK] = { 0 };
  uint8_t bytes[RPPG_NN__BLOCK];
  size_t step;
  for (; n; n -= step, x += step, y += step) {
    const int whole = n >= RPPG_NN__BLOCK;
    rppg__vf f[PARTS];
    int j;
    step = whole ? (size_t)RPPG_NN__BLOCK : n;
    if (!whole) memcpy(rest, x, n * sizeof *x);
    RPPG__UNROLL
    for (j = 0; j < PARTS; j++)
      f[j] = rppg__vf_add(rppg__vf_mul(rppg__vf_load((whole ? x : rest) + j * RPPG__VF),
                                       rppg__vf_set1(scale)), rppg__vf_set1(zero));
    RPPG__CALL(rppg_nn__store8)(f, 0.0f, whole ? y : bytes);
    if (!whole) memcpy(y, bytes, n);
  }
}

#undef RPPG__VQ
#undef RPPG__VQ_PIXELS
#undef RPPG__VQ_PARTS
#undef RPPG__VQ_SPLIT
#undef rppg__vq
#undef rppg__vq_x_t
#undef rppg__vq_zero
#undef rppg__vq_x
#undef rppg__vq_w
#undef rppg__vq_add
#undef rppg__vq_dot
#undef rppg__vq_fold
#undef rppg__vq_float
#undef rppg__vq_max
#undef rppg__vq_min
#undef rppg__vq_pack
#undef rppg_nn__low_byte
#undef rppg_nn__low_half
#undef RPPG_NN__VNNI
#define RPPG__UNBIND
#include "rppg_dsp.h"
#endif /* RPPG_NN__S8 */

#ifdef RPPG_NN__LAST
#undef RPPG_NN__LAST

/* ---- dispatch -------------------------------------------------------------------------------- */

typedef struct rppg_nn__kernels {
  void (*conv)(const rppg_nn__conv *c);
} rppg_nn__kernels;

#define RPPG__ROW(isa) { rppg_nn__conv_run_##isa }
static const rppg_nn__kernels rppg_nn__table[] = {
  RPPG__ROW(base),
#if defined(RPPG__DISPATCH)
  RPPG__ROW(avx2),
  RPPG__ROW(avx512),
#endif
};
#undef RPPG__ROW

typedef struct rppg_nn__kernels8 {
  void (*conv)(const rppg_nn__conv8 *c);
  void (*quant)(const float *x, size_t n, float scale, float zero, uint8_t *y);
} rppg_nn__kernels8;

/* Those of the instruction set as it is now: any of them has the same bits. */
static const rppg_nn__kernels8 *rppg_nn__s8(void)
{
#define RPPG__ROW(isa) { rppg_nn__conv8_run_##isa, rppg_nn__quant_run_##isa }
  static const rppg_nn__kernels8 table[] = {
    RPPG__ROW(base),
#if defined(RPPG__DISPATCH)
    RPPG__ROW(avx2), RPPG__ROW(avx512), RPPG__ROW(avx512vnni),
#  ifdef RPPG_NN__AVXVNNI
    RPPG__ROW(avxvnni),
#  endif
#endif
  };
#undef RPPG__ROW
  const int isa = (int)rppg_isa_best();
#if defined(RPPG__DISPATCH)
  const int vnni = rppg__isa_now >> 8;
  if (vnni && isa == RPPG_ISA_AVX512) return &table[3];
#  ifdef RPPG_NN__AVXVNNI
  if (vnni && isa == RPPG_ISA_AVX2) return &table[4];
#  endif
#endif
  return &table[isa];
}

/* ---- what an op needs besides its tensors ---------------------------------------------------- */

/* Bytes of scratch for one run, bytes prepared once from the weights, work. */
typedef struct rppg_nn__need { uint64_t scratch, prep; double macs; } rppg_nn__need;

/* An op. check says which field of the record is wrong, or NULL; it sees tensors whose own records
   are right, all required ones present. share: bit i, the output may lie where input i does. */
typedef struct rppg_nn__op {
  const char *name;
  uint8_t in_min, in_max, out, w_min, w_max, share, acts;
  const char *(*check)(const rppg_nn_layer *l, rppg_nn__need *need);
  void (*prepare)(rppg_nn_layer *l); /* or NULL */
  void (*run)(const rppg_nn_model *m, const rppg_nn_layer *l);
} rppg_nn__op;

static float *rppg_nn__data(const rppg_nn_tensor *t) { return t ? (float *)t->data : NULL; }
static uint32_t rppg_nn__bytes_of(int type)
{
  return type == RPPG_NN_F32 ? 4 : type == RPPG_NN_F16 ? 2 : 1;
}
static int rppg_nn__f32(const rppg_nn_tensor *t) { return t == NULL || t->type == RPPG_NN_F32; }
static int rppg_nn__same(const rppg_nn_tensor *a, const rppg_nn_tensor *b)
{
  return memcmp(a->d, b->d, sizeof a->d) == 0;
}
static int rppg_nn__vector(const rppg_nn_tensor *t, int32_t n) /* f32 of n elements, or absent */
{
  return t == NULL || (t->type == RPPG_NN_F32 && t->n == (size_t)n);
}
/* Whether parameters from..to - 1 lie in lo..hi. */
static int rppg_nn__within(const rppg_nn_layer *l, int from, int to, int32_t lo, int32_t hi)
{
  for (; from < to; from++) if (l->p[from] < lo || l->p[from] > hi) return 0;
  return 1;
}
/* A finite f32: tested by its bits, since -ffast-math may drop x != x. */
static int rppg_nn__finite(float x)
{
  uint32_t u;
  memcpy(&u, &x, 4);
  return (u & 0x7f800000u) != 0x7f800000u;
}
static size_t rppg_nn__pixels(const rppg_nn_tensor *t)
{
  return (size_t)t->d[0] * (size_t)t->d[1] * (size_t)t->d[2];
}
static int32_t rppg_nn__blocks(int32_t channels)
{
  return (channels + RPPG_NN__BLOCK - 1) / RPPG_NN__BLOCK;
}

/* ---- convolution ----------------------------------------------------------------------------- */

#define RPPG_NN__LARGEST ((int32_t)1 << 15) /* kernel, stride, padding, dilation */

/* Windows of a kernel over the input: what CONV, DEPTHWISE and POOL share. p: kernel, stride,
   padding, dilation (or NULL: 1), three of each. */
static const char *rppg_nn__check_windows(const rppg_nn_tensor *x, const rppg_nn_tensor *y,
                                          const int32_t *k, const int32_t *stride,
                                          const int32_t *pad, const int32_t *dilation)
{
  int i;
  for (i = 0; i < 3; i++) {
    const int64_t d = dilation ? dilation[i] : 1;
    if (k[i] < 1 || k[i] > RPPG_NN__LARGEST) return "kernel";
    if (stride[i] < 1 || stride[i] > RPPG_NN__LARGEST) return "stride";
    if (d < 1 || d > RPPG_NN__LARGEST) return "dilation";
    if (pad[i] < 0 || pad[i] > d * (k[i] - 1)) return "padding";
    if ((int64_t)(y->d[i] - 1) * stride[i] - pad[i] >= x->d[i]) return "output size";
  }
  return NULL;
}

static const char *rppg_nn__check_conv(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0], *w = l->w[0];
  const char *wrong = rppg_nn__check_windows(x, y, l->p, l->p + 3, l->p + 6, l->p + 9);
  const int32_t groups = l->p[12];
  double taps;
  uint64_t panel;
  if (wrong) return wrong;
  if (!rppg_nn__f32(x) || !rppg_nn__f32(y)) return "type";
  if (groups < 1 || x->d[3] % groups || y->d[3] % groups) return "groups";
  panel = (uint64_t)l->p[0] * (uint64_t)l->p[1] * (uint64_t)l->p[2]; /* below 2^45 */
  if (panel > (uint64_t)1 << 28) return "kernel";
  taps = (double)panel * (x->d[3] / groups);
  panel *= (uint64_t)(x->d[3] / groups) * RPPG_NN__BLOCK; /* below 2^60 */
  if (panel > (uint64_t)1 << 28) return "kernel";
  if ((uint64_t)w->n != panel * (uint64_t)groups * (uint64_t)rppg_nn__blocks(y->d[3] / groups))
    return "weights";
  if (w->type > RPPG_NN_S8 || (w->type == RPPG_NN_S8) != (l->w[2] != NULL)) return "weights' type";
  if (!rppg_nn__vector(l->w[1], y->d[3])) return "bias";
  if (!rppg_nn__vector(l->w[2], y->d[3])) return "scale";
  if (l->in[1] && (!rppg_nn__f32(l->in[1]) || !rppg_nn__same(l->in[1], y))) return "residual";
  need->scratch =
      ((uint64_t)(x->d[3] / groups) + RPPG_NN__BLOCK + (w->type ? panel : 0)) * sizeof(float);
  need->macs = taps * (double)y->n;
  return NULL;
}

static float rppg_nn__half(uint16_t h) /* IEEE binary16, exactly */
{
  uint32_t u = (uint32_t)(h & 0x7fff) << 13;
  float x;
  memcpy(&x, &u, 4);
  x *= 5.192296858534828e33f; /* 2^112: the difference of the exponents' biases */
  memcpy(&u, &x, 4);
  u |= (uint32_t)(h & 0x8000) << 16;
  memcpy(&x, &u, 4);
  return x;
}

/* One block's weights as f32: in place, or expanded into the scratch. */
static const float *rppg_nn__panel(const rppg_nn_layer *l, size_t block, size_t size, int first,
                                   int n, float *scratch)
{
  const rppg_nn_tensor *w = l->w[0];
  const float *scale = rppg_nn__data(l->w[2]);
  size_t i;
  if (w->type == RPPG_NN_F32) return rppg_nn__data(w) + block * size;
  for (i = 0; i < size; i++) {
    if (w->type == RPPG_NN_F16) {
      uint16_t h;
      memcpy(&h, (const uint8_t *)w->data + 2 * (block * size + i), 2);
      scratch[i] = rppg_nn__half(h);
    } else {
      const int c = (int)(i % RPPG_NN__BLOCK);
      scratch[i] =
          c < n ? (float)((const int8_t *)w->data)[block * size + i] * scale[first + c] : 0.0f;
    }
  }
  return scratch;
}

static void rppg_nn__run_conv(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  const int groups = (int)l->p[12], ci = (int)x->d[3] / groups, co = (int)y->d[3] / groups;
  const size_t size =
      (size_t)l->p[0] * (size_t)l->p[1] * (size_t)l->p[2] * (size_t)ci * RPPG_NN__BLOCK;
  const float *bias = rppg_nn__data(l->w[1]);
  float *zeros = (float *)m->scratch, *padded = zeros + ci;
  rppg_nn__conv c;
  size_t block = 0;
  int g, at;
  memset(zeros, 0, (size_t)ci * sizeof *zeros);
  c.x = rppg_nn__data(x);
  c.y = rppg_nn__data(y);
  c.more = rppg_nn__data(l->in[1]);
  c.zeros = zeros;
  c.bias = padded;
  c.xd = x->d;
  c.yd = y->d;
  c.k = l->p;
  c.stride = l->p + 3;
  c.pad = l->p + 6;
  c.dilation = l->p + 9;
  c.ci = ci;
  c.act = l->act;
  for (g = 0; g < groups; g++) {
    for (at = 0; at < co; at += RPPG_NN__BLOCK, block++) {
      c.x_at = g * ci;
      c.y_at = g * co + at;
      c.n = co - at < RPPG_NN__BLOCK ? co - at : RPPG_NN__BLOCK;
      memset(padded, 0, RPPG_NN__BLOCK * sizeof *padded);
      if (bias) memcpy(padded, bias + c.y_at, (size_t)c.n * sizeof *padded);
      c.w = rppg_nn__panel(l, block, size, c.y_at, c.n, padded + RPPG_NN__BLOCK);
      kernels->conv(&c);
    }
  }
}

static const char *rppg_nn__check_depthwise(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  const char *wrong = rppg_nn__check_windows(x, y, l->p, l->p + 3, l->p + 6, l->p + 9);
  uint64_t taps;
  if (wrong) return wrong;
  if (!rppg_nn__f32(x) || !rppg_nn__f32(y)) return "type";
  if (l->p[12] != 0) return "groups";
  if (x->d[3] != y->d[3]) return "channels";
  taps = (uint64_t)l->p[0] * (uint64_t)l->p[1] * (uint64_t)l->p[2];
  if (l->w[0]->type != RPPG_NN_F32 || taps > l->w[0]->n ||
      (uint64_t)l->w[0]->n != taps * (uint64_t)y->d[3])
    return "weights";
  if (!rppg_nn__vector(l->w[1], y->d[3])) return "bias";
  need->macs = (double)taps * (double)y->n;
  return NULL;
}

static void rppg_nn__run_depthwise(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  const float *w = rppg_nn__data(l->w[0]), *bias = rppg_nn__data(l->w[1]), *from = rppg_nn__data(x);
  const int32_t *k = l->p, *stride = l->p + 3, *pad = l->p + 6, *dilation = l->p + 9;
  const size_t n = (size_t)y->d[3];
  float *to = rppg_nn__data(y);
  int32_t t, h, v, a, b, d;
  size_t c;
  (void)m;
  for (t = 0; t < y->d[0]; t++)
    for (h = 0; h < y->d[1]; h++)
      for (v = 0; v < y->d[2]; v++, to += n) {
        for (c = 0; c < n; c++) to[c] = bias ? bias[c] : 0.0f;
        for (a = 0; a < k[0]; a++)
          for (b = 0; b < k[1]; b++)
            for (d = 0; d < k[2]; d++) {
              const int64_t ti = (int64_t)t * stride[0] - pad[0] + (int64_t)a * dilation[0];
              const int64_t hi = (int64_t)h * stride[1] - pad[1] + (int64_t)b * dilation[1];
              const int64_t vi = (int64_t)v * stride[2] - pad[2] + (int64_t)d * dilation[2];
              const float *f = w +
                               (((size_t)a * (size_t)k[1] + (size_t)b) * (size_t)k[2] + (size_t)d) *
                                   n,
                          *s;
              if (ti < 0 || ti >= x->d[0] || hi < 0 || hi >= x->d[1] || vi < 0 || vi >= x->d[2])
                continue;
              s = from +
                  (((size_t)ti * (size_t)x->d[1] + (size_t)hi) * (size_t)x->d[2] + (size_t)vi) * n;
              for (c = 0; c < n; c++) to[c] += s[c] * f[c];
            }
        rppg_nn__activate(l->act, to, n);
      }
}

/* ---- 8 bits ---------------------------------------------------------------------------------- */

#define RPPG_NN__MOST_S8 133000 /* times 127 * 127 is below 2^31 */

/* Whether both have the same type, and of u7 the same scale and zero point. */
static int rppg_nn__alike(const rppg_nn_tensor *a, const rppg_nn_tensor *b)
{
  return a->type == b->type && memcmp(&a->scale, &b->scale, sizeof a->scale) == 0 &&
         a->zero == b->zero;
}

static int32_t rppg_nn__cell(const rppg_nn_layer *l, int axis, int32_t i, int32_t *from,
                             int32_t *to);
static int rppg_nn__u7(const rppg_nn_tensor *t) { return t == NULL || t->type == RPPG_NN_U7; }

/* v held within lo..127 and rounded as the kernels do; NaN becomes lo. */
static uint8_t rppg_nn__stored(float v, float lo)
{
  uint32_t u;
  v = v > lo ? v : lo;
  v = v < 127.0f ? v : 127.0f;
  v += 12582912.0f;
  memcpy(&u, &v, 4);
  return (uint8_t)(u & 127);
}

static const char *rppg_nn__check_quant(const rppg_nn_layer *l, rppg_nn__need *need)
{
  (void)need;
  if (!rppg_nn__f32(l->in[0]) || !rppg_nn__u7(l->out[0])) return "type";
  return rppg_nn__same(l->in[0], l->out[0]) ? NULL : "output size";
}

static void rppg_nn__run_quant(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn_tensor *y = l->out[0];
  (void)m;
  rppg_nn__s8()->quant(rppg_nn__data(l->in[0]), y->n, 1.0f / y->scale, (float)y->zero,
                       (uint8_t *)y->data);
}

static const char *rppg_nn__check_dequant(const rppg_nn_layer *l, rppg_nn__need *need)
{
  (void)need;
  if (!rppg_nn__u7(l->in[0]) || !rppg_nn__f32(l->out[0])) return "type";
  return rppg_nn__same(l->in[0], l->out[0]) ? NULL : "output size";
}

static void rppg_nn__run_dequant(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn_tensor *x = l->in[0];
  const uint8_t *from = (const uint8_t *)x->data;
  const float scale = x->scale;
  const int32_t zero = x->zero;
  const size_t n = x->n;
  float *y = rppg_nn__data(l->out[0]);
  size_t i;
  (void)m;
  for (i = 0; i < n; i++) y[i] = (float)(from[i] - zero) * scale;
}

/* Numbers of a run, and the sizes of the input with what lies beside it; whether the input must be
   copied to get those. */
static int rppg_nn__frame8(const rppg_nn_layer *l, uint64_t d[3], uint64_t *run)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  const uint64_t ci = (uint64_t)(x->d[3] / l->p[12]);
  int i, copied;
  *run = l->p[11] == 1 ? ci * (uint64_t)l->p[2] : ci;
  copied = l->p[12] != 1 || *run % 4 != 0;
  for (i = 0; i < 3; i++) {
    d[i] = (uint64_t)(y->d[i] - 1) * (uint64_t)l->p[3 + i] +
           (uint64_t)(l->p[i] - 1) * (uint64_t)l->p[9 + i] + 1;
    if (l->p[6 + i] || d[i] > (uint64_t)x->d[i]) copied = 1;
  }
  return copied;
}

/* Prepared for each channel of all blocks, [blocks * 16] each: what is added to the sums, and what
   they are multiplied by and moved by. */
static uint64_t rppg_nn__channels8(const rppg_nn_layer *l)
{
  return (uint64_t)l->p[12] * (uint64_t)rppg_nn__blocks(l->out[0]->d[3] / l->p[12]) *
         RPPG_NN__BLOCK;
}

static const char *rppg_nn__check_conv8(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0], *more = l->in[1];
  const char *wrong = rppg_nn__check_windows(x, y, l->p, l->p + 3, l->p + 6, l->p + 9);
  const int32_t groups = l->p[12];
  uint64_t d[3], run, taps, bytes;
  if (wrong) return wrong;
  if (!rppg_nn__u7(x) || !(rppg_nn__u7(y) || rppg_nn__f32(y))) return "type";
  if (y->type == RPPG_NN_U7 && l->act > RPPG_NN_RELU) return "activation";
  if (groups < 1 || x->d[3] % groups || y->d[3] % groups) return "groups";
  taps = (uint64_t)l->p[0] * (uint64_t)l->p[1] * (uint64_t)l->p[2]; /* at most 2^45 */
  if (taps > RPPG_NN__MOST_S8) return "kernel";
  if (rppg_nn__frame8(l, d, &run)) { /* sizes at most 2^32, and their products 2^28 */
    if (d[0] > RPPG_NN__ELEMENTS || d[1] > RPPG_NN__ELEMENTS || d[2] > RPPG_NN__ELEMENTS ||
        d[0] * d[1] > RPPG_NN__ELEMENTS || d[0] * d[1] * d[2] > RPPG_NN__ELEMENTS)
      return "padding";
    bytes = d[0] * d[1] * d[2] * (uint64_t)(x->d[3] / groups);
    if (bytes > RPPG_NN__ELEMENTS) return "padding";
    need->scratch = bytes + 4;
  }
  taps = (l->p[11] == 1 ? taps / (uint64_t)l->p[2] : taps) * ((run + 3) / 4 * 4); /* below 2^58 */
  if (taps > RPPG_NN__MOST_S8) return "kernel";
  need->prep = rppg_nn__channels8(l);
  if (l->w[0]->type != RPPG_NN_S8 || (uint64_t)l->w[0]->n != taps * need->prep) return "weights";
  need->prep *= sizeof(int32_t) + 2 * sizeof(float);
  if (!rppg_nn__vector(l->w[1], y->d[3])) return "bias";
  if (l->w[2] == NULL || !rppg_nn__vector(l->w[2], y->d[3])) return "scale";
  if (more && (!rppg_nn__u7(more) || !rppg_nn__same(more, y))) return "residual";
  need->macs = (double)l->p[0] * l->p[1] * l->p[2] * (x->d[3] / groups) * (double)y->n;
  return NULL;
}

static void rppg_nn__prepare_conv8(rppg_nn_layer *l)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  const size_t n = (size_t)rppg_nn__channels8(l), taps = l->w[0]->n / n; /* of one channel */
  const int32_t each = y->d[3] / l->p[12], blocks = rppg_nn__blocks(each);
  const float *bias = rppg_nn__data(l->w[1]), *w_scale = rppg_nn__data(l->w[2]);
  const int8_t *w = (const int8_t *)l->w[0]->data;
  int32_t *start = (int32_t *)l->prep;
  float *scale = (float *)(void *)(start + n), *shift = scale + n;
  size_t i, k;
  for (i = 0; i < n; i++) {
    const int32_t block = (int32_t)(i / RPPG_NN__BLOCK);
    const int32_t in_group = block % blocks * RPPG_NN__BLOCK + (int32_t)(i % RPPG_NN__BLOCK);
    const size_t c = (size_t)(block / blocks) * (size_t)each + (size_t)in_group;
    const int8_t *p = w + (size_t)block * taps * RPPG_NN__BLOCK + i % RPPG_NN__BLOCK * 4;
    int32_t sum = 0;
    float f;
    for (k = 0; k < taps / 4; k++, p += 4 * RPPG_NN__BLOCK) sum += p[0] + p[1] + p[2] + p[3];
    start[i] = -x->zero * sum;
    scale[i] = shift[i] = 0.0f;
    if (in_group >= each) continue;
    f = x->scale * w_scale[c];
    if (y->type == RPPG_NN_U7) f = f / y->scale;
    scale[i] = f;
    f = bias ? bias[c] : 0.0f;
    if (y->type == RPPG_NN_U7) { f = f / y->scale; f = f + (float)y->zero; }
    shift[i] = f;
  }
}

/* The channels of a group with what lies beside the input: to [d0][d1][d2][ci]. */
static void rppg_nn__pad8(const rppg_nn_layer *l, const uint64_t d[3], size_t from, size_t ci,
                          uint8_t *to)
{
  const rppg_nn_tensor *x = l->in[0];
  const int64_t before = l->p[8], wide = (int64_t)d[2];
  const int64_t end = x->d[2] + before < wide ? x->d[2] + before : wide;
  const size_t pixel = (size_t)x->d[3];
  int64_t t, h, w;
  for (t = -l->p[6]; t < (int64_t)d[0] - l->p[6]; t++)
    for (h = -l->p[7]; h < (int64_t)d[1] - l->p[7]; h++, to += (size_t)wide * ci) {
      const uint8_t *row = (const uint8_t *)x->data + from;
      if (t < 0 || t >= x->d[0] || h < 0 || h >= x->d[1]) {
        memset(to, x->zero, (size_t)wide * ci);
        continue;
      }
      row += ((size_t)t * (size_t)x->d[1] + (size_t)h) * (size_t)x->d[2] * pixel;
      memset(to, x->zero, (size_t)(before < wide ? before : wide) * ci);
      if (ci == pixel && end > before) memcpy(to + (size_t)before * ci, row, (size_t)(end - before) * ci);
      else for (w = before; w < end; w++, row += pixel) memcpy(to + (size_t)w * ci, row, ci);
      if (end < wide) memset(to + (size_t)end * ci, x->zero, (size_t)(wide - end) * ci);
    }
  memset(to, x->zero, 4);
}

static void rppg_nn__run_conv8(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels8 *kernels = rppg_nn__s8();
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0], *more = l->in[1];
  const size_t n = (size_t)rppg_nn__channels8(l), ci = (size_t)(x->d[3] / l->p[12]);
  const size_t size = l->w[0]->n / n * RPPG_NN__BLOCK; /* of a block's weights */
  const int32_t each = y->d[3] / l->p[12];
  const int whole_rows = l->p[11] == 1;
  rppg_nn__conv8 c;
  uint64_t d[3], run;
  size_t block = 0, wide, high;
  int32_t g, at;
  const int copied = rppg_nn__frame8(l, d, &run);
  c.x = copied ? (const uint8_t *)m->scratch : (const uint8_t *)x->data;
  wide = (copied ? (size_t)d[2] : (size_t)x->d[2]) * ci;
  high = (copied ? (size_t)d[1] : (size_t)x->d[1]) * wide;
  c.step[0] = (size_t)l->p[3] * high;
  c.step[1] = (size_t)l->p[4] * wide;
  c.step[2] = (size_t)l->p[5] * ci;
  c.tap[0] = (size_t)l->p[9] * high;
  c.tap[1] = (size_t)l->p[10] * wide;
  c.tap[2] = (size_t)l->p[11] * ci;
  c.runs[0] = l->p[0];
  c.runs[1] = l->p[1];
  c.runs[2] = whole_rows ? 1 : l->p[2];
  c.quads = (size_t)((run + 3) / 4);
  memcpy(c.yd, y->d, sizeof c.yd);
  c.channels = (size_t)y->d[3];
  c.act = l->act;
  c.lo = l->act == RPPG_NN_RELU ? (float)y->zero : 0.0f;
  c.more_zero = more ? more->zero : 0;
  c.more_scale = !more ? 0.0f : y->type == RPPG_NN_U7 ? more->scale / y->scale : more->scale;
  for (g = 0; g < l->p[12]; g++) {
    if (copied) rppg_nn__pad8(l, d, (size_t)g * ci, ci, (uint8_t *)m->scratch);
    for (at = 0; at < each; at += RPPG_NN__BLOCK, block++) {
      const size_t first = (size_t)g * (size_t)each + (size_t)at;
      c.n = (int)(each - at < RPPG_NN__BLOCK ? each - at : RPPG_NN__BLOCK);
      c.w = (const int8_t *)l->w[0]->data + block * size;
      c.start = (const int32_t *)l->prep + block * RPPG_NN__BLOCK;
      c.scale = (const float *)(const void *)((const int32_t *)l->prep + n) + block * RPPG_NN__BLOCK;
      c.shift = c.scale + n;
      c.more = more ? (const uint8_t *)more->data + first : NULL;
      c.y8 = y->type == RPPG_NN_U7 ? (uint8_t *)y->data + first : NULL;
      c.y = y->type == RPPG_NN_U7 ? NULL : rppg_nn__data(y) + first;
      kernels->conv(&c);
    }
  }
}

/* ACT of u7: what becomes of each of the 128 numbers. */
static void rppg_nn__prepare_act8(rppg_nn_layer *l)
{
  uint8_t *table = (uint8_t *)l->prep;
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  int i;
  if (x->type != RPPG_NN_U7) return;
  for (i = 0; i < 128; i++) {
    float f = (float)(i - x->zero) * x->scale;
    rppg_nn__activate(l->act, &f, 1);
    f = f * (1.0f / y->scale);
    f = f + (float)y->zero;
    table[i] = rppg_nn__stored(f, 0.0f);
  }
}

static void rppg_nn__run_act8(const rppg_nn_layer *l)
{
  const uint8_t *table = (const uint8_t *)l->prep, *x = (const uint8_t *)l->in[0]->data;
  uint8_t *y = (uint8_t *)l->out[0]->data;
  size_t i;
  for (i = 0; i < l->in[0]->n; i++) y[i] = table[x[i]];
}

static const char *rppg_nn__check_add8(const rppg_nn_layer *l)
{
  const rppg_nn_tensor *x = l->in[0], *other = l->in[1], *y = l->out[0];
  if (l->p[0] != 0) return "operation";
  if (other == NULL || l->w[0]) return "operand";
  if (other->type != RPPG_NN_U7 || y->type != RPPG_NN_U7) return "type";
  if (!rppg_nn__same(x, other)) return "operand's size";
  if (!rppg_nn__same(x, y)) return "output size";
  return l->act ? "activation" : NULL;
}

static void rppg_nn__run_add8(const rppg_nn_layer *l)
{
  const rppg_nn_tensor *a = l->in[0], *b = l->in[1], *y = l->out[0];
  const uint8_t *p = (const uint8_t *)a->data, *q = (const uint8_t *)b->data;
  const float a_scale = a->scale / y->scale, b_scale = b->scale / y->scale, zero = (float)y->zero;
  uint8_t *to = (uint8_t *)y->data;
  size_t i;
  for (i = 0; i < y->n; i++) {
    float f = (float)(p[i] - a->zero) * a_scale;
    const float g = (float)(q[i] - b->zero) * b_scale;
    f = f + g;
    f = f + zero;
    to[i] = rppg_nn__stored(f, 0.0f);
  }
}

static const char *rppg_nn__check_pool8(const rppg_nn_layer *l)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  int i;
  int64_t cell = 1;
  if (x->type != RPPG_NN_U7 || y->type != RPPG_NN_U7) return "type";
  if (l->p[0] == 1 && !rppg_nn__alike(x, y)) return "scale";
  for (i = 0; i < 3; i++) { /* of x, at most 2^28; a kernel that is too large is refused later */
    const int64_t k = l->p[1 + i];
    cell *= k > 0 && k < x->d[i] ? k : x->d[i];
  }
  if (cell > (int64_t)1 << 23) return "kernel";
  return l->act ? "activation" : NULL;
}

static void rppg_nn__run_pool8(const rppg_nn_layer *l)
{
  const rppg_nn_tensor *in = l->in[0], *out = l->out[0];
  const int32_t *xd = in->d, *yd = out->d;
  const size_t n = (size_t)yd[3];
  const uint8_t *x = (const uint8_t *)in->data;
  uint8_t *y = (uint8_t *)out->data;
  int32_t i[3], from[3], to[3], a, b, d;
  size_t c;
  for (i[0] = 0; i[0] < yd[0]; i[0]++) for (i[1] = 0; i[1] < yd[1]; i[1]++)
    for (i[2] = 0; i[2] < yd[2]; i[2]++, y += n) {
      float count = 1, real = 1, scale;
      for (a = 0; a < 3; a++) {
        count *= (float)rppg_nn__cell(l, (int)a, i[a], &from[a], &to[a]);
        real *= (float)(to[a] - from[a]);
      }
      scale = in->scale / out->scale;
      scale = scale / (l->flags & 1 ? count : real);
      for (c = 0; c < n; c++) {
        int32_t sum = 0, top = 0;
        float f;
        for (a = from[0]; a < to[0]; a++)
          for (b = from[1]; b < to[1]; b++) {
            const uint8_t *p =
                x + (((size_t)a * (size_t)xd[1] + (size_t)b) * (size_t)xd[2] + (size_t)from[2]) * n + c;
            for (d = from[2]; d < to[2]; d++, p += n) {
              sum += *p - in->zero;
              if (*p > top) top = *p;
            }
          }
        f = (float)sum * scale;
        f = f + (float)out->zero;
        y[c] = l->p[0] ? (uint8_t)top : rppg_nn__stored(f, 0.0f);
      }
    }
}

/* ---- elementwise ----------------------------------------------------------------------------- */

static const char *rppg_nn__check_affine(const rppg_nn_layer *l, rppg_nn__need *need)
{
  if (!rppg_nn__f32(l->in[0]) || !rppg_nn__f32(l->out[0])) return "type";
  if (!rppg_nn__same(l->in[0], l->out[0])) return "output size";
  if (!rppg_nn__vector(l->w[0], l->in[0]->d[3])) return "weights";
  if (!rppg_nn__vector(l->w[1], l->in[0]->d[3])) return "bias";
  need->macs = (double)l->in[0]->n;
  return NULL;
}

static void rppg_nn__run_affine(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const size_t n = (size_t)l->in[0]->d[3], pixels = rppg_nn__pixels(l->in[0]);
  const float *x = rppg_nn__data(l->in[0]), *w = rppg_nn__data(l->w[0]),
              *b = rppg_nn__data(l->w[1]);
  float *y = rppg_nn__data(l->out[0]);
  size_t i, c;
  (void)m;
  for (i = 0; i < pixels; i++, x += n, y += n)
    for (c = 0; c < n; c++) y[c] = x[c] * w[c] + b[c];
  rppg_nn__activate(l->act, rppg_nn__data(l->out[0]), n * pixels);
}

static const char *rppg_nn__check_like(const rppg_nn_layer *l, rppg_nn__need *need)
{
  (void)need;
  if (!rppg_nn__f32(l->in[0]) || !rppg_nn__f32(l->out[0])) return "type";
  return rppg_nn__same(l->in[0], l->out[0]) ? NULL : "output size";
}

/* Copies x to the output, unless that is where it is. */
static float *rppg_nn__copy(const rppg_nn_layer *l)
{
  const float *x = rppg_nn__data(l->in[0]);
  float *y = rppg_nn__data(l->out[0]);
  if (x != y) memcpy(y, x, l->in[0]->n * rppg_nn__bytes_of(l->in[0]->type));
  return y;
}

static const char *rppg_nn__check_act(const rppg_nn_layer *l, rppg_nn__need *need)
{
  if (l->in[0]->type != RPPG_NN_U7) return rppg_nn__check_like(l, need);
  need->prep = 128;
  return l->out[0]->type != RPPG_NN_U7             ? "type"
         : !rppg_nn__same(l->in[0], l->out[0]) ? "output size"
                                                   : NULL;
}

static void rppg_nn__run_act(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  (void)m;
  if (l->prep) { rppg_nn__run_act8(l); return; }
  rppg_nn__activate(l->act, rppg_nn__copy(l), l->in[0]->n);
}

static const char *rppg_nn__check_reshape(const rppg_nn_layer *l, rppg_nn__need *need)
{
  (void)need;
  if (!rppg_nn__alike(l->in[0], l->out[0])) return "type";
  return l->in[0]->n == l->out[0]->n ? NULL : "output size";
}

static void rppg_nn__run_reshape(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  (void)m;
  rppg_nn__copy(l);
}

static const char *rppg_nn__check_softmax(const rppg_nn_layer *l, rppg_nn__need *need)
{
  if (!rppg_nn__finite(l->f[0])) return "scale";
  return rppg_nn__check_like(l, need);
}

static void rppg_nn__run_softmax(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const size_t n = (size_t)l->in[0]->d[3], pixels = rppg_nn__pixels(l->in[0]);
  float *y = rppg_nn__copy(l);
  size_t i, c;
  (void)m;
  for (i = 0; i < pixels; i++, y += n) {
    float top = l->f[0] * y[0], sum = 0.0f;
    for (c = 0; c < n; c++) { y[c] *= l->f[0]; if (y[c] > top) top = y[c]; }
    for (c = 0; c < n; c++) sum += y[c] = rppg_nn__exp(y[c] - top);
    for (c = 0; c < n; c++) y[c] /= sum;
  }
}

static const char *rppg_nn__check_binary(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *y = l->in[1] ? l->in[1] : l->w[0];
  const char *wrong;
  int i;
  if (l->in[0]->type == RPPG_NN_U7) return rppg_nn__check_add8(l);
  wrong = rppg_nn__check_like(l, need);
  if (wrong) return wrong;
  if (!rppg_nn__within(l, 0, 1, 0, 5)) return "operation";
  if (y == NULL || (l->in[1] && l->w[0])) return "operand";
  if (!rppg_nn__f32(y)) return "type";
  for (i = 0; i < 4; i++) if (y->d[i] != 1 && y->d[i] != l->in[0]->d[i]) return "operand's size";
  return NULL;
}

static float rppg_nn__combine(int op, float a, float b)
{
  switch (op) {
  case 0: return a + b;
  case 1: return a - b;
  case 2: return a * b;
  case 3: return a / b;
  case 4: return a < b ? a : b;
  default: return a > b ? a : b;
  }
}

static void rppg_nn__run_binary(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn_tensor *other = l->in[1] ? l->in[1] : l->w[0];
  const int32_t *d = l->in[0]->d;
  const float *x = rppg_nn__data(l->in[0]), *b = rppg_nn__data(other);
  const int op = (int)l->p[0];
  float *y = rppg_nn__data(l->out[0]);
  size_t step[4], run = 1;
  int32_t t, h, w, c;
  int i;
  (void)m;
  if (l->in[0]->type == RPPG_NN_U7) { rppg_nn__run_add8(l); return; }
  for (i = 3; i >= 0; i--) { step[i] = other->d[i] == 1 ? 0 : run; run *= (size_t)other->d[i]; }
  for (t = 0; t < d[0]; t++) for (h = 0; h < d[1]; h++) for (w = 0; w < d[2]; w++) {
    const float *p = b + (size_t)t * step[0] + (size_t)h * step[1] + (size_t)w * step[2];
    for (c = 0; c < d[3]; c++, p += step[3]) *y++ = rppg_nn__combine(op, *x++, *p);
  }
  rppg_nn__activate(l->act, rppg_nn__data(l->out[0]), l->in[0]->n);
}

/* ---- pooling and reduction ------------------------------------------------------------------- */

static const char *rppg_nn__check_pool(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  int i;
  (void)need;
  if (!rppg_nn__within(l, 0, 1, 0, 1)) return "operation";
  if (x->type == RPPG_NN_U7 || y->type == RPPG_NN_U7) {
    const char *wrong = rppg_nn__check_pool8(l);
    if (wrong) return wrong;
  }
  if (x->d[3] != y->d[3]) return "channels";
  if (l->p[1] == 0) { /* adaptive */
    if (!rppg_nn__within(l, 1, 10, 0, 0)) return "kernel";
    for (i = 0; i < 3; i++) if (y->d[i] > x->d[i]) return "output size";
    return NULL;
  }
  for (i = 0; i < 3; i++) if (l->p[7 + i] > l->p[1 + i] / 2) return "padding";
  return rppg_nn__check_windows(x, y, l->p + 1, l->p + 4, l->p + 7, NULL);
}

/* The samples from..to - 1 of the input under cell i of the output, along one axis; how many the
   kernel would have with padding. */
static int32_t rppg_nn__cell(const rppg_nn_layer *l, int axis, int32_t i, int32_t *from,
                             int32_t *to)
{
  const int64_t in = l->in[0]->d[axis], out = l->out[0]->d[axis], k = l->p[1 + axis];
  int64_t a, b;
  if (k == 0) {
    a = i * in / out;
    b = ((i + 1) * in + out - 1) / out;
  } else {
    a = (int64_t)i * l->p[4 + axis] - l->p[7 + axis];
    b = a + k;
  }
  *from = (int32_t)(a > 0 ? a : 0);
  *to = (int32_t)(b < in ? b : in);
  return k ? (int32_t)k : *to - *from;
}

static void rppg_nn__run_pool(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const int32_t *xd = l->in[0]->d, *yd = l->out[0]->d;
  const size_t n = (size_t)yd[3];
  const float *x = rppg_nn__data(l->in[0]);
  float *y = rppg_nn__data(l->out[0]);
  int32_t i[3], from[3], to[3], a, b, d;
  size_t c;
  (void)m;
  if (l->in[0]->type == RPPG_NN_U7) { rppg_nn__run_pool8(l); return; }
  for (i[0] = 0; i[0] < yd[0]; i[0]++) for (i[1] = 0; i[1] < yd[1]; i[1]++)
    for (i[2] = 0; i[2] < yd[2]; i[2]++, y += n) {
      float count = 1, real = 1;
      for (a = 0; a < 3; a++) {
        count *= (float)rppg_nn__cell(l, (int)a, i[a], &from[a], &to[a]);
        real *= (float)(to[a] - from[a]);
      }
      for (a = from[0]; a < to[0]; a++)
        for (b = from[1]; b < to[1]; b++)
          for (d = from[2]; d < to[2]; d++) {
            const float *p =
                x + (((size_t)a * (size_t)xd[1] + (size_t)b) * (size_t)xd[2] + (size_t)d) * n;
            if (a == from[0] && b == from[1] && d == from[2]) memcpy(y, p, n * sizeof *y);
            else if (l->p[0] == 0)
              for (c = 0; c < n; c++) y[c] += p[c];
            else
              for (c = 0; c < n; c++) y[c] = p[c] > y[c] ? p[c] : y[c];
          }
      if (l->p[0] == 0) for (c = 0; c < n; c++) y[c] /= l->flags & 1 ? count : real;
      rppg_nn__activate(l->act, y, n);
    }
}

static const char *rppg_nn__check_reduce(const rppg_nn_layer *l, rppg_nn__need *need)
{
  int i;
  (void)need;
  if (!rppg_nn__f32(l->in[0]) || !rppg_nn__f32(l->out[0])) return "type";
  if (!rppg_nn__within(l, 0, 1, 0, 3)) return "operation";
  for (i = 0; i < 4; i++)
    if (l->out[0]->d[i] != 1 && l->out[0]->d[i] != l->in[0]->d[i]) return "output size";
  return NULL;
}

static void rppg_nn__run_reduce(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn_tensor *out = l->out[0];
  const int32_t *d = l->in[0]->d, *od = out->d;
  const float *x = rppg_nn__data(l->in[0]);
  float *y = rppg_nn__data(out);
  size_t step[4], run = 1, i;
  int32_t t, h, w, c;
  (void)m;
  for (i = 4; i-- > 0;) { step[i] = od[i] == 1 ? 0 : run; run *= (size_t)od[i]; }
  for (t = 0; t < d[0]; t++) for (h = 0; h < d[1]; h++) for (w = 0; w < d[2]; w++) {
    float *p = y + (size_t)t * step[0] + (size_t)h * step[1] + (size_t)w * step[2];
    const int first = (od[0] != 1 || t == 0) && (od[1] != 1 || h == 0) && (od[2] != 1 || w == 0);
    for (c = 0; c < d[3]; c++, p += step[3], x++) {
      if (first && (c == 0 || step[3])) *p = *x;
      else if (l->p[0] < 2) *p += *x;
      else *p = l->p[0] == 2 ? (*x > *p ? *x : *p) : (*x < *p ? *x : *p);
    }
  }
  if (l->p[0] == 1) for (i = 0; i < out->n; i++) y[i] /= (float)(l->in[0]->n / out->n);
  rppg_nn__activate(l->act, y, out->n);
}

/* ---- moving numbers about -------------------------------------------------------------------- */

static const char *rppg_nn__check_concat(const rppg_nn_layer *l, rppg_nn__need *need)
{
  int64_t sum = 0;
  int i, k;
  (void)need;
  if (!rppg_nn__within(l, 0, 1, 0, 3)) return "axis";
  for (i = 0; i < 4 && l->in[i]; i++) {
    if (!rppg_nn__alike(l->in[i], l->out[0])) return "type";
    for (k = 0; k < 4; k++)
      if (k != l->p[0] && l->in[i]->d[k] != l->out[0]->d[k]) return "output size";
    sum += l->in[i]->d[l->p[0]];
  }
  for (; i < 4; i++) if (l->in[i]) return "inputs";
  return sum == l->out[0]->d[l->p[0]] ? NULL : "output size";
}

static void rppg_nn__run_concat(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const int32_t *d = l->out[0]->d;
  const int axis = (int)l->p[0];
  uint8_t *y = (uint8_t *)l->out[0]->data;
  size_t outer = 1, inner = rppg_nn__bytes_of(l->out[0]->type), o;
  int i;
  (void)m;
  for (i = 0; i < axis; i++) outer *= (size_t)d[i];
  for (i = axis + 1; i < 4; i++) inner *= (size_t)d[i];
  for (o = 0; o < outer; o++)
    for (i = 0; i < 4 && l->in[i]; i++) {
      const size_t n = (size_t)l->in[i]->d[axis] * inner;
      memcpy(y, (const uint8_t *)l->in[i]->data + o * n, n);
      y += n;
    }
}

static const char *rppg_nn__check_slice(const rppg_nn_layer *l, rppg_nn__need *need)
{
  int i;
  (void)need;
  if (!rppg_nn__f32(l->in[0]) || !rppg_nn__f32(l->out[0])) return "type";
  for (i = 0; i < 4; i++) {
    if (l->p[i] < 0 || l->p[i] >= l->in[0]->d[i]) return "start";
    if (l->p[4 + i] < 1 || l->p[4 + i] > ((int32_t)1 << 28)) return "step";
    if (l->p[i] + (int64_t)(l->out[0]->d[i] - 1) * l->p[4 + i] >= l->in[0]->d[i])
      return "output size";
  }
  return NULL;
}

/* y[t][h][w][c] = x[t * step[0] + h * step[1] + ...]: slices and permutations. */
static void rppg_nn__gather(const float *x, const size_t step[4], const rppg_nn_tensor *out)
{
  const int32_t *d = out->d;
  float *y = rppg_nn__data(out);
  int32_t t, h, w, c;
  for (t = 0; t < d[0]; t++) for (h = 0; h < d[1]; h++) for (w = 0; w < d[2]; w++) {
    const float *p = x + (size_t)t * step[0] + (size_t)h * step[1] + (size_t)w * step[2];
    if (step[3] == 1) memcpy(y, p, (size_t)d[3] * sizeof *y), y += d[3];
    else for (c = 0; c < d[3]; c++, p += step[3]) *y++ = *p;
  }
}

static void rppg_nn__run_slice(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const float *x = rppg_nn__data(l->in[0]);
  size_t step[4], run = 1, i;
  (void)m;
  for (i = 4; i-- > 0; run *= (size_t)l->in[0]->d[i]) {
    x += run * (size_t)l->p[i];
    step[i] = run * (size_t)l->p[4 + i];
  }
  rppg_nn__gather(x, step, l->out[0]);
}

static const char *rppg_nn__check_permute(const rppg_nn_layer *l, rppg_nn__need *need)
{
  int i, seen = 0;
  (void)need;
  if (!rppg_nn__f32(l->in[0]) || !rppg_nn__f32(l->out[0])) return "type";
  if (!rppg_nn__within(l, 0, 4, 0, 3)) return "axis";
  for (i = 0; i < 4; i++) {
    seen |= 1 << l->p[i];
    if (l->out[0]->d[i] != l->in[0]->d[l->p[i]]) return "output size";
  }
  return seen == 15 ? NULL : "axis";
}

static void rppg_nn__run_permute(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  size_t of[4], step[4], run = 1, i;
  (void)m;
  for (i = 4; i-- > 0; run *= (size_t)l->in[0]->d[i]) of[i] = run;
  for (i = 0; i < 4; i++) step[i] = of[l->p[i]];
  rppg_nn__gather(rppg_nn__data(l->in[0]), step, l->out[0]);
}

/* ---- the table of ops ------------------------------------------------------------------------ */

/* Row of an op, or one whose name is NULL. Columns: inputs at least and at most, outputs, weights
   at least and at most, shared memory, whether it has an activation. */
static const rppg_nn__op *rppg_nn__find(int op)
{
  static const rppg_nn__op table[] = {
    { NULL, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL },
    { "conv", 1, 2, 1, 1, 3, 2, 1, rppg_nn__check_conv, NULL, rppg_nn__run_conv },
    { "depthwise", 1, 1, 1, 1, 2, 0, 1, rppg_nn__check_depthwise, NULL, rppg_nn__run_depthwise },
    { "upconv", 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL },
    { "affine", 1, 1, 1, 2, 2, 1, 1, rppg_nn__check_affine, NULL, rppg_nn__run_affine },
    { "norm", 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL },
    { "pool", 1, 1, 1, 0, 0, 0, 1, rppg_nn__check_pool, NULL, rppg_nn__run_pool },
    { "act", 1, 1, 1, 0, 0, 1, 1, rppg_nn__check_act, rppg_nn__prepare_act8, rppg_nn__run_act },
    { "softmax", 1, 1, 1, 0, 0, 1, 0, rppg_nn__check_softmax, NULL, rppg_nn__run_softmax },
    { "binary", 1, 2, 1, 0, 1, 3, 1, rppg_nn__check_binary, NULL, rppg_nn__run_binary },
    { "reduce", 1, 1, 1, 0, 0, 0, 1, rppg_nn__check_reduce, NULL, rppg_nn__run_reduce },
    { "concat", 1, 4, 1, 0, 0, 0, 0, rppg_nn__check_concat, NULL, rppg_nn__run_concat },
    { "slice", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_slice, NULL, rppg_nn__run_slice },
    { "permute", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_permute, NULL, rppg_nn__run_permute },
    { "reshape", 1, 1, 1, 0, 0, 1, 0, rppg_nn__check_reshape, NULL, rppg_nn__run_reshape },
  };
  static const rppg_nn__op table8[] = { /* from RPPG_NN_QUANT on */
    { "quant", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_quant, NULL, rppg_nn__run_quant },
    { "dequant", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_dequant, NULL, rppg_nn__run_dequant },
    { "conv_s8", 1, 2, 1, 1, 3, 2, 1, rppg_nn__check_conv8, rppg_nn__prepare_conv8,
      rppg_nn__run_conv8 },
  };
  const int n = (int)(sizeof table / sizeof *table);
  const int n8 = (int)(sizeof table8 / sizeof *table8);
  if (op >= RPPG_NN_QUANT && op - RPPG_NN_QUANT < n8) return &table8[op - RPPG_NN_QUANT];
  return &table[op > 0 && op < n && table[op].run ? op : 0];
}

RPPG_DEF const char *rppg_nn_op_name(int op)
{
  const char *name = rppg_nn__find(op)->name;
  return name ? name : "?";
}

/* ---- the blob -------------------------------------------------------------------------------- */

enum {
  RPPG_NN__HEADER = 64, RPPG_NN__TENSOR = 48, RPPG_NN__LAYER = 128, /* bytes of records */
  RPPG_NN__MOST = 4096 /* tensors, layers */
};
#define RPPG_NN__ABSENT UINT32_C(0xffffffff)

/* A blob whose header is right. */
typedef struct rppg_nn__blob {
  const uint8_t *bytes, *tensors, *layers, *chunks, *weights;
  uint32_t n_tensors, n_layers, chunk_size, weight_size, arena_size, state_size;
  int copied; /* weights go into the caller's block: big-endian machine, or a crooked address */
} rppg_nn__blob;

static uint32_t rppg_nn__u16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t rppg_nn__u32(const uint8_t *p)
{
  return rppg_nn__u16(p) | rppg_nn__u16(p + 2) << 16;
}
static int32_t rppg_nn__s32(const uint8_t *p)
{
  const uint32_t u = rppg_nn__u32(p);
  int32_t s;
  memcpy(&s, &u, 4);
  return s;
}
static float rppg_nn__float(const uint8_t *p)
{
  const uint32_t u = rppg_nn__u32(p);
  float x;
  memcpy(&x, &u, 4);
  return x;
}

static rppg_status rppg_nn__wrong(rppg_nn_error *e, rppg_status status, const char *what,
                                  const char *field, int layer, int tensor)
{
  e->what = what;
  e->field = field;
  e->layer = layer;
  e->tensor = tensor;
  return status;
}

#ifndef RPPG_NN_FUZZING
static uint32_t rppg_nn__crc(uint32_t crc, const uint8_t *p, size_t n)
{
  static const uint32_t nibble[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c
  };
  while (n--) {
    crc ^= *p++;
    crc = crc >> 4 ^ nibble[crc & 15];
    crc = crc >> 4 ^ nibble[crc & 15];
  }
  return crc;
}
#endif

/* A part of the blob: inside it, aligned, behind the header. */
static int rppg_nn__part(uint32_t offset, uint64_t size, uint32_t align, uint32_t header,
                         uint32_t total)
{
  return offset % align == 0 && offset >= header && offset <= total && size <= total - offset;
}

/* 1 where two parts have a byte in common. */
static int rppg_nn__meet(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
  return a < b + b_size && b < a + a_size && a_size && b_size;
}

static rppg_status rppg_nn__header(rppg_nn__blob *b, const void *blob, size_t size,
                                   rppg_nn_error *e)
{
  static const uint8_t magic[8] = { 'R', 'P', 'P', 'G', 'N', 'N', 0x1a, 0x0a };
  const uint8_t *p = (const uint8_t *)blob;
  const uint16_t one = 1;
  uint8_t first;
  uint32_t total, header, offset[4];
  uint64_t bytes[4];
  int i, k;
  memset(b, 0, sizeof *b);
  if (p == NULL) return rppg_nn__wrong(e, RPPG_ERR_ARG, "no blob", "", -1, -1);
  if (size < RPPG_NN__HEADER || memcmp(p, magic, 8))
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "not a model of rppg", "magic", -1, -1);
  if (rppg_nn__u16(p + 8) != 1)
    return rppg_nn__wrong(e, RPPG_ERR_UNSUPPORTED, "a version that this reader does not know",
                          "version", -1, -1);
  header = rppg_nn__u32(p + 12);
  total = rppg_nn__u32(p + 16);
  if (total > 0x7fffffffu || total != size)
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "cut off, or with something behind it", "size", -1, -1);
  if (header < RPPG_NN__HEADER || header > total)
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "out of range", "header size", -1, -1);
#ifndef RPPG_NN_FUZZING
  {
    static const uint8_t zeros[4] = { 0, 0, 0, 0 };
    uint32_t crc = rppg_nn__crc(0xffffffffu, p, 20);
    crc = rppg_nn__crc(crc, zeros, 4);
    crc = rppg_nn__crc(crc, p + 24, size - 24) ^ 0xffffffffu;
    if (crc != rppg_nn__u32(p + 20))
      return rppg_nn__wrong(e, RPPG_ERR_DATA, "damaged", "checksum", -1, -1);
  }
#endif
  b->bytes = p;
  b->n_tensors = rppg_nn__u32(p + 24);
  b->n_layers = rppg_nn__u32(p + 32);
  b->chunk_size = rppg_nn__u32(p + 40);
  b->weight_size = rppg_nn__u32(p + 48);
  b->arena_size = rppg_nn__u32(p + 56);
  b->state_size = rppg_nn__u32(p + 60);
  if (b->n_tensors < 1 || b->n_tensors > RPPG_NN__MOST)
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "out of range", "number of tensors", -1, -1);
  if (b->n_layers < 1 || b->n_layers > RPPG_NN__MOST)
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "out of range", "number of layers", -1, -1);
  if (b->arena_size % RPPG__ALIGN || b->arena_size > 0x7fffffffu ||
      (uint32_t)(size_t)b->arena_size != b->arena_size)
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "out of range", "size of the arena", -1, -1);
  if (b->state_size % RPPG__ALIGN || b->state_size > 0x7fffffffu ||
      (uint32_t)(size_t)b->state_size != b->state_size)
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "out of range", "size of the state", -1, -1);
  bytes[0] = (uint64_t)b->n_tensors * RPPG_NN__TENSOR;
  bytes[1] = (uint64_t)b->n_layers * RPPG_NN__LAYER;
  bytes[2] = b->chunk_size;
  bytes[3] = b->weight_size;
  for (i = 0; i < 4; i++) {
    static const char *const name[4] = {"offset of tensors", "offset of layers", "offset of chunks",
                                        "offset of weights"};
    offset[i] = rppg_nn__u32(p + 28 + 8 * i);
    if (!rppg_nn__part(offset[i], bytes[i], i == 3 ? RPPG__ALIGN : 4, header, total))
      return rppg_nn__wrong(e, RPPG_ERR_DATA, "out of range", name[i], -1, -1);
    for (k = 0; k < i; k++)
      if (rppg_nn__meet(offset[i], bytes[i], offset[k], bytes[k]))
        return rppg_nn__wrong(e, RPPG_ERR_DATA, "two parts of the blob overlap", name[i], -1, -1);
  }
  b->tensors = p + offset[0];
  b->layers = p + offset[1];
  b->chunks = p + offset[2];
  b->weights = p + offset[3];
  memcpy(&first, &one, 1);
  b->copied = first == 0 || ((uintptr_t)b->weights & 3) != 0;
  return RPPG_OK;
}

/* Decodes tensor record i and checks what can be checked of it alone. */
static rppg_status rppg_nn__tensor(const rppg_nn__blob *b, uint32_t i, rppg_nn_tensor *t,
                                   rppg_nn_error *e)
{
  const uint8_t *p = b->tensors + (size_t)i * RPPG_NN__TENSOR;
  uint64_t n = 1, bytes;
  uint32_t room;
  int k;
  memset(t, 0, sizeof *t);
  t->kind = p[0];
  t->type = p[1];
  t->written = t->read = -1;
#    define RPPG__REFUSE(field)                                                                    \
      return rppg_nn__wrong(e, RPPG_ERR_DATA, "a tensor's record is wrong", field, -1, (int)i)
  if (t->kind > RPPG_NN_OUTPUT) RPPG__REFUSE("kind");
  if (t->type > RPPG_NN_U7)
    return rppg_nn__wrong(e, RPPG_ERR_UNSUPPORTED, "an unknown type", "type", -1, (int)i);
  if (rppg_nn__u16(p + 2) || rppg_nn__u32(p + 40) || rppg_nn__u32(p + 44)) RPPG__REFUSE("reserved");
  for (k = 0; k < 4; k++) {
    const uint32_t d = rppg_nn__u32(p + 4 + 4 * k);
    if (d < 1 || d > RPPG_NN__ELEMENTS) RPPG__REFUSE("sizes");
    n *= d; /* both at most 2^28: no overflow */
    if (n > RPPG_NN__ELEMENTS) RPPG__REFUSE("sizes");
    t->d[k] = (int32_t)d;
  }
  t->n = (size_t)n;
  t->offset = rppg_nn__u32(p + 20);
  t->begins = rppg_nn__u32(p + 28);
  t->scale = rppg_nn__float(p + 32);
  t->zero = rppg_nn__s32(p + 36);
  bytes = n * rppg_nn__bytes_of(t->type);
  if ((uint64_t)(size_t)bytes != bytes || bytes != rppg_nn__u32(p + 24)) RPPG__REFUSE("bytes");
  if (t->kind == RPPG_NN_WEIGHT
          ? t->type == RPPG_NN_U7
          : t->type != RPPG_NN_F32 && (t->type != RPPG_NN_U7 || t->kind != RPPG_NN_ACTIVATION))
    RPPG__REFUSE("type");
  if (t->type == RPPG_NN_U7) {
    if (!(t->scale > 0.0f) || !rppg_nn__finite(t->scale)) RPPG__REFUSE("scale");
    if (t->zero < 0 || t->zero > 127) RPPG__REFUSE("zero point");
  } else if (rppg_nn__u32(p + 32) || t->zero) RPPG__REFUSE("scale");
  if (t->begins && (t->kind != RPPG_NN_STATE || t->begins > b->n_tensors))
    RPPG__REFUSE("beginning");
  if (t->kind >= RPPG_NN_INPUT) {
    if (t->offset >= RPPG_NN_MAX_IO) RPPG__REFUSE("number");
  } else {
    room = t->kind == RPPG_NN_WEIGHT  ? b->weight_size
           : t->kind == RPPG_NN_STATE ? b->state_size
                                      : b->arena_size;
    if (t->offset % RPPG__ALIGN || t->offset > room || bytes > room - t->offset)
      RPPG__REFUSE("offset");
  }
#undef RPPG__REFUSE
  return RPPG_OK;
}

/* Tensors one by one, and among each other: weights and states lie in the order of their records
   without overlapping; inputs and outputs are numbered without gaps; states begin as f32 weights of
   their size. */
static rppg_status rppg_nn__check_tensors(const rppg_nn__blob *b, rppg_nn_error *e)
{
  uint64_t end[2] = { 0, 0 };
  uint32_t seen[2] = { 0, 0 }, i;
  rppg_nn_tensor t, w;
  for (i = 0; i < b->n_tensors; i++) {
    rppg_status status = rppg_nn__tensor(b, i, &t, e);
    if (status != RPPG_OK) return status;
    if (t.kind == RPPG_NN_WEIGHT || t.kind == RPPG_NN_STATE) {
      uint64_t *at = &end[t.kind == RPPG_NN_STATE];
      if (t.offset < *at)
        return rppg_nn__wrong(e, RPPG_ERR_DATA, "tensors overlap", "offset", -1, (int)i);
      *at = t.offset + (uint64_t)t.n * rppg_nn__bytes_of(t.type);
    } else if (t.kind >= RPPG_NN_INPUT) {
      uint32_t *of = &seen[t.kind == RPPG_NN_OUTPUT];
      if (*of >> t.offset & 1)
        return rppg_nn__wrong(e, RPPG_ERR_DATA, "a number used twice", "number", -1, (int)i);
      *of |= 1u << t.offset;
    }
    if (t.begins) {
      status = rppg_nn__tensor(b, t.begins - 1, &w, e);
      if (status != RPPG_OK) return status;
      if (w.kind != RPPG_NN_WEIGHT || w.type != RPPG_NN_F32 || w.n != t.n)
        return rppg_nn__wrong(e, RPPG_ERR_DATA, "a tensor's record is wrong", "beginning", -1,
                              (int)i);
    }
  }
  if (!seen[0] || (seen[0] & (seen[0] + 1)))
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "numbers with a gap, or none", "inputs", -1, -1);
  if (!seen[1] || (seen[1] & (seen[1] + 1)))
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "numbers with a gap, or none", "outputs", -1, -1);
  return RPPG_OK;
}

/* Decodes layer record i. Its tensors are taken from tensors, or, where that is NULL, decoded into
   room [10]. */
static rppg_status rppg_nn__layer(const rppg_nn__blob *b, uint32_t i, rppg_nn_tensor *tensors,
                                  rppg_nn_tensor room[10], rppg_nn_layer *l, rppg_nn__need *need,
                                  rppg_nn_error *e)
{
  const uint8_t *p = b->layers + (size_t)i * RPPG_NN__LAYER;
  const rppg_nn__op *op;
  const char *wrong;
  rppg_nn_tensor **slot;
  int k, count[3] = { 0, 0, 0 };
  memset(l, 0, sizeof *l);
  memset(need, 0, sizeof *need);
  l->op = (int)rppg_nn__u16(p);
  l->act = (int)rppg_nn__u16(p + 2);
  l->flags = rppg_nn__u32(p + 4);
  op = rppg_nn__find(l->op);
  if (op->name == NULL)
    return rppg_nn__wrong(e, RPPG_ERR_UNSUPPORTED, "an unknown op", "op", (int)i, -1);
  if (l->act >= RPPG_NN__ACT_END)
    return rppg_nn__wrong(e, RPPG_ERR_UNSUPPORTED, "an unknown activation", "activation", (int)i,
                          -1);
#    define RPPG__REFUSE(field)                                                                    \
      return rppg_nn__wrong(e, RPPG_ERR_DATA, "a layer's record is wrong", field, (int)i, -1)
  if (l->act && !op->acts) RPPG__REFUSE("activation");
  for (k = 0; k < 16; k++) l->p[k] = rppg_nn__s32(p + 48 + 4 * k);
  for (k = 0; k < 4; k++) l->f[k] = rppg_nn__float(p + 112 + 4 * k);
  for (k = 0; k < 10; k++) {
    const uint32_t id = rppg_nn__u32(p + 8 + 4 * k);
    const int part = k < 4 ? 0 : k < 6 ? 1 : 2;
    static const char *const name[3] = { "inputs", "outputs", "weights" };
    slot = k < 4 ? &l->in[k] : k < 6 ? &l->out[k - 4] : &l->w[k - 6];
    if (id == RPPG_NN__ABSENT) continue;
    if (id >= b->n_tensors) RPPG__REFUSE(name[part]);
    *slot = tensors ? &tensors[id] : &room[k];
    if (!tensors) {
      rppg_status status = rppg_nn__tensor(b, id, *slot, e);
      if (status != RPPG_OK) return status;
    }
    if (((*slot)->kind == RPPG_NN_WEIGHT) != (part == 2)) RPPG__REFUSE(name[part]);
    if (part == 1 && (*slot)->kind == RPPG_NN_INPUT) RPPG__REFUSE(name[part]);
    count[part] = k - (part == 1 ? 4 : part == 2 ? 6 : 0) + 1;
  }
  /* count is one more than the last slot in use; required slots come first. */
  for (k = 0; k < op->in_min; k++) if (!l->in[k]) RPPG__REFUSE("inputs");
  for (k = 0; k < op->out; k++) if (!l->out[k]) RPPG__REFUSE("outputs");
  for (k = 0; k < op->w_min; k++) if (!l->w[k]) RPPG__REFUSE("weights");
  if (count[0] > op->in_max) RPPG__REFUSE("inputs");
  if (count[1] > op->out) RPPG__REFUSE("outputs");
  if (count[2] > op->w_max) RPPG__REFUSE("weights");
  wrong = op->check(l, need);
  if (wrong) RPPG__REFUSE(wrong);
#undef RPPG__REFUSE
  return RPPG_OK;
}

/* What a model takes of the caller's block; with a NULL memory it only counts. */
typedef struct rppg_nn__layout {
  rppg_nn_tensor *tensors;
  rppg_nn_layer *layers;
  unsigned char *weights, *arena, *state, *scratch;
} rppg_nn__layout;

static int rppg_nn__lay_out(rppg_nn__layout *a, const rppg_nn__blob *b, uint64_t scratch,
                            rppg__arena *from)
{
  a->tensors = (rppg_nn_tensor *)rppg__take(from, b->n_tensors, sizeof *a->tensors);
  a->layers = (rppg_nn_layer *)rppg__take(from, b->n_layers, sizeof *a->layers);
  a->weights = (unsigned char *)rppg__take(from, b->copied ? b->weight_size : 0, 1);
  a->arena = (unsigned char *)rppg__take(from, b->arena_size, 1);
  a->state = (unsigned char *)rppg__take(from, b->state_size, 1);
  if ((uint64_t)(size_t)scratch != scratch) from->failed = 1;
  a->scratch = (unsigned char *)rppg__take(from, (size_t)scratch, 1);
  return !from->failed;
}

/* Checks all that needs no memory, and counts the memory. */
static rppg_status rppg_nn__survey(rppg_nn__blob *b, const void *blob, size_t size,
                                   uint64_t *scratch, size_t *bytes, rppg_nn_error *e)
{
  rppg__arena count;
  rppg_nn__layout layout;
  rppg_nn_tensor room[10];
  rppg_nn_layer l;
  rppg_nn__need need;
  uint64_t prep = 0;
  uint32_t i;
  rppg_status status = rppg_nn__header(b, blob, size, e);
  if (status == RPPG_OK) status = rppg_nn__check_tensors(b, e);
  if (status != RPPG_OK) return status;
  *scratch = 0;
  rppg__arena_begin(&count, NULL, 0);
  for (i = 0; i < b->n_layers; i++) {
    status = rppg_nn__layer(b, i, NULL, room, &l, &need, e);
    if (status != RPPG_OK) return status;
    if (need.scratch > *scratch) *scratch = need.scratch;
    prep += (need.prep + RPPG__ALIGN - 1) / RPPG__ALIGN * RPPG__ALIGN;
  }
  rppg_nn__lay_out(&layout, b, *scratch, &count); /* in the order of rppg_nn_open */
  if ((uint64_t)(size_t)prep != prep) count.failed = 1;
  else rppg__take(&count, (size_t)prep, 1);
  *bytes = rppg__arena_size(&count);
  return *bytes ? RPPG_OK
                : rppg_nn__wrong(e, RPPG_ERR_SPACE, "larger than an address space", "", -1, -1);
}

RPPG_DEF size_t rppg_nn_mem_size(const void *blob, size_t size)
{
  rppg_nn__blob b;
  rppg_nn_error e;
  uint64_t scratch;
  size_t bytes;
  return rppg_nn__survey(&b, blob, size, &scratch, &bytes, &e) == RPPG_OK ? bytes : 0;
}

/* Weights that could be wrong numbers: not finite, or -128, whose products would not fit. */
static int rppg_nn__sound(const rppg_nn_tensor *t)
{
  const uint8_t *p = (const uint8_t *)t->data;
  size_t i;
  for (i = 0; i < t->n; i++) {
    if (t->type == RPPG_NN_F32) {
      uint32_t u;
      memcpy(&u, p + 4 * i, 4);
      if ((u & 0x7f800000u) == 0x7f800000u) return 0;
    } else if (t->type == RPPG_NN_F16) {
      uint16_t u;
      memcpy(&u, p + 2 * i, 2);
      if ((u & 0x7c00u) == 0x7c00u) return 0;
    } else if (p[i] == 0x80) return 0;
  }
  return 1;
}

/* Copies weights into the block, in the order of this machine's bytes. */
static void rppg_nn__fetch(const uint8_t *from, unsigned char *to, const rppg_nn_tensor *t)
{
  size_t i;
  for (i = 0; i < t->n; i++) {
    if (t->type == RPPG_NN_F32) {
      const uint32_t u = rppg_nn__u32(from + 4 * i);
      memcpy(to + 4 * i, &u, 4);
    } else if (t->type == RPPG_NN_F16) {
      const uint16_t u = (uint16_t)rppg_nn__u16(from + 2 * i);
      memcpy(to + 2 * i, &u, 2);
    } else to[i] = from[i];
  }
}

/* Gives tensors their places and looks at the weights' numbers. */
static rppg_status rppg_nn__place(const rppg_nn__blob *b, const rppg_nn__layout *a,
                                  rppg_nn_error *e)
{
  uint32_t i;
  for (i = 0; i < b->n_tensors; i++) {
    rppg_nn_tensor *t = &a->tensors[i];
    (void)rppg_nn__tensor(b, i, t, e); /* rppg_nn__check_tensors has seen it */
    if (t->kind == RPPG_NN_ACTIVATION) t->data = a->arena + t->offset;
    else if (t->kind == RPPG_NN_STATE) t->data = a->state + t->offset;
    else if (t->kind == RPPG_NN_WEIGHT) {
      t->data =
          b->copied ? a->weights + t->offset : (unsigned char *)(uintptr_t)(b->weights + t->offset);
      if (b->copied) rppg_nn__fetch(b->weights + t->offset, (unsigned char *)t->data, t);
      if (!rppg_nn__sound(t))
        return rppg_nn__wrong(e, RPPG_ERR_DATA, "a weight is not finite, or is -128", "weights", -1,
                              (int)i);
    }
  }
  return RPPG_OK;
}

/* Whether layer i may write t over u: u is not needed by then, or is an input that the op reads
   element by element before it writes there. */
static int rppg_nn__may_share(const rppg_nn_tensor *t, const rppg_nn_tensor *u,
                              const rppg_nn_layer *l, int i)
{
  const size_t t_size = t->n * rppg_nn__bytes_of(t->type),
               u_size = u->n * rppg_nn__bytes_of(u->type);
  int k;
  if (!rppg_nn__meet(t->offset, t_size, u->offset, u_size) || u->read < i) return u->written < i;
  if (u->read > i || u->offset != t->offset || u_size != t_size || u->written >= i) return 0;
  for (k = 0; k < 4; k++) if (l->in[k] == u && !(rppg_nn__find(l->op)->share >> k & 1)) return 0;
  return 1;
}

/* The order of writing and reading, and who lies where when. */
static rppg_status rppg_nn__check_order(const rppg_nn__blob *b, const rppg_nn__layout *a,
                                        rppg_nn_error *e)
{
  int i, k, n = (int)b->n_layers;
  uint32_t j;
  for (i = 0; i < n; i++) {
    const rppg_nn_layer *l = &a->layers[i];
    for (k = 0; k < 4; k++) {
      rppg_nn_tensor *t = l->in[k];
      if (!t) continue;
      if (t->written < 0 && t->kind != RPPG_NN_INPUT && t->kind != RPPG_NN_STATE)
        return rppg_nn__wrong(e, RPPG_ERR_DATA, "read before it is written", "inputs", i,
                              (int)(t - a->tensors));
      t->read = i;
    }
    for (k = 0; k < 2; k++) {
      rppg_nn_tensor *t = l->out[k];
      if (!t) continue;
      if (t->written >= 0)
        return rppg_nn__wrong(e, RPPG_ERR_DATA, "written twice", "outputs", i,
                              (int)(t - a->tensors));
      t->written = i;
      for (j = 0; j < 4; j++) /* a state */
        if (l->in[j] == t && !(rppg_nn__find(l->op)->share >> j & 1))
          return rppg_nn__wrong(e, RPPG_ERR_DATA, "an op that cannot work in place", "outputs", i,
                                (int)(t - a->tensors));
    }
  }
  for (j = 0; j < b->n_tensors; j++)
    if (a->tensors[j].kind == RPPG_NN_OUTPUT && a->tensors[j].written < 0)
      return rppg_nn__wrong(e, RPPG_ERR_DATA, "an output is never written", "outputs", -1, (int)j);
  for (i = 0; i < n; i++)
    for (k = 0; k < 2; k++) {
      const rppg_nn_tensor *t = a->layers[i].out[k];
      if (!t || t->kind != RPPG_NN_ACTIVATION) continue;
      for (j = 0; j < b->n_tensors; j++) {
        const rppg_nn_tensor *u = &a->tensors[j];
        if (u == t || u->kind != RPPG_NN_ACTIVATION || u->written < 0 || u->written > i) continue;
        if (u->written == i ? rppg_nn__meet(t->offset, t->n * rppg_nn__bytes_of(t->type), u->offset,
                                            u->n * rppg_nn__bytes_of(u->type)) :
            !rppg_nn__may_share(t, u, &a->layers[i], i))
          return rppg_nn__wrong(e, RPPG_ERR_DATA, "two tensors in one place", "offset", i, (int)j);
      }
    }
  return RPPG_OK;
}

/* Reads the chunks; only their sizes can be wrong. */
static rppg_status rppg_nn__read_chunks(const rppg_nn__blob *b, rppg_nn_model *m, rppg_nn_error *e)
{
  uint32_t at = 0;
  while (b->chunk_size - at >= 8) {
    const uint8_t *p = b->chunks + at;
    const uint32_t n = rppg_nn__u32(p + 4), room = b->chunk_size - at - 8;
    uint32_t i;
    if (n > room) return rppg_nn__wrong(e, RPPG_ERR_DATA, "a chunk does not fit", "chunks", -1, -1);
    if (memcmp(p, "SPEC", 4) == 0) {
      uint32_t words[16] = { 0 };
      for (i = 0; i < 16 && 4 * i + 4 <= n; i++) words[i] = rppg_nn__u32(p + 8 + 4 * i);
      memcpy(&m->spec, words, sizeof words); /* rppg_nn_spec is 16 words */
    } else if (memcmp(p, "CAMR", 4) == 0) { m->camera = (const char *)p + 8; m->camera_n = n; }
    else if (memcmp(p, "NOTE", 4) == 0) { m->note = (const char *)p + 8; m->note_n = n; }
    else if (memcmp(p, "BPMS", 4) == 0) { m->classes = p + 8; m->n_classes = n / 4; }
    at += 8 + (n > room - room % 4 ? room : (n + 3) / 4 * 4);
  }
  return RPPG_OK;
}

RPPG_DEF rppg_status rppg_nn_open(rppg_nn_model *m, const void *blob, size_t size, void *mem,
                                  size_t mem_size, rppg_nn_error *error)
{
  rppg_nn_error local, *e = error ? error : &local;
  rppg_nn_model model;
  rppg_nn__blob b;
  rppg_nn__layout a;
  rppg_nn__need need;
  rppg__arena from;
  uint64_t scratch;
  size_t bytes;
  uint32_t i;
  rppg_status status;
  rppg_nn__wrong(e, RPPG_OK, "ok", "", -1, -1);
  if (m) memset(m, 0, sizeof *m);
  if (!m || !blob || !mem) return rppg_nn__wrong(e, RPPG_ERR_ARG, "NULL", "argument", -1, -1);
  status = rppg_nn__survey(&b, blob, size, &scratch, &bytes, e);
  if (status != RPPG_OK) return status;
  rppg__arena_begin(&from, mem, mem_size);
  if (mem_size < bytes || !rppg_nn__lay_out(&a, &b, scratch, &from))
    return rppg_nn__wrong(e, RPPG_ERR_SPACE, "the memory block is too small", "", -1, -1);
  memset(&model, 0, sizeof model);
  status = rppg_nn__place(&b, &a, e);
  if (status == RPPG_OK) status = rppg_nn__read_chunks(&b, &model, e);
  for (i = 0; i < b.n_layers && status == RPPG_OK; i++) {
    status = rppg_nn__layer(&b, i, a.tensors, NULL, &a.layers[i], &need, e);
    if (status != RPPG_OK) break;
    model.macs += need.macs;
    if (need.prep) a.layers[i].prep = rppg__take(&from, (size_t)need.prep, 1);
  }
  if (status == RPPG_OK) status = rppg_nn__check_order(&b, &a, e);
  if (status != RPPG_OK) return status;
  for (i = 0; i < b.n_layers; i++) {
    const rppg_nn__op *op = rppg_nn__find(a.layers[i].op);
    if (op->prepare) op->prepare(&a.layers[i]);
  }
  model.n_tensors = b.n_tensors;
  model.n_layers = b.n_layers;
  model.tensors = a.tensors;
  model.layers = a.layers;
  model.arena = a.arena;
  model.arena_size = b.arena_size;
  model.state = a.state;
  model.state_size = b.state_size;
  model.scratch = a.scratch;
  model.kernels = &rppg_nn__table[rppg_isa_best()];
  for (i = 0; i < b.n_tensors; i++) {
    rppg_nn_tensor *t = &a.tensors[i];
    if (t->kind == RPPG_NN_INPUT) { model.inputs[t->offset] = t; model.n_inputs++; }
    if (t->kind == RPPG_NN_OUTPUT) { model.outputs[t->offset] = t; model.n_outputs++; }
  }
  *m = model;
  rppg_nn_reset(m);
  return RPPG_OK;
}

RPPG_DEF void rppg_nn_reset(rppg_nn_model *m)
{
  size_t i;
  memset(m->state, 0, m->state_size);
  for (i = 0; i < m->n_tensors; i++) {
    const rppg_nn_tensor *t = &m->tensors[i];
    if (t->begins) memcpy(t->data, m->tensors[t->begins - 1].data, t->n * sizeof(float));
  }
}

RPPG_DEF const rppg_nn_tensor *rppg_nn_input(const rppg_nn_model *m, size_t i)
{
  return i < m->n_inputs ? m->inputs[i] : NULL;
}

RPPG_DEF const rppg_nn_tensor *rppg_nn_output(const rppg_nn_model *m, size_t i)
{
  return i < m->n_outputs ? m->outputs[i] : NULL;
}

RPPG_DEF size_t rppg_nn_state_size(const rppg_nn_model *m) { return m->state_size; }
RPPG_DEF void *rppg_nn_state(rppg_nn_model *m) { return m->state; }

RPPG_DEF void rppg_nn_run(rppg_nn_model *m, const float *const *in, float *const *out)
{
  size_t i;
  for (i = 0; i < m->n_inputs; i++) m->inputs[i]->data = (void *)(uintptr_t)in[i];
  for (i = 0; i < m->n_outputs; i++) m->outputs[i]->data = out[i];
  for (i = 0; i < m->n_layers; i++) rppg_nn__find(m->layers[i].op)->run(m, &m->layers[i]);
}

RPPG_DEF float rppg_nn_class_bpm(const rppg_nn_model *m, size_t i)
{
  if (i < m->n_classes) return rppg_nn__float(m->classes + 4 * i);
  return m->spec.bpm_first + m->spec.bpm_step * (float)i;
}

/* ---- pop ------------------------------------------------------------------------------------- */

#if defined(__GNUC__) && !defined(__clang__) && !defined(__TINYC__)
#  pragma GCC diagnostic pop
#  pragma GCC pop_options
#endif
#endif /* RPPG_NN__LAST */
#endif /* RPPG_IMPLEMENTATION */

/*
   MIT License

   Copyright (c) 2026 the rppg authors

   Permission is hereby granted, free of charge, to any person obtaining a copy
   of this software and associated documentation files (the "Software"), to deal
   in the Software without restriction, including without limitation the rights
   to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
   copies of the Software, and to permit persons to whom the Software is
   furnished to do so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all
   copies or substantial portions of the Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
   IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
   FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
   AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
   LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
   OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
   SOFTWARE.
*/
