/* picture.h - the bytes of one frame, as cameras and files deliver them -> rppg_frame

   JPEG needs image.h's stb_image; the other formats need nothing.                               */
#ifndef PICTURE_H
#define PICTURE_H

#include "report.h"

#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#include "image.h"

/* What is understood, best first: name of --format, code of V4L2, format of rppg.h (0: JPEG). */
typedef struct pixel_kind { const char *name, *fourcc; int format; } pixel_kind;
static const pixel_kind pixel_kinds[] = {
  { "yuyv", "YUYV", RPPG_YUYV }, { "uyvy", "UYVY", RPPG_UYVY }, { "nv12", "NV12", RPPG_NV12 },
  { "i420", "YU12", RPPG_I420 }, { "grey", "GREY", RPPG_GRAY8 }, { "mjpeg", "MJPG", 0 }
};
enum { KINDS = 6, MJPEG = 5 };

typedef struct picture {
  int kind;           /* index into pixel_kinds */
  int width, height;  /* 0: JPEG whose first frame will tell */
  size_t stride;      /* bytes of a row of plane 0 */
  int matrix, range;  /* rppg_matrix, rppg_range */
  uint8_t *rgb;       /* the newest JPEG, decoded */
  uint8_t *scratch;   /* a JPEG with tables put in */
  size_t room;
} picture;

/* A number of pixel_kinds by its name, or -1. */
static int kind_by_name(const char *name)
{
  int i;
  for (i = 0; i < KINDS; i++)
    if (!strcmp(pixel_kinds[i].name, name)) return i;
  return -1;
}

/* Bytes of a row without padding, and of a frame with rows of p->stride. JPEG: 0. */
static size_t picture_row(int kind, int width)
{
  return kind == MJPEG ? 0 : (size_t)width * (kind < 2 ? 2 : 1);
}
static size_t picture_size(const picture *p)
{
  const size_t luma = p->stride * (size_t)p->height, rows = (size_t)(p->height + 1) / 2;
  switch (pixel_kinds[p->kind].format) {
  case RPPG_NV12: return luma + (p->stride + 1) / 2 * 2 * rows;
  case RPPG_I420: return luma + (p->stride + 1) / 2 * rows * 2;
  default: return luma;
  }
}

#if RPPG_HAVE_STB
/* ITU-T T.81, K.3: the Huffman tables of a JPEG that brings none, as one DHT segment. Webcams leave
   them out of MJPEG to save 420 bytes a frame.                                                   */
static const uint8_t jpeg_tables[420] = {
  255, 196, 1, 162, 0, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  11, 1, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 0, 2,
  1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125, 1, 2, 3, 0, 4, 17, 5, 18, 33, 49, 65, 6, 19, 81, 97, 7,
  34, 113, 20, 50, 129, 145, 161, 8, 35, 66, 177, 193, 21, 82, 209, 240, 36, 51, 98, 114, 130, 9, 10,
  22, 23, 24, 25, 26, 37, 38, 39, 40, 41, 42, 52, 53, 54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73,
  74, 83, 84, 85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103, 104, 105, 106, 115, 116, 117, 118, 119,
  120, 121, 122, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147, 148, 149, 150, 151, 152, 153, 154,
  162, 163, 164, 165, 166, 167, 168, 169, 170, 178, 179, 180, 181, 182, 183, 184, 185, 186, 194, 195,
  196, 197, 198, 199, 200, 201, 202, 210, 211, 212, 213, 214, 215, 216, 217, 218, 225, 226, 227, 228,
  229, 230, 231, 232, 233, 234, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 17, 0, 2, 1, 2, 4, 4,
  3, 4, 7, 5, 4, 4, 0, 1, 2, 119, 0, 1, 2, 3, 17, 4, 5, 33, 49, 6, 18, 65, 81, 7, 97, 113, 19, 34, 50,
  129, 8, 20, 66, 145, 161, 177, 193, 9, 35, 51, 82, 240, 21, 98, 114, 209, 10, 22, 36, 52, 225, 37,
  241, 23, 24, 25, 26, 38, 39, 40, 41, 42, 53, 54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73, 74, 83,
  84, 85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103, 104, 105, 106, 115, 116, 117, 118, 119, 120, 121,
  122, 130, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147, 148, 149, 150, 151, 152, 153, 154, 162,
  163, 164, 165, 166, 167, 168, 169, 170, 178, 179, 180, 181, 182, 183, 184, 185, 186, 194, 195, 196,
  197, 198, 199, 200, 201, 202, 210, 211, 212, 213, 214, 215, 216, 217, 218, 226, 227, 228, 229, 230,
  231, 232, 233, 234, 242, 243, 244, 245, 246, 247, 248, 249, 250
};

