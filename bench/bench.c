/* Kernels and whole calls against what the machine could do: cc -O2 bench/bench.c -lm && ./a.out
   Usage: bench [-r ROUNDS] [-o FILE.json] [NAME]     only cases whose name contains NAME
   Prints a table and writes build/bench.json: median and least time of one run, the work in it, the
   machine's limit in work per ns, and ratio = (work / min_ns) / limit. The limit of each case is
   measured in the same rounds, by a loop that does the least that any code for the job must do. */
#define _POSIX_C_SOURCE 199309L
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg.h"
#include "../rppg_nn.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "nets.h"

static volatile uint64_t sink; /* what keeps the work alive */
static rppg_isa isa;           /* of the case that runs */

/* ---- limit: add all bytes of rectangles, whatever they mean ------------------------------------------- */

typedef struct area { const uint8_t *p; ptrdiff_t stride; int bytes, rows; } area;
static area areas[3];

#if defined(RPPG__DISPATCH)
#define ADD_BYTES(name, target, V, W, zero, load, sad, add)                             \
  static RPPG__ATTR(target) uint64_t name(const area *a)                                \
  {                                                                                     \
    V s0 = zero, s1 = zero, s2 = zero, s3 = zero;                                       \
    uint64_t t[W / 8], sum = 0;                                                         \
    int r, x, k;                                                                        \
    for (r = 0; r < a->rows; r++) {                                                     \
      const uint8_t *p = a->p + r * a->stride;                                          \
      for (x = 0; x + 4 * W <= a->bytes; x += 4 * W) {                                  \
        s0 = add(s0, sad(load((const void *)(p + x)), zero));                           \
        s1 = add(s1, sad(load((const void *)(p + x + W)), zero));                       \
        s2 = add(s2, sad(load((const void *)(p + x + 2 * W)), zero));                   \
        s3 = add(s3, sad(load((const void *)(p + x + 3 * W)), zero));                   \
      }                                                                                 \
      for (; x + W <= a->bytes; x += W) s0 = add(s0, sad(load((const void *)(p + x)), zero)); \
      if (x < a->bytes) s1 = add(s1, sad(load((const void *)(p + a->bytes - W)), zero)); \
    }                                                                                   \
    s0 = add(add(s0, s1), add(s2, s3));                                                 \
    memcpy(t, &s0, sizeof t);                                                           \
    for (k = 0; k < W / 8; k++) sum += t[k];                                            \
    return sum;                                                                         \
  }
#define LOAD128(p) _mm_loadu_si128((const __m128i *)(p))
#define LOAD256(p) _mm256_loadu_si256((const __m256i *)(p))
ADD_BYTES(add_bytes_base, "sse2", __m128i, 16, _mm_setzero_si128(), LOAD128, _mm_sad_epu8, _mm_add_epi64)
ADD_BYTES(add_bytes_avx2, "avx2", __m256i, 32, _mm256_setzero_si256(), LOAD256, _mm256_sad_epu8,
          _mm256_add_epi64)
ADD_BYTES(add_bytes_avx512, "avx512f,avx512bw", __m512i, 64, _mm512_setzero_si512(),
          _mm512_loadu_si512, _mm512_sad_epu8, _mm512_add_epi64)

static void limit_bytes(void)
{
  int i;
  for (i = 0; i < 3; i++) {
    if (areas[i].rows == 0) continue;
    sink += isa == RPPG_ISA_AVX512 ? add_bytes_avx512(&areas[i])
          : isa == RPPG_ISA_AVX2 ? add_bytes_avx2(&areas[i]) : add_bytes_base(&areas[i]);
  }
}
#else
#define limit_bytes NULL /* no such loop was written for this machine: limit 0 */
#endif

/* ---- frames ------------------------------------------------------------------------------------------------ */

enum { WIDTH = 640, HEIGHT = 480, FRAMES = 64 };
static uint8_t *pixels; /* FRAMES frames of four bytes a pixel */
static rppg_frame frame;
static rppg_rect rois[256];
static rppg_sums sums[256];
static size_t roi_count;
static int turn;

/* Looks at one frame; returns the bytes of the box in it and leaves them in areas[]. */
static double look(int format, int number, rppg_rect box)
{
  double bytes = 0.0;
  const rppg__format *f;
  uint8_t *at = pixels + (size_t)number * WIDTH * HEIGHT * 4;
  int i;
  memset(&frame, 0, sizeof frame);
  memset(areas, 0, sizeof areas);
  frame.format = format;
  frame.width = WIDTH;
  frame.height = HEIGHT;
  f = rppg__format_of(&frame);
  for (i = 0; i < f->planes; i++) {
    const rppg__plane *p = &f->plane[i];
    const rppg__box b = rppg__cut(&box, &frame, p);
    const int both = f->family == RPPG__IS_BAYER ? 2 : 1; /* a row of cells is two of memory */
    frame.planes[i] = at;
    frame.strides[i] = WIDTH / p->pixels * p->bytes;
    at += frame.strides[i] * (HEIGHT / p->rows * both);
    areas[i].p = frame.planes[i] + b.y0 * both * frame.strides[i] + b.x0;
    areas[i].stride = frame.strides[i];
    areas[i].bytes = b.x1 - b.x0;
    areas[i].rows = (b.y1 - b.y0) * both;
    bytes += (double)areas[i].bytes * areas[i].rows;
  }
  return bytes;
}

