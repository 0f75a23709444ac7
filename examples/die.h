/* die.h - how the programs end when they cannot go on: one line on standard error, and a code */
#ifndef DIE_H
#define DIE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_INPUT = 1, EXIT_USAGE = 2 };

static const char *program_name = "rppg";

/* One clear line on standard error; never returns. */
static void die(int code, const char *format, ...)
{
  va_list args;
  fflush(stdout);
  fprintf(stderr, "%s: ", program_name);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(code);
}

static void *must_alloc(size_t size)
{
  void *p = malloc(size ? size : 1);
  if (!p) die(EXIT_INPUT, "out of memory (%lu bytes)", (unsigned long)size);
  return p;
}

#endif
