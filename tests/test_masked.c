/* Masks and the skin gate in a session: drawn faces, partly hidden, against sums over the pixels one
   by one and against the pulse that was drawn.
   cc -O2 tests/test_masked.c -lm && ./a.out */
#define RPPG_IMPLEMENTATION
#include "../rppg.h"
#include "tap.h"

enum { W = 64, H = 48, FRAMES = 180, FPS = 15, SECOND = 1000000 };
static unsigned char mem[1 << 18];
static uint8_t pixels[3 * W * H], luma[W * H], mask[W * H];
static const rppg_rect face = { 6, 4, 50, 40 };
static const rppg_skin usual_skin = { 0, 0, 0, 0 };

static uint32_t seed = 1;
static uint32_t rnd(void) { seed = seed * 1664525u + 1013904223u; return seed >> 8; }
static double magnitude(double x) { return x < 0.0 ? -x : x; }

/* A scarf hides the face from row `from` on; its light swings at 100 bpm, the skin at 72 bpm. */
static int hidden(int y, int from) { return y >= from; }

static rppg_frame draw(int i, int from)
{
  static const double skin[3] = { 200.0, 140.0, 120.0 }, blood[3] = { 0.33, 0.77, 0.53 };
  static const double scarf[3] = { 60.0, 90.0, 170.0 }, dye[3] = { 0.1, 0.9, 0.3 };
  double s, c, pulse, swing;
  rppg_frame f;
  int x, y, k;
  rppg__sincospi(2.0 * 1.2 * i / FPS, &s, &c);
  pulse = s;
  rppg__sincospi(2.0 * 100.0 / 60.0 * i / FPS, &s, &c);
  swing = s;
  for (y = 0; y < H; y++)
    for (x = 0; x < W; x++)
      for (k = 0; k < 3; k++) {
        const double v = hidden(y, from) ? scarf[k] * (1.0 + 0.06 * dye[k] * swing) : skin[k] * (1.0 - 0.012 * blood[k] * pulse);
        pixels[3 * (y * W + x) + k] = (uint8_t)(v + (double)(rnd() & 255) / 256.0);
      }
  memset(&f, 0, sizeof f);
  f.format = RPPG_RGB24;
  f.width = W;
  f.height = H;
  f.planes[0] = pixels;
  f.strides[0] = 3 * W;
  return f;
}

static rppg_session start(const rppg_skin *skin)
{
  rppg_config c;
  rppg_session s;
  memset(&c, 0, sizeof c);
  c.skin = skin;
  memset(&s, 0, sizeof s);
  if (rppg_init(&s, &c, mem, sizeof mem) != RPPG_OK) CHECK(0, "init");
  return s;
}

static int64_t at(int i) { return (int64_t)i * SECOND / FPS; }

static rppg_result measure(rppg_session *s, int from, int with_mask)
{
  rppg_result r;
  int i, bad = 0;
  memset(&r, 0, sizeof r);
  for (i = 0; i < FRAMES; i++) {
    const rppg_frame f = draw(i, from);
    bad += rppg_push_masked(s, &f, &face, with_mask ? mask : NULL, W, at(i)) != RPPG_OK;
  }
  CHECK(bad == 0 && rppg_estimate(s, &r) == RPPG_OK, "%d frames", FRAMES);
  return r;
}

/* Half of the face behind a scarf whose dye swings: without a gate the scarf's rate, with one or with
   a mask the heart's. */
static void test_rate(void)
{
  const rppg_rect *rois;
  const float *kept;
  rppg_session s;
  rppg_result r;
  size_t n, i;
  int x, y, bad = 0;
  seed = 7;
  s = start(NULL);
  r = measure(&s, 24, 0);
  CHECK(magnitude(r.hr_bpm - 100.0) < 2.0, "no gate: the scarf's rate, %.1f bpm", r.hr_bpm);
  kept = rppg_kept(&s, &n);
  for (i = 0; i < n; i++) bad += kept[i] != 1.0f;
  CHECK(n == 6 && bad == 0, "... all of the pixels counted");
  s = start(&usual_skin);
  r = measure(&s, 24, 0);
  CHECK(magnitude(r.hr_bpm - 72.0) < 1.0 && r.confidence > 0.5, "a gate: the heart's, %.1f bpm, confidence %.2f", r.hr_bpm, r.confidence);
  rois = rppg_rois(&s, &n);
  kept = rppg_kept(&s, &n);
  for (i = 0; i < n; i++) { /* rows above the scarf, of those of the ROI */
    const int rows = rois[i].y >= 24 ? 0 : rois[i].y + rois[i].h <= 24 ? rois[i].h : 24 - rois[i].y;
    bad += magnitude((double)kept[i] - (double)rows / rois[i].h) > 1e-6;
  }
  CHECK(bad == 0, "... and the share of each ROI is counted");
  for (y = 0; y < H; y++)
    for (x = 0; x < W; x++) mask[y * W + x] = (uint8_t)(hidden(y, 24) ? 0 : 1 + x);
  s = start(NULL);
  r = measure(&s, 24, 1);
  CHECK(magnitude(r.hr_bpm - 72.0) < 1.0 && r.confidence > 0.5, "a mask: the heart's, %.1f bpm, confidence %.2f", r.hr_bpm, r.confidence);
  CHECK(!(r.flags & RPPG_FLAG_NO_SKIN), "... and no word about skin, which nobody asked for");
}

