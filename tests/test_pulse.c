/* Tests of the pulse methods of rppg.h: against vectors of tests/golden/make_pulse.py, against
   plain loops over windows, and for what the header promises about them.
   cc -O2 tests/test_pulse.c -lm && ./a.out */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg.h"
#include "tap.h"
#include "trace.h"
#include "golden/pulse.h"

#define GOLDEN UINT64_C(0x8f2a1caab0541625)

enum { LONG = 20000, MAX_N = 700, MAX_WORK = 8192, MAX_MEM = 1 << 15 };
static float in[3 * LONG], out[LONG], ref[LONG];
static double work[MAX_WORK], weight[LONG][4];
static unsigned char mem[MAX_MEM + 64];
static const char *const methods[] = { "POS", "CHROM", "GREEN" };

static rppg_pulse stream(int method, double rate_hz)
{
  const rppg_pulse_config c = config(method, rate_hz, 0);
  rppg_pulse p;
  if (rppg_pulse_init(&p, &c, mem, rppg_pulse_mem_size(&c)) != RPPG_OK) {
    CHECK(0, "init, %s at %g", methods[method], rate_hz);
    memset(&p, 0, sizeof p);
  }
  return p;
}

/* What a stream gives with its tail. */
static size_t run(rppg_pulse *p, const float *rgb, size_t n, float *y)
{
  size_t i, k = 0;
  for (i = 0; i < n; i++) k += (size_t)rppg_pulse_push(p, rgb + 3 * i, y + k);
  return k + rppg_pulse_tail(p, y + k);
}

/* ---- golden vectors --------------------------------------------------------------------------- */

static void test_golden(const gold_pulse *g)
{
  const float *const want[4] = { g->pos, g->chrom, g->pos_toolbox, g->chrom_toolbox };
  int k;
  for (k = 0; k < 4; k++) {
    const rppg_pulse_config c = config(k % 2, g->rate_hz, k / 2);
    const size_t n = k == 3 ? g->n_chrom : g->n;
    size_t got = 12345;
    const rppg_status status = rppg_pulse_signal(&c, g->rgb, g->n, out, &got, work);
    if (want[k] == NULL) {
      CHECK(status == RPPG_ERR_ARG, "%s of the toolbox at %g is refused", methods[k % 2], g->rate_hz);
      continue;
    }
    CHECK(status == RPPG_OK && got == n, "%s%s at %g, %u samples", methods[k % 2], k / 2 ? " of the toolbox" : "",
          g->rate_hz, (unsigned)g->n);
    CHECK(dist(out, want[k], n) <= 1e-5 * range(want[k], n) + 1e-15, "... as NumPy: %.2g of the range",
          dist(out, want[k], n) / (range(want[k], n) + 1e-30));
  }
}

/* ---- streams ------------------------------------------------------------------------------------ */

static void test_stream(int method, double rate_hz)
{
  const rppg_pulse_config c = config(method, rate_hz, 0);
  const size_t l = rppg_pulse_window(rate_hz), late = method == RPPG_GREEN ? 0 : l - 1;
  rppg_pulse p = stream(method, rate_hz);
  size_t n, k, got, bad = 0, i;
  fill(in, MAX_N, 5, 64);
  for (i = 0, k = 0; i < MAX_N; i++) {
    const int one = rppg_pulse_push(&p, in + 3 * i, out + k);
    bad += one != (i >= late);
    k += (size_t)one;
    if (i + 1 < l) bad += rppg_pulse_tail(&p, ref) != 0;
  }
  bad += k + rppg_pulse_tail(&p, out + k) != MAX_N;
  CHECK(bad == 0, "%s at %g: one sample out for each one in, a window less one late", methods[method], rate_hz);
  CHECK(rppg_pulse_signal(&c, in, MAX_N, ref, &got, work) == RPPG_OK && got == MAX_N && same(out, ref, MAX_N),
        "... a stream and its tail are the whole signal, bit for bit");
  for (bad = 0, n = l; n < 3 * l && n < MAX_N; n += l / 7 + 1) { /* tails anywhere, and again after it */
    rppg_pulse_reset(&p);
    for (i = k = 0; i < n; i++) {
      k += (size_t)rppg_pulse_push(&p, in + 3 * i, out + k);
      if (i % 3 == 0) rppg_pulse_tail(&p, ref);
    }
    got = rppg_pulse_tail(&p, out + k);
    bad += got != late || k + got != n;
    bad += rppg_pulse_signal(&c, in, n, ref, NULL, work) != RPPG_OK || !same(out, ref, n);
    if (late) bad += !same(out, ref, k); /* what came out is final */
  }
  CHECK(bad == 0, "... at any length, and after a reset");
  if (late) {
    rppg_pulse_signal(&c, in, MAX_N, ref, NULL, work);
    rppg_pulse_reset(&p);
    for (i = k = 0; i < 2 * l; i++) k += (size_t)rppg_pulse_push(&p, in + 3 * i, out + k);
    CHECK(same(out, ref, k), "... final samples do not change when more follow");
  }
}

