/* Tests of the vital signs of rppg.h: beats of drawn pulse waves whose beats are known, variability
   against NumPy and SciPy, logs of windows, respiration that is known, and foreign input.
   cc -O2 tests/test_vitals.c -lm && ./a.out */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg.h"
#include "tap.h"
#include "golden/vitals.h"

#define GOLDEN UINT64_C(0x5664427e444c9347)

enum { MOST = 24000, BEATS = 2000, GUARD = 8 };
static float wave[MOST], wave2[MOST], quality[BEATS + GUARD], quality2[BEATS];
static double times[BEATS + GUARD], times2[BEATS], truth[BEATS], work[4 * MOST];
static uint8_t mark[BEATS];
static unsigned char mem[1 << 18];

/* ---- pulse waves ---------------------------------------------------------------------------------- */

static uint32_t rnd(uint32_t *seed) { *seed = *seed * 1664525u + 1013904223u; return *seed >> 8; }
static double uniform(uint32_t *seed) { return (double)(int)(rnd(seed) % 65536) / 32768.0 - 1.0; }
static double noise(uint32_t *seed) /* of variance 1: four uniform ones */
{
  return 0.8660254037844386 * (uniform(seed) + uniform(seed) + uniform(seed) + uniform(seed));
}

static double sine(double turns)
{
  double s, c;
  rppg__sincospi(2.0 * turns, &s, &c);
  return s;
}

typedef struct pulse {
  double bpm, fps, seconds;
  double notch;                   /* height of the second wave */
  double breath, am, fm, level;   /* breaths a minute; what they do to height, interval, baseline */
  double am_breath;               /* of the height alone; 0: breath */
  double jitter, noise, drift;    /* s, of a beat of height 1, a sample's random walk */
  int missed, early;              /* index of a beat that fails, of one that comes early; 0: none */
  uint32_t seed;
} pulse;

static pulse usual(double bpm, double fps, double seconds)
{
  pulse p;
  memset(&p, 0, sizeof p);
  p.bpm = bpm;
  p.fps = fps;
  p.seconds = seconds;
  p.notch = 0.3;
  p.breath = 15.0;
  p.fm = 0.03;
  p.seed = (uint32_t)(bpm * 7.0 + fps);
  return p;
}

/* Samples of p into out, each the mean of a frame of light; truth: where the rises are steepest.
   Quantised, so that the last bit of a machine's arithmetic does not show. */
static size_t draw(pulse p, float *out, double *at, size_t *beats)
{
  const size_t n = (size_t)(p.seconds * p.fps + 0.5);
  const double period = 60.0 / p.bpm, scale = period < 1.0 ? period : 1.0, width = 0.12 * scale;
  double t = 0.4, walk = 0.0;
  size_t i, k, sub, from = 0;
  *beats = 0;
  for (k = 1; t < p.seconds; k++) {
    const double f = p.breath / 60.0;
    double step = period * (1.0 + p.fm * sine(f * t)) + p.jitter * noise(&p.seed);
    if ((int)k != p.missed) at[(*beats)++] = t;
    if ((int)k + 1 == p.early) step *= 0.7;
    else if ((int)k == p.early && p.early) step *= 1.3;
    t += step;
  }
  for (i = 0; i < n; i++) {
    double sum = 0.0;
    while (from < *beats && at[from] < (double)i / p.fps - 3.0) from++;
    for (sub = 0; sub < 8; sub++) {
      const double now = ((double)i + ((double)sub + 0.5) / 8.0 - 0.5) / p.fps;
      for (k = from; k < *beats && at[k] < now + 2.0; k++) {
        const double a = (now - at[k] - width) / width;
        const double b = (now - at[k] - width - 0.35 * scale) / width;
        const double height = 1.0 + p.am * sine((p.am_breath > 0.0 ? p.am_breath : p.breath) / 60.0 * at[k] + 0.2);
        if (a > -9.0 && a < 9.0) sum += height * rppg__exp(-0.5 * a * a);
        if (b > -9.0 && b < 9.0) sum += height * p.notch * rppg__exp(-0.5 * b * b);
      }
      sum += p.level * sine(p.breath / 60.0 * now + 0.4);
    }
    walk += p.drift * noise(&p.seed);
    sum = sum / 8.0 + walk + p.noise * noise(&p.seed);
    out[i] = (float)((double)(int)(sum * 8192.0 + (sum < 0.0 ? -0.5 : 0.5)) / 8192.0);
  }
  return n;
}

/* How beats t [n] compare with the truth, which is looked at from lo to hi seconds. */
typedef struct match { int missed, extra; double mean, dev, worst; } match;

static match compare(const double *at, size_t beats, const double *t, size_t n, double near, double lo, double hi)
{
  match m;
  double e[BEATS], squares = 0.0;
  size_t i, k, count = 0;
  memset(&m, 0, sizeof m);
  for (i = 0; i < beats; i++) {
    double best = 1e9;
    if (at[i] < lo || at[i] > hi) continue;
    for (k = 0; k < n; k++)
      if (rppg__abs(t[k] - at[i]) < rppg__abs(best)) best = t[k] - at[i];
    if (rppg__abs(best) > near) { m.missed++; continue; }
    e[count++] = best;
    m.mean += best;
  }
  for (k = 0; k < n; k++) {
    double best = 1e9;
    for (i = 0; i < beats; i++)
      if (rppg__abs(t[k] - at[i]) < best) best = rppg__abs(t[k] - at[i]);
    m.extra += t[k] >= lo && t[k] <= hi && best > near;
  }
  if (count) m.mean /= (double)count;
  for (i = 0; i < count; i++) {
    squares += (e[i] - m.mean) * (e[i] - m.mean);
    if (rppg__abs(e[i] - m.mean) > m.worst) m.worst = rppg__abs(e[i] - m.mean);
  }
  if (count) m.dev = rppg__sqrt(squares / (double)count);
  return m;
}

static size_t find(const float *x, size_t n, double fps)
{
  size_t count = 12345;
  const rppg_status status = rppg_beats(x, n, fps, NULL, times, quality, BEATS, &count, work);
  if (status != RPPG_OK) {
    CHECK(0, "beats of %u samples: %d", (unsigned)n, (int)status);
    return 0;
  }
  return count;
}

static double mean_of(const float *x, size_t n)
{
  double sum = 0.0;
  size_t i;
  for (i = 0; i < n; i++) sum += (double)x[i] / (double)n;
  return sum;
}

/* ---- beats ------------------------------------------------------------------------------------------ */

/* Jitter of the found times against the true ones, at most: ms at 15, 30, 60, 100 frames a second. */
static void test_beats(void)
{
  static const double fps[] = { 15, 30, 60, 100 }, bpm[] = { 40, 55, 75, 110, 150, 200 };
  static const double most_ms[] = { 9.0, 3.0, 2.0, 2.0 };
  size_t i, k, notch, beats;
  for (i = 0; i < 4; i++)
    for (k = 0; k < 6; k++)
      for (notch = 0; notch < 3; notch++) {
        pulse p = usual(bpm[k], fps[i], 30);
        size_t n, found;
        match m;
        p.notch = 0.3 * (double)notch;
        n = draw(p, wave, truth, &beats);
        found = find(wave, n, fps[i]);
        m = compare(truth, beats, times, found, 18.0 / bpm[k], 0.5, 29.5);
        CHECK(!m.missed && !m.extra && 1000.0 * m.dev < most_ms[i] && rppg__abs(m.mean) < 0.04,
              "beats %g bpm, %g fps, notch %g: %d missed, %d extra, %.1f +- %.2f ms", bpm[k], fps[i], p.notch,
              m.missed, m.extra, 1000.0 * m.mean, 1000.0 * m.dev);
        CHECK(mean_of(quality, found) > 0.9, "quality %.2f", mean_of(quality, found));
      }
}