/* Colours under a ragged mask and a gate, by counting pixels one by one. */
static void test_colours(int with_mask, int gate)
{
  const rppg_rect wide = { -20, 4, 60, 40 };
  const rppg_rect *rois;
  const float *kept, *rgb;
  rppg_session s = start(gate ? &usual_skin : NULL);
  rppg_frame f;
  double worst = 0.0;
  size_t n, i;
  int x, y, k, bad = 0, missing = 0;
  seed = 3;
  for (i = 0; i < W * H; i++) mask[i] = (uint8_t)(rnd() % 3 ? rnd() % 256 : 0);
  for (y = 20; y < 30; y++) memset(mask + y * W, 0, W);
  f = draw(3, 33);
  CHECK(rppg_push_masked(&s, &f, &wide, with_mask ? mask : NULL, W, 0) == RPPG_OK, "a frame%s%s",
        with_mask ? ", masked" : "", gate ? ", gated" : "");
  rois = rppg_rois(&s, &n);
  kept = rppg_kept(&s, &n);
  rgb = rppg_frame_colours(&s, &n);
  for (i = 0; i < n; i++) {
    double sum[3] = { 0.0, 0.0, 0.0 }, count = 0.0, all = 0.0;
    for (y = rois[i].y; y < rois[i].y + rois[i].h; y++)
      for (x = rois[i].x; x < rois[i].x + rois[i].w; x++) {
        const uint8_t *p;
        double cb, cr;
        if (x < 0 || y < 0 || x >= W || y >= H) continue;
        p = pixels + 3 * (y * W + x);
        all += 1.0;
        cb = 128.0 - 0.148223 * p[0] - 0.290993 * p[1] + 0.439216 * p[2]; /* BT.601, limited range */
        cr = 128.0 + 0.439216 * p[0] - 0.367788 * p[1] - 0.071427 * p[2];
        if (gate && (cb < 76.5 || cb >= 127.5 || cr < 132.5 || cr >= 173.5)) continue;
        if (with_mask && !mask[y * W + x]) continue;
        count += 1.0;
        for (k = 0; k < 3; k++) sum[k] += p[k];
      }
    if (all > 0.0) bad += magnitude((double)kept[i] - count / all) > 1e-6;
    else bad += kept[i] != 0.0f;
    if (count < 0.1 * all || count < 1.0) {
      for (k = 0; k < 3; k++) bad += rgb[3 * i + (size_t)k] != 0.0f;
      missing++;
      continue;
    }
    for (k = 0; k < 3; k++) {
      const double e = magnitude((double)rgb[3 * i + (size_t)k] - sum[k] / count);
      if (e > worst) worst = e;
    }
  }
  CHECK(bad == 0 && worst < 1e-4, "... colours and shares as counted by hand, to %.2g; %d ROIs missing", worst, missing);
}

/* A ROI that has too little skin keeps its colour; a face without skin is refused. */
static void test_missing(void)
{
  rppg_session s = start(&usual_skin);
  rppg_result r;
  rppg_frame f;
  float was[18];
  size_t n;
  int i;
  f = draw(0, H);
  CHECK(rppg_push(&s, &f, &face, 0) == RPPG_OK, "a whole face");
  memcpy(was, rppg_frame_colours(&s, &n), sizeof was);
  f = draw(5, 23); /* under the eyes begins row 23 */
  CHECK(rppg_push(&s, &f, &face, at(1)) == RPPG_OK, "... whose lower half goes");
  CHECK(rppg_kept(&s, &n)[2] < 0.1f && memcmp(rppg_frame_colours(&s, &n) + 6, was + 6, 3 * sizeof *was) == 0, "a hidden ROI keeps its colour");
  CHECK(memcmp(rppg_frame_colours(&s, &n) + 3, was + 3, 3 * sizeof *was) != 0, "... one that is seen does not");
  f = draw(6, 0);
  CHECK(rppg_push(&s, &f, &face, at(2)) == RPPG_ERR_DATA, "no skin at all is refused");
  for (i = 2; i < 120; i++) {
    f = draw(i, i == 60 ? 14 : H);
    rppg_push(&s, &f, &face, at(i));
  }
  CHECK(rppg_estimate(&s, &r) == RPPG_OK && (r.flags & RPPG_FLAG_NO_SKIN) && (r.flags & RPPG_FLAG_NO_FACE), "... and flagged");
  f = draw(120, 14);
  CHECK(rppg_push(&s, &f, &face, at(120)) == RPPG_OK && rppg_estimate(&s, &r) == RPPG_OK && (r.flags & RPPG_FLAG_NO_SKIN) && !(r.flags & RPPG_FLAG_NO_FACE),
        "a face mostly hidden is flagged too");
  f = draw(121, H);
  rppg_push(&s, &f, &face, at(121));
  CHECK(rppg_estimate(&s, &r) == RPPG_OK && !(r.flags & RPPG_FLAG_NO_SKIN), "... one that is not, is not");
}

