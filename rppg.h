/* rppg.h - heart rate from camera frames - v0.1.0 - MIT

   DO THIS
     #define RPPG_IMPLEMENTATION      in exactly one C or C++ file, before
     #include "rppg.h"                with rppg_dsp.h and rppg_nn.h beside it

   SYNOPSIS
     #define RPPG_IMPLEMENTATION
     #include "rppg.h"
     #include <stdio.h>

     static unsigned char mem[64 * 1024], pixels[64 * 64 * 3];

     int main(void)
     {
       rppg_session session;
       rppg_result r;
       rppg_frame frame;
       const rppg_rect face = { 8, 8, 48, 48 };
       int i, k;
       memset(&frame, 0, sizeof frame);
       frame.format = RPPG_RGB24;
       frame.width = frame.height = 64;
       frame.planes[0] = pixels;
       frame.strides[0] = 64 * 3;
       if (rppg_init(&session, NULL, mem, sizeof mem) != RPPG_OK) return 1;
       for (i = 0; i < 400; i++) {
         for (k = 0; k < 64 * 64 * 3; k++)
           pixels[k] = (unsigned char)(120 + (i % 25 + (k % 3 == 1 ? 2 * (i % 25) : 0) + k % 29) / 29);
         if (rppg_push(&session, &frame, &face, i * (int64_t)33333) != RPPG_OK) return 1;
       }
       if (rppg_estimate(&session, &r) != RPPG_OK) return 1;
       printf("%.1f bpm, confidence %.2f\n", r.hr_bpm, r.confidence);
       return 0;
     }

   LIMITS
     Frame sides up to RPPG_MAX_SIDE; The face box comes from the caller, or
     RPPG_FACE_AUTO finds pulses where people keep their places. Rates from 36 to 240 bpm by
     default. Not a medical device, and not validated as one.

   CONVENTIONS
     x to the right, y down, pixel units. Channels are always in the order R, G, B (or Y, U, V),
     whatever the order in memory. Strides are signed bytes: a bottom-up image points to its last
     row in memory and has negative strides. Times are microseconds of any clock that does not jump;
     frames need not be evenly spaced. out parameters never overlap inputs.

   MEMORY  ERRORS  THREADS
     Nothing is allocated. A session lives in the caller's block: rppg_mem_size, rppg_init. Pixel
     functions use at most 8 KB of stack and never copy a frame.
     Functions that meet foreign data (frames, rectangles, face boxes, times) check it and return a
     status; unless said otherwise, outputs are untouched when it is not RPPG_OK.
     No function has state of its own: objects of different threads are independent.

   EXACTNESS AND SIMD
     AVX-512 and AVX2 are chosen at run time on x86-64; SSE2, NEON and wasm simd128 when compiling.
     Every result has the same bits on all of them and on scalar machines of either byte order,
     where float arithmetic is IEEE single (not x87, not -ffast-math): tests/test_session.c.
     Only bytes between the two ends of a row of the frame are ever read.

   BUILD OPTIONS, before the include
     RPPG_STATIC        off   all functions static
     RPPG_NO_SIMD       off   scalar code only
     RPPG_NO_DISPATCH   off   only the instruction set that the compiler was told to use
     RPPG_NO_LIBM       off   no math.h; square roots by own code (slower, same bits)
     RPPG_NO_NN         off   no models: rppg_nn.h is not needed
     RPPG_ASSERT(x)     none  what to do about a programmer's error
     RPPG__SELF         "rppg.h", RPPG_DSP__SELF "rppg_dsp.h": the names, if you rename the files

   SOURCES
     [Kopeliovich2019]  Architectural tricks for deep learning in remote photoplethysmography,
                        ICCV Workshops 2019, section 4.1.1: six facial ROIs, boxes averaged
     [Wang2017]         Algorithmic principles of remote PPG, IEEE TBME 64(7), POS,
                        10.1109/TBME.2016.2609282
     [deHaan2013]       Robust pulse rate from chrominance-based rPPG, IEEE TBME 60(10), CHROM and
                        the SNR, 10.1109/TBME.2013.2266196
     [Verkruysse2008]   Remote plethysmographic imaging using ambient light, Opt. Express 16(26),
                        GREEN, 10.1364/OE.16.021434
     [deHaan2014]       Improved motion robustness of remote-PPG by using the blood volume pulse
                        signature, Physiol. Meas. 35(9), PBV, 10.1088/0967-3334/35/9/1913
     [Pilz2018]         Local group invariance for heart rate estimation from face videos in the
                        wild, CVPR Workshops 2018, LGI
     [Casado2023]       Face2PPG: an unsupervised pipeline for blood volume pulse extraction from
                        faces, IEEE JBHI 27(11), OMIT, 10.1109/JBHI.2023.3307942
     [Poh2011]          Advancements in noncontact, multiparameter physiological measurements using
                        a webcam, IEEE TBME 58(1), ICA, 10.1109/TBME.2010.2086456
     [Cardoso1993]      Blind beamforming for non-Gaussian signals, IEE Proceedings-F 140(6), JADE
     [Lewandowska2011]  Measuring pulse rate with a webcam, FedCSIS 2011, PCA
     [Wang2016]         A novel algorithm for remote photoplethysmography: spatial subspace
                        rotation, IEEE TBME 63(9), 2SR, 10.1109/TBME.2015.2508602
     [Wang2018]         Full video pulse extraction, Biomed. Opt. Express 9(8): no detector, the
                        frame weighs itself, there by colour, here by place, 10.1364/BOE.9.003898
     [Duff2017]         Building an orthonormal basis, revisited, JCGT 6(1)
     [BT601] [BT709]    ITU-R Recommendations: luma weights, limited range
     [BT2020] [BT2100]  the same; full range of 10 bits
     [ChaiNgan1999]     Face segmentation using skin-color map in videophone applications, IEEE
                        TCSVT 9(4), the chroma window of skin, 10.1109/76.767122
     [MIPI]             CSI-2, packing of RAW10 and RAW12
     [TaskForce1996]    Heart rate variability: standards of measurement, Circulation 93(5) and Eur.
                        Heart J. 17, 10.1161/01.CIR.93.5.1043
     [Salahuddin2007]   Ultra short term analysis of heart rate variability for monitoring mental
                        stress in mobile settings, IEEE EMBC, 10.1109/IEMBS.2007.4353378
     [Baek2015]         Reliability of ultra-short-term analysis as a surrogate of standard 5-min
                        analysis of heart rate variability, Telemed. e-Health 21(5),
                        10.1089/tmj.2014.0104
     [Munoz2015]        Validity of (ultra-)short recordings for heart rate variability
                        measurements, PLoS ONE 10(9), 10.1371/journal.pone.0138921
     [Clifford2005]     Quantifying errors in spectral estimates of HRV due to beat replacement and
                        resampling, IEEE TBME 52(4), 10.1109/TBME.2005.844028
     [Lipponen2019]     A robust algorithm for heart rate variability time series artefact
                        correction, J. Med. Eng. Technol. 43(3), 10.1080/03091902.2019.1640306
     [Karlen2013]       Multiparameter respiratory rate estimation from the photoplethysmogram, IEEE
                        TBME 60(7), 10.1109/TBME.2013.2246160

   CHANGES
     0.1.0  first release: frames, ROI sums, layouts, POS, CHROM, GREEN, session, confidence,
            search without a face box                                                           */
#ifndef RPPG_H
#define RPPG_H

#include "rppg_dsp.h"
#ifndef RPPG_NO_NN
#  include "rppg_nn.h"
#endif

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
  RPPG_ARGB,      /* x R G B; the first byte is ignored */
  RPPG_ABGR,      /* x B G R */
  RPPG_RGB565,    /* 16-bit words: R in bits 15..11, G in 10..5, B in 4..0 */
  RPPG_GRAY16,    /* 16-bit words, see bits and shift below */
  RPPG_P010,      /* plane 0: Y; plane 1: U V, 4:2:0; words whose highest 10 bits count */
  RPPG_BAYER16,   /* 16-bit words, see bits and shift; even width and height */
  RPPG_BAYER8,    /* bytes; even width and height */
  RPPG_RAW10,     /* MIPI CSI-2, Bayer: bits 9..2 of four pixels, then their bits 1..0, the first
                     pixel's lowest: 5 bytes; width a multiple of 4, even height */
  RPPG_RAW12,     /* MIPI CSI-2, Bayer: bits 11..4 of two pixels, then their bits 3..0, the first
                     pixel's lowest: 3 bytes; even width and height */
  RPPG__FORMAT_END
} rppg_format;

typedef enum rppg_matrix { RPPG_BT601 = 0, RPPG_BT709 = 1, RPPG_BT2020 = 2 } rppg_matrix;
typedef enum rppg_range { RPPG_LIMITED = 0, RPPG_FULL = 1 } rppg_range; /* 16..235, or 0..255 */

/* Colours of the first two pixels of the first row, and of the second. A crop of the sensor that
   begins at an odd row or column has another pattern. */
typedef enum rppg_bayer { RPPG_RGGB = 0, RPPG_BGGR, RPPG_GRBG, RPPG_GBRG } rppg_bayer;

/* A view of the caller's pixels. Zero it first: fields of later releases are zero by default. */
typedef struct rppg_frame {
  int format;               /* rppg_format */
  int width, height;        /* pixels, 1..RPPG_MAX_SIDE */
  const uint8_t *planes[3]; /* first byte of the top row of each plane that the format has */
  ptrdiff_t strides[3];     /* bytes from one row to the row below it; may be negative */
  int matrix;               /* rppg_matrix, for YUV formats */
  int range;                /* rppg_range, for YUV formats */
  int bayer;                /* rppg_bayer, for BAYER8, BAYER16, RAW10, RAW12 */
  int big_endian;           /* 1: words of 16 bits have their high byte first in memory */
  int bits;                 /* of a GRAY16 or BAYER16 value, 8..16; 0: all that shift leaves.
                               P010: 0 is 10; 12 makes it P012, 16 P016 */
  int shift;                /* of GRAY16 and BAYER16, 0..16 - bits: value = word >> shift */
} rppg_frame;

/* Whether a frame's description makes sense; the pixels are not touched.

   frame  in  any content, from any source; NULL is refused too

   Returns RPPG_OK; RPPG_ERR_UNSUPPORTED for a format, or a value of matrix and the fields below
   it, that this version does not know; RPPG_ERR_ARG for a side outside 1..RPPG_MAX_SIDE, or one
   that its format does not allow (YUYV and UYVY: even width), a missing plane, a stride shorter
   than its row, or a plane larger than the address space.
   Whether the memory is really there, only the caller knows.
   Exact. Cost: none to speak of; every function that takes a frame calls it.                  */
RPPG_DEF rppg_status rppg_frame_check(const rppg_frame *frame);

/* ---- sums over rectangles -------------------------------------------------------------------- */

typedef struct rppg_rect { int x, y, w, h; } rppg_rect; /* pixels; left, top, width, height */

/* Channel totals: R, G, B, or Y, U, V, or Y alone. The counts differ where chroma is subsampled,
   and in Bayer formats, where each pixel is one channel: half of them are G. */
typedef struct rppg_sums { uint64_t sum[3]; uint32_t count[3]; } rppg_sums;

/* Sums of every channel over n rectangles, however they overlap, in one pass over the pixels.

   frame  in   any format; checked by rppg_frame_check
   rois   in   [n]  any content; each is cut to the frame
   n      in   0 is fine. Each group of 64 rectangles is one pass: within it a pixel is read once
   out    out  [n]  totals; all zero where nothing of a rectangle lies inside the frame

   Luma and RGB are summed exactly over the rectangle. Chroma is summed over the chroma samples
   that the rectangle touches. In YUYV and UYVY the rectangle is widened to whole pixel pairs, for
   luma too; in Bayer formats to whole cells of 2 by 2, RAW10 4 by 2, and nothing is demosaiced.
   The counts say how many samples each sum holds. Samples are summed as they are: 0..31 and 0..63
   in RGB565, words in GRAY16, BAYER16 and P010 (not shifted, so lower bits count as fractions),
   values in RAW10 and RAW12.
   Returns RPPG_OK, an error of rppg_frame_check, or RPPG_ERR_ARG for a NULL with n > 0.
   Exact. Cost: O(pixels covered) + O(columns) a rectangle; RGB565, RAW10 and RAW12 read a pixel
   once more for each rectangle that it is in. 8 KB of stack.                                  */
RPPG_DEF rppg_status rppg_roi_sums(const rppg_frame *frame, const rppg_rect *rois, size_t n,
                                   rppg_sums *out);

/* Mean colour of one rectangle, as R, G, B.

   frame  in   its format, matrix and range are used; no pixel is
   sums   in   from rppg_roi_sums over a frame of the same kind
   rgb    out  [3]  0..255 for every depth: the largest value of the format is 255. Grey formats
               give the grey three times. Bayer means are the sensor's: no black level is taken
               off, nothing is balanced. YUV is converted after averaging:
               the conversion is affine, so this equals converting each pixel, but for clipping;
               means of colours that RGB cannot show lie a little outside 0..255

   Returns RPPG_OK; RPPG_ERR_DATA and rgb = 0 if a count is zero; RPPG_ERR_UNSUPPORTED as
   rppg_frame_check. Exact: double arithmetic, rounded once to float. Cost: O(1).             */
RPPG_DEF rppg_status rppg_sums_mean(const rppg_frame *frame, const rppg_sums *sums, float *rgb);

/* ---- sums over masks and skin ---------------------------------------------------------------- */

/* Window of BT.601 chroma, 8 bits, limited range, rounded. All zero is the window of [ChaiNgan1999],
   Cb 77..127, Cr 133..173. It holds skin of every tone, since tones differ in luma much more than
   in chroma; but all chroma shrinks with the light. Of rendered faces of six tones all of forehead
   and cheeks passes, in half of that light 0.89 of the darkest, and all again from Cr 130: widen it
   where faces are dark. It also holds wood, sand and red cloth. */
typedef struct rppg_skin { int cb_min, cb_max, cr_min, cr_max; } rppg_skin;

/* Sums of every channel over the pixels of a rectangle that a mask and a skin gate let pass.

   frame   in   any format; checked by rppg_frame_check
   rect    in   any content; cut to the frame. NULL: the whole frame
   mask    in   [rect->h] rows of [rect->w] bytes: its first byte is the rectangle's first pixel,
                even outside of the frame; not 0: counts. NULL: every pixel. For a mask of the
                frame's size, pass rect = NULL or point into it
   stride  in   bytes from a mask row to the next; may be negative
   skin    in   only pixels of this chroma; NULL: any chroma. Each 0..255, min <= max, or all zero
   out     out  totals; out->count[0] says how many pixels passed (of RGB and YUV formats)

   What rppg_roi_sums would widen is judged as a whole: a chroma sample, a pair of YUYV, a Bayer
   cell counts if any pixel of it inside the rectangle passes. So a mask of ones gives what
   rppg_roi_sums gives. The gate sees a pixel's own R, G, B, or the chroma sample that covers it;
   other matrices and full range are converted to BT.601 first.
   Returns RPPG_OK; an error of rppg_frame_check; RPPG_ERR_ARG for a NULL, a bad window, or a mask
   stride shorter than the rectangle; RPPG_ERR_UNSUPPORTED for a gate on grey or Bayer;
   RPPG_ERR_DATA and all zero if nothing passed.
   Exact. Cost: O(pixels): 2 to 3 times rppg_roi_sums; about 1 ns a pixel where bytes cannot be
   shuffled (SSE2, 32-bit ARM) and for samples that share bytes; a gate takes 3 ns a pixel more, of
   RGB565 and P010 5. 5 KB of stack.                                                           */
RPPG_DEF rppg_status rppg_mask_sums(const rppg_frame *frame, const rppg_rect *rect,
                                    const uint8_t *mask, ptrdiff_t stride, const rppg_skin *skin,
                                    rppg_sums *out);

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

/* ---- patches: small images for video models -------------------------------------------------- */

typedef enum rppg_patch_order {
  RPPG_PATCH_HWC = 0, /* [h][w][3] */
  RPPG_PATCH_CHW = 1  /* [3][h][w] */
} rppg_patch_order;

#define RPPG_PATCH_MAX 256 /* a side of a patch */

/* Bytes of work that rppg_patch needs, for any frame: about 80 a pixel of the box's width and 100 a
   pixel of w, 29 KB for 300 to 36. 0 for a bad box or a side out of range. */
RPPG_DEF size_t rppg_patch_work(const rppg_rect *box, int w, int h);

/* A box of the frame, resampled to w by h pixels by area averaging: the box is cut into w by h
   equal cells, and a pixel of the patch is the mean of its cell, frame pixels at the rim of a cell
   counting by the part of them that lies inside (cv2.INTER_AREA when shrinking). The same rule
   holds where cells are smaller than pixels: the frame is squares of one colour, never
   interpolated.

   frame  in   any format
   box    in   pixels; a good face box, see layouts. What reaches over the edge of the frame takes
               the nearest pixel's colour, so that the face keeps its shape
   w, h   in   1..RPPG_PATCH_MAX each, usually 9, 36, 72 or 128
   order  in   rppg_patch_order
   out    out  R, G, B from 0 to 255, in that order, for every depth, as of rppg_sums_mean; grey
               formats give the grey three times. YUV is averaged as YUV, a chroma sample covering
               its 2x1 or 2x2 pixels, and converted once a pixel of the patch; colours that RGB
               cannot show lie a little outside 0..255. Bayer is not demosaiced: each sample covers
               the 2x2 pixels of its cell, and G is the mean of the cell's two
   work   tmp  [rppg_patch_work(box, w, h)] bytes, any content, any alignment

   Returns RPPG_OK; an error of rppg_frame_check; RPPG_ERR_ARG for a NULL, a bad box, side or order;
   RPPG_ERR_DATA if no pixel of the box lies in the frame. Never NaN.
   Exact: same bits on every ISA; within 0.0002 of the true mean. Cost: one pass over the box, of
   which rows that two rows of the patch share are read twice. RGB565, RAW10 and RAW12 are slow
   where bytes cannot be shuffled (SSE2, 32-bit ARM).                                            */
RPPG_DEF rppg_status rppg_patch(const rppg_frame *frame, const rppg_rect *box, int w, int h,
                                int order, float *out, void *work);

/* ---- pulse methods --------------------------------------------------------------------------- */

typedef enum rppg_method {
  RPPG_POS = 0,     /* plane orthogonal to skin           [Wang2017]                            */
  RPPG_CHROM = 1,   /* chrominance                        [deHaan2013]                          */
  RPPG_GREEN = 2,   /* the green channel                  [Verkruysse2008]                      */
  RPPG_CONTACT = 3, /* finger on the lens: each channel for itself, the session weighs them     */
  RPPG_PBV = 4,     /* blood volume pulse signature       [deHaan2014], its signature           */
  RPPG_PBV_DATA = 5,/* the same, signature from the data                                        */
  RPPG_LGI = 6,     /* local group invariance             [Pilz2018]                            */
  RPPG_OMIT = 7,    /* orthogonal image transformation    [Casado2023]                          */
  RPPG_ICA = 8,     /* independent components, by JADE    [Poh2011; Cardoso1993]                */
  RPPG_PCA = 9,     /* principal components               [Lewandowska2011]                     */
  RPPG_2SR = 10,    /* spatial subspace rotation          [Wang2016]; needs pixels, not means   */
  RPPG_NIR = 11,    /* mean of the three channels: what infrared light shows to any of them     */
  RPPG_CONSENSUS = 12, /* session only: POS, GREEN and PBV, weighed                             */
  RPPG__METHOD_END
} rppg_method;

typedef struct rppg_pulse_config {
  int method;          /* rppg_method: streams POS, CHROM, GREEN (of one channel: CONTACT), NIR;
                          whole signals all but CONTACT, 2SR (rppg_2sr_signal) and CONSENSUS */
  double rate_hz;      /* uniform samples per second, 5 <= rate_hz <= 250 */
  int toolbox;         /* whole signals only: not 0 for rPPG-Toolbox's definition, quirks included */
} rppg_pulse_config;

/* Streaming pulse extraction. In both POS and CHROM a window of 1.6 s yields weights g with
   pulse = g . (R, G, B, 1) of mean 0, and overlapping windows are averaged. A sample's pulse is
   therefore its colour times the moving mean of g, and g needs only the window's first and second
   moments: the work for a new frame does not depend on the window's length. Fields are private. */
typedef struct rppg_pulse {
  int method;
  size_t length, terms;       /* of the window, samples; weights of a sample */
  size_t total, at, fresh;    /* samples so far; ring position; samples since the last refresh */
  double base[3], sum[3], product[6], weight_sum[4];
  float *colour;              /* [length][3] */
  double *weight;             /* [length][terms]: of R, G, B and, of CHROM, 1 */
} rppg_pulse;

/* Samples of a POS or CHROM window: 1.6 s, rounded up  [Wang2017, 4.2]. */
RPPG_DEF size_t rppg_pulse_window(double rate_hz);

/* Bytes that rppg_pulse_init needs; 0 if it would refuse the config. */
RPPG_DEF size_t rppg_pulse_mem_size(const rppg_pulse_config *cfg);

/* Prepares a stream in the caller's block, which must outlive it and not move.
   Returns RPPG_OK, RPPG_ERR_ARG or RPPG_ERR_SPACE; on error p is untouched.                      */
RPPG_DEF rppg_status rppg_pulse_init(rppg_pulse *p, const rppg_pulse_config *cfg, void *mem,
                                     size_t mem_size);

/* Takes one sample.

   rgb    in   [3]   mean skin colour, any positive scale common to the whole stream
   pulse  out  [1]   the sample that is final now, window - 1 samples old: relative change of
                     reflectance, no unit (GREEN: the grey value of this very sample)

   Returns 1 if a sample came out, 0 while the first window fills.
   A window with a channel of mean <= 0, or without any change, contributes 0. A value that is not
   finite spoils the samples of three windows at most.
   Exact: same bits on every ISA. Cost: about 80 operations, every window-th call 20 per sample.  */
RPPG_DEF int rppg_pulse_push(rppg_pulse *p, const float rgb[3], float *pulse);

/* The samples that are not final yet, oldest first, from the windows that have reached them so far.

   pulse  out  [window - 1], the newest without any whole window yet but this one's weights

   Returns how many: 0 until a window is full, then window - 1 (GREEN: always 0).                 */
RPPG_DEF size_t rppg_pulse_tail(const rppg_pulse *p, float *pulse);

/* Forgets all samples. */
RPPG_DEF void rppg_pulse_reset(rppg_pulse *p);

/* Doubles of work that rppg_pulse_signal needs; 0 if it would refuse the config. */
RPPG_DEF size_t rppg_pulse_signal_work(const rppg_pulse_config *cfg, size_t n);

/* Pulse of a whole recording. With cfg->toolbox = 0 the same bits as the stream and its tail, one
   output a sample. With toolbox = 1 the definition of rPPG-Toolbox (POS_WANG.py, CHROME_DEHAAN.py,
   GREEN.py), to 1e-5 of the signal's range: POS windows exclude the newest frame, then smoothness
   priors (lambda 100) and a 0.75 to 3 Hz Butterworth forward and backward; CHROM filters each
   window from 0.7 to 2.5 Hz and returns fewer samples than it was given.

   rgb      in   [n][3]
   n        in   n >= the window; the toolbox forms also n > 21
   pulse    out  [n]; must not overlap rgb
   n_pulse  out  samples written; may be NULL
   work     tmp  [rppg_pulse_signal_work(cfg, n)] doubles, any content

   Returns RPPG_OK; RPPG_ERR_ARG for a bad config; RPPG_ERR_DATA if n is too small, a value is not
   finite, or a toolbox window has a channel of mean 0 or no variation (pulse has any content then).
   Exact. Cost: O(n), toolbox POS O(n window); other methods: see the next section.               */
RPPG_DEF rppg_status rppg_pulse_signal(const rppg_pulse_config *cfg, const float *rgb, size_t n,
                                       float *pulse, size_t *n_pulse, double *work);

/* ---- methods that look at a whole window ----------------------------------------------------- */

/* PBV, LGI, OMIT, ICA and PCA make one weight a channel from all samples that they are given, a
   session from its window. With c' = c / mean(c) - 1, a straight line taken off, the pulse is
   g . c', of mean 0, a relative change that rises with green as those of POS and CHROM do:

     PBV       g = p Q^-1 / (p Q^-1 p'), Q the covariance of c' within the band, a thousandth of
               its trace added to the diagonal, p = (0.33, 0.77, 0.53) / length, the published
               signature of blood under white light [deHaan2014]
     PBV_DATA  the same with p from the standard deviations of c' in the band
     LGI       what is left of green when the main direction of the colours, which are not
               normalised, is projected away [Pilz2018]; their main direction is about their mean
     OMIT      the same for the first column of Q of a QR decomposition: the first colour
     ICA       smoothness priors (lambda 100 at 30 samples a second), whitening, joint
               diagonalisation of the three largest eigenmatrices of the fourth cumulants; the
               component with the highest peak of all shares of its power within the band
     PCA       eigenvectors of the covariance of c' within the band, component chosen alike

   The band is 0.6 to 4 Hz, in a session bpm_min to bpm_max, under a Hann window. The sign of ICA
   and PCA is that with which they go along with green in the band; their g has length 1. Grey
   colours, R = G = B, leave nothing of LGI and OMIT, a hundredth of PBV, and of PBV_DATA, ICA and
   PCA the grey value.

   With toolbox = 1, to 1e-5 of the range: PBV.py (signature from the data, means left in), LGI.py,
   OMIT.py, ICA_POH.py (the best of its components over all frequencies, then a Butterworth from 0.7
   to 2.5 Hz; its sign is that of green, the toolbox's is undefined), and pyVHR's cpu_PCA (centred
   over channels, second component times its variance; its largest value positive, as of
   scikit-learn 1.5). RPPG_ERR_DATA where they divide by zero or invert what is singular.

   Bounds, work and results are those of rppg_pulse_signal; n <= RPPG_DSP_FFT_MAX. Exact.
   Cost: O(n log n), of PBV, LGI and OMIT with toolbox = 1 O(n).                                  */

/* Sums of a rectangle's pixels: R, G, B, then RR, RG, RB, GG, GB, BB. */
typedef struct rppg_moments { uint64_t sum[3], product[6]; uint32_t count; } rppg_moments;

/* First and second moments of the colours in n rectangles.

   frame  in   RGB24, BGR24, RGBA or BGRA
   rois   in   [n]  any content; each is cut to the frame
   n      in   0 is fine
   out    out  [n]  all zero where nothing of a rectangle lies inside the frame

   Returns RPPG_OK, an error of rppg_frame_check, RPPG_ERR_ARG for a NULL with n > 0, or
   RPPG_ERR_UNSUPPORTED for the other formats: where chroma has fewer samples than luma, their
   products depend on how it is interpolated.
   Exact. Cost: about ten times that of rppg_roi_sums, each rectangle by itself. 8 KB of stack.   */
RPPG_DEF rppg_status rppg_roi_moments(const rppg_frame *frame, const rppg_rect *rois, size_t n,
                                      rppg_moments *out);

/* Doubles of work that rppg_2sr_signal needs; 0 if it would refuse the config. */
RPPG_DEF size_t rppg_2sr_signal_work(const rppg_pulse_config *cfg, size_t n);

/* Pulse from the rotation of the colours' eigenvectors between frames [Wang2016, alg. 1]. Windows
   of a second, each frame the mean of the windows that hold it.

   cfg      in   rate_hz, toolbox; method is RPPG_2SR
   moments  in   [n][9]  means over the skin's pixels of R, G, B, RR, RG, RB, GG, GB, BB
   n        in   more than a second
   pulse    out  [n]  rises with green within 0.6 to 4 Hz; no unit
   work     tmp  [rppg_2sr_signal_work(cfg, n)] doubles, any content

   toolbox = 1: pyVHR's cpu_SSR: windows end before the newest frame, and are added up, not
   averaged; p as the paper has it, whatever the sign. Where the smaller eigenvalues are 0 (one
   colour, or grey) a frame starts no window.
   Returns RPPG_OK; RPPG_ERR_ARG for a bad config or a NULL; RPPG_ERR_DATA if n is too small or a
   value is not finite. Exact. Cost: O(n rate).                                                   */
RPPG_DEF rppg_status rppg_2sr_signal(const rppg_pulse_config *cfg, const double *moments, size_t n,
                                     float *pulse, double *work);

/* ---- session --------------------------------------------------------------------------------- */

#define RPPG_MAX_ROIS 64

/* Zero selects the default of every field. */
typedef struct rppg_config {
  int method;              /* rppg_method; POS. Those of a window look at window_s each time */
  int layout;              /* rppg_layout; the six facial ROIs */
  const rppg_part *parts;  /* [n_parts] ROIs of your own instead of layout; copied by init */
  size_t n_parts;          /* up to RPPG_MAX_ROIS */
  double rate_hz;          /* 30: of the uniform grid that frames are averaged onto, 10..250 */
  double window_s;         /* 10: seconds that an estimate looks back, 4..60 */
  double min_window_s;     /* 5: seconds before the first estimate, 3..window_s */
  double max_gap_s;        /* 1: a longer time without a frame starts a new window */
  double bpm_min, bpm_max; /* 36, 240: the band, 20 <= bpm_min, 2 bpm_min <= bpm_max <= 300 */
  int smooth_boxes;        /* 20: face boxes to average, 1..64 */
  int auto_cells;          /* 0: off. Cells of the grid for RPPG_FACE_AUTO, 12..1024; then one ROI
                              that is found, and rate_hz is 15 by default */
  double auto_step_s;      /* 1: seconds between two searches, up to 60 */
  const void *model;       /* NULL: none. A blob of rppg_nn.h that outlives the session: it sets the
                              layout where it reads ROIs, and the shortest window; rate_hz is a
                              whole multiple of the model's, by default the least from 30 on */
  size_t model_size;       /* bytes of it */
  int model_face;          /* 512: widest face box, in pixels, that a model of patches can take */
  int adapt;               /* 0: off. 1: the model's adapter learns; see "the adapter" below */
  const rppg_skin *skin;   /* NULL: off. Only pixels of this chroma count (all zero: [ChaiNgan1999]);
                              copied by init. Not with auto_cells, nor 2SR */
  const struct rppg_config *cameras; /* [n_cameras] NULL: one camera. See "several cameras" below */
  size_t n_cameras;        /* up to RPPG_MAX_CAMERAS */
} rppg_config;

typedef enum rppg_source { RPPG_SOURCE_FFT = 0, RPPG_SOURCE_MODEL = 1 } rppg_source;

/* Reasons to distrust an estimate; bits of rppg_result.flags. */
#define RPPG__FLAGS(X)                                                                             \
  X(RPPG_FLAG_SHORT, 0, "short")       /* the window is not full yet */                            \
  X(RPPG_FLAG_STATIC, 1, "static")     /* nothing moves: a photograph, a wall */                   \
  X(RPPG_FLAG_CLIPPED, 2, "clipped")   /* a channel is near 0 or 255 */                            \
  X(RPPG_FLAG_MOTION, 3, "motion")     /* the brightness of a ROI jumped */                        \
  X(RPPG_FLAG_FLICKER, 4, "flicker")   /* the light itself pulses at this rate */                  \
  X(RPPG_FLAG_NO_FACE, 5, "no_face")   /* frames without a face, or with none of it to be seen */  \
  X(RPPG_FLAG_TIME, 6, "time")         /* time stood, went back or leapt since the last estimate */ \
  X(RPPG_FLAG_LOW_FPS, 7, "low_fps")   /* too few frames for bpm_max: the band is cut */           \
  X(RPPG_FLAG_HARMONIC, 8, "harmonic") /* half or double the rate is nearly as likely */           \
  X(RPPG_FLAG_NOISE, 9, "noise")       /* no peak stands out */                                    \
  X(RPPG_FLAG_BAD_FRAME, 10, "bad_frame") /* frames were refused since the last estimate */        \
  X(RPPG_FLAG_DISAGREE, 11, "disagree") /* the model and the FFT see different rates */            \
  X(RPPG_FLAG_NO_SKIN, 12, "no_skin")  /* frames whose face is skin to less than a half */
typedef enum rppg_flag {
#define RPPG__X(name, bit, text) name = 1 << bit,
  RPPG__FLAGS(RPPG__X)
#undef RPPG__X
  RPPG__FLAG_END = 1 << 13
} rppg_flag;

typedef struct rppg_result {
  double t_s;          /* time of the newest frame, seconds after the first since init or reset */
  double hr_bpm;       /* mean rate of this window; 0 if nothing in it changes. Of several peaks, that
                          which the windows before make likeliest */
  double raw_bpm;      /* the same, of this window's highest peak, whatever was before */
  double tracked_bpm;  /* hr_bpm, held to what a heart can do since the estimates before */
  double confidence;   /* 0..1: the chance that hr_bpm is within 5 bpm of the heart's mean rate */
  double snr_db;       /* power at the peak and its double, +-6 bpm, over the rest of the band */
  double window_s;     /* seconds that the estimate rests on */
  double fps;          /* frames per second in the window */
  rppg_source source;
  unsigned flags;      /* rppg_flag */
} rppg_result;

struct rppg_finder;
struct rppg__reader;
#define RPPG__EVIDENCE 10 /* terms of the confidence */

/* One face in one stream of frames. Two sessions share nothing. All fields are private. */
typedef struct rppg_session {
  rppg_config cfg;
  size_t rois, signals, channels; /* channels = 3 rois; signals: pulses, one a ROI or channel */
  size_t values;                  /* of a frame: channels, of 2SR and six covariances a ROI */
  size_t n, final;                /* samples of a window; of them, those whose pulse is final */
  size_t fft_n, bins;             /* of the transform; bins kept, up to 1.5 bpm_max */
  rppg_part *parts;               /* [rois] */
  rppg_rect *rects;               /* [rois] of the newest frame */
  rppg_sums *sums;                /* [rois] */
  float *kept;                    /* [rois] share of the pixels that count */
  rppg_skin *skin;                /* of the config, or NULL */
  rppg_pulse *pulses;             /* [signals] */
  float *colours;                 /* [n][rois][3] ring */
  float *waves;                   /* [signals][final] ring */
  float *now, *last;              /* [values] colours of the newest frame and the one before */
  double *cell;                   /* [values] the grid sample in the making */
  float *wave, *hann;             /* [n] */
  float *scratch;                 /* [fft_n + 2] */
  float *power, *shared;          /* [bins] */
  float *belief;                  /* [bins] chances of the rates after the last estimate, sum 1 */
  rppg_moments *moments;          /* [rois], 2SR only, as is turns */
  double *turns;                  /* [n][rois][8] ring: frames as rppg__turn_of has them */
  float *levels, *tones;          /* [3][n] (ICA 6), [3][bins][2] a window's colours, their spectra */
  double *solve;                  /* [4 n] ICA, [3 n] 2SR */
  float *each, *votes;            /* [4][n], [3][bins] of a consensus: waves, their powers */
  rppg_dsp_fft fft;
  rppg_smoother smoother;
  size_t total, wave_n;           /* grid samples so far; samples in wave */
  size_t jump_at;                 /* grid time of the last brightness jump */
  int64_t first_us, last_us, origin_us; /* first of the window, newest, first since the reset */
  double last_s, interval_s, track_bpm, track_var, track_s, belief_s;
  double wave_end_s;              /* of wave, on the clock of the frames */
  unsigned flags;                 /* gathered since the last estimate */
  int started, begun, spectrum_ok, agreed, believes;
  struct rppg_finder *finder;     /* with auto_cells, else NULL */
  struct rppg__reader *reader;    /* with a model, else NULL */
  double trust;                   /* factor of the confidence: 1 without a finder */
  int auto_id;                    /* the person of the last estimate */
  double evidence[RPPG__EVIDENCE]; /* what the last estimate's confidence rests on */
  struct rppg_session *camera;    /* [cfg.n_cameras], or NULL */
  rppg_result own;                /* of a camera: its last estimate, window_s = 0: it had none */
  double share;                   /* ... and how much of the session's was its */
} rppg_session;

/* A flag's name as in JSON, or NULL for a value that is no single flag. */
RPPG_DEF const char *rppg_flag_text(unsigned flag);

/* Bytes that rppg_init needs for this config (NULL: defaults); 0 if it would refuse it. The
   default takes less than 64 KB.                                                                 */
RPPG_DEF size_t rppg_mem_size(const rppg_config *cfg);

/* Starts a session in the caller's block, which must outlive it and not move.

   s    out  the session; it may be copied only together with its block, so: do not
   cfg  in   NULL: defaults

   Returns RPPG_OK; RPPG_ERR_ARG for a field outside its range, or a model that the rest of the
   config does not fit; RPPG_ERR_SPACE if mem_size is less than rppg_mem_size says; an error of
   rppg_nn_open, which says more. On error s is untouched.                                        */
RPPG_DEF rppg_status rppg_init(rppg_session *s, const rppg_config *cfg, void *mem, size_t mem_size);

/* Takes a frame.

   frame  in  any supported format, 1 to 250 frames per second; not kept
   face   in  box of the face in this frame's pixels, from any detector; NULL: none was found;
             RPPG_FACE_AUTO in a session with auto_cells, which takes nothing else
   t_us   in  capture time in microseconds, any origin

   Returns RPPG_OK; an error of rppg_frame_check, of rppg_roi_moments with RPPG_2SR (it takes RGB
   only: RPPG_ERR_UNSUPPORTED); RPPG_ERR_ARG for a bad box, or with cameras; RPPG_ERR_DATA without
   a face, or if no ROI lies in the frame, or if t_us is not after the last frame's. A frame with
   an error is left out, and a flag says so at the next estimate. One whose time goes back starts
   a new window, and so does one that comes later than max_gap_s; the latter returns RPPG_OK.
   Exact. Cost: the pixels of the ROIs, and O(1) beyond them.                                     */
RPPG_DEF rppg_status rppg_push(rppg_session *s, const rppg_frame *frame, const rppg_rect *face,
                               int64_t t_us);

/* The same with a mask, as a face parser makes it: only pixels of the ROIs that it lets pass count,
   and of these, with cfg.skin, only those of skin.

   mask    in  [frame->height] rows of [frame->width] bytes; not 0: counts. NULL: every pixel
   stride  in  bytes from a mask row to the next; may be negative

   A ROI of which less than RPPG_KEPT_LEAST is left is missing in this frame: it keeps its colour, as
   one outside of the frame does. RPPG_ERR_DATA if all are. RPPG_FLAG_NO_SKIN where cfg.skin lets
   pass less than half of what the mask did, all ROIs together.
   Also RPPG_ERR_ARG for a stride shorter than the frame, or with auto_cells; RPPG_ERR_UNSUPPORTED
   with 2SR, and for cfg.skin on grey or Bayer frames, masked or not. A model's patches stay whole.
   Exact. Cost: rppg_mask_sums of each ROI, so pixels in several ROIs are read several times.      */
#define RPPG_KEPT_LEAST 0.1
RPPG_DEF rppg_status rppg_push_masked(rppg_session *s, const rppg_frame *frame,
                                      const rppg_rect *face, const uint8_t *mask, ptrdiff_t stride,
                                      int64_t t_us);

/* Takes mean colours instead of a frame, from an ISP's statistics or a file.

   rgb   in  [rois][3]   any positive scale (clipping is judged at 0..255); for one channel, the
             same value three times and RPPG_GREEN
   t_us  in  as above

   Returns RPPG_OK; RPPG_ERR_DATA as above, and if a value is not finite; RPPG_ERR_UNSUPPORTED with
   RPPG_2SR, to which means say nothing. Exact. Cost: O(rois).                                    */
RPPG_DEF rppg_status rppg_push_rgb(rppg_session *s, const float *rgb, int64_t t_us);

/* The rate of the window that ends with the newest frame. May be called after every frame or now
   and then; raw_bpm, the wave and the spectrum do not depend on the calls before. Where a window's
   peaks are in doubt, hr_bpm does, and so do confidence and tracked_bpm: call it at least once in a
   window's length, so that it has something to remember.

   With a model, its rate is the answer where it is sharp and the FFT is unsure; else, and where both
   agree, the FFT's is. out->source says which, RPPG_FLAG_DISAGREE that they differ. A classifier whose
   rates cover less than half of the band, in octaves, is not heard.

   Returns RPPG_OK; RPPG_ERR_DATA while the window is shorter than min_window_s (out untouched).
   Exact. Cost: at most 2 signals + 4 FFTs, methods of a window 3 a ROI more, a consensus 4 more.  */
RPPG_DEF rppg_status rppg_estimate(rppg_session *s, rppg_result *out);

/* Starts a new window and forgets the tracked rate, the face box and the time. */
RPPG_DEF void rppg_reset(rppg_session *s);

/* What the last successful rppg_estimate saw; pointers are good until the next call.

   rppg_wave      pulse wave on the grid of cfg.rate_hz, newest last, up = more blood in the skin;
                  relative change, no unit; n: samples
   rppg_spectrum  its power, n bins of *bin_hz from 0 Hz to bpm_max; no unit
   rppg_rois      rectangles of the newest frame, n of them (empty ones before the first)
   The first two return NULL and n = 0 before there is one.                                       */
RPPG_DEF const float *rppg_wave(const rppg_session *s, size_t *n);
RPPG_DEF const float *rppg_spectrum(const rppg_session *s, size_t *n, double *bin_hz);
RPPG_DEF const rppg_rect *rppg_rois(const rppg_session *s, size_t *n);

/* Share of each ROI's pixels in the newest frame that mask and skin gate let pass, 0..1, [n]: 1
   without either; 0 for a ROI outside of the frame, and before the first.                        */
RPPG_DEF const float *rppg_kept(const rppg_session *s, size_t *n);

/* Mean colours of the newest frame that was accepted, [n][3], R first; zeros before the first. */
RPPG_DEF const float *rppg_frame_colours(const rppg_session *s, size_t *n);

/* Mean colours of one ROI on the grid, newest last.

   roi  in   0 <= roi < number of ROIs, else nothing is written
   rgb  out  [cap][3]
   cap  in   samples that fit; the newest ones are written

   Returns the number of samples written.                                                         */
RPPG_DEF size_t rppg_colours(const rppg_session *s, size_t roi, float *rgb, size_t cap);

/* ---- session: the adapter -------------------------------------------------------------------- */

#ifndef RPPG_NO_NN
/* A model's blob may carry an adapter to one camera (rppg_nn.h, ADPT): a session applies it, always. With
   cfg.adapt = 1 the session keeps a copy of it in its block - where the blob has no head, one that
   changes nothing yet - and the head learns while it runs: each estimate of the FFT that is
   sure and steady, and that no flag casts doubt upon, is a label for the model's newest run, and one
   step of gradient descent follows; the model's own opinion teaches nothing. A step is at most
   RPPG_ADAPT_STEP long, no number leaves the one that was shipped by more than RPPG_ADAPT_REACH. A head
   for classes sees differences between neighbouring rates, never the rates themselves, so it cannot
   learn to prefer one. Not for models that give a rate alone (RPPG_NN_TASK_RATE).

   What was learnt outlives rppg_reset. Of a session of several cameras, ask rppg_camera's.         */
#define RPPG_ADAPT_STEP 0.02
#define RPPG_ADAPT_REACH 0.5

/* Stops learning (1), or lets it go on (0, as after init): frozen, every result is a function of the
   frames alone. */
RPPG_DEF void rppg_adapter_freeze(rppg_session *s, int frozen);

/* Back to the adapter that was shipped with the model. */
RPPG_DEF void rppg_adapter_reset(rppg_session *s);

/* Steps learnt so far; 0 without cfg.adapt. */
RPPG_DEF uint32_t rppg_adapter_steps(const rppg_session *s);

/* Bytes that rppg_adapter_save writes; 0 without cfg.adapt. */
RPPG_DEF size_t rppg_adapter_size(const rppg_session *s);

/* Writes the adapter: little-endian, the same bytes on every machine.

   out   out  [size] at  0  8 bytes "RPPGAD\x1a\n"
                         8  u16 version, 1; u16 zero
                        12  u32 checksum of the model's blob (its bytes 20 to 23)
                        16  u32 size of all
                        20  u32 CRC-32 of all, with these four bytes as zeros
                        24  u32 steps learnt
                        28  u32 number of values, then f32 values, in the order of ADPT

   Returns RPPG_OK; RPPG_ERR_ARG for a NULL or without cfg.adapt; RPPG_ERR_SPACE for too small a
   size. On error out is untouched.                                                               */
RPPG_DEF rppg_status rppg_adapter_save(const rppg_session *s, void *out, size_t size);

/* Goes on from a saved adapter.

   saved  in   [size] any bytes
   why    out  a sentence, static, "ok" where all is well; or NULL

   Returns RPPG_OK; RPPG_ERR_ARG for a NULL or without cfg.adapt; RPPG_ERR_UNSUPPORTED for another
   version or another model's; RPPG_ERR_DATA for what is damaged, cut off, or beyond the reach of
   learning. On error the session's adapter stays as it is.                                       */
RPPG_DEF rppg_status rppg_adapter_load(rppg_session *s, const void *saved, size_t size,
                                       const char **why);
#endif

/* ---- vital signs: beats, heart rate variability, respiration --------------------------------- */

/* From a pulse wave at a uniform rate, up = more blood: that of a session (rppg_wave) or a recorded
   one, such as minus the red channel of a finger on the lens. What a camera sees is the pulse and
   not the heart: its variability is close to that of the ECG at rest and in steady light, not in
   motion. None of it was validated as a medical device. */

#define RPPG_VITAL_MIN_S 3.0 /* seconds of wave that hold a rhythm */

/* Zero selects the default of every field. */
typedef struct rppg_beats_config {
  double bpm_min, bpm_max; /* 36, 240: where the rate is looked for; 20 <= bpm_min, 2 bpm_min <=
                              bpm_max <= 300, bpm_max <= 24 rate_hz */
} rppg_beats_config;

/* Doubles of work that rppg_beats needs: 3 n + 128; 0 if n is too large to be true. */
RPPG_DEF size_t rppg_beats_work(size_t n);

/* Times of the beats in a pulse wave: where it rises most steeply, to a fraction of a sample. Of
   foot, rise and peak the rise has the least jitter; it lies about 0.1 s before the peak. On drawn
   clean waves the jitter is below 2 ms at 30 frames a second (9 ms at 15); with white noise of a
   twentieth, tenth, fifth of the height below 8, 13, 27 ms. There is a constant bias besides, of
   up to 15 ms (40 at 15), which intervals do not see.

   wave     in   [n]     any unit, any slow baseline
   n        in   at least RPPG_VITAL_MIN_S seconds; to minutes, while the rate stays within half and
                 twice its mean (a longer recording: windows, and rppg_beat_log)
   rate_hz  in   samples per second, 10..1000
   cfg      in   NULL: defaults
   t_s      out  [cap]   seconds after wave[0], rising
   quality  out  [cap]   0..1: likeness to the mean beat in shape (correlation) and height, less in
                 a wave whose rhythm does not repeat; 0 for all if there are fewer than three
   cap      in   the first cap beats are written; 5 a second always suffice
   count    out  beats written; 0 for a constant
   work     tmp  [rppg_beats_work(n)]  any content

   Method: period by autocorrelation of 10 s pieces, peaks in the octave on either side of it (where
   a dicrotic notch is none), those below a fifth of the median prominence left out, the steepest
   rise before each in the wave below its fifth harmonic; then each beat is moved to where it
   matches the mean of all beats best, twice (not below 8 samples a beat), and those that end up
   nearer than 0.3 periods to the one before are dropped.
   Returns RPPG_OK; RPPG_ERR_ARG for a bound above; RPPG_ERR_DATA if n is too small or a sample is
   not finite (outputs untouched). Exact. Cost: 37 us for 10 s at 30 Hz on a 3 GHz core.          */
RPPG_DEF rppg_status rppg_beats(const float *wave, size_t n, double rate_hz,
                                const rppg_beats_config *cfg, double *t_s, float *quality,
                                size_t cap, size_t *count, double *work);

/* What is wrong with the interval that ends at a beat. */
typedef enum rppg_mark {
  RPPG_MARK_OK = 0,
  RPPG_MARK_FIRST = 1, /* it has no beginning */
  RPPG_MARK_WEAK = 2,  /* a beat at one of its ends has a quality below a half */
  RPPG_MARK_SHORT = 3, /* an extra beat, an early one */
  RPPG_MARK_LONG = 4   /* a missed beat, a late one, a gap in the recording */
} rppg_mark;

/* Marks the intervals that are artefacts: those that differ from the median of the 11 around them
   by more than 5 times the median change from one interval to the next of the 61 around, held
   within 15 % and 45 % of that median. So a steady heart is watched closely, and one that breathing
   moves far is let be. The idea of a time-varying threshold is that of [Lipponen2019].

   t_s      in   [n]  beats in seconds, strictly rising, within +-1e11
   quality  in   [n]  of rppg_beats or rppg_beat_log_read; NULL: all good, as of a chest strap
   n        in   0 is fine
   mark     out  [n]  rppg_mark of the interval from beat i - 1 to beat i

   Returns RPPG_OK; RPPG_ERR_ARG for a NULL; RPPG_ERR_DATA for bad times (mark untouched).
   Exact. Cost: about 1000 operations a beat. 0.5 KB of stack.                                    */
RPPG_DEF rppg_status rppg_beat_marks(const double *t_s, const float *quality, size_t n,
                                     uint8_t *mark);

/* Measures of heart rate variability  [TaskForce1996]: name, index, unit, least seconds of clean
   intervals. The Task Force asks for 5 minutes, and for spectra at least about 1 minute (HF) and 2
   (LF). RMSSD from 30 s and pNN50 from 60 s: [Salahuddin2007] [Baek2015]. SDNN at 60 s agrees with
   that of 5 minutes in some studies [Munoz2015] and needs 4 minutes in others [Baek2015]; it grows
   with duration: compare equal ones alone. */
#define RPPG__HRV(X)                                                                               \
  X(RPPG_HRV_HR, 0, "hr_bpm", 10.0)       /* 60 / mean interval */                                 \
  X(RPPG_HRV_SDNN, 1, "sdnn_ms", 60.0)    /* standard deviation of intervals, by n - 1 */          \
  X(RPPG_HRV_RMSSD, 2, "rmssd_ms", 30.0)  /* root mean square of changes between neighbours */     \
  X(RPPG_HRV_PNN50, 3, "pnn50", 60.0)     /* percent of these changes beyond 50 ms */              \
  X(RPPG_HRV_LF, 4, "lf_ms2", 120.0)      /* power from 0.04 to 0.15 Hz */                         \
  X(RPPG_HRV_HF, 5, "hf_ms2", 60.0)       /* power from 0.15 to 0.40 Hz */                         \
  X(RPPG_HRV_LF_HF, 6, "lf_hf", 120.0)    /* their ratio */
typedef enum rppg_hrv_field {
#define RPPG__X(name, index, text, seconds) name = index,
  RPPG__HRV(RPPG__X)
#undef RPPG__X
  RPPG_HRV_FIELDS = 7
} rppg_hrv_field;

typedef struct rppg_hrv {
  unsigned valid;                     /* bit 1 << field: it could be measured; else both are 0 */
  double value[RPPG_HRV_FIELDS];
  double confidence[RPPG_HRV_FIELDS]; /* 0..1 */
  double clean_s, clean_share;        /* seconds of clean intervals; share of the time in between */
  size_t intervals;                   /* clean ones */
} rppg_hrv;

/* A field's name as in JSON, or NULL for no field. */
RPPG_DEF const char *rppg_hrv_text(int field);

/* Doubles of work that rppg_hrv_measure needs: 1.5 n. */
RPPG_DEF size_t rppg_hrv_work(size_t n);

/* Heart rate variability of the intervals that are marked OK. Intervals are never invented to fill
   a gap: changes count only between neighbours, and spectra are Lomb-Scargle periodograms of the
   intervals there are [Clifford2005], at the time each ends, less their line, under a Hann window;
   beyond 5 minutes their mean over pieces of 5 minutes, half overlapping.

   t_s   in   [n]  beats in seconds, strictly rising, within +-1e11
   mark  in   [n]  of rppg_beat_marks; NULL: all OK
   n     in   0 is fine, and measures nothing
   fps   in   frames per second of the camera, 1..10000; 0: beats are exact, as of a chest strap
   out   out
   work  tmp  [rppg_hrv_work(n)]  any content

   A field whose minimum of clean seconds is not reached is refused: not in valid, value 0.
   Its confidence is the product of the share of clean time (0 at a half, 1 from 95 %), of what is
   left of the measured variance less what a timing error of 0.15 frames puts into it, and of the
   duration (0.5 at the minimum, 1 from 5 minutes; not for the rate).
   It knows the camera's timing, not the noise of this very wave, which the qualities behind mark
   catch in part: noise raises RMSSD, and so pNN50 and HF, by more than the confidence says.
   Returns RPPG_OK; RPPG_ERR_ARG for a NULL or fps; RPPG_ERR_DATA for bad times (out untouched).
   Exact. Cost: O(n), and from 1 minute some 430 sines a beat (1.6 ms for 5 minutes).             */
RPPG_DEF rppg_status rppg_hrv_measure(const double *t_s, const uint8_t *mark, size_t n, double fps,
                                      rppg_hrv *out, double *work);

/* Zero selects the default of every field. */
typedef struct rppg_beat_log_config {
  rppg_beats_config find;
  double rate_hz;   /* 30: of the waves, 10..1000 */
  double window_s;  /* 10: the longest wave that will be pushed, 4..60 s */
  size_t beats;     /* 512: kept, 16..65536; older ones are dropped. 512 is 5 minutes at 100 bpm */
} rppg_beat_log_config;

/* A beat as overlapping windows saw it. */
typedef struct rppg_logged {
  double t_s;                     /* weighted mean of the times it was seen at */
  float weight, quality;          /* sum of those weights, and of weight times quality */
  float seen, chances;            /* windows that saw it, and that could have, by edge distance */
} rppg_logged;

/* One list of beats from overlapping windows, such as a session's waves: every beat is seen by
   several of them, one that most do not see is dropped, and its time is their mean, in which a
   window counts less towards its edges. All fields are private. */
typedef struct rppg_beat_log {
  rppg_beat_log_config cfg;
  size_t n, cap, most;            /* beats; room; samples of the longest wave */
  double end_s;                   /* of the last window */
  int started;
  rppg_logged *beat;              /* [cap] rising */
  double *t_s, *work;             /* of one window */
  float *quality;
} rppg_beat_log;

/* Bytes that rppg_beat_log_init needs (NULL: defaults, 21 KB); 0 if it would refuse cfg. */
RPPG_DEF size_t rppg_beat_log_mem_size(const rppg_beat_log_config *cfg);

/* Starts a log in the caller's block, which must outlive it and not move.
   Returns RPPG_OK; RPPG_ERR_ARG for a field outside its range; RPPG_ERR_SPACE if mem_size is less
   than rppg_beat_log_mem_size says. On error log is untouched.                                   */
RPPG_DEF rppg_status rppg_beat_log_init(rppg_beat_log *log, const rppg_beat_log_config *cfg,
                                        void *mem, size_t mem_size);

/* Takes a window. A step of 1 or 2 s between windows of 10 s is plenty; windows that do not overlap
   work too, but miss what lies near their edges.

   wave   in  [n]  newest sample last, not kept
   n      in  RPPG_VITAL_MIN_S to window_s seconds
   end_s  in  time of the newest sample in seconds, any origin (rppg_wave_end of a session)

   Returns RPPG_OK; RPPG_ERR_ARG for n; RPPG_ERR_DATA if a value is not finite or end_s is before
   the last one (nothing changes: after a clock was set back, rppg_beat_log_reset).
   Exact. Cost: rppg_beats, and a walk over the beats of the window.                              */
RPPG_DEF rppg_status rppg_beat_log_push(rppg_beat_log *log, const float *wave, size_t n,
                                        double end_s);

/* The newest beats, oldest first.

   t_s      out  [cap]  seconds, strictly rising
   quality  out  [cap]  0..1: mean of the windows' qualities times the share of windows that saw it

   Returns how many were written. Exact. Cost: O(beats kept).                                     */
RPPG_DEF size_t rppg_beat_log_read(const rppg_beat_log *log, double *t_s, float *quality,
                                   size_t cap);

/* Forgets all beats and the time. */
RPPG_DEF void rppg_beat_log_reset(rppg_beat_log *log);

/* Time of the newest sample of rppg_wave, in seconds of the clock of rppg_push: middle of a sample
   of the grid, so it does not jitter with the frames. 0 before there is a wave. */
RPPG_DEF double rppg_wave_end(const rppg_session *s);

#define RPPG_RESP_MIN_S 30.0  /* three breaths of the slowest kind; Karlen's windows are 32 s */
#define RPPG_RESP_MAX_S 120.0 /* of a longer wave, only the newest */

typedef struct rppg_resp_config {
  double rate_min, rate_max; /* 6, 40 breaths a minute; 3 <= min, 1.5 min <= max <= 60 */
} rppg_resp_config;

/* Where respiration shows. */
typedef enum rppg_resp_part {
  RPPG_RESP_BASELINE = 0,  /* level of the wave: blood moved by the pressure in the chest */
  RPPG_RESP_AMPLITUDE = 1, /* height of the beats */
  RPPG_RESP_INTERVAL = 2   /* sinus arrhythmia: the heart beats faster while breathing in */
} rppg_resp_part;

typedef struct rppg_resp {
  double rate;            /* breaths a minute; 0: nothing modulates the wave */
  double confidence;      /* 0..1 */
  double part_rate[3];    /* of each part alone; 0: none */
  double part_quality[3]; /* 0..1 */
} rppg_resp;

/* Doubles of work that rppg_respiration needs; 0 if it would refuse n or rate_hz. */
RPPG_DEF size_t rppg_respiration_work(size_t n, double rate_hz);

/* Respiration rate from what breathing does to a pulse wave. As [Karlen2013], from baseline,
   amplitude and interval; unlike it, their spectra are added up by quality before the peak is
   taken, so that parts which are weak alone help, and bad ones do not count.

   wave     in   [n]  up = more blood. POS and CHROM level their windows of 1.6 s: such waves have
                 no baseline and live on the other two; a session's window_s must be 30 or more
   n        in   RPPG_RESP_MIN_S seconds or more
   rate_hz  in   samples per second, 10..1000
   cfg      in   NULL: defaults. Amplitude and interval reach 0.45 times the heart rate only
   out      out
   work     tmp  [rppg_respiration_work(n, rate_hz)]  any content

   Confidence: how much of the band's power lies in the peak, beyond what noise gathers there, and
   whether the parts agree, and little without beats. Below 0.5, do not show the rate. Of 60 drawn
   pulses that do not breathe, on a strong drift, one in ten exceeds it at 30 s, some by far, and
   none at 60 s: prefer a minute. Tested on drawn waves alone; the parts were sines there.
   Returns RPPG_OK; RPPG_ERR_ARG for a bound above; RPPG_ERR_DATA if n is too small or a sample is
   not finite (out untouched). Exact. Cost: 85000 sines for 60 s (1.4 ms on a 3 GHz core).        */
RPPG_DEF rppg_status rppg_respiration(const float *wave, size_t n, double rate_hz,
                                      const rppg_resp_config *cfg, rppg_resp *out, double *work);

/* ---- no face box: pulses in whole frames ----------------------------------------------------- */

/* The frame is a grid. Each cell's colour is kept over the window; every step the cells are scored:
   a pulse is a peak of the spectrum that neighbours share in phase, and skin is a colour. Cells of
   one rhythm that hang together are one person; their colours, weighed by amplitude over noise
   power, make one signal over the whole window, past included (after the idea of [Wang2018]). What
   swings in brightness apart from its pulse is no skin: a lamp, a thing that moves.
   People must keep their cells for most of a window: this replaces a detector for somebody before
   a screen, in a bed, in a seat, not for walkers. A face should cover two by two cells or more.  */

/* What rppg_push takes in place of a face box when rppg_config.auto_cells is not 0. */
#define RPPG_FACE_AUTO ((const rppg_rect *)(uintptr_t)64)
#define RPPG_AUTO_CELLS 192   /* a good number: 16 x 12 of a 4:3 frame */
#define RPPG_AUTO_MAX_CELLS 1024
#define RPPG_MAX_PEOPLE 8     /* at a time */

typedef struct rppg_person {
  int id;               /* 1, 2, ...: stays while the cells stay about the same */
  rppg_rect box;        /* around the cells, pixels */
  size_t cells;         /* how many */
  double evidence;      /* coherence of the best 3 x 3 cells: 0..9, noise about 0.5 */
  double glare;         /* light at this rate that is no blood, over the pulse: above 0.9 not to be
                           believed, a pattern that moves or a lamp */
  rppg_result result;   /* of the last search */
  double trust, standing, track_bpm, track_var, track_s; /* private, as all that follow */
  const float *weight;
  unsigned reasons;
  int unseen;
} rppg_person;

/* The search by itself, for frames without a session. All fields are private. */
typedef struct rppg_finder {
  rppg_config cfg;
  size_t n, cells, rows, cols; /* samples of the window; cells of the grid, 0 before a frame */
  size_t total, due, people, ghosts, bank; /* grid samples; of the next search; known persons */
  rppg_person person[2 * RPPG_MAX_PEOPLE]; /* [people] found, [ghosts] of late */
  rppg_session est;         /* of one signal */
  rppg_rect *rects;         /* [cells], as all up to weight */
  rppg_sums *sums;
  float *now, *last, *mean, *part; /* [3] a cell */
  double *sample;           /* [3] a cell */
  float *norm, *skin, *phase, *peak;
  uint16_t *bin;
  uint8_t *taken;
  float *weight;            /* [4 RPPG_MAX_PEOPLE][cells]: two banks, of which one is in use */
  uint16_t *colour;         /* [n][cells][3] ring, 1/256 grey levels */
  float *wave;              /* [cells][n] */
  float *sine, *cosine, *sum; /* [n] */
  rppg_frame like;          /* the newest frame; its pixels are not looked at again */
  int64_t first_us, last_us, origin_us;
  double last_s, interval_s, now_s;
  unsigned flags;
  int started, begun, next_id;
} rppg_finder;

/* Bytes that rppg_finder_init needs; 0 if it would refuse the config. With defaults (192 cells,
   10 s, 15 samples per second) 351 KB, a session 373 KB; O(cells rate_hz window_s).              */
RPPG_DEF size_t rppg_finder_mem_size(const rppg_config *cfg);

/* Starts a search in the caller's block, which must outlive it and not move.

   f    out  the finder; do not copy it
   cfg  in   NULL: defaults. As for a session, but auto_cells = 0 is RPPG_AUTO_CELLS and rate_hz = 0
             is 15; layout, parts and smooth_boxes do not count, CONTACT is refused. Grey frames
             (RPPG_GRAY8) need method RPPG_GREEN

   Returns RPPG_OK; RPPG_ERR_ARG for a field outside its range; RPPG_ERR_SPACE if mem_size is less
   than rppg_finder_mem_size says. On error f is untouched.                                       */
RPPG_DEF rppg_status rppg_finder_init(rppg_finder *f, const rppg_config *cfg, void *mem,
                                      size_t mem_size);

/* Takes a frame, and searches when a step is over.

   frame  in  any supported format, 32 x 32 pixels or more; not kept
   t_us   in  capture time in microseconds, any origin

   Returns RPPG_OK; an error of rppg_frame_check; RPPG_ERR_DATA for a smaller frame, or if t_us is
   not after the last frame's. A frame of another size or format, a time that goes back and a gap
   longer than max_gap_s start a new window.
   Exact. Cost: every pixel once, O(cells); a search: POS and two FFTs a cell.                    */
RPPG_DEF rppg_status rppg_finder_push(rppg_finder *f, const rppg_frame *frame, int64_t t_us);

/* Who was found in the last search, the surest over the last searches first.

   n  out  how many; 0 before the first search, or if nothing at all looks like a pulse

   Returns an array [*n], good until the next push. A low confidence in it: nobody, perhaps.      */
RPPG_DEF const rppg_person *rppg_finder_people(const rppg_finder *f, size_t *n);

/* Weights of a person's cells.

   person  in   index into the array of rppg_finder_people, else nothing is written
   rows, cols  out  of the grid, as rppg_layout_grid cuts the frame
   weight  out  [cap] row by row, the largest is 1, 0 outside the person

   Returns rows * cols; writes as many as fit.                                                    */
RPPG_DEF size_t rppg_finder_weights(const rppg_finder *f, size_t person, size_t *rows, size_t *cols,
                                    float *weight, size_t cap);

/* Forgets frames and people. */
RPPG_DEF void rppg_finder_reset(rppg_finder *f);

/* The same for a session with auto_cells: *n = 0 and NULL without. rppg_estimate is about the first
   of them, from the newest frames and the weights of the last search; without anybody, about the
   whole frame, flag RPPG_FLAG_NO_FACE, with no confidence worth the name.                        */
RPPG_DEF const rppg_person *rppg_people(const rppg_session *s, size_t *n);

/* ---- several cameras ------------------------------------------------------------------------- */

/* Several cameras on one person in one session: RGB and infrared, two angles, a face and a hand. Each
   has its own frame rate, format, face box and method; all of them count by how good they are at the
   moment, and one that is silent for max_gap_s or longer has no say and holds up nobody.

     rppg_config each[2] = { { 0 }, { 0 } }, cfg = { 0 };
     each[1].method = RPPG_NIR;                                     one channel
     cfg.cameras = each;
     cfg.n_cameras = 2;
     rppg_init(&s, &cfg, mem, sizeof mem);
     rppg_push(rppg_camera(&s, 0), &rgb_frame, &face, t_us);        in any order
     rppg_push(rppg_camera(&s, 1), &nir_frame, &face_there, t_us);
     rppg_estimate(&s, &r);

   method, layout, parts, smooth_boxes, skin, model, adapt and auto_* are a camera's own, as its config says;
   all other fields are the session's, which in turn has none of these. A model wants a multiple of its rate_hz.
   init copies what it needs.
   Time stamps are of one clock. An offset of a part of a second does no harm to the rate, but the
   wave suffers; a greater one is the caller's to take off. When that clock is set back, rppg_reset.
   Memory: rppg_mem_size of each camera, and 26 KB with a window of 10 s.

   At an estimate each camera is estimated by itself, and rppg_fuse weighs what they say. Besides,
   their waves are added up, by confidence and, sample by sample, by how usual the power around it is
   in that camera: while one of them is shaken or blinded, the other one is heard, within a window
   too. The surer of the two makes the result; rppg_wave and rppg_spectrum are those of the sum. Light
   counts against the sum as far as cameras with colours see it. Flags are those that all cameras
   which count have, or the sum. rppg_push, rppg_push_rgb and rppg_people are of a camera, not of the
   whole. Measured on drawn colours alone: tests/test_cameras.c.
   Cost: an estimate of each camera, and one more.                                                */
#define RPPG_MAX_CAMERAS 16

/* The k-th camera as a session, for frames and for what it saw; NULL if there is none. It lives and
   ends with s; init, reset and estimate are called of s.                                         */
RPPG_DEF rppg_session *rppg_camera(rppg_session *s, size_t k);

/* How much of the last successful rppg_estimate came from camera k: 0..1, of all cameras 1.

   own  out  the camera's own estimate then, hr_bpm and window_s 0 if it had none; may be NULL

   Returns 0 for no camera, and before the first estimate. Cost: O(1).                            */
RPPG_DEF double rppg_camera_weight(const rppg_session *s, size_t k, rppg_result *own);

/* One rate from several sessions that watch the same person, for those who keep them apart: on other
   threads, other machines, with contact sensors among them. At any moment their estimates meet here.
   A source that is sure outvotes one that is not, agreement makes sure, and a source that is lost
   (dark, turned away) costs nothing.

   r       in   [n]   estimates of the same moment; leave out the sessions that had none
   n       in   1 <= n <= RPPG_MAX_CAMERAS
   out     out  the rate of the sources that agree, weighed by their confidence; the posterior
                probability of that agreement as confidence; flags that all of them share
   weight  out  [n]   share of each source in the rate, sum 1; may be NULL

   Naive Bayes over the groups of estimates that lie within 5 bpm of each other, and over "none of
   them": a right source is right with its confidence, a wrong one lies anywhere in the band, though
   near another wrong one with probability 1/5, since motion and light reach all cameras.
   One estimate alone comes out as it went in. Returns RPPG_OK; RPPG_ERR_ARG for a bad n or NULL.
   Exact. Cost: O(n^2).                                                                           */
RPPG_DEF rppg_status rppg_fuse(const rppg_result *r, size_t n, rppg_result *out, float *weight);

#ifdef __cplusplus
}
#endif
#endif /* RPPG_H */

/* Stop here if you only want the API. ========================================================== */

#ifdef RPPG_IMPLEMENTATION
#ifndef RPPG__BEGUN
#define RPPG__BEGUN
#include "rppg_dsp.h" /* its implementation, where only its declarations were included so far */
#ifndef RPPG_NO_NN
#  include "rppg_nn.h"
#endif

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
#if defined(__GNUC__) && RPPG__BASE == RPPG__SSE2 && !defined(__TINYC__)
#  define RPPG__AGAIN(p) __asm__("" : "+r"(p)) /* what it points to stays in memory: sums need the registers */
#else
#  define RPPG__AGAIN(p) ((void)0)
#endif
#define RPPG__CHUNK 960 /* columns of bytes at a time: a multiple of 64 (vectors), 12 (channels) */
#define RPPG__GROUP 64  /* ROIs at a time */
#define RPPG__TILE  480 /* bytes, or pixels of a mask, at a time: a multiple of all cells */

/* What rppg__masked works on: rows of n bytes, cells of `bytes` bytes and `pixels` pixels. */
typedef struct rppg__masking {
  const uint8_t *src, *a, *b;    /* first row; the one or two mask rows that decide on it */
  ptrdiff_t stride, mask_stride;
  int n, room, bytes, pixels;    /* room: bytes of src that may be read */
  uint8_t *dst;                  /* NULL, or for a row with zeros where not set; 32 bytes to spare */
  uint8_t of[16];                /* mask byte of each of 16 bytes */
  uint8_t first[128];            /* 64 zeros; 1 for the first pixel of each cell */
} rppg__masking;

/* Unaligned words of memory in native order. */
static RPPG__INLINE uint32_t rppg__load32(const void *p) { uint32_t x; memcpy(&x, p, 4); return x; }
static RPPG__INLINE void rppg__store32(void *p, uint32_t x) { memcpy(p, &x, 4); }

static RPPG__INLINE int rppg__min(int a, int b) { return a < b ? a : b; }
static RPPG__INLINE int rppg__max(int a, int b) { return a > b ? a : b; }

/* The 16-bit products of both halves. */
static RPPG__INLINE uint32_t rppg__mul16(uint32_t a, uint32_t b)
{
  return (a & 0xffff) * (b & 0xffff) | (a >> 16) * (b >> 16) << 16;
}

/* Where a chunk's byte i has its bits, among vectors of w bytes: see rppg__columns. */
static RPPG__INLINE int rppg__bit_place(int i, int each, int w)
{
  return each > 1 ? i / w / each * w + i % w : i;
}

static RPPG__INLINE int rppg__big_endian(void) /* compilers fold it */
{
  const uint16_t one = 1;
  uint8_t first;
  memcpy(&first, &one, 1);
  return first == 0;
}

/* What the kernels of rppg_patch need to know of a plane. Edges of cells are counted in units: a
   side of the patch times a pixel, so that each is a whole number. `at` is the sample in which an
   edge lies, `part` how many units of that sample lie before it.                                 */
typedef struct rppg__patch_cell {
  int from, more;      /* columns: of the left edge; one that some cells have whole; from `first` on */
  float head, tail, weight; /* of columns from, of the next cell's from, of more */
} rppg__patch_cell;

/* The bytes of one channel that weigh the same: a word's low ones, say. */
typedef struct rppg__patch_part {
  int part, step, unit; /* of the first edge; units of a cell; units of a sample */
  int byte, gap;       /* of the first edge's sample, in where; bytes from sample to sample */
  int add;             /* the mean has other parts already */
  float scale;         /* of the sums to the mean of the channel */
  const rppg__patch_cell *cell; /* [w + 1] */
  float *mean;         /* [w][RPPG__PATCH_ROWS] */
} rppg__patch_part;

enum { RPPG__PATCH_ROWS = 4 }; /* of the patch, at a time */
#define RPPG__PATCH_COUNT 4 /* blocks at a time */

/* How cells whose samples share bytes become such that have bytes of their own: 16 of these come
   from `take` bytes. x = a byte; x & keep, and at even places also the lower bits, moved up. */
typedef struct rppg__spread { uint8_t take, from[16], keep[16], times[16], low[16]; } rppg__spread;

typedef struct rppg__patch_job {
  const uint8_t *src;  /* the plane's top row */
  ptrdiff_t stride;
  const rppg__spread *spread; /* NULL if cells are in memory as they are needed */
  int room;            /* bytes of a row in memory */
  int rows, x0, width; /* of the plane; first byte that is needed; bytes of a row, spread */
  int first, last, bytes; /* the frame's cells at the box's edges, before any cut; bytes of a cell */
  int of_first[4], of_last[4]; /* for each byte of a cell, the first and last one of its part */
  int *where;          /* [last - first + 1][bytes] where in t a byte is */
  int blocks;          /* vectors from x0 on; the last one is moved left where the row ends */
  int at[RPPG__PATCH_ROWS + 1], part[RPPG__PATCH_ROWS + 1], unit; /* of the rows of the patch */
  int y0[RPPG__PATCH_ROWS], y1[RPPG__PATCH_ROWS]; /* rows that a row of the patch has whole, */
  int above[RPPG__PATCH_ROWS], below[RPPG__PATCH_ROWS]; /* and how many beyond the plane */
  int w, parts;
  rppg__patch_part each[4];
  float *t;
} rppg__patch_job;

typedef struct rppg__patch_colour { float k[3][3], add[3]; int convert; } rppg__patch_colour;

/* ---- arithmetic: products and sums round separately, so every width agrees ------------------- */

#if defined(__clang__)
#  pragma clang fp contract(off)
#elif defined(__GNUC__) && !defined(__TINYC__)
#  pragma GCC push_options
#  pragma GCC optimize("fp-contract=off", "no-tree-slp-vectorize") /* see rppg_dsp.h */
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wmaybe-uninitialized" /* gcc bug 105593: its own intrinsics */
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

/* ---- bindings: floats are in rppg_dsp.h; here bytes in 32-bit lanes, odd = bytes 1 and 3 ----- */

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
#  define rppg__vu_mul(a,b)   _mm512_mullo_epi16(a, b)
#  define rppg__vu_all(x)     _mm512_set1_epi8((char)(x))
#  define rppg__vu_and(a,b)   _mm512_and_si512(a, b)
#  define rppg__vu_or(a,b)    _mm512_or_si512(a, b)
#  define rppg__vu_merge(a,b,m) _mm512_ternarylogic_epi32(a, b, m, 0xf8)
#  define rppg__vu_set(a)     _mm512_movm_epi8(_mm512_test_epi8_mask(a, a)) /* 255 where not 0 */
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
#  define rppg__vu_mul(a,b)   _mm256_mullo_epi16(a, b)
#  define rppg__vu_all(x)     _mm256_set1_epi8((char)(x))
#  define rppg__vu_and(a,b)   _mm256_and_si256(a, b)
#  define rppg__vu_or(a,b)    _mm256_or_si256(a, b)
#  define rppg__vu_set(a)     rppg__vu_none(rppg__vu_none(a))
#  define rppg__vu_none(a)    _mm256_cmpeq_epi8(a, _mm256_setzero_si256())
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
#  define rppg__vu_mul(a,b)   _mm_mullo_epi16(a, b)
#  define rppg__vu_all(x)     _mm_set1_epi8((char)(x))
#  define rppg__vu_and(a,b)   _mm_and_si128(a, b)
#  define rppg__vu_or(a,b)    _mm_or_si128(a, b)
#  define rppg__vu_set(a)     rppg__vu_none(rppg__vu_none(a))
#  define rppg__vu_none(a)    _mm_cmpeq_epi8(a, _mm_setzero_si128())
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
#  define rppg__vu_mul(a,b)   vreinterpretq_u32_u16(vmulq_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b)))
#  define rppg__vu_all(x)     vreinterpretq_u32_u8(vdupq_n_u8(x))
#  define rppg__vu_and(a,b)   vandq_u32(a, b)
#  define rppg__vu_or(a,b)    vorrq_u32(a, b)
#  define rppg__vu_set(a)     rppg__vu_test(vreinterpretq_u8_u32(a))
#  define rppg__vu_test(a)    vreinterpretq_u32_u8(vtstq_u8(a, a))
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
#  define rppg__vu_mul(a,b)   wasm_i16x8_mul(a, b)
#  define rppg__vu_all(x)     wasm_i8x16_splat(x)
#  define rppg__vu_and(a,b)   wasm_v128_and(a, b)
#  define rppg__vu_or(a,b)    wasm_v128_or(a, b)
#  define rppg__vu_set(a)     wasm_i8x16_ne(a, wasm_i32x4_splat(0))
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
#  define rppg__vu_mul(a,b)   rppg__mul16(a, b)
#  define rppg__vu_all(x)     ((x) * 0x01010101u)
#  define rppg__vu_and(a,b)   ((a) & (b))
#  define rppg__vu_or(a,b)    ((a) | (b))
#  define rppg__vu_set(a)     ((((((a) & 0x7f7f7f7fu) + 0x7f7f7f7fu) | (a)) >> 7 & 0x01010101u) * 255u)
#endif

#ifndef rppg__vu_merge
#  define rppg__vu_merge(a,b,m) rppg__vu_or(a, rppg__vu_and(b, m))
#endif

/* Sixteen bytes from p, or in two lanes from p and p + d, where there is an instruction that picks
   bytes: of each lane of `a` by the numbers in `i`. */
#if RPPG__PASS == RPPG__AVX512 || RPPG__PASS == RPPG__AVX2
#  define RPPG__Q             2
#  define rppg__q             __m256i
#  define rppg__q_half(p)     _mm_loadu_si128((const __m128i *)(const void *)(p))
#  define rppg__q_zero()      _mm256_setzero_si256()
#  define rppg__q_load(p,d)   _mm256_inserti128_si256(_mm256_castsi128_si256(rppg__q_half(p)), \
                                                      rppg__q_half((p) + (d)), 1)
#  define rppg__q_put(p,d,a) \
     (_mm_storeu_si128((__m128i *)(void *)(p), _mm256_castsi256_si128(a)), \
      _mm_storeu_si128((__m128i *)(void *)((p) + (d)), _mm256_extracti128_si256(a, 1)))
#  define rppg__q_store(p,a)  _mm256_storeu_si256((__m256i *)(void *)(p), a)
#  define rppg__q_add(a,b)    _mm256_add_epi32(a, b)
#  define rppg__q_and(a,b)    _mm256_and_si256(a, b)
#  define rppg__q_or(a,b)     _mm256_or_si256(a, b)
#  define rppg__q_mul(a,b)    _mm256_mullo_epi16(a, b)
#  define rppg__q_odd(a)      _mm256_srli_epi16(a, 8)
#  define rppg__q_pick(a,i)   _mm256_shuffle_epi8(a, i)
#elif (defined(RPPG__BYTES_NEON) && defined(__aarch64__)) || RPPG__PASS == RPPG__SIMD128
#  define RPPG__Q             1
#  define rppg__q             rppg__vu
#  define rppg__q_zero        rppg__vu_zero
#  define rppg__q_load(p,d)   rppg__vu_load(p)
#  define rppg__q_put(p,d,a)  rppg__vu_store(p, a)
#  define rppg__q_store       rppg__vu_store
#  define rppg__q_add         rppg__vu_add
#  define rppg__q_and         rppg__vu_and
#  define rppg__q_or          rppg__vu_or
#  define rppg__q_mul         rppg__vu_mul
#  define rppg__q_odd         rppg__vu_odd
#  if defined(RPPG__BYTES_NEON)
#    define rppg__q_pick(a,i) vreinterpretq_u32_u8(vqtbl1q_u8(vreinterpretq_u8_u32(a), \
                                                              vreinterpretq_u8_u32(i)))
#  else
#    define rppg__q_pick(a,i) wasm_i8x16_swizzle(a, i)
#  endif
#endif

/* Four floats whatever the width, and floats from words below 2^23: for patches. */
#if RPPG__VF == 1
#  define RPPG__VQ            1
#  define rppg__vq            float
#  define rppg__vq_load(p)    (*(p))
#  define rppg__vq_store(p,a) ((void)(*(p) = (a)))
#  define rppg__vq_set1(x)    (x)
#  define rppg__vq_add(a,b)   ((a) + (b))
#  define rppg__vq_mul(a,b)   ((a) * (b))
#elif RPPG__VF == 4 && (RPPG__PASS == RPPG__NEON || RPPG__PASS == RPPG__SIMD128)
#  define RPPG__VQ            4
#  define rppg__vq            rppg__vf
#  define rppg__vq_load(p)    rppg__vf_load(p)
#  define rppg__vq_store(p,a) rppg__vf_store(p, a)
#  define rppg__vq_set1(x)    rppg__vf_set1(x)
#  define rppg__vq_add(a,b)   rppg__vf_add(a, b)
#  define rppg__vq_mul(a,b)   rppg__vf_mul(a, b)
#  define rppg__vq_zip_lo(a,b) rppg__vf_zip_lo(a, b)
#  define rppg__vq_zip_hi(a,b) rppg__vf_zip_hi(a, b)
#else
#  define RPPG__VQ            4
#  define rppg__vq            __m128
#  define rppg__vq_load(p)    _mm_loadu_ps(p)
#  define rppg__vq_store(p,a) _mm_storeu_ps(p, a)
#  define rppg__vq_set1(x)    _mm_set1_ps(x)
#  define rppg__vq_add(a,b)   _mm_add_ps(a, b)
#  define rppg__vq_mul(a,b)   _mm_mul_ps(a, b)
#  define rppg__vq_zip_lo(a,b) _mm_unpacklo_ps(a, b)
#  define rppg__vq_zip_hi(a,b) _mm_unpackhi_ps(a, b)
#endif
#if RPPG__PASS == RPPG__AVX512
#  define rppg__vf_from(a)    _mm512_cvtepi32_ps(a)
#elif RPPG__PASS == RPPG__AVX2
#  define rppg__vf_from(a)    _mm256_cvtepi32_ps(a)
#elif RPPG__PASS == RPPG__SSE2
#  define rppg__vf_from(a)    _mm_cvtepi32_ps(a)
#elif RPPG__PASS == RPPG__NEON
#  define rppg__vf_from(a)    vcvtq_f32_u32(a)
#elif RPPG__PASS == RPPG__SIMD128
#  define rppg__vf_from(a)    wasm_f32x4_convert_i32x4(a)
#endif

/* ---- kernels, written once ------------------------------------------------------------------- */

/* All formats of pixels are one problem here: add up each column of bytes. Totals are kept as four
   planes: column i of a chunk is col[(i & 3) * size + (i >> 2)]. That is the order in which the
   lanes come, so nothing is ever shuffled.

   Columns 0 .. VU - 1 added to such planes of `size`, from sums of a vector over at most 257 rows:
   `all` has whole words, carries and all; `odd` has bytes 1 and 3 in 16 bits, which 257 * 255 = 65535
   just fills. Then all - (odd << 8) is what bytes 0 and 2 added, exactly, as all is modulo 2^32. */
RPPG__SUB(void, rppg__widen)(rppg__vu all, rppg__vu odd, uint32_t *col, size_t size)
{
  const size_t flip = rppg__big_endian() ? 3 : 0; /* of a scalar word; vectors are little-endian */
  const rppg__vu even = rppg__vu_sub(all, rppg__vu_shl(odd, 8));
  const rppg__vu c2 = rppg__vu_shr(even, 16), c0 = rppg__vu_sub(even, rppg__vu_shl(c2, 16));
  const rppg__vu c3 = rppg__vu_shr(odd, 16), c1 = rppg__vu_sub(odd, rppg__vu_shl(c3, 16));
  uint32_t *t0 = col + (0 ^ flip) * size, *t1 = col + (1 ^ flip) * size;
  uint32_t *t2 = col + (2 ^ flip) * size, *t3 = col + (3 ^ flip) * size;
  rppg__vu_store(t0, rppg__vu_add(rppg__vu_load(t0), c0));
  rppg__vu_store(t1, rppg__vu_add(rppg__vu_load(t1), c1));
  rppg__vu_store(t2, rppg__vu_add(rppg__vu_load(t2), c2));
  rppg__vu_store(t3, rppg__vu_add(rppg__vu_load(t3), c3));
}

/* Columns 0 .. count * VU - 1 of h <= 257 rows, three operations a vector; and where samples share
   bytes, columns of n kinds of bits of masked bytes: rppg__packing has them. `each` vectors in a row
   have no mask at the same place, so they become one first. Rows are then added as bytes, `most` of
   them: 8 * 31 (RGB565) and 17 * 15 (RAW12) fit.
   n = 2 (RAW10): a byte's bits 0..1 plus its bits 4..5, each in half a byte, where 5 * 3 fit, and
   its bits 0..3. */
RPPG__SUB(void, rppg__block)(const uint8_t *p, ptrdiff_t stride, int h, int count, uint32_t *col,
                             size_t size, int n, int each, const uint8_t *mask, uint32_t *bit)
{
  enum { W = RPPG__VU };
  const rppg__vu low = rppg__vu_all(0x0f), two = rppg__vu_all(0x33);
  const int most = n == 0 ? h : n == 2 ? 5 : each == 1 ? 8 : 17;
  const int sums = n * ((count + each - 1) / each);
  rppg__vu all[5], odd[5], t[4], all_bits[4], odd_bits[4], x;
  int r, k, end;
  x = rppg__vu_zero();
  RPPG__UNROLL
  for (k = 0; k < count; k++) all[k] = odd[k] = rppg__vu_zero();
  RPPG__UNROLL
  for (k = 0; k < sums; k++) all_bits[k] = odd_bits[k] = rppg__vu_zero();
  for (r = 0; r < h;) {
    end = h - r < most ? h : r + most;
    RPPG__UNROLL
    for (k = 0; k < sums; k++) t[k] = rppg__vu_zero();
    for (; r < end; r++) {
      const uint8_t *q = p + r * stride;
      if (W < 64) RPPG__AGAIN(mask); /* AVX-512 has registers for it */
      RPPG__UNROLL
      for (k = 0; k < count; k++) {
        rppg__vu y = rppg__vu_load(q + k * W);
        RPPG__KEEP(y);
        all[k] = rppg__vu_add(all[k], y);
        odd[k] = rppg__vu_add(odd[k], rppg__vu_odd(y));
        RPPG__KEEP(all[k]); /* gcc 12 kept them in memory */
        RPPG__KEEP(odd[k]);
        if (n == 0) continue;
        if (k % each == 0) x = rppg__vu_and(y, rppg__vu_load(mask + k % each * W));
        else x = rppg__vu_merge(x, y, rppg__vu_load(mask + k % each * W));
        RPPG__KEEP(x);
        if (k % each != each - 1 && k != count - 1) continue;
        if (n == 1) t[k / each] = rppg__vu_add(t[k / each], x);
        else {
          t[0] = rppg__vu_add(t[0], rppg__vu_and(x, two));
          t[1] = rppg__vu_add(t[1], rppg__vu_and(x, low));
        }
      }
    }
    if (n == 2)
      t[0] = rppg__vu_add(rppg__vu_and(t[0], low), rppg__vu_and(rppg__vu_shr(t[0], 4), low));
    RPPG__UNROLL
    for (k = 0; k < sums; k++) {
      all_bits[k] = rppg__vu_add(all_bits[k], t[k]);
      odd_bits[k] = rppg__vu_add(odd_bits[k], rppg__vu_odd(t[k]));
    }
  }
  RPPG__UNROLL
  for (k = 0; k < count; k++) RPPG__CALL(rppg__widen)(all[k], odd[k], col + k * (W / 4), size);
  RPPG__UNROLL
  for (k = 0; k < sums; k++)
    RPPG__CALL(rppg__widen)(all_bits[k], odd_bits[k], bit + k * (n == 2 ? (int)size / 2 : W / 4), size);
}

/* The same by packing; `mask` for p's column. */
RPPG__SUB(void, rppg__blocks)(const uint8_t *p, ptrdiff_t stride, int h, int count, uint32_t *col,
                              size_t size, int each, const uint8_t *mask, uint32_t *bit)
{
  if (each == 0) RPPG__CALL(rppg__block)(p, stride, h, count, col, size, 0, 1, mask, bit);
  else if (each == 1) RPPG__CALL(rppg__block)(p, stride, h, count, col, size, 1, 1, mask, bit);
  else if (each == 3 && count < 4) RPPG__CALL(rppg__block)(p, stride, h, count, col, size, 1, 3, mask, bit);
  else RPPG__CALL(rppg__block)(p, stride, h, count, col, size, 2, 5, mask, bit);
}

/* Adds columns begin .. end - 1 of `rows` rows to the totals of the chunk that begins at column
   `first`, and their bits to those CHUNK behind: byte i of the chunk, in vector v = i / VU, where
   column v / each * VU + i % VU would be, the second kind CHUNK / 8 behind that. row is byte 0 of
   the first row, `width` bytes long. begin - first is a multiple of VU; so is end - begin, unless
   end == width. each: 0 without bits, else the bytes of a cell, after which the mask repeats, but 1
   where all of them have bits; it goes on for 5 * VU + 8 bytes. */
RPPG__FN(void, rppg__columns)(const uint8_t *row, ptrdiff_t stride, int rows, int begin, int end,
                              int width, int first, int each, const uint8_t *mask, uint32_t *col)
{
  enum { W = RPPG__VU, SIZE = RPPG__CHUNK / 4, BATCH = 64 };
  const int few = each > 1 ? each : each == 1 && W < 64 ? 2 : 4, kinds = each == 0 ? 0 : each == 5 ? 2 : 1;
  int r, x, i, k, n;
  for (r = 0; r < rows; r += BATCH) {
    const uint8_t *p = row + r * stride;
    const int h = rows - r < BATCH ? rows - r : BATCH;
    for (x = begin; x + W <= end; x += n * W) {
      const int v = (x - first) / W, place = each > 1 ? v % each : 0;
      uint32_t *c = col + (x - first) / 4;
      uint32_t *bit = col + RPPG__CHUNK + (each > 1 ? v / each : v) * (W / 4);
      const uint8_t *m = mask + place * W;
      n = rppg__min(few - place, (end - x) / W);
      if (n == 5) RPPG__CALL(rppg__block)(p + x, stride, h, 5, c, SIZE, 2, 5, m, bit);
      else if (n == 4) RPPG__CALL(rppg__blocks)(p + x, stride, h, 4, c, SIZE, each, m, bit);
      else if (n == 3) RPPG__CALL(rppg__blocks)(p + x, stride, h, 3, c, SIZE, each, m, bit);
      else if (n == 2) RPPG__CALL(rppg__blocks)(p + x, stride, h, 2, c, SIZE, each, m, bit);
      else RPPG__CALL(rppg__blocks)(p + x, stride, h, 1, c, SIZE, each, m, bit);
    }
    if (x < end && width >= W) { /* the end of the row: a vector that overlaps the last one */
      uint32_t t[2 * W], b[2 * W];
      const int last = width - W, size = W / 2;
      memset(t, 0, sizeof t);
      memset(b, 0, sizeof b);
      RPPG__CALL(rppg__blocks)(p + last, stride, h, 1, t, W / 2, each, mask + (each ? last % each : 0), b);
      for (; x < end; x++) {
        const int j = x - last, from = (j & 3) * size + (j >> 2);
        const int at = rppg__bit_place(x - first, each, W);
        col[((x - first) & 3) * SIZE + ((x - first) >> 2)] += t[from];
        for (k = 0; k < kinds; k++)
          col[RPPG__CHUNK + k * (SIZE / 2) + (at & 3) * SIZE + (at >> 2)] += b[k * (size / 2) + from];
      }
    }
    for (; x < end; x++) /* a frame narrower than a vector: the one chunk begins at 0 */
      for (i = 0; i < h; i++) {
        const uint32_t byte = p[i * stride + x], bits = each ? byte & mask[x] : 0;
        const int at = (x & 3) * SIZE + (x >> 2);
        col[at] += byte;
        if (kinds) col[RPPG__CHUNK + at] += kinds == 1 ? bits : (bits & 3) + (bits >> 4 & 3);
        if (kinds == 2) col[RPPG__CHUNK + SIZE / 2 + at] += bits & 15;
      }
  }
}

/* Products of each byte with itself and the two bytes after it, added up over h <= 32768 rows:
   sum[lag * VU + column]. Reads VU + 2 bytes of a row. Products of two bytes fill 16 bits, two of
   them a word; as above the upper ones are also added by themselves: 32768 * 255^2 < 2^32. */
RPPG__FN(void, rppg__products)(const uint8_t *p, ptrdiff_t stride, int h, uint32_t *sum)
{
  const int flip = rppg__big_endian() ? 3 : 0;
  uint32_t part[4][RPPG__VU / 4];
  int lag, r, k, i;
  for (lag = 0; lag < 3; lag++) {
    rppg__vu all[2], high[2];
    RPPG__UNROLL
    for (k = 0; k < 2; k++) all[k] = high[k] = rppg__vu_zero();
    for (r = 0; r < h; r++) {
      const rppg__vu x = rppg__vu_load(p + r * stride), y = rppg__vu_load(p + r * stride + lag);
      const rppg__vu ox = rppg__vu_odd(x), oy = rppg__vu_odd(y);
      const rppg__vu ex = rppg__vu_sub(x, rppg__vu_shl(ox, 8)), ey = rppg__vu_sub(y, rppg__vu_shl(oy, 8));
      const rppg__vu e = rppg__vu_mul(ex, ey), o = rppg__vu_mul(ox, oy);
      all[0] = rppg__vu_add(all[0], e);
      all[1] = rppg__vu_add(all[1], o);
      high[0] = rppg__vu_add(high[0], rppg__vu_shr(e, 16));
      high[1] = rppg__vu_add(high[1], rppg__vu_shr(o, 16));
    }
    RPPG__UNROLL
    for (k = 0; k < 2; k++) {
      rppg__vu_store(part[k], rppg__vu_sub(all[k], rppg__vu_shl(high[k], 16)));
      rppg__vu_store(part[k + 2], high[k]);
    }
    for (i = 0; i < RPPG__VU; i++) sum[lag * RPPG__VU + i] = part[(i & 3) ^ flip][i >> 2];
  }
}

/* Patches. A block is a vector of bytes, as one float for each byte and row of the patch: sums over
   the rows of a cell, in units. Up to there everything is a whole number below 2^24, so exact in
   any order. A byte's four rows lie side by side, a quad, so that what follows needs no shuffling:
   sums over the columns of a cell take four rows at once, and `map` knows where a column is.

   A block's bytes, for the table. */
enum { RPPG__CALL(rppg__patch_vector) = RPPG__VU };

/* Splits a block's sums, even bytes and odd bytes in 16 bits each, into four planes of floats. */
RPPG__SUB(void, rppg__patch_planes)(rppg__vu even, rppg__vu odd, rppg__vf *c)
{
  enum { N = RPPG__VU / 4 / RPPG__VF };
  const rppg__vu low = rppg__vu_shr(rppg__vu_all(255), 16);
  const rppg__vu c0 = rppg__vu_and(even, low), c2 = rppg__vu_shr(even, 16);
  const rppg__vu c1 = rppg__vu_and(odd, low), c3 = rppg__vu_shr(odd, 16);
#if RPPG__VF == 1
  const int flip = rppg__big_endian() ? 3 : 0;
  uint32_t t[4][N];
  int p, i;
  rppg__vu_store(t[0 ^ flip], c0);
  rppg__vu_store(t[1 ^ flip], c1);
  rppg__vu_store(t[2 ^ flip], c2);
  rppg__vu_store(t[3 ^ flip], c3);
  for (p = 0; p < 4; p++)
    for (i = 0; i < N; i++) c[p * N + i] = (float)t[p][i];
#else
  c[0] = rppg__vf_from(c0);
  c[1] = rppg__vf_from(c1);
  c[2] = rppg__vf_from(c2);
  c[3] = rppg__vf_from(c3);
#endif
}

/* A block of a row, from its byte x on, as it is needed; zeros beyond the end. */
RPPG__SUB(void, rppg__patch_fetch)(const rppg__patch_job *job, const uint8_t *row, int x,
                                   uint8_t *u)
{
  const rppg__spread *s = job->spread;
  int i = 0;
  if (s == NULL) {
    memset(u, 0, RPPG__VU);
    memcpy(u, row + x, (size_t)rppg__min(job->width - x, RPPG__VU));
    return;
  }
#if defined(rppg__q)
  {
    const uint8_t *p = row + x * s->take / 16; /* a cell begins here */
    const rppg__q from = rppg__q_load(s->from, 0), keep = rppg__q_load(s->keep, 0);
    const rppg__q times = rppg__q_load(s->times, 0), low = rppg__q_load(s->low, 0);
    for (; i < RPPG__VU && p + (RPPG__Q - 1) * s->take + 16 <= row + job->room;
         i += 16 * RPPG__Q, p += RPPG__Q * s->take) {
      const rppg__q a = rppg__q_pick(rppg__q_load(p, s->take), from); /* times is 0 at odd places: */
      const rppg__q b = rppg__q_and(rppg__q_mul(a, times), low);      /* these do not reach down */
      rppg__q_store(u + i, rppg__q_or(rppg__q_and(a, keep), b));
    }
  }
#endif
  for (; i < RPPG__VU; i++) {
    const int k = (x + i) & 15;
    const int b = x + i < job->width ? row[((x + i) >> 4) * s->take + s->from[k]] : 0;
    u[i] = (uint8_t)((b & s->keep[k]) | (b * s->times[k] & s->low[k]));
  }
}

/* Row y of a block from byte x on, times k, into c; or c + that. direct: as it is in memory. */
RPPG__SUB(void, rppg__patch_row)(const rppg__patch_job *job, int y, int x, int direct, int k,
                                 int add, rppg__vf *c)
{
  enum { N = RPPG__VU / RPPG__VF };
  const uint8_t *p = job->src + rppg__max(rppg__min(y, job->rows - 1), 0) * job->stride;
  const rppg__vf weight = rppg__vf_set1((float)k);
  uint8_t u[RPPG__VU];
  rppg__vf b[N];
  rppg__vu a, odd;
  int i;
  if (!direct) RPPG__CALL(rppg__patch_fetch)(job, p, x, u);
  a = rppg__vu_load(direct ? p + x : u);
  odd = rppg__vu_odd(a);
  RPPG__CALL(rppg__patch_planes)(rppg__vu_sub(a, rppg__vu_shl(odd, 8)), odd, b);
  RPPG__UNROLL
  for (i = 0; i < N; i++) {
    b[i] = rppg__vf_mul(b[i], weight);
    c[i] = add ? rppg__vf_add(c[i], b[i]) : b[i];
  }
}

/* Rows y0 .. y1 - 1 of `count` blocks, added up into f; 257 at a time, as in rppg__block. */
RPPG__SUB(void, rppg__patch_sum)(const rppg__patch_job *job, int y0, int y1, int x, int count,
                                 int direct, float *f)
{
  enum { N = RPPG__VU / RPPG__VF, MAX = RPPG__PATCH_COUNT };
  const ptrdiff_t stride = job->stride;
  uint8_t u[RPPG__VU];
  rppg__vf b[N];
  int i, v, y, end;
  if (y0 >= y1) memset(f, 0, (size_t)(count * RPPG__VU) * sizeof *f);
  for (y = y0; y < y1; y = end) {
    const uint8_t *p = job->src + y * stride, *stop;
    rppg__vu all[MAX], odd[MAX];
    end = y1;
    if (y1 - y > 257) end = y + 257;
    stop = job->src + end * stride;
    RPPG__UNROLL
    for (v = 0; v < count; v++) all[v] = odd[v] = rppg__vu_zero();
    for (; p != stop; p += stride) {
      if (!direct) RPPG__CALL(rppg__patch_fetch)(job, p, x, u);
      RPPG__UNROLL
      for (v = 0; v < count; v++) {
        rppg__vu a = rppg__vu_load(direct ? p + x + v * RPPG__VU : u);
        RPPG__KEEP(a);
        all[v] = rppg__vu_add(all[v], a);
        odd[v] = rppg__vu_add(odd[v], rppg__vu_odd(a));
      }
    }
    RPPG__UNROLL
    for (v = 0; v < count; v++) {
      float *to = f + v * RPPG__VU;
      RPPG__CALL(rppg__patch_planes)(rppg__vu_sub(all[v], rppg__vu_shl(odd[v], 8)), odd[v], b);
      RPPG__UNROLL
      for (i = 0; i < N; i++, to += RPPG__VF)
        rppg__vf_store(to, y == y0 ? b[i] : rppg__vf_add(rppg__vf_load(to), b[i]));
    }
  }
}

/* `count` blocks from byte x on for the job's rows of the patch, into t: [VU][4] each, in the order
   that zips give. Rows above and below the plane are its first and its last one. A row that an edge
   cuts counts whole in the cell below it, less the part above the edge, which the cell above adds. */
RPPG__SUB(void, rppg__patch_block)(const rppg__patch_job *job, int x, int count, int direct,
                                   float *t)
{
  enum { W = RPPG__VU, N = RPPG__VU / RPPG__VF, ROWS = RPPG__PATCH_ROWS };
  const rppg__vf unit = rppg__vf_set1((float)job->unit);
  float f[ROWS][RPPG__PATCH_COUNT * W];
  int r, i, v;
  for (r = 0; r < ROWS; r++)
    RPPG__CALL(rppg__patch_sum)(job, job->y0[r], job->y1[r], x, count, direct, f[r]);
  for (v = 0; v < count; v++, x += W, t += W * ROWS) {
    rppg__vf c[ROWS][N], d[N], e[N];
    RPPG__CALL(rppg__patch_row)(job, job->at[0], x, direct, job->part[0], 0, e);
    RPPG__UNROLL
    for (r = 0; r < ROWS; r++) {
      const int above = job->above[r] * job->unit, below = job->below[r] * job->unit;
      RPPG__UNROLL
      for (i = 0; i < N; i++)
        d[i] = rppg__vf_sub(rppg__vf_mul(rppg__vf_load(f[r] + v * W + i * RPPG__VF), unit), e[i]);
      if (above) RPPG__CALL(rppg__patch_row)(job, 0, x, direct, above, 1, d);
      if (below) RPPG__CALL(rppg__patch_row)(job, job->rows, x, direct, below, 1, d);
      RPPG__CALL(rppg__patch_row)(job, job->at[r + 1], x, direct, job->part[r + 1], 0, e);
      RPPG__UNROLL
      for (i = 0; i < N; i++) c[r][i] = rppg__vf_add(d[i], e[i]);
    }
    RPPG__UNROLL
    for (i = 0; i < N; i++) {
#if RPPG__VF == 1
      for (r = 0; r < ROWS; r++) t[i * ROWS + r] = c[r][i];
#else
      const rppg__vf k = rppg__vf_zip_lo(c[0][i], c[2][i]), l = rppg__vf_zip_lo(c[1][i], c[3][i]);
      const rppg__vf m = rppg__vf_zip_hi(c[0][i], c[2][i]), n = rppg__vf_zip_hi(c[1][i], c[3][i]);
      float *q = t + i * ROWS * RPPG__VF;
      rppg__vf_store(q, rppg__vf_zip_lo(k, l));
      rppg__vf_store(q + RPPG__VF, rppg__vf_zip_hi(k, l));
      rppg__vf_store(q + 2 * RPPG__VF, rppg__vf_zip_lo(m, n));
      rppg__vf_store(q + 3 * RPPG__VF, rppg__vf_zip_hi(m, n));
#endif
    }
  }
}

/* Where in t each byte of the frame's cells job->first .. last is; bytes beyond an end of the row
   are those of the last sample there. */
RPPG__FN(void, rppg__patch_where)(const rppg__patch_job *job)
{
  enum { W = RPPG__VU, ROWS = RPPG__PATCH_ROWS };
  const int n = job->bytes, skip = rppg__max(-job->first, 0), cells = job->width / n;
  const int moved = (job->blocks - 1) * W; /* the block that the end of the row moves left, if so */
  const int over = job->width < W ? 0 : rppg__max(job->x0 + moved + W - job->width, 0);
  const int inside = (rppg__min(job->last, cells - 1) + 1) * n - job->x0; /* bytes from x0 on */
  const int begin = rppg__max(job->first, 0) * n - job->x0; /* 0 but in a narrow row */
  int *where = job->where + skip * n - begin, x, i;
  for (x = begin; x < inside; x++) {
    const int block = rppg__min(x & ~(W - 1), moved);
    const int byte = x - block + (block == moved ? over : 0), k = byte >> 2;
    const int quad = RPPG__VF == 8 ? (k & 3) * 2 + (k >> 2) : k; /* AVX2 zips halves */
    where[x] = ROWS * (block + (byte & 3) * (W / 4) + quad);
  }
  for (i = 0; i < skip * n; i++) job->where[i] = job->where[skip * n + job->of_first[i % n]];
  for (i = (cells - job->first) * n; i < (job->last - job->first + 1) * n; i++)
    job->where[i] = job->where[(cells - 1 - job->first) * n + job->of_last[i % n]];
}

/* Means of the cells along four rows of the patch, of `parts` <= 3 parts that lie alike. All cells
   have the same number of columns but for one: no branch depends on the cell. Sums run in sixteens,
   so that a thousand columns lose no more than a few. */
RPPG__SUB(void, rppg__patch_cells)(const rppg__patch_job *job, const rppg__patch_part *c, int parts)
{
  const int whole = rppg__max(c->step / c->unit - 1, 0); /* columns that every cell has whole */
  const rppg__vq unit = rppg__vq_set1((float)c->unit);
  const rppg__patch_cell *cell = c->cell;
  const ptrdiff_t gap = c->gap;
  const int w = job->w;
  rppg__vq sum[3], some[3], x;
  const int *where[3];
  int i, j, k, p, s, n;
  for (k = 0; k < RPPG__PATCH_ROWS; k += RPPG__VQ) {
    const float *t = job->t + k;
    for (i = 0; i < w; i++) {
      const ptrdiff_t from = cell[i].from * gap, at = cell[i + 1].from * gap, more = cell[i].more * gap;
      const rppg__vq head = rppg__vq_set1(cell[i].head), tail = rppg__vq_set1(cell[i].tail);
      const rppg__vq weight = rppg__vq_set1(cell[i].weight);
      RPPG__UNROLL
      for (p = 0; p < parts; p++) {
        const int *all = job->where + c[p].byte;
        sum[p] = rppg__vq_mul(rppg__vq_load(t + all[from]), head);
        sum[p] = rppg__vq_add(sum[p], rppg__vq_mul(rppg__vq_load(t + all[at]), tail));
        sum[p] = rppg__vq_add(sum[p], rppg__vq_mul(rppg__vq_load(t + all[more]), weight));
        where[p] = all + from;
      }
      for (s = whole; s > 0; s -= n) {
        n = s < 16 ? s : 16;
        RPPG__UNROLL
        for (p = 0; p < parts; p++) some[p] = rppg__vq_load(t + *(where[p] += gap));
        for (j = 1; j < n; j++) {
          RPPG__UNROLL
          for (p = 0; p < parts; p++)
            some[p] = rppg__vq_add(some[p], rppg__vq_load(t + *(where[p] += gap)));
        }
        RPPG__UNROLL
        for (p = 0; p < parts; p++) sum[p] = rppg__vq_add(sum[p], rppg__vq_mul(some[p], unit));
      }
      RPPG__UNROLL
      for (p = 0; p < parts; p++) {
        float *mean = c[p].mean + i * RPPG__PATCH_ROWS + k;
        x = rppg__vq_mul(sum[p], rppg__vq_set1(c[p].scale));
        rppg__vq_store(mean, c[p].add ? rppg__vq_add(rppg__vq_load(mean), x) : x);
      }
    }
  }
}

/* Four rows of the patch, of one plane. */
RPPG__FN(void, rppg__patch_rows)(const rppg__patch_job *job)
{
  enum { W = RPPG__VU, COUNT = RPPG__PATCH_COUNT, QUAD = RPPG__PATCH_ROWS };
  const int direct = job->spread == NULL && job->width >= W;
  const int whole = direct ? rppg__min(job->blocks, (job->width - job->x0) / W) : 0;
  int i, alike;
  for (i = 0; i + COUNT <= whole; i += COUNT)
    RPPG__CALL(rppg__patch_block)(job, job->x0 + i * W, COUNT, 1, job->t + i * W * QUAD);
  for (; i < job->blocks; i++) { /* the last one is moved left unless the row is too narrow */
    const int x = rppg__max(rppg__min(job->x0 + i * W, job->width - W), 0);
    if (direct) RPPG__CALL(rppg__patch_block)(job, x, 1, 1, job->t + i * W * QUAD);
    else RPPG__CALL(rppg__patch_block)(job, x, 1, 0, job->t + i * W * QUAD);
  }
  for (i = 0; i < job->parts; i += alike) {
    const rppg__patch_part *c = &job->each[i];
    for (alike = 1; alike < 3 && i + alike < job->parts && c[alike].gap == c->gap;) alike++;
    if (alike == 3) RPPG__CALL(rppg__patch_cells)(job, c, 3);
    else if (alike == 2) RPPG__CALL(rppg__patch_cells)(job, c, 2);
    else RPPG__CALL(rppg__patch_cells)(job, c, 1);
  }
}

/* m [3][w][4] to R, G, B where it is not yet, then to the rows of out. */
RPPG__FN(void, rppg__patch_out)(const rppg__patch_colour *colour, float *m, int w, int rows,
                                ptrdiff_t pixel, ptrdiff_t row, ptrdiff_t channel, float *out)
{
  enum { R = RPPG__PATCH_ROWS };
  int i, k, r;
  for (i = 0; colour->convert && i < w * R; i += RPPG__VQ) {
    const rppg__vq a = rppg__vq_load(m + i), b = rppg__vq_load(m + w * R + i);
    const rppg__vq c = rppg__vq_load(m + 2 * w * R + i);
    for (k = 0; k < 3; k++) {
      const rppg__vq x = rppg__vq_mul(a, rppg__vq_set1(colour->k[k][0]));
      const rppg__vq y = rppg__vq_mul(b, rppg__vq_set1(colour->k[k][1]));
      const rppg__vq z = rppg__vq_mul(c, rppg__vq_set1(colour->k[k][2]));
      rppg__vq_store(m + k * w * R + i,
                     rppg__vq_add(rppg__vq_add(rppg__vq_add(x, y), z),
                                  rppg__vq_set1(colour->add[k])));
    }
  }
  i = 0;
#if RPPG__VQ == 4
  for (; pixel == 1 && rows == R && i + 4 <= w; i += 4)
    for (k = 0; k < 3; k++) {
      const float *q = m + (k * w + i) * R;
      float *to = out + i + k * channel;
      const rppg__vq a = rppg__vq_load(q), b = rppg__vq_load(q + R);
      const rppg__vq c = rppg__vq_load(q + 2 * R), d = rppg__vq_load(q + 3 * R);
      const rppg__vq ac = rppg__vq_zip_lo(a, c), bd = rppg__vq_zip_lo(b, d);
      const rppg__vq ca = rppg__vq_zip_hi(a, c), db = rppg__vq_zip_hi(b, d);
      rppg__vq_store(to, rppg__vq_zip_lo(ac, bd));
      rppg__vq_store(to + row, rppg__vq_zip_hi(ac, bd));
      rppg__vq_store(to + 2 * row, rppg__vq_zip_lo(ca, db));
      rppg__vq_store(to + 3 * row, rppg__vq_zip_hi(ca, db));
    }
  for (; pixel == 3 && rows == R && i + 1 < w; i++) {
    /* a pixel's three channels with one store, which the next pixel cuts to three */
    const rppg__vq red = rppg__vq_load(m + i * R), green = rppg__vq_load(m + (w + i) * R);
    const rppg__vq blue = rppg__vq_load(m + (2 * w + i) * R);
    const rppg__vq a = rppg__vq_zip_lo(red, blue), b = rppg__vq_zip_lo(green, blue);
    const rppg__vq c = rppg__vq_zip_hi(red, blue), d = rppg__vq_zip_hi(green, blue);
    rppg__vq_store(out + 3 * i, rppg__vq_zip_lo(a, b));
    rppg__vq_store(out + 3 * i + row, rppg__vq_zip_hi(a, b));
    rppg__vq_store(out + 3 * i + 2 * row, rppg__vq_zip_lo(c, d));
    rppg__vq_store(out + 3 * i + 3 * row, rppg__vq_zip_hi(c, d));
  }
#endif
  for (; i < w; i++)
    for (k = 0; k < 3; k++)
      for (r = 0; r < rows; r++)
        out[i * pixel + r * row + k * channel] = m[(k * w + i) * R + r];
}

/* Of n mask bytes of two rows, 255 into dst at the first pixel of each cell of `pixels` (1, 2 or 4)
   of which any is set; what lies between is left, and 80 zeros follow the end. Adds the number of
   such cells to *count, in lanes of 16 bits, 2 * 120 at most. */
RPPG__SUB(void, rppg__any)(uint8_t *dst, const uint8_t *a, const uint8_t *b, int n, int pixels,
                           const uint8_t *first, rppg__vu *count)
{
  enum { W = RPPG__VU };
  const int big = rppg__big_endian(); /* of a scalar word; vectors are little-endian */
  uint8_t rest[2][W];
  rppg__vu sum = rppg__vu_zero(), odd;
  int i;
  if (n < W) {
    memset(rest, 0, sizeof rest);
    memcpy(rest[0], a, (size_t)n);
    memcpy(rest[1], b, (size_t)n);
    a = rest[0];
    b = rest[1];
    n = W;
  }
  for (i = 0; i < n; i += W) {
    const int at = i + W <= n ? i : n - W; /* the last one may overlap, but counts the rest only */
    rppg__vu x = rppg__vu_load(a + at);
    if (pixels > 1) x = rppg__vu_or(x, rppg__vu_load(b + at)); /* only then are there two rows */
    x = rppg__vu_set(x);
    if (pixels > 1) x = rppg__vu_or(x, big ? rppg__vu_shl(x, 8) : rppg__vu_shr(x, 8));
    if (pixels > 2) x = rppg__vu_or(x, big ? rppg__vu_shl(x, 16) : rppg__vu_shr(x, 16));
    rppg__vu_store(dst + at, x);
    sum = rppg__vu_add(sum, rppg__vu_and(x, rppg__vu_load(first + 64 - (i - at)))); /* 120 times */
  }
  memset(dst + n, 0, 80);
  odd = rppg__vu_odd(sum);
  *count = rppg__vu_add(*count, rppg__vu_add(odd, rppg__vu_sub(sum, rppg__vu_shl(odd, 8))));
}

/* Cells of one byte and one pixel, at least a vector of them in a row: as rppg__masked. */
RPPG__FN(uint32_t, rppg__masked_bytes)(const rppg__masking *m, int rows, uint32_t total[16])
{
  enum { W = RPPG__VU };
  const rppg__vu zero = rppg__vu_zero(), one = rppg__vu_all(1);
  rppg__vu all = zero, odd = zero, high, even, sum = zero, count = zero;
  uint32_t lane[W / 4], set = 0;
  const int each = m->n / W + 1; /* additions to 16 bits a row; 257 fit */
  int r, i, used = 0;
  for (r = 0; r < rows; r++) {
    const uint8_t *src = m->src + r * m->stride, *mask = m->a + r * m->mask_stride;
    rppg__vu bytes = zero;
    for (i = 0; i < m->n; i += W) {
      const int at = i + W <= m->n ? i : m->n - W; /* the last one may overlap: only the rest counts */
      rppg__vu x = rppg__vu_set(rppg__vu_load(mask + at)), y;
      if (at != i) x = rppg__vu_and(x, rppg__vu_set(rppg__vu_load(m->first + 64 - (i - at))));
      y = rppg__vu_and(x, rppg__vu_load(src + at));
      all = rppg__vu_add(all, y);
      odd = rppg__vu_add(odd, rppg__vu_odd(y));
      bytes = rppg__vu_add(bytes, rppg__vu_and(x, one));
    }
    high = rppg__vu_odd(bytes);
    count = rppg__vu_add(count, rppg__vu_add(high, rppg__vu_sub(bytes, rppg__vu_shl(high, 8))));
    used += each;
    if (used + each > 257 || r == rows - 1) { /* as in rppg__block, but all in one */
      even = rppg__vu_sub(all, rppg__vu_shl(odd, 8));
      high = rppg__vu_shr(even, 16);
      sum = rppg__vu_add(sum, rppg__vu_add(high, rppg__vu_sub(even, rppg__vu_shl(high, 16))));
      high = rppg__vu_shr(odd, 16);
      sum = rppg__vu_add(sum, rppg__vu_add(high, rppg__vu_sub(odd, rppg__vu_shl(high, 16))));
      all = odd = zero;
      used = 0;
    }
  }
  rppg__vu_store(lane, sum);
  for (i = 0; i < W / 4; i++) total[0] += lane[i];
  rppg__vu_store(lane, count);
  for (i = 0; i < W / 4; i++) set += (lane[i] & 0xffff) + (lane[i] >> 16);
  return set;
}

/* Adds the set cells of rows <= 256 to total[i], where i modulo `bytes` is the place in the cell.
   Returns the number of set cells. */
RPPG__FN(uint32_t, rppg__masked)(const rppg__masking *m, int rows, uint32_t total[16])
{
  enum { W = RPPG__VU };
  const int n = m->n, bytes = m->bytes, pixels = m->pixels, wide = n / bytes * pixels;
  uint8_t set[RPPG__TILE + 80];
  rppg__vu sum = rppg__vu_zero();
  uint32_t lane[W / 4], count = 0;
  int r, i, b;
#if defined(rppg__q)
  /* Bytes and pixels of a lane. A byte for two pixels is read twice, and counts the first time. */
  static const uint8_t twice[16] = { 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7 };
  static const uint8_t once[16] = { 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0 };
  const int halves = pixels > bytes;
  const int step = halves ? 8 : 16 / bytes * bytes, skip = halves ? 16 : 16 / bytes * pixels;
  const rppg__q place = rppg__q_load(halves ? twice : m->of, 0), first = rppg__q_load(once, 0);
  rppg__q all = rppg__q_zero(), odd = rppg__q_zero();
  const int each = n / (RPPG__Q * step) + 1; /* additions to 16 bits a row; 257 fit */
  int used = 0;
#elif RPPG__VU > 4 /* the mask of each byte is written out; vectors begin `period` places of a cell */
  const int period = bytes % 2 && bytes > 1 ? bytes : 1;
  const int each = n / (W * period) + 1;
  uint8_t wide_mask[4 * RPPG__TILE + 8];
  rppg__vu all[5], odd[5];
  int used = 0, v;
  for (v = 0; v < period; v++) all[v] = odd[v] = rppg__vu_zero();
#endif
  if (bytes == 1 && pixels == 1 && n >= W) return RPPG__CALL(rppg__masked_bytes)(m, rows, total);
  for (r = 0; r < rows; r++) {
    const uint8_t *src = m->src + r * m->stride, *at = set;
    const uint8_t *a = m->a + r * m->mask_stride, *c = m->b + r * m->mask_stride;
    if (pixels == 1) RPPG__CALL(rppg__any)(set, a, c, wide, 1, m->first, &sum);
    else RPPG__CALL(rppg__any)(set, a, c, wide, pixels, m->first, &sum);
    i = 0;
#if defined(rppg__q)
    for (; i + RPPG__Q * step <= n && halves && i + (RPPG__Q - 1) * step + 16 <= m->room;
         i += RPPG__Q * step) {
      const rppg__q x = rppg__q_pick(rppg__q_load(src + i, step), place);
      all = rppg__q_add(all, rppg__q_and(rppg__q_and(x, first), rppg__q_load(at, skip)));
      at += RPPG__Q * skip;
    }
    for (; i < n && !halves && i + (RPPG__Q - 1) * step + 16 <= m->room; i += RPPG__Q * step) {
      const rppg__q x = rppg__q_and(rppg__q_load(src + i, step),
                                    rppg__q_pick(rppg__q_load(at, skip), place));
      all = rppg__q_add(all, x);
      odd = rppg__q_add(odd, rppg__q_odd(x));
      at += RPPG__Q * skip;
      if (m->dst != NULL) rppg__q_put(m->dst + i, step, x);
    }
    used += each;
    if (used + each > 257 || r == rows - 1) {
      uint32_t a_[4 * RPPG__Q], o[4 * RPPG__Q];
      rppg__q_store(a_, all);
      rppg__q_store(o, odd);
      for (b = 0; b < 4 * RPPG__Q; b++) { /* as in rppg__block */
        const uint32_t even = a_[b] - (o[b] << 8);
        uint32_t *t = total + 4 * (b & 3);
        t[0] += even & 0xffff;
        t[1] += o[b] & 0xffff;
        t[2] += even >> 16;
        t[3] += o[b] >> 16;
      }
      all = odd = rppg__q_zero();
      used = 0;
    }
#elif RPPG__VU > 4
    for (; i < n; i += bytes, at += pixels) {
      const uint32_t four = at[0] * 0x01010101u;
      memcpy(wide_mask + i, &four, 4); /* what is too much, the next one writes over */
      wide_mask[i + bytes - 1] = at[0];
    }
    for (i = 0; i + period * W <= n;)
      for (v = 0; v < period; v++, i += W) {
        const rppg__vu x = rppg__vu_and(rppg__vu_load(src + i), rppg__vu_load(wide_mask + i));
        all[v] = rppg__vu_add(all[v], x);
        odd[v] = rppg__vu_add(odd[v], rppg__vu_odd(x));
        if (m->dst != NULL) rppg__vu_store(m->dst + i, x);
      }
    used += each;
    for (v = 0; v < period && (used + each > 257 || r == rows - 1); v++) {
      uint32_t o[W / 4];
      rppg__vu_store(lane, all[v]);
      rppg__vu_store(o, odd[v]);
      for (b = 0; b < W; b++) { /* as in rppg__block */
        const uint32_t x = b & 1 ? o[b >> 2] : lane[b >> 2] - (o[b >> 2] << 8);
        total[(v * W + b) % bytes] += b & 2 ? x >> 16 : x & 0xffff;
      }
      all[v] = odd[v] = rppg__vu_zero();
      if (v == period - 1) used = 0;
    }
    for (; i < n; i++) {
      const int x = src[i] & wide_mask[i];
      total[i % bytes] += (uint32_t)x;
      if (m->dst != NULL) m->dst[i] = (uint8_t)x;
    }
#endif
    for (; i < n; i += bytes, at += pixels)
      for (b = 0; b < bytes; b++) {
        const int x = src[i + b] & at[0];
        total[b] += (uint32_t)x;
        if (m->dst != NULL) m->dst[i + b] = (uint8_t)x;
      }
  }
  rppg__vu_store(lane, sum);
  for (i = 0; i < W / 4; i++) count += (lane[i] & 0xffff) + (lane[i] >> 16);
  return count;
}

/* ---- end of pass ----------------------------------------------------------------------------- */

#undef RPPG__VQ
#undef rppg__vq
#undef rppg__vq_load
#undef rppg__vq_store
#undef rppg__vq_set1
#undef rppg__vq_add
#undef rppg__vq_mul
#undef rppg__vq_zip_lo
#undef rppg__vq_zip_hi
#undef rppg__vf_from
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
#undef rppg__vu_all
#undef rppg__vu_and
#undef rppg__vu_or
#undef rppg__vu_merge
#undef rppg__vu_set
#undef rppg__vu_none
#undef rppg__vu_test
#undef RPPG__Q
#undef rppg__q
#undef rppg__q_half
#undef rppg__q_put
#undef rppg__q_zero
#undef rppg__q_load
#undef rppg__q_store
#undef rppg__q_add
#undef rppg__q_and
#undef rppg__q_or
#undef rppg__q_mul
#undef rppg__q_odd
#undef rppg__q_pick
#undef rppg__vu_mul
#define RPPG__UNBIND
#include "rppg_dsp.h"
#endif /* RPPG__KERNELS */

#ifdef RPPG__LAST
#undef RPPG__LAST

/* ---- dispatch -------------------------------------------------------------------------------- */

typedef struct rppg__kernels {
  void (*columns)(const uint8_t *row, ptrdiff_t stride, int rows, int begin, int end, int width,
                  int first, int each, const uint8_t *mask, uint32_t *col);
  void (*products)(const uint8_t *p, ptrdiff_t stride, int h, uint32_t *sum);
  int unit; /* bytes: what begin and end of columns are multiples of; 16, 32 or 64 */
  void (*patch_where)(const rppg__patch_job *job);
  void (*patch_rows)(const rppg__patch_job *job);
  void (*patch_out)(const rppg__patch_colour *colour, float *m, int w, int rows, ptrdiff_t pixel,
                    ptrdiff_t row, ptrdiff_t channel, float *out);
  int vector; /* bytes */
  uint32_t (*masked)(const rppg__masking *m, int rows, uint32_t total[16]);
} rppg__kernels;

#define RPPG__PATCH(suffix) \
  RPPG__CAT(rppg__patch_where, suffix), RPPG__CAT(rppg__patch_rows, suffix), \
  RPPG__CAT(rppg__patch_out, suffix), RPPG__CAT(rppg__patch_vector, suffix)

static const rppg__kernels rppg__table[] = {
  { rppg__columns_base, rppg__products_base, 16, RPPG__PATCH(_base), rppg__masked_base },
#if defined(RPPG__DISPATCH)
  { rppg__columns_avx2, rppg__products_avx2, 32, RPPG__PATCH(_avx2), rppg__masked_avx2 },
  { rppg__columns_avx512, rppg__products_avx512, 64, RPPG__PATCH(_avx512), rppg__masked_avx512 },
#endif
};
#undef RPPG__PATCH

/* ---- frames ---------------------------------------------------------------------------------- */

/* A plane is made of cells: `bytes` bytes that describe `pixels` by `rows` pixels. of[] is the
   channel of each byte, 3 for none, + 4 * log2 of what the byte weighs, + 128 if it is the lesser
   part of a sample. Bayer planes are taken as two, one of the even rows and one of the odd rows;
   their channels are the first and second pixel of a row. */
typedef struct rppg__plane { uint8_t pixels, rows, bytes, of[5]; } rppg__plane;
typedef struct rppg__format { uint8_t family, planes; rppg__plane plane[3]; } rppg__format;
enum { RPPG__IS_RGB, RPPG__IS_YUV, RPPG__IS_GRAY, RPPG__IS_BAYER };

#define RPPG__NONE { 0, 0, 0, { 3, 3, 3, 3, 3 } }
#define RPPG__ONE(pixels, rows, channel) { pixels, rows, 1, { channel, 3, 3, 3, 3 } }
#define RPPG__LO(channel) (128 + (channel)), (4 * 8 + (channel)) /* a word, low byte first */
#define RPPG__HI(channel) (4 * 8 + (channel))
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
  /* UYVY  */ { RPPG__IS_YUV, 1, { { 2, 1, 4, { 1, 0, 2, 0 } }, RPPG__NONE, RPPG__NONE } },
  /* ARGB  */ { RPPG__IS_RGB, 1, { { 1, 1, 4, { 3, 0, 1, 2 } }, RPPG__NONE, RPPG__NONE } },
  /* ABGR  */ { RPPG__IS_RGB, 1, { { 1, 1, 4, { 3, 2, 1, 0 } }, RPPG__NONE, RPPG__NONE } },
  /* 565   */ { RPPG__IS_RGB, 1, { { 1, 1, 2, { 1, 4 * 2 + 0 } }, RPPG__NONE, RPPG__NONE } },
  /* GRAY16*/ { RPPG__IS_GRAY, 1, { { 1, 1, 2, { RPPG__LO(0) } }, RPPG__NONE, RPPG__NONE } },
  /* P010  */ { RPPG__IS_YUV, 2, { { 1, 1, 2, { RPPG__LO(0) } },
                                   { 2, 2, 4, { RPPG__LO(1), RPPG__LO(2) } }, RPPG__NONE } },
  /* BAY16 */ { RPPG__IS_BAYER, 1, { { 2, 2, 4, { RPPG__LO(0), RPPG__LO(1) } }, RPPG__NONE, RPPG__NONE } },
  /* BAY8  */ { RPPG__IS_BAYER, 1, { { 2, 2, 2, { 0, 1 } }, RPPG__NONE, RPPG__NONE } },
  /* RAW10 */ { RPPG__IS_BAYER, 1, { { 4, 2, 5, { RPPG__HI(0), RPPG__HI(1), RPPG__HI(0), RPPG__HI(1),
                                                  128 + 1 } }, RPPG__NONE, RPPG__NONE } },
  /* RAW12 */ { RPPG__IS_BAYER, 1, { { 2, 2, 3, { RPPG__HI(0), RPPG__HI(1), 128 + 1 } },
                                     RPPG__NONE, RPPG__NONE } }
};
#undef RPPG__NONE
#undef RPPG__ONE
#undef RPPG__LO
#undef RPPG__HI

/* Samples that share a byte. The sum of a byte over many cells says nothing about its bits, but with
   sums of some bits beside it every sample follows, linearly; in units of 2^-unit the weights `to`
   are integers. `to` is for what rppg__columns finds of byte & mask, [kind][even or odd place]; only in
   RGB565 is the place not the same thing.
   RGB565  the low byte is B + 32 (G & 7), the high one 8 R + (G >> 3): B and G >> 3 are found.
   RAW10   the fifth byte is a + 4 b + 16 c + 64 d: a + c and a + 4 b are found, and
           64 (b + d) = all - 16 (a + c) + 15 (a + 4 b).
   RAW12   the third byte is a + 16 b: a is found. */
typedef struct rppg__packing {
  uint8_t unit, n, each, mask[5]; /* of rppg__columns */
  int16_t to[2][2][3];
} rppg__packing;
static const rppg__packing rppg__packings[4] = {
  { 0, 0, 0, { 0, 0, 0, 0, 0 }, { { { 0, 0, 0 }, { 0, 0, 0 } }, { { 0, 0, 0 }, { 0, 0, 0 } } } },
  /* RGB565 */ { 5, 1, 1, { 0x1f, 0x07, 0, 0, 0 },
                 { { { 0, -1, 32 }, { -4, 256, 0 } }, { { 0, 0, 0 }, { 0, 0, 0 } } } },
  /* RAW10  */ { 6, 2, 5, { 0, 0, 0, 0, 0x3f },
                 { { { 64, -16, 0 }, { 64, -16, 0 } }, { { 0, 15, 0 }, { 0, 15, 0 } } } },
  /* RAW12  */ { 4, 1, 3, { 0, 0, 0x0f, 0, 0 },
                 { { { 16, -1, 0 }, { 16, -1, 0 } }, { { 0, 0, 0 }, { 0, 0, 0 } } } }
};

static const rppg__format *rppg__format_of(const rppg_frame *f)
{
  if (f->format <= 0 || f->format >= RPPG__FORMAT_END) return NULL;
  if (f->matrix < RPPG_BT601 || f->matrix > RPPG_BT2020) return NULL;
  if (f->range < RPPG_LIMITED || f->range > RPPG_FULL) return NULL;
  if (f->bayer < RPPG_RGGB || f->bayer > RPPG_GBRG) return NULL;
  if (f->big_endian < 0 || f->big_endian > 1) return NULL;
  if (f->bits != 0 && (f->bits < 8 || f->bits > 16)) return NULL;
  if (f->shift < 0 || f->shift > 16 - (f->bits ? f->bits : 8)) return NULL;
  return &rppg__formats[f->format];
}

static int rppg__is_wide(int format) { return format >= RPPG_RGB565 && format <= RPPG_BAYER16; }

/* How many planes a frame has when Bayer planes are two. */
static int rppg__views(const rppg__format *f) { return f->family == RPPG__IS_BAYER ? 2 : f->planes; }

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
  if (frame->width % f->plane[0].pixels != 0) return RPPG_ERR_ARG;
  if (frame->height % f->plane[0].rows != 0) return RPPG_ERR_ARG;
  for (i = 0; i < f->planes; i++) {
    const rppg__plane *p = &f->plane[i];
    const size_t s = (size_t)frame->strides[i], stride = frame->strides[i] < 0 ? 0 - s : s;
    const int bayer = f->family == RPPG__IS_BAYER;
    const size_t rows = (size_t)rppg__cells(frame->height, bayer ? 1 : p->rows);
    const size_t row = (size_t)rppg__cells(frame->width, p->pixels) * p->bytes;
    if (frame->planes[i] == NULL || stride < row) return RPPG_ERR_ARG;
    if (stride > (size_t)PTRDIFF_MAX / rows) return RPPG_ERR_ARG;
  }
  return RPPG_OK;
}

/* A plane of a very frame: bytes in the order of memory, channels for good. */
typedef struct rppg__view {
  const uint8_t *src;
  ptrdiff_t stride;
  int row; /* bytes */
  rppg__plane p;
  const rppg__packing *packing; /* and what rppg__columns wants of it; rows of `to` in this order: */
  uint8_t swap, channel[3], mask[5 * 64 + 8];
} rppg__view;

/* Plane k; all planes are to be looked at in turn, with the same v. */
static void rppg__look(const rppg_frame *frame, int k, rppg__view *v)
{
  static const uint8_t bayer[4][4] = { { 0, 1, 1, 2 }, { 2, 1, 1, 0 }, { 1, 0, 2, 1 }, { 1, 2, 0, 1 } };
  const rppg__format *f = &rppg__formats[frame->format];
  const int is_bayer = f->family == RPPG__IS_BAYER, plane = is_bayer ? 0 : k;
  const int swap = frame->big_endian && rppg__is_wide(frame->format);
  const rppg__plane *p = &f->plane[plane];
  int i, b;
  v->src = frame->planes[plane];
  v->stride = frame->strides[plane];
  if (is_bayer) {
    v->src += k * v->stride;
    v->stride *= 2;
  }
  v->row = rppg__cells(frame->width, p->pixels) * p->bytes;
  for (i = 0; i < 3; i++) v->channel[i] = is_bayer ? bayer[frame->bayer][2 * k + (i & 1)] : (uint8_t)i;
  v->p = *p;
  for (b = 0; b < p->bytes; b++) {
    const int of = p->of[b ^ swap];
    v->p.of[b] = (uint8_t)((of & 3) == 3 ? 3 : (of & ~3) | v->channel[of & 3]);
  }
  v->packing = &rppg__packings[frame->format == RPPG_RGB565 ? 1 : frame->format == RPPG_RAW10 ? 2
                                                              : frame->format == RPPG_RAW12 ? 3 : 0];
  v->swap = (uint8_t)swap;
  if (v->packing->n && k == 0) { /* for Bayer, the second of two looks has it already */
    uint8_t *m = v->mask; /* 30 bytes are whole periods, whichever it is; then twice as long each time */
    for (i = 0; i < 30; i += p->bytes)
      for (b = 0; b < p->bytes; b++) m[i + b] = v->packing->mask[b ^ swap];
    memcpy(m + 30, m, 30);
    memcpy(m + 60, m, 60);
    memcpy(m + 120, m, 120);
    memcpy(m + 240, m, sizeof v->mask - 240);
  }
}

/* ---- sums over rectangles -------------------------------------------------------------------- */

typedef struct rppg__box { int x0, x1, y0, y1; } rppg__box; /* bytes and rows, ends excluded */

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
   total of 32768 rows at most: 80 * 32768 * 255 < 2^32. RAW10: 48 modulo 20 = lcm(4, 5). */
static void rppg__collect(const uint32_t *col, int x, int end, const rppg__plane *p, int take,
                          uint64_t sum[3])
{
  enum { SIZE = RPPG__CHUNK / 4 };
  uint32_t t[20] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
  const int head = x & 3; /* t[k] is of column x + k, so start where the four planes start */
  const int period = p->bytes == 5 ? 20 : 12;
  int k, byte;
  x -= head;
  for (k = 0; k < head; k++) t[k] -= col[k * SIZE + (x >> 2)];
  for (; x < end; x += period) {
    const uint32_t *c = col + (x >> 2);
    if (x + period <= end) {
      RPPG__UNROLL
      for (k = 0; k < 12; k++) t[k] += c[(k & 3) * SIZE + (k >> 2)];
      if (period == 12) continue;
      RPPG__UNROLL
      for (k = 12; k < 20; k++) t[k] += c[(k & 3) * SIZE + (k >> 2)];
    } else
      for (k = 0; k < period && x + k < end; k++) t[k] += c[(k & 3) * SIZE + (k >> 2)];
  }
  for (byte = 0; byte < p->bytes; byte++) {
    uint64_t s = 0;
    if (p->of[byte] == 3) continue;
    for (k = head + byte; k < head + period; k += p->bytes) s += t[k < period ? k : k - period];
    s <<= p->of[byte] >> 2 & 15;
    sum[p->of[byte] & 3] += take ? 0 - s : s;
  }
}

/* The same for samples that share bytes, from the bits of vectors of w bytes. */
static void rppg__collect_bits(const uint32_t *bit, int x, int end, int w, const rppg__view *v,
                               int take, uint64_t sum[3])
{
  static const rppg__plane pair = { 1, 1, 2, { 0, 1, 3, 3, 3 } };
  enum { SIZE = RPPG__CHUNK / 4 };
  const rppg__packing *q = v->packing;
  const int each = q->each;
  int i, odd, c, v0;
  for (i = 0; i < q->n; i++, bit += SIZE / 2) {
    uint64_t total[3] = { 0, 0, 0 };
    if (each == 1) rppg__collect(bit, x, end, &pair, take, total);
    else
      for (v0 = x / w, c = x + each - 1; c < end; v0++) { /* a cell's last byte has them */
        const int stop = rppg__min(end, (v0 + 1) * w), move = (v0 / each - v0) * w;
        uint32_t s = 0;
        for (; c < stop; c += each) s += bit[((c + move) & 3) * SIZE + ((c + move) >> 2)];
        total[0] += take ? 0 - (uint64_t)s : s;
      }
    for (odd = 0; odd < 2; odd++) /* modulo 2^64, as in all that is taken away again */
      for (c = 0; c < 3; c++)
        sum[v->channel[c]] += total[odd] * (uint64_t)(int64_t)q->to[i][odd ^ v->swap][c];
  }
}

/* Adds a part of a chunk to a box, or takes it away. */
static void rppg__collect_part(const uint32_t *col, int x, int end, int w, const rppg__view *v,
                               int take, uint64_t sum[3])
{
  rppg__collect(col, x, end, &v->p, take, sum);
  rppg__collect_bits(col + RPPG__CHUNK, x, end, w, v, take, sum);
}

/* Counts the samples of `cells` cells. */
static void rppg__count(const rppg__view *v, uint32_t cells, uint32_t count[3])
{
  int b;
  if (v->packing->unit == 5) { /* RGB565: three samples in two bytes */
    for (b = 0; b < 3; b++) count[b] += cells;
    return;
  }
  for (b = 0; b < v->p.bytes; b++)
    if ((v->p.of[b] & 3) < 3 && v->p.of[b] < 128) count[v->p.of[b] & 3] += cells;
}

/* One plane, n <= GROUP boxes. The plane is cut into chunks of columns, a chunk into bands between
   the rows where a box begins or ends. The totals of the columns run on from band to band: a box
   takes them away where it begins and adds them where it ends. */
static void rppg__plane_sums(const rppg__view *view, const rppg__box *box, int n, rppg_sums *out)
{
  const rppg__kernels *kernels = &rppg__table[rppg_isa_best()];
  const uint8_t *src = view->src;
  const ptrdiff_t stride = view->stride;
  const rppg__packing *q = view->packing;
  const int unit = kernels->unit, width = view->row;
  uint32_t col[2 * RPPG__CHUNK]; /* bytes, bits */
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
        if (b->y1 == y) {
          rppg__collect_part(col, b->x0, b->x1, kernels->vector, view, 0, out[of[i]].sum);
          continue;
        }
        if (b->y0 == y && going)
          rppg__collect_part(col, b->x0, b->x1, kernels->vector, view, 1, out[of[i]].sum);
        next = rppg__min(next, b->y1);
        until = rppg__max(until, b->y1);
        used |= (~(uint64_t)0 << b->x0 / unit) & (~(uint64_t)0 >> (63 - (b->x1 - 1) / unit));
      }
      if (next > RPPG_MAX_SIDE) break;
      if (!going) memset(col, 0, q->n ? sizeof col : sizeof col / 2);
      for (u = 0; used >> u != 0; u = v) {
        while (!(used >> u & 1)) u++;
        for (v = u + 1; used >> v & 1; v++) {} /* at most 960 / 16 = 60 units */
        kernels->columns(src + y * stride, stride, next - y, first + u * unit,
                         rppg__min(first + v * unit, last), width, first, q->each, view->mask, col);
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
  rppg__view view;
  size_t begin, m, i;
  int k;
  if (status != RPPG_OK) return status;
  if (n != 0 && (rois == NULL || out == NULL)) return RPPG_ERR_ARG;
  f = rppg__format_of(frame);
  for (i = 0; i < n; i++) memset(&out[i], 0, sizeof out[i]);
  for (begin = 0; begin < n; begin += m) {
    m = n - begin < RPPG__GROUP ? n - begin : RPPG__GROUP;
    for (k = 0; k < rppg__views(f); k++) {
      rppg__look(frame, k, &view);
      for (i = 0; i < m; i++) {
        rppg__box *b = &box[i];
        *b = rppg__cut(&rois[begin + i], frame, &view.p);
        rppg__count(&view, (uint32_t)((b->x1 - b->x0) / view.p.bytes) * (uint32_t)(b->y1 - b->y0),
                    out[begin + i].count);
      }
      rppg__plane_sums(&view, box, (int)m, out + begin);
    }
  }
  for (i = 0; i < n && view.packing->unit; i++)
    for (k = 0; k < 3; k++) out[i].sum[k] >>= view.packing->unit;
  return RPPG_OK;
}

/* The largest value of a channel, in the units of its sum. */
static double rppg__white(const rppg_frame *frame, int channel)
{
  int bits = frame->bits, shift = frame->shift;
  switch (frame->format) {
  case RPPG_RGB565: return channel == 1 ? 63.0 : 31.0;
  case RPPG_RAW10: return 1023.0;
  case RPPG_RAW12: return 4095.0;
  case RPPG_P010: bits = bits ? bits : 10; shift = 16 - bits; break;
  case RPPG_GRAY16: case RPPG_BAYER16: bits = bits ? bits : 16 - shift; break;
  default: return 255.0;
  }
  return (double)(((1 << bits) - 1) << shift);
}

/* Luma weights of red and blue, by rppg_matrix. */
static const double rppg__luma[3][2] = { { 0.299, 0.114 }, { 0.2126, 0.0722 }, { 0.2627, 0.0593 } };

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
    if (f->family != RPPG__IS_YUV) m[i] *= 255.0 / rppg__white(frame, i);
  }
  if (f->family == RPPG__IS_YUV) {
    const int full = frame->range == RPPG_FULL, wide = rppg__is_wide(frame->format);
    const double to_8 = full ? 255.0 / rppg__white(frame, 0) : wide ? 1.0 / 256.0 : 1.0;
    const double half = wide ? 32768.0 : 128.0, scale = full ? 2.0 : 510.0 / 224.0;
    kr = rppg__luma[frame->matrix][0];
    kb = rppg__luma[frame->matrix][1];
    y = full ? m[0] * to_8 : (m[0] * to_8 - 16.0) * (255.0 / 219.0);
    u = (m[1] - half) * to_8 * scale * (1.0 - kb); /* B - Y */
    v = (m[2] - half) * to_8 * scale * (1.0 - kr); /* R - Y */
    m[0] = y + v;
    m[1] = y - (kr * v + kb * u) / (1.0 - kr - kb);
    m[2] = y + u;
  }
  for (i = 0; i < 3; i++) rgb[i] = (float)m[i];
  return RPPG_OK;
}

/* ---- sums over masks and skin ---------------------------------------------------------------- */

/* Which chroma passes: at i = 0, 1 (Cb, Cr) low <= sum of k[i] * channel < high, in 2^-24. Channels
   are read at their cells; those of words are words. */
typedef struct rppg__gate {
  int64_t k[2][3], low[2], high[2];
  uint64_t both[3];  /* of bytes: k of Cr in the upper half, of Cb in the lower, in 2^-22 */
  uint32_t from[2], wide[2]; /* the window of that: from low on, so wide */
  int format, begin; /* first channel that counts: YUV has no need of Y */
  const uint8_t *src[3];
  ptrdiff_t stride[3];
  uint8_t half[3], rows[3], bytes[3]; /* log2 of a cell's pixels and rows; bytes */
  int low_byte;      /* distance from a word's high byte */
} rppg__gate;

static int64_t rppg__fixed(double x) { return (int64_t)(x * 16777216.0 + (x < 0.0 ? -0.5 : 0.5)); }

static void rppg__gate_init(rppg__gate *g, const rppg_frame *frame, const rppg_skin *skin)
{
  const rppg__format *f = rppg__format_of(frame);
  const double cb = 112.0 / 255.0 / 0.886, cr = 112.0 / 255.0 / 0.701; /* of B - Y and R - Y, BT.601 */
  double k[2][3] = { { 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0 } }, half = 0.0;
  int i, c, b, plane;
  rppg__view v;
  memset(g, 0, sizeof *g);
  g->format = frame->format;
  g->low_byte = frame->big_endian ? 1 : -1;
  if (f->family == RPPG__IS_YUV) {
    const double kr = rppg__luma[frame->matrix][0], kb = rppg__luma[frame->matrix][1];
    const int full = frame->range == RPPG_FULL, wide = rppg__is_wide(frame->format);
    const double to_8 = full ? 255.0 / rppg__white(frame, 0) : wide ? 1.0 / 256.0 : 1.0;
    const double u = to_8 * (full ? 2.0 : 510.0 / 224.0) * (1.0 - kb); /* B - Y of this matrix */
    const double v_ = to_8 * (full ? 2.0 : 510.0 / 224.0) * (1.0 - kr);
    /* What BT.601 calls Y, less this Y: 0.299 (R - Y) + 0.587 (G - Y) + 0.114 (B - Y). */
    const double du = u * (0.114 - 0.587 * kb / (1.0 - kr - kb));
    const double dv = v_ * (0.299 - 0.587 * kr / (1.0 - kr - kb));
    k[0][1] = cb * (u - du);
    k[0][2] = cb * -dv;
    k[1][1] = cr * -du;
    k[1][2] = cr * (v_ - dv);
    half = wide ? 32768.0 : 128.0;
    g->begin = 1;
  } else {
    static const double y[3] = { 0.299, 0.587, 0.114 };
    for (c = 0; c < 3; c++) {
      const double to_8 = 255.0 / rppg__white(frame, c);
      k[0][c] = cb * to_8 * ((c == 2 ? 1.0 : 0.0) - y[c]);
      k[1][c] = cr * to_8 * ((c == 0 ? 1.0 : 0.0) - y[c]);
    }
  }
  for (i = 0; i < 2; i++) {
    const int low = i == 0 ? skin->cb_min : skin->cr_min, high = i == 0 ? skin->cb_max : skin->cr_max;
    double zero = 128.0;
    for (c = 0; c < 3; c++) {
      g->k[i][c] = rppg__fixed(k[i][c]);
      zero -= half * (double)g->k[i][c] / 16777216.0;
    }
    g->low[i] = rppg__fixed((double)low - 0.5 - zero);
    g->high[i] = rppg__fixed((double)high + 0.5 - zero);
  }
  for (i = 0; i < 2; i++) { /* three times 255 * 2^21: 31 bits hold it */
    for (c = 0; c < 3; c++)
      g->both[c] += (uint64_t)((g->k[i][c] + 2) >> 2) << (i ? 32 : 0);
    g->from[i] = (uint32_t)((g->low[i] + 2) >> 2);
    g->wide[i] = (uint32_t)((g->high[i] + 2) >> 2) - g->from[i];
  }
  for (plane = 0; plane < f->planes; plane++) {
    rppg__look(frame, plane, &v);
    for (b = 0; b < v.p.bytes; b++) {
      c = v.p.of[b] & 3;
      if (c == 3 || v.p.of[b] >= 128) continue;
      g->src[c] = v.src + b;
      g->stride[c] = v.stride;
      g->half[c] = v.p.pixels > 1;
      g->rows[c] = v.p.rows > 1;
      g->bytes[c] = v.p.bytes;
    }
  }
  if (frame->format == RPPG_RGB565) g->src[0] = frame->planes[0];
}

static int rppg__gate_passes(const rppg__gate *g, int x, int y)
{
  int64_t a = 0, b = 0;
  int c, s;
  for (c = g->begin; c < 3; c++) {
    if (g->format == RPPG_RGB565) {
      const uint8_t *p = g->src[0] + y * g->stride[0] + 2 * x;
      const int w = g->low_byte > 0 ? p[0] << 8 | p[1] : p[1] << 8 | p[0];
      s = c == 0 ? w >> 11 : c == 1 ? w >> 5 & 63 : w & 31;
    } else {
      const uint8_t *p = g->src[c] + (y >> g->rows[c]) * g->stride[c] + (x >> g->half[c]) * g->bytes[c];
      s = g->format == RPPG_P010 ? p[0] << 8 | p[g->low_byte] : p[0];
    }
    a += g->k[0][c] * s;
    b += g->k[1][c] * s;
  }
  return a >= g->low[0] && a < g->high[0] && b >= g->low[1] && b < g->high[1];
}

/* Takes pixels begin .. end - 1 of row y that do not pass out of room, byte formats only: both sums
   with one product a channel, modulo 2^64. */
static void rppg__gate_row(const rppg__gate *g, int begin, int end, int y, uint8_t *room)
{
  const uint64_t k0 = g->both[0], k1 = g->both[1], k2 = g->both[2];
  const ptrdiff_t row = (y >> g->rows[1]) * g->stride[1];
  const uint8_t *b = g->src[1] + row, *c = g->src[2] + (y >> g->rows[2]) * g->stride[2];
  const uint8_t *a = g->begin ? b : g->src[0] + row; /* k0 is 0 then */
  const int bytes = g->bytes[1], half = g->half[1];
  const uint32_t from0 = g->from[0], from1 = g->from[1], wide0 = g->wide[0], wide1 = g->wide[1];
  int i, next;
  for (i = begin; i < end; i = next) {
    const ptrdiff_t at = (ptrdiff_t)(i >> half) * bytes;
    const uint64_t sum = k0 * a[at] + k1 * b[at] + k2 * c[at];
    const uint32_t low = (uint32_t)sum, high = (uint32_t)(sum >> 32) + (low >> 31);
    const unsigned ok = (unsigned)(low - from0 < wide0) & (unsigned)(high - from1 < wide1);
    const uint8_t keep = (uint8_t)(0u - ok);
    next = half ? (i | 1) + 1 : i + 1;
    room[i - begin] &= keep;
    if (half && next <= end && next - i == 2) room[i + 1 - begin] &= keep;
  }
}

/* What of n pixels of row y from x on passes, as bytes; none outside of the rectangle's part `in`
   of the frame. mask is that part's. In room[TILE], or where the mask is if that will do. */
static const uint8_t *rppg__pass(uint8_t *room, int x, int n, int y, const rppg__box *in,
                                 const uint8_t *mask, ptrdiff_t stride, const rppg__gate *g)
{
  const int begin = rppg__max(x, in->x0), end = rppg__min(x + n, in->x1);
  const uint8_t *row = mask;
  int i, ok = 0;
  if (y < in->y0 || y >= in->y1) {
    memset(room, 0, (size_t)n);
    return room;
  }
  if (mask) row += (y - in->y0) * stride + (begin - in->x0);
  if (mask && g == NULL && begin == x && end == x + n) return row;
  memset(room, 0, (size_t)n);
  if (mask) memcpy(room + (begin - x), row, (size_t)(end - begin));
  else memset(room + (begin - x), 255, (size_t)(end - begin));
  if (g && g->format != RPPG_RGB565 && g->format != RPPG_P010) {
    rppg__gate_row(g, begin, end, y, room + (begin - x));
    return room;
  }
  for (i = begin; i < end && g; i++) {
    if (!g->half[1] || i == begin || (i & 1) == 0) ok = rppg__gate_passes(g, i, y);
    if (!ok) room[i - x] = 0;
  }
  return room;
}

static int rppg__skin_ok(const rppg_skin *w)
{
  return w->cb_min >= 0 && w->cb_min <= w->cb_max && w->cb_max <= 255 && w->cr_min >= 0 &&
         w->cr_min <= w->cr_max && w->cr_max <= 255;
}

RPPG_DEF rppg_status rppg_mask_sums(const rppg_frame *frame, const rppg_rect *rect,
                                    const uint8_t *mask, ptrdiff_t stride, const rppg_skin *skin,
                                    rppg_sums *out)
{
  static const rppg_skin window = { 77, 127, 133, 173 };
  const rppg__kernels *kernels = &rppg__table[rppg_isa_best()];
  const rppg_status status = rppg_frame_check(frame);
  const rppg__format *f;
  rppg__plane pixel;
  rppg__box in; /* pixels of the frame */
  rppg__view v;
  rppg__gate gate;
  rppg_rect all;
  rppg__masking m;
  enum { TILES = 8 }; /* rows whose bits are looked at together: 4 KB of stack */
  uint8_t room[2][RPPG__TILE], tile[TILES][RPPG__TILE + 32];
  uint32_t total[16], col[2 * RPPG__CHUNK];
  int k, x, y, i, rows, tiles;
  if (status != RPPG_OK) return status;
  if (out == NULL) return RPPG_ERR_ARG;
  f = rppg__format_of(frame);
  all.x = all.y = 0;
  all.w = frame->width;
  all.h = frame->height;
  if (rect == NULL) rect = &all;
  if (mask != NULL && rect->w > 0 && rect->h > 0) {
    const size_t s = (size_t)stride, length = stride < 0 ? 0 - s : s;
    if (length < (size_t)rect->w || length > (size_t)PTRDIFF_MAX / (size_t)rect->h) return RPPG_ERR_ARG;
  }
  if (skin != NULL) {
    if (f->family != RPPG__IS_RGB && f->family != RPPG__IS_YUV) return RPPG_ERR_UNSUPPORTED;
    if (!(skin->cb_min | skin->cb_max | skin->cr_min | skin->cr_max)) skin = &window;
    if (!rppg__skin_ok(skin)) return RPPG_ERR_ARG;
    rppg__gate_init(&gate, frame, skin);
  }
  memset(out, 0, sizeof *out);
  memset(&pixel, 0, sizeof pixel);
  pixel.pixels = pixel.rows = pixel.bytes = 1;
  in = rppg__cut(rect, frame, &pixel);
  if (in.x0 >= in.x1) return RPPG_ERR_DATA;
  if (mask) mask += (in.y0 - (ptrdiff_t)rect->y) * stride + (in.x0 - (ptrdiff_t)rect->x);
  for (k = 0; k < rppg__views(f); k++) {
    rppg__box b;
    int chunk;
    rppg__look(frame, k, &v);
    m.stride = v.stride;
    m.mask_stride = v.p.rows * stride;
    m.bytes = v.p.bytes;
    m.pixels = v.p.pixels;
    m.dst = v.packing->n ? tile[0] : NULL;
    for (i = 0; i < 16; i++) m.of[i] = (uint8_t)(i / m.bytes * m.pixels);
    for (i = 0; i < 128; i++) m.first[i] = i < 64 || i % m.pixels ? 0 : 1;
    chunk = m.dst ? RPPG__TILE : RPPG__TILE / m.pixels * m.bytes;
    b = rppg__cut(rect, frame, &v.p);
    for (x = b.x0; x < b.x1; x += chunk) {
      const int left = x / m.bytes * m.pixels;
      m.n = rppg__min(chunk, b.x1 - x);
      m.room = v.row - x;
      memset(total, 0, sizeof total);
      if (m.dst) memset(col, 0, sizeof col);
      for (y = b.y0, tiles = 0; y < b.y1; y += rows) {
        const int wide = m.n / m.bytes * m.pixels, row = y * v.p.rows;
        const rppg__gate *g = skin ? &gate : NULL;
        m.src = v.src + y * v.stride + x;
        m.a = m.b = rppg__pass(room[0], left, wide, row, &in, mask, stride, g);
        if (v.p.rows > 1) m.b = rppg__pass(room[1], left, wide, row + 1, &in, mask, stride, g);
        rows = 1; /* more if the mask can stay where it is */
        if (m.a != room[0] && m.b != room[1] && !m.dst)
          rows = rppg__min((in.y1 - row) / v.p.rows, 256);
        rppg__count(&v, kernels->masked(&m, rows, total), out->count);
        if (m.dst == NULL) continue;
        m.dst = tile[++tiles % TILES];
        if (tiles % TILES != 0 && y + rows < b.y1) continue;
        kernels->columns(tile[0], (ptrdiff_t)sizeof tile[0], tiles, 0, m.n, m.n, 0, v.packing->each, v.mask, col);
        tiles = 0;
        m.dst = tile[0];
      }
      if (m.dst) rppg__collect_bits(col + RPPG__CHUNK, 0, m.n, kernels->vector, &v, 0, out->sum);
      for (i = 0; i < 16 / m.bytes * m.bytes; i++) {
        const int to = v.p.of[i % m.bytes];
        if ((to & 3) < 3) out->sum[to & 3] += (uint64_t)total[i] << (to >> 2 & 15);
      }
    }
  }
  for (k = 0; k < 3; k++) out->sum[k] >>= v.packing->unit;
  return out->count[0] | out->count[1] | out->count[2] ? RPPG_OK : RPPG_ERR_DATA;
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

/* ---- patches --------------------------------------------------------------------------------- */

static int rppg__floor_div(int a, int b) { return a / b - (a % b < 0); }

/* Formats whose samples share bytes. RAW10 and RAW12 become BAYER16 of words, low byte first, whose
   highest bits count; RGB565 becomes 8 R, the two parts of G, and B. */
static const rppg__spread rppg__spreads[4] = {
  /* RAW10 */ { 10, { 4, 0, 4, 1, 4, 2, 4, 3, 9, 5, 9, 6, 9, 7, 9, 8 },
                { 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255 },
                { 64, 0, 16, 0, 4, 0, 1, 0, 64, 0, 16, 0, 4, 0, 1, 0 },
                { 192, 0, 192, 0, 192, 0, 192, 0, 192, 0, 192, 0, 192, 0, 192, 0 } },
  /* RAW12 */ { 12, { 2, 0, 2, 1, 5, 3, 5, 4, 8, 6, 8, 7, 11, 9, 11, 10 },
                { 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255 },
                { 16, 0, 1, 0, 16, 0, 1, 0, 16, 0, 1, 0, 16, 0, 1, 0 },
                { 240, 0, 240, 0, 240, 0, 240, 0, 240, 0, 240, 0, 240, 0, 240, 0 } },
  /* RGB565, low byte first, and high byte first */
  { 8, { 1, 1, 0, 0, 3, 3, 2, 2, 5, 5, 4, 4, 7, 7, 6, 6 },
    { 248, 7, 224, 31, 248, 7, 224, 31, 248, 7, 224, 31, 248, 7, 224, 31 },
    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },
  { 8, { 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7 },
    { 248, 7, 224, 31, 248, 7, 224, 31, 248, 7, 224, 31, 248, 7, 224, 31 },
    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } }
};

/* Plane k as rppg__look has it, but spread; how, or NULL. All planes in turn, with the same v. */
static const rppg__spread *rppg__patch_look(const rppg_frame *frame, int k, rppg__view *v)
{
  static const rppg__plane bayer16 = { 2, 2, 4, { 128, 4 * 8, 128 + 1, 4 * 8 + 1, 3 } };
  static const rppg__plane rgb565 = { 1, 1, 4, { 0, 4 * 8 + 1, 128 + 1, 2, 3 } };
  int i;
  rppg__look(frame, k, v);
  if (frame->format == RPPG_RGB565) {
    v->p = rgb565;
    return &rppg__spreads[2 + v->swap];
  }
  if (frame->format != RPPG_RAW10 && frame->format != RPPG_RAW12) return NULL;
  v->p = bayer16;
  for (i = 0; i < 4; i++) v->p.of[i] = (uint8_t)((v->p.of[i] & ~3) | v->channel[v->p.of[i] & 3]);
  return &rppg__spreads[frame->format == RPPG_RAW12];
}

/* The largest value of a channel, in the units of its parts. */
static double rppg__patch_white(const rppg_frame *frame, int channel)
{
  const double white = rppg__white(frame, channel);
  if (frame->format == RPPG_RAW10) return 64.0 * white;
  if (frame->format == RPPG_RAW12) return 16.0 * white;
  if (frame->format == RPPG_RGB565 && channel < 2) return (channel ? 32.0 : 8.0) * white;
  return white;
}

/* Scratch: t for a row of four bytes a pixel and a vector; where its bytes are; the means of three
   channels; the cells of samples of one pixel, and of two. */
typedef struct rppg__patch_mem {
  float *t, *mean;
  int *where;
  rppg__patch_cell *cell;
} rppg__patch_mem;

static void rppg__patch_layout(rppg__patch_mem *m, rppg__arena *a, const rppg_rect *box, int w)
{
  const size_t pixels = (size_t)box->w + 4; /* and one at each edge, in pairs */
  m->t = (float *)rppg__take(a, RPPG__PATCH_ROWS * (4 * pixels + 80), sizeof(float));
  m->mean = (float *)rppg__take(a, 3 * RPPG__PATCH_ROWS * (size_t)w, sizeof(float));
  m->where = (int *)rppg__take(a, 4 * pixels, sizeof(int));
  m->cell = (rppg__patch_cell *)rppg__take(a, 2 * ((size_t)w + 1), sizeof(rppg__patch_cell));
}

RPPG_DEF size_t rppg_patch_work(const rppg_rect *box, int w, int h)
{
  rppg__patch_mem m;
  rppg__arena a;
  if (!rppg__face_good(box)) return 0;
  if (w < 1 || w > RPPG_PATCH_MAX || h < 1 || h > RPPG_PATCH_MAX) return 0;
  rppg__arena_begin(&a, NULL, 0);
  rppg__patch_layout(&m, &a, box, w);
  return rppg__arena_size(&a);
}

/* The cells along a row of the patch, in samples of `pixels` pixels. */
static void rppg__patch_cut(const rppg_rect *box, int w, int pixels, rppg__patch_cell *cells)
{
  const int unit = w * pixels, columns = box->w / unit, left = box->w % unit;
  int at = 0, part = box->x * w - rppg__floor_div(box->x * w, unit) * unit, i; /* 2^15 * 2^8 */
  for (i = 0; i < w; i++) {
    rppg__patch_cell *cell = &cells[i];
    const int from = at, before = part;
    at += columns;
    part += left;
    if (part >= unit) {
      part -= unit;
      at++;
    }
    cell->from = from;
    cell->more = at > from ? at - 1 : from;
    cell->head = (float)((from == at ? part : unit) - before);
    cell->tail = from == at ? 0.0f : (float)part;
    cell->weight = columns > 0 && at - from > columns ? (float)unit : 0.0f;
  }
  cells[w].from = at;
}

/* The edges of rows j .. j + RPPG__PATCH_ROWS of the patch; rows below it are empty. */
static void rppg__patch_edges(rppg__patch_job *job, const rppg_rect *box, int h, int j)
{
  int r;
  for (r = 0; r <= RPPG__PATCH_ROWS; r++) {
    const int y = box->y * h + rppg__min(j + r, h) * box->h;
    job->at[r] = rppg__floor_div(y, job->unit);
    job->part[r] = y - job->at[r] * job->unit;
  }
  for (r = 0; r < RPPG__PATCH_ROWS; r++) { /* here: gcc would do this in vectors, and wait for it */
    const int a = job->at[r], b = job->at[r + 1], rows = job->rows;
    job->y0[r] = rppg__max(a, 0);
    job->y1[r] = rppg__min(b, rows);
    job->above[r] = rppg__min(b, 0) - rppg__min(a, 0);
    job->below[r] = rppg__max(b, rows) - rppg__max(a, rows);
  }
}

/* Sets plane k up; v as in rppg__look. seen: a bit for each channel that planes before had. */
static void rppg__patch_plane(const rppg_frame *frame, int k, const rppg_rect *box, int w,
                              int convert, const rppg__patch_mem *m, int *where, unsigned *seen,
                              rppg__view *v, rppg__patch_job *job)
{
  const rppg__kernels *kernels = &rppg__table[rppg_isa_best()];
  const int bayer = rppg__formats[frame->format].family == RPPG__IS_BAYER;
  const rppg__plane *p = &v->p;
  rppg_rect cut = *box;
  rppg__box b;
  int i, j;
  cut.w++; /* the right edge may lie at the begin of a sample */
  job->spread = rppg__patch_look(frame, k, v);
  b = rppg__cut(&cut, frame, p);
  job->src = v->src;
  job->stride = v->stride;
  job->room = v->row;
  job->rows = rppg__cells(frame->height, p->rows);
  job->width = rppg__cells(frame->width, p->pixels) * p->bytes;
  job->x0 = job->width < kernels->vector ? 0 : job->spread ? b.x0 & ~15 : b.x0; /* of a narrow row, all */
  job->blocks = job->width < kernels->vector ? 1 : rppg__cells(b.x1 - job->x0, kernels->vector);
  job->bytes = p->bytes;
  job->first = rppg__floor_div(box->x, p->pixels);
  job->last = rppg__floor_div(box->x + box->w, p->pixels);
  job->where = where;
  job->t = m->t;
  job->w = w;
  job->parts = 0;
  for (i = 0; i < p->bytes; i++) {
    rppg__patch_part *c = &job->each[job->parts];
    const int channel = p->of[i] & 3;
    int per = 0;
    job->of_first[i] = -1;
    for (j = 0; j < p->bytes; j++)
      if (p->of[j] == p->of[i]) {
        if (job->of_first[i] < 0) job->of_first[i] = j;
        job->of_last[i] = j;
        per++;
      }
    if (channel == 3 || job->of_first[i] != i) continue; /* nothing, or known from before */
    job->parts++;
    c->gap = p->bytes / per; /* samples lie evenly */
    c->unit = w * (p->pixels / per);
    c->step = box->w;
    c->byte = i + (rppg__floor_div(box->x * w, c->unit) - job->first * per) * c->gap;
    c->add = (*seen >> channel & 1) != 0;
    *seen |= 1u << channel;
    c->scale = (float)((1 << (p->of[i] >> 2 & 15)) * (bayer && channel == 1 ? 0.5 : 1.0) *
                       (convert ? 1.0 : 255.0 / rppg__patch_white(frame, channel)) /
                       ((double)box->w * box->h));
    c->mean = m->mean + channel * w * RPPG__PATCH_ROWS;
    c->cell = m->cell + (p->pixels / per - 1) * (w + 1);
  }
  kernels->patch_where(job);
}

/* The matrix that turns means into R, G, B: what rppg_sums_mean does, which is affine. */
static void rppg__patch_colours(const rppg_frame *frame, rppg__patch_colour *colour)
{
  const uint32_t big = 1u << 20; /* so that the difference keeps all of a float's digits */
  rppg_sums sums;
  float rgb[3];
  int i, k;
  memset(&sums, 0, sizeof sums);
  sums.count[0] = sums.count[1] = sums.count[2] = 1;
  rppg_sums_mean(frame, &sums, colour->add);
  for (i = 0; i < 3; i++) {
    sums.sum[0] = sums.sum[1] = sums.sum[2] = 0;
    sums.sum[i] = big;
    rppg_sums_mean(frame, &sums, rgb);
    for (k = 0; k < 3; k++)
      colour->k[k][i] = (float)(((double)rgb[k] - (double)colour->add[k]) / (double)big);
  }
}

RPPG_DEF rppg_status rppg_patch(const rppg_frame *frame, const rppg_rect *box, int w, int h,
                                int order, float *out, void *work)
{
  enum { ROWS = RPPG__PATCH_ROWS };
  const rppg__kernels *kernels = &rppg__table[rppg_isa_best()];
  const rppg_status status = rppg_frame_check(frame);
  const int chw = order == RPPG_PATCH_CHW;
  const ptrdiff_t pixel = chw ? 1 : 3, row = pixel * w, channel = chw ? row * h : 1;
  const rppg__format *f;
  rppg__patch_job job[3];
  rppg__patch_colour colour;
  rppg__patch_mem m;
  rppg__view view;
  rppg__arena a;
  size_t size;
  unsigned seen = 0;
  int *where, planes, i, j;
  if (status != RPPG_OK) return status;
  size = rppg_patch_work(box, w, h);
  if (size == 0 || out == NULL || work == NULL) return RPPG_ERR_ARG;
  if (order != RPPG_PATCH_HWC && order != RPPG_PATCH_CHW) return RPPG_ERR_ARG;
  if (box->x >= frame->width || box->x + box->w <= 0) return RPPG_ERR_DATA;
  if (box->y >= frame->height || box->y + box->h <= 0) return RPPG_ERR_DATA;
  f = rppg__format_of(frame);
  memset(&colour, 0, sizeof colour);
  colour.convert = f->family == RPPG__IS_YUV || f->family == RPPG__IS_GRAY;
  if (colour.convert) rppg__patch_colours(frame, &colour);
  rppg__arena_begin(&a, work, size);
  rppg__patch_layout(&m, &a, box, w);
  memset(m.mean, 0, 3 * ROWS * (size_t)w * sizeof *m.mean); /* grey has but one channel */
  rppg__patch_cut(box, w, 1, m.cell);
  rppg__patch_cut(box, w, 2, m.cell + w + 1);
  planes = rppg__views(f);
  for (where = m.where, i = 0; i < planes; i++) {
    rppg__patch_plane(frame, i, box, w, colour.convert, &m, where, &seen, &view, &job[i]);
    job[i].unit = h * view.p.rows;
    where += (job[i].last - job[i].first + 1) * job[i].bytes;
  }
  for (j = 0; j < h; j += ROWS) {
    const int rows = rppg__min(ROWS, h - j);
    for (i = 0; i < planes; i++) {
      rppg__patch_edges(&job[i], box, h, j);
      kernels->patch_rows(&job[i]);
    }
    kernels->patch_out(&colour, m.mean, w, rows, pixel, row, channel, out + j * row);
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

/* e^x to 1 ulp or so; 0 below -708, e^709 above 709. */
static double rppg__exp(double x)
{
  double k, r, p;
  uint64_t u;
  int i;
  if (!(x > -708.0)) return x == x ? 0.0 : x;
  if (x > 709.0) x = 709.0;
  k = (double)(int)(x * 1.4426950408889634 + (x < 0.0 ? -0.5 : 0.5)); /* x / ln 2, rounded */
  r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10; /* ln 2 in two parts */
  for (p = 1.0, i = 14; i > 0; i--) p = 1.0 + p * r / (double)i; /* |r| < 0.35: next term 1e-19 */
  u = (uint64_t)(1023 + (int)k) << 52;
  memcpy(&k, &u, sizeof k);
  return p * k;
}

/* ---- pulse methods --------------------------------------------------------------------------- */

RPPG_DEF size_t rppg_pulse_window(double rate_hz)
{
  const double l = 1.6 * rate_hz;
  const size_t whole = (size_t)l;
  return (double)whole < l ? whole + 1 : whole;
}

static int rppg__pulse_config_ok(const rppg_pulse_config *cfg)
{
  return cfg && ((cfg->method >= 0 && cfg->method <= RPPG_GREEN) || cfg->method == RPPG_NIR) &&
         cfg->rate_hz >= 5.0 && cfg->rate_hz <= 250.0;
}

/* Not of POS's kind: the sample itself. */
static int rppg__plain(int method)
{
  return method == RPPG_GREEN || method == RPPG_CONTACT || method == RPPG_NIR;
}

/* Computed from a window, not from a stream. */
static int rppg__windowed(int method) { return method >= RPPG_PBV && method <= RPPG_2SR; }

static void rppg__pulse_layout(rppg_pulse *p, rppg__arena *a)
{
  p->terms = p->method == RPPG_CHROM ? 4 : 3;
  if (rppg__plain(p->method)) return; /* remembers nothing */
  p->weight = (double *)rppg__take(a, p->terms * p->length, sizeof(double));
  p->colour = (float *)rppg__take(a, 3 * p->length, sizeof(float));
}

RPPG_DEF size_t rppg_pulse_mem_size(const rppg_pulse_config *cfg)
{
  rppg_pulse p;
  rppg__arena a;
  if (!rppg__pulse_config_ok(cfg)) return 0;
  p.method = cfg->method;
  p.length = rppg_pulse_window(cfg->rate_hz);
  rppg__arena_begin(&a, NULL, 0);
  rppg__pulse_layout(&p, &a);
  return rppg__arena_size(&a);
}

RPPG_DEF rppg_status rppg_pulse_init(rppg_pulse *p, const rppg_pulse_config *cfg, void *mem,
                                     size_t mem_size)
{
  rppg_pulse q;
  rppg__arena a;
  if (!p || !mem || !rppg__pulse_config_ok(cfg)) return RPPG_ERR_ARG;
  memset(&q, 0, sizeof q);
  q.method = cfg->method;
  q.length = rppg_pulse_window(cfg->rate_hz);
  rppg__arena_begin(&a, mem, mem_size);
  rppg__pulse_layout(&q, &a);
  if (a.failed || mem_size < rppg_pulse_mem_size(cfg)) return RPPG_ERR_SPACE;
  *p = q;
  return RPPG_OK;
}

RPPG_DEF void rppg_pulse_reset(rppg_pulse *p)
{
  p->total = p->at = p->fresh = 0;
  memset(p->sum, 0, sizeof p->sum);
  memset(p->product, 0, sizeof p->product);
  memset(p->weight_sum, 0, sizeof p->weight_sum);
}

/* Adds (sign 1) or takes away (sign -1) a sample's moments about the base. */
static void rppg__pulse_moments(rppg_pulse *p, const float *c, double sign)
{
  const double r = (double)c[0] - p->base[0], g = (double)c[1] - p->base[1];
  const double b = (double)c[2] - p->base[2];
  p->sum[0] += sign * r;
  p->sum[1] += sign * g;
  p->sum[2] += sign * b;
  p->product[0] += sign * r * r;
  p->product[1] += sign * r * g;
  p->product[2] += sign * r * b;
  p->product[3] += sign * g * g;
  p->product[4] += sign * g * b;
  p->product[5] += sign * b * b;
}

/* Sums what the rings hold anew about the present mean: running sums would drift, and a base far
   from the mean would cancel. */
static void rppg__pulse_refresh(rppg_pulse *p)
{
  size_t i, k;
  int c;
  for (c = 0; c < 3; c++) {
    p->base[c] += p->sum[c] / (double)p->length;
    if (!rppg__finite(p->base[c])) p->base[c] = (double)p->colour[c];
    p->sum[c] = 0.0;
  }
  memset(p->product, 0, sizeof p->product);
  memset(p->weight_sum, 0, sizeof p->weight_sum);
  for (i = 0; i < p->length; i++) {
    rppg__pulse_moments(p, p->colour + 3 * i, 1.0);
    for (k = 0; k < p->terms; k++) p->weight_sum[k] += p->weight[p->terms * i + k];
  }
  p->fresh = 0;
}

/* a' C a; C: RR, RG, RB, GG, GB, BB. */
static double rppg__form(const double c[6], const double a[3])
{
  static const int at[9] = { 0, 1, 2, 1, 3, 4, 2, 4, 5 };
  double s = 0.0;
  int i, k;
  for (i = 0; i < 3; i++)
    for (k = 0; k < 3; k++) s += a[i] * a[k] * c[at[3 * i + k]];
  return s;
}

/* The weights of the window that ends now: S0 + (sd S0 / sd S1) S1 of the two projections
   [Wang2017, eq. 18; deHaan2013, eq. 15], each colour over its mean, and over the window's length
   so that adding windows up gives their mean. g[3] takes the window's mean away: 0 for POS. */
static void rppg__pulse_weights(const rppg_pulse *p, double g[4])
{
  static const double project[2][2][3] = {
    { { 0.0, 1.0, -1.0 }, { -2.0, 1.0, 1.0 } },  /* POS */
    { { -3.0, 2.0, 0.0 }, { 1.5, 1.0, -1.5 } }   /* CHROM: -(X - a Y), so that both rise with green */
  };
  double a[3], b[3], mean[3], cov[6], va, vb, alpha; /* cov: times the window's count */
  int c, d, k = 0;
  g[0] = g[1] = g[2] = g[3] = 0.0;
  for (c = 0; c < 3; c++) {
    mean[c] = p->base[c] + p->sum[c] / (double)p->length;
    if (!(mean[c] > 0.0)) return;
    a[c] = project[p->method][0][c] / mean[c];
    b[c] = project[p->method][1][c] / mean[c];
  }
  for (c = 0; c < 3; c++)
    for (d = c; d < 3; d++, k++)
      cov[k] = p->product[k] - p->sum[c] * p->sum[d] / (double)p->length;
  va = rppg__form(cov, a);
  vb = rppg__form(cov, b);
  alpha = va > 0.0 && vb > 0.0 ? rppg__sqrt(va / vb) : 0.0;
  for (c = 0; c < 3; c++) {
    g[c] = (a[c] + alpha * b[c]) / (double)p->length;
    if (p->terms > 3) g[3] -= (project[p->method][0][c] + alpha * project[p->method][1][c]) / (double)p->length;
  }
}

/* The pulse of the sample at ring position at, from the sum of the weights of `windows` windows. */
static float rppg__pulse_value(const rppg_pulse *p, size_t at, const double w[4], size_t windows)
{
  const float *c = p->colour + 3 * at;
  const double s = (double)c[0] * w[0] + (double)c[1] * w[1] + (double)c[2] * w[2] + w[3];
  return (float)(s * ((double)p->length / (double)windows));
}

RPPG_DEF int rppg_pulse_push(rppg_pulse *p, const float rgb[3], float *pulse)
{
  const size_t l = p->length;
  double g[4] = { 0.0, 0.0, 0.0, 0.0 };
  size_t windows, k;
  int c;
  if (rppg__plain(p->method)) {
    *pulse = p->method == RPPG_GREEN ? rgb[1]
           : (float)(((double)rgb[0] + (double)rgb[1] + (double)rgb[2]) / 3.0);
    return 1;
  }
  if (p->total == 0)
    for (c = 0; c < 3; c++) p->base[c] = (double)rgb[c];
  if (p->total >= l) {
    rppg__pulse_moments(p, p->colour + 3 * p->at, -1.0);
    for (k = 0; k < p->terms; k++) p->weight_sum[k] -= p->weight[p->terms * p->at + k];
  }
  for (c = 0; c < 3; c++) p->colour[3 * p->at + (size_t)c] = rgb[c];
  rppg__pulse_moments(p, rgb, 1.0);
  p->total++;
  if (p->total >= l) rppg__pulse_weights(p, g);
  for (k = 0; k < p->terms; k++) {
    p->weight[p->terms * p->at + k] = g[k];
    p->weight_sum[k] += g[k];
  }
  p->at = p->at + 1 == l ? 0 : p->at + 1;
  if (p->total < l) return 0;
  if (++p->fresh >= l) rppg__pulse_refresh(p);
  windows = p->total - l + 1 < l ? p->total - l + 1 : l; /* that have covered the oldest sample */
  *pulse = rppg__pulse_value(p, p->at, p->weight_sum, windows);
  return 1;
}

RPPG_DEF size_t rppg_pulse_tail(const rppg_pulse *p, float *pulse)
{
  const size_t l = p->length;
  double w[4] = { 0.0, 0.0, 0.0, 0.0 };
  size_t k, age, at = p->at;
  if (rppg__plain(p->method) || p->total < l) return 0;
  for (age = 0; age + 1 < l; age++) { /* newest first: each older sample is in one window more */
    const size_t full = p->total - l + 1; /* windows there are at all */
    at = at == 0 ? l - 1 : at - 1;
    for (k = 0; k < p->terms; k++) w[k] += p->weight[p->terms * at + k];
    pulse[l - 2 - age] = rppg__pulse_value(p, at, w, age + 1 < full ? age + 1 : full);
  }
  return l - 1;
}

/* ---- whole signals, and rPPG-Toolbox's definitions ------------------------------------------- */

/* Mean and standard deviation (divided by n). */
static void rppg__mean_dev(const double *x, size_t n, double *mean, double *dev)
{
  double m = 0.0, v = 0.0;
  size_t i;
  for (i = 0; i < n; i++) m += x[i] / (double)n;
  for (i = 0; i < n; i++) v += (x[i] - m) * (x[i] - m);
  *mean = m;
  *dev = rppg__sqrt(v / (double)n);
}

/* POS_WANG.py. work: h [n + pads], s0 [l], s1 [l], 3 n for the smoothness priors. */
static rppg_status rppg__toolbox_pos(double rate_hz, const float *rgb, size_t n, float *pulse,
                                     double *work)
{
  const size_t l = rppg_pulse_window(rate_hz);
  rppg_dsp_sos band;
  double *h, *s0, *s1, *rest;
  size_t m, i;
  if (rppg_dsp_butter(&band, 1, RPPG_DSP_BANDPASS, 0.75, 3.0, rate_hz) != RPPG_OK)
    return RPPG_ERR_ARG; /* 3 Hz needs more than 6 samples per second */
  h = work + 3 * (size_t)band.taps;
  s0 = work + rppg_dsp_filtfilt_work(&band, n);
  s1 = s0 + l;
  rest = s1 + l;
  for (i = 0; i < n; i++) h[i] = 0.0;
  for (m = 0; m + l < n; m++) { /* [m, m + l): frame n - 1 is in no window */
    double mean[3] = { 0.0, 0.0, 0.0 }, m0, m1, d0, d1;
    int c;
    for (i = 0; i < l; i++)
      for (c = 0; c < 3; c++) mean[c] += (double)rgb[3 * (m + i) + (size_t)c] / (double)l;
    for (c = 0; c < 3; c++)
      if (!(rppg__abs(mean[c]) > 0.0)) return RPPG_ERR_DATA;
    for (i = 0; i < l; i++) {
      const float *x = rgb + 3 * (m + i);
      const double r = (double)x[0] / mean[0], g = (double)x[1] / mean[1], b = (double)x[2] / mean[2];
      s0[i] = g - b;
      s1[i] = -2.0 * r + g + b;
    }
    rppg__mean_dev(s0, l, &m0, &d0);
    rppg__mean_dev(s1, l, &m1, &d1);
    if (!(d1 > 0.0)) return RPPG_ERR_DATA;
    for (i = 0; i < l; i++) h[m + i] += (s0[i] - m0) + d0 / d1 * (s1[i] - m1);
  }
  rppg_dsp__smoothness_f64(h, n, 100.0, rest);
  rppg_dsp__filtfilt_f64(&band, work, n);
  for (i = 0; i < n; i++) pulse[i] = (float)h[i];
  return RPPG_OK;
}

/* CHROME_DEHAAN.py: overlapping windows of l samples, half a window apart, each filtered and under
   a Hann window. work: 2 filtered windows with their pads. */
static rppg_status rppg__toolbox_chrom(double rate_hz, const float *rgb, size_t n, float *pulse,
                                       size_t *n_pulse, double *work)
{
  const size_t l = rppg_pulse_window(rate_hz) + rppg_pulse_window(rate_hz) % 2, half = l / 2;
  const size_t windows = (n - half) / half;
  rppg_dsp_sos band;
  double *x, *y;
  size_t w, i, pad;
  if (n < l || rppg_dsp_butter(&band, 3, RPPG_DSP_BANDPASS, 0.7, 2.5, rate_hz) != RPPG_OK)
    return n < l ? RPPG_ERR_DATA : RPPG_ERR_ARG;
  pad = 3 * (size_t)band.taps;
  if (l <= pad) return RPPG_ERR_ARG; /* 12.5 samples per second and fewer */
  x = work;
  y = work + rppg_dsp_filtfilt_work(&band, l);
  for (i = 0; i < half; i++) pulse[i] = 0.0f;
  for (w = 0; w < windows; w++) {
    const float *at = rgb + 3 * w * half;
    double mean[3] = { 0.0, 0.0, 0.0 }, m, dx, dy;
    int c;
    for (i = 0; i < l; i++)
      for (c = 0; c < 3; c++) mean[c] += (double)at[3 * i + (size_t)c] / (double)l;
    for (c = 0; c < 3; c++)
      if (!(rppg__abs(mean[c]) > 0.0)) return RPPG_ERR_DATA;
    for (i = 0; i < l; i++) {
      const double r = (double)at[3 * i] / mean[0], g = (double)at[3 * i + 1] / mean[1];
      const double b = (double)at[3 * i + 2] / mean[2];
      x[pad + i] = 3.0 * r - 2.0 * g;
      y[pad + i] = 1.5 * r + g - 1.5 * b;
    }
    rppg_dsp__filtfilt_f64(&band, x, l);
    rppg_dsp__filtfilt_f64(&band, y, l);
    rppg__mean_dev(x + pad, l, &m, &dx);
    rppg__mean_dev(y + pad, l, &m, &dy);
    if (!(dy > 0.0)) return RPPG_ERR_DATA;
    for (i = 0; i < l; i++) {
      double s, hann;
      rppg__sincospi(2.0 * (double)i / (double)(l - 1), &s, &hann);
      s = (x[pad + i] - dx / dy * y[pad + i]) * (0.5 - 0.5 * hann);
      pulse[w * half + i] = (float)(i < half ? (double)pulse[w * half + i] + s : s);
    }
  }
  if (n_pulse) *n_pulse = half * (windows + 1);
  return RPPG_OK;
}

/* ---- methods that look at a whole window ----------------------------------------------------- */

/* A window of colours. Spectra are those under a Hann window, bins lo..hi are the band. */
typedef struct rppg__window {
  size_t n, stride;              /* samples; floats from a channel of x and of smooth to the next */
  size_t bins, lo, hi;           /* complex numbers from a channel of tones to the next; the band */
  double rate_hz, mean[3], first[3];
  double raw[9];                 /* means of products of colours */
  double band[9];                /* covariances in the band, any scale */
  float *x, *smooth, *tones;     /* [3][stride] relative changes; the same for ICA; [3][bins][2] */
  double *solve;                 /* [4 n] ICA only */
} rppg__window;

/* Windows x [m] into f [fft_n + 2] and transforms it there; f may be x. A sine of amplitude 1 has
   length 1 in its bin. hann is the table of m = full, other lengths are computed.                */
static void rppg__hann_fft(rppg_dsp_fft *fft, size_t fft_n, const float *hann, size_t full,
                           const float *x, size_t m, float *f)
{
  const float scale = 4.0f / (float)m; /* the window's mean is 1/2; half of a sine is negative */
  size_t i;
  if (m == full) {
    for (i = 0; i < m; i++) f[i] = x[i] * hann[i] * scale;
  } else {
    for (i = 0; i < m; i++) {
      double sine, cosine;
      rppg__sincospi(2.0 * (double)i / (double)m, &sine, &cosine);
      f[i] = (float)((double)x[i] * (0.5 - 0.5 * cosine)) * scale;
    }
  }
  memset(f + m, 0, (fft_n - m) * sizeof *f);
  rppg_dsp_fft_forward(fft, f, f);
}

/* Fills mean, first, raw and x from n colours; sample i is at rgb + ((at + i) % ring) * step. A
   channel of mean <= 0 shows no change.                                                          */
static void rppg__window_colours(rppg__window *w, const float *rgb, size_t step, size_t at,
                                 size_t ring)
{
  static const int to[9] = { 0, 1, 2, 1, 3, 4, 2, 4, 5 };
  double sum[3] = { 0.0, 0.0, 0.0 }, product[6] = { 0.0, 0.0, 0.0, 0.0, 0.0, 0.0 };
  size_t i;
  int c;
  for (i = 0; i < w->n; i++) {
    const float *p = rgb + (at + i < ring ? at + i : at + i - ring) * step;
    const double r = (double)p[0], g = (double)p[1], b = (double)p[2];
    sum[0] += r;
    sum[1] += g;
    sum[2] += b;
    product[0] += r * r;
    product[1] += r * g;
    product[2] += r * b;
    product[3] += g * g;
    product[4] += g * b;
    product[5] += b * b;
    for (c = 0; c < 3; c++) w->x[(size_t)c * w->stride + i] = p[c];
  }
  for (c = 0; c < 9; c++) w->raw[c] = product[to[c]] / (double)w->n;
  for (c = 0; c < 3; c++) {
    float *x = w->x + (size_t)c * w->stride;
    w->mean[c] = sum[c] / (double)w->n;
    w->first[c] = (double)x[0];
    for (i = 0; i < w->n; i++)
      x[i] = w->mean[c] > 0.0 ? (float)((double)x[i] / w->mean[c] - 1.0) : 0.0f;
    rppg_dsp_detrend(RPPG_DSP_DETREND_LINEAR, x, w->n, x);
  }
}

/* Fills tones and band from x; f [fft_n + 2] is scratch. */
static void rppg__window_tones(rppg__window *w, rppg_dsp_fft *fft, size_t fft_n, const float *hann,
                               size_t full, float *f)
{
  size_t i;
  int c, d;
  for (c = 0; c < 3; c++) {
    rppg__hann_fft(fft, fft_n, hann, full, w->x + (size_t)c * w->stride, w->n, f);
    memcpy(w->tones + 2 * (size_t)c * w->bins, f, 2 * w->bins * sizeof *f);
  }
  for (c = 0; c < 3; c++)
    for (d = c; d < 3; d++) {
      const float *x = w->tones + 2 * (size_t)c * w->bins, *y = w->tones + 2 * (size_t)d * w->bins;
      double sum = 0.0;
      for (i = 2 * w->lo; i < 2 * w->hi + 2; i++) sum += (double)x[i] * (double)y[i];
      w->band[3 * c + d] = w->band[3 * d + c] = sum;
    }
}

/* Power of g . x at a bin. */
static double rppg__tone_power(const rppg__window *w, const double g[3], size_t bin)
{
  const float *r = w->tones + 2 * bin, *y = r + 2 * w->bins, *b = y + 2 * w->bins;
  const double re = g[0] * (double)r[0] + g[1] * (double)y[0] + g[2] * (double)b[0];
  const double im = g[0] * (double)r[1] + g[1] * (double)y[1] + g[2] * (double)b[1];
  return re * re + im * im;
}

static double rppg__dot3(const double *a, const double *b)
{
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* Of m rows of weights, the one with the highest share of its power of lo..hi in one bin. */
static int rppg__best_row(const rppg__window *w, const double rows[9], int m, size_t lo, size_t hi)
{
  double height = -1.0;
  size_t k;
  int i, best = 0;
  for (i = 0; i < m; i++) {
    double top = 0.0, all = 0.0;
    for (k = lo; k <= hi; k++) {
      const double p = rppg__tone_power(w, rows + 3 * i, k);
      all += p;
      if (p > top) top = p;
    }
    if (all > 0.0 && top / all > height) {
      height = top / all;
      best = i;
    }
  }
  return best;
}

/* Eigenvectors of a symmetric matrix [n][n], n <= 6, as columns of v, by Jacobi rotations; the
   eigenvalues stay on the diagonal of a.                                                         */
static void rppg__jacobi(double *a, int n, double *v)
{
  int sweep, p, q, k;
  for (k = 0; k < n * n; k++) v[k] = k % (n + 1) == 0 ? 1.0 : 0.0;
  for (sweep = 0; sweep < 16; sweep++) {
    double off = 0.0, all = 0.0;
    for (k = 0; k < n * n; k++) {
      all += a[k] * a[k];
      if (k % (n + 1) != 0) off += a[k] * a[k];
    }
    if (!(off > all * 1e-30)) return;
    for (p = 0; p < n; p++)
      for (q = p + 1; q < n; q++) {
        const double theta = a[(n + 1) * q] - a[(n + 1) * p], twice = 2.0 * a[n * p + q];
        double t, c, s;
        if (twice == 0.0) continue;
        t = twice / (rppg__abs(theta) + rppg__sqrt(theta * theta + twice * twice));
        if (theta < 0.0) t = -t;
        c = 1.0 / rppg__sqrt(t * t + 1.0);
        s = t * c;
        for (k = 0; k < n; k++) {
          const double x = a[n * k + p], y = a[n * k + q], vx = v[n * k + p], vy = v[n * k + q];
          a[n * k + p] = c * x - s * y;
          a[n * k + q] = s * x + c * y;
          v[n * k + p] = c * vx - s * vy;
          v[n * k + q] = s * vx + c * vy;
        }
        for (k = 0; k < n; k++) {
          const double x = a[n * p + k], y = a[n * q + k];
          a[n * p + k] = c * x - s * y;
          a[n * q + k] = s * x + c * y;
        }
      }
  }
}

/* Turns the matrices M [m] of [m][m] until they are all as diagonal as one rotation can make them
   [Cardoso1993]; v: the rotation, sources in its columns. Angles in closed form, in quarters.    */
static void rppg__joint_diagonal(double *M, int m, double *v)
{
  int sweep, p, q, u, k, moved = 1;
  for (k = 0; k < m * m; k++) v[k] = k % (m + 1) == 0 ? 1.0 : 0.0;
  for (sweep = 0; sweep < 40 && moved; sweep++)
    for (moved = p = 0; p < m; p++)
      for (q = p + 1; q < m; q++) {
        double on = 0.0, off = 0.0, h, c, s;
        for (u = 0; u < m; u++) {
          const double *a = M + m * m * u;
          const double x = a[(m + 1) * p] - a[(m + 1) * q], y = a[m * p + q] + a[m * q + p];
          on += x * x - y * y;
          off += 2.0 * x * y;
        }
        h = rppg__sqrt(on * on + off * off); /* 4 angles = the argument of on + i off */
        if (!(h > 0.0)) continue;
        c = rppg__sqrt(0.5 + 0.5 * (on / h > -1.0 ? on / h : -1.0));
        c = rppg__sqrt(0.5 + 0.5 * c);
        s = rppg__sqrt(1.0 - c * c > 0.0 ? 1.0 - c * c : 0.0);
        if (s < 1e-9) continue;
        if (off < 0.0) s = -s;
        moved = 1;
        for (k = 0; k < m; k++) {
          const double x = v[m * k + p], y = v[m * k + q];
          v[m * k + p] = c * x + s * y;
          v[m * k + q] = c * y - s * x;
        }
        for (u = 0; u < m; u++) {
          double *a = M + m * m * u;
          for (k = 0; k < m; k++) {
            const double x = a[m * k + p], y = a[m * k + q];
            a[m * k + p] = c * x + s * y;
            a[m * k + q] = c * y - s * x;
          }
          for (k = 0; k < m; k++) {
            const double x = a[m * p + k], y = a[m * q + k];
            a[m * p + k] = c * x + s * y;
            a[m * q + k] = c * y - s * x;
          }
        }
      }
}

/* JADE of x [3][stride], n samples of mean 0: the weights of the sources as rows, of variance 1.
   Returns how many there are: directions with less than `least` of the main one's power are none. */
static int rppg__jade(const float *x, size_t stride, size_t n, double least, double rows[9])
{
  double cov[9], e[3], v[9], white[9], full[6][6], sum[36], vec[36], M[27], turn[9];
  int pair[6][2], at[6], m = 0, pairs = 0, i, k, u, a, b;
  size_t t;
  for (i = 0; i < 3; i++)
    for (k = i; k < 3; k++) {
      double s = 0.0;
      for (t = 0; t < n; t++)
        s += (double)x[(size_t)i * stride + t] * (double)x[(size_t)k * stride + t];
      cov[3 * i + k] = cov[3 * k + i] = s / (double)n;
    }
  rppg_dsp_eig3(cov, e, v);
  for (i = 2; i >= 0; i--)
    if (e[i] > 0.0 && e[i] > least * e[2]) {
      for (k = 0; k < 3; k++) white[3 * m + k] = v[3 * k + i] / rppg__sqrt(e[i]);
      m++;
    }
  for (i = 0; i < m; i++)
    for (k = i; k < m; k++) {
      at[pairs] = i * (5 - i) / 2 + k; /* of the six pairs that three sources have */
      pair[pairs][0] = i;
      pair[pairs++][1] = k;
    }
  for (k = 3 * m; k < 9; k++) white[k] = 0.0; /* what is no source is 0: all loops are of one size */
  memset(full, 0, sizeof full);
  for (t = 0; t < n; t++) {
    double y[3], p[6];
    for (i = 0; i < 3; i++)
      y[i] = white[3 * i] * (double)x[t] + white[3 * i + 1] * (double)x[stride + t] +
             white[3 * i + 2] * (double)x[2 * stride + t];
    for (k = 0, i = 0; i < 3; i++)
      for (a = i; a < 3; a++) p[k++] = y[i] * y[a];
    RPPG__UNROLL
    for (i = 0; i < 6; i++)
      for (k = 0; k < 6; k++) full[i][k] += p[i] * p[k];
  }
  for (i = 0; i < pairs; i++) /* fourth cumulants, on symmetric matrices of unit norm */
    for (k = i; k < pairs; k++) {
      const int p = pair[i][0], q = pair[i][1], r = pair[k][0], s = pair[k][1];
      const double root2 = 1.4142135623730951;
      double z = full[at[i]][at[k]] / (double)n;
      z -= (double)((p == q && r == s) + (p == r && q == s) + (p == s && q == r));
      z *= (p == q ? 1.0 : root2) * (r == s ? 1.0 : root2);
      sum[pairs * i + k] = sum[pairs * k + i] = z;
    }
  rppg__jacobi(sum, pairs, vec);
  for (u = 0; u < m; u++) { /* the m largest eigenmatrices, times their eigenvalues */
    int top = -1;
    for (k = 0; k < pairs; k++)
      if (pair[k][0] >= 0 && (top < 0 || rppg__abs(sum[(pairs + 1) * k]) > rppg__abs(sum[(pairs + 1) * top])))
        top = k;
    for (k = 0, a = 0; a < m; a++)
      for (b = a; b < m; b++, k++) {
        const double z = sum[(pairs + 1) * top] * vec[pairs * k + top];
        M[m * m * u + m * a + b] = M[m * m * u + m * b + a] = a == b ? z : z * 0.70710678118654752;
      }
    pair[top][0] = -1;
  }
  rppg__joint_diagonal(M, m, turn);
  for (i = 0; i < m; i++)
    for (k = 0; k < 3; k++) {
      double s = 0.0;
      for (a = 0; a < m; a++) s += turn[m * a + i] * white[3 * a + k];
      rows[3 * i + k] = s;
    }
  return m;
}

/* Smoothness priors on x into smooth, then mean 0 and JADE. */
static int rppg__window_jade(const rppg__window *w, double lambda, double least, double rows[9])
{
  size_t i;
  int c;
  rppg_dsp__smoothness_factor(w->n, lambda, w->solve + w->n);
  for (c = 0; c < 3; c++) {
    const float *x = w->x + (size_t)c * w->stride;
    float *y = w->smooth + (size_t)c * w->stride;
    double mean = 0.0;
    for (i = 0; i < w->n; i++) w->solve[i] = (double)x[i];
    rppg_dsp__smoothness_solve(w->solve, w->n, lambda, w->solve + w->n);
    for (i = 0; i < w->n; i++) mean += w->solve[i] / (double)w->n;
    for (i = 0; i < w->n; i++) y[i] = (float)(w->solve[i] - mean);
  }
  return rppg__jade(w->smooth, w->stride, w->n, least, rows);
}

/* adj(q) p for a symmetric q: the solution of q x = p but for a factor, without a division. */
static void rppg__adjugate(const double q[9], const double p[3], double x[3])
{
  const double a = q[4] * q[8] - q[5] * q[5], b = q[2] * q[5] - q[1] * q[8];
  const double c = q[1] * q[5] - q[2] * q[4], d = q[0] * q[8] - q[2] * q[2];
  const double e = q[1] * q[2] - q[0] * q[5], f = q[0] * q[4] - q[1] * q[1];
  x[0] = a * p[0] + b * p[1] + c * p[2];
  x[1] = b * p[0] + d * p[1] + e * p[2];
  x[2] = c * p[0] + e * p[1] + f * p[2];
}

/* The weights of the relative changes; 0 where there is nothing to weigh. See the declarations. */
static void rppg__window_weights(const rppg__window *w, int method, double g[3])
{
  const double least = 1e-6; /* a thousandth of the main amplitude; below, rounding makes patterns */
  double e[3], v[9], rows[9], u[3], length;
  int i, k, m = 0;
  g[0] = g[1] = g[2] = 0.0;
  if (!(w->mean[0] > 0.0 && w->mean[1] > 0.0 && w->mean[2] > 0.0)) return;
  if (method == RPPG_GREEN) {
    g[1] = 1.0;
    return;
  }
  if (method == RPPG_LGI || method == RPPG_OMIT) {
    rppg_dsp_eig3(w->raw, e, v);
    for (i = 0; i < 3; i++) u[i] = method == RPPG_LGI ? v[3 * i + 2] : w->first[i];
    length = rppg__dot3(u, u);
    for (i = 0; i < 3 && length > 0.0; i++)
      g[i] = (double)(i == 1) - u[1] * u[i] / length * w->mean[i] / w->mean[1];
    return;
  }
  if (method == RPPG_PBV || method == RPPG_PBV_DATA) {
    const double trace = w->band[0] + w->band[4] + w->band[8];
    double q[9];
    u[0] = 0.33;
    u[1] = 0.77;
    u[2] = 0.53;
    if (!(trace > 0.0)) return;
    /* Loaded by a thousandth: a clean pulse that is not quite p would be cancelled as if it were
       motion. Training recordings of fingers: 82 % within 5 bpm instead of 51 %; faces alike. */
    for (i = 0; i < 9; i++) q[i] = w->band[i] / trace;
    for (i = 0; i < 3 && method == RPPG_PBV_DATA; i++) u[i] = rppg__sqrt(q[4 * i]);
    length = rppg__dot3(u, u);
    for (i = 0; i < 3; i++) {
      u[i] /= rppg__sqrt(length);
      q[4 * i] += 1e-3;
    }
    rppg__adjugate(q, u, g);
    length = rppg__dot3(u, g);
    for (i = 0; i < 3; i++) g[i] = length > 0.0 ? g[i] / length : 0.0;
    return;
  }
  if (method == RPPG_PCA) {
    rppg_dsp_eig3(w->band, e, v);
    for (i = 2; i >= 0; i--)
      if (e[i] > 0.0 && e[i] > least * e[2]) {
        for (k = 0; k < 3; k++) rows[3 * m + k] = v[3 * k + i];
        m++;
      }
  } else
    m = rppg__window_jade(w, w->rate_hz * w->rate_hz / 9.0, least, rows); /* 100 at 30 Hz */
  if (m == 0) return;
  i = rppg__best_row(w, rows, m, w->lo, w->hi);
  length = rppg__sqrt(rppg__dot3(rows + 3 * i, rows + 3 * i));
  if (rppg__dot3(rows + 3 * i, w->band + 3) < 0.0) length = -length;
  for (k = 0; k < 3 && length != 0.0; k++) g[k] = rows[3 * i + k] / length;
}

static void rppg__window_pulse(const rppg__window *w, const double g[3], float *pulse)
{
  const float *r = w->x, *y = r + w->stride, *b = y + w->stride;
  size_t i;
  for (i = 0; i < w->n; i++)
    pulse[i] = (float)(g[0] * (double)r[i] + g[1] * (double)y[i] + g[2] * (double)b[i]);
}

/* What a whole signal needs: the window, a transform, and pads for a filter. */
typedef struct rppg__whole {
  rppg__window w;
  rppg_dsp_fft fft;
  rppg_dsp_fft_config fc;
  float *f, *hann;
  double *filtered;
  void *fft_mem;
  size_t fft_size;
} rppg__whole;

static rppg_status rppg__whole_layout(rppg__whole *o, const rppg_pulse_config *cfg, size_t n,
                                      rppg__arena *a)
{
  memset(o, 0, sizeof *o);
  if (n < 2 || n > RPPG_DSP_FFT_MAX) return RPPG_ERR_ARG;
  o->fc.n = n + n % 2;
  while (!rppg_dsp__fft_factor(&o->fft, o->fc.n / 2)) o->fc.n += 2;
  if (cfg->toolbox) o->fc.n = n; /* its bins, whatever they cost */
  o->w.n = o->w.stride = n;
  o->w.bins = o->fc.n / 2 + 1;
  o->w.rate_hz = cfg->rate_hz;
  o->fft_size = rppg_dsp_fft_mem_size(&o->fc);
  o->w.x = (float *)rppg__take(a, 3 * n, sizeof(float));
  o->w.smooth = (float *)rppg__take(a, 3 * n, sizeof(float));
  o->w.tones = (float *)rppg__take(a, 6 * o->w.bins, sizeof(float));
  o->w.solve = (double *)rppg__take(a, 4 * n, sizeof(double));
  o->f = (float *)rppg__take(a, o->fc.n + 2, sizeof(float));
  o->hann = (float *)rppg__take(a, n, sizeof(float));
  o->filtered = (double *)rppg__take(a, n + 6 * 7, sizeof(double)); /* taps of order 3 */
  o->fft_mem = rppg__take(a, o->fft_size, 1);
  return a->failed ? RPPG_ERR_SPACE : RPPG_OK;
}

/* Doubles. */
static size_t rppg__whole_work(const rppg_pulse_config *cfg, size_t n)
{
  rppg__whole o;
  rppg__arena a;
  rppg__arena_begin(&a, NULL, 0);
  if (rppg__whole_layout(&o, cfg, n < 2 ? 2 : n, &a) != RPPG_OK) return 0;
  return rppg__arena_size(&a) / sizeof(double) + 1;
}

static rppg_status rppg__whole_signal(const rppg_pulse_config *cfg, const float *rgb, size_t n,
                                      float *pulse, double *work)
{
  rppg__whole o;
  rppg__arena a;
  double bin_hz, g[3], hi;
  rppg_status status;
  rppg__arena_begin(&a, work, rppg__whole_work(cfg, n) * sizeof(double));
  status = rppg__whole_layout(&o, cfg, n, &a);
  if (status != RPPG_OK) return RPPG_ERR_ARG;
  bin_hz = cfg->rate_hz / (double)o.fc.n;
  hi = 4.0 / bin_hz;
  o.w.lo = (size_t)(0.6 / bin_hz) + 1;
  o.w.hi = hi < (double)(o.w.bins - 1) ? (size_t)hi : o.w.bins - 1;
  rppg__window_colours(&o.w, rgb, 3, 0, n);
  if (cfg->method != RPPG_LGI && cfg->method != RPPG_OMIT) { /* these know no frequencies */
    status = rppg_dsp_fft_init(&o.fft, &o.fc, o.fft_mem, o.fft_size);
    if (status != RPPG_OK) return RPPG_ERR_ARG;
    rppg_dsp_window(RPPG_DSP_HANN, 0.0, 1, n, o.hann);
    rppg__window_tones(&o.w, &o.fft, o.fc.n, o.hann, n, o.f);
  }
  rppg__window_weights(&o.w, cfg->method, g);
  rppg__window_pulse(&o.w, g, pulse);
  return RPPG_OK;
}

/* PBV.py, with the data's signature and the means left in. */
static rppg_status rppg__toolbox_pbv(const float *rgb, size_t n, float *pulse)
{
  double mean[3] = { 0.0, 0.0, 0.0 }, q[9], var[3] = { 0.0, 0.0, 0.0 }, p[3], g[3], scale;
  size_t i;
  int c, d;
  for (i = 0; i < n; i++)
    for (c = 0; c < 3; c++) mean[c] += (double)rgb[3 * i + (size_t)c] / (double)n;
  for (c = 0; c < 9; c++) q[c] = 0.0;
  for (c = 0; c < 3; c++)
    if (!(rppg__abs(mean[c]) > 0.0)) return RPPG_ERR_DATA;
  for (i = 0; i < n; i++)
    for (c = 0; c < 3; c++) {
      const double x = (double)rgb[3 * i + (size_t)c] / mean[c];
      var[c] += (x - 1.0) * (x - 1.0) / (double)n;
      for (d = c; d < 3; d++) q[3 * c + d] += x * ((double)rgb[3 * i + (size_t)d] / mean[d]) / (double)n;
    }
  q[3] = q[1];
  q[6] = q[2];
  q[7] = q[5];
  scale = rppg__sqrt(var[0] + var[1] + var[2]);
  for (c = 0; c < 3 && scale > 0.0; c++) p[c] = rppg__sqrt(var[c]) / scale;
  if (!(scale > 0.0)) return RPPG_ERR_DATA;
  rppg__adjugate(q, p, g);
  scale = rppg__dot3(p, g);
  if (!(scale > 1e-14)) return RPPG_ERR_DATA; /* of a matrix with a trace of 3 or more */
  for (i = 0; i < n; i++) {
    double s = 0.0;
    for (c = 0; c < 3; c++) s += (double)rgb[3 * i + (size_t)c] / mean[c] * g[c];
    pulse[i] = (float)(s / scale);
  }
  return RPPG_OK;
}

/* LGI.py, OMIT.py: the green row of what is left without one direction. */
static rppg_status rppg__toolbox_project(int method, const float *rgb, size_t n, float *pulse)
{
  double raw[9], e[3], v[9], u[3], length;
  size_t i;
  int c;
  for (c = 0; c < 9; c++) raw[c] = 0.0;
  for (i = 0; i < n; i++)
    for (c = 0; c < 9; c++)
      raw[c] += (double)rgb[3 * i + (size_t)(c / 3)] * (double)rgb[3 * i + (size_t)(c % 3)];
  rppg_dsp_eig3(raw, e, v);
  for (c = 0; c < 3; c++) u[c] = method == RPPG_LGI ? v[3 * c + 2] : (double)rgb[c];
  length = rppg__dot3(u, u);
  if (!(length > 0.0) || !rppg__finite(length)) return RPPG_ERR_DATA;
  for (i = 0; i < n; i++) {
    double s = 0.0;
    for (c = 0; c < 3; c++) s += u[c] * (double)rgb[3 * i + (size_t)c];
    pulse[i] = (float)((double)rgb[3 * i + 1] - u[1] * s / length);
  }
  return RPPG_OK;
}

/* cpu_PCA of pyVHR: principal axes over time of three points, the channels. */
static rppg_status rppg__toolbox_pca(const float *rgb, size_t n, float *pulse)
{
  double gram[9], e[3], v[9], top = 0.0;
  size_t i;
  int c, round;
  for (c = 0; c < 9; c++) gram[c] = 0.0;
  for (round = 0; round < 2; round++) {
    for (i = 0; i < n; i++) {
      const float *p = rgb + 3 * i;
      const double mean = ((double)p[0] + (double)p[1] + (double)p[2]) / 3.0;
      double x[3], s = 0.0;
      for (c = 0; c < 3; c++) x[c] = (double)p[c] - mean;
      for (c = 0; c < 9 && round == 0; c++) gram[c] += x[c / 3] * x[c % 3];
      if (round == 0) continue;
      for (c = 0; c < 3; c++) s += v[3 * c + 1] * x[c]; /* its second axis is s / sqrt(e[1]) */
      s *= 0.5 * rppg__sqrt(e[1]);                     /* times the variance e[1] / (3 - 1) */
      if (rppg__abs(s) > rppg__abs(top)) top = s;
      pulse[i] = (float)s;
    }
    if (round == 0) rppg_dsp_eig3(gram, e, v);
    if (!(e[1] > 0.0)) return RPPG_ERR_DATA;
  }
  for (i = 0; i < n && top < 0.0; i++) pulse[i] = -pulse[i];
  return RPPG_OK;
}

/* ICA_POH.py. */
static rppg_status rppg__toolbox_ica(const rppg_pulse_config *cfg, const float *rgb, size_t n,
                                     float *pulse, double *work)
{
  rppg__whole o;
  rppg__arena a;
  rppg_dsp_sos band;
  double rows[9], sign = 0.0;
  size_t i;
  int c, best;
  if (rppg_dsp_butter(&band, 3, RPPG_DSP_BANDPASS, 0.7, 2.5, cfg->rate_hz) != RPPG_OK)
    return RPPG_ERR_ARG;
  rppg__arena_begin(&a, work, rppg__whole_work(cfg, n) * sizeof(double));
  if (rppg__whole_layout(&o, cfg, n, &a) != RPPG_OK ||
      rppg_dsp_fft_init(&o.fft, &o.fc, o.fft_mem, o.fft_size) != RPPG_OK)
    return RPPG_ERR_ARG;
  for (c = 0; c < 3; c++) {
    double mean = 0.0, dev;
    for (i = 0; i < n; i++) o.filtered[i] = (double)rgb[3 * i + (size_t)c];
    rppg__mean_dev(o.filtered, n, &mean, &dev);
    if (!(dev > 0.0)) return RPPG_ERR_DATA;
    for (i = 0; i < n; i++) o.w.x[(size_t)c * n + i] = (float)((o.filtered[i] - mean) / dev);
  }
  if (rppg__window_jade(&o.w, 100.0, 1e-12, rows) < 3) return RPPG_ERR_DATA;
  for (c = 0; c < 3; c++) { /* no window */
    memcpy(o.f, o.w.smooth + (size_t)c * n, n * sizeof *o.f);
    rppg_dsp_fft_forward(&o.fft, o.f, o.f);
    memcpy(o.w.tones + 2 * (size_t)c * o.w.bins, o.f, 2 * o.w.bins * sizeof *o.f);
  }
  best = rppg__best_row(&o.w, rows, 3, 1, (n - 1) / 2);
  for (i = 0; i < n; i++) {
    double s = 0.0;
    for (c = 0; c < 3; c++) s += rows[3 * best + c] * (double)o.w.smooth[(size_t)c * n + i];
    sign += s * (double)o.w.smooth[n + i];
    o.filtered[3 * (size_t)band.taps + i] = s;
  }
  rppg_dsp__filtfilt_f64(&band, o.filtered, n);
  for (i = 0; i < n; i++) {
    const double s = o.filtered[3 * (size_t)band.taps + i];
    pulse[i] = (float)(sign < 0.0 ? -s : s);
  }
  return RPPG_OK;
}

/* rppg_pulse_signal of PBV to PCA. */
static rppg_status rppg__window_signal(const rppg_pulse_config *cfg, const float *rgb, size_t n,
                                       float *pulse, double *work)
{
  if (!cfg->toolbox) return rppg__whole_signal(cfg, rgb, n, pulse, work);
  switch (cfg->method) {
    case RPPG_LGI: case RPPG_OMIT: return rppg__toolbox_project(cfg->method, rgb, n, pulse);
    case RPPG_ICA: return rppg__toolbox_ica(cfg, rgb, n, pulse, work);
    case RPPG_PCA: return rppg__toolbox_pca(rgb, n, pulse);
    default: return rppg__toolbox_pbv(rgb, n, pulse);
  }
}

/* ---- spatial subspace rotation --------------------------------------------------------------- */

/* Products of a byte with itself and its two neighbours to the right make all products of three
   channels; a rectangle's columns are summed row by row, then sorted by channel.                 */
RPPG_DEF rppg_status rppg_roi_moments(const rppg_frame *frame, const rppg_rect *rois, size_t n,
                                      rppg_moments *out)
{
  static const uint8_t to[9] = { 0, 1, 2, 1, 3, 4, 2, 4, 5 };
  const rppg_status status = rppg_frame_check(frame);
  const rppg__kernels *kernels = &rppg__table[rppg_isa_best()];
  const rppg__plane *p;
  uint32_t col[3 * 64]; /* of the widest vector */
  size_t i;
  if (status != RPPG_OK) return status;
  if (frame->format != RPPG_RGB24 && frame->format != RPPG_BGR24 && frame->format != RPPG_RGBA &&
      frame->format != RPPG_BGRA)
    return RPPG_ERR_UNSUPPORTED;
  if (n != 0 && (rois == NULL || out == NULL)) return RPPG_ERR_ARG;
  p = &rppg__format_of(frame)->plane[0];
  for (i = 0; i < n; i++) {
    const rppg__box b = rppg__cut(&rois[i], frame, p);
    const int unit = kernels->vector, bytes = p->bytes, h = b.y1 - b.y0, end = frame->width * bytes;
    rppg_sums sums;
    int x, k, lag;
    rppg_roi_sums(frame, &rois[i], 1, &sums);
    memset(&out[i], 0, sizeof out[i]);
    for (k = 0; k < 3; k++) out[i].sum[k] = sums.sum[k];
    out[i].count = sums.count[0];
    for (x = b.x0; x < b.x1; x += unit) {
      const uint8_t *q = frame->planes[0] + b.y0 * frame->strides[0] + x;
      const int columns = rppg__min(unit, b.x1 - x);
      if (x + unit + 2 <= end)
        kernels->products(q, frame->strides[0], h, col);
      else { /* too near to the end of the row for a vector */
        int y;
        memset(col, 0, sizeof col);
        for (y = 0; y < h; y++, q += frame->strides[0])
          for (lag = 0; lag < 3; lag++)
            for (k = 0; k < columns && x + k + lag < end; k++)
              col[lag * unit + k] += (uint32_t)q[k] * q[k + lag];
      }
      for (k = 0; k < columns; k++) {
        const int byte = (x - b.x0 + k) % bytes;
        for (lag = 0; lag < 3 && byte + lag < bytes; lag++)
          if (p->of[byte] < 3 && p->of[byte + lag] < 3)
            out[i].product[to[3 * p->of[byte] + p->of[byte + lag]]] += col[lag * unit + k];
      }
    }
  }
  return RPPG_OK;
}

/* Turns of a matrix with one eigenvalue far above the others, as those of skin have, in closed form:
   0 if it has not. The highest eigenvalue by Halley's method from above, its axis u from the
   adjugate of c - e I, two axes p beside it [Duff2017]. What c is between those is B; with b and q
   the sum and the product of B's eigenvalues, B^(-1/2) = ((b + sqrt q) I - B) / sqrt(q (b + 2 sqrt q)),
   by Cayley and Hamilton.                                                                        */
static int rppg__turn_main(const double c[6], double t[8])
{
  static const uint8_t at[5][2] = { { 0, 0 }, { 0, 1 }, { 0, 2 }, { 1, 1 }, { 1, 2 } };
  const double trace = c[0] + c[3] + c[5], minors = c[3] * c[5] - c[4] * c[4] + c[0] * c[5] -
    c[2] * c[2] + c[0] * c[3] - c[1] * c[1];
  const double det = c[0] * (c[3] * c[5] - c[4] * c[4]) - c[1] * (c[1] * c[5] - c[4] * c[2]) +
                     c[2] * (c[1] * c[4] - c[3] * c[2]);
  double e = trace, u[3], p[2][3], B[3], slope = 0.0, step = 0.0, x, y, z, b, q, root, sign;
  int i;
  for (i = 0; i < 4; i++) { /* from a trace 8 % above: 5e-4, 1e-10, 0 */
    const double f = ((e - trace) * e + minors) * e - det;
    slope = (3.0 * e - 2.0 * trace) * e + minors;
    step = f * slope / (slope * slope - f * (3.0 * e - trace));
    e -= step;
    if (rppg__abs(step) < 1e-14 * e) break;
  }
  if (!(slope > 0.5 * e * e && rppg__abs(step) < 1e-14 * e)) return 0; /* NaN too */
  x = c[0] - e;
  y = c[3] - e;
  z = c[5] - e;
  u[0] = y * z - c[4] * c[4]; /* the rows of the adjugate are multiples of each other; the one */
  u[1] = x * z - c[2] * c[2]; /* with the largest diagonal is safe, and its largest is positive */
  u[2] = x * y - c[1] * c[1];
  if (u[1] > u[0] && u[1] >= u[2]) {
    u[0] = c[2] * c[4] - c[1] * z;
    u[2] = c[1] * c[2] - x * c[4];
  } else if (u[2] > u[0]) {
    u[0] = c[1] * c[4] - y * c[2];
    u[1] = c[1] * c[2] - x * c[4];
  } else {
    u[1] = c[2] * c[4] - c[1] * z;
    u[2] = c[1] * c[4] - y * c[2];
  }
  x = 1.0 / rppg__sqrt(rppg__dot3(u, u));
  root = rppg__sqrt(e);
  for (i = 0; i < 3; i++) {
    u[i] *= x;
    t[i] = u[i] * root;
  }
  for (i = 3; i < 8; i++) t[i] = 0.0;
  sign = u[2] < 0.0 ? -1.0 : 1.0;
  x = -1.0 / (sign + u[2]);
  p[0][0] = 1.0 + sign * u[0] * u[0] * x;
  p[0][1] = sign * (u[0] * u[1] * x);
  p[0][2] = -sign * u[0];
  p[1][0] = u[0] * u[1] * x;
  p[1][1] = sign + u[1] * u[1] * x;
  p[1][2] = -u[1];
  B[0] = B[1] = B[2] = 0.0;
  for (i = 0; i < 2; i++) {
    const double *r = p[i];
    x = c[0] * r[0] + c[1] * r[1] + c[2] * r[2];
    y = c[1] * r[0] + c[3] * r[1] + c[4] * r[2];
    z = c[2] * r[0] + c[4] * r[1] + c[5] * r[2];
    B[2 * i] = r[0] * x + r[1] * y + r[2] * z;
    if (i == 0) B[1] = p[1][0] * x + p[1][1] * y + p[1][2] * z;
  }
  b = B[0] + B[2];
  q = B[0] * B[2] - B[1] * B[1];
  x = b * b - 4.0 * q > 0.0 ? rppg__sqrt(b * b - 4.0 * q) : 0.0;
  if (!(b > 0.0 && q > 1e-12 * e * 0.5 * (b + x))) return 1; /* the lower one is 2 q / (b + x) */
  root = rppg__sqrt(q);
  x = 1.0 / rppg__sqrt(q * (b + 2.0 * root));
  for (i = 0; i < 5; i++) {
    const double *r = p[0], *s = p[1];
    const int k = at[i][0], l = at[i][1];
    t[3 + i] = ((B[2] + root) * r[k] * r[l] + (B[0] + root) * s[k] * s[l] -
                B[1] * (r[k] * s[l] + r[l] * s[k])) * x;
  }
  return 1;
}

/* What of a frame's matrix of second moments c (RR, RG, RB, GG, GB, BB) the windows need: t[0..2]
   its main axis, times the root of its eigenvalue; the rows of R, t[3..5], and of G, t[4], t[6],
   t[7], of the sum of u u' / root of the eigenvalue over the other two axes.                     */
static void rppg__turn_of(const double c[6], double t[8])
{
  const double a[9] = { c[0], c[1], c[2], c[1], c[3], c[4], c[2], c[4], c[5] };
  double e[3], v[9];
  int i, k;
  if (rppg__turn_main(c, t)) return;
  rppg_dsp_eig3(a, e, v);
  for (i = 0; i < 8; i++) t[i] = 0.0;
  for (i = 0; i < 3 && e[2] > 0.0; i++) t[i] = v[3 * i + 2] * rppg__sqrt(e[2]);
  if (!(e[0] > 1e-12 * e[2])) return;
  for (k = 0; k < 2; k++) {
    const double root = rppg__sqrt(e[k]), x = v[k] / root, y = v[3 + k] / root;
    t[3] += x * v[k];
    t[4] += x * v[3 + k];
    t[5] += x * v[6 + k];
    t[6] += y * v[3 + k];
    t[7] += y * v[6 + k];
  }
}

/* Pulse of n frames, of which frame i is at turns + ((at + i) % ring) * step; windows of l frames.
   p falls with green by the geometry alone, ours has the sign turned. work [2 l + n].            */
static void rppg__rotation(const double *turns, size_t step, size_t at, size_t ring, size_t n,
                           size_t l, int toolbox, float *pulse, double *work)
{
  double *s0 = work, *s1 = s0 + l, *sum = s1 + l;
  size_t w, i, k;
  for (i = 0; i < n; i++) sum[i] = 0.0;
  for (w = 0; w + l + (toolbox ? 1 : 0) <= n; w++) {
    const double *a = turns + (at + w) % ring * step;
    double m0, m1, d0, d1, ratio;
    m0 = m1 = d0 = d1 = 0.0;
    for (k = (at + w) % ring, i = 0; i < l; i++, k = k + 1 == ring ? 0 : k + 1) {
      const double *t = turns + k * step;
      s0[i] = a[3] * t[0] + a[4] * t[1] + a[5] * t[2];
      s1[i] = a[4] * t[0] + a[6] * t[1] + a[7] * t[2];
      m0 += s0[i];
      m1 += s1[i];
      d0 += s0[i] * s0[i]; /* s is 0 where the window begins: no large mean to cancel */
      d1 += s1[i] * s1[i];
    }
    m0 /= (double)l;
    m1 /= (double)l;
    d0 -= m0 * m0 * (double)l;
    d1 -= m1 * m1 * (double)l;
    if (!(d1 > 0.0)) continue;
    ratio = d0 > 0.0 ? rppg__sqrt(d0 / d1) : 0.0; /* of the deviations */
    m0 -= ratio * m1;
    for (i = 0; i < l; i++) sum[w + i] += (s0[i] - ratio * s1[i]) - m0;
  }
  for (i = 0; i < n; i++) {
    const size_t first = i + 1 > l ? i + 1 - l : 0, last = i + l <= n ? i : n - l;
    pulse[i] = (float)(toolbox ? sum[i] : -sum[i] / (double)(last - first + 1));
  }
}

static size_t rppg__rotation_window(const rppg_pulse_config *cfg)
{
  return (size_t)(cfg->toolbox ? cfg->rate_hz : cfg->rate_hz + 0.5);
}

RPPG_DEF size_t rppg_2sr_signal_work(const rppg_pulse_config *cfg, size_t n)
{
  if (!cfg || cfg->method != RPPG_2SR || !(cfg->rate_hz >= 5.0 && cfg->rate_hz <= 250.0)) return 0;
  return n > (size_t)-1 / 128 ? 0 : 9 * n + 2 * rppg__rotation_window(cfg);
}

RPPG_DEF rppg_status rppg_2sr_signal(const rppg_pulse_config *cfg, const double *moments, size_t n,
                                     float *pulse, double *work)
{
  size_t i;
  if (!rppg_2sr_signal_work(cfg, n) || !moments || !pulse || !work) return RPPG_ERR_ARG;
  if (n <= rppg__rotation_window(cfg)) return RPPG_ERR_DATA;
  for (i = 0; i < 9 * n; i++)
    if (!rppg__finite(moments[i])) return RPPG_ERR_DATA;
  for (i = 0; i < n; i++) rppg__turn_of(moments + 9 * i + 3, work + 8 * i);
  rppg__rotation(work, 8, 0, n, n, rppg__rotation_window(cfg), cfg->toolbox, pulse, work + 8 * n);
  return RPPG_OK;
}

/* ---- whole signals of every method ----------------------------------------------------------- */

static int rppg__signal_config_ok(const rppg_pulse_config *cfg)
{
  return cfg && ((cfg->method >= RPPG_PBV && cfg->method <= RPPG_PCA && cfg->rate_hz >= 5.0 &&
                  cfg->rate_hz <= 250.0) || rppg__pulse_config_ok(cfg));
}

RPPG_DEF size_t rppg_pulse_signal_work(const rppg_pulse_config *cfg, size_t n)
{
  const size_t most_pads = 2 * 3 * 7; /* a third-order band-pass has 7 taps */
  size_t l, toolbox, stream;
  if (!rppg__signal_config_ok(cfg) || n > (size_t)-1 / 64) return 0;
  if (rppg__windowed(cfg->method)) return rppg__whole_work(cfg, n);
  l = rppg_pulse_window(cfg->rate_hz) + 1;
  toolbox = 4 * n + 2 * l + 2 * most_pads;
  stream = rppg_pulse_mem_size(cfg) / sizeof(double) + 1;
  return toolbox > stream ? toolbox : stream;
}

RPPG_DEF rppg_status rppg_pulse_signal(const rppg_pulse_config *cfg, const float *rgb, size_t n,
                                       float *pulse, size_t *n_pulse, double *work)
{
  rppg_pulse p;
  size_t i, out = 0;
  if (!rppg__signal_config_ok(cfg) || !rgb || !pulse || !work) return RPPG_ERR_ARG;
  for (i = 0; i < 3 * n; i++)
    if (!rppg__finite((double)rgb[i])) return RPPG_ERR_DATA;
  if (n < rppg_pulse_window(cfg->rate_hz) || (cfg->toolbox && n <= 21)) return RPPG_ERR_DATA;
  if (n_pulse) *n_pulse = n;
  if (rppg__windowed(cfg->method)) return rppg__window_signal(cfg, rgb, n, pulse, work);
  if (cfg->toolbox && cfg->method == RPPG_POS)
    return rppg__toolbox_pos(cfg->rate_hz, rgb, n, pulse, work);
  if (cfg->toolbox && cfg->method == RPPG_CHROM)
    return rppg__toolbox_chrom(cfg->rate_hz, rgb, n, pulse, n_pulse, work);
  if (rppg_pulse_init(&p, cfg, work, rppg_pulse_signal_work(cfg, n) * sizeof(double)) != RPPG_OK)
    return RPPG_ERR_ARG;
  for (i = 0; i < n; i++) out += (size_t)rppg_pulse_push(&p, rgb + 3 * i, pulse + out);
  rppg_pulse_tail(&p, pulse + out);
  return RPPG_OK;
}

/* ---- session: set-up ------------------------------------------------------------------------- */

RPPG_DEF const char *rppg_flag_text(unsigned flag)
{
#define RPPG__X(name, bit, text) if (flag == 1u << bit) return text;
  RPPG__FLAGS(RPPG__X)
#undef RPPG__X
  return NULL;
}

enum { RPPG__VOTERS = 3 };
#define RPPG__STILL 2e-5 /* amplitude: a fiftieth of a weak pulse, grey levels 0.002 apart */

static double rppg__or(double value, double fallback) { return value == 0.0 ? fallback : value; }

/* What the model says of itself, from rppg__config to the layout: its blob is read once. */
#ifdef RPPG_NO_NN
typedef int rppg__model;
#else
typedef rppg_nn_about rppg__model;
static int rppg__model_config(rppg_config *c, rppg__model *model);
static rppg_status rppg__model_layout(rppg_session *s, const rppg__model *model, rppg__arena *a);
static void rppg__model_reset(rppg_session *s);
static void rppg__model_tick(rppg_session *s);
static void rppg__model_patch(rppg_session *s, const rppg_frame *frame, const rppg_rect *box);
static void rppg__model_rate(rppg_session *s, size_t m, size_t lo, size_t hi, double res,
                             rppg_result *r);
#endif

/* The config of camera k of a session: what is not its own is the session's. */
static rppg_config rppg__camera_config(const rppg_config *c, size_t k)
{
  rppg_config one = c->cameras[k];
  one.rate_hz = c->rate_hz;
  one.window_s = c->window_s;
  one.min_window_s = c->min_window_s;
  one.max_gap_s = c->max_gap_s;
  one.bpm_min = c->bpm_min;
  one.bpm_max = c->bpm_max;
  return one;
}

/* Replaces zeros by the defaults and reads the model, if there is one; 0 if a field is outside its
   range. */
static int rppg__config(rppg_config *c, const rppg_config *cfg, rppg__model *model)
{
  static const rppg_rect unit = { 0, 0, 1, 1 };
  rppg_config one;
  rppg__model its;
  rppg_rect rect;
  size_t i;
  memset(c, 0, sizeof *c);
  memset(model, 0, sizeof *model);
  if (cfg) *c = *cfg;
  if (c->cameras ? c->n_cameras < 1 || c->n_cameras > RPPG_MAX_CAMERAS || c->auto_cells || c->parts ||
                     c->skin || c->layout || c->method || c->model : c->n_cameras != 0)
    return 0;
  if (c->adapt && (c->adapt != 1 || !c->model)) return 0;
#ifndef RPPG_NO_NN
  if (c->model && !rppg__model_config(c, model)) return 0;
#else
  if (c->model) return 0;
#endif
  c->rate_hz = rppg__or(c->rate_hz, c->auto_cells ? 15.0 : 30.0);
  c->auto_step_s = rppg__or(c->auto_step_s, 1.0);
  if (c->auto_cells && (c->auto_cells < 12 || c->auto_cells > RPPG_AUTO_MAX_CELLS ||
                        c->method == RPPG_CONTACT || !(c->auto_step_s >= 0.1) ||
                        c->auto_step_s > 60.0))
    return 0;
  if (c->skin && (c->auto_cells || c->method == RPPG_2SR || !rppg__skin_ok(c->skin))) return 0;
  c->window_s = rppg__or(c->window_s, 10.0);
  c->min_window_s = rppg__or(c->min_window_s, c->window_s < 5.0 ? c->window_s : 5.0);
  c->max_gap_s = rppg__or(c->max_gap_s, 1.0);
  c->bpm_min = rppg__or(c->bpm_min, 36.0);
  c->bpm_max = rppg__or(c->bpm_max, 240.0);
  if (!c->smooth_boxes) c->smooth_boxes = 20;
  if (c->method < 0 || c->method >= RPPG__METHOD_END) return 0;
  if (c->parts ? c->n_parts < 1 || c->n_parts > RPPG_MAX_ROIS : !rppg_layout_size(c->layout))
    return 0;
  for (i = 0; c->parts && i < c->n_parts; i++)
    if (rppg_layout_parts(c->parts + i, 1, &unit, &rect) != RPPG_OK) return 0;
  for (i = 0; i < c->n_cameras; i++) {
    const rppg_config camera = rppg__camera_config(c, i);
    if (camera.cameras || camera.n_cameras || !rppg__config(&one, &camera, &its)) return 0;
  }
  return c->rate_hz >= 10.0 && c->rate_hz <= 250.0 && c->window_s >= 4.0 && c->window_s <= 60.0 &&
         c->min_window_s >= 3.0 && c->min_window_s <= c->window_s && c->max_gap_s > 0.0 &&
         c->max_gap_s <= 60.0 && c->bpm_min >= 20.0 && c->bpm_max >= 2.0 * c->bpm_min &&
         c->bpm_max <= 300.0 && c->bpm_max <= 27.0 * c->rate_hz && /* 0.45 of the rate */
         c->smooth_boxes >= 1 && c->smooth_boxes <= RPPG_SMOOTHER_MAX;
}

/* The one layout of the block; counts, or hands out the pointers and starts the parts. */
static rppg_status rppg__session_layout(rppg_session *s, const rppg__model *model, rppg__arena *a)
{
  rppg_pulse_config pc;
  rppg_dsp_fft_config fc;
  size_t i, pulse_size, fft_size, streams;
  void *fft_mem, *pulse_mem;
  int ica;
  ica = s->cfg.method == RPPG_ICA;
  s->rois = s->cfg.parts ? s->cfg.n_parts : rppg_layout_size(s->cfg.layout);
  if (s->cfg.auto_cells) s->rois = 1;
  if (s->cfg.n_cameras) s->rois = 0;
  s->channels = 3 * s->rois;
  s->values = s->cfg.method == RPPG_2SR ? 9 * s->rois : s->channels;
  s->signals = s->cfg.method == RPPG_CONTACT ? s->channels : s->rois;
  streams = rppg__windowed(s->cfg.method) ? 0 : s->signals;
  s->n = (size_t)(s->cfg.window_s * s->cfg.rate_hz + 0.5);
  s->fft_n = (3 * s->n + 1) / 2 * 2; /* the parabola then errs by less than 0.04 bpm */
  while (!rppg_dsp__fft_factor(&s->fft, s->fft_n / 2)) s->fft_n += 2;
  s->bins = (size_t)(1.5 * s->cfg.bpm_max / 60.0 * (double)s->fft_n / s->cfg.rate_hz) + 3;
  if (s->bins > s->fft_n / 2 + 1) s->bins = s->fft_n / 2 + 1;
  memset(&pc, 0, sizeof pc);
  pc.method = s->cfg.method == RPPG_CONTACT ? RPPG_GREEN
            : s->cfg.method == RPPG_CONSENSUS ? RPPG_POS : s->cfg.method;
  pc.rate_hz = s->cfg.rate_hz;
  pulse_size = rppg_pulse_mem_size(&pc);
  s->final = s->n;
  if (streams && !rppg__plain(pc.method)) s->final = s->n + 1 - rppg_pulse_window(pc.rate_hz);
  memset(&fc, 0, sizeof fc);
  fc.n = s->fft_n;
  fft_size = rppg_dsp_fft_mem_size(&fc);
  s->parts = (rppg_part *)rppg__take(a, s->rois, sizeof *s->parts);
  s->rects = (rppg_rect *)rppg__take(a, s->rois, sizeof *s->rects);
  s->sums = (rppg_sums *)rppg__take(a, s->rois, sizeof *s->sums);
  s->kept = (float *)rppg__take(a, s->rois, sizeof(float));
  s->skin = s->cfg.skin ? (rppg_skin *)rppg__take(a, 1, sizeof *s->skin) : NULL;
  s->pulses = (rppg_pulse *)rppg__take(a, streams, sizeof *s->pulses);
  s->colours = (float *)rppg__take(a, s->n * s->channels, sizeof(float));
  s->waves = (float *)rppg__take(a, s->final * s->signals, sizeof(float));
  s->now = (float *)rppg__take(a, s->values, sizeof(float));
  s->last = (float *)rppg__take(a, s->values, sizeof(float));
  s->cell = (double *)rppg__take(a, s->values, sizeof(double));
  s->wave = (float *)rppg__take(a, s->n, sizeof(float));
  s->hann = (float *)rppg__take(a, s->n, sizeof(float));
  s->scratch = (float *)rppg__take(a, s->fft_n + 2, sizeof(float));
  s->power = (float *)rppg__take(a, s->bins, sizeof(float));
  s->shared = (float *)rppg__take(a, s->bins, sizeof(float));
  s->belief = (float *)rppg__take(a, s->bins, sizeof(float));
  fft_mem = rppg__take(a, fft_size, 1);
  if (s->cfg.method == RPPG_2SR) {
    s->moments = (rppg_moments *)rppg__take(a, s->rois, sizeof *s->moments);
    s->turns = (double *)rppg__take(a, 8 * s->n * s->rois, sizeof(double));
    s->solve = (double *)rppg__take(a, 3 * s->n, sizeof(double));
  } else if (rppg__windowed(s->cfg.method) || s->cfg.method == RPPG_CONSENSUS) {
    s->levels = (float *)rppg__take(a, (ica ? 6 : 3) * s->n, sizeof(float));
    s->tones = (float *)rppg__take(a, 6 * s->bins, sizeof(float));
    s->solve = (double *)rppg__take(a, ica ? 4 * s->n : 0, sizeof(double));
  }
  if (s->cfg.method == RPPG_CONSENSUS) {
    s->each = (float *)rppg__take(a, (RPPG__VOTERS + 1) * s->n, sizeof(float));
    s->votes = (float *)rppg__take(a, RPPG__VOTERS * s->bins, sizeof(float));
  }
  for (i = 0; i < streams; i++) {
    pulse_mem = rppg__take(a, pulse_size, 1);
    if (pulse_mem) rppg_pulse_init(&s->pulses[i], &pc, pulse_mem, pulse_size);
  }
  if (s->cfg.auto_cells) {
    const size_t size = rppg_finder_mem_size(&s->cfg);
    void *mem;
    s->finder = (rppg_finder *)rppg__take(a, 1, sizeof *s->finder);
    mem = rppg__take(a, size, 1);
    if (mem && rppg_finder_init(s->finder, &s->cfg, mem, size) != RPPG_OK) return RPPG_ERR_ARG;
  }
#ifndef RPPG_NO_NN
  if (s->cfg.model) {
    const rppg_status status = rppg__model_layout(s, model, a);
    if (status != RPPG_OK) return status;
  }
#else
  (void)model;
#endif
  if (s->cfg.n_cameras)
    s->camera = (rppg_session *)rppg__take(a, s->cfg.n_cameras, sizeof *s->camera);
  for (i = 0; i < s->cfg.n_cameras; i++) {
    const rppg_config one = rppg__camera_config(&s->cfg, i);
    const size_t size = rppg_mem_size(&one);
    void *mem = rppg__take(a, size, 1);
    if (mem && rppg_init(&s->camera[i], &one, mem, size) != RPPG_OK) return RPPG_ERR_ARG;
  }
  if (a->failed) return RPPG_ERR_SPACE;
  return a->counting ? RPPG_OK : rppg_dsp_fft_init(&s->fft, &fc, fft_mem, fft_size);
}

/* Bytes of the block for a config that rppg__config has looked at; 0 for a model that does not fit. */
static size_t rppg__session_size(const rppg_config *cfg, const rppg__model *model)
{
  rppg_session s;
  rppg__arena a;
  s.cfg = *cfg;
  rppg__arena_begin(&a, NULL, 0);
  return rppg__session_layout(&s, model, &a) == RPPG_OK ? rppg__arena_size(&a) : 0;
}

RPPG_DEF size_t rppg_mem_size(const rppg_config *cfg)
{
  rppg_config c;
  rppg__model model;
  return rppg__config(&c, cfg, &model) ? rppg__session_size(&c, &model) : 0;
}

RPPG_DEF rppg_status rppg_init(rppg_session *s, const rppg_config *cfg, void *mem, size_t mem_size)
{
  rppg_session q;
  rppg__model model;
  rppg__arena a;
  rppg_status status;
  size_t i;
  memset(&q, 0, sizeof q);
  if (!s || !mem || !rppg__config(&q.cfg, cfg, &model)) return RPPG_ERR_ARG;
  rppg__arena_begin(&a, mem, mem_size);
  if (mem_size < rppg__session_size(&q.cfg, &model)) return RPPG_ERR_SPACE;
  status = rppg__session_layout(&q, &model, &a);
  if (status != RPPG_OK) return status;
  q.trust = 1.0;
  if (q.cfg.parts) {
    for (i = 0; i < q.rois; i++) q.parts[i] = q.cfg.parts[i];
    q.cfg.parts = q.parts;
  }
  q.cfg.cameras = NULL; /* the caller's */
  if (q.skin) {
    *q.skin = *q.cfg.skin;
    q.cfg.skin = q.skin;
  }
  rppg_dsp_window(RPPG_DSP_HANN, 0.0, 1, q.n, q.hann);
  *s = q;
  rppg_reset(s);
  return RPPG_OK;
}

/* Starts a new window with the next frame; what was gathered for the user stays. */
static void rppg__restart(rppg_session *s)
{
  size_t i;
  for (i = 0; i < s->signals && !rppg__windowed(s->cfg.method); i++) rppg_pulse_reset(&s->pulses[i]);
  for (i = 0; i < s->values; i++) s->last[i] = s->now[i] = 0.0f;
  s->total = s->jump_at = 0;
  s->started = s->spectrum_ok = 0;
  s->wave_n = 0;
  rppg_smoother_init(&s->smoother, s->cfg.smooth_boxes);
#ifndef RPPG_NO_NN
  if (s->reader) rppg__model_reset(s);
#endif
}

RPPG_DEF void rppg_reset(rppg_session *s)
{
  size_t i;
  rppg__restart(s);
  memset(s->rects, 0, s->rois * sizeof *s->rects);
  memset(s->kept, 0, s->rois * sizeof *s->kept);
  s->flags = 0;
  s->track_bpm = s->track_var = 0.0;
  s->begun = s->believes = 0;
  if (s->finder) rppg_finder_reset(s->finder);
  for (i = 0; i < s->cfg.n_cameras; i++) rppg_reset(&s->camera[i]);
  memset(&s->own, 0, sizeof s->own);
  s->share = 0.0;
}

/* ---- session: frames to the grid ------------------------------------------------------------- */

/* The six products of 2SR from a ROI's mean colour and covariances. */
static void rppg__grid_turn(const float *rgb, const float *cov, double *turn)
{
  double c[6];
  int i, k, at = 0;
  for (i = 0; i < 3; i++)
    for (k = i; k < 3; k++, at++) c[at] = (double)cov[at] + (double)rgb[i] * (double)rgb[k];
  rppg__turn_of(c, turn);
}

/* One sample of the uniform grid: colours into the ring, each signal's pulse into its ring. */
static void rppg__grid_sample(rppg_session *s, const float *rgb)
{
  const size_t slot = s->total % s->n;
  float *row = s->colours + slot * s->channels;
  size_t i;
  memcpy(row, rgb, s->channels * sizeof *row);
  for (i = 0; i < s->rois && s->cfg.method == RPPG_2SR; i++)
    rppg__grid_turn(rgb + 3 * i, rgb + s->channels + 6 * i, s->turns + 8 * (slot * s->rois + i));
  for (i = 0; i < s->signals && !rppg__windowed(s->cfg.method); i++) {
    const float one[3] = { rgb[i], rgb[i], rgb[i] };
    const float *c = s->cfg.method == RPPG_CONTACT ? one : rgb + 3 * i;
    rppg_pulse *p = &s->pulses[i];
    float out;
    if (rppg_pulse_push(p, c, &out)) /* n - final samples late */
      s->waves[i * s->final + (s->total - (s->n - s->final)) % s->final] = out;
  }
  s->total++;
#ifndef RPPG_NO_NN
  if (s->reader) rppg__model_tick(s);
#endif
}

/* Averages the line from the last frame's colours to this one's over the cells of the grid: any
   frame rate and any jitter become uniform samples, and a faster camera loses no light.        */
static void rppg__to_grid(rppg_session *s, double t_s)
{
  const double dt = 1.0 / s->cfg.rate_hz, span = t_s - s->last_s;
  double from = s->last_s;
  float sample[9 * RPPG_MAX_ROIS];
  for (;;) {
    const double end = (double)(s->total + 1) * dt, to = end < t_s ? end : t_s;
    const double middle = (0.5 * (from + to) - s->last_s) / span, share = (to - from) / dt;
    size_t i;
    for (i = 0; i < s->values; i++)
      s->cell[i] += share * ((double)s->last[i] + middle * ((double)s->now[i] - (double)s->last[i]));
    if (to < end) return;
    for (i = 0; i < s->values; i++) {
      sample[i] = (float)s->cell[i];
      s->cell[i] = 0.0;
    }
    rppg__grid_sample(s, sample);
    from = to;
  }
}

/* Compares a frame's time with the last one's; a clock that was set back and a gap start a new
   window. RPPG_OK, or RPPG_ERR_DATA for a time that is not later.                               */
static rppg_status rppg__time(rppg_session *s, int64_t t_us)
{
  const int back = s->started && t_us <= s->last_us;
  if (!s->started) return RPPG_OK;
  if (!back && (double)((uint64_t)t_us - (uint64_t)s->last_us) <= s->cfg.max_gap_s * 1e6)
    return RPPG_OK;
  if (t_us != s->last_us) rppg__restart(s);
  s->flags |= RPPG_FLAG_TIME;
  return back ? RPPG_ERR_DATA : RPPG_OK;
}

/* Takes the colours in s->now as those of a frame at t_us, later than the last one. */
static void rppg__push_now(rppg_session *s, int64_t t_us)
{
  double t_s;
  size_t i;
  if (!s->begun) s->origin_us = t_us;
  s->begun = 1;
  if (!s->started) {
    s->first_us = t_us;
    s->interval_s = 0.0;
    for (i = 0; i < s->values; i++) s->cell[i] = 0.0;
    s->last_s = 0.0;
    s->started = 1;
  } else {
    const double weight = s->interval_s > 0.0 ? 0.02 : 1.0; /* about the last 50 frames */
    t_s = (double)((uint64_t)t_us - (uint64_t)s->first_us) * 1e-6;
    s->interval_s += weight * ((t_s - s->last_s) - s->interval_s);
    for (i = 0; i < s->rois; i++) { /* a brightness that jumps by 3 % is no pulse */
      const double was = (double)s->last[3 * i] + (double)s->last[3 * i + 1] + (double)s->last[3 * i + 2];
      const double is = (double)s->now[3 * i] + (double)s->now[3 * i + 1] + (double)s->now[3 * i + 2];
      if (rppg__abs(is - was) > 0.03 * was) s->jump_at = s->total + 1;
    }
    rppg__to_grid(s, t_s);
    s->last_s = t_s;
  }
  memcpy(s->last, s->now, s->values * sizeof *s->last);
  s->last_us = t_us;
}

RPPG_DEF rppg_status rppg_push_rgb(rppg_session *s, const float *rgb, int64_t t_us)
{
  rppg_status status;
  size_t i;
  if (s->finder || s->camera) return RPPG_ERR_ARG;
  if (s->cfg.method == RPPG_2SR) return RPPG_ERR_UNSUPPORTED;
  for (i = 0; i < s->channels; i++)
    if (!rppg__finite((double)rgb[i])) {
      s->flags |= RPPG_FLAG_BAD_FRAME;
      return RPPG_ERR_DATA;
    }
  status = rppg__time(s, t_us);
  if (status != RPPG_OK && s->started) return status;
  memcpy(s->now, rgb, s->channels * sizeof *rgb);
  rppg__push_now(s, t_us);
  return status;
}

/* The sums of the frame's ROIs; of 2SR the products too, as covariances into s->now.            */
static rppg_status rppg__roi_sums(rppg_session *s, const rppg_frame *frame)
{
  rppg_status status;
  size_t i;
  if (s->cfg.method != RPPG_2SR) return rppg_roi_sums(frame, s->rects, s->rois, s->sums);
  status = rppg_roi_moments(frame, s->rects, s->rois, s->moments);
  for (i = 0; i < s->rois && status == RPPG_OK; i++) {
    const rppg_moments *o = &s->moments[i];
    const double n = (double)o->count;
    float *cov = s->now + s->channels + 6 * i;
    int a, b, at = 0;
    memcpy(s->sums[i].sum, o->sum, sizeof o->sum);
    for (a = 0; a < 3; a++) s->sums[i].count[a] = o->count;
    for (a = 0; a < 3 && o->count; a++)
      for (b = a; b < 3; b++, at++)
        cov[at] = (float)((double)o->product[at] / n - (double)o->sum[a] / n * ((double)o->sum[b] / n));
  }
  return status;
}

/* The same through mask and skin gate. The sums of a ROI of which too little is left become 0. */
static rppg_status rppg__kept_sums(rppg_session *s, const rppg_frame *frame, const uint8_t *mask,
                                   ptrdiff_t stride)
{
  const int bayer = rppg__format_of(frame)->family == RPPG__IS_BAYER; /* a pixel is one channel */
  double face = 0.0, skin = 0.0; /* pixels that the mask lets pass; of them, the gate's */
  size_t i;
  for (i = 0; i < s->rois; i++) {
    const rppg_rect *r = &s->rects[i];
    const int x = rppg__clip(r->x, frame->width), y = rppg__clip(r->y, frame->height);
    const uint8_t *part = mask ? mask + y * stride + x : NULL;
    rppg_sums *sums = &s->sums[i], all;
    rppg_status status;
    double pixels, passed;
    rppg_rect cut;
    cut.x = x;
    cut.y = y;
    cut.w = rppg__clip((int64_t)r->x + r->w, frame->width) - x;
    cut.h = rppg__clip((int64_t)r->y + r->h, frame->height) - y;
    pixels = (double)cut.w * (double)cut.h;
    memset(sums, 0, sizeof *sums);
    s->kept[i] = 0.0f;
    if (!(pixels > 0.0)) continue;
    status = rppg_mask_sums(frame, &cut, part, stride, s->skin, sums);
    if (status != RPPG_OK && status != RPPG_ERR_DATA) return status;
    passed = (double)sums->count[0] + (bayer ? (double)sums->count[1] + (double)sums->count[2] : 0.0);
    skin += passed;
    if (mask && s->skin) {
      rppg_mask_sums(frame, &cut, part, stride, NULL, &all);
      face += (double)all.count[0];
    } else if (s->skin) face += pixels;
    s->kept[i] = (float)(passed < pixels ? passed / pixels : 1.0); /* cells are counted whole */
    if (passed < RPPG_KEPT_LEAST * pixels) memset(sums, 0, sizeof *sums);
  }
  if (skin < 0.5 * face) s->flags |= RPPG_FLAG_NO_SKIN;
  return RPPG_OK;
}

static rppg_status rppg__push_auto(rppg_session *s, const rppg_frame *frame, const rppg_rect *face,
                                   int64_t t_us);

/* The frame's ROIs and their mean colours into s->now. A ROI that lies outside keeps its last
   colour, and so shows no pulse; RPPG_ERR_DATA if all do.                                        */
static rppg_status rppg__measure(rppg_session *s, const rppg_frame *frame, const rppg_rect *face,
                                 const uint8_t *mask, ptrdiff_t stride)
{
  rppg_rect box;
  rppg_status status;
  size_t i, seen = 0;
  status = rppg_smoother_push(&s->smoother, face, &box);
  if (status != RPPG_OK) return status;
  status = s->cfg.parts ? rppg_layout_parts(s->parts, s->rois, &box, s->rects)
                        : rppg_layout_fixed(s->cfg.layout, &box, s->rects);
  if (status != RPPG_OK) return status;
  status = mask || s->skin ? rppg__kept_sums(s, frame, mask, stride) : rppg__roi_sums(s, frame);
  if (status != RPPG_OK) return status;
#ifndef RPPG_NO_NN
  if (s->reader) rppg__model_patch(s, frame, &box);
#endif
  for (i = 0; i < s->rois; i++) {
    float rgb[3];
    const int there = rppg_sums_mean(frame, &s->sums[i], rgb) == RPPG_OK;
    if (!mask && !s->skin) s->kept[i] = there ? 1.0f : 0.0f;
    if (!there) continue;
    memcpy(s->now + 3 * i, rgb, sizeof rgb);
    seen++;
  }
  return seen ? RPPG_OK : RPPG_ERR_DATA;
}

/* Whether mask and gate fit this frame. */
static rppg_status rppg__kept_check(const rppg_session *s, const rppg_frame *frame,
                                    const uint8_t *mask, ptrdiff_t stride)
{
  const int family = rppg__format_of(frame)->family;
  const size_t width = (size_t)frame->width, length = stride < 0 ? 0 - (size_t)stride : (size_t)stride;
  if (s->skin && family != RPPG__IS_RGB && family != RPPG__IS_YUV) return RPPG_ERR_UNSUPPORTED;
  if (mask == NULL) return RPPG_OK;
  if (s->cfg.method == RPPG_2SR) return RPPG_ERR_UNSUPPORTED;
  return s->finder || length < width || length > (size_t)PTRDIFF_MAX / RPPG_MAX_SIDE ? RPPG_ERR_ARG
                                                                                     : RPPG_OK;
}

RPPG_DEF rppg_status rppg_push_masked(rppg_session *s, const rppg_frame *frame,
                                      const rppg_rect *face, const uint8_t *mask, ptrdiff_t stride,
                                      int64_t t_us)
{
  rppg_status status = rppg_frame_check(frame), time_status;
  if (s->camera) return RPPG_ERR_ARG;
  if (status == RPPG_OK) status = rppg__kept_check(s, frame, mask, stride);
  if (status == RPPG_OK && s->cfg.method == RPPG_2SR) status = rppg_roi_moments(frame, NULL, 0, NULL);
  if (status != RPPG_OK) {
    s->flags |= RPPG_FLAG_BAD_FRAME;
    return status;
  }
  if (s->finder || face == RPPG_FACE_AUTO) return rppg__push_auto(s, frame, face, t_us);
  time_status = rppg__time(s, t_us);
  if (time_status != RPPG_OK && s->started) return time_status;
  status = face ? rppg__measure(s, frame, face, mask, stride) : RPPG_ERR_DATA;
  if (status != RPPG_OK) {
    s->flags |= RPPG_FLAG_NO_FACE;
    return status;
  }
  rppg__push_now(s, t_us);
  return time_status;
}

RPPG_DEF rppg_status rppg_push(rppg_session *s, const rppg_frame *frame, const rppg_rect *face,
                               int64_t t_us)
{
  return rppg_push_masked(s, frame, face, NULL, 0, t_us);
}

/* ---- session: rate --------------------------------------------------------------------------- */

/* The last m samples of one signal's pulse, oldest first: final ones from the ring, the newest
   from the stream's tail. */
static void rppg__pulse_window_of(const rppg_session *s, size_t signal, size_t m, float *out)
{
  const float *ring = s->waves + signal * s->final;
  size_t done, at, first;
  if (rppg__windowed(s->cfg.method)) { /* there is no ring */
    memcpy(out, ring, m * sizeof *out);
    return;
  }
  done = m - (s->n - s->final);
  at = (s->total - m) % s->final;
  first = done < s->final - at ? done : s->final - at;
  memcpy(out, ring + at, first * sizeof *out);
  memcpy(out + first, ring, (done - first) * sizeof *out);
  rppg_pulse_tail(&s->pulses[signal], out + done);
}

/* Takes the line off a pulse; grey values first become changes relative to their mean. */
static void rppg__level(const rppg_session *s, float *x, size_t m)
{
  if (rppg__plain(s->cfg.method)) {
    double mean = 0.0;
    size_t i;
    for (i = 0; i < m; i++) mean += (double)x[i];
    mean /= (double)m;
    for (i = 0; i < m; i++) x[i] = mean > 0.0 ? (float)((double)x[i] / mean - 1.0) : 0.0f;
  }
  rppg_dsp_detrend(RPPG_DSP_DETREND_LINEAR, x, m, x);
}

/* Power spectrum of x [m] under a Hann window, zero padded, into power [bins], by way of s->scratch,
   which x may be. The bin in the middle of a sine of amplitude a holds a^2.                      */
static void rppg__spectrum_of(rppg_session *s, const float *x, size_t m, float *power)
{
  float *f = s->scratch;
  size_t i;
  rppg__hann_fft(&s->fft, s->fft_n, s->hann, s->n, x, m, f);
  for (i = 0; i < s->bins; i++) power[i] = f[2 * i] * f[2 * i] + f[2 * i + 1] * f[2 * i + 1];
}

/* Sum of power over bins within half of the middle, inside [lo, hi]. */
static double rppg__power_near(const float *power, double middle, double half, size_t lo, size_t hi)
{
  double sum = 0.0;
  size_t i;
  for (i = lo; i <= hi; i++)
    if (rppg__abs((double)i - middle) <= half) sum += (double)power[i];
  return sum;
}

/* Highest power within half a resolution of bin k times i: the k-th harmonic, wherever it wandered. */
static double rppg__harmonic(const float *power, size_t bins, size_t i, size_t k, double res)
{
  const size_t reach = (size_t)(0.5 * res), last = k * i + reach;
  double most = 0.0;
  size_t j;
  for (j = k * i - reach; j <= last && j < bins; j++)
    if ((double)power[j] > most) most = (double)power[j];
  return most;
}

/* What a peak counts for. Powers rise with f^0.5, on skin that touches the lens f^0.75: motion and
   breathing fall with frequency, a pulse does not. Harmonics count too, each no more than the peak
   itself: those of a finger's sharp wave one and a half times, the second of a face's half. Motion
   has few. Chosen on the training recordings, where twice or half of them changes little.        */
static double rppg__peak_worth(const rppg_session *s, const float *power, size_t i, double res)
{
  const double p = (double)power[i], b = (double)i;
  const int touch = s->cfg.method == RPPG_GREEN || s->cfg.method == RPPG_CONTACT;
  const double second = rppg__harmonic(power, s->bins, i, 2, res);
  const double third = touch ? rppg__harmonic(power, s->bins, i, 3, res) : 0.0;
  const double more = (second < p ? second : p) + (third < p ? third : p);
  return (p + (touch ? 1.5 : 0.5) * more) * rppg__sqrt(touch ? b * rppg__sqrt(b) : b);
}

/* Bin of the peak in [lo, hi] that is worth most, times its chance if there is a belief, leaving
   out those within res of the bin not_bin and of its double and half (not_bin < 0: none). Only where
   nothing is a peak, the largest bin.                                                            */
static size_t rppg__top(const rppg_session *s, const float *power, size_t lo, size_t hi, double res,
                        double not_bin, const float *belief)
{
  size_t i, best = 0, largest = lo;
  double height = 0.0;
  for (i = lo; i <= hi; i++) {
    const double b = (double)i;
    double h;
    if (power[i] > power[largest]) largest = i;
    if (not_bin >= 0.0 && (rppg__abs(b - not_bin) < res || rppg__abs(b - 2.0 * not_bin) < res ||
                           rppg__abs(b - 0.5 * not_bin) < res))
      continue;
    if (power[i] < power[i - 1] || power[i] < power[i + 1]) continue;
    h = rppg__peak_worth(s, power, i, res);
    if (belief) h *= (double)belief[i];
    if (h <= height) continue;
    best = i;
    height = h;
  }
  return best || not_bin >= 0.0 ? best : largest;
}

/* The fundamental, given the highest peak: the second harmonic of a pulse wave can be the stronger
   one. Then there is a peak at half of its frequency, and often a third harmonic at one and a half,
   where a pulse of the full frequency has nothing. *doubtful: it could have gone the other way.   */
static size_t rppg__fundamental(const float *power, size_t bins, size_t top, size_t lo, double res,
                                int *doubtful)
{
  const double third = 1.5 * (double)top;
  const size_t middle = top / 2, reach = (size_t)(0.5 * res);
  size_t half = middle, i;
  double ratio, odd;
  *doubtful = 0;
  if (middle < lo + reach) return top;
  for (i = middle - reach; i <= middle + reach + 1; i++)
    if (power[i] > power[half]) half = i;
  if (half == middle - reach || half == middle + reach + 1) return top; /* a slope, no peak */
  ratio = (double)power[half] / (double)power[top];
  odd = rppg__power_near(power, third, 0.5 * res, lo, bins - 1) / /* it may lie above the band */
        rppg__power_near(power, (double)top, 0.5 * res, lo, bins - 1);
  *doubtful = ratio > 0.3;
  return ratio > 0.7 || (ratio > 0.25 && odd > 0.1) ? half : top;
}

/* What the estimates before make of the rates [lo, hi] now, seconds later, in s->belief: a heart's
   rate takes steps of 2.5 bpm in a second (a walk, each step spread as e^-|x|), and once in 100 s
   anything may have happened, a new face for one.                                                 */
static void rppg__foresee(rppg_session *s, double seconds, size_t lo, size_t hi)
{
  const double step = 2.5 * (double)s->fft_n / (60.0 * s->cfg.rate_hz);
  const double change = 0.01 * seconds / (1.0 + 0.01 * seconds);
  double u, keep, sum = 0.0, y = 0.0;
  size_t i;
  if (!(seconds > 0.0)) return;
  u = 1.0 + 1.0 / (step * step * seconds); /* variance 2 keep / (1 - keep)^2 in bins */
  keep = 1.0 / (u + rppg__sqrt(u * u - 1.0));
  for (i = lo; i <= hi; i++) s->belief[i] = (float)(y = keep * y + (1.0 - keep) * (double)s->belief[i]);
  for (y = 0.0, i = hi; i >= lo; i--) {
    s->belief[i] = (float)(y = keep * y + (1.0 - keep) * (double)s->belief[i]);
    sum += y;
  }
  for (i = lo; i <= hi; i++)
    s->belief[i] = (float)((sum > 0.0 ? (1.0 - change) * (double)s->belief[i] / sum : 0.0) +
                           change / (double)(hi + 1 - lo));
}

/* What this window says is multiplied into s->belief, to the power of the share of it that is new:
   the worth of each rate, where a second harmonic counts for its fundamental.                     */
static void rppg__believe(rppg_session *s, double share, size_t lo, size_t hi, double res, size_t top,
                          size_t fundamental)
{
  const size_t reach = (size_t)(0.5 * res);
  float *worth = s->shared;
  double mean = 0.0, sum = 0.0;
  size_t i;
  for (i = lo; i <= hi; i++) worth[i] = (float)rppg__peak_worth(s, s->power, i, res);
  for (i = 0; i <= 2 * reach && top != fundamental; i++) {
    if (fundamental + i < lo + reach || top + i > hi + reach) continue;
    worth[fundamental + i - reach] += worth[top + i - reach];
    worth[top + i - reach] = 0.0f;
  }
  for (i = lo; i <= hi; i++) mean += (double)worth[i] / (double)(hi + 1 - lo);
  if (!(mean > 0.0)) return;
  for (i = lo; i <= hi; i++) {
    s->belief[i] *= (float)rppg__exp(share * rppg__log((double)worth[i] / mean + 0.02));
    sum += (double)s->belief[i];
  }
  for (i = lo; i <= hi && sum > 0.0; i++) s->belief[i] = (float)((double)s->belief[i] / sum);
}

/* Bin of the rate of the window at t_s that s->power is of: with a belief the peak that both make
   likeliest, and the belief learns from it. *alone: that of this window alone; evidence[7] and
   [8]: what the belief gives the rate, +-5 bpm, before and after; 0 before the first.            */
static size_t rppg__likeliest(rppg_session *s, double t_s, double seconds, size_t lo, size_t hi,
                              double res, size_t *alone, int *doubtful)
{
  const double hz = s->cfg.rate_hz / (double)s->fft_n;
  const size_t top = rppg__top(s, s->power, lo, hi, res, -1.0, NULL);
  size_t likely, i;
  double fresh = 1.0;
  *alone = rppg__fundamental(s->power, s->bins, top, lo, res, doubtful);
  if (s->believes) {
    const double since = rppg__abs(t_s - s->belief_s);
    size_t fundamental;
    rppg__foresee(s, since, lo, hi);
    if (since < seconds) fresh = since / seconds;
    likely = rppg__top(s, s->power, lo, hi, res, -1.0, s->belief);
    fundamental = rppg__fundamental(s->power, s->bins, likely, lo, res, doubtful);
    if (s->belief[fundamental] >= s->belief[likely]) likely = fundamental;
    s->evidence[7] = rppg__power_near(s->belief, (double)likely, 5.0 / 60.0 / hz, lo, hi);
  } else {
    likely = *alone;
    for (i = lo; i <= hi; i++) s->belief[i] = 1.0f / (float)(hi + 1 - lo);
  }
  if ((double)s->power[likely] < RPPG__STILL * RPPG__STILL) return likely;
  rppg__believe(s, fresh, lo, hi, res, top, *alone);
  s->evidence[8] = rppg__power_near(s->belief, (double)likely, 5.0 / 60.0 / hz, lo, hi);
  s->belief_s = t_s;
  s->believes = 1;
  return likely;
}

/* One signal's window, levelled, into x [m]. */
static void rppg__signal(const rppg_session *s, size_t signal, size_t m, float *x)
{
  rppg__pulse_window_of(s, signal, m, x);
  rppg__level(s, x, m);
}

/* Weighs each signal as a receiver with several antennas does: amplitude over noise power, both
   at the peak that all signals share. weight [signals], their sum is not normed. Where the pulse
   is weak, as in dark skin, the amplitude is noise too and would make the noisiest peak win, so it
   is held between half of the mean of all signals and that mean. A ROI in which nothing moves while
   others do is left out.                                                                        */
static void rppg__weigh(rppg_session *s, size_t m, size_t lo, size_t hi, double res, double *weight)
{
  double noise[3 * RPPG_MAX_ROIS], mean = 0.0;
  size_t i, k, top;
  for (k = 0; k < s->bins; k++) s->shared[k] = 0.0f;
  for (i = 0; i < s->signals; i++) {
    rppg__signal(s, i, m, s->wave);
    rppg__spectrum_of(s, s->wave, m, s->power);
    noise[i] = rppg__power_near(s->power, 0.0, (double)hi, lo, hi);
    for (k = lo; k <= hi && noise[i] > 0.0; k++)
      s->shared[k] += (float)((double)s->power[k] / noise[i]);
  }
  top = rppg__top(s, s->shared, lo, hi, res, -1.0, NULL);
  for (i = 0; i < s->signals; i++) {
    double peak;
    rppg__signal(s, i, m, s->wave);
    rppg__spectrum_of(s, s->wave, m, s->power);
    peak = rppg__power_near(s->power, (double)top, 0.5 * res, lo, hi);
    noise[i] -= peak;
    weight[i] = rppg__sqrt(peak);
    mean += weight[i] / (double)s->signals;
  }
  for (i = 0; i < s->signals; i++) {
    if (weight[i] < RPPG__STILL && mean > RPPG__STILL) noise[i] = 0.0;
    if (weight[i] > mean) weight[i] = mean;
    if (weight[i] < 0.5 * mean) weight[i] = 0.5 * mean;
    weight[i] = noise[i] > 0.0 ? weight[i] / noise[i] : 0.0;
  }
}

/* The window of m colours at a row of the ring, with its spectra. */
static rppg__window rppg__window_of(rppg_session *s, const float *rgb, size_t step, size_t at,
                                    size_t ring, size_t m, size_t lo, size_t hi)
{
  rppg__window w;
  memset(&w, 0, sizeof w);
  w.n = m;
  w.stride = s->n;
  w.bins = s->bins;
  w.lo = lo;
  w.hi = hi;
  w.rate_hz = s->cfg.rate_hz;
  w.x = s->levels;
  w.smooth = s->cfg.method == RPPG_ICA ? s->levels + 3 * s->n : NULL;
  w.tones = s->tones;
  w.solve = s->solve;
  rppg__window_colours(&w, rgb, step, at, ring);
  rppg__window_tones(&w, &s->fft, s->fft_n, s->hann, s->n, s->scratch);
  return w;
}

/* The pulses of the methods that need a window, one after the other into s->waves. */
static void rppg__window_pulses(rppg_session *s, size_t m, size_t lo, size_t hi)
{
  const size_t at = (s->total - m) % s->n;
  size_t i;
  for (i = 0; i < s->rois; i++) {
    float *wave = s->waves + i * s->n;
    if (s->cfg.method == RPPG_2SR) {
      rppg__rotation(s->turns + 8 * i, 8 * s->rois, at, s->n, m, (size_t)(s->cfg.rate_hz + 0.5), 0,
                     wave, s->solve);
    } else {
      const rppg__window w = rppg__window_of(s, s->colours + 3 * i, s->channels, at, s->n, m, lo, hi);
      double g[3];
      rppg__window_weights(&w, s->cfg.method, g);
      rppg__window_pulse(&w, g, wave);
    }
  }
}

/* The methods of a consensus: a stream, then what a window of colours gives. Three kinds of
   knowledge: light cancels in two directions, blood shows in green, blood has a signature. With
   CHROM, LGI or ICA as well it was no better, on training recordings and rendered faces.         */
static const int rppg__voters[RPPG__VOTERS] = { RPPG_POS, RPPG_GREEN, RPPG_PBV };

/* What of a confidence is left when 0, 1, 2 or 3 of them see their highest peak at the rate. Of
   rendered faces in noise and motion, wrong windows above 0.5 were 2.6 %, with this 0.1 %.       */
static const double rppg__agreed[RPPG__VOTERS + 1] = { 0.4, 0.4, 0.8, 1.0 };

/* Colours of all ROIs, each ROI with its weight, into rgb [m][3]. */
static void rppg__fuse(const rppg_session *s, size_t m, const double *weight, float *rgb)
{
  size_t i, r, c;
  for (i = 0; i < m; i++) {
    const float *row = s->colours + ((s->total - m + i) % s->n) * s->channels;
    double sum[3] = { 0.0, 0.0, 0.0 };
    for (r = 0; r < s->rois; r++)
      for (c = 0; c < 3; c++) sum[c] += weight[r] * (double)row[3 * r + c];
    for (c = 0; c < 3; c++) rgb[3 * i + c] = (float)sum[c];
  }
}

/* Consensus into s->wave: each method's wave from all ROIs, then the waves, brought to one height,
   added up by the noise beside the peak that they share; one whose own peak is elsewhere counts a
   quarter. weight [rois] is that of each ROI's POS, and good for the colours too.                */
static void rppg__consensus(rppg_session *s, size_t m, size_t lo, size_t hi, double res,
                            const double *weight)
{
  double all[RPPG__VOTERS], vote[RPPG__VOTERS], roi[RPPG_MAX_ROIS];
  double sum = 0.0, scale = 0.0;
  float *wave = s->each, *fused = s->each + s->n; /* [m][3], before there are other waves */
  rppg__window w;
  size_t v, i, k, top;
  for (i = 0; i < s->rois; i++) sum += weight[i];
  for (i = 0; i < s->rois; i++) roi[i] = sum > 0.0 ? weight[i] / sum : 1.0 / (double)s->rois;
  memset(wave, 0, m * sizeof *wave);
  for (i = 0; i < s->rois; i++) {
    rppg__signal(s, i, m, s->scratch);
    for (k = 0; k < m; k++) wave[k] += (float)roi[i] * s->scratch[k];
  }
  rppg__spectrum_of(s, wave, m, s->votes);
  rppg__fuse(s, m, roi, fused);
  w = rppg__window_of(s, fused, 3, 0, m, m, lo, hi);
  for (v = 1; v < RPPG__VOTERS; v++) {
    double g[3];
    rppg__window_weights(&w, rppg__voters[v], g);
    rppg__window_pulse(&w, g, s->each + v * s->n);
    for (k = 0; k < s->bins; k++) s->votes[v * s->bins + k] = (float)rppg__tone_power(&w, g, k);
  }
  for (k = 0; k < s->bins; k++) s->shared[k] = 0.0f;
  for (v = 0; v < RPPG__VOTERS; v++) {
    const float *power = s->votes + v * s->bins;
    all[v] = rppg__power_near(power, 0.0, (double)hi, lo, hi);
    for (k = lo; k <= hi && all[v] > 0.0; k++) s->shared[k] += (float)((double)power[k] / all[v]);
  }
  top = rppg__top(s, s->shared, lo, hi, res, -1.0, NULL);
  s->agreed = 0;
  for (sum = 0.0, v = 0; v < RPPG__VOTERS; v++) {
    const float *power = s->votes + v * s->bins;
    double rest;
    vote[v] = 0.0;
    if (!(all[v] > 0.0)) continue;
    rest = 1.0 - rppg__power_near(power, (double)top, 0.5 * res, lo, hi) / all[v];
    vote[v] = 1.0 / (rest > 1e-6 ? rest : 1e-6);
    if (rppg__abs((double)rppg__top(s, power, lo, hi, res, -1.0, NULL) - (double)top) <= 0.5 * res)
      s->agreed++;
    else
      vote[v] *= 0.25;
    sum += vote[v];
    scale += vote[v] * rppg__sqrt(all[v]);
  }
  memset(s->wave, 0, m * sizeof *s->wave);
  for (v = 0; v < RPPG__VOTERS; v++) {
    const double share = vote[v] > 0.0 ? vote[v] / sum * (scale / sum) / rppg__sqrt(all[v]) : 0.0;
    for (k = 0; k < m && share > 0.0; k++) s->wave[k] -= (float)share * s->each[v * s->n + k];
  }
}

static void rppg__mix(rppg_session *s, size_t m);

/* The weighted mean of all signals into s->wave [m], turned so that more blood is up. */
static void rppg__combine(rppg_session *s, size_t m, size_t lo, size_t hi, double res)
{
  double weight[3 * RPPG_MAX_ROIS], sum = 0.0;
  size_t i, k;
  if (s->camera) {
    rppg__mix(s, m);
    return;
  }
  weight[0] = 1.0;
  if (rppg__windowed(s->cfg.method)) rppg__window_pulses(s, m, lo, hi);
  if (s->signals > 1) rppg__weigh(s, m, lo, hi, res, weight);
  if (s->cfg.method == RPPG_CONSENSUS) {
    rppg__consensus(s, m, lo, hi, res, weight);
    return;
  }
  for (i = 0; i < s->signals; i++) sum += weight[i];
  memset(s->wave, 0, m * sizeof *s->wave);
  for (i = 0; i < s->signals && sum > 0.0; i++) {
    const int plain = rppg__plain(s->cfg.method);
    if (plain) rppg__signal(s, i, m, s->scratch);
    else rppg__pulse_window_of(s, i, m, s->scratch);
    for (k = 0; k < m; k++) s->wave[k] -= (float)(weight[i] / sum) * s->scratch[k];
    if (!plain && i + 1 == s->signals) rppg_dsp_detrend(RPPG_DSP_DETREND_LINEAR, s->wave, m, s->wave);
  }
}

/* Sums of z [n][2] over each length samples in turn, in place; how many there are. length <= n */
static size_t rppg__moving(float *z, size_t n, size_t length)
{
  double re = 0.0, im = 0.0;
  size_t i;
  for (i = 0; i < n; i++) {
    re += (double)z[2 * i];
    im += (double)z[2 * i + 1];
    if (i + 1 >= length) {
      float *first = z + 2 * (i + 1 - length);
      const double old_re = (double)first[0], old_im = (double)first[1];
      first[0] = (float)re;
      first[1] = (float)im;
      re -= old_re;
      im -= old_im;
    }
  }
  return n + 1 - length;
}

/* Mean rate of the wave, given the frequency of its peak: where the heart hurries and slows within
   the window, the spectrum peaks at the rate it kept longest, while a chest strap and an oximeter
   count beats. The wave is turned down by hz, which leaves its phase against an even beat; two
   moving averages over whole beats take off what is not near hz; the phase's mean advance corrects
   hz.
   Moments in which the wave fades count less. On skin that touches the lens the wave's slope is
   used, since breathing there is stronger than the beat. *unsteady: spread of the advance, of hz.
   A correction of more than a quarter of hz, or out of the band, is noise and left out. A fast heart
   turns no sooner than a slow one: the averages last about a second.                             */
static double rppg__mean_rate(rppg_session *s, size_t m, double hz, double *unsteady)
{
  const double rate = s->cfg.rate_hz;
  const double beats = (double)(size_t)(hz + 0.5);
  const size_t beat = (size_t)((beats > 1.0 ? beats : 1.0) * rate / hz + 0.5);
  const int touch = s->cfg.method == RPPG_GREEN || s->cfg.method == RPPG_CONTACT;
  double mean = 0.0, sum = 0.0, advance = 0.0, squares = 0.0, p = 1.0, q = 0.0, turn_s, turn_c;
  float *z = s->scratch;
  size_t i, n;
  *unsteady = 1.0;
  if (beat < 2 || 2 * beat + m / 4 > m) return hz;
  rppg__sincospi(2.0 * hz / rate, &turn_s, &turn_c);
  for (i = 0; i < m; i++) {
    double p_was = p, x = (double)s->wave[i];
    if (touch) x = i && i + 1 < m ? (double)s->wave[i + 1] - (double)s->wave[i - 1] : 0.0;
    z[2 * i] = (float)(x * p);
    z[2 * i + 1] = (float)(-x * q);
    p = p * turn_c - q * turn_s; /* round the circle, as in rppg__tone_kernel */
    q = q * turn_c + p_was * turn_s;
  }
  n = rppg__moving(z, m, beat);
  n = rppg__moving(z, n, beat) - 1;
  for (i = 0; i <= n; i++)
    mean += ((double)z[2 * i] * (double)z[2 * i] + (double)z[2 * i + 1] * (double)z[2 * i + 1]) / (double)(n + 1);
  if (!(mean > 0.0)) return hz;
  for (i = 0; i < n; i++) {
    const double a = (double)z[2 * i], b = (double)z[2 * i + 1];
    const double c = (double)z[2 * i + 2], d = (double)z[2 * i + 3];
    const double size = rppg__sqrt((a * a + b * b) * (c * c + d * d));
    double weight, step;
    if (!(size > 0.0)) continue;
    weight = size / (size + 0.05 * mean);
    step = (a * d - b * c) / size; /* the sine of a small angle */
    sum += weight;
    advance += weight * step;
    squares += weight * step * step;
  }
  if (!(sum > 0.0)) return hz;
  advance /= sum;
  squares = squares / sum - advance * advance;
  advance *= 0.5 * rate / 3.14159265358979323846;
  *unsteady = rppg__sqrt(squares > 0.0 ? squares : 0.0) * 0.5 * rate / (3.14159265358979323846 * hz);
  if (rppg__abs(advance) > 0.25 * hz || 60.0 * (hz + advance) < s->cfg.bpm_min ||
      60.0 * (hz + advance) > s->cfg.bpm_max)
    return hz;
  return hz + advance;
}

/* What a signal of m samples has to be multiplied by to get its amplitude at step half turns a
   sample, under a Hann window, into k [m][2]: a sine of amplitude a gives a complex number of size
   a. The kernel is at right angles to every line, so the signals need no detrending.              */
static void rppg__tone_kernel(size_t m, double step, float *k)
{
  const double n = (double)m, middle = 0.5 * (n - 1.0), squares = n * (n * n - 1.0) / 12.0;
  double turn_s, turn_c, hann_s, hann_c, level[2] = { 0.0, 0.0 }, slope[2] = { 0.0, 0.0 };
  double p = 1.0, q = 0.0, u = 1.0, v = 0.0;
  size_t i;
  int c;
  rppg__sincospi(step, &turn_s, &turn_c);
  rppg__sincospi(2.0 / n, &hann_s, &hann_c);
  for (i = 0; i < m; i++) { /* p, q and u, v go round the circle: 1e-12 off after 15000 samples */
    const double w = (1.0 - u) * 2.0 / n, p_was = p, u_was = u;
    k[2 * i] = (float)(w * p);
    k[2 * i + 1] = (float)(-w * q);
    for (c = 0; c < 2; c++) {
      level[c] += (double)k[2 * i + (size_t)c] / n;
      slope[c] += (double)k[2 * i + (size_t)c] * ((double)i - middle) / squares;
    }
    p = p * turn_c - q * turn_s;
    q = q * turn_c + p_was * turn_s;
    u = u * hann_c - v * hann_s;
    v = v * hann_c + u_was * hann_s;
  }
  for (i = 0; i < m; i++)
    for (c = 0; c < 2; c++)
      k[2 * i + (size_t)c] = (float)((double)k[2 * i + (size_t)c] - level[c] - slope[c] * ((double)i - middle));
}

/* Amplitudes of all colours under a kernel [m][2], not yet relative, into z [channels][2], and their
   means. Returns the relative amplitude of the common brightness of all ROIs: what a lamp that
   flickers or a screen would cause.                                                              */
static double rppg__colour_tones(const rppg_session *s, size_t m, const float *k, double (*z)[2],
                                 double *mean)
{
  double re = 0.0, im = 0.0, all = 0.0;
  size_t i, c;
  for (c = 0; c < s->channels; c++) z[c][0] = z[c][1] = mean[c] = 0.0;
  for (i = 0; i < m; i++) {
    const float *row = s->colours + ((s->total - m + i) % s->n) * s->channels;
    const double kr = (double)k[2 * i], ki = (double)k[2 * i + 1];
    for (c = 0; c < s->channels; c++) {
      const double x = (double)row[c];
      z[c][0] += kr * x;
      z[c][1] += ki * x;
      mean[c] += x;
    }
  }
  for (c = 0; c < s->channels; c++) {
    mean[c] /= (double)m;
    re += z[c][0];
    im += z[c][1];
    all += mean[c];
  }
  return all > 0.0 ? rppg__sqrt(re * re + im * im) / all : 0.0;
}

/* Share of the window's colour values near an end of the 8-bit range. */
static double rppg__clipped_share(const rppg_session *s, size_t m)
{
  size_t i, c, near_end = 0;
  for (i = 0; i < m; i++) {
    const float *row = s->colours + ((s->total - m + i) % s->n) * s->channels;
    for (c = 0; c < s->channels; c++) near_end += row[c] < 3.0f || row[c] > 250.0f;
  }
  return s->channels ? (double)near_end / (double)(m * s->channels) : 0.0;
}

/* ---- session: confidence --------------------------------------------------------------------- */

/* Share of the window's halves, each seen alone, that have their highest peak at the same bin. */
static double rppg__halves(rppg_session *s, size_t m, size_t lo, size_t hi, double res, double bin)
{
  double agree = 0.0;
  int k;
  for (k = 0; k < 2; k++) {
    double off;
    rppg__spectrum_of(s, s->wave + (k ? m - m / 2 : 0), m / 2, s->shared);
    off = rppg__abs((double)rppg__top(s, s->shared, lo, hi, 2.0 * res, -1.0, NULL) - bin) / (1.5 * res);
    agree += off < 1.0 ? 0.5 * (1.0 - off) : 0.0;
  }
  return agree;
}

/* How much all signals beat in step under a kernel [m][2]: 0.5 if quite, 0 if each goes its own way
   or there is only one to ask. x [m]: scratch                                                     */
static double rppg__together(const rppg_session *s, size_t m, const float *k, float *x)
{
  double sum[2] = { 0.0, 0.0 }, squares = 0.0;
  const double n = (double)s->signals;
  size_t i, j;
  if (s->signals < 2) return 0.0;
  for (i = 0; i < s->signals; i++) {
    double re = 0.0, im = 0.0;
    if (rppg__plain(s->cfg.method)) rppg__signal(s, i, m, x);
    else rppg__pulse_window_of(s, i, m, x); /* a line in it does not matter */
    for (j = 0; j < m; j++) {
      re += (double)k[2 * j] * (double)x[j];
      im += (double)k[2 * j + 1] * (double)x[j];
    }
    sum[0] += re;
    sum[1] += im;
    squares += re * re + im * im;
  }
  if (!(squares > 0.0)) return 0.0;
  return 0.5 * ((sum[0] * sum[0] + sum[1] * sum[1]) / squares - 1.0) / (n - 1.0);
}

/* Makes a ROI's three colours z [3][2] relative to their means; how many of the colours see
   anything, 0 for a camera without colours.                                                       */
static int rppg__beat_of(double (*z)[2], const double *mean)
{
  double least = mean[0] < mean[1] ? mean[0] : mean[1], most = mean[0] > mean[1] ? mean[0] : mean[1];
  int c, seen = 0;
  if (mean[2] < least) least = mean[2];
  if (mean[2] > most) most = mean[2];
  for (c = 0; c < 3; c++) {
    const int sees = most - least > 1e-3 * most && mean[c] > 0.02 * most;
    z[c][0] = sees ? z[c][0] / mean[c] : 0.0;
    z[c][1] = sees ? z[c][1] / mean[c] : 0.0;
    seen += sees;
  }
  return seen;
}

/* The colour of the beat. Light that flickers and a head that nods change R, G and B alike; blood
   takes most of the green and least of the red, by 0.33 : 0.77 : 0.53 on a face [deHaan2014]; a
   screen has some other colour. *plain: 0 where the colours differ at least as blood makes them, to
   -4 where they do not. *odd: 0 for the colour of blood or of white light, to 1 for another. Both
   are 0 where there are no colours to compare. all_z, mean: of rppg__colour_tones, changed        */
static void rppg__colour_of_beat(size_t rois, double (*all_z)[2], const double *mean, double *plain,
                                 double *odd)
{
  static const double blood[3] = { 0.33, 0.77, 0.53 };
  double bright = 0.0, spread = 0.0, all = 0.0, along = 0.0;
  size_t i, r, c;
  *plain = *odd = 0.0;
  for (r = 0; r < rois; r++) {
    double (*z)[2] = all_z + 3 * r;
    const int seen = rppg__beat_of(z, mean + 3 * r);
    if (seen < 2) continue;
    for (i = 0; i < 2; i++) {
      double sum = z[0][i] + z[1][i] + z[2][i];
      const double squares = z[0][i] * z[0][i] + z[1][i] * z[1][i] + z[2][i] * z[2][i];
      bright += sum * sum / (double)(seen * seen);
      spread += squares / (double)seen - sum * sum / (double)(seen * seen);
      if (seen < 3) continue;
      all += squares;
      for (sum = 0.0, c = 0; c < 3; c++) sum += z[c][i] * blood[c];
      along += sum * sum;
    }
  }
  if (bright > 0.0 && spread < 0.04 * bright) /* a fifth; blood has a third */
    *plain = spread > 1.4e-5 * bright ? 0.5 * rppg__log(spread / (0.04 * bright)) : -4.0;
  if (all > 0.0) { /* 0.9827: the square of blood's own length */
    const double off = 1.0 - along / (0.9827 * all);
    *odd = off < 0.1 ? 0.0 : off < 0.4 ? (off - 0.1) / 0.3 : 1.0; /* white light has 0.1 */
  }
}

/* The same of a session of several cameras: each has a part in the wave, and a window of its own. */
static void rppg__colour_of_all(rppg_session *s, double step, double *plain, double *odd)
{
  double z[3 * RPPG_MAX_ROIS][2], mean[3 * RPPG_MAX_ROIS], one[2];
  size_t i;
  *plain = *odd = 0.0;
  for (i = 0; i < s->cfg.n_cameras; i++) {
    rppg_session *camera = &s->camera[i];
    if (!(camera->share > 0.0)) continue;
    rppg__tone_kernel(camera->wave_n, step, camera->scratch);
    rppg__colour_tones(camera, camera->wave_n, camera->scratch, z, mean);
    rppg__colour_of_beat(camera->rois, z, mean, &one[0], &one[1]);
    *plain += camera->share * one[0];
    *odd += camera->share * one[1];
  }
}

/* Weights of the evidence, and behind them a constant, for POS and its like, GREEN, CONTACT: first
   for "what beats there has this rate", then for "what beats is blood". Logistic regressions on the
   training recordings and on what is rendered over them; not set by hand.                         */
/* rppg_tools calibrate: begin */
static const double rppg__evidence_weight[3][2][RPPG__EVIDENCE + 1] = {
  { { 1.9138, -1.1233, 1.0921, 0.1720, 0.7958, 0.0000, 0.0000, 4.1228, 5.7182, -0.5564, -1.3617 },
    { 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 3.1853, -3.6754, 0.0000, 0.0000, 0.0000, 2.0683 } },
  { { 1.2488, -0.8424, 1.7730, 0.0000, 0.6846, 0.0000, 0.0000, 2.9317, 5.9299, -1.0151, -1.7384 },
    { 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 4.4345, -6.3518, 0.0000, 0.0000, 0.0000, 3.1270 } },
  { { 3.3310, -0.5475, 2.6971, 0.0000, 0.6155, 0.0000, 0.0000, 4.9246, 6.3237, 0.0000, -1.9073 },
    { 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 7.3278, 0.0000, 0.0000, 0.0000, 0.0000, 3.0697 } }
};
/* rppg_tools calibrate: end */

static double rppg__within(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

/* Probability that the rate is within 5 bpm, from the evidence, which is gathered here.
   *brightness: relative amplitude of the common brightness at the bin.                            */
static double rppg__confidence(rppg_session *s, size_t m, size_t lo, size_t hi, double res, double bin,
                               double snr_db, double unsteady, unsigned flags, double *brightness)
{
  const double seconds = (double)m / s->cfg.rate_hz, step = 2.0 * bin / (double)s->fft_n;
  float *tone = s->scratch, *spare = s->scratch + 2 * m; /* its size is 3 n */
  double z[3 * RPPG_MAX_ROIS][2], mean[3 * RPPG_MAX_ROIS];
  const int kind = s->cfg.method == RPPG_CONTACT ? 2 : rppg__plain(s->cfg.method); /* one channel */
  double *e = s->evidence, p = 1.0;
  int i, k;
  e[0] = 0.1 * rppg__within(snr_db, -15.0, 15.0);
  e[1] = 10.0 * rppg__within(unsteady, 0.0, 0.3);
  e[2] = rppg__halves(s, m, lo, hi, res, bin);
  rppg__tone_kernel(m, step, tone);
  e[3] = kind ? 0.0 : rppg__together(s, m, tone, spare); /* without chrominance light is together, too */
  e[4] = 0.2 * (rppg__within(seconds, 5.0, 20.0) - 10.0);
  *brightness = rppg__colour_tones(s, m, tone, z, mean);
  if (s->camera) rppg__colour_of_all(s, step, &e[5], &e[6]);
  else rppg__colour_of_beat(s->rois, z, mean, &e[5], &e[6]);
  if (kind == 2) e[5] = rppg__within(e[5] + 1.0, -3.0, 0.0); /* a finger's colours may be closer */
  e[6] *= rppg__within(0.15 * snr_db + 1.0, 0.0, 1.0); /* noise has any colour */
  e[9] = flags & RPPG_FLAG_MOTION ? 1.0 : 0.0;
  for (k = 0; k < 2; k++) {
    const double *w = rppg__evidence_weight[kind][k];
    double sum = w[RPPG__EVIDENCE];
    for (i = 0; i < RPPG__EVIDENCE; i++) sum += w[i] * e[i];
    p /= 1.0 + rppg__exp(-rppg__within(sum, -30.0, 30.0));
  }
  return p;
}

/* ---- session: the adapter -------------------------------------------------------------------- */

#ifndef RPPG_NO_NN
/* What stands between one camera and a model: see ADPT in rppg_nn.h. */
typedef struct rppg__adapter {
  rppg_nn_adapter shape;     /* n: numbers in use, 0: no adapter */
  size_t shipped, head;      /* of them, in the blob; before those of the head */
  float *value;              /* [n] */
  float *scores, *hidden;    /* of the last run: [classes] less their mean; [shape.hidden][classes] */
  float *slope, *back;       /* to learn: [n] of the loss by each number; [2][classes] */
  size_t learnt;             /* the reader's runs at the last step */
  uint32_t steps;
  int frozen;
} rppg__adapter;

/* The head that a model without one gets to learn: too small to need care about overfitting. */
enum { RPPG__HEAD_HIDDEN = 4, RPPG__HEAD_TAPS = 9 };

/* Sizes of the session's adapter; the one to learn has a head in any case. */
static void rppg__adapter_shape(rppg__adapter *a, const rppg_nn_adapter *blob, size_t classes, int learns)
{
  a->shape = *blob;
  a->shipped = a->shape.n;
  if (learns && !a->shape.taps) {
    a->shape.taps = RPPG__HEAD_TAPS;
    a->shape.hidden = classes ? RPPG__HEAD_HIDDEN : 0;
    a->shape.n = rppg_nn__adapter_values(&a->shape);
  }
  a->head = 9 * (size_t)a->shape.mixes + 2 * (size_t)a->shape.channels;
}

/* Its buffers in the session's block. */
static void rppg__adapter_layout(rppg__adapter *a, rppg__arena *arena, size_t classes, int learns)
{
  const size_t scores = a->shape.taps ? classes : 0;
  if (!a->shape.n) return; /* a session without an adapter takes no memory for one */
  a->value = (float *)rppg__take(arena, a->shape.n, sizeof(float));
  a->scores = (float *)rppg__take(arena, scores, sizeof(float));
  a->hidden = (float *)rppg__take(arena, scores * a->shape.hidden, sizeof(float));
  if (!learns) return;
  a->slope = (float *)rppg__take(arena, a->shape.n, sizeof(float));
  a->back = (float *)rppg__take(arena, 2 * scores, sizeof(float));
}

/* Number i as the blob has it. A head that the blob lacks: the first filters pass on what is above the
   mean, what is below it, what rises from its neighbourhood, the neighbourhood; the last are zeros, so that
   it changes nothing, but learns from the first step on. */
static float rppg__adapter_shipped(const rppg__adapter *a, size_t i)
{
  const size_t k = a->shape.taps, half = k / 2;
  size_t filter, tap, off;
  if (i < a->shipped) return rppg_nn__float(a->shape.values + 4 * i);
  filter = (i - a->shipped) / k;
  tap = (i - a->shipped) % k;
  off = tap < half ? half - tap : tap - half;
  if (filter >= a->shape.hidden) return 0.0f;
  switch (filter) {
  case 0: return off == 0 ? 1.0f : 0.0f;
  case 1: return off == 0 ? -1.0f : 0.0f;
  case 2: return off == 0 ? 1.0f : off == 2 ? -0.5f : 0.0f;
  default: return 1.0f / (float)k;
  }
}

static void rppg__adapter_restart(rppg__adapter *a)
{
  size_t i;
  for (i = 0; i < a->shape.n; i++) a->value[i] = rppg__adapter_shipped(a, i);
  a->steps = 0;
}

/* Colour c of a sample as the model's own camera would see it; ROI by ROI, or of one pixel. */
static float rppg__adapter_colour(const rppg__adapter *a, const float *row, size_t c)
{
  const float *rgb = row + c / 3 * 3, *m = a->value + (a->shape.mixes > 1 ? c / 3 * 9 : 0) + c % 3 * 3;
  return m[0] * rgb[0] + m[1] * rgb[1] + m[2] * rgb[2];
}

/* Sum over t of w[t] x[i + t - k / 2]; x [n] and zeros beyond its ends, k odd. */
static double rppg__taps(const float *w, size_t k, const float *x, size_t n, size_t i)
{
  const size_t half = k / 2, end = n + half - i < k ? n + half - i : k;
  double sum = 0.0;
  size_t t;
  for (t = i < half ? half - i : 0; t < end; t++) sum += (double)w[t] * (double)x[i + t - half];
  return sum;
}

/* slope[t] of the loss by w[t], where g [n] is that by the sums. */
static void rppg__taps_slope(const float *g, const float *x, size_t n, size_t k, float *slope)
{
  const size_t half = k / 2;
  size_t t, i;
  for (t = 0; t < k; t++) {
    double sum = 0.0;
    for (i = t < half ? half - t : 0; i < n && i + t - half < n; i++)
      sum += (double)g[i] * (double)x[i + t - half];
    slope[t] = (float)sum;
  }
}

/* Head of a classifier: its n scores y, in place. */
static void rppg__head_run(rppg__adapter *a, float *y, size_t n)
{
  const size_t k = a->shape.taps, h = a->shape.hidden;
  const float *u = a->value + a->head, *b = u + h * k, *v = b + h;
  double mean = 0.0;
  size_t i, j;
  for (i = 0; i < n; i++) mean += (double)y[i] / (double)n;
  for (i = 0; i < n; i++) a->scores[i] = (float)((double)y[i] - mean);
  for (j = 0; j < h; j++)
    for (i = 0; i < n; i++) {
      const double r = (double)b[j] + rppg__taps(u + j * k, k, a->scores, n, i);
      a->hidden[j * n + i] = r > 0.0 ? (float)r : 0.0f;
    }
  for (i = 0; i < n; i++) {
    double sum = (double)y[i];
    for (j = 0; j < h; j++) sum += rppg__taps(v + j * k, k, a->hidden + j * n, n, i);
    y[i] = (float)sum;
  }
}

/* a->slope of its numbers, from a->back [n]: the loss by the scores that it made last. */
static void rppg__head_slope(rppg__adapter *a, size_t n)
{
  const size_t k = a->shape.taps, h = a->shape.hidden, half = k / 2;
  const float *v = a->value + a->head + h * k + h;
  float *u_slope = a->slope + a->head, *b_slope = u_slope + h * k, *v_slope = b_slope + h;
  const float *g = a->back;
  float *r = a->back + n; /* the loss by a hidden channel, where that is not 0 */
  size_t i, j, t;
  for (j = 0; j < h; j++) {
    double all = 0.0;
    for (i = 0; i < n; i++) {
      double sum = 0.0;
      for (t = 0; t < k && a->hidden[j * n + i] > 0.0f; t++)
        if (i + half >= t && i + half - t < n) sum += (double)v[j * k + t] * (double)g[i + half - t];
      r[i] = (float)sum;
      all += sum;
    }
    b_slope[j] = (float)all;
    rppg__taps_slope(r, a->scores, n, k, u_slope + j * k);
    rppg__taps_slope(g, a->hidden + j * n, n, k, v_slope + j * k);
  }
}

/* Cross-entropy of shares p [n] against a bell of 2.5 bpm about the rate: its slope by the scores, into
   a->back. 0 where no class is near. The bell is as wide as what the FFT, when sure, is off by. */
static int rppg__classes_slope(rppg__adapter *a, const float *p, const double *bpm, size_t n, double rate)
{
  double all = 0.0;
  size_t i;
  for (i = 0; i < n; i++) {
    const double off = (bpm[i] - rate) / 2.5;
    a->back[n + i] = (float)rppg__exp(-0.5 * off * off);
    all += (double)a->back[n + i];
  }
  for (i = 0; i < n; i++) a->back[i] = all > 0.5 ? p[i] - (float)((double)a->back[n + i] / all) : 0.0f;
  return all > 0.5;
}

/* Of a wave x [m] without its line, filtered to y: the slope of 1 - the share of y's power that beats as the
   kernel [m][2] does, by the filter. */
static void rppg__wave_slope(rppg__adapter *a, const float *x, const float *kernel, size_t m)
{
  const float *w = a->value + a->head;
  const size_t k = a->shape.taps, half = k / 2;
  double re = 0.0, im = 0.0, power = 0.0, share, slope[63] = { 0.0 };
  size_t i, t;
  for (i = 0; i < m; i++) {
    const double y = (double)x[i] + rppg__taps(w, k, x, m, i);
    re += (double)kernel[2 * i] * y;
    im += (double)kernel[2 * i + 1] * y;
    power += y * y;
  }
  if (!(power > 0.0)) power = 1.0; /* of nothing nothing can be learnt: re and im are 0 */
  share = 0.5 * (double)m * (re * re + im * im) / power; /* 1 for a sine of that rate */
  for (i = 0; i < m; i++) {
    const double y = (double)x[i] + rppg__taps(w, k, x, m, i);
    const double along = re * (double)kernel[2 * i] + im * (double)kernel[2 * i + 1];
    const double g = (2.0 * share * y - (double)m * along) / power;
    for (t = 0; t < k; t++)
      if (i + t >= half && i + t - half < m) slope[t] += g * (double)x[i + t - half];
  }
  for (t = 0; t < k; t++) a->slope[a->head + t] = (float)slope[t];
}

/* One step of the head down the slope. What is no number changes nothing. */
static void rppg__adapter_step(rppg__adapter *a)
{
  double length = 0.0, scale;
  size_t i;
  for (i = a->head; i < a->shape.n; i++) length += (double)a->slope[i] * (double)a->slope[i];
  length = rppg__sqrt(length);
  if (!rppg__finite(length)) return;
  scale = RPPG_ADAPT_STEP / (length > 1.0 ? length : 1.0);
  for (i = a->head; i < a->shape.n; i++) {
    const double from = (double)rppg__adapter_shipped(a, i);
    a->value[i] = (float)rppg__within((double)a->value[i] - scale * (double)a->slope[i],
                                      from - RPPG_ADAPT_REACH, from + RPPG_ADAPT_REACH);
  }
  a->steps++;
}
#endif

/* ---- session: a model's side ----------------------------------------------------------------- */

#ifndef RPPG_NO_NN
/* What a session keeps for its model. The model runs every hop samples of the grid. Classifiers give a
   share for each rate, and the shares of the runs inside a window are averaged; waves are
   laid one behind the other.                                                                     */
typedef struct rppg__reader {
  rppg_nn_model nn;
  size_t frames, hop, width; /* samples of a run; new ones from run to run; floats of a sample */
  size_t step;               /* samples of the session's grid in one of the model's */
  size_t kept;               /* samples in the ring: frames, and one more where differences are taken */
  size_t taken, fresh;       /* samples since the reset; those since the last run */
  size_t classes, runs;      /* of votes: columns, rows; or of a wave 0, 0 */
  size_t ran;                /* runs since the reset */
  float *ring, *in, *out;    /* [kept][width] patches; [input]; [output] */
  float *patch;              /* [width] of the newest frame */
  float *votes;              /* [runs][classes + 1] ring: shares, and when in grid samples */
  double *tally, *bpm;       /* [classes] votes of a window; rate of each class */
  float *wave, *power;       /* [s->n] ring, by grid time; [s->bins] */
  unsigned char *work;       /* of rppg_patch, for boxes up to cfg.model_face */
  double said, sharp;        /* at the last estimate: its rate, 0 for none, and the share that stands behind it */
  int has_patch, green;      /* a signal is the green of a ROI, not one of its three colours */
  rppg__adapter adapter;
} rppg__reader;

/* Samples at rate_hz in one at fps, if their number is whole; else 0. */
static size_t rppg__model_step(double rate_hz, double fps)
{
  const size_t step = (size_t)(rate_hz / fps + 0.5);
  return rppg__abs(rate_hz - (double)step * fps) < 1e-6 * rate_hz ? step : 0;
}

/* Reads the model and fits the config to it: its frame rate, its ROIs, a window that holds a run.
   0 if the blob is refused or does not fit. */
static int rppg__model_config(rppg_config *c, rppg__model *model)
{
  rppg_nn_spec spec;
  double seconds;
  if (c->auto_cells || rppg_nn_read_about(c->model, c->model_size, model) != RPPG_OK) return 0;
  spec = model->spec;
  if (spec.frames < 1 || spec.frames > 4096 || spec.hop < 1 || spec.hop > spec.frames ||
      spec.w > RPPG_PATCH_MAX || spec.h > RPPG_PATCH_MAX || spec.channels > 4096)
    return 0;
  if (!(spec.fps >= 10.0f && spec.fps <= 250.0f)) return 0;
  if (c->adapt && spec.task == RPPG_NN_TASK_RATE) return 0; /* a number alone leaves nothing to learn */
  if (c->rate_hz == 0.0) /* the FFT has as many samples as without a model */
    while (c->rate_hz < 30.0) c->rate_hz += (double)spec.fps;
  if (!rppg__model_step(c->rate_hz, (double)spec.fps)) return 0;
  seconds = (double)spec.frames / (double)spec.fps;
  if (c->window_s == 0.0 && seconds > 10.0) c->window_s = seconds;
  if (c->window_s != 0.0 && c->window_s < seconds) return 0;
  if (!c->model_face) c->model_face = 512;
  if (c->model_face < 16 || c->model_face > 8192) return 0;
  if (spec.source == RPPG_NN_SIGNALS) {
    if (!c->parts && spec.layout) c->layout = (int)spec.layout;
    return spec.norm == RPPG_NN_NORM_NONE || spec.norm == RPPG_NN_NORM_UNIT ||
           spec.norm == RPPG_NN_NORM_RANGE || spec.norm == RPPG_NN_NORM_STANDARD;
  }
  return spec.source == RPPG_NN_PATCHES && spec.w >= 1 && spec.h >= 1 &&
         spec.norm <= RPPG_NN_NORM_DIFF_STANDARD &&
         spec.channels == (spec.norm == RPPG_NN_NORM_DIFF_STANDARD ? 6u : 3u) &&
         spec.margin >= 0.0f && spec.margin <= 4.0f;
}

/* The model and its buffers in the session's block. */
static rppg_status rppg__model_layout(rppg_session *s, const rppg__model *model, rppg__arena *a)
{
  const rppg_rect widest = { 0, 0, s->cfg.model_face, s->cfg.model_face };
  const size_t nn_size = model->mem_size, in = model->x.n, out = model->y.n;
  const rppg_nn_spec spec = model->spec;
  rppg__reader q, *r;
  size_t want, k;
  void *nn_mem;
  memset(&q, 0, sizeof q);
  q.frames = spec.frames;
  q.hop = spec.hop;
  if (spec.source == RPPG_NN_SIGNALS) {
    q.green = spec.channels == s->rois;
    if (spec.channels != s->channels && !q.green) return RPPG_ERR_ARG; /* other ROIs than the model's */
    want = q.frames * spec.channels;
  } else {
    q.width = (size_t)spec.w * spec.h * 3;
    q.kept = q.frames + (spec.norm >= RPPG_NN_NORM_DIFF);
    want = q.frames * (size_t)spec.w * spec.h * spec.channels;
  }
  q.step = rppg__model_step(s->cfg.rate_hz, (double)spec.fps);
  if (in != want || q.frames * q.step > s->n) return RPPG_ERR_DATA;
  switch (spec.task) {
  case RPPG_NN_TASK_CLASSES: q.classes = out; break;
  case RPPG_NN_TASK_RATE: q.classes = 1; if (out != 1) return RPPG_ERR_DATA; break;
  case RPPG_NN_TASK_WAVE: case RPPG_NN_TASK_SLOPE: if (out != q.frames) return RPPG_ERR_DATA; break;
  default: return RPPG_ERR_DATA;
  }
  q.runs = q.classes ? s->n / (q.hop * q.step) + 1 : 0;
  rppg__adapter_shape(&q.adapter, &model->adapter, q.classes, s->cfg.adapt);
  if (q.green && q.adapter.shape.mixes) return RPPG_ERR_DATA; /* one channel has no colours to mix */
  r = (rppg__reader *)rppg__take(a, 1, sizeof *r);
  nn_mem = rppg__take(a, nn_size, 1);
  q.ring = (float *)rppg__take(a, q.kept * q.width, sizeof(float));
  q.in = (float *)rppg__take(a, in, sizeof(float));
  q.out = (float *)rppg__take(a, out, sizeof(float));
  q.patch = (float *)rppg__take(a, q.width, sizeof(float));
  q.votes = (float *)rppg__take(a, q.runs * (q.classes + 1), sizeof(float));
  q.tally = (double *)rppg__take(a, q.classes, sizeof(double));
  q.bpm = (double *)rppg__take(a, q.classes, sizeof(double));
  q.wave = (float *)rppg__take(a, q.classes ? 0 : s->n, sizeof(float));
  q.power = (float *)rppg__take(a, q.classes ? 0 : s->bins, sizeof(float));
  q.work = (unsigned char *)rppg__take(
      a, q.width ? rppg_patch_work(&widest, (int)spec.w, (int)spec.h) : 0, 1);
  rppg__adapter_layout(&q.adapter, a, q.classes, s->cfg.adapt);
  if (r == NULL) return RPPG_OK; /* counting, or out of room */
  if (rppg_nn_open(&q.nn, s->cfg.model, s->cfg.model_size, nn_mem, nn_size, NULL) != RPPG_OK)
    return RPPG_ERR_DATA;
  if (q.nn.n_inputs != 1) return RPPG_ERR_DATA;
  for (k = 0; k < q.classes; k++) q.bpm[k] = (double)rppg_nn_class_bpm(&q.nn, k);
  if (!a->failed) rppg__adapter_restart(&q.adapter);
  *r = q;
  s->reader = r;
  return RPPG_OK;
}

static void rppg__model_reset(rppg_session *s)
{
  rppg__reader *r = s->reader;
  r->taken = r->fresh = r->ran = r->adapter.learnt = 0;
  r->has_patch = 0;
  if (!r->classes) memset(r->wave, 0, s->n * sizeof *r->wave);
  rppg_nn_reset(&r->nn);
}

/* The face box of a frame, enlarged by the model's margin, as the patch that the next sample takes. */
static void rppg__model_patch(rppg_session *s, const rppg_frame *frame, const rppg_rect *box)
{
  rppg__reader *r = s->reader;
  const rppg_nn_spec *spec = &r->nn.spec;
  const double margin = spec->margin > 0.0f ? (double)spec->margin : 1.0;
  rppg_rect b = *box;
  size_t i;
  if (!r->width) return;
  b.w = (int)((double)box->w * margin + 0.5);
  b.h = (int)((double)box->h * margin + 0.5);
  b.x -= (b.w - box->w) / 2;
  b.y -= (b.h - box->h) / 2;
  if (b.w > s->cfg.model_face || b.h > s->cfg.model_face) return;
  if (rppg_patch(frame, &b, (int)spec->w, (int)spec->h, RPPG_PATCH_HWC, r->patch, r->work) !=
      RPPG_OK)
    return;
  r->has_patch = 1;
  for (i = 0; i < r->width && r->adapter.shape.mixes; i += 3) {
    const float rgb[3] = { r->patch[i], r->patch[i + 1], r->patch[i + 2] };
    size_t c;
    for (c = 0; c < 3; c++) r->patch[i + c] = rppg__adapter_colour(&r->adapter, rgb, c);
  }
}

/* Gains and offsets of the input's channels: x [outer][channels][inner]. */
static void rppg__model_gains(rppg__reader *r, size_t outer, size_t inner)
{
  const size_t channels = r->adapter.shape.channels;
  const float *gain = r->adapter.value + 9 * (size_t)r->adapter.shape.mixes, *offset = gain + channels;
  float *x = r->in;
  size_t o, c, i;
  if (!channels) return;
  for (o = 0; o < outer; o++)
    for (c = 0; c < channels; c++)
      for (i = 0; i < inner; i++, x++) *x = gain[c] * *x + offset[c];
}

/* x - mean over deviation, of n numbers `step` apart in groups of `group`. */
static void rppg__standardise(float *x, size_t n, size_t group, size_t step, int centre)
{
  double mean = 0.0, var = 0.0;
  size_t i, k;
  for (i = 0; i < n; i++) for (k = 0; k < group; k++) mean += (double)x[i * step + k];
  mean /= (double)(n * group);
  for (i = 0; i < n; i++)
    for (k = 0; k < group; k++) {
      const double d = (double)x[i * step + k] - mean;
      var += d * d;
    }
  var = rppg__sqrt(var / (double)(n * group));
  for (i = 0; i < n; i++)
    for (k = 0; k < group; k++) {
      const double d = (double)x[i * step + k] - (centre ? mean : 0.0);
      x[i * step + k] = var > 0.0 ? (float)(d / var) : 0.0f;
    }
}

/* Value c of the model's sample that begins at this one of the grid: the mean over the samples that it is. */
static float rppg__model_colour(const rppg_session *s, size_t begin, size_t c)
{
  const rppg__reader *r = s->reader;
  double sum = 0.0;
  size_t k;
  for (k = 0; k < r->step; k++) {
    const float *row = s->colours + (begin + k) % s->n * s->channels;
    sum += (double)(r->green                 ? row[3 * c + 1]
                    : r->adapter.shape.mixes ? rppg__adapter_colour(&r->adapter, row, c)
                                             : row[c]);
  }
  return (float)(sum / (double)r->step);
}

/* The newest samples of the colours, signal by signal, into the input. */
static void rppg__model_signals(rppg_session *s)
{
  rppg__reader *r = s->reader;
  const size_t channels = r->nn.spec.channels;
  size_t c, k;
  for (c = 0; c < channels; c++) {
    float *x = r->in + c * r->frames, least, most;
    for (k = 0; k < r->frames; k++)
      x[k] = rppg__model_colour(s, s->total - (r->frames - k) * r->step, c);
    least = most = x[0];
    for (k = 1; k < r->frames; k++) {
      if (x[k] < least) least = x[k];
      if (x[k] > most) most = x[k];
    }
    for (k = 0; k < r->frames; k++) {
      if (r->nn.spec.norm == RPPG_NN_NORM_RANGE)
        x[k] = most > least ? 2.0f * (x[k] - least) / (most - least) - 1.0f : 0.0f;
      if (r->nn.spec.norm == RPPG_NN_NORM_UNIT) x[k] *= 1.0f / 255;
    }
  }
  if (r->nn.spec.norm == RPPG_NN_NORM_STANDARD)
    rppg__standardise(r->in, r->frames * channels, 1, 1, 1);
  rppg__model_gains(r, 1, r->frames);
}

/* The newest patches into the input, normalised as the model was trained. */
static void rppg__model_clip(rppg_session *s)
{
  rppg__reader *r = s->reader;
  const uint32_t norm = r->nn.spec.norm;
  const size_t pixels = r->width / 3, channels = r->nn.spec.channels, first = r->taken - r->kept,
               n = r->frames * pixels;
  size_t k, p, c;
  for (k = 0; k < r->frames; k++) {
    const float *now = r->ring + (first + k) % r->kept * r->width;
    const float *next = r->ring + (first + k + 1) % r->kept * r->width;
    float *x = r->in + k * pixels * channels;
    for (p = 0; p < pixels; p++, x += channels)
      for (c = 0; c < 3; c++) {
        const float a = now[3 * p + c], b = next[3 * p + c];
        x[c] = norm >= RPPG_NN_NORM_DIFF   ? (b - a) / (b + a + 1e-7f)
               : norm == RPPG_NN_NORM_UNIT ? a * (1.0f / 255)
                                           : a;
        if (channels == 6) x[3 + c] = a;
      }
  }
  if (norm == RPPG_NN_NORM_STANDARD) rppg__standardise(r->in, n, 3, 3, 1);
  if (norm == RPPG_NN_NORM_DIFF) rppg__standardise(r->in, n, 3, 3, 0);
  if (norm == RPPG_NN_NORM_DIFF_STANDARD) {
    rppg__standardise(r->in, n, 3, 6, 0);
    rppg__standardise(r->in + 3, n, 3, 6, 1);
  }
  rppg__model_gains(r, n, 1);
}

/* Scores to shares: softmax. A row that is no number at all votes for nothing. */
static void rppg__model_shares(const rppg__reader *r, float *share)
{
  size_t i;
  memcpy(share, r->out, r->classes * sizeof *share);
  ((const rppg_nn__kernels *)r->nn.kernels)->softmax(share, r->classes, 1.0f);
  for (i = 0; i < r->classes; i++)
    if (!rppg__finite((double)share[i])) memset(share, 0, r->classes * sizeof *share);
}

/* A sample of the grid is complete; where that is one of the model's, too: gives it to the model, which
   runs when hop of them are new. */
static void rppg__model_tick(rppg_session *s)
{
  rppg__reader *r = s->reader;
  const float *in = r->in;
  float *out = r->out, *row;
  size_t k, j;
  if (s->total % r->step) return;
  if (r->width) {
    if (!r->has_patch) return;
    memcpy(r->ring + r->taken % r->kept * r->width, r->patch, r->width * sizeof *r->ring);
  }
  r->taken++;
  r->fresh++;
  if (r->taken < (r->width ? r->kept : r->frames) || (r->fresh < r->hop && r->ran)) return;
  if (r->width) rppg__model_clip(s);
  else rppg__model_signals(s);
  rppg_nn_run(&r->nn, &in, &out);
  if (r->classes) {
    if (r->adapter.shape.taps) rppg__head_run(&r->adapter, out, r->classes);
    row = r->votes + r->ran % r->runs * (r->classes + 1);
    if (r->nn.spec.task == RPPG_NN_TASK_RATE) row[0] = out[0];
    else rppg__model_shares(r, row);
    row[r->classes] = (float)s->total;
  } else {
    const size_t new_ones = r->ran ? r->hop : r->frames;
    for (k = r->frames - new_ones; k < r->frames; k++) {
      const size_t at = s->total - (r->frames - k) * r->step;
      float x = rppg__finite((double)out[k]) ? out[k] : 0.0f;
      if (r->nn.spec.task == RPPG_NN_TASK_SLOPE && at) x += r->wave[(at - 1) % s->n];
      for (j = 0; j < r->step; j++) r->wave[(at + j) % s->n] = x;
    }
  }
  r->ran++;
  r->fresh = 0;
}

/* Adds up the rows of votes whose runs lie in this window, into r->tally; how many they are. */
static size_t rppg__model_tally(const rppg_session *s, size_t m)
{
  const rppg__reader *r = s->reader;
  const size_t have = r->ran < r->runs ? r->ran : r->runs;
  size_t i, k, used = 0;
  memset(r->tally, 0, r->classes * sizeof *r->tally);
  for (i = 0; i < have; i++) {
    const float *row = r->votes + i * (r->classes + 1);
    if ((double)row[r->classes] + (double)(m - r->frames * r->step) + 0.5 < (double)s->total) continue;
    for (k = 0; k < r->classes; k++) r->tally[k] += (double)row[k];
    used++;
  }
  return used;
}

/* The rate that the votes of this window name, the share within 5 bpm of it; 0 without a vote. */
static double rppg__model_votes(const rppg_session *s, size_t m, double *share)
{
  const rppg__reader *r = s->reader;
  const size_t used = rppg__model_tally(s, m);
  double all = 0.0, best = 0.0, most = -1.0;
  size_t k, j;
  *share = 0.0;
  if (r->nn.spec.task == RPPG_NN_TASK_RATE) {
    *share = used ? 0.5 : 0.0; /* a number alone does not say how sure it is */
    return used ? r->tally[0] / (double)used : 0.0;
  }
  for (k = 0; k < r->classes; k++) {
    double near_by = 0.0, weighted = 0.0;
    all += r->tally[k];
    for (j = 0; j < r->classes; j++) {
      if (rppg__abs(r->bpm[j] - r->bpm[k]) > 5.0) continue;
      near_by += r->tally[j];
      weighted += r->bpm[j] * r->tally[j];
    }
    if (near_by > most) { most = near_by; best = near_by > 0.0 ? weighted / near_by : 0.0; }
  }
  if (!(all > 0.0)) return 0.0;
  *share = most / all;
  return best;
}

/* The newest m samples of the model's wave without their line. */
static void rppg__model_window(const rppg_session *s, size_t m, float *x)
{
  const rppg__reader *r = s->reader;
  size_t i;
  for (i = 0; i < m; i++) x[i] = r->wave[(s->total - m + i) % s->n];
  rppg_dsp_detrend(RPPG_DSP_DETREND_LINEAR, x, m, x);
}

/* The same of a wave: the rate of its highest peak, the share of the band's power at it and its double. */
static double rppg__model_wave(rppg_session *s, size_t m, size_t lo, size_t hi, double res,
                               double *share)
{
  rppg__reader *r = s->reader;
  const double bin_hz = s->cfg.rate_hz / (double)s->fft_n;
  const size_t taps = r->adapter.shape.taps;
  float *x = taps ? s->scratch + 2 * m : s->scratch; /* its size is 3 n */
  double all, bin;
  size_t i, top;
  int doubtful;
  *share = 0.0;
  if (r->ran == 0) return 0.0;
  rppg__model_window(s, m, x);
  for (i = 0; i < m && taps; i++)
    s->scratch[i] = x[i] + (float)rppg__taps(r->adapter.value + r->adapter.head, taps, x, m, i);
  rppg__spectrum_of(s, s->scratch, m, r->power);
  top = rppg__top(s, r->power, lo, hi, res, -1.0, NULL);
  top = rppg__fundamental(r->power, s->bins, top, lo, res, &doubtful);
  all = rppg__power_near(r->power, 0.0, (double)hi, lo, hi);
  if (!(all > 0.0)) return 0.0;
  bin = rppg_dsp_vertex(r->power, s->bins, top, NULL);
  *share = (rppg__power_near(r->power, bin, 0.1 / bin_hz, lo, hi) +
            rppg__power_near(r->power, 2.0 * bin, 0.1 / bin_hz, lo, hi)) / all;
  if (*share > 1.0) *share = 1.0;
  return 60.0 * bin * bin_hz;
}

/* The FFT's answer as a label for the model's newest run, if it is one to learn from: of windows whose
   confidence is 0.8, four in five are within 5 bpm and most within 2; the heart has been there before. */
static void rppg__model_learn(rppg_session *s, size_t m, const rppg_result *fft)
{
  const unsigned doubts = RPPG_FLAG_SHORT | RPPG_FLAG_STATIC | RPPG_FLAG_CLIPPED | RPPG_FLAG_MOTION |
                          RPPG_FLAG_FLICKER | RPPG_FLAG_NO_FACE | RPPG_FLAG_TIME |
                          RPPG_FLAG_HARMONIC | RPPG_FLAG_NOISE;
  rppg__reader *r = s->reader;
  rppg__adapter *a = &r->adapter;
  const float *row = r->votes + (r->ran + r->runs - 1) % (r->runs + !r->runs) * (r->classes + 1);
  if (!s->cfg.adapt || a->frozen || a->learnt == r->ran || (fft->flags & doubts) ||
      !(fft->confidence >= 0.8) || !(s->track_var > 0.0) || rppg__abs(s->track_bpm - fft->hr_bpm) > 3.0)
    return;
  a->learnt = r->ran;
  if (r->classes) {
    if (!rppg__classes_slope(a, row, r->bpm, r->classes, fft->hr_bpm)) return;
    rppg__head_slope(a, r->classes);
  } else {
    rppg__model_window(s, m, s->scratch + 2 * m);
    rppg__tone_kernel(m, fft->hr_bpm / 30.0 / s->cfg.rate_hz, s->scratch);
    rppg__wave_slope(a, s->scratch + 2 * m, s->scratch, m);
  }
  rppg__adapter_step(a);
}

/* Weights of the logits of the FFT's confidence and of the model's share, and a constant, for POS and its
   like, GREEN, CONTACT: of the chance that a rate is within 5 bpm of the truth, the FFT's where both
   agree; where they differ, the model's, and the FFT's. Logistic regressions; not set by hand.    */
/* rppg_tools calibrate --model: begin */
static const double rppg__model_weight[3][3][3] = {
  { { 1.0929, 2.1131, 1.2706 }, { 0.3606, 1.8003, 0.4118 }, { 1.0866, -0.3606, -0.6124 } },
  { { 0.9761, 1.9400, 1.2078 }, { -0.1762, 2.0614, -0.2754 }, { 1.0191, -0.6533, -0.3394 } },
  { { 1.5527, 0.1079, 1.9223 }, { -0.2318, 1.0500, -0.8845 }, { 1.0436, -0.4778, 1.2491 } }
};
/* rppg_tools calibrate --model: end */

static double rppg__logit(double p)
{
  p = rppg__within(p, 0.001, 0.999);
  return rppg__log(p / (1.0 - p));
}

static double rppg__model_chance(const double *w, double confidence, double share)
{
  return 1.0 / (1.0 + rppg__exp(-(w[0] * rppg__logit(confidence) + w[1] * rppg__logit(share) + w[2])));
}

/* Whether a classifier's rates cover half of the session's band, in octaves: one for people has nothing
   to say of monkeys, however sharp it is. */
static int rppg__model_fits(const rppg_session *s)
{
  const rppg__reader *r = s->reader;
  double lo = s->cfg.bpm_min, hi = s->cfg.bpm_max;
  if (r->classes < 2) return 1;
  if (r->bpm[0] > lo) lo = r->bpm[0];
  if (r->bpm[r->classes - 1] < hi) hi = r->bpm[r->classes - 1];
  return hi > lo && hi / lo * (hi / lo) > s->cfg.bpm_max / s->cfg.bpm_min;
}

/* Model and FFT: r holds the FFT's answer. Where both agree it stays, since a peak is found to less than a
   class, with another confidence; where they differ, the likelier one, but an FFT that is sure is not
   overruled: a model can be as sure of what it has never seen. */
static void rppg__model_rate(rppg_session *s, size_t m, size_t lo, size_t hi, double res,
                             rppg_result *r)
{
  const double (*w)[3] =
      rppg__model_weight[s->cfg.method == RPPG_CONTACT ? 2 : rppg__plain(s->cfg.method)];
  double share, bpm, chance;
  int sure;
  s->reader->said = s->reader->sharp = 0.0;
  if (m < s->reader->frames * s->reader->step) return;
  rppg__model_learn(s, m, r);
  bpm = s->reader->classes ? rppg__model_votes(s, m, &share)
                           : rppg__model_wave(s, m, lo, hi, res, &share);
  s->reader->said = bpm;
  s->reader->sharp = share;
  if (!(bpm >= s->cfg.bpm_min && bpm <= s->cfg.bpm_max) || !rppg__model_fits(s)) return;
  if (rppg__abs(bpm - r->hr_bpm) > 5.0) r->flags |= RPPG_FLAG_DISAGREE;
  if (r->flags & (RPPG_FLAG_STATIC | RPPG_FLAG_FLICKER)) return; /* light fools the model, too */
  if (!(r->flags & RPPG_FLAG_DISAGREE)) {
    r->confidence = rppg__model_chance(w[0], r->confidence, share);
    return;
  }
  sure = r->confidence >= 0.5;
  chance = rppg__model_chance(w[1], r->confidence, share);
  r->confidence = rppg__model_chance(w[2], r->confidence, share);
  if (!sure && chance > r->confidence) {
    r->hr_bpm = bpm;
    r->source = RPPG_SOURCE_MODEL;
    r->confidence = chance;
  }
}
#endif

/* ---- session: estimate ----------------------------------------------------------------------- */

/* The tracked rate: a Kalman filter on a random walk. A heart's rate wanders by about 1.5 bpm in
   a second; a measurement errs by 1 bpm when sure and by tens when not.                           */
static double rppg__track(rppg_session *s, double t_s, double bpm, double confidence)
{
  const double doubt = 1.0 + 40.0 * (1.0 - confidence) * (1.0 - confidence), noise = doubt * doubt;
  if (!(s->track_var > 0.0)) {
    s->track_bpm = bpm;
    s->track_var = noise;
  } else {
    double gain;
    s->track_var += 2.25 * rppg__abs(t_s - s->track_s);
    gain = s->track_var / (s->track_var + noise);
    s->track_bpm += gain * (bpm - s->track_bpm);
    s->track_var *= 1.0 - gain;
  }
  s->track_s = t_s;
  return s->track_bpm;
}

static rppg_status rppg__estimate(rppg_session *s, rppg_result *out)
{
  const size_t m = s->total < s->n ? s->total : s->n;
  const double seconds = (double)m / s->cfg.rate_hz;
  const double bin_hz = s->cfg.rate_hz / (double)s->fft_n;
  const double res = 2.0 / (seconds * bin_hz); /* half of the main lobe's width, in bins */
  const double fps = s->interval_s > 0.0 ? 1.0 / s->interval_s : 0.0;
  rppg_result r;
  size_t lo, hi, top, alone, other;
  double hi_hz = s->cfg.bpm_max / 60.0, snr, rival, amplitude, brightness, bin, peaks, all, unsteady;
  int doubtful;
  if (!s->started || seconds < s->cfg.min_window_s || m < rppg_pulse_window(s->cfg.rate_hz))
    return RPPG_ERR_DATA;
  memset(&r, 0, sizeof r);
  r.flags = s->flags;
  if (m < s->n) r.flags |= RPPG_FLAG_SHORT;
  if (hi_hz > 0.45 * fps) { /* nothing to be seen above half of the frame rate */
    hi_hz = 0.45 * fps;
    r.flags |= RPPG_FLAG_LOW_FPS;
  }
  lo = (size_t)(s->cfg.bpm_min / 60.0 / bin_hz) + 1;
  hi = (size_t)(hi_hz / bin_hz);
  if (hi < lo + 4) return RPPG_ERR_DATA;
  r.t_s = s->last_us < s->origin_us ? -1e-6 * (double)((uint64_t)s->origin_us - (uint64_t)s->last_us)
                                    : 1e-6 * (double)((uint64_t)s->last_us - (uint64_t)s->origin_us);
  r.window_s = seconds;
  r.fps = fps;
  if (s->jump_at && s->jump_at + m > s->total) r.flags |= RPPG_FLAG_MOTION;
  if (rppg__clipped_share(s, m) > 0.3) r.flags |= RPPG_FLAG_CLIPPED;

  rppg__combine(s, m, lo, hi, res);
  rppg__spectrum_of(s, s->wave, m, s->power);
  s->wave_n = m;
  s->wave_end_s = (double)s->first_us * 1e-6 + ((double)s->total - 0.5) / s->cfg.rate_hz;
  s->spectrum_ok = 1;
  s->flags = 0;
  memset(s->evidence, 0, sizeof s->evidence);
  top = rppg__likeliest(s, r.t_s, seconds, lo, hi, res, &alone, &doubtful);
  amplitude = rppg__sqrt((double)s->power[top]);
  if (amplitude < RPPG__STILL) {
    r.flags |= RPPG_FLAG_STATIC;
    if (!(amplitude > 0.0)) {
      r.snr_db = -100.0;
      r.tracked_bpm = s->track_bpm;
      *out = r;
      return RPPG_OK;
    }
  }
  bin = rppg_dsp_vertex(s->power, s->bins, top, NULL);
  r.hr_bpm = r.raw_bpm = 60.0 * rppg__mean_rate(s, m, bin * bin_hz, &unsteady);
  if (alone != top)
    r.raw_bpm = 60.0 * rppg__mean_rate(s, m, bin_hz * rppg_dsp_vertex(s->power, s->bins, alone, NULL), &peaks);
  peaks = rppg__power_near(s->power, bin, 0.1 / bin_hz, lo, hi) +
          rppg__power_near(s->power, 2.0 * bin, 0.1 / bin_hz, lo, hi);
  all = rppg__power_near(s->power, 0.0, (double)hi, lo, hi);
  r.snr_db = snr = rppg_dsp_db(peaks / (all - peaks > 0.0 ? all - peaks : 0.0));
  other = rppg__top(s, s->power, lo, hi, res, bin, NULL);
  rival = other ? (double)s->power[other] / (double)s->power[top] : 0.0;
  r.confidence = rppg__confidence(s, m, lo, hi, res, bin, snr, unsteady, r.flags, &brightness);
  if (s->cfg.method == RPPG_CONSENSUS) r.confidence *= rppg__agreed[s->agreed];
  if (s->cfg.method == RPPG_CHROM) r.confidence *= 0.9; /* fitted with POS, and right less often */
  if (s->cfg.method == RPPG_ICA) r.confidence *= 0.8; /* the best of three is a peak by chance */
  if (doubtful) r.flags |= RPPG_FLAG_HARMONIC;
  if (rival > 0.7) r.flags |= RPPG_FLAG_NOISE;
  if (!rppg__plain(s->cfg.method) && brightness > 8.0 * amplitude) {
    r.flags |= RPPG_FLAG_FLICKER;
    r.confidence *= 0.3;
  }
  if (r.flags & RPPG_FLAG_STATIC) r.confidence *= 0.1;
  r.confidence *= s->trust;
#ifndef RPPG_NO_NN
  if (s->reader) rppg__model_rate(s, m, lo, hi, res, &r);
#endif
  r.tracked_bpm = rppg__track(s, r.t_s, r.hr_bpm, r.confidence);
  *out = r;
  return RPPG_OK;
}

/* ---- session: the adapter, saved --------------------------------------------------------------- */

#ifndef RPPG_NO_NN
/* The adapter that learns; NULL without cfg.adapt. */
static rppg__adapter *rppg__learner(const rppg_session *s)
{
  return s && s->reader && s->cfg.adapt ? &s->reader->adapter : NULL;
}

RPPG_DEF void rppg_adapter_freeze(rppg_session *s, int frozen)
{
  rppg__adapter *a = rppg__learner(s);
  if (a) a->frozen = frozen != 0;
}

RPPG_DEF void rppg_adapter_reset(rppg_session *s)
{
  rppg__adapter *a = rppg__learner(s);
  if (!a) return;
  rppg__adapter_restart(a);
  a->learnt = s->reader->ran; /* the last run was another adapter's */
}

RPPG_DEF uint32_t rppg_adapter_steps(const rppg_session *s)
{
  const rppg__adapter *a = rppg__learner(s);
  return a ? a->steps : 0;
}

enum { RPPG__SAVED_HEAD = 32 }; /* bytes before the values */
static const uint8_t rppg__saved_magic[12] = { 'R', 'P', 'P', 'G', 'A', 'D', 0x1a, 0x0a, 1, 0, 0, 0 };

RPPG_DEF size_t rppg_adapter_size(const rppg_session *s)
{
  const rppg__adapter *a = rppg__learner(s);
  return a ? RPPG__SAVED_HEAD + 4 * a->shape.n : 0;
}

static void rppg__put32(uint8_t *p, uint32_t u)
{
  int i;
  for (i = 0; i < 4; i++, u >>= 8) p[i] = (uint8_t)(u & 255);
}

RPPG_DEF rppg_status rppg_adapter_save(const rppg_session *s, void *out, size_t size)
{
  const rppg__adapter *a = rppg__learner(s);
  const size_t want = rppg_adapter_size(s);
  uint8_t *p = (uint8_t *)out;
  size_t i;
  if (!a || !p) return RPPG_ERR_ARG;
  if (size < want) return RPPG_ERR_SPACE;
  memcpy(p, rppg__saved_magic, 12);
  memcpy(p + 12, (const uint8_t *)s->cfg.model + 20, 4);
  rppg__put32(p + 16, (uint32_t)want);
  rppg__put32(p + 24, a->steps);
  rppg__put32(p + 28, (uint32_t)a->shape.n);
  for (i = 0; i < a->shape.n; i++) {
    uint32_t u;
    memcpy(&u, &a->value[i], 4);
    rppg__put32(p + RPPG__SAVED_HEAD + 4 * i, u);
  }
  rppg__put32(p + 20, rppg_nn__checksum(p, want));
  return RPPG_OK;
}

RPPG_DEF rppg_status rppg_adapter_load(rppg_session *s, const void *saved, size_t size,
                                       const char **why)
{
  rppg__adapter *a = rppg__learner(s);
  const size_t want = rppg_adapter_size(s);
  const uint8_t *p = (const uint8_t *)saved;
  const char *local;
  size_t i;
  if (!why) why = &local;
#define RPPG__REFUSE(status, text) do { *why = text; return status; } while (0)
  if (!p) RPPG__REFUSE(RPPG_ERR_ARG, "no saved adapter");
  if (!a) RPPG__REFUSE(RPPG_ERR_ARG, "the session has no adapter that learns");
  if (size < RPPG__SAVED_HEAD || memcmp(p, rppg__saved_magic, 8))
    RPPG__REFUSE(RPPG_ERR_DATA, "not a saved adapter");
  if (memcmp(p + 8, rppg__saved_magic + 8, 4))
    RPPG__REFUSE(RPPG_ERR_UNSUPPORTED, "a version that this reader does not know");
  if (rppg_nn__u32(p + 16) != size) RPPG__REFUSE(RPPG_ERR_DATA, "cut off, or with something behind it");
  if (rppg_nn__checksum(p, size) != rppg_nn__u32(p + 20)) RPPG__REFUSE(RPPG_ERR_DATA, "damaged");
  if (memcmp(p + 12, (const uint8_t *)s->cfg.model + 20, 4))
    RPPG__REFUSE(RPPG_ERR_UNSUPPORTED, "learnt with another model");
  if (size != want || rppg_nn__u32(p + 28) != a->shape.n)
    RPPG__REFUSE(RPPG_ERR_DATA, "another number of values");
  for (i = 0; i < a->shape.n; i++) {
    const double off = (double)rppg_nn__float(p + RPPG__SAVED_HEAD + 4 * i) - (double)rppg__adapter_shipped(a, i);
    if (!(rppg__abs(off) <= (i < a->head ? 0.0 : RPPG_ADAPT_REACH + 1e-5))) /* rounded to float */
      RPPG__REFUSE(RPPG_ERR_DATA, "a value that cannot have been learnt");
  }
#undef RPPG__REFUSE
  for (i = 0; i < a->shape.n; i++) a->value[i] = rppg_nn__float(p + RPPG__SAVED_HEAD + 4 * i);
  a->steps = rppg_nn__u32(p + 24);
  a->learnt = s->reader->ran;
  *why = "ok";
  return RPPG_OK;
}
#endif

/* ---- session: what it saw -------------------------------------------------------------------- */

RPPG_DEF const float *rppg_wave(const rppg_session *s, size_t *n)
{
  *n = s->spectrum_ok ? s->wave_n : 0;
  return s->spectrum_ok ? s->wave : NULL;
}

RPPG_DEF const float *rppg_spectrum(const rppg_session *s, size_t *n, double *bin_hz)
{
  *n = s->spectrum_ok ? s->bins : 0;
  *bin_hz = s->cfg.rate_hz / (double)s->fft_n;
  return s->spectrum_ok ? s->power : NULL;
}

RPPG_DEF const rppg_rect *rppg_rois(const rppg_session *s, size_t *n)
{
  *n = s->rois;
  return s->rects;
}

RPPG_DEF const float *rppg_kept(const rppg_session *s, size_t *n)
{
  *n = s->rois;
  return s->kept;
}

RPPG_DEF const float *rppg_frame_colours(const rppg_session *s, size_t *n)
{
  *n = s->rois;
  return s->last;
}

RPPG_DEF size_t rppg_colours(const rppg_session *s, size_t roi, float *rgb, size_t cap)
{
  size_t m = s->total < s->n ? s->total : s->n, i;
  if (roi >= s->rois) return 0;
  if (m > cap) m = cap;
  for (i = 0; i < m; i++)
    memcpy(rgb + 3 * i, s->colours + ((s->total - m + i) % s->n) * s->channels + 3 * roi,
           3 * sizeof *rgb);
  return m;
}

/* ---- vital signs: beats ---------------------------------------------------------------------- */

/* Median of n >= 1 values in any order, which it sorts (by Shell's method). */
static double rppg__median(double *x, size_t n)
{
  size_t gap, i, k;
  for (gap = n / 2; gap > 0; gap /= 2)
    for (i = gap; i < n; i++) {
      const double v = x[i];
      for (k = i; k >= gap && x[k - gap] > v; k -= gap) x[k] = x[k - gap];
      x[k] = v;
    }
  return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

static double rppg__clamp01(double x) { return x > 0.0 ? (x < 1.0 ? x : 1.0) : 0.0; }

/* Band-pass from lo_hz to hi_hz without phase; x [n] may be y. Edges are held inside the band that
   the rate allows. n > 15; work [n + 64]. */
static void rppg__band(const float *x, size_t n, double rate_hz, double lo_hz, double hi_hz,
                       float *y, double *work)
{
  rppg_dsp_sos sos;
  const double top = 0.45 * rate_hz;
  rppg_dsp_butter(&sos, 2, RPPG_DSP_BANDPASS, lo_hz, hi_hz < top ? hi_hz : top, rate_hz);
  rppg_dsp_filtfilt(&sos, x, n, y, work);
}

/* Period in samples, between lo and hi, 0 if there is none: where the autocorrelation peaks, and
   stands highest above what it is at half the lag. Two periods do not: their half is a peak; half a
   period does not, unless every second beat is another. Pieces of 10 s each count the same, so that
   an artefact spoils one alone.
   *rhythm: the autocorrelation there. work [n + 64] */
static double rppg__period(const float *y, size_t n, double rate_hz, double lo, double hi,
                           double *work, double *rhythm)
{
  const size_t ten = (size_t)(10.0 * rate_hz), len = ten < n ? ten : n, pieces = n / len;
  const size_t farthest = (size_t)hi + 2, most = farthest < 2 * len / 3 ? farthest : 2 * len / 3;
  float *r = (float *)work, *zero = r + most; /* 2 most + 1, and most + 1 for the sum */
  float *sum = r + 2 * most + 1;
  double top = 0.0;
  size_t at, k, best = 0, pass;
  for (k = 0; k <= most; k++) sum[k] = 0.0f;
  for (at = 0; at < pieces; at++) {
    rppg_dsp_xcorr(y + at * len, y + at * len, len, most, r);
    if (!(zero[0] > 0.0f)) continue;
    for (k = 0; k <= most; k++)
      sum[k] += (float)((double)zero[k] / (double)zero[0] * (double)len / (double)(len - k) /
                        (double)pieces);
  }
  *rhythm = 0.0;
  for (pass = 0; pass < 2; pass++) /* then the first nearly as good: three periods are, too */
    for (k = (size_t)lo > 1 ? (size_t)lo : 1; k < most; k++) {
      const size_t h = k / 2; /* between two samples by a cubic */
      const double half = k % 2 && h > 0
        ? 0.5625 * ((double)sum[h] + (double)sum[h + 1]) -
          0.0625 * ((double)sum[h - 1] + (double)sum[h + 2]) : (double)sum[h];
      const double score = (double)sum[k] - half;
      if (!(sum[k] > sum[k - 1] && sum[k] >= sum[k + 1])) continue;
      if (pass == 0 && score > top) { top = score; best = k; }
      if (pass == 1 && k < best && score > 0.85 * top && (double)sum[k] > 0.6 * (double)sum[best])
        best = k;
    }
  if (!best) return 0.0;
  *rhythm = (double)sum[best];
  return rppg_dsp_vertex(sum, most + 1, best, NULL);
}

/* Where the rise before a peak of the narrow band is steepest: sample i of y with the largest
   y[i+1] - y[i], from 0.6 periods back, but not before `before`, to a little after. */
static size_t rppg__steepest(const float *y, size_t n, size_t peak, size_t before, double period)
{
  const size_t back = (size_t)(0.6 * period), on = peak + (size_t)(0.15 * period);
  const size_t from = peak < before + back ? before : peak - back, to = on < n - 2 ? on : n - 2;
  size_t i, best = from;
  for (i = from; i <= to; i++)
    if ((double)y[i + 1] - (double)y[i] > (double)y[best + 1] - (double)y[best]) best = i;
  return best;
}

/* Time of the steepest rise in samples: it lies between i and i + 1, or at the vertex of the slopes
   around. 0 if i is too near an end. */
static double rppg__rise_at(const float *y, size_t n, size_t i)
{
  float d[3];
  if (i < 1 || i + 2 >= n) return 0.0;
  d[0] = y[i] - y[i - 1];
  d[1] = y[i + 1] - y[i];
  d[2] = y[i + 2] - y[i + 1];
  return (double)i - 0.5 + rppg_dsp_vertex(d, 3, 1, NULL);
}

/* Height from the foot to the peak around the steepest rise. */
static double rppg__rise(const float *y, size_t n, size_t i)
{
  size_t foot = i, peak = i;
  while (foot > 0 && y[foot - 1] < y[foot]) foot--;
  while (peak + 1 < n && y[peak + 1] > y[peak]) peak++;
  return (double)y[peak] - (double)y[foot];
}

/* Mean of the beats at samples at[] that lie wholly in y, over [-1/4, 3/4) of a period, each of
   mean zero and norm one, so that a large artefact is one vote. mean [period] out; all zero if
   fewer than three do. */
static void rppg__mean_beat(const float *y, size_t n, double period, const size_t *at, size_t count,
                            double *mean)
{
  const size_t len = (size_t)period, before = len / 4;
  size_t i, k, whole = 0;
  for (k = 0; k < len; k++) mean[k] = 0.0;
  for (i = 0; i < count; i++) {
    const float *x = y + at[i] - before;
    double m = 0.0, e = 0.0;
    if (at[i] < before || at[i] - before + len > n) continue;
    for (k = 0; k < len; k++) m += (double)x[k] / (double)len;
    for (k = 0; k < len; k++) e += ((double)x[k] - m) * ((double)x[k] - m);
    if (!(e > 0.0)) continue;
    e = 1.0 / rppg__sqrt(e);
    for (k = 0; k < len; k++) mean[k] += ((double)x[k] - m) * e;
    whole++;
  }
  for (k = 0; k < len && whole < 3; k++) mean[k] = 0.0;
}

/* Correlation of samples first .. first + len - 1 of y with as many of t; 0 if one is constant. */
static double rppg__match(const float *y, size_t first, const double *t, size_t len)
{
  double mx = 0.0, mt = 0.0, xx = 0.0, tt = 0.0, xt = 0.0;
  size_t k;
  for (k = 0; k < len; k++) {
    mx += (double)y[first + k] / (double)len;
    mt += t[k] / (double)len;
  }
  for (k = 0; k < len; k++) {
    const double x = (double)y[first + k] - mx, u = t[k] - mt;
    xx += x * x;
    tt += u * u;
    xt += x * u;
  }
  xx = rppg__sqrt(xx) * rppg__sqrt(tt);
  return xx > 0.0 ? xt / xx : 0.0;
}

/* Moves each beat to where it matches the mean beat best, within 0.15 of a period, judged over
   [-1/4, 0.35) of it: the rise and the peak, which do not stretch with the interval. at: nearest
   sample; t: in samples, where the mean beat's rise is steepest, unchanged too near an end. */
static void rppg__align(const float *y, size_t n, double period, const double *mean, size_t *at,
                        size_t count, double *t)
{
  const size_t len = (size_t)period, before = len / 4, most = (size_t)(0.15 * period) + 1;
  const size_t reach = (size_t)(0.35 * period) + 1 + before, used = reach < len ? reach : len;
  double rise = 0.0;
  size_t i, k, steep = 1;
  float d[3];
  for (k = 1; k + 2 < used; k++)
    if (mean[k + 1] - mean[k] > mean[steep + 1] - mean[steep]) steep = k;
  if (steep + 2 < len) {
    for (k = 0; k < 3; k++) d[k] = (float)(mean[steep + k] - mean[steep + k - 1]);
    rise = (double)steep - 0.5 + rppg_dsp_vertex(d, 3, 1, NULL) - (double)before;
  }
  for (i = 0; i < count; i++) {
    double best = 0.0, shift;
    size_t lag = 0;
    float r[3];
    if (at[i] < before + most + 1 || at[i] - before + used + most + 1 >= n) continue;
    for (k = 0; k <= 2 * most; k++) {
      const double c = rppg__match(y, at[i] + k - most - before, mean, used);
      if (c > best) { best = c; lag = k; }
    }
    if (!(best > 0.0)) continue;
    for (k = 0; k < 3; k++)
      r[k] = (float)rppg__match(y, at[i] + lag + k - 1 - most - before, mean, used);
    shift = rppg_dsp_vertex(r, 3, 1, NULL) - 1.0;
    at[i] = at[i] + lag - most;
    t[i] = (double)at[i] + shift + rise;
  }
}

/* Likeness of each beat to the mean one in 0..1, cut at the ends of y, where half must be left. */
static void rppg__likeness(const float *y, size_t n, double period, const size_t *at, size_t count,
                           const double *mean, float *quality)
{
  const size_t len = (size_t)period, before = len / 4;
  size_t i;
  for (i = 0; i < count; i++) {
    const size_t lo = at[i] < before ? before - at[i] : 0, room = n + before - at[i];
    const size_t hi = room < len ? room : len;
    const double r = hi > lo ? rppg__match(y, at[i] + lo - before, mean + lo, hi - lo) : 0.0;
    quality[i] = 2 * hi < len + 2 * lo ? 0.0f : (float)rppg__clamp01((r - 0.5) / 0.4);
  }
}

static int rppg__beats_config(rppg_beats_config *c, const rppg_beats_config *cfg, double rate_hz)
{
  c->bpm_min = rppg__or(cfg ? cfg->bpm_min : 0.0, 36.0); /* c may be cfg */
  c->bpm_max = rppg__or(cfg ? cfg->bpm_max : 0.0, 240.0);
  return rate_hz >= 10.0 && rate_hz <= 1000.0 && c->bpm_min >= 20.0 &&
         c->bpm_max >= 2.0 * c->bpm_min && c->bpm_max <= 300.0 && c->bpm_max <= 24.0 * rate_hz;
}

static int rppg__wave_ok(const float *wave, size_t n)
{
  size_t i;
  for (i = 0; i < n; i++)
    if (!rppg__finite((double)wave[i])) return 0;
  return 1;
}

RPPG_DEF size_t rppg_beats_work(size_t n) { return n > (size_t)-1 / 64 ? 0 : 3 * n + 128; }

/* rppg_beats after its checks; rise [cap] out: height of each beat, may be NULL. Returns count. */
static size_t rppg__beats(const float *wave, size_t n, double rate_hz, const rppg_beats_config *cfg,
                          double *t_s, float *quality, float *rise, size_t cap, double *work)
{
  float *y = (float *)work, *z = y + n; /* the wave below its fifth harmonic; around its rate */
  double *rest = work + n;              /* 2 n + 128: of filters and correlation, then: */
  size_t *at = (size_t *)rest;          /* (n + 1) / 2 peaks */
  float *height = (float *)(rest + (n + 1) / 2);
  double *tmp = rest + (n + 1) / 2 + (n + 3) / 4; /* (n + 1) / 2 */
  double *mean = tmp + (n + 1) / 2;     /* a period, at most 2 n / 3 */
  double period, rhythm, hz, median, most = 0.0;
  size_t found, i, k;
  for (i = 0; i < n; i++)
    if (rppg__abs((double)wave[i]) > most) most = rppg__abs((double)wave[i]);
  rppg_dsp_detrend(RPPG_DSP_DETREND_LINEAR, wave, n, y);
  rppg__band(y, n, rate_hz, 0.8 * cfg->bpm_min / 60.0, 1.2 * cfg->bpm_max / 60.0, z, rest);
  period = rppg__period(z, n, rate_hz, 60.0 * rate_hz / cfg->bpm_max,
                        60.0 * rate_hz / cfg->bpm_min, rest, &rhythm);
  if (!(period > 0.0)) return 0;
  hz = rate_hz / period;
  rppg__band(y, n, rate_hz, 0.5 * hz, 2.0 * hz, z, rest);
  rppg__band(y, n, rate_hz, 0.4 * hz, 5.0 * hz, y, rest);
  found = rppg_dsp_peaks(z, n, NULL, at, height);
  if (!found) return 0;
  for (i = 0; i < found; i++) tmp[i] = (double)height[i];
  median = rppg__median(tmp, found);
  for (i = k = 0; i < found; i++) {
    size_t s;
    double t;
    if ((double)height[i] < 0.2 * median) continue;
    s = rppg__steepest(y, n, at[i], k ? at[k - 1] + (size_t)(0.3 * period) : 0, period);
    t = rppg__rise_at(y, n, s);
    if (!(t > 0.0) || k == cap || (k && t <= t_s[k - 1])) continue;
    t_s[k] = t;
    height[k] = (float)rppg__rise(y, n, s);
    at[k++] = s;
  }
  if (!k) return 0;
  for (i = 0; i < 2; i++) {
    rppg__mean_beat(y, n, period, at, k, mean);
    if (period >= 8.0) rppg__align(y, n, period, mean, at, k, t_s); /* fewer have no shape */
  }
  for (i = found = 0; i < k; i++) { /* two that were moved onto one another are one */
    if (found && t_s[i] / rate_hz < t_s[found - 1] + 0.3 / hz) continue;
    t_s[found] = t_s[i] / rate_hz;
    height[found] = height[i];
    at[found++] = at[i];
  }
  k = found;
  rppg__likeness(y, n, period, at, k, mean, quality);
  for (i = 0; i < k; i++) tmp[i] = (double)height[i];
  median = rppg__median(tmp, k);
  if (!(median > 5e-7 * most)) return 0; /* what is left of a ramp is its rounding, 2^-24 */
  for (i = 0; i < k; i++) {
    const double h = (double)height[i], a = h < median ? h / median : median / h;
    if (rise) rise[i] = height[i];
    quality[i] = (float)((double)quality[i] * rppg__clamp01(2.0 * a) *
                         rppg__clamp01((rhythm - 0.1) / 0.25));
  }
  return k;
}

RPPG_DEF rppg_status rppg_beats(const float *wave, size_t n, double rate_hz,
                                const rppg_beats_config *cfg, double *t_s, float *quality,
                                size_t cap, size_t *count, double *work)
{
  rppg_beats_config c;
  if (!wave || !t_s || !quality || !count || !work || !rppg__beats_config(&c, cfg, rate_hz) ||
      !rppg_beats_work(n))
    return RPPG_ERR_ARG;
  if ((double)n < RPPG_VITAL_MIN_S * rate_hz || !rppg__wave_ok(wave, n)) return RPPG_ERR_DATA;
  *count = rppg__beats(wave, n, rate_hz, &c, t_s, quality, NULL, cap, work);
  return RPPG_OK;
}

/* A time in seconds that still has digits for a beat: 3000 years. Not NaN either. */
static int rppg__time_ok(double t_s) { return t_s >= -1e11 && t_s <= 1e11; }

static int rppg__times_ok(const double *t_s, size_t n)
{
  size_t i;
  for (i = 0; i < n; i++)
    if (!rppg__time_ok(t_s[i]) || (i > 0 && !(t_s[i] > t_s[i - 1]))) return 0;
  return 1;
}

RPPG_DEF rppg_status rppg_beat_marks(const double *t_s, const float *quality, size_t n,
                                     uint8_t *mark)
{
  double v[61];
  size_t i, k, lo, hi;
  if (n && (!t_s || !mark)) return RPPG_ERR_ARG;
  if (!rppg__times_ok(t_s, n)) return RPPG_ERR_DATA;
  if (n) mark[0] = RPPG_MARK_FIRST;
  for (i = 1; i < n; i++) { /* interval i is from beat i - 1 to beat i */
    const double now = t_s[i] - t_s[i - 1];
    double middle, limit;
    lo = i > 5 ? i - 5 : 1;
    hi = lo + 11 < n ? lo + 11 : n;
    if (hi - lo < 11 && hi > 11) lo = hi - 11;
    for (k = lo; k < hi; k++) v[k - lo] = t_s[k] - t_s[k - 1];
    middle = rppg__median(v, hi - lo);
    lo = i > 32 ? i - 30 : 2;
    hi = lo + 61 < n ? lo + 61 : n;
    if (hi - lo < 61 && hi > 62) lo = hi - 61;
    limit = 0.15 * middle;
    if (hi > lo) {
      for (k = lo; k < hi; k++) v[k - lo] = rppg__abs(t_s[k] - 2.0 * t_s[k - 1] + t_s[k - 2]);
      limit = 5.0 * rppg__median(v, hi - lo);
      limit = limit < 0.15 * middle ? 0.15 * middle : limit > 0.45 * middle ? 0.45 * middle : limit;
    }
    mark[i] = RPPG_MARK_OK;
    if (quality && !(quality[i] >= 0.5f && quality[i - 1] >= 0.5f)) mark[i] = RPPG_MARK_WEAK;
    if (now < middle - limit) mark[i] = RPPG_MARK_SHORT;
    if (now > middle + limit) mark[i] = RPPG_MARK_LONG;
  }
  return RPPG_OK;
}

/* ---- vital signs: heart rate variability ----------------------------------------------------- */

RPPG_DEF const char *rppg_hrv_text(int field)
{
#define RPPG__X(name, index, text, seconds) if (field == index) return text;
  RPPG__HRV(RPPG__X)
#undef RPPG__X
  return NULL;
}

RPPG_DEF size_t rppg_hrv_work(size_t n) { return n + (n + 1) / 2; }

/* Share of a measured variance that is error. */
static double rppg__share(double error, double measured)
{
  return !(error > 0.0) ? 0.0 : measured > error ? error / measured : 1.0;
}

/* Takes the least-squares line over t off x [n]. */
static void rppg__line_off(const double *t, float *x, size_t n)
{
  double mt = 0.0, mx = 0.0, tt = 0.0, tx = 0.0;
  size_t i;
  for (i = 0; i < n; i++) {
    mt += (t[i] - t[0]) / (double)n;
    mx += (double)x[i] / (double)n;
  }
  for (i = 0; i < n; i++) {
    const double d = t[i] - t[0] - mt;
    tt += d * d;
    tx += d * ((double)x[i] - mx);
  }
  tx = tt > 0.0 ? tx / tt : 0.0;
  for (i = 0; i < n; i++) x[i] = (float)((double)x[i] - mx - tx * (t[i] - t[0] - mt));
}

/* Multiplies x [n] by a Hann window from t0 over span_s; returns the sum of the squared weights. */
static double rppg__hann(const double *t, float *x, size_t n, double t0, double span_s)
{
  double s, c, sum = 0.0;
  size_t i;
  for (i = 0; i < n; i++) {
    rppg__sincospi(2.0 * (t[i] - t0) / span_s, &s, &c);
    c = 0.5 - 0.5 * c;
    x[i] = (float)((double)x[i] * c);
    sum += c * c;
  }
  return sum;
}

/* Integral of Lomb's power from lo to hi by the midpoint rule, four points a width of the peaks. */
static double rppg__lomb_band(const double *t, const float *x, size_t n, double span_s, double lo,
                              double hi)
{
  const size_t m = (size_t)(4.0 * span_s * (hi - lo)) + 1;
  const double df = (hi - lo) / (double)m;
  double sum = 0.0;
  size_t k;
  for (k = 0; k < m; k++) sum += rppg_dsp__lomb_one(t, x, n, lo + ((double)k + 0.5) * df) * df;
  return sum;
}

/* Powers from 0.04 to 0.15 and to 0.4 Hz, ms^2. */
static void rppg__lf_hf(const double *t_s, const uint8_t *mark, size_t n, double *lf, double *hf,
                        double *work)
{
  const double all = t_s[n - 1] - t_s[0], piece = all < 300.0 ? all : 300.0;
  double *t = work, start, pieces = 0.0;
  float *x = (float *)(work + n);
  size_t i, from = 1;
  *lf = *hf = 0.0;
  /* 1e-4: the last digits of a time */
  for (start = t_s[0]; start + piece <= t_s[n - 1] + 1e-4; start += 0.5 * piece) {
    double clean = 0.0, scale;
    size_t m = 0;
    while (from < n && t_s[from] < start) from++;
    if (from < n && t_s[from] > start + piece) start = t_s[from]; /* over a gap at once */
    for (i = from; i < n && t_s[i] <= start + piece; i++) {
      if (mark && mark[i] != RPPG_MARK_OK) continue;
      t[m] = t_s[i];
      x[m++] = (float)(1000.0 * (t_s[i] - t_s[i - 1]));
      clean += t_s[i] - t_s[i - 1];
    }
    if (m < 8 || clean < 0.5 * piece) continue;
    rppg__line_off(t, x, m);
    scale = rppg__hann(t, x, m, start, piece);
    scale = scale > 0.0 ? 2.0 * clean / scale : 0.0; /* one-sided, of samples clean / m s apart */
    *lf += scale * rppg__lomb_band(t, x, m, piece, 0.04, 0.15);
    *hf += scale * rppg__lomb_band(t, x, m, piece, 0.15, 0.4);
    pieces += 1.0;
  }
  if (pieces > 0.0) {
    *lf /= pieces;
    *hf /= pieces;
  }
}

RPPG_DEF rppg_status rppg_hrv_measure(const double *t_s, const uint8_t *mark, size_t n, double fps,
                                      rppg_hrv *out, double *work)
{
  static const double least_s[RPPG_HRV_FIELDS] = {
#define RPPG__X(name, index, text, seconds) seconds,
    RPPG__HRV(RPPG__X)
#undef RPPG__X
  };
  double noise[RPPG_HRV_FIELDS]; /* share of the measured variance that is timing error */
  double mean, squares = 0.0, steps = 0.0, beyond = 0.0, error, dt, *v;
  size_t i, changes = 0;
  rppg_hrv r;
  memset(&r, 0, sizeof r);
  memset(noise, 0, sizeof noise);
  if (!out || (n && (!t_s || !work)) || !(fps == 0.0 || (fps >= 1.0 && fps <= 10000.0)))
    return RPPG_ERR_ARG;
  if (!rppg__times_ok(t_s, n)) return RPPG_ERR_DATA;
  for (i = 1; i < n; i++) {
    if (mark && mark[i] != RPPG_MARK_OK) continue;
    r.clean_s += t_s[i] - t_s[i - 1];
    r.intervals++;
  }
  if (r.intervals < 2) {
    *out = r;
    return RPPG_OK;
  }
  r.clean_share = r.clean_s / (t_s[n - 1] - t_s[0]);
  dt = r.clean_s / (double)r.intervals;
  mean = 1000.0 * dt;
  for (i = 1; i < n; i++) {
    const double now = 1000.0 * (t_s[i] - t_s[i - 1]);
    double step;
    if (mark && mark[i] != RPPG_MARK_OK) continue;
    squares += (now - mean) * (now - mean);
    if (i < 2 || (mark && mark[i - 1] != RPPG_MARK_OK)) continue;
    step = now - 1000.0 * (t_s[i - 1] - t_s[i - 2]);
    steps += step * step;
    /* times in seconds that were a sum of milliseconds: 50 must stay 50 */
    beyond += rppg__abs(step) > 50.0 + 1e-6 ? 1.0 : 0.0;
    changes++;
  }
  v = r.value;
  v[RPPG_HRV_HR] = 60.0 / dt;
  v[RPPG_HRV_SDNN] = rppg__sqrt(squares / (double)(r.intervals - 1));
  if (changes) {
    v[RPPG_HRV_RMSSD] = rppg__sqrt(steps / (double)changes);
    v[RPPG_HRV_PNN50] = 100.0 * beyond / (double)changes;
  }
  if (r.clean_s >= least_s[RPPG_HRV_HF]) {
    rppg__lf_hf(t_s, mark, n, &v[RPPG_HRV_LF], &v[RPPG_HRV_HF], work);
    if (v[RPPG_HRV_HF] > 0.0) v[RPPG_HRV_LF_HF] = v[RPPG_HRV_LF] / v[RPPG_HRV_HF];
  }
  /* A timing error of variance e moves an interval by the difference of two errors and a change by
     their second difference. The interval's has the density 8 e dt sin^2(pi f dt), which is below
     8 e dt (pi f dt)^2, whose integral is 26.3 e dt^3 f^3. */
  error = fps > 0.0 ? 150.0 / fps * (150.0 / fps) : 0.0; /* ms^2 */
  noise[RPPG_HRV_SDNN] = rppg__share(2.0 * error, v[RPPG_HRV_SDNN] * v[RPPG_HRV_SDNN]);
  noise[RPPG_HRV_RMSSD] = rppg__share(6.0 * error, v[RPPG_HRV_RMSSD] * v[RPPG_HRV_RMSSD]);
  noise[RPPG_HRV_PNN50] = noise[RPPG_HRV_RMSSD];
  noise[RPPG_HRV_LF] = rppg__share(26.3 * error * dt * dt * dt * 0.0033, v[RPPG_HRV_LF]);
  noise[RPPG_HRV_HF] = rppg__share(26.3 * error * dt * dt * dt * 0.0606, v[RPPG_HRV_HF]);
  noise[RPPG_HRV_LF_HF] = noise[RPPG_HRV_HF];
  for (i = 0; i < RPPG_HRV_FIELDS; i++) {
    const double length = (r.clean_s - least_s[i]) / (300.0 - least_s[i]);
    const int empty = (i == RPPG_HRV_RMSSD || i == RPPG_HRV_PNN50) && !changes;
    if (r.clean_s < least_s[i] || empty || (i == RPPG_HRV_LF_HF && !(v[RPPG_HRV_HF] > 0.0))) {
      v[i] = 0.0;
      continue;
    }
    r.valid |= 1u << i;
    r.confidence[i] = rppg__clamp01((r.clean_share - 0.5) / 0.45) * rppg__clamp01(1.0 - noise[i]);
    if (i != RPPG_HRV_HR) r.confidence[i] *= 0.5 + 0.5 * rppg__clamp01(length);
  }
  *out = r;
  return RPPG_OK;
}

/* ---- vital signs: log of beats --------------------------------------------------------------- */

static int rppg__log_config(rppg_beat_log_config *c, const rppg_beat_log_config *cfg)
{
  memset(c, 0, sizeof *c);
  if (cfg) *c = *cfg;
  c->rate_hz = rppg__or(c->rate_hz, 30.0);
  c->window_s = rppg__or(c->window_s, 10.0);
  if (!c->beats) c->beats = 512;
  return rppg__beats_config(&c->find, &c->find, c->rate_hz) && c->window_s >= 4.0 &&
         c->window_s <= 60.0 && c->beats >= 16 && c->beats <= 65536;
}

/* The one layout of the block. */
static void rppg__log_layout(rppg_beat_log *log, rppg__arena *a)
{
  log->most = (size_t)(log->cfg.window_s * log->cfg.rate_hz + 0.5) + 1;
  log->cap = (size_t)(5.0 * log->cfg.window_s) + 2; /* of one window */
  log->beat = (rppg_logged *)rppg__take(a, log->cfg.beats, sizeof *log->beat);
  log->t_s = (double *)rppg__take(a, log->cap, sizeof(double));
  log->quality = (float *)rppg__take(a, log->cap, sizeof(float));
  log->work = (double *)rppg__take(a, rppg_beats_work(log->most), sizeof(double));
}

RPPG_DEF size_t rppg_beat_log_mem_size(const rppg_beat_log_config *cfg)
{
  rppg_beat_log log;
  rppg__arena a;
  if (!rppg__log_config(&log.cfg, cfg)) return 0;
  rppg__arena_begin(&a, NULL, 0);
  rppg__log_layout(&log, &a);
  return rppg__arena_size(&a);
}

RPPG_DEF rppg_status rppg_beat_log_init(rppg_beat_log *log, const rppg_beat_log_config *cfg,
                                        void *mem, size_t mem_size)
{
  rppg_beat_log q;
  rppg__arena a;
  memset(&q, 0, sizeof q);
  if (!log || !mem || !rppg__log_config(&q.cfg, cfg)) return RPPG_ERR_ARG;
  if (mem_size < rppg_beat_log_mem_size(cfg)) return RPPG_ERR_SPACE;
  rppg__arena_begin(&a, mem, mem_size);
  rppg__log_layout(&q, &a);
  if (a.failed) return RPPG_ERR_SPACE;
  *log = q;
  rppg_beat_log_reset(log);
  return RPPG_OK;
}

RPPG_DEF void rppg_beat_log_reset(rppg_beat_log *log)
{
  log->n = 0;
  log->started = 0;
  log->end_s = 0.0;
}

/* How much a window counts for a time inside it: 1 from 1.6 s off its edges (a POS window, and
   where filters have settled), a twentieth at the edge itself. */
static double rppg__edge(double t_s, double begin_s, double end_s)
{
  const double left = t_s - begin_s, right = end_s - t_s, close = left < right ? left : right;
  const double w = close / 1.6;
  return w < 0.05 ? 0.05 : w > 1.0 ? 1.0 : w;
}

static void rppg__log_swap(rppg_beat_log *log, size_t i)
{
  const rppg_logged b = log->beat[i];
  log->beat[i] = log->beat[i + 1];
  log->beat[i + 1] = b;
}

/* Adds a beat at t_s to the entries from `from` on: to the nearest within reach, or as a new one.
   They stay sorted. */
static void rppg__log_add(rppg_beat_log *log, size_t from, double t_s, double quality, double edge,
                          double reach_s)
{
  size_t i, at = log->n;
  rppg_logged *b;
  double weight = edge * (0.1 + quality), nearest = reach_s;
  for (i = from; i < log->n; i++) {
    const double d = rppg__abs(log->beat[i].t_s - t_s);
    if (d > nearest) continue;
    nearest = d;
    at = i;
  }
  if (at == log->n) {
    if (log->n == log->cfg.beats) { /* an eighth of them goes, so that this is rare */
      const size_t drop = log->cfg.beats / 8;
      memmove(log->beat, log->beat + drop, (log->n - drop) * sizeof *log->beat);
      log->n -= drop;
    }
    for (at = log->n++; at > 0 && log->beat[at - 1].t_s > t_s; at--)
      log->beat[at] = log->beat[at - 1];
    b = &log->beat[at];
    memset(b, 0, sizeof *b);
    b->t_s = t_s;
    b->chances = (float)edge;
  }
  b = &log->beat[at];
  b->weight = (float)((double)b->weight + weight);
  b->t_s += (t_s - b->t_s) * weight / (double)b->weight;
  b->quality = (float)((double)b->quality + weight * quality);
  b->seen = (float)((double)b->seen + edge);
  for (; at > 0 && log->beat[at - 1].t_s > log->beat[at].t_s; at--) rppg__log_swap(log, at - 1);
  for (; at + 1 < log->n && log->beat[at + 1].t_s < log->beat[at].t_s; at++)
    rppg__log_swap(log, at);
}

RPPG_DEF rppg_status rppg_beat_log_push(rppg_beat_log *log, const float *wave, size_t n,
                                        double end_s)
{
  const double rate_hz = log->cfg.rate_hz, begin_s = end_s - (double)(n - 1) / rate_hz;
  double reach_s;
  size_t count, from, i;
  if (!wave || n > log->most || (double)n < RPPG_VITAL_MIN_S * rate_hz) return RPPG_ERR_ARG;
  if (!rppg__time_ok(end_s) || (log->started && end_s < log->end_s) || !rppg__wave_ok(wave, n))
    return RPPG_ERR_DATA;
  log->started = 1;
  log->end_s = end_s;
  count = rppg__beats(wave, n, rate_hz, &log->cfg.find, log->t_s, log->quality, NULL, log->cap,
                      log->work);
  for (from = log->n; from > 0 && log->beat[from - 1].t_s >= begin_s; from--) {
    rppg_logged *b = &log->beat[from - 1];
    if (b->t_s >= end_s) continue;
    b->chances = (float)((double)b->chances + rppg__edge(b->t_s, begin_s, end_s));
  }
  /* a third of this window's mean interval, at most */
  reach_s = count > 1 ? (log->t_s[count - 1] - log->t_s[0]) / (double)(count - 1) / 3.0 : 0.2;
  for (i = 0; i < count; i++) {
    const double t_s = begin_s + log->t_s[i], edge = rppg__edge(t_s, begin_s, end_s);
    for (from = log->n; from > 0 && log->beat[from - 1].t_s >= begin_s - reach_s; from--) {}
    rppg__log_add(log, from, t_s, (double)log->quality[i], edge, reach_s);
  }
  return RPPG_OK;
}

/* A logged beat that at least half of its windows saw. */
static int rppg__logged_ok(const rppg_logged *b) { return 2.0f * b->seen >= b->chances; }

RPPG_DEF size_t rppg_beat_log_read(const rppg_beat_log *log, double *t_s, float *quality,
                                   size_t cap)
{
  size_t i, n = 0, skip;
  for (i = 0; i < log->n; i++) n += (size_t)rppg__logged_ok(&log->beat[i]);
  skip = n > cap ? n - cap : 0;
  for (i = n = 0; i < log->n; i++) {
    const rppg_logged *b = &log->beat[i];
    if (!rppg__logged_ok(b)) continue;
    if (skip) { skip--; continue; }
    if (n && !(b->t_s > t_s[n - 1])) continue;
    t_s[n] = b->t_s;
    quality[n++] = (float)rppg__clamp01((double)b->quality / (double)b->weight *
                                        (double)b->seen / (double)b->chances);
  }
  return n;
}

RPPG_DEF double rppg_wave_end(const rppg_session *s) { return s->wave_n ? s->wave_end_s : 0.0; }

/* ---- vital signs: respiration ---------------------------------------------------------------- */

enum { RPPG__RESP_BINS = 484, RPPG__RESP_PARTS = 3 }; /* 4 a 1/span: 1 Hz of 120 s, and ends */

static size_t rppg__resp_beats(size_t n, double rate_hz)
{
  return (size_t)(5.0 * (double)n / rate_hz) + 2;
}

/* The newest samples that are looked at. */
static size_t rppg__resp_samples(size_t n, double rate_hz)
{
  const size_t most = (size_t)(RPPG_RESP_MAX_S * rate_hz);
  return n < most ? n : most;
}

RPPG_DEF size_t rppg_respiration_work(size_t n, double rate_hz)
{
  size_t m;
  if (!(rate_hz >= 10.0 && rate_hz <= 1000.0) || !rppg_beats_work(n)) return 0;
  m = rppg__resp_samples(n, rate_hz);
  return rppg_beats_work(m) + 5 * rppg__resp_beats(m, rate_hz) +
         (RPPG__RESP_PARTS + 1) * RPPG__RESP_BINS / 2;
}

/* Bin of the highest local maximum of p [bins], or bins if there is none. */
static size_t rppg__resp_peak(const float *p, size_t bins)
{
  size_t k, best = bins;
  for (k = 1; k + 1 < bins; k++)
    if (p[k] > p[k - 1] && p[k] >= p[k + 1] && (best == bins || p[k] > p[best])) best = k;
  return best;
}

/* Share of the power in p [bins] that lies within 6 bins of the peak, 1.5 over the span. */
static double rppg__resp_share(const float *p, size_t bins, size_t peak)
{
  const double close = rppg__power_near(p, (double)peak, 6.0, 0, bins - 1);
  const double all = rppg__power_near(p, 0.0, (double)bins, 0, bins - 1);
  return all > 0.0 ? close / all : 0.0;
}

/* From a share to 0..1: 0 at what noise in this many bins reaches now and then. */
static double rppg__resp_quality(double share, size_t bins)
{
  const double noise = 0.2 + 30.0 / (double)(bins + 20);
  return rppg__clamp01((share - noise) / (0.8 - noise));
}

/* Spectrum of uneven samples, of sum 1, into p [bins] from lo_hz in steps of df_hz. */
static void rppg__resp_spectrum(const double *t, float *x, size_t n, double lo_hz, double df_hz,
                                size_t bins, int level, float *p)
{
  double sum = 0.0;
  size_t k;
  memset(p, 0, bins * sizeof *p);
  if (n < 8) return;
  rppg__line_off(t, x, n);
  rppg__hann(t, x, n, t[0], t[n - 1] - t[0]);
  for (k = 0; k < bins; k++) {
    const double f = lo_hz + (double)k * df_hz;
    p[k] = (float)(rppg_dsp__lomb_one(t, x, n, f) * (level ? f : 1.0)); /* drift falls with f */
    sum += (double)p[k];
  }
  for (k = 0; k < bins; k++) p[k] = sum > 0.0 ? (float)((double)p[k] / sum) : 0.0f;
}

RPPG_DEF rppg_status rppg_respiration(const float *wave, size_t n, double rate_hz,
                                      const rppg_resp_config *cfg, rppg_resp *out, double *work)
{
  const int possible = rppg_respiration_work(n, rate_hz) != 0;
  const size_t m = possible ? rppg__resp_samples(n, rate_hz) : 0;
  double lo, hi, span, df, good = 0.0, sum, *t, *beat, *tb;
  float *quality, *rise, *x, *spectra, *all;
  uint8_t *mark;
  rppg_beats_config bc;
  rppg_resp r;
  size_t cap, beats, bins[RPPG__RESP_PARTS], i, k, j, step, p;
  memset(&r, 0, sizeof r);
  lo = rppg__or(cfg ? cfg->rate_min : 0.0, 6.0) / 60.0;
  hi = rppg__or(cfg ? cfg->rate_max : 0.0, 40.0) / 60.0;
  if (!wave || !out || !work || !possible || !rppg__beats_config(&bc, NULL, rate_hz) ||
      !(lo >= 0.05) || !(hi >= 1.5 * lo) || !(hi <= 1.0))
    return RPPG_ERR_ARG;
  if ((double)n < RPPG_RESP_MIN_S * rate_hz || !rppg__wave_ok(wave, n)) return RPPG_ERR_DATA;
  wave += n - m;
  cap = rppg__resp_beats(m, rate_hz);
  beat = work + rppg_beats_work(m);
  tb = beat + cap;
  quality = (float *)(tb + cap);
  rise = quality + cap;
  x = rise + cap;
  mark = (uint8_t *)(x + cap);
  spectra = (float *)(beat + 5 * cap);
  all = spectra + RPPG__RESP_PARTS * RPPG__RESP_BINS;
  beats = rppg__beats(wave, m, rate_hz, &bc, beat, quality, rise, cap, work);
  rppg_beat_marks(beat, quality, beats, mark);
  span = (double)m / rate_hz;
  df = 0.25 / span;

  /* level: means over an eighth of a second */
  step = (size_t)(0.125 * rate_hz) > 1 ? (size_t)(0.125 * rate_hz) : 1;
  t = work;
  {
    float *level = (float *)(work + m / step);
    for (k = 0; k < m / step; k++) {
      sum = 0.0;
      for (i = 0; i < step; i++) sum += (double)wave[k * step + i] - (double)wave[0];
      t[k] = (double)(k * step) / rate_hz;
      level[k] = (float)(sum / (double)step);
    }
    bins[0] = (size_t)((hi - lo) / df) + 1;
    rppg__resp_spectrum(t, level, m / step, lo, df, bins[0], 1, spectra);
  }
  bins[1] = bins[2] = 0;
  if (beats >= 8) {
    const double mean = (beat[beats - 1] - beat[0]) / (double)(beats - 1);
    const double top = 0.45 / mean < hi ? 0.45 / mean : hi;
    for (i = 0; i < beats; i++) good += (double)quality[i] / (double)beats;
    bins[1] = bins[2] = top > lo ? (size_t)((top - lo) / df) + 1 : 0;
    for (i = j = 0; i < beats; i++)
      if (quality[i] >= 0.5f) { tb[j] = beat[i]; x[j++] = rise[i]; }
    if (2 * j < beats) j = 0;
    rppg__resp_spectrum(tb, x, j, lo, df, bins[1], 0, spectra + RPPG__RESP_BINS);
    for (i = 1, j = 0; i < beats; i++)
      if (mark[i] == RPPG_MARK_OK) {
        tb[j] = 0.5 * (beat[i] + beat[i - 1]);
        x[j++] = (float)(beat[i] - beat[i - 1]);
      }
    if (2 * j < beats) j = 0;
    rppg__resp_spectrum(tb, x, j, lo, df, bins[2], 0, spectra + 2 * RPPG__RESP_BINS);
  }
  for (k = 0; k < bins[0]; k++) all[k] = 0.0f;
  for (p = 0; p < RPPG__RESP_PARTS; p++) {
    const float *s = spectra + p * RPPG__RESP_BINS;
    const size_t peak = rppg__resp_peak(s, bins[p]);
    if (bins[p] < 3 || peak == bins[p]) continue;
    r.part_rate[p] = 60.0 * (lo + df * rppg_dsp_vertex(s, bins[p], peak, NULL));
    r.part_quality[p] = rppg__resp_quality(rppg__resp_share(s, bins[p], peak), bins[p]);
    if (p != RPPG_RESP_BASELINE) r.part_quality[p] *= good;
    for (k = 0; k < bins[p]; k++)
      all[k] += (float)((0.01 + r.part_quality[p] * r.part_quality[p]) * (double)s[k]);
  }
  k = rppg__resp_peak(all, bins[0]);
  if (k < bins[0]) {
    double agree = 0.0, total = 0.0;
    r.rate = 60.0 * (lo + df * rppg_dsp_vertex(all, bins[0], k, NULL));
    for (p = 0; p < RPPG__RESP_PARTS; p++) {
      total += r.part_quality[p];
      if (rppg__abs(r.part_rate[p] - r.rate) < 60.0 * 4.0 * df) agree += r.part_quality[p];
    }
    r.confidence = rppg__resp_quality(rppg__resp_share(all, bins[0], k), bins[0]);
    r.confidence *= total > 0.0 ? agree / total : 0.0;
    r.confidence *= rppg__clamp01(2.0 * good); /* without beats it is no pulse wave */
  }
  *out = r;
  return RPPG_OK;
}

/* ---- no face box: set-up --------------------------------------------------------------------- */

/* Replaces zeros by the finder's defaults; 0 if a field is outside its range. */
static int rppg__finder_config(rppg_config *c, const rppg_config *cfg)
{
  rppg_config q;
  rppg__model none;
  memset(&q, 0, sizeof q);
  if (cfg) q = *cfg;
  q.parts = NULL;
  q.layout = RPPG_LAYOUT_WHOLE;
  q.smooth_boxes = 0;
  if (!q.auto_cells) q.auto_cells = RPPG_AUTO_CELLS;
  return rppg__config(c, &q, &none);
}

/* The one layout of the block; counts, or hands out the pointers. */
static rppg_status rppg__finder_layout(rppg_finder *f, rppg__arena *a)
{
  const size_t cells = (size_t)f->cfg.auto_cells;
  rppg_config one = f->cfg;
  size_t est_size;
  void *est_mem;
  one.auto_cells = 0;
  f->n = (size_t)(f->cfg.window_s * f->cfg.rate_hz + 0.5);
  f->rects = (rppg_rect *)rppg__take(a, cells, sizeof *f->rects);
  f->sums = (rppg_sums *)rppg__take(a, cells, sizeof *f->sums);
  f->now = (float *)rppg__take(a, 3 * cells, sizeof(float));
  f->last = (float *)rppg__take(a, 3 * cells, sizeof(float));
  f->mean = (float *)rppg__take(a, 3 * cells, sizeof(float));
  f->part = (float *)rppg__take(a, 3 * cells, sizeof(float));
  f->sample = (double *)rppg__take(a, 3 * cells, sizeof(double));
  f->norm = (float *)rppg__take(a, cells, sizeof(float));
  f->skin = (float *)rppg__take(a, cells, sizeof(float));
  f->phase = (float *)rppg__take(a, cells, sizeof(float));
  f->peak = (float *)rppg__take(a, cells, sizeof(float));
  f->bin = (uint16_t *)rppg__take(a, cells, sizeof(uint16_t));
  f->taken = (uint8_t *)rppg__take(a, cells, 1);
  f->weight = (float *)rppg__take(a, 4 * RPPG_MAX_PEOPLE * cells, sizeof(float));
  f->colour = (uint16_t *)rppg__take(a, 3 * cells * f->n, sizeof(uint16_t));
  f->wave = (float *)rppg__take(a, cells * f->n, sizeof(float));
  f->sine = (float *)rppg__take(a, f->n, sizeof(float));
  f->cosine = (float *)rppg__take(a, f->n, sizeof(float));
  f->sum = (float *)rppg__take(a, f->n, sizeof(float));
  est_size = rppg_mem_size(&one);
  est_mem = rppg__take(a, est_size, 1);
  if (a->failed) return RPPG_ERR_SPACE;
  return a->counting ? RPPG_OK : rppg_init(&f->est, &one, est_mem, est_size);
}

RPPG_DEF size_t rppg_finder_mem_size(const rppg_config *cfg)
{
  rppg_finder f;
  rppg__arena a;
  if (!rppg__finder_config(&f.cfg, cfg)) return 0;
  rppg__arena_begin(&a, NULL, 0);
  return rppg__finder_layout(&f, &a) == RPPG_OK ? rppg__arena_size(&a) : 0;
}

RPPG_DEF rppg_status rppg_finder_init(rppg_finder *f, const rppg_config *cfg, void *mem,
                                      size_t mem_size)
{
  rppg_finder q;
  rppg__arena a;
  rppg_status status;
  memset(&q, 0, sizeof q);
  if (!f || !mem || !rppg__finder_config(&q.cfg, cfg)) return RPPG_ERR_ARG;
  rppg__arena_begin(&a, mem, mem_size);
  if (mem_size < rppg_finder_mem_size(cfg)) return RPPG_ERR_SPACE;
  status = rppg__finder_layout(&q, &a);
  if (status != RPPG_OK) return status;
  *f = q;
  rppg_finder_reset(f);
  return RPPG_OK;
}

/* Starts a new window with the next frame. */
static void rppg__finder_restart(rppg_finder *f)
{
  f->total = f->people = f->ghosts = 0;
  f->started = 0;
  f->due = (size_t)(f->cfg.min_window_s * f->cfg.rate_hz + 0.5);
  if (f->due < rppg_pulse_window(f->cfg.rate_hz)) f->due = rppg_pulse_window(f->cfg.rate_hz);
}

RPPG_DEF void rppg_finder_reset(rppg_finder *f)
{
  rppg__finder_restart(f);
  memset(&f->like, 0, sizeof f->like);
  f->cells = f->rows = f->cols = 0;
  f->flags = 0;
  f->begun = 0;
  f->next_id = 1;
}

/* ---- no face box: frames to cells ------------------------------------------------------------ */

/* Cells as square as can be, auto_cells of them at most, none thinner than a pixel of chroma. */
static void rppg__finder_grid(rppg_finder *f, const rppg_frame *frame)
{
  const double w = (double)frame->width, h = (double)frame->height;
  const rppg_rect box = { 0, 0, frame->width, frame->height };
  const size_t most = (size_t)f->cfg.auto_cells;
  const double ratio = w > h ? w / h : h / w;
  size_t along = (size_t)(rppg__sqrt((double)most * ratio) + 0.5), across; /* the longer side */
  if (along > most) along = most;
  if (along > 256) along = 256;
  across = most / along;
  f->cols = w > h ? along : across;
  f->rows = w > h ? across : along;
  if (f->cols > (size_t)frame->width / 2) f->cols = (size_t)frame->width / 2;
  if (f->rows > (size_t)frame->height / 2) f->rows = (size_t)frame->height / 2;
  f->cells = f->rows * f->cols;
  rppg_layout_grid((int)f->rows, (int)f->cols, &box, f->rects);
}

/* Averages the line from the last frame's colours to this one's over the samples of the grid, as
   the session does, and keeps them as 1/256 grey levels.                                        */
static void rppg__finder_samples(rppg_finder *f, double t_s)
{
  const double dt = 1.0 / f->cfg.rate_hz, span = t_s - f->last_s;
  const size_t channels = 3 * f->cells;
  double from = f->last_s;
  for (;;) {
    const double end = (double)(f->total + 1) * dt, to = end < t_s ? end : t_s;
    const double middle = (0.5 * (from + to) - f->last_s) / span, share = (to - from) / dt;
    uint16_t *row = f->colour + (f->total % f->n) * channels;
    size_t i;
    for (i = 0; i < channels; i++) {
      const double last = (double)f->last[i];
      f->sample[i] += share * (last + middle * ((double)f->now[i] - last));
    }
    if (to < end) return;
    for (i = 0; i < channels; i++) {
      const double v = 256.0 * f->sample[i] + 0.5;
      row[i] = (uint16_t)(v > 0.0 ? v < 65535.0 ? v : 65535.0 : 0.0);
      f->sample[i] = 0.0;
    }
    f->total++;
    from = to;
  }
}

static void rppg__find(rppg_finder *f);

RPPG_DEF rppg_status rppg_finder_push(rppg_finder *f, const rppg_frame *frame, int64_t t_us)
{
  rppg_status status = rppg_frame_check(frame);
  double step_us;
  size_t i;
  int back;
  if (status != RPPG_OK || frame->width < 32 || frame->height < 32) {
    f->flags |= RPPG_FLAG_BAD_FRAME;
    return status != RPPG_OK ? status : RPPG_ERR_DATA;
  }
  back = f->started && t_us <= f->last_us;
  step_us = (double)((uint64_t)t_us - (uint64_t)f->last_us);
  if (back || (f->started && step_us > f->cfg.max_gap_s * 1e6)) {
    if (t_us != f->last_us) rppg__finder_restart(f);
    f->flags |= RPPG_FLAG_TIME;
    if (back) return RPPG_ERR_DATA;
  }
  if (f->like.width != frame->width || f->like.height != frame->height ||
      f->like.format != frame->format || f->like.matrix != frame->matrix ||
      f->like.range != frame->range) {
    rppg__finder_restart(f);
    rppg__finder_grid(f, frame);
    f->like = *frame;
  }
  status = rppg_roi_sums(frame, f->rects, f->cells, f->sums);
  for (i = 0; status == RPPG_OK && i < f->cells; i++)
    status = rppg_sums_mean(frame, &f->sums[i], f->now + 3 * i);
  if (status != RPPG_OK) return status;
  if (!f->begun) f->origin_us = t_us;
  f->begun = 1;
  if (!f->started) {
    f->started = 1;
    f->first_us = t_us;
    f->last_s = f->interval_s = 0.0;
    memset(f->sample, 0, 3 * f->cells * sizeof *f->sample);
  } else {
    const double t_s = (double)((uint64_t)t_us - (uint64_t)f->first_us) * 1e-6;
    f->interval_s += (f->interval_s > 0.0 ? 0.02 : 1.0) * ((t_s - f->last_s) - f->interval_s);
    rppg__finder_samples(f, t_s);
    f->last_s = t_s;
  }
  memcpy(f->last, f->now, 3 * f->cells * sizeof *f->last);
  f->last_us = t_us;
  if (f->total >= f->due) {
    rppg__find(f);
    f->due = f->total + (size_t)(f->cfg.auto_step_s * f->cfg.rate_hz + 0.5);
  }
  return RPPG_OK;
}

/* ---- no face box: one signal from weighted cells --------------------------------------------- */

/* f->part: what each cell adds to the colour, so that each cell counts by its relative change.
   weight NULL: the mean of the frame.                                                            */
static void rppg__finder_parts(rppg_finder *f, const float *weight)
{
  double sum = 0.0, mean[3] = { 0.0, 0.0, 0.0 };
  size_t i, c;
  for (i = 0; i < f->cells && weight; i++) {
    sum += (double)weight[i];
    for (c = 0; c < 3; c++) mean[c] += (double)weight[i] * (double)f->mean[3 * i + c];
  }
  for (i = 0; i < f->cells; i++)
    for (c = 0; c < 3; c++) {
      float *part = &f->part[3 * i + c];
      if (!weight) *part = (float)(1.0 / (double)f->cells);
      else if (!(weight[i] > 0.0f)) *part = 0.0f;
      else *part = (float)((double)weight[i] / sum * (mean[c] / sum / (double)f->mean[3 * i + c]));
    }
}

/* The cells' window as the window of session s, whose grid is the same. */
static void rppg__finder_replay(rppg_finder *f, const float *weight, rppg_session *s)
{
  const size_t m = f->total < f->n ? f->total : f->n;
  size_t i, k;
  rppg__finder_parts(f, weight);
  rppg__restart(s);
  s->started = s->begun = 1;
  s->first_us = f->first_us + (int64_t)((double)(f->total - m) / f->cfg.rate_hz * 1e6 + 0.5);
  s->last_us = f->last_us;
  s->origin_us = f->origin_us;
  s->interval_s = f->interval_s;
  for (i = 0; i < m; i++) {
    const uint16_t *row = f->colour + ((f->total - m + i) % f->n) * 3 * f->cells;
    double rgb[3] = { 0.0, 0.0, 0.0 };
    float now[3];
    for (k = 0; k < f->cells; k++) {
      const float *part = f->part + 3 * k;
      if (!(part[0] > 0.0f)) continue;
      rgb[0] += (double)part[0] * (double)row[3 * k];
      rgb[1] += (double)part[1] * (double)row[3 * k + 1];
      rgb[2] += (double)part[2] * (double)row[3 * k + 2];
    }
    for (k = 0; k < 3; k++) now[k] = (float)(rgb[k] / 256.0);
    if (i > 0 && rppg__abs((double)now[1] - (double)s->last[1]) > 0.03 * (double)s->last[1])
      s->jump_at = s->total + 1;
    memcpy(s->last, now, sizeof now);
    rppg__grid_sample(s, now);
  }
}

/* ---- no face box: the search ----------------------------------------------------------------- */

/* How much a mean colour is one of skin, light to dark, under any usual lamp: red over green over
   blue, not a saturated paint. 0.1..1, as skin under odd light is still skin.                    */
static double rppg__skin(const float *rgb)
{
  const double r = (double)rgb[0], g = (double)rgb[1], b = (double)rgb[2];
  double red, paint, blue;
  if (!(r > 8.0 && g > 4.0 && b > 2.0 && r < 252.0)) return 0.1;
  red = (r / g - 0.95) / 0.15; /* 0 at equal, 1 from 1.1 */
  paint = (3.0 - r / g) / 0.5; /* 1 up to 2.5 */
  blue = (1.15 - b / g) / 0.15;
  red = red < paint ? red : paint;
  red = red < blue ? red : blue;
  return red > 1.0 ? 1.0 : red > 0.1 ? red : 0.1;
}

/* Each cell's mean, skin and pulse; the pulse's power in the band, times frequency, becomes that of
   a sine of amplitude 1. Cells without any change stay 0.                                        */
static void rppg__find_waves(rppg_finder *f, size_t m, size_t lo, size_t hi)
{
  rppg_session *e = &f->est;
  const double width = 1.5 * (double)e->fft_n / (double)m; /* bins of a sine's peak [Harris1978] */
  size_t i, k, c;
  for (i = 0; i < f->cells; i++) {
    float *x = f->wave + i * f->n;
    double mean[3] = { 0.0, 0.0, 0.0 }, power = 0.0;
    size_t out = 0;
    rppg_pulse_reset(e->pulses);
    for (k = 0; k < m; k++) {
      const uint16_t *at = f->colour + ((f->total - m + k) % f->n) * 3 * f->cells + 3 * i;
      float rgb[3];
      for (c = 0; c < 3; c++) {
        rgb[c] = (float)at[c] * (1.0f / 256.0f);
        mean[c] += (double)rgb[c] / (double)m;
      }
      out += (size_t)rppg_pulse_push(e->pulses, rgb, x + out);
    }
    rppg_pulse_tail(e->pulses, x + out);
    for (c = 0; c < 3; c++) f->mean[3 * i + c] = (float)mean[c];
    f->skin[i] = e->cfg.method >= RPPG_GREEN ? 1.0f : (float)rppg__skin(f->mean + 3 * i);
    rppg__level(e, x, m);
    rppg__spectrum_of(e, x, m, e->power);
    for (k = lo; k <= hi; k++) power += (double)e->power[k] * (double)k;
    f->norm[i] = (float)rppg__sqrt(power / width);
    if (!(mean[0] > 1.0 && mean[1] > 1.0 && mean[2] > 1.0 && power > 1e-12)) f->norm[i] = 0.0f;
    for (k = 0; k < m; k++) x[k] = f->norm[i] > 0.0f ? x[k] / f->norm[i] : 0.0f;
  }
}

/* Highest peak of power times frequency inside the band; 0 if there is none. */
static size_t rppg__find_peak(const float *power, size_t lo, size_t hi)
{
  size_t k, best = 0;
  double height = 0.0;
  for (k = lo + 1; k < hi; k++) {
    const double h = (double)power[k] * (double)k;
    if (h > height && power[k] >= power[k - 1] && power[k] >= power[k + 1]) {
      best = k;
      height = h;
    }
  }
  return best;
}

/* The sum of the 3 x 3 cells around i by skin: noise keeps its power, a shared pulse has up to nine
   times that of one cell. Peak height and its bin.                                               */
static void rppg__find_seed(rppg_finder *f, size_t i, size_t m, size_t lo, size_t hi)
{
  const size_t row = i / f->cols, col = i % f->cols;
  size_t r, c, k;
  double square = 0.0;
  memset(f->sum, 0, m * sizeof *f->sum);
  for (r = row > 0 ? row - 1 : 0; r <= row + 1 && r < f->rows; r++)
    for (c = col > 0 ? col - 1 : 0; c <= col + 1 && c < f->cols; c++) {
      const size_t cell = r * f->cols + c;
      const float s = f->skin[cell], *x = f->wave + cell * f->n;
      if (!(f->norm[cell] > 0.0f)) continue;
      square += (double)s * (double)s;
      for (k = 0; k < m; k++) f->sum[k] += s * x[k];
    }
  f->peak[i] = 0.0f;
  f->bin[i] = 0;
  if (!(square > 0.0)) return;
  rppg__spectrum_of(&f->est, f->sum, m, f->est.power);
  k = rppg__find_peak(f->est.power, lo, hi);
  f->bin[i] = (uint16_t)k;
  f->peak[i] = (float)((double)f->est.power[k] * (double)k / square);
}

/* Tables that give amplitude and phase at a bin. */
static void rppg__find_tables(rppg_finder *f, size_t bin, size_t m)
{
  const double scale = 4.0 / (double)m * rppg__sqrt((double)bin);
  size_t k;
  for (k = 0; k < m; k++) {
    double s, c, hs, hc;
    rppg__sincospi(2.0 * (double)k / (double)m, &hs, &hc);
    rppg__sincospi(2.0 * (double)(bin * k % f->est.fft_n) / (double)f->est.fft_n, &s, &c);
    f->sine[k] = (float)(scale * (0.5 - 0.5 * hc) * s);
    f->cosine[k] = (float)(scale * (0.5 - 0.5 * hc) * c);
  }
}

static void rppg__find_phasor(const rppg_finder *f, const float *x, size_t m, double *re,
                              double *im)
{
  float a, b;
  rppg_dsp_xcorr(x, f->cosine, m, 0, &a);
  rppg_dsp_xcorr(x, f->sine, m, 0, &b);
  *re = (double)a;
  *im = (double)b;
}

/* Part of cell i's amplitude that is in phase, half its own and half the mean of its 3 x 3. */
static double rppg__find_blend(const rppg_finder *f, size_t i)
{
  const size_t row = i / f->cols, col = i % f->cols;
  double sum = 0.0, n = 0.0;
  size_t r, c;
  for (r = row > 0 ? row - 1 : 0; r <= row + 1 && r < f->rows; r++)
    for (c = col > 0 ? col - 1 : 0; c <= col + 1 && c < f->cols; c++) {
      sum += (double)f->phase[r * f->cols + c];
      n += 1.0;
    }
  return 0.5 * ((double)f->phase[i] + sum / n);
}

/* The cells in phase with f->sum at a bin that hang together with the seed, into weight [cells]:
   amplitude over noise power of each; then their sum into f->sum. Returns their number.          */
static size_t rppg__find_group(rppg_finder *f, size_t seed, size_t bin, size_t m, float *weight)
{
  double re, im, length, top;
  size_t i, k, count = 1, before = 0;
  rppg__find_tables(f, bin, m);
  rppg__find_phasor(f, f->sum, m, &re, &im);
  length = rppg__sqrt(re * re + im * im);
  if (!(length > 0.0)) return 0;
  for (i = 0; i < f->cells; i++) {
    double x, y;
    rppg__find_phasor(f, f->wave + i * f->n, m, &x, &y);
    f->phase[i] = (float)((x * re + y * im) / length);
    weight[i] = 0.0f;
  }
  top = rppg__find_blend(f, seed);
  if (!(top > 0.0)) return 0;
  weight[seed] = 1.0f;
  while (count > before) { /* grows by the cells that touch */
    before = count;
    for (i = 0; i < f->cells; i++) {
      const size_t col = i % f->cols;
      const int touches = (col > 0 && weight[i - 1] > 0.0f) ||
                          (col + 1 < f->cols && weight[i + 1] > 0.0f) ||
                          (i >= f->cols && weight[i - f->cols] > 0.0f) ||
                          (i + f->cols < f->cells && weight[i + f->cols] > 0.0f);
      if (weight[i] > 0.0f || !touches || f->taken[i] == 2 || !(f->norm[i] > 0.0f) ||
          !(f->phase[i] > 0.0f) || rppg__find_blend(f, i) < 0.4 * top)
        continue;
      weight[i] = 1.0f;
      count++;
    }
  }
  memset(f->sum, 0, m * sizeof *f->sum);
  for (i = 0, count = 0; i < f->cells; i++) {
    const double a = (double)f->phase[i];
    float v;
    if (!(weight[i] > 0.0f)) continue;
    v = a > 0.0 ? (float)(a / (1.1 - (a * a < 1.0 ? a * a : 1.0))) : 0.0f;
    weight[i] = v > 0.0f ? v / f->norm[i] : 0.0f;
    count += v > 0.0f;
    for (k = 0; k < m && v > 0.0f; k++) f->sum[k] += v * f->wave[i * f->n + k];
  }
  return count;
}

/* Powers at a bin, each cell of a group for itself, into f->part: of the brightness and the pulse,
   and into f->phase what they have in common; or, aside, just the brightness, where it is less than
   what is there. f->sum and the tables are lost.                                                 */
static void rppg__find_light(rppg_finder *f, size_t m, size_t bin, const float *weight, int aside)
{
  size_t i, k;
  rppg__find_tables(f, bin, m);
  for (i = 0; i < f->cells; i++) {
    const float *mean = f->mean + 3 * i;
    float *part = f->part + 3 * i;
    double re, im, p_re, p_im, light, norm;
    if (!(weight[i] > 0.0f)) continue;
    for (k = 0; k < m; k++) {
      const uint16_t *at = f->colour + ((f->total - m + k) % f->n) * 3 * f->cells + 3 * i;
      f->sum[k] = ((float)at[0] / mean[0] + (float)at[1] / mean[1] + (float)at[2] / mean[2]) *
                  (1.0f / 768.0f); /* 1/256 grey levels; mean of three */
    }
    rppg_dsp_detrend(RPPG_DSP_DETREND_LINEAR, f->sum, m, f->sum);
    rppg__find_phasor(f, f->sum, m, &re, &im);
    light = (re * re + im * im) / (double)bin; /* the tables have its root */
    if (aside) {
      if (light < (double)part[1]) part[1] = (float)light;
      continue;
    }
    rppg__find_phasor(f, f->wave + i * f->n, m, &p_re, &p_im);
    norm = (double)f->norm[i];
    part[0] = (float)light;
    part[1] = 1e30f;
    part[2] = (float)(norm * norm * (p_re * p_re + p_im * p_im) / (double)bin);
    f->phase[i] = (float)(norm * (re * p_re + im * p_im) / (double)bin);
  }
}

/* Amplitude of the brightness of the whole frame, over its mean, at a bin. f->sum and the tables
   are lost.                                                                                      */
static double rppg__find_lamp(rppg_finder *f, size_t m, size_t bin)
{
  double re, im, mean = 0.0;
  size_t i, k;
  if (bin < 2 * f->est.fft_n / m) return 0.0; /* slower than the window tells */
  for (k = 0; k < m; k++) {
    const uint16_t *row = f->colour + ((f->total - m + k) % f->n) * 3 * f->cells;
    uint32_t sum = 0; /* 3 * 1024 * 65535 < 2^32 */
    for (i = 0; i < 3 * f->cells; i++) sum += row[i];
    f->sum[k] = (float)sum;
    mean += (double)sum / (double)m;
  }
  if (!(mean > 0.0)) return 0.0;
  rppg_dsp_detrend(RPPG_DSP_DETREND_LINEAR, f->sum, m, f->sum);
  rppg__find_tables(f, bin, m);
  rppg__find_phasor(f, f->sum, m, &re, &im);
  return rppg__sqrt((re * re + im * im) / (double)bin) / mean;
}

/* Brightness at the rate of a group, as far as it neither goes with the blood nor is as strong at
   other rates, over the swing of the pulse. Blood darkens every cell alike, by about as much as it
   colours it. A pattern that moves darkens here and brightens there, a lamp brightens. No cell
   counts more than twice its pulse, for those at the edges of a head that moves. A lamp of half or
   a third of the rate counts by its square or cube: colours over means are not linear in it.
   Faces at rest up to 0.5, a photograph that nods 1.1 to 1.5, lamps more.                        */
static double rppg__find_glare(rppg_finder *f, size_t m, size_t bin, const float *weight)
{
  const size_t side = 2 * f->est.fft_n / m; /* the first zero of the Hann window */
  double rest = 0.0, pulse = 0.0, sum = 0.0, share = 0.0, a, b;
  size_t i;
  rppg__find_light(f, m, bin, weight, 0);
  rppg__find_light(f, m, bin + side, weight, 1);
  if (bin > side) rppg__find_light(f, m, bin - side, weight, 1);
  for (i = 0; i < f->cells; i++) {
    const double w = (double)weight[i] * (double)weight[i];
    if (!(w > 0.0)) continue;
    sum += w;
    pulse += w * (double)f->part[3 * i + 2];
    share += w * (double)f->phase[i];
  }
  if (!(pulse > 0.0)) return 0.0;
  share /= pulse; /* of the blood in brightness: both rise with green */
  share = share < 0.0 ? 0.0 : share > 1.2 ? 1.2 : share;
  for (i = 0; i < f->cells; i++) {
    const double w = (double)weight[i] * (double)weight[i], own = (double)f->part[3 * i + 2];
    double light;
    if (!(w > 0.0)) continue;
    light = (double)f->part[3 * i] - 2.0 * share * (double)f->phase[i] + share * share * own;
    light -= (double)f->part[3 * i + 1];
    rest += w * (light < 4.0 * own ? light : 4.0 * own);
  }
  a = rppg__find_lamp(f, m, bin / 2);
  b = rppg__find_lamp(f, m, bin / 3);
  return (a * a + b * b * b) / rppg__sqrt(pulse / sum) +
         rppg__sqrt(rest > 0.0 ? rest / pulse : 0.0);
}

/* Smallest box around the cells that matter. */
static rppg_rect rppg__find_box(const rppg_finder *f, const float *weight)
{
  rppg_rect box = { 0, 0, 0, 0 };
  size_t i;
  for (i = 0; i < f->cells; i++) {
    const rppg_rect *r = &f->rects[i];
    if (!(weight[i] > 0.0f)) continue;
    if (box.w == 0) { box = *r; continue; }
    if (r->x < box.x) { box.w += box.x - r->x; box.x = r->x; }
    if (r->y < box.y) { box.h += box.y - r->y; box.y = r->y; }
    if (r->x + r->w > box.x + box.w) box.w = r->x + r->w - box.x;
    if (r->y + r->h > box.y + box.h) box.h = r->y + r->h - box.y;
  }
  return box;
}

/* Share of the smaller one's cells that both have. */
static double rppg__find_overlap(const rppg_finder *f, const float *a, const float *b)
{
  size_t i, na = 0, nb = 0, both = 0;
  for (i = 0; i < f->cells; i++) {
    na += a[i] > 0.0f;
    nb += b[i] > 0.0f;
    both += a[i] > 0.0f && b[i] > 0.0f;
  }
  return both ? (double)both / (double)(na < nb ? na : nb) : 0.0;
}

/* Rate and confidence of a person from the present window and these weights. */
static void rppg__find_rate(rppg_finder *f, rppg_person *p, rppg_session *s)
{
  rppg__finder_replay(f, p ? p->weight : NULL, s);
  s->trust = p ? p->trust : 0.1;
  s->flags = p ? p->reasons : (unsigned)RPPG_FLAG_NO_FACE;
}

/* Names who was known before and forgets who has been away for five searches. */
static void rppg__find_names(rppg_finder *f, const rppg_person *old, size_t n_old, float *bank)
{
  uint32_t gone = 0; /* bits of old that have a new place */
  size_t i, k;
  for (i = 0; i < f->people; i++) {
    rppg_person *p = &f->person[i];
    double best = 0.25;
    size_t who = n_old;
    for (k = 0; k < n_old; k++) {
      const double share = gone >> k & 1u ? 0.0 : rppg__find_overlap(f, p->weight, old[k].weight);
      if (share > best) { best = share; who = k; }
    }
    if (who < n_old) {
      gone |= (uint32_t)1 << who;
      p->id = old[who].id;
      p->standing = old[who].standing;
      p->track_bpm = old[who].track_bpm;
      p->track_var = old[who].track_var;
      p->track_s = old[who].track_s;
    } else p->id = f->next_id++;
  }
  f->ghosts = 0;
  for (k = 0; k < n_old && f->people + f->ghosts < 2 * RPPG_MAX_PEOPLE; k++) {
    rppg_person *p = &f->person[f->people + f->ghosts];
    float *weight = bank + (f->people + f->ghosts) * (size_t)f->cfg.auto_cells;
    if (gone >> k & 1u || old[k].unseen >= 5) continue;
    *p = old[k];
    p->unseen++;
    memcpy(weight, old[k].weight, f->cells * sizeof *weight);
    p->weight = weight;
    f->ghosts++;
  }
}

static void rppg__find(rppg_finder *f)
{
  rppg_session *e = &f->est;
  const size_t m = f->total < f->n ? f->total : f->n;
  const double bin_hz = f->cfg.rate_hz / (double)e->fft_n, seconds = (double)m / f->cfg.rate_hz;
  const size_t lo = (size_t)(f->cfg.bpm_min / 60.0 / bin_hz) + 1;
  rppg_person old[2 * RPPG_MAX_PEOPLE];
  const size_t n_old = f->people + f->ghosts;
  float *bank = f->weight + (f->bank ? 0 : 2 * RPPG_MAX_PEOPLE * (size_t)f->cfg.auto_cells);
  double hi_hz = f->cfg.bpm_max / 60.0, noise, enough;
  size_t hi, i, k, tries;
  if (f->interval_s > 0.0 && hi_hz > 0.45 / f->interval_s) hi_hz = 0.45 / f->interval_s;
  hi = (size_t)(hi_hz / bin_hz);
  memcpy(old, f->person, sizeof old);
  f->people = 0;
  if (hi < lo + 4) return;
  rppg__find_waves(f, m, lo, hi);
  for (i = 0; i < f->cells; i++) rppg__find_seed(f, i, m, lo, hi);
  memset(f->taken, 0, f->cells);
  /* The highest of so many peaks of noise: its share of the band, exponentially distributed. */
  noise = (hi_hz - f->cfg.bpm_min / 60.0) * seconds / 1.5;
  noise = rppg__log((double)f->cells * noise + 2.0) / noise;
  enough = 1.0 + 2.2 * noise; /* renderings of 10 s: faces from 2.3 on, noise and lamps up to 1.5 */
  for (tries = 0; tries < 4 * RPPG_MAX_PEOPLE && f->people < RPPG_MAX_PEOPLE; tries++) {
    rppg_person *p = &f->person[f->people];
    float *weight = bank + f->people * (size_t)f->cfg.auto_cells;
    size_t seed = f->cells, bin, count = 0, again;
    double evidence;
    for (i = 0; i < f->cells; i++)
      if (!f->taken[i] && f->bin[i] && (seed == f->cells || f->peak[i] > f->peak[seed])) seed = i;
    if (seed == f->cells) break;
    bin = f->bin[seed];
    evidence = (double)f->peak[seed] * (0.6 + 0.4 * (double)f->skin[seed]);
    if (evidence < (f->people ? 1.0 + noise : noise)) break;
    rppg__find_seed(f, seed, m, lo, hi); /* f->sum */
    for (again = 0; again < 3; again++) {
      count = rppg__find_group(f, seed, bin, m, weight);
      if (count == 0) break;
      rppg__spectrum_of(e, f->sum, m, e->power);
      if (rppg__find_peak(e->power, lo, hi)) bin = rppg__find_peak(e->power, lo, hi);
    }
    f->taken[seed] = 1;
    if (count == 0) continue;
    for (i = 0; i < f->cells; i++) { /* neither these cells nor their edge begin another person */
      const size_t col = i % f->cols;
      if (!(weight[i] > 0.0f)) continue;
      for (k = 0; k < 9; k++) {
        const size_t c = col + k % 3, r = i / f->cols + k / 3;
        if (c < 1 || c > f->cols || r < 1 || r > f->rows) continue;
        if (!f->taken[(r - 1) * f->cols + c - 1]) f->taken[(r - 1) * f->cols + c - 1] = 1;
      }
      f->taken[i] = 2;
    }
    f->people++;
    memset(p, 0, sizeof *p);
    p->weight = weight;
    p->cells = count;
    p->evidence = evidence;
    p->glare = rppg__find_glare(f, m, bin, weight);
    p->box = rppg__find_box(f, weight);
    p->reasons = evidence < enough ? (unsigned)RPPG_FLAG_NOISE : 0u;
    p->trust = 1.0 / (1.0 + rppg__exp(-4.0 * (evidence - enough)));
    if (e->cfg.method >= RPPG_GREEN) { /* brightness is all there is: a lamp lights everything */
      for (i = 0, k = 0; i < f->cells; i++) k += f->norm[i] > 0.0f;
      if (2 * count < k) continue;
      p->reasons |= RPPG_FLAG_FLICKER;
      p->trust *= 0.2;
      continue;
    }
    if (p->glare > 0.9) p->reasons |= RPPG_FLAG_FLICKER;
    p->trust /= 1.0 + rppg__exp(6.0 * (p->glare - 0.9));
  }
  rppg__find_names(f, old, n_old, bank);
  f->bank = !f->bank;
  for (i = 0; i < f->people; i++) {
    rppg_person *p = &f->person[i];
    rppg__find_rate(f, p, e);
    e->track_bpm = p->track_bpm;
    e->track_var = p->track_var;
    e->track_s = p->track_s;
    e->believes = 0; /* what it believes is of somebody else */
    if (rppg_estimate(e, &p->result) != RPPG_OK) continue;
    p->track_bpm = e->track_bpm;
    p->track_var = e->track_var;
    p->track_s = e->track_s;
    p->standing = 0.7 * p->standing + 0.3 * p->result.confidence;
  }
  for (i = 1; i < f->people; i++) /* few: insertion */
    for (k = i; k > 0 && f->person[k].standing > f->person[k - 1].standing; k--) {
      const rppg_person swap = f->person[k];
      f->person[k] = f->person[k - 1];
      f->person[k - 1] = swap;
    }
}

/* ---- no face box: what it saw ---------------------------------------------------------------- */

RPPG_DEF const rppg_person *rppg_finder_people(const rppg_finder *f, size_t *n)
{
  *n = f->people;
  return f->person;
}

RPPG_DEF size_t rppg_finder_weights(const rppg_finder *f, size_t person, size_t *rows, size_t *cols,
                                    float *weight, size_t cap)
{
  float top = 0.0f;
  size_t i;
  *rows = f->rows;
  *cols = f->cols;
  if (person >= f->people) return 0;
  for (i = 0; i < f->cells; i++)
    if (f->person[person].weight[i] > top) top = f->person[person].weight[i];
  for (i = 0; i < f->cells && i < cap; i++)
    weight[i] = top > 0.0f ? f->person[person].weight[i] / top : 0.0f;
  return f->cells;
}

RPPG_DEF const rppg_person *rppg_people(const rppg_session *s, size_t *n)
{
  *n = 0;
  return s->finder ? rppg_finder_people(s->finder, n) : NULL;
}

/* ---- no face box: the session's side --------------------------------------------------------- */

static rppg_status rppg__push_auto(rppg_session *s, const rppg_frame *frame, const rppg_rect *face,
                                   int64_t t_us)
{
  rppg_finder *f = s->finder;
  rppg_status status;
  size_t i, c;
  if (!f || face != RPPG_FACE_AUTO) {
    s->flags |= RPPG_FLAG_NO_FACE;
    return f && !face ? RPPG_ERR_DATA : RPPG_ERR_ARG;
  }
  status = rppg_finder_push(f, frame, t_us);
  s->flags |= f->flags;
  f->flags = 0;
  s->started = f->started;
  s->total = f->total;
  if (!f->started) s->spectrum_ok = 0;
  if (status != RPPG_OK) return status;
  rppg__finder_parts(f, f->people ? f->person[0].weight : NULL);
  memset(s->last, 0, 3 * sizeof *s->last);
  for (i = 0; i < f->cells; i++)
    for (c = 0; c < 3; c++) s->last[c] += f->part[3 * i + c] * f->now[3 * i + c];
  s->kept[0] = 1.0f;
  if (f->people) s->rects[0] = f->person[0].box;
  else memset(s->rects, 0, sizeof *s->rects);
  return RPPG_OK;
}

/* Before an estimate: the window of the first person as the session's own. */
static void rppg__auto_window(rppg_session *s)
{
  rppg_finder *f = s->finder;
  const int id = f->people ? f->person[0].id : 0;
  const unsigned flags = s->flags;
  float last[3];
  if (!f->started || (double)f->total < f->cfg.min_window_s * f->cfg.rate_hz) return;
  memcpy(last, s->last, sizeof last);
  rppg__find_rate(f, f->people ? &f->person[0] : NULL, s);
  memcpy(s->last, last, sizeof last);
  s->flags |= flags;
  if (id != s->auto_id) s->track_var = 0.0;
  s->believes = 0; /* the finder follows cells, not rates */
  s->auto_id = id;
}

static rppg_status rppg__estimate_all(rppg_session *s, rppg_result *out);

RPPG_DEF rppg_status rppg_estimate(rppg_session *s, rppg_result *out)
{
  if (s->camera) return rppg__estimate_all(s, out);
  if (s->finder) rppg__auto_window(s);
  return rppg__estimate(s, out);
}

/* ---- several cameras ------------------------------------------------------------------------- */

/* Whether two estimates tell the same rate. */
static int rppg__agree(const rppg_result *a, const rppg_result *b)
{
  return rppg__abs(a->hr_bpm - b->hr_bpm) <= 5.0;
}

/* Confidence kept off 0 and 1, where nothing could outvote it. */
static double rppg__doubtable(double c) { return c < 0.001 ? 0.001 : c > 0.999 ? 0.999 : c; }

/* Odds of "the sources that agree with r[k] are right, the others wrong" over "all are wrong". */
static double rppg__group_odds(const rppg_result *r, size_t n, size_t k)
{
  double odds = 0.2; /* the first of a group agrees with itself for nothing */
  size_t i;
  for (i = 0; i < n; i++)
    if (rppg__agree(&r[i], &r[k])) {
      const double c = rppg__doubtable(r[i].confidence);
      odds *= c / (1.0 - c) / 0.2;
    }
  return odds;
}

RPPG_DEF rppg_status rppg_fuse(const rppg_result *r, size_t n, rppg_result *out, float *weight)
{
  double best_odds = 0.0, all = 1.0, sum = 0.0; /* all: odds of every group and of none */
  rppg_result f;
  size_t i, k, best = 0;
  if (!r || !out || n < 1 || n > RPPG_MAX_CAMERAS) return RPPG_ERR_ARG;
  for (k = 0; k < n; k++) {
    const double odds = rppg__group_odds(r, n, k);
    if (odds > best_odds) {
      best_odds = odds;
      best = k;
    }
  }
  for (k = 0; k < n; k++) /* the rivals of the best group, each once or as often as it has members */
    if (!rppg__agree(&r[k], &r[best])) all += rppg__group_odds(r, n, k);
  all += best_odds;
  f = r[best];
  f.hr_bpm = f.raw_bpm = f.tracked_bpm = f.snr_db = 0.0;
  for (i = 0; i < n; i++)
    if (rppg__agree(&r[i], &r[best])) sum += rppg__doubtable(r[i].confidence);
  for (i = 0; i < n; i++) {
    const double w = rppg__agree(&r[i], &r[best]) ? rppg__doubtable(r[i].confidence) / sum : 0.0;
    f.hr_bpm += w * r[i].hr_bpm;
    f.raw_bpm += w * r[i].raw_bpm;
    f.tracked_bpm += w * r[i].tracked_bpm;
    f.snr_db += w * r[i].snr_db;
    if (w > 0.0) f.flags &= r[i].flags;
    if (weight) weight[i] = (float)w;
  }
  f.confidence = n == 1 ? r[0].confidence : best_odds / all;
  *out = f;
  return RPPG_OK;
}

/* ---- several cameras in one session ---------------------------------------------------------- */

RPPG_DEF rppg_session *rppg_camera(rppg_session *s, size_t k)
{
  return k < s->cfg.n_cameras ? &s->camera[k] : NULL;
}

RPPG_DEF double rppg_camera_weight(const rppg_session *s, size_t k, rppg_result *own)
{
  if (k >= s->cfg.n_cameras) return 0.0;
  if (own) *own = s->camera[k].own;
  return s->camera[k].share;
}

/* Microseconds from a to b, whatever their signs. */
static double rppg__later(int64_t b, int64_t a)
{
  return b < a ? -(double)((uint64_t)a - (uint64_t)b) : (double)((uint64_t)b - (uint64_t)a);
}

/* A camera's wave on the session's grid, x [m]; samples from first to end - 1 are there, others 0. */
static void rppg__regrid(const rppg_session *s, const rppg_session *c, size_t m, float *x,
                         size_t *first, size_t *end)
{
  const double last = (double)(c->wave_n - 1);
  /* Of the session's first sample, in those of the camera: both grids end half a sample late. */
  const double offset = (rppg__later(s->first_us, c->first_us) * 1e-6) * s->cfg.rate_hz +
                        (double)(s->total - m) - (double)(c->total - c->wave_n);
  size_t i;
  *first = m;
  *end = 0;
  for (i = 0; i < m; i++) {
    const double at = offset + (double)i;
    size_t k;
    x[i] = 0.0f;
    if (!(at >= 0.0 && at <= last)) continue;
    k = (size_t)at;
    x[i] = c->wave[k];
    if (at > (double)k) x[i] += (float)((at - (double)k) * ((double)c->wave[k + 1] - (double)c->wave[k]));
    if (*first == m) *first = i;
    *end = i + 1;
  }
}

/* Takes the mean over 1.5 s around each sample off x, within [first, end): a camera of one channel
   brings the level of where it was shaken to where it was not. Then the mean square over 1 s into
   power. Twice as long, and moments between two shakings are lost; half as long, and slow beats.  */
static void rppg__local_power(float *x, size_t first, size_t end, double rate_hz, float *power)
{
  int pass;
  for (pass = 0; pass < 2; pass++) {
    const size_t half = (size_t)((pass ? 0.5 : 0.75) * rate_hz + 0.5);
    size_t i, k;
    for (i = first; i < end; i++) {
      const size_t from = i < first + half ? first : i - half, to = i + half < end ? i + half + 1 : end;
      double sum = 0.0;
      for (k = from; k < to; k++) sum += pass ? (double)x[k] * (double)x[k] : (double)x[k];
      power[i] = (float)(sum / (double)(to - from));
    }
    for (i = first; i < end && !pass; i++) x[i] -= power[i];
  }
}

/* The usual one of these powers: their lowest fifth, so that being shaken for most of the time does
   not count as usual, nor a picture that stands for a moment.                                    */
static double rppg__usual(const float *power, size_t first, size_t end)
{
  float sorted[64];
  size_t n = 0, i, k;
  for (i = 0; i < 64; i++) {
    const float p = power[first + (end - first) * i / 64];
    for (k = n++; k > 0 && sorted[k - 1] > p; k--) sorted[k] = sorted[k - 1];
    sorted[k] = p;
  }
  return (double)sorted[12];
}

/* The cameras' waves into s->wave [m], see the comment on several cameras. A camera's amplitude is
   set to 1 by its usual power, and in the end to that of the one which counts most. Where the power
   is another than usual, more or less, a camera counts by the square of that ratio. With two cameras
   drawn that are shaken in turn for 4 s each, 31 and 92 % of 888 windows were wrong by 3 bpm or more
   alone, 5 % so; with the ratio itself 7 %, with the odds instead of their root too 14 %.       */
static void rppg__mix(rppg_session *s, size_t m)
{
  float *all = s->scratch, *x = all + s->n, *power = x + s->n; /* [fft_n + 2] >= 3 n */
  double sum = 0.0, most = 0.0, height = 0.0;
  size_t i, k, first, end;
  memset(s->wave, 0, m * sizeof *s->wave);
  memset(all, 0, m * sizeof *all);
  for (k = 0; k < s->cfg.n_cameras; k++) {
    rppg_session *c = &s->camera[k];
    const double sure = rppg__doubtable(c->own.confidence), root = rppg__sqrt(sure / (1.0 - sure));
    double usual;
    c->share = 0.0;
    if (!(c->own.window_s > 0.0)) continue;
    rppg__regrid(s, c, m, x, &first, &end);
    if (first >= end) continue;
    rppg__local_power(x, first, end, s->cfg.rate_hz, power);
    usual = rppg__usual(power, first, end);
    if (!(usual > 0.0)) continue;
    for (i = first; i < end; i++) {
      const double p = (double)power[i], odd = p > usual ? usual / p : p / usual, w = root * odd * odd;
      s->wave[i] += (float)(w * (double)x[i] / rppg__sqrt(usual));
      all[i] += (float)w;
      c->share += w;
    }
    sum += c->share;
    if (c->share <= most) continue;
    most = c->share;
    height = rppg__sqrt(usual);
  }
  for (i = 0; i < m; i++) s->wave[i] = all[i] > 0.0f ? (float)(height * (double)s->wave[i] / (double)all[i]) : 0.0f;
  for (k = 0; k < s->cfg.n_cameras && sum > 0.0; k++) s->camera[k].share /= sum;
}

/* Estimates the cameras; those that are silent have none. Their number, results and where they are. */
static size_t rppg__estimate_each(rppg_session *s, rppg_result *r, size_t *of)
{
  const rppg_session *newest = NULL;
  size_t n = 0, k;
  for (k = 0; k < s->cfg.n_cameras; k++)
    if (s->camera[k].started && (!newest || s->camera[k].last_us > newest->last_us)) newest = &s->camera[k];
  for (k = 0; k < s->cfg.n_cameras; k++) {
    rppg_session *c = &s->camera[k];
    memset(&c->own, 0, sizeof c->own);
    c->share = 0.0;
    if (!c->started || rppg__later(newest->last_us, c->last_us) > s->cfg.max_gap_s * 1e6) continue;
    c->believes = 0; /* each window alone: what was before is for the mixed wave to remember */
    if (rppg_estimate(c, &c->own) != RPPG_OK) continue;
    r[n] = c->own;
    of[n++] = k;
  }
  return n;
}

/* The session's grid is that of the camera that has the longest window, of these the fastest one. */
static void rppg__grid_of_all(rppg_session *s, const rppg_result *r, const size_t *of, size_t n)
{
  const rppg_session *c;
  unsigned common = r[0].flags;
  size_t i, best = 0;
  for (i = 1; i < n; i++) {
    common &= r[i].flags;
    if (r[i].window_s > r[best].window_s || (!(r[i].window_s < r[best].window_s) && r[i].fps > r[best].fps))
      best = i;
  }
  c = &s->camera[of[best]];
  s->first_us = c->first_us;
  s->last_us = c->last_us;
  s->interval_s = c->interval_s;
  s->total = c->total;
  s->started = 1;
  for (i = 0; i < n; i++)
    if (s->camera[of[i]].last_us > s->last_us) s->last_us = s->camera[of[i]].last_us;
  for (i = 0; i < s->cfg.n_cameras; i++) {
    if (!s->camera[i].begun) continue;
    if (!s->begun || s->camera[i].origin_us < s->origin_us) s->origin_us = s->camera[i].origin_us;
    s->begun = 1;
  }
  s->flags = common & ~(unsigned)(RPPG_FLAG_SHORT | RPPG_FLAG_LOW_FPS | RPPG_FLAG_STATIC |
                                  RPPG_FLAG_HARMONIC | RPPG_FLAG_NOISE); /* the sum has its own */
}

static rppg_status rppg__estimate_all(rppg_session *s, rppg_result *out)
{
  const double bpm = s->track_bpm, var = s->track_var, track_s = s->track_s;
  rppg_result r[RPPG_MAX_CAMERAS], fused, mixed;
  float weight[RPPG_MAX_CAMERAS];
  size_t of[RPPG_MAX_CAMERAS], i;
  const size_t n = rppg__estimate_each(s, r, of);
  rppg_status status;
  if (n == 0) return RPPG_ERR_DATA;
  rppg_fuse(r, n, &fused, weight);
  rppg__grid_of_all(s, r, of, n);
  status = rppg__estimate(s, &mixed);
  if (status != RPPG_OK) return status;
  if (fused.confidence >= mixed.confidence) {
    mixed.hr_bpm = fused.hr_bpm;
    mixed.raw_bpm = fused.raw_bpm;
    mixed.confidence = fused.confidence;
    mixed.snr_db = fused.snr_db;
    mixed.flags = fused.flags;
    mixed.source = fused.source;
    s->track_bpm = bpm;
    s->track_var = var;
    s->track_s = track_s;
    mixed.tracked_bpm = rppg__track(s, mixed.t_s, mixed.hr_bpm, mixed.confidence);
    for (i = 0; i < n; i++) s->camera[of[i]].share = (double)weight[i];
  }
  *out = mixed;
  return RPPG_OK;
}

/* ---- pop ------------------------------------------------------------------------------------- */

#if defined(__GNUC__) && !defined(__clang__) && !defined(__TINYC__)
#  pragma GCC diagnostic pop
#  pragma GCC pop_options
#endif
#endif /* RPPG__LAST */
#endif /* RPPG_IMPLEMENTATION */

/*
   MIT License

   Copyright (c) 2026 the rppg authors

   Permission is hereby granted, free of charge, to any person obtaining a copy
   of this software and associated documentation files (the "Software"), to deal
   in the Software without restriction, including without limitation the rights
   to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
   copies of the Software, and to permit persons to whom the Software is
   furnished to do so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all
   copies or substantial portions of the Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
   IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
   FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
   AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
   LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
   OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
   SOFTWARE.
*/
