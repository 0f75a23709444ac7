/* hr_video.c - heart rate from a video file

   cc -O2 -I. examples/hr_video.c -o hr_video -lm
   ffmpeg -i face.mp4 -f yuv4mpegpipe - | hr_video -
   hr_video --face 112,53,96,125 --json --plot clip.svg clip.y4m
   hr_video --face 112,53,96,125 --fps 30 'frames/f_%04d.png'                                   */
#if !defined(_WIN32) && !defined(_POSIX_C_SOURCE)
#  define _POSIX_C_SOURCE 200112L /* isatty, fileno */
#endif
#define RPPG_IMPLEMENTATION
#include "plot.h"
#include "image.h"
#include "record.h"
#include "vitals.h"

#if defined(_WIN32)
#  include <fcntl.h>
#  include <io.h>
#  define isatty _isatty
#  define fileno _fileno
#else
#  include <unistd.h>
#endif

static const char usage[] =
  "usage: hr_video [options] INPUT\n"
  "  INPUT              clip.y4m, - for Y4M on standard input, or a numbered image pattern\n"
  "                     like frames/f_%04d.png (from 0 or 1, until one is missing)\n"
  "  --face x,y,w,h     the face in pixels, brows to chin and a little more on all sides;\n"
  "  --face auto        whoever in the frame has a pulse, several people too     (this)\n"
  "  --fps F            frames per second of images (30), or instead of the Y4M header's\n"
  "  --method M         pos, chrom, green, contact (finger on the lens), pbv, pbv-data, lgi, omit,\n"
  "                     ica, pca, 2sr (RGB), nir (infrared), consensus of several (pos)\n"
  "  --model F.rppg     a network that is weighed against the method (see rppg_nn.h, rppg_tools)\n"
  "  --window S         seconds an estimate looks back, 4 to 60                  (10)\n"
  "  --step S           seconds between estimates                                (1)\n"
  "  --band LO,HI       beats per minute to look for                             (36,240)\n"
  "  --skin             only pixels of the face that have a colour of skin (with --face x,y,w,h)\n"
  "  --vitals           breathing, beats and heart rate variability in the summary; a minute or more\n"
  "  --json             one JSON object a line, the last one the summary of the clip\n"
  "  --csv F            a row a frame: time, mean colours, rate and confidence so far\n"
  "  --record FOLDER    the colours of the six regions and the face box of every frame, as a\n"
  "                     recording to train or evaluate with (trace.csv, faces.csv)\n"
  "  --plot F.svg       colours, pulse wave, spectrum, rate over time\n"
  "A frame header of Y4M may carry its capture time: FRAME XT=<microseconds>.\n";

typedef struct options {
  const char *input, *csv, *plot, *model, *record;
  rppg_rect face;
  double fps, window_s, step_s, bpm_min, bpm_max;
  int has_face, method, json, skin, vitals;
} options;

/* x,y,w,h as whole numbers. */
static rppg_rect option_box(const char *text)
{
  rppg_rect r;
  char rest;
  if (sscanf(text, "%9d,%9d,%9d,%9d%c", &r.x, &r.y, &r.w, &r.h, &rest) != 4)
    die(EXIT_USAGE, "--face wants x,y,w,h in pixels, not '%s'", text);
  if (r.w < 1 || r.h < 1) die(EXIT_USAGE, "--face %s: width and height must be at least 1", text);
  return r;
}

