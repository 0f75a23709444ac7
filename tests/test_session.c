/* Tests of the session of rppg.h: rates and flags of colour traces and of drawn frames whose pulse
   is known, and foreign input of all kinds.
   cc -O2 tests/test_session.c -lm && ./a.out */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg.h"
#include "tap.h"

#define GOLDEN UINT64_C(0xfd34cea822a2a3a1)

enum { ROIS = 6, MAX_MEM = 1 << 20, SECOND = 1000000 };
static unsigned char mem[MAX_MEM + 64], mem2[MAX_MEM + 64];
static const char *const methods[] = { "POS", "CHROM", "GREEN", "CONTACT", "PBV", "PBV_DATA", "LGI", "OMIT", "ICA", "PCA",
  "2SR", "NIR", "CONSENSUS" };

/* ---- traces: integers only, so that every machine sees the same ------------------------------- */

static uint32_t rnd(uint32_t *seed) { *seed = *seed * 1664525u + 1013904223u; return *seed >> 8; }

/* Sine of turn / 65536 turns, times 32768, to 0.2 %: Bhaskara's fraction for half a turn. */
static int64_t sine(uint64_t turn)
{
  const int64_t p = (int64_t)(turn & 32767), q = p * (32768 - p);
  const int64_t s = 16 * q * 32768 / (INT64_C(5) * 32768 * 32768 - 4 * q);
  return turn & 32768 ? -s : s;
}

/* Where a rate of milli_bpm is at t_us, in 65536ths of a turn; t_us up to 20 minutes. */
static uint64_t turn(uint64_t t_us, uint64_t milli_bpm) { return t_us * milli_bpm / 60000 * 65536 / SECOND; }

typedef struct trace {
  uint64_t milli_bpm;
  int fps, jitter, drop;        /* frames per second; percent of an interval; percent of frames */
  int harmonic[3];              /* amplitudes of the pulse wave, percent */
  int depth;                    /* of the pulse, millionths of the green level */
  int noise;                    /* of a ROI's colours, 1000ths of a grey level, uniform, +- */
  int light;                    /* amplitude of a common flicker, millionths */
  uint64_t light_milli_bpm;
  uint32_t seed;
} trace;

static trace usual(int bpm, int fps)
{
  trace t;
  memset(&t, 0, sizeof t);
  t.milli_bpm = (uint64_t)bpm * 1000;
  t.fps = fps;
  t.harmonic[0] = 100;
  t.harmonic[1] = 35;
  t.depth = 6000;
  t.noise = 150;
  t.seed = (uint32_t)(bpm * 131 + fps);
  return t;
}

/* Blood in the skin at t_us, -32768..32768 or a little more. */
static int64_t blood(const trace *t, uint64_t t_us)
{
  const uint64_t a = turn(t_us, t->milli_bpm);
  return (t->harmonic[0] * sine(a) + t->harmonic[1] * sine(2 * a + 20000) + t->harmonic[2] * sine(3 * a + 50000)) / 100;
}

static const int skin[3] = { 170, 115, 90 }, absorbs[3] = { 40, 100, 65 }; /* grey levels, percent */

/* Colours of all ROIs at t_us: multiples of 1/65536 grey level, exact in float. */
static void colours(trace *t, uint64_t t_us, float *rgb)
{
  const int64_t w = blood(t, t_us), l = t->light ? sine(turn(t_us, t->light_milli_bpm)) : 0;
  int i;
  for (i = 0; i < 3 * ROIS; i++) {
    const int64_t base = (int64_t)skin[i % 3] * 65536, share = 60 + 10 * (i / 3); /* percent */
    int64_t x = base - base * w / 32768 * t->depth / 1000000 * absorbs[i % 3] / 100 * share / 100;
    x += x * l / 32768 * t->light / 1000000;
    x += ((int64_t)(rnd(&t->seed) % 65536) - 32768) * t->noise * 2 / 1000;
    rgb[i] = (float)x / 65536.0f;
  }
}

/* Time of frame i, microseconds. */
static uint64_t frame_time(trace *t, uint64_t i)
{
  const int64_t jitter = t->jitter ? (int64_t)(rnd(&t->seed) % 2001) - 1000 : 0; /* 1000ths of it */
  return i * SECOND / (uint64_t)t->fps + (uint64_t)(SECOND + jitter * t->jitter * (SECOND / 100000) / t->fps);
}

/* Frames from second a to b of a trace, at start_us later; returns how many were refused. */
static int feed(rppg_session *s, trace *t, int a, int b, int64_t start_us)
{
  float rgb[3 * ROIS];
  uint64_t i;
  int refused = 0;
  for (i = (uint64_t)(a * t->fps); i < (uint64_t)(b * t->fps); i++) {
    const uint64_t at = frame_time(t, i);
    colours(t, at, rgb);
    if (t->drop && (int)(rnd(&t->seed) % 100) < t->drop) continue;
    refused += rppg_push_rgb(s, rgb, start_us + (int64_t)at) != RPPG_OK;
  }
  return refused;
}

static rppg_session start(const rppg_config *cfg)
{
  rppg_session s;
  const size_t size = rppg_mem_size(cfg);
  if (size == 0 || size > MAX_MEM || rppg_init(&s, cfg, mem, size) != RPPG_OK) {
    CHECK(0, "init");
    memset(&s, 0, sizeof s);
  }
  return s;
}

static rppg_config method(int m)
{
  rppg_config c;
  memset(&c, 0, sizeof c);
  c.method = m;
  return c;
}

static rppg_result estimate(rppg_session *s)
{
  rppg_result r;
  memset(&r, 0, sizeof r);
  if (rppg_estimate(s, &r) != RPPG_OK) { memset(&r, 0, sizeof r); r.hr_bpm = r.confidence = -1.0; }
  return r;
}

static double magnitude(double x) { return x < 0.0 ? -x : x; }
static int differ(double a, double b) { return memcmp(&a, &b, sizeof a) != 0; }

/* All that does not depend on the estimates before. */
static int same(const rppg_result *a, const rppg_result *b)
{
  return !differ(a->hr_bpm, b->hr_bpm) && !differ(a->confidence, b->confidence) && !differ(a->snr_db, b->snr_db) &&
         !differ(a->window_s, b->window_s) && !differ(a->fps, b->fps) && !differ(a->t_s, b->t_s);
}

/* ---- rates ------------------------------------------------------------------------------------ */

static void test_rates(int m, int fps)
{
  static const int rates[] = { 40, 47, 55, 64, 72, 85, 101, 118, 140, 165, 190, 215, 235 };
  const rppg_config c = method(m);
  double worst = 0.0, least = 1.0, at = 0.0, fps_error = 0.0;
  unsigned flags = 0;
  size_t i;
  for (i = 0; i < sizeof rates / sizeof *rates; i++) {
    rppg_session s = start(&c);
    trace t = usual(rates[i], fps);
    rppg_result r;
    t.jitter = 30;
    t.drop = 10;
    feed(&s, &t, 0, 13, 0);
    r = estimate(&s);
    if (magnitude(r.hr_bpm - rates[i]) > worst) { worst = magnitude(r.hr_bpm - rates[i]); at = rates[i]; }
    if (r.confidence < least) least = r.confidence;
    if (magnitude(r.fps / fps - 0.9) > fps_error) fps_error = magnitude(r.fps / fps - 0.9);
    flags |= r.flags;
  }
  CHECK(worst <= 1.0, "%s: 40 to 235 bpm at %d fps, jitter and drops: within %.2f bpm (worst at %g)", methods[m], fps,
        worst, at);
  CHECK(least > 0.5, "... confidence %.2f at least", least);
  CHECK(fps_error < 0.15 && (flags & ~(unsigned)RPPG_FLAG_HARMONIC) == 0, "... frame rate to %.2f, flags %x", fps_error,
        flags);
}

/* Second harmonic stronger than the fundamental, and a third one. */
static void test_harmonics(int m)
{
  static const int shapes[][3] = { { 100, 60, 20 }, { 100, 100, 40 }, { 100, 120, 50 }, { 100, 150, 60 } };
  const rppg_config c = method(m);
  size_t k;
  int bpm;
  for (k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    double worst = 0.0, at = 0.0;
    for (bpm = 50; bpm <= 115; bpm += 5) {
      rppg_session s = start(&c);
      trace t = usual(bpm, 30);
      double e;
      memcpy(t.harmonic, shapes[k], sizeof t.harmonic);
      feed(&s, &t, 0, 12, 0);
      e = magnitude(estimate(&s).hr_bpm - bpm);
      if (e > worst) { worst = e; at = bpm; }
    }
    {
      rppg_session s = start(&c);
      trace t = usual(60, 30);
      memcpy(t.harmonic, shapes[k], sizeof t.harmonic);
      feed(&s, &t, 0, 12, 0);
      CHECK(((estimate(&s).flags & RPPG_FLAG_HARMONIC) != 0) == (k > 0), "%s: a second harmonic of %g is%s doubtful", methods[m],
            shapes[k][1] * 0.01, k > 0 ? "" : " not");
    }
    CHECK(worst <= 1.0, "%s: harmonics 1 : %g : %g, 50 to 115 bpm: the fundamental, within %.2f (worst at %g)",
          methods[m], shapes[k][1] * 0.01, shapes[k][2] * 0.01, worst, at);
  }
}