/* Windows one by one: weights from sums about the mean, then the mean over windows. */
static void direct(int method, size_t l, const float *rgb, size_t n, float *y)
{
  static const double project[2][2][3] = { { { 0, 1, -1 }, { -2, 1, 1 } }, { { 3, -2, 0 }, { 1.5, 1, -1.5 } } };
  size_t m, i, w;
  int c;
  for (m = 0; m + l <= n; m++) {
    double mean[3] = { 0, 0, 0 }, s[2], mid[2] = { 0, 0 }, var[2] = { 0, 0 }, alpha, sign;
    for (i = m; i < m + l; i++)
      for (c = 0; c < 3; c++) mean[c] += (double)rgb[3 * i + (size_t)c] / (double)l;
    for (w = 0; w < 2; w++)
      for (c = 0; c < 3; c++) mid[w] += project[method][w][c];
    for (i = m; i < m + l; i++)
      for (w = 0; w < 2; w++) {
        for (s[w] = -mid[w], c = 0; c < 3; c++) s[w] += project[method][w][c] * (double)rgb[3 * i + (size_t)c] / mean[c];
        var[w] += s[w] * s[w];
      }
    alpha = rppg__sqrt(var[0] / var[1]);
    sign = method == RPPG_CHROM ? -1.0 : 1.0;
    if (method == RPPG_CHROM) alpha = -alpha;
    for (c = 0; c < 3; c++) weight[m][c] = sign * (project[method][0][c] + alpha * project[method][1][c]) / mean[c];
    weight[m][3] = -sign * (mid[0] + alpha * mid[1]);
  }
  for (i = 0; i < n; i++) {
    const size_t first = i + 1 > l ? i + 1 - l : 0, last = i + l <= n ? i : n - l;
    double sum = 0.0;
    for (w = first; w <= last; w++) {
      sum += weight[w][3];
      for (c = 0; c < 3; c++) sum += weight[w][c] * (double)rgb[3 * i + (size_t)c];
    }
    y[i] = (float)(sum / (double)(last - first + 1));
  }
}

static void test_long(int method)
{
  const size_t l = rppg_pulse_window(30.0);
  rppg_pulse p = stream(method, 30.0);
  size_t i;
  fill(in, LONG, 77, 64);
  for (i = 0; i < LONG; i++) { /* the light goes down to a fiftieth, and back at once */
    const float dim = 1.0f - (float)(i % 10000) / 10204.0f;
    in[3 * i] *= dim; in[3 * i + 1] *= dim; in[3 * i + 2] *= dim;
  }
  run(&p, in, LONG, out);
  direct(method, l, in, LONG, ref);
  CHECK(dist(out, ref, LONG) < 3e-7 * range(ref, LONG), "%s: 20,000 samples, as windows summed one by one: %.2g",
        methods[method], dist(out, ref, LONG) / range(ref, LONG));
  in[3 * 500] = 3e9f; /* running sums lose all digits of the rest; only fresh ones have them again */
  rppg_pulse_reset(&p);
  run(&p, in, 2000, out);
  CHECK(dist(out + 500 + 3 * l, ref + 500 + 3 * l, 1000) < 3e-7 * range(ref + 500 + 3 * l, 1000),
        "... a wild value is forgotten after three windows");
}

