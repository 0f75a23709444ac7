/* rppg.h - heart rate from camera frames - v0.1.0 - MIT

   DO THIS
     #define RPPG_IMPLEMENTATION      in exactly one C or C++ file, before
     #include "rppg.h"                with rppg_dsp.h beside it

   LIMITS
     Frame sides up to RPPG_MAX_SIDE; 8-bit formats only. Not a medical device.

   CONVENTIONS
     x to the right, y down, pixel units. Channels are always in the order R, G, B (or Y, U, V),
     whatever the order in memory. Strides are signed bytes: a bottom-up image points to its last
     row in memory and has negative strides. out parameters never overlap inputs.

   MEMORY  ERRORS  THREADS
     Nothing is allocated. Pixel functions use at most 7 KB of stack and never copy a frame.
     Functions that meet foreign data (frames, rectangles, face boxes) check it and return a
     status; unless said otherwise, outputs are untouched when it is not RPPG_OK.
     No function has state of its own: objects of different threads are independent.

   EXACTNESS AND SIMD
     Sums of pixels are integers, hence exact on every instruction set.
     Only bytes between the two ends of a row of the frame are ever read.

   SOURCES
     [Kopeliovich2019]  six facial ROIs, box smoothing over 20 frames: section 4.1.1, figure 4
     [BT601] [BT709]    ITU-R Recommendations: luma weights, limited range                      */
#ifndef RPPG_H
#define RPPG_H

#include "rppg_dsp.h"

#define RPPG_VERSION 100 /* major * 10000 + minor * 100 + patch */
#define RPPG_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- frames ---------------------------------------------------------------------------------- */

#define RPPG_MAX_SIDE 32768 /* of a frame or a face box: no product of sizes overflows 64 bits */

/* Bytes of a row, left to right. 4:2:0 chroma planes have (width + 1) / 2 by (height + 1) / 2
   samples, 4:2:2 (width + 1) / 2 by height. 0 is no format, so a forgotten one is refused. */
typedef enum rppg_format {
  RPPG_RGB24 = 1, /* R G B */
  RPPG_BGR24,     /* B G R */
  RPPG_RGBA,      /* R G B x; the fourth byte is ignored */
  RPPG_BGRA,      /* B G R x */
  RPPG_GRAY8,     /* Y, or near infrared */
  RPPG_NV12,      /* plane 0: Y; plane 1: U V, 4:2:0 */
  RPPG_NV21,      /* plane 0: Y; plane 1: V U, 4:2:0 */
  RPPG_I420,      /* planes Y, U, V, 4:2:0; also YV12 with planes 1 and 2 exchanged */
  RPPG_I422,      /* planes Y, U, V, 4:2:2 */
  RPPG_I444,      /* planes Y, U, V */
  RPPG_YUYV,      /* Y U Y V: two pixels, even width */
  RPPG_UYVY,      /* U Y V Y: two pixels, even width */
  RPPG__FORMAT_END
} rppg_format;

typedef enum rppg_matrix { RPPG_BT601 = 0, RPPG_BT709 = 1 } rppg_matrix;
typedef enum rppg_range { RPPG_LIMITED = 0, RPPG_FULL = 1 } rppg_range; /* 16..235, or 0..255 */

/* A view of the caller's pixels. Zero it first: fields of later releases are zero by default. */
typedef struct rppg_frame {
  int format;               /* rppg_format */
  int width, height;        /* pixels, 1..RPPG_MAX_SIDE */
  const uint8_t *planes[3]; /* first byte of the top row of each plane that the format has */
  ptrdiff_t strides[3];     /* bytes from one row to the row below it; may be negative */
  int matrix;               /* rppg_matrix, for YUV formats */
  int range;                /* rppg_range, for YUV formats */
} rppg_frame;

/* Whether a frame's description makes sense; the pixels are not touched.

   frame  in  any content, from any source; NULL is refused too

   Returns RPPG_OK; RPPG_ERR_UNSUPPORTED for a format, matrix or range that this version does not
   know; RPPG_ERR_ARG for a side outside 1..RPPG_MAX_SIDE, an odd width of YUYV or UYVY, a missing
   plane, a stride shorter than its row, or a plane larger than the address space.
   Whether the memory is really there, only the caller knows.
   Exact. Cost: none to speak of; every function that takes a frame calls it.                  */
RPPG_DEF rppg_status rppg_frame_check(const rppg_frame *frame);

/* ---- sums over rectangles -------------------------------------------------------------------- */

typedef struct rppg_rect { int x, y, w, h; } rppg_rect; /* pixels; left, top, width, height */

/* Channel totals: R, G, B, or Y, U, V, or Y alone. The counts differ where chroma is subsampled. */
typedef struct rppg_sums { uint64_t sum[3]; uint32_t count[3]; } rppg_sums;

/* Sums of every channel over n rectangles, however they overlap, in one pass over the pixels.

   frame  in   any format; checked by rppg_frame_check
   rois   in   [n]  any content; each is cut to the frame
   n      in   0 is fine. Each group of 64 rectangles is one pass: within it a pixel is read once
   out    out  [n]  totals; all zero where nothing of a rectangle lies inside the frame

   Luma and RGB are summed exactly over the rectangle. Chroma is summed over the chroma samples
   that the rectangle touches. In YUYV and UYVY the rectangle is widened to whole pixel pairs, for
   luma too. The counts say how many samples each sum holds.
   Returns RPPG_OK, an error of rppg_frame_check, or RPPG_ERR_ARG for a NULL with n > 0.
   Exact. Cost: O(pixels covered) + O(columns) a rectangle. 7 KB of stack.                     */
RPPG_DEF rppg_status rppg_roi_sums(const rppg_frame *frame, const rppg_rect *rois, size_t n,
                                   rppg_sums *out);

