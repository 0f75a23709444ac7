/* Tests of the pulse methods that look at a whole window, of the moments of pixels and of 2SR: against
   vectors of tests/golden/make_methods.py, against plain loops, and for what the header promises.
   cc -O2 tests/test_methods.c -lm && ./a.out */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg.h"
#include "tap.h"
#include "trace.h"
#include "golden/methods.h"

#define GOLDEN UINT64_C(0xdc5ef98c1418f495)

enum { MAX_N = 2100, MAX_WORK = 120000, MAX_MEM = 1 << 20 };
static float in[3 * MAX_N], out[MAX_N], ref[MAX_N];
static double work[MAX_WORK], moments[9 * MAX_N];
static unsigned char mem[MAX_MEM];
static const char *const names[] = { "POS", "CHROM", "GREEN", "CONTACT", "PBV", "PBV_DATA", "LGI", "OMIT", "ICA", "PCA",
  "2SR", "NIR", "CONSENSUS" };

/* ---- golden vectors --------------------------------------------------------------------------- */

static void test_golden(const methods_case *g)
{
  static const struct { int method, toolbox; } how[METHODS] = {
    { RPPG_PBV_DATA, 1 }, { RPPG_LGI, 1 }, { RPPG_OMIT, 1 }, { RPPG_ICA, 1 }, { RPPG_PCA, 1 }, { RPPG_PBV, 0 }, { RPPG_PBV_DATA, 0 },
    { RPPG_LGI, 0 }, { RPPG_OMIT, 0 }, { RPPG_ICA, 0 }, { RPPG_PCA, 0 }, { RPPG_2SR, 1 }, { RPPG_2SR, 0 } };
  size_t i;
  int k;
  for (k = 0; k < METHODS; k++) {
    const rppg_pulse_config c = config(how[k].method, g->rate_hz, how[k].toolbox);
    const size_t n = how[k].method == RPPG_2SR ? g->n_moments : g->n;
    size_t got = n;
    rppg_status status;
    if (how[k].method == RPPG_2SR) {
      for (i = 0; i < 9 * n; i++) moments[i] = g->moments[i] / 40.0;
      status = rppg_2sr_signal_work(&c, n) <= MAX_WORK ? rppg_2sr_signal(&c, moments, n, out, work) : RPPG_ERR_SPACE;
    } else
      status = rppg_pulse_signal_work(&c, n) <= MAX_WORK ? rppg_pulse_signal(&c, g->rgb, n, out, &got, work) : RPPG_ERR_SPACE;
    CHECK(status == RPPG_OK && got == n && dist(out, g->want[k], n) <= 1e-5 * range(g->want[k], n),
          "%s%s at %g, %u samples: as NumPy, %.2g of the range", names[how[k].method], how[k].toolbox ? " of the toolbox" : "",
          g->rate_hz, (unsigned)n, dist(out, g->want[k], n) / range(g->want[k], n));
  }
  {
    const rppg_pulse_config c = config(RPPG_PBV, g->rate_hz, 1);
    CHECK(rppg_pulse_signal(&c, g->rgb, g->n, out, NULL, work) == RPPG_OK && dist(out, g->want[METHODS_PBV], g->n) <= 1e-5 * range(g->want[METHODS_PBV], g->n),
          "PBV of the toolbox has the data's signature too");
  }
}

/* ---- properties ------------------------------------------------------------------------------- */

static void test_scale(int method)
{
  const rppg_pulse_config c = config(method, 30.0, 0);
  size_t i;
  int k, bad = 0;
  fill(in, 300, 9, 64);
  bad += rppg_pulse_signal(&c, in, 300, ref, NULL, work) != RPPG_OK;
  for (k = -20; k <= 20; k += 8) {
    const float scale = k < 0 ? 1.0f / (float)(1 << -k) : (float)(1 << k);
    for (i = 0; i < 900; i++) in[1000 + i] = in[i] * scale;
    bad += rppg_pulse_signal(&c, in + 1000, 300, out, NULL, work) != RPPG_OK || !same(out, ref, 300);
  }
  CHECK(bad == 0, "%s: powers of 2 change nothing", names[method]);
  for (i = 0; i < 900; i++) in[1000 + i] = in[i] * 3.0f;
  rppg_pulse_signal(&c, in + 1000, 300, out, NULL, work);
  CHECK(dist(out, ref, 300) < 2e-4 * range(ref, 300), "... nor does 3, but for the rounding of the input: %.2g", dist(out, ref, 300) / range(ref, 300));
}