static options parse(int argc, char **argv)
{
  options o;
  int i;
  memset(&o, 0, sizeof o);
  o.step_s = 1.0;
  o.method = -1;
  for (i = 1; i < argc; i++) {
    const char *a = argv[i];
    if (!strcmp(a, "--help")) { fputs(usage, stdout); exit(0); }
    else if (!strcmp(a, "--json")) o.json = 1;
    else if (!strcmp(a, "--skin")) o.skin = 1;
    else if (!strcmp(a, "--vitals")) o.vitals = 1;
    else if (!strcmp(a, "--csv")) o.csv = option_value(argc, argv, &i);
    else if (!strcmp(a, "--record")) o.record = option_value(argc, argv, &i);
    else if (!strcmp(a, "--plot")) o.plot = option_value(argc, argv, &i);
    else if (!strcmp(a, "--fps")) o.fps = option_number(a, option_value(argc, argv, &i), 1, 1000);
    else if (!strcmp(a, "--window")) o.window_s = option_number(a, option_value(argc, argv, &i), 4, 60);
    else if (!strcmp(a, "--step")) o.step_s = option_number(a, option_value(argc, argv, &i), 0.05, 3600);
    else if (!strcmp(a, "--method")) o.method = option_method(option_value(argc, argv, &i));
    else if (!strcmp(a, "--band")) option_band(option_value(argc, argv, &i), &o.bpm_min, &o.bpm_max);
    else if (!strcmp(a, "--face")) {
      const char *v = option_value(argc, argv, &i);
      o.has_face = strcmp(v, "auto") != 0;
      if (o.has_face) o.face = option_box(v);
    }
    else if (!strcmp(a, "--model")) o.model = option_value(argc, argv, &i);
    else if (a[0] == '-' && a[1]) die(EXIT_USAGE, "unknown option '%s' (see --help)", a);
    else if (o.input) die(EXIT_USAGE, "one input, please: '%s' and '%s'", o.input, a);
    else o.input = a;
  }
  if (!o.input) die(EXIT_USAGE, "no input (see --help)");
  if (o.skin && !o.has_face) die(EXIT_USAGE, "--skin goes with --face x,y,w,h: the search judges colours itself");
  return o;
}

/* ---- input: Y4M, or numbered images ------------------------------------------------------------ */

typedef struct video {
  const char *name;
  FILE *file;         /* Y4M */
  const char *digits; /* images: the % of the pattern */
  int width_of_number, number;
  rppg_frame frame;   /* its planes lie in pixels */
  uint8_t *pixels;
  size_t size;        /* of a frame, bytes */
  double fps;
  long count;         /* frames so far */
  const char *trouble; /* why it ended early; NULL: it did not */
} video;

/* Chroma tags that are plain 8-bit layouts, in the order of the formats below. */
static int y4m_format(const char *tag)
{
  if (!strcmp(tag, "mono")) return RPPG_GRAY8;
  if (!strcmp(tag, "422")) return RPPG_I422;
  if (!strcmp(tag, "444")) return RPPG_I444;
  if (!strcmp(tag, "420") || !strcmp(tag, "420jpeg") || !strcmp(tag, "420mpeg2") ||
      !strcmp(tag, "420paldv"))
    return RPPG_I420;
  return 0;
}

/* Reads a line of at most size - 1 characters; 1 if it ended with a newline. */
static int read_line(FILE *f, char *line, size_t size)
{
  size_t n = 0;
  int c;
  while ((c = getc(f)) != EOF && c != '\n' && n + 1 < size) line[n++] = (char)c;
  line[n] = 0;
  return c == '\n';
}

/* Stream header: sizes, rate, chroma, range. */
static void y4m_open(video *v)
{
  char line[512], *word;
  int num = 30, den = 1, c_w, c_h;
  size_t luma;
  if (!read_line(v->file, line, sizeof line) || strncmp(line, "YUV4MPEG2 ", 10))
    die(EXIT_INPUT, "%s: not Y4M (make it with: ffmpeg -i CLIP -pix_fmt yuv420p -f yuv4mpegpipe -)", v->name);
  v->frame.format = RPPG_I420;
  for (word = strtok(line + 10, " "); word; word = strtok(NULL, " ")) {
    if (word[0] == 'W') v->frame.width = atoi(word + 1);
    if (word[0] == 'H') v->frame.height = atoi(word + 1);
    if (word[0] == 'F' && sscanf(word + 1, "%9d:%9d", &num, &den) != 2) num = 0;
    if (word[0] == 'C' && !(v->frame.format = y4m_format(word + 1)))
      die(EXIT_INPUT, "%s: pixel format %s; convert it: ffmpeg -i CLIP -pix_fmt yuv420p ...", v->name, word + 1);
    if (!strcmp(word, "XCOLORRANGE=FULL")) v->frame.range = RPPG_FULL;
  }
  if (v->frame.width < 1 || v->frame.height < 1 || v->frame.width > RPPG_MAX_SIDE || v->frame.height > RPPG_MAX_SIDE)
    die(EXIT_INPUT, "%s: a frame of %d x %d pixels", v->name, v->frame.width, v->frame.height);
  if (v->fps == 0.0) {
    if (num < 1 || den < 1 || num / den > 1000) die(EXIT_INPUT, "%s: frame rate %d:%d; give --fps", v->name, num, den);
    v->fps = (double)num / den;
  }
  if (v->frame.height >= 720) v->frame.matrix = RPPG_BT709; /* Y4M does not say; HD has 709 */
  c_w = v->frame.format == RPPG_I444 ? v->frame.width : (v->frame.width + 1) / 2;
  c_h = v->frame.format == RPPG_I420 ? (v->frame.height + 1) / 2 : v->frame.height;
  luma = (size_t)v->frame.width * (size_t)v->frame.height;
  v->size = luma + (v->frame.format == RPPG_GRAY8 ? 0 : 2 * (size_t)c_w * (size_t)c_h);
  v->pixels = (uint8_t *)must_alloc(v->size);
  v->frame.planes[0] = v->pixels;
  v->frame.strides[0] = v->frame.width;
  v->frame.planes[1] = v->pixels + luma;
  v->frame.planes[2] = v->pixels + luma + (size_t)c_w * (size_t)c_h;
  v->frame.strides[1] = v->frame.strides[2] = c_w;
}

