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
     The instruction sets are those of rppg_dsp.h; layers of 8 bits use AVX512-VNNI, AVX-VNNI (gcc
     11, clang 13) and, where compiled in, ARM's dot products too, and have the same bits everywhere.
     Sums use fused multiply-add where the machine has it, so f32 results differ between machines by
     rounding: parity with PyTorch in double is tested to 1e-4 of the output's range.
     Where it saves a fifth of the products or more, convolutions of 16 n to 16 m channels with
     stride 1 go Winograd's way [LavinGray2016], whose results are within 1e-5 of the range too; it
     keeps transformed weights in the block: up to 4 times the size of the f32 weights.
     Activations, largest relative error: exp 1.2e-7, elu 1.5e-7, sigmoid and silu 2e-7, tanh 3e-7
     (never beyond 1), softplus 3e-7; gelu in both forms 3e-7 of the larger of |x| and 1. exp holds
     x within -87.3 and 88.3: no result is infinite, or smaller than 1e-38. NaN stays NaN.

   BUILD OPTIONS, before the include: those of rppg_dsp.h, and
     RPPG_NN_FUZZING      off   rppg_nn_open ignores the checksum, so that a fuzzer gets past it
     RPPG_NN_SMALL        off   no transformed weights: less memory, but slower where Winograd's
                                way would do; for microcontrollers
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
                    20  u32 offset in weights, arena or state, a multiple of 64; weights and states
                        lie in the order of their records, none overlapping; of an input or
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
                    48  s32 x 16 parameters, meaning per op
                   112  f32 x 4 parameters, likewise
                 Parameters and flags without a meaning are 0.
                 Layers run in order. A tensor is written once, before it is read; a state may be
                 read before it is written and then has the value of the run before. Activations
                 may share memory when one is written after the last layer that reads the other, or
                 by that very layer, at the same place and size, where the op is marked "in place".
                 The ops and their parameters stand at rppg_nn_op below.

     Chunks      u32 tag, u32 bytes n, then n bytes, then zeros up to a multiple of 4. Unknown tags
                 are skipped; of those below there is at most one each. Numbers are finite.
                 "SPEC" the input and the task, 64 bytes: see rppg_nn_spec
                 "BPMS" f32 x classes: the rate of each class, instead of SPEC's first and step
                 "ADPT" what one camera needs beside the weights. rppg_nn_run does not apply it; a
                        session of rppg.h does. Numbers lie within -64..64.
                          0  u32 m: matrices of colours: 0, 1 for all, or one for each ROI
                          4  u32 c: gains and offsets: 0, or SPEC's channels
                          8  u32 h: 1..32 hidden channels of a head for classes; else 0
                         12  u32 k: taps of the head, odd, 1..63; 0: no head, then h is 0
                         16  f32 x m x 9: before SPEC's norm, (R, G, B) becomes matrix (R, G, B),
                             the matrix row by row
                             f32 x c gains, f32 x c offsets: after it, x becomes gain x + offset
                             head for classes of scores x, less their mean z: f32 x h x k u,
                             f32 x h b, f32 x h x k v. With z and r 0 beyond their ends,
                               r[j][i] = max(0, b[j] + sum over t of u[j][t] z[i + t - k / 2])
                               y[i] = x[i] + sum over j, t of v[j][t] r[j][i + t - k / 2]
                             head for a wave x, or slope: f32 x k w,
                               y[i] = x[i] + sum over t of w[t] x[i + t - k / 2]
                        An input without colours has no matrices, a task without head none.
                 "CAMR" the camera that the model was trained for, UTF-8
                 "NOTE" text, UTF-8
                 "NAME" a name for each layer, each ended by a zero byte, for people

   SOURCES
     [Chen2018]          DeepPhys, ECCV 2018: the attention mask
     [CodyWaite1980]     Software Manual for the Elementary Functions: reduction of arguments
     [Dao2024]           Transformers are SSMs (Mamba-2), ICML 2024: one number of A for a head
     [Gu2023]            Mamba, arXiv 2312.00752: the selective scan
     [Joshi2024]         FactorizePhys, NeurIPS 2024: rank-one factors as attention
     [LavinGray2016]     Fast algorithms for convolutional neural networks, CVPR 2016: Winograd's
     [Lin2019]           TSM: Temporal shift module, ICCV 2019
     [Narayanswamy2024]  BigSmall, WACV 2024: the shift that wraps
     [Wang2025]          ME-rPPG, 2025: running normalisation
     [Zou2024]           RhythmFormer, 2024: attention to the regions that score highest

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
             act: a residual, of the output's sizes. Flag 1: never Winograd's way,
             for networks that magnify rounding.
   DEPTHWISE The same with one filter for each channel: Co = Ci, p12 = 0, w0 [kt][kh][kw][C].
   UPCONV    Transposed convolution, as PyTorch: parameters and weights as CONV's, but p6..8 is
             what PyTorch calls padding, p9..11 = 1, p12 = 1; the output may be up to stride - 1
             longer than (input - 1) * stride - 2 * padding + kernel (its output padding). act
   AFFINE    x * w0[c] + w1[c]: batch norm at inference. act, in place
   NORM      x less its mean, over the root of its variance + f0, then times w0[C] and plus w1[C],
             each or none. p0 = 0: over C (layer norm); 1: over T, H, W and C / p1 channels, in
             each of p1 groups (group norm; instance norm: p1 = C); 2: over C without the mean
             (RMS norm). Input 1, or none: a gate of x's sizes; x is multiplied by activation p2
             of it before the norm, or with flag 1 after it. act, in place
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
   RESIZE    To the output's T, H, W, at most 65536 each. p0 = 0: sample i * in / out, rounded
             down (nearest; whole factors repeat samples); 1: linear between samples, which stand
             for their middles (PyTorch's align_corners=False). act
   SHIFT     Temporal shift: the T frames in segments of p0; the first p1 channels come from the
             frame after, the next p1 from the frame before, within a segment; zeros where there
             is none, or with flag 1 the frame at the segment's other end [Lin2019,
             Narayanswamy2024].
   DIFF      Along T. p0 = 0: next - this; 1: (next - this) / (next + this + f0). One frame less,
             or as many: then the last one is zeros.
   STANDARD  (x - mean) / deviation over everything, with flag 1 x / deviation; zeros where the
             deviation is 0. in place
   MASK      x / its sum over H, W * H * W * f0, for each frame and channel [Chen2018]. in place
   MATMUL    f0 * x y: x [T][H][M][K], input 1 [T][H][K][N], or with flag 1 [T][H][N][K]; out
             [T][H][M][N]. act
   ATTENTION softmax(f0 * Q K') V for each of p0 heads of C / p0 channels. Inputs Q, K, V, their
             positions in order T, H, W; out: Q's positions, V's channels. Input 3, or none: a
             score for each region of Q (rows) and of K; a region is p2 by p3 by p4 positions
             along T, H, W, and sees the p1 regions of K and V with the highest scores alone, the
             earlier of equal ones [Zou2024]. Without it p1..4 are 0.
   SCAN      State space layer [Gu2023, Dao2024]: h = exp(dt A) h + dt B x, y = C h + D x,
             position after position. y has D channels, h N = p5 states for each. Inputs 0..3 are
             x, dt, B, C, which begin at their channels p0..3: D of x; p6 of dt, each for D / p6
             channels; N of B and of C. w0 A, sizes 1, 1, R, N or 1, 1, R, 1: a row for D / R
             channels; w1 D [D] or none. p4 sequences, one behind the other, of equal length, each
             begin with h = 0; with flag 1 the last position comes first. w2, or none, as w0: the
             imaginary part of A; y then has 2 D channels: for each of the R rows the real parts,
             then the imaginary ones; D x goes to the real parts.
   CODEBOOK  Each number becomes the mean of w0[K] with weights softmax(-f0 |x - w0[k]|). in place
   STEP      SCAN, but h is output 1, a state [1][1][D][N], complex [1][2][D][N] (real parts
             first): read, and left as it is at the end. p4 = 1, no flags.
   CAUSAL    Depthwise convolution along T over this frame and the p0 - 1 before it: w0 [p0][C],
             the last row for this frame; w1 bias [C] or none. Output 1, a state [p0 -
             1][H][W][C]: the frames before the first one. act
   EMA       Normalisation by running moments, frame after frame along T [Wang2025]: with r =
             w0[c], or w0[c] times input 1, one number, where there is one, mean += r (x - mean),
             square += r ((x - mean)^2 - square), y = (x - mean) / sqrt(square + f0). The mean in
             square is the new one, or with flag 1 the one before. f1, where it is not 0: f1
             tanh(y / f1). Output 1, a state [2][H][W][C]: mean and square. act
   NMF       The rank-one non-negative approximation of x as a matrix of T * H * W rows and C
             columns, by p0 multiplicative updates, f0 added to each divisor [Joshi2024].
   FFT       Over the positions, n of them, channel by channel: to [1][1][n / 2 + 1][2 C], C real
             parts and C imaginary parts of each frequency; p0 = 1: back, to n positions, over n.
             Times f0.
   CUMSUM    Running sum along axis p0. in place

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
   LOOKUP    u7 to u7: y = the lower 7 bits of w0[x], w0 s8 [128]: any activation. in place
   And of those above, u7 to u7:
   BINARY    Addition of an input of the same sizes: v = (float)(x - z(x)) * (s(x) / s(y))
             + (float)(y1 - z(y1)) * (s(y1) / s(y)) + (float)z(y); no act.
   POOL      Maximum: s and z as x. Average of n: v = (float)(sum of (x - z(x)))
             * (s(x) / s(y) / (float)n) + (float)z(y); at most 2^23 numbers each. No act.
   CONCAT, RESHAPE  s and z of all alike.                                                         */
#define RPPG_NN__OPS(X) \
  X(CONV, 1) X(DEPTHWISE, 2) X(UPCONV, 3) X(AFFINE, 4) X(NORM, 5) X(POOL, 6) X(ACT, 7) \
  X(SOFTMAX, 8) X(BINARY, 9) X(REDUCE, 10) X(CONCAT, 11) X(SLICE, 12) X(PERMUTE, 13) \
  X(RESHAPE, 14) X(RESIZE, 15) X(SHIFT, 16) X(DIFF, 17) X(STANDARD, 18) X(MASK, 19) \
  X(MATMUL, 20) X(ATTENTION, 21) X(SCAN, 22) X(CODEBOOK, 23) X(STEP, 24) X(CAUSAL, 25) \
  X(EMA, 26) X(NMF, 27) X(FFT, 28) X(CUMSUM, 29) \
  X(QUANT, 32) X(DEQUANT, 33) X(CONV_S8, 34) X(LOOKUP, 35)
typedef enum rppg_nn_op {
#define RPPG__X(name, value) RPPG_NN_##name = value,
  RPPG_NN__OPS(RPPG__X)
#undef RPPG__X
  RPPG_NN__OP_END
} rppg_nn_op;

/* Activations, elementwise. GELU is x * Phi(x), GELU_TANH its approximation by tanh. SIN and COS
   are within 2e-7 for |x| <= 8192. */
typedef enum rppg_nn_act {
  RPPG_NN_LINEAR = 0, RPPG_NN_RELU, RPPG_NN_RELU6, RPPG_NN_ELU, RPPG_NN_GELU, RPPG_NN_GELU_TANH,
  RPPG_NN_SILU, RPPG_NN_TANH, RPPG_NN_SIGMOID, RPPG_NN_SOFTPLUS, RPPG_NN_EXP, RPPG_NN_SQRT,
  RPPG_NN_ABS, RPPG_NN_NEG, RPPG_NN_SQUARE, RPPG_NN_SIN, RPPG_NN_COS, RPPG_NN__ACT_END
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
  RPPG_NN_SIGNALS,          /* mean colours of ROIs: [1][signals][frames][1], ROI by ROI, R, G, B; as
                               many signals as ROIs: green alone, or what one channel sees */
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

/* The chunk "ADPT": see FORMAT. */
typedef struct rppg_nn_adapter {
  uint32_t mixes, channels; /* matrices of colours; gains and offsets */
  uint32_t hidden, taps;    /* of the head */
  const uint8_t *values;    /* in the blob */
  size_t n;                 /* of them; 0: no adapter */
} rppg_nn_adapter;

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
  rppg_nn_adapter adapter;
  const uint8_t *classes;   /* chunk BPMS, or NULL */
  size_t n_classes;
  const void *kernels;
} rppg_nn_model;

/* Bytes of memory that rppg_nn_open needs for this blob.

   blob  in  any bytes, from any source
   size  in  of them

   Returns 0 for a blob that rppg_nn_open refuses on its header, tensors or layers; open says why.
   Depends on the instruction set and on where the blob lies (weights at an odd address are copied),
   so ask on the machine that runs, with the address that open gets. Cost: O(size). */
RPPG_DEF size_t rppg_nn_mem_size(const void *blob, size_t size);

/* What a blob says of itself before it is opened. */
typedef struct rppg_nn_about {
  rppg_nn_spec spec;        /* zeros where the blob has none */
  rppg_nn_adapter adapter;  /* likewise */
  rppg_nn_tensor x, y;      /* its first input, its first output: sizes d, elements n; data is NULL */
  size_t mem_size;          /* as rppg_nn_mem_size */
} rppg_nn_about;

/* Reads all of that at once, without memory for it.

   Returns as rppg_nn_open does of header, tensors and layers; about is zeros then. */
RPPG_DEF rppg_status rppg_nn_read_about(const void *blob, size_t size, rppg_nn_about *about);

/* Proves a blob and prepares it for running.

   m      out  the model; zeroed when the status is not RPPG_OK
   blob   in   [size] any bytes; any alignment (64 is fastest); stays in use
   mem         [mem_size] of any alignment; stays in use, must not move
   error  out  where and why, or NULL

   Returns RPPG_OK; RPPG_ERR_ARG for NULL; RPPG_ERR_SPACE for too small a block;
   RPPG_ERR_UNSUPPORTED for another major version or an op, type, activation, task, source or norm
   that is not known; RPPG_ERR_DATA for everything else that is wrong with the blob.
   The state is that of rppg_nn_reset. Cost: O(size) for checksum and finiteness of the weights, and
   O(layers * tensors) for who lies where when.                                                   */
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
typedef const int8_t *rppg_nn__s8s; /* so that the scalar binding has a type to make const */
#define RPPG_NN__BLOCK 16 /* output channels that lie together in packed weights */
#define RPPG_NN__ELEMENTS ((uint32_t)1 << 28) /* of a tensor, at most */

/* Neighbouring outputs along W, 16 channels of each: sums over rows of segments of inputs that lie
   one behind the other. Depthwise: all channels, w [segs][channels], bias [channels]. */
typedef struct rppg_nn__sum {
  const float *const *x, *const *w; /* [rows]: inputs of output 0; weights [segs][len][16] */
  size_t rows, segs, len, hop;      /* hop: floats in x from segment to segment */
  size_t step;                      /* floats in x from output to output */
  const float *bias, *more;         /* [16]; a residual like y, or NULL */
  float *y;
  size_t y_step, lanes;             /* lanes: of the 16, how many are wanted; more may be written */
  float lo, hi;                     /* results are held within */
} rppg_nn__sum;
typedef void rppg_nn__sum_run(const rppg_nn__sum *s, size_t at);

/* A state space layer: pointers at the first position to be taken. */
typedef struct rppg_nn__scan {
  const float *x, *dt, *b, *c; /* [D], [D / per_dt], [N], [N] */
  ptrdiff_t x_step, dt_step, b_step, c_step, y_step; /* floats from position to position */
  const float *a, *turn, *d;   /* A, its imaginary part or NULL; D or NULL */
  float *y, *h;                /* h [D][N], then its imaginary part */
  float *e;                    /* [2][N] of scratch: e^(dt A) */
  size_t steps, channels, states, per_dt, per_row, columns;
} rppg_nn__scan;

/* Running moments of one frame. */
typedef struct rppg_nn__ema {
  const float *x, *rate;       /* [pixels][n], [n] */
  float *y, *mean, *square;
  size_t pixels, n;
  float eps, bound;
  int before;                  /* deviations from the mean before this frame */
} rppg_nn__ema;

#define RPPG_NN__2_112 5192296858534827628530496329220096.0f /* exponent biases, f32 over f16 */
#if defined(__clang__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#  define RPPG_NN__UNROLL _Pragma("clang loop unroll(full)") /* nested loops need to be told */
#else
#  define RPPG_NN__UNROLL RPPG__UNROLL
#endif

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
  int n;                            /* channels of the block */
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
#  if defined(__clang__) ? __clang_major__ >= 8 : !defined(__GNUC__) || __GNUC__ >= 8
#    define RPPG_NN__AVX512VNNI
#    define RPPG__PASS RPPG__AVX512
#    define RPPG_NN__VNNI
#    define RPPG_NN__S8
#    include RPPG_NN__SELF
#  endif
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

/* ---- bindings: those of rppg_dsp.h, and what networks need ----------------------------------- */

#define RPPG__BIND
#include "rppg_dsp.h"
/* MV vectors of outputs by MP positions is the register tile: MV * VF divides 16 */
#if RPPG__PASS == RPPG__AVX512
#  define RPPG__MV 1
#  define RPPG__MP 14
#  define rppg__vf_fma(a,b,c)  _mm512_fmadd_ps(a, b, c)
#  define rppg__vf_fnma(a,b,c) _mm512_fnmadd_ps(a, b, c)
#  define rppg__vf_div(a,b)    _mm512_div_ps(a, b)
#  define rppg__vf_sqrt(a)     _mm512_maskz_sqrt_ps(0xffff, a)
#  define rppg__vf_min(a,b)    _mm512_maskz_min_ps(0xffff, a, b)
#  define rppg__vf_max(a,b)    _mm512_maskz_max_ps(0xffff, a, b)
#  define rppg__vf_exp2i(t)    _mm512_castsi512_ps(_mm512_maskz_slli_epi32(0xffff, \
    _mm512_add_epi32(_mm512_castps_si512(t), _mm512_set1_epi32(127)), 23))
#  define rppg__vf_load_f16(p) _mm512_maskz_cvtph_ps(0xffff, \
    _mm256_loadu_si256((const __m256i *)(const void *)(p)))
#  define rppg__vf_load_s8(p)  _mm512_maskz_cvtepi32_ps(0xffff, _mm512_maskz_cvtepi8_epi32(0xffff, \
    _mm_loadu_si128((const __m128i *)(const void *)(p))))
#elif RPPG__PASS == RPPG__AVX2
#  define RPPG__MV 2
#  define RPPG__MP 6
#  define rppg__vf_fma(a,b,c)  _mm256_fmadd_ps(a, b, c)
#  define rppg__vf_fnma(a,b,c) _mm256_fnmadd_ps(a, b, c)
#  define rppg__vf_div(a,b)    _mm256_div_ps(a, b)
#  define rppg__vf_sqrt(a)     _mm256_sqrt_ps(a)
#  define rppg__vf_min(a,b)    _mm256_min_ps(a, b)
#  define rppg__vf_max(a,b)    _mm256_max_ps(a, b)
#  define rppg__vf_exp2i(t)    _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32( \
    _mm256_castps_si256(t), _mm256_set1_epi32(127)), 23))
#  define rppg__vf_load_f16(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#  define rppg__vf_load_s8(p)  _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32( \
    _mm_loadl_epi64((const __m128i *)(const void *)(p))))
#elif RPPG__PASS == RPPG__SSE2
#  define RPPG__MV 2
#  define RPPG__MP 6
#  define rppg__vf_fma(a,b,c)  _mm_add_ps(c, _mm_mul_ps(a, b))
#  define rppg__vf_fnma(a,b,c) _mm_sub_ps(c, _mm_mul_ps(a, b))
#  define rppg__vf_div(a,b)    _mm_div_ps(a, b)
#  define rppg__vf_sqrt(a)     _mm_sqrt_ps(a)
#  define rppg__vf_min(a,b)    _mm_min_ps(a, b)
#  define rppg__vf_max(a,b)    _mm_max_ps(a, b)
#  define rppg__vf_exp2i(t)    _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32( \
    _mm_castps_si128(t), _mm_set1_epi32(127)), 23))
#  define rppg__vf_load_f16(p) rppg_nn__half_base(p)
#  define rppg__vf_load_s8(p)  rppg_nn__s8_base(p)
/* Exponent and mantissa moved to their places, then the bias made up for; f16 < 2^-14 too. */
RPPG__SUB(__m128, rppg_nn__half)(const uint16_t *p)
{
  const __m128i half = _mm_loadl_epi64((const __m128i *)(const void *)p);
  __m128i u = _mm_unpacklo_epi16(half, _mm_setzero_si128());
  const __m128i sign = _mm_and_si128(_mm_slli_epi32(u, 16), _mm_set1_epi32(INT32_MIN));
  u = _mm_and_si128(_mm_slli_epi32(u, 13), _mm_set1_epi32(0x0fffe000));
  return _mm_mul_ps(_mm_castsi128_ps(_mm_or_si128(u, sign)), _mm_set1_ps(RPPG_NN__2_112));
}
RPPG__SUB(__m128, rppg_nn__s8)(const int8_t *p)
{
  int32_t four;
  __m128i u;
  memcpy(&four, p, sizeof four);
  u = _mm_cvtsi32_si128(four);
  u = _mm_unpacklo_epi8(u, u);
  return _mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(u, u), 24));
}
#elif RPPG__PASS == RPPG__NEON
#  define RPPG__MV 4
#  define RPPG__MP 5
#  define rppg__vf_fma(a,b,c)  vfmaq_f32(c, a, b)
#  define rppg__vf_fnma(a,b,c) vfmsq_f32(c, a, b)
#  define rppg__vf_div(a,b)    vdivq_f32(a, b)
#  define rppg__vf_sqrt(a)     vsqrtq_f32(a)
#  define rppg__vf_min(a,b)    vminq_f32(a, b)
#  define rppg__vf_max(a,b)    vmaxq_f32(a, b)
#  define rppg__vf_exp2i(t)    vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32( \
    vreinterpretq_s32_f32(t), vdupq_n_s32(127)), 23))
#  define rppg__vf_load_f16(p) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))
#  define rppg__vf_load_s8(p)  rppg_nn__s8_base(p)
RPPG__SUB(float32x4_t, rppg_nn__s8)(const int8_t *p)
{
  int32_t four;
  memcpy(&four, p, sizeof four);
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four))))));
}
#elif RPPG__PASS == RPPG__SIMD128
#  define RPPG__MV 2
#  define RPPG__MP 6
#  define rppg__vf_fma(a,b,c)  wasm_f32x4_add(c, wasm_f32x4_mul(a, b))
#  define rppg__vf_fnma(a,b,c) wasm_f32x4_sub(c, wasm_f32x4_mul(a, b))
#  define rppg__vf_div(a,b)    wasm_f32x4_div(a, b)
#  define rppg__vf_sqrt(a)     wasm_f32x4_sqrt(a)
#  define rppg__vf_min(a,b)    wasm_f32x4_pmin(b, a)
#  define rppg__vf_max(a,b)    wasm_f32x4_pmax(b, a)
#  define rppg__vf_exp2i(t)    wasm_i32x4_shl(wasm_i32x4_add(t, wasm_i32x4_splat(127)), 23)
#  define rppg__vf_load_f16(p) rppg_nn__half_base(wasm_u32x4_load16x4(p))
#  define rppg__vf_load_s8(p)  wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8( \
    wasm_i16x8_extend_low_i8x16(wasm_v128_load32_zero(p))))
RPPG__SUB(v128_t, rppg_nn__half)(v128_t u)
{
  const v128_t sign = wasm_v128_and(wasm_i32x4_shl(u, 16), wasm_i32x4_splat(INT32_MIN));
  u = wasm_v128_and(wasm_i32x4_shl(u, 13), wasm_i32x4_splat(0x0fffe000));
  return wasm_f32x4_mul(wasm_v128_or(u, sign), wasm_f32x4_splat(RPPG_NN__2_112));
}
#else
#  define RPPG__MV 4
#  define RPPG__MP 2
#  define rppg__vf_fma(a,b,c)  ((c) + (a) * (b))
#  define rppg__vf_fnma(a,b,c) ((c) - (a) * (b))
#  define rppg__vf_div(a,b)    ((a) / (b))
#  define rppg__vf_sqrt(a)     ((float)rppg__sqrt((double)(a)))
#  define rppg__vf_min(a,b)    ((a) < (b) ? (a) : (b))
#  define rppg__vf_max(a,b)    ((a) > (b) ? (a) : (b))
#  define rppg__vf_exp2i(t)    rppg_nn__exp2i(t)
#  define rppg__vf_load_f16(p) rppg_nn__half(*(p))
#  define rppg__vf_load_s8(p)  ((float)*(p))
static float rppg_nn__half(uint32_t h)
{
  float f;
  h = (h & 0x7fff) << 13 | (h & 0x8000) << 16;
  memcpy(&f, &h, sizeof f);
  return f * RPPG_NN__2_112;
}
static float rppg_nn__exp2i(float t)
{
  uint32_t u;
  memcpy(&u, &t, sizeof u);
  u = (u + 127) << 23;
  memcpy(&t, &u, sizeof u);
  return t;
}
#endif


