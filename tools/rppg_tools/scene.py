"""Simulated recordings whose pulse is known: colour signals of six face regions, and face patches.

The dichromatic model [Wang2017, eq. 1]: what a camera sees of skin is the lamp, reflected by the surface, and the
lamp, coloured by what lies under it. Here both are spectra, 400 to 900 nm. Skin is a layer of melanin over a dermis
with blood [Jacques 1998, Skin Optics Summary; haemoglobin: Prahl 1999]; a pulse is a little more blood, and
its colour in a camera follows from lamp, skin and filters. Real are, where a data folder is given: the beats (shapes,
one behind the other as they came) and the wander of the rate, from finger recordings, time-warped to the wanted
rate; and the jitter of a face tracker, from nuisance-faces. Each Sources holds those of one split and its own subjects.

Scenarios [Kopeliovich2019, section 3]: "stationary": a still face, which sways and breathes; "mixed": the head turns
by up to 60 and nods by up to 50 degrees, it speaks, it makes faces, each for a while, also in step with pulse rates.

Cameras differ in what differs between cameras of that class: filters, colour matrix and tone curve, exposure and white
balance that hunt, sharpening or local tone mapping, noise, temporal noise reduction, the codec and the clock. Their
numbers are drawn from the literature's ranges and no measurement of a certain model: peaks and widths of the
filters [Jiang et al. 2013, What is the space of spectral sensitivity functions for digital color cameras?], read
and shot noise [Foi et al. 2008], codecs [McDuff et al. 2017, The impact of video compression on remote cardiac pulse
measurement], sizes of the face and 15 fps [Kopeliovich2019].
"""
import dataclasses
import json
import pathlib
import sys
from typing import NamedTuple

import numpy as np

from . import data
from .beats import BEAT, DYNAMICS_HZ, beat_starts, beats_of, rate_wander, smooth
from .core import ToolError

# ---- light and skin -------------------------------------------------------------------------------

NM = np.arange(400.0, 901.0, 20.0)
# molar extinction of oxygenated and deoxygenated haemoglobin at NM, 1/(cm M) [Prahl 1999]
OXY = np.array([266232, 480360, 102580, 44480, 26629, 20933, 24202, 53236, 32613, 50104, 3200, 942, 442, 320, 278, 290,
                364, 446, 586, 710, 816, 916, 1022, 1092, 1154, 1198])
DEOXY = np.array([223296, 407560, 413280, 23389, 14550, 20862, 31590, 46592, 53788, 37020, 14677, 6510, 4345, 3227,
                  2408, 1794, 1326, 1115, 1669, 1076, 762, 694, 692, 691, 726, 762])
BLOOD = 2.303 * 150 / 64500  # 1/cm for 150 g/l, of which a mole is 64,500 g


def planck(kelvin):
    """Spectra of lamps of these temperatures [n], at NM, mean 1 over what is visible."""
    light = 1 / (NM / 500) ** 5 / np.expm1(14387769 / NM / np.asarray(kelvin, float)[:, None])
    return light / light[:, :16].mean(1, keepdims=True)


def reflectance(melanin, blood):
    """Diffuse reflectance [n][NM] of skin with these shares of melanin in the epidermis and blood in the dermis, and
    its relative change for a relative change of the arterial blood. Transport as in Jacques 1998: R = exp(-A / sqrt(
    3 (1 + scattering / absorption))), A about 7.5; the epidermis, 60 um, is passed twice. Blue light turns back above
    most vessels that pulse [Moco 2018]; how much of it is such that a camera sees the colours of [deHaan2014]."""
    melanin, blood = np.asarray(melanin)[:, None], np.asarray(blood)[:, None]
    through = np.exp(-2 * 0.006 * melanin * 6.6e11 * NM ** -3.33)
    scattering = 2e5 * NM ** -1.5 + 2e12 * NM ** -4.0
    rest = 0.244 + 85.3 * np.exp(-(NM - 154) / 66.2)
    arterial = blood * BLOOD * OXY
    absorbing = rest + 0.5 * arterial + 0.5 * blood * BLOOD * (0.6 * OXY + 0.4 * DEOXY)  # half of it is in veins
    inner = 3 * (1 + scattering / absorbing)
    change = -7.5 * 1.5 * inner ** -1.5 * scattering / absorbing ** 2 * 0.5 * arterial
    return through * np.exp(-7.5 / np.sqrt(inner)), change / (1 + np.exp((470 - NM) / 20))


# ---- cameras --------------------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Camera:
    """One class of camera; levels are of 255."""
    name: str
    peaks: tuple          # nm, of R, G, B filters
    widths: tuple         # nm, standard deviations
    matrix: tuple         # from sensor colours to those of the file, rows sum to 1
    gamma: float
    contrast: float       # share of an S curve in the tone curve
    local: float          # > 0 sharpening, < 0 local tone mapping: power of a region's brightness against the face's
    target: float         # level that the exposure aims at
    exposure_s: float     # its time constant
    exposure_step: float  # smallest relative step that it takes
    balance: float        # how far white balance follows the colours of the frame, 0..1; over balance_s
    balance_s: float
    read: float           # noise of a pixel, levels
    shot: float           # variance of a pixel per level
    grain: float          # pixels that share their noise
    denoise: float        # weight of the frame before, 0..1, where nothing moves
    denoise_level: float  # levels of change at which temporal noise reduction lets go
    quant: float          # levels of change below which the codec copies the old block
    gop: int              # frames from key frame to key frame
    face: float           # pixels across the face
    jitter_s: float
    drop: float           # share of frames that are lost
    repeat: float         # share of frames that come twice
    fps: float
    grey: bool = False


