/* test_adapt.c - the adapter of a model in a session: applied as PyTorch applies it, learning from the FFT,
   bounded, saved and restored.
   cc -O2 -I. tests/test_adapt.c -o test_adapt -lm */
#define RPPG_TESTING
#define RPPG_IMPLEMENTATION
#include "rppg.h"
#include "tap.h"
#include "golden/nn_adapter.h"
#include "golden/nn_session.h"
#include <math.h>
#include <stdlib.h>

static unsigned char mem[1 << 20], other_mem[1 << 20];
static rppg_session s, other;

static rppg_config config(const void *model, size_t size, int adapt)
{
  rppg_config c;
  memset(&c, 0, sizeof c);
  c.model = model;
  c.model_size = size;
  c.adapt = adapt;
  return c;
}

static double worst(const float *got, const float *want, size_t n)
{
  double most = 0.0;
  size_t i;
  for (i = 0; i < n; i++) {
    const double off = fabs((double)got[i] - (double)want[i]);
    if (!(off <= most)) most = off; /* NaN stays */
  }
  return most;
}

/* The colours of make_nn_adapter.py straight into the ring, and one run of the model. */
static void run_on_ring(void)
{
  const size_t step = s.reader->step; /* of the grid in one of the model's samples */
  size_t i, k;
  for (i = 0; i < 64 * step; i++)
    for (k = 0; k < 18; k++)
      s.colours[i * 18 + k] = 100.0f + (float)((37 * (i / step) + 11 * k * (i / step) + 5 * k) % 101) * 0.125f;
  s.total = 64 * step;
  s.reader->taken = 63;
  rppg__model_tick(&s);
}

static void test_signals(void)
{
  const rppg_config c = config(gold_signals, sizeof gold_signals, 0);
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "signals: a model with an adapter starts");
  run_on_ring();
  CHECK_NEAR(worst(s.reader->in, gold_signals_in, 18 * 64), 0.0, 2e-5, "signals: matrices, gains, offsets");
  CHECK_NEAR(worst(s.reader->votes, gold_signals_share, 43), 0.0, 1e-4, "signals: head");
}

static void test_grey(void)
{
  const rppg_config c = config(gold_grey, sizeof gold_grey, 0);
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "one channel a ROI: starts");
  run_on_ring();
  CHECK_NEAR(worst(s.reader->in, gold_grey_in, 6 * 64), 0.0, 2e-5, "one channel a ROI: gains and offsets");
}

static void test_clip(void)
{
  rppg_config c = config(gold_clip, sizeof gold_clip, 0);
  const rppg_rect face = { 0, 0, 8, 8 };
  static unsigned char pixels[192];
  static float filtered[60];
  rppg_frame f;
  size_t t, i;
  memset(&f, 0, sizeof f);
  f.format = RPPG_RGB24;
  f.width = f.height = 8;
  f.planes[0] = pixels;
  f.strides[0] = 24;
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "clip: a model with an adapter starts");
  for (t = 0; t < 60; t++) {
    for (i = 0; i < 192; i++) pixels[i] = (unsigned char)((37 * i + 53 * t + 3 * i * t) % 251);
    rppg__model_patch(&s, &f, &face);
    s.total = t + 1;
    rppg__model_tick(&s);
  }
  CHECK_NEAR(worst(s.reader->in, gold_clip_in, 192), 0.0, 1e-5, "clip: first frame");
  CHECK_NEAR(worst(s.reader->in + 59 * 192, gold_clip_in + 192, 192), 0.0, 1e-5, "clip: last frame");
  CHECK_NEAR(worst(s.reader->wave, gold_clip_wave, 60), 0.0, 1e-5, "clip: its wave");
  for (i = 0; i < 60; i++)
    filtered[i] = s.reader->wave[i] + (float)rppg__taps(s.reader->adapter.value + s.reader->adapter.head,
                                                        s.reader->adapter.shape.taps, s.reader->wave, 60, i);
  CHECK_NEAR(worst(filtered, gold_clip_filtered, 60), 0.0, 1e-5, "clip: the filter behind it");
}

