/* A program of someone else's project, built against the installed or the neighbouring headers. */
#define RPPG_IMPLEMENTATION
#include <rppg.h>
#include <stdio.h>

int main(void)
{
  printf("rppg %s on %s\n", RPPG_DSP_VERSION_STRING, rppg_isa_name(rppg_isa_best()));
  return 0;
}
