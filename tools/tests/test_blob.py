"""Models that blob.Graph builds, run by the C code on every instruction set, against PyTorch and NumPy in double."""
import itertools
import math

import numpy as np
import pytest

from rppg_tools import blob, nn
from rppg_tools.core import ToolError

torch = pytest.importorskip("torch")
F = torch.nn.functional
TOLERANCE = 1e-5  # of the output's range; the header promises 1e-4
ISAS = range(nn.library().nn_isa(-1) + 1)


@pytest.fixture
def rng(request):
    return np.random.default_rng(abs(hash(request.node.name)) % 2**32 if False else sum(map(ord, request.node.name)))


def tensor(x):
    """[T][H][W][C] to PyTorch's [1][C][T][H][W], in double"""
    return torch.from_numpy(np.asarray(x, np.float64)).permute(3, 0, 1, 2)[None]


def back(y):
    return y[0].permute(1, 2, 3, 0).numpy()


def close(got, want, tolerance=TOLERANCE):
    want = np.asarray(want, np.float64)
    assert got.shape == want.shape
    assert np.max(np.abs(got - want)) <= tolerance * max(np.ptp(want), np.max(np.abs(want)), 1e-30)


def check(graph, inputs, wants, runs=1, tolerance=TOLERANCE, weights="f32"):
    """Runs the graph `runs` times in a row; wants: per run, an array or a list of them."""
    data = graph.pack(weights)
    inputs = inputs if runs > 1 else [inputs]
    wants = wants if runs > 1 else [wants]
    for isa in ISAS:
        model = nn.Model(data, isa)
        for given, want in zip(inputs, wants, strict=True):
            got = model(*given)
            for a, b in zip(*((v if isinstance(v, list) else [v]) for v in (got, want)), strict=True):
                close(a, b, tolerance)
    nn.library().nn_isa(-1)


def single(x, build, want, **options):
    """One input, one op."""
    g = blob.Graph()
    g.output(build(g, g.input(x.shape)))
    check(g, [x], want, **options)


# ---- convolution ----

CONVS = [((5, 9, 10, 3), 8, (3, 5, 5), 1, (1, 2, 2), 1, 1), ((1, 12, 13, 16), 17, (1, 3, 3), (1, 2, 1), (0, 1, 1), 1, 1),
         ((1, 1, 40, 6), 12, (1, 1, 5), 1, (0, 0, 4), (1, 1, 2), 2), ((6, 4, 4, 32), 32, (4, 1, 1), (4, 1, 1), 0, 1, 1)]