/* ---- no pulse --------------------------------------------------------------------------------- */

/* A window of 10 s of white noise has a clear peak by chance: in 3000 of them 1.7 % had a confidence
   above 0.3; a guess is within 5 bpm in about 5 of 100, and the confidence says little more. */
static void test_noise(int m)
{
  const rppg_config c = method(m);
  double most = 0.0, sum = 0.0;
  int k, flagged = 0, sure = 0;
  for (k = 0; k < 40; k++) {
    rppg_session s = start(&c);
    trace t = usual(72, 15 + 15 * (k % 3));
    rppg_result r;
    t.depth = 0;
    t.noise = 100 + 40 * k;
    t.seed = (uint32_t)k;
    feed(&s, &t, 0, 11, 0);
    r = estimate(&s);
    if (r.confidence > most) most = r.confidence;
    sum += r.confidence / 40.0;
    sure += r.confidence >= 0.3;
    flagged += (r.flags & RPPG_FLAG_NOISE) != 0;
  }
  CHECK(sure <= 3 && most < 0.6 && sum < 0.1, "%s: noise alone has confidence %.3f at most, %.3f on average", methods[m], most, sum);
  CHECK(flagged >= 16, "... and is mostly said to be: %d of 40", flagged);
}

static void test_constant(int m)
{
  static const struct { float c[3]; unsigned flags; } k[] = {
    { { 0.0f, 0.0f, 0.0f }, RPPG_FLAG_STATIC | RPPG_FLAG_CLIPPED }, { { 255.0f, 255.0f, 255.0f }, RPPG_FLAG_STATIC | RPPG_FLAG_CLIPPED },
    { { 180.0f, 120.0f, 95.0f }, RPPG_FLAG_STATIC }, { { 100.1f, 100.1f, 100.1f }, RPPG_FLAG_STATIC } };
  const rppg_config c = method(m);
  float rgb[3 * ROIS];
  size_t i, j;
  for (i = 0; i < sizeof k / sizeof *k; i++) {
    rppg_session s = start(&c);
    rppg_result r;
    for (j = 0; j < 3 * ROIS; j++) rgb[j] = k[i].c[j % 3];
    for (j = 0; j < 330; j++) rppg_push_rgb(&s, rgb, (int64_t)j * 33333);
    r = estimate(&s);
    CHECK(r.confidence >= 0.0 && r.confidence < 0.15 && (r.flags & k[i].flags) == k[i].flags &&
          !(r.flags & ~(k[i].flags | RPPG_FLAG_NOISE | RPPG_FLAG_HARMONIC | RPPG_FLAG_FLICKER)),
          "%s: nothing but %g %g %g: confidence %.3f, flags %x", methods[m], (double)k[i].c[0], (double)k[i].c[1],
          (double)k[i].c[2], r.confidence, r.flags);
    CHECK(rppg__finite(r.hr_bpm) && rppg__finite(r.snr_db) && rppg__finite(r.tracked_bpm), "... and finite numbers");
  }
}

static void test_flicker(void)
{
  const rppg_config c = method(RPPG_POS);
  rppg_result r;
  trace t;
  rppg_session s;
  int k, bad = 0;
  for (k = 0; k < 8; k++) {
    s = start(&c);
    t = usual(72, 30);
    t.depth = 0;
    t.noise = k % 4 * 100;
    t.light = k < 4 ? 10000 : 50000;
    t.light_milli_bpm = 72000;
    t.seed = (uint32_t)k;
    feed(&s, &t, 0, 12, 0);
    r = estimate(&s);
    bad += r.confidence > 0.3 && !(r.flags & RPPG_FLAG_FLICKER);
  }
  CHECK(bad == 0, "light that flickers at 1.2 Hz is no pulse");
  s = start(&c);
  t = usual(93, 30);
  t.light = 20000;
  t.light_milli_bpm = 72000;
  feed(&s, &t, 0, 12, 0);
  r = estimate(&s);
  CHECK(magnitude(r.hr_bpm - 93.0) < 1.0 && r.confidence > 0.5, "POS sees the pulse behind it: %.2f bpm, confidence %.2f",
        r.hr_bpm, r.confidence);
  s = start(&c);
  t = usual(72, 30);
  t.depth = 1500;
  t.noise = 20;
  t.light = 40000;
  t.light_milli_bpm = 72000;
  feed(&s, &t, 0, 12, 0);
  r = estimate(&s);
  CHECK((r.flags & RPPG_FLAG_FLICKER) && r.confidence < 0.5, "light that pulses much more than the skin, at the same rate, is flagged: %.2f",
        r.confidence);
}

/* A pulse too weak to be one, and one that is just weak. */
static void test_static(int m)
{
  const rppg_config c = method(m);
  rppg_session s = start(&c);
  trace t = usual(72, 30);
  rppg_result r;
  t.noise = 0;
  t.depth = 8;
  feed(&s, &t, 0, 12, 0);
  r = estimate(&s);
  CHECK((r.flags & RPPG_FLAG_STATIC) && r.confidence < 0.15, "%s: 8 millionths are no pulse: flags %x", methods[m], r.flags);
  s = start(&c);
  t.depth = 300;
  feed(&s, &t, 0, 12, 0);
  r = estimate(&s);
  CHECK(!(r.flags & RPPG_FLAG_STATIC) && r.confidence > 0.5, "... 300 are: %.2f bpm, flags %x", r.hr_bpm, r.flags);
}

/* Of two peaks the slower one has to be higher. */
static void test_slow_motion(void)
{
  const rppg_config c = method(RPPG_GREEN);
  rppg_session s = start(&c);
  trace t = usual(150, 30);
  rppg_result r;
  float rgb[3 * ROIS];
  uint64_t i;
  int k;
  t.noise = 20;
  t.harmonic[1] = 0;
  t.light = 6200; /* the pulse is 0.6 % times 0.6 to 1.1 */
  t.light_milli_bpm = 41000;
  feed(&s, &t, 0, 12, 0);
  CHECK(magnitude(estimate(&s).hr_bpm - 150.0) < 1.0, "a fast pulse behind a slow movement: %.1f", estimate(&s).hr_bpm);
  s = start(&c);
  t = usual(43, 30);
  t.depth = 800;
  t.noise = 10;
  for (i = 0; i < 360; i++) {
    const uint64_t at = frame_time(&t, i);
    colours(&t, at, rgb);
    for (k = 0; k < 3 * ROIS; k++) rgb[k] *= 1.0f - (float)i / 600.0f;
    rppg_push_rgb(&s, rgb, (int64_t)at);
  }
  r = estimate(&s);
  CHECK(magnitude(r.hr_bpm - 43.0) < 2.0 && r.confidence > 0.5, "a slow and weak pulse while the light goes down by half: %.1f bpm, confidence %.2f", r.hr_bpm, r.confidence);
}

/* ---- flags ------------------------------------------------------------------------------------ */

static void test_motion_and_clipping(void)
{
  const rppg_config c = method(RPPG_POS);
  rppg_session s = start(&c), still;
  trace t = usual(66, 30), u;
  rppg_result r, clear;
  float rgb[3 * ROIS];
  int i, k;
  rppg_init(&still, &c, mem2, rppg_mem_size(&c));
  u = t;
  for (i = 0; i < 900; i++) { /* at 15 s one ROI becomes 5 % brighter */
    colours(&t, (uint64_t)i * 33333, rgb);
    rppg_push_rgb(&still, rgb, (int64_t)i * 33333);
    if (i >= 450) for (k = 6; k < 9; k++) rgb[k] *= 1.05f;
    rppg_push_rgb(&s, rgb, (int64_t)i * 33333);
    if (i == 440) CHECK(!((estimate(&still), estimate(&s)).flags & RPPG_FLAG_MOTION), "no motion before the jump");
    if (i == 460 || i == 740) {
      r = estimate(&s);
      clear = estimate(&still);
      CHECK((r.flags & RPPG_FLAG_MOTION) && r.confidence < clear.confidence, "a jump is motion while the window holds it: %d, confidence %.2f, %.2f without", i, r.confidence, clear.confidence);
    }
    if (i == 760) CHECK(!(estimate(&s).flags & RPPG_FLAG_MOTION), "... and no longer");
  }
  s = start(&c);
  feed(&s, &u, 0, 12, 0);
  clear = estimate(&s);
  for (k = 0; k < 2; k++) { /* ends of the range in 1 of 3 channels, in 5 of 18 */
    s = start(&c);
    u = usual(66, 30);
    for (i = 0; i < 360; i++) {
      int j;
      colours(&u, (uint64_t)i * 33333, rgb);
      for (j = 0; j < ROIS - k; j++) rgb[3 * j] = j % 2 ? 254.0f : 1.0f;
      rppg_push_rgb(&s, rgb, (int64_t)i * 33333);
    }
    r = estimate(&s);
    CHECK(((r.flags & RPPG_FLAG_CLIPPED) != 0) == (k == 0), "clipping is judged by its share: %d of 18 channels", ROIS - k);
  }
  CHECK(!(clear.flags & RPPG_FLAG_CLIPPED), "and not seen without");
}