/* ---- kernels, written once ------------------------------------------------------------------- */

/* e^x = scale * (1 + u), |u| < 0.42, x held within -87.33 and 88.37: ln 2 taken out
   [CodyWaite1980], then u = r + r^2 q(r), q minimax on |r| <= ln 2 / 2. NaN comes through, here and
   below. */
RPPG__SUB(rppg__vf, rppg_nn__vexp_parts)(rppg__vf x, rppg__vf *scale)
{
  const rppg__vf magic = rppg__vf_set1(12582912.0f); /* 1.5 * 2^23: integers have steps of 1 */
  rppg__vf t, n, p;
  x = rppg__vf_min(rppg__vf_set1(88.37626f), rppg__vf_max(rppg__vf_set1(-87.33654f), x));
  t = rppg__vf_fma(x, rppg__vf_set1(1.44269504f), magic);
  n = rppg__vf_sub(t, magic);
  x = rppg__vf_fnma(n, rppg__vf_set1(0.693359375f), x);
  x = rppg__vf_fnma(n, rppg__vf_set1(-2.12194440e-4f), x);
  p = rppg__vf_fma(rppg__vf_set1(1.3814583774747e-3f), x, rppg__vf_set1(8.36872395237804e-3f));
  p = rppg__vf_fma(p, x, rppg__vf_set1(4.166838873489085e-2f));
  p = rppg__vf_fma(p, x, rppg__vf_set1(1.6666520573392035e-1f));
  p = rppg__vf_fma(p, x, rppg__vf_set1(0.4999999344385602f));
  *scale = rppg__vf_exp2i(t);
  return rppg__vf_fma(rppg__vf_mul(x, x), p, x);
}

/* e^x, relative error below 1.2e-7. */
RPPG__SUB(rppg__vf, rppg_nn__vexp)(rppg__vf x)
{
  rppg__vf s, u = RPPG__CALL(rppg_nn__vexp_parts)(x, &s);
  return rppg__vf_fma(s, u, s);
}

/* e^x - 1 for x <= 0, relative error below 1.5e-7, also near 0. */
RPPG__SUB(rppg__vf, rppg_nn__vexpm1)(rppg__vf x)
{
  rppg__vf s, u = RPPG__CALL(rppg_nn__vexp_parts)(x, &s);
  return rppg__vf_fma(s, u, rppg__vf_sub(s, rppg__vf_set1(1.0f)));
}

/* tanh x, relative error below 3e-7: odd rational function, minimax on |x| <= 9.02, there 1. */
RPPG__SUB(rppg__vf, rppg_nn__vtanh)(rppg__vf x)
{
  rppg__vf q, p, d;
  x = rppg__vf_min(rppg__vf_set1(9.02f), rppg__vf_max(rppg__vf_set1(-9.02f), x));
  q = rppg__vf_mul(x, x);
  p = rppg__vf_fma(rppg__vf_set1(1.3319024739652921e-8f), q, rppg__vf_set1(2.0583445382353271e-5f));
  p = rppg__vf_fma(p, q, rppg__vf_set1(3.4940323232396913e-3f));
  p = rppg__vf_fma(p, q, rppg__vf_set1(0.13379716064150976f));
  p = rppg__vf_fma(p, q, rppg__vf_set1(0.99999997905721782f));
  d = rppg__vf_fma(rppg__vf_set1(7.7619995700664479e-7f), q, rppg__vf_set1(3.2830892129520156e-4f));
  d = rppg__vf_fma(d, q, rppg__vf_set1(2.5871064684949013e-2f));
  d = rppg__vf_fma(d, q, rppg__vf_set1(0.46713031315625919f));
  d = rppg__vf_fma(d, q, rppg__vf_set1(1.0f));
  x = rppg__vf_div(rppg__vf_mul(x, p), d); /* may round to just beyond 1 */
  return rppg__vf_min(rppg__vf_set1(1.0f), rppg__vf_max(rppg__vf_set1(-1.0f), x));
}

/* erf x, relative error below 3e-7: likewise on |x| <= 3.93. */
RPPG__SUB(rppg__vf, rppg_nn__verf)(rppg__vf x)
{
  rppg__vf q, p, d;
  x = rppg__vf_min(rppg__vf_set1(3.93f), rppg__vf_max(rppg__vf_set1(-3.93f), x));
  q = rppg__vf_mul(x, x);
  p = rppg__vf_fma(rppg__vf_set1(2.0420029929549775e-6f), q, rppg__vf_set1(2.848064176173007e-4f));
  p = rppg__vf_fma(p, q, rppg__vf_set1(3.7794794437930467e-3f));
  p = rppg__vf_fma(p, q, rppg__vf_set1(5.2789882488402537e-2f));
  p = rppg__vf_fma(p, q, rppg__vf_set1(0.1907806988838987f));
  p = rppg__vf_fma(p, q, rppg__vf_set1(1.1283791454000920f));
  d = rppg__vf_fma(rppg__vf_set1(3.8004298225964083e-5f), q, rppg__vf_set1(1.1651827550762069e-3f));
  d = rppg__vf_fma(d, q, rppg__vf_set1(1.4997174871598646e-2f));
  d = rppg__vf_fma(d, q, rppg__vf_set1(0.11425623774678299f));
  d = rppg__vf_fma(d, q, rppg__vf_set1(0.50240771228177394f));
  d = rppg__vf_fma(d, q, rppg__vf_set1(1.0f));
  return rppg__vf_div(rppg__vf_mul(x, p), d);
}

/* log(1 + z), 0 <= z <= 1, relative error below 3e-7: rational, minimax. */
RPPG__SUB(rppg__vf, rppg_nn__vlog1p)(rppg__vf z)
{
  rppg__vf p, d;
  p = rppg__vf_fma(rppg__vf_set1(0.12376432085714517f), z, rppg__vf_set1(0.8671935364435809f));
  p = rppg__vf_fma(p, z, rppg__vf_set1(0.9999999810166655f));
  d = rppg__vf_fma(rppg__vf_set1(0.03109455068675317f), z, rppg__vf_set1(0.4740589140810199f));
  d = rppg__vf_fma(d, z, rppg__vf_set1(1.3671915897172613f));
  d = rppg__vf_fma(d, z, rppg__vf_set1(1.0f));
  return rppg__vf_div(rppg__vf_mul(z, p), d);
}

/* (-1)^k sin(x - (k - shift) pi), k the nearest to x / pi + shift: the sine for shift 0, the cosine
   for 1/2. pi in three parts [CodyWaite1980]; Taylor to r^11, error below 6e-8 up to pi / 2. */
RPPG__SUB(rppg__vf, rppg_nn__vsin)(rppg__vf x, float shift)
{
  const rppg__vf magic = rppg__vf_set1(12582912.0f), s = rppg__vf_set1(shift),
                 one = rppg__vf_set1(1.0f);
  const rppg__vf k =
      rppg__vf_sub(rppg__vf_add(rppg__vf_fma(x, rppg__vf_set1(0.318309886f), s), magic), magic);
  const rppg__vf half = rppg__vf_sub(rppg__vf_fma(k, rppg__vf_set1(0.5f), magic), magic);
  const rppg__vf odd = rppg__vf_fnma(rppg__vf_set1(2.0f), half, k), n = rppg__vf_sub(k, s);
  rppg__vf r = rppg__vf_fnma(n, rppg__vf_set1(3.140625f), x), q, p;
  r = rppg__vf_fnma(n, rppg__vf_set1(9.67502593994140625e-4f), r);
  r = rppg__vf_fnma(n, rppg__vf_set1(1.509957990978376e-7f), r);
  r = rppg__vf_min(rppg__vf_set1(2.0f),
                   rppg__vf_max(rppg__vf_set1(-2.0f), r)); /* where x is huge */
  q = rppg__vf_mul(r, r);
  p = rppg__vf_fma(q, rppg__vf_set1(-2.50521084e-8f), rppg__vf_set1(2.75573192e-6f));
  p = rppg__vf_fma(p, q, rppg__vf_set1(-1.98412698e-4f));
  p = rppg__vf_fma(p, q, rppg__vf_set1(8.33333333e-3f));
  p = rppg__vf_fma(p, q, rppg__vf_set1(-0.166666667f));
  p = rppg__vf_fma(rppg__vf_mul(p, q), r, r);
  return rppg__vf_mul(p, rppg__vf_fnma(rppg__vf_add(odd, odd), odd, one));
}

RPPG__SUB(rppg__vf, rppg_nn__vactivate)(int act, rppg__vf x)
{
  const rppg__vf zero = rppg__vf_zero(), one = rppg__vf_set1(1.0f), half = rppg__vf_set1(0.5f);
  const rppg__vf minus = rppg__vf_sub(zero, x);
  rppg__vf u;
  switch (act) {
  case RPPG_NN_RELU: return rppg__vf_max(zero, x);
  case RPPG_NN_RELU6: return rppg__vf_min(rppg__vf_set1(6.0f), rppg__vf_max(zero, x));
  case RPPG_NN_ELU:
    u = RPPG__CALL(rppg_nn__vexpm1)(rppg__vf_min(zero, x));
    return rppg__vf_add(rppg__vf_max(zero, x), u);
  case RPPG_NN_GELU:
    u = RPPG__CALL(rppg_nn__verf)(rppg__vf_mul(x, rppg__vf_set1(0.707106781f)));
    return rppg__vf_mul(rppg__vf_mul(half, x), rppg__vf_add(one, u));
  case RPPG_NN_GELU_TANH: /* 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) */
    u = rppg__vf_fma(rppg__vf_mul(x, x), rppg__vf_set1(0.0356774081f), rppg__vf_set1(0.797884561f));
    u = RPPG__CALL(rppg_nn__vtanh)(rppg__vf_mul(x, u));
    return rppg__vf_mul(rppg__vf_mul(half, x), rppg__vf_add(one, u));
  case RPPG_NN_SILU:
    return rppg__vf_div(x, rppg__vf_add(one, RPPG__CALL(rppg_nn__vexp)(minus)));
  case RPPG_NN_TANH: return RPPG__CALL(rppg_nn__vtanh)(x);
  case RPPG_NN_SIGMOID:
    return rppg__vf_div(one, rppg__vf_add(one, RPPG__CALL(rppg_nn__vexp)(minus)));
  case RPPG_NN_SOFTPLUS:
    u = RPPG__CALL(rppg_nn__vexp)(rppg__vf_min(minus, x));
    return rppg__vf_add(rppg__vf_max(zero, x), RPPG__CALL(rppg_nn__vlog1p)(u));
  case RPPG_NN_EXP: return RPPG__CALL(rppg_nn__vexp)(x);
  case RPPG_NN_SQRT: return rppg__vf_sqrt(rppg__vf_max(zero, x));
  case RPPG_NN_ABS: return rppg__vf_max(minus, x);
  case RPPG_NN_NEG: return minus;
  case RPPG_NN_SQUARE: return rppg__vf_mul(x, x);
  case RPPG_NN_SIN: return RPPG__CALL(rppg_nn__vsin)(x, 0.0f);
  case RPPG_NN_COS: return RPPG__CALL(rppg_nn__vsin)(x, 0.5f);
  default: return x;
  }
}

/* n a multiple of VF. */
RPPG__FN(void, rppg_nn__activate_whole)(int act, float *x, size_t n)
{
  size_t i;
#define RPPG__X(name)                                                                        \
  case name:                                                                                 \
    for (i = 0; i < n; i += RPPG__VF)                                                        \
      rppg__vf_store(x + i, RPPG__CALL(rppg_nn__vactivate)(name, rppg__vf_load(x + i)));     \
    break;
  switch (act) {
  RPPG__X(RPPG_NN_RELU) RPPG__X(RPPG_NN_RELU6) RPPG__X(RPPG_NN_ELU) RPPG__X(RPPG_NN_GELU)
  RPPG__X(RPPG_NN_GELU_TANH) RPPG__X(RPPG_NN_SILU) RPPG__X(RPPG_NN_TANH) RPPG__X(RPPG_NN_SIGMOID)
  RPPG__X(RPPG_NN_SOFTPLUS) RPPG__X(RPPG_NN_EXP) RPPG__X(RPPG_NN_SQRT) RPPG__X(RPPG_NN_ABS)
  RPPG__X(RPPG_NN_NEG) RPPG__X(RPPG_NN_SQUARE) RPPG__X(RPPG_NN_SIN) RPPG__X(RPPG_NN_COS)
  default: break;
  }
#undef RPPG__X
}

RPPG__FN(void, rppg_nn__activate)(int act, float *x, size_t n)
{
  const size_t tail = n % RPPG__VF, body = n - tail;
  float t[RPPG__VF];
  if (act == RPPG_NN_LINEAR) return;
  RPPG__CALL(rppg_nn__activate_whole)(act, x, body);
  if (tail == 0) return;
  rppg__vf_store(t, rppg__vf_zero());
  memcpy(t, x + body, tail * sizeof *t);
  RPPG__CALL(rppg_nn__activate_whole)(act, t, RPPG__VF);
  memcpy(x + body, t, tail * sizeof *t);
}

/* The register tile: p outputs of MV vectors, the sums of all taps in registers. */
RPPG__SUB(void, rppg_nn__sum)(int p, const rppg_nn__sum *s, size_t at)
{
  const size_t step = s->step;
  const rppg__vf lo = rppg__vf_set1(s->lo), hi = rppg__vf_set1(s->hi);
  size_t c0, r, k, c;
  int j, v;
  for (c0 = 0; c0 < s->lanes; c0 += RPPG__MV * RPPG__VF) {
    rppg__vf acc[RPPG__MP][RPPG__MV];
    RPPG_NN__UNROLL
    for (j = 0; j < p; j++) {
      RPPG_NN__UNROLL
      for (v = 0; v < RPPG__MV; v++) acc[j][v] = rppg__vf_load(s->bias + c0 + (size_t)v * RPPG__VF);
    }
    for (r = 0; r < s->rows; r++) {
      const float *w = s->w[r] + c0, *x = s->x[r] + at * step;
      for (k = 0; k < s->segs; k++, x += s->hop) {
        const float *x0 = x, *x5 = x + 5 * step, *x10 = x + 10 * step; /* x86 scales by 2, 4 */
        for (c = s->len; c > 0; c--, w += RPPG_NN__BLOCK, x0++, x5++, x10++) {
          rppg__vf f[RPPG__MV];
          RPPG_NN__UNROLL
          for (v = 0; v < RPPG__MV; v++) f[v] = rppg__vf_load(w + v * RPPG__VF);
          RPPG_NN__UNROLL
          for (j = 0; j < p; j++) {
            const float *xj = j < 5 ? x0 : j < 10 ? x5 : x10;
            const rppg__vf a = rppg__vf_set1(xj[(size_t)(j % 5) * step]);
            RPPG_NN__UNROLL
            for (v = 0; v < RPPG__MV; v++) acc[j][v] = rppg__vf_fma(a, f[v], acc[j][v]);
          }
        }
      }
    }
    RPPG_NN__UNROLL
    for (j = 0; j < p; j++) {
      RPPG_NN__UNROLL
      for (v = 0; v < RPPG__MV; v++) {
        const size_t to = (at + (size_t)j) * s->y_step + c0 + (size_t)(v * RPPG__VF);
        rppg__vf a = acc[j][v];
        if (s->more) a = rppg__vf_add(a, rppg__vf_load(s->more + to));
        rppg__vf_store(s->y + to, rppg__vf_min(hi, rppg__vf_max(lo, a)));
      }
    }
  }
}

