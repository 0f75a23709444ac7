/* Tests of the search for pulses in whole frames: rppg_finder, and a session with RPPG_FACE_AUTO.
   The scenes are drawn here, in integers, so that they are the same on every machine, and the rates
   in them are known.     cc -O2 tests/test_auto.c -lm && ./a.out */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg.h"
#include "tap.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* ---- a scene ------------------------------------------------------------------------------------- */

enum { W = 160, H = 120, SECOND = 1000000 };

typedef struct patch {
  int x, y, w, h;
  int rgb[3];     /* mean colour, grey levels */
  int bpm;        /* 0: a photograph */
  int swing;      /* of green, 1/65536 of the mean; red 0.4 and blue 0.65 of it */
  int sway_bpm, sway; /* moves sideways by so many 1/16 pixels */
  int from_s, to_s;   /* is there; to_s 0: always */
} patch;

typedef struct scene {
  int format, patches;
  int lamp_bpm, lamp;   /* all light swings by lamp / 65536 */
  int noise;            /* of the sensor, grey levels to either side */
  int still;            /* no texture, no noise */
  patch p[4];
} scene;

static const int light_skin[3] = { 190, 140, 118 }, dark_skin[3] = { 92, 62, 48 };
static uint8_t pixels[3 * W * H], rgb[3 * W * H];
static int8_t dither[8192];
static uint8_t texture[3 * W * H];

static uint32_t seed = 1;
static uint32_t rnd(void) { seed = seed * 1664525u + 1013904223u; return seed >> 8; }

static void scenery(void)
{
  int i, c, x, y;
  for (i = 0; i < 8192; i++) dither[i] = (int8_t)((int)(rnd() % 129) + (int)(rnd() % 129) - 128);
  for (y = 0; y < H; y++)
    for (x = 0; x < W; x++)
      for (c = 0; c < 3; c++)
        texture[3 * (y * W + x) + c] = (uint8_t)(70 + ((x / 7 + y / 5) % 5) * 16 + 12 * c + (int)(rnd() % 5));
}

/* A periodic bump, -32768..32767: a parabola up, one down; what a heart does is not much nearer. */
static int swing(int64_t t_us, int bpm)
{
  const int64_t cycle = t_us * bpm % (60 * (int64_t)SECOND);
  const int at = (int)(cycle * 65536 / (60 * (int64_t)SECOND)) - 32768; /* -32768..32767 */
  const int half = at < 0 ? -at : at;
  const int v = (int)((int64_t)half * (32768 - half) / 8192);           /* 0..32768..0 */
  return at < 0 ? -v : v;
}

static int clamp(int v) { return v < 0 ? 0 : v > 255 ? 255 : v; }

/* The scene at t into rgb, with noise that no two frames share. */
static void draw(const scene *s, int64_t t_us)
{
  static const int per_channel[3] = { 26, 65, 42 }; /* of 65 */
  int i, c, x, y;
  const int lamp = 65536 + (s->lamp_bpm ? (int)((int64_t)swing(t_us, s->lamp_bpm) * s->lamp / 32768) : 0);
  for (y = 0; y < H; y++)
    for (x = 0; x < W; x++) {
      const unsigned at = rnd();
      int v[3];
      for (c = 0; c < 3; c++) v[c] = (s->still ? 120 : texture[3 * (y * W + x) + c]) * 65536;
      for (i = 0; i < s->patches; i++) {
        const patch *p = &s->p[i];
        const int shift = p->sway ? (int)((int64_t)swing(t_us, p->sway_bpm) * p->sway / 32768) : 0; /* 1/16 */
        const int left = 16 * p->x + shift, cover_l = 16 * (x + 1) - left, cover_r = left + 16 * p->w - 16 * x;
        int cover = cover_l < cover_r ? cover_l : cover_r; /* sixteenths of this pixel */
        if (cover > 16) cover = 16;
        if (cover <= 0 || y < p->y || y >= p->y + p->h) continue;
        if (p->to_s && (t_us < (int64_t)p->from_s * SECOND || t_us >= (int64_t)p->to_s * SECOND)) continue;
        for (c = 0; c < 3; c++) {
          const int depth = p->bpm ? (int)((int64_t)swing(t_us, p->bpm) * p->swing / 32768 * per_channel[c] / 65) : 0;
          const int shade = p->rgb[c] * (((x - p->x) * 3 + y * 5) % 11 < 5 ? 62 : 66) / 64; /* not flat */
          v[c] += (shade * (65536 - depth) - v[c]) / 16 * cover;
        }
      }
      for (c = 0; c < 3; c++) {
        const int n = s->still ? 0 : dither[(at + (unsigned)c * 2741u) & 8191] * s->noise * 512;
        const int64_t lit = (int64_t)v[c] * lamp / 65536;
        rgb[3 * (y * W + x) + c] = (uint8_t)clamp((int)((lit + n + 32768) / 65536));
      }
    }
}