static const rppg_rect face = { 170, 90, 300, 300 }, small = { 290, 200, 64, 64 };
static const rppg_rect narrow = { 301, 100, 5, 300 }, whole = { 0, 0, WIDTH, HEIGHT };

static double one(int format, rppg_rect box)
{
  roi_count = 1;
  rois[0] = box;
  return look(format, 0, box);
}
static double setup_300(int format) { return one(format, face); }
static double setup_64(int format) { return one(format, small); }
static double setup_narrow(int format) { return one(format, narrow); }
static double setup_six(int format)
{
  roi_count = 6;
  rppg_layout_fixed(RPPG_LAYOUT_FACE6, &face, rois);
  return look(format, 0, face);
}
static double setup_grid(int format)
{
  roi_count = 16 * 12;
  rppg_layout_grid(12, 16, &whole, rois);
  return look(format, 0, whole);
}
/* A mask of a disc in the box; a gate that judges every pixel. */
static uint8_t mask[300 * 300];
static double setup_mask(int format)
{
  int x, y;
  for (y = 0; y < 300; y++)
    for (x = 0; x < 300; x++) mask[300 * y + x] = (x - 150) * (x - 150) + (y - 150) * (y - 150) < 140 * 140;
  return one(format, face);
}
static void run_mask(void) { sink += (uint64_t)rppg_mask_sums(&frame, &face, mask, 300, NULL, sums) + sums[0].sum[0]; }
static void run_skin(void)
{
  const rppg_skin any = { 0, 254, 0, 254 };
  sink += (uint64_t)rppg_mask_sums(&frame, &face, NULL, 0, &any, sums) + sums[0].sum[0];
}
static void run_sums(void) { sink += (uint64_t)rppg_roi_sums(&frame, rois, roi_count, sums) + sums[0].sum[0]; }
static void run_single(void)
{
  size_t i;
  for (i = 0; i < roi_count; i++) rppg_roi_sums(&frame, &rois[i], 1, &sums[i]);
  sink += sums[0].sum[0];
}
/* Another frame each time, 64 frames in turn: from beyond L2. Its limit is no hard bound: the plain
   loop waits for memory too, and prefetches differently. */
static void run_cold(void)
{
  turn = (turn + 1) % FRAMES;
  look(frame.format, turn, rois[0]);
  run_sums();
}
static void limit_cold(void)
{
  turn = (turn + 1) % FRAMES;
  look(frame.format, turn, rois[0]);
#if defined(RPPG__DISPATCH)
  limit_bytes();
#endif
}

/* ---- patches: their limit is the bytes of the box -------------------------------------------------- */

static float patch_out[RPPG_PATCH_MAX * RPPG_PATCH_MAX * 3], patch_work_[64 * 1024];
static int patch_side, patch_order;

static double patch(int format, int side, int order)
{
  patch_side = side;
  patch_order = order;
  if (rppg_patch_work(&face, side, side) > sizeof patch_work_) exit(1);
  return setup_300(format);
}
static double setup_patch_9(int format) { return patch(format, 9, RPPG_PATCH_HWC); }
static double setup_patch_36(int format) { return patch(format, 36, RPPG_PATCH_HWC); }
static double setup_patch_72(int format) { return patch(format, 72, RPPG_PATCH_HWC); }
static double setup_patch_128(int format) { return patch(format, 128, RPPG_PATCH_CHW); }
static void run_patch(void)
{
  sink += (uint64_t)rppg_patch(&frame, rois, patch_side, patch_side, patch_order, patch_out, patch_work_);
}

/* ---- limit: products and sums, as many as the job has, with nothing to wait for --------------- */

static double flops_wanted;
static volatile float unit = 1.0f; /* each look at it may differ, so no two chains are merged */

#if defined(RPPG__DISPATCH)
#define FLOPS(name, target, V, W, set1, store, add, mul)                                \
  static RPPG__ATTR(target) float name(size_t steps)                                    \
  {                                                                                     \
    const V half = set1(0.5f), one_ = set1(unit);                                        \
    V a0 = set1(unit), a1 = set1(unit), a2 = set1(unit), a3 = set1(unit);  \
    V a4 = set1(unit), a5 = set1(unit), a6 = set1(unit), a7 = set1(unit);  \
    V b0 = set1(unit), b1 = set1(unit), b2 = set1(unit), b3 = set1(unit);  \
    V b4 = set1(unit), b5 = set1(unit), b6 = set1(unit), b7 = set1(unit);  \
    float t[W];                                                                         \
    for (; steps > 0; steps--) { /* 16 vector operations, 16 chains */                  \
      a0 = add(a0, half); a1 = add(a1, half); a2 = add(a2, half); a3 = add(a3, half);   \
      b0 = mul(b0, one_); b1 = mul(b1, one_); b2 = mul(b2, one_); b3 = mul(b3, one_);   \
      a4 = add(a4, half); a5 = add(a5, half); a6 = add(a6, half); a7 = add(a7, half);   \
      b4 = mul(b4, one_); b5 = mul(b5, one_); b6 = mul(b6, one_); b7 = mul(b7, one_);   \
    }                                                                                   \
    a0 = add(add(add(a0, a1), add(a2, a3)), add(add(a4, a5), add(a6, a7)));             \
    b0 = add(add(add(b0, b1), add(b2, b3)), add(add(b4, b5), add(b6, b7)));             \
    store(t, add(a0, b0));                                                              \
    return t[0];                                                                        \
  }
