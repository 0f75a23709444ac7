/* shim.c - a session of rppg.h behind plain functions, for ctypes - MIT
   Compiled with the headers by core.py: no caller needs the size of a C structure. */
#include <stdlib.h>
#define RPPG_STATIC
#define RPPG_IMPLEMENTATION
#include "rppg.h"

#if defined(_WIN32)
#  define SHIM __declspec(dllexport)
#else
#  define SHIM __attribute__((visibility("default")))
#endif
SHIM int shim_results(void);
SHIM int shim_evidence(void);
SHIM const char *shim_version(void);
SHIM const char *shim_flag_text(unsigned flag);
SHIM void *shim_open(int method, int rois, double rate_hz, double window_s, double bpm_min, double bpm_max,
                     const void *model, size_t model_size, int adapt);
SHIM void shim_close(void *p);
SHIM int shim_push(void *p, const float *rgb, const int64_t *t_us, size_t n);
SHIM int shim_estimate(void *p, double *out);
SHIM int shim_push_frame(void *p, int format, int full, int w, int h, const uint8_t *pixels, const int box[4],
                         int64_t t_us, float *out);
SHIM int shim_fragment(void *p, size_t frames, float *out);
SHIM size_t shim_wave(void *p, float *out, size_t cap);
SHIM unsigned shim_learnt(void *p);
SHIM size_t shim_spectrum(void *p, float *out, size_t cap, double *bin_hz);

typedef struct shim { rppg_session s; void *mem; rppg_part parts[RPPG_MAX_ROIS]; } shim;

enum { RESULTS = 12 };

SHIM int shim_results(void) { return RESULTS; }
SHIM int shim_evidence(void) { return RPPG__EVIDENCE; }
SHIM const char *shim_version(void) { return RPPG_VERSION_STRING; }
SHIM const char *shim_flag_text(unsigned flag) { return rppg_flag_text(flag); }

/* Zeros are defaults; rois only counts, since colours are pushed; below 0: the six of RPPG_LAYOUT_FACE6, for frames. */
static rppg_config config(const rppg_part *parts, int method, int rois, double rate_hz, double window_s,
                          double bpm_min, double bpm_max, const void *model, size_t model_size)
{
  rppg_config c;
  memset(&c, 0, sizeof c);
  c.method = method;
  c.parts = rois < 0 ? NULL : parts;
  c.n_parts = rois < 0 ? 0 : (size_t)rois;
  c.rate_hz = rate_hz;
  c.window_s = window_s;
  c.bpm_min = bpm_min;
  c.bpm_max = bpm_max;
  c.model = model;
  c.model_size = model_size;
  return c;
}

/* NULL for a config that the header refuses, or without memory. model may be NULL; it must stay where it is. */
SHIM void *shim_open(int method, int rois, double rate_hz, double window_s, double bpm_min, double bpm_max,
                     const void *model, size_t model_size, int adapt)
{
  shim *h = (shim *)calloc(1, sizeof *h);
  rppg_config c;
  size_t size, i;
  if (!h) return NULL;
  for (i = 0; i < RPPG_MAX_ROIS; i++) h->parts[i].w = h->parts[i].h = 1.0f;
  c = config(h->parts, method, rois, rate_hz, window_s, bpm_min, bpm_max, model, model_size);
  c.adapt = adapt;
  size = rppg_mem_size(&c);
  h->mem = size ? malloc(size) : NULL;
  if (h->mem && rppg_init(&h->s, &c, h->mem, size) == RPPG_OK) return h;
  shim_close(h);
  return NULL;
}

SHIM void shim_close(void *p)
{
  if (p) free(((shim *)p)->mem);
  free(p);
}

/* Steps that the model's adapter has learnt. */
SHIM unsigned shim_learnt(void *p) { return (unsigned)rppg_adapter_steps(&((shim *)p)->s); }

/* rgb [n][rois][3], t_us [n]; how many were refused. */
SHIM int shim_push(void *p, const float *rgb, const int64_t *t_us, size_t n)
{
  shim *h = (shim *)p;
  int refused = 0;
  size_t i;
  for (i = 0; i < n; i++) refused += rppg_push_rgb(&h->s, rgb + i * h->s.channels, t_us[i]) != RPPG_OK;
  return refused;
}

