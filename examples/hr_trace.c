/* hr_trace.c - heart rate from a CSV of mean colours or of one pulse signal

   cc -O2 -I. examples/hr_trace.c -o hr_trace -lm
   hr_trace finger.csv
   hr_trace --method green --window 15 --step 7.5 --json face.csv                              */
#define RPPG_IMPLEMENTATION
#include "report.h"

#include <ctype.h>

static const char usage[] =
  "usage: hr_trace [options] TRACE.csv      (- reads standard input)\n"
  "  TRACE.csv        columns r,g,b or t,r,g,b or t,y; with a header line, any order and any\n"
  "                   other columns: t, time or timestamp; r, g, b or red, green, blue; y, ppg...\n"
  "  --wave           one column, a pulse signal; without --fps the first column is time\n"
  "  --fps F          samples per second where there is no time column          (30)\n"
  "  --time s|ms|us   unit of the time column; a column of whole numbers with steps of 2 or more\n"
  "                   is taken as milliseconds, of 2000 or more as microseconds\n"
  "  --method M       pos, chrom, green, contact (finger on the lens), pbv, pbv-data, lgi, omit,\n"
  "                   ica, pca, nir (infrared), consensus of several             (pos)\n"
  "  --band LO,HI     beats per minute to look for                               (36,240)\n"
  "  --window S       seconds an estimate looks back, 4 to 60                    (10)\n"
  "  --step S         seconds between estimates                                  (1)\n"
  "  --json           one JSON object a line, the last one the summary\n";

typedef struct options {
  const char *path;
  double fps, window_s, step_s, time_unit, bpm_min, bpm_max;
  int method, json, wave;
} options;

/* A recording: times in seconds (NULL: even) and three values a sample. */
typedef struct trace {
  double *t;
  float *rgb;
  size_t n, room, bad_lines;
  int has_time, single; /* single: the three values are one column */
} trace;

static options parse(int argc, char **argv)
{
  options o = { NULL, 0.0, 10.0, 1.0, 0.0, 0.0, 0.0, -1, 0, 0 };
  int i;
  for (i = 1; i < argc; i++) {
    const char *a = argv[i];
    if (!strcmp(a, "--help")) { fputs(usage, stdout); exit(0); }
    else if (!strcmp(a, "--json")) o.json = 1;
    else if (!strcmp(a, "--wave")) o.wave = 1;
    else if (!strcmp(a, "--fps")) o.fps = option_number(a, option_value(argc, argv, &i), 1, 1000);
    else if (!strcmp(a, "--window")) o.window_s = option_number(a, option_value(argc, argv, &i), 4, 60);
    else if (!strcmp(a, "--step")) o.step_s = option_number(a, option_value(argc, argv, &i), 0.05, 3600);
    else if (!strcmp(a, "--method")) o.method = option_method(option_value(argc, argv, &i));
    else if (!strcmp(a, "--band")) option_band(option_value(argc, argv, &i), &o.bpm_min, &o.bpm_max);
    else if (!strcmp(a, "--time")) {
      const char *u = option_value(argc, argv, &i);
      o.time_unit = !strcmp(u, "s") ? 1.0 : !strcmp(u, "ms") ? 1e-3 : !strcmp(u, "us") ? 1e-6 : 0.0;
      if (o.time_unit == 0.0) die(EXIT_USAGE, "--time must be s, ms or us, not '%s'", u);
    }
    else if (a[0] == '-' && a[1]) die(EXIT_USAGE, "unknown option '%s' (see --help)", a);
    else if (o.path) die(EXIT_USAGE, "one input, please: '%s' and '%s'", o.path, a);
    else o.path = a;
  }
  if (!o.path) die(EXIT_USAGE, "no input (see --help)");
  return o;
}

/* ---- CSV -------------------------------------------------------------------------------------- */

enum { MAX_COLUMNS = 64, MAX_LINE = 8192 };

/* Where the columns are: indices of t, r, g, b; -1: none. */
typedef struct columns { int t, c[3]; } columns;

/* Cuts a line at commas, semicolons or tabs, trims the fields; returns how many. */
static int split(char *line, char *field[MAX_COLUMNS])
{
  int n = 0;
  char *p = line;
  for (;;) {
    char *end = p + strcspn(p, ",;\t\r\n"), stop = *end, *tail = end;
    while (*p == ' ' || *p == '"') p++;
    while (tail > p && (tail[-1] == ' ' || tail[-1] == '"')) tail--;
    *tail = 0;
    if (n < MAX_COLUMNS) field[n++] = p;
    if (stop != ',' && stop != ';' && stop != '\t') return n;
    p = end + 1;
  }
}

/* A whole field as a number: 1 if it is one (NaN and infinity count), else 0. */
static int number(const char *text, double *x)
{
  char *end;
  *x = strtod(text, &end);
  return end != text && !*end;
}

