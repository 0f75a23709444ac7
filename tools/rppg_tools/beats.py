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


def beat_starts(wave, fps):
    """Where each beat of a pulse wave begins, in samples: the foot before each steepest rise. The period comes from the
    autocorrelation of the 10 s around. Either side may be up: a heart fills vessels faster than they empty."""
    rise = np.gradient(smooth(wave, max(1, round(0.1 * fps))))
    if ((rise - rise.mean()) ** 3).sum() < 0:
        rise = -rise
    lags = np.arange(round(0.33 * fps), round(1.5 * fps))
    window, starts, at = round(10 * fps), [], 0
    while at + window <= len(rise):
        x = rise[at:at + window]
        same = np.array([x[k:] @ x[:-k] / (len(x) - k) for k in lags])
        period = lags[np.argmax(same > 0.85 * same.max())]  # the first good one: no multiple of it
        while period + 1 - lags[0] < len(same) and same[period + 1 - lags[0]] > same[period - lags[0]]:
            period += 1
        k = at
        while k < at + window // 2:  # half of the window: the next one begins there
            top = k + int(np.argmax(rise[k:k + round(1.2 * period)]))
            foot = top
            while foot > 0 and rise[foot - 1] > 0.1 * rise[top] and top - foot < 0.4 * period:
                foot -= 1
            if not starts or foot - starts[-1] > 0.6 * period:
                starts.append(foot)
            k = top + round(0.6 * period)
        at += window // 2
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
