/* trace.h - colour traces, and what is asked of the pulses they give: of test_pulse.c and
   test_methods.c. Include after rppg.h.                                                          */
#ifndef RPPG_TRACE_H
#define RPPG_TRACE_H

static uint32_t seed = 1;
static uint32_t rnd(void) { seed = seed * 1664525u + 1013904223u; return seed >> 8; }

/* Skin-like colours, multiples of 1/256: a triangle wave of 72 bpm at 30 Hz for a pulse, drift, noise. */
static void fill(float *x, size_t n, uint32_t start, int noise)
{
  static const int skin[3] = { 46000, 31000, 25000 }, blood[3] = { 150, 240, 130 }, light[3] = { 3, 2, 2 };
  size_t i;
  int c;
  seed = start;
  for (i = 0; i < n; i++) {
    const int phase = (int)(i * 4 % 100), wave = (phase < 50 ? phase : 100 - phase) - 25, sway = (int)(i % 61) - 30;
    for (c = 0; c < 3; c++)
      x[3 * i + (size_t)c] = (float)(skin[c] - blood[c] * wave / 25 + light[c] * sway * 3 + (int)(rnd() % (uint32_t)noise)) / 256.0f;
  }
}

static rppg_pulse_config config(int method, double rate_hz, int toolbox)
{
  rppg_pulse_config c;
  memset(&c, 0, sizeof c);
  c.method = method;
  c.rate_hz = rate_hz;
  c.toolbox = toolbox;
  return c;
}

static double magnitude(double x) { return x < 0.0 ? -x : x; }

static double range(const float *x, size_t n)
{
  float lo = x[0], hi = x[0];
  for (; n--; x++) {
    if (*x < lo) lo = *x;
    if (*x > hi) hi = *x;
  }
  return (double)hi - (double)lo;
}

/* Largest difference; huge if anything is not finite. */
static double dist(const float *a, const float *b, size_t n)
{
  double e = 0.0;
  for (; n--; a++, b++) {
    const double d = magnitude((double)*a - (double)*b);
    if (!rppg__finite(d)) return 1e300;
    if (d > e) e = d;
  }
  return e;
}

static double largest(const float *a, size_t n)
{
  double e = 0.0;
  for (; n--; a++) {
    if (!rppg__finite((double)*a)) return 1e300;
    if (magnitude((double)*a) > e) e = magnitude((double)*a);
  }
  return e;
}

static int same(const float *a, const float *b, size_t n) { return memcmp(a, b, n * sizeof *a) == 0; }

#endif
