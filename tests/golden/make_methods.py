#!/usr/bin/env python3
"""Prints methods.h: what whole-window pulse methods make of seeded skin-like colours, in double.

  pbv lgi omit ica pca   what rPPG-Toolbox's PBV.py, LGI.py, OMIT.py, ICA_POH.py and pyVHR's cpu_PCA
                         compute, written anew from their definitions, quirks included
  ssr                    pyVHR's cpu_SSR from per-frame matrices of second moments
  own_*                  the methods of the papers as rppg.h declares them: weights of relative changes,
                         by numpy.linalg
"""
import math
import numpy as np
import scipy
from scipy import linalg, signal

SEED = 20261203
CASES = [(15.0, 61), (25.0, 150), (30.0, 97), (30.0, 300), (60.0, 203), (30.0, 600), (30.0, 301)]
rng = np.random.default_rng(SEED)


def trace(rate, n, light_share=1.0):
    """Mean colours, 3 decimals: pulse with a harmonic, breathing, drift, light, sensor noise."""
    t = np.arange(n) / rate
    f = rng.uniform(1.0, 2.2)
    pulse = np.sin(2 * np.pi * f * t) + 0.4 * np.sin(4 * np.pi * f * t + rng.uniform(0, 6))
    light = light_share * 0.01 * np.sin(2 * np.pi * 0.25 * t) + light_share * 0.002 * np.cumsum(rng.standard_normal(n)) / math.sqrt(rate)
    sway = np.array([0.3, 0.2, 0.4]) * 0.004 * np.sign(np.sin(2 * np.pi * 0.45 * t + 1))[:, None]
    skin = np.array([185.0, 128.0, 101.0]) * rng.uniform(0.6, 1.1)
    blood = -0.012 * np.array([0.33, 0.77, 0.53])
    x = skin * (1 + light[:, None] + sway) * (1 + blood * pulse[:, None]) + 0.1 * rng.standard_normal((n, 3))
    return np.round(x, 3).astype(np.float32)


def matrices(rgb):
    """Mean colour and second moments of 40 pixels a frame whose mean is about rgb."""
    base = rng.standard_normal((40, 3)) @ np.array([[9, 6, 5], [0, 4, 3], [0, 0, 2.5]])
    pixels = np.round(rgb[:, None, :] + base[None] + rng.standard_normal((len(rgb), 40, 3))).clip(1, 255)
    return pixels.mean(axis=1), np.einsum('npi,npj->nij', pixels, pixels) / 40


def smoothness(x, lam):
    n = len(x)
    d = np.diff(np.eye(n), 2, axis=0)
    a = np.eye(n) + lam ** 2 * d.T @ d
    return x - linalg.solveh_banded(np.array([np.pad(np.diag(a, k), (k, 0)) for k in (2, 1, 0)]), x)


# ---- the toolboxes' forms ------------------------------------------------------------------------

def pbv(x):
    c = (x / x.mean(axis=0)).T
    p = c.std(axis=1) / math.sqrt(c.var(axis=1).sum())
    w = np.linalg.solve(c @ c.T, p)
    return c.T @ w / (p @ w)


def lgi(x):
    u = np.linalg.svd(x.T, full_matrices=False)[0][:, :1]
    return ((np.eye(3) - u @ u.T) @ x.T)[1]


def omit(x):
    q = np.linalg.qr(x.T)[0][:, :1]
    return ((np.eye(3) - q @ q.T) @ x.T)[1]


def pca(x):
    c = x.T - x.T.mean(axis=0)
    s, vt = np.linalg.svd(c, full_matrices=False)[1:]
    y = vt[1] * s[1] ** 2 / 2
    return y * np.sign(y[np.argmax(np.abs(y))])


def cumulants(y):
    """Fourth cumulants of white rows, as a matrix over pairs of channels."""
    m, n = y.shape
    q = np.einsum('at,bt,ct,dt->abcd', y, y, y, y) / n
    e = np.eye(m)
    q -= np.einsum('ab,cd->abcd', e, e) + np.einsum('ac,bd->abcd', e, e) + np.einsum('ad,bc->abcd', e, e)
    return q.reshape(m * m, m * m)