/* ---- slopes, against differences ----------------------------------------------------------------- */

static double scores[43];

/* Cross-entropy of the scores through the head against a bell about 75 bpm, in double. */
static double classes_loss(rppg__adapter *a)
{
  float y[43];
  double most = -1e9, sum = 0.0, all = 0.0, loss = 0.0;
  int i;
  for (i = 0; i < 43; i++) y[i] = (float)scores[i];
  rppg__head_run(a, y, 43);
  for (i = 0; i < 43; i++) if (y[i] > most) most = y[i];
  for (i = 0; i < 43; i++) sum += exp(y[i] - most);
  for (i = 0; i < 43; i++) all += exp(-0.5 * pow((40 + 2 * i - 75.0) / 2.5, 2));
  for (i = 0; i < 43; i++)
    loss -= exp(-0.5 * pow((40 + 2 * i - 75.0) / 2.5, 2)) / all * (y[i] - most - log(sum));
  return loss;
}

static void test_classes_slope(void)
{
  const rppg_config c = config(gold_signals, sizeof gold_signals, 1);
  rppg__adapter *a;
  float y[43], share[43];
  double sum = 0.0, off = 0.0, most = 0.0;
  size_t i;
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "slope of a head for classes: starts");
  a = &s.reader->adapter;
  for (i = 0; i < 43; i++) scores[i] = 3.0 * sin(0.7 * (double)i) + 0.02 * (double)(i * i % 17);
  for (i = 0; i < 43; i++) y[i] = (float)scores[i];
  rppg__head_run(a, y, 43);
  for (i = 0; i < 43; i++) sum += exp(y[i]);
  for (i = 0; i < 43; i++) share[i] = (float)(exp(y[i]) / sum);
  CHECK(rppg__classes_slope(a, share, s.reader->bpm, 43, 75.0), "slope of a head for classes: 75 bpm is among them");
  rppg__head_slope(a, 43);
  for (i = a->head; i < a->shape.n; i++) {
    const float was = a->value[i];
    double up, down, slope;
    a->value[i] = was + 5e-4f;
    up = classes_loss(a);
    a->value[i] = was - 5e-4f;
    down = classes_loss(a);
    a->value[i] = was;
    slope = (up - down) / 1e-3;
    if (fabs(slope - a->slope[i]) > off) off = fabs(slope - a->slope[i]);
    if (fabs(slope) > most) most = fabs(slope);
  }
  CHECK(most > 0.1, "slope of a head for classes: there is one, %.2f", most);
  CHECK_NEAR(off / most, 0.0, 2e-3, "slope of a head for classes: as differences say");
  CHECK(!rppg__classes_slope(a, share, s.reader->bpm, 43, 200.0), "a rate beyond the classes teaches nothing");
}

/* 1 - share of the filtered wave's power at the kernel's rate, in double. */
static double wave_loss(const rppg__adapter *a, const float *x, const float *kernel, size_t m)
{
  double re = 0.0, im = 0.0, power = 0.0;
  size_t i;
  for (i = 0; i < m; i++) {
    const double y = (double)x[i] + rppg__taps(a->value + a->head, a->shape.taps, x, m, i);
    re += (double)kernel[2 * i] * y;
    im += (double)kernel[2 * i + 1] * y;
    power += y * y;
  }
  return 1.0 - 0.5 * (double)m * (re * re + im * im) / power;
}

