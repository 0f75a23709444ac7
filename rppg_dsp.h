/* rppg_dsp.h - FFT, filters and spectra for pulse signals - v0.1.0 - MIT */
#ifndef RPPG_DSP_H
#define RPPG_DSP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RPPG_DSP_VERSION 100 /* major * 10000 + minor * 100 + patch */
#define RPPG_DSP_VERSION_STRING "0.1.0"

#ifndef RPPG_DEF
#  if defined(RPPG_STATIC) && defined(__GNUC__)
#    define RPPG_DEF __attribute__((unused)) static
#  elif defined(RPPG_STATIC)
#    define RPPG_DEF static
#  else
#    define RPPG_DEF extern
#  endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ------------------------------------------------------------------------------ */

#define RPPG__STATUSES(X)                                                    \
  X(RPPG_OK, 0, "ok")                                                        \
  X(RPPG_ERR_ARG, -1, "an argument is outside its documented range")         \
  X(RPPG_ERR_SPACE, -2, "the memory block is too small")                     \
  X(RPPG_ERR_DATA, -3, "the data cannot be used: too short, constant, not finite or damaged") \
  X(RPPG_ERR_UNSUPPORTED, -4, "valid, but not built into this version")
typedef enum rppg_status {
#define RPPG__X(name, value, text) name = value,
  RPPG__STATUSES(RPPG__X)
#undef RPPG__X
  RPPG__STATUS_END = 1
} rppg_status;

/* The status in words, for people; never NULL, also for a value that is none of the five. */
RPPG_DEF const char *rppg_status_text(rppg_status status);

/* ---- instruction sets ---------------------------------------------------------------------- */

/* The kernels exist once in the source and once per instruction set in the program. BASE is what
   the compiler was told to use (SSE2 on x86-64, NEON on aarch64, simd128 on wasm, else scalar). */
typedef enum rppg_isa { RPPG_ISA_BASE = 0, RPPG_ISA_AVX2 = 1, RPPG_ISA_AVX512 = 2 } rppg_isa;

/* The set that this processor and its operating system allow; detected once, then remembered. */
RPPG_DEF rppg_isa rppg_isa_best(void);

/* Its name: "avx512", "avx2", "sse2", "neon", "simd128" or "scalar". */
RPPG_DEF const char *rppg_isa_name(rppg_isa isa);

#ifdef RPPG_TESTING
RPPG_DEF void rppg__isa_force(rppg_isa isa); /* 0 <= isa <= rppg_isa_best() of this machine */
#endif

/* ---- FFT ------------------------------------------------------------------------------------- */

/* @FFT-DECL@ */

/* @DSP-DECL@ */

#ifdef __cplusplus
}
#endif
#endif /* RPPG_DSP_H */

/* Stop here if you only want the API. ========================================================== */

#ifdef RPPG_IMPLEMENTATION
#ifndef RPPG_DSP__BEGUN
#define RPPG_DSP__BEGUN

/* ---- platform ---------------------------------------------------------------------------------- */

#ifndef RPPG_NO_LIBM
#  include <math.h>
#endif
#if defined(__FAST_MATH__) && !defined(RPPG_ALLOW_FAST_MATH)
#  error "rppg needs IEEE arithmetic: compile without -ffast-math, or define RPPG_ALLOW_FAST_MATH"
#endif
#ifndef RPPG_ASSERT
#  define RPPG_ASSERT(x) ((void)0)
#endif
#define RPPG__SCALAR  0
#define RPPG__SSE2    1
#define RPPG__AVX2    2
#define RPPG__AVX512  3
#define RPPG__NEON    4
#define RPPG__SIMD128 5
#define RPPG__ALIGN   64
#define RPPG__CAT_(a, b) a##b
#define RPPG__CAT(a, b)  RPPG__CAT_(a, b)
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8 && !defined(__OPTIMIZE_SIZE__)
#  define RPPG__UNROLL _Pragma("GCC unroll 32") /* gcc -O2 would keep small arrays in memory */
#else
#  define RPPG__UNROLL
#endif
#if defined(__GNUC__) || defined(_MSC_VER)
#  define RPPG__RESTRICT __restrict
#else
#  define RPPG__RESTRICT
#endif
#if defined(__GNUC__) && !defined(__TINYC__)
#  define RPPG__ATTR(isa) __attribute__((target(isa)))
#  define RPPG__INLINE    __attribute__((always_inline)) inline
#else
#  define RPPG__ATTR(isa) /* MSVC needs none; others get no dispatch */
#  define RPPG__INLINE    inline
#endif
#ifndef RPPG_DSP__SELF
#  define RPPG_DSP__SELF "rppg_dsp.h" /* a basename: quotes search our own folder first */
#endif
#if defined(RPPG_NO_SIMD) || defined(__TINYC__)
#  define RPPG__BASE RPPG__SCALAR
#elif defined(__x86_64__) || defined(_M_X64)
#  include <immintrin.h>
#  if defined(_MSC_VER)
#    include <intrin.h>
#  endif
#  define RPPG__BASE RPPG__SSE2
#  if !defined(RPPG_NO_DISPATCH) && (defined(__GNUC__) || defined(_MSC_VER)) && \
      (!defined(__MINGW32__) || defined(__clang__) || defined(RPPG_MINGW_AVX)) /* gcc bug 54412 */
