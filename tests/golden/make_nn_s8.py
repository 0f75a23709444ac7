"""Golden vectors for the 8-bit layers of rppg_nn.h: models written by rppg_tools, outputs computed here with
NumPy's integers and single floats, from the weights as they were before packing. Outputs are kept as FNV-1a
hashes of their bits: every bit counts, on every machine."""
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from rppg_tools import blob  # noqa: E402

SEED = 20261121
F = np.float32
rng = np.random.default_rng(SEED)


def lcg(seed, n):  # as in the test: -1 .. 1 in steps of 2^-15
    out = np.empty(n, np.uint32)
    for i in range(n):
        seed = (1664525 * seed + 1013904223) & 0xFFFFFFFF
        out[i] = seed
    return ((out >> 16).astype(np.float64) / 32768 - 1).astype(F)


def fnv(values):
    h = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(values, "<f4").tobytes():
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


# ---- the arithmetic of the header's table, on pairs of a tensor and its integers ----

def stored(v, lo=0):
    return np.rint(np.minimum(np.maximum(v, F(lo)), F(127))).astype(np.int64)


def real(t, q):
    return (q - t.zero).astype(F) * F(t.scale)


def sums(t, q, w, p):
    """Sum of (x - zero) * w over every window; what lies beside the input adds nothing."""
    (kt, kh, kw), stride, pad, dil, groups = p[:3], p[3:6], p[6:9], p[9:12], p[12]
    x = q - t.zero
    co, cg = w.shape[:2]
    each = co // groups

    def at(out):
        need = [(out[i] - 1) * stride[i] + (p[i] - 1) * dil[i] + 1 for i in range(3)]
        full = np.zeros((*[max(need[i], pad[i] + x.shape[i]) for i in range(3)], x.shape[3]), np.int64)
        full[tuple(slice(pad[i], pad[i] + x.shape[i]) for i in range(3))] = x
        y = np.zeros((*out, co), np.int64)
        for a in range(kt):
            for b in range(kh):
                for c in range(kw):
                    part = full[tuple(slice(k * dil[i], k * dil[i] + (out[i] - 1) * stride[i] + 1, stride[i])
                                      for i, k in enumerate((a, b, c)))]
                    for g in range(groups):
                        y[..., g * each:(g + 1) * each] += part[..., g * cg:(g + 1) * cg] @ w[g * each:(g + 1) * each, :, a, b, c].T
        return y
    return at


