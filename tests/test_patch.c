/* Tests of rppg_patch against vectors of tests/golden/make_patch.py, and of what holds for any image.
   cc -O2 tests/test_patch.c -lm && ./a.out */
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
#include "golden/patch.h"
#include "tap.h"
#include <limits.h>
#include <stdlib.h>

static const char *const names[] = { "none", "RGB24", "BGR24", "RGBA", "BGRA", "GRAY8", "NV12", "NV21",
                                     "I420", "I422", "I444", "YUYV", "UYVY", "ARGB", "ABGR", "RGB565", "GRAY16",
                                     "P010", "BAYER16", "BAYER8", "RAW10", "RAW12" };
enum { FORMATS = RPPG__FORMAT_END, MEMORY = 1 << 23, WORK = 1 << 20, SIDE = RPPG_PATCH_MAX };

static uint8_t *memory_end; /* inaccessible from here on */
static uint8_t work[WORK];
static float out[SIDE * SIDE * 3 + 2];

static uint32_t seed = 1;
static uint32_t rnd(void) { seed = seed * 1664525u + 1013904223u; return seed >> 8; }
static int rnd_in(int lo, int hi) { return lo + (int)(rnd() % (uint32_t)(hi - lo + 1)); }

/* ---- frames that end exactly where memory does ------------------------------------------------------ */