static void test_beats_noise(void)
{
  static const double level[] = { 0.05, 0.1, 0.2 }, most_ms[] = { 8.0, 13.0, 27.0 };
  static const double bpm[] = { 50, 80, 140 };
  size_t i, k, beats;
  for (i = 0; i < 3; i++)
    for (k = 0; k < 3; k++) {
      pulse p = usual(bpm[k], 30, 60);
      size_t n, found;
      match m;
      p.noise = level[i];
      p.level = 1.0;
      p.jitter = 0.01;
      n = draw(p, wave, truth, &beats);
      found = find(wave, n, 30);
      m = compare(truth, beats, times, found, 18.0 / bpm[k], 0.5, 59.5);
      CHECK(m.missed + m.extra <= 2 && 1000.0 * m.dev < most_ms[i], "beats %g bpm, noise %g: %d missed, %d extra, %.1f ms",
            bpm[k], level[i], m.missed, m.extra, 1000.0 * m.dev);
    }
}

static void test_beats_rhythm(void)
{
  size_t n, found, beats, i;
  match m;
  pulse p = usual(70, 30, 40);
  int shorts = 0, longs = 0;
  p.fm = 0.01;
  p.missed = 20;
  n = draw(p, wave, truth, &beats);
  found = find(wave, n, 30);
  m = compare(truth, beats, times, found, 0.2, 0.5, 39.5);
  CHECK(!m.missed && !m.extra, "a pause: %d missed, %d extra", m.missed, m.extra);
  rppg_beat_marks(times, quality, found, mark);
  for (i = 1; i < found; i++) { longs += mark[i] == RPPG_MARK_LONG; shorts += mark[i] == RPPG_MARK_SHORT; }
  CHECK(longs == 1 && shorts == 0, "a pause is one long interval: %d, %d", longs, shorts);
  p.missed = 0;
  p.early = 20;
  n = draw(p, wave, truth, &beats);
  found = find(wave, n, 30);
  m = compare(truth, beats, times, found, 0.2, 0.5, 39.5);
  CHECK(!m.missed && !m.extra && m.dev < 0.01, "an early beat: %d missed, %d extra, %.1f ms", m.missed, m.extra, 1000.0 * m.dev);
  rppg_beat_marks(times, quality, found, mark);
  for (i = 1, longs = shorts = 0; i < found; i++) {
    longs += mark[i] == RPPG_MARK_LONG;
    shorts += mark[i] == RPPG_MARK_SHORT;
  }
  CHECK(longs == 1 && shorts == 1, "an early beat is a short and a long interval: %d, %d", shorts, longs);
}

/* A hand that moves: the rest of the recording must not suffer. */
static void test_beats_artefact(void)
{
  size_t n, found, beats, i, bad = 0;
  match m;
  n = draw(usual(75, 30, 60), wave, truth, &beats);
  for (i = 870; i < 930; i++) wave[i] += (float)((i * 37) % 61) * 0.2f - 6.0f;
  found = find(wave, n, 30);
  m = compare(truth, beats, times, found, 0.2, 0.5, 26.0);
  CHECK(!m.missed && !m.extra && m.dev < 0.01, "before an artefact: %d missed, %.1f ms", m.missed, 1000.0 * m.dev);
  m = compare(truth, beats, times, found, 0.2, 34.0, 59.5);
  CHECK(!m.missed && !m.extra && m.dev < 0.01, "after it: %d missed, %.1f ms", m.missed, 1000.0 * m.dev);
  for (i = 0; i < found; i++) bad += times[i] > 29.0 && times[i] < 31.0 && quality[i] >= 0.5f;
  CHECK(bad == 0, "no good beat inside it: %u", (unsigned)bad);
  n = draw(usual(72, 30, 10), wave, truth, &beats); /* one window, a pair of bumps 45 times as high */
  for (i = 0; i < 8; i++) {
    wave[140 + i] += 45.0f;
    wave[157 + i] -= 45.0f;
  }
  found = find(wave, n, 30);
  m = compare(truth, beats, times, found, 0.2, 0.5, 3.7);
  CHECK(m.missed + m.extra == 0, "a window with bumps, before: %d missed, %d extra", m.missed, m.extra);
  m = compare(truth, beats, times, found, 0.2, 6.5, 9.5);
  CHECK(m.missed + m.extra == 0, "after: %d missed, %d extra", m.missed, m.extra);
}

/* Half a rate up, over a minute. */
static void test_beats_drift(void)
{
  double t = 0.4, period = 1.0;
  size_t n = 1800, found, beats = 0, i, k;
  match m;
  for (; t < 60.0; t += period, period = 1.0 - 0.4 * t / 60.0) truth[beats++] = t;
  for (i = 0; i < n; i++) {
    double sum = 0.0;
    for (k = 0; k < beats; k++) {
      const double a = ((double)i / 30.0 - truth[k] - 0.1) / 0.1;
      if (a > -9.0 && a < 9.0) sum += rppg__exp(-0.5 * a * a);
    }
    wave[i] = (float)sum;
  }
  found = find(wave, n, 30);
  m = compare(truth, beats, times, found, 0.2, 0.5, 59.5);
  CHECK(!m.missed && !m.extra && m.dev < 0.005, "60 to 100 bpm: %d missed, %d extra, %.1f ms", m.missed, m.extra, 1000.0 * m.dev);
}

static void test_beats_properties(void)
{
  size_t n, found, again, beats, i, same = 1;
  size_t count = 0;
  n = draw(usual(75, 30, 30), wave, truth, &beats);
  found = find(wave, n, 30);
  memcpy(times2, times, found * sizeof *times);
  memcpy(quality2, quality, found * sizeof *quality);
  for (i = 0; i < n; i++) wave2[i] = wave[i] * 4.0f;
  again = find(wave2, n, 30);
  CHECK(again == found && !memcmp(times, times2, found * sizeof *times) && !memcmp(quality, quality2, found * sizeof *quality),
        "four times the wave: the same bits");
  for (i = 0; i < n; i++) wave2[i] = wave[i] * 1e-6f + 0.5f + 1e-7f * (float)i;
  again = find(wave2, n, 30);
  for (i = 0; i < found && i < again; i++) same = same && rppg__abs(times[i] - times2[i]) < 0.02;
  CHECK(again == found && same, "a millionth of the wave on a slope");
  for (i = 0; i < BEATS + GUARD; i++) { times[i] = -7.0; quality[i] = -7.0f; }
  for (i = 0; i < GUARD; i++) work[rppg_beats_work(n) + i] = 77.0;
  CHECK(rppg_beats(wave, n, 30, NULL, times, quality, 10, &count, work) == RPPG_OK && count == 10 && times[10] == -7.0 && quality[10] == -7.0f,
        "no more than cap beats: %u", (unsigned)count);
  for (i = 0; i < GUARD; i++) same = same && work[rppg_beats_work(n) + i] == 77.0;
  CHECK(same, "work ends where it says");
  CHECK(rppg_beats(wave, n, 30, NULL, times, quality, 0, &count, work) == RPPG_OK && count == 0, "cap 0");
}

