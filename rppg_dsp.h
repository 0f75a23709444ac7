/* rppg_dsp.h - FFT, filters and spectra for pulse signals - v0.1.0 - MIT

   DO THIS
     #define RPPG_IMPLEMENTATION      in exactly one C or C++ file, before
     #include "rppg_dsp.h"

   SYNOPSIS
     #define RPPG_IMPLEMENTATION
     #include "rppg_dsp.h"
     #include <stdio.h>

     static unsigned char mem[64 * 1024];
     static float x[300], power[513];
     static double work[400];

     int main(void)
     {
       rppg_dsp_psd psd;
       rppg_dsp_psd_config cfg;
       rppg_dsp_sos band;
       size_t i, top = 1;
       for (i = 0; i < 300; i++) x[i] = (float)(i % 25) + 0.1f * (float)i;
       memset(&cfg, 0, sizeof cfg);
       cfg.n = 300;
       cfg.nfft = 1024;
       cfg.rate_hz = 30.0;
       if (rppg_dsp_psd_init(&psd, &cfg, mem, sizeof mem) != RPPG_OK) return 1;
       if (rppg_dsp_butter(&band, 2, RPPG_DSP_BANDPASS, 0.7, 3.0, 30.0) != RPPG_OK) return 1;
       if (rppg_dsp_filtfilt(&band, x, 300, x, work) != RPPG_OK) return 1;
       if (rppg_dsp_psd_run(&psd, x, 300, power) != RPPG_OK) return 1;
       for (i = 1; i < psd.bins; i++) if (power[i] > power[top]) top = i;
       printf("%.2f Hz\n", rppg_dsp_vertex(power, psd.bins, top, NULL) * psd.bin_hz);
       return 0;
     }

   LIMITS
     Transforms up to 2^20 points, filters up to order 8. Signals are float; filters, sums and small
     matrices compute in double.

   CONVENTIONS
     Complex numbers are pairs re, im. Matrices are row by row. n counts elements, size bytes.
     rate_hz is samples per second. in, out and work must not overlap unless a function allows it.

   MEMORY  ERRORS  THREADS
     Nothing is allocated: small objects are plain structs, larger ones live in a block of the caller
     (x_mem_size, then x_init) of any alignment, scratch is a parameter with a stated size.
     Functions that can fail return a status and leave their outputs untouched then, unless said
     otherwise; those that return void cannot fail. NaN in a signal comes out as NaN.
     The only state is the remembered instruction set; any thread may use its own objects.

   EXACTNESS AND SIMD
     set        chosen                           tested by
     AVX-512    at run time (F, BW, DQ, VL)      forcing each set in every test program
     AVX2       at run time                      the same
     SSE2       x86-64 without either            the same
     NEON       compiling for aarch64            qemu-user
     simd128    compiling wasm with -msimd128    node
     scalar     everywhere else, RPPG_NO_SIMD    hardware, qemu-user (armhf, riscv64, s390x)
     Every function has the same bits on all of them and under every optimisation level: products and
     sums round separately, sums run over 32 virtual lanes, and sine, logarithm and the like are our
     own. Not promised where float expressions are evaluated wider (x87; gcc -std=c99 on s390x, unless
     -fexcess-precision=fast) nor under -ffast-math, which is refused.

   BUILD OPTIONS, before the include
     RPPG_STATIC          off   all functions static
     RPPG_NO_SIMD         off   scalar code only
     RPPG_NO_DISPATCH     off   only the instruction set that the compiler was told to use
     RPPG_NO_LIBM         off   no math.h; square roots by own code (slower, same bits)
     RPPG_ASSERT(x)       none  what to do about a programmer's error
     RPPG_DEF             how public functions are declared, instead of extern
     RPPG_MINGW_AVX       off   AVX2 and AVX-512 under MinGW gcc too (gcc bug 54412)
     RPPG_ALLOW_FAST_MATH off   compile under -ffast-math all the same: nothing is promised then
     RPPG_DSP__SELF       "rppg_dsp.h": the name of this file, if you rename it

   SOURCES
     [Harris1978]     On the use of windows for harmonic analysis with the DFT, Proc. IEEE 66(1)
     [Welch1967]      The use of FFT for the estimation of power spectra, IEEE Trans. AU 15(2)
     [Scargle1982]    Studies in astronomical time series analysis II, Astrophysical J. 263
     [Gustafsson1996] Determining the initial states in forward-backward filtering, IEEE TSP 44(4)
     [Tarvainen2002]  An advanced detrending method with application to HRV analysis, IEEE TBME 49(2)
     [Fritsch1984]    A method for constructing local monotone piecewise cubic interpolants, SIAM
                      J. Sci. Stat. Comput. 5(2)
     Behaviour follows SciPy where it has the function.

   CHANGES
     0.1.0  first release                                                                          */
#ifndef RPPG_DSP_H
#define RPPG_DSP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RPPG_DSP_VERSION 100 /* major * 10000 + minor * 100 + patch */
#define RPPG_DSP_VERSION_STRING "0.1.0"

#ifndef RPPG_DEF
#  if defined(RPPG_STATIC) && defined(__GNUC__)
#    define RPPG_DEF __attribute__((unused)) static
#  elif defined(RPPG_STATIC)
#    define RPPG_DEF static
#  else
#    define RPPG_DEF extern
#  endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ---------------------------------------------------------------------------------- */

#define RPPG__STATUSES(X)                                                    \
  X(RPPG_OK, 0, "ok")                                                        \
  X(RPPG_ERR_ARG, -1, "an argument is outside its documented range")         \
  X(RPPG_ERR_SPACE, -2, "the memory block is too small")                     \
  X(RPPG_ERR_DATA, -3, "the data cannot be used: too short, constant, not finite or damaged") \
  X(RPPG_ERR_UNSUPPORTED, -4, "valid, but not built into this version")
typedef enum rppg_status {
#define RPPG__X(name, value, text) name = value,
  RPPG__STATUSES(RPPG__X)
#undef RPPG__X
  RPPG__STATUS_END = 1
} rppg_status;

/* The status in words, for people; never NULL, also for a value that is none of the five. */
RPPG_DEF const char *rppg_status_text(rppg_status status);

/* ---- instruction sets ------------------------------------------------------------------------ */

/* The kernels exist once in the source and once per instruction set in the program. BASE is what
   the compiler was told to use (SSE2 on x86-64, NEON on aarch64, simd128 on wasm, else scalar). */
typedef enum rppg_isa { RPPG_ISA_BASE = 0, RPPG_ISA_AVX2 = 1, RPPG_ISA_AVX512 = 2 } rppg_isa;

/* The set that this processor and its operating system allow; detected once, then remembered. */
RPPG_DEF rppg_isa rppg_isa_best(void);

/* Its name: "avx512", "avx2", "sse2", "neon", "simd128" or "scalar". */
RPPG_DEF const char *rppg_isa_name(rppg_isa isa);

#ifdef RPPG_TESTING
RPPG_DEF void rppg__isa_force(rppg_isa isa); /* 0 <= isa <= rppg_isa_best() of this machine */
#endif

/* ---- FFT ------------------------------------------------------------------------------------- */

/* Discrete Fourier transform, X[k] = sum over j of x[j] e^(-2 pi i j k / n), and its inverse.
   Any length: fastest for n = 2^a, good for n = 2^a 3^b 5^c; others go through a chirp and cost
   about five times as much. A real transform of even n costs half a complex one, of odd n a whole. */
typedef struct rppg_dsp_fft_config {
  size_t n;          /* 1 <= n <= RPPG_DSP_FFT_MAX */
  int complex_input; /* 0: real [n] <-> [n / 2 + 1][2];  1: complex [n][2] <-> [n][2] */
} rppg_dsp_fft_config;

#define RPPG_DSP_FFT_MAX ((size_t)1 << 20)

typedef struct rppg_dsp_fft { /* all of it private */
  size_t n, core, stride; /* the caller's n; numbers in the passes; floats from re to im */
  size_t ins, outs;       /* complex numbers into and out of the transform */
  int complex_input, real_even, chirped, passes;
  unsigned char radix[16];
  const void *kernels;
  float *a, *b, *turns, *split, *chirp_in, *chirp_out, *filter, *buf;
} rppg_dsp_fft;

/* Size of the memory block for rppg_dsp_fft_init.

   config  in   a length and a kind

   Returns bytes, slack for any alignment of the block included; 0 if n is out of range. At most,
   for real of even n: 14 n + 3700; complex, or real of odd n: 24 n + 3700; not 2^a 3^b 5^c:
   150 n + 4400. Real 256, 512, 1024: 6079, 9663, 16831; without SIMD 4287, 7871, 15039. */
RPPG_DEF size_t rppg_dsp_fft_mem_size(const rppg_dsp_fft_config *config);

/* Prepares a transform: factors, tables. Uses the best instruction set of this machine.

   fft     out  the object; mem must outlive it and stay where it is
   config  in   a length and a kind; not kept
   mem     tmp  [size] bytes, any content, any alignment
   size    in   bytes, at least rppg_dsp_fft_mem_size(config)

   Returns RPPG_OK; RPPG_ERR_ARG if n is out of range or a pointer is NULL; RPPG_ERR_SPACE if the
   block is too small (fft and mem untouched). Exact: same tables on every machine, no libm.
   Cost: O(n): a sine and a cosine in double per table entry. */
RPPG_DEF rppg_status rppg_dsp_fft_init(rppg_dsp_fft *fft, const rppg_dsp_fft_config *config,
  void *mem, size_t size);

/* Forward transform, not scaled (as numpy.fft.rfft and fft).

   fft  tmp  initialised; its block is scratch, so one call at a time per object
   in   in   real: [n]; complex: [n][2] re, im
   out  out  real: [n / 2 + 1][2] re, im, bins 0 to n / 2 in order; complex: [n][2]
             in and out may be the same, or overlap in any way

   Returns none, cannot fail; NaN and infinity spread over all bins. Exact: same bits on every ISA;
   relative RMS error against double below 2e-7 for n = 2^a 3^b 5^c, 5e-7 for the others.
   Cost: O(n log n). */
RPPG_DEF void rppg_dsp_fft_forward(rppg_dsp_fft *fft, const float *in, float *out);

/* Inverse transform, scaled by 1 / n: inverse(forward(x)) is x (as numpy.fft.irfft(X, n) and ifft).

   fft  tmp  as above
   in   in   real: [n / 2 + 1][2], the imaginary parts of bin 0 and, for even n, of bin n / 2 do not
             count; complex: [n][2]
   out  out  real: [n]; complex: [n][2]; in and out may overlap in any way

   Returns none, cannot fail. Exact, error and cost as above. */
RPPG_DEF void rppg_dsp_fft_inverse(rppg_dsp_fft *fft, const float *in, float *out);

/* Spectrum of a narrow band on a fine grid: the sum over j of x[j] e^(-2 pi i j f / rate) at m
   frequencies f from f0 to f1, both included (as scipy.signal.zoom_fft with endpoint=True)
   [Rabiner1969, chirp z-transform]. */
typedef struct rppg_dsp_zoom_config {
  size_t n, m;          /* samples and bins; n, m >= 1, n + m - 1 <= RPPG_DSP_FFT_MAX */
  double f0_hz, f1_hz;  /* first and last bin; m == 1: only f0 */
  double rate_hz;       /* samples per second, > 0; |f0|, |f1| <= rate */
} rppg_dsp_zoom_config;

typedef struct rppg_dsp_zoom { rppg_dsp_fft fft; } rppg_dsp_zoom; /* private */

/* Size of the memory block for rppg_dsp_zoom_init.

   config  in   see above

   Returns bytes, slack for any alignment of the block included; 0 if a bound is broken. */
RPPG_DEF size_t rppg_dsp_zoom_mem_size(const rppg_dsp_zoom_config *config);

/* Prepares a band.

   zoom    out  the object; mem must outlive it and stay where it is
   config  in   see above; not kept
   mem     tmp  [size] bytes, any content, any alignment
   size    in   bytes, at least rppg_dsp_zoom_mem_size(config)

   Returns RPPG_OK; RPPG_ERR_ARG if a bound is broken or a pointer is NULL; RPPG_ERR_SPACE if the
   block is too small (zoom and mem untouched). Exact. Cost: O((n + m) log(n + m)), no libm. */
RPPG_DEF rppg_status rppg_dsp_zoom_init(rppg_dsp_zoom *zoom, const rppg_dsp_zoom_config *config,
  void *mem, size_t size);

/* The spectrum of that band.

   zoom  tmp  initialised; its block is scratch, so one call at a time per object
   x     in   [n]
   out   out  [m][2] re, im at f0 + k (f1 - f0) / (m - 1); in any overlap with x

   Returns none, cannot fail. Exact: same bits on every ISA; RMS error against double, relative to
   the RMS of a full spectrum of x, below 5e-7.
   Cost: two complex transforms of about n + m numbers. */
RPPG_DEF void rppg_dsp_zoom_run(rppg_dsp_zoom *zoom, const float *x, float *out);

/* One frequency of a spectrum: the sum over j of x[j] e^(-2 pi i j hz / rate), by the backward
   recurrence of Goertzel in Reinsch's form, which also holds for hz near 0 and rate / 2
   [Goertzel1958; Stoer2002, 2.3].

   x        in   [n]
   n        in   samples, n >= 0
   hz       in   any finite frequency; negative gives the conjugate
   rate_hz  in   samples per second, not 0
   out      out  [2] re, im

   Returns none. Exact: doubles in one fixed order; error about 1e-16 n of the RMS of a
   full spectrum. Cost: 4 operations in double per sample, one after the other; no libm. */
RPPG_DEF void rppg_dsp_goertzel(const float *x, size_t n, double hz, double rate_hz, double out[2]);

/* ---- windows and spectra --------------------------------------------------------------------- */

typedef enum rppg_dsp_window_kind {
  RPPG_DSP_HANN = 0,
  RPPG_DSP_HAMMING = 1,
  RPPG_DSP_BLACKMAN = 2,
  RPPG_DSP_KAISER = 3,
  RPPG_DSP_BOXCAR = 4
} rppg_dsp_window_kind;

/* A window, as scipy.signal.windows  [Harris1978].

   kind      in   one of rppg_dsp_window_kind
   beta      in   shape of the Kaiser window, 0 <= beta <= 100; ignored by the others
   periodic  in   0: symmetric, for filter design; else one period of n, for spectra
   n         in   samples, n >= 1
   w         out  [n]   weights in [0, 1], no unit

   Returns RPPG_OK; RPPG_ERR_ARG if a bound above is broken (w untouched).
   Exact: same bits on every ISA. Cost: O(n), init only.                                        */
RPPG_DEF rppg_status rppg_dsp_window(rppg_dsp_window_kind kind, double beta, int periodic, size_t n,
                                     float *w);

typedef enum rppg_dsp_detrend_kind {
  RPPG_DSP_DETREND_MEAN = 0,
  RPPG_DSP_DETREND_LINEAR = 1,
  RPPG_DSP_DETREND_NONE = 2
} rppg_dsp_detrend_kind;

typedef struct rppg_dsp_psd_config {
  size_t n;        /* samples of a segment, 2 <= n <= 65536 */
  size_t nfft;     /* zero padding up to this length, n <= nfft; 0: n */
  size_t hop;      /* samples between two segments; 0: n - n/2, as SciPy */
  double rate_hz;  /* samples per second; 0: 1 */
  double beta;     /* of a Kaiser window */
  rppg_dsp_window_kind window;
  rppg_dsp_detrend_kind detrend;
} rppg_dsp_psd_config;

/* Power spectral density. Fields are read-only for the user. */
typedef struct rppg_dsp_psd {
  rppg_dsp_psd_config cfg;  /* with its zeros replaced */
  size_t bins;              /* nfft/2 + 1 */
  double bin_hz;            /* distance of two bins */
  rppg_dsp_fft fft;
  float *window, *x, *spectrum;
  double *sum;
  double scale;
} rppg_dsp_psd;

/* Bytes that rppg_dsp_psd_init needs for this config; 0 if it would refuse it. */
RPPG_DEF size_t rppg_dsp_psd_mem_size(const rppg_dsp_psd_config *cfg);

/* Prepares a spectrum estimator in the caller's block, which must outlive it and not move.

   Returns RPPG_OK; RPPG_ERR_ARG for a config outside its ranges; RPPG_ERR_SPACE. On error psd is
   untouched. Exact: same bits on every ISA. Cost: O(nfft), no libm.                              */
RPPG_DEF rppg_status rppg_dsp_psd_init(rppg_dsp_psd *psd, const rppg_dsp_psd_config *cfg, void *mem,
                                       size_t mem_size);

/* One-sided density: Welch's mean over all whole segments, or the periodogram when one fits
   [Welch1967]; equal to scipy.signal.welch and periodogram (scaling="density").

   x      in   [len]        signal, any unit u; NaN propagates into every bin
   len    in   samples, len >= cfg.n
   power  out  [psd.bins]   u^2 per Hz; must not overlap x

   Returns RPPG_OK; RPPG_ERR_DATA if len < cfg.n (power untouched).
   Exact: same bits on every ISA. Cost: one FFT of nfft a segment.                                */
RPPG_DEF rppg_status rppg_dsp_psd_run(rppg_dsp_psd *psd, const float *x, size_t len, float *power);

/* Lomb-Scargle periodogram of unevenly timed samples [Scargle1982], as scipy.signal.lombscargle
   without normalisation.

   t      in   [n]   times in seconds, any order, any origin
   x      in   [n]   samples; take their mean off first
   n      in   n >= 1
   f0_hz  in   first frequency, f0_hz > 0
   df_hz  in   distance of two frequencies, df_hz >= 0
   m      in   frequencies
   power  out  [m]   u^2 (a sine of amplitude A gives about n A^2 / 4)

   Returns RPPG_OK; RPPG_ERR_ARG if a bound is broken (power untouched).
   Exact: same bits on every ISA. Cost: O(n m) sines; made for hundreds by hundreds.              */
RPPG_DEF rppg_status rppg_dsp_lomb(const double *t, const float *x, size_t n, double f0_hz,
                                   double df_hz, size_t m, float *power);

