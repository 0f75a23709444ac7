/* webcam.c - heart rate from a camera, live in the terminal

   cc -O2 -I. examples/webcam.c -o webcam -lm
   webcam                                        the first camera, face in the middle of the frame
   webcam --list                                 what the camera offers
   webcam --face 230,120,180,240 --json --seconds 30
   webcam --file clip.yuyv --size 640x480 --fps 30    the same loop, fed from a file

   Cameras: Linux (V4L2). Elsewhere --file works, and standard input: --file - --format yuyv.    */
#if !defined(_WIN32)
#  define _DEFAULT_SOURCE /* sigaction, isatty, fileno, mmap */
#  define _DARWIN_C_SOURCE
#endif
#define RPPG_IMPLEMENTATION
#include "picture.h"
#include "record.h"
#if defined(__linux__)
#  include "camera.h"
#endif

#include <signal.h>
#include <time.h>
#if defined(_WIN32)
#  include <fcntl.h>
#  include <io.h>
#  define isatty _isatty
#  define fileno _fileno
#else
#  include <unistd.h>
#endif

static const char usage[] =
  "usage: webcam [options]\n"
  "  --device PATH      the camera                                       (/dev/video0)\n"
  "  --list             what this camera offers, and end\n"
  "  --size WxH         frame to ask for, or size of the frames in a raw file  (640x480)\n"
  "  --fps F            frames per second to ask for, or of a file             (30)\n"
  "  --format K         yuyv, uyvy, nv12, i420, grey or mjpeg, for a file also y4m; without it\n"
  "                     the best that the camera has, or what the file's name ends in\n"
  "  --no-lock          leave automatic exposure and white balance on; they hide the pulse\n"
  "  --file F           frames from a file instead: raw, concatenated JPEG, or .y4m (4:2:0 or\n"
  "                     mono); - is standard input\n"
  "  --face x,y,w,h     the face in pixels, brows to chin; without it, the middle of the frame\n"
  "  --method M         pos, chrom, green, contact (finger on the lens)        (pos)\n"
  "  --window S         seconds an estimate looks back, 4 to 60                (10)\n"
  "  --seconds S        end after so many seconds; else with Ctrl-C\n"
  "  --record FOLDER    the colours of the six regions and the face box of every frame, as a\n"
  "                     recording to train or evaluate with (trace.csv, faces.csv, about.json)\n"
  "  --json             one JSON object a second, the last one the summary\n";

typedef struct options {
  const char *device, *file, *record;
  rppg_rect face;
  double fps, window_s, seconds;
  int width, height, kind, y4m, has_face, has_size, method, json, list, lock;
} options;

static volatile sig_atomic_t stopped; /* Ctrl-C, or the terminal is gone */

/* ---- options ------------------------------------------------------------------------------------ */

static void option_face(options *o, const char *text)
{
  char rest;
  rppg_rect *r = &o->face;
  if (sscanf(text, "%9d,%9d,%9d,%9d%c", &r->x, &r->y, &r->w, &r->h, &rest) != 4 || r->w < 1 || r->h < 1)
    die(EXIT_USAGE, "--face wants x,y,w,h in pixels, not '%s'", text);
  o->has_face = 1;
}

static void option_size(options *o, const char *text)
{
  char rest;
  if (sscanf(text, "%9dx%9d%c", &o->width, &o->height, &rest) != 2 || o->width < 1 || o->height < 1 ||
      o->width > RPPG_MAX_SIDE || o->height > RPPG_MAX_SIDE)
    die(EXIT_USAGE, "--size wants WxH in pixels, not '%s'", text);
  o->has_size = 1;
}

static void option_format(options *o, const char *text)
{
  o->y4m = !strcmp(text, "y4m");
  o->kind = kind_by_name(text);
  if (o->kind < 0 && !o->y4m) die(EXIT_USAGE, "--format must be yuyv, uyvy, nv12, i420, grey, mjpeg or y4m, not '%s'", text);
}