class Model:
    """A graph, with the integers of every u7 tensor and the floats of every output."""

    def __init__(self, shape, seed, values=None):
        self.g, self.seed = blob.Graph(), seed
        self.x = self.g.input(shape)
        self.values = {self.x: (lcg(seed, self.x.size) if values is None else np.asarray(values, F)).reshape(shape)}
        self.given = values is not None

    def quant(self, scale, zero):
        y = self.g.quant(self.x, scale, zero)
        v = self.values[self.x] * (F(1) / F(y.scale)) + F(zero)
        self.values[y] = stored(v)
        return y

    def conv(self, x, co, k, stride=1, pad=0, dil=1, groups=1, act="linear", scale=None, zero=0, residual=None, bias=True,
             w=None, out=None):
        w = rng.integers(-127, 128, (co, x.shape[3] // groups, *blob.triple(k))) if w is None else w
        k_all = w[0].size
        ws = ((0.5 + rng.random(co)) * 0.02 / np.sqrt(k_all)).astype(F)
        b = rng.standard_normal(co).astype(F) * F(0.3) if bias else None
        y = self.g.conv_s8(x, w, ws, b, stride, pad, dil, groups, act, out, residual, scale, zero)
        layer = self.g.layers[-1]
        s = sums(x, self.values[x], w.reshape(layer.weights[0].data.shape), layer.p)(y.shape[:3]).astype(F)
        r = None if residual is None else (self.values[residual] - residual.zero).astype(F)
        if scale is None:
            v = s * (F(x.scale) * ws) + (b if bias else F(0))
            v = v if r is None else v + r * F(residual.scale)
            self.values[y] = np.maximum(v, F(0)) if act == "relu" else v
        else:
            v = s * (F(x.scale) * ws / F(y.scale)) + ((b if bias else np.zeros(co, F)) / F(y.scale) + F(zero))
            v = v if r is None else v + r * (F(residual.scale) / F(y.scale))
            self.values[y] = stored(v, zero if act == "relu" else 0)
        return y

    def move(self, y, like, values):
        y.type, y.scale, y.zero = like.type, like.scale, like.zero
        self.values[y] = values
        return y

    def max_pool(self, x, k, stride):
        y = self.g.pool(x, "max", (1, k, k), (1, stride, stride))
        q = self.values[x]
        cells = [q[:, i:i + (y.shape[1] - 1) * stride + 1:stride, j:j + (y.shape[2] - 1) * stride + 1:stride]
                 for i in range(k) for j in range(k)]
        return self.move(y, x, np.max(cells, axis=0))

    def mean_pool(self, x, k, pad, scale, zero):
        """Stride 1, padding not counted."""
        y = self.g.pool(x, "avg", (1, k, k), 1, (0, pad, pad), count_padding=False)
        y.type, y.scale, y.zero = "u7", float(F(scale)), zero
        q = np.pad(self.values[x] - x.zero, [(0, 0), (pad, pad), (pad, pad), (0, 0)])
        n = np.pad(np.ones_like(self.values[x]), [(0, 0), (pad, pad), (pad, pad), (0, 0)])
        window = [(slice(None), slice(i, i + y.shape[1]), slice(j, j + y.shape[2])) for i in range(k) for j in range(k)]
        total, count = (sum(v[w] for w in window) for v in (q, n))
        v = total.astype(F) * (F(x.scale) / F(scale) / count.astype(F)) + F(zero)
        self.values[y] = stored(v)
        return y

    def add(self, a, b, scale, zero):
        y = self.g.binary("add", a, b)
        y.type, y.scale, y.zero = "u7", float(F(scale)), zero
        v = ((self.values[a] - a.zero).astype(F) * (F(a.scale) / F(scale)) +
             (self.values[b] - b.zero).astype(F) * (F(b.scale) / F(scale))) + F(zero)
        self.values[y] = stored(v)
        return y

    def concat(self, xs, axis):
        return self.move(self.g.concat(xs, axis), xs[0], np.concatenate([self.values[x] for x in xs], axis))

    def reshape(self, x, shape):
        return self.move(self.g.reshape(x, shape), x, self.values[x].reshape(shape))

    def lookup(self, x, f, scale, zero):
        y = self.g.lookup(x, f, scale, zero)
        table = stored(f((np.arange(128) - x.zero) * float(F(x.scale))).astype(F) / F(scale) + F(zero))
        self.values[y] = table[self.values[x]]
        return y

    def show(self, *tensors):
        for t in tensors:
            y = self.g.dequant(t) if t.type == "u7" else t
            self.values[self.g.output(y)] = real(t, self.values[t]) if t.type == "u7" else self.values[t]


def shapes(c, zero, seed):
    """One input of c channels, convolutions of many kinds."""
    m = Model((2, 4, 11, c), seed)
    x = m.quant(1 / 100, zero)
    m.show(m.conv(x, 5, (1, 1, 1)),
           m.conv(x, 3, (2, 1, 4), stride=(1, 2, 2), pad=(1, 0, 3), scale=0.03, zero=127, act="relu"),
           m.conv(x, 6, (1, 2, 3), dil=(1, 2, 2), pad=(0, 1, 2), scale=0.05, zero=60),
           m.conv(x, 2 * c, (1, 1, 3), groups=c if c < 6 else 1, scale=0.05, zero=50),
           m.conv(x, 1, (1, 1, 5), pad=(0, 0, 2), out=(2, 4, 11), act="relu"))
    if c > 4:
        return m
    m.show(m.conv(x, 16, (1, 2, 3), pad=(0, 1, 1), act="relu", scale=0.05, zero=0),
           m.conv(x, 17, (1, 3, 5), scale=0.04, zero=64),
           m.conv(x, 33, (1, 2, 2), stride=(1, 1, 3), bias=False))
    y = m.conv(x, 18, (1, 1, 1), scale=0.05, zero=33)
    m.show(m.conv(x, 18, (1, 3, 3), pad=(0, 1, 1), scale=0.06, zero=20, residual=y, act="relu"))
    m.show(m.conv(x, 18, (1, 1, 2), pad=(0, 0, 1), residual=y, out=y.shape[:3]))
    return m


def extremes(zero, seed):
    """All activations 0 or 127, all weights at their ends: what would overflow or saturate does so here. Inputs
    beyond the range, halves, and a number that is none."""
    c = 8
    values = np.full((1, 2, 40, c), 1e30, F)
    values[0, 1] = np.where(np.arange(40 * c).reshape(40, c) % 3 == 0, F(-np.inf), F(np.inf))
    values[0, 1, 30:] = (np.arange(10 * c).reshape(10, c) - 60) / F(2)
    values[0, 1, 29, 3] = np.nan
    m = Model((1, 2, 40, c), seed, values)
    with np.errstate(invalid="ignore"):
        x = m.quant(1.0, zero)
    m.values[x][0, 1, 29, 3] = 0
    ones = np.full((6, c, 1, 1, 9), 127)
    ones[1] = -127
    ones[2, ::2] = -127
    ones[3, :, :, :, ::2] = -127
    ones[4, 1::4] = ones[4, 2::4] = -127
    ones[5] = rng.choice([-127, 127], ones[5].shape)
    m.show(m.conv(x, 6, (1, 1, 9), w=ones), m.conv(x, 6, (1, 1, 9), w=ones, pad=(0, 0, 8), scale=40.0, zero=64), x)
    return m


def network(seed):
    """A whole small network: every op of 8 bits."""
    m = Model((2, 8, 9, 3), seed)
    x = m.quant(1 / 60, 61)
    a = m.conv(x, 20, (1, 3, 3), pad=(0, 1, 1), act="relu", scale=0.03, zero=0)
    a = m.max_pool(a, 2, 2)
    b = m.conv(a, 20, (2, 3, 3), pad=(1, 1, 1), scale=0.03, zero=50, residual=a, out=a.shape[:3])
    b = m.lookup(b, np.tanh, 1 / 63, 63)
    c = m.add(a, b, 0.04, 20)
    d = m.mean_pool(c, 3, 1, 0.03, 25)
    e = m.conv(c, 12, (1, 1, 1), scale=0.03, zero=25)
    f = m.concat([d, e], 3)
    f = m.concat([f, f], 1)
    f = m.reshape(f, (1, 1, 1, f.size))
    h = m.conv(f, 18, (1, 1, 1), act="relu", scale=0.05, zero=0)
    m.show(m.conv(h, 10, (1, 1, 1)), d)
    return m


def main():
    out = [f"/* Made by tests/golden/make_nn_s8.py with NumPy, seed {SEED}: models, and FNV-1a of their outputs. */"]
    rows = []
    models = [("1 channel", shapes(1, 64, 1)), ("3 channels", shapes(3, 0, 2)), ("4 channels", shapes(4, 127, 3)),
              ("5 channels", shapes(5, 64, 4)), ("16 channels", shapes(16, 17, 5)), ("17 channels", shapes(17, 127, 6)),
              ("extremes, zero 0", extremes(0, 7)), ("extremes, zero 64", extremes(64, 8)), ("extremes, zero 127", extremes(127, 9)),
              ("a network", network(10))]
    for i, (name, m) in enumerate(models):
        packed = m.g.pack()
        out.append(f"static const unsigned char s8_blob{i}[] = {{")
        text = ",".join(str(v) for v in packed)
        while text:
            cut = len(text) if len(text) <= 118 else text.rindex(",", 0, 118) + 1
            out.append(text[:cut])
            text = text[cut:]
        out.append("};")
        given = "NULL"
        if m.given:
            bits = np.ascontiguousarray(m.values[m.x], "<f4").view("<u4").reshape(-1)
            out.append(f"static const uint32_t s8_input{i}[] = {{")
            out += [",".join(f"0x{v:x}" for v in bits[k:k + 10]) + "," for k in range(0, len(bits), 10)] + ["};"]
            given = f"s8_input{i}"
        hashes = ", ".join(f"0x{fnv(m.values[t]):016x}u" for t in m.g.outputs)
        rows.append(f'{{"{name}", s8_blob{i}, sizeof s8_blob{i}, {given}, {m.seed}u, {{{hashes}}}}},')
    out += ["typedef struct s8_model { const char *name; const unsigned char *blob; size_t size; const uint32_t *input;",
            "  uint32_t seed; uint64_t want[16]; } s8_model;", "static const s8_model s8_models[] = {", *rows, "};"]
    print("\n".join(out))


main()
