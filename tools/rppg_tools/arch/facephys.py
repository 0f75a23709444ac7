"""FacePhys (Wang 2025): ME-rPPG's successor, whose memory turns as it decays: complex numbers in the state space
layers, so that a state can oscillate with the pulse. One 36x36 frame and the time since the last one in, one pulse
value out. Its weights are public as an 8-bit TFLite file only, under terms of their own; the structure here was read
from that file's graph, and the tensor names are ours."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .lowering import array, dense
from .merppg import Streaming, lower_same, parts, same
from .spec import Spec

DIM, EPS, TAPS, USUAL_FPS = 32, 1e-5, 4, 30


class RunningNorm(nn.Module):
    """x minus its running mean, over its running deviation, with a time constant, a scale and a shift per channel"""

    def __init__(self):
        super().__init__()
        self.rate = nn.Parameter(torch.ones(DIM))  # of forgetting, 1/s
        self.weight, self.bias = nn.Parameter(torch.ones(DIM)), nn.Parameter(torch.zeros(DIM))

    def forward(self, x, state, dt):
        """x [N, H, W, DIM]"""
        new = dt * self.rate
        mean = new * x + (1 - new) * state[0]
        square = new * (x - mean) ** 2 + (1 - new) * state[1]
        return (x - mean) * torch.rsqrt(square + EPS) * self.weight + self.bias, [mean, square]

    def lower(self, g, x, dt):
        return g.affine(g.ema(x, dt * array(self.rate), EPS), array(self.weight), array(self.bias))


class ComplexMamba(nn.Module):
    """One step of a state space layer whose states decay and turn: x [N, dim]. The values read from the memory have
    two parts, real and imaginary, which the gate and the output projection treat as twice as many channels."""

    def __init__(self, dim, heads, states):
        super().__init__()
        self.inner, self.heads, self.states = 2 * dim, heads, states
        self.width = self.inner + 2 * states
        self.in_proj = nn.Linear(dim, 2 * self.inner + self.width + heads, bias=False)
        self.conv = nn.Conv1d(self.width, self.width, TAPS, groups=self.width)
        self.dt_bias = nn.Parameter(torch.zeros(heads))
        self.A_log, self.A_turn = nn.Parameter(torch.zeros(heads)), nn.Parameter(torch.zeros(heads))
        self.D = nn.Parameter(torch.ones(heads, 2))  # the second column meets zeros: what passes the memory by is real
        self.norm = nn.Parameter(torch.ones(2 * self.inner))
        self.out_proj = nn.Linear(2 * self.inner, dim, bias=False)

    def start(self, n, like):
        memory = like.new_zeros(n, self.heads, self.inner // self.heads, self.states)
        return [memory, memory, like.new_zeros(n, TAPS, self.width)]

    def forward(self, x, state, dt):
        real, turned, window = state
        gate, mixed, step = self.in_proj(x).split([2 * self.inner, self.width, self.heads], -1)
        window = torch.cat([window[:, 1:], mixed.unsqueeze(1)], 1)
        mixed = F.relu6(self.conv(window.mT)[..., -1])
        x, b, c = mixed.split([self.inner, self.states, self.states], -1)
        x = x.unflatten(-1, (self.heads, -1))
        step = torch.exp(step + self.dt_bias) * (dt * USUAL_FPS)
        decay = torch.exp(-step * self.A_log.exp())
        cos, sin = ((decay * f(step * self.A_turn))[..., None, None] for f in (torch.cos, torch.sin))
        drive = (step[..., None] * x)[..., None] * b[:, None, None]
        real, turned = real * cos - turned * sin + drive, real * sin + turned * cos
        y = [(part * c[:, None, None]).sum(-1) for part in (real, turned)]
        y[0] = y[0] + self.D[:, :1] * x
        y = torch.stack(y, 2).flatten(1) * F.relu6(gate)
        y = y * torch.rsqrt((y * y).mean(-1, keepdim=True) + EPS) * self.norm
        return self.out_proj(y), [real, turned, window]

    def lower(self, g, x, dt):
        """x [1][1][1][dim]"""
        bias = np.concatenate([np.zeros(2 * self.inner + self.width), array(self.dt_bias) + np.log(dt * USUAL_FPS)])
        x = g.dense(x, array(self.in_proj.weight), bias)
        gate, mixed, step = parts(g, x, 2 * self.inner, self.width, self.heads)
        mixed = g.causal(mixed, array(self.conv.weight), array(self.conv.bias), act="relu6")
        decay, turn = (v[:, None] for v in (-np.exp(array(self.A_log)), array(self.A_turn)))
        y = g.scan(mixed, g.act(step, "exp"), mixed, mixed, decay, array(self.D)[:, 0], self.states, self.inner,
                   first=(0, 0, self.inner, self.inner + self.states), imaginary=turn,
                   state=g.scan_state(self.inner, self.states, imaginary=True))
        return dense(g, g.rms_norm(y, array(self.norm), EPS, gate, "relu6"), self.out_proj)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.normalise = RunningNorm()
        self.conv1, self.conv2 = nn.Conv2d(DIM, DIM, 3), nn.Conv2d(DIM, DIM, 3)
        self.expand = nn.Linear(DIM, 2 * DIM)
        self.mamba = ComplexMamba(2 * DIM, heads=32, states=128)
        self.proj = nn.Linear(2 * DIM, DIM, bias=False)

    def forward(self, x, state, dt):
        """x [N, H, W, DIM]"""
        x, moments = self.normalise(x, state[:2], dt)
        features = F.relu6(self.expand(same(x.movedim(-1, 1), self.conv1).movedim(1, -1))).mean((1, 2))
        features, memory = self.mamba(features, state[2:], dt)
        x = x + self.proj(features)[:, None, None]
        return F.relu6(same(x.movedim(-1, 1), self.conv2)).movedim(1, -1), moments + memory

    def lower(self, g, x, dt):
        x = self.normalise.lower(g, x, dt)
        features = g.reduce(dense(g, lower_same(g, x, self.conv1), self.expand, "relu6"), "mean", (1, 2))
        x = g.binary("add", x, dense(g, self.mamba.lower(g, features, dt), self.proj))
        return lower_same(g, x, self.conv2, "relu6")


class Block(nn.Module):
    def __init__(self, c_in):
        super().__init__()
        self.in_proj = nn.Linear(c_in, DIM, bias=False)
        self.layers = nn.ModuleList([Layer(), Layer()])
        self.halve = nn.Conv2d(DIM, DIM, 2, stride=2)

    def forward(self, x, states, dt):
        x = skip = self.in_proj(x)
        after = []
        for layer, state in zip(self.layers, states):
            x, state = layer(x, state, dt)
            after.append(state)
        return same((x + skip).movedim(-1, 1), self.halve).movedim(1, -1), after

    def lower(self, g, x, dt):
        x = skip = dense(g, x, self.in_proj)
        for layer in self.layers:
            x = layer.lower(g, x, dt)
        return lower_same(g, g.binary("add", x, skip), self.halve)


class FacePhys(Streaming):
    """step: x [N, 3, 36, 36] in 0..1 and the state -> ([N, 1], state). forward: a clip [N, T, 3, H, W] -> [N, T]."""
    spec = Spec("wave", "unit", 1, size=36, streams=True)

    def __init__(self, size=36):
        super().__init__()
        self.size = size
        self.blocks = nn.ModuleList([Block(3 if k == 0 else DIM) for k in range(4)])
        self.out_proj = nn.Linear(DIM, DIM, bias=False)
        self.head = nn.ModuleList([ComplexMamba(DIM, heads=8, states=16) for _ in range(2)])
        self.last = nn.Linear(DIM, 1)

    def start(self, n=1, like=torch.zeros(())):
        """The state before the first frame: per layer mean, variance, memory (real, imaginary), window; then those of
        the head."""
        state, size = [], self.size
        for block in self.blocks:
            for layer in block.layers:
                moment = like.new_zeros(n, size, size, DIM)
                state.append([moment, moment, *layer.mamba.start(n, like)])
            size = (size + 1) // 2
        return state + [mamba.start(n, like) for mamba in self.head]

    def step(self, x, state, dt=1 / 30):
        x, after = x.movedim(1, -1), []
        for k, block in enumerate(self.blocks):
            x, states = block(x, state[2 * k:2 * k + 2], dt)
            after += states
        x = self.out_proj(x.mean((1, 2)))
        for mamba, memory in zip(self.head, state[8:]):
            x, memory = mamba(x, memory, dt)
            after.append(memory)
        return self.last(x), after

    def lower(self, g, x, fps=30):
        """x [1][size][size][3], one frame; the graph keeps the state and has the frame rate built in."""
        g.direct = True
        for block in self.blocks:
            x = block.lower(g, x, 1 / fps)
        x = dense(g, g.reduce(x, "mean", (1, 2)), self.out_proj)
        for mamba in self.head:
            x = mamba.lower(g, x, 1 / fps)
        return dense(g, x, self.last)
