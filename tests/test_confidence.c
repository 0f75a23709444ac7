/* Tests of the confidence of rppg.h: what is no pulse must not be believed, what is one must be.
   cc -O2 tests/test_confidence.c -lm && ./a.out */
#define RPPG_IMPLEMENTATION
#include "../rppg.h"
#include "tap.h"

enum { ROIS = 6, MAX_MEM = 1 << 18 };
static unsigned char mem[MAX_MEM];
static const char *const names[] = { "POS", "CHROM", "GREEN", "CONTACT" };

static uint32_t rnd(uint32_t *seed) { *seed = *seed * 1664525u + 1013904223u; return *seed >> 8; }

/* What the camera sees: three colours that swing about skin's by parts in a million, each with one
   rate, under sensor noise. */
typedef struct scene {
  double bpm;
  double swing[3];      /* of R, G, B, millionths, at bpm */
  double second;        /* second harmonic, share of the first */
  double apart;         /* each ROI swings by 1 +- this, so a head that turns */
  double noise;         /* grey levels, uniform, +- */
  double step;          /* of exposure, relative, every steps_s seconds up and down */
  double steps_s;
  int levels;           /* not 0: means are rounded to 1/levels of a grey level */
  int grey;             /* one colour: a camera without them */
} scene;

static scene usual(double bpm, double r, double g, double b)
{
  scene s;
  memset(&s, 0, sizeof s);
  s.bpm = bpm;
  s.swing[0] = r;
  s.swing[1] = g;
  s.swing[2] = b;
  s.noise = 0.05;
  s.steps_s = 1.0;
  return s;
}

static double wave(double turns)
{
  double sine, cosine;
  rppg__sincospi(2.0 * turns, &sine, &cosine);
  return sine;
}

/* Four windows of a scene, at 12, 16, 20 and 24 s: their mean and largest confidence, the last rate;
   returns how many were above 0.3. */
static int judge(int method, const scene *v, uint32_t seed, double *mean, double *most, double *bpm)
{
  static const double skin[3] = { 170.0, 115.0, 90.0 };
  rppg_config c;
  rppg_session s;
  rppg_result r;
  int i, k, estimates = 0, sure = 0;
  memset(&c, 0, sizeof c);
  c.method = method;
  *mean = *most = 0.0;
  if (rppg_mem_size(&c) > MAX_MEM || rppg_init(&s, &c, mem, sizeof mem) != RPPG_OK) { CHECK(0, "init"); return 0; }
  for (i = 1; i <= 720; i++) {
    const double t = (double)i / 30.0, turns = t * v->bpm / 60.0;
    const double w = wave(turns) + v->second * wave(2.0 * turns + 0.3);
    const double gain = 1.0 + ((int)(t / v->steps_s) % 2 ? v->step : 0.0);
    float rgb[3 * ROIS];
    for (k = 0; k < 3 * ROIS; k++) {
      const int ch = v->grey ? 1 : k % 3;
      const double part = 1.0 + v->apart * (double)(k / 3 - 2);
      double x = skin[ch] * (1.0 - 1e-6 * v->swing[ch] * part * w) * gain;
      x += v->noise * ((double)(rnd(&seed) % 20001) / 10000.0 - 1.0);
      if (v->levels) x = (double)(int)(x * v->levels + 0.5) / v->levels;
      rgb[k] = (float)x;
      if (v->grey && k % 3) rgb[k] = rgb[k - 1];
    }
    rppg_push_rgb(&s, rgb, (int64_t)i * 33333);
    if (i >= 360 && i % 120 == 0 && rppg_estimate(&s, &r) == RPPG_OK) {
      *mean += r.confidence;
      if (r.confidence > *most) *most = r.confidence;
      sure += r.confidence > 0.3;
      *bpm = r.hr_bpm;
      estimates++;
    }
  }
  *mean /= estimates;
  return sure;
}

/* ---- what is no pulse ------------------------------------------------------------------------- */

/* Light on the whole scene, at 1.2 Hz and elsewhere, weak to strong. POS and CHROM take white light
   off; what is left is noise, and 1 window of 50 of noise has a confidence above 0.3, or 3 of one
   scene: its windows remember one another. */
static void test_light(int method, const char *what, double r, double g, double b, double apart)
{
  static const double rates[] = { 47.0, 72.0, 101.0, 166.0 }, swings[] = { 1500.0, 6000.0, 30000.0 };
  double mean, most, bpm, worst = 0.0, at = 0.0, sum = 0.0;
  int i, k, sure = 0;
  for (i = 0; i < 4; i++)
    for (k = 0; k < 3; k++) {
      scene v = usual(rates[i], swings[k] * r, swings[k] * g, swings[k] * b);
      v.second = k == 1 ? 0.3 : 0.0;
      v.apart = apart;
      sure += judge(method, &v, (uint32_t)(10 * i + k), &mean, &most, &bpm);
      sum += mean / 12.0;
      if (most > worst) { worst = most; at = rates[i] + swings[k]; }
    }
  CHECK(sure <= 3 && worst < 0.5 && sum < 0.2, "%s: %s: confidence %.2f at most (%g), %.3f on average", names[method], what, worst, at, sum);
}