#    define RPPG__DISPATCH 1
#  endif
#elif defined(__ARM_NEON) && defined(__aarch64__) /* 32-bit NEON flushes denormals: other bits */
#  include <arm_neon.h>
#  define RPPG__BASE RPPG__NEON
#elif defined(__wasm_simd128__)
#  include <wasm_simd128.h>
#  define RPPG__BASE RPPG__SIMD128
#else
#  define RPPG__BASE RPPG__SCALAR
#endif

/* ---- arithmetic: products and sums round separately, so every width agrees ----------------------- */

#if defined(__clang__)
#  pragma clang fp contract(off)
#elif defined(__GNUC__) && !defined(__TINYC__)
#  pragma GCC push_options
#  pragma GCC optimize("fp-contract=off")
#elif defined(_MSC_VER)
#  pragma fp_contract(off)
#endif

/* ---- passes: the kernels for AVX-512, for AVX2, then fall through as the baseline ------------------ */

#if defined(RPPG__DISPATCH)
#  define RPPG__TARGET_AVX512 RPPG__ATTR("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#  define RPPG__TARGET_AVX2   RPPG__ATTR("avx2,fma")
#  define RPPG__PASS RPPG__AVX512
#  define RPPG_DSP__KERNELS
#  include RPPG_DSP__SELF
#  define RPPG__PASS RPPG__AVX2
#  define RPPG_DSP__KERNELS
#  include RPPG_DSP__SELF
#endif
#define RPPG__PASS RPPG__BASE
#define RPPG_DSP__KERNELS
#define RPPG_DSP__LAST
#endif /* RPPG_DSP__BEGUN */

/* ---- bindings: one instruction each; a floor above asks for them with RPPG__BIND ------------------- */

