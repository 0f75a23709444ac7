/* synth_face.c - renders a clip of a face whose heart rate is known - MIT

   A shaded head before a wall; its skin carries a pulse by the dichromatic reflection model
   [Wang2017], and light, motion, sensor noise, frame times and losses go wrong on request.
   It is the test signal of the other examples: what they read can be held against --truth.

       cc -O2 examples/synth_face.c -lm -o synth_face
       ./synth_face --bpm 75 --seconds 20 --truth truth.csv clip.y4m
       ./synth_face --bpm 60:90 --motion 2 --flicker 100:1 - | ffmpeg -i - clip.mp4

   Model      pixel = light(t) * (gloss + diffuse * (1 - strength[c] * pulse(t))) + noise, in grey
              levels, per channel c. The gloss is the mirror part of the skin's reflection and
              carries no pulse. pulse(t) is the blood volume with systole up, as a finger oximeter
              draws it; more blood absorbs more light, hence the minus.
   Time       each frame shows the scene at its own capture time; Y4M carries it in microseconds,
              "FRAME XT=123456" (X parameters are comments to other readers).
   Rounding   noise is added per pixel before rounding to 8 bits, so it dithers: the mean over
              many pixels moves by much less than a grey level, as with a real sensor.
   Same seed  same clip: own generators, and libm only for a few values a frame.
   Not        a model of compression, gamma, rolling shutter, or of any real person's skin.

   PNG needs stb_image_write.h (Debian: libstb-dev), found at build time; -DRPPG_HAVE_STB=0 or 1
   overrides the search. Y4M and PPM need nothing.

   Sources    [DeHaan2013] de Haan, Jeanne: Robust pulse rate from chrominance-based rPPG,
              IEEE TBME 60(10), 2013, doi:10.1109/TBME.2013.2266196
              [Wang2017] Wang, den Brinker, Stuijk, de Haan: Algorithmic principles of remote PPG,
              IEEE TBME 64(7), 2017, doi:10.1109/TBME.2016.2609282                             */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#  include <fcntl.h>
#  include <io.h>
#elif defined(__unix__) || defined(__APPLE__)
#  include <unistd.h>
#endif

#if !defined(RPPG_HAVE_STB) && defined(__has_include)
#  if __has_include(<stb/stb_image_write.h>)
#    define RPPG_HAVE_STB 1
#  endif
#endif
#ifndef RPPG_HAVE_STB
#  define RPPG_HAVE_STB 0
#endif
#if RPPG_HAVE_STB
#  define STB_IMAGE_WRITE_STATIC
#  define STB_IMAGE_WRITE_IMPLEMENTATION
#  include <stb/stb_image_write.h>
#endif

/* A fused multiply-add rounds once instead of twice: with it the clip would depend on the CPU. */
#if defined(__clang__)
#  pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#  pragma GCC optimize("fp-contract=off")
#endif

#define TAU 6.283185307179586

/* ---- errors ---------------------------------------------------------------------------------- */

enum { EXIT_IO = 1, EXIT_USAGE = 2 };

/* Says what is wrong in one line on standard error and ends the program. */
static void die(int code, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fputs("synth_face: ", stderr);
  vfprintf(stderr, format, args);
  fputs(code == EXIT_USAGE ? " (--help lists the options)\n" : "\n", stderr);
  va_end(args);
  exit(code);
}

/* For a write that failed: errno still says why. */
static void die_write(const char *name)
{
  die(EXIT_IO, "cannot write %s: %s", name, strerror(errno));
}

static void *must_alloc(size_t count, size_t size)
{
  void *p = count <= SIZE_MAX / size ? malloc(count * size) : NULL;
  if (!p) die(EXIT_IO, "out of memory (%zu x %zu bytes)", count, size);
  return p;
}

static FILE *must_open(const char *name)
{
  FILE *f = fopen(name, "wb");
  if (!f) die_write(name);
  return f;
}

static void must_write(FILE *f, const char *name, const void *bytes, size_t size)
{
  if (fwrite(bytes, 1, size, f) != size) die_write(name);
}

/* A full disk often shows only here, when the last buffer goes out. */
static void must_close(FILE *f, const char *name)
{
  if (fflush(f) != 0 || fclose(f) != 0) die_write(name);
}

/* ---- random numbers -------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
   One stream per purpose, so that asking for noise does not change the motion. */
enum { FOR_MOTION = 1, FOR_LIGHT, FOR_BEATS, FOR_CLOCK, FOR_NOISE, FOR_TEXTURE };

typedef struct rng { uint64_t state; } rng;