/* The next frame and its time; 0 at the end, with v->trouble set if the file is damaged. */
static int y4m_next(video *v, int64_t *t_us)
{
  char line[256], *time;
  int c = getc(v->file);
  long long t;
  if (c == EOF) {
    if (ferror(v->file)) v->trouble = "cannot be read";
    return 0;
  }
  ungetc(c, v->file);
  if (!read_line(v->file, line, sizeof line) || strncmp(line, "FRAME", 5)) {
    v->trouble = "is damaged: no frame header where one belongs";
    return 0;
  }
  if (fread(v->pixels, 1, v->size, v->file) != v->size) {
    v->trouble = "is cut off";
    return 0;
  }
  *t_us = (int64_t)floor((double)v->count * 1e6 / v->fps + 0.5);
  time = strstr(line, " XT=");
  if (time && sscanf(time + 4, "%18lld", &t) == 1) *t_us = (int64_t)t;
  return 1;
}

/* Splits a pattern at its one %0Nd; dies on anything else after a percent sign. */
static void pattern_open(video *v)
{
  const char *p = v->digits + 1, *digits = p;
  while (*p >= '0' && *p <= '9') p++;
  if (*p != 'd' || p - digits > 2 || strchr(p + 1, '%'))
    die(EXIT_USAGE, "'%s': a pattern has one number, like f_%%04d.png", v->name);
  v->width_of_number = atoi(digits);
  if (v->fps == 0.0) v->fps = 30.0;
#if !RPPG_HAVE_STB
  die(EXIT_USAGE, "images need stb_image at build time (Debian: libstb-dev)");
#endif
}

#if RPPG_HAVE_STB
static FILE *pattern_file(const video *v, int number, char *path, size_t size)
{
  const char *after = strchr(v->digits, 'd') + 1;
  const int n = snprintf(path, size, "%.*s%0*d%s", (int)(v->digits - v->name), v->name,
                         v->width_of_number, number, after);
  if (n < 0 || (size_t)n >= size) die(EXIT_USAGE, "'%s': too long a path", v->name);
  return fopen(path, "rb");
}

/* The next image, as RGB or grey; numbers start at 0 or 1. */
static int image_next(video *v, int64_t *t_us)
{
  static char path[4096];
  FILE *f = pattern_file(v, v->number, path, sizeof path);
  int w, h, channels, grey;
  if (!f && v->count == 0 && v->number == 0) f = pattern_file(v, v->number = 1, path, sizeof path);
  if (!f) return 0;
  if (v->pixels) stbi_image_free(v->pixels);
  v->pixels = NULL;
  if (!stbi_info_from_file(f, &w, &h, &channels)) channels = 3;
  grey = channels < 3;
  v->pixels = stbi_load_from_file(f, &w, &h, &channels, grey ? 1 : 3);
  fclose(f);
  if (!v->pixels) die(EXIT_INPUT, "%s: no image that stb_image can read (%s)", path, stbi_failure_reason());
  if (v->count > 0 && (w != v->frame.width || h != v->frame.height || grey != (v->frame.format == RPPG_GRAY8)))
    die(EXIT_INPUT, "%s: another size or kind than the images before", path);
  v->frame.format = grey ? RPPG_GRAY8 : RPPG_RGB24;
  v->frame.width = w;
  v->frame.height = h;
  v->frame.planes[0] = v->pixels;
  v->frame.strides[0] = (ptrdiff_t)w * (grey ? 1 : 3);
  *t_us = (int64_t)floor((double)v->count * 1e6 / v->fps + 0.5);
  v->number++;
  return 1;
}
#endif