#if defined(RPPG_DSP__KERNELS) || defined(RPPG__BIND)
#undef RPPG__BIND
#if RPPG__PASS == RPPG__AVX512
#  define RPPG__SUFFIX _avx512
#  define RPPG__TARGET RPPG__TARGET_AVX512
#  define RPPG__VF            16
#  define rppg__vf            __m512
#  define rppg__vf_zero()     _mm512_setzero_ps()
#  define rppg__vf_set1(x)    _mm512_set1_ps(x)
#  define rppg__vf_load(p)    _mm512_loadu_ps(p)
#  define rppg__vf_store(p,a) _mm512_storeu_ps(p, a)
#  define rppg__vf_add(a,b)   _mm512_add_ps(a, b)
#  define rppg__vf_sub(a,b)   _mm512_sub_ps(a, b)
#  define rppg__vf_mul(a,b)   _mm512_mul_ps(a, b)
#elif RPPG__PASS == RPPG__AVX2
#  define RPPG__SUFFIX _avx2
#  define RPPG__TARGET RPPG__TARGET_AVX2
#  define RPPG__VF            8
#  define rppg__vf            __m256
#  define rppg__vf_zero()     _mm256_setzero_ps()
#  define rppg__vf_set1(x)    _mm256_set1_ps(x)
#  define rppg__vf_load(p)    _mm256_loadu_ps(p)
#  define rppg__vf_store(p,a) _mm256_storeu_ps(p, a)
#  define rppg__vf_add(a,b)   _mm256_add_ps(a, b)
#  define rppg__vf_sub(a,b)   _mm256_sub_ps(a, b)
#  define rppg__vf_mul(a,b)   _mm256_mul_ps(a, b)
#else
#  define RPPG__SUFFIX _base
#  define RPPG__TARGET
#  if RPPG__PASS == RPPG__SSE2
#    define RPPG__VF            4
#    define rppg__vf            __m128
#    define rppg__vf_zero()     _mm_setzero_ps()
#    define rppg__vf_set1(x)    _mm_set1_ps(x)
#    define rppg__vf_load(p)    _mm_loadu_ps(p)
#    define rppg__vf_store(p,a) _mm_storeu_ps(p, a)
#    define rppg__vf_add(a,b)   _mm_add_ps(a, b)
#    define rppg__vf_sub(a,b)   _mm_sub_ps(a, b)
#    define rppg__vf_mul(a,b)   _mm_mul_ps(a, b)
#  elif RPPG__PASS == RPPG__NEON
#    define RPPG__VF            4
#    define rppg__vf            float32x4_t
#    define rppg__vf_zero()     vdupq_n_f32(0.0f)
#    define rppg__vf_set1(x)    vdupq_n_f32(x)
#    define rppg__vf_load(p)    vld1q_f32(p)
#    define rppg__vf_store(p,a) vst1q_f32(p, a)
#    define rppg__vf_add(a,b)   vaddq_f32(a, b)
#    define rppg__vf_sub(a,b)   vsubq_f32(a, b)
#    define rppg__vf_mul(a,b)   vmulq_f32(a, b)
#  elif RPPG__PASS == RPPG__SIMD128
#    define RPPG__VF            4
#    define rppg__vf            v128_t
#    define rppg__vf_zero()     wasm_f32x4_splat(0.0f)
#    define rppg__vf_set1(x)    wasm_f32x4_splat(x)
#    define rppg__vf_load(p)    wasm_v128_load(p)
#    define rppg__vf_store(p,a) wasm_v128_store(p, a)
#    define rppg__vf_add(a,b)   wasm_f32x4_add(a, b)
#    define rppg__vf_sub(a,b)   wasm_f32x4_sub(a, b)
#    define rppg__vf_mul(a,b)   wasm_f32x4_mul(a, b)
#  else
#    define RPPG__VF            1
#    define rppg__vf            float
#    define rppg__vf_zero()     0.0f
#    define rppg__vf_set1(x)    (x)
#    define rppg__vf_load(p)    (*(p))
#    define rppg__vf_store(p,a) ((void)(*(p) = (a)))
#    define rppg__vf_add(a,b)   ((a) + (b))
#    define rppg__vf_sub(a,b)   ((a) - (b))
#    define rppg__vf_mul(a,b)   ((a) * (b))
#  endif
#endif
#define RPPG__FN(type, name) static RPPG__TARGET type RPPG__CAT(name, RPPG__SUFFIX)
#define RPPG__SUB(type, name) static RPPG__TARGET RPPG__INLINE type RPPG__CAT(name, RPPG__SUFFIX)
#define RPPG__CALL(name) RPPG__CAT(name, RPPG__SUFFIX)
#endif

#ifdef RPPG_DSP__KERNELS
#undef RPPG_DSP__KERNELS

/* ---- kernels, written once ---------------------------------------------------------------------------- */

/* Sum of a[i] * b[i]. 32 virtual lanes at every width, then a fixed tree: the same bits everywhere. */
RPPG__FN(float, rppg_dsp__dot)(const float *a, const float *b, size_t n)
{
  enum { LANES = 32, REGS = LANES / RPPG__VF };
  rppg__vf acc[REGS];
  float t[LANES];
  const size_t tail = n % LANES, body = n - tail;
  size_t i;
  int r, k;
  for (r = 0; r < REGS; r++) acc[r] = rppg__vf_zero();
  for (i = 0; i < body; i += LANES) {
    RPPG__UNROLL
    for (r = 0; r < REGS; r++) {
      const size_t j = i + (size_t)(r * RPPG__VF);
      acc[r] = rppg__vf_add(acc[r], rppg__vf_mul(rppg__vf_load(a + j), rppg__vf_load(b + j)));
    }
  }
  for (r = 0; r < REGS; r++) rppg__vf_store(t + r * RPPG__VF, acc[r]);
  for (i = 0; i < tail; i++) t[i] += a[body + i] * b[body + i];
  for (k = LANES / 2; k > 0; k /= 2)
    for (r = 0; r < k; r++) t[r] += t[r + k];
  return t[0];
}