static void test_not_finite(int method)
{
  const size_t l = rppg_pulse_window(30.0);
  const double zero = 0.0;
  size_t k;
  fill(in, 2000, 78, 64);
  direct(method, l, in, 2000, ref);
  for (k = 0; k < 3; k++) {
    rppg_pulse p = stream(method, 30.0);
    const float was = in[3 * 500 + k];
    in[3 * 500 + k] = (float)(k ? 1.0 / zero : zero / zero);
    run(&p, in, 1600, out);
    in[3 * 500 + k] = was;
    CHECK(dist(out, ref, 500 - l) < 3e-7 * range(ref, 500) &&
          dist(out + 500 + 3 * l, ref + 500 + 3 * l, 900) < 3e-7 * range(ref, 500),
          "%s: a value that is not finite is forgotten after three windows", methods[method]);
  }
}

static void test_scale(int method, int toolbox)
{
  const rppg_pulse_config c = config(method, 30.0, toolbox);
  float y[300];
  size_t i, n = 0, m = 0;
  int k, bad = 0;
  fill(in, 300, 9, 64);
  bad += rppg_pulse_signal(&c, in, 300, ref, &n, work) != RPPG_OK;
  for (k = -24; k <= 24; k += 8) {
    const float scale = k < 0 ? 1.0f / (float)(1 << -k) : (float)(1 << k);
    for (i = 0; i < 900; i++) in[1000 + i] = in[i] * scale;
    bad += rppg_pulse_signal(&c, in + 1000, 300, y, &m, work) != RPPG_OK || m != n;
    if (method == RPPG_GREEN) for (i = 0; i < n; i++) y[i] /= scale;
    bad += !same(y, ref, n);
  }
  CHECK(bad == 0, "%s%s: powers of 2 change nothing", methods[method], toolbox ? " of the toolbox" : "");
  for (i = 0; i < 900; i++) in[1000 + i] = in[i] * 3.0f;
  rppg_pulse_signal(&c, in + 1000, 300, y, &m, work);
  if (method == RPPG_GREEN) for (i = 0; i < n; i++) y[i] /= 3.0f;
  CHECK(dist(y, ref, n) < 1e-4 * range(ref, n), "... nor does 3, but for the rounding of the input: %.2g",
        dist(y, ref, n) / range(ref, n));
}

/* ---- inputs without a pulse ----------------------------------------------------------------------- */

static void test_degenerate(int method)
{
  static const float flat[4][3] = { { 100.0f, 100.0f, 100.0f }, { 181.3f, 120.7f, 95.1f }, { 0.1f, 0.7f, 0.3f }, { 1e-20f, 1e20f, 3.0f } };
  rppg_pulse_config c = config(method, 30.0, 0);
  size_t i, k, n;
  int bad = 0, status;
  for (k = 0; k < 4; k++) {
    for (i = 0; i < 900; i++) in[i] = flat[k][i % 3];
    c.toolbox = 0;
    bad += rppg_pulse_signal(&c, in, 300, out, &n, work) != RPPG_OK || largest(out, n) > 1e-6;
    c.toolbox = 1; /* rounding may leave the trace of a variation */
    status = rppg_pulse_signal(&c, in, 300, out, &n, work);
    bad += status != RPPG_ERR_DATA && !(status == RPPG_OK && largest(out, n) < 1e-6);
  }
  CHECK(bad == 0, "%s: constant colours have no pulse", methods[method]);
  for (bad = 0, k = 0; k < 3; k++) {
    fill(in, 300, 3, 64);
    for (i = 0; i < 300; i++) in[3 * i + k] = 0.0f;
    c.toolbox = 0;
    bad += rppg_pulse_signal(&c, in, 300, out, &n, work) != RPPG_OK || largest(out, n) != 0.0;
    c.toolbox = 1;
    bad += rppg_pulse_signal(&c, in, 300, out, &n, work) != RPPG_ERR_DATA;
    fill(in, 300, 3, 64);
    for (i = 0; i < 300; i++) in[3 * i + k] = -in[3 * i + k];
    c.toolbox = 0;
    bad += rppg_pulse_signal(&c, in, 300, out, &n, work) != RPPG_OK || largest(out, n) != 0.0;
  }
  CHECK(bad == 0, "%s: a channel of zeros, or below: 0; the toolbox divides by it and is refused", methods[method]);
  fill(in, 300, 3, 64);
  for (i = 0; i < 300; i++) in[3 * i + 1] = in[3 * i + 2] = in[3 * i]; /* a grey camera */
  c.toolbox = 0;
  CHECK(rppg_pulse_signal(&c, in, 300, out, &n, work) == RPPG_OK && largest(out, n) < 1e-6, "%s: greys cancel",
        methods[method]);
}