static void video_open(video *v, const options *o)
{
  memset(v, 0, sizeof *v);
  v->name = o->input;
  v->fps = o->fps;
  v->digits = strchr(o->input, '%');
  if (v->digits) {
    pattern_open(v);
    return;
  }
#if defined(_WIN32)
  _setmode(_fileno(stdin), _O_BINARY);
#endif
  v->file = strcmp(o->input, "-") ? fopen(o->input, "rb") : stdin;
  if (!v->file) die(EXIT_INPUT, "cannot open '%s'", o->input);
  y4m_open(v);
}

static int video_next(video *v, int64_t *t_us)
{
  int got;
#if RPPG_HAVE_STB
  got = v->digits ? image_next(v, t_us) : y4m_next(v, t_us);
#else
  got = y4m_next(v, t_us);
#endif
  v->count += got;
  return got;
}

/* ---- output ------------------------------------------------------------------------------------- */

static void csv_header(FILE *f, const rppg_session *s)
{
  size_t roi;
  fprintf(f, "t,r,g,b,hr_bpm,confidence");
  for (roi = 1; roi <= s->rois; roi++)
    fprintf(f, ",r%lu,g%lu,b%lu", (unsigned long)roi, (unsigned long)roi, (unsigned long)roi);
  fputc('\n', f);
}

/* Time, mean of all ROIs, newest estimate (NULL: none yet), each ROI. */
static void csv_row(FILE *f, const rppg_session *s, double t_s, const rppg_result *r)
{
  size_t rois, i;
  const float *c = rppg_frame_colours(s, &rois);
  double mean[3] = { 0.0, 0.0, 0.0 };
  for (i = 0; i < 3 * rois; i++) mean[i % 3] += (double)c[i] / (double)rois;
  fprintf(f, "%.6f,%.5f,%.5f,%.5f,", t_s, mean[0], mean[1], mean[2]);
  if (r) fprintf(f, "%.2f,%.3f", r->hr_bpm, r->confidence);
  else fputc(',', f);
  for (i = 0; i < 3 * rois; i++) fprintf(f, ",%.5f", (double)c[i]);
  fputc('\n', f);
}

/* Everybody who was found, with what the estimates said about each. */
enum { PEOPLE = 32 };
typedef struct persons {
  int count, id[PEOPLE];
  history h[PEOPLE];
  rppg_rect box[PEOPLE]; /* the last one */
  rppg_result sum[PEOPLE];
} persons;

/* Members of a JSON line about a person. */
static const char *person_members(int id, const rppg_rect *box, const char *more)
{
  static char text[160];
  snprintf(text, sizeof text, ",\"person\":%d,\"face\":[%d,%d,%d,%d]%s", id, box->x, box->y, box->w, box->h, more);
  return text;
}

/* Notes an estimate; those after the first PEOPLE go unseen. */
static void persons_add(persons *all, int id, const rppg_rect *box, const rppg_result *r)
{
  int i = 0;
  while (i < all->count && all->id[i] != id) i++;
  if (i == PEOPLE) return;
  if (i == all->count) {
    memset(&all->h[i], 0, sizeof all->h[i]);
    all->id[all->count++] = id;
  }
  all->box[i] = *box;
  history_add(&all->h[i], r);
}

/* Summaries of those who were there in three estimates or more and are likely real; the surest of
   all first. Leaves the number of such in count.                                                 */
static void persons_sum(persons *all)
{
  int i, k, n = 0;
  for (i = 0; i < all->count; i++) {
    const rppg_result r = history_summary(&all->h[i]);
    const int id = all->id[i];
    const rppg_rect box = all->box[i];
    const history h = all->h[i];
    if (r.confidence < 0.3 || h.count < 3) continue;
    for (k = n++; k > 0 && r.confidence * (double)h.count > all->sum[k - 1].confidence * (double)all->h[k - 1].count; k--) {
      all->id[k] = all->id[k - 1];
      all->box[k] = all->box[k - 1];
      all->h[k] = all->h[k - 1];
      all->sum[k] = all->sum[k - 1];
    }
    all->id[k] = id;
    all->box[k] = box;
    all->h[k] = h;
    all->sum[k] = r;
  }
  all->count = n;
}