/* Up where green is up; the wave is the one that was put in, and larger light changes do not matter. */
static void test_found(int method)
{
  const rppg_pulse_config c = config(method, 30.0, 0);
  float y[600];
  size_t i;
  double r, mean = 0.0;
  fill(in, 600, 21, 40);
  for (i = 0; i < 600; i++) {
    const int phase = (int)(i * 4 % 100);
    y[i] = -(float)((phase < 50 ? phase : 100 - phase) - 25);
  }
  CHECK(rppg_pulse_signal(&c, in, 600, out, NULL, work) == RPPG_OK, "%s finds a pulse", names[method]);
  for (i = 0; i < 600; i++) mean += (double)out[i] / 600.0;
  r = rppg_dsp_pearson(out, y, 600);
  CHECK(r > 0.6, "... that rises with green: correlation %.3f", r);
  CHECK(magnitude(mean) < 1e-6, "... of mean 0: %.2g", mean);
}

static void test_guards(int method, int toolbox)
{
  static const size_t lengths[] = { 48, 49, 61, 97, 300, 509, 1021, 2048 };
  const rppg_pulse_config c = config(method, 30.0, toolbox);
  size_t i, k, a;
  int bad = 0;
  fill(in, MAX_N, 8, 64);
  for (a = 0; a < sizeof lengths / sizeof *lengths; a++) {
    const size_t n = lengths[a], size = rppg_pulse_signal_work(&c, n);
    size_t got = 0;
    if (size == 0 || size >= MAX_WORK) { bad++; continue; }
    for (k = 0; k < 2; k++) {
      for (i = 0; i < MAX_WORK; i++) work[i] = k ? 1e300 : -7.0;
      for (i = 0; i < MAX_N; i++) out[i] = k ? 1e30f : -7.0f;
      bad += rppg_pulse_signal(&c, in, n, out, &got, work) != RPPG_OK || got != n;
      for (i = size; i < MAX_WORK; i++) bad += work[i] != (k ? 1e300 : -7.0);
      for (i = n; i < MAX_N; i++) bad += out[i] != (k ? 1e30f : -7.0f);
      if (k) bad += !same(out, ref, n);
      memcpy(ref, out, n * sizeof *out);
    }
  }
  CHECK(bad == 0, "%s%s: writes nothing beyond work and pulse, reads nothing of them", names[method], toolbox ? " of the toolbox" : "");
}

/* ---- inputs without a pulse ------------------------------------------------------------------- */

