/* rppg.h alone, with its implementation; included twice. Options come from the command line. */
#define RPPG_IMPLEMENTATION
#include "rppg.h"
#include "rppg.h"
