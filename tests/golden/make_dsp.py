#!/usr/bin/env python3
"""Writes golden/dsp.h: what SciPy and NumPy answer, for tests/test_dsp.c.

    python3 tests/golden/make_dsp.py > tests/golden/dsp.h

Every input is rounded to float32 before the reference sees it (times stay double), and the
references work in double, so a difference is an error of ours and not of the inputs. Smoothness
priors are solved from their dense definition in 50-digit decimals, because a double solver loses
digits when lambda is large.
"""
import decimal
import sys

import numpy as np
import scipy
from scipy import interpolate, signal

SEED = 20240607
rng = np.random.default_rng(SEED)
out = []


def emit(line=""):
    out.append(line)


def f32(a):
    return np.asarray(a, dtype=np.float32)


def number(v, digits, suffix):
    text = "%.*g" % (digits, float(v))
    if not any(c in text for c in ".en"):
        text += ".0"
    return text + suffix


def wrap(items):
    line = " "
    for item in items:
        if len(line) + len(item) + 2 > 100:
            emit(line)
            line = " "
        line += " " + item + ","
    emit(line)


def array(name, a, kind, digits):
    suffix = "f" if kind == "float" else ""
    emit("static const %s %s[] = {" % (kind, name))
    if kind == "int":
        wrap("%d" % v for v in np.ravel(a))
    else:
        wrap(number(v, digits, suffix) for v in np.ravel(a))
    emit("};")


def floats(name, a):
    """An input: nine digits give the same float32 back."""
    array(name, f32(a), "float", 9)


def reference(name, a, digits=10):
    array(name, np.asarray(a, dtype=np.float64), "double", digits)


def exact(name, a):
    """Seventeen digits give the same double back."""
    reference(name, a, 17)


def ints(name, a):
    array(name, a, "int", 0)


def table(name, fields, rows):
    """An array of structs: fields is "type name; type name;", rows hold C texts."""
    emit("typedef struct %s { %s } %s;" % (name, fields, name))
    emit("static const %s %ss[] = {" % (name, name))
    for row in rows:
        emit("  { " + ", ".join(str(c) for c in row) + " },")
    emit("};")
    emit()


def num(v):
    return number(v, 17, "")


# ---- signals ------------------------------------------------------------------------------------

# A pulse at 1.2 Hz with its harmonic, breathing, drift and noise, 30 samples per second.
N = 700
T = np.arange(N) / 30.0
PULSE = f32(np.sin(2 * np.pi * 1.2 * T) + 0.3 * np.sin(2 * np.pi * 2.4 * T + 1) +
            0.5 * np.sin(2 * np.pi * 0.25 * T) + 0.05 * np.cumsum(rng.standard_normal(N)) +
            0.2 * rng.standard_normal(N) + 3.0)
NOISE = f32(rng.standard_normal(200))
GREEN = PULSE.astype(np.float64)
WHITE = NOISE.astype(np.float64)


def signals():
    floats("gold_pulse", PULSE)
    floats("gold_noise", NOISE)
    emit()


# ---- filters --------------------------------------------------------------------------------------

BANDS = ["lowpass", "highpass", "bandpass"]


# Fractions of the sampling rate, denser below.
HZ = np.concatenate([np.linspace(0.001, 0.12, 10), np.linspace(0.15, 0.499, 6)])


def edges(band, lo, hi):
    return [lo, hi] if band == 2 else lo