/* A file's kind from its name, unless --format said it. */
static void option_file(options *o)
{
  const char *dot = strrchr(o->file, '.');
  if (o->kind >= 0 || o->y4m) return;
  o->y4m = dot && !strcmp(dot, ".y4m");
  if (dot) o->kind = !strcmp(dot, ".mjpg") ? MJPEG : kind_by_name(dot + 1);
  if (o->kind < 0 && !o->y4m) die(EXIT_USAGE, "'%s': which --format do its frames have?", o->file);
}

static options parse(int argc, char **argv)
{
  options o;
  int i;
  memset(&o, 0, sizeof o);
  o.device = "/dev/video0";
  o.width = 640;
  o.height = 480;
  o.fps = 30.0;
  o.kind = o.method = -1;
  o.lock = 1;
  for (i = 1; i < argc; i++) {
    const char *a = argv[i];
    if (!strcmp(a, "--help")) { fputs(usage, stdout); exit(0); }
    else if (!strcmp(a, "--json")) o.json = 1;
    else if (!strcmp(a, "--list")) o.list = 1;
    else if (!strcmp(a, "--lock")) o.lock = 1;
    else if (!strcmp(a, "--no-lock")) o.lock = 0;
    else if (!strcmp(a, "--device")) o.device = option_value(argc, argv, &i);
    else if (!strcmp(a, "--record")) o.record = option_value(argc, argv, &i);
    else if (!strcmp(a, "--file")) o.file = option_value(argc, argv, &i);
    else if (!strcmp(a, "--size")) option_size(&o, option_value(argc, argv, &i));
    else if (!strcmp(a, "--format")) option_format(&o, option_value(argc, argv, &i));
    else if (!strcmp(a, "--face")) option_face(&o, option_value(argc, argv, &i));
    else if (!strcmp(a, "--fps")) o.fps = option_number(a, option_value(argc, argv, &i), 1, 1000);
    else if (!strcmp(a, "--window")) o.window_s = option_number(a, option_value(argc, argv, &i), 4, 60);
    else if (!strcmp(a, "--seconds")) o.seconds = option_number(a, option_value(argc, argv, &i), 0.1, 1e6);
    else if (!strcmp(a, "--method")) o.method = option_method(option_value(argc, argv, &i));
    else die(EXIT_USAGE, "unknown option '%s' (see --help)", a);
  }
  if (!o.file && o.y4m) die(EXIT_USAGE, "--format y4m is for a file");
  if (o.file && o.list) die(EXIT_USAGE, "--list is for a camera, --file is none");
  if (o.file) option_file(&o);
  if (o.file && o.kind == MJPEG && !RPPG_HAVE_STB)
    die(EXIT_USAGE, "JPEG needs stb_image at build time (Debian: libstb-dev)");
  return o;
}

/* ---- frames from a file ----------------------------------------------------------------------------- */

typedef struct reel {
  FILE *file;
  uint8_t *bytes; /* of the newest frame */
  size_t used, room;
  int y4m;
  long count;     /* frames so far, damaged ones too: they take their time */
} reel;

enum { JPEG_MAX = 64 << 20 }; /* bytes: more is no JPEG of a camera */

static void reel_put(reel *r, int byte)
{
  if (r->used == r->room) {
    uint8_t *more = (uint8_t *)realloc(r->bytes, r->room = 2 * r->room + 65536);
    if (!more) die(EXIT_INPUT, "out of memory");
    r->bytes = more;
  }
  r->bytes[r->used++] = (uint8_t)byte;
}

/* Whether the last bytes are a JPEG's begin (three bytes, so that chance is rare), or its end. */
static int reel_at_begin(const reel *r)
{
  const uint8_t *b = r->bytes + r->used;
  return r->used >= 3 && b[-3] == 0xff && b[-2] == 0xd8 && b[-1] == 0xff;
}
static int reel_at_end(const reel *r)
{
  const uint8_t *b = r->bytes + r->used;
  return r->used >= 4 && b[-2] == 0xff && b[-1] == 0xd9;
}

/* Reads up to the end of one JPEG, or up to the begin of the next where an end is missing; that
   begin is then kept as the first bytes of the next call. *junk: what came is no whole JPEG.      */
