"""ME-rPPG (Wang 2025): a streaming network, one 36x36 frame in, one pulse value out, all memory in a state that
the caller keeps. The tensor names are ours; `load_onnx` reads the published model."""
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..core import ToolError
from .lowering import array, dense
from .spec import Spec

HALF_LIFE_S = 160 / 30 / 2  # of the running mean and variance
EPS, START_VARIANCE = 1e-6, 1e-5
DIM, STATES, HEAD, HEAD_TAPS = 32, 128, 32, 4


def same(x, conv):
    """conv with the padding that TensorFlow calls SAME: the odd row or column goes behind."""
    pads = []
    for size, kernel, stride in zip(x.shape[:1:-1], conv.kernel_size[::-1], conv.stride[::-1]):
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return conv(F.pad(x, pads))


def lower_same(g, x, layer, act="linear"):
    stride = layer.stride[0]
    before = (layer.kernel_size[0] - stride) // 2
    return g.conv(x, array(layer.weight), array(layer.bias), stride, (0, before, before), act=act,
                  out=(1, -(-x.shape[1] // stride), -(-x.shape[2] // stride)))


def parts(g, x, *sizes):
    """x [1][1][1][sum of sizes], cut"""
    out, at = [], 0
    for size in sizes:
        out.append(g.slice(x, (0, 0, 0, at), (1, 1, 1, size)))
        at += size
    return out


def normalise(x, state, keep):
    """Temporal normalisation: x minus its running mean, over its running deviation, bounded softly at 3."""
    mean = (1 - keep) * x + keep * state[0]
    square = (1 - keep) * (x - state[0]) ** 2 + keep * state[1]
    return torch.tanh((x - mean) / (square + EPS).sqrt() / 3) * 3, [mean, square]


class Mamba2(nn.Module):
    """One step of a state space layer with a scalar decay per head (Dao and Gu 2024): x [N, dim]."""

    def __init__(self, dim, taps):
        super().__init__()
        self.inner, self.taps = 2 * dim, taps
        self.heads = self.inner // HEAD
        width = self.inner + 2 * STATES
        self.in_proj = nn.Linear(dim, self.inner + width + self.heads, bias=False)
        self.conv = nn.Conv1d(width, width, taps, groups=width)
        self.A_log = nn.Parameter(torch.zeros(self.heads))
        self.dt_bias = nn.Parameter(torch.zeros(self.heads))
        self.D = nn.Parameter(torch.ones(self.heads, 1))
        self.norm = nn.Parameter(torch.ones(self.inner))
        self.out_proj = nn.Linear(self.inner, dim, bias=False)

    def start(self, n, like):
        return [like.new_zeros(n, self.heads, HEAD, STATES),
                like.new_zeros(n, self.taps, self.inner + 2 * STATES)]

    def forward(self, x, state):
        gate, mixed, step = self.in_proj(x).split([self.inner, self.inner + 2 * STATES, self.heads], -1)
        window = torch.cat([state[1][:, 1:], mixed.unsqueeze(1)], 1)
        mixed = F.silu(self.conv(window.transpose(1, 2))[..., -1])
        x, b, c = mixed.split([self.inner, STATES, STATES], -1)
        x = x.unflatten(-1, (self.heads, HEAD))
        step = F.softplus(step + self.dt_bias)
        decay = torch.exp(-step * self.A_log.exp())
        memory = state[0] * decay[..., None, None] + (step[..., None] * x)[..., None] * b[:, None, None]
        y = (memory * c[:, None, None]).sum(-1) + self.D * x
        y = y.flatten(1) * F.silu(gate)
        y = y * torch.rsqrt((y * y).mean(-1, keepdim=True) + 1e-5) * self.norm
        return self.out_proj(y), [memory, window]

    def lower(self, g, x):
        """x [1][1][1][dim]"""
        width = self.inner + 2 * STATES
        bias = np.concatenate([np.zeros(self.inner + width), array(self.dt_bias)])
        x = g.dense(x, array(self.in_proj.weight), bias)
        gate, mixed, step = parts(g, x, self.inner, width, self.heads)
        mixed = g.causal(mixed, array(self.conv.weight), array(self.conv.bias), act="silu")
        decay = -np.exp(array(self.A_log))[:, None]
        y = g.scan(mixed, g.act(step, "softplus"), mixed, mixed, decay, array(self.D), STATES, self.inner,
                   first=(0, 0, self.inner, self.inner + STATES), state=g.scan_state(self.inner, STATES))
        return dense(g, g.rms_norm(y, array(self.norm), 1e-5, gate), self.out_proj)


class Layer(nn.Module):
    """Normalised frame -> features of the whole frame -> Mamba2 -> added to every pixel -> convolution"""

    def __init__(self, taps):
        super().__init__()
        self.conv1 = nn.Conv2d(DIM, DIM, 3)
        self.expand = nn.Linear(DIM, 2 * DIM)
        self.mamba = Mamba2(2 * DIM, taps)
        self.proj = nn.Linear(2 * DIM, DIM, bias=False)
        self.conv2 = nn.Conv2d(DIM, DIM, 3)

    def forward(self, x, state, keep):
        x, moments = normalise(x, state[:2], keep)
        features = F.relu(self.expand(same(x, self.conv1).movedim(1, -1))).mean((1, 2))
        features, memory = self.mamba(features, state[2:])
        x = x + self.proj(features)[..., None, None]
        return F.relu(same(x, self.conv2)), moments + memory

    def lower(self, g, x, keep):
        x = g.ema(x, 1 - keep, EPS, bound=3.0, deviation_before=True, begins=(0.0, START_VARIANCE))
        features = g.reduce(dense(g, lower_same(g, x, self.conv1), self.expand, "relu"), "mean", (1, 2))
        x = g.binary("add", x, dense(g, self.mamba.lower(g, features), self.proj))
        return lower_same(g, x, self.conv2, "relu")


class Block(nn.Module):
    def __init__(self, c_in, taps):
        super().__init__()
        self.in_proj = nn.Linear(c_in, DIM, bias=False)
        self.layers = nn.ModuleList([Layer(taps), Layer(taps)])
        self.halve = nn.Conv2d(DIM, DIM, 2, stride=2)

    def forward(self, x, states, keep):
        x = skip = self.in_proj(x.movedim(1, -1)).movedim(-1, 1)
        after = []
        for layer, state in zip(self.layers, states):
            x, state = layer(x, state, keep)
            after.append(state)
        return same(x + skip, self.halve), after

    def lower(self, g, x, keep):
        x = skip = dense(g, x, self.in_proj)
        for layer in self.layers:
            x = layer.lower(g, x, keep)
        return lower_same(g, g.binary("add", x, skip), self.halve)


class Streaming(nn.Module):
    """A network that goes frame by frame: start() makes its state, step() takes a frame and gives the state after."""

    def forward(self, clip, dt=1 / 30):
        state, out = self.start(len(clip), clip), []
        for t in range(clip.shape[1]):
            y, state = self.step(clip[:, t], state, dt)
            out.append(y)
        return torch.cat(out, 1)


class MERPPG(Streaming):
    """step: x [N, 3, 36, 36] in 0..1 and the state -> ([N, 1], state). forward: a clip [N, T, 3, H, W] -> [N, T].

    taps: frames that the layers' temporal convolutions see; 4 in the published ONNX file, 12 in open-rppg's."""
    spec = Spec("wave", "unit", 1, size=36, streams=True)

    def __init__(self, size=36, taps=4):
        super().__init__()
        self.size = size
        self.blocks = nn.ModuleList([Block(3 if k == 0 else DIM, taps) for k in range(4)])
        self.out_proj = nn.Linear(DIM, DIM, bias=False)
        self.head = nn.ModuleList([Mamba2(DIM, HEAD_TAPS), Mamba2(DIM, HEAD_TAPS)])
        self.last = nn.Linear(DIM, 1)

    def start(self, n=1, like=torch.zeros(())):
        """The state before the first frame: per layer mean, variance, memory, window; then those of the head."""
        state, size = [], self.size
        for block in self.blocks:
            for layer in block.layers:
                moment = like.new_zeros(n, DIM, size, size)
                state.append([moment, moment + START_VARIANCE, *layer.mamba.start(n, like)])
            size = (size + 1) // 2
        return state + [mamba.start(n, like) for mamba in self.head]

    def step(self, x, state, dt=1 / 30):
        keep = 2 ** (-dt / HALF_LIFE_S)
        after = []
        for k, block in enumerate(self.blocks):
            x, states = block(x, state[2 * k:2 * k + 2], keep)
            after += states
        x = self.out_proj(x.mean((-2, -1)))
        for mamba, memory in zip(self.head, state[8:]):
            x, memory = mamba(x, memory)
            after.append(memory)
        return self.last(x), after

    def lower(self, g, x, fps=30):
        """x [1][size][size][3], one frame; the graph keeps the state and has the frame rate built in."""
        keep = 2 ** (-1 / fps / HALF_LIFE_S)
        for block in self.blocks:
            x = block.lower(g, x, keep)
        x = dense(g, g.reduce(x, "mean", (1, 2)), self.out_proj)
        for mamba in self.head:
            x = mamba.lower(g, x)
        return dense(g, x, self.last)

    def in_order_of_use(self):
        """[(parameter, "dense" | "conv" | "plain")], as a graph that runs one step meets them"""
        def mamba(m):
            return [(m.in_proj.weight, "dense"), (m.conv.weight, "conv"), (m.conv.bias, "plain"), (m.A_log, "plain"),
                    (m.dt_bias, "plain"), (m.D, "plain"), (m.norm, "plain"), (m.out_proj.weight, "dense")]
        order = []
        for block in self.blocks:
            order.append((block.in_proj.weight, "dense"))
            for layer in block.layers:
                order += [(layer.conv1.weight, "conv"), (layer.conv1.bias, "plain"), (layer.expand.weight, "dense"),
                          (layer.expand.bias, "plain"), *mamba(layer.mamba), (layer.proj.weight, "dense"),
                          (layer.conv2.weight, "conv"), (layer.conv2.bias, "plain")]
            order += [(block.halve.weight, "conv"), (block.halve.bias, "plain")]
        order.append((self.out_proj.weight, "dense"))
        for m in self.head:
            order += mamba(m)
        return order + [(self.last.weight, "dense"), (self.last.bias, "plain")]

    @torch.no_grad()
    def load_onnx(self, path):
        """Weights of the published ONNX file, whose names say little: they are taken in the order of their use."""
        import onnx
        graph = onnx.load(str(path)).graph
        weights = {w.name: w for w in graph.initializer}
        used = []
        for node in graph.node:
            used += [name for name in node.input if name in weights and name not in used]
        order = self.in_order_of_use()
        if len(used) != len(order):
            raise ToolError(f"{path}: {len(used)} tensors, ME-rPPG has {len(order)}")
        for name, (parameter, kind) in zip(used, order):
            value = torch.from_numpy(onnx.numpy_helper.to_array(weights[name]).copy())
            value = value.T if kind == "dense" else value
            if value.squeeze().shape != parameter.squeeze().shape:
                raise ToolError(f"{path}: {name} is {list(value.shape)}, wanted {list(parameter.shape)}")
            parameter.copy_(value.reshape(parameter.shape))
        return self.eval()