def butterworth():
    """Transfer function at 16 frequencies, steady-state start of the streaming filter, filtfilt."""
    cases = []
    for order in range(1, 9):
        cases += [(order, 0, 3.0, 0.0, 30.0), (order, 1, 0.7, 0.0, 30.0), (order, 2, 0.7, 2.5, 30.0)]
    cases += [(1, 2, 0.6, 3.3, 30.0), (4, 0, 100.0, 0.0, 250.0), (3, 2, 0.1, 0.5, 25.0),
              (5, 1, 12.0, 0.0, 25.0), (6, 2, 0.01, 14.9, 30.0), (2, 0, 0.02, 0.0, 30.0)]
    rows = []
    for i, (order, band, lo, hi, rate) in enumerate(cases):
        sos = signal.butter(order, edges(band, lo, hi), BANDS[band], fs=rate, output="sos")
        hz = np.round(rate * HZ, 3)
        h = signal.sosfreqz(sos, hz, fs=rate)[1]
        n = 110
        x = GREEN[:n]
        y = signal.sosfilt(sos, x[:40], zi=signal.sosfilt_zi(sos) * x[0])[0]
        z = signal.sosfiltfilt(sos, x)
        exact("gold_butter_hz_%d" % i, hz)
        reference("gold_butter_h_%d" % i, np.stack([h.real, h.imag], 1), 13)
        reference("gold_butter_iir_%d" % i, y)
        reference("gold_butter_zero_%d" % i, z)
        rows.append((order, band, num(lo), num(hi), num(rate), "gold_butter_hz_%d" % i,
                     "gold_butter_h_%d" % i, "gold_butter_iir_%d" % i, "gold_butter_zero_%d" % i))
    table("gold_butter", "int order, band; double lo, hi, rate; const double *hz, *h, *iir, *zero;",
          rows)


def filtfilt():
    """The (b, a) form with its defaults, also at the shortest length that it accepts."""
    rows = []
    for i, (order, band, lo, hi, n) in enumerate([(1, 2, 0.75, 2.5, 10), (1, 2, 0.6, 3.3, 300),
                                                  (2, 2, 0.7, 3.0, 200), (1, 0, 5.0, 0.0, 7),
                                                  (2, 1, 0.7, 0.0, 100), (3, 0, 4.0, 0.0, 13)]):
        b, a = signal.butter(order, edges(band, lo, hi), BANDS[band], fs=30)
        reference("gold_filtfilt_%d" % i, signal.filtfilt(b, a, GREEN[:n]))
        rows.append((order, band, num(lo), num(hi), n, "gold_filtfilt_%d" % i))
    table("gold_filtfilt", "int order, band; double lo, hi; size_t n; const double *y;", rows)


def fir():
    rows = []
    for i, (taps, band, lo, hi, rate) in enumerate([(1, 0, 3.0, 0.0, 30.0), (2, 0, 3.0, 0.0, 30.0),
                                                    (3, 1, 0.7, 0.0, 30.0), (8, 2, 0.7, 2.5, 30.0),
                                                    (16, 0, 4.0, 0.0, 30.0), (31, 2, 0.7, 4.0, 30.0),
                                                    (63, 1, 0.7, 0.0, 30.0), (101, 2, 0.5, 5.0, 60.0)]):
        h = signal.firwin(taps, edges(band, lo, hi), pass_zero=BANDS[band], fs=rate)
        h32 = f32(h).astype(np.float64)
        reference("gold_fir_h_%d" % i, h)
        reference("gold_fir_y_%d" % i, np.convolve(GREEN[:150], h32, "valid"))
        rows.append((taps, band, num(lo), num(hi), num(rate), "gold_fir_h_%d" % i,
                     "gold_fir_y_%d" % i))
    table("gold_fir", "size_t taps; int band; double lo, hi, rate; const double *h, *y;", rows)


def hilbert():
    rows = []
    for i, n in enumerate([1, 2, 3, 8, 45, 64]):
        z = signal.hilbert(GREEN[:n])
        reference("gold_hilbert_%d" % i, np.stack([z.real, z.imag], 1))
        rows.append((n, "gold_hilbert_%d" % i))
    table("gold_hilbert", "size_t n; const double *z;", rows)