FLOPS(flops_base, "sse2", __m128, 4, _mm_set1_ps, _mm_storeu_ps, _mm_add_ps, _mm_mul_ps)
FLOPS(flops_avx2, "avx2", __m256, 8, _mm256_set1_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_mul_ps)
FLOPS(flops_avx512, "avx512f", __m512, 16, _mm512_set1_ps, _mm512_storeu_ps, _mm512_add_ps,
      _mm512_mul_ps)

/* Does what is wanted by a loop for each instruction set; per_step: what a step of the first one does. */
typedef float (*loop)(size_t steps);
static void limit_loop(loop base, loop avx2, loop avx512, double per_step)
{
  const int wide = isa == RPPG_ISA_AVX512 ? 4 : isa == RPPG_ISA_AVX2 ? 2 : 1;
  const size_t steps = (size_t)(flops_wanted / (per_step * wide)) + 1;
  sink += (uint64_t)(wide == 4 ? avx512 : wide == 2 ? avx2 : base)(steps);
}
static void limit_flops(void) { limit_loop(flops_base, flops_avx2, flops_avx512, 64.0); }
#else
#define limit_flops NULL
#endif

/* ---- limit: fused products and sums, or both one by one where the set has no FMA ---------------- */

#if defined(RPPG__DISPATCH)
#define FMAS(name, target, V, W, set1, store, fma)                                      \
  static RPPG__ATTR(target) float name(size_t steps)                                    \
  {                                                                                     \
    const V f = set1(unit), z = set1(unit);                                             \
    V a0 = f, a1 = f, a2 = f, a3 = f, a4 = f, a5 = f, a6 = f, a7 = f, a8 = f, a9 = f;   \
    V b0 = set1(unit), b1 = b0;                                                         \
    float t[W];                                                                         \
    for (; steps > 0; steps--) { /* 12 chains */                                        \
      a0 = fma(a0, f, z); a1 = fma(a1, f, z); a2 = fma(a2, f, z); a3 = fma(a3, f, z);   \
      a4 = fma(a4, f, z); a5 = fma(a5, f, z); a6 = fma(a6, f, z); a7 = fma(a7, f, z);   \
      a8 = fma(a8, f, z); a9 = fma(a9, f, z); b0 = fma(b0, f, z); b1 = fma(b1, f, z);   \
      __asm__ volatile("" : "+x"(a0), "+x"(a1), "+x"(a2), "+x"(a3), "+x"(a4), "+x"(a5)); \
      __asm__ volatile("" : "+x"(a6), "+x"(a7), "+x"(a8), "+x"(a9), "+x"(b0), "+x"(b1)); \
    }                                                                                   \
    store(t, a0); /* the chains are equal, and kept apart by the asm */                 \
    return t[0];                                                                        \
  }
#define FMA128(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
FMAS(fmas_base, "sse2", __m128, 4, _mm_set1_ps, _mm_storeu_ps, FMA128)
FMAS(fmas_avx2, "avx2,fma", __m256, 8, _mm256_set1_ps, _mm256_storeu_ps, _mm256_fmadd_ps)
FMAS(fmas_avx512, "avx512f", __m512, 16, _mm512_set1_ps, _mm512_storeu_ps, _mm512_fmadd_ps)

static void limit_fmas(void) { limit_loop(fmas_base, fmas_avx2, fmas_avx512, 48.0); }
#else
#define limit_fmas NULL
#endif

/* ---- networks: work is the multiply-adds of the plain sums; Winograd's way does fewer, so its
   ratio may be above 1 -------------------------------------------------------------------------- */

static net *network;
static double start_net(net *n)
{
  network = n;
  flops_wanted = n->macs;
  return n->macs;
}
static double setup_clf(int type) { return start_net(net_clf(type)); }
static double setup_deepphys(int type) { return start_net(net_deepphys(type)); }
static const int shapes[][9] = { /* T H W Ci Co kt kh kw padding */
  { 1, 18, 64, 1, 16, 1, 5, 11, 0 }, { 1, 14, 54, 16, 16, 1, 5, 11, 0 }, { 1, 10, 44, 16, 16, 1, 5, 11, 0 },
  { 1, 36, 36, 3, 32, 1, 3, 3, 1 }, { 1, 36, 36, 32, 32, 1, 3, 3, 0 }, { 1, 17, 17, 32, 64, 1, 3, 3, 1 },
  { 1, 17, 17, 64, 64, 1, 3, 3, 0 }, { 16, 16, 16, 64, 64, 3, 3, 3, 1 }, { 1, 64, 64, 3, 16, 1, 7, 7, 3 },
  { 1, 32, 32, 64, 64, 1, 1, 1, 0 }, { 1, 24, 24, 24, 40, 1, 3, 3, 1 }, { 1, 1, 1, 3136, 128, 1, 1, 1, 0 },
};
static double setup_conv(int i)
{
  const int *s = shapes[i % 100];
  return start_net(net_single(i / 100, s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]));
}
static void run_net(void) { net_run(network); }
/* ---- signals ------------------------------------------------------------------------------------ */