/* Vertex of the parabola through y[i-1], y[i], y[i+1]: where a sampled peak really is.

   y       in   [n]
   i       in   index of a local maximum; at an end of y, or inside a flat top, i is the answer
   height  out  value at the vertex; may be NULL

   Returns the position in samples, within i +- 0.5. Exact.                                       */
RPPG_DEF double rppg_dsp_vertex(const float *y, size_t n, size_t i, double *height);

/* Decibels of a power ratio, held within +-100: no power at all is not minus infinity to a user,
   and NaN is -100. Exact.                                                                         */
RPPG_DEF double rppg_dsp_db(double ratio);

/* ---- filters --------------------------------------------------------------------------------- */

#define RPPG_DSP_MAX_ORDER 8

typedef enum rppg_dsp_band { RPPG_DSP_LOWPASS = 0, RPPG_DSP_HIGHPASS = 1, RPPG_DSP_BANDPASS = 2 } rppg_dsp_band;

/* Second-order sections, each b0 b1 b2 a1 a2 with a0 = 1. */
typedef struct rppg_dsp_sos {
  int sections, taps; /* taps: coefficients of the equivalent single numerator */
  double c[RPPG_DSP_MAX_ORDER][5];
} rppg_dsp_sos;

/* Butterworth filter by the bilinear transform, as scipy.signal.butter(order, ...).

   sos      out  the filter
   order    in   1 <= order <= 8; a band-pass has twice as many poles
   band     in   low-pass and high-pass use lo_hz alone
   lo_hz, hi_hz  in   edges at -3 dB: 0 < lo_hz < hi_hz < rate_hz / 2
   rate_hz  in   samples per second

   Returns RPPG_OK; RPPG_ERR_ARG if a bound is broken (sos untouched).
   Exact: same bits on every ISA. Init only, no libm but sqrt.                                    */
RPPG_DEF rppg_status rppg_dsp_butter(rppg_dsp_sos *sos, int order, rppg_dsp_band band, double lo_hz,
                                     double hi_hz, double rate_hz);

/* A streaming filter: sections and their state, a small object that may be copied. */
typedef struct rppg_dsp_iir {
  rppg_dsp_sos sos;
  double z[RPPG_DSP_MAX_ORDER][2];
} rppg_dsp_iir;

/* Starts the filter at rest, as if x0 had been its input for ever: no transient at the first call. */
RPPG_DEF void rppg_dsp_iir_init(rppg_dsp_iir *f, const rppg_dsp_sos *sos, double x0);

/* Filters n samples; any split of a stream into calls gives the same bits.

   x  in   [n]; NaN stays in the state until the next init
   y  out  [n]; may be x

   Exact: same bits on every ISA (the state is double). Cost: 5 products a section and sample.    */
RPPG_DEF void rppg_dsp_iir_run(rppg_dsp_iir *f, const float *x, size_t n, float *y);

/* Doubles of work that rppg_dsp_filtfilt needs. */
RPPG_DEF size_t rppg_dsp_filtfilt_work(const rppg_dsp_sos *sos, size_t n);

/* Forward and backward filter without phase: odd extension and steady-state start, equal to
   scipy.signal.sosfiltfilt and filtfilt with their defaults [Gustafsson1996].

   x     in   [n]
   n     in   n > 3 * sos->taps
   y     out  [n]; may be x
   work  tmp  [rppg_dsp_filtfilt_work(sos, n)] doubles, any content

   Returns RPPG_OK; RPPG_ERR_DATA if x is too short (y untouched). Exact. Cost: O(n).             */
RPPG_DEF rppg_status rppg_dsp_filtfilt(const rppg_dsp_sos *sos, const float *x, size_t n, float *y,
                                       double *work);

/* Linear-phase FIR filter by the window method, as scipy.signal.firwin(taps, ...): Hamming window,
   gain one in the middle of the pass band.

   h     out  [taps]
   taps  in   taps >= 1; odd for a high-pass
   the others as rppg_dsp_butter

   Returns RPPG_OK; RPPG_ERR_ARG if a bound is broken (h untouched). Exact. Init only.            */
RPPG_DEF rppg_status rppg_dsp_firwin(float *h, size_t taps, rppg_dsp_band band, double lo_hz,
                                     double hi_hz, double rate_hz);

/* Convolution where h lies wholly on x, as numpy.convolve(x, h, "valid"). To stream, keep the last
   taps - 1 samples in front of the new ones: any split gives the same bits.

   x  in   [n]
   h  in   [taps], 1 <= taps <= n
   y  out  [n - taps + 1]; must not overlap x or h

   Exact: same bits on every ISA. Cost: O(n taps), SIMD.                                          */
RPPG_DEF void rppg_dsp_fir(const float *x, size_t n, const float *h, size_t taps, float *y);

/* Mean and standard deviation (divided by the count) in a window centred on each sample and cut
   at both ends.

   x     in   [n]
   w     in   width in samples, odd, w >= 1 (an even one counts as w + 1)
   mean  out  [n], may be NULL; must not overlap x
   dev   out  [n], may be NULL; must not overlap x

   Exact. Cost: O(n), running sums in double about x[0]. NaN spoils all that follows.             */
RPPG_DEF void rppg_dsp_moving(const float *x, size_t n, size_t w, float *mean, float *dev);

/* y[i] = x[i+1] - x[i], n - 1 values; y may be x. Exact. */
RPPG_DEF void rppg_dsp_diff(const float *x, size_t n, float *y);

/* Analytic signal x + i H(x), as scipy.signal.hilbert.

   fft  in   a complex transform (complex_input) of length n
   x    in   [n]
   out  out  [n][2]   real part x; its modulus is the envelope; must not overlap x

   Exact. Cost: two FFTs.                                                                         */
RPPG_DEF void rppg_dsp_analytic(rppg_dsp_fft *fft, const float *x, float *out);

/* ---- detrending ------------------------------------------------------------------------------ */

/* Takes the least-squares line (or only the mean) off; y may be x. n = 0 does nothing. Exact, O(n). */
RPPG_DEF void rppg_dsp_detrend(rppg_dsp_detrend_kind kind, const float *x, size_t n, float *y);

/* Smoothness priors [Tarvainen2002, eq. 20]: y = (I - (I + lambda^2 D'D)^-1) x with D the second
   difference; a high-pass whose cut-off falls with lambda. Solved as a band matrix.

   x       in   [n]
   n       in   n >= 3
   lambda  in   0 <= lambda <= 1e6; 100 is common at 30 samples per second
   y       out  [n]; may be x
   work    tmp  [4 n] doubles, any content

   Returns RPPG_OK; RPPG_ERR_ARG if a bound is broken (y untouched). Exact. Cost: O(n).           */
RPPG_DEF rppg_status rppg_dsp_smoothness(const float *x, size_t n, double lambda, float *y,
                                         double *work);

/* ---- resampling ------------------------------------------------------------------------------ */

typedef enum rppg_dsp_interp { RPPG_DSP_LINEAR = 0, RPPG_DSP_CUBIC = 1, RPPG_DSP_PCHIP = 2 } rppg_dsp_interp;

/* Samples at uneven times onto a uniform grid: linear, cubic spline (not-a-knot, as SciPy's
   CubicSpline) or monotone cubic [Fritsch1984]. Outside t the end values are held.

   t     in   [n]   seconds, finite, strictly rising
   x     in   [n]
   n     in   n >= 2
   kind  in   one of rppg_dsp_interp
   t0    in   time of y[0];  dt: distance of two outputs, dt > 0
   m     in   outputs
   y     out  [m]; must not overlap x
   work  tmp  [3 n] doubles for the two cubics; ignored (may be NULL) for linear

   Returns RPPG_OK; RPPG_ERR_ARG if a bound is broken; RPPG_ERR_DATA if t does not rise or is not
   finite (y untouched in both). Exact. Cost: O(n + m).                                           */
RPPG_DEF rppg_status rppg_dsp_resample(const double *t, const float *x, size_t n,
                                       rppg_dsp_interp kind, double t0, double dt, size_t m,
                                       float *y, double *work);

/* ---- peaks and correlation ------------------------------------------------------------------- */

typedef struct rppg_dsp_peaks_config {
  float height;      /* least x at a peak; used when use_height is not 0 */
  int use_height;
  float prominence;  /* least prominence; 0: any */
  size_t distance;   /* least samples between two peaks, the higher one stays; 0: 1 */
} rppg_dsp_peaks_config;

/* Local maxima with conditions, as scipy.signal.find_peaks. A flat top counts once, at its middle.

   x           in   [n]
   cfg         in   NULL: every maximum
   index       out  [(n + 1) / 2]   rising
   prominence  out  [(n + 1) / 2]   how far a peak stands above the higher of its two saddles

   Returns the number of peaks. Exact. Cost: O(n) to find, O(n peaks) for prominences.            */
RPPG_DEF size_t rppg_dsp_peaks(const float *x, size_t n, const rppg_dsp_peaks_config *cfg,
                               size_t *index, float *prominence);

/* Pearson's correlation of x [n] and y [n] in [-1, 1]; 0 if one of them is constant. Exact. */
RPPG_DEF double rppg_dsp_pearson(const float *x, const float *y, size_t n);

/* r[k] = sum over i of x[i] * y[i + k - max_lag], terms outside y left out: 2 max_lag + 1 values,
   zero lag in the middle. max_lag < n. Exact: same bits on every ISA. Cost: O(n max_lag), SIMD.   */
RPPG_DEF void rppg_dsp_xcorr(const float *x, const float *y, size_t n, size_t max_lag, float *r);

/* ---- small dense matrices, row by row, in double --------------------------------------------- */

/* Eigenvalues w, rising, and unit eigenvectors (columns of v) of a symmetric 3 x 3 matrix, by
   Jacobi rotations. Each vector's largest component is positive. Exact.                            */
RPPG_DEF void rppg_dsp_eig3(const double a[9], double w[3], double v[9]);

/* a [m][n] = q [m][n] r [n][n], q with orthonormal columns, r upper triangular with a diagonal
   >= 0, by modified Gram-Schmidt applied twice; m >= n. A column that depends on those before it
   (below 1e-12 of its length) gets a zero in r and in q. q may be a. Exact. Cost: O(m n^2).       */
RPPG_DEF void rppg_dsp_qr(const double *a, size_t m, size_t n, double *q, double *r);

/* Whitening of three channels: y = W (x - mean), W = C^(-1/2), so that the covariance (divided by
   n) of y is the identity.

   x  in   [n][3], n >= 2
   y  out  [n][3]; may be x
   w  out  [3][3]  the matrix W; may be NULL

   Returns RPPG_OK; RPPG_ERR_DATA if the covariance is singular (y, w untouched). Exact, O(n).     */
RPPG_DEF rppg_status rppg_dsp_whiten3(const float *x, size_t n, float *y, double *w);

#ifdef __cplusplus
}
#endif
#endif /* RPPG_DSP_H */

/* Stop here if you only want the API. ========================================================== */

#ifdef RPPG_IMPLEMENTATION
#ifndef RPPG_DSP__BEGUN
#define RPPG_DSP__BEGUN

/* ---- platform -------------------------------------------------------------------------------- */

#ifndef RPPG_NO_LIBM
#  include <math.h>
#endif
#if defined(__FAST_MATH__) && !defined(RPPG_ALLOW_FAST_MATH)
#  error "rppg needs IEEE arithmetic: compile without -ffast-math, or define RPPG_ALLOW_FAST_MATH"
#endif
#ifndef RPPG_ASSERT
#  define RPPG_ASSERT(x) ((void)0)
#endif
#define RPPG__SCALAR  0
#define RPPG__SSE2    1
#define RPPG__AVX2    2
#define RPPG__AVX512  3
#define RPPG__NEON    4
#define RPPG__SIMD128 5
#define RPPG__ALIGN   64
#define RPPG__CAT_(a, b) a##b
#define RPPG__CAT(a, b)  RPPG__CAT_(a, b)
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8 && !defined(__OPTIMIZE_SIZE__)
#  define RPPG__UNROLL _Pragma("GCC unroll 32") /* gcc -O2 would keep small arrays in memory */
#else
#  define RPPG__UNROLL
#endif
#if defined(__GNUC__) || defined(_MSC_VER)
#  define RPPG__RESTRICT __restrict
#else
#  define RPPG__RESTRICT
#endif
#if defined(__GNUC__) && !defined(__TINYC__)
#  define RPPG__ATTR(isa) __attribute__((target(isa)))
#  define RPPG__INLINE    __attribute__((always_inline)) inline
#else
#  define RPPG__ATTR(isa) /* MSVC needs none; others get no dispatch */
#  define RPPG__INLINE    inline
#endif
#ifndef RPPG_DSP__SELF
#  define RPPG_DSP__SELF "rppg_dsp.h" /* a basename: quotes search our own folder first */
#endif
#if defined(RPPG_NO_SIMD) || defined(__TINYC__)
#  define RPPG__BASE RPPG__SCALAR
#elif defined(__x86_64__) || defined(_M_X64)
#  include <immintrin.h>
#  if defined(_MSC_VER)
#    include <intrin.h>
#  endif
#  define RPPG__BASE RPPG__SSE2
#  if !defined(RPPG_NO_DISPATCH) && (defined(__GNUC__) || defined(_MSC_VER)) && \
      (!defined(__MINGW32__) || defined(__clang__) || defined(RPPG_MINGW_AVX)) /* gcc bug 54412 */
#    define RPPG__DISPATCH 1
#  endif
#elif defined(__ARM_NEON) && defined(__aarch64__) /* 32-bit NEON flushes denormals: other bits */
#  include <arm_neon.h>
#  define RPPG__BASE RPPG__NEON
#elif defined(__wasm_simd128__)
#  include <wasm_simd128.h>
#  define RPPG__BASE RPPG__SIMD128
#else
#  define RPPG__BASE RPPG__SCALAR
#endif

/* ---- arithmetic: products and sums round separately, so every width agrees ------------------- */

#if defined(__clang__)
#  pragma clang fp contract(off)
#elif defined(__GNUC__) && !defined(__TINYC__)
#  pragma GCC push_options
#  pragma GCC optimize("fp-contract=off", "no-tree-slp-vectorize") /* SLP makes vfmaddsub of a complex
     product in spite of fp-contract=off: gcc 12 -O2 -mavx2 -mfma, seen in rppg_dsp_butter */
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wmaybe-uninitialized" /* gcc bug 105593: its own intrinsics */
#elif defined(_MSC_VER)
#  pragma fp_contract(off)
#endif

/* ---- passes: the kernels for AVX-512, for AVX2, then fall through as the baseline ------------ */

#if defined(RPPG__DISPATCH)
#  define RPPG__TARGET_AVX512 RPPG__ATTR("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#  define RPPG__TARGET_AVX2   RPPG__ATTR("avx2,fma,f16c")
#  define RPPG__PASS RPPG__AVX512
#  define RPPG_DSP__KERNELS
#  include RPPG_DSP__SELF
#  define RPPG__PASS RPPG__AVX2
#  define RPPG_DSP__KERNELS
#  include RPPG_DSP__SELF
#endif
#define RPPG__PASS RPPG__BASE
#define RPPG_DSP__KERNELS
#define RPPG_DSP__LAST
#endif /* RPPG_DSP__BEGUN */

/* ---- bindings: one instruction each; a floor above asks for them with RPPG__BIND ------------- */

#if defined(RPPG_DSP__KERNELS) || defined(RPPG__BIND)
#undef RPPG__BIND
#if RPPG__PASS == RPPG__AVX512
#  define RPPG__SUFFIX _avx512
#  define RPPG__TARGET RPPG__TARGET_AVX512
#  define RPPG__VF            16
#  define rppg__vf            __m512
#  define rppg__vf_zero()     _mm512_setzero_ps()
#  define rppg__vf_set1(x)    _mm512_set1_ps(x)
#  define rppg__vf_load(p)    _mm512_loadu_ps(p)
#  define rppg__vf_store(p,a) _mm512_storeu_ps(p, a)
#  define rppg__vf_add(a,b)   _mm512_add_ps(a, b)
#  define rppg__vf_sub(a,b)   _mm512_sub_ps(a, b)
#  define rppg__vf_mul(a,b)   _mm512_mul_ps(a, b)
#  define rppg__vf_load_lanes(p,k) _mm512_loadu_ps((p) + 16 * (k)) /* for even and odd */
#  define rppg__vf_even(a,b)  _mm512_permutex2var_ps(a, _mm512_setr_epi32( \
    0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b)
#  define rppg__vf_odd(a,b)   _mm512_permutex2var_ps(a, _mm512_setr_epi32( \
    1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), b)
#  define rppg__vf_zip_lo(a,b) _mm512_permutex2var_ps(a, _mm512_setr_epi32( \
    0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b)
#  define rppg__vf_zip_hi(a,b) _mm512_permutex2var_ps(a, _mm512_setr_epi32( \
    8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b)
#  define rppg__vf_rev(a)     _mm512_permutex2var_ps(a, _mm512_setr_epi32( \
    15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), a) /* permutexvar: g++ bug 105593 */
#elif RPPG__PASS == RPPG__AVX2
#  define RPPG__SUFFIX _avx2
#  define RPPG__TARGET RPPG__TARGET_AVX2
#  define RPPG__VF            8
#  define rppg__vf            __m256
#  define rppg__vf_zero()     _mm256_setzero_ps()
#  define rppg__vf_set1(x)    _mm256_set1_ps(x)
#  define rppg__vf_load(p)    _mm256_loadu_ps(p)
#  define rppg__vf_store(p,a) _mm256_storeu_ps(p, a)
#  define rppg__vf_add(a,b)   _mm256_add_ps(a, b)
#  define rppg__vf_sub(a,b)   _mm256_sub_ps(a, b)
#  define rppg__vf_mul(a,b)   _mm256_mul_ps(a, b)
#  define rppg__vf_load_lanes(p,k) _mm256_insertf128_ps( \
    _mm256_castps128_ps256(_mm_loadu_ps((p) + 4 * (k))), _mm_loadu_ps((p) + 8 + 4 * (k)), 1)
