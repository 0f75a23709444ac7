/* plot.h - the SVG of hr_video --plot: colour signals, pulse, spectrum, rate over time */
#ifndef PLOT_H
#define PLOT_H

#include "report.h"

/* A file for writing. */
static FILE *must_create(const char *path)
{
  FILE *f = fopen(path, "w");
  if (!f) die(EXIT_INPUT, "cannot write '%s'", path);
  return f;
}

/* A panel on the page and the data range that it shows. */
typedef struct panel { double left, top, width, height, x0, x1, y0, y1; } panel;

static double panel_x(const panel *p, double x)
{
  return p->left + p->width * (x - p->x0) / (p->x1 - p->x0);
}

static double panel_y(const panel *p, double y)
{
  return p->top + p->height * (p->y1 - y) / (p->y1 - p->y0);
}

/* 1, 2 or 5 times a power of ten, so that about count steps fill the span. */
static double tick_step(double span, int count)
{
  const double raw = span / count, power = pow(10.0, floor(log10(raw))), lead = raw / power;
  return power * (lead < 1.5 ? 1.0 : lead < 3.5 ? 2.0 : lead < 7.5 ? 5.0 : 10.0);
}

/* Frame, title, grid lines and their numbers. */
static void panel_draw(FILE *f, const panel *p, const char *title, const char *x_label)
{
  const double sx = tick_step(p->x1 - p->x0, 6), sy = tick_step(p->y1 - p->y0, 4);
  double v;
  fprintf(f, "<text class='title' x='%.1f' y='%.1f'>%s</text>\n", p->left, p->top - 10, title);
  for (v = ceil(p->x0 / sx) * sx; v <= p->x1 + 1e-9 * sx; v += sx)
    fprintf(f, "<path class='grid' d='M%.1f %.1fv%.1f'/><text x='%.1f' y='%.1f' "
               "text-anchor='middle'>%g</text>\n", panel_x(p, v), p->top, p->height,
            panel_x(p, v), p->top + p->height + 16, fabs(v) < 1e-9 * sx ? 0.0 : v);
  for (v = ceil(p->y0 / sy) * sy; v <= p->y1 + 1e-9 * sy; v += sy)
    fprintf(f, "<path class='grid' d='M%.1f %.1fh%.1f'/><text x='%.1f' y='%.1f' "
               "text-anchor='end'>%.6g</text>\n", p->left, panel_y(p, v), p->width,
            p->left - 6, panel_y(p, v) + 4, fabs(v) < 1e-9 * sy ? 0.0 : v);
  fprintf(f, "<rect class='frame' x='%.1f' y='%.1f' width='%.1f' height='%.1f'/>\n", p->left,
          p->top, p->width, p->height);
  fprintf(f, "<text x='%.1f' y='%.1f' text-anchor='end'>%s</text>\n", p->left + p->width,
          p->top + p->height + 32, x_label);
}

/* A line through (x0 + i dx, y[i * stride]). */
static void panel_line(FILE *f, const panel *p, const char *style, double x0, double dx,
                       const float *y, size_t n, size_t stride)
{
  size_t i;
  fprintf(f, "<path class='line' style='%s' d='", style);
  for (i = 0; i < n; i++)
    fprintf(f, "%c%.1f %.1f", i ? 'L' : 'M', panel_x(p, x0 + (double)i * dx),
            panel_y(p, (double)y[i * stride]));
  fprintf(f, "'/>\n");
}

/* Data range of values with a margin; never empty. */
static void range_of(const float *y, size_t n, double *lo, double *hi)
{
  size_t i;
  *lo = *hi = n ? (double)y[0] : 0.0;
  for (i = 1; i < n; i++) {
    if ((double)y[i] < *lo) *lo = (double)y[i];
    if ((double)y[i] > *hi) *hi = (double)y[i];
  }
  if (*hi - *lo < 1e-6) {
    *lo -= 1.0;
    *hi += 1.0;
  }
  *lo -= 0.06 * (*hi - *lo);
  *hi += 0.06 * (*hi - *lo);
}

