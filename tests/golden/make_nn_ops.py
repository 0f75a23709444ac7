#!/usr/bin/env python3
"""Prints nn_ops.h: for every operator small models (blobs as rppg_tools writes them), inputs, and what comes out by
PyTorch and NumPy in double. A model with a state runs several times."""
import pathlib
import sys

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
from rppg_tools.blob import Graph  # noqa: E402

SEED = 20270227
rng = np.random.default_rng(SEED)
cases = []


def draw(*shape, low=None, high=None):
    x = rng.normal(size=shape) if low is None else rng.uniform(low, high, shape)
    return np.round(x, 2).astype(np.float32).astype(np.float64)  # few digits to print


def pt(x):
    return torch.from_numpy(x).permute(3, 0, 1, 2)[None]


def back(y):
    return y[0].permute(1, 2, 3, 0).numpy()


def w(x):
    return torch.from_numpy(x)


def case(name, build, inputs, want, runs=1, weights="f32"):
    """inputs, want: of one run arrays; of several, a list of them for each run."""
    inputs, want = (inputs, want) if runs > 1 else ([inputs], [want])
    g = Graph()
    g.output(build(g, *(g.input(x.shape) for x in inputs[0])))
    cases.append((name, g.pack(weights), inputs, want))


def scan(x, dt, b, c, a, d):
    h, y = np.zeros(a.shape, a.dtype), np.zeros(x.shape, a.dtype)
    for t in range(len(x)):
        h = np.exp(dt[t][:, None] * a) * h + (dt[t] * x[t])[:, None] * b[t]
        y[t] = h @ c[t] + d * x[t]
    return y


# convolution, fused with what follows it
x, k, b, more = draw(2, 5, 7, 4), draw(17, 4, 2, 3, 3), draw(17), draw(3, 3, 4, 17)
y = F.conv3d(pt(x), w(k), w(b), (1, 2, 2), (1, 1, 1)) + pt(more)
case("conv", lambda g, t, u: g.act(g.binary("add", g.conv(t, k, b, (1, 2, 2), 1), u), "silu"), [x, more], back(F.silu(y)))
x, k = draw(1, 1, 12, 6), np.round(draw(4, 3, 1, 1, 3) * 8) / 8
case("conv, f16, groups, dilation", lambda g, t: g.conv(t, k, None, pad=(0, 0, 2), dilation=(1, 1, 2), groups=2), [x],
     back(F.conv3d(pt(x), w(k), None, 1, (0, 0, 2), (1, 1, 2), 2)), weights="f16")
x, k, b = draw(1, 2, 3, 5), np.round(draw(3, 5, 1, 2, 2) * 40).clip(-127, 127), draw(3)
k[:, 0, 0, 0, 0] = 127
case("conv, s8", lambda g, t: g.conv(t, k, b, act="relu6"), [x], back(F.relu6(F.conv3d(pt(x), w(k), w(b)))), weights="s8")
x, k, b = draw(3, 4, 5, 6), draw(6, 1, 3, 3, 3), draw(6)
case("depthwise", lambda g, t: g.conv(t, k, b, (1, 1, 2), 1, groups=6, act="relu"), [x],
     back(F.relu(F.conv3d(pt(x), w(k), w(b), (1, 1, 2), 1, 1, 6))))
x, k, b = draw(3, 2, 2, 5), draw(5, 18, 4, 1, 1), draw(18)
case("upconv along time", lambda g, t: g.upconv(t, k, b, (2, 1, 1), (1, 0, 0), act="elu"), [x],
     back(F.elu(F.conv_transpose3d(pt(x), w(k), w(b), (2, 1, 1), (1, 0, 0)))))
x, k = draw(2, 3, 4, 2), draw(2, 3, 2, 3, 4)
case("upconv", lambda g, t: g.upconv(t, k, None, (2, 1, 3), (0, 2, 1), (1, 0, 2)), [x],
     back(F.conv_transpose3d(pt(x), w(k), None, (2, 1, 3), (0, 2, 1), (1, 0, 2))))
# elementwise
x, s, o = draw(2, 1, 3, 7), draw(7), draw(7)
case("affine", lambda g, t: g.affine(t, s, o, "tanh"), [x], np.tanh(x * s + o))
x = draw(1, 1, 11, 3) * 4
ACTS = {"relu": F.relu, "relu6": F.relu6, "elu": F.elu, "gelu": F.gelu, "gelu_tanh": lambda v: F.gelu(v, approximate="tanh"),
        "silu": F.silu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": F.softplus, "abs": torch.abs,
        "neg": torch.neg, "sin": torch.sin, "cos": torch.cos, "exp": lambda v: torch.exp(v / 8),
        "sqrt": lambda v: v.clamp(min=0).sqrt(), "square": torch.square}