#  define rppg__vf_even(a,b)  _mm256_shuffle_ps(a, b, 0x88) /* in 128-bit lanes, as the next 3 */
#  define rppg__vf_odd(a,b)   _mm256_shuffle_ps(a, b, 0xdd)
#  define rppg__vf_zip_lo(a,b) _mm256_unpacklo_ps(a, b)
#  define rppg__vf_zip_hi(a,b) _mm256_unpackhi_ps(a, b)
#  define rppg__vf_rev(a)     _mm256_permutevar8x32_ps(a, _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0))
#else
#  define RPPG__SUFFIX _base
#  define RPPG__TARGET
#  if RPPG__PASS == RPPG__SSE2
#    define RPPG__VF            4
#    define rppg__vf            __m128
#    define rppg__vf_zero()     _mm_setzero_ps()
#    define rppg__vf_set1(x)    _mm_set1_ps(x)
#    define rppg__vf_load(p)    _mm_loadu_ps(p)
#    define rppg__vf_store(p,a) _mm_storeu_ps(p, a)
#    define rppg__vf_add(a,b)   _mm_add_ps(a, b)
#    define rppg__vf_sub(a,b)   _mm_sub_ps(a, b)
#    define rppg__vf_mul(a,b)   _mm_mul_ps(a, b)
#    define rppg__vf_load_lanes(p,k) _mm_loadu_ps((p) + 4 * (k))
#    define rppg__vf_even(a,b)  _mm_shuffle_ps(a, b, 0x88)
#    define rppg__vf_odd(a,b)   _mm_shuffle_ps(a, b, 0xdd)
#    define rppg__vf_zip_lo(a,b) _mm_unpacklo_ps(a, b)
#    define rppg__vf_zip_hi(a,b) _mm_unpackhi_ps(a, b)
#    define rppg__vf_rev(a)     _mm_shuffle_ps(a, a, 0x1b)
#  elif RPPG__PASS == RPPG__NEON
#    define RPPG__VF            4
#    define rppg__vf            float32x4_t
#    define rppg__vf_zero()     vdupq_n_f32(0.0f)
#    define rppg__vf_set1(x)    vdupq_n_f32(x)
#    define rppg__vf_load(p)    vld1q_f32(p)
#    define rppg__vf_store(p,a) vst1q_f32(p, a)
#    define rppg__vf_add(a,b)   vaddq_f32(a, b)
#    define rppg__vf_sub(a,b)   vsubq_f32(a, b)
#    define rppg__vf_mul(a,b)   vmulq_f32(a, b)
#    define rppg__vf_load_lanes(p,k) vld1q_f32((p) + 4 * (k))
#    define rppg__vf_even(a,b)  vuzp1q_f32(a, b)
#    define rppg__vf_odd(a,b)   vuzp2q_f32(a, b)
#    define rppg__vf_zip_lo(a,b) vzip1q_f32(a, b)
#    define rppg__vf_zip_hi(a,b) vzip2q_f32(a, b)
#    define rppg__vf_rev(a)     vrev64q_f32(vextq_f32(a, a, 2))
#  elif RPPG__PASS == RPPG__SIMD128
#    define RPPG__VF            4
#    define rppg__vf            v128_t
#    define rppg__vf_zero()     wasm_f32x4_splat(0.0f)
#    define rppg__vf_set1(x)    wasm_f32x4_splat(x)
#    define rppg__vf_load(p)    wasm_v128_load(p)
#    define rppg__vf_store(p,a) wasm_v128_store(p, a)
#    define rppg__vf_add(a,b)   wasm_f32x4_add(a, b)
#    define rppg__vf_sub(a,b)   wasm_f32x4_sub(a, b)
#    define rppg__vf_mul(a,b)   wasm_f32x4_mul(a, b)
#    define rppg__vf_load_lanes(p,k) wasm_v128_load((p) + 4 * (k))
#    define rppg__vf_even(a,b)  wasm_i32x4_shuffle(a, b, 0, 2, 4, 6)
#    define rppg__vf_odd(a,b)   wasm_i32x4_shuffle(a, b, 1, 3, 5, 7)
#    define rppg__vf_zip_lo(a,b) wasm_i32x4_shuffle(a, b, 0, 4, 1, 5)
#    define rppg__vf_zip_hi(a,b) wasm_i32x4_shuffle(a, b, 2, 6, 3, 7)
#    define rppg__vf_rev(a)     wasm_i32x4_shuffle(a, a, 3, 2, 1, 0)
#  else
#    define RPPG__VF            1
#    define rppg__vf            float
#    define rppg__vf_zero()     0.0f
#    define rppg__vf_set1(x)    (x)
#    define rppg__vf_load(p)    (*(p))
#    define rppg__vf_store(p,a) ((void)(*(p) = (a)))
#    define rppg__vf_add(a,b)   ((a) + (b))
#    define rppg__vf_sub(a,b)   ((a) - (b))
#    define rppg__vf_mul(a,b)   ((a) * (b))
#    define rppg__vf_load_lanes(p,k) ((p)[k])
#    define rppg__vf_even(a,b)  (a)
#    define rppg__vf_odd(a,b)   (b)
#    define rppg__vf_zip_lo(a,b) (a)
#    define rppg__vf_zip_hi(a,b) (b)
#    define rppg__vf_rev(a)     (a)
#  endif
#endif
#define RPPG__FN(type, name) static RPPG__TARGET type RPPG__CAT(name, RPPG__SUFFIX)
#define RPPG__SUB(type, name) static RPPG__TARGET RPPG__INLINE type RPPG__CAT(name, RPPG__SUFFIX)
#define RPPG__CALL(name) RPPG__CAT(name, RPPG__SUFFIX)
#endif

#ifdef RPPG_DSP__KERNELS
#undef RPPG_DSP__KERNELS

/* ---- kernels, written once ------------------------------------------------------------------- */

/* Sum of a[i] * b[i]. 32 virtual lanes at every width, then a fixed tree: the same bits everywhere. */
RPPG__FN(float, rppg_dsp__dot)(const float *a, const float *b, size_t n)
{
  enum { LANES = 32, REGS = LANES / RPPG__VF };
  rppg__vf acc[REGS];
  float t[LANES];
  const size_t tail = n % LANES, body = n - tail;
  size_t i;
  int r, k;
  for (r = 0; r < REGS; r++) acc[r] = rppg__vf_zero();
  for (i = 0; i < body; i += LANES) {
    RPPG__UNROLL
    for (r = 0; r < REGS; r++) {
      const size_t j = i + (size_t)(r * RPPG__VF);
      acc[r] = rppg__vf_add(acc[r], rppg__vf_mul(rppg__vf_load(a + j), rppg__vf_load(b + j)));
    }
  }
  for (r = 0; r < REGS; r++) rppg__vf_store(t + r * RPPG__VF, acc[r]);
  for (i = 0; i < tail; i++) t[i] += a[body + i] * b[body + i];
  for (k = LANES / 2; k > 0; k /= 2)
    for (r = 0; r < k; r++) t[r] += t[r + k];
  return t[0];
}

/* Convolution, y[i] = sum over k of h[taps - 1 - k] * x[i + k], k rising: vectorised over outputs,
   so the order of a sum is the same at every width. */
RPPG__FN(void, rppg_dsp__slide)(const float *x, const float *h, size_t taps, float *y, size_t n)
{
  enum { REGS = 4, STEP = REGS * RPPG__VF };
  size_t i = 0, k;
  for (; i + STEP <= n; i += STEP) {
    rppg__vf acc[REGS];
    int r;
    RPPG__UNROLL
    for (r = 0; r < REGS; r++) acc[r] = rppg__vf_zero();
    for (k = 0; k < taps; k++) {
      const rppg__vf hk = rppg__vf_set1(h[taps - 1 - k]);
      RPPG__UNROLL
      for (r = 0; r < REGS; r++)
        acc[r] = rppg__vf_add(acc[r], rppg__vf_mul(hk, rppg__vf_load(x + i + k + (size_t)(r * RPPG__VF))));
    }
    RPPG__UNROLL
    for (r = 0; r < REGS; r++) rppg__vf_store(y + i + (size_t)(r * RPPG__VF), acc[r]);
  }
  for (; i < n; i++) {
    float s = 0.0f;
    for (k = 0; k < taps; k++) s += h[taps - 1 - k] * x[i + k];
    y[i] = s;
  }
}

/* Complex vectors: sums, products, and a -+ i b. */
#define rppg__vc RPPG__CALL(rppg__vc)
typedef struct rppg__vc { rppg__vf re, im; } rppg__vc;

RPPG__SUB(rppg__vc, rppg__vc_add)(rppg__vc a, rppg__vc b)
{
  a.re = rppg__vf_add(a.re, b.re);
  a.im = rppg__vf_add(a.im, b.im);
  return a;
}

RPPG__SUB(rppg__vc, rppg__vc_sub)(rppg__vc a, rppg__vc b)
{
  a.re = rppg__vf_sub(a.re, b.re);
  a.im = rppg__vf_sub(a.im, b.im);
  return a;
}

RPPG__SUB(rppg__vc, rppg__vc_sub_i)(rppg__vc a, rppg__vc b) /* a - i b */
{
  a.re = rppg__vf_add(a.re, b.im);
  a.im = rppg__vf_sub(a.im, b.re);
  return a;
}

RPPG__SUB(rppg__vc, rppg__vc_add_i)(rppg__vc a, rppg__vc b) /* a + i b */
{
  a.re = rppg__vf_sub(a.re, b.im);
  a.im = rppg__vf_add(a.im, b.re);
  return a;
}

RPPG__SUB(rppg__vc, rppg__vc_mul)(rppg__vc a, rppg__vf wr, rppg__vf wi)
{
  rppg__vc c;
  c.re = rppg__vf_sub(rppg__vf_mul(a.re, wr), rppg__vf_mul(a.im, wi));
  c.im = rppg__vf_add(rppg__vf_mul(a.re, wi), rppg__vf_mul(a.im, wr));
  return c;
}

RPPG__SUB(rppg__vc, rppg__vc_scale)(rppg__vc a, rppg__vf s)
{
  a.re = rppg__vf_mul(a.re, s);
  a.im = rppg__vf_mul(a.im, s);
  return a;
}

/* Interleaved re, im at p: VF complex numbers in, out. */
RPPG__SUB(rppg__vc, rppg__vc_load)(const float *p)
{
  const rppg__vf a = rppg__vf_load_lanes(p, 0), b = rppg__vf_load_lanes(p, 1);
  rppg__vc c;
  c.re = rppg__vf_even(a, b);
  c.im = rppg__vf_odd(a, b);
  return c;
}

/* Stores r <= 8 vectors element by element in turn: y[r * lane + k] = v[k][lane]. */
RPPG__SUB(void, rppg__vf_weave)(float *y, const rppg__vf *v, int r)
{
  rppg__vf e[4], o[4], t[8], f[2];
  int k;
  if (r & (r - 1)) {
    float u[8 * RPPG__VF];
    int lane;
    RPPG__UNROLL
    for (k = 0; k < r; k++) rppg__vf_store(u + k * RPPG__VF, v[k]);
    for (lane = 0; lane < RPPG__VF; lane++, y += r) {
      RPPG__UNROLL
      for (k = 0; k < r; k++) y[k] = u[k * RPPG__VF + lane];
    }
    return;
  }
  if (r == 8) {
    f[0] = rppg__vf_zip_lo(v[0], v[4]); f[1] = rppg__vf_zip_hi(v[0], v[4]);
    t[0] = rppg__vf_zip_lo(v[2], v[6]); t[1] = rppg__vf_zip_hi(v[2], v[6]);
    e[0] = rppg__vf_zip_lo(f[0], t[0]); e[1] = rppg__vf_zip_hi(f[0], t[0]);
    e[2] = rppg__vf_zip_lo(f[1], t[1]); e[3] = rppg__vf_zip_hi(f[1], t[1]);
    f[0] = rppg__vf_zip_lo(v[1], v[5]); f[1] = rppg__vf_zip_hi(v[1], v[5]);
    t[0] = rppg__vf_zip_lo(v[3], v[7]); t[1] = rppg__vf_zip_hi(v[3], v[7]);
    o[0] = rppg__vf_zip_lo(f[0], t[0]); o[1] = rppg__vf_zip_hi(f[0], t[0]);
    o[2] = rppg__vf_zip_lo(f[1], t[1]); o[3] = rppg__vf_zip_hi(f[1], t[1]);
    t[4] = rppg__vf_zip_lo(e[2], o[2]); t[5] = rppg__vf_zip_hi(e[2], o[2]);
    t[6] = rppg__vf_zip_lo(e[3], o[3]); t[7] = rppg__vf_zip_hi(e[3], o[3]);
    t[2] = rppg__vf_zip_lo(e[1], o[1]); t[3] = rppg__vf_zip_hi(e[1], o[1]);
  } else if (r == 4) {
    e[0] = rppg__vf_zip_lo(v[0], v[2]); e[1] = rppg__vf_zip_hi(v[0], v[2]);
    o[0] = rppg__vf_zip_lo(v[1], v[3]); o[1] = rppg__vf_zip_hi(v[1], v[3]);
    t[2] = rppg__vf_zip_lo(e[1], o[1]); t[3] = rppg__vf_zip_hi(e[1], o[1]);
  } else {
    e[0] = v[0];
    o[0] = v[1];
  }
  t[0] = rppg__vf_zip_lo(e[0], o[0]);
  t[1] = rppg__vf_zip_hi(e[0], o[0]);
  RPPG__UNROLL
  for (k = 0; k < r; k += 2) {
#if RPPG__PASS == RPPG__AVX2
    rppg__vf_store(y + k * 4, _mm256_permute2f128_ps(t[k], t[k + 1], 0x20));
    rppg__vf_store(y + (r + k) * 4, _mm256_permute2f128_ps(t[k], t[k + 1], 0x31));
#else
    rppg__vf_store(y + k * RPPG__VF, t[k]);
    rppg__vf_store(y + (k + 1) * RPPG__VF, t[k + 1]);
#endif
  }
}

RPPG__SUB(void, rppg__vc_store)(float *p, rppg__vc c)
{
  rppg__vf v[2];
  v[0] = c.re;
  v[1] = c.im;
  RPPG__CALL(rppg__vf_weave)(p, v, 2);
}

/* From here on without their suffix. */
#define rppg__vc_add RPPG__CALL(rppg__vc_add)
#define rppg__vc_sub RPPG__CALL(rppg__vc_sub)
#define rppg__vc_add_i RPPG__CALL(rppg__vc_add_i)
#define rppg__vc_sub_i RPPG__CALL(rppg__vc_sub_i)
#define rppg__vc_mul RPPG__CALL(rppg__vc_mul)
#define rppg__vc_scale RPPG__CALL(rppg__vc_scale)
#define rppg__vc_load RPPG__CALL(rppg__vc_load)
#define rppg__vc_store RPPG__CALL(rppg__vc_store)

/* The DFT of r = 2, 3, 4, 5 or 8 numbers, in place. */
RPPG__SUB(void, rppg_dsp__dft)(int r, rppg__vc *z)
{
  rppg__vc a, b, c, d;
  if (r == 2) {
    a = z[0];
    z[0] = rppg__vc_add(a, z[1]);
    z[1] = rppg__vc_sub(a, z[1]);
  } else if (r == 3) {
    a = rppg__vc_add(z[1], z[2]);
    b = rppg__vc_scale(rppg__vc_sub(z[1], z[2]), rppg__vf_set1(0.866025404f)); /* sin 60 deg */
    c = rppg__vc_sub(z[0], rppg__vc_scale(a, rppg__vf_set1(0.5f)));
    z[0] = rppg__vc_add(z[0], a);
    z[1] = rppg__vc_sub_i(c, b);
    z[2] = rppg__vc_add_i(c, b);
  } else if (r == 4) {
    a = rppg__vc_add(z[0], z[2]);
    b = rppg__vc_sub(z[0], z[2]);
    c = rppg__vc_add(z[1], z[3]);
    d = rppg__vc_sub(z[1], z[3]);
    z[0] = rppg__vc_add(a, c);
    z[1] = rppg__vc_sub_i(b, d);
    z[2] = rppg__vc_sub(a, c);
    z[3] = rppg__vc_add_i(b, d);
  } else if (r == 5) {
    const rppg__vf c1 = rppg__vf_set1(0.309016994f), c2 = rppg__vf_set1(-0.809016994f);
    const rppg__vf s1 = rppg__vf_set1(0.951056516f), s2 = rppg__vf_set1(0.587785252f);
    rppg__vc e, f; /* cosines and sines of 72 and 144 degrees */
    a = rppg__vc_add(z[1], z[4]);
    b = rppg__vc_add(z[2], z[3]);
    c = rppg__vc_sub(z[1], z[4]);
    d = rppg__vc_sub(z[2], z[3]);
    e = rppg__vc_add(z[0], rppg__vc_add(rppg__vc_scale(a, c1), rppg__vc_scale(b, c2)));
    f = rppg__vc_add(z[0], rppg__vc_add(rppg__vc_scale(a, c2), rppg__vc_scale(b, c1)));
    z[0] = rppg__vc_add(z[0], rppg__vc_add(a, b));
    a = rppg__vc_add(rppg__vc_scale(c, s1), rppg__vc_scale(d, s2));
    b = rppg__vc_sub(rppg__vc_scale(c, s2), rppg__vc_scale(d, s1));
    z[1] = rppg__vc_sub_i(e, a);
    z[4] = rppg__vc_add_i(e, a);
    z[2] = rppg__vc_sub_i(f, b);
    z[3] = rppg__vc_add_i(f, b);
  } else {
    const rppg__vf h = rppg__vf_set1(0.707106781f); /* sqrt(1/2) */
    rppg__vc e, f, g, k; /* sums and differences in pairs: 16 registers must do */
    a = rppg__vc_add(z[0], z[4]);
    e = rppg__vc_sub(z[0], z[4]);
    b = rppg__vc_add(z[2], z[6]);
    f = rppg__vc_sub(z[2], z[6]);
    c = rppg__vc_add(z[1], z[5]);
    g = rppg__vc_sub(z[1], z[5]);
    d = rppg__vc_add(z[3], z[7]);
    k = rppg__vc_sub(z[3], z[7]);
    z[0] = rppg__vc_add(a, b);
    a = rppg__vc_sub(a, b);
    b = rppg__vc_add(c, d);
    c = rppg__vc_sub(c, d);
    z[4] = rppg__vc_sub(z[0], b);
    z[0] = rppg__vc_add(z[0], b);
    z[2] = rppg__vc_sub_i(a, c);
    z[6] = rppg__vc_add_i(a, c);
    a = rppg__vc_sub_i(e, f);
    b = rppg__vc_add_i(e, f);
    c = rppg__vc_sub_i(g, k);
    d = rppg__vc_add_i(g, k);
    c = rppg__vc_scale(rppg__vc_sub_i(c, c), h); /* times e^(-pi i / 4) */
    d = rppg__vc_scale(rppg__vc_add_i(d, d), h); /* times e^(pi i / 4) */
    z[1] = rppg__vc_add(a, c);
    z[5] = rppg__vc_sub(a, c);
    z[3] = rppg__vc_sub(b, d);
    z[7] = rppg__vc_add(b, d);
  }
}