static void test_flag_text(void)
{
  static const char *const text[] = { "short", "static", "clipped", "motion", "flicker", "no_face", "time", "low_fps",
                                      "harmonic", "noise", "bad_frame", "disagree", "no_skin" };
  int i, bad = 0;
  for (i = 0; i < 13; i++) bad += rppg_flag_text(1u << i) == NULL || strcmp(rppg_flag_text(1u << i), text[i]) != 0;
  bad += rppg_flag_text(0) != NULL || rppg_flag_text(3) != NULL || rppg_flag_text(1u << 13) != NULL;
  CHECK(bad == 0, "names of the flags");
}

static void test_low_fps(void)
{
  rppg_config c = method(RPPG_POS);
  rppg_session s = start(&c);
  trace t = usual(70, 8);
  rppg_result r;
  t.harmonic[1] = 0;
  feed(&s, &t, 0, 12, 0);
  r = estimate(&s);
  CHECK((r.flags & RPPG_FLAG_LOW_FPS) && magnitude(r.hr_bpm - 70.0) < 1.0, "8 fps: flagged, %.2f bpm", r.hr_bpm);
  c.bpm_max = 200.0;
  s = start(&c);
  t = usual(70, 8);
  feed(&s, &t, 0, 12, 0);
  CHECK(!(estimate(&s).flags & RPPG_FLAG_LOW_FPS), "... but not for 200 bpm and less");
  c.bpm_max = 0.0;
  s = start(&c);
  t = usual(30, 1);
  feed(&s, &t, 0, 20, 0);
  CHECK(rppg_estimate(&s, &r) == RPPG_ERR_DATA, "1 fps: no band is left");
}

/* ---- time ------------------------------------------------------------------------------------- */

static void test_time(void)
{
  rppg_config c = method(RPPG_POS);
  rppg_session s;
  trace t;
  rppg_result r, want;
  float rgb[3 * ROIS];
  int64_t origins[7];
  int i, bad = 0;
  origins[0] = 1; origins[1] = -7 * SECOND; origins[2] = INT64_MIN; origins[3] = INT64_MAX - 14 * SECOND;
  origins[4] = -1; origins[5] = INT64_C(1700000000) * SECOND; origins[6] = INT64_MIN + 1;
  s = start(&c);
  t = usual(61, 25);
  bad += feed(&s, &t, 0, 12, 0);
  want = estimate(&s);
  CHECK(bad == 0 && magnitude(want.t_s - 11.96) < 1e-6 && want.flags == 0 && want.window_s == 10.0, "a clean trace");
  for (i = 0; i < 7; i++) {
    s = start(&c);
    t = usual(61, 25);
    bad += feed(&s, &t, 0, 12, origins[i]);
    r = estimate(&s);
    bad += !same(&r, &want) || r.flags != 0;
  }
  CHECK(bad == 0, "any origin of time, from INT64_MIN to INT64_MAX, gives the same bits");

  /* standing still: refused and flagged, no harm */
  s = start(&c);
  t = usual(61, 25);
  for (i = 0, bad = 0; i < 300; i++) {
    const uint64_t at = frame_time(&t, (uint64_t)i);
    colours(&t, at, rgb);
    bad += rppg_push_rgb(&s, rgb, (int64_t)at) != RPPG_OK;
    if (i % 50 == 0) { rgb[0] = 1.0f; bad += rppg_push_rgb(&s, rgb, (int64_t)at) != RPPG_ERR_DATA; }
  }
  r = estimate(&s);
  CHECK(bad == 0 && same(&r, &want) && (r.flags & RPPG_FLAG_TIME), "time that stands still: refused, flagged, no harm");
  CHECK(!(estimate(&s).flags & RPPG_FLAG_TIME), "... flagged once");

  /* going back: a new window from that frame on */
  s = start(&c);
  t = usual(100, 25);
  feed(&s, &t, 0, 12, 0);
  estimate(&s);
  t = usual(61, 25);
  bad = feed(&s, &t, 0, 4, -5 * SECOND);
  CHECK(bad == 1 && rppg_estimate(&s, &r) == RPPG_ERR_DATA, "time that goes back: one frame refused, a new window");
  feed(&s, &t, 4, 12, -5 * SECOND);
  r = estimate(&s);
  CHECK((r.flags & RPPG_FLAG_TIME) && !differ(r.hr_bpm, want.hr_bpm) && !differ(r.snr_db, want.snr_db), "... of which nothing is lost");

  /* gaps */
  s = start(&c);
  t = usual(100, 25);
  feed(&s, &t, 0, 12, 0);
  t = usual(61, 25);
  bad = feed(&s, &t, 0, 4, 13 * SECOND - 39999);
  CHECK(bad == 0 && rppg_estimate(&s, &r) == RPPG_ERR_DATA, "a gap of a second and 1 us starts a new window");
  feed(&s, &t, 4, 12, 13 * SECOND - 39999);
  r = estimate(&s);
  CHECK((r.flags & RPPG_FLAG_TIME) && !differ(r.hr_bpm, want.hr_bpm), "... and is flagged");
  CHECK(magnitude(r.t_s - 24.920001) < 1e-6, "... t_s still counts from the first frame: %.3f", r.t_s);
  s = start(&c);
  t = usual(61, 25);
  feed(&s, &t, 0, 6, 0);
  bad = feed(&s, &t, 6, 12, SECOND - 40000);
  r = estimate(&s);
  CHECK(bad == 0 && r.window_s == 10.0 && r.flags == 0, "a gap of a second is bridged");
  s = start(&c);
  rppg_push_rgb(&s, rgb, INT64_MIN);
  CHECK(rppg_push_rgb(&s, rgb, INT64_MAX) == RPPG_OK && rppg_push_rgb(&s, rgb, INT64_MIN) == RPPG_ERR_DATA &&
        rppg_push_rgb(&s, rgb, INT64_MIN) == RPPG_ERR_DATA && rppg_push_rgb(&s, rgb, INT64_MIN + 40000) == RPPG_OK,
        "from one end of time to the other and back");
  c.max_gap_s = 60.0;
  c.rate_hz = 250.0;
  c.window_s = 4.0;
  s = start(&c);
  rppg_push_rgb(&s, rgb, 0);
  CHECK(rppg_push_rgb(&s, rgb, 60 * SECOND) == RPPG_OK && rppg_estimate(&s, &r) == RPPG_ERR_DATA, "a minute between two frames is no frame rate");
}

static void test_windows(void)
{
  rppg_config c = method(RPPG_POS);
  rppg_session s = start(&c);
  trace t = usual(80, 30);
  rppg_result r;
  int k;
  memset(&r, 0x5a, sizeof r);
  for (k = 0; k < 5; k++) feed(&s, &t, k, k + 1, 0);
  {
    const rppg_result was = r;
    size_t n = 77, m = 77;
    double bin_hz;
    CHECK(rppg_estimate(&s, &r) == RPPG_ERR_DATA && memcmp(&r, &was, sizeof r) == 0, "5 s less a frame are too little");
    CHECK(rppg_wave(&s, &n) == NULL && n == 0 && rppg_spectrum(&s, &m, &bin_hz) == NULL && m == 0, "... and show nothing");
  }
  feed(&s, &t, 5, 6, 0);
  r = estimate(&s);
  CHECK((r.flags & RPPG_FLAG_SHORT) && r.window_s >= 5.9 && r.window_s <= 6.0 && magnitude(r.hr_bpm - 80.0) < 2.0,
        "6 s: %.2f bpm, and the window is said to be short", r.hr_bpm);
  feed(&s, &t, 6, 11, 0);
  CHECK(!(estimate(&s).flags & RPPG_FLAG_SHORT), "11 s: no longer");
  for (k = 0; k < 5; k++) { /* 10.03 s: an odd number of samples */
    static const double window[] = { 4.0, 4.0, 20.0, 60.0, 10.03 }, least[] = { 0.0, 3.0, 20.0, 10.0, 10.03 };
    static const double wants[] = { 4.0, 3.0, 20.0, 10.0, 10.0 };
    int second, first = 0;
    memset(&c, 0, sizeof c);
    c.window_s = window[k];
    c.min_window_s = least[k];
    s = start(&c);
    t = usual(80, 30);
    for (second = 1; second < 25 && !first; second++) {
      feed(&s, &t, second - 1, second, 0);
      if (rppg_estimate(&s, &r) == RPPG_OK) first = second;
    }
    CHECK(first == (int)wants[k] + 1, "window %g s, at least %g: first estimate in second %d", window[k], least[k], first);
    CHECK(magnitude(r.hr_bpm - 80.0) < 3.0, "... %.2f bpm", r.hr_bpm);
  }
}