static void test_nothing(int method)
{
  double mean, most, bpm, worst = 0.0;
  scene v = usual(72.0, 0.0, 0.0, 0.0);
  int k;
  v.noise = 0.0;
  judge(method, &v, 1, &mean, &most, &bpm);
  CHECK(most < 0.05, "%s: a photograph: %.3f", names[method], most);
  for (k = 0; k < 12; k++) {
    v.noise = k < 6 ? 0.01 * (1 << k) : 0.02 * (1 << (k - 6));
    v.levels = k < 6 ? 0 : 64;
    judge(method, &v, (uint32_t)k, &mean, &most, &bpm);
    if (mean > worst) worst = mean;
  }
  CHECK(worst < 0.3, "%s: a photograph under sensor noise, rounded or not: %.3f", names[method], worst);
}

static void test_steps(int method)
{
  static const double every[] = { 0.42, 0.7, 1.9, 3.1, 4.7 };
  double mean, most, bpm, worst = 0.0;
  int k;
  for (k = 0; k < 5; k++) {
    scene v = usual(72.0, 0.0, 0.0, 0.0);
    v.step = 0.04 + 0.04 * k;
    v.steps_s = every[k];
    judge(method, &v, (uint32_t)k, &mean, &most, &bpm);
    if (most > worst) worst = most;
  }
  CHECK(worst < 0.3, "%s: exposure that steps up and down, evenly: %.3f", names[method], worst);
}

/* ---- what is one ------------------------------------------------------------------------------ */

static void test_pulse(int method)
{
  static const double rates[] = { 45.0, 58.0, 72.0, 101.0, 150.0, 205.0 };
  double mean, most, bpm, least = 1.0, off = 0.0;
  int i, k;
  for (i = 0; i < 6; i++)
    for (k = 0; k < 3; k++) {
      const double swing = k == 0 ? 2500.0 : k == 1 ? 6000.0 : 14000.0;
      scene v = usual(rates[i], 0.36 * swing, 0.77 * swing, (0.45 + 0.08 * k) * swing);
      v.second = rates[i] < 160.0 ? 0.25 : 0.0;
      judge(method, &v, (uint32_t)(10 * i + k), &mean, &most, &bpm);
      if (mean < least) least = mean;
      if ((bpm > rates[i] ? bpm - rates[i] : rates[i] - bpm) > off) off = bpm > rates[i] ? bpm - rates[i] : rates[i] - bpm;
    }
  CHECK(least > 0.5 && off < 1.0, "%s: a pulse is believed: %.2f at least, %.2f bpm off at most", names[method], least, off);
}

static void test_grey_camera(void)
{
  scene v = usual(72.0, 6000.0, 6000.0, 6000.0);
  double mean, most, bpm;
  v.grey = 1;
  judge(RPPG_GREEN, &v, 3, &mean, &most, &bpm);
  CHECK(mean > 0.5, "GREEN: without colours, as in infrared, a pulse is believed: %.2f", mean);
}

/* The evidence is finite and within its bounds whatever comes. */
static void test_bounds(int method)
{
  double mean, most, bpm = 0.0;
  int k, bad = 0;
  for (k = 0; k < 8; k++) {
    scene v = usual(40.0 + 25.0 * k, k & 1 ? 2e5 : 0.0, k & 2 ? 3e5 : 1.0, k & 4 ? 9e5 : 0.0);
    v.noise = k * 8.0;
    judge(method, &v, (uint32_t)k, &mean, &most, &bpm);
    bad += !(mean >= 0.0 && most <= 1.0 && rppg__finite(bpm));
  }
  CHECK(bad == 0, "%s: confidence stays in 0..1", names[method]);
}

int main(void)
{
  int m;
  for (m = RPPG_POS; m <= RPPG_CONTACT; m++) {
    test_nothing(m);
    test_light(m, "white light flickers", 1.0, 1.0, 1.0, 0.0);
    test_light(m, "a head nods", 1.0, 1.0, 1.0, 0.35);
    test_steps(m);
    test_bounds(m);
    if (m == RPPG_CONTACT) continue; /* of a finger, colours depend on the lamp */
    test_light(m, "a blue screen flickers", 0.1, 0.3, 1.0, 0.0);
    test_light(m, "a red lamp flickers", 1.0, 0.25, 0.1, 0.0);
    test_light(m, "a warm lamp flickers", 1.0, 0.7, 0.3, 0.0);
    test_light(m, "a magenta screen flickers", 1.0, 0.1, 0.9, 0.0);
    test_pulse(m);
  }
  test_grey_camera();
  return tap_end();
}