/* One pass of Stockham's transform (decimation in frequency): n = r m s, w = e^(-2 pi i / (r m)),
   y[s (r p + k) + q] = w^(p k) * the sum over j of x[s (p + m j) + q] e^(-2 pi i j k / r).
   Loads are contiguous in i = s p + q. This form takes s >= VF, or any s with the stores of the
   lanes q >= s overwritten by later ones: x and y need VF floats of room behind them. */
RPPG__SUB(void, rppg_dsp__rows)(int r, int turn, const float *xr, const float *xi, float *yr,
  float *yi, size_t step, size_t s, const float *w)
{
  size_t q = 0;
  rppg__vc z[8];
  int k;
  for (;;) {
    RPPG__UNROLL
    for (k = 0; k < r; k++) {
      z[k].re = rppg__vf_load(xr + (size_t)k * step + q);
      z[k].im = rppg__vf_load(xi + (size_t)k * step + q);
    }
    RPPG__CALL(rppg_dsp__dft)(r, z);
    RPPG__UNROLL
    for (k = 0; k < r; k++) {
      if (turn && k > 0)
        z[k] = rppg__vc_mul(z[k], rppg__vf_set1(w[2 * k - 2]), rppg__vf_set1(w[2 * k - 1]));
      rppg__vf_store(yr + (size_t)k * s + q, z[k].re);
      rppg__vf_store(yi + (size_t)k * s + q, z[k].im);
    }
    q += RPPG__VF;
    if (q >= s) break;
    if (q + RPPG__VF > s) q = s - RPPG__VF; /* overlap: the same values again */
  }
}

RPPG__SUB(void, rppg_dsp__pass)(int r, const float *x, float *y, size_t stride, size_t n, size_t s,
  const float *w)
{
  const size_t step = n / (size_t)r;
  size_t i = 0;
#ifndef __OPTIMIZE_SIZE__ /* a copy without factors, for p = 0, is 5 % faster */
  RPPG__CALL(rppg_dsp__rows)(r, 0, x, x + stride, y, y + stride, step, s, w);
  for (i += s, w += 2 * (r - 1); i < step; i += s, w += 2 * (r - 1))
    RPPG__CALL(rppg_dsp__rows)(r, 1, x + i, x + stride + i, y + i * (size_t)r,
      y + stride + i * (size_t)r, step, s, w);
#else
  for (; i < step; i += s, w += 2 * (r - 1))
    RPPG__CALL(rppg_dsp__rows)(r, i > 0, x + i, x + stride + i, y + i * (size_t)r,
      y + stride + i * (size_t)r, step, s, w);
#endif
}

#if RPPG__BASE != RPPG__SCALAR
/* The first pass, s = 1, from interleaved x: vectors of p, their factors as [p / 16][k][2][16].
   The last vector may overrun: x and y need room for r * 16 floats more. */
RPPG__SUB(void, rppg_dsp__first)(int r, const float *x, float *y, size_t stride, size_t n,
  const float *w)
{
  const size_t step = n / (size_t)r;
  size_t i;
  for (i = 0; i < step; i += RPPG__VF) {
    const float *wi = w + (i / 16) * (size_t)((r - 1) * 32) + i % 16;
    rppg__vc z[8];
    rppg__vf re[8], im[8];
    int k;
    RPPG__UNROLL
    for (k = 0; k < r; k++) z[k] = rppg__vc_load(x + 2 * (i + (size_t)k * step));
    RPPG__CALL(rppg_dsp__dft)(r, z);
    re[0] = z[0].re;
    im[0] = z[0].im;
    RPPG__UNROLL
    for (k = 1; k < r; k++) {
      const float *wk = wi + 32 * (k - 1);
      z[k] = rppg__vc_mul(z[k], rppg__vf_load(wk), rppg__vf_load(wk + 16));
      re[k] = z[k].re;
      im[k] = z[k].im;
    }
    RPPG__CALL(rppg__vf_weave)(y + i * (size_t)r, re, r);
    RPPG__CALL(rppg__vf_weave)(y + stride + i * (size_t)r, im, r);
  }
}
#endif

#if RPPG__PASS == RPPG__AVX512
/* The pass with s = 8: two p in a vector. The last one may overrun. */
RPPG__SUB(void, rppg_dsp__second)(int r, const float *x, float *y, size_t stride, size_t n,
  size_t s, const float *w)
{
  const __mmask16 next = (__mmask16)(0xffffu << s); /* not a constant: clang would shuffle for it */
  const __m512i lo = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
  const __m512i hi = _mm512_add_epi32(lo, _mm512_set1_epi32(8));
  const size_t step = n / (size_t)r;
  size_t i; /* the loops to 8 are for clang, which would not unroll them to r */
  for (i = 0; i < step; i += 16, w += 4 * (r - 1), y += 16 * r) {
    const float *v = w + 2 * (r - 1);
    rppg__vc z[8];
    int k;
    RPPG__UNROLL
    for (k = 0; k < 8; k++) if (k < r) {
      z[k].re = rppg__vf_load(x + i + (size_t)k * step);
      z[k].im = rppg__vf_load(x + stride + i + (size_t)k * step);
    }
    RPPG__CALL(rppg_dsp__dft)(r, z);
    RPPG__UNROLL
    for (k = 1; k < 8; k++)
      if (k < r) z[k] = rppg__vc_mul(z[k],
        _mm512_mask_mov_ps(_mm512_set1_ps(w[2 * k - 2]), next, _mm512_set1_ps(v[2 * k - 2])),
        _mm512_mask_mov_ps(_mm512_set1_ps(w[2 * k - 1]), next, _mm512_set1_ps(v[2 * k - 1])));
    RPPG__UNROLL
    for (k = 0; k < 8; k += 2) if (k < r) {
      float *u = y + k * 8, *u1 = u + r * 8;
      rppg__vf_store(u, _mm512_permutex2var_ps(z[k].re, lo, z[k + 1].re));
      rppg__vf_store(u1, _mm512_permutex2var_ps(z[k].re, hi, z[k + 1].re));
      rppg__vf_store(u + stride, _mm512_permutex2var_ps(z[k].im, lo, z[k + 1].im));
      rppg__vf_store(u1 + stride, _mm512_permutex2var_ps(z[k].im, hi, z[k + 1].im));
    }
  }
}
#endif

/* Interleaved to split. */
RPPG__FN(void, rppg_dsp__fft_unweave)(const float *z, size_t n, float *re, float *im)
{
  size_t i = 0;
  for (; i + RPPG__VF <= n; i += RPPG__VF) {
    const rppg__vc c = rppg__vc_load(z + 2 * i);
    rppg__vf_store(re + i, c.re);
    rppg__vf_store(im + i, c.im);
  }
  for (; i < n; i++) {
    re[i] = z[2 * i];
    im[i] = z[2 * i + 1];
  }
}

/* Split to interleaved, scaled. */
RPPG__FN(void, rppg_dsp__fft_weave)(const float *re, const float *im, size_t n, float scale,
  float *z)
{
  size_t i = 0;
  for (; i + RPPG__VF <= n; i += RPPG__VF) {
    rppg__vc c;
    c.re = rppg__vf_load(re + i);
    c.im = rppg__vf_load(im + i);
    rppg__vc_store(z + 2 * i, rppg__vc_scale(c, rppg__vf_set1(scale)));
  }
  for (; i < n; i++) {
    z[2 * i] = re[i] * scale;
    z[2 * i + 1] = im[i] * scale;
  }
}

/* z[i] = x[i] * w[i], or its conjugate for si = -1; interleaved; z may be x. */
RPPG__FN(void, rppg_dsp__fft_product)(const float *x, const float *w, size_t n, float si, float *z)
{
  size_t i = 0;
  for (; i + RPPG__VF <= n; i += RPPG__VF) {
    const rppg__vc b = rppg__vc_load(w + 2 * i);
    rppg__vc a = rppg__vc_mul(rppg__vc_load(x + 2 * i), b.re, b.im);
    a.im = rppg__vf_mul(a.im, rppg__vf_set1(si));
    rppg__vc_store(z + 2 * i, a);
  }
  for (; i < n; i++) {
    const float a = x[2 * i], b = x[2 * i + 1], c = w[2 * i], d = w[2 * i + 1];
    z[2 * i] = a * c - b * d;
    z[2 * i + 1] = (a * d + b * c) * si;
  }
}

/* Floats in the table of factors of one pass. */
RPPG__SUB(size_t, rppg_dsp__fft_turns)(size_t n, size_t r, size_t s)
{
  if (RPPG__BASE != RPPG__SCALAR && s == 1) return (n / r + 15) / 16 * (r - 1) * 32;
  return n / r / s * (r - 1) * 2;
}

/* All passes: interleaved in, split out; returns re, im lies f->stride behind. */
RPPG__FN(float *, rppg_dsp__fft_core)(const rppg_dsp_fft *f, const float *in)
{
  const size_t n = f->core, stride = f->stride;
  const float *w = f->turns;
  float *x = f->b, *y = f->a, *t;
  size_t s = 1;
  int pass = 0;
#if RPPG__BASE != RPPG__SCALAR
  if (f->passes) {
    const unsigned r = f->radix[0];
    if (n / r % 16 && in != x) { /* would read beyond in */
      memcpy(x, in, n * 2 * sizeof *x);
      in = x;
    }
    switch (r) {
    case 8: RPPG__CALL(rppg_dsp__first)(8, in, y, stride, n, w); break;
    case 5: RPPG__CALL(rppg_dsp__first)(5, in, y, stride, n, w); break;
    case 4: RPPG__CALL(rppg_dsp__first)(4, in, y, stride, n, w); break;
    case 3: RPPG__CALL(rppg_dsp__first)(3, in, y, stride, n, w); break;
    default: RPPG__CALL(rppg_dsp__first)(2, in, y, stride, n, w); break;
    }
    w += RPPG__CALL(rppg_dsp__fft_turns)(n, r, 1);
    pass = 1;
    s = r;
  } else
#endif
  RPPG__CALL(rppg_dsp__fft_unweave)(in, n, y, y + stride);
  t = x; x = y; y = t;
  for (; pass < f->passes; pass++) {
    const unsigned r = f->radix[pass];
    switch (RPPG__PASS == RPPG__AVX512 && s == 8 && r % 4 == 0 ? r + 8 : r) {
#if RPPG__PASS == RPPG__AVX512
    case 16: RPPG__CALL(rppg_dsp__second)(8, x, y, stride, n, s, w); break;
    case 12: RPPG__CALL(rppg_dsp__second)(4, x, y, stride, n, s, w); break;
#endif
    case 8: RPPG__CALL(rppg_dsp__pass)(8, x, y, stride, n, s, w); break;
    case 4: RPPG__CALL(rppg_dsp__pass)(4, x, y, stride, n, s, w); break;
    case 5: RPPG__CALL(rppg_dsp__pass)(5, x, y, stride, n, s, w); break;
    case 3: RPPG__CALL(rppg_dsp__pass)(3, x, y, stride, n, s, w); break;
    default: RPPG__CALL(rppg_dsp__pass)(2, x, y, stride, n, s, w); break;
    }
    w += RPPG__CALL(rppg_dsp__fft_turns)(n, r, s);
    s *= r;
    t = x; x = y; y = t;
  }
  return x;
}

/* Bins k and n - k of a real transform of 2n numbers from its packed complex one, z[n] = z[0]:
   E = (z[k] + z*[n-k]) / 2, P = -i e^(-pi i k / n) (z[k] - z*[n-k]) / 2, X[k] = E + P and
   X*[n-k] = E - P.
   The w hold e^(-pi i k / n) / 2. The arrays at x rise from k, those at y end at n - k. */
RPPG__SUB(void, rppg_dsp__fft_bins)(const float *xr, const float *xi, const float *yr,
  const float *yi, const float *wr, const float *wi, float *lo, float *hi)
{
  const rppg__vf half = rppg__vf_set1(0.5f);
  const rppg__vf ar = rppg__vf_load(xr), br = rppg__vf_rev(rppg__vf_load(yr));
  const rppg__vf ai = rppg__vf_load(xi), bi = rppg__vf_rev(rppg__vf_load(yi));
  rppg__vc d, e;
  d.re = rppg__vf_add(ai, bi);
  d.im = rppg__vf_sub(br, ar);
  d = rppg__vc_mul(d, rppg__vf_load(wr), rppg__vf_load(wi));
  e.re = rppg__vf_mul(rppg__vf_add(ar, br), half);
  e.im = rppg__vf_mul(rppg__vf_sub(ai, bi), half);
  rppg__vc_store(lo, rppg__vc_add(e, d));
  e.re = rppg__vf_rev(rppg__vf_sub(e.re, d.re));
  e.im = rppg__vf_rev(rppg__vf_sub(d.im, e.im));
  rppg__vc_store(hi, e);
}

/* The other way, re and im of the packed z exchanged: that makes the next transform inverse. */
RPPG__SUB(void, rppg_dsp__fft_unbins)(const float *x, const float *y, const float *wr,
  const float *wi, float *lo, float *hi)
{
  const rppg__vf half = rppg__vf_set1(0.5f);
  const rppg__vc a = rppg__vc_load(x), c = rppg__vc_load(y);
  const rppg__vf br = rppg__vf_rev(c.re), bi = rppg__vf_rev(c.im);
  rppg__vc d, e, u;
  d.re = rppg__vf_add(a.im, bi);
  d.im = rppg__vf_sub(a.re, br);
  d = rppg__vc_mul(d, rppg__vf_load(wr), rppg__vf_load(wi));
  e.re = rppg__vf_mul(rppg__vf_add(a.re, br), half);
  e.im = rppg__vf_mul(rppg__vf_sub(a.im, bi), half);
  u.re = rppg__vf_add(e.im, d.im);
  u.im = rppg__vf_sub(e.re, d.re);
  rppg__vc_store(lo, u);
  u.re = rppg__vf_rev(rppg__vf_sub(d.im, e.im));
  u.im = rppg__vf_rev(rppg__vf_add(e.re, d.re));
  rppg__vc_store(hi, u);
}

RPPG__FN(void, rppg_dsp__fft_split)(float *re, float *im, size_t n, const float *w, float *out)
{
  const size_t pairs = (n + 1) / 2;
  size_t k = 0;
  re[n] = re[0];
  im[n] = im[0];
  if (pairs < RPPG__VF) {
    float lo[2 * RPPG__VF], hi[2 * RPPG__VF];
    RPPG__CALL(rppg_dsp__fft_bins)(re, im, re + n - (RPPG__VF - 1), im + n - (RPPG__VF - 1), w,
      w + pairs, lo, hi);
    memcpy(out, lo, pairs * 2 * sizeof *out);
    memcpy(out + 2 * (n + 1 - pairs), hi + 2 * (RPPG__VF - pairs), pairs * 2 * sizeof *out);
  } else for (;;) {
    const size_t c = n - k - (RPPG__VF - 1);
    RPPG__CALL(rppg_dsp__fft_bins)(re + k, im + k, re + c, im + c, w + k, w + pairs + k,
      out + 2 * k, out + 2 * c);
    k += RPPG__VF;
    if (k >= pairs) break;
    if (k + RPPG__VF > pairs) k = pairs - RPPG__VF; /* overlap: the same values again */
  }
  if (n % 2 == 0) { /* the bin that is its own partner */
    out[n] = re[n / 2];
    out[n + 1] = 0.0f - im[n / 2];
  }
}

RPPG__FN(void, rppg_dsp__fft_merge)(const float *in, const float *w, size_t n, float *z)
{
  const size_t pairs = (n + 1) / 2;
  size_t k = 0;
  if (pairs < RPPG__VF) {
    float x[2 * RPPG__VF], y[2 * RPPG__VF], lo[2 * RPPG__VF], hi[2 * RPPG__VF];
    memset(x, 0, sizeof x);
    memset(y, 0, sizeof y);
    memcpy(x, in, pairs * 2 * sizeof *in);
    memcpy(y + 2 * (RPPG__VF - pairs), in + 2 * (n + 1 - pairs), pairs * 2 * sizeof *in);
    RPPG__CALL(rppg_dsp__fft_unbins)(x, y, w, w + pairs, lo, hi);
    memcpy(z, lo, pairs * 2 * sizeof *z);
    memcpy(z + 2 * (n + 1 - pairs), hi + 2 * (RPPG__VF - pairs), pairs * 2 * sizeof *z);
  } else for (;;) {
    const size_t c = n - k - (RPPG__VF - 1);
    RPPG__CALL(rppg_dsp__fft_unbins)(in + 2 * k, in + 2 * c, w + k, w + pairs + k,
      z + 2 * k, z + 2 * c);
    k += RPPG__VF;
    if (k >= pairs) break;
    if (k + RPPG__VF > pairs) k = pairs - RPPG__VF;
  }
  z[0] = (in[0] - in[2 * n]) * 0.5f; /* the imaginary parts of these two bins do not count */
  z[1] = (in[0] + in[2 * n]) * 0.5f;
  if (n % 2 == 0) {
    z[n] = 0.0f - in[n + 1];
    z[n + 1] = in[n];
  }
}

