"""Parts that several networks share. Tensors are PyTorch's: [N, C, H, W] or [N, C, T, H, W]."""
import math

import torch
from torch import nn
from torch.nn import functional as F

from . import lowering


def attention_mask(gate):
    """Scales every map of gate [..., H, W] to a mean of one half, so that a mask only moves weight about."""
    return gate * (0.5 / gate.mean((-2, -1), keepdim=True))


def shift_time(x, depth, wrap=False):
    """Temporal shift over groups of `depth` frames: x [N * depth, C, H, W].

    The first third of the channels comes from the next frame, the second third from the frame before, the
    rest stays. At a group's ends zeros come in, or with `wrap` the group's other end (Lin 2019, Liu 2020)."""
    clips = x.unflatten(0, (-1, depth))
    third = x.shape[1] // 3
    ahead, behind = torch.roll(clips[:, :, :third], -1, 1), torch.roll(clips[:, :, third:2 * third], 1, 1)
    if not wrap:
        inside = torch.arange(depth, device=x.device).view(1, depth, 1, 1, 1)
        ahead, behind = ahead * (inside < depth - 1), behind * (inside > 0)
    return torch.cat([ahead, behind, clips[:, :, 2 * third:]], 2).flatten(0, 1)


def conv_bn(c_in, c_out, kernel, stride=1, padding=0, act=nn.ReLU):
    """conv3d, batch norm, activation"""
    return nn.Sequential(nn.Conv3d(c_in, c_out, kernel, stride, padding), nn.BatchNorm3d(c_out), act())


def conv_tanh_norm(c_in, c_out, kernel, stride=1, padding=0, bias=True):
    """conv3d, tanh, instance norm without parameters"""
    return nn.Sequential(nn.Conv3d(c_in, c_out, kernel, stride, padding, bias=bias), nn.Tanh(),
                         nn.InstanceNorm3d(c_out))


class Named(nn.Module):
    """A module under one name: checkpoints of several projects wrap a sequence that way."""

    def __init__(self, name, module):
        super().__init__()
        self.name = name
        self.add_module(name, module)

    @property
    def inner(self):
        return getattr(self, self.name)

    def forward(self, x):
        return self.inner(x)

    def lower(self, g, x):
        return lowering.emit(g, x, self.inner)


class CentralDifference(nn.Module):
    """Temporal central difference convolution 3x3x3 (Yu 2020): what the kernel's first and last time slices
    would add if the face did not move in space is taken off, theta of it. That is linear, so one
    ordinary convolution does it, with a changed centre tap: see `weight`."""

    def __init__(self, c_in, c_out, theta):
        super().__init__()
        self.conv = nn.Conv3d(c_in, c_out, 3, padding=1, bias=False)
        self.theta = theta

    def weight(self):
        w = self.conv.weight
        centre = torch.zeros_like(w)
        centre[:, :, 1, 1, 1] = self.theta * (w[:, :, 0].sum((-2, -1)) + w[:, :, 2].sum((-2, -1)))
        return w - centre

    def forward(self, x):
        return F.conv3d(x, self.weight(), padding=1)

    def lower(self, g, x):
        return lowering.conv(g, x, self.conv, weight=lowering.array(self.weight()))


class BiMamba(nn.Module):
    """Mamba (Gu and Dao 2023) over a sequence x [N, L, dim] in both directions: one input and one output
    projection, everything between them twice, the second set (names in _b) on the reversed sequence.
    ends: ("",) leaves the second set out."""

    def __init__(self, dim, states, taps=4, expand=2, ends=("", "_b")):
        super().__init__()
        inner, self.rank, self.states = expand * dim, math.ceil(dim / 16), states
        self.in_proj = nn.Linear(dim, 2 * inner, bias=False)
        self.out_proj = nn.Linear(inner, dim, bias=False)
        decay = torch.arange(1, states + 1).float().log().repeat(inner, 1)
        for end in ends:
            self.register_parameter(self.log_name(end), nn.Parameter(decay.clone()))
            self.register_parameter("D" + end, nn.Parameter(torch.ones(inner)))
            self.add_module("conv1d" + end, nn.Conv1d(inner, inner, taps, groups=inner, padding=taps - 1))
            self.add_module("x_proj" + end, nn.Linear(inner, self.rank + 2 * states, bias=False))
            step = nn.Linear(self.rank, inner)
            with torch.no_grad():  # softplus(bias) lies between 0.001 and 0.1 at the start, as in the paper
                dt = torch.exp(torch.rand(inner) * math.log(100) + math.log(1e-3))
                step.bias.copy_(dt + torch.log(-torch.expm1(-dt)))
            self.add_module("dt_proj" + end, step)

    @staticmethod
    def log_name(end):
        return "A_b_log" if end else "A_log"

    def direction(self, end):
        """(conv, x_proj, dt_proj, A, D) of the forward ("") or the backward ("_b") half"""
        return (*(getattr(self, name + end) for name in ("conv1d", "x_proj", "dt_proj")),
                -getattr(self, self.log_name(end)).exp(), getattr(self, "D" + end))

    def scan(self, x, gate, end):
        """x, gate [N, L, inner]"""
        conv, x_proj, dt_proj, a, d = self.direction(end)
        x = F.silu(conv(x.transpose(1, 2))[..., :x.shape[1]].transpose(1, 2))
        step, b, c = x_proj(x).split([self.rank, self.states, self.states], -1)
        step = F.softplus(dt_proj(step))
        decay, drive = torch.exp(step[..., None] * a), (step * x)[..., None] * b[:, :, None]
        state, out = torch.zeros_like(drive[:, 0]), []
        for now in zip(decay.unbind(1), drive.unbind(1), c.unbind(1)):  # an index's slope is a whole tensor, of zeros
            state = now[0] * state + now[1]
            out.append((state * now[2][:, None]).sum(-1))
        return (torch.stack(out, 1) + d * x) * F.silu(gate)

    def forward(self, x):
        x, gate = self.in_proj(x).chunk(2, -1)
        back = self.scan(x.flip(1), gate.flip(1), "_b").flip(1)
        return self.out_proj(self.scan(x, gate, "") + back)

    def lower_scan(self, g, x, end):
        """x [1][1][L][inner], before the gate"""
        conv, x_proj, dt_proj, a, d = self.direction(end)
        length, inner, taps = x.shape[2], x.shape[3], conv.kernel_size[0]
        weight = lowering.array(conv.weight)[..., ::-1] if end else lowering.array(conv.weight)
        u = g.conv(x, weight, lowering.array(conv.bias), pad=(0, 0, 0 if end else taps - 1), groups=inner,
                   act="silu", out=(1, 1, length))
        mixed = lowering.dense(g, u, x_proj)  # step, B, C
        step = g.slice(mixed, (0, 0, 0, 0), (1, 1, length, self.rank))
        return g.scan(u, lowering.dense(g, step, dt_proj, "softplus"), mixed, mixed, lowering.array(a),
                      lowering.array(d), first=(0, 0, self.rank, self.rank + self.states), backward=bool(end))

    def lower_halves(self, g, x):
        """What goes into the scan, and its gate"""
        both = lowering.dense(g, x, self.in_proj)
        inner = both.shape[3] // 2
        return (g.slice(both, (0, 0, 0, k * inner), (*both.shape[:3], inner)) for k in range(2))

    def lower(self, g, x):
        """x [1][1][L][dim]"""
        x, gate = self.lower_halves(g, x)
        both = g.binary("add", *(self.lower_scan(g, x, end) for end in ("", "_b")))
        return lowering.dense(g, g.binary("mul", both, g.act(gate, "silu")), self.out_proj)