@pytest.mark.parametrize("shape,co,k,stride,pad,dilation,groups", CONVS)
def test_conv(rng, shape, co, k, stride, pad, dilation, groups):
    x, b = rng.normal(size=shape), rng.normal(size=co)
    w = rng.normal(size=(co, shape[3] // groups, *k)).astype(np.float32)
    want = F.conv3d(tensor(x), torch.from_numpy(w.astype(float)), torch.from_numpy(b), stride, pad, dilation, groups)
    single(x, lambda g, t: g.conv(t, w, b, stride, pad, dilation, groups), back(want))


@pytest.mark.parametrize("shape,co,k,stride,pad,extra", [
    ((4, 3, 3, 8), 16, (4, 1, 1), (2, 1, 1), (1, 0, 0), 0), ((5, 2, 3, 5), 7, (7, 1, 1), (2, 1, 1), (2, 1, 1), 0),
    ((3, 4, 5, 6), 18, (3, 3, 3), (2, 2, 2), 1, 1), ((1, 4, 9, 4), 3, (1, 2, 5), (1, 3, 4), 0, (0, 2, 3)),
    ((1, 1, 61, 2), 20, (1, 1, 3), (1, 1, 1), (0, 0, 2), 0), ((2, 3, 4, 3), 4, (2, 1, 2), (3, 2, 5), 0, (1, 1, 4))])
@pytest.mark.parametrize("weights", ["f32", "f16", "s8"])
def test_upconv(rng, shape, co, k, stride, pad, extra, weights):
    if any(2 * p > (d - 1) * s + kk - 1 for p, d, s, kk in zip(*map(blob.triple, (pad, shape[:3], stride, k)))):
        pytest.skip("nothing is left")
    x, b = rng.normal(size=shape), rng.normal(size=co)
    w = rng.normal(size=(shape[3], co, *k)).astype(np.float32)
    if weights == "f16":
        w = w.astype(np.float16).astype(np.float32)
    elif weights == "s8":
        w = np.round(w * 30).clip(-126, 126)
        w[0, :, 0, 0, 0] = 127
    want = F.elu(F.conv_transpose3d(tensor(x), torch.from_numpy(w.astype(float)), torch.from_numpy(b), stride, pad, extra))
    single(x, lambda g, t: g.upconv(t, w, b, stride, pad, extra, "elu"), back(want), weights=weights)


# ---- norms ----

@pytest.mark.parametrize("shape", [(3, 5, 7, 24), (1, 1, 9, 64), (2, 8, 9, 5), (1, 1, 1, 131)])
def test_norms(rng, shape):
    c = shape[3]
    x, w, b = rng.normal(3, 2, shape), rng.normal(size=c), rng.normal(size=c)
    t, tw, tb = tensor(x), torch.from_numpy(w), torch.from_numpy(b)
    last = torch.from_numpy(x)
    single(x, lambda g, t: g.layer_norm(t, w, b, 1e-6, "gelu"), F.gelu(F.layer_norm(last, (c,), tw, tb, 1e-6)).numpy())
    rms = last * torch.rsqrt((last * last).mean(-1, keepdim=True) + 1e-5)
    single(x, lambda g, t: g.rms_norm(t, w), (rms * tw).numpy())
    if math.prod(shape) > c:
        single(x, lambda g, t: g.instance_norm(t), back(F.instance_norm(t)), tolerance=3e-5)
    groups = 4 if c % 4 == 0 else c
    if math.prod(shape) > groups:
        single(x, lambda g, t: g.group_norm(t, groups, w, b, 1e-3, "relu"),
               back(F.relu(F.group_norm(t, groups, tw, tb, 1e-3))))


@pytest.mark.parametrize("gate_act,after", itertools.product(("silu", "relu6"), (False, True)))
def test_gated_norm(rng, gate_act, after):
    x, z, w = rng.normal(size=(1, 1, 4, 300)), rng.normal(size=(1, 1, 4, 300)), rng.normal(size=300)
    t, gate = torch.from_numpy(x), (F.silu if gate_act == "silu" else F.relu6)(torch.from_numpy(z))
    t = t if after else t * gate
    t = t * torch.rsqrt((t * t).mean(-1, keepdim=True) + 1e-5) * torch.from_numpy(w)
    g = blob.Graph()
    g.output(g.rms_norm(g.input(x.shape), w, gate=g.input(z.shape), gate_act=gate_act, gate_after=after))
    check(g, [x, z], (t * gate if after else t).numpy())


def test_long_instance_norm_keeps_precision(rng):
    x = rng.normal(1000, 1, (40, 64, 64, 3)).astype(np.float32)
    single(x, lambda g, t: g.instance_norm(t), back(F.instance_norm(tensor(x))), tolerance=1e-4)


@pytest.mark.parametrize("shape,keep", [((3, 4, 5, 6), False), ((2, 1, 9, 1), True)])
def test_standardise(rng, shape, keep):
    x = rng.normal(5, 3, shape)
    single(x, lambda g, t: g.standardise(t, keep), (x if keep else x - x.mean()) / x.std())
    single(np.ones(shape), lambda g, t: g.standardise(t, keep), np.zeros(shape))


@pytest.mark.parametrize("shape", [(4, 6, 7, 1), (1, 5, 5, 33)])
def test_attention_mask(rng, shape):
    x = rng.uniform(0.1, 1, shape)
    single(x, lambda g, t: g.attention_mask(t), x / x.sum((1, 2), keepdims=True) * shape[1] * shape[2] * 0.5)


# ---- along time and space ----

@pytest.mark.parametrize("shape,out,linear", [
    ((4, 3, 2, 5), (8, 3, 2), False), ((1, 1, 7, 3), (1, 1, 14), False), ((2, 6, 9, 4), (2, 3, 5), False),
    ((1, 1, 1, 8), (6, 4, 4), False), ((4, 3, 2, 5), (8, 6, 4), True), ((3, 9, 8, 2), (3, 4, 5), True),
    ((1, 1, 5, 3), (1, 1, 13), True), ((2, 1, 1, 3), (2, 1, 4), True)])
def test_resize(rng, shape, out, linear):
    x = rng.normal(size=shape)
    want = F.interpolate(tensor(x), out, mode="trilinear", align_corners=False) if linear else F.interpolate(tensor(x), out)
    single(x, lambda g, t: g.resize(t, out, linear), back(want))


@pytest.mark.parametrize("shape,depth,wrap", [((8, 3, 3, 9), 4, False), ((6, 2, 2, 7), 3, True), ((4, 1, 1, 32), 1, False),
                                              ((5, 2, 1, 2), 5, True)])
def test_shift(rng, shape, depth, wrap):
    x, third = rng.normal(size=shape), shape[3] // 3
    clips = x.reshape(-1, depth, *shape[1:])
    want = clips.copy()
    want[..., :third], want[..., third:2 * third] = np.roll(clips[..., :third], -1, 1), np.roll(clips[..., third:2 * third], 1, 1)
    if not wrap:
        want[:, -1, ..., :third], want[:, 0, ..., third:2 * third] = 0, 0
    single(x, lambda g, t: g.shift_time(t, depth, wrap=wrap), want.reshape(shape))


def test_diff(rng):
    x = rng.uniform(1, 2, (5, 3, 4, 2)).astype(np.float32).astype(float)
    step, total = np.diff(x, axis=0), x[1:] + x[:-1] + 1e-7
    single(x, lambda g, t: g.diff(t), step)
    single(x, lambda g, t: g.diff(t, True), step / total)
    single(x, lambda g, t: g.diff(t, True, zeros_behind=True), np.concatenate([step / total, 0 * step[:1]]))


@pytest.mark.parametrize("axis", range(4))
def test_cumsum(rng, axis):
    x = rng.normal(size=(3, 4, 5, 6))
    single(x, lambda g, t: g.cumsum(t, axis), np.cumsum(x, axis))


# ---- matrices ----

@pytest.mark.parametrize("t,h,m,k,n", [(1, 1, 5, 7, 3), (2, 3, 33, 16, 40), (1, 2, 1, 65, 17), (1, 1, 100, 1, 16)])
@pytest.mark.parametrize("turned", [False, True])
def test_matmul(rng, t, h, m, k, n, turned):
    x, y = rng.normal(size=(t, h, m, k)), rng.normal(size=(t, h, k, n))
    g = blob.Graph()
    other = y.swapaxes(2, 3) if turned else y
    g.output(g.matmul(g.input(x.shape), g.input(other.shape), 0.25, turned, "relu"))
    check(g, [x, other], np.maximum(0.25 * (x @ y), 0))


@pytest.mark.parametrize("lq,lk,heads,dk,dv", [((1, 1, 9), (1, 1, 9), 1, 8, 8), ((2, 4, 5), (2, 4, 5), 4, 24, 24),
                                               ((1, 1, 3), (1, 1, 50), 2, 5, 18)])
def test_attention(rng, lq, lk, heads, dk, dv):
    q, k, v = (rng.normal(size=(*s, heads * d)) for s, d in ((lq, dk), (lk, dk), (lk, dv)))
    tq, tk, tv = (torch.from_numpy(a.reshape(-1, heads, a.shape[3] // heads)).transpose(0, 1) for a in (q, k, v))
    want = (F.softmax(tq @ tk.mT / 2, -1) @ tv).transpose(0, 1).reshape(*lq, heads * dv).numpy()
    g = blob.Graph()
    g.output(g.attention(g.input(q.shape), g.input(k.shape), g.input(v.shape), heads, 0.5))
    check(g, [q, k, v], want)


@pytest.mark.parametrize("shape,region,top,heads,c", [((4, 4, 4, 0), (2, 2, 2), 3, 2, 8), ((3, 4, 2, 0), (1, 2, 1), 1, 1, 5),
                                                      ((2, 8, 8, 0), (1, 4, 2), 16, 4, 32)])
def test_routed_attention(rng, shape, region, top, heads, c):
    """As RhythmFormer's: pooled queries times pooled keys choose the regions."""
    q, k, v = rng.normal(size=(3, *shape[:3], c)).astype(np.float32).astype(float)

    def regions(x):
        parts = tensor(x)[0]
        for axis, n in enumerate(region, 1):
            parts = parts.unflatten(1 + 2 * (axis - 1), (-1, n))
        return parts.permute(1, 3, 5, 2, 4, 6, 0).flatten(0, 2).flatten(1, 3)  # [regions][positions][C]

    rq, rk, rv = map(regions, (q, k, v))
    scores = rq.mean(1) @ rk.mean(1).T
    out = torch.zeros_like(rq)
    for i, best in enumerate(scores.topk(top, -1).indices):
        for s in (slice(h * c // heads, (h + 1) * c // heads) for h in range(heads)):
            keys, values = rk[best].flatten(0, 1)[:, s], rv[best].flatten(0, 1)[:, s]
            out[i][:, s] = F.softmax(rq[i][:, s] @ keys.T * 0.3, -1) @ values
    n = [a // b for a, b in zip(shape, region)]
    want = out.unflatten(1, region).unflatten(0, n).permute(0, 3, 1, 4, 2, 5, 6).reshape(*shape[:3], c).numpy()
    g = blob.Graph()
    tq, tk, tv = (g.input(q.shape) for _ in range(3))
    pooled = [g.reshape(g.pool(t, "average", region), (1, 1, scores.shape[0], c)) for t in (tq, tk)]
    g.output(g.attention(tq, tk, tv, heads, 0.3, g.matmul(*pooled, transposed=True), region, top))
    check(g, [q, k, v], want)


def test_nmf(rng):
    x = np.abs(rng.normal(size=(3, 2, 5, 40)))
    m = x.reshape(-1, 40)
    base, coef = np.full((len(m), 1), len(m) ** -0.5), np.ones((1, 40))

    def new_coef():
        return coef * (base.T @ m) / (coef * (base * base).sum() + 1e-6)
    for _ in range(4):
        coef = new_coef()
        base = base * (m @ coef.T) / (base * (coef * coef).sum() + 1e-6)
    single(x, lambda g, t: g.nmf(t, 4, 1e-6), (base @ new_coef()).reshape(x.shape))


@pytest.mark.parametrize("n", [16, 45, 97, 1, 2])
def test_spectrum(rng, n):
    x = rng.normal(size=(1, 1, n, 5))
    z = np.fft.rfft(x[0, 0], axis=0)
    single(x, lambda g, t: g.rfft(t, n ** -0.5), np.concatenate([z.real, z.imag], 1)[None, None] * n ** -0.5)
    single(x, lambda g, t: g.irfft(g.rfft(t), (1, 1, n), 3.0), 3 * x)
    parts = rng.normal(size=(1, 1, n // 2 + 1, 6))
    want = np.fft.irfft(parts[0, 0, :, :3] + 1j * parts[0, 0, :, 3:], n, axis=0)
    single(parts, lambda g, t: g.irfft(t, (n, 1, 1)), want.reshape(n, 1, 1, 3))


# ---- state space, codebook ----

def scan(x, dt, b, c, a, d, h):
    """x, dt [L][D], b, c [L][N], a [D][N], complex too; h [D][N] is left as it ends."""
    y = np.zeros(x.shape, h.dtype)
    for t in range(len(x)):
        h[:] = np.exp(dt[t][:, None] * a) * h + (dt[t] * x[t])[:, None] * b[t]
        y[t] = h @ c[t] + d * x[t]
    return y


@pytest.mark.parametrize("n_len,d,n,rows,backward", [(7, 6, 16, 6, False), (20, 9, 5, 9, True), (5, 8, 48, 1, False)])
def test_scan(rng, n_len, d, n, rows, backward):
    x, b, c = rng.normal(size=(n_len, d)), rng.normal(size=(n_len, n)), rng.normal(size=(n_len, n))
    dt, a, skip = rng.uniform(0, 0.5, (n_len, d)), -rng.uniform(0.1, 4, (rows, n)), rng.normal(size=d)
    order = slice(None, None, -1) if backward else slice(None)
    want = scan(x[order], dt[order], b[order], c[order], np.repeat(a, d // rows, 0), skip, np.zeros((d, n)))[order]
    g = blob.Graph()
    g.output(g.scan(*(g.input((1, 1, *v.shape)) for v in (x, dt, b, c)), a, skip, backward=backward))
    check(g, [x, dt, b, c], want[None, None])


def test_scan_reads_its_channels_from_one_tensor(rng):
    """Three sequences, Mamba2's heads: one number of A and of dt for each; x, B and C lie in one tensor."""
    n_len, heads, width, n = 12, 2, 3, 10
    d = heads * width
    mixed, dt = rng.normal(size=(n_len, d + 2 * n)), rng.uniform(0, 1, (n_len, 1 + heads))
    a, skip = -rng.uniform(0.1, 2, (heads, 1)), rng.normal(size=heads)
    want = np.concatenate([
        scan(mixed[k:k + 4, :d], np.repeat(dt[k:k + 4, 1:], width, 1), mixed[k:k + 4, d:d + n], mixed[k:k + 4, d + n:],
             np.repeat(a, width, 0), np.repeat(skip, width), np.zeros((d, n))) for k in (0, 4, 8)])
    g = blob.Graph()
    x, step = g.input((3, 2, 2, d + 2 * n)), g.input((3, 2, 2, 1 + heads))
    g.output(g.scan(x, step, x, x, a, skip, n, d, heads, (0, 1, d, d + n), sequences=3))
    check(g, [mixed, dt], want.reshape(3, 2, 2, d))


@pytest.mark.parametrize("rows,columns,n", [(4, 1, 20), (2, 7, 7)])
def test_complex_scan(rng, rows, columns, n):
    """FacePhys: complex decay, real input, both parts of each head come out."""
    n_len, width = 9, 3
    d = rows * width
    x, b, c = rng.normal(size=(n_len, d)), rng.normal(size=(n_len, n)), rng.normal(size=(n_len, n))
    dt, a, turn = rng.uniform(0, 1, (n_len, rows)), -rng.uniform(0.1, 2, (rows, columns)), rng.uniform(-6, 6, (rows, columns))
    skip = rng.normal(size=rows)
    z = scan(x, np.repeat(dt, width, 1), b, c, np.repeat(a + 1j * turn, width, 0), np.repeat(skip, width),
             np.zeros((d, n), complex)).reshape(n_len, rows, 1, width)
    want = np.concatenate([z.real, z.imag], 2).reshape(1, 1, n_len, 2 * d)
    g = blob.Graph()
    g.output(g.scan(*(g.input((1, 1, *v.shape)) for v in (x, dt, b, c)), a, skip, imaginary=turn))
    check(g, [x, dt, b, c], want)


@pytest.mark.parametrize("imaginary", [False, True])
def test_step_goes_on(rng, imaginary):
    """One position at a time is the whole sequence."""
    n_len, d, n = 6, 5, 18
    x, dt = rng.normal(size=(n_len, 1, 1, d)), rng.uniform(0, 1, (n_len, 1, 1, d))
    b, c = rng.normal(size=(2, n_len, 1, 1, n))
    a, turn = -rng.uniform(0.1, 2, (d, n)), rng.uniform(-3, 3, (d, n)) if imaginary else None
    z = scan(x[:, 0, 0], dt[:, 0, 0], b[:, 0, 0], c[:, 0, 0], a + (1j * turn if imaginary else 0), 0,
             np.zeros((d, n), complex if imaginary else float))
    want = np.stack([z.real, z.imag], -1).reshape(n_len, 1, 1, 1, 2 * d) if imaginary else z.reshape(n_len, 1, 1, 1, d)
    g = blob.Graph()
    ins = [g.input((1, 1, 1, k)) for k in (d, d, n, n)]
    g.output(g.scan(*ins, a, imaginary=turn, state=g.scan_state(d, n, imaginary)))
    check(g, [(x[t], dt[t], b[t], c[t]) for t in range(n_len)], list(want), runs=n_len)


def test_reset_begins_anew(rng):
    x = rng.normal(size=(3, 2, 2, 4))
    g = blob.Graph()
    g.output(g.ema(g.input(x.shape), 0.1, 1e-6, begins=(0.5, 1e-3)))
    model = nn.Model(g.pack())
    first, second = model(x), model(x)
    model.reset()
    assert np.array_equal(model(x), first) and not np.array_equal(first, second)


@pytest.mark.parametrize("taps,frames,shape", [(2, 1, (1, 1, 5)), (4, 1, (2, 3, 33)), (4, 3, (1, 1, 7)), (3, 8, (1, 1, 16))])
def test_causal(rng, taps, frames, shape):
    runs = 3
    x = rng.normal(size=(runs * frames, *shape))
    w, b = rng.normal(size=(shape[2], 1, taps)), rng.normal(size=shape[2])
    padded = np.concatenate([np.zeros((taps - 1, *shape)), x])
    want = b + sum(w[:, 0, k] * padded[k:k + len(x)] for k in range(taps))
    want = want / (1 + np.exp(-want))
    g = blob.Graph()
    g.output(g.causal(g.input((frames, *shape)), w, b, act="silu"))
    check(g, [[v] for v in x.reshape(runs, frames, *shape)], list(want.reshape(runs, frames, *shape)), runs=runs)


@pytest.mark.parametrize("channels,before,bound,timed", [(32, True, 3.0, False), (5, False, 0.0, True), (17, False, 2.0, False)])
def test_ema(rng, channels, before, bound, timed):
    """ME-rPPG's (before, bounded, one rate) and FacePhys' (rates per channel times dt) normalisation."""
    x = rng.normal(2, 1, (4, 2, 3, 2, channels))
    rate = rng.uniform(0.5, 3, channels) if timed else np.float64(0.3)
    dts = rng.uniform(0.02, 0.05, (4, 1, 1, 1, 1)) if timed else np.ones((4, 1, 1, 1, 1))
    mean, square, want = np.zeros(x.shape[2:]), np.full(x.shape[2:], 1e-5), np.zeros(x.shape)
    for run in range(4):
        for t in range(2):
            r, v = rate * dts[run, 0, 0, 0, 0], x[run, t]
            old, mean = mean, mean + r * (v - mean)
            square = (1 - r) * square + r * (v - (old if before else mean)) ** 2
            y = (v - mean) / np.sqrt(square + 1e-4)
            want[run, t] = bound * np.tanh(y / bound) if bound else y
    g = blob.Graph()
    t = g.input(x.shape[1:])
    g.output(g.ema(t, rate, 1e-4, bound, g.input((1, 1, 1, 1)) if timed else None, before, (0.0, 1e-5)))
    check(g, [(v, dt) if timed else (v,) for v, dt in zip(x, dts)], list(want), runs=4)


@pytest.mark.parametrize("k", [1, 2, 16, 33])
def test_codebook(rng, k):
    x, codes = rng.normal(size=(1, 1, 20, 2)), np.sort(rng.normal(size=k))
    pull = F.softmax(torch.from_numpy(-3 * np.abs(x[..., None] - codes)), -1).numpy()
    single(x, lambda g, t: g.codebook(t, codes, 3.0), (pull * codes).sum(-1))


def test_combine_maps(rng):
    still, moving = rng.normal(size=(1, 4, 4, 6)), rng.normal(size=(3, 8, 8, 5))
    ws, wm, bs, bm = rng.normal(size=(7, 6, 1, 1, 1)), rng.normal(size=(7, 5, 1, 1, 1)), rng.normal(size=7), rng.normal(size=7)
    up = F.interpolate(tensor(still)[:, :, 0], (8, 8)).unsqueeze(2)
    want = 0.7 * F.conv3d(up, torch.from_numpy(ws), torch.from_numpy(bs)) + \
        1.3 * F.conv3d(tensor(moving), torch.from_numpy(wm), torch.from_numpy(bm))
    g = blob.Graph()
    g.output(g.combine_maps(g.input(still.shape), g.input(moving.shape), ws, bs, wm, bm, 0.7, 1.3))
    check(g, [still, moving], back(want))


# ---- activations ----

ACTS = {"relu": F.relu, "relu6": F.relu6, "elu": F.elu, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": F.softplus, "exp": torch.exp,
        "sqrt": lambda x: x.clamp(min=0).sqrt(), "abs": torch.abs, "neg": torch.neg, "square": torch.square,
        "sin": torch.sin, "cos": torch.cos}


def test_every_activation_is_tested():
    assert {"linear", *ACTS} == set(blob.ACTS)


@pytest.mark.parametrize("name", ACTS)
def test_activation(rng, name):
    x = rng.normal(0, 4, (1, 1, 37, 5)).astype(np.float32)
    single(x, lambda g, t: g.act(t, name), ACTS[name](torch.from_numpy(x.astype(float))).numpy())


@pytest.mark.parametrize("name,function", [("sin", np.sin), ("cos", np.cos)])
def test_turns_stay_exact(rng, name, function):
    x = rng.uniform(-8192, 8192, (1, 1, 1, 4000)).astype(np.float32)
    g = blob.Graph()
    g.output(g.act(g.input(x.shape), name))
    for isa in ISAS:
        assert np.max(np.abs(nn.Model(g.pack(), isa)(x) - function(x.astype(float)))) < 1e-6


# ---- the rest of the core ----

def test_depthwise_and_affine(rng):
    x, w, b = rng.normal(size=(4, 5, 6, 9)), rng.normal(size=(9, 1, 3, 3, 3)), rng.normal(size=9)
    s, o = rng.normal(size=9), rng.normal(size=9)
    want = back(F.conv3d(tensor(x), torch.from_numpy(w), torch.from_numpy(b), padding=1, groups=9))
    single(x, lambda g, t: g.conv(t, w, b, pad=1, groups=9), want)
    single(x, lambda g, t: g.affine(t, s, o, "tanh"), np.tanh(x * s + o))


@pytest.mark.parametrize("kind,pool", [("average", F.avg_pool3d), ("max", F.max_pool3d)])
def test_pools(rng, kind, pool):
    x = rng.normal(size=(5, 7, 8, 6))
    single(x, lambda g, t: g.pool(t, kind, (2, 3, 2), (1, 2, 2), (1, 1, 0)), back(pool(tensor(x), (2, 3, 2), (1, 2, 2), (1, 1, 0))))
    adaptive = {"average": F.adaptive_avg_pool3d, "max": F.adaptive_max_pool3d}[kind]
    single(x, lambda g, t: g.adaptive_pool(t, kind, (3, 1, 5)), back(adaptive(tensor(x), (3, 1, 5))))


def test_average_without_padding(rng):
    x = rng.normal(size=(4, 5, 5, 2))
    want = back(F.avg_pool3d(tensor(x), 3, 2, 1, count_include_pad=False))
    single(x, lambda g, t: g.pool(t, "average", 3, 2, 1, count_padding=False), want)


@pytest.mark.parametrize("name", blob.BINARY)
def test_binary(rng, name):
    function = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "min": np.minimum, "max": np.maximum}[name]
    x, y = rng.normal(size=(3, 4, 5, 6)), rng.uniform(0.5, 2, (3, 4, 5, 6))
    for other in (y, y[:1], y[:, :1, :1], y[..., :1], y[:1, :1, :1, :1]):
        g = blob.Graph()
        g.output(g.binary(name, g.input(x.shape), g.input(other.shape)))
        check(g, [x, other], function(x, other))
    single(x, lambda g, t: g.binary(name, t, y[0, 0, 0]), function(x, y[0, 0, 0]))


@pytest.mark.parametrize("name", blob.REDUCE)
def test_reduce(rng, name):
    x = rng.normal(size=(3, 4, 5, 6))
    function = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}[name]
    for axes in ((0,), (1, 2), (3,), (0, 1, 2, 3)):
        single(x, lambda g, t: g.reduce(t, name, axes), function(x, axis=axes, keepdims=True))


def test_moving_numbers(rng):
    x = rng.normal(size=(3, 4, 5, 6)).astype(np.float32)
    single(x, lambda g, t: g.slice(t, (1, 0, 1, 2), (1, 2, 2, 4), (1, 3, 2, 1)), x[1:2, 0:4:3, 1:5:2, 2:6])
    single(x, lambda g, t: g.permute(t, (2, 0, 3, 1)), x.transpose(2, 0, 3, 1))
    single(x, lambda g, t: g.reshape(t, (1, 6, 10, 6)), x.reshape(1, 6, 10, 6))
    for axis in range(4):
        single(x, lambda g, t: g.concat([t] * 6, axis), np.concatenate([x] * 6, axis))
    single(x, lambda g, t: g.softmax(t, 2.0), F.softmax(torch.from_numpy(2.0 * x.astype(float)), -1).numpy())


# ---- fusing and planning ----

def test_fuse_leaves_the_result(rng):
    """Batch norm, residual and activation go into the convolutions; nothing else changes."""
    def build(fused):
        r = np.random.default_rng(3)
        g = blob.Graph()
        x = g.input((2, 6, 6, 8))
        w = [r.normal(size=(8, 8, 1, 3, 3)) * 0.2 for _ in range(3)]
        a = g.act(g.batch_norm(g.conv(x, w[0], pad=(0, 1, 1)), *r.uniform(0.5, 1, (4, 8))), "relu")
        b = g.conv(a, w[1], r.normal(size=8), pad=(0, 1, 1))
        c = g.act(g.binary("add", b, a), "tanh")
        d = g.act(g.batch_norm(g.upconv(c, w[2].swapaxes(0, 1), r.normal(size=8), (1, 2, 2), (0, 1, 1)), *r.uniform(0.5, 1, (4, 8))), "elu")
        e = g.act(g.causal(d, r.normal(size=(8, 3))), "silu")
        g.output(e)
        g.output(g.reduce(c, "mean", (1, 2)))
        if not fused:
            g.fuse = lambda: None
        return g
    plain, fused = build(False), build(True)
    x = rng.normal(size=(2, 6, 6, 8))
    want = nn.Model(plain.pack())(x)
    check(fused, [x], want)
    assert [layer.op for layer in fused.layers] == ["conv", "conv", "upconv", "causal", "reduce"]
    assert len(plain.layers) > len(fused.layers)


def random_graph(seed):
    r = np.random.default_rng(seed)
    g = blob.Graph()
    maps = [g.input((2, 4, 4, 8))]
    for _ in range(int(r.integers(3, 25))):
        x = maps[r.integers(max(0, len(maps) - 4), len(maps))]
        kind = r.integers(6)
        if kind == 0:
            co = int(r.integers(1, 40))
            maps.append(g.conv(x, r.normal(size=(co, x.shape[3], 1, 1, 1)) / x.shape[3] ** 0.5))
        elif kind == 1:
            maps.append(g.act(x, "tanh"))
        elif kind == 2:
            y = maps[r.integers(len(maps))]
            maps.append(g.binary("add", x, y) if x.shape == y.shape else g.concat([x, y]))
        elif kind == 3:
            maps.append(g.layer_norm(x))
        elif kind == 4:
            maps.append(g.cumsum(x, 3))
        else:
            maps.append(g.shift_time(x, 2))
    for x in maps[-2:]:
        g.output(x)
    return g


def live(graph):
    """The lower bound, counted anew: bytes that must exist while a layer runs. An output that lies in a dying input's
    place is that input's bytes."""
    last = {t: i for i, layer in enumerate(graph.layers) for t in layer.ins}
    born = {t: i for i, layer in enumerate(graph.layers) for t in layer.out}
    worst = 0
    for i in range(len(graph.layers)):
        at = {t.offset: blob.up64(t.bytes) for t in born if t.kind == "activation" and born[t] <= i <= last.get(t, born[t])}
        worst = max(worst, sum(at.values()))
    return worst


@pytest.mark.parametrize("seed", range(60))
def test_arena_is_tight(seed):
    g = random_graph(seed)
    g.fuse()
    arena, bound = g.plan()
    assert bound == live(g) or arena == 0
    assert bound <= arena <= 1.25 * bound
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 4, 4, 8))
    model = nn.Model(g.pack(), 0)
    assert model.arena_size == arena
    roomy = random_graph(seed)
    roomy.plan = lambda: spread(roomy)
    got, want = model(x), nn.Model(roomy.pack(), 0)(x)
    for a, b in zip(*(v if isinstance(v, list) else [v] for v in (got, want))):
        assert np.array_equal(a, b)


def spread(graph):
    """Every activation in a place of its own."""
    at = 0
    for layer in graph.layers:
        for t in layer.out:
            if t.kind == "activation":
                t.offset, at = at, at + blob.up64(t.bytes)
    return at, at


# ---- what open refuses ----

def test_wrong_sizes_are_refused(rng):
    g = blob.Graph()
    x = g.input((4, 3, 3, 6))
    g.add("shift", [x], (4, 3, 3, 6), p=(3, 2))
    g.output(g.layers[-1].out[0])
    with pytest.raises(ToolError, match="segment"):
        nn.Model(g.pack())