/* ---- end of pass ----------------------------------------------------------------------------- */
#define RPPG__UNBIND
#endif

#ifdef RPPG__UNBIND
#undef RPPG__UNBIND
#undef RPPG__VF
#undef rppg__vf
#undef rppg__vf_zero
#undef rppg__vf_set1
#undef rppg__vf_load
#undef rppg__vf_store
#undef rppg__vf_add
#undef rppg__vf_sub
#undef rppg__vf_mul
#undef rppg__vf_load_lanes
#undef rppg__vf_even
#undef rppg__vf_odd
#undef rppg__vf_zip_lo
#undef rppg__vf_zip_hi
#undef rppg__vf_rev
#undef rppg__vc
#undef rppg__vc_add
#undef rppg__vc_sub
#undef rppg__vc_add_i
#undef rppg__vc_sub_i
#undef rppg__vc_mul
#undef rppg__vc_scale
#undef rppg__vc_load
#undef rppg__vc_store
#undef RPPG__FN
#undef RPPG__SUB
#undef RPPG__CALL
#undef RPPG__PASS
#undef RPPG__SUFFIX
#undef RPPG__TARGET
#endif

#ifdef RPPG_DSP__LAST
#undef RPPG_DSP__LAST

/* ---- detection: own cpuid and xgetbv, never __builtin_cpu_supports (stb issue #280) ---------- */

#if defined(RPPG__DISPATCH)
static void rppg__cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
#if defined(_MSC_VER) && !defined(__clang__)
  __cpuidex((int *)r, (int)leaf, (int)sub);
#else
  __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
#endif
}

static uint32_t rppg__xcr0(void)
{
#if defined(_MSC_VER) && !defined(__clang__)
  return (uint32_t)_xgetbv(0);
#else
  uint32_t a, d;
  __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(a), "=d"(d) : "c"(0)); /* xgetbv */
  (void)d;
  return a;
#endif
}

static rppg_isa rppg__isa_detect(void)
{
  const uint32_t avx2 = 1u << 5, avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F DQ BW VL */
  uint32_t r[4], os;
  rppg__cpuid(0, 0, r);
  if (r[0] < 7) return RPPG_ISA_BASE;
  rppg__cpuid(1, 0, r);
  if (~r[2] & (1u << 27 | 1u << 12 | 1u << 29)) return RPPG_ISA_BASE; /* OSXSAVE, FMA, F16C */
  os = rppg__xcr0();
  rppg__cpuid(7, 0, r);
  if ((os & 0x06) != 0x06 || !(r[1] & avx2)) return RPPG_ISA_BASE;
#if !defined(__APPLE__) /* macOS enables AVX-512 state lazily and reports it wrongly (libdeflate) */
  if ((os & 0xe6) == 0xe6 && (r[1] & avx512) == avx512) return RPPG_ISA_AVX512;
#endif
  return RPPG_ISA_AVX2;
}

/* Whether the set has dot products of bytes too: AVX512-VNNI, AVX-VNNI. */
static int rppg__vnni_detect(rppg_isa isa)
{
  uint32_t r[4];
  if (isa == RPPG_ISA_BASE) return 0;
  rppg__cpuid(7, 0, r);
#ifndef RPPG__EVEX /* tests: the AVX-VNNI kernels on a machine that has AVX512-VNNI alone */
  if (isa == RPPG_ISA_AVX512)
#endif
    return (int)(r[2] >> 11 & 1);
  if (r[0] < 1) return 0;
  rppg__cpuid(7, 1, r);
  return (int)(r[0] >> 4 & 1);
}
#else
static rppg_isa rppg__isa_detect(void) { return RPPG_ISA_BASE; }
static int rppg__vnni_detect(rppg_isa isa) { (void)isa; return 0; }
#endif

/* ---- dispatch -------------------------------------------------------------------------------- */

typedef struct rppg_dsp__kernels {
  float (*dot)(const float *a, const float *b, size_t n);
  void (*slide)(const float *x, const float *h, size_t taps, float *y, size_t n);
  float *(*fft_core)(const rppg_dsp_fft *f, const float *in);
  void (*fft_unweave)(const float *z, size_t n, float *re, float *im);
  void (*fft_weave)(const float *re, const float *im, size_t n, float scale, float *z);
  void (*fft_product)(const float *x, const float *w, size_t n, float si, float *z);
  void (*fft_split)(float *re, float *im, size_t n, const float *w, float *out);
  void (*fft_merge)(const float *in, const float *w, size_t n, float *z);
} rppg_dsp__kernels;

#define RPPG__ROW(isa) { rppg_dsp__dot_##isa, rppg_dsp__slide_##isa, \
  rppg_dsp__fft_core_##isa, rppg_dsp__fft_unweave_##isa, rppg_dsp__fft_weave_##isa, \
  rppg_dsp__fft_product_##isa, rppg_dsp__fft_split_##isa, rppg_dsp__fft_merge_##isa }
static const rppg_dsp__kernels rppg_dsp__table[] = {
  RPPG__ROW(base),
#if defined(RPPG__DISPATCH)
  RPPG__ROW(avx2),
  RPPG__ROW(avx512),
#endif
};
#undef RPPG__ROW

/* The set, plus 256 where it has dot products of bytes. */
static volatile int rppg__isa_now = -1; /* idempotent: racing threads write the same value */

static void rppg__isa_set(rppg_isa isa) { rppg__isa_now = (int)isa + 256 * rppg__vnni_detect(isa); }

RPPG_DEF rppg_isa rppg_isa_best(void)
{
  if (rppg__isa_now < 0) rppg__isa_set(rppg__isa_detect());
  return (rppg_isa)(rppg__isa_now & 255);
}

#ifdef RPPG_TESTING
RPPG_DEF void rppg__isa_force(rppg_isa isa) { rppg__isa_set(isa); }
#endif

RPPG_DEF const char *rppg_isa_name(rppg_isa isa)
{
  if (isa == RPPG_ISA_AVX512) return "avx512";
  if (isa == RPPG_ISA_AVX2) return "avx2";
#if RPPG__BASE == RPPG__SSE2
  return "sse2";
#elif RPPG__BASE == RPPG__NEON
  return "neon";
#elif RPPG__BASE == RPPG__SIMD128
  return "simd128";
#else
  return "scalar";
#endif
}

