/* Tests of the filters, spectra, peaks and matrices of rppg_dsp.h; the FFT has its own program.

     cc -std=c99 -O2 -I. tests/test_dsp.c -o test_dsp -lm && ./test_dsp

   1. golden vectors from NumPy and SciPy (golden/make_dsp.py),
   2. properties, for every length below 70 and every alignment,
   3. every instruction set of this machine against the baseline, bit for bit,
   4. documented errors, refusals and NaN policies,
   5. one hash over the outputs of all exact functions, the same on every machine.

   Work and outputs lie between guards and start as NaN, so a read of what nobody wrote shows. */
#define RPPG_TESTING
#define RPPG_IMPLEMENTATION
#include "rppg_dsp.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "tap.h"
#include "golden/dsp.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define LENGTHS 70 /* every n below: more than two blocks of 32 lanes */

/* Limits for the largest difference, in units of the largest reference. */
static const double ONCE = 1.0e-7;  /* double arithmetic, rounded once to float: 6e-8 */
static const double SUMS = 5.0e-7;  /* float sums: FIR, correlation, FFT */
static const double FINE = 1.0e-12; /* double in, double out */

/* ---- pseudo-random floats -------------------------------------------------------------------- */

static uint32_t random_state = 1;

static uint32_t random_bits(void) /* xorshift32 [Marsaglia2003] */
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

/* Multiples of 2^-15 in [-1, 1): integers alone, so the same on every machine. */
static float random_float(void) { return ((float)(random_bits() >> 16) - 32768.0f) / 32768.0f; }

static void random_floats(float *x, size_t n, uint32_t seed)
{
  size_t i;
  random_state = seed * 2654435761u + 1u;
  for (i = 0; i < n; i++) x[i] = random_float();
}

/* ---- memory between guards ------------------------------------------------------------------- */

enum { GUARD = 64, BLOCKS = 64 };
static unsigned char pool[1 << 20];
static size_t pool_used, block_count, block_at[BLOCKS], block_size[BLOCKS];

/* size bytes of 0xff (NaN to a float and to a double), at a multiple of 64 plus offset. */
static void *fresh(size_t size, size_t offset)
{
  const size_t base = (size_t)(0 - (uintptr_t)pool) % 64;
  size_t at = base + (pool_used + 2 * GUARD + 63) / 64 * 64 + offset;
  if (at + size + GUARD > sizeof pool || block_count == BLOCKS) {
    CHECK(0, "the pool of the tests is too small");
    pool_used = block_count = 0;
    at = base + 2 * GUARD;
  }
  memset(pool + at - GUARD, 0xff, size + 2 * GUARD);
  block_at[block_count] = at;
  block_size[block_count++] = size;
  pool_used = at - base + size;
  return pool + at;
}

static float *fresh_f32(size_t n) { return (float *)fresh(n * sizeof(float), 4); }
static double *fresh_f64(size_t n) { return (double *)fresh(n * sizeof(double), 8); }

/* A copy of x between guards: a read outside it is a NaN. */
static float *placed(const float *x, size_t n)
{
  float *p = fresh_f32(n);
  if (n) memcpy(p, x, n * sizeof *p);
  return p;
}

static int all_ff(const void *p, size_t size)
{
  const unsigned char *b = (const unsigned char *)p;
  size_t i;
  for (i = 0; i < size; i++)
    if (b[i] != 0xff) return 0;
  return 1;
}

/* No guard was written to. Gives all blocks back. */
static int intact(void)
{
  int ok = 1;
  size_t i;
  for (i = 0; i < block_count; i++)
    ok &= all_ff(pool + block_at[i] - GUARD, GUARD) &&
          all_ff(pool + block_at[i] + block_size[i], GUARD);
  pool_used = block_count = 0;
  return ok;
}

/* ---- comparisons ----------------------------------------------------------------------------- */

/* The larger of the two stays in worst; a NaN is the largest of all. */
static void grow(double *worst, double e)
{
  if (e != e) *worst = HUGE_VAL;
  else if (e > *worst) *worst = e;
}

/* References below the range of normal floats, such as the ends of a Kaiser window, count as 0. */
static double relative(double worst, double top) { return worst / (top > FLT_MIN ? top : FLT_MIN); }

/* Largest |got - ref| over largest |ref|; a NaN in got is infinitely far. */
static double distance_f32(const float *got, const double *ref, size_t n)
{
  double worst = 0.0, top = 0.0;
  size_t i;
  for (i = 0; i < n; i++) {
    grow(&worst, fabs((double)got[i] - ref[i]));
    grow(&top, fabs(ref[i]));
  }
  return relative(worst, top);
}

static double distance_f64(const double *got, const double *ref, size_t n)
{
  double worst = 0.0, top = 0.0;
  size_t i;
  for (i = 0; i < n; i++) {
    grow(&worst, fabs(got[i] - ref[i]));
    grow(&top, fabs(ref[i]));
  }
  return relative(worst, top);
}

static int same(const void *a, const void *b, size_t n) { return n == 0 || !memcmp(a, b, n); }
static int same_f32(const float *a, const float *b, size_t n) { return same(a, b, 4 * n); }
static int same_f64(const double *a, const double *b, size_t n) { return same(a, b, 8 * n); }

/* Number of doubles between a and b of the same sign. */
static double ulps(double a, double b)
{
  int64_t ia, ib;
  memcpy(&ia, &a, sizeof ia);
  memcpy(&ib, &b, sizeof ib);
  if (a != a || b != b || (ia < 0) != (ib < 0)) return a == b ? 0.0 : HUGE_VAL;
  return fabs((double)(ia - ib));
}

static double nan_now(void) { return (double)NAN; }
static int is_nan(double x) { return x != x; }

/* ---- status, versions, instruction sets ------------------------------------------------------ */

static void test_names(void)
{
  static const rppg_status all[] = { RPPG_OK, RPPG_ERR_ARG, RPPG_ERR_SPACE, RPPG_ERR_DATA,
                                     RPPG_ERR_UNSUPPORTED };
  char version[32];
  size_t i, k;
  int good = 1;
  for (i = 0; i < COUNT(all); i++) {
    good &= (int)all[i] == -(int)i && rppg_status_text(all[i])[0] != '\0';
    for (k = 0; k < i; k++) good &= strcmp(rppg_status_text(all[i]), rppg_status_text(all[k])) != 0;
    good &= strcmp(rppg_status_text(all[i]), rppg_status_text((rppg_status)1)) != 0;
  }
  CHECK(good, "five statuses from 0 to -4, a text each, another one for any other value");
  CHECK(strcmp(rppg_status_text(RPPG_OK), "ok") == 0, "the text of RPPG_OK");
  sprintf(version, "%d.%d.%d", RPPG_DSP_VERSION / 10000, RPPG_DSP_VERSION / 100 % 100,
          RPPG_DSP_VERSION % 100);
  CHECK(strcmp(version, RPPG_DSP_VERSION_STRING) == 0, "version %s in both macros", version);
  CHECK((int)rppg_isa_best() >= 0 && rppg_isa_best() <= RPPG_ISA_AVX512,
        "best instruction set is %s", rppg_isa_name(rppg_isa_best()));
  CHECK(strcmp(rppg_isa_name(RPPG_ISA_AVX2), "avx2") == 0 &&
        strcmp(rppg_isa_name(RPPG_ISA_AVX512), "avx512") == 0, "names of instruction sets");
#if defined(RPPG_NO_SIMD)
  CHECK(strcmp(rppg_isa_name(RPPG_ISA_BASE), "scalar") == 0, "RPPG_NO_SIMD is scalar");
#endif
}

/* ---- arena ----------------------------------------------------------------------------------- */

/* Three blocks: 64-byte aligned, apart from each other, inside the room. NULL at failure. */
static const unsigned char *take_three(rppg__arena *a, unsigned char *p[3])
{
  p[0] = (unsigned char *)rppg__take(a, 5, 4);
  p[1] = (unsigned char *)rppg__take(a, 0, 8);
  p[2] = (unsigned char *)rppg__take(a, 9, 8);
  return a->failed ? NULL : p[2];
}

static void test_arena(void)
{
  rppg__arena a;
  unsigned char *p[3];
  size_t size, offset;
  int good = 1, refused = 1;
  rppg__arena_begin(&a, NULL, 0);
  take_three(&a, p);
  size = rppg__arena_size(&a);
  CHECK(!a.failed && !p[0] && !p[2] && size >= 64 + 9 * 8 + 63, "counting takes nothing, %d bytes",
        (int)size);
  for (offset = 0; offset < 64; offset++) {
    unsigned char *mem = (unsigned char *)fresh(size, offset);
    rppg__arena_begin(&a, mem, size);
    good &= take_three(&a, p) != NULL && (uintptr_t)p[0] % 64 == 0 && (uintptr_t)p[2] % 64 == 0;
    good &= p[0] >= mem && p[2] >= p[0] + 20 && p[2] + 72 <= mem + size;
    rppg__arena_begin(&a, mem, offset == 1 ? size - 1 : 64 + 71);
    refused &= take_three(&a, p) == NULL && p[2] == NULL;
    good &= intact();
  }
  CHECK(good, "blocks are aligned, apart and inside, at every offset of the memory");
  CHECK(refused, "one byte less than the worst case, or than the blocks, is refused");
  rppg__arena_begin(&a, pool, sizeof pool);
  CHECK(!rppg__take(&a, (size_t)-1 / 8 + 2, 8) && !rppg__take(&a, 1, 1),
        "count * size that wraps, for good");
  rppg__arena_begin(&a, pool, (size_t)-1);
  CHECK(!rppg__take(&a, 1, 1), "memory beyond the end of the address space");
  rppg__arena_begin(&a, NULL, 0);
  rppg__take(&a, (size_t)-1 / 4 * 3, 1);
  CHECK(rppg__arena_size(&a) == 0, "a size beyond half of the address space is 0");
}

/* ---- mathematics ----------------------------------------------------------------------------- */

static void test_sqrt(void)
{
  int i, bad = 0;
  random_state = 7;
  for (i = 0; i < 20000; i++) { /* all exponents, denormals too */
    uint64_t u = (uint64_t)random_bits() << 31 ^ random_bits();
    double x, ours;
    if (i % 50 == 0) u >>= 12 + i % 51;
    memcpy(&x, &u, sizeof x);
    if (x - x != 0.0) continue;
    ours = rppg__sqrt(x);
    bad += ulps(ours, sqrt(x)) != 0.0;
    x = (double)(i * i);
    bad += rppg__sqrt(x) != (double)i;
  }
  CHECK(bad == 0, "sqrt is correctly rounded");
  CHECK(rppg__sqrt(0.0) == 0.0 && 1.0 / rppg__sqrt(-0.0) < 0.0, "sqrt of both zeros");
  CHECK(rppg__sqrt(HUGE_VAL) == HUGE_VAL && is_nan(rppg__sqrt(nan_now())),
        "sqrt of infinity and NaN");
}

static void test_log(void)
{
  double worst = 0.0, x;
  size_t i;
  for (i = 0; i < COUNT(gold_log_x); i++) {
    grow(&worst, ulps(rppg__log(gold_log_x[i]), gold_log[i]));
  }
  CHECK(worst <= 2.0, "log, golden: %g ulp of 2", worst);
  CHECK(rppg__log(1.0) == 0.0, "log of 1");
  for (worst = 0.0, x = 1e-12; x < 1e12; x *= 1.00731) grow(&worst, ulps(rppg__log(x), log(x)));
  CHECK(worst <= 3.0, "log against libm: %g ulp of 3", worst);
}

/* Both values against the reference, in ulps of 1 (half of a turn makes small sines relative). */
static void test_sincospi(void)
{
  double worst = 0.0, s, c;
  size_t i;
  int good = 1, k;
  for (i = 0; i < COUNT(gold_sincospi_x); i++) {
    rppg__sincospi(gold_sincospi_x[i], &s, &c);
    grow(&worst, ulps(s, gold_sincospi[2 * i]));
    grow(&worst, ulps(c, gold_sincospi[2 * i + 1]));
  }
  CHECK(worst <= 2.0, "sincospi, golden: %g ulp of 2", worst);
  for (k = -9; k <= 9; k++) { /* multiples of a quarter of a turn are exact */
    rppg__sincospi(0.5 * k, &s, &c);
    good &= s == (k % 2 == 0 ? 0.0 : (k + 16) % 4 == 1 ? 1.0 : -1.0);
    good &= c == (k % 2 != 0 ? 0.0 : (k + 16) % 4 == 0 ? 1.0 : -1.0);
  }
  CHECK(good, "sincospi is exact at quarter turns");
}

static void test_db(void)
{
  double worst = 0.0, x, before = -101.0;
  int inside = 1, rising = 1;
  for (x = 1.01e-10; x < 0.99e10; x *= 1.0173) {
    const double d = rppg_dsp_db(x);
    grow(&worst, fabs(d - 10.0 * log10(x)));
    rising &= d > before;
    before = d;
  }
  CHECK(worst <= 6e-14 && rising, "db: off by %.1e of 6e-14, rising", worst); /* 4 ulp of 100 */
  for (x = 1e-10; x < 1.0000001e-10; x *= 1.0 + 4.0 * DBL_EPSILON * 1000.0)
    inside &= rppg_dsp_db(x) >= -100.0 && rppg_dsp_db(1.0 / x) <= 100.0;
  CHECK(inside, "db is within +-100 next to its ends");
  CHECK(rppg_dsp_db(0.0) == -100.0 && rppg_dsp_db(-1.0) == -100.0 && rppg_dsp_db(1e-11) == -100.0 &&
        rppg_dsp_db(nan_now()) == -100.0, "db of nothing, negative and NaN is -100");
  CHECK(rppg_dsp_db(1e11) == 100.0 && rppg_dsp_db(HUGE_VAL) == 100.0, "db of too much is 100");
  CHECK(rppg_dsp_db(1.0) == 0.0, "db of 1 is 0");
}