static void memory_make(void)
{
#ifdef GUARD
  uint8_t *m = (uint8_t *)mmap(NULL, MEMORY + 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (m == (uint8_t *)MAP_FAILED || mprotect(m + MEMORY, 65536, PROT_NONE) != 0) exit(2);
#else
  uint8_t *m = (uint8_t *)malloc(MEMORY);
  if (m == NULL) exit(2);
#endif
  memory_end = m + MEMORY;
}

/* Bytes and rows of a plane, as rppg.h describes the formats. */
static int plane_row(int format, int plane, int w)
{
  if (format == RPPG_I420 || format == RPPG_I422) return plane ? (w + 1) / 2 : w;
  if (format == RPPG_I444) return w;
  if (format == RPPG_P010) return plane == 0 ? 2 * w : plane == 1 ? (w + 1) / 2 * 4 : 0;
  if (format == RPPG_NV12 || format == RPPG_NV21) return plane == 0 ? w : plane == 1 ? (w + 1) / 2 * 2 : 0;
  if (plane > 0) return 0;
  if (format == RPPG_RAW10 || format == RPPG_RAW12) return format == RPPG_RAW10 ? w / 4 * 5 : w / 2 * 3;
  if (format == RPPG_ARGB || format == RPPG_ABGR) return 4 * w;
  return format == RPPG_GRAY8 || format == RPPG_BAYER8 ? w : format <= RPPG_BGR24 ? 3 * w : format <= RPPG_BGRA ? 4 * w : 2 * w;
}
static int plane_rows(int format, int plane, int h)
{
  return plane > 0 && (format == RPPG_NV12 || format == RPPG_NV21 || format == RPPG_I420 || format == RPPG_P010) ? (h + 1) / 2 : h;
}

/* The generator's bytes; constant < 0. up: rows from the last to the first in memory. */
static uint8_t pixel(int p, int x, int y, int constant)
{
  const uint32_t u = ((uint32_t)y * 73856093u) ^ ((uint32_t)x * 19349663u) ^ ((uint32_t)p * 83492791u);
  return constant >= 0 ? (uint8_t)constant : (uint8_t)(u * 2654435761u >> 24);
}
static rppg_frame frame_make(int format, int w, int h, int pad, int up, int constant)
{
  rppg_frame f;
  uint8_t *end = memory_end;
  int p, x, y;
  memset(&f, 0, sizeof f);
  f.format = format;
  f.width = w;
  f.height = h;
  for (p = 0; p < 3; p++) {
    const int row = plane_row(format, p, w), rows = plane_rows(format, p, h);
    uint8_t *base = end - ((ptrdiff_t)(row + pad) * (rows - 1) + row);
    if (row == 0) continue;
    f.planes[p] = up ? base + (ptrdiff_t)(row + pad) * (rows - 1) : base;
    f.strides[p] = up ? -(ptrdiff_t)(row + pad) : row + pad;
    end = base - 5;
    for (y = 0; y < rows; y++)
      for (x = 0; x < row; x++) base[(up ? rows - 1 - y : y) * (ptrdiff_t)(row + pad) + x] = pixel(p, x, y, constant);
  }
  return f;
}

static int is_bayer(int format) { return format >= RPPG_BAYER16 && format <= RPPG_RAW12; }
static int is_byte_rgb(int format) { return format <= RPPG_GRAY8 || format == RPPG_ARGB || format == RPPG_ABGR || format == RPPG_BAYER8; }
static int even_width(int format) { return is_bayer(format) || format == RPPG_YUYV || format == RPPG_UYVY; }

/* ---- tests ---------------------------------------------------------------------------------------------- */

/* Greatest distance from the vectors of a case; of values beyond 255, in 255ths of them. */
static double golden_error(const patch_case *c, const float *rgb, ptrdiff_t step, ptrdiff_t channel)
{
  double worst = 0.0;
  size_t n;
  int k;
  for (n = 0; n < sizeof c->pixel / sizeof c->pixel[0]; n++)
    for (k = 0; k < 3; k++) {
      const patch_pixel *p = &c->pixel[n];
      const double large = p->rgb[k] < 0.0 ? -p->rgb[k] / 255.0 : p->rgb[k] / 255.0;
      const double d = ((double)rgb[(p->y * c->pw + p->x) * step + k * channel] - p->rgb[k]) / (large > 1.0 ? large : 1.0);
      if (!(d <= worst && -d <= worst)) worst = d < 0.0 ? -d : d;
      if (d != d) return 1e9;
    }
  return worst;
}

static void test_golden(const patch_case *c)
{
  rppg_frame f;
  rppg_rect box;
  size_t size;
  double error;
  int up, same;
  box.x = c->box[0]; box.y = c->box[1]; box.w = c->box[2]; box.h = c->box[3];
  size = rppg_patch_work(&box, c->pw, c->ph);
  for (up = 0; up < 2; up++) {
    f = frame_make(c->format, c->w, c->h, 3 * up, up, -1);
    f.matrix = c->matrix;
    f.range = c->range;
    f.big_endian = c->big_endian;
    f.bits = c->bits;
    f.shift = c->shift;
    f.bayer = c->bayer;
    out[0] = -1.0f;
    memset(work, 255, WORK); /* any content: NaN */
    error = size > WORK - 1 || rppg_patch(&f, &box, c->pw, c->ph, up, out + up, work + 1) != RPPG_OK ? 1e9
          : golden_error(c, out + up, up ? 1 : 3, up ? (ptrdiff_t)c->pw * c->ph : 1);
    CHECK_NEAR(error, 0.0, 2e-4, "%s: %dx%d at %d,%d of %dx%d to %dx%d%s", names[c->format], box.w, box.h, box.x, box.y,
               c->w, c->h, c->pw, c->ph, up ? ", planar, bottom-up" : "");
  }
  for (same = 1, size++; size < WORK; size++) same = same && work[size] == 255;
  CHECK(same, "... and work ends where its size says");
}

/* A grey frame gives grey, whatever the geometry; the outputs are just the patch. */
static void test_constant(int format)
{
  int i, k, bad = 0;
  for (i = 0; i < 60; i++) {
    const int w = rnd_in(1, 22) * 4 - (format == RPPG_RAW10 ? 0 : rnd_in(0, 1) * 2);
    const int h = rnd_in(1, 30) * 2 - !is_bayer(format) * rnd_in(0, 1), any = rnd_in(16, 235);
    const int grey = i < 4 ? 85 * i : format == RPPG_RAW10 ? any % 4 * 85 : any; /* RAW10: all low bits alike */
    const int pw = rnd_in(1, 40), ph = rnd_in(1, 40), n = 3 * pw * ph;
    rppg_frame f = frame_make(format, w, h, rnd_in(0, 3), i % 2, grey);
    rppg_rect box;
    f.range = RPPG_FULL;
    box.w = rnd_in(1, 120);
    box.h = rnd_in(1, 120);
    if (i % 4 == 0) box.w = i % 8 ? 64 : 16; /* whole vectors, nothing beyond */
    box.x = i % 4 ? rnd_in(1 - box.w, w - 1) : 0;
    memset(work, 255, rppg_patch_work(&box, pw, ph)); /* NaN */
    box.y = rnd_in(1 - box.h, h - 1);
    out[0] = out[n + 1] = -7.0f;
    bad += rppg_patch(&f, &box, pw, ph, i % 3 == 0, out + 1, work) != RPPG_OK || out[0] != -7.0f || out[n + 1] != -7.0f;
    if (!is_byte_rgb(format)) { /* all three channels are `grey`: a colour, but the same everywhere */
      for (k = 4; k < n && i % 3; k++) bad += !(out[1 + k] - out[1 + k % 3] < 1e-3f && out[1 + k % 3] - out[1 + k] < 1e-3f);
    } else
      for (k = 0; k < n; k++) bad += !(out[1 + k] - (float)grey < 1e-4f && (float)grey - out[1 + k] < 1e-4f);
  }
  CHECK(bad == 0, "%s: a frame of one colour stays so", names[format]);
}

/* Cells of exactly one pixel are the frame; a patch of one pixel is the mean of rppg_roi_sums. */
static void test_whole(int format)
{
  const rppg_rect box = { 8, 4, 48, 40 };
  rppg_frame f = frame_make(format, 72, 50, 0, 0, -1);
  rppg_sums s;
  float rgb[3];
  int x, y, k, bad = 0;
  rppg_patch(&f, &box, 48, 40, RPPG_PATCH_HWC, out, work);
  for (y = 0; y < box.h; y++)
    for (x = 0; x < box.w; x++) {
      rppg_rect one = { 0, 0, 1, 1 };
      one.x = box.x + x;
      one.y = box.y + y;
      if (even_width(format)) continue; /* their sums are of pairs and cells */
      rppg_roi_sums(&f, &one, 1, &s);
      rppg_sums_mean(&f, &s, rgb);
      for (k = 0; k < 3; k++) {
        const float d = rgb[k] - out[(y * box.w + x) * 3 + k];
        bad += !(d < 2e-4f && d > -2e-4f);
      }
    }
  CHECK(bad == 0, "%s: cells of one pixel", names[format]);
  rppg_patch(&f, &box, 1, 1, RPPG_PATCH_HWC, out, work);
  rppg_roi_sums(&f, &box, 1, &s);
  rppg_sums_mean(&f, &s, rgb);
  for (bad = 0, k = 0; k < 3; k++) bad += !(rgb[k] - out[k] < 2e-4f && out[k] - rgb[k] < 2e-4f);
  CHECK(bad == 0, "%s: one cell is the mean of the box", names[format]);
}

/* Sizes around the width of a vector, boxes up to the last byte: memory beyond is not there. */
static void test_widths(int format)
{
  int w, bad = 0;
  for (w = 1; w < 150; w++) {
    const int odd = (even_width(format) && w % 2) || (format == RPPG_RAW10 && w % 4);
    rppg_frame f = frame_make(format, w, 5 + is_bayer(format), 0, 0, 100);
    rppg_rect box = { 0, 0, 1, 5 };
    box.x = w - 1 - (w > 7 ? rnd_in(0, 7) : 0);
    box.w = w - box.x + (w % 3 == 0);
    bad += rppg_patch(&f, &box, 3, 2, 0, out, work) != (odd ? RPPG_ERR_ARG : RPPG_OK);
    box.x = 0;
    box.w = w;
    bad += rppg_patch(&f, &box, 3, 2, 0, out, work) != (odd ? RPPG_ERR_ARG : RPPG_OK);
  }
  CHECK(bad == 0, "%s: widths 1 to 149", names[format]);
}

static void test_hostile(void)
{
  static const int faces[][4] = { { 0, 0, 0, 5 }, { 0, 0, 5, -1 }, { INT_MIN, 0, 5, 5 }, { 0, INT_MAX, 5, 5 }, { 0, 0, INT_MAX, 5 },
                                  { 0, 0, 5, INT_MIN }, { 32769, 0, 5, 5 } };
  static const int outside[][4] = { { 64, 0, 5, 5 }, { 0, 48, 5, 5 }, { -5, 0, 5, 5 }, { 0, -5, 5, 5 }, { 32768, 32768, 32768, 32768 } };
  static const int sides[] = { 0, -1, RPPG_PATCH_MAX + 1, INT_MAX, INT_MIN };
  rppg_frame f = frame_make(RPPG_I420, 64, 48, 0, 0, -1), g;
  const rppg_rect good = { 0, 0, 64, 48 }, huge = { -32768, -32768, 32768, 32768 };
  rppg_rect r;
  size_t i, size;
  int bad = 0;
  out[0] = 5.0f;
  for (i = 0; i < sizeof faces / sizeof faces[0]; i++) {
    r.x = faces[i][0]; r.y = faces[i][1]; r.w = faces[i][2]; r.h = faces[i][3];
    bad += rppg_patch_work(&r, 9, 9) != 0 || rppg_patch(&f, &r, 9, 9, 0, out, work) != RPPG_ERR_ARG;
  }
  CHECK(bad == 0, "bad boxes are refused");
  for (bad = 0, i = 0; i < sizeof outside / sizeof outside[0]; i++) {
    r.x = outside[i][0]; r.y = outside[i][1]; r.w = outside[i][2]; r.h = outside[i][3];
    bad += rppg_patch(&f, &r, 9, 9, 0, out, work) != RPPG_ERR_DATA;
  }
  CHECK(bad == 0, "boxes outside the frame are refused");
  for (bad = 0, i = 0; i < sizeof sides / sizeof sides[0]; i++) {
    bad += rppg_patch_work(&good, sides[i], 9) != 0 || rppg_patch_work(&good, 9, sides[i]) != 0;
    bad += rppg_patch(&f, &good, sides[i], 9, 0, out, work) != RPPG_ERR_ARG;
    bad += rppg_patch(&f, &good, 9, sides[i], 0, out, work) != RPPG_ERR_ARG;
  }
  CHECK(bad == 0, "bad sides are refused");
  CHECK(rppg_patch(&f, &good, 9, 9, 2, out, work) == RPPG_ERR_ARG && rppg_patch(&f, &good, 9, 9, -1, out, work) == RPPG_ERR_ARG,
        "bad orders are refused");
  CHECK(rppg_patch(NULL, &good, 9, 9, 0, out, work) == RPPG_ERR_ARG && rppg_patch(&f, NULL, 9, 9, 0, out, work) == RPPG_ERR_ARG &&
        rppg_patch(&f, &good, 9, 9, 0, NULL, work) == RPPG_ERR_ARG && rppg_patch(&f, &good, 9, 9, 0, out, NULL) == RPPG_ERR_ARG &&
        rppg_patch_work(NULL, 9, 9) == 0, "missing arguments");
  g = f; g.format = 99;
  CHECK(rppg_patch(&g, &good, 9, 9, 0, out, work) == RPPG_ERR_UNSUPPORTED, "an unknown format");
  g = f; g.strides[1] = 31;
  CHECK(rppg_patch(&g, &good, 9, 9, 0, out, work) == RPPG_ERR_ARG, "a bad stride");
  CHECK(out[0] == 5.0f, "... and out is untouched by all these");
  r = huge;
  r.x = r.y = -32767; /* one pixel inside */
  size = rppg_patch_work(&r, 256, 256);
  {
    void *mem = malloc(size);
    if (mem == NULL) CHECK(1, "# SKIP no memory");
    else {
      const rppg_status status = rppg_patch(&f, &r, 256, 256, 0, out, mem);
      for (bad = 0, i = 3; i < 3 * 256 * 256; i++) bad += !(out[i] - out[i % 3] < 1e-2f && out[i % 3] - out[i] < 1e-2f);
      CHECK(status == RPPG_OK && bad == 0 && size > 0 && size < (size_t)4 << 20, "the largest box, one pixel of it in the frame");
    }
    free(mem);
  }
}

/* ---- one number for every machine ------------------------------------------------------------------------ */

static uint64_t golden(void)
{
  static const int sizes[][2] = { { 9, 9 }, { 36, 36 }, { 7, 5 }, { 72, 72 }, { 1, 3 } };
  uint64_t h = TAP_FNV;
  int format, i;
  seed = 2026;
  for (format = RPPG_RGB24; format < FORMATS; format++) {
    rppg_frame f = frame_make(format, format == RPPG_RAW10 ? 324 : 322, 170, 5, format % 2, -1);
    f.matrix = format % 2;
    f.range = format / 2 % 2;
    f.big_endian = format == RPPG_BAYER16;
    f.bayer = format % 4;
    for (i = 0; i < 5; i++) {
      rppg_rect box;
      box.x = rnd_in(-40, 200);
      box.y = rnd_in(-40, 100);
      box.w = rnd_in(41, 250);
      box.h = rnd_in(41, 250);
      if (rppg_patch(&f, &box, sizes[i][0], sizes[i][1], i % 2, out, work) != RPPG_OK) return 0;
      h = tap_fnv_f32(h, out, 3 * (size_t)sizes[i][0] * (size_t)sizes[i][1]);
    }
  }
  return h;
}

#define GOLDEN UINT64_C(0x38757db017d1bc09)

int main(void)
{
  size_t i;
  int isa, format;
  memory_make();
  test_hostile();
  TAP_EACH_ISA(isa) {
    uint64_t h;
    printf("# %s\n", rppg_isa_name((rppg_isa)isa));
    for (i = 0; i < sizeof patch_cases / sizeof patch_cases[0]; i++) test_golden(&patch_cases[i]);
    for (format = RPPG_RGB24; format < FORMATS; format++) {
      test_constant(format);
      test_whole(format);
      test_widths(format);
    }
    h = golden();
    CHECK(h == GOLDEN, "golden hash %08lx%08lx", (unsigned long)(h >> 32), (unsigned long)(h & 0xffffffffu));
  }
  return tap_end();
}