static int is_one_of(const char *name, const char *list)
{
  char lower[24];
  size_t i;
  const char *p = list;
  for (i = 0; name[i] && i + 1 < sizeof lower; i++) lower[i] = (char)tolower((unsigned char)name[i]);
  lower[i] = 0;
  while (*p) {
    const size_t n = strcspn(p, " ");
    if (n == i && !strncmp(p, lower, n)) return 1;
    p += n;
    while (*p == ' ') p++;
  }
  return 0;
}

/* Columns by the names of a header line; 0 if it does not name what is needed. */
static int columns_by_name(char **field, int n, int wave, columns *k)
{
  int i;
  k->t = k->c[0] = k->c[1] = k->c[2] = -1;
  for (i = 0; i < n; i++) {
    if (is_one_of(field[i], "t time timestamp seconds time_s t_s time_ms t_us")) k->t = i;
    else if (is_one_of(field[i], "r red")) k->c[0] = i;
    else if (is_one_of(field[i], "g green")) k->c[1] = i;
    else if (is_one_of(field[i], "b blue")) k->c[2] = i;
    else if (is_one_of(field[i], "y ppg pulse wave bvp value signal gray grey nir") && k->c[1] < 0)
      k->c[1] = i;
  }
  if (k->c[1] >= 0 && (wave || k->c[0] < 0 || k->c[2] < 0)) k->c[0] = k->c[2] = k->c[1];
  return k->c[1] >= 0;
}

/* Columns of a file without a header, by their number. */
static void columns_by_count(int n, const options *o, columns *k)
{
  const int timed = n == 4 || n == 2 || (n > 1 && o->wave && o->fps == 0.0);
  const int single = o->wave || n < 3;
  k->t = timed ? 0 : -1;
  k->c[0] = timed;
  k->c[1] = single ? timed : timed + 1;
  k->c[2] = single ? timed : timed + 2;
  if (n < 1 || k->c[2] >= n) die(EXIT_INPUT, "%s: %d columns; want r,g,b or t,r,g,b or t,y", o->path, n);
}

static void trace_add(trace *tr, double t, const double *c)
{
  int i;
  if (tr->n == tr->room) {
    tr->room = tr->room ? 2 * tr->room : 4096;
    tr->t = (double *)realloc(tr->t, tr->room * sizeof *tr->t);
    tr->rgb = (float *)realloc(tr->rgb, 3 * tr->room * sizeof *tr->rgb);
    if (!tr->t || !tr->rgb) die(EXIT_INPUT, "out of memory");
  }
  tr->t[tr->n] = t;
  for (i = 0; i < 3; i++) tr->rgb[3 * tr->n + (size_t)i] = (float)c[i];
  tr->n++;
}

/* Reads the file. A line that holds no numbers where numbers belong is counted and left out. */
static trace read_trace(const options *o)
{
  trace tr = { NULL, NULL, 0, 0, 0, 0, 0 };
  FILE *f = strcmp(o->path, "-") ? fopen(o->path, "r") : stdin;
  columns k = { -1, { -1, -1, -1 } };
  char line[MAX_LINE], *field[MAX_COLUMNS];
  int known = 0;
  if (!f) die(EXIT_INPUT, "cannot open '%s'", o->path);
  while (fgets(line, sizeof line, f)) {
    char *text = line;
    double t = 0.0, c[3];
    int n, i, good;
    if (!strncmp(text, "\xef\xbb\xbf", 3)) text += 3; /* a byte-order mark */
    if (text[strspn(text, " \t\r\n")] == 0 || text[0] == '#') continue;
    n = split(text, field);
    if (!known) {
      known = 1;
      if (!number(field[0], &t) && *field[0]) {
        if (!columns_by_name(field, n, o->wave, &k))
          die(EXIT_INPUT, "%s: the header names no r,g,b and no y column", o->path);
        tr.has_time = k.t >= 0;
        continue;
      }
      columns_by_count(n, o, &k);
      tr.has_time = k.t >= 0;
    }
    good = k.t < 0 || (k.t < n && number(field[k.t], &t));
    for (i = 0; i < 3 && good; i++) good = k.c[i] < n && number(field[k.c[i]], &c[i]);
    if (good) trace_add(&tr, t, c);
    else tr.bad_lines++;
  }
  if (ferror(f)) die(EXIT_INPUT, "%s: reading failed", o->path);
  if (f != stdin) fclose(f);
  if (!tr.n) die(EXIT_INPUT, "%s: no samples in it", o->path);
  tr.single = k.c[0] == k.c[1];
  return tr;
}

/* Seconds in a unit of the time column: asked for, or seen from the median step. */
static double time_unit(const options *o, const trace *tr)
{
  size_t i, whole = 0, large = 0, huge_steps = 0;
  if (o->time_unit > 0.0) return o->time_unit;
  for (i = 1; i < tr->n; i++) {
    const double step = tr->t[i] - tr->t[i - 1];
    whole += floor(tr->t[i]) == tr->t[i];
    large += step >= 2.0;
    huge_steps += step >= 2000.0;
  }
  if (2 * whole < tr->n) return 1.0;
  return 2 * huge_steps > tr->n ? 1e-6 : 2 * large > tr->n ? 1e-3 : 1.0;
}