static void test_finite(void)
{
  CHECK(rppg__finite(0.0) && rppg__finite(DBL_MAX) && rppg__finite(-DBL_MIN) &&
        !rppg__finite(HUGE_VAL) && !rppg__finite(-HUGE_VAL) && !rppg__finite(nan_now()),
        "finite by its bits");
  CHECK(rppg__abs(-2.5) == 2.5 && rppg__abs(2.5) == 2.5, "abs");
}

/* ---- windows --------------------------------------------------------------------------------- */

static void test_windows_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_windows); i++) {
    const gold_window *g = &gold_windows[i];
    float *w = fresh_f32(g->n);
    const rppg_status s = rppg_dsp_window((rppg_dsp_window_kind)g->kind, g->beta, g->periodic, g->n,
                                          w);
    const double d = distance_f32(w, g->w, g->n);
    CHECK(s == RPPG_OK && d <= ONCE && intact(), "window %d beta %g %s n %d: %.1e", g->kind,
          g->beta, g->periodic ? "periodic" : "symmetric", (int)g->n, d);
  }
}

static void test_windows_properties(void)
{
  int kind, inside = 1, longer = 1, mirror = 1, guards = 1;
  size_t n, i;
  for (kind = 0; kind <= (int)RPPG_DSP_BOXCAR; kind++)
    for (n = 1; n < LENGTHS; n++) {
      float *p = fresh_f32(n), *s = fresh_f32(n + 1);
      rppg_dsp_window((rppg_dsp_window_kind)kind, 6.5, 1, n, p);
      rppg_dsp_window((rppg_dsp_window_kind)kind, 6.5, 0, n + 1, s);
      /* Blackman ends at -1.4e-17 */
      for (i = 0; i < n; i++) inside &= p[i] >= -2e-17f && p[i] <= 1.0f;
      if (n > 1) longer &= same_f32(p, s, n);
      for (i = 0; i <= n; i++) mirror &= fabs((double)s[i] - (double)s[n - i]) <= ONCE;
      guards &= intact();
    }
  CHECK(inside, "windows lie in [0, 1]");
  CHECK(longer, "a periodic window is the symmetric one of n + 1 without its end");
  CHECK(mirror, "symmetric windows are symmetric");
  CHECK(guards, "windows write n values");
}

static void test_windows_errors(void)
{
  float *w = fresh_f32(8);
  int good = rppg_dsp_window(RPPG_DSP_HANN, 0.0, 0, 0, w) == RPPG_ERR_ARG;
  good &= rppg_dsp_window((rppg_dsp_window_kind)5, 0.0, 0, 8, w) == RPPG_ERR_ARG;
#ifndef __cplusplus /* outside the values of a C++ enum */
  good &= rppg_dsp_window((rppg_dsp_window_kind)-1, 0.0, 0, 8, w) == RPPG_ERR_ARG;
#endif
  good &= rppg_dsp_window(RPPG_DSP_KAISER, -0.1, 0, 8, w) == RPPG_ERR_ARG;
  good &= rppg_dsp_window(RPPG_DSP_KAISER, 100.1, 0, 8, w) == RPPG_ERR_ARG;
  good &= rppg_dsp_window(RPPG_DSP_KAISER, nan_now(), 0, 8, w) == RPPG_ERR_ARG;
  CHECK(good && all_ff(w, 32) && intact(), "window: errors leave w alone");
}

/* ---- power spectra --------------------------------------------------------------------------- */

static rppg_dsp_psd_config psd_config(size_t n)
{
  rppg_dsp_psd_config c;
  memset(&c, 0, sizeof c);
  c.n = n;
  return c;
}

/* Prepares psd in fresh memory of exactly the size asked for. */
static rppg_status psd_ready(rppg_dsp_psd *psd, const rppg_dsp_psd_config *c, size_t offset)
{
  const size_t size = rppg_dsp_psd_mem_size(c);
  return size == 0 ? RPPG_ERR_ARG : rppg_dsp_psd_init(psd, c, fresh(size, offset), size);
}

static void test_psd_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_psds); i++) {
    const gold_psd *g = &gold_psds[i];
    rppg_dsp_psd_config c = psd_config(g->n);
    rppg_dsp_psd psd;
    rppg_status s;
    double d = HUGE_VAL;
    c.nfft = g->nfft;
    c.hop = g->hop;
    c.rate_hz = g->rate;
    c.beta = g->beta;
    c.window = (rppg_dsp_window_kind)g->window;
    c.detrend = (rppg_dsp_detrend_kind)g->detrend;
    s = psd_ready(&psd, &c, 0);
    if (s == RPPG_OK) {
      float *p = fresh_f32(psd.bins);
      s = rppg_dsp_psd_run(&psd, placed(gold_pulse, g->len), g->len, p);
      d = distance_f32(p, g->p, psd.bins);
    }
    CHECK(s == RPPG_OK && d <= SUMS && intact(),
          "psd %d: n %d nfft %d hop %d window %d detrend %d: %.1e",
          (int)i, (int)g->n, (int)g->nfft, (int)g->hop, g->window, g->detrend, d);
  }
}

static void test_psd_defaults(void)
{
  rppg_dsp_psd_config c = psd_config(9);
  rppg_dsp_psd psd;
  CHECK(psd_ready(&psd, &c, 0) == RPPG_OK && psd.cfg.nfft == 9 && psd.cfg.hop == 5 &&
        psd.cfg.rate_hz == 1.0 && psd.bins == 5 && psd.bin_hz == 1.0 / 9.0,
        "psd: defaults of n = 9");
  c.nfft = 16;
  c.rate_hz = 30.0;
  CHECK(psd_ready(&psd, &c, 0) == RPPG_OK && psd.bins == 9 && psd.bin_hz == 30.0 / 16.0,
        "psd: bins");
  CHECK(intact(), "psd: init stays in its block");
}

/* Parseval, for every length: the density sums to the mean square. */
static void test_psd_parseval(void)
{
  float x[LENGTHS];
  double worst = 0.0;
  int good = 1;
  size_t n, i;
  random_floats(x, LENGTHS, 3);
  for (n = 2; n < LENGTHS; n++) {
    rppg_dsp_psd_config c = psd_config(n);
    rppg_dsp_psd psd;
    double squares = 0.0, sum = 0.0;
    float *p;
    c.window = RPPG_DSP_BOXCAR;
    c.detrend = RPPG_DSP_DETREND_NONE;
    c.rate_hz = 30.0;
    good &= psd_ready(&psd, &c, n % 64) == RPPG_OK;
    p = fresh_f32(psd.bins);
    rppg_dsp_psd_run(&psd, placed(x, n), n, p);
    for (i = 0; i < n; i++) squares += (double)x[i] * (double)x[i] / (double)n;
    for (i = 0; i < psd.bins; i++) sum += (double)p[i] * psd.bin_hz;
    grow(&worst, fabs(sum / squares - 1.0));
    good &= intact();
  }
  CHECK(good && worst <= SUMS, "psd: Parseval for n = 2..%d: %.1e", LENGTHS - 1, worst);
}

static void test_psd_properties(void)
{
  float x[100], twice[100], p[33], q[33];
  rppg_dsp_psd_config c = psd_config(64);
  rppg_dsp_psd psd;
  int good = 1;
  size_t i;
  random_floats(x, 100, 4);
  psd_ready(&psd, &c, 0);
  rppg_dsp_psd_run(&psd, x, 100, p);
  for (i = 0; i < 100; i++) twice[i] = 2.0f * x[i];
  rppg_dsp_psd_run(&psd, twice, 100, q);
  for (i = 0; i < 33; i++) good &= q[i] == 4.0f * p[i];
  CHECK(good, "psd: twice the signal is four times the power, exactly");
  rppg_dsp_psd_run(&psd, x, 95, q);
  rppg_dsp_psd_run(&psd, x, 64, p);
  CHECK(same_f32(p, q, 33), "psd: a segment that does not fit is left out");
  x[50] = (float)nan_now();
  rppg_dsp_psd_run(&psd, x, 100, p);
  for (good = 1, i = 0; i < 33; i++) good &= is_nan((double)p[i]);
  CHECK(good, "psd: NaN propagates into every bin");
  x[50] = 0.0f;
  rppg_dsp_psd_run(&psd, x, 100, p);
  for (good = 1, i = 0; i < 33; i++) good &= !is_nan((double)p[i]);
  CHECK(good, "psd: and is gone with the next call");
  memset(q, 0xff, sizeof q);
  CHECK(rppg_dsp_psd_run(&psd, x, 63, q) == RPPG_ERR_DATA &&
        rppg_dsp_psd_run(&psd, x, 0, q) == RPPG_ERR_DATA && all_ff(q, sizeof q),
        "psd: a signal below n leaves power alone");
  CHECK(intact(), "psd: run stays in its block");
}

/* The next segment may be beyond any address: it is not looked at. */
static void test_psd_hop(void)
{
  float x[80], p[5], q[5];
  rppg_dsp_psd_config c = psd_config(8);
  rppg_dsp_psd psd;
  size_t back;
  int good = 1;
  random_floats(x, 80, 5);
  psd_ready(&psd, &c, 0);
  rppg_dsp_psd_run(&psd, x + 20, 8, p);
  for (back = 0; back < 20; back++) {
    c.hop = (size_t)-1 - back;
    psd_ready(&psd, &c, 0);
    rppg_dsp_psd_run(&psd, x + 20, 60, q);
    good &= same_f32(p, q, 5);
    good &= intact();
  }
  CHECK(good, "psd: a hop near SIZE_MAX does not wrap");
}

static void test_psd_memory(void)
{
  static const size_t lengths[] = { 2, 3, 5, 8, 17, 60, 64 };
  float x[64], p[33], first[33];
  int fits = 1, refused = 1;
  size_t k, offset;
  random_floats(x, 64, 6);
  for (k = 0; k < COUNT(lengths); k++)
    for (offset = 0; offset < 64; offset++) {
      rppg_dsp_psd_config c = psd_config(lengths[k]);
      rppg_dsp_psd psd;
      const size_t size = rppg_dsp_psd_mem_size(&c);
      void *mem = fresh(size, offset);
      memset(&psd, 0xff, sizeof psd);
      refused &= rppg_dsp_psd_init(&psd, &c, mem, size - 1) == RPPG_ERR_SPACE;
      refused &= rppg_dsp_psd_init(&psd, &c, mem, 0) == RPPG_ERR_SPACE && all_ff(&psd, sizeof psd);
      fits &= rppg_dsp_psd_init(&psd, &c, mem, size) == RPPG_OK;
      fits &= rppg_dsp_psd_run(&psd, x, 64, p) == RPPG_OK;
      if (offset == 0) memcpy(first, p, sizeof p);
      fits &= same_f32(first, p, psd.bins) && intact();
    }
  CHECK(fits, "psd: mem_size is enough at every offset, with the same bits");
  CHECK(refused, "psd: mem_size - 1 is refused at every offset, psd untouched");
}

/* mem_size is 0 and init says RPPG_ERR_ARG, psd untouched. */
static int psd_refuses(const rppg_dsp_psd_config *c)
{
  rppg_dsp_psd psd;
  memset(&psd, 0xff, sizeof psd);
  return rppg_dsp_psd_mem_size(c) == 0 && all_ff(&psd, sizeof psd) &&
         rppg_dsp_psd_init(&psd, c, pool, sizeof pool) == RPPG_ERR_ARG;
}

static void test_psd_errors(void)
{
  const rppg_dsp_psd_config ok = psd_config(16);
  rppg_dsp_psd_config c = ok;
  rppg_dsp_psd psd;
  int good = rppg_dsp_psd_mem_size(&ok) > 0;
  c.n = 1, good &= psd_refuses(&c), c.n = 0, good &= psd_refuses(&c);
  c.n = 65537, good &= psd_refuses(&c), c.n = (size_t)-1, good &= psd_refuses(&c), c = ok;
  c.nfft = 15, good &= psd_refuses(&c), c.nfft = (size_t)-1, good &= psd_refuses(&c), c = ok;
  c.rate_hz = -1.0, good &= psd_refuses(&c), c.rate_hz = HUGE_VAL, good &= psd_refuses(&c);
  c.rate_hz = nan_now(), good &= psd_refuses(&c), c = ok;
  c.beta = -1.0, good &= psd_refuses(&c), c.beta = 101.0, good &= psd_refuses(&c);
  c.beta = nan_now(), good &= psd_refuses(&c), c = ok;
  c.window = (rppg_dsp_window_kind)5, good &= psd_refuses(&c), c = ok;
  c.detrend = (rppg_dsp_detrend_kind)3, good &= psd_refuses(&c);
#ifndef __cplusplus
  c.detrend = (rppg_dsp_detrend_kind)-1, good &= psd_refuses(&c), c = ok;
  c.window = (rppg_dsp_window_kind)-1, good &= psd_refuses(&c);
#endif
  CHECK(good && psd_refuses(NULL), "psd: every config outside its ranges is refused");
  CHECK(rppg_dsp_psd_init(NULL, &ok, pool, sizeof pool) == RPPG_ERR_ARG &&
        rppg_dsp_psd_init(&psd, &ok, NULL, sizeof pool) == RPPG_ERR_ARG,
        "psd: no object, no memory");
}

