/* Tests of the FFT, the zoom and the Goertzel sum of rppg_dsp.h.
   cc -O2 -I. tests/test_fft.c -lm && ./a.out */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg_dsp.h"
#include "tap.h"
#include "golden/fft.h"

enum { MAX_N = 65536, MAX_MEM = 12 << 20, GUARD = 16 };
#define ERR_SMOOTH 2e-7 /* the bounds that the header states */
#define ERR_CHIRP  5e-7
#define GOLDEN     UINT64_C(0xe377620a40307f8c)

static unsigned char mem[MAX_MEM + 128], mem2[MAX_MEM + 128];
static float buf_a[2 * MAX_N + 64], buf_b[2 * MAX_N + 64], buf_c[2 * MAX_N + 64];
static uint32_t seed = 1;

static float noise(void) /* exact in float, so that every machine sees the same input */
{
  seed = seed * 1664525u + 1013904223u;
  return (float)((int32_t)(seed >> 8) - 8388608) * (1.0f / 8388608.0f);
}

static void fill(float *x, size_t n)
{
  seed = (uint32_t)n + 1u;
  while (n--) *x++ = noise();
}

static rppg_dsp_fft make(size_t n, int complex_input, void *block)
{
  rppg_dsp_fft f;
  rppg_dsp_fft_config c;
  size_t size;
  c.n = n;
  c.complex_input = complex_input;
  size = rppg_dsp_fft_mem_size(&c);
  if (size == 0 || size > MAX_MEM || rppg_dsp_fft_init(&f, &c, block, size) != RPPG_OK) {
    CHECK(0, "init n %lu, %lu bytes", (unsigned long)n, (unsigned long)size);
    memset(&f, 0, sizeof f);
  }
  return f;
}

static size_t out_floats(size_t n, int cx) { return cx ? 2 * n : 2 * (n / 2 + 1); }
static size_t in_floats(size_t n, int cx) { return cx ? 2 * n : n; }

static int smooth(size_t n)
{
  while (n % 2 == 0) n /= 2;
  while (n % 3 == 0) n /= 3;
  while (n % 5 == 0) n /= 5;
  return n == 1;
}

static double bound(size_t n) { return smooth(n) ? ERR_SMOOTH : ERR_CHIRP; }

static double dist(const float *a, const float *b, size_t n) /* RMS of a - b over RMS of b */
{
  double e = 0.0, p = 0.0;
  while (n--) {
    const double d = (double)a[n] - (double)b[n];
    e += d * d;
    p += (double)b[n] * (double)b[n];
  }
  return p > 0.0 ? rppg__sqrt(e / p) : rppg__sqrt(e);
}

/* One bin in double, term by term. */
static void dft_bin(const float *x, size_t n, int complex_input, size_t k, double y[2])
{
  double s, c;
  size_t j;
  y[0] = y[1] = 0.0;
  for (j = 0; j < n; j++) {
    const double re = (double)(complex_input ? x[2 * j] : x[j]);
    const double im = complex_input ? (double)x[2 * j + 1] : 0.0;
    rppg__sincospi(2.0 * (double)((uint64_t)j * k % n) / (double)n, &s, &c);
    y[0] += re * c + im * s;
    y[1] += im * c - re * s;
  }
}

static void test_sincospi(void)
{
  double s, c, e = 0.0;
  int i;
  for (i = -1000; i <= 1000; i++) {
    rppg__sincospi(i * 0.5, &s, &c);
    if (s != (double)((i & 1) ? ((i & 2) ? -1 : 1) : 0)) e = 1.0;
    if (c != (double)((i & 1) ? 0 : ((i & 2) ? -1 : 1))) e = 1.0;
  }
  CHECK(e == 0.0, "sincospi is exact at half integers");
  for (e = 0.0, i = 0; i < 20000; i++) {
    const double x = (double)noise() * 8.0;
    double d;
    rppg__sincospi(x, &s, &c);
    d = s * s + c * c - 1.0;
    if (d < 0.0) d = -d;
    if (d > e) e = d;
#ifndef RPPG_NO_LIBM
    if (x > -1.0 && x < 1.0) {
      d = s - sin(3.14159265358979323846 * x);
      if (d < 0.0) d = -d;
      if (d > 5e-16) e = 1.0;
    }
#endif
  }
  CHECK(e < 5e-16, "sin^2 + cos^2 = 1");
  rppg__sincospi(1.0 / 6.0, &s, &c);
  CHECK_NEAR(s, 0.5, 1.2e-16, "sin 30 degrees");
  CHECK_NEAR(c, 0.86602540378443864676, 1.2e-16, "cos 30 degrees");
  rppg__sincospi(1e300, &s, &c);
  CHECK(s == 0.0 && c == 1.0, "huge numbers are even integers");
}

