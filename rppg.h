/* rppg.h - heart rate from camera frames - v0.1.0 - MIT

   DO THIS
     #define RPPG_IMPLEMENTATION      in exactly one C or C++ file, before
     #include "rppg.h"                with rppg_dsp.h beside it

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
     Frame sides up to RPPG_MAX_SIDE; 8-bit formats only. The face box comes from the caller. Rates
     from 36 to 240 bpm by default. Not a medical device, and not validated as one.

   CONVENTIONS
     x to the right, y down, pixel units. Channels are always in the order R, G, B (or Y, U, V),
     whatever the order in memory. Strides are signed bytes: a bottom-up image points to its last
     row in memory and has negative strides. Times are microseconds of any clock that does not jump;
     frames need not be evenly spaced. out parameters never overlap inputs.

   MEMORY  ERRORS  THREADS
     Nothing is allocated. A session lives in the caller's block: rppg_mem_size, rppg_init. Pixel
     functions use at most 7 KB of stack and never copy a frame.
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
     [BT601] [BT709]    ITU-R Recommendations: luma weights, limited range

   CHANGES
     0.1.0  first release: frames, ROI sums, layouts, POS, CHROM, GREEN, session, confidence      */
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

/* ---- methods that look at a whole window ------------------------------------------------------- */

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
} rppg_config;

typedef enum rppg_source { RPPG_SOURCE_FFT = 0, RPPG_SOURCE_MODEL = 1 } rppg_source;

/* Reasons to distrust an estimate; bits of rppg_result.flags. */
#define RPPG__FLAGS(X)                                                                             \
  X(RPPG_FLAG_SHORT, 0, "short")       /* the window is not full yet */                            \
  X(RPPG_FLAG_STATIC, 1, "static")     /* nothing moves: a photograph, a wall */                   \
  X(RPPG_FLAG_CLIPPED, 2, "clipped")   /* a channel is near 0 or 255 */                            \
  X(RPPG_FLAG_MOTION, 3, "motion")     /* the brightness of a ROI jumped */                        \
  X(RPPG_FLAG_FLICKER, 4, "flicker")   /* the light itself pulses at this rate */                  \
  X(RPPG_FLAG_NO_FACE, 5, "no_face")   /* frames without a face, or with one outside the frame */  \
  X(RPPG_FLAG_TIME, 6, "time")         /* time stood, went back or leapt since the last estimate */ \
  X(RPPG_FLAG_LOW_FPS, 7, "low_fps")   /* too few frames for bpm_max: the band is cut */           \
  X(RPPG_FLAG_HARMONIC, 8, "harmonic") /* half or double the rate is nearly as likely */           \
  X(RPPG_FLAG_NOISE, 9, "noise")       /* no peak stands out */                                    \
  X(RPPG_FLAG_BAD_FRAME, 10, "bad_frame") /* frames were refused since the last estimate */
typedef enum rppg_flag {
#define RPPG__X(name, bit, text) name = 1 << bit,
  RPPG__FLAGS(RPPG__X)
#undef RPPG__X
  RPPG__FLAG_END = 1 << 11
} rppg_flag;

