/* Several cameras in one session: an RGB and an infrared one on a drawn heart, disturbed in turn, of
   different frame rates, silent. The oracle is the rate that was drawn.
   cc -O2 tests/test_cameras.c -lm && ./a.out */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg.h"
#include "tap.h"

#define GOLDEN UINT64_C(0x660d0fc9d73958c5)

enum { RGB = 0, NIR = 1, SECOND = 1000000 };
static unsigned char mem[1 << 20], mem2[1 << 20];

static uint32_t rnd(uint32_t *seed) { *seed = *seed * 1664525u + 1013904223u; return *seed >> 8; }
static double uniform(uint32_t *seed) { return (double)(int)(rnd(seed) % 65536) / 32768.0 - 1.0; }
static double magnitude(double x) { return x < 0.0 ? -x : x; }
static double sine(double turns)
{
  double s, c;
  rppg__sincospi(2.0 * turns, &s, &c);
  return s;
}

/* ---- two cameras on one heart ------------------------------------------------------------------ */

typedef struct scene {
  double bpm, fps[2], noise;    /* frames per second; grey levels of a ROI, uniform, +- */
  int64_t start_us[2];          /* of the frames: phase of each camera */
  int64_t clock_us[2];          /* by which its time stamps are late */
  int (*bad)(int camera, double t_s); /* whether a camera is shaken then */
  int (*silent)(int camera, double t_s);
  double shake;                 /* relative changes of colour that shaking makes */
  double screen;                /* relative change by the light of a screen, at 1.5 Hz, instead: RGB */
  uint32_t seed[2];
  double drift[2][6][3];        /* a random walk of each ROI, where shaken */
  uint64_t next[2];             /* frames */
} scene;

static scene usual(double bpm)
{
  scene s;
  memset(&s, 0, sizeof s);
  s.bpm = bpm;
  s.fps[RGB] = 30.0;
  s.fps[NIR] = 25.0;
  s.start_us[NIR] = 7300;
  s.noise = 0.05;
  s.shake = 0.02;
  s.seed[RGB] = 11;
  s.seed[NIR] = 77;
  return s;
}

static const size_t rois[2] = { 6, 3 };

/* Mean colours of a camera's ROIs; grey three times in infrared, where the pulse is weak. */
static void colours(scene *s, int camera, double t_s, float *rgb)
{
  static const double skin[2][3] = { { 170.0, 115.0, 90.0 }, { 140.0, 140.0, 140.0 } };
  static const double blood[2][3] = { { 0.0020, 0.0050, 0.0032 }, { 0.0015, 0.0015, 0.0015 } };
  const double turn = s->bpm / 60.0 * t_s, w = sine(turn) + 0.35 * sine(2.0 * turn + 0.3);
  const int shaken = s->bad && s->bad(camera, t_s);
  size_t i;
  static const double tint[3] = { 1.0, 0.2, 0.6 };
  int k;
  for (i = 0; i < rois[camera]; i++) {
    const double jolt = s->shake * uniform(&s->seed[camera]);
    for (k = 0; k < 3; k++) {
      double *d = &s->drift[camera][i][k];
      if (camera == NIR && k > 0) { rgb[3 * i + (size_t)k] = rgb[3 * i]; continue; }
      *d = 0.9 * *d + (shaken ? jolt + 0.5 * s->shake * uniform(&s->seed[camera]) : 0.0);
      if (shaken && camera == RGB && s->screen > 0.0) *d = s->screen * tint[k] * sine(1.5 * t_s);
      rgb[3 * i + (size_t)k] = (float)(skin[camera][k] * (1.0 - blood[camera][k] * w) * (1.0 + *d) +
                                       s->noise * uniform(&s->seed[camera]));
    }
  }
}

static rppg_config pair_config(rppg_config *each)
{
  rppg_config c;
  memset(each, 0, 2 * sizeof *each);
  memset(&c, 0, sizeof c);
  each[NIR].method = RPPG_NIR;
  each[NIR].layout = RPPG_LAYOUT_CHEEKS;
  c.cameras = each;
  c.n_cameras = 2;
  return c;
}

