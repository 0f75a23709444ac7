"""Beats of contact pulse waves: where each begins, its shape, and how the rate wanders."""
import numpy as np

BEAT = 32          # samples of a beat's shape
DYNAMICS_HZ = 4.0  # of the wander of a rate


def smooth(x, n):
    """Mean over n samples around each; the ends use what is there."""
    total = np.cumsum(np.concatenate([np.zeros((1, *x.shape[1:])), x]), axis=0)
    at = np.arange(len(x))
    low, high = np.maximum(at - n // 2, 0), np.minimum(at + (n + 1) // 2, len(x))
    return (total[high] - total[low]) / (high - low).reshape(-1, *[1] * (x.ndim - 1))


def period_of(x, lags):
    """The first of the lags at which the autocorrelation has a peak of almost its full height: no multiple of it."""
    same = np.array([x[k:] @ x[:-k] / (len(x) - k) for k in lags])
    at = int(np.argmax(same > 0.85 * same.max()))
    while at + 1 < len(same) and same[at + 1] > same[at]:
        at += 1
    return lags[at]


def beat_starts(wave, fps):
    """Where each beat of a pulse wave begins, in samples: the foot before each steepest rise. The period comes from the
    autocorrelation of the 10 s around. Either side may be up: a heart fills vessels faster than they empty."""
    rise = np.gradient(smooth(wave, max(1, round(0.1 * fps))))
    if ((rise - rise.mean()) ** 3).sum() < 0:
        rise = -rise
    lags = np.arange(round(0.33 * fps), round(1.5 * fps))
    half, starts, k = round(5 * fps), [], 0
    for at in range(0, max(len(rise) - half, 1), half):
        x = rise[at:at + 2 * half]
        if len(x) < 2 * lags[-1]:
            break
        period = period_of(x, lags)
        end = at + half if at + 2 * half <= len(rise) else len(rise) - round(0.5 * period)
        while k < end:
            top = k + int(np.argmax(rise[k:k + round(1.2 * period)]))
            foot = top
            while foot > 0 and rise[foot - 1] > 0.1 * rise[top] and top - foot < 0.4 * period:
                foot -= 1
            if not starts or foot - starts[-1] > 0.6 * period:
                starts.append(foot)
            k = top + round(0.6 * period)
    return np.array(starts)


def beats_of(wave, starts):
    """[n][BEAT] shapes of beats that look like most: 0 at both ends, amplitude 1; each with the beat that it is."""
    shapes, which = [], []
    for k, (a, b) in enumerate(zip(starts[:-1], starts[1:])):
        x = np.interp(np.linspace(a, b, BEAT + 1), np.arange(len(wave)), wave)
        x = x - np.linspace(x[0], x[-1], BEAT + 1)
        if x.max() > 0:
            shapes.append(x[:-1] / x.max())
            which.append(k)
    if not shapes:
        return np.zeros((0, BEAT)), []
    shapes, usual = np.array(shapes), np.median(shapes, axis=0)
    like = np.array([np.corrcoef(s, usual)[0, 1] for s in shapes])
    return shapes[like > 0.9], np.array(which)[like > 0.9]


def regular(interval):
    """Which intervals lie within a fifth of the median of the eleven around: others are missed or found twice."""
    usual = np.array([np.median(interval[max(0, k - 5):k + 6]) for k in range(len(interval))])
    return np.abs(interval / usual - 1) < 0.2


def rate_wander(beat_s):
    """Logarithm of the rate over time, DYNAMICS_HZ, from times of beats; what is no beat is bridged."""
    interval = np.diff(beat_s)
    good = regular(interval)
    at = np.arange(beat_s[1], beat_s[-1], 1 / DYNAMICS_HZ)
    return -np.log(np.interp(at, beat_s[1:][good], interval[good]))
