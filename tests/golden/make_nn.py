"""Golden vectors for rppg_nn.h's kernels: PyTorch in double, pinned by the Makefile.

Inputs and weights are not stored: an LCG with the case's seed makes them here and in the test. Of each
result, 12 samples and two sums with random signs, which any single wrong element would change.
"""
import numpy as np
import torch
import torch.nn.functional as F

SEED = 20260114
ACTS = ["linear", "relu", "relu6", "elu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "softplus",
        "exp", "sqrt", "abs", "neg", "square"]


class Lcg:
    """x' = 1664525 x + 1013904223 mod 2^32, jumped over in blocks; the upper bits are used."""

    def __init__(self, seed):
        self.x = seed & 0xFFFFFFFF

    def draw(self, n):
        out = np.empty(n, np.uint32)
        x = self.x
        for i in range(n):
            x = (1664525 * x + 1013904223) & 0xFFFFFFFF
            out[i] = x
        self.x = x
        return out

    def floats(self, n):  # -1 .. 1 in steps of 2^-15
        return (self.draw(n) >> 16).astype(np.float64) / 32768 - 1

    def small(self, n):  # -127 .. 127
        return (self.draw(n) >> 16).astype(np.int64) % 255 - 127


def activate(x, act):
    f = {"linear": lambda x: x, "relu": F.relu, "relu6": F.relu6, "elu": F.elu, "gelu": F.gelu,
         "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu, "tanh": torch.tanh,
         "sigmoid": torch.sigmoid, "softplus": F.softplus, "exp": torch.exp,
         "sqrt": lambda x: torch.sqrt(torch.clamp(x, min=0)), "abs": torch.abs, "neg": torch.neg,
         "square": torch.square}
    return f[ACTS[act]](x)