static void test_refusals(void)
{
  static const rppg_skin bad_skin = { 100, 90, 133, 173 };
  rppg_config c;
  rppg_session s;
  rppg_frame f = draw(0, H), g;
  memset(&c, 0, sizeof c);
  c.skin = &bad_skin;
  CHECK(rppg_mem_size(&c) == 0, "a window inside out is refused");
  c.skin = &usual_skin;
  c.method = RPPG_2SR;
  CHECK(rppg_mem_size(&c) == 0, "... a gate for 2SR");
  c.method = RPPG_POS;
  c.auto_cells = 192;
  CHECK(rppg_mem_size(&c) == 0, "... a gate for the search");
  s = start(&usual_skin);
  memset(&g, 0, sizeof g);
  g.format = RPPG_GRAY8;
  g.width = W;
  g.strides[0] = W;
  g.height = H;
  g.planes[0] = luma;
  CHECK(rppg_push(&s, &g, &face, 0) == RPPG_ERR_UNSUPPORTED, "... grey frames under a gate");
  CHECK(rppg_push_masked(&s, &f, &face, mask, W - 1, 0) == RPPG_ERR_ARG, "... a mask whose rows are too short");
  CHECK(rppg_push(&s, &f, &face, 0) == RPPG_OK, "... and nothing of it stays");
  s = start(NULL);
  memset(mask, 0, sizeof mask);
  CHECK(rppg_push_masked(&s, &f, &face, mask, W, 0) == RPPG_ERR_DATA, "a mask of zeros leaves nothing");
  memset(mask, 1, sizeof mask);
  memset(luma, 99, sizeof luma);
  CHECK(rppg_push_masked(&s, &g, &face, mask + (H - 1) * W, -W, 0) == RPPG_OK, "a mask upside down, on grey");
  c.method = RPPG_2SR;
  c.auto_cells = 0;
  c.skin = NULL;
  CHECK(rppg_mem_size(&c) <= sizeof mem && rppg_init(&s, &c, mem, sizeof mem) == RPPG_OK &&
        rppg_push_masked(&s, &f, &face, mask, W, 0) == RPPG_ERR_UNSUPPORTED, "2SR takes no masks");
}

/* A mask of ones is no mask: the same bits, in every kind of format. */
static void test_ones(void)
{
  static const int formats[] = { RPPG_GRAY8, RPPG_NV12, RPPG_YUYV, RPPG_BAYER8 };
  static uint8_t bytes[3 * 2 * W * H];
  float want[18];
  size_t i, n;
  int k;
  memset(mask, 1, sizeof mask);
  for (i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)rnd();
  for (k = 0; k < 4; k++) {
    rppg_session s = start(NULL);
    rppg_frame f;
    int bad = 0;
    memset(&f, 0, sizeof f);
    f.format = formats[k];
    f.width = W;
    f.height = H;
    f.planes[0] = bytes;
    f.planes[1] = bytes + W * H;
    f.strides[0] = formats[k] == RPPG_YUYV ? 2 * W : W;
    f.strides[1] = W;
    bad += rppg_push(&s, &f, &face, 0) != RPPG_OK;
    memcpy(want, rppg_frame_colours(&s, &n), sizeof want);
    rppg_reset(&s);
    bad += rppg_push_masked(&s, &f, &face, mask, W, 0) != RPPG_OK;
    bad += memcmp(want, rppg_frame_colours(&s, &n), sizeof want) != 0;
    for (i = 0; i < n; i++) bad += rppg_kept(&s, &n)[i] != 1.0f;
    CHECK(bad == 0, "format %d: a mask of ones changes nothing", formats[k]);
  }
}

int main(void)
{
  test_rate();
  test_colours(1, 0);
  test_colours(0, 1);
  test_colours(1, 1);
  test_missing();
  test_ones();
  test_refusals();
  return tap_end();
}