#if RPPG__MP == 14
#  define RPPG__EACH_P(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif RPPG__MP == 6
#  define RPPG__EACH_P(X) X(1) X(2) X(3) X(4) X(5) X(6)
#elif RPPG__MP == 5
#  define RPPG__EACH_P(X) X(1) X(2) X(3) X(4) X(5)
#elif RPPG__MP == 4
#  define RPPG__EACH_P(X) X(1) X(2) X(3) X(4)
#else
#  define RPPG__EACH_P(X) X(1) X(2)
#endif
#define RPPG__X(p) \
  RPPG__FN(void, rppg_nn__sum##p)(const rppg_nn__sum *s, size_t at)                          \
  {                                                                                          \
    RPPG__CALL(rppg_nn__sum)(p, s, at);                                                      \
  }
RPPG__EACH_P(RPPG__X)
#undef RPPG__X

/* n outputs, in tiles of equal width as far as that goes. */
RPPG__FN(void, rppg_nn__sums)(const rppg_nn__sum *s, size_t n)
{
#define RPPG__X(p) , RPPG__CALL(rppg_nn__sum##p)
  static rppg_nn__sum_run *const tile[] = { NULL RPPG__EACH_P(RPPG__X) };
#undef RPPG__X
  const size_t tiles = (n + RPPG__MP - 1) / RPPG__MP;
  size_t i, at = 0;
  for (i = 0; i < tiles; i++) {
    const size_t p = n / tiles + (i < n % tiles);
    tile[p](s, at);
    at += p;
  }
}
#undef RPPG__EACH_P

/* p outputs of nv vectors of channels from c0 on, one filter for each channel. */
RPPG__SUB(void, rppg_nn__depth)(int p, int nv, const rppg_nn__sum *s, size_t at, size_t c0,
  size_t n)
{
  const rppg__vf lo = rppg__vf_set1(s->lo), hi = rppg__vf_set1(s->hi);
  rppg__vf acc[4][2];
  size_t r, k;
  int j, v;
  RPPG_NN__UNROLL
  for (j = 0; j < p; j++) {
    RPPG_NN__UNROLL
    for (v = 0; v < nv; v++) acc[j][v] = rppg__vf_load(s->bias + c0 + (size_t)v * RPPG__VF);
  }
  for (r = 0; r < s->rows; r++) {
    const float *w = s->w[r] + c0, *x = s->x[r] + at * s->step + c0;
    for (k = 0; k < s->segs; k++, x += s->hop, w += n) {
      RPPG_NN__UNROLL
      for (v = 0; v < nv; v++) {
        const rppg__vf f = rppg__vf_load(w + v * RPPG__VF);
        RPPG_NN__UNROLL
        for (j = 0; j < p; j++)
          acc[j][v] =
            rppg__vf_fma(f, rppg__vf_load(x + (size_t)j * s->step + v * RPPG__VF), acc[j][v]);
      }
    }
  }
  RPPG_NN__UNROLL
  for (j = 0; j < p; j++) {
    RPPG_NN__UNROLL
    for (v = 0; v < nv; v++)
      rppg__vf_store(s->y + (at + (size_t)j) * s->y_step + c0 + (size_t)v * RPPG__VF,
                     rppg__vf_min(hi, rppg__vf_max(lo, acc[j][v])));
  }
}

/* Outputs 0..outputs - 1 of n channels. */
RPPG__FN(void, rppg_nn__depths)(const rppg_nn__sum *s, size_t outputs, size_t n)
{
  size_t at, c, r, k;
  for (at = 0; at < outputs; at++) {
    const int four = outputs - at >= 4;
    for (c = 0; c + 2 * RPPG__VF <= n; c += 2 * RPPG__VF) {
      if (four) RPPG__CALL(rppg_nn__depth)(4, 2, s, at, c, n);
      else RPPG__CALL(rppg_nn__depth)(1, 2, s, at, c, n);
    }
    for (; c + RPPG__VF <= n; c += RPPG__VF) {
      if (four) RPPG__CALL(rppg_nn__depth)(4, 1, s, at, c, n);
      else RPPG__CALL(rppg_nn__depth)(1, 1, s, at, c, n);
    }
    for (; c < n; c++) {
      size_t j;
      for (j = at; j < at + (four ? 4 : 1); j++) {
        float a = s->bias[c];
        for (r = 0; r < s->rows; r++)
          for (k = 0; k < s->segs; k++)
            a += s->x[r][j * s->step + k * s->hop + c] * s->w[r][k * n + c];
        s->y[j * s->y_step + c] = a < s->lo ? s->lo : a > s->hi ? s->hi : a;
      }
    }
    if (four) at += 3;
  }
}

/* 16 outputs of a dense layer: sums over n inputs of x[i] w[i][16]; weights of a type. */
RPPG__SUB(rppg__vf, rppg_nn__vload)(int type, const void *w, size_t i)
{
  if (type == RPPG_NN_F32) return rppg__vf_load((const float *)w + i);
  if (type == RPPG_NN_F16) return rppg__vf_load_f16((const uint16_t *)w + i);
  return rppg__vf_load_s8((const int8_t *)w + i);
}

RPPG__SUB(void, rppg_nn__dense_of)(int type, const void *w, const float *x, size_t n, float *y)
{
  enum { ALL = RPPG_NN__BLOCK / RPPG__VF, NV = ALL < 4 ? ALL : 4, PARTS = 8 / NV };
  rppg__vf acc[PARTS][NV];
  size_t i, c0;
  int k, v;
  for (c0 = 0; c0 < RPPG_NN__BLOCK; c0 += NV * RPPG__VF) {
    RPPG_NN__UNROLL
    for (k = 0; k < PARTS; k++) {
      RPPG_NN__UNROLL
      for (v = 0; v < NV; v++) acc[k][v] = rppg__vf_zero();
    }
    for (i = 0; i + PARTS <= n; i += PARTS) {
      RPPG_NN__UNROLL
      for (k = 0; k < PARTS; k++) {
        const rppg__vf a = rppg__vf_set1(x[i + (size_t)k]);
        RPPG_NN__UNROLL
        for (v = 0; v < NV; v++)
          acc[k][v] = rppg__vf_fma(a, RPPG__CALL(rppg_nn__vload)(type, w,
            (i + (size_t)k) * RPPG_NN__BLOCK + c0 + (size_t)v * RPPG__VF), acc[k][v]);
      }
    }
    for (; i < n; i++) {
      RPPG_NN__UNROLL
      for (v = 0; v < NV; v++)
        acc[0][v] = rppg__vf_fma(rppg__vf_set1(x[i]), RPPG__CALL(rppg_nn__vload)(type, w,
          i * RPPG_NN__BLOCK + c0 + (size_t)v * RPPG__VF), acc[0][v]);
    }
    RPPG_NN__UNROLL
    for (v = 0; v < NV; v++) {
      RPPG_NN__UNROLL
      for (k = 1; k < PARTS; k++) acc[0][v] = rppg__vf_add(acc[0][v], acc[k][v]);
      rppg__vf_store(y + c0 + (size_t)v * RPPG__VF, acc[0][v]);
    }
  }
}

RPPG__FN(void, rppg_nn__dense)(int type, const void *w, const float *x, size_t n, float *y)
{
  if (type == RPPG_NN_F32) RPPG__CALL(rppg_nn__dense_of)(RPPG_NN_F32, w, x, n, y);
  else if (type == RPPG_NN_F16) RPPG__CALL(rppg_nn__dense_of)(RPPG_NN_F16, w, x, n, y);
  else RPPG__CALL(rppg_nn__dense_of)(RPPG_NN_S8, w, x, n, y);
}

/* n weights, a multiple of 16, as f32; scale [16] or NULL. */
RPPG__FN(void, rppg_nn__widen)(int type, const void *w, const float *scale, size_t n, float *y)
{
  size_t i;
  for (i = 0; i < n; i += RPPG__VF) {
    rppg__vf a = type == RPPG_NN_F16 ? RPPG__CALL(rppg_nn__vload)(RPPG_NN_F16, w, i)
                                     : RPPG__CALL(rppg_nn__vload)(RPPG_NN_S8, w, i);
    if (scale) a = rppg__vf_mul(a, rppg__vf_load(scale + i % RPPG_NN__BLOCK));
    rppg__vf_store(y + i, a);
  }
}

/* Winograd's transforms for four outputs and three taps, points 0, 1, -1, 2, -2 and infinity
   [LavinGray2016, 4.3]: of six inputs, of six products. */
RPPG__SUB(void, rppg_nn__six)(const rppg__vf *d, rppg__vf *o)
{
  const rppg__vf two = rppg__vf_set1(2.0f), four = rppg__vf_set1(4.0f), five = rppg__vf_set1(5.0f);
  const rppg__vf a = rppg__vf_fnma(four, d[2], d[4]), b = rppg__vf_fnma(four, d[1], d[3]);
  const rppg__vf c = rppg__vf_sub(d[4], d[2]), e = rppg__vf_sub(d[3], d[1]);
  o[0] = rppg__vf_fnma(five, d[2], rppg__vf_fma(four, d[0], d[4]));
  o[1] = rppg__vf_add(a, b);
  o[2] = rppg__vf_sub(a, b);
  o[3] = rppg__vf_fma(two, e, c);
  o[4] = rppg__vf_fnma(two, e, c);
  o[5] = rppg__vf_fnma(five, d[3], rppg__vf_fma(four, d[1], d[5]));
}

RPPG__SUB(void, rppg_nn__four)(const rppg__vf *m, rppg__vf *o)
{
  const rppg__vf a = rppg__vf_add(m[1], m[2]), b = rppg__vf_sub(m[1], m[2]);
  const rppg__vf c = rppg__vf_add(m[3], m[4]), d = rppg__vf_sub(m[3], m[4]);
  o[0] = rppg__vf_add(m[0], rppg__vf_add(a, c));
  o[1] = rppg__vf_fma(rppg__vf_set1(2.0f), d, b);
  o[2] = rppg__vf_fma(rppg__vf_set1(4.0f), c, a);
  o[3] = rppg__vf_add(m[5], rppg__vf_fma(rppg__vf_set1(8.0f), d, b));
}

/* Six inputs [ci] each, transformed to y, y + step, ...; ci a multiple of 16. */
RPPG__FN(void, rppg_nn__line_in)(const float *const *from, size_t ci, float *y, size_t step)
{
  rppg__vf d[6], o[6];
  size_t c;
  int i;
  for (c = 0; c < ci; c += RPPG__VF) {
    RPPG_NN__UNROLL
    for (i = 0; i < 6; i++) d[i] = rppg__vf_load(from[i] + c);
    RPPG__CALL(rppg_nn__six)(d, o);
    RPPG_NN__UNROLL
    for (i = 0; i < 6; i++) rppg__vf_store(y + (size_t)i * step + c, o[i]);
  }
}

/* The same for a square of six by six. */
RPPG__FN(void, rppg_nn__square_in)(const float *const *from, size_t ci, float *y, size_t step)
{
  rppg__vf t[6][6], d[6];
  size_t c;
  int i, j;
  for (c = 0; c < ci; c += RPPG__VF) {
    RPPG_NN__UNROLL
    for (i = 0; i < 6; i++) {
      RPPG_NN__UNROLL
      for (j = 0; j < 6; j++) d[j] = rppg__vf_load(from[6 * i + j] + c);
      RPPG__CALL(rppg_nn__six)(d, t[i]);
    }
    RPPG_NN__UNROLL
    for (j = 0; j < 6; j++) {
      rppg__vf o[6];
      RPPG_NN__UNROLL
      for (i = 0; i < 6; i++) d[i] = t[i][j];
      RPPG__CALL(rppg_nn__six)(d, o);
      RPPG_NN__UNROLL
      for (i = 0; i < 6; i++) rppg__vf_store(y + (size_t)(6 * i + j) * step + c, o[i]);
    }
  }
}

/* Products m, m + step, ... [16] to n <= 4 outputs, finished as rppg_nn__sum does. */
RPPG__FN(void, rppg_nn__line_out)(const float *m, size_t step, const rppg_nn__sum *s, size_t at,
  int n)
{
  const rppg__vf lo = rppg__vf_set1(s->lo), hi = rppg__vf_set1(s->hi);
  rppg__vf d[6], o[4];
  size_t c;
  int i;
  for (c = 0; c < RPPG_NN__BLOCK; c += RPPG__VF) {
    RPPG_NN__UNROLL
    for (i = 0; i < 6; i++) d[i] = rppg__vf_load(m + (size_t)i * step + c);
    RPPG__CALL(rppg_nn__four)(d, o);
    RPPG_NN__UNROLL
    for (i = 0; i < 4; i++) {
      const size_t to = (at + (size_t)i) * s->y_step + c;
      rppg__vf a = rppg__vf_add(o[i], rppg__vf_load(s->bias + c));
      if (i < n) {
        if (s->more) a = rppg__vf_add(a, rppg__vf_load(s->more + to));
        rppg__vf_store(s->y + to, rppg__vf_min(hi, rppg__vf_max(lo, a)));
      }
    }
  }
}

/* The same to h <= 4 rows of w <= 4 outputs; row: floats from row to row. */
RPPG__FN(void, rppg_nn__square_out)(const float *m, size_t step, const rppg_nn__sum *s, size_t row,
  int h, int w)
{
  const rppg__vf lo = rppg__vf_set1(s->lo), hi = rppg__vf_set1(s->hi);
  rppg__vf t[6][4], d[6], o[4];
  size_t c;
  int i, j;
  for (c = 0; c < RPPG_NN__BLOCK; c += RPPG__VF) {
    const rppg__vf bias = rppg__vf_load(s->bias + c);
    RPPG_NN__UNROLL
    for (i = 0; i < 6; i++) {
      RPPG_NN__UNROLL
      for (j = 0; j < 6; j++) d[j] = rppg__vf_load(m + (size_t)(6 * i + j) * step + c);
      RPPG__CALL(rppg_nn__four)(d, t[i]);
    }
    RPPG_NN__UNROLL
    for (j = 0; j < 4; j++) {
      RPPG_NN__UNROLL
      for (i = 0; i < 6; i++) d[i] = t[i][j];
      RPPG__CALL(rppg_nn__four)(d, o);
      RPPG_NN__UNROLL
      for (i = 0; i < 4; i++) {
        const size_t to = (size_t)i * row + (size_t)j * s->y_step + c;
        rppg__vf a = rppg__vf_add(o[i], bias);
        if (i < h && j < w) {
          if (s->more) a = rppg__vf_add(a, rppg__vf_load(s->more + to));
          rppg__vf_store(s->y + to, rppg__vf_min(hi, rppg__vf_max(lo, a)));
        }
      }
    }
  }
}

/* Sum or maximum of taps samples [n], upon what y holds if more; then times scale. */
RPPG__SUB(void, rppg_nn__pool_vf)(int op, const float *const *x, size_t taps, float *y, size_t c,
  int more, rppg__vf scale)
{
  rppg__vf a = rppg__vf_load(more ? y + c : x[0] + c);
  size_t i;
  for (i = more ? 0 : 1; i < taps; i++) {
    const rppg__vf b = rppg__vf_load(x[i] + c);
    a = op ? rppg__vf_max(a, b) : rppg__vf_add(a, b);
  }
  rppg__vf_store(y + c, op ? a : rppg__vf_mul(a, scale));
}

RPPG__FN(void, rppg_nn__pool)(int op, const float *const *x, size_t taps, size_t n, float *y,
  int more, float scale)
{
  const rppg__vf s = rppg__vf_set1(scale);
  size_t c = 0, i;
  for (; c + RPPG__VF <= n; c += RPPG__VF) {
    if (op) RPPG__CALL(rppg_nn__pool_vf)(1, x, taps, y, c, more, s);
    else RPPG__CALL(rppg_nn__pool_vf)(0, x, taps, y, c, more, s);
  }
  for (; c < n; c++) {
    float a = more ? y[c] : x[0][c];
    for (i = more ? 0 : 1; i < taps; i++) a = !op ? a + x[i][c] : a > x[i][c] ? a : x[i][c];
    y[c] = op ? a : a * scale;
  }
}

/* y = a op b of n numbers; step 0: b is one number. op as in RPPG_NN_BINARY. y may be a or b. */
RPPG__FN(void, rppg_nn__binary)(int op, const float *a, const float *b, size_t step, size_t n,
  float *y)
{
  size_t i = 0;
#define RPPG__X(k, wide, narrow)                                                              \
  case k:                                                                                     \
    for (; i + RPPG__VF <= n; i += RPPG__VF) {                                                \
      const rppg__vf p = rppg__vf_load(a + i);                                                \
      const rppg__vf q = step ? rppg__vf_load(b + i) : rppg__vf_set1(*b);                     \
      rppg__vf_store(y + i, wide(p, q));                                                      \
    }                                                                                         \
    for (; i < n; i++) {                                                                      \
      const float p = a[i], q = b[i * step];                                                  \
      y[i] = narrow;                                                                          \
    }                                                                                         \
    break;
  switch (op) {
  RPPG__X(0, rppg__vf_add, p + q)
  RPPG__X(1, rppg__vf_sub, p - q)
  RPPG__X(2, rppg__vf_mul, p * q)
  RPPG__X(3, rppg__vf_div, p / q)
  RPPG__X(4, rppg__vf_min, p < q ? p : q)
  RPPG__X(5, rppg__vf_max, p > q ? p : q)
  default: break;
  }
#undef RPPG__X
}

/* Softmax of scale * y, n numbers in place. */
RPPG__FN(void, rppg_nn__softmax)(float *y, size_t n, float scale)
{
  const size_t tail = n % RPPG__VF, body = n - tail;
  const rppg__vf s = rppg__vf_set1(scale);
  float t[RPPG__VF], lanes[RPPG__VF], top = y[0] * scale, sum = 0.0f;
  rppg__vf v = rppg__vf_set1(top), acc = rppg__vf_zero();
  size_t i;
  for (i = 0; i < RPPG__VF; i++) t[i] = i < tail ? y[body + i] : y[0];
  for (i = 0; i < body; i += RPPG__VF) v = rppg__vf_max(rppg__vf_mul(rppg__vf_load(y + i), s), v);
  v = rppg__vf_max(rppg__vf_mul(rppg__vf_load(t), s), v);
  rppg__vf_store(lanes, v);
  for (i = 0; i < RPPG__VF; i++) if (lanes[i] > top) top = lanes[i];
  v = rppg__vf_set1(top);
  for (i = 0; i < body; i += RPPG__VF) {
    const rppg__vf e =
        RPPG__CALL(rppg_nn__vexp)(rppg__vf_sub(rppg__vf_mul(rppg__vf_load(y + i), s), v));
    rppg__vf_store(y + i, e);
    acc = rppg__vf_add(acc, e);
  }
  rppg__vf_store(t, RPPG__CALL(rppg_nn__vexp)(rppg__vf_sub(rppg__vf_mul(rppg__vf_load(t), s), v)));
  rppg__vf_store(lanes, acc);
  for (i = 0; i < RPPG__VF; i++) sum += lanes[i];
  for (i = 0; i < tail; i++) sum += t[i];
  sum = 1.0f / sum;
  v = rppg__vf_set1(sum);
  for (i = 0; i < body; i += RPPG__VF) rppg__vf_store(y + i, rppg__vf_mul(rppg__vf_load(y + i), v));
  for (i = 0; i < tail; i++) y[body + i] = t[i] * sum;
}

/* Sum of x - mean over a row, or of its squares. */
RPPG__SUB(float, rppg_nn__row_sum)(const float *x, size_t n, float mean, int square)
{
  const rppg__vf m = rppg__vf_set1(mean);
  rppg__vf acc = rppg__vf_zero();
  float lanes[RPPG__VF], sum = 0.0f;
  size_t i = 0;
  for (; i + RPPG__VF <= n; i += RPPG__VF) {
    const rppg__vf v = rppg__vf_sub(rppg__vf_load(x + i), m);
    acc = square ? rppg__vf_fma(v, v, acc) : rppg__vf_add(acc, v);
  }
  for (; i < n; i++) sum += square ? (x[i] - mean) * (x[i] - mean) : x[i] - mean;
  rppg__vf_store(lanes, acc);
  for (i = 0; i < RPPG__VF; i++) sum += lanes[i];
  return sum;
}

/* Each row of n numbers, in place: less its mean, if centred, over the root of its mean square +
   eps. */
RPPG__FN(void, rppg_nn__norm_rows)(float *y, size_t rows, size_t n, int centred, float eps)
{
  for (; rows > 0; rows--, y += n) {
    const float mean = centred ? RPPG__CALL(rppg_nn__row_sum)(y, n, 0.0f, 0) / (float)n : 0.0f;
    const double square = (double)RPPG__CALL(rppg_nn__row_sum)(y, n, mean, 1) / (double)n;
    const float scale = (float)(1.0 / rppg__sqrt(square + (double)eps));
    const rppg__vf m = rppg__vf_set1(mean), s = rppg__vf_set1(scale);
    size_t i = 0;
    for (; i + RPPG__VF <= n; i += RPPG__VF)
      rppg__vf_store(y + i, rppg__vf_mul(rppg__vf_sub(rppg__vf_load(y + i), m), s));
    for (; i < n; i++) y[i] = (y[i] - mean) * scale;
  }
}

/* Sums over rows of n numbers, by column; with a mean [n]: of the squares of what differs from it.
   */
RPPG__FN(void, rppg_nn__sum_columns)(const float *x, size_t rows, size_t n, const float *mean,
    float *sum)
{
  size_t c = 0, r;
  for (; c + RPPG__VF <= n; c += RPPG__VF) {
    const rppg__vf m = mean ? rppg__vf_load(mean + c) : rppg__vf_zero();
    rppg__vf acc = rppg__vf_zero();
    for (r = 0; r < rows; r++) {
      const rppg__vf v = rppg__vf_sub(rppg__vf_load(x + r * n + c), m);
      acc = mean ? rppg__vf_fma(v, v, acc) : rppg__vf_add(acc, v);
    }
    rppg__vf_store(sum + c, acc);
  }
  for (; c < n; c++) {
    const float m = mean ? mean[c] : 0.0f;
    float acc = 0.0f;
    for (r = 0; r < rows; r++) {
      const float v = x[r * n + c] - m;
      acc += mean ? v * v : v;
    }
    sum[c] = acc;
  }
}

/* x * w[n] + b[n], each or NULL, over rows. y may be x. */
RPPG__FN(void, rppg_nn__affine)(const float *x, size_t rows, size_t n, const float *w,
    const float *b, float *y)
{
  for (; rows > 0; rows--, x += n, y += n) {
    size_t c = 0;
    for (; c + RPPG__VF <= n; c += RPPG__VF)
      rppg__vf_store(y + c, rppg__vf_fma(rppg__vf_load(x + c),
                                         w ? rppg__vf_load(w + c) : rppg__vf_set1(1.0f),
                                         b ? rppg__vf_load(b + c) : rppg__vf_zero()));
    for (; c < n; c++) y[c] = x[c] * (w ? w[c] : 1.0f) + (b ? b[c] : 0.0f);
  }
}

/* VF numbers of exp(dt A): the factor of h from one position to the next. */
RPPG__SUB(void, rppg_nn__decay_vf)(rppg__vf dt, const float *a, const float *turn, float *re,
    float *im)
{
  const rppg__vf size = RPPG__CALL(rppg_nn__vexp)(rppg__vf_mul(dt, rppg__vf_load(a)));
  if (turn) {
    const rppg__vf angle = rppg__vf_mul(dt, rppg__vf_load(turn));
    rppg__vf_store(re, rppg__vf_mul(size, RPPG__CALL(rppg_nn__vsin)(angle, 0.5f)));
    rppg__vf_store(im, rppg__vf_mul(size, RPPG__CALL(rppg_nn__vsin)(angle, 0.0f)));
  } else rppg__vf_store(re, size);
}

/* e [N] = exp(dt A), and its imaginary part behind it: one row of A. */
RPPG__SUB(void, rppg_nn__decay)(const rppg_nn__scan *s, const float *a, const float *turn, float dt)
{
  const size_t n = s->states, columns = s->columns;
  const rppg__vf step = rppg__vf_set1(dt);
  float *re = s->e, *im = s->e + n, t[4][RPPG__VF];
  size_t i = 0, k;
  for (; i + RPPG__VF <= columns; i += RPPG__VF)
    RPPG__CALL(rppg_nn__decay_vf)(step, a + i, turn ? turn + i : NULL, re + i, im + i);
  if (i < columns) {
    for (k = 0; k < RPPG__VF; k++) {
      t[0][k] = i + k < columns ? a[i + k] : 0.0f;
      t[1][k] = turn && i + k < columns ? turn[i + k] : 0.0f;
    }
    RPPG__CALL(rppg_nn__decay_vf)(step, t[0], turn ? t[1] : NULL, t[2], t[3]);
    for (k = 0; i + k < columns; k++) {
      re[i + k] = t[2][k];
      if (turn) im[i + k] = t[3][k];
    }
  }
  if (columns == 1)
    for (i = 1; i < n; i++) {
      re[i] = re[0];
      if (turn) im[i] = im[0];
    }
}

/* h = e h + u B, C h: of one channel. */
RPPG__SUB(float, rppg_nn__scan_real)(const rppg_nn__scan *s, const float *b, const float *c,
    float u, float *h)
{
  const rppg__vf vu = rppg__vf_set1(u);
  rppg__vf acc = rppg__vf_zero();
  float lanes[RPPG__VF], y = 0.0f;
  size_t i = 0;
  for (; i + RPPG__VF <= s->states; i += RPPG__VF) {
    const rppg__vf v = rppg__vf_fma(vu, rppg__vf_load(b + i),
                                    rppg__vf_mul(rppg__vf_load(s->e + i), rppg__vf_load(h + i)));
    rppg__vf_store(h + i, v);
    acc = rppg__vf_fma(v, rppg__vf_load(c + i), acc);
  }
  for (; i < s->states; i++) {
    h[i] = s->e[i] * h[i] + u * b[i];
    y += h[i] * c[i];
  }
  rppg__vf_store(lanes, acc);
  for (i = 0; i < RPPG__VF; i++) y += lanes[i];
  return y;
}

/* The same with complex e and h; y gets two parts. */
RPPG__SUB(void, rppg_nn__scan_complex)(const rppg_nn__scan *s, const float *b, const float *c,
    float u, float *h, float y[2])
{
  const float *er = s->e, *ei = s->e + s->states;
  float *k = h + s->channels * s->states, lanes[2][RPPG__VF];
  rppg__vf re = rppg__vf_zero(), im = rppg__vf_zero();
  size_t i = 0;
  y[0] = y[1] = 0.0f;
  for (; i + RPPG__VF <= s->states; i += RPPG__VF) {
    const rppg__vf a = rppg__vf_load(h + i), d = rppg__vf_load(k + i), vr = rppg__vf_load(er + i),
                   vi = rppg__vf_load(ei + i);
    const rppg__vf p = rppg__vf_fma(rppg__vf_set1(u), rppg__vf_load(b + i),
                                    rppg__vf_fnma(d, vi, rppg__vf_mul(a, vr)));
    const rppg__vf q = rppg__vf_fma(a, vi, rppg__vf_mul(d, vr));
    rppg__vf_store(h + i, p);
    rppg__vf_store(k + i, q);
    re = rppg__vf_fma(p, rppg__vf_load(c + i), re);
    im = rppg__vf_fma(q, rppg__vf_load(c + i), im);
  }
  for (; i < s->states; i++) {
    const float a = h[i], d = k[i];
    h[i] = a * er[i] - d * ei[i] + u * b[i];
    k[i] = a * ei[i] + d * er[i];
    y[0] += h[i] * c[i];
    y[1] += k[i] * c[i];
  }
  rppg__vf_store(lanes[0], re);
  rppg__vf_store(lanes[1], im);
  for (i = 0; i < RPPG__VF; i++) { y[0] += lanes[0][i]; y[1] += lanes[1][i]; }
}

RPPG__FN(void, rppg_nn__scan_run)(const rppg_nn__scan *s)
{
  size_t t, d;
  for (t = 0; t < s->steps; t++) {
    const ptrdiff_t at = (ptrdiff_t)t;
    const float *x = s->x + at * s->x_step, *dt = s->dt + at * s->dt_step;
    const float *b = s->b + at * s->b_step, *c = s->c + at * s->c_step;
    float *y = s->y + at * s->y_step;
    size_t row = 0, in_row = 0, in_dt = 0; /* which row of A, which channel of it and of dt's */
    for (d = 0; d < s->channels; d++, in_row++, in_dt++) {
      const float more = s->d ? s->d[d] * x[d] : 0.0f;
      float *h = s->h + d * s->states, step;
      if (in_row == s->per_row) { in_row = 0; row++; }
      if (in_dt == s->per_dt) { in_dt = 0; dt++; }
      step = *dt;
      if (in_row == 0 || in_dt == 0)
        RPPG__CALL(rppg_nn__decay)
        (s, s->a + row * s->columns, s->turn ? s->turn + row * s->columns : NULL, step);
      if (s->turn) {
        float z[2];
        RPPG__CALL(rppg_nn__scan_complex)(s, b, c, step * x[d], h, z);
        y[2 * row * s->per_row + in_row] = z[0] + more;
        y[(2 * row + 1) * s->per_row + in_row] = z[1];
      } else y[d] = RPPG__CALL(rppg_nn__scan_real)(s, b, c, step * x[d], h) + more;
    }
  }
}

/* Frames put together: of each pixel's n channels the first k from a, the next k from b (NULL:
   zeros), the rest from x. Vectors run over what comes later, which is then written over; not so
   the last pixels. */
RPPG__FN(void, rppg_nn__mix)(const float *x, const float *a, const float *b, size_t k,
    size_t pixels, size_t n, float *y)
{
  const size_t last = RPPG__VF / n + 1;
  const rppg__vf zero = rppg__vf_zero();
  size_t p = 0, at = 0, c;
  for (; p + last < pixels; p++, at += n) {
    for (c = 0; c < k; c += RPPG__VF)
      rppg__vf_store(y + at + c, a ? rppg__vf_load(a + at + c) : zero);
    for (c = k; c < 2 * k; c += RPPG__VF)
      rppg__vf_store(y + at + c, b ? rppg__vf_load(b + at + c) : zero);
    for (c = 2 * k; c < n; c += RPPG__VF) rppg__vf_store(y + at + c, rppg__vf_load(x + at + c));
  }
  for (; p < pixels; p++, at += n) {
    for (c = 0; c < k; c++) {
      y[at + c] = a ? a[at + c] : 0.0f;
      y[at + k + c] = b ? b[at + k + c] : 0.0f;
    }
    for (c = 2 * k; c < n; c++) y[at + c] = x[at + c];
  }
}

/* VF numbers of running moments. */
RPPG__SUB(void, rppg_nn__ema_vf)(const rppg_nn__ema *e, const float *x, const float *rate,
    float *mean, float *square, float *y)
{
  const rppg__vf v = rppg__vf_load(x), r = rppg__vf_load(rate), m0 = rppg__vf_load(mean),
                 q0 = rppg__vf_load(square);
  const rppg__vf old = rppg__vf_sub(v, m0), m = rppg__vf_fma(r, old, m0);
  const rppg__vf d = rppg__vf_sub(old, rppg__vf_mul(r, old)); /* v - m, free of m's rounding */
  const rppg__vf z = e->before ? old : d,
                 q = rppg__vf_fma(r, rppg__vf_sub(rppg__vf_mul(z, z), q0), q0);
  rppg__vf o = rppg__vf_div(d, rppg__vf_sqrt(rppg__vf_add(q, rppg__vf_set1(e->eps))));
  if (e->bound != 0.0f)
    o = rppg__vf_mul(rppg__vf_set1(e->bound),
                     RPPG__CALL(rppg_nn__vtanh)(rppg__vf_div(o, rppg__vf_set1(e->bound))));
  rppg__vf_store(mean, m);
  rppg__vf_store(square, q);
  rppg__vf_store(y, o);
}

RPPG__FN(void, rppg_nn__ema_run)(const rppg_nn__ema *e)
{
  const size_t n = e->n, tail = n % RPPG__VF;
  float t[5][RPPG__VF];
  size_t p, c;
  for (p = 0; p < e->pixels; p++) {
    const float *x = e->x + p * n;
    float *m = e->mean + p * n, *q = e->square + p * n, *y = e->y + p * n;
    for (c = 0; c + RPPG__VF <= n; c += RPPG__VF)
      RPPG__CALL(rppg_nn__ema_vf)(e, x + c, e->rate + c, m + c, q + c, y + c);
    if (tail == 0) continue;
    for (c = 0; c < 5 * RPPG__VF; c++) t[c / RPPG__VF][c % RPPG__VF] = 1.0f;
    memcpy(t[0], x + n - tail, tail * sizeof(float));
    memcpy(t[1], e->rate + n - tail, tail * sizeof(float));
    memcpy(t[2], m + n - tail, tail * sizeof(float));
    memcpy(t[3], q + n - tail, tail * sizeof(float));
    RPPG__CALL(rppg_nn__ema_vf)(e, t[0], t[1], t[2], t[3], t[4]);
    memcpy(m + n - tail, t[2], tail * sizeof(float));
    memcpy(q + n - tail, t[3], tail * sizeof(float));
    memcpy(y + n - tail, t[4], tail * sizeof(float));
  }
}

/* ---- end of pass ----------------------------------------------------------------------------- */

#undef RPPG__MV
#undef RPPG__MP
#undef rppg__vf_fma
#undef rppg__vf_fnma
#undef rppg__vf_div
#undef rppg__vf_sqrt
#undef rppg__vf_min
#undef rppg__vf_max
#undef rppg__vf_exp2i
#undef rppg__vf_load_f16
#undef rppg__vf_load_s8
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
     vq_b          bytes as they enter a product
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
#  define rppg__vq_b      __m512i
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
#  define rppg__vq_b      __m256i
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
#  define rppg__vq_b      __m128i
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
#    define rppg__vq_b    int8x16_t
#    define rppg__vq_x(p)   vreinterpretq_s8_s32(vdupq_n_s32(rppg_nn__word(p)))
#    define rppg__vq_w(p)   vld1q_s8(p)
#    define rppg__vq_dot(a,x,w)  vdotq_s32(a, x, w)
#    define rppg__vq_fold(p,a)   vst1q_s32(p, a)
#  else
#    define RPPG__VQ        2
#    define RPPG__VQ_PIXELS 2
#    define RPPG__VQ_PARTS  8
#    define rppg__vq_b    int8x8_t
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
#  define rppg__vq_b      v128_t
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
#  define rppg__vq_b      rppg_nn__s8s
#  define rppg__vq_zero() 0
#  define rppg__vq_x(p)   ((const int8_t *)(const void *)(p))
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

/* Sums of one tile: PIXELS pixels at from[], a block of outputs. A macro, since clang 14 keeps the sums
   in memory where these two are arguments, even of a function that is always inlined. */
#define RPPG_NN__SUMS8(name, PIXELS, SPLIT)                                                        \
RPPG__SUB(void, name)(const rppg_nn__conv8 *c, const uint8_t *const *from, int32_t *sums)          \
{                                                                                                  \
  enum { PARTS = RPPG__VQ_PARTS, STEP = 4 * RPPG_NN__BLOCK };                                      \
  int part, i, j, s;                                                                               \
  for (part = 0; part < RPPG_NN__BLOCK; part += PARTS * RPPG__VQ) {                                \
    const int8_t *w = c->w + 4 * part;                                                             \
    rppg__vq acc[SPLIT][PIXELS][PARTS];                                                            \
    rppg__vq_b v[PARTS];                                                                           \
    int a, b, d;                                                                                   \
    RPPG_NN__UNROLL                                                                                \
    for (s = 0; s < (SPLIT); s++) {                                                                \
      RPPG_NN__UNROLL                                                                              \
      for (i = 0; i < (PIXELS); i++) {                                                             \
        RPPG_NN__UNROLL                                                                            \
        for (j = 0; j < PARTS; j++) acc[s][i][j] = rppg__vq_zero();                                \
      }                                                                                            \
    }                                                                                              \
    for (a = 0; a < c->runs[0]; a++) for (b = 0; b < c->runs[1]; b++)                              \
      for (d = 0; d < c->runs[2]; d++) {                                                           \
        size_t at = (size_t)a * c->tap[0] + (size_t)b * c->tap[1] + (size_t)d * c->tap[2];         \
        size_t quads = c->quads;                                                                   \
        for (; quads >= (size_t)(SPLIT); quads -= (size_t)(SPLIT), at += 4 * (size_t)(SPLIT)) {    \
          RPPG_NN__UNROLL                                                                          \
          for (s = 0; s < (SPLIT); s++, w += STEP) {                                               \
            RPPG_NN__UNROLL                                                                        \
            for (j = 0; j < PARTS; j++) v[j] = rppg__vq_w(w + 4 * RPPG__VQ * j);                   \
            RPPG_NN__UNROLL                                                                        \
            for (i = 0; i < (PIXELS); i++) {                                                       \
              const rppg__vq_b x = rppg__vq_x(from[i] + at + 4 * s);                               \
              RPPG_NN__UNROLL                                                                      \
              for (j = 0; j < PARTS; j++) acc[s][i][j] = rppg__vq_dot(acc[s][i][j], x, v[j]);      \
            }                                                                                      \
          }                                                                                        \
        }                                                                                          \
        for (; quads; quads--, at += 4, w += STEP) {                                               \
          RPPG_NN__UNROLL                                                                          \
          for (j = 0; j < PARTS; j++) v[j] = rppg__vq_w(w + 4 * RPPG__VQ * j);                     \
          RPPG_NN__UNROLL                                                                          \
          for (i = 0; i < (PIXELS); i++) {                                                         \
            const rppg__vq_b x = rppg__vq_x(from[i] + at);                                         \
            RPPG_NN__UNROLL                                                                        \
            for (j = 0; j < PARTS; j++) acc[0][i][j] = rppg__vq_dot(acc[0][i][j], x, v[j]);        \
          }                                                                                        \
        }                                                                                          \
      }                                                                                            \
    RPPG_NN__UNROLL                                                                                \
    for (i = 0; i < (PIXELS); i++) {                                                               \
      RPPG_NN__UNROLL                                                                              \
      for (j = 0; j < PARTS; j++) {                                                                \
        RPPG_NN__UNROLL                                                                            \
        for (s = 1; s < (SPLIT); s++) acc[0][i][j] = rppg__vq_add(acc[0][i][j], acc[s][i][j]);     \
        rppg__vq_fold(sums + RPPG_NN__BLOCK * i + part + j * RPPG__VQ, acc[0][i][j]);              \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
}
RPPG_NN__SUMS8(rppg_nn__tile8, RPPG__VQ_PIXELS, RPPG__VQ_SPLIT)
RPPG_NN__SUMS8(rppg_nn__one8, 1, RPPG__VQ_PARTS < 4 ? 4 : 1)
#undef RPPG_NN__SUMS8

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
    for (j = 0; j < PARTS; j++) {
      const rppg__vf r = rppg__vf_mul(rppg__vf_load(more + j * RPPG__VF),
                                      rppg__vf_set1(c->more_scale));
      f[j] = rppg__vf_add(f[j], r);
    }
  }
  if (c->y8) {
    RPPG__CALL(rppg_nn__store8)(f, c->lo, c->n == RPPG_NN__BLOCK ? c->y8 + at : bytes);
    if (c->n < RPPG_NN__BLOCK) memcpy(c->y8 + at, bytes, (size_t)c->n);
  } else {
    RPPG_NN__UNROLL
    for (j = 0; j < PARTS; j++) rppg__vf_store(more + j * RPPG__VF, f[j]);
    memcpy(c->y + at, more, (size_t)c->n * sizeof(float));
  }
}

RPPG__FN(void, rppg_nn__conv8_run)(const rppg_nn__conv8 *c)
{
  enum { PIXELS = RPPG__VQ_PIXELS };
  const uint8_t *from[PIXELS];
  int32_t sums[PIXELS * RPPG_NN__BLOCK], t = 0, h = 0, w = 0;
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
      RPPG__CALL(rppg_nn__tile8)(c, from, sums);
    } else
      for (i = 0; i < n; i++)
        RPPG__CALL(rppg_nn__one8)(c, from + i, sums + RPPG_NN__BLOCK * i);
    for (i = 0; i < n; i++, at += c->channels)
      RPPG__CALL(rppg_nn__finish8)(c, sums + RPPG_NN__BLOCK * i, at);
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
    for (j = 0; j < PARTS; j++) {
      f[j] = rppg__vf_mul(rppg__vf_load((whole ? x : rest) + j * RPPG__VF), rppg__vf_set1(scale));
      f[j] = rppg__vf_add(f[j], rppg__vf_set1(zero));
    }
    RPPG__CALL(rppg_nn__store8)(f, 0.0f, whole ? y : bytes);
    if (!whole) memcpy(y, bytes, n);
  }
}