static void test_golden_vectors(void)
{
  size_t i;
  for (i = 0; i < sizeof golden_real / sizeof *golden_real; i++) {
    const golden_fft *g = golden_real + i;
    rppg_dsp_fft f = make(g->n, 0, mem);
    rppg_dsp_fft_forward(&f, g->in, buf_a);
    CHECK(dist(buf_a, g->out, 2 * (g->n / 2 + 1)) < bound(g->n), "numpy rfft %d", (int)g->n);
    rppg_dsp_fft_inverse(&f, g->out, buf_a);
    CHECK(dist(buf_a, g->in, g->n) < 2.0 * bound(g->n), "numpy irfft %d", (int)g->n);
  }
  for (i = 0; i < sizeof golden_complex / sizeof *golden_complex; i++) {
    const golden_fft *g = golden_complex + i;
    rppg_dsp_fft f = make(g->n, 1, mem);
    rppg_dsp_fft_forward(&f, g->in, buf_a);
    CHECK(dist(buf_a, g->out, 2 * g->n) < bound(g->n), "numpy fft %d", (int)g->n);
    rppg_dsp_fft_inverse(&f, g->out, buf_a);
    CHECK(dist(buf_a, g->in, 2 * g->n) < 2.0 * bound(g->n), "numpy ifft %d", (int)g->n);
  }
  for (i = 0; i < sizeof golden_zooms / sizeof *golden_zooms; i++) {
    const golden_zoom *g = golden_zooms + i;
    rppg_dsp_zoom z;
    rppg_dsp_zoom_config c;
    size_t size;
    c.n = g->n; c.m = g->m; c.f0_hz = g->f0; c.f1_hz = g->f1; c.rate_hz = g->rate;
    size = rppg_dsp_zoom_mem_size(&c);
    CHECK(rppg_dsp_zoom_init(&z, &c, mem, size) == RPPG_OK, "zoom init %d", (int)i);
    rppg_dsp_zoom_run(&z, g->in, buf_a);
    CHECK(dist(buf_a, g->out, 2 * g->m) < ERR_CHIRP, "scipy zoom_fft %d", (int)i);
  }
}