static rppg_session start(const rppg_config *c, unsigned char *at)
{
  rppg_session s;
  const size_t size = rppg_mem_size(c);
  memset(&s, 0, sizeof s);
  if (size == 0 || size > sizeof mem || rppg_init(&s, c, at, size) != RPPG_OK) CHECK(0, "init");
  return s;
}

/* Frames of both cameras until t_s, in the order of their times. Alone too, where given. */
static int feed(rppg_session *s, scene *e, double t_s, rppg_session *alone)
{
  float rgb[18];
  int bad = 0;
  for (;;) {
    int64_t at[2];
    int k;
    for (k = 0; k < 2; k++) at[k] = e->start_us[k] + (int64_t)((double)e->next[k] * SECOND / e->fps[k]);
    k = at[NIR] < at[RGB] ? NIR : RGB;
    if ((double)at[k] > t_s * SECOND) return bad;
    e->next[k]++;
    colours(e, k, (double)at[k] * 1e-6, rgb);
    if (e->silent && e->silent(k, (double)at[k] * 1e-6)) continue;
    bad += rppg_push_rgb(rppg_camera(s, (size_t)k), rgb, at[k] + e->clock_us[k]) != RPPG_OK;
    if (alone) bad += rppg_push_rgb(&alone[k], rgb, at[k] + e->clock_us[k]) != RPPG_OK;
  }
}

/* ---- disturbed in turn -------------------------------------------------------------------------- */

static int in_turn(int camera, double t_s) { return camera == RGB ? t_s >= 14.0 && t_s < 28.0 : t_s >= 28.0 && t_s < 42.0; }
static int by_pieces(int camera, double t_s) { return ((int)(t_s / 4.0) & 1) == camera; }

/* Windows from second `from` to `to`, one a second: how many are wrong by 3 bpm or more of RGB alone,
   NIR alone, both in one session; of the latter, with confidence and by 5 bpm. */
typedef struct score { int wrong[3], n, sure_wrong, weighed; } score;

static void run(scene *e, int from, int to, score *q)
{
  rppg_config each[2], c = pair_config(each);
  rppg_session s = start(&c, mem), alone[2];
  int t, k;
  for (k = 0; k < 2; k++) rppg_init(&alone[k], &each[k], mem2 + (size_t)k * (sizeof mem2 / 2), sizeof mem2 / 2);
  for (t = 1; t <= to; t++) {
    rppg_result r[3];
    double w[2];
    feed(&s, e, (double)t, alone);
    if (t < from) continue;
    memset(r, 0, sizeof r);
    rppg_estimate(&alone[0], &r[0]);
    rppg_estimate(&alone[1], &r[1]);
    rppg_estimate(&s, &r[2]);
    for (k = 0; k < 3; k++) q->wrong[k] += magnitude(r[k].hr_bpm - e->bpm) > 3.0;
    q->sure_wrong += r[2].confidence > 0.5 && magnitude(r[2].hr_bpm - e->bpm) > 5.0;
    for (k = 0; k < 2; k++) w[k] = rppg_camera_weight(&s, (size_t)k, NULL);
    q->weighed += w[0] >= 0.0 && w[1] >= 0.0 && magnitude(w[0] + w[1] - 1.0) < 1e-6;
    q->n++;
  }
}

static void test_disturbed(const char *what, int (*bad)(int, double), double screen, int least_rgb, int least_nir, int most)
{
  score q;
  int bpm;
  memset(&q, 0, sizeof q);
  for (bpm = 44; bpm < 150; bpm += 35) {
    scene e = usual((double)bpm);
    e.bad = bad;
    e.screen = screen;
    run(&e, 8, 44, &q);
  }
  CHECK(q.wrong[0] >= least_rgb && q.wrong[1] >= least_nir, "%s: alone RGB is wrong %d times, NIR %d times of %d", what, q.wrong[0], q.wrong[1], q.n);
  CHECK(q.wrong[2] <= most && q.sure_wrong <= 1, "... together %d times, %d surely", q.wrong[2], q.sure_wrong);
  CHECK(q.weighed == q.n, "... weights add up to 1");
}