/* Mean colour of one rectangle, as R, G, B.

   frame  in   its format, matrix and range are used; no pixel is
   sums   in   from rppg_roi_sums over a frame of the same kind
   rgb    out  [3]  0..255. GRAY8 gives the grey three times. YUV is converted after averaging:
               the conversion is affine, so this equals converting each pixel, but for clipping;
               means of colours that RGB cannot show lie a little outside 0..255

   Returns RPPG_OK; RPPG_ERR_DATA and rgb = 0 if a count is zero; RPPG_ERR_UNSUPPORTED as
   rppg_frame_check. Exact: double arithmetic, rounded once to float. Cost: O(1).             */
RPPG_DEF rppg_status rppg_sums_mean(const rppg_frame *frame, const rppg_sums *sums, float *rgb);

/* ---- layouts: rectangles from a face box ----------------------------------------------------- */

/* A face box is good if -RPPG_MAX_SIDE <= x, y <= RPPG_MAX_SIDE and 1 <= w, h <= RPPG_MAX_SIDE; it
   may reach over the edge of the frame. Edges, not sizes, are rounded (half up): parts that share
   an edge share it after rounding too. A small face can give rectangles of no size.

   The fixed layouts suit the box of a Viola-Jones detector: brows to below the lip and a little
   more to all sides, eyes at 0.4 of its height. "left" is left in the image.

     layout                 part          x     y     w     h     of the face box
     RPPG_LAYOUT_FACE6      nose          0.38  0.48  0.24  0.20
     [Kopeliovich2019]      nose bridge   0.42  0.32  0.16  0.16
                            under left    0.16  0.48  0.22  0.14
                            under right   0.62  0.48  0.22  0.14
                            truncated     0.20  0.10  0.60  0.80
                            full box      0     0     1     1
     RPPG_LAYOUT_CHEEKS     forehead      0.30  0.08  0.40  0.16
                            left cheek    0.14  0.50  0.22  0.22
                            right cheek   0.64  0.50  0.22  0.22
     RPPG_LAYOUT_WHOLE      full box      0     0     1     1

   The paper shows its ROIs only in a drawing and says they were set by hand; the fractions are
   ours, set to the same features.

     +--------------------+
     |   +------------+   |    1 nose            4 under right eye
     |   |            |   |    2 nose bridge     5 truncated box
     |   | (o) +--+ (o)   |    3 under left eye  6 full box
     |   |     | 2|   |   |
     |  +---++----++---+  |
     |  | 3 || 1  || 4 |  |
     |  +---++    ++---+  |
     |   |   +----+   |   |
     |   |            | 5 |
     |   +------------+   |
     +-----------------6--+                                                                    */
typedef enum rppg_layout {
  RPPG_LAYOUT_FACE6 = 0,
  RPPG_LAYOUT_CHEEKS = 1,
  RPPG_LAYOUT_WHOLE = 2
} rppg_layout;

#define RPPG_LAYOUT_MAX 6 /* rectangles of the largest fixed layout */

/* A rectangle as fractions of a face box; each of x, y, x + w, y + h within -8..8, w, h >= 0. */
typedef struct rppg_part { float x, y, w, h; } rppg_part;

/* How many rectangles a fixed layout has; 0 for a value that is no layout. Cost: O(1). */
RPPG_DEF size_t rppg_layout_size(int layout);

/* Rectangles of a fixed layout on a face.

   layout  in   rppg_layout; see the table above
   face    in   pixels; a good face box, see above
   out     out  [rppg_layout_size(layout)]  in the order of the table

   Returns RPPG_OK; RPPG_ERR_ARG for a NULL, an unknown layout or a bad box.
   Exact. Cost: O(1).                                                                         */
RPPG_DEF rppg_status rppg_layout_fixed(int layout, const rppg_rect *face, rppg_rect *out);

/* Rectangles of a list of parts of one's own on a face.

   parts   in   [n]  fractions of the face box, see rppg_part
   n       in   0 is fine
   face    in   pixels; a good face box, see above
   out     out  [n]

   Returns RPPG_OK; RPPG_ERR_ARG for a NULL, a bad box or a part outside its range.
   Exact. Cost: O(n).                                                                         */
RPPG_DEF rppg_status rppg_layout_parts(const rppg_part *parts, size_t n, const rppg_rect *face,
                                       rppg_rect *out);

/* A uniform grid over a box, which may be the whole frame: disjoint cells that leave no gap.

   rows, cols  in   1..256 each
   box         in   pixels; a good face box, see above
   out         out  [rows * cols]  row by row

   Returns RPPG_OK; RPPG_ERR_ARG for a NULL, a bad box or a count out of range.
   Exact. Cost: O(rows * cols).                                                               */
RPPG_DEF rppg_status rppg_layout_grid(int rows, int cols, const rppg_rect *box, rppg_rect *out);

/* ---- box smoothing --------------------------------------------------------------------------- */

#define RPPG_SMOOTHER_MAX 64

/* Mean of the last boxes, against the jitter of a detector [Kopeliovich2019]. A plain object: it
   may be copied by assignment. Integer sums, so nothing drifts, however long it runs. */
typedef struct rppg_smoother {
  rppg_rect ring[RPPG_SMOOTHER_MAX];
  int32_t sum[4]; /* of x, y, w, h in the ring; at most 64 * 32768 = 2^21 each */
  int length, used, next;
} rppg_smoother;

/* Starts, or forgets what was pushed (after a lost face, say).

   s       out  the object
   length  in   boxes to average, 1..RPPG_SMOOTHER_MAX; 0 = 20 as in the paper

   Returns RPPG_OK; RPPG_ERR_ARG. Exact. Cost: O(1).                                          */