/* A pulse wave may swing about zero; a session wants brightness. Its size means nothing then. */
static void make_positive(trace *tr)
{
  double mean = 0.0, dev = 0.0;
  size_t i, below = 0;
  for (i = 0; i < 3 * tr->n; i++) {
    mean += (double)tr->rgb[i] / (double)(3 * tr->n);
    below += tr->rgb[i] <= 0.0f;
  }
  if (!below) return;
  for (i = 0; i < 3 * tr->n; i++) dev += pow((double)tr->rgb[i] - mean, 2.0) / (double)(3 * tr->n);
  dev = dev > 0.0 ? sqrt(dev) : 1.0;
  for (i = 0; i < 3 * tr->n; i++)
    tr->rgb[i] = (float)(100.0 + ((double)tr->rgb[i] - mean) / dev);
}

/* ---- main -------------------------------------------------------------------------------------- */

static void print_result(const options *o, const rppg_result *r)
{
  if (o->json) {
    print_json(r, "", NULL);
    return;
  }
  printf("%8.1f s  %6.1f bpm  confidence %.2f  SNR %5.1f dB  ", r->t_s, r->hr_bpm, r->confidence,
         r->snr_db);
  print_flags(stdout, r->flags, NULL, "");
  putchar('\n');
}

/* Runs the trace through a session: an estimate every step once a window is full. */
static void run(const options *o, const trace *tr, rppg_session *s, history *h, size_t *refused)
{
  const double unit = time_unit(o, tr), fps = o->fps > 0.0 ? o->fps : 30.0;
  const double first_s = tr->has_time ? tr->t[0] * unit : 0.0;
  double due_s = o->window_s;
  rppg_result r;
  size_t i;
  for (i = 0; i < tr->n; i++) {
    const double t_s = (tr->has_time ? tr->t[i] * unit : (double)i / fps) - first_s;
    const int last = i + 1 == tr->n;
    if (!(fabs(t_s) < 1e9) || /* NaN too */
        rppg_push_rgb(s, tr->rgb + 3 * i, (int64_t)floor(t_s * 1e6 + 0.5)) != RPPG_OK)
      ++*refused;
    if (!(t_s >= due_s - 1e-6) && !(last && !h->count)) continue;
    if (rppg_estimate(s, &r) != RPPG_OK) continue;
    r.t_s = t_s;
    history_add(h, &r);
    print_result(o, &r);
    while (due_s <= t_s + 1e-6) due_s += o->step_s;
  }
}

int main(int argc, char **argv)
{
  static const rppg_part whole = { 0, 0, 1, 1 };
  options o;
  trace tr;
  rppg_config cfg;
  rppg_session s;
  rppg_result sum;
  history h = { NULL, 0, 0 };
  size_t refused = 0;
  program_name = "hr_trace";
  o = parse(argc, argv);
  tr = read_trace(&o);
  if (tr.single) make_positive(&tr);
  memset(&cfg, 0, sizeof cfg);
  cfg.parts = &whole;
  cfg.n_parts = 1;
  cfg.window_s = o.window_s;
  cfg.bpm_min = o.bpm_min;
  cfg.bpm_max = o.bpm_max;
  cfg.method = o.method >= 0 ? o.method : tr.single ? RPPG_GREEN : RPPG_POS;
  if (tr.single && cfg.method != RPPG_GREEN && cfg.method != RPPG_NIR)
    die(EXIT_USAGE, "one column has no colours: only --method green or nir fits");
  if (cfg.method == RPPG_2SR) die(EXIT_USAGE, "--method 2sr needs pixels (hr_video), not mean colours");
  start_session(&s, &cfg);
  run(&o, &tr, &s, &h, &refused);
  if (tr.bad_lines) fprintf(stderr, "hr_trace: %s: %lu lines left out: no numbers where numbers belong\n", o.path, (unsigned long)tr.bad_lines);
  if (refused) fprintf(stderr, "hr_trace: %s: %lu samples left out: not finite, or their time does not rise\n", o.path, (unsigned long)refused);
  if (!h.count) die(EXIT_INPUT, "%s: too short: %lu samples, no %g s without a gap", o.path, (unsigned long)tr.n, s.cfg.min_window_s);
  sum = history_summary(&h);
  if (o.json) {
    print_json(&sum, SUMMARY, tr.bad_lines || refused ? "bad_samples" : NULL);
  } else {
    size_t n;
    const float *wave = rppg_wave(&s, &n);
    printf("%.1f bpm   confidence %.2f   SNR %.1f dB   %lu windows over %.1f s\n", sum.hr_bpm,
           sum.confidence, sum.snr_db, (unsigned long)h.count, sum.t_s);
    print_sparkline(wave, n, 72);
  }
  must_close(stdout, "standard output");
  free(h.at);
  free(tr.t);
  free(tr.rgb);
  return 0;
}