/* Whose word it is follows who is well. */
static void test_weights(void)
{
  rppg_config each[2], c = pair_config(each);
  rppg_session s = start(&c, mem);
  scene e = usual(72.0);
  rppg_result r, own;
  const float *wave;
  size_t n;
  e.bad = in_turn;
  feed(&s, &e, 12.0, NULL);
  CHECK(rppg_estimate(&s, &r) == RPPG_OK && magnitude(r.hr_bpm - 72.0) < 0.5 && r.confidence > 0.95, "two good cameras: %.1f bpm, confidence %.3f",
        r.hr_bpm, r.confidence);
  CHECK(r.flags == 0 && magnitude(r.window_s - 10.0) < 1e-9 && r.t_s > 11.9 && r.t_s <= 12.0, "... flags %x, %.0f s", r.flags, r.window_s);
  CHECK(rppg_camera_weight(&s, RGB, NULL) > 0.3 && rppg_camera_weight(&s, NIR, NULL) > 0.3, "... both count");
  wave = rppg_wave(&s, &n);
  CHECK(wave && n == 300 && magnitude(rppg_wave_end(&s) - 12.0) < 0.1, "... one wave, on one grid");
  feed(&s, &e, 26.0, NULL);
  rppg_estimate(&s, &r);
  CHECK(rppg_camera_weight(&s, NIR, &own) > 0.8 && magnitude(own.hr_bpm - 72.0) < 1.0, "RGB shaken: NIR counts %.2f", rppg_camera_weight(&s, NIR, NULL));
  rppg_camera_weight(&s, RGB, &own);
  CHECK(own.confidence < 0.5 && r.confidence > 0.8 && magnitude(r.hr_bpm - 72.0) < 1.0, "... RGB's own confidence %.2f, that of both %.2f", own.confidence, r.confidence);
  feed(&s, &e, 40.0, NULL);
  rppg_estimate(&s, &r);
  CHECK(rppg_camera_weight(&s, RGB, NULL) > 0.8 && r.confidence > 0.8 && magnitude(r.hr_bpm - 72.0) < 1.0, "NIR shaken: RGB counts %.2f, confidence %.2f",
        rppg_camera_weight(&s, RGB, NULL), r.confidence);
  CHECK(magnitude(r.tracked_bpm - 72.0) < 1.5, "... tracked throughout: %.1f", r.tracked_bpm);
}

/* Nobody's pulse stays nobody's: two cameras of noise agree no more often than one is sure. */
static void test_noise(void)
{
  rppg_config each[2], c = pair_config(each);
  int k, sure = 0, own_sure = 0;
  for (k = 0; k < 60; k++) {
    rppg_session s = start(&c, mem);
    rppg_result r, own;
    float rgb[18];
    uint32_t seed = (uint32_t)k * 91 + 5;
    int i, j, m;
    for (i = 0; i < 330; i++)
      for (m = 0; m < 2; m++) {
        for (j = 0; j < 18; j++) rgb[j] = m == NIR && j % 3 ? rgb[j - 1] : (float)(120.0 + 0.2 * uniform(&seed));
        rppg_push_rgb(rppg_camera(&s, (size_t)m), rgb, (int64_t)i * 33333);
      }
    rppg_estimate(&s, &r);
    sure += r.confidence > 0.3;
    for (m = 0; m < 2; m++) {
      rppg_camera_weight(&s, (size_t)m, &own);
      own_sure += own.confidence > 0.3;
    }
  }
  CHECK(sure <= 6, "60 pairs of noise: %d above 0.3, %d of single ones", sure, own_sure);
}

/* ---- clocks, frame rates, silence ---------------------------------------------------------------- */

