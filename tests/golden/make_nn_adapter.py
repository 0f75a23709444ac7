"""Small models with adapters for tests/test_adapt.c, and what PyTorch makes of them, in double.

  signals   43 rates from 40 bpm, 2 bpm apart: the power of ROI 5's green at each, over 64 frames of 15 Hz;
            a matrix for each ROI, gains and offsets, a head of 3 channels
  clip      pulse wave from 60 patches of 8 x 8 at 30 Hz: mean green less mean red; one matrix, gains and
            offsets, a filter of 5 taps
  grey      six signals, of a camera with one channel, to their means; gains and offsets alone

Pixels and colours are formulas, here and in the test.
"""
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from rppg_tools import blob  # noqa: E402

SEED = 20261125
rng = np.random.default_rng(SEED)
BPM = 40 + 2 * np.arange(43)


def normal(*shape, scale=0.3):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def double(x):
    return torch.tensor(np.asarray(x), dtype=torch.float64)


def waves():
    t = np.arange(64) / 15
    window, phase = np.hanning(66)[1:-1], 2 * np.pi * t * BPM[:, None] / 60
    exact = np.concatenate([np.cos(phase), np.sin(phase)]) * window
    return exact.astype(np.float16).astype(np.float32)  # as the blob has them


def spectrum():
    g = blob.Graph()
    x = g.input((1, 18, 64, 1))
    green = g.reshape(g.slice(x, (0, 16, 0, 0), (1, 1, 64, 1)), (1, 1, 1, 64))
    mean = g.binary("sub", green, g.reduce(green, "mean", (3,)))
    g.output(g.dense(g.act(g.dense(mean, waves()), "square"), np.concatenate([np.eye(43), np.eye(43)], axis=1) * 0.0625))
    g.spec = dict(task=1, source=1, frames=64, hop=10, fps=15.0, layout=0, channels=18, norm=2, bpm_first=40.0, bpm_step=2.0)
    return g


def colours():
    """[64][18], float32 as in the test."""
    i, k = np.arange(64)[:, None], np.arange(18)
    return (100 + (37 * i + 11 * k * i + 5 * k) % 101 * 0.125).astype(np.float32)


def ranged(x):
    low, high = x.min(1, keepdim=True).values, x.max(1, keepdim=True).values
    return 2 * (x - low) / (high - low) - 1


def scores(x):
    green = x[16] - x[16].mean()
    both = (double(waves()) @ green) ** 2
    return 0.0625 * (both[:43] + both[43:])


def head(z, a):
    z = (z - z.mean()).reshape(1, 1, -1)
    pad = a.rise.shape[1] // 2
    r = torch.relu(torch.nn.functional.conv1d(z, double(a.rise)[:, None], double(a.bias), padding=pad))
    return (z + torch.nn.functional.conv1d(r, double(a.fall)[None], padding=pad)).reshape(-1)


def signals():
    g = spectrum()
    g.adapter = a = blob.Adapter(np.eye(3, dtype=np.float32) + normal(6, 3, 3, scale=0.1), 1 + normal(18, scale=0.1),
                                 normal(18, scale=0.1), normal(3, 5), normal(3), normal(3, 5))
    rgb = double(colours()).reshape(64, 6, 3)
    mixed = torch.einsum("rcj,trj->rct", double(a.mix), rgb).reshape(18, 64)
    x = double(a.gain)[:, None] * ranged(mixed) + double(a.offset)[:, None]
    return g.pack("f16"), x, torch.softmax(head(scores(x), a), 0)


def clip():
    g = blob.Graph()
    x = g.input((60, 8, 8, 3))
    g.output(g.conv(g.reduce(x, "mean", (1, 2)), np.array([[-1.0, 1.0, 0.0]]).reshape(1, 3, 1)))
    g.spec = dict(task=2, source=2, frames=60, hop=60, fps=30.0, channels=3, w=8, h=8, norm=1, margin=1.0)
    g.adapter = a = blob.Adapter(np.eye(3, dtype=np.float32)[None] + normal(1, 3, 3, scale=0.1), 1 + normal(3, scale=0.1),
                                 normal(3, scale=0.1), filter=normal(5))
    t, i = np.arange(60)[:, None], np.arange(192)
    rgb = double((37 * i + 53 * t + 3 * i * t) % 251).reshape(60, 8, 8, 3)
    x = torch.einsum("cj,thwj->thwc", double(a.mix[0]), rgb) / 255
    x = double(a.gain) * x + double(a.offset)
    mean = x.mean((1, 2))
    wave = (mean[:, 1] - mean[:, 0]).reshape(1, 1, -1)
    filtered = wave + torch.nn.functional.conv1d(wave, double(a.filter)[None, None], padding=2)
    return g.pack(), x[[0, 59]], wave, filtered


def grey():
    g = blob.Graph()
    x = g.input((1, 6, 64, 1))
    g.output(g.reshape(g.reduce(x, "mean", (2,)), (1, 1, 1, 6)))
    g.spec = dict(task=1, source=1, frames=64, hop=10, fps=15.0, layout=0, channels=6, norm=2, bpm_first=60.0, bpm_step=10.0)
    g.adapter = a = blob.Adapter(gain=1 + normal(6, scale=0.1), offset=normal(6, scale=0.1))
    x = ranged(double(colours()).reshape(64, 6, 3)[:, :, 1].T)
    return g.pack("f16"), double(a.gain)[:, None] * x + double(a.offset)[:, None]


def show(kind, name, values, text):
    values = [text(v) for v in values]
    print(f"static const {kind} {name}[{len(values)}] = {{")
    for i in range(0, len(values), 24):
        print("  " + ", ".join(values[i:i + 24]) + ("," if i + 24 < len(values) else ""))
    print("};")


def show_model(name, data, *results):
    show("unsigned char", f"gold_{name}", data, str)
    for what, values in results:
        show("float", f"gold_{name}_{what}", np.ravel(values), lambda v: f"{str(np.float32(v))}f")


print(f"/* Made by tests/golden/{pathlib.Path(__file__).name}; NumPy {np.__version__}, PyTorch {torch.__version__.split('+')[0]}; "
      f"seed {SEED}. Do not edit. */")
data, x, share = signals()
show_model("signals", data, ("in", x), ("share", share))
data, x, wave, filtered = clip()
show_model("clip", data, ("in", x), ("wave", wave), ("filtered", filtered))
data, x = grey()
show_model("grey", data, ("in", x))