static void test_wave_slope(void)
{
  enum { M = 240 };
  const rppg_config c = config(gold_clip, sizeof gold_clip, 1);
  static float x[M], kernel[2 * M];
  rppg__adapter *a;
  double off = 0.0, most = 0.0;
  size_t i;
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "slope of a filter: starts");
  a = &s.reader->adapter;
  for (i = 0; i < M; i++) x[i] = (float)(sin(0.25 * (double)i) + 0.7 * sin(1.9 * (double)i + 1.0));
  rppg__tone_kernel(M, 0.25 / 3.14159265358979, kernel);
  rppg__wave_slope(a, x, kernel, M);
  for (i = a->head; i < a->shape.n; i++) {
    const float was = a->value[i];
    double slope;
    a->value[i] = was + 1e-3f;
    slope = wave_loss(a, x, kernel, M);
    a->value[i] = was - 1e-3f;
    slope = (slope - wave_loss(a, x, kernel, M)) / 2e-3;
    a->value[i] = was;
    if (fabs(slope - a->slope[i]) > off) off = fabs(slope - a->slope[i]);
    if (fabs(slope) > most) most = fabs(slope);
  }
  CHECK(most > 0.05, "slope of a filter: there is one, %.2f", most);
  CHECK_NEAR(off / most, 0.0, 2e-3, "slope of a filter: as differences say");
}

/* ---- learning -------------------------------------------------------------------------------------- */

static uint32_t seed = 1;
static double noise(void) /* uniform, -1..1 */
{
  seed = seed * 1664525u + 1013904223u;
  return (double)(seed >> 8) / 8388608.0 - 1.0;
}

/* Six ROIs with a pulse at bpm; ROI 5, which the models read, also has an artefact in all its colours. */
static void colours(float *rgb, double t, double bpm, double level, double artefact)
{
  static const double base[3] = { 150, 110, 90 }, blood[3] = { 0.33, 0.77, 0.53 };
  const double pulse = sin(6.283185307179586 * bpm / 60.0 * t), sway = sin(6.283185307179586 * 1.75 * t);
  int k;
  for (k = 0; k < 18; k++)
    rgb[k] = (float)(base[k % 3] * (1.0 + level * blood[k % 3] * pulse + 1e-4 * noise() + (k >= 15 ? artefact * sway : 0.0)));
}

/* From `from` s on for `seconds`, an estimate each second; the last one. */
static void watch(rppg_session *x, double from, double seconds, double bpm, double level, double artefact,
      rppg_result *r)
{
  const int n = (int)(seconds * 30.0);
  float rgb[18];
  int i;
  memset(r, 0, sizeof *r);
  for (i = 0; i < n; i++) {
    const double t = from + (double)i / 30.0;
    colours(rgb, t, bpm, level, artefact);
    rppg_push_rgb(x, rgb, (int64_t)(t * 1e6 + 0.5));
    if (i % 30 == 29) rppg_estimate(x, r);
  }
}

/* Share that the newest run gives to the rates within 5 bpm. */
static double newest_share(const rppg_session *x, double bpm)
{
  const rppg__reader *r = x->reader;
  const float *row = r->votes + (r->ran - 1) % r->runs * (r->classes + 1);
  double sum = 0.0;
  size_t k;
  for (k = 0; k < r->classes; k++) if (fabs(r->bpm[k] - bpm) <= 5.0) sum += row[k];
  return sum;
}

static double reach(const rppg_session *x)
{
  const rppg__adapter *a = &x->reader->adapter;
  double most = 0.0;
  size_t i;
  for (i = 0; i < a->shape.n; i++) {
    const double off = fabs((double)a->value[i] - (double)rppg__adapter_shipped(a, i));
    if (!(off <= most)) most = off;
  }
  return most;
}

