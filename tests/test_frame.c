/* Tests of frames, ROI sums, layouts and box smoothing of rppg.h, against plain loops over pixels.
   cc -O2 tests/test_frame.c -lm && ./a.out */
#if defined(__unix__) || defined(__APPLE__)
#  ifndef _DEFAULT_SOURCE
#    define _DEFAULT_SOURCE
#  endif
#  include <sys/mman.h>
#  define GUARD 1
#endif
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg.h"
#include "tap.h"
#include <limits.h>
#include <stdlib.h>

static uint32_t seed = 1;
static uint32_t rnd(void) { seed = seed * 1664525u + 1013904223u; return seed >> 8; }
static int rnd_in(int lo, int hi) { return lo + (int)(rnd() % (uint32_t)(hi - lo + 1)); }

static const char *const names[] = { "none", "RGB24", "BGR24", "RGBA", "BGRA", "GRAY8", "NV12", "NV21",
                                     "I420", "I422", "I444", "YUYV", "UYVY" };

/* ---- the oracle: where channel c of pixel (x, y) lies, format by format, written out -------------- */

static const uint8_t *at(const rppg_frame *f, int plane, int x, int y)
{
  return f->planes[plane] + y * f->strides[plane] + x;
}

static const uint8_t *channel(const rppg_frame *f, int c, int x, int y)
{
  switch (f->format) {
  case RPPG_RGB24: return at(f, 0, 3 * x + c, y);
  case RPPG_BGR24: return at(f, 0, 3 * x + 2 - c, y);
  case RPPG_RGBA: return at(f, 0, 4 * x + c, y);
  case RPPG_BGRA: return at(f, 0, 4 * x + 2 - c, y);
  case RPPG_GRAY8: return c == 0 ? at(f, 0, x, y) : NULL;
  case RPPG_NV12: return c == 0 ? at(f, 0, x, y) : at(f, 1, x / 2 * 2 + c - 1, y / 2);
  case RPPG_NV21: return c == 0 ? at(f, 0, x, y) : at(f, 1, x / 2 * 2 + 2 - c, y / 2);
  case RPPG_I420: return c == 0 ? at(f, 0, x, y) : at(f, c, x / 2, y / 2);
  case RPPG_I422: return c == 0 ? at(f, 0, x, y) : at(f, c, x / 2, y);
  case RPPG_I444: return at(f, c, x, y);
  case RPPG_YUYV: return c == 0 ? at(f, 0, 2 * x, y) : at(f, 0, x / 2 * 4 + 2 * c - 1, y);
  case RPPG_UYVY: return c == 0 ? at(f, 0, 2 * x + 1, y) : at(f, 0, x / 2 * 4 + 2 * c - 2, y);
  default: return NULL;
  }
}

static void naive(const rppg_frame *f, const rppg_rect *r, rppg_sums *s)
{
  const int wide = f->format == RPPG_YUYV || f->format == RPPG_UYVY;
  int64_t x0 = r->x, x1 = x0 + r->w, y0 = r->y, y1 = y0 + r->h;
  int c, x, y;
  memset(s, 0, sizeof *s);
  if (x0 < 0) x0 = 0;
  if (y0 < 0) y0 = 0;
  if (x1 > f->width) x1 = f->width;
  if (y1 > f->height) y1 = f->height;
  if (x0 >= x1 || y0 >= y1) return;
  if (wide) { x0 -= x0 % 2; x1 += x1 % 2; }
  for (c = 0; c < 3; c++) {
    for (y = (int)y0; y < y1; y++) {
      for (x = (int)x0; x < x1; x++) {
        const uint8_t *p = channel(f, c, x, y);
        if (p == NULL) continue;
        if (x > x0 && channel(f, c, x - 1, y) == p) continue; /* a chroma sample once */
        if (y > y0 && channel(f, c, x, y - 1) == p) continue;
        s->sum[c] += *p;
        s->count[c]++;
      }
    }
  }
}

static int same(const rppg_sums *a, const rppg_sums *b)
{
  return memcmp(a->sum, b->sum, sizeof a->sum) == 0 && memcmp(a->count, b->count, sizeof a->count) == 0;
}

/* ---- frames whose planes end, or begin, exactly where memory does ----------------------------------- */

enum { GUARDED = 1 << 21 };
static uint8_t *arena_begin, *arena_end; /* inaccessible on both sides */