/* R, G, B of all ROIs together, each as per cent of change about its mean. */
static void plot_colours(FILE *f, const rppg_session *s, const panel *place)
{
  static const char *const styles[3] = { "stroke:#d33", "stroke:#2a2", "stroke:#36d" };
  const size_t room = s->n;
  float *sum = (float *)must_alloc(6 * room * sizeof *sum), *one = sum + 3 * room;
  panel p = *place;
  size_t n = 0, roi, i;
  int c;
  memset(sum, 0, 3 * room * sizeof *sum);
  for (roi = 0; roi < s->rois; roi++) {
    n = rppg_colours(s, roi, one, room);
    for (i = 0; i < 3 * n; i++) sum[i] += one[i];
  }
  for (c = 0; c < 3; c++) {
    double mean = 0.0;
    for (i = 0; i < n; i++) mean += (double)sum[3 * i + (size_t)c] / (double)n;
    for (i = 0; i < n; i++) {
      float *v = sum + 3 * i + c;
      *v = mean > 0.0 ? (float)(100.0 * ((double)*v / mean - 1.0)) : 0.0f;
    }
  }
  p.x0 = -(double)n / s->cfg.rate_hz;
  p.x1 = 0.0;
  range_of(sum, 3 * n, &p.y0, &p.y1);
  panel_draw(f, &p, "Skin colour, % about the mean (red, green, blue)", "seconds before the end");
  for (c = 0; c < 3; c++)
    panel_line(f, &p, styles[c], p.x0, 1.0 / s->cfg.rate_hz, sum + c, n, 3);
  free(sum);
}

static void plot_wave(FILE *f, const rppg_session *s, const panel *place)
{
  panel p = *place;
  size_t n, i;
  const float *wave = rppg_wave(s, &n);
  float *percent = (float *)must_alloc(n * sizeof *percent);
  for (i = 0; i < n; i++) percent[i] = 100.0f * wave[i];
  p.x0 = -(double)n / s->cfg.rate_hz;
  p.x1 = 0.0;
  range_of(percent, n, &p.y0, &p.y1);
  panel_draw(f, &p, "Pulse wave, % (up: more blood in the skin)", "seconds before the end");
  panel_line(f, &p, "stroke:#b0137a", p.x0, 1.0 / s->cfg.rate_hz, percent, n, 1);
  free(percent);
}

/* Amplitude spectrum over the band, with the last estimate's rate marked. */
static void plot_spectrum(FILE *f, const rppg_session *s, const rppg_result *last, const panel *place)
{
  panel p = *place;
  double bin_hz;
  size_t bins, i, lo, n;
  const float *power = rppg_spectrum(s, &bins, &bin_hz);
  float *amplitude;
  lo = (size_t)(s->cfg.bpm_min / 60.0 / bin_hz) + 1;
  n = (size_t)(s->cfg.bpm_max / 60.0 / bin_hz) + 1 - lo;
  if (lo + n > bins) n = bins - lo;
  amplitude = (float *)must_alloc(n * sizeof *amplitude);
  for (i = 0; i < n; i++) amplitude[i] = 100.0f * sqrtf(power[lo + i]);
  range_of(amplitude, n, &p.y0, &p.y1);
  p.y0 = 0.0;
  p.x0 = s->cfg.bpm_min;
  p.x1 = s->cfg.bpm_max;
  panel_draw(f, &p, "Spectrum of the pulse, %", "beats per minute");
  fprintf(f, "<path class='mark' d='M%.1f %.1fv%.1f'/><text class='note' x='%.1f' y='%.1f'>%.1f bpm"
             "</text>\n", panel_x(&p, last->hr_bpm), p.top, p.height,
          panel_x(&p, last->hr_bpm) + 5, p.top + 15, last->hr_bpm);
  panel_line(f, &p, "stroke:#b0137a", 60.0 * (double)lo * bin_hz, 60.0 * bin_hz, amplitude, n, 1);
  free(amplitude);
}

