/* The user's own RPPG_ASSERT, which must see only expressions that hold without side effects. */
void user_assert(int holds);
#define RPPG_ASSERT(x) user_assert(!!(x))
#define RPPG_IMPLEMENTATION
#include "rppg.h"