static void test_dft(void)
{
  static const size_t large[] = { 1000, 1021, 1024, 3000, 4096, 6561, 8191, 10000, 15625, 16384,
    65521, 65536 };
  double worst[2] = { 0.0, 0.0 }, back = 0.0;
  size_t n, i, k;
  int cx;
  for (cx = 0; cx < 2; cx++)
    for (n = 1; n < 200; n++) {
      const size_t bins = out_floats(n, cx) / 2;
      rppg_dsp_fft f = make(n, cx, mem);
      double e = 0.0, p = 0.0;
      fill(buf_a, 2 * n);
      rppg_dsp_fft_forward(&f, buf_a, buf_b);
      for (k = 0; k < bins; k++) {
        double y[2];
        dft_bin(buf_a, n, cx, k, y);
        e += (y[0] - (double)buf_b[2 * k]) * (y[0] - (double)buf_b[2 * k]);
        e += (y[1] - (double)buf_b[2 * k + 1]) * (y[1] - (double)buf_b[2 * k + 1]);
        p += y[0] * y[0] + y[1] * y[1];
      }
      e = rppg__sqrt(e / p);
      if (e > worst[!smooth(n)]) worst[!smooth(n)] = e;
      rppg_dsp_fft_inverse(&f, buf_b, buf_c);
      e = dist(buf_c, buf_a, in_floats(n, cx)) / bound(n);
      if (e > back) back = e;
    }
  CHECK(worst[0] < ERR_SMOOTH, "n < 200 against a double sum, 2^a 3^b 5^c: %.2g", worst[0]);
  CHECK(worst[1] < ERR_CHIRP, "n < 200 against a double sum, other n: %.2g", worst[1]);
  CHECK(back < 2.0, "inverse(forward) for n < 200");
  for (cx = 0; cx < 2; cx++)
    for (i = 0; i < sizeof large / sizeof *large; i++) {
      rppg_dsp_fft f;
      double e = 0.0, p = 0.0;
      n = large[i];
      f = make(n, cx, mem);
      fill(buf_a, 2 * n);
      rppg_dsp_fft_forward(&f, buf_a, buf_b);
      for (k = 0; k < 20; k++) { /* spot checks, the rest by Parseval and the inverse */
        const size_t bin = k < 10 ? k * (n / 21) : n / 2 - (k - 10) * 7;
        double y[2];
        dft_bin(buf_a, n, cx, bin, y);
        e += (y[0] - (double)buf_b[2 * bin]) * (y[0] - (double)buf_b[2 * bin]);
        e += (y[1] - (double)buf_b[2 * bin + 1]) * (y[1] - (double)buf_b[2 * bin + 1]);
        p += y[0] * y[0] + y[1] * y[1];
      }
      e = rppg__sqrt(e / p);
      CHECK(e < bound(n), "n %d%s, 20 bins: %.2g", (int)n, cx ? " complex" : "", e);
      for (e = 0.0, k = 0; k < in_floats(n, cx); k++) e += (double)buf_a[k] * (double)buf_a[k];
      for (p = 0.0, k = 0; k < out_floats(n, cx) / 2; k++) {
        const double twice = !cx && k > 0 && 2 * k < n ? 2.0 : 1.0;
        const double re = (double)buf_b[2 * k], im = (double)buf_b[2 * k + 1];
        p += twice * (re * re + im * im);
      }
      CHECK_NEAR(p / (double)n / e, 1.0, 1e-6, "n %d Parseval", (int)n);
      rppg_dsp_fft_inverse(&f, buf_b, buf_c);
      CHECK(dist(buf_c, buf_a, in_floats(n, cx)) < 2.0 * bound(n), "n %d inverse(forward)", (int)n);
    }
}

static void test_properties(void)
{
  static const size_t sizes[] = { 2, 8, 31, 60, 128, 300, 1024 };
  size_t i, j;
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const size_t n = sizes[i];
    rppg_dsp_fft f = make(n, 1, mem);
    double s, c, e = 0.0;
    fill(buf_a, 4 * n); /* x and y; the transform of x + 2 y */
    for (j = 0; j < 2 * n; j++) buf_b[j] = buf_a[j] + 2.0f * buf_a[2 * n + j];
    rppg_dsp_fft_forward(&f, buf_b, buf_b);
    rppg_dsp_fft_forward(&f, buf_a, buf_c);
    rppg_dsp_fft_forward(&f, buf_a + 2 * n, buf_c + 2 * n);
    for (j = 0; j < 2 * n; j++) buf_c[j] += 2.0f * buf_c[2 * n + j];
    CHECK(dist(buf_b, buf_c, 2 * n) < 2.0 * bound(n), "n %d linear", (int)n);
    rppg_dsp_fft_forward(&f, buf_a, buf_c);
    for (j = 0; j < n; j++) memcpy(buf_b + 2 * j, buf_a + 2 * ((j + 1) % n), 2 * sizeof *buf_b);
    rppg_dsp_fft_forward(&f, buf_b, buf_b);
    for (j = 0; j < n; j++) {
      double d;
      rppg__sincospi(2.0 * (double)j / (double)n, &s, &c);
      d = (double)buf_c[2 * j] * c - (double)buf_c[2 * j + 1] * s - (double)buf_b[2 * j];
      e += d * d;
      d = (double)buf_c[2 * j] * s + (double)buf_c[2 * j + 1] * c - (double)buf_b[2 * j + 1];
      e += d * d;
    }
    CHECK(rppg__sqrt(e / (double)n / (double)n) < bound(n), "n %d shift", (int)n);
    memset(buf_b, 0, 2 * n * sizeof *buf_b);
    buf_b[0] = 1.0f;
    rppg_dsp_fft_forward(&f, buf_b, buf_b);
    for (e = 0.0, j = 0; j < n; j++) {
      const double d = (double)buf_b[2 * j] - 1.0, g = (double)buf_b[2 * j + 1];
      e += d * d + g * g;
    }
    CHECK(rppg__sqrt(e / (double)n) < bound(n), "n %d impulse", (int)n);
  }
}