#undef RPPG__VQ
#undef RPPG__VQ_PIXELS
#undef RPPG__VQ_PARTS
#undef RPPG__VQ_SPLIT
#undef rppg__vq
#undef rppg__vq_b
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
  void (*activate)(int act, float *x, size_t n);
  void (*sums)(const rppg_nn__sum *s, size_t n);
  void (*depths)(const rppg_nn__sum *s, size_t outputs, size_t n);
  void (*dense)(int type, const void *w, const float *x, size_t n, float *y);
  void (*widen)(int type, const void *w, const float *scale, size_t n, float *y);
  void (*line_in)(const float *const *from, size_t ci, float *y, size_t step);
  void (*square_in)(const float *const *from, size_t ci, float *y, size_t step);
  void (*line_out)(const float *m, size_t step, const rppg_nn__sum *s, size_t at, int n);
  void (*square_out)(const float *m, size_t step, const rppg_nn__sum *s, size_t row, int h, int w);
  void (*pool)(int op, const float *const *x, size_t taps, size_t n, float *y, int more,
               float scale);
  void (*binary)(int op, const float *a, const float *b, size_t step, size_t n, float *y);
  void (*softmax)(float *y, size_t n, float scale);
  void (*norm_rows)(float *y, size_t rows, size_t n, int centred, float eps);
  void (*sum_columns)(const float *x, size_t rows, size_t n, const float *mean, float *sum);
  void (*affine)(const float *x, size_t rows, size_t n, const float *w, const float *b, float *y);
  void (*scan)(const rppg_nn__scan *s);
  void (*mix)(const float *x, const float *a, const float *b, size_t k, size_t pixels, size_t n,
              float *y);
  void (*ema)(const rppg_nn__ema *e);
} rppg_nn__kernels;

#define RPPG__ROW(isa) { rppg_nn__activate_##isa, rppg_nn__sums_##isa, rppg_nn__depths_##isa,      \
  rppg_nn__dense_##isa, rppg_nn__widen_##isa, rppg_nn__line_in_##isa, rppg_nn__square_in_##isa,    \
  rppg_nn__line_out_##isa, rppg_nn__square_out_##isa, rppg_nn__pool_##isa, rppg_nn__binary_##isa,   \
  rppg_nn__softmax_##isa, rppg_nn__norm_rows_##isa, rppg_nn__sum_columns_##isa,                    \
  rppg_nn__affine_##isa, rppg_nn__scan_run_##isa, rppg_nn__mix_##isa, rppg_nn__ema_run_##isa }
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
    RPPG__ROW(avx2), RPPG__ROW(avx512),
#  ifdef RPPG_NN__AVX512VNNI
    RPPG__ROW(avx512vnni),
#  endif
#  ifdef RPPG_NN__AVXVNNI /* then the other one is there too */
    RPPG__ROW(avxvnni),
#  endif
#endif
  };
#undef RPPG__ROW
  const int isa = (int)rppg_isa_best();
#ifdef RPPG_NN__AVX512VNNI
  const int vnni = rppg__isa_now >> 8;
  if (vnni && isa == RPPG_ISA_AVX512) return &table[3];
#  ifdef RPPG_NN__AVXVNNI
  if (vnni && isa == RPPG_ISA_AVX2) return &table[4];
#  endif
#endif
  return &table[isa];
}

static void rppg_nn__activate(int act, float *x, size_t n)
{
  rppg_nn__table[rppg_isa_best()].activate(act, x, n);
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

/* Three ways to convolve: sums of products as they stand; Winograd's F(4, 3) along W, kernels cut
   into groups of three taps; F(4 x 4, 3 x 3) for kernels of 3 by 3 [LavinGray2016]. */
enum { RPPG_NN__DIRECT, RPPG_NN__LINES, RPPG_NN__SQUARES };
enum {
  RPPG_NN__CHUNK = 84,   /* outputs that go through the edge buffer at a time: 6 * 14 */
  RPPG_NN__SQUARES_MAX = 16 /* squares transformed together; shared out over the taps along T */
};

/* What CONV and DEPTHWISE compute, from the record alone: the same at open and at every run. */
typedef struct rppg_nn__plan {
  int32_t xd[4], yd[4], k[3], s[3], p[3], d[3]; /* sizes; kernel, stride, padding, dilation */
  int groups, ci, co;           /* channels of a group */
  size_t blocks;                /* of 16 outputs, in all groups */
  uint64_t panel;               /* weights of a block */
  int way, padded;              /* padded: rows are copied between zeros */
  uint64_t wide;                /* inputs in a padded row */
  uint64_t slots[2];            /* rows kept, along T and H */
  uint64_t row;                 /* floats of a kept row */
  int cuts;                     /* groups of three taps */
  uint64_t tiles;               /* groups of four outputs in a row; squares at a time */
} rppg_nn__plan;

static int32_t rppg_nn__up(int32_t n, int32_t unit)
{
  return (int32_t)(((int64_t)n + unit - 1) / unit);
}

/* The cheapest way, in products or what takes as long: a transform of six numbers takes about 24
   instructions for a vector, one of a square 250 and back 170. */
static int rppg_nn__way(const rppg_nn__plan *p, size_t x_n, size_t y_n)
{
#ifdef RPPG_NN_SMALL
  (void)p; (void)x_n; (void)y_n;
  return RPPG_NN__DIRECT;
#else
  const uint64_t ci = (uint64_t)p->ci, co = (uint64_t)p->co, cuts = (uint64_t)p->cuts;
  const uint64_t rows = (uint64_t)p->yd[1], frames = (uint64_t)p->yd[0];
  const uint64_t taps = (uint64_t)p->k[0] * (uint64_t)p->k[1], kt = (uint64_t)p->k[0];
  const uint64_t down = (uint64_t)rppg_nn__up(p->yd[1], 4), across = p->tiles;
  uint64_t cost, lines, squares; /* for a frame; at most 2^28 weights at 2^24 places: below 2^60 */
  int i, way = RPPG_NN__DIRECT;
  if (p->groups != 1 || p->ci % 16 || p->co % 16 || p->k[2] < 3 || p->k[2] > 63) return way;
  if (x_n > (size_t)1 << 24 || y_n > (size_t)1 << 24 || taps > 4096) return way;
  for (i = 0; i < 3; i++) if (p->s[i] != 1 || p->d[i] != 1) return way;
  cost = taps * (uint64_t)p->k[2] * ci * co * rows * (uint64_t)p->yd[2];
  cost -= cost / 5; /* worth the memory */
  lines = (6 * taps * ci * co * rows + 24 * kt * (uint64_t)p->xd[1] * ci) * cuts * across +
          20 * rows * across * co;
  if (lines < cost) { cost = lines; way = RPPG_NN__LINES; }
  if (p->k[1] == 3 && p->k[2] == 3) {
    squares = down * across *
              (36 * kt * ci * co + 250 * ci * (uint64_t)p->xd[0] / frames + 170 * co);
    if (squares < cost) way = RPPG_NN__SQUARES;
  }
  return way;
#endif
}

static void rppg_nn__plan_conv(rppg_nn__plan *p, const rppg_nn_layer *l)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  const int depthwise = l->op == RPPG_NN_DEPTHWISE;
  int i, plain = !depthwise;
  memset(p, 0, sizeof *p);
  for (i = 0; i < 3; i++) {
    p->k[i] = l->p[i];
    p->s[i] = l->p[3 + i];
    p->p[i] = l->p[6 + i];
    p->d[i] = l->p[9 + i];
    plain = plain && p->k[i] == 1 && p->s[i] == 1 && p->p[i] == 0 && x->d[i] == y->d[i];
  }
  for (i = 0; i < 4; i++) { p->xd[i] = x->d[i]; p->yd[i] = y->d[i]; }
  if (plain) { /* position by position: one long row */
    p->xd[2] = p->yd[2] = x->d[0] * x->d[1] * x->d[2];
    for (i = 0; i < 2; i++) p->xd[i] = p->yd[i] = 1;
  }
  p->groups = depthwise ? 1 : (int)l->p[12];
  p->ci = (int)x->d[3] / p->groups;
  p->co = (int)y->d[3] / p->groups;
  p->blocks = (size_t)p->groups * (size_t)rppg_nn__blocks(p->co);
  p->panel = (uint64_t)p->k[0] * (uint64_t)p->k[1] * (uint64_t)p->k[2];
  p->panel *= (uint64_t)p->ci * RPPG_NN__BLOCK;
  p->cuts = rppg_nn__up(p->k[2], 3);
  p->tiles = (uint64_t)rppg_nn__up(p->yd[2], 4);
  p->way = depthwise || (l->flags & 1) ? RPPG_NN__DIRECT : rppg_nn__way(p, x->n, y->n);
  p->wide = (uint64_t)(p->yd[2] - 1) * (uint64_t)p->s[2] +
            (uint64_t)(p->k[2] - 1) * (uint64_t)p->d[2] + 1;
  p->padded = p->p[2] > 0 || p->wide > (uint64_t)p->xd[2];
  for (i = 0; i < 2; i++) {
    p->slots[i] = (uint64_t)(p->k[i] - 1) * (uint64_t)p->d[i] + 1;
    if (p->slots[i] > (uint64_t)p->xd[i]) p->slots[i] = (uint64_t)p->xd[i];
  }
  if (p->way == RPPG_NN__DIRECT) p->row = p->padded ? p->wide * (uint64_t)p->xd[3] : 0;
  else if (p->way == RPPG_NN__LINES) p->row = 6 * (uint64_t)p->cuts * p->tiles * (uint64_t)p->ci;
  else {
    const uint64_t all = (uint64_t)rppg_nn__up(p->yd[1], 4) * p->tiles;
    p->tiles = p->slots[0] < 3 ? RPPG_NN__SQUARES_MAX : p->slots[0] < 6 ? 8 : 4;
    if (p->tiles > all) p->tiles = all;
    p->slots[1] = 1;
    p->row = 36 * p->tiles * (uint64_t)p->ci;
  }
}

/* The scratch of a convolution. */
typedef struct rppg_nn__bench {
  const float **x, **w, **from; /* [rows]: what rppg_nn__sum reads; the rows by themselves */
  size_t *which;                /* [rows]: their places in the kernel, T * kh + H */
  float *bias;                  /* [blocks][16], or [channels] */
  float *zeros;                 /* [channels of the input] */
  float *edge, *edge_more;      /* [CHUNK][16] */
  float *panel;                 /* weights of a block as f32 */
  float *kept;                  /* [slots][row] */
  uint64_t *tags;               /* [slots]: 1 + which row lies there */
  float *products;              /* [6][tiles][16] or [36][tiles][16] */
} rppg_nn__bench;

static void *rppg_nn__take(rppg__arena *a, uint64_t count, size_t size)
{
  if ((uint64_t)(size_t)count != count) { a->failed = 1; return NULL; }
  return rppg__take(a, (size_t)count, size);
}

static void rppg_nn__lay_bench(rppg_nn__bench *b, const rppg_nn__plan *p, int type, rppg__arena *a)
{
  uint64_t rows = 1, slots = p->slots[0] * p->slots[1];
  uint64_t products = (p->way == RPPG_NN__LINES ? 6 : 36) * p->tiles;
  int i;
  for (i = 0; i < 2; i++) rows *= (uint64_t)(p->k[i] < p->xd[i] ? p->k[i] : p->xd[i]);
  b->x = (const float **)rppg_nn__take(a, rows, sizeof *b->x);
  b->w = (const float **)rppg_nn__take(a, rows, sizeof *b->w);
  b->from = (const float **)rppg_nn__take(a, rows, sizeof *b->from);
  b->which = (size_t *)rppg_nn__take(a, rows, sizeof *b->which);
  b->bias = (float *)rppg_nn__take(a, p->blocks * RPPG_NN__BLOCK, sizeof(float));
  b->zeros = (float *)rppg_nn__take(a, (uint64_t)p->xd[3] + RPPG_NN__BLOCK, sizeof(float));
  b->edge = (float *)rppg_nn__take(a, RPPG_NN__CHUNK * RPPG_NN__BLOCK, sizeof(float));
  b->edge_more = (float *)rppg_nn__take(a, RPPG_NN__CHUNK * RPPG_NN__BLOCK, sizeof(float));
  b->panel = (float *)rppg_nn__take(a, type != RPPG_NN_F32 ? p->panel : 0, sizeof(float));
  b->kept = (float *)rppg_nn__take(a, p->row ? slots * p->row : 0, sizeof(float)); /* below 2^60 */
  b->tags = (uint64_t *)rppg_nn__take(a, p->row ? slots : 0, sizeof *b->tags);
  if (p->way == RPPG_NN__DIRECT) products = 0;
  b->products = (float *)rppg_nn__take(a, products * RPPG_NN__BLOCK, sizeof(float));
}

/* Scratch in bytes; UINT64_MAX where it is more than an address space. */
static uint64_t rppg_nn__bench_size(const rppg_nn__plan *p, int type)
{
  rppg_nn__bench b;
  rppg__arena a;
  rppg__arena_begin(&a, NULL, 0);
  rppg_nn__lay_bench(&b, p, type, &a);
  return a.failed ? UINT64_MAX : (uint64_t)(a.at - a.begin);
}

/* Floats of transformed weights. */
static uint64_t rppg_nn__transformed(const rppg_nn__plan *p)
{
  const uint64_t rows = (uint64_t)p->k[0] * (uint64_t)p->k[1] * (uint64_t)p->ci * RPPG_NN__BLOCK;
  if (p->way == RPPG_NN__DIRECT) return 0;
  return p->blocks * (p->way == RPPG_NN__LINES ? 6 * (uint64_t)p->cuts * rows : 12 * rows);
}

static const char *rppg_nn__check_conv(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0], *w = l->w[0];
  const char *wrong = rppg_nn__check_windows(x, y, l->p, l->p + 3, l->p + 6, l->p + 9);
  const int32_t groups = l->p[12];
  rppg_nn__plan plan;
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
  rppg_nn__plan_conv(&plan, l);
  need->scratch = rppg_nn__bench_size(&plan, w->type);
  need->prep = rppg_nn__transformed(&plan) * sizeof(float);
  need->macs = taps * (double)y->n;
  return NULL;
}

/* Three taps of a filter to Winograd's six. */
static void rppg_nn__three(const float g[3], float o[6])
{
  const float a = g[0] + g[2], b = g[0] * (1.0f / 24) + g[2] * (1.0f / 6);
  o[0] = g[0] * 0.25f;
  o[1] = (a + g[1]) * (-1.0f / 6);
  o[2] = (a - g[1]) * (-1.0f / 6);
  o[3] = b + g[1] * (1.0f / 12);
  o[4] = b - g[1] * (1.0f / 12);
  o[5] = g[2];
}

/* One weight as f32. */
static float rppg_nn__weight(const rppg_nn_tensor *w, const float *scale, size_t i, size_t channel)
{
  const uint8_t *p = (const uint8_t *)w->data;
  uint32_t u;
  uint16_t h;
  float x;
  if (w->type == RPPG_NN_F32) return ((const float *)w->data)[i];
  if (w->type == RPPG_NN_S8) return (float)((const int8_t *)w->data)[i] * scale[channel];
  memcpy(&h, p + 2 * i, 2);
  u = (uint32_t)(h & 0x7fff) << 13 | (uint32_t)(h & 0x8000) << 16;
  memcpy(&x, &u, 4);
  return x * RPPG_NN__2_112;
}

/* Transforms the weights: LINES [block][6][kt][kh][cuts][ci][16],
   SQUARES [block][36][kt][ci][16]. */
static void rppg_nn__prepare_conv(rppg_nn_layer *l)
{
  const rppg_nn_tensor *w = l->w[0];
  const float *scale = rppg_nn__data(l->w[2]);
  float *out = (float *)l->prep;
  rppg_nn__plan p;
  size_t lanes, rows, b, r, c, kw;
  rppg_nn__plan_conv(&p, l);
  if (p.way == RPPG_NN__DIRECT) return;
  lanes = (size_t)p.ci * RPPG_NN__BLOCK;
  rows = (size_t)p.k[0] * (size_t)p.k[1];
  kw = (size_t)p.k[2];
  for (b = 0; b < p.blocks; b++) {
    const size_t first = b * (size_t)p.panel;
    for (c = 0; c < lanes; c++) {
      const size_t channel = b * RPPG_NN__BLOCK + c % RPPG_NN__BLOCK;
      float g[3], o[6], t[3][6];
      size_t cut, i, j;
      for (r = 0; r < rows; r++)
        for (cut = 0; cut < (size_t)p.cuts; cut++) {
          for (i = 0; i < 3; i++) {
            const size_t tap = 3 * cut + i, at = first + (r * kw + tap) * lanes + c;
            g[i] = tap < kw ? rppg_nn__weight(w, scale, at, channel) : 0.0f;
          }
          if (p.way == RPPG_NN__LINES) {
            rppg_nn__three(g, o);
            for (i = 0; i < 6; i++)
              out[(((b * 6 + i) * rows + r) * (size_t)p.cuts + cut) * lanes + c] = o[i];
            continue;
          }
          rppg_nn__three(g, t[r % 3]);
          if (r % 3 < 2) continue;
          for (j = 0; j < 6; j++) {
            for (i = 0; i < 3; i++) g[i] = t[i][j];
            rppg_nn__three(g, o);
            for (i = 0; i < 6; i++)
              out[((b * 36 + 6 * i + j) * (size_t)p.k[0] + r / 3) * lanes + c] = o[i];
          }
        }
    }
  }
}

