/* tap.h - the test harness: TAP on standard output, no allocation, C99 and C++.

   CHECK(cond, "name", ...)            one test point; the name is a printf format
   CHECK_NEAR(got, want, tol, "name", ...)
   TAP_EACH_ISA(isa) { ... }           once per instruction set of this machine (RPPG_TESTING)
   tap_fnv(hash, data, bytes)          FNV-1a, start with TAP_FNV
   tap_fnv_u64(hash, u), tap_fnv_f64(hash, x), tap_fnv_f32(hash, x, n)
                                       the same for numbers, also on big-endian machines
   return tap_end();                   prints the plan and the summary, gives the exit code

   Bare metal: -DTAP_PRINTF=your_printf. */
#ifndef RPPG_TAP_H
#define RPPG_TAP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifndef TAP_PRINTF
#  include <stdio.h>
#  define TAP_PRINTF printf
#endif

static unsigned tap_passed, tap_failed;

#define CHECK(cond, ...)                                                                   \
  do {                                                                                     \
    const int tap_ok = (cond) ? 1 : 0;                                                     \
    if (tap_ok) tap_passed++; else tap_failed++;                                           \
    TAP_PRINTF("%sok %u - ", tap_ok ? "" : "not ", tap_passed + tap_failed);               \
    TAP_PRINTF(__VA_ARGS__);                                                               \
    TAP_PRINTF("\n");                                                                      \
    if (!tap_ok) TAP_PRINTF("#   %s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
  } while (0)

#define CHECK_NEAR(got, want, tol, ...)                                                    \
  do {                                                                                     \
    const double tap_g = (double)(got), tap_w = (double)(want), tap_t = (double)(tol);     \
    const int tap_near = tap_g - tap_w <= tap_t && tap_w - tap_g <= tap_t;                 \
    CHECK(tap_near, __VA_ARGS__);                                                          \
    if (!tap_near) TAP_PRINTF("#   got %.9g, want %.9g +- %.3g\n", tap_g, tap_w, tap_t);   \
  } while (0)

#ifdef RPPG_TESTING
/* Detects anew, since a forced set is remembered as if detected; leaves the best one forced. */
static rppg_isa tap_isa_top;
#  define TAP_EACH_ISA(isa)                                                                \
    for (isa = 0, tap_isa_top = rppg__isa_detect();          \
         rppg__isa_force(isa <= (int)tap_isa_top ? (rppg_isa)isa : tap_isa_top),           \
         isa <= (int)tap_isa_top; isa++)
#endif

#define TAP_FNV UINT64_C(0xcbf29ce484222325)
static inline uint64_t tap_fnv(uint64_t h, const void *data, size_t bytes)
{
  const unsigned char *p = (const unsigned char *)data;
  while (bytes--) h = (h ^ *p++) * UINT64_C(0x100000001b3);
  return h;
}

static inline uint64_t tap_fnv_u64(uint64_t h, uint64_t u)
{
  int i;
  for (i = 0; i < 8; i++, u >>= 8) h = (h ^ (u & 255)) * UINT64_C(0x100000001b3);
  return h;
}

static inline uint64_t tap_fnv_f64(uint64_t h, double x)
{
  uint64_t u;
  memcpy(&u, &x, sizeof u);
  return tap_fnv_u64(h, u);
}

static inline uint64_t tap_fnv_f32(uint64_t h, const float *x, size_t n)
{
  uint32_t u;
  int i;
  for (; n--; x++) {
    memcpy(&u, x, sizeof u);
    for (i = 0; i < 4; i++, u >>= 8) h = (h ^ (u & 255)) * UINT64_C(0x100000001b3);
  }
  return h;
}

static inline int tap_end(void)
{
  TAP_PRINTF("1..%u\n# %u passed, %u failed\n", tap_passed + tap_failed, tap_passed, tap_failed);
  return tap_failed != 0;
}
#endif