static void arena_make(void)
{
#ifdef GUARD
  const size_t page = 65536;
  uint8_t *m = (uint8_t *)mmap(NULL, GUARDED + 2 * page, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (m == (uint8_t *)MAP_FAILED || mprotect(m, page, PROT_NONE) != 0 ||
      mprotect(m + page + GUARDED, page, PROT_NONE) != 0) exit(2);
  arena_begin = m + page;
#else
  arena_begin = (uint8_t *)malloc(GUARDED);
  if (arena_begin == NULL) exit(2);
#endif
  arena_end = arena_begin + GUARDED;
}

static int plane_rows(int format, int plane, int h)
{
  return plane > 0 && (format == RPPG_NV12 || format == RPPG_NV21 || format == RPPG_I420) ? (h + 1) / 2 : h;
}

static int plane_row(int format, int plane, int w)
{
  switch (format) {
  case RPPG_RGB24: case RPPG_BGR24: return plane ? 0 : 3 * w;
  case RPPG_RGBA: case RPPG_BGRA: return plane ? 0 : 4 * w;
  case RPPG_GRAY8: return plane ? 0 : w;
  case RPPG_NV12: case RPPG_NV21: return plane == 0 ? w : plane == 1 ? (w + 1) / 2 * 2 : 0;
  case RPPG_I420: case RPPG_I422: return plane == 0 ? w : (w + 1) / 2;
  case RPPG_I444: return w;
  default: return plane ? 0 : 2 * w;
  }
}

/* how: 0 the last plane ends at the end of memory; 1 the first begins at its begin; 2 both bottom-up.
   Planes that are not against a wall sit at odd distances inside. */
static rppg_frame frame_make(int format, int w, int h, int pad, int how)
{
  rppg_frame f;
  int p;
  uint8_t *lo = arena_begin, *hi = arena_end;
  memset(&f, 0, sizeof f);
  f.format = format;
  f.width = w;
  f.height = h;
  for (p = 0; p < 3; p++) {
    const int row = plane_row(format, p, w), rows = plane_rows(format, p, h);
    const size_t size = (size_t)(row + pad) * (size_t)(rows - 1) + (size_t)row;
    uint8_t *base;
    size_t i;
    if (row == 0) continue;
    if (how == 1) { base = lo; lo += size + 7; } else { base = hi - size; hi = base - 5; }
    for (i = 0; i < size; i++) base[i] = (uint8_t)(rnd() >> 3);
    f.planes[p] = how == 2 ? base + (ptrdiff_t)(row + pad) * (rows - 1) : base;
    f.strides[p] = how == 2 ? -(ptrdiff_t)(row + pad) : row + pad;
  }
  return f;
}

static rppg_rect rect_any(int w, int h)
{
  rppg_rect r;
  r.x = rnd_in(-3, w);
  r.y = rnd_in(-2, h);
  r.w = rnd_in(0, w + 4);
  r.h = rnd_in(0, h + 3);
  if (rnd() % 3 == 0) { r.x = rnd_in(0, w - 1); r.w = rnd_in(1, 4); }
  return r;
}

static int odd_refused(int format, int w) { return (format == RPPG_YUYV || format == RPPG_UYVY) && w % 2; }

/* ---- tests ----------------------------------------------------------------------------------------------- */

static void test_check(void)
{
  static uint8_t px[64];
  rppg_frame f, g;
  rppg_sums s;
  const rppg_rect r = { 0, 0, 4, 4 };
  int bad;
  memset(&f, 0, sizeof f);
  f.format = RPPG_RGB24; f.width = 4; f.height = 4; f.planes[0] = px; f.strides[0] = 12;
  CHECK(rppg_frame_check(&f) == RPPG_OK, "a good frame");
  CHECK(rppg_frame_check(NULL) == RPPG_ERR_ARG, "no frame");
  memset(&g, 0, sizeof g);
  CHECK(rppg_frame_check(&g) == RPPG_ERR_UNSUPPORTED, "a zeroed frame");
#define BAD(field, value, expected) \
  g = f; g.field = value; memset(&s, 7, sizeof s); \
  bad = rppg_frame_check(&g) != expected || rppg_roi_sums(&g, &r, 1, &s) != expected || s.count[0] != 0x07070707u; \
  CHECK(!bad, "refuses " #field " = " #value)
  BAD(format, -1, RPPG_ERR_UNSUPPORTED);
  BAD(format, RPPG__FORMAT_END, RPPG_ERR_UNSUPPORTED);
  BAD(format, INT_MAX, RPPG_ERR_UNSUPPORTED);
  BAD(format, INT_MIN, RPPG_ERR_UNSUPPORTED);
  BAD(matrix, 3, RPPG_ERR_UNSUPPORTED);
  BAD(matrix, -1, RPPG_ERR_UNSUPPORTED);
  BAD(range, 2, RPPG_ERR_UNSUPPORTED);
  BAD(range, INT_MIN, RPPG_ERR_UNSUPPORTED);
  BAD(width, 0, RPPG_ERR_ARG);
  BAD(width, -4, RPPG_ERR_ARG);
  BAD(width, RPPG_MAX_SIDE + 1, RPPG_ERR_ARG);
  BAD(width, INT_MAX, RPPG_ERR_ARG);
  BAD(width, INT_MIN, RPPG_ERR_ARG);
  BAD(width, 5, RPPG_ERR_ARG);
  BAD(height, 0, RPPG_ERR_ARG);
  BAD(height, INT_MIN, RPPG_ERR_ARG);
  BAD(height, INT_MAX, RPPG_ERR_ARG);
  BAD(planes[0], NULL, RPPG_ERR_ARG);
  BAD(strides[0], 11, RPPG_ERR_ARG);
  BAD(strides[0], -11, RPPG_ERR_ARG);
  BAD(strides[0], 0, RPPG_ERR_ARG);
  BAD(strides[0], PTRDIFF_MAX, RPPG_ERR_ARG);
  BAD(strides[0], PTRDIFF_MAX / 4 + 1, RPPG_ERR_ARG);
  BAD(strides[0], PTRDIFF_MIN, RPPG_ERR_ARG);
  BAD(format, RPPG_NV12, RPPG_ERR_ARG); /* no second plane */
  BAD(format, RPPG_I420, RPPG_ERR_ARG);
  g = f; g.strides[0] = -12;
  CHECK(rppg_frame_check(&g) == RPPG_OK, "bottom-up");
  g = f; g.format = RPPG_YUYV; g.width = 3;
  CHECK(rppg_frame_check(&g) == RPPG_ERR_ARG, "YUYV of odd width");
  CHECK(rppg_roi_sums(&f, NULL, 1, &s) == RPPG_ERR_ARG, "no ROIs");
  CHECK(rppg_roi_sums(&f, &r, 1, NULL) == RPPG_ERR_ARG, "no room for the result");
  CHECK(rppg_roi_sums(&f, NULL, 0, NULL) == RPPG_OK, "zero ROIs");
}

/* Every width, against both walls, with an odd row padding and bottom-up. */
static void test_widths(int format)
{
  int w, how, bad = 0, k;
  for (w = 1; w <= 150; w++) {
    if (odd_refused(format, w)) continue;
    for (how = 0; how < 3; how++) {
      const int h = 1 + (w * 7 + how) % 11;
      const rppg_frame f = frame_make(format, w, h, w % 3 == 0 ? w % 70 : 0, how);
      rppg_rect r[4];
      rppg_sums s[4], t;
      r[0].x = r[0].y = 0; r[0].w = w; r[0].h = h;
      r[1] = rect_any(w, h);
      r[2].x = w - 1; r[2].y = h - 1; r[2].w = r[2].h = 1;
      r[3] = rect_any(w, h);
      bad += rppg_roi_sums(&f, r, 4, s) != RPPG_OK;
      for (k = 0; k < 4; k++) { naive(&f, &r[k], &t); bad += !same(&s[k], &t); }
    }
  }
  CHECK(bad == 0, "%s: widths 1 to 150 at the walls of memory, top-down and bottom-up", names[format]);
}

/* Every left edge and every width of a rectangle, in a frame of three chunks. */
static void test_edges(int format)
{
  const int w = 700, h = 3;
  const rppg_frame f = frame_make(format, w, h, 0, 0);
  int i, bad = 0;
  for (i = 0; i < 700; i++) {
    rppg_rect r;
    rppg_sums s, t;
    r.x = i; r.y = i % 2; r.w = i % 97 + 1; r.h = 2;
    rppg_roi_sums(&f, &r, 1, &s);
    naive(&f, &r, &t);
    bad += !same(&s, &t);
  }
  CHECK(bad == 0, "%s: every left edge", names[format]);
}

static void test_overlap(int format)
{
  enum { MANY = 150 };
  static rppg_rect r[MANY];
  static rppg_sums s[MANY];
  rppg_sums one, t;
  int round, bad = 0, unequal = 0, i;
  for (round = 0; round < 6; round++) {
    const int w = rnd_in(2, 400) * 2, h = rnd_in(1, 90), n = round == 0 ? MANY : rnd_in(1, 70);
    const rppg_frame f = frame_make(format, w, h, rnd_in(0, 9), round % 3);
    for (i = 0; i < n; i++) r[i] = rect_any(w, h);
    if (n > 3) r[3] = r[1];
    bad += rppg_roi_sums(&f, r, (size_t)n, s) != RPPG_OK;
    for (i = 0; i < n; i++) {
      naive(&f, &r[i], &t);
      bad += !same(&s[i], &t);
      rppg_roi_sums(&f, &r[i], 1, &one);
      unequal += !same(&s[i], &one);
    }
  }
  CHECK(bad == 0, "%s: overlapping ROIs equal the plain loop", names[format]);
  CHECK(unequal == 0, "%s: overlapping ROIs equal single calls", names[format]);
}

static void test_foreign(int format)
{
  static const int v[] = { INT_MIN, INT_MIN + 1, -40000, -1, 0, 1, 7, 15, 16, 40000, INT_MAX - 1, INT_MAX };
  enum { V = sizeof v / sizeof v[0] };
  const rppg_frame f = frame_make(format, 16, 8, 0, 0);
  rppg_rect r[V];
  rppg_sums s[V], t;
  int a, b, c, i, bad = 0;
  for (a = 0; a < V; a++)
    for (b = 0; b < V; b++)
      for (c = 0; c < V; c++) {
        for (i = 0; i < V; i++) { r[i].x = v[a]; r[i].w = v[b]; r[i].y = v[c]; r[i].h = v[i]; }
        bad += rppg_roi_sums(&f, r, V, s) != RPPG_OK;
        for (i = 0; i < V; i++) { naive(&f, &r[i], &t); bad += !same(&s[i], &t); }
      }
  CHECK(bad == 0, "%s: rectangles from strangers", names[format]);
}

/* All bytes 255: any lane that is too small would show. */
static void test_big(int format, int w, int h)
{
  const size_t size = (size_t)4 * (size_t)w * (size_t)h;
  uint8_t *px = (uint8_t *)malloc(size);
  rppg_frame f;
  rppg_rect r[2];
  rppg_sums s[2];
  int c, bad = 0;
  if (px == NULL) { CHECK(1, "%s: %dx%d # SKIP no memory", names[format], w, h); return; }
  memset(px, 255, size);
  memset(&f, 0, sizeof f);
  f.format = format; f.width = w; f.height = h;
  for (c = 0; c < 3; c++) { f.planes[c] = px; f.strides[c] = 4 * w; }
  r[0].x = r[0].y = 0; r[0].w = w; r[0].h = h;
  r[1].x = w / 2; r[1].y = h / 3; r[1].w = w; r[1].h = h;
  bad += rppg_roi_sums(&f, r, 2, s) != RPPG_OK;
  for (c = 0; c < 3; c++) {
    bad += s[0].sum[c] != (uint64_t)255 * s[0].count[c];
    bad += s[1].sum[c] != (uint64_t)255 * s[1].count[c];
  }
  bad += s[0].count[0] != (uint32_t)w * (uint32_t)h;
  CHECK(bad == 0, "%s: %dx%d of 255", names[format], w, h);
  free(px);
}

static double dist(const float *a, const double *b)
{
  double d = 0.0;
  int i;
  for (i = 0; i < 3; i++) { const double e = a[i] > b[i] ? a[i] - b[i] : b[i] - a[i]; if (e > d) d = e; }
  return d;
}

/* Mean of pixels converted one by one, with the constants of the text books. */
static void test_mean(int format, int matrix, int range)
{
  static const double k[2][2][5] = { /* luma, V to R, U to G, V to G, U to B */
    { { 1.164383, 1.596027, 0.391762, 0.812968, 2.017232 }, { 1.0, 1.402, 0.344136, 0.714136, 1.772 } },
    { { 1.164384, 1.792741, 0.213249, 0.532909, 2.112402 }, { 1.0, 1.5748, 0.187324, 0.468124, 1.8556 } }
  };
  const double *m = k[matrix][range];
  const int yuv = format > RPPG_GRAY8;
  rppg_frame f = frame_make(format, 64, 20, 3, 0);
  const rppg_rect r = { 4, 6, 22, 10 }; /* whole chroma samples: each pixel weighs the same */
  rppg_sums s;
  double want[3] = { 0.0, 0.0, 0.0 };
  float rgb[3];
  int x, y, i;
  f.matrix = matrix;
  f.range = range;
  for (y = r.y; y < r.y + r.h; y++)
    for (x = r.x; x < r.x + r.w; x++) {
      double p[3], a;
      for (i = 0; i < 3; i++) { const uint8_t *q = channel(&f, i, x, y); p[i] = q ? *q : *channel(&f, 0, x, y); }
      if (yuv) {
        a = m[0] * (range ? p[0] : p[0] - 16.0);
        p[1] -= 128.0;
        p[2] -= 128.0;
        want[0] += a + m[1] * p[2];
        want[1] += a - m[2] * p[1] - m[3] * p[2];
        want[2] += a + m[4] * p[1];
      } else for (i = 0; i < 3; i++) want[i] += p[i];
    }
  for (i = 0; i < 3; i++) want[i] /= r.w * r.h;
  rppg_roi_sums(&f, &r, 1, &s);
  CHECK(rppg_sums_mean(&f, &s, rgb) == RPPG_OK && dist(rgb, want) < 2e-4, "%s: mean colour, BT.%s %s", names[format],
        matrix ? "709" : "601", range ? "full" : "limited");
}

static void test_mean_errors(void)
{
  rppg_frame f = frame_make(RPPG_I420, 8, 8, 0, 0);
  rppg_sums s;
  float rgb[3] = { 1.0f, 1.0f, 1.0f };
  memset(&s, 0, sizeof s);
  CHECK(rppg_sums_mean(&f, &s, rgb) == RPPG_ERR_DATA && rgb[0] == 0.0f && rgb[2] == 0.0f, "mean of nothing");
  s.count[0] = 4;
  CHECK(rppg_sums_mean(&f, &s, rgb) == RPPG_ERR_DATA, "mean without chroma");
  f.format = RPPG_GRAY8;
  s.sum[0] = 10;
  CHECK(rppg_sums_mean(&f, &s, rgb) == RPPG_OK && rgb[0] == 2.5f && rgb[1] == 2.5f && rgb[2] == 2.5f, "grey three times");
  f.format = 99;
  CHECK(rppg_sums_mean(&f, &s, rgb) == RPPG_ERR_UNSUPPORTED, "mean of an unknown format");
  CHECK(rppg_sums_mean(NULL, &s, rgb) == RPPG_ERR_ARG && rppg_sums_mean(&f, NULL, rgb) == RPPG_ERR_ARG &&
        rppg_sums_mean(&f, &s, NULL) == RPPG_ERR_ARG, "mean without arguments");
}

static int is(const rppg_rect *r, int x, int y, int w, int h)
{
  return r->x == x && r->y == y && r->w == w && r->h == h;
}

static void test_layouts(void)
{
  const rppg_rect face = { 40, -20, 100, 200 }, odd = { -7, 3, 101, 57 };
  const rppg_part parts[3] = { { -0.5f, 0.0f, 0.5f, 1.0f }, { 0.0f, 0.0f, 0.5f, 1.0f }, { 0.5f, 0.0f, 0.5f, 1.0f } };
  static const int bad_faces[][4] = { { 0, 0, 0, 5 }, { 0, 0, 5, -1 }, { INT_MIN, 0, 5, 5 }, { 0, INT_MAX, 5, 5 },
                                      { 0, 0, INT_MAX, 5 }, { 0, 0, 5, INT_MIN }, { 32769, 0, 5, 5 } };
  rppg_rect r[256], p;
  rppg_part q;
  float nan;
  const uint32_t nan_bits = 0x7fc00000u;
  int i, rows, cols, bad = 0;
  memcpy(&nan, &nan_bits, 4);
  CHECK(rppg_layout_size(RPPG_LAYOUT_FACE6) == 6 && rppg_layout_size(RPPG_LAYOUT_CHEEKS) == 3 &&
        rppg_layout_size(RPPG_LAYOUT_WHOLE) == 1 && rppg_layout_size(3) == 0, "sizes of layouts");
  CHECK(rppg_layout_fixed(RPPG_LAYOUT_FACE6, &face, r) == RPPG_OK && is(&r[0], 78, 76, 24, 40) &&
        is(&r[1], 82, 44, 16, 32) && is(&r[2], 56, 76, 22, 28) && is(&r[3], 102, 76, 22, 28) &&
        is(&r[4], 60, 0, 60, 160) && is(&r[5], 40, -20, 100, 200), "six facial ROIs");
  CHECK(rppg_layout_fixed(RPPG_LAYOUT_CHEEKS, &face, r) == RPPG_OK && is(&r[0], 70, -4, 40, 32) &&
        is(&r[1], 54, 80, 22, 44) && is(&r[2], 104, 80, 22, 44), "forehead and cheeks");
  CHECK(rppg_layout_fixed(RPPG_LAYOUT_WHOLE, &odd, r) == RPPG_OK && is(r, -7, 3, 101, 57), "whole box");
  CHECK(rppg_layout_parts(parts, 3, &odd, r) == RPPG_OK && is(&r[0], -57, 3, 50, 57) && is(&r[1], -7, 3, 51, 57) &&
        is(&r[2], 44, 3, 50, 57), "parts share edges, halves round up");
  q.x = q.y = -0.25f; q.w = q.h = 1.0f;
  CHECK(rppg_layout_parts(&q, 1, &odd, r) == RPPG_OK && is(r, -32, -11, 101, 57), "edges left of the face box");
  for (rows = 1; rows <= 16; rows++)
    for (cols = 1; cols <= 16; cols++) {
      bad += rppg_layout_grid(rows, cols, &odd, r) != RPPG_OK;
      for (i = 0; i < rows * cols; i++) {
        const rppg_rect *right = r + i + 1, *below = r + i + cols;
        if (i % cols == 0) bad += r[i].x != -7;
        if (i % cols < cols - 1) bad += r[i].x + r[i].w != right->x || r[i].w < 101 / cols || r[i].w > 101 / cols + 1;
        else bad += r[i].x + r[i].w != 94;
        if (i / cols == 0) bad += r[i].y != 3;
        if (i / cols < rows - 1) bad += r[i].y + r[i].h != below->y;
        else bad += r[i].y + r[i].h != 60;
      }
    }
  CHECK(bad == 0, "grids of 1x1 to 16x16 cover the box once");
  for (bad = 0, i = 0; i < (int)(sizeof bad_faces / sizeof bad_faces[0]); i++) {
    p.x = bad_faces[i][0]; p.y = bad_faces[i][1]; p.w = bad_faces[i][2]; p.h = bad_faces[i][3];
    bad += rppg_layout_fixed(RPPG_LAYOUT_FACE6, &p, r) != RPPG_ERR_ARG;
    bad += rppg_layout_grid(2, 2, &p, r) != RPPG_ERR_ARG || rppg_layout_parts(parts, 3, &p, r) != RPPG_ERR_ARG;
  }
  CHECK(bad == 0, "bad face boxes are refused");
  for (bad = 0, i = 0; i < 8; i++) {
    float *field[4];
    q = parts[1];
    field[0] = &q.x; field[1] = &q.y; field[2] = &q.w; field[3] = &q.h;
    *field[i % 4] = i < 4 ? nan : i % 2 ? 9.0f : -9.0f;
    bad += rppg_layout_parts(&q, 1, &face, r) != RPPG_ERR_ARG;
  }
  CHECK(bad == 0, "bad parts are refused");
  CHECK(rppg_layout_fixed(7, &face, r) == RPPG_ERR_ARG && rppg_layout_grid(0, 1, &face, r) == RPPG_ERR_ARG &&
        rppg_layout_grid(1, 257, &face, r) == RPPG_ERR_ARG && rppg_layout_grid(1, 1, &face, NULL) == RPPG_ERR_ARG &&
        rppg_layout_fixed(RPPG_LAYOUT_WHOLE, NULL, r) == RPPG_ERR_ARG && rppg_layout_parts(parts, 0, &face, NULL) == RPPG_OK,
        "other arguments of layouts");
}

static int floor_div(long a, long b) { return (int)(a / b - (a % b < 0)); }

static void test_smoother(void)
{
  static rppg_rect seen[500];
  rppg_smoother s;
  rppg_rect m, keep;
  int length, i, j, bad = 0;
  for (length = 0; length <= RPPG_SMOOTHER_MAX; length++) {
    const int k = length == 0 ? 20 : length;
    bad += rppg_smoother_init(&s, length) != RPPG_OK;
    for (i = 0; i < 500; i++) {
      const int n = i + 1 < k ? i + 1 : k;
      long x = 0, y = 0, w = 0, h = 0;
      const int big = rnd() % 4 == 0;
      seen[i].x = big ? -32768 : rnd_in(-300, 300);
      seen[i].y = big ? 32768 : rnd_in(-300, 300);
      seen[i].w = big ? 32768 : rnd_in(1, 300);
      seen[i].h = rnd_in(1, 300);
      bad += rppg_smoother_push(&s, &seen[i], &m) != RPPG_OK;
      for (j = i - n + 1; j <= i; j++) { x += seen[j].x; y += seen[j].y; w += seen[j].w; h += seen[j].h; }
      bad += !is(&m, floor_div(2 * x + n, 2 * n), floor_div(2 * y + n, 2 * n), floor_div(2 * w + n, 2 * n),
                 floor_div(2 * h + n, 2 * n));
    }
  }
  CHECK(bad == 0, "mean of the last boxes, every length");
  keep = m;
  seen[0].w = 0;
  CHECK(rppg_smoother_push(&s, &seen[0], &m) == RPPG_ERR_ARG && memcmp(&m, &keep, sizeof m) == 0, "a bad box changes nothing");
  CHECK(rppg_smoother_init(&s, -1) == RPPG_ERR_ARG && rppg_smoother_init(&s, 65) == RPPG_ERR_ARG &&
        rppg_smoother_init(NULL, 0) == RPPG_ERR_ARG, "bad lengths");
}

/* ---- one number for every machine --------------------------------------------------------------------------- */

static uint64_t hash;
static void mix(uint64_t v) { hash = tap_fnv_u64(hash, v); }

static uint64_t golden(void)
{
  rppg_rect r[40];
  rppg_sums s[40];
  float rgb[3];
  int format, i, c;
  uint32_t bits;
  hash = TAP_FNV;
  seed = 2026;
  for (format = RPPG_RGB24; format <= RPPG_UYVY; format++) {
    rppg_frame f = frame_make(format, 322, 70, 5, format % 3);
    const rppg_rect face = { 60, -5, 151, 80 };
    f.matrix = format % 2;
    f.range = format / 2 % 2;
    rppg_layout_fixed(RPPG_LAYOUT_FACE6, &face, r);
    rppg_layout_fixed(RPPG_LAYOUT_CHEEKS, &face, r + 6);
    rppg_layout_grid(3, 5, &face, r + 9);
    for (i = 24; i < 40; i++) r[i] = rect_any(322, 70);
    rppg_roi_sums(&f, r, 40, s);
    for (i = 0; i < 40; i++) {
      rppg_sums_mean(&f, &s[i], rgb);
      for (c = 0; c < 3; c++) {
        mix(s[i].sum[c]);
        mix(s[i].count[c]);
        memcpy(&bits, &rgb[c], 4);
        mix(bits);
      }
    }
  }
  return hash;
}

#define GOLDEN UINT64_C(0x92649bd7af651160)

int main(void)
{
  int isa, format, i;
  arena_make();
  test_check();
  test_layouts();
  test_smoother();
  test_mean_errors();
  for (format = RPPG_RGB24; format <= RPPG_UYVY; format++)
    for (i = 0; i < (format > RPPG_GRAY8 ? 4 : 1); i++) test_mean(format, i / 2, i % 2);
  TAP_EACH_ISA(isa) {
    uint64_t h;
    printf("# %s\n", rppg_isa_name((rppg_isa)isa));
    for (format = RPPG_RGB24; format <= RPPG_UYVY; format++) {
      test_widths(format);
      test_edges(format);
      test_overlap(format);
    }
    test_foreign(RPPG_RGB24);
    test_foreign(RPPG_NV12);
    test_foreign(RPPG_YUYV);
    test_big(RPPG_BGRA, 4096, 2200);
    test_big(RPPG_I420, 4096, 2201);
    test_big(RPPG_RGB24, 32768, 3);
    test_big(RPPG_RGB24, 1, 32768);
    test_big(RPPG_I444, 77, 32768);
    h = golden();
    CHECK(h == GOLDEN, "golden hash %08lx%08lx", (unsigned long)(h >> 32), (unsigned long)(h & 0xffffffffu));
  }
  return tap_end();
}