static void test_beats_nothing(void)
{
  static const double fps[] = { 15, 30, 60 };
  size_t i, k, n, found;
  uint32_t seed = 5;
  for (i = 0; i < 3; i++) {
    double good = 0.0, total = 0.0, walk = 0.0;
    for (k = 0; k < 20; k++) {
      for (n = 0; n < (size_t)(20.0 * fps[i]); n++) wave[n] = (float)noise(&seed);
      found = find(wave, n, fps[i]);
      total += (double)found;
      good += found ? mean_of(quality, found) * (double)found : 0.0;
    }
    CHECK(good < 0.15 * total, "white noise, %g fps: quality %.2f", fps[i], total > 0.0 ? good / total : 0.0);
    total = good = 0.0;
    for (k = 0; k < 20; k++) {
      for (n = 0; n < (size_t)(20.0 * fps[i]); n++) wave[n] = (float)(walk += noise(&seed));
      found = find(wave, n, fps[i]);
      total += (double)found;
      good += found ? mean_of(quality, found) * (double)found : 0.0;
    }
    CHECK(good <= 0.25 * total, "random walk, %g fps: quality %.2f", fps[i], total > 0.0 ? good / total : 0.0);
  }
  for (n = 0; n < 900; n++) wave[n] = 3.7f;
  found = find(wave, 900, 30);
  CHECK(found == 0 || mean_of(quality, found) < 0.1, "constant: %u beats", (unsigned)found);
  for (n = 0; n < 900; n++) wave[n] = 0.01f * (float)n;
  found = find(wave, 900, 30);
  CHECK(found == 0 || mean_of(quality, found) < 0.3, "ramp: %u beats", (unsigned)found);
  for (n = 0; n < 900; n++) wave[n] = (float)(n == 400);
  found = find(wave, 900, 30);
  CHECK(found == 0 || mean_of(quality, found) < 0.3, "one spike: %u beats", (unsigned)found);
}

static void test_beats_arguments(void)
{
  static const double rates[] = { 9.9, 0, -30, 1001, 1e300 };
  rppg_beats_config c;
  size_t count = 99, beats, n, i, right = 0;
  const double nan = (double)(rppg__sqrt(-1.0));
  n = draw(usual(75, 10, 30), wave, truth, &beats);
  for (i = 0; i <= 70; i++) {
    const rppg_status s = rppg_beats(wave, i, 10, NULL, times, quality, BEATS, &count, work);
    right += s == (i < 30 ? RPPG_ERR_DATA : RPPG_OK) && (i < 30 ? count == 99 : count <= i);
    count = 99;
  }
  CHECK(right == 71, "n of 0 to 70: refused below 3 s: %u of 71", (unsigned)right);
  for (i = 0, right = 0; i < 5; i++) right += rppg_beats(wave, n, rates[i], NULL, times, quality, 9, &count, work) == RPPG_ERR_ARG;
  right += rppg_beats(wave, n, nan, NULL, times, quality, 9, &count, work) == RPPG_ERR_ARG;
  right += rppg_beats(NULL, n, 10, NULL, times, quality, 9, &count, work) == RPPG_ERR_ARG;
  right += rppg_beats(wave, n, 10, NULL, NULL, quality, 9, &count, work) == RPPG_ERR_ARG;
  right += rppg_beats(wave, n, 10, NULL, times, NULL, 9, &count, work) == RPPG_ERR_ARG;
  right += rppg_beats(wave, n, 10, NULL, times, quality, 9, NULL, work) == RPPG_ERR_ARG;
  right += rppg_beats(wave, n, 10, NULL, times, quality, 9, &count, NULL) == RPPG_ERR_ARG;
  CHECK(right == 11 && count == 99, "bad arguments: %u of 11", (unsigned)right);
  for (i = 0, right = 0; i < 6; i++) {
    static const double lo[] = { 19, 121, 40, 40, 0, 100 }, hi[] = { 200, 240, 79, 301, 241, 150 };
    c.bpm_min = lo[i];
    c.bpm_max = hi[i];
    right += rppg_beats(wave, n, 10, &c, times, quality, 9, &count, work) == RPPG_ERR_ARG;
  }
  c.bpm_min = nan;
  c.bpm_max = 0.0;
  right += rppg_beats(wave, n, 10, &c, times, quality, 9, &count, work) == RPPG_ERR_ARG;
  CHECK(right == 7, "bad configs: %u of 7", (unsigned)right);
  for (i = 0, right = 0; i < n; i += 13) {
    const float was = wave[i];
    wave[i] = i % 2 ? (float)nan : (float)(1e300 * 1e300);
    right += rppg_beats(wave, n, 10, NULL, times, quality, 9, &count, work) != RPPG_ERR_DATA;
    wave[i] = was;
  }
  CHECK(right == 0, "NaN and infinity are refused");
  for (i = 0; i < n; i++) wave2[i] = wave[i] * 1e38f;
  CHECK(rppg_beats(wave2, n, 10, NULL, times, quality, BEATS, &count, work) == RPPG_OK && count <= n, "huge values");
  CHECK(rppg_beats_work((size_t)-1) == 0, "no work for an impossible n");
  c.bpm_min = 100;
  c.bpm_max = 200;
  n = draw(usual(60, 30, 30), wave, truth, &beats);
  rppg_beats(wave, n, 30, &c, times, quality, BEATS, &count, work);
  CHECK(count == 0 || count > 35, "the rate is looked for where the config says: %u beats", (unsigned)count);
}

/* ---- marks ------------------------------------------------------------------------------------------- */

/* Beats from intervals in ms, at whole ms. */
static size_t beats_of(const unsigned short *rr, size_t n)
{
  unsigned long sum = 0;
  size_t i;
  times[0] = 0.0;
  for (i = 0; i < n; i++) times[i + 1] = (double)(sum += rr[i]) / 1000.0;
  return n + 1;
}

