/* Tests of every pixel format of rppg.h, of masks and of the skin gate, against a loop that unpacks pixel by pixel.
   cc -O2 tests/test_formats.c -lm && ./a.out */
#define _POSIX_C_SOURCE 200809L
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg.h"
#include "tap.h"
#include "golden/formats.h"
#include <limits.h>
#include <stdlib.h>

#include <math.h>

#if !defined(__wasm__) /* has no signals */
#  define RENDERS
#  define RPPG_HAVE_STB 0
#  define main synth_face_main
#  include "../examples/synth_face.c" /* for skin of six tones */
#  undef main
#endif

static uint32_t state = 1;
static uint32_t rnd(void) { state = state * 1664525u + 1013904223u; return state >> 8; }
static int rnd_in(int lo, int hi) { return lo + (int)(rnd() % (uint32_t)(hi - lo + 1)); }

static const char *const names[] = { "none", "RGB24", "BGR24", "RGBA", "BGRA", "GRAY8", "NV12", "NV21", "I420", "I422",
                                     "I444", "YUYV", "UYVY", "ARGB", "ABGR", "RGB565", "GRAY16", "P010", "BAYER16",
                                     "BAYER8", "RAW10", "RAW12" };

static int is_bayer(int format) { return format >= RPPG_BAYER16 && format <= RPPG_RAW12; }
static int is_grey(int format) { return format == RPPG_GRAY8 || format == RPPG_GRAY16; }
static int is_rgb(int format)
{
  return (format >= RPPG_RGB24 && format <= RPPG_BGRA) || (format >= RPPG_ARGB && format <= RPPG_RGB565);
}
static int is_yuv(int format) { return !is_bayer(format) && !is_grey(format) && !is_rgb(format); }
static int is_420(int format)
{
  return format == RPPG_NV12 || format == RPPG_NV21 || format == RPPG_I420 || format == RPPG_P010;
}

/* ---- the oracle: the value of channel c at a pixel, from the definitions of the formats ------------- */

static const uint8_t *at(const rppg_frame *f, int plane, int x, int y)
{
  return f->planes[plane] + y * f->strides[plane] + x;
}

static int word(const rppg_frame *f, int plane, int x, int y)
{
  const uint8_t *p = at(f, plane, 2 * x, y);
  return f->big_endian ? p[0] * 256 + p[1] : p[1] * 256 + p[0];
}

static int raw10(const rppg_frame *f, int x, int y)
{
  const uint8_t *p = at(f, 0, x / 4 * 5, y);
  return p[x % 4] * 4 + p[4] / (1 << 2 * (x % 4)) % 4;
}

static int raw12(const rppg_frame *f, int x, int y)
{
  const uint8_t *p = at(f, 0, x / 2 * 3, y);
  return p[x % 2] * 16 + (x % 2 ? p[2] / 16 : p[2] % 16);
}

/* -1 where the pixel has none of this channel. */
static int value(const rppg_frame *f, int c, int x, int y)
{
  static const char *const pattern[4] = { "RGGB", "BGGR", "GRBG", "GBRG" };
  if (is_bayer(f->format) && pattern[f->bayer][y % 2 * 2 + x % 2] != "RGB"[c]) return -1;
  if (is_grey(f->format) && c > 0) return -1;
  switch (f->format) {
  case RPPG_RGB24: return *at(f, 0, 3 * x + c, y);
  case RPPG_BGR24: return *at(f, 0, 3 * x + 2 - c, y);
  case RPPG_RGBA: return *at(f, 0, 4 * x + c, y);
  case RPPG_BGRA: return *at(f, 0, 4 * x + 2 - c, y);
  case RPPG_ARGB: return *at(f, 0, 4 * x + 1 + c, y);
  case RPPG_ABGR: return *at(f, 0, 4 * x + 3 - c, y);
  case RPPG_RGB565: return c == 0 ? word(f, 0, x, y) / 2048 : c == 1 ? word(f, 0, x, y) / 32 % 64 : word(f, 0, x, y) % 32;
  case RPPG_GRAY8: return *at(f, 0, x, y);
  case RPPG_GRAY16: return word(f, 0, x, y);
  case RPPG_NV12: return *(c == 0 ? at(f, 0, x, y) : at(f, 1, x / 2 * 2 + c - 1, y / 2));
  case RPPG_NV21: return *(c == 0 ? at(f, 0, x, y) : at(f, 1, x / 2 * 2 + 2 - c, y / 2));
  case RPPG_P010: return c == 0 ? word(f, 0, x, y) : word(f, 1, x / 2 * 2 + c - 1, y / 2);
  case RPPG_I420: return *(c == 0 ? at(f, 0, x, y) : at(f, c, x / 2, y / 2));
  case RPPG_I422: return *(c == 0 ? at(f, 0, x, y) : at(f, c, x / 2, y));
  case RPPG_I444: return *at(f, c, x, y);
  case RPPG_YUYV: return *(c == 0 ? at(f, 0, 2 * x, y) : at(f, 0, x / 2 * 4 + 2 * c - 1, y));
  case RPPG_UYVY: return *(c == 0 ? at(f, 0, 2 * x + 1, y) : at(f, 0, x / 2 * 4 + 2 * c - 2, y));
  case RPPG_BAYER8: return *at(f, 0, x, y);
  case RPPG_BAYER16: return word(f, 0, x, y);
  case RPPG_RAW10: return raw10(f, x, y);
  case RPPG_RAW12: return raw12(f, x, y);
  default: return -1;
  }
}