def jade(x):
    """Sources of the rows of x (mean 0): eigenmatrices, then Jacobi angles found by arctangent."""
    n = x.shape[1]
    y = np.linalg.inv(linalg.sqrtm(x @ x.T / n).real) @ x
    w, v = np.linalg.eigh(cumulants(y))
    mats = [w[k] * v[:, k].reshape(3, 3) for k in np.argsort(-np.abs(w))[:3]]
    rot = np.eye(3)
    for _ in range(100):
        biggest = 0.0
        for p, q in ((0, 1), (0, 2), (1, 2)):
            g = np.array([[a[p, p] - a[q, q], a[p, q] + a[q, p]] for a in mats])
            gg = g.T @ g
            on, off = gg[0, 0] - gg[1, 1], gg[0, 1] + gg[1, 0]
            theta = 0.5 * math.atan2(off, on + math.hypot(on, off))
            biggest = max(biggest, abs(theta))
            r = np.eye(3)
            r[[p, q], [p, q]] = math.cos(theta)
            r[p, q], r[q, p] = -math.sin(theta), math.sin(theta)
            mats = [r.T @ a @ r for a in mats]
            rot = rot @ r
        if biggest < 1e-12:
            break
    return rot.T @ y


def ica(x, rate):
    z = np.array([smoothness(c, 100) for c in x.T])
    z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    s = jade(z)
    power = np.abs(np.fft.fft(s, axis=1)[:, 1:]) ** 2
    power = power[:, :(x.shape[0] - 1) // 2]
    y = s[np.argmax((power / power.sum(axis=1, keepdims=True)).max(axis=1))]
    y = y * np.sign(y @ z[1])
    return signal.filtfilt(*signal.butter(3, [0.7, 2.5], 'bandpass', fs=rate), y)


def ssr(c, rate):
    l, n = int(rate), len(c)
    w, v = np.linalg.eigh(c)
    w, v = w[:, ::-1], v[:, :, ::-1]
    u = v[:, :, 0] * np.sign(v[:, :, 0].sum(axis=1))[:, None]
    out = np.zeros(n)
    for k in range(l, n):
        t = k - l
        rows = np.array([sum(math.sqrt(w[i, 0] / w[t, j]) * (u[i] @ v[t][:, j]) * v[t][:, j] for j in (1, 2))
                         for i in range(t, k)])
        p = rows[:, 0] - rows[:, 0].std() / rows[:, 1].std() * rows[:, 1]
        out[t:k] += p - p.mean()
    return out


# ---- the papers' forms -----------------------------------------------------------------------------

def good_length(n):
    n += n % 2
    while True:
        k = n // 2
        for f in (2, 3, 5):
            while k % f == 0:
                k //= f
        if k == 1:
            return n
        n += 2


def own(x, rate):
    n = len(x)
    c = signal.detrend((x / x.mean(axis=0) - 1).T)
    size = good_length(n)
    f = np.fft.rfft(c * signal.windows.hann(n, sym=False), size)
    hz = rate / size
    f = f[:, int(0.6 / hz) + 1:min(int(4.0 / hz), size // 2) + 1]
    q = (f @ f.conj().T).real
    out = {}
    for name, p in (('own_pbv', np.array([0.33, 0.77, 0.53])), ('own_pbv_data', np.sqrt(np.diag(q)))):
        p = p / np.linalg.norm(p)
        w = np.linalg.solve(q / np.trace(q) + 1e-3 * np.eye(3), p)
        out[name] = c.T @ w / (p @ w)
    u = np.linalg.svd(x.T, full_matrices=False)[0][:, 0]
    for name, u in (('own_lgi', u), ('own_omit', x[0] / np.linalg.norm(x[0]))):
        out[name] = c[1] - u[1] * (u * x.mean(axis=0)) @ c / x.mean(axis=0)[1]
    z = np.array([smoothness(r, 100 * (rate / 30) ** 2) for r in c])
    z -= z.mean(axis=1, keepdims=True)
    ica_rows = np.linalg.lstsq(z.T, jade(z).T, rcond=None)[0].T
    for name, rows in (('own_pca', np.linalg.eigh(q)[1].T), ('own_ica', ica_rows)):
        power = np.abs(rows @ f) ** 2
        g = rows[np.argmax(power.max(axis=1) / power.sum(axis=1))]
        out[name] = c.T @ g / np.linalg.norm(g) * np.sign(g @ q[:, 1])
    return out


def own_2sr(c, rate):
    l, n = int(rate + 0.5), len(c)
    w, v = np.linalg.eigh(c)
    u = v[:, :, 2] * np.sign(v[:, :, 2].sum(axis=1))[:, None] * np.sqrt(w[:, 2:])
    total, count = np.zeros(n), np.zeros(n)
    for t in range(n - l + 1):
        r = u[t:t + l] @ (v[t][:, :2] / np.sqrt(w[t, :2])) @ v[t][:, :2].T
        p = r[:, 0] - r[:, 0].std() / r[:, 1].std() * r[:, 1]
        total[t:t + l] -= p - p.mean()
        count[t:t + l] += 1
    return total / count


def array(name, x, kind='float', digits=9):
    text = [np.format_float_scientific(v, digits - 1, trim='-') if kind == 'double' else str(v) + 'f'
            for v in (np.float64(x) if kind == 'double' else np.float32(x)).ravel()]
    lines, line = [], ' '
    for v in text:
        if len(line) + len(v) > 97:
            lines.append(line)
            line = ' '
        line += ' ' + v + ','
    return 'static const %s %s[] = {\n%s\n};' % (kind, name, '\n'.join(lines + [line[:-1]]))


NAMES = ['pbv', 'lgi', 'omit', 'ica', 'pca', 'own_pbv', 'own_pbv_data', 'own_lgi', 'own_omit', 'own_ica', 'own_pca', 'ssr', 'own_2sr']


def main():
    print('/* tests/golden/make_methods.py; NumPy %s, SciPy %s; seed %d. Do not edit. */\n'
          % (np.__version__, scipy.__version__, SEED))
    rows = []
    for i, (rate, n) in enumerate(CASES):
        rgb32 = trace(rate, n, 8.0 if n == 301 else 1.0)     # there the pulse is not the main component
        x = rgb32.astype(float)
        y = {'pbv': pbv(x), 'lgi': lgi(x), 'omit': omit(x), 'ica': ica(x, rate), 'pca': pca(x)}
        y.update(own(x, rate))
        mean, c = matrices(x[:240])
        y['ssr'], y['own_2sr'] = ssr(c, rate), own_2sr(c, rate)
        print('/* %g samples per second, %d samples; moments: R G B, then RR RG RB GG GB BB, sums over 40 pixels */' % (rate, n))
        print(array('methods_%d_rgb' % i, rgb32))
        sums = np.round(40 * np.concatenate([mean, c[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]], axis=1)).astype(int)
        print(array('methods_%d_moments' % i, sums, 'double'))
        for name in NAMES:
            print(array('methods_%d_%s' % (i, name), y[name]))
        rows.append('  { %r, %d, %d, methods_%d_rgb, methods_%d_moments,\n    { %s } }' % (
            rate, n, len(c), i, i, ', '.join('methods_%d_%s' % (i, name) for name in NAMES)))
    print('''
enum { %s, METHODS };
typedef struct methods_case {
  double rate_hz;
  size_t n, n_moments;
  const float *rgb;
  const double *moments;
  const float *want[METHODS];
} methods_case;
static const methods_case methods_cases[] = {''' % ', '.join('METHODS_' + n.upper() for n in NAMES))
    print(',\n'.join(rows) + '\n};')


if __name__ == '__main__':
    main()