/* ---- Lomb-Scargle, vertex -------------------------------------------------------------------- */

static void test_lomb_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_lombs); i++) {
    const gold_lomb *g = &gold_lombs[i];
    float *p = fresh_f32(g->m);
    const rppg_status s = rppg_dsp_lomb(g->t, placed(g->x, g->n), g->n, g->f0, g->df, g->m, p);
    const double d = distance_f32(p, g->p, g->m);
    CHECK(s == RPPG_OK && d <= ONCE && intact(), "lomb n %d: %.1e", (int)g->n, d);
  }
}

/* Half of what the best a cos + b sin takes off the sum of squares, by the normal equations. */
static double least_squares_power(const double *t, const float *x, size_t n, double hz)
{
  double cc = 0.0, cs = 0.0, ss = 0.0, xc = 0.0, xs = 0.0;
  size_t i;
  for (i = 0; i < n; i++) {
    const double a = 6.283185307179586 * hz * t[i], c = cos(a), s = sin(a);
    cc += c * c;
    cs += c * s;
    ss += s * s;
    xc += (double)x[i] * c;
    xs += (double)x[i] * s;
  }
  return 0.5 * (xc * xc * ss - 2.0 * xc * xs * cs + xs * xs * cc) / (cc * ss - cs * cs);
}

static void test_lomb_lengths(void)
{
  double t[LENGTHS], worst = 0.0;
  float x[LENGTHS];
  size_t n, i;
  int good = 1;
  random_floats(x, LENGTHS, 8);
  for (i = 0; i < LENGTHS; i++) t[i] = 0.04 * (double)i + 0.01 * (double)random_float();
  for (n = 3; n < LENGTHS; n++) {
    float p;
    double ref;
    good &= rppg_dsp_lomb(t, placed(x, n), n, 3.1, 0.0, 1, &p) == RPPG_OK;
    ref = least_squares_power(t, x, n, 3.1);
    grow(&worst, fabs((double)p / ref - 1.0));
    good &= intact();
  }
  CHECK(good && worst <= ONCE, "lomb is a least-squares fit for n = 3..%d: %.1e", LENGTHS - 1,
        worst);
  for (n = 1; n < 3; n++) {
    float p[3];
    rppg_dsp_lomb(t, x, n, 0.7, 0.5, 3, p);
    for (i = 0; i < 3; i++)
      good &= fabs((double)p[i] - 0.5 * ((double)x[0] * (double)x[0] +
                                         (n > 1 ? (double)x[1] * (double)x[1] : 0.0))) < 1e-6;
  }
  CHECK(good, "lomb of one or two samples is half of their squares");
}

static void test_lomb_errors(void)
{
  const double t[2] = { 0.0, 1.0 }, bad[] = { 0.0, -1.0, HUGE_VAL, nan_now() };
  const float x[2] = { 1.0f, -1.0f };
  float p[2];
  int good;
  size_t i;
  memset(p, 0xff, sizeof p);
  good = rppg_dsp_lomb(t, x, 0, 1.0, 1.0, 2, p) == RPPG_ERR_ARG;
  for (i = 0; i < 4; i++) good &= rppg_dsp_lomb(t, x, 2, bad[i], 1.0, 2, p) == RPPG_ERR_ARG;
  for (i = 1; i < 4; i++) good &= rppg_dsp_lomb(t, x, 2, 1.0, bad[i], 2, p) == RPPG_ERR_ARG;
  good &= rppg_dsp_lomb(t, x, 2, 1.0, 1.0, 0, p) == RPPG_OK;
  CHECK(good && all_ff(p, sizeof p), "lomb: errors and m = 0 leave power alone");
}

static void test_vertex(void)
{
  static const float flat[] = { 1.0f, 2.0f, 2.0f, 2.0f, 1.0f, 0.0f, 5.0f };
  double worst = 0.0, height, at;
  size_t i;
  int good = 1;
  for (i = 0; i < COUNT(gold_vertex) / 2; i++) {
    double d;
    at = rppg_dsp_vertex(gold_vertex_y + 3 * i, 3, 1, &height);
    good &= at >= 0.5 && at <= 1.5 && at == rppg_dsp_vertex(gold_vertex_y + 3 * i, 3, 1, NULL);
    d = fabs(at - 1.0 - gold_vertex[2 * i]) + fabs(height - gold_vertex[2 * i + 1]);
    grow(&worst, d);
  }
  CHECK(good && worst <= FINE, "vertex, golden: %.1e", worst);
  good = rppg_dsp_vertex(flat, 7, 6, &height) == 6.0 && height == 5.0;
  good &= rppg_dsp_vertex(flat, 7, 0, &height) == 0.0 && height == 1.0;
  good &= rppg_dsp_vertex(flat, 1, 0, &height) == 0.0 && height == 1.0;
  CHECK(good, "vertex at an end of y");
  CHECK(rppg_dsp_vertex(flat, 7, 2, &height) == 2.0 && height == 2.0, "vertex on a plateau");
  CHECK(rppg_dsp_vertex(flat, 7, 5, &height) == 5.0 && height == 0.0 &&
        rppg_dsp_vertex(flat, 7, 4, &height) == 4.0, "no maximum: i itself");
}

/* ---- Butterworth ----------------------------------------------------------------------------- */

/* The transfer function at hz: the product of the sections. */
static void response(const rppg_dsp_sos *f, double hz, double rate, double out[2])
{
  const double w = 6.283185307179586 * hz / rate;
  const double c1 = cos(w), s1 = sin(w), c2 = cos(2.0 * w), s2 = sin(2.0 * w);
  int i;
  out[0] = 1.0;
  out[1] = 0.0;
  for (i = 0; i < f->sections; i++) {
    const double *c = f->c[i], re = out[0];
    const double br = c[0] + c[1] * c1 + c[2] * c2, bi = -c[1] * s1 - c[2] * s2;
    const double ar = 1.0 + c[3] * c1 + c[4] * c2, ai = -c[3] * s1 - c[4] * s2;
    const double d = ar * ar + ai * ai;
    const double qr = (br * ar + bi * ai) / d, qi = (bi * ar - br * ai) / d;
    out[0] = re * qr - out[1] * qi;
    out[1] = re * qi + out[1] * qr;
  }
}

static double response_gain(const rppg_dsp_sos *f, double hz, double rate)
{
  double h[2];
  response(f, hz, rate, h);
  return sqrt(h[0] * h[0] + h[1] * h[1]);
}

static void test_butter_golden(void)
{
  size_t i, k;
  for (i = 0; i < COUNT(gold_butters); i++) {
    const gold_butter *g = &gold_butters[i];
    rppg_dsp_sos f;
    const rppg_status s = rppg_dsp_butter(&f, g->order, (rppg_dsp_band)g->band, g->lo, g->hi,
                                          g->rate);
    double worst = 0.0, h[2];
    for (k = 0; k < COUNT(gold_butter_hz_0); k++) {
      response(&f, g->hz[k], g->rate, h);
      h[0] = fabs(h[0] - g->h[2 * k]) + fabs(h[1] - g->h[2 * k + 1]);
      grow(&worst, h[0]);
    }
    CHECK(s == RPPG_OK && worst <= 2e-11, "butter %d order %d band %d: response off by %.1e",
          (int)i, g->order, g->band, worst);
  }
}

/* Coefficients b and a at 30 samples per second, from a bilinear transform of our own, before this
   library: band-pass of order 1, 2, 3. */
static const struct { int order; double lo, hi, b0, a[7]; } butter_table[] = {
  { 1, 0.6, 3.3, 0.225122673903615, { 1, -1.48110366853299, 0.54975465219277, 0, 0, 0, 0 } },
  { 1, 0.75, 2.5, 0.156359520699193, { 1, -1.61758769416995, 0.687280958601613, 0, 0, 0, 0 } },
  { 1, 0.75, 3.0, 0.193599605930034, { 1, -1.53237323257713, 0.612800788139932, 0, 0, 0, 0 } },
  { 2, 0.7, 3.0, 0.0428579544455126, { 1, -3.17960279245215, 3.91786187568718, -2.23856425007694,
                                       0.506478117887118, 0, 0 } },
  { 3, 0.7, 2.5, 0.00475052361098086, { 1, -5.04746069873216, 10.8059392043406, -12.5687735756244,
                                        8.3816251755802, -3.03932748231861, 0.468312111171712 } },
};

static void test_butter_table(void)
{
  static const double binomial[4][4] = {
    { 0, 0, 0, 0 }, { 1, -1, 0, 0 }, { 1, -2, 1, 0 }, { 1, -3, 3, -1 }
  };
  size_t i;
  int k, j, p;
  for (i = 0; i < COUNT(butter_table); i++) {
    double b[9] = { 1.0 }, a[9] = { 1.0 }, worst = 0.0;
    rppg_dsp_sos f;
    rppg_dsp_butter(&f, butter_table[i].order, RPPG_DSP_BANDPASS, butter_table[i].lo,
                    butter_table[i].hi, 30.0);
    for (k = 0; k < f.sections; k++) /* the product of the sections, from the highest power down */
      for (j = 2 * k + 2; j >= 0; j--) {
        b[j] = b[j] * f.c[k][0];
        for (p = 1; p <= 2 && p <= j; p++) {
          b[j] += b[j - p] * f.c[k][p];
          a[j] += a[j - p] * f.c[k][2 + p];
        }
      }
    for (j = 0; j <= 2 * butter_table[i].order; j++) {
      const double bj = j % 2 ? 0.0 : butter_table[i].b0 * binomial[butter_table[i].order][j / 2];
      const double d = fabs(b[j] - bj) + fabs(a[j] - butter_table[i].a[j]);
      grow(&worst, d);
    }
    CHECK(f.taps == 2 * f.sections + 1 && f.sections == butter_table[i].order && worst <= 5e-14,
          "butter table %d: off by %.1e", (int)i, worst);
  }
}

/* -3 dB at the edges, 1 in the pass band, 0 far out, stable: every order and many edges. */
static void test_butter_properties(void)
{
  static const double rates[] = { 5.0, 30.0, 250.0 };
  double edge = 0.0;
  int order, band, i, k, counts = 1, stable = 1, shape = 1;
  for (order = 1; order <= RPPG_DSP_MAX_ORDER; order++)
    for (band = 0; band < 3; band++)
      for (k = 0; k < 12; k++) {
        const double rate = rates[k % 3], lo = rate * (0.02 + 0.03 * k), hi = lo + 0.1 * rate;
        rppg_dsp_sos f;
        rppg_dsp_butter(&f, order, (rppg_dsp_band)band, lo, hi, rate);
        counts &= f.sections == (band == 2 ? order : (order + 1) / 2);
        counts &= f.taps == (band == 2 ? 2 * order + 1 : order + 1);
        grow(&edge, fabs(response_gain(&f, lo, rate) - sqrt(0.5)));
        if (band == 2 && !(fabs(response_gain(&f, hi, rate) - sqrt(0.5)) <= edge))
          edge = fabs(response_gain(&f, hi, rate) - sqrt(0.5));
        for (i = 0; i < f.sections; i++) /* the triangle of stable a1, a2 */
          stable &= fabs(f.c[i][4]) < 1.0 && fabs(f.c[i][3]) < 1.0 + f.c[i][4];
        shape &= band == 0 ? fabs(response_gain(&f, 0.0, rate) - 1.0) < 1e-10
                           : response_gain(&f, 0.0, rate) < 1e-10;
        shape &= band == 1 ? fabs(response_gain(&f, rate / 2.0, rate) - 1.0) < 1e-10
                           : response_gain(&f, rate / 2.0, rate) < 1e-10;
      }
  CHECK(edge <= FINE, "butter: -3 dB at the edges, off by %.1e", edge);
  CHECK(counts, "butter: sections and taps");
  CHECK(stable, "butter: poles inside the unit circle");
  CHECK(shape, "butter: one in the middle of low-pass and high-pass, zeros at the other ends");
}

/* Every bound of the band that butter and firwin share. */
static const struct { int band; double lo, hi, rate; } bad_bands[] = {
  { 0, 0.0, 0.0, 30.0 }, { 0, -1.0, 0.0, 30.0 }, { 1, 15.0, 0.0, 30.0 }, { 0, 16.0, 0.0, 30.0 },
  { 2, 1.0, 1.0, 30.0 }, { 2, 2.0, 1.0, 30.0 },  { 2, 1.0, 15.0, 30.0 }, { 2, 0.0, 3.0, 30.0 },
  { 3, 1.0, 2.0, 30.0 }, { 0, 1.0, 0.0, 0.0 },   { 0, 1.0, 0.0, -30.0 }, { 0, 1.0, 0.0, HUGE_VAL },
  { 0, HUGE_VAL, 0.0, 30.0 }, { 2, 1.0, HUGE_VAL, 30.0 },
};

