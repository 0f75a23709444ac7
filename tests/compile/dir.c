/* Included from another directory: the headers must still find themselves and each other. */
#define RPPG_IMPLEMENTATION
#include "dir/rppg.h"