static int guards(const float *p)
{
  int i;
  for (i = 0; i < GUARD; i++)
    if (p[i] != 12345.0f) return 0;
  return 1;
}

/* Every offset of in and out, in place, overlapping; guards; any place of the block; any
   instruction set: always the bits of the first run. */
static void test_places(void)
{
  static const size_t sizes[] = { 1, 2, 3, 7, 14, 15, 16, 32, 45, 60, 64, 96, 128, 150, 210, 256,
    300, 500, 512 };
  size_t i, j, off;
  int cx, isa;
  for (cx = 0; cx < 2; cx++)
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      const size_t n = sizes[i], ni = in_floats(n, cx), no = out_floats(n, cx);
      const char *kind = cx ? " complex" : "";
      int same = 1, back = 1, place = 1, intact = 1;
      rppg_dsp_fft f;
      float *first = buf_c, *second = buf_c + 2 * n + 64;
      fill(buf_a, ni);
      rppg__isa_force(RPPG_ISA_BASE);
      f = make(n, cx, mem);
      rppg_dsp_fft_forward(&f, buf_a, first);
      rppg_dsp_fft_inverse(&f, first, second);
      TAP_EACH_ISA(isa) {
        for (off = 0; off < 64; off++) {
          float *in = buf_a + 16 + off % 16, *out = buf_b + GUARD + (off / 4 + off) % 16;
          for (j = 0; j < 2 * n + 64; j++) buf_b[j] = 12345.0f;
          fill(in, ni);
          f = make(n, cx, mem2 + off);
          rppg_dsp_fft_forward(&f, in, out);
          same &= memcmp(out, first, no * sizeof *out) == 0;
          intact &= guards(out - GUARD) && guards(out + no);
          for (j = 0; j < ni; j++) intact &= in[j] == buf_a[16 + off % 16 + j];
          memcpy(in, out, no * sizeof *in);
          for (j = 0; j < 2 * n + 64; j++) buf_b[j] = 12345.0f;
          rppg_dsp_fft_inverse(&f, in, out);
          back &= memcmp(out, second, ni * sizeof *out) == 0;
          intact &= guards(out - GUARD) && guards(out + ni);
          fill(in, ni); /* out begins off / 8 floats behind in, then in front of it */
          rppg_dsp_fft_forward(&f, in, in + off / 8);
          place &= memcmp(in + off / 8, first, no * sizeof *in) == 0;
          fill(in, ni);
          rppg_dsp_fft_forward(&f, in, in - off / 8);
          place &= memcmp(in - off / 8, first, no * sizeof *in) == 0;
          memcpy(in, first, no * sizeof *in);
          rppg_dsp_fft_inverse(&f, in, in + off / 8);
          place &= memcmp(in + off / 8, second, ni * sizeof *in) == 0;
        }
      }
      CHECK(same, "n %d%s: every ISA, offset and block gives the bits of BASE", (int)n, kind);
      CHECK(back, "n %d%s: and so does the inverse", (int)n, kind);
      CHECK(place, "n %d%s: in place and overlapping", (int)n, kind);
      CHECK(intact, "n %d%s: nothing beside the output is written", (int)n, kind);
    }
}