RPPG_DEF rppg_status rppg_smoother_init(rppg_smoother *s, int length);

/* Adds a box and gives the mean of the last length boxes, of fewer in the beginning.

   s     in/out  initialised by rppg_smoother_init
   box   in      pixels; a good face box, see layouts
   mean  out     each of x, y, w, h rounded half up

   Returns RPPG_OK; RPPG_ERR_ARG for a NULL or a bad box (nothing changes).
   Exact. Cost: O(1).                                                                         */
RPPG_DEF rppg_status rppg_smoother_push(rppg_smoother *s, const rppg_rect *box, rppg_rect *mean);

/* ---- pulse ----------------------------------------------------------------------------------- */

/* @PULSE-DECL@ */

/* ---- session --------------------------------------------------------------------------------- */

/* @SESSION-DECL@ */

#ifdef __cplusplus
}
#endif
#endif /* RPPG_H */

/* Stop here if you only want the API. ========================================================== */

#ifdef RPPG_IMPLEMENTATION
#ifndef RPPG__BEGUN
#define RPPG__BEGUN

/* ---- platform: rppg_dsp.h has it ------------------------------------------------------------- */

#ifndef RPPG__SELF
#  define RPPG__SELF "rppg.h"
#endif
#if RPPG__BASE == RPPG__NEON && !defined(__ARM_BIG_ENDIAN)
#  define RPPG__BYTES_NEON
#elif RPPG__BASE == RPPG__SCALAR && defined(__ARM_NEON) && !defined(__ARM_BIG_ENDIAN) && \
      !defined(RPPG_NO_SIMD) && !defined(__TINYC__) /* 32-bit NEON: exact for integers */
#  include <arm_neon.h>
#  define RPPG__BYTES_NEON
#endif

#if defined(__GNUC__) && !defined(__clang__) && RPPG__BASE == RPPG__SSE2
#  define RPPG__KEEP(x) __asm__("" : "+v"(x)) /* gcc would load x once for each use */
#else
#  define RPPG__KEEP(x) ((void)0)
#endif
#define RPPG__CHUNK 960 /* columns of bytes at a time: a multiple of 64 (vectors), 12 (channels) */
#define RPPG__GROUP 64  /* ROIs at a time */

/* Unaligned words of memory in native order. */
static RPPG__INLINE uint32_t rppg__load32(const void *p) { uint32_t x; memcpy(&x, p, 4); return x; }
static RPPG__INLINE void rppg__store32(void *p, uint32_t x) { memcpy(p, &x, 4); }

static RPPG__INLINE int rppg__big_endian(void) /* compilers fold it */
{
  const uint16_t one = 1;
  uint8_t first;
  memcpy(&first, &one, 1);
  return first == 0;
}

/* ---- arithmetic: products and sums round separately, so every width agrees ------------------- */

#if defined(__clang__)
#  pragma clang fp contract(off)
#elif defined(__GNUC__) && !defined(__TINYC__)
#  pragma GCC push_options
#  pragma GCC optimize("fp-contract=off")
#elif defined(_MSC_VER)
#  pragma fp_contract(off)
#endif

/* ---- passes: the kernels for AVX-512, for AVX2, then fall through as the baseline ------------ */

#if defined(RPPG__DISPATCH)
#  define RPPG__PASS RPPG__AVX512
#  define RPPG__KERNELS
#  include RPPG__SELF
#  define RPPG__PASS RPPG__AVX2
#  define RPPG__KERNELS
#  include RPPG__SELF
#endif
#define RPPG__PASS RPPG__BASE
#define RPPG__KERNELS
#define RPPG__LAST
#endif /* RPPG__BEGUN */

#ifdef RPPG__KERNELS
#undef RPPG__KERNELS

/* ---- bindings: floats are in rppg_dsp.h; here bytes in 32-bit lanes, odd = bytes 1 and 3 ------ */

