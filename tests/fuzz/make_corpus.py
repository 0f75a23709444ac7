#!/usr/bin/env python3
"""Writes corpus/*.rppg: small models that together have every op, the seeds of fuzz_nn.c.

    PYTHONPATH=tools python3 tests/fuzz/make_corpus.py [FOLDER]
"""
import pathlib
import sys

import numpy as np

from rppg_tools import blob

SEED = 20261123
MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


def normal(*shape):
    return (rng.standard_normal(shape) * 0.3).astype(np.float32)


@model
def cnn(g):
    """Image to a vector: convolutions, pools, a dense layer."""
    x = g.input((1, 10, 10, 3))
    x = g.conv(x, normal(8, 3, 3, 3), normal(8), pad=(0, 1, 1), act="relu")
    x = g.pool(x, "max", (1, 2, 2))
    x = g.conv(x, normal(18, 8, 3, 3), None, stride=(1, 2, 2), pad=(0, 1, 1), act="elu")
    x = g.pool(x, "mean", (1, 3, 3), (1, 2, 2), (0, 1, 1))
    x, w = g.flatten(x, normal(5, x.size))
    g.output(g.softmax(g.dense(x, w, normal(5)), 0.5))


@model
def clip(g):
    """Three axes, groups, dilation, and what is fused into a convolution."""
    x = g.input((4, 6, 6, 4))
    y = g.conv(x, normal(8, 2, 3, 3, 3), normal(8), pad=(2, 1, 1), dilation=(2, 1, 1), groups=2)
    y = g.act(g.affine(y, 1 + normal(8), normal(8)), "tanh")
    z = g.conv(y, normal(8, 8, 1, 1, 1), normal(8))
    y = g.act(g.binary("add", z, y), "relu")
    y = g.pool(y, "max", (2, 2, 2), 2, 0)
    g.output(g.reduce(y, "mean", (1, 2)))
    g.output(g.adaptive_pool(y, "mean", (1, 2, 1), act="sigmoid"))


@model
def causal(g):
    """One frame in, one number out, and a state."""
    x = g.input((1, 1, 1, 6))
    s = g.state((1, 1, 4, 6), normal(1, 1, 4, 6))
    t = g.state((1, 1, 1, 3))
    window = g.concat([g.slice(s, (0, 0, 1, 0), (1, 1, 3, 6)), x], 2)
    g.store(window, s)
    y = g.conv(window, normal(3, 6, 4), normal(3), act="gelu")
    y = g.binary("add", y, g.binary("mul", t, np.float32(0.5)))
    g.store(y, t)
    g.output(g.dense(y, normal(1, 3), normal(1)))


@model
def depthwise(g):
    x = g.input((1, 7, 5, 6))
    x = g.conv(x, normal(6, 1, 3, 3), normal(6), stride=(1, 2, 1), pad=(0, 1, 1), groups=6, act="silu")
    x = g.conv(x, normal(17, 6, 1, 1), None, act="relu6")
    g.output(x)