static void test_marks(void)
{
  static const unsigned short intervals[] = { /* missed at 8, extra at 14 and 15, early at 20 and 21 */
    800, 810, 820, 815, 805, 795, 800, 810, 1630, 820, 805, 800, 790, 800, 380, 425, 810, 800, 805, 795, 560,
    1040, 800, 810, 805, 800, 790, 785, 800, 805 };
  uint8_t want[31];
  size_t i, n = beats_of(intervals, 30), k, right, flagged = 0;
  const double nan = (double)(rppg__sqrt(-1.0));
  memset(want, 0, sizeof want);
  want[0] = RPPG_MARK_FIRST;
  want[9] = RPPG_MARK_LONG;
  want[15] = want[16] = want[21] = RPPG_MARK_SHORT;
  want[22] = RPPG_MARK_LONG;
  CHECK(rppg_beat_marks(times, NULL, n, mark) == RPPG_OK && !memcmp(mark, want, n), "missed, extra and early beats are marked");
  for (i = 0; i < n; i++) quality[i] = i == 5 ? 0.49f : 0.5f;
  want[5] = want[6] = RPPG_MARK_WEAK;
  CHECK(rppg_beat_marks(times, quality, n, mark) == RPPG_OK && !memcmp(mark, want, n), "and weak ones");
  for (i = 0; i < sizeof vitals_cases / sizeof *vitals_cases; i++) {
    n = beats_of(vitals_cases[i].rr, (size_t)vitals_cases[i].n);
    rppg_beat_marks(times, NULL, n, mark);
    for (k = 1; k < n; k++) flagged += mark[k] != RPPG_MARK_OK;
  }
  CHECK(flagged <= 4, "series without artefacts: %u marked", (unsigned)flagged);
  for (i = 0; i < 200; i++) truth[i] = 0.9 * (double)i + 0.9 * 0.12 / (6.283 * 0.2) * sine(0.2 * 0.9 * (double)i);
  rppg_beat_marks(truth, NULL, 200, mark);
  for (k = 1, flagged = 0; k < 200; k++) flagged += mark[k] != RPPG_MARK_OK;
  CHECK(flagged == 0, "breathing that moves intervals by 12 %%: %u marked", (unsigned)flagged);
  for (i = 0, truth[0] = 0.0; i < 100; i++) /* irregular, one beat too many */
    truth[i + 1] = truth[i] + (i == 50 || i == 51 ? 0.36 : 0.9 + 0.23 * (i * 37 % 64) / 64.0 - 0.115);
  rppg_beat_marks(truth, NULL, 101, mark);
  for (k = 1, flagged = 0; k < 101; k++) flagged += mark[k] != RPPG_MARK_OK;
  CHECK(mark[51] == RPPG_MARK_SHORT && mark[52] == RPPG_MARK_SHORT && flagged == 2, "an extra beat in an irregular rhythm: %u marked", (unsigned)flagged);
  for (i = 0; i < 200; i++) truth[i] = 0.9 * (double)i + 0.9 * 0.12 / (6.283 * 0.2) * sine(0.2 * 0.9 * (double)i);
  for (i = 0, right = 0; i <= 70; i++) {
    memset(mark, 77, sizeof mark);
    right += rppg_beat_marks(truth, NULL, i, mark) == RPPG_OK && mark[i] == 77 && (i == 0 || mark[0] == RPPG_MARK_FIRST);
    for (k = 1; k < i; k++) if (mark[k] != RPPG_MARK_OK) right = 1000;
  }
  CHECK(right == 71, "n of 0 to 70");
  truth[30] = nan;
  CHECK(rppg_beat_marks(truth, NULL, 70, mark) == RPPG_ERR_DATA, "NaN is refused");
  truth[30] = truth[29];
  CHECK(rppg_beat_marks(truth, NULL, 70, mark) == RPPG_ERR_DATA, "equal times are refused");
  CHECK(rppg_beat_marks(NULL, NULL, 1, mark) == RPPG_ERR_ARG && rppg_beat_marks(NULL, NULL, 0, NULL) == RPPG_OK, "NULL");
}

/* ---- variability ------------------------------------------------------------------------------------- */

static rppg_hrv hrv(const double *t, const uint8_t *m, size_t n, double fps)
{
  rppg_hrv r;
  memset(&r, 0, sizeof r);
  if (rppg_hrv_measure(t, m, n, fps, &r, work) != RPPG_OK) CHECK(0, "hrv of %u beats", (unsigned)n);
  return r;
}

static void test_hrv_golden(void)
{
  size_t i, k;
  for (i = 0; i < sizeof vitals_cases / sizeof *vitals_cases; i++) {
    const vitals_case *c = &vitals_cases[i];
    const size_t n = beats_of(c->rr, (size_t)c->n);
    const int lf = i != 1 && i != 6, all = i != 6;
    rppg_hrv r;
    mark[0] = RPPG_MARK_FIRST;
    for (k = 0; k + 1 < n; k++) mark[k + 1] = c->ok[k] ? RPPG_MARK_OK : RPPG_MARK_WEAK;
    r = hrv(times, mark, n, 0);
    CHECK_NEAR(r.value[RPPG_HRV_HR], c->hr, 1e-9 * c->hr, "%s: rate %.2f", c->name, r.value[RPPG_HRV_HR]);
    CHECK_NEAR(r.value[RPPG_HRV_SDNN], all ? c->sdnn : 0.0, 1e-8 * c->sdnn, "%s: SDNN %.2f", c->name, r.value[RPPG_HRV_SDNN]);
    CHECK_NEAR(r.value[RPPG_HRV_RMSSD], c->rmssd, 1e-8 * c->rmssd, "%s: RMSSD %.2f", c->name, r.value[RPPG_HRV_RMSSD]);
    CHECK_NEAR(r.value[RPPG_HRV_PNN50], all ? c->pnn50 : 0.0, 1e-9, "%s: pNN50 %.2f", c->name, r.value[RPPG_HRV_PNN50]);
    CHECK_NEAR(r.value[RPPG_HRV_HF], all ? c->hf : 0.0, 1e-5 * c->hf, "%s: HF %.1f", c->name, r.value[RPPG_HRV_HF]);
    CHECK_NEAR(r.value[RPPG_HRV_LF], lf ? c->lf : 0.0, 1e-5 * c->lf, "%s: LF %.1f", c->name, r.value[RPPG_HRV_LF]);
    CHECK_NEAR(r.value[RPPG_HRV_LF_HF], lf ? c->lf / c->hf : 0.0, 1e-4, "%s: LF/HF %.3f", c->name, r.value[RPPG_HRV_LF_HF]);
    if (c->welch_hf > 0.0 && lf) {
      CHECK_NEAR(r.value[RPPG_HRV_HF], c->welch_hf, 0.16 * c->welch_hf, "%s: HF as Welch's", c->name);
      CHECK_NEAR(r.value[RPPG_HRV_LF], c->welch_lf, 0.16 * c->welch_lf, "%s: LF as Welch's", c->name);
    }
    CHECK(r.valid == (lf ? 0x7fu : all ? 0x2fu : 0x05u), "%s: valid %x", c->name, r.valid);
  }
}

/* A sine of amplitude a in the intervals is a power of a^2 / 2, in its band alone. */
static void test_hrv_sine(void)
{
  size_t i;
  double t = 0.0;
  rppg_hrv r;
  for (i = 0; i < 300; i++, t += 0.9 + 0.03 * sine(0.25 * t)) times[i] = t;
  r = hrv(times, NULL, 300, 0);
  CHECK_NEAR(r.value[RPPG_HRV_HF], 450.0, 20.0, "30 ms at 0.25 Hz: HF %.1f ms^2", r.value[RPPG_HRV_HF]);
  CHECK(r.value[RPPG_HRV_LF] < 10.0, "LF %.2f", r.value[RPPG_HRV_LF]);
  for (i = 0, t = 0.0; i < 300; i++, t += 0.9 + 0.03 * sine(0.1 * t)) times[i] = t;
  r = hrv(times, NULL, 300, 0);
  CHECK_NEAR(r.value[RPPG_HRV_LF], 450.0, 20.0, "30 ms at 0.10 Hz: LF %.1f ms^2", r.value[RPPG_HRV_LF]);
  CHECK(r.value[RPPG_HRV_HF] < 10.0, "HF %.2f", r.value[RPPG_HRV_HF]);
}

