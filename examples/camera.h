/* camera.h - a V4L2 camera as a source of frames: mmap streaming, modes, controls held still.
   Linux; kernel headers only. Single-planar capture devices, as UVC webcams are.               */
#ifndef CAMERA_H
#define CAMERA_H

#include "picture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef struct camera_mode { int kind, width, height; double fps; } camera_mode;

enum { CAMERA_BUFFERS = 4, CAMERA_LOCKS = 6, CAMERA_TROUBLES = 30 };

typedef struct camera {
  const char *path;
  int fd, lock, count;         /* of buffers */
  int held;                    /* buffer that the newest frame lies in; -1: none */
  int streaming, troubles;     /* in a row */
  struct { uint8_t *at; size_t size; } buffer[CAMERA_BUFFERS];
  uint32_t sequence;           /* of the newest frame */
  long seen;                   /* frames, good or not */
  int64_t first_us;
  struct { uint32_t id; int32_t value; } saved[2 * CAMERA_LOCKS]; /* controls, to put back */
  int saves;
} camera;

/* ---- what the driver says ------------------------------------------------------------------------ */

/* An ioctl that signals do not end. */
static int camera_call(const camera *c, unsigned long request, void *argument)
{
  int rc;
  do rc = ioctl(c->fd, request, argument);
  while (rc < 0 && errno == EINTR);
  return rc;
}

/* The end of the program, with the reason in words. */
static void camera_die(const camera *c, const char *doing)
{
  switch (errno) {
  case ENOENT: case ENXIO: die(EXIT_INPUT, "no camera at %s; try --device", c->path); break;
  case EACCES: case EPERM:
    die(EXIT_INPUT, "no permission for %s; on many systems the group 'video' has it", c->path); break;
  case EBUSY: die(EXIT_INPUT, "%s is in use by another program", c->path); break;
  case ENODEV: die(EXIT_INPUT, "%s was unplugged", c->path); break;
  default: die(EXIT_INPUT, "%s: %s: %s", c->path, doing, strerror(errno));
  }
}

static void camera_open(camera *c)
{
  struct v4l2_capability cap;
  uint32_t can;
  c->fd = open(c->path, O_RDWR | O_NONBLOCK);
  if (c->fd < 0) camera_die(c, "cannot be opened");
  memset(&cap, 0, sizeof cap);
  if (camera_call(c, VIDIOC_QUERYCAP, &cap) < 0) die(EXIT_INPUT, "%s is no camera", c->path);
  can = cap.capabilities & V4L2_CAP_DEVICE_CAPS ? cap.device_caps : cap.capabilities;
  if (!(can & V4L2_CAP_VIDEO_CAPTURE) || !(can & V4L2_CAP_STREAMING))
    die(EXIT_INPUT, "%s (%.32s) gives no video stream; try the next --device", c->path, (const char *)cap.card);
}

/* The kind of a V4L2 format, or -1. */
static int camera_kind(uint32_t pixelformat)
{
  int i;
  for (i = 0; i < KINDS; i++) {
    const char *f = pixel_kinds[i].fourcc;
    if (pixelformat == v4l2_fourcc(f[0], f[1], f[2], f[3])) return i;
  }
  return -1;
}
static uint32_t camera_fourcc(int kind)
{
  const char *f = pixel_kinds[kind].fourcc;
  return v4l2_fourcc(f[0], f[1], f[2], f[3]);
}

/* ---- modes -------------------------------------------------------------------------------------- */

typedef void camera_visitor(const camera_mode *mode, uint32_t pixelformat, void *user);

/* The frame rates of one size. A range, or a driver that does not say, counts as fps. */
static void camera_rates(const camera *c, camera_mode mode, uint32_t format, double fps, camera_visitor *visit, void *user)
{
  struct v4l2_frmivalenum e;
  memset(&e, 0, sizeof e);
  e.pixel_format = format;
  e.width = (uint32_t)mode.width;
  e.height = (uint32_t)mode.height;
  for (; e.index < 256 && camera_call(c, VIDIOC_ENUM_FRAMEINTERVALS, &e) == 0; e.index++) {
    if (e.type != V4L2_FRMIVAL_TYPE_DISCRETE) break;
    if (!e.discrete.numerator || !e.discrete.denominator) continue;
    mode.fps = (double)e.discrete.denominator / e.discrete.numerator;
    visit(&mode, format, user);
  }
  if (e.index) return;
  mode.fps = fps;
  visit(&mode, format, user);
}