/* ---- colours that are none ---------------------------------------------------------------------- */

static void test_bad_colours(int m)
{
  const double zero = 0.0;
  const float wild[3] = { (float)(zero / zero), (float)(1.0 / zero), (float)(-1.0 / zero) };
  const rppg_config c = method(m);
  rppg_session s = start(&c);
  trace t = usual(77, 30);
  rppg_result r, want;
  float rgb[3 * ROIS];
  int i, bad = 0;
  feed(&s, &t, 0, 12, 0);
  want = estimate(&s);
  s = start(&c);
  t = usual(77, 30);
  for (i = 0; i < 360; i++) {
    const uint64_t at = frame_time(&t, (uint64_t)i);
    colours(&t, at, rgb);
    bad += rppg_push_rgb(&s, rgb, (int64_t)at) != RPPG_OK;
    rgb[i % (3 * ROIS)] = wild[i % 3];
    bad += rppg_push_rgb(&s, rgb, (int64_t)at + 9000) != RPPG_ERR_DATA;
    if (i == 100) bad += rppg_push_rgb(&s, rgb, (int64_t)at - 9000) != RPPG_ERR_DATA; /* nor is its time believed */
  }
  r = estimate(&s);
  CHECK(bad == 0 && same(&r, &want) && r.flags == (want.flags | RPPG_FLAG_BAD_FRAME), "%s: NaN and infinity are refused, flagged, no harm",
        methods[m]);
  CHECK(!(estimate(&s).flags & RPPG_FLAG_BAD_FRAME), "... flagged once");
  for (i = 0; i < 3 * ROIS; i++) rgb[i] = i % 2 ? 3e38f : -3e38f;
  for (i = 0; i < 40; i++) rppg_push_rgb(&s, rgb, 13000000 + (int64_t)i * 33333);
  r = estimate(&s);
  CHECK(rppg__finite(r.hr_bpm) && rppg__finite(r.snr_db) && r.confidence >= 0.0 && r.confidence <= 1.0, "... absurd colours give numbers: %g bpm, confidence %g",
        r.hr_bpm, r.confidence);
  t = usual(77, 30);
  feed(&s, &t, 0, 20, 15 * SECOND);
  r = estimate(&s);
  CHECK(magnitude(r.hr_bpm - 77.0) < 1.0 && r.confidence > 0.5, "... and are forgotten: %.2f bpm", r.hr_bpm);
}

/* ---- tracking --------------------------------------------------------------------------------------- */

static void test_tracking(void)
{
  const rppg_config c = method(RPPG_POS);
  rppg_session s = start(&c);
  trace t = usual(72, 30);
  rppg_result r;
  int k;
  double apart = 0.0;
  for (k = 0; k < 20; k++) {
    feed(&s, &t, k, k + 1, 0);
    if (k >= 8) { r = estimate(&s); if (magnitude(r.tracked_bpm - 72.0) > apart) apart = magnitude(r.tracked_bpm - 72.0); }
  }
  CHECK(apart < 1.0, "a steady rate is tracked: within %.2f bpm", apart);
  t.depth = 0;
  t.noise = 400;
  feed(&s, &t, 20, 31, 0);
  r = estimate(&s);
  CHECK(magnitude(r.raw_bpm - 72.0) > 10.0 && magnitude(r.hr_bpm - 72.0) < 10.0 && magnitude(r.tracked_bpm - 72.0) < 1.0 && r.confidence < 0.3,
        "a window of noise: its highest peak %.1f, that nearest to the past %.1f, tracked %.1f, confidence %.3f", r.raw_bpm, r.hr_bpm, r.tracked_bpm, r.confidence);
  t = usual(120, 30);
  feed(&s, &t, 31, 43, 0);
  r = estimate(&s);
  CHECK(magnitude(r.hr_bpm - 120.0) < 1.0 && r.tracked_bpm > 72.0 && r.tracked_bpm < r.hr_bpm, "a leap by 48 bpm: raw %.1f, tracked %.1f behind it",
        r.hr_bpm, r.tracked_bpm);
  for (k = 43; k < 50; k++) { feed(&s, &t, k, k + 1, 0); r = estimate(&s); }
  CHECK(magnitude(r.tracked_bpm - 120.0) < 1.0, "... and seven seconds later there: %.1f", r.tracked_bpm);
  CHECK(magnitude(r.t_s - 49.967) < 0.01, "seconds since the first frame: %.2f", r.t_s);

  /* ten minutes later another rate may well be true: the old one says little */
  rppg_reset(&s);
  t = usual(72, 30);
  for (k = 0; k < 12; k++) { feed(&s, &t, k, k + 1, 0); if (k > 5) estimate(&s); }
  t = usual(120, 30);
  feed(&s, &t, 0, 12, 600 * (int64_t)SECOND);
  r = estimate(&s);
  CHECK(magnitude(r.tracked_bpm - 120.0) < 2.0, "after ten minutes without a frame: raw %.1f, tracked %.1f", r.hr_bpm, r.tracked_bpm);

  rppg_reset(&s);
  CHECK(rppg_estimate(&s, &r) == RPPG_ERR_DATA, "reset forgets the window");
  t = usual(95, 30);
  feed(&s, &t, 0, 12, 0);
  r = estimate(&s);
  CHECK(r.flags == 0 && !differ(r.tracked_bpm, r.hr_bpm) && magnitude(r.t_s - 11.967) < 0.01, "... the time, the flags and the tracked rate");
  rppg_reset(&s);
  {
    float rgb[3 * ROIS];
    for (k = 0; k < 3 * ROIS; k++) rgb[k] = 0.0f;
    for (k = 0; k < 300; k++) rppg_push_rgb(&s, rgb, (int64_t)k * 33333);
  }
  r = estimate(&s);
  CHECK(r.hr_bpm == 0.0 && r.tracked_bpm == 0.0, "... also where there is no rate yet: tracked %g", r.tracked_bpm);
}

/* Estimates now and then, or after each frame, or only at the end: where the peak is clear, only
   confidence and tracked_bpm may tell. */
static void test_estimates_change_nothing(int m)
{
  rppg_config c = method(m);
  rppg_session a = start(&c), b;
  trace t = usual(83, 30), u = t;
  rppg_result ra, rb;
  float rgb[3 * ROIS];
  const float *wa, *wb, *pa, *pb;
  size_t na, nb;
  double bin_hz;
  int i, bad = 0;
  rppg_init(&b, &c, mem2, rppg_mem_size(&c));
  for (i = 0; i < 400; i++) {
    const uint64_t at = frame_time(&t, (uint64_t)i);
    colours(&t, at, rgb);
    rppg_push_rgb(&a, rgb, (int64_t)at);
    if (i > 200 && i % 7 == 0) rppg_estimate(&a, &ra);
    colours(&u, frame_time(&u, (uint64_t)i), rgb);
    rppg_push_rgb(&b, rgb, (int64_t)at);
    if (i % 100 == 99 && i > 150) {
      ra = estimate(&a);
      rb = estimate(&b);
      wa = rppg_wave(&a, &na);
      wb = rppg_wave(&b, &nb);
      bad += differ(ra.raw_bpm, rb.raw_bpm) || differ(ra.hr_bpm, rb.hr_bpm) || differ(ra.snr_db, rb.snr_db) || ra.flags != rb.flags || na != nb || memcmp(wa, wb, na * sizeof *wa) != 0;
      pa = rppg_spectrum(&a, &na, &bin_hz);
      pb = rppg_spectrum(&b, &nb, &bin_hz);
      bad += na != nb || memcmp(pa, pb, na * sizeof *pa) != 0;
    }
  }
  CHECK(bad == 0, "%s: estimates do not change later ones", methods[m]);
}