static void test_hrv_durations(void)
{
  static const double least[RPPG_HRV_FIELDS] = { 10, 60, 30, 60, 120, 60, 120 };
  size_t i, n;
  int f, right = 0;
  uint32_t seed = 3;
  rppg_hrv r, longer;
  for (i = 0; i < 500; i++) times[i] = (double)i + 0.03 * sine(0.1 * (double)i) + 0.02 * noise(&seed);
  for (f = 0; f < RPPG_HRV_FIELDS; f++) {
    n = (size_t)least[f];
    r = hrv(times, NULL, n, 30);
    CHECK(!(r.valid >> f & 1) && r.value[f] == 0.0 && r.confidence[f] == 0.0, "%s: refused at %g s", rppg_hrv_text(f), r.clean_s);
    r = hrv(times, NULL, n + 2, 30);
    CHECK(r.valid >> f & 1 && r.value[f] > 0.0 && r.confidence[f] > 0.2, "%s: measured at %g s, confidence %.2f", rppg_hrv_text(f),
          r.clean_s, r.confidence[f]);
    longer = hrv(times, NULL, 400, 30);
    if (f != RPPG_HRV_HR) CHECK(longer.confidence[f] > r.confidence[f] + 0.2, "%s: surer after minutes", rppg_hrv_text(f));
    r = hrv(times, NULL, 400, 5);
    if (f != RPPG_HRV_HR && f != RPPG_HRV_LF)
      CHECK(r.confidence[f] < 0.7 * longer.confidence[f], "%s: less sure at 5 frames a second: %.2f, %.2f", rppg_hrv_text(f),
            r.confidence[f], longer.confidence[f]);
  }
  CHECK(rppg_hrv_text(RPPG_HRV_LF_HF) != NULL && !strcmp(rppg_hrv_text(RPPG_HRV_RMSSD), "rmssd_ms"), "fields have names");
  CHECK(rppg_hrv_text(RPPG_HRV_FIELDS) == NULL && rppg_hrv_text(-1) == NULL, "others have none");
  for (i = 0; i <= 70; i++) { /* n beats a second apart hold n - 1 s */
    double expect = 0.0;
    times2[i] = (double)i;
    r = hrv(times2, NULL, i, 30);
    for (n = 1; n < i; n++) expect += 1.0;
    right += r.clean_s == (i ? expect : 0.0) && (r.valid & 1) == (i > 10) && (r.valid >> RPPG_HRV_RMSSD & 1) == (i > 30);
  }
  CHECK(right == 71, "n of 0 to 70: %d of 71", right);
  r = hrv(times2, NULL, 71, 30);
  CHECK(r.value[RPPG_HRV_SDNN] == 0.0 && r.confidence[RPPG_HRV_SDNN] == 0.0, "no variation is below a camera's precision");
  r = hrv(times2, NULL, 71, 0);
  CHECK(r.confidence[RPPG_HRV_SDNN] > 0.4, "but not below a chest strap's");
}

static void test_hrv_marks(void)
{
  size_t i;
  double last = 2.0;
  rppg_hrv r;
  int share;
  for (i = 0; i < 400; i++) times[i] = 0.8 * (double)i + 0.02 * sine(0.17 * (double)i);
  for (share = 0; share <= 60; share += 10) { /* percent of intervals that are artefacts */
    for (i = 0; i < 400; i++) mark[i] = (uint8_t)((int)(i % 10) * 10 < share ? RPPG_MARK_WEAK : RPPG_MARK_OK);
    r = hrv(times, mark, 400, 30);
    CHECK(share < 10 || r.confidence[RPPG_HRV_SDNN] < last, "%d %% artefacts: confidence %.2f", share, r.confidence[RPPG_HRV_SDNN]);
    last = share > 40 ? 0.001 : r.confidence[RPPG_HRV_SDNN];
  }
  for (i = 0; i < 400; i++) mark[i] = (uint8_t)(i % 2 ? RPPG_MARK_OK : RPPG_MARK_LONG);
  r = hrv(times, mark, 400, 30);
  CHECK(!(r.valid >> RPPG_HRV_RMSSD & 1) && r.valid >> RPPG_HRV_SDNN & 1, "no two good neighbours, no RMSSD");
  for (i = 0; i < 400; i++) mark[i] = RPPG_MARK_SHORT;
  r = hrv(times, mark, 400, 30);
  CHECK(r.valid == 0 && r.intervals == 0 && r.clean_s == 0.0, "all artefacts: nothing");
}

static void test_hrv_arguments(void)
{
  rppg_hrv r, before;
  const double nan = (double)(rppg__sqrt(-1.0));
  size_t i;
  int right = 0;
  memset(&r, 9, sizeof r);
  before = r;
  for (i = 0; i < 100; i++) times[i] = (double)i;
  right += rppg_hrv_measure(NULL, NULL, 5, 30, &r, work) == RPPG_ERR_ARG;
  right += rppg_hrv_measure(times, NULL, 5, 30, &r, NULL) == RPPG_ERR_ARG;
  right += rppg_hrv_measure(times, NULL, 5, 0.5, &r, work) == RPPG_ERR_ARG;
  right += rppg_hrv_measure(times, NULL, 5, nan, &r, work) == RPPG_ERR_ARG;
  right += rppg_hrv_measure(times, NULL, 5, -1, &r, work) == RPPG_ERR_ARG;
  right += rppg_hrv_measure(times, NULL, 5, 30, NULL, work) == RPPG_ERR_ARG;
  times[50] = nan;
  right += rppg_hrv_measure(times, NULL, 100, 30, &r, work) == RPPG_ERR_DATA;
  times[50] = 49.0;
  right += rppg_hrv_measure(times, NULL, 100, 30, &r, work) == RPPG_ERR_DATA;
  CHECK(right == 8 && !memcmp(&r, &before, sizeof r), "bad arguments, out untouched: %d of 8", right);
  CHECK(rppg_hrv_measure(NULL, NULL, 0, 30, &r, NULL) == RPPG_OK && r.valid == 0, "no beats");
  times[50] = 50.0;
  for (i = 0; i < GUARD; i++) work[rppg_hrv_work(99) + i] = 5.0;
  hrv(times, NULL, 99, 30);
  for (i = 0, right = 0; i < GUARD; i++) right += work[rppg_hrv_work(99) + i] == 5.0;
  CHECK(right == GUARD, "work ends where it says");
  for (i = 0; i < 400; i++) times[i] = (double)i * 0.9 + 0.01 * sine(0.1 * (double)i) + (i < 200 ? -9e10 : 9e10);
  rppg_beat_marks(times, NULL, 400, mark);
  r = hrv(times, mark, 400, 30);
  CHECK(r.clean_s > 340.0 && r.clean_s < 360.0 && r.confidence[RPPG_HRV_SDNN] == 0.0 && mark[200] == RPPG_MARK_LONG,
        "a gap of thousands of years takes no time");
  times[399] = 1e12;
  CHECK(rppg_hrv_measure(times, NULL, 400, 30, &r, work) == RPPG_ERR_DATA, "a time without digits is refused");
}