enum { SAMPLES = 4096, TAPS = 65 };
static float signal_in[SAMPLES + 2], signal_out[SAMPLES + 2], taps[TAPS];
static double signal_work[4 * SAMPLES + 256];
static int signal_n;
static rppg_dsp_fft fft;
static void *fft_mem;
static rppg_dsp_sos sos;
static rppg_dsp_iir iir;

static double setup_act(int act)
{
  int i;
  for (i = 0; i < SAMPLES; i++) signal_out[i] = (float)(i % 101) * 0.06f - 3.0f;
  flops_wanted = act;
  return SAMPLES;
}
static void run_act(void)
{
  memcpy(signal_in, signal_out, SAMPLES * sizeof *signal_in);
  rppg_nn__activate((int)flops_wanted, signal_in, SAMPLES);
}

static double start_signal(int n, double flops)
{
  int i;
  for (i = 0; i < SAMPLES; i++) signal_in[i] = (float)((i * 37) % 101) * 0.01f;
  signal_n = n;
  flops_wanted = flops;
  return flops;
}
static double setup_fft(int n)
{
  rppg_dsp_fft_config cfg;
  double log2n = 0.0;
  size_t size;
  memset(&cfg, 0, sizeof cfg);
  cfg.n = (size_t)n;
  size = rppg_dsp_fft_mem_size(&cfg);
  free(fft_mem);
  fft_mem = malloc(size);
  if (fft_mem == NULL || rppg_dsp_fft_init(&fft, &cfg, fft_mem, size) != RPPG_OK) exit(1);
  while (1 << (int)log2n < n) log2n += 1.0;
  return start_signal(n, 2.5 * n * log2n); /* the usual count for a real transform */
}
static void run_fft(void) { rppg_dsp_fft_forward(&fft, signal_in, signal_out); }
static double setup_fir(int n)
{
  rppg_dsp_firwin(taps, TAPS, RPPG_DSP_LOWPASS, 3.0, 0.0, 30.0);
  return start_signal(n, 2.0 * TAPS * (n - TAPS + 1));
}
static void run_fir(void) { rppg_dsp_fir(signal_in, (size_t)signal_n, taps, TAPS, signal_out); }
static double setup_sos(int n)
{
  rppg_dsp_butter(&sos, 4, RPPG_DSP_BANDPASS, 0.7, 3.0, 30.0);
  rppg_dsp_iir_init(&iir, &sos, 0.0);
  start_signal(n, 0.0);
  return n;
}
static void run_sos(void) { rppg_dsp_iir_run(&iir, signal_in, (size_t)signal_n, signal_out); }
static void run_filtfilt(void) { rppg_dsp_filtfilt(&sos, signal_in, (size_t)signal_n, signal_out, signal_work); }
static void run_smoothness(void) { rppg_dsp_smoothness(signal_in, (size_t)signal_n, 100.0, signal_out, signal_work); }

/* ---- session -------------------------------------------------------------------------------------- */

static unsigned char session_mem[512 * 1024], pulse_mem[8 * 4096];
static rppg_session session;
static rppg_pulse pulses[6];
static int64_t clock_us;
static rppg_result result;

/* Six facial ROIs of a 640x480 frame, with a window that is full. */
static double setup_session(int format)
{
  const double bytes = setup_six(format);
  rppg_pulse_config cfg;
  int i;
  memset(&cfg, 0, sizeof cfg);
  cfg.rate_hz = 30.0;
  if (rppg_init(&session, NULL, session_mem, sizeof session_mem) != RPPG_OK) exit(1);
  for (i = 0; i < 6; i++)
    if (rppg_pulse_init(&pulses[i], &cfg, pulse_mem + 4096 * i, 4096) != RPPG_OK) exit(1);
  for (i = 0; i < 400; i++) {
    frame.planes[0] = pixels + (size_t)(i % FRAMES) * 64;
    rppg_push(&session, &frame, &face, clock_us += 33333);
  }
  look(format, 0, face);
  return bytes > 0.0 ? 1.0 : 0.0;
}
/* The same for one of the other methods; negative: one ROI instead of six. */
static double setup_method(int method)
{
  static const rppg_part whole = { 0.0f, 0.0f, 1.0f, 1.0f };
  rppg_config cfg;
  int i;
  setup_six(RPPG_RGB24);
  memset(&cfg, 0, sizeof cfg);
  cfg.method = method < 0 ? -method : method;
  if (method < 0) {
    cfg.parts = &whole;
    cfg.n_parts = 1;
  }
  if (rppg_init(&session, &cfg, session_mem, sizeof session_mem) != RPPG_OK) exit(1);
  for (i = 0; i < 400; i++) {
    frame.planes[0] = pixels + (size_t)(i % FRAMES) * 64;
    rppg_push(&session, &frame, &face, clock_us += 33333);
  }
  return 1.0;
}
static void run_moments(void)
{
  rppg_moments m;
  rppg_roi_moments(&frame, rois, 1, &m);
}
static void run_push(void) { rppg_push(&session, &frame, &face, clock_us += 33333); }
/* What a push cannot do without: the sums of the ROIs and a step of each pulse. */
static void limit_push(void)
{
  float rgb[3] = { 0.0f, 0.0f, 0.0f }, out;
  int i;
  run_sums();
  for (i = 0; i < 6; i++) {
    rppg_sums_mean(&frame, &sums[i], rgb);
    rppg_pulse_push(&pulses[i], rgb, &out);
  }
}
static void run_estimate(void) { rppg_estimate(&session, &result); }
static void run_pulse(void)
{
  static const float skin[4][3] = { { 150, 110, 90 }, { 151, 112, 91 }, { 150, 111, 90 }, { 149, 109, 88 } };
  float out;
  rppg_pulse_push(&pulses[0], skin[++turn & 3], &out);
}