/* rgb as a frame of the scene's format, full range BT.601 where it is YUV. */
static rppg_frame shot(const scene *s, int64_t t_us)
{
  rppg_frame f;
  int x, y, k;
  draw(s, t_us);
  memset(&f, 0, sizeof f);
  f.format = s->format;
  f.width = W;
  f.height = H;
  f.range = RPPG_FULL;
  f.planes[0] = pixels;
  if (s->format == RPPG_RGB24) {
    memcpy(pixels, rgb, sizeof rgb);
    f.strides[0] = 3 * W;
    return f;
  }
  f.strides[0] = W;
  for (k = 0; k < W * H; k++)
    pixels[k] = (uint8_t)((299 * rgb[3 * k] + 587 * rgb[3 * k + 1] + 114 * rgb[3 * k + 2] + 500) / 1000);
  if (s->format == RPPG_GRAY8) return f;
  f.planes[1] = pixels + W * H;
  f.planes[2] = f.planes[1] + W * H / 4;
  f.strides[1] = f.strides[2] = s->format == RPPG_NV12 ? W : W / 2;
  for (y = 0; y < H / 2; y++)
    for (x = 0; x < W / 2; x++) {
      int r = 0, g = 0, b = 0, u, v;
      for (k = 0; k < 4; k++) {
        const uint8_t *q = rgb + 3 * ((2 * y + k / 2) * W + 2 * x + k % 2);
        r += q[0]; g += q[1]; b += q[2];
      }
      u = clamp((512 * 1000 - 169 * r - 331 * g + 500 * b + (int)(rnd() % 4000)) / 4000);
      v = clamp((512 * 1000 + 500 * r - 419 * g - 81 * b + (int)(rnd() % 4000)) / 4000);
      if (s->format == RPPG_NV12) {
        pixels[W * H + y * W + 2 * x] = (uint8_t)u;
        pixels[W * H + y * W + 2 * x + 1] = (uint8_t)v;
      } else {
        pixels[W * H + y * (W / 2) + x] = (uint8_t)u;
        pixels[W * H + W * H / 4 + y * (W / 2) + x] = (uint8_t)v;
      }
    }
  return f;
}

static scene empty(int format)
{
  scene s;
  memset(&s, 0, sizeof s);
  s.format = format;
  s.noise = 4;
  return s;
}

static patch *add(scene *s, int x, int y, int w, int h, const int *colour, int bpm)
{
  patch *p = &s->p[s->patches++];
  memset(p, 0, sizeof *p);
  p->x = x; p->y = y; p->w = w; p->h = h;
  memcpy(p->rgb, colour, sizeof p->rgb);
  p->bpm = bpm;
  p->swing = 524; /* 0.8 % */
  return p;
}

/* ---- a run ----------------------------------------------------------------------------------------- */

enum { BLOCK = 512 * 1024 };
static unsigned char mem[BLOCK], mem2[BLOCK];
static rppg_finder finder;

static void start(const rppg_config *cfg)
{
  if (rppg_finder_init(&finder, cfg, mem, sizeof mem) != RPPG_OK) exit(2);
}

/* Frames 30 times a second from from_s up to to_s. */
static void film(const scene *s, double from_s, double to_s)
{
  int i;
  for (i = (int)(30.0 * from_s); i < (int)(30.0 * to_s); i++) {
    const int64_t t = (int64_t)i * SECOND / 30;
    const rppg_frame f = shot(s, t);
    rppg_finder_push(&finder, &f, t);
  }
}

static const rppg_person *people(size_t *n) { return rppg_finder_people(&finder, n); }

/* Highest confidence of anybody. */
static double surest(void)
{
  size_t n, i;
  const rppg_person *p = people(&n);
  double top = 0.0;
  for (i = 0; i < n; i++) if (p[i].result.confidence > top) top = p[i].result.confidence;
  return top;
}

/* Intersection over union of a box and a patch. */
static double same_place(const rppg_rect *b, const patch *p)
{
  const int x0 = b->x > p->x ? b->x : p->x, y0 = b->y > p->y ? b->y : p->y;
  const int x1 = b->x + b->w < p->x + p->w ? b->x + b->w : p->x + p->w;
  const int y1 = b->y + b->h < p->y + p->h ? b->y + b->h : p->y + p->h;
  const double both = x1 > x0 && y1 > y0 ? (double)(x1 - x0) * (y1 - y0) : 0.0;
  return both / ((double)b->w * b->h + (double)p->w * p->h - both);
}