typedef struct rppg_result {
  double t_s;          /* time of the newest frame, seconds after the first since init or reset */
  double hr_bpm;       /* rate of this window alone; 0 if nothing in it changes */
  double tracked_bpm;  /* the same, held to what a heart can do since the estimates before */
  double confidence;   /* 0..1 */
  double snr_db;       /* power at the rate and its double, +-6 bpm, over the rest of the band */
  double window_s;     /* seconds that the estimate rests on */
  double fps;          /* frames per second in the window */
  rppg_source source;
  unsigned flags;      /* rppg_flag */
} rppg_result;

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
  rppg_pulse *pulses;             /* [signals] */
  float *colours;                 /* [n][rois][3] ring */
  float *waves;                   /* [signals][final] ring */
  float *now, *last;              /* [values] colours of the newest frame and the one before */
  double *cell;                   /* [values] the grid sample in the making */
  float *wave, *hann;             /* [n] */
  float *scratch;                 /* [fft_n + 2] */
  float *power, *shared;          /* [bins] */
  rppg_moments *moments;          /* [rois], 2SR only, as is turns */
  double *turns;                  /* [n][rois][8] ring: frames as rppg__turn_of has them */
  float *levels, *tones;          /* [3][n] (ICA 6), [3][bins][2] a window's colours, their spectra */
  double *solve;                  /* [4 n] ICA, [3 n] 2SR */
  float *each, *votes;            /* [4][n], [3][bins] of a consensus: waves, their powers */
  rppg_dsp_fft fft;
  rppg_smoother smoother;
  size_t total, wave_n;           /* grid samples so far; samples in wave */
  size_t jump_at, lost_at;        /* grid time of the last brightness jump, of the last lost face */
  int64_t first_us, last_us, origin_us; /* first of the window, newest, first since the reset */
  double last_s, interval_s, track_bpm, track_var, track_s;
  unsigned flags;                 /* gathered since the last estimate */
  int started, begun, spectrum_ok, agreed;
} rppg_session;

/* A flag's name as in JSON, or NULL for a value that is no single flag. */
RPPG_DEF const char *rppg_flag_text(unsigned flag);

/* Bytes that rppg_init needs for this config (NULL: defaults); 0 if it would refuse it. The
   default takes less than 64 KB.                                                                 */
RPPG_DEF size_t rppg_mem_size(const rppg_config *cfg);

/* Starts a session in the caller's block, which must outlive it and not move.

   s    out  the session; it may be copied only together with its block, so: do not
   cfg  in   NULL: defaults

   Returns RPPG_OK; RPPG_ERR_ARG for a field outside its range; RPPG_ERR_SPACE if mem_size is less
   than rppg_mem_size says. On error s is untouched.                                              */
RPPG_DEF rppg_status rppg_init(rppg_session *s, const rppg_config *cfg, void *mem, size_t mem_size);

/* Takes a frame.

   frame  in  any supported format, 1 to 250 frames per second; not kept
   face   in  box of the face in this frame's pixels, from any detector; NULL: none was found
   t_us   in  capture time in microseconds, any origin

   Returns RPPG_OK; an error of rppg_frame_check, of rppg_roi_moments with RPPG_2SR (it takes RGB
   only: RPPG_ERR_UNSUPPORTED); RPPG_ERR_ARG for a bad box; RPPG_ERR_DATA without
   a face, or if no ROI lies in the frame, or if t_us is not after the last frame's. A frame with
   an error is left out, and a flag says so at the next estimate. One whose time goes back starts
   a new window, and so does one that comes later than max_gap_s; the latter returns RPPG_OK.
   Exact. Cost: the pixels of the ROIs, and O(1) beyond them.                                     */
RPPG_DEF rppg_status rppg_push(rppg_session *s, const rppg_frame *frame, const rppg_rect *face,
                               int64_t t_us);

/* Takes mean colours instead of a frame, from an ISP's statistics or a file.

   rgb   in  [rois][3]   any positive scale (clipping is judged at 0..255); for one channel, the
             same value three times and RPPG_GREEN
   t_us  in  as above

   Returns RPPG_OK; RPPG_ERR_DATA as above, and if a value is not finite; RPPG_ERR_UNSUPPORTED with
   RPPG_2SR, to which means say nothing. Exact. Cost: O(rois).                                    */
RPPG_DEF rppg_status rppg_push_rgb(rppg_session *s, const float *rgb, int64_t t_us);

/* The rate of the window that ends with the newest frame. May be called after every frame or now
   and then; only tracked_bpm depends on the calls before.

   Returns RPPG_OK; RPPG_ERR_DATA while the window is shorter than min_window_s (out untouched).
   Exact. Cost: 2 rois + 2 FFTs, methods of a window 3 a ROI more, a consensus 4 more.            */