CAMERAS = {c.name: c for c in (
    Camera("webcam",  # a good external one on USB: 1080 lines, clean, little processing, a high bit rate
           peaks=(600, 535, 460), widths=(32, 38, 28),
           matrix=((1.55, -0.45, -0.10), (-0.20, 1.45, -0.25), (0.0, -0.50, 1.50)),
           gamma=2.2, contrast=0.15, local=0.05, target=118.0, exposure_s=1.0, exposure_step=0.02, balance=0.3,
           balance_s=4.0, read=1.5, shot=0.02, grain=6.0, denoise=0.2, denoise_level=3.0, quant=0.5, gop=120,
           face=450.0, jitter_s=0.002, drop=0.002, repeat=0.0, fps=30.0),
    Camera("phone",  # wide filters, strong matrix and noise reduction, local tone mapping, a key frame a second
           peaks=(590, 525, 455), widths=(42, 42, 32),
           matrix=((1.95, -0.80, -0.15), (-0.35, 1.70, -0.35), (0.05, -0.75, 1.70)),
           gamma=2.4, contrast=0.45, local=-0.25, target=135.0, exposure_s=0.4, exposure_step=0.005, balance=0.7,
           balance_s=1.5, read=1.2, shot=0.03, grain=10.0, denoise=0.5, denoise_level=2.0, quant=0.6, gop=15,
           face=300.0, jitter_s=0.004, drop=0.01, repeat=0.0, fps=30.0),
    Camera("laptop",  # VGA, small pixels, sharpened, exposure in coarse steps, coarse codec, repeated frames
           peaks=(610, 545, 470), widths=(38, 46, 36),
           matrix=((1.25, -0.20, -0.05), (-0.10, 1.20, -0.10), (0.0, -0.25, 1.25)),
           gamma=1.9, contrast=0.0, local=0.25, target=105.0, exposure_s=1.8, exposure_step=0.06, balance=0.5,
           balance_s=8.0, read=2.8, shot=0.06, grain=9.0, denoise=0.3, denoise_level=6.0, quant=1.2, gop=60,
           face=200.0, jitter_s=0.008, drop=0.02, repeat=0.04, fps=30.0),
    Camera("nir",  # infrared with a lamp of its own at 850 nm: three equal channels
           peaks=(850, 850, 850), widths=(15, 15, 15),
           matrix=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
           gamma=1.0, contrast=0.0, local=0.0, target=110.0, exposure_s=1.0, exposure_step=0.02, balance=0.0,
           balance_s=4.0, read=1.5, shot=0.02, grain=4.0, denoise=0.0, denoise_level=3.0, quant=0.25, gop=60,
           face=200.0, jitter_s=0.002, drop=0.0, repeat=0.0, fps=30.0, grey=True))}
COLOUR = tuple(name for name, camera in CAMERAS.items() if not camera.grey)
MIXED = 0.3  # share of recordings with motion


def sensitivity(camera):
    """[NM][3], each column of sum 1"""
    s = np.exp(-0.5 * ((NM[:, None] - camera.peaks) / camera.widths) ** 2)
    return s / s.sum(0)


# ---- sources --------------------------------------------------------------------------------------

SEED = 20240521          # of the subjects
SUBJECTS = {"train": 1500, "validation": 200, "test": 300}
# normals of the six regions in the head's own frame: x to the image's right, y down, z to the camera; their
# share of the box, of what is no skin, and of the light that comes from everywhere
NORMALS = np.array([[0, 0.25, 1], [0, -0.25, 1], [-0.6, 0.15, 0.8], [0.6, 0.15, 0.8], [0, 0, 1], [0, 0, 1]])
NORMALS = NORMALS / np.linalg.norm(NORMALS, axis=1, keepdims=True)
SHARE = np.array([0.048, 0.0256, 0.0308, 0.0308, 0.48, 1.0])
NO_SKIN = np.array([0.02, 0.05, 0.03, 0.03, 0.15, 0.35])
SOFT = np.array([0.0, 0.0, 0.0, 0.0, 0.3, 0.4])
PERFUSION = np.array([1.0, 0.8, 1.1, 1.1, 0.95, 0.9])
REGION_OF = np.array([[1, 1, 1], [3, 0, 0], [0, 3, 0], [0, 0, 3], [1, 1, 1], [1, 1, 1]]) / 3


def analytic_beats(rng, n=40):
    """Beats of two waves, the second one a reflection: Gaussians in the beat's phase."""
    phase = np.arange(BEAT) / BEAT
    out = []
    for _ in range(n):
        x = np.exp(-0.5 * ((phase - rng.uniform(0.15, 0.25)) / rng.uniform(0.07, 0.11)) ** 2)
        x += rng.uniform(0.15, 0.6) * np.exp(-0.5 * ((phase - rng.uniform(0.4, 0.55)) / rng.uniform(0.09, 0.16)) ** 2)
        x -= np.linspace(x[0], x[-1], BEAT)
        out.append(x / x.max())
    return np.array(out)


def analytic_wander(rng, seconds=120):
    """Rate with respiratory and slower waves of 1 to 5 %."""
    t = np.arange(0, seconds, 1 / DYNAMICS_HZ)
    return sum(rng.uniform(0.005, 0.03) * np.sin(2 * np.pi * (f * t + rng.random()))
               for f in (rng.uniform(0.15, 0.35), rng.uniform(0.08, 0.12), rng.uniform(0.01, 0.04)))