static void print_human(const video *v, const rppg_session *s, const history *h, const rppg_result *sum,
                        const persons *all, double skin)
{
  size_t n, i;
  const float *wave = rppg_wave(s, &n);
  float *rates = (float *)must_alloc(h->count * sizeof *rates);
  int k;
  printf("%ld frames of %d x %d, %.1f s\n", v->count, v->frame.width, v->frame.height, sum->t_s);
  printf("%.1f bpm   confidence %.2f   SNR %.1f dB   ", sum->hr_bpm, sum->confidence, sum->snr_db);
  print_flags(stdout, sum->flags, NULL, "");
  if (all->count) printf("  face %d,%d,%d,%d", all->box[0].x, all->box[0].y, all->box[0].w, all->box[0].h);
  for (k = 1; k < all->count; k++)
    printf("\n%.1f bpm   confidence %.2f   SNR %.1f dB     face %d,%d,%d,%d", all->sum[k].hr_bpm,
           all->sum[k].confidence, all->sum[k].snr_db, all->box[k].x, all->box[k].y, all->box[k].w, all->box[k].h);
  printf("\npulse  ");
  print_sparkline(wave, n, 72);
  if (h->count > 4) {
    for (i = 0; i < h->count; i++) rates[i] = (float)h->at[i].tracked_bpm;
    printf("rate   ");
    print_sparkline(rates, h->count, 72);
  }
  if (skin >= 0.0) printf("skin   %.0f %% of the regions\n", 100.0 * skin);
  if (sum->confidence < 0.3) printf("Too unsure to be believed: more light, a nearer face, less motion?\n");
  free(rates);
}

/* ---- main ----------------------------------------------------------------------------------------- */

/* Whether to search: a finger on the lens is everywhere, and some frames are too small. */
static int search(const options *o, const rppg_frame *f)
{
  return !o->has_face && o->method != RPPG_CONTACT && f->width >= 32 && f->height >= 32;
}

/* Whether the search runs beside the session, which then has the regions of a given box. */
static int beside(const options *o) { return o->model || o->record; }

/* The box to use on this frame size: the given one, or the middle of the frame. */
static rppg_rect face_box(const options *o, const rppg_frame *f)
{
  rppg_rect r = o->face;
  if (search(o, f)) return r;
  if (!o->has_face) {
    r.w = (f->width + 1) / 2;
    r.h = (f->height + 1) / 2;
    r.x = (f->width - r.w) / 2;
    r.y = (f->height - r.h) / 2;
    fprintf(stderr, "hr_video: no search here: using the middle of the frame, %d,%d,%d,%d\n", r.x, r.y, r.w, r.h);
  }
  if (r.x >= f->width || r.y >= f->height || r.x + r.w <= 0 || r.y + r.h <= 0)
    die(EXIT_INPUT, "--face %d,%d,%d,%d lies outside the %d x %d frame", r.x, r.y, r.w, r.h, f->width, f->height);
  return r;
}

/* The model's file, which stays in memory; ends the program with what is wrong with it. */
static void load_model(const char *path, rppg_config *cfg)
{
  FILE *f = fopen(path, "rb");
  size_t room = 1 << 16, n = 0, size;
  unsigned char *blob = (unsigned char *)must_alloc(room);
  rppg_nn_model m;
  rppg_nn_error e;
  void *mem;
  if (!f) die(EXIT_INPUT, "cannot open the model '%s'", path);
  while ((n += fread(blob + n, 1, room - n, f)) == room) {
    room *= 2;
    if (room > (size_t)1 << 30) die(EXIT_INPUT, "%s: larger than 512 MB", path);
    blob = (unsigned char *)realloc(blob, room);
    if (!blob) die(EXIT_INPUT, "%s: no memory for it", path);
  }
  fclose(f);
  size = rppg_nn_mem_size(blob, n);
  mem = must_alloc(size + 1);
  if (rppg_nn_open(&m, blob, n, mem, size, &e) != RPPG_OK) {
    const int at = e.layer >= 0 ? e.layer : e.tensor;
    if (at < 0) die(EXIT_INPUT, "%s: no usable model: %s (%s)", path, e.what, e.field);
    die(EXIT_INPUT, "%s: no usable model: %s (%s, %s %d)", path, e.what, e.field, e.layer >= 0 ? "layer" : "tensor", at);
  }
  if (m.spec.source == RPPG_NN_RAW)
    die(EXIT_INPUT, "%s: it does not say what goes in (chunk SPEC); nn_run can run it", path);
  free(mem);
  cfg->model = blob;
  cfg->model_size = n;
  cfg->model_face = 4096;
}