static void test_learning(void)
{
  const rppg_config c = config(model_signals, sizeof model_signals, 1), off = config(model_signals,
        sizeof model_signals, 0);
  rppg_result r;
  double before, after;
  CHECK(rppg_mem_size(&c) > rppg_mem_size(&off), "learning has its memory in the block");
  CHECK(rppg_mem_size(&c) < rppg_mem_size(&off) + 8192, "... and not much of it");
  CHECK(rppg_init(&s, &c, mem, rppg_mem_size(&c) - 1) == RPPG_ERR_SPACE, "one byte less is refused");
  CHECK(rppg_init(&s, &off, mem, sizeof mem) == RPPG_OK, "without learning: starts");
  watch(&s, 0.0, 60.0, 72.0, 0.006, 0.001, &r);
  before = newest_share(&s, 72.0);
  CHECK(rppg_adapter_steps(&s) == 0 && rppg_adapter_size(&s) == 0, "without cfg.adapt nothing is learnt");
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "learning: starts");
  CHECK(rppg_adapter_steps(&s) == 0, "nothing learnt yet");
  watch(&s, 0.0, 60.0, 72.0, 0.006, 0.001, &r);
  after = newest_share(&s, 72.0);
  CHECK(rppg_adapter_steps(&s) > 20, "%u steps of 60 s", (unsigned)rppg_adapter_steps(&s));
  CHECK(after > before, "the share of the right rate grows: %.3f to %.3f", before, after);
  CHECK(r.confidence > 0.8 && fabs(r.hr_bpm - 72.0) < 2.0, "and the rate is right: %.1f", r.hr_bpm);
  rppg_reset(&s);
  CHECK(rppg_adapter_steps(&s) > 20 && reach(&s) > 0.0, "a reset keeps what was learnt");
  rppg_adapter_reset(&s);
  CHECK(rppg_adapter_steps(&s) == 0 && reach(&s) == 0.0, "rppg_adapter_reset forgets it");
}

/* A camera's colours, frozen from the start, give the same bits as a session that cannot learn. */
static void test_frozen(void)
{
  static const struct { const char *name; const unsigned char *blob; size_t size; } model[] = {
    { "no adapter in the blob", model_signals, sizeof model_signals }, { "an adapter", gold_signals,
          sizeof gold_signals }
  };
  rppg_result a, b;
  size_t k;
  for (k = 0; k < 2; k++) {
    const rppg_config learns = config(model[k].blob, model[k].size, 1), fixed = config(model[k].blob, model[k].size, 0);
    CHECK(rppg_init(&s, &learns, mem, sizeof mem) == RPPG_OK && rppg_init(&other, &fixed, other_mem,
          sizeof other_mem) == RPPG_OK,
          "%s: two sessions", model[k].name);
    rppg_adapter_freeze(&s, 1);
    seed = 7;
    watch(&s, 0.0, 30.0, 66.0, 0.006, 0.0, &a);
    seed = 7;
    watch(&other, 0.0, 30.0, 66.0, 0.006, 0.0, &b);
    CHECK(rppg_adapter_steps(&s) == 0, "%s: frozen, it learns nothing", model[k].name);
    CHECK(memcmp(&a, &b, sizeof a) == 0, "%s: frozen, the results have the same bits", model[k].name);
    CHECK(k || memcmp(s.reader->votes, other.reader->votes, other.reader->runs * 44 * sizeof(float)) == 0 ||
            worst(s.reader->votes, other.reader->votes, other.reader->runs * 44) < 1e-6,
          "%s: so has the model", model[k].name);
    rppg_adapter_freeze(&s, 0);
    watch(&s, 30.0, 30.0, 66.0, 0.006, 0.0, &a);
    CHECK(rppg_adapter_steps(&s) > 0, "%s: thawed, it learns", model[k].name);
  }
}

static int sane(const rppg_result *r)
{
  return r->hr_bpm == r->hr_bpm && r->confidence >= 0.0 && r->confidence <= 1.0 && r->tracked_bpm == r->tracked_bpm;
}

