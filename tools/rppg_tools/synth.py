"""Colour traces whose pulse is known, or that are known to have none.

Real clips whose pulse compression has destroyed are the noise: a pulse is multiplied into some, and
light, motion and steps that are no pulse into others. Everything comes from one seed.
"""
import numpy as np

from .data import Recording

FACE = np.array([0.33, 0.77, 0.53])  # relative amplitudes of a pulse in R, G, B [deHaan2014]
SECONDS = 41.0
FAR = 0.85  # largest cosine between the colour of a flicker and that of blood


def wave(rng, t, mean_hz, wander, second):
    """A pulse whose rate wanders (relative), and its phase in turns."""
    slow = sum(np.sin(2 * np.pi * (f * t + rng.random())) for f in rng.uniform(0.03, 0.3, 3)) / np.sqrt(1.5)
    phase = np.cumsum(mean_hz * (1 + wander * slow)) * (t[1] - t[0]) + rng.random()
    return np.sin(2 * np.pi * phase) + second * np.sin(4 * np.pi * phase + rng.uniform(0, 2 * np.pi)), phase


def beats_reference(t, phase):
    """Mean rate between two times, bpm."""
    return lambda start, end: float(60 * np.interp(end, t, phase) - 60 * np.interp(start, t, phase)) / (end - start)


def screen(rng):
    """A colour that is not blood's: of a flickering screen or lamp."""
    while True:
        colour = rng.random(3)
        if np.linalg.norm(colour) > 0 and colour @ FACE / np.linalg.norm(colour) / np.linalg.norm(FACE) < FAR:
            return colour / colour.max()


def camera(rng, rois, seconds=SECONDS):
    """A still face under sensor noise: t, rgb, and one frame rate of usual cameras."""
    t = np.arange(0, seconds, 1 / rng.choice([15, 25, 30, 60]))
    skin = np.array([170.0, 115.0, 90.0]) * rng.uniform(0.3, 1.3)
    return t, skin * rng.uniform(0.8, 1.15, (1, rois, 1)) + rng.normal(0, 10 ** rng.uniform(-2.3, -0.3), (len(t), rois, 3))


def pieces(clips, rng):
    """Pieces of real clips without a pulse, forever."""
    clips = [c for c in clips if c.t_s[-1] > 25]
    while True:
        c = clips[rng.integers(len(clips))]
        n = min(len(c.t_s), int(SECONDS * 15))
        at = rng.integers(len(c.t_s) - n + 1)
        yield c.t_s[:n], c.rgb[at:at + n].astype(float)


def faces(clips, split, count, seed):
    """count Recordings with a pulse and count without, of several kinds."""
    rng = np.random.default_rng(seed)
    source = pieces(clips, rng)
    kinds = ("white flicker", "coloured flicker", "head", "steps", "noise", "drift")
    for k in range(count):
        t, rgb = next(source) if k % 2 else camera(rng, rng.integers(1, 7))
        rois = rgb.shape[1]
        w, phase = wave(rng, t, rng.uniform(0.75, 3.4), rng.choice([0.0, 0.02, 0.05]), rng.uniform(0, 0.6))
        colour = FACE * rng.uniform(0.8, 1.25, 3)
        depth = 10 ** (rng.uniform(-3.3, -1.6) if k % 2 else rng.uniform(-4.3, -1.9)) * rng.uniform(0.5, 1.2, (rois, 1))
        yield Recording("synth-pulse", f"pulse_{k}", split, t, rgb * (1 - w[:, None, None] * depth * colour),
                        beats_reference(t, phase), ("pos", "chrom", "green"))
    for k in range(count):
        kind = kinds[k % len(kinds)]
        t, rgb = next(source) if k // len(kinds) % 2 else camera(rng, rng.integers(1, 7))
        rois = rgb.shape[1]
        w, phase = wave(rng, t, rng.uniform(0.65, 3.8), rng.choice([0.0, 0.0, 0.03]), rng.uniform(0, 0.5))
        w, decoy = w[:, None, None], None
        depth = 10 ** rng.uniform(-2.7, -1.0)
        if kind == "white flicker":
            rgb = rgb * (1 + depth * w)
        elif kind == "coloured flicker":
            rgb = rgb * (1 + depth * w * screen(rng))
        elif kind == "head":  # each region moves into another light; a little of it is coloured
            gain = rng.normal(0, 1, (rois, 1)) * (1 + 0.04 * rng.normal(0, 1, (rois, 3)))
            rgb = rgb * (1 + depth * w * gain)
        if kind in kinds[:3]:
            decoy = beats_reference(t, phase)
        elif kind == "steps":  # exposure: at random times, up to 20 %
            gain = np.ones(len(t))
            for at in rng.integers(1, len(t), rng.integers(1, 9)):
                gain[at:] *= 1 + rng.uniform(-0.2, 0.2)
            rgb = rgb * gain[:, None, None]
        elif kind == "drift":
            rgb = rgb * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.01, 0.2) * t + rng.random() * 7))[:, None, None]
        yield Recording("synth-" + kind.replace(" ", "-"), f"none_{k}", split, t, rgb, None, ("pos", "chrom", "green"),
                        decoy=decoy)


def no_finger(clips, split, count, seed):
    """What a lens sees without a finger on it: faces, noise, light that flickers."""
    rng = np.random.default_rng(seed)
    source = pieces(clips, rng)
    for k in range(count):
        t, rgb = next(source) if k % 2 else camera(rng, 1)
        rgb = rgb[:, :1]
        w, phase = wave(rng, t, rng.uniform(0.65, 3.8), rng.choice([0.0, 0.0, 0.03]), rng.uniform(0, 0.5))
        if k % 4 >= 2:
            rgb = rgb * (1 + 10 ** rng.uniform(-2.7, -1.0) * w[:, None, None])
        yield Recording("synth-no-finger", f"none_{k}", split, t, rgb, None, ("contact",),
                        decoy=beats_reference(t, phase) if k % 4 >= 2 else None)