/* Noise must not pass for a heart. */
static void test_hrv_noise(void)
{
  static const double fps[] = { 15, 30, 60 };
  size_t i, k, n, found;
  uint32_t seed = 77;
  double most = 0.0;
  int f;
  for (i = 0; i < 3; i++)
    for (k = 0; k < 4; k++) {
      rppg_hrv r;
      for (n = 0; n < (size_t)(120.0 * fps[i]); n++) wave[n] = (float)noise(&seed);
      found = find(wave, n, fps[i]);
      rppg_beat_marks(times, quality, found, mark);
      r = hrv(times, mark, found, fps[i]);
      for (f = 0; f < RPPG_HRV_FIELDS; f++) most = r.confidence[f] > most ? r.confidence[f] : most;
    }
  CHECK(most < 0.05, "white noise: confidence up to %.2f", most);
}

/* ---- log ---------------------------------------------------------------------------------------------- */

static rppg_beat_log start(const rppg_beat_log_config *c)
{
  rppg_beat_log log;
  const size_t size = rppg_beat_log_mem_size(c);
  memset(&log, 0, sizeof log);
  if (!size || size > sizeof mem || rppg_beat_log_init(&log, c, mem, size) != RPPG_OK) CHECK(0, "log: init");
  return log;
}

/* Windows of w samples every step samples of x [n]. */
static void feed(rppg_beat_log *log, const float *x, size_t n, size_t w, size_t step, double rate_hz)
{
  size_t end;
  for (end = w; end <= n; end += step)
    if (rppg_beat_log_push(log, x + end - w, w, (double)(end - 1) / rate_hz) != RPPG_OK) CHECK(0, "log: push at %u", (unsigned)end);
}

static void test_log(void)
{
  static const size_t steps[] = { 30, 10, 47, 150 };
  size_t i, n, beats, found, k;
  for (i = 0; i < 4; i++) {
    pulse p = usual(72, 30, 180);
    rppg_beat_log log = start(NULL);
    rppg_hrv r, exact;
    match m;
    int rising = 1;
    p.jitter = 0.015;
    p.noise = 0.03;
    n = draw(p, wave, truth, &beats);
    feed(&log, wave, n, 300, steps[i], 30);
    found = rppg_beat_log_read(&log, times2, quality2, BEATS);
    m = compare(truth, beats, times2, found, 0.25, 1.0, i == 2 ? 177.0 : 174.0);
    for (k = 1; k < found; k++) rising = rising && times2[k] > times2[k - 1] + 0.4;
    CHECK(!m.missed && !m.extra && m.dev < 0.005 && rising, "10 s windows every %u samples: %d missed, %d extra, %.2f ms", (unsigned)steps[i],
          m.missed, m.extra, 1000.0 * m.dev);
    rppg_beat_marks(times2, quality2, found, mark);
    r = hrv(times2, mark, found, 30);
    exact = hrv(truth, NULL, beats, 0);
    CHECK_NEAR(r.value[RPPG_HRV_SDNN], exact.value[RPPG_HRV_SDNN], 2.0, "SDNN over 3 minutes");
    CHECK_NEAR(r.value[RPPG_HRV_RMSSD], exact.value[RPPG_HRV_RMSSD], 3.0, "RMSSD over 3 minutes");
    CHECK(r.confidence[RPPG_HRV_RMSSD] > 0.6, "confidence %.2f", r.confidence[RPPG_HRV_RMSSD]);
  }
}

/* The session's own waves, frame by frame with jitter, and a gap that starts a new window. */
static void test_log_session(void)
{
  rppg_config c;
  rppg_session s;
  rppg_beat_log log = start(NULL);
  rppg_result e;
  pulse p = usual(66, 30, 100);
  size_t n, beats, found, i, used = rppg_beat_log_mem_size(NULL);
  const float *w;
  double begin_us = 5e9;
  match m;
  int right = 1;
  n = draw(p, wave, truth, &beats);
  memset(&c, 0, sizeof c);
  c.method = RPPG_GREEN;
  c.layout = RPPG_LAYOUT_WHOLE;
  CHECK(rppg_init(&s, &c, mem + used, sizeof mem - used) == RPPG_OK && rppg_wave_end(&s) == 0.0, "session; no wave, no end");
  for (i = 0; i < n; i++) {
    float rgb[3];
    if (i > 1500 && i < 1590) continue; /* 3 s without frames */
    rgb[0] = rgb[1] = rgb[2] = 100.0f - 0.5f * wave[i];
    rppg_push_rgb(&s, rgb, (int64_t)(begin_us + (double)i * 1e6 / 30.0) + (int64_t)(i % 3) * 2000);
    if (i % 30 || rppg_estimate(&s, &e) != RPPG_OK) continue;
    w = rppg_wave(&s, &found);
    right = right && rppg_beat_log_push(&log, w, found, rppg_wave_end(&s)) == RPPG_OK;
  }
  found = rppg_beat_log_read(&log, times2, quality2, BEATS);
  for (i = 0; i < found; i++) times2[i] -= begin_us * 1e-6;
  m = compare(truth, beats, times2, found, 0.25, 1.0, 48.5);
  CHECK(right && !m.missed && !m.extra && m.dev < 0.006, "before the gap: %d missed, %d extra, %.1f +- %.2f ms", m.missed, m.extra, 1000.0 * m.mean, 1000.0 * m.dev);
  m = compare(truth, beats, times2, found, 0.25, 54.5, 97.0);
  CHECK(!m.missed && !m.extra && m.dev < 0.006 && rppg__abs(m.mean) < 0.03, "after it: %d missed, %d extra, %.1f +- %.2f ms", m.missed, m.extra,
        1000.0 * m.mean, 1000.0 * m.dev);
}

