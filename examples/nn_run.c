/* nn_run.c - runs a model of rppg_nn.h on NumPy files, and times it

   cc -O2 -I. examples/nn_run.c -o nn_run -lm
   nn_run model.rppg in.npy out.npy --repeat 100                                                */
#define _POSIX_C_SOURCE 199309L
#define RPPG_IMPLEMENTATION
#include "rppg_nn.h"
#include "die.h"

#include <time.h>

static const char usage[] =
  "usage: nn_run [--repeat N] MODEL.rppg IN.npy... OUT.npy...\n"
  "  As many files as the model has inputs, then as many as it has outputs. Inputs are float32, in C\n"
  "  order, of the model's sizes [T][H][W][C]; axes of size 1 may be left out.\n"
  "  A model with a state also takes a longer first axis: it is run frame by frame, and what comes\n"
  "  out is stacked along the first axis.\n"
  "  --repeat N       run N times, 1 to 1000000, for the times                 (1)\n"
  "Prints the least and the median time of one run. Exit 1: bad input; 2: bad usage.\n";

enum { AXES = 32 };

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- NumPy files: numpy.org/neps/nep-0001-npy-format.html --------------------------------------- */

typedef struct array {
  float *data;
  size_t n, axes, d[AXES];
} array;

/* Sizes without those of 1; returns how many are left. */
static size_t squeeze(const size_t *d, size_t axes, size_t *out)
{
  size_t i, n = 0;
  for (i = 0; i < axes; i++) if (d[i] != 1) out[n++] = d[i];
  return n;
}

/* The text behind 'key': in the header; dies where there is none. */
static const char *npy_value(const char *path, const char *header, const char *key)
{
  const char *at = strstr(header, key);
  if (at) at = strchr(at, ':');
  if (!at) die(EXIT_INPUT, "%s: no %s in its header", path, key);
  do at++; while (*at == ' ');
  return at;
}

/* Axes of a shape as Python writes it: "(3, 4)", "(3,)", "()". */
static void npy_shape(const char *path, const char *at, array *a)
{
  if (*at++ != '(') die(EXIT_INPUT, "%s: its shape is none", path);
  for (a->n = 1, a->axes = 0;;) {
    char *end;
    unsigned long d;
    while (*at == ' ' || *at == ',') at++;
    if (*at == ')') return;
    if (*at < '0' || *at > '9' || a->axes == AXES) die(EXIT_INPUT, "%s: its shape is none", path);
    d = strtoul(at, &end, 10);
    if (d == 0) die(EXIT_INPUT, "%s: an axis of size 0: nothing in it", path);
    if (d > 0x3fffffff / a->n) die(EXIT_INPUT, "%s: larger than 4 GiB", path);
    a->n *= d;
    a->d[a->axes++] = d;
    at = end;
  }
}

static void swap4(float *x, size_t n)
{
  unsigned char *p = (unsigned char *)x;
  for (; n > 0; n--, p += 4) {
    const unsigned char a = p[0], b = p[1];
    p[0] = p[3]; p[1] = p[2]; p[2] = b; p[3] = a;
  }
}

static array read_npy(const char *path)
{
  static char header[65536 + 1];
  const uint16_t one = 1;
  unsigned char start[12], first;
  const char *type;
  array a;
  size_t length, got;
  FILE *f = fopen(path, "rb");
  if (!f) die(EXIT_INPUT, "cannot open '%s'", path);
  if (fread(start, 1, 10, f) != 10 || memcmp(start, "\x93NUMPY", 6)) die(EXIT_INPUT, "%s: not a NumPy file", path);
  if (start[6] < 1 || start[6] > 3) die(EXIT_INPUT, "%s: version %d of the format", path, start[6]);
  length = start[8] | (size_t)start[9] << 8;
  if (start[6] > 1) {
    if (fread(start + 10, 1, 2, f) != 2) die(EXIT_INPUT, "%s: cut off in its header", path);
    if (start[10] || start[11]) die(EXIT_INPUT, "%s: a header of more than 64 KiB", path);
  }
  if (fread(header, 1, length, f) != length) die(EXIT_INPUT, "%s: cut off in its header", path);
  header[length] = 0;
  if (strlen(header) != length || header[0] != '{') die(EXIT_INPUT, "%s: a header that is none", path);
  type = npy_value(path, header, "'descr'");
  if (strncmp(type, "'<f4'", 5) && strncmp(type, "'>f4'", 5) && strncmp(type, "'=f4'", 5))
    die(EXIT_INPUT, "%s: type %.*s, wanted float32 ('<f4')", path, (int)strcspn(type, ",}"), type);
  if (strncmp(npy_value(path, header, "'fortran_order'"), "False", 5))
    die(EXIT_INPUT, "%s: in Fortran's order; save numpy.ascontiguousarray(x)", path);
  npy_shape(path, npy_value(path, header, "'shape'"), &a);
  a.data = (float *)must_alloc(a.n * sizeof(float));
  got = fread(a.data, sizeof(float), a.n, f);
  if (got != a.n) die(EXIT_INPUT, "%s: cut off: %lu numbers of %lu", path, (unsigned long)got, (unsigned long)a.n);
  if (fgetc(f) != EOF) die(EXIT_INPUT, "%s: more bytes than its shape says", path);
  fclose(f);
  memcpy(&first, &one, 1);
  if ((type[1] == '>' && first) || (type[1] == '<' && !first)) swap4(a.data, a.n);
  return a;
}

