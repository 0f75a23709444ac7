/* fake_camera.c - a V4L2 camera that plays a clip, for webcam.sh: a library to preload (Linux, glibc)

   cc -shared -fPIC tests/fake_camera.c -o fake_camera.so -ldl
   FAKE_CLIP=clip.yuyv LD_PRELOAD=./fake_camera.so webcam --device /dev/fake0

   FAKE_CLIP    raw YUYV frames of 160x120, 30 a second of the driver's own clock, not in real time
   FAKE_DOES    what goes wrong: busy (at S_FMT), unplug (ENODEV in the middle), silent (never a frame),
                errors (each 50th frame flagged), gaps (each 40th frame lost), io (EIO for ever)
   FAKE_LOG     a file for a line each time that a control is set or the stream goes on or off */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { W = 160, H = 120, SIZE = W * H * 2, BUFFERS = 4 };

static int fake_fd = -1, queue[BUFFERS], queued, automatic = V4L2_EXPOSURE_APERTURE_PRIORITY, white = 1, frames;
static FILE *clip;

static int does(const char *what)
{
  const char *e = getenv("FAKE_DOES");
  return e && !strcmp(e, what);
}

static void say(const char *format, ...)
{
  const char *path = getenv("FAKE_LOG");
  FILE *f = path ? fopen(path, "a") : NULL;
  va_list args;
  if (!f) return;
  va_start(args, format);
  vfprintf(f, format, args);
  va_end(args);
  fclose(f);
}

static int fail(int code) { errno = code; return -1; }

int open(const char *path, int flags, ...)
{
  static int (*real)(const char *, int, ...);
  va_list args;
  int mode;
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "open");
  va_start(args, flags);
  mode = flags & O_CREAT ? va_arg(args, int) : 0;
  va_end(args);
  if (strcmp(path, "/dev/fake0")) return real(path, flags, mode);
  clip = fopen(getenv("FAKE_CLIP"), "rb");
  return fake_fd = real("/dev/null", O_RDWR);
}

/* The next frame of the clip into buffer b; 0 at its end. */
static int next_frame(struct v4l2_buffer *b, uint8_t *memory)
{
  int skip = does("gaps") && frames % 40 == 39 ? 2 : 1;
  while (skip-- > 0) {
    frames++;
    if (fread(memory, 1, SIZE, clip) != SIZE) return 0;
  }
  b->bytesused = SIZE;
  b->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  if (does("errors") && frames % 50 == 0) b->flags |= V4L2_BUF_FLAG_ERROR;
  b->sequence = (uint32_t)frames;
  b->timestamp.tv_sec = 1000 + frames / 30;
  b->timestamp.tv_usec = frames % 30 * 33333;
  return 1;
}

static uint8_t *memory[BUFFERS];

static int dequeue(struct v4l2_buffer *b)
{
  if (does("io")) return fail(EIO);
  if (!queued) return fail(EAGAIN);
  if (does("unplug") && frames > 400) return fail(ENODEV);
  b->index = (uint32_t)queue[0];
  memmove(queue, queue + 1, sizeof queue - sizeof *queue);
  queued--;
  return next_frame(b, memory[b->index]) ? 0 : fail(ENODEV);
}

static int control(struct v4l2_control *c, int set)
{
  int *value = c->id == V4L2_CID_EXPOSURE_AUTO ? &automatic : c->id == V4L2_CID_AUTO_WHITE_BALANCE ? &white : NULL;
  if (!value) return fail(EINVAL);
  if (set) say("control %s %d\n", value == &white ? "white" : "exposure", c->value);
  if (set) *value = c->value;
  c->value = *value;
  return 0;
}

static int size_of(struct v4l2_frmsizeenum *e)
{
  if (e->index > 1) return fail(EINVAL);
  e->type = V4L2_FRMSIZE_TYPE_DISCRETE;
  e->discrete.width = e->index ? 1280 : W;
  e->discrete.height = e->index ? 720 : H;
  return 0;
}

static int rate_of(struct v4l2_frmivalenum *e)
{
  if (e->index > 0) return fail(EINVAL);
  e->type = V4L2_FRMIVAL_TYPE_DISCRETE;
  e->discrete.numerator = 1;
  e->discrete.denominator = e->width == W ? 30 : 5;
  return 0;
}

static int format_of(struct v4l2_fmtdesc *e)
{
  if (e->index > 1) return fail(EINVAL);
  e->pixelformat = e->index ? V4L2_PIX_FMT_H264 : V4L2_PIX_FMT_YUYV;
  return 0;
}

static int set_format(struct v4l2_format *f)
{
  if (does("busy")) return fail(EBUSY);
  f->fmt.pix.width = W;
  f->fmt.pix.height = H;
  f->fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
  f->fmt.pix.bytesperline = 2 * W;
  f->fmt.pix.sizeimage = SIZE;
  return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
  static int (*real)(int, unsigned long, ...);
  va_list args;
  void *p;
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "ioctl");
  va_start(args, request);
  p = va_arg(args, void *);
  va_end(args);
  if (fd != fake_fd) return real(fd, request, p);
  switch (request) {
  case VIDIOC_QUERYCAP:
    ((struct v4l2_capability *)p)->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    return 0;
  case VIDIOC_ENUM_FMT: return format_of((struct v4l2_fmtdesc *)p);
  case VIDIOC_ENUM_FRAMESIZES: return size_of((struct v4l2_frmsizeenum *)p);
  case VIDIOC_ENUM_FRAMEINTERVALS: return rate_of((struct v4l2_frmivalenum *)p);
  case VIDIOC_S_FMT: return set_format((struct v4l2_format *)p);
  case VIDIOC_S_PARM: return 0;
  case VIDIOC_G_CTRL: return control((struct v4l2_control *)p, 0);
  case VIDIOC_S_CTRL: return control((struct v4l2_control *)p, 1);
  case VIDIOC_REQBUFS: ((struct v4l2_requestbuffers *)p)->count = BUFFERS; return 0;
  case VIDIOC_QUERYBUF:
    ((struct v4l2_buffer *)p)->length = SIZE;
    ((struct v4l2_buffer *)p)->m.offset = ((struct v4l2_buffer *)p)->index * 4096;
    return 0;
  case VIDIOC_QBUF:
    if (queued == BUFFERS) return fail(EINVAL);
    queue[queued++] = (int)((struct v4l2_buffer *)p)->index;
    return 0;
  case VIDIOC_DQBUF: return dequeue((struct v4l2_buffer *)p);
  case VIDIOC_STREAMON: say("on\n"); return 0;
  case VIDIOC_STREAMOFF: say("off\n"); return 0;
  default: return fail(ENOTTY);
  }
}

void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
  static void *(*real)(void *, size_t, int, int, int, off_t);
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "mmap");
  if (fd < 0 || fd != fake_fd) return real(at, size, prot, flags, fd, offset);
  return memory[offset / 4096] = (uint8_t *)real(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int poll(struct pollfd *p, nfds_t n, int timeout)
{
  static int (*real)(struct pollfd *, nfds_t, int);
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "poll");
  if (n != 1 || p->fd != fake_fd) return real(p, n, timeout);
  if (does("silent")) return real(NULL, 0, timeout);
  p->revents = POLLIN;
  return 1;
}