static uint32_t camera_clamp(uint32_t x, uint32_t lo, uint32_t hi, uint32_t step)
{
  if (x < lo) x = lo;
  if (x > hi) x = hi;
  return step > 1 ? lo + (x - lo) / step * step : x;
}

/* The sizes of one format; of a range, the one nearest to the wanted size. */
static void camera_sizes(const camera *c, uint32_t format, const camera_mode *wanted, camera_visitor *visit, void *user)
{
  struct v4l2_frmsizeenum e;
  camera_mode mode = *wanted;
  mode.kind = camera_kind(format);
  memset(&e, 0, sizeof e);
  e.pixel_format = format;
  for (; e.index < 256 && camera_call(c, VIDIOC_ENUM_FRAMESIZES, &e) == 0; e.index++) {
    const struct v4l2_frmsize_stepwise *s = &e.stepwise;
    uint32_t w = e.discrete.width, h = e.discrete.height;
    if (e.type != V4L2_FRMSIZE_TYPE_DISCRETE) {
      w = camera_clamp((uint32_t)wanted->width, s->min_width, s->max_width, s->step_width);
      h = camera_clamp((uint32_t)wanted->height, s->min_height, s->max_height, s->step_height);
    }
    if (w < 1 || h < 1 || w > RPPG_MAX_SIDE || h > RPPG_MAX_SIDE) continue;
    mode.width = (int)w;
    mode.height = (int)h;
    camera_rates(c, mode, format, wanted->fps, visit, user);
    if (e.type != V4L2_FRMSIZE_TYPE_DISCRETE) return;
  }
  if (!e.index) visit(&mode, format, user); /* the driver does not say: it will take the nearest */
}

static void camera_modes(const camera *c, const camera_mode *wanted, camera_visitor *visit, void *user)
{
  struct v4l2_fmtdesc e;
  memset(&e, 0, sizeof e);
  e.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  for (; e.index < 64 && camera_call(c, VIDIOC_ENUM_FMT, &e) == 0; e.index++)
    camera_sizes(c, e.pixelformat, wanted, visit, user);
}

static void camera_print_mode(const camera_mode *m, uint32_t format, void *user)
{
  (void)user;
  printf("%c%c%c%c  %5d x %-5d %7.2f fps%s\n", (int)(format & 127), (int)(format >> 8 & 127), (int)(format >> 16 & 127),
         (int)(format >> 24 & 127), m->width, m->height, m->fps,
         m->kind < 0 ? "   (not read here)" : m->kind == MJPEG && !RPPG_HAVE_STB ? "   (needs libstb-dev)" : "");
}

/* How far a mode is from the wanted one. Half or twice the pixels cost 1, and so does losing a
   quarter of the frames, and so does JPEG, which takes some of the pulse away with the noise.     */
static double camera_cost(const camera_mode *m, const camera_mode *wanted)
{
  const double area = (double)m->width * m->height / ((double)wanted->width * wanted->height);
  const double slow = m->fps < wanted->fps ? wanted->fps / m->fps - 1.0 : 0.0;
  const double fast = m->fps > wanted->fps ? m->fps / wanted->fps - 1.0 : 0.0;
  const double kind = m->kind == MJPEG ? 1.0 : 0.02 * m->kind;
  return fabs(log(area)) / log(2.0) + 3.0 * slow + 0.5 * fast + kind;
}

typedef struct camera_choice { camera_mode wanted, best; double cost; } camera_choice;

static void camera_compare(const camera_mode *m, uint32_t format, void *user)
{
  camera_choice *choice = (camera_choice *)user;
  const double cost = camera_cost(m, &choice->wanted);
  (void)format;
  if (m->kind < 0 || (m->kind == MJPEG && !RPPG_HAVE_STB)) return;
  if (choice->wanted.kind >= 0 && m->kind != choice->wanted.kind) return;
  if (choice->cost >= 0.0 && cost >= choice->cost) return;
  choice->best = *m;
  choice->cost = cost;
}