@model
def moves(g):
    """Numbers moved about, sums, several inputs."""
    x, y = g.input((1, 3, 4, 5)), g.input((1, 1, 4, 5))
    z = g.permute(g.binary("mul", x, y), (0, 2, 1, 3))
    z = g.concat([z, g.slice(z, (0, 0, 1, 0), (1, 4, 1, 5)), g.act(z, "neg")], 2)
    z = g.reshape(z, (1, 1, 4, z.size // 4))
    g.output(g.reduce(z, "max", (3,), act="abs"))
    g.output(g.slice(z, (0, 0, 0, 1), (1, 1, 2, 3), (1, 1, 2, 3)))
    g.output(g.softmax(g.reduce(x, "sum", (0, 1))))


@model
def elements(g):
    """Every activation and every operation of two tensors."""
    x = y = g.input((1, 1, 2, 9))
    for name in blob.ACTS[1:]:
        y = g.act(y, name)
    for op in blob.BINARY:
        y = g.binary(op, y, normal(1, 9) + 1.5, act="softplus")
    for kind in blob.REDUCE:
        y = g.binary("add", y, g.reduce(y, kind, (2,)))
    g.output(g.affine(g.binary("sub", y, x), normal(9), normal(9)))


@model
def wide(g):
    """Whole blocks of 16 channels: the transforms of 3 by 3, of rows and of clips."""
    x = g.input((1, 7, 9, 16))
    x = g.conv(x, normal(16, 16, 3, 3), normal(16), pad=(0, 1, 1), act="relu")
    g.output(g.reduce(x, "mean", (1,)))


@model
def rows(g):
    x = g.input((1, 1, 21, 16))
    x = g.conv(x, normal(32, 16, 5), normal(32), pad=(0, 0, 2), act="elu")
    g.output(g.dense(x, normal(3, 32)))


@model
def volume(g):
    x = g.input((4, 5, 6, 16))
    y = g.conv(x, normal(16, 16, 3, 3, 3), None, pad=1)
    g.output(g.binary("add", y, x))


@model
def up(g):
    """Transposed convolution, resizing, norms."""
    x = g.input((2, 4, 5, 4))
    x = g.upconv(x, normal(4, 6, 1, 4, 4), normal(6), (1, 2, 2), (0, 1, 1), act="elu")
    x = g.group_norm(x, 3, normal(6), normal(6), act="relu")
    x = g.resize(x, (3, 5, 6), True)
    x = g.upsample(g.instance_norm(x), (1, 2, 1))
    g.output(g.layer_norm(x, normal(6), normal(6)))
    g.output(g.rms_norm(x, normal(6), gate=x, gate_after=True))


@model
def attention(g):
    x = g.input((1, 1, 8, 12))
    q, k, v = (g.dense(x, normal(8, 12), normal(8)) for _ in range(3))
    g.output(g.attention(q, k, v, 2, 0.5))
    clip = g.input((2, 4, 4, 4))
    region = (1, 2, 2)
    pooled = g.reshape(g.pool(clip, "avg", region), (1, 1, 8, 4))
    scores = g.matmul(pooled, pooled, transposed=True)
    g.output(g.attention(clip, clip, clip, 2, 0.7, scores, region, 3))
    g.output(g.matmul(scores, pooled, 0.25, act="tanh"))


@model
def scans(g):
    x, dt = g.input((1, 1, 6, 8)), g.input((1, 1, 6, 8))
    b, c = g.dense(x, normal(4, 8)), g.dense(x, normal(4, 8))
    dt = g.act(dt, "softplus")
    a = -np.abs(normal(8, 4))
    y = g.scan(x, dt, b, c, a, normal(8))
    y = g.binary("add", y, g.scan(x, dt, b, c, a, backward=True, sequences=2))
    g.output(y)
    g.output(g.scan(x, dt, b, c, -np.abs(normal(8, 1)), imaginary=normal(8, 1)))


@model
def streams(g):
    """Everything that keeps a state."""
    x = g.input((1, 1, 1, 6))
    x = g.ema(x, 0.1, 1e-5, 3.0, begins=(0.0, 1.0))
    x = g.causal(x, normal(6, 3), normal(6), act="silu")
    b, c, dt = g.dense(x, normal(4, 6)), g.dense(x, normal(4, 6)), g.dense(x, normal(6, 6), act="softplus")
    y = g.scan(x, dt, b, c, -np.abs(normal(6, 4)), normal(6), state=g.scan_state(6, 4))
    g.output(g.dense(y, normal(1, 6)))


@model
def clips(g):
    """What a clip goes through before and between convolutions."""
    x = g.input((6, 4, 4, 3))
    x = g.standardise(g.diff(x, True, zeros_behind=True))
    x = g.shift_time(x, 3)
    mask = g.attention_mask(g.conv(x, normal(1, 3, 1, 1), normal(1), act="sigmoid"))
    x = g.binary("mul", x, mask)
    g.output(g.nmf(g.act(x, "abs"), 3))
    g.output(g.shift_time(g.diff(x), 5, 1, True))
    g.output(g.codebook(x, normal(5), 8.0))


@model
def spectra(g):
    x = g.input((1, 1, 12, 2))
    y = g.act(g.rfft(x, 0.5), "sin")
    g.output(g.cumsum(g.irfft(y, (1, 1, 12)), 2))
    g.output(g.rfft(g.slice(x, (0, 0, 0, 0), (1, 1, 7, 2))))


@model
def tokens(g):
    """Attention of one head, without an op of its own: what can be said with these."""
    x = g.input((1, 1, 6, 8))
    a = g.dense(x, normal(16, 8), normal(16), act="gelu_tanh")
    a = g.binary("add", g.dense(a, normal(8, 16), normal(8)), x)
    g.output(g.softmax(a))


def integers(*shape):
    return rng.integers(-127, 128, shape)


def as8(y, scale, zero):
    """The op that makes y works on 8 bits."""
    y.type, y.scale, y.zero = "u7", float(np.float32(scale)), zero
    return y


@model
def eight(g):
    """Every op of 8 bits."""
    x = g.quant(g.input((2, 6, 7, 3)), 1 / 60, 61)
    a = g.conv_s8(x, integers(18, 3, 1, 3, 3), 0.01 + 0.01 * rng.random(18), normal(18), pad=(0, 1, 1), act="relu", scale=0.1)
    a = as8(g.pool(a, "max", (1, 2, 2), (1, 2, 2)), 0.1, 0)
    b = g.conv_s8(a, integers(18, 18, 2, 1, 3), 0.01 + 0.01 * rng.random(18), None, pad=(1, 0, 1), out=a.shape[:3], residual=a,
                  scale=0.3, zero=50)
    b = g.lookup(b, np.tanh, 1 / 63, 63)
    c = as8(g.binary("add", a, b), 0.12, 20)
    d = as8(g.pool(c, "avg", (1, 3, 3), 1, (0, 1, 1), count_padding=False), 0.1, 25)
    e = g.conv_s8(c, integers(6, 3, 1, 1, 1), 0.01 + 0.01 * rng.random(6), normal(6), groups=6, scale=0.1, zero=25)
    f = as8(g.concat([d, e], 3), 0.1, 25)
    f = as8(g.reshape(f, (1, 1, 1, f.size)), 0.1, 25)
    g.output(g.conv_s8(f, integers(5, f.size, 1, 1, 1), 0.001 + 0.001 * rng.random(5), normal(5)))
    g.output(g.dequant(d))


@model
def direct(g):
    """Convolutions that Winograd's way could do and that refuse it."""
    g.direct = True
    x = g.input((4, 5, 6, 16))
    y = g.conv(x, normal(16, 16, 3, 3, 3), normal(16), pad=1, act="relu")
    z = g.conv(y, normal(16, 16, 3, 3), None, pad=(0, 1, 1))
    g.output(g.binary("add", g.conv(z, normal(16, 16, 5), normal(16), pad=(0, 0, 2)), x))


@model
def annotated(g):
    """Chunks: specification, rates of the classes, camera, note, names."""
    x = g.input((1, 6, 12, 1))
    x = g.conv(x, normal(20, 1, 6, 5), normal(20), pad=(0, 0, 2), act="relu")
    g.output(g.dense(g.reduce(x, "mean", (1, 2)), normal(7, 20), normal(7)))
    g.spec = {"task": 1, "source": 1, "frames": 12, "hop": 3, "fps": 30.0, "channels": 6, "norm": 2, "bpm_first": 40.0,
              "bpm_step": 2.5}
    g.classes, g.camera, g.note = 40 + 2.5 * np.arange(7), "none", "a seed of the fuzzer"
    for i, layer in enumerate(g.layers):
        layer.name = f"layer {i}"


@model
def adapted(g):
    """An adapter of every part: matrices, gains, a head for classes."""
    x = g.input((1, 6, 12, 1))
    g.output(g.dense(g.reduce(g.reshape(x, (1, 6, 3, 4)), "mean", (1, 2)), normal(7, 4), normal(7)))
    g.spec = {"task": 1, "source": 1, "frames": 12, "hop": 3, "fps": 30.0, "channels": 6, "norm": 2, "bpm_first": 40.0, "bpm_step": 2.5}
    g.adapter = blob.Adapter(normal(2, 3, 3), normal(6), normal(6), normal(2, 5), normal(2), normal(2, 5))


@model
def filtered(g):
    """An adapter with a filter for a wave."""
    x = g.input((8, 4, 4, 3))
    g.output(g.dense(g.reduce(x, "mean", (1, 2)), normal(1, 3)))
    g.spec = {"task": 2, "source": 2, "frames": 8, "hop": 8, "fps": 30.0, "channels": 3, "w": 4, "h": 4, "norm": 1}
    g.adapter = blob.Adapter(normal(1, 3, 3), normal(3), normal(3), filter=normal(7))


def main(folder):
    global rng
    folder.mkdir(parents=True, exist_ok=True)
    for name, function in MODELS.items():
        for weights in ("f32", "f16", "s8"):
            rng = np.random.default_rng(SEED)
            g = blob.Graph()
            function(g)
            data = g.pack(weights)
            small = len(data) < 18000 or weights == "s8"
            if small and (weights == "f32" or any(layer.op == "conv" for layer in g.layers)):
                (folder / f"{name}-{weights}.rppg").write_bytes(data)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "corpus")