/* A convolution under way. */
typedef struct rppg_nn__job {
  const rppg_nn__kernels *kernels;
  const rppg_nn_layer *layer;
  rppg_nn__plan p;
  rppg_nn__bench b;
  const float *x, *more;
  float *y;
  rppg_nn__sum s, raw; /* raw: without bias and bounds */
} rppg_nn__job;

/* Sets up what does not change: scratch, bias, bounds. RELU and RELU6 are bounds. */
static void rppg_nn__begin(rppg_nn__job *j, const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const float *bias = rppg_nn__data(l->w[1]);
  const uint32_t infinite = 0x7f800000u;
  rppg__arena a;
  size_t b, n, per;
  memset(j, 0, sizeof *j);
  j->kernels = (const rppg_nn__kernels *)m->kernels;
  j->layer = l;
  rppg_nn__plan_conv(&j->p, l);
  rppg__arena_begin(&a, m->scratch, (size_t)-1 - (size_t)(uintptr_t)m->scratch);
  rppg_nn__lay_bench(&j->b, &j->p, l->w[0]->type, &a);
  j->x = rppg_nn__data(l->in[0]);
  j->more = rppg_nn__data(l->in[1]);
  j->y = rppg_nn__data(l->out[0]);
  memset(j->b.zeros, 0, ((size_t)j->p.xd[3] + RPPG_NN__BLOCK) * sizeof(float));
  if (j->p.row) memset(j->b.tags, 0, (size_t)(j->p.slots[0] * j->p.slots[1]) * sizeof *j->b.tags);
  memset(j->b.bias, 0, j->p.blocks * RPPG_NN__BLOCK * sizeof(float));
  per = j->p.blocks / (size_t)j->p.groups;
  for (b = 0; bias && b < (size_t)j->p.groups; b++) {
    n = (size_t)j->p.co;
    memcpy(j->b.bias + b * per * RPPG_NN__BLOCK, bias + b * n, n * sizeof(float));
  }
  memcpy(&j->s.hi, &infinite, 4);
  j->s.lo = l->act == RPPG_NN_RELU || l->act == RPPG_NN_RELU6 ? 0.0f : -j->s.hi;
  if (l->act == RPPG_NN_RELU6) j->s.hi = 6.0f;
  j->s.x = j->raw.x = j->b.x;
  j->s.w = j->raw.w = j->b.w;
  memcpy(&j->raw.hi, &infinite, 4);
  j->raw.lo = -j->raw.hi;
  j->raw.bias = j->b.zeros;
  j->raw.lanes = RPPG_NN__BLOCK;
}

/* The activation, where it is more than bounds. */
static void rppg_nn__finish(const rppg_nn__job *j, float *y, size_t n)
{
  if (j->layer->act > RPPG_NN_RELU6) j->kernels->activate(j->layer->act, y, n);
}

/* Copies a row between zeros. */
static void rppg_nn__pad_row(const rppg_nn__plan *p, const float *x, float *y)
{
  const size_t n = (size_t)p->xd[3], before = (size_t)p->p[2], wide = (size_t)p->wide;
  size_t width = (size_t)p->xd[2];
  if (width > wide - before) width = wide - before;
  memset(y, 0, before * n * sizeof *y);
  memcpy(y + before * n, x, width * n * sizeof *y);
  memset(y + (before + width) * n, 0, (wide - before - width) * n * sizeof *y);
}

/* Transforms a row: [6][cuts][tiles][ci]. */
static void rppg_nn__line_row(const rppg_nn__job *j, const float *x, float *y)
{
  const size_t ci = (size_t)j->p.ci, tiles = (size_t)j->p.tiles;
  const size_t step = (size_t)j->p.cuts * tiles * ci;
  const float *from[6];
  size_t cut, t;
  int i;
  for (cut = 0; cut < (size_t)j->p.cuts; cut++)
    for (t = 0; t < tiles; t++, y += ci) {
      const int64_t first = (int64_t)(4 * t + 3 * cut) - j->p.p[2];
      for (i = 0; i < 6; i++) {
        const int64_t at = first + i;
        from[i] = at >= 0 && at < j->p.xd[2] ? x + (size_t)at * ci : j->b.zeros;
      }
      j->kernels->line_in(from, ci, y, step);
    }
}

/* Gathers the input rows under output row t, h, made ready; returns how many there are. */
static size_t rppg_nn__gather_rows(rppg_nn__job *j, int32_t t, int32_t h)
{
  const rppg_nn__plan *p = &j->p;
  const size_t line = (size_t)p->xd[2] * (size_t)p->xd[3];
  size_t n = 0;
  int32_t a, b;
  for (a = 0; a < p->k[0]; a++) {
    const int64_t ti = (int64_t)t * p->s[0] - p->p[0] + (int64_t)a * p->d[0];
    if (ti < 0 || ti >= p->xd[0]) continue;
    for (b = 0; b < p->k[1]; b++) {
      const int64_t hi = (int64_t)h * p->s[1] - p->p[1] + (int64_t)b * p->d[1];
      const size_t row = (size_t)(ti * p->xd[1] + hi);
      const float *x;
      if (hi < 0 || hi >= p->xd[1]) continue;
      x = j->x + row * line;
      if (p->row) {
        const size_t slot =
          (size_t)((uint64_t)ti % p->slots[0] * p->slots[1] + (uint64_t)hi % p->slots[1]);
        float *kept = j->b.kept + slot * (size_t)p->row;
        if (j->b.tags[slot] != row + 1) {
          j->b.tags[slot] = row + 1;
          if (p->way == RPPG_NN__DIRECT) rppg_nn__pad_row(p, x, kept);
          else rppg_nn__line_row(j, x, kept);
        }
        x = kept;
      }
      j->b.from[n] = x;
      j->b.which[n++] = (size_t)a * (size_t)p->k[1] + (size_t)b;
    }
  }
  return n;
}

static size_t rppg_nn__row_at(const rppg_nn__plan *p, int32_t t, int32_t h)
{
  return ((size_t)t * (size_t)p->yd[1] + (size_t)h) * (size_t)p->yd[2] * (size_t)p->yd[3];
}

/* Outputs of one block in one row; a block of fewer than 16 goes through the edge buffer. */
static void rppg_nn__block_row(rppg_nn__job *j, size_t first, size_t n, size_t at)
{
  const size_t all = (size_t)j->p.yd[2], co = (size_t)j->p.yd[3];
  rppg_nn__sum *s = &j->s;
  size_t i, k, chunk;
  s->lanes = n;
  if (n == RPPG_NN__BLOCK) {
    s->y = j->y + at + first;
    s->y_step = co;
    s->more = j->more ? j->more + at + first : NULL;
    j->kernels->sums(s, all);
    return;
  }
  s->y_step = RPPG_NN__BLOCK;
  s->more = j->more ? j->b.edge_more : NULL;
  s->y = j->b.edge;
  for (i = 0; i < all; i += chunk) {
    chunk = all - i;
    if (chunk > RPPG_NN__CHUNK) chunk = RPPG_NN__CHUNK;
    if (j->more) {
      memset(j->b.edge_more, 0, chunk * RPPG_NN__BLOCK * sizeof(float));
      for (k = 0; k < chunk; k++)
        memcpy(j->b.edge_more + k * RPPG_NN__BLOCK, j->more + at + (i + k) * co + first,
               n * sizeof(float));
    }
    j->kernels->sums(s, chunk);
    for (k = 0; k < chunk; k++)
      memcpy(j->y + at + (i + k) * co + first, j->b.edge + k * RPPG_NN__BLOCK, n * sizeof(float));
    for (k = 0; k < s->rows; k++) j->b.x[k] += chunk * s->step;
  }
}

/* First channel of a block, and how many of its 16 there are. */
static size_t rppg_nn__channels(const rppg_nn__plan *p, size_t block, size_t *first)
{
  const size_t per = p->blocks / (size_t)p->groups, co = (size_t)p->co;
  const size_t in_group = block % per * RPPG_NN__BLOCK;
  *first = block / per * co + in_group;
  return co - in_group < 16 ? co - in_group : 16;
}

static const uint8_t *rppg_nn__block_at(const rppg_nn__job *j, size_t block)
{
  const rppg_nn_tensor *w = j->layer->w[0];
  const size_t bytes = w->type == RPPG_NN_F32 ? 4 : w->type == RPPG_NN_F16 ? 2 : 1;
  return (const uint8_t *)w->data + block * (size_t)j->p.panel * bytes;
}

static void rppg_nn__run_direct(rppg_nn__job *j)
{
  const rppg_nn__plan *p = &j->p;
  const rppg_nn_tensor *w = j->layer->w[0];
  const float *scales = rppg_nn__data(j->layer->w[2]);
  const size_t together = w->type == RPPG_NN_F32 ? p->blocks : 1; /* others one by one */
  const size_t pixel = (size_t)p->xd[3], taps = (size_t)p->k[2];
  const size_t lanes = (size_t)p->ci * RPPG_NN__BLOCK;
  size_t begin, b, r, n, first;
  int32_t t, h;
  j->s.step = (size_t)p->s[2] * pixel;
  j->s.hop = (size_t)p->d[2] * pixel;
  j->s.segs = taps;
  j->s.len = (size_t)p->ci;
  if (p->groups == 1 && p->d[2] == 1) { j->s.segs = 1; j->s.len *= taps; }
  for (begin = 0; begin < p->blocks; begin += together) {
    if (w->type != RPPG_NN_F32) {
      float scale[RPPG_NN__BLOCK] = { 0 };
      n = rppg_nn__channels(p, begin, &first);
      if (scales) memcpy(scale, scales + first, n * sizeof *scale);
      j->kernels->widen(w->type, rppg_nn__block_at(j, begin), scales ? scale : NULL,
                        (size_t)p->panel, j->b.panel);
    }
    for (t = 0; t < p->yd[0]; t++)
      for (h = 0; h < p->yd[1]; h++) {
        const size_t at = rppg_nn__row_at(p, t, h);
        j->s.rows = rppg_nn__gather_rows(j, t, h);
        for (b = begin; b < begin + together; b++) {
          const void *own = rppg_nn__block_at(j, b);
          const float *panel = w->type == RPPG_NN_F32 ? (const float *)own : j->b.panel;
          const size_t group = b / (p->blocks / (size_t)p->groups);
          n = rppg_nn__channels(p, b, &first);
          for (r = 0; r < j->s.rows; r++) {
            j->b.x[r] = j->b.from[r] + group * (size_t)p->ci;
            j->b.w[r] = panel + j->b.which[r] * taps * lanes;
          }
          j->s.bias = j->b.bias + b * RPPG_NN__BLOCK;
          rppg_nn__block_row(j, first, n, at);
        }
        if (begin + together == p->blocks)
          rppg_nn__finish(j, j->y + at, (size_t)p->yd[2] * (size_t)p->yd[3]);
      }
  }
}

/* The products of a row: for each of the six points a sum over all rows, cuts and inputs. */
static void rppg_nn__run_lines(rppg_nn__job *j)
{
  const rppg_nn__plan *p = &j->p;
  const size_t ci = (size_t)p->ci, tiles = (size_t)p->tiles, cuts = (size_t)p->cuts;
  const size_t rows = (size_t)p->k[0] * (size_t)p->k[1], lanes = cuts * ci * RPPG_NN__BLOCK;
  const size_t width = (size_t)p->yd[2], co = (size_t)p->yd[3];
  const float *weights = (const float *)j->layer->prep;
  rppg_nn__sum s;
  size_t b, i, r, t;
  int32_t f, h;
  for (f = 0; f < p->yd[0]; f++)
    for (h = 0; h < p->yd[1]; h++) {
      const size_t at = rppg_nn__row_at(p, f, h), n = rppg_nn__gather_rows(j, f, h);
      for (b = 0; b < p->blocks; b++) {
        s = j->raw;
        s.rows = n;
        s.segs = cuts;
        s.len = ci;
        s.hop = tiles * ci;
        s.step = ci;
        s.y_step = RPPG_NN__BLOCK;
        for (i = 0; i < 6; i++) {
          for (r = 0; r < n; r++) {
            j->b.x[r] = j->b.from[r] + i * cuts * tiles * ci;
            j->b.w[r] = weights + ((b * 6 + i) * rows + j->b.which[r]) * lanes;
          }
          s.y = j->b.products + i * tiles * RPPG_NN__BLOCK;
          j->kernels->sums(&s, tiles);
        }
        s = j->s;
        s.bias = j->b.bias + b * RPPG_NN__BLOCK;
        s.y = j->y + at + b * RPPG_NN__BLOCK;
        s.y_step = co;
        s.more = j->more ? j->more + at + b * RPPG_NN__BLOCK : NULL;
        for (t = 0; t < tiles; t++)
          j->kernels->line_out(j->b.products + t * RPPG_NN__BLOCK, tiles * RPPG_NN__BLOCK, &s,
                               4 * t, width - 4 * t < 4 ? (int)(width - 4 * t) : 4);
      }
      rppg_nn__finish(j, j->y + at, width * co);
    }
}

/* Transforms the six by six inputs of square k of frame t. */
static void rppg_nn__square_at(const rppg_nn__job *j, size_t t, size_t k, float *y, size_t step)
{
  const rppg_nn__plan *p = &j->p;
  const size_t across = (size_t)rppg_nn__up(p->yd[2], 4), ci = (size_t)p->ci;
  const int64_t h = (int64_t)(k / across) * 4 - p->p[1], w = (int64_t)(k % across) * 4 - p->p[2];
  const float *from[36], *x = j->x + t * (size_t)p->xd[1] * (size_t)p->xd[2] * ci;
  int a, b;
  for (a = 0; a < 6; a++)
    for (b = 0; b < 6; b++)
      from[6 * a + b] = h + a < 0 || h + a >= p->xd[1] || w + b < 0 || w + b >= p->xd[2]
                          ? j->b.zeros
                          : x + (size_t)((h + a) * p->xd[2] + w + b) * ci;
  j->kernels->square_in(from, ci, y, step);
}

/* The products of n squares of one block, and from them the outputs of frame f. */
static void rppg_nn__square_block(rppg_nn__job *j, size_t block, size_t begin, size_t n,
                                  size_t rows, int32_t f)
{
  const rppg_nn__plan *p = &j->p;
  const size_t lanes = (size_t)p->ci * RPPG_NN__BLOCK, co = (size_t)p->yd[3], kt = (size_t)p->k[0];
  const size_t across = (size_t)rppg_nn__up(p->yd[2], 4), step = n * RPPG_NN__BLOCK;
  const float *weights = (const float *)j->layer->prep;
  rppg_nn__sum s = j->raw;
  size_t i, r, k;
  s.rows = rows;
  s.segs = 1;
  s.len = s.step = (size_t)p->ci;
  s.y_step = RPPG_NN__BLOCK;
  for (i = 0; i < 36; i++) {
    for (r = 0; r < rows; r++) {
      j->b.x[r] = j->b.from[r] + i * n * (size_t)p->ci;
      j->b.w[r] = weights + ((block * 36 + i) * kt + j->b.which[r]) * lanes;
    }
    s.y = j->b.products + i * step;
    j->kernels->sums(&s, n);
  }
  s = j->s;
  s.bias = j->b.bias + block * RPPG_NN__BLOCK;
  s.y_step = co;
  for (k = 0; k < n; k++) {
    const int32_t h = (int32_t)((begin + k) / across) * 4, w = (int32_t)((begin + k) % across) * 4;
    const int32_t tall = p->yd[1] - h, wide = p->yd[2] - w;
    const size_t at = rppg_nn__row_at(p, f, h) + (size_t)w * co + block * RPPG_NN__BLOCK;
    s.y = j->y + at;
    s.more = j->more ? j->more + at : NULL;
    j->kernels->square_out(j->b.products + k * RPPG_NN__BLOCK, step, &s, (size_t)p->yd[2] * co,
                           tall < 4 ? (int)tall : 4, wide < 4 ? (int)wide : 4);
  }
}

/* Some squares at a time, through all frames: each frame's are transformed once. */
static void rppg_nn__run_squares(rppg_nn__job *j)
{
  const rppg_nn__plan *p = &j->p;
  const size_t all = (size_t)rppg_nn__up(p->yd[1], 4) * (size_t)rppg_nn__up(p->yd[2], 4);
  const size_t ci = (size_t)p->ci, outputs = rppg_nn__row_at(p, p->yd[0], 0);
  const size_t groups = (all + (size_t)p->tiles - 1) / (size_t)p->tiles;
  size_t g, begin = 0, n, b, k, rows;
  int32_t f, a;
  for (g = 0; g < groups; g++, begin += n) {
    n = all / groups + (g < all % groups);
    memset(j->b.tags, 0, (size_t)p->slots[0] * sizeof *j->b.tags);
    for (f = 0; f < p->yd[0]; f++) {
      rows = 0;
      for (a = 0; a < p->k[0]; a++) {
        const int64_t t = (int64_t)f - p->p[0] + a;
        const size_t slot = (size_t)((uint64_t)t % p->slots[0]);
        float *kept = j->b.kept + slot * (size_t)p->row;
        if (t < 0 || t >= p->xd[0]) continue;
        if (j->b.tags[slot] != (uint64_t)t + 1)
          for (k = 0; k < n; k++)
            rppg_nn__square_at(j, (size_t)t, begin + k, kept + k * ci, n * ci);
        j->b.tags[slot] = (uint64_t)t + 1;
        j->b.from[rows] = kept;
        j->b.which[rows++] = (size_t)a;
      }
      for (b = 0; b < p->blocks; b++) rppg_nn__square_block(j, b, begin, n, rows, f);
    }
  }
  rppg_nn__finish(j, j->y, outputs);
}

/* One output position, whose window is the whole input: a dense layer. */
static int rppg_nn__is_dense(const rppg_nn__plan *p)
{
  int i;
  for (i = 0; i < 3; i++)
    if (p->yd[i] != 1 || p->k[i] != p->xd[i] || p->p[i] || (p->k[i] > 1 && p->d[i] != 1)) return 0;
  return p->groups == 1;
}

static void rppg_nn__run_dense(rppg_nn__job *j)
{
  const rppg_nn_tensor *w = j->layer->w[0];
  const float *scale = rppg_nn__data(j->layer->w[2]);
  const size_t inputs = (size_t)j->p.panel / RPPG_NN__BLOCK;
  size_t b, i, n, first;
  for (b = 0; b < j->p.blocks; b++) {
    float *y = j->b.edge;
    n = rppg_nn__channels(&j->p, b, &first);
    j->kernels->dense(w->type, rppg_nn__block_at(j, b), j->x, inputs, y);
    for (i = 0; i < n; i++) {
      float a = (scale ? y[i] * scale[first + i] : y[i]) + j->b.bias[first + i];
      if (j->more) a += j->more[first + i];
      j->y[first + i] = a < j->s.lo ? j->s.lo : a > j->s.hi ? j->s.hi : a;
    }
  }
  rppg_nn__finish(j, j->y, (size_t)j->p.co);
}

static void rppg_nn__run_conv(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  rppg_nn__job j;
  rppg_nn__begin(&j, m, l);
  if (rppg_nn__is_dense(&j.p)) rppg_nn__run_dense(&j);
  else if (j.p.way == RPPG_NN__SQUARES) rppg_nn__run_squares(&j);
  else if (j.p.way == RPPG_NN__LINES) rppg_nn__run_lines(&j);
  else rppg_nn__run_direct(&j);
}

static const char *rppg_nn__check_depthwise(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  const char *wrong = rppg_nn__check_windows(x, y, l->p, l->p + 3, l->p + 6, l->p + 9);
  rppg_nn__plan plan;
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
  rppg_nn__plan_conv(&plan, l);
  need->scratch = rppg_nn__bench_size(&plan, RPPG_NN_F32);
  need->macs = (double)taps * (double)y->n;
  return NULL;
}