/* Whatever comes, no number leaves its reach or becomes none. */
static void test_bounded(void)
{
  static const struct { const char *name; const unsigned char *blob; size_t size; } model[] = {
    { "classes", model_signals, sizeof model_signals }, { "adapted", gold_signals, sizeof gold_signals }
  };
  rppg_result r;
  float rgb[18];
  size_t m;
  int i, k, good;
  for (m = 0; m < 2; m++) {
    const rppg_config c = config(model[m].blob, model[m].size, 1);
    uint32_t steps;
    CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "%s: starts", model[m].name);
    for (good = 1, i = 0; i < 40; i++) { /* 20 minutes, two rates in turn, as far as it can be driven */
      watch(&s, 30.0 * i, 30.0, i % 2 ? 54.0 : 110.0, 0.008, 0.004, &r);
      good &= sane(&r) && reach(&s) <= RPPG_ADAPT_REACH + 1e-5;
    }
    CHECK(good, "%s: 20 minutes, %u steps: within reach, %.3f", model[m].name, (unsigned)rppg_adapter_steps(&s),
          reach(&s));
    steps = rppg_adapter_steps(&s);
    CHECK(steps > 200, "%s: it learnt all the while", model[m].name);
    for (good = 1, i = 0; i < 60 * 30; i++) {
      for (k = 0; k < 18; k++) rgb[k] = (float)(100.0 + 5.0 * noise());
      rppg_push_rgb(&s, rgb, (int64_t)1200000000 + i * (int64_t)33333);
      if (i % 30 == 29 && rppg_estimate(&s, &r) == RPPG_OK) good &= sane(&r);
    }
    CHECK(good && reach(&s) <= RPPG_ADAPT_REACH + 1e-5, "%s: noise makes no NaN", model[m].name);
    CHECK(rppg_adapter_steps(&s) - steps <= 12, "%s: noise teaches next to nothing: %u steps", model[m].name,
          (unsigned)(rppg_adapter_steps(&s) - steps));
    steps = rppg_adapter_steps(&s);
    for (good = 1, i = 0; i < 30 * 30; i++) {
      for (k = 0; k < 18; k++) rgb[k] = 0.0f;
      rppg_push_rgb(&s, rgb, (int64_t)1290000000 + i * (int64_t)33333);
      if (i % 30 == 29 && rppg_estimate(&s, &r) == RPPG_OK) good &= sane(&r);
    }
    CHECK(good && rppg_adapter_steps(&s) == steps, "%s: black frames make no NaN and teach nothing", model[m].name);
  }
}

/* A wave model: frames whose green beats and whose whole brightness flickers faster. */
static void test_wave_learning(void)
{
  enum { W = 48 };
  static unsigned char pixels[W * W * 3];
  const rppg_config c = config(model_clip, sizeof model_clip, 1);
  const rppg_rect face = { 4, 4, 40, 40 };
  rppg_frame f;
  rppg_result r;
  int i, k;
  memset(&f, 0, sizeof f);
  f.format = RPPG_RGB24;
  f.width = f.height = W;
  f.planes[0] = pixels;
  f.strides[0] = W * 3;
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "wave: starts");
  memset(&r, 0, sizeof r);
  for (i = 0; i < 40 * 30; i++) {
    const double swing = sin(6.283185307179586 * 1.2 * i / 30.0), hum = 0.6 * sin(6.283185307179586 * 5.1 * i / 30.0);
    for (k = 0; k < W * W; k++) {
      pixels[3 * k] = (unsigned char)floor(150.0 + 0.2 * swing + (double)(k * 37 % 64) / 64.0);
      pixels[3 * k + 1] = (unsigned char)floor(110.0 + swing + hum + (double)(k * 29 % 64) / 64.0);
      pixels[3 * k + 2] = (unsigned char)floor(90.0 + 0.4 * swing + (double)(k * 43 % 64) / 64.0);
    }
    rppg_push(&s, &f, &face, i * (int64_t)33333);
    if (i % 15 == 14) rppg_estimate(&s, &r);
  }
  CHECK(rppg_adapter_steps(&s) > 5, "wave: %u steps", (unsigned)rppg_adapter_steps(&s));
  CHECK(sane(&r) && fabs(r.hr_bpm - 72.0) < 2.0 && reach(&s) <= RPPG_ADAPT_REACH, "wave: the rate is right: %.1f",
        r.hr_bpm);
  rppg__model_window(&s, s.n, s.scratch + 2 * s.n);
  rppg__tone_kernel(s.n, 2.4 / 30.0, s.scratch);
  {
    const double with = wave_loss(&s.reader->adapter, s.scratch + 2 * s.n, s.scratch, s.n);
    double without;
    rppg_adapter_reset(&s);
    without = wave_loss(&s.reader->adapter, s.scratch + 2 * s.n, s.scratch, s.n);
    CHECK(with < without, "wave: what is beside the pulse shrinks: %.3f to %.3f", without, with);
  }
}