/* A frame whose planes lie one behind the other without gaps, and a face box x, y, w, h; out [rois][3] are its colours.
   format: index into core.FORMATS; YUV is BT.709 from 720 lines on, as hr_video has it. The status. */
SHIM int shim_push_frame(void *p, int format, int full, int w, int h, const uint8_t *pixels, const int box[4],
                         int64_t t_us, float *out)
{
  static const int formats[] = { RPPG_GRAY8, RPPG_I420, RPPG_I422, RPPG_I444, RPPG_RGB24 };
  shim *s = (shim *)p;
  const int c_w = formats[format] == RPPG_I444 ? w : (w + 1) / 2, c_h = formats[format] == RPPG_I420 ? (h + 1) / 2 : h;
  const size_t luma = (size_t)w * (size_t)h;
  const rppg_rect face = { box[0], box[1], box[2], box[3] };
  rppg_frame f;
  rppg_status status;
  size_t n;
  memset(&f, 0, sizeof f);
  f.format = (rppg_format)formats[format];
  f.range = full ? RPPG_FULL : RPPG_LIMITED;
  f.matrix = h >= 720 ? RPPG_BT709 : RPPG_BT601;
  f.width = w;
  f.height = h;
  f.planes[0] = pixels;
  f.strides[0] = f.format == RPPG_RGB24 ? 3 * (ptrdiff_t)w : w;
  f.planes[1] = pixels + luma;
  f.planes[2] = pixels + luma + (size_t)c_w * (size_t)c_h;
  f.strides[1] = f.strides[2] = c_w;
  status = rppg_push(&s->s, &f, &face, t_us);
  if (status == RPPG_OK) memcpy(out, rppg_frame_colours(&s->s, &n), s->s.channels * sizeof *out);
  return (int)status;
}

/* The newest frames of the grid as a model of RPPG_NN_SIGNALS and RPPG_NN_NORM_RANGE gets them, out [3 rois][frames]; 0
   while there are fewer. */
SHIM int shim_fragment(void *p, size_t frames, float *out)
{
  shim *h = (shim *)p;
  rppg__reader r, *const own = h->s.reader;
  if (h->s.total < frames || h->s.n < frames) return 0;
  memset(&r, 0, sizeof r);
  r.frames = frames;
  r.step = 1;
  r.in = out;
  r.nn.spec.channels = (uint32_t)h->s.channels;
  r.nn.spec.norm = RPPG_NN_NORM_RANGE;
  h->s.reader = &r;
  rppg__model_signals(&h->s);
  h->s.reader = own;
  return 1;
}

/* out [RESULTS + RPPG__EVIDENCE]; the status. */
SHIM int shim_estimate(void *p, double *out)
{
  shim *h = (shim *)p;
  rppg_result r;
  const rppg_status status = rppg_estimate(&h->s, &r);
  int i;
  if (status != RPPG_OK) return (int)status;
  out[0] = r.t_s;
  out[1] = r.hr_bpm;
  out[2] = r.tracked_bpm;
  out[8] = r.raw_bpm;
  out[3] = r.confidence;
  out[4] = r.snr_db;
  out[5] = r.window_s;
  out[6] = r.fps;
  out[7] = (double)r.flags;
  out[9] = (double)r.source;
  out[10] = h->s.reader ? h->s.reader->said : 0.0;
  out[11] = h->s.reader ? h->s.reader->sharp : 0.0;
  for (i = 0; i < RPPG__EVIDENCE; i++) out[RESULTS + i] = h->s.evidence[i];
  return (int)status;
}

SHIM size_t shim_wave(void *p, float *out, size_t cap)
{
  size_t n;
  const float *x = rppg_wave(&((shim *)p)->s, &n);
  if (n > cap) n = cap;
  if (x) memcpy(out, x, n * sizeof *x);
  return n;
}

SHIM size_t shim_spectrum(void *p, float *out, size_t cap, double *bin_hz)
{
  size_t n;
  const float *x = rppg_spectrum(&((shim *)p)->s, &n, bin_hz);
  if (n > cap) n = cap;
  if (x) memcpy(out, x, n * sizeof *x);
  return n;
}