RPPG_DEF rppg_status rppg_estimate(rppg_session *s, rppg_result *out);

/* Starts a new window and forgets the tracked rate, the face box and the time. */
RPPG_DEF void rppg_reset(rppg_session *s);

/* What the last successful rppg_estimate saw; pointers are good until the next call.

   rppg_wave      pulse wave on the grid of cfg.rate_hz, newest last, up = more blood in the skin;
                  relative change, no unit; n: samples
   rppg_spectrum  its power, n bins of *bin_hz from 0 Hz to bpm_max; no unit
   rppg_rois      rectangles of the newest frame, n of them (empty ones before the first)
   The first two return NULL and n = 0 before there is one.                                                   */
RPPG_DEF const float *rppg_wave(const rppg_session *s, size_t *n);
RPPG_DEF const float *rppg_spectrum(const rppg_session *s, size_t *n, double *bin_hz);
RPPG_DEF const rppg_rect *rppg_rois(const rppg_session *s, size_t *n);

/* Mean colours of the newest frame that was accepted, [n][3], R first; zeros before the first. */
RPPG_DEF const float *rppg_frame_colours(const rppg_session *s, size_t *n);

/* Mean colours of one ROI on the grid, newest last.

   roi  in   0 <= roi < number of ROIs, else nothing is written
   rgb  out  [cap][3]
   cap  in   samples that fit; the newest ones are written

   Returns the number of samples written.                                                         */
RPPG_DEF size_t rppg_colours(const rppg_session *s, size_t roi, float *rgb, size_t cap);

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

/* The 16-bit products of both halves. */
static RPPG__INLINE uint32_t rppg__mul16(uint32_t a, uint32_t b)
{
  return (a & 0xffff) * (b & 0xffff) | (a >> 16) * (b >> 16) << 16;
}

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

/* ---- end of pass ----------------------------------------------------------------------------- */

#ifdef RPPG__LAST
enum { RPPG__BASE_VU = RPPG__VU };
#endif
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
#undef rppg__vu_mul
#define RPPG__UNBIND
#include "rppg_dsp.h"
#endif /* RPPG__KERNELS */

#ifdef RPPG__LAST
#undef RPPG__LAST

/* ---- dispatch -------------------------------------------------------------------------------- */

typedef struct rppg__kernels {
  void (*columns)(const uint8_t *row, ptrdiff_t stride, int rows, int begin, int end, int width,
                  int first, uint32_t *col);
  void (*products)(const uint8_t *p, ptrdiff_t stride, int h, uint32_t *sum);
  int unit; /* bytes: what begin and end of columns are multiples of; 16, 32 or 64 */
  int vector; /* bytes of a vector, 4 without any */
} rppg__kernels;