/* ---- setting up ----------------------------------------------------------------------------------- */

/* YUV matrix and range as far as the driver says; else limited BT.601, which UVC cameras send. */
static void camera_colours(picture *p, const struct v4l2_pix_format *f)
{
  const int hd = f->colorspace == V4L2_COLORSPACE_REC709, jpeg = f->colorspace == V4L2_COLORSPACE_JPEG;
  p->matrix = f->ycbcr_enc == V4L2_YCBCR_ENC_709 || (!f->ycbcr_enc && hd) ? RPPG_BT709 : RPPG_BT601;
  p->range = f->quantization == V4L2_QUANTIZATION_FULL_RANGE || (!f->quantization && jpeg) ? RPPG_FULL : RPPG_LIMITED;
}

/* Sets a mode; the driver may change it, and what it then says counts. */
static void camera_set(camera *c, source *s, const camera_mode *m)
{
  struct v4l2_format f;
  struct v4l2_streamparm rate;
  struct v4l2_pix_format *pix = &f.fmt.pix;
  picture *p = &s->picture;
  memset(&f, 0, sizeof f);
  f.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  pix->width = (uint32_t)m->width;
  pix->height = (uint32_t)m->height;
  pix->pixelformat = camera_fourcc(m->kind);
  pix->field = V4L2_FIELD_NONE;
  if (camera_call(c, VIDIOC_S_FMT, &f) < 0) camera_die(c, "the mode cannot be set");
  p->kind = camera_kind(pix->pixelformat);
  if (p->kind < 0 || pix->width < 1 || pix->height < 1 || pix->width > RPPG_MAX_SIDE || pix->height > RPPG_MAX_SIDE)
    die(EXIT_INPUT, "%s offers no format that is read here (see --list)", c->path);
  p->width = (int)pix->width;
  p->height = (int)pix->height;
  p->stride = picture_row(p->kind, p->width);
  if (p->kind != MJPEG && pix->bytesperline > p->stride) p->stride = pix->bytesperline;
  camera_colours(p, pix);
  memset(&rate, 0, sizeof rate);
  rate.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  rate.parm.capture.timeperframe.numerator = 1000;
  rate.parm.capture.timeperframe.denominator = (uint32_t)(1000.0 * m->fps + 0.5);
  s->fps = m->fps;
  if (camera_call(c, VIDIOC_S_PARM, &rate) == 0 && rate.parm.capture.timeperframe.numerator &&
      rate.parm.capture.timeperframe.denominator)
    s->fps = (double)rate.parm.capture.timeperframe.denominator / rate.parm.capture.timeperframe.numerator;
}

static int camera_queue(const camera *c, int index)
{
  struct v4l2_buffer b;
  memset(&b, 0, sizeof b);
  b.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  b.memory = V4L2_MEMORY_MMAP;
  b.index = (uint32_t)index;
  return camera_call(c, VIDIOC_QBUF, &b);
}

/* Buffers shared with the driver, all of them given to it, and go. */
static void camera_start(camera *c)
{
  struct v4l2_requestbuffers want;
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE, i;
  memset(&want, 0, sizeof want);
  want.count = CAMERA_BUFFERS;
  want.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  want.memory = V4L2_MEMORY_MMAP;
  if (camera_call(c, VIDIOC_REQBUFS, &want) < 0) camera_die(c, "no buffers");
  for (i = 0; i < (int)want.count && i < CAMERA_BUFFERS; i++) {
    struct v4l2_buffer b;
    void *at;
    memset(&b, 0, sizeof b);
    b.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    b.memory = V4L2_MEMORY_MMAP;
    b.index = (uint32_t)i;
    if (camera_call(c, VIDIOC_QUERYBUF, &b) < 0) camera_die(c, "no buffer");
    at = mmap(NULL, b.length, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, (off_t)b.m.offset);
    if (at == MAP_FAILED) camera_die(c, "a buffer cannot be mapped");
    c->buffer[i].at = (uint8_t *)at;
    c->buffer[i].size = b.length;
    c->count = i + 1;
    if (camera_queue(c, i) < 0) camera_die(c, "a buffer is refused");
  }
  if (c->count < 2) die(EXIT_INPUT, "%s has no memory for two frames", c->path);
  if (camera_call(c, VIDIOC_STREAMON, &type) < 0) camera_die(c, "does not start");
  c->streaming = 1;
}

