#!/usr/bin/env python3
"""Heart rate variability from phone cameras against a chest strap, which are no part of the repository.

usage: tests/real_hrv.py DATA_DIR [--whole]

DATA_DIR holds finger-welltory/subject_NN/{PPG.csv,RR.txt}. The red channel goes through a session,
its 10 s windows once a second through a beat log; --whole: one uniform wave of the whole record
through rppg_beats instead. The strap's figures are those of all its intervals, by Python. Every
constant was chosen on records 1 to 9. Needs Python alone, and cc.
"""
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

SPLITS = {"train": range(1, 10), "validation": (10, 11), "test": (12, 13, 14)}
PROGRAM = r"""
#define RPPG_IMPLEMENTATION
#include "rppg.h"
#include <stdio.h>
#include <stdlib.h>
static unsigned char mem[1 << 20], log_mem[1 << 18];
static double t_s[4096], work[1 << 17];
static float quality[4096], wave[1 << 15];
static uint8_t mark[4096];

int main(int argc, char **argv)
{
  const int whole = argc > 1;
  rppg_session s;
  rppg_beat_log log;
  rppg_config c;
  rppg_result e;
  rppg_hrv r;
  double t, red;
  long frames = 0, next = 0;
  size_t n = 0;
  (void)argv;
  memset(&c, 0, sizeof c);
  c.method = RPPG_GREEN; /* one channel, three times */
  c.layout = RPPG_LAYOUT_WHOLE;
  if (whole) c.window_s = 60.0;
  if (rppg_init(&s, &c, mem, sizeof mem) != RPPG_OK) return 1;
  if (rppg_beat_log_init(&log, NULL, log_mem, sizeof log_mem) != RPPG_OK) return 1;
  while (scanf("%lf,%lf", &t, &red) == 2) {
    const float rgb[3] = { (float)red, (float)red, (float)red };
    rppg_push_rgb(&s, rgb, (int64_t)(t * 1000.0));
    if (whole) { /* the grid's samples as they come */
      float one[3];
      for (; n < s.total && n < sizeof wave / sizeof *wave; n++) {
        memcpy(one, s.colours + n % s.n * s.channels, sizeof one);
        wave[n] = -one[0];
      }
    } else if (t >= 1000.0 * (double)next) {
      next = (long)(t / 1000.0) + 1;
      if (rppg_estimate(&s, &e) == RPPG_OK) {
        size_t m;
        const float *w = rppg_wave(&s, &m);
        if (rppg_beat_log_push(&log, w, m, rppg_wave_end(&s)) != RPPG_OK) return 1;
      }
    }
    frames++;
  }
  if (whole) {
    size_t count;
    if (rppg_beats(wave, n, 30.0, NULL, t_s, quality, 4096, &count, work) != RPPG_OK) return 1;
    n = count;
  } else n = rppg_beat_log_read(&log, t_s, quality, 4096);
  rppg_beat_marks(t_s, quality, n, mark);
  if (rppg_hrv_measure(t_s, mark, n, 30.0, &r, work) != RPPG_OK) return 1;
  printf("%.17g %.17g %.17g %u %.17g %.17g %.17g %lu\n", r.value[RPPG_HRV_HR], r.value[RPPG_HRV_SDNN], r.value[RPPG_HRV_RMSSD],
         r.valid, r.clean_share, r.confidence[RPPG_HRV_SDNN], r.confidence[RPPG_HRV_RMSSD], (unsigned long)r.intervals);
  return 0;
}
"""


def main():
    args = [a for a in sys.argv[1:] if a != "--whole"]
    whole = ["whole"] if "--whole" in sys.argv else []
    if len(args) != 1:
        sys.exit(__doc__)
    data = pathlib.Path(args[0]) / "finger-welltory"
    if not data.is_dir():
        print(f"SKIPPED: no {data}")
        return
    root = pathlib.Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder) / "hrv.c", pathlib.Path(folder) / "hrv"
        source.write_text(PROGRAM)
        subprocess.run(["cc", "-O2", f"-I{root}", str(source), "-o", str(program), "-lm"], check=True)
        print("| split | record | intervals, strap | clean share | mean IBI ms, strap | SDNN ms, strap | RMSSD ms, strap "
              "| confidence SDNN, RMSSD |")
        print("|---|---|---|---|---|---|---|---|")
        for split, records in SPLITS.items():
            errors = ([], [], [])
            for k in records:
                record = data / f"subject_{k:02}"
                frames = "".join(line.rsplit(",", 2)[0] + "\n" for line in (record / "PPG.csv").read_text().splitlines()[1:])
                rr = [float(x) for x in (record / "RR.txt").read_text().split()]
                strap = (statistics.mean(rr), statistics.stdev(rr),
                         math.sqrt(statistics.mean((b - a) ** 2 for a, b in zip(rr, rr[1:]))))
                out = subprocess.run([str(program)] + whole, input=frames, capture_output=True, text=True, check=True).stdout
                hr, sdnn, rmssd, valid, share, sure_sdnn, sure_rmssd, n = map(float, out.split())
                ours = [60000 / hr if int(valid) & 1 else None, sdnn if int(valid) & 2 else None, rmssd if int(valid) & 4 else None]
                cells = []
                for i in range(3):
                    cells.append(f"{'refused' if ours[i] is None else f'{ours[i]:.1f}'}, {strap[i]:.1f}")
                    if ours[i] is not None:
                        errors[i].append(abs(ours[i] - strap[i]))
                print(f"| {split} | {k} | {n:.0f}, {len(rr)} | {share:.2f} | {' | '.join(cells)} | {sure_sdnn:.2f}, {sure_rmssd:.2f} |")
            means = " | ".join(f"{statistics.mean(e):.1f} (n = {len(e)})" if e else "-" for e in errors)
            print(f"| {split} | **MAE** | | | {means} | |")


if __name__ == "__main__":
    main()
