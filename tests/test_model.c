/* test_model.c - a model inside a session: colour signals, clips and single frames; who is believed when.
   cc -O2 -I. tests/test_model.c -o test_model -lm */
#define RPPG_TESTING
#define RPPG_IMPLEMENTATION
#include "rppg.h"
#include "tap.h"
#include "golden/nn_session.h"
#include <math.h>
#include <stdlib.h>

static unsigned char mem[1 << 20];
static rppg_session s;
enum { W = 64, H = 48 };
static unsigned char pixels[W * H * 3];

static uint32_t seed = 1;
static double noise(void) /* uniform, -1..1 */
{
  seed = seed * 1664525u + 1013904223u;
  return (double)(seed >> 8) / 8388608.0 - 1.0;
}

static rppg_config config(const void *model, size_t size)
{
  rppg_config c;
  memset(&c, 0, sizeof c);
  c.model = model;
  c.model_size = size;
  return c;
}

/* A frame of skin whose green swings by `level` grey levels at bpm, dithered so that it is seen. */
static rppg_frame picture(double t_s, double bpm, double level)
{
  const double swing = level * sin(6.283185307179586 * bpm / 60.0 * t_s);
  rppg_frame f;
  int i;
  for (i = 0; i < W * H; i++) {
    pixels[3 * i] = (unsigned char)floor(150.0 + 0.2 * swing + (double)(i * 37 % 64) / 64.0);
    pixels[3 * i + 1] = (unsigned char)floor(110.0 + swing + (double)(i * 29 % 64) / 64.0);
    pixels[3 * i + 2] = (unsigned char)floor(90.0 + 0.4 * swing + (double)(i * 43 % 64) / 64.0);
  }
  memset(&f, 0, sizeof f);
  f.format = RPPG_RGB24;
  f.width = W;
  f.height = H;
  f.planes[0] = pixels;
  f.strides[0] = W * 3;
  return f;
}

/* seconds of frames at fps, then an estimate. */
static rppg_status watch(double seconds, double fps, double bpm, double level, rppg_result *r)
{
  const rppg_rect face = { 12, 4, 40, 40 };
  const int n = (int)(seconds * fps);
  int i;
  for (i = 0; i < n; i++) {
    const rppg_frame f = picture((double)i / fps, bpm, level);
    if (rppg_push(&s, &f, &face, (int64_t)((double)i * 1e6 / fps)) != RPPG_OK) return RPPG_ERR_DATA;
  }
  return rppg_estimate(&s, r);
}

static void test_rates(void)
{
  static const struct { const char *name; const unsigned char *blob; size_t size; } model[] = {
    { "signals", model_signals, sizeof model_signals }, { "clip", model_clip, sizeof model_clip },
    { "slope", model_slope, sizeof model_slope }
  };
  static const double bpm[] = { 52.0, 75.0, 110.0 };
  rppg_result r;
  size_t k, i, g;
  for (k = 0; k < 3; k++) {
    const rppg_config c = config(model[k].blob, model[k].size);
    const size_t size = rppg_mem_size(&c);
    CHECK(size > 0 && size <= sizeof mem, "%s: %lu bytes", model[k].name, (unsigned long)size);
    CHECK(rppg_init(&s, &c, mem, size - 1) == RPPG_ERR_SPACE, "%s: one byte less is refused", model[k].name);
    memset(mem + size, 0x5a, 256);
    for (i = 0; i < 3; i++) {
      CHECK(rppg_init(&s, &c, mem, size) == RPPG_OK, "%s: starts", model[k].name);
      CHECK(watch(12.0, 25.0, bpm[i], 1.0, &r) == RPPG_OK, "%s: has an estimate", model[k].name);
      CHECK_NEAR(s.reader->said, bpm[i], 2.0, "%s: the model says %.0f bpm", model[k].name, bpm[i]);
      CHECK_NEAR(r.hr_bpm, bpm[i], 1.0, "%s: %.0f bpm", model[k].name, bpm[i]);
      CHECK(r.source == RPPG_SOURCE_FFT, "%s: both agree, and the FFT is finer", model[k].name);
      CHECK(r.confidence > 0.5 && r.confidence <= 1.0, "%s: sure, %.2f", model[k].name, r.confidence);
      CHECK(!(r.flags & RPPG_FLAG_DISAGREE), "%s: model and FFT agree", model[k].name);
    }
    for (g = 0; g < 256 && mem[size + g] == 0x5a; g++) {}
    CHECK(g == 256, "%s: nothing behind its block is touched", model[k].name);
  }
}