static void test_butter_errors(void)
{
  rppg_dsp_sos f;
  size_t i;
  int good;
  memset(&f, 0xff, sizeof f);
  good = rppg_dsp_butter(&f, 0, RPPG_DSP_LOWPASS, 1.0, 0.0, 30.0) == RPPG_ERR_ARG;
  good &= rppg_dsp_butter(&f, -1, RPPG_DSP_LOWPASS, 1.0, 0.0, 30.0) == RPPG_ERR_ARG;
  good &= rppg_dsp_butter(&f, 9, RPPG_DSP_LOWPASS, 1.0, 0.0, 30.0) == RPPG_ERR_ARG;
  for (i = 0; i < COUNT(bad_bands); i++)
    good &= rppg_dsp_butter(&f, 2, (rppg_dsp_band)bad_bands[i].band, bad_bands[i].lo,
                            bad_bands[i].hi, bad_bands[i].rate) == RPPG_ERR_ARG;
  good &= rppg_dsp_butter(&f, 2, RPPG_DSP_BANDPASS, nan_now(), 2.0, 30.0) == RPPG_ERR_ARG;
  good &= rppg_dsp_butter(&f, 2, RPPG_DSP_BANDPASS, 1.0, nan_now(), 30.0) == RPPG_ERR_ARG;
  good &= rppg_dsp_butter(&f, 2, RPPG_DSP_BANDPASS, 1.0, 2.0, nan_now()) == RPPG_ERR_ARG;
  CHECK(good && all_ff(&f, sizeof f), "butter: errors leave sos alone");
}

/* ---- streaming and zero-phase filters -------------------------------------------------------- */

static rppg_dsp_sos band_filter(int order)
{
  rppg_dsp_sos f;
  rppg_dsp_butter(&f, order, RPPG_DSP_BANDPASS, 0.7, 2.5, 30.0);
  return f;
}

static void test_iir_golden(void)
{
  const size_t n = COUNT(gold_butter_iir_0);
  size_t i;
  for (i = 0; i < COUNT(gold_butters); i++) {
    const gold_butter *g = &gold_butters[i];
    float *y = fresh_f32(n);
    rppg_dsp_sos sos;
    rppg_dsp_iir f;
    double d;
    rppg_dsp_butter(&sos, g->order, (rppg_dsp_band)g->band, g->lo, g->hi, g->rate);
    rppg_dsp_iir_init(&f, &sos, (double)gold_pulse[0]);
    rppg_dsp_iir_run(&f, placed(gold_pulse, n), n, y);
    d = distance_f32(y, g->iir, n);
    CHECK(d <= ONCE && intact(), "iir %d order %d band %d: %.1e", (int)i, g->order, g->band, d);
  }
}

static void test_iir_properties(void)
{
  const rppg_dsp_sos sos = band_filter(3);
  rppg_dsp_sos low;
  rppg_dsp_iir whole, f;
  float x[LENGTHS], y[LENGTHS], z[LENGTHS];
  int split = 1, steady = 1;
  size_t n, i;
  random_floats(x, LENGTHS, 9);
  rppg_dsp_iir_init(&whole, &sos, 0.25);
  rppg_dsp_iir_run(&whole, x, LENGTHS, y);
  for (n = 0; n <= LENGTHS; n++) { /* two calls, then pieces of n */
    rppg_dsp_iir_init(&f, &sos, 0.25);
    rppg_dsp_iir_run(&f, x, n, z);
    rppg_dsp_iir_run(&f, x + n, LENGTHS - n, z + n);
    split &= same_f32(y, z, LENGTHS) && same_f64(&f.z[0][0], &whole.z[0][0], 2 * 3);
    rppg_dsp_iir_init(&f, &sos, 0.25);
    for (i = 0; n > 0 && i < LENGTHS; i += n)
      rppg_dsp_iir_run(&f, x + i, LENGTHS - i < n ? LENGTHS - i : n, z + i);
    split &= same_f32(y, z, LENGTHS);
  }
  CHECK(split, "iir: any split gives the same bits and the same state");
  rppg_dsp_iir_init(&f, &sos, 0.25);
  memcpy(z, x, sizeof z);
  rppg_dsp_iir_run(&f, z, LENGTHS, z);
  CHECK(same_f32(y, z, LENGTHS), "iir: in place");
  for (i = 0; i < LENGTHS; i++) z[i] = 4.0f * x[i];
  rppg_dsp_iir_init(&f, &sos, 1.0);
  rppg_dsp_iir_run(&f, z, LENGTHS, z);
  for (split = 1, i = 0; i < LENGTHS; i++) split &= z[i] == 4.0f * y[i];
  CHECK(split, "iir: four times in is four times out, exactly");
  rppg_dsp_butter(&low, 5, RPPG_DSP_LOWPASS, 3.0, 0.0, 30.0);
  for (i = 0; i < LENGTHS; i++) x[i] = 100.0f;
  rppg_dsp_iir_init(&f, &low, 100.0);
  rppg_dsp_iir_run(&f, x, LENGTHS, y);
  rppg_dsp_iir_init(&f, &sos, 100.0);
  rppg_dsp_iir_run(&f, x, LENGTHS, z);
  for (i = 0; i < LENGTHS; i++)
    steady &= fabs((double)y[i] - 100.0) < 1e-5 && fabs((double)z[i]) < 1e-10;
  CHECK(steady, "iir: a constant from the start makes no transient");
}

static void test_iir_nan(void)
{
  const rppg_dsp_sos sos = band_filter(2);
  rppg_dsp_iir f;
  float x[9], y[9];
  int good = 1;
  size_t i;
  random_floats(x, 9, 10);
  x[3] = (float)nan_now();
  rppg_dsp_iir_init(&f, &sos, 0.0);
  rppg_dsp_iir_run(&f, x, 9, y);
  for (i = 0; i < 9; i++) good &= is_nan((double)y[i]) == (i >= 3);
  rppg_dsp_iir_init(&f, &sos, 0.0);
  rppg_dsp_iir_run(&f, x, 3, y);
  for (i = 0; i < 3; i++) good &= !is_nan((double)y[i]);
  CHECK(good, "iir: NaN stays until the next init");
}

static void test_filtfilt_golden(void)
{
  const size_t n = COUNT(gold_butter_zero_0);
  size_t i;
  for (i = 0; i < COUNT(gold_butters); i++) {
    const gold_butter *g = &gold_butters[i];
    rppg_dsp_sos f;
    float *y = fresh_f32(n);
    rppg_status s;
    double d;
    rppg_dsp_butter(&f, g->order, (rppg_dsp_band)g->band, g->lo, g->hi, g->rate);
    s = rppg_dsp_filtfilt(&f, placed(gold_pulse, n), n, y,
                          fresh_f64(rppg_dsp_filtfilt_work(&f, n)));
    d = distance_f32(y, g->zero, n);
    CHECK(s == RPPG_OK && d <= ONCE && intact(), "sosfiltfilt %d order %d band %d: %.1e", (int)i,
          g->order, g->band, d);
  }
  for (i = 0; i < COUNT(gold_filtfilts); i++) {
    const gold_filtfilt *g = &gold_filtfilts[i];
    rppg_dsp_sos f;
    float *y = fresh_f32(g->n);
    rppg_status s;
    double d;
    rppg_dsp_butter(&f, g->order, (rppg_dsp_band)g->band, g->lo, g->hi, 30.0);
    s = rppg_dsp_filtfilt(&f, placed(gold_pulse, g->n), g->n, y,
                          fresh_f64(rppg_dsp_filtfilt_work(&f, g->n)));
    d = distance_f32(y, g->y, g->n);
    CHECK(s == RPPG_OK && d <= ONCE && intact(), "filtfilt %d n %d: %.1e", (int)i, (int)g->n, d);
  }
}

static void test_filtfilt_lengths(void)
{
  static const int orders[] = { 1, 3 };
  float x[LENGTHS];
  int status = 1, place = 1, scale = 1, guards = 1;
  size_t n, i, k;
  random_floats(x, LENGTHS, 11);
  for (k = 0; k < COUNT(orders); k++) {
    const rppg_dsp_sos f = band_filter(orders[k]);
    for (n = 0; n < LENGTHS; n++) {
      float *y = fresh_f32(n), *z = placed(x, n);
      double *work = fresh_f64(rppg_dsp_filtfilt_work(&f, n));
      const rppg_status s = rppg_dsp_filtfilt(&f, placed(x, n), n, y, work);
      if (n <= 3 * (size_t)f.taps) {
        status &= s == RPPG_ERR_DATA && all_ff(y, n * sizeof *y);
      } else {
        status &= s == RPPG_OK;
        rppg_dsp_filtfilt(&f, z, n, z, work);
        place &= same_f32(y, z, n);
        for (i = 0; i < n; i++) z[i] = -8.0f * x[i];
        rppg_dsp_filtfilt(&f, z, n, z, work);
        for (i = 0; i < n; i++) scale &= z[i] == -8.0f * y[i];
      }
      guards &= intact();
    }
  }
  CHECK(status, "filtfilt: n up to 3 taps is RPPG_ERR_DATA, y untouched");
  CHECK(place, "filtfilt: in place");
  CHECK(scale, "filtfilt: -8 times in is -8 times out, exactly");
  CHECK(guards, "filtfilt: y and work are as large as documented");
}

static void test_filtfilt_f64(void)
{
  const rppg_dsp_sos f = band_filter(2);
  const size_t pad = 3 * (size_t)f.taps, n = 60;
  double *ext = fresh_f64(n + 2 * pad), worst = 0.0;
  float y[60];
  size_t i;
  for (i = 0; i < n; i++) ext[pad + i] = (double)gold_pulse[i];
  rppg_dsp__filtfilt_f64(&f, ext, n);
  rppg_dsp_filtfilt(&f, gold_pulse, n, y, fresh_f64(rppg_dsp_filtfilt_work(&f, n)));
  for (i = 0; i < n; i++)
    grow(&worst, fabs(ext[pad + i] - (double)y[i]));
  CHECK(worst <= ONCE && intact(), "filtfilt in double: off by %.1e", worst);
}

/* ---- FIR, convolution ------------------------------------------------------------------------ */

static void test_fir_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_firs); i++) {
    const gold_fir *g = &gold_firs[i];
    const size_t n = 150, m = n - g->taps + 1;
    float *h = fresh_f32(g->taps), *y = fresh_f32(m);
    const rppg_status s = rppg_dsp_firwin(h, g->taps, (rppg_dsp_band)g->band, g->lo, g->hi,
                                          g->rate);
    const double d = distance_f32(h, g->h, g->taps);
    double e;
    rppg_dsp_fir(placed(gold_pulse, n), n, h, g->taps, y);
    e = distance_f32(y, g->y, m);
    /* A high-pass takes a mean of 3 off: its float sums err by the size of the input. */
    CHECK(s == RPPG_OK && d <= 2.0 * ONCE && e <= 2.0 * SUMS && intact(),
          "fir %d taps %d band %d: taps %.1e, convolution %.1e", (int)i, (int)g->taps, g->band, d,
          e);
  }
}

static void test_fir_errors(void)
{
  float *h = fresh_f32(9);
  size_t i;
  int good = rppg_dsp_firwin(h, 0, RPPG_DSP_LOWPASS, 1.0, 0.0, 30.0) == RPPG_ERR_ARG;
  good &= rppg_dsp_firwin(h, 8, RPPG_DSP_HIGHPASS, 1.0, 0.0, 30.0) == RPPG_ERR_ARG;
  for (i = 0; i < COUNT(bad_bands); i++)
    good &= rppg_dsp_firwin(h, 9, (rppg_dsp_band)bad_bands[i].band, bad_bands[i].lo,
                            bad_bands[i].hi, bad_bands[i].rate) == RPPG_ERR_ARG;
  good &= rppg_dsp_firwin(h, 9, RPPG_DSP_LOWPASS, nan_now(), 0.0, 30.0) == RPPG_ERR_ARG;
  CHECK(good && all_ff(h, 36) && intact(), "firwin: errors leave h alone");
}

/* Gain one in the middle of the band, symmetric taps: for every length that is allowed. */
static void test_firwin_lengths(void)
{
  static const double middle[] = { 0.0, 15.0, 4.0 };
  double worst = 0.0, skew = 0.0;
  size_t taps, i;
  int band, guards = 1;
  for (band = 0; band < 3; band++)
    for (taps = 1; taps < LENGTHS; taps += band == 1 ? 2 : 1) {
      float *h = fresh_f32(taps);
      double re = 0.0, im = 0.0;
      rppg_dsp_firwin(h, taps, (rppg_dsp_band)band, 3.0, 5.0, 30.0);
      for (i = 0; i < taps; i++) {
        re += (double)h[i] * cos(6.283185307179586 * middle[band] / 30.0 * (double)i);
        im -= (double)h[i] * sin(6.283185307179586 * middle[band] / 30.0 * (double)i);
        grow(&skew, fabs((double)h[i] - (double)h[taps - 1 - i]));
      }
      grow(&worst, fabs(sqrt(re * re + im * im) - 1.0));
      guards &= intact();
    }
  CHECK(worst <= 3.0 * ONCE, "firwin: gain one in the pass band, off by %.1e", worst);
  CHECK(skew <= ONCE, "firwin: symmetric, off by %.1e", skew);
  CHECK(guards, "firwin: writes taps values");
}

/* Convolution in double, and the sum of magnitudes that bounds its rounding in float. */
static double convolution(const float *x, const float *h, size_t taps, double *size)
{
  double sum = 0.0;
  size_t k;
  for (*size = 0.0, k = 0; k < taps; k++) {
    sum += (double)x[k] * (double)h[taps - 1 - k];
    *size += fabs((double)x[k] * (double)h[taps - 1 - k]);
  }
  return sum;
}

