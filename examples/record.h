/* record.h - writes what a sensor saw in the layout that `python -m rppg_tools check` describes: trace.csv, the
   mean colours of each region, and faces.csv, the box they were taken from, a row a frame                   */
#ifndef RECORD_H
#define RECORD_H

#include "report.h"

#if defined(_WIN32)
#  include <direct.h>
#else
#  include <sys/stat.h>
#endif

typedef struct recorder {
  const char *folder; /* NULL: nothing is recorded */
  FILE *trace, *faces;
  long rows;
} recorder;

/* A file in the folder, which must not be there yet: a recording is not written over. */
static FILE *record_file(const char *folder, const char *name)
{
  static char path[4096];
  const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f;
  if (n < 0 || (size_t)n >= sizeof path) die(EXIT_USAGE, "--record: too long a path");
  f = fopen(path, "r");
  if (f) die(EXIT_INPUT, "'%s' is there already; --record wants a new folder", path);
  f = fopen(path, "w");
  if (!f) die(EXIT_INPUT, "cannot write '%s'", path);
  return f;
}

/* Makes the folder, unless it is there; its parent must be. */
static void record_open(recorder *r, const char *folder)
{
  memset(r, 0, sizeof *r);
  r->folder = folder;
  if (!folder) return;
#if defined(_WIN32)
  (void)_mkdir(folder);
#else
  (void)mkdir(folder, 0777);
#endif
  r->trace = record_file(folder, "trace.csv");
  r->faces = record_file(folder, "faces.csv");
  fputs("t,x,y,w,h\n", r->faces);
}

/* A frame that the session took: its colours, and the box that was pushed with it. */
static void record_frame(recorder *r, const rppg_session *s, const rppg_rect *box, double t_s)
{
  size_t rois, i;
  const float *c = rppg_frame_colours(s, &rois);
  if (!r->rows++) {
    fputc('t', r->trace);
    for (i = 1; i <= 3 * rois; i++) fprintf(r->trace, ",%c%lu", "brg"[i % 3], (unsigned long)((i + 2) / 3));
    fputc('\n', r->trace);
  }
  fprintf(r->trace, "%.6f", t_s);
  for (i = 0; i < 3 * rois; i++) fprintf(r->trace, ",%.5f", (double)c[i]);
  fputc('\n', r->trace);
  fprintf(r->faces, "%.6f,%d,%d,%d,%d\n", t_s, box->x, box->y, box->w, box->h);
}

static void record_close(recorder *r)
{
  if (!r->folder) return;
  must_close(r->trace, "trace.csv");
  must_close(r->faces, "faces.csv");
  fprintf(stderr, "%s: %ld frames in %s; it lacks a reference (see: python -m rppg_tools check --help)\n", program_name,
          r->rows, r->folder);
}

#endif