/* Pixels between samples of channel c, and pixels that are judged as a whole. */
static void grid_of(int format, int c, int *sx, int *sy, int *ux, int *uy)
{
  const int pair = format == RPPG_YUYV || format == RPPG_UYVY;
  *sx = c > 0 && is_yuv(format) && format != RPPG_I444 ? 2 : 1;
  *sy = c > 0 && is_420(format) ? 2 : 1;
  *ux = format == RPPG_RAW10 ? 4 : is_bayer(format) || pair ? 2 : *sx;
  *uy = is_bayer(format) ? 2 : *sy;
}

static double white_of(const rppg_frame *f, int c)
{
  const int bits = f->bits;
  switch (f->format) {
  case RPPG_RGB565: return c == 1 ? 63 : 31;
  case RPPG_GRAY16: case RPPG_BAYER16:
    return (double)((1 << (bits ? bits : 16 - f->shift)) - 1) * (1 << f->shift);
  case RPPG_P010: return (double)((1 << (bits ? bits : 10)) - 1) * (1 << (16 - (bits ? bits : 10)));
  case RPPG_RAW10: return 1023;
  case RPPG_RAW12: return 4095;
  default: return 255;
  }
}

/* R, G, B from 0 to 1 of values of one pixel. */
static void colour(const rppg_frame *f, const double *v, double *rgb)
{
  static const double weights[3][2] = { { 0.299, 0.114 }, { 0.2126, 0.0722 }, { 0.2627, 0.0593 } };
  const double kr = weights[f->matrix][0], kb = weights[f->matrix][1];
  const double unit = f->format == RPPG_P010 ? 256 : 1; /* of an 8-bit step, limited range */
  double y, pb, pr;
  int c;
  if (!is_yuv(f->format)) {
    for (c = 0; c < 3; c++) rgb[c] = v[is_grey(f->format) ? 0 : c] / white_of(f, c);
    return;
  }
  if (f->range == RPPG_FULL) {
    y = v[0] / white_of(f, 0);
    pb = (v[1] - 128 * unit) / white_of(f, 1);
    pr = (v[2] - 128 * unit) / white_of(f, 2);
  } else {
    y = (v[0] - 16 * unit) / (219 * unit);
    pb = (v[1] - 128 * unit) / (224 * unit);
    pr = (v[2] - 128 * unit) / (224 * unit);
  }
  rgb[0] = y + 2 * (1 - kr) * pr;
  rgb[2] = y + 2 * (1 - kb) * pb;
  rgb[1] = (y - kr * rgb[0] - kb * rgb[2]) / (1 - kr - kb);
}

static int in_window(const rppg_frame *f, int x, int y, const rppg_skin *w)
{
  double v[3], rgb[3], luma, cb, cr;
  int c;
  for (c = 0; c < 3; c++) v[c] = value(f, c, x, y);
  colour(f, v, rgb);
  luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
  cb = floor(128.5 + 224 * (rgb[2] - luma) / 1.772 + 1e-7);
  cr = floor(128.5 + 224 * (rgb[0] - luma) / 1.402 + 1e-7);
  return cb >= w->cb_min && cb <= w->cb_max && cr >= w->cr_min && cr <= w->cr_max;
}

static void naive(const rppg_frame *f, const rppg_rect *r, const uint8_t *mask, ptrdiff_t stride, const rppg_skin *skin,
                  rppg_sums *s)
{
  int64_t x0 = r->x, x1 = x0 + r->w, y0 = r->y, y1 = y0 + r->h;
  int c, x, y, i, j;
  memset(s, 0, sizeof *s);
  if (x0 < 0) x0 = 0;
  if (y0 < 0) y0 = 0;
  if (x1 > f->width) x1 = f->width;
  if (y1 > f->height) y1 = f->height;
  if (x0 >= x1 || y0 >= y1) return;
  for (c = 0; c < 3; c++) {
    int sx, sy, ux, uy;
    grid_of(f->format, c, &sx, &sy, &ux, &uy);
    for (y = (int)y0 / uy * uy; y < y1 + uy && y < f->height; y += sy)
      for (x = (int)x0 / ux * ux; x < x1 + ux && x < f->width; x += sx) {
        const int left = x / ux * ux, top = y / uy * uy, v = value(f, c, x, y);
        int any = 0;
        if (v < 0) continue;
        for (j = top; j < top + uy && !any; j++)
          for (i = left; i < left + ux && !any; i++) {
            if (i < x0 || i >= x1 || j < y0 || j >= y1) continue;
            any = (mask == NULL || mask[(j - (int64_t)r->y) * stride + (i - (int64_t)r->x)] != 0) &&
                  (skin == NULL || in_window(f, i, j, skin));
          }
        if (!any) continue;
        s->sum[c] += (uint64_t)v;
        s->count[c]++;
      }
  }
}

static int same(const rppg_sums *a, const rppg_sums *b)
{
  return memcmp(a->sum, b->sum, sizeof a->sum) == 0 && memcmp(a->count, b->count, sizeof a->count) == 0;
}

/* ---- frames on the heap whose planes begin and end with their blocks ------------------------------------ */

static uint8_t *blocks[3];

static void frame_free(void)
{
  int p;
  for (p = 0; p < 3; p++) { free(blocks[p]); blocks[p] = NULL; }
}