static void test_fir_lengths(void)
{
  float x[LENGTHS], h[LENGTHS], base[LENGTHS];
  double worst = 0.0;
  size_t n, taps, i;
  int isa, equal = 1, guards = 1;
  random_floats(x, LENGTHS, 12);
  random_floats(h, LENGTHS, 13);
  for (n = 1; n < LENGTHS; n++)
    for (taps = 1; taps <= n; taps++)
      TAP_EACH_ISA(isa) {
        float *y = fresh_f32(n - taps + 1);
        rppg_dsp_fir(placed(x, n), n, placed(h, taps), taps, y);
        if (isa == 0) memcpy(base, y, (n - taps + 1) * sizeof *y);
        equal &= same_f32(base, y, n - taps + 1);
        guards &= intact();
        for (i = 0; isa == 0 && i < n - taps + 1; i++) {
          double size, e = convolution(x + i, h, taps, &size);
          e = fabs((double)y[i] - e) / size;
          grow(&worst, e);
        }
      }
  CHECK(equal, "fir: the same bits on every instruction set, n and taps below %d", LENGTHS);
  CHECK(guards, "fir: writes n - taps + 1 values");
  CHECK(worst <= SUMS, "fir: off by %.1e of the sum of magnitudes", worst);
}

static void test_fir_alignment(void)
{
  float x[200], h[31], base[170];
  size_t k;
  int isa, equal = 1;
  random_floats(x, 200, 14);
  random_floats(h, 31, 15);
  TAP_EACH_ISA(isa)
    for (k = 0; k < 16 * 16; k++) {
      float *a = (float *)fresh(sizeof x, k % 16 * 4);
      float *b = (float *)fresh(sizeof h, (k + k / 16) % 16 * 4);
      float *y = (float *)fresh(sizeof base, k / 16 * 4);
      memcpy(a, x, sizeof x);
      memcpy(b, h, sizeof h);
      rppg_dsp_fir(a, 200, b, 31, y);
      if (isa == 0 && k == 0) memcpy(base, y, sizeof base);
      equal &= same_f32(base, y, 170) && intact();
    }
  CHECK(equal, "fir: the same bits at every alignment");
}

/* Pieces of every size, the last taps - 1 samples kept in front of them. */
static void test_fir_stream(void)
{
  enum { N = 150, TAPS = 17, KEEP = TAPS - 1 };
  float x[N], h[TAPS], whole[N - KEEP], y[N - KEEP], line[KEEP + N];
  size_t piece, at;
  int isa, equal = 1;
  random_floats(x, N, 16);
  random_floats(h, TAPS, 17);
  TAP_EACH_ISA(isa) {
    rppg_dsp_fir(x, N, h, TAPS, whole);
    for (piece = 1; piece < LENGTHS; piece++) {
      memcpy(line, x, KEEP * sizeof *x);
      for (at = KEEP; at < N; at += piece) {
        const size_t n = N - at < piece ? N - at : piece;
        memcpy(line + KEEP, x + at, n * sizeof *x);
        rppg_dsp_fir(line, KEEP + n, h, TAPS, y + (at - KEEP));
        memmove(line, line + n, KEEP * sizeof *x);
      }
      equal &= same_f32(whole, y, N - KEEP);
    }
  }
  CHECK(equal, "fir: a stream with kept history gives the same bits at every split");
}

static void test_fir_properties(void)
{
  float x[40], y[40], h[5] = { 0.0f, 0.0f, 0.0f, 0.0f, 1.0f };
  size_t i;
  int good = 1;
  random_floats(x, 40, 18);
  rppg_dsp_fir(x, 40, h, 5, y);
  good &= same_f32(x, y, 36);
  h[4] = 0.0f;
  h[0] = 2.0f;
  rppg_dsp_fir(x, 40, h, 5, y);
  for (i = 0; i < 36; i++) good &= y[i] == 2.0f * x[i + 4];
  CHECK(good, "fir: h[0] weighs the newest sample");
  for (i = 0; i < 5; i++) h[i] = 1.0f;
  x[20] = (float)nan_now();
  rppg_dsp_fir(x, 40, h, 5, y);
  for (good = 1, i = 0; i < 36; i++) good &= is_nan((double)y[i]) == (i >= 16 && i <= 20);
  CHECK(good, "fir: NaN spoils the outputs that it touches, no others");
}

/* ---- moving window, differences, Hilbert ----------------------------------------------------- */

static void test_moving_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_movings); i++) {
    const gold_moving *g = &gold_movings[i];
    float *mean = fresh_f32(g->n), *dev = fresh_f32(g->n);
    double d, e;
    rppg_dsp_moving(placed(gold_pulse, g->n), g->n, g->w, mean, dev);
    d = distance_f32(mean, g->mean, g->n);
    e = distance_f32(dev, g->dev, g->n);
    CHECK(d <= ONCE && e <= ONCE && intact(), "moving w %d: mean %.1e, deviation %.1e", (int)g->w,
          d, e);
  }
}

static void test_moving_lengths(void)
{
  static const size_t widths[] = { 1, 3, 9, 31, 69, 201 };
  float x[LENGTHS];
  double worst = 0.0;
  size_t n, i, j, k;
  int guards = 1, alone = 1, even = 1;
  random_floats(x, LENGTHS, 19);
  for (k = 0; k < COUNT(widths); k++)
    for (n = 0; n < LENGTHS; n++) {
      const size_t half = widths[k] / 2;
      float *mean = fresh_f32(n), *dev = fresh_f32(n), *z = fresh_f32(n);
      rppg_dsp_moving(placed(x, n), n, widths[k], mean, dev);
      for (i = 0; i < n; i++) {
        const size_t from = i > half ? i - half : 0, to = i + half + 1 < n ? i + half + 1 : n;
        double m = 0.0, v = 0.0;
        for (j = from; j < to; j++) m += (double)x[j] / (double)(to - from);
        for (j = from; j < to; j++)
          v += ((double)x[j] - m) * ((double)x[j] - m) / (double)(to - from);
        m = fabs(m - (double)mean[i]) + fabs(sqrt(v) - (double)dev[i]);
        grow(&worst, m);
      }
      rppg_dsp_moving(x, n, widths[k], z, NULL);
      alone &= same_f32(z, mean, n);
      rppg_dsp_moving(x, n, widths[k], NULL, z);
      alone &= same_f32(z, dev, n);
      rppg_dsp_moving(x, n, widths[k] - 1 + (widths[k] == 1), z, NULL);
      even &= same_f32(z, mean, n);
      guards &= intact();
    }
  CHECK(worst <= 2.0 * ONCE, "moving: against the definition, n = 0..%d: %.1e", LENGTHS - 1, worst);
  CHECK(alone, "moving: mean or deviation alone");
  CHECK(even, "moving: an even width counts as the next odd one");
  CHECK(guards, "moving: writes n values");
}

static void test_moving_special(void)
{
  float x[20], mean[20], dev[20];
  size_t i;
  int good = 1;
  for (i = 0; i < 20; i++) x[i] = 0.1f;
  rppg_dsp_moving(x, 20, 5, mean, dev);
  for (i = 0; i < 20; i++) good &= mean[i] == 0.1f && dev[i] == 0.0f;
  CHECK(good, "moving: a constant has this mean and no deviation, exactly");
  x[9] = (float)nan_now();
  rppg_dsp_moving(x, 20, 5, mean, dev);
  for (good = 1, i = 0; i < 20; i++)
    good &= is_nan((double)mean[i]) == (i >= 7) && is_nan((double)dev[i]) == (i >= 7);
  CHECK(good, "moving: NaN spoils all that follows, and nothing before");
}

static void test_diff(void)
{
  float x[LENGTHS];
  size_t n, i;
  int good = 1;
  random_floats(x, LENGTHS, 20);
  for (n = 0; n < LENGTHS; n++) {
    float *y = fresh_f32(n ? n - 1 : 0), *z = placed(x, n);
    rppg_dsp_diff(placed(x, n), n, y);
    for (i = 0; i + 1 < n; i++) good &= y[i] == x[i + 1] - x[i];
    rppg_dsp_diff(z, n, z);
    good &= n == 0 || (same_f32(y, z, n - 1) && z[n - 1] == x[n - 1]);
    good &= intact();
  }
  CHECK(good, "diff: n - 1 differences, in place too, n = 0..%d", LENGTHS - 1);
}

/* A complex transform of length n in fresh memory. */
static rppg_dsp_fft complex_fft(size_t n)
{
  rppg_dsp_fft_config c;
  rppg_dsp_fft f;
  size_t size;
  memset(&c, 0, sizeof c);
  memset(&f, 0, sizeof f);
  c.n = n;
  c.complex_input = 1;
  size = rppg_dsp_fft_mem_size(&c);
  rppg_dsp_fft_init(&f, &c, fresh(size, 0), size);
  return f;
}

static void test_analytic_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_hilberts); i++) {
    const size_t n = gold_hilberts[i].n;
    float *out = fresh_f32(2 * n);
    rppg_dsp_fft f = complex_fft(n);
    double d;
    rppg_dsp_analytic(&f, placed(gold_pulse, n), out);
    d = distance_f32(out, gold_hilberts[i].z, 2 * n);
    CHECK(d <= SUMS && intact(), "analytic n %d: %.1e", (int)n, d);
  }
}

/* Imaginary part against the circular Hilbert kernel, which SciPy does not use: the sum over j of
   x[j] k(i - j) with k(d) = 2 sin^2(pi d / 2) cot(pi d / n) / n for even n, and
   (cot(pi d / n) - cos(pi d) / sin(pi d / n)) / n for odd n. */
static double hilbert_at(const float *x, size_t n, size_t i)
{
  const double pi = 3.141592653589793;
  double sum = 0.0;
  size_t j;
  for (j = 0; j < n; j++) {
    const int d = (int)i - (int)j;
    const double a = pi * d / (double)n, sign = d % 2 ? -1.0 : 1.0;
    if (d == 0) continue;
    if (n % 2 == 0) sum += d % 2 ? 2.0 * (double)x[j] / tan(a) / (double)n : 0.0;
    else sum += (double)x[j] * (1.0 / tan(a) - sign / sin(a)) / (double)n;
  }
  return sum;
}

static void test_analytic_lengths(void)
{
  float x[LENGTHS];
  double worst = 0.0;
  size_t n, i;
  int guards = 1;
  random_floats(x, LENGTHS, 21);
  for (n = 1; n < LENGTHS; n++) {
    float *out = fresh_f32(2 * n);
    rppg_dsp_fft f = complex_fft(n);
    rppg_dsp_analytic(&f, placed(x, n), out);
    for (i = 0; i < n; i++) {
      const double d = fabs((double)out[2 * i] - (double)x[i]) +
                       fabs((double)out[2 * i + 1] - hilbert_at(x, n, i));
      grow(&worst, d);
    }
    guards &= intact();
  }
  CHECK(worst <= 2.0 * SUMS, "analytic: against the Hilbert kernel, n = 1..%d: %.1e", LENGTHS - 1,
        worst);
  CHECK(guards, "analytic: writes n pairs");
}

/* ---- detrending ------------------------------------------------------------------------------ */

static void test_detrend_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_detrends); i++) {
    const gold_detrend *g = &gold_detrends[i];
    float *y = fresh_f32(g->n);
    double worst = 0.0;
    size_t k;
    rppg_dsp_detrend((rppg_dsp_detrend_kind)g->kind, placed(gold_pulse, g->n), g->n, y);
    /* of the input's size: 1 or 2 samples leave nothing but rounding */
    for (k = 0; k < g->n; k++) {
      const double d = fabs((double)y[k] - g->y[k]) / 4.0;
      grow(&worst, d);
    }
    CHECK(worst <= ONCE && intact(), "detrend %d n %d: %.1e", g->kind, (int)g->n, worst);
  }
}

static void test_detrend_lengths(void)
{
  float x[LENGTHS], y[LENGTHS];
  double worst = 0.0;
  size_t n, i;
  int kind, place = 1, guards = 1;
  random_floats(x, LENGTHS, 22);
  for (kind = 0; kind <= (int)RPPG_DSP_DETREND_NONE; kind++)
    for (n = 0; n < LENGTHS; n++) {
      float *out = fresh_f32(n), *z = placed(x, n);
      double level = 0.0, slope = 0.0;
      rppg_dsp_detrend((rppg_dsp_detrend_kind)kind, placed(x, n), n, out);
      rppg_dsp_detrend((rppg_dsp_detrend_kind)kind, z, n, z);
      place &= same_f32(out, z, n) && (kind != (int)RPPG_DSP_DETREND_NONE || same_f32(out, x, n));
      for (i = 0; i < n; i++) { /* nothing of what was taken off is left */
        level += (double)out[i] / (double)n;
        slope += (double)out[i] * (double)i / (double)(n * n);
      }
      if (kind != (int)RPPG_DSP_DETREND_NONE) grow(&worst, fabs(level));
      if (kind == (int)RPPG_DSP_DETREND_LINEAR) grow(&worst, fabs(slope));
      guards &= intact();
    }
  CHECK(worst <= ONCE, "detrend: mean and slope of what is left, n = 0..%d: %.1e", LENGTHS - 1,
        worst);
  CHECK(place, "detrend: in place; NONE copies");
  CHECK(guards, "detrend: writes n values");
  for (i = 0; i < LENGTHS; i++) x[i] = 5.0f - 0.25f * (float)i;
  rppg_dsp_detrend(RPPG_DSP_DETREND_LINEAR, x, LENGTHS, y);
  for (worst = 0.0, i = 0; i < LENGTHS; i++) worst += fabs((double)y[i]);
  CHECK(worst < 1e-11, "detrend: nothing is left of a line, %.1e", worst);
}