static int reel_jpeg(reel *r, int *junk)
{
  int c, inside = r->used == 3;
  *junk = 0;
  while ((c = getc(r->file)) != EOF && r->used < JPEG_MAX) {
    reel_put(r, c);
    if (reel_at_begin(r)) {
      *junk = r->used > 3;
      r->bytes[0] = r->bytes[2] = 0xff;
      r->bytes[1] = 0xd8;
      r->used = 3;
      if (*junk) return 1;
      inside = 1;
    }
    if (inside && reel_at_end(r)) return 1;
  }
  *junk = 1;
  if (c == EOF) return r->used > 0;
  r->used = 0;
  return 1;
}

/* A raw frame; Y4M has a line before each, which may carry the capture time, XT=microseconds. */
static int reel_raw(source *s, reel *r, int64_t *t_us)
{
  char line[256];
  const char *time;
  long long t;
  size_t n = 0;
  int c = getc(r->file);
  if (c == EOF) return 0;
  ungetc(c, r->file);
  if (r->y4m) {
    while ((c = getc(r->file)) != EOF && c != '\n' && n + 1 < sizeof line) line[n++] = (char)c;
    line[n] = 0;
    if (c != '\n' || strncmp(line, "FRAME", 5)) { s->trouble = "is damaged: no frame header where one belongs"; return 0; }
    time = strstr(line, " XT=");
    if (time && sscanf(time + 4, "%18lld", &t) == 1) *t_us = (int64_t)t;
  }
  r->used = fread(r->bytes, 1, r->room, r->file);
  if (r->used < r->room) s->trouble = "is cut off";
  return r->used == r->room;
}

static int reel_next(source *s, int64_t *t_us)
{
  reel *r = (reel *)s->self;
  int got, junk = 0;
  *t_us = (int64_t)floor(1e6 * (double)r->count / s->fps + 0.5);
  if (s->picture.kind == MJPEG) got = reel_jpeg(r, &junk);
  else got = reel_raw(s, r, t_us);
  if (stopped) { s->trouble = NULL; return SOURCE_END; }
  if (!got) {
    if (ferror(r->file)) s->trouble = "cannot be read";
    return SOURCE_END;
  }
  r->count++;
  if (junk && feof(r->file)) {
    s->trouble = r->used > 3 ? "is cut off" : NULL;
    return SOURCE_END;
  }
  if (!junk) {
    got = picture_view(&s->picture, r->bytes, r->used, &s->frame);
    if (s->picture.kind == MJPEG) r->used = 0;
    if (got) return SOURCE_FRAME;
  }
  s->bad++;
  return SOURCE_NOTHING;
}

static void reel_close(source *s)
{
  reel *r = (reel *)s->self;
  if (r->file != stdin) fclose(r->file);
  free(r->bytes);
}

/* Size, rate and layout from the first line of a Y4M file. */
static void reel_y4m(source *s, reel *r)
{
  char line[512], *word;
  int num = 0, den = 0;
  picture *p = &s->picture;
  p->kind = kind_by_name("i420");
  p->width = p->height = 0;
  if (!fgets(line, sizeof line, r->file) || strncmp(line, "YUV4MPEG2 ", 10)) die(EXIT_INPUT, "%s: not Y4M", s->name);
  for (word = strtok(line + 10, " \n"); word; word = strtok(NULL, " \n")) {
    if (word[0] == 'W') p->width = atoi(word + 1);
    if (word[0] == 'H') p->height = atoi(word + 1);
    if (word[0] == 'F' && sscanf(word + 1, "%9d:%9d", &num, &den) == 2 && num > 0 && den > 0) s->fps = (double)num / den;
    if (!strcmp(word, "Cmono")) p->kind = kind_by_name("grey");
    else if (word[0] == 'C' && (strncmp(word, "C420", 4) || strchr(word, 'p') == word + 4))
      die(EXIT_INPUT, "%s: pixel format %s; only 8-bit 4:2:0 and mono are read here", s->name, word + 1);
    if (!strcmp(word, "XCOLORRANGE=FULL")) p->range = RPPG_FULL;
  }
  if (p->width < 1 || p->height < 1 || p->width > RPPG_MAX_SIDE || p->height > RPPG_MAX_SIDE)
    die(EXIT_INPUT, "%s: a frame of %d x %d pixels", s->name, p->width, p->height);
}