/* Two sessions side by side give what each gives alone. */
static void test_interleaved(void)
{
  rppg_config c = method(RPPG_POS), d = method(RPPG_CHROM);
  rppg_session a, b;
  trace t = usual(57, 30), u = usual(133, 30);
  rppg_result alone[2], ra, rb;
  int k, bad = 0;
  d.window_s = 8.0;
  a = start(&c);
  feed(&a, &t, 0, 9, 0);
  estimate(&a);
  feed(&a, &t, 9, 12, 0);
  alone[0] = estimate(&a);
  a = start(&d);
  feed(&a, &u, 0, 9, 5);
  estimate(&a);
  feed(&a, &u, 9, 12, 5);
  alone[1] = estimate(&a);
  t = usual(57, 30);
  u = usual(133, 30);
  a = start(&c);
  rppg_init(&b, &d, mem2, rppg_mem_size(&d));
  for (k = 0; k < 12; k++) {
    feed(&a, &t, k, k + 1, 0);
    feed(&b, &u, k, k + 1, 5);
    if (k == 8) { rppg_estimate(&a, &ra); rppg_estimate(&b, &rb); }
  }
  ra = estimate(&a);
  rb = estimate(&b);
  bad += !same(&ra, &alone[0]) || !same(&rb, &alone[1]);
  CHECK(bad == 0, "two sessions side by side do not meet");
}

/* ---- memory and configs ----------------------------------------------------------------------------- */

static void test_memory(void)
{
  static const int m[] = { RPPG_POS, RPPG_CHROM, RPPG_GREEN, RPPG_CONTACT, RPPG_PBV, RPPG_OMIT, RPPG_ICA, RPPG_CONSENSUS };
  rppg_config c = method(0);
  rppg_session s, q;
  rppg_result r, want;
  trace t;
  size_t i, k, size;
  int bad = 0, space = 0;
  memset(&want, 0, sizeof want);
  CHECK(rppg_mem_size(NULL) > 0 && rppg_mem_size(NULL) <= 65536 && rppg_mem_size(&c) == rppg_mem_size(NULL), "the default takes %u bytes",
        (unsigned)rppg_mem_size(NULL));
  memset(&q, 0x5a, sizeof q);
  for (i = 0; i < 64; i++) {
    c = method(m[i % 8]);
    if (i >= 32) { c.window_s = 4.0; c.rate_hz = 15.0; }
    size = rppg_mem_size(&c);
    memset(mem, 0xa7, sizeof mem);
    memcpy(&s, &q, sizeof s);
    space += rppg_init(&s, &c, mem + i, size - 1) != RPPG_ERR_SPACE || rppg_init(&s, &c, mem + i, 0) != RPPG_ERR_SPACE ||
             memcmp(&s, &q, sizeof s) != 0;
    bad += rppg_init(&s, &c, mem + i, size) != RPPG_OK;
    t = usual(75, 15);
    bad += feed(&s, &t, 0, 7, 0);
    r = estimate(&s);
    for (k = 0; k < i; k++) bad += mem[k] != 0xa7;
    for (k = i + size; k < sizeof mem; k++) bad += mem[k] != 0xa7;
    if (i % 32 >= 8) { /* the same config at another offset */
      rppg_session other;
      rppg_init(&other, &c, mem2, size);
      t = usual(75, 15);
      feed(&other, &t, 0, 7, 0);
      want = estimate(&other);
      bad += !same(&r, &want) || r.hr_bpm <= 0.0;
    }
  }
  CHECK(bad == 0, "the block at any offset, nothing beside it touched");
  CHECK(space == 0, "one byte less is refused, and the session untouched");
}

static void refused(const rppg_config *c, const char *what, double value)
{
  rppg_session s, q;
  int bad = 0;
  memset(&s, 0x5a, sizeof s);
  memset(&q, 0x5a, sizeof q);
  bad += rppg_mem_size(c) != 0;
  bad += rppg_init(&s, c, mem, sizeof mem) != RPPG_ERR_ARG || memcmp(&s, &q, sizeof s) != 0;
  CHECK(bad == 0, "refuses %s %g", what, value);
}