static void test_degenerate(int method)
{
  static const float flat[5][3] = { { 100.0f, 100.0f, 100.0f }, { 181.3f, 120.7f, 95.1f }, { 0.1f, 0.7f, 0.3f }, { 1e-18f, 1e18f, 3.0f }, { 0.0f, 0.0f, 0.0f } };
  rppg_pulse_config c = config(method, 30.0, 0);
  size_t i, k;
  int bad = 0, status, toolbox;
  for (k = 0; k < 5; k++) {
    for (i = 0; i < 900; i++) in[i] = flat[k][i % 3];
    c.toolbox = 0;
    bad += rppg_pulse_signal(&c, in, 300, out, NULL, work) != RPPG_OK || largest(out, 300) > 1e-6;
    c.toolbox = 1; /* rounding may leave the trace of a variation */
    status = rppg_pulse_signal(&c, in, 300, out, NULL, work);
    bad += status != RPPG_ERR_DATA && !(status == RPPG_OK && largest(out, 300) < 1e300);
  }
  CHECK(bad == 0, "%s: constant colours have no pulse", names[method]);
  for (bad = 0, k = 0; k < 3; k++) {
    fill(in, 300, 3, 64);
    for (i = 0; i < 300; i++) in[3 * i + k] = 0.0f;
    for (toolbox = 0; toolbox < 2; toolbox++) {
      c.toolbox = toolbox;
      status = rppg_pulse_signal(&c, in, 300, out, NULL, work);
      bad += toolbox ? status != RPPG_OK && status != RPPG_ERR_DATA : status != RPPG_OK || largest(out, 300) != 0.0;
      if (status == RPPG_OK) bad += largest(out, 300) == 1e300;
    }
    fill(in, 300, 3, 64);
    for (i = 0; i < 300; i++) in[3 * i + k] = -in[3 * i + k];
    c.toolbox = 0;
    bad += rppg_pulse_signal(&c, in, 300, out, NULL, work) != RPPG_OK || largest(out, 300) != 0.0;
  }
  CHECK(bad == 0, "... a channel of zeros, or below: 0");
  fill(in, 300, 3, 64);
  for (i = 0; i < 300; i++) in[3 * i + 1] = in[3 * i + 2] = in[3 * i];
  c.toolbox = 0;
  status = rppg_pulse_signal(&c, in, 300, out, NULL, work);
  if (method == RPPG_ICA || method == RPPG_PCA || method == RPPG_PBV_DATA)
    CHECK(status == RPPG_OK && largest(out, 300) > 1e-3 && largest(out, 300) < 1.0, "%s: grey leaves the grey value", names[method]);
  else
    CHECK(status == RPPG_OK && largest(out, 300) < (method == RPPG_PBV ? 5e-4 : 1e-6), "%s: greys cancel: %.2g", names[method], largest(out, 300));
  c.toolbox = 1;
  status = rppg_pulse_signal(&c, in, 300, out, NULL, work);
  bad = status != RPPG_ERR_DATA && !(status == RPPG_OK && largest(out, 300) < 1e-3);
  if (method <= RPPG_PBV_DATA || method == RPPG_ICA) bad = status != RPPG_ERR_DATA;
  CHECK(bad == 0, "... in the toolbox they are singular or cancel: %s", rppg_status_text((rppg_status)status));
  fill(in, 300, 3, 64);
  for (i = 0; i < 300; i++) in[3 * i + 2] = in[3 * i + 1]; /* two channels in three */
  c.toolbox = 0;
  CHECK(rppg_pulse_signal(&c, in, 300, out, NULL, work) == RPPG_OK && largest(out, 300) < 1.0 && largest(out, 300) > 1e-5, "... two equal channels are borne");
}