static void reel_source(source *s, reel *r, const options *o)
{
  picture *p = &s->picture;
  memset(r, 0, sizeof *r);
  s->name = o->file;
  s->self = r;
  s->next = reel_next;
  s->close = reel_close;
  s->fps = o->fps;
#if defined(_WIN32)
  _setmode(_fileno(stdin), _O_BINARY);
#endif
  r->file = strcmp(o->file, "-") ? fopen(o->file, "rb") : stdin;
  if (!r->file) die(EXIT_INPUT, "cannot open '%s'", o->file);
  p->kind = o->kind;
  if (o->kind != MJPEG || o->has_size) {
    p->width = o->width;
    p->height = o->height;
  }
  r->y4m = o->y4m;
  if (r->y4m) reel_y4m(s, r);
  if (p->kind == MJPEG) return;
  p->stride = picture_row(p->kind, p->width);
  if (p->kind < 2 && p->width % 2) die(EXIT_USAGE, "frames of %s have an even width", pixel_kinds[p->kind].name);
  r->room = picture_size(p);
  r->bytes = (uint8_t *)must_alloc(r->room);
}

/* ---- what the user sees --------------------------------------------------------------------------- */

/* Flags in words, in the order of their bits: what it is, and what helps. */
static const char *const advice[] = {
  "still gathering", "nothing pulses here: a photograph?", "too bright or too dark", "hold still",
  "the light itself flickers at this rate", "no face in the box", "frames came at odd times",
  "too few frames a second", "half or double the rate is nearly as likely", "no clear pulse: more light, hold still",
  "damaged frames"
};

static void print_advice(unsigned flags)
{
  const char *comma = "";
  size_t i;
  for (i = 0; i < sizeof advice / sizeof advice[0]; i++)
    if (flags >> i & 1) {
      printf("%s%s", comma, advice[i]);
      comma = "; ";
    }
  if (!*comma) fputs("good", stdout);
}

static int view_on; /* the cursor is hidden, and there are lines to overwrite */

static void view_end(void)
{
  if (view_on) fputs("\033[?25h", stdout);
  view_on = 0;
  fflush(stdout);
}

/* Begins a line of the view: at its start, the old text erased. */
static void view_line(void) { fputs("\r\033[K", stdout); }

/* Four lines, drawn over the last ones. r: NULL while there is no estimate yet. */
static void view_draw(const source *s, const rppg_session *session, const rppg_result *r, double t_s)
{
  size_t n = 0;
  const float *wave = r ? rppg_wave(session, &n) : NULL;
  fputs(view_on ? "\033[4A" : "\033[?25l", stdout);
  view_on = 1;
  view_line();
  if (r) printf("%6.1f bpm   confidence %.2f   SNR %5.1f dB\n", r->hr_bpm, r->confidence, r->snr_db);
  else printf("   --- bpm   %.1f of %g s gathered\n", t_s, session->cfg.min_window_s);
  view_line();
  if (n) print_sparkline(wave, n, 72);
  else putchar('\n');
  view_line();
  if (r) print_advice(r->flags);
  putchar('\n');
  view_line();
  printf("%.1f s   %.1f fps   %ld lost, %ld damaged   Ctrl-C ends\n", t_s, r ? r->fps : s->fps, s->dropped, s->bad);
  fflush(stdout);
}

/* Without a terminal: a line a second. */
static void print_line(const rppg_result *r)
{
  printf("%7.1f s  %6.1f bpm  confidence %.2f  SNR %5.1f dB  %5.1f fps  ", r->t_s, r->hr_bpm, r->confidence, r->snr_db, r->fps);
  print_advice(r->flags);
  putchar('\n');
  fflush(stdout);
}

static void print_summary(const rppg_result *sum, const source *s, long frames, double t_s)
{
  printf("%.1f bpm   confidence %.2f   SNR %.1f dB   ", sum->hr_bpm, sum->confidence, sum->snr_db);
  print_advice(sum->flags);
  printf("\n%ld frames in %.1f s, %ld lost, %ld damaged\n", frames, t_s, s->dropped, s->bad);
  if (sum->confidence < 0.3) printf("Too unsure to be believed: more light, a nearer face, less motion?\n");
}

