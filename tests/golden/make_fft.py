#!/usr/bin/env python3
"""Prints fft.h: spectra by numpy.fft and scipy.signal, in double, of seeded noise."""
import numpy as np
import scipy
from scipy.signal import zoom_fft

SEED = 20261121
REAL = list(range(1, 21)) + [30, 49, 64, 97, 100, 128, 250, 256]
COMPLEX = list(range(1, 13)) + [16, 30, 49, 64, 97, 100, 128]
ZOOM = [(1, 1, 0.5, 2, 30), (50, 31, 0.7, 3.5, 30), (128, 100, 0.7, 4, 25), (97, 13, -1, 1, 20)]

rng = np.random.default_rng(SEED)


def rows(a):
    a = np.asarray(a)
    if np.iscomplexobj(a):
        a = np.stack([a.real, a.imag], -1)
    text = [np.format_float_scientific(np.float32(v), unique=True, trim='0') + 'f' for v in a.ravel()]
    return ',\n  '.join(', '.join(text[i:i + 8]) for i in range(0, len(text), 8))


def noise(n):
    return rng.standard_normal(n).astype(np.float32)


out = ['/* make_fft.py: numpy %s, scipy %s, seed %d */' % (np.__version__, scipy.__version__, SEED)]
real, cplx, zoom = [], [], []
for n in REAL:
    x = noise(n)
    out.append('static const float golden_r%d_in[] = {\n  %s };' % (n, rows(x)))
    out.append('static const float golden_r%d_out[] = {\n  %s };' % (n, rows(np.fft.rfft(x.astype(float)))))
    real.append('{ %d, golden_r%d_in, golden_r%d_out }' % (n, n, n))
for n in COMPLEX:
    x = noise(2 * n).astype(float).view(complex)
    out.append('static const float golden_c%d_in[] = {\n  %s };' % (n, rows(x)))
    out.append('static const float golden_c%d_out[] = {\n  %s };' % (n, rows(np.fft.fft(x))))
    cplx.append('{ %d, golden_c%d_in, golden_c%d_out }' % (n, n, n))
for i, (n, m, f0, f1, fs) in enumerate(ZOOM):
    x = noise(n)
    y = zoom_fft(x.astype(float), [f0, f1], m=m, fs=fs, endpoint=True) if m > 1 else \
        np.array([np.sum(x * np.exp(-2j * np.pi * f0 / fs * np.arange(n)))])
    out.append('static const float golden_z%d_in[] = {\n  %s };' % (i, rows(x)))
    out.append('static const float golden_z%d_out[] = {\n  %s };' % (i, rows(y)))
    zoom.append('{ %d, %d, %r, %r, %r, golden_z%d_in, golden_z%d_out }' % (n, m, float(f0), float(f1), float(fs), i, i))
out.append('typedef struct golden_fft { size_t n; const float *in, *out; } golden_fft;')
out.append('static const golden_fft golden_real[] = {\n  %s };' % ',\n  '.join(real))
out.append('static const golden_fft golden_complex[] = {\n  %s };' % ',\n  '.join(cplx))
out.append('typedef struct golden_zoom { size_t n, m; double f0, f1, rate; const float *in, *out; } golden_zoom;')
out.append('static const golden_zoom golden_zooms[] = {\n  %s };' % ',\n  '.join(zoom))
print('\n'.join(out))