/* ---- controls ------------------------------------------------------------------------------------- */

/* What follows the scene by itself, and with it a pulse or a nod: the automatism, its value for
   "hold still", and the setting that it governs (0: none).                                       */
static const struct { uint32_t automatic; int32_t off; uint32_t setting; } camera_locks[CAMERA_LOCKS] = {
  { V4L2_CID_EXPOSURE_AUTO_PRIORITY, 0, 0 }, /* else the frame rate falls in dim light */
  { V4L2_CID_EXPOSURE_AUTO, V4L2_EXPOSURE_MANUAL, V4L2_CID_EXPOSURE_ABSOLUTE },
  { V4L2_CID_AUTOGAIN, 0, V4L2_CID_GAIN },
  { V4L2_CID_AUTO_WHITE_BALANCE, 0, V4L2_CID_WHITE_BALANCE_TEMPERATURE },
  { V4L2_CID_HUE_AUTO, 0, V4L2_CID_HUE },
  { V4L2_CID_FOCUS_AUTO, 0, V4L2_CID_FOCUS_ABSOLUTE }
};

static int camera_get(const camera *c, uint32_t id, int32_t *value)
{
  struct v4l2_control control;
  control.id = id;
  control.value = 0;
  if (!id || camera_call(c, VIDIOC_G_CTRL, &control) < 0) return 0;
  *value = control.value;
  return 1;
}
static int camera_put(const camera *c, uint32_t id, int32_t value)
{
  struct v4l2_control control;
  control.id = id;
  control.value = value;
  return camera_call(c, VIDIOC_S_CTRL, &control) == 0;
}

/* Holds the automatisms at what they have settled on. Returns how many obeyed. */
static int camera_lock(camera *c)
{
  int i, held = 0;
  for (i = 0; i < CAMERA_LOCKS; i++) {
    int32_t was, setting = 0;
    const int has_setting = camera_get(c, camera_locks[i].setting, &setting);
    if (!camera_get(c, camera_locks[i].automatic, &was) || was == camera_locks[i].off) continue;
    if (!camera_put(c, camera_locks[i].automatic, camera_locks[i].off)) continue;
    c->saved[c->saves].id = camera_locks[i].automatic;
    c->saved[c->saves++].value = was;
    if (has_setting) camera_put(c, camera_locks[i].setting, setting);
    held++;
  }
  return held;
}

/* ---- frames ------------------------------------------------------------------------------------- */

