#!/usr/bin/env python3
"""Prints nn_open.h: three small models as blobs, and what they compute, in double by SciPy and NumPy.

  cnn      convolution, maximum, a vector, softmax; f32, with every chunk
  causal   one frame in, one number out; a state that begins as a weight, one that begins as zeros
  mixed    the weights of one convolution as f16, of another as s8
  adapted  six signals to five classes, with an adapter, which rppg_nn_run does not apply

Inputs are ((37 i + 11 run) mod 101 - 50) / 64, here and in the test.
"""
import pathlib
import sys

import numpy as np
import scipy
from scipy import signal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from rppg_tools import blob  # noqa: E402

SEED = 20261124
rng = np.random.default_rng(SEED)
ROW = 24


def normal(*shape):
    return (rng.standard_normal(shape) * 0.4).astype(np.float32)


def given(n, run=0):
    return ((37 * np.arange(n) + 11 * run) % 101 - 50) / 64


def conv2d(x, w, b, pad):
    """x [H][W][Ci], w [Co][Ci][kh][kw], in double."""
    x = np.pad(x, [(p, p) for p in pad] + [(0, 0)])
    y = [sum(signal.correlate(x[:, :, i], w[o, i].astype(float), "valid", "direct") for i in range(w.shape[1])) + b[o]
         for o in range(len(w))]
    return np.moveaxis(np.array(y), 0, -1)


def show(kind, name, values, text):
    values = [text(v) for v in values]
    print(f"static const {kind} {name}[] = {{")
    for i in range(0, len(values), ROW):
        print("  " + ", ".join(values[i:i + ROW]) + ("," if i + ROW < len(values) else ""))
    print("};")


def finish(name, graph, out, kinds=None):
    plain, kinds = blob.pack_conv, iter(kinds or ())
    if kinds is not None:
        blob.pack_conv = lambda layer, kind: plain(layer, next(kinds, "f32"))
    data = graph.pack()
    blob.pack_conv = plain
    print(f"\n/* {name}: {len(data)} bytes */")
    show("unsigned char", f"gold_{name}", data, str)
    show("float", f"gold_{name}_out", np.ravel(out), lambda v: f"{str(np.float32(v))}f")


def cnn():
    g, w, b = blob.Graph(), normal(2, 1, 3, 3), normal(2)
    x = g.input((1, 5, 6, 1))
    y = g.pool(g.conv(x, w, b, pad=(0, 1, 1), act="relu"), "max", (1, 2, 2))
    dense, shift = normal(4, y.size), normal(4)
    flat, permuted = g.flatten(y, dense)
    g.output(g.softmax(g.dense(flat, permuted, shift), 0.5))
    g.spec = {"task": 1, "source": 2, "frames": 1, "hop": 1, "fps": 30.0, "channels": 1, "w": 6, "h": 5, "norm": 1,
              "bpm_first": 40.0, "bpm_step": 5.0, "margin": 1.5}
    g.camera, g.note, g.classes = "none", "three layers", np.array([50.0, 60.0, 70.0, 80.0])

    z = np.maximum(conv2d(given(30).reshape(5, 6, 1), w, b, (1, 1)), 0)[:4]
    z = z.reshape(2, 2, 3, 2, 2).max((1, 3))
    z = 0.5 * (dense.astype(float) @ np.moveaxis(z, -1, 0).ravel() + shift)
    finish("cnn", g, np.exp(z) / np.exp(z).sum())


def causal():
    g, past, w, b, last = blob.Graph(), normal(1, 1, 2, 3), normal(2, 3, 3), normal(2), normal(1, 2)
    x = g.input((1, 1, 1, 3))
    s, t = g.state((1, 1, 2, 3), past), g.state((1, 1, 1, 2))
    window = g.concat([s, x], 2)
    y = g.conv(window, w, b, act="tanh")
    y = g.binary("add", y, g.binary("mul", t, np.float32(0.5)))
    g.store(g.slice(window, (0, 0, 1, 0), (1, 1, 2, 3)), s)
    g.store(y, t)
    g.output(g.dense(y, last))

    rows, before, out = past.reshape(2, 3).astype(float), np.zeros(2), []
    for run in range(5):
        rows = np.vstack([rows[-2:], given(3, run)])
        before = np.tanh(np.einsum("oik,ki->o", w.astype(float), rows) + b) + 0.5 * before
        out.append(last.astype(float) @ before)
    finish("causal", g, out)


def mixed():
    g, w, b, v = blob.Graph(), normal(3, 2, 3), normal(3), normal(2, 3, 1)
    x = g.input((1, 1, 9, 2))
    g.output(g.conv(g.conv(x, w, b, stride=(1, 1, 2), act="relu"), v))

    half = w.astype(np.float16).astype(float)
    step = np.abs(v).reshape(2, -1).max(axis=1).astype(np.float32) / np.float32(127)
    whole = np.rint(v / step[:, None, None]) * step[:, None, None].astype(float)
    y = np.maximum(conv2d(given(18).reshape(1, 9, 2), half[:, :, None], b, (0, 0))[:, ::2], 0)
    finish("mixed", g, conv2d(y, whole[:, :, None], np.zeros(2), (0, 0)), ["f16", "s8"])


def adapted():
    g, w, b = blob.Graph(), normal(5, 24), normal(5)
    x = g.input((1, 6, 4, 1))
    g.output(g.dense(g.reshape(x, (1, 1, 1, 24)), w, b))
    g.spec = {"task": 1, "source": 1, "frames": 4, "hop": 1, "fps": 30.0, "channels": 6, "norm": 2, "bpm_first": 40.0, "bpm_step": 5.0}
    g.adapter = blob.Adapter(normal(2, 3, 3), normal(6), normal(6), normal(2, 3), normal(2), normal(2, 3))
    g.note = "three parts"
    finish("adapted", g, w.astype(float) @ given(24) + b)


print(f"/* tests/golden/make_nn_open.py; NumPy {np.__version__}, SciPy {scipy.__version__}; seed {SEED}. "
      "Do not edit. */")
cnn()
causal()
mixed()
adapted()