/* [T][H][W][C], the native bytes as they are. */
static void write_npy(const char *path, const float *x, size_t n, const int32_t *d, size_t frames)
{
  const uint16_t one = 1;
  unsigned char first;
  char header[128];
  size_t length;
  int failed;
  FILE *f = fopen(path, "wb");
  if (!f) die(EXIT_INPUT, "cannot write '%s'", path);
  memcpy(&first, &one, 1);
  sprintf(header, "{'descr': '%cf4', 'fortran_order': False, 'shape': (%lu, %ld, %ld, %ld), }", first ? '<' : '>',
          (unsigned long)(frames * (size_t)d[0]), (long)d[1], (long)d[2], (long)d[3]);
  for (length = strlen(header); length < 117; length++) header[length] = ' ';
  header[length] = 0;
  failed = fprintf(f, "%cNUMPY%c%c%c%c%s\n", 0x93, 1, 0, 118, 0, header) < 0;
  failed |= fwrite(x, sizeof(float), n, f) != n;
  failed |= fflush(f) != 0;
  if (fclose(f) || failed) die(EXIT_INPUT, "writing '%s' failed", path);
}

/* ---- the model ---------------------------------------------------------------------------------- */

/* The whole file, at a multiple of 64. */
static unsigned char *read_file(const char *path, size_t *size)
{
  size_t room = 1 << 16;
  unsigned char *bytes = NULL, *at;
  FILE *f = fopen(path, "rb");
  if (!f) die(EXIT_INPUT, "cannot open '%s'", path);
  for (*size = 0;; room *= 2) {
    bytes = (unsigned char *)realloc(bytes, room);
    if (!bytes) die(EXIT_INPUT, "out of memory (%lu bytes)", (unsigned long)room);
    *size += fread(bytes + *size, 1, room - *size, f);
    if (*size < room) break;
  }
  if (ferror(f)) die(EXIT_INPUT, "%s: reading failed", path);
  fclose(f);
  at = (unsigned char *)must_alloc(*size + 63);
  at += (64 - (uintptr_t)at % 64) % 64;
  memcpy(at, bytes, *size);
  free(bytes);
  return at;
}

static void open_model(rppg_nn_model *m, const char *path)
{
  size_t size;
  const unsigned char *blob = read_file(path, &size);
  const size_t need = rppg_nn_mem_size(blob, size);
  rppg_nn_error e;
  if (rppg_nn_open(m, blob, size, must_alloc(need), need, &e) != RPPG_OK) {
    char where[64] = "";
    if (e.layer >= 0) sprintf(where, ", layer %d", e.layer);
    if (e.tensor >= 0) sprintf(where + strlen(where), ", tensor %d", e.tensor);
    die(EXIT_INPUT, "%s: %s%s%s%s", path, e.what, *e.field ? ": " : "", e.field, where);
  }
  printf("%s: %lu layers, %.0f multiply-adds, %lu bytes of memory\n", path, (unsigned long)m->n_layers, m->macs,
         (unsigned long)need);
}

/* How many runs the array is for this input: 1 where the sizes are the same, more for a stateful model with a
   longer first axis; dies where the sizes do not fit. */