static int plane_row(int format, int plane, int w)
{
  switch (format) {
  case RPPG_RGB24: case RPPG_BGR24: return plane ? 0 : 3 * w;
  case RPPG_RGBA: case RPPG_BGRA: case RPPG_ARGB: case RPPG_ABGR: return plane ? 0 : 4 * w;
  case RPPG_GRAY8: case RPPG_BAYER8: return plane ? 0 : w;
  case RPPG_NV12: case RPPG_NV21: return plane == 0 ? w : plane == 1 ? (w + 1) / 2 * 2 : 0;
  case RPPG_P010: return plane == 0 ? 2 * w : plane == 1 ? (w + 1) / 2 * 4 : 0;
  case RPPG_I420: case RPPG_I422: return plane == 0 ? w : (w + 1) / 2;
  case RPPG_I444: return w;
  case RPPG_RAW10: return plane ? 0 : w / 4 * 5;
  case RPPG_RAW12: return plane ? 0 : w / 2 * 3;
  default: return plane ? 0 : 2 * w;
  }
}

/* shift: how far from an aligned address; up: bottom-up. Content: noise. */
static rppg_frame frame_make(int format, int w, int h, int pad, int shift, int up)
{
  rppg_frame f;
  int p;
  frame_free();
  memset(&f, 0, sizeof f);
  f.format = format;
  f.width = w;
  f.height = h;
  f.bayer = (int)(rnd() % 4);
  f.big_endian = (int)(rnd() % 2);
  f.bits = (int)(rnd() % 3) * 2 + 10;
  f.shift = (int)(rnd() % (uint32_t)(17 - f.bits));
  f.matrix = (int)(rnd() % 3);
  f.range = (int)(rnd() % 2);
  for (p = 0; p < 3; p++) {
    const int row = plane_row(format, p, w), rows = p > 0 && is_420(format) ? (h + 1) / 2 : h;
    const size_t size = (size_t)(row + pad) * (size_t)(rows - 1) + (size_t)row;
    uint8_t *base;
    size_t i;
    if (row == 0) continue;
    blocks[p] = (uint8_t *)malloc(size + (size_t)shift);
    if (blocks[p] == NULL) exit(2);
    base = blocks[p] + shift;
    for (i = 0; i < size; i++) base[i] = (uint8_t)(rnd() >> 3);
    f.planes[p] = up ? base + (ptrdiff_t)(row + pad) * (rows - 1) : base;
    f.strides[p] = up ? -(ptrdiff_t)(row + pad) : row + pad;
  }
  return f;
}

static int width_ok(int format, int w)
{
  if (format == RPPG_RAW10) return w % 4 == 0;
  return (!is_bayer(format) && format != RPPG_YUYV && format != RPPG_UYVY) || w % 2 == 0;
}
static int even(int format, int h) { return is_bayer(format) ? h + h % 2 : h; }

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

/* ---- what is refused -------------------------------------------------------------------------------------- */