static void test_smoothness_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_smooths); i++) {
    const gold_smooth *g = &gold_smooths[i];
    float *y = fresh_f32(g->n);
    double *work = fresh_f64(4 * g->n), d;
    const rppg_status s = rppg_dsp_smoothness(placed(gold_pulse, g->n), g->n, g->lambda, y, work);
    d = distance_f32(y, g->y, g->n);
    CHECK(s == RPPG_OK && d <= ONCE && intact(), "smoothness n %d lambda %g: %.1e", (int)g->n,
          g->lambda, d);
  }
}

/* (I + lambda^2 D'D)(x - y) = x, by its definition: the largest difference. */
static double smoothness_residual(const float *x, const double *y, size_t n, double lambda)
{
  double worst = 0.0;
  size_t i, k;
  for (i = 0; i < n; i++) {
    double sum = (double)x[i] - y[i];
    for (k = i < 2 ? 0 : i - 2; k <= i && k + 2 < n; k++) { /* rows of D that touch i */
      const double weight = k == i || k + 2 == i ? 1.0 : -2.0;
      const double z0 = (double)x[k] - y[k], z1 = (double)x[k + 1] - y[k + 1];
      sum += lambda * lambda * weight * (z0 - 2.0 * z1 + (double)x[k + 2] - y[k + 2]);
    }
    sum = fabs(sum - (double)x[i]);
    grow(&worst, sum);
  }
  return worst;
}

static void test_smoothness_lengths(void)
{
  static const double lambdas[] = { 0.0, 0.3, 1.0, 10.0, 100.0 };
  float x[LENGTHS];
  double worst = 0.0;
  size_t n, i, k;
  int place = 1, guards = 1, once = 1;
  random_floats(x, LENGTHS, 23);
  for (k = 0; k < COUNT(lambdas); k++)
    for (n = 3; n < LENGTHS; n++) {
      float *y = fresh_f32(n), *z = placed(x, n);
      double *exact = fresh_f64(n), *work = fresh_f64(4 * n), d;
      for (i = 0; i < n; i++) exact[i] = (double)x[i];
      rppg_dsp__smoothness_f64(exact, n, lambdas[k], fresh_f64(3 * n));
      d = smoothness_residual(x, exact, n, lambdas[k]) / (1.0 + 16.0 * lambdas[k] * lambdas[k]);
      grow(&worst, d);
      rppg_dsp_smoothness(placed(x, n), n, lambdas[k], y, work);
      rppg_dsp_smoothness(z, n, lambdas[k], z, work);
      place &= same_f32(y, z, n);
      for (i = 0; i < n; i++) once &= y[i] == (float)exact[i];
      guards &= intact();
    }
  CHECK(worst <= 1e-13, "smoothness: solves its equation, n = 3..%d: %.1e", LENGTHS - 1, worst);
  CHECK(place, "smoothness: in place");
  CHECK(once, "smoothness: its float form is its double form, rounded");
  CHECK(guards, "smoothness: y [n], work [4 n] and [3 n] are enough");
}

/* y is made of second differences: its mean and slope are zero for any lambda; a line vanishes. */
static void test_smoothness_lines(void)
{
  double y[300], work[900], lambda, worst = 0.0, line = 0.0;
  size_t i;
  for (lambda = 1.0; lambda < 2e6; lambda *= 10.0) {
    double level = 0.0, slope = 0.0;
    for (i = 0; i < 300; i++) y[i] = 100.0 + (double)gold_pulse[i];
    rppg_dsp__smoothness_f64(y, 300, lambda, work);
    for (i = 0; i < 300; i++) {
      level += y[i] / 300.0;
      slope += y[i] * (double)i / 9e4;
    }
    grow(&worst, fabs(level) + fabs(slope));
    for (i = 0; i < 300; i++) y[i] = 100.0 - 0.25 * (double)i;
    rppg_dsp__smoothness_f64(y, 300, lambda, work);
    for (i = 0; i < 300; i++)
      grow(&line, fabs(y[i]));
  }
  CHECK(worst <= 1e-6, "smoothness: mean and slope left, lambda 1 to 1e6: %.1e", worst);
  CHECK(line <= 1e-6, "smoothness: left of a line, lambda 1 to 1e6: %.1e", line);
}

static void test_smoothness_errors(void)
{
  float *x = placed(gold_pulse, 8), *y = fresh_f32(8);
  double *work = fresh_f64(32);
  size_t n;
  int good = 1;
  for (n = 0; n < 3; n++) good &= rppg_dsp_smoothness(x, n, 10.0, y, work) == RPPG_ERR_ARG;
  good &= rppg_dsp_smoothness(x, 8, -1.0, y, work) == RPPG_ERR_ARG;
  good &= rppg_dsp_smoothness(x, 8, 1.1e6, y, work) == RPPG_ERR_ARG;
  good &= rppg_dsp_smoothness(x, 8, nan_now(), y, work) == RPPG_ERR_ARG;
  CHECK(good && all_ff(y, 32) && intact(), "smoothness: errors leave y alone");
}

/* ---- resampling ------------------------------------------------------------------------------ */

static void test_resample_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_resamples); i++) {
    const gold_resample *g = &gold_resamples[i];
    float *y = fresh_f32(g->m);
    const rppg_status s = rppg_dsp_resample(g->t, placed(g->x, g->n), g->n,
                                            (rppg_dsp_interp)g->kind,
                                            g->t0, g->dt, g->m, y, fresh_f64(3 * g->n));
    const double d = distance_f32(y, g->y, g->m);
    CHECK(s == RPPG_OK && d <= ONCE && intact(), "resample %d kind %d n %d: %.1e", (int)i, g->kind,
          (int)g->n, d);
  }
}

/* Samples come back at the knots, their ends outside; a line stays a line, cubics stay cubics. */
static void test_resample_lengths(void)
{
  double t[LENGTHS], worst = 0.0, line = 0.0, cubic = 0.0;
  float x[LENGTHS];
  size_t n, i;
  int kind, ends = 1, guards = 1, bare = 1;
  random_floats(x, LENGTHS, 24);
  for (kind = 0; kind < 3; kind++)
    for (n = 2; n < LENGTHS; n++) {
      float *y = fresh_f32(n + 4), *z = fresh_f32(2 * n), p[LENGTHS];
      double *work = fresh_f64(3 * n);
      const rppg_dsp_interp k = (rppg_dsp_interp)kind;
      for (i = 0; i < n; i++) t[i] = 3.0 + 0.03125 * (double)i; /* exact in binary */
      bare &= rppg_dsp_resample(t, placed(x, n), n, k, 3.0 - 2 * 0.03125, 0.03125, n + 4, y,
                                work) == RPPG_OK;
      ends &= y[0] == x[0] && y[1] == x[0] && y[2] == x[0];
      ends &= y[n + 1] == x[n - 1] && y[n + 2] == x[n - 1] && y[n + 3] == x[n - 1];
      for (i = 0; i < n; i++)
        grow(&worst, fabs((double)y[i + 2] - (double)x[i]));
      if (kind == 0) bare &= rppg_dsp_resample(t, x, n, k, 3.0, 0.031, n, y, NULL) == RPPG_OK;
      for (i = 0; i < n; i++) t[i] = (double)i + 0.5 * (double)(i % 3 == 1); /* uneven */
      for (i = 0; i < n; i++) p[i] = (float)(2.0 * t[i] - 1.0);
      rppg_dsp_resample(t, p, n, k, 0.0, 0.49, 2 * n, z, work);
      for (i = 0; i < 2 * n && 0.49 * (double)i < t[n - 1]; i++)
        grow(&line, fabs((double)z[i] - 0.98 * (double)i + 1.0));
      /* exact */
      for (i = 0; i < n; i++) p[i] = (float)((t[i] - 3.0) * (t[i] - 5.0) * (t[i] - 8.0));
      rppg_dsp_resample(t, p, n, k, 0.0, 0.49, 2 * n, z, work);
      for (i = 0; kind == 1 && n >= 4 && n < 30 && i < 2 * n && 0.49 * (double)i < t[n - 1]; i++) {
        const double u = 0.49 * (double)i, v = (u - 3.0) * (u - 5.0) * (u - 8.0);
        grow(&cubic, fabs((double)z[i] - v) / (200.0 + fabs(v)));
      }
      guards &= intact();
    }
  CHECK(worst <= ONCE, "resample: samples come back at the knots, off by %.1e", worst);
  CHECK(ends, "resample: end values are held outside, exactly");
  CHECK(line <= 2e-5, "resample: a line stays a line, off by %.1e of 137", line);
  CHECK(cubic <= ONCE, "resample: the spline reproduces cubics, off by %.1e", cubic);
  CHECK(bare, "resample: linear needs no work");
  CHECK(guards, "resample: y [m] and work [3 n]");
}

static void test_resample_monotone(void)
{
  double t[LENGTHS], work[3 * LENGTHS];
  float x[LENGTHS], y[500];
  size_t i;
  int good = 1;
  random_floats(x, LENGTHS, 25);
  for (i = 0; i < LENGTHS; i++) {
    t[i] = (double)i + 0.4 * (double)random_float();
    /* rising, with flats */
    x[i] = (i ? x[i - 1] : 0.0f) + (i % 4 ? x[i] * x[i] * x[i] * x[i] : 0.0f);
  }
  rppg_dsp_resample(t, x, LENGTHS, RPPG_DSP_PCHIP, t[0], (t[LENGTHS - 1] - t[0]) / 499.0, 500, y,
                    work);
  for (i = 1; i < 500; i++) good &= y[i] >= y[i - 1];
  CHECK(good && y[0] == x[0] && y[499] == x[LENGTHS - 1],
        "resample: pchip keeps a rising signal rising");
}

static void test_resample_errors(void)
{
  double t[6] = { 0.0, 1.0, 2.0, 3.0, 4.0, 5.0 }, *work = fresh_f64(18);
  const float x[6] = { 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 1.0f };
  float *y = fresh_f32(6);
  size_t i, n;
  int kind, arg = 1, data = 1;
  for (kind = 0; kind < 3; kind++) {
    const rppg_dsp_interp k = (rppg_dsp_interp)kind;
    for (n = 0; n < 2; n++)
      arg &= rppg_dsp_resample(t, x, n, k, 0.0, 1.0, 6, y, work) == RPPG_ERR_ARG;
    arg &= rppg_dsp_resample(t, x, 6, k, 0.0, 0.0, 6, y, work) == RPPG_ERR_ARG;
    arg &= rppg_dsp_resample(t, x, 6, k, 0.0, -1.0, 6, y, work) == RPPG_ERR_ARG;
    arg &= rppg_dsp_resample(t, x, 6, k, 0.0, HUGE_VAL, 6, y, work) == RPPG_ERR_ARG;
    arg &= rppg_dsp_resample(t, x, 6, k, 0.0, nan_now(), 6, y, work) == RPPG_ERR_ARG;
    arg &= rppg_dsp_resample(t, x, 6, k, nan_now(), 1.0, 6, y, work) == RPPG_ERR_ARG;
    arg &= rppg_dsp_resample(t, x, 6, k, -HUGE_VAL, 1.0, 6, y, work) == RPPG_ERR_ARG;
    for (i = 0; i < 6; i++) { /* wrong at every place: NaN, infinite, equal, falling */
      const double keep = t[i];
      t[i] = nan_now();
      data &= rppg_dsp_resample(t, x, 6, k, 0.0, 1.0, 6, y, work) == RPPG_ERR_DATA;
      t[i] = HUGE_VAL;
      data &= rppg_dsp_resample(t, x, 6, k, 0.0, 1.0, 6, y, work) == RPPG_ERR_DATA;
      t[i] = -HUGE_VAL;
      data &= rppg_dsp_resample(t, x, 6, k, 0.0, 1.0, 6, y, work) == RPPG_ERR_DATA;
      t[i] = i ? t[i - 1] : t[1];
      data &= rppg_dsp_resample(t, x, 6, k, 0.0, 1.0, 6, y, work) == RPPG_ERR_DATA;
      t[i] = i ? t[i - 1] - 1.0 : t[1] + 1.0;
      data &= rppg_dsp_resample(t, x, 6, k, 0.0, 1.0, 6, y, work) == RPPG_ERR_DATA;
      t[i] = keep;
    }
  }
  arg &= rppg_dsp_resample(t, x, 6, RPPG_DSP_CUBIC, 0.0, 1.0, 6, y, NULL) == RPPG_ERR_ARG;
  arg &= rppg_dsp_resample(t, x, 6, RPPG_DSP_PCHIP, 0.0, 1.0, 6, y, NULL) == RPPG_ERR_ARG;
  arg &= rppg_dsp_resample(t, x, 6, (rppg_dsp_interp)3, 0.0, 1.0, 6, y, work) == RPPG_ERR_ARG;
  CHECK(arg, "resample: bounds");
  CHECK(data, "resample: times that do not rise or are not finite");
  CHECK(all_ff(y, 24) && intact(), "resample: errors leave y alone");
}

/* ---- peaks ----------------------------------------------------------------------------------- */

static void test_peaks_golden(void)
{
  size_t i, k;
  for (i = 0; i < COUNT(gold_peaks); i++) {
    const gold_peak *g = &gold_peaks[i];
    size_t *index = (size_t *)fresh((g->n + 1) / 2 * sizeof(size_t), 8), count;
    float *prom = fresh_f32((g->n + 1) / 2);
    rppg_dsp_peaks_config c;
    int good;
    c.height = g->height;
    c.use_height = g->use_height;
    c.prominence = g->prominence;
    c.distance = g->distance;
    count = rppg_dsp_peaks(placed(g->x, g->n), g->n, &c, index, prom);
    good = count == g->count;
    for (k = 0; good && k < count; k++)
      good = index[k] == (size_t)g->index[k] && (double)prom[k] == g->prom[k];
    CHECK(good && intact(), "find_peaks %d: %d peaks", (int)i, (int)g->count);
  }
}