static void test_refusals(void)
{
  const double zero = 0.0;
  const float wild[3] = { (float)(zero / zero), (float)(1.0 / zero), (float)(-1.0 / zero) };
  const double bad_rates[] = { 0.0, -30.0, 4.999, 250.001, 1e300, zero / zero, 1.0 / zero };
  rppg_pulse p;
  rppg_pulse_config c;
  size_t i, k;
  int method, toolbox, bad;
  for (method = RPPG_PBV; method <= RPPG_PCA; method++)
    for (toolbox = 0; toolbox < 2; toolbox++) {
      c = config(method, 30.0, toolbox);
      fill(in, 300, 4, 64);
      for (bad = 0, i = 0; i < 900; i += 37)
        for (k = 0; k < 3; k++) {
          const float was = in[i];
          in[i] = wild[k];
          bad += rppg_pulse_signal(&c, in, 300, out, NULL, work) != RPPG_ERR_DATA;
          in[i] = was;
        }
      for (i = 0; i < 48; i++) bad += rppg_pulse_signal(&c, in, i, out, NULL, work) != RPPG_ERR_DATA;
      bad += rppg_pulse_signal(&c, in, 48, out, NULL, work) != RPPG_OK;
      bad += rppg_pulse_signal(&c, NULL, 300, out, NULL, work) != RPPG_ERR_ARG;
      bad += rppg_pulse_signal(&c, in, 300, NULL, NULL, work) != RPPG_ERR_ARG;
      bad += rppg_pulse_signal(&c, in, 300, out, NULL, NULL) != RPPG_ERR_ARG;
      bad += rppg_pulse_signal_work(&c, (size_t)-1 / 32) != 0 || rppg_pulse_signal_work(&c, RPPG_DSP_FFT_MAX + 1) != 0;
      bad += rppg_pulse_mem_size(&c) != 0 || rppg_pulse_init(&p, &c, mem, sizeof mem) != RPPG_ERR_ARG;
      for (i = 0; i < sizeof bad_rates / sizeof *bad_rates; i++) {
        c.rate_hz = bad_rates[i];
        bad += rppg_pulse_signal_work(&c, 300) != 0 || rppg_pulse_signal(&c, in, 300, out, NULL, work) != RPPG_ERR_ARG;
      }
      CHECK(bad == 0, "%s%s: what is not finite, too short, out of range or missing is refused; it is no stream", names[method],
            toolbox ? " of the toolbox" : "");
    }
  c = config(RPPG_ICA, 5.0, 1);
  CHECK(rppg_pulse_signal(&c, in, 300, out, NULL, work) == RPPG_ERR_ARG, "toolbox ICA at 5 Hz: no room for its band");
  for (bad = 0, i = 0; i < 4; i++) {
    static const int no[] = { RPPG_CONTACT, RPPG_2SR, RPPG_CONSENSUS, RPPG__METHOD_END };
    c = config(no[i], 30.0, 0);
    bad += rppg_pulse_signal_work(&c, 300) != 0 || rppg_pulse_signal(&c, in, 300, out, NULL, work) != RPPG_ERR_ARG;
  }
  CHECK(bad == 0, "CONTACT, 2SR and CONSENSUS are no whole signals of mean colours");
}

static void test_nir(void)
{
  rppg_pulse_config c = config(RPPG_NIR, 30.0, 0);
  size_t i;
  int bad = 0;
  fill(in, 300, 2, 64);
  bad += rppg_pulse_signal(&c, in, 300, out, NULL, work) != RPPG_OK;
  for (i = 0; i < 300; i++) bad += magnitude((double)out[i] - ((double)in[3 * i] + (double)in[3 * i + 1] + (double)in[3 * i + 2]) / 3.0) > 1e-5;
  CHECK(bad == 0, "NIR is the mean of the channels");
}

/* ---- moments of pixels ------------------------------------------------------------------------ */

enum { SIDE = 150 };
static uint8_t pixels[SIDE * SIDE * 4 + 8];

static int moments_differ(const rppg_frame *f, const rppg_rect *r, const rppg_moments *got)
{
  static const int order[5][3] = { { 0, 0, 0 }, { 0, 1, 2 }, { 2, 1, 0 }, { 0, 1, 2 }, { 2, 1, 0 } };
  const int bytes = f->format <= RPPG_BGR24 ? 3 : 4;
  uint64_t s[3] = { 0, 0, 0 }, p[6] = { 0, 0, 0, 0, 0, 0 };
  uint32_t n = 0;
  int x, y, a, b, k;
  for (y = 0; y < f->height; y++)
    for (x = 0; x < f->width; x++) {
      const uint8_t *q = f->planes[0] + y * f->strides[0] + x * bytes;
      if (x < r->x || y < r->y || (int64_t)x >= (int64_t)r->x + r->w || (int64_t)y >= (int64_t)r->y + r->h) continue;
      for (k = a = 0; a < 3; a++)
        for (s[a] += q[order[f->format][a]], b = a; b < 3; b++, k++) p[k] += (uint64_t)q[order[f->format][a]] * q[order[f->format][b]];
      n++;
    }
  return n != got->count || memcmp(s, got->sum, sizeof s) != 0 || memcmp(p, got->product, sizeof p) != 0;
}