static uint64_t rng_next(rng *r)
{
  uint64_t z = (r->state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static rng rng_stream(uint64_t seed, int purpose)
{
  rng r = {seed};
  r.state = rng_next(&r) ^ ((uint64_t)purpose << 56);
  r.state = rng_next(&r);
  return r;
}

static double rng_uniform(rng *r)                     /* [0, 1), 53 bits */
{
  return (double)(rng_next(r) >> 11) * (1.0 / 9007199254740992.0);
}

/* Smooth random motion: a sum of sinusoids of random frequency and phase, unit RMS in the long
   run, at most sqrt(2 * WOBBLE_TERMS) = 3.5. The beat phase needs its integral, known exactly. */
enum { WOBBLE_TERMS = 6 };

typedef struct wobble { double hz[WOBBLE_TERMS], turn[WOBBLE_TERMS]; } wobble;

static wobble wobble_make(rng *r, double lo_hz, double hi_hz)
{
  wobble w;
  for (int i = 0; i < WOBBLE_TERMS; i++) {            /* one frequency per share of the band */
    w.hz[i] = lo_hz + (hi_hz - lo_hz) * (i + rng_uniform(r)) / WOBBLE_TERMS;
    w.turn[i] = rng_uniform(r);
  }
  return w;
}

static double wobble_at(const wobble *w, double t)
{
  double sum = 0;
  for (int i = 0; i < WOBBLE_TERMS; i++) sum += sin(TAU * (w->hz[i] * t + w->turn[i]));
  return sum * sqrt(2.0 / WOBBLE_TERMS);
}

static double wobble_integral(const wobble *w, double t)       /* from 0 to t seconds */
{
  double sum = 0;
  for (int i = 0; i < WOBBLE_TERMS; i++)
    sum += (cos(TAU * w->turn[i]) - cos(TAU * (w->hz[i] * t + w->turn[i]))) / (TAU * w->hz[i]);
  return sum * sqrt(2.0 / WOBBLE_TERMS);
}

/* ---- options --------------------------------------------------------------------------------- */

typedef enum out_kind { OUT_NONE, OUT_Y4M, OUT_PNG, OUT_PPM } out_kind;
typedef enum chroma { CHROMA_420, CHROMA_422, CHROMA_444, CHROMA_MONO } chroma;

typedef struct options {
  double bpm[2], fps, seconds, size[2], seed, skin, pulse, breath, hrv;
  double motion, light, flicker[2], noise, jitter, drop, quant, head[3];
  const char *out, *truth, *wave, *times;
  out_kind kind;
  chroma chroma;
  int full_range, box, quiet;
} options;

static const char usage[] =
  "usage: synth_face [options] OUT\n"
  "Renders a clip of a face whose heart rate is known.\n"
  "  OUT                clip.y4m, - (Y4M on standard output), or numbered images from 0:\n"
  "                     dir/f_%04d.png, dir/f_%04d.ppm\n"
  "person\n"
  "  --bpm B | B0:B1    heart rate, or a linear sweep over the clip, 20..300      (72)\n"
  "  --skin 1..6        tone, light to dark (Fitzpatrick); the darker, the weaker the pulse (2)\n"
  "  --pulse A          half the swing of green, % of its diffuse mean; 0: a photograph, 0..5\n"
  "                     (by skin: 0.80 0.75 0.65 0.55 0.40 0.30)\n"
  "  --breath R         breaths a minute: sways rate, amplitude and baseline; 0: none, 0..60 (15)\n"
  "  --hrv PCT          random variation of the rate, RMS, 0..20                  (0)\n"
  "  --motion PX        the head sways and turns, RMS pixels, 0..100              (0)\n"
  "  --head X,Y,W       face box: centre and width as fractions of the frame      (by size)\n"
  "scene and camera\n"
  "  --fps F            1..1000 (30)    --seconds S  up to 86400 (20)\n"
  "  --size WxH         16..4096 each (320x240)\n"
  "  --light PCT        slow drift of the light, RMS, 0..30                       (0)\n"
  "  --flicker HZ:PCT   sinusoid common to the whole scene, up to 1000:50         (off)\n"
  "  --noise SIGMA      sensor noise, grey levels, 0..64                          (1)\n"
  "  --jitter PCT       frame times off by up to half of this share of a frame, 0..100 (0)\n"
  "  --drop PCT         share of frames lost at random, 0..95                     (0)\n"
  "  --quant BITS       keep this many bits of each sample, 1..8                  (8)\n"
  "  --chroma 420|422|444|mono and --range limited|full: Y4M only, BT.601         (420 limited)\n"
  "  --seed N           everything random comes from this, whole, up to 4294967295 (1)\n"
  "what is true\n"
  "  --truth F.csv      t,hr_bpm     mean rate over each second that starts at t\n"
  "  --wave F.csv       t,pulse      blood volume at each written frame, systole up\n"
  "  --times F.csv      frame,t_us   capture time of each written frame, microseconds\n"
  "  --box              print the face box x,y,w,h; without OUT, do only that\n"
  "  --quiet  --help\n"
  "Exit status: 0, 1 for an output that cannot be written, 2 for bad usage.\n";

/* Options that take 1 to 3 numbers within common bounds; `sep` stands between them. */
typedef struct number_option {
  const char *name;
  char sep;
  int least, most, whole;
  double lo, hi, *value;
} number_option;

/* Reads up to `most` finite numbers separated by `sep`; returns how many, 0 if malformed. */
static int read_numbers(const char *text, char sep, int most, double *value)
{
  for (int n = 0; n < most; n++) {
    char *end;
    value[n] = strtod(text, &end);
    if (end == text || !(fabs(value[n]) <= 1e300)) return 0;
    if (*end == '\0') return n + 1;
    if (*end != sep) return 0;
    text = end + 1;
  }
  return 0;
}

/* Stores the numbers of one option; a number left out repeats the one before. */
static void set_numbers(const number_option *o, const char *text)
{
  double value[3];
  const int n = read_numbers(text, o->sep, o->most, value);
  if (n < o->least) die(EXIT_USAGE, "%s: '%s' is not of the form asked for", o->name, text);
  for (int i = 0; i < n; i++) {
    if (value[i] < o->lo || value[i] > o->hi)
      die(EXIT_USAGE, "%s: %g is outside %g..%.10g", o->name, value[i], o->lo, o->hi);
    if (o->whole && value[i] != floor(value[i]))
      die(EXIT_USAGE, "%s: %g is not a whole number", o->name, value[i]);
  }
  for (int i = 0; i < o->most; i++) o->value[i] = value[i < n ? i : n - 1];
}

/* Index of `text` among the words; NULL ends their list. */
static int read_word(const char *name, const char *text, const char *const *words)
{
  for (int i = 0; words[i]; i++)
    if (strcmp(text, words[i]) == 0) return i;
  die(EXIT_USAGE, "%s: unknown value '%s'", name, text);
  return 0;
}

/* One option that takes a value. Returns 0 if there is none of that name. */
static int set_value(options *o, const char *name, const char *text)
{
  static const char *const chromas[] = {"420", "422", "444", "mono", NULL};
  static const char *const ranges[] = {"limited", "full", NULL};
  const number_option numbers[] = {
    {"--bpm",     ':', 1, 2, 0, 20, 300,       o->bpm},
    {"--fps",       0, 1, 1, 0, 1, 1000,       &o->fps},
    {"--seconds",   0, 1, 1, 0, 0.001, 86400,  &o->seconds},
    {"--size",    'x', 2, 2, 1, 16, 4096,      o->size},
    {"--seed",      0, 1, 1, 1, 0, 4294967295, &o->seed},
    {"--skin",      0, 1, 1, 1, 1, 6,          &o->skin},
    {"--pulse",     0, 1, 1, 0, 0, 5,          &o->pulse},
    {"--breath",    0, 1, 1, 0, 0, 60,         &o->breath},
    {"--hrv",       0, 1, 1, 0, 0, 20,         &o->hrv},
    {"--motion",    0, 1, 1, 0, 0, 100,        &o->motion},
    {"--light",     0, 1, 1, 0, 0, 30,         &o->light},
    {"--flicker", ':', 2, 2, 0, 0, 1000,       o->flicker},
    {"--noise",     0, 1, 1, 0, 0, 64,         &o->noise},
    {"--jitter",    0, 1, 1, 0, 0, 100,        &o->jitter},
    {"--drop",      0, 1, 1, 0, 0, 95,         &o->drop},
    {"--quant",     0, 1, 1, 1, 1, 8,          &o->quant},
    {"--head",    ',', 3, 3, 0, 0, 1,          o->head},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (strcmp(name, numbers[i].name) == 0) return set_numbers(&numbers[i], text), 1;

  if (strcmp(name, "--chroma") == 0) o->chroma = (chroma)read_word(name, text, chromas);
  else if (strcmp(name, "--range") == 0) o->full_range = read_word(name, text, ranges);
  else if (strcmp(name, "--truth") == 0) o->truth = text;
  else if (strcmp(name, "--wave") == 0) o->wave = text;
  else if (strcmp(name, "--times") == 0) o->times = text;
  else return 0;
  return 1;
}

static int ends_with(const char *text, const char *tail)
{
  const size_t n = strlen(text), m = strlen(tail);
  return n > m && strcmp(text + n - m, tail) == 0;
}

/* The one "%d" or "%0Nd" of a pattern (N one digit): its place and width; dies on any other use of
   '%'. The pattern is cut up here and never becomes a printf format. */
static const char *pattern_number(const char *pattern, int *width, const char **rest)
{
  const char *at = strchr(pattern, '%'), *p = at ? at + 1 : NULL;
  *width = 1;
  if (p && p[0] == '0' && p[1] >= '1' && p[1] <= '9') *width = p[1] - '0', p += 2;
  if (!p || *p != 'd' || strchr(p, '%'))
    die(EXIT_USAGE, "'%s': images need one %%d or %%04d in their name", pattern);
  *rest = p + 1;
  return at;
}

/* What to write, by the end of the name. */
static out_kind kind_of(const char *out)
{
  if (strcmp(out, "-") == 0 || ends_with(out, ".y4m")) return OUT_Y4M;
  if (ends_with(out, ".ppm")) return OUT_PPM;
  if (!ends_with(out, ".png"))
    die(EXIT_USAGE, "'%s': OUT must be -, or end in .y4m, .png or .ppm", out);
  if (!RPPG_HAVE_STB)
    die(EXIT_USAGE, "built without PNG: install libstb-dev and build again, or write .ppm");
  return OUT_PNG;
}

/* The frame rate as the fraction a Y4M header wants: n/1, an NTSC rate n*1000/1001 (23.976, 29.97,
   59.94), or else thousandths. */
static void rational_fps(double fps, long *num, long *den)
{
  const double ntsc = floor(fps * 1.001 + 0.5);
  long a, b;
  *num = (long)floor(fps * 1000 + 0.5);
  *den = 1000;
  if (fps != floor(fps) && fabs(fps * 1.001 - ntsc) < 0.002)
    *num = (long)ntsc * 1000, *den = 1001;
  for (a = *num, b = *den; b != 0;) {
    const long r = a % b;
    a = b;
    b = r;
  }
  *num /= a;
  *den /= a;
}

/* What one option alone cannot show; fills in the defaults that hang on others. */
static void check_options(options *o)
{
  static const double pulse_of_skin[6] = {0.80, 0.75, 0.65, 0.55, 0.40, 0.30};
  const double frames = o->fps * o->seconds;
  int width;
  long num, den;
  const char *rest;
  rational_fps(o->fps, &num, &den);
  o->fps = (double)num / (double)den;      /* frame times keep to the header's rate */
  if (frames > 1e7) die(EXIT_USAGE, "%.0f frames are too many (up to 10000000)", frames);
  if (o->flicker[1] > 50) die(EXIT_USAGE, "--flicker: %g %% is outside 0..50", o->flicker[1]);
  if (o->pulse < 0) o->pulse = pulse_of_skin[(int)o->skin - 1];
  if (o->head[2] < 0) {                    /* by size: 40 % of the height, 30 % of the width */
    o->head[0] = 0.5;
    o->head[1] = 0.48;
    o->head[2] = fmin(0.30, 0.40 * o->size[1] / o->size[0]);
  }
  if (o->head[2] * o->size[0] < 4) die(EXIT_USAGE, "--head: narrower than 4 pixels");
  if (o->out) o->kind = kind_of(o->out);
  if (o->kind == OUT_PNG || o->kind == OUT_PPM) pattern_number(o->out, &width, &rest);
  if (!o->out && (!o->box || o->truth || o->wave || o->times)) die(EXIT_USAGE, "OUT is missing");
}

/* The defaults, then the command line over them. A negative pulse or head width means "not given".
   A value may begin with one '-', so that a negative number is told its range, not with two. */
static options read_options(int argc, char **argv)
{
  options o = {{72, 72}, 30, 20, {320, 240}, 1, 2, -1, 15, 0, 0, 0, {0, 0}, 1, 0, 0, 8,
               {0, 0, -1}, NULL, NULL, NULL, NULL, OUT_NONE, CHROMA_420, 0, 0, 0};
  for (int i = 1; i < argc; i++) {
    const char *arg = argv[i];
    const char *value = i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0 ? argv[i + 1] : NULL;
    if (strcmp(arg, "--help") == 0) fputs(usage, stdout), exit(0);
    else if (strcmp(arg, "--box") == 0) o.box = 1;
    else if (strcmp(arg, "--quiet") == 0) o.quiet = 1;
    else if (arg[0] != '-' || arg[1] == '\0') {
      if (o.out) die(EXIT_USAGE, "two outputs: '%s' and '%s'", o.out, arg);
      o.out = arg;
    } else if (!value) die(EXIT_USAGE, "'%s': its value is missing, or it is no option", arg);
    else if (!set_value(&o, arg, value)) die(EXIT_USAGE, "unknown option '%s'", arg);
    else i++;
  }
  check_options(&o);
  return o;
}

/* ---- person: heart and breath ---------------------------------------------------------------- */

enum { SHAPE_STEPS = 256 };

typedef struct person {
  double bpm0, bpm1, seconds;            /* rate at 0 s and at the end of the clip */
  double breath_hz, hrv;                 /* 0: none; relative RMS */
  wobble beats;
  double shape[SHAPE_STEPS + 1];         /* one beat; the last entry repeats the first */
} person;

/* One beat of blood volume: a systolic and a dicrotic Gaussian on the circle of the beat; zero
   mean, half its swing is 1. Places, widths and heights are those of a young adult's finger PPG by
   eye: upstroke in 1/6 of the beat, notch near 0.40, dicrotic wave 0.4 as high. */
static void make_shape(double *shape)
{
  static const double centre[2] = {0.20, 0.52}, width[2] = {0.085, 0.12}, height[2] = {1.0, 0.40};
  double mean = 0, lo = 1e9, hi = -1e9;
  for (int i = 0; i <= SHAPE_STEPS; i++) {
    shape[i] = 0;
    for (int k = 0; k < 2; k++)
      for (int wrap = -1; wrap <= 1; wrap++) {
        const double d = (i % SHAPE_STEPS / (double)SHAPE_STEPS - centre[k] + wrap) / width[k];
        shape[i] += height[k] * exp(-0.5 * d * d);
      }
    if (i < SHAPE_STEPS) mean += shape[i] / SHAPE_STEPS;
    lo = fmin(lo, shape[i]);
    hi = fmax(hi, shape[i]);
  }
  for (int i = 0; i <= SHAPE_STEPS; i++) shape[i] = (shape[i] - mean) * 2 / (hi - lo);
}

static person person_make(const options *o)
{
  person p;
  rng r = rng_stream((uint64_t)o->seed, FOR_BEATS);
  p.bpm0 = o->bpm[0];
  p.bpm1 = o->bpm[1];
  p.seconds = o->seconds;
  p.breath_hz = o->breath / 60;
  p.hrv = o->hrv / 100;
  p.beats = wobble_make(&r, 0.04, 0.4);    /* the LF and HF bands of heart rate variability */
  make_shape(p.shape);
  return p;
}

/* Beats since 0 s: the integral of the rate. Breathing sways the rate by 1.5 % (respiratory sinus
   arrhythmia of an adult who sits; its mean over a breath is zero). */
static double beats_at(const person *p, double t)
{
  const double mean = (p->bpm0 + p->bpm1) / 120;                     /* beats per second */
  double beats = (p->bpm0 + (p->bpm1 - p->bpm0) * t / (2 * p->seconds)) * t / 60;
  if (p->breath_hz > 0)
    beats += 0.015 * mean * (1 - cos(TAU * p->breath_hz * t)) / (TAU * p->breath_hz);
  if (p->hrv > 0) beats += p->hrv * mean * wobble_integral(&p->beats, t);
  return beats;
}

/* Blood volume, no unit: half the swing of a beat is 1. Breathing changes the height of the beats
   by 10 % and their baseline by 0.2, a quarter of a breath later. */
static double blood_at(const person *p, double t)
{
  const double beats = beats_at(p, t);
  const double at = (beats - floor(beats)) * SHAPE_STEPS;
  const int i = at < SHAPE_STEPS ? (int)at : 0;
  const double beat = p->shape[i] + (p->shape[i + 1] - p->shape[i]) * (at - floor(at));
  if (!(p->breath_hz > 0)) return beat;
  return beat * (1 + 0.10 * sin(TAU * p->breath_hz * t)) + 0.2 * cos(TAU * p->breath_hz * t);
}

/* ---- drawing: shapes, textures, layers ------------------------------------------------------- */

/* Lengths on the head are in half widths of the face box, origin at its centre, v down: the box
   spans u = -1..1, v = -BOX_V..BOX_V, from the hairline to the chin. */
#define BOX_V 1.3f

/* The outside of the hair: its centre and radii. */
#define HAIR_V  -0.40f
#define HAIR_RU 1.11f
#define HAIR_RV 1.42f

typedef struct pixel {
  float still[3];                        /* light that carries no change, grey levels */
  float blood[3];                        /* diffuse light from skin: this part pulses */
} pixel;

static float clamp01(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

static float smooth(float from, float to, float x)             /* 0 at from, 1 at to */
{
  const float s = clamp01((x - from) / (to - from));
  return s * s * (3 - 2 * s);
}

/* A soft hill: 1 at its centre, 0 outside the ellipse of radii ru, rv. */
static float hill(float u, float v, float ru, float rv)
{
  const float d = 1 - (u / ru) * (u / ru) - (v / rv) * (v / rv);
  return d > 0 ? d * d : 0;
}

/* Share of a pixel of size `soft` that the ellipse of radii ru, rv covers, about. */
static float disc(float u, float v, float ru, float rv, float soft)
{
  const float d = sqrtf((u / ru) * (u / ru) + (v / rv) * (v / rv));
  return clamp01(0.5f + (1 - d) * (ru < rv ? ru : rv) / soft);
}

/* Share of a pixel of size `soft` that a head-like oval of unit radii covers, about: its outline
   bulges by 5 % beyond the ellipse between the axes. *r2 is 0 at the centre, 1 on the outline. */
static float oval(float x, float y, float soft, float *r2)
{
  const float x2 = x * x, y2 = y * y;
  *r2 = x2 > 1 || y2 > 1 ? x2 + y2 : x2 + y2 - 0.40f * x2 * y2;
  return clamp01(0.5f + (1 - sqrtf(*r2)) / soft);
}

static float lattice(uint32_t x, uint32_t y, uint32_t salt)    /* -1..1 */
{
  uint32_t h = x * 0x9E3779B1u ^ y * 0x85EBCA77u ^ salt;
  h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
  h = (h ^ (h >> 12)) * 0x297A2D39u;
  return (float)(h >> 8) * (2.0f / 16777216.0f) - 1;
}

/* Value noise: smooth, -1..1, one random value per unit square. |x|, |y| < 30000. */
static float texture(float x, float y, uint32_t salt)
{
  const float px = x + 32768, py = y + 32768;
  const uint32_t ix = (uint32_t)px, iy = (uint32_t)py;
  const float fx = smooth(0, 1, px - (float)ix), fy = smooth(0, 1, py - (float)iy);
  const float a = lattice(ix, iy, salt), b = lattice(ix + 1, iy, salt);
  const float c = lattice(ix, iy + 1, salt), d = lattice(ix + 1, iy + 1, salt);
  const float top = a + (b - a) * fx, bottom = c + (d - c) * fx;
  return top + (bottom - top) * fy;
}

/* A point of a surface before light falls on it. */
typedef struct surface {
  float colour[3];                       /* diffuse, grey levels under full light */
  float shade;                           /* darker in folds, lighter on ridges; 1: as lit */
  float gloss;                           /* 0..1 */
  float blood;                           /* share of the diffuse part that pulses */
} surface;

/* Mixes in another material: its colour, and how much of it pulses and shines. */
static void tint(surface *s, float share, const float colour[3], float blood, float gloss)
{
  for (int c = 0; c < 3; c++) s->colour[c] += share * (colour[c] - s->colour[c]);
  s->blood += share * (blood - s->blood);
  s->gloss += share * (gloss - s->gloss);
}

/* Lights a surface and lays it over a pixel. The normal (nx, ny, nz) has unit length or nearly so.
   The lamp is up, left and in front, (-0.36, -0.48, 0.80); 0.40 of the light comes from all sides.
   The gloss is that of Blinn, half way between lamp and camera, to the power 16: broad, as on
   skin. */
static void lay(pixel *p, float cover, const surface *s, float nx, float ny, float nz)
{
  const float lamp = -0.36f * nx - 0.48f * ny + 0.80f * nz;
  const float half = -0.18974f * nx - 0.25298f * ny + 0.94868f * nz;
  const float diffuse = (0.40f + 0.60f * (lamp > 0 ? lamp : 0)) * s->shade;
  float mirror = half > 0 ? half : 0;
  for (int i = 0; i < 4; i++) mirror *= mirror;
  mirror *= 22 * s->gloss * clamp01(s->shade);        /* grey levels */
  for (int c = 0; c < 3; c++) {
    const float light = s->colour[c] * diffuse;
    p->still[c] += cover * (light * (1 - s->blood) + mirror - p->still[c]);
    p->blood[c] += cover * (light * s->blood - p->blood[c]);
  }
}

/* ---- drawing: the face ----------------------------------------------------------------------- */

typedef struct looks { float skin[3], hair[3], iris[3]; } looks;

/* Diffuse colours under full light, grey levels; chosen by eye after Fitzpatrick's six types. */
static const looks looks_of_skin[6] = {
  {{222, 188, 170}, {150, 112, 66}, {104, 132, 152}},
  {{214, 172, 149}, { 98,  68, 44}, { 92, 106,  98}},
  {{194, 149, 120}, { 58,  41, 31}, { 92,  64,  42}},
  {{168, 120,  90}, { 40,  30, 26}, { 70,  46,  32}},
  {{130,  87,  62}, { 32,  26, 24}, { 54,  36,  27}},
  {{ 92,  61,  46}, { 27,  23, 22}, { 44,  30,  24}},
};

/* The head where it is in one frame. */
typedef struct pose { float dx, dy, turn_sin, turn_cos, roll_sin, roll_cos; } pose;

typedef struct scene {
  int width, height;
  float cx, cy, half;                    /* face box: centre and half width, pixels */
  float soft;                            /* size of a pixel in half widths */
  uint32_t salt;
  const looks *looks;
  pixel *backdrop;                       /* [height][width] all but the head */
  pixel *view;                           /* [height][width] what the camera sees */
} scene;

/* Forehead, cheeks and chin: blotches, blush, hollows of the eyes and under the lip. */
static surface bare_skin(const scene *sc, float u, float v)
{
  surface s;
  const float blotch = 0.020f * texture(5 * u, 5 * v, sc->salt)
                     + 0.015f * texture(17 * u, 17 * v, sc->salt + 1);
  const float side = fabsf(u);
  const float blush = hill(side - 0.55f, v - 0.28f, 0.42f, 0.36f);
  memcpy(s.colour, sc->looks->skin, sizeof s.colour);
  s.colour[0] *= 1 + 0.02f * blush;
  s.colour[1] *= 1 - 0.07f * blush;
  s.colour[2] *= 1 - 0.06f * blush;
  s.shade = 1 + blotch + 0.05f * hill(side - 0.52f, v - 0.18f, 0.40f, 0.28f)
          - 0.26f * hill(side - 0.36f, v + 0.28f, 0.40f, 0.24f)
          - 0.12f * hill(u, v - 0.96f, 0.34f, 0.12f) + 0.05f * hill(u, v - 1.10f, 0.34f, 0.18f);
  s.gloss = 1;
  s.blood = 1;
  return s;
}

/* The nose is shading only: lamp side light, far side and below dark. */
static void add_nose(surface *s, float u, float v)
{
  const float side = fabsf(u);
  const float down = smooth(-0.35f, 0.30f, v);                   /* the nose widens downward */
  const float length = smooth(-0.42f, -0.15f, v) * (1 - smooth(0.26f, 0.40f, v));
  const float flank = hill(u - 0.12f - 0.08f * down, 0, 0.13f, 1);
  s->shade += length * (0.10f * hill(u + 0.03f, 0, 0.10f, 1) - 0.17f * flank);
  s->shade += 0.12f * hill(u + 0.02f, v - 0.27f, 0.13f, 0.12f);                   /* tip */
  s->shade -= 0.10f * hill(side - 0.22f, v - 0.33f, 0.07f, 0.13f);                /* wings */
  s->shade -= 0.24f * hill(u - 0.03f, v - 0.47f, 0.27f, 0.10f);                   /* shadow below */
  s->shade -= 0.50f * hill(side - 0.10f, v - 0.40f, 0.075f, 0.045f);              /* nostrils */
}

/* Lips: the skin's own colour with less green and blue; a dark line between, light below it. */
static void add_mouth(surface *s, float u, float v, float soft)
{
  const float line = 0.745f - 0.20f * u * u + 0.02f * hill(u, 0, 0.10f, 1);
  const float upper = disc(u, v - line, 0.37f, 0.085f, soft) * (v < line ? 1.0f : 0.0f);
  const float lower = disc(u, v - line, 0.35f, 0.120f, soft) * (v < line ? 0.0f : 1.0f);
  float lip[3];
  lip[0] = s->colour[0] * 0.86f;
  lip[1] = s->colour[1] * 0.66f;
  lip[2] = s->colour[2] * 0.70f;
  tint(s, 0.9f * (upper + lower), lip, 1, 1);
  s->shade -= 0.12f * upper;
  s->shade += 0.12f * hill(u + 0.04f, v - line - 0.055f, 0.24f, 0.05f);
  s->shade -= 0.50f * hill(u, v - line, 0.38f, 0.028f);
}

/* Brows are hair over skin: where they are thin, the skin below still pulses. */
static void add_brow(surface *s, const looks *k, float side, float v, float soft)
{
  const float along = side - 0.44f;
  const float arch = -0.53f + 0.45f * along * along - 0.08f * along;
  const float thick = 0.058f - 0.05f * clamp01(along);
  const float cover = disc(along, v - arch, 0.29f, thick, 2 * soft);
  tint(s, 0.75f * cover, k->hair, 0, 0.2f);
}

/* Both eyes at once, side = |u|; nothing inside the lids pulses. */
static void add_eye(surface *s, const looks *k, float u, float side, float v, float soft)
{
  static const float white[3] = {204, 198, 192}, lash[3] = {38, 30, 28}, pupil[3] = {16, 14, 14};
  static const float spark[3] = {250, 250, 250};
  const float along = side - 0.44f, at = v + 0.25f;
  const float look = u < 0 ? u + 0.44f : u - 0.44f;             /* not mirrored: the lamp is left */
  const float almond = at * (1 + 6 * along * along);            /* narrows towards the corners */
  const float open = disc(along, almond, 0.215f, 0.088f, soft);
  const float lid = disc(along, almond + 0.015f, 0.235f, 0.108f, soft) - open;
  tint(s, at < 0.01f ? 0.85f * clamp01(lid) : 0.25f * clamp01(lid), lash, 0, 0);
  s->shade -= 0.16f * hill(along, at + 0.15f, 0.25f, 0.05f);     /* crease above the lid */
  s->shade -= 0.10f * hill(along, at - 0.15f, 0.24f, 0.07f);     /* bag below */
  tint(s, open, white, 0, 0.3f);
  tint(s, open * disc(look, at + 0.008f, 0.096f, 0.096f, soft), k->iris, 0, 0.3f);
  tint(s, open * disc(look, at + 0.008f, 0.045f, 0.045f, soft), pupil, 0, 0.3f);
  tint(s, open * disc(look + 0.035f, at + 0.035f, 0.024f, 0.024f, soft), spark, 0, 0.3f);
  s->shade -= 0.20f * open * smooth(0.0f, -0.08f, at);           /* shadow of the upper lid */
}

/* Hair at head coordinates (u, v), lit as the outside of the skull, laid over a pixel. */
static void lay_hair(const scene *sc, pixel *p, float cover, float u, float v)
{
  const float nx = u / HAIR_RU, ny = (v - HAIR_V) / HAIR_RV, rest = 1 - nx * nx - ny * ny;
  surface s;
  memcpy(s.colour, sc->looks->hair, sizeof s.colour);
  s.shade = 0.95f + 0.22f * texture(26 * u, 5 * v, sc->salt + 2)
          + 0.12f * texture(60 * u, 9 * v, sc->salt + 3);
  s.gloss = 0.5f;
  s.blood = 0;
  lay(p, cover, &s, nx, ny, rest > 0 ? sqrtf(rest) : 0);
}

/* The hairline: low at the temples, a little uneven. */
static float hairline(const scene *sc, float u)
{
  const float u2 = u * u;
  return -1.20f + 0.10f * u2 + 0.55f * u2 * u2 * u2 + 0.03f * texture(9 * u, 0, sc->salt + 4);
}

/* Skull of hair and ears, seen behind the face. */
static void paint_behind(const scene *sc, pixel *p, float u, float v)
{
  const float side = fabsf(u);
  float r2;
  const float skull = oval(u / HAIR_RU, (v - HAIR_V) / HAIR_RV, sc->soft, &r2);
  const float cap = skull * (1 - smooth(-0.25f, 0.05f, v));
  const float ear = disc(side - 1.0f, v + 0.12f, 0.13f, 0.30f, sc->soft);
  if (cap > 0) lay_hair(sc, p, cap, u, v);
  if (ear > 0) {
    surface s = bare_skin(sc, u, v);
    s.shade *= 0.88f - 0.35f * hill(side - 1.03f, v + 0.12f, 0.07f, 0.18f);
    lay(p, ear, &s, u < 0 ? -0.5f : 0.5f, 0, 0.866f);
  }
}

/* The head at head coordinates (u, v): an ellipsoid as deep as it is wide, half height 1.5, that
   narrows towards the chin. A turn moves the features over it and leaves its outline alone. */
static void paint_head(const scene *sc, const pose *at, pixel *p, float u, float v)
{
  const float soft = sc->soft;
  const float nx = u / (1 - 0.20f * smooth(0.1f, 1.4f, v)), ny = (v + 0.2f) / 1.5f;
  float r2;
  const float cover = oval(nx, ny, soft, &r2), nz = r2 < 1 ? sqrtf(1 - r2) : 0;
  paint_behind(sc, p, u, v);
  if (cover <= 0) return;
  const float fu = u * at->turn_cos + nz * at->turn_sin, side = fabsf(fu);
  const float hair = clamp01(0.5f + (hairline(sc, fu) - v) / (soft + 0.03f));
  if (hair < 1) {
    surface s = bare_skin(sc, fu, v);
    s.shade -= 0.18f * (1 - smooth(0, 0.16f, v - hairline(sc, fu)));
    add_nose(&s, fu, v);
    add_mouth(&s, fu, v, soft);
    add_eye(&s, sc->looks, fu, side, v, soft);
    add_brow(&s, sc->looks, side, v, soft);
    lay(p, cover, &s, nx, v > 0 ? 0.8f * ny : ny, nz);     /* the chin faces forward */
  }
  if (hair > 0) lay_hair(sc, p, cover * hair, fu, v);
}

/* ---- drawing: the scene ---------------------------------------------------------------------- */

/* A wall that darkens away from the lamp, with stains and a grain. */
static void paint_wall(const scene *sc, pixel *p, float x, float y)      /* x, y: 0..1 */
{
  static const float wall[3] = {134, 142, 146};
  surface s = {{0, 0, 0}, 1, 0, 0};
  memcpy(s.colour, wall, sizeof s.colour);
  s.shade = 1.10f - 0.30f * x - 0.22f * y + 0.05f * texture(6 * x, 5 * y, sc->salt + 5)
          + 0.03f * texture(70 * x, 55 * y, sc->salt + 6);
  lay(p, 1, &s, 0, 0, 1);
}

/* A cylinder of skin that ends under the shirt; the chin's shadow lies on it, and its pulse is half
   as strong. */
static void paint_neck(const scene *sc, pixel *p, float u, float v)
{
  const float flare = v > 1.5f ? 0.5f * (v - 1.5f) * (v - 1.5f) : 0;
  const float nx = u / (0.60f + flare);
  surface s;
  if (nx * nx >= 1 || v < 0.6f || v > 2.0f) return;
  s = bare_skin(sc, u, v);
  s.shade = 0.98f - 0.42f * (1 - smooth(1.25f, 1.70f, v)) + 0.02f * texture(8 * u, 8 * v, sc->salt);
  s.blood = 0.5f;
  s.gloss = 0.5f;
  lay(p, clamp01((1 - fabsf(nx)) / sc->soft), &s, nx, 0, sqrtf(1 - nx * nx));
}

/* Shoulders and a round collar; the cloth has folds and a weave. */
static void paint_shirt(const scene *sc, pixel *p, float u, float v)
{
  static const float cloth[3] = {72, 96, 138};
  const float u2 = u * u, shoulder = 1.58f + 0.055f * u2 + 0.012f * u2 * u2;
  const float collar = disc(u, v - 1.50f, 0.66f, 0.46f, sc->soft);
  const float cover = clamp01(0.5f + (v - shoulder) / sc->soft) * (1 - collar);
  const float nx = u / 3.2f > 0.9f ? 0.9f : u / 3.2f < -0.9f ? -0.9f : u / 3.2f;
  surface s = {{0, 0, 0}, 1, 0, 0};
  if (cover <= 0) return;
  memcpy(s.colour, cloth, sizeof s.colour);
  s.shade = 1.0f + 0.12f * texture(1.6f * u + v, 2.2f * v, sc->salt + 7)
          + 0.05f * texture(30 * u, 30 * v, sc->salt + 8)
          - 0.25f * hill(u, v - 1.50f, 0.86f, 0.66f);
  lay(p, cover, &s, nx, 0, sqrtf(1 - nx * nx));
}

/* All but the head, in the order of distance. */
static void paint_backdrop(const scene *sc)
{
  for (int y = 0; y < sc->height; y++)
    for (int x = 0; x < sc->width; x++) {
      pixel *p = &sc->backdrop[(size_t)y * (size_t)sc->width + (size_t)x];
      const float u = ((float)x + 0.5f - sc->cx) * sc->soft;
      const float v = ((float)y + 0.5f - sc->cy) * sc->soft;
      memset(p, 0, sizeof *p);
      paint_wall(sc, p, (float)x / (float)sc->width, (float)y / (float)sc->height);
      paint_neck(sc, p, u, v);
      paint_shirt(sc, p, u, v);
    }
}

static int limit(float x, int hi) { return x < 0 ? 0 : x > (float)hi ? hi : (int)x; }

/* The backdrop with the head before it. All of the head lies within 2.2 half widths of its centre:
   hair ends at v = -1.82, ears at u = 1.13. */
static void paint_view(const scene *sc, const pose *at)
{
  const float cx = sc->cx + at->dx, cy = sc->cy + at->dy, reach = 2.2f * sc->half;
  const int x0 = limit(cx - reach, sc->width), x1 = limit(cx + reach + 1, sc->width);
  const int y0 = limit(cy - reach, sc->height), y1 = limit(cy + reach + 1, sc->height);
  if (sc->view != sc->backdrop)
    memcpy(sc->view, sc->backdrop, (size_t)sc->width * (size_t)sc->height * sizeof *sc->view);
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++) {
      const float px = ((float)x + 0.5f - cx) * sc->soft, py = ((float)y + 0.5f - cy) * sc->soft;
      paint_head(sc, at, &sc->view[(size_t)y * (size_t)sc->width + (size_t)x],
                 at->roll_cos * px + at->roll_sin * py, at->roll_cos * py - at->roll_sin * px);
    }
}

/* Paints what never changes. A head at rest is part of that: one layer then serves as both. */
static scene scene_make(const options *o)
{
  static const pose rest = {0, 0, 0, 1, 0, 1};
  rng r = rng_stream((uint64_t)o->seed, FOR_TEXTURE);
  scene sc;
  sc.width = (int)o->size[0];
  sc.height = (int)o->size[1];
  sc.cx = (float)(o->head[0] * o->size[0]);
  sc.cy = (float)(o->head[1] * o->size[1]);
  sc.half = (float)(o->head[2] * o->size[0] / 2);
  sc.soft = 1 / sc.half;
  sc.salt = (uint32_t)rng_next(&r);
  sc.looks = &looks_of_skin[(int)o->skin - 1];
  sc.backdrop = must_alloc((size_t)sc.width * (size_t)sc.height, sizeof *sc.backdrop);
  sc.view = sc.backdrop;
  paint_backdrop(&sc);
  if (o->motion > 0)
    sc.view = must_alloc((size_t)sc.width * (size_t)sc.height, sizeof *sc.view);
  else
    paint_view(&sc, &rest);
  return sc;
}

static void scene_free(scene *sc)
{
  if (sc->view != sc->backdrop) free(sc->view);
  free(sc->backdrop);
}

/* The face box of the head at rest, cut to the frame: x, y, width, height in pixels. */
static void print_box(const options *o, FILE *f)
{
  const double half = o->head[2] * o->size[0] / 2;
  const double cx = o->head[0] * o->size[0], cy = o->head[1] * o->size[1];
  const double x0 = fmax(0, floor(cx - half + 0.5)), y0 = fmax(0, floor(cy - BOX_V * half + 0.5));
  const double x1 = fmin(o->size[0], floor(cx + half + 0.5));
  const double y1 = fmin(o->size[1], floor(cy + BOX_V * half + 0.5));
  if (fprintf(f, "%.0f,%.0f,%.0f,%.0f\n", x0, y0, x1 - x0, y1 - y0) < 0 || fflush(f) != 0)
    die_write("the face box");
}

/* ---- camera: motion, light, noise ------------------------------------------------------------ */

typedef struct camera {
  const options *o;
  wobble sway, nod, turn, roll, drift;
  rng noise, clock;
  float strength[3];                     /* relative pulse of R, G, B at blood volume 1 */
  uint64_t next_us;                      /* no frame before this */
} camera;

/* Each disturbance draws from its own stream; frequencies are those of a person who sits. */
static camera camera_make(const options *o)
{
  /* Relative pulsatility of skin under white light [DeHaan2013, Wang2017], scaled to green. */
  static const double skin_pulse[3] = {0.33, 0.77, 0.53};
  const uint64_t seed = (uint64_t)o->seed;
  rng motion = rng_stream(seed, FOR_MOTION), light = rng_stream(seed, FOR_LIGHT);
  camera c;
  c.o = o;
  c.sway = wobble_make(&motion, 0.08, 0.6);
  c.nod = wobble_make(&motion, 0.08, 0.6);
  c.turn = wobble_make(&motion, 0.05, 0.4);
  c.roll = wobble_make(&motion, 0.05, 0.4);
  c.drift = wobble_make(&light, 0.02, 0.15);
  c.noise = rng_stream(seed, FOR_NOISE);
  c.clock = rng_stream(seed, FOR_CLOCK);
  for (int i = 0; i < 3; i++)
    c.strength[i] = (float)(o->pulse / 100 * skin_pulse[i] / skin_pulse[1]);
  c.next_us = 0;
  return c;
}

/* Head shift of RMS length --motion, 0.9 of it sideways; it turns and tilts along. Radians. */
static pose pose_at(const camera *c, double half, double t)
{
  const double px = c->o->motion, lean = px / half;
  const double turn = fmax(-0.6, fmin(0.6, 0.8 * lean * wobble_at(&c->turn, t)));
  const double roll = fmax(-0.3, fmin(0.3, 0.3 * lean * wobble_at(&c->roll, t)));
  pose p;
  p.dx = (float)(0.90 * px * wobble_at(&c->sway, t));
  p.dy = (float)(0.436 * px * wobble_at(&c->nod, t));            /* 0.90^2 + 0.436^2 = 1 */
  p.turn_sin = (float)sin(turn);
  p.turn_cos = (float)cos(turn);
  p.roll_sin = (float)sin(roll);
  p.roll_cos = (float)cos(roll);
  return p;
}

/* Factor on all light: drift and flicker. An exposure takes no time, so that a flicker above half
   the frame rate folds back in full. */
static double light_at(const camera *c, double t)
{
  const options *o = c->o;
  const double drift = o->light > 0 ? 1 + o->light / 100 * wobble_at(&c->drift, t) : 1;
  return fmax(0, drift) * (1 + o->flicker[1] / 100 * sin(TAU * o->flicker[0] * t));
}

/* Capture time of frame i in microseconds; strictly increasing. */
static uint64_t capture_us(camera *c, uint64_t i)
{
  const double off = c->o->jitter / 100 * (rng_uniform(&c->clock) - 0.5);
  const double us = floor(((double)i + off) * 1e6 / c->o->fps + 0.5);
  const uint64_t t = us > (double)c->next_us ? (uint64_t)us : c->next_us;
  c->next_us = t + 1;
  return t;
}

/* Three uniforms of 7 bits, summed: nearly Gaussian, zero mean, unit variance, within 3.
   One uniform of 0..127 has variance (128^2 - 1) / 12, so three have deviation 64. */
static float grain(uint64_t bits)
{
  const int sum = (int)(bits & 127) + (int)(bits >> 7 & 127) + (int)(bits >> 14 & 127);
  return ((float)sum - 190.5f) * (1.0f / 64);
}

static float clip(float x) { return x < 0 ? 0 : x > 255 ? 255 : x; }

/* One exposure: rgb[height][width][3], grey levels 0..255, noise in, not yet rounded. */
static void expose(camera *c, const scene *sc, double light, double blood, float *rgb)
{
  const size_t n = (size_t)sc->width * (size_t)sc->height;
  const float still = (float)light, sigma = (float)c->o->noise;
  const float pulse[3] = {still * (1 - c->strength[0] * (float)blood),
                          still * (1 - c->strength[1] * (float)blood),
                          still * (1 - c->strength[2] * (float)blood)};
  rng noise = c->noise;
  for (size_t i = 0; i < n; i++, rgb += 3) {
    const pixel *p = &sc->view[i];
    const uint64_t bits = rng_next(&noise);
    rgb[0] = clip(still * p->still[0] + pulse[0] * p->blood[0] + sigma * grain(bits));
    rgb[1] = clip(still * p->still[1] + pulse[1] * p->blood[1] + sigma * grain(bits >> 21));
    rgb[2] = clip(still * p->still[2] + pulse[2] * p->blood[2] + sigma * grain(bits >> 42));
  }
  c->noise = noise;
}

/* ---- output ---------------------------------------------------------------------------------- */

typedef struct sink {
  const options *o;
  int width, height;
  FILE *stream;                          /* Y4M; images open one file each */
  char *path;
  uint64_t count;                        /* frames written */
  uint8_t level[256];                    /* --quant: the code that replaces each code */
  uint8_t *bytes;                        /* one frame as it is written */
} sink;

/* Opens the stream and writes its header. */
static void start_y4m(sink *s)
{
  static const char *const tags[] = {"420jpeg", "422", "444", "mono"};
  const int piped = strcmp(s->o->out, "-") == 0;
  long num, den;
#if defined(_WIN32)
  if (piped) _setmode(_fileno(stdout), _O_BINARY);
#endif
  s->stream = piped ? stdout : must_open(s->o->out);
  rational_fps(s->o->fps, &num, &den);
  if (fprintf(s->stream, "YUV4MPEG2 W%d H%d F%ld:%ld Ip A1:1 C%s XCOLORRANGE=%s\n", s->width,
              s->height, num, den, tags[s->o->chroma], s->o->full_range ? "FULL" : "LIMITED") < 0)
    die_write(s->o->out);
}

static sink sink_make(const options *o)
{
  const int bits = (int)o->quant, step = 256 >> bits;
  sink s;
  s.o = o;
  s.width = (int)o->size[0];
  s.height = (int)o->size[1];
  s.stream = NULL;
  s.count = 0;
  for (int i = 0; i < 256; i++) {
    const int code = (i + step / 2) / step * step;
    s.level[i] = (uint8_t)(code > 255 ? 255 : code);
  }
  s.path = must_alloc(strlen(o->out) + 32, 1);
  s.bytes = must_alloc((size_t)s.width * (size_t)s.height, 3);
  if (o->kind == OUT_Y4M) start_y4m(&s);
  return s;
}

/* The 8-bit code of a grey level. */
static uint8_t code(const sink *s, float x) { return s->level[(uint8_t)(clip(x) + 0.5f)]; }

/* Luma of BT.601; x[3] are R, G, B. */
static float luma(const float *x) { return 0.299f * x[0] + 0.587f * x[1] + 0.114f * x[2]; }

/* The Y plane. Returns where it ends. */
static uint8_t *put_luma(const sink *s, const float *rgb, uint8_t *to)
{
  const float scale = s->o->full_range ? 1 : 219.0f / 255, zero = s->o->full_range ? 0 : 16;
  const size_t n = (size_t)s->width * (size_t)s->height;
  for (size_t i = 0; i < n; i++) *to++ = code(s, zero + scale * luma(rgb + 3 * i));
  return to;
}

/* Mean colour of the block of bw x bh pixels at (x, y), cut to the frame. */
static void block_mean(const sink *s, const float *rgb, int x, int y, int bw, int bh, float *mean)
{
  const int x1 = x + bw < s->width ? x + bw : s->width;
  const int y1 = y + bh < s->height ? y + bh : s->height;
  const float share = 1.0f / (float)((x1 - x) * (y1 - y));
  mean[0] = mean[1] = mean[2] = 0;
  for (int j = y; j < y1; j++)
    for (int i = x; i < x1; i++) {
      const float *p = rgb + 3 * ((size_t)j * (size_t)s->width + (size_t)i);
      for (int c = 0; c < 3; c++) mean[c] += p[c] * share;
    }
}

/* The U and V planes; a chroma sample stands for the centre of its block of pixels, as JPEG has it.
   (B - Y) / 1.772 and (R - Y) / 1.402 fill -127.5..127.5. Returns where they end. */
static uint8_t *put_chroma(const sink *s, const float *rgb, uint8_t *to)
{
  const int bw = s->o->chroma == CHROMA_444 ? 1 : 2, bh = s->o->chroma == CHROMA_420 ? 2 : 1;
  const size_t cw = ((size_t)s->width + (size_t)bw - 1) / (size_t)bw;
  const size_t n = cw * (((size_t)s->height + (size_t)bh - 1) / (size_t)bh);
  const float scale = s->o->full_range ? 1 : 224.0f / 255;
  uint8_t *u = to, *v = to + n;
  for (int y = 0; y < s->height; y += bh)
    for (int x = 0; x < s->width; x += bw) {
      float mean[3];
      block_mean(s, rgb, x, y, bw, bh, mean);
      *u++ = code(s, 128 + scale * (mean[2] - luma(mean)) / 1.772f);
      *v++ = code(s, 128 + scale * (mean[0] - luma(mean)) / 1.402f);
    }
  return v;
}

/* One frame of the stream, its capture time in the frame header. */
static void write_y4m(sink *s, const float *rgb, uint64_t t_us)
{
  uint8_t *end = put_luma(s, rgb, s->bytes);
  if (s->o->chroma != CHROMA_MONO) end = put_chroma(s, rgb, end);
  if (fprintf(s->stream, "FRAME XT=%" PRIu64 "\n", t_us) < 0) die_write(s->o->out);
  must_write(s->stream, s->o->out, s->bytes, (size_t)(end - s->bytes));
}

#if RPPG_HAVE_STB
typedef struct png_target { FILE *f; const char *name; } png_target;

static void png_bytes(void *target, void *bytes, int size)
{
  const png_target *t = target;
  must_write(t->f, t->name, bytes, (size_t)size);
}

static void write_png(sink *s, FILE *f)
{
  png_target t = {f, s->path};
  if (!stbi_write_png_to_func(png_bytes, &t, s->width, s->height, 3, s->bytes, 3 * s->width))
    die(EXIT_IO, "cannot encode %s: out of memory", s->path);
}
#else
static void write_png(sink *s, FILE *f) { (void)s; (void)f; }     /* kind_of() refused PNG */
#endif

/* One file per frame, numbered by what is written, not by what was lost. */
static void write_image(sink *s, const float *rgb)
{
  const size_t n = 3 * (size_t)s->width * (size_t)s->height;
  int width;
  const char *rest, *at = pattern_number(s->o->out, &width, &rest);
  FILE *f;
  sprintf(s->path, "%.*s%0*" PRIu64 "%s", (int)(at - s->o->out), s->o->out, width, s->count, rest);
  for (size_t i = 0; i < n; i++) s->bytes[i] = code(s, rgb[i]);
  f = must_open(s->path);
  if (s->o->kind == OUT_PNG) write_png(s, f);
  else {
    if (fprintf(f, "P6\n%d %d\n255\n", s->width, s->height) < 0) die_write(s->path);
    must_write(f, s->path, s->bytes, n);
  }
  must_close(f, s->path);
}

static void sink_put(sink *s, const float *rgb, uint64_t t_us)
{
  if (s->o->kind == OUT_Y4M) write_y4m(s, rgb, t_us);
  else write_image(s, rgb);
  s->count++;
}

static void sink_close(sink *s)
{
  if (s->stream) must_close(s->stream, s->o->out);
  free(s->path);
  free(s->bytes);
}

/* ---- truth ----------------------------------------------------------------------------------- */

/* The mean rate over a second is the beats in it; the last second may be cut short. */
static void write_truth(const person *p, const char *name)
{
  FILE *f;
  if (!name) return;
  f = must_open(name);
  if (fputs("t,hr_bpm\n", f) < 0) die_write(name);
  for (double t = 0; t < p->seconds; t++) {
    const double end = fmin(t + 1, p->seconds);
    const double bpm = 60 * (beats_at(p, end) - beats_at(p, t)) / (end - t);
    if (fprintf(f, "%.0f,%.4f\n", t, bpm) < 0) die_write(name);
  }
  must_close(f, name);
}

/* A table of one line a frame; NULL name: not asked for, f stays NULL. */
typedef struct table { const char *name; FILE *f; } table;

static table table_make(const char *name, const char *header)
{
  table t = {name, name ? must_open(name) : NULL};
  if (t.f && fputs(header, t.f) < 0) die_write(name);
  return t;
}

static void table_close(table *t)
{
  if (t->f) must_close(t->f, t->name);
}

/* ---- the clip -------------------------------------------------------------------------------- */

static int at_terminal(void)
{
#if defined(_WIN32)
  return _isatty(2);
#elif defined(__unix__) || defined(__APPLE__)
  return isatty(2);
#else
  return 0;
#endif
}

static void show_progress(uint64_t done, uint64_t frames)
{
  fprintf(stderr, "\rframe %" PRIu64 " of %" PRIu64 " (%" PRIu64 " %%)", done, frames,
          100 * done / frames);
  if (done == frames) fputs("\n", stderr);
}

/* Frame i, unless it is lost; the first never is, so that no clip is empty. The clock and the dice
   run on for lost frames: what is seen of the others does not depend on --drop. */
static int take_frame(camera *c, uint64_t i, uint64_t *t_us)
{
  *t_us = capture_us(c, i);
  return rng_uniform(&c->clock) >= c->o->drop / 100 || i == 0;
}

/* Renders and writes the whole clip. */
static void render(const options *o)
{
  const uint64_t whole = (uint64_t)(o->fps * o->seconds + 0.5), frames = whole > 0 ? whole : 1;
  const int progress = !o->quiet && at_terminal();
  const person who = person_make(o);
  camera cam = camera_make(o);
  scene sc = scene_make(o);
  sink out = sink_make(o);
  table wave = table_make(o->wave, "t,pulse\n"), times = table_make(o->times, "frame,t_us\n");
  float *rgb = must_alloc((size_t)sc.width * (size_t)sc.height, 3 * sizeof *rgb);
  write_truth(&who, o->truth);
  for (uint64_t i = 0; i < frames; i++) {
    uint64_t t_us;
    if (progress && i % 16 == 0) show_progress(i, frames);
    if (!take_frame(&cam, i, &t_us)) continue;
    const double t = (double)t_us * 1e-6, blood = blood_at(&who, t);
    if (o->motion > 0) {
      const pose at = pose_at(&cam, sc.half, t);
      paint_view(&sc, &at);
    }
    expose(&cam, &sc, light_at(&cam, t), blood, rgb);
    if (wave.f && fprintf(wave.f, "%.6f,%.6f\n", t, blood) < 0) die_write(wave.name);
    if (times.f && fprintf(times.f, "%" PRIu64 ",%" PRIu64 "\n", out.count, t_us) < 0)
      die_write(times.name);
    sink_put(&out, rgb, t_us);
  }
  if (progress) show_progress(frames, frames);
  free(rgb);
  table_close(&times);
  table_close(&wave);
  sink_close(&out);
  scene_free(&sc);
}

int main(int argc, char **argv)
{
  const options o = read_options(argc, argv);
#if defined(SIGPIPE)
  signal(SIGPIPE, SIG_IGN);              /* a closed pipe becomes a failed write: exit 1 */
#endif
  if (o.box) print_box(&o, o.out && strcmp(o.out, "-") == 0 ? stderr : stdout);
  if (o.out) render(&o);
  return 0;
}