/* ---- saved and restored ------------------------------------------------------------------------------ */

static unsigned char saved[4096], copy[4096];

static void put(unsigned char *p, int bytes, uint32_t v)
{
  for (; bytes > 0; bytes--, v >>= 8) *p++ = (unsigned char)v;
}

static uint32_t u32(const unsigned char *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* CRC-32 as zlib computes it, bit by bit. */
static void repair(unsigned char *p, size_t n)
{
  uint32_t c = 0xffffffffu;
  size_t i;
  int k;
  put(p + 20, 4, 0);
  for (i = 0; i < n; i++)
    for (c ^= p[i], k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
  put(p + 20, 4, ~c);
}

static void test_saved(void)
{
  const rppg_config c = config(model_signals, sizeof model_signals, 1), another = config(gold_signals,
        sizeof gold_signals, 1),
                    off = config(model_signals, sizeof model_signals, 0);
  static const struct { const char *what; int at,
        bytes; uint32_t value; rppg_status status; const char *why; } wrong[] = {
    { "another magic", 0, 1, 'X', RPPG_ERR_DATA, "not a saved adapter" },
    { "a later version", 8, 2, 2, RPPG_ERR_UNSUPPORTED, "a version that this reader does not know" },
    { "a field of later use", 10, 2, 1, RPPG_ERR_UNSUPPORTED, "a version that this reader does not know" },
    { "another model", 12, 4, 12345, RPPG_ERR_UNSUPPORTED, "learnt with another model" },
    { "another size", 16, 4, 40, RPPG_ERR_DATA, "cut off, or with something behind it" },
    { "one value fewer", 28, 4, 75, RPPG_ERR_DATA, "another number of values" },
    { "NaN", 32, 4, 0x7fc00000, RPPG_ERR_DATA, "a value that cannot have been learnt" },
    { "infinity", 36, 4, 0xff800000, RPPG_ERR_DATA, "a value that cannot have been learnt" },
    { "a value out of reach", 40, 4, 0x41200000, RPPG_ERR_DATA, "a value that cannot have been learnt" }
  };
  rppg_result r, q;
  const char *why = NULL;
  size_t size, i, refused = 0;
  unsigned bit;
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK && rppg_init(&other, &c, other_mem,
        sizeof other_mem) == RPPG_OK, "save: start");
  watch(&s, 0.0, 40.0, 72.0, 0.006, 0.001, &r);
  size = rppg_adapter_size(&s);
  CHECK(size == 32 + 4 * s.reader->adapter.shape.n && size <= sizeof saved, "save: %lu bytes", (unsigned long)size);
  memset(saved, 0xa5, sizeof saved);
  CHECK(rppg_adapter_save(&s, saved, size - 1) == RPPG_ERR_SPACE && saved[0] == 0xa5, "save: one byte less is refused");
  CHECK(rppg_adapter_save(&s, NULL, size) == RPPG_ERR_ARG, "save: NULL is refused");
  CHECK(rppg_adapter_save(&s, saved, sizeof saved) == RPPG_OK && saved[size] == 0xa5, "save: writes that many bytes");
  CHECK(memcmp(saved, "RPPGAD\x1a\n\1\0\0\0", 12) == 0 && memcmp(saved + 12, model_signals + 20, 4) == 0 &&
        u32(saved + 16) == size &&
          u32(saved + 24) == rppg_adapter_steps(&s) && u32(saved + 28) == 76,
                "save: as the header says, on this machine, too");
  CHECK(saved[32 + 18] == 0x80 || saved[32 + 18] == 0x7f,
        "save: little-endian: the fifth number, near 1, is 0x3f8..... or 0x3f7.....");
  memcpy(copy, saved, size);
  repair(copy, size);
  CHECK(memcmp(copy, saved, size) == 0, "save: zlib's CRC");
  CHECK(rppg_adapter_load(&other, saved, size, &why) == RPPG_OK && strcmp(why, "ok") == 0, "load: restores");
  CHECK(rppg_adapter_load(&other, saved, size, NULL) == RPPG_OK, "load: nobody need ask why");
  CHECK(memcmp(other.reader->adapter.value, s.reader->adapter.value, s.reader->adapter.shape.n * sizeof(float)) == 0 &&
          rppg_adapter_steps(&other) == rppg_adapter_steps(&s), "load: the same numbers");
  rppg_reset(&s);
  rppg_adapter_freeze(&s, 1);
  rppg_adapter_freeze(&other, 1);
  seed = 3;
  watch(&s, 0.0, 20.0, 90.0, 0.006, 0.001, &r);
  seed = 3;
  watch(&other, 0.0, 20.0, 90.0, 0.006, 0.001, &q);
  CHECK(memcmp(&r, &q, sizeof r) == 0, "load: the same answers, to the bit");

  rppg_adapter_reset(&other);
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    rppg_status status;
    memcpy(copy, saved, size);
    put(copy + wrong[i].at, wrong[i].bytes, wrong[i].value);
    repair(copy, size);
    status = rppg_adapter_load(&other, copy, size, &why);
    CHECK(status == wrong[i].status && strcmp(why, wrong[i].why) == 0, "load: %s: %s", wrong[i].what, why);
  }
  for (i = 0; i < size; i++) refused += rppg_adapter_load(&other, saved, i, &why) != RPPG_OK;
  CHECK(refused == size, "load: cut off anywhere, it is refused");
  for (refused = 0, i = 0; i < size; i++)
    for (bit = 0; bit < 8; bit++) {
      memcpy(copy, saved, size);
      copy[i] ^= (unsigned char)(1u << bit);
      refused += rppg_adapter_load(&other, copy, size, &why) != RPPG_OK;
    }
  CHECK(refused == 8 * size, "load: with any bit turned over, it is refused");
  CHECK(rppg_adapter_load(&other, NULL, size, &why) == RPPG_ERR_ARG, "load: NULL");
  CHECK(reach(&other) == 0.0 && rppg_adapter_steps(&other) == 0, "load: what is refused changes nothing");
  CHECK(rppg_init(&other, &another, other_mem, sizeof other_mem) == RPPG_OK &&
          rppg_adapter_load(&other, saved, size, &why) == RPPG_ERR_UNSUPPORTED, "load: another model: %s", why);
  CHECK(rppg_init(&other, &off, other_mem, sizeof other_mem) == RPPG_OK &&
          rppg_adapter_load(&other, saved, size, &why) == RPPG_ERR_ARG, "load: a session that does not learn: %s", why);
  CHECK(rppg_adapter_save(&other, copy, sizeof copy) == RPPG_ERR_ARG, "save: a session that does not learn");
}

static void test_refusals(void)
{
  rppg_config c = config(NULL, 0, 1);
  CHECK(rppg_mem_size(&c) == 0 && rppg_init(&s, &c, mem, sizeof mem) == RPPG_ERR_ARG,
        "nothing to adapt without a model");
  c = config(model_signals, sizeof model_signals, 2);
  CHECK(rppg_mem_size(&c) == 0, "cfg.adapt is 0 or 1");
  CHECK(rppg_adapter_size(NULL) == 0 && rppg_adapter_steps(NULL) == 0, "no session");
  rppg_adapter_freeze(NULL, 1);
  rppg_adapter_reset(NULL);
}

int main(void)
{
  int isa;
  TAP_EACH_ISA(isa) {
    test_signals();
    test_grey();
    test_clip();
  }
  test_classes_slope();
  test_wave_slope();
  test_learning();
  test_frozen();
  test_bounded();
  test_wave_learning();
  test_saved();
  test_refusals();
  return tap_end();
}
