/* rppg_dsp.h alone, with its implementation; included twice. Options come from the command line. */
#define RPPG_IMPLEMENTATION
#include "rppg_dsp.h"
#include "rppg_dsp.h"