/* y[i] = sum over k of h[k] * x[i + k], k rising: vectorised over outputs, so no order changes. */
RPPG__FN(void, rppg_dsp__slide)(const float *x, const float *h, size_t taps, float *y, size_t n)
{
  enum { REGS = 4, STEP = REGS * RPPG__VF };
  size_t i = 0, k;
  for (; i + STEP <= n; i += STEP) {
    rppg__vf acc[REGS];
    int r;
    RPPG__UNROLL
    for (r = 0; r < REGS; r++) acc[r] = rppg__vf_zero();
    for (k = 0; k < taps; k++) {
      const rppg__vf hk = rppg__vf_set1(h[k]);
      RPPG__UNROLL
      for (r = 0; r < REGS; r++)
        acc[r] = rppg__vf_add(acc[r], rppg__vf_mul(hk, rppg__vf_load(x + i + k + (size_t)(r * RPPG__VF))));
    }
    RPPG__UNROLL
    for (r = 0; r < REGS; r++) rppg__vf_store(y + i + (size_t)(r * RPPG__VF), acc[r]);
  }
  for (; i < n; i++) {
    float s = 0.0f;
    for (k = 0; k < taps; k++) s += h[k] * x[i + k];
    y[i] = s;
  }
}

/* @FFT-KERNELS@ */

/* ---- end of pass ---------------------------------------------------------------------------------------- */
#define RPPG__UNBIND
#endif

#ifdef RPPG__UNBIND
#undef RPPG__UNBIND
#undef RPPG__VF
#undef rppg__vf
#undef rppg__vf_zero
#undef rppg__vf_set1
#undef rppg__vf_load
#undef rppg__vf_store
#undef rppg__vf_add
#undef rppg__vf_sub
#undef rppg__vf_mul
#undef RPPG__FN
#undef RPPG__SUB
#undef RPPG__CALL
#undef RPPG__PASS
#undef RPPG__SUFFIX
#undef RPPG__TARGET
#endif

#ifdef RPPG_DSP__LAST
#undef RPPG_DSP__LAST

/* ---- detection: own cpuid and xgetbv, never __builtin_cpu_supports (stb issue #280) ----------------------- */

#if defined(RPPG__DISPATCH)
static void rppg__cpuid(uint32_t leaf, uint32_t r[4])
{
#if defined(_MSC_VER) && !defined(__clang__)
  __cpuidex((int *)r, (int)leaf, 0);
#else
  __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
#endif
}

static uint32_t rppg__xcr0(void)
{
#if defined(_MSC_VER) && !defined(__clang__)
  return (uint32_t)_xgetbv(0);
#else
  uint32_t a, d;
  __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(a), "=d"(d) : "c"(0)); /* xgetbv */
  (void)d;
  return a;
#endif
}

static rppg_isa rppg__isa_detect(void)
{
  const uint32_t avx2 = 1u << 5, avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F DQ BW VL */
  uint32_t r[4], os;
  rppg__cpuid(0, r);
  if (r[0] < 7) return RPPG_ISA_BASE;
  rppg__cpuid(1, r);
  if (!(r[2] & 1u << 27) || !(r[2] & 1u << 12)) return RPPG_ISA_BASE; /* OSXSAVE, FMA */
  os = rppg__xcr0();
  rppg__cpuid(7, r);
  if ((os & 0x06) != 0x06 || !(r[1] & avx2)) return RPPG_ISA_BASE;
#if !defined(__APPLE__) /* macOS enables AVX-512 state lazily and reports it wrongly (libdeflate) */
  if ((os & 0xe6) == 0xe6 && (r[1] & avx512) == avx512) return RPPG_ISA_AVX512;
#endif
  return RPPG_ISA_AVX2;
}
#else
static rppg_isa rppg__isa_detect(void) { return RPPG_ISA_BASE; }
#endif

/* ---- dispatch ------------------------------------------------------------------------------------------------ */

typedef struct rppg_dsp__kernels {
  float (*dot)(const float *a, const float *b, size_t n);
  void (*slide)(const float *x, const float *h, size_t taps, float *y, size_t n);
  /* @FFT-TABLE-TYPES@ */
} rppg_dsp__kernels;

#define RPPG__ROW(isa) { rppg_dsp__dot_##isa, rppg_dsp__slide_##isa }
static const rppg_dsp__kernels rppg_dsp__table[] = {
  RPPG__ROW(base),
#if defined(RPPG__DISPATCH)
  RPPG__ROW(avx2),
  RPPG__ROW(avx512),
#endif
};
#undef RPPG__ROW

static volatile int rppg__isa_now = -1; /* idempotent: racing threads write the same value */