/* ---- every method once over the same 10 s of colours: 300 at 30 a second ------------------------- */

enum { WINDOW = 300, EVERY_METHOD = RPPG__METHOD_END };
static float window_rgb[3 * WINDOW], window_pulse[WINDOW];
static double window_moments[9 * WINDOW], window_work[32 * 1024];
static int window_method;

/* Skin with a pulse, a sway of the light, and noise, of method `arg`; EVERY_METHOD: of all of them. */
static double setup_window(int arg)
{
  static const int skin[3] = { 46000, 31000, 25000 }, blood[3] = { 150, 240, 130 };
  static const rppg_part all = { 0.0f, 0.0f, 1.0f, 1.0f };
  rppg_config cfg;
  uint32_t noise = 1;
  int i, a, b, k;
  window_method = arg;
  for (i = 0; i < WINDOW; i++) {
    const int phase = i * 4 % 100, wave = (phase < 50 ? phase : 100 - phase) - 25;
    float *c = window_rgb + 3 * i;
    double *m = window_moments + 9 * i;
    for (k = 0; k < 3; k++) {
      noise = noise * 1664525u + 1013904223u;
      c[k] = (float)(skin[k] - blood[k] * wave / 25 + (i % 61 - 30) * 8 + (int)(noise >> 8) % 64) / 256.0f;
    }
    for (k = 3, a = 0; a < 3; a++) /* of pixels that scatter about the mean, most of all alike */
      for (m[a] = (double)c[a], b = a; b < 3; b++) m[k++] = (double)(c[a] * c[b]) * (a == b ? 1.02 : 1.015);
  }
  memset(&cfg, 0, sizeof cfg);
  cfg.method = RPPG_CONSENSUS;
  cfg.parts = &all;
  cfg.n_parts = 1;
  if (rppg_init(&session, &cfg, session_mem, sizeof session_mem) != RPPG_OK) exit(1);
  for (i = 0; i <= WINDOW; i++) rppg_push_rgb(&session, window_rgb + 3 * (i % WINDOW), clock_us += 33333);
  return 1.0;
}
static void run_window_of(int method)
{
  rppg_pulse_config c;
  memset(&c, 0, sizeof c);
  c.rate_hz = 30.0;
  c.method = method;
  if (method == RPPG_CONSENSUS) { /* of the waves that a session has: its part of an estimate */
    const double bin_hz = 30.0 / (double)session.fft_n, res = 2.0 / (10.0 * bin_hz);
    rppg__combine(&session, session.n, (size_t)(0.6 / bin_hz) + 1, (size_t)(4.0 / bin_hz), res);
    return;
  }
  if (method == RPPG_2SR) {
    if (rppg_2sr_signal_work(&c, WINDOW) > sizeof window_work / sizeof *window_work ||
        rppg_2sr_signal(&c, window_moments, WINDOW, window_pulse, window_work) != RPPG_OK) exit(1);
    return;
  }
  if (method == RPPG_CONTACT) c.method = RPPG_GREEN; /* each channel is a stream of its own */
  if (rppg_pulse_signal_work(&c, WINDOW) > sizeof window_work / sizeof *window_work) exit(1);
  if (rppg_pulse_signal(&c, window_rgb, WINDOW, window_pulse, NULL, window_work) != RPPG_OK) exit(1);
}
static void run_window(void)
{
  int method;
  for (method = 0; method < EVERY_METHOD; method++)
    if (window_method == method || window_method == EVERY_METHOD) run_window_of(method);
  sink += (uint64_t)(window_pulse[7] > 0.0f);
}

/* ---- no face box: 192 cells of a 640x480 frame ------------------------------------------------- */

static rppg_finder finder;
static void *finder_mem;

static double setup_finder(int format)
{
  rppg_config cfg;
  size_t size;
  int i;
  setup_grid(format);
  memset(&cfg, 0, sizeof cfg);
  cfg.auto_step_s = 60.0;
  size = rppg_finder_mem_size(&cfg);
  free(finder_mem);
  finder_mem = malloc(size);
  if (finder_mem == NULL || rppg_finder_init(&finder, &cfg, finder_mem, size) != RPPG_OK) exit(1);
  for (i = 0; i < 400; i++) {
    frame.planes[0] = pixels + (size_t)(i % FRAMES) * 64;
    rppg_finder_push(&finder, &frame, clock_us += 33333);
  }
  setup_grid(format);
  return 1.0;
}
static void run_finder(void) { rppg_finder_push(&finder, &frame, clock_us += 33333); }
static void run_find(void) { rppg__find(&finder); }

/* ---- cases: add yours here ------------------------------------------------------------------------------------ */

typedef struct bench_case {
  const char *name;
  double (*setup)(int arg); /* prepares one run; returns its work */
  int arg;
  void (*run)(void);
  void (*limit)(void); /* the same work at the machine's rate; NULL if unknown */
  const char *unit;
} bench_case;