static void test_refusals(void)
{
  rppg_dsp_fft f, g;
  rppg_dsp_fft_config c;
  rppg_dsp_zoom z;
  rppg_dsp_zoom_config zc;
  size_t n, size;
  int ok = 1;
  memset(&f, 7, sizeof f);
  g = f;
  for (n = 1; n < 300; n++) {
    c.n = n;
    c.complex_input = (int)(n & 1);
    size = rppg_dsp_fft_mem_size(&c);
    memset(mem, 9, size);
    ok &= rppg_dsp_fft_init(&f, &c, mem, size - 1) == RPPG_ERR_SPACE;
    ok &= mem[0] == 9 && mem[size - 1] == 9;
    ok &= memcmp(&f, &g, sizeof f) == 0;
    mem[size] = 77;
    ok &= rppg_dsp_fft_init(&f, &c, mem, size) == RPPG_OK && mem[size] == 77;
    f = g;
  }
  CHECK(ok, "one byte too few is refused, nothing touched");
  c.n = 0;
  CHECK(rppg_dsp_fft_mem_size(&c) == 0, "n = 0");
  CHECK(rppg_dsp_fft_init(&f, &c, mem, MAX_MEM) == RPPG_ERR_ARG, "n = 0, init");
  c.n = RPPG_DSP_FFT_MAX + 1;
  CHECK(rppg_dsp_fft_mem_size(&c) == 0, "n too large");
  CHECK(rppg_dsp_fft_init(&f, &c, mem, MAX_MEM) == RPPG_ERR_ARG, "n too large, init");
  c.n = (size_t)-1;
  CHECK(rppg_dsp_fft_mem_size(&c) == 0, "n absurd");
  CHECK(rppg_dsp_fft_mem_size(NULL) == 0, "no config");
  c.n = RPPG_DSP_FFT_MAX;
  CHECK(rppg_dsp_fft_mem_size(&c) > 0, "largest n");
  zc.n = 100; zc.m = 50; zc.f0_hz = 0.5; zc.f1_hz = 4.0; zc.rate_hz = 30.0;
  size = rppg_dsp_zoom_mem_size(&zc);
  CHECK(size > 0, "zoom: size");
  CHECK(rppg_dsp_zoom_init(&z, &zc, mem, size - 1) == RPPG_ERR_SPACE, "zoom: one byte too few");
  CHECK(rppg_dsp_zoom_init(&z, &zc, mem + 3, size) == RPPG_OK, "zoom: enough");
  zc.m = 0;
  CHECK(rppg_dsp_zoom_mem_size(&zc) == 0, "zoom: no bins");
  zc.m = RPPG_DSP_FFT_MAX;
  CHECK(rppg_dsp_zoom_mem_size(&zc) == 0, "zoom: too many bins");
  zc.m = 50;
  zc.f1_hz = 31.0;
  CHECK(rppg_dsp_zoom_mem_size(&zc) == 0, "zoom: frequency over the rate");
  zc.f1_hz = 4.0;
  zc.rate_hz = 0.0;
  CHECK(rppg_dsp_zoom_mem_size(&zc) == 0, "zoom: rate 0");
}

static void test_goertzel(void)
{
  static const double hz[] = { 0.0, 1e-6, 0.01, 0.7, 1.2345, 7.4999, 7.5, 7.5001, 14.99, 15.0, 22.0,
    -1.2 };
  size_t i, j, n;
  for (n = 0; n <= 3000; n = n < 4 ? n + 1 : n * 9) {
    double worst = 0.0;
    fill(buf_a, n);
    for (i = 0; i < sizeof hz / sizeof *hz; i++) {
      double y[2], re = 0.0, im = 0.0, s, c, e, p = 0.0;
      rppg_dsp_goertzel(buf_a, n, hz[i], 30.0, y);
      for (j = 0; j < n; j++) {
        rppg__sincospi(2.0 * hz[i] / 30.0 * (double)j, &s, &c);
        re += (double)buf_a[j] * c;
        im -= (double)buf_a[j] * s;
        p += (double)buf_a[j] * (double)buf_a[j];
      }
      e = (y[0] - re) * (y[0] - re) + (y[1] - im) * (y[1] - im);
      e = rppg__sqrt(e / (p + 1e-30));
      if (e > worst) worst = e;
    }
    CHECK(worst < 1e-12, "goertzel n %d: %.2g", (int)n, worst);
  }
}