def summarise(y, g):
    """y [T][H][W][C] as stored: samples evenly spread, two random sums, the range."""
    y = y.reshape(-1)
    n = y.size
    signs = 1 - 2 * ((g.draw(2 * n) >> 16) & 1).astype(np.float64).reshape(2, n)
    at = [i * n // 12 for i in range(12)]
    return [y[i] for i in at] + [signs[0] @ y, signs[1] @ y], max(float(np.abs(y).max()), 1e-3)


def conv(c, seed):
    g = Lcg(seed)
    t, h, w, ci = c["x"]
    co, gr = c["y"][3], c["groups"]
    x = g.floats(t * h * w * ci).reshape(t, h, w, ci)
    k = g.small(co * (ci // gr if gr else 1) * int(np.prod(c["k"]))).reshape([co, ci // gr if gr else 1] + c["k"])
    bias = g.floats(co) if c["bias"] else np.zeros(co)
    more = g.floats(int(np.prod(c["y"]))).reshape(c["y"]) if c["more"] else 0.0
    scale = (1 + np.arange(co) % 3 * 0.5) / 128 if c["type"] == 2 else np.full(co, 1 / 128)
    kernel = torch.tensor(k * scale[:, None, None, None, None])
    xi = torch.tensor(x.transpose(3, 0, 1, 2)[None].copy())
    after = [max(0, (c["y"][i] - 1) * c["s"][i] + (c["k"][i] - 1) * c["d"][i] + 1 - c["x"][i] - c["p"][i])
             for i in range(3)]
    xi = F.pad(xi, [c["p"][2], after[2], c["p"][1], after[1], c["p"][0], after[0]])
    y = F.conv3d(xi, kernel, torch.tensor(bias), c["s"], 0, c["d"], gr if gr else ci)
    y = y[0, :, :c["y"][0], :c["y"][1], :c["y"][2]].numpy().transpose(1, 2, 3, 0) + more
    y = activate(torch.tensor(y), c["act"]).numpy()
    assert list(y.shape) == c["y"], (y.shape, c)
    return summarise(np.ascontiguousarray(y), g)


def sizes(c):
    """Output sizes as PyTorch's; sometimes one more sample of zeros behind."""
    out = []
    for i in range(3):
        n = (c["x"][i] + 2 * c["p"][i] - c["d"][i] * (c["k"][i] - 1) - 1) // c["s"][i] + 1
        out.append(n)
    return out


def case(x, co, k, s=(1, 1, 1), p=(0, 0, 0), d=(1, 1, 1), groups=1, act=0, more=0, bias=1, type=0, y=None):
    c = dict(x=list(x), k=list(k), s=list(s), p=list(p), d=list(d), groups=groups, act=act, more=more, bias=bias,
             type=type)
    c["y"] = list(y or sizes(c)) + [co]
    return c


def cases(rng):
    tails = [1, 3, 5, 16, 17, 33]
    out = []
    # every pair of channel tails
    for ci in tails:
        for co in tails:
            out.append(case((1, 5, 9, ci), co, (1, 3, 3), p=(0, 1, 1), act=int(rng.integers(10)), type=len(out) % 3))
    # every width of a tile, and some rows of several
    for w in list(range(1, 31)) + [44, 54]:
        out.append(case((1, 1, w, 7), 18, (1, 1, 1), act=w % 4, more=w % 2))
        out.append(case((1, 2, w + 2, 3), 16, (1, 2, 3), act=w % 3))
    # kernels, strides, paddings, dilations, groups at random
    while len(out) < 250:
        gr = int(rng.choice([1, 1, 1, 2, 3]))
        ci, co = gr * int(rng.choice([1, 2, 3, 5, 16])), gr * int(rng.choice([1, 3, 5, 8, 16, 17]))
        k = list(rng.choice([(1, 1, 1), (1, 1, 3), (1, 3, 3), (1, 5, 5), (3, 3, 3), (2, 1, 1), (1, 2, 4), (1, 5, 11),
                             (4, 1, 1), (1, 1, 7), (3, 1, 2)]))
        k = [int(v) for v in k]
        s = [int(v) for v in rng.choice([1, 1, 1, 2, 3], 3)]
        d = [int(v) for v in rng.choice([1, 1, 1, 2, 3], 3)]
        p = [int(rng.integers(0, d[i] * (k[i] - 1) + 1)) for i in range(3)]
        x = [int(rng.integers(1, 7)) if k[0] > 1 else int(rng.integers(1, 3)), int(rng.integers(1, 10)),
             int(rng.integers(1, 24)), ci]
        c = case(x, co, k, s, p, d, gr, int(rng.integers(10)), int(rng.integers(2)), int(rng.integers(4) > 0),
                 int(rng.integers(3)))
        if min(c["y"]) < 1:
            continue
        if rng.integers(3) == 0:  # zeros behind only, as a "same" convolution of an even kernel has
            c["y"] = [min((c["x"][i] + c["p"][i] - 1) // s[i] + 1, c["y"][i] + 1) for i in range(3)] + [co]
        out.append(c)
    # Winograd: sizes that leave rests of 1, 2, 3 in tiles, one and several blocks, padding, residual, T
    for w in range(5, 21):
        h, p = w // 2 + 2, w % 3
        out.append(case((1, h, w, 16), 16, (1, 3, 3), p=(0, min(p, 2), min(p, 2)), act=[0, 1, 7, 2][w % 4], more=w % 2,
                        type=w % 3))
        out.append(case((1, 6, w + 8, 16), 32, (1, 5, 11), p=(0, w % 5, w % 11), act=w % 3, more=w % 2, type=w % 3))
        out.append(case((1, 1, w, 32), 16, (1, 1, 3 + w % 6), p=(0, 0, w % 3), act=w % 8))
    out.append(case((1, 17, 17, 32), 64, (1, 3, 3), p=(0, 1, 1), act=7))
    out.append(case((5, 9, 9, 16), 32, (3, 3, 3), p=(1, 1, 1), act=1))
    out.append(case((7, 6, 10, 16), 16, (5, 3, 3), p=(2, 1, 1), act=1, more=1))
    out.append(case((4, 5, 11, 16), 16, (2, 3, 3), p=(1, 2, 2), act=6))
    out.append(case((3, 6, 14, 16), 16, (3, 2, 5), p=(1, 0, 2), act=3))
    # dense, of all types, also over a whole window
    for n in (1, 2, 7, 8, 9, 33, 130):
        for type in range(3):
            out.append(case((1, 1, 1, n), [1, 16, 21, 60][(n + type) % 4], (1, 1, 1), act=(n + type) % 10, more=type % 2,
                            type=type))
    out.append(case((2, 3, 4, 5), 19, (2, 3, 4), act=1, type=1))
    # depthwise: groups 0
    for i in range(60):
        k = [[1, 1, 1], [1, 3, 3], [3, 3, 3], [1, 5, 5], [4, 1, 1], [1, 1, 12]][i % 6]
        s = [int(v) for v in rng.choice([1, 1, 2], 3)]
        d = [int(v) for v in rng.choice([1, 1, 2], 3)]
        p = [int(rng.integers(0, d[j] * (k[j] - 1) + 1)) for j in range(3)]
        n = [1, 3, 5, 16, 17, 33, 8, 40, 64, 31][i % 10]
        c = case((int(rng.integers(1, 6)), int(rng.integers(1, 9)), int(rng.integers(1, 16)), n), n, k, s, p, d, 0,
                 int(rng.integers(10)), 0, int(rng.integers(2)))
        if min(c["y"]) < 1:
            continue
        out.append(c)
    return out


POOL, SOFTMAX, BINARY = 6, 8, 9


def ops(rng):
    """Pools, softmaxes, elementwise ops: (op, x, b or None, y, p[10], flags, act)."""
    out = []
    for i in range(36):
        x = [int(rng.integers(1, 5)), int(rng.integers(3, 14)), int(rng.integers(3, 14)), [1, 3, 16, 17, 33, 40][i % 6]]
        k = [[1, 2, 2], [1, 3, 3], [2, 2, 2], [1, x[1], x[2]], [3, 3, 3], [0, 0, 0]][i // 6]
        k = [min(k[j], x[j]) for j in range(3)]
        if k[0] == 0:
            y = [int(rng.integers(1, x[j] + 1)) for j in range(3)]
            p = [i % 2] + [0] * 9
        else:
            s = [int(v) for v in rng.integers(1, 3, 3)]
            pad = [int(rng.integers(0, k[j] // 2 + 1)) for j in range(3)]
            y = [(x[j] + 2 * pad[j] - k[j]) // s[j] + 1 for j in range(3)]
            p = [i % 2] + k + s + pad
        out.append((POOL, x, None, y + [x[3]], p, int(rng.integers(2)) if k[0] else 0, i % 3))
    for n in (1, 2, 15, 16, 17, 64, 100):
        out.append((SOFTMAX, [1, 2, 3, n], None, [1, 2, 3, n], [0] * 10, 0, 0))
    for i in range(30):
        x = [2, 3, 5, [1, 5, 16, 33, 20][i // 6]]
        b = [x, [1, 1, 1, 1], [1, 1, 1, x[3]], x[:3] + [1], [1, 3, 1, x[3]]][i % 5]
        out.append((BINARY, x, b, x, [i % 6] + [0] * 9, 0, i % 4))
    return out


def op_result(op, x, b, y, p, flags, act, seed):
    g = Lcg(seed)
    v = 4 * g.floats(int(np.prod(x))).reshape(x)
    w = g.floats(int(np.prod(b))).reshape(b) + 2 if b else None
    t = torch.tensor(v)
    if op == BINARY:
        u = torch.tensor(w)
        t = [t + u, t - u, t * u, t / u, torch.minimum(t, u), torch.maximum(t, u)][p[0]]
    elif op == SOFTMAX:
        t = torch.softmax(0.75 * t, 3)
    else:
        c = t.permute(3, 0, 1, 2)[None]
        k, s, pad = p[1:4], p[4:7], p[7:10]
        if k[0] == 0:
            c = (F.adaptive_max_pool3d if p[0] else F.adaptive_avg_pool3d)(c, y[:3])
        elif p[0]:
            c = F.max_pool3d(c, k, s, pad)
        else:
            c = F.avg_pool3d(c, k, s, pad, count_include_pad=bool(flags))
        t = c[0].permute(1, 2, 3, 0)
    t = activate(t, act).numpy()
    assert list(t.shape) == y, (t.shape, y)
    return summarise(np.ascontiguousarray(t), g)


def numbers(v):
    return ", ".join("%.9g" % x for x in v)


def main():
    rng = np.random.default_rng(SEED)
    print("/* Made by tests/golden/make_nn.py with PyTorch %s in double, seed %d. */"
          % (torch.__version__.split("+")[0], SEED))
    print("typedef struct nn_conv { int x[4], y[4], k[3], s[3], p[3], d[3], groups, act, more, bias, type;")
    print("  unsigned seed; double range, want[14]; } nn_conv;")
    print("static const nn_conv nn_convs[] = {")
    for i, c in enumerate(cases(rng)):
        want, top = conv(c, 1000 + i)
        print("{" + ", ".join("{%s}" % ",".join(map(str, c[f])) for f in ("x", "y", "k", "s", "p", "d"))
              + ", %d, %d, %d, %d, %d, %d, %.6g, {%s}}," % (c["groups"], c["act"], c["more"], c["bias"], c["type"],
                                                          1000 + i, top, numbers(want)))
    print("};")
    print("typedef struct nn_op_case { int op, x[4], b[4], y[4], p[10], flags, act;")
    print("  unsigned seed; double range, want[14]; } nn_op_case;")
    print("static const nn_op_case nn_ops[] = {")
    for i, (op, x, b, y, p, flags, act) in enumerate(ops(rng)):
        want, top = op_result(op, x, b, y, p, flags, act, 5000 + i)
        print("{%d, {%s}, {%s}, {%s}, {%s}, %d, %d, %d, %.6g, {%s}}," % (
            op, ",".join(map(str, x)), ",".join(map(str, b or [0] * 4)), ",".join(map(str, y)), ",".join(map(str, p)),
            flags, act, 5000 + i, top, numbers(want)))
    print("};")
    # activations: points that matter and points between
    x = np.concatenate([[0.0, 1e-30, -1e-30, 1e-6, -1e-6, 1e4, -1e4, 88, -88, 20, -20, 6, 3.9, -3.9],
                        rng.normal(0, 1, 12), rng.uniform(-12, 12, 14)]).astype(np.float32).astype(np.float64)
    print("static const float nn_act_x[%d] = {%s};" % (len(x), numbers(x)))
    print("static const double nn_acts[%d][%d] = {" % (len(ACTS), len(x)))
    for act in range(len(ACTS)):
        y = activate(torch.tensor(x), act).numpy()
        y = np.clip(y, -3e38, 3e38)
        print("{%s}," % numbers(y))
    print("};")


main()