def all_acts(g, t):
    return g.concat([g.act(g.binary("mul", t, 0.125) if name == "exp" else t, name) for name in ACTS], 1)


case("act", all_acts, [x], np.concatenate([f(w(x)).numpy() for f in ACTS.values()], 1))
x = draw(1, 2, 2, 9)
case("softmax", lambda g, t: g.softmax(t, 1.5), [x], F.softmax(w(1.5 * x), -1).numpy())
x, y, z = draw(2, 3, 4, 5), draw(1, 3, 1, 5, low=0.5, high=2), draw(4, 1)
case("binary", lambda g, t, u: g.binary("max", g.binary("min", g.binary("div", g.binary("sub", g.binary("mul", t, u), 0.25), u),
     np.full(5, 1.0)), z), [x, y], np.maximum(np.minimum((x * y - 0.25) / y, 1), z))
# pooling, moving
x = draw(4, 5, 6, 3)
case("pool", lambda g, t: g.pool(g.pool(t, "average", (1, 3, 2), (1, 2, 2), (0, 1, 0)), "max", (2, 1, 2), 1), [x],
     back(F.max_pool3d(F.avg_pool3d(pt(x), (1, 3, 2), (1, 2, 2), (0, 1, 0)), (2, 1, 2), 1)))
case("pool, adaptive", lambda g, t: g.concat([g.adaptive_pool(t, "max", (3, 1, 4)), g.adaptive_pool(t, "average", (3, 1, 4))]), [x],
     np.concatenate([back(p(pt(x), (3, 1, 4))) for p in (F.adaptive_max_pool3d, F.adaptive_avg_pool3d)], 3))
case("reduce", lambda g, t: g.concat([g.reduce(t, k, (1, 2)) for k in ("sum", "mean", "max", "min")], 1), [x],
     np.concatenate([f(x, axis=(1, 2), keepdims=True) for f in (np.sum, np.mean, np.max, np.min)], 1))
case("slice, permute, reshape", lambda g, t: g.reshape(g.permute(g.slice(t, (1, 0, 1, 0), (3, 3, 2, 3), (1, 2, 3, 1)), (3, 0, 2, 1)),
     (1, 9, 1, 6)), [x], x[1:4, 0:5:2, 1:6:3].transpose(3, 0, 2, 1).reshape(1, 9, 1, 6))
x = draw(2, 2, 3, 3)
case("resize", lambda g, t: g.resize(g.upsample(t, (2, 1, 1)), (3, 5, 4), True), [x],
     back(F.interpolate(F.interpolate(pt(x), scale_factor=(2, 1, 1)), (3, 5, 4), mode="trilinear")))
x = draw(6, 2, 2, 7)
clips = x.reshape(2, 3, 2, 2, 7)
want = clips.copy()
want[..., :2], want[..., 2:4] = np.roll(clips[..., :2], -1, 1), np.roll(clips[..., 2:4], 1, 1)
case("shift, wrapped", lambda g, t: g.shift_time(t, 3, wrap=True), [x], want.reshape(x.shape))
want = want.copy()
want[:, -1, ..., :2], want[:, 0, ..., 2:4] = 0, 0
case("shift", lambda g, t: g.shift_time(t, 3), [x], want.reshape(x.shape))
x = draw(4, 2, 3, 2, low=1, high=2)
step = np.diff(x, axis=0)
case("diff", lambda g, t: g.concat([g.diff(t, True, 1e-7, True), g.concat([g.diff(t), g.slice(g.diff(t), (0, 0, 0, 0), (1, 2, 3, 2))], 0)]),
     [x], np.concatenate([np.concatenate([step / (x[1:] + x[:-1] + 1e-7), 0 * step[:1]]), np.concatenate([step, step[:1]])], 3))