#define RPPG__BIND
#include "rppg_dsp.h"
#if RPPG__PASS == RPPG__AVX512
#  define RPPG__VU            64
#  define rppg__vu            __m512i
#  define rppg__vu_zero()     _mm512_setzero_si512()
#  define rppg__vu_load(p)    _mm512_loadu_si512(p)
#  define rppg__vu_store(p,a) _mm512_storeu_si512(p, a)
#  define rppg__vu_add(a,b)   _mm512_add_epi32(a, b)
#  define rppg__vu_sub(a,b)   _mm512_sub_epi32(a, b)
#  define rppg__vu_shl(a,k)   _mm512_maskz_slli_epi32(0xffff, a, k) /* the plain one warns */
#  define rppg__vu_shr(a,k)   _mm512_maskz_srli_epi32(0xffff, a, k) /* in g++, bug 105593 */
#  define rppg__vu_odd(a)     _mm512_srli_epi16(a, 8)
#elif RPPG__PASS == RPPG__AVX2
#  define RPPG__VU            32
#  define rppg__vu            __m256i
#  define rppg__vu_zero()     _mm256_setzero_si256()
#  define rppg__vu_load(p)    _mm256_loadu_si256((const __m256i *)(const void *)(p))
#  define rppg__vu_store(p,a) _mm256_storeu_si256((__m256i *)(void *)(p), a)
#  define rppg__vu_add(a,b)   _mm256_add_epi32(a, b)
#  define rppg__vu_sub(a,b)   _mm256_sub_epi32(a, b)
#  define rppg__vu_shl(a,k)   _mm256_slli_epi32(a, k)
#  define rppg__vu_shr(a,k)   _mm256_srli_epi32(a, k)
#  define rppg__vu_odd(a)     _mm256_srli_epi16(a, 8)
#elif RPPG__PASS == RPPG__SSE2
#  define RPPG__VU            16
#  define rppg__vu            __m128i
#  define rppg__vu_zero()     _mm_setzero_si128()
#  define rppg__vu_load(p)    _mm_loadu_si128((const __m128i *)(const void *)(p))
#  define rppg__vu_store(p,a) _mm_storeu_si128((__m128i *)(void *)(p), a)
#  define rppg__vu_add(a,b)   _mm_add_epi32(a, b)
#  define rppg__vu_sub(a,b)   _mm_sub_epi32(a, b)
#  define rppg__vu_shl(a,k)   _mm_slli_epi32(a, k)
#  define rppg__vu_shr(a,k)   _mm_srli_epi32(a, k)
#  define rppg__vu_odd(a)     _mm_srli_epi16(a, 8)
#elif defined(RPPG__BYTES_NEON)
#  define RPPG__VU            16
#  define rppg__vu            uint32x4_t
#  define rppg__vu_zero()     vdupq_n_u32(0)
#  define rppg__vu_load(p)    vreinterpretq_u32_u8(vld1q_u8((const uint8_t *)(p)))
#  define rppg__vu_store(p,a) vst1q_u8((uint8_t *)(p), vreinterpretq_u8_u32(a))
#  define rppg__vu_add(a,b)   vaddq_u32(a, b)
#  define rppg__vu_sub(a,b)   vsubq_u32(a, b)
#  define rppg__vu_shl(a,k)   vshlq_n_u32(a, k)
#  define rppg__vu_shr(a,k)   vshrq_n_u32(a, k)
#  define rppg__vu_odd(a)     vreinterpretq_u32_u16(vshrq_n_u16(vreinterpretq_u16_u32(a), 8))
#elif RPPG__PASS == RPPG__SIMD128
#  define RPPG__VU            16
#  define rppg__vu            v128_t
#  define rppg__vu_zero()     wasm_i32x4_splat(0)
#  define rppg__vu_load(p)    wasm_v128_load(p)
#  define rppg__vu_store(p,a) wasm_v128_store(p, a)
#  define rppg__vu_add(a,b)   wasm_i32x4_add(a, b)
#  define rppg__vu_sub(a,b)   wasm_i32x4_sub(a, b)
#  define rppg__vu_shl(a,k)   wasm_i32x4_shl(a, k)
#  define rppg__vu_shr(a,k)   wasm_u32x4_shr(a, k)
#  define rppg__vu_odd(a)     wasm_u16x8_shr(a, 8)
#else /* a word of any 32-bit machine holds four bytes as well */
#  define RPPG__VU            4
#  define rppg__vu            uint32_t
#  define rppg__vu_zero()     0
#  define rppg__vu_load(p)    rppg__load32(p)
#  define rppg__vu_store(p,a) rppg__store32(p, a)
#  define rppg__vu_add(a,b)   ((a) + (b))
#  define rppg__vu_sub(a,b)   ((a) - (b))
#  define rppg__vu_shl(a,k)   ((a) << (k))
#  define rppg__vu_shr(a,k)   ((a) >> (k))
#  define rppg__vu_odd(a)     ((a) >> 8 & 0x00ff00ffu)
#endif

/* ---- kernels, written once ------------------------------------------------------------------- */

/* All formats of pixels are one problem here: add up each column of bytes. Totals are kept as four
   planes: column i of a chunk is col[(i & 3) * size + (i >> 2)]. That is the order in which the
   lanes come, so nothing is ever shuffled.

   Columns 0 .. count * VU - 1 of h <= 257 rows. Three operations a vector: `all` adds whole words,
   carries and all; `odd` adds bytes 1 and 3 in 16 bits, which 257 * 255 = 65535 just fills. Then
   all - (odd << 8) is what bytes 0 and 2 added, exactly, since everything is modulo 2^32. */
RPPG__SUB(void, rppg__block)(const uint8_t *p, ptrdiff_t stride, int h, int count, uint32_t *col,
                             size_t size)
{
  const size_t flip = rppg__big_endian() ? 3 : 0; /* of a scalar word; vectors are little-endian */
  rppg__vu all[8], odd[8];
  int r, k;
  RPPG__UNROLL
  for (k = 0; k < count; k++) all[k] = odd[k] = rppg__vu_zero();
  for (r = 0; r < h; r++) {
    const uint8_t *q = p + r * stride;
    RPPG__UNROLL
    for (k = 0; k < count; k++) {
      rppg__vu x = rppg__vu_load(q + k * RPPG__VU);
      RPPG__KEEP(x);
      all[k] = rppg__vu_add(all[k], x);
      odd[k] = rppg__vu_add(odd[k], rppg__vu_odd(x));
    }
  }
  RPPG__UNROLL
  for (k = 0; k < count; k++) {
    const rppg__vu even = rppg__vu_sub(all[k], rppg__vu_shl(odd[k], 8));
    const rppg__vu c2 = rppg__vu_shr(even, 16), c0 = rppg__vu_sub(even, rppg__vu_shl(c2, 16));
    const rppg__vu c3 = rppg__vu_shr(odd[k], 16), c1 = rppg__vu_sub(odd[k], rppg__vu_shl(c3, 16));
    uint32_t *c = col + k * (RPPG__VU / 4);
    uint32_t *t0 = c + (0 ^ flip) * size, *t1 = c + (1 ^ flip) * size;
    uint32_t *t2 = c + (2 ^ flip) * size, *t3 = c + (3 ^ flip) * size;
    rppg__vu_store(t0, rppg__vu_add(rppg__vu_load(t0), c0));
    rppg__vu_store(t1, rppg__vu_add(rppg__vu_load(t1), c1));
    rppg__vu_store(t2, rppg__vu_add(rppg__vu_load(t2), c2));
    rppg__vu_store(t3, rppg__vu_add(rppg__vu_load(t3), c3));
  }
}