static const bench_case cases[] = {
  { "mean_300x300/RGB24", setup_300, RPPG_RGB24, run_sums, limit_bytes, "byte" },
  { "mean_300x300/BGRA", setup_300, RPPG_BGRA, run_sums, limit_bytes, "byte" },
  { "mean_300x300/NV12", setup_300, RPPG_NV12, run_sums, limit_bytes, "byte" },
  { "mean_300x300/I420", setup_300, RPPG_I420, run_sums, limit_bytes, "byte" },
  { "mean_300x300/YUYV", setup_300, RPPG_YUYV, run_sums, limit_bytes, "byte" },
  { "mean_300x300/GRAY8", setup_300, RPPG_GRAY8, run_sums, limit_bytes, "byte" },
  { "mean_300x300/ARGB", setup_300, RPPG_ARGB, run_sums, limit_bytes, "byte" },
  { "mean_300x300/RGB565", setup_300, RPPG_RGB565, run_sums, limit_bytes, "byte" },
  { "mean_300x300/GRAY16", setup_300, RPPG_GRAY16, run_sums, limit_bytes, "byte" },
  { "mean_300x300/P010", setup_300, RPPG_P010, run_sums, limit_bytes, "byte" },
  { "mean_300x300/BAYER8", setup_300, RPPG_BAYER8, run_sums, limit_bytes, "byte" },
  { "mean_300x300/BAYER16", setup_300, RPPG_BAYER16, run_sums, limit_bytes, "byte" },
  { "mean_300x300/RAW10", setup_300, RPPG_RAW10, run_sums, limit_bytes, "byte" },
  { "mean_300x300/RAW12", setup_300, RPPG_RAW12, run_sums, limit_bytes, "byte" },
  { "six_rois/RAW10", setup_six, RPPG_RAW10, run_sums, limit_bytes, "byte" },
  { "mask_300x300/RGB24", setup_mask, RPPG_RGB24, run_mask, limit_bytes, "byte" },
  { "mask_300x300/BGRA", setup_mask, RPPG_BGRA, run_mask, limit_bytes, "byte" },
  { "mask_300x300/NV12", setup_mask, RPPG_NV12, run_mask, limit_bytes, "byte" },
  { "mask_300x300/I420", setup_mask, RPPG_I420, run_mask, limit_bytes, "byte" },
  { "mask_300x300/GRAY8", setup_mask, RPPG_GRAY8, run_mask, limit_bytes, "byte" },
  { "mask_300x300/RAW10", setup_mask, RPPG_RAW10, run_mask, limit_bytes, "byte" },
  { "skin_300x300/RGB24", setup_mask, RPPG_RGB24, run_skin, limit_bytes, "byte" },
  { "skin_300x300/NV12", setup_mask, RPPG_NV12, run_skin, limit_bytes, "byte" },
  { "mean_300x300_cold/RGB24", setup_300, RPPG_RGB24, run_cold, limit_cold, "byte" },
  { "mean_300x300_cold/NV12", setup_300, RPPG_NV12, run_cold, limit_cold, "byte" },
  { "mean_64x64/RGB24", setup_64, RPPG_RGB24, run_sums, limit_bytes, "byte" },
  { "mean_64x64/NV12", setup_64, RPPG_NV12, run_sums, limit_bytes, "byte" },
  { "mean_5x300/RGB24", setup_narrow, RPPG_RGB24, run_sums, NULL, "byte" },
  { "six_rois/RGB24", setup_six, RPPG_RGB24, run_sums, limit_bytes, "byte" },
  { "six_rois/BGRA", setup_six, RPPG_BGRA, run_sums, limit_bytes, "byte" },
  { "six_rois/NV12", setup_six, RPPG_NV12, run_sums, limit_bytes, "byte" },
  { "six_rois/I420", setup_six, RPPG_I420, run_sums, limit_bytes, "byte" },
  { "six_rois/YUYV", setup_six, RPPG_YUYV, run_sums, limit_bytes, "byte" },
  { "six_rois_one_by_one/RGB24", setup_six, RPPG_RGB24, run_single, limit_bytes, "byte" },
  { "six_rois_one_by_one/BGRA", setup_six, RPPG_BGRA, run_single, limit_bytes, "byte" },
  { "six_rois_one_by_one/NV12", setup_six, RPPG_NV12, run_single, limit_bytes, "byte" },
  { "six_rois_one_by_one/I420", setup_six, RPPG_I420, run_single, limit_bytes, "byte" },
  { "six_rois_one_by_one/YUYV", setup_six, RPPG_YUYV, run_single, limit_bytes, "byte" },
  { "grid_16x12/RGB24", setup_grid, RPPG_RGB24, run_sums, limit_bytes, "byte" },
  { "grid_16x12/NV12", setup_grid, RPPG_NV12, run_sums, limit_bytes, "byte" },
  { "patch_300x300_to_9/RGB24", setup_patch_9, RPPG_RGB24, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_9/NV12", setup_patch_9, RPPG_NV12, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_36/RGB24", setup_patch_36, RPPG_RGB24, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_36/BGRA", setup_patch_36, RPPG_BGRA, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_36/NV12", setup_patch_36, RPPG_NV12, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_36/YUYV", setup_patch_36, RPPG_YUYV, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_36/GRAY16", setup_patch_36, RPPG_GRAY16, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_36/P010", setup_patch_36, RPPG_P010, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_36/BAYER8", setup_patch_36, RPPG_BAYER8, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_36/RGB565", setup_patch_36, RPPG_RGB565, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_36/RAW10", setup_patch_36, RPPG_RAW10, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_36/RAW12", setup_patch_36, RPPG_RAW12, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_72/RGB24", setup_patch_72, RPPG_RGB24, run_patch, limit_bytes, "byte" },
  { "patch_300x300_to_128/NV12", setup_patch_128, RPPG_NV12, run_patch, limit_bytes, "byte" },
  { "nn_clf/f32", setup_clf, RPPG_NN_F32, run_net, limit_fmas, "mac" },
  { "nn_clf/f16", setup_clf, RPPG_NN_F16, run_net, limit_fmas, "mac" },
  { "nn_deepphys/f32", setup_deepphys, RPPG_NN_F32, run_net, limit_fmas, "mac" },
  { "nn_deepphys/f16", setup_deepphys, RPPG_NN_F16, run_net, limit_fmas, "mac" },
  { "conv_5x11_1_16/18x64", setup_conv, 0, run_net, limit_fmas, "mac" },
  { "conv_5x11_16_16/14x54", setup_conv, 1, run_net, limit_fmas, "mac" },
  { "conv_5x11_16_16/10x44", setup_conv, 2, run_net, limit_fmas, "mac" },
  { "conv_3x3_3_32/36x36", setup_conv, 3, run_net, limit_fmas, "mac" },
  { "conv_3x3_32_32/36x36", setup_conv, 4, run_net, limit_fmas, "mac" },
  { "conv_3x3_32_64/17x17", setup_conv, 5, run_net, limit_fmas, "mac" },
  { "conv_3x3_64_64/17x17", setup_conv, 6, run_net, limit_fmas, "mac" },
  { "conv_3x3x3_64_64/16x16x16", setup_conv, 7, run_net, limit_fmas, "mac" },
  { "conv_7x7_3_16/64x64", setup_conv, 8, run_net, limit_fmas, "mac" },
  { "conv_1x1_64_64/32x32", setup_conv, 9, run_net, limit_fmas, "mac" },
  { "conv_3x3_24_40/24x24", setup_conv, 10, run_net, limit_fmas, "mac" },
  { "dense_3136_128/f32", setup_conv, 11, run_net, NULL, "mac" },
  { "dense_3136_128/f16", setup_conv, 111, run_net, NULL, "mac" },
  { "dense_3136_128/s8", setup_conv, 211, run_net, NULL, "mac" },
  { "act_tanh/4096", setup_act, RPPG_NN_TANH, run_act, NULL, "value" },
  { "act_sigmoid/4096", setup_act, RPPG_NN_SIGMOID, run_act, NULL, "value" },
  { "act_gelu/4096", setup_act, RPPG_NN_GELU, run_act, NULL, "value" },
  { "fft_real/256", setup_fft, 256, run_fft, limit_flops, "flop" },
  { "fft_real/512", setup_fft, 512, run_fft, limit_flops, "flop" },
  { "fft_real/1024", setup_fft, 1024, run_fft, limit_flops, "flop" },
  { "fft_real/2048", setup_fft, 2048, run_fft, limit_flops, "flop" },
  { "fft_real/4096", setup_fft, 4096, run_fft, limit_flops, "flop" },
  { "fir65/1024", setup_fir, 1024, run_fir, limit_flops, "flop" },
  { "butterworth4_band/1024", setup_sos, 1024, run_sos, NULL, "sample" },
  { "filtfilt4_band/300", setup_sos, 300, run_filtfilt, NULL, "sample" },
  { "smoothness_priors/300", setup_sos, 300, run_smoothness, NULL, "sample" },
  { "pos_stream", setup_session, RPPG_RGB24, run_pulse, NULL, "sample" },
  { "session_push/RGB24", setup_session, RPPG_RGB24, run_push, limit_push, "frame" },
  { "session_push/BGRA", setup_session, RPPG_BGRA, run_push, limit_push, "frame" },
  { "session_push/NV12", setup_session, RPPG_NV12, run_push, limit_push, "frame" },
  { "session_push/I420", setup_session, RPPG_I420, run_push, limit_push, "frame" },
  { "session_estimate", setup_session, RPPG_RGB24, run_estimate, NULL, "estimate" },
  { "finder_push/RGB24", setup_finder, RPPG_RGB24, run_finder, run_sums, "frame" },
  { "finder_push/NV12", setup_finder, RPPG_NV12, run_finder, run_sums, "frame" },
  { "finder_search", setup_finder, RPPG_RGB24, run_find, NULL, "search" },
  { "estimate_six/consensus", setup_method, RPPG_CONSENSUS, run_estimate, NULL, "estimate" },
  { "estimate_one/consensus", setup_method, -RPPG_CONSENSUS, run_estimate, NULL, "estimate" },
  { "estimate_six/pbv", setup_method, RPPG_PBV, run_estimate, NULL, "estimate" },
  { "estimate_six/lgi", setup_method, RPPG_LGI, run_estimate, NULL, "estimate" },
  { "estimate_six/ica", setup_method, RPPG_ICA, run_estimate, NULL, "estimate" },
  { "estimate_one/ica", setup_method, -RPPG_ICA, run_estimate, NULL, "estimate" },
  { "estimate_six/pca", setup_method, RPPG_PCA, run_estimate, NULL, "estimate" },
  { "estimate_six/2sr", setup_method, RPPG_2SR, run_estimate, NULL, "estimate" },
  { "window_10s/pos", setup_window, RPPG_POS, run_window, NULL, "window" },
  { "window_10s/chrom", setup_window, RPPG_CHROM, run_window, NULL, "window" },
  { "window_10s/green", setup_window, RPPG_GREEN, run_window, NULL, "window" },
  { "window_10s/contact", setup_window, RPPG_CONTACT, run_window, NULL, "window" },
  { "window_10s/pbv", setup_window, RPPG_PBV, run_window, NULL, "window" },
  { "window_10s/pbv_data", setup_window, RPPG_PBV_DATA, run_window, NULL, "window" },
  { "window_10s/lgi", setup_window, RPPG_LGI, run_window, NULL, "window" },
  { "window_10s/omit", setup_window, RPPG_OMIT, run_window, NULL, "window" },
  { "window_10s/ica", setup_window, RPPG_ICA, run_window, NULL, "window" },
  { "window_10s/pca", setup_window, RPPG_PCA, run_window, NULL, "window" },
  { "window_10s/2sr", setup_window, RPPG_2SR, run_window, NULL, "window" },
  { "window_10s/nir", setup_window, RPPG_NIR, run_window, NULL, "window" },
  { "window_10s/consensus", setup_window, RPPG_CONSENSUS, run_window, NULL, "window" },
  { "window_10s/all_methods", setup_window, EVERY_METHOD, run_window, NULL, "window" },
  { "moments_300x300/RGB24", setup_300, RPPG_RGB24, run_moments, limit_bytes, "byte" },
  { "moments_300x300/BGRA", setup_300, RPPG_BGRA, run_moments, limit_bytes, "byte" },
};