class Sources:
    """What the recordings of one split are made of. names: the real recordings in it.

    folder None, or without recordings of that split: beats, wander and jitter are drawn; `real` says which."""

    def __init__(self, folder=None, split="train"):
        if split not in data.SPLITS:
            raise ToolError(f"no split '{split}': one of {', '.join(data.SPLITS)}")
        self.split, self.names = split, []
        self.beats, self.wander, self.jitter = [], [], []
        if folder is not None:
            self._read(pathlib.Path(folder))
        self.real = {"beats": bool(self.beats), "wander": bool(self.wander), "jitter": bool(self.jitter)}
        rng = np.random.default_rng([SEED, data.SPLITS.index(split)])
        if not self.beats:
            self.beats = [analytic_beats(rng) for _ in range(12)]
        if not self.wander:
            self.wander = [analytic_wander(rng) for _ in range(24)]
        self.subjects = draw_subjects(rng, SUBJECTS[split], len(self.beats))
        self.all_beats = np.concatenate(self.beats)
        self.first_beat = np.cumsum([0, *map(len, self.beats)])

    def _read(self, folder):
        wanted = [s for s in ("finger-oximetry", "finger-welltory", "nuisance-faces") if (folder / s).is_dir()]
        if not wanted:
            raise ToolError(f"{folder}: no finger-oximetry, finger-welltory or nuisance-faces in it")
        for r in data.recordings(folder, wanted):
            if r.split != self.split:
                continue
            self.names.append(f"{r.data_set}/{r.name}")
            if r.data_set == "nuisance-faces":
                self._add_jitter(r)
            else:
                self._add_pulse(folder, r)

    def _add_jitter(self, r):
        middle = np.median(r.rgb, axis=0)
        if (middle < 12).any() or len(r.t_s) < 600:  # a region in the dark says nothing; and pieces need room
            return
        change = r.rgb / middle - 1
        change = np.clip(change / (1.4826 * np.median(np.abs(change), axis=0) + 1e-9), -8, 8)
        regions = change.shape[1]
        self.jitter.append(change[:, np.arange(3) % regions].astype(np.float32))

    def _add_pulse(self, folder, r):
        fps = 30.0
        t = np.arange(0, r.t_s[-1], 1 / fps)
        deviation = r.rgb.std(0).ravel() / (r.rgb.mean(0).ravel() + 10)
        x = np.interp(t, r.t_s, r.rgb[:, 0, int(np.argmax(deviation[:2]))])
        wave = -(smooth(x, 3) / smooth(x, round(1.5 * fps)) - 1)  # more blood is less light
        starts = beat_starts(wave, fps)
        shapes, which = beats_of(wave, starts)
        if len(shapes) >= 20:
            self.beats.append(shapes[:400])
        if r.data_set == "finger-welltory":
            rr = np.array((folder / r.data_set / r.name / "RR.txt").read_text().split(), float) / 1000
            self.wander.append(rate_wander(np.cumsum(rr)))
        elif len(which) > 0.9 * len(starts):
            self.wander.append(rate_wander(starts / fps))


def draw_subjects(rng, n, shapes):
    """A structured array of n people: skin, geometry of hair and shine, strength of the pulse, whose beats."""
    s = np.zeros(n, [("melanin", "f8"), ("blood", "f8"), ("shine", "f8"), ("depth", "f8"), ("shape", "i8"),
                     ("perfusion", "f8", 6), ("no_skin", "f8", 6), ("texture", "f8", (6, 3)), ("hair", "f8")])
    s["melanin"] = np.exp(rng.uniform(np.log(0.015), np.log(0.25), n))  # Fitzpatrick I to V and a little more
    s["blood"] = rng.uniform(0.02, 0.05, n)
    s["shine"] = rng.uniform(0.01, 0.06, n)
    s["depth"] = np.exp(rng.normal(np.log(0.03), 0.4, n))  # relative change of the arterial blood from foot to peak
    s["shape"] = rng.integers(shapes, size=n)
    s["perfusion"] = PERFUSION * np.exp(rng.normal(0, 0.15, (n, 6)))
    s["no_skin"] = NO_SKIN * np.exp(rng.normal(0, 0.4, (n, 6)))
    s["texture"] = rng.normal(0, 0.004, (n, 6, 1)) + rng.normal(0, 0.001, (n, 6, 3))  # per degree that the box lags
    s["hair"] = rng.uniform(0.03, 0.5, n)
    return s


# ---- what happens in front of the camera ----------------------------------------------------------

BPM = (40.0, 125.0)