/* Adds columns begin .. end - 1 of `rows` rows to the totals of the chunk that begins at column
   `first`. row is byte 0 of the first row, `width` bytes long. begin - first is a multiple of VU;
   so is end - begin, unless end == width. */
RPPG__FN(void, rppg__columns)(const uint8_t *row, ptrdiff_t stride, int rows, int begin, int end,
                              int width, int first, uint32_t *col)
{
  enum { W = RPPG__VU, SIZE = RPPG__CHUNK / 4, BATCH = 64 };
  int r, x, i;
  for (r = 0; r < rows; r += BATCH) {
    const uint8_t *p = row + r * stride;
    const int h = rows - r < BATCH ? rows - r : BATCH;
    for (x = begin; x + 4 * W <= end; x += 4 * W)
      RPPG__CALL(rppg__block)(p + x, stride, h, 4, col + (x - first) / 4, SIZE);
    for (; x + W <= end; x += W)
      RPPG__CALL(rppg__block)(p + x, stride, h, 1, col + (x - first) / 4, SIZE);
    if (x < end && width >= W) { /* the end of the row: a vector that overlaps the last one */
      uint32_t t[W];
      const int last = width - W;
      memset(t, 0, sizeof t);
      RPPG__CALL(rppg__block)(p + last, stride, h, 1, t, W / 4);
      for (; x < end; x++) {
        const int k = x - first, j = x - last;
        col[(k & 3) * SIZE + (k >> 2)] += t[(j & 3) * (W / 4) + (j >> 2)];
      }
    }
    for (; x < end; x++) /* a frame narrower than a vector */
      for (i = 0; i < h; i++)
        col[((x - first) & 3) * SIZE + ((x - first) >> 2)] += p[i * stride + x];
  }
}

/* @PULSE-KERNELS@ */

/* ---- end of pass ----------------------------------------------------------------------------- */

#undef RPPG__VU
#undef rppg__vu
#undef rppg__vu_zero
#undef rppg__vu_load
#undef rppg__vu_store
#undef rppg__vu_add
#undef rppg__vu_sub
#undef rppg__vu_shl
#undef rppg__vu_shr
#undef rppg__vu_odd
#define RPPG__UNBIND
#include "rppg_dsp.h"
#endif /* RPPG__KERNELS */

#ifdef RPPG__LAST
#undef RPPG__LAST

/* ---- dispatch -------------------------------------------------------------------------------- */

typedef struct rppg__kernels {
  void (*columns)(const uint8_t *row, ptrdiff_t stride, int rows, int begin, int end, int width,
                  int first, uint32_t *col);
  int unit; /* bytes: what begin and end of columns are multiples of; 16, 32 or 64 */
} rppg__kernels;

static const rppg__kernels rppg__table[] = {
  { rppg__columns_base, 16 },
#if defined(RPPG__DISPATCH)
  { rppg__columns_avx2, 32 },
  { rppg__columns_avx512, 64 },
#endif
};

/* ---- frames ---------------------------------------------------------------------------------- */

/* A plane is made of cells: `bytes` bytes that describe `pixels` by `rows` pixels. of[] is the
   channel of each byte, 3 for none. */
typedef struct rppg__plane { uint8_t pixels, rows, bytes, of[4]; } rppg__plane;
typedef struct rppg__format { uint8_t family, planes; rppg__plane plane[3]; } rppg__format;
enum { RPPG__IS_RGB, RPPG__IS_YUV, RPPG__IS_GRAY };

#define RPPG__NONE { 0, 0, 0, { 3, 3, 3, 3 } }
#define RPPG__ONE(pixels, rows, channel) { pixels, rows, 1, { channel, 3, 3, 3 } }
static const rppg__format rppg__formats[RPPG__FORMAT_END] = {
  { 0, 0, { RPPG__NONE, RPPG__NONE, RPPG__NONE } },
  /* RGB24 */ { RPPG__IS_RGB, 1, { { 1, 1, 3, { 0, 1, 2, 3 } }, RPPG__NONE, RPPG__NONE } },
  /* BGR24 */ { RPPG__IS_RGB, 1, { { 1, 1, 3, { 2, 1, 0, 3 } }, RPPG__NONE, RPPG__NONE } },
  /* RGBA  */ { RPPG__IS_RGB, 1, { { 1, 1, 4, { 0, 1, 2, 3 } }, RPPG__NONE, RPPG__NONE } },
  /* BGRA  */ { RPPG__IS_RGB, 1, { { 1, 1, 4, { 2, 1, 0, 3 } }, RPPG__NONE, RPPG__NONE } },
  /* GRAY8 */ { RPPG__IS_GRAY, 1, { RPPG__ONE(1, 1, 0), RPPG__NONE, RPPG__NONE } },
  /* NV12  */ { RPPG__IS_YUV, 2, { RPPG__ONE(1, 1, 0), { 2, 2, 2, { 1, 2, 3, 3 } }, RPPG__NONE } },
  /* NV21  */ { RPPG__IS_YUV, 2, { RPPG__ONE(1, 1, 0), { 2, 2, 2, { 2, 1, 3, 3 } }, RPPG__NONE } },
  /* I420  */ { RPPG__IS_YUV, 3, { RPPG__ONE(1, 1, 0), RPPG__ONE(2, 2, 1), RPPG__ONE(2, 2, 2) } },
  /* I422  */ { RPPG__IS_YUV, 3, { RPPG__ONE(1, 1, 0), RPPG__ONE(2, 1, 1), RPPG__ONE(2, 1, 2) } },
  /* I444  */ { RPPG__IS_YUV, 3, { RPPG__ONE(1, 1, 0), RPPG__ONE(1, 1, 1), RPPG__ONE(1, 1, 2) } },
  /* YUYV  */ { RPPG__IS_YUV, 1, { { 2, 1, 4, { 0, 1, 0, 2 } }, RPPG__NONE, RPPG__NONE } },
  /* UYVY  */ { RPPG__IS_YUV, 1, { { 2, 1, 4, { 1, 0, 2, 0 } }, RPPG__NONE, RPPG__NONE } }
};
#undef RPPG__NONE
#undef RPPG__ONE