/* Each window's rate as a dot, fainter the less sure, and the tracked rate as a line. */
static void plot_rates(FILE *f, const history *h, const rppg_result *sum, const panel *place)
{
  panel p = *place;
  float *tracked = (float *)must_alloc(2 * h->count * sizeof *tracked), *rate = tracked + h->count;
  size_t i;
  for (i = 0; i < h->count; i++) {
    tracked[i] = (float)h->at[i].tracked_bpm;
    rate[i] = h->at[i].confidence > 0.3 ? (float)h->at[i].hr_bpm : tracked[i];
  }
  range_of(tracked, 2 * h->count, &p.y0, &p.y1);
  if (p.y1 - p.y0 < 12.0) { /* do not magnify a steady rate */
    const double middle = 0.5 * (p.y0 + p.y1);
    p.y0 = middle - 6.0;
    p.y1 = middle + 6.0;
  }
  p.x0 = 0.0;
  p.x1 = sum->t_s > 1.0 ? sum->t_s : 1.0;
  panel_draw(f, &p, "Heart rate, bpm (dot: a window, faint = unsure; line: tracked)",
             "seconds of the clip");
  fprintf(f, "<path class='line' style='stroke:#888' d='");
  for (i = 0; i < h->count; i++)
    fprintf(f, "%c%.1f %.1f", i ? 'L' : 'M', panel_x(&p, h->at[i].t_s), panel_y(&p, (double)tracked[i]));
  fprintf(f, "'/>\n");
  for (i = 0; i < h->count; i++) {
    const double y = h->at[i].hr_bpm;
    if (y < p.y0 || y > p.y1) continue;
    fprintf(f, "<circle cx='%.1f' cy='%.1f' r='3.5' fill='#b0137a' fill-opacity='%.2f'/>\n",
            panel_x(&p, h->at[i].t_s), panel_y(&p, y), 0.1 + 0.9 * h->at[i].confidence);
  }
  free(tracked);
}

/* The whole page. h has at least one estimate; s is the session right after the last one. */
static void write_plot(const char *path, const rppg_session *s, const history *h, const rppg_result *sum)
{
  static const panel places[4] = {
    { 60, 110, 500, 220, 0, 1, 0, 1 }, { 630, 110, 500, 220, 0, 1, 0, 1 },
    { 60, 410, 500, 220, 0, 1, 0, 1 }, { 630, 410, 500, 220, 0, 1, 0, 1 }
  };
  FILE *f = must_create(path);
  fprintf(f, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1160 690' width='1160' height='690'>\n"
             "<style>text{font:12px sans-serif;fill:#333}.title{font-size:14px;font-weight:bold}"
             ".note{fill:#b0137a;font-weight:bold}.grid{stroke:#e4e4e4}.frame{fill:none;stroke:#999}"
             ".line{fill:none;stroke-width:1.5;stroke-linejoin:round}"
             ".mark{stroke:#b0137a;stroke-dasharray:4 3}</style>\n"
             "<rect width='1160' height='690' fill='#fff'/>\n");
  fprintf(f, "<text x='60' y='52' style='font-size:30px;font-weight:bold'>%.1f bpm</text>\n"
             "<text x='230' y='52' style='font-size:16px'>confidence %.2f &#160; SNR %.1f dB &#160; %.1f s ",
          sum->hr_bpm, sum->confidence, sum->snr_db, sum->t_s);
  print_flags(f, sum->flags, NULL, "");
  fprintf(f, "</text>\n");
  plot_colours(f, s, &places[0]);
  plot_wave(f, s, &places[1]);
  plot_spectrum(f, s, &h->at[h->count - 1], &places[2]);
  plot_rates(f, h, sum, &places[3]);
  fprintf(f, "</svg>\n");
  must_close(f, path);
}

#endif
