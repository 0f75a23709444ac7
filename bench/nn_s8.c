/* A model of 8 bits next to what the machine could do: cc -O2 bench/nn_s8.c -lm && ./a.out MODEL.rppg [ROUNDS]
   For each kernel: the least time of a run, multiply-adds a ns, and their ratio to the limit, which is the same
   dot products on registers alone, measured in the same rounds. -DRPPG__EVEX: the AVX-VNNI kernel where only
   AVX512-VNNI is. A model is written by bench/peers/nn_s8.py, or by rppg_tools.quantize. */
#define _POSIX_C_SOURCE 199309L
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../rppg_nn.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile int sink;
static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#if defined(RPPG__DISPATCH)
/* Multiply-adds of one call; the clobbers keep the compiler from taking the products out of the loop. */
#define LIMIT(name, target, V, LANES, set, dot)                                         \
  static target double name(void)                                                       \
  {                                                                                     \
    V a[12], x = set(3), w = set(5);                                                    \
    int i, k, sum[LANES];                                                               \
    for (k = 0; k < 12; k++) a[k] = set(k);                                             \
    for (i = 0; i < 1000; i++) {                                                        \
      RPPG_NN__UNROLL                                                                   \
      for (k = 0; k < 12; k++) {                                                        \
        __asm__ volatile("" : "+x"(x));                                                 \
        a[k] = dot(a[k], x, w);                                                         \
      }                                                                                 \
    }                                                                                   \
    for (k = 0; k < 12; k++) { memcpy(sum, &a[k], sizeof sum); sink += sum[0]; }        \
    return 1000.0 * 12 * LANES * 4;                                                     \
  }
#define DOT256(a, x, w) _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w), _mm256_set1_epi16(1)))
#define DOT512(a, x, w) _mm512_add_epi32(a, _mm512_madd_epi16(_mm512_maddubs_epi16(x, w), _mm512_set1_epi16(1)))
LIMIT(limit_avx2, RPPG__TARGET_AVX2, __m256i, 8, _mm256_set1_epi32, DOT256)
LIMIT(limit_avx512, RPPG__TARGET_AVX512, __m512i, 16, _mm512_set1_epi32, DOT512)
LIMIT(limit_avx512vnni, RPPG_NN__TARGET_AVX512VNNI, __m512i, 16, _mm512_set1_epi32, _mm512_dpbusd_epi32)
#ifdef RPPG__EVEX
LIMIT(limit_avxvnni, RPPG_NN__TARGET_AVXVNNI, __m256i, 8, _mm256_set1_epi32, _mm256_dpbusd_epi32)
#elif defined(RPPG_NN__AVXVNNI)
LIMIT(limit_avxvnni, RPPG_NN__TARGET_AVXVNNI, __m256i, 8, _mm256_set1_epi32, _mm256_dpbusd_avx_epi32)
#else
#define limit_avxvnni NULL
#endif
static double (*const limits[2][3])(void) = { { NULL, limit_avx2, limit_avx512 }, { NULL, limit_avxvnni, limit_avx512vnni } };
#else
static double (*const limits[2][3])(void) = { { NULL, NULL, NULL }, { NULL, NULL, NULL } };
#endif

int main(int argc, char **argv)
{
  static unsigned char blob[1 << 24];
  FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
  const size_t size = f ? fread(blob, 1, sizeof blob, f) : 0, need = rppg_nn_mem_size(blob, size);
  const int rounds = argc > 2 ? atoi(argv[2]) : 1000;
  void *mem = malloc(need + 1);
  rppg_nn_model m;
  const float *in[RPPG_NN_MAX_IO];
  float *out[RPPG_NN_MAX_IO];
  int isa, vnni, r;
  size_t i, k;
  if (f) fclose(f);
  if (rppg_nn_open(&m, blob, size, mem, need, NULL) != RPPG_OK) {
    fprintf(stderr, "usage: nn_s8 MODEL.rppg [ROUNDS]\n");
    return 1;
  }
  for (i = 0; i < m.n_inputs; i++) {
    float *x = (float *)malloc(m.inputs[i]->n * sizeof *x);
    if (x == NULL) return 1;
    for (k = 0; k < m.inputs[i]->n; k++) x[k] = (float)((k * 7919 + i) % 255) / 127.5f - 1.0f;
    in[i] = x;
  }
  for (i = 0; i < m.n_outputs; i++) {
    out[i] = (float *)malloc(m.outputs[i]->n * sizeof(float));
    if (out[i] == NULL) return 1;
  }
  printf("kernel            us   MAC/ns   limit   ratio\n");
  for (isa = (int)rppg__isa_detect(); isa >= 0; isa--) {
    rppg__isa_force((rppg_isa)isa);
    for (vnni = rppg__isa_now >> 8; vnni >= 0; vnni--) {
      double least = 1e18, limit = 0.0;
      rppg__isa_now = isa + 256 * vnni;
      for (r = 0; r < rounds; r++) {
        double begin = now(), took, work;
        rppg_nn_run(&m, in, out);
        took = now() - begin;
        if (took < least) least = took;
        if (limits[vnni][isa] == NULL) continue;
        begin = now();
        work = limits[vnni][isa]();
        took = now() - begin;
        if (work / took > limit) limit = work / took;
      }
      printf("%-8s%-6s%8.1f%9.1f%8.0f", rppg_isa_name((rppg_isa)isa), vnni ? "vnni" : "", least * 1e-3, m.macs / least, limit);
      printf(limit > 0.0 ? "%8.2f\n" : "\n", m.macs / least / limit);
    }
  }
  return 0;
}