static int near(double a, double b, double tol) { return a - b <= tol && b - a <= tol; }

/* The person found at a patch, or NULL. */
static const rppg_person *at_patch(const patch *p)
{
  size_t n, i;
  const rppg_person *q = people(&n);
  for (i = 0; i < n; i++)
    if (same_place(&q[i].box, p) > 0.3 && near(q[i].result.hr_bpm, p->bpm, 1.5)) return &q[i];
  return NULL;
}

static void found(const scene *s, const char *what)
{
  size_t n;
  const rppg_person *p = people(&n), *q = at_patch(&s->p[0]);
  CHECK(q != NULL && q == p, "%s: found where it is, %d bpm, and first", what, s->p[0].bpm);
  CHECK(q != NULL && q->result.confidence > 0.7, "%s: sure", what);
  if (n) TAP_PRINTF("#   %d: %.1f bpm, %.2f, evidence %.2f glare %.2f, %d,%d %dx%d\n", (int)n, p->result.hr_bpm,
                    p->result.confidence, p->evidence, p->glare, p->box.x, p->box.y, p->box.w, p->box.h);
}

static void nobody(const char *what)
{
  size_t n;
  const rppg_person *p = people(&n);
  CHECK(surest() < 0.3, "%s: nobody", what);
  if (n) TAP_PRINTF("#   %.1f bpm, %.2f, evidence %.2f glare %.2f\n", p->result.hr_bpm, p->result.confidence, p->evidence, p->glare);
}

/* ---- set-up ------------------------------------------------------------------------------------------ */