def pulses(rng, sources, subject, t):
    """Waves [T][R] (0 at the foot, 1 at the peak, more is more blood), rates in bpm and phases in turns [T][R]."""
    count, dt = len(subject), t[1] - t[0]
    bpm = np.empty((len(t), count))
    for r in range(count):
        wander = sources.wander[rng.integers(len(sources.wander))]
        need = int((t[-1] - t[0]) * DYNAMICS_HZ) + 2
        if len(wander) < need:
            wander = np.tile(np.concatenate([wander, wander[::-1]]), need // len(wander) + 1)
        at = rng.integers(len(wander) - need + 1)
        piece = wander[at:at + need]
        piece = np.clip(piece - piece.mean(), -0.3, 0.3)
        bpm[:, r] = rng.uniform(*BPM) * np.exp(np.interp((t - t[0]) * DYNAMICS_HZ, np.arange(need), piece))
    bpm = np.clip(bpm, *BPM)
    phase = np.cumsum(bpm, axis=0) * (dt / 60) + rng.random(count)
    first, length = sources.first_beat[subject["shape"]], np.diff(sources.first_beat)[subject["shape"]]
    beat = np.floor(phase).astype(int)
    row = first + (beat + rng.integers(10000, size=count)) % length
    x = (phase - beat) * BEAT
    k = x.astype(int)
    table = np.concatenate([sources.all_beats, np.zeros((len(sources.all_beats), 1))], axis=1)
    low, high = table[row, k], table[row, k + 1]
    return low + (x - k) * (high - low), bpm, phase


def wander_noise(rng, frames, count, dt, tau_s):
    """Ornstein-Uhlenbeck noise [T][R] of deviation 1."""
    keep = np.exp(-dt / tau_s)
    x = rng.standard_normal((frames, count)) * np.sqrt(1 - keep ** 2)
    x[0] /= np.sqrt(1 - keep ** 2)
    for k in range(1, frames):
        x[k] += keep * x[k - 1]
    return x


def gate(t, start, length):
    """1 inside, with edges of half a second"""
    return np.clip(2 * np.minimum(t - start, start + length - t), 0, 1)


def poses(rng, t, mixed):
    """Yaw and pitch in degrees, the mouth's opening 0..1, and breath, [T][R]; mixed [R]: who moves."""
    frames, count, dt = len(t), len(mixed), t[1] - t[0]
    def draw(low, high):
        return rng.uniform(low, high, count)
    breath = np.sin(2 * np.pi * (draw(0.15, 0.4) * t[:, None] + draw(0, 1)))
    sway = np.exp(rng.normal(np.log(0.4), 0.5, count))
    yaw = sway * wander_noise(rng, frames, count, dt, 1.5)
    pitch = sway * wander_noise(rng, frames, count, dt, 1.5) + draw(0.0, 0.3) * breath
    mouth = np.zeros((frames, count))
    span, column = t[-1] - t[0], t[:, None] - t[0]
    def episode(share):
        """[T][R]: when something goes on; it may last the whole time"""
        return (rng.random(count) < share) * mixed * gate(column, draw(-0.3, 0.8) * span, draw(0.3, 1.3) * span + 1)
    def swing(low_hz, high_hz):
        """a movement to and fro, as steady as people are, with a dwell at its ends"""
        phase = draw(low_hz, high_hz) * column + 0.1 * wander_noise(rng, frames, count, dt, 2.0) + draw(0, 1)
        return np.tanh(draw(0.5, 2.0) * np.sin(2 * np.pi * phase))
    yaw += episode(0.45) * draw(10, 60) * swing(0.12, 0.5)       # 120 degrees in all
    pitch += episode(0.35) * draw(8, 50) * swing(0.12, 0.5)      # 100 degrees in all
    pitch += episode(0.3) * draw(1, 10) * swing(0.6, 2.2)        # nods, at rates of hearts
    yaw += episode(0.15) * draw(1, 10) * swing(0.6, 2.2)
    speech = episode(0.5)
    mouth += speech * draw(0.2, 1) * np.clip(swing(2, 5) + swing(0.3, 1.0), 0, 2) / 2
    pitch += speech * draw(0.2, 1.5) * wander_noise(rng, frames, count, dt, 0.3)
    for _ in range(3):                                           # faces that are made
        mouth += (rng.random(count) < 0.5) * mixed * gate(column, draw(0, 1) * span, draw(0.5, 2)) * draw(0, 0.8)
    return yaw, pitch, mouth, breath


def turned(vector, yaw, pitch):
    """A direction [R][3] as the head sees it that is turned by yaw and pitch [T][R], degrees: [T][R][3]."""
    a, b = np.deg2rad(yaw), np.deg2rad(pitch)
    x, y, z = vector[:, 0], vector[:, 1], vector[:, 2]
    x, z = x * np.cos(a) - z * np.sin(a), x * np.sin(a) + z * np.cos(a)
    y, z = y * np.cos(b) + z * np.sin(b), z * np.cos(b) - y * np.sin(b)
    return np.stack([x, y, z], axis=-1)


class Light(NamedTuple):
    """Colours that a camera's sensor sees, [R][3]: skin, its relative change by the pulse and plain white, in the main
    light and in that from everywhere; where the main light comes from; share of the other."""
    skin: np.ndarray
    change: np.ndarray
    white: np.ndarray
    soft_skin: np.ndarray
    soft_change: np.ndarray
    soft_white: np.ndarray
    direction: np.ndarray
    soft: np.ndarray


def draw_light(rng, camera, subject):
    count, sees = len(subject), sensitivity(camera)
    skin, change = reflectance(subject["melanin"], subject["blood"])
    change = change * subject["depth"][:, None]
    seen = []
    for kelvin in (rng.uniform(3000, 6500, count), rng.uniform(3500, 7000, count)):
        lamp = planck(kelvin)
        here = (lamp * skin) @ sees
        seen += [here, (lamp * skin * change) @ sees / here, lamp @ sees]
    side, up = rng.uniform(-1.0, 1.0, count), rng.uniform(0.1, 0.9, count)  # radians; lamps hang above
    direction = np.stack([np.sin(side) * np.cos(up), -np.sin(up), np.cos(side) * np.cos(up)], axis=1)
    return Light(*seen, direction, rng.uniform(0.2, 0.6, count))


def lit(light, normals, yaw, pitch, soft, shine):
    """Strengths [T][R][P] of the main light, of that from everywhere, and of the shine, on surfaces with these normals
    [P][3]."""
    half = light.direction + [0, 0, 1]
    half = half / np.linalg.norm(half, axis=1, keepdims=True)
    cosine = np.maximum(turned(light.direction, yaw, pitch) @ normals.T, 0)
    mirror = np.maximum(turned(half, yaw, pitch) @ normals.T, 0) ** 12
    share = light.soft[None, :, None] + (1 - light.soft[None, :, None]) * soft
    return tuple(x.astype(np.float32) for x in ((1 - share) * cosine, share, (1 - share) * shine * mirror))


# ---- what the camera makes of it ------------------------------------------------------------------

YCC = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)
RGB = np.linalg.inv(YCC).astype(np.float32)


def exposed(rng, camera, x, metered, white, fps):
    """Exposure and white balance follow the metered colour [T][R][3]; x [T][R][P][3] of any light to 0..1 of the
    sensor. At first a white [R][3] in that light is about white."""
    goal = (camera.target / 255) ** camera.gamma
    count = metered.shape[1]
    hold, keep = 1 - np.exp(-1 / (fps * camera.exposure_s)), 1 - np.exp(-1 / (fps * camera.balance_s))
    level = np.log(metered.mean(2))
    tint = np.log(metered) - np.log(metered[:, :, 1:2])
    offset = rng.normal(0, 0.12, count)                       # metering sees more than the face
    gain = goal * np.exp(offset - level[:3].mean(0))          # it has settled
    before = tint[:3].mean(0)
    cast = balanced = np.log(white[:, 1:2] / white) + rng.normal(0, 0.05, (count, 3))
    gains = np.empty((len(x), count, 3), np.float32)
    settled, state = np.log(gain), np.log(gain)
    for k in range(len(x)):
        gains[k] = np.exp(settled[:, None] + cast)
        state = state + hold * (np.log(goal) + offset - level[k] - state)
        moved = np.abs(state - settled) > camera.exposure_step
        settled = np.where(moved, state, settled)
        cast = cast + keep * (balanced - camera.balance * (tint[k] - before) - cast)
    return x * gains[:, :, None, :]


def toned(camera, x, whole):
    """Matrix, tone curve, and what depends on the surroundings: 0..1 to levels. whole: which surface is the whole face,
    or None for their mean."""
    x = np.clip(x @ np.array(camera.matrix, np.float32).T, 1e-4, 1.3)
    y = np.power(x, np.float32(1 / camera.gamma))
    y = np.where(y > 0.8, 1 - 0.2 * np.exp(-(y - 0.8) / 0.2), y)  # highlights are rolled off
    if camera.contrast:
        y = (1 - camera.contrast) * y + camera.contrast * (3 * y ** 2 - 2 * y ** 3)
    if camera.local:
        luma = y @ YCC[0]
        around = luma[:, :, whole:whole + 1] if whole is not None else luma.mean(2, keepdims=True)
        y = y * ((luma / around) ** camera.local)[..., None]
    return 255 * y


