/* Forward real f32 FFT next to other libraries, one thread, all of them in turn within each round.

   cc -O2 -I. bench/peers/fft.c -lfftw3f -lkissfft-float -lm    Debian: libfftw3-dev libkissfft-dev
   Not installed? -DNO_FFTW, -DNO_KISSFFT. From a checkout of your own: -DHAVE_PFFFT (pffft.h),
   -DHAVE_MUFFT (fft.h) with -I and the library.  Pin it: taskset -c 1 ./a.out [rounds]            */
#define _POSIX_C_SOURCE 199309L
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "rppg_dsp.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifndef NO_FFTW
#  include <fftw3.h>
#endif
#ifndef NO_KISSFFT
#  include <kissfft/kiss_fftr.h>
#endif
#ifdef HAVE_PFFFT
#  include <pffft.h>
#endif
#ifdef HAVE_MUFFT
#  include <fft.h>
#endif

enum { MAX_N = 65536, MAX_ROUNDS = 2000 };
static float *in, *out, *work;

typedef struct rival {
  const char *name;
  void *(*plan)(size_t n, int arg);
  void (*run)(void *plan);
  void (*end)(void *plan);
  int arg;
} rival;

static void *our_plan(size_t n, int isa)
{
  rppg_dsp_fft_config c = {0};
  rppg_dsp_fft *f = (rppg_dsp_fft *)malloc(sizeof *f);
  size_t size;
  if (isa > (int)rppg_isa_best()) { free(f); return NULL; }
  c.n = n;
  rppg__isa_force((rppg_isa)isa);
  size = rppg_dsp_fft_mem_size(&c);
  rppg_dsp_fft_init(f, &c, malloc(size), size); /* the block is left to exit() */
  rppg__isa_now = -1;
  return f;
}
static void our_run(void *p) { rppg_dsp_fft_forward((rppg_dsp_fft *)p, in, out); }

#ifndef NO_FFTW
static void *fftw_plan_(size_t n, int flags)
{
  const unsigned keep = FFTW_PRESERVE_INPUT;
  return fftwf_plan_dft_r2c_1d((int)n, in, (fftwf_complex *)out, (unsigned)flags | keep);
}
static void fftw_run(void *p) { fftwf_execute((fftwf_plan)p); }
static void fftw_end(void *p) { fftwf_destroy_plan((fftwf_plan)p); }
#endif
#ifndef NO_KISSFFT
static void *kiss_plan(size_t n, int arg)
{
  (void)arg;
  return kiss_fftr_alloc((int)n, 0, NULL, NULL);
}
static void kiss_run(void *p) { kiss_fftr((kiss_fftr_cfg)p, in, (kiss_fft_cpx *)out); }
#endif
#ifdef HAVE_PFFFT
static void *pffft_plan(size_t n, int arg)
{
  (void)arg;
  return pffft_is_valid_size((int)n, PFFFT_REAL) ? pffft_new_setup((int)n, PFFFT_REAL) : NULL;
}
static void pffft_run(void *p)
{
  pffft_transform_ordered((PFFFT_Setup *)p, in, out, work, PFFFT_FORWARD);
}
static void pffft_end(void *p) { pffft_destroy_setup((PFFFT_Setup *)p); }
#endif
#ifdef HAVE_MUFFT
static void *mu_plan(size_t n, int arg)
{
  (void)arg;
  return n & (n - 1) ? NULL : mufft_create_plan_1d_r2c((unsigned)n, 0);
}
static void mu_run(void *p) { mufft_execute_plan_1d((mufft_plan_1d *)p, out, in); }
static void mu_end(void *p) { mufft_free_plan_1d((mufft_plan_1d *)p); }
#endif

static const rival rivals[] = { /* ours first */
  { "rppg base", our_plan, our_run, free, 0 },
  { "rppg avx2", our_plan, our_run, free, 1 },
  { "rppg avx512", our_plan, our_run, free, 2 },
#ifndef NO_FFTW
  { "fftw estimate", fftw_plan_, fftw_run, fftw_end, FFTW_ESTIMATE },
  { "fftw measure", fftw_plan_, fftw_run, fftw_end, FFTW_MEASURE },
#endif
#ifndef NO_KISSFFT
  { "kissfft", kiss_plan, kiss_run, free, 0 },
#endif
#ifdef HAVE_PFFFT
  { "pffft", pffft_plan, pffft_run, pffft_end, 0 },
#endif
#ifdef HAVE_MUFFT
  { "mufft", mu_plan, mu_run, mu_end, 0 },
#endif
};
enum { RIVALS = sizeof rivals / sizeof *rivals, OURS = 3 };

static double now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static float *aligned(size_t n)
{
  return (float *)(((uintptr_t)malloc(n * sizeof(float) + 64) + 63) & ~(uintptr_t)63);
}

int main(int argc, char **argv)
{
  static const size_t sizes[] = { 64, 128, 256, 300, 512, 900, 1024, 2048, 4096, 16384, 65536 };
  static double t[RIVALS][MAX_ROUNDS];
  const int rounds = argc > 1 ? atoi(argv[1]) % (MAX_ROUNDS + 1) : 200;
  size_t s, i, r;
  in = aligned(MAX_N);
  out = aligned(MAX_N + 2);
  work = aligned(MAX_N);
  printf("forward real f32, one thread, %d rounds\n%8s  %-14s %10s %10s %8s\n", rounds, "n",
    "library",
    "min ns", "median ns", "times as fast as the best peer");
  for (s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    const size_t n = sizes[s], loops = 1 + 200000 / (n * 8); /* about 30 us a turn */
    void *plan[RIVALS];
    double best = 1e30;
    int k;
    for (r = 0; r < RIVALS; r++) plan[r] = rivals[r].plan(n, rivals[r].arg);
    for (i = 0; i < n; i++) in[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    for (k = 0; k < rounds; k++)
      for (r = 0; r < RIVALS; r++) {
        double t0;
        if (!plan[r]) continue;
        rivals[r].run(plan[r]);
        t0 = now_ns();
        for (i = 0; i < loops; i++) rivals[r].run(plan[r]);
        t[r][k] = (now_ns() - t0) / (double)loops;
      }
    for (r = 0; r < RIVALS; r++) {
      qsort(t[r], (size_t)rounds, sizeof t[r][0], by_value);
      if (r >= OURS && plan[r] && t[r][0] < best) best = t[r][0];
    }
    for (r = 0; r < RIVALS; r++)
      if (plan[r]) {
        printf("%8lu  %-14s %10.0f %10.0f %6.2f\n", (unsigned long)n, rivals[r].name, t[r][0],
          t[r][rounds / 2], best / t[r][0]);
        rivals[r].end(plan[r]);
      }
  }
  return 0;
}