static const rppg__format *rppg__format_of(const rppg_frame *f)
{
  if (f->format <= 0 || f->format >= RPPG__FORMAT_END) return NULL;
  if (f->matrix < RPPG_BT601 || f->matrix > RPPG_BT709) return NULL;
  if (f->range < RPPG_LIMITED || f->range > RPPG_FULL) return NULL;
  return &rppg__formats[f->format];
}

/* Cells along `size` pixels. */
static int rppg__cells(int size, int pixels) { return (size + pixels - 1) / pixels; }

RPPG_DEF rppg_status rppg_frame_check(const rppg_frame *frame)
{
  const rppg__format *f;
  int i;
  if (frame == NULL) return RPPG_ERR_ARG;
  f = rppg__format_of(frame);
  if (f == NULL) return RPPG_ERR_UNSUPPORTED;
  if (frame->width < 1 || frame->width > RPPG_MAX_SIDE) return RPPG_ERR_ARG;
  if (frame->height < 1 || frame->height > RPPG_MAX_SIDE) return RPPG_ERR_ARG;
  if (f->plane[0].pixels > 1 && frame->width % f->plane[0].pixels != 0) return RPPG_ERR_ARG;
  for (i = 0; i < f->planes; i++) {
    const rppg__plane *p = &f->plane[i];
    const size_t s = (size_t)frame->strides[i], stride = frame->strides[i] < 0 ? 0 - s : s;
    const size_t rows = (size_t)rppg__cells(frame->height, p->rows);
    const size_t row = (size_t)rppg__cells(frame->width, p->pixels) * p->bytes;
    if (frame->planes[i] == NULL || stride < row) return RPPG_ERR_ARG;
    if (stride > (size_t)PTRDIFF_MAX / rows) return RPPG_ERR_ARG;
  }
  return RPPG_OK;
}

/* ---- sums over rectangles -------------------------------------------------------------------- */

typedef struct rppg__box { int x0, x1, y0, y1; } rppg__box; /* bytes and rows, ends excluded */

static int rppg__min(int a, int b) { return a < b ? a : b; }
static int rppg__max(int a, int b) { return a > b ? a : b; }

static int rppg__clip(int64_t x, int size) { return x < 0 ? 0 : x > size ? size : (int)x; }

/* The cells of a plane that a rectangle touches; all zero if there is none. */
static rppg__box rppg__cut(const rppg_rect *r, const rppg_frame *f, const rppg__plane *p)
{
  const int x0 = rppg__clip(r->x, f->width), x1 = rppg__clip((int64_t)r->x + r->w, f->width);
  const int y0 = rppg__clip(r->y, f->height), y1 = rppg__clip((int64_t)r->y + r->h, f->height);
  rppg__box b = { 0, 0, 0, 0 };
  if (x0 >= x1 || y0 >= y1) return b;
  b.x0 = x0 / p->pixels * p->bytes;
  b.x1 = rppg__cells(x1, p->pixels) * p->bytes;
  b.y0 = y0 / p->rows;
  b.y1 = rppg__cells(y1, p->rows);
  return b;
}

/* Adds columns x .. end - 1 of a chunk to the sums of their channels; or takes them away. x is the
   first byte of a cell. A chunk has 80 columns of each residue modulo 12 = lcm(2, 3, 4), each a
   total of 32768 rows at most: 80 * 32768 * 255 < 2^32. */