/* ---- the loop ----------------------------------------------------------------------------------- */

typedef struct state {
  rppg_session session;
  history h;
  recorder record;
  rppg_rect face;
  double t_s, due_s, draw_s;
  int64_t first_us;
  long frames;
} state;

/* The box of --face, or one that a face before a webcam fills: half the height, in the middle. */
static rppg_rect face_box(const options *o, const rppg_frame *f)
{
  rppg_rect r = o->face;
  if (!o->has_face) {
    r.h = (f->height + 1) / 2;
    r.w = (3 * r.h + 3) / 4;
    if (r.w > f->width) r.w = f->width;
    r.x = (f->width - r.w) / 2;
    r.y = (f->height - r.h) / 2;
    fprintf(stderr, "%s: no --face: hold yours in %d,%d,%d,%d of the %d x %d frame\n", program_name, r.x, r.y, r.w, r.h,
            f->width, f->height);
  }
  if (r.x >= f->width || r.y >= f->height || r.x + r.w <= 0 || r.y + r.h <= 0)
    die(EXIT_INPUT, "--face %d,%d,%d,%d lies outside the %d x %d frame", r.x, r.y, r.w, r.h, f->width, f->height);
  return r;
}

/* With the first frame, its size and format are known. Grey has no colours to separate: GREEN. */
static void loop_begin(state *l, const options *o, const rppg_frame *f, int64_t t_us)
{
  rppg_config cfg;
  const int grey = f->format == RPPG_GRAY8;
  memset(&cfg, 0, sizeof cfg);
  cfg.method = o->method >= 0 ? o->method : grey ? RPPG_GREEN : RPPG_POS;
  cfg.window_s = o->window_s;
  if (grey && cfg.method < RPPG_GREEN) die(EXIT_USAGE, "grey frames have no colours: only --method green fits");
  l->face = face_box(o, f);
  l->first_us = t_us;
  start_session(&l->session, &cfg);
}

/* about.json of a live camera: its name, and when t was 0, for references that were taken elsewhere. */
static void record_about(const recorder *r, const char *camera)
{
  const time_t now = time(NULL);
  char start[32];
  FILE *f = record_file(r->folder, "about.json");
  strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
  fputs("{\"camera\": \"", f);
  for (; *camera; camera++)
    if ((unsigned char)*camera >= ' ') fprintf(f, *camera == '"' || *camera == '\\' ? "\\%c" : "%c", *camera);
  fprintf(f, "\", \"start\": \"%s\"}\n", start);
  must_close(f, "about.json");
}

/* One frame in; an estimate each second, and five drawings a second on a terminal. */
static void loop_frame(state *l, const options *o, const source *s, int64_t t_us, int live)
{
  rppg_result r;
  int estimated = 0;
  const int taken = rppg_push(&l->session, &s->frame, &l->face, t_us) == RPPG_OK; /* what it refuses shows as a flag */
  l->t_s = 1e-6 * ((double)t_us - (double)l->first_us);
  if (l->record.folder && taken) record_frame(&l->record, &l->session, &l->face, l->t_s);
  if (l->t_s >= l->due_s || (live && l->t_s >= l->draw_s)) estimated = rppg_estimate(&l->session, &r) == RPPG_OK;
  if (estimated) r.t_s = l->t_s;
  if (estimated && l->t_s >= l->due_s) {
    l->due_s = floor(l->t_s) + 1.0;
    history_add(&l->h, &r);
    if (o->json) print_json(&r, "", NULL);
    else if (!live) print_line(&r);
    fflush(stdout);
  }
  if (live && l->t_s >= l->draw_s) {
    view_draw(s, &l->session, estimated ? &r : NULL, l->t_s);
    l->draw_s = l->t_s + 0.2;
  }
}

/* Until the source ends, the time is over, or Ctrl-C. A damaged frame is pushed as one without
   pixels, so that the next estimate has the flag.                                                */