/* Whether a JPEG has no DHT before its first scan. */
static int jpeg_lacks_tables(const uint8_t *b, size_t n)
{
  size_t at = 2;
  while (at + 4 <= n && b[at] == 0xff) {
    if (b[at + 1] == 0xc4) return 0;
    if (b[at + 1] == 0xda) return 1;
    at += 2 + ((size_t)b[at + 2] << 8 | b[at + 3]);
  }
  return 0;
}

/* The same JPEG with the standard tables behind its first marker, in p->scratch. */
static const uint8_t *jpeg_with_tables(picture *p, const uint8_t *b, size_t *n)
{
  if (p->room < *n + sizeof jpeg_tables) {
    free(p->scratch);
    p->room = 2 * *n + sizeof jpeg_tables;
    p->scratch = (uint8_t *)must_alloc(p->room);
  }
  memcpy(p->scratch, b, 2);
  memcpy(p->scratch + 2, jpeg_tables, sizeof jpeg_tables);
  memcpy(p->scratch + 2 + sizeof jpeg_tables, b + 2, *n - 2);
  *n += sizeof jpeg_tables;
  return p->scratch;
}

/* Decodes into p->rgb; 0 if it is no JPEG, damaged, or of another size than expected. */
static int jpeg_decode(picture *p, const uint8_t *b, size_t n)
{
  int w, h, channels;
  if (n < 4 || n > INT32_MAX / 4 || b[0] != 0xff || b[1] != 0xd8) return 0;
  if (jpeg_lacks_tables(b, n)) b = jpeg_with_tables(p, b, &n);
  if (!stbi_info_from_memory(b, (int)n, &w, &h, &channels)) return 0;
  if (p->width && (w != p->width || h != p->height)) return 0;
  if (p->rgb) stbi_image_free(p->rgb);
  p->rgb = stbi_load_from_memory(b, (int)n, &w, &h, &channels, 3);
  if (!p->rgb) return 0;
  p->width = w;
  p->height = h;
  return 1;
}
#else
static int jpeg_decode(picture *p, const uint8_t *b, size_t n)
{
  (void)p; (void)b; (void)n;
  return 0;
}
#endif

/* Looks at n bytes as a frame; 0 if they are too few or damaged. The view ends with the bytes. */
static int picture_view(picture *p, const uint8_t *bytes, size_t n, rppg_frame *f)
{
  const size_t rows = (size_t)(p->height + 1) / 2, half = (p->stride + 1) / 2;
  memset(f, 0, sizeof *f);
  if (p->kind == MJPEG) {
    if (!jpeg_decode(p, bytes, n)) return 0;
    f->format = RPPG_RGB24;
    f->planes[0] = p->rgb;
    f->strides[0] = 3 * (ptrdiff_t)p->width;
  } else {
    if (n < picture_size(p)) return 0;
    f->format = pixel_kinds[p->kind].format;
    f->planes[0] = bytes;
    f->planes[1] = bytes + p->stride * (size_t)p->height;
    f->planes[2] = f->planes[1] + half * rows;
    f->strides[0] = (ptrdiff_t)p->stride;
    f->strides[1] = f->strides[2] = (ptrdiff_t)(f->format == RPPG_NV12 ? 2 * half : half);
    f->matrix = p->matrix;
    f->range = p->range;
  }
  f->width = p->width;
  f->height = p->height;
  return rppg_frame_check(f) == RPPG_OK;
}

static void picture_free(picture *p)
{
#if RPPG_HAVE_STB
  if (p->rgb) stbi_image_free(p->rgb);
#endif
  free(p->scratch);
}

/* ---- where frames come from ------------------------------------------------------------------- */

enum { SOURCE_END, SOURCE_FRAME, SOURCE_NOTHING }; /* nothing: a damaged frame, or none yet */

typedef struct source {
  const char *name;
  int (*next)(struct source *, int64_t *t_us); /* SOURCE_x; a frame's capture time, microseconds */
  void (*close)(struct source *);
  rppg_frame frame;    /* the newest; good until the next call */
  picture picture;
  double fps;          /* nominal */
  long dropped, bad;   /* frames lost on the way; frames damaged, and so left out */
  const char *trouble; /* why it ended early; NULL: it did not */
  void *self;          /* a camera or a file */
} source;

#endif