static void test_clocks(void)
{
  static const struct { double fps[2]; int64_t start_us, late_us; const char *what; } k[] = {
    { { 30.0, 30.0 }, 16667, 0, "half a frame apart" }, { { 60.0, 12.0 }, 0, 0, "60 and 12 frames a second" },
    { { 24.0, 90.0 }, 3001, 0, "24 and 90" }, { { 30.0, 25.0 }, 0, 150000, "a clock that is 150 ms late" },
    { { 30.0, 25.0 }, 0, -150000, "... early" } };
  size_t i;
  for (i = 0; i < sizeof k / sizeof *k; i++) {
    rppg_config each[2], c = pair_config(each);
    double worst = 0.0, least = 1.0;
    int bpm, bad = 0;
    for (bpm = 48; bpm < 170; bpm += 20) {
      rppg_session s = start(&c, mem);
      scene e = usual((double)bpm);
      rppg_result r;
      memcpy(e.fps, k[i].fps, sizeof e.fps);
      e.start_us[NIR] = k[i].start_us;
      e.clock_us[NIR] = k[i].late_us;
      e.clock_us[RGB] = INT64_C(1700000000) * SECOND; /* a date */
      e.clock_us[NIR] += e.clock_us[RGB];
      bad += feed(&s, &e, 12.0, NULL) || rppg_estimate(&s, &r) != RPPG_OK;
      if (magnitude(r.hr_bpm - bpm) > worst) worst = magnitude(r.hr_bpm - bpm);
      if (r.confidence < least) least = r.confidence;
    }
    CHECK(bad == 0 && worst < 1.0 && least > 0.8, "%s: within %.2f bpm, confidence %.2f at least", k[i].what, worst, least);
  }
}

static int breaks(int camera, double t_s) { return camera == NIR && t_s >= 15.0 && t_s < 25.0; }
static int late(int camera, double t_s) { return camera == RGB && t_s < 12.0; }

static void test_silence(void)
{
  rppg_config each[2], c = pair_config(each);
  rppg_session s = start(&c, mem);
  scene e = usual(84.0);
  rppg_result r, own;
  int t, wrong = 0, early = 0, time = 0, shrunk = 0;
  e.silent = breaks;
  for (t = 6; t <= 40; t++) {
    double w;
    feed(&s, &e, (double)t, NULL);
    if (rppg_estimate(&s, &r) != RPPG_OK) memset(&r, 0, sizeof r);
    w = rppg_camera_weight(&s, NIR, &own);
    wrong += magnitude(r.hr_bpm - 84.0) > 1.0 || r.confidence < 0.7;
    time += (r.flags & RPPG_FLAG_TIME) != 0;
    shrunk += t >= 10 && r.window_s < 9.95;
    if (t == 16 || t == 30) continue; /* just now */
    if (t >= 17 && t <= 29) early += w != 0.0 || own.window_s > 0.0;
    else early += !(w > 0.2);
  }
  CHECK(wrong == 0, "one camera is silent for 10 s: the rate stays");
  CHECK(time == 0 && shrunk == 0, "... and so do the window and the flags of the other");
  CHECK(early == 0, "... the silent one has no weight, until it has a window again");
  rppg_reset(&s);
  CHECK(rppg_estimate(&s, &r) == RPPG_ERR_DATA && rppg_camera_weight(&s, RGB, &own) == 0.0 && own.window_s == 0.0, "reset forgets all cameras");
  e = usual(84.0);
  e.silent = late;
  feed(&s, &e, 11.0, NULL);
  CHECK(rppg_estimate(&s, &r) == RPPG_OK && rppg_camera_weight(&s, NIR, NULL) == 1.0 && magnitude(r.hr_bpm - 84.0) < 1.0, "one that has not begun holds up nobody");
  feed(&s, &e, 20.0, NULL);
  CHECK(rppg_estimate(&s, &r) == RPPG_OK && rppg_camera_weight(&s, RGB, NULL) > 0.2 && r.t_s > 19.9, "... and counts when it has");
}

/* ---- frames, memory, refusals --------------------------------------------------------------------- */