/* The middle of every run of equal values that is higher than both neighbours. */
static size_t peaks_by_definition(const float *x, size_t n, size_t *index)
{
  size_t left, right, count = 0;
  for (left = 1; left + 1 < n; left++) {
    for (right = left; right + 1 < n && x[right + 1] == x[left]; right++) {}
    if (right + 1 < n && x[left - 1] < x[left] && x[right + 1] < x[left])
      index[count++] = (left + right) / 2;
  }
  return count;
}

/* How deep one must go from i, on the easier side, before the ground is higher than x[i]. */
static float prominence_by_definition(const float *x, size_t n, size_t i)
{
  float low[2];
  int side;
  for (side = 0; side < 2; side++) {
    size_t k = i;
    low[side] = x[i];
    while (side ? k + 1 < n : k > 0) {
      k = side ? k + 1 : k - 1;
      if (x[k] > x[i]) break;
      if (x[k] < low[side]) low[side] = x[k];
    }
  }
  return x[i] - (low[0] > low[1] ? low[0] : low[1]);
}

static void test_peaks_lengths(void)
{
  float x[LENGTHS];
  size_t n, i, ref[LENGTHS];
  int levels, found = 1, tall = 1, guards = 1;
  for (levels = 2; levels < 40; levels += 3)
    for (n = 0; n < LENGTHS; n++) {
      size_t *index = (size_t *)fresh((n + 1) / 2 * sizeof(size_t), 8), count;
      float *prom = fresh_f32((n + 1) / 2);
      random_floats(x, n, (uint32_t)(100 * levels) + (uint32_t)n);
      for (i = 0; i < n; i++) x[i] = (float)(int)(x[i] * (float)levels) / 4.0f;
      count = rppg_dsp_peaks(placed(x, n), n, NULL, index, prom);
      found &= count == peaks_by_definition(x, n, ref);
      for (i = 0; i < count && found; i++) {
        found &= index[i] == ref[i];
        tall &= prom[i] == prominence_by_definition(x, n, ref[i]) && prom[i] > 0.0f;
      }
      guards &= intact();
    }
  CHECK(found, "peaks: as defined, n = 0..%d", LENGTHS - 1);
  CHECK(tall, "peaks: prominences as defined");
  CHECK(guards, "peaks: at most (n + 1) / 2 of them");
}

static void test_peaks_conditions(void)
{
  float x[LENGTHS], prom[LENGTHS / 2];
  size_t index[LENGTHS / 2], ref[LENGTHS], count, all, i, k, trial;
  rppg_dsp_peaks_config c;
  int height = 1, prominence = 1, apart = 1, reason = 1;
  for (trial = 0; trial < 100; trial++) {
    random_floats(x, LENGTHS, 500 + (uint32_t)trial);
    all = peaks_by_definition(x, LENGTHS, ref);
    memset(&c, 0, sizeof c);
    c.use_height = 1;
    c.height = x[ref[trial % all]]; /* the limit itself stays */
    count = rppg_dsp_peaks(x, LENGTHS, &c, index, prom);
    for (i = k = 0; i < all; i++)
      if (x[ref[i]] >= c.height) height &= k < count && index[k++] == ref[i];
    height &= k == count;
    memset(&c, 0, sizeof c);
    c.prominence = prominence_by_definition(x, LENGTHS, ref[trial % all]);
    count = rppg_dsp_peaks(x, LENGTHS, &c, index, prom);
    for (i = k = 0; i < all; i++)
      if (prominence_by_definition(x, LENGTHS, ref[i]) >= c.prominence)
        prominence &= k < count && index[k++] == ref[i];
    prominence &= k == count;
    memset(&c, 0, sizeof c);
    c.distance = 1 + trial % 12;
    count = rppg_dsp_peaks(x, LENGTHS, &c, index, prom);
    for (i = 1; i < count; i++) apart &= index[i] - index[i - 1] >= c.distance;
    for (i = 0; i < all; i++) { /* each one is kept, or near a kept one that is at least as high */
      int good = 0;
      for (k = 0; k < count; k++) {
        const size_t gap = index[k] > ref[i] ? index[k] - ref[i] : ref[i] - index[k];
        good |= gap == 0 || (gap < c.distance && x[index[k]] >= x[ref[i]]);
      }
      reason &= good;
    }
  }
  CHECK(height, "peaks: height, the limit included");
  CHECK(prominence, "peaks: prominence, the limit included");
  CHECK(apart, "peaks: distance apart");
  CHECK(reason, "peaks: distance drops none without a higher neighbour");
}

/* ---- correlation ----------------------------------------------------------------------------- */

static void test_correlation_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_corrs); i++) {
    const gold_corr *g = &gold_corrs[i];
    float *r = fresh_f32(2 * g->lag + 1);
    const double p = rppg_dsp_pearson(gold_noise, g->y, g->n);
    double d;
    rppg_dsp_xcorr(placed(gold_noise, g->n), placed(g->y, g->n), g->n, g->lag, r);
    d = distance_f32(r, g->r, 2 * g->lag + 1);
    CHECK(fabs(p - g->pearson) <= FINE, "pearson n %d: off by %.1e", (int)g->n,
          fabs(p - g->pearson));
    CHECK(d <= SUMS && intact(), "correlate n %d: %.1e", (int)g->n, d);
  }
}

static void test_pearson(void)
{
  float x[LENGTHS], y[LENGTHS], flat[LENGTHS], other[LENGTHS];
  double worst = 0.0;
  size_t n, i;
  int inside = 1, constant = 1;
  random_floats(x, LENGTHS, 26);
  for (i = 0; i < LENGTHS; i++) {
    y[i] = 3.0f - 0.5f * x[i];
    flat[i] = 0.1f;
    other[i] = 0.3f;
  }
  for (n = 0; n < LENGTHS; n++) {
    const double up = rppg_dsp_pearson(placed(x, n), placed(x, n), n);
    const double down = rppg_dsp_pearson(x, y, n);
    inside &= up <= 1.0 && down >= -1.0;
    if (n < 2) {
      constant &= up == 0.0 && down == 0.0;
    } else {
      grow(&worst, 1.0 - up);
      grow(&worst, 1.0 + down);
    }
    constant &= rppg_dsp_pearson(x, flat, n) == 0.0 && rppg_dsp_pearson(flat, x, n) == 0.0;
    constant &= rppg_dsp_pearson(flat, other, n) == 0.0 && rppg_dsp_pearson(flat, flat, n) == 0.0;
    intact();
  }
  CHECK(worst <= FINE && inside, "pearson: 1 with itself, -1 with its mirror, within +-1: %.1e",
        worst);
  CHECK(constant, "pearson: 0 with a constant, and of fewer than two samples");
}

static void test_xcorr_lengths(void)
{
  float x[LENGTHS], y[LENGTHS], base[2 * LENGTHS];
  double worst = 0.0;
  size_t n, lag, i, k;
  int isa, equal = 1, guards = 1, part = 1;
  random_floats(x, LENGTHS, 27);
  random_floats(y, LENGTHS, 28);
  for (n = 1; n < LENGTHS; n++)
    TAP_EACH_ISA(isa) {
      float *r = fresh_f32(2 * n - 1), *few;
      rppg_dsp_xcorr(placed(x, n), placed(y, n), n, n - 1, r);
      if (isa == 0) memcpy(base, r, (2 * n - 1) * sizeof *r);
      equal &= same_f32(base, r, 2 * n - 1);
      lag = n / 3;
      few = fresh_f32(2 * lag + 1);
      rppg_dsp_xcorr(x, y, n, lag, few);
      part &= same_f32(few, r + n - 1 - lag, 2 * lag + 1);
      guards &= intact();
      for (k = 0; isa == 0 && k < 2 * n - 1; k++) {
        double sum = 0.0, size = 0.0;
        for (i = 0; i < n; i++)
          if (i + k >= n - 1 && i + k - (n - 1) < n) {
            sum += (double)x[i] * (double)y[i + k - (n - 1)];
            size += fabs((double)x[i] * (double)y[i + k - (n - 1)]);
          }
        if (!(fabs(sum - (double)base[k]) <= size * SUMS)) worst = HUGE_VAL;
      }
    }
  CHECK(worst == 0.0, "xcorr: as defined at all lags, n = 1..%d", LENGTHS - 1);
  CHECK(equal, "xcorr: the same bits on every instruction set");
  CHECK(part, "xcorr: fewer lags are the middle of all lags");
  CHECK(guards, "xcorr: writes 2 max_lag + 1 values");
}

static void test_xcorr_alignment(void)
{
  float x[170], y[170], r[5], base[5];
  size_t k;
  int isa, equal = 1;
  random_floats(x, 170, 29);
  random_floats(y, 170, 30);
  TAP_EACH_ISA(isa)
    for (k = 0; k < 16 * 16; k++) {
      float *a = (float *)fresh(sizeof x, k % 16 * 4), *b = (float *)fresh(sizeof y, k / 16 * 4);
      memcpy(a, x, sizeof x);
      memcpy(b, y, sizeof y);
      rppg_dsp_xcorr(a, b, 170, 2, r);
      if (isa == 0 && k == 0) memcpy(base, r, sizeof base);
      equal &= same_f32(base, r, 5) && intact();
    }
  CHECK(equal, "xcorr: the same bits at every alignment");
}

/* ---- matrices -------------------------------------------------------------------------------- */

static void test_eig3_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_eigs); i++) {
    double *w = fresh_f64(3), *v = fresh_f64(9), d, e;
    rppg_dsp_eig3(gold_eigs[i].a, w, v);
    d = distance_f64(w, gold_eigs[i].w, 3);
    e = distance_f64(v, gold_eigs[i].v, 9);
    CHECK(d <= FINE && e <= FINE && intact(), "eigh %d: values %.1e, vectors %.1e", (int)i, d, e);
  }
}

static void test_eig3_properties(void)
{
  double worst = 0.0;
  int trial, i, j, k, ordered = 1, upright = 1;
  random_state = 31;
  for (trial = 0; trial < 300; trial++) {
    double a[9], w[3], v[9];
    for (i = 0; i < 3; i++)
      for (j = 0; j <= i; j++) /* some zeros, some equal: eigenvalues meet */
        a[3 * i + j] = a[3 * j + i] =
            trial % 3 ? (double)random_float() : (double)(random_bits() % 3);
    rppg_dsp_eig3(a, w, v);
    ordered &= w[0] <= w[1] && w[1] <= w[2];
    for (k = 0; k < 3; k++) {
      double top = 0.0;
      for (i = 0; i < 3; i++) {
        double e = -w[k] * v[3 * i + k], dot = i == k ? -1.0 : 0.0;
        for (j = 0; j < 3; j++) {
          e += a[3 * i + j] * v[3 * j + k];
          dot += v[3 * j + i] * v[3 * j + k];
        }
        grow(&worst, fabs(e) + fabs(dot));
        if (fabs(v[3 * i + k]) > fabs(top) - 1e-12 && v[3 * i + k] > top) top = v[3 * i + k];
        if (fabs(v[3 * i + k]) > fabs(top) + 1e-12) top = v[3 * i + k];
      }
      upright &= top > 0.0; /* of two that are equal but for rounding, either may be */
    }
  }
  CHECK(worst <= 1e-14 * 3.0, "eig3: A v = w v, V'V = I, off by %.1e", worst);
  CHECK(ordered, "eig3: rising");
  CHECK(upright, "eig3: the largest component of a vector is positive");
}

static void test_qr_golden(void)
{
  size_t i;
  for (i = 0; i < COUNT(gold_qrs); i++) {
    const gold_qr *g = &gold_qrs[i];
    double *q = fresh_f64(g->m * g->n), *r = fresh_f64(g->n * g->n), d, e;
    rppg_dsp_qr(g->a, g->m, g->n, q, r);
    d = distance_f64(q, g->q, g->m * g->n);
    e = distance_f64(r, g->r, g->n * g->n);
    CHECK(d <= FINE && e <= FINE && intact(), "qr %d x %d: q %.1e, r %.1e", (int)g->m, (int)g->n, d,
          e);
  }
}

/* Largest entry of |a - q r|, of r below its diagonal and of |q'q - I|, where a zero column counts
   as orthonormal. */
static double qr_error(const double *a, const double *q, const double *r, size_t m, size_t n)
{
  double worst = 0.0;
  size_t i, j, k;
  for (j = 0; j < n; j++) {
    for (i = 0; i < m; i++) {
      double e = a[i * n + j];
      for (k = 0; k < n; k++) e -= q[i * n + k] * r[k * n + j];
      grow(&worst, fabs(e));
    }
    for (k = 0; k < n; k++) {
      double e = k == j && r[j * n + j] > 0.0 ? -1.0 : 0.0;
      for (i = 0; i < m; i++) e += q[i * n + j] * q[i * n + k];
      if (k > j) e = fabs(e) + fabs(r[k * n + j]);
      grow(&worst, fabs(e));
    }
    if (!(r[j * n + j] >= 0.0)) worst = HUGE_VAL;
  }
  return worst;
}