static void test_config(void)
{
  rppg_config c;
  rppg_session s;
  size_t size, k;
  int bad = 0;
  rppg_finder f;
  memset(&c, 0, sizeof c);
  CHECK(rppg_finder_mem_size(NULL) > 0 && rppg_finder_mem_size(NULL) == rppg_finder_mem_size(&c), "NULL is defaults");
  CHECK(rppg_finder_mem_size(NULL) < 384 * 1024, "defaults: %lu bytes", (unsigned long)rppg_finder_mem_size(NULL));
  CHECK(rppg_mem_size(NULL) <= 65536, "a session without a search stays within 64 KB");
#define REFUSED(field, value) \
  memset(&c, 0, sizeof c); c.auto_cells = 192; c.field = value; memset(&f, 7, sizeof f); \
  bad = rppg_finder_mem_size(&c) != 0 || rppg_mem_size(&c) != 0 || \
        rppg_finder_init(&f, &c, mem, sizeof mem) != RPPG_ERR_ARG || f.cfg.method != 0x07070707; \
  CHECK(!bad, "refuses " #field " = " #value)
  REFUSED(auto_cells, 11);
  REFUSED(auto_cells, -1);
  REFUSED(auto_cells, INT_MIN);
  REFUSED(auto_cells, RPPG_AUTO_MAX_CELLS + 1);
  REFUSED(auto_cells, INT_MAX);
  REFUSED(auto_step_s, 0.05);
  REFUSED(auto_step_s, -1.0);
  REFUSED(auto_step_s, 61.0);
  REFUSED(auto_step_s, (double)NAN);
  REFUSED(method, RPPG_CONTACT);
  REFUSED(rate_hz, 9.0);
  REFUSED(window_s, 61.0);
  for (k = 0; k < 70; k++) {
    memset(&c, 0, sizeof c);
    c.auto_cells = 12 + (int)(k * 3);
    c.window_s = 5.0 + (double)(k % 9);
    size = rppg_finder_mem_size(&c);
    bad += rppg_finder_init(&f, &c, mem + k, size) != RPPG_OK;
    bad += rppg_finder_init(&f, &c, mem + k, size - 1) != RPPG_ERR_SPACE;
    size = rppg_mem_size(&c);
    bad += rppg_init(&s, &c, mem + k, size) != RPPG_OK;
    bad += rppg_init(&s, &c, mem + k, size - 1) != RPPG_ERR_SPACE;
  }
  CHECK(!bad, "any address, mem_size is enough and mem_size - 1 is not");
  CHECK(rppg_finder_init(NULL, NULL, mem, sizeof mem) == RPPG_ERR_ARG &&
        rppg_finder_init(&f, NULL, NULL, sizeof mem) == RPPG_ERR_ARG, "NULL is refused");
}

/* Writes outside its cells would show, and so would a missing one, under address sanitizer too. */
static void test_block(void)
{
  const size_t size = rppg_finder_mem_size(NULL);
  unsigned char *block = (unsigned char *)malloc(size);
  scene s = empty(RPPG_RGB24);
  if (block == NULL) { CHECK(1, "a block # SKIP no memory"); return; }
  add(&s, 60, 30, 40, 50, light_skin, 70);
  CHECK(rppg_finder_init(&finder, NULL, block, size) == RPPG_OK, "a block of just the size");
  film(&s, 0.0, 6.0);
  CHECK(at_patch(&s.p[0]) != NULL, "is enough to work in");
  free(block);
}

static void test_grid(void)
{
  static const int shape[][2] = { { 640, 480 }, { 480, 640 }, { 1024, 64 }, { 64, 1024 }, { 32, 32 }, { 64, 64 } };
  size_t i, k, rows, cols;
  float w[1];
  for (i = 0; i < sizeof shape / sizeof shape[0]; i++) {
    size_t area = 0;
    rppg_frame f;
    uint8_t *grey = (uint8_t *)calloc((size_t)shape[i][0], (size_t)shape[i][1]);
    if (grey == NULL) { CHECK(1, "a frame # SKIP no memory"); continue; }
    memset(&f, 0, sizeof f);
    f.format = RPPG_GRAY8;
    f.width = shape[i][0];
    f.height = shape[i][1];
    f.planes[0] = grey;
    f.strides[0] = f.width;
    start(NULL);
    rppg_finder_push(&finder, &f, 0);
    free(grey);
    rppg_finder_weights(&finder, 0, &rows, &cols, w, 0);
    for (k = 0; k < finder.cells; k++) area += (size_t)(finder.rects[k].w * finder.rects[k].h);
    CHECK(rows * cols <= RPPG_AUTO_CELLS && rows * cols > RPPG_AUTO_CELLS * 3 / 4 &&
          area == (size_t)(f.width * f.height) &&
          near((double)rows * f.width / ((double)cols * f.height), 1.0, 0.3),
          "%d x %d: %lu rows of %lu cells, nearly square, no gap", f.width, f.height, (unsigned long)rows,
          (unsigned long)cols);
  }
}

/* ---- somebody ------------------------------------------------------------------------------------------ */

static void test_formats(void)
{
  static const int format[] = { RPPG_RGB24, RPPG_I420, RPPG_NV12 };
  static const char *const name[] = { "RGB24", "I420", "NV12" };
  int i;
  for (i = 0; i < 3; i++) {
    scene s = empty(format[i]);
    add(&s, 92, 24, 44, 60, light_skin, 66 + 9 * i);
    start(NULL);
    film(&s, 0.0, 11.0);
    found(&s, name[i]);
  }
}

static void test_faces(void)
{
  scene s = empty(RPPG_RGB24);
  add(&s, 50, 30, 60, 70, dark_skin, 95)->swing = 300;
  start(NULL);
  film(&s, 0.0, 11.0);
  found(&s, "dark skin");
  s = empty(RPPG_RGB24);
  add(&s, 12, 70, 24, 30, light_skin, 50);
  start(NULL);
  film(&s, 0.0, 11.0);
  found(&s, "15 % of the width, in a corner");
  s = empty(RPPG_RGB24);
  add(&s, 50, 30, 50, 60, light_skin, 72);
  s.p[0].sway_bpm = 19;
  s.p[0].sway = 24;
  start(NULL);
  film(&s, 0.0, 11.0);
  found(&s, "a head that sways");
  s = empty(RPPG_RGB24);
  add(&s, 90, 30, 50, 60, light_skin, 72);
  add(&s, 20, 40, 30, 40, light_skin, 0)->sway = 96;
  s.p[1].sway_bpm = 55;
  start(NULL);
  film(&s, 0.0, 11.0);
  found(&s, "beside something that waves");
  s = empty(RPPG_RGB24);
  add(&s, 60, 30, 50, 60, light_skin, 100);
  s.lamp_bpm = 64;
  s.lamp = 655;
  start(NULL);
  film(&s, 0.0, 11.0);
  found(&s, "under a lamp that flickers otherwise");
  s = empty(RPPG_RGB24);
  add(&s, 0, 0, W, H, light_skin, 61);
  start(NULL);
  film(&s, 0.0, 11.0);
  found(&s, "a frame full of skin");
  s = empty(RPPG_I420);
  add(&s, 60, 30, 50, 60, light_skin, 61)->swing = 160;
  s.noise = 8;
  start(NULL);
  film(&s, 0.0, 11.0);
  found(&s, "a weak pulse in much noise");
}

static void test_methods(void)
{
  rppg_config c;
  scene s = empty(RPPG_RGB24);
  memset(&c, 0, sizeof c);
  add(&s, 90, 30, 50, 60, light_skin, 72);
  c.method = RPPG_CHROM;
  start(&c);
  film(&s, 0.0, 11.0);
  found(&s, "CHROM");
  s.format = RPPG_GRAY8;
  c.method = RPPG_GREEN;
  start(&c);
  film(&s, 0.0, 11.0);
  found(&s, "GREEN of a grey camera");
  s.lamp_bpm = 90;
  s.lamp = 655;
  s.p[0].bpm = 0;
  start(&c);
  film(&s, 0.0, 11.0);
  nobody("a lamp before a grey camera");
}

static void test_two(void)
{
  scene s = empty(RPPG_I420);
  const rppg_person *a, *b;
  size_t n;
  int id_a, id_b;
  add(&s, 12, 30, 46, 60, light_skin, 60);
  add(&s, 100, 24, 46, 60, dark_skin, 84);
  start(NULL);
  film(&s, 0.0, 11.0);
  people(&n);
  a = at_patch(&s.p[0]);
  b = at_patch(&s.p[1]);
  CHECK(n == 2 && a != NULL && b != NULL && a->result.confidence > 0.7 && b->result.confidence > 0.7,
        "two people: both rates, each in its place");
  id_a = a ? a->id : 0;
  id_b = b ? b->id : 0;
  CHECK(id_a + id_b == 3 && id_a * id_b == 2, "their names are 1 and 2");
  film(&s, 11.0, 15.0);
  a = at_patch(&s.p[0]);
  b = at_patch(&s.p[1]);
  CHECK(a != NULL && b != NULL && a->id == id_a && b->id == id_b, "and stay");
  s.p[1].bpm = 60; /* side by side, far apart: one rhythm, or two of equal rate; never a third one */
  start(NULL);
  film(&s, 0.0, 11.0);
  people(&n);
  CHECK(n >= 1 && n <= 2 && at_patch(&s.p[0]) != NULL, "equal rates");
  s.p[1].x = 58; /* touching */
  s.p[1].bpm = 84;
  start(NULL);
  film(&s, 0.0, 11.0);
  people(&n);
  CHECK(n == 2 && at_patch(&s.p[0]) != NULL && at_patch(&s.p[1]) != NULL, "two people cheek by cheek");
}

static void test_weights(void)
{
  scene s = empty(RPPG_RGB24);
  size_t n, rows = 0, cols = 0, i, inside = 0, outside = 0;
  float w[256], top = 0.0f;
  add(&s, 40, 30, 50, 60, light_skin, 72); /* 5 x 6 cells of 10 x 10 pixels */
  start(NULL);
  film(&s, 0.0, 11.0);
  memset(w, 0x7f, sizeof w);
  n = rppg_finder_weights(&finder, 0, &rows, &cols, w, 256);
  CHECK(n == 192 && rows == 12 && cols == 16, "weights of 12 x 16 cells");
  for (i = 0; i < n; i++) {
    const size_t r = i / 16, c = i % 16;
    if (w[i] > top) top = w[i];
    if (w[i] > 0.2f) { if (r >= 3 && r < 9 && c >= 4 && c < 9) inside++; else outside++; }
  }
  CHECK(top == 1.0f && inside >= 28 && outside <= 2, "on the face, and there alone: %lu, %lu", (unsigned long)inside,
        (unsigned long)outside);
  w[5] = 9.0f;
  CHECK(rppg_finder_weights(&finder, 0, &rows, &cols, w, 5) == 192 && w[5] == 9.0f, "cap");
  CHECK(rppg_finder_weights(&finder, 7, &rows, &cols, w, 5) == 0, "a person who is not there");
}

/* ---- nobody ------------------------------------------------------------------------------------------------ */

static void test_nobody(void)
{
  scene s = empty(RPPG_RGB24);
  size_t n;
  int k;
  double top = 0.0;
  start(NULL);
  film(&s, 0.0, 11.0);
  nobody("an empty room");
  s.noise = 30;
  start(NULL);
  film(&s, 0.0, 11.0);
  nobody("noise");
  s = empty(RPPG_RGB24);
  s.still = 1;
  start(NULL);
  film(&s, 0.0, 11.0);
  people(&n);
  CHECK(n == 0, "not a change anywhere: no one");
  for (k = 0; k < 6; k++) { /* other noise each time */
    s = empty(RPPG_I420);
    add(&s, 50, 30, 50, 60, k & 1 ? dark_skin : light_skin, 0);
    start(NULL);
    film(&s, 0.0, 6.0);
    if (surest() > top) top = surest();
    film(&s, 6.0, 11.0);
    if (surest() > top) top = surest();
  }
  CHECK(top < 0.3, "photographs: %.3f", top);
  s.p[0].sway = 32;
  s.p[0].sway_bpm = 70;
  start(NULL);
  film(&s, 0.0, 11.0);
  nobody("a photograph that nods");
  s.p[0].sway = 0;
  s.lamp_bpm = 72;
  s.lamp = 655;
  start(NULL);
  film(&s, 0.0, 11.0);
  nobody("a photograph under a lamp of 1.2 Hz");
  s.lamp = 6553;
  start(NULL);
  film(&s, 0.0, 11.0);
  nobody("and under one of ten times that");
  s.lamp_bpm = 48;
  start(NULL);
  film(&s, 0.0, 11.0);
  nobody("its harmonics are no pulse");
}

/* ---- time ---------------------------------------------------------------------------------------------------- */

static void test_comes_and_goes(void)
{
  scene s = empty(RPPG_RGB24);
  const rppg_person *p;
  double t, first = 0.0, gone = 0.0;
  int id = 0;
  add(&s, 60, 30, 50, 60, light_skin, 75)->from_s = 6;
  s.p[0].to_s = 22;
  start(NULL);
  for (t = 0.0; t < 36.0; t += 1.0) {
    film(&s, t, t + 1.0);
    p = at_patch(&s.p[0]);
    if (first < 1.0 && p && p->result.confidence > 0.5) { first = t + 1.0; id = p->id; }
    if (first > 0.0 && gone < 1.0 && surest() < 0.3) gone = t + 1.0;
    if (first > 0.0 && gone < 1.0 && t > 18.0 && t < 21.0) CHECK(p != NULL && p->id == id, "still the same at %.0f s", t);
  }
  CHECK(first >= 10.0 && first <= 18.0, "comes at 6 s, found at %.0f s", first);
  CHECK(gone >= 22.0 && gone <= 33.0, "leaves at 22 s, gone at %.0f s", gone);
  CHECK(surest() < 0.3, "nobody at the end");
}

static void test_clock(void)
{
  scene s = empty(RPPG_RGB24);
  rppg_frame f;
  int i;
  int64_t t = 0;
  size_t n;
  add(&s, 60, 30, 50, 60, light_skin, 75);
  start(NULL);
  for (i = 0; i < 250; i++) { /* 25 fps, half a frame of jitter, every eighth is lost */
    t = (int64_t)i * 40000 + (int64_t)(rnd() % 20000) + INT64_C(1234567890123);
    if (rnd() % 8 == 0) continue;
    f = shot(&s, t);
    if (rppg_finder_push(&finder, &f, t) != RPPG_OK) break;
  }
  CHECK(i == 250, "jitter and losses are accepted");
  found(&s, "jitter and losses");
  CHECK(people(&n)->result.t_s > 8.0 && people(&n)->result.t_s < 10.1, "time counts from the first frame");
  CHECK(rppg_finder_push(&finder, &f, t) == RPPG_ERR_DATA, "time that stands");
  people(&n);
  CHECK(n > 0, "loses nothing");
  CHECK(rppg_finder_push(&finder, &f, t - 5000000) == RPPG_ERR_DATA, "time that goes back");
  people(&n);
  CHECK(n == 0 && finder.total == 0, "starts anew");
  CHECK(rppg_finder_push(&finder, &f, INT64_MIN) == RPPG_OK && rppg_finder_push(&finder, &f, INT64_MAX) == RPPG_OK &&
        rppg_finder_push(&finder, &f, INT64_MIN) == RPPG_ERR_DATA, "the ends of time");
  start(NULL);
  film(&s, 0.0, 8.0);
  film(&s, 9.5, 9.6);
  people(&n);
  CHECK(n == 0 && finder.flags & RPPG_FLAG_TIME, "a gap starts anew");
  film(&s, 9.6, 20.0);
  found(&s, "after a gap");
}

static void test_reset(void)
{
  scene s = empty(RPPG_RGB24);
  rppg_person a, b;
  size_t n;
  const uint32_t now = seed;
  add(&s, 60, 30, 50, 60, light_skin, 75);
  start(NULL);
  film(&s, 0.0, 7.0);
  a = *people(&n);
  rppg_finder_reset(&finder);
  people(&n);
  CHECK(n == 0, "reset forgets");
  seed = now;
  film(&s, 0.0, 7.0);
  b = *people(&n);
  CHECK(a.id == b.id && memcmp(&a.result, &b.result, sizeof a.result) == 0 && memcmp(&a.box, &b.box, sizeof a.box) == 0,
        "the same bits after a reset");
}

/* ---- strangers ------------------------------------------------------------------------------------------------ */

static void test_hostile(void)
{
  scene s = empty(RPPG_RGB24);
  rppg_frame f, g;
  size_t i, n;
  int k, bad = 0;
  static uint8_t junk[64 * 64 * 4];
  add(&s, 60, 30, 50, 60, light_skin, 75);
  start(NULL);
  film(&s, 0.0, 7.0);
  f = shot(&s, 7 * SECOND);
  CHECK(rppg_finder_push(&finder, NULL, 7 * SECOND) == RPPG_ERR_ARG, "no frame");
  g = f; g.strides[0] = 1;
  CHECK(rppg_finder_push(&finder, &g, 7 * SECOND) == RPPG_ERR_ARG, "a stride that is too short");
  g = f; g.format = 99;
  CHECK(rppg_finder_push(&finder, &g, 7 * SECOND) == RPPG_ERR_UNSUPPORTED, "no format");
  g = f; g.width = 31;
  CHECK(rppg_finder_push(&finder, &g, 7 * SECOND) == RPPG_ERR_DATA, "31 pixels wide");
  g = f; g.height = 1;
  CHECK(rppg_finder_push(&finder, &g, 7 * SECOND) == RPPG_ERR_DATA && (finder.flags & RPPG_FLAG_BAD_FRAME), "1 pixel high");
  people(&n);
  CHECK(n == 1 && rppg_finder_push(&finder, &f, 7 * SECOND) == RPPG_OK, "none of them spoilt the window");
  g = f; g.width = 100;
  CHECK(rppg_finder_push(&finder, &g, 8 * SECOND) == RPPG_OK && finder.total == 0, "another size starts anew");
  for (k = 1; k < RPPG__FORMAT_END; k++) { /* every format, smallest size, any bytes */
    memset(&g, 0, sizeof g);
    g.format = k;
    g.width = g.height = 32;
    for (i = 0; i < 3; i++) { g.planes[i] = junk; g.strides[i] = 64 * 4; }
    start(NULL);
    for (i = 0; i < 180; i++) {
      size_t j;
      for (j = 0; j < sizeof junk; j += 7) junk[j] = (uint8_t)rnd();
      if (i % 40 == 39) memset(junk, i % 80 == 39 ? 0 : 255, sizeof junk);
      bad += rppg_finder_push(&finder, &g, (int64_t)i * 33333) != RPPG_OK;
    }
    people(&n);
    for (i = 0; i < n; i++) {
      const rppg_person *p = people(&n) + i;
      bad += !(p->result.confidence >= 0.0 && p->result.confidence <= 1.0 && p->result.hr_bpm >= 0.0 &&
               p->result.hr_bpm < 300.0 && p->evidence >= 0.0 && p->evidence < 10.0 && p->glare >= 0.0);
    }
  }
  CHECK(bad == 0, "any bytes in any format give numbers");
}

/* ---- the session ------------------------------------------------------------------------------------------------- */

static void test_session(void)
{
  static rppg_session s, plain;
  rppg_config c;
  rppg_result r, q;
  scene sc = empty(RPPG_NV12);
  const rppg_person *p;
  const rppg_rect *box, face = { 10, 10, 50, 50 };
  const float one[3] = { 1.0f, 1.0f, 1.0f }, *wave, *colour;
  rppg_frame f;
  size_t n = 1, rois, i;
  int bad = 0;
  float col[3];
  memset(&c, 0, sizeof c);
  c.auto_cells = RPPG_AUTO_CELLS;
  add(&sc, 92, 24, 44, 60, light_skin, 78);
  f = shot(&sc, 0);
  if (rppg_init(&plain, NULL, mem2, sizeof mem2) != RPPG_OK) exit(2);
  CHECK(rppg_push(&plain, &f, RPPG_FACE_AUTO, 0) == RPPG_ERR_ARG, "a session without cells refuses RPPG_FACE_AUTO");
  CHECK(rppg_people(&plain, &n) == NULL && n == 0, "and knows no people");
  if (rppg_init(&s, &c, mem2, sizeof mem2) != RPPG_OK) exit(2);
  CHECK(rppg_push(&s, &f, &face, 0) == RPPG_ERR_ARG && rppg_push(&s, &f, NULL, 0) == RPPG_ERR_DATA &&
        rppg_push_rgb(&s, one, 0) == RPPG_ERR_ARG, "one with cells takes nothing else");
  CHECK(rppg_push(&s, NULL, RPPG_FACE_AUTO, 0) == RPPG_ERR_ARG, "nor no frame");
  rppg_reset(&s);
  start(&c);
  CHECK(rppg_estimate(&s, &r) == RPPG_ERR_DATA, "no estimate before a frame");
  for (i = 0; i < 360; i++) {
    const int64_t t = (int64_t)i * SECOND / 30;
    f = shot(&sc, t);
    bad += rppg_push(&s, &f, RPPG_FACE_AUTO, t) != rppg_finder_push(&finder, &f, t);
    if (i == 120) CHECK(rppg_estimate(&s, &r) == RPPG_ERR_DATA, "nor after four seconds");
    if (finder.total == 150 + 15 && finder.due > finder.total + 14) { /* that very frame has searched */
      p = people(&n);
      CHECK(rppg_estimate(&s, &q) == RPPG_OK && n == 1 && near(q.hr_bpm, p->result.hr_bpm, 0.0) &&
            near(q.confidence, p->result.confidence, 0.0) && near(q.snr_db, p->result.snr_db, 0.0),
            "the session says what the finder says");
      finder.due++; /* once */
    }
  }
  CHECK(bad == 0, "every frame is taken");
  CHECK(rppg_estimate(&s, &r) == RPPG_OK && near(r.hr_bpm, 78.0, 1.0) && r.confidence > 0.7 && r.flags == 0,
        "a session's estimate: %.1f bpm, %.2f, flags %x", r.hr_bpm, r.confidence, r.flags);
  CHECK_NEAR(r.t_s, 359.0 / 30.0, 1e-5, "its time");
  CHECK_NEAR(r.fps, 30.0, 0.1, "its frame rate");
  CHECK_NEAR(r.window_s, 10.0, 0.0, "its window");
  wave = rppg_wave(&s, &n);
  CHECK(wave != NULL && n == 150, "its wave");
  CHECK_NEAR(rppg_wave_end(&s), 359.0 / 30.0, 0.1, "its end, on the clock of the frames");
  box = rppg_rois(&s, &rois);
  CHECK(rois == 1 && same_place(box, &sc.p[0]) > 0.5, "its one ROI is the person's box");
  colour = rppg_frame_colours(&s, &rois);
  CHECK(near(colour[0], 186.0, 12.0) && near(colour[1], 137.0, 10.0) && near(colour[2], 117.0, 10.0),
        "the colour of skin: %.0f %.0f %.0f", colour[0], colour[1], colour[2]);
  CHECK(rppg_colours(&s, 0, col, 1) == 1 && near(col[1], 140.0, 8.0), "and in the window");
  p = rppg_people(&s, &n);
  CHECK(n == 1 && p != NULL && p->id == 1, "its people");
  rppg_reset(&s);
  CHECK(rppg_estimate(&s, &r) == RPPG_ERR_DATA && rppg_people(&s, &n) != NULL && n == 0, "reset");
  sc.p[0].bpm = 0;
  for (i = 0; i < 330; i++) {
    const int64_t t = (int64_t)i * SECOND / 30;
    f = shot(&sc, t);
    rppg_push(&s, &f, RPPG_FACE_AUTO, t);
  }
  CHECK(rppg_estimate(&s, &r) == RPPG_OK && r.confidence < 0.3 && near(r.hr_bpm, r.hr_bpm, 0.0), "a photograph: %.3f",
        r.confidence);
}

/* ---- the same bits everywhere --------------------------------------------------------------------------------------- */

static void test_golden(void)
{
  const uint64_t golden = UINT64_C(0xa8cb98d6e8260d34);
  uint64_t first = 0, h;
  int isa, equal = 1;
  TAP_EACH_ISA(isa) {
    scene s = empty(RPPG_I420);
    size_t n, rows, cols, i, k;
    const rppg_person *p;
    float w[256];
    seed = 99;
    scenery();
    add(&s, 12, 30, 46, 60, light_skin, 60)->sway = 20;
    s.p[0].sway_bpm = 20;
    add(&s, 100, 24, 46, 60, dark_skin, 84);
    start(NULL);
    film(&s, 0.0, 7.1);
    h = TAP_FNV;
    p = people(&n);
    for (i = 0; i < n; i++) {
      h = tap_fnv_f64(h, p[i].result.hr_bpm);
      h = tap_fnv_f64(h, p[i].result.confidence);
      h = tap_fnv_f64(h, p[i].evidence);
      h = tap_fnv_f64(h, p[i].glare);
      h = tap_fnv_f64(h, (double)(p[i].box.x + 1000 * p[i].box.y));
      k = rppg_finder_weights(&finder, i, &rows, &cols, w, 256);
      h = tap_fnv_f32(h, w, k);
    }
    if (isa == 0) first = h;
    equal &= h == first && n == 2;
  }
  CHECK(equal, "every instruction set gives the same bits");
  CHECK(first == golden, "golden hash");
  if (first != golden) TAP_PRINTF("#   0x%08lx%08lx\n", (unsigned long)(first >> 32), (unsigned long)(first & 0xffffffff));
}

int main(void)
{
  scenery();
  test_config();
  test_block();
  test_grid();
  test_formats();
  test_faces();
  test_methods();
  test_two();
  test_weights();
  test_nobody();
  test_comes_and_goes();
  test_clock();
  test_reset();
  test_hostile();
  test_session();
  test_golden();
  return tap_end();
}