static void test_log_limits(void)
{
  rppg_beat_log_config c;
  rppg_beat_log log, other;
  size_t n, beats, found, found2, size, i, right = 0;
  match m;
  const double nan = (double)(rppg__sqrt(-1.0));
  memset(&c, 0, sizeof c);
  c.beats = 64;
  n = draw(usual(90, 30, 120), wave, truth, &beats);
  log = start(&c);
  feed(&log, wave, n, 300, 30, 30);
  found = rppg_beat_log_read(&log, times, quality, BEATS);
  CHECK(found > 50 && found <= 64 && times[found - 1] > 118.0, "64 kept: %u, up to %.1f s", (unsigned)found, times[found - 1]);
  m = compare(truth, beats, times, found, 0.2, times[0] - 0.1, 118.0);
  CHECK(times[0] < 85.0 && !m.missed && !m.extra && m.dev < 0.003, "the newest ones, none lost: from %.1f s, %d missed", times[0], m.missed);
  found2 = rppg_beat_log_read(&log, times2, quality2, 7);
  CHECK(found2 == 7 && !memcmp(times2, times + found - 7, 7 * sizeof *times), "the newest 7");
  CHECK(rppg_beat_log_push(&log, wave, 300, 118.0) == RPPG_ERR_DATA, "time that goes back is refused");
  CHECK(rppg_beat_log_push(&log, wave, 300, nan) == RPPG_ERR_DATA, "a time that is none, too");
  CHECK(rppg_beat_log_push(&log, wave, 302, 130.0) == RPPG_ERR_ARG && rppg_beat_log_push(&log, wave, 89, 130.0) == RPPG_ERR_ARG &&
        rppg_beat_log_push(&log, NULL, 300, 130.0) == RPPG_ERR_ARG, "and windows that are too long, too short, nowhere");
  wave[200] = (float)nan;
  CHECK(rppg_beat_log_push(&log, wave, 300, 130.0) == RPPG_ERR_DATA, "NaN");
  CHECK(rppg_beat_log_read(&log, times2, quality2, BEATS) == found && !memcmp(times, times2, found * sizeof *times), "nothing changed");
  rppg_beat_log_reset(&log);
  CHECK(rppg_beat_log_read(&log, times2, quality2, BEATS) == 0 && rppg_beat_log_push(&log, wave + 300, 300, 10.0) == RPPG_OK, "reset");
  for (i = 0; i < 7; i++) {
    static const double rate[] = { 9, 1001, 30, 30, 30, 30, 30 }, window[] = { 10, 10, 3.9, 61, 10, 10, 10 };
    static const size_t kept[] = { 64, 64, 64, 64, 15, 65537, 64 };
    c.rate_hz = rate[i];
    c.window_s = window[i];
    c.beats = kept[i];
    c.find.bpm_max = i == 6 ? 301 : 0;
    right += rppg_beat_log_mem_size(&c) == 0 && rppg_beat_log_init(&log, &c, mem, sizeof mem) == RPPG_ERR_ARG;
  }
  CHECK(right == 7, "bad configs: %u of 7", (unsigned)right);
  size = rppg_beat_log_mem_size(NULL);
  memset(&log, 1, sizeof log);
  other = log;
  CHECK(size < 32768 && rppg_beat_log_init(&log, NULL, mem, size - 1) == RPPG_ERR_SPACE && !memcmp(&log, &other, sizeof log),
        "a byte less than %u is refused", (unsigned)size);
  for (i = 0, right = 0; i < 64; i++) {
    mem[i + size] = 0x5a;
    right += rppg_beat_log_init(&log, NULL, mem + i, size) == RPPG_OK;
    n = draw(usual(90, 30, 12), wave, truth, &beats);
    if (i % 16 == 3) feed(&log, wave, n, 300, 30, 30);
    right += mem[i + size] == 0x5a;
  }
  CHECK(right == 128, "at any address, not a byte more");
}

/* A beat that one window alone sees is not one. */
static void test_log_votes(void)
{
  rppg_beat_log log = start(NULL);
  size_t n, beats, found, end, i;
  match m;
  n = draw(usual(60, 30, 60), wave, truth, &beats);
  for (end = 300; end <= n; end += 30) {
    memcpy(wave2, wave + end - 300, 300 * sizeof *wave);
    if (end == 900) /* two false beats between true ones */
      for (i = 0; i < 300; i++) {
        const double a = ((double)i / 30.0 - 4.0) / 0.1, b = ((double)i / 30.0 - 6.0) / 0.1;
        if (a > -6.0 && a < 6.0) wave2[i] += (float)rppg__exp(-0.5 * a * a);
        if (b > -6.0 && b < 6.0) wave2[i] += (float)rppg__exp(-0.5 * b * b);
      }
    rppg_beat_log_push(&log, wave2, 300, (double)(end - 1) / 30.0);
  }
  found = rppg_beat_log_read(&log, times2, quality2, BEATS);
  m = compare(truth, beats, times2, found, 0.2, 1.0, 58.0);
  CHECK(!m.missed && !m.extra, "false beats in one of ten windows: %d missed, %d extra", m.missed, m.extra);
}

/* ---- respiration ---------------------------------------------------------------------------------------- */

static rppg_resp respire(const float *x, size_t n, double fps)
{
  rppg_resp r;
  memset(&r, 0, sizeof r);
  if (rppg_respiration_work(n, fps) > sizeof work / sizeof *work || rppg_respiration(x, n, fps, NULL, &r, work) != RPPG_OK)
    CHECK(0, "respiration of %u samples", (unsigned)n);
  return r;
}

static void test_respiration(void)
{
  static const char *const names[] = { "baseline", "amplitude", "interval", "all, weak", "all, noisy" };
  static const double rates[] = { 8, 12.5, 18, 25 }, seconds[] = { 30, 60, 150 }, fps[] = { 15, 30, 60 };
  size_t i, k, j, n, beats;
  for (i = 0; i < 5; i++)
    for (k = 0; k < 4; k++)
      for (j = 0; j < 3; j++) {
        pulse p = usual(72, fps[(i + k + j) % 3], seconds[j]);
        const double most = j == 0 ? 1.0 : 0.3;
        rppg_resp r;
        p.breath = rates[k];
        p.seed = (uint32_t)(i * 100 + k * 10 + j);
        p.level = i == 0 ? 0.3 : i == 3 ? 0.1 : i == 4 ? 0.3 : 0.0;
        p.am = i == 1 ? 0.15 : i == 3 ? 0.06 : i == 4 ? 0.15 : 0.0;
        p.fm = i == 2 ? 0.04 : i == 3 ? 0.015 : i == 4 ? 0.04 : 0.0;
        p.noise = i == 4 ? 0.2 : 0.02;
        p.jitter = 0.008;
        p.drift = i == 0 ? 0.3 / p.fps : 0.0;
        n = draw(p, wave, truth, &beats);
        r = respire(wave, n, p.fps);
        CHECK(rppg__abs(r.rate - p.breath) < most && r.confidence > 0.6, "%g breaths, %s, %g s at %g fps: %.2f, confidence %.2f", p.breath, names[i],
              p.seconds, p.fps, r.rate, r.confidence);
        if (i < 3) CHECK(rppg__abs(r.part_rate[i] - p.breath) < most && r.part_quality[i] > 0.6, "that part: %.2f, quality %.2f", r.part_rate[i], r.part_quality[i]);
      }
}

/* Parts that are sure of different rates. */
static void test_respiration_quarrel(void)
{
  size_t n, beats;
  rppg_resp r;
  pulse p = usual(80, 30, 60);
  p.am = 0.15;
  p.fm = 0.04;
  p.breath = 10.0;
  n = draw(p, wave, truth, &beats);
  r = respire(wave, n, 30);
  CHECK(r.confidence > 0.8, "parts that agree: %.2f", r.confidence);
  p.am_breath = 23.0;
  n = draw(p, wave, truth, &beats);
  r = respire(wave, n, 30);
  CHECK(r.part_quality[1] > 0.6 && r.part_quality[2] > 0.6 && r.confidence < 0.5, "parts that do not: %.2f", r.confidence);
}