static void loop(state *l, const options *o, source *s)
{
  const int live = !o->json && isatty(fileno(stdout));
  rppg_frame none;
  int64_t t_us = 0;
  memset(&none, 0, sizeof none);
  while (!stopped && !ferror(stdout)) {
    const long bad = s->bad;
    const int got = s->next(s, &t_us);
    if (got == SOURCE_END) break;
    if (got == SOURCE_FRAME) {
      if (!l->frames++) {
        loop_begin(l, o, &s->frame, t_us);
        if (l->record.folder && !o->file) record_about(&l->record, s->name);
      }
      loop_frame(l, o, s, t_us, live);
      if (o->seconds > 0.0 && l->t_s >= o->seconds) break;
    } else if (l->frames && s->bad > bad)
      rppg_push(&l->session, &none, &l->face, t_us);
  }
  view_end();
}

/* The verdict, and what went wrong on the way; the exit status. */
static int finish(const state *l, const options *o, const source *s)
{
  rppg_result sum;
  if (!l->frames) die(EXIT_INPUT, "%s %s", s->name, s->trouble ? s->trouble : "gave no frames");
  if (!l->h.count)
    die(EXIT_INPUT, "%s: %s%stoo short: %ld frames, less than %g s without a gap", s->name, s->trouble ? s->trouble : "",
        s->trouble ? ", and " : "", l->frames, l->session.cfg.min_window_s);
  sum = history_summary(&l->h);
  if (s->bad) sum.flags |= RPPG_FLAG_BAD_FRAME;
  if (o->json) print_json(&sum, SUMMARY, s->trouble ? "cut_off" : NULL);
  else print_summary(&sum, s, l->frames, l->t_s);
  must_close(stdout, "standard output");
  if (s->bad || s->dropped)
    fprintf(stderr, "%s: %ld damaged frames left out, %ld lost on the way\n", program_name, s->bad, s->dropped);
  if (s->trouble) die(EXIT_INPUT, "%s %s after %ld frames; those were measured", s->name, s->trouble, l->frames);
  return 0;
}

/* ---- main ----------------------------------------------------------------------------------------- */

static void on_signal(int number) { stopped = number; }

/* Ctrl-C ends the loop, also out of a read; the second one ends the program. */
static void catch_signals(void)
{
#if defined(_WIN32)
  signal(SIGINT, on_signal);
#else
  struct sigaction a;
  memset(&a, 0, sizeof a);
  a.sa_handler = on_signal;
  a.sa_flags = (int)SA_RESETHAND;
  sigaction(SIGINT, &a, NULL);
  sigaction(SIGTERM, &a, NULL);
  sigaction(SIGHUP, &a, NULL);
#endif
}

#if defined(__linux__)
static camera the_camera;

static void open_camera(source *s, const options *o)
{
  camera_mode wanted;
  wanted.kind = o->kind;
  wanted.width = o->width;
  wanted.height = o->height;
  wanted.fps = o->fps;
  if (o->list) {
    camera_list(o->device, &wanted);
    must_close(stdout, "standard output");
    exit(0);
  }
  camera_source(s, &the_camera, o->device, &wanted, o->lock);
  fprintf(stderr, "%s: %s: %s %d x %d, %.1f fps\n", program_name, s->name, pixel_kinds[s->picture.kind].name,
          s->picture.width, s->picture.height, s->fps);
}
#else
static void open_camera(source *s, const options *o)
{
  (void)s; (void)o;
  die(EXIT_INPUT, "cameras need Linux (V4L2); here only --file works");
}
#endif

int main(int argc, char **argv)
{
  static state l;
  static source s;
  static reel r;
  options o;
  int rc;
  program_name = "webcam";
  o = parse(argc, argv);
  atexit(view_end);
  catch_signals();
  if (o.file) reel_source(&s, &r, &o);
  else open_camera(&s, &o);
  record_open(&l.record, o.record);
  loop(&l, &o, &s);
  record_close(&l.record);
  s.close(&s);
  rc = finish(&l, &o, &s);
  picture_free(&s.picture);
  free(l.h.at);
  return rc;
}
