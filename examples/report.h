/* report.h - what hr_video and hr_trace share: arguments, result lines, the summary of a clip */
#ifndef REPORT_H
#define REPORT_H

#include "die.h"
#include "rppg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must_close(FILE *f, const char *path)
{
  const int failed = fflush(f) || ferror(f);
  if ((f != stdout && fclose(f)) || failed) die(EXIT_INPUT, "writing '%s' failed", path);
}

/* ---- arguments --------------------------------------------------------------------------- */

/* The value that follows option argv[*i]. */
static const char *option_value(int argc, char **argv, int *i)
{
  if (*i + 1 >= argc) die(EXIT_USAGE, "%s needs a value (see --help)", argv[*i]);
  return argv[++*i];
}

/* A number within [lo, hi]; anything else, NaN too, is a usage error. */
static double option_number(const char *name, const char *text, double lo, double hi)
{
  char *end;
  const double x = strtod(text, &end);
  if (end == text || *end || !(x >= lo && x <= hi))
    die(EXIT_USAGE, "%s must be a number from %g to %g, not '%s'", name, lo, hi, text);
  return x;
}

static int option_method(const char *text)
{
  static const char *const names[RPPG__METHOD_END] = {
    "pos", "chrom", "green", "contact", "pbv", "pbv-data", "lgi", "omit", "ica", "pca", "2sr", "nir", "consensus"
  };
  int i;
  for (i = 0; i < RPPG__METHOD_END; i++)
    if (!strcmp(text, names[i])) return i;
  die(EXIT_USAGE, "--method must be pos, chrom, green, contact, pbv, pbv-data, lgi, omit, ica, pca, 2sr, nir "
      "or consensus, not '%s'", text);
  return 0;
}

/* LO,HI in beats per minute. */
static inline void option_band(const char *text, double *lo, double *hi)
{
  char rest;
  if (sscanf(text, "%lf,%lf%c", lo, hi, &rest) != 2 || !(*lo >= 20.0 && *hi <= 300.0 && *hi >= 2.0 * *lo))
    die(EXIT_USAGE, "--band wants LO,HI within 20 and 300 bpm, HI at least twice LO, not '%s'", text);
}

/* A session on the heap, or the end of the program. */
static void start_session(rppg_session *s, const rppg_config *cfg)
{
  const size_t size = rppg_mem_size(cfg);
  if (!size) die(EXIT_USAGE, "these options do not fit together (window, band or rate)");
  if (rppg_init(s, cfg, must_alloc(size), size) != RPPG_OK) die(EXIT_USAGE, "cannot start");
}

/* ---- results ------------------------------------------------------------------------------- */

/* Flags as "a", "b"; with quotes for JSON. extra: one more name or NULL. */
static void print_flags(FILE *f, unsigned flags, const char *extra, const char *quote)
{
  const char *comma = "";
  unsigned bit;
  for (bit = 1; bit < RPPG__FLAG_END; bit <<= 1)
    if (flags & bit) {
      fprintf(f, "%s%s%s%s", comma, quote, rppg_flag_text(bit), quote);
      comma = *quote ? "," : " ";
    }
  if (extra) fprintf(f, "%s%s%s%s", comma, quote, extra, quote);
}

static const char *source_name(rppg_source source)
{
  return source == RPPG_SOURCE_MODEL ? "model" : "fft";
}

/* One JSON object and a newline. more: further members, each after a comma. */
#define SUMMARY ",\"summary\":true" /* of the last line, over the whole clip */
static void print_json(const rppg_result *r, const char *more, const char *extra_flag)
{
  printf("{\"t\":%.3f,\"hr_bpm\":%.2f,\"confidence\":%.3f,\"snr_db\":%.2f,\"source\":\"%s\","
         "\"flags\":[", r->t_s, r->hr_bpm, r->confidence, r->snr_db, source_name(r->source));
  print_flags(stdout, r->flags, extra_flag, "\"");
  printf("]%s}\n", more);
}

/* ---- the estimates of a clip ------------------------------------------------------------------- */

typedef struct history {
  rppg_result *at;
  size_t count, room;
} history;

static void history_add(history *h, const rppg_result *r)
{
  if (h->count == h->room) {
    rppg_result *more;
    h->room = h->room ? 2 * h->room : 64;
    more = (rppg_result *)realloc(h->at, h->room * sizeof *more);
    if (!more) die(EXIT_INPUT, "out of memory");
    h->at = more;
  }
  h->at[h->count++] = *r;
}

static int by_rate(const void *a, const void *b)
{
  const double x = ((const rppg_result *)a)->hr_bpm, y = ((const rppg_result *)b)->hr_bpm;
  return (x > y) - (x < y);
}

/* The whole clip: the median of the windows' rates weighted by their confidence, and the
   confidence and SNR of the windows that carried it. Windows that were still growing count only
   where there is no full one. count >= 1. */
static rppg_result history_summary(const history *h)
{
  rppg_result *sorted = (rppg_result *)must_alloc(h->count * sizeof *sorted), r = h->at[h->count - 1];
  double sum = 0.0, part = 0.0;
  size_t i, n = 0;
  for (i = 0; i < h->count; i++)
    if (!(h->at[i].flags & RPPG_FLAG_SHORT)) sorted[n++] = h->at[i];
  if (!n) memcpy(sorted, h->at, (n = h->count) * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, by_rate);
  r.confidence = r.snr_db = 0.0;
  r.flags = 0;
  for (i = 0; i < n; i++) sum += sorted[i].confidence + 1e-9; /* never 0 */
  for (i = 0; i < n; i++) {
    const double w = (sorted[i].confidence + 1e-9) / sum;
    if (part < 0.5 && part + w >= 0.5) r.hr_bpm = sorted[i].hr_bpm;
    part += w;
    r.confidence += w * sorted[i].confidence;
    r.snr_db += w * sorted[i].snr_db;
    r.flags |= sorted[i].flags;
  }
  free(sorted);
  return r;
}

/* The newest cells samples of a wave as bars of eight heights. */
static void print_sparkline(const float *x, size_t n, size_t cells)
{
  static const char *const bars[] = { "\u2581", "\u2582", "\u2583", "\u2584",
                                      "\u2585", "\u2586", "\u2587", "\u2588" };
  float lo, hi;
  size_t i;
  if (!n) return;
  if (n > cells) {
    x += n - cells;
    n = cells;
  }
  lo = hi = x[0];
  for (i = 1; i < n; i++) {
    if (x[i] < lo) lo = x[i];
    if (x[i] > hi) hi = x[i];
  }
  for (i = 0; i < n; i++) {
    const int level = hi > lo ? (int)(7.999f * (x[i] - lo) / (hi - lo)) : 0;
    fputs(bars[level], stdout);
  }
  putchar('\n');
}

#endif
