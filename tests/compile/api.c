/* Declarations only, in both orders and twice; a user's own names must survive. */
#include "rppg_dsp.h"
#include "rppg.h"
#include "rppg_dsp.h"
#include "rppg.h"

const char *user(rppg_status min, int max);
const char *user(rppg_status min, int max)
{
  return max ? rppg_status_text(min) : rppg_isa_name(rppg_isa_best());
}