/* Where the search sees a face now, for a session that does not search; NULL before the first. */
static const rppg_rect *find_face(rppg_finder *f, const rppg_frame *frame, int64_t t_us)
{
  static rppg_rect box;
  const rppg_person *found;
  size_t n;
  rppg_finder_push(f, frame, t_us);
  found = rppg_finder_people(f, &n);
  if (n) box = found[0].box;
  return box.w ? &box : NULL;
}

static void start_finder(rppg_finder *f, const rppg_config *like)
{
  rppg_config cfg = *like;
  size_t size;
  cfg.model = NULL;
  cfg.auto_cells = RPPG_AUTO_CELLS;
  cfg.rate_hz = 0.0;
  size = rppg_finder_mem_size(&cfg);
  if (!size || rppg_finder_init(f, &cfg, must_alloc(size), size) != RPPG_OK)
    die(EXIT_USAGE, "these options do not go with the search: give --face x,y,w,h");
}

/* Grey frames have no colours to separate: GREEN, whatever the default. */
static void start(const options *o, const rppg_frame *f, rppg_session *s, rppg_finder *finder, vitals *vit)
{
  static const rppg_skin skin = { 0, 0, 0, 0 };
  rppg_config cfg, without;
  memset(&cfg, 0, sizeof cfg);
  cfg.method = o->method >= 0 ? o->method : f->format == RPPG_GRAY8 ? RPPG_GREEN : RPPG_POS;
  cfg.window_s = o->window_s;
  cfg.bpm_min = o->bpm_min;
  cfg.bpm_max = o->bpm_max;
  cfg.skin = o->skin ? &skin : NULL;
  if (o->vitals && !o->model) cfg.rate_hz = 30.0; /* beats want it, with the search too */
  if (search(o, f) && !beside(o)) cfg.auto_cells = RPPG_AUTO_CELLS;
  if (f->format == RPPG_GRAY8 && cfg.method != RPPG_GREEN && cfg.method != RPPG_NIR && cfg.method != RPPG_CONTACT)
    die(EXIT_USAGE, "a grey video has no colours: only --method green or nir fits");
  if (f->format == RPPG_GRAY8 && o->skin) die(EXIT_USAGE, "a grey video has no colours for --skin");
  if (cfg.method == RPPG_2SR && o->skin) die(EXIT_USAGE, "--skin does not go with --method 2sr");
  if (cfg.method == RPPG_2SR && f->format != RPPG_RGB24)
    die(EXIT_USAGE, "--method 2sr needs RGB: numbered images, not Y4M");
  without = cfg;
  if (o->model) {
    load_model(o->model, &cfg);
    if (!rppg_mem_size(&cfg))
      die(EXIT_USAGE, "%s does not go with these options: it needs a window of its length, the regions it was trained on, and %s",
          o->model, "a size of input that its chunk SPEC describes");
  }
  if (search(o, f) && beside(o)) start_finder(finder, &cfg);
  start_session(s, &cfg);
  if (o->vitals) vitals_start(vit, &without);
}

/* Share of the regions' pixels that count, of the newest frame. */
static double skin_share(const rppg_session *s)
{
  double sum = 0.0;
  size_t n, i;
  const float *kept = rppg_kept(s, &n);
  for (i = 0; i < n; i++) sum += (double)kept[i] / (double)n;
  return sum;
}

