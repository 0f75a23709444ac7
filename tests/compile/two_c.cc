// Uses the library from C++ beside two_a.c.
#include <algorithm>
#include "rppg.h"

extern "C" int used_from_cxx(void);

extern "C" int used_from_cxx(void)
{
  return rppg_status_text(RPPG_OK)[0] != '\0' && rppg_isa_name(RPPG_ISA_BASE)[0] != '\0';
}
