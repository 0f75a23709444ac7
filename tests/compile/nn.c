/* rppg_nn.h alone, with its implementation; included twice. Options come from the command line. */
#define RPPG_IMPLEMENTATION
#include "rppg_nn.h"
#include "rppg_nn.h"