def denoised(camera, x):
    """Temporal noise reduction, in place: a frame keeps some of the one before where little has changed."""
    for k in range(1, len(x)):
        step = x[k] - x[k - 1]
        still = camera.denoise / (1 + (step / camera.denoise_level) ** 2)
        x[k] -= still * step
    return x


def coded(rng, camera, x, coarse):
    """The codec: a block whose change is small is not worth its bits, less so in chroma. Noise lifts some blocks over
    that limit: of a mean over blocks a share follows [McDuff2017 sees pulses die with the rate]. Each key frame rounds
    the blocks anew; coarse [P]: 1 / sqrt(blocks)."""
    x = x @ YCC.T
    first = int(rng.integers(camera.gop))
    limit = np.array([camera.quant, 2 * camera.quant, 2 * camera.quant], np.float32)
    lift = (camera.read / 8) ** 2 * camera.grain  # variance of a block's mean, 8x8 pixels
    shown = x[0].copy()
    for k in range(len(x)):
        step = x[k] - shown
        if (k + first) % camera.gop == 0:
            error = rng.standard_normal(shown.shape, dtype=np.float32)
            shown = x[k] + 0.29 * limit * coarse[:, None] * error  # 1 / sqrt(12): of rounding
        else:
            square = step * step + lift
            shown = shown + step * (square / (square + limit * limit))
        x[k] = shown
    return x @ RGB.T


def sees(rng, camera, x, metered, white, pixels, fps, whole=None):
    """Light x [T][R][P][3] to levels of the file; pixels [P]: over how many of the sensor's each is a mean."""
    y = toned(camera, exposed(rng, camera, x, metered, white, fps), whole).astype(np.float32)
    fine = np.sqrt(np.maximum(pixels / camera.grain, 1)).astype(np.float32)
    noise = rng.standard_normal(y.shape[:3] + (1 if camera.grey else 3,), dtype=np.float32)
    y += noise * np.sqrt(camera.read ** 2 + camera.shot * y) / fine[:, None]
    if camera.denoise:
        y = denoised(camera, y)
    if camera.quant:
        y = coded(rng, camera, y, (1 / np.sqrt(np.maximum(pixels / 64, 1))).astype(np.float32))  # blocks of 8x8
    if camera.repeat:
        for k in np.flatnonzero(rng.random(len(y) - 1) < camera.repeat) + 1:
            y[k] = y[k - 1]
    if camera.grey:
        y[..., 1:] = y[..., :1]
    return np.clip(y, 0, 255, out=y)


def stamps(rng, camera, frames, fps):
    """Times of frames, which jitter and rise, and which of them arrive."""
    t = np.arange(frames) / fps + np.clip(rng.normal(0, camera.jitter_s, frames), -0.4 / fps, 0.4 / fps)
    arrive = rng.random(frames) >= camera.drop
    arrive[[0, -1]] = True
    return t, arrive


# ---- colour signals -------------------------------------------------------------------------------

WARM_UP = 15  # frames for exposure, noise reduction and codec to settle
BOX_FRAMES = 20  # over which the box is averaged [Kopeliovich2019, 4.1.1]


class Scene(NamedTuple):
    t: np.ndarray      # [R][T] stamps
    arrive: np.ndarray # [R][T]
    rgb: np.ndarray    # [T][R][6][3] levels
    wave: np.ndarray   # [T][R]
    bpm: np.ndarray    # [T][R]
    phase: np.ndarray  # [T][R] turns
    mixed: np.ndarray  # [R]
    subject: np.ndarray # [R] index into Sources.subjects


def tracked(rng, sources, frames, count):
    """Relative change [T][R][6][3] by a tracker whose box is averaged over BOX_FRAMES: of deviation 1 before that."""
    need = frames + BOX_FRAMES
    if sources.jitter:
        pieces = []
        for _ in range(count):
            clip = sources.jitter[rng.integers(len(sources.jitter))]
            at = rng.integers(len(clip) - need + 1) if len(clip) > need else 0
            pieces.append(clip[np.arange(at, at + need) % len(clip)])
        x = np.stack(pieces, axis=1)
    else:
        x = rng.standard_t(3, (need, count, 3, 1)).clip(-8, 8) * np.ones(3)
    x = np.einsum("pq,trqc->trpc", REGION_OF.astype(np.float32), x.astype(np.float32))
    total = np.cumsum(x, axis=0)
    return (total[BOX_FRAMES:] - total[:-BOX_FRAMES]) / BOX_FRAMES