static void test_signal_refusals(void)
{
  const double zero = 0.0;
  const float wild[3] = { (float)(zero / zero), (float)(1.0 / zero), (float)(-1.0 / zero) };
  rppg_pulse_config c;
  size_t i, n, k;
  int method, toolbox, bad;
  fill(in, 300, 4, 64);
  for (method = RPPG_POS; method <= RPPG_GREEN; method++)
    for (toolbox = 0; toolbox < 2; toolbox++) {
      c = config(method, 30.0, toolbox);
      for (bad = 0, i = 0; i < 900; i += 37)
        for (k = 0; k < 3; k++) {
          const float was = in[i];
          in[i] = wild[k];
          bad += rppg_pulse_signal(&c, in, 300, out, &n, work) != RPPG_ERR_DATA;
          in[i] = was;
        }
      bad += rppg_pulse_signal(&c, in, 300, out, &n, work) != RPPG_OK;
      CHECK(bad == 0, "%s%s: NaN and infinity are refused", methods[method], toolbox ? " of the toolbox" : "");
      for (bad = 0, i = 0; i < 48; i++) bad += rppg_pulse_signal(&c, in, i, out, &n, work) != RPPG_ERR_DATA;
      bad += rppg_pulse_signal(&c, in, 48, out, &n, work) != RPPG_OK;
      c.rate_hz = 10.0;
      bad += rppg_pulse_signal(&c, in, 21, out, &n, work) != (toolbox ? RPPG_ERR_DATA : RPPG_OK);
      CHECK(bad == 0, "... and fewer samples than a window");
      bad = rppg_pulse_signal(&c, NULL, 300, out, &n, work) != RPPG_ERR_ARG;
      bad += rppg_pulse_signal(&c, in, 300, NULL, &n, work) != RPPG_ERR_ARG;
      bad += rppg_pulse_signal(&c, in, 300, out, &n, NULL) != RPPG_ERR_ARG;
      bad += rppg_pulse_signal(NULL, in, 300, out, &n, work) != RPPG_ERR_ARG;
      CHECK(bad == 0, "... and missing arguments");
    }
  c = config(RPPG_POS, 6.0, 1);
  CHECK(rppg_pulse_signal(&c, in, 300, out, &n, work) == RPPG_ERR_ARG, "toolbox POS at 6 Hz: no room for its band");
  c = config(RPPG_CHROM, 12.5, 1);
  CHECK(rppg_pulse_signal(&c, in, 300, out, &n, work) == RPPG_ERR_ARG, "toolbox CHROM at 12.5 Hz: windows too short to filter");
  c.rate_hz = 12.6;
  CHECK(rppg_pulse_signal(&c, in, 300, out, &n, work) == RPPG_OK && n == 297, "... at 12.6 Hz it works");
}