static void test_zoom_large(void)
{
  rppg_dsp_zoom z;
  rppg_dsp_zoom_config c;
  double e = 0.0, p = 0.0;
  size_t k;
  c.n = 20000; c.m = 3001; c.f0_hz = 0.7; c.f1_hz = 4.0; c.rate_hz = 250.0;
  fill(buf_a, c.n);
  CHECK(rppg_dsp_zoom_init(&z, &c, mem, rppg_dsp_zoom_mem_size(&c)) == RPPG_OK, "large zoom");
  rppg_dsp_zoom_run(&z, buf_a, buf_b);
  for (k = 0; k < c.m; k += 100) {
    double y[2];
    const double hz = c.f0_hz + (double)k * ((c.f1_hz - c.f0_hz) / 3000.0);
    rppg_dsp_goertzel(buf_a, c.n, hz, c.rate_hz, y);
    e += (y[0] - (double)buf_b[2 * k]) * (y[0] - (double)buf_b[2 * k]);
    e += (y[1] - (double)buf_b[2 * k + 1]) * (y[1] - (double)buf_b[2 * k + 1]);
    p += y[0] * y[0] + y[1] * y[1];
  }
  CHECK(rppg__sqrt(e / p) < ERR_CHIRP, "zoom against goertzel: %.2g", rppg__sqrt(e / p));
}

/* One number for all machines. */
static uint64_t golden_hash(void)
{
  static const size_t sizes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 16, 20, 30, 31, 32, 45, 50, 63,
    64, 75, 90, 97, 100, 125, 128, 150, 192, 225, 250, 256, 300, 320, 375, 450, 511, 512, 600, 640, 729,
    750, 900, 1000, 1024, 1536, 2048, 4096, 8192 };
  uint64_t h = TAP_FNV;
  size_t i;
  int cx;
  rppg_dsp_zoom z;
  rppg_dsp_zoom_config c;
  double y[2];
  float v[2];
  for (cx = 0; cx < 2; cx++)
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      const size_t n = sizes[i];
      rppg_dsp_fft f = make(n, cx, mem);
      fill(buf_a, 2 * n);
      rppg_dsp_fft_forward(&f, buf_a, buf_b);
      h = tap_fnv_f32(h, buf_b, out_floats(n, cx));
      rppg_dsp_fft_inverse(&f, buf_b, buf_b);
      h = tap_fnv_f32(h, buf_b, in_floats(n, cx));
    }
  c.n = 300; c.m = 167; c.f0_hz = 0.65; c.f1_hz = 4.1; c.rate_hz = 29.97;
  rppg_dsp_zoom_init(&z, &c, mem, rppg_dsp_zoom_mem_size(&c));
  rppg_dsp_zoom_run(&z, buf_a, buf_b);
  h = tap_fnv_f32(h, buf_b, 2 * c.m);
  rppg_dsp_goertzel(buf_a, 300, 1.3, 29.97, y);
  v[0] = (float)y[0];
  v[1] = (float)y[1];
  return tap_fnv_f32(h, v, 2);
}

int main(void)
{
  int isa;
  test_sincospi();
  test_golden_vectors();
  test_dft();
  test_properties();
  test_places();
  test_refusals();
  test_goertzel();
  test_zoom_large();
  TAP_EACH_ISA(isa) {
    const uint64_t h = golden_hash();
    CHECK(h == GOLDEN, "golden hash, %s: 0x%08lx%08lx", rppg_isa_name((rppg_isa)isa),
      (unsigned long)(h >> 32), (unsigned long)(h & 0xffffffffu));
  }
  return tap_end();
}