static void rppg_nn__run_depthwise(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const float *w = rppg_nn__data(l->w[0]);
  rppg_nn__job j;
  size_t n, r;
  int32_t t, h;
  rppg_nn__begin(&j, m, l);
  n = (size_t)j.p.xd[3];
  j.s.bias = j.b.bias;
  j.s.x = j.b.from;
  j.s.step = (size_t)j.p.s[2] * n;
  j.s.hop = (size_t)j.p.d[2] * n;
  j.s.segs = (size_t)j.p.k[2];
  j.s.y_step = n;
  for (t = 0; t < j.p.yd[0]; t++)
    for (h = 0; h < j.p.yd[1]; h++) {
      j.s.y = j.y + rppg_nn__row_at(&j.p, t, h);
      j.s.rows = rppg_nn__gather_rows(&j, t, h);
      for (r = 0; r < j.s.rows; r++) j.b.w[r] = w + j.b.which[r] * j.s.segs * n;
      j.kernels->depths(&j.s, (size_t)j.p.yd[2], n);
      rppg_nn__finish(&j, j.s.y, (size_t)j.p.yd[2] * n);
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
  if (y->type == RPPG_NN_F32) rppg_nn__activate(l->act, rppg_nn__data(y), y->n);
}

static const char *rppg_nn__check_lookup(const rppg_nn_layer *l, rppg_nn__need *need)
{
  (void)need;
  if (!rppg_nn__u7(l->in[0]) || !rppg_nn__u7(l->out[0])) return "type";
  if (l->w[0]->type != RPPG_NN_S8 || l->w[0]->n != 128) return "weights";
  return rppg_nn__same(l->in[0], l->out[0]) ? NULL : "output size";
}

static void rppg_nn__run_lookup(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const uint8_t *table = (const uint8_t *)l->w[0]->data, *x = (const uint8_t *)l->in[0]->data;
  uint8_t *y = (uint8_t *)l->out[0]->data;
  const size_t n = l->in[0]->n;
  size_t i;
  (void)m;
  for (i = 0; i < n; i++) y[i] = table[x[i]] & 127;
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
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  float *y = rppg_nn__data(l->out[0]);
  kernels->affine(rppg_nn__data(l->in[0]), rppg_nn__pixels(l->in[0]), (size_t)l->in[0]->d[3],
                  rppg_nn__data(l->w[0]), rppg_nn__data(l->w[1]), y);
  kernels->activate(l->act, y, l->in[0]->n);
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

static void rppg_nn__run_act(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  (void)m;
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
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const size_t n = (size_t)l->in[0]->d[3], pixels = rppg_nn__pixels(l->in[0]);
  float *y = rppg_nn__copy(l);
  size_t i;
  for (i = 0; i < pixels; i++, y += n) kernels->softmax(y, n, l->f[0]);
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

static void rppg_nn__run_binary(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const rppg_nn_tensor *other = l->in[1] ? l->in[1] : l->w[0];
  const int32_t *d = l->in[0]->d;
  const float *x = rppg_nn__data(l->in[0]), *b = rppg_nn__data(other);
  const size_t n = (size_t)d[3];
  const int op = (int)l->p[0];
  float *y = rppg_nn__data(l->out[0]);
  size_t step[4], run = 1;
  int32_t t, h, w;
  int i;
  if (l->in[0]->type == RPPG_NN_U7) { rppg_nn__run_add8(l); return; }
  for (i = 3; i >= 0; i--) {
    step[i] = other->d[i] == 1 ? 0 : run;
    run *= (size_t)other->d[i];
  }
  if (run == l->in[0]->n || run == 1) kernels->binary(op, x, b, run > 1, l->in[0]->n, y);
  else
    for (t = 0; t < d[0]; t++)
      for (h = 0; h < d[1]; h++)
        for (w = 0; w < d[2]; w++, x += n, y += n)
          kernels->binary(op, x,
                          b + (size_t)t * step[0] + (size_t)h * step[1] + (size_t)w * step[2],
                          step[3], n, y);
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
  enum { TAPS = 64 }; /* samples that one call of the kernel combines */
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const int32_t *xd = l->in[0]->d, *yd = l->out[0]->d;
  const size_t n = (size_t)yd[3];
  const float *x = rppg_nn__data(l->in[0]), *tap[TAPS];
  float *y = rppg_nn__data(l->out[0]), real[3], count[3];
  int32_t i[3], from[3], to[3], a, b, d;
  if (l->in[0]->type == RPPG_NN_U7) {
    rppg_nn__run_pool8(l);
    return;
  }
#define RPPG__CELL(axis)                                                                     \
  for (i[axis] = 0; i[axis] < yd[axis]; i[axis]++)                                           \
    if (count[axis] = (float)rppg_nn__cell(l, axis, i[axis], &from[axis], &to[axis]),        \
        real[axis] = (float)(to[axis] - from[axis]), 1)
  RPPG__CELL(0)
    RPPG__CELL(1)
      RPPG__CELL(2) {
        const float *of = l->flags & 1 ? count : real;
        size_t taps = 0;
        int more = 0;
        for (a = from[0]; a < to[0]; a++)
          for (b = from[1]; b < to[1]; b++) {
            const float *row = x + ((size_t)a * (size_t)xd[1] + (size_t)b) * (size_t)xd[2] * n;
            for (d = from[2]; d < to[2]; d++) {
              if (taps == TAPS) {
                kernels->pool((int)l->p[0], tap, taps, n, y, more, 1.0f);
                more = 1;
                taps = 0;
              }
              tap[taps++] = row + (size_t)d * n;
            }
          }
        kernels->pool((int)l->p[0], tap, taps, n, y, more, 1.0f / (of[0] * of[1] * of[2]));
        y += n;
      }
#undef RPPG__CELL
  rppg_nn__activate(l->act, rppg_nn__data(l->out[0]), l->out[0]->n);
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

/* Sums or means over neighbouring axes but the last, by columns; 0 where it is not these. */
static int rppg_nn__sum_frames(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const int32_t *d = l->in[0]->d, *od = l->out[0]->d;
  const float *x = rppg_nn__data(l->in[0]);
  float *y = rppg_nn__data(l->out[0]);
  size_t outer = 1, rows = 1, n = 1, i;
  int k = 0;
  while (k < 4 && od[k] == d[k]) outer *= (size_t)d[k++];
  while (k < 4 && od[k] == 1) rows *= (size_t)d[k++];
  if (k == 4) return 0;
  while (k < 4 && od[k] == d[k]) n *= (size_t)d[k++];
  if (k < 4 || n == 1) return 0;
  for (i = 0; i < outer; i++) kernels->sum_columns(x + i * rows * n, rows, n, NULL, y + i * n);
  if (l->p[0] == 1) for (i = 0; i < l->out[0]->n; i++) y[i] /= (float)rows;
  kernels->activate(l->act, y, l->out[0]->n);
  return 1;
}

static void rppg_nn__run_reduce(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn_tensor *out = l->out[0];
  const int32_t *d = l->in[0]->d, *od = out->d;
  const float *x = rppg_nn__data(l->in[0]);
  float *y = rppg_nn__data(out);
  size_t step[4], run = 1, i;
  int32_t t, h, w, c;
  if (l->p[0] < 2 && rppg_nn__sum_frames(m, l)) return;
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
    if (l->p[4 + i] < 1 || l->p[4 + i] > l->in[0]->d[i]) return "step";
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

/* ---- transposed convolution ------------------------------------------------------------------ */

#define RPPG_NN__STRIP 28 /* outputs at a time of UPCONV, MATMUL, ATTENTION: 2 * 14 */

static size_t rppg_nn__least(size_t a, size_t b) { return a < b ? a : b; }

static void rppg_nn__bounds(rppg_nn__sum *s) /* none */
{
  const uint32_t infinite = 0x7f800000u;
  memcpy(&s->hi, &infinite, 4);
  s->lo = -s->hi;
}

static const char *rppg_nn__check_upconv(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0], *w = l->w[0];
  uint64_t taps, panel, rows;
  int i;
  if (!rppg_nn__f32(x) || !rppg_nn__f32(y)) return "type";
  if (!rppg_nn__within(l, 0, 3, 1, RPPG_NN__LARGEST)) return "kernel";
  if (!rppg_nn__within(l, 3, 6, 1, RPPG_NN__LARGEST)) return "stride";
  if (!rppg_nn__within(l, 6, 9, 0, RPPG_NN__LARGEST)) return "padding";
  if (!rppg_nn__within(l, 9, 12, 1, 1)) return "dilation";
  if (l->p[12] != 1) return "groups";
  for (i = 0; i < 3; i++) {
    const int64_t least = (int64_t)(x->d[i] - 1) * l->p[3 + i] - 2 * (int64_t)l->p[6 + i] + l->p[i];
    if (y->d[i] < least || y->d[i] >= least + l->p[3 + i]) return "output size";
  }
  taps = (uint64_t)l->p[0] * (uint64_t)l->p[1] * (uint64_t)l->p[2]; /* below 2^46 */
  if (taps > (uint64_t)1 << 28) return "kernel";
  panel = taps * (uint64_t)x->d[3] * RPPG_NN__BLOCK; /* below 2^60 */
  if (panel > (uint64_t)1 << 28) return "kernel";
  if ((uint64_t)w->n != panel * (uint64_t)rppg_nn__blocks(y->d[3])) return "weights";
  if (w->type > RPPG_NN_S8 || (w->type == RPPG_NN_S8) != (l->w[2] != NULL)) return "weights' type";
  if (!rppg_nn__vector(l->w[1], y->d[3])) return "bias";
  if (!rppg_nn__vector(l->w[2], y->d[3])) return "scale";
  for (rows = 1, i = 0; i < 3; i++) rows *= (uint64_t)((l->p[i] - 1) / l->p[3 + i] + 1);
  need->scratch = rows * 2 * sizeof(float *) +
                  ((RPPG_NN__STRIP + 2) * RPPG_NN__BLOCK + (w->type ? panel : 0)) * sizeof(float);
  need->macs = (double)taps * (double)x->d[3] * (double)y->d[3] * (double)rppg_nn__pixels(x);
  return NULL;
}

/* The taps of a kernel of k that reach output o of an axis: a0, a0 + stride, ... below *end; the
   first one's input is *from, the next ones' lie before it. Inputs outside are left out. */
static int64_t rppg_nn__reach(int64_t o, int64_t k, int64_t stride, int64_t pad, int64_t n,
                              int64_t *end, int64_t *from)
{
  int64_t a = (o + pad) % stride, i = (o + pad - a) / stride;
  if (i >= n) { a += (i - n + 1) * stride; i = n - 1; }
  *from = i;
  *end = a + (i + 1) * stride < k ? a + (i + 1) * stride : k;
  return a;
}

static void rppg_nn__run_upconv(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0], *w = l->w[0];
  const int32_t *k = l->p, *stride = l->p + 3, *pad = l->p + 6;
  const size_t ci = (size_t)x->d[3], co = (size_t)y->d[3],
               taps = (size_t)k[0] * (size_t)k[1] * (size_t)k[2];
  const size_t panel = taps * ci * RPPG_NN__BLOCK, bytes = rppg_nn__bytes_of(w->type);
  const float *bias = rppg_nn__data(l->w[1]), *scale = rppg_nn__data(l->w[2]),
              *data = rppg_nn__data(x);
  size_t rows = 1, at, i, n, q, made, count;
  const float **xs, **ws, *wide;
  float *edge, *biases, *scales, *to = rppg_nn__data(y);
  rppg_nn__sum s;
  int32_t t, h, phase;
  for (i = 0; i < 3; i++) rows *= (size_t)((k[i] - 1) / stride[i] + 1);
  xs = (const float **)m->scratch;
  ws = xs + rows;
  edge = (float *)(ws + rows);
  biases = edge + RPPG_NN__STRIP * RPPG_NN__BLOCK;
  scales = biases + RPPG_NN__BLOCK;
  memset(&s, 0, sizeof s);
  rppg_nn__bounds(&s);
  s.x = xs;
  s.w = ws;
  s.segs = 1;
  s.len = s.step = ci;
  s.bias = biases;
  s.y = edge;
  s.y_step = RPPG_NN__BLOCK;
  for (at = 0; at < co; at += RPPG_NN__BLOCK) {
    n = s.lanes = rppg_nn__least(co - at, RPPG_NN__BLOCK);
    memset(biases, 0, 2 * RPPG_NN__BLOCK * sizeof *biases);
    if (bias) memcpy(biases, bias + at, n * sizeof *biases);
    if (scale) memcpy(scales, scale + at, n * sizeof *scales);
    wide = (const float *)(const void *)((const uint8_t *)w->data +
                                         at / RPPG_NN__BLOCK * panel * bytes);
    if (w->type != RPPG_NN_F32) {
      kernels->widen(w->type, wide, scale ? scales : NULL, panel, scales + RPPG_NN__BLOCK);
      wide = scales + RPPG_NN__BLOCK;
    }
    for (t = 0; t < y->d[0]; t++) for (h = 0; h < y->d[1]; h++)
      for (phase = 0; phase < stride[2] && phase < y->d[2]; phase++) {
        const size_t all = (size_t)((y->d[2] - 1 - phase) / stride[2] + 1);
        for (q = 0; q < all; q += made) {
          int64_t end[3], from[3], a, b, c, first[3], ti, hi, wi;
          first[0] = rppg_nn__reach(t, k[0], stride[0], pad[0], x->d[0], &end[0], &from[0]);
          first[1] = rppg_nn__reach(h, k[1], stride[1], pad[1], x->d[1], &end[1], &from[1]);
          first[2] = rppg_nn__reach(phase + (int64_t)q * stride[2], k[2], stride[2], pad[2],
                                    x->d[2], &end[2], &from[2]);
          s.rows = 0;
          for (a = first[0], ti = from[0]; a < end[0]; a += stride[0], ti--)
            for (b = first[1], hi = from[1]; b < end[1]; b += stride[1], hi--)
              for (c = first[2], wi = from[2]; c < end[2]; c += stride[2], wi--) {
                xs[s.rows] = data + (((size_t)ti * (size_t)x->d[1] + (size_t)hi) * (size_t)x->d[2] +
                                     (size_t)wi) *
                                        ci;
                ws[s.rows++] =
                    wide + (((size_t)a * (size_t)k[1] + (size_t)b) * (size_t)k[2] + (size_t)c) *
                               ci * RPPG_NN__BLOCK;
              }
          /* The next outputs have the same taps as long as all of them lie inside. */
          made = 1;
          if (first[2] < stride[2] && end[2] == k[2]) {
            const int64_t room = x->d[2] - from[2];
            made = rppg_nn__least(rppg_nn__least(all - q, (size_t)room), RPPG_NN__STRIP);
          }
          kernels->sums(&s, made);
          for (count = 0; count < made; count++)
            memcpy(to +
                       (((size_t)t * (size_t)y->d[1] + (size_t)h) * (size_t)y->d[2] +
                        (size_t)phase + (q + count) * (size_t)stride[2]) *
                           co +
                       at,
                   edge + count * RPPG_NN__BLOCK, n * sizeof *to);
        }
      }
  }
  kernels->activate(l->act, to, y->n);
}

/* ---- norms ----------------------------------------------------------------------------------- */

enum { RPPG_NN__LAYER_NORM, RPPG_NN__GROUP_NORM, RPPG_NN__RMS_NORM };
enum {
  RPPG_NN__WIDE = 16
}; /* positions taken together, so that vectors are full whatever the channels */

static uint64_t rppg_nn__moments_size(int32_t c) /* bytes of scratch: sums, parts, scale, shift */
{
  return (uint64_t)c * (sizeof(double) + 3 * RPPG_NN__WIDE * sizeof(float));
}

static const char *rppg_nn__check_norm(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const char *wrong = rppg_nn__check_like(l, need);
  const int32_t c = l->in[0]->d[3];
  if (wrong) return wrong;
  if (!rppg_nn__within(l, 0, 1, 0, 2)) return "kind";
  if (l->p[0] == RPPG_NN__GROUP_NORM ? l->p[1] < 1 || c % l->p[1] : l->p[1] != 0) return "groups";
  if (l->p[2] < 0 || l->p[2] >= RPPG_NN__ACT_END || (l->p[2] && !l->in[1])) return "gate";
  if (l->in[1] && (!rppg_nn__f32(l->in[1]) || !rppg_nn__same(l->in[0], l->in[1]))) return "gate";
  if (!rppg_nn__finite(l->f[0]) || l->f[0] < 0.0f) return "epsilon";
  if (!rppg_nn__vector(l->w[0], c)) return "weights";
  if (!rppg_nn__vector(l->w[1], c)) return "bias";
  if (l->p[0] == RPPG_NN__GROUP_NORM) need->scratch = rppg_nn__moments_size(c);
  if (l->in[1] && need->scratch < 256 * sizeof(float)) need->scratch = 256 * sizeof(float);
  need->macs = 3 * (double)l->in[0]->n;
  return NULL;
}

/* y times the activation of z, n numbers. */
static void rppg_nn__gate(const rppg_nn_model *m, int act, const float *z, float *y, size_t n)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  float *part = (float *)m->scratch;
  size_t i, k;
  for (i = 0; i < n; i += k) {
    k = n - i < 256 ? n - i : 256;
    memcpy(part, z + i, k * sizeof *part);
    kernels->activate(act, part, k);
    kernels->binary(2, y + i, part, 1, k, y + i);
  }
}

/* sum[n] over all positions, or of the squared differences from mean [16][n]: some at a time in
   single precision, these in double. part [16][n]. */
static void rppg_nn__totals(const rppg_nn__kernels *kernels, const float *x, size_t pixels,
                            size_t n, const float *mean, float *part, double *sum)
{
  size_t i, count, c, r;
  memset(sum, 0, n * sizeof *sum);
  for (i = 0; i < pixels; i += count) {
    const size_t wide = pixels - i < RPPG_NN__WIDE ? 1 : RPPG_NN__WIDE,
                 rows = rppg_nn__least((pixels - i) / wide, 32);
    count = rows * wide;
    kernels->sum_columns(x + i * n, rows, wide * n, mean, part);
    for (r = 0; r < wide; r++) for (c = 0; c < n; c++) sum[c] += (double)part[r * n + c];
  }
}

/* What NORM and STANDARD multiply by and add, [16][n] each in the scratch: by groups of channels.
   */
static float *rppg_nn__moments(const rppg_nn_model *m, const float *x, size_t pixels, size_t n,
                               size_t groups, float eps)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const size_t per = n / groups;
  double *sum = (double *)m->scratch;
  float *part = (float *)(sum + n), *scale = part + RPPG_NN__WIDE * n,
        *shift = scale + RPPG_NN__WIDE * n;
  int square;
  size_t c, i;
  for (square = 0; square < 2; square++) {
    rppg_nn__totals(kernels, x, pixels, n, square ? shift : NULL, part, sum);
    for (c = 0; c < n; c += per) {
      double all = 0.0;
      for (i = 0; i < per; i++) all += sum[c + i];
      all = all / ((double)per * (double)pixels) + (square ? (double)eps : 0.0);
      for (i = 0; i < per; i++)
        if (square) scale[c + i] = all > 0.0 ? (float)(1.0 / rppg__sqrt(all)) : 0.0f;
        else shift[c + i] = (float)all;
    }
    for (i = n; !square && i < RPPG_NN__WIDE * n; i++) shift[i] = shift[i - n];
  }
  for (c = 0; c < n; c++) shift[c] *= -scale[c];
  return scale;
}

/* x * scale + shift, the factors of rppg_nn__moments, of which the first n are right. */
static void rppg_nn__apply(const rppg_nn__kernels *kernels, const float *x, size_t pixels, size_t n,
                           float *scale, float *y)
{
  const size_t wide = pixels / RPPG_NN__WIDE, done = wide * RPPG_NN__WIDE;
  float *shift = scale + RPPG_NN__WIDE * n;
  size_t i;
  for (i = n; i < RPPG_NN__WIDE * n; i++) {
    scale[i] = scale[i - n];
    shift[i] = shift[i - n];
  }
  kernels->affine(x, wide, RPPG_NN__WIDE * n, scale, shift, y);
  kernels->affine(x + done * n, pixels - done, n, scale, shift, y + done * n);
}

static void rppg_nn__run_norm(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const size_t n = (size_t)l->in[0]->d[3], pixels = rppg_nn__pixels(l->in[0]);
  const float *w = rppg_nn__data(l->w[0]), *b = rppg_nn__data(l->w[1]),
              *gate = rppg_nn__data(l->in[1]);
  const int whole = l->p[0] == RPPG_NN__GROUP_NORM;
  float *y = rppg_nn__data(l->out[0]);
  if (!whole || gate) rppg_nn__copy(l);
  if (gate && !(l->flags & 1)) rppg_nn__gate(m, (int)l->p[2], gate, y, l->in[0]->n);
  if (whole) {
    const float *x = gate ? y : rppg_nn__data(l->in[0]);
    float *scale = rppg_nn__moments(m, x, pixels, n, (size_t)l->p[1], l->f[0]),
          *shift = scale + RPPG_NN__WIDE * n;
    size_t c;
    for (c = 0; c < n; c++) {
      if (w) { scale[c] *= w[c]; shift[c] *= w[c]; }
      if (b) shift[c] += b[c];
    }
    rppg_nn__apply(kernels, x, pixels, n, scale, y);
  } else {
    kernels->norm_rows(y, pixels, n, l->p[0] == RPPG_NN__LAYER_NORM, l->f[0]);
    if (w || b) kernels->affine(y, pixels, n, w, b, y);
  }
  if (gate && (l->flags & 1)) rppg_nn__gate(m, (int)l->p[2], gate, y, l->in[0]->n);
  kernels->activate(l->act, y, l->in[0]->n);
}

static const char *rppg_nn__check_standard(const rppg_nn_layer *l, rppg_nn__need *need)
{
  need->scratch = rppg_nn__moments_size(l->in[0]->d[3]);
  need->macs = 3 * (double)l->in[0]->n;
  return rppg_nn__check_like(l, need);
}

/* (x - mean) / deviation over everything. */
static void rppg_nn__run_standard(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const size_t n = (size_t)l->in[0]->d[3], pixels = rppg_nn__pixels(l->in[0]);
  const float *x = rppg_nn__data(l->in[0]);
  float *scale = rppg_nn__moments(m, x, pixels, n, 1, 0.0f);
  if (l->flags & 1) memset(scale + RPPG_NN__WIDE * n, 0, n * sizeof *scale);
  rppg_nn__apply((const rppg_nn__kernels *)m->kernels, x, pixels, n, scale,
                 rppg_nn__data(l->out[0]));
}

static const char *rppg_nn__check_mask(const rppg_nn_layer *l, rppg_nn__need *need)
{
  if (!rppg_nn__finite(l->f[0])) return "scale";
  need->scratch = (uint64_t)l->in[0]->d[3] * sizeof(float);
  need->macs = 2 * (double)l->in[0]->n;
  return rppg_nn__check_like(l, need);
}

static void rppg_nn__run_mask(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const int32_t *d = l->in[0]->d;
  const size_t n = (size_t)d[3], pixels = (size_t)d[1] * (size_t)d[2];
  float *y = rppg_nn__copy(l), *sum = (float *)m->scratch;
  int32_t t;
  size_t c;
  for (t = 0; t < d[0]; t++, y += pixels * n) {
    kernels->sum_columns(y, pixels, n, NULL, sum);
    for (c = 0; c < n; c++) sum[c] = (float)pixels * l->f[0] / sum[c];
    kernels->affine(y, pixels, n, sum, NULL, y);
  }
}

/* ---- along time and space -------------------------------------------------------------------- */

static const char *rppg_nn__check_resize(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  int i;
  if (!rppg_nn__f32(x) || !rppg_nn__f32(y)) return "type";
  if (!rppg_nn__within(l, 0, 1, 0, 1)) return "kind";
  if (x->d[3] != y->d[3]) return "channels";
  for (i = 0; i < 3; i++) if (y->d[i] > (int32_t)1 << 16) return "output size";
  need->macs = (l->p[0] ? 8.0 : 1.0) * (double)y->n;
  return NULL;
}

/* Sample i of out on an axis of in: the sample before or at it, and how far it lies on to the next.
   */
static int32_t rppg_nn__place_of(int linear, int32_t i, int32_t in, int32_t out, float *on)
{
  const int64_t at = linear ? (2 * (int64_t)i + 1) * in - out : (int64_t)i * in,
                unit = linear ? 2 * (int64_t)out : out;
  *on = linear && at > 0 ? (float)(at % unit) / (float)unit : 0.0f;
  return at > 0 ? (int32_t)(at / unit) : 0;
}

static void rppg_nn__run_resize(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const int32_t *xd = l->in[0]->d, *yd = l->out[0]->d;
  const size_t n = (size_t)yd[3];
  const float *x = rppg_nn__data(l->in[0]);
  float *y = rppg_nn__data(l->out[0]);
  int32_t i[3], at[3];
  float on[3];
  int corner, k;
  size_t c;
  for (i[0] = 0; i[0] < yd[0]; i[0]++)
    for (i[1] = 0; i[1] < yd[1]; i[1]++)
      for (i[2] = 0; i[2] < yd[2]; i[2]++, y += n) {
        for (k = 0; k < 3; k++) at[k] = rppg_nn__place_of((int)l->p[0], i[k], xd[k], yd[k], &on[k]);
        for (corner = 0; corner < 8; corner++) {
          float weight = 1.0f;
          size_t pixel = 0;
          const float *from;
          for (k = 0; k < 3; k++) {
            const int next = corner >> k & 1;
            weight *= next ? on[k] : 1.0f - on[k];
            pixel = pixel * (size_t)xd[k] + (size_t)(at[k] + (next && at[k] + 1 < xd[k]));
          }
          from = x + pixel * n;
          if (corner == 0 && weight == 1.0f) {
            memcpy(y, from, n * sizeof *y);
            break;
          }
          if (corner == 0)
            for (c = 0; c < n; c++) y[c] = from[c] * weight;
          else if (weight != 0.0f)
            for (c = 0; c < n; c++) y[c] += from[c] * weight;
        }
      }
  rppg_nn__activate(l->act, rppg_nn__data(l->out[0]), l->out[0]->n);
  (void)m;
}

static const char *rppg_nn__check_shift(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const int32_t *d = l->in[0]->d;
  if (l->p[0] < 1 || d[0] % l->p[0]) return "segment";
  if (l->p[1] < 0 || l->p[1] > d[3] / 2) return "channels";
  return rppg_nn__check_like(l, need);
}

static void rppg_nn__run_shift(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const int32_t *d = l->in[0]->d, length = l->p[0];
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const size_t n = (size_t)d[3], frame = (size_t)d[1] * (size_t)d[2] * n;
  const float *x = rppg_nn__data(l->in[0]), *from[2];
  float *y = rppg_nn__data(l->out[0]);
  int32_t t;
  for (t = 0; t < d[0]; t++) {
    const int32_t in = t % length, last = length - 1;
    const float *begin = x + (size_t)(t - in) * frame, *here = begin + (size_t)in * frame;
    from[0] = in < last ? here + frame : l->flags & 1 ? begin : NULL;
    from[1] = in > 0 ? here - frame : l->flags & 1 ? begin + (size_t)last * frame : NULL;
    kernels->mix(here, from[0], from[1], (size_t)l->p[1], frame / n, n, y + (size_t)t * frame);
  }
}

static const char *rppg_nn__check_diff(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  int i;
  (void)need;
  if (!rppg_nn__f32(x) || !rppg_nn__f32(y)) return "type";
  if (!rppg_nn__within(l, 0, 1, 0, 1)) return "kind";
  if (!rppg_nn__finite(l->f[0])) return "epsilon";
  if (y->d[0] != x->d[0] && y->d[0] != x->d[0] - 1) return "output size";
  for (i = 1; i < 4; i++) if (y->d[i] != x->d[i]) return "output size";
  return NULL;
}

static void rppg_nn__run_diff(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const size_t frame = l->in[0]->n / (size_t)l->in[0]->d[0], n = l->in[0]->n - frame;
  const float *x = rppg_nn__data(l->in[0]), *next = x + frame;
  float *y = rppg_nn__data(l->out[0]);
  size_t i;
  (void)m;
  if (l->p[0] == 0) for (i = 0; i < n; i++) y[i] = next[i] - x[i];
  else for (i = 0; i < n; i++) y[i] = (next[i] - x[i]) / (next[i] + x[i] + l->f[0]);
  if (l->out[0]->n > n) memset(y + n, 0, frame * sizeof *y);
}

static const char *rppg_nn__check_cumsum(const rppg_nn_layer *l, rppg_nn__need *need)
{
  if (!rppg_nn__within(l, 0, 1, 0, 3)) return "axis";
  return rppg_nn__check_like(l, need);
}

static void rppg_nn__run_cumsum(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const int32_t *d = l->in[0]->d;
  float *y = rppg_nn__copy(l);
  size_t step = 1, o, i, outer;
  int k;
  (void)m;
  for (k = 3; k > l->p[0]; k--) step *= (size_t)d[k];
  outer = l->in[0]->n / step / (size_t)d[l->p[0]];
  for (o = 0; o < outer; o++, y += step * (size_t)d[l->p[0]])
    for (i = step; i < step * (size_t)d[l->p[0]]; i++) y[i] += y[i - step];
}

/* Frames of a state: [frames] of the input's sizes. Whether t is one. */
static int rppg_nn__is_state(const rppg_nn_tensor *t, int64_t frames, const rppg_nn_tensor *like)
{
  int i;
  if (t->kind != RPPG_NN_STATE || t->d[0] != frames) return 0;
  for (i = 1; i < 4; i++) if (t->d[i] != like->d[i]) return 0;
  return 1;
}

static const char *rppg_nn__check_causal(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0];
  const char *wrong = rppg_nn__check_like(l, need);
  if (wrong) return wrong;
  if (!rppg_nn__within(l, 0, 1, 2, RPPG_NN__LARGEST)) return "kernel";
  if (!rppg_nn__is_state(l->out[1], l->p[0] - 1, x)) return "state";
  if (l->w[0]->type != RPPG_NN_F32 || (uint64_t)l->w[0]->n != (uint64_t)l->p[0] * (uint64_t)x->d[3])
    return "weights";
  if (!rppg_nn__vector(l->w[1], x->d[3])) return "bias";
  need->macs = (double)x->n * (double)l->p[0];
  return NULL;
}