def moving():
    """Mean and standard deviation of x[max(0, i - w/2) : i + w/2 + 1]."""
    rows = []
    n = 60
    for i, w in enumerate([1, 3, 7, 25, 59, 61, 201]):
        cut = [GREEN[max(0, k - w // 2):k + w // 2 + 1] for k in range(n)]
        cut = [c[:min(len(c), n - max(0, k - w // 2))] for k, c in enumerate(cut)]
        reference("gold_moving_mean_%d" % i, [c.mean() for c in cut])
        reference("gold_moving_dev_%d" % i, [c.std() for c in cut])
        rows.append((w, n, "gold_moving_mean_%d" % i, "gold_moving_dev_%d" % i))
    table("gold_moving", "size_t w, n; const double *mean, *dev;", rows)


# ---- windows and spectra --------------------------------------------------------------------------

def window_of(kind, beta):
    return ["hann", "hamming", "blackman", ("kaiser", beta), "boxcar"][kind]


def windows():
    rows = []
    for kind, beta in [(0, 0), (1, 0), (2, 0), (3, 0), (3, 5), (3, 8.6), (3, 100), (4, 0)]:
        for periodic in (0, 1):
            for n in (1, 2, 3, 8, 33):
                name = "gold_window_%d" % len(rows)
                reference(name, signal.get_window(window_of(kind, beta), n, bool(periodic)))
                rows.append((kind, num(beta), periodic, n, name))
    table("gold_window", "int kind; double beta; int periodic; size_t n; const double *w;", rows)


def spectra():
    """welch and periodogram; hop and nfft of 0 stand for the defaults of SciPy and of ours."""
    detrends = ["constant", "linear", False]
    rows = []
    for n, nfft, hop, rate, kind, beta, detrend, length in [
            (64, 0, 0, 30.0, 0, 0, 0, 300),      # defaults
            (64, 0, 0, 0.0, 0, 0, 0, 64),        # one segment, rate 1
            (300, 512, 0, 30.0, 4, 0, 2, 300),   # rPPG-Toolbox
            (256, 1024, 56, 30.0, 0, 0, 0, 600),  # pyVHR, with a shorter FFT
            (100, 0, 25, 25.0, 1, 0, 1, 260),
            (63, 0, 21, 25.0, 2, 0, 1, 200),     # odd
            (63, 125, 0, 250.0, 3, 8.6, 0, 200),
            (2, 0, 0, 30.0, 4, 0, 2, 9),
            (3, 0, 0, 30.0, 0, 0, 0, 9),
            (7, 8, 100, 30.0, 2, 0, 1, 60),      # hop beyond the signal
            (90, 97, 1, 30.0, 3, 14, 2, 95),
            (120, 240, 120, 60.0, 0, 0, 2, 360)]:
        fs = rate or 1.0
        name = "gold_psd_%d" % len(rows)
        x = GREEN[:length]
        step = hop or n - n // 2
        if length == n:
            p = signal.periodogram(x, fs, window_of(kind, beta), nfft or n, detrends[detrend])[1]
        elif step > n:
            p = signal.welch(x[:n], fs, window_of(kind, beta), n, 0, nfft or n, detrends[detrend])[1]
        else:
            p = signal.welch(x, fs, window_of(kind, beta), n, n - step, nfft or n,
                             detrends[detrend])[1]
        reference(name, p)
        rows.append((n, nfft, hop, num(rate), num(beta), kind, detrend, length, name))
    table("gold_psd", "size_t n, nfft, hop; double rate, beta; int window, detrend; size_t len; "
          "const double *p;", rows)


def lombscargle():
    rows = []
    for i, (n, f0, df, m) in enumerate([(60, 0.5, 0.05, 60), (7, 0.1, 0.3, 20), (2, 1.0, 0.1, 5),
                                        (60, 2.5, 0.0, 2)]):
        t = 1000.0 + np.cumsum(rng.uniform(0.4, 1.6, n)) / 30.0
        x = f32(GREEN[:n] - GREEN[:n].mean())
        p = signal.lombscargle(t, x.astype(np.float64), 2 * np.pi * (f0 + df * np.arange(m)))
        exact("gold_lomb_t_%d" % i, t)
        floats("gold_lomb_x_%d" % i, x)
        reference("gold_lomb_p_%d" % i, p)
        rows.append((n, num(f0), num(df), m, "gold_lomb_t_%d" % i, "gold_lomb_x_%d" % i,
                     "gold_lomb_p_%d" % i))
    table("gold_lomb", "size_t n; double f0, df; size_t m; const double *t; const float *x; "
          "const double *p;", rows)


def vertex():
    """Parabola through three points by numpy.polyfit: position relative to the middle, height."""
    y = f32(rng.uniform(-5, 5, (24, 3)))
    y[:, 1] = f32(np.max(y, axis=1) + rng.uniform(0.01, 3, 24))
    y[22, 1] = y[22, 0]          # a top of two: the vertex lies between them
    y[22, 2] = y[22, 0] - np.float32(1)
    y[23, 1] = y[23, 2]
    y[23, 0] = y[23, 1] - np.float32(2)
    answer = []
    for row in y.astype(np.float64):
        a, b, c = np.polyfit([-1.0, 0.0, 1.0], row, 2)
        answer.append([-b / (2 * a), c - b * b / (4 * a)])
    floats("gold_vertex_y", y)
    reference("gold_vertex", answer, 14)
    emit()


# ---- detrending and resampling -----------------------------------------------------------------------

def detrend():
    rows = []
    for n in (1, 2, 3, 50, 131):
        for kind, name in enumerate(["constant", "linear"]):
            label = "gold_detrend_%d" % len(rows)
            reference(label, signal.detrend(GREEN[:n], type=name))
            rows.append((kind, n, label))
    table("gold_detrend", "int kind; size_t n; const double *y;", rows)


def decimals(a):
    return np.array([decimal.Decimal(float(v)) for v in np.ravel(a)]).reshape(np.shape(a))


def solve_decimal(a, b):
    """Gaussian elimination without pivots (a is positive definite), in the current precision."""
    n = len(b)
    a, b = a.copy(), b.copy()
    for i in range(n):
        for k in range(i + 1, min(n, i + 3)):  # fill-in stays inside the band
            f = a[k, i] / a[i, i]
            a[k] = a[k] - f * a[i]
            b[k] = b[k] - f * b[i]
    for i in reversed(range(n)):
        b[i] = (b[i] - (a[i, i + 1:] * b[i + 1:]).sum()) / a[i, i]
    return b


def smoothness():
    """[Tarvainen2002] as defined, (I - (I + lambda^2 D'D)^-1) x, dense."""
    decimal.getcontext().prec = 50
    rows = []
    for n, lam in [(3, 1.0), (3, 100.0), (4, 100.0), (5, 10.0), (50, 0.0), (50, 0.5), (50, 100.0),
                   (120, 10.0), (120, 1000.0), (120, 1e6)]:
        d = np.diff(np.eye(n), 2, axis=0)
        a = decimals(np.eye(n)) + decimal.Decimal(lam) ** 2 * decimals(d.T @ d)
        x = decimals(PULSE[:n])
        y = x - solve_decimal(a, x)
        label = "gold_smooth_%d" % len(rows)
        reference(label, y.astype(np.float64), 15)
        rows.append((n, num(lam), label))
    table("gold_smooth", "size_t n; double lambda; const double *y;", rows)


def resample():
    """Linear, cubic spline and monotone cubic, clamped outside the samples."""
    rows = []
    monotone = f32(np.sort(rng.uniform(0, 9, 50)))
    steps = f32(np.repeat([0, 0, 1, 1, 1, -2, 5, 5, 0, 3], 5))
    for n, label, x in [(2, "a", PULSE[:2]), (3, "b", PULSE[:3]), (3, "c", f32([0, 4, 1])),
                        (4, "d", PULSE[:4]), (50, "e", PULSE[:50]), (50, "f", monotone),
                        (50, "g", steps)]:
        t = 7.0 + np.cumsum(rng.uniform(0.3, 2.5, n)) / 30.0
        m = 25 if n < 50 else 70
        t0, dt = t[0] - 0.05, (t[-1] - t[0] + 0.1) / (m - 1)
        grid = np.clip(t0 + dt * np.arange(m), t[0], t[-1])
        exact("gold_resample_t_%s" % label, t)
        floats("gold_resample_x_%s" % label, x)
        v = x.astype(np.float64)
        for kind, y in enumerate([np.interp(grid, t, v), interpolate.CubicSpline(t, v)(grid),
                                  interpolate.PchipInterpolator(t, v)(grid)]):
            name = "gold_resample_%d" % len(rows)
            reference(name, y)
            rows.append((kind, n, m, num(t0), num(dt), "gold_resample_t_" + label,
                         "gold_resample_x_" + label, name))
    table("gold_resample", "int kind; size_t n, m; double t0, dt; const double *t; const float *x; "
          "const double *y;", rows)


# ---- peaks and correlation -----------------------------------------------------------------------------

def peaks():
    """find_peaks; values on a grid of 1/8, so that prominences are exact and plateaus occur."""
    rows = []
    for n, height, prominence, distance, levels in [
            (3, None, 0, 0, 3), (60, None, 0, 0, 64), (60, None, 0, 0, 8), (60, 0.5, 0, 0, 16),
            (60, -1.5, 1.0, 0, 16), (60, None, 0, 4, 0), (60, None, 2.0, 7, 0), (60, 0.25, 1.0, 3, 0),
            (60, 99, 0, 0, 8), (60, None, 0, 59, 0), (0, 2.5, 0.5, 0, 1)]:
        if levels == 1:  # flat tops of 1 to 6, also at both ends
            x = np.repeat([5, 1, 2, 0, 3, 3, 1, 4, 4, 2, 6], np.arange(11) % 6 + 1)
            n = len(x)
        elif levels == 3:
            x = [-1, 2, 1]
        elif levels:
            x = np.round(rng.uniform(-levels / 4, levels / 4, n)) / 8 * (32 / levels)
        else:  # all different: the order of equal peaks is SciPy's secret
            x = rng.permutation(n) / 8 - 3
        x = f32(x)
        index, found = signal.find_peaks(x.astype(np.float64), height=height, prominence=prominence,
                                         distance=distance or None)
        name = "gold_peaks_%d" % len(rows)
        floats(name + "_x", x)
        ints(name + "_i", list(index) + [-1])
        reference(name + "_p", list(found["prominences"]) + [-1])
        rows.append((n, "0.0f" if height is None else number(height, 9, "f"), int(height is not None),
                     number(prominence, 9, "f"), distance, name + "_x", len(index), name + "_i",
                     name + "_p"))
    table("gold_peak", "size_t n; float height; int use_height; float prominence; size_t distance; "
          "const float *x; size_t count; const int *index; const double *prom;", rows)


def correlation():
    rows = []
    for i, (n, lag) in enumerate([(2, 1), (3, 2), (50, 10), (150, 149)]):
        x, y = WHITE[:n], GREEN[20:20 + n] - 3
        y32 = f32(y)
        y = y32.astype(np.float64)
        r = np.array([sum(x[j] * y[j + k] for j in range(n) if 0 <= j + k < n)
                      for k in range(-lag, lag + 1)])
        assert np.allclose(r, np.correlate(y, x, "full")[n - 1 - lag:n + lag])
        floats("gold_corr_y_%d" % i, y32)
        reference("gold_corr_r_%d" % i, r)
        rows.append((n, lag, num(np.corrcoef(x, y)[0, 1]), "gold_corr_y_%d" % i,
                     "gold_corr_r_%d" % i))
    table("gold_corr", "size_t n, lag; double pearson; const float *y; const double *r;", rows)


# ---- matrices ----------------------------------------------------------------------------------------------

def upright(v):
    """Columns whose largest component is positive, as rppg_dsp_eig3 documents."""
    return v * np.sign(v[np.argmax(np.abs(v), axis=0), range(v.shape[1])])


def eigen():
    random = rng.standard_normal((3, 3))
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    rows = []
    for a in [random + random.T, np.diag([3.0, -1.0, 2.0]), turn @ np.diag([1e-3, 1.0, 1e3]) @ turn.T,
              1e-30 * (random @ random.T), turn @ np.diag([1.0, 1.0 + 1e-3, 5.0]) @ turn.T]:
        a = (a + a.T) / 2
        w, v = np.linalg.eigh(a)
        label = "gold_eig_%d" % len(rows)
        exact(label + "_a", a)
        reference(label + "_w", w, 14)
        reference(label + "_v", upright(v), 14)
        rows.append((label + "_a", label + "_w", label + "_v"))
    table("gold_eig", "const double *a, *w, *v;", rows)


def qr():
    rows = []
    for m, n in [(1, 1), (3, 3), (7, 4), (25, 3)]:
        a = rng.standard_normal((m, n))
        q, r = np.linalg.qr(a)
        sign = np.sign(np.diag(r))
        label = "gold_qr_%d" % len(rows)
        exact(label + "_a", a)
        reference(label + "_q", q * sign, 14)
        reference(label + "_r", (r.T * sign).T, 14)
        rows.append((m, n, label + "_a", label + "_q", label + "_r"))
    table("gold_qr", "size_t m, n; const double *a, *q, *r;", rows)


def whitening():
    x = f32(rng.standard_normal((80, 3)) @ rng.standard_normal((3, 3)) * 4 + [90, 120, 60])
    v = x.astype(np.float64)
    c, u = np.linalg.eigh(np.cov(v.T, ddof=0))
    w = u @ np.diag(c ** -0.5) @ u.T
    floats("gold_white_x", x)
    reference("gold_white_w", w, 14)
    reference("gold_white_y", (v - v.mean(axis=0)) @ w.T)
    emit()


# ---- mathematics -----------------------------------------------------------------------------------------

def mathematics():
    """sin and cos of pi x and ln x to 40 digits by decimal series, rounded once to double."""
    decimal.getcontext().prec = 60
    pi = decimal.Decimal("3.14159265358979323846264338327950288419716939937510582097494459")

    def sincos(x):  # Taylor's series after reduction to |x| <= 1
        r = decimal.Decimal(float(x)) % 2
        r = (r - 2 if r > 1 else r + 2 if r < -1 else r) * pi
        s = c = decimal.Decimal(0)
        term = decimal.Decimal(1)
        for k in range(80):
            if k % 2:
                s += term if k % 4 == 1 else -term
            else:
                c += term if k % 4 == 0 else -term
            term = term * r / (k + 1)
        return [float(s), float(c)]

    x = np.concatenate([rng.uniform(-2, 2, 24), rng.uniform(-1e3, 1e3, 8), [1e-9, 1 / 6, 0.125, 0.24,
                        0.26, 0.49, 0.51, 0.74, 0.76, 1e-300, 65535.3, 1e6 + 0.3]])
    exact("gold_sincospi_x", x)
    exact("gold_sincospi", [sincos(v) for v in x])
    x = np.concatenate([10 ** rng.uniform(-10, 10, 24), [1 + 2 ** -52, 1 - 2 ** -53, 1.4142, 1.4143,
                        0.7071, 0.7072, 2, 10, 1.1, 0.9, 1e-300, 1e300]])
    exact("gold_log_x", x)
    exact("gold_log", [float(decimal.Decimal(float(v)).ln()) for v in x])
    emit()


def main():
    emit("/* tests/golden/make_dsp.py; NumPy %s, SciPy %s, Python decimal; seed %d. Do not edit. */"
         % (np.__version__, scipy.__version__, SEED))
    emit()
    for part in (signals, butterworth, filtfilt, fir, hilbert, moving, windows, spectra, lombscargle,
                 vertex, detrend, smoothness, resample, peaks, correlation, eigen, qr, whitening,
                 mathematics):
        emit("/* " + part.__name__ + " */")
        part()
    sys.stdout.write("\n".join(out).rstrip() + "\n")


main()