/* The model sees green alone, POS what light cannot do: a lamp makes them differ. */
static void test_lamp(void)
{
  const rppg_config c = config(model_signals, sizeof model_signals);
  float rgb[18];
  rppg_result r;
  int i, k, refused = 0;
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "lamp: starts");
  for (i = 0; i < 12 * 30; i++) {
    const double t = i / 30.0, pulse = sin(6.283185307179586 * 1.2 * t), lamp = sin(6.283185307179586 * 1.9 * t);
    for (k = 0; k < 18; k++) {
      static const double base[3] = { 150, 110, 90 }, blood[3] = { 0.33, 0.77, 0.53 };
      rgb[k] = (float)(base[k % 3] * (1.0 + 0.006 * blood[k % 3] * pulse + 0.02 * lamp + 1e-4 * noise()));
    }
    refused += rppg_push_rgb(&s, rgb, i * (int64_t)33333) != RPPG_OK;
  }
  CHECK(refused == 0 && rppg_estimate(&s, &r) == RPPG_OK, "lamp: estimate");
  CHECK((r.flags & RPPG_FLAG_DISAGREE) != 0, "lamp: they disagree, and that is said");
  CHECK_NEAR(r.hr_bpm, 72.0, 2.0, "lamp: POS, which is sure, is believed");
  CHECK(r.source == RPPG_SOURCE_FFT, "lamp: the source is the FFT");
}

/* Red and blue are noise to which the model is deaf: POS is lost in it. */
static void noise_but_green(double bpm, double bpm_min, double bpm_max, rppg_result *r)
{
  rppg_config c = config(model_signals, sizeof model_signals);
  float rgb[18];
  int i, k;
  c.bpm_min = bpm_min;
  c.bpm_max = bpm_max;
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "deaf: starts");
  for (i = 0; i < 12 * 30; i++) {
    const double pulse = sin(6.283185307179586 * bpm / 60.0 * i / 30.0);
    for (k = 0; k < 18; k++)
      rgb[k] = (float)(k % 3 == 1 ? 110.0 + pulse : 100.0 + 40.0 * noise());
    rppg_push_rgb(&s, rgb, i * (int64_t)33333);
  }
  CHECK(rppg_estimate(&s, r) == RPPG_OK, "deaf: estimate");
}

static void test_unsure_fft(void)
{
  rppg_result r;
  noise_but_green(63.0, 0.0, 0.0, &r);
  CHECK_NEAR(r.hr_bpm, 63.0, 2.0, "deaf: the model is believed");
  CHECK(r.source == RPPG_SOURCE_MODEL && (r.flags & RPPG_FLAG_DISAGREE), "deaf: and it is said that they differ");
  CHECK(r.confidence > 0.3 && r.confidence < 1.0, "deaf: confidence %.2f", r.confidence);
  noise_but_green(93.0, 90.0, 270.0, &r);
  CHECK_NEAR(s.reader->said, 93.0, 2.0, "another species: the model says something");
  CHECK(r.source == RPPG_SOURCE_FFT && !(r.flags & RPPG_FLAG_DISAGREE), "another species: but is not heard");
}

static void test_photo_and_noise(void)
{
  rppg_result r;
  float rgb[18];
  int i, k, sure = 0;
  rppg_config c = config(model_clip, sizeof model_clip);
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "photo: starts");
  CHECK(watch(12.0, 30.0, 70.0, 0.0, &r) == RPPG_OK, "photo: estimate");
  CHECK(r.confidence < 0.1, "photo: confidence %.3f", r.confidence);
  CHECK((r.flags & RPPG_FLAG_STATIC) != 0, "photo: static");
  c = config(model_signals, sizeof model_signals);
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK, "noise: starts");
  for (i = 0; i < 60 * 15; i++) {
    for (k = 0; k < 18; k++) rgb[k] = (float)(100.0 + noise());
    rppg_push_rgb(&s, rgb, i * (int64_t)66667);
    if (i % 15 == 0 && rppg_estimate(&s, &r) == RPPG_OK) sure += r.confidence > 0.5;
  }
  CHECK(sure == 0, "noise: never sure");
}