static const rppg__kernels rppg__table[] = {
  { rppg__columns_base, rppg__products_base, 16, RPPG__BASE_VU },
#if defined(RPPG__DISPATCH)
  { rppg__columns_avx2, rppg__products_avx2, 32, 32 },
  { rppg__columns_avx512, rppg__products_avx512, 64, 64 },
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

/* a' C b with C the covariance of the window, times its count. */
static double rppg__pulse_cov(const rppg_pulse *p, const double a[3], const double b[3])
{
  static const int at[9] = { 0, 1, 2, 1, 3, 4, 2, 4, 5 };
  double s = 0.0;
  int i, k;
  for (i = 0; i < 3; i++)
    for (k = 0; k < 3; k++)
      s += a[i] * b[k] * (p->product[at[3 * i + k]] - p->sum[i] * p->sum[k] / (double)p->length);
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
  double a[3], b[3], mean[3], va, vb, alpha;
  int c;
  g[0] = g[1] = g[2] = g[3] = 0.0;
  for (c = 0; c < 3; c++) {
    mean[c] = p->base[c] + p->sum[c] / (double)p->length;
    if (!(mean[c] > 0.0)) return;
    a[c] = project[p->method][0][c] / mean[c];
    b[c] = project[p->method][1][c] / mean[c];
  }
  va = rppg__pulse_cov(p, a, a);
  vb = rppg__pulse_cov(p, b, b);
  alpha = va > 0.0 && vb > 0.0 ? rppg__sqrt(va / vb) : 0.0;
  for (c = 0; c < 3; c++) {
    g[c] = (a[c] + alpha * b[c]) / (double)p->length;
    g[3] -= (project[p->method][0][c] + alpha * project[p->method][1][c]) / (double)p->length;
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

/* ---- methods that look at a whole window ------------------------------------------------------- */

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
  double cov[9], e[3], v[9], white[9], sum[36], vec[36], M[27], turn[9];
  int pair[6][2], m = 0, pairs = 0, i, k, u, a, b;
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
      pair[pairs][0] = i;
      pair[pairs++][1] = k;
    }
  for (k = 0; k < 36; k++) sum[k] = 0.0;
  for (t = 0; t < n; t++) {
    double y[3], p[6];
    for (i = 0; i < m; i++)
      y[i] = white[3 * i] * (double)x[t] + white[3 * i + 1] * (double)x[stride + t] +
             white[3 * i + 2] * (double)x[2 * stride + t];
    for (k = 0; k < pairs; k++) p[k] = y[pair[k][0]] * y[pair[k][1]];
    for (i = 0; i < pairs; i++)
      for (k = i; k < pairs; k++) sum[pairs * i + k] += p[i] * p[k];
  }
  for (i = 0; i < pairs; i++) /* fourth cumulants, on symmetric matrices of unit norm */
    for (k = i; k < pairs; k++) {
      const int p = pair[i][0], q = pair[i][1], r = pair[k][0], s = pair[k][1];
      const double root2 = 1.4142135623730951;
      double z = sum[pairs * i + k] / (double)n;
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
  for (c = 0; c < 3; c++) {
    const float *x = w->x + (size_t)c * w->stride;
    float *y = w->smooth + (size_t)c * w->stride;
    double mean = 0.0;
    for (i = 0; i < w->n; i++) w->solve[i] = (double)x[i];
    rppg_dsp__smoothness_f64(w->solve, w->n, lambda, w->solve + w->n);
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
  float *f;
  double *filtered;
} rppg__whole;

static rppg_status rppg__whole_layout(rppg__whole *o, const rppg_pulse_config *cfg, size_t n,
                                      rppg__arena *a)
{
  size_t size;
  void *mem;
  memset(o, 0, sizeof *o);
  if (n < 2 || n > RPPG_DSP_FFT_MAX) return RPPG_ERR_ARG;
  o->fc.n = n + n % 2;
  while (!rppg_dsp__fft_factor(&o->fft, o->fc.n / 2)) o->fc.n += 2;
  if (cfg->toolbox) o->fc.n = n; /* its bins, whatever they cost */
  o->w.n = o->w.stride = n;
  o->w.bins = o->fc.n / 2 + 1;
  o->w.rate_hz = cfg->rate_hz;
  size = rppg_dsp_fft_mem_size(&o->fc);
  o->w.x = (float *)rppg__take(a, 3 * n, sizeof(float));
  o->w.smooth = (float *)rppg__take(a, 3 * n, sizeof(float));
  o->w.tones = (float *)rppg__take(a, 6 * o->w.bins, sizeof(float));
  o->w.solve = (double *)rppg__take(a, 4 * n, sizeof(double));
  o->f = (float *)rppg__take(a, o->fc.n + 2, sizeof(float));
  o->filtered = (double *)rppg__take(a, n + 6 * 7, sizeof(double)); /* taps of order 3 */
  mem = rppg__take(a, size, 1);
  if (a->failed) return RPPG_ERR_SPACE;
  return a->counting ? RPPG_OK : rppg_dsp_fft_init(&o->fft, &o->fc, mem, size);
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
  rppg__window_tones(&o.w, &o.fft, o.fc.n, NULL, 0, o.f);
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
  if (rppg__whole_layout(&o, cfg, n, &a) != RPPG_OK) return RPPG_ERR_ARG;
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

/* ---- spatial subspace rotation ----------------------------------------------------------------- */

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

/* What of a frame's matrix of second moments c (RR, RG, RB, GG, GB, BB) the windows need: t[0..2]
   its main axis, times the root of its eigenvalue; the rows of R, t[3..5], and of G, t[4], t[6],
   t[7], of the sum of u u' / root of the eigenvalue over the other two axes.                     */
static void rppg__turn_of(const double c[6], double t[8])
{
  const double a[9] = { c[0], c[1], c[2], c[1], c[3], c[4], c[2], c[4], c[5] };
  double e[3], v[9];
  int i, k;
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
  size_t w, i;
  for (i = 0; i < n; i++) sum[i] = 0.0;
  for (w = 0; w + l + (toolbox ? 1 : 0) <= n; w++) {
    const double *a = turns + (at + w) % ring * step;
    double m0, m1, d0, d1;
    for (i = 0; i < l; i++) {
      const double *t = turns + (at + w + i) % ring * step;
      s0[i] = a[3] * t[0] + a[4] * t[1] + a[5] * t[2];
      s1[i] = a[4] * t[0] + a[6] * t[1] + a[7] * t[2];
    }
    rppg__mean_dev(s0, l, &m0, &d0);
    rppg__mean_dev(s1, l, &m1, &d1);
    for (i = 0; i < l && d1 > 0.0; i++) sum[w + i] += (s0[i] - m0) - d0 / d1 * (s1[i] - m1);
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

/* ---- whole signals of every method ------------------------------------------------------------- */

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

/* Replaces zeros by the defaults; 0 if a field is outside its range. */
static int rppg__config(rppg_config *c, const rppg_config *cfg)
{
  static const rppg_rect unit = { 0, 0, 1, 1 };
  rppg_rect rect;
  size_t i;
  memset(c, 0, sizeof *c);
  if (cfg) *c = *cfg;
  c->rate_hz = rppg__or(c->rate_hz, 30.0);
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
  return c->rate_hz >= 10.0 && c->rate_hz <= 250.0 && c->window_s >= 4.0 && c->window_s <= 60.0 &&
         c->min_window_s >= 3.0 && c->min_window_s <= c->window_s && c->max_gap_s > 0.0 &&
         c->max_gap_s <= 60.0 && c->bpm_min >= 20.0 && c->bpm_max >= 2.0 * c->bpm_min &&
         c->bpm_max <= 300.0 && c->bpm_max <= 27.0 * c->rate_hz && /* 0.45 of the rate */
         c->smooth_boxes >= 1 && c->smooth_boxes <= RPPG_SMOOTHER_MAX;
}

/* The one layout of the block; counts, or hands out the pointers and starts the parts. */
static rppg_status rppg__session_layout(rppg_session *s, rppg__arena *a)
{
  rppg_pulse_config pc;
  rppg_dsp_fft_config fc;
  size_t i, pulse_size, fft_size, streams;
  void *fft_mem, *pulse_mem;
  int ica;
  ica = s->cfg.method == RPPG_ICA;
  s->rois = s->cfg.parts ? s->cfg.n_parts : rppg_layout_size(s->cfg.layout);
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
  if (a->failed) return RPPG_ERR_SPACE;
  return a->counting ? RPPG_OK : rppg_dsp_fft_init(&s->fft, &fc, fft_mem, fft_size);
}

RPPG_DEF size_t rppg_mem_size(const rppg_config *cfg)
{
  rppg_session s;
  rppg__arena a;
  if (!rppg__config(&s.cfg, cfg)) return 0;
  rppg__arena_begin(&a, NULL, 0);
  return rppg__session_layout(&s, &a) == RPPG_OK ? rppg__arena_size(&a) : 0;
}

RPPG_DEF rppg_status rppg_init(rppg_session *s, const rppg_config *cfg, void *mem, size_t mem_size)
{
  rppg_session q;
  rppg__arena a;
  rppg_status status;
  size_t i;
  memset(&q, 0, sizeof q);
  if (!s || !mem || !rppg__config(&q.cfg, cfg)) return RPPG_ERR_ARG;
  rppg__arena_begin(&a, mem, mem_size);
  if (mem_size < rppg_mem_size(cfg)) return RPPG_ERR_SPACE;
  status = rppg__session_layout(&q, &a);
  if (status != RPPG_OK) return status;
  if (q.cfg.parts) {
    for (i = 0; i < q.rois; i++) q.parts[i] = q.cfg.parts[i];
    q.cfg.parts = q.parts;
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
  s->total = s->jump_at = s->lost_at = 0;
  s->started = s->spectrum_ok = 0;
  s->wave_n = 0;
  rppg_smoother_init(&s->smoother, s->cfg.smooth_boxes);
}

RPPG_DEF void rppg_reset(rppg_session *s)
{
  rppg__restart(s);
  memset(s->rects, 0, s->rois * sizeof *s->rects);
  s->flags = 0;
  s->track_bpm = s->track_var = 0.0;
  s->begun = 0;
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
      const double was = (double)s->last[3 * i + 1], change = (double)s->now[3 * i + 1] - was;
      if (rppg__abs(change) > 0.03 * was) s->jump_at = s->total + 1;
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

/* The frame's ROIs and their mean colours into s->now. A ROI that lies outside keeps its last
   colour, and so shows no pulse; RPPG_ERR_DATA if all do.                                        */
static rppg_status rppg__measure(rppg_session *s, const rppg_frame *frame, const rppg_rect *face)
{
  rppg_rect box;
  rppg_status status;
  size_t i, seen = 0;
  status = rppg_smoother_push(&s->smoother, face, &box);
  if (status != RPPG_OK) return status;
  status = s->cfg.parts ? rppg_layout_parts(s->parts, s->rois, &box, s->rects)
                        : rppg_layout_fixed(s->cfg.layout, &box, s->rects);
  if (status != RPPG_OK) return status;
  status = rppg__roi_sums(s, frame);
  if (status != RPPG_OK) return status;
  for (i = 0; i < s->rois; i++) {
    float rgb[3];
    if (rppg_sums_mean(frame, &s->sums[i], rgb) != RPPG_OK) continue;
    memcpy(s->now + 3 * i, rgb, sizeof rgb);
    seen++;
  }
  return seen ? RPPG_OK : RPPG_ERR_DATA;
}

RPPG_DEF rppg_status rppg_push(rppg_session *s, const rppg_frame *frame, const rppg_rect *face,
                               int64_t t_us)
{
  rppg_status status = rppg_frame_check(frame), time_status;
  if (status == RPPG_OK && s->cfg.method == RPPG_2SR) status = rppg_roi_moments(frame, NULL, 0, NULL);
  if (status != RPPG_OK) {
    s->flags |= RPPG_FLAG_BAD_FRAME;
    return status;
  }
  time_status = rppg__time(s, t_us);
  if (time_status != RPPG_OK && s->started) return time_status;
  status = face ? rppg__measure(s, frame, face) : RPPG_ERR_DATA;
  if (status != RPPG_OK) {
    s->flags |= RPPG_FLAG_NO_FACE;
    return status;
  }
  rppg__push_now(s, t_us);
  return time_status;
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

/* Bin of the highest peak in [lo, hi], leaving out those within gap of the bin not_bin and of its
   double and half (not_bin < 0: none). Powers count times sqrt(f): motion and breathing fall with
   frequency, a pulse does not. Only where nothing is a peak, the largest bin.                    */
static size_t rppg__top(const float *power, size_t lo, size_t hi, double not_bin, double gap)
{
  size_t i, best = 0, largest = lo;
  double height = 0.0;
  for (i = lo; i <= hi; i++) {
    const double b = (double)i, h = (double)power[i] * rppg__sqrt(b);
    if (power[i] > power[largest]) largest = i;
    if (not_bin >= 0.0 && (rppg__abs(b - not_bin) < gap || rppg__abs(b - 2.0 * not_bin) < gap ||
                           rppg__abs(b - 0.5 * not_bin) < gap))
      continue;
    if (power[i] < power[i - 1] || power[i] < power[i + 1] || h <= height) continue;
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
  size_t half;
  double ratio, odd;
  *doubtful = 0;
  if (middle < lo + reach) return top;
  half = rppg__top(power, middle - reach, middle + reach + 1, -1.0, 0.0);
  if (half == middle - reach || half == middle + reach + 1) return top; /* a slope, no peak */
  ratio = (double)power[half] / (double)power[top];
  odd = rppg__power_near(power, third, 0.5 * res, lo, bins - 1) / /* it may lie above the band */
        rppg__power_near(power, (double)top, 0.5 * res, lo, bins - 1);
  *doubtful = ratio > 0.3;
  return ratio > 0.7 || (ratio > 0.25 && odd > 0.1) ? half : top;
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
    double all;
    rppg__signal(s, i, m, s->wave);
    rppg__spectrum_of(s, s->wave, m, s->power);
    all = rppg__power_near(s->power, 0.0, (double)hi, lo, hi);
    for (k = lo; k <= hi && all > 0.0; k++) s->shared[k] += (float)((double)s->power[k] / all);
  }
  top = rppg__top(s->shared, lo, hi, -1.0, 0.0);
  for (i = 0; i < s->signals; i++) {
    double peak, rest;
    rppg__signal(s, i, m, s->wave);
    rppg__spectrum_of(s, s->wave, m, s->power);
    peak = rppg__power_near(s->power, (double)top, 0.5 * res, lo, hi);
    rest = rppg__power_near(s->power, 0.0, (double)hi, lo, hi) - peak;
    noise[i] = rest;
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
  top = rppg__top(s->shared, lo, hi, -1.0, 0.0);
  s->agreed = 0;
  for (sum = 0.0, v = 0; v < RPPG__VOTERS; v++) {
    const float *power = s->votes + v * s->bins;
    double rest;
    vote[v] = 0.0;
    if (!(all[v] > 0.0)) continue;
    rest = 1.0 - rppg__power_near(power, (double)top, 0.5 * res, lo, hi) / all[v];
    vote[v] = 1.0 / (rest > 1e-6 ? rest : 1e-6);
    if (rppg__abs((double)rppg__top(power, lo, hi, -1.0, 0.0) - (double)top) <= 0.5 * res)
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

/* The weighted mean of all signals into s->wave [m], turned so that more blood is up. */
static void rppg__combine(rppg_session *s, size_t m, size_t lo, size_t hi, double res)
{
  double weight[3 * RPPG_MAX_ROIS], sum = 0.0;
  size_t i, k;
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
    rppg__signal(s, i, m, s->scratch);
    for (k = 0; k < m; k++) s->wave[k] -= (float)(weight[i] / sum) * s->scratch[k];
  }
}

/* Amplitude, relative to the mean, of the common brightness of all ROIs at a bin: what a lamp
   that flickers or a screen would cause. */
static double rppg__brightness_at(rppg_session *s, size_t m, size_t bin)
{
  double mean = 0.0;
  float *x = s->scratch;
  size_t i, c;
  for (i = 0; i < m; i++) {
    const float *row = s->colours + ((s->total - m + i) % s->n) * s->channels;
    double sum = 0.0;
    for (c = 0; c < s->channels; c++) sum += (double)row[c];
    x[i] = (float)sum;
    mean += sum / (double)m;
  }
  if (!(mean > 0.0)) return 0.0;
  rppg_dsp_detrend(RPPG_DSP_DETREND_LINEAR, x, m, x);
  rppg__spectrum_of(s, x, m, s->shared);
  return rppg__sqrt((double)s->shared[bin]) / mean;
}

/* Share of the window's colour values near an end of the 8-bit range. */
static double rppg__clipped_share(const rppg_session *s, size_t m)
{
  size_t i, c, near_end = 0;
  for (i = 0; i < m; i++) {
    const float *row = s->colours + ((s->total - m + i) % s->n) * s->channels;
    for (c = 0; c < s->channels; c++) near_end += row[c] < 3.0f || row[c] > 250.0f;
  }
  return (double)near_end / (double)(m * s->channels);
}

/* Probability that the rate is within 5 bpm, from the SNR in dB and the power of the highest other
   peak over the chosen one's: a logistic regression on windows of 10 and 15 s of real finger
   recordings, real faces whose pulse compression has destroyed, and white noise, training splits. */
static double rppg__confidence(double snr_db, double rival, double window_s)
{
  const double z = 0.84 + 0.82 * snr_db - 0.70 * rival + 0.12 * (window_s - 10.0);
  return 1.0 / (1.0 + rppg__exp(-z));
}

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

RPPG_DEF rppg_status rppg_estimate(rppg_session *s, rppg_result *out)
{
  const size_t m = s->total < s->n ? s->total : s->n;
  const double seconds = (double)m / s->cfg.rate_hz;
  const double bin_hz = s->cfg.rate_hz / (double)s->fft_n;
  const double res = 2.0 / (seconds * bin_hz); /* half of the main lobe's width, in bins */
  const double fps = s->interval_s > 0.0 ? 1.0 / s->interval_s : 0.0;
  rppg_result r;
  size_t lo, hi, top, other;
  double hi_hz = s->cfg.bpm_max / 60.0, snr, rival, amplitude, bin, near, all;
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
  s->spectrum_ok = 1;
  s->flags = 0;
  top = rppg__top(s->power, lo, hi, -1.0, 0.0);
  top = rppg__fundamental(s->power, s->bins, top, lo, res, &doubtful);
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
  r.hr_bpm = 60.0 * bin * bin_hz;
  near = rppg__power_near(s->power, bin, 0.1 / bin_hz, lo, hi) +
         rppg__power_near(s->power, 2.0 * bin, 0.1 / bin_hz, lo, hi);
  all = rppg__power_near(s->power, 0.0, (double)hi, lo, hi);
  r.snr_db = snr = rppg_dsp_db(near / (all - near > 0.0 ? all - near : 0.0));
  other = rppg__top(s->power, lo, hi, bin, res);
  rival = other ? (double)s->power[other] / (double)s->power[top] : 0.0;
  r.confidence = rppg__confidence(snr, rival, seconds);
  if (s->cfg.method == RPPG_CONSENSUS) r.confidence *= rppg__agreed[s->agreed];
  if (s->cfg.method == RPPG_ICA) r.confidence *= 0.8; /* the best of three is a peak by chance */
  if (doubtful) r.flags |= RPPG_FLAG_HARMONIC;
  if (rival > 0.7) r.flags |= RPPG_FLAG_NOISE;
  if (!rppg__plain(s->cfg.method) && rppg__brightness_at(s, m, top) > 8.0 * amplitude) {
    r.flags |= RPPG_FLAG_FLICKER;
    r.confidence *= 0.3;
  }
  if (r.flags & RPPG_FLAG_MOTION) r.confidence *= 0.7;
  if (r.flags & RPPG_FLAG_STATIC) r.confidence *= 0.1;
  r.tracked_bpm = rppg__track(s, r.t_s, r.hr_bpm, r.confidence);
  *out = r;
  return RPPG_OK;
}

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

/* ---- pop ------------------------------------------------------------------------------------- */

#if defined(__GNUC__) && !defined(__clang__) && !defined(__TINYC__)
#  pragma GCC diagnostic pop
#  pragma GCC pop_options
#endif
#endif /* RPPG__LAST */
#endif /* RPPG_IMPLEMENTATION */