RPPG_DEF rppg_isa rppg_isa_best(void)
{
  if (rppg__isa_now < 0) rppg__isa_now = (int)rppg__isa_detect();
  return (rppg_isa)rppg__isa_now;
}

#ifdef RPPG_TESTING
RPPG_DEF void rppg__isa_force(rppg_isa isa) { rppg__isa_now = (int)isa; }
#endif

RPPG_DEF const char *rppg_isa_name(rppg_isa isa)
{
  if (isa == RPPG_ISA_AVX512) return "avx512";
  if (isa == RPPG_ISA_AVX2) return "avx2";
#if RPPG__BASE == RPPG__SSE2
  return "sse2";
#elif RPPG__BASE == RPPG__NEON
  return "neon";
#elif RPPG__BASE == RPPG__SIMD128
  return "simd128";
#else
  return "scalar";
#endif
}

RPPG_DEF const char *rppg_status_text(rppg_status status)
{
#define RPPG__X(name, value, text) if (status == name) return text;
  RPPG__STATUSES(RPPG__X)
#undef RPPG__X
  return "not a status of rppg";
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* One layout function per object serves both mem_size and init: with a NULL base it only counts,
   since the arithmetic on addresses is the same. */
typedef struct rppg__arena { uintptr_t begin, at, end; int counting, failed; } rppg__arena;

static void rppg__arena_begin(rppg__arena *a, void *mem, size_t size)
{
  a->counting = mem == NULL;
  a->begin = a->at = a->counting ? RPPG__ALIGN : (uintptr_t)mem;
  a->end = a->counting ? UINTPTR_MAX : a->at + size;
  a->failed = !a->counting && a->end < a->at;
}

/* 64-byte aligned room for count elements of size bytes; NULL when counting or out of room. */
static void *rppg__take(rppg__arena *a, size_t count, size_t size)
{
  const uintptr_t room = a->end - a->at;
  const uintptr_t pad = (uintptr_t)(0 - a->at) & (RPPG__ALIGN - 1);
  uintptr_t p;
  if (a->failed || pad > room || count > (room - pad) / size) { a->failed = 1; return NULL; }
  p = a->at + pad;
  a->at = p + count * size;
  return a->counting ? NULL : (void *)p;
}

/* What mem_size answers: 0 for a layout that does not fit an address space, else with slack for
   any alignment of the caller's block. */
static size_t rppg__arena_size(const rppg__arena *a)
{
  const uintptr_t used = a->at - a->begin;
  if (a->failed || used > (uintptr_t)((size_t)-1 / 2)) return 0;
  return (size_t)used + RPPG__ALIGN - 1;
}

/* ---- mathematics: the same bits on every machine, so nothing is asked of libm but sqrt --------------------------- */

#ifdef RPPG_NO_LIBM
/* Correctly rounded square root, one result bit a step; only for builds without libm. */
static double rppg__sqrt(double x)
{
  uint64_t u, m, rem = 0, root = 0;
  int e, i;
  double r;
  if (!(x > 0.0)) return x == 0.0 ? x : x - x;
  memcpy(&u, &x, sizeof u);
  e = (int)(u >> 52);
  if (e == 0x7ff) return x;
  if (e == 0) return rppg__sqrt(x * 18014398509481984.0) * (1.0 / 134217728.0); /* 2^54, 2^27 */
  m = (u & 0xfffffffffffffu) | 0x10000000000000u;
  e -= 1023;
  if (e & 1) { m <<= 1; e -= 1; }
  m <<= 10; /* m / 2^62 in [1, 4): two bits a step from the top, then zeros */
  for (i = 0; i < 54; i++) {
    rem = rem << 2 | m >> 62;
    m <<= 2;
    root <<= 1;
    if (rem > root << 1) { rem -= root << 1 | 1; root |= 1; }
  }
  root = (root >> 1) + (root & 1); /* 54 bits to 53: a tie would need a 107-bit square */
  r = (double)root * (1.0 / 4503599627370496.0); /* 2^-52 */
  u = (uint64_t)(1023 + e / 2) << 52;
  memcpy(&x, &u, sizeof x);
  return r * x;
}
#else
#  define rppg__sqrt(x) sqrt(x)
#endif

/* @FFT-IMPL@ */

/* @DSP-IMPL@ */

/* ---- pop --------------------------------------------------------------------------------------------------------- */

#if defined(__GNUC__) && !defined(__clang__) && !defined(__TINYC__)
#  pragma GCC pop_options
#endif
#endif /* RPPG_DSP__LAST */
#endif /* RPPG_IMPLEMENTATION */