enum { W = 48, H = 40 };
static uint8_t red[3 * W * H], grey[W * H];

/* Frames of two sizes and formats, each with its own face box. */
static void test_frames(void)
{
  static const rppg_rect face = { 4, 2, 40, 36 }, there = { 2, 2, 20, 20 };
  rppg_config each[2], c = pair_config(each);
  rppg_session s = start(&c, mem);
  rppg_frame f[2];
  rppg_result r;
  const rppg_rect *rects;
  float rgb[18];
  scene e = usual(90.0);
  size_t n, p;
  int i, k, bad = 0;
  uint32_t seed = 3;
  memset(f, 0, sizeof f);
  f[0].format = RPPG_RGB24; f[0].width = W; f[0].height = H; f[0].planes[0] = red; f[0].strides[0] = 3 * W;
  f[1].format = RPPG_GRAY8; f[1].width = H; f[1].height = W; f[1].planes[0] = grey; f[1].strides[0] = H;
  for (i = 0; i < 330; i++) {
    colours(&e, RGB, i / 30.0, rgb);
    for (p = 0; p < 3 * W * H; p++) red[p] = (uint8_t)((double)rgb[p % 3] + (double)(rnd(&seed) & 255) / 256.0);
    colours(&e, NIR, i / 30.0, rgb);
    for (p = 0; p < W * H; p++) grey[p] = (uint8_t)((double)rgb[0] + (double)(rnd(&seed) & 255) / 256.0);
    for (k = 0; k < 2; k++) bad += rppg_push(rppg_camera(&s, (size_t)k), &f[k], k ? &there : &face, (int64_t)i * 33333) != RPPG_OK;
  }
  CHECK(bad == 0 && rppg_estimate(&s, &r) == RPPG_OK && magnitude(r.hr_bpm - 90.0) < 1.0 && r.confidence > 0.8, "RGB24 and GRAY8 frames: %.1f bpm, confidence %.2f",
        r.hr_bpm, r.confidence);
  rects = rppg_rois(rppg_camera(&s, NIR), &n);
  CHECK(n == 3 && rects[0].x == 8 && rects[0].w == 8, "... each with its ROIs");
  rppg_rois(&s, &n);
  CHECK(n == 0 && rppg_colours(&s, 0, rgb, 1) == 0, "... of the whole there are none");
  CHECK(rppg_push(&s, &f[0], &face, 99 * SECOND) == RPPG_ERR_ARG && rppg_push_rgb(&s, rgb, 99 * SECOND) == RPPG_ERR_ARG, "... nor frames of the whole");
  CHECK(rppg_camera(&s, 2) == NULL && rppg_camera_weight(&s, 2, NULL) == 0.0, "... nor a third camera");
}

static void test_one(void)
{
  rppg_config each[2], c = pair_config(each);
  rppg_session s;
  scene e = usual(66.0);
  rppg_result r, own;
  c.n_cameras = 1;
  s = start(&c, mem);
  e.silent = breaks;
  e.start_us[NIR] = INT64_C(1) << 60; /* never */
  feed(&s, &e, 12.0, NULL);
  CHECK(rppg_estimate(&s, &r) == RPPG_OK && rppg_camera_weight(&s, 0, &own) == 1.0 && magnitude(r.hr_bpm - own.hr_bpm) < 0.2 && r.confidence >= own.confidence,
        "a session of one camera: %.2f bpm, itself %.2f", r.hr_bpm, own.hr_bpm);
}