static void test_moments(int format)
{
  static const int widths[] = { 1, 2, 3, 5, 7, 11, 20, 21, 22, 23, 42, 43, 44, 64, 65, 100, 149 };
  const int bytes = format <= RPPG_BGR24 ? 3 : 4;
  size_t i;
  int bad = 0, k, count = 0;
  seed = 5;
  for (i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(rnd() >> 3);
  for (i = 0; i < sizeof widths / sizeof *widths; i++)
    for (k = 0; k < 24; k++) {
      rppg_frame f;
      rppg_rect r[3];
      rppg_moments got[3];
      int j;
      memset(&f, 0, sizeof f);
      f.format = format;
      f.width = widths[i];
      f.height = 1 + (int)(rnd() % 40);
      f.strides[0] = f.width * bytes + (int)(rnd() % 9) * (k % 2);
      f.planes[0] = pixels + k % 5;
      if (k % 3 == 0) { f.planes[0] += (f.height - 1) * f.strides[0]; f.strides[0] = -f.strides[0]; }
      for (j = 0; j < 3; j++) {
        r[j].x = (int)(rnd() % (uint32_t)(f.width + 4)) - 2;
        r[j].y = (int)(rnd() % 40) - 2;
        r[j].w = (int)(rnd() % 160) - 1;
        r[j].h = (int)(rnd() % 50) - 1;
      }
      if (k == 4) { r[0].x = r[0].y = -2147483647 - 1; r[0].w = r[0].h = 2147483647; r[1].x = r[1].y = -5; r[1].w = r[1].h = 2147483647; }
      bad += rppg_roi_moments(&f, r, 3, got) != RPPG_OK;
      for (j = 0; j < 3; j++, count++) bad += moments_differ(&f, &r[j], &got[j]);
    }
  CHECK(bad == 0, "format %d: %d rectangles as pixel by pixel", format, count);
}

static void test_moments_large(void)
{
  static uint8_t row[20 * 3];
  rppg_frame f;
  rppg_rect r = { 0, 0, 20, RPPG_MAX_SIDE };
  rppg_moments m;
  int k, bad = 0;
  memset(row, 255, sizeof row);
  memset(&f, 0, sizeof f);
  f.format = RPPG_RGB24;
  f.width = 20;
  f.height = RPPG_MAX_SIDE;
  f.planes[0] = row;
  f.strides[0] = 0;
  bad += rppg_roi_moments(&f, &r, 1, &m) != RPPG_ERR_ARG; /* a stride of nothing is none */
  CHECK(bad == 0, "rows on top of each other are refused");
  for (bad = 0, k = 0; k < 3; k++) { /* all white in 32768 rows, wherever they are in memory */
    static uint8_t tall[RPPG_MAX_SIDE * 33];
    memset(tall, 255, sizeof tall);
    f.width = 8 + k;
    f.planes[0] = tall;
    f.strides[0] = 33;
    r.w = 11;
    bad += rppg_roi_moments(&f, &r, 1, &m) != RPPG_OK;
    bad += m.product[0] != (uint64_t)(8 + k) * RPPG_MAX_SIDE * 65025 || m.product[1] != m.product[0] || m.product[5] != m.product[0];
  }
  CHECK(bad == 0, "the tallest frame, all white");
}

/* For -fsanitize=address: nothing behind the last row is read. */
static void test_moments_edge(void)
{
  static uint8_t tight[64];
  int w, bad = 0;
  for (w = 1; w <= 16; w++) {
    const rppg_rect r = { 0, 0, 16, 1 };
    rppg_moments m;
    rppg_frame f;
    memset(&f, 0, sizeof f);
    f.format = RPPG_RGBA;
    f.width = w;
    f.height = 1;
    f.strides[0] = 4 * w;
    f.planes[0] = tight + 64 - 4 * w;
    bad += rppg_roi_moments(&f, &r, 1, &m) != RPPG_OK || moments_differ(&f, &r, &m);
  }
  CHECK(bad == 0, "rows that end where the memory ends");
}

static void test_moments_refusals(void)
{
  rppg_frame f;
  rppg_moments m;
  const rppg_rect r = { 0, 0, 4, 4 };
  int bad = 0, format;
  memset(&f, 0, sizeof f);
  f.width = f.height = 16;
  f.planes[0] = f.planes[1] = f.planes[2] = pixels;
  f.strides[0] = f.strides[1] = f.strides[2] = 64;
  for (format = RPPG_GRAY8; format < RPPG__FORMAT_END; format++) {
    f.format = format;
    bad += rppg_roi_moments(&f, &r, 1, &m) != RPPG_ERR_UNSUPPORTED;
  }
  f.format = RPPG_RGB24;
  bad += rppg_roi_moments(&f, NULL, 1, &m) != RPPG_ERR_ARG || rppg_roi_moments(&f, &r, 1, NULL) != RPPG_ERR_ARG;
  bad += rppg_roi_moments(NULL, &r, 1, &m) != RPPG_ERR_ARG || rppg_roi_moments(&f, NULL, 0, NULL) != RPPG_OK;
  f.width = 0;
  bad += rppg_roi_moments(&f, &r, 1, &m) != RPPG_ERR_ARG;
  CHECK(bad == 0, "moments: YUV, grey, bad frames and missing arguments are refused");
}

/* ---- 2SR -------------------------------------------------------------------------------------- */

static void test_2sr_refusals(void)
{
  const double zero = 0.0;
  rppg_pulse_config c = config(RPPG_2SR, 30.0, 0);
  const methods_case *g = &methods_cases[3];
  const size_t n = 100, size = rppg_2sr_signal_work(&c, n);
  size_t i;
  int bad = 0, k;
  for (i = 0; i < 9 * n; i++) moments[i] = g->moments[i] / 40.0;
  for (k = 0; k < 2; k++) {
    for (i = 0; i < MAX_WORK; i++) work[i] = k ? 1e300 : -7.0;
    for (i = 0; i < MAX_N; i++) out[i] = k ? 1e30f : -7.0f;
    bad += rppg_2sr_signal(&c, moments, n, out, work) != RPPG_OK;
    for (i = size; i < MAX_WORK; i++) bad += work[i] != (k ? 1e300 : -7.0);
    for (i = n; i < MAX_N; i++) bad += out[i] != (k ? 1e30f : -7.0f);
    if (k) bad += !same(out, ref, n);
    memcpy(ref, out, n * sizeof *out);
  }
  CHECK(bad == 0, "2SR: writes nothing beyond work and pulse, reads nothing of them");
  bad = rppg_2sr_signal(&c, moments, 30, out, work) != RPPG_ERR_DATA || rppg_2sr_signal(&c, moments, 31, out, work) != RPPG_OK;
  bad += rppg_2sr_signal(&c, NULL, n, out, work) != RPPG_ERR_ARG || rppg_2sr_signal(&c, moments, n, NULL, work) != RPPG_ERR_ARG;
  bad += rppg_2sr_signal(&c, moments, n, out, NULL) != RPPG_ERR_ARG || rppg_2sr_signal(NULL, moments, n, out, work) != RPPG_ERR_ARG;
  for (i = 0; i < 9 * n; i += 31) {
    const double was = moments[i];
    moments[i] = i % 2 ? zero / zero : 1.0 / zero;
    bad += rppg_2sr_signal(&c, moments, n, out, work) != RPPG_ERR_DATA;
    moments[i] = was;
  }
  c.method = RPPG_POS;
  bad += rppg_2sr_signal(&c, moments, n, out, work) != RPPG_ERR_ARG || rppg_2sr_signal_work(&c, n) != 0;
  c = config(RPPG_2SR, 300.0, 0);
  bad += rppg_2sr_signal_work(&c, n) != 0;
  c = config(RPPG_2SR, 30.0, 0);
  bad += rppg_2sr_signal_work(&c, (size_t)-1 / 16) != 0;
  CHECK(bad == 0, "2SR: short, not finite, missing and wrong arguments are refused");
  for (bad = 0, k = 0; k < 4; k++) { /* nothing, one colour, grey, one colour that changes */
    for (i = 0; i < n; i++) {
      static const double base[4][3] = { { 0, 0, 0 }, { 180, 120, 90 }, { 100, 100, 100 }, { 180, 120, 90 } };
      double *m = moments + 9 * i;
      int a, b, at = 3;
      for (a = 0; a < 3; a++) m[a] = base[k][a] * (k == 3 ? 1.0 + (double)(i % 7) / 1000.0 : 1.0);
      for (a = 0; a < 3; a++) for (b = a; b < 3; b++) m[at++] = m[a] * m[b] + (k == 2 ? 5.0 : 0.0);
    }
    for (c.toolbox = 0; c.toolbox < 2; c.toolbox++)
      bad += rppg_2sr_signal(&c, moments, n, out, work) != RPPG_OK || largest(out, n) > 1e-6;
  }
  CHECK(bad == 0, "2SR: black, one colour and grey have no pulse");
}

/* A face of textured skin whose blood changes; 96 x 72 pixels, integers only. */
static rppg_frame draw(int format, int i, int swing)
{
  static const int skin[3] = { 180, 125, 95 }, absorbs[3] = { 33, 77, 53 }, texture[3] = { 10, 8, 6 };
  const int bytes = format <= RPPG_BGR24 ? 3 : 4, phase = i * 4 % 100, wave = (phase < 50 ? phase : 100 - phase) - 25;
  rppg_frame f;
  int x, y, c;
  memset(&f, 0, sizeof f);
  f.format = format;
  f.width = 96;
  f.height = 72;
  f.planes[0] = pixels;
  f.strides[0] = 96 * bytes;
  for (y = 0; y < 72; y++)
    for (x = 0; x < 96; x++) {
      const int grain = (x * 7 + y * 13 + x * y) % 9 - 4;
      for (c = 0; c < 3; c++) {
        int v = (skin[c] * 100 + grain * texture[c] * 10 + ((x * 5 + y * 11 + c * 3) % 7 - 3) * 150) * 10;
        v -= v / 1000 * wave * absorbs[c] * swing / 2500;
        v += (int)(rnd() % 1000);
        pixels[y * 96 * bytes + x * bytes + (format == RPPG_BGR24 || format == RPPG_BGRA ? 2 - c : c)] = (uint8_t)(v / 1000);
      }
    }
  return f;
}

static void test_2sr_session(int format)
{
  rppg_config c;
  rppg_session s;
  rppg_result r;
  const rppg_rect face = { 8, 6, 80, 60 };
  const float *w;
  float rgb[18];
  size_t n, i, size;
  int bad = 0;
  double up = 0.0;
  memset(&c, 0, sizeof c);
  memset(rgb, 0, sizeof rgb);
  c.method = RPPG_2SR;
  size = rppg_mem_size(&c);
  seed = 3;
  CHECK(size > 0 && size <= MAX_MEM && rppg_init(&s, &c, mem, size - 1) == RPPG_ERR_SPACE && rppg_init(&s, &c, mem, size) == RPPG_OK, "2SR: a session of %u bytes",
        (unsigned)size);
  for (i = 0; i < 330; i++) {
    const rppg_frame f = draw(format, (int)i, 10);
    bad += rppg_push(&s, &f, &face, (int64_t)i * 33333) != RPPG_OK;
  }
  bad += rppg_push_rgb(&s, rgb, 330 * 33333) != RPPG_ERR_UNSUPPORTED;
  bad += rppg_estimate(&s, &r) != RPPG_OK;
  CHECK(bad == 0 && magnitude(r.hr_bpm - 72.0) < 1.0 && r.confidence > 0.5, "... format %d: %.2f bpm, confidence %.2f", format, r.hr_bpm, r.confidence);
  w = rppg_wave(&s, &n);
  for (i = 0; w && i < n; i++) {
    const int phase = (int)((i + s.total - n) * 4 % 100);
    up += (double)w[i] * (double)((phase < 50 ? phase : 100 - phase) - 25);
  }
  CHECK(up > 0.0, "... up is more blood");
  {
    rppg_frame f = draw(format, 0, 0);
    f.format = RPPG_GRAY8;
    CHECK(rppg_push(&s, &f, &face, 332 * 33333) == RPPG_ERR_UNSUPPORTED, "... grey and YUV are refused");
    rppg_estimate(&s, &r);
    CHECK((r.flags & RPPG_FLAG_BAD_FRAME) != 0, "... and flagged");
  }
}

/* ---- one number for all machines -------------------------------------------------------------- */

static uint64_t hash_sessions(uint64_t h)
{
  int method, i;
  for (method = RPPG_PBV; method < RPPG__METHOD_END; method++) {
    rppg_config c;
    rppg_session s;
    rppg_result r;
    const rppg_rect face = { 8, 6, 80, 60 };
    const float *w;
    size_t n;
    memset(&c, 0, sizeof c);
    c.method = method;
    if (rppg_init(&s, &c, mem, sizeof mem) != RPPG_OK) return 0;
    seed = (uint32_t)method;
    for (i = 0; i < 160; i++) {
      const rppg_frame f = draw(RPPG_RGB24 + method % 4, i, 8);
      rppg_push(&s, &f, &face, (int64_t)i * 40000);
    }
    if (rppg_estimate(&s, &r) != RPPG_OK) return 0;
    w = rppg_wave(&s, &n);
    h = tap_fnv_f32(h, w, n);
    ref[0] = (float)r.hr_bpm;
    ref[1] = (float)r.confidence;
    ref[2] = (float)r.snr_db;
    h = tap_fnv_f32(h, ref, 3);
  }
  return h;
}

static uint64_t golden_hash(void)
{
  static const double rates[] = { 12.7, 25.0, 29.97, 60.0 };
  uint64_t h = TAP_FNV;
  size_t i, k;
  int method, toolbox;
  for (i = 0; i < sizeof rates / sizeof *rates; i++)
    for (method = RPPG_PBV; method <= RPPG_PCA; method++)
      for (toolbox = 0; toolbox < 2; toolbox++) {
        const rppg_pulse_config c = config(method, rates[i], toolbox);
        fill(in, 311, (uint32_t)i + 1, 64);
        if (rppg_pulse_signal(&c, in, 311, out, NULL, work) != RPPG_OK) return 0;
        h = tap_fnv_f32(h, out, 311);
      }
  for (k = 0; k < 2; k++) {
    const rppg_pulse_config c = config(RPPG_2SR, 29.97, (int)k);
    for (i = 0; i < 9 * 200; i++) moments[i] = methods_cases[3].moments[i] / 40.0;
    if (rppg_2sr_signal(&c, moments, 200, out, work) != RPPG_OK) return 0;
    h = tap_fnv_f32(h, out, 200);
  }
  return hash_sessions(h);
}

int main(void)
{
  size_t i;
  int method, isa;
  for (i = 0; i < sizeof methods_cases / sizeof *methods_cases; i++) test_golden(&methods_cases[i]);
  for (method = RPPG_PBV; method <= RPPG_PCA; method++) {
    test_scale(method);
    if (method != RPPG_PBV_DATA) test_found(method);
    test_guards(method, 0);
    test_guards(method, 1);
    test_degenerate(method);
  }
  test_refusals();
  test_nir();
  TAP_EACH_ISA(isa) {
    TAP_PRINTF("# %s\n", rppg_isa_name((rppg_isa)isa));
    for (i = RPPG_RGB24; i <= RPPG_BGRA; i++) test_moments((int)i);
    test_moments_large();
    test_moments_edge();
  }
  test_moments_refusals();
  test_2sr_refusals();
  for (i = RPPG_RGB24; i <= RPPG_BGRA; i++) test_2sr_session((int)i);
  TAP_EACH_ISA(isa) {
    const uint64_t h = golden_hash();
    CHECK(h == GOLDEN, "golden hash, %s: 0x%08lx%08lx", rppg_isa_name((rppg_isa)isa), (unsigned long)(h >> 32),
          (unsigned long)(h & 0xffffffffu));
  }
  return tap_end();
}
