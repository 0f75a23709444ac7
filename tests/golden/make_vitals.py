#!/usr/bin/env python3
"""Prints vitals.h: heart rate variability of seeded series of RR intervals, by NumPy and SciPy.

  RR intervals in whole ms: a mean, breathing (HF), Mayer waves (LF), drift and white jitter
  ok    intervals that count; the others are as an artefact detector would leave them out
  hr, sdnn (ddof 1), rmssd and pnn50 (neighbours that both count; > 50 ms, percent)
  lf, hf      integrals of SciPy's Lomb-Scargle periodogram: less the line, Hann window, pieces of
              300 s half overlapping, as densities of ms^2 per Hz, midpoint rule
  welch_lf, welch_hf  the usual other way: cubic spline to 4 Hz, less the line, scipy.signal.welch
              (only where all intervals count), to compare within a sixth or so
"""
import math
import numpy as np
import scipy
from scipy import interpolate, signal

SEED = 20261204
# name, seconds, mean ms, HF amplitude ms, LF amplitude ms, jitter ms, share left out
CASES = [("rest", 300, 900, 40, 30, 8, 0.0), ("one_minute", 61, 800, 30, 20, 5, 0.0),
         ("two_minutes", 122, 1000, 25, 35, 10, 0.0), ("fast", 200, 450, 8, 12, 3, 0.0),
         ("ten_minutes", 640, 850, 45, 25, 10, 0.0), ("holes", 320, 820, 35, 30, 6, 0.08),
         ("few", 40, 760, 30, 30, 9, 0.0)]
rng = np.random.default_rng(SEED)


def series(seconds, mean, hf, lf, jitter):
    f_hf, f_lf = rng.uniform(0.2, 0.33), rng.uniform(0.07, 0.12)
    t, rr = 0.0, []
    while t < seconds:
        x = mean + hf * math.sin(2 * math.pi * f_hf * t) + lf * math.sin(2 * math.pi * f_lf * t + 1)
        x = round(x + 0.02 * mean * t / seconds + jitter * rng.standard_normal())
        rr.append(x)
        t += x / 1000
    return np.array(rr)


def lomb(t, rr, ok, edges):
    begin, end = t[0], t[-1]
    piece = min(end - begin, 300.0)
    sums, pieces, start = np.zeros(2), 0, begin
    while start + piece <= end + 1e-4:
        pick = ok & (t[1:] >= start) & (t[1:] <= start + piece)
        at, x = t[1:][pick], rr[pick].astype(float)
        clean = x.sum() / 1000
        start_now, start = start, start + 0.5 * piece
        if len(x) < 8 or clean < 0.5 * piece:
            continue
        x = x - np.polyval(np.polyfit(at - at[0], x, 1), at - at[0])
        w = 0.5 - 0.5 * np.cos(2 * np.pi * (at - start_now) / piece)
        for i in range(2):
            lo, hi = edges[i], edges[i + 1]
            m = int(4 * piece * (hi - lo)) + 1
            df = (hi - lo) / m
            f = lo + (np.arange(m) + 0.5) * df
            p = signal.lombscargle(at, w * x, 2 * np.pi * f)
            sums[i] += 2 * clean / np.sum(w * w) * p.sum() * df
        pieces += 1
    return sums / max(pieces, 1)


def welch(t, rr):
    grid = np.arange(t[1], t[-1], 0.25)
    x = signal.detrend(interpolate.CubicSpline(t[1:], rr)(grid))
    f, p = signal.welch(x, 4.0, nperseg=min(len(x), 1200), detrend=False, nfft=1 << 15)
    return [p[(f >= lo) & (f < hi)].sum() * (f[1] - f[0]) for lo, hi in ((0.04, 0.15), (0.15, 0.4))]


def numbers(name, values, form):
    lines, line = [], " "
    for v in values:
        item = " " + form.format(v) + ","
        if len(line) + len(item) > 98:
            lines.append(line)
            line = " "
        line += item
    print(f"static const {name}[] = {{\n" + "\n".join(lines + [line]) + "\n};")


print(f"/* tests/golden/make_vitals.py; NumPy {np.__version__}, SciPy {scipy.__version__}; seed {SEED}. Do not edit. */")
print("typedef struct vitals_case {\n  const char *name;\n  const unsigned short *rr;\n  const unsigned char *ok;"
      "\n  int n;\n  double hr, sdnn, rmssd, pnn50, lf, hf, welch_lf, welch_hf;\n} vitals_case;")
rows = []
for name, seconds, mean, hf, lf, jitter, out in CASES:
    rr = series(seconds, mean, hf, lf, jitter)
    ok = rng.random(len(rr)) >= out
    t = np.r_[0, np.cumsum(rr)] / 1000
    x = rr[ok].astype(float)
    step = np.diff(rr)[ok[1:] & ok[:-1]]
    p = lomb(t, rr, ok, (0.04, 0.15, 0.4))
    w = welch(t, rr) if ok.all() else (0, 0)
    numbers(f"unsigned short vitals_rr_{name}", rr, "{}")
    numbers(f"unsigned char vitals_ok_{name}", ok.astype(int), "{}")
    values = [60000 / x.mean(), x.std(ddof=1), math.sqrt(np.mean(step.astype(float) ** 2)),
              100 * np.mean(np.abs(step) > 50), *p, *w]
    rows.append(f'  {{ "{name}", vitals_rr_{name}, vitals_ok_{name}, {len(rr)},\n    '
                + ", ".join(f"{v:.12g}" for v in values) + " },")
print("static const vitals_case vitals_cases[] = {\n" + "\n".join(rows) + "\n};")