/* ---- timing ----------------------------------------------------------------------------------------------------- */

static double now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static double time_of(void (*run)(void), int repeat)
{
  const double begin = now_ns();
  int i;
  for (i = 0; i < repeat; i++) run();
  return (now_ns() - begin) / repeat;
}

static int by_size(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

enum { ROUNDS_MAX = 10000 };

int main(int argc, char **argv)
{
  static double t[ROUNDS_MAX];
  const char *only = "", *path = "build/bench.json";
  int rounds = 200, i, r, any = 0;
  size_t k;
  FILE *json;
  for (i = 1; i < argc; i++) {
    if (strcmp(argv[i], "-r") == 0 && i + 1 < argc) rounds = atoi(argv[++i]);
    else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) path = argv[++i];
    else if (argv[i][0] != '-') only = argv[i];
    else rounds = 0;
  }
  if (rounds < 1 || rounds > ROUNDS_MAX) {
    fprintf(stderr, "usage: bench [-r ROUNDS] [-o FILE.json] [NAME]\n");
    return 2;
  }
  json = fopen(path, "w");
  if (json == NULL) { fprintf(stderr, "bench: cannot write %s\n", path); return 1; }
  pixels = (uint8_t *)malloc((size_t)FRAMES * WIDTH * HEIGHT * 4);
  if (pixels == NULL) { fprintf(stderr, "bench: no memory\n"); return 1; }
  for (k = 0; k < (size_t)FRAMES * WIDTH * HEIGHT * 4; k++) pixels[k] = (uint8_t)(k * 2654435761u >> 13);

  printf("%-28s %-8s %12s %12s %14s %9s %6s\n", "case", "isa", "median ns", "min ns", "rate", "limit", "ratio");
  fprintf(json, "[");
  for (k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    const bench_case *c = &cases[k];
    const rppg_isa best = rppg_isa_best();
    if (strstr(c->name, only) == NULL) continue;
    for (i = (int)best; i >= 0; i--) {
      double work, limit_ns = 1e30, rate, limit, ratio;
      int repeat;
      isa = (rppg_isa)i;
      rppg__isa_force(isa);
      work = c->setup(c->arg);
      time_of(c->run, 3);
      repeat = 1 + (int)(30000.0 / time_of(c->run, 3)); /* 30 us at least: the clock ticks in ns */
      for (r = 0; r < rounds; r++) {
        t[r] = time_of(c->run, repeat);
        if (c->limit != NULL) {
          const double l = time_of(c->limit, repeat);
          if (l < limit_ns) limit_ns = l;
        }
      }
      qsort(t, (size_t)rounds, sizeof t[0], by_size);
      rate = work / t[0];
      limit = c->limit != NULL ? work / limit_ns : 0.0;
      ratio = c->limit != NULL ? rate / limit : 0.0;
      printf("%-28s %-8s %12.0f %12.0f %8.3g %s/ns %8.3g %6.2f\n", c->name, rppg_isa_name(isa), t[rounds / 2], t[0], rate,
             c->unit, limit, ratio);
      fprintf(json, "%s\n{\"name\":\"%s\",\"isa\":\"%s\",\"median_ns\":%.1f,\"min_ns\":%.1f,\"work\":%.0f,\"unit\":\"%s\","
              "\"limit\":%.4g,\"ratio\":%.4g}", any++ ? "," : "", c->name, rppg_isa_name(isa), t[rounds / 2], t[0], work,
              c->unit, limit, ratio);
    }
    rppg__isa_force(best);
  }
  fprintf(json, "\n]\n");
  free(pixels);
  return fclose(json) != 0;
}
