/* Uses the library; two_b.c implements it, two_c.cc uses it from C++. */
#include "rppg.h"

int used_from_c(void);
int used_from_cxx(void);

int used_from_c(void)
{
  return rppg_status_text(RPPG_ERR_ARG)[0] != '\0' && rppg_isa_name(rppg_isa_best())[0] != '\0';
}

int main(void)
{
#ifdef WITH_CXX
  if (!used_from_cxx()) return 1;
#endif
  return used_from_c() ? 0 : 1;
}