static void test_qr_lengths(void)
{
  double worst = 0.0, depend = 0.0;
  size_t m, n, i;
  int place = 1, guards = 1, zeros = 1;
  random_state = 32;
  for (m = 1; m < LENGTHS; m++)
    for (n = 1; n <= 5 && n <= m; n++) {
      double *a = fresh_f64(m * n), *q = fresh_f64(m * n);
      double *r = fresh_f64(n * n), *p = fresh_f64(n * n), d;
      for (i = 0; i < m * n; i++) a[i] = (double)random_float();
      rppg_dsp_qr(a, m, n, q, r);
      d = qr_error(a, q, r, m, n);
      grow(&worst, d);
      if (n > 2) { /* the last column: the sum of the first two */
        for (i = 0; i < m; i++) a[i * n + n - 1] = a[i * n] + a[i * n + 1];
        rppg_dsp_qr(a, m, n, q, r);
        d = qr_error(a, q, r, m, n);
        grow(&depend, d);
        zeros &= r[n * n - 1] == 0.0;
        for (i = 0; i < m; i++) zeros &= q[i * n + n - 1] == 0.0;
      }
      rppg_dsp_qr(a, m, n, q, r);
      rppg_dsp_qr(a, m, n, a, p);
      place &= same_f64(a, q, m * n) && same_f64(p, r, n * n);
      guards &= intact();
    }
  CHECK(worst <= 1e-14, "qr: a = q r, q'q = I, m = 1..%d: %.1e", LENGTHS - 1, worst);
  CHECK(depend <= 1e-14 && zeros, "qr: a dependent column gets zeros: %.1e", depend);
  CHECK(place, "qr: in place");
  CHECK(guards, "qr: q [m][n], r [n][n]");
}

/* Nearly dependent columns (Lauchli): one round of Gram-Schmidt would lose orthogonality. */
static void test_qr_twice(void)
{
  const double a[12] = { 1, 1, 1, 1e-8, 0, 0, 0, 1e-8, 0, 0, 0, 1e-8 };
  double q[12], r[9], d;
  rppg_dsp_qr(a, 4, 3, q, r);
  d = qr_error(a, q, r, 4, 3);
  CHECK(d <= 1e-15, "qr: orthogonal though nearly dependent, %.1e", d);
}

static void test_whiten_golden(void)
{
  const size_t n = COUNT(gold_white_x) / 3;
  float *y = fresh_f32(3 * n);
  double *w = fresh_f64(9), d, e;
  const rppg_status s = rppg_dsp_whiten3(placed(gold_white_x, 3 * n), n, y, w);
  d = distance_f64(w, gold_white_w, 9);
  e = distance_f32(y, gold_white_y, 3 * n);
  CHECK(s == RPPG_OK && d <= FINE && e <= ONCE && intact(), "whiten3: W %.1e, y %.1e", d, e);
}

static void test_whiten_lengths(void)
{
  float x[3 * LENGTHS];
  double worst = 0.0;
  size_t n, i, a, b;
  int place = 1, guards = 1, status = 1;
  random_floats(x, 3 * LENGTHS, 33);
  for (n = 4; n < LENGTHS; n++) {
    float *y = fresh_f32(3 * n), *z = placed(x, 3 * n);
    double mean[3] = { 0.0, 0.0, 0.0 }, *w = fresh_f64(9);
    status &= rppg_dsp_whiten3(placed(x, 3 * n), n, y, w) == RPPG_OK;
    status &= rppg_dsp_whiten3(z, n, z, NULL) == RPPG_OK;
    place &= same_f32(y, z, 3 * n);
    for (i = 0; i < 3 * n; i++) mean[i % 3] += (double)y[i] / (double)n;
    for (a = 0; a < 3; a++)
      for (b = 0; b < 3; b++) {
        double c = a == b ? -1.0 : 0.0;
        for (i = 0; i < n; i++)
          c += ((double)y[3 * i + a] - mean[a]) * ((double)y[3 * i + b] - mean[b]) / (double)n;
        c = fabs(c) + fabs(mean[a]) + fabs(w[3 * a + b] - w[3 * b + a]) / fabs(w[0]);
        grow(&worst, c);
      }
    guards &= intact();
  }
  CHECK(status && worst <= SUMS, "whiten3: covariance is the identity, n = 4..%d: %.1e",
        LENGTHS - 1, worst);
  CHECK(place, "whiten3: in place, without w");
  CHECK(guards, "whiten3: y [n][3], w [3][3]");
}

static void test_whiten_errors(void)
{
  float x[60], *y = fresh_f32(60);
  double *w = fresh_f64(9);
  size_t n, i;
  int good = 1;
  random_floats(x, 60, 34);
  for (n = 0; n < 4; n++) good &= rppg_dsp_whiten3(x, n, y, w) == RPPG_ERR_DATA; /* rank n - 1 */
  CHECK(good, "whiten3: fewer than four samples are singular");
  for (i = 0; i < 20; i++) x[3 * i + 2] = x[3 * i] - x[3 * i + 1];
  good &= rppg_dsp_whiten3(x, 20, y, w) == RPPG_ERR_DATA;
  for (i = 0; i < 60; i++) x[i] = i % 3 == 0 ? 0.1f : i % 3 == 1 ? 0.7f : 0.3f;
  good &= rppg_dsp_whiten3(x, 20, y, w) == RPPG_ERR_DATA;
  random_floats(x, 60, 34);
  x[31] = (float)nan_now();
  good &= rppg_dsp_whiten3(x, 20, y, w) == RPPG_ERR_DATA;
  CHECK(good && all_ff(y, 240) && all_ff(w, 72) && intact(),
        "whiten3: dependent, constant and NaN are RPPG_ERR_DATA, y and w untouched");
}

/* ---- one hash for all machines --------------------------------------------------------------- */

static uint64_t hash_now;

static void hash_u64(uint64_t v) { hash_now = tap_fnv_u64(hash_now, v); }
static void hash_f32(const float *x, size_t n) { hash_now = tap_fnv_f32(hash_now, x, n); }
static void hash_f64(const double *x, size_t n) { while (n--) hash_now = tap_fnv_f64(hash_now, *x++); }

enum { H = 203 };
static float hash_x[3 * H], hash_y[3 * H];
static double hash_t[H];

static void hash_spectra(void)
{
  float out[3 * H];
  double d[3];
  size_t i;
  int kind;
  for (kind = 0; kind <= (int)RPPG_DSP_BOXCAR; kind++) {
    rppg_dsp_psd_config c = psd_config(60 + (size_t)kind);
    rppg_dsp_psd psd;
    rppg_dsp_window((rppg_dsp_window_kind)kind, 7.5, kind & 1, 37, out);
    hash_f32(out, 37);
    c.nfft = 100 + 27 * (size_t)kind;
    c.rate_hz = 29.97;
    c.beta = 9.0;
    c.window = (rppg_dsp_window_kind)kind;
    c.detrend = (rppg_dsp_detrend_kind)(kind % 3);
    psd_ready(&psd, &c, 0);
    rppg_dsp_psd_run(&psd, hash_x, H, out);
    hash_f32(out, psd.bins);
    intact();
  }
  rppg_dsp_lomb(hash_t, hash_x, H, 0.5, 0.03, 100, out);
  hash_f32(out, 100);
  for (i = 0; i < H; i++) {
    d[0] = rppg_dsp_vertex(hash_x, H, i, d + 1);
    d[2] = rppg_dsp_db((double)hash_x[i] * (double)hash_x[i] + 1e-9);
    hash_f64(d, 3);
  }
}

static void hash_filters(void)
{
  float y[2 * H];
  double work[2 * H];
  rppg_dsp_fft fft = complex_fft(H);
  int order, band;
  for (order = 1; order <= 8; order++)
    for (band = 0; band < 3; band++) {
      rppg_dsp_sos sos;
      rppg_dsp_iir f;
      rppg_dsp_butter(&sos, order, (rppg_dsp_band)band, 0.7, 3.1, 29.97);
      hash_f64(&sos.c[0][0], 5 * (size_t)sos.sections);
      rppg_dsp_iir_init(&f, &sos, (double)hash_x[0]);
      rppg_dsp_iir_run(&f, hash_x, H, y);
      hash_f32(y, H);
      rppg_dsp_filtfilt(&sos, hash_x, 100, y, work);
      hash_f32(y, 100);
    }
  for (band = 0; band < 3; band++) {
    float h[45];
    rppg_dsp_firwin(h, 45, (rppg_dsp_band)band, 0.7, 3.1, 29.97);
    hash_f32(h, 45);
    rppg_dsp_fir(hash_x, H, h, 45, y);
    hash_f32(y, H - 44);
  }
  rppg_dsp_moving(hash_x, H, 15, y, y + H);
  hash_f32(y, 2 * H);
  rppg_dsp_diff(hash_x, H, y);
  hash_f32(y, H - 1);
  rppg_dsp_analytic(&fft, hash_x, y);
  hash_f32(y, 2 * H);
  intact();
}

static void hash_rest(void)
{
  float y[2 * H];
  double work[4 * H], m[9], v[9], p;
  size_t index[H], count, i;
  int kind;
  rppg_dsp_peaks_config c = { -0.5f, 1, 0.25f, 3 };
  for (kind = 0; kind < 3; kind++) {
    rppg_dsp_detrend((rppg_dsp_detrend_kind)kind, hash_x, H, y);
    hash_f32(y, H);
    rppg_dsp_resample(hash_t, hash_x, H, (rppg_dsp_interp)kind, hash_t[0] - 0.1, 0.031, 2 * H, y,
                      work);
    hash_f32(y, 2 * H);
    rppg_dsp_smoothness(hash_x, H, kind == 0 ? 2.5 : kind == 1 ? 100.0 : 5e4, y, work);
    hash_f32(y, H);
  }
  count = rppg_dsp_peaks(hash_x, H, &c, index, y);
  for (i = 0; i < count; i++) hash_u64((uint64_t)index[i]);
  hash_f32(y, count);
  p = rppg_dsp_pearson(hash_x, hash_y, H);
  hash_f64(&p, 1);
  rppg_dsp_xcorr(hash_x, hash_y, H, 60, y);
  hash_f32(y, 121);
  rppg_dsp_whiten3(hash_x, H, hash_y, m);
  hash_f32(hash_y, 3 * H);
  hash_f64(m, 9);
  m[1] = m[3], m[2] = m[6], m[5] = m[7]; /* symmetric to the bit */
  rppg_dsp_eig3(m, work, v);
  hash_f64(work, 3);
  hash_f64(v, 9);
  for (i = 0; i < 4 * 40; i++) work[i] = (double)hash_x[i];
  rppg_dsp_qr(work, 40, 4, work, work + 200);
  hash_f64(work, 160);
  hash_f64(work + 200, 16);
}

/* Values that every machine must give; a change of them goes into CHANGES.md with its reason. */
static const uint64_t HASH_SPECTRA = UINT64_C(0x10833f5ef49187e4),
                      HASH_FILTERS = UINT64_C(0xebdd491418af0489),
                      HASH_REST = UINT64_C(0xdfb238cd35bc1edc);

static void test_hash(void)
{
  static const char *const names[] = { "spectra", "filters", "detrending to matrices" };
  static void (*const parts[])(void) = { hash_spectra, hash_filters, hash_rest };
  const uint64_t golden[] = { HASH_SPECTRA, HASH_FILTERS, HASH_REST };
  size_t i;
  int isa;
  TAP_EACH_ISA(isa) {
    random_floats(hash_x, 3 * H, 40);
    random_floats(hash_y, 3 * H, 41); /* all inputs exact: a fused sum would give the same */
    for (i = 0; i < H; i++) hash_t[i] = 17.0 + ((double)i + 0.375 * (double)hash_y[i]) / 32.0;
    for (i = 0; i < COUNT(parts); i++) {
      hash_now = TAP_FNV;
      parts[i]();
      CHECK(hash_now == golden[i], "hash of %s on %s: %08lx%08lx", names[i],
            rppg_isa_name((rppg_isa)isa),
            (unsigned long)(hash_now >> 32), (unsigned long)(hash_now & 0xffffffffu));
    }
  }
}

int main(void)
{
  test_names();
  test_arena();
  test_sqrt();
  test_log();
  test_sincospi();
  test_db();
  test_finite();
  test_windows_golden();
  test_windows_properties();
  test_windows_errors();
  test_psd_golden();
  test_psd_defaults();
  test_psd_parseval();
  test_psd_properties();
  test_psd_hop();
  test_psd_memory();
  test_psd_errors();
  test_lomb_golden();
  test_lomb_lengths();
  test_lomb_errors();
  test_vertex();
  test_butter_golden();
  test_butter_table();
  test_butter_properties();
  test_butter_errors();
  test_iir_golden();
  test_iir_properties();
  test_iir_nan();
  test_filtfilt_golden();
  test_filtfilt_lengths();
  test_filtfilt_f64();
  test_fir_golden();
  test_fir_errors();
  test_firwin_lengths();
  test_fir_lengths();
  test_fir_alignment();
  test_fir_stream();
  test_fir_properties();
  test_moving_golden();
  test_moving_lengths();
  test_moving_special();
  test_diff();
  test_analytic_golden();
  test_analytic_lengths();
  test_detrend_golden();
  test_detrend_lengths();
  test_smoothness_golden();
  test_smoothness_lengths();
  test_smoothness_lines();
  test_smoothness_errors();
  test_resample_golden();
  test_resample_lengths();
  test_resample_monotone();
  test_resample_errors();
  test_peaks_golden();
  test_peaks_lengths();
  test_peaks_conditions();
  test_correlation_golden();
  test_pearson();
  test_xcorr_lengths();
  test_xcorr_alignment();
  test_eig3_golden();
  test_eig3_properties();
  test_qr_golden();
  test_qr_lengths();
  test_qr_twice();
  test_whiten_golden();
  test_whiten_lengths();
  test_whiten_errors();
  test_hash();
  return tap_end();
}