case("standard", lambda g, t: g.concat([g.standardise(t), g.standardise(t, True)]), [x], np.concatenate([x - x.mean(), x], 3) / x.std())
case("mask", lambda g, t: g.attention_mask(t), [x], x / x.mean((1, 2), keepdims=True) / 2)
case("cumsum", lambda g, t: g.cumsum(g.cumsum(t, 0), 3), [x], np.cumsum(np.cumsum(x, 0), 3))
# norms
x, s, o = draw(2, 3, 3, 20), draw(20), draw(20)
case("norm, layer", lambda g, t: g.layer_norm(t, s, o, 1e-6, "gelu"), [x], F.gelu(F.layer_norm(w(x), (20,), w(s), w(o), 1e-6)).numpy())
case("norm, instance", lambda g, t: g.instance_norm(t, s), [x], back(F.instance_norm(pt(x), weight=w(s))))
case("norm, group", lambda g, t: g.group_norm(t, 4, None, o), [x], back(F.group_norm(pt(x), 4, None, w(o))))
z = draw(2, 3, 3, 20)
for after in (False, True):
    v = x if after else x * F.silu(w(z)).numpy()
    v = v / np.sqrt((v * v).mean(-1, keepdims=True) + 1e-5) * s
    case("norm, gated " + ("after" if after else "before"), lambda g, t, u: g.rms_norm(t, s, gate=u, gate_after=after), [x, z],
         v * F.silu(w(z)).numpy() if after else v)