static void test_config(void)
{
  const double zero = 0.0;
  const double bad_rates[] = { 0.0, -30.0, 4.999, 250.001, 1e300, zero / zero, 1.0 / zero, -1.0 / zero };
  static const struct { double rate; size_t window; } w[] = { { 5, 8 }, { 7, 12 }, { 10, 16 }, { 15, 24 }, { 24, 39 },
    { 25, 40 }, { 29.97, 48 }, { 30, 48 }, { 31.25, 50 }, { 60, 96 }, { 90, 144 }, { 120, 192 }, { 250, 400 } };
  rppg_pulse p, q;
  rppg_pulse_config c;
  size_t i, size;
  int bad = 0, k;
  for (i = 0; i < sizeof w / sizeof *w; i++) bad += rppg_pulse_window(w[i].rate) != w[i].window;
  CHECK(bad == 0, "a window is 1.6 s, rounded up");
  memset(&q, 0x5a, sizeof q);
  for (bad = 0, k = -2; k < 40; k++) {
    const size_t rates = sizeof bad_rates / sizeof *bad_rates;
    const int good = (k >= RPPG_POS && k <= RPPG_GREEN) || k == RPPG_NIR, whole = k >= RPPG_PBV && k <= RPPG_PCA;
    for (i = 0; i <= rates; i++) {
      if ((good || whole) && i == rates) continue; /* tests/test_methods.c has the whole ones */
      c = config(k, i == rates ? 30.0 : bad_rates[i], 0);
      p = q;
      bad += rppg_pulse_mem_size(&c) != 0 || rppg_pulse_signal_work(&c, 300) != 0;
      bad += rppg_pulse_init(&p, &c, mem, sizeof mem) != RPPG_ERR_ARG || memcmp(&p, &q, sizeof p) != 0;
      bad += rppg_pulse_signal(&c, in, 300, out, NULL, work) != RPPG_ERR_ARG;
    }
  }
  CHECK(bad == 0, "methods and rates out of range are refused");
  CHECK(rppg_pulse_mem_size(NULL) == 0 && rppg_pulse_init(&p, NULL, mem, sizeof mem) == RPPG_ERR_ARG, "no config");
  c = config(RPPG_POS, 30.0, 0);
  size = rppg_pulse_mem_size(&c);
  CHECK(rppg_pulse_init(NULL, &c, mem, size) == RPPG_ERR_ARG && rppg_pulse_init(&p, &c, NULL, size) == RPPG_ERR_ARG,
        "no object, no block");
  CHECK(rppg_pulse_signal_work(&c, (size_t)-1) == 0 && rppg_pulse_signal_work(&c, (size_t)-1 / 32) == 0, "absurd lengths have no work size");
}

/* The block at any offset, nothing beside it touched, a byte less refused. */
static void test_block(int method, double rate_hz)
{
  const rppg_pulse_config c = config(method, rate_hz, 0);
  const size_t size = rppg_pulse_mem_size(&c);
  rppg_pulse p, q;
  size_t i, k;
  int bad = 0, space = 0;
  fill(in, MAX_N, 6, 64);
  rppg_pulse_signal(&c, in, MAX_N, ref, NULL, work);
  memset(&q, 0x5a, sizeof q);
  for (i = 0; i < 64; i++) {
    memset(mem, 0xa7, sizeof mem);
    p = q;
    space += rppg_pulse_init(&p, &c, mem + i, size - 1) != RPPG_ERR_SPACE || memcmp(&p, &q, sizeof p) != 0;
    bad += rppg_pulse_init(&p, &c, mem + i, size) != RPPG_OK;
    bad += run(&p, in, MAX_N, out) != MAX_N || !same(out, ref, MAX_N);
    for (k = 0; k < i; k++) bad += mem[k] != 0xa7;
    for (k = i + size; k < sizeof mem; k++) bad += mem[k] != 0xa7;
  }
  CHECK(size > 0 && size <= MAX_MEM && bad == 0, "%s at %g: a block of %u bytes at any offset", methods[method], rate_hz, (unsigned)size);
  CHECK(space == 0, "... and one byte less is refused");
}

