/* The one file of a program that holds the implementation. */
#include "rppg.h"
#define RPPG_IMPLEMENTATION
#include "rppg.h"