static void rppg_nn__run_causal(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const size_t n = (size_t)l->in[0]->d[3], frame = l->in[0]->n / (size_t)l->in[0]->d[0],
               taps = (size_t)l->p[0];
  const float *x = rppg_nn__data(l->in[0]), *w = rppg_nn__data(l->w[0]),
              *bias = rppg_nn__data(l->w[1]);
  float *y = rppg_nn__data(l->out[0]), *past = rppg_nn__data(l->out[1]);
  size_t i, k, c;
  int32_t t;
  (void)m;
  for (t = 0; t < l->in[0]->d[0]; t++, x += frame, y += frame) {
    for (i = 0; i < frame; i += n)
      for (c = 0; c < n; c++) {
        float sum = bias ? bias[c] : 0.0f;
        for (k = 0; k + 1 < taps; k++) sum += w[k * n + c] * past[k * frame + i + c];
        y[i + c] = sum + w[(taps - 1) * n + c] * x[i + c];
      }
    memmove(past, past + frame, (taps - 2) * frame * sizeof *past);
    memcpy(past + (taps - 2) * frame, x, frame * sizeof *past);
  }
  rppg_nn__activate(l->act, rppg_nn__data(l->out[0]), l->out[0]->n);
}

static const char *rppg_nn__check_ema(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0];
  const char *wrong = rppg_nn__check_like(l, need);
  if (wrong) return wrong;
  if (!rppg_nn__vector(l->in[1], 1)) return "input 1";
  if (!rppg_nn__vector(l->w[0], x->d[3])) return "weights";
  if (!rppg_nn__is_state(l->out[1], 2, x)) return "state";
  if (!rppg_nn__finite(l->f[0]) || l->f[0] < 0.0f) return "epsilon";
  if (!rppg_nn__finite(l->f[1]) || l->f[1] < 0.0f) return "bound";
  need->scratch = (uint64_t)x->d[3] * sizeof(float);
  need->macs = 4 * (double)x->n;
  return NULL;
}

static void rppg_nn__run_ema(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const size_t n = (size_t)l->in[0]->d[3], frame = l->in[0]->n / (size_t)l->in[0]->d[0];
  const float *w = rppg_nn__data(l->w[0]), *dt = rppg_nn__data(l->in[1]);
  float *rate = (float *)m->scratch;
  rppg_nn__ema e;
  int32_t t;
  size_t c;
  for (c = 0; c < n; c++) rate[c] = dt ? w[c] * dt[0] : w[c];
  memset(&e, 0, sizeof e);
  e.x = rppg_nn__data(l->in[0]);
  e.y = rppg_nn__data(l->out[0]);
  e.mean = rppg_nn__data(l->out[1]);
  e.square = e.mean + frame;
  e.rate = rate;
  e.pixels = frame / n;
  e.n = n;
  e.eps = l->f[0];
  e.bound = l->f[1];
  e.before = l->flags & 1;
  for (t = 0; t < l->in[0]->d[0]; t++, e.x += frame, e.y += frame) kernels->ema(&e);
  kernels->activate(l->act, rppg_nn__data(l->out[0]), l->out[0]->n);
}

/* ---- matrices -------------------------------------------------------------------------------- */

static const char *rppg_nn__check_matmul(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *b = l->in[1], *y = l->out[0];
  const int turned = (int)(l->flags & 1);
  int i;
  if (!rppg_nn__f32(x) || !rppg_nn__f32(b) || !rppg_nn__f32(y)) return "type";
  if (!rppg_nn__finite(l->f[0])) return "scale";
  for (i = 0; i < 2; i++) if (x->d[i] != b->d[i] || x->d[i] != y->d[i]) return "sizes";
  if (b->d[turned ? 3 : 2] != x->d[3]) return "inner size";
  if (y->d[2] != x->d[2] || y->d[3] != b->d[turned ? 2 : 3]) return "output size";
  need->scratch = ((uint64_t)x->d[3] + RPPG_NN__STRIP + 1) * RPPG_NN__BLOCK * sizeof(float);
  need->macs = (double)x->n * (double)y->d[3];
  return NULL;
}

/* n <= 16 columns from x on, length deep, as a panel: panel[k][i] = scale * x[k * deep + i *
   across]. */
static void rppg_nn__pack(const float *x, size_t length, size_t n, size_t deep, size_t across,
                          float scale, float *panel)
{
  size_t k, i;
  for (k = 0; k < length; k++, panel += RPPG_NN__BLOCK) {
    for (i = 0; i < n; i++) panel[i] = x[k * deep + i * across] * scale;
    for (; i < RPPG_NN__BLOCK; i++) panel[i] = 0.0f;
  }
}

/* rows rows of x, x_step apart, by a panel of length: n <= 16 columns of y, y_step apart. edge
   [STRIP][16], zeros [16]. */
static void rppg_nn__product(const rppg_nn__kernels *kernels, const float *x, size_t x_step,
                             size_t rows, size_t length, const float *panel, float *y,
                             size_t y_step, size_t n, float *edge, const float *zeros)
{
  const int whole = n == RPPG_NN__BLOCK;
  rppg_nn__sum s;
  size_t i, k, count;
  memset(&s, 0, sizeof s);
  rppg_nn__bounds(&s);
  s.x = &x;
  s.w = &panel;
  s.rows = s.segs = 1;
  s.len = length;
  s.step = x_step;
  s.bias = zeros;
  s.y = whole ? y : edge;
  s.y_step = whole ? y_step : (size_t)RPPG_NN__BLOCK;
  s.lanes = n;
  if (whole) kernels->sums(&s, rows);
  else for (i = 0; i < rows; i += count, x += count * x_step) {
    count = rppg_nn__least(rows - i, RPPG_NN__STRIP);
    kernels->sums(&s, count);
    for (k = 0; k < count; k++)
      memcpy(y + (i + k) * y_step, edge + k * RPPG_NN__BLOCK, n * sizeof *y);
  }
}

static void rppg_nn__run_matmul(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0];
  const size_t many = (size_t)x->d[0] * (size_t)x->d[1], rows = (size_t)x->d[2],
               k = (size_t)x->d[3];
  const size_t n = (size_t)y->d[3], turned = l->flags & 1;
  float *zeros = (float *)m->scratch, *edge = zeros + RPPG_NN__BLOCK,
        *panel = edge + RPPG_NN__STRIP * RPPG_NN__BLOCK;
  size_t i, c, count;
  memset(zeros, 0, RPPG_NN__BLOCK * sizeof *zeros);
  for (i = 0; i < many; i++) {
    const float *a = rppg_nn__data(x) + i * rows * k, *b = rppg_nn__data(l->in[1]) + i * k * n;
    float *to = rppg_nn__data(y) + i * rows * n;
    for (c = 0; c < n; c += count) {
      count = rppg_nn__least(n - c, RPPG_NN__BLOCK);
      if (turned) rppg_nn__pack(b + c * k, k, count, 1, k, l->f[0], panel);
      else rppg_nn__pack(b + c, k, count, n, 1, l->f[0], panel);
      rppg_nn__product(kernels, a, k, rows, k, panel, to + c, n, count, edge, zeros);
    }
  }
  kernels->activate(l->act, rppg_nn__data(y), y->n);
}

/* What ATTENTION works with: regions of queries and of keys, numbers per head, scratch. */
typedef struct rppg_nn__attend {
  size_t heads, dk, dv, top;    /* top: regions of keys that one of queries sees */
  size_t q_regions, k_regions, q_n, k_n; /* positions of a region; k_n: of all that is seen */
  size_t each;                  /* positions of one region of keys */
  float *zeros, *edge, *scores, *keys, *values, *q,
      *y; /* q, y: gathered queries and outputs, or NULL */
  size_t *best;
  uint64_t bytes;
} rppg_nn__attend;

static void rppg_nn__plan_attention(rppg_nn__attend *a, const rppg_nn_layer *l, void *scratch)
{
  const rppg_nn_tensor *q = l->in[0], *k = l->in[1], *v = l->in[2];
  const uint64_t whole_q = rppg_nn__pixels(q), whole_k = rppg_nn__pixels(k);
  const uint64_t each =
      l->in[3] ? (uint64_t)l->p[2] * (uint64_t)l->p[3] * (uint64_t)l->p[4] : whole_k;
  const uint64_t q_n = l->in[3] ? each : whole_q, top = l->in[3] ? (uint64_t)l->p[1] : 1;
  const uint64_t seen = each * top,
                 padded = (seen + RPPG_NN__BLOCK - 1) / RPPG_NN__BLOCK * RPPG_NN__BLOCK;
  const uint64_t dk = (uint64_t)(q->d[3] / l->p[0]), dv = (uint64_t)(v->d[3] / l->p[0]);
  const uint64_t wide = (dv + RPPG_NN__BLOCK - 1) / RPPG_NN__BLOCK * RPPG_NN__BLOCK;
  uint64_t at = 0, from[7];
  float *base = (float *)scratch;
  from[0] = at; at += RPPG_NN__BLOCK;
  from[1] = at; at += RPPG_NN__STRIP * RPPG_NN__BLOCK;
  from[2] = at; at += RPPG_NN__STRIP * padded;
  from[3] = at; at += padded * dk;
  from[4] = at; at += seen * wide;
  from[5] = at; at += l->in[3] ? q_n * (uint64_t)q->d[3] : 0;
  from[6] = at; at += l->in[3] ? q_n * (uint64_t)v->d[3] : 0;
  at = (at + 15) / 16 * 16;
  a->bytes = at * sizeof(float) + (top + 1) * sizeof(size_t); /* every product below 2^60 */
  a->heads = (size_t)l->p[0];
  a->dk = (size_t)dk;
  a->dv = (size_t)dv;
  a->top = (size_t)top;
  a->q_n = (size_t)q_n;
  a->k_n = (size_t)seen;
  a->each = (size_t)each;
  a->q_regions = (size_t)(whole_q / q_n);
  a->k_regions = (size_t)(whole_k / each);
  if (!scratch) return;
  a->zeros = base + (size_t)from[0];
  a->edge = base + (size_t)from[1];
  a->scores = base + (size_t)from[2];
  a->keys = base + (size_t)from[3];
  a->values = base + (size_t)from[4];
  a->q = l->in[3] ? base + (size_t)from[5] : NULL;
  a->y = l->in[3] ? base + (size_t)from[6] : NULL;
  a->best = (size_t *)(void *)(base + (size_t)at);
  memset(a->zeros, 0, RPPG_NN__BLOCK * sizeof(float));
}

static const char *rppg_nn__check_attention(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *q = l->in[0], *k = l->in[1], *v = l->in[2], *y = l->out[0];
  rppg_nn__attend a;
  int i;
  if (!rppg_nn__f32(q) || !rppg_nn__f32(k) || !rppg_nn__f32(v) || !rppg_nn__f32(l->in[3]) ||
      !rppg_nn__f32(y))
    return "type";
  if (!rppg_nn__finite(l->f[0])) return "scale";
  if (l->p[0] < 1 || q->d[3] % l->p[0] || v->d[3] % l->p[0]) return "heads";
  if (k->d[3] != q->d[3]) return "channels";
  if (y->d[3] != v->d[3]) return "output size";
  for (i = 0; i < 3; i++) {
    if (k->d[i] != v->d[i]) return "sizes";
    if (y->d[i] != q->d[i]) return "output size";
  }
  if (l->in[3]) {
    if (!rppg_nn__within(l, 2, 5, 1, (int32_t)1 << 28)) return "region";
    for (i = 0; i < 3; i++) if (q->d[i] % l->p[2 + i] || k->d[i] % l->p[2 + i]) return "region";
  } else if (!rppg_nn__within(l, 1, 5, 0, 0)) return "region";
  if (l->in[3] && (l->p[1] < 1 ||
                   (uint64_t)l->p[1] * (uint64_t)l->p[2] * (uint64_t)l->p[3] * (uint64_t)l->p[4] >
                       (uint64_t)rppg_nn__pixels(k)))
    return "regions seen";
  rppg_nn__plan_attention(&a, l, NULL);
  if (l->in[3] && (uint64_t)l->in[3]->n != (uint64_t)a.q_regions * (uint64_t)a.k_regions)
    return "scores";
  need->scratch = a.bytes;
  need->macs = (double)rppg_nn__pixels(q) * (double)a.k_n * ((double)q->d[3] + (double)v->d[3]);
  return NULL;
}

/* Position i of a region of the sizes n [3], in a tensor. */
static size_t rppg_nn__in_region(const rppg_nn_tensor *t, const int32_t *n, size_t region, size_t i)
{
  const size_t h = (size_t)(t->d[1] / n[1]), w = (size_t)(t->d[2] / n[2]);
  const size_t ti = region / (h * w) * (size_t)n[0] + i / ((size_t)n[1] * (size_t)n[2]);
  const size_t hi = region / w % h * (size_t)n[1] + i / (size_t)n[2] % (size_t)n[1];
  return (ti * (size_t)t->d[1] + hi) * (size_t)t->d[2] + region % w * (size_t)n[2] +
         i % (size_t)n[2];
}

/* The indices of the top highest of n scores. */
static void rppg_nn__highest(const float *score, size_t n, size_t top, size_t *best)
{
  size_t i, k, count = 0;
  for (i = 0; i < n; i++) {
    if (count == top && !(score[i] > score[best[top - 1]])) continue;
    k = count < top ? count++ : top - 1;
    for (; k > 0 && score[i] > score[best[k - 1]]; k--) best[k] = best[k - 1];
    best[k] = i;
  }
}

/* Packs the keys and values that a head sees. */
static void rppg_nn__see(const rppg_nn__attend *a, const rppg_nn_layer *l, size_t head)
{
  const rppg_nn_tensor *k = l->in[1], *v = l->in[2];
  const size_t ck = (size_t)k->d[3], cv = (size_t)v->d[3];
  size_t i, c;
  for (i = 0; i < (a->k_n + RPPG_NN__BLOCK - 1) / RPPG_NN__BLOCK * RPPG_NN__BLOCK; i++) {
    float *panel = a->keys + i / RPPG_NN__BLOCK * RPPG_NN__BLOCK * a->dk + i % RPPG_NN__BLOCK;
    const size_t at = i >= a->k_n ? 0
                      : a->y ? rppg_nn__in_region(k, l->p + 2, a->best[i / a->each], i % a->each)
                             : i;
    const float *from = rppg_nn__data(k) + at * ck + head * a->dk;
    for (c = 0; c < a->dk; c++) panel[c * RPPG_NN__BLOCK] = i < a->k_n ? from[c] : 0.0f;
    if (i >= a->k_n) continue;
    from = rppg_nn__data(v) + at * cv + head * a->dv;
    for (c = 0; c < (a->dv + RPPG_NN__BLOCK - 1) / RPPG_NN__BLOCK * RPPG_NN__BLOCK; c++)
      a->values[(c / RPPG_NN__BLOCK * a->k_n + i) * RPPG_NN__BLOCK + c % RPPG_NN__BLOCK] =
          c < a->dv ? from[c] : 0.0f;
  }
}

static void rppg_nn__run_attention(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const size_t cq = (size_t)l->in[0]->d[3], cv = (size_t)l->in[2]->d[3];
  rppg_nn__attend a;
  size_t region, head, i, k, c, rows, padded;
  rppg_nn__plan_attention(&a, l, m->scratch);
  padded = (a.k_n + RPPG_NN__BLOCK - 1) / RPPG_NN__BLOCK * RPPG_NN__BLOCK;
  for (region = 0; region < a.q_regions; region++) {
    const float *q = a.y ? a.q : rppg_nn__data(l->in[0]);
    float *y = a.y ? a.y : rppg_nn__data(l->out[0]);
    if (a.y) {
      rppg_nn__highest(rppg_nn__data(l->in[3]) + region * a.k_regions, a.k_regions, a.top, a.best);
      for (i = 0; i < a.q_n; i++)
        memcpy(a.q + i * cq,
               rppg_nn__data(l->in[0]) + rppg_nn__in_region(l->in[0], l->p + 2, region, i) * cq,
               cq * sizeof(float));
    }
    for (head = 0; head < a.heads; head++) {
      rppg_nn__see(&a, l, head);
      for (i = 0; i < a.q_n; i += rows) {
        rows = rppg_nn__least(a.q_n - i, RPPG_NN__STRIP);
        for (k = 0; k < padded; k += RPPG_NN__BLOCK)
          rppg_nn__product(kernels, q + i * cq + head * a.dk, cq, rows, a.dk, a.keys + k * a.dk,
                           a.scores + k, padded, RPPG_NN__BLOCK, a.edge, a.zeros);
        for (k = 0; k < rows; k++) kernels->softmax(a.scores + k * padded, a.k_n, l->f[0]);
        for (c = 0; c < a.dv; c += RPPG_NN__BLOCK)
          rppg_nn__product(kernels, a.scores, padded, rows, a.k_n, a.values + c * a.k_n,
                           y + i * cv + head * a.dv + c, cv,
                           rppg_nn__least(a.dv - c, RPPG_NN__BLOCK), a.edge, a.zeros);
      }
    }
    for (i = 0; a.y && i < a.q_n; i++)
      memcpy(rppg_nn__data(l->out[0]) + rppg_nn__in_region(l->in[0], l->p + 2, region, i) * cv,
             a.y + i * cv, cv * sizeof(float));
  }
}

static const char *rppg_nn__check_nmf(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const char *wrong = rppg_nn__check_like(l, need);
  if (wrong) return wrong;
  if (!rppg_nn__within(l, 0, 1, 1, 1000)) return "steps";
  if (!rppg_nn__finite(l->f[0]) || l->f[0] < 0.0f) return "epsilon";
  need->scratch =
      ((uint64_t)rppg_nn__pixels(l->in[0]) + 2 * (uint64_t)l->in[0]->d[3]) * sizeof(float);
  need->macs = (2 * (double)l->p[0] + 2) * (double)l->in[0]->n;
  return NULL;
}

/* The new coefficients: coef * (base' x) / (coef * base' base + eps); seen [n]. */
static void rppg_nn__coefficients(const float *x, const float *base, size_t rows, size_t n,
                                  float eps, float *coef, float *seen)
{
  double square = 0.0;
  size_t i, c;
  memset(seen, 0, n * sizeof *seen);
  for (i = 0; i < rows; i++) {
    square += (double)base[i] * (double)base[i];
    for (c = 0; c < n; c++) seen[c] += base[i] * x[i * n + c];
  }
  for (c = 0; c < n; c++) coef[c] = coef[c] * seen[c] / (coef[c] * (float)square + eps);
}

static void rppg_nn__run_nmf(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const size_t rows = rppg_nn__pixels(l->in[0]), n = (size_t)l->in[0]->d[3];
  const float *x = rppg_nn__data(l->in[0]), eps = l->f[0];
  float *base = (float *)m->scratch, *coef = base + rows, *seen = coef + n,
        *y = rppg_nn__data(l->out[0]);
  int32_t step;
  size_t i, c;
  for (i = 0; i < rows; i++) base[i] = (float)(1.0 / rppg__sqrt((double)rows));
  for (c = 0; c < n; c++) coef[c] = 1.0f;
  for (step = 0; step < l->p[0]; step++) {
    double square = 0.0;
    rppg_nn__coefficients(x, base, rows, n, eps, coef, seen);
    for (c = 0; c < n; c++) square += (double)coef[c] * (double)coef[c];
    for (i = 0; i < rows; i++) {
      double sum = 0.0;
      for (c = 0; c < n; c++) sum += (double)x[i * n + c] * (double)coef[c];
      base[i] = base[i] * (float)sum / (base[i] * (float)square + eps);
    }
  }
  rppg_nn__coefficients(x, base, rows, n, eps, coef, seen);
  for (i = 0; i < rows; i++) kernels->binary(2, coef, base + i, 0, n, y + i * n);
}

/* ---- state space, codebook, spectrum --------------------------------------------------------- */

/* SCAN, and STEP where there is a second output. */
static const char *rppg_nn__check_scan(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *y = l->out[0], *a = l->w[0], *turn = l->w[2],
                       *h = l->op == RPPG_NN_STEP ? l->out[1] : NULL;
  const int64_t parts = turn ? 2 : 1, d = y->d[3] / parts, n = l->p[5], g = l->p[6];
  const int64_t used[4] = { d, g, n, n };
  int i, k;
  if (y->d[3] % parts) return "output size";
  if (n < 1 || n > (int32_t)1 << 28) return "states";
  if (g < 1 || g > (int32_t)1 << 28 || d % g) return "steps";
  if (!rppg_nn__f32(y)) return "type";
  for (i = 0; i < 4; i++) {
    if (!rppg_nn__f32(l->in[i])) return "type";
    for (k = 0; k < 3; k++) if (l->in[i]->d[k] != y->d[k]) return "sizes";
    if (l->p[i] < 0 || l->p[i] + used[i] > l->in[i]->d[3]) return "channels";
  }
  if (a->type != RPPG_NN_F32 || a->d[0] != 1 || a->d[1] != 1 || d % a->d[2] ||
      (a->d[3] != 1 && a->d[3] != n))
    return "weights";
  if (turn && (turn->type != RPPG_NN_F32 || !rppg_nn__same(turn, a))) return "weights";
  if (!rppg_nn__vector(l->w[1], (int32_t)d)) return "weights";
  if (l->p[4] < 1 || rppg_nn__pixels(y) % (size_t)l->p[4]) return "sequences";
  if (d * n > (int64_t)1 << 28) return "states";
  if (l->op == RPPG_NN_STEP) {
    if (l->p[4] != 1) return "sequences";
    if (l->flags) return "flags";
    if (h->kind != RPPG_NN_STATE || h->d[0] != 1 || h->d[1] != parts || h->d[2] != d ||
        h->d[3] != n)
      return "state";
  }
  need->scratch = (2 * (uint64_t)n + (h ? 0 : (uint64_t)(parts * d * n))) * sizeof(float);
  need->macs = (double)rppg_nn__pixels(y) * (double)(parts * d * n) * 3;
  return NULL;
}

static void rppg_nn__run_scan(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const rppg_nn_tensor *y = l->out[0], *a = l->w[0];
  const size_t parts = l->w[2] ? 2 : 1, d = (size_t)y->d[3] / parts, n = (size_t)l->p[5],
               g = (size_t)l->p[6];
  const size_t many = (size_t)l->p[4], steps = rppg_nn__pixels(y) / many;
  const ptrdiff_t sign = l->flags & 1 ? -1 : 1;
  rppg_nn__scan s;
  size_t i, first;
  memset(&s, 0, sizeof s);
  s.x_step = sign * l->in[0]->d[3];
  s.dt_step = sign * l->in[1]->d[3];
  s.b_step = sign * l->in[2]->d[3];
  s.c_step = sign * l->in[3]->d[3];
  s.y_step = sign * y->d[3];
  s.a = rppg_nn__data(a);
  s.d = rppg_nn__data(l->w[1]);
  s.turn = rppg_nn__data(l->w[2]);
  s.e = (float *)m->scratch;
  s.h = l->op == RPPG_NN_STEP ? rppg_nn__data(l->out[1]) : s.e + 2 * n;
  s.steps = steps;
  s.channels = d;
  s.states = n;
  s.per_dt = d / g;
  s.per_row = d / (size_t)a->d[2];
  s.columns = (size_t)a->d[3];
  for (i = 0; i < many; i++) {
    first = i * steps + (sign < 0 ? steps - 1 : 0);
    if (l->op == RPPG_NN_SCAN) memset(s.h, 0, parts * d * n * sizeof(float));
    s.x = rppg_nn__data(l->in[0]) + first * (size_t)l->in[0]->d[3] + l->p[0];
    s.dt = rppg_nn__data(l->in[1]) + first * (size_t)l->in[1]->d[3] + l->p[1];
    s.b = rppg_nn__data(l->in[2]) + first * (size_t)l->in[2]->d[3] + l->p[2];
    s.c = rppg_nn__data(l->in[3]) + first * (size_t)l->in[3]->d[3] + l->p[3];
    s.y = rppg_nn__data(y) + first * (size_t)y->d[3];
    kernels->scan(&s);
  }
}

