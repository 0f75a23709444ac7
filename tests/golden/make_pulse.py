#!/usr/bin/env python3
"""Prints pulse.h: pulse signals of seeded skin-like colour traces, in double.

  pos_toolbox, chrom_toolbox   what rPPG-Toolbox's POS_WANG.py and CHROME_DEHAAN.py compute,
                               written anew from their definitions, quirks included
  pos, chrom                   [Wang2017, alg. 1] with windows [m, n], every sample the mean of the
                               windows that hold it; [deHaan2013] in the same scheme, turned so
                               that both rise with green
"""
import math
import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view
from scipy import linalg, signal

SEED = 20261122
CASES = [(7.0, 22), (12.5, 30), (15.0, 24), (15.0, 25), (15.0, 61), (25.0, 40), (25.0, 41), (25.0, 110), (29.97, 150),
         (30.0, 48), (30.0, 49), (30.0, 50), (30.0, 300), (60.0, 96), (60.0, 97), (60.0, 203), (60.0, 600)]

rng = np.random.default_rng(SEED)


def trace(rate, n):
    """Means of skin: pulse with a harmonic, breathing, drift, shared and sensor noise; 3 decimals."""
    t = np.arange(n) / rate
    f = rng.uniform(0.8, 3.0)
    pulse = np.sin(2 * np.pi * f * t) + 0.4 * np.sin(4 * np.pi * f * t + rng.uniform(0, 6))
    light = 0.02 * np.sin(2 * np.pi * 0.25 * t) + 0.004 * np.cumsum(rng.standard_normal(n)) / math.sqrt(rate)
    skin = np.array([185.0, 128.0, 101.0]) * rng.uniform(0.6, 1.1)
    blood = -0.008 * np.array([0.33, 0.77, 0.53])
    x = skin * (1 + light[:, None]) * (1 + blood * pulse[:, None]) + 0.15 * rng.standard_normal((n, 3))
    return np.round(x, 3).astype(np.float32)


def centred(x):
    return x - x.mean()


def pos_window(c):
    """h of one window of colours, over their means."""
    r, g, b = (c / c.mean(axis=0)).T
    s0, s1 = g - b, g + b - 2 * r
    return centred(s0 + np.std(s0) / np.std(s1) * s1)


def chrom_window(c, band=None):
    r, g, b = (c / c.mean(axis=0)).T
    x, y = 3 * r - 2 * g, 1.5 * r + g - 1.5 * b
    if band is not None:
        x, y = signal.filtfilt(*band, x), signal.filtfilt(*band, y)
    return x - np.std(x) / np.std(y) * y


def detrend(x, lam):
    """x - (I + lam^2 D'D)^-1 x with D the second difference, as a banded system."""
    n = len(x)
    d = np.diff(np.eye(n), 2, axis=0)
    a = np.eye(n) + lam ** 2 * d.T @ d
    bands = np.array([np.pad(np.diag(a, k), (k, 0)) for k in (2, 1, 0)])
    return x - linalg.solveh_banded(bands, x)


def pos_toolbox(rgb, rate):
    l, n = math.ceil(1.6 * rate), len(rgb)
    h = np.zeros(n)
    for end in range(l, n):                       # slice [end - l, end): the last sample is in none
        h[end - l:end] += pos_window(rgb[end - l:end])
    return signal.filtfilt(*signal.butter(1, [0.75, 3], 'bandpass', fs=rate), detrend(h, 100))


def chrom_toolbox(rgb, rate):
    l = math.ceil(1.6 * rate)
    l += l % 2
    half = l // 2
    windows = (len(rgb) - half) // half
    out = np.zeros(half * (windows + 1))
    band = signal.butter(3, [0.7, 2.5], 'bandpass', fs=rate)
    hann = signal.windows.hann(l)
    for at in range(0, windows * half, half):
        out[at:at + l] += chrom_window(rgb[at:at + l], band) * hann
    return out


def averaged(rgb, rate, of_window, sign):
    l, n = math.ceil(1.6 * rate), len(rgb)
    total, count = np.zeros(n), np.zeros(n)
    for m in range(n - l + 1):
        total[m:m + l] += centred(sign * of_window(rgb[m:m + l]))
        count[m:m + l] += 1
    return total / count


def array(name, x):
    text = [str(v) + 'f' for v in np.float32(x).ravel()]
    lines, line = [], ' '
    for v in text:
        if len(line) + len(v) > 97:
            lines.append(line)
            line = ' '
        line += ' ' + v + ','
    return 'static const float %s[] = {\n%s\n};' % (name, '\n'.join(lines + [line[:-1]]))


def main():
    print('/* tests/golden/make_pulse.py; NumPy %s, SciPy %s; seed %d. Do not edit. */\n'
          % (np.__version__, scipy.__version__, SEED))
    rows = []
    for i, (rate, n) in enumerate(CASES):
        rgb32 = trace(rate, n)
        rgb = rgb32.astype(float)
        l = math.ceil(1.6 * rate)
        outs = [('pos', averaged(rgb, rate, pos_window, 1)), ('chrom', averaged(rgb, rate, chrom_window, -1)),
                ('pos_toolbox', pos_toolbox(rgb, rate))]
        if l + l % 2 > 21 and n >= l + l % 2:     # filtfilt's pads need that much
            outs.append(('chrom_toolbox', chrom_toolbox(rgb, rate)))
        print('/* %g samples per second, %d samples */' % (rate, n))
        print(array('gold_%d_rgb' % i, rgb32))
        names, count = [], 0
        for name, y in outs:
            print(array('gold_%d_%s' % (i, name), y))
            names.append('gold_%d_%s' % (i, name))
            count = len(y)
        if len(outs) == 3:
            names.append('NULL')
            count = 0
        rows.append('  { %r, %d, %d, gold_%d_rgb, %s }' % (rate, n, count, i, ', '.join(names)))
    print('''
/* chrom_toolbox: n_chrom samples; NULL where the toolbox raises an error */
typedef struct gold_pulse {
  double rate_hz;
  size_t n, n_chrom;
  const float *rgb, *pos, *chrom, *pos_toolbox, *chrom_toolbox;
} gold_pulse;
static const gold_pulse gold_pulses[] = {''')
    print(',\n'.join(rows) + '\n};')


if __name__ == '__main__':
    main()
