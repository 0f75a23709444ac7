/* rppg_fuse: several sensors, one rate. Oracle: Bayes' rule by hand on two and three sources. */
#define RPPG_IMPLEMENTATION
#include "../rppg.h"
#include "tap.h"

static rppg_result source(double bpm, double confidence, unsigned flags)
{
  rppg_result r;
  memset(&r, 0, sizeof r);
  r.hr_bpm = r.tracked_bpm = bpm;
  r.confidence = confidence;
  r.flags = flags;
  return r;
}

/* Posteriors worked out with pencil: odds c / (1 - c), an agreement worth 5. */
static void test_bayes(void)
{
  rppg_result r[3], out;
  float w[3];
  r[0] = source(70.0, 0.5, 0);
  r[1] = source(72.0, 0.5, 0);
  CHECK(rppg_fuse(r, 2, &out, w) == RPPG_OK, "two that agree");
  CHECK_NEAR(out.hr_bpm, 71.0, 1e-9, "... their mean");
  CHECK_NEAR(out.confidence, 5.0 / 6.0, 1e-9, "... 1 * 1 * 5 against 1");
  CHECK_NEAR(w[0] + w[1], 1.0, 1e-6, "... weights add up to 1");
  r[1] = source(120.0, 0.8, 0);
  CHECK(rppg_fuse(r, 2, &out, w) == RPPG_OK, "two that do not");
  CHECK_NEAR(out.hr_bpm, 120.0, 1e-9, "... the surer one");
  CHECK_NEAR(out.confidence, 4.0 / 6.0, 1e-9, "... 4 against 1 and 1");
  CHECK(w[0] == 0.0f && w[1] == 1.0f, "... it alone counts");
  r[2] = source(118.0, 0.2, 0);
  CHECK(rppg_fuse(r, 3, &out, w) == RPPG_OK, "three");
  CHECK_NEAR(out.confidence, 5.0 / 7.0, 1e-9, "... 4 * 1/4 * 5 against 1 and 1");
  CHECK_NEAR(out.hr_bpm, (0.8 * 120.0 + 0.2 * 118.0), 1e-9, "... weighed by confidence");
}

static void test_lost_source(void)
{
  rppg_result r[2], out;
  r[0] = source(64.0, 0.95, RPPG_FLAG_MOTION);
  r[1] = source(0.0, 0.0, RPPG_FLAG_STATIC | RPPG_FLAG_MOTION);
  CHECK(rppg_fuse(r, 2, &out, NULL) == RPPG_OK && out.hr_bpm == 64.0, "a dark camera has no say");
  CHECK(out.confidence > 0.94 && out.confidence <= 0.951, "... and costs nothing: %.3f", out.confidence);
  CHECK(out.flags == RPPG_FLAG_MOTION, "flags are those of the sources that count");
  CHECK(rppg_fuse(r, 1, &out, NULL) == RPPG_OK && memcmp(&out, &r[0], sizeof out) == 0,
        "one source comes out as it went in");
}

static void test_refusals(void)
{
  rppg_result r[17], out;
  int i;
  for (i = 0; i < 17; i++) r[i] = source(60.0 + 10.0 * i, 0.1, 0);
  CHECK(rppg_fuse(r, 0, &out, NULL) == RPPG_ERR_ARG, "no source is refused");
  CHECK(rppg_fuse(r, 17, &out, NULL) == RPPG_ERR_ARG, "17 are refused");
  CHECK(rppg_fuse(NULL, 1, &out, NULL) == RPPG_ERR_ARG, "NULL is refused");
  CHECK(rppg_fuse(r, 1, NULL, NULL) == RPPG_ERR_ARG, "no place for the answer is refused");
  CHECK(rppg_fuse(r, 16, &out, NULL) == RPPG_OK && out.confidence < 0.2, "16 that all differ: unsure");
}

int main(void)
{
  test_bayes();
  test_lost_source();
  test_refusals();
  return tap_end();
}