# matrices
x, y = draw(1, 2, 6, 5), draw(1, 2, 5, 19)
case("matmul", lambda g, t, u: g.matmul(t, u, 0.5, act="relu"), [x, y], np.maximum(0.5 * (x @ y), 0))
y = draw(1, 2, 4, 5)
case("matmul, transposed", lambda g, t, u: g.matmul(t, u, transposed=True), [x, y], x @ y.swapaxes(2, 3))
q, k, v = draw(1, 2, 4, 6), draw(1, 2, 9, 6), draw(1, 2, 9, 8)
tq, tk, tv = (w(a.reshape(-1, 2, a.shape[3] // 2)).transpose(0, 1) for a in (q, k, v))
case("attention", lambda g, *t: g.attention(*t, 2, 0.7), [q, k, v],
     (F.softmax(0.7 * tq @ tk.mT, -1) @ tv).transpose(0, 1).reshape(1, 2, 4, 8).numpy())
q, k, v = draw(2, 4, 2, 4), draw(2, 4, 2, 4), draw(2, 4, 2, 3)
scores = draw(1, 1, 4, 4)
parts = [w(a.reshape(2, 2, 2, 2, -1)).flatten(2, 3).flatten(0, 1) for a in (q, k, v)]  # regions of 1 x 2 x 2
want = torch.stack([F.softmax(parts[0][i] @ parts[1][best].flatten(0, 1).T, -1) @ parts[2][best].flatten(0, 1)
                    for i, best in enumerate(w(scores[0, 0]).topk(2, -1).indices)])
case("attention, routed", lambda g, a, b, c, s: g.attention(a, b, c, scores=s, region=(1, 2, 2), top=2), [q, k, v, scores],
     want.reshape(2, 4, 2, 3).numpy())
x = np.abs(draw(2, 1, 3, 7))
m, base, coef = x.reshape(6, 7), np.full((6, 1), 6 ** -0.5), np.ones((1, 7))
for step in range(4):
    coef = coef * (base.T @ m) / (coef * (base * base).sum() + 1e-6)
    if step < 3:
        base = base * (m @ coef.T) / (base * (coef * coef).sum() + 1e-6)
case("nmf", lambda g, t: g.nmf(t, 3), [x], (base @ coef).reshape(x.shape))
x = draw(1, 1, 15, 2)
z = np.fft.rfft(x[0, 0], axis=0)
case("fft", lambda g, t: g.rfft(t, 0.5), [x], 0.5 * np.concatenate([z.real, z.imag], 1)[None, None])
x = draw(1, 1, 9, 4)
case("fft, inverse", lambda g, t: g.irfft(t, (1, 4, 4)), [x], np.fft.irfft(x[0, 0, :, :2] + 1j * x[0, 0, :, 2:], 16, axis=0).reshape(1, 4, 4, 2))
# state space
x, b, c, dt = draw(8, 4), draw(8, 18), draw(8, 18), draw(8, 4, low=0, high=0.8)
a, d, turn = -draw(4, 18, low=0.1, high=3), draw(4), draw(4, 18) * 3
for back_to_front in (False, True):
    order = slice(None, None, -1) if back_to_front else slice(None)
    case("scan" + (", backward" if back_to_front else ""), lambda g, *t: g.scan(*t, a, d, backward=back_to_front),
         [v[None, None] for v in (x, dt, b, c)], scan(x[order], dt[order], b[order], c[order], a, d)[order][None, None])
heads = -draw(2, 1, low=0.1, high=2)
mixed = np.concatenate([x, b, c, dt[:, :2]], 1)[:, None, None]
want = np.concatenate([scan(x[s], np.repeat(dt[s, :2], 2, 1), b[s], c[s], np.repeat(heads, 2, 0) * np.ones(18), d)
                       for s in (slice(0, 4), slice(4, 8))])
case("scan, two sequences, heads, one tensor", lambda g, t: g.scan(t, t, t, t, heads, d, 18, 4, 2, (0, 40, 4, 22), sequences=2),
     [mixed], want[:, None, None])
z = scan(x, dt, b, c, a + 1j * turn, d)
case("scan, complex", lambda g, *t: g.scan(*t, a, d, imaginary=turn), [v[None, None] for v in (x, dt, b, c)],
     np.stack([z.real, z.imag], 2).reshape(1, 1, 8, 8))
case("step", lambda g, *t: g.scan(*t, a, d, state=g.scan_state(4, 18)),
     [[v[None, None, i:i + 2] for v in (x, dt, b, c)] for i in (0, 2, 4)],
     [scan(x, dt, b, c, a, d)[None, None, i:i + 2] for i in (0, 2, 4)], runs=3)
case("step, complex", lambda g, *t: g.scan(*t, a, d, imaginary=turn, state=g.scan_state(4, 18, True)),
     [[v[None, None, i:i + 1] for v in (x, dt, b, c)] for i in range(3)],
     [np.stack([z.real, z.imag], 2).reshape(8, 1, 1, 1, 8)[i] for i in range(3)], runs=3)
x, k, b = draw(6, 1, 2, 5), draw(5, 1, 4), draw(5)
padded = np.concatenate([np.zeros((3, 1, 2, 5)), x])
y = F.silu(w(b + sum(k[:, 0, i] * padded[i:i + 6] for i in range(4)))).numpy()
case("causal", lambda g, t: g.causal(t, k, b, act="silu"), [[x[i:i + 2]] for i in (0, 2, 4)], [y[i:i + 2] for i in (0, 2, 4)], runs=3)
x, rate, dts = draw(3, 1, 2, 2, 7), draw(7, low=1, high=5), draw(3, 1, 1, 1, 1, low=0.02, high=0.05)
for before, bound in ((True, 3.0), (False, 0.0)):
    mean, square, want = np.zeros((2, 2, 7)), np.full((2, 2, 7), 1e-5), []
    for v, dt in zip(x[:, 0], dts[:, 0, 0, 0, 0]):
        r, old = rate * dt, mean
        mean = mean + r * (v - mean)
        square = (1 - r) * square + r * (v - (old if before else mean)) ** 2
        y = (v - mean) / np.sqrt(square + 1e-4)
        want.append((bound * np.tanh(y / bound) if bound else y)[None])
    case("ema" + (", mean before, bound" if before else ""), lambda g, t, u: g.ema(t, rate, 1e-4, bound, u, before, (0.0, 1e-5)),
         [[v, dt] for v, dt in zip(x, dts)], want, runs=3)
x, codes = draw(1, 2, 3, 2), np.sort(draw(5))
pull = F.softmax(w(-2 * np.abs(x[..., None] - codes)), -1).numpy()
case("codebook", lambda g, t: g.codebook(t, codes, 2.0), [x], (pull * codes).sum(-1))


def floats(a):
    text = [f"{np.float32(v):.7g}" for v in np.ravel(a)]
    text = [(t if "e" in t or "." in t else t + ".") + "f" for t in text]
    lines, line = [], ""
    for t in text:
        if len(line) + len(t) > 118:
            lines.append(line)
            line = ""
        line += t + ","
    return "\n".join([*lines, line])


def octets(data):
    lines, line = [], ""
    for v in data:
        if len(line) > 114:
            lines.append(line)
            line = ""
        line += f"{v},"
    return "\n".join([*lines, line])


print(f"/* make_nn_ops.py: torch {torch.__version__}, numpy {np.__version__}, seed {SEED}. Models, then per run inputs and outputs, one")
print("   behind the other. */")
for i, (_, data, inputs, want) in enumerate(cases):
    print(f"static const unsigned char ops_blob{i}[] = {{\n{octets(data)} }};")
    print(f"static const float ops_in{i}[] = {{\n{floats(np.concatenate([np.ravel(v) for run in inputs for v in run]))} }};")
    print(f"static const float ops_out{i}[] = {{\n{floats(np.concatenate([np.ravel(v) for v in want]))} }};")
print("typedef struct ops_case { const char *name; const unsigned char *blob; size_t size; const float *in, *out; int runs; } ops_case;")
print("static const ops_case ops_cases[] = {")
for i, (name, data, inputs, _) in enumerate(cases):
    print(f'  {{ "{name}", ops_blob{i}, sizeof ops_blob{i}, ops_in{i}, ops_out{i}, {len(inputs)} }},')
print("};")