static void test_check(void)
{
  static uint8_t px[1024];
  rppg_frame f, g;
  rppg_sums s;
  int format, bad = 0, i;
  memset(&f, 0, sizeof f);
  f.width = 8;
  f.height = 4;
  for (i = 0; i < 3; i++) { f.planes[i] = px; f.strides[i] = 64; }
  for (format = RPPG_RGB24; format < RPPG__FORMAT_END; format++) {
    static const int widths[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    f.format = format;
    bad += rppg_frame_check(&f) != RPPG_OK;
    for (i = 0; i < 8; i++) {
      g = f;
      g.width = widths[i];
      bad += rppg_frame_check(&g) != (width_ok(format, g.width) ? RPPG_OK : RPPG_ERR_ARG);
      g.width = 8;
      g.height = widths[i];
      bad += rppg_frame_check(&g) != (is_bayer(format) && g.height % 2 ? RPPG_ERR_ARG : RPPG_OK);
    }
    for (i = 0; i < 3; i++) {
      const int row = plane_row(format, i, 8);
      g = f;
      g.strides[i] = row;
      bad += rppg_frame_check(&g) != RPPG_OK && row > 0;
      g.strides[i] = -row + 1;
      bad += rppg_frame_check(&g) != (row > 0 ? RPPG_ERR_ARG : RPPG_OK);
      g.strides[i] = PTRDIFF_MIN;
      bad += rppg_frame_check(&g) != (row > 0 ? RPPG_ERR_ARG : RPPG_OK);
      g.strides[i] = PTRDIFF_MAX / 2 + 2;
      bad += rppg_frame_check(&g) != (row > 0 ? RPPG_ERR_ARG : RPPG_OK);
    }
  }
  CHECK(bad == 0, "sides and strides of every format");
  f.format = RPPG_GRAY16;
#define BAD(field, value) \
  g = f; g.field = value; \
  CHECK(rppg_frame_check(&g) == RPPG_ERR_UNSUPPORTED && rppg_mask_sums(&g, NULL, NULL, 0, NULL, &s) == \
        RPPG_ERR_UNSUPPORTED, "refuses " #field " = " #value)
  BAD(matrix, 3); BAD(bayer, 4); BAD(bayer, -1); BAD(big_endian, 2); BAD(big_endian, -1); BAD(bits, 7); BAD(bits, 17);
  BAD(bits, -8); BAD(bits, INT_MAX); BAD(shift, -1); BAD(shift, 9); BAD(shift, INT_MAX); BAD(shift, INT_MIN);
  g = f; g.bits = 10; g.shift = 6;
  CHECK(rppg_frame_check(&g) == RPPG_OK, "10 bits at the top");
  g.shift = 7;
  CHECK(rppg_frame_check(&g) == RPPG_ERR_UNSUPPORTED, "10 bits above the top");
}

static void test_check_mask(void)
{
  static uint8_t px[64], mask[64];
  const rppg_rect r = { 0, 0, 8, 8 }, none = { 3, 3, 0, 4 }, out = { 8, 0, 8, 8 }, huge = { -5, -5, INT_MAX, INT_MAX };
  const rppg_skin bad[] = { { -1, 9, 0, 9 }, { 0, 256, 0, 9 }, { 9, 8, 0, 9 }, { 0, 9, -1, 9 }, { 0, 9, 0, 256 }, { 0, 9, 9, 8 } };
  const rppg_skin any = { 0, 255, 0, 255 };
  rppg_frame f;
  rppg_sums s;
  int i, wrong = 0;
  memset(&f, 0, sizeof f);
  f.format = RPPG_GRAY8; f.width = f.height = 8; f.planes[0] = px; f.strides[0] = 8;
  CHECK(rppg_mask_sums(NULL, &r, mask, 8, NULL, &s) == RPPG_ERR_ARG && rppg_mask_sums(&f, &r, mask, 8, NULL, NULL) == RPPG_ERR_ARG,
        "mask: missing arguments");
  CHECK(rppg_mask_sums(&f, &r, mask, 7, NULL, &s) == RPPG_ERR_ARG && rppg_mask_sums(&f, &r, mask, -7, NULL, &s) == RPPG_ERR_ARG &&
        rppg_mask_sums(&f, &r, mask, PTRDIFF_MIN, NULL, &s) == RPPG_ERR_ARG &&
        rppg_mask_sums(&f, &r, mask, PTRDIFF_MAX / 8 + 1, NULL, &s) == RPPG_ERR_ARG &&
        rppg_mask_sums(&f, &huge, mask, 64, NULL, &s) == RPPG_ERR_ARG, "mask: bad strides");
  memset(&s, 7, sizeof s);
  CHECK(rppg_mask_sums(&f, &r, mask, 8, NULL, &s) == RPPG_ERR_DATA && s.count[0] == 0 && s.sum[0] == 0, "mask: nothing passes");
  memset(&s, 7, sizeof s);
  CHECK(rppg_mask_sums(&f, &none, mask, 8, NULL, &s) == RPPG_ERR_DATA && s.count[0] == 0, "mask: empty rectangle");
  CHECK(rppg_mask_sums(&f, &out, mask, 8, NULL, &s) == RPPG_ERR_DATA, "mask: rectangle outside");
  CHECK(rppg_mask_sums(&f, &huge, NULL, 0, NULL, &s) == RPPG_OK && s.count[0] == 64, "no mask, huge rectangle");
  for (i = RPPG_RGB24; i < RPPG__FORMAT_END; i++) {
    rppg_frame g = frame_make(i, 8, 8, 0, 0, 0);
    const rppg_status want = is_bayer(i) || is_grey(i) ? RPPG_ERR_UNSUPPORTED : RPPG_OK;
    wrong += rppg_mask_sums(&g, &r, NULL, 0, &any, &s) != want;
    if (is_rgb(i)) wrong += s.count[0] != 64;
  }
  CHECK(wrong == 0, "skin: grey and Bayer have none");
  wrong = 0;
  f = frame_make(RPPG_RGB24, 8, 8, 0, 0, 0);
  for (i = 0; i < 6; i++) wrong += rppg_mask_sums(&f, &r, NULL, 0, &bad[i], &s) != RPPG_ERR_ARG;
  CHECK(wrong == 0, "skin: bad windows");
}

/* ---- sums ---------------------------------------------------------------------------------------------------- */

static void test_widths(int format)
{
  int w, k, i, bad = 0, bad_mask = 0;
  for (w = 1; w <= 70; w++) {
    if (!width_ok(format, w)) continue;
    for (i = 0; i < 4; i++) {
      const int h = even(format, 1 + (w * 7 + i) % 9);
      const rppg_frame f = frame_make(format, w, h, i % 2 ? w % 7 : 0, (w + 3 * i) % 8, i / 2);
      rppg_rect r[4];
      rppg_sums s[4], t;
      r[0].x = r[0].y = 0; r[0].w = w; r[0].h = h;
      r[1] = rect_any(w, h);
      r[2].x = w - 1; r[2].y = h - 1; r[2].w = r[2].h = 1;
      r[3] = rect_any(w, h);
      bad += rppg_roi_sums(&f, r, 4, s) != RPPG_OK;
      for (k = 0; k < 4; k++) {
        naive(&f, &r[k], NULL, 0, NULL, &t);
        bad += !same(&s[k], &t);
        rppg_mask_sums(&f, &r[k], NULL, 0, NULL, &s[k]);
        bad_mask += !same(&s[k], &t);
      }
    }
  }
  CHECK(bad == 0, "%s: widths 1 to 70, every alignment, top-down and bottom-up", names[format]);
  CHECK(bad_mask == 0, "%s: the same without a mask", names[format]);
  frame_free();
}

/* Every left edge, and three chunks of columns. */
static void test_edges(int format)
{
  const int w = 1304, h = even(format, 3);
  const rppg_frame f = frame_make(format, w, h, 0, 1, 0);
  int i, bad = 0;
  for (i = 0; i < 650; i++) {
    rppg_rect r;
    rppg_sums s, t;
    r.x = 2 * i + i % 2; r.y = i % 2; r.w = i % 197 + 1; r.h = 2;
    if (i % 100 == 0) r.w = w;
    rppg_roi_sums(&f, &r, 1, &s);
    naive(&f, &r, NULL, 0, NULL, &t);
    bad += !same(&s, &t);
  }
  CHECK(bad == 0, "%s: left edges", names[format]);
  frame_free();
}

static void test_overlap(int format)
{
  enum { MANY = 90 };
  rppg_rect r[MANY];
  rppg_sums s[MANY], t;
  int round, bad = 0, i;
  for (round = 0; round < 3; round++) {
    const int w = rnd_in(1, 100) * 4, h = rnd_in(1, 90) * 2, n = round == 0 ? MANY : rnd_in(1, 12);
    const rppg_frame f = frame_make(format, w, h, rnd_in(0, 9), round, round == 2);
    for (i = 0; i < n; i++) r[i] = rect_any(w, h);
    bad += rppg_roi_sums(&f, r, (size_t)n, s) != RPPG_OK;
    for (i = 0; i < n; i++) { naive(&f, &r[i], NULL, 0, NULL, &t); bad += !same(&s[i], &t); }
  }
  CHECK(bad == 0, "%s: overlapping ROIs", names[format]);
  frame_free();
}

static void test_foreign(int format)
{
  static const int v[] = { INT_MIN, INT_MIN + 1, -40000, -1, 0, 1, 7, 40000, INT_MAX - 1, INT_MAX };
  enum { V = sizeof v / sizeof v[0] };
  const rppg_frame f = frame_make(format, 16, 8, 0, 0, 0);
  rppg_sums s, t;
  int a, b, c, i, bad = 0;
  for (a = 0; a < V; a++)
    for (b = 0; b < V; b++)
      for (c = 0; c < V; c += 2)
        for (i = 1; i < V; i += 2) {
          rppg_rect r;
          r.x = v[a]; r.w = v[b]; r.y = v[c]; r.h = v[i];
          naive(&f, &r, NULL, 0, NULL, &t);
          bad += rppg_roi_sums(&f, &r, 1, &s) != RPPG_OK || !same(&s, &t);
          bad += rppg_mask_sums(&f, &r, NULL, 0, NULL, &s) != (t.count[0] ? RPPG_OK : RPPG_ERR_DATA) || !same(&s, &t);
        }
  CHECK(bad == 0, "%s: rectangles from strangers", names[format]);
  frame_free();
}

/* All ones: any lane that is too small would show. */
static void test_big(int format, int w, int h)
{
  const size_t size = (size_t)4 * (size_t)w * (size_t)h;
  uint8_t *px = (uint8_t *)malloc(size);
  rppg_frame f;
  rppg_rect r[2];
  rppg_sums s[2], m;
  int c, k, bad = 0;
  if (px == NULL) { CHECK(1, "%s: %dx%d # SKIP no memory", names[format], w, h); return; }
  memset(px, 255, size);
  memset(&f, 0, sizeof f);
  f.format = format; f.width = w; f.height = h;
  for (c = 0; c < 3; c++) { f.planes[c] = px; f.strides[c] = 4 * w; }
  r[0].x = r[0].y = 0; r[0].w = w; r[0].h = h;
  r[1].x = w / 2; r[1].y = h / 4; r[1].w = w; r[1].h = h;
  bad += rppg_roi_sums(&f, r, 2, s) != RPPG_OK;
  bad += rppg_mask_sums(&f, NULL, NULL, 0, NULL, &m) != RPPG_OK || !same(&m, &s[0]);
  bad += rppg_mask_sums(&f, NULL, px, w, NULL, &m) != RPPG_OK || !same(&m, &s[0]); /* itself as a mask */
  for (k = 0; k < 2; k++)
    for (c = 0; c < 3; c++) {
      const uint64_t top = f.format == RPPG_P010 ? 65535u : (uint64_t)white_of(&f, c);
      bad += s[k].sum[c] != top * s[k].count[c];
    }
  bad += s[0].count[is_bayer(format) ? 1 : 0] != (uint32_t)w * (uint32_t)h / (is_bayer(format) ? 2 : 1);
  CHECK(bad == 0, "%s: %dx%d of ones", names[format], w, h);
  free(px);
}

/* ---- means ---------------------------------------------------------------------------------------------------- */

static void test_mean(int format)
{
  int round, bad = 0;
  for (round = 0; round < 24; round++) {
    rppg_frame f = frame_make(format, 64, 20, 3, 1, 0);
    const rppg_rect r = { 4, 6, 24, 10 }; /* whole cells: each pixel weighs the same */
    rppg_sums s;
    double want[3], mean[3] = { 0, 0, 0 };
    float rgb[3];
    int x, y, c, n[3] = { 0, 0, 0 };
    if (round % 3 == 0) f.bits = f.shift = 0;
    for (c = 0; c < 3; c++)
      for (y = r.y; y < r.y + r.h; y++)
        for (x = r.x; x < r.x + r.w; x++) {
          const int v = value(&f, c, x, y);
          if (v >= 0) { mean[c] += v; n[c]++; }
        }
    for (c = 0; c < 3; c++) mean[c] /= n[c] ? n[c] : 1;
    colour(&f, mean, want);
    rppg_roi_sums(&f, &r, 1, &s);
    bad += rppg_sums_mean(&f, &s, rgb) != RPPG_OK;
    for (c = 0; c < 3; c++) bad += fabs((double)rgb[c] - 255 * want[c]) > 1e-4 * (1 + fabs(255 * want[c]));
  }
  CHECK(bad == 0, "%s: mean colour, matrices, ranges, bits, byte orders", names[format]);
  frame_free();
}

static void test_golden(const char *name, int format, int big_endian, int bayer, const uint8_t *p0, const uint8_t *p1,
                        const uint32_t *sum, const uint32_t *count, const double *mean)
{
  const rppg_rect r = { GOLD_X, GOLD_Y, GOLD_CW, GOLD_CH };
  rppg_frame f;
  rppg_sums s;
  float rgb[3];
  int c, bad = 0, range;
  memset(&f, 0, sizeof f);
  f.format = format; f.width = GOLD_W; f.height = GOLD_H; f.big_endian = big_endian; f.bayer = bayer;
  f.matrix = RPPG_BT2020;
  f.planes[0] = p0; f.strides[0] = plane_row(format, 0, GOLD_W);
  f.planes[1] = p1; f.strides[1] = plane_row(format, 1, GOLD_W);
  bad += rppg_roi_sums(&f, &r, 1, &s) != RPPG_OK;
  for (c = 0; c < 3; c++) bad += s.sum[c] != sum[c] || s.count[c] != count[c];
  for (range = 0; range < (format == RPPG_P010 ? 2 : 1); range++) {
    f.range = range;
    bad += rppg_sums_mean(&f, &s, rgb) != RPPG_OK;
    for (c = 0; c < 3; c++) bad += fabs((double)rgb[c] - mean[3 * range + c]) > 2e-5 * (1 + fabs(mean[3 * range + c]));
  }
  CHECK(bad == 0, "packed by NumPy: %s", name);
}

static void test_goldens(void)
{
#define GOLD(format, order, pattern, p0, p1, n) \
  test_golden(#n, format, order, pattern, p0, p1, gold_##n##_sum, gold_##n##_count, gold_##n##_mean)
  GOLD(RPPG_RGB565, 0, 0, gold_rgb565le, NULL, rgb565le);
  GOLD(RPPG_RGB565, 1, 0, gold_rgb565be, NULL, rgb565be);
  GOLD(RPPG_P010, 0, 0, gold_p010_y, gold_p010_uv, p010);
  GOLD(RPPG_RAW10, 0, RPPG_RGGB, gold_raw10, NULL, raw10_rggb);
  GOLD(RPPG_RAW10, 0, RPPG_BGGR, gold_raw10, NULL, raw10_bggr);
  GOLD(RPPG_RAW10, 0, RPPG_GRBG, gold_raw10, NULL, raw10_grbg);
  GOLD(RPPG_RAW10, 0, RPPG_GBRG, gold_raw10, NULL, raw10_gbrg);
  GOLD(RPPG_RAW12, 0, RPPG_RGGB, gold_raw12, NULL, raw12_rggb);
  GOLD(RPPG_RAW12, 0, RPPG_BGGR, gold_raw12, NULL, raw12_bggr);
  GOLD(RPPG_RAW12, 0, RPPG_GRBG, gold_raw12, NULL, raw12_grbg);
  GOLD(RPPG_RAW12, 0, RPPG_GBRG, gold_raw12, NULL, raw12_gbrg);
}

/* White is 255 and mid grey the middle, whatever the depth. */
static void test_scale(void)
{
  static uint8_t px[64];
  rppg_frame f;
  rppg_sums s;
  float rgb[3];
  int bits, shift, order, bad = 0, c;
  memset(&f, 0, sizeof f);
  f.format = RPPG_GRAY16; f.width = f.height = 2; f.planes[0] = px; f.strides[0] = 4;
  for (bits = 8; bits <= 16; bits++)
    for (shift = 0; shift <= 16 - bits; shift++)
      for (order = 0; order < 2; order++) {
        const int white = ((1 << bits) - 1) << shift, v[4] = { 0, white, white, 0 };
        for (c = 0; c < 4; c++) { px[2 * c + !order] = (uint8_t)(v[c] / 256); px[2 * c + order] = (uint8_t)(v[c] % 256); }
        f.bits = bits; f.shift = shift; f.big_endian = order;
        f.format = RPPG_GRAY16;
        rppg_mask_sums(&f, NULL, NULL, 0, NULL, &s);
        bad += rppg_sums_mean(&f, &s, rgb) != RPPG_OK || fabs((double)rgb[0] - 127.5) > 1e-5 || rgb[1] != rgb[0];
        f.format = RPPG_BAYER16; /* R black, G white, B black */
        rppg_mask_sums(&f, NULL, NULL, 0, NULL, &s);
        bad += rppg_sums_mean(&f, &s, rgb) != RPPG_OK || rgb[0] != 0.0f || fabs((double)rgb[1] - 255) > 1e-4 || rgb[2] != 0.0f;
      }
  CHECK(bad == 0, "8 to 16 bits, every shift, both byte orders");
}

/* ---- masks and skin -------------------------------------------------------------------------------------------- */

static void test_masks(int format)
{
  int w, kind, bad = 0;
  for (w = 1; w <= 70; w++) {
    if (!width_ok(format, w)) continue;
    for (kind = 0; kind < 5; kind++) {
      const int h = even(format, 1 + (w * 5 + kind) % 7);
      const rppg_frame f = frame_make(format, w, h, w % 3, (w + kind) % 5, kind % 2);
      rppg_rect r = kind == 0 ? rect_any(w, h) : rect_any(w, h), whole = { 0, 0, 0, 0 };
      const rppg_rect *used = &r;
      rppg_sums s, t, ones;
      ptrdiff_t stride, i, j;
      uint8_t *mask, *first;
      size_t size;
      whole.w = w; whole.h = h;
      if (kind == 1) used = NULL;
      if (kind == 1 || r.w < 1 || r.h < 1) r = whole;
      stride = r.w + kind % 3;
      size = (size_t)(stride * (r.h - 1) + r.w);
      mask = (uint8_t *)malloc(size);
      if (mask == NULL) exit(2);
      for (j = 0; j < (ptrdiff_t)size; j++) mask[j] = (uint8_t)(kind == 2 ? 1 + rnd() % 255 : rnd() % 3 ? 0 : rnd() % 4 * 85);
      if (kind == 3) /* a disc */
        for (j = 0; j < r.h; j++)
          for (i = 0; i < r.w; i++)
            mask[j * stride + i] = (2 * i - r.w) * (2 * i - r.w) + (2 * j - r.h) * (2 * j - r.h) < (ptrdiff_t)r.w * r.w;
      first = mask;
      if (kind == 4) { first = mask + stride * (r.h - 1); stride = -stride; }
      naive(&f, &r, first, stride, NULL, &t);
      bad += rppg_mask_sums(&f, used, first, stride, NULL, &s) !=
             (t.count[0] | t.count[1] | t.count[2] ? RPPG_OK : RPPG_ERR_DATA);
      bad += !same(&s, &t);
      if (kind == 2) { rppg_roi_sums(&f, &r, 1, &ones); bad += !same(&s, &ones); }
      free(mask);
    }
  }
  CHECK(bad == 0, "%s: masks", names[format]);
  frame_free();
}

static void test_mask_wide(int format)
{
  const int w = 1252, h = even(format, 5);
  const rppg_frame f = frame_make(format, w, h, 0, 3, 0);
  uint8_t *mask = (uint8_t *)malloc((size_t)(w * h));
  rppg_rect r = { 3, 1, 1200, 3 };
  rppg_sums s, t;
  int i, bad = 0;
  if (mask == NULL) exit(2);
  for (i = 0; i < w * h; i++) mask[i] = rnd() % 2 ? 0 : 200;
  naive(&f, &r, mask + w + 3, w, NULL, &t);
  bad += rppg_mask_sums(&f, &r, mask + w + 3, w, NULL, &s) != RPPG_OK || !same(&s, &t);
  r.x = r.y = 0; r.w = w; r.h = h;
  naive(&f, &r, mask, w, NULL, &t);
  bad += rppg_mask_sums(&f, NULL, mask, w, NULL, &s) != RPPG_OK || !same(&s, &t);
  CHECK(bad == 0, "%s: a wide mask", names[format]);
  free(mask);
  frame_free();
}

static void test_skin(int format)
{
  const rppg_skin windows[3] = { { 77, 127, 133, 173 }, { 60, 200, 90, 170 }, { 120, 136, 0, 255 } }, zero = { 0, 0, 0, 0 };
  int round, bad = 0, p;
  for (round = 0; round < 12; round++) {
    const int w = 2 * rnd_in(10, 80), h = rnd_in(3, 40);
    const rppg_frame f = frame_make(format, w, h, 1, round % 4, round % 2);
    const rppg_rect r = rect_any(w, h);
    rppg_sums s, t;
    uint8_t *mask = (uint8_t *)malloc((size_t)(r.w * r.h + 1));
    if (mask == NULL) exit(2);
    for (p = 0; p < r.w * r.h; p++) mask[p] = rnd() % 4 != 0;
    naive(&f, &r, round % 2 ? mask : NULL, r.w, &windows[round % 3], &t);
    bad += rppg_mask_sums(&f, &r, round % 2 ? mask : NULL, r.w, round % 3 ? &windows[round % 3] : &zero, &s) !=
           (t.count[0] | t.count[1] ? RPPG_OK : RPPG_ERR_DATA);
    bad += !same(&s, &t);
    free(mask);
  }
  CHECK(bad == 0, "%s: skin gate, with and without a mask", names[format]);
  frame_free();
}

#if defined(RENDERS)
/* Rendered faces of six tones, in full and in dim light, as RGB24 and as 4:2:0. */
static void test_tones(void)
{
  static const char *const tones[6] = { "1", "2", "3", "4", "5", "6" };
  enum { W = 160, H = 120 };
  static float rgb[W * H * 3];
  static uint8_t px[W * H * 3], luma[W * H], chroma[W * H / 2];
  const rppg_skin skin = { 0, 0, 0, 0 }, wide = { 77, 127, 130, 173 };
  int tone, dim, i, c;
  for (tone = 0; tone < 6; tone++) {
    char name[] = "synth_face", option[] = "--skin", size_option[] = "--size", size[] = "160x120", out[] = "-", number[2];
    char *argv[6];
    double share[2][2], other = 0.0;
    options o;
    number[0] = tones[tone][0]; number[1] = 0;
    argv[0] = name; argv[1] = option; argv[2] = number; argv[3] = size_option; argv[4] = size; argv[5] = out;
    o = read_options(6, argv);
    for (dim = 0; dim < 2; dim++) {
      scene sc = scene_make(&o);
      camera cam = camera_make(&o);
      rppg_rect face, parts[3];
      rppg_frame f;
      rppg_sums s;
      double passed = 0.0, all = 0.0, passed420 = 0.0;
      expose(&cam, &sc, dim ? 0.5 : 1.0, 0.0, rgb);
      for (i = 0; i < W * H * 3; i++) px[i] = (uint8_t)(rgb[i] + 0.5f);
      for (i = 0; i < W * H; i++) {
        const double y = 0.299 * px[3 * i] + 0.587 * px[3 * i + 1] + 0.114 * px[3 * i + 2];
        const int k = i / W / 2 * W + i % W / 2 * 2;
        luma[i] = (uint8_t)(16.5 + y * 219 / 255);
        if (i % 2 || i / W % 2) continue;
        chroma[k] = (uint8_t)(128.5 + (px[3 * i + 2] - y) * 224 / 255 / 1.772);
        chroma[k + 1] = (uint8_t)(128.5 + (px[3 * i] - y) * 224 / 255 / 1.402);
      }
      memset(&f, 0, sizeof f);
      f.format = RPPG_RGB24; f.width = W; f.height = H; f.planes[0] = px; f.strides[0] = 3 * W;
      face.w = (int)(o.head[2] * W); face.h = (int)(1.3 * face.w);
      face.x = (int)(o.head[0] * W) - face.w / 2; face.y = (int)(o.head[1] * H) - face.h / 2;
      rppg_layout_fixed(RPPG_LAYOUT_CHEEKS, &face, parts);
      for (c = 0; c < 3; c++) {
        rppg_mask_sums(&f, &parts[c], NULL, 0, &skin, &s);
        passed += s.count[0];
        all += parts[c].w * parts[c].h;
      }
      f.format = RPPG_NV12; f.planes[0] = luma; f.planes[1] = chroma; f.strides[0] = f.strides[1] = W;
      for (c = 0; c < 3; c++) { rppg_mask_sums(&f, &parts[c], NULL, 0, dim ? &wide : &skin, &s); passed420 += s.count[0]; }
      share[dim][0] = passed / all;
      share[dim][1] = passed420 / all;
      if (dim == 0) { /* the wall, above and beside */
        const rppg_rect wall = { 0, 0, W / 8, H };
        f.format = RPPG_RGB24; f.planes[0] = px; f.strides[0] = 3 * W;
        rppg_mask_sums(&f, &wall, NULL, 0, &skin, &s);
        other = s.count[0] / (double)(W / 8 * H);
      }
      scene_free(&sc);
    }
    printf("# tone %s: %.3f of forehead and cheeks pass, %.3f as NV12; half light %.3f, NV12 and Cr 130 %.3f; wall %.3f\n",
           tones[tone], share[0][0], share[0][1], share[1][0], share[1][1], other);
    CHECK(share[0][0] > 0.95 && share[0][1] > 0.95, "skin of tone %s passes", tones[tone]);
    CHECK(share[1][0] > 0.6 && share[1][1] > 0.95, "skin of tone %s in half the light", tones[tone]);
    CHECK(other < 0.05, "the wall behind tone %s does not", tones[tone]);
  }
}

#endif

/* ---- one number for every machine --------------------------------------------------------------------------------- */

static uint64_t hash;
static void mix(uint64_t v) { hash = tap_fnv_u64(hash, v); }

static void mix_sums(const rppg_frame *f, const rppg_sums *s)
{
  float rgb[3];
  uint32_t bits;
  int c;
  rppg_sums_mean(f, s, rgb);
  for (c = 0; c < 3; c++) {
    mix(s->sum[c]);
    mix(s->count[c]);
    memcpy(&bits, &rgb[c], 4);
    mix(bits);
  }
}

static uint64_t golden(void)
{
  static uint8_t mask[322 * 70];
  const rppg_skin skin = { 60, 160, 100, 190 };
  rppg_rect r[20];
  rppg_sums s[20], t;
  int format, i;
  hash = TAP_FNV;
  state = 2027;
  for (i = 0; i < 322 * 70; i++) mask[i] = rnd() % 3 != 0;
  for (format = RPPG_RGB24; format < RPPG__FORMAT_END; format++) {
    rppg_frame f = frame_make(format, 324, 70, 5, format % 3, format % 2);
    const rppg_rect part = { 2, 0, 322, 70 };
    for (i = 0; i < 20; i++) r[i] = rect_any(324, 70);
    rppg_roi_sums(&f, r, 20, s);
    for (i = 0; i < 20; i++) mix_sums(&f, &s[i]);
    rppg_mask_sums(&f, &part, mask, 322, NULL, &t);
    mix_sums(&f, &t);
    if (!is_grey(format) && !is_bayer(format)) { rppg_mask_sums(&f, &part, mask, 322, &skin, &t); mix_sums(&f, &t); }
  }
  frame_free();
  return hash;
}

#define GOLDEN UINT64_C(0x9902c003749355a4)

int main(void)
{
  int isa, format;
  test_check();
  test_check_mask();
  test_goldens();
  test_scale();
#if defined(RENDERS)
  test_tones();
#endif
  for (format = RPPG_RGB24; format < RPPG__FORMAT_END; format++) test_mean(format);
  TAP_EACH_ISA(isa) {
    uint64_t h;
    printf("# %s\n", rppg_isa_name((rppg_isa)isa));
    test_goldens();
    for (format = RPPG_RGB24; format < RPPG__FORMAT_END; format++) {
      test_masks(format);
      test_mask_wide(format);
      test_foreign(format);
      if (is_rgb(format) || is_yuv(format)) test_skin(format);
      if (format < RPPG_ARGB) continue; /* test_frame.c */
      test_widths(format);
      test_edges(format);
      test_overlap(format);
    }
    test_big(RPPG_GRAY8, 4096, 2200);
    test_big(RPPG_NV12, 4096, 2200);
    for (format = RPPG_ARGB; format < RPPG__FORMAT_END; format++) test_big(format, 4096, 2200);
    test_big(RPPG_RAW10, 32768, 4);
    test_big(RPPG_RAW10, 4, 32768);
    test_big(RPPG_RGB565, 3, 32768);
    h = golden();
    CHECK(h == GOLDEN, "golden hash %08lx%08lx", (unsigned long)(h >> 32), (unsigned long)(h & 0xffffffffu));
  }
  return tap_end();
}