def scene(rng, sources, camera, count, frames, fps, mixed, who=None):
    """count recordings at once; mixed [count]: whether the head moves; who [count]: subjects, else drawn."""
    frames += WARM_UP
    t = (np.arange(frames) - WARM_UP) / fps
    if who is None:
        who = rng.integers(len(sources.subjects), size=count)
    subject = sources.subjects[who]
    wave, bpm, phase = pulses(rng, sources, subject, t)
    yaw, pitch, mouth, breath = poses(rng, t, mixed)
    light = draw_light(rng, camera, subject)
    main, soft, shine = lit(light, NORMALS, yaw, pitch, SOFT, subject["shine"][None, :, None])
    f = np.float32
    blood = ((wave - 0.4) * (1 + rng.uniform(0, 0.15, count) * breath)).astype(f)[:, :, None, None] \
        * subject["perfusion"].astype(f)[:, :, None]
    x = (main[..., None] * light.skin[:, None].astype(f) * (1 + light.change[:, None].astype(f) * blood)
         + soft[..., None] * light.soft_skin[:, None].astype(f) * (1 + light.soft_change[:, None].astype(f) * blood)
         + shine[..., None] * light.white[:, None].astype(f))
    # the box follows the head late: what lies under a region slides, and turned heads show hair and wall
    lag = np.abs(yaw - smooth(yaw, 2 * BOX_FRAMES)) + np.abs(pitch - smooth(pitch, 2 * BOX_FRAMES))
    other = subject["no_skin"] * (1 + 0.02 * np.abs(yaw)[..., None] + 0.01 * np.abs(pitch)[..., None])
    other = np.clip(other, 0, 0.9).astype(f)[..., None]
    x = (1 - other) * x + other * (subject["hair"][:, None] * 0.5 * (light.white + light.soft_white)).astype(f)[:, None]
    slide = 1 + lag.astype(f)[..., None, None] * subject["texture"].astype(f)
    speaks = 1 - mouth.astype(f)[..., None, None] * np.array([0.03, 0.002, 0.02, 0.02, 0.05, 0.04], f)[:, None]
    lamp = 1 + np.exp(rng.normal(np.log(0.003), 0.6, count)) * wander_noise(rng, frames, count, 1 / fps, 5.0)
    box = np.exp(rng.normal(np.log(0.006), 0.5, count)) * (1 + mixed)
    x = x * slide.clip(0.3, 1.7) * speaks * lamp.astype(f)[..., None, None] \
        * (1 + box.astype(f)[:, None, None] * tracked(rng, sources, frames, count))
    rgb = sees(rng, camera, np.maximum(x, 1e-4).astype(f), x[:, :, 5], 0.5 * (light.white + light.soft_white),
               SHARE * camera.face ** 2, fps, whole=5)
    times = [stamps(rng, camera, frames - WARM_UP, fps) for _ in range(count)]
    return Scene(np.array([a for a, _ in times]), np.array([b for _, b in times]), rgb[WARM_UP:], wave[WARM_UP:],
                 bpm[WARM_UP:], phase[WARM_UP:], mixed, who)


class Clip(NamedTuple):
    t_s: np.ndarray   # [n]
    rgb: np.ndarray   # float32 [n][6][3], 0..255, regions and order of RPPG_LAYOUT_FACE6
    wave: np.ndarray  # [n], more is more blood
    bpm: np.ndarray   # [n] instantaneous
    scenario: str
    beat_s: np.ndarray  # when each beat begins; the first and the last lie outside
    subject: int      # index into Sources.subjects


SCENARIOS = ("stationary", "mixed")


def signals(rng, sources, camera, seconds, fps=15.0, motion="stationary", subject=None):
    """One recording, as its frames arrive; subject: index into sources.subjects, else drawn."""
    if motion not in SCENARIOS:
        raise ToolError(f"no scenario '{motion}': one of {', '.join(SCENARIOS)}")
    n = round(seconds * fps) + 1
    who = None if subject is None else np.array([subject])
    s = scene(rng, sources, camera, 1, n, fps, np.array([motion == "mixed"]), who)
    there, first = s.arrive[0], s.t[0][0]
    turns, at = s.phase[:, 0], np.arange(n) / fps - first
    around = 2.0 * s.bpm[[0, -1], 0] / 60  # two seconds more at either end
    whole = np.arange(np.floor(turns[0]), np.ceil(turns[-1]) + 1)
    beat_s = np.interp(whole, np.concatenate([turns[:1] - around[0], turns, turns[-1:] + around[1]]),
                       np.concatenate([at[:1] - 2, at, at[-1:] + 2]))
    return Clip(s.t[0][there] - first, s.rgb[there, 0], s.wave[there, 0], s.bpm[there, 0], motion, beat_s,
                int(s.subject[0]))


# ---- fragments ------------------------------------------------------------------------------------

def gridded(t, x, n, fps):
    """x [k][...] of times t, as rppg.h's session lays it on its grid: the line from frame to frame, averaged over cells
    of 1 / fps from the first frame on; n cells."""
    t = t - t[0]
    span = np.diff(t).reshape(-1, *[1] * (x.ndim - 1))
    area = np.concatenate([np.zeros((1, *x.shape[1:])), np.cumsum(0.5 * (x[1:] + x[:-1]) * span, axis=0)])
    edge = np.arange(n + 1) / fps
    k = np.clip(np.searchsorted(t, edge, side="right") - 1, 0, len(t) - 2)
    into = (edge - t[k]).reshape(-1, *[1] * (x.ndim - 1))
    upto = area[k] + into * (x[k] + 0.5 * into * (x[k + 1] - x[k]) / span[k])
    return (np.diff(upto, axis=0) * fps).astype(np.float32)


def ranged(x):
    """Each row to [-1, 1], as RPPG_NN_NORM_RANGE; 0 where nothing changes."""
    least, most = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    span = most - least
    return np.where(span > 0, np.float32(2) * (x - least) / np.where(span > 0, span, 1) - np.float32(1), np.float32(0))


def cut(t, rgb, frames=64, step=10, fps=15.0):
    """A recording (t [n] seconds, rgb [n][regions][3]) on the session's grid, in pieces of `frames` samples, `step`
    apart: levels [pieces][3 regions][frames], region by region R, G, B as the session orders them, and when each begins
    after the first frame, seconds."""
    cells = int((t[-1] - t[0]) * fps + 1e-6)
    starts = np.arange(0, cells - frames + 1, step)
    g = gridded(t, rgb.reshape(len(rgb), -1), cells, fps)
    return g[starts[:, None] + np.arange(frames)].transpose(0, 2, 1), starts / fps


FRAGMENTS_A_RECORDING = 12


