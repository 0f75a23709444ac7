/* Macros that system headers and users define must not break the implementation. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <math.h>
#if defined(__x86_64__) && !defined(__TINYC__)
#  include <immintrin.h>
#endif
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define near
#define far
#define small char
#define I (1.0iF)
#define RPPG_IMPLEMENTATION
#include "rppg.h"
