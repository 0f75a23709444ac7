"""Small models for tests/test_model.c, with weights that are written down rather than trained: their answers are known.

  signals   43 rates from 40 bpm, 2 bpm apart: the power of ROI 5's green at each, over 64 frames of 15 Hz
  clip      pulse wave from 60 patches of 8 x 8 at 30 Hz: mean green less mean red
  slope     the same from its differences, one frame at a time, with a state
"""
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from rppg_tools import blob  # noqa: E402


def signals():
    g = blob.Graph()
    x = g.input((1, 18, 64, 1))
    bpm = 40 + 2 * np.arange(43)
    t = np.arange(64) / 15
    window = np.hanning(66)[1:-1]
    phase = 2 * np.pi * t * bpm[:, None] / 60
    waves = np.concatenate([np.cos(phase) * window, np.sin(phase) * window])
    green = g.reshape(g.slice(x, (0, 3 * 5 + 1, 0, 0), (1, 1, 64, 1)), (1, 1, 1, 64))
    mean = g.binary("sub", green, g.reduce(green, "mean", (3,)))
    both = g.act(g.dense(mean, waves), "square")
    power = g.dense(both, np.concatenate([np.eye(43), np.eye(43)], axis=1) * 0.05)  # scores: softmax sharpens them
    g.output(power)
    g.spec = dict(task=1, source=1, frames=64, hop=10, fps=15.0, layout=0, channels=18, norm=2, bpm_first=40.0, bpm_step=2.0)
    g.camera, g.note = "synthetic", "a spectrum in the form of a network"
    return g.pack("f16")


def clip():
    g = blob.Graph()
    x = g.input((60, 8, 8, 3))
    g.output(g.conv(g.reduce(x, "mean", (1, 2)), np.array([[-1.0, 1.0, 0.0]]).reshape(1, 3, 1)))
    g.spec = dict(task=2, source=2, frames=60, hop=15, fps=30.0, channels=3, w=8, h=8, norm=1, margin=1.0)
    return g.pack("f32")


def slope():
    g = blob.Graph()
    x = g.input((1, 8, 8, 3))
    state = g.state((1, 1, 1, 1))
    now = g.conv(g.reduce(x, "mean", (1, 2)), np.array([[-1.0, 1.0, 0.0]]).reshape(1, 3, 1))
    g.output(g.binary("sub", now, state))
    g.store(now, state)
    g.spec = dict(task=3, source=2, frames=1, hop=1, fps=30.0, channels=3, w=8, h=8, norm=1, margin=1.2)
    return g.pack("f32")


print(f"/* Made by tests/golden/{pathlib.Path(__file__).name}: no random numbers, the weights are formulas. */")
for name, data in (("signals", signals()), ("clip", clip()), ("slope", slope())):
    rows = [", ".join(str(b) for b in data[i:i + 24]) for i in range(0, len(data), 24)]
    print(f"static const unsigned char model_{name}[{len(data)}] = {{\n  " + ",\n  ".join(rows) + "\n};")