def fragments(rng, sources, cameras, n, frames=64, step=10, fps=15.0, mixed=MIXED, scaled=True):
    """(x [n][1][18][frames], bpm [n] mean over the fragment, camera [n] index into cameras, mixed motion [n]).

    Each recording gives up to FRAGMENTS_A_RECORDING fragments, step samples apart, and has a camera and a subject of
    its own; mixed: share of recordings with motion. scaled: rows in [-1, 1], else levels."""
    per = min(FRAGMENTS_A_RECORDING, n)
    count = -(-n // per)
    cells = frames + step * (per - 1)
    out_x, out_bpm, out_camera, out_mixed = [], [], [], []
    which = rng.integers(len(cameras), size=count)
    for c in np.unique(which):
        r = int((which == c).sum())
        s = scene(rng, sources, cameras[c], r, cells + 3, fps, rng.random(r) < mixed)
        uniform = np.arange(len(s.phase)) / fps
        for k in range(r):
            there = s.arrive[k]
            x, begin = cut(s.t[k][there], s.rgb[there, k], frames, step, fps)
            turns = np.interp(s.t[k][0] + np.array([begin[:per], begin[:per] + frames / fps]), uniform, s.phase[:, k])
            out_x.append(x[:per])
            out_bpm.append(60 * fps / frames * (turns[1] - turns[0]))
        out_camera.append(np.full(r * per, c))
        out_mixed.append(np.repeat(s.mixed, per))
    x, bpm = np.concatenate(out_x), np.concatenate(out_bpm)
    keep = rng.permutation(len(x))[:n]
    x = ranged(x[keep]) if scaled else x[keep]
    return (x[:, None], bpm[keep].astype(np.float32), np.concatenate(out_camera)[keep], np.concatenate(out_mixed)[keep])


# ---- face patches ---------------------------------------------------------------------------------

MARGIN = 1.5  # of the patch over the face box, as in RPPG_NN_PATCHES models


def blob(u, v, at, size, edge=0.03):
    """1 inside of an ellipse, 0 outside, with a soft edge"""
    d = np.hypot((u - at[0]) / size[0], (v - at[1]) / size[1])
    return 1 / (1 + np.exp((d - 1) * min(size) / edge))


class Head(NamedTuple):
    """Fields over the pixels [P] of a patch: skin times texture, that times perfusion, colour of what is no skin
    [P][3], the mouth; normals [P][3]; height over the picture."""
    skin: np.ndarray
    blood: np.ndarray
    other: np.ndarray
    mouth: np.ndarray
    normals: np.ndarray
    depth: np.ndarray


def draw_head(rng, subject, size, grey=False):
    """A head in the box's own coordinates: -0.5 to 0.5 is the box, brows to below the lip."""
    axis = ((np.arange(size) + 0.5) / size - 0.5) * MARGIN
    v, u = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
    width, height = rng.uniform(0.38, 0.46), rng.uniform(0.58, 0.68)
    head = blob(u, v, (0, -0.02), (width, height))
    line = rng.uniform(-0.45, -0.33)                                       # of the hair
    hair = head / (1 + np.exp((v - line - 0.3 * u ** 2) / 0.02))
    eye, up = rng.uniform(0.15, 0.2), rng.uniform(-0.14, -0.08)
    dark = sum(blob(u, v, (s * eye, up), (0.07, 0.03), 0.02) for s in (-1, 1))
    dark += 0.8 * sum(blob(u, v, (s * eye, up - 0.09), (0.09, 0.018), 0.02) for s in (-1, 1)) * rng.uniform(0.4, 1)
    dark += 0.5 * sum(blob(u, v, (s * 0.04, 0.14), (0.02, 0.012), 0.02) for s in (-1, 1))
    mouth = blob(u, v, (0, rng.uniform(0.26, 0.32)), (0.14, 0.045), 0.02)
    beard = rng.choice([0, 0, 0.6]) * head / (1 + np.exp(-(v - 0.15 - 0.4 * np.abs(u)) / 0.05))
    bare = np.clip(1 - dark.clip(0, 1) - hair - beard, 0, 1) * head
    texture = 1 + 0.03 * rng.standard_normal(len(u))
    patchy = sum(rng.normal(0, 0.15) * np.cos(rng.normal(0, 5) * u + rng.normal(0, 5) * v + rng.uniform(0, 7))
                 for _ in range(4))
    cheeks = 1 + 0.25 * sum(blob(u, v, (s * 0.22, 0.08), (0.13, 0.12), 0.05) for s in (-1, 1))
    cheeks += 0.2 * blob(u, v, (0, -0.28), (0.3, 0.1), 0.05)  # the forehead
    wall = rng.uniform(0.1, 0.7) * rng.uniform(0.8, 1.2, 3)
    wall = wall * (1 + 0.3 * rng.normal() * u + 0.3 * rng.normal() * v)[:, None]
    tone = 0.5 * subject["hair"] * rng.uniform(0.8, 1.2, 3)
    if grey:
        wall, tone = wall[:, :1] * np.ones(3), tone[:1] * np.ones(3)
    other = (1 - head)[:, None] * wall.clip(0.02) + (head - bare).clip(0)[:, None] * tone
    depth = np.sqrt(np.maximum(1 - (u / width) ** 2 - (v / height) ** 2, 0.02)) * head
    normals = np.stack([u / width ** 2, v / height ** 2, depth / width], axis=1) + 1e-3
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    skin = bare * texture * (1 - 0.25 * mouth)
    return Head(skin, skin * cheeks * np.maximum(1 + patchy, 0.2), other, mouth, normals, depth)


def moved(fields, size, right, down, depth, lean):
    """fields [P][K] of a size x size picture, shifted by right and down [T] pixels, near things by depth [P] times lean
    [T][2] pixels more: [T][P][K], bilinear, edges repeated."""
    y, x = np.divmod(np.arange(size * size), size)
    x = np.clip(x - right[:, None] - depth * lean[:, :1], 0, size - 1.001).astype(np.float32)
    y = np.clip(y - down[:, None] - depth * lean[:, 1:], 0, size - 1.001).astype(np.float32)
    left, top = x.astype(np.int32), y.astype(np.int32)
    x, y, at = (x - left)[..., None], (y - top)[..., None], top * size + left

    def between(low, high, share):
        low *= 1 - share
        high *= share
        low += high
        return low
    above, below = (between(fields.take(at + row, axis=0), fields.take(at + row + 1, axis=0), x) for row in (0, size))
    return between(above, below, y)


def patches(rng, sources, camera, frames, size, fps=30.0, motion="stationary", who=None):
    """(video float32 [frames][size][size][3] 0..255, wave [frames], bpm mean): a face box times MARGIN as rppg_patch
    gives it. who: index into sources.subjects, who then has always the same head, too; else drawn."""
    if motion not in SCENARIOS:
        raise ToolError(f"no scenario '{motion}': one of {', '.join(SCENARIOS)}")
    f, n = np.float32, frames + WARM_UP
    t = (np.arange(n) - WARM_UP) / fps
    subject = sources.subjects[rng.integers(len(sources.subjects), size=1) if who is None else [who]]
    wave, bpm, phase = pulses(rng, sources, subject, t)
    yaw, pitch, mouth, breath = poses(rng, t, np.array([motion == "mixed"]))
    yaw, pitch = np.clip(yaw, -35, 35), np.clip(pitch, -25, 25)  # a tracker has no frontal face beyond
    light = draw_light(rng, camera, subject)
    head_rng = rng if who is None else np.random.default_rng([SEED, data.SPLITS.index(sources.split), who])
    head = draw_head(head_rng, subject[0], size, camera.grey)
    main, soft, shine = (a[:, 0] for a in lit(light, head.normals, yaw, pitch, 0.0, subject["shine"][None, :, None]))
    shake = 0.006 * np.exp(rng.normal(0, 0.5)) * tracked(rng, sources, n, 1)[:, 0]
    pixels, angle = size / MARGIN, np.deg2rad(np.concatenate([yaw, pitch], axis=1))
    late = 0.25 * pixels * (angle - smooth(angle, round(1.3 * fps)))  # the box follows [Kopeliovich2019, 4.1.1]
    fields = np.column_stack([head.skin, head.blood, head.mouth, head.depth > 0.15, head.other])
    seen = moved(np.ascontiguousarray(fields, f), size, late[:, 0] + pixels * shake[:, 2, 1], late[:, 1] + pixels * shake[:, 3, 1],
                 head.depth, 0.2 * pixels * angle)
    skin, blood, lips, front = (seen[..., k, None] for k in range(4))
    beat = ((wave[:, 0] - 0.4) * (1 + rng.uniform(0, 0.15) * breath[:, 0])).astype(f)[:, None, None]
    main, soft = main[..., None], soft[..., None]
    x = skin * (main * light.skin.astype(f) + soft * light.soft_skin.astype(f))
    x += blood * beat * (main * (light.skin * light.change).astype(f)
                         + soft * (light.soft_skin * light.soft_change).astype(f))
    x += seen[..., 4:] * (0.5 * (light.white + light.soft_white)).astype(f) * (0.3 + 0.7 * (main + soft))
    x += front * shine[..., None] * light.white.astype(f)
    lamp = 1 + np.exp(rng.normal(np.log(0.003), 0.6)) * wander_noise(rng, n, 1, 1 / fps, 5.0)
    x *= (1 - 0.5 * mouth.astype(f)[:, :, None] * lips) * lamp.astype(f)[:, :, None]
    face = np.flatnonzero(head.depth > 0.3)
    video = sees(rng, camera, np.maximum(x, 1e-4)[:, None], x[:, None, face[::7]].mean(2),
                 0.5 * (light.white + light.soft_white),
                 np.full(size * size, (camera.face / pixels) ** 2), fps)
    rate = 60 * (phase[-1, 0] - phase[WARM_UP, 0]) / (t[-1] - t[WARM_UP])
    return video[WARM_UP:, 0].reshape(frames, size, size, 3), wave[WARM_UP:, 0], float(rate)


# ---- command --------------------------------------------------------------------------------------

def add_command(commands):
    p = commands.add_parser("synth", help="write simulated recordings", description="""
        Colour signals of six regions with a known pulse, by the dichromatic model, in the layout of `check`: trace.csv,
        rr.csv and about.json. See the top of rppg_tools/scene.py.""")
    p.add_argument("out", type=pathlib.Path, metavar="OUT", help="folder to write, new or empty")
    p.add_argument("--camera", default="webcam", choices=CAMERAS, help="its class (webcam)")
    p.add_argument("--n", type=int, default=20, help="recordings (20)")
    p.add_argument("--seconds", type=float, default=60.0, help="of each (60)")
    p.add_argument("--fps", type=float, default=15.0, help="frames a second (15)")
    p.add_argument("--motion", default="both", choices=(*SCENARIOS, "both"), help="both: three of ten are mixed (both)")
    p.add_argument("--split", default="train", choices=data.SPLITS, help="whose beats, jitter and subjects (train)")
    p.add_argument("--seed", type=int, default=1, help="(1)")
    p.add_argument("--data", type=pathlib.Path, metavar="FOLDER",
                   help="recordings to take beats and jitter from, see evaluate; without, they are drawn")
    p.set_defaults(run=run)


def save(folder, clip, camera, split):
    """One recording in the layout of own.py."""
    folder.mkdir(parents=True)
    names = "t," + ",".join(f"r{k},g{k},b{k}" for k in range(1, clip.rgb.shape[1] + 1))
    rows = np.column_stack([clip.t_s, clip.rgb.reshape(len(clip.rgb), -1)])
    np.savetxt(folder / "trace.csv", rows, "%.6f" + ",%.4f" * (rows.shape[1] - 1), header=names, comments="")
    rr = np.column_stack([clip.beat_s[1:], np.diff(clip.beat_s)])
    np.savetxt(folder / "rr.csv", rr, "%.5f", ",", header="t,rr", comments="")
    about = {"subject": f"{split} {clip.subject}", "camera": camera.name, "scenario": clip.scenario, "split": split}
    (folder / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")


def run(args):
    if args.n < 1 or not 5 <= args.seconds <= 3600 or not 10 <= args.fps <= 120:
        raise ToolError("--n must be 1 or more, --seconds 5 to 3600, --fps 10 to 120")
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise ToolError(f"{args.out}: not an empty folder; nothing was written")
    sources, rng = Sources(args.data, args.split), np.random.default_rng([args.seed, data.SPLITS.index(args.split)])
    drawn = [name for name, real in sources.real.items() if not real]
    if drawn:
        print(f"rppg_tools: no recordings to take {', '.join(drawn)} from: drawn instead", file=sys.stderr)
    for k in range(args.n):
        motion = SCENARIOS[k % 10 >= 7] if args.motion == "both" else args.motion
        clip = signals(rng, sources, CAMERAS[args.camera], args.seconds, args.fps, motion)
        save(args.out / f"{args.camera}_{k:04}", clip, CAMERAS[args.camera], args.split)
    print(f"{args.n} recordings of {args.seconds:g} s by '{args.camera}', split {args.split}, "
          f"from {len(sources.names)} real ones")
    return 0