static void test_configs(void)
{
  const double zero = 0.0, nan = zero / zero, inf = 1.0 / zero;
  static rppg_part parts[RPPG_MAX_ROIS + 1];
  rppg_config c;
  rppg_session s;
  size_t i;
#define BAD(field, value) memset(&c, 0, sizeof c); c.field = value; refused(&c, #field, (double)(c.field))
#define GOOD(field, value) memset(&c, 0, sizeof c); c.field = value; \
  CHECK(rppg_mem_size(&c) > 0, "takes " #field " %g", (double)(c.field))
  BAD(method, -1); BAD(method, RPPG__METHOD_END); BAD(method, 1 << 30);
  BAD(layout, -1); BAD(layout, 3); BAD(layout, 1 << 30);
  BAD(rate_hz, 9.99); BAD(rate_hz, -30.0); BAD(rate_hz, 250.1); BAD(rate_hz, nan); BAD(rate_hz, inf); BAD(rate_hz, 1e308);
  GOOD(rate_hz, 10.0); GOOD(rate_hz, 250.0);
  BAD(window_s, 3.99); BAD(window_s, 60.1); BAD(window_s, -10.0); BAD(window_s, nan); BAD(window_s, inf);
  GOOD(window_s, 4.0); GOOD(window_s, 60.0);
  BAD(min_window_s, 2.99); BAD(min_window_s, 10.01); BAD(min_window_s, -5.0); BAD(min_window_s, nan); BAD(min_window_s, inf);
  GOOD(min_window_s, 3.0); GOOD(min_window_s, 10.0);
  BAD(max_gap_s, -1.0); BAD(max_gap_s, nan); BAD(max_gap_s, inf);
  BAD(bpm_min, 19.9); BAD(bpm_min, 120.1); BAD(bpm_min, -36.0); BAD(bpm_min, nan); BAD(bpm_min, inf);
  GOOD(bpm_min, 20.0); GOOD(bpm_min, 120.0);
  BAD(bpm_max, 71.9); BAD(bpm_max, 300.1); BAD(bpm_max, -240.0); BAD(bpm_max, nan); BAD(bpm_max, inf);
  GOOD(bpm_max, 72.0); GOOD(bpm_max, 300.0);
  BAD(smooth_boxes, -1); BAD(smooth_boxes, 65); BAD(smooth_boxes, 1 << 30);
  GOOD(smooth_boxes, 1); GOOD(smooth_boxes, 64);
  memset(&c, 0, sizeof c); c.rate_hz = 10.0; c.bpm_max = 280.0;
  refused(&c, "bpm_max above what 10 Hz can show", c.bpm_max);
  for (i = 0; i <= RPPG_MAX_ROIS; i++) { parts[i].x = parts[i].y = 0.1f; parts[i].w = parts[i].h = 0.5f; }
  memset(&c, 0, sizeof c);
  c.parts = parts;
  refused(&c, "parts, n_parts", 0.0);
  c.n_parts = RPPG_MAX_ROIS + 1;
  refused(&c, "parts, n_parts", 65.0);
  c.n_parts = (size_t)-1;
  refused(&c, "parts, n_parts", -1.0);
  c.n_parts = RPPG_MAX_ROIS;
  CHECK(rppg_mem_size(&c) > 0 && rppg_mem_size(&c) <= MAX_MEM && rppg_init(&s, &c, mem, rppg_mem_size(&c)) == RPPG_OK, "takes 64 parts");
  c.layout = 99;
  CHECK(rppg_mem_size(&c) > 0, "... whatever the layout says");
  parts[RPPG_MAX_ROIS - 1].w = (float)nan; refused(&c, "a part whose width is", nan);
  parts[RPPG_MAX_ROIS - 1].w = -0.1f; refused(&c, "a part whose width is", -0.1);
  parts[RPPG_MAX_ROIS - 1].w = 8.0f; refused(&c, "a part whose width is", 8.0);
  c.n_parts--;
  CHECK(rppg_mem_size(&c) > 0, "... but for the parts before it");
  memset(&c, 0, sizeof c);
  CHECK(rppg_init(NULL, &c, mem, sizeof mem) == RPPG_ERR_ARG && rppg_init(&s, &c, NULL, sizeof mem) == RPPG_ERR_ARG, "no session, no block");
}

/* ---- accessors --------------------------------------------------------------------------------------- */

/* The wave goes up when the skin darkens, and its samples lie where they should in time. */
static void test_wave(int m)
{
  const rppg_config c = method(m);
  rppg_session s = start(&c);
  trace t = usual(69, 30);
  rppg_result r;
  const float *w, *p;
  size_t n, bins, i, top = 1;
  double bin_hz, xy = 0.0, xx = 0.0, yy = 0.0, late = 0.0;
  t.noise = 20;
  feed(&s, &t, 0, 14, 0);
  r = estimate(&s);
  w = rppg_wave(&s, &n);
  p = rppg_spectrum(&s, &bins, &bin_hz);
  for (i = 0; w && i < n; i++) { /* grid sample k is the mean from k/30 to (k+1)/30 s after the first frame */
    const uint64_t middle = SECOND + (uint64_t)((double)(s.total - n + i) * 1e6 / 30.0 + 16667.0);
    const double y = (double)blood(&t, middle), z = (double)blood(&t, middle - 33333);
    xy += (double)w[i] * y;
    late += (double)w[i] * z;
    xx += (double)w[i] * (double)w[i];
    yy += y * y;
  }
  CHECK(w && n == 300 && xy > 0.95 * rppg__sqrt(xx * yy) && xy > late, "%s: the wave rises when the skin darkens: correlation %.3f, a sample late %.3f",
        methods[m], xy / rppg__sqrt(xx * yy), late / rppg__sqrt(xx * yy));
  for (i = 1; p && i < bins; i++) if (p[i] > p[top]) top = i;
  CHECK(p && magnitude(60.0 * (double)top * bin_hz - r.hr_bpm) <= 60.0 * bin_hz && magnitude(r.hr_bpm - 69.0) < 1.0,
        "... the spectrum has its peak at the rate");
  CHECK(r.snr_db > 0.0 && r.snr_db < 60.0, "... SNR %.1f dB", r.snr_db);
}

/* The newest samples are each ROI's own: here the first one shows nothing. */
static void test_newest(int m)
{
  const rppg_config c = method(m);
  rppg_session s = start(&c);
  trace t = usual(69, 30);
  float rgb[3 * ROIS];
  const float *w;
  size_t n, i;
  double body = 0.0, tail = 0.0;
  t.noise = 5;
  for (i = 0; i < 330; i++) {
    int k;
    const uint64_t at = frame_time(&t, i);
    colours(&t, at, rgb);
    for (k = 0; k < 3; k++) rgb[k] = (float)skin[k];
    rppg_push_rgb(&s, rgb, (int64_t)at);
  }
  estimate(&s);
  w = rppg_wave(&s, &n);
  for (i = 0; w && i < n - 52; i++) body += (double)w[i] * (double)w[i] / (double)(n - 52);
  for (; w && i < n; i++) tail += (double)w[i] * (double)w[i] / 52.0;
  CHECK(tail > 0.5 * body && tail < 2.0 * body, "%s: the wave's newest two beats are as strong as the rest: %.2f", methods[m], tail / body);
}

/* A window that is still growing is seen like a full one of its length. */
static void test_short_like_full(int m)
{
  rppg_config c = method(m), d = method(m);
  rppg_session a, b;
  trace t = usual(80, 30), u = t;
  rppg_result ra, rb;
  const float *wa, *wb, *p;
  size_t na, nb, bins, far;
  double bin_hz;
  d.window_s = 6.0;
  a = start(&c);
  rppg_init(&b, &d, mem2, rppg_mem_size(&d));
  t.depth = u.depth = 20000; /* clear: leakage would show */
  t.noise = u.noise = 0;
  t.harmonic[1] = u.harmonic[1] = 0;
  feed(&a, &t, 0, 6, 0);
  feed(&b, &u, 0, 6, 0);
  ra = estimate(&a);
  rb = estimate(&b);
  wa = rppg_wave(&a, &na);
  wb = rppg_wave(&b, &nb);
  CHECK(na == nb && wa && wb && magnitude(ra.hr_bpm - rb.hr_bpm) < 0.3 && magnitude(ra.snr_db - rb.snr_db) < 3.0,
        "%s: 6 s of 10 are like 6 of 6: %.2f and %.2f bpm, %.1f and %.1f dB", methods[m], ra.hr_bpm, rb.hr_bpm, ra.snr_db, rb.snr_db);
  p = rppg_spectrum(&a, &bins, &bin_hz);
  far = (size_t)(200.0 / 60.0 / bin_hz); /* 2 Hz from the pulse, not a harmonic */
  CHECK(p && far < bins && p[far] < 2e-5f * p[(size_t)(80.0 / 60.0 / bin_hz + 0.5)], "... and leak as little: %.2g",
        p ? (double)p[far] / (double)p[(size_t)(80.0 / 60.0 / bin_hz + 0.5)] : 0.0);
}

/* A colour that grows with time: the grid's samples are the line's values at the middle of cells. */
static void test_colours(void)
{
  rppg_config c = method(RPPG_POS);
  rppg_session s = start(&c);
  float rgb[3 * ROIS], got[3 * 300];
  uint32_t seed = 3;
  uint64_t at = 0;
  size_t n, i, k;
  double worst = 0.0;
  int bad = 0;
  CHECK(rppg_colours(&s, 0, got, 300) == 0, "no colours before the first frame");
  while (at < 14 * SECOND) {
    for (k = 0; k < 3 * ROIS; k++) rgb[k] = (float)(20.0 + (double)k + (double)at * 1e-6 * (1.0 + 0.1 * (double)k));
    rppg_push_rgb(&s, rgb, 1000 + (int64_t)at);
    at += 3000 + rnd(&seed) % 150000;
  }
  for (k = 0; k < ROIS; k++) {
    n = rppg_colours(&s, k, got, 300);
    bad += n != 300;
    for (i = 0; i < 3 * n; i++) {
      const double t_s = ((double)(s.total - n + i / 3) + 0.5) / 30.0, ch = (double)(3 * k + i % 3);
      const double e = magnitude((double)got[i] - (20.0 + ch + t_s * (1.0 + 0.1 * ch)));
      if (e > worst) worst = e;
    }
  }
  CHECK(bad == 0 && worst < 1e-4, "colours on the grid, newest last, whatever the times of the frames: error %.2g", worst);
  n = rppg_colours(&s, 2, got, 300);
  memcpy(rgb, got + 3 * 297, 9 * sizeof *got);
  got[9] = -1.0f;
  CHECK(rppg_colours(&s, 2, got, 3) == 3 && memcmp(rgb, got, 9 * sizeof *got) == 0 && got[9] == -1.0f, "... the newest ones where not all fit");
  CHECK(rppg_colours(&s, ROIS, got, 300) == 0 && rppg_colours(&s, (size_t)-1, got, 300) == 0 && rppg_colours(&s, 0, got, 0) == 0, "... of no ROI, for no room: none");
}

/* Light at another rate misleads GREEN alone: it is outvoted, and the confidence says that one differs. */
static void test_consensus(void)
{
  const rppg_config c = method(RPPG_CONSENSUS);
  double pulse, light, sure[2];
  int k;
  for (k = 0; k < 2; k++) {
    rppg_session s = start(&c);
    trace t = usual(72, 30);
    rppg_result r;
    const float *p;
    size_t n;
    double bin_hz;
    t.light = k ? 20000 : 0;
    t.light_milli_bpm = 130000;
    feed(&s, &t, 0, 12, 0);
    r = estimate(&s);
    p = rppg_spectrum(&s, &n, &bin_hz);
    pulse = (double)p[(size_t)(72.0 / 60.0 / bin_hz + 0.5)];
    light = (double)p[(size_t)(130.0 / 60.0 / bin_hz + 0.5)];
    sure[k] = r.confidence;
    CHECK(magnitude(r.hr_bpm - 72.0) < 1.0 && s.agreed == 3 - k && light < 0.01 * pulse, "CONSENSUS%s: %.2f bpm, %d agree, %.2g of the power is light",
          k ? " under a lamp" : "", r.hr_bpm, s.agreed, light / pulse);
  }
  CHECK(sure[0] > 0.85 && sure[1] <= 0.8, "... confidence %.2f, and %.2f where one differs", sure[0], sure[1]);
}

static void test_contact(void)
{
  const rppg_part whole = { 0.0f, 0.0f, 1.0f, 1.0f };
  rppg_config c = method(RPPG_CONTACT);
  uint32_t seed = 4;
  int i, k, ch;
  c.parts = &whole;
  c.n_parts = 1;
  for (ch = 0; ch < 3; ch++) {
    rppg_session s = start(&c);
    trace t = usual(88, 30);
    rppg_result r;
    for (i = 0; i < 360; i++) { /* one channel glows and pulses, one is dark noise, one 0 */
      float rgb[3];
      for (k = 0; k < 3; k++) rgb[k] = k == (ch + 1) % 3 ? 4.0f + (float)(rnd(&seed) % 1024) / 256.0f : 0.0f;
      rgb[ch] = (float)(220 * 65536 - 3 * blood(&t, (uint64_t)i * 33333) + (int64_t)(rnd(&seed) % 32768)) / 65536.0f;
      rppg_push_rgb(&s, rgb, (int64_t)i * 33333);
    }
    r = estimate(&s);
    CHECK(magnitude(r.hr_bpm - 88.0) < 1.0 && r.confidence > 0.5, "CONTACT: a finger on the lens, all in channel %d: %.2f bpm, confidence %.2f",
          ch, r.hr_bpm, r.confidence);
  }
}

/* ---- frames ----------------------------------------------------------------------------------------------- */

enum { W = 64, H = 48 };
static const char *const names[] = { "none", "RGB24", "BGR24", "RGBA", "BGRA", "GRAY8", "NV12", "NV21", "I420", "I422", "I444", "YUYV", "UYVY" };
static uint8_t pixels[3][W * H * 4];
static uint32_t grain;

/* A level in 65536ths of grey as a byte; noise makes its mean right. */
static uint8_t level(int64_t x)
{
  x += rnd(&grain) & 65535;
  return (uint8_t)(x < 0 ? 0 : x > 255 * 65536 ? 255 : x >> 16);
}

/* A flat face of one colour on black; full range BT.601 where it is YUV. */
static rppg_frame draw(int format, const float *rgb, int bottom_up)
{
  static const int order[][4] = { { 0 }, { 0, 1, 2, 3 }, { 2, 1, 0, 3 }, { 0, 1, 2, 3 }, { 2, 1, 0, 3 } };
  int64_t c[3], yuv[3];
  rppg_frame f;
  int x, y, k;
  for (k = 0; k < 3; k++) c[k] = (int64_t)(rgb[k] * 65536.0f);
  yuv[0] = (c[0] * 19595 + c[1] * 38470 + c[2] * 7471) / 65536;
  yuv[1] = 128 * 65536 + (c[2] - yuv[0]) * 36984 / 65536; /* / 1.772 */
  yuv[2] = 128 * 65536 + (c[0] - yuv[0]) * 46745 / 65536; /* / 1.402 */
  memset(&f, 0, sizeof f);
  f.format = format;
  f.width = W;
  f.height = H;
  f.range = RPPG_FULL;
  f.strides[0] = format <= RPPG_BGR24 ? 3 * W : format <= RPPG_BGRA ? 4 * W : format >= RPPG_YUYV ? 2 * W : W;
  f.strides[1] = format == RPPG_NV12 || format == RPPG_NV21 || format == RPPG_I444 ? W : W / 2;
  f.strides[2] = f.strides[1];
  for (k = 0; k < 3; k++) {
    const ptrdiff_t stride = f.strides[k];
    const int rows = k && (format == RPPG_NV12 || format == RPPG_NV21 || format == RPPG_I420) ? H / 2 : H;
    for (y = 0; y < rows && (k == 0 || format >= RPPG_NV12); y++) {
      uint8_t *row = pixels[k] + y * stride;
      if (k > 0 && (format >= RPPG_YUYV || (k == 2 && format <= RPPG_NV21))) break;
      for (x = 0; x < stride; x++)
        switch (format) {
        case RPPG_RGB24: case RPPG_BGR24: row[x] = level(c[order[format][x % 3]]); break;
        case RPPG_RGBA: case RPPG_BGRA: row[x] = x % 4 == 3 ? (uint8_t)x : level(c[order[format][x % 4]]); break;
        case RPPG_NV12: row[x] = level(yuv[k ? 1 + x % 2 : 0]); break;
        case RPPG_NV21: row[x] = level(yuv[k ? 2 - x % 2 : 0]); break;
        case RPPG_YUYV: row[x] = level(yuv[x % 2 ? 1 + x / 2 % 2 : 0]); break;
        case RPPG_UYVY: row[x] = level(yuv[x % 2 ? 0 : 1 + x / 2 % 2]); break;
        default: row[x] = level(yuv[k]); break;
        }
    }
    f.planes[k] = pixels[k];
    if (bottom_up) { f.planes[k] += (rows - 1) * stride; f.strides[k] = -stride; }
  }
  return f;
}

/* how: 0 a still box, 1 one that jitters, 2 bottom-up. */
static void test_frames(int format, int how)
{
  const int grey = format == RPPG_GRAY8;
  rppg_config c = method(grey ? RPPG_GREEN : RPPG_POS);
  rppg_session s = start(&c), t;
  trace tr = usual(84, 15);
  rppg_result r, want;
  rppg_rect face = { 6, 4, 50, 40 };
  const rppg_rect *rois;
  float rgb[3 * ROIS], mean[3 * ROIS];
  size_t n, k;
  int i, bad = 0;
  double worst = 0.0;
  uint32_t seed = 9;
  rppg_init(&t, &c, mem2, rppg_mem_size(&c));
  tr.noise = 0;
  grain = 5;
  for (i = 0; i < 150; i++) {
    const uint64_t at = frame_time(&tr, (uint64_t)i);
    rppg_frame f;
    colours(&tr, at, rgb);
    for (k = 3; k < 3 * ROIS; k++) rgb[k] = rgb[k % 3];
    if (grey) for (k = 0; k < 3 * ROIS; k++) rgb[k] = rgb[1];
    f = draw(format, rgb, how == 2);
    if (how == 1) { face.x = 5 + (int)(rnd(&seed) % 3); face.y = 3 + (int)(rnd(&seed) % 3); face.w = 49 + (int)(rnd(&seed) % 3); }
    bad += rppg_push(&s, &f, &face, (int64_t)at) != RPPG_OK;
    bad += rppg_push_rgb(&t, rgb, (int64_t)at) != RPPG_OK;
    for (k = 0; k < 3; k++) {
      const double e = magnitude((double)s.now[15 + k] - (double)rgb[k]); /* the full box */
      if (e > worst) worst = e;
    }
  }
  memcpy(mean, s.now, sizeof mean);
  r = estimate(&s);
  want = estimate(&t);
  CHECK(bad == 0 && magnitude(r.hr_bpm - want.hr_bpm) < 0.5 && magnitude(r.hr_bpm - 84.0) < 1.0 && r.confidence > 0.5, "%s%s: %.2f bpm, from colours %.2f",
        names[format], how == 2 ? " bottom-up" : how == 1 ? ", a box that jitters" : "", r.hr_bpm, want.hr_bpm);
  CHECK(worst < 0.15, "... colours to %.2g grey levels", worst);
  rois = rppg_rois(&s, &n);
  CHECK(n == ROIS && rois[0].w > 0 && rois[5].x >= 5 && rois[5].x <= 7 && rois[5].w >= 49 && rois[5].w <= 51, "... the ROIs are on the face");
}

static void test_faces(void)
{
  const rppg_config c = method(RPPG_POS);
  rppg_session s = start(&c);
  trace t = usual(84, 15);
  rppg_result r;
  rppg_frame f, g;
  const rppg_rect face = { 6, 4, 50, 40 }, outside = { 200, 4, 50, 40 }, empty = { 6, 4, 0, 40 }, huge = { 0, 0, 40000, 4 };
  const rppg_rect *rois;
  float rgb[3 * ROIS];
  size_t n, k;
  int i, bad = 0;
  rois = rppg_rois(&s, &n);
  for (k = 0; k < n; k++) bad += rois[k].w != 0 || rois[k].h != 0;
  CHECK(n == ROIS && bad == 0, "empty ROIs before the first frame");
  t.noise = 0;
  for (i = 0; i < 150; i++) {
    const uint64_t at = frame_time(&t, (uint64_t)i);
    colours(&t, at, rgb);
    f = draw(RPPG_RGB24, rgb, 0);
    bad += rppg_push(&s, &f, &face, (int64_t)at) != RPPG_OK;
    if (i == 50) {
      bad += rppg_push(&s, &f, NULL, (int64_t)at + 1000) != RPPG_ERR_DATA;
      bad += rppg_push(&s, &f, &empty, (int64_t)at + 1001) != RPPG_ERR_ARG;
      bad += rppg_push(&s, &f, &huge, (int64_t)at + 1002) != RPPG_ERR_ARG;
      r = estimate(&s);
    }
    if (i == 90) {
      r = estimate(&s);
      bad += !(r.flags & RPPG_FLAG_NO_FACE) || (r.flags & RPPG_FLAG_BAD_FRAME);
      g = f;
      g.planes[0] = NULL;
      bad += rppg_push(&s, &g, &face, (int64_t)at + 1003) != RPPG_ERR_ARG;
      g = f;
      g.format = 77;
      bad += rppg_push(&s, &g, &face, (int64_t)at + 1004) != RPPG_ERR_UNSUPPORTED;
      bad += rppg_push(&s, NULL, &face, (int64_t)at + 1005) != RPPG_ERR_ARG;
      r = estimate(&s);
      bad += (r.flags & RPPG_FLAG_NO_FACE) || !(r.flags & RPPG_FLAG_BAD_FRAME);
    }
  }
  r = estimate(&s);
  CHECK(bad == 0 && r.flags == RPPG_FLAG_SHORT && magnitude(r.hr_bpm - 84.0) < 1.0, "no face, boxes without a size, bad frames: refused, flagged, no harm: %.2f bpm, %x",
        r.hr_bpm, r.flags);
  rppg_reset(&s);
  for (i = 0, bad = 0; i < 30; i++) bad += rppg_push(&s, &f, &outside, (int64_t)i * 33333) != RPPG_ERR_DATA;
  CHECK(bad == 0 && rppg_estimate(&s, &r) == RPPG_ERR_DATA, "a box outside the frame shows nothing");
  rppg_reset(&s);
  rois = rppg_rois(&s, &n);
  for (k = 0; k < n; k++) bad += rois[k].w != 0;
  CHECK(bad == 0, "reset forgets the ROIs");
  t = usual(84, 15); /* half of the face outside */
  t.noise = 0;
  for (i = 0; i < 150; i++) {
    const rppg_rect half = { 30, 4, 68, 40 };
    const uint64_t at = frame_time(&t, (uint64_t)i);
    colours(&t, at, rgb);
    f = draw(RPPG_NV12, rgb, 0);
    bad += rppg_push(&s, &f, &half, (int64_t)at) != RPPG_OK;
  }
  r = estimate(&s);
  CHECK(bad == 0 && magnitude(r.hr_bpm - 84.0) < 1.0, "half of the face outside the frame: %.2f bpm", r.hr_bpm);

  /* one who comes back elsewhere after a gap is looked for there, not half way */
  {
    const rppg_rect first = { 0, 0, 20, 20 }, then = { 40, 24, 20, 20 };
    rppg_reset(&s);
    for (i = 0; i < 30; i++) rppg_push(&s, &f, &first, (int64_t)i * 33333);
    rppg_push(&s, &f, &then, 60 * (int64_t)SECOND);
    rois = rppg_rois(&s, &n);
    CHECK(rois[5].x == 40 && rois[5].y == 24, "after a gap the box starts anew: %d %d", rois[5].x, rois[5].y);
  }
}

/* The box is the mean of the last ones, 20 or as many as the config says. */
static void test_smoothing(void)
{
  static const int lengths[] = { 0, 1, 4 }, wants[] = { 10, 20, 10 };
  rppg_config c = method(RPPG_POS);
  float rgb[3 * ROIS];
  trace t = usual(60, 30);
  size_t n;
  int i, k;
  colours(&t, 0, rgb);
  for (k = 0; k < 3; k++) {
    const rppg_frame f = draw(RPPG_RGB24, rgb, 0);
    rppg_session s;
    c.smooth_boxes = lengths[k];
    s = start(&c);
    for (i = 0; i < 60; i++) {
      rppg_rect face = { 0, 3, 30, 30 };
      face.x = i % 2 * 20;
      rppg_push(&s, &f, &face, (int64_t)i * 33333);
    }
    CHECK(rppg_rois(&s, &n)[5].x == wants[k] && rppg_rois(&s, &n)[5].y == 3, "the mean of %d boxes", lengths[k] ? lengths[k] : 20);
  }
}

/* Parts of one's own: copied, on the face, and only they count. */
static void test_parts(void)
{
  rppg_part parts[2] = { { 0.0f, 0.0f, 0.5f, 1.0f }, { 0.5f, 0.25f, 0.5f, 0.5f } };
  const rppg_rect face = { 6, 4, 40, 40 };
  rppg_config c = method(RPPG_POS);
  rppg_session s;
  const rppg_rect *r;
  size_t n;
  float rgb[3 * ROIS];
  rppg_frame f;
  trace t = usual(60, 30);
  c.parts = parts;
  c.n_parts = 2;
  s = start(&c);
  memset(parts, 0x7f, sizeof parts);
  colours(&t, 0, rgb);
  f = draw(RPPG_I420, rgb, 0);
  CHECK(rppg_push(&s, &f, &face, 0) == RPPG_OK, "parts of one's own");
  r = rppg_rois(&s, &n);
  CHECK(n == 2 && r[0].x == 6 && r[0].y == 4 && r[0].w == 20 && r[0].h == 40 && r[1].x == 26 && r[1].y == 14 && r[1].w == 20 && r[1].h == 20,
        "... are copied, and lie on the face");
  rppg_reset(&s);
  CHECK(rppg_push(&s, &f, &face, 0) == RPPG_OK && rppg_rois(&s, &n)[1].y == 14, "... also after a reset");
}

static void test_layouts(void)
{
  static const size_t sizes[] = { 6, 3, 1 };
  rppg_config c = method(RPPG_CHROM);
  size_t n;
  int i, k;
  for (k = 0; k < 3; k++) {
    rppg_session s;
    trace t = usual(84, 15);
    float rgb[3 * ROIS];
    const rppg_rect face = { 6, 4, 50, 40 };
    rppg_result r;
    c.layout = k;
    s = start(&c);
    t.noise = 0;
    for (i = 0; i < 150; i++) {
      const uint64_t at = frame_time(&t, (uint64_t)i);
      rppg_frame f;
      colours(&t, at, rgb);
      f = draw(RPPG_BGRA, rgb, 0);
      rppg_push(&s, &f, &face, (int64_t)at);
    }
    r = estimate(&s);
    rppg_rois(&s, &n);
    CHECK(n == sizes[k] && magnitude(r.hr_bpm - 84.0) < 1.0 && r.confidence > 0.5, "layout %d: %u ROIs, %.2f bpm", k, (unsigned)n, r.hr_bpm);
  }
}

/* ---- one number for all machines ------------------------------------------------------------------------------ */

static uint64_t mix_result(uint64_t h, rppg_session *s)
{
  const rppg_result r = estimate(s);
  const float *p;
  size_t n;
  double bin_hz;
  h = tap_fnv_f64(tap_fnv_f64(tap_fnv_f64(h, r.hr_bpm), r.confidence), r.snr_db);
  h = tap_fnv_f64(tap_fnv_f64(tap_fnv_f64(tap_fnv_f64(h, r.tracked_bpm), r.t_s), r.window_s), r.fps);
  h = tap_fnv_f64(tap_fnv_f64(h, (double)r.flags), (double)r.source);
  p = rppg_wave(s, &n);
  if (p) h = tap_fnv_f32(h, p, n);
  p = rppg_spectrum(s, &n, &bin_hz);
  return p ? tap_fnv_f32(h, p, n) : h;
}

static uint64_t golden_hash(void)
{
  uint64_t h = TAP_FNV;
  int m, k, i;
  for (m = RPPG_POS; m <= RPPG_CONTACT; m++) {
    rppg_config c = method(m);
    rppg_session s;
    trace t = usual(70 + 31 * m, 20 + 10 * m);
    if (m == RPPG_GREEN) { c.rate_hz = 25.0; c.window_s = 10.05; }
    t.jitter = 30;
    t.drop = 10;
    t.light = 3000;
    t.light_milli_bpm = 41000;
    s = start(&c);
    for (k = 0; k < 14; k++) {
      feed(&s, &t, k, k + 1, -3 * SECOND);
      h = mix_result(h, &s);
    }
  }
  for (m = RPPG_RGB24; m <= RPPG_UYVY; m += 5) {
    const rppg_rect face = { 6, 4, 50, 40 };
    rppg_config c = method(RPPG_POS);
    rppg_session s = start(&c);
    trace t = usual(84, 15);
    float rgb[3 * ROIS];
    grain = 7;
    for (i = 0; i < 100; i++) {
      const uint64_t at = frame_time(&t, (uint64_t)i);
      rppg_frame f;
      colours(&t, at, rgb);
      f = draw(m, rgb, 0);
      rppg_push(&s, &f, &face, (int64_t)at);
    }
    h = mix_result(h, &s);
  }
  return h;
}

int main(void)
{
  static const int fps[] = { 15, 20, 30, 60, 120 };
  size_t i;
  int m, isa;
  for (m = RPPG_POS; m < RPPG__METHOD_END; m++) {
    if (m == RPPG_2SR) continue; /* takes no colours */
    for (i = 0; i < sizeof fps / sizeof *fps; i++)
      if (m == RPPG_POS || fps[i] == 30) test_rates(m, fps[i]);
    if (m <= RPPG_CHROM) test_harmonics(m);
    test_noise(m);
    test_constant(m);
    test_bad_colours(m);
    test_estimates_change_nothing(m);
    test_wave(m);
    test_newest(m);
    test_short_like_full(m);
    test_static(m);
  }
  test_slow_motion();
  test_flicker();
  test_motion_and_clipping();
  test_flag_text();
  test_low_fps();
  test_time();
  test_windows();
  test_tracking();
  test_interleaved();
  test_memory();
  test_configs();
  test_colours();
  test_contact();
  test_consensus();
  for (m = RPPG_RGB24; m <= RPPG_UYVY; m++) test_frames(m, 0); /* test_formats.c has the others */
  test_frames(RPPG_NV12, 1);
  test_frames(RPPG_BGRA, 2);
  test_frames(RPPG_I420, 2);
  test_faces();
  test_smoothing();
  test_parts();
  test_layouts();
  TAP_EACH_ISA(isa) {
    const uint64_t h = golden_hash();
    CHECK(h == GOLDEN, "golden hash, %s: 0x%08lx%08lx", rppg_isa_name((rppg_isa)isa), (unsigned long)(h >> 32),
          (unsigned long)(h & 0xffffffffu));
  }
  return tap_end();
}