static void rppg__collect(const uint32_t *col, int x, int end, const rppg__plane *p, int take,
                          uint64_t sum[3])
{
  enum { SIZE = RPPG__CHUNK / 4 };
  uint32_t t[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
  const int head = x & 3; /* t[k] is of column x + k, so start where the four planes start */
  int k, byte;
  x -= head;
  for (k = 0; k < head; k++) t[k] -= col[k * SIZE + (x >> 2)];
  for (; x < end; x += 12) {
    const uint32_t *c = col + (x >> 2);
    if (x + 12 <= end) {
      RPPG__UNROLL
      for (k = 0; k < 12; k++) t[k] += c[(k & 3) * SIZE + (k >> 2)];
    } else
      for (k = 0; x + k < end; k++) t[k] += c[(k & 3) * SIZE + (k >> 2)];
  }
  for (byte = 0; byte < p->bytes; byte++) {
    uint64_t s = 0;
    if (p->of[byte] == 3) continue;
    for (k = head + byte; k < head + 12; k += p->bytes) s += t[k < 12 ? k : k - 12];
    sum[p->of[byte]] += take ? 0 - s : s;
  }
}

/* One plane, n <= GROUP boxes. The plane is cut into chunks of columns, a chunk into bands between
   the rows where a box begins or ends. The totals of the columns run on from band to band: a box
   takes them away where it begins and adds them where it ends. */
static void rppg__plane_sums(const uint8_t *src, ptrdiff_t stride, int width, const rppg__plane *p,
                             const rppg__box *box, int n, rppg_sums *out)
{
  const rppg__kernels *kernels = &rppg__table[rppg_isa_best()];
  const int unit = kernels->unit;
  uint32_t col[RPPG__CHUNK];
  rppg__box part[RPPG__GROUP]; /* of a box inside the chunk */
  uint8_t of[RPPG__GROUP];     /* which box */
  int first, i;
  for (first = 0; first < width; first += RPPG__CHUNK) {
    const int last = rppg__min(width, first + RPPG__CHUNK);
    int parts = 0, y = 0, next, until = 0, u, v;
    for (i = 0; i < n; i++) {
      rppg__box b = box[i];
      b.x0 = rppg__max(b.x0, first) - first;
      b.x1 = rppg__min(b.x1, last) - first;
      if (b.x0 < b.x1) { of[parts] = (uint8_t)i; part[parts++] = b; }
    }
    for (;; y = next) {
      const int going = until > y; /* a part goes on across this edge, so the totals must */
      uint64_t used = 0;           /* units of columns with a part in this band */
      next = RPPG_MAX_SIDE + 1;
      for (i = 0; i < parts; i++) {
        const rppg__box *b = &part[i];
        if (b->y1 < y) continue;
        if (b->y0 > y) { next = rppg__min(next, b->y0); continue; }
        if (b->y1 == y) { rppg__collect(col, b->x0, b->x1, p, 0, out[of[i]].sum); continue; }
        if (b->y0 == y && going) rppg__collect(col, b->x0, b->x1, p, 1, out[of[i]].sum);
        next = rppg__min(next, b->y1);
        until = rppg__max(until, b->y1);
        used |= (~(uint64_t)0 << b->x0 / unit) & (~(uint64_t)0 >> (63 - (b->x1 - 1) / unit));
      }
      if (next > RPPG_MAX_SIDE) break;
      if (!going) memset(col, 0, sizeof col);
      for (u = 0; used >> u != 0; u = v) {
        while (!(used >> u & 1)) u++;
        for (v = u + 1; used >> v & 1; v++) {} /* at most 960 / 16 = 60 units */
        kernels->columns(src + y * stride, stride, next - y, first + u * unit,
                         rppg__min(first + v * unit, last), width, first, col);
      }
    }
  }
}

RPPG_DEF rppg_status rppg_roi_sums(const rppg_frame *frame, const rppg_rect *rois, size_t n,
                                   rppg_sums *out)
{
  const rppg_status status = rppg_frame_check(frame);
  const rppg__format *f;
  rppg__box box[RPPG__GROUP];
  size_t begin, m, i;
  int k, b, row;
  if (status != RPPG_OK) return status;
  if (n != 0 && (rois == NULL || out == NULL)) return RPPG_ERR_ARG;
  f = rppg__format_of(frame);
  for (i = 0; i < n; i++) memset(&out[i], 0, sizeof out[i]);
  for (begin = 0; begin < n; begin += m) {
    m = n - begin < RPPG__GROUP ? n - begin : RPPG__GROUP;
    for (k = 0; k < f->planes; k++) {
      const rppg__plane *p = &f->plane[k];
      for (i = 0; i < m; i++) {
        rppg_sums *o = &out[begin + i];
        uint32_t cells;
        box[i] = rppg__cut(&rois[begin + i], frame, p);
        cells = (uint32_t)((box[i].x1 - box[i].x0) / p->bytes) * (uint32_t)(box[i].y1 - box[i].y0);
        for (b = 0; b < p->bytes; b++)
          if (p->of[b] < 3) o->count[p->of[b]] += cells;
      }
      row = rppg__cells(frame->width, p->pixels) * p->bytes;
      rppg__plane_sums(frame->planes[k], frame->strides[k], row, p, box, (int)m, out + begin);
    }
  }
  return RPPG_OK;
}

RPPG_DEF rppg_status rppg_sums_mean(const rppg_frame *frame, const rppg_sums *sums, float *rgb)
{
  const rppg__format *f;
  double m[3], y, u, v, kr, kb;
  int i;
  if (frame == NULL || sums == NULL || rgb == NULL) return RPPG_ERR_ARG;
  f = rppg__format_of(frame);
  if (f == NULL) return RPPG_ERR_UNSUPPORTED;
  for (i = 0; i < 3; i++) {
    const int from = f->family == RPPG__IS_GRAY ? 0 : i;
    if (sums->count[from] == 0) {
      rgb[0] = rgb[1] = rgb[2] = 0.0f;
      return RPPG_ERR_DATA;
    }
    m[i] = (double)sums->sum[from] / (double)sums->count[from];
  }
  if (f->family == RPPG__IS_YUV) {
    kr = frame->matrix == RPPG_BT709 ? 0.2126 : 0.299; /* luma weights of red and blue */
    kb = frame->matrix == RPPG_BT709 ? 0.0722 : 0.114;
    y = frame->range == RPPG_FULL ? m[0] : (m[0] - 16.0) * (255.0 / 219.0);
    u = (m[1] - 128.0) * (frame->range == RPPG_FULL ? 2.0 : 510.0 / 224.0) * (1.0 - kb); /* B - Y */
    v = (m[2] - 128.0) * (frame->range == RPPG_FULL ? 2.0 : 510.0 / 224.0) * (1.0 - kr); /* R - Y */
    m[0] = y + v;
    m[1] = y - (kr * v + kb * u) / (1.0 - kr - kb);
    m[2] = y + u;
  }
  for (i = 0; i < 3; i++) rgb[i] = (float)m[i];
  return RPPG_OK;
}

/* ---- layouts --------------------------------------------------------------------------------- */

static const rppg_part rppg__face6[6] = {
  { 0.38f, 0.48f, 0.24f, 0.20f }, { 0.42f, 0.32f, 0.16f, 0.16f }, { 0.16f, 0.48f, 0.22f, 0.14f },
  { 0.62f, 0.48f, 0.22f, 0.14f }, { 0.20f, 0.10f, 0.60f, 0.80f }, { 0.0f, 0.0f, 1.0f, 1.0f }
};
static const rppg_part rppg__cheeks[3] = {
  { 0.30f, 0.08f, 0.40f, 0.16f }, { 0.14f, 0.50f, 0.22f, 0.22f }, { 0.64f, 0.50f, 0.22f, 0.22f }
};

static int rppg__face_good(const rppg_rect *f)
{
  return f != NULL && f->x >= -RPPG_MAX_SIDE && f->x <= RPPG_MAX_SIDE && f->y >= -RPPG_MAX_SIDE &&
         f->y <= RPPG_MAX_SIDE && f->w >= 1 && f->w <= RPPG_MAX_SIDE && f->h >= 1 &&
         f->h <= RPPG_MAX_SIDE;
}

/* Nearest integer, half up; |x| < 2^30. */
static int rppg__round(double x)
{
  const double up = x + 0.5;
  const int i = (int)up;
  return i - (up < (double)i);
}

RPPG_DEF size_t rppg_layout_size(int layout)
{
  if (layout == RPPG_LAYOUT_FACE6) return 6;
  if (layout == RPPG_LAYOUT_CHEEKS) return 3;
  return layout == RPPG_LAYOUT_WHOLE ? 1 : 0;
}

RPPG_DEF rppg_status rppg_layout_fixed(int layout, const rppg_rect *face, rppg_rect *out)
{
  const size_t n = rppg_layout_size(layout);
  const rppg_part *parts = layout == RPPG_LAYOUT_CHEEKS ? rppg__cheeks
                         : layout == RPPG_LAYOUT_WHOLE ? rppg__face6 + 5 : rppg__face6;
  return n == 0 ? RPPG_ERR_ARG : rppg_layout_parts(parts, n, face, out);
}

RPPG_DEF rppg_status rppg_layout_parts(const rppg_part *parts, size_t n, const rppg_rect *face,
                                       rppg_rect *out)
{
  const double lo = -8.0, hi = 8.0;
  size_t i;
  if (!rppg__face_good(face) || (n != 0 && (parts == NULL || out == NULL))) return RPPG_ERR_ARG;
  for (i = 0; i < n; i++) {
    const double x = parts[i].x, y = parts[i].y, w = parts[i].w, h = parts[i].h;
    if (!(x >= lo && w >= 0.0 && x + w <= hi && y >= lo && h >= 0.0 && y + h <= hi))
      return RPPG_ERR_ARG; /* NaN too */
  }
  for (i = 0; i < n; i++) {
    const double x = parts[i].x, y = parts[i].y;
    const int left = rppg__round(x * face->w), right = rppg__round((x + parts[i].w) * face->w);
    const int top = rppg__round(y * face->h), bottom = rppg__round((y + parts[i].h) * face->h);
    out[i].x = face->x + left;
    out[i].y = face->y + top;
    out[i].w = right - left;
    out[i].h = bottom - top;
  }
  return RPPG_OK;
}

RPPG_DEF rppg_status rppg_layout_grid(int rows, int cols, const rppg_rect *box, rppg_rect *out)
{
  int r, c;
  if (!rppg__face_good(box) || out == NULL) return RPPG_ERR_ARG;
  if (rows < 1 || rows > 256 || cols < 1 || cols > 256) return RPPG_ERR_ARG;
  for (r = 0; r < rows; r++) {
    const int top = (2 * r * box->h + rows) / (2 * rows); /* 2 * 256 * 32768 = 2^24 */
    const int bottom = (2 * (r + 1) * box->h + rows) / (2 * rows);
    for (c = 0; c < cols; c++, out++) {
      const int left = (2 * c * box->w + cols) / (2 * cols);
      out->x = box->x + left;
      out->y = box->y + top;
      out->w = (2 * (c + 1) * box->w + cols) / (2 * cols) - left;
      out->h = bottom - top;
    }
  }
  return RPPG_OK;
}

/* ---- box smoothing --------------------------------------------------------------------------- */

RPPG_DEF rppg_status rppg_smoother_init(rppg_smoother *s, int length)
{
  if (s == NULL || length < 0 || length > RPPG_SMOOTHER_MAX) return RPPG_ERR_ARG;
  memset(s, 0, sizeof *s);
  s->length = length == 0 ? 20 : length;
  return RPPG_OK;
}

/* sum / n rounded half up, n > 0. */
static int rppg__mean(int32_t sum, int n)
{
  const int32_t a = 2 * sum + n, b = 2 * n;
  return (int)(a / b - (a % b < 0));
}

RPPG_DEF rppg_status rppg_smoother_push(rppg_smoother *s, const rppg_rect *box, rppg_rect *mean)
{
  rppg_rect *slot;
  if (s == NULL || mean == NULL || !rppg__face_good(box)) return RPPG_ERR_ARG;
  slot = &s->ring[s->next]; /* zero until the ring is full */
  s->sum[0] += box->x - slot->x;
  s->sum[1] += box->y - slot->y;
  s->sum[2] += box->w - slot->w;
  s->sum[3] += box->h - slot->h;
  *slot = *box;
  s->next = s->next + 1 < s->length ? s->next + 1 : 0;
  if (s->used < s->length) s->used++;
  mean->x = rppg__mean(s->sum[0], s->used);
  mean->y = rppg__mean(s->sum[1], s->used);
  mean->w = rppg__mean(s->sum[2], s->used);
  mean->h = rppg__mean(s->sum[3], s->used);
  return RPPG_OK;
}

/* @PULSE-IMPL@ */

/* @SESSION-IMPL@ */

/* ---- pop ------------------------------------------------------------------------------------- */

#if defined(__GNUC__) && !defined(__clang__) && !defined(__TINYC__)
#  pragma GCC pop_options
#endif
#endif /* RPPG__LAST */
#endif /* RPPG_IMPLEMENTATION */