static const char *rppg_nn__check_codebook(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const char *wrong = rppg_nn__check_like(l, need);
  if (wrong) return wrong;
  if (l->w[0]->type != RPPG_NN_F32) return "weights";
  if (!rppg_nn__finite(l->f[0]) || l->f[0] < 0.0f) return "scale";
  need->scratch = (uint64_t)l->w[0]->n * sizeof(float);
  need->macs = (double)l->in[0]->n * (double)l->w[0]->n;
  return NULL;
}

static void rppg_nn__run_codebook(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  const rppg_nn__kernels *kernels = (const rppg_nn__kernels *)m->kernels;
  const size_t n = l->w[0]->n;
  const float *codes = rppg_nn__data(l->w[0]);
  float *y = rppg_nn__copy(l), *pull = (float *)m->scratch;
  size_t i, k;
  for (i = 0; i < l->in[0]->n; i++) {
    float sum = 0.0f;
    for (k = 0; k < n; k++) pull[k] = y[i] > codes[k] ? codes[k] - y[i] : y[i] - codes[k];
    kernels->softmax(pull, n, l->f[0]);
    for (k = 0; k < n; k++) sum += pull[k] * codes[k];
    y[i] = sum;
  }
}

/* The transform's length and channels. */
static size_t rppg_nn__fft_of(const rppg_nn_layer *l, rppg_dsp_fft_config *config)
{
  const rppg_nn_tensor *t = l->p[0] ? l->out[0] : l->in[0];
  config->n = rppg_nn__pixels(t);
  config->complex_input = 0;
  return (size_t)t->d[3];
}

enum { RPPG_NN__FFT_ROOM = (sizeof(rppg_dsp_fft) + 63) / 64 * 64 };

static const char *rppg_nn__check_fft(const rppg_nn_layer *l, rppg_nn__need *need)
{
  const rppg_nn_tensor *x = l->in[0], *y = l->out[0], *bins = l->p[0] ? x : y;
  rppg_dsp_fft_config config;
  size_t n;
  if (!rppg_nn__f32(x) || !rppg_nn__f32(y)) return "type";
  if (!rppg_nn__within(l, 0, 1, 0, 1)) return "direction";
  if (!rppg_nn__finite(l->f[0])) return "scale";
  n = rppg_nn__fft_of(l, &config);
  if (config.n > RPPG_DSP_FFT_MAX) return "size";
  if (rppg_nn__pixels(bins) != config.n / 2 + 1 || (uint64_t)bins->d[3] != 2 * (uint64_t)n)
    return "output size";
  need->prep = rppg_dsp_fft_mem_size(&config);
  if (need->prep == 0) return "size"; /* more than an address space */
  need->prep += RPPG_NN__FFT_ROOM;
  need->scratch = 2 * ((uint64_t)config.n / 2 + 1) * sizeof(float);
  need->macs = (double)x->n * 8;
  return NULL;
}

static void rppg_nn__prepare_fft(rppg_nn_layer *l)
{
  rppg_dsp_fft_config config;
  (void)rppg_nn__fft_of(l, &config);
  (void)rppg_dsp_fft_init((rppg_dsp_fft *)l->prep, &config,
                          (unsigned char *)l->prep + RPPG_NN__FFT_ROOM,
                          rppg_dsp_fft_mem_size(&config)); /* proved by rppg_nn__check_fft */
}

static void rppg_nn__run_fft(const rppg_nn_model *m, const rppg_nn_layer *l)
{
  rppg_dsp_fft_config config;
  const size_t channels = rppg_nn__fft_of(l, &config), n = config.n, bins = n / 2 + 1;
  rppg_dsp_fft *fft = (rppg_dsp_fft *)l->prep;
  const float *x = rppg_nn__data(l->in[0]);
  float *y = rppg_nn__data(l->out[0]), *z = (float *)m->scratch;
  size_t c, i;
  for (c = 0; c < channels; c++) {
    if (l->p[0] == 0) {
      for (i = 0; i < n; i++) z[i] = x[i * channels + c];
      rppg_dsp_fft_forward(fft, z, z);
      for (i = 0; i < 2 * bins; i++)
        y[i / 2 * 2 * channels + i % 2 * channels + c] = z[i] * l->f[0];
    } else {
      for (i = 0; i < 2 * bins; i++) z[i] = x[i / 2 * 2 * channels + i % 2 * channels + c];
      rppg_dsp_fft_inverse(fft, z, z);
      for (i = 0; i < n; i++) y[i * channels + c] = z[i] * l->f[0];
    }
  }
}

/* ---- the table of ops ------------------------------------------------------------------------ */

/* Row of an op, or one whose name is NULL. Columns: inputs at least and at most, outputs, weights
   at least and at most, shared memory, whether it has an activation. */
static const rppg_nn__op *rppg_nn__find(int op)
{
  static const rppg_nn__op table[] = {
    { NULL, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL },
    { "conv", 1, 2, 1, 1, 3, 2, 1, rppg_nn__check_conv, rppg_nn__prepare_conv, rppg_nn__run_conv },
    { "depthwise", 1, 1, 1, 1, 2, 0, 1, rppg_nn__check_depthwise, NULL, rppg_nn__run_depthwise },
    { "upconv", 1, 1, 1, 1, 3, 0, 1, rppg_nn__check_upconv, NULL, rppg_nn__run_upconv },
    { "affine", 1, 1, 1, 2, 2, 1, 1, rppg_nn__check_affine, NULL, rppg_nn__run_affine },
    { "norm", 1, 2, 1, 0, 2, 1, 1, rppg_nn__check_norm, NULL, rppg_nn__run_norm },
    { "pool", 1, 1, 1, 0, 0, 0, 1, rppg_nn__check_pool, NULL, rppg_nn__run_pool },
    { "act", 1, 1, 1, 0, 0, 1, 1, rppg_nn__check_like, NULL, rppg_nn__run_act },
    { "softmax", 1, 1, 1, 0, 0, 1, 0, rppg_nn__check_softmax, NULL, rppg_nn__run_softmax },
    { "binary", 1, 2, 1, 0, 1, 3, 1, rppg_nn__check_binary, NULL, rppg_nn__run_binary },
    { "reduce", 1, 1, 1, 0, 0, 0, 1, rppg_nn__check_reduce, NULL, rppg_nn__run_reduce },
    { "concat", 1, 4, 1, 0, 0, 0, 0, rppg_nn__check_concat, NULL, rppg_nn__run_concat },
    { "slice", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_slice, NULL, rppg_nn__run_slice },
    { "permute", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_permute, NULL, rppg_nn__run_permute },
    { "reshape", 1, 1, 1, 0, 0, 1, 0, rppg_nn__check_reshape, NULL, rppg_nn__run_reshape },
    { "resize", 1, 1, 1, 0, 0, 0, 1, rppg_nn__check_resize, NULL, rppg_nn__run_resize },
    { "shift", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_shift, NULL, rppg_nn__run_shift },
    { "diff", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_diff, NULL, rppg_nn__run_diff },
    { "standard", 1, 1, 1, 0, 0, 1, 0, rppg_nn__check_standard, NULL, rppg_nn__run_standard },
    { "mask", 1, 1, 1, 0, 0, 1, 0, rppg_nn__check_mask, NULL, rppg_nn__run_mask },
    { "matmul", 2, 2, 1, 0, 0, 0, 1, rppg_nn__check_matmul, NULL, rppg_nn__run_matmul },
    { "attention", 3, 4, 1, 0, 0, 0, 0, rppg_nn__check_attention, NULL, rppg_nn__run_attention },
    { "scan", 4, 4, 1, 1, 3, 0, 0, rppg_nn__check_scan, NULL, rppg_nn__run_scan },
    { "codebook", 1, 1, 1, 1, 1, 1, 0, rppg_nn__check_codebook, NULL, rppg_nn__run_codebook },
    { "step", 4, 4, 2, 1, 3, 0, 0, rppg_nn__check_scan, NULL, rppg_nn__run_scan },
    { "causal", 1, 1, 2, 1, 2, 0, 1, rppg_nn__check_causal, NULL, rppg_nn__run_causal },
    { "ema", 1, 2, 2, 1, 1, 0, 1, rppg_nn__check_ema, NULL, rppg_nn__run_ema },
    { "nmf", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_nmf, NULL, rppg_nn__run_nmf },
    { "fft", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_fft, rppg_nn__prepare_fft, rppg_nn__run_fft },
    { "cumsum", 1, 1, 1, 0, 0, 1, 0, rppg_nn__check_cumsum, NULL, rppg_nn__run_cumsum },
  };
  static const rppg_nn__op table8[] = { /* from RPPG_NN_QUANT on */
    { "quant", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_quant, NULL, rppg_nn__run_quant },
    { "dequant", 1, 1, 1, 0, 0, 0, 0, rppg_nn__check_dequant, NULL, rppg_nn__run_dequant },
    { "conv_s8", 1, 2, 1, 1, 3, 2, 1, rppg_nn__check_conv8, rppg_nn__prepare_conv8,
      rppg_nn__run_conv8 },
    { "lookup", 1, 1, 1, 1, 1, 1, 0, rppg_nn__check_lookup, NULL, rppg_nn__run_lookup },
  };
  const int n = (int)(sizeof table / sizeof *table);
  const int n8 = (int)(sizeof table8 / sizeof *table8);
  if (op >= RPPG_NN_QUANT && op - RPPG_NN_QUANT < n8) return &table8[op - RPPG_NN_QUANT];
  return &table[op > 0 && op < n && table[op].run ? op : 0];
}

/* What has no meaning is 0, so that a later version can give it one which this reader then refuses. */
static const char *rppg_nn__check_unused(const rppg_nn_layer *l)
{
  static const struct { uint8_t p, f, flags; } used[RPPG_NN__OP_END] = { /* parameters p and f; flags */
    { 0, 0, 0 }, { 13, 0, 1 } /* conv */, { 12, 0, 0 }, { 13, 0, 0 }, { 0, 0, 0 } /* affine */,
    { 3, 1, 1 } /* norm */, { 10, 0, 1 }, { 0, 0, 0 }, { 0, 1, 0 } /* softmax */, { 1, 0, 0 },
    { 1, 0, 0 } /* reduce */, { 1, 0, 0 }, { 8, 0, 0 } /* slice */, { 4, 0, 0 }, { 0, 0, 0 },
    { 1, 0, 0 } /* resize */, { 2, 0, 1 }, { 1, 1, 0 } /* diff */, { 0, 0, 1 }, { 0, 1, 0 },
    { 0, 1, 1 } /* matmul */, { 5, 1, 0 }, { 7, 0, 1 } /* scan */, { 0, 1, 0 }, { 7, 0, 0 },
    { 1, 0, 0 } /* causal */, { 0, 2, 1 }, { 1, 1, 0 } /* nmf */, { 1, 1, 0 }, { 1, 0, 0 },
    { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } /* quant */, { 0, 0, 0 }, { 13, 0, 0 } /* conv_s8 */
  };
  int i;
  if (l->flags & ~(uint32_t)used[l->op].flags) return "flags";
  for (i = used[l->op].p; i < 16; i++) if (l->p[i]) return "unused parameters";
  for (i = used[l->op].f; i < 4; i++) if (l->f[i] != 0.0f) return "unused parameters";
  return NULL;
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

#ifdef RPPG_NN_FUZZING
#  define RPPG_NN__CHECKED 0
#else
#  define RPPG_NN__CHECKED 1
#endif
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

/* Of size bytes, those at 20..23 taken as zeros: of a blob, and of what rppg.h saves. */
static uint32_t rppg_nn__checksum(const uint8_t *p, size_t size)
{
  static const uint8_t zeros[4] = { 0, 0, 0, 0 };
  uint32_t crc = rppg_nn__crc(0xffffffffu, p, 20);
  crc = rppg_nn__crc(crc, zeros, 4);
  return rppg_nn__crc(crc, p + 24, size - 24) ^ 0xffffffffu;
}

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
  if (rppg_nn__checksum(p, size) != rppg_nn__u32(p + 20) && RPPG_NN__CHECKED)
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "damaged", "checksum", -1, -1);
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
   their size. They are decoded into tensors, unless that is NULL. */
static rppg_status rppg_nn__check_tensors(const rppg_nn__blob *b, rppg_nn_tensor *tensors,
                                          rppg_nn_error *e)
{
  uint64_t end[2] = { 0, 0 };
  uint32_t seen[2] = { 0, 0 }, i;
  rppg_nn_tensor room, first;
  for (i = 0; i < b->n_tensors; i++) {
    rppg_nn_tensor *t = tensors ? &tensors[i] : &room;
    rppg_status status = rppg_nn__tensor(b, i, t, e);
    if (status != RPPG_OK) return status;
    if (t->kind == RPPG_NN_WEIGHT || t->kind == RPPG_NN_STATE) {
      uint64_t *at = &end[t->kind == RPPG_NN_STATE];
      if (t->offset < *at)
        return rppg_nn__wrong(e, RPPG_ERR_DATA, "tensors overlap", "offset", -1, (int)i);
      *at = t->offset + (uint64_t)t->n * rppg_nn__bytes_of(t->type);
    } else if (t->kind >= RPPG_NN_INPUT) {
      uint32_t *of = &seen[t->kind == RPPG_NN_OUTPUT];
      if (*of >> t->offset & 1)
        return rppg_nn__wrong(e, RPPG_ERR_DATA, "a number used twice", "number", -1, (int)i);
      *of |= (uint32_t)1 << t->offset;
    }
  }
  for (i = 0; i < b->n_tensors; i++) {
    const rppg_nn_tensor *t = tensors ? &tensors[i] : &room, *w = &first;
    if (!tensors) (void)rppg_nn__tensor(b, i, &room, e); /* it was right above */
    if (!t->begins) continue;
    if (tensors) w = &tensors[t->begins - 1];
    else (void)rppg_nn__tensor(b, t->begins - 1, &first, e);
    if (w->kind != RPPG_NN_WEIGHT || w->type != RPPG_NN_F32 || w->n != t->n)
      return rppg_nn__wrong(e, RPPG_ERR_DATA, "a tensor's record is wrong", "beginning", -1,
                            (int)i);
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
  wrong = rppg_nn__check_unused(l);
  if (!wrong) wrong = op->check(l, need);
  if (wrong) RPPG__REFUSE(wrong);
#undef RPPG__REFUSE
  if (need->scratch > UINT64_MAX / 2 || need->prep > UINT64_MAX / 2)
    return rppg_nn__wrong(e, RPPG_ERR_SPACE, "larger than an address space", "", (int)i, -1);
  /* In whole lines, so that the block's size does not depend on the order of its parts. */
  need->scratch = (need->scratch + RPPG__ALIGN - 1) & ~(uint64_t)(RPPG__ALIGN - 1);
  need->prep = (need->prep + RPPG__ALIGN - 1) & ~(uint64_t)(RPPG__ALIGN - 1);
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
  if (status == RPPG_OK) status = rppg_nn__check_tensors(b, NULL, e);
  if (status != RPPG_OK) return status;
  *scratch = 0;
  rppg__arena_begin(&count, NULL, 0);
  for (i = 0; i < b->n_layers; i++) {
    status = rppg_nn__layer(b, i, NULL, room, &l, &need, e);
    if (status != RPPG_OK) return status;
    if (need.scratch > *scratch) *scratch = need.scratch;
    if (need.prep >> 50)
      return rppg_nn__wrong(e, RPPG_ERR_SPACE, "larger than an address space", "", (int)i, -1);
    prep += need.prep; /* in whole lines; 2^12 layers: below 2^63 */
  }
  rppg_nn__lay_out(&layout, b, *scratch, &count);
  if ((uint64_t)(size_t)prep != prep) count.failed = 1;
  else rppg__take(&count, (size_t)prep, 1); /* last, as rppg_nn_open does */
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

/* The specification's numbers; which of its words are floats is said in rppg_nn_spec. */
static rppg_status rppg_nn__read_spec(const uint8_t *p, uint32_t n, rppg_nn_spec *s,
                                      rppg_nn_error *e)
{
  uint32_t words[16] = { 0 }, i;
  for (i = 0; i < 16 && 4 * i + 4 <= n; i++) words[i] = rppg_nn__u32(p + 4 * i);
  memcpy(s, words, sizeof words); /* rppg_nn_spec is 16 words */
#define RPPG__UNKNOWN(field)                                                                       \
    return rppg_nn__wrong(e, RPPG_ERR_UNSUPPORTED, "SPEC: an unknown value", field, -1, -1)
  if (s->task > RPPG_NN_TASK_RATE) RPPG__UNKNOWN("task");
  if (s->source > RPPG_NN_PATCHES) RPPG__UNKNOWN("source");
  if (s->norm > RPPG_NN_NORM_DIFF_STANDARD) RPPG__UNKNOWN("norm");
#undef RPPG__UNKNOWN
  if (!rppg_nn__finite(s->fps) || !rppg_nn__finite(s->bpm_first) || !rppg_nn__finite(s->bpm_step) ||
      !rppg_nn__finite(s->margin) || s->fps < 0.0f || s->margin < 0.0f)
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "SPEC: a number that is none, or below 0", "spec", -1,
                          -1);
  return RPPG_OK;
}

/* Numbers of an adapter of these sizes; 0 where it would have none. */
static size_t rppg_nn__adapter_values(const rppg_nn_adapter *a)
{
  const size_t head = (size_t)a->taps * (a->hidden ? 2 * a->hidden : 1) + a->hidden;
  return 9 * (size_t)a->mixes + 2 * (size_t)a->channels + head;
}

/* The chunk ADPT, of n bytes from p on; what it has to fit comes afterwards. */
static void rppg_nn__read_adapter(const uint8_t *p, uint32_t n, rppg_nn_adapter *a)
{
  uint32_t words[4] = { 0 }, i;
  for (i = 0; i < 4 && 4 * i + 4 <= n; i++) words[i] = rppg_nn__u32(p + 4 * i);
  memcpy(a, words, sizeof words); /* rppg_nn_adapter begins with them */
  a->values = p + 16;
  a->n = n;
}

/* Whether the adapter, whose n still counts the chunk's bytes, fits the specification. */
static rppg_status rppg_nn__check_adapter(const rppg_nn_spec *s, rppg_nn_adapter *a, rppg_nn_error *e)
{
  const int classes = s->task == RPPG_NN_TASK_CLASSES,
            wave = s->task == RPPG_NN_TASK_WAVE || s->task == RPPG_NN_TASK_SLOPE;
  const uint32_t colours = s->source == RPPG_NN_SIGNALS && s->channels <= 4096 ? s->channels : 0,
                 rois = colours % 3 ? 0 : colours / 3;
  size_t i;
#define RPPG__REFUSE(field)                                                                        \
    return rppg_nn__wrong(e, RPPG_ERR_DATA, "ADPT: does not fit the model", field, -1, -1)
  if (a->mixes && !(s->source == RPPG_NN_PATCHES && a->mixes == 1) &&
      !(rois && (a->mixes == 1 || a->mixes == rois)))
    RPPG__REFUSE("matrices");
  if (a->channels && (s->source == RPPG_NN_RAW || a->channels != s->channels || a->channels > 4096))
    RPPG__REFUSE("gains");
  if (a->taps > 63 || (a->taps && a->taps % 2 == 0) || (a->taps && !classes && !wave))
    RPPG__REFUSE("taps");
  if (classes && a->taps ? a->hidden < 1 || a->hidden > 32 : a->hidden != 0) RPPG__REFUSE("hidden");
  if (a->n != 16 + 4 * rppg_nn__adapter_values(a) || a->n == 16) RPPG__REFUSE("size");
#undef RPPG__REFUSE
  a->n = rppg_nn__adapter_values(a);
  for (i = 0; i < a->n; i++) {
    const float x = rppg_nn__float(a->values + 4 * i);
    if (!(x >= -64.0f && x <= 64.0f))
      return rppg_nn__wrong(e, RPPG_ERR_DATA, "ADPT: a number out of range", "values", -1, -1);
  }
  return RPPG_OK;
}

static rppg_status rppg_nn__read_chunks(const rppg_nn__blob *b, rppg_nn_model *m, rppg_nn_error *e)
{
  static const char tag[6][5] = { "SPEC", "CAMR", "NOTE", "BPMS", "NAME", "ADPT" };
  uint32_t at = 0, seen = 0, i;
  rppg_status status;
  while (b->chunk_size - at >= 8) {
    const uint8_t *p = b->chunks + at;
    const uint32_t n = rppg_nn__u32(p + 4), room = b->chunk_size - at - 8;
    int k = 0;
    if (n > room) return rppg_nn__wrong(e, RPPG_ERR_DATA, "a chunk does not fit", "chunks", -1, -1);
    while (k < 6 && memcmp(p, tag[k], 4) != 0) k++;
    if (k < 6 && seen >> k & 1)
      return rppg_nn__wrong(e, RPPG_ERR_DATA, "a chunk is there twice", tag[k], -1, -1);
    seen |= (uint32_t)1 << k;
    if (k == 0) {
      status = rppg_nn__read_spec(p + 8, n, &m->spec, e);
      if (status != RPPG_OK) return status;
    } else if (k == 1) { m->camera = (const char *)p + 8; m->camera_n = n; }
    else if (k == 2) { m->note = (const char *)p + 8; m->note_n = n; }
    else if (k == 3) {
      m->classes = p + 8;
      m->n_classes = n / 4;
      for (i = 0; i < n / 4; i++)
        if (!rppg_nn__finite(rppg_nn__float(p + 8 + 4 * i)))
          return rppg_nn__wrong(e, RPPG_ERR_DATA, "a rate is not finite", "BPMS", -1, -1);
    } else if (k == 5) rppg_nn__read_adapter(p + 8, n, &m->adapter);
    at += 8 + (n > room - room % 4 ? room : (n + 3) / 4 * 4);
  }
  return seen >> 5 & 1 ? rppg_nn__check_adapter(&m->spec, &m->adapter, e) : RPPG_OK;
}

RPPG_DEF rppg_status rppg_nn_read_about(const void *blob, size_t size, rppg_nn_about *about)
{
  rppg_nn__blob b;
  rppg_nn_error e;
  rppg_nn_model m;
  rppg_nn_tensor t;
  uint64_t scratch;
  size_t bytes;
  uint32_t i;
  rppg_status status = rppg_nn__survey(&b, blob, size, &scratch, &bytes, &e);
  memset(about, 0, sizeof *about);
  memset(&m, 0, sizeof m);
  if (status == RPPG_OK) status = rppg_nn__read_chunks(&b, &m, &e);
  if (status != RPPG_OK) return status;
  for (i = 0; i < b.n_tensors; i++) {
    (void)rppg_nn__tensor(&b, i, &t, &e); /* the survey found it right */
    if (t.offset == 0 && t.kind == RPPG_NN_INPUT) about->x = t;
    if (t.offset == 0 && t.kind == RPPG_NN_OUTPUT) about->y = t;
  }
  about->spec = m.spec;
  about->adapter = m.adapter;
  about->mem_size = bytes;
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
  /* From here on only what has been copied into the block is believed: every check is made again on
     the copy, so that not even a blob that somebody changes meanwhile leads astray. */
  status = rppg_nn__check_tensors(&b, a.tensors, e);
  if (status == RPPG_OK) status = rppg_nn__place(&b, &a, e);
  if (status == RPPG_OK) status = rppg_nn__read_chunks(&b, &model, e);
  for (i = 0; i < b.n_layers && status == RPPG_OK; i++) {
    status = rppg_nn__layer(&b, i, a.tensors, NULL, &a.layers[i], &need, e);
    if (status != RPPG_OK) break;
    model.macs += need.macs;
    if (need.prep) a.layers[i].prep = rppg__take(&from, (size_t)need.prep, 1);
    if (need.scratch > scratch || from.failed)
      status = rppg_nn__wrong(e, RPPG_ERR_DATA, "changed while it was opened", "", (int)i, -1);
  }
  if (status == RPPG_OK) status = rppg_nn__check_order(&b, &a, e);
  if (status == RPPG_OK && from.failed)
    status = rppg_nn__wrong(e, RPPG_ERR_SPACE, "the memory block is too small", "", -1, -1);
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