static void test_guards(int method, int toolbox, double rate_hz)
{
  const rppg_pulse_config c = config(method, rate_hz, toolbox);
  const size_t least = rppg_pulse_window(rate_hz) < 22 ? 22 : rppg_pulse_window(rate_hz);
  size_t n, i, k;
  int bad = 0;
  fill(in, MAX_N, 8, 64);
  for (n = least; n < MAX_N; n += n < least + 4 ? 1 : 93) {
    const size_t size = rppg_pulse_signal_work(&c, n);
    size_t got = 0;
    if (size == 0 || size >= MAX_WORK) { bad++; continue; }
    for (k = 0; k < 2; k++) { /* whatever work and pulse hold before */
      for (i = 0; i < MAX_WORK; i++) work[i] = k ? 1e300 : -7.0;
      for (i = 0; i < MAX_N; i++) out[i] = k ? 1e30f : -7.0f;
      bad += rppg_pulse_signal(&c, in, n, out, &got, work) != RPPG_OK;
      for (i = size; i < MAX_WORK; i++) bad += work[i] != (k ? 1e300 : -7.0);
      for (i = n; i < MAX_N; i++) bad += out[i] != (k ? 1e30f : -7.0f);
      if (k) bad += !same(out, ref, got);
      memcpy(ref, out, n * sizeof *out);
    }
  }
  CHECK(bad == 0, "%s%s at %g: writes nothing beyond work and pulse, reads nothing of them", methods[method],
        toolbox ? " of the toolbox" : "", rate_hz);
}

static void test_green(void)
{
  rppg_pulse p = stream(RPPG_GREEN, 30.0);
  rppg_pulse_config c = config(RPPG_GREEN, 30.0, 1);
  size_t i, n;
  int bad = 0;
  fill(in, 300, 2, 64);
  for (i = 0; i < 300; i++) bad += rppg_pulse_push(&p, in + 3 * i, out) != 1 || out[0] != in[3 * i + 1];
  bad += rppg_pulse_tail(&p, out) != 0;
  bad += rppg_pulse_signal(&c, in, 300, out, &n, work) != RPPG_OK || n != 300;
  for (i = 0; i < 300; i++) bad += out[i] != in[3 * i + 1];
  CHECK(bad == 0, "GREEN is the green channel, in a stream and in the toolbox");
}

/* One number for all machines. */
static uint64_t golden_hash(void)
{
  static const double rates[] = { 12.7, 15.0, 25.0, 29.97, 30.0, 60.0, 250.0 };
  uint64_t h = TAP_FNV;
  size_t i, n;
  int k;
  for (i = 0; i < sizeof rates / sizeof *rates; i++)
    for (k = 0; k < 4; k++) {
      const rppg_pulse_config c = config(k % 2, rates[i], k / 2);
      fill(in, 611, (uint32_t)i + 1, 64);
      if (rppg_pulse_signal(&c, in, 611, out, &n, work) != RPPG_OK) return 0;
      h = tap_fnv_f32(h, out, n);
    }
  return h;
}

int main(void)
{
  static const double rates[] = { 5.0, 15.0, 30.0, 29.97, 60.0, 200.0 };
  size_t i;
  int method, isa;
  for (i = 0; i < sizeof gold_pulses / sizeof *gold_pulses; i++) test_golden(&gold_pulses[i]);
  for (method = RPPG_POS; method <= RPPG_GREEN; method++) {
    for (i = 0; i < sizeof rates / sizeof *rates; i++) {
      test_stream(method, rates[i]);
      test_guards(method, 0, rates[i]);
      if (rates[i] > 12.5) test_guards(method, 1, rates[i]);
    }
    test_block(method, 5.0);
    test_block(method, 30.0);
    test_scale(method, 0);
    test_scale(method, 1);
  }
  for (method = RPPG_POS; method <= RPPG_CHROM; method++) {
    test_long(method);
    test_not_finite(method);
    test_degenerate(method);
  }
  test_green();
  test_signal_refusals();
  test_config();
  TAP_EACH_ISA(isa) {
    const uint64_t h = golden_hash();
    CHECK(h == GOLDEN, "golden hash, %s: 0x%08lx%08lx", rppg_isa_name((rppg_isa)isa), (unsigned long)(h >> 32),
          (unsigned long)(h & 0xffffffffu));
  }
  return tap_end();
}