static size_t count_runs(const rppg_nn_model *m, const rppg_nn_tensor *t, const array *a, const char *path)
{
  const int stateful = rppg_nn_state_size(m) != 0;
  size_t file[AXES], own[4], want[4], n, k, i, tail = 0;
  char text[AXES * 12 + 1] = "";
  for (i = 0; i < 4; i++) own[i] = (size_t)t->d[i];
  n = squeeze(a->d, a->axes, file);
  k = squeeze(own, 4, want);
  if (n == k && memcmp(file, want, n * sizeof *file) == 0) return 1;
  while (tail < n && tail < k && file[n - 1 - tail] == want[k - 1 - tail]) tail++;
  if (stateful && n == k + 1 && tail == k) return file[0];
  if (stateful && n == k && tail == k - 1 && file[0] % want[0] == 0) return file[0] / want[0];
  for (i = 0; i < a->axes; i++) sprintf(text + strlen(text), "[%lu]", (unsigned long)a->d[i]);
  die(EXIT_INPUT, "%s: sizes %s, the model wants [%ld][%ld][%ld][%ld]%s", path, *text ? text : "of one number",
      (long)t->d[0], (long)t->d[1], (long)t->d[2], (long)t->d[3],
      stateful ? ", or a whole number of them along the first axis" : "");
  return 0;
}

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  const char *files[2 * RPPG_NN_MAX_IO + 2];
  const float *in[RPPG_NN_MAX_IO];
  float *out[RPPG_NN_MAX_IO], *results[RPPG_NN_MAX_IO];
  array given[RPPG_NN_MAX_IO];
  rppg_nn_model m;
  size_t i, r, k, n_files = 0, repeat = 1, runs = 1, timed = 0;
  double *times;
  program_name = "nn_run";
  for (i = 1; i < (size_t)argc; i++) {
    const char *a = argv[i];
    if (!strcmp(a, "--help")) { fputs(usage, stdout); return 0; }
    if (!strcmp(a, "--repeat")) {
      char *end;
      const char *value = ++i < (size_t)argc ? argv[i] : "";
      const long n = strtol(value, &end, 10);
      if (end == value || *end || n < 1 || n > 1000000)
        die(EXIT_USAGE, "--repeat must be a number from 1 to 1000000, not '%s'", value);
      repeat = (size_t)n;
    } else if (a[0] == '-') die(EXIT_USAGE, "unknown option '%s' (see --help)", a);
    else if (n_files == sizeof files / sizeof *files) die(EXIT_USAGE, "too many files (see --help)");
    else files[n_files++] = a;
  }
  if (n_files < 3) die(EXIT_USAGE, "wanted: MODEL.rppg IN.npy OUT.npy (see --help)");

  open_model(&m, files[0]);
  if (n_files != 1 + m.n_inputs + m.n_outputs)
    die(EXIT_USAGE, "%s has %lu inputs and %lu outputs: as many files, please, not %lu", files[0],
        (unsigned long)m.n_inputs, (unsigned long)m.n_outputs, (unsigned long)(n_files - 1));
  for (i = 0; i < m.n_inputs; i++) {
    size_t n;
    given[i] = read_npy(files[1 + i]);
    n = count_runs(&m, rppg_nn_input(&m, i), &given[i], files[1 + i]);
    if (i && n != runs)
      die(EXIT_INPUT, "%s: %lu frames, but %s has %lu", files[1 + i], (unsigned long)n, files[1], (unsigned long)runs);
    runs = n;
  }
  for (i = 0; i < m.n_outputs; i++)
    results[i] = (float *)must_alloc(runs * rppg_nn_output(&m, i)->n * sizeof(float));

  times = (double *)must_alloc(repeat * runs * sizeof *times);
  for (k = 0; k < repeat; k++) {
    rppg_nn_reset(&m);
    for (r = 0; r < runs; r++) {
      double begin;
      for (i = 0; i < m.n_inputs; i++) in[i] = given[i].data + r * rppg_nn_input(&m, i)->n;
      for (i = 0; i < m.n_outputs; i++) out[i] = results[i] + r * rppg_nn_output(&m, i)->n;
      begin = seconds();
      rppg_nn_run(&m, in, out);
      times[timed++] = seconds() - begin;
    }
  }
  for (i = 0; i < m.n_outputs; i++) {
    const rppg_nn_tensor *t = rppg_nn_output(&m, i);
    write_npy(files[1 + m.n_inputs + i], results[i], runs * t->n, t->d, runs);
  }
  qsort(times, timed, sizeof *times, ascending);
  printf("%lu runs: least %.1f us, median %.1f us\n", (unsigned long)timed, times[0] * 1e6, times[timed / 2] * 1e6);
  return fflush(stdout) || ferror(stdout) ? EXIT_INPUT : 0;
}
