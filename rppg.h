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
     [BT601] [BT709]    ITU-R Recommendations: luma weights, limited range
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
  RPPG_CONTACT = 3  /* finger on the lens: each channel for itself, the session weighs them     */
} rppg_method;

typedef struct rppg_pulse_config {
  int method;          /* rppg_method: POS, CHROM or GREEN; a CONTACT signal is GREEN of one channel */
  double rate_hz;      /* uniform samples per second, 5 <= rate_hz <= 250 */
  int toolbox;         /* whole signals only: not 0 for rPPG-Toolbox's definition, quirks included */
} rppg_pulse_config;

/* Streaming pulse extraction. In both POS and CHROM a window of 1.6 s yields three weights g with
   pulse = g . (R, G, B), and overlapping windows are averaged. A sample's pulse is therefore its
   colour times the moving mean of g, and g needs only the window's first and second moments: the
   work for a new frame does not depend on the window's length. Fields are private.               */
typedef struct rppg_pulse {
  int method;
  size_t length;              /* of the window, samples */
  size_t total, at, fresh;    /* samples so far; ring position; samples since the last refresh */
  double base[3], sum[3], product[6], weight_sum[3];
  float *colour;              /* [length][3] */
  double *weight;             /* [length][3] */
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
   A window with a channel of mean <= 0, or without any change, contributes 0.
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
   Exact. Cost: O(n), toolbox POS O(n window).                                                    */
RPPG_DEF rppg_status rppg_pulse_signal(const rppg_pulse_config *cfg, const float *rgb, size_t n,
                                       float *pulse, size_t *n_pulse, double *work);

/* ---- session --------------------------------------------------------------------------------- */

#define RPPG_MAX_ROIS 64

/* Zero selects the default of every field. */
typedef struct rppg_config {
  int method;              /* rppg_method; POS */
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
  double t_s;          /* time of the newest frame, seconds after the first */
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
  size_t n, final;                /* samples of a window; of them, those whose pulse is final */
  size_t fft_n, bins;             /* of the transform; bins kept, up to bpm_max */
  rppg_part *parts;               /* [rois] */
  rppg_rect *rects;               /* [rois] of the newest frame */
  rppg_sums *sums;                /* [rois] */
  rppg_pulse *pulses;             /* [signals] */
  float *colours;                 /* [n][rois][3] ring */
  float *waves;                   /* [signals][final] ring */
  float *now, *last;              /* [channels] colours of the newest frame and the one before */
  double *cell;                   /* [channels] the grid sample in the making */
  float *wave, *hann;             /* [n] */
  float *scratch;                 /* [fft_n + 2] */
  float *power, *shared;          /* [bins] */
  rppg_dsp_fft fft;
  rppg_smoother smoother;
  size_t total, wave_n;           /* grid samples so far; samples in wave */
  size_t jump_at, lost_at;        /* grid time of the last brightness jump, of the last lost face */
  int64_t first_us, last_us;
  double last_s, interval_s, track_bpm, track_var, track_s;
  double wave_end_s;              /* of wave, on the clock of the frames */
  unsigned flags;                 /* gathered since the last estimate */
  int started, spectrum_ok;
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

   Returns RPPG_OK; an error of rppg_frame_check; RPPG_ERR_ARG for a bad box; RPPG_ERR_DATA without
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

   Returns RPPG_OK; RPPG_ERR_DATA as above, and if a value is not finite. Exact. Cost: O(rois).   */
RPPG_DEF rppg_status rppg_push_rgb(rppg_session *s, const float *rgb, int64_t t_us);

/* The rate of the window that ends with the newest frame. May be called after every frame or now
   and then; only tracked_bpm depends on the calls before.

   Returns RPPG_OK; RPPG_ERR_DATA while the window is shorter than min_window_s (out untouched).
   Exact. Cost: rois + 3 FFTs.                                                                    */
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
  return cfg && cfg->method >= 0 && cfg->method <= RPPG_GREEN && cfg->rate_hz >= 5.0 &&
         cfg->rate_hz <= 250.0;
}

static void rppg__pulse_layout(rppg_pulse *p, rppg__arena *a)
{
  if (p->method == RPPG_GREEN) return; /* remembers nothing */
  p->weight = (double *)rppg__take(a, 3 * p->length, sizeof(double));
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
  if (a.failed) return RPPG_ERR_SPACE;
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
  size_t i;
  int c;
  for (c = 0; c < 3; c++) {
    p->base[c] += p->sum[c] / (double)p->length;
    p->sum[c] = p->weight_sum[c] = 0.0;
  }
  memset(p->product, 0, sizeof p->product);
  for (i = 0; i < p->length; i++) {
    rppg__pulse_moments(p, p->colour + 3 * i, 1.0);
    for (c = 0; c < 3; c++) p->weight_sum[c] += p->weight[3 * i + (size_t)c];
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
   so that adding windows up gives their mean. */
static void rppg__pulse_weights(const rppg_pulse *p, double g[3])
{
  static const double project[2][2][3] = {
    { { 0.0, 1.0, -1.0 }, { -2.0, 1.0, 1.0 } },  /* POS */
    { { -3.0, 2.0, 0.0 }, { 1.5, 1.0, -1.5 } }   /* CHROM: -(X - a Y), so that both rise with green */
  };
  double a[3], b[3], mean[3], va, vb, alpha;
  int c;
  g[0] = g[1] = g[2] = 0.0;
  for (c = 0; c < 3; c++) {
    mean[c] = p->base[c] + p->sum[c] / (double)p->length;
    if (!(mean[c] > 0.0)) return;
    a[c] = project[p->method][0][c] / mean[c];
    b[c] = project[p->method][1][c] / mean[c];
  }
  va = rppg__pulse_cov(p, a, a);
  vb = rppg__pulse_cov(p, b, b);
  alpha = va > 0.0 && vb > 0.0 ? rppg__sqrt(va / vb) : 0.0;
  for (c = 0; c < 3; c++) g[c] = (a[c] + alpha * b[c]) / (double)p->length;
}

/* The pulse of the sample at ring position at, from the sum of the weights of `windows` windows. */
static float rppg__pulse_value(const rppg_pulse *p, size_t at, const double w[3], size_t windows)
{
  const float *c = p->colour + 3 * at;
  const double s = (double)c[0] * w[0] + (double)c[1] * w[1] + (double)c[2] * w[2];
  return (float)(s * ((double)p->length / (double)windows));
}

RPPG_DEF int rppg_pulse_push(rppg_pulse *p, const float rgb[3], float *pulse)
{
  const size_t l = p->length;
  double g[3] = { 0.0, 0.0, 0.0 };
  size_t windows;
  int c;
  if (p->method == RPPG_GREEN) {
    *pulse = rgb[1];
    return 1;
  }
  if (p->total == 0)
    for (c = 0; c < 3; c++) p->base[c] = (double)rgb[c];
  if (p->total >= l) {
    rppg__pulse_moments(p, p->colour + 3 * p->at, -1.0);
    for (c = 0; c < 3; c++) p->weight_sum[c] -= p->weight[3 * p->at + (size_t)c];
  }
  for (c = 0; c < 3; c++) p->colour[3 * p->at + (size_t)c] = rgb[c];
  rppg__pulse_moments(p, rgb, 1.0);
  p->total++;
  if (p->total >= l) rppg__pulse_weights(p, g);
  for (c = 0; c < 3; c++) {
    p->weight[3 * p->at + (size_t)c] = g[c];
    p->weight_sum[c] += g[c];
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
  double w[3] = { 0.0, 0.0, 0.0 };
  size_t age, at = p->at;
  int c;
  if (p->method == RPPG_GREEN || p->total < l) return 0;
  for (age = 0; age + 1 < l; age++) { /* newest first: each older sample is in one window more */
    const size_t full = p->total - l + 1; /* windows there are at all */
    at = at == 0 ? l - 1 : at - 1;
    for (c = 0; c < 3; c++) w[c] += p->weight[3 * at + (size_t)c];
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

RPPG_DEF size_t rppg_pulse_signal_work(const rppg_pulse_config *cfg, size_t n)
{
  const size_t most_pads = 2 * 3 * 7; /* a third-order band-pass has 7 taps */
  size_t l, toolbox, stream;
  if (!rppg__pulse_config_ok(cfg) || n > (size_t)-1 / 64) return 0;
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
  if (!rppg__pulse_config_ok(cfg) || !rgb || !pulse || !work) return RPPG_ERR_ARG;
  for (i = 0; i < 3 * n; i++)
    if (!rppg__finite((double)rgb[i])) return RPPG_ERR_DATA;
  if (n < rppg_pulse_window(cfg->rate_hz) || (cfg->toolbox && n <= 21)) return RPPG_ERR_DATA;
  if (n_pulse) *n_pulse = n;
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

static double rppg__or(double value, double fallback) { return value == 0.0 ? fallback : value; }

/* Replaces zeros by the defaults; 0 if a field is outside its range. */
static int rppg__config(rppg_config *c, const rppg_config *cfg)
{
  memset(c, 0, sizeof *c);
  if (cfg) *c = *cfg;
  c->rate_hz = rppg__or(c->rate_hz, 30.0);
  c->window_s = rppg__or(c->window_s, 10.0);
  c->min_window_s = rppg__or(c->min_window_s, c->window_s < 5.0 ? c->window_s : 5.0);
  c->max_gap_s = rppg__or(c->max_gap_s, 1.0);
  c->bpm_min = rppg__or(c->bpm_min, 36.0);
  c->bpm_max = rppg__or(c->bpm_max, 240.0);
  if (!c->smooth_boxes) c->smooth_boxes = 20;
  if (c->method < 0 || c->method > RPPG_CONTACT) return 0;
  if (c->parts ? c->n_parts < 1 || c->n_parts > RPPG_MAX_ROIS : !rppg_layout_size(c->layout))
    return 0;
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
  size_t i, pulse_size, fft_size;
  void *fft_mem, *pulse_mem;
  s->rois = s->cfg.parts ? s->cfg.n_parts : rppg_layout_size(s->cfg.layout);
  s->channels = 3 * s->rois;
  s->signals = s->cfg.method == RPPG_CONTACT ? s->channels : s->rois;
  s->n = (size_t)(s->cfg.window_s * s->cfg.rate_hz + 0.5);
  s->fft_n = 16;
  while (s->fft_n < 2 * s->n) s->fft_n *= 2; /* then the parabola errs by less than 0.02 bpm */
  s->bins = (size_t)(s->cfg.bpm_max / 60.0 * (double)s->fft_n / s->cfg.rate_hz) + 3;
  memset(&pc, 0, sizeof pc);
  pc.method = s->cfg.method == RPPG_CONTACT ? RPPG_GREEN : s->cfg.method;
  pc.rate_hz = s->cfg.rate_hz;
  pulse_size = rppg_pulse_mem_size(&pc);
  s->final = pc.method == RPPG_GREEN ? s->n : s->n + 1 - rppg_pulse_window(pc.rate_hz);
  memset(&fc, 0, sizeof fc);
  fc.n = s->fft_n;
  fft_size = rppg_dsp_fft_mem_size(&fc);
  s->parts = (rppg_part *)rppg__take(a, s->rois, sizeof *s->parts);
  s->rects = (rppg_rect *)rppg__take(a, s->rois, sizeof *s->rects);
  s->sums = (rppg_sums *)rppg__take(a, s->rois, sizeof *s->sums);
  s->pulses = (rppg_pulse *)rppg__take(a, s->signals, sizeof *s->pulses);
  s->colours = (float *)rppg__take(a, s->n * s->channels, sizeof(float));
  s->waves = (float *)rppg__take(a, s->final * s->signals, sizeof(float));
  s->now = (float *)rppg__take(a, s->channels, sizeof(float));
  s->last = (float *)rppg__take(a, s->channels, sizeof(float));
  s->cell = (double *)rppg__take(a, s->channels, sizeof(double));
  s->wave = (float *)rppg__take(a, s->n, sizeof(float));
  s->hann = (float *)rppg__take(a, s->n, sizeof(float));
  s->scratch = (float *)rppg__take(a, s->fft_n + 2, sizeof(float));
  s->power = (float *)rppg__take(a, s->bins, sizeof(float));
  s->shared = (float *)rppg__take(a, s->bins, sizeof(float));
  fft_mem = rppg__take(a, fft_size, 1);
  for (i = 0; i < s->signals; i++) {
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
  static const rppg_rect unit = { 0, 0, 1, 1 };
  rppg_session q;
  rppg__arena a;
  rppg_status status;
  size_t i;
  memset(&q, 0, sizeof q);
  if (!s || !mem || !rppg__config(&q.cfg, cfg)) return RPPG_ERR_ARG;
  rppg__arena_begin(&a, mem, mem_size);
  status = rppg__session_layout(&q, &a);
  if (status != RPPG_OK) return status;
  if (q.cfg.parts) {
    status = rppg_layout_parts(q.cfg.parts, q.rois, &unit, q.rects); /* refuses bad fractions */
    if (status != RPPG_OK) return status;
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
  for (i = 0; i < s->signals; i++) rppg_pulse_reset(&s->pulses[i]);
  for (i = 0; i < s->channels; i++) s->last[i] = s->now[i] = 0.0f;
  s->total = s->jump_at = s->lost_at = 0;
  s->started = s->spectrum_ok = 0;
  s->wave_n = 0;
}

RPPG_DEF void rppg_reset(rppg_session *s)
{
  rppg__restart(s);
  rppg_smoother_init(&s->smoother, s->cfg.smooth_boxes);
  memset(s->rects, 0, s->rois * sizeof *s->rects);
  s->flags = 0;
  s->track_var = 0.0;
}

/* ---- session: frames to the grid ------------------------------------------------------------- */

/* One sample of the uniform grid: colours into the ring, each signal's pulse into its ring. */
static void rppg__grid_sample(rppg_session *s, const float *rgb)
{
  const size_t slot = s->total % s->n, before = (s->total + s->n - 1) % s->n;
  float *row = s->colours + slot * s->channels;
  const float *old = s->colours + before * s->channels;
  size_t i;
  for (i = 0; i < s->rois && s->total > 0; i++) { /* a brightness that jumps by 3 % is no pulse */
    const double was = (double)old[3 * i + 1], change = (double)rgb[3 * i + 1] - was;
    if (rppg__abs(change) > 0.03 * was) s->jump_at = s->total;
  }
  memcpy(row, rgb, s->channels * sizeof *row);
  for (i = 0; i < s->signals; i++) {
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
  float sample[3 * RPPG_MAX_ROIS];
  for (;;) {
    const double end = (double)(s->total + 1) * dt, to = end < t_s ? end : t_s;
    const double middle = (0.5 * (from + to) - s->last_s) / span, share = (to - from) / dt;
    size_t i;
    for (i = 0; i < s->channels; i++)
      s->cell[i] += share * ((double)s->last[i] + middle * ((double)s->now[i] - (double)s->last[i]));
    if (to < end) return;
    for (i = 0; i < s->channels; i++) {
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
  if (!s->started) {
    s->first_us = t_us;
    s->interval_s = 0.0;
    for (i = 0; i < s->channels; i++) s->cell[i] = 0.0;
    s->last_s = 0.0;
    s->started = 1;
  } else {
    const double weight = s->interval_s > 0.0 ? 0.02 : 1.0; /* about the last 50 frames */
    t_s = (double)((uint64_t)t_us - (uint64_t)s->first_us) * 1e-6;
    s->interval_s += weight * ((t_s - s->last_s) - s->interval_s);
    rppg__to_grid(s, t_s);
    s->last_s = t_s;
  }
  memcpy(s->last, s->now, s->channels * sizeof *s->last);
  s->last_us = t_us;
}

RPPG_DEF rppg_status rppg_push_rgb(rppg_session *s, const float *rgb, int64_t t_us)
{
  rppg_status status;
  size_t i;
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
  status = rppg_roi_sums(frame, s->rects, s->rois, s->sums);
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
  const size_t done = m - (s->n - s->final), at = (s->total - m) % s->final;
  const size_t first = done < s->final - at ? done : s->final - at;
  memcpy(out, ring + at, first * sizeof *out);
  memcpy(out + first, ring, (done - first) * sizeof *out);
  rppg_pulse_tail(&s->pulses[signal], out + done);
}

/* Takes the line off a pulse; GREEN's grey values first become changes relative to their mean. */
static void rppg__level(const rppg_session *s, float *x, size_t m)
{
  if (s->cfg.method >= RPPG_GREEN) {
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
  const float scale = 4.0f / (float)m; /* the window's mean is 1/2; half of a sine is negative */
  float *f = s->scratch;
  size_t i;
  if (m == s->n) {
    for (i = 0; i < m; i++) f[i] = x[i] * s->hann[i] * scale;
  } else { /* the window is still growing */
    for (i = 0; i < m; i++) {
      double sine, cosine;
      rppg__sincospi(2.0 * (double)i / (double)m, &sine, &cosine);
      f[i] = (float)((double)x[i] * (0.5 - 0.5 * cosine)) * scale;
    }
  }
  memset(f + m, 0, (s->fft_n - m) * sizeof *f);
  rppg_dsp_fft_forward(&s->fft, f, f);
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
static size_t rppg__fundamental(const float *power, size_t top, size_t lo, size_t hi, double res,
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
  odd = rppg__power_near(power, third, 0.5 * res, lo, hi) /
        rppg__power_near(power, (double)top, 0.5 * res, lo, hi);
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
   at the peak that all signals share. weight [signals], their sum is not normed.                */
static void rppg__weigh(rppg_session *s, size_t m, size_t lo, size_t hi, double res, double *weight)
{
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
    weight[i] = rest > 0.0 ? rppg__sqrt(peak) / rest : 0.0;
  }
}

/* The weighted mean of all signals into s->wave [m], turned so that more blood is up. */
static void rppg__combine(rppg_session *s, size_t m, size_t lo, size_t hi, double res)
{
  double weight[3 * RPPG_MAX_ROIS], sum = 0.0;
  size_t i, k;
  weight[0] = 1.0;
  if (s->signals > 1) rppg__weigh(s, m, lo, hi, res, weight);
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
  r.t_s = s->last_s;
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
  top = rppg__fundamental(s->power, rppg__top(s->power, lo, hi, -1.0, 0.0), lo, hi, res, &doubtful);
  amplitude = rppg__sqrt((double)s->power[top]);
  if (amplitude < 2e-5) { /* a fiftieth of a weak pulse: grey levels 0.002 apart */
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
  if (doubtful) r.flags |= RPPG_FLAG_HARMONIC;
  if (rival > 0.7) r.flags |= RPPG_FLAG_NOISE;
  if (s->cfg.method < RPPG_GREEN && rppg__brightness_at(s, m, top) > 8.0 * amplitude) {
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
  const size_t far = (size_t)hi + 2, most = far < 2 * len / 3 ? far : 2 * len / 3;
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
  const double left = t_s - begin_s, right = end_s - t_s, near = left < right ? left : right;
  const double w = near / 1.6;
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
  const double near = rppg__power_near(p, (double)peak, 6.0, 0, bins - 1);
  const double all = rppg__power_near(p, 0.0, (double)bins, 0, bins - 1);
  return all > 0.0 ? near / all : 0.0;
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

/* ---- pop ------------------------------------------------------------------------------------- */

#if defined(__GNUC__) && !defined(__clang__) && !defined(__TINYC__)
#  pragma GCC diagnostic pop
#  pragma GCC pop_options
#endif
#endif /* RPPG__LAST */
#endif /* RPPG_IMPLEMENTATION */