static void test_memory(void)
{
  rppg_config each[2], c = pair_config(each);
  const size_t size = rppg_mem_size(&c), own = rppg_mem_size(&each[0]) + rppg_mem_size(&each[1]);
  rppg_session s, q;
  scene e;
  rppg_result want, r;
  size_t i, k;
  int bad = 0;
  CHECK(size > own && size - own <= 28 * 1024, "%u bytes: the cameras' and %u", (unsigned)size, (unsigned)(size - own));
  memset(&want, 0, sizeof want);
  for (i = 0; i < 64; i += 21) {
    memset(&s, 0x5a, sizeof s);
    memset(&q, 0x5a, sizeof q);
    memset(mem, 0xa7, size + 128);
    bad += rppg_init(&s, &c, mem + i, size - 1) != RPPG_ERR_SPACE || memcmp(&s, &q, sizeof s) != 0;
    bad += rppg_init(&s, &c, mem + i, size) != RPPG_OK;
    memset(each, 0xff, sizeof each); /* init has its own copy */
    e = usual(75.0);
    feed(&s, &e, 7.0, NULL);
    bad += rppg_estimate(&s, &r) != RPPG_OK;
    if (i == 0) want = r;
    bad += memcmp(&r.hr_bpm, &want.hr_bpm, sizeof r.hr_bpm) != 0 || memcmp(&r.confidence, &want.confidence, sizeof r.confidence) != 0;
    for (k = 0; k < i; k++) bad += mem[k] != 0xa7;
    for (k = i + size; k < size + 128; k++) bad += mem[k] != 0xa7;
    c = pair_config(each);
  }
  CHECK(bad == 0, "the block at any offset, one byte less is refused, nothing beside it touched");
}

static void test_refusals(void)
{
  static const rppg_part part = { 0.0f, 0.0f, 1.0f, 1.0f };
  rppg_config each[2], c = pair_config(each), inner[2], bad[8];
  rppg_config deep = pair_config(inner);
  size_t i, refused = 0;
  for (i = 0; i < 8; i++) bad[i] = c;
  bad[0].n_cameras = 0;
  bad[1].n_cameras = RPPG_MAX_CAMERAS + 1;
  bad[2].cameras = NULL;
  bad[3].method = RPPG_GREEN;
  bad[4].auto_cells = 192;
  bad[5].parts = &part;
  bad[5].n_parts = 1;
  bad[6].window_s = 99.0;
  bad[7].cameras = &deep;
  bad[7].n_cameras = 1;
  for (i = 0; i < 8; i++) refused += rppg_mem_size(&bad[i]) == 0;
  each[1].method = -1;
  CHECK(refused == 8 && rppg_mem_size(&c) == 0, "configs that make no sense are refused: %u", (unsigned)refused);
}

static uint64_t golden_hash(void)
{
  rppg_config each[2], c = pair_config(each);
  rppg_session s = start(&c, mem);
  scene e = usual(78.0);
  uint64_t h = TAP_FNV;
  int t;
  e.bad = by_pieces;
  for (t = 6; t < 22; t++) {
    rppg_result r;
    const float *wave;
    size_t n;
    feed(&s, &e, (double)t, NULL);
    if (rppg_estimate(&s, &r) != RPPG_OK) return 0;
    h = tap_fnv_f64(tap_fnv_f64(tap_fnv_f64(tap_fnv_f64(h, r.hr_bpm), r.confidence), r.tracked_bpm), (double)r.flags);
    h = tap_fnv_f64(tap_fnv_f64(h, rppg_camera_weight(&s, 0, NULL)), r.snr_db);
    wave = rppg_wave(&s, &n);
    h = tap_fnv_f32(h, wave, n);
  }
  return h;
}

int main(void)
{
  int isa;
  test_weights();
  test_disturbed("shaken in turn", in_turn, 0.0, 20, 35, 5);
  test_disturbed("a screen's light, then shaken", in_turn, 0.03, 30, 35, 5);
  test_disturbed("in turn for 4 s each", by_pieces, 0.0, 40, 110, 15);
  test_noise();
  test_clocks();
  test_silence();
  test_frames();
  test_one();
  test_memory();
  test_refusals();
  TAP_EACH_ISA(isa) {
    const uint64_t h = golden_hash();
    CHECK(h == GOLDEN, "golden hash, %s: 0x%08lx%08lx", rppg_isa_name((rppg_isa)isa), (unsigned long)(h >> 32),
          (unsigned long)(h & 0xffffffffu));
  }
  return tap_end();
}