/* Pushes every frame; an estimate every step as soon as the session has enough. */
static void run(const options *o, video *v, rppg_session *s, history *h, persons *all, vitals *vit, double *skin,
                FILE *csv, recorder *record)
{
  const int show = isatty(fileno(stderr)) && !o->json;
  double due_s = 0.0, t_s = 0.0;
  int64_t t_us = 0, first_us = 0;
  rppg_rect face = { 0, 0, 0, 0 };
  const rppg_rect *where;
  rppg_result r;
  const rppg_person *found;
  rppg_finder finder;
  size_t n = 0, i;
  int taken;
  while (video_next(v, &t_us)) {
    if (v->count == 1) {
      face = face_box(o, &v->frame);
      start(o, &v->frame, s, &finder, vit);
      first_us = t_us;
      if (csv) csv_header(csv, s);
    }
    where = !search(o, &v->frame) ? &face : beside(o) ? find_face(&finder, &v->frame, t_us) : RPPG_FACE_AUTO;
    taken = rppg_push(s, &v->frame, where, t_us) == RPPG_OK; /* refusals show as flags */
    if (o->vitals) rppg_push(&vit->minute, &v->frame, where, t_us);
    if (o->skin) *skin += (skin_share(s) - *skin) / (double)v->count;
    t_s = ((double)t_us - (double)first_us) * 1e-6;
    if (record->folder && taken) record_frame(record, s, where, t_s);
    if (t_s >= due_s - 1e-6 && rppg_estimate(s, &r) == RPPG_OK) {
      due_s = (floor(t_s / o->step_s + 1e-6) + 1.0) * o->step_s;
      r.t_s = t_s;
      history_add(h, &r);
      found = rppg_people(s, &n);
      if (o->vitals) vitals_add(vit, s, n ? found[0].id : 0, 30.0);
      if (n) persons_add(all, found[0].id, &found[0].box, &r);
      if (o->json) print_json(&r, n ? person_members(found[0].id, &found[0].box, "") : "", NULL);
      for (i = 1; i < n; i++) {
        rppg_result other = found[i].result;
        other.t_s = t_s;
        persons_add(all, found[i].id, &found[i].box, &other);
        if (o->json && other.confidence >= 0.3)
          print_json(&other, person_members(found[i].id, &found[i].box, ""), NULL);
      }
      if (show) fprintf(stderr, "\r%8.1f s  %6.1f bpm  confidence %.2f ", r.t_s, r.hr_bpm, r.confidence);
    }
    if (csv) csv_row(csv, s, t_s, h->count ? &h->at[h->count - 1] : NULL);
  }
  if (show && h->count) fprintf(stderr, "\r%60s\r", "");
}

int main(int argc, char **argv)
{
  options o;
  video v;
  rppg_session s;
  rppg_result sum;
  history h = { NULL, 0, 0 };
  static persons all;
  static vitals vit;
  static char more[2000];
  double skin = 0.0;
  FILE *csv = NULL;
  recorder record;
  int i;
  program_name = "hr_video";
  o = parse(argc, argv);
  if (o.plot) must_close(must_create(o.plot), o.plot); /* better now than after an hour */
  if (o.csv) csv = must_create(o.csv);
  video_open(&v, &o);
  record_open(&record, o.record);
  run(&o, &v, &s, &h, &all, &vit, &skin, csv, &record);
  record_close(&record);
  if (csv) must_close(csv, o.csv);
  if (!v.count) die(EXIT_INPUT, "%s: %s", v.name, v.trouble ? v.trouble : "no frames in it");
  if (!h.count && o.skin && skin < RPPG_KEPT_LEAST)
    die(EXIT_INPUT, "%s: %.0f %% of --face is skin; is the box right? Else without --skin", v.name, 100.0 * skin);
  if (!h.count)
    die(EXIT_INPUT, "%s: %s%stoo short: %ld frames, less than %g s without a gap", v.name,
        v.trouble ? v.trouble : "", v.trouble ? ", and " : "", v.count, s.cfg.min_window_s);
  persons_sum(&all);
  sum = all.count ? all.sum[0] : history_summary(&h);
  for (i = 1; i < all.count && o.json; i++)
    print_json(&all.sum[i], person_members(all.id[i], &all.box[i], ",\"whole_clip\":true"), NULL);
  if (o.vitals) vitals_end(&vit, sum.fps);
  if (o.json) {
    size_t n = (size_t)snprintf(more, sizeof more, "%s", all.count ? person_members(all.id[0], &all.box[0], SUMMARY) : SUMMARY);
    if (o.skin) n += (size_t)snprintf(more + n, sizeof more - n, ",\"skin_share\":%.3f", skin);
    if (o.vitals) snprintf(more + n, sizeof more - n, "%s", vitals_members(&vit));
    print_json(&sum, more, v.trouble ? "cut_off" : NULL);
  } else {
    print_human(&v, &s, &h, &sum, &all, o.skin ? skin : -1.0);
    if (o.vitals) vitals_print(&vit);
  }
  must_close(stdout, "standard output");
  if (o.plot) write_plot(o.plot, &s, &h, &sum);
  if (v.trouble) die(EXIT_INPUT, "%s %s after %ld frames; those were measured", v.name, v.trouble, v.count);
  free(h.at);
  return 0;
}