static void test_respiration_nothing(void)
{
  uint32_t seed = 9;
  size_t i, k, n, beats, sure = 0, total = 0;
  double sum = 0.0, walk, most = 0.0;
  rppg_resp r;
  for (k = 0; k < 24; k++) { /* a pulse without breathing, a third of them on a drift */
    pulse p = usual(60 + 2.0 * (double)k, 30, k % 2 ? 60 : 30);
    p.fm = 0.0;
    p.jitter = 0.01;
    p.noise = 0.02;
    p.drift = k % 3 ? 0.0 : 0.02;
    p.seed = (uint32_t)k;
    n = draw(p, wave, truth, &beats);
    r = respire(wave, n, 30);
    sum += r.confidence;
    sure += r.confidence > 0.5;
    total++;
  }
  CHECK(sum < 0.15 * (double)total && sure <= 2, "a pulse without breathing: confidence %.2f, above a half %u of %u", sum / (double)total,
        (unsigned)sure, (unsigned)total);
  for (k = 0; k < 80; k++) {
    n = k % 2 ? 1800 : 900;
    for (i = 0, walk = 0.0; i < n; i++) wave[i] = (float)(k % 4 < 2 ? noise(&seed) : (walk += noise(&seed)));
    r = respire(wave, n, 30);
    most = r.confidence > most ? r.confidence : most;
  }
  CHECK(most < 0.3, "noise: confidence up to %.2f", most);
  for (i = 0; i < 1800; i++) wave[i] = 5.0f;
  r = respire(wave, 1800, 30);
  CHECK(r.rate == 0.0 && r.confidence == 0.0, "constant: no rate");
}

static void test_respiration_arguments(void)
{
  static const double lo[] = { 2.9, 30, 6, 0, -1 }, hi[] = { 40, 44, 61, 61, 40 };
  const double nan = (double)(rppg__sqrt(-1.0));
  rppg_resp_config c;
  rppg_resp r, before;
  size_t n, beats, i, right = 0;
  pulse p = usual(70, 30, 130);
  p.am = 0.1;
  n = draw(p, wave, truth, &beats);
  memset(&r, 3, sizeof r);
  before = r;
  for (i = 0; i < 5; i++) {
    c.rate_min = lo[i];
    c.rate_max = hi[i];
    right += rppg_respiration(wave, n, 30, &c, &r, work) == RPPG_ERR_ARG;
  }
  c.rate_min = nan;
  c.rate_max = 40;
  right += rppg_respiration(wave, n, 30, &c, &r, work) == RPPG_ERR_ARG;
  right += rppg_respiration(NULL, n, 30, NULL, &r, work) == RPPG_ERR_ARG;
  right += rppg_respiration(wave, n, 30, NULL, NULL, work) == RPPG_ERR_ARG;
  right += rppg_respiration(wave, n, 30, NULL, &r, NULL) == RPPG_ERR_ARG;
  right += rppg_respiration(wave, n, 9, NULL, &r, work) == RPPG_ERR_ARG;
  right += rppg_respiration(wave, n, nan, NULL, &r, work) == RPPG_ERR_ARG;
  CHECK(right == 11, "bad arguments: %u of 11", (unsigned)right);
  for (i = 0, right = 0; i <= 70; i++) right += rppg_respiration(wave, i, 30, NULL, &r, work) == RPPG_ERR_DATA;
  CHECK(right == 71 && rppg_respiration(wave, 899, 30, NULL, &r, work) == RPPG_ERR_DATA, "less than 30 s is refused");
  wave[1000] = (float)nan;
  CHECK(rppg_respiration(wave, n, 30, NULL, &r, work) == RPPG_ERR_DATA, "NaN is refused");
  CHECK(!memcmp(&r, &before, sizeof r), "out untouched");
  wave[1000] = 0.5f;
  for (i = 0; i < GUARD; i++) work[rppg_respiration_work(n, 30) + i] = 5.0;
  CHECK(rppg_respiration(wave, n, 30, NULL, &r, work) == RPPG_OK, "whole");
  for (i = 0, right = 0; i < GUARD; i++) right += work[rppg_respiration_work(n, 30) + i] == 5.0;
  CHECK(right == GUARD, "work ends where it says");
  before = r;
  rppg_respiration(wave + n - 3600, 3600, 30, NULL, &r, work);
  CHECK(!memcmp(&r, &before, sizeof r), "only the newest 2 minutes count");
  c.rate_min = 20;
  c.rate_max = 40;
  rppg_respiration(wave, n, 30, &c, &r, work);
  CHECK(r.rate >= 20.0 && r.rate <= 40.0 && r.confidence < 0.5, "breaths are looked for where the config says: %.1f, %.2f", r.rate, r.confidence);
}

/* ---- one number for all machines --------------------------------------------------------------------------- */

static uint64_t golden_hash(void)
{
  static const double fps[] = { 12.5, 30, 60 };
  uint64_t h = TAP_FNV;
  size_t i, k, n, beats, found;
  rppg_hrv r;
  rppg_resp b;
  rppg_beat_log log = start(NULL);
  for (i = 0; i < 3; i++) {
    pulse p = usual(50 + 40 * (double)i, fps[i], 70);
    p.noise = 0.1;
    p.jitter = 0.02;
    p.am = 0.1;
    p.level = 0.2;
    p.early = 30;
    n = draw(p, wave, truth, &beats);
    h = tap_fnv_f32(h, wave, n);
    found = find(wave, n, fps[i]);
    for (k = 0; k < found; k++) h = tap_fnv_f64(tap_fnv_f64(h, times[k]), (double)quality[k]);
    rppg_beat_marks(times, quality, found, mark);
    h = tap_fnv(h, mark, found);
    r = hrv(times, mark, found, fps[i]);
    for (k = 0; k < RPPG_HRV_FIELDS; k++) h = tap_fnv_f64(tap_fnv_f64(h, r.value[k]), r.confidence[k]);
    h = tap_fnv_f64(tap_fnv_f64(tap_fnv_f64(h, r.clean_s), r.clean_share), (double)r.valid);
    b = respire(wave, n, fps[i]);
    h = tap_fnv_f64(tap_fnv_f64(h, b.rate), b.confidence);
    for (k = 0; k < 3; k++) h = tap_fnv_f64(tap_fnv_f64(h, b.part_rate[k]), b.part_quality[k]);
    if (i == 1) feed(&log, wave, n, 300, 40, 30);
  }
  found = rppg_beat_log_read(&log, times, quality, BEATS);
  for (k = 0; k < found; k++) h = tap_fnv_f64(tap_fnv_f64(h, times[k]), (double)quality[k]);
  n = beats_of(vitals_cases[4].rr, (size_t)vitals_cases[4].n);
  r = hrv(times, NULL, n, 30);
  for (k = 0; k < RPPG_HRV_FIELDS; k++) h = tap_fnv_f64(tap_fnv_f64(h, r.value[k]), r.confidence[k]);
  return h;
}

int main(void)
{
  int isa;
  test_beats();
  test_beats_noise();
  test_beats_rhythm();
  test_beats_artefact();
  test_beats_drift();
  test_beats_properties();
  test_beats_nothing();
  test_beats_arguments();
  test_marks();
  test_hrv_golden();
  test_hrv_sine();
  test_hrv_durations();
  test_hrv_marks();
  test_hrv_arguments();
  test_hrv_noise();
  test_log();
  test_log_session();
  test_log_limits();
  test_log_votes();
  test_respiration();
  test_respiration_quarrel();
  test_respiration_nothing();
  test_respiration_arguments();
  TAP_EACH_ISA(isa) {
    const uint64_t h = golden_hash();
    CHECK(h == GOLDEN, "golden hash, %s: 0x%08lx%08lx", rppg_isa_name((rppg_isa)isa), (unsigned long)(h >> 32),
          (unsigned long)(h & 0xffffffffu));
  }
  return tap_end();
}