static int64_t camera_clock_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Capture time: the driver's where it is on the monotonic clock, else that of the arrival. */
static int64_t camera_time_us(const struct v4l2_buffer *b)
{
  if ((b->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) return camera_clock_us();
  return (int64_t)b->timestamp.tv_sec * 1000000 + b->timestamp.tv_usec;
}

/* Waits for a filled buffer. 1: there is one; 0: a signal came; -1: s->trouble says what. */
static int camera_wait(const camera *c, source *s)
{
  struct pollfd p;
  int rc;
  p.fd = c->fd;
  p.events = POLLIN;
  p.revents = 0;
  rc = poll(&p, 1, 5000);
  if (rc > 0 && (p.revents & POLLIN)) return 1;
  if (rc < 0 && errno == EINTR) return 0;
  s->trouble = rc == 0 ? "has sent no frame for 5 s" : "was unplugged";
  return -1;
}

/* Counts what the driver skipped: its sequence number goes on where a frame was lost. */
static void camera_count(camera *c, source *s, uint32_t sequence)
{
  const uint32_t gap = sequence - c->sequence;
  if (c->seen++ && gap > 1 && gap < 100000) s->dropped += (long)gap - 1;
  c->sequence = sequence;
}

/* The first seconds pass unseen while exposure and white balance settle; then they are held. */
static int camera_settling(camera *c, int64_t t_us)
{
  enum { SETTLE_US = 2000000 };
  if (!c->lock) return 0;
  if (c->seen == 1) c->first_us = t_us;
  if (t_us - c->first_us < SETTLE_US) return 1;
  c->lock = 0;
  if (camera_lock(c)) fprintf(stderr, "%s: exposure, white balance and focus are held until the end (--no-lock: not)\n", program_name);
  else fprintf(stderr, "%s: exposure cannot be held on this camera: light the face evenly\n", program_name);
  return 1;
}

/* Gives the last buffer back and takes the next. Errors of single frames are counted, and only a
   row of them ends the stream.                                                                   */
static int camera_next(source *s, int64_t *t_us)
{
  camera *c = (camera *)s->self;
  struct v4l2_buffer b;
  int got;
  if (c->held >= 0 && camera_queue(c, c->held) < 0) { s->trouble = "was unplugged"; return SOURCE_END; }
  c->held = -1;
  got = camera_wait(c, s);
  if (got <= 0) return got < 0 ? SOURCE_END : SOURCE_NOTHING;
  memset(&b, 0, sizeof b);
  b.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  b.memory = V4L2_MEMORY_MMAP;
  if (camera_call(c, VIDIOC_DQBUF, &b) < 0) {
    if (errno == EAGAIN) return SOURCE_NOTHING;
    s->trouble = errno == ENODEV ? "was unplugged" : "delivers only errors";
    if (errno == ENODEV || ++c->troubles > CAMERA_TROUBLES) return SOURCE_END;
    s->trouble = NULL;
    s->bad++;
    return SOURCE_NOTHING;
  }
  if (b.index >= (uint32_t)c->count) { s->trouble = "has a confused driver"; return SOURCE_END; }
  c->held = (int)b.index;
  camera_count(c, s, b.sequence);
  *t_us = camera_time_us(&b);
  if (camera_settling(c, *t_us)) return SOURCE_NOTHING;
  if (b.bytesused > c->buffer[c->held].size) b.bytesused = (uint32_t)c->buffer[c->held].size;
  if ((b.flags & V4L2_BUF_FLAG_ERROR) ||
      !picture_view(&s->picture, c->buffer[c->held].at, b.bytesused, &s->frame)) {
    s->bad++;
    if (++c->troubles <= CAMERA_TROUBLES) return SOURCE_NOTHING;
    s->trouble = "delivers only damaged frames";
    return SOURCE_END;
  }
  c->troubles = 0;
  return SOURCE_FRAME;
}

/* Leaves the camera as it was found. */
static void camera_close(source *s)
{
  camera *c = (camera *)s->self;
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (c->fd < 0) return;
  while (c->saves > 0) {
    c->saves--;
    camera_put(c, c->saved[c->saves].id, c->saved[c->saves].value);
  }
  if (c->streaming) camera_call(c, VIDIOC_STREAMOFF, &type);
  while (c->count > 0) {
    c->count--;
    munmap(c->buffer[c->count].at, c->buffer[c->count].size);
  }
  close(c->fd);
  c->fd = -1;
}

/* Opens a camera in its best mode. wanted.kind < 0: any. */
static void camera_source(source *s, camera *c, const char *path, const camera_mode *wanted, int lock)
{
  camera_choice choice;
  memset(c, 0, sizeof *c);
  c->path = path;
  c->lock = lock;
  c->held = -1;
  s->name = path;
  s->self = c;
  s->next = camera_next;
  s->close = camera_close;
  camera_open(c);
  choice.wanted = choice.best = *wanted;
  choice.cost = -1.0;
  camera_modes(c, wanted, camera_compare, &choice);
  if (choice.cost < 0.0) die(EXIT_INPUT, "%s offers no format that is read here (see --list)", path);
  camera_set(c, s, &choice.best);
  camera_start(c);
}

static void camera_list(const char *path, const camera_mode *wanted)
{
  camera c;
  memset(&c, 0, sizeof c);
  c.path = path;
  camera_open(&c);
  camera_modes(&c, wanted, camera_print_mode, NULL);
  close(c.fd);
}

#endif