/* A grid of more samples than the model's shows it the same. */
static void test_grids(void)
{
  static float seen[2][18 * 64];
  static const double rate[2] = { 15.0, 45.0 };
  rppg_config c = config(model_signals, sizeof model_signals);
  rppg_result r;
  double most = 0.0, said[2];
  size_t i, k, runs[2];
  for (k = 0; k < 2; k++) {
    c.rate_hz = rate[k];
    CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK && watch(14.0, 22.0, 66.0, 1.0, &r) == RPPG_OK, "%.0f Hz", rate[k]);
    CHECK(s.reader->nn.inputs[0]->n == 18 * 64, "%.0f Hz: the input's size", rate[k]);
    memcpy(seen[k], s.reader->in, sizeof seen[k]);
    said[k] = s.reader->said;
    runs[k] = s.reader->ran;
  }
  for (i = 0; i < 18 * 64; i++) { /* fmax of doubles here: an internal error of gcc 12.2 for aarch64 */
    const float off = seen[0][i] - seen[1][i];
    if (fabs((double)off) > most) most = fabs((double)off);
  }
  CHECK(most < 1e-3, "input: at most %.2g apart", most);
  CHECK(runs[0] == runs[1] && runs[0] > 10, "%lu and %lu runs", (unsigned long)runs[0], (unsigned long)runs[1]);
  CHECK_NEAR(said[0], said[1], 0.05, "its rate");
  CHECK_NEAR(said[0], 66.0, 2.0, "its rate is the pulse's");
}

/* A gap starts the model anew: its first run needs all its frames again. */
static void test_gap(void)
{
  const rppg_config c = config(model_slope, sizeof model_slope);
  rppg_result a, b;
  CHECK(rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK && watch(12.0, 30.0, 80.0, 1.0, &a) == RPPG_OK, "gap: before");
  rppg_reset(&s);
  CHECK(watch(12.0, 30.0, 80.0, 1.0, &b) == RPPG_OK, "gap: after");
  CHECK(a.hr_bpm == b.hr_bpm && a.confidence == b.confidence && a.source == b.source, "gap: reset forgets everything");
}

static void test_refusals(void)
{
  static const rppg_part one[1] = { { 0.0f, 0.0f, 1.0f, 1.0f } };
  static unsigned char bad[sizeof model_signals];
  rppg_config c = config(model_signals, sizeof model_signals);
  c.parts = one;
  c.n_parts = 1;
  CHECK(rppg_mem_size(&c) == 0 && rppg_init(&s, &c, mem, sizeof mem) != RPPG_OK, "another number of ROIs");
  c = config(model_signals, sizeof model_signals);
  c.rate_hz = 20.0;
  CHECK(rppg_mem_size(&c) == 0 && rppg_init(&s, &c, mem, sizeof mem) == RPPG_ERR_ARG, "another frame rate");
  c.rate_hz = 7.5;
  CHECK(rppg_mem_size(&c) == 0, "half of the model's frame rate");
  c.rate_hz = 45.0;
  CHECK(rppg_mem_size(&c) > 0, "three times the model's frame rate");
  c.rate_hz = 15.0;
  CHECK(rppg_mem_size(&c) > 0, "the model's own frame rate");
  c.window_s = 4.0;
  CHECK(rppg_mem_size(&c) == 0, "a window shorter than a run");
  c = config(model_signals, sizeof model_signals - 1);
  CHECK(rppg_mem_size(&c) == 0 && rppg_init(&s, &c, mem, sizeof mem) == RPPG_ERR_ARG, "a blob cut off");
  memcpy(bad, model_signals, sizeof bad);
  bad[sizeof bad / 2] ^= 1;
  c = config(bad, sizeof bad);
  CHECK(rppg_mem_size(&c) == 0 && rppg_init(&s, &c, mem, sizeof mem) == RPPG_ERR_ARG, "a damaged blob");
  c = config(model_clip, sizeof model_clip);
  c.auto_cells = RPPG_AUTO_CELLS;
  CHECK(rppg_mem_size(&c) == 0, "together with a search");
  c.auto_cells = 0;
  c.model_face = 8;
  CHECK(rppg_mem_size(&c) == 0, "a face too small");
}

int main(void)
{
  int isa;
  TAP_EACH_ISA(isa) test_rates();
  test_lamp();
  test_unsure_fft();
  test_photo_and_noise();
  test_grids();
  test_gap();
  test_refusals();
  return tap_end();
}