RPPG_DEF const char *rppg_status_text(rppg_status status)
{
#define RPPG__X(name, value, text) if (status == name) return text;
  RPPG__STATUSES(RPPG__X)
#undef RPPG__X
  return "not a status of rppg";
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* One layout function per object serves both mem_size and init: with a NULL base it only counts,
   since the arithmetic on addresses is the same. */
typedef struct rppg__arena { uintptr_t begin, at, end; int counting, failed; } rppg__arena;

static void rppg__arena_begin(rppg__arena *a, void *mem, size_t size)
{
  a->counting = mem == NULL;
  a->begin = a->at = a->counting ? RPPG__ALIGN : (uintptr_t)mem;
  a->end = a->counting ? UINTPTR_MAX : a->at + size;
  a->failed = !a->counting && a->end < a->at;
}

/* 64-byte aligned room for count elements of size bytes; NULL when counting or out of room. */
static void *rppg__take(rppg__arena *a, size_t count, size_t size)
{
  const uintptr_t room = a->end - a->at;
  const uintptr_t pad = (uintptr_t)(0 - a->at) & (RPPG__ALIGN - 1);
  uintptr_t p;
  if (a->failed || pad > room || count > (room - pad) / size) { a->failed = 1; return NULL; }
  p = a->at + pad;
  a->at = p + count * size;
  return a->counting ? NULL : (void *)p;
}

/* What mem_size answers: 0 for a layout that does not fit an address space, else with slack for
   any alignment of the caller's block. */
static size_t rppg__arena_size(const rppg__arena *a)
{
  const uintptr_t used = a->at - a->begin;
  if (a->failed || used > (uintptr_t)((size_t)-1 / 2)) return 0;
  return (size_t)used + RPPG__ALIGN - 1;
}

/* ---- mathematics: the same bits on every machine, so nothing is asked of libm but sqrt ------- */

#ifdef RPPG_NO_LIBM
/* Correctly rounded square root, one result bit a step; only for builds without libm. */
static double rppg__sqrt(double x)
{
  uint64_t u, m, rem = 0, root = 0;
  int e, i;
  double r;
  if (!(x > 0.0)) return x == 0.0 ? x : (x - x) / (x - x); /* NaN */
  memcpy(&u, &x, sizeof u);
  e = (int)(u >> 52);
  if (e == 0x7ff) return x;
  if (e == 0) return rppg__sqrt(x * 18014398509481984.0) * (1.0 / 134217728.0); /* 2^54, 2^27 */
  m = (u & 0xfffffffffffffu) | 0x10000000000000u;
  e -= 1023;
  if (e & 1) { m <<= 1; e -= 1; }
  m <<= 10; /* m / 2^62 in [1, 4): two bits a step from the top, then zeros */
  for (i = 0; i < 54; i++) {
    rem = rem << 2 | m >> 62;
    m <<= 2;
    root <<= 1;
    if (rem > root << 1) { rem -= root << 1 | 1; root |= 1; }
  }
  root = (root >> 1) + (root & 1); /* 54 bits to 53: a tie would need a 107-bit square */
  r = (double)root * (1.0 / 4503599627370496.0); /* 2^-52 */
  u = (uint64_t)(1023 + e / 2) << 52;
  memcpy(&x, &u, sizeof x);
  return r * x;
}
#else
#  define rppg__sqrt(x) sqrt(x)
#endif

/* sin(pi x) and cos(pi x): x = q / 2 + t with integer q and |t| <= 1/4, exactly; then the Taylor
   series to terms below 2^-63. Error below 1.5 ulp (measured), none at multiples of 1/2. */
static void rppg__sincospi(double x, double *s, double *c)
{
  static const double S[] = { /* (-1)^k pi^(2k+1) / (2k+1)! */
    3.141592653589793, -5.16771278004997, 2.5501640398773455,
    -0.5992645293207921, 0.08214588661112823, -0.0073704309457143504,
    0.00046630280576761255, -2.1915353447830217e-05, 7.952054001475513e-07 };
  static const double C[] = { /* (-1)^k pi^(2k) / (2k)!, k >= 1 */
    -4.934802200544679, 4.0587121264167685, -1.3352627688545895,
    0.2353306303588932, -0.02580689139001406, 0.0019295743094039231,
    -0.0001046381049248457, 4.303069587032947e-06, -1.3878952462213771e-07 };
  double t, u, ps, pc;
  int64_t q;
  int i;
  if (!(x > -9007199254740992.0 && x < 9007199254740992.0)) { /* 2^53: even, infinite or NaN */
    *s = x - x;
    *c = 1.0 + (x - x);
    return;
  }
  q = (int64_t)(2.0 * x + (x < 0.0 ? -0.5 : 0.5));
  t = x - 0.5 * (double)q;
  u = t * t;
  ps = S[8];
  pc = C[8];
  for (i = 7; i >= 0; i--) {
    ps = ps * u + S[i];
    pc = pc * u + C[i];
  }
  ps *= t;
  pc = pc * u + 1.0;
  *s = q & 1 ? pc : ps;
  *c = q & 1 ? ps : pc;
  if (q & 2) *s = -*s;
  if ((q + 1) & 2) *c = -*c;
}

/* ---- FFT and what is built on it ------------------------------------------------------------- */

/* w = scale * e^(-pi i x) */
static void rppg_dsp__turn(double x, double scale, float *w, size_t im)
{
  double s, c;
  rppg__sincospi(x, &s, &c);
  w[0] = (float)(c * scale);
  w[im] = (float)(-s * scale);
}

/* n = product of f->radix, or 0. Powers of two lead, since only they can start quickly: 8 8 .. then
   4, 4 4 or 2; a lone 2 goes last. */
static int rppg_dsp__fft_factor(rppg_dsp_fft *f, size_t n)
{
  size_t two = 0;
  int i = 0;
  for (; n % 2 == 0; n /= 2) two++;
  for (; two > 4 || two == 3; two -= 3) f->radix[i++] = 8;
  if (two == 4) { /* 4 4 needs s = 8 before it */
    f->radix[i] = (unsigned char)(i ? 4 : 8);
    f->radix[i + 1] = (unsigned char)(i ? 4 : 2);
    i += 2;
  }
  if (two == 2) f->radix[i++] = 4;
  for (; n % 5 == 0; n /= 5) f->radix[i++] = 5;
  for (; n % 3 == 0; n /= 3) f->radix[i++] = 3;
  if (two == 1) f->radix[i++] = 2;
  f->passes = i;
  return n == 1;
}

/* The tables of the passes. */
static void rppg_dsp__fft_fill(const rppg_dsp_fft *f)
{
  const size_t n = f->core;
  float *w = f->turns;
  size_t s = 1, p, k, i;
  int pass;
  for (pass = 0; pass < f->passes; pass++) {
    const size_t r = f->radix[pass], step = n / r;
    const double unit = 2.0 / (double)(n / s); /* half turns */
    for (k = 1; k < r; k++) {
      if (RPPG__BASE != RPPG__SCALAR && s == 1) {
        for (i = 0; i < step; i++) {
          float *v = w + (i / 16 * (r - 1) + k - 1) * 32 + i % 16;
          rppg_dsp__turn((double)(i * k) * unit, 1.0, v, 16);
        }
      } else {
        for (p = 0; p < step / s; p++)
          rppg_dsp__turn((double)(p * k) * unit, 1.0, w + (p * (r - 1) + k - 1) * 2, 1);
      }
    }
    w += rppg_dsp__fft_turns_base(n, r, s);
    s *= r;
  }
}

/* ins, outs and chirped are set; with a NULL block this only counts. */
static void rppg_dsp__fft_layout(rppg_dsp_fft *f, rppg__arena *a)
{
  const size_t pairs = (f->outs + 1) / 2;
  size_t turns = 0, s = 1, i;
  rppg_isa isa;
  f->core = f->outs;
  if (f->chirped) { /* the least 4, 5, 6 or 8 times a power of two that holds the convolution */
    const size_t need = f->ins + f->outs - 1;
    size_t p = 4, c;
    while (8 * p < need) p *= 2;
    for (c = 4; c * p < need; c++) { }
    f->core = (c == 7 ? 8 : c) * p;
  }
  rppg_dsp__fft_factor(f, f->core);
  for (i = 0; (int)i < f->passes; s *= f->radix[i++])
    turns += rppg_dsp__fft_turns_base(f->core, f->radix[i], s);
  /* room before and behind, as the kernels ask for: 16, and 8 * 16 at most; 1 for scalars */
  f->stride = (f->core + (RPPG__BASE == RPPG__SCALAR ? 32 : 16 + 128) + 15) / 16 * 16;
  f->a = (float *)rppg__take(a, 2 * f->stride, sizeof(float));
  f->b = (float *)rppg__take(a, 2 * f->stride, sizeof(float));
  if (f->a && f->b) { f->a += 16; f->b += 16; }
  f->turns = (float *)rppg__take(a, turns + 16, sizeof(float));
  f->split = f->chirp_in = f->chirp_out = f->filter = f->buf = NULL;
  if (f->real_even) f->split = (float *)rppg__take(a, 2 * pairs + 16, sizeof(float));
  if (f->chirped) {
    f->chirp_in = (float *)rppg__take(a, 2 * f->ins, sizeof(float));
    f->chirp_out = (float *)rppg__take(a, 2 * f->outs, sizeof(float));
    f->filter = (float *)rppg__take(a, 2 * f->core, sizeof(float));
    f->buf = (float *)rppg__take(a, 2 * f->core, sizeof(float));
  }
  isa = rppg_isa_best();
  if (isa == RPPG_ISA_AVX512 && f->core < 64) isa = RPPG_ISA_AVX2; /* half-empty vectors are slower */
  f->kernels = &rppg_dsp__table[isa];
}

static const rppg_dsp__kernels *rppg_dsp__fft_kernels(const rppg_dsp_fft *f)
{
  return (const rppg_dsp__kernels *)f->kernels;
}

/* The transform: interleaved in[ins], which may be f->b, to split numbers at the address returned,
   im f->stride behind re, with some room before and behind. */
static float *rppg_dsp__fft_run(const rppg_dsp_fft *f, const float *in)
{
  const rppg_dsp__kernels *k = rppg_dsp__fft_kernels(f);
  float *z;
  if (!f->chirped) return k->fft_core(f, in);
  /* chirp_out * (filter convolved with chirp_in * in), the inverse as conj(forward(conj)) */
  k->fft_product(in, f->chirp_in, f->ins, 1.0f, f->buf);
  memset(f->buf + 2 * f->ins, 0, (f->core - f->ins) * 2 * sizeof(float));
  z = k->fft_core(f, f->buf);
  k->fft_weave(z, z + f->stride, f->core, 1.0f, f->buf);
  k->fft_product(f->buf, f->filter, f->core, -1.0f, f->buf);
  z = k->fft_core(f, f->buf);
  k->fft_weave(z, z + f->stride, f->outs, 1.0f, f->buf);
  k->fft_product(f->buf, f->chirp_out, f->outs, -1.0f, f->buf);
  k->fft_unweave(f->buf, f->outs, f->a, f->a + f->stride);
  return f->a;
}

/* x mod 2 in units of 2^-63, so that sums and products of phases wrap by themselves. */
static uint64_t rppg_dsp__phase(double x)
{
  x -= 2.0 * (double)(int64_t)(x * 0.5);
  if (x < 0.0) x += 2.0;
  return x < 2.0 ? (uint64_t)(x * 9223372036854775808.0 + 0.5) : 0;
}

/* The phase of the chirp at j in half turns: j^2 / n if n is not 0, else a j + d j^2. */
static double rppg_dsp__fft_phase(uint64_t j, uint64_t n, uint64_t a, uint64_t d)
{
  if (n) return (double)(j * j % (2 * n)) / (double)n;
  return (double)(a * j + d * j * j) * (1.0 / 9223372036854775808.0);
}

/* The tables of the chirp; those of the passes are there. */
static void rppg_dsp__fft_fill_chirp(const rppg_dsp_fft *f, uint64_t n, uint64_t a, uint64_t d)
{
  const rppg_dsp__kernels *k = rppg_dsp__fft_kernels(f);
  const double scale = 1.0 / (double)f->core;
  float *z = f->buf;
  size_t j;
  for (j = 0; j < f->ins; j++)
    rppg_dsp__turn(rppg_dsp__fft_phase(j, n, a, d), 1.0, f->chirp_in + 2 * j, 1);
  for (j = 0; j < f->outs; j++)
    rppg_dsp__turn(-rppg_dsp__fft_phase(j, n, 0, d), 1.0, f->chirp_out + 2 * j, 1);
  memset(z, 0, 2 * f->core * sizeof *z);
  for (j = 0; j < f->ins || j < f->outs; j++) {
    float w[2];
    rppg_dsp__turn(-rppg_dsp__fft_phase(j, n, 0, d), scale, w, 1);
    if (j < f->outs) memcpy(z + 2 * j, w, sizeof w);
    if (j < f->ins && j > 0) memcpy(z + 2 * (f->core - j), w, sizeof w);
  }
  z = k->fft_core(f, f->buf);
  k->fft_weave(z, z + f->stride, f->core, 1.0f, f->filter);
}

/* Everything of the object but the tables; 0 for a config that is refused. */
static int rppg_dsp__fft_plan(rppg_dsp_fft *f, rppg__arena *a, const rppg_dsp_fft_config *config)
{
  if (!config || config->n < 1 || config->n > RPPG_DSP_FFT_MAX) return 0;
  memset(f, 0, sizeof *f);
  f->n = config->n;
  f->complex_input = config->complex_input != 0;
  f->real_even = !f->complex_input && f->n % 2 == 0;
  f->ins = f->outs = f->real_even ? f->n / 2 : f->n;
  f->chirped = !rppg_dsp__fft_factor(f, f->outs);
  rppg_dsp__fft_layout(f, a);
  return 1;
}

RPPG_DEF size_t rppg_dsp_fft_mem_size(const rppg_dsp_fft_config *config)
{
  rppg__arena a;
  rppg_dsp_fft f;
  rppg__arena_begin(&a, NULL, 0);
  return rppg_dsp__fft_plan(&f, &a, config) ? rppg__arena_size(&a) : 0;
}

RPPG_DEF rppg_status rppg_dsp_fft_init(rppg_dsp_fft *fft, const rppg_dsp_fft_config *config,
  void *mem, size_t size)
{
  rppg__arena a;
  rppg_dsp_fft f;
  if (!fft || !mem) return RPPG_ERR_ARG;
  rppg__arena_begin(&a, mem, size);
  if (!rppg_dsp__fft_plan(&f, &a, config)) return RPPG_ERR_ARG;
  if (a.failed || size < rppg_dsp_fft_mem_size(config)) return RPPG_ERR_SPACE;
  *fft = f;
  memset(mem, 0, size);
  rppg_dsp__fft_fill(fft);
  if (fft->real_even) {
    const size_t pairs = (fft->outs + 1) / 2;
    size_t k;
    for (k = 0; k < pairs; k++)
      rppg_dsp__turn((double)k / (double)fft->outs, 0.5, fft->split + k, pairs);
  }
  if (fft->chirped) rppg_dsp__fft_fill_chirp(fft, fft->outs, 0, 0);
  return RPPG_OK;
}

RPPG_DEF void rppg_dsp_fft_forward(rppg_dsp_fft *fft, const float *in, float *out)
{
  const rppg_dsp__kernels *k = rppg_dsp__fft_kernels(fft);
  const size_t n = fft->n;
  float *z;
  size_t i;
  if (fft->complex_input) {
    z = rppg_dsp__fft_run(fft, in);
    k->fft_weave(z, z + fft->stride, n, 1.0f, out);
  } else if (fft->real_even) {
    z = rppg_dsp__fft_run(fft, in);
    k->fft_split(z, z + fft->stride, fft->outs, fft->split, out);
  } else {
    for (i = 0; i < n; i++) {
      fft->b[2 * i] = in[i];
      fft->b[2 * i + 1] = 0.0f;
    }
    z = rppg_dsp__fft_run(fft, fft->b);
    k->fft_weave(z, z + fft->stride, n / 2 + 1, 1.0f, out);
  }
}

/* The inverse is the forward transform with re and im exchanged before and after. */
RPPG_DEF void rppg_dsp_fft_inverse(rppg_dsp_fft *fft, const float *in, float *out)
{
  const rppg_dsp__kernels *k = rppg_dsp__fft_kernels(fft);
  const size_t n = fft->n;
  const float scale = (float)(1.0 / (double)fft->outs);
  float *b = fft->b, *z;
  size_t i;
  if (fft->real_even) {
    k->fft_merge(in, fft->split, fft->outs, b);
  } else if (fft->complex_input) {
    for (i = 0; i < n; i++) {
      b[2 * i] = in[2 * i + 1];
      b[2 * i + 1] = in[2 * i];
    }
  } else {
    b[0] = 0.0f;
    b[1] = in[0];
    for (i = 1; i <= n / 2; i++) {
      b[2 * i] = in[2 * i + 1];
      b[2 * (n - i)] = 0.0f - in[2 * i + 1];
      b[2 * i + 1] = b[2 * (n - i) + 1] = in[2 * i];
    }
  }
  z = rppg_dsp__fft_run(fft, b);
  if (fft->complex_input || fft->real_even) k->fft_weave(z + fft->stride, z, fft->outs, scale, out);
  else for (i = 0; i < n; i++) out[i] = z[fft->stride + i] * scale;
}

static int rppg_dsp__zoom_plan(rppg_dsp_fft *f, rppg__arena *a, const rppg_dsp_zoom_config *c)
{
  if (!c || c->n < 1 || c->m < 1 || c->n > RPPG_DSP_FFT_MAX || c->m > RPPG_DSP_FFT_MAX) return 0;
  if (c->n + c->m - 1 > RPPG_DSP_FFT_MAX || !(c->rate_hz > 0.0)) return 0;
  if (!(c->f0_hz >= -c->rate_hz && c->f0_hz <= c->rate_hz)) return 0;
  if (!(c->f1_hz >= -c->rate_hz && c->f1_hz <= c->rate_hz)) return 0;
  memset(f, 0, sizeof *f);
  f->n = f->ins = c->n;
  f->outs = c->m;
  f->chirped = 1;
  rppg_dsp__fft_layout(f, a);
  return 1;
}

RPPG_DEF size_t rppg_dsp_zoom_mem_size(const rppg_dsp_zoom_config *config)
{
  rppg__arena a;
  rppg_dsp_fft f;
  rppg__arena_begin(&a, NULL, 0);
  return rppg_dsp__zoom_plan(&f, &a, config) ? rppg__arena_size(&a) : 0;
}

RPPG_DEF rppg_status rppg_dsp_zoom_init(rppg_dsp_zoom *zoom, const rppg_dsp_zoom_config *config,
  void *mem, size_t size)
{
  rppg__arena a;
  rppg_dsp_fft f;
  double step = 0.0;
  if (!zoom || !mem) return RPPG_ERR_ARG;
  rppg__arena_begin(&a, mem, size);
  if (!rppg_dsp__zoom_plan(&f, &a, config)) return RPPG_ERR_ARG;
  if (a.failed || size < rppg_dsp_zoom_mem_size(config)) return RPPG_ERR_SPACE;
  zoom->fft = f;
  memset(mem, 0, size);
  rppg_dsp__fft_fill(&f);
  if (config->m > 1) step = (config->f1_hz - config->f0_hz) / (double)(config->m - 1);
  rppg_dsp__fft_fill_chirp(&f, 0, rppg_dsp__phase(2.0 * config->f0_hz / config->rate_hz),
    rppg_dsp__phase(step / config->rate_hz));
  return RPPG_OK;
}

RPPG_DEF void rppg_dsp_zoom_run(rppg_dsp_zoom *zoom, const float *x, float *out)
{
  const rppg_dsp_fft *f = &zoom->fft;
  float *z;
  size_t i;
  for (i = 0; i < f->n; i++) {
    f->b[2 * i] = x[i];
    f->b[2 * i + 1] = 0.0f;
  }
  z = rppg_dsp__fft_run(f, f->b);
  rppg_dsp__fft_kernels(f)->fft_weave(z, z + f->stride, f->outs, 1.0f, out);
}

RPPG_DEF void rppg_dsp_goertzel(const float *x, size_t n, double hz, double rate_hz, double out[2])
{
  double s, c, sh, ch, k, u = 0.0, d = 0.0;
  rppg__sincospi(2.0 * hz / rate_hz, &s, &c);
  rppg__sincospi(hz / rate_hz, &sh, &ch);
  if (c > 0.0) { /* u[j] = x[j] + 2 cos u[j+1] - u[j+2], d[j] = u[j] - u[j+1] */
    k = -4.0 * sh * sh;
    while (n-- > 1) {
      d = d + k * u + (double)x[n];
      u = d + u;
    }
  } else { /* d[j] = u[j] + u[j+1] */
    k = 4.0 * ch * ch;
    while (n-- > 1) {
      d = k * u - d + (double)x[n];
      u = d - u;
    }
  }
  if (n != 0) { out[0] = out[1] = 0.0; return; } /* n was 0 and wrapped */
  d = (c > 0.0 ? d : -d) + k * u + (double)x[0];
  out[0] = d - 0.5 * k * u;
  out[1] = -s * u;
}

#define RPPG__PI 3.14159265358979323846

/* Natural logarithm of a positive normal number, to 1 ulp or so. */
static double rppg__log(double x)
{
  uint64_t u;
  int e, i;
  double m, s, s2, p;
  memcpy(&u, &x, sizeof u);
  e = (int)(u >> 52) - 1023;
  u = (u & 0xfffffffffffffu) | (uint64_t)1023 << 52;
  memcpy(&m, &u, sizeof m);
  if (m > 1.4142135623730951) { m *= 0.5; e++; }
  s = (m - 1.0) / (m + 1.0); /* ln m = 2 artanh s, |s| < 0.172 */
  s2 = s * s;
  for (p = 0.0, i = 21; i > 0; i -= 2) p = p * s2 + 1.0 / (double)i;
  return 2.0 * s * p + (double)e * 0.69314718055994531;
}

RPPG_DEF double rppg_dsp_db(double ratio)
{
  if (!(ratio > 1e-10)) return -100.0;
  if (ratio > 1e10) return 100.0;
  return 4.3429448190325183 * rppg__log(ratio); /* 10 / ln 10 */
}

static double rppg__abs(double x) { return x < 0.0 ? -x : x; }

/* Not NaN and not infinite, also under -ffast-math. */
static int rppg__finite(double x)
{
  uint64_t u;
  memcpy(&u, &x, sizeof u);
  return (u >> 52 & 0x7ff) != 0x7ff;
}

/* ---- windows and spectra --------------------------------------------------------------------- */

/* Modified Bessel function I0 by its power series, |x| <= 100. */
static double rppg_dsp__bessel_i0(double x)
{
  double sum = 1.0, term = 1.0;
  int k;
  for (k = 1; k < 250 && term > sum * 1e-17; k++) {
    term *= (x / (2.0 * k)) * (x / (2.0 * k));
    sum += term;
  }
  return sum;
}

RPPG_DEF rppg_status rppg_dsp_window(rppg_dsp_window_kind kind, double beta, int periodic, size_t n,
                                     float *w)
{
  static const double cosine[3][3] = { /* a0, a1, a2 of a0 - a1 cos(2 pi i / m) + a2 cos(4 pi i / m) */
    { 0.5, 0.5, 0.0 }, { 0.54, 0.46, 0.0 }, { 0.42, 0.5, 0.08 }
  };
  const size_t end = periodic ? n : n - 1; /* w[end - i] is w[i] */
  const double m = (double)end;
  size_t i;
  if (n < 1 || (unsigned)kind > (unsigned)RPPG_DSP_BOXCAR || !(beta >= 0.0 && beta <= 100.0))
    return RPPG_ERR_ARG;
  for (i = 0; i < n; i++) {
    if (kind == RPPG_DSP_BOXCAR || n == 1) {
      w[i] = 1.0f;
    } else if (2 * i > end) {
      w[i] = w[end - i];
    } else if (kind == RPPG_DSP_KAISER) {
      const double u = 2.0 * (double)i / m - 1.0;
      w[i] = (float)(rppg_dsp__bessel_i0(beta * rppg__sqrt(1.0 - u * u)) / rppg_dsp__bessel_i0(beta));
    } else {
      const double *a = cosine[kind];
      double s, c1, c2 = 0.0;
      rppg__sincospi(2.0 * (double)i / m, &s, &c1);
      if (a[2] > 0.0) rppg__sincospi(4.0 * (double)i / m, &s, &c2);
      w[i] = (float)(a[0] - a[1] * c1 + a[2] * c2);
    }
  }
  return RPPG_OK;
}

RPPG_DEF void rppg_dsp_detrend(rppg_dsp_detrend_kind kind, const float *x, size_t n, float *y)
{
  const double mid = ((double)n - 1.0) / 2.0;
  double mean = 0.0, slope = 0.0;
  size_t i;
  if (kind != RPPG_DSP_DETREND_NONE && n > 0) {
    for (i = 0; i < n; i++) mean += (double)x[i];
    mean /= (double)n;
  }
  if (kind == RPPG_DSP_DETREND_LINEAR && n > 1) {
    for (i = 0; i < n; i++) slope += ((double)i - mid) * ((double)x[i] - mean);
    slope /= (double)n * ((double)n * (double)n - 1.0) / 12.0; /* sum of (i - mid)^2 */
  }
  for (i = 0; i < n; i++)
    y[i] = (float)((double)x[i] - (mean + slope * ((double)i - mid)));
}

/* Fills in the defaults; 0 if the config is refused. */
static int rppg_dsp__psd_config(rppg_dsp_psd_config *c, const rppg_dsp_psd_config *cfg)
{
  if (!cfg) return 0;
  *c = *cfg;
  if (!c->nfft) c->nfft = c->n;
  if (!c->hop) c->hop = c->n - c->n / 2;
  if (c->rate_hz == 0.0) c->rate_hz = 1.0;
  return c->n >= 2 && c->n <= 65536 && c->nfft >= c->n && c->rate_hz > 0.0 &&
         rppg__finite(c->rate_hz) && (unsigned)c->window <= (unsigned)RPPG_DSP_BOXCAR &&
         c->beta >= 0.0 && c->beta <= 100.0 && (unsigned)c->detrend <= (unsigned)RPPG_DSP_DETREND_NONE;
}

/* The one layout of a psd's block: sizes and pointers. */
static rppg_status rppg_dsp__psd_layout(rppg_dsp_psd *psd, rppg__arena *a)
{
  rppg_dsp_fft_config f;
  size_t fft_size;
  void *fft_mem;
  memset(&f, 0, sizeof f);
  f.n = psd->cfg.nfft;
  fft_size = rppg_dsp_fft_mem_size(&f);
  if (!fft_size) return RPPG_ERR_ARG;
  psd->window = (float *)rppg__take(a, psd->cfg.n, sizeof(float));
  psd->x = (float *)rppg__take(a, psd->cfg.nfft, sizeof(float));
  psd->spectrum = (float *)rppg__take(a, 2 * psd->bins, sizeof(float));
  psd->sum = (double *)rppg__take(a, psd->bins, sizeof(double));
  fft_mem = rppg__take(a, fft_size, 1);
  if (a->failed) return RPPG_ERR_SPACE;
  return a->counting ? RPPG_OK : rppg_dsp_fft_init(&psd->fft, &f, fft_mem, fft_size);
}

RPPG_DEF size_t rppg_dsp_psd_mem_size(const rppg_dsp_psd_config *cfg)
{
  rppg_dsp_psd p;
  rppg__arena a;
  if (!rppg_dsp__psd_config(&p.cfg, cfg)) return 0;
  p.bins = p.cfg.nfft / 2 + 1;
  rppg__arena_begin(&a, NULL, 0);
  return rppg_dsp__psd_layout(&p, &a) == RPPG_OK ? rppg__arena_size(&a) : 0;
}

RPPG_DEF rppg_status rppg_dsp_psd_init(rppg_dsp_psd *psd, const rppg_dsp_psd_config *cfg, void *mem,
                                       size_t mem_size)
{
  rppg_dsp_psd p;
  rppg__arena a;
  rppg_status status;
  double energy = 0.0;
  size_t i;
  memset(&p, 0, sizeof p);
  if (!psd || !mem || !rppg_dsp__psd_config(&p.cfg, cfg)) return RPPG_ERR_ARG;
  p.bins = p.cfg.nfft / 2 + 1;
  p.bin_hz = p.cfg.rate_hz / (double)p.cfg.nfft;
  i = rppg_dsp_psd_mem_size(cfg);
  if (!i) return RPPG_ERR_ARG;
  if (mem_size < i) return RPPG_ERR_SPACE; /* also where the block is aligned by luck */
  rppg__arena_begin(&a, mem, mem_size);
  status = rppg_dsp__psd_layout(&p, &a);
  if (status != RPPG_OK) return status;
  rppg_dsp_window(p.cfg.window, p.cfg.beta, 1, p.cfg.n, p.window);
  for (i = 0; i < p.cfg.n; i++) energy += (double)p.window[i] * (double)p.window[i];
  p.scale = 2.0 / (energy * p.cfg.rate_hz); /* twice: the negative frequencies */
  *psd = p;
  return RPPG_OK;
}

RPPG_DEF rppg_status rppg_dsp_psd_run(rppg_dsp_psd *psd, const float *x, size_t len, float *power)
{
  const rppg_dsp_psd_config *c = &psd->cfg;
  size_t at, i, segments = 0;
  if (len < c->n) return RPPG_ERR_DATA;
  for (i = 0; i < psd->bins; i++) psd->sum[i] = 0.0;
  for (at = 0;; at += c->hop) {
    const float *s = psd->spectrum;
    rppg_dsp_detrend(c->detrend, x + at, c->n, psd->x);
    for (i = 0; i < c->n; i++) psd->x[i] *= psd->window[i];
    for (; i < c->nfft; i++) psd->x[i] = 0.0f;
    rppg_dsp_fft_forward(&psd->fft, psd->x, psd->spectrum);
    for (i = 0; i < psd->bins; i++, s += 2)
      psd->sum[i] += (double)s[0] * (double)s[0] + (double)s[1] * (double)s[1];
    segments++;
    if (len - at - c->n < c->hop) break; /* no sum of at and hop: it could wrap */
  }
  for (i = 0; i < psd->bins; i++) {
    const int alone = i == 0 || 2 * i == c->nfft; /* these bins have no mirror */
    power[i] = (float)(psd->sum[i] * psd->scale * (alone ? 0.5 : 1.0) / (double)segments);
  }
  return RPPG_OK;
}

/* Power of one frequency  [Scargle1982, eq. 10]: the offset tau makes sine and cosine orthogonal. */
static double rppg_dsp__lomb_one(const double *t, const float *x, size_t n, double f)
{
  double xc = 0.0, xs = 0.0, cc = 0.0, cs = 0.0, s, c, ss, norm, ct, st, a, b;
  size_t i;
  for (i = 0; i < n; i++) {
    rppg__sincospi(2.0 * f * (t[i] - t[0]), &s, &c);
    xc += (double)x[i] * c;
    xs += (double)x[i] * s;
    cc += c * c;
    cs += c * s;
  }
  ss = (double)n - cc;
  /* half of the angle whose tangent is 2 cs / (cc - ss), without an arctangent */
  norm = rppg__sqrt((cc - ss) * (cc - ss) + 4.0 * cs * cs);
  ct = 1.0;
  st = 0.0;
  if (norm > 0.0) {
    ct = rppg__sqrt(0.5 * (1.0 + (cc - ss) / norm));
    st = rppg__sqrt(0.5 * (1.0 - (cc - ss) / norm));
    if (cs < 0.0) st = -st;
  }
  a = ct * xc + st * xs;
  b = ct * xs - st * xc;
  cc = ct * ct * cc + 2.0 * ct * st * cs + st * st * ss;
  ss = (double)n - cc;
  return 0.5 * ((cc > 0.0 ? a * a / cc : 0.0) + (ss > (double)n * 1e-12 ? b * b / ss : 0.0));
}

RPPG_DEF rppg_status rppg_dsp_lomb(const double *t, const float *x, size_t n, double f0_hz,
                                   double df_hz, size_t m, float *power)
{
  size_t k;
  if (n < 1 || !(f0_hz > 0.0) || !(df_hz >= 0.0) || !rppg__finite(f0_hz) || !rppg__finite(df_hz))
    return RPPG_ERR_ARG;
  for (k = 0; k < m; k++)
    power[k] = (float)rppg_dsp__lomb_one(t, x, n, f0_hz + (double)k * df_hz);
  return RPPG_OK;
}

RPPG_DEF double rppg_dsp_vertex(const float *y, size_t n, size_t i, double *height)
{
  double shift = 0.0, top = (double)y[i];
  if (i > 0 && i + 1 < n) {
    const double l = (double)y[i - 1], c = (double)y[i], r = (double)y[i + 1];
    const double bend = l - 2.0 * c + r;
    if (bend < 0.0 && l <= c && r <= c) {
      shift = 0.5 * (l - r) / bend;
      top = c - 0.25 * (l - r) * shift;
    }
  }
  if (height) *height = top;
  return (double)i + shift;
}

/* ---- filters --------------------------------------------------------------------------------- */

typedef struct rppg__complex { double re, im; } rppg__complex;

static rppg__complex rppg__cmul(rppg__complex a, rppg__complex b)
{
  rppg__complex c;
  c.re = a.re * b.re - a.im * b.im;
  c.im = a.re * b.im + a.im * b.re;
  return c;
}

static rppg__complex rppg__cdiv(rppg__complex a, rppg__complex b)
{
  const double d = b.re * b.re + b.im * b.im;
  b.im = -b.im;
  a = rppg__cmul(a, b);
  a.re /= d;
  a.im /= d;
  return a;
}

/* The root with a real part >= 0. */
static rppg__complex rppg__csqrt(rppg__complex a)
{
  const double r = rppg__sqrt(a.re * a.re + a.im * a.im);
  rppg__complex c;
  c.re = rppg__sqrt(0.5 * (r + a.re > 0.0 ? r + a.re : 0.0));
  c.im = rppg__sqrt(0.5 * (r - a.re > 0.0 ? r - a.re : 0.0));
  if (a.im < 0.0) c.im = -c.im;
  return c;
}

/* Bilinear transform of a pole, sampling interval 1 and s in units of 2. */
static rppg__complex rppg_dsp__bilinear(rppg__complex s)
{
  rppg__complex num, den;
  num.re = 1.0 + s.re;
  num.im = s.im;
  den.re = 1.0 - s.re;
  den.im = -s.im;
  return rppg__cdiv(num, den);
}

/* |b(z) / a(z)| of one section at a point of the unit circle. */
static double rppg_dsp__section_gain(const double c[5], rppg__complex z)
{
  const rppg__complex z2 = rppg__cmul(z, z);
  rppg__complex b, a, q;
  b.re = c[0] * z2.re + c[1] * z.re + c[2];
  b.im = c[0] * z2.im + c[1] * z.im;
  a.re = z2.re + c[3] * z.re + c[4];
  a.im = z2.im + c[3] * z.im;
  q = rppg__cdiv(b, a);
  return rppg__sqrt(q.re * q.re + q.im * q.im);
}

/* Adds the section with s-plane poles p and q (conjugates or both real), normalised to gain one at
   z0; pole q is absent in a first-order section. */
static void rppg_dsp__add_section(rppg_dsp_sos *sos, rppg_dsp_band band, rppg__complex p,
                                  const rppg__complex *q, rppg__complex z0)
{
  static const double zeros[3][2] = { { 2.0, 1.0 }, { -2.0, 1.0 }, { 0.0, -1.0 } };
  double *c = sos->c[sos->sections++], gain;
  const rppg__complex zp = rppg_dsp__bilinear(p);
  c[0] = 1.0;
  if (q) {
    const rppg__complex zq = rppg_dsp__bilinear(*q);
    c[1] = zeros[band][0];
    c[2] = zeros[band][1];
    c[3] = -(zp.re + zq.re);
    c[4] = zp.re * zq.re - zp.im * zq.im;
  } else {
    c[1] = band == RPPG_DSP_LOWPASS ? 1.0 : -1.0;
    c[2] = 0.0;
    c[3] = -zp.re;
    c[4] = 0.0;
  }
  gain = rppg_dsp__section_gain(c, z0);
  c[0] /= gain;
  c[1] /= gain;
  c[2] /= gain;
}

/* tan(pi f / rate): the bilinear transform's frequency, s in units of 2. */
static double rppg_dsp__warp(double hz, double rate_hz)
{
  double s, c;
  rppg__sincospi(hz / rate_hz, &s, &c);
  return s / c;
}

static int rppg_dsp__band_ok(rppg_dsp_band band, double lo_hz, double hi_hz, double rate_hz)
{
  if (!rppg__finite(rate_hz) || !(lo_hz > 0.0) || !(lo_hz < 0.5 * rate_hz)) return 0;
  if (band == RPPG_DSP_LOWPASS || band == RPPG_DSP_HIGHPASS) return 1;
  return band == RPPG_DSP_BANDPASS && hi_hz > lo_hz && hi_hz < 0.5 * rate_hz;
}

RPPG_DEF rppg_status rppg_dsp_butter(rppg_dsp_sos *sos, int order, rppg_dsp_band band, double lo_hz,
                                     double hi_hz, double rate_hz)
{
  rppg__complex z0 = { 1.0, 0.0 };
  double w1, w2, bw, w0;
  int k;
  if (order < 1 || order > RPPG_DSP_MAX_ORDER || !rppg_dsp__band_ok(band, lo_hz, hi_hz, rate_hz))
    return RPPG_ERR_ARG;
  w1 = rppg_dsp__warp(lo_hz, rate_hz);
  w2 = band == RPPG_DSP_BANDPASS ? rppg_dsp__warp(hi_hz, rate_hz) : w1;
  bw = w2 - w1;
  w0 = rppg__sqrt(w1 * w2);
  if (band == RPPG_DSP_HIGHPASS) z0.re = -1.0;
  if (band == RPPG_DSP_BANDPASS) { /* gain one where the analog filter has it: s = i w0 */
    rppg__complex s;
    s.re = 0.0;
    s.im = w0;
    z0 = rppg_dsp__bilinear(s);
  }
  sos->sections = 0;
  sos->taps = band == RPPG_DSP_BANDPASS ? 2 * order + 1 : order + 1;
  for (k = 0; 2 * k < order; k++) { /* prototype poles of the upper half plane, the real one last */
    const int real = 2 * k + 1 == order;
    rppg__complex p, q;
    rppg__sincospi((double)(2 * k + order + 1) / (double)(2 * order), &p.im, &p.re);
    if (real) p.im = 0.0;
    if (band == RPPG_DSP_HIGHPASS) { /* s -> w1 / s */
      rppg__complex w;
      w.re = w1;
      w.im = 0.0;
      p = rppg__cdiv(w, p);
    } else {
      const double scale = band == RPPG_DSP_LOWPASS ? w1 : 0.5 * bw;
      p.re *= scale;
      p.im *= scale;
    }
    q = p;
    q.im = -p.im;
    if (band != RPPG_DSP_BANDPASS) {
      rppg_dsp__add_section(sos, band, p, real ? NULL : &q, z0);
    } else { /* each pole becomes two: p +- sqrt(p^2 - w0^2) */
      rppg__complex d = rppg__cmul(p, p), r1, r2;
      d.re -= w0 * w0;
      d = rppg__csqrt(d);
      r1.re = p.re + d.re;
      r1.im = p.im + d.im;
      r2.re = p.re - d.re;
      r2.im = p.im - d.im;
      if (real) {
        rppg_dsp__add_section(sos, band, r1, &r2, z0);
      } else {
        q = r1;
        q.im = -r1.im;
        rppg_dsp__add_section(sos, band, r1, &q, z0);
        q = r2;
        q.im = -r2.im;
        rppg_dsp__add_section(sos, band, r2, &q, z0);
      }
    }
  }
  return RPPG_OK;
}

RPPG_DEF void rppg_dsp_iir_init(rppg_dsp_iir *f, const rppg_dsp_sos *sos, double x0)
{
  int i;
  f->sos = *sos;
  for (i = 0; i < sos->sections; i++) { /* steady state: y = g x0 */
    const double *c = sos->c[i];
    const double g = (c[0] + c[1] + c[2]) / (1.0 + c[3] + c[4]);
    f->z[i][1] = (c[2] - c[4] * g) * x0;
    f->z[i][0] = (c[1] - c[3] * g) * x0 + f->z[i][1];
    x0 *= g;
  }
}

/* One sample through all sections, transposed direct form II. */
static double rppg_dsp__iir_step(rppg_dsp_iir *f, double x)
{
  int i;
  for (i = 0; i < f->sos.sections; i++) {
    const double *c = f->sos.c[i];
    double *z = f->z[i];
    const double y = c[0] * x + z[0];
    z[0] = c[1] * x - c[3] * y + z[1];
    z[1] = c[2] * x - c[4] * y;
    x = y;
  }
  return x;
}

RPPG_DEF void rppg_dsp_iir_run(rppg_dsp_iir *f, const float *x, size_t n, float *y)
{
  size_t i;
  for (i = 0; i < n; i++) y[i] = (float)rppg_dsp__iir_step(f, (double)x[i]);
}

/* filtfilt in place on ext [pad + n + pad], whose middle holds the signal; pad < n. */
static void rppg_dsp__filtfilt_f64(const rppg_dsp_sos *sos, double *ext, size_t n)
{
  const size_t pad = 3 * (size_t)sos->taps, m = n + 2 * pad;
  rppg_dsp_iir f;
  size_t i;
  for (i = 0; i < pad; i++) { /* odd about both ends */
    ext[i] = 2.0 * ext[pad] - ext[2 * pad - i];
    ext[pad + n + i] = 2.0 * ext[pad + n - 1] - ext[pad + n - 2 - i];
  }
  rppg_dsp_iir_init(&f, sos, ext[0]);
  for (i = 0; i < m; i++) ext[i] = rppg_dsp__iir_step(&f, ext[i]);
  rppg_dsp_iir_init(&f, sos, ext[m - 1]);
  for (i = m; i-- > 0;) ext[i] = rppg_dsp__iir_step(&f, ext[i]);
}

RPPG_DEF size_t rppg_dsp_filtfilt_work(const rppg_dsp_sos *sos, size_t n)
{
  return n + 6 * (size_t)sos->taps;
}

RPPG_DEF rppg_status rppg_dsp_filtfilt(const rppg_dsp_sos *sos, const float *x, size_t n, float *y,
                                       double *work)
{
  const size_t pad = 3 * (size_t)sos->taps;
  size_t i;
  if (n <= pad) return RPPG_ERR_DATA;
  for (i = 0; i < n; i++) work[pad + i] = (double)x[i];
  rppg_dsp__filtfilt_f64(sos, work, n);
  for (i = 0; i < n; i++) y[i] = (float)work[pad + i];
  return RPPG_OK;
}

/* Ideal low-pass of cut-off hz, at distance u from the middle tap. */
static double rppg_dsp__sinc(double hz, double rate_hz, double u)
{
  double s, c;
  if (u == 0.0) return 2.0 * hz / rate_hz;
  rppg__sincospi(2.0 * hz / rate_hz * u, &s, &c);
  return s / (RPPG__PI * u);
}

RPPG_DEF rppg_status rppg_dsp_firwin(float *h, size_t taps, rppg_dsp_band band, double lo_hz,
                                     double hi_hz, double rate_hz)
{
  const double mid = 0.5 * ((double)taps - 1.0);
  double centre = 0.0, gain = 0.0, s, c;
  size_t i;
  if (taps < 1 || !rppg_dsp__band_ok(band, lo_hz, hi_hz, rate_hz) ||
      (band == RPPG_DSP_HIGHPASS && taps % 2 == 0))
    return RPPG_ERR_ARG;
  if (band == RPPG_DSP_HIGHPASS) centre = 0.5 * rate_hz;
  if (band == RPPG_DSP_BANDPASS) centre = 0.5 * (lo_hz + hi_hz);
  rppg_dsp_window(RPPG_DSP_HAMMING, 0.0, 0, taps, h);
  for (i = 0; i < taps; i++) {
    const double u = (double)i - mid;
    double v = rppg_dsp__sinc(lo_hz, rate_hz, u);
    if (band == RPPG_DSP_HIGHPASS) v = rppg_dsp__sinc(0.5 * rate_hz, rate_hz, u) - v;
    if (band == RPPG_DSP_BANDPASS) v = rppg_dsp__sinc(hi_hz, rate_hz, u) - v;
    v *= (double)h[i];
    rppg__sincospi(2.0 * centre / rate_hz * u, &s, &c);
    gain += v * c;
    h[i] = (float)v;
  }
  for (i = 0; i < taps; i++) h[i] = (float)((double)h[i] / gain);
  return RPPG_OK;
}

RPPG_DEF void rppg_dsp_fir(const float *x, size_t n, const float *h, size_t taps, float *y)
{
  RPPG_ASSERT(taps >= 1 && taps <= n);
  rppg_dsp__table[rppg_isa_best()].slide(x, h, taps, y, n - taps + 1);
}

RPPG_DEF void rppg_dsp_moving(const float *x, size_t n, size_t w, float *mean, float *dev)
{
  const size_t half = w / 2;
  double sum = 0.0, squares = 0.0;
  size_t i, in = 0, out = 0; /* the window is [out, in) */
  for (i = 0; i < n; i++) {
    const size_t from = i > half ? i - half : 0, to = n - i > half + 1 ? i + half + 1 : n;
    double count, m, v;
    for (; in < to; in++) {
      const double d = (double)x[in] - (double)x[0];
      sum += d;
      squares += d * d;
    }
    for (; out < from; out++) {
      const double d = (double)x[out] - (double)x[0];
      sum -= d;
      squares -= d * d;
    }
    count = (double)(to - from);
    m = sum / count;
    v = squares / count - m * m;
    if (mean) mean[i] = (float)(m + (double)x[0]);
    if (dev) dev[i] = (float)rppg__sqrt(v > 0.0 ? v : v == v ? 0.0 : v);
  }
}

RPPG_DEF void rppg_dsp_diff(const float *x, size_t n, float *y)
{
  size_t i;
  for (i = 1; i < n; i++) y[i - 1] = x[i] - x[i - 1];
}

RPPG_DEF void rppg_dsp_analytic(rppg_dsp_fft *fft, const float *x, float *out)
{
  const size_t n = fft->n;
  size_t i;
  for (i = 0; i < n; i++) {
    out[2 * i] = x[i];
    out[2 * i + 1] = 0.0f;
  }
  rppg_dsp_fft_forward(fft, out, out);
  for (i = 1; i < n; i++) { /* positive frequencies twice, negative ones away, the middle stays */
    const float gain = 2 * i < n ? 2.0f : 2 * i == n ? 1.0f : 0.0f;
    out[2 * i] *= gain;
    out[2 * i + 1] *= gain;
  }
  rppg_dsp_fft_inverse(fft, out, out);
}

/* ---- detrending ------------------------------------------------------------------------------ */

/* x - (I + lambda^2 D'D)^-1 x in place; work [3 n]; n >= 3. Equal to D'u with
   (I + lambda^2 D D') u = lambda^2 D x, which keeps its digits when lambda is large: the matrix of
   the definition holds its 1 beside 6 lambda^2 and answers with x less something close to x. A band
   L diag(d) L' with two diagonals below the main one of L: e1, and e2 which is lambda^2 / d. */
static void rppg_dsp__smoothness_factor(size_t n, double lambda, double *d)
{
  const double l2 = lambda * lambda;
  double *e1 = d + n, *e2 = e1 + n;
  size_t i;
  for (i = 0; i + 2 < n; i++) {
    double off = -4.0 * l2;
    d[i] = 1.0 + 6.0 * l2;
    if (i > 0) {
      d[i] -= e1[i - 1] * e1[i - 1] * d[i - 1];
      off -= e1[i - 1] * l2;
    }
    if (i > 1) d[i] -= e2[i - 2] * l2;
    e1[i] = off / d[i];
    e2[i] = l2 / d[i];
  }
}

/* ... and x [n] smoothed with them, in place. */
static void rppg_dsp__smoothness_solve(double *x, size_t n, double lambda, const double *d)
{
  const double l2 = lambda * lambda, *e1 = d + n, *e2 = e1 + n;
  const size_t m = n - 2; /* rows of D */
  size_t i;
  for (i = 0; i < m; i++) {
    x[i] = l2 * ((x[i] - x[i + 1]) - (x[i + 1] - x[i + 2]));
    if (i > 0) x[i] -= e1[i - 1] * x[i - 1];
    if (i > 1) x[i] -= e2[i - 2] * x[i - 2];
  }
  for (i = m; i-- > 0;) {
    x[i] /= d[i];
    if (i + 1 < m) x[i] -= e1[i] * x[i + 1];
    if (i + 2 < m) x[i] -= e2[i] * x[i + 2];
  }
  for (i = n; i-- > 0;)
    x[i] = (i < m ? x[i] : 0.0) - (i > 0 && i <= m ? 2.0 * x[i - 1] : 0.0) + (i > 1 ? x[i - 2] : 0.0);
}

static void rppg_dsp__smoothness_f64(double *x, size_t n, double lambda, double *work)
{
  rppg_dsp__smoothness_factor(n, lambda, work);
  rppg_dsp__smoothness_solve(x, n, lambda, work);
}

RPPG_DEF rppg_status rppg_dsp_smoothness(const float *x, size_t n, double lambda, float *y,
                                         double *work)
{
  size_t i;
  if (n < 3 || !(lambda >= 0.0 && lambda <= 1e6)) return RPPG_ERR_ARG;
  for (i = 0; i < n; i++) work[i] = (double)x[i];
  rppg_dsp__smoothness_f64(work, n, lambda, work + n);
  for (i = 0; i < n; i++) y[i] = (float)work[i];
  return RPPG_OK;
}

/* ---- resampling ------------------------------------------------------------------------------ */

/* Slopes of the not-a-knot cubic spline [n], as SciPy's CubicSpline; work [2 n]. */
static void rppg_dsp__spline_slopes(const double *t, const float *x, size_t n, double *slope,
                                    double *work)
{
  double *up = work, *pivot = work + n; /* Thomas: super-diagonal over pivot */
  size_t i;
  for (i = 0; i < n; i++) {
    double low, mid, high, rhs;
    if (n == 2) {
      low = high = 0.0;
      mid = 1.0;
      rhs = ((double)x[1] - (double)x[0]) / (t[1] - t[0]);
    } else if (i == 0 || i + 1 == n) { /* third derivative continuous at the knot next to the end */
      const size_t a = i == 0 ? 0 : n - 1, b = i == 0 ? 1 : n - 2, c = i == 0 ? 2 : n - 3;
      const double h0 = t[b] - t[a], h1 = t[c] - t[b], d = t[c] - t[a];
      const double m0 = ((double)x[b] - (double)x[a]) / h0, m1 = ((double)x[c] - (double)x[b]) / h1;
      low = high = n == 3 ? 1.0 : d;
      mid = n == 3 ? 1.0 : h1;
      rhs = n == 3 ? 2.0 * m0 : ((h0 + 2.0 * d) * h1 * m0 + h0 * h0 * m1) / d;
    } else {
      const double h0 = t[i] - t[i - 1], h1 = t[i + 1] - t[i];
      low = h1;
      mid = 2.0 * (h0 + h1);
      high = h0;
      rhs = 3.0 * (h1 * ((double)x[i] - (double)x[i - 1]) / h0 +
                   h0 * ((double)x[i + 1] - (double)x[i]) / h1);
    }
    pivot[i] = i > 0 ? mid - low * up[i - 1] : mid;
    up[i] = high / pivot[i];
    slope[i] = (i > 0 ? rhs - low * slope[i - 1] : rhs) / pivot[i];
  }
  for (i = n - 1; i-- > 0 && n > 2;) slope[i] -= up[i] * slope[i + 1];
}

/* Slope at an end for PCHIP: three-point formula that keeps the shape  [Fritsch1984]. */
static double rppg_dsp__pchip_end(double h0, double h1, double m0, double m1)
{
  const double d = ((2.0 * h0 + h1) * m0 - h0 * m1) / (h0 + h1);
  if (d * m0 <= 0.0) return 0.0;
  if (m0 * m1 <= 0.0 && rppg__abs(d) > 3.0 * rppg__abs(m0)) return 3.0 * m0;
  return d;
}

/* Slopes of the monotone cubic [n]: a weighted harmonic mean, or 0 at a local extreme. */
static void rppg_dsp__pchip_slopes(const double *t, const float *x, size_t n, double *slope)
{
  double h0 = t[1] - t[0], m0 = ((double)x[1] - (double)x[0]) / h0;
  size_t i;
  if (n == 2) {
    slope[0] = slope[1] = m0;
    return;
  }
  for (i = 1; i + 1 < n; i++) {
    const double h1 = t[i + 1] - t[i], m1 = ((double)x[i + 1] - (double)x[i]) / h1;
    const double w0 = 2.0 * h1 + h0, w1 = h1 + 2.0 * h0;
    if (i == 1) slope[0] = rppg_dsp__pchip_end(h0, h1, m0, m1);
    if (i + 2 == n) slope[n - 1] = rppg_dsp__pchip_end(h1, h0, m1, m0);
    slope[i] = m0 * m1 > 0.0 ? (w0 + w1) / (w0 / m0 + w1 / m1) : 0.0;
    h0 = h1;
    m0 = m1;
  }
}

RPPG_DEF rppg_status rppg_dsp_resample(const double *t, const float *x, size_t n,
                                       rppg_dsp_interp kind, double t0, double dt, size_t m,
                                       float *y, double *work)
{
  double *slope = work;
  size_t i, k = 0;
  if (n < 2 || (unsigned)kind > (unsigned)RPPG_DSP_PCHIP || !rppg__finite(t0) || !(dt > 0.0) ||
      !rppg__finite(dt) || (kind != RPPG_DSP_LINEAR && !work))
    return RPPG_ERR_ARG;
  for (i = 0; i < n; i++)
    if (!rppg__finite(t[i]) || (i > 0 && !(t[i] > t[i - 1]))) return RPPG_ERR_DATA;
  if (kind == RPPG_DSP_CUBIC) rppg_dsp__spline_slopes(t, x, n, slope, work + n);
  if (kind == RPPG_DSP_PCHIP) rppg_dsp__pchip_slopes(t, x, n, slope);
  for (i = 0; i < m; i++) {
    const double at = t0 + (double)i * dt;
    double h, u, x0, x1;
    if (!(at > t[0])) { y[i] = x[0]; continue; }
    if (!(at < t[n - 1])) { y[i] = x[n - 1]; continue; }
    while (t[k + 1] < at) k++;
    h = t[k + 1] - t[k];
    u = (at - t[k]) / h;
    x0 = (double)x[k];
    x1 = (double)x[k + 1];
    if (kind == RPPG_DSP_LINEAR) {
      y[i] = (float)(x0 + u * (x1 - x0));
    } else { /* Hermite form */
      const double c = 3.0 * (x1 - x0) - h * (2.0 * slope[k] + slope[k + 1]);
      const double d = 2.0 * (x0 - x1) + h * (slope[k] + slope[k + 1]);
      y[i] = (float)(x0 + u * (h * slope[k] + u * (c + u * d)));
    }
  }
  return RPPG_OK;
}

/* ---- peaks and correlation ------------------------------------------------------------------- */

/* Height of peak i above the higher of the two lowest points between it and higher ground. */
static float rppg_dsp__prominence(const float *x, size_t n, size_t i)
{
  float left = x[i], right = x[i];
  size_t k;
  for (k = i; k-- > 0 && x[k] <= x[i];)
    if (x[k] < left) left = x[k];
  for (k = i + 1; k < n && x[k] <= x[i]; k++)
    if (x[k] < right) right = x[k];
  return x[i] - (left > right ? left : right);
}

/* From the highest peak down, drops the peaks nearer than distance to one that stays.
   mark [count]: 0 undecided, 1 stays, 2 dropped. */
static void rppg_dsp__thin(const float *x, const size_t *index, float *mark, size_t count,
                           size_t distance)
{
  size_t i, k;
  for (i = 0; i < count; i++) mark[i] = 0.0f;
  for (;;) {
    size_t best = count;
    for (i = 0; i < count; i++)
      if (mark[i] == 0.0f && (best == count || x[index[i]] >= x[index[best]])) best = i;
    if (best == count) return;
    mark[best] = 1.0f;
    for (k = best; k-- > 0 && index[best] - index[k] < distance;) mark[k] = 2.0f;
    for (k = best + 1; k < count && index[k] - index[best] < distance; k++) mark[k] = 2.0f;
  }
}

RPPG_DEF size_t rppg_dsp_peaks(const float *x, size_t n, const rppg_dsp_peaks_config *cfg,
                               size_t *index, float *prominence)
{
  size_t i, k, count = 0, kept = 0;
  for (i = 1; i + 1 < n; i = k) {
    k = i + 1;
    if (!(x[i - 1] < x[i])) continue;
    while (k + 1 < n && x[k] == x[i]) k++; /* a flat top ends before k */
    if (x[k] < x[i] && (!cfg || !cfg->use_height || x[i] >= cfg->height))
      index[count++] = (i + k - 1) / 2;
  }
  if (cfg && cfg->distance > 1) {
    rppg_dsp__thin(x, index, prominence, count, cfg->distance);
    for (i = 0, k = 0; i < count; i++)
      if (prominence[i] == 1.0f) index[k++] = index[i];
    count = k;
  }
  for (i = 0; i < count; i++) {
    const float p = rppg_dsp__prominence(x, n, index[i]);
    if (cfg && p < cfg->prominence) continue;
    index[kept] = index[i];
    prominence[kept++] = p;
  }
  return kept;
}

RPPG_DEF double rppg_dsp_pearson(const float *x, const float *y, size_t n)
{
  double mx = 0.0, my = 0.0, xx = 0.0, yy = 0.0, xy = 0.0;
  size_t i;
  for (i = 0; i < n; i++) { /* about the first sample, so that a constant has a mean of exactly 0 */
    mx += ((double)x[i] - (double)x[0]) / (double)n;
    my += ((double)y[i] - (double)y[0]) / (double)n;
  }
  for (i = 0; i < n; i++) {
    const double a = (double)x[i] - (double)x[0] - mx, b = (double)y[i] - (double)y[0] - my;
    xx += a * a;
    yy += b * b;
    xy += a * b;
  }
  xx = rppg__sqrt(xx) * rppg__sqrt(yy);
  if (!(xx > 0.0)) return 0.0;
  xy /= xx;
  return xy > 1.0 ? 1.0 : xy < -1.0 ? -1.0 : xy;
}

RPPG_DEF void rppg_dsp_xcorr(const float *x, const float *y, size_t n, size_t max_lag, float *r)
{
  const rppg_dsp__kernels *kernels = &rppg_dsp__table[rppg_isa_best()];
  size_t k;
  RPPG_ASSERT(max_lag < n);
  for (k = 0; k <= max_lag; k++) {
    r[max_lag + k] = kernels->dot(x, y + k, n - k);
    r[max_lag - k] = kernels->dot(x + k, y, n - k);
  }
}

/* ---- small dense matrices -------------------------------------------------------------------- */

/* One Jacobi rotation that zeroes a[p][q]; the columns p and q of v turn with it. */
static int rppg_dsp__rotate(double a[9], double v[9], int p, int q)
{
  const double off = a[3 * p + q], least = 1e-20 * rppg__abs(a[4 * p]);
  double theta, t, c, s;
  int k;
  if (off == 0.0 || (rppg__abs(off) < least && rppg__abs(off) < 1e-20 * rppg__abs(a[4 * q])))
    return 0; /* nothing that an eigenvalue or a vector could show */
  theta = (a[4 * q] - a[4 * p]) / (2.0 * off);
  t = 1.0 / (rppg__abs(theta) + rppg__sqrt(theta * theta + 1.0));
  if (theta < 0.0) t = -t;
  c = 1.0 / rppg__sqrt(t * t + 1.0);
  s = t * c;
  for (k = 0; k < 3; k++) { /* columns */
    const double x = a[3 * k + p], y = a[3 * k + q], vx = v[3 * k + p], vy = v[3 * k + q];
    a[3 * k + p] = c * x - s * y;
    a[3 * k + q] = s * x + c * y;
    v[3 * k + p] = c * vx - s * vy;
    v[3 * k + q] = s * vx + c * vy;
  }
  for (k = 0; k < 3; k++) { /* rows */
    const double x = a[3 * p + k], y = a[3 * q + k];
    a[3 * p + k] = c * x - s * y;
    a[3 * q + k] = s * x + c * y;
  }
  a[3 * p + q] = a[3 * q + p] = 0.0;
  return 1;
}

RPPG_DEF void rppg_dsp_eig3(const double a[9], double w[3], double v[9])
{
  double m[9], e[9];
  int order[3] = { 0, 1, 2 }, i, k, sweep, moved = 1;
  for (i = 0; i < 9; i++) {
    m[i] = a[i];
    e[i] = i % 4 == 0 ? 1.0 : 0.0;
  }
  for (sweep = 0; sweep < 12 && moved; sweep++) { /* converges quadratically: 5 or 6 are enough */
    moved = rppg_dsp__rotate(m, e, 0, 1);
    moved |= rppg_dsp__rotate(m, e, 0, 2);
    moved |= rppg_dsp__rotate(m, e, 1, 2);
  }
  for (i = 0; i < 2; i++)
    for (k = 0; k < 2 - i; k++)
      if (m[4 * order[k]] > m[4 * order[k + 1]]) {
        const int swap = order[k];
        order[k] = order[k + 1];
        order[k + 1] = swap;
      }
  for (k = 0; k < 3; k++) {
    const int c = order[k];
    double top = e[c];
    for (i = 1; i < 3; i++)
      if (rppg__abs(e[3 * i + c]) > rppg__abs(top)) top = e[3 * i + c];
    w[k] = m[4 * c];
    for (i = 0; i < 3; i++) v[3 * i + k] = top < 0.0 ? -e[3 * i + c] : e[3 * i + c];
  }
}

RPPG_DEF void rppg_dsp_qr(const double *a, size_t m, size_t n, double *q, double *r)
{
  size_t i, j, k, round;
  if (q != a) memcpy(q, a, m * n * sizeof *q);
  for (i = 0; i < n * n; i++) r[i] = 0.0;
  for (j = 0; j < n; j++) {
    double before = 0.0, length = 0.0;
    for (i = 0; i < m; i++) before += q[i * n + j] * q[i * n + j];
    for (round = 0; round < 2; round++) /* twice is enough (Kahan) */
      for (k = 0; k < j; k++) {
        double s = 0.0;
        for (i = 0; i < m; i++) s += q[i * n + k] * q[i * n + j];
        for (i = 0; i < m; i++) q[i * n + j] -= s * q[i * n + k];
        r[k * n + j] += s;
      }
    for (i = 0; i < m; i++) length += q[i * n + j] * q[i * n + j];
    length = length > before * 1e-24 ? rppg__sqrt(length) : 0.0;
    r[j * n + j] = length;
    for (i = 0; i < m; i++) q[i * n + j] = length > 0.0 ? q[i * n + j] / length : 0.0;
  }
}

RPPG_DEF rppg_status rppg_dsp_whiten3(const float *x, size_t n, float *y, double *w)
{
  double mean[3] = { 0.0, 0.0, 0.0 }, cov[9] = { 0.0 }, e[3], v[9], m[9];
  size_t i;
  int a, b, k;
  if (n < 2) return RPPG_ERR_DATA;
  for (i = 0; i < n; i++)
    for (a = 0; a < 3; a++) mean[a] += (double)x[3 * i + (size_t)a] / (double)n;
  for (i = 0; i < n; i++)
    for (a = 0; a < 3; a++)
      for (b = 0; b < 3; b++)
        cov[3 * a + b] += ((double)x[3 * i + (size_t)a] - mean[a]) *
                          ((double)x[3 * i + (size_t)b] - mean[b]) / (double)n;
  rppg_dsp_eig3(cov, e, v);
  if (!(e[0] > 1e-12 * e[2])) return RPPG_ERR_DATA;
  for (a = 0; a < 3; a++)
    for (b = 0; b < 3; b++)
      for (m[3 * a + b] = 0.0, k = 0; k < 3; k++)
        m[3 * a + b] += v[3 * a + k] * v[3 * b + k] / rppg__sqrt(e[k]);
  for (i = 0; i < n; i++) {
    double c[3];
    for (a = 0; a < 3; a++) c[a] = (double)x[3 * i + (size_t)a] - mean[a];
    for (a = 0; a < 3; a++)
      y[3 * i + (size_t)a] = (float)(m[3 * a] * c[0] + m[3 * a + 1] * c[1] + m[3 * a + 2] * c[2]);
  }
  if (w) memcpy(w, m, sizeof m);
  return RPPG_OK;
}

/* ---- pop ------------------------------------------------------------------------------------- */

#if defined(__GNUC__) && !defined(__clang__) && !defined(__TINYC__)
#  pragma GCC diagnostic pop
#  pragma GCC pop_options
#endif
#endif /* RPPG_DSP__LAST */
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
